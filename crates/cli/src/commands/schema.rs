//! `seatrial schema`: the JSON Schema of a file format. Suites, findings, the list of runs and `doctor` bring their own;
//! the results of the other commands are described here, each by its own keys: what all results share is added to them.

use crate::args::{SchemaArguments, SchemaName};
use crate::error::CliError;
use crate::output;
use crate::wiring;
use seatrial_types::ExitCode;
use serde_json::{Map, Value, json};

/// What several descriptions refer to.
const DEFINITIONS: &str = include_str!("schema/defs.json");

pub(crate) fn schema(arguments: &SchemaArguments) -> Result<ExitCode, CliError> {
    let text = schema_of(arguments.name)
        .and_then(|schema| serde_json::to_string_pretty(&schema))
        .map_err(CliError::infrastructure)?;
    output::stdout(&(text + "\n"))?;
    Ok(ExitCode::Pass)
}

fn schema_of(name: SchemaName) -> Result<Value, serde_json::Error> {
    let (id, own) = match name {
        SchemaName::Suite => return Ok(seatrial_config::schema(&wiring::vocabulary())),
        SchemaName::Findings => return seatrial_report::findings_schema(),
        SchemaName::ReportList => return seatrial_report::report_list_schema(),
        SchemaName::Doctor => return serde_json::from_str(crate::doctor::SCHEMA),
        SchemaName::ReportFlaky => (
            "seatrial.report.flaky/1",
            include_str!("schema/report-flaky.json"),
        ),
        SchemaName::GateSimulate => (
            "seatrial.gate.simulate/1",
            include_str!("schema/gate-simulate.json"),
        ),
        SchemaName::Plan => ("seatrial.plan/1", include_str!("schema/plan.json")),
        SchemaName::Compare => ("seatrial.compare/1", include_str!("schema/compare.json")),
        SchemaName::Audit => ("seatrial.audit/1", include_str!("schema/audit.json")),
        SchemaName::Baseline => {
            return serde_json::from_str(include_str!("schema/baseline.json"));
        }
        SchemaName::BaselineList => (
            "seatrial.baseline.list/1",
            include_str!("schema/baseline-list.json"),
        ),
        SchemaName::BaselineShow => (
            "seatrial.baseline.show/1",
            include_str!("schema/baseline-show.json"),
        ),
        SchemaName::BaselineDiff => (
            "seatrial.baseline.diff/1",
            include_str!("schema/baseline-diff.json"),
        ),
        SchemaName::Load => ("seatrial.load/1", include_str!("schema/load.json")),
        SchemaName::LoadCompare => (
            "seatrial.load.compare/1",
            include_str!("schema/load-compare.json"),
        ),
        SchemaName::LoadDiff => ("seatrial.load.diff/1", include_str!("schema/load-diff.json")),
        SchemaName::LoadSweep => ("seatrial.load.sweep/1", include_str!("schema/load-sweep.json")),
        SchemaName::LoadRuns => ("seatrial.load.runs/1", include_str!("schema/load-runs.json")),
        SchemaName::LoadSearch => ("seatrial.load.search/1", include_str!("schema/load-search.json")),
        SchemaName::Import => ("seatrial.import/1", include_str!("schema/import.json")),
        SchemaName::ImportPromptfoo => (
            "seatrial.import.promptfoo/1",
            include_str!("schema/import-promptfoo.json"),
        ),
        SchemaName::Export => ("seatrial.export/1", include_str!("schema/export.json")),
        SchemaName::StatsList => ("seatrial.stats.list/1", include_str!("schema/stats-list.json")),
        SchemaName::StatsProportion => (
            "seatrial.stats.proportion/1",
            include_str!("schema/stats-proportion.json"),
        ),
        SchemaName::StatsPower => ("seatrial.stats.power/1", include_str!("schema/stats-power.json")),
        SchemaName::StatsCompare => (
            "seatrial.stats.compare/1",
            include_str!("schema/stats-compare.json"),
        ),
        SchemaName::CostPrice => ("seatrial.cost.price/1", include_str!("schema/cost-price.json")),
        SchemaName::CostPricesList => (
            "seatrial.cost.prices.list/1",
            include_str!("schema/cost-prices-list.json"),
        ),
        SchemaName::CostPricesShow => (
            "seatrial.cost.prices.show/1",
            include_str!("schema/cost-prices-show.json"),
        ),
        SchemaName::CostPricesDiff => (
            "seatrial.cost.prices.diff/1",
            include_str!("schema/cost-prices-diff.json"),
        ),
        SchemaName::CostPricesImport => (
            "seatrial.cost.prices.import/1",
            include_str!("schema/cost-prices-import.json"),
        ),
        SchemaName::CostRun => ("seatrial.cost.run/1", include_str!("schema/cost-run.json")),
        SchemaName::CostReplay => ("seatrial.cost.replay/1", include_str!("schema/cost-replay.json")),
        SchemaName::CostTco => ("seatrial.cost.tco/1", include_str!("schema/cost-tco.json")),
        SchemaName::CostRoi => ("seatrial.cost.roi/1", include_str!("schema/cost-roi.json")),
        SchemaName::CostRisk => ("seatrial.cost.risk/1", include_str!("schema/cost-risk.json")),
        SchemaName::CostPareto => ("seatrial.cost.pareto/1", include_str!("schema/cost-pareto.json")),
        SchemaName::CostRoute => ("seatrial.cost.route/1", include_str!("schema/cost-route.json")),
        SchemaName::TextBleu => ("seatrial.text.bleu/1", include_str!("schema/text-metric.json")),
        SchemaName::TextChrf => ("seatrial.text.chrf/1", include_str!("schema/text-metric.json")),
        SchemaName::TextTer => ("seatrial.text.ter/1", include_str!("schema/text-metric.json")),
        SchemaName::TextRouge => ("seatrial.text.rouge/1", include_str!("schema/text-rouge.json")),
    };
    result_schema(id, own)
}

/// The schema of a result: what every result has, then its own keys.
fn result_schema(id: &str, own: &str) -> Result<Value, serde_json::Error> {
    let own: Value = serde_json::from_str(own)?;
    let mut properties = json!({
        "schema": {"const": id},
        "tool_version": {"type": "string"},
        "exit_code": {"type": "integer", "minimum": 0, "maximum": 255},
        "warnings": {"type": "array", "items": {"type": "string"}},
    });
    let mut required = vec!["schema", "tool_version", "exit_code", "warnings"];
    if let (Value::Object(all), Value::Object(own)) = (&mut properties, &own["properties"]) {
        all.extend(own.clone());
    }
    required.extend(
        own["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str),
    );
    let about = own["description"].as_str().unwrap_or_default();
    let definitions: Map<String, Value> = serde_json::from_str(DEFINITIONS)?;
    Ok(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": id,
        "title": own["title"],
        "description": format!("{about} Readers ignore keys that they do not know; unknown is null."),
        "type": "object",
        "required": required,
        "properties": properties,
        "$defs": definitions,
    }))
}
