//! `seatrial gate simulate`: how often the gates of a suite would cry wolf, and what they would see, from the rates that
//! cases were answered right at in past runs.

mod rates;
mod report;

use crate::args::{RateModelArgument, SimulateArguments, SpreadArgument};
use crate::error::CliError;
use crate::history::{self, History};
use crate::output;
use crate::record;
use crate::wiring;
use seatrial_analyse::ledger::ERROR_RATE;
use seatrial_analyse::simulate::{
    Asks, Population, RateModel, Setting, SimulateError, Simulated, SimulatedGate, Simulation, Spread,
    advise, simulate as run_simulation,
};
use seatrial_config::{Against, Bound, Condition, DraftPlan, Gate, Margin, Relation};
use seatrial_types::{ExitCode, MetricKind, Pillar, Statistic};

/// Metric of a file of rates that nobody named.
const UNNAMED: &str = "rates.score";

/// Everything that is drawn, and what cannot be.
pub(super) struct Drawing {
    pub(super) metrics: Vec<Simulated>,
    pub(super) gates: Vec<SimulatedGate>,
    /// Gates of the suite that are not drawn, with why.
    pub(super) left_out: Vec<(String, String)>,
    pub(super) warnings: Vec<String>,
    pub(super) source: Source,
}

/// Where the rates come from.
pub(super) struct Source {
    pub(super) runs: Vec<String>,
    pub(super) file: Option<String>,
}

pub(crate) fn simulate(arguments: &SimulateArguments) -> Result<ExitCode, CliError> {
    if let Some(path) = &arguments.json {
        output::check_writable(path)?;
    }
    check_gate(arguments)?;
    let draft = arguments.suite.as_deref().map(read_suite).transpose()?;
    let mut drawing = match &arguments.rates {
        Some(path) => from_file(arguments, path, draft.as_ref())?,
        None => from_runs(arguments, draft.as_ref())?,
    };
    let epochs = arguments
        .epochs
        .or_else(|| draft.as_ref().map(|draft| epochs_of(draft, &drawing.metrics)))
        .unwrap_or(1);
    let setting = Setting {
        draws: arguments.draws,
        cases: arguments.cases,
        epochs,
        drops: arguments.drop.clone(),
        spread: match arguments.spread {
            SpreadArgument::Proportional => Spread::Proportional,
            SpreadArgument::Logit => Spread::Logit,
            SpreadArgument::Broken => Spread::Broken,
        },
        power: arguments.power,
        seed: arguments.seed,
        other_gates: drawing.left_out.len(),
    };
    let simulation = run_simulation(&drawing.metrics, &drawing.gates, &setting).map_err(of_setting)?;
    let advice = advise(&drawing.metrics, &drawing.gates, &setting).map_err(of_setting)?;
    warn(&mut drawing, &simulation, &setting);
    let told = report::Told {
        drawing: &drawing,
        setting: &setting,
        simulation: &simulation,
        advice: &advice,
        suite: draft.as_ref().map(|draft| draft.name.as_str()),
    };
    told.deliver(arguments.json.as_deref())?;
    Ok(ExitCode::Pass)
}

fn check_gate(arguments: &SimulateArguments) -> Result<(), CliError> {
    if !(arguments.risk > 0.0 && arguments.risk <= 0.5) {
        let risk = arguments.risk;
        return Err(CliError::usage(format!(
            "--risk is {risk}, expected a number above 0 and at most 0.5"
        )));
    }
    if !(0.0..1.0).contains(&arguments.margin) {
        let margin = arguments.margin;
        return Err(CliError::usage(format!(
            "--margin is {margin}, expected a number from 0 to below 1"
        ))
        .hint("a margin of two points is 0.02"));
    }
    if let Some(drop) = arguments
        .drop
        .iter()
        .find(|drop| !(**drop > 0.0 && **drop <= 1.0))
    {
        return Err(CliError::usage(format!(
            "--drop has {drop}, expected numbers above 0 and at most 1"
        ))
        .hint("a drop of two points is 0.02"));
    }
    Ok(())
}

fn of_setting(error: SimulateError) -> CliError {
    CliError::usage(error)
}

fn read_suite(path: &std::path::Path) -> Result<DraftPlan, CliError> {
    let (draft, _) = seatrial_config::read_suite(path, &wiring::vocabulary())
        .map_err(|problems| CliError::rendered(problems.render(output::colors_stderr())))?;
    Ok(draft)
}

/// Epochs of the tasks that are drawn; the most of them, where they differ.
fn epochs_of(draft: &DraftPlan, metrics: &[Simulated]) -> u32 {
    let is_drawn = |task: &str| metrics.iter().any(|metric| task_of(&metric.metric) == task);
    let epochs = draft
        .tasks
        .iter()
        .filter(|task| is_drawn(&task.name))
        .map(|task| task.epochs);
    epochs.max().unwrap_or(1)
}

fn task_of(metric: &str) -> &str {
    metric.split_once('.').map_or(metric, |(task, _)| task)
}

fn model_of(arguments: &SimulateArguments) -> Option<RateModel> {
    arguments.rate_model.map(|model| match model {
        RateModelArgument::Observed => RateModel::Observed,
        RateModelArgument::Posterior => RateModel::Posterior,
    })
}

/// The gate that is simulated where no suite states any.
fn own_gate(arguments: &SimulateArguments, metric: usize, name: &str) -> SimulatedGate {
    let not_worse = Against {
        relation: Relation::NotWorseThan,
        margin: Margin::Absolute(arguments.margin),
        is_margin_given: true,
        higher_is_better: true,
    };
    SimulatedGate {
        name: format!("{name} not_worse_than baseline, margin {}", arguments.margin),
        metric,
        asks: Asks::Baseline(not_worse),
        risk: arguments.risk,
    }
}

/// What a gate of a suite asks of a share; else why it cannot be drawn.
fn drawable(gate: &Gate) -> Result<(Asks, bool), String> {
    if gate.slice.is_some() {
        return Err("it asks about a slice".to_owned());
    }
    if !matches!(gate.statistic, Statistic::Mean | Statistic::Rate) {
        return Err("it asks about a percentile".to_owned());
    }
    match Asks::of(&gate.condition) {
        None => {
            Err("zero tolerance leaves nothing to chance: it fails whenever such a case is wrong".to_owned())
        }
        Some(Asks::Bound(bound)) => Ok((Asks::Bound(bound), matches!(bound, Bound::AtLeast(_)))),
        Some(Asks::Baseline(against)) => Ok((Asks::Baseline(against), against.higher_is_better)),
    }
}

fn full_name(gate: &Gate) -> String {
    format!("{}.{}", gate.task, gate.metric)
}

/// From a file: one metric, whose name is given, or is the only one that the suite's gates ask about.
fn from_file(
    arguments: &SimulateArguments,
    path: &std::path::Path,
    draft: Option<&DraftPlan>,
) -> Result<Drawing, CliError> {
    let population = rates::read(path, &arguments.columns, model_of(arguments))?;
    let source = Source {
        runs: Vec::new(),
        file: Some(path.display().to_string()),
    };
    let mut drawing = Drawing {
        metrics: Vec::new(),
        gates: Vec::new(),
        left_out: Vec::new(),
        warnings: Vec::new(),
        source,
    };
    let Some(draft) = draft else {
        let name = arguments.metric.clone().unwrap_or_else(|| UNNAMED.to_owned());
        drawing.gates.push(own_gate(arguments, 0, &name));
        drawing.metrics.push(Simulated {
            metric: name,
            higher_is_better: true,
            population,
        });
        return Ok(drawing);
    };
    let wanted = match &arguments.metric {
        Some(metric) => metric.clone(),
        None => only_metric(draft)?,
    };
    for gate in &draft.gates {
        if full_name(gate) != wanted {
            drawing
                .left_out
                .push((gate.name.clone(), format!("the file speaks of `{wanted}`")));
            continue;
        }
        match drawable(gate) {
            Err(why) => drawing.left_out.push((gate.name.clone(), why)),
            Ok((asks, higher_is_better)) => {
                // Rates are those of the value 1; of a metric that should be low, success is the value 0.
                let place = drawing
                    .metrics
                    .iter()
                    .position(|metric| metric.higher_is_better == higher_is_better);
                let metric = place.unwrap_or_else(|| {
                    drawing.metrics.push(Simulated {
                        metric: wanted.clone(),
                        higher_is_better,
                        population: if higher_is_better {
                            population.clone()
                        } else {
                            population.turned()
                        },
                    });
                    drawing.metrics.len() - 1
                });
                drawing.gates.push(SimulatedGate {
                    name: gate.name.clone(),
                    metric,
                    asks,
                    risk: gate.risk,
                });
            }
        }
    }
    some_gate(&drawing, &wanted)?;
    Ok(drawing)
}

fn only_metric(draft: &DraftPlan) -> Result<String, CliError> {
    let mut metrics: Vec<String> = draft
        .gates
        .iter()
        .filter(|gate| drawable(gate).is_ok() && gate.unit == seatrial_types::Unit::Share)
        .map(full_name)
        .collect();
    metrics.sort_unstable();
    metrics.dedup();
    match metrics.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(
            CliError::usage("no gate of the suite asks about a share that can be drawn")
                .hint("leave --suite out to simulate `not_worse_than: baseline`"),
        ),
        several => Err(CliError::usage(format!(
            "the gates of the suite ask about {} metrics, and the file speaks of one",
            several.len()
        ))
        .hint(format!("name it: --metric {}", several.join(" or --metric ")))),
    }
}

fn some_gate(drawing: &Drawing, wanted: &str) -> Result<(), CliError> {
    if !drawing.gates.is_empty() {
        return Ok(());
    }
    let why: Vec<String> = drawing
        .left_out
        .iter()
        .map(|(gate, why)| format!("  `{gate}`: {why}"))
        .collect();
    let message = if why.is_empty() {
        "the suite has no gates".to_owned()
    } else {
        format!(
            "no gate of the suite can be drawn for {wanted}:\n{}",
            why.join("\n")
        )
    };
    Err(CliError::usage(message).hint("leave --suite out to simulate `not_worse_than: baseline`"))
}

/// From recorded runs of one target.
fn from_runs(arguments: &SimulateArguments, draft: Option<&DraftPlan>) -> Result<Drawing, CliError> {
    let store = record::open(&arguments.store.store)?;
    let history = history::of_references(&store, &arguments.runs)?;
    if let [_, _, ..] = history.targets.as_slice() {
        let run = arguments.runs.first().map_or("RUN", String::as_str);
        let names: Vec<String> = history
            .targets
            .iter()
            .map(|target| format!("{run}@{target}"))
            .collect();
        return Err(CliError::usage(format!(
            "run {run} has {} targets, expected one",
            history.targets.len()
        ))
        .hint(format!("name one: {}", names.join(" or "))));
    }
    let mut drawing = Drawing {
        metrics: Vec::new(),
        gates: Vec::new(),
        left_out: Vec::new(),
        warnings: history.warnings.clone(),
        source: Source {
            runs: history.runs.iter().map(ToString::to_string).collect(),
            file: None,
        },
    };
    match draft {
        None => own_gates(arguments, &history, &mut drawing)?,
        Some(draft) => gates_of(arguments, draft, &history, &mut drawing)?,
    }
    Ok(drawing)
}

/// Without a suite: each metric of quality or safety that is right or wrong is not to be worse than its baseline.
fn own_gates(
    arguments: &SimulateArguments,
    history: &History,
    drawing: &mut Drawing,
) -> Result<(), CliError> {
    let mut known = Vec::new();
    for (index, shape) in history.shapes.iter().enumerate() {
        for spec in shape.scorers.iter().flatten() {
            let name = format!("{}.{}", shape.name, spec.name);
            let is_judgement =
                spec.kind == MetricKind::Binary && matches!(spec.pillar, Pillar::Quality | Pillar::Safety);
            let is_wanted = arguments
                .metric
                .as_ref()
                .map_or(is_judgement, |wanted| *wanted == name);
            if spec.kind == MetricKind::Binary {
                known.push(name.clone());
            }
            if !is_wanted || spec.kind != MetricKind::Binary {
                continue;
            }
            if let Some(population) = population_of(arguments, history, index, &spec.name, true)? {
                drawing
                    .gates
                    .push(own_gate(arguments, drawing.metrics.len(), &name));
                drawing.metrics.push(Simulated {
                    metric: name,
                    higher_is_better: true,
                    population,
                });
            }
        }
    }
    if drawing.metrics.is_empty() {
        let message = match &arguments.metric {
            Some(metric) => format!("the runs have no answers that `{metric}` judged right or wrong"),
            None => "the runs have no metric that is right or wrong".to_owned(),
        };
        let hint = if known.is_empty() {
            "give a scorer a limit (`at_least`), which turns its number into a share".to_owned()
        } else {
            format!("there are: {}", known.join(", "))
        };
        return Err(CliError::usage(message).hint(hint));
    }
    Ok(())
}

/// The gates of a suite, for the target of the runs.
fn gates_of(
    arguments: &SimulateArguments,
    draft: &DraftPlan,
    history: &History,
    drawing: &mut Drawing,
) -> Result<(), CliError> {
    let target = history.targets.first().map_or("", String::as_str);
    for gate in &draft.gates {
        let name = full_name(gate);
        if gate.target.as_deref().is_some_and(|asked| asked != target) {
            continue;
        }
        let reason = match drawable(gate) {
            Err(why) => why,
            Ok(_) if arguments.metric.as_ref().is_some_and(|wanted| *wanted != name) => {
                "--metric names another one".to_owned()
            }
            Ok((asks, higher_is_better)) => {
                let place = drawing
                    .metrics
                    .iter()
                    .position(|metric| metric.metric == name && metric.higher_is_better == higher_is_better);
                let place = match place {
                    Some(place) => Some(place),
                    None => {
                        let task = history.shapes.iter().position(|shape| shape.name == gate.task);
                        let population = match task {
                            Some(task) => {
                                population_of(arguments, history, task, &gate.metric, higher_is_better)?
                            }
                            None => None,
                        };
                        population.map(|population| {
                            drawing.metrics.push(Simulated {
                                metric: name.clone(),
                                higher_is_better,
                                population,
                            });
                            drawing.metrics.len() - 1
                        })
                    }
                };
                if let Some(metric) = place {
                    drawing.gates.push(SimulatedGate {
                        name: gate.name.clone(),
                        metric,
                        asks,
                        risk: gate.risk,
                    });
                    continue;
                }
                "the runs have no answers that it judged right or wrong".to_owned()
            }
        };
        drawing.left_out.push((gate.name.clone(), reason));
    }
    some_gate(drawing, "the runs")
}

/// The cases of a metric with values 0 or 1; `None` where it has none.
fn population_of(
    arguments: &SimulateArguments,
    history: &History,
    task: usize,
    metric: &str,
    higher_is_better: bool,
) -> Result<Option<Population>, CliError> {
    let Some(ledger) = history.ledger.task(0, task) else {
        return Ok(None);
    };
    let Some(index) = ledger.metric(metric) else {
        return Ok(None);
    };
    // The error rate has a value for every sample, an answer or not.
    debug_assert!(metric != ERROR_RATE || ledger.metric(ERROR_RATE) == Some(index));
    let cases = ledger.known(index, higher_is_better);
    if cases.is_empty() {
        return Ok(None);
    }
    Population::try_new(&cases, model_of(arguments))
        .map(Some)
        .map_err(CliError::usage)
}

/// What a reader must know before believing the numbers.
fn warn(drawing: &mut Drawing, simulation: &Simulation, setting: &Setting) {
    let mut warnings = Vec::new();
    for metric in &drawing.metrics {
        let population = &metric.population;
        let name = &metric.metric;
        match (population.attempts(), population.model()) {
            (Some((1, 1)), RateModel::Posterior) => warnings.push(format!(
                "`{name}` has one answer a case, which cannot tell a flaky case from a wrong one: the noise rests on \
                 Jeffreys' prior; give several runs, or one with epochs"
            )),
            (Some((fewest, _)), RateModel::Observed) => {
                let share = 100.0 / fewest as f64;
                warnings.push(format!(
                    "`{name}` takes rates from as few as {fewest} answers a case as the true ones, which understates \
                     the noise within cases by up to {share:.0}%; --rate-model posterior does not"
                ));
            }
            _ => {}
        }
        if population.mean() <= 0.0 {
            warnings.push(format!("`{name}` is never right: there is nothing to lose"));
        }
    }
    for (drop, index) in setting.drops.iter().zip(0..) {
        let is_missing = |behaviour: &seatrial_analyse::simulate::Behaviour| {
            behaviour.dropped.get::<usize>(index).is_some_and(Option::is_none)
        };
        if simulation.gates.iter().any(is_missing) {
            warnings.push(format!("a drop of {drop} is more than some metric has to lose"));
        }
    }
    for (gate, why) in &drawing.left_out {
        warnings.push(format!("gate `{gate}` is not simulated: {why}"));
    }
    drawing.warnings.extend(warnings);
}

/// Whether a condition is one against the baseline; for the report.
pub(super) fn margin_of(asks: &Asks) -> Option<Margin> {
    match asks {
        Asks::Bound(_) => None,
        Asks::Baseline(against) => Some(against.margin),
    }
}

/// The word of a gate's condition.
pub(super) fn word_of(asks: &Asks) -> &'static str {
    match asks {
        Asks::Bound(bound) => Condition::Bound(*bound).as_str(),
        Asks::Baseline(against) => Condition::Baseline(*against).as_str(),
    }
}
