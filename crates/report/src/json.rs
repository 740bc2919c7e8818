//! Findings as JSON, and the schema that this JSON keeps.

use seatrial_types::Findings;
use serde_json::Value;

/// The findings as pretty-printed JSON with a final line break. NaN cannot occur: findings hold `null` instead.
///
/// # Errors
/// Never in practice; the signature keeps a serialiser's failure from becoming a panic.
pub fn findings_json(findings: &Findings) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(findings).map(|text| text + "\n")
}

/// JSON Schema (2020-12) of `seatrial.findings/1`.
///
/// # Errors
/// Never in practice: the text is part of the program and a test parses it.
pub fn findings_schema() -> Result<Value, serde_json::Error> {
    serde_json::from_str(include_str!("../schemas/findings.json"))
}

/// JSON Schema (2020-12) of `seatrial.report.list/1`.
///
/// # Errors
/// Never in practice: the text is part of the program and a test parses it.
pub fn report_list_schema() -> Result<Value, serde_json::Error> {
    serde_json::from_str(include_str!("../schemas/report-list.json"))
}
