//! Server-sent events: bytes in, data of events out. Apart from what the data means, because other APIs stream the
//! same way. Follows the WHATWG HTML standard, 9.2.6, except that an event cut off by the end of the stream is still
//! offered: some servers leave out the last blank line.

use memchr::memchr2;
use std::ops::Range;

/// The data of one event, its lines joined by `\n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SseEvent<'a> {
    /// Data.
    pub(crate) data: &'a [u8],
    /// Whether the event is named `error`.
    pub(crate) is_error: bool,
}

/// Splits a stream into events, however the network cut it.
///
/// An event that lies whole in one piece, which is the usual case, is handed on without being copied.
#[derive(Debug, Default)]
pub(crate) struct SseParser {
    /// The begin of a line whose end has not come yet.
    line: Vec<u8>,
    /// Data lines of the event so far, where they had to be kept beyond a piece or there are several.
    data: Vec<u8>,
    has_data: bool,
    is_error: bool,
    /// The last piece ended in CR: an LF at the start of the next belongs to it.
    after_cr: bool,
    started: bool,
}

impl SseParser {
    /// Reads the next piece and hands each complete event to `each`, which may stop the reading by an error.
    pub(crate) fn feed<E>(
        &mut self,
        piece: &[u8],
        mut each: impl FnMut(SseEvent<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        // The only data line of the event so far, if it lies in this piece.
        let mut in_piece: Option<Range<usize>> = None;
        let mut at = 0;
        while at < piece.len() {
            if std::mem::take(&mut self.after_cr) && piece[at] == b'\n' {
                at += 1;
                continue;
            }
            let Some(length) = memchr2(b'\n', b'\r', &piece[at..]) else {
                self.line.extend_from_slice(&piece[at..]);
                break;
            };
            let end = at + length;
            self.after_cr = piece[end] == b'\r';
            if self.line.is_empty() {
                self.take_line(piece, at..end, &mut in_piece, &mut each)?;
            } else {
                self.line.extend_from_slice(&piece[at..end]);
                let line = std::mem::take(&mut self.line);
                // The line lies outside of the piece, so its data must be copied.
                self.keep(piece, &mut in_piece);
                self.take_line(&line, 0..line.len(), &mut in_piece, &mut each)?;
                self.keep(&line, &mut in_piece);
                self.line = line;
                self.line.clear();
            }
            at = end + 1;
        }
        self.keep(piece, &mut in_piece);
        Ok(())
    }

    /// Hands on what the end of the stream cut off.
    pub(crate) fn finish<E>(&mut self, each: impl FnMut(SseEvent<'_>) -> Result<(), E>) -> Result<(), E> {
        self.after_cr = false;
        self.feed(b"\n\n", each)
    }

    /// Whether part of an event has come and its end has not.
    pub(crate) const fn is_mid_event(&self) -> bool {
        self.has_data || !self.line.is_empty()
    }

    fn take_line<E>(
        &mut self,
        text: &[u8],
        line: Range<usize>,
        in_piece: &mut Option<Range<usize>>,
        each: &mut impl FnMut(SseEvent<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut start = line.start;
        if !std::mem::replace(&mut self.started, true) && text[line.clone()].starts_with(b"\xEF\xBB\xBF") {
            start += 3;
        }
        let content = &text[start..line.end];
        if content.is_empty() {
            return self.dispatch(text, in_piece, each);
        }
        if let Some(value) = field(content, b"data") {
            let value = line.end - value.len()..line.end;
            if self.has_data || in_piece.is_some() {
                self.keep(text, in_piece);
                self.data.push(b'\n');
                self.data.extend_from_slice(&text[value]);
            } else {
                *in_piece = Some(value);
            }
        } else if let Some(name) = field(content, b"event") {
            self.is_error = name == b"error";
        }
        // Comments, `id`, `retry` and unknown fields say nothing about an answer.
        Ok(())
    }

    fn dispatch<E>(
        &mut self,
        text: &[u8],
        in_piece: &mut Option<Range<usize>>,
        each: &mut impl FnMut(SseEvent<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let is_error = std::mem::take(&mut self.is_error);
        if let Some(range) = in_piece.take() {
            let data = &text[range];
            return each(SseEvent { data, is_error });
        }
        if !std::mem::take(&mut self.has_data) {
            return Ok(());
        }
        let result = each(SseEvent {
            data: &self.data,
            is_error,
        });
        self.data.clear();
        result
    }

    /// Copies the data line that lies in `text`, which is about to go away.
    fn keep(&mut self, text: &[u8], in_piece: &mut Option<Range<usize>>) {
        if let Some(range) = in_piece.take() {
            self.data.extend_from_slice(&text[range]);
            self.has_data = true;
        }
    }
}

/// The value of a line `name: value`, one space after the colon left out.
fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(name)?;
    if rest.is_empty() {
        return Some(rest);
    }
    let value = rest.strip_prefix(b":")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn events(pieces: &[&[u8]]) -> Vec<(String, bool)> {
        let mut parser = SseParser::default();
        let mut events = Vec::new();
        let mut each = |event: SseEvent<'_>| -> Result<(), Infallible> {
            events.push((String::from_utf8(event.data.to_vec()).unwrap(), event.is_error));
            Ok(())
        };
        for piece in pieces {
            parser.feed(piece, &mut each).unwrap();
        }
        parser.finish(&mut each).unwrap();
        events
    }

    fn data(pieces: &[&[u8]]) -> Vec<String> {
        events(pieces).into_iter().map(|(data, _)| data).collect()
    }

    const STREAM: &[u8] =
        b"\xEF\xBB\xBF: hello\r\n\r\ndata: one\r\n\r\ndata:two\n\nid: 7\nevent: chunk\ndata: three\n\
        data\ndata:  four\n\nevent: error\ndata: five\n\n\n\nretry: 10\n\ndata: s\xC3\xA9x\r\rdata: seven";

    const EVENTS: [&str; 6] = ["one", "two", "three\n\n four", "five", "s\u{e9}x", "seven"];

    /// Protects the grammar: comments, CRLF, CR, LF, several data lines, empty data, missing last blank line.
    #[test]
    fn reads_the_grammar() {
        assert_eq!(data(&[STREAM]), EVENTS);
        let named: Vec<bool> = events(&[STREAM])
            .into_iter()
            .map(|(_, is_error)| is_error)
            .collect();
        assert_eq!(named, [false, false, false, true, false, false]);
    }

    /// Protects against network cuts: every cut into two, and one byte at a time, gives the same events.
    #[test]
    fn cuts_do_not_matter() {
        for cut in 0..=STREAM.len() {
            let (head, tail) = STREAM.split_at(cut);
            assert_eq!(data(&[head, tail]), EVENTS, "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = STREAM.chunks(1).collect();
        assert_eq!(data(&bytes), EVENTS);
        for size in 2..9 {
            let pieces: Vec<&[u8]> = STREAM.chunks(size).collect();
            assert_eq!(data(&pieces), EVENTS, "pieces of {size}");
        }
    }

    /// Protects the stop: an error of the reader ends the feeding at once.
    #[test]
    fn stops_at_an_error() {
        let mut seen = 0;
        let result = SseParser::default().feed(b"data: 1\n\ndata: 2\n\n", |_| {
            seen += 1;
            Err("stop")
        });
        assert_eq!((result, seen), (Err("stop"), 1));
    }

    /// Protects the difference between a stream that ended and one that was cut.
    #[test]
    fn knows_when_it_is_mid_event() {
        let mut parser = SseParser::default();
        let ignore = |_: SseEvent<'_>| Ok::<(), Infallible>(());
        parser.feed(b"data: 1\n\n", ignore).unwrap();
        assert!(!parser.is_mid_event());
        parser.feed(b"data: {\"a", ignore).unwrap();
        assert!(parser.is_mid_event());
    }
}
