//! Which samples of a plan are on record: one bit each, so that a resumed run of millions starts at once.

use seatrial_task::Plan;
use seatrial_types::SampleKey;

/// The finished samples of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedSet {
    /// Bits by ordinal, one list per target.
    targets: Vec<Vec<u64>>,
    count: u64,
}

impl FinishedSet {
    /// Nothing finished.
    #[must_use]
    pub fn empty(plan: &Plan) -> Self {
        let words = usize::try_from(plan.samples_per_target().div_ceil(64)).unwrap_or(usize::MAX);
        Self {
            targets: vec![vec![0; words]; plan.draft.targets.len()],
            count: 0,
        }
    }

    /// Marks a sample; a key outside the plan is ignored.
    pub fn insert(&mut self, plan: &Plan, key: SampleKey) {
        let Some(ordinal) = plan.ordinal(key) else { return };
        if let Some(word) = self
            .targets
            .get_mut(usize::from(key.target))
            .and_then(|bits| bits.get_mut(word_of(ordinal)))
        {
            let mask = mask_of(ordinal);
            self.count += u64::from(*word & mask == 0);
            *word |= mask;
        }
    }

    /// Whether the sample is finished.
    #[must_use]
    pub fn contains(&self, plan: &Plan, key: SampleKey) -> bool {
        let Some(ordinal) = plan.ordinal(key) else {
            return false;
        };
        let word = self
            .targets
            .get(usize::from(key.target))
            .and_then(|bits| bits.get(word_of(ordinal)));
        word.is_some_and(|word| word & mask_of(ordinal) != 0)
    }

    /// Number of finished samples of one target.
    #[must_use]
    pub fn count_of(&self, target: usize) -> u64 {
        let bits = self.targets.get(target).map_or(&[][..], Vec::as_slice);
        bits.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Number of finished samples.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }
}

fn word_of(ordinal: u64) -> usize {
    usize::try_from(ordinal / 64).unwrap_or(usize::MAX)
}

const fn mask_of(ordinal: u64) -> u64 {
    1 << (ordinal % 64)
}
