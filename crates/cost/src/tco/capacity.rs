//! How many replicas a volume of requests needs: whole ones, for the busiest minute of the month or of every hour, with
//! headroom and redundancy.

use super::{SECONDS_PER_MONTH, Workload};

/// Minutes of an hour.
const HOUR_MINUTES: f64 = 60.0;

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
    /// Whether the number of replicas follows the hour.
    pub scaling: Scaling,
}

/// Whether the number of replicas follows the traffic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scaling {
    /// As many as the busiest minute of the month needs, all the time.
    Fixed,
    /// As many as the busiest minute of each hour needs.
    Hourly {
        /// Minutes from the order of a replica to its first answer, at most an hour: it is paid and does not serve.
        start_up_minutes: f64,
    },
}

impl Capacity {
    /// Replicas at the busiest minute of the month.
    #[must_use]
    pub fn replicas(&self, workload: &Workload, volume: f64) -> u64 {
        self.for_peak(volume / SECONDS_PER_MONTH * workload.rhythm.peak_factor)
    }

    /// Replicas that are paid in the mean of all hours: those that run, and those that start. The same as
    /// [`Self::replicas`] where the number is fixed.
    #[must_use]
    pub fn billed(&self, workload: &Workload, volume: f64) -> f64 {
        let hours = &workload.rhythm.hours;
        let Scaling::Hourly { start_up_minutes } = self.scaling else {
            return self.replicas(workload, volume) as f64;
        };
        let rate = volume / SECONDS_PER_MONTH;
        let of = |hour: &super::rhythm::Hour| self.for_peak(rate * hour.peak);
        let Some(last) = hours.last() else {
            return self.replicas(workload, volume) as f64;
        };
        let (mut before, mut sum, mut added) = (of(last), 0_u64, 0_u64);
        for hour in hours {
            let now = of(hour);
            sum = sum.saturating_add(now);
            added = added.saturating_add(now.saturating_sub(before));
            before = now;
        }
        (sum as f64 + added as f64 * start_up_minutes / HOUR_MINUTES) / hours.len() as f64
    }

    fn for_peak(&self, rate: f64) -> u64 {
        // A hair below a whole number is that number.
        let serving = (rate / self.usable_rps() - 1e-9).ceil().max(0.0) as u64;
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
        serving as f64 * self.usable_rps() * SECONDS_PER_MONTH / workload.rhythm.peak_factor
    }

    /// Requests of a month by those that the replicas could answer.
    #[must_use]
    pub fn utilisation(&self, workload: &Workload, volume: f64) -> f64 {
        let all = self.billed(workload, volume) * self.goodput_rps * SECONDS_PER_MONTH;
        if all > 0.0 { volume / all } else { 0.0 }
    }

    pub(super) fn usable_rps(&self) -> f64 {
        self.goodput_rps * (1.0 - self.headroom)
    }
}

#[cfg(test)]
mod tests {
    use super::super::rhythm::{Hour, Rates, Rhythm};
    use super::*;
    use std::sync::Arc;

    fn workload() -> Workload {
        Workload {
            requests_per_month: 0.0,
            input_tokens: 1000.0,
            output_tokens: 200.0,
            cached_share: 0.0,
            cache_write_share: 0.0,
            growth_per_month: 0.0,
            cost_per_escalation_usd: 0.0,
            loss_per_error_usd: 0.0,
            rhythm: Arc::new(Rhythm {
                peak_factor: 1.5,
                hours: [(0.25, 0.5), (1.75, 1.5)]
                    .map(|(mean, peak)| Hour { mean, peak })
                    .to_vec(),
                is_assumed: false,
                rates: Rates::default(),
            }),
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
            scaling: Scaling::Fixed,
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

    /// Protects machines that follow the hour, by hand: 4 requests a second ask for 2 in the busiest minute of one hour and
    /// for 6 in that of the other, so for 2 and 4 replicas of 1.6; two are added every second hour, half an hour early.
    #[test]
    fn replicas_follow_the_hour() {
        let mut capacity = Capacity {
            goodput_rps: 2.0,
            headroom: 0.2,
            min_replicas: 1,
            redundancy: Redundancy::Spare(0),
            scaling: Scaling::Hourly {
                start_up_minutes: 30.0,
            },
        };
        let volume = 4.0 * SECONDS_PER_MONTH;
        assert_eq!(capacity.replicas(&workload(), volume), 4);
        assert_eq!(
            capacity.billed(&workload(), volume),
            (2.0 + 4.0 + 2.0 * 0.5) / 2.0
        );
        assert!((capacity.utilisation(&workload(), volume) - 4.0 / 7.0).abs() < 1e-12);
        capacity.min_replicas = 3;
        assert_eq!(capacity.billed(&workload(), volume), (3.0 + 4.0 + 0.5) / 2.0);
        capacity.redundancy = Redundancy::Spare(1);
        assert_eq!(capacity.billed(&workload(), volume), (4.0 + 5.0 + 0.5) / 2.0);
        capacity.scaling = Scaling::Fixed;
        assert_eq!(capacity.billed(&workload(), volume), 5.0);
    }
}
