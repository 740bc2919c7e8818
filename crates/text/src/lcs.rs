//! Longest common subsequences, 64 table cells at a time (Crochemore et al. 2001, Hyyrö 2004).
//! Apart because ROUGE-L, ROUGE-Lsum and the edit distances without substitution are made of them.
//!
//! A row of the table is kept as bits: bit j is 0 where the length grows from column j to j + 1. A row follows
//! from the one above by an addition whose carries do the work of the cells.

use crate::checkpoint::Rows;

/// For each symbol of a text, in which words of the bit vectors it occurs and where.
#[derive(Debug, Default)]
pub(crate) struct Masks {
    /// Entries of symbol `s` are `starts[s]..ends[s]`.
    starts: Vec<u32>,
    ends: Vec<u32>,
    /// `(word, bits)`, words ascending per symbol. Sparse: a dense table would need one bit per pair of text
    /// position and symbol, a gigabyte for a hundred thousand different words.
    entries: Vec<(u32, u64)>,
    words: usize,
}

impl Masks {
    /// Indexes a text whose symbols are all below `alphabet`.
    pub(crate) fn index(&mut self, text: &[u32], alphabet: usize) {
        self.words = text.len().div_ceil(64);
        self.starts.clear();
        self.starts.resize(alphabet, 0);
        for &symbol in text {
            if let Some(count) = self.starts.get_mut(symbol as usize) {
                *count += 1;
            }
        }
        let mut total = 0;
        for start in &mut self.starts {
            total += std::mem::replace(start, total);
        }
        self.ends.clone_from(&self.starts);
        self.entries.clear();
        self.entries.resize(text.len(), (0, 0));
        for (position, &symbol) in text.iter().enumerate() {
            let (word, bit) = ((position / 64) as u32, 1_u64 << (position % 64));
            let (Some(&start), Some(end)) = (
                self.starts.get(symbol as usize),
                self.ends.get_mut(symbol as usize),
            ) else {
                continue;
            };
            let last = if *end > start {
                self.entries.get_mut(*end as usize - 1)
            } else {
                None
            };
            match last {
                Some(entry) if entry.0 == word => entry.1 |= bit,
                _ => {
                    if let Some(entry) = self.entries.get_mut(*end as usize) {
                        *entry = (word, bit);
                    }
                    *end += 1;
                }
            }
        }
    }

    /// Length of the bit vectors in words.
    pub(crate) fn words(&self) -> usize {
        self.words
    }

    /// Where this symbol occurs; empty for one that does not.
    pub(crate) fn of(&self, symbol: u32) -> &[(u32, u64)] {
        match (self.starts.get(symbol as usize), self.ends.get(symbol as usize)) {
            (Some(&start), Some(&end)) => self.entries.get(start as usize..end as usize).unwrap_or(&[]),
            _ => &[],
        }
    }
}

/// Turns a row into the next one, for one more symbol of the other text.
fn next_row(row: &mut [u64], occurrences: &[(u32, u64)]) {
    let mut carry = false;
    let mut from = 0;
    for &(word, mask) in occurrences {
        let word = word as usize;
        // Between occurrences a row only changes as far as a carry runs.
        while carry && from < word {
            carry = add(row.get_mut(from), 0, true);
            from += 1;
        }
        carry = add(row.get_mut(word), mask, carry);
        from = word + 1;
    }
    while carry && from < row.len() {
        carry = add(row.get_mut(from), 0, true);
        from += 1;
    }
}

fn add(cell: Option<&mut u64>, mask: u64, carry: bool) -> bool {
    let Some(cell) = cell else { return false };
    let old = *cell;
    let (sum, first) = old.overflowing_add(old & mask);
    let (sum, second) = sum.overflowing_add(u64::from(carry));
    *cell = sum | (old & !mask);
    first || second
}

/// Working memory; reused from pair to pair.
#[derive(Debug, Default)]
pub(crate) struct Lcs {
    masks: Masks,
    row: Vec<u64>,
}

impl Lcs {
    /// Length of the longest common subsequence; symbols are below `alphabet`.
    pub(crate) fn length(&mut self, a: &[u32], b: &[u32], alphabet: usize) -> usize {
        self.masks.index(a, alphabet);
        self.row.clear();
        self.row.resize(self.masks.words(), u64::MAX);
        for &symbol in b {
            next_row(&mut self.row, self.masks.of(symbol));
        }
        // Bits beyond the text are never cleared.
        self.row.iter().map(|word| word.count_zeros() as usize).sum()
    }

    /// Prepares a candidate for [`Lcs::mark`].
    pub(crate) fn index(&mut self, candidate: &[u32], alphabet: usize) {
        self.masks.index(candidate, alphabet);
    }

    /// Sets `marks[i]` for the positions of `reference` on one longest common subsequence with the candidate that
    /// was indexed last: read backwards, equal symbols are taken; else a candidate symbol is dropped only if that
    /// keeps a longer subsequence than dropping a reference symbol. (The choice of rouge-score 0.1.2.)
    pub(crate) fn mark(&self, reference: &[u32], candidate: &[u32], marks: &mut [bool]) {
        let masks = &self.masks;
        let first = vec![u64::MAX; masks.words()];
        let mut rows = Rows::new(&first, reference.len(), |row, state| {
            next_row(state, masks.of(reference.get(row).copied().unwrap_or(u32::MAX)));
        });
        let (mut i, mut j) = (reference.len(), candidate.len());
        let mut row = rows.state(i).to_vec();
        let mut above = rows.state(i.saturating_sub(1)).to_vec();
        let (mut length, mut length_above) = (zeros(&row, j), zeros(&above, j));
        while i > 0 && j > 0 && length > 0 {
            let taken = reference.get(i - 1) == candidate.get(j - 1);
            if taken && let Some(mark) = marks.get_mut(i - 1) {
                *mark = true;
            }
            // Where a column adds nothing, the value to the left is that of this cell.
            let left = taken || (grows(&row, j - 1) == 0 && length > length_above);
            if left {
                length -= grows(&row, j - 1);
                length_above -= grows(&above, j - 1);
                j -= 1;
            }
            if taken || !left {
                i -= 1;
                length = length_above;
                std::mem::swap(&mut row, &mut above);
                if let Some(before) = i.checked_sub(1) {
                    above.copy_from_slice(rows.state(before));
                    length_above = zeros(&above, j);
                }
            }
        }
    }
}

/// 1 where the length grows from column `column` to the next.
fn grows(row: &[u64], column: usize) -> usize {
    row.get(column / 64)
        .map_or(0, |word| usize::from(word >> (column % 64) & 1 == 0))
}

/// Length at the end of the first `columns` columns.
fn zeros(row: &[u64], columns: usize) -> usize {
    let (whole, rest) = (columns / 64, columns % 64);
    let full: usize = row
        .iter()
        .take(whole)
        .map(|word| word.count_zeros() as usize)
        .sum();
    let part = row
        .get(whole)
        .map_or(0, |word| (!word & ((1_u64 << rest) - 1)).count_ones() as usize);
    full + part
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(a: &[u32], b: &[u32]) -> Vec<Vec<usize>> {
        let mut t = vec![vec![0; b.len() + 1]; a.len() + 1];
        for i in 1..=a.len() {
            for j in 1..=b.len() {
                t[i][j] = if a[i - 1] == b[j - 1] {
                    t[i - 1][j - 1] + 1
                } else {
                    t[i - 1][j].max(t[i][j - 1])
                };
            }
        }
        t
    }

    fn marked(a: &[u32], b: &[u32]) -> Vec<bool> {
        let t = table(a, b);
        let mut marks = vec![false; a.len()];
        let (mut i, mut j) = (a.len(), b.len());
        while i > 0 && j > 0 {
            if a[i - 1] == b[j - 1] {
                marks[i - 1] = true;
                (i, j) = (i - 1, j - 1);
            } else if t[i][j - 1] > t[i - 1][j] {
                j -= 1;
            } else {
                i -= 1;
            }
        }
        marks
    }

    proptest! {
        /// Protects the bit-parallel rows and the way back against the plain table, over several words of bits.
        #[test]
        fn bits_agree_with_the_table(
            a in prop::collection::vec(0_u32..5, 0..200),
            b in prop::collection::vec(0_u32..5, 0..200),
        ) {
            let mut lcs = Lcs::default();
            prop_assert_eq!(lcs.length(&a, &b, 5), table(&a, &b)[a.len()][b.len()]);
            let mut marks = vec![false; a.len()];
            lcs.index(&b, 5);
            lcs.mark(&a, &b, &mut marks);
            prop_assert_eq!(marks, marked(&a, &b));
        }
    }
}
