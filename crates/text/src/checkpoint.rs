//! Rows of a large table, read back from the last to the first, in the square root of the memory.
//! Apart because the alignments of ROUGE-Lsum and of the word error rate both need it for long texts.

/// Tables of at most this many words are kept whole.
const WHOLE_MAX: usize = 1 << 18;

/// States `0..=rows` of a process that turns one row of words into the next; some kept, the others redone when
/// asked for. Asking in descending order redoes each row at most once.
pub(crate) struct Rows<F> {
    width: usize,
    rows: usize,
    stride: usize,
    /// Every `stride`-th state, from state 0.
    kept: Vec<u64>,
    /// The states from `block × stride` on, up to the next kept one.
    redone: Vec<u64>,
    block: Option<usize>,
    step: F,
}

impl<F: FnMut(usize, &mut [u64])> Rows<F> {
    /// Runs `step(row, state)` for every row, from this first state.
    pub(crate) fn new(first: &[u64], rows: usize, mut step: F) -> Self {
        let width = first.len();
        let stride = if width.saturating_mul(rows) <= WHOLE_MAX {
            1
        } else {
            rows.isqrt().max(1)
        };
        let mut state = first.to_vec();
        let mut kept = Vec::with_capacity((rows / stride + 1).saturating_mul(width));
        kept.extend_from_slice(&state);
        for row in 0..rows {
            step(row, &mut state);
            if (row + 1) % stride == 0 {
                kept.extend_from_slice(&state);
            }
        }
        Self {
            width,
            rows,
            stride,
            kept,
            redone: Vec::new(),
            block: None,
            step,
        }
    }

    /// The state after `rows` rows.
    pub(crate) fn state(&mut self, rows: usize) -> &[u64] {
        let (block, offset) = (rows / self.stride, rows % self.stride);
        if offset == 0 {
            return self
                .kept
                .get(block * self.width..(block + 1) * self.width)
                .unwrap_or(&[]);
        }
        if self.block != Some(block) {
            self.block = Some(block);
            let start = self
                .kept
                .get(block * self.width..(block + 1) * self.width)
                .unwrap_or(&[]);
            let mut state = start.to_vec();
            self.redone.clear();
            self.redone.extend_from_slice(&state);
            let first = block * self.stride;
            for row in first..self.rows.min(first + self.stride - 1) {
                (self.step)(row, &mut state);
                self.redone.extend_from_slice(&state);
            }
        }
        self.redone
            .get(offset * self.width..(offset + 1) * self.width)
            .unwrap_or(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects that redone rows equal kept ones, at every distance from a kept row.
    #[test]
    fn redone_rows_are_the_rows() {
        for width in [1, 5000] {
            let first = vec![7; width];
            let mut rows = Rows::new(&first, 100, |row, state| {
                for (at, word) in state.iter_mut().enumerate() {
                    *word = word.wrapping_mul(31).wrapping_add((row + at) as u64);
                }
            });
            assert_eq!(rows.stride > 1, width > 1);
            let mut state = first;
            for row in 0..100 {
                assert_eq!(rows.state(row), state);
                for (at, word) in state.iter_mut().enumerate() {
                    *word = word.wrapping_mul(31).wrapping_add((row + at) as u64);
                }
            }
            assert_eq!(rows.state(100), state);
        }
    }
}
