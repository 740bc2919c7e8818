//! Routing between two candidates: what the best router, a given one and a check before escalation would come to.

use super::{digits, percent, runs, shown};
use crate::args::pareto::ParetoArguments;
use crate::commands::cost::document::read_text;
use crate::commands::figures::{Figures, ScoreRows};
use crate::error::CliError;
use crate::output;
use seatrial_cost::routing::{Outcomes, Routing, Step, Verifier, escalate, interval, route};
use seatrial_report::case_plot::{Curve, Curves, Spot, curves_svg};
use seatrial_report::pareto_plot::{Line, course_svg};
use seatrial_types::ExitCode;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

/// Largest file of outcomes.
const OUTCOMES_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Steps of a course that are written.
const STEPS_MAX: usize = 200;

/// Paired outcomes with the id of each case.
struct Paired {
    ids: Vec<String>,
    outcomes: Outcomes,
    warnings: Vec<String>,
    is_priced: bool,
}

pub(super) fn routed(arguments: &ParetoArguments) -> Result<ExitCode, CliError> {
    let written = arguments.route.as_deref().unwrap_or_default();
    let Some((weak, strong)) = written
        .split_once(',')
        .map(|(weak, strong)| (weak.trim(), strong.trim()))
    else {
        return Err(
            CliError::usage(format!("--route {}: there is no comma", shown(written)))
                .hint("write WEAK,STRONG"),
        );
    };
    let paired = match &arguments.outcomes {
        Some(path) => of_file(path, weak, strong, arguments.route_cost.as_deref())?,
        None => of_runs(arguments, weak, strong)?,
    };
    let told = tell(arguments, weak, strong, &paired)?;
    if let Some(path) = &arguments.svg {
        output::write_whole(path, &told.svg())?;
    }
    if let Some(path) = &arguments.cost_svg {
        if !paired.is_priced {
            return Err(CliError::usage("--cost-svg: costs are unknown")
                .hint("give --route-cost, or route between targets with prices"));
        }
        output::write_whole(path, &told.cost_svg())?;
    }
    let mut warnings = paired.warnings;
    if !paired.is_priced {
        warnings
            .push("costs are unknown: AIQ and cost of a cascade say nothing; give --route-cost".to_owned());
    }
    Figures {
        schema: "seatrial.cost.route/1",
        text: told.text(),
        warnings,
        fields: told.json(arguments),
    }
    .deliver(arguments.output.json.as_deref())
}

fn of_runs(arguments: &ParetoArguments, weak: &str, strong: &str) -> Result<Paired, CliError> {
    if arguments.runs.is_empty() {
        return Err(CliError::usage("there is nothing to route")
            .hint("name a run with both targets, or give outcomes with --outcomes"));
    }
    let (mut all, mut warnings) = runs::played(arguments)?;
    let known: Vec<String> = all.iter().map(|played| played.name.clone()).collect();
    let mut take = |name: &str| {
        let place = all.iter().position(|played| played.name == name).ok_or_else(|| {
            CliError::usage(format!("--route names {}, which is no candidate", shown(name)))
                .hint(format!("candidates are {}", known.join(", ")))
        })?;
        Ok::<_, CliError>(all.swap_remove(place))
    };
    let pair = [take(weak)?, take(strong)?];
    let (keys, left_out) = runs::common(&pair);
    if left_out > 0 {
        warnings.push(format!(
            "{left_out} cases are left out: not both have a score for them"
        ));
    }
    let column = |of: usize, read: fn(&runs::Case) -> Option<f64>| -> Option<Vec<f64>> {
        keys.iter()
            .map(|key| pair[of].cases.get(key).and_then(read))
            .collect()
    };
    let costs = column(0, runs::Case::cost).zip(column(1, runs::Case::cost));
    let is_priced = costs.is_some();
    let (weak_cost, strong_cost) = costs.unwrap_or_else(|| (vec![0.0; keys.len()], vec![0.0; keys.len()]));
    let outcomes = Outcomes::try_new(
        column(0, runs::Case::quality).unwrap_or_default(),
        column(1, runs::Case::quality).unwrap_or_default(),
        weak_cost,
        strong_cost,
    )
    .map_err(CliError::usage)?;
    Ok(Paired {
        ids: keys.into_iter().map(|(_, id)| id.to_string()).collect(),
        outcomes,
        warnings,
        is_priced,
    })
}

/// Outcomes of a CSV file: columns by name, ids from `id` or `idx`, else the number of the row.
fn of_file(path: &Path, weak: &str, strong: &str, costs: Option<&str>) -> Result<Paired, CliError> {
    let text = read_text(path, OUTCOMES_BYTES_MAX)?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let bad = |error: csv::Error| CliError::usage(format!("{}: {error}", path.display()));
    let header = reader.headers().map_err(bad)?.clone();
    let column = |name: &str| header.iter().position(|column| column == name);
    let needed = |name: &str| {
        column(name).ok_or_else(|| {
            let known: Vec<&str> = header.iter().collect();
            CliError::usage(format!("{} has no column {}", path.display(), shown(name)))
                .hint(format!("it has: {}", known.join(", ")))
        })
    };
    let (weak_at, strong_at) = (needed(weak)?, needed(strong)?);
    let id_at = column("id");
    let costs = costs.map(|text| charges(text, &needed)).transpose()?;
    let mut spent = [Vec::new(), Vec::new()];
    let (mut ids, mut weak_scores, mut strong_scores) = (Vec::new(), Vec::new(), Vec::new());
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(bad)?;
        let line = record.position().map_or(0, csv::Position::line);
        let number = |at: usize| {
            let cell = record.get(at).unwrap_or_default().trim();
            cell.parse()
                .ok()
                .filter(|score: &f64| score.is_finite())
                .ok_or_else(|| {
                    CliError::usage(format!(
                        "{}:{line}: `{}` is {}, expected a number",
                        path.display(),
                        header.get(at).unwrap_or_default(),
                        shown(cell)
                    ))
                })
        };
        weak_scores.push(number(weak_at)?);
        strong_scores.push(number(strong_at)?);
        for ((charge, kept), name) in costs.iter().flatten().zip(&mut spent).zip([weak, strong]) {
            let usd = match charge {
                Charge::Each(usd) => *usd,
                Charge::Column(at) => number(*at)?,
            };
            if usd < 0.0 {
                return Err(CliError::usage(format!(
                    "{}:{line}: a case of {} costs {usd}, expected dollars from 0",
                    path.display(),
                    shown(name)
                )));
            }
            kept.push(usd);
        }
        ids.push(
            id_at
                .and_then(|at| record.get(at))
                .map_or_else(|| (index + 1).to_string(), str::to_owned),
        );
    }
    let cases = weak_scores.len();
    let is_priced = costs.is_some();
    let [weak_cost, strong_cost] = if is_priced {
        spent
    } else {
        [vec![0.0; cases], vec![0.0; cases]]
    };
    let outcomes = Outcomes::try_new(weak_scores, strong_scores, weak_cost, strong_cost)
        .map_err(|error| CliError::usage(format!("{}: {error}", path.display())))?;
    Ok(Paired {
        ids,
        outcomes,
        warnings: Vec::new(),
        is_priced,
    })
}

/// What a case of one model costs.
enum Charge {
    /// The same for all, in dollars.
    Each(f64),
    /// What a column says.
    Column(usize),
}

/// Reads `WEAK,STRONG`, each dollars or the name of a column.
fn charges(text: &str, column: &impl Fn(&str) -> Result<usize, CliError>) -> Result<[Charge; 2], CliError> {
    let Some((weak, strong)) = text.split_once(',') else {
        return Err(
            CliError::usage(format!("--route-cost {}: there is no comma", shown(text)))
                .hint("write dollars like 0.0006,0.01, or names of columns"),
        );
    };
    let charge = |text: &str| match text.trim().parse::<f64>() {
        Ok(usd) if usd >= 0.0 && usd.is_finite() => Ok(Charge::Each(usd)),
        Ok(usd) => Err(
            CliError::usage(format!("--route-cost: {usd} is no amount of dollars"))
                .hint("write dollars like 0.0006,0.01, or names of columns"),
        ),
        Err(_) => column(text.trim()).map(Charge::Column),
    };
    Ok([charge(weak)?, charge(strong)?])
}

/// A router with what is said of it.
struct Router {
    name: &'static str,
    routing: Routing,
    apgr_interval: Option<(f64, f64)>,
    /// The same score where the weak model is asked first and its answer checked.
    as_cascade: Routing,
}

struct Told<'a> {
    weak: &'a str,
    strong: &'a str,
    cases: usize,
    oracle_quality: f64,
    routers: Vec<Router>,
    cascade: Step,
    level: f64,
}

fn tell<'a>(
    arguments: &ParetoArguments,
    weak: &'a str,
    strong: &'a str,
    paired: &Paired,
) -> Result<Told<'a>, CliError> {
    let outcomes = &paired.outcomes;
    let sampling = (arguments.level, arguments.resamples.min(2_000), arguments.seed);
    let tried_first = outcomes
        .tried_first(arguments.verifier_cost)
        .map_err(CliError::usage)?;
    let router = |name, score: &[f64]| -> Result<Router, CliError> {
        Ok(Router {
            as_cascade: route(&tried_first, score).map_err(CliError::usage)?,
            name,
            routing: route(outcomes, score).map_err(CliError::usage)?,
            apgr_interval: interval(outcomes, score, |routing| routing.apgr, sampling),
        })
    };
    let mut routers = vec![
        router("oracle", &outcomes.oracle())?,
        router("lot", &vec![0.0; outcomes.cases()])?,
    ];
    if let Some(path) = &arguments.router {
        routers.push(router("router", &router_scores(path, &paired.ids)?)?);
    }
    let oracle_quality = routers[0]
        .routing
        .course
        .iter()
        .map(|step| step.quality)
        .fold(f64::MIN, f64::max);
    Ok(Told {
        weak,
        strong,
        cases: outcomes.cases(),
        oracle_quality,
        routers,
        cascade: escalate(
            outcomes,
            Verifier {
                cost: arguments.verifier_cost,
                catches: arguments.verifier_catches,
                false_alarms: arguments.verifier_false_alarms,
            },
        ),
        level: arguments.level,
    })
}

/// The router's score of each case, by id.
fn router_scores(path: &Path, ids: &[String]) -> Result<Vec<f64>, CliError> {
    let rows = ScoreRows::read(path)?;
    let by_id: HashMap<&str, f64> = rows.scores().collect();
    ids.iter()
        .map(|id| {
            by_id.get(id.as_str()).copied().ok_or_else(|| {
                CliError::usage(format!("{} has no score for case {}", path.display(), shown(id)))
                    .hint("a router needs a score for every case")
            })
        })
        .collect()
}

impl Told<'_> {
    fn ends(&self) -> (Step, Step) {
        let course = &self.routers[0].routing.course;
        (course[0], course[course.len() - 1])
    }

    fn text(&self) -> String {
        let (weak, strong) = self.ends();
        let mut text = format!(
            "{} cases: {} {}, {} {}, either {}\n\n",
            self.cases,
            shown(self.weak),
            percent(weak.quality),
            shown(self.strong),
            percent(strong.quality),
            percent(self.oracle_quality)
        );
        let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"));
        for router in &self.routers {
            let routing = &router.routing;
            let interval = router
                .apgr_interval
                .map_or_else(String::new, |(low, high)| format!(" [{low:.4}, {high:.4}]"));
            let _ = writeln!(
                text,
                "{:7} APGR {}{interval}  CPT(50 %) {}  CPT(80 %) {}  AIQ {}",
                router.name,
                number(routing.apgr),
                number(routing.cpt_50),
                number(routing.cpt_80),
                number(routing.aiq)
            );
        }
        let _ = writeln!(
            text,
            "\nAsk {} first, check, then {}: quality {}, {} of cases go on, {} USD a case\n\
             ({} USD with {} alone, {} USD with {} alone)",
            shown(self.weak),
            shown(self.strong),
            percent(self.cascade.quality),
            percent(self.cascade.strong_share),
            digits(self.cascade.cost),
            digits(weak.cost),
            shown(self.weak),
            digits(strong.cost),
            shown(self.strong)
        );
        text
    }

    fn json(&self, arguments: &ParetoArguments) -> Value {
        let (weak, strong) = self.ends();
        let step = |step: &Step| json!({"strong_share": step.strong_share, "quality": step.quality, "cost_usd": step.cost});
        let routers: Vec<Value> = self
            .routers
            .iter()
            .map(|router| {
                let routing = &router.routing;
                let course: Vec<Value> = thinned(&routing.course).map(step).collect();
                json!({"name": router.name, "apgr": routing.apgr, "apgr_low": router.apgr_interval.map(|ends| ends.0),
                       "apgr_high": router.apgr_interval.map(|ends| ends.1), "level": self.level,
                       "cpt_50": routing.cpt_50, "cpt_80": routing.cpt_80, "aiq": routing.aiq, "course": course,
                       "as_cascade": {"aiq": router.as_cascade.aiq,
                            "course": thinned(&router.as_cascade.course).map(step).collect::<Vec<_>>()}})
            })
            .collect();
        json!({
            "weak": self.weak, "strong": self.strong, "n": self.cases,
            "weak_quality": weak.quality, "strong_quality": strong.quality, "oracle_quality": self.oracle_quality,
            "weak_cost_usd": weak.cost, "strong_cost_usd": strong.cost,
            "routers": routers,
            "cascade": {"quality": self.cascade.quality, "strong_share": self.cascade.strong_share,
                        "cost_usd": self.cascade.cost, "verifier_cost_usd": arguments.verifier_cost,
                        "verifier_catches": arguments.verifier_catches,
                        "verifier_false_alarms": arguments.verifier_false_alarms},
        })
    }

    fn svg(&self) -> String {
        let lines: Vec<Line> = self
            .routers
            .iter()
            .map(|router| Line {
                name: router.name.to_owned(),
                points: thinned(&router.routing.course)
                    .map(|step| (step.strong_share, step.quality))
                    .collect(),
            })
            .collect();
        course_svg(
            &format!("Routing between {} and {}", self.weak, self.strong),
            "share of cases that the strong one answers",
            "quality",
            &lines,
        )
    }
}

impl Told<'_> {
    /// Quality over what a case costs in the mean: routers, the same scores after a try of the weak model, and the check.
    fn cost_svg(&self) -> String {
        let points = |routing: &Routing| {
            thinned(&routing.course)
                .map(|step| (step.cost, step.quality))
                .collect()
        };
        let curve = |name: String, routing: &Routing| Curve {
            name,
            points: points(routing),
            band: Vec::new(),
        };
        let mut curves: Vec<Curve> = self
            .routers
            .iter()
            .map(|router| curve(router.name.to_owned(), &router.routing))
            .collect();
        let cascades = self.routers.iter().filter(|router| router.name != "lot");
        curves
            .extend(cascades.map(|router| curve(format!("{} after a try", router.name), &router.as_cascade)));
        let (weak, strong) = self.ends();
        let spot = |step: &Step, label: String| Spot {
            x: step.cost,
            y: step.quality,
            label,
        };
        let told = |name: &str, step: &Step| {
            format!(
                "{name} {} at {} USD a case",
                percent(step.quality),
                digits(step.cost)
            )
        };
        let description = format!(
            "Quality over the mean cost of a case: {}; {}; {}.",
            told(self.weak, &weak),
            told(self.strong, &strong),
            told("first the weak one, then a check", &self.cascade)
        );
        curves_svg(&Curves {
            title: format!("What routing between {} and {} costs", self.weak, self.strong),
            description,
            x_label: "mean cost of a case (USD)".to_owned(),
            y_label: "quality".to_owned(),
            curves,
            spots: vec![
                spot(&weak, self.weak.to_owned()),
                spot(&strong, self.strong.to_owned()),
                spot(&self.cascade, "checked".to_owned()),
            ],
        })
    }
}

/// A course with at most [`STEPS_MAX`] steps, its ends among them.
fn thinned(course: &[Step]) -> impl Iterator<Item = &Step> {
    let every = course.len().div_ceil(STEPS_MAX).max(1);
    let last = course.len().saturating_sub(1);
    course
        .iter()
        .enumerate()
        .filter(move |(index, _)| index % every == 0 || *index == last)
        .map(|(_, step)| step)
}
