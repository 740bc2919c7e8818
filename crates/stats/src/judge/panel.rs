//! A panel of judges: majority, unanimity, and how each judge agrees with the rest.

use crate::error::{StatsError, at_least, same_length};

/// What [`panel`] returns.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Per item the most frequent verdict; `None` where several are, or nobody gave one.
    pub majority: Vec<Option<usize>>,
    /// Share of items on which all verdicts given are equal; `NaN` without items.
    pub unanimous: f64,
    /// Per judge: share of equal verdicts over all other judges and the items both judged; `NaN` where there
    /// are none.
    pub judge_agreement: Vec<f64>,
}

/// Combines `verdicts[judge][item]`; a verdict is any number that names a label, `None` is missing.
///
/// Majority over an odd panel of different model families reduces self-preference and cost. Agreement is not
/// corrected for chance; see [`agreement`](crate::agreement).
///
/// # Errors
/// No judges or lists of unequal length.
///
/// Source: Verga et al. 2024 for panels.
///
/// ```
/// use seatrial_stats::judge::panel;
/// let p = panel(&[vec![Some(0), Some(1)], vec![Some(0), Some(2)], vec![Some(1), Some(3)]])?;
/// assert_eq!(p.majority, [Some(0), None]);
/// assert_eq!(p.judge_agreement, [0.25, 0.25, 0.0]);
/// # Ok::<(), seatrial_stats::StatsError>(())
/// ```
pub fn panel(verdicts: &[Vec<Option<usize>>]) -> Result<Panel, StatsError> {
    at_least("judges", verdicts.len(), 1)?;
    let items = verdicts[0].len();
    for row in verdicts {
        same_length("verdicts", row.len(), "those of the first judge", items)?;
    }
    let mut majority = Vec::with_capacity(items);
    let mut unanimous = 0usize;
    // Per judge: equal and all comparisons with other judges.
    let mut compared = vec![(0u64, 0u64); verdicts.len()];
    let mut given: Vec<usize> = Vec::with_capacity(verdicts.len());
    for item in 0..items {
        given.clear();
        given.extend(verdicts.iter().filter_map(|row| row[item]));
        given.sort_unstable();
        let groups: Vec<(usize, usize)> = given
            .chunk_by(|a, b| a == b)
            .map(|group| (group[0], group.len()))
            .collect();
        unanimous += usize::from(groups.len() == 1);
        let most = groups.iter().map(|&(_, n)| n).max().unwrap_or(0);
        let mut leaders = groups.iter().filter(|&&(_, n)| n == most);
        majority.push(match (leaders.next(), leaders.next()) {
            (Some(&(label, _)), None) => Some(label),
            _ => None,
        });
        for (row, (equal, all)) in verdicts.iter().zip(&mut compared) {
            if let Some(own) = row[item] {
                let same = groups
                    .iter()
                    .find(|&&(label, _)| label == own)
                    .map_or(1, |&(_, n)| n);
                *equal += same as u64 - 1;
                *all += given.len() as u64 - 1;
            }
        }
    }
    Ok(Panel {
        majority,
        unanimous: unanimous as f64 / items as f64,
        judge_agreement: compared
            .into_iter()
            .map(|(equal, all)| equal as f64 / all as f64)
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Protects: shares are shares, and the order of the judges only orders the result.
        #[test]
        fn shares_and_order(
            rows in prop::collection::vec(prop::collection::vec(prop::option::weighted(0.9, 0usize..3), 10), 1..5),
        ) {
            let p = panel(&rows).unwrap();
            let reversed: Vec<_> = rows.iter().rev().cloned().collect();
            let q = panel(&reversed).unwrap();
            prop_assert_eq!(&p.majority, &q.majority);
            prop_assert!((0.0..=1.0).contains(&p.unanimous) && p.unanimous == q.unanimous);
            for (a, b) in p.judge_agreement.iter().zip(q.judge_agreement.iter().rev()) {
                prop_assert!(a.is_nan() && b.is_nan() || a == b && (0.0..=1.0).contains(a));
            }
        }
    }

    /// Protects: a single judge, nothing judged, no items.
    #[test]
    fn edges() {
        assert!(panel(&[]).is_err());
        assert!(panel(&[vec![], vec![Some(1)]]).is_err());
        let alone = panel(&[vec![Some(1)]]).unwrap();
        assert!(alone.majority == [Some(1)] && alone.unanimous == 1.0 && alone.judge_agreement[0].is_nan());
        assert!(panel(&[vec![], vec![]]).unwrap().unanimous.is_nan());
        assert_eq!(panel(&[vec![None]]).unwrap().majority, [None]);
    }
}
