//! The random order of a task that is asked until its gates are decided: whole clusters, by hash of seed and name.
//! Apart from the choice of cases, because most tasks are asked in the order of their file.

use super::{CaseStream, Chosen};
use crate::dataset::DatasetError;
use seatrial_types::{Case, ContentHash, DrawOrder};
use std::collections::VecDeque;

/// Cases that are read ahead of being asked, at first.
const WINDOW_FIRST: usize = 1024;
/// The same at most: each window is a pass over the file, so the windows grow, up to what memory should hold.
const WINDOW_MAX: usize = 16_384;

/// Takes note of the cases while they stream by.
///
/// A case comes in the order of the hash of seed and id, after the hash of seed and cluster: uniform over clusters,
/// the same in any order of the file, and with a `limit` the beginning of what a larger limit draws. Without clusters
/// it is the very hash by which a `limit` chooses.
pub(super) struct Ordering {
    seed: u64,
    /// Hash of the cluster, hash of the case, row; by row.
    keys: Vec<(ContentHash, ContentHash, u32)>,
    has_clusters: bool,
}

impl Ordering {
    pub(super) const fn new(seed: u64) -> Self {
        Self {
            seed,
            keys: Vec::new(),
            has_clusters: false,
        }
    }

    pub(super) fn offer(&mut self, case: &Case) {
        let row = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        let hash = |name: &str| ContentHash::of(format!("{}:{name}", self.seed).as_bytes());
        let own = hash(&case.id);
        let unit = match &case.cluster {
            Some(cluster) => hash(&format!("cluster:{cluster}")),
            None => own,
        };
        self.has_clusters |= case.cluster.is_some();
        self.keys.push((unit, own, row));
    }

    /// The order of the chosen cases.
    pub(super) fn finish(mut self, chosen: &Chosen) -> DrawOrder {
        let number_of = |row: u32| match chosen {
            Chosen::All => Some(row),
            Chosen::First(count) => (row < *count).then_some(row),
            Chosen::Rows(rows) => rows
                .binary_search(&row)
                .ok()
                .and_then(|number| u32::try_from(number).ok()),
        };
        self.keys.sort_unstable();
        let mut cases = Vec::with_capacity(self.keys.len());
        let mut unit_ends = Vec::new();
        let mut last = None;
        for (unit, _, row) in &self.keys {
            let Some(number) = number_of(*row) else { continue };
            if last.is_some_and(|last| last != unit) {
                unit_ends.push(u32::try_from(cases.len()).unwrap_or(u32::MAX));
            }
            last = Some(unit);
            cases.push(number);
        }
        if !cases.is_empty() {
            unit_ends.push(u32::try_from(cases.len()).unwrap_or(u32::MAX));
        }
        DrawOrder::new(cases, self.has_clusters.then_some(unit_ends))
    }
}

/// The chosen cases in the order in which they are drawn. The file is read once for each window of cases.
pub(super) struct DrawnCases<'a> {
    open: Box<dyn Fn() -> Result<CaseStream<'a>, DatasetError> + 'a>,
    order: &'a DrawOrder,
    /// Position of the first case that was not read yet.
    next: usize,
    window: usize,
    ready: VecDeque<(u32, Case)>,
    has_failed: bool,
}

impl<'a> DrawnCases<'a> {
    pub(super) fn new(
        order: &'a DrawOrder,
        open: impl Fn() -> Result<CaseStream<'a>, DatasetError> + 'a,
    ) -> Self {
        Self {
            open: Box::new(open),
            order,
            next: 0,
            window: WINDOW_FIRST,
            ready: VecDeque::new(),
            has_failed: false,
        }
    }

    fn fill(&mut self) -> Result<(), DatasetError> {
        let end = self
            .next
            .saturating_add(self.window)
            .min(self.order.cases().len());
        let mut read: Vec<(u32, u32, Case)> = Vec::with_capacity(end - self.next);
        for case in (self.open)()? {
            let (number, case) = case?;
            let position = self.order.position(number).unwrap_or(u32::MAX);
            if (self.next..end).contains(&(position as usize)) {
                read.push((position, number, case));
                if read.len() == end - self.next {
                    break;
                }
            }
        }
        read.sort_unstable_by_key(|(position, ..)| *position);
        self.ready = read.into_iter().map(|(_, number, case)| (number, case)).collect();
        (self.next, self.window) = (end, self.window.saturating_mul(2).min(WINDOW_MAX));
        Ok(())
    }
}

impl Iterator for DrawnCases<'_> {
    type Item = Result<(u32, Case), DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed {
            return None;
        }
        if self.ready.is_empty()
            && self.next < self.order.cases().len()
            && let Err(error) = self.fill()
        {
            self.has_failed = true;
            return Some(Err(error));
        }
        self.ready.pop_front().map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::sync::Arc;

    fn case(id: u32, cluster: Option<u32>) -> Case {
        Case {
            id: Arc::from(id.to_string()),
            row: u64::from(id) + 1,
            columns: Arc::default(),
            input: None,
            expected: vec![],
            choices: vec![],
            cluster: cluster.map(|cluster| cluster.to_string()),
        }
    }

    fn order(seed: u64, cases: u32, clusters: Option<u32>, chosen: &Chosen) -> DrawOrder {
        let mut ordering = Ordering::new(seed);
        (0..cases).for_each(|id| ordering.offer(&case(id, clusters.map(|clusters| id % clusters))));
        ordering.finish(chosen)
    }

    /// Protects the draw: a permutation, by seed, that mixes the file, and a limit's is the beginning of a larger one's.
    #[test]
    fn orders_are_random_permutations() {
        let first = order(1, 2000, None, &Chosen::All);
        assert_eq!(first, order(1, 2000, None, &Chosen::All));
        assert_ne!(first, order(2, 2000, None, &Chosen::All));
        let all: BTreeSet<_> = first.cases().iter().collect();
        assert_eq!((all.len(), first.units(), first.unit_size_max()), (2000, 2000, 1));
        let of_second_half = first.cases()[..500].iter().filter(|case| **case >= 1000).count();
        assert!((200..300).contains(&of_second_half), "{of_second_half}");
        // The 100 rows that a limit would take come first, under the numbers that they have among themselves.
        let mut rows = first.cases()[..100].to_vec();
        rows.sort_unstable();
        let limited = order(1, 2000, None, &Chosen::Rows(rows.clone()));
        let back: Vec<u32> = limited
            .cases()
            .iter()
            .map(|number| rows[*number as usize])
            .collect();
        assert_eq!(back, first.cases()[..100]);
        assert_eq!(order(1, 50, None, &Chosen::First(7)).cases().len(), 7);
    }

    /// Protects inference over clusters: a cluster is drawn whole, and its end is known.
    #[test]
    fn clusters_are_drawn_whole() {
        let drawn = order(3, 103, Some(10), &Chosen::All);
        assert_eq!((drawn.units(), drawn.unit_size_max()), (10, 11));
        let mut start = 0;
        for unit in 0..10 {
            let end = drawn.unit_end(unit).unwrap() as usize;
            let clusters: BTreeSet<_> = drawn.cases()[start..end].iter().map(|case| case % 10).collect();
            assert_eq!(clusters.len(), 1, "unit {unit}");
            start = end;
        }
        assert_eq!(start, 103);
    }
}
