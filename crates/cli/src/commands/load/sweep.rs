//! `seatrial load --sweep`: several loads one after the other, and the curve of throughput against latency. Apart from a
//! single load, because what is told is the curve.

use super::endpoint::asked;
use super::result::LEVEL;
use super::several::{Measured, fenced, text};
use super::stopper::Stopper;
use crate::args::LoadArguments;
use crate::error::CliError;
use crate::output;
use seatrial_load::definitions::Definition;
use seatrial_load::figure::{Figure, Summary};
use seatrial_load::plot::{Axes, Line, Point, picture};
use seatrial_load::search::LoadKind;
use seatrial_load::sweep::{Loads, Shown, SweepEnd, ended, most, most_power};
use seatrial_types::{ExitCode, TOOL_VERSION};
use serde_json::{Value, json};
use std::fmt::Write;

/// One load of the sweep.
struct SweepPoint {
    load: f64,
    measured: Measured,
}

/// Everything about a sweep.
struct Sweep<'a> {
    arguments: &'a LoadArguments,
    loads: Loads,
    target: Value,
    load: Value,
    points: Vec<SweepPoint>,
    end: SweepEnd,
    exit: ExitCode,
    started_at: String,
    ended_at: String,
}

/// Measures and tells.
pub(super) fn sweep(arguments: &LoadArguments, text: &str) -> Result<ExitCode, CliError> {
    let loads = Loads::parse(text).map_err(|error| {
        CliError::usage(format!("--sweep cannot be read: {error}"))
            .hint("write it like --sweep concurrency=1,2,4,8 or --sweep rate=1..64")
    })?;
    super::refuse_margins(arguments)?;
    let objectives = super::find::objectives(arguments)?;
    let asked = asked(arguments)?;
    let stopper = Stopper::listen();
    let started_at = crate::session::now();
    let mut points: Vec<SweepPoint> = Vec::new();
    let mut end = SweepEnd::Done;
    for &load in &loads.loads {
        let at = at(arguments, loads.kind, load);
        let name = format!("{} {load}", unit(loads.kind));
        let measured = Measured::new(name, &at, &asked, objectives.as_ref(), &stopper)?;
        let is_interrupted = measured.is_interrupted() || stopper.is_stopped();
        let point = SweepPoint { load, measured };
        output::stderr(&format!("{}\n", row(loads.kind, &point).trim_end()));
        points.push(point);
        if is_interrupted {
            end = SweepEnd::Interrupted;
            break;
        }
        let shown: Vec<Shown> = points.iter().map(|point| point.measured.shown).collect();
        let is_last = points.len() == loads.loads.len();
        if let Some(early) = ended(&shown, arguments.output.max_error_rate)
            && !arguments.series.sweep_all
            && !is_last
        {
            end = early;
            break;
        }
    }
    let sweep = Sweep {
        exit: exit(&points, end, arguments.output.max_error_rate),
        target: super::result::target_json(&asked),
        load: super::result::load_json(arguments, &asked),
        arguments,
        loads,
        points,
        end,
        started_at,
        ended_at: crate::session::now(),
    };
    sweep.tell()?;
    Ok(sweep.exit)
}

/// The arguments of one load.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number of users, at most 100,000"
)]
fn at(arguments: &LoadArguments, kind: LoadKind, load: f64) -> LoadArguments {
    let mut at = arguments.clone();
    match kind {
        LoadKind::Concurrency => at.shape.concurrency = Some(load as u32),
        LoadKind::Rate => at.shape.rate = Some(load.to_string()),
    }
    at
}

/// A load that fails is a finding of a sweep, unless it is the first: then there is nothing to tell.
fn exit(points: &[SweepPoint], end: SweepEnd, failed_share_max: f64) -> ExitCode {
    let mut codes = Vec::new();
    if end == SweepEnd::Interrupted {
        codes.push(ExitCode::Interrupted);
    }
    let is_broken = |point: &SweepPoint| {
        let shown = &point.measured.shown;
        shown.failed_share > failed_share_max || shown.throughput.is_none()
    };
    if points.first().is_none_or(is_broken) && end != SweepEnd::Interrupted {
        codes.push(ExitCode::Errors);
    }
    if points
        .iter()
        .any(|point| point.measured.exit == ExitCode::Saturated)
    {
        codes.push(ExitCode::Saturated);
    }
    ExitCode::strongest(&codes)
}

const fn unit(kind: LoadKind) -> &'static str {
    match kind {
        LoadKind::Rate => "rate",
        LoadKind::Concurrency => "users",
    }
}

/// The latencies of a curve; with an open loop those that users would have seen.
const fn latencies(kind: LoadKind) -> [Figure; 5] {
    let (ttft, e2e) = match kind {
        LoadKind::Concurrency => (Definition::Ttft, Definition::E2e),
        LoadKind::Rate => (Definition::TtftSched, Definition::E2eSched),
    };
    [
        Figure::Latency(ttft, Summary::Quantile(0.5)),
        Figure::Latency(ttft, Summary::Quantile(0.99)),
        Figure::Latency(Definition::Tpot, Summary::Quantile(0.5)),
        Figure::Latency(e2e, Summary::Quantile(0.5)),
        Figure::Latency(e2e, Summary::Quantile(0.99)),
    ]
}

fn cells(kind: LoadKind, point: &SweepPoint) -> Vec<String> {
    let measured = &point.measured;
    let told = |figure: Figure| measured.told(figure).ok();
    let value =
        |figure: Figure| told(figure).map_or_else(|| "–".to_owned(), |told| format!("{:.2}", told.value));
    let mut cells = vec![
        point.load.to_string(),
        text(told(Figure::RequestsPerS), 1),
        text(told(Figure::OutputTokensPerS), 0),
    ];
    cells.extend(latencies(kind).into_iter().map(value));
    cells.push(format!("{:.1} %", 100.0 * measured.shown.failed_share));
    cells.push(measured.status.as_str().to_owned());
    cells
}

fn head(kind: LoadKind) -> Vec<String> {
    let mut head = vec![
        unit(kind).to_owned(),
        "requests/s [95 %]".to_owned(),
        "tokens/s [95 %]".to_owned(),
    ];
    head.extend(latencies(kind).map(|figure| figure.to_string()));
    head.extend(["failed".to_owned(), "trust".to_owned()]);
    head
}

fn line(cells: &[String]) -> String {
    let widths = [8, 24, 24, 14, 14, 10, 14, 14, 9];
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths.into_iter().chain(std::iter::repeat(0))) {
        // Writing to a string cannot fail.
        let _ = if width == 0 {
            write!(line, "  {cell}")
        } else {
            write!(line, "{cell:>width$}")
        };
    }
    line.push('\n');
    line
}

fn row(kind: LoadKind, point: &SweepPoint) -> String {
    line(&cells(kind, point))
}

impl Sweep<'_> {
    fn shown(&self) -> Vec<Shown> {
        self.points.iter().map(|point| point.measured.shown).collect()
    }

    /// What the curve says, in sentences.
    fn said(&self) -> String {
        let mut said = String::new();
        let kind = self.loads.kind;
        let at = |place: Option<usize>| place.and_then(|place| self.points.get(place));
        let shown = self.shown();
        // Writing to a string cannot fail.
        if let Some(point) = at(most(&shown)) {
            let _ = writeln!(said, "most throughput from {} {} on", unit(kind), point.load);
        }
        if let Some(point) = at(most_power(&shown)) {
            let _ = writeln!(
                said,
                "most throughput for its latency at {} {}: beyond it, load costs more wait than it brings",
                unit(kind),
                point.load
            );
        }
        let left = self.loads.loads.len() - self.points.len();
        let end = match self.end {
            SweepEnd::Done => "all loads were measured",
            SweepEnd::Plateau => "ended early: throughput grows no more (--sweep-all goes on)",
            SweepEnd::Errors => "ended early: too many requests failed (--sweep-all goes on)",
            SweepEnd::Saturated => "ended early: this client was too late itself (--sweep-all goes on)",
            SweepEnd::Interrupted => "interrupted: the last point is of a part",
        };
        let _ = writeln!(said, "{end}; {left} not measured");
        for point in &self.points {
            if let Some(reason) = &point.measured.reason {
                let status = point.measured.status.as_str();
                let _ = writeln!(said, "{status} at {} {}: {reason}", unit(kind), point.load);
            }
        }
        // They name what was seen at each load, and advise the same.
        let remedy = self
            .points
            .iter()
            .find_map(|point| point.measured.remedy.as_deref());
        if let Some(remedy) = remedy {
            let _ = writeln!(said, "hint: {remedy}");
        }
        for warning in self.warnings() {
            let _ = writeln!(said, "warning: {warning}");
        }
        said
    }

    fn warnings(&self) -> Vec<String> {
        let of = |point: &SweepPoint| -> Vec<String> {
            let place = format!("at {} {}", unit(self.loads.kind), point.load);
            let warnings = point.measured.warnings.iter();
            warnings.map(|warning| format!("{place}: {warning}")).collect()
        };
        self.points.iter().flat_map(of).collect()
    }

    fn report(&self) -> String {
        let shape = &self.arguments.shape;
        let mut report = format!(
            "{} at {}\nsweep of {}, {} loads, each {} after {:.1} s, seed {}\n\n",
            self.target["model"].as_str().unwrap_or(""),
            self.target["url"].as_str().unwrap_or(""),
            unit(self.loads.kind),
            self.loads.loads.len(),
            match (shape.duration, shape.requests) {
                (Some(duration), _) => format!("{:.1} s", duration.as_secs_f64()),
                (None, requests) => format!("{} requests", requests.unwrap_or(0)),
            },
            shape.warmup.as_secs_f64(),
            shape.seed
        );
        report += &line(&head(self.loads.kind));
        for point in &self.points {
            report += &row(self.loads.kind, point);
        }
        report + "\n" + &self.said()
    }

    fn markdown(&self) -> String {
        let head = head(self.loads.kind);
        let mut text = format!(
            "# Load: sweep\n\n| {} |\n|{}\n",
            head.join(" | "),
            "--:|".repeat(head.len())
        );
        for point in &self.points {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "| {} |", cells(self.loads.kind, point).join(" | "));
        }
        let _ = write!(text, "\n{}", fenced(&self.said()));
        let [ttft, ttft_tail, _, e2e, e2e_tail] = latencies(self.loads.kind);
        let pictures = [
            self.curve("Throughput and time to the first token", &[ttft, ttft_tail]),
            self.curve("Throughput and time of a whole answer", &[e2e, e2e_tail]),
            self.throughput(),
        ];
        for svg in pictures.into_iter().flatten() {
            let _ = write!(text, "\n{svg}\n");
        }
        text
    }

    /// Latency against throughput, joined in the order of loads: past the knee it turns upwards, or back.
    fn curve(&self, title: &str, figures: &[Figure]) -> Option<String> {
        let line = |figure: &Figure| Line {
            name: figure.to_string(),
            points: self
                .points
                .iter()
                .filter_map(|point| {
                    let told = point.measured.told(*figure).ok()?;
                    Some(Point {
                        x: point.measured.told(Figure::RequestsPerS).ok()?.value,
                        y: told.value,
                        range: told.low.zip(told.high),
                    })
                })
                .collect(),
        };
        let axes = Axes {
            title,
            x: "requests per second",
            y: "milliseconds",
            is_log_x: false,
        };
        picture(&axes, &figures.iter().map(line).collect::<Vec<_>>())
    }

    fn throughput(&self) -> Option<String> {
        let points = self.points.iter().filter_map(|point| {
            let told = point.measured.told(Figure::RequestsPerS).ok()?;
            Some(Point {
                x: point.load,
                y: told.value,
                range: told.low.zip(told.high),
            })
        });
        let line = Line {
            name: "requests per second".to_owned(),
            points: points.collect(),
        };
        let axes = Axes {
            title: "Throughput by load",
            x: match self.loads.kind {
                LoadKind::Rate => "requests per second offered",
                LoadKind::Concurrency => "users",
            },
            y: "requests per second",
            is_log_x: true,
        };
        picture(&axes, &[line])
    }

    fn json(&self) -> Value {
        let shown = self.shown();
        let load_at = |place: Option<usize>| place.and_then(|place| Some(self.points.get(place)?.load));
        let points: Vec<Value> = self.points.iter().map(|point| self.point_json(point)).collect();
        json!({
            "schema": "seatrial.load.sweep/1",
            "tool_version": TOOL_VERSION,
            "exit_code": self.exit.code(),
            "warnings": self.warnings(),
            "interrupted": self.end == SweepEnd::Interrupted,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "target": self.target,
            "load": self.load,
            "kind": match self.loads.kind {
                LoadKind::Rate => "rate",
                LoadKind::Concurrency => "concurrency",
            },
            "loads": self.loads.loads,
            "end": self.end.as_str(),
            "level": LEVEL,
            "most_throughput_at": load_at(most(&shown)),
            "most_power_at": load_at(most_power(&shown)),
            "points": points,
        })
    }

    fn point_json(&self, point: &SweepPoint) -> Value {
        let measured = &point.measured;
        let mut json = json!({
            "load": point.load,
            "status": measured.status.as_str(),
            "reason": measured.reason,
            "remedy": measured.remedy,
            "ok": measured.counts.0,
            "failed": measured.counts.1,
            "requests_per_s": measured.estimate(Figure::RequestsPerS),
            "output_tokens_per_s": measured.estimate(Figure::OutputTokensPerS),
            "result": measured.result.json(),
        });
        let latencies =
            latencies(self.loads.kind).map(|figure| (figure.to_string(), measured.estimate(figure)));
        json["latencies"] = latencies.into_iter().collect();
        json
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
