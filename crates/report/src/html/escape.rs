//! Foreign text inside HTML. Apart and small, because every other module of the page goes through it: made visible
//! first ([`crate::clean`]), then escaped for text and for quoted attributes alike.

use crate::clean;

/// Text for an element or a double-quoted attribute, on one line.
pub(crate) fn esc(text: &str) -> String {
    let seen = clean::line(text);
    let mut escaped = String::with_capacity(seen.len() + 8);
    for c in seen.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A name, isolated from the direction of what is around it.
pub(crate) fn name(text: &str) -> String {
    format!("<bdi>{}</bdi>", esc(text))
}

/// Whole numbers with thin spaces between thousands.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the page: no text ends an element, an attribute or a script, or turns a line around.
    #[test]
    fn no_text_is_markup() {
        assert_eq!(
            esc("</script><b a=\"1\" b='2'>&\u{202e}\0"),
            "&lt;/script&gt;&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;[U+202E][U+0000]"
        );
        let grouped = [0, 999, 1000, 1_234_567].map(count);
        assert_eq!(grouped, ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
    }
}
