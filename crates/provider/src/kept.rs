//! An answer out of a body that somebody else received. Apart from calling: a load generator reads its own sockets, and
//! what its answers say must be what an evaluation would have read in them.

use crate::api::{Api, Fold};
use crate::fault::Wording;
use crate::reader::{AnswerReader, Format};
use bytes::Bytes;
use seatrial_types::{Answer, CallError, CallErrorKind};

/// What the whole body of an answer says that came with `status`, as events or as one document.
///
/// # Errors
/// A body that is not what the API documents, is cut off, or reports an error; `url` is named in the message and must
/// hold no key.
pub fn answer_of_body(
    api: &Api,
    url: &str,
    status: u16,
    is_stream: bool,
    body: &[u8],
) -> Result<Answer, CallError> {
    let format = if is_stream {
        Format::Events
    } else {
        Format::Document
    };
    let wording = Wording::new(url.to_owned(), Vec::new());
    let mut reader = AnswerReader::new(status, format, Fold::new(api));
    let mut moments = Vec::new();
    reader
        .push(Bytes::copy_from_slice(body), 0, &mut moments, &wording)
        .and_then(|()| reader.finish(0, &mut moments, &wording))
        .map_err(|fault| fault.error)?
        .ok_or_else(|| CallError {
            kind: CallErrorKind::Truncated,
            status: Some(status),
            message: format!("{url} ended its stream without a finish reason or its mark of the end"),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use seatrial_types::FinishReason;

    /// Protects quality under load: a body says what it says to an evaluation, as a stream and as a document, and what is
    /// no answer has its class.
    #[test]
    fn bodies_are_read() {
        let read =
            |is_stream, body: &str| answer_of_body(&Api::Chat, "http://h", 200, is_stream, body.as_bytes());
        let hi = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi \\u00e9\"}}]}\n\n";
        let end = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n\n";
        let stream = read(true, &[hi, end].concat()).unwrap();
        let document = r#"{"choices":[{"message":{"content":"Hi é"},"finish_reason":"length"}]}"#;
        let document = read(false, document).unwrap();
        assert_eq!((stream.text.as_str(), stream.streamed), ("Hi é", true));
        assert_eq!((document.text.as_str(), document.streamed), ("Hi é", false));
        assert_eq!(stream.finish_reason, Some(FinishReason::Length));
        assert_eq!(document.finish_reason, stream.finish_reason);
        let kind = |is_stream, body| read(is_stream, body).unwrap_err().kind;
        assert_eq!(kind(true, hi), CallErrorKind::Truncated);
        assert_eq!(kind(false, "{}"), CallErrorKind::InvalidAnswer);
        assert_eq!(
            kind(true, "data: {\"error\":{\"message\":\"x\"}}\n\n"),
            CallErrorKind::Server
        );
    }
}
