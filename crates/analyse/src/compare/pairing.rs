//! From the scored cases of two systems to pairs: by id, the mean over epochs on each side, in the order of the ids, so
//! that the same cases give the same numbers whatever the order of the files.

use super::CompareError;
use seatrial_types::MetricKind;
use std::collections::{BTreeMap, HashMap};

/// One of the two systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The first, what is compared with.
    A,
    /// The second, what is judged.
    B,
}

/// One score of one case.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredCase {
    /// What pairs it with the other system.
    pub id: String,
    /// Repetition, counted from 0.
    pub epoch: u32,
    /// What it depends on, where cases are not independent.
    pub cluster: Option<String>,
    /// The score; `None` where the system gave none that could be scored.
    pub score: Option<f64>,
}

/// Two systems on the same cases, ready for [`compare`](super::compare). All lists run in parallel.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PairedScores {
    /// Score of A per case: the mean over its epochs.
    pub a: Vec<f64>,
    /// Score of B per case.
    pub b: Vec<f64>,
    /// Cluster of each case by number; empty where cases are independent.
    pub clusters: Vec<u32>,
    /// Most epochs of one case on either side.
    pub epochs_max: u32,
    /// Cases with a score in A only.
    pub only_a: u64,
    /// Cases with a score in B only.
    pub only_b: u64,
    /// Rows of A without a score.
    pub missing_a: u64,
    /// Rows of B without a score.
    pub missing_b: u64,
    /// What the scores certainly are: all 0 or 1, means over epochs of such ones, or any number. That other scores
    /// happened to lie between 0 and 1 does not bound them.
    pub kind: Option<MetricKind>,
}

/// All rows of one case.
#[derive(Default)]
struct Rows<'a> {
    sides: [Scores; 2],
    cluster: Option<(Side, usize, &'a str)>,
    first: Option<(Side, usize)>,
}

#[derive(Default)]
struct Scores {
    sum: f64,
    count: u32,
}

impl Scores {
    fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / f64::from(self.count))
    }
}

/// Pairs the cases of two systems by id.
///
/// Cases without a score on one side are counted and left out. A case that is asked several times counts once, with the
/// mean of its epochs; the two sides may have different epochs. Clusters may be given on one side only.
///
/// ```
/// use seatrial_analyse::compare::{ScoredCase, pair};
/// let case = |id: &str, score| ScoredCase { id: id.to_owned(), epoch: 0, cluster: None, score: Some(score) };
/// let paired = pair(&[case("q1", 0.0), case("q2", 1.0)], &[case("q2", 0.0), case("q3", 1.0)])?;
/// assert_eq!((paired.a, paired.b, paired.only_a, paired.only_b), (vec![1.0], vec![0.0], 1, 1));
/// # Ok::<(), seatrial_analyse::compare::CompareError>(())
/// ```
///
/// # Errors
/// A case twice in one epoch of one side, without a cluster where others have one, or in two clusters; a score that is
/// not finite; no pair at all.
pub fn pair(a: &[ScoredCase], b: &[ScoredCase]) -> Result<PairedScores, CompareError> {
    let mut cases: BTreeMap<&str, Rows<'_>> = BTreeMap::new();
    let mut paired = PairedScores::default();
    let mut is_binary = true;
    for (side, rows) in [(Side::A, a), (Side::B, b)] {
        let mut seen: HashMap<(&str, u32), usize> = HashMap::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            if let Some(first) = seen.insert((&row.id, row.epoch), index) {
                let (id, epoch) = (row.id.clone(), row.epoch);
                return Err(CompareError::Duplicate {
                    side,
                    id,
                    epoch,
                    first,
                    second: index,
                });
            }
            let case = cases.entry(&row.id).or_default();
            case.first.get_or_insert((side, index));
            note_cluster(case, row, side, index)?;
            match row.score {
                Some(score) if score.is_finite() => {
                    is_binary &= score == 0.0 || score == 1.0;
                    if let Some(scores) = case.sides.get_mut(side as usize) {
                        scores.sum += score;
                        scores.count += 1;
                        paired.epochs_max = paired.epochs_max.max(scores.count);
                    }
                }
                Some(found) => {
                    let (id, expected) = (row.id.clone(), "a finite number");
                    return Err(CompareError::OffScale {
                        side,
                        id,
                        index,
                        found,
                        expected,
                    });
                }
                None if side == Side::A => paired.missing_a += 1,
                None => paired.missing_b += 1,
            }
        }
    }
    paired.kind = Some(match (is_binary, paired.epochs_max) {
        (true, 0 | 1) => MetricKind::Binary,
        // Means over epochs of right and wrong: shares of a case, which cannot leave 0 to 1.
        (true, _) => MetricKind::Bounded,
        (false, _) => MetricKind::Real,
    });
    collect(&cases, paired)
}

fn note_cluster<'a>(
    case: &mut Rows<'a>,
    row: &'a ScoredCase,
    side: Side,
    index: usize,
) -> Result<(), CompareError> {
    let Some(cluster) = row.cluster.as_deref() else {
        return Ok(());
    };
    match case.cluster {
        Some((first_side, first, known)) if known != cluster => Err(CompareError::ClusterConflict {
            id: row.id.clone(),
            first: (first_side, first),
            first_cluster: known.to_owned(),
            second: (side, index),
            second_cluster: cluster.to_owned(),
        }),
        Some(_) => Ok(()),
        None => {
            case.cluster = Some((side, index, cluster));
            Ok(())
        }
    }
}

/// The cases with a score on both sides.
fn collect(cases: &BTreeMap<&str, Rows<'_>>, mut paired: PairedScores) -> Result<PairedScores, CompareError> {
    let is_clustered = cases.values().any(|case| case.cluster.is_some());
    let mut numbers: HashMap<&str, u32> = HashMap::new();
    for (id, case) in cases {
        let [of_a, of_b] = &case.sides;
        let (a, b) = match (of_a.mean(), of_b.mean()) {
            (Some(a), Some(b)) => (a, b),
            (Some(_), None) => {
                paired.only_a += 1;
                continue;
            }
            (None, Some(_)) => {
                paired.only_b += 1;
                continue;
            }
            (None, None) => continue,
        };
        if is_clustered {
            let Some((_, _, cluster)) = case.cluster else {
                let (side, index) = case.first.unwrap_or((Side::A, 0));
                return Err(CompareError::ClusterMissing {
                    side,
                    id: (*id).to_owned(),
                    index,
                });
            };
            let next = numbers.len() as u32;
            paired.clusters.push(*numbers.entry(cluster).or_insert(next));
        }
        paired.a.push(a);
        paired.b.push(b);
    }
    if paired.a.is_empty() {
        let (only_a, only_b) = (paired.only_a, paired.only_b);
        return Err(CompareError::NoPairs { only_a, only_b });
    }
    Ok(paired)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(id: &str, epoch: u32, cluster: Option<&str>, score: Option<f64>) -> ScoredCase {
        ScoredCase {
            id: id.to_owned(),
            epoch,
            cluster: cluster.map(str::to_owned),
            score,
        }
    }

    /// Protects the bookkeeping: every case is a pair, unpaired on one side, or missing, and epochs are averaged.
    #[test]
    fn nothing_gets_lost() {
        let a = [
            case("x", 0, None, Some(1.0)),
            case("x", 1, None, Some(0.0)),
            case("y", 0, None, Some(1.0)),
            case("z", 0, None, None),
            case("v", 0, None, None),
        ];
        let b = [
            case("z", 0, None, Some(1.0)),
            case("x", 7, None, Some(1.0)),
            case("w", 0, None, Some(1.0)),
            case("v", 0, None, None),
        ];
        let paired = pair(&a, &b).unwrap();
        assert_eq!((paired.a, paired.b), (vec![0.5], vec![1.0]));
        assert_eq!((paired.only_a, paired.only_b), (1, 2));
        assert_eq!((paired.missing_a, paired.missing_b, paired.epochs_max), (2, 1, 2));
        assert_eq!(paired.kind, Some(MetricKind::Bounded));
    }

    /// Protects that the order of the rows does not matter.
    #[test]
    fn order_does_not_matter() {
        let a: Vec<_> = (0..9)
            .map(|i| case(&i.to_string(), 0, Some("c"), Some(f64::from(i % 2))))
            .collect();
        let mut b = a.clone();
        b.reverse();
        let paired = pair(&a, &b).unwrap();
        assert_eq!(paired, pair(&b, &a).unwrap());
        assert_eq!(paired.a, paired.b);
        assert_eq!(
            (paired.kind, paired.clusters),
            (Some(MetricKind::Binary), vec![0; 9])
        );
    }

    /// Protects the refusals, each with where it is.
    #[test]
    fn nonsense_is_refused() {
        let one = [case("x", 0, None, Some(1.0))];
        let twice = [one[0].clone(), one[0].clone()];
        assert!(matches!(
            pair(&one, &twice),
            Err(CompareError::Duplicate {
                side: Side::B,
                first: 0,
                second: 1,
                ..
            })
        ));
        let infinite = [case("x", 0, None, Some(f64::INFINITY))];
        assert!(matches!(
            pair(&infinite, &one),
            Err(CompareError::OffScale {
                side: Side::A,
                index: 0,
                ..
            })
        ));
        let other = [case("y", 0, None, Some(1.0))];
        assert_eq!(
            pair(&one, &other),
            Err(CompareError::NoPairs { only_a: 1, only_b: 1 })
        );
        let clustered = [case("x", 0, Some("k"), Some(1.0)), case("y", 0, None, Some(1.0))];
        let plain = [one[0].clone(), other[0].clone()];
        assert!(matches!(
            pair(&clustered, &plain),
            Err(CompareError::ClusterMissing { index: 1, .. })
        ));
        let elsewhere = [case("x", 0, Some("l"), Some(1.0))];
        assert!(matches!(
            pair(&clustered, &elsewhere),
            Err(CompareError::ClusterConflict {
                second: (Side::B, 0),
                ..
            })
        ));
    }
}
