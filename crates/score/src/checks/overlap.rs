//! BLEU, GLEU, METEOR and ROUGE-1 as promptfoo computes them. Apart from [`seatrial_text`], whose values are those of
//! the reference implementations: these differ from them (no smoothing by order, lower case, words at white space), and
//! a threshold that was set for one means something else for the other.

use super::js;
use regex::Regex;
use seatrial_text::meteor::{MeteorOptions, meteor};
use std::collections::HashMap;
use std::sync::LazyLock;

/// Words of a text that are compared; what is longer is refused.
const WORDS_MAX: usize = 200_000;

/// What makes a comparison impossible; promptfoo throws.
type Impossible = String;

fn lower_words(text: &str) -> Vec<String> {
    // An empty text is one empty word there.
    let lower = text.to_lowercase();
    let words: Vec<String> = js::words(&lower).map(str::to_owned).collect();
    if words.is_empty() {
        vec![String::new()]
    } else {
        words
    }
}

fn without_final_dots(word: &str) -> &str {
    word.trim_end_matches('.')
}

fn counts<'w>(words: &'w [String], n: usize) -> HashMap<&'w [String], usize> {
    let mut counts: HashMap<&'w [String], usize> = HashMap::new();
    for gram in words.windows(n) {
        *counts.entry(gram).or_default() += 1;
    }
    counts
}

fn matches(candidate: &[String], reference: &[String], n: usize) -> usize {
    let reference = counts(reference, n);
    counts(candidate, n)
        .iter()
        .map(|(gram, count)| reference.get(gram).copied().unwrap_or(0).min(*count))
        .sum()
}

fn check(candidate: &str, references: &[String]) -> Result<(), Impossible> {
    if candidate.is_empty() || references.is_empty() {
        return Err("an empty text has no overlap that could be computed".to_owned());
    }
    if js::words(candidate).nth(WORDS_MAX).is_some() {
        return Err(format!("the answer has more than {WORDS_MAX} words"));
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "numbers of words are far below 2^53")]
fn ratio(a: usize, b: usize) -> f64 {
    if b == 0 { 0.0 } else { a as f64 / b as f64 }
}

/// The geometric mean of the clipped precisions of the orders 1 to 4 that the candidate has, each at least 10⁻⁷ and
/// against the best single reference; times exp(1 − reference ÷ candidate) where the candidate is shorter.
pub(super) fn bleu(candidate: &str, references: &[String]) -> Result<f64, Impossible> {
    if js::trim(candidate).is_empty() && !references.is_empty() {
        return Ok(0.0);
    }
    check(candidate, references)?;
    let words = lower_words(candidate);
    let references: Vec<Vec<String>> = references
        .iter()
        .map(|reference| lower_words(reference))
        .collect();
    let lengths = references.iter().map(Vec::len);
    let closest = lengths
        .min_by_key(|length| (length.abs_diff(words.len()), *length))
        .unwrap_or(0);
    let (mut log_sum, mut orders) = (0.0, 0.0);
    for n in 1..=words.len().min(4) {
        let total = (words.len() + 1).saturating_sub(n);
        let best = references
            .iter()
            .map(|reference| matches(&words, reference, n))
            .max();
        let precision = ratio(best.unwrap_or(0), total);
        log_sum += if precision == 0.0 { 1e-7_f64 } else { precision }.ln();
        orders += 1.0;
    }
    let penalty = if words.len() > closest {
        1.0
    } else {
        (1.0 - ratio(closest, words.len())).exp()
    };
    Ok(penalty * (log_sum / orders).exp())
}

/// The smaller of precision and recall over the n-grams of orders 1 to 4 together; best of several references.
pub(super) fn gleu(candidate: &str, references: &[String]) -> Result<f64, Impossible> {
    check(candidate, references)?;
    let strip = |words: Vec<String>| -> Vec<String> {
        words
            .iter()
            .map(|word| without_final_dots(word).to_owned())
            .collect()
    };
    let words = strip(lower_words(candidate));
    let score = |reference: &String| {
        let reference = strip(lower_words(reference));
        if words == reference {
            return 1.0;
        }
        let grams =
            |words: &[String]| -> usize { (1..=4).map(|n| (words.len() + 1).saturating_sub(n)).sum() };
        let matched: usize = (1..=4).map(|n| matches(&words, &reference, n)).sum();
        ratio(matched, grams(&words)).min(ratio(matched, grams(&reference)))
    };
    Ok(references.iter().map(score).fold(0.0, f64::max))
}

/// METEOR over exact and stemmed matches, final dots taken off words. Promptfoo also matches synonyms of WordNet, which
/// this tool does not carry: where a synonym counts, its value is higher.
pub(super) fn meteor_score(
    candidate: &str,
    references: &[String],
    options: MeteorOptions,
) -> Result<f64, Impossible> {
    check(candidate, references)?;
    let plain = |text: &str| -> String {
        let words: Vec<&str> = js::words(text).map(without_final_dots).collect();
        words.join(" ")
    };
    let words = plain(candidate);
    let score = |reference: &String| meteor(&plain(reference), &words, options).score;
    Ok(references.iter().map(score).fold(0.0, f64::max))
}

/// F1 of single lower-case words, each counted as often as both sides have it, after a tokeniser in the manner of the
/// Penn Treebank.
pub(super) fn rouge_1(candidate: &str, reference: &str) -> Result<f64, Impossible> {
    let (candidate, reference) = (
        treebank(&candidate.to_lowercase()),
        treebank(&reference.to_lowercase()),
    );
    if candidate.len() > WORDS_MAX || reference.len() > WORDS_MAX {
        return Err(format!("a text has more than {WORDS_MAX} words"));
    }
    let matched = matches(&candidate, &reference, 1);
    let (precision, recall) = (ratio(matched, candidate.len()), ratio(matched, reference.len()));
    Ok(if matched == 0 {
        0.0
    } else {
        2.0 * precision * recall / (precision + recall)
    })
}

/// Substitutions of the tokeniser, in order.
#[expect(clippy::unwrap_used, reason = "constant patterns, compiled by the tests")]
static CONTRACTIONS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let rules = [
        (r"([^'])' ", "$1 ' "),
        (r"'([sSmMdD]) ", " '$1 "),
        (r"('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) ", " $1 "),
        (r"(?i)\b(can)(not)\b", " $1 $2 "),
        (r"(?i)\b(d)('ye)\b", " $1 $2 "),
        (r"(?i)\b(gim)(me)\b", " $1 $2 "),
        (r"(?i)\b(gon)(na)\b", " $1 $2 "),
        (r"(?i)\b(got)(ta)\b", " $1 $2 "),
        (r"(?i)\b(lem)(me)\b", " $1 $2 "),
        (r"(?i)\b(more)('n)\b", " $1 $2 "),
        (r"(?i)\b(wan)(na) ", " $1 $2 "),
        (r"(?i) ('t)(is)\b", " $1 $2 "),
        (r"(?i) ('t)(was)\b", " $1 $2 "),
    ];
    rules
        .into_iter()
        .map(|(pattern, with)| (Regex::new(pattern).unwrap(), with))
        .collect()
});

fn treebank(text: &str) -> Vec<String> {
    let plain: Vec<&str> = js::words(text).collect();
    let chars: Vec<char> = plain.join(" ").chars().collect();
    let mut text = String::with_capacity(chars.len() + 16);
    let dot = final_dot(&chars);
    let mut opens = true;
    for (at, c) in chars.iter().copied().enumerate() {
        let next = chars.get(at + 1).copied();
        match c {
            '"' => {
                text.push_str(if opens { " `` " } else { " '' " });
                opens = !opens;
            }
            ':' | ',' if !next.is_some_and(char::is_numeric) => {
                text.extend([' ', c, ' ']);
            }
            ';' | '@' | '#' | '$' | '%' | '&' | '?' | '!' | '[' | ']' | '(' | ')' | '{' | '}' | '<' | '>' => {
                text.extend([' ', c, ' ']);
            }
            '.' if Some(at) == dot => text.push_str(" ."),
            other => text.push(other),
        }
    }
    text = text.replace("...", " ... ").replace("--", " -- ");
    text = format!(" {text} ");
    for (pattern, with) in CONTRACTIONS.iter() {
        text = pattern.replace_all(&text, *with).into_owned();
    }
    text.split(' ')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The dot that ends the text: not one of several, not that of initials such as `U.S.`.
fn final_dot(chars: &[char]) -> Option<usize> {
    let end = chars
        .iter()
        .rposition(|c| !matches!(c, ']' | ')' | '}' | '>' | '\'') && !c.is_whitespace())?;
    let before = chars.get(end.checked_sub(1)?)?;
    if chars.get(end) != Some(&'.') || *before == '.' {
        return None;
    }
    let is_initials = end >= 3
        && before.is_ascii_alphabetic()
        && chars.get(end - 2) == Some(&'.')
        && chars.get(end - 3).is_some_and(char::is_ascii_alphabetic)
        && (end == 3 || chars.get(end - 4).is_none_or(|c| !c.is_alphanumeric()));
    (!is_initials).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Vec<String> {
        vec![text.to_owned()]
    }

    #[expect(clippy::needless_pass_by_value, reason = "shorter where it is called")]
    fn near(found: Result<f64, String>, expected: f64) {
        assert!(
            (found.clone().unwrap() - expected).abs() < 5e-5,
            "{found:?} is not {expected}"
        );
    }

    /// Protects the formulas, against values that js-rouge and promptfoo gave.
    #[test]
    fn values_are_those_of_promptfoo() {
        near(rouge_1("the cat sat on the mat.", "The cat sat on the mat."), 1.0);
        near(rouge_1("a", "b"), 0.0);
        assert_eq!(
            treebank("Hello, world. It's 3.5 \"quoted\" (ok)! can't"),
            [
                "Hello", ",", "world.", "It", "'s", "3.5", "``", "quoted", "''", "(", "ok", ")", "!", "ca",
                "n't"
            ]
        );
        near(
            bleu("the cat sat on the mat", &one("the cat sat on the mat")),
            1.0,
        );
        near(
            bleu("the cat sat on the", &one("the cat sat on the mat")),
            (1.0_f64 - 6.0 / 5.0).exp(),
        );
        near(bleu("the cat", &one("the cat")), 1.0);
        near(bleu(" ", &one("the cat")), 0.0);
        near(gleu("The cat sat.", &one("the cat sat")), 1.0);
        near(gleu("the cat", &one("the cat sat")), 0.5);
        assert!(gleu("", &one("x")).is_err() && gleu("x", &[]).is_err());
    }
}
