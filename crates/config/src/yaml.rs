//! YAML text to a tree with places. Built from parser events by hand: `saphyr`'s own loader stops at the first
//! duplicate key, copies what aliases name and recurses without bound, and here every error of a file is wanted.

use crate::diagnostics::{Diagnostics, Source, shown};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};
use std::collections::HashMap;
use std::ops::Range;

/// Largest file that is read.
pub const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// Deepest nesting of lists and maps.
pub const MAX_DEPTH: usize = 64;
/// Values, lists and maps of one file at most.
pub const MAX_NODES: usize = 250_000;

/// A value and where it is written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Bytes in the source.
    pub(crate) span: Range<usize>,
    pub(crate) data: Data,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Data {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Something that was reported already.
    Broken,
}

/// A text as it is written, before anybody decides what it means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    pub(crate) style: ScalarStyle,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) value: Node,
}

/// A key and where it is written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) span: Range<usize>,
}

impl Node {
    /// The value of a key, where this is a map that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// A key with its value, where this is a map that has it.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key.text == key)
    }

    /// Keys and values of a map; none for anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.data {
            Data::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Items of a list; none for anything else.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.data {
            Data::List(items) => items,
            _ => &[],
        }
    }
}

/// Reads the one document of the last file of a source. `None` where the tree would make no sense; then there is at least one error.
pub(crate) fn parse(source: &Source, errors: &mut Diagnostics) -> Option<Node> {
    let (text, start) = source.last_text();
    if let Some((at, control)) = forbidden_control(text) {
        let at = start + at;
        let message = format!(
            "the character U+{:04X} is not allowed in YAML",
            u32::from(control)
        );
        errors.push(
            &(at..at + 1),
            message,
            Some("remove it, or write it as an escape in a quoted text".to_owned()),
        );
        return None;
    }
    let mut builder = Builder {
        offsets: Offsets::new(text, start),
        errors,
        open: Vec::new(),
        root: None,
        documents: 0,
        nodes: 0,
    };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, span)) => {
                if !builder.accept(event, span) {
                    return None;
                }
            }
            Err(error) => {
                let at = builder.offsets.of(*error.marker());
                let hint = syntax_hint(source, at, error.info());
                errors.push(&(at..at + 1), format!("not valid YAML: {}", error.info()), hint);
                return None;
            }
        }
    }
    let root = builder.root.take();
    if root.is_none() {
        let whole = crate::Location {
            line: 0,
            column: 0,
            ..source.locate(&(start..start))
        };
        errors.push_at(whole, "the file is empty", None);
    }
    root
}

/// The parser takes U+0000 for the end of the text, which would hide the rest of a file.
fn forbidden_control(text: &str) -> Option<(usize, char)> {
    text.char_indices()
        .find(|&(_, c)| (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || c == '\u{7f}')
}

/// Reasons behind most syntax errors.
fn syntax_hint(source: &Source, at: usize, info: &str) -> Option<String> {
    let last = source.text_line(at);
    // The parser often notices on the line after the one at fault.
    let first = last.saturating_sub(1).max(1);
    for line in (first..=last).rev() {
        let range = source.line_range(line);
        let line = source.locate(&range).line;
        let text = source.text().get(range).unwrap_or_default();
        let indentation = &text[..text.len() - text.trim_start().len()];
        if indentation.contains('\t') {
            return Some(format!("line {line} is indented with a tab; use spaces"));
        }
        if text.contains(": ${") {
            return Some(
                "between `{` and `}` or `[` and `]` put quotes around `${…}`, or write the key on a line of its own"
                    .to_owned(),
            );
        }
        if text.contains(": {{") || text.contains("- {{") || text.contains(": {%") {
            return Some("put quotes around a template: \"{{ question }}\"".to_owned());
        }
        let value = text.split_once(": ").map(|(_, value)| value.trim_start());
        if value.is_some_and(|value| {
            !value.starts_with(['"', '\'', '{', '[', '#', '|', '>']) && value.contains(": ")
        }) {
            return Some("put quotes around a text that contains `: `".to_owned());
        }
        if value.is_some_and(|value| value.starts_with(['@', '`', '%'])) {
            return Some("put quotes around a text that begins with this character".to_owned());
        }
    }
    if info.contains("',' or") {
        return Some("a `[` or `{` is not closed before this place".to_owned());
    }
    if info.contains("mapping values are not allowed") {
        return Some("check the indentation of this line and of the one before".to_owned());
    }
    None
}

/// Byte offsets of the parser's character positions.
struct Offsets {
    /// Byte of each character; empty where every character is one byte.
    bytes: Vec<u32>,
    len: usize,
    /// Where the file begins.
    start: usize,
}

impl Offsets {
    fn new(text: &str, start: usize) -> Self {
        let bytes = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices()
                .map(|(at, _)| u32::try_from(at).unwrap_or(u32::MAX))
                .collect()
        };
        Self {
            bytes,
            len: text.len(),
            start,
        }
    }

    fn of(&self, marker: Marker) -> usize {
        if self.bytes.is_empty() {
            return self.start + marker.index().min(self.len);
        }
        let byte = self.bytes.get(marker.index());
        self.start + byte.map_or(self.len, |&byte| usize::try_from(byte).unwrap_or(self.len))
    }
}

/// A list or map that is not closed yet.
enum Open {
    List {
        start: usize,
        items: Vec<Node>,
    },
    Map {
        start: usize,
        entries: Vec<Entry>,
        /// Index of each key in `entries`.
        seen: HashMap<String, usize>,
        key: Option<PendingKey>,
    },
}

enum PendingKey {
    Fine(Key),
    /// Its value is dropped.
    Reported,
}

struct Builder<'a> {
    offsets: Offsets,
    errors: &'a mut Diagnostics,
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
    nodes: usize,
}

impl Builder<'_> {
    /// Takes in an event; `false` ends the reading.
    fn accept(&mut self, event: Event<'_>, span: Span) -> bool {
        let span = self.offsets.of(span.start)..self.offsets.of(span.end);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let hint = "put it into a file of its own".to_owned();
                    self.errors.push(
                        &span,
                        "found a second document in the file, expected one",
                        Some(hint),
                    );
                    return false;
                }
            }
            Event::Alias(_) => {
                let hint = "write the value out, or share it through `defaults:`".to_owned();
                self.errors
                    .push(&span, "aliases (`*name`) are not supported", Some(hint));
                return self.place(Node {
                    span,
                    data: Data::Broken,
                });
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_anchor_and_tag(&span, anchor, tag.is_some());
                let scalar = Scalar {
                    text: text.into_owned(),
                    style,
                };
                return self.place(Node {
                    span,
                    data: Data::Scalar(scalar),
                });
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_anchor_and_tag(&span, anchor, tag.is_some());
                let list = Open::List {
                    start: span.start,
                    items: Vec::new(),
                };
                return self.descend(list, &span);
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_anchor_and_tag(&span, anchor, tag.is_some());
                let map = Open::Map {
                    start: span.start,
                    entries: Vec::new(),
                    seen: HashMap::new(),
                    key: None,
                };
                return self.descend(map, &span);
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let (start, data) = match self.open.pop() {
                    Some(Open::List { start, items }) => (start, Data::List(items)),
                    Some(Open::Map { start, entries, .. }) => (start, Data::Map(entries)),
                    None => return false,
                };
                let span = start..span.end.max(start);
                return self.place(Node { span, data });
            }
        }
        true
    }

    fn refuse_anchor_and_tag(&mut self, span: &Range<usize>, anchor: usize, tagged: bool) {
        if anchor != 0 {
            let hint = "write the value out where it is used, or share it through `defaults:`".to_owned();
            self.errors
                .push(span, "anchors (`&name`) are not supported", Some(hint));
        }
        if tagged {
            let hint = "remove the tag; quote a value that must be a text".to_owned();
            self.errors
                .push(span, "tags (`!name`) are not supported", Some(hint));
        }
    }

    fn descend(&mut self, open: Open, span: &Range<usize>) -> bool {
        if self.open.len() >= MAX_DEPTH {
            self.errors.push(
                span,
                format!("lists and maps are nested more than {MAX_DEPTH} deep"),
                None,
            );
            return false;
        }
        self.open.push(open);
        true
    }

    /// Puts a complete node where it belongs.
    fn place(&mut self, node: Node) -> bool {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            self.errors.push(
                &node.span,
                format!("the file has more than {MAX_NODES} values"),
                None,
            );
            return false;
        }
        let errors = &mut *self.errors;
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map {
                entries, seen, key, ..
            }) => match key.take() {
                None => *key = Some(key_of(node, entries, seen, errors)),
                Some(PendingKey::Reported) => {}
                Some(PendingKey::Fine(key)) => {
                    seen.insert(key.text.clone(), entries.len());
                    entries.push(Entry { key, value: node });
                }
            },
        }
        true
    }
}

fn key_of(
    node: Node,
    entries: &[Entry],
    seen: &HashMap<String, usize>,
    errors: &mut Diagnostics,
) -> PendingKey {
    let Data::Scalar(scalar) = node.data else {
        if node.data != Data::Broken {
            let hint = "put quotes around a template: \"{{ question }}\"".to_owned();
            errors.push(
                &node.span,
                "found a list or a map as a key, expected a text",
                Some(hint),
            );
        }
        return PendingKey::Reported;
    };
    if scalar.text.is_empty() && scalar.style == ScalarStyle::Plain {
        errors.push(&node.span, "found no key before `:`", None);
        return PendingKey::Reported;
    }
    if let Some(first) = seen.get(&scalar.text).and_then(|&index| entries.get(index)) {
        let first = errors.locate(&first.key.span).line;
        let message = format!("the key {} is there twice", shown(&scalar.text));
        errors.push(
            &node.span,
            message,
            Some(format!("the first one is on line {first}; keep one")),
        );
        return PendingKey::Reported;
    }
    PendingKey::Fine(Key {
        text: scalar.text,
        span: node.span,
    })
}
