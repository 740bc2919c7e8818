//! Fenced code blocks of Markdown (CommonMark 0.31, §4.5). Apart because code scorers read them too.
//!
//! Any indentation of a fence is accepted, because models put blocks into lists; a block that is never closed reaches
//! to the end of the text, as CommonMark says.

/// Other labels that models give a language.
const ALIASES: [(&str, &[&str]); 6] = [
    ("python", &["py", "python3"]),
    ("javascript", &["js"]),
    ("typescript", &["ts"]),
    ("rust", &["rs"]),
    ("bash", &["sh", "shell"]),
    ("cpp", &["c++"]),
];

/// A fenced block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block<'t> {
    /// First word behind the opening fence; empty where there is none.
    pub(crate) label: &'t str,
    /// What stands between the fences, without the last line break.
    pub(crate) content: &'t str,
}

/// The first block; with a language the first that is labelled so, else the first without a label.
pub(crate) fn first_block<'t>(text: &'t str, language: Option<&str>) -> Option<&'t str> {
    let Some(language) = language else {
        return Blocks { text, at: 0 }.next().map(|block| block.content);
    };
    let mut unlabelled = None;
    for block in (Blocks { text, at: 0 }) {
        if is_language(block.label, language) {
            return Some(block.content);
        }
        if block.label.is_empty() && unlabelled.is_none() {
            unlabelled = Some(block.content);
        }
    }
    unlabelled
}

fn is_language(label: &str, language: &str) -> bool {
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    same(label, language)
        || ALIASES.iter().any(|(name, others)| {
            let belongs = |word: &str| same(word, name) || others.iter().any(|other| same(word, other));
            belongs(label) && belongs(language)
        })
}

/// All blocks, first to last.
pub(crate) struct Blocks<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Iterator for Blocks<'t> {
    type Item = Block<'t>;

    fn next(&mut self) -> Option<Block<'t>> {
        let mut opened: Option<(char, usize, &'t str, usize)> = None;
        while let Some(line) = self.text.get(self.at..)?.split_inclusive('\n').next() {
            let start = self.at;
            self.at += line.len();
            match opened {
                None => {
                    opened = opening(line).map(|(mark, len, label)| (mark, len, label, self.at));
                }
                Some((mark, len, label, content)) if closes(line, mark, len) => {
                    let content = self.text.get(content..start)?;
                    return Some(Block {
                        label,
                        content: without_last_break(content),
                    });
                }
                Some(_) => {}
            }
        }
        let (_, _, label, content) = opened?;
        let content = self.text.get(content..)?;
        Some(Block {
            label,
            content: without_last_break(content),
        })
    }
}

/// Mark, its length and the label of an opening fence.
fn opening(line: &str) -> Option<(char, usize, &str)> {
    let line = line.trim();
    let mark = line.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let info = line.trim_start_matches(mark);
    let len = line.len() - info.len();
    let inline = mark == '`' && info.contains('`');
    if len < 3 || inline {
        return None;
    }
    let ends_label = |c: char| c.is_whitespace() || matches!(c, '{' | '}' | ',' | ':' | ';' | '=');
    let label = info.trim().trim_start_matches(['{', '.']);
    Some((mark, len, label.split(ends_label).next().unwrap_or("")))
}

fn closes(line: &str, mark: char, len: usize) -> bool {
    let line = line.trim();
    line.len() >= len && line.chars().all(|c| c == mark)
}

fn without_last_break(content: &str) -> &str {
    let content = content.strip_suffix('\n').unwrap_or(content);
    content.strip_suffix('\r').unwrap_or(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Protects which block is taken and where it begins and ends.
    #[test]
    fn blocks_are_found() {
        let cases: &[(&str, Option<&str>, Option<&str>)] = &[
            ("", None, None),
            ("no block", None, None),
            ("a ```b``` c", None, None),
            ("```x```", None, None),
            ("```\ncode\n```", None, Some("code")),
            ("text\n```python\na\n\nb\n```\nmore", None, Some("a\n\nb")),
            ("```\n```", None, Some("")),
            ("```\n", None, Some("")),
            ("```", None, Some("")),
            ("```py\ncut off", Some("python"), Some("cut off")),
            ("~~~\n```\n~~~", None, Some("```")),
            ("````\n```\n````", None, Some("```")),
            (
                "  1. so:\n     ```js\n     x\n     ```",
                Some("javascript"),
                Some("     x"),
            ),
            ("```\r\na\r\n```\r\n", None, Some("a")),
            ("```json\n1\n```\n```python\n2\n```", Some("python"), Some("2")),
            ("```json\n1\n```\n```\n2\n```", Some("python"), Some("2")),
            ("```json\n1\n```", Some("python"), None),
            ("```Python3 title=x\n1\n```", Some("PYTHON"), Some("1")),
            ("```{.python}\n1\n```", Some("python"), Some("1")),
        ];
        for (text, language, expected) in cases {
            assert_eq!(
                first_block(text, *language),
                *expected,
                "{language:?} in {text:?}"
            );
        }
    }

    proptest! {
        /// Protects against panics and endless loops.
        #[test]
        fn any_text_is_survived(text in "(```|~~~|`|python|\n|\r| |é|x){0,40}") {
            let blocks = Blocks { text: &text, at: 0 };
            prop_assert!(blocks.take(1000).count() < 1000);
        }
    }
}
