//! A field of the last JSON object in an answer, however the model wrapped or broke it. Apart because tolerant
//! reading is a rule of its own, that scores depend on; everything else here parses JSON strictly.
//!
//! The rule. The answer is divided into *objects* (`{…}` that can be read) and what lies *between* them; fences and
//! prose around an object are therefore of no account. The last part that holds the field wins:
//! * in an object, the field is looked up at its root and, where only a name is asked for, in the objects inside it,
//!   outer before inner, later before earlier;
//! * between objects (where an object is too broken to be read, cut off or misquoted), the last `"name":` counts
//!   whose value is a complete string, or else the rest of the line up to `}`, `]` or the comma before the next key.
//!   JSON pointers of more than one segment are not looked for there.
//!
//! An object can be read when it is JSON, with three allowances for what models write: raw line breaks and other
//! control characters in strings, unknown escapes (`\(`, kept as they are) and a comma before a closing bracket.

use std::borrow::Cow;

/// Deepest nesting that is read; bounds stack and time on hostile text.
const DEPTH_MAX: u32 = 32;

/// A value in an answer. Numbers and containers keep the text they were written as.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json<'t> {
    /// A string, unescaped.
    Text(Cow<'t, str>),
    /// A number, or what stands bare where a value should, as written.
    Bare(&'t str),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// A list.
    List {
        /// As written.
        raw: &'t str,
        /// What it holds.
        items: Vec<Json<'t>>,
    },
    /// An object.
    Object {
        /// As written.
        raw: &'t str,
        /// What it holds, in order; of a repeated key the last counts.
        members: Vec<(Cow<'t, str>, Json<'t>)>,
    },
}

impl<'t> Json<'t> {
    /// The text of a scalar, or the container as written; `None` for `null`.
    pub(crate) fn into_text(self) -> Option<Cow<'t, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Bare(raw) | Self::List { raw, .. } | Self::Object { raw, .. } => Some(Cow::Borrowed(raw)),
            Self::Bool(true) => Some(Cow::Borrowed("true")),
            Self::Bool(false) => Some(Cow::Borrowed("false")),
            Self::Null => None,
        }
    }

    fn into_child(self, key: &str) -> Option<Self> {
        match self {
            Self::Object { members, .. } => {
                let found = members.into_iter().rfind(|(name, _)| name == key);
                found.map(|(_, value)| value)
            }
            Self::List { items, .. } => {
                let canonical = key == "0" || !key.starts_with(['0', '+']);
                let index: usize = key.parse().ok().filter(|_| canonical)?;
                items.into_iter().nth(index)
            }
            _ => None,
        }
    }

    fn into_named(self, name: &str) -> Option<Self> {
        match self {
            Self::Object { members, .. } => {
                if members.iter().any(|(key, _)| key == name) {
                    let found = members.into_iter().rfind(|(key, _)| key == name);
                    return found.map(|(_, value)| value);
                }
                let mut values = members.into_iter().rev();
                values.find_map(|(_, value)| value.into_named(name))
            }
            Self::List { items, .. } => items.into_iter().rev().find_map(|item| item.into_named(name)),
            _ => None,
        }
    }
}

/// Which field: a name, or a JSON pointer (RFC 6901) that begins with `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldPath {
    written: String,
    /// Unescaped segments of a pointer; `None` for a name.
    segments: Option<Vec<String>>,
    /// `"name"` with its quotes, for the parts between objects; `None` where only objects are searched.
    quoted: Option<String>,
    /// Whether a text without `quoted` cannot hold the field, so that it need not be read.
    must_appear: bool,
}

impl FieldPath {
    /// From a suite; `None` for an empty name.
    pub(crate) fn parse(written: &str) -> Option<Self> {
        let segments: Option<Vec<String>> = written.strip_prefix('/').map(|pointer| {
            let unescape = |segment: &str| segment.replace("~1", "/").replace("~0", "~");
            pointer.split('/').map(unescape).collect()
        });
        let name = match segments.as_deref() {
            None => Some(written),
            Some([only]) => Some(only.as_str()),
            Some(_) => None,
        };
        let last = match segments.as_deref() {
            None => written,
            Some(segments) => segments.last()?,
        };
        // Anything else could be written with escapes, or is an index into a list.
        let plain = |text: &str| {
            text.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        };
        let must_appear = name.is_some_and(plain);
        if last.is_empty() {
            return None;
        }
        Some(Self {
            quoted: name.map(|name| format!("\"{name}\"")),
            must_appear,
            segments,
            written: written.to_owned(),
        })
    }

    /// As the suite writes it.
    pub(crate) fn as_str(&self) -> &str {
        &self.written
    }

    /// The field in this text by the rule above; `None` where nothing holds it.
    pub(crate) fn find<'t>(&self, text: &'t str) -> Option<Json<'t>> {
        if let (true, Some(quoted)) = (self.must_appear, &self.quoted)
            && !text.contains(quoted.as_str())
        {
            return None;
        }
        let mut found = None;
        let mut between = 0;
        let mut at = 0;
        while let Some(offset) = text.get(at..).and_then(|rest| rest.find('{')) {
            let open = at + offset;
            match read_object(text, open) {
                None => at = open + 1,
                Some((object, end)) => {
                    found = self
                        .within(object)
                        .or_else(|| self.scan(text.get(between..open)?))
                        .or(found);
                    between = end;
                    at = end;
                }
            }
        }
        let tail = text.get(between..).and_then(|rest| self.scan(rest));
        tail.or(found)
    }

    fn within<'t>(&self, object: Json<'t>) -> Option<Json<'t>> {
        match &self.segments {
            None => object.into_named(&self.written),
            Some(segments) => segments
                .iter()
                .try_fold(object, |value, segment| value.into_child(segment)),
        }
    }

    /// The last `"name": value` in a text that is not an object.
    fn scan<'t>(&self, text: &'t str) -> Option<Json<'t>> {
        let quoted = self.quoted.as_deref()?;
        text.rmatch_indices(quoted).find_map(|(at, _)| {
            let rest = text.get(at + quoted.len()..)?.trim_start();
            scalar(rest.strip_prefix(':')?.trim_start())
        })
    }
}

/// A complete string, or a bare value up to the end of its line.
fn scalar(rest: &str) -> Option<Json<'_>> {
    if rest.starts_with('"') {
        let mut reader = Reader { text: rest, at: 0 };
        return reader.string().map(Json::Text);
    }
    let line = rest.lines().next()?;
    let stop = line
        .char_indices()
        .find(|&(at, c)| match c {
            '}' | ']' | '{' | '[' => true,
            ',' => line
                .get(at + 1..)
                .is_some_and(|rest| rest.trim_start().starts_with('"')),
            _ => false,
        })
        .map_or(line.len(), |(at, _)| at);
    let raw = line.get(..stop)?.trim().trim_end_matches(',').trim_end();
    match raw {
        "" => None,
        "null" => Some(Json::Null),
        "true" => Some(Json::Bool(true)),
        "false" => Some(Json::Bool(false)),
        _ => Some(Json::Bare(raw)),
    }
}

fn read_object(text: &str, open: usize) -> Option<(Json<'_>, usize)> {
    let mut reader = Reader { text, at: open };
    let object = reader.object(DEPTH_MAX)?;
    Some((object, reader.at))
}

/// Reads JSON with the allowances above. Every method leaves `at` behind what it read, or anywhere when it fails.
struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: u32) -> Option<Json<'t>> {
        match self.peek()? {
            b'{' => self.object(depth),
            b'[' => self.list(depth),
            b'"' => self.string().map(Json::Text),
            _ => self.bare(),
        }
    }

    fn object(&mut self, depth: u32) -> Option<Json<'t>> {
        let start = self.at;
        let depth = depth.checked_sub(1)?;
        let mut members = Vec::new();
        self.eat(b'{')?;
        loop {
            self.skip_blanks();
            if self.eat(b'}').is_some() {
                break;
            }
            let key = self.string()?;
            self.skip_blanks();
            self.eat(b':')?;
            self.skip_blanks();
            members.push((key, self.value(depth)?));
            self.skip_blanks();
            if self.eat(b',').is_none() {
                self.eat(b'}')?;
                break;
            }
        }
        let raw = self.text.get(start..self.at)?;
        Some(Json::Object { raw, members })
    }

    fn list(&mut self, depth: u32) -> Option<Json<'t>> {
        let start = self.at;
        let depth = depth.checked_sub(1)?;
        let mut items = Vec::new();
        self.eat(b'[')?;
        loop {
            self.skip_blanks();
            if self.eat(b']').is_some() {
                break;
            }
            items.push(self.value(depth)?);
            self.skip_blanks();
            if self.eat(b',').is_none() {
                self.eat(b']')?;
                break;
            }
        }
        let raw = self.text.get(start..self.at)?;
        Some(Json::List { raw, items })
    }

    fn bare(&mut self) -> Option<Json<'t>> {
        let rest = self.text.get(self.at..)?;
        let len = rest
            .bytes()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
            .count();
        let word = rest.get(..len)?;
        self.at += len;
        match word {
            "true" => Some(Json::Bool(true)),
            "false" => Some(Json::Bool(false)),
            "null" => Some(Json::Null),
            _ => crate::number::whole_number(word).map(|_| Json::Bare(word)),
        }
    }

    fn string(&mut self) -> Option<Cow<'t, str>> {
        self.eat(b'"')?;
        let start = self.at;
        let mut out: Option<String> = None;
        let mut copied = start;
        loop {
            let rest = self.text.as_bytes().get(self.at..)?;
            self.at += rest.iter().position(|b| matches!(b, b'"' | b'\\'))?;
            let plain = self.text.get(copied..self.at)?;
            if self.eat(b'"').is_some() {
                return Some(match out {
                    None => Cow::Borrowed(plain),
                    Some(mut out) => {
                        out.push_str(plain);
                        Cow::Owned(out)
                    }
                });
            }
            let out = out.get_or_insert_default();
            out.push_str(plain);
            self.escape(out)?;
            copied = self.at;
        }
    }

    /// One escape, at its backslash. What is no escape is kept as it is.
    fn escape(&mut self, out: &mut String) -> Option<()> {
        self.eat(b'\\')?;
        let known = match self.peek()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                if let Some((decoded, len)) = unicode_escape(self.text.get(self.at..)?) {
                    out.push(decoded);
                    self.at += len;
                } else {
                    out.push('\\');
                }
                return Some(());
            }
            _ => {
                out.push('\\');
                return Some(());
            }
        };
        out.push(known);
        self.at += 1;
        Some(())
    }
}

/// The character of `uXXXX` or of a surrogate pair, and how many bytes that took.
fn unicode_escape(text: &str) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 5)?.strip_prefix('u')?;
        let all_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
        u32::from_str_radix(digits, 16).ok().filter(|_| all_hex)
    };
    let high = unit(0)?;
    if let Some(plain) = char::from_u32(high) {
        return Some((plain, 5));
    }
    let low = (text.as_bytes().get(5) == Some(&b'\\'))
        .then(|| unit(6))
        .flatten();
    match low {
        Some(low @ 0xdc00..=0xdfff) if high < 0xdc00 => {
            let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            Some((char::from_u32(code)?, 11))
        }
        _ => Some((char::REPLACEMENT_CHARACTER, 5)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn field(text: &str, path: &str) -> Option<String> {
        let found = FieldPath::parse(path).unwrap().find(text)?;
        Some(found.into_text().map_or("<null>".to_owned(), Cow::into_owned))
    }

    /// Protects the rule case by case: wrapping, order, nesting, breakage.
    #[test]
    fn finds_the_field_by_the_rule() {
        let cases: &[(&str, &str, Option<&str>)] = &[
            (r#"{"answer": "18"}"#, "answer", Some("18")),
            (r#"{"answer": 26.00}"#, "answer", Some("26.00")),
            (r#"{"answer": true}"#, "answer", Some("true")),
            (r#"{"answer": null}"#, "answer", Some("<null>")),
            (r#"{"answer": [1, 2]}"#, "answer", Some("[1, 2]")),
            (r#"{"answer": ""}"#, "answer", Some("")),
            ("", "answer", None),
            (r#"{"result": 1}"#, "answer", None),
            (r#"the "answer" is 5"#, "answer", None),
            // wrapping
            (
                "Sure!\n```json\n{\"answer\": 5}\n```\nHope it helps {ok}.",
                "answer",
                Some("5"),
            ),
            (r#"\frac{1}{2} so {"answer": 0.5}"#, "answer", Some("0.5")),
            // order
            (r#"{"answer": 1} {"answer": 2}"#, "answer", Some("2")),
            (r#"{"answer": 1} {"other": 2}"#, "answer", Some("1")),
            (r#"{"answer": 1, "answer": 2}"#, "answer", Some("2")),
            (r#"[{"answer": 1}, {"answer": 2}]"#, "answer", Some("2")),
            // nesting
            (r#"{"answer": 2, "steps": [{"answer": 1}]}"#, "answer", Some("2")),
            (
                r#"{"out": {"answer": 1}, "more": {"answer": 3}}"#,
                "answer",
                Some("3"),
            ),
            (r#"{"a": {"b": [10, 20]}}"#, "/a/b/1", Some("20")),
            (r#"{"a": {"b": [10, 20]}}"#, "/a/b/01", None),
            (r#"{"a": {"b": [10, 20]}}"#, "/a/b", Some("[10, 20]")),
            (r#"{"b": 1, "a": {"c": 2}}"#, "/a/b", None),
            (r#"{"b": {"b": 1}}"#, "/b/b", Some("1")),
            (r#"{"x/y": {"~": 7}}"#, "/x~1y/~0", Some("7")),
            (r#"{"a": 1, "deep": {"a": 2}}"#, "/a", Some("1")),
            (r#"{"deep": {"a": 2}}"#, "/a", None),
            // allowances
            (
                "{\"why\": \"a\nb\tc\", \"answer\": \"50000\"}",
                "answer",
                Some("50000"),
            ),
            (r#"{"why": "\(x\) \d", "answer": "3"}"#, "answer", Some("3")),
            (r#"{"answer": "\(x\)"}"#, "answer", Some(r"\(x\)")),
            (r#"{"answer": [1, 2,],}"#, "answer", Some("[1, 2,]")),
            (
                r#"{"answer": "\u00e9\ud83d\ude00\ud83d \u12"}"#,
                "answer",
                Some("é😀\u{fffd} \\u12"),
            ),
            (r#"{"answer": "a\"b\\c\/d\n"}"#, "answer", Some("a\"b\\c/d\n")),
            ("{\"Gr\\u00f6\\u00dfe\": 3}", "Größe", Some("3")),
            // between objects
            (
                r#"{"why": "he said "no" to it", "answer": "7"}"#,
                "answer",
                Some("7"),
            ),
            (r#"{"why": "cut", "answer": 18"#, "answer", Some("18")),
            (r#"{"why": "cut", "answer": "18"#, "answer", None),
            (r#"{"answer": "9", "why": "cut of"#, "answer", Some("9")),
            ("{\"answer\": 1,000\n}", "answer", Some("1,000")),
            (r#"{"answer": $18, "unit": "usd"}"#, "answer", Some("$18")),
            (r#"{"answer": 20 cups}"#, "answer", Some("20 cups")),
            ("\"answer\": 5,\n", "answer", Some("5")),
            ("\"answer\" : \"x\"", "answer", Some("x")),
            ("\"answer\": ,", "answer", None),
            (r#"{"answer": 1} then "answer": 2"#, "answer", Some("2")),
            (r#"{"answer": 1, "x": bad} {"answer": 2}"#, "answer", Some("2")),
            (r#"{"answer": 2} "answer": {"deep": "er"}"#, "answer", Some("2")),
            (r#"{"a": {"b": 1}, "x": bad}"#, "/a/b", None),
        ];
        for (text, path, expected) in cases {
            assert_eq!(field(text, path).as_deref(), *expected, "{path} in {text}");
        }
    }

    /// Protects against names that can never be found.
    #[test]
    fn empty_paths_are_refused() {
        assert_eq!(FieldPath::parse(""), None);
        assert_eq!(FieldPath::parse("/"), None);
        assert_eq!(FieldPath::parse("/a/"), None);
    }

    /// Protects stack and time: hostile nesting ends quickly and finds what is readable.
    #[test]
    fn hostile_nesting_is_survived() {
        let deep = "{\"a\":".repeat(20_000);
        assert_eq!(field(&deep, "/a/a"), None);
        let lists = format!("{{\"answer\": {}", "[".repeat(100_000));
        assert_eq!(field(&lists, "answer"), None);
        let braces = format!("{}{}", "{".repeat(200_000), r#"{"answer": 4}"#);
        assert_eq!(field(&braces, "answer").as_deref(), Some("4"));
    }

    proptest! {
        /// Protects against panics on anything that looks a little like JSON.
        #[test]
        fn any_text_is_survived(text in r#"(\{|\}|\[|\]|"answer"|"a"|:|,|"|\\|\\u00e9|\\ud83d|1|-2.5|true|é| |\n){0,60}"#) {
            for path in ["answer", "/a", "/a/0"] {
                let path = FieldPath::parse(path).unwrap();
                let _ = path.find(&text);
            }
        }

        /// Protects agreement with a strict parser wherever the text is JSON.
        #[test]
        fn strict_json_is_read_as_strict_parsers_do(
            answer in any::<String>(),
            other in any::<String>(),
            number in any::<i64>(),
        ) {
            let object = serde_json::json!({"x": other, "answer": answer, "n": [number, {"deep": other}]});
            let text = object.to_string();
            prop_assert_eq!(field(&text, "answer"), Some(answer));
            prop_assert_eq!(field(&text, "/n/0"), Some(number.to_string()));
            prop_assert_eq!(field(&text, "deep"), Some(other));
        }
    }
}
