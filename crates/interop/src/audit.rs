//! What an evaluation set-up has and lacks, read off the files that it consists of: suites, promptfoo configurations,
//! lm-eval tasks, CI files. Apart from running anything: it looks at text, never fails on odd files, and says where it
//! saw what it claims.

mod checks;
mod ci;
mod files;
mod setups;
mod yaml;

pub use checks::{CHECKS, Check, Need};
pub use files::{FILE_BYTES_MAX, FILES_MAX, FOLDERS_DEEP_MAX, Kind};

use crate::error::ImportError;
use checks::needs_of;
use seatrial_types::Pillar;
use serde::Serialize;
use std::path::Path;

/// What was found under a path.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audit {
    /// Files that say something of evaluation, sorted by path.
    pub files: Vec<AuditedFile>,
    /// Files looked at in all.
    pub files_seen: u64,
    /// The four pillars, and the quality that they stand on, in the order of reports.
    pub pillars: Vec<PillarAudit>,
    /// What is needed, the most urgent first.
    pub needs: Vec<Need>,
    /// What the reader should know: files that could not be read, limits that were reached, habits that hide failures.
    pub warnings: Vec<String>,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditedFile {
    /// Path below the one that was given.
    pub path: String,
    /// What it is.
    pub kind: Kind,
}

/// How a pillar stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PillarAudit {
    /// Pillar.
    pub pillar: Pillar,
    /// `covered`, `partly` or `nothing`.
    pub status: &'static str,
    /// What is there, with places.
    pub has: Vec<Evidence>,
    /// Ids of the checks for which nothing was found.
    pub lacks: Vec<&'static str>,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Evidence {
    /// Id of the check that it answers.
    pub check: &'static str,
    /// What, in a few words.
    pub what: String,
    /// File.
    pub file: String,
    /// 1-based line; `None` where it is the whole file.
    pub line: Option<u64>,
}

/// Everything that the readers collect.
#[derive(Debug, Default)]
struct Findings {
    evidence: Vec<Evidence>,
    warnings: Vec<String>,
    facts: Facts,
}

/// What advice is made of.
#[derive(Debug, Default)]
struct Facts {
    has_suite: bool,
    has_promptfoo: bool,
    has_lm_eval: bool,
    has_judge: bool,
    /// First suite, task and metric, so that advice names what is there.
    suite: Option<String>,
    task: Option<String>,
    metric: Option<String>,
}

/// Evidence of one check that is kept; more of the same says nothing new.
const EVIDENCE_MAX: usize = 20;

impl Findings {
    fn add(&mut self, check: &'static str, what: impl Into<String>, file: &str, line: Option<u64>) {
        let evidence = Evidence {
            check,
            what: what.into(),
            file: file.to_owned(),
            line,
        };
        let of_check = self.evidence.iter().filter(|known| known.check == check).count();
        if of_check < EVIDENCE_MAX && !self.evidence.contains(&evidence) {
            self.evidence.push(evidence);
        }
    }
}

/// Looks at a folder or a file.
///
/// # Errors
/// Only where the path itself cannot be looked at.
pub fn audit(path: &Path) -> Result<Audit, ImportError> {
    let listing = files::list(path)?;
    let mut findings = Findings {
        warnings: listing.warnings,
        ..Findings::default()
    };
    let mut audited = Vec::new();
    for file in &listing.files {
        let Some(kind) = files::read(file, &mut findings) else {
            continue;
        };
        audited.push(AuditedFile {
            path: file.shown.clone(),
            kind,
        });
    }
    audited.sort_by(|one, other| one.path.cmp(&other.path));
    findings.evidence.sort();
    let pillars = [
        Pillar::Quality,
        Pillar::Performance,
        Pillar::Safety,
        Pillar::Cost,
        Pillar::Reliability,
    ]
    .into_iter()
    .map(|pillar| pillar_audit(pillar, &findings))
    .collect();
    Ok(Audit {
        files: audited,
        files_seen: listing.files.len() as u64,
        pillars,
        needs: needs_of(&findings),
        warnings: findings.warnings,
    })
}

fn pillar_audit(pillar: Pillar, findings: &Findings) -> PillarAudit {
    let checks = || CHECKS.iter().filter(|check| check.pillar == pillar);
    let is_met = |check: &&Check| {
        findings
            .evidence
            .iter()
            .any(|evidence| evidence.check == check.id)
    };
    let has: Vec<Evidence> = findings
        .evidence
        .iter()
        .filter(|evidence| checks().any(|check| check.id == evidence.check))
        .cloned()
        .collect();
    let lacks: Vec<&'static str> = checks()
        .filter(|check| !is_met(check))
        .map(|check| check.id)
        .collect();
    let status = match (has.is_empty(), lacks.is_empty()) {
        (true, _) => "nothing",
        (false, true) => "covered",
        (false, false) => "partly",
    };
    PillarAudit {
        pillar,
        status,
        has,
        lacks,
    }
}
