//! What is wrong with a suite, and where: collected over a whole file, shown with the lines in question.
//! Apart, because later floors add to it in the same style.

use crate::secrets;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Errors of one file that are kept; further ones are only counted.
pub const MAX_DIAGNOSTICS: usize = 100;
/// Longer lines are named but not shown: nobody would find the place in them.
const MAX_SHOWN_LINE_BYTES: usize = 8 * 1024;
/// Characters of a found text that a message repeats.
const MAX_SHOWN_CHARS: usize = 60;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The file as it was named.
    pub path: Arc<Path>,
    /// 1-based line; 0 for the file as a whole.
    pub line: usize,
    /// 1-based column, in characters; 0 for the file as a whole.
    pub column: usize,
    /// Bytes from here to there.
    pub(crate) span: Range<usize>,
}

impl fmt::Display for Location {
    /// `FILE:LINE:COLUMN`, or `FILE` alone for the file as a whole.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            write!(f, "{}", self.path.display())
        } else {
            write!(f, "{}:{}:{}", self.path.display(), self.line, self.column)
        }
    }
}

/// One file or several, the texts one after the other: bytes count through all of them, so that a span names its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    text: Arc<str>,
    /// Never empty; in the order of the text.
    files: Arc<[SourceFile]>,
    /// Byte at which each line begins; never empty.
    line_starts: Arc<[usize]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SourceFile {
    path: Arc<Path>,
    /// Byte of the whole text at which it begins.
    start: usize,
    /// Lines of the whole text before it.
    lines_before: usize,
}

impl Default for Source {
    fn default() -> Self {
        Self::new(PathBuf::new(), "")
    }
}

impl Source {
    /// A byte order mark at the start is dropped: it is not part of the first line.
    pub(crate) fn new(path: PathBuf, text: &str) -> Self {
        let file = SourceFile {
            path: path.into(),
            start: 0,
            lines_before: 0,
        };
        Self::of(vec![file], without_mark(text).to_owned())
    }

    /// The same with one more file behind the others.
    pub(crate) fn with_file(&self, path: PathBuf, text: &str) -> Self {
        let mut whole = self.text.to_string();
        if !whole.ends_with('\n') {
            whole.push('\n');
        }
        let file = SourceFile {
            path: path.into(),
            start: whole.len(),
            lines_before: whole.bytes().filter(|&byte| byte == b'\n').count(),
        };
        whole.push_str(without_mark(text));
        let files = self.files.iter().cloned().chain([file]).collect();
        Self::of(files, whole)
    }

    fn of(files: Vec<SourceFile>, text: String) -> Self {
        let newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            line_starts: std::iter::once(0).chain(newlines).collect(),
            text: text.into(),
            files: files.into(),
        }
    }

    /// All texts.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The text of the last file, and the byte at which it begins.
    pub(crate) fn last_text(&self) -> (&str, usize) {
        let start = self.files.last().map_or(0, |file| file.start);
        (self.text.get(start..).unwrap_or_default(), start)
    }

    /// The first file.
    pub(crate) fn path(&self) -> &Path {
        self.files.first().map_or(Path::new(""), |file| &file.path)
    }

    /// The file in which this byte stands.
    pub(crate) fn path_at(&self, at: usize) -> &Path {
        self.file_at(at).map_or(Path::new(""), |file| &file.path)
    }

    fn file_at(&self, at: usize) -> Option<&SourceFile> {
        let behind = self.files.partition_point(|file| file.start <= at);
        self.files.get(behind.saturating_sub(1))
    }

    /// Whether there are several files.
    pub(crate) fn is_several(&self) -> bool {
        self.files.len() > 1
    }

    /// The first file as a whole.
    pub(crate) fn whole(&self) -> Location {
        let path = self.files.first().map(|file| Arc::clone(&file.path));
        Location {
            path: path.unwrap_or_else(|| PathBuf::new().into()),
            line: 0,
            column: 0,
            span: 0..0,
        }
    }

    /// The location of these bytes, cut to what lies in the text and on the first line.
    pub(crate) fn locate(&self, span: &Range<usize>) -> Location {
        let start = self.text.floor_char_boundary(span.start.min(self.text.len()));
        let line = self.text_line(start);
        let line_range = self.line_range(line);
        let end = self.text.floor_char_boundary(span.end.min(self.text.len()));
        let end = end.min(line_range.end).max(start);
        let column = self
            .text
            .get(line_range.start..start)
            .map_or(0, |before| before.chars().count())
            + 1;
        let file = self.file_at(start);
        Location {
            path: file.map_or_else(|| PathBuf::new().into(), |file| Arc::clone(&file.path)),
            line: line - file.map_or(0, |file| file.lines_before.min(line - 1)),
            column,
            span: start..end,
        }
    }

    /// 1-based line of the whole text in which this byte stands.
    pub(crate) fn text_line(&self, at: usize) -> usize {
        self.line_starts.partition_point(|&begin| begin <= at).max(1)
    }

    /// Bytes of a 1-based line of the whole text, without its end-of-line characters.
    pub(crate) fn line_range(&self, line: usize) -> Range<usize> {
        let start = line.checked_sub(1).and_then(|index| self.line_starts.get(index));
        let start = start.copied().unwrap_or(self.text.len());
        let end = self.line_starts.get(line).copied().unwrap_or(self.text.len());
        let content = self.text.get(start..end).unwrap_or_default();
        start..start + content.trim_end_matches(['\n', '\r']).len()
    }
}

fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What was found and what was expected.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Where.
    pub location: Location,
}

/// Everything that is wrong with one file and what it includes, in the order of the text. As an error it prints like
/// [`render`](Self::render) without colours. What looks like a key is masked wherever it would be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    source: Source,
    entries: Vec<Diagnostic>,
    omitted: usize,
}

impl Diagnostics {
    pub(crate) fn new(source: Source) -> Self {
        Self {
            source,
            entries: Vec::new(),
            omitted: 0,
        }
    }

    /// Number of errors, those beyond [`MAX_DIAGNOSTICS`] included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len() + self.omitted
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The errors that are kept, in the order of the file.
    #[must_use]
    pub fn entries(&self) -> &[Diagnostic] {
        &self.entries
    }

    /// Whether further errors are only counted, so that no work need go into their words.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= MAX_DIAGNOSTICS
    }

    /// Adds an error at a place of the same file. What was said of that place already is not said again.
    pub fn push_at(&mut self, location: Location, message: impl Into<String>, hint: Option<String>) {
        if self.is_full() {
            self.omitted += 1;
            return;
        }
        let entry = Diagnostic {
            message: secrets::mask_message(&message.into()),
            hint: hint.map(|hint| secrets::mask_message(&hint)),
            location,
        };
        if self.entries.contains(&entry) {
            return;
        }
        let order = |entry: &Diagnostic| (entry.location.span.start, entry.location.span.end);
        let at = self
            .entries
            .partition_point(|other| order(other) <= order(&entry));
        self.entries.insert(at, entry);
    }

    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// Puts one more file behind the others.
    pub(crate) fn add_file(&mut self, path: PathBuf, text: &str) {
        self.source = self.source.with_file(path, text);
    }

    pub(crate) fn locate(&self, span: &Range<usize>) -> Location {
        self.source.locate(span)
    }

    /// The place of something that was there before, as a message at `here` says it: `on line 3`, or with its file.
    pub(crate) fn before(&self, first: &Location, here: &Range<usize>) -> String {
        if *first.path == *self.source.path_at(here.start) {
            format!("on line {}", first.line)
        } else {
            format!("at {}:{}", first.path.display(), first.line)
        }
    }

    pub(crate) fn push(&mut self, span: &Range<usize>, message: impl Into<String>, hint: Option<String>) {
        self.push_at(self.source.locate(span), message, hint);
    }

    /// All errors with the lines in question, one after the other, and how many there are; no newline at the end.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let renderer = if color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let masked = secrets::mask_file(&self.source.text);
        let mut parts: Vec<String> = self
            .entries
            .iter()
            .map(|entry| renderer.render(&[self.group(entry, &masked)]))
            .collect();
        let count = self.len();
        let noun = if count == 1 { "error" } else { "errors" };
        let mut total = format!("{count} {noun} in {}", self.source.path().display());
        if self.source.is_several() {
            total.push_str(" and what it includes");
        }
        if self.omitted > 0 {
            total.push_str(&format!("; the first {} are shown", self.entries.len()));
        }
        parts.push(total);
        parts.join("\n\n")
    }

    fn group<'a>(&self, entry: &'a Diagnostic, masked: &'a str) -> Group<'a> {
        let location = &entry.location;
        let path = location.path.display().to_string();
        let group = Group::with_title(Level::ERROR.primary_title(printable(&entry.message)));
        let text_line = self.source.text_line(location.span.start);
        let line_range = self.source.line_range(text_line);
        let group = match masked.get(line_range.clone()) {
            Some(line) if location.line > 0 => {
                let start = location
                    .span
                    .start
                    .saturating_sub(line_range.start)
                    .min(line.len());
                let end = location
                    .span
                    .end
                    .saturating_sub(line_range.start)
                    .clamp(start, line.len());
                if line.len() > MAX_SHOWN_LINE_BYTES {
                    let place = Origin::path(path)
                        .line(location.line)
                        .char_column(location.column);
                    group.element(place)
                } else {
                    let marked = AnnotationKind::Primary.span(start..end);
                    let snippet = Snippet::source(line).line_start(location.line).path(path);
                    group.element(snippet.annotation(marked))
                }
            }
            _ => group.element(Origin::path(path)),
        };
        match &entry.hint {
            Some(hint) => group.element(Level::HELP.with_name("hint").message(printable(hint))),
            None => group,
        }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

/// The text without characters that could steer a terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\n' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// A found text as a message repeats it: in backticks, on one line, not too long.
pub(crate) fn shown(text: &str) -> String {
    let mut short: String = text
        .chars()
        .take(MAX_SHOWN_CHARS)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(MAX_SHOWN_CHARS).is_some() {
        short.push('…');
    }
    format!("`{short}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnostics(text: &str) -> Diagnostics {
        Diagnostics::new(Source::new(PathBuf::from("s.yaml"), text))
    }

    /// Protects positions: lines and columns count from 1, columns in characters, whatever the bytes.
    #[test]
    fn locates_by_line_and_character() {
        let source = Source::new(PathBuf::from("s.yaml"), "\u{feff}a: é\r\nbé: 1\n");
        let at = |span| {
            let location = source.locate(&span);
            (location.line, location.column, location.span)
        };
        assert_eq!(at(0..1), (1, 1, 0..1));
        assert_eq!(at(7..10), (2, 1, 7..10));
        assert_eq!(at(10..99), (2, 3, 10..13));
        assert_eq!(at(99..120), (3, 1, 14..14));
    }

    /// Protects included files: each has its own lines, and a place of another one is named with its file.
    #[test]
    fn locates_in_several_files() {
        let source = Source::new(PathBuf::from("a.yaml"), "a: 1\nb: 2");
        let source = source.with_file(PathBuf::from("b.yaml"), "\u{feff}c: 3\nd: 4\n");
        let source = source.with_file(PathBuf::from("c.yaml"), "e: 5");
        let at = |byte: usize| source.locate(&(byte..byte + 1)).to_string();
        assert_eq!(
            [at(5), at(10), at(15), at(20), at(99)],
            [
                "a.yaml:2:1",
                "b.yaml:1:1",
                "b.yaml:2:1",
                "c.yaml:1:1",
                "c.yaml:1:5"
            ]
        );
        let mut errors = Diagnostics::new(source);
        errors.push(&(15..16), "wrong", None);
        let first = errors.locate(&(0..1));
        assert_eq!(
            (errors.before(&first, &(5..6)), errors.before(&first, &(15..16))),
            ("on line 1".to_owned(), "at a.yaml:1".to_owned())
        );
        let text = errors.render(false);
        assert!(text.contains("b.yaml:2:1") && text.contains("2 | d: 4"), "{text}");
        assert!(text.ends_with("1 error in a.yaml and what it includes"), "{text}");
    }

    /// Protects a readable end of a long list: what is left out is counted, and nothing is said twice.
    #[test]
    fn counts_what_it_leaves_out() {
        let mut all = diagnostics(&"x\n".repeat(200));
        for line in (0..150).rev() {
            all.push(&(line * 2..line * 2 + 1), "wrong", None);
            all.push(&(line * 2..line * 2 + 1), "wrong", None);
        }
        assert_eq!(all.entries().len(), MAX_DIAGNOSTICS);
        assert!(
            all.render(false)
                .ends_with("errors in s.yaml; the first 100 are shown")
        );
        assert!(all.entries().is_sorted_by_key(|entry| entry.location.line));
    }

    /// Protects terminals and keys: neither control characters nor keys of the file come out.
    #[test]
    fn shows_neither_control_characters_nor_keys() {
        let mut all = diagnostics("api_key: hunter2hunter2 \u{7}\n");
        all.push(&(0..7), "unknown key\u{1b}[31m", Some("h\u{7}".to_owned()));
        let text = all.render(false);
        assert!(!text.contains("hunter2"), "{text}");
        assert!(!text.contains(['\u{1b}', '\u{7}']), "{text}");
    }
}
