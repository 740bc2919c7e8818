//! In which order the cases of a task are drawn. Apart, because freezing makes the order, the engine asks in it and
//! analysis decides in it, and none of the three knows the others.

use std::sync::Arc;

/// A random order of the chosen cases of a task. Cases of one cluster follow each other: a cluster is drawn whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawOrder {
    cases: Arc<[u32]>,
    positions: Arc<[u32]>,
    /// Position after the last case of each unit, ascending; `None` where every case is a unit of its own.
    unit_ends: Option<Arc<[u32]>>,
    unit_size_max: u32,
}

impl DrawOrder {
    /// The order of these case numbers, a permutation of 0 to their count; `unit_ends` are the positions after the
    /// last case of each cluster, ascending and ending with the count, or `None` without clusters.
    #[must_use]
    pub fn new(cases: Vec<u32>, unit_ends: Option<Vec<u32>>) -> Self {
        let mut positions = vec![0; cases.len()];
        for (position, case) in cases.iter().enumerate() {
            if let Some(slot) = usize::try_from(*case)
                .ok()
                .and_then(|case| positions.get_mut(case))
            {
                *slot = u32::try_from(position).unwrap_or(u32::MAX);
            }
        }
        let mut unit_size_max = 1;
        let mut start = 0;
        for end in unit_ends.iter().flatten() {
            unit_size_max = unit_size_max.max(end.saturating_sub(start));
            start = *end;
        }
        Self {
            cases: cases.into(),
            positions: positions.into(),
            unit_ends: unit_ends.map(Into::into),
            unit_size_max,
        }
    }

    /// Numbers of the cases in the order in which they are drawn.
    #[must_use]
    pub fn cases(&self) -> &[u32] {
        &self.cases
    }

    /// 0-based position of a case; `None` for a number outside the task.
    #[must_use]
    pub fn position(&self, case: u32) -> Option<u32> {
        usize::try_from(case)
            .ok()
            .and_then(|case| self.positions.get(case))
            .copied()
    }

    /// How many units are drawn: clusters, or cases where there are none.
    #[must_use]
    pub fn units(&self) -> usize {
        self.unit_ends
            .as_ref()
            .map_or(self.cases.len(), |ends| ends.len())
    }

    /// Position after the last case of a unit; `None` for a unit outside the task.
    #[must_use]
    pub fn unit_end(&self, unit: usize) -> Option<u32> {
        match &self.unit_ends {
            Some(ends) => ends.get(unit).copied(),
            None if unit < self.cases.len() => u32::try_from(unit).ok().map(|unit| unit + 1),
            None => None,
        }
    }

    /// Cases of the largest unit, at least 1.
    #[must_use]
    pub const fn unit_size_max(&self) -> u32 {
        self.unit_size_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the two ways through an order, and units that end where their last case does.
    #[test]
    fn positions_and_units() {
        let order = DrawOrder::new(vec![2, 0, 1, 3], Some(vec![1, 4]));
        let positions: Vec<_> = (0..5).map(|case| order.position(case)).collect();
        assert_eq!(positions, [Some(1), Some(2), Some(0), Some(3), None]);
        assert_eq!((order.units(), order.unit_size_max()), (2, 3));
        assert_eq!(
            (order.unit_end(0), order.unit_end(1), order.unit_end(2)),
            (Some(1), Some(4), None)
        );
        let single = DrawOrder::new(vec![1, 0], None);
        assert_eq!((single.units(), single.unit_size_max()), (2, 1));
        assert_eq!((single.unit_end(1), single.unit_end(2)), (Some(2), None));
        assert_eq!(DrawOrder::new(vec![], None).units(), 0);
    }
}
