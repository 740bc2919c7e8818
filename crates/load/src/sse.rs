//! Cutting a stream into its events as bytes come. Own code because this is the hot path: an event that came in one read
//! is handed on where it lies, and only the beginning of one that did not is copied.

use crate::fault::Fault;
use memchr::memchr2;
use seatrial_types::CallErrorKind;

/// Most bytes of one event.
const EVENT_BYTES_MAX: usize = 4 << 20;

/// Finds events in pieces of a body (WHATWG, server-sent events: LF, CR and CRLF end a line, data lines are joined).
#[derive(Debug, Default)]
pub(crate) struct EventSplitter {
    /// Bytes of an event that is not whole yet.
    carry: Vec<u8>,
    cursor: Cursor,
    /// Data of several lines, joined.
    joined: Vec<u8>,
}

/// How far an event that is not whole has been looked at; positions count from its beginning.
#[derive(Debug, Default, Clone, Copy)]
struct Cursor {
    /// Where the line begins that is not whole yet.
    line: usize,
    /// How far that line was searched for its end.
    searched: usize,
    /// Where the data is, of which there is one line so far.
    data: Option<(usize, usize)>,
    is_joined: bool,
    is_error: bool,
    /// The last line ended with CR: an LF right behind it belongs to that.
    after_cr: bool,
}

impl EventSplitter {
    /// Forgets what came.
    pub(crate) fn reset(&mut self) {
        self.carry.clear();
        self.joined.clear();
        self.cursor = Cursor::default();
    }

    /// Takes bytes and hands every event with data to `take`, with whether it is called `error`.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(&[u8], bool) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.carry.is_empty() {
            let rest = scan(bytes, &mut self.cursor, &mut self.joined, &mut take)?;
            self.carry
                .extend_from_slice(bytes.get(rest..).unwrap_or_default());
        } else {
            self.carry.extend_from_slice(bytes);
            let rest = scan(&self.carry, &mut self.cursor, &mut self.joined, &mut take)?;
            self.carry.drain(..rest);
        }
        if self.carry.len() + self.joined.len() > EVENT_BYTES_MAX {
            return Err(Fault::new(
                CallErrorKind::TooLarge,
                format!("an event of the stream is longer than {EVENT_BYTES_MAX} bytes"),
            ));
        }
        Ok(())
    }
}

/// Hands on whole events; where the first one begins that is not whole.
fn scan(
    bytes: &[u8],
    cursor: &mut Cursor,
    joined: &mut Vec<u8>,
    take: &mut impl FnMut(&[u8], bool) -> Result<(), Fault>,
) -> Result<usize, Fault> {
    let mut start = 0;
    loop {
        if cursor.after_cr {
            match bytes.get(start + cursor.line) {
                Some(b'\n') => {
                    cursor.line += 1;
                    cursor.searched = cursor.line;
                }
                Some(_) => {}
                None => return Ok(start),
            }
            cursor.after_cr = false;
        }
        let from = start + cursor.searched.max(cursor.line);
        let rest = bytes.get(from..).unwrap_or_default();
        let Some(found) = memchr2(b'\n', b'\r', rest) else {
            cursor.searched = bytes.len() - start;
            return Ok(start);
        };
        let end = from + found;
        let line_start = start + cursor.line;
        let is_cr = bytes.get(end) == Some(&b'\r');
        let line = bytes.get(line_start..end).unwrap_or_default();
        if line.is_empty() {
            dispatch(bytes, start, cursor, joined, take)?;
            // An empty line ends an event, and the next one begins behind it.
            start = end + 1;
            *cursor = Cursor {
                after_cr: is_cr,
                ..Cursor::default()
            };
        } else {
            field(bytes, (start, line_start, end), cursor, joined);
            cursor.line = end + 1 - start;
            cursor.searched = cursor.line;
            cursor.after_cr = is_cr;
        }
    }
}

/// Takes a line that is not empty, from `line_start` to `end` of the bytes; the event begins at `start`.
fn field(
    bytes: &[u8],
    (start, line_start, end): (usize, usize, usize),
    cursor: &mut Cursor,
    joined: &mut Vec<u8>,
) {
    let line = bytes.get(line_start..end).unwrap_or_default();
    if let Some(value) = line.strip_prefix(b"data:") {
        let value = value.strip_prefix(b" ").unwrap_or(value);
        let value_start = end - value.len();
        if let Some((from, to)) = cursor.data {
            if !cursor.is_joined {
                joined.clear();
                joined.extend_from_slice(bytes.get(start + from..start + to).unwrap_or_default());
                cursor.is_joined = true;
            }
            joined.push(b'\n');
            joined.extend_from_slice(value);
        } else {
            cursor.data = Some((value_start - start, end - start));
        }
    } else if let Some(name) = line.strip_prefix(b"event:") {
        cursor.is_error = name.trim_ascii() == b"error";
    }
    // Comments, `id`, `retry` and unknown fields carry nothing.
}

fn dispatch(
    bytes: &[u8],
    start: usize,
    cursor: &Cursor,
    joined: &[u8],
    take: &mut impl FnMut(&[u8], bool) -> Result<(), Fault>,
) -> Result<(), Fault> {
    if cursor.is_joined {
        return take(joined, cursor.is_error);
    }
    match cursor.data {
        Some((from, to)) => take(
            bytes.get(start + from..start + to).unwrap_or_default(),
            cursor.is_error,
        ),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn events(stream: &[u8], cuts: &[usize]) -> Vec<(String, bool)> {
        let mut splitter = EventSplitter::default();
        let mut out = Vec::new();
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
        ends.sort_unstable();
        ends.push(stream.len());
        let mut from = 0;
        for end in ends {
            splitter
                .feed(&stream[from..end], |data, is_error| {
                    out.push((String::from_utf8_lossy(data).into_owned(), is_error));
                    Ok(())
                })
                .unwrap();
            from = end;
        }
        out
    }

    const STREAM: &str = ": ping\n\ndata: a\n\ndata:b\r\n\r\nevent: error\rdata: c\r\rid: 7\ndata: d\ndata: e\ndata\n\
data:\n\n\n\nretry: 5\n\n: x\r\ndata:  f\r\n\r\ndata: unfinished";

    proptest! {
        /// Protects event counts and texts from the borders of reads, with every kind of line end.
        #[test]
        fn cuts_do_not_matter(cuts in proptest::collection::vec(0_usize..400, 0..20)) {
            let expected = [("a", false), ("b", false), ("c", true), ("d\ne\n", false), (" f", false)];
            let found = events(STREAM.as_bytes(), &cuts);
            let expected: Vec<(String, bool)> = expected.iter().map(|(text, error)| ((*text).to_owned(), *error)).collect();
            prop_assert_eq!(found, expected);
        }

        /// Protects against panics on any input.
        #[test]
        fn hostile_bytes_are_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), cuts in proptest::collection::vec(0_usize..300, 0..8)) {
            let _ = events(&bytes, &cuts);
        }
    }

    /// Protects memory from an event without an end.
    #[test]
    fn an_endless_event_is_refused() {
        let mut splitter = EventSplitter::default();
        let piece = vec![b'x'; 1 << 20];
        let mut result = splitter.feed(b"data: ", |_, _| Ok(()));
        for _ in 0..5 {
            result = result.and_then(|()| splitter.feed(&piece, |_, _| Ok(())));
        }
        assert_eq!(result.unwrap_err().kind, CallErrorKind::TooLarge);
    }
}
