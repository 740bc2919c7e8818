//! Helpers for tests: where the shared data lies, the binary under test, temporary suites. Never a dependency of the
//! program itself.

mod golden;
mod puppet;
mod workspace;

use std::path::{Path, PathBuf};

pub use golden::{GoldenCase, GoldenFamily, golden_families};
pub use puppet::{is_alive, puppet};
pub use workspace::{Finished, Workspace, without_times};

/// The folder of shared test data: `SEATRIAL_TEST_DATA`, else `shared/data` beside the project's folder.
///
/// `None`, with a notice on standard output, where it is absent: the calling test is then skipped.
#[must_use]
pub fn test_data(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("SEATRIAL_TEST_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    if folder.is_dir() {
        return Some(folder);
    }
    // To the descriptor itself: the test harness would swallow the notice of a passing test.
    let notice = format!(
        "{test} skipped: no shared test data at {} (set SEATRIAL_TEST_DATA)\n",
        folder.display()
    );
    let _ = std::io::Write::write_all(&mut std::io::stderr(), notice.as_bytes());
    None
}
