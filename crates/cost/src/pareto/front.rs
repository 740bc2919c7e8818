//! Non-domination and the volume behind a front. Values are losses here: less is better on every axis.

/// Who is on the front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Front {
    /// Candidates that nobody beats.
    pub exact: Vec<bool>,
    /// Candidates that nobody beats by more than the ties allow: the exact ones and those that tie with them.
    pub with_ties: Vec<bool>,
}

/// Finds the candidates that no other beats: none is at least as good on every axis and better on one; with ties, better
/// by more than `epsilon` on one. Candidates with an unknown value (`NaN`) are on no front and beat nobody; equal ones do
/// not beat each other.
#[must_use]
pub fn front(losses: &[Vec<f64>], epsilon: &[f64]) -> Front {
    let known = |loss: &[f64]| loss.iter().all(|value| !value.is_nan());
    let survives = |index: usize, epsilon: &[f64]| {
        let mine = &losses[index];
        known(mine)
            && !losses.iter().enumerate().any(|(other, theirs)| {
                other != index
                    && known(theirs)
                    && theirs.iter().zip(mine).all(|(theirs, mine)| theirs <= mine)
                    && theirs
                        .iter()
                        .zip(mine)
                        .zip(epsilon)
                        .any(|((theirs, mine), epsilon)| mine - theirs > *epsilon)
            })
    };
    let exact = vec![0.0; epsilon.len()];
    Front {
        exact: (0..losses.len()).map(|index| survives(index, &exact)).collect(),
        with_ties: (0..losses.len()).map(|index| survives(index, epsilon)).collect(),
    }
}

/// Writes into `is_on` who is on the exact front; for many fronts of known values.
pub(super) fn mark(losses: &[f64], axes: usize, is_on: &mut [bool]) {
    for index in 0..is_on.len() {
        let mine = &losses[index * axes..(index + 1) * axes];
        is_on[index] = !mine.iter().any(|value| value.is_nan())
            && !losses.chunks_exact(axes).any(|theirs| {
                let mut better = false;
                for (theirs, mine) in theirs.iter().zip(mine) {
                    // An unknown value beats nobody.
                    if theirs > mine || theirs.is_nan() {
                        return false;
                    }
                    better |= theirs < mine;
                }
                better
            });
    }
}

/// The share of the space between the worst and the best value of each axis that the front leaves behind it: 0 where
/// nobody is better than the worst anywhere, 1 where one candidate is best everywhere. Infinite and unknown values are
/// left out; an axis on which all are equal is too.
#[must_use]
pub fn hypervolume(losses: &[Vec<f64>]) -> f64 {
    let finite: Vec<&Vec<f64>> = losses
        .iter()
        .filter(|loss| loss.iter().all(|value| value.is_finite()))
        .collect();
    let Some(first) = finite.first() else {
        return 0.0;
    };
    let ends: Vec<(f64, f64)> = (0..first.len())
        .map(|axis| {
            finite
                .iter()
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), loss| {
                    (low.min(loss[axis]), high.max(loss[axis]))
                })
        })
        .collect();
    let axes: Vec<usize> = (0..ends.len())
        .filter(|axis| ends[*axis].1 > ends[*axis].0)
        .collect();
    if axes.is_empty() {
        return 0.0;
    }
    // What each gains on the worst, as a share of the axis.
    let gains: Vec<Vec<f64>> = finite
        .iter()
        .map(|loss| {
            axes.iter()
                .map(|axis| (ends[*axis].1 - loss[*axis]) / (ends[*axis].1 - ends[*axis].0))
                .collect()
        })
        .collect();
    volume(&gains, axes.len())
}

/// Volume of the union of the boxes from 0 to each point, by slices along the last axis.
fn volume(points: &[Vec<f64>], axes: usize) -> f64 {
    if axes == 1 {
        return points.iter().map(|point| point[0]).fold(0.0, f64::max);
    }
    let last = axes - 1;
    let mut order: Vec<&Vec<f64>> = points.iter().collect();
    order.sort_by(|a, b| b[last].total_cmp(&a[last]));
    let (mut total, mut above) = (0.0, Vec::new());
    for (index, point) in order.iter().enumerate() {
        above.push((*point).clone());
        let next = order.get(index + 1).map_or(0.0, |next| next[last]);
        let height = point[last] - next;
        if height > 0.0 {
            total += height * volume(&above, last);
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Protects the front, by hand: b is beaten by a; c is better than a on one axis; d is unknown; e equals a.
    #[test]
    fn front_by_hand() {
        let losses = [
            vec![1.0, 1.0],
            vec![1.0, 2.0],
            vec![0.5, 3.0],
            vec![f64::NAN, 0.0],
            vec![1.0, 1.0],
        ];
        let found = front(&losses, &[0.0, 0.0]);
        assert_eq!(found.exact, [true, false, true, false, true]);
        // One more on the second axis is a tie.
        assert_eq!(
            front(&losses, &[0.0, 1.0]).with_ties,
            [true, true, true, false, true]
        );
    }

    /// Protects the volume, by hand: two boxes of 1 × 0.5 and 0.5 × 1 overlap in 0.25 × … of the unit square.
    #[test]
    fn volume_by_hand() {
        // Gains (1, 0), (0, 1), (0.5, 0.5): only the last has an area.
        let losses = [vec![0.0, 4.0], vec![2.0, 0.0], vec![1.0, 2.0]];
        assert!((hypervolume(&losses) - 0.25).abs() < 1e-12);
        // Boxes 1 × 0.5 and 0.5 × 1 make 0.75.
        let points = [vec![1.0, 0.5], vec![0.5, 1.0]];
        assert!((volume(&points, 2) - 0.75).abs() < 1e-12);
        assert!((hypervolume(&[vec![1.0, 1.0], vec![2.0, 3.0]]) - 1.0).abs() < 1e-12);
        assert!(hypervolume(&[vec![1.0, f64::INFINITY]]).abs() < 1e-12 && hypervolume(&[]).abs() < 1e-12);
    }

    proptest! {
        /// Protects the volume in three dimensions against the share of random points that are behind the front.
        #[test]
        fn volume_matches_inclusion_and_exclusion(points in prop::collection::vec(prop::collection::vec(0.0..1.0_f64, 3), 1..6)) {
            let mut expected = 0.0;
            for set in 1_u32..(1 << points.len()) {
                let corner = (0..3).map(|axis| {
                    (0..points.len()).filter(|i| set >> i & 1 == 1).map(|i| points[i][axis]).fold(1.0, f64::min)
                });
                let sign = if set.count_ones() % 2 == 1 { 1.0 } else { -1.0 };
                expected += sign * corner.product::<f64>();
            }
            prop_assert!((volume(&points, 3) - expected).abs() < 1e-9);
        }

        /// Protects the two ways to find a front, and that every candidate off it is beaten by one on it.
        #[test]
        fn fronts_agree(points in prop::collection::vec(prop::collection::vec(0_u8..5, 3), 1..12)) {
            let losses: Vec<Vec<f64>> = points.iter().map(|p| p.iter().map(|v| f64::from(*v)).collect()).collect();
            let found = front(&losses, &[0.0; 3]);
            let mut marked = vec![false; losses.len()];
            mark(&losses.concat(), 3, &mut marked);
            prop_assert_eq!(&marked, &found.exact);
            for (index, loss) in losses.iter().enumerate().filter(|(index, _)| !found.exact[*index]) {
                let beaten = losses.iter().zip(&found.exact).any(|(other, on)| {
                    *on && other.iter().zip(loss).all(|(a, b)| a <= b) && other != loss
                });
                prop_assert!(beaten, "{index}");
            }
        }
    }
}
