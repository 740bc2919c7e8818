//! The fewest edits and block shifts that TER's greedy search finds between two sequences of word numbers.
//! Apart from options and text because it is the part whose every tie-break decides the score.
//!
//! The search is Tercom's as sacrebleu runs it: Levenshtein distance inside a beam along the diagonal; then,
//! again and again, the one block shift that lowers that distance most. Instead of the reference's tree of
//! cached rows, a shift that changes words `low..high` starts from the unshifted row `low` and ends by joining
//! row `high` with the costs from there to the end, which the shift does not change. Same values, less work.

/// Half width of the beam around the diagonal.
const BEAM: usize = 25;
/// Longest block that is shifted.
const SHIFT_WORDS_MAX: usize = 10;
/// Farthest distance between a block and its place in the reference.
const SHIFT_DISTANCE_MAX: usize = 50;
/// Shifts that are tried before the search gives up.
const CANDIDATES_MAX: usize = 1000;
/// Cells of the beam beyond which a pair is refused: it bounds memory and time.
pub(super) const CELLS_MAX: usize = 1 << 22;

const FAR: u32 = u32::MAX / 2;

/// The pair has more cells than [`CELLS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLong;

/// Edits and shifts that turn the hypothesis into the reference.
pub(super) fn edits(hypothesis: &[u32], reference: &[u32]) -> Result<u64, TooLong> {
    if reference.is_empty() {
        return Ok(hypothesis.len() as u64);
    }
    if hypothesis == reference {
        return Ok(0);
    }
    let mut search = Search::try_new(hypothesis, reference)?;
    let mut shifts = 0;
    let mut tried = 0;
    loop {
        search.measure();
        let Some(best) = search.best_shift(&mut tried) else {
            break;
        };
        // The reference drops the shift it has just found when it runs out of tries; so does this.
        if tried >= CANDIDATES_MAX || best.gain <= 0 {
            break;
        }
        shifts += 1;
        search.words = shifted(&search.words, best.start, best.length, best.target);
    }
    Ok(shifts + u64::from(search.distance))
}

/// A shift; ordered as Tercom ranks them: largest gain, then longest, then earliest block, then earliest
/// target.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shift {
    gain: i64,
    length: usize,
    start: usize,
    target: usize,
}

impl Shift {
    fn beats(&self, other: &Self) -> bool {
        (self.gain, self.length, other.start, other.target)
            > (other.gain, other.length, self.start, self.target)
    }
}

/// The cells `first..end` of one row of the distance matrix, and where they are stored.
#[derive(Clone, Copy)]
struct Row {
    first: usize,
    end: usize,
    at: usize,
}

impl Row {
    fn get(self, cells: &[u32], column: usize) -> u32 {
        if (self.first..self.end).contains(&column) {
            cells.get(self.at + column - self.first).copied().unwrap_or(FAR)
        } else {
            FAR
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Op {
    Keep,
    Substitute,
    /// A word of the hypothesis too many.
    Delete,
    /// A word of the reference missing.
    Insert,
}

struct Search<'a> {
    reference: &'a [u32],
    words: Vec<u32>,
    /// Row `i` of the matrix is over the first `i` words of the hypothesis.
    rows: Vec<Row>,
    /// Cost from the start to each cell, and from each cell to the end.
    from_start: Vec<u32>,
    to_end: Vec<u32>,
    /// Rows of a candidate, two in turn.
    before: Vec<u32>,
    after: Vec<u32>,
    /// Positions of each word in the reference, ascending.
    places: Vec<Vec<u32>>,
    distance: u32,
    /// Last word of the hypothesis, plus one, that is aligned at or before each word of the reference.
    aligned: Vec<usize>,
    /// Prefix sums of the words in error.
    hypothesis_errors: Vec<u32>,
    reference_errors: Vec<u32>,
}

impl<'a> Search<'a> {
    fn try_new(hypothesis: &[u32], reference: &'a [u32]) -> Result<Self, TooLong> {
        let rows = beam(hypothesis.len(), reference.len())?;
        let cells = rows.last().map_or(0, |row| row.at + row.end - row.first);
        let alphabet = hypothesis
            .iter()
            .chain(reference)
            .max()
            .map_or(0, |&word| word as usize + 1);
        let mut places = vec![Vec::new(); alphabet];
        for (at, &word) in (0..).zip(reference) {
            if let Some(places) = places.get_mut(word as usize) {
                places.push(at);
            }
        }
        Ok(Self {
            reference,
            words: hypothesis.to_vec(),
            rows,
            from_start: vec![FAR; cells],
            to_end: vec![FAR; cells],
            before: Vec::new(),
            after: Vec::new(),
            places,
            distance: 0,
            aligned: Vec::new(),
            hypothesis_errors: Vec::new(),
            reference_errors: Vec::new(),
        })
    }

    fn row(&self, index: usize) -> Row {
        self.rows.get(index).copied().unwrap_or(Row {
            first: 0,
            end: 0,
            at: 0,
        })
    }

    /// Fills the matrix for the current words, in both directions, and reads off the alignment.
    fn measure(&mut self) {
        let columns = self.reference.len();
        let first = self.row(0);
        if let Some(cells) = self.from_start.get_mut(..first.end) {
            for (column, cell) in (0..).zip(cells) {
                *cell = column;
            }
        }
        for (index, &word) in self.words.iter().enumerate() {
            let (above, row) = (self.row(index), self.row(index + 1));
            let (done, rest) = self.from_start.split_at_mut(row.at);
            let width = row.end - row.first;
            if let (Some(above_cells), Some(cells)) = (done.get(above.at..), rest.get_mut(..width)) {
                next_row(word, self.reference, above, above_cells, row, cells);
            }
        }
        let last = self.row(self.words.len());
        self.distance = last.get(&self.from_start, columns);
        self.fill_to_end();
        self.align();
    }

    fn fill_to_end(&mut self) {
        let columns = self.reference.len();
        let rows = self.words.len();
        let last = self.row(rows);
        for column in last.first..last.end {
            if let Some(cell) = self.to_end.get_mut(last.at + column - last.first) {
                *cell = (columns - column) as u32;
            }
        }
        for index in (0..rows).rev() {
            let (row, below) = (self.row(index), self.row(index + 1));
            let Some(&word) = self.words.get(index) else {
                return;
            };
            let (head, tail) = self.to_end.split_at_mut(below.at);
            let mut right = FAR;
            for column in (row.first..row.end).rev() {
                let below_here = Row { at: 0, ..below };
                let changed = u32::from(self.reference.get(column) != Some(&word));
                let cost = (below_here.get(tail, column + 1) + changed)
                    .min(below_here.get(tail, column) + 1)
                    .min(right + 1)
                    .min(FAR);
                if let Some(cell) = head.get_mut(row.at + column - row.first) {
                    *cell = cost;
                }
                right = cost;
            }
        }
    }

    /// Follows the cheapest path back from the end, preferring keep or substitute, then delete, then insert.
    fn align(&mut self) {
        let (mut i, mut j) = (self.words.len(), self.reference.len());
        let mut ops = Vec::with_capacity(i + j);
        while i > 0 || j > 0 {
            let op = self.op(i, j);
            match op {
                Op::Keep | Op::Substitute => (i, j) = (i.saturating_sub(1), j.saturating_sub(1)),
                Op::Delete => i = i.saturating_sub(1),
                Op::Insert => j = j.saturating_sub(1),
            }
            ops.push(op);
        }
        self.aligned.clear();
        self.hypothesis_errors.clear();
        self.hypothesis_errors.push(0);
        self.reference_errors.clear();
        self.reference_errors.push(0);
        let mut hypothesis_words = 0;
        let push = |sums: &mut Vec<u32>, error: bool| {
            let last = sums.last().copied().unwrap_or(0);
            sums.push(last + u32::from(error));
        };
        for &op in ops.iter().rev() {
            if op != Op::Insert {
                hypothesis_words += 1;
                push(&mut self.hypothesis_errors, op != Op::Keep);
            }
            if op != Op::Delete {
                self.aligned.push(hypothesis_words);
                push(&mut self.reference_errors, op != Op::Keep);
            }
        }
    }

    /// The operation that first reaches the cost of cell (i, j), in the order of preference.
    fn op(&self, i: usize, j: usize) -> Op {
        if i == 0 {
            return Op::Insert;
        }
        if j == 0 {
            return Op::Delete;
        }
        let (above, row) = (self.row(i - 1), self.row(i));
        let cost = row.get(&self.from_start, j);
        let same = self.words.get(i - 1) == self.reference.get(j - 1);
        if above.get(&self.from_start, j - 1) + u32::from(!same) == cost {
            if same { Op::Keep } else { Op::Substitute }
        } else if above.get(&self.from_start, j) + 1 == cost {
            Op::Delete
        } else {
            Op::Insert
        }
    }

    /// The best of the shifts that may be tried, counting each try.
    fn best_shift(&mut self, tried: &mut usize) -> Option<Shift> {
        let mut best: Option<Shift> = None;
        for start in 0..self.words.len() {
            let places = self
                .words
                .get(start)
                .and_then(|&word| self.places.get_mut(word as usize));
            // Taken out for the loop: trying a shift needs all of `self`.
            let places = places.map(std::mem::take).unwrap_or_default();
            let near = places.partition_point(|&place| (place as usize) + SHIFT_DISTANCE_MAX < start);
            let mut exhausted = false;
            for &place in places.get(near..).unwrap_or(&[]) {
                let place = place as usize;
                if place > start + SHIFT_DISTANCE_MAX {
                    break;
                }
                if self.try_blocks(start, place, &mut best, tried) {
                    exhausted = true;
                    break;
                }
            }
            if let Some(slot) = self
                .words
                .get(start)
                .and_then(|&word| self.places.get_mut(word as usize))
            {
                *slot = places;
            }
            if exhausted {
                break;
            }
        }
        best
    }

    /// Tries every block that starts at these two positions; true when the tries are used up.
    fn try_blocks(
        &mut self,
        start: usize,
        place: usize,
        best: &mut Option<Shift>,
        tried: &mut usize,
    ) -> bool {
        let same = self
            .words
            .iter()
            .skip(start)
            .zip(self.reference.iter().skip(place))
            .take(SHIFT_WORDS_MAX)
            .take_while(|(a, b)| a == b)
            .count();
        for length in 1..=same {
            if errors(&self.hypothesis_errors, start, length) == 0
                || errors(&self.reference_errors, place, length) == 0
            {
                continue;
            }
            // Not within itself. `aligned` is one more than the position.
            if (start + 1..start + length + 1).contains(&self.aligned_at(place)) {
                continue;
            }
            let mut previous = None;
            for offset in 0..=length {
                // The target is behind the word aligned with the reference word before the block's new place.
                let target = match (place + offset).checked_sub(1) {
                    None => 0,
                    Some(before) => self.aligned_at(before),
                };
                if previous == Some(target) {
                    continue;
                }
                previous = Some(target);
                let cost = self.cost_of(start, length, target);
                let shift = Shift {
                    gain: i64::from(self.distance) - i64::from(cost),
                    length,
                    start,
                    target,
                };
                *tried += 1;
                if best.as_ref().is_none_or(|best| shift.beats(best)) {
                    *best = Some(shift);
                }
            }
            if *tried >= CANDIDATES_MAX {
                return true;
            }
        }
        false
    }

    fn aligned_at(&self, place: usize) -> usize {
        self.aligned.get(place).copied().unwrap_or(0)
    }

    /// The distance after a shift.
    fn cost_of(&mut self, start: usize, length: usize, target: usize) -> u32 {
        let ([first, second], low, high) = swapped(start, length, target, self.words.len());
        let mut above = self.row(low);
        let width = above.end - above.first;
        self.before.clear();
        self.before
            .extend_from_slice(self.from_start.get(above.at..above.at + width).unwrap_or(&[]));
        for (index, position) in first.chain(second).enumerate() {
            let row = self.row(low + index + 1);
            self.after.clear();
            self.after.resize(row.end - row.first, FAR);
            let word = self.words.get(position).copied().unwrap_or(u32::MAX);
            next_row(word, self.reference, above, &self.before, row, &mut self.after);
            std::mem::swap(&mut self.before, &mut self.after);
            above = row;
        }
        let row = self.row(high);
        let to_end = self.to_end.get(row.at..).unwrap_or(&[]);
        self.before
            .iter()
            .zip(to_end)
            .map(|(from, to)| from + to)
            .min()
            .unwrap_or(FAR)
    }
}

/// The part of each row that the beam covers, row 0 whole.
fn beam(rows: usize, columns: usize) -> Result<Vec<Row>, TooLong> {
    let ratio = if rows > 0 {
        columns as f64 / rows as f64
    } else {
        1.0
    };
    // Where the lengths differ wildly, neighbouring rows must still overlap.
    let width = if (BEAM as f64) < ratio / 2.0 {
        (ratio / 2.0 + BEAM as f64).ceil() as usize
    } else {
        BEAM
    };
    let mut beam = vec![Row {
        first: 0,
        end: columns + 1,
        at: 0,
    }];
    let mut at = columns + 1;
    for index in 1..=rows {
        let diagonal = (index as f64 * ratio).floor() as usize;
        let first = diagonal.saturating_sub(width).min(columns);
        let end = if index == rows {
            columns + 1
        } else {
            (columns + 1).min(diagonal + width)
        };
        let end = end.max(first);
        beam.push(Row { first, end, at });
        at = at.saturating_add(end - first);
        if at > CELLS_MAX {
            return Err(TooLong);
        }
    }
    Ok(beam)
}

/// One row from the row above it; both slices hold just the cells inside the beam.
fn next_row(word: u32, reference: &[u32], above: Row, above_cells: &[u32], row: Row, cells: &mut [u32]) {
    let above = Row { at: 0, ..above };
    let mut left = FAR;
    let mut diagonal = match row.first.checked_sub(1) {
        Some(column) => above.get(above_cells, column),
        None => FAR,
    };
    for (column, cell) in (row.first..).zip(cells) {
        let up = above.get(above_cells, column);
        let changed = match column.checked_sub(1).and_then(|before| reference.get(before)) {
            Some(&other) => u32::from(other != word),
            None => 1,
        };
        let cost = (diagonal + changed).min(up + 1).min(left + 1).min(FAR);
        *cell = cost;
        left = cost;
        diagonal = up;
    }
}

fn errors(sums: &[u32], start: usize, length: usize) -> u32 {
    let at = |index: usize| sums.get(index).copied().unwrap_or(0);
    at(start + length).saturating_sub(at(start))
}

/// What a shift does: the two neighbouring runs of positions that swap places, in their new order, and the
/// range they fill together.
fn swapped(
    start: usize,
    length: usize,
    target: usize,
    words: usize,
) -> ([std::ops::Range<usize>; 2], usize, usize) {
    let end = start + length;
    if target < start {
        ([start..end, target..start], target, end)
    } else if target > end {
        ([end..target, start..end], start, target)
    } else {
        // Into itself: as many words on as the target lies behind the start of the block.
        let high = (length + target).min(words).max(end);
        ([end..high, start..end], start, high)
    }
}

/// The words after a shift.
fn shifted(words: &[u32], start: usize, length: usize, target: usize) -> Vec<u32> {
    let ([first, second], low, high) = swapped(start, length, target, words.len());
    let part = |range: std::ops::Range<usize>| words.get(range).unwrap_or(&[]);
    [part(0..low), part(first), part(second), part(high..words.len())].concat()
}
