//! Arguments on what is said and where it goes: how talkative every command is, and which reports a run writes.

use clap::{Args, ValueEnum};
use seatrial_report::JunitForm;
use std::path::PathBuf;

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArguments {
    /// Say only what went wrong; of the report, the verdict alone.
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say what is done, with what and for how long.
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
    /// How notes, warnings and errors are written to standard error.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORM")]
    pub(crate) log: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// A JSON object a line: time, level, message, and of errors hint and exit code.
    Json,
}

/// Forms of JUnit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum JunitShape {
    /// Keeps the schema of Jenkins's xUnit plug-in: numbers are lines [[PROPERTY|name=value]] of a test case's output.
    Strict,
    /// Properties, file and line of test cases, which GitLab, CircleCI and Jenkins's own step read.
    Rich,
}

impl JunitShape {
    pub(crate) const fn form(self) -> JunitForm {
        match self {
            Self::Strict => JunitForm::Strict,
            Self::Rich => JunitForm::Rich,
        }
    }
}

/// The reports of a run.
#[derive(Debug, Args)]
pub(crate) struct OutputArguments {
    /// Write the findings as JSON; `-` is standard output, and then the report goes to standard error.
    #[arg(long, value_name = "PATH")]
    pub(crate) json: Option<PathBuf>,
    /// Write JUnit XML: a test case for each gate and target.
    #[arg(long, value_name = "PATH")]
    pub(crate) junit: Option<PathBuf>,
    /// In the JUnit file, also a test case for each case, task and target.
    #[arg(long, requires = "junit")]
    pub(crate) junit_samples: bool,
    /// How the JUnit file tells numbers and places of a test case: as every schema allows, or as most readers understand.
    #[arg(long, value_enum, default_value_t = JunitShape::Strict, requires = "junit")]
    pub(crate) junit_form: JunitShape,
    /// Write Markdown that fits into a comment on a pull request.
    #[arg(long, value_name = "PATH")]
    pub(crate) markdown: Option<PathBuf>,
    /// Write a report for the browser: one file, without network.
    #[arg(long, value_name = "PATH")]
    pub(crate) html: Option<PathBuf>,
    /// In GitHub Actions, write neither step summary nor annotations nor outputs.
    #[arg(long)]
    pub(crate) no_github: bool,
}
