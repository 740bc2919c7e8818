//! Reading JSON of servers that differ: texts that may be many things, and errors in any of their shapes. Apart from the
//! APIs, because every one of them is imitated by servers that take its documentation lightly.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// A text that may be missing, null, a number, or a list of parts of which those of type `text` count. An empty text
/// is no text.
#[derive(Debug, Default)]
pub(crate) struct Text<'a>(pub(crate) Option<Cow<'a, str>>);

impl Text<'_> {
    pub(crate) const fn is_some(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The text as it is; empty where there is none.
    pub(crate) fn into_string(self) -> String {
        self.0.map(Cow::into_owned).unwrap_or_default()
    }

    /// The text, where there is one.
    pub(crate) fn owned(&self) -> Option<String> {
        self.as_str().map(str::to_owned)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text((!text.is_empty()).then_some(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text((!text.is_empty()).then(|| Cow::Owned(text.to_owned()))))
    }

    fn visit_unit<E>(self) -> Result<Text<'de>, E> {
        Ok(Text(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Text<'de>, E> {
        Ok(Text(None))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Text<'de>, E> {
        Ok(Text(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Text<'de>, E> {
        Ok(Text(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Text<'de>, E> {
        Ok(Text(Some(Cow::Owned(number.to_string()))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Text<'de>, A::Error> {
        #[derive(Deserialize)]
        struct ContentPart<'a> {
            #[serde(borrow, rename = "type", default)]
            kind: Text<'a>,
            #[serde(borrow, default)]
            text: Text<'a>,
        }
        let mut joined = String::new();
        while let Some(part) = parts.next_element::<ContentPart<'_>>()? {
            if let (Some("text" | "output_text"), Some(text)) = (part.kind.as_str(), part.text.as_str()) {
                joined.push_str(text);
            }
        }
        Ok(Text((!joined.is_empty()).then_some(Cow::Owned(joined))))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }
}

/// What a server says about an error.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ErrorText {
    /// The message, or the body as it is where it has no known shape.
    pub(crate) message: String,
    /// A code such as `insufficient_quota`.
    pub(crate) code: Option<String>,
}

impl ErrorText {
    /// From a body: `{"error": {"message", "code", "type"}}`, `{"error": "text"}`, `{"message"}`, `{"detail"}`, or any text.
    pub(crate) fn of_body(body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Body<'a> {
            #[serde(borrow, default)]
            error: Option<&'a RawValue>,
        }
        let inner = serde_json::from_slice::<Body<'_>>(body)
            .ok()
            .and_then(|body| body.error);
        let found = inner.map_or_else(|| Self::of_object(body), |error| Self::of_error(error.get()));
        found.unwrap_or_else(|| Self {
            message: String::from_utf8_lossy(body).into_owned(),
            code: None,
        })
    }

    /// From the value of an `error` field.
    pub(crate) fn of_error(json: &str) -> Option<Self> {
        if let Ok(message) = serde_json::from_str::<String>(json) {
            return Some(Self { message, code: None });
        }
        Self::of_object(json.as_bytes())
    }

    fn of_object(json: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Object<'a> {
            #[serde(borrow, default)]
            message: Text<'a>,
            #[serde(borrow, default)]
            detail: Text<'a>,
            #[serde(borrow, default)]
            code: Text<'a>,
            #[serde(borrow, rename = "type", default)]
            kind: Text<'a>,
        }
        let object: Object<'_> = serde_json::from_slice(json).ok()?;
        let message = object.message.0.or(object.detail.0)?.into_owned();
        let code = object.code.0.or(object.kind.0).map(Cow::into_owned);
        Some(Self { message, code })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the reader of an error: the message is found in every common shape.
    #[test]
    fn finds_the_message() {
        for (body, message, code) in [
            (
                r#"{"error":{"message":"m","type":"t","code":"c"}}"#,
                "m",
                Some("c"),
            ),
            (
                r#"{"error":{"message":"m","type":"t","code":null}}"#,
                "m",
                Some("t"),
            ),
            (r#"{"error":"m"}"#, "m", None),
            (r#"{"object":"error","message":"m","code":404}"#, "m", Some("404")),
            (r#"{"detail":"m"}"#, "m", None),
            (r#"{"error":{"odd":1}}"#, r#"{"error":{"odd":1}}"#, None),
            ("Bad Gateway", "Bad Gateway", None),
            ("", "", None),
        ] {
            let found = ErrorText::of_body(body.as_bytes());
            assert_eq!(
                (found.message.as_str(), found.code.as_deref()),
                (message, code),
                "{body}"
            );
        }
    }
}
