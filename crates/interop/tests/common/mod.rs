//! What the tests of the readers share: fixtures by name, a survey with its records, archives made by hand.

use seatrial_interop::{Format, ImportError, Options, Shape, records, survey};
use seatrial_types::SampleRecord;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// A file of `testdata/interop`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/interop");
    root.join(name)
}

/// Both passes.
pub(crate) fn read(
    format: Format,
    files: &[PathBuf],
    options: &Options,
) -> Result<(Shape, Vec<SampleRecord>), ImportError> {
    let shape = survey(format, files, options)?;
    let mut samples = Vec::new();
    records(&shape, &mut |sample| {
        samples.push(sample);
        ControlFlow::Continue(())
    })?;
    Ok((shape, samples))
}

/// A zip of these entries, packed with Zstandard as Inspect does.
pub(crate) fn archive(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut zip = rawzip::ZipArchiveWriter::new(&mut bytes);
    for (name, content) in entries {
        let (mut entry, config) = zip
            .new_file(name)
            .compression_method(rawzip::CompressionMethod::ZSTD)
            .start()
            .unwrap();
        let encoder = zstd::stream::write::Encoder::new(&mut entry, 3).unwrap();
        let mut writer = config.wrap(encoder);
        writer.write_all(content).unwrap();
        let (encoder, descriptor) = writer.finish().unwrap();
        encoder.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    zip.finish().unwrap();
    bytes
}
