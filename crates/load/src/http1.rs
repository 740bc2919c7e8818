//! Reading HTTP/1.1 answers as their bytes come. Own code because this is the hot path: it allocates nothing per read,
//! hands body bytes on as they lie in the buffer, and knows when an answer ends, so that its connection can be used again.

use crate::fault::Fault;
use memchr::memchr;
use seatrial_types::CallErrorKind;

/// Most bytes of status line and headers.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Most headers.
const HEADERS_MAX: usize = 128;
/// Most bytes of a line that says how long a chunk is, or of a trailer.
const LINE_BYTES_MAX: usize = 8 << 10;
/// Most bytes of all trailers.
const TRAILER_BYTES_MAX: usize = 64 << 10;

/// What the head of an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// `text/event-stream`
    pub(crate) is_event_stream: bool,
    pub(crate) encoding: Encoding,
}

/// How the body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    /// One that this client does not read, and did not ask for.
    Other,
}

/// Takes what an answer brings.
pub(crate) trait Sink {
    fn head(&mut self, head: Head) -> Result<(), Fault>;
    fn body(&mut self, bytes: &[u8]) -> Result<(), Fault>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    Length(u64),
    UntilClose,
    ChunkSize,
    ChunkData(u64),
    /// The line break behind the data of a chunk; how many of its bytes came.
    ChunkEnd(u8),
    Trailers,
    Done,
}

/// One answer after the other on one connection.
#[derive(Debug)]
pub(crate) struct AnswerParser {
    state: State,
    /// A head, size or trailer of which only the beginning came.
    carry: Vec<u8>,
    trailer_bytes: usize,
    closes: bool,
}

impl AnswerParser {
    pub(crate) const fn new() -> Self {
        Self {
            state: State::Head,
            carry: Vec::new(),
            trailer_bytes: 0,
            closes: false,
        }
    }

    /// Makes it ready for the next answer.
    pub(crate) fn reset(&mut self) {
        self.state = State::Head;
        self.carry.clear();
        self.trailer_bytes = 0;
        self.closes = false;
    }

    /// Whether the whole answer came.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether the server closes the connection after this answer.
    pub(crate) const fn closes(&self) -> bool {
        self.closes
    }

    /// The connection ended; whether the answer ended with it, as those without a length do.
    pub(crate) fn end_of_input(&mut self) -> bool {
        if self.state == State::UntilClose {
            self.state = State::Done;
        }
        self.state == State::Done
    }

    /// Takes bytes; how many of them belong to this answer.
    pub(crate) fn feed(&mut self, input: &[u8], sink: &mut impl Sink) -> Result<usize, Fault> {
        let mut at = 0;
        while at < input.len() && self.state != State::Done {
            let rest = input.get(at..).unwrap_or_default();
            at += match self.state {
                State::Head => self.head(rest, sink)?,
                State::Length(left) => {
                    let (taken, left) = take(rest, left, sink)?;
                    self.state = if left == 0 {
                        State::Done
                    } else {
                        State::Length(left)
                    };
                    taken
                }
                State::UntilClose => {
                    sink.body(rest)?;
                    rest.len()
                }
                State::ChunkSize => self.chunk_size(rest)?,
                State::ChunkData(left) => {
                    let (taken, left) = take(rest, left, sink)?;
                    self.state = if left == 0 {
                        State::ChunkEnd(0)
                    } else {
                        State::ChunkData(left)
                    };
                    taken
                }
                State::ChunkEnd(came) => self.chunk_end(rest, came)?,
                State::Trailers => self.trailer(rest)?,
                State::Done => 0,
            };
        }
        Ok(at)
    }

    /// Takes bytes of the head; most heads come in one read and are parsed where they lie.
    fn head(&mut self, rest: &[u8], sink: &mut impl Sink) -> Result<usize, Fault> {
        if self.carry.is_empty() {
            if let Some(len) = self.parse_head(rest, sink)? {
                return Ok(len);
            }
            self.carry.extend_from_slice(rest);
        } else {
            let before = self.carry.len();
            self.carry.extend_from_slice(rest);
            let carry = std::mem::take(&mut self.carry);
            let parsed = self.parse_head(&carry, sink);
            self.carry = carry;
            if let Some(len) = parsed? {
                self.carry.clear();
                return Ok(len.saturating_sub(before));
            }
        }
        if self.carry.len() > HEAD_BYTES_MAX {
            return Err(Fault::new(
                CallErrorKind::TooLarge,
                format!("the head of the answer is longer than {HEAD_BYTES_MAX} bytes"),
            ));
        }
        Ok(rest.len())
    }

    /// Its length, where it is whole.
    fn parse_head(&mut self, bytes: &[u8], sink: &mut impl Sink) -> Result<Option<usize>, Fault> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let len = match response.parse(bytes) {
            Ok(httparse::Status::Complete(len)) => len,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => {
                return Err(Fault::invalid(
                    format!("the answer is not HTTP/1.1 ({error})"),
                    bytes,
                ));
            }
        };
        let status = response.code.unwrap_or(0);
        // 100 Continue and 103 Early Hints come before the answer.
        if (100..200).contains(&status) && status != 101 {
            return Ok(Some(len));
        }
        let mut facts = Facts::default();
        for header in response.headers.iter() {
            facts.take(header)?;
        }
        self.closes =
            facts.closes || (response.version == Some(0) && !facts.keeps_alive) || facts.length_and_chunked;
        let has_body = !matches!(status, 204 | 304);
        self.state = match (has_body, facts.is_chunked, facts.length) {
            (false, _, _) | (true, false, Some(0)) => State::Done,
            (true, true, _) => State::ChunkSize,
            (true, false, Some(length)) => State::Length(length),
            (true, false, None) => {
                self.closes = true;
                State::UntilClose
            }
        };
        sink.head(Head {
            status,
            is_event_stream: facts.is_event_stream,
            encoding: facts.encoding,
        })?;
        Ok(Some(len))
    }

    fn chunk_size(&mut self, rest: &[u8]) -> Result<usize, Fault> {
        let Some(end) = memchr(b'\n', rest) else {
            return self.carry_line(rest);
        };
        let line = rest.get(..end).unwrap_or_default();
        let size = if self.carry.is_empty() {
            chunk_size_of(line)?
        } else {
            self.carry_line(line)?;
            let size = chunk_size_of(&self.carry)?;
            self.carry.clear();
            size
        };
        self.state = if size == 0 {
            State::Trailers
        } else {
            State::ChunkData(size)
        };
        Ok(end + 1)
    }

    fn chunk_end(&mut self, rest: &[u8], came: u8) -> Result<usize, Fault> {
        match (came, rest.first()) {
            (0, Some(b'\r')) => {
                self.state = State::ChunkEnd(1);
                Ok(1)
            }
            (_, Some(b'\n')) => {
                self.state = State::ChunkSize;
                Ok(1)
            }
            _ => Err(Fault::invalid("a chunk is longer than it says", rest)),
        }
    }

    /// Passes over trailers, up to the empty line that ends the answer.
    fn trailer(&mut self, rest: &[u8]) -> Result<usize, Fault> {
        let Some(end) = memchr(b'\n', rest) else {
            return self.carry_line(rest);
        };
        let line = rest.get(..end).unwrap_or_default();
        self.trailer_bytes += line.len() + self.carry.len();
        let is_empty = self.carry.iter().chain(line).all(|byte| *byte == b'\r');
        self.carry.clear();
        if is_empty {
            self.state = State::Done;
        } else if self.trailer_bytes > TRAILER_BYTES_MAX {
            return Err(Fault::new(CallErrorKind::TooLarge, "the trailers have no end"));
        }
        Ok(end + 1)
    }

    fn carry_line(&mut self, part: &[u8]) -> Result<usize, Fault> {
        self.carry.extend_from_slice(part);
        if self.carry.len() > LINE_BYTES_MAX {
            return Err(Fault::invalid("a line between chunks has no end", &self.carry));
        }
        Ok(part.len())
    }
}

/// Hands on at most `left` bytes; how many that were, and how many are left then.
fn take(rest: &[u8], left: u64, sink: &mut impl Sink) -> Result<(usize, u64), Fault> {
    let len = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
    sink.body(rest.get(..len).unwrap_or_default())?;
    Ok((len, left - len as u64))
}

fn chunk_size_of(line: &[u8]) -> Result<u64, Fault> {
    let mut size: u64 = 0;
    let mut digits = 0;
    for byte in line {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'\r' | b';' | b' ' | b'\t' => break,
            _ => return Err(Fault::invalid("the length of a chunk is no number", line)),
        };
        digits += 1;
        if digits > 15 {
            return Err(Fault::invalid("the length of a chunk is too large", line));
        }
        size = (size << 4) | u64::from(digit);
    }
    if digits == 0 {
        return Err(Fault::invalid("the length of a chunk is missing", line));
    }
    Ok(size)
}

/// What the headers say.
#[derive(Debug)]
struct Facts {
    length: Option<u64>,
    is_chunked: bool,
    length_and_chunked: bool,
    closes: bool,
    keeps_alive: bool,
    is_event_stream: bool,
    encoding: Encoding,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            length: None,
            is_chunked: false,
            length_and_chunked: false,
            closes: false,
            keeps_alive: false,
            is_event_stream: false,
            encoding: Encoding::Identity,
        }
    }
}

impl Facts {
    fn take(&mut self, header: &httparse::Header<'_>) -> Result<(), Fault> {
        let value = header.value.trim_ascii();
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        if is("content-length") {
            let length = std::str::from_utf8(value)
                .ok()
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| Fault::invalid("content-length is no number", value))?;
            if self.length.is_some_and(|before| before != length) {
                return Err(Fault::invalid("content-length is given twice", value));
            }
            self.length = Some(length);
        } else if is("transfer-encoding") {
            let coding = value.to_ascii_lowercase();
            if !coding.ends_with(b"chunked") {
                return Err(Fault::invalid("the transfer-encoding is not `chunked`", value));
            }
            self.is_chunked = true;
        } else if is("connection") {
            let value = value.to_ascii_lowercase();
            self.closes |= contains(&value, b"close");
            self.keeps_alive |= contains(&value, b"keep-alive");
        } else if is("content-type") {
            self.is_event_stream = value.to_ascii_lowercase().starts_with(b"text/event-stream");
        } else if is("content-encoding") {
            self.encoding = match value.to_ascii_lowercase().as_slice() {
                b"identity" | b"" => Encoding::Identity,
                b"gzip" | b"x-gzip" => Encoding::Gzip,
                _ => Encoding::Other,
            };
        }
        // Chunks win, and the connection is not trusted afterwards (RFC 9112, 6.3).
        self.length_and_chunked = self.is_chunked && self.length.is_some();
        Ok(())
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Default, PartialEq)]
    struct Collected {
        status: u16,
        body: Vec<u8>,
    }

    impl Sink for Collected {
        fn head(&mut self, head: Head) -> Result<(), Fault> {
            self.status = head.status;
            Ok(())
        }
        fn body(&mut self, bytes: &[u8]) -> Result<(), Fault> {
            self.body.extend_from_slice(bytes);
            Ok(())
        }
    }

    /// Parses `bytes` in pieces that end at `cuts`; consumed bytes, and whether the answer ended.
    fn parse(bytes: &[u8], cuts: &[usize]) -> Result<(Collected, usize, bool), Fault> {
        let mut parser = AnswerParser::new();
        let mut out = Collected::default();
        let mut consumed = 0;
        let mut from = 0;
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        ends.sort_unstable();
        ends.push(bytes.len());
        for end in ends {
            consumed += parser.feed(&bytes[from..end], &mut out)?;
            from = end;
        }
        let done = parser.is_done();
        Ok((out, consumed, done))
    }

    const CHUNKED: &[u8] =
        b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nx-trailer: 1\r\n\r\n";
    const LENGTH: &[u8] = b"HTTP/1.1 404 Not Found\r\ncontent-length: 3\r\n\r\nabc";

    proptest! {
        /// Protects against borders of reads: however the bytes are cut, the same answer comes out, and what follows it
        /// is left.
        #[test]
        fn cuts_do_not_matter(cuts in proptest::collection::vec(0_usize..400, 0..12)) {
            let mut bytes = CHUNKED.to_vec();
            bytes.extend_from_slice(b"HTTP/1.1 next");
            let (out, consumed, done) = parse(&bytes, &cuts).unwrap();
            prop_assert!(done);
            prop_assert_eq!(consumed, CHUNKED.len());
            prop_assert_eq!(out, Collected { status: 200, body: b"hello world".to_vec() });
            let (out, consumed, done) = parse(LENGTH, &cuts).unwrap();
            prop_assert!(done);
            prop_assert_eq!(consumed, LENGTH.len());
            prop_assert_eq!(out, Collected { status: 404, body: b"abc".to_vec() });
        }

        /// Protects against panics on any input.
        #[test]
        fn hostile_bytes_are_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), cuts in proptest::collection::vec(0_usize..400, 0..6)) {
            let _ = parse(&bytes, &cuts);
            let mut behind = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            behind.extend_from_slice(&bytes);
            let _ = parse(&behind, &cuts);
        }
    }

    /// Protects the end of answers: by length, by chunks, by closing, and without a body.
    #[test]
    fn knows_the_end() {
        let end = |bytes: &[u8]| {
            let mut parser = AnswerParser::new();
            let mut out = Collected::default();
            parser.feed(bytes, &mut out).unwrap();
            let early = parser.is_done();
            (early, parser.end_of_input(), parser.closes())
        };
        assert_eq!(end(LENGTH), (true, true, false));
        assert_eq!(end(&LENGTH[..LENGTH.len() - 1]), (false, false, false));
        assert_eq!(end(b"HTTP/1.1 200 OK\r\n\r\nabc"), (false, true, true));
        assert_eq!(end(b"HTTP/1.0 204 No\r\n\r\n"), (true, true, true));
        assert_eq!(
            end(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"),
            (true, true, true)
        );
        assert_eq!(
            end(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab"),
            (false, false, false)
        );
    }

    /// Protects memory and sense: what cannot be an answer ends in a class, not in a loop.
    #[test]
    fn refuses_what_is_no_answer() {
        let kind = |bytes: &[u8]| parse(bytes, &[]).unwrap_err().kind;
        let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let with = |tail: &[u8]| [chunked.as_slice(), tail].concat();
        assert_eq!(kind(b"SSH-2.0-x\r\n\r\n"), CallErrorKind::InvalidAnswer);
        assert_eq!(kind(&with(b"zz\r\n")), CallErrorKind::InvalidAnswer);
        assert_eq!(kind(&with(b"\r\n")), CallErrorKind::InvalidAnswer);
        assert_eq!(
            kind(&with(b"fffffffffffffffff\r\n")),
            CallErrorKind::InvalidAnswer
        );
        assert_eq!(kind(&with(b"1\r\nabc")), CallErrorKind::InvalidAnswer);
        assert_eq!(kind(&with(&[b'1'; 9000])), CallErrorKind::InvalidAnswer);
        let mut long = b"HTTP/1.1 200 OK\r\nx: ".to_vec();
        long.resize(HEAD_BYTES_MAX + 100, b'a');
        assert_eq!(kind(&long), CallErrorKind::TooLarge);
        let mut trailers = with(b"0\r\n");
        trailers.extend(b"x: 1\r\n".repeat(20_000));
        assert_eq!(kind(&trailers), CallErrorKind::TooLarge);
    }
}
