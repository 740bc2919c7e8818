//! The phases from a first smoke test to a release decision: calls, labels, money and days of each. Pure, and apart from
//! the forecast of one run, because a release takes several runs, people, and traffic.

use crate::design::GateDesign;
use crate::forecast::{Forecast, Question, forecast};
use seatrial_stats::power;
use seatrial_types::Estimate;
use serde::Serialize;

/// Cases of the smoke test.
pub const SMOKE_CASES: u64 = 10;
/// Repetitions that show how much an answer varies by itself.
pub const FLAKINESS_EPOCHS: u64 = 3;
/// Cases that are repeated for that.
pub const FLAKINESS_CASES: u64 = 50;
/// Agreement that is expected of a usable scorer, and how well it is to be known (half width of its interval).
const AGREEMENT: (f64, f64) = (0.85, 0.05);
const LEVEL: f64 = 0.95;
const ALPHA: f64 = 0.05;
const POWER: f64 = 0.8;

/// What decides the sizes of the phases.
#[derive(Debug, Clone, PartialEq)]
pub struct Circumstances {
    /// What one whole run of the suite asks of each target.
    pub questions: Vec<Question>,
    /// Cases of the suite, over its tasks.
    pub cases: u64,
    /// Whether any scorer asks a model, and so has to be calibrated.
    pub has_judge: bool,
    /// Difference that the release decision is about, as a share.
    pub difference: f64,
    /// Share of good answers that is expected; 0.5 is the most demanding.
    pub expected_share: f64,
    /// Interactions a day after release; `None` where it is unknown.
    pub traffic_per_day: Option<u64>,
    /// Minutes that a person needs for one label.
    pub minutes_per_label: f64,
    /// Price of a label in US dollars; `None` where it is unknown.
    pub usd_per_label: Option<f64>,
}

/// One phase.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Phase {
    /// Name.
    pub name: &'static str,
    /// What it is for, and what ends it.
    pub purpose: String,
    /// Calls, over all targets.
    pub calls: u64,
    /// Labels that people give.
    pub labels: u64,
    /// Hours of people, at the stated minutes per label.
    pub label_hours: f64,
    /// Money for calls.
    pub calls_cost_usd: Estimate,
    /// Money for labels; `None` where their price is unknown and some are needed.
    pub labels_cost_usd: Option<f64>,
    /// Wall time of the calls, milliseconds.
    pub duration_ms: Estimate,
    /// Interactions of users that it waits for.
    pub interactions: Option<u64>,
    /// Days of traffic that takes; `None` where the traffic is unknown or none is needed.
    pub traffic_days: Option<f64>,
    /// The command to run.
    pub command: &'static str,
}

/// All phases in order.
#[must_use]
pub fn programme(circumstances: &Circumstances, gates: &[GateDesign]) -> Vec<Phase> {
    let cases = circumstances.cases.max(1);
    let whole = 1.0;
    let part = |wanted: u64| ratio(wanted.min(cases), cases);
    let mut phases = vec![phase(
        circumstances,
        "smoke",
        format!("{SMOKE_CASES} cases: keys, prompts, scorers and prices are right; ends with no error"),
        part(SMOKE_CASES),
        0,
        "seatrial doctor SUITE && seatrial run SUITE   # with first: 10 in its tasks",
    )];
    let labels = labels_needed();
    let what = if circumstances.has_judge {
        "the judge agrees with people"
    } else {
        "the scorers agree with people"
    };
    phases.push(phase(
        circumstances,
        "calibration",
        format!(
            "{labels} answers labelled by people, so that agreement near {} is known to ±{}: {what}",
            AGREEMENT.0, AGREEMENT.1
        ),
        part(labels),
        labels,
        "seatrial export latest --format csv   # label a random part of it",
    ));
    phases.push(phase(
        circumstances,
        "flakiness",
        format!("{FLAKINESS_CASES} cases {FLAKINESS_EPOCHS} times: how much of a difference is chance"),
        part(FLAKINESS_CASES) * ratio(FLAKINESS_EPOCHS, 1),
        0,
        "seatrial run SUITE   # with limit: 50 and epochs: 3",
    ));
    phases.push(phase(
        circumstances,
        "baseline",
        "the whole suite with what is in production now".to_owned(),
        whole,
        0,
        "seatrial run SUITE",
    ));
    phases.push(phase(
        circumstances,
        "main",
        format!(
            "the whole suite with the candidate; ends with a verdict of every gate{}",
            undecided(gates)
        ),
        whole,
        0,
        "seatrial run SUITE --json findings.json",
    ));
    phases.push(phase(
        circumstances,
        "gate",
        "in CI, for every change: the suite with its gates, until release".to_owned(),
        whole,
        0,
        "seatrial run SUITE --junit junit.xml",
    ));
    phases.push(ab_test(circumstances));
    phases
}

/// Money and labels until the release decision; unknown where any phase is.
#[must_use]
pub fn total_usd(phases: &[Phase]) -> Option<f64> {
    phases
        .iter()
        .map(|phase| Some(phase.calls_cost_usd.value? + phase.labels_cost_usd?))
        .sum()
}

fn phase(
    circumstances: &Circumstances,
    name: &'static str,
    purpose: String,
    share_of_suite: f64,
    labels: u64,
    command: &'static str,
) -> Phase {
    let Forecast {
        calls,
        cost_usd,
        duration_ms,
        ..
    } = forecast(&scaled(&circumstances.questions, share_of_suite));
    Phase {
        name,
        purpose,
        calls,
        labels,
        label_hours: ratio(labels, 1) * circumstances.minutes_per_label / 60.0,
        calls_cost_usd: cost_usd,
        labels_cost_usd: match (labels, circumstances.usd_per_label) {
            (0, _) => Some(0.0),
            (labels, price) => price.map(|price| ratio(labels, 1) * price),
        },
        duration_ms,
        interactions: None,
        traffic_days: None,
        command,
    }
}

fn ab_test(circumstances: &Circumstances) -> Phase {
    let (before, difference) = (circumstances.expected_share, circumstances.difference);
    let after = if before + difference <= 1.0 {
        before + difference
    } else {
        before - difference
    };
    let per_arm = power::trials_per_arm(before, after, ALPHA, POWER)
        .ok()
        .and_then(ceiling);
    let interactions = per_arm.map(|n| n.saturating_mul(2));
    let days = interactions
        .zip(circumstances.traffic_per_day.filter(|traffic| *traffic > 0))
        .map(|(interactions, traffic)| ratio(interactions, traffic));
    let sizes = per_arm.map_or_else(String::new, |n| {
        format!(", {n} interactions with feedback in each arm")
    });
    Phase {
        interactions,
        traffic_days: days,
        ..phase(
            circumstances,
            "A/B",
            format!("on users: a difference of {difference} from {before} is seen with power {POWER}{sizes}"),
            0.0,
            0,
            "split the traffic; feedback decides",
        )
    }
}

/// The same questions with this share of their calls, rounded up.
fn scaled(questions: &[Question], share: f64) -> Vec<Question> {
    questions
        .iter()
        .map(|question| Question {
            calls: ceiling(ratio(question.calls, 1) * share).unwrap_or(question.calls),
            ..question.clone()
        })
        .collect()
}

fn undecided(gates: &[GateDesign]) -> String {
    let never = gates.iter().filter(|gate| gate.can_never_pass()).count();
    match never {
        0 => String::new(),
        1 => "; 1 gate has too few answers to ever pass".to_owned(),
        many => format!("; {many} gates have too few answers to ever pass"),
    }
}

fn labels_needed() -> u64 {
    power::trials_for_half_width(AGREEMENT.0, AGREEMENT.1, LEVEL).unwrap_or(200)
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "used only where it is a whole number in range"
)]
fn ceiling(value: f64) -> Option<u64> {
    let value = value.ceil();
    (0.0..1e15).contains(&value).then_some(value as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::Pace;
    use seatrial_types::Price;

    fn circumstances() -> Circumstances {
        Circumstances {
            questions: vec![Question {
                target: "a".to_owned(),
                calls: 200,
                prompt_chars_mean: Some(400.0),
                answer_tokens_max: Some(100),
                price: Some(Price {
                    input_usd_per_mtok: "1".parse().unwrap(),
                    output_usd_per_mtok: "2".parse().unwrap(),
                    ..Price::default()
                }),
                pace: Pace {
                    concurrency_start: 8,
                    concurrency_max: 8,
                    rpm: None,
                    tpm: None,
                },
                history: None,
            }],
            cases: 200,
            has_judge: true,
            difference: 0.05,
            expected_share: 0.5,
            traffic_per_day: Some(1000),
            minutes_per_label: 2.0,
            usd_per_label: None,
        }
    }

    /// Protects the sizes of the phases: parts of the suite, labels for a stated precision, the classical size of an
    /// A/B test (1,565 per arm for 0.5 against 0.55), and an unknown price of labels that stays unknown.
    #[test]
    fn phases_have_the_sizes_that_their_purpose_needs() {
        let phases = programme(&circumstances(), &[]);
        let calls: Vec<_> = phases.iter().map(|phase| (phase.name, phase.calls)).collect();
        let labels = phases[1].labels;
        assert!((190..=205).contains(&labels), "{labels}");
        assert_eq!(
            calls,
            [
                ("smoke", 10),
                ("calibration", labels.min(200)),
                ("flakiness", 150),
                ("baseline", 200),
                ("main", 200),
                ("gate", 200),
                ("A/B", 0)
            ]
        );
        let interactions = phases[6].interactions.unwrap();
        assert!((3120..=3140).contains(&interactions), "{interactions}");
        assert_eq!(phases[6].traffic_days, Some(ratio(interactions, 1000)));
        assert_eq!(phases[1].labels_cost_usd, None);
        assert_eq!(total_usd(&phases), None, "unknown is never 0");
        let known = programme(
            &Circumstances {
                usd_per_label: Some(0.5),
                ..circumstances()
            },
            &[],
        );
        assert_eq!(known[1].labels_cost_usd, Some(ratio(labels, 2)));
    }
}
