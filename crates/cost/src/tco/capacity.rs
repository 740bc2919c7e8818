//! How many replicas a volume of requests needs: whole ones, for the busiest minute, with headroom and redundancy.

use super::{SECONDS_PER_MONTH, Workload};

/// What stays when something fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redundancy {
    /// So many replicas beside those that serve.
    Spare(u64),
    /// So many zones, of which one may be lost: the others carry the peak.
    Zones(u64),
}

/// The capacity of replicas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Capacity {
    /// Requests a second that one replica answers within the objective, at the lengths of the workload.
    pub goodput_rps: f64,
    /// Share of it that is kept free.
    pub headroom: f64,
    /// Replicas that run even without traffic.
    pub min_replicas: u64,
    /// What stays when something fails.
    pub redundancy: Redundancy,
}

impl Capacity {
    /// Replicas that serve, and all of them.
    #[must_use]
    pub fn replicas(&self, workload: &Workload, volume: f64) -> u64 {
        let peak = volume / SECONDS_PER_MONTH * workload.peak_factor;
        // A hair below a whole number is that number.
        let serving = (peak / self.usable_rps() - 1e-9).ceil().max(0.0) as u64;
        let serving = serving.max(self.min_replicas);
        match self.redundancy {
            Redundancy::Spare(spare) => serving.saturating_add(spare),
            Redundancy::Zones(zones) if zones >= 2 => serving.div_ceil(zones - 1).saturating_mul(zones),
            Redundancy::Zones(_) => serving,
        }
    }

    /// Volume up to which `replicas` serving ones suffice.
    #[must_use]
    pub fn volume_of(&self, workload: &Workload, serving: u64) -> f64 {
        serving as f64 * self.usable_rps() * SECONDS_PER_MONTH / workload.peak_factor
    }

    /// Requests of a month by those that the replicas could answer.
    #[must_use]
    pub fn utilisation(&self, workload: &Workload, volume: f64) -> f64 {
        let all = self.replicas(workload, volume) as f64 * self.goodput_rps * SECONDS_PER_MONTH;
        if all > 0.0 { volume / all } else { 0.0 }
    }

    pub(super) fn usable_rps(&self) -> f64 {
        self.goodput_rps * (1.0 - self.headroom)
    }
}

/// Share of the requests that come above a rate of `capacity` by the mean rate: the profile's parts are of equal length.
pub(super) fn overflow_share(profile: &[f64], capacity: f64) -> f64 {
    if profile.is_empty() {
        return (1.0 - capacity).max(0.0);
    }
    let all: f64 = profile.iter().sum();
    let over: f64 = profile.iter().map(|rate| (rate - capacity).max(0.0)).sum();
    if all > 0.0 { over / all } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload() -> Workload {
        Workload {
            requests_per_month: 0.0,
            input_tokens: 1000.0,
            output_tokens: 200.0,
            cached_share: 0.0,
            peak_factor: 1.5,
            growth_per_month: 0.0,
            profile: Vec::new(),
        }
    }

    /// Protects whole replicas, by hand: 4 requests a second in the mean are 6 in the peak; a replica takes 2 · 0.8.
    #[test]
    fn replicas_are_whole() {
        let capacity = |redundancy| Capacity {
            goodput_rps: 2.0,
            headroom: 0.2,
            min_replicas: 1,
            redundancy,
        };
        let volume = 4.0 * SECONDS_PER_MONTH;
        let spare = capacity(Redundancy::Spare(1));
        assert_eq!(spare.replicas(&workload(), volume), 5);
        assert_eq!(spare.replicas(&workload(), 0.0), 2);
        // Two zones carry the peak each; three zones carry it when two are left.
        assert_eq!(capacity(Redundancy::Zones(2)).replicas(&workload(), volume), 8);
        assert_eq!(capacity(Redundancy::Zones(3)).replicas(&workload(), volume), 6);
        assert!((spare.utilisation(&workload(), volume) - 0.4).abs() < 1e-12);
        let edge = spare.volume_of(&workload(), 3);
        assert_eq!(spare.replicas(&workload(), edge), 4);
        assert_eq!(spare.replicas(&workload(), edge * 1.001), 5);
    }

    /// Protects overflow: minutes at 0.5, 1 and 1.5 of the mean, a capacity at the mean: half a minute's worth of three.
    #[test]
    fn what_is_above_overflows() {
        let share = overflow_share(&[0.5, 1.0, 1.5], 1.0);
        assert!((share - 0.5 / 3.0).abs() < 1e-12);
        assert_eq!(overflow_share(&[0.5, 1.0, 1.5], 2.0), 0.0);
        assert_eq!(overflow_share(&[], 0.25), 0.75);
    }
}
