//! `seatrial demo`: the main job on three simulated models, offline, from the embedded suite to report files.

use super::cost;
use crate::args::DemoArguments;
use crate::baselines::BaselinesAt;
use crate::error::CliError;
use crate::output;
use crate::reports::{self, Outputs};
use crate::session::{self, Resume, Session};
use crate::wiring;
use seatrial_sim::{SimConfig, SimHandle};
use seatrial_types::ExitCode;
use std::path::Path;

const SUITE: &str = include_str!("../../assets/demo.yaml");
const CASES: &str = include_str!("../../assets/support.jsonl");
const RETURNS: &str = include_str!("../../assets/demo-roi.yaml");
const SIM: &str = include_str!("../../assets/demo-sim.json");
/// Stands in the embedded suite where the simulated provider's address goes.
const PLACEHOLDER: &str = "http://127.0.0.1:0/v1";

pub(crate) fn demo(arguments: &DemoArguments) -> Result<ExitCode, CliError> {
    let out = arguments.out.as_path();
    std::fs::create_dir_all(out)
        .map_err(|error| CliError::usage(format!("failed to create {}: {error}", out.display())))?;
    let suite_path = out.join("demo.yaml");
    output::write_whole(&out.join("support.jsonl"), CASES)?;

    let sim = SimHandle::spawn(sim_config(arguments.seed, out)?).map_err(|error| {
        CliError::infrastructure(format!("failed to start the simulated provider: {error}"))
    })?;
    let base_url = sim.base_url();
    let suite = format!(
        "seed: {}\n{}",
        arguments.seed,
        SUITE.replace(PLACEHOLDER, &base_url)
    );
    output::write_whole(&suite_path, &suite)?;

    let (draft, warnings) = seatrial_config::parse_suite(&suite, &suite_path, &wiring::vocabulary())
        .map_err(|problems| CliError::rendered(problems.render(output::colors_stderr())))?;
    let session = Session {
        draft,
        warnings: warnings.iter().map(ToString::to_string).collect(),
        suite_path: Some(suite_path.display().to_string()),
        store: out.join(".seatrial"),
        resume: Resume::No,
        retry_errors: false,
        ca_file: None,
        baselines: BaselinesAt::default(),
    };
    let findings = session::conduct(session)?;
    drop(sim);
    let files = ["findings.json", "junit.xml", "report.md", "report.html"].map(|name| out.join(name));
    let store = out.join(".seatrial");
    let outputs = Outputs {
        json: Some(&files[0]),
        junit: Some(&files[1]),
        markdown: Some(&files[2]),
        html: Some(&files[3]),
        ..Outputs::none(&store)
    };
    reports::write(&findings, &outputs)?;
    let names = files.each_ref().map(|file| file.display().to_string());
    output::stderr(&format!("report files: {}\n", names.join(", ")));
    let code = session::exit_code(&findings);
    if code != ExitCode::Interrupted {
        tell_returns(out, &store)?;
    }
    Ok(if arguments.gate || code == ExitCode::Interrupted {
        code
    } else {
        ExitCode::Pass
    })
}

/// Which tier is worth its price, by what was measured of it.
fn tell_returns(out: &Path, store: &Path) -> Result<(), CliError> {
    let path = out.join("roi.yaml");
    output::write_whole(&path, RETURNS)?;
    let text = cost::demo_returns(RETURNS, &path, store)?;
    output::write_whole(&out.join("roi.txt"), &text)?;
    output::stdout(&format!("\n{text}"))
}

fn sim_config(seed: u64, out: &Path) -> Result<SimConfig, CliError> {
    let mut value: serde_json::Value = serde_json::from_str(SIM).map_err(CliError::infrastructure)?;
    value["seed"] = seed.into();
    value["answers"] = out.join("support.jsonl").display().to_string().into();
    SimConfig::from_value(value).map_err(CliError::usage)
}
