//! The archive form `.eval`: a zip whose entries are packed with Zstandard (method 93) or deflate. Apart because a zip
//! is hostile until shown otherwise: every entry has a limit in bytes and in how far it may expand.

use super::header::Header;
use super::sample::Sample;
use crate::error::ImportError;
use crate::foreign::{FileFacts, OnSample, Tally};
use crate::tolerant::Tolerant;
use rawzip::{CompressionMethod, ErrorKind, FileReader, ZipArchive, ZipArchiveEntryWayfinder};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::io::{BufReader, Read};
use std::path::Path;

/// Most entries of an archive.
const ENTRIES_MAX: u64 = 5_000_000;
/// Most bytes that one entry may unpack to.
const ENTRY_BYTES_MAX: u64 = 1 << 30;
/// An entry may unpack to this many bytes whatever its packed size …
const EXPANSION_FREE_BYTES: u64 = 64 << 20;
/// … and beyond that to this many times its packed size. Logs shrink to a twentieth; bombs to a thousandth.
const EXPANSION_MAX: u64 = 500;
const BUFFER_BYTES: usize = 256 * 1024;

const HEADER: &str = "header.json";
const JOURNAL_START: &str = "_journal/start.json";

struct Archive<'a> {
    path: &'a Path,
    zip: ZipArchive<FileReader>,
    entries: HashMap<String, Entry>,
}

#[derive(Clone, Copy)]
struct Entry {
    wayfinder: ZipArchiveEntryWayfinder,
    method: CompressionMethod,
    packed: u64,
    offset: u64,
}

pub(super) fn read(path: &Path, f: OnSample<'_>) -> Result<FileFacts, ImportError> {
    let archive = Archive::open(path)?;
    let (header, is_recovered): (Header, bool) = if archive.entries.contains_key(HEADER) {
        (archive.json(HEADER, "the header of an Inspect log")?, false)
    } else if archive.entries.contains_key(JOURNAL_START) {
        (archive.json(JOURNAL_START, "the start of an Inspect log")?, true)
    } else {
        let problem = format!("found neither `{HEADER}` nor `{JOURNAL_START}` in the archive");
        return Err(ImportError::new(
            path,
            problem,
            "this is a zip, but no Inspect log",
        ));
    };
    header.check(path)?;
    let mut tally = Tally::default();
    for name in archive.samples() {
        let mut sample: Sample = archive.json(&name, "a sample of an Inspect log")?;
        if let Some(folder) = name.strip_suffix(SHELL) {
            tally.add(
                "a sample is chunked: its conversation is the input of the case, messages in between are left out",
                &name,
            );
            let metadata = format!("{folder}/metadata.json");
            if archive.entries.contains_key(&metadata) {
                let metadata: Map<String, Value> = archive.json(&metadata, "metadata of a sample")?;
                sample.set_metadata(metadata);
            }
        }
        f(sample.into_foreign(&header, &name, &mut tally))?;
    }
    let mut facts = header.facts(is_recovered);
    facts.warnings.extend(tally.into_warnings());
    Ok(facts)
}

/// End of the name of the entry that a chunked sample starts with.
const SHELL: &str = "/sample.json";

impl<'a> Archive<'a> {
    fn open(path: &'a Path) -> Result<Self, ImportError> {
        let file = crate::text_file::open(path)?;
        let file_bytes = file
            .metadata()
            .map_err(|error| ImportError::io(path, "look at the file", &error))?
            .len();
        let broken = |error: rawzip::Error| match error.into_kind() {
            ErrorKind::IO(error) => ImportError::io(path, "read the archive", &error),
            ErrorKind::MissingEndOfCentralDirectory => ImportError::new(
                path,
                "the archive has no end: its list of entries is missing",
                "the file was cut off or is still being written; copy it again, or let Inspect recover it",
            ),
            kind => ImportError::new(
                path,
                format!("the archive is damaged: {kind}"),
                "copy the file again",
            ),
        };
        let mut buffer = vec![0; rawzip::MAX_CENTRAL_DIRECTORY_RECORD_SIZE];
        let zip = ZipArchive::from_file(file, &mut buffer).map_err(broken)?;
        let mut entries = HashMap::new();
        let (mut packed_sum, mut count) = (0_u64, 0_u64);
        let mut listing = zip.entries(&mut buffer);
        while let Some(entry) = listing.next_entry().map_err(broken)? {
            count += 1;
            packed_sum = packed_sum.saturating_add(entry.compressed_size_hint());
            if count > ENTRIES_MAX || packed_sum > file_bytes {
                let problem = if count > ENTRIES_MAX {
                    format!("more than {ENTRIES_MAX} entries")
                } else {
                    "its entries claim more bytes than the file has: they overlap".to_owned()
                };
                return Err(ImportError::new(
                    path,
                    problem,
                    "this archive was not written by Inspect",
                ));
            }
            let name = String::from_utf8_lossy(entry.file_path().as_bytes()).into_owned();
            let entry = Entry {
                wayfinder: entry.wayfinder(),
                method: entry.compression_method(),
                packed: entry.compressed_size_hint(),
                offset: entry.local_header_offset(),
            };
            // An entry that is written again replaces the one before.
            entries.insert(name, entry);
        }
        Ok(Self { path, zip, entries })
    }

    /// Entries that hold a sample, in the order in which they were written.
    fn samples(&self) -> Vec<String> {
        let mut names: Vec<(u64, &String)> = self
            .entries
            .iter()
            .filter(|(name, _)| is_sample(name))
            .map(|(name, entry)| (entry.offset, name))
            .collect();
        names.sort_unstable();
        names.into_iter().map(|(_, name)| name.clone()).collect()
    }

    fn json<T: DeserializeOwned>(&self, name: &str, what: &str) -> Result<T, ImportError> {
        let at = |error: ImportError| error.at(format!("entry {name}"));
        let Some(entry) = self.entries.get(name) else {
            let error = ImportError::new(self.path, "the entry is missing", "copy the file again");
            return Err(at(error));
        };
        let damaged = |error: &dyn std::fmt::Display| {
            at(ImportError::new(
                self.path,
                format!("the entry is damaged: {error}"),
                "copy the file again",
            ))
        };
        let found = self
            .zip
            .get_entry(entry.wayfinder)
            .map_err(|error| damaged(&error))?;
        let packed = BufReader::with_capacity(BUFFER_BYTES, found.reader());
        let unpacked: Box<dyn Read + '_> = match entry.method {
            CompressionMethod::STORE => Box::new(packed),
            CompressionMethod::DEFLATE => Box::new(flate2::bufread::DeflateDecoder::new(packed)),
            CompressionMethod::ZSTD => {
                Box::new(zstd::stream::read::Decoder::with_buffer(packed).map_err(|error| damaged(&error))?)
            }
            other => {
                let problem =
                    format!("the entry is packed with method {other:?}, expected Zstandard or deflate");
                return Err(at(ImportError::new(
                    self.path,
                    problem,
                    "convert the log: inspect log convert --to json",
                )));
            }
        };
        let limit = EXPANSION_FREE_BYTES
            .max(entry.packed.saturating_mul(EXPANSION_MAX))
            .min(ENTRY_BYTES_MAX);
        let bounded = Bounded {
            inner: found.verifying_reader(unpacked),
            left: limit,
            limit,
        };
        let text = Tolerant::new(BufReader::with_capacity(BUFFER_BYTES, bounded));
        serde_json::from_reader(BufReader::with_capacity(BUFFER_BYTES, text)).map_err(|error| {
            if error.is_io() {
                damaged(&error)
            } else {
                at(ImportError::json(self.path, what, &error))
            }
        })
    }
}

fn is_sample(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("samples/") else {
        return false;
    };
    let stem = rest.strip_suffix(SHELL).or_else(|| rest.strip_suffix(".json"));
    let epoch = stem.and_then(|stem| stem.rsplit_once("_epoch_"));
    epoch.is_some_and(|(_, epoch)| !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Ends with an error where more than `limit` bytes come out.
struct Bounded<R> {
    inner: R,
    left: u64,
    limit: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(out)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => {
                self.left = left;
                Ok(read)
            }
            None => Err(std::io::Error::other(format!(
                "it unpacks to more than {} bytes, too much for its size",
                self.limit
            ))),
        }
    }
}
