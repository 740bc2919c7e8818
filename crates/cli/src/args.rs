//! The command line. A command is listed only when it works.

pub(crate) mod baseline;
pub(crate) mod ci;
pub(crate) mod compare;
pub(crate) mod cost;
mod doctor;
mod examples;
pub(crate) mod figures;
mod gate;
mod interop;
mod load;
mod load_cases;
pub(crate) mod load_compare;
mod load_inputs;
mod load_series;
mod load_server;
mod load_turns;
mod output;
pub(crate) mod pareto;
mod plan;
mod report;
mod simulate;
pub(crate) mod text_metrics;

use crate::caps::CapArguments;
pub(crate) use baseline::BaselineArguments;
use clap::{Args, Parser, Subcommand, ValueEnum};
pub(crate) use doctor::DoctorArguments;
pub(crate) use gate::{GateArguments, GateCommand};
pub(crate) use interop::{ImportArguments, ImportCommand, PromptfooArguments};
pub(crate) use simulate::{RateColumns, RateModelArgument, SimulateArguments, SpreadArgument};

pub(crate) use load::{LoadApi, LoadArguments, LoadEndpoint, LoadProvider, LoadShape};
pub(crate) use load_inputs::LoadFind;
pub(crate) use load_turns::{LoadHistory, LoadTurns};
pub(crate) use output::{GlobalArguments, LogFormat, OutputArguments};
pub(crate) use plan::{AuditArguments, PlanArguments};
pub(crate) use report::{
    CompletionsArguments, ReportArguments, ReportCommand, ReportFlakyArguments, ReportFormat,
    ReportListArguments,
};
use std::net::SocketAddr;
use std::path::PathBuf;

use examples::{
    DEMO_EXAMPLES, EXPORT_EXAMPLES, RUN_EXAMPLES, SCHEMA_EXAMPLES, SIM_EXAMPLES, STATS_EXAMPLES,
    TEXT_EXAMPLES,
};

/// Folder of the record where nobody names one.
pub(crate) const STORE_DEFAULT: &str = ".seatrial";
/// Variable that names the folder of the record.
pub(crate) const STORE_VARIABLE: &str = "SEATRIAL_STORE";

const EXIT_CODES: &str = "Exit codes: 0 pass · 1 gate failed · 2 usage or configuration error · 3 inconclusive where the \
policy says fail · 4 errors above the cap · 5 budget cap reached · 6 baseline missing or incompatible · 7 critical safety \
violation · 8 the measuring client was saturated · 130 interrupted, resumable";

/// Says, with error bars, whether a language model or a prompt change is ready for production.
#[derive(Debug, Parser)]
#[command(name = "seatrial", version, about, after_help = EXIT_CODES, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: GlobalArguments,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Evaluate the targets of a suite: ask, score, record, report, decide.
    Run(RunArguments),
    /// Run the main job offline on three simulated models.
    Demo(DemoArguments),
    /// Make a report of a recorded run: text, Markdown, HTML, JSON, JUnit, or what GitHub and GitLab read.
    Report(ReportArguments),
    /// Hold runs against each other: what got better or worse, for certain or not, and what flipped.
    Compare(compare::CompareRunsArguments),
    /// Tell what a suite will take and what its gates will be able to see; no call is made.
    Plan(PlanArguments),
    /// Look at the files of an evaluation set-up: what the pillars have, lack, and need first.
    Audit(AuditArguments),
    /// Decide on a recorded run again, by the gates that a suite has now; nothing is asked.
    Gate(GateArguments),
    /// Keep a good run as what later ones are compared with: bless, list, show, diff, rm.
    Baseline(BaselineArguments),
    /// Write the samples of a recorded run.
    Export(ExportArguments),
    /// Put what another tool recorded on record: Inspect, lm-evaluation-harness, OpenAI Evals, rows of results.
    #[command(after_long_help = interop::IMPORT_EXAMPLES)]
    Import {
        #[command(subcommand)]
        command: ImportCommand,
    },
    /// Put load on an endpoint: latency and throughput, and how much of them is this client's own.
    Load(Box<load_compare::LoadCommandLine>),
    /// Serve a simulated provider on loopback, for trials and tests.
    Sim(SimArguments),
    /// Calculate statistics: the calculator, its list of functions, and figures for people.
    #[command(after_long_help = STATS_EXAMPLES)]
    Stats {
        #[command(subcommand)]
        command: StatsCommand,
    },
    /// Calculate text metrics: the same calculator.
    #[command(after_long_help = TEXT_EXAMPLES)]
    Text {
        #[command(subcommand)]
        command: TextCommand,
    },
    /// Prices, what answers cost, and which model and deployment to choose.
    #[command(after_long_help = cost::COST_EXAMPLES)]
    Cost {
        #[command(subcommand)]
        command: cost::CostCommand,
    },
    /// Pipelines for CI systems.
    Ci {
        #[command(subcommand)]
        command: ci::CiCommand,
    },
    /// Say what is in the way of a run: keys, network, clock, certificates, record.
    Doctor(DoctorArguments),
    /// Print the JSON Schema of a file format.
    Schema(SchemaArguments),
    /// Print the completions of a shell.
    Completions(CompletionsArguments),
}

#[derive(Debug, Subcommand)]
pub(crate) enum StatsCommand {
    /// Answer calls on standard input, a JSON object a line: {"id": …, "fn": "wilson", "input": {…}}.
    Eval,
    /// List all functions with their inputs and outputs.
    List(ListArguments),
    /// Intervals of a share such as 187/200.
    Proportion(figures::ProportionArguments),
    /// Size, difference or power of a comparison: give two, get the third.
    Power(figures::PowerArguments),
    /// Compare two systems by their scores on the same cases.
    Compare(figures::CompareArguments),
}

#[derive(Debug, Subcommand)]
pub(crate) enum TextCommand {
    /// Answer calls on standard input, a JSON object a line: {"id": …, "fn": "rouge", "input": {…}}.
    Eval,
    /// List all functions with their inputs and outputs.
    List(ListArguments),
    /// BLEU of hypotheses against references, as sacrebleu computes it, with an interval.
    Bleu(text_metrics::BleuArguments),
    /// chrF or chrF++, as sacrebleu computes it, with an interval.
    Chrf(text_metrics::ChrfArguments),
    /// TER, as sacrebleu computes it, with an interval.
    Ter(text_metrics::TerArguments),
    /// ROUGE, as rouge-score computes it, with intervals.
    Rouge(text_metrics::RougeArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// As one JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StoreArguments {
    /// Folder of the record.
    #[arg(long, env = STORE_VARIABLE, default_value = STORE_DEFAULT, value_name = "DIR")]
    pub(crate) store: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_long_help = RUN_EXAMPLES)]
pub(crate) struct RunArguments {
    /// The suite (YAML).
    pub(crate) suite: PathBuf,
    /// Continue the newest unfinished run of this plan; report again where it is finished; start where there is none.
    #[arg(long, conflicts_with = "resume_run")]
    pub(crate) resume: bool,
    /// Continue this run; `latest` is the newest one on record.
    #[arg(long, value_name = "ID")]
    pub(crate) resume_run: Option<String>,
    /// With --resume or --resume-run: ask again for samples that ended in an error, of a finished run too.
    #[arg(long)]
    pub(crate) retry_errors: bool,
    /// Score the answers of a finished run again with the scorers of this suite, without asking any target: a new run
    /// that names its source. RUN is an id or `latest`.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["resume", "resume_run", "retry_errors"])]
    pub(crate) rescore: Option<String>,
    /// PEM file with certificates to trust beside the system's.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) caps: CapArguments,
    #[command(flatten)]
    pub(crate) baseline: baseline::BaselineUseArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Args)]
#[command(after_long_help = DEMO_EXAMPLES)]
pub(crate) struct DemoArguments {
    /// Seed of the simulated answers and of everything drawn.
    #[arg(long, default_value_t = 7)]
    pub(crate) seed: u64,
    /// Folder for the report files and the record.
    #[arg(long, default_value = "demo-out", value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Exit with the code of the gates instead of 0.
    #[arg(long)]
    pub(crate) gate: bool,
}

#[derive(Debug, Args)]
#[command(after_long_help = EXPORT_EXAMPLES)]
pub(crate) struct ExportArguments {
    /// Id of the run; `latest` is the newest one.
    pub(crate) run: String,
    /// Form of the samples.
    #[arg(long, value_enum, default_value_t = ExportFormat::Jsonl)]
    pub(crate) format: ExportFormat,
    /// Write to this file instead of standard output.
    #[arg(long, short, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
    /// Only samples of this target.
    #[arg(long)]
    pub(crate) target: Option<String>,
    /// Only samples of this task.
    #[arg(long)]
    pub(crate) task: Option<String>,
    /// Leave prompts, answers and error messages out (not with --format inspect, which needs them).
    #[arg(long)]
    pub(crate) no_texts: bool,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// One JSON object a line: a sample with all texts and scores.
    Jsonl,
    /// One JSON object with facts of the run and all samples.
    Json,
    /// One row for each sample and metric.
    Csv,
    /// The same rows in columns, packed.
    Parquet,
    /// A log that Inspect reads (JSON format version 2): one task of one target.
    Inspect,
}

#[derive(Debug, Args)]
#[command(after_long_help = SIM_EXAMPLES)]
pub(crate) struct SimArguments {
    /// Loopback address; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// Personas, answers and faults (YAML or JSON); without it one model `sim` answers `ok`.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_long_help = SCHEMA_EXAMPLES)]
pub(crate) struct SchemaArguments {
    /// Which format.
    #[arg(value_enum)]
    pub(crate) name: SchemaName,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaName {
    /// The suite file.
    Suite,
    /// The findings of `run --json`.
    Findings,
    /// What `report list --json` writes.
    ReportList,
    /// What `gate simulate --json` writes.
    GateSimulate,
    /// What `report flaky --json` writes.
    ReportFlaky,
    /// What `doctor --json` writes.
    Doctor,
    /// What `plan --json` writes.
    Plan,
    /// What `compare --json` writes.
    Compare,
    /// What `audit --json` writes.
    Audit,
    /// A file of `baseline bless`.
    Baseline,
    /// What `baseline list --json` writes.
    BaselineList,
    /// What `baseline show --json` writes.
    BaselineShow,
    /// What `baseline diff --json` writes.
    BaselineDiff,
    /// What `load --json` writes.
    Load,
    /// What `load compare --json` writes.
    LoadCompare,
    /// What `load diff --json` writes.
    LoadDiff,
    /// What `load --sweep … --json` writes.
    LoadSweep,
    /// What `load --runs … --json` writes.
    LoadRuns,
    /// What `load --find … --json` writes.
    LoadSearch,
    /// What `import --json` writes of a recorded run.
    Import,
    /// What `import promptfoo --json` writes.
    ImportPromptfoo,
    /// What `export --format json` writes; a line of JSON Lines is one of its samples.
    Export,
    /// What `stats list --json` and `text list --json` write.
    StatsList,
    /// What `stats proportion --json` writes.
    StatsProportion,
    /// What `stats power --json` writes.
    StatsPower,
    /// What `stats compare --json` writes.
    StatsCompare,
    /// What `cost price --json` writes.
    CostPrice,
    /// What `cost prices list --json` writes.
    CostPricesList,
    /// What `cost prices show --json` writes.
    CostPricesShow,
    /// What `cost prices diff --json` writes.
    CostPricesDiff,
    /// What `cost prices import --json` writes.
    CostPricesImport,
    /// What `cost run --json` writes.
    CostRun,
    /// What `cost replay --json` writes.
    CostReplay,
    /// What `cost tco --json` writes.
    CostTco,
    /// What `cost roi --json` writes.
    CostRoi,
    /// What `cost risk --json` writes.
    CostRisk,
    /// What `cost pareto --json` writes.
    CostPareto,
    /// What `cost pareto --route --json` writes.
    CostRoute,
    /// What `text bleu --json` writes.
    TextBleu,
    /// What `text chrf --json` writes.
    TextChrf,
    /// What `text ter --json` writes.
    TextTer,
    /// What `text rouge --json` writes.
    TextRouge,
}
