//! What two loads must have in common to be compared: the prompts, as one hash. Apart from making requests, which differ
//! by model, host and key where the prompts are the same.

use seatrial_load::RequestSource;
use seatrial_types::ContentHash;

/// Requests that are looked at: made prompts are at most as many, and then come again.
const REQUESTS_HASHED: u64 = 1_000;

/// A hash over the bodies of the first requests without the name of the model. Heads are left out: a key stands there.
pub(super) fn prompts(source: &dyn RequestSource, model: Option<&str>) -> String {
    prompts_of(source, model, REQUESTS_HASHED)
}

/// The same over at most this many requests.
pub(super) fn prompts_of(source: &dyn RequestSource, model: Option<&str>, most: u64) -> String {
    let model = model.map(|model| format!("\"model\":{}", serde_json::Value::from(model)));
    let mut hashed = Vec::new();
    let mut request = Vec::new();
    for number in 0..most {
        request.clear();
        let prompt = source.push_request(number, &mut request);
        // From the second time on the same ones come again.
        if number > 0 && prompt == 0 {
            break;
        }
        let body = find(&request, b"\r\n\r\n").map_or(&[][..], |at| &request[at + 4..]);
        let hash = match model
            .as_ref()
            .and_then(|model| Some((find(body, model.as_bytes())?, model.len())))
        {
            Some((at, length)) => ContentHash::of(&[&body[..at], &body[at + length..]].concat()),
            None => ContentHash::of(body),
        };
        hashed.extend_from_slice(hash.as_bytes());
    }
    ContentHash::of(&hashed).to_string()
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use seatrial_load::FixedRequests;
    use std::sync::Arc;

    fn source(requests: &[String]) -> FixedRequests {
        FixedRequests::new(
            requests
                .iter()
                .map(|request| Arc::from(request.as_bytes()))
                .collect(),
        )
    }

    fn request(key: &str, model: &str, prompt: &str) -> String {
        format!(
            "POST / HTTP/1.1\r\nauthorization: {key}\r\n\r\n{{\"model\":\"{model}\",\"prompt\":\"{prompt}\"}}"
        )
    }

    /// Protects: model, host and key may differ, prompts and their number may not.
    #[test]
    fn only_prompts_count() {
        let of = |requests: &[String], model: &str| prompts(&source(requests), Some(model));
        let one = of(&[request("a", "m", "p")], "m");
        assert_eq!(one, of(&[request("b", "other", "p")], "other"));
        assert_ne!(one, of(&[request("a", "m", "q")], "m"));
        assert_ne!(one, of(&[request("a", "m", "p"), request("a", "m", "q")], "m"));
    }
}
