//! How traffic is spread over a month: what every hour asks for, and how often which rate occurs. Apart because fixed
//! capacity, machines that follow the hour, and overflow all read it, each in its own way.

use crate::trace::TraceSummary;

/// Minutes of an hour.
const HOUR_MINUTES: usize = 60;
/// Hours of a day: a trace that is as long shows the daily rhythm itself.
pub(super) const DAY_HOURS: usize = 24;
/// Hours that a file may list: a month of them.
pub(super) const HOURS_MAX: usize = 744;
/// Parts of an hour where there is no trace: rates rise evenly from as far below the mean as the peak is above it.
const HOUR_PARTS: usize = 60;
/// The same beside a daily rhythm, of which every hour has them.
const HOUR_PARTS_OF_DAY: usize = 20;

/// An hour of the rhythm, by the mean rate of all.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hour {
    /// Its mean rate.
    pub mean: f64,
    /// The rate of its busiest minute.
    pub peak: f64,
}

/// How traffic is spread.
#[derive(Debug, Clone, PartialEq)]
pub struct Rhythm {
    /// The busiest minute by the mean minute.
    pub peak_factor: f64,
    /// Hours in their order; the last is followed by the first.
    pub hours: Vec<Hour>,
    /// Whether the hours were made up from the peak of the day alone.
    pub is_assumed: bool,
    /// Rates of parts of equal length by the mean rate.
    pub rates: Rates,
}

/// What a file says of the rhythm.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    /// Busiest minute of an hour by the mean of the hour.
    pub minute_peak: Option<f64>,
    /// Busiest hour by the mean hour.
    pub diurnal: Option<f64>,
    /// Loads of hours by each other, all from 0, not all 0.
    pub hourly: Option<Vec<f64>>,
}

impl Rhythm {
    /// From what a file says and what a trace shows.
    pub(super) fn of(told: &Told, trace: Option<&TraceSummary>) -> Self {
        let day = trace.filter(|trace| trace.profile.len() >= DAY_HOURS * HOUR_MINUTES);
        if let (Some(trace), None) = (day, &told.hourly) {
            return Self::of_long_trace(trace, told);
        }
        let minute_peak = told
            .minute_peak
            .or_else(|| trace.map(|trace| trace.peak_factor))
            .unwrap_or(1.0);
        let means = match (&told.hourly, told.diurnal) {
            (Some(hourly), _) => by_mean(hourly),
            (None, Some(peak)) if peak > 1.0 => assumed_day(peak),
            _ => vec![1.0],
        };
        let within = match trace {
            Some(trace) => at_most(&trace.profile, HOUR_PARTS),
            None if means.len() > 1 => even(minute_peak, HOUR_PARTS_OF_DAY),
            None => even(minute_peak, HOUR_PARTS),
        };
        let rates = means
            .iter()
            .flat_map(|hour| within.iter().map(move |part| hour * part));
        let hours: Vec<Hour> = means
            .iter()
            .map(|mean| Hour {
                mean: *mean,
                peak: mean * minute_peak,
            })
            .collect();
        Self {
            peak_factor: peak_of(&hours),
            rates: Rates::of(rates.collect()),
            is_assumed: told.hourly.is_none() && hours.len() > 1,
            hours,
        }
    }

    fn of_long_trace(trace: &TraceSummary, told: &Told) -> Self {
        let higher = told.diurnal.unwrap_or(1.0);
        let whole = trace.profile.chunks_exact(HOUR_MINUTES);
        let hours: Vec<Hour> = whole
            .map(|minutes| {
                let mean = minutes.iter().sum::<f64>() / HOUR_MINUTES as f64;
                let seen = minutes.iter().copied().fold(0.0, f64::max);
                Hour {
                    mean,
                    peak: told.minute_peak.map_or(seen, |peak| mean * peak) * higher,
                }
            })
            .collect();
        Self {
            peak_factor: told
                .minute_peak
                .map_or(trace.peak_factor * higher, |_| peak_of(&hours)),
            hours,
            is_assumed: false,
            rates: Rates::of(trace.profile.clone()),
        }
    }
}

fn peak_of(hours: &[Hour]) -> f64 {
    hours.iter().map(|hour| hour.peak).fold(0.0, f64::max)
}

fn by_mean(values: &[f64]) -> Vec<f64> {
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    values.iter().map(|value| value / mean).collect()
}

/// Rates that rise evenly to a peak, by their mean.
fn even(peak: f64, parts: usize) -> Vec<f64> {
    let low = (2.0 - peak).max(0.0);
    let rates: Vec<f64> = (0..parts)
        .map(|part| low + (peak - low) * (part as f64 + 0.5) / parts as f64)
        .collect();
    by_mean(&rates)
}

/// A day whose busiest hour is `peak` times the mean hour: it rises to it and falls again.
fn assumed_day(peak: f64) -> Vec<f64> {
    /// Halvings by which the steepness is found.
    const HALVINGS: u32 = 60;
    let last = (DAY_HOURS - 1) as f64;
    let curve = |power: f64, low: f64| -> Vec<f64> {
        (0..DAY_HOURS)
            .map(|hour| low + (peak - low) * (hour as f64 / last).powf(power))
            .collect()
    };
    let rising = if peak <= 2.0 {
        curve(1.0, 2.0 - peak)
    } else {
        // From 0, so steep that the mean is 1.
        let (mut flat, mut steep) = (1.0, 64.0 * peak);
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(flat, steep);
            if curve(middle, 0.0).iter().sum::<f64>() > DAY_HOURS as f64 {
                flat = middle;
            } else {
                steep = middle;
            }
        }
        curve(steep, 0.0)
    };
    let up = rising.iter().step_by(2);
    let down = rising.iter().skip(1).step_by(2).rev();
    up.chain(down).copied().collect()
}

/// At most `parts` values with the same mean: neighbours by size are put together.
fn at_most(values: &[f64], parts: usize) -> Vec<f64> {
    if values.len() <= parts {
        return values.to_vec();
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let grouped = (0..parts).map(|part| {
        let (from, to) = (part * sorted.len() / parts, (part + 1) * sorted.len() / parts);
        let group = &sorted[from..to];
        group.iter().sum::<f64>() / group.len() as f64
    });
    by_mean(&grouped.collect::<Vec<_>>())
}

/// Rates of parts of equal length, so kept that what lies above a capacity is found without a pass over all.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rates {
    /// Rising.
    sorted: Vec<f64>,
    /// Sums of the last so many; one more than rates.
    above: Vec<f64>,
}

impl Rates {
    /// Of rates in any order, finite and from 0.
    #[must_use]
    pub fn of(mut rates: Vec<f64>) -> Self {
        rates.sort_unstable_by(f64::total_cmp);
        let mut above = vec![0.0; rates.len() + 1];
        for place in (0..rates.len()).rev() {
            above[place] = above[place + 1] + rates[place];
        }
        Self { sorted: rates, above }
    }

    /// The rates, rising.
    #[must_use]
    pub fn sorted(&self) -> &[f64] {
        &self.sorted
    }

    /// Share of the requests that come above a rate of `capacity` by the mean rate.
    #[must_use]
    pub fn share_above(&self, capacity: f64) -> f64 {
        if self.sorted.is_empty() {
            return (1.0 - capacity).max(0.0);
        }
        let first = self.sorted.partition_point(|rate| *rate <= capacity);
        let over = self.above[first] - capacity * (self.sorted.len() - first) as f64;
        if self.above[0] > 0.0 {
            (over / self.above[0]).max(0.0)
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects overflow: minutes at 0.5, 1 and 1.5 of the mean, a capacity at the mean: half a minute's worth of three.
    #[test]
    fn what_is_above_overflows() {
        let rates = Rates::of(vec![1.5, 0.5, 1.0]);
        assert!((rates.share_above(1.0) - 0.5 / 3.0).abs() < 1e-12);
        assert_eq!(rates.share_above(2.0), 0.0);
        assert_eq!(rates.share_above(0.0), 1.0);
        assert_eq!(Rates::default().share_above(0.25), 0.75);
    }

    /// Protects days that are made up: their mean is 1, their busiest hour is the one that was told, whatever it is.
    #[test]
    fn assumed_days_have_the_told_peak() {
        for peak in [1.2, 2.0, 3.5, 12.0] {
            let day = assumed_day(peak);
            let mean = day.iter().sum::<f64>() / DAY_HOURS as f64;
            let highest = day.iter().copied().fold(0.0, f64::max);
            assert!(
                (mean - 1.0).abs() < 1e-9 && (highest - peak).abs() < 1e-9,
                "{peak} {day:?}"
            );
        }
        let told = Told {
            minute_peak: Some(1.5),
            diurnal: Some(2.0),
            hourly: None,
        };
        let rhythm = Rhythm::of(&told, None);
        assert!(rhythm.is_assumed && (rhythm.peak_factor - 3.0).abs() < 1e-9);
        assert!((rhythm.rates.share_above(0.0) - 1.0).abs() < 1e-12);
    }

    /// Protects long traces: every hour keeps its own mean and its own busiest minute.
    #[test]
    fn hours_come_from_a_trace_of_a_day() {
        let mut profile = vec![0.5; 12 * 60];
        profile.extend(vec![1.5; 12 * 60]);
        profile[13 * 60] = 3.0;
        let trace = TraceSummary {
            requests: 1,
            minutes: 1440,
            seconds: 86_400.0,
            mean_input_tokens: 1.0,
            mean_output_tokens: 1.0,
            p95_input_tokens: 1.0,
            p95_output_tokens: 1.0,
            peak_factor: 3.0,
            profile,
        };
        let rhythm = Rhythm::of(&Told::default(), Some(&trace));
        assert_eq!((rhythm.hours.len(), rhythm.peak_factor), (24, 3.0));
        assert_eq!(rhythm.hours[0], Hour { mean: 0.5, peak: 0.5 });
        assert_eq!(rhythm.hours[13].peak, 3.0);
    }
}
