//! From readings to figures of a window: how much counters grew, where gauges stood, how what histograms counted was
//! distributed. Apart from how readings come, so that it can be shown right with made-up ones. What it keeps does not grow
//! with the number of readings.

use super::figure::{BucketQuantile, ServerFigure, ServerSeries, Told};
use super::known::{KNOWN, Known, ServerKind, Telling};
use super::text::{Kind, Line, line};
use std::collections::BTreeMap;

/// Most series of one reading that are wanted: beyond that no reading is taken.
const SERIES_MAX: usize = 20_000;
/// Most buckets of a histogram.
const BUCKETS_MAX: usize = 2_000;
/// Quantiles that are told of distributions.
const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];

/// What is wanted of a server, and what came of it so far.
#[derive(Debug)]
pub(super) struct Window {
    asked: Vec<ServerSeries>,
    tracks: BTreeMap<ServerSeries, Track>,
    kind: Option<ServerKind>,
    from_ns: Option<u64>,
    to_ns: u64,
}

/// One number over the readings.
#[derive(Debug, Default)]
struct Track {
    kind: Option<Kind>,
    /// Levels and counters.
    seen: Option<Seen>,
    /// Growth of each bucket by its limit, and the counts of the last reading.
    buckets: Vec<Bucket>,
    count: Grown,
    sum: Grown,
    series: usize,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    sum: f64,
    min: f64,
    max: f64,
    readings: u64,
    grown: Grown,
    /// The same for the mean of its series.
    mean_sum: f64,
    mean_min: f64,
    mean_max: f64,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    limit: f64,
    grown: Grown,
}

/// A counter over the readings.
#[derive(Debug, Clone, Copy, Default)]
struct Grown {
    last: Option<f64>,
    total: f64,
    resets: u64,
}

impl Grown {
    /// A counter that fell began from nothing, and so did one that was not there before (`is_later`).
    fn push(&mut self, value: f64, is_later: bool) {
        if let Some(last) = self.last.or(is_later.then_some(0.0)) {
            if value < last {
                self.resets += 1;
                self.total += value;
            } else {
                self.total += value - last;
            }
        }
        self.last = Some(value);
    }
}

/// What one reading says of one wanted number.
#[derive(Debug, Default)]
struct Reading {
    sum: f64,
    series: usize,
    buckets: Vec<(f64, f64)>,
    bucket_count: Option<f64>,
    bucket_sum: Option<f64>,
}

impl Window {
    pub(super) fn new(asked: Vec<ServerSeries>) -> Self {
        let mut tracks: BTreeMap<ServerSeries, Track> = BTreeMap::new();
        for known in &KNOWN {
            for (name, of) in known.names {
                for name in [name, of].into_iter().filter(|name| !name.is_empty()) {
                    tracks.entry(ServerSeries::of_name(name)).or_default();
                }
            }
        }
        for series in &asked {
            tracks.entry(series.clone()).or_default();
        }
        Self {
            asked,
            tracks,
            kind: None,
            from_ns: None,
            to_ns: 0,
        }
    }

    /// Takes a reading of this moment. The error reads behind the address.
    pub(super) fn push(&mut self, at_ns: u64, text: &str) -> Result<(), String> {
        let readings = self.readings(text)?;
        let is_later = self.from_ns.is_some();
        for (track, reading) in self.tracks.values_mut().zip(readings) {
            track.push(reading, is_later);
        }
        self.from_ns.get_or_insert(at_ns);
        self.to_ns = at_ns;
        Ok(())
    }

    /// One for each track, in their order.
    fn readings(&mut self, text: &str) -> Result<Vec<Reading>, String> {
        let mut kinds: BTreeMap<&str, Kind> = BTreeMap::new();
        let mut readings: Vec<Reading> = self.tracks.keys().map(|_| Reading::default()).collect();
        let (mut series, mut taken) = (0_usize, 0_usize);
        for one in text.lines() {
            match line(one) {
                Some(Line::Kind(name, kind)) if kinds.len() < SERIES_MAX => {
                    kinds.insert(name, kind);
                }
                Some(Line::Series { name, labels, value }) => {
                    series += 1;
                    if self.kind.is_none() {
                        self.kind = ServerKind::of_name(name);
                    }
                    for (wanted, reading) in self.tracks.keys().zip(&mut readings) {
                        if value.is_nan() || !wanted.has_labels(&labels) {
                            continue;
                        }
                        taken += usize::from(reading.take(&wanted.name, name, &labels, value)?);
                    }
                    if taken > SERIES_MAX {
                        return Err(format!("tells more than {SERIES_MAX} series of what is wanted"));
                    }
                }
                Some(_) => {}
                None if series == 0 => {
                    let shown: String = one.trim().chars().take(40).collect();
                    return Err(format!(
                        "is not in the text format of Prometheus; found `{}`, expected lines such as `name 1.5`",
                        shown.escape_debug()
                    ));
                }
                // A line that nobody can read says nothing of the others.
                None => {}
            }
        }
        if series == 0 {
            return Err("tells no number".to_owned());
        }
        for (wanted, track) in &mut self.tracks {
            let base = wanted.name.strip_suffix("_total").unwrap_or(&wanted.name);
            let kind = kinds.get(wanted.name.as_str()).or_else(|| kinds.get(base));
            track.kind = kind.copied().or(track.kind);
        }
        Ok(readings)
    }

    /// When the first and the last good reading were.
    pub(super) fn span_ns(&self) -> Option<(u64, u64)> {
        Some((self.from_ns?, self.to_ns))
    }

    pub(super) const fn kind(&self) -> Option<ServerKind> {
        self.kind
    }

    /// What was asked for by name and never came.
    pub(super) fn missing(&self) -> Vec<String> {
        let came = |series: &&ServerSeries| self.tracks.get(series).is_some_and(|track| track.series > 0);
        self.asked
            .iter()
            .filter(|series| !came(series))
            .map(ServerSeries::text)
            .collect()
    }

    /// What it all did, plain words first.
    pub(super) fn figures(&self) -> Vec<ServerFigure> {
        let mut figures: Vec<ServerFigure> = Vec::new();
        for known in &KNOWN {
            if figures.iter().any(|figure| figure.word == Some(known.word)) {
                continue;
            }
            let found = known
                .names
                .iter()
                .find_map(|(name, of)| self.figure_of(known, name, of));
            figures.extend(found);
        }
        figures.extend(self.asked.iter().filter_map(|series| self.figure_asked(series)));
        figures
    }

    fn seconds(&self) -> f64 {
        let (from, to) = self.span_ns().unwrap_or((0, 0));
        #[expect(clippy::cast_precision_loss, reason = "length of a run")]
        let seconds = to.saturating_sub(from) as f64 / 1e9;
        seconds
    }

    fn figure_of(&self, known: &Known, name: &str, of: &str) -> Option<ServerFigure> {
        let track = self.track(name)?;
        let told = match known.telling {
            Telling::Level => track.level(known.unit == "share", known.scale)?,
            Telling::Growth => track.growth(known.scale, self.seconds())?,
            Telling::Ratio => {
                let (hits, all) = (track.seen?.grown, self.track(of)?.seen?.grown);
                Told::Ratio {
                    value: (all.total > 0.0).then(|| hits.total / all.total),
                    of: all.total,
                }
            }
            Telling::Distribution => track.distribution(known.scale)?,
        };
        Some(ServerFigure {
            word: Some(known.word),
            name: name.to_owned(),
            meaning: Some(known.meaning),
            unit: Some(known.unit),
            series: track.series,
            resets: track.resets(&told),
            told,
        })
    }

    fn figure_asked(&self, series: &ServerSeries) -> Option<ServerFigure> {
        let track = self.tracks.get(series).filter(|track| track.series > 0)?;
        let is_counter = match track.kind {
            Some(kind) => kind == Kind::Counter,
            None => series.name.ends_with("_total"),
        };
        let told = if track.count.last.is_none() {
            if is_counter {
                track.growth(1.0, self.seconds())?
            } else {
                track.level(false, 1.0)?
            }
        } else {
            track.distribution(1.0)?
        };
        Some(ServerFigure {
            word: None,
            name: series.text(),
            meaning: None,
            unit: None,
            series: track.series,
            resets: track.resets(&told),
            told,
        })
    }

    fn track(&self, name: &str) -> Option<&Track> {
        let track = self.tracks.get(&ServerSeries::of_name(name))?;
        (track.series > 0).then_some(track)
    }
}

impl Reading {
    /// Takes a series where it belongs to the number of this name; whether it does.
    fn take(
        &mut self,
        wanted: &str,
        name: &str,
        labels: &[(&str, String)],
        value: f64,
    ) -> Result<bool, String> {
        if name == wanted {
            // Infinite levels say nothing.
            if value.is_finite() {
                self.sum += value;
                self.series += 1;
            }
            return Ok(true);
        }
        match name.strip_prefix(wanted) {
            Some("_bucket") => {
                let limit = labels.iter().find(|(label, _)| *label == "le");
                let limit = limit.and_then(|(_, text)| match text.as_str() {
                    "+Inf" => Some(f64::INFINITY),
                    text => text.parse().ok(),
                });
                let Some(limit) = limit.filter(|limit: &f64| !limit.is_nan()) else {
                    return Ok(false);
                };
                match self.buckets.iter().position(|(known, _)| *known == limit) {
                    Some(at) => {
                        if let Some((_, count)) = self.buckets.get_mut(at) {
                            *count += value;
                        }
                    }
                    None if self.buckets.len() == BUCKETS_MAX => {
                        return Err(format!("has a histogram of more than {BUCKETS_MAX} buckets"));
                    }
                    None => self.buckets.push((limit, value)),
                }
                Ok(true)
            }
            Some("_sum") => {
                *self.bucket_sum.get_or_insert(0.0) += value;
                Ok(true)
            }
            Some("_count") => {
                *self.bucket_count.get_or_insert(0.0) += value;
                self.series += 1;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

impl Track {
    #[expect(clippy::cast_precision_loss, reason = "a number of series")]
    fn push(&mut self, reading: Reading, is_later: bool) {
        self.series = self.series.max(reading.series);
        if let Some(count) = reading.bucket_count {
            self.count.push(count, is_later);
            if let Some(sum) = reading.bucket_sum {
                self.sum.push(sum, is_later);
            }
            for (limit, value) in reading.buckets {
                match self.buckets.iter_mut().find(|bucket| bucket.limit == limit) {
                    Some(bucket) => bucket.grown.push(value, is_later),
                    None => {
                        let mut grown = Grown::default();
                        grown.push(value, is_later);
                        self.buckets.push(Bucket { limit, grown });
                    }
                }
            }
        } else if reading.series > 0 {
            let (sum, mean) = (reading.sum, reading.sum / reading.series as f64);
            let seen = self.seen.get_or_insert(Seen {
                sum: 0.0,
                min: f64::INFINITY,
                max: f64::NEG_INFINITY,
                readings: 0,
                grown: Grown::default(),
                mean_sum: 0.0,
                mean_min: f64::INFINITY,
                mean_max: f64::NEG_INFINITY,
            });
            seen.sum += sum;
            seen.min = seen.min.min(sum);
            seen.max = seen.max.max(sum);
            seen.mean_sum += mean;
            seen.mean_min = seen.mean_min.min(mean);
            seen.mean_max = seen.mean_max.max(mean);
            seen.readings += 1;
            seen.grown.push(sum, is_later);
        }
    }

    /// How often what was told began from nothing; a level may fall whenever it likes.
    fn resets(&self, told: &Told) -> u64 {
        match told {
            Told::Level { .. } => 0,
            _ => self.count.resets + self.seen.map_or(0, |seen| seen.grown.resets),
        }
    }

    /// Where it stood: all series together, or the mean of them where each is a share.
    #[expect(clippy::cast_precision_loss, reason = "a number of readings")]
    fn level(&self, is_share: bool, scale: f64) -> Option<Told> {
        let seen = self.seen?;
        let (sum, min, max) = if is_share {
            (seen.mean_sum, seen.mean_min, seen.mean_max)
        } else {
            (seen.sum, seen.min, seen.max)
        };
        Some(Told::Level {
            mean: scale * sum / seen.readings as f64,
            min: scale * min,
            max: scale * max,
            readings: seen.readings,
        })
    }

    fn growth(&self, scale: f64, seconds: f64) -> Option<Told> {
        let total = scale * self.seen?.grown.total;
        Some(Told::Growth {
            total,
            per_s: (seconds > 0.0).then(|| total / seconds),
        })
    }

    fn distribution(&self, scale: f64) -> Option<Told> {
        self.count.last?;
        let n = self.count.total;
        let mut buckets: Vec<(f64, f64)> = self
            .buckets
            .iter()
            .map(|bucket| (bucket.limit, bucket.grown.total))
            .collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        Some(Told::Distribution {
            n,
            mean: (n > 0.0).then(|| scale * self.sum.total / n),
            quantiles: QUANTILES
                .into_iter()
                .filter_map(|q| quantile(&buckets, q, scale))
                .collect(),
        })
    }
}

/// The quantile of counts below limits, which rise.
fn quantile(buckets: &[(f64, f64)], q: f64, scale: f64) -> Option<BucketQuantile> {
    let all = buckets.last()?.1;
    if all <= 0.0 {
        return None;
    }
    let wanted = q * all;
    let at = buckets.iter().position(|(_, below)| *below >= wanted)?;
    let (limit, below) = *buckets.get(at)?;
    // Times and counts are not negative, so the first bucket begins at 0 unless its limit is below that.
    let (low, before) = match at.checked_sub(1).and_then(|before| buckets.get(before)) {
        Some((low, before)) => (*low, *before),
        None => (limit.min(0.0), 0.0),
    };
    let is_open = limit.is_infinite();
    let within = if below > before {
        (wanted - before) / (below - before)
    } else {
        1.0
    };
    Some(BucketQuantile {
        q,
        value: (!is_open).then_some(scale * (low + within * (limit - low))),
        low: scale * low,
        high: (!is_open).then_some(scale * limit),
    })
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
