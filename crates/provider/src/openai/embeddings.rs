//! OpenAI's embeddings: a text in, a vector out. Small, because a vector is handed on as what it is on the wire: a JSON
//! array of numbers.

use super::json::Chunk;
use crate::api::Place;
use crate::fault::Fault;
use crate::lenient::Text;
use crate::usage::of_openai_embeddings;
use seatrial_types::{Answer, FinishReason, Message};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The text that is embedded: the last message's.
pub(crate) fn input_of(messages: &[Message]) -> &str {
    messages.last().map_or("", |message| &message.content)
}

/// The vector of a body in one piece.
pub(crate) fn embedding_of(json: &[u8], place: Place<'_>) -> Result<Answer, Fault> {
    #[derive(Deserialize)]
    struct List<'a> {
        #[serde(borrow, default)]
        data: Vec<Entry<'a>>,
        #[serde(borrow, default)]
        model: Text<'a>,
        #[serde(borrow, default)]
        usage: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Entry<'a> {
        #[serde(borrow, default)]
        embedding: Option<&'a RawValue>,
    }
    // The envelope of an error is that of all of OpenAI's APIs.
    if serde_json::from_slice::<Chunk<'_>>(json).is_ok_and(|chunk| chunk.error.is_some()) {
        return Err(place.error_inside(json));
    }
    let list: List<'_> =
        serde_json::from_slice(json).map_err(|error| place.not_json("the body", &error, json))?;
    let vector = list.data.first().and_then(|entry| entry.embedding);
    let Some(vector) = vector else {
        return Err(place.invalid("the body has no embedding", json));
    };
    let numbers: Vec<f64> = serde_json::from_str(vector.get()).map_err(|error| {
        place.invalid(
            &format!("the embedding is not a list of numbers ({error})"),
            vector.get().as_bytes(),
        )
    })?;
    if numbers.is_empty() {
        return Err(place.invalid("the embedding is empty", json));
    }
    Ok(Answer {
        text: vector.get().to_owned(),
        finish_reason: Some(FinishReason::Stop),
        served_model: list.model.owned(),
        usage: list
            .usage
            .map(|usage| of_openai_embeddings(usage.get()))
            .unwrap_or_default(),
        ..Answer::default()
    })
}
