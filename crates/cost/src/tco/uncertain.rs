//! Scenarios whose numbers are not known exactly. Any number of a file may be a distribution: it is taken out of the
//! document, the median stands in its place for the bill, and the document is read again with other values for each draw.
//! Apart, so that the bill itself knows numbers only.

use super::read::{read_scenario, read_workload};
use super::rhythm::Rhythm;
use super::scenario::Scenario;
use super::{TcoCase, Workload};
use crate::fields::{Fields, Problem, Problems, nearest};
use crate::montecarlo::{
    Draws, InformationValue, Input, Outcome, Sensitivity, Study, information_value, sensitivities_of,
};
use crate::quantity::Quantity;
use rayon::prelude::*;
use serde_json::{Number, Value};
use std::sync::Arc;

/// Numbers of one file that may be distributions.
const INPUTS_MAX: usize = 500;
/// Deepest nesting that is looked at.
const DEPTH_MAX: usize = 16;
/// Keys that hold whole numbers: how many replicas there are is decided, not drawn.
const WHOLE: [&str; 7] = [
    "replicas",
    "min_replicas",
    "spare_replicas",
    "zones",
    "gpus_per_replica",
    "gpus_per_server",
    "hours",
];
/// Keys of the workload that shape its rhythm, which is costly to make again.
const RHYTHM: [&str; 2] = ["/peak_factor", "/diurnal_factor"];
/// How far into the tails of a distribution without ends its values are checked before anything is drawn.
const TAIL: f64 = 1e-6;
const AT_END: &str = " (at the end of its distribution)";

/// What a case does not know exactly.
#[derive(Debug, Clone, Default)]
pub struct Uncertain {
    study: Study,
    /// By the place of the input: where its values go.
    places: Vec<Vec<Place>>,
    /// The workload with numbers only.
    workload: Value,
    /// Scenarios with numbers only.
    scenarios: Vec<Value>,
}

/// Where a value goes.
#[derive(Debug, Clone, PartialEq)]
struct Place {
    part: Part,
    /// Pointer within the part.
    pointer: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Workload,
    Scenario(usize),
}

/// What the draws say of one scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct TcoSpread {
    /// First month, what is paid once spread over the horizon.
    pub monthly_usd: Outcome,
    /// Over the horizon, not discounted.
    pub horizon_usd: Outcome,
    /// A request that was answered well.
    pub usd_per_success: Option<Outcome>,
    /// Share of draws in which it is the cheapest over the horizon; draws with several count for each by their number.
    pub p_cheapest: f64,
    /// The same by the cost of a success; `None` unless it is known of every scenario.
    pub p_cheapest_per_success: Option<f64>,
    /// What its cost over the horizon depends on, widest first; what does not move it is left out.
    pub tornado: Vec<Sensitivity>,
    /// The same for the cost of a success; empty where that is not known.
    pub tornado_per_success: Vec<Sensitivity>,
}

/// What the draws say of all scenarios in file order, and what knowing more would be worth.
type Spreads = (Vec<TcoSpread>, Option<InformationValue>);

/// What one draw comes to.
#[derive(Debug, Clone, Copy)]
struct Drawn {
    monthly: f64,
    horizon: f64,
    per_success: Option<f64>,
}

impl Uncertain {
    /// Takes distributions out of a document and leaves their medians.
    pub(super) fn split(document: &Value, problems: &mut Problems) -> (Value, Self) {
        let mut found = Self::default();
        let mut plain = document.clone();
        let shared = read_shared(document, problems);
        if let Some(workload) = plain.get_mut("workload") {
            let mut finder = Finder::new(&mut found, &shared, Part::Workload, "workload", problems);
            finder.walk(workload, "", 0);
            found.workload = workload.clone();
        }
        if let Some(Value::Array(scenarios)) = plain.get_mut("scenarios") {
            for (place, scenario) in scenarios.iter_mut().enumerate() {
                let name = scenario
                    .get("name")
                    .and_then(Value::as_str)
                    .unwrap_or("?")
                    .to_owned();
                let mut finder = Finder::new(&mut found, &shared, Part::Scenario(place), &name, problems);
                finder.walk(scenario, "", 0);
                found.scenarios.push(scenario.clone());
            }
        }
        if found.study.inputs.len() > INPUTS_MAX {
            let message = format!(
                "{} numbers are distributions, expected at most {INPUTS_MAX}",
                found.study.inputs.len()
            );
            problems.push("", message, None);
        }
        (plain, found)
    }

    pub(super) fn read_correlations(&mut self, file: &Fields<'_>, problems: &mut Problems) {
        crate::roi::read_correlations(file, &mut self.study, problems);
        if self.study.draw(1, 0).is_err() {
            let message = "the correlations contradict each other: no joint distribution has them";
            problems.push(&file.at("correlations"), message, None);
        }
    }

    /// Names of the inputs.
    pub(super) fn names(&self) -> Vec<String> {
        self.study.inputs.iter().map(|input| input.name.clone()).collect()
    }

    /// Reads the case at both ends of every distribution, so that a range that a field does not have is told at the field.
    pub(super) fn check(&self, case: &TcoCase, problems: &mut Problems) {
        if !problems.is_empty() {
            return;
        }
        let medians = self.medians();
        let reader = Reader::new(self, case);
        for (place, input) in self.study.inputs.iter().enumerate() {
            for (end, within) in [(0.0, TAIL), (1.0, 1.0 - TAIL)] {
                let exact = input.quantity.quantile(end);
                // Ends that are never reached: those of a share that was measured, and tails.
                let is_open = matches!(
                    input.quantity,
                    Quantity::Share { .. } | Quantity::Lognormal { .. } | Quantity::Normal { .. }
                );
                let mut row = medians.clone();
                row[place] = if !is_open {
                    exact
                } else {
                    input.quantity.quantile(within)
                };
                if let Err(found) = reader.clone().read_all(&row) {
                    for problem in found {
                        let hint = problem.hint.as_deref();
                        let message = format!("{}{AT_END}", problem.message);
                        problems.push(&problem.pointer, message, hint);
                    }
                    break;
                }
            }
        }
    }

    /// Says of problems with a number that it was put in place of a distribution.
    pub(super) fn explain(&self, problems: Vec<Problem>) -> Vec<Problem> {
        let is_put = |problem: &Problem| {
            self.places.iter().flatten().any(|place| {
                let part = match place.part {
                    Part::Workload => "/workload".to_owned(),
                    Part::Scenario(index) => format!("/scenarios/{index}"),
                };
                problem.pointer.strip_prefix(&part) == Some(place.pointer.as_str())
                    && !problem.message.ends_with(AT_END)
            })
        };
        let explain = |mut problem: Problem| {
            if is_put(&problem) {
                problem.message.push_str(" (the median of its distribution)");
            }
            problem
        };
        problems.into_iter().map(explain).collect()
    }

    fn medians(&self) -> Vec<f64> {
        self.study
            .inputs
            .iter()
            .map(|input| input.quantity.median())
            .collect()
    }

    /// Draws, and what follows for every scenario in file order. `None` where everything is known exactly.
    pub(super) fn work_out(&self, case: &TcoCase) -> Result<Option<Spreads>, Vec<Problem>> {
        if self.study.inputs.is_empty() {
            return Ok(None);
        }
        let draws = self.study.draw(case.draws, case.seed).map_err(|error| {
            vec![Problem {
                pointer: "/correlations".to_owned(),
                message: error.to_string(),
                hint: None,
            }]
        })?;
        let all = self.draw_all(case, &draws)?;
        let column = |place: usize, of: fn(&Drawn) -> f64| -> Vec<f64> {
            all.iter().map(|drawn| of(&drawn[place])).collect()
        };
        let count = case.scenarios.len();
        let horizons: Vec<Vec<f64>> = (0..count)
            .map(|place| column(place, |drawn| drawn.horizon))
            .collect();
        let cheapest = shares_of_least(&horizons);
        let successes: Option<Vec<Vec<f64>>> = (0..count)
            .map(|place| all.iter().map(|drawn| drawn[place].per_success).collect())
            .collect();
        let per_success = successes.as_ref().map(|columns| shares_of_least(columns));
        let spreads: Option<Vec<TcoSpread>> = (0..count)
            .into_par_iter()
            .map(|place| {
                let of_success: Option<Vec<f64>> = all.iter().map(|drawn| drawn[place].per_success).collect();
                let tornado_per_success = of_success.as_deref().map_or_else(Vec::new, |usd| {
                    self.tornado(case, (place, &draws), usd, |drawn| {
                        drawn.per_success.unwrap_or(f64::NAN)
                    })
                });
                Some(TcoSpread {
                    monthly_usd: Outcome::of(&column(place, |drawn| drawn.monthly))?,
                    horizon_usd: Outcome::of(&horizons[place])?,
                    usd_per_success: of_success.as_deref().and_then(Outcome::of),
                    p_cheapest: cheapest[place],
                    p_cheapest_per_success: per_success.as_ref().map(|shares| shares[place]),
                    tornado: self.tornado(case, (place, &draws), &horizons[place], |drawn| drawn.horizon),
                    tornado_per_success,
                })
            })
            .collect();
        let payoffs: Vec<Vec<f64>> = horizons
            .iter()
            .map(|values| values.iter().map(|usd| -usd).collect())
            .collect();
        let information = information_value(&self.study, &draws, &payoffs);
        Ok(spreads.map(|spreads| (spreads, information)))
    }

    fn draw_all(&self, case: &TcoCase, draws: &Draws) -> Result<Vec<Vec<Drawn>>, Vec<Problem>> {
        let reader = Reader::new(self, case);
        (0..draws.len())
            .into_par_iter()
            .map_init(
                || (reader.clone(), vec![0.0; self.study.inputs.len()]),
                |(reader, row), draw| {
                    draws.row(draw, row);
                    reader.read_all(row).map_err(|problems| {
                        let in_draw = |problem: Problem| Problem {
                            message: format!("in a draw: {}", problem.message),
                            ..problem
                        };
                        problems.into_iter().map(in_draw).collect()
                    })
                },
            )
            .collect()
    }

    fn tornado(
        &self,
        case: &TcoCase,
        (place, draws): (usize, &Draws),
        outcomes: &[f64],
        of: fn(&Drawn) -> f64,
    ) -> Vec<Sensitivity> {
        /// Shares of variance below this are chance.
        const SHARE_MIN: f64 = 0.01;
        let mut reader = Reader::new(self, case);
        let touches = |input: usize| {
            let own = |at: &Place| at.part == Part::Workload || at.part == Part::Scenario(place);
            self.places[input].iter().any(own)
        };
        // Both ends of every input were read before, so that nothing can be wrong here.
        let mut all = sensitivities_of(&self.study, draws, outcomes, touches, |row| {
            reader.read_all(row).map_or(f64::NAN, |drawn| of(&drawn[place]))
        });
        all.retain(|found| {
            found.at_p10 != found.at_p90 || found.variance_share.is_some_and(|share| share > SHARE_MIN)
        });
        all
    }
}

/// Share of draws in which each of several is the least; equal ones share a draw.
fn shares_of_least(columns: &[Vec<f64>]) -> Vec<f64> {
    let draws = columns.first().map_or(0, Vec::len);
    let mut shares = vec![0.0; columns.len()];
    for draw in 0..draws {
        let least = columns
            .iter()
            .map(|column| column[draw])
            .fold(f64::INFINITY, f64::min);
        let is_least = |column: &&Vec<f64>| column[draw] <= least;
        let several = columns.iter().filter(is_least).count().max(1);
        for (share, column) in shares.iter_mut().zip(columns) {
            if column[draw] <= least {
                *share += 1.0 / several as f64;
            }
        }
    }
    shares.iter().map(|share| share / draws.max(1) as f64).collect()
}

/// Reads the parts of a document that change with a draw.
#[derive(Clone)]
struct Reader<'a> {
    uncertain: &'a Uncertain,
    case: &'a TcoCase,
    workload: Value,
    scenarios: Vec<Value>,
    /// Whether the workload changes, and each scenario.
    changes: (bool, Vec<bool>),
    rhythm: Option<&'a Arc<Rhythm>>,
}

impl<'a> Reader<'a> {
    fn new(uncertain: &'a Uncertain, case: &'a TcoCase) -> Self {
        let places = || uncertain.places.iter().flatten();
        let of_workload = |at: &&Place| at.part == Part::Workload;
        let is_shaped = places()
            .filter(of_workload)
            .any(|at| RHYTHM.contains(&at.pointer.as_str()));
        // Tokens a second become requests a second by the length of answers.
        let by_length = places()
            .filter(of_workload)
            .any(|at| at.pointer == "/output_tokens");
        let changes = |place: usize| by_length || places().any(|at| at.part == Part::Scenario(place));
        Self {
            uncertain,
            case,
            workload: uncertain.workload.clone(),
            scenarios: uncertain.scenarios.clone(),
            changes: (
                places().any(|at| at.part == Part::Workload),
                (0..uncertain.scenarios.len()).map(changes).collect(),
            ),
            rhythm: (!is_shaped).then_some(&case.workload.rhythm),
        }
    }

    fn read_all(&mut self, row: &[f64]) -> Result<Vec<Drawn>, Vec<Problem>> {
        for (places, value) in self.uncertain.places.iter().zip(row) {
            for place in places {
                let part = match place.part {
                    Part::Workload => Some(&mut self.workload),
                    Part::Scenario(place) => self.scenarios.get_mut(place),
                };
                let slot = part.and_then(|part| part.pointer_mut(&place.pointer));
                if let (Some(slot), Some(number)) = (slot, Number::from_f64(*value)) {
                    *slot = Value::Number(number);
                }
            }
        }
        let mut problems = Problems::default();
        let known = (self.case.trace.as_ref(), self.rhythm);
        let again = if self.changes.0 {
            read_workload(&self.workload, known, &mut problems)
        } else {
            None
        };
        let workload = again.as_ref().unwrap_or(&self.case.workload);
        let mut all = Vec::with_capacity(self.case.scenarios.len());
        for (place, known) in self.case.scenarios.iter().enumerate() {
            if self.changes.1.get(place) == Some(&true) {
                let pointer = format!("/scenarios/{place}");
                let again = read_scenario(
                    &self.scenarios[place],
                    &pointer,
                    workload.output_tokens,
                    &mut problems,
                );
                all.extend(again.map(|scenario| self.come_to(&scenario, workload)));
            } else {
                all.push(self.come_to(known, workload));
            }
        }
        problems.or(Some(all))
    }

    fn come_to(&self, scenario: &Scenario, workload: &Workload) -> Drawn {
        let volume = workload.requests_per_month;
        let once = scenario.one_off_usd() / f64::from(self.case.horizon_months.max(1));
        let monthly = scenario.running_usd(workload, volume) + once;
        let per_request = if volume > 0.0 { monthly / volume } else { 0.0 };
        Drawn {
            monthly,
            horizon: self.case.over_horizon(scenario, workload).0,
            per_success: scenario.usd_per_success(workload, per_request),
        }
    }
}

/// `quantities: {NAME: …}`: what several numbers have in common.
fn read_shared(document: &Value, problems: &mut Problems) -> Vec<Input> {
    let Some(value) = document.get("quantities").filter(|value| !value.is_null()) else {
        return Vec::new();
    };
    let Some(fields) = Fields::read_any(value, "/quantities", "`quantities`", problems) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for (name, _) in fields.entries() {
        if let Some(quantity) = Quantity::read(&fields, name, (f64::MIN, f64::MAX), problems) {
            all.push(Input {
                name: name.to_owned(),
                quantity,
            });
        }
    }
    all
}

/// Finds distributions in one part of a document.
struct Finder<'a> {
    found: &'a mut Uncertain,
    shared: &'a [Input],
    part: Part,
    prefix: &'a str,
    problems: &'a mut Problems,
}

impl<'a> Finder<'a> {
    fn new(
        found: &'a mut Uncertain,
        shared: &'a [Input],
        part: Part,
        prefix: &'a str,
        problems: &'a mut Problems,
    ) -> Self {
        Self {
            found,
            shared,
            part,
            prefix,
            problems,
        }
    }

    fn walk(&mut self, value: &mut Value, pointer: &str, depth: usize) {
        if depth > DEPTH_MAX {
            return;
        }
        match value {
            Value::Object(map) => {
                for (key, value) in map.iter_mut() {
                    let place = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                    if is_quantity(value) && !WHOLE.contains(&key.as_str()) {
                        self.take(value, key, &place);
                    } else {
                        self.walk(value, &place, depth + 1);
                    }
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.walk(item, &format!("{pointer}/{index}"), depth + 1);
                }
            }
            _ => {}
        }
    }

    fn take(&mut self, value: &mut Value, key: &str, place: &str) {
        let whole = match self.part {
            Part::Workload => format!("/workload{place}"),
            Part::Scenario(index) => format!("/scenarios/{index}{place}"),
        };
        let reference = value.get("quantity").cloned();
        let input = match &reference {
            Some(name) => self.shared_input(name, &whole),
            None => self.own_input(value, key, place, &whole),
        };
        // Where something is wrong, a number that fits everywhere keeps further complaints away.
        let median = input.map_or(1.0, |input| {
            self.found.places[input].push(Place {
                part: self.part,
                pointer: place.to_owned(),
            });
            self.found.study.inputs[input].quantity.median()
        });
        *value = Number::from_f64(median).map_or(Value::Null, Value::Number);
    }

    fn shared_input(&mut self, name: &Value, whole: &str) -> Option<usize> {
        let name = name.as_str().unwrap_or_default();
        let Some(input) = self.shared.iter().find(|input| input.name == name) else {
            let known: Vec<&str> = self.shared.iter().map(|input| input.name.as_str()).collect();
            let hint = nearest(name, &known);
            let message = format!("there is no `{name}` in `quantities`");
            self.problems.push(whole, message, Some(&hint));
            return None;
        };
        let known = self.found.study.inputs.iter().position(|other| other == input);
        Some(known.unwrap_or_else(|| self.add(input.clone())))
    }

    fn own_input(&mut self, value: &Value, key: &str, place: &str, whole: &str) -> Option<usize> {
        let parent = whole.rsplit_once('/').map_or("", |(parent, _)| parent);
        let mut map = serde_json::Map::new();
        map.insert(key.to_owned(), value.clone());
        let holder = Value::Object(map);
        let fields = Fields::read_any(&holder, parent, "a map", self.problems)?;
        let quantity = Quantity::read(&fields, key, (f64::MIN, f64::MAX), self.problems)?;
        if key == "success"
            && let Quantity::Share {
                successes, trials, ..
            } = &quantity
            && *successes <= 0.0
        {
            let message =
                format!("`success` has no success in {trials} trials: what a success costs has no end");
            let hint = "measure a model that succeeds, or leave `success` out";
            self.problems.push(whole, message, Some(hint));
            return None;
        }
        let name = format!("{}{}", self.prefix, place.replace('/', "."));
        Some(self.add(Input { name, quantity }))
    }

    fn add(&mut self, input: Input) -> usize {
        self.found.study.inputs.push(input);
        self.found.places.push(Vec::new());
        self.found.study.inputs.len() - 1
    }
}

/// Whether a value is written as a distribution: a map with keys of such alone.
fn is_quantity(value: &Value) -> bool {
    const KEYS: [&str; 12] = [
        "low",
        "mode",
        "high",
        "successes",
        "trials",
        "mean",
        "sd",
        "median",
        "p90",
        "values",
        "shape",
        "quantity",
    ];
    match value {
        Value::Object(map) => !map.is_empty() && map.keys().all(|key| KEYS.contains(&key.as_str())),
        _ => false,
    }
}
