//! What failures cost: a register of kinds of failure with their rates and losses, the yearly loss as a distribution, and
//! which mitigation pays.
//!
//! The number of events of a year is Poisson with mean exposure · rate · (1 − detected); each costs a draw of its loss.
//! Rates are drawn first, so that what is not known of a measured rate is part of the spread.

use crate::fields::{Fields, Problem, Problems};
use crate::montecarlo::{DRAWS_DEFAULT, DRAWS_MAX, Outcome, mean, stream};
use crate::quantity::Quantity;
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus;
use seatrial_stats::dist::normal_quantile;
use serde_json::Value;

/// Kinds of failure that a register may name.
pub const KINDS: [&str; 6] = [
    "hallucination",
    "unsafe_answer",
    "outage",
    "slow_answer",
    "wrong_action",
    "other",
];
/// Failures or mitigations of one register at most.
pub const ENTRIES_MAX: usize = 200;
/// Events of one year whose losses are drawn one by one; the sum of more is normal.
const EVENTS_DRAWN_MAX: u64 = 300;
const MONTHS_PER_YEAR: f64 = 12.0;
const MANY: f64 = 1e15;
const LEVEL: f64 = 0.95;

/// A register, read.
#[derive(Debug, Clone)]
pub struct RiskRegister {
    /// Name, for reports.
    pub name: Option<String>,
    /// Draws.
    pub draws: usize,
    /// Seed.
    pub seed: u64,
    risks: Vec<Risk>,
    mitigations: Vec<Mitigation>,
}

#[derive(Debug, Clone)]
struct Risk {
    name: String,
    kind: &'static str,
    exposure_per_month: Quantity,
    rate: Quantity,
    detected: Quantity,
    loss_usd: Quantity,
    /// Dollars for a failure that was noticed.
    handling_usd: Quantity,
}

#[derive(Debug, Clone)]
struct Mitigation {
    name: String,
    usd_per_month: Quantity,
    one_off_usd: Quantity,
    /// By the place of the risk: the share of its events that are prevented.
    prevents: Vec<(usize, Quantity)>,
}

/// The yearly loss of one kind of failure.
#[derive(Debug, Clone)]
pub struct RiskLoss {
    /// Name.
    pub name: String,
    /// One of [`KINDS`].
    pub kind: &'static str,
    /// Failures a year that nobody notices, in the mean.
    pub events_per_year: f64,
    /// Loss of a year.
    pub annual_loss_usd: Option<Outcome>,
    /// Its 95 % quantile: value at risk.
    pub value_at_risk_usd: f64,
    /// Share of the expected loss of all.
    pub share: f64,
}

/// What a mitigation is worth in a year.
#[derive(Debug, Clone)]
pub struct MitigationWorth {
    /// Name.
    pub name: String,
    /// Loss that it prevents in a year.
    pub prevented_usd: Option<Outcome>,
    /// Its cost in the first year.
    pub cost_usd: f64,
    /// Prevented less cost.
    pub net_usd: Option<Outcome>,
    /// Probability that it pays within the year, over what is not known of rates, losses and its effect.
    pub p_pays: f64,
    /// Whether it pays in the mean.
    pub pays: bool,
}

/// What came out.
#[derive(Debug, Clone)]
pub struct RiskResult {
    /// Kinds of failure, dearest first.
    pub risks: Vec<RiskLoss>,
    /// Loss of a year over all.
    pub annual_loss_usd: Option<Outcome>,
    /// Its 95 % quantile.
    pub value_at_risk_usd: f64,
    /// Mean of the losses at or above that quantile.
    pub expected_shortfall_usd: f64,
    /// Mitigations, most worth first.
    pub mitigations: Vec<MitigationWorth>,
    /// Losses with the probability that a year's loss is above them, rising.
    pub exceedance: Vec<(f64, f64)>,
}

impl RiskRegister {
    /// Reads a register.
    ///
    /// # Errors
    /// Everything that is wrong, each with the pointer of its field.
    pub fn read(document: &Value) -> Result<Self, Vec<Problem>> {
        let mut problems = Problems::default();
        let known = [
            "version",
            "name",
            "draws",
            "seed",
            "volume_per_month",
            "risks",
            "mitigations",
        ];
        let register = Fields::read(document, "", "a register of risks", &known, &mut problems)
            .map(|file| read_register(&file, &mut problems));
        problems.or(register)
    }

    /// Works it out.
    #[must_use]
    pub fn work_out(&self) -> RiskResult {
        let mut total = vec![0.0; self.draws];
        let mut expected = vec![Vec::new(); self.risks.len()];
        let mut losses = Vec::with_capacity(self.risks.len());
        for (place, risk) in self.risks.iter().enumerate() {
            let drawn = self.draw(risk, place);
            for (sum, loss) in total.iter_mut().zip(&drawn.losses) {
                *sum += loss;
            }
            losses.push(RiskLoss {
                name: risk.name.clone(),
                kind: risk.kind,
                events_per_year: drawn.events,
                annual_loss_usd: Outcome::of(&drawn.losses),
                value_at_risk_usd: quantile(&drawn.losses, LEVEL),
                share: 0.0,
            });
            expected[place] = drawn.expected;
        }
        let all = mean(&total);
        for risk in &mut losses {
            let own = risk.annual_loss_usd.map_or(0.0, |loss| loss.mean);
            risk.share = if all > 0.0 { own / all } else { 0.0 };
        }
        losses.sort_by(|a, b| b.share.total_cmp(&a.share));
        let value_at_risk = quantile(&total, LEVEL);
        let tail: Vec<f64> = total
            .iter()
            .copied()
            .filter(|loss| *loss >= value_at_risk)
            .collect();
        let mut mitigations: Vec<MitigationWorth> = self
            .mitigations
            .iter()
            .enumerate()
            .map(|(place, mitigation)| self.worth(mitigation, place, &expected))
            .collect();
        let worth = |found: &MitigationWorth| found.net_usd.map_or(f64::MIN, |net| net.mean);
        mitigations.sort_by(|a, b| worth(b).total_cmp(&worth(a)));
        RiskResult {
            risks: losses,
            annual_loss_usd: Outcome::of(&total),
            value_at_risk_usd: value_at_risk,
            expected_shortfall_usd: mean(&tail),
            mitigations,
            exceedance: exceedance(&total),
        }
    }

    fn draw(&self, risk: &Risk, place: usize) -> Drawn {
        let mut rng = stream(self.seed, place);
        let (loss_mean, loss_sd) = risk.loss_usd.mean_sd();
        let (handling_mean, _) = risk.handling_usd.mean_sd();
        let mut drawn = Drawn {
            losses: Vec::with_capacity(self.draws),
            expected: Vec::with_capacity(self.draws),
            events: 0.0,
        };
        for _ in 0..self.draws {
            let mut at = |quantity: &Quantity| quantity.quantile(rng.random());
            let failures = at(&risk.exposure_per_month) * at(&risk.rate) * MONTHS_PER_YEAR;
            let detected = at(&risk.detected);
            let hidden = failures * (1.0 - detected);
            let handled = failures * detected * handling_mean;
            let events = poisson(hidden, &mut rng);
            drawn
                .losses
                .push(sum_of_losses(&risk.loss_usd, events, (loss_mean, loss_sd), &mut rng) + handled);
            drawn.expected.push(hidden * loss_mean + handled);
            drawn.events += hidden / self.draws as f64;
        }
        drawn
    }

    /// By the expected loss of each draw: whether a mitigation pays must not hang on the luck of one year.
    fn worth(&self, mitigation: &Mitigation, place: usize, expected: &[Vec<f64>]) -> MitigationWorth {
        let mut rng = stream(self.seed ^ 0x0a11, place);
        let mut prevented = vec![0.0; self.draws];
        let mut cost = Vec::with_capacity(self.draws);
        for (draw, prevented) in prevented.iter_mut().enumerate() {
            for (risk, share) in &mitigation.prevents {
                *prevented += share.quantile(rng.random()) * expected[*risk][draw];
            }
            cost.push(
                mitigation.usd_per_month.quantile(rng.random()) * MONTHS_PER_YEAR
                    + mitigation.one_off_usd.quantile(rng.random()),
            );
        }
        let net: Vec<f64> = prevented
            .iter()
            .zip(&cost)
            .map(|(prevented, cost)| prevented - cost)
            .collect();
        MitigationWorth {
            name: mitigation.name.clone(),
            prevented_usd: Outcome::of(&prevented),
            cost_usd: mean(&cost),
            p_pays: net.iter().filter(|net| **net > 0.0).count() as f64 / self.draws as f64,
            pays: mean(&net) > 0.0,
            net_usd: Outcome::of(&net),
        }
    }
}

struct Drawn {
    /// Losses of simulated years.
    losses: Vec<f64>,
    /// Expected losses under the same rates.
    expected: Vec<f64>,
    events: f64,
}

/// A Poisson number: by products of uniforms where it is small, by the normal quantile where it is large.
fn poisson(mean: f64, rng: &mut Xoshiro256PlusPlus) -> u64 {
    /// Above this the normal form is closer than a thousandth.
    const SMALL_MAX: f64 = 60.0;
    if mean <= 0.0 {
        return 0;
    }
    if mean > SMALL_MAX {
        let z = normal_quantile(rng.random::<f64>().clamp(1e-12, 1.0 - 1e-12));
        return (mean + z * mean.sqrt() + 0.5).max(0.0) as u64;
    }
    let limit = (-mean).exp();
    let mut product: f64 = rng.random();
    let mut count = 0;
    while product > limit {
        product *= rng.random::<f64>();
        count += 1;
    }
    count
}

fn sum_of_losses(loss: &Quantity, events: u64, (mean, sd): (f64, f64), rng: &mut Xoshiro256PlusPlus) -> f64 {
    if events <= EVENTS_DRAWN_MAX {
        return (0..events).map(|_| loss.quantile(rng.random())).sum();
    }
    let n = events as f64;
    let z = normal_quantile(rng.random::<f64>().clamp(1e-12, 1.0 - 1e-12));
    (n * mean + n.sqrt() * sd * z).max(0.0)
}

fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    seatrial_stats::quantile::type7(&sorted, q).unwrap_or(0.0)
}

/// The curve of losses that are exceeded: at every hundredth, and at every thousandth of the last twentieth.
fn exceedance(losses: &[f64]) -> Vec<(f64, f64)> {
    let mut sorted = losses.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let whole = (0..95).map(|hundredth| f64::from(hundredth) / 100.0);
    let fine = (950..1000).map(|thousandth| f64::from(thousandth) / 1000.0);
    whole
        .chain(fine)
        .filter_map(|q| Some((seatrial_stats::quantile::type7(&sorted, q).ok()?, 1.0 - q)))
        .collect()
}

fn read_register(file: &Fields<'_>, problems: &mut Problems) -> RiskRegister {
    let volume = Quantity::read(file, "volume_per_month", (0.0, MANY), problems);
    let mut register = RiskRegister {
        name: file.text("name", problems).map(str::to_owned),
        draws: file
            .whole("draws", 100, DRAWS_MAX as u64, problems)
            .map_or(DRAWS_DEFAULT, |draws| draws as usize),
        seed: file.whole("seed", 0, u64::MAX, problems).unwrap_or(0),
        risks: Vec::new(),
        mitigations: Vec::new(),
    };
    let risks = file.list("risks", problems);
    if risks.is_empty() {
        file.missing("risks", "kinds of failure with their rates and losses", problems);
    }
    for key in ["risks", "mitigations"] {
        if file.list(key, &mut Problems::default()).len() > ENTRIES_MAX {
            problems.push(
                &file.at(key),
                format!("`{key}` has more than {ENTRIES_MAX} items"),
                None,
            );
        }
    }
    for (pointer, value) in risks.into_iter().take(ENTRIES_MAX) {
        if let Some(risk) = read_risk(value, &pointer, volume.as_ref(), problems) {
            if register.risks.iter().any(|other| other.name == risk.name) {
                problems.push(
                    &pointer,
                    format!("`{}` is there twice", risk.name),
                    Some("rename one"),
                );
            }
            register.risks.push(risk);
        }
    }
    for (pointer, value) in file.list("mitigations", problems).into_iter().take(ENTRIES_MAX) {
        let mitigation = read_mitigation(value, &pointer, &register.risks, problems);
        register.mitigations.extend(mitigation);
    }
    register
}

fn read_risk(
    value: &Value,
    pointer: &str,
    volume: Option<&Quantity>,
    problems: &mut Problems,
) -> Option<Risk> {
    let known = [
        "name",
        "kind",
        "exposure_per_month",
        "rate",
        "detected",
        "loss_usd",
        "handling_usd",
    ];
    let fields = Fields::read(value, pointer, "a risk", &known, problems)?;
    let none = Quantity::Fixed(0.0);
    if !fields.has("name") {
        fields.missing("name", "what it is called in the result", problems);
    }
    if !fields.has("exposure_per_month") && volume.is_none() {
        let what = "answers a month that can fail so; or `volume_per_month` for all risks";
        fields.missing("exposure_per_month", what, problems);
    }
    let exposure =
        Quantity::read(&fields, "exposure_per_month", (0.0, MANY), problems).or_else(|| volume.cloned());
    let rate = Quantity::required(
        &fields,
        "rate",
        (0.0, 1.0),
        "share of answers that fail so",
        problems,
    );
    let loss = Quantity::required(
        &fields,
        "loss_usd",
        (0.0, MANY),
        "dollars that one failure costs",
        problems,
    );
    let kind = fields.choice("kind", &KINDS, problems).unwrap_or("other");
    let detected = Quantity::read(&fields, "detected", (0.0, 1.0), problems).unwrap_or_else(|| none.clone());
    let handling = Quantity::read(&fields, "handling_usd", (0.0, MANY), problems).unwrap_or(none);
    Some(Risk {
        name: fields.text("name", problems)?.to_owned(),
        kind,
        exposure_per_month: exposure?,
        rate: rate?,
        detected,
        loss_usd: loss?,
        handling_usd: handling,
    })
}

fn read_mitigation(
    value: &Value,
    pointer: &str,
    risks: &[Risk],
    problems: &mut Problems,
) -> Option<Mitigation> {
    let known = ["name", "usd_per_month", "one_off_usd", "prevents"];
    let fields = Fields::read(value, pointer, "a mitigation", &known, problems)?;
    for (key, what) in [
        ("name", "what it is called in the result"),
        (
            "prevents",
            "the share of failures that it prevents, by the names of risks",
        ),
    ] {
        if !fields.has(key) {
            fields.missing(key, what, problems);
        }
    }
    let none = Quantity::Fixed(0.0);
    let usd_per_month =
        Quantity::read(&fields, "usd_per_month", (0.0, MANY), problems).unwrap_or_else(|| none.clone());
    let one_off_usd = Quantity::read(&fields, "one_off_usd", (0.0, MANY), problems).unwrap_or(none);
    let shares = Fields::read_any(
        fields.get("prevents")?,
        &fields.at("prevents"),
        "`prevents`",
        problems,
    )?;
    let mut prevents = Vec::new();
    for (name, _) in shares.entries() {
        let Some(place) = risks.iter().position(|risk| risk.name == name) else {
            let known: Vec<&str> = risks.iter().map(|risk| risk.name.as_str()).collect();
            let hint = crate::fields::nearest(name, &known);
            problems.push(
                &shares.at(name),
                format!("there is no risk `{name}`"),
                Some(&hint),
            );
            continue;
        };
        prevents.extend(Quantity::read(&shares, name, (0.0, 1.0), problems).map(|share| (place, share)));
    }
    Some(Mitigation {
        name: fields.text("name", problems)?.to_owned(),
        usd_per_month,
        one_off_usd,
        prevents,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn register() -> Value {
        json!({"volume_per_month": 10_000, "seed": 3, "risks": [
            {"name": "invented facts", "kind": "hallucination", "rate": 0.01, "detected": 0.5, "loss_usd": 10},
            {"name": "down", "kind": "outage", "exposure_per_month": 1, "rate": 0.1, "loss_usd": {"median": 1000, "p90": 5000},
             "handling_usd": 3}],
            "mitigations": [
                {"name": "check of facts", "usd_per_month": 200, "prevents": {"invented facts": 0.8}},
                {"name": "second site", "usd_per_month": 5000, "prevents": {"down": 0.9}}]})
    }

    /// Protects the expected loss: 10,000 · 1 % · ½ · 12 months · 10 dollars = 6,000; the spread of a Poisson sum of 600
    /// events is 10 · √600; 0.8 of it is worth more than 2,400.
    #[test]
    fn losses_by_hand() {
        let result = RiskRegister::read(&register()).unwrap().work_out();
        let facts = &result.risks[0];
        assert_eq!(
            (facts.name.as_str(), facts.kind),
            ("invented facts", "hallucination")
        );
        let loss = facts.annual_loss_usd.unwrap();
        assert!((loss.mean - 6000.0).abs() < 15.0, "{loss:?}");
        let expected = 6000.0 + 1.644_85 * 10.0 * 600_f64.sqrt();
        assert!((facts.value_at_risk_usd - expected).abs() < 25.0, "{facts:?}");
        assert!((facts.events_per_year - 600.0).abs() < 1e-6);
        // 1.2 outages a year of a lognormal loss with mean 1000 · exp(σ²/2), σ = ln 5 / 1.28155.
        let mean_loss = 1000.0 * (0.5 * (5_f64.ln() / 1.281_551_6).powi(2)).exp();
        let down = result.risks[1].annual_loss_usd.unwrap().mean;
        assert!((down / (1.2 * mean_loss) - 1.0).abs() < 0.06, "{down}");
        let names: Vec<_> = result
            .mitigations
            .iter()
            .map(|found| (found.name.as_str(), found.pays))
            .collect();
        assert_eq!(names, [("check of facts", true), ("second site", false)]);
        let net = result.mitigations[0].net_usd.unwrap().mean;
        assert!((net - (4800.0 - 2400.0)).abs() < 1e-6, "{net}");
        assert!(result.expected_shortfall_usd >= result.value_at_risk_usd);
        let at_risk = result
            .exceedance
            .iter()
            .find(|point| (point.1 - 0.05).abs() < 1e-9);
        assert!((at_risk.unwrap().0 - result.value_at_risk_usd).abs() < 1e-6);
        assert!(
            result
                .exceedance
                .windows(2)
                .all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 > pair[1].1)
        );
        assert!(result.value_at_risk_usd > result.annual_loss_usd.unwrap().p50);
    }

    /// Protects small numbers of events from a normal form: their mean and variance are those of Poisson.
    #[test]
    fn events_are_poisson() {
        for wanted in [0.3, 5.0, 80.0] {
            let mut rng = stream(1, 1);
            let drawn: Vec<f64> = (0..20_000).map(|_| poisson(wanted, &mut rng) as f64).collect();
            let found = mean(&drawn);
            let variance = drawn.iter().map(|x| (x - found).powi(2)).sum::<f64>() / 20_000.0;
            assert!(
                (found / wanted - 1.0).abs() < 0.03 && (variance / wanted - 1.0).abs() < 0.05,
                "{wanted} {found} {variance}"
            );
        }
    }

    /// Protects measured rates: the same share from fewer trials has a wider loss.
    #[test]
    fn what_is_not_known_widens() {
        let width = |successes: u32, trials: u32| {
            let mut document = register();
            document["risks"][0]["rate"] = json!({"successes": successes, "trials": trials});
            let result = RiskRegister::read(&document).unwrap().work_out();
            let loss = result
                .risks
                .iter()
                .find(|risk| risk.kind == "hallucination")
                .unwrap();
            let loss = loss.annual_loss_usd.unwrap();
            loss.p90 - loss.p10
        };
        assert!(width(1, 100) > 3.0 * width(100, 10_000));
    }

    /// Protects people who write registers.
    #[test]
    fn wrong_registers_name_the_field() {
        let mut no_exposure = register();
        no_exposure["volume_per_month"] = Value::Null;
        let mut odd = register();
        odd["risks"][0]["rate"] = json!(2);
        odd["risks"][1]["kind"] = json!("fire");
        odd["mitigations"][0]["prevents"] = json!({"invented fact": 0.5});
        for (document, pointer, said) in [
            (json!({}), "", "`risks` is missing"),
            (no_exposure, "/risks/0", "`exposure_per_month` is missing"),
            (
                odd.clone(),
                "/risks/0/rate",
                "`rate` is 2, expected a number from 0 to 1",
            ),
            (odd.clone(), "/risks/1/kind", "expected one of `hallucination`"),
            (
                odd,
                "/mitigations/0/prevents/invented fact",
                "there is no risk `invented fact`",
            ),
        ] {
            let found = RiskRegister::read(&document).unwrap_err();
            let fits = |problem: &Problem| problem.pointer == pointer && problem.message.contains(said);
            assert!(found.iter().any(fits), "{document}: {found:?}");
        }
    }
}
