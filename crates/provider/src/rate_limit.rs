//! What a server says is left of its rate limits. Apart because OpenAI, Anthropic and those who imitate them name the
//! same thing differently, and tell the time of the refill in three notations.

use crate::retry_after::{answered_at_s, rfc3339_s};
use hyper::HeaderMap;
use seatrial_types::RateLimit;

/// Names of what is left of tokens, and of the time of its refill.
const ANTHROPIC_TOKENS: [(&str, &str); 3] = [
    (
        "anthropic-ratelimit-tokens-remaining",
        "anthropic-ratelimit-tokens-reset",
    ),
    (
        "anthropic-ratelimit-input-tokens-remaining",
        "anthropic-ratelimit-input-tokens-reset",
    ),
    (
        "anthropic-ratelimit-output-tokens-remaining",
        "anthropic-ratelimit-output-tokens-reset",
    ),
];

/// Reads the headers of any answer, refused ones included.
pub(crate) fn rate_limit(headers: &HeaderMap) -> RateLimit {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |name: &str| text(name)?.parse::<f64>().ok().filter(|number| *number >= 0.0);
    let count = |name: &str| number(name).map(|number| number as u64);
    let until = |name: &str| text(name).and_then(|text| wait_ms(text, headers));
    // Where Anthropic counts input and output apart, the tighter one binds.
    let tokens = ANTHROPIC_TOKENS.map(|(remaining, reset)| Some((count(remaining)?, until(reset))));
    let tightest = tokens
        .into_iter()
        .flatten()
        .min_by_key(|(remaining, _)| *remaining);
    RateLimit {
        requests_remaining: count("x-ratelimit-remaining-requests")
            .or_else(|| count("anthropic-ratelimit-requests-remaining")),
        requests_reset_ms: until("x-ratelimit-reset-requests")
            .or_else(|| until("anthropic-ratelimit-requests-reset")),
        tokens_remaining: count("x-ratelimit-remaining-tokens").or(tightest.map(|(remaining, _)| remaining)),
        tokens_reset_ms: until("x-ratelimit-reset-tokens").or(tightest.and_then(|(_, reset)| reset)),
    }
}

/// Milliseconds until a refill: `1s`, `6m0s`, `1m2.5s`, `20ms` as OpenAI and Go write it, bare seconds, or a moment as
/// Anthropic does, compared with the answer's own `Date`.
fn wait_ms(text: &str, headers: &HeaderMap) -> Option<u64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return (seconds >= 0.0).then_some((seconds * 1000.0).ceil() as u64);
    }
    if let Some(due_s) = rfc3339_s(text) {
        return Some(due_s.saturating_sub(answered_at_s(headers)).saturating_mul(1000));
    }
    let mut rest = text;
    let mut total_ms = 0.0;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let (number, after) = rest.split_at(unit_at);
        let unit_end = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let unit_ms = match unit {
            "ms" => 1.0,
            "s" => 1e3,
            "m" => 60e3,
            "h" => 3600e3,
            "d" => 86_400e3,
            _ => return None,
        };
        total_ms += number.parse::<f64>().ok().filter(|number| *number >= 0.0)? * unit_ms;
        rest = next;
    }
    Some(f64::ceil(total_ms) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderName, HeaderValue};

    fn read(pairs: &[(&'static str, &'static str)]) -> RateLimit {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        rate_limit(&headers)
    }

    /// Protects both vocabularies, as documented, and every notation of time.
    #[test]
    fn reads_openai_and_anthropic() {
        let openai = read(&[
            ("x-ratelimit-limit-requests", "60"),
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-remaining-tokens", "149984"),
            ("x-ratelimit-reset-requests", "1s"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ]);
        let expected = RateLimit {
            requests_remaining: Some(59),
            requests_reset_ms: Some(1000),
            tokens_remaining: Some(149_984),
            tokens_reset_ms: Some(360_000),
        };
        assert_eq!(openai, expected);
        let anthropic = read(&[
            ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", "1994-11-06T08:50:00Z"),
            ("anthropic-ratelimit-tokens-remaining", "9000"),
            ("anthropic-ratelimit-tokens-reset", "1994-11-06T08:49:38Z"),
            ("anthropic-ratelimit-output-tokens-remaining", "1000"),
            (
                "anthropic-ratelimit-output-tokens-reset",
                "1994-11-06T09:49:37+01:00",
            ),
        ]);
        let expected = RateLimit {
            requests_remaining: Some(0),
            requests_reset_ms: Some(23_000),
            tokens_remaining: Some(1000),
            tokens_reset_ms: Some(0),
        };
        assert_eq!(anthropic, expected);
        assert_eq!(read(&[]), RateLimit::default());
    }

    /// Protects from numbers that are none, and from waits of years.
    #[test]
    fn passes_over_what_it_cannot_read() {
        let wait = |text: &'static str| read(&[("x-ratelimit-reset-requests", text)]).requests_reset_ms;
        assert_eq!(wait("20ms"), Some(20));
        assert_eq!(wait("1m2.5s"), Some(62_500));
        assert_eq!(wait("0.5"), Some(500));
        assert_eq!(wait("1e300"), Some(u64::MAX));
        for broken in ["", "soon", "-1s", "1x", "s", "1s2", "NaN", "-3"] {
            let expected = broken.is_empty().then_some(0);
            assert_eq!(wait(broken), expected, "{broken}");
        }
        let remaining =
            |text: &'static str| read(&[("x-ratelimit-remaining-requests", text)]).requests_remaining;
        assert_eq!(
            (remaining("-1"), remaining("x"), remaining("12.0")),
            (None, None, Some(12))
        );
    }
}
