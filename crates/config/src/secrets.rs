//! Keeps keys out of what is printed. A suite names environment variables, but people paste keys into it; the message
//! that says so must not spread them. Apart, so that every text that leaves this crate can go through one place.

/// How well-known providers begin their keys.
const KEY_PREFIXES: [&str; 14] = [
    "sk-",
    "sk_",
    "pk-",
    "rk-",
    "gsk_",
    "xai-",
    "hf_",
    "ghp_",
    "github_pat_",
    "AKIA",
    "AIza",
    "r8_",
    "nvapi-",
    "eyJ",
];
/// Fewer characters after a prefix are an ordinary word such as `sk-learn`.
const SHORTEST_AFTER_PREFIX: usize = 10;
/// Shorter words of letters and digits are ordinary names.
const SHORTEST_RANDOM: usize = 20;
/// Keys of a map whose values are never shown, unless they are plainly the name of a variable.
const SECRET_KEYS: [&str; 9] = [
    "apikey",
    "key",
    "secret",
    "token",
    "password",
    "passwd",
    "authorization",
    "bearer",
    "credentials",
];
const SECRET_KEY_ENDINGS: [&str; 5] = ["api_key", "api_key_env", "_secret", "_token", "_password"];

/// Whether a word is more likely a key than a name.
pub(crate) fn looks_like_key(word: &str) -> bool {
    let has_prefix = KEY_PREFIXES.iter().any(|prefix| {
        word.strip_prefix(prefix)
            .is_some_and(|rest| rest.len() >= SHORTEST_AFTER_PREFIX)
    });
    let is_random = word.len() >= SHORTEST_RANDOM
        && word.bytes().any(|b| b.is_ascii_digit())
        && word.bytes().any(|b| b.is_ascii_lowercase())
        && !word.contains(['/', '.', ' ', '{'])
        && word.bytes().filter(u8::is_ascii_digit).count() * 8 >= word.len();
    has_prefix || is_random
}

/// Whether a word is an ordinary name of an environment variable: nothing that has to be hidden.
pub(crate) fn is_variable_name(word: &str) -> bool {
    let first_fits = word
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    first_fits && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// A file's text with `*` for every byte of what looks like a key, so that offsets stay what they are.
pub(crate) fn mask_file(text: &str) -> String {
    let mut hidden = vec![false; text.len()];
    hide_words(text, &mut hidden);
    hide_values_of_secret_keys(text, &mut hidden);
    hide_credentials_in_addresses(text, &mut hidden);
    masked(text, &hidden)
}

/// A message with `*` for what looks like a key by itself; what follows a colon in a sentence is no value.
pub(crate) fn mask_message(text: &str) -> String {
    let mut hidden = vec![false; text.len()];
    hide_words(text, &mut hidden);
    hide_credentials_in_addresses(text, &mut hidden);
    masked(text, &hidden)
}

fn masked(text: &str, hidden: &[bool]) -> String {
    let mut masked = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        if hidden.get(at).copied().unwrap_or(false) {
            masked.extend(std::iter::repeat_n('*', character.len_utf8()));
        } else {
            masked.push(character);
        }
    }
    masked
}

fn hide(hidden: &mut [bool], from: usize, len: usize) {
    for flag in hidden.iter_mut().skip(from).take(len) {
        *flag = true;
    }
}

/// Words that begin like a key, wherever they stand.
fn hide_words(text: &str, hidden: &mut [bool]) {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut rest = text;
    let mut at = 0;
    while let Some(start) = rest.find(is_word) {
        let word_and_more = &rest[start..];
        let len = word_and_more.find(|c| !is_word(c)).unwrap_or(word_and_more.len());
        let word = &word_and_more[..len];
        let has_prefix = KEY_PREFIXES.iter().any(|prefix| {
            word.strip_prefix(prefix)
                .is_some_and(|tail| tail.len() >= SHORTEST_AFTER_PREFIX)
        });
        if has_prefix {
            hide(hidden, at + start, len);
        }
        at += start + len;
        rest = &word_and_more[len..];
    }
}

/// `api_key: VALUE`, in block or flow style.
fn hide_values_of_secret_keys(text: &str, hidden: &mut [bool]) {
    for (colon, _) in text.match_indices(':') {
        let before = text[..colon].trim_end_matches(['"', '\'', ' ']);
        let key_start = before
            .rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
            .map_or(0, |i| i + before[i..].chars().next().map_or(1, char::len_utf8));
        if !is_secret_key(&before[key_start..]) {
            continue;
        }
        let after = &text[colon + 1..];
        let value_start = colon + 1 + (after.len() - after.trim_start_matches([' ', '\t']).len());
        let value = &text[value_start..];
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (skip, end) = match quote {
            Some(quote) => (1, value[1..].find([quote, '\n']).map_or(value.len(), |i| i + 1)),
            None => (0, value.find([',', '}', '\n', '\r']).unwrap_or(value.len())),
        };
        let Some(word) = value.get(skip..end) else {
            continue;
        };
        let plain_name = is_variable_name(word.trim_end()) && !looks_like_key(word.trim_end());
        if !plain_name {
            hide(hidden, value_start + skip, word.trim_end().len());
        }
    }
}

fn is_secret_key(key: &str) -> bool {
    /// No key of that kind is longer, and the text before a colon may be anything.
    const LONGEST: usize = 40;
    if key.is_empty() || key.len() > LONGEST {
        return false;
    }
    let key = key.to_ascii_lowercase().replace('-', "_");
    SECRET_KEYS.contains(&key.as_str()) || SECRET_KEY_ENDINGS.iter().any(|ending| key.ends_with(ending))
}

/// `https://USER:PASSWORD@host`.
fn hide_credentials_in_addresses(text: &str, hidden: &mut [bool]) {
    for (at, marker) in text.match_indices("://") {
        let start = at + marker.len();
        let authority = &text[start..];
        let end = authority
            .find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | ','))
            .unwrap_or(authority.len());
        if let Some(len) = authority[..end].rfind('@') {
            hide(hidden, start, len);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects users who paste a key where its variable's name belongs: it shows up nowhere.
    #[test]
    fn keys_are_masked_in_place() {
        for (text, masked) in [
            ("api_key: hunter2 # x", "api_key: *********** "),
            ("{api_key: 'my key', model: m}", "{api_key: '******', model: m}"),
            ("token sk-proj-abcdefghijkl!", "token ********************!"),
            (
                "base_url: https://joe:pw@host/v1",
                "base_url: https://******@host/v1",
            ),
            ("OPENAI_API_KEY: é1", "OPENAI_API_KEY: ***"),
        ] {
            let result = mask_file(text);
            assert_eq!(result.len(), text.len(), "{text}");
            assert!(result.starts_with(masked.trim_end()), "{text} became {result}");
        }
    }

    /// Protects readable messages: names and ordinary values stay as they are.
    #[test]
    fn ordinary_text_stays() {
        for text in [
            "api_key_env: OPENAI_API_KEY",
            "model: gpt-4o-mini-2024-07-18",
            "max_tokens: 256",
            "prompt: \"sk-learn and hf_hub: {{ token }}\"",
            "http://127.0.0.1:8080/v1",
            "",
        ] {
            assert_eq!(mask_file(text), text);
            assert_eq!(mask_message(text), text);
        }
    }

    /// Protects variable names from being taken for keys, and keys from being taken for names.
    #[test]
    fn tells_keys_from_names() {
        for key in [
            "sk-proj-0123456789ab",
            "gsk_ABCDEFGHIJKLMNOP",
            "0f8a7b6c5d4e3f2a1b0c9d8e",
            "AKIAIOSFODNN7EXAMPLE",
        ] {
            assert!(looks_like_key(key), "{key}");
        }
        for name in [
            "OPENAI_API_KEY",
            "MY_KEY_2",
            "openai_key",
            "KEY_FOR_EVALUATION_2026",
        ] {
            assert!(!looks_like_key(name), "{name}");
        }
    }
}
