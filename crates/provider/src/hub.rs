//! Datasets of a hub that speaks the API of huggingface.co: which files a revision has, which of them are meant, and
//! where they lie on this machine. Not a call to a model: nothing of it is measured. Apart from the readers of datasets,
//! which know files and no network.

mod cache;
mod choose;

use crate::fetch::{FetchError, FetchErrorKind, Fetcher, Sink};
use cache::{Cache, Listing};
use seatrial_types::Secret;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

pub use cache::CACHE_BYTES_MAX;
pub use choose::{Choice, FILES_MAX, choose};

/// Address of the hub where nothing else is said.
pub const DEFAULT_ENDPOINT: &str = "https://huggingface.co";
/// Largest single file.
pub const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024 * 1024;
/// Largest list of a repository's files.
pub const LISTING_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// What to fetch, and with what.
#[derive(Debug)]
pub struct HubRequest {
    /// Address of the hub, such as [`DEFAULT_ENDPOINT`].
    pub endpoint: String,
    /// `owner/name`, or a bare `name`.
    pub repository: String,
    /// Commit, branch or tag; `None` is `main`.
    pub revision: Option<String>,
    /// Which files.
    pub choice: Choice,
    /// Token, for what is not open to everybody.
    pub token: Option<Secret>,
    /// Folder of the cache; made where it is missing.
    pub cache: PathBuf,
    /// Whether only what is in the cache may be used.
    pub offline: bool,
    /// Longest silence of the hub.
    pub patience: Duration,
    /// PEM file with certificates to trust beside the system's.
    pub extra_ca: Option<PathBuf>,
}

/// A dataset on this machine.
#[derive(Debug, PartialEq, Eq)]
pub struct HubFiles {
    /// The commit that the revision means.
    pub commit: String,
    /// At least one, in the order of their names.
    pub files: Vec<HubFile>,
    /// What the reader should know although it worked.
    pub notes: Vec<String>,
}

/// A file on this machine.
#[derive(Debug, PartialEq, Eq)]
pub struct HubFile {
    /// Its name in the repository.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
}

/// Why a dataset could not be fetched.
#[derive(Debug, thiserror::Error)]
#[error("{dataset}: {problem}")]
pub struct HubError {
    /// The dataset as it is written in a suite.
    pub dataset: String,
    /// What was found and what was expected.
    pub problem: String,
    /// What to do.
    pub hint: String,
    /// Whether the network, the hub or the disk failed, and not what was asked for.
    pub is_infrastructure: bool,
}

/// Answer of `/api/datasets/{repository}/revision/{revision}`, as far as it is needed.
#[derive(Debug, Deserialize)]
struct RevisionAnswer {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Debug, Deserialize)]
struct Sibling {
    rfilename: String,
}

/// Finds out which files are meant and brings them here; what is here already is not fetched again.
///
/// # Errors
/// Where the hub does not have the dataset or does not give it out, the choice fits no files or several sets of them,
/// or network or disk fail and the cache cannot help.
pub async fn fetch(request: &HubRequest) -> Result<HubFiles, HubError> {
    let hub = Hub {
        request,
        cache: Cache::new(&request.cache),
        fetcher: Fetcher::try_new(
            &request.endpoint,
            request.token.clone(),
            request.extra_ca.as_deref(),
            request.patience,
        )
        .map_err(|problem| HubError {
            dataset: written(request),
            problem: format!("the hub's address `{}` {problem}", request.endpoint),
            hint: "check HF_ENDPOINT".to_owned(),
            is_infrastructure: false,
        })?,
    };
    let mut notes = Vec::new();
    let listing = hub.listing(&mut notes).await?;
    let names =
        choose(&listing.files, &request.choice).map_err(|(problem, hint)| hub.wrong(problem, hint))?;
    let mut files = Vec::with_capacity(names.len());
    for name in names {
        let path = hub.file(&listing.commit, &name).await?;
        files.push(HubFile { name, path });
    }
    let needed: Vec<&PathBuf> = files.iter().map(|file| &file.path).collect();
    hub.cache.prune(&needed, CACHE_BYTES_MAX);
    Ok(HubFiles {
        commit: listing.commit,
        files,
        notes,
    })
}

fn written(request: &HubRequest) -> String {
    match &request.revision {
        Some(revision) => format!("hf:{}@{revision}", request.repository),
        None => format!("hf:{}", request.repository),
    }
}

struct Hub<'a> {
    request: &'a HubRequest,
    cache: Cache,
    fetcher: Fetcher,
}

impl Hub<'_> {
    fn wrong(&self, problem: impl Into<String>, hint: impl Into<String>) -> HubError {
        HubError {
            dataset: written(self.request),
            problem: problem.into(),
            hint: hint.into(),
            is_infrastructure: false,
        }
    }

    fn revision(&self) -> &str {
        self.request.revision.as_deref().unwrap_or("main")
    }

    /// The files of the revision: from the cache where they cannot have changed or nothing else can be had.
    async fn listing(&self, notes: &mut Vec<String>) -> Result<Listing, HubError> {
        let request = self.request;
        let key_of = |revision: &str| format!("{}|{}|{revision}", request.endpoint, request.repository);
        let key = key_of(self.revision());
        let known = self.cache.listing(&key);
        if let Some(known) = known.as_ref().filter(|known| known.commit == self.revision()) {
            return Ok(known.clone());
        }
        if request.offline {
            return known.ok_or_else(|| {
                self.wrong(
                    "HF_HUB_OFFLINE is set, and this revision was not fetched before",
                    "run once with the network, or unset HF_HUB_OFFLINE",
                )
            });
        }
        let root = request.endpoint.trim_end_matches('/');
        let url = format!(
            "{root}/api/datasets/{}/revision/{}",
            request.repository,
            encoded(self.revision(), false)
        );
        let mut bytes = Vec::new();
        let fetched = self
            .fetcher
            .get(&url, LISTING_BYTES_MAX, Sink::Memory(&mut bytes))
            .await;
        if let Err(error) = fetched {
            if let (true, Some(known)) = (error.is_passing(), known) {
                notes.push(format!(
                    "{}: the hub cannot be asked ({}); taking commit {}, to which the revision was resolved before",
                    written(request),
                    error.problem,
                    known.commit
                ));
                return Ok(known);
            }
            return Err(self.explain(&error, "the revision"));
        }
        let answer: RevisionAnswer = serde_json::from_slice(&bytes).map_err(|error| {
            let mut wrong = self.wrong(
                format!("the hub's list of files cannot be read: {error}"),
                "is HF_ENDPOINT the address of a hub?",
            );
            wrong.is_infrastructure = true;
            wrong
        })?;
        if answer.sha.is_empty() || !answer.sha.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(self.wrong("the hub names no commit", "is HF_ENDPOINT the address of a hub?"));
        }
        let listing = Listing {
            commit: answer.sha,
            files: answer
                .siblings
                .into_iter()
                .map(|sibling| sibling.rfilename)
                .collect(),
        };
        // Under its commit too: whoever pins what was recorded needs no further call.
        for key in [key, key_of(&listing.commit)] {
            self.cache
                .put_listing(&key, &listing)
                .map_err(|error| self.disk(&error))?;
        }
        Ok(listing)
    }

    /// A file of a commit on this machine.
    async fn file(&self, commit: &str, name: &str) -> Result<PathBuf, HubError> {
        let request = self.request;
        let key = format!("{}|{}|{commit}|{name}", request.endpoint, request.repository);
        if let Some(path) = self.cache.file(&key) {
            return Ok(path);
        }
        if request.offline {
            return Err(self.wrong(
                format!("HF_HUB_OFFLINE is set, and `{name}` is not in the cache"),
                "run once with the network, or unset HF_HUB_OFFLINE",
            ));
        }
        let root = request.endpoint.trim_end_matches('/');
        let url = format!(
            "{root}/datasets/{}/resolve/{commit}/{}",
            request.repository,
            encoded(name, true)
        );
        let mut spool = self.cache.spool().map_err(|error| self.disk(&error))?;
        self.fetcher
            .get(&url, FILE_BYTES_MAX, Sink::File(spool.as_file_mut()))
            .await
            .map_err(|error| self.explain(&error, name))?;
        self.cache
            .put_file(&key, spool)
            .map_err(|error| self.disk(&error))
    }

    fn disk(&self, error: &std::io::Error) -> HubError {
        HubError {
            is_infrastructure: true,
            ..self.wrong(
                format!(
                    "failed to write into the cache {}: {error}",
                    self.request.cache.display()
                ),
                "is there room on the disk, and may this user write there?",
            )
        }
    }

    /// What a failed fetch means here, and what to do about it.
    fn explain(&self, error: &FetchError, what: &str) -> HubError {
        let has_token = self.request.token.is_some();
        let is_gated = error.problem.contains("GatedRepo");
        let hint = match error.kind {
            FetchErrorKind::Status(_) if is_gated => {
                "ask for access on the dataset's page, and export a token that has it: HF_TOKEN=…".to_owned()
            }
            FetchErrorKind::Status(401 | 403) if has_token => {
                "the token does not open this dataset; is the name right?".to_owned()
            }
            FetchErrorKind::Status(401 | 403) => {
                "the dataset does not exist or is not open; export a token: HF_TOKEN=…".to_owned()
            }
            FetchErrorKind::Status(404) if error.problem.contains("RevisionNotFound") => {
                "name a commit, a branch or a tag of the repository after the `@`".to_owned()
            }
            FetchErrorKind::Status(404) => "check owner, name and revision".to_owned(),
            FetchErrorKind::Status(429) => "wait, or export a token: HF_TOKEN=…".to_owned(),
            FetchErrorKind::TooLarge => "choose a smaller part with `glob`, or convert the file".to_owned(),
            FetchErrorKind::Invalid => "is HF_ENDPOINT the address of a hub?".to_owned(),
            FetchErrorKind::Disk => "is there room on the disk?".to_owned(),
            FetchErrorKind::Network | FetchErrorKind::Status(_) => error
                .hint
                .map_or_else(|| "is the hub reachable from here?".to_owned(), str::to_owned),
        };
        let refused = matches!(
            error.kind,
            FetchErrorKind::Status(400..=428 | 430..=499) | FetchErrorKind::TooLarge
        );
        HubError {
            is_infrastructure: !refused,
            ..self.wrong(
                format!(
                    "failed to fetch {what} from {}: {}",
                    self.request.endpoint, error.problem
                ),
                hint,
            )
        }
    }
}

/// Percent-encoded for a path; slashes stay where they part names.
fn encoded(text: &str, keeps_slashes: bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
        if is_plain || (byte == b'/' && keeps_slashes) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
