//! Images on their way into a request. Apart because every API wants the same two things of one: its address, or its
//! content as base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use seatrial_types::Image;

/// Tokens set aside for one image; what the APIs charge for a picture of a usual size.
pub(crate) const IMAGE_TOKENS_GUESS: u64 = 1000;

/// What is sent of an image.
pub(crate) enum Sent<'a> {
    /// The provider fetches it.
    Address(&'a str),
    /// Media type and content.
    Content(&'a str, String),
}

/// What to send of an image. The error reads as the message of a prompt that cannot be built.
pub(crate) fn sent(image: &Image) -> Result<Sent<'_>, String> {
    match (&image.bytes, image.media_type.as_deref()) {
        (Some(bytes), Some(media_type)) => Ok(Sent::Content(media_type, STANDARD.encode(bytes))),
        (None, None) => Ok(Sent::Address(&image.source)),
        _ => Err(format!(
            "the content of image `{}` is not at hand; the record keeps its hash only",
            image.source
        )),
    }
}

/// The image as one address, a `data:` one where its content is sent.
pub(crate) fn address(image: &Image) -> Result<String, String> {
    Ok(match sent(image)? {
        Sent::Address(address) => address.to_owned(),
        Sent::Content(media_type, base64) => format!("data:{media_type};base64,{base64}"),
    })
}
