//! Accuracy, Matthews' correlation and averaged precision, recall and F1 for more than two classes.

use super::share;
use crate::error::{StatsError, at_least, same_length};

/// Precision, recall and F1, averaged in one way.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Averages {
    /// Precision.
    pub precision: f64,
    /// Recall.
    pub recall: f64,
    /// F1.
    pub f1: f64,
}

/// What [`multiclass`] returns.
#[derive(Debug, Clone, PartialEq)]
pub struct Multiclass {
    /// Share of right labels.
    pub accuracy: f64,
    /// Mean recall over the classes that occur in the truth.
    pub balanced_accuracy: f64,
    /// Matthews' correlation for several classes (Gorodkin's R_K), −1 to 1; 0 where either side never varies.
    pub mcc: f64,
    /// Plain mean over all classes, absent ones included (with 0).
    pub macro_: Averages,
    /// Mean weighted by how often a class is true.
    pub weighted: Averages,
    /// From the summed counts; with every class listed all three equal the accuracy.
    pub micro: Averages,
    /// Per class, in the order of the list.
    pub per_class: Vec<Averages>,
    /// Per class: how often it is true.
    pub support: Vec<u64>,
}

/// More classes than this are refused: the result has an entry for each.
const CLASSES_MAX: usize = 1 << 24;

/// Scores predicted classes against the truth; both are places in a list of `classes` classes.
///
/// 0/0 counts as 0: a class that was never predicted has precision 0.
///
/// # Errors
/// No items, lists of unequal length, a place outside the list, more than 2²⁴ classes.
///
/// Source: Gorodkin 2004 for R_K.
///
/// ```
/// use seatrial_stats::classification::multiclass;
/// let m = multiclass(&[0, 1, 2, 2], &[0, 2, 2, 2], 3)?;
/// assert_eq!((m.accuracy, m.micro.f1), (0.75, 0.75));
/// assert!((m.macro_.recall - 2.0 / 3.0).abs() < 1e-12);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn multiclass(truth: &[usize], predicted: &[usize], classes: usize) -> Result<Multiclass, StatsError> {
    same_length("truth", truth.len(), "predicted", predicted.len())?;
    at_least("truth", truth.len(), 1)?;
    if classes > CLASSES_MAX {
        return Err(StatsError::TooLarge {
            what: "classes",
            found: classes as u64,
            limit: CLASSES_MAX as u64,
        });
    }
    let mut right = vec![0u64; classes];
    let mut support = vec![0u64; classes];
    let mut said = vec![0u64; classes];
    for (&t, &p) in truth.iter().zip(predicted) {
        if t.max(p) >= classes {
            return Err(StatsError::OutOfRange {
                what: "class",
                found: t.max(p) as f64,
                expected: "a place in the list of classes",
            });
        }
        support[t] += 1;
        said[p] += 1;
        right[t] += u64::from(t == p);
    }
    let per_class: Vec<Averages> = (0..classes)
        .map(|c| rates(right[c] as f64, said[c] as f64, support[c] as f64))
        .collect();
    let n = truth.len() as f64;
    let correct = right.iter().sum::<u64>() as f64;
    let present = support.iter().filter(|&&count| count > 0).count() as f64;
    let recall_sum: f64 = per_class
        .iter()
        .zip(&support)
        .filter(|&(_, &count)| count > 0)
        .map(|(class, _)| class.recall)
        .sum();
    Ok(Multiclass {
        accuracy: correct / n,
        balanced_accuracy: recall_sum / present,
        mcc: mcc(correct, &said, &support, n),
        macro_: average(&per_class, |_| 1.0 / classes as f64),
        weighted: average(&per_class, |c| support[c] as f64 / n),
        micro: rates(correct, n, n),
        per_class,
        support,
    })
}

fn rates(right: f64, said: f64, support: f64) -> Averages {
    Averages {
        precision: share(right, said),
        recall: share(right, support),
        f1: share(2.0 * right, said + support),
    }
}

fn average(per_class: &[Averages], weight: impl Fn(usize) -> f64) -> Averages {
    let mut mean = Averages::default();
    for (c, class) in per_class.iter().enumerate() {
        let w = weight(c);
        mean.precision += w * class.precision;
        mean.recall += w * class.recall;
        mean.f1 += w * class.f1;
    }
    mean
}

fn mcc(correct: f64, said: &[u64], support: &[u64], n: f64) -> f64 {
    // In shares, so that nothing overflows.
    let dot = |a: &[u64], b: &[u64]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(&x, &y)| (x as f64 / n) * (y as f64 / n))
            .sum()
    };
    let varies = |counts: &[u64]| counts.iter().filter(|&&count| count > 0).count() > 1;
    if !varies(said) || !varies(support) {
        return 0.0;
    }
    let covariance = correct / n - dot(said, support);
    covariance / ((1.0 - dot(said, said)).sqrt() * (1.0 - dot(support, support)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classification::Confusion;
    use proptest::prelude::*;

    proptest! {
        /// Protects: ranges, symmetry of MCC, and that two classes give what the two-by-two table gives.
        #[test]
        fn ranges_and_binary_case(pairs in prop::collection::vec((0usize..3, 0usize..3), 1..60)) {
            let (t, p): (Vec<usize>, Vec<usize>) = pairs.iter().copied().unzip();
            let (a, b) = (multiclass(&t, &p, 3).unwrap(), multiclass(&p, &t, 3).unwrap());
            prop_assert!(a.mcc.abs() <= 1.0 + 1e-12 && (a.mcc - b.mcc).abs() < 1e-12);
            for mean in [a.macro_, a.weighted, a.micro] {
                for rate in [mean.precision, mean.recall, mean.f1] {
                    prop_assert!((0.0..=1.0 + 1e-12).contains(&rate));
                }
            }
            let is_one = |v: &[usize]| v.iter().map(|&c| c == 1).collect::<Vec<_>>();
            let table = Confusion::of(&is_one(&t), &is_one(&p)).unwrap();
            prop_assert!((a.per_class[1].f1 - table.f_beta(1.0)).abs() < 1e-12);
            let binary: Vec<usize> = t.iter().map(|&c| usize::from(c == 1)).collect();
            let said: Vec<usize> = p.iter().map(|&c| usize::from(c == 1)).collect();
            prop_assert!((multiclass(&binary, &said, 2).unwrap().mcc - table.mcc()).abs() < 1e-9);
        }
    }

    /// Protects: shape errors are typed, a hopeless number of classes is refused before memory is taken.
    #[test]
    fn edges() {
        assert!(multiclass(&[], &[], 2).is_err());
        assert!(multiclass(&[0], &[0, 1], 2).is_err());
        assert!(multiclass(&[2], &[0], 2).is_err());
        assert!(multiclass(&[0], &[0], usize::MAX).is_err());
        assert_eq!(multiclass(&[0], &[0], 1).unwrap().mcc, 0.0);
    }
}
