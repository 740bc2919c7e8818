//! Small whole numbers for tokens, so that counting and comparing never touches text again.
//! Apart because every token metric needs it, millions of times over, without an allocation per token.

use std::hash::{BuildHasher, RandomState};

/// Slots of an empty table, and the size to which `clear` shrinks a table that one huge text blew up.
const SLOTS_MIN: usize = 64;
const SLOTS_KEPT: usize = 1 << 14;

/// Maps tokens to `0, 1, 2, …` in the order of first appearance. Exact: tokens are compared, not only hashed.
#[derive(Debug)]
pub(crate) struct Interner {
    hasher: RandomState,
    /// Open addressing; 0 is empty, otherwise id + 1.
    slots: Vec<u32>,
    hashes: Vec<u64>,
    ends: Vec<usize>,
    arena: String,
}

impl Interner {
    pub(crate) fn new() -> Self {
        Self {
            // Keyed and random: a text cannot be made to collide. Ids do not depend on it.
            hasher: RandomState::new(),
            slots: vec![0; SLOTS_MIN],
            hashes: Vec::new(),
            ends: Vec::new(),
            arena: String::new(),
        }
    }

    /// Number of different tokens so far.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Forgets all tokens, keeps a moderate amount of memory.
    pub(crate) fn clear(&mut self) {
        if self.slots.len() > SLOTS_KEPT {
            self.slots = vec![0; SLOTS_MIN];
            self.arena = String::new();
        } else {
            self.slots.fill(0);
            self.arena.clear();
        }
        self.hashes.clear();
        self.ends.clear();
    }

    fn token(&self, id: usize) -> &str {
        let start = id
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .copied();
        let end = self.ends.get(id).copied().unwrap_or(0);
        self.arena.get(start.unwrap_or(0)..end).unwrap_or("")
    }

    /// The number of this token; the same for the same token until `clear`.
    pub(crate) fn intern(&mut self, token: &str) -> u32 {
        let hash = self.hasher.hash_one(token);
        let mask = self.slots.len() - 1;
        let mut at = (hash as usize) & mask;
        loop {
            match self.slots.get(at) {
                None | Some(0) => break,
                Some(&stored) => {
                    let id = stored as usize - 1;
                    if self.hashes.get(id) == Some(&hash) && self.token(id) == token {
                        return stored - 1;
                    }
                }
            }
            at = (at + 1) & mask;
        }
        let id = self.ends.len() as u32;
        self.arena.push_str(token);
        self.ends.push(self.arena.len());
        self.hashes.push(hash);
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = id + 1;
        }
        if self.ends.len() * 2 > self.slots.len() {
            self.grow();
        }
        id
    }

    fn grow(&mut self) {
        let size = self.slots.len() * 2;
        let mask = size - 1;
        self.slots.clear();
        self.slots.resize(size, 0);
        for (id, &hash) in self.hashes.iter().enumerate() {
            let mut at = (hash as usize) & mask;
            while self.slots.get(at).is_some_and(|&slot| slot != 0) {
                at = (at + 1) & mask;
            }
            if let Some(slot) = self.slots.get_mut(at) {
                *slot = id as u32 + 1;
            }
        }
    }
}

/// Dense numbers for any values that can be hashed: equal values get equal numbers, both slices together.
/// Returns the two number sequences and how many different values there are.
pub(crate) fn dense_pair<T: Eq + std::hash::Hash>(a: &[T], b: &[T]) -> (Vec<u32>, Vec<u32>, usize) {
    let mut ids = std::collections::HashMap::new();
    let mut number = |value| {
        let next = ids.len() as u32;
        *ids.entry(value).or_insert(next)
    };
    let left: Vec<u32> = a.iter().map(&mut number).collect();
    let right = b.iter().map(&mut number).collect();
    (left, right, ids.len())
}

/// Renumbers the few values of one pair of texts, out of a large lasting vocabulary, to `0, 1, 2, …`.
#[derive(Debug, Default)]
pub(crate) struct Renumber {
    epoch: u32,
    /// `(epoch, number)` per value; an entry of another epoch is empty. Nothing to clear between pairs.
    cells: Vec<(u32, u32)>,
    next: u32,
}

impl Renumber {
    /// Starts a new pair.
    pub(crate) fn restart(&mut self) {
        self.next = 0;
        if self.epoch == u32::MAX {
            self.cells.clear();
            self.epoch = 0;
        }
        self.epoch += 1;
    }

    /// The number of this value within the current pair.
    pub(crate) fn number(&mut self, value: u32) -> u32 {
        let at = value as usize;
        if at >= self.cells.len() {
            self.cells.resize(at + 1, (0, 0));
        }
        let Some(cell) = self.cells.get_mut(at) else {
            return 0;
        };
        if cell.0 != self.epoch {
            *cell = (self.epoch, self.next);
            self.next += 1;
        }
        cell.1
    }

    /// How many different values this pair has had.
    pub(crate) fn len(&self) -> usize {
        self.next as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        /// Protects exactness: the same numbers as a plain map gives, also after growth and clearing.
        #[test]
        fn numbers_are_those_of_a_map(tokens in prop::collection::vec("[a-cé]{0,4}", 0..400)) {
            let mut interner = Interner::new();
            for _ in 0..2 {
                interner.clear();
                let mut map: HashMap<&str, u32> = HashMap::new();
                for token in &tokens {
                    let next = map.len() as u32;
                    let want = *map.entry(token).or_insert(next);
                    prop_assert_eq!(interner.intern(token), want);
                }
                prop_assert_eq!(interner.len(), map.len());
            }
        }

        /// Protects renumbering: dense, and the same value has the same number.
        #[test]
        fn renumbering_is_dense(values in prop::collection::vec(0_u32..50, 0..100)) {
            let mut renumber = Renumber::default();
            for _ in 0..3 {
                renumber.restart();
                let numbers: Vec<u32> = values.iter().map(|&v| renumber.number(v)).collect();
                let (dense, _, len) = dense_pair(&values, &[]);
                prop_assert_eq!(&numbers, &dense);
                prop_assert_eq!(renumber.len(), len);
            }
        }
    }
}
