//! The nearest right word for a wrong one. Apart, because keys, words, scorers, metrics and targets all need it.

/// Longer words are not compared: a name has at most 64 characters, and the comparison is quadratic.
const LONGEST: usize = 64;

/// The candidate that `word` most likely stands for; `None` when none is near.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace(['-', ' '], "_");
    let word = plain(word);
    let distance = |candidate: &&str| strsim::damerau_levenshtein(&word, &plain(candidate));
    let best = candidates.into_iter().min_by_key(distance)?;
    let longest = word.chars().count().max(best.chars().count());
    // Two words of one or two letters have nothing in common once one letter differs.
    let bearable = if longest < 3 { 0 } else { (longest / 3).max(1) };
    (distance(&best) <= bearable).then_some(best)
}

/// `did you mean …?` for the nearest candidate, else the list of all of them.
pub(crate) fn hint(word: &str, what: &str, candidates: &[&str]) -> Option<String> {
    if let Some(best) = nearest(word, candidates.iter().copied()) {
        return Some(format!("did you mean `{best}`?"));
    }
    (!candidates.is_empty()).then(|| format!("{what}: {}", list(candidates)))
}

/// `` `a`, `b` `` and so on, cut short where it would fill the screen.
pub(crate) fn list(words: &[&str]) -> String {
    const MOST: usize = 40;
    let mut text = words
        .iter()
        .take(MOST)
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ");
    if words.len() > MOST {
        text.push_str(", …");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects hints from naming something unrelated: a far word gets the list instead.
    #[test]
    fn near_words_only() {
        let keys = ["provider", "base_url", "model", "limits"];
        for (word, near) in [
            ("modl", Some("model")),
            ("baseUrl", Some("base_url")),
            ("base-url", Some("base_url")),
            ("limit", Some("limits")),
            ("x", None),
            ("temperature", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, keys), near, "{word}");
        }
        assert_eq!(
            hint("zzz", "keys here", &["a", "b"]).unwrap(),
            "keys here: `a`, `b`"
        );
    }
}
