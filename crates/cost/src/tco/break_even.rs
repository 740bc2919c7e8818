//! At which volumes one way to serve is cheaper than another. Bills are straight lines between steps, where a replica is
//! added, so that there may be several crossings: all are found, not the first.

use super::capacity::Scaling;
use super::scenario::{Scenario, Serving};
use super::{SECONDS_PER_MONTH, Workload};

/// Steps over all volumes that are looked at.
pub(super) const STEPS_MAX: f64 = 100_000.0;

/// Volumes over which the same way is cheaper.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// From this volume, requests a month.
    pub from: f64,
    /// To this.
    pub to: f64,
    /// Name of the cheaper way; `None` where both cost the same.
    pub cheaper: Option<String>,
}

/// A volume at which the cheaper way changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Crossing {
    /// Requests a month.
    pub volume: f64,
    /// Whether the bills meet there; otherwise one of them jumps over the other.
    pub meets: bool,
    /// The way that is cheaper above it.
    pub cheaper_above: Option<String>,
    /// Use of the capacity of the first and the second way there, where they have one.
    pub utilisation: [Option<f64>; 2],
}

/// Who is cheaper when.
#[derive(Debug, Clone, PartialEq)]
pub struct BreakEven {
    /// First way.
    pub a: String,
    /// Second way.
    pub b: String,
    /// All volumes, in order, without holes.
    pub stretches: Vec<Stretch>,
    /// Between them.
    pub crossings: Vec<Crossing>,
    /// For an API against machines: the use of a full replica at which it costs what the API does for the same requests,
    /// apart from fixed costs; above 1 means never.
    pub utilisation_needed: Option<f64>,
}

/// Compares two ways over a range of volumes.
pub(super) fn between(
    a: &Scenario,
    b: &Scenario,
    workload: &Workload,
    months: u32,
    (from, to): (f64, f64),
) -> BreakEven {
    let total = |scenario: &Scenario, volume: f64| {
        scenario.running_usd(workload, volume) + scenario.one_off_usd() / f64::from(months.max(1))
    };
    let difference = |volume: f64| total(a, volume) - total(b, volume);
    let mut edges = vec![from, to];
    for scenario in [a, b] {
        steps(scenario, workload, (from, to), &mut edges);
    }
    edges.sort_by(f64::total_cmp);
    edges.dedup();
    let mut stretches: Vec<Stretch> = Vec::new();
    let mut met = Vec::new();
    for pair in edges.windows(2) {
        let (low, high) = (pair[0], pair[1]);
        // Within a piece both bills are straight: two inner points give its ends, whatever the bill is on the step itself.
        let third = (high - low) / 3.0;
        let (first, second) = (difference(low + third), difference(high - third));
        let (at_low, at_high) = (2.0 * first - second, 2.0 * second - first);
        let scale = total(a, low + third).abs().max(1.0) * 1e-12;
        let sign = |x: f64| if x.abs() <= scale { 0.0 } else { x.signum() };
        if sign(at_low) * sign(at_high) < 0.0 {
            let root = low + (high - low) * at_low / (at_low - at_high);
            push(&mut stretches, low, root, cheaper(sign(at_low), a, b));
            push(&mut stretches, root, high, cheaper(sign(at_high), a, b));
            met.push(root);
        } else {
            push(&mut stretches, low, high, cheaper(sign(first), a, b));
        }
    }
    let crossings = stretches
        .windows(2)
        .map(|pair| {
            let volume = pair[1].from;
            Crossing {
                volume,
                meets: met.contains(&volume),
                cheaper_above: pair[1].cheaper.clone(),
                utilisation: [a.utilisation(workload, volume), b.utilisation(workload, volume)],
            }
        })
        .collect();
    BreakEven {
        a: a.name.clone(),
        b: b.name.clone(),
        stretches,
        crossings,
        utilisation_needed: utilisation_needed(a, b, workload).or_else(|| utilisation_needed(b, a, workload)),
    }
}

fn cheaper(sign: f64, a: &Scenario, b: &Scenario) -> Option<String> {
    if sign < 0.0 {
        Some(a.name.clone())
    } else if sign > 0.0 {
        Some(b.name.clone())
    } else {
        None
    }
}

fn push(stretches: &mut Vec<Stretch>, from: f64, to: f64, cheaper: Option<String>) {
    match stretches.last_mut() {
        Some(last) if last.cheaper == cheaper => last.to = to,
        _ if to > from => stretches.push(Stretch { from, to, cheaper }),
        _ => {}
    }
}

/// Volumes at which a bill bends or jumps.
fn steps(scenario: &Scenario, workload: &Workload, (from, to): (f64, f64), edges: &mut Vec<f64>) {
    let Some(capacity) = scenario.serving.capacity() else {
        return;
    };
    let ones = step_widths(scenario, workload);
    let usable_one = capacity.volume_of(workload, 1);
    if usable_one <= 0.0 || !usable_one.is_finite() {
        return;
    }
    if let Serving::Hybrid { replicas, .. } = &scenario.serving {
        // Overflow begins for a part of the month when its rate passes the capacity.
        let usable = capacity.volume_of(workload, *replicas) * workload.rhythm.peak_factor;
        let rates = workload.rhythm.rates.sorted().iter();
        let bends = rates.filter(|rate| **rate > 0.0).map(|rate| usable / rate);
        edges.extend(
            bends
                .chain([usable])
                .filter(|volume| *volume > from && *volume < to),
        );
        return;
    }
    for one in ones {
        let first = (from / one).floor().max(0.0);
        let count = ((to - from) / one).min(STEPS_MAX) as u64 + 1;
        let all = (1..=count).map(|step| (first + step as f64) * one);
        edges.extend(all.filter(|volume| *volume > from && *volume < to));
    }
}

/// Volumes that one replica takes: in the busiest minute of the month, or, where machines follow the hour, in that of each
/// hour. Its multiples are where a replica is added.
pub(super) fn step_widths(scenario: &Scenario, workload: &Workload) -> Vec<f64> {
    let Some(capacity) = scenario.serving.capacity() else {
        return Vec::new();
    };
    if let Serving::Hybrid { .. } = &scenario.serving {
        return Vec::new();
    }
    let one = capacity.volume_of(workload, 1);
    if capacity.scaling == Scaling::Fixed {
        return vec![one];
    }
    let mut peaks: Vec<f64> = workload.rhythm.hours.iter().map(|hour| hour.peak).collect();
    peaks.sort_unstable_by(f64::total_cmp);
    peaks.dedup();
    let busiest = workload.rhythm.peak_factor;
    peaks
        .into_iter()
        .filter(|peak| *peak > 0.0)
        .map(|peak| one * busiest / peak)
        .collect()
}

/// What a month of one replica costs by what the API charges for all that it could answer.
fn utilisation_needed(api: &Scenario, machines: &Scenario, workload: &Workload) -> Option<f64> {
    let Serving::Api(price) = &api.serving else {
        return None;
    };
    let capacity = machines.serving.capacity()?;
    let bill = |volume: f64| machines.running_usd(workload, volume);
    let serving = capacity.min_replicas.max(1);
    let step = bill(capacity.volume_of(workload, serving + 10) * 0.999_999)
        - bill(capacity.volume_of(workload, serving) * 0.999_999);
    let billed = |volume: f64| machines.billed_replicas(workload, volume);
    let replicas = billed(capacity.volume_of(workload, serving + 10) * 0.999_999)?
        - billed(capacity.volume_of(workload, serving) * 0.999_999)?;
    if replicas <= 0.0 {
        return None;
    }
    let full = capacity.goodput_rps * SECONDS_PER_MONTH * price.per_request(workload);
    (full > 0.0).then(|| step / replicas / full)
}
