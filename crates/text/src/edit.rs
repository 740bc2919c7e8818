//! Edit distances and the similarities derived from them, 64 table cells at a time where that is possible.
//! Apart from the error rates, which need the alignment and not only its cost.

use crate::intern::dense_pair;
use crate::lcs::{Lcs, Masks};
use std::hash::Hash;
use unicode_segmentation::UnicodeSegmentation;

/// What counts as one character.
///
/// ```
/// use seatrial_text::edit::Unit;
/// assert_eq!(Unit::by_name("grapheme"), Some(Unit::Grapheme));
/// assert_eq!(Unit::by_name("byte"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unit {
    /// A Unicode scalar value: `👍🏽` is two, `é` may be one or two. What other tools mean.
    #[default]
    Scalar,
    /// An extended grapheme cluster (UAX #29): what a reader sees as one.
    Grapheme,
}

impl Unit {
    /// The unit of this name: `scalar` or `grapheme`.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "scalar" => Some(Self::Scalar),
            "grapheme" => Some(Self::Grapheme),
            _ => None,
        }
    }

    /// The characters of a text, for the functions below that take sequences.
    ///
    /// ```
    /// use seatrial_text::edit::{Unit, levenshtein};
    /// let split = |text| Unit::Grapheme.split(text);
    /// assert_eq!(levenshtein(&split("👍"), &split("👍🏽")), 1);
    /// ```
    #[must_use]
    pub fn split(self, text: &str) -> Vec<&str> {
        match self {
            Self::Scalar => text
                .char_indices()
                .filter_map(|(at, c)| text.get(at..at + c.len_utf8()))
                .collect(),
            Self::Grapheme => text.graphemes(true).collect(),
        }
    }

    /// The characters of two texts as numbers, and how many different ones there are.
    pub(crate) fn encode(self, a: &str, b: &str) -> (Vec<u32>, Vec<u32>, usize) {
        match self {
            Self::Scalar => dense_pair(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>()),
            Self::Grapheme => dense_pair(
                &a.graphemes(true).collect::<Vec<_>>(),
                &b.graphemes(true).collect::<Vec<_>>(),
            ),
        }
    }
}

/// All distances and similarities of two texts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EditScores {
    /// [`levenshtein`].
    pub levenshtein: usize,
    /// [`osa`].
    pub osa: usize,
    /// [`indel`].
    pub indel: usize,
    /// [`lcs_length`].
    pub lcs: usize,
    /// 1 − Levenshtein ÷ the longer length, 0 to 1; 1 for two empty texts.
    pub levenshtein_similarity: f64,
    /// [`jaro`], 0 to 1.
    pub jaro: f64,
    /// [`jaro_winkler`], 0 to 1.
    pub jaro_winkler: f64,
    /// 100 × (1 − indel ÷ sum of lengths), 0 to 100; 100 for two empty texts.
    pub ratio: f64,
}

/// Compares two texts character by character; case and form matter, so [normalise](crate::normalise) first.
///
/// ```
/// use seatrial_text::edit::{Unit, compare};
/// let scores = compare("kitten", "sitting", Unit::Scalar);
/// assert_eq!((scores.levenshtein, scores.indel, scores.lcs), (3, 5, 4));
/// assert_eq!(compare("👍", "👍🏽", Unit::Grapheme).levenshtein, 1);
/// ```
#[must_use]
pub fn compare(a: &str, b: &str, unit: Unit) -> EditScores {
    let (a, b, alphabet) = unit.encode(a, b);
    let levenshtein = levenshtein_dense(&a, &b, alphabet);
    let lcs = Lcs::default().length(&a, &b, alphabet);
    let both = a.len() + b.len();
    let indel = both - 2 * lcs;
    let (jaro, jaro_winkler) = jaro_dense(&a, &b, alphabet);
    let similarity = |distance: usize, most: usize| {
        if most == 0 {
            1.0
        } else {
            1.0 - distance as f64 / most as f64
        }
    };
    EditScores {
        levenshtein,
        osa: osa_dense(&a, &b, alphabet),
        indel,
        lcs,
        levenshtein_similarity: similarity(levenshtein, a.len().max(b.len())),
        jaro,
        jaro_winkler,
        ratio: 100.0 * similarity(indel, both),
    }
}

/// Levenshtein distance: the fewest insertions, deletions and substitutions that turn `a` into `b`.
///
/// A metric. From the difference of the lengths to the longer length; 0 only for equal sequences. Myers' bit
/// vectors in Hyyrö's block form: n·m ÷ 64 steps, memory linear.
///
/// ```
/// assert_eq!(seatrial_text::edit::levenshtein(&["a", "b", "c"], &["a", "c"]), 1);
/// ```
#[must_use]
pub fn levenshtein<T: Eq + Hash>(a: &[T], b: &[T]) -> usize {
    let (a, b, alphabet) = dense_pair(a, b);
    levenshtein_dense(&a, &b, alphabet)
}

/// Optimal string alignment: Levenshtein with transpositions of neighbours, no part edited twice. Not a metric
/// (the triangle inequality fails). Same bounds as [`levenshtein`]. Source: Hyyrö 2003.
///
/// ```
/// use seatrial_text::edit::{levenshtein, osa};
/// assert_eq!((osa(b"ab", b"ba"), levenshtein(b"ab", b"ba")), (1, 2));
/// ```
#[must_use]
pub fn osa<T: Eq + Hash>(a: &[T], b: &[T]) -> usize {
    let (a, b, alphabet) = dense_pair(a, b);
    osa_dense(&a, &b, alphabet)
}

/// Insertions and deletions only: both lengths − 2 × [`lcs_length`]. A metric; 0 to the sum of the lengths.
///
/// ```
/// assert_eq!(seatrial_text::edit::indel(b"kitten", b"sitting"), 5);
/// ```
#[must_use]
pub fn indel<T: Eq + Hash>(a: &[T], b: &[T]) -> usize {
    a.len() + b.len() - 2 * lcs_length(a, b)
}

/// Length of the longest common subsequence (not necessarily adjacent); 0 to the shorter length.
///
/// ```
/// assert_eq!(seatrial_text::edit::lcs_length(b"kitten", b"sitting"), 4);
/// ```
#[must_use]
pub fn lcs_length<T: Eq + Hash>(a: &[T], b: &[T]) -> usize {
    let (a, b, alphabet) = dense_pair(a, b);
    Lcs::default().length(&a, &b, alphabet)
}

/// Jaro similarity (Jaro 1989): the mean of the matched shares of both sides and the share of matches in order;
/// matches may lie apart by less than half the longer length. 0 to 1; 1 for two empty sequences, 0 for one.
///
/// ```
/// assert!((seatrial_text::edit::jaro(b"MARTHA", b"MARHTA") - 17.0 / 18.0).abs() < 1e-12);
/// ```
#[must_use]
pub fn jaro<T: Eq + Hash>(a: &[T], b: &[T]) -> f64 {
    let (a, b, alphabet) = dense_pair(a, b);
    jaro_dense(&a, &b, alphabet).0
}

/// Jaro–Winkler similarity: above 0.7, [`jaro`] is raised by 0.1 × its distance from 1 for each of up to four
/// common first elements. 0 to 1. Source: Winkler 1990.
///
/// ```
/// assert!((seatrial_text::edit::jaro_winkler(b"MARTHA", b"MARHTA") - 0.961111).abs() < 1e-6);
/// ```
#[must_use]
pub fn jaro_winkler<T: Eq + Hash>(a: &[T], b: &[T]) -> f64 {
    let (a, b, alphabet) = dense_pair(a, b);
    jaro_dense(&a, &b, alphabet).1
}

/// Vertical differences of one column of the distance table: +1 where `plus`, −1 where `minus`.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// `plus` of every word, then `minus` of every word.
    pub(crate) bits: Vec<u64>,
}

impl Column {
    /// The column of the empty text.
    pub(crate) fn first(words: usize) -> Self {
        let mut bits = vec![u64::MAX; words];
        bits.resize(words * 2, 0);
        Self { bits }
    }

    /// The last cell of a column: `columns` from the top row, and the differences down to row `rows`.
    pub(crate) fn distance(bits: &[u64], rows: usize, columns: usize) -> usize {
        let (plus, minus) = bits.split_at(bits.len() / 2);
        let ones = |bits: &[u64]| -> usize {
            bits.iter()
                .enumerate()
                .map(|(word, bits)| (bits & below(rows, word)).count_ones() as usize)
                .sum()
        };
        (columns + ones(plus)).saturating_sub(ones(minus))
    }

    /// Turns a column into the next one, for one more symbol of the other text.
    pub(crate) fn advance(bits: &mut [u64], occurrences: &[(u32, u64)]) {
        let words = bits.len() / 2;
        let (plus, minus) = bits.split_at_mut(words);
        let mut occurrences = occurrences.iter().peekable();
        let (mut plus_in, mut minus_in) = (1_u64, 0_u64);
        for (word, (vp, vn)) in plus.iter_mut().zip(minus).enumerate() {
            let equal = take(&mut occurrences, word) | minus_in;
            let zero = ((equal & *vp).wrapping_add(*vp) ^ *vp) | equal | *vn;
            let hp = *vn | !(zero | *vp);
            let hn = zero & *vp;
            let (hp_shifted, hn_shifted) = (hp << 1 | plus_in, hn << 1 | minus_in);
            (plus_in, minus_in) = (hp >> 63, hn >> 63);
            *vp = hn_shifted | !(zero | hp_shifted);
            *vn = hp_shifted & zero;
        }
    }
}

/// The mask of this word if it is the next entry.
fn take<'a>(occurrences: &mut std::iter::Peekable<impl Iterator<Item = &'a (u32, u64)>>, word: usize) -> u64 {
    occurrences
        .next_if(|entry| entry.0 as usize == word)
        .map_or(0, |entry| entry.1)
}

/// The bits of this word that belong to the first `rows` rows.
fn below(rows: usize, word: usize) -> u64 {
    match rows.saturating_sub(word * 64) {
        0 => 0,
        rest @ 1..64 => (1 << rest) - 1,
        _ => u64::MAX,
    }
}

fn levenshtein_dense(a: &[u32], b: &[u32], alphabet: usize) -> usize {
    let mut masks = Masks::default();
    masks.index(a, alphabet);
    let mut column = Column::first(masks.words());
    for &symbol in b {
        Column::advance(&mut column.bits, masks.of(symbol));
    }
    Column::distance(&column.bits, a.len(), b.len())
}

fn osa_dense(a: &[u32], b: &[u32], alphabet: usize) -> usize {
    /// One word of the state: the column's differences, and of the previous column its zero diagonal differences
    /// and matches, which a transposition looks back to.
    #[derive(Clone, Copy)]
    struct Word {
        vp: u64,
        vn: u64,
        zero: u64,
        equal: u64,
    }
    let mut masks = Masks::default();
    masks.index(a, alphabet);
    let mut column = vec![
        Word {
            vp: u64::MAX,
            vn: 0,
            zero: 0,
            equal: 0
        };
        masks.words()
    ];
    for &symbol in b {
        let mut occurrences = masks.of(symbol).iter().peekable();
        let (mut plus_in, mut minus_in) = (1_u64, 0_u64);
        // Of the word above: its zero differences in the previous column, its matches in this one.
        let (mut zero_above, mut equal_above) = (u64::MAX, 0_u64);
        for (word, state) in column.iter_mut().enumerate() {
            let old = *state;
            let equal = take(&mut occurrences, word);
            let carried = (!zero_above & equal_above) >> 63;
            let transposed = ((!old.zero & equal) << 1 | carried) & old.equal;
            let x = equal | minus_in;
            let zero = ((x & old.vp).wrapping_add(old.vp) ^ old.vp) | x | old.vn | transposed;
            let hp = old.vn | !(zero | old.vp);
            let hn = zero & old.vp;
            let (hp_shifted, hn_shifted) = (hp << 1 | plus_in, hn << 1 | minus_in);
            (plus_in, minus_in) = (hp >> 63, hn >> 63);
            *state = Word {
                vp: hn_shifted | !(zero | hp_shifted),
                vn: hp_shifted & zero,
                zero,
                equal,
            };
            (zero_above, equal_above) = (old.zero, equal);
        }
    }
    let bits: Vec<u64> = column
        .iter()
        .map(|w| w.vp)
        .chain(column.iter().map(|w| w.vn))
        .collect();
    Column::distance(&bits, a.len(), b.len())
}

/// Jaro and Jaro–Winkler.
fn jaro_dense(a: &[u32], b: &[u32], alphabet: usize) -> (f64, f64) {
    if a.is_empty() && b.is_empty() {
        return (1.0, 1.0);
    }
    // Free positions of each symbol in `a`, ascending. The window only moves forward, so that positions before
    // it never come back, and the nearest free one is always the first.
    let mut free: Vec<std::collections::VecDeque<usize>> = vec![Default::default(); alphabet];
    for (position, &symbol) in a.iter().enumerate() {
        if let Some(free) = free.get_mut(symbol as usize) {
            free.push_back(position);
        }
    }
    let reach = (a.len().max(b.len()) / 2).saturating_sub(1);
    let mut flagged = vec![false; a.len()];
    let mut matched = Vec::new();
    for (position, &symbol) in b.iter().enumerate() {
        let Some(free) = free.get_mut(symbol as usize) else {
            continue;
        };
        while free.front().is_some_and(|&first| first + reach < position) {
            free.pop_front();
        }
        if free.front().is_some_and(|&first| first <= position + reach)
            && let Some(flag) = free.pop_front().and_then(|first| flagged.get_mut(first))
        {
            *flag = true;
            matched.push(symbol);
        }
    }
    if matched.is_empty() {
        return (0.0, 0.0);
    }
    let in_order = a
        .iter()
        .zip(&flagged)
        .filter(|&(_, &flag)| flag)
        .map(|(symbol, _)| symbol);
    let out_of_order = in_order.zip(&matched).filter(|(x, y)| x != y).count();
    let m = matched.len() as f64;
    let transpositions = (out_of_order / 2) as f64;
    let jaro = (m / a.len() as f64 + m / b.len() as f64 + (m - transpositions) / m) / 3.0;
    let prefix = a.iter().zip(b).take(4).take_while(|(x, y)| x == y).count();
    let winkler = if jaro > 0.7 {
        jaro + prefix as f64 * 0.1 * (1.0 - jaro)
    } else {
        jaro
    };
    (jaro, winkler)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn by_table(a: &[u8], b: &[u8], transpose: bool) -> usize {
        let mut d = vec![vec![0; b.len() + 1]; a.len() + 1];
        for i in 0..=a.len() {
            for j in 0..=b.len() {
                d[i][j] = if i == 0 || j == 0 {
                    i + j
                } else {
                    let changed = usize::from(a[i - 1] != b[j - 1]);
                    let mut best = (d[i - 1][j - 1] + changed)
                        .min(d[i - 1][j] + 1)
                        .min(d[i][j - 1] + 1);
                    if transpose && i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                        best = best.min(d[i - 2][j - 2] + 1);
                    }
                    best
                };
            }
        }
        d[a.len()][b.len()]
    }

    /// Protects the defined values of empty texts, and the difference between the units.
    #[test]
    fn edges_have_defined_values() {
        let empty = compare("", "", Unit::Scalar);
        assert_eq!(
            (empty.levenshtein, empty.osa, empty.indel, empty.lcs),
            (0, 0, 0, 0)
        );
        assert_eq!(
            (
                empty.levenshtein_similarity,
                empty.jaro,
                empty.jaro_winkler,
                empty.ratio
            ),
            (1.0, 1.0, 1.0, 100.0)
        );
        let one = compare("", "a", Unit::Scalar);
        assert_eq!((one.levenshtein_similarity, one.jaro, one.ratio), (0.0, 0.0, 0.0));
        assert_eq!(compare("e\u{301}", "e", Unit::Scalar).indel, 1);
        assert_eq!(compare("e\u{301}", "e", Unit::Grapheme).indel, 2);
        // Without blocks of bits this would be 10^10 cells.
        let (a, b) = ("ab".repeat(50_000), "ba".repeat(50_000));
        assert_eq!(compare(&a, &b, Unit::Scalar).levenshtein, 2);
    }

    const TEXT: &str = "[abcd]{0,150}";

    proptest! {
        /// Protects the bit vectors against the plain table, over several words of bits.
        #[test]
        fn bits_agree_with_the_table(a in TEXT, b in TEXT) {
            let (a, b) = (a.as_bytes(), b.as_bytes());
            prop_assert_eq!(levenshtein(a, b), by_table(a, b, false));
            prop_assert_eq!(osa(a, b), by_table(a, b, true));
        }

        /// Protects that Levenshtein and indel are metrics, and the bounds of the similarities.
        #[test]
        fn distances_are_metrics(a in "[ab]{0,12}", b in "[ab]{0,12}", c in "[ab]{0,12}") {
            let (x, y, z) = (a.as_bytes(), b.as_bytes(), c.as_bytes());
            for d in [levenshtein, indel] {
                prop_assert_eq!(d(x, y), d(y, x));
                prop_assert_eq!(d(x, y) == 0, x == y);
                prop_assert!(d(x, z) <= d(x, y) + d(y, z));
            }
            let scores = compare(&a, &b, Unit::Scalar);
            for share in [scores.levenshtein_similarity, scores.jaro, scores.jaro_winkler, scores.ratio / 100.0] {
                prop_assert!((0.0..=1.0).contains(&share));
            }
            prop_assert!(scores.osa <= scores.levenshtein && scores.levenshtein <= scores.indel);
            prop_assert!((jaro(x, y) - jaro(y, x)).abs() < 1e-12);
            prop_assert_eq!(compare(&a, &a, Unit::Scalar).jaro_winkler, 1.0);
        }

        /// Protects against panics on any text.
        #[test]
        fn any_text_is_compared(a in any::<String>(), b in any::<String>()) {
            for unit in [Unit::Scalar, Unit::Grapheme] {
                prop_assert!(compare(&a, &b, unit).ratio.is_finite());
            }
        }
    }
}
