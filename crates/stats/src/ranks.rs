//! Ranks with ties: average ranks and dense ranks. Apart because rank correlations, ROC curves and rank tests
//! all need the same treatment of ties, and one place decides that `-0.0` and `0.0` are a tie.

/// Positions of the values in ascending order. Values must not be `NaN`.
pub(crate) fn order(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&i, &j| compare(values[i], values[j]).then(i.cmp(&j)));
    order
}

/// Order of two numbers that are not `NaN`; `-0.0` equals `0.0`.
pub(crate) fn compare(a: f64, b: f64) -> std::cmp::Ordering {
    a.partial_cmp(&b).unwrap_or(std::cmp::Ordering::Equal)
}

/// Dense ranks 0, 1, 2, … (equal values share one) and how many distinct values there are.
pub(crate) fn dense(values: &[f64]) -> (Vec<usize>, usize) {
    let order = order(values);
    let mut ranks = vec![0; values.len()];
    let mut rank = 0;
    for (position, &i) in order.iter().enumerate() {
        if position > 0 && values[i] != values[order[position - 1]] {
            rank += 1;
        }
        ranks[i] = rank;
    }
    let distinct = if values.is_empty() { 0 } else { rank + 1 };
    (ranks, distinct)
}

/// Twice the average rank of each value, 1-based: ties share the mean of their places. Twice, so that it is a
/// whole number and sums of it are exact.
pub(crate) fn doubled_average(values: &[f64]) -> Vec<u64> {
    let order = order(values);
    let mut ranks = vec![0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let mut end = start + 1;
        while end < order.len() && values[order[end]] == values[order[start]] {
            end += 1;
        }
        // Places start+1 ..= end, so twice their mean is start + 1 + end.
        for &i in &order[start..end] {
            ranks[i] = (start + 1 + end) as u64;
        }
        start = end;
    }
    ranks
}

/// Sizes of the groups of equal numbers in a list of dense ranks.
pub(crate) fn group_sizes(dense: &[usize], distinct: usize) -> Vec<u64> {
    let mut sizes = vec![0; distinct];
    for &rank in dense {
        sizes[rank] += 1;
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects: ties share the mean of their places, and signed zeros tie.
    #[test]
    fn ties_share_the_mean_place() {
        assert_eq!(doubled_average(&[3.0, 1.0, 3.0, 2.0]), [7, 2, 7, 4]);
        assert_eq!(doubled_average(&[0.0, -0.0]), [3, 3]);
        assert_eq!(dense(&[3.0, 1.0, 3.0, 2.0]), (vec![2, 0, 2, 1], 3));
        assert_eq!(dense(&[]), (vec![], 0));
        assert_eq!(group_sizes(&[2, 0, 2, 1], 3), [1, 1, 2]);
    }
}
