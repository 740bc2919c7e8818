//! `seatrial load --runs`: the same load several times, so that intervals hold what differs between runs. Apart from a
//! single load, because its unit is the run.

use super::contrasts::figures;
use super::diff::{Against, AgainstTold};
use super::endpoint::asked;
use super::result::{LEVEL, Status};
use super::several::{Measured, fenced, text};
use super::stopper::Stopper;
use crate::args::LoadArguments;
use crate::error::CliError;
use crate::output;
use seatrial_load::figure::{Figure, Limit, Margin};
use seatrial_load::plot::{Axes, Line, Point, picture};
use seatrial_load::runs::{RUNS_MIN, Repeated, RunValue, StopRule, repeated};
use seatrial_load::saved::Told;
use seatrial_stats::dist::normal_isf;
use seatrial_types::{ExitCode, TOOL_VERSION};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// Half-width over value at which throughput is known well enough, where nobody says.
const RATE_TARGET: f64 = 0.03;
/// The same for a p99.
const TAIL_TARGET: f64 = 0.05;
/// Largest share of runs that may be left out because this client was too late; beyond it a figure is withheld.
const LEFT_OUT_SHARE_MAX: f64 = 0.25;
/// Figures of which a picture is drawn.
const PICTURES_MAX: usize = 4;

/// One figure over all runs.
struct Over {
    figure: Figure,
    /// Of each run, where it tells it.
    values: Vec<Option<Told>>,
    status: Status,
    reason: Option<String>,
    /// `None` where it is not told.
    repeated: Option<Repeated>,
    target: Option<f64>,
}

/// Everything about repeated runs.
struct Runs<'a> {
    arguments: &'a LoadArguments,
    target: Value,
    load: Value,
    planned: u16,
    runs: Vec<Measured>,
    over: Vec<Over>,
    end: &'static str,
    warnings: Vec<String>,
    exit: ExitCode,
    comparison: Option<AgainstTold>,
    started_at: String,
    ended_at: String,
}

/// Measures and tells.
pub(super) fn repeat(arguments: &LoadArguments, planned: u16) -> Result<ExitCode, CliError> {
    let given = targets(arguments)?;
    let objectives = super::find::objectives(arguments)?;
    let asked = asked(arguments)?;
    let load = super::result::load_json(arguments, &asked);
    let target = super::result::target_json(&asked);
    let against = Against::read(&arguments.against, &load, &target)?;
    let stopper = Stopper::listen();
    let started_at = crate::session::now();
    let mut all = Runs {
        arguments,
        target,
        load,
        planned,
        runs: Vec::new(),
        over: Vec::new(),
        end: "runs_spent",
        warnings: Vec::new(),
        exit: ExitCode::Pass,
        comparison: None,
        started_at,
        ended_at: String::new(),
    };
    for run in 0..planned {
        let mut one = arguments.clone();
        // Other arrivals each time: what depends on them is part of what differs between runs.
        one.shape.seed = arguments.shape.seed.wrapping_add(u64::from(run));
        let measured = Measured::new(
            format!("run {}", run + 1),
            &one,
            &asked,
            objectives.as_ref(),
            &stopper,
        )?;
        if measured.is_interrupted() || stopper.is_stopped() {
            all.end = "interrupted";
            break;
        }
        let is_broken = measured.exit == ExitCode::Errors;
        all.runs.push(measured);
        let targets = given.as_ref().map(|given| given.of(&all.runs[0]));
        all.put_together(targets.as_deref().unwrap_or_default());
        output::stderr(&all.progress());
        if is_broken {
            all.end = "errors";
            break;
        }
        if targets.is_some_and(|targets| !targets.is_empty()) && all.is_narrow() {
            all.end = "narrow";
            break;
        }
    }
    all.finish(against.as_ref());
    all.tell()?;
    Ok(all.exit)
}

/// What `--until-half-width` asks for.
enum Targets {
    /// What is usual, of the figures that there are.
    Usual(Option<f64>),
    Named(Vec<(Figure, f64)>),
}

fn targets(arguments: &LoadArguments) -> Result<Option<Targets>, CliError> {
    let Some(text) = arguments.series.until_half_width.as_deref().map(str::trim) else {
        return Ok(None);
    };
    if text.is_empty() {
        return Ok(Some(Targets::Usual(None)));
    }
    let is_bare = !text.contains('=');
    // A percentage alone is for all figures that are usual.
    let terms = if is_bare {
        format!("requests_per_s={text}")
    } else {
        text.to_owned()
    };
    let wrong = |problem: String| {
        CliError::usage(format!("--until-half-width cannot be read: {problem}"))
            .hint("write it like --until-half-width 3% or --until-half-width requests_per_s=3%,ttft_p99=5%")
    };
    let limits = Limit::parse_all(&terms).map_err(|error| {
        wrong(if is_bare {
            format!("found `{text}`, expected a percentage or figures with percentages")
        } else {
            error.to_string()
        })
    })?;
    let mut named = Vec::new();
    for limit in limits {
        match limit.margin {
            Margin::Share(share) if share > 0.0 => named.push((limit.figure, share)),
            _ => {
                return Err(wrong(format!(
                    "{} has no percentage above 0; it is a share of the figure's value",
                    limit.figure
                )));
            }
        }
    }
    Ok(Some(match named.first() {
        Some((_, share)) if is_bare => Targets::Usual(Some(*share)),
        _ => Targets::Named(named),
    }))
}

impl Targets {
    /// Targets for the figures that the first run tells.
    fn of(&self, first: &Measured) -> Vec<(Figure, f64)> {
        use seatrial_load::definitions::Definition;
        use seatrial_load::figure::Summary;
        let share = match self {
            Self::Named(named) => return named.clone(),
            Self::Usual(share) => *share,
        };
        let p99 = |definition: Definition| Figure::Latency(definition, Summary::Quantile(0.99));
        let first_told = |candidates: &[Figure]| {
            let mut candidates = candidates.iter().copied();
            candidates.find(|figure| first.told(*figure).is_ok())
        };
        let rate = first_told(&[Figure::OutputTokensPerS, Figure::RequestsPerS]);
        let tail = first_told(&[p99(Definition::Ttft), p99(Definition::E2e)]);
        rate.map(|rate| (rate, share.unwrap_or(RATE_TARGET)))
            .into_iter()
            .chain(tail.map(|tail| (tail, share.unwrap_or(TAIL_TARGET))))
            .collect()
    }
}

/// A run's value with its own error: half the interval's width over the normal quantile that made it.
fn run_value(told: &Told) -> RunValue {
    let z = normal_isf(0.5 * (1.0 - LEVEL));
    RunValue {
        value: told.value,
        se: told.low.zip(told.high).map(|(low, high)| 0.5 * (high - low) / z),
    }
}

impl Over {
    #[expect(clippy::cast_precision_loss, reason = "a share of runs")]
    fn new(figure: Figure, runs: &[Measured], target: Option<f64>) -> Self {
        let told: Vec<Result<Told, (Status, String)>> = runs.iter().map(|run| run.told(figure)).collect();
        let withheld = told
            .iter()
            .filter(|told| matches!(told, Err((Status::Withheld, _))))
            .count();
        let missing = told.iter().find_map(|told| match told {
            Err((Status::Withheld, _)) | Ok(_) => None,
            Err((_, reason)) => Some(reason.clone()),
        });
        let (status, reason) = if withheld as f64 > LEFT_OUT_SHARE_MAX * runs.len() as f64 {
            let reason = format!("this client was too late in {withheld} of {} runs", runs.len());
            (Status::Withheld, Some(reason))
        } else if let Some(reason) = missing {
            // A mean over the runs that happen to tell it would be a mean over the slow ones, or the fast.
            (Status::Unavailable, Some(reason))
        } else {
            (Status::Ok, None)
        };
        let values: Vec<Option<Told>> = told.into_iter().map(Result::ok).collect();
        let mut over = Self {
            figure,
            values,
            status,
            reason,
            repeated: None,
            target,
        };
        if over.status == Status::Ok {
            over.repeated = repeated(&over.run_values(), LEVEL);
        }
        over
    }

    fn run_values(&self) -> Vec<RunValue> {
        self.values.iter().flatten().map(run_value).collect()
    }

    /// Whether the target is met; `None` without one.
    fn is_met(&self) -> Option<bool> {
        let target = self.target?;
        let rule = StopRule {
            target,
            level: LEVEL,
            runs_min: RUNS_MIN,
            runs_max: usize::MAX,
        };
        Some(self.repeated.is_some() && rule.is_enough(&self.run_values()))
    }

    fn json(&self) -> Value {
        let repeated = self.repeated.as_ref();
        json!({
            "value": repeated.map(|repeated| repeated.value),
            "low": repeated.and_then(|repeated| repeated.low),
            "high": repeated.and_then(|repeated| repeated.high),
            "level": LEVEL,
            "n": repeated.map_or(0, |repeated| repeated.runs),
            "method": "student_t",
            "unit": self.figure.unit(),
            "status": self.status.as_str(),
            "reason": self.reason,
            "between_sd": repeated.and_then(|repeated| repeated.between_sd),
            "within_se": repeated.and_then(|repeated| repeated.within_se),
            "half_width": repeated.and_then(Repeated::relative_half_width),
            "target": self.target,
            "met": self.is_met(),
            "values": self.values.iter().map(|told| told.map(|told| told.value)).collect::<Vec<_>>(),
        })
    }

    fn cells(&self) -> [String; 6] {
        let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"));
        let percent = |share: Option<f64>| {
            share.map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", 100.0 * share))
        };
        let repeated = self.repeated.as_ref();
        let told = repeated.map(|repeated| Told {
            value: repeated.value,
            low: repeated.low,
            high: repeated.high,
        });
        let digits = if self.figure.unit() == "share" { 4 } else { 2 };
        let target = match (self.target, self.is_met()) {
            (Some(target), Some(true)) => format!("{:.1} % met", 100.0 * target),
            (Some(target), _) => format!("{:.1} % not met", 100.0 * target),
            _ if self.status == Status::Ok => String::new(),
            _ => self.status.as_str().to_owned(),
        };
        [
            self.figure.to_string(),
            text(told, digits),
            percent(repeated.and_then(Repeated::relative_half_width)),
            number(repeated.and_then(|repeated| repeated.between_sd)),
            number(repeated.and_then(|repeated| repeated.within_se)),
            target,
        ]
    }
}

const HEAD: [&str; 6] = [
    "figure",
    "mean of runs [95 %]",
    "half-width",
    "sd between",
    "error within",
    "target",
];

impl Runs<'_> {
    /// All figures over the runs so far.
    fn put_together(&mut self, targets: &[(Figure, f64)]) {
        let mut wanted = figures(&[], self.arguments.shape.rate.is_some());
        for (figure, _) in targets {
            if !wanted.contains(figure) {
                wanted.push(*figure);
            }
        }
        let target = |figure: Figure| {
            let mut targets = targets.iter();
            targets
                .find(|(other, _)| *other == figure)
                .map(|(_, share)| *share)
        };
        self.over = wanted
            .into_iter()
            .map(|figure| Over::new(figure, &self.runs, target(figure)))
            .collect();
    }

    fn is_narrow(&self) -> bool {
        self.over.iter().all(|over| over.is_met() != Some(false))
    }

    /// A line for the run that just ended.
    fn progress(&self) -> String {
        let widths: Vec<String> = self
            .over
            .iter()
            .filter_map(|over| {
                let target = over.target?;
                let width = over.repeated?.relative_half_width()?;
                Some(format!(
                    "{} ±{:.1} % of {:.1} %",
                    over.figure,
                    100.0 * width,
                    100.0 * target
                ))
            })
            .collect();
        let (ok, failed) = self.runs.last().map_or((0, 0), |run| run.counts);
        format!(
            "run {} of {}: {ok} ok, {failed} failed  {}\n",
            self.runs.len(),
            self.planned,
            widths.join(", ")
        )
        .replace("  \n", "\n")
    }

    fn finish(&mut self, against: Option<&Against<'_>>) {
        self.ended_at = crate::session::now();
        if self.runs.len() < RUNS_MIN {
            self.warnings.push(format!(
                "{} runs: an interval between runs needs at least {RUNS_MIN}",
                self.runs.len()
            ));
        }
        for over in self.over.iter().filter(|over| over.is_met() == Some(false)) {
            self.warnings.push(format!(
                "{}: the target was not met{}",
                over.figure,
                over.reason
                    .as_ref()
                    .map_or_else(String::new, |reason| format!(": {reason}"))
            ));
        }
        for (run, measured) in self.runs.iter().enumerate() {
            for warning in &measured.warnings {
                self.warnings.push(format!("run {}: {warning}", run + 1));
            }
        }
        let mut codes = Vec::new();
        if self.end == "interrupted" {
            codes.push(ExitCode::Interrupted);
            self.warnings
                .push("interrupted: the results are of whole runs so far".to_owned());
        }
        if self.end == "errors" {
            codes.push(ExitCode::Errors);
            self.warnings
                .push("too many requests failed, so the runs ended early".to_owned());
        }
        if self.over.iter().any(|over| over.status == Status::Withheld) {
            codes.push(ExitCode::Saturated);
        }
        self.exit = ExitCode::strongest(&codes);
        if let Some(against) = against {
            match against.told(self.json()) {
                Ok(told) => {
                    codes.push(told.exit);
                    self.comparison = Some(told);
                }
                Err(error) => {
                    codes.push(error.exit);
                    self.warnings.push(error.message);
                }
            }
            self.exit = ExitCode::strongest(&codes);
        }
    }

    fn told(&self) -> impl Iterator<Item = &Over> {
        self.over
            .iter()
            .filter(|over| over.status != Status::Unavailable || over.target.is_some())
    }

    fn said(&self) -> String {
        let mut said = match self.end {
            "narrow" => "ended: intervals are as narrow as asked\n".to_owned(),
            _ => String::new(),
        };
        if let Some(comparison) = &self.comparison {
            said += &comparison.text;
        }
        for warning in &self.warnings {
            // Writing to a string cannot fail.
            let _ = writeln!(said, "warning: {warning}");
        }
        said
    }

    fn head(&self) -> String {
        let shape = &self.arguments.shape;
        let load = match &shape.rate {
            Some(rate) => format!(
                "open loop, {rate} requests per second, {} arrivals",
                shape.arrivals
            ),
            None => format!("closed loop, {} users", shape.concurrency.unwrap_or(0)),
        };
        format!(
            "{} at {}\n{load}, {} of at most {} runs, seeds from {}\n",
            self.target["model"].as_str().unwrap_or(""),
            self.target["url"].as_str().unwrap_or(""),
            self.runs.len(),
            self.planned,
            shape.seed
        )
    }

    fn report(&self) -> String {
        let mut report = self.head() + "\n";
        let mut line = |cells: &[String; 6]| {
            let [figure, mean, width, between, within, target] = cells;
            let line = format!("{figure:<22}{mean:>32}{width:>12}{between:>12}{within:>14}  {target}");
            // Writing to a string cannot fail.
            let _ = writeln!(report, "{}", line.trim_end());
        };
        line(&HEAD.map(str::to_owned));
        for over in self.told() {
            line(&over.cells());
        }
        report + "\n" + &self.said()
    }

    fn markdown(&self) -> String {
        let mut text = format!(
            "# Load: repeated runs\n\n{}\n| {} |\n|:--|--:|--:|--:|--:|:--|\n",
            fenced(&self.head()),
            HEAD.join(" | ")
        );
        for over in self.told() {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "| {} |", over.cells().join(" | "));
        }
        let said = self.said();
        if !said.is_empty() {
            let _ = write!(text, "\n{}", fenced(&said));
        }
        let drawn = self.told().filter(|over| over.repeated.is_some());
        for svg in drawn.take(PICTURES_MAX).filter_map(by_run) {
            let _ = write!(text, "\n{svg}\n");
        }
        text
    }

    fn json(&self) -> Value {
        let repeated: Map<String, Value> = self
            .over
            .iter()
            .map(|over| (over.figure.to_string(), over.json()))
            .collect();
        let runs: Vec<Value> = self.runs.iter().map(|run| run.result.json().clone()).collect();
        json!({
            "schema": "seatrial.load.runs/1",
            "tool_version": TOOL_VERSION,
            "exit_code": self.exit.code(),
            "warnings": self.warnings,
            "interrupted": self.end == "interrupted",
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "target": self.target,
            "load": self.load,
            "runs_planned": self.planned,
            "end": self.end,
            "level": LEVEL,
            "repeated": repeated,
            "verdict": self.comparison.as_ref().map(|told| &told.json["verdict"]),
            "comparison": self.comparison.as_ref().map(|told| &told.json),
            "runs": runs,
        })
    }

    fn tell(&self) -> Result<(), CliError> {
        let wanted = &self.arguments.output;
        super::tell_report(&self.report(), &wanted.json)?;
        if let Some(path) = &wanted.markdown {
            output::write_whole(path, &self.markdown())?;
        }
        match &wanted.json {
            Some(path) => super::write_json(path, &self.json()),
            None => Ok(()),
        }
    }
}

/// Every run with its own interval: where they lie apart, what differs between runs is larger than a run can see.
#[expect(clippy::cast_precision_loss, reason = "numbers of runs")]
fn by_run(over: &Over) -> Option<String> {
    let points = over.values.iter().enumerate().filter_map(|(run, told)| {
        let told = told.as_ref()?;
        Some(Point {
            x: (run + 1) as f64,
            y: told.value,
            range: told.low.zip(told.high),
        })
    });
    let line = Line {
        name: over.figure.to_string(),
        points: points.collect(),
    };
    let title = format!("{} by run", over.figure);
    let axes = Axes {
        title: &title,
        x: "run",
        y: over.figure.unit(),
        is_log_x: false,
    };
    picture(&axes, &[line])
}
