//! Returns: what alternatives bring in and cost over a horizon, with everything that is not known exactly drawn, so that
//! a return comes with its uncertainty and with the input that is most worth measuring.
//!
//! Each month of an alternative, with volume v, automation a and success s:
//! benefit `v · a · s · (minutes saved · dollars a minute · realisation + value of a success)`;
//! cost `v · (cost of a task + escalation · its cost + wait + a · (1 − s) · ((1 − detected) · loss + detected · rework))`
//! and what is paid monthly; before the first month what is paid once.

use crate::fields::{Fields, Problem, Problems};
use crate::montecarlo::{
    Contradictory, DRAWS_DEFAULT, DRAWS_MAX, Draws, InformationValue, Input, Outcome, Sensitivity, Study,
    histograms, information_value, sensitivities_of,
};
use crate::quantity::Quantity;
use serde_json::Value;

/// Alternatives of one file at most.
pub const ALTERNATIVES_MAX: usize = 100;
/// Longest horizon.
const MONTHS_MAX: u64 = 600;
const MONTHS_PER_YEAR: f64 = 12.0;
const MANY: f64 = 1e15;

/// What a key of an alternative is.
struct Key {
    name: &'static str,
    /// Greatest value; the least is 0.
    most: f64,
    /// `None` where it must be given.
    default: Option<f64>,
    what: &'static str,
}

const fn key(name: &'static str, most: f64, default: Option<f64>, what: &'static str) -> Key {
    Key {
        name,
        most,
        default,
        what,
    }
}

/// Keys of alternatives, in the order in which [`Place`] names them.
const KEYS: [Key; 17] = [
    key("volume_per_month", MANY, None, "tasks a month"),
    key("success", 1.0, None, "share of tasks that are done right"),
    key("cost_per_task_usd", MANY, None, "dollars that one task costs"),
    key(
        "automation",
        1.0,
        Some(1.0),
        "share of tasks whose answer is used without a person",
    ),
    key(
        "minutes_saved",
        MANY,
        Some(0.0),
        "minutes of work that a success saves",
    ),
    key(
        "usd_per_minute",
        MANY,
        Some(0.0),
        "what a minute of that work costs, all included",
    ),
    key(
        "realisation",
        1.0,
        Some(1.0),
        "share of saved time that is really put to use",
    ),
    key(
        "value_per_success_usd",
        MANY,
        Some(0.0),
        "further dollars that a success brings in",
    ),
    key("detected", 1.0, Some(0.0), "share of errors that are noticed"),
    key(
        "loss_per_undetected_error_usd",
        MANY,
        Some(0.0),
        "dollars that an error costs nobody noticed",
    ),
    key(
        "rework_per_detected_error_usd",
        MANY,
        Some(0.0),
        "dollars that a noticed error costs",
    ),
    key(
        "escalation",
        1.0,
        Some(0.0),
        "share of tasks that a person takes over",
    ),
    key(
        "cost_per_escalation_usd",
        MANY,
        Some(0.0),
        "dollars that such a task costs",
    ),
    key("latency_ms", MANY, Some(0.0), "wait for an answer"),
    key(
        "usd_per_second_waited",
        MANY,
        Some(0.0),
        "what a second of that wait costs",
    ),
    key(
        "one_off_usd",
        MANY,
        Some(0.0),
        "dollars paid once, before the first month",
    ),
    key(
        "monthly_usd",
        MANY,
        Some(0.0),
        "dollars paid every month beside the tasks",
    ),
];

/// Places of keys.
#[derive(Clone, Copy)]
enum Place {
    Volume,
    Success,
    CostPerTask,
    Automation,
    MinutesSaved,
    UsdPerMinute,
    Realisation,
    ValuePerSuccess,
    Detected,
    Loss,
    Rework,
    Escalation,
    CostPerEscalation,
    LatencyMs,
    UsdPerSecond,
    OneOff,
    Monthly,
}

/// Returns above which an alternative is called high or medium.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bands {
    /// From here on high.
    pub high: f64,
    /// From here on medium.
    pub medium: f64,
}

/// A file of alternatives, read.
#[derive(Debug, Clone)]
pub struct RoiCase {
    /// Name, for reports.
    pub name: Option<String>,
    /// Months that are looked at.
    pub horizon_months: u32,
    /// Interest for a year.
    pub discount_rate: f64,
    /// Growth of the volume in a month.
    pub growth_per_month: f64,
    /// Draws.
    pub draws: usize,
    /// Seed.
    pub seed: u64,
    /// Bands of returns.
    pub bands: Bands,
    study: Study,
    alternatives: Vec<Alternative>,
}

#[derive(Debug, Clone)]
struct Alternative {
    name: String,
    /// Inputs of the study by [`KEYS`].
    slots: [usize; KEYS.len()],
}

/// What came out for one alternative.
#[derive(Debug, Clone)]
pub struct AlternativeReturn {
    /// Name.
    pub name: String,
    /// (Benefit − cost) / cost over the horizon, not discounted; without draws whose cost is 0.
    pub roi: Option<Outcome>,
    /// Net present value in dollars.
    pub npv_usd: Option<Outcome>,
    /// Benefit over the horizon in dollars.
    pub benefit_usd: Option<Outcome>,
    /// Cost over the horizon in dollars.
    pub cost_usd: Option<Outcome>,
    /// Share of draws with a return above 0.
    pub p_positive: f64,
    /// Share of draws in which it has the greatest net present value.
    pub p_best: f64,
    /// Month by whose end all is paid back, at the medians; `None` where it is not within the horizon.
    pub payback_month: Option<u32>,
    /// Share of draws that pay back within the horizon.
    pub p_paid_back: f64,
    /// Success rate at which benefit and cost are equal; `None` where no rate up to 1 suffices in the median.
    pub break_even_success: Option<Outcome>,
    /// `high`, `medium` or `low`, by the median return.
    pub band: &'static str,
    /// What the net present value depends on, widest first.
    pub tornado: Vec<Sensitivity>,
    /// Net present value with every input at its median: the middle of the tornado.
    pub npv_at_medians_usd: f64,
    /// What has come in less what was spent by the end of each month, not discounted; the first is before the first month.
    pub cash: Vec<Cash>,
    /// Shares of draws by net present value; the bins are the same for all alternatives.
    pub histogram: Vec<(f64, f64)>,
}

/// Cash at the end of a month, from [`CASH_DRAWS`] draws.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Cash {
    /// Month; 0 is before the first.
    pub month: u32,
    /// 10 % quantile in dollars.
    pub p10: f64,
    /// Median.
    pub p50: f64,
    /// 90 % quantile.
    pub p90: f64,
}

/// Draws of which the course of cash is kept.
pub const CASH_DRAWS: usize = 1000;

/// What came out.
#[derive(Debug, Clone)]
pub struct RoiResult {
    /// By median return, greatest first.
    pub alternatives: Vec<AlternativeReturn>,
    /// What knowing more would be worth for the choice by net present value; "none of them" is among the choices.
    pub information: Option<InformationValue>,
    /// Names of the choices that `information` numbers: the alternatives in file order, then `none`.
    pub choices: Vec<String>,
    /// Names of the inputs.
    pub inputs: Vec<String>,
}

impl RoiCase {
    /// Reads a file.
    ///
    /// # Errors
    /// Everything that is wrong, each with the pointer of its field.
    pub fn read(document: &Value) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems::default();
        let known = [
            "version",
            "name",
            "horizon_months",
            "discount_rate",
            "growth_per_month",
            "draws",
            "seed",
            "bands",
            "shared",
            "alternatives",
            "correlations",
        ];
        let case = Fields::read(document, "", "a file of returns", &known, &mut problems)
            .map(|file| read_case(&file, &mut problems));
        problems.or(case)
    }

    /// Works it out.
    ///
    /// # Errors
    /// Correlations that contradict each other.
    pub fn work_out(&self) -> Result<RoiResult, Contradictory> {
        let draws = self.study.draw(self.draws, self.seed)?;
        let npvs: Vec<Vec<f64>> = self
            .alternatives
            .iter()
            .map(|alternative| draws.map(|row| self.flows(alternative, row).npv))
            .collect();
        let mut payoffs = npvs.clone();
        payoffs.push(vec![0.0; draws.len()]);
        let mut alternatives: Vec<AlternativeReturn> = (0..self.alternatives.len())
            .map(|place| self.of_alternative(place, &draws, &npvs))
            .collect();
        for (found, histogram) in alternatives.iter_mut().zip(histograms(&npvs)) {
            found.histogram = histogram;
        }
        let median = |found: &AlternativeReturn| found.roi.map_or(f64::MIN, |roi| roi.p50);
        alternatives.sort_by(|a, b| median(b).total_cmp(&median(a)));
        let names = self
            .alternatives
            .iter()
            .map(|alternative| alternative.name.clone());
        Ok(RoiResult {
            alternatives,
            information: information_value(&self.study, &draws, &payoffs),
            choices: names.chain(["none".to_owned()]).collect(),
            inputs: self.study.inputs.iter().map(|input| input.name.clone()).collect(),
        })
    }

    fn of_alternative(&self, place: usize, draws: &Draws, npvs: &[Vec<f64>]) -> AlternativeReturn {
        let alternative = &self.alternatives[place];
        let npv = &npvs[place];
        let n = draws.len();
        let mut benefits = Vec::with_capacity(n);
        let mut costs = Vec::with_capacity(n);
        let mut rois = Vec::with_capacity(n);
        let mut break_even = Vec::with_capacity(n);
        let (mut positive, mut paid_back) = (0_usize, 0_usize);
        let _ = draws.map(|row| {
            let flows = self.flows(alternative, row);
            benefits.push(flows.benefit);
            costs.push(flows.cost);
            if flows.cost > 0.0 {
                rois.push((flows.benefit - flows.cost) / flows.cost);
            }
            positive += usize::from(flows.benefit > flows.cost);
            paid_back += usize::from(flows.payback.is_some());
            break_even.push(self.break_even(alternative, row));
            0.0
        });
        let is_best = |draw: &usize| npvs.iter().all(|other| other[*draw] <= npv[*draw]);
        let share = |count: usize| count as f64 / n as f64;
        let medians: Vec<f64> = self
            .study
            .inputs
            .iter()
            .map(|input| input.quantity.median())
            .collect();
        let roi = Outcome::of(&rois);
        let reachable = Outcome::of(&break_even).filter(|rate| rate.p50 <= 1.0);
        AlternativeReturn {
            name: alternative.name.clone(),
            band: self.band(roi),
            roi,
            npv_usd: Outcome::of(npv),
            benefit_usd: Outcome::of(&benefits),
            cost_usd: Outcome::of(&costs),
            p_positive: share(positive),
            p_best: share((0..n).filter(is_best).count()),
            payback_month: self.flows(alternative, &medians).payback,
            p_paid_back: share(paid_back),
            break_even_success: reachable,
            tornado: self.tornado(alternative, draws, npv),
            npv_at_medians_usd: self.flows(alternative, &medians).npv,
            cash: self.cash(alternative, draws),
            histogram: Vec::new(),
        }
    }

    /// The course of cash over the months. A hypercube's draws come in no order, so that the first of them are a sample.
    fn cash(&self, alternative: &Alternative, draws: &Draws) -> Vec<Cash> {
        let shown = draws.len().min(CASH_DRAWS);
        let mut row = vec![0.0; self.study.inputs.len()];
        let mut months: Vec<Vec<f64>> = vec![Vec::with_capacity(shown); self.horizon_months as usize + 1];
        for draw in 0..shown {
            draws.row(draw, &mut row);
            let at = |place: Place| row[alternative.slots[place as usize]];
            let (benefit, cost) = by_task(&at);
            let (mut sum, mut volume) = (-at(Place::OneOff), at(Place::Volume));
            for (month, kept) in months.iter_mut().enumerate() {
                if month > 0 {
                    sum += volume * (benefit - cost) - at(Place::Monthly);
                    volume *= 1.0 + self.growth_per_month;
                }
                kept.push(sum);
            }
        }
        let quantiles = |(month, mut values): (usize, Vec<f64>)| {
            values.sort_unstable_by(f64::total_cmp);
            let at = |q: f64| seatrial_stats::quantile::type7(&values, q).unwrap_or(0.0);
            Cash {
                month: month as u32,
                p10: at(0.1),
                p50: at(0.5),
                p90: at(0.9),
            }
        };
        months.into_iter().enumerate().map(quantiles).collect()
    }

    fn band(&self, roi: Option<Outcome>) -> &'static str {
        match roi {
            Some(roi) if roi.p50 >= self.bands.high => "high",
            Some(roi) if roi.p50 >= self.bands.medium => "medium",
            _ => "low",
        }
    }

    /// Inputs of other alternatives do not move this one and are left out.
    fn tornado(&self, alternative: &Alternative, draws: &Draws, npv: &[f64]) -> Vec<Sensitivity> {
        let is_own = |place: usize| alternative.slots.contains(&place);
        sensitivities_of(&self.study, draws, npv, is_own, |row| {
            self.flows(alternative, row).npv
        })
    }

    fn flows(&self, alternative: &Alternative, row: &[f64]) -> Flows {
        let at = |place: Place| row[alternative.slots[place as usize]];
        let (benefit, cost) = by_task(&at);
        let monthly_rate = (1.0 + self.discount_rate).powf(-1.0 / MONTHS_PER_YEAR);
        let mut flows = Flows {
            benefit: 0.0,
            cost: at(Place::OneOff),
            npv: -at(Place::OneOff),
            payback: None,
        };
        let (mut volume, mut discount) = (at(Place::Volume), 1.0);
        for month in 1..=self.horizon_months {
            discount *= monthly_rate;
            let (gain, spent) = (volume * benefit, volume * cost + at(Place::Monthly));
            flows.benefit += gain;
            flows.cost += spent;
            flows.npv += (gain - spent) * discount;
            if flows.payback.is_none() && flows.benefit >= flows.cost && flows.benefit > 0.0 {
                flows.payback = Some(month);
            }
            volume *= 1.0 + self.growth_per_month;
        }
        flows
    }

    /// Benefit and cost are linear in the success rate.
    fn break_even(&self, alternative: &Alternative, row: &[f64]) -> f64 {
        let at_rate = |rate: f64| {
            let mut row = row.to_vec();
            row[alternative.slots[Place::Success as usize]] = rate;
            let flows = self.flows(alternative, &row);
            flows.benefit - flows.cost
        };
        let (none, all) = (at_rate(0.0), at_rate(1.0));
        if all <= none {
            return if none >= 0.0 { 0.0 } else { f64::MAX };
        }
        (-none / (all - none)).max(0.0)
    }
}

/// Benefit and cost of a task in the mean.
fn by_task(at: &impl Fn(Place) -> f64) -> (f64, f64) {
    let (per_success, per_error, per_task) = per_task(at);
    let (success, automation) = (at(Place::Success), at(Place::Automation));
    (
        automation * success * per_success,
        per_task + automation * (1.0 - success) * per_error,
    )
}

/// What a success brings in, what an error costs, and what every task costs.
fn per_task(at: &impl Fn(Place) -> f64) -> (f64, f64, f64) {
    let per_success = at(Place::MinutesSaved) * at(Place::UsdPerMinute) * at(Place::Realisation)
        + at(Place::ValuePerSuccess);
    let detected = at(Place::Detected);
    let per_error = (1.0 - detected) * at(Place::Loss) + detected * at(Place::Rework);
    let per_task = at(Place::CostPerTask)
        + at(Place::Escalation) * at(Place::CostPerEscalation)
        + at(Place::LatencyMs) / 1000.0 * at(Place::UsdPerSecond);
    (per_success, per_error, per_task)
}

struct Flows {
    benefit: f64,
    cost: f64,
    npv: f64,
    payback: Option<u32>,
}

fn read_case(file: &Fields<'_>, problems: &mut Problems) -> RoiCase {
    let shared_value = file
        .get("shared")
        .cloned()
        .unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    let names = KEYS.map(|key| key.name);
    let mut case = RoiCase {
        name: file.text("name", problems).map(str::to_owned),
        horizon_months: file
            .whole("horizon_months", 1, MONTHS_MAX, problems)
            .unwrap_or(12) as u32,
        discount_rate: file.number_or("discount_rate", 0.0, 0.0, 10.0, problems),
        growth_per_month: file.number_or("growth_per_month", 0.0, -1.0, 10.0, problems),
        draws: file
            .whole("draws", 100, DRAWS_MAX as u64, problems)
            .map_or(DRAWS_DEFAULT, |draws| draws as usize),
        seed: file.whole("seed", 0, u64::MAX, problems).unwrap_or(0),
        bands: read_bands(file, problems),
        study: Study::default(),
        alternatives: Vec::new(),
    };
    let mut slots: Vec<Option<usize>> = vec![None; KEYS.len()];
    if let Some(shared) = Fields::read(&shared_value, &file.at("shared"), "`shared`", &names, problems) {
        for (place, key) in KEYS.iter().enumerate() {
            let read = Quantity::read(&shared, key.name, (0.0, key.most), problems);
            slots[place] = read.map(|quantity| add(&mut case.study, key.name.to_owned(), quantity));
        }
    }
    let items = file.list("alternatives", problems);
    if items.is_empty() {
        file.missing("alternatives", "what there is to choose from", problems);
    }
    if items.len() > ALTERNATIVES_MAX {
        let message = format!(
            "`alternatives` has {} items, expected at most {ALTERNATIVES_MAX}",
            items.len()
        );
        problems.push(&file.at("alternatives"), message, None);
    }
    let known: Vec<&str> = names.into_iter().chain(["name"]).collect();
    for (pointer, value) in items.into_iter().take(ALTERNATIVES_MAX) {
        if let Some(fields) = Fields::read(value, &pointer, "an alternative", &known, problems) {
            read_alternative(&fields, &slots, &mut case, problems);
        }
    }
    read_correlations(file, &mut case.study, problems);
    case
}

fn add(study: &mut Study, name: String, quantity: Quantity) -> usize {
    study.inputs.push(Input { name, quantity });
    study.inputs.len() - 1
}

fn read_bands(file: &Fields<'_>, problems: &mut Problems) -> Bands {
    let default = Bands {
        high: 3.0,
        medium: 1.0,
    };
    let Some(value) = file.get("bands") else {
        return default;
    };
    let Some(bands) = Fields::read(value, &file.at("bands"), "`bands`", &["high", "medium"], problems) else {
        return default;
    };
    let bands = Bands {
        high: bands.number_or("high", default.high, -1.0, MANY, problems),
        medium: bands.number_or("medium", default.medium, -1.0, MANY, problems),
    };
    if bands.medium > bands.high {
        let message = format!("`medium` ({}) is above `high` ({})", bands.medium, bands.high);
        problems.push(&file.at("bands"), message, Some("exchange them"));
    }
    bands
}

fn read_alternative(
    fields: &Fields<'_>,
    shared: &[Option<usize>],
    case: &mut RoiCase,
    problems: &mut Problems,
) {
    if !fields.has("name") {
        fields.missing("name", "what it is called in the result", problems);
    }
    let name = fields.text("name", problems).unwrap_or("?").to_owned();
    if case.alternatives.iter().any(|other| other.name == name) {
        problems.push(
            &fields.at("name"),
            format!("`{name}` is there twice"),
            Some("rename one"),
        );
    }
    let mut slots = [0; KEYS.len()];
    for (place, key) in KEYS.iter().enumerate() {
        let own = Quantity::read(fields, key.name, (0.0, key.most), problems);
        slots[place] = match (own, shared[place], key.default) {
            (Some(quantity), _, _) => add(&mut case.study, format!("{name}.{}", key.name), quantity),
            (None, Some(slot), _) if !fields.has(key.name) => slot,
            (None, _, Some(default)) => add(
                &mut case.study,
                format!("{name}.{}", key.name),
                Quantity::Fixed(default),
            ),
            (None, _, None) => {
                if !fields.has(key.name) {
                    fields.missing(key.name, key.what, problems);
                }
                0
            }
        };
    }
    case.alternatives.push(Alternative { name, slots });
}

/// `correlations: [{a: NAME, b: NAME, rho: 0.5}]`, names as the tornado has them.
pub(crate) fn read_correlations(file: &Fields<'_>, study: &mut Study, problems: &mut Problems) {
    for (pointer, value) in file.list("correlations", problems) {
        let Some(pair) = Fields::read(value, &pointer, "a correlation", &["a", "b", "rho"], problems) else {
            continue;
        };
        let place = |key: &str, problems: &mut Problems| {
            if !pair.has(key) {
                pair.missing(key, "name of an input", problems);
            }
            let name = pair.text(key, problems)?;
            let found = study.inputs.iter().position(|input| input.name == name);
            if found.is_none() {
                let known: Vec<&str> = study.inputs.iter().map(|input| input.name.as_str()).collect();
                let hint = crate::fields::nearest(name, &known);
                problems.push(&pair.at(key), format!("there is no input `{name}`"), Some(&hint));
            }
            found
        };
        let (a, b) = (place("a", problems), place("b", problems));
        let rho = pair.required_number("rho", (-0.999, 0.999), "rank correlation", problems);
        if let (Some(a), Some(b), Some(rho)) = (a, b, rho) {
            if a == b {
                problems.push(&pointer, "an input cannot correlate with itself", None);
            } else {
                study.correlations.push((a, b, rho));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn work_out(document: &Value) -> RoiResult {
        RoiCase::read(document).unwrap().work_out().unwrap()
    }

    /// Protects the formula by a case worked out by hand: 1000 tasks a month for 10 months; benefit 0.9 · 2 min · 0.5 = 0.9
    /// a task; cost 0.1 + 0.1 · 0.5 · 4 = 0.3 a task, 100 a month, 1,500 once. Benefit 9,000; cost 3,000 + 1,000 + 1,500.
    #[test]
    fn returns_by_hand() {
        let document = json!({"horizon_months": 10, "draws": 100, "alternatives": [{
            "name": "a", "volume_per_month": 1000, "success": 0.9, "cost_per_task_usd": 0.1, "minutes_saved": 2,
            "usd_per_minute": 0.5, "detected": 0.5, "loss_per_undetected_error_usd": 4, "one_off_usd": 1500, "monthly_usd": 100,
        }]});
        let result = work_out(&document);
        let found = &result.alternatives[0];
        let close = |outcome: Option<Outcome>, value: f64| (outcome.unwrap().p50 - value).abs() < 1e-9;
        assert!(
            close(found.benefit_usd, 9000.0) && close(found.cost_usd, 5500.0),
            "{found:?}"
        );
        assert!(
            close(found.npv_usd, 3500.0) && close(found.roi, 3500.0 / 5500.0),
            "{found:?}"
        );
        // Cash: 1,500 are spent before the first month, then 500 come in each.
        assert_eq!((found.cash.len(), found.cash[0].p50), (11, -1500.0));
        assert!((found.cash[3].p50).abs() < 1e-6 && (found.cash[10].p90 - 3500.0).abs() < 1e-6);
        assert!((found.npv_at_medians_usd - 3500.0).abs() < 1e-6);
        // 500 a month pay 1,500 back in three months.
        assert_eq!((found.payback_month, found.p_positive), (Some(3), 1.0));
        // s · 10,000 = 1,000 + 20,000 · (1 − s) + 1,000 + 1,500, so s = 23,500 / 30,000.
        assert!(close(found.break_even_success, 23_500.0 / 30_000.0), "{found:?}");
        assert!(found.tornado.is_empty() && result.information.unwrap().everything == 0.0);
    }

    /// Protects interest: the present value of 100 a month for two months at 12 ‰ growth of nothing.
    #[test]
    fn discounts_by_month() {
        let rate = 1.01_f64.powi(12) - 1.0;
        let document = json!({"horizon_months": 2, "draws": 100, "discount_rate": rate, "alternatives": [{
            "name": "a", "volume_per_month": 100, "success": 1, "cost_per_task_usd": 0, "value_per_success_usd": 1}]});
        let npv = work_out(&document).alternatives[0].npv_usd.unwrap().p50;
        assert!((npv - (100.0 / 1.01 + 100.0 / 1.0201)).abs() < 1e-6, "{npv}");
    }

    /// Protects uncertainty: few trials make returns uncertain, the success rate leads the tornado, and is worth knowing.
    #[test]
    fn uncertain_success_leads() {
        let alternative = |name: &str, successes: u32, cost: f64| json!({"name": name, "success": {"successes": successes, "trials": 20}, "cost_per_task_usd": cost});
        let document = json!({"horizon_months": 12, "draws": 4000, "seed": 5,
            "shared": {"volume_per_month": 1000, "value_per_success_usd": 1, "loss_per_undetected_error_usd": 2,
                       "minutes_saved": {"low": 0, "high": 0.01}},
            "alternatives": [alternative("cheap", 14, 0.1), alternative("dear", 18, 0.5)],
            "correlations": [{"a": "cheap.success", "b": "dear.success", "rho": 0.5}]});
        let result = work_out(&document);
        for found in &result.alternatives {
            assert_eq!(found.tornado[0].input, format!("{}.success", found.name));
            assert!((0.02..0.98).contains(&found.p_positive), "{found:?}");
        }
        let all: f64 = result.alternatives.iter().map(|found| found.p_best).sum();
        assert!((all - 1.0).abs() < 1e-9);
        let worth = result.information.unwrap();
        assert!(worth.everything > 0.0 && worth.inputs[0].1 <= worth.everything);
        assert!(result.inputs[worth.inputs[0].0].ends_with(".success"));
    }

    /// Protects people who write such files.
    #[test]
    fn wrong_files_name_the_field() {
        for (document, pointer, said) in [
            (json!({}), "", "`alternatives` is missing"),
            (
                json!({"alternatives": [{"name": "a"}]}),
                "/alternatives/0",
                "`success` is missing",
            ),
            (
                json!({"alternatives": [{"name": "a", "success": 95}]}),
                "/alternatives/0/success",
                "`success` is 95, expected a number from 0 to 1",
            ),
            (
                json!({"shared": {"sucess": 1}, "alternatives": [{}]}),
                "/shared/sucess",
                "unknown key",
            ),
            (
                json!({"bands": {"high": 1, "medium": 2}, "alternatives": []}),
                "/bands",
                "is above `high`",
            ),
            (
                json!({"alternatives": [], "correlations": [{"a": "x", "b": "y", "rho": 1}]}),
                "/correlations/0/a",
                "there is no input `x`",
            ),
            (json!([]), "", "expected a map"),
        ] {
            let found = RoiCase::read(&document).unwrap_err();
            let fits = |problem: &Problem| problem.pointer == pointer && problem.message.contains(said);
            assert!(found.iter().any(fits), "{document}: {found:?}");
        }
    }
}
