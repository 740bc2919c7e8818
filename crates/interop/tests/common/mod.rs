//! What the tests of the readers share: fixtures by name, a survey with its records.

use seatrial_interop::{Format, ImportError, Options, Shape, records, survey};
use seatrial_types::SampleRecord;
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
