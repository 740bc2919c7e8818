//! Vectors for texts: a bag of hashed words, so that texts with the same words are near each other and the same text is
//! always the same vector. Apart because nothing of it is a conversation.

use crate::key::key_of;
use serde_json::{Value, json};

/// Numbers of a vector.
const DIMENSIONS: usize = 64;

/// The body for a request to `/v1/embeddings`.
///
/// # Errors
/// What is wrong, as the body of a 400 says it.
pub(crate) fn embeddings(request: &Value) -> Result<Value, String> {
    let model = request["model"].as_str().ok_or("found no `model`")?;
    let inputs: Vec<&str> = match &request["input"] {
        Value::String(text) => vec![text.as_str()],
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if inputs.is_empty() {
        return Err("found no `input`, expected a text or a list of texts".to_owned());
    }
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, text)| json!({"object": "embedding", "index": index, "embedding": vector(text)}))
        .collect();
    let tokens: usize = inputs.iter().map(|text| text.split_whitespace().count()).sum();
    Ok(json!({"object": "list", "data": data, "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}))
}

/// A vector of length 1; all zeros but one where there are no words.
fn vector(text: &str) -> Vec<f64> {
    let mut counts = vec![0.0_f64; DIMENSIONS];
    let words = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    for word in words {
        let place = key_of(&[word.to_lowercase().as_bytes()]) as usize % DIMENSIONS;
        if let Some(count) = counts.get_mut(place) {
            *count += 1.0;
        }
    }
    let length = counts.iter().map(|count| count * count).sum::<f64>().sqrt();
    if length == 0.0 {
        if let Some(first) = counts.first_mut() {
            *first = 1.0;
        }
        return counts;
    }
    counts.iter().map(|count| count / length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(one: &str, other: &str) -> f64 {
        vector(one).iter().zip(vector(other)).map(|(a, b)| a * b).sum()
    }

    /// Protects the one property that tests of similarity need: near means the same words, whatever their order.
    #[test]
    fn the_same_words_are_near() {
        assert!((cosine("the cat sat", "Sat the CAT!") - 1.0).abs() < 1e-12);
        let near = cosine("the cat sat on the mat", "the cat sat on a mat");
        let far = cosine(
            "the cat sat on the mat",
            "quarterly revenue grew by nine per cent",
        );
        assert!(near > 0.7 && far < near - 0.3, "{near} {far}");
        assert_eq!(vector("").iter().sum::<f64>(), 1.0);
        assert!(embeddings(&json!({"model": "m"})).is_err());
    }
}
