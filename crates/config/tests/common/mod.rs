//! A small vocabulary and the folders of suites, shared by the tests of this crate. Apart, because the real scorers
//! live on a higher floor.

use seatrial_config::{MetricEntry, OptionEntry, OptionShape, ScorerEntry, Vocabulary};
use seatrial_types::{MetricKind, Pillar, Unit};
use std::path::PathBuf;

const fn option(name: &'static str, shape: OptionShape, required: bool) -> OptionEntry {
    OptionEntry {
        name,
        shape,
        what: "an option of the tests",
        required,
    }
}

const fn metric(name: &'static str, kind: MetricKind, unit: Unit) -> MetricEntry {
    MetricEntry {
        name,
        kind,
        unit,
        pillar: Pillar::Quality,
    }
}

const SHARE: &[MetricEntry] = &[metric("", MetricKind::Binary, Unit::Share)];

/// One scorer for each way in which scorers differ.
pub(crate) fn vocabulary() -> Vocabulary {
    let entry = |name, what, options, metrics| ScorerEntry {
        name,
        what,
        options,
        metrics,
    };
    Vocabulary {
        scorers: vec![
            entry(
                "exact_match",
                "whether answer and reference are the same",
                &[],
                SHARE,
            ),
            entry(
                "contains",
                "whether the answer contains a text",
                const {
                    &[
                        option("text", OptionShape::TextOrList, false),
                        option("ignore_case", OptionShape::Bool, false),
                    ]
                },
                SHARE,
            ),
            entry(
                "regex",
                "whether a pattern is found",
                const { &[option("pattern", OptionShape::Text, true)] },
                SHARE,
            ),
            entry(
                "numeric",
                "whether two numbers are near each other",
                const {
                    &[
                        option("tolerance", OptionShape::Number, false),
                        option("mode", OptionShape::Choice(&["absolute", "relative"]), false),
                        option("extra", OptionShape::Any, false),
                    ]
                },
                SHARE,
            ),
            entry(
                "rouge",
                "overlap with the reference",
                &[],
                const {
                    &[
                        metric("rouge1", MetricKind::Bounded, Unit::Score),
                        metric("rougeL", MetricKind::Bounded, Unit::Score),
                    ]
                },
            ),
            entry(
                "elsewhere",
                "judged by code elsewhere",
                const {
                    &[
                        option("command", OptionShape::TextOrList, true),
                        option("metrics", OptionShape::Metrics, false),
                    ]
                },
                seatrial_config::DECLARED,
            ),
            entry(
                "similarity",
                "nearness of meaning",
                const {
                    &[
                        option("model", OptionShape::Model, true),
                        option("threshold", OptionShape::Threshold, false),
                    ]
                },
                const { &[metric("", MetricKind::Real, Unit::Score)] },
            ),
            entry(
                "all_of",
                "whether all of these are right",
                const { &[option("of", OptionShape::Scorers, true)] },
                SHARE,
            ),
            entry(
                "json_schema",
                "whether a schema accepts the answer",
                const { &[option("schema", OptionShape::Document, true)] },
                SHARE,
            ),
            entry(
                "length",
                "characters of the answer",
                &[],
                const { &[metric("", MetricKind::Real, Unit::Count)] },
            ),
        ],
    }
}

/// The suite files of a folder, sorted by name, as name and text. Line ends are those of the file.
pub(crate) fn suites(folder: &str) -> Vec<(String, PathBuf, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/suites")
        .join(folder);
    let entries = std::fs::read_dir(folder).expect("the folder of suites is part of the tests");
    let paths = entries.map(|entry| entry.expect("its entries can be read").path());
    let mut files: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| {
            let name = path.file_stem().and_then(|name| name.to_str());
            let name = name.expect("suites have names").to_owned();
            let text = std::fs::read_to_string(&path).expect("suites are UTF-8");
            (name, path, text)
        })
        .collect();
    files.sort();
    files
}
