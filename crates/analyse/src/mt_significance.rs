//! Is one translation system better than another? Resampling tests for corpus metrics (BLEU, chrF, TER), which are
//! not means of segment scores: segments are resampled or swapped as sufficient statistics and every resample is
//! scored as a corpus. Here because it needs both `stats` and `text`.
//!
//! sacrebleu's tests are the usual reference and are wrong in two ways: its approximate randomisation counts only
//! shuffles that are *strictly* more extreme, so that a system compared with itself gets the smallest p there is;
//! and its paired bootstrap centres the differences after taking their absolute value, which makes it close to
//! one-sided. The right rules are the default; sacrebleu's are [`Rule::Sacrebleu`], for comparing with its output.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use rayon::prelude::*;
use seatrial_stats::{dist, quantile};
use seatrial_text::bleu::{Bleu, BleuStatistics};
use seatrial_text::chrf::{Chrf, ChrfStatistics};
use seatrial_text::corpus::CorpusError;
use seatrial_text::ter::{Ter, TerStatistics};

/// Most resamples or shuffles of one test: a bound on time.
pub const RESAMPLES_MAX: u64 = 10_000_000;
/// Most differing segments whose swaps are all enumerated.
pub const EXACT_SEGMENTS_MAX: usize = 22;
/// Scores on the 0 to 100 scale that lie closer than this are tied: the same swaps in another order of addition.
const SCORE_TIE: f64 = 1e-9;
/// Resamples that share one random stream, and so one task.
const BLOCK: u64 = 64;

/// Why systems cannot be compared.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SignificanceError {
    /// The metric refuses the texts.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// There is nothing to resample.
    #[error("no segments found, expected at least one")]
    NoSegments,
    /// A leave-one-out estimate of spread needs two segments.
    #[error("1 segment found, expected at least 2 for a jackknife")]
    OneSegment,
    /// The number of resamples is out of range.
    #[error("{found} resamples asked for, expected 1 to {RESAMPLES_MAX}")]
    Resamples {
        /// The number asked for.
        found: u64,
    },
    /// Too many segments differ for an exact test.
    #[error(
        "{differing} segments differ, expected at most {EXACT_SEGMENTS_MAX} for an exact test; \
         hint: use approximate randomisation"
    )]
    TooManyForExact {
        /// Segments whose statistics differ between the systems.
        differing: usize,
    },
    /// The confidence level is not between 0 and 1.
    #[error("confidence level is {found}, expected a number between 0 and 1")]
    Level {
        /// The level asked for.
        found: f64,
    },
}

/// A corpus metric that is a function of summed segment statistics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TranslationMetric {
    /// BLEU, higher is better.
    Bleu(Bleu),
    /// chrF, higher is better.
    Chrf(Chrf),
    /// TER, lower is better.
    Ter(Ter),
}

impl TranslationMetric {
    /// The name in sacrebleu's tables: `BLEU`, `chrF2`, `TER`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Bleu(_) => "BLEU".to_owned(),
            Self::Chrf(chrf) => chrf.name(),
            Self::Ter(_) => "TER".to_owned(),
        }
    }

    /// The statistics of every segment, one row each.
    fn rows<H, R, S>(&self, hypotheses: &[H], references: &[R]) -> Result<Vec<Vec<f64>>, CorpusError>
    where
        H: AsRef<str> + Sync,
        R: AsRef<[S]> + Sync,
        S: AsRef<str>,
    {
        Ok(match self {
            Self::Bleu(bleu) => {
                let segments = bleu.segment_statistics(hypotheses, references)?;
                segments.iter().map(BleuStatistics::to_row).collect()
            }
            Self::Chrf(chrf) => {
                let segments = chrf.segment_statistics(hypotheses, references)?;
                segments.iter().map(ChrfStatistics::to_row).collect()
            }
            Self::Ter(ter) => {
                let segments = ter.segment_statistics(hypotheses, references)?;
                segments.iter().map(TerStatistics::to_row).collect()
            }
        })
    }

    pub(crate) fn score(&self, row: &[f64]) -> f64 {
        match self {
            Self::Bleu(bleu) => bleu.score_row(row),
            Self::Chrf(chrf) => chrf.score_row(row),
            Self::Ter(ter) => ter.score_row(row),
        }
    }
}

/// Which differences count as extreme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rule {
    /// Two-sided, at least as large, centred before the absolute value: p = (1 + extreme) ÷ (1 + resamples).
    #[default]
    Correct,
    /// What sacrebleu 2.6.0 does: strictly larger, and in the bootstrap centred after the absolute value.
    /// Anti-conservative: identical systems get the smallest p. For comparing with its output only.
    Sacrebleu,
}

/// How to resample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResamplingOptions {
    /// Resamples or shuffles, 1 to [`RESAMPLES_MAX`]; 10,000.
    pub resamples: u64,
    /// Seed; the same seed gives the same result on any number of threads; 0.
    pub seed: u64,
    /// Confidence level of the intervals, between 0 and 1; 0.95. [`Rule::Sacrebleu`] always takes 0.95.
    pub level: f64,
    /// What counts as extreme.
    pub rule: Rule,
}

impl Default for ResamplingOptions {
    fn default() -> Self {
        Self {
            resamples: 10_000,
            seed: 0,
            level: 0.95,
            rule: Rule::default(),
        }
    }
}

/// Corpus scores of the two systems.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scores {
    /// Score of the baseline.
    pub baseline: f64,
    /// Score of the system.
    pub system: f64,
}

impl Scores {
    /// System − baseline.
    #[must_use]
    pub fn difference(&self) -> f64 {
        self.system - self.baseline
    }
}

/// Result of a randomisation test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Randomisation {
    /// The observed scores.
    pub scores: Scores,
    /// Two-sided p-value of "the systems are exchangeable segment by segment", above 0 to 1.
    pub p_value: f64,
    /// Shuffles looked at.
    pub shuffles: u64,
    /// Whether these were all there are.
    pub exact: bool,
}

/// Mean and percentile interval over resamples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResampledInterval {
    /// Mean over resamples.
    pub mean: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Result of a paired bootstrap.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedBootstrap {
    /// The observed scores.
    pub scores: Scores,
    /// Two-sided p-value of "no difference", above 0 to 1 (see [`Rule`]).
    pub p_value: f64,
    /// Interval of the baseline's score.
    pub baseline: ResampledInterval,
    /// Interval of the system's score.
    pub system: ResampledInterval,
    /// Interval of system − baseline, from the same resamples.
    pub difference: ResampledInterval,
}

/// Leave-one-segment-out estimate of spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jackknife {
    /// The observed scores.
    pub scores: Scores,
    /// Standard error of system − baseline.
    pub standard_error: f64,
    /// Lower end of the interval of system − baseline (Student's t, segments − 1 degrees of freedom).
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Two systems on the same segments under one metric, ready to be resampled.
///
/// Assumes that segments are independent of each other; where they come from few documents, all of these tests
/// are too sure of themselves.
///
/// ```
/// use seatrial_analyse::mt_significance::{PairedSystems, ResamplingOptions, TranslationMetric};
/// let metric = TranslationMetric::Chrf(Default::default());
/// let baseline = ["the cat", "a dog ran", "it rains"];
/// let system = ["the cat", "the dog ran", "it rains"];
/// let references = [["the cat"], ["the dog ran"], ["it rains"]];
/// let pair = PairedSystems::try_new(metric, &baseline, &system, &references)?;
/// let test = pair.randomise(&ResamplingOptions::default())?;
/// assert!(test.scores.difference() > 0.0);
/// assert_eq!(test.p_value, 1.0); // one changed segment can never be evidence
/// # Ok::<(), seatrial_analyse::mt_significance::SignificanceError>(())
/// ```
#[derive(Debug, Clone)]
pub struct PairedSystems {
    metric: TranslationMetric,
    segments: usize,
    /// Numbers in a full row of statistics.
    width: usize,
    /// The columns that are not zero everywhere: most orders of a metric are unused.
    columns: Vec<usize>,
    /// Per segment the columns of the baseline, then those of the system.
    cells: Vec<f64>,
    totals: Vec<f64>,
}

impl PairedSystems {
    /// Computes the statistics of both systems; `references[i]` are those of segment i.
    ///
    /// # Errors
    /// No segments, lists of different lengths, a segment without a reference or one that is too long for TER.
    pub fn try_new<H, R, S>(
        metric: TranslationMetric,
        baseline: &[H],
        system: &[H],
        references: &[R],
    ) -> Result<Self, SignificanceError>
    where
        H: AsRef<str> + Sync,
        R: AsRef<[S]> + Sync,
        S: AsRef<str>,
    {
        let baseline = metric.rows(baseline, references)?;
        let system = metric.rows(system, references)?;
        let width = baseline
            .first()
            .map(Vec::len)
            .ok_or(SignificanceError::NoSegments)?;
        let used = |column: usize| {
            baseline
                .iter()
                .chain(&system)
                .any(|row| row.get(column).is_some_and(|&x| x != 0.0))
        };
        let columns: Vec<usize> = (0..width).filter(|&column| used(column)).collect();
        let pick = |row: &[f64]| -> Vec<f64> {
            columns
                .iter()
                .map(|&column| row.get(column).copied().unwrap_or(0.0))
                .collect()
        };
        let cells: Vec<f64> = baseline
            .iter()
            .zip(&system)
            .flat_map(|(baseline, system)| [pick(baseline), pick(system)].concat())
            .collect();
        let mut totals = vec![0.0; columns.len() * 2];
        for row in cells.chunks(totals.len().max(1)) {
            add(&mut totals, row, 1.0);
        }
        Ok(Self {
            metric,
            segments: baseline.len(),
            width,
            columns,
            cells,
            totals,
        })
    }

    /// The metric.
    #[must_use]
    pub fn metric(&self) -> &TranslationMetric {
        &self.metric
    }

    /// Number of segments.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.segments
    }

    /// Corpus scores of both systems.
    #[must_use]
    pub fn scores(&self) -> Scores {
        self.scores_of(&self.totals, &mut vec![0.0; self.width])
    }

    /// Paired approximate randomisation (Riezler & Maxwell 2005): segments swap systems with probability ½; p is
    /// the share of shuffles, the observed one included, whose difference is at least as large either way.
    /// Enumerates all shuffles instead where that takes no longer (under [`Rule::Correct`]).
    ///
    /// # Errors
    /// A number of resamples outside 1 to [`RESAMPLES_MAX`].
    pub fn randomise(&self, options: &ResamplingOptions) -> Result<Randomisation, SignificanceError> {
        check_resamples(options.resamples)?;
        let swaps = self.swaps();
        let all = u32::try_from(swaps.count)
            .ok()
            .and_then(|count| 1_u64.checked_shl(count));
        if options.rule == Rule::Correct && all.is_some_and(|all| all <= options.resamples) {
            return self.randomise_exactly();
        }
        let scores = self.scores();
        let observed = scores.difference().abs();
        let extreme: u64 = blocks(options)
            .map(|(mut rng, count)| {
                let mut sums = vec![0.0; self.totals.len()];
                let mut row = vec![0.0; self.width];
                let mut extreme = 0;
                for _ in 0..count {
                    sums.copy_from_slice(&self.totals);
                    let mut bits = 0;
                    for (index, swap) in swaps.rows().enumerate() {
                        if index % 64 == 0 {
                            bits = rng.next_u64();
                        }
                        if bits & 1 == 1 {
                            add(&mut sums, swap, 1.0);
                        }
                        bits >>= 1;
                    }
                    let difference = self.scores_of(&sums, &mut row).difference().abs();
                    extreme += u64::from(match options.rule {
                        Rule::Correct => difference >= observed - SCORE_TIE,
                        Rule::Sacrebleu => difference > observed,
                    });
                }
                extreme
            })
            .sum();
        Ok(Randomisation {
            scores,
            p_value: (extreme + 1) as f64 / (options.resamples + 1) as f64,
            shuffles: options.resamples,
            exact: false,
        })
    }

    /// The same test over all shuffles: p = share with a difference at least as large as the observed one. Only
    /// segments whose statistics differ between the systems matter.
    ///
    /// # Errors
    /// More than [`EXACT_SEGMENTS_MAX`] differing segments.
    pub fn randomise_exactly(&self) -> Result<Randomisation, SignificanceError> {
        let swaps = self.swaps();
        if swaps.count > EXACT_SEGMENTS_MAX {
            return Err(SignificanceError::TooManyForExact {
                differing: swaps.count,
            });
        }
        let scores = self.scores();
        let observed = scores.difference().abs();
        let shuffles = 1_u64 << swaps.count;
        let mut sums = self.totals.clone();
        let mut row = vec![0.0; self.width];
        let mut swapped = vec![false; swaps.count];
        let mut extreme = 1_u64;
        // In Gray code neighbours differ by one swap, and the first code, no swap at all, is the observed one.
        for code in 1..shuffles {
            let index = code.trailing_zeros() as usize;
            if let (Some(swap), Some(flag)) = (swaps.row(index), swapped.get_mut(index)) {
                add(&mut sums, swap, if *flag { -1.0 } else { 1.0 });
                *flag = !*flag;
            }
            let difference = self.scores_of(&sums, &mut row).difference().abs();
            extreme += u64::from(difference >= observed - SCORE_TIE);
        }
        Ok(Randomisation {
            scores,
            p_value: extreme as f64 / shuffles as f64,
            shuffles,
            exact: true,
        })
    }

    /// Paired bootstrap (Koehn 2004): segments are drawn with replacement, the same ones for both systems. p is
    /// the share of resamples whose difference, centred on the mean of all of them, is at least as far from zero
    /// as the observed one. Intervals are percentiles (type 7; sacrebleu's order statistics under its rule).
    ///
    /// # Errors
    /// A number of resamples outside 1 to [`RESAMPLES_MAX`], or a level outside (0, 1).
    pub fn bootstrap(&self, options: &ResamplingOptions) -> Result<PairedBootstrap, SignificanceError> {
        check_resamples(options.resamples)?;
        check_level(options.level)?;
        let resampled: Vec<Vec<Scores>> = blocks(options)
            .map(|(mut rng, count)| {
                let width = self.totals.len();
                let mut sums = vec![0.0; width];
                let mut row = vec![0.0; self.width];
                let mut draw = || {
                    let wide = u128::from(rng.next_u64()) * self.segments as u128;
                    (wide >> 64) as usize
                };
                (0..count)
                    .map(|_| {
                        sums.fill(0.0);
                        for _ in 0..self.segments {
                            let start = draw() * width;
                            add(
                                &mut sums,
                                self.cells.get(start..start + width).unwrap_or(&[]),
                                1.0,
                            );
                        }
                        self.scores_of(&sums, &mut row)
                    })
                    .collect()
            })
            .collect();
        let resampled: Vec<Scores> = resampled.concat();
        let scores = self.scores();
        let differences: Vec<f64> = resampled.iter().map(Scores::difference).collect();
        let observed = scores.difference().abs();
        let extreme = match options.rule {
            Rule::Correct => {
                let centre = mean(&differences);
                let far = |d: &&f64| (**d - centre).abs() >= observed - SCORE_TIE;
                differences.iter().filter(far).count()
            }
            Rule::Sacrebleu => {
                let sizes: Vec<f64> = differences.iter().map(|d| d.abs()).collect();
                let centre = mean(&sizes);
                sizes.iter().filter(|&&size| size - centre > observed).count()
            }
        };
        let interval = |values: Vec<f64>| resampled_interval(values, options);
        Ok(PairedBootstrap {
            scores,
            p_value: (extreme + 1) as f64 / (options.resamples + 1) as f64,
            baseline: interval(resampled.iter().map(|s| s.baseline).collect()),
            system: interval(resampled.iter().map(|s| s.system).collect()),
            difference: interval(differences),
        })
    }

    /// Jackknife: the difference without each segment in turn. SE² = (n − 1)/n × the sum of squared deviations
    /// from their mean (Tukey 1958; Efron & Stein 1981). Without randomness and fast, for a first look; the
    /// interval is symmetric, so prefer the bootstrap near 0 and 100.
    ///
    /// # Errors
    /// Fewer than two segments, or a level outside (0, 1).
    pub fn jackknife(&self, level: f64) -> Result<Jackknife, SignificanceError> {
        check_level(level)?;
        if self.segments < 2 {
            return Err(SignificanceError::OneSegment);
        }
        let mut row = vec![0.0; self.width];
        let mut sums = self.totals.clone();
        let without: Vec<f64> = self
            .cells
            .chunks(self.totals.len().max(1))
            .map(|segment| {
                sums.copy_from_slice(&self.totals);
                add(&mut sums, segment, -1.0);
                self.scores_of(&sums, &mut row).difference()
            })
            .collect();
        let n = self.segments as f64;
        let centre = mean(&without);
        let squares: f64 = without.iter().map(|x| (x - centre) * (x - centre)).sum();
        let standard_error = (squares * (n - 1.0) / n).sqrt();
        let scores = self.scores();
        let reach = dist::t_quantile(0.5 + level / 2.0, n - 1.0) * standard_error;
        Ok(Jackknife {
            scores,
            standard_error,
            low: scores.difference() - reach,
            high: scores.difference() + reach,
        })
    }

    /// Scores of both halves of a row of summed cells; `row` is working memory of the full width.
    fn scores_of(&self, sums: &[f64], row: &mut [f64]) -> Scores {
        let mut score = |half: &[f64]| {
            for (&column, &sum) in self.columns.iter().zip(half) {
                if let Some(cell) = row.get_mut(column) {
                    *cell = sum;
                }
            }
            self.metric.score(row)
        };
        let (baseline, system) = sums.split_at(self.columns.len());
        Scores {
            baseline: score(baseline),
            system: score(system),
        }
    }

    /// What the sums change by when a segment is swapped, for the segments where that is anything.
    fn swaps(&self) -> Swaps {
        let width = self.totals.len();
        let mut cells = Vec::new();
        let mut count = 0;
        for segment in self.cells.chunks(width.max(1)) {
            let (baseline, system) = segment.split_at(self.columns.len());
            if baseline != system {
                count += 1;
                cells.extend(baseline.iter().zip(system).map(|(b, s)| s - b));
                cells.extend(baseline.iter().zip(system).map(|(b, s)| b - s));
            }
        }
        Swaps { count, width, cells }
    }
}

struct Swaps {
    count: usize,
    width: usize,
    cells: Vec<f64>,
}

impl Swaps {
    fn row(&self, index: usize) -> Option<&[f64]> {
        self.cells.get(index * self.width..(index + 1) * self.width)
    }

    fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.cells.chunks(self.width.max(1))
    }
}

pub(crate) fn add(sums: &mut [f64], row: &[f64], sign: f64) {
    for (sum, x) in sums.iter_mut().zip(row) {
        *sum += sign * x;
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

pub(crate) fn check_resamples(found: u64) -> Result<(), SignificanceError> {
    if (1..=RESAMPLES_MAX).contains(&found) {
        Ok(())
    } else {
        Err(SignificanceError::Resamples { found })
    }
}

pub(crate) fn check_level(found: f64) -> Result<(), SignificanceError> {
    if found > 0.0 && found < 1.0 {
        Ok(())
    } else {
        Err(SignificanceError::Level { found })
    }
}

/// A random stream of its own and a number of resamples for each block, so that the result depends on the seed
/// and not on the threads.
pub(crate) fn blocks(options: &ResamplingOptions) -> impl IndexedParallelIterator<Item = (ChaCha8Rng, u64)> {
    let ResamplingOptions { resamples, seed, .. } = *options;
    // At most 10 million resamples: the number of blocks fits any integer.
    let blocks = resamples.div_ceil(BLOCK) as u32;
    (0..blocks).into_par_iter().map(move |block| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(u64::from(block));
        (rng, BLOCK.min(resamples - u64::from(block) * BLOCK))
    })
}

pub(crate) fn resampled_interval(mut values: Vec<f64>, options: &ResamplingOptions) -> ResampledInterval {
    let mean = mean(&values);
    values.sort_unstable_by(f64::total_cmp);
    let (low, high) = match options.rule {
        Rule::Correct => {
            let tail = (1.0 - options.level) / 2.0;
            (
                quantile::type7(&values, tail).ok(),
                quantile::type7(&values, 1.0 - tail).ok(),
            )
        }
        Rule::Sacrebleu => {
            let cut = values.len() / 40;
            (values.get(cut).copied(), values.iter().rev().nth(cut).copied())
        }
    };
    // There is at least one resample and every score is finite, so that there are quantiles.
    ResampledInterval {
        mean,
        low: low.unwrap_or(mean),
        high: high.unwrap_or(mean),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn metrics() -> [TranslationMetric; 3] {
        [
            TranslationMetric::Bleu(Bleu::default()),
            TranslationMetric::Chrf(Chrf::default()),
            TranslationMetric::Ter(Ter::default()),
        ]
    }

    /// A corpus where the system gets every `better`-th segment right that the baseline gets wrong.
    fn corpus(segments: usize, better: usize) -> (Vec<String>, Vec<String>, Vec<[String; 1]>) {
        let reference = |i: usize| format!("the number {i} is followed by {} and that is all", i + 1);
        let wrong = |i: usize| format!("the number {i} follows {} and this is all", i + 1);
        let references: Vec<_> = (0..segments).map(|i| [reference(i)]).collect();
        let baseline: Vec<_> = (0..segments).map(wrong).collect();
        let system = (0..segments)
            .map(|i| if i % better == 0 { reference(i) } else { wrong(i) })
            .collect();
        (baseline, system, references)
    }

    /// Protects against the reference's fault: identical systems, and a single changed segment, are never
    /// significant; its own rule gives them the smallest p there is.
    #[test]
    fn no_evidence_is_no_significance() {
        for metric in metrics() {
            let (baseline, system, references) = corpus(30, 30);
            let options = ResamplingOptions {
                resamples: 999,
                ..Default::default()
            };
            let sacrebleu = ResamplingOptions {
                rule: Rule::Sacrebleu,
                ..options
            };
            let same = PairedSystems::try_new(metric, &baseline, &baseline, &references).unwrap();
            assert_eq!(same.randomise(&options).unwrap().p_value, 1.0);
            assert_eq!(same.bootstrap(&options).unwrap().p_value, 1.0);
            assert_eq!(same.randomise(&sacrebleu).unwrap().p_value, 0.001);
            assert_eq!(same.bootstrap(&sacrebleu).unwrap().p_value, 0.001);
            let one = PairedSystems::try_new(metric, &baseline, &system, &references).unwrap();
            assert_eq!(one.randomise(&options).unwrap().p_value, 1.0);
            assert_eq!(one.randomise(&sacrebleu).unwrap().p_value, 0.001);
        }
    }

    /// Protects the tests' use: a clear improvement is significant, and the intervals exclude zero.
    #[test]
    fn a_clear_improvement_is_significant() {
        for metric in metrics() {
            let (baseline, system, references) = corpus(60, 2);
            let pair = PairedSystems::try_new(metric, &baseline, &system, &references).unwrap();
            let options = ResamplingOptions {
                resamples: 1000,
                ..Default::default()
            };
            let randomised = pair.randomise(&options).unwrap();
            assert!(!randomised.exact && randomised.p_value < 0.01);
            let bootstrapped = pair.bootstrap(&options).unwrap();
            assert!(bootstrapped.p_value < 0.01);
            let jackknifed = pair.jackknife(0.95).unwrap();
            for (low, high) in [
                (bootstrapped.difference.low, bootstrapped.difference.high),
                (jackknifed.low, jackknifed.high),
            ] {
                assert!(low <= high && (low > 0.0 || high < 0.0), "{low} {high}");
            }
            // Both estimate the same spread.
            let width = bootstrapped.difference.high - bootstrapped.difference.low;
            assert!((width / (jackknifed.high - jackknifed.low) - 1.0).abs() < 0.2);
        }
    }

    /// Protects reproducibility: a seed gives the same result on any number of threads.
    #[test]
    fn results_do_not_depend_on_threads() {
        let (baseline, system, references) = corpus(50, 3);
        let metric = TranslationMetric::Bleu(Bleu::default());
        let pair = PairedSystems::try_new(metric, &baseline, &system, &references).unwrap();
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let options = ResamplingOptions {
                resamples: 1000,
                seed: 7,
                ..Default::default()
            };
            pool.install(|| {
                (
                    pair.randomise(&options).unwrap(),
                    pair.bootstrap(&options).unwrap(),
                )
            })
        };
        assert_eq!(run(1), run(3));
    }

    /// Protects the typed refusals.
    #[test]
    fn bad_requests_are_refused() {
        let metric = TranslationMetric::Bleu(Bleu::default());
        let none: [[&str; 1]; 0] = [];
        let empty = PairedSystems::try_new::<&str, _, _>(metric, &[], &[], &none);
        assert_eq!(empty.unwrap_err(), SignificanceError::NoSegments);
        assert!(PairedSystems::try_new(metric, &["a"], &["b"], &none).is_err());
        let one = PairedSystems::try_new(metric, &["a"], &["b"], &[["a"]]).unwrap();
        assert_eq!(one.jackknife(0.95).unwrap_err(), SignificanceError::OneSegment);
        for resamples in [0, RESAMPLES_MAX + 1] {
            let options = ResamplingOptions {
                resamples,
                ..Default::default()
            };
            assert!(one.randomise(&options).is_err() && one.bootstrap(&options).is_err());
        }
        let options = ResamplingOptions {
            level: f64::NAN,
            ..Default::default()
        };
        assert!(one.bootstrap(&options).is_err() && one.jackknife(1.0).is_err());
        let (baseline, system, references) = corpus(60, 1);
        let many = PairedSystems::try_new(metric, &baseline, &system, &references).unwrap();
        assert_eq!(
            many.randomise_exactly().unwrap_err(),
            SignificanceError::TooManyForExact { differing: 60 }
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Protects the range of p, its independence of which system is called the baseline, and the agreement of
        /// the sampled test with the exact one.
        #[test]
        fn p_values_are_symmetric_and_agree(
            texts in prop::collection::vec(("[ab ]{1,8}", "[ab ]{1,8}", "[ab ]{1,8}"), 1..9),
            which in 0_usize..3,
        ) {
            let metric = metrics()[which];
            let baseline: Vec<_> = texts.iter().map(|t| t.0.as_str()).collect();
            let system: Vec<_> = texts.iter().map(|t| t.1.as_str()).collect();
            let references: Vec<_> = texts.iter().map(|t| [t.2.as_str()]).collect();
            let pair = PairedSystems::try_new(metric, &baseline, &system, &references).unwrap();
            let back = PairedSystems::try_new(metric, &system, &baseline, &references).unwrap();
            let exact = pair.randomise_exactly().unwrap();
            prop_assert!(exact.p_value > 0.0 && exact.p_value <= 1.0);
            prop_assert!((exact.p_value - back.randomise_exactly().unwrap().p_value).abs() < 1e-12);
            // 200 shuffles are fewer than the 2^8 of all: some of these cases are sampled.
            let options = ResamplingOptions { resamples: 200, ..Default::default() };
            let sampled = pair.randomise(&options).unwrap();
            prop_assert!((sampled.p_value - exact.p_value).abs() < 0.2);
            let bootstrapped = pair.bootstrap(&options).unwrap();
            prop_assert!(bootstrapped.p_value > 0.0 && bootstrapped.p_value <= 1.0);
            prop_assert!(bootstrapped.difference.low <= bootstrapped.difference.high);
        }
    }
}
