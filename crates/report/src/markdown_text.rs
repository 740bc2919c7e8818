//! Foreign text inside Markdown: as code where it is a name, escaped where it is a sentence. Apart, because a case id or
//! a warning must neither break a table nor mention people, set links or carry HTML into a comment.

use crate::clean;

/// A name as inline code, in a table too.
pub(crate) fn code(name: &str) -> String {
    let seen = clean::line(name);
    if seen.trim().is_empty() {
        return "–".to_owned();
    }
    let longest = seen.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if longest > 0 { " " } else { "" };
    format!("{fence}{pad}{}{pad}{fence}", seen.replace('|', "\\|"))
}

/// A sentence without any markup of its own.
pub(crate) fn prose(sentence: &str) -> String {
    let mut escaped = String::with_capacity(sentence.len() + 16);
    // No link that a text sets by itself: an address is only recognised by its `://`.
    for c in clean::line(sentence).replace("://", ":\u{200b}//").chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '@' => escaped.push_str("&#64;"),
            '#' => escaped.push_str("&#35;"),
            '\\' | '`' | '*' | '_' | '|' | '[' | ']' | '~' | '$' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects comments: names and sentences stay what they are.
    #[test]
    fn foreign_text_has_no_markup() {
        assert_eq!(code("a|b"), "`a\\|b`");
        assert_eq!(code("a`b``c"), "``` a`b``c ```");
        assert_eq!(code(" \n"), "`⏎`".replace('⏎', " ⏎"));
        assert_eq!(
            prose("@team see #1 <img src=x> [a](http://b) | `c` *d*\nnext"),
            "&#64;team see &#35;1 &lt;img src=x&gt; \\[a\\](http:\u{200b}//b) \\| \\`c\\` \\*d\\*⏎next"
        );
    }
}
