//! Brings datasets that are not files here to this machine before a plan is frozen: what is piped in goes into a file,
//! because it is read twice, and what lies on a hub is fetched. Apart from the session, which works from files alone.

use crate::error::CliError;
use crate::output;
use crate::session::Session;
use crate::suite_prices;
use seatrial_config::{DatasetFormat, DatasetFrom, Fetched, Hub};
use seatrial_provider::hub;
use seatrial_types::Secret;
use std::fs::File;
use std::io::{IsTerminal, Read, Write};
use std::path::Path;
use std::time::Duration;
use tempfile::NamedTempFile;

/// Most that is taken from standard input.
const STDIN_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// Folder of the hub's files, below the store.
const HUB_FOLDER: &str = "hub";
/// Longest silence of a hub where the environment says nothing.
const HUB_PATIENCE: Duration = Duration::from_secs(30);
/// Longest silence of a hub that the environment may ask for, in seconds.
const HUB_PATIENCE_MAX_S: u64 = 3600;

/// What must stay until the run has ended.
pub(crate) struct Materials {
    /// Removed when dropped.
    _spool: Option<NamedTempFile>,
}

/// Fills in the prices of tables, and where the datasets of a session's suite lie on this machine; what the reader of the report should know of
/// that becomes a warning.
pub(crate) fn gather(session: &mut Session) -> Result<Materials, CliError> {
    suite_prices::look_up(session)?;
    let (draft, store) = (&mut session.draft, session.store.as_path());
    let ca_file = session.ca_file.as_deref();
    let takes_stdin = |task: &seatrial_config::Task| matches!(task.dataset.from, DatasetFrom::Stdin { .. });
    let spool = if draft.tasks.iter().any(takes_stdin) {
        Some(spool_stdin(store)?)
    } else {
        None
    };
    // Tasks with several prompts share a dataset: it is asked for once.
    let mut known: Vec<(Hub, Fetched)> = Vec::new();
    for task in &mut draft.tasks {
        match &mut task.dataset.from {
            DatasetFrom::Stdin { spooled, .. } => {
                *spooled = spool.as_ref().map(|spool| spool.path().to_owned());
            }
            DatasetFrom::Hub(hub) => {
                let fetched = match known.iter().find(|(other, _)| other == hub) {
                    Some((_, fetched)) => fetched.clone(),
                    None => {
                        let fetched = fetch(hub, store, ca_file, &mut session.warnings)?;
                        known.push((hub.clone(), fetched.clone()));
                        fetched
                    }
                };
                hub.fetched = Some(fetched);
            }
            DatasetFrom::File { .. } | DatasetFrom::Folder { .. } | DatasetFrom::Inline { .. } => {}
        }
    }
    Ok(Materials { _spool: spool })
}

fn fetch(
    hub: &Hub,
    store: &Path,
    ca_file: Option<&Path>,
    notes: &mut Vec<String>,
) -> Result<Fetched, CliError> {
    let request = request(hub, store, ca_file)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::infrastructure(format!("failed to start the network runtime: {error}")))?;
    let result = runtime.block_on(hub::fetch(&request));
    // A fetch that was given up may hold a resolver thread; nobody waits for it.
    runtime.shutdown_background();
    let found = result.map_err(|error| {
        let told = if error.is_infrastructure {
            CliError::infrastructure(&error)
        } else {
            CliError::usage(&error)
        };
        told.hint(&error.hint)
    })?;
    notes.extend(found.notes);
    output::detail(&format!(
        "{}: commit {}, {} files\n",
        hub.written(),
        found.commit,
        found.files.len()
    ));
    let name = found.files.first().map_or("", |file| file.name.as_str());
    Ok(Fetched {
        // The choice leaves nothing else over; a name that tells nothing could only be Parquet.
        format: DatasetFormat::of_extension(name).unwrap_or(DatasetFormat::Parquet),
        names: found
            .files
            .iter()
            .map(|file| format!("{}/{}", hub.written(), file.name))
            .collect(),
        files: found.files.into_iter().map(|file| file.path).collect(),
        commit: found.commit,
    })
}

fn request(hub: &Hub, store: &Path, ca_file: Option<&Path>) -> Result<hub::HubRequest, CliError> {
    let variable = |name: &str| {
        let value = std::env::var(name).ok()?;
        (!value.trim().is_empty()).then(|| value.trim().to_owned())
    };
    let endpoint = variable("HF_ENDPOINT").unwrap_or_else(|| hub::DEFAULT_ENDPOINT.to_owned());
    let token = variable(&hub.token_env).map(Secret::new);
    let is_open = endpoint.starts_with("http://") && !is_loopback(&endpoint);
    if is_open && token.is_some() {
        let message = format!(
            "HF_ENDPOINT is {endpoint}, which is not encrypted: the token in {} would be readable on the way",
            hub.token_env
        );
        return Err(CliError::usage(message).hint("use https, or unset the token"));
    }
    let patience = match variable("HF_HUB_DOWNLOAD_TIMEOUT") {
        None => HUB_PATIENCE,
        Some(text) => match text.parse::<u64>() {
            Ok(seconds @ 1..=HUB_PATIENCE_MAX_S) => Duration::from_secs(seconds),
            _ => {
                let message = format!(
                    "HF_HUB_DOWNLOAD_TIMEOUT is `{text}`, expected whole seconds from 1 to {HUB_PATIENCE_MAX_S}"
                );
                return Err(CliError::usage(message));
            }
        },
    };
    let offline = variable("HF_HUB_OFFLINE")
        .is_some_and(|text| ["1", "on", "yes", "true"].contains(&text.to_ascii_lowercase().as_str()));
    Ok(hub::HubRequest {
        endpoint,
        repository: hub.repository.clone(),
        revision: hub.revision.clone(),
        choice: hub::Choice {
            subset: hub.subset.clone(),
            split: hub.split.clone(),
            glob: hub.glob.clone(),
        },
        token,
        cache: store.join(HUB_FOLDER),
        offline,
        patience,
        extra_ca: ca_file.map(Path::to_owned),
    })
}

/// Whether an `http` address is this machine.
fn is_loopback(endpoint: &str) -> bool {
    let host = endpoint.trim_start_matches("http://");
    ["127.", "localhost", "[::1]"]
        .iter()
        .any(|prefix| host.starts_with(prefix))
}

/// Standard input in a file beside the record, where there is room for data.
fn spool_stdin(store: &Path) -> Result<NamedTempFile, CliError> {
    let input = std::io::stdin();
    if input.is_terminal() {
        return Err(
            CliError::usage("the suite reads its cases from standard input, which is a terminal")
                .hint("pipe them in: seatrial run suite.yaml < cases.jsonl"),
        );
    }
    let failed = |error: std::io::Error| {
        CliError::infrastructure(format!(
            "failed to put standard input into a file below {}: {error}",
            store.display()
        ))
    };
    std::fs::create_dir_all(store).map_err(failed)?;
    let mut spool = tempfile::Builder::new()
        .prefix("stdin-")
        .tempfile_in(store)
        .map_err(failed)?;
    let copied = copy(&mut input.lock().take(STDIN_BYTES_MAX + 1), spool.as_file_mut()).map_err(failed)?;
    if copied == 0 {
        return Err(
            CliError::usage("standard input is empty, expected the cases of the suite")
                .hint("pipe them in: seatrial run suite.yaml < cases.jsonl"),
        );
    }
    if copied > STDIN_BYTES_MAX {
        let gigabytes = STDIN_BYTES_MAX / (1024 * 1024 * 1024);
        return Err(
            CliError::usage(format!("standard input has more than {gigabytes} GiB"))
                .hint("write the cases into a file and name it with `path`"),
        );
    }
    Ok(spool)
}

fn copy(from: &mut impl Read, to: &mut File) -> std::io::Result<u64> {
    let copied = std::io::copy(from, to)?;
    to.flush()?;
    Ok(copied)
}
