//! How sure a corpus metric of one system is: segments are drawn with replacement as sufficient statistics and every
//! resample is scored as a corpus. Apart from the tests of two systems, with which it shares resampling and scoring.

use crate::mt_significance::{
    ResampledInterval, ResamplingOptions, Rule, SignificanceError, TranslationMetric, add, blocks,
    check_level, check_resamples, resampled_interval,
};
use rand_chacha::rand_core::Rng as _;
use rayon::prelude::*;

/// Intervals of one score, from the same resamples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreInterval {
    /// Percentiles at the level asked for.
    pub percentile: ResampledInterval,
    /// As sacrebleu cuts: always 95 %, by order statistics; it shows the mean and half the width.
    pub sacrebleu: ResampledInterval,
}

/// Bootstraps the score of a corpus whose segments have these statistics, one row each (`to_row` of the metric's own).
/// `options.rule` does not matter: both rules are given.
///
/// Assumes that segments are independent. One segment, or equal ones, give no width: then the interval says nothing.
///
/// ```
/// use seatrial_analyse::mt_interval::bootstrap;
/// use seatrial_analyse::mt_significance::{ResamplingOptions, TranslationMetric};
/// use seatrial_text::ter::{Ter, TerStatistics};
/// let rows: Vec<Vec<f64>> = (0..40_u32).map(|i| vec![f64::from(i % 4), 10.0]).collect();
/// let metric = TranslationMetric::Ter(Ter::default());
/// let interval = bootstrap(&metric, &rows, &ResamplingOptions::default())?.percentile;
/// assert!(interval.low > 10.0 && interval.low < 15.0 && interval.high > 15.0 && interval.high < 20.0);
/// # Ok::<(), seatrial_analyse::mt_significance::SignificanceError>(())
/// ```
///
/// # Errors
/// No segments, a number of resamples or a level out of range.
pub fn bootstrap(
    metric: &TranslationMetric,
    rows: &[Vec<f64>],
    options: &ResamplingOptions,
) -> Result<ScoreInterval, SignificanceError> {
    check_resamples(options.resamples)?;
    check_level(options.level)?;
    let width = rows.first().map(Vec::len).ok_or(SignificanceError::NoSegments)?;
    // Most orders of a metric are unused: their columns are zero everywhere and are not added up.
    let is_used = |column: &usize| rows.iter().any(|row| row.get(*column).is_some_and(|&x| x != 0.0));
    let columns: Vec<usize> = (0..width).filter(is_used).collect();
    let cells: Vec<f64> = rows
        .iter()
        .flat_map(|row| {
            columns
                .iter()
                .map(|&column| row.get(column).copied().unwrap_or(0.0))
        })
        .collect();
    let used = columns.len();
    let scores: Vec<Vec<f64>> = blocks(options)
        .map(|(mut rng, count)| {
            let mut sums = vec![0.0; used];
            let mut row = vec![0.0; width];
            (0..count)
                .map(|_| {
                    sums.fill(0.0);
                    for _ in 0..rows.len() {
                        let wide = u128::from(rng.next_u64()) * rows.len() as u128;
                        let start = (wide >> 64) as usize * used;
                        add(&mut sums, cells.get(start..start + used).unwrap_or(&[]), 1.0);
                    }
                    for (&column, &sum) in columns.iter().zip(&sums) {
                        if let Some(cell) = row.get_mut(column) {
                            *cell = sum;
                        }
                    }
                    metric.score(&row)
                })
                .collect()
        })
        .collect();
    let scores = scores.concat();
    let by = |rule| resampled_interval(scores.clone(), &ResamplingOptions { rule, ..*options });
    Ok(ScoreInterval {
        percentile: by(Rule::Correct),
        sacrebleu: by(Rule::Sacrebleu),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use seatrial_text::bleu::{Bleu, BleuStatistics};

    /// Protects: the interval contains the corpus score, narrows with more segments, and repeats with its seed.
    #[test]
    fn interval_is_around_the_score() {
        let hypotheses: Vec<String> = (0..400)
            .map(|i| format!("the cat {} sat on the mat {}", i % 7, i % 3))
            .collect();
        let references: Vec<[String; 1]> = (0..400)
            .map(|i| [format!("the cat {} sat on a mat {}", i % 5, i % 3)])
            .collect();
        let bleu = Bleu::default();
        let of = |n: usize| {
            let segments = bleu
                .segment_statistics(&hypotheses[..n], &references[..n])
                .unwrap();
            let rows: Vec<Vec<f64>> = segments.iter().map(BleuStatistics::to_row).collect();
            let options = ResamplingOptions {
                resamples: 500,
                ..Default::default()
            };
            let interval = bootstrap(&TranslationMetric::Bleu(bleu), &rows, &options).unwrap();
            assert_eq!(
                interval,
                bootstrap(&TranslationMetric::Bleu(bleu), &rows, &options).unwrap()
            );
            (
                bleu.corpus(&hypotheses[..n], &references[..n]).unwrap().score,
                interval,
            )
        };
        let ((score, all), (_, few)) = (of(400), of(40));
        assert!(all.percentile.low < score && score < all.percentile.high);
        assert!((all.percentile.low - all.sacrebleu.low).abs() < 0.5);
        let width = |interval: &ScoreInterval| interval.percentile.high - interval.percentile.low;
        assert!(width(&few) > 2.0 * width(&all));
    }

    /// Protects: edges give a typed error or a defined value.
    #[test]
    fn edges() {
        let metric = TranslationMetric::Bleu(Bleu::default());
        let options = ResamplingOptions::default();
        assert_eq!(
            bootstrap(&metric, &[], &options),
            Err(SignificanceError::NoSegments)
        );
        let empty = bootstrap(&metric, &[vec![0.0; 20]], &options).unwrap();
        assert_eq!((empty.percentile.low, empty.percentile.high), (0.0, 0.0));
        let none = ResamplingOptions {
            resamples: 0,
            ..options
        };
        assert!(bootstrap(&metric, &[vec![1.0; 20]], &none).is_err());
        let level = ResamplingOptions {
            level: 1.0,
            ..options
        };
        assert!(bootstrap(&metric, &[vec![1.0; 20]], &level).is_err());
    }
}
