//! Clipped n-gram matches of a hypothesis with its references, exactly, for all orders at once.
//! Apart because BLEU, chrF and ROUGE-N are all made of this number.
//!
//! No hashing: the `order` symbols that start at a position are packed into one 64-bit key, the keys of all
//! texts are sorted together, and one pass over the sorted keys closes, for each order, the groups of equal
//! prefixes. Where symbols do not fit into a key, positions are sorted by comparing the symbols themselves.

/// Working memory of the counting; reused from pair to pair.
#[derive(Debug, Default)]
pub(crate) struct NgramCounter {
    keys: Vec<u64>,
    positions: Vec<(u32, u32)>,
    /// `(order + 1) × sources` counts of the open groups; row 0 takes what the first order hands down.
    open: Vec<u32>,
    /// The same for one reference: the hypothesis's count in the low half, the reference's in the high one.
    open_pairs: Vec<u64>,
}

impl NgramCounter {
    /// Adds to `matches[n - 1]`, for every `n` up to `matches.len()`, the sum over the different n-grams of
    /// `hypothesis` of the smaller of its count there and its largest count in any of `references`.
    ///
    /// All symbols are below `alphabet`. Lengths are below 2³².
    pub(crate) fn clipped_matches(
        &mut self,
        hypothesis: &[u32],
        references: &[&[u32]],
        alphabet: usize,
        matches: &mut [u64],
    ) {
        let order = matches.len();
        let sources = references.len() + 1;
        if order == 0 || hypothesis.is_empty() || references.iter().all(|r| r.is_empty()) {
            return;
        }
        self.open.clear();
        self.open.resize((order + 1) * sources, 0);
        let source_bits = bits_for(references.len());
        let symbol_bits = (u64::BITS - source_bits) / u32::try_from(order).unwrap_or(u32::MAX);
        // Symbols are stored plus one: zero is "past the end".
        if symbol_bits > 0 && bits_for(alphabet) <= symbol_bits {
            self.packed(hypothesis, references, symbol_bits, source_bits, matches);
        } else {
            self.compared(hypothesis, references, matches);
        }
    }

    fn packed(
        &mut self,
        hypothesis: &[u32],
        references: &[&[u32]],
        symbol_bits: u32,
        source_bits: u32,
        matches: &mut [u64],
    ) {
        let order = matches.len() as u32;
        let sources = references.len() + 1;
        let top = symbol_bits * (order - 1);
        self.keys.clear();
        for (source, text) in std::iter::once(&hypothesis).chain(references).enumerate() {
            let mut key = 0_u64;
            for &symbol in text.iter().rev() {
                key = (key >> symbol_bits) | ((u64::from(symbol) + 1) << top);
                self.keys.push(key << source_bits | source as u64);
            }
        }
        self.keys.sort_unstable();
        if sources == 2 {
            self.open_pairs.clear();
            self.open_pairs.resize(order as usize + 1, 0);
            let mut groups = PairGroups {
                open: &mut self.open_pairs,
                matches,
            };
            pass(&self.keys, order, symbol_bits, source_bits, &mut groups);
        } else {
            let mut groups = Groups {
                open: &mut self.open,
                sources,
                matches,
            };
            pass(&self.keys, order, symbol_bits, source_bits, &mut groups);
        }
    }

    fn compared(&mut self, hypothesis: &[u32], references: &[&[u32]], matches: &mut [u64]) {
        let order = matches.len();
        let sources = references.len() + 1;
        let text = |source: u32| match source {
            0 => hypothesis,
            _ => references.get(source as usize - 1).copied().unwrap_or(&[]),
        };
        let gram = |&(source, start): &(u32, u32)| {
            let rest = text(source).get(start as usize..).unwrap_or(&[]);
            rest.get(..order).unwrap_or(rest)
        };
        let mut positions = std::mem::take(&mut self.positions);
        positions.clear();
        for source in 0..sources as u32 {
            positions.extend((0..text(source).len() as u32).map(|start| (source, start)));
        }
        positions.sort_unstable_by(|a, b| gram(a).cmp(gram(b)));
        let mut groups = Groups {
            open: &mut self.open,
            sources,
            matches,
        };
        let mut previous: &[u32] = &[];
        for position in &positions {
            let grams = gram(position);
            let shared = previous.iter().zip(grams).take_while(|(a, b)| a == b).count();
            groups.close_down_to(shared);
            groups.add(grams.len(), position.0 as usize);
            previous = grams;
        }
        groups.close_down_to(0);
        self.positions = positions;
    }
}

/// One pass over sorted keys.
fn pass(keys: &[u64], order: u32, symbol_bits: u32, source_bits: u32, groups: &mut impl Count) {
    let source_mask = (1_u64 << source_bits) - 1;
    let mut previous = 0_u64;
    for &key in keys {
        let grams = key >> source_bits;
        let difference = grams ^ previous;
        // How many leading symbols the two keys share; a key is `order * symbol_bits` wide.
        let shared = if difference == 0 {
            order
        } else {
            (difference.leading_zeros() - (u64::BITS - order * symbol_bits)) / symbol_bits
        };
        groups.close_down_to(shared as usize);
        let length = order - grams.trailing_zeros() / symbol_bits;
        groups.add(length as usize, (key & source_mask) as usize);
        previous = grams;
    }
    groups.close_down_to(0);
}

/// Counting of the groups of equal n-grams that a pass over sorted positions has not yet left.
trait Count {
    /// Counts a position whose symbols reach `length` far; shorter orders get it when the group closes.
    fn add(&mut self, length: usize, source: usize);
    /// Closes the groups of all orders above `shared`: their prefix has ended.
    fn close_down_to(&mut self, shared: usize);
}

/// [`Groups`] for the usual single reference: both counts of an order are one number, and closing is one addition.
/// Texts are shorter than 2³² symbols, so that neither half runs over.
struct PairGroups<'a> {
    open: &'a mut [u64],
    matches: &'a mut [u64],
}

impl Count for PairGroups<'_> {
    fn add(&mut self, length: usize, source: usize) {
        if let Some(counts) = self.open.get_mut(length) {
            *counts += 1 << (32 * source);
        }
    }

    fn close_down_to(&mut self, shared: usize) {
        let mut counts = 0;
        for order in (shared + 1..=self.matches.len()).rev() {
            let (Some(open), Some(matches)) = (self.open.get_mut(order), self.matches.get_mut(order - 1))
            else {
                return;
            };
            counts += std::mem::take(open);
            *matches += (counts >> 32).min(counts & u64::from(u32::MAX));
        }
        if let Some(open) = self.open.get_mut(shared) {
            *open += counts;
        }
    }
}

/// The groups of equal n-grams that the pass over the sorted positions has not yet left, one per order.
struct Groups<'a> {
    open: &'a mut [u32],
    sources: usize,
    matches: &'a mut [u64],
}

impl Count for Groups<'_> {
    fn add(&mut self, length: usize, source: usize) {
        if let Some(count) = self.open.get_mut(length * self.sources + source) {
            *count += 1;
        }
    }

    fn close_down_to(&mut self, shared: usize) {
        for order in (shared + 1..=self.matches.len()).rev() {
            let (shorter, this) = self.open.split_at_mut(order * self.sources);
            let Some(this) = this.get_mut(..self.sources) else {
                return;
            };
            let Some(shorter) = shorter.get_mut((order - 1) * self.sources..) else {
                return;
            };
            let Some((in_hypothesis, in_references)) = this.split_first() else {
                return;
            };
            let most = in_references.iter().copied().max().unwrap_or(0);
            if let Some(matches) = self.matches.get_mut(order - 1) {
                *matches += u64::from(most.min(*in_hypothesis));
            }
            for (count, below) in this.iter_mut().zip(shorter) {
                *below += std::mem::take(count);
            }
        }
    }
}

/// Bits that hold every number from 0 to `largest`.
fn bits_for(largest: usize) -> u32 {
    usize::BITS - largest.leading_zeros()
}

/// How many n-grams of this order a sequence of this length has.
pub(crate) fn total(length: usize, order: usize) -> u64 {
    (length + 1).saturating_sub(order) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn counts(text: &[u32], n: usize) -> HashMap<&[u32], u64> {
        let mut counts = HashMap::new();
        for gram in text.windows(n) {
            *counts.entry(gram).or_insert(0) += 1;
        }
        counts
    }

    fn by_definition(hypothesis: &[u32], references: &[&[u32]], n: usize) -> u64 {
        let tables: Vec<_> = references.iter().map(|r| counts(r, n)).collect();
        counts(hypothesis, n)
            .iter()
            .map(|(gram, &count)| {
                let most = tables.iter().filter_map(|t| t.get(gram)).copied().max();
                count.min(most.unwrap_or(0))
            })
            .sum()
    }

    proptest! {
        /// Protects exactness of both ways of sorting against the definition with a table of counts.
        #[test]
        fn matches_follow_the_definition(
            hypothesis in prop::collection::vec(0_u32..4, 0..40),
            references in prop::collection::vec(prop::collection::vec(0_u32..4, 0..40), 1..4),
            order in 1_usize..8,
        ) {
            let refs: Vec<&[u32]> = references.iter().map(Vec::as_slice).collect();
            let want: Vec<u64> = (1..=order).map(|n| by_definition(&hypothesis, &refs, n)).collect();
            let mut counter = NgramCounter::default();
            for alphabet in [4, 1 << 30] {
                let mut got = vec![0; order];
                counter.clipped_matches(&hypothesis, &refs, alphabet, &mut got);
                prop_assert_eq!(&got, &want, "alphabet {}", alphabet);
            }
        }
    }
}
