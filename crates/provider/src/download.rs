//! One file from an address, into memory: price tables and the like. Apart from hubs, which list, choose and keep files.

use crate::fetch::{Fetcher, Sink};
use std::path::Path;
use std::time::Duration;

/// Longest silence of a server.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a file could not be fetched.
#[derive(Debug, thiserror::Error)]
#[error("failed to fetch {url}: {problem}")]
pub struct DownloadError {
    /// The address.
    pub url: String,
    /// What happened.
    pub problem: String,
}

/// Fetches a file of at most `bytes_max` bytes, without any credential; certificates of `ca_file` are trusted beside the
/// system's.
///
/// # Errors
/// An address that cannot be reached, a server that refuses, a file that is too large.
pub async fn download(url: &str, bytes_max: u64, ca_file: Option<&Path>) -> Result<Vec<u8>, DownloadError> {
    let failed = |problem: String| DownloadError {
        url: url.to_owned(),
        problem,
    };
    let fetcher = Fetcher::try_new(url, None, ca_file, PATIENCE).map_err(failed)?;
    let mut bytes = Vec::new();
    fetcher
        .get(url, bytes_max, Sink::Memory(&mut bytes))
        .await
        .map_err(|error| failed(error.problem))?;
    Ok(bytes)
}
