//! Reading what a server says of itself: the text format of Prometheus, and what OpenMetrics adds to it. Own code because
//! only a few dozen of what may be thousands of series are wanted, and no more than those may take memory.

/// Most bytes of a line.
const LINE_BYTES_MAX: usize = 64 << 10;
/// Most labels of a series.
const LABELS_MAX: usize = 64;

/// What the server says a family is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It only grows, until the server starts again.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Counts below limits, a sum and a count.
    Histogram,
    /// Anything else.
    Other,
}

impl Kind {
    fn of(word: &str) -> Self {
        match word {
            "counter" => Self::Counter,
            "gauge" => Self::Gauge,
            "histogram" => Self::Histogram,
            _ => Self::Other,
        }
    }
}

/// A line of the text.
#[derive(Debug, PartialEq)]
pub(super) enum Line<'a> {
    /// What a family is.
    Kind(&'a str, Kind),
    /// One number.
    Series {
        /// Its name, suffixes such as `_bucket` included.
        name: &'a str,
        /// Its labels, in order; values without their escapes.
        labels: Vec<(&'a str, String)>,
        /// NaN and infinities included.
        value: f64,
    },
    /// Nothing to be read.
    Empty,
}

/// Reads a line; `None` where it is none of this format.
pub(super) fn line(text: &str) -> Option<Line<'_>> {
    let text = text.trim();
    if text.is_empty() {
        return Some(Line::Empty);
    }
    if text.len() > LINE_BYTES_MAX {
        return None;
    }
    if let Some(comment) = text.strip_prefix('#') {
        let mut words = comment.split_ascii_whitespace();
        return Some(match (words.next(), words.next(), words.next()) {
            (Some("TYPE"), Some(name), Some(word)) => Line::Kind(name, Kind::of(word)),
            _ => Line::Empty,
        });
    }
    let (selector, rest) = selector(text)?;
    // A moment, or an example behind `#`, may follow.
    let value = number(rest.split_ascii_whitespace().next()?)?;
    Some(Line::Series {
        name: selector.0,
        labels: selector.1,
        value,
    })
}

/// A name with labels at the beginning of a text, and what follows.
type Selected<'a> = ((&'a str, Vec<(&'a str, String)>), &'a str);

/// Reads `name` or `name{label="value",…}`; `None` where there is none.
pub(super) fn selector(text: &str) -> Option<Selected<'_>> {
    let len = name_len(text);
    if len == 0 {
        return None;
    }
    let (name, rest) = text.split_at(len);
    let Some(mut rest) = rest.trim_start().strip_prefix('{') else {
        return Some(((name, Vec::new()), rest));
    };
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([',', ' ', '\t']);
        if let Some(behind) = rest.strip_prefix('}') {
            return Some(((name, labels), behind));
        }
        let label_len = name_len(rest);
        if label_len == 0 || labels.len() == LABELS_MAX {
            return None;
        }
        let (label, behind) = rest.split_at(label_len);
        let behind = behind.trim_start().strip_prefix('=')?.trim_start();
        let (value, behind) = quoted(behind.strip_prefix('"')?)?;
        labels.push((label, value));
        rest = behind;
    }
}

fn name_len(text: &str) -> usize {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.' | '-');
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return 0;
    }
    text.find(|c| !is_part(c)).unwrap_or(text.len())
}

/// The text up to the closing quote, without its escapes, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            c => value.push(c),
        }
    }
    None
}

fn number(text: &str) -> Option<f64> {
    match text {
        "+Inf" | "Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        _ => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn series(text: &str) -> (String, Vec<(String, String)>, f64) {
        match line(text) {
            Some(Line::Series { name, labels, value }) => (
                name.to_owned(),
                labels
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect(),
                value,
            ),
            other => panic!("{text}: {other:?}"),
        }
    }

    /// Protects numbers from the forms in which servers write them.
    #[test]
    fn reads_series() {
        assert_eq!(
            series("vllm:num_requests_running 3.0"),
            ("vllm:num_requests_running".to_owned(), vec![], 3.0)
        );
        let (name, labels, value) = series(
            r#"vllm:ttft_bucket{model_name="a \"b\"\\c",le="+Inf",} 1.2e+03 1700000000000 # {x="y"} 0.3"#,
        );
        assert_eq!((name.as_str(), value), ("vllm:ttft_bucket", 1200.0));
        assert_eq!(labels[0], ("model_name".to_owned(), "a \"b\"\\c".to_owned()));
        assert_eq!(labels[1], ("le".to_owned(), "+Inf".to_owned()));
        assert_eq!(series("x {a=\"\"} +Inf").2, f64::INFINITY);
        assert!(series("x NaN").2.is_nan());
    }

    /// Protects from taking comments for series, and from taking anything for this format.
    #[test]
    fn reads_the_rest() {
        assert_eq!(line("# TYPE a:b counter"), Some(Line::Kind("a:b", Kind::Counter)));
        assert_eq!(line("# TYPE a summary"), Some(Line::Kind("a", Kind::Other)));
        for empty in ["", "  ", "# HELP a b c", "# EOF", "#"] {
            assert_eq!(line(empty), Some(Line::Empty), "{empty}");
        }
        for wrong in [
            "<html>",
            "{\"a\":1}",
            "a",
            "a b",
            "a{b=\"c\" 1",
            "a{b=c} 1",
            "1a 2",
            "a{=\"x\"} 1",
        ] {
            assert_eq!(line(wrong), None, "{wrong}");
        }
    }

    proptest! {
        /// Protects a run from what a server may send: no text is a panic.
        #[test]
        fn anything_is_no_panic(text in ".{0,200}", labels in "[a-z]{0,3}\\{[a-z=\",\\\\]{0,40}") {
            let _ = line(&text);
            let _ = line(&labels);
        }
    }
}
