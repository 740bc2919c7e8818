//! `seatrial sim`: a simulated provider on loopback.

use crate::args::SimArguments;
use crate::error::CliError;
use crate::output;
use seatrial_sim::{Sim, SimConfig};
use seatrial_types::ExitCode;
use std::path::Path;

pub(crate) fn sim(arguments: &SimArguments) -> Result<ExitCode, CliError> {
    let config = match &arguments.config {
        Some(path) => read_config(path)?,
        None => SimConfig::from_value(serde_json::json!({"personas": [{"model": "sim", "unknown": "ok"}]}))
            .map_err(CliError::usage)?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::infrastructure(format!("failed to start the network runtime: {error}")))?;
    runtime.block_on(async {
        let sim = Sim::bind(arguments.listen, config)
            .map_err(|error| CliError::usage(format!("failed to listen on {}: {error}", arguments.listen)))?;
        let address = sim.local_addr();
        output::stdout(&format!(
            "{}\n",
            serde_json::json!({"listening": format!("http://{address}")})
        ))?;
        let mut stop = crate::signals::listen();
        sim.run(async move {
            let _ = stop.changed().await;
        })
        .await
        .map_err(|error| CliError::infrastructure(format!("the simulated provider failed: {error}")))?;
        Ok(ExitCode::Pass)
    })
}

fn read_config(path: &Path) -> Result<SimConfig, CliError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| CliError::usage(format!("failed to read {}: {error}", path.display())))?;
    let mut value = seatrial_config::load_yaml_value(&text, path)
        .map_err(|problems| CliError::rendered(problems.render(output::colors_stderr())))?;
    // Paths in a file are relative to the file, as in suites.
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    for key in ["answers", "log_file"] {
        if let Some(written) = value.get(key).and_then(|value| value.as_str()) {
            let resolved = folder.join(written).display().to_string();
            value[key] = resolved.into();
        }
    }
    SimConfig::from_value(value).map_err(|error| CliError::usage(format!("{}: {error}", path.display())))
}
