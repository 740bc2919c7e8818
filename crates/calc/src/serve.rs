//! The loop that serves calls line by line: one JSON object in, one JSON object out, in the same order. Apart from the
//! functions so that these know nothing of lines, buffers and panics, and apart from the program so that it can be tried
//! on any reader and writer.

use crate::{Args, Function, find, functions};
use rayon::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::io::{ErrorKind, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Longest line that is read, in bytes without its end: 64 MiB. A longer one is answered with an error and skipped.
pub const LINE_BYTES_MAX: usize = 64 << 20;

/// Bytes that are asked for at once: large enough that system calls do not matter, small enough to stay in the cache.
const CHUNK_BYTES: usize = 256 << 10;
/// Lines that are answered before their answers are written: bounds what is held back behind a slow call.
const BLOCK_LINES: usize = 1024;
/// Lines that one thread works through at a time.
const LINES_PER_TASK: usize = 32;
/// Blocks with fewer lines are not worth waking other threads for, unless lines are long.
const PARALLEL_LINES_MIN: usize = 2 * LINES_PER_TASK;
/// Longest name that a nearest one is looked up for.
const NAME_CHARS_MAX: usize = 60;

/// Reads calls until the input ends and writes one answer for each line that is not blank, in the same order.
///
/// A call is `{"id": …, "fn": "wilson", "input": {…}}`; `id` may be anything and is given back as it was written, `null`
/// where it is absent; other keys are ignored. The answer is `{"id": …, "output": {…}}` or `{"id": …, "error": "…"}`;
/// a line that is no such call, or whose function refuses it, is an answer too and never ends the loop. Answers are
/// written and flushed as soon as no complete line is left of what could be read, so that a caller may wait for an answer
/// before it writes the next line. Large blocks are worked through in parallel.
///
/// ```
/// let mut out = Vec::new();
/// let line = r#"{"id": 1, "fn": "binom_test", "input": {"k": 5, "n": 10}}"#;
/// seatrial_calc::serve(line.as_bytes(), &mut out)?;
/// assert_eq!(out, b"{\"id\":1,\"output\":{\"p_value\":1.0}}\n");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// Only what reading and writing themselves give, a reader of the answers that went away included.
pub fn serve(reader: impl Read, writer: impl Write) -> std::io::Result<()> {
    serve_lines(reader, writer, LINE_BYTES_MAX)
}

fn serve_lines(mut reader: impl Read, mut writer: impl Write, line_bytes_max: usize) -> std::io::Result<()> {
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut filled = 0;
    let mut is_skipping = false;
    let mut is_first = true;
    loop {
        if filled == buffer.len() {
            buffer.resize(buffer.len().saturating_mul(2), 0);
        }
        let room = buffer.get_mut(filled..).unwrap_or_default();
        let read = match reader.read(room) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read?.min(room.len()),
        };
        let fresh = room.get(..read).unwrap_or_default();
        // Only what is new can hold a line end.
        let end = fresh
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map(|at| filled + at + 1);
        filled += read;
        let is_last = read == 0;
        let mut complete = if is_last { filled } else { end.unwrap_or(0) };
        let mut lines = buffer.get(..complete).unwrap_or_default();
        if is_first && complete > 0 {
            lines = lines.strip_prefix(b"\xef\xbb\xbf").unwrap_or(lines);
            is_first = false;
        }
        if is_skipping && complete > 0 {
            // The rest of the line that was too long.
            let rest = lines.iter().position(|&byte| byte == b'\n');
            lines = rest.and_then(|at| lines.get(at + 1..)).unwrap_or_default();
            is_skipping = false;
        }
        answer_block(lines, &mut writer, line_bytes_max)?;
        if is_last {
            return Ok(());
        }
        if filled - complete > line_bytes_max || is_skipping {
            if !is_skipping {
                let mut out = Vec::new();
                write_error(&mut out, None, &too_long(line_bytes_max));
                writer.write_all(&out)?;
                writer.flush()?;
            }
            is_skipping = true;
            complete = filled;
        }
        buffer.copy_within(complete..filled, 0);
        filled -= complete;
        if buffer.len() > CHUNK_BYTES && filled < CHUNK_BYTES {
            buffer.truncate(CHUNK_BYTES);
            buffer.shrink_to_fit();
        }
    }
}

/// Answers complete lines and flushes, if there were any.
fn answer_block(block: &[u8], writer: &mut impl Write, line_bytes_max: usize) -> std::io::Result<()> {
    let mut lines: Vec<&[u8]> = block
        .split(|&byte| byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
        .collect();
    if lines.is_empty() {
        return Ok(());
    }
    let answers = |lines: &[&[u8]]| {
        let mut out = Vec::with_capacity(lines.len() * 128);
        for line in lines {
            answer(line, line_bytes_max, &mut out);
        }
        out
    };
    for lines in lines.chunks_mut(BLOCK_LINES) {
        let is_large = lines.len() >= PARALLEL_LINES_MIN || (lines.len() > 1 && block.len() > CHUNK_BYTES);
        if is_large && rayon::current_num_threads() > 1 {
            let parts: Vec<_> = lines.par_chunks(LINES_PER_TASK).map(answers).collect();
            for part in parts {
                writer.write_all(&part)?;
            }
        } else {
            writer.write_all(&answers(lines))?;
        }
    }
    writer.flush()
}

/// One call, with its parts left as text: an `id` is given back as it came, and a wrong `input` still has its `id`.
#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "fn")]
    function: Option<&'a RawValue>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
}

/// Appends the answer to one line, its end included.
fn answer(line: &[u8], line_bytes_max: usize, out: &mut Vec<u8>) {
    if line.len() > line_bytes_max {
        return write_error(out, None, &too_long(line_bytes_max));
    }
    let call = match read_call(line) {
        Ok(call) => call,
        Err(error) => return write_error(out, None, &error),
    };
    match evaluate(&call) {
        Ok(output) => {
            let start = out.len();
            write_id(out, call.id);
            out.extend_from_slice(b",\"output\":");
            match serde_json::to_writer(&mut *out, &output) {
                Ok(()) => out.extend_from_slice(b"}\n"),
                Err(error) => {
                    out.truncate(start);
                    write_error(out, call.id, &format!("internal error: {error}"));
                }
            }
        }
        Err(error) => write_error(out, call.id, &error),
    }
}

fn read_call(line: &[u8]) -> Result<Call<'_>, String> {
    let text = std::str::from_utf8(line)
        .map_err(|error| format!("invalid UTF-8 at byte {} of the line", error.valid_up_to() + 1))?;
    let call: Result<Call<'_>, _> = serde_json::from_str(text);
    match call {
        // A list would be read as the three fields in order.
        Ok(call) if line.first() == Some(&b'{') => Ok(call),
        Err(error) if !error.is_data() => Err(format!("invalid JSON: {}", column(&error))),
        Err(error) if line.first() == Some(&b'{') => Err(column(&error)),
        _ => Err("expected an object with `fn` and `input`, found another JSON value".to_owned()),
    }
}

/// The parser's message without the line number, which is always 1 here and would be taken for the line of the input.
fn column(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", " at column ")
}

fn evaluate(call: &Call<'_>) -> Result<Map<String, Value>, String> {
    let Some(name) = call.function else {
        return Err(
            "missing `fn`: expected the name of a function; hint: `seatrial stats list` names them"
                .to_owned(),
        );
    };
    let function = match serde_json::from_str::<&str>(name.get()) {
        Ok(name) => named(name)?,
        // A string with escapes cannot be borrowed.
        Err(_) => match serde_json::from_str::<String>(name.get()) {
            Ok(name) => named(&name)?,
            Err(_) => {
                return Err(format!(
                    "`fn`: expected a string, found {}",
                    shortened(name.get())
                ));
            }
        },
    };
    let Some(input) = call.input else {
        return Err("missing `input`: expected an object".to_owned());
    };
    if !input.get().starts_with('{') {
        return Err(format!(
            "`input`: expected an object, found {}",
            shortened(input.get())
        ));
    }
    let input: Map<String, Value> =
        serde_json::from_str(input.get()).map_err(|error| format!("`input`: {}", column(&error)))?;
    // Functions do not panic; should one, the lines behind it are still answered.
    match catch_unwind(AssertUnwindSafe(|| (function.eval)(&Args::new(&input)))) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err(format!("internal error: `{}` broke on this input", function.name)),
    }
}

fn named(name: &str) -> Result<&'static Function, String> {
    find(name).ok_or_else(|| {
        let hint = nearest(name).map_or_else(
            || "`seatrial stats list` names them all".to_owned(),
            |nearest| format!("did you mean `{nearest}`?"),
        );
        format!("unknown function `{}`; hint: {hint}", shortened(name))
    })
}

/// The function with the most similar name, if one is similar at all.
fn nearest(name: &str) -> Option<&'static str> {
    const SIMILAR: f64 = 0.55;
    if name.chars().nth(NAME_CHARS_MAX).is_some() {
        return None;
    }
    functions()
        .map(|function| {
            (
                strsim::normalized_damerau_levenshtein(name, function.name),
                function.name,
            )
        })
        .filter(|&(similarity, _)| similarity >= SIMILAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(NAME_CHARS_MAX) {
        Some((cut, _)) => format!("{}…", text.get(..cut).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn too_long(line_bytes_max: usize) -> String {
    format!("line too long: expected at most {line_bytes_max} bytes")
}

fn write_id(out: &mut Vec<u8>, id: Option<&RawValue>) {
    out.extend_from_slice(b"{\"id\":");
    out.extend_from_slice(id.map_or("null", RawValue::get).as_bytes());
}

fn write_error(out: &mut Vec<u8>, id: Option<&RawValue>, error: &str) {
    write_id(out, id);
    out.extend_from_slice(b",\"error\":");
    // `Value`'s own text cannot fail, unlike a writer.
    out.extend_from_slice(Value::from(error).to_string().as_bytes());
    out.extend_from_slice(b"}\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn served(input: &[u8]) -> Vec<Value> {
        served_with(input, LINE_BYTES_MAX)
    }

    fn served_with(reader: impl Read, limit: usize) -> Vec<Value> {
        let mut out = Vec::new();
        serve_lines(reader, &mut out, limit).unwrap();
        assert!(out.is_empty() || out.ends_with(b"\n"));
        let text = String::from_utf8(out).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Gives a few bytes at a time, as a slow pipe does.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            let (now, later) = self.0.split_at(count);
            buffer[..count].copy_from_slice(now);
            self.0 = later;
            Ok(count)
        }
    }

    fn error(line: &[u8]) -> String {
        let answers = served(line);
        assert_eq!(answers.len(), 1, "{answers:?}");
        answers[0]["error"].as_str().unwrap().to_owned()
    }

    /// Protects callers who match answers by id: any JSON value comes back as it was written.
    #[test]
    fn ids_are_echoed() {
        for id in [
            "1",
            "-0.10e+3",
            "\"a\\u00e9\"",
            "null",
            "[1,{\"a\":null}]",
            "123456789012345678901234567890",
        ] {
            let line =
                format!("{{\"input\":{{\"k\":1,\"n\":2}},\"id\":{id},\"fn\":\"wilson\",\"more\":[1]}}");
            let mut out = Vec::new();
            serve(line.as_bytes(), &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert!(
                text.starts_with(&format!("{{\"id\":{id},\"output\":{{")),
                "{text}"
            );
        }
        assert_eq!(
            served(br#"{"fn":"wilson","input":{"k":1,"n":2}}"#)[0]["id"],
            Value::Null
        );
    }

    /// Protects the person who mistypes: each wrong line says what is wrong with it.
    #[test]
    fn wrong_lines_are_answered() {
        for (line, expected) in [
            (
                &b"{\"id\":1,\"fn\":\"cohen_kapa\",\"input\":{}}"[..],
                "unknown function `cohen_kapa`; hint: did you mean `cohen_kappa`?",
            ),
            (
                b"{\"fn\":\"\",\"input\":{}}",
                "unknown function ``; hint: `seatrial stats list` names them all",
            ),
            (b"{\"fn\":3,\"input\":{}}", "`fn`: expected a string, found 3"),
            (
                b"{\"input\":{}}",
                "missing `fn`: expected the name of a function; hint: `seatrial stats list` names them",
            ),
            (b"{\"fn\":\"wilson\"}", "missing `input`: expected an object"),
            (
                b"{\"fn\":\"wilson\",\"input\":[1]}",
                "`input`: expected an object, found [1]",
            ),
            (
                b"{\"fn\":\"wilson\",\"input\":{}}",
                "missing input `k`: expected a number",
            ),
            (
                b"[null,\"wilson\",{}]",
                "expected an object with `fn` and `input`, found another JSON value",
            ),
            (
                b"3",
                "expected an object with `fn` and `input`, found another JSON value",
            ),
            (b"nonsense", "invalid JSON: expected ident at column 2"),
            (b"{\"fn\":\"\xff\"}", "invalid UTF-8 at byte 8 of the line"),
        ] {
            assert_eq!(error(line), expected);
        }
        assert!(error(b"{\"fn\":\"wilson\",\"input\":{").starts_with("invalid JSON: EOF"));
        let refused = served(br#"{"id":"x","\u0066n":"wil\u0073on","input":{"k":3,"n":2}}"#);
        assert_eq!(refused[0]["id"], "x");
        assert!(refused[0]["error"].as_str().unwrap().contains('k'), "{refused:?}");
    }

    /// Protects deeply nested lines: an error, never a stack overflow, and the id survives where it can.
    #[test]
    fn deep_lines_are_answered() {
        let deep = "[".repeat(200_000) + &"]".repeat(200_000);
        let answers = served(format!("{{\"id\":7,\"fn\":\"wilson\",\"input\":{{\"k\":{deep}}}}}").as_bytes());
        assert_eq!(answers[0]["id"], 7);
        assert!(
            answers[0]["error"].as_str().unwrap().contains("recursion limit"),
            "{answers:?}"
        );
        assert_eq!(served(deep.as_bytes()).len(), 1);
    }

    /// Protects line splitting: blank lines, Windows line ends, a byte order mark, a last line without an end, and chunks
    /// that end anywhere give the same answers.
    #[test]
    fn lines_may_arrive_in_any_pieces() {
        let mut input = b"\xef\xbb\xbf\r\n".to_vec();
        for id in 0..300 {
            let line = json!({"id": id, "fn": "wilson", "input": {"k": id, "n": 300}});
            input.extend_from_slice(format!("{line}\r\n  \n").as_bytes());
        }
        input.truncate(input.len() - 5);
        let whole = served(&input);
        let ids: Vec<_> = whole
            .iter()
            .map(|answer| answer["id"].as_u64().unwrap())
            .collect();
        assert_eq!(ids, (0..300).collect::<Vec<_>>());
        assert!(whole.iter().all(|answer| answer["output"]["low"].is_number()));
        for piece in [1, 7, 64, 4096] {
            assert_eq!(served_with(Trickle(&input, piece), LINE_BYTES_MAX), whole);
        }
    }

    /// Protects memory: a line beyond the limit is answered once and skipped; its neighbours are served.
    #[test]
    fn lines_that_are_too_long_are_skipped() {
        let good = br#"{"id":1,"fn":"wilson","input":{"k":1,"n":2}}"#;
        let mut input = Vec::new();
        for _ in 0..2 {
            input.extend_from_slice(good);
            input.push(b'\n');
            input.extend(std::iter::repeat_n(b'x', 1000));
            input.push(b'\n');
        }
        input.extend_from_slice(good);
        for piece in [1, 33, 999, 1 << 20] {
            let answers = served_with(Trickle(&input, piece), 100);
            let shown: Vec<_> = answers
                .iter()
                .map(|answer| (answer["id"].as_u64(), answer["error"].as_str()))
                .collect();
            let long = (None, Some("line too long: expected at most 100 bytes"));
            assert_eq!(
                shown,
                [(Some(1), None), long, (Some(1), None), long, (Some(1), None)]
            );
        }
        input.truncate(input.len() - good.len());
        input.extend(std::iter::repeat_n(b'x', 5000));
        assert_eq!(served_with(Trickle(&input, 50), 100).len(), 5);
    }

    /// Protects a buffer that has to grow: a line of many chunks is still one line.
    #[test]
    fn long_lines_are_served() {
        let scores = vec!["0.5"; 300_000].join(",");
        let line = format!("{{\"id\":1,\"fn\":\"sign_test\",\"input\":{{\"d\":[{scores}]}}}}\n");
        assert!(line.len() > 4 * CHUNK_BYTES);
        let twice = line.repeat(2);
        let answers = served_with(Trickle(twice.as_bytes(), 100_000), LINE_BYTES_MAX);
        assert_eq!(answers.len(), 2);
        assert_eq!(answers[1]["output"]["n_pos"], 300_000);
    }

    /// Protects callers who wait for an answer before they write again.
    #[test]
    fn answers_are_flushed_when_the_input_pauses() {
        #[derive(Default)]
        struct Flushes(Vec<u8>, Vec<usize>);
        impl Write for Flushes {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.write(bytes)
            }
            fn flush(&mut self) -> std::io::Result<()> {
                self.1.push(self.0.iter().filter(|&&byte| byte == b'\n').count());
                Ok(())
            }
        }
        let line = "{\"fn\":\"wilson\",\"input\":{\"k\":1,\"n\":2}}\n";
        let input = line.repeat(3);
        let mut out = Flushes::default();
        serve(Trickle(input.as_bytes(), line.len()), &mut out).unwrap();
        assert_eq!(out.1, [1, 2, 3]);
    }
}
