//! Texts, packed where it pays. Apart because the sizes below decide both the speed and the size of a record; their
//! evidence is in `docs/design/0002-record-layout.md`.

use zstd::bulk::{Compressor, Decompressor};

/// Texts from this size on go into the table of bodies, packed with zstd and once for each content; shorter ones stay in
/// their row as they are. A short text costs more to pack than to write, its random insert into the index of hashes
/// more than a second copy of it, and in its row any SQLite tool can read it.
pub(crate) const BODY_FROM_BYTES: usize = 2048;

/// Largest text that is recorded; providers give up far below it. Bounds the memory that a damaged row can ask for.
pub(crate) const BODY_BYTES_MAX: usize = 256 << 20;

/// Level 1: on real answers of 3 kB level 3 saves 2 % more bytes and takes a third more time.
const ZSTD_LEVEL: i32 = 1;

/// Buffers that a rare huge text has blown up are cut back to this.
const BUFFER_KEPT_BYTES: usize = 1 << 20;

/// Packs texts with one context that is used again and again.
pub(crate) struct Packer(Compressor<'static>);

impl Packer {
    pub(crate) fn try_new() -> std::io::Result<Self> {
        let mut compressor = Compressor::new(ZSTD_LEVEL)?;
        // SQLite has no checksums of its own: four bytes for each packed text tell a rotten one.
        compressor.include_checksum(true)?;
        Ok(Self(compressor))
    }

    /// Packs `text` into `out`; false, with `out` of no meaning, where the text is better kept as it is.
    pub(crate) fn pack(&mut self, text: &[u8], out: &mut Vec<u8>) -> bool {
        trim(out);
        out.reserve(zstd::zstd_safe::compress_bound(text.len()));
        self.0.compress_to_buffer(text, out).is_ok() && out.len() < text.len()
    }
}

/// Unpacks texts with one context that is used again and again.
pub(crate) struct Unpacker(Decompressor<'static>);

impl Unpacker {
    pub(crate) fn try_new() -> std::io::Result<Self> {
        Decompressor::new().map(Self)
    }

    /// The text in `packed`, or what is wrong with it.
    pub(crate) fn unpack(&mut self, packed: &[u8]) -> Result<String, String> {
        let Ok(Some(size)) = zstd::zstd_safe::get_frame_content_size(packed) else {
            return Err(format!("{} bytes that are no packed text", packed.len()));
        };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if size > BODY_BYTES_MAX {
            return Err(format!("a packed text that claims {size} bytes"));
        }
        let bytes = self
            .0
            .decompress(packed, size)
            .map_err(|error| format!("a damaged packed text ({error})"))?;
        String::from_utf8(bytes).map_err(|error| error.to_string())
    }
}

/// Gives memory back after a rare huge text.
pub(crate) fn trim(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.shrink_to(BUFFER_KEPT_BYTES);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Protects the record against rot: a changed byte is an error, not another text.
    #[test]
    fn damage_is_noticed() {
        let text = "the quick brown fox jumps over the lazy dog. ".repeat(50);
        let mut packed = Vec::new();
        assert!(Packer::try_new().unwrap().pack(text.as_bytes(), &mut packed));
        assert!(packed.len() < text.len() / 4);
        let mut unpacker = Unpacker::try_new().unwrap();
        assert_eq!(unpacker.unpack(&packed).unwrap(), text);
        for index in 0..packed.len() {
            let mut damaged = packed.clone();
            damaged[index] ^= 0x10;
            // A bit of the header that nobody reads may change; the text may not.
            let read = unpacker.unpack(&damaged);
            assert!(read.is_err() || read.as_ref() == Ok(&text), "{index}");
        }
        assert!(unpacker.unpack(&packed[..packed.len() - 1]).is_err());
        assert!(unpacker.unpack(b"").is_err());
        assert_eq!(unpacker.unpack(&packed).unwrap(), text, "usable after damage");
    }

    /// Protects memory: a frame that claims more than the limit is refused before anything is reserved.
    #[test]
    fn absurd_claims_are_refused() {
        let mut packed = Vec::new();
        assert!(
            Packer::try_new()
                .unwrap()
                .pack("x".repeat(1000).as_bytes(), &mut packed)
        );
        // Magic, then a frame header with an 8-byte content size.
        let claim = [&packed[..4], &[0b1110_0000], &u64::MAX.to_le_bytes()[..]].concat();
        assert!(Unpacker::try_new().unwrap().unpack(&claim).is_err());
    }

    proptest! {
        /// Protects exactness, and that one context can be used for many texts.
        #[test]
        fn texts_come_back(texts in proptest::collection::vec(".{0,400}", 1..6)) {
            let (mut packer, mut unpacker) = (Packer::try_new().unwrap(), Unpacker::try_new().unwrap());
            let mut packed = Vec::new();
            for text in texts {
                let text = text.repeat(4);
                if packer.pack(text.as_bytes(), &mut packed) {
                    prop_assert_eq!(unpacker.unpack(&packed).unwrap(), text);
                }
            }
        }
    }
}
