//! Images of prompts: from what a template wrote to something that can be sent. Apart from templates, because files are
//! read here, with a bound, and are told by their content and not by their name.

use crate::prompt::PromptError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use seatrial_types::{ContentHash, Image};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// Largest image that is sent: what the APIs take at most, as of 2026 (OpenAI 50 MB a request, Anthropic 32 MB).
pub const IMAGE_BYTES_MAX: usize = 20 * 1024 * 1024;

/// What a `data:` image is called in the record, which keeps its hash and not its content.
const DATA_SOURCE: &str = "data:";

/// Reads the image that `source` names: an `http` or `https` address, which the provider fetches, a `data:` address
/// with its content, or a path relative to `folder`. `None` where there is none: an empty text.
pub(crate) fn read_image(source: &str, folder: &Path) -> Result<Option<Image>, PromptError> {
    let source = source.trim();
    if source.is_empty() {
        return Ok(None);
    }
    if has_scheme(source, "http://") || has_scheme(source, "https://") {
        return Ok(Some(Image {
            source: source.to_owned(),
            media_type: None,
            hash: None,
            bytes: None,
        }));
    }
    if has_scheme(source, DATA_SOURCE) {
        return of_content(DATA_SOURCE, decode(source)?).map(Some);
    }
    of_content(source, read_file(source, folder)?).map(Some)
}

fn has_scheme(source: &str, scheme: &str) -> bool {
    source
        .get(..scheme.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

fn of_content(source: &str, bytes: Vec<u8>) -> Result<Image, PromptError> {
    let Some(media_type) = media_type(&bytes) else {
        return Err(wrong(
            source,
            "is not an image that the APIs take: PNG, JPEG, GIF or WebP",
        ));
    };
    Ok(Image {
        source: source.to_owned(),
        media_type: Some(media_type.to_owned()),
        hash: Some(ContentHash::of(&bytes)),
        bytes: Some(Arc::from(bytes)),
    })
}

fn read_file(source: &str, folder: &Path) -> Result<Vec<u8>, PromptError> {
    let path = folder.join(source);
    let failed = |error: std::io::Error| wrong(source, &format!("cannot be read: {error}"));
    let file = std::fs::File::open(&path).map_err(failed)?;
    let mut bytes = Vec::new();
    // One byte more than allowed tells too much from just enough, whatever the size that the system claims.
    let limit = IMAGE_BYTES_MAX as u64 + 1;
    file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    check_size(source, bytes.len())?;
    Ok(bytes)
}

/// The content of `data:image/png;base64,…`.
fn decode(source: &str) -> Result<Vec<u8>, PromptError> {
    let (head, content) = source
        .split_once(',')
        .ok_or_else(|| wrong(DATA_SOURCE, "address has no content after a comma"))?;
    if !head.to_ascii_lowercase().ends_with(";base64") {
        return Err(wrong(
            DATA_SOURCE,
            "address is not base64, expected data:image/png;base64,…",
        ));
    }
    check_size(DATA_SOURCE, content.len() / 4 * 3)?;
    STANDARD
        .decode(content.trim())
        .map_err(|error| wrong(DATA_SOURCE, &format!("address is not base64: {error}")))
}

fn check_size(source: &str, bytes: usize) -> Result<(), PromptError> {
    if bytes > IMAGE_BYTES_MAX {
        let limit = IMAGE_BYTES_MAX / 1024 / 1024;
        return Err(wrong(source, &format!("has more than {limit} MiB")));
    }
    Ok(())
}

fn wrong(source: &str, problem: &str) -> PromptError {
    // A path is short; a text that was meant for another place need not be.
    let shown: String = source.chars().take(200).collect();
    PromptError::Image {
        source_shown: shown,
        problem: problem.to_owned(),
    }
}

/// The media type by the first bytes, for the four kinds that every API takes.
fn media_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

    fn problem(source: &str, folder: &Path) -> String {
        read_image(source, folder).unwrap_err().to_string()
    }

    /// Protects what is sent: the kind is that of the content, whatever the file is called, and addresses are left to
    /// the provider.
    #[test]
    fn reads_files_addresses_and_data() {
        let folder = tempfile::tempdir().unwrap();
        for (content, kind) in [
            (PNG, "image/png"),
            (b"\xff\xd8\xff\xe0".as_slice(), "image/jpeg"),
            (b"GIF89a...", "image/gif"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        ] {
            std::fs::write(folder.path().join("cat.bin"), content).unwrap();
            let image = read_image(" cat.bin", folder.path()).unwrap().unwrap();
            assert_eq!(image.media_type.as_deref(), Some(kind));
            assert_eq!(
                (image.source.as_str(), image.hash),
                ("cat.bin", Some(ContentHash::of(content)))
            );
            assert_eq!(image.bytes.as_deref(), Some(content));
        }
        let address = read_image("HTTPS://example.org/a.png", folder.path())
            .unwrap()
            .unwrap();
        assert_eq!((address.bytes, address.hash), (None, None));
        let data = format!("data:image/gif;base64,{}", STANDARD.encode(PNG));
        let data = read_image(&data, folder.path()).unwrap().unwrap();
        assert_eq!(
            (data.source.as_str(), data.media_type.as_deref()),
            ("data:", Some("image/png"))
        );
        assert_eq!(read_image(" ", folder.path()).unwrap(), None);
    }

    /// Protects people from a refusal by the provider, hours later and in its words.
    #[test]
    fn refuses_what_cannot_be_sent() {
        let folder = tempfile::tempdir().unwrap();
        let missing = problem("none.png", folder.path());
        assert!(
            missing.starts_with("image `none.png` cannot be read: "),
            "{missing}"
        );
        std::fs::write(folder.path().join("page.png"), "<html>").unwrap();
        assert!(problem("page.png", folder.path()).contains("PNG, JPEG, GIF or WebP"));
        let large = std::fs::File::create(folder.path().join("large.png")).unwrap();
        large.set_len(IMAGE_BYTES_MAX as u64 + 1).unwrap();
        assert!(problem("large.png", folder.path()).contains("more than 20 MiB"));
        for (data, said) in [
            ("data:image/png;base64", "no content"),
            ("data:image/png,AAAA", "is not base64"),
            ("data:image/png;base64,*", "is not base64"),
        ] {
            assert!(problem(data, folder.path()).contains(said), "{data}");
        }
        assert!(problem("ftp://h/x.png", folder.path()).contains("cannot be read"));
    }
}
