//! Where two sources of prices disagree about the same model. No source is right by being first: what differs is shown.

use super::book::{Book, Entry};
use super::sheet::{Circumstances, Rate};
use super::time::Moment;
use crate::class::Class;

/// Classes whose prices are compared.
const COMPARED: [Class; 5] = [
    Class::InputUncached,
    Class::OutputVisible,
    Class::CacheRead,
    Class::CacheWrite5m,
    Class::CacheWrite1h,
];

/// A prompt above every cliff.
const LONGEST_INPUT: u64 = 1_000_000_000;

/// A class that two sources price differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disagreement {
    /// Class.
    pub class: Class,
    /// Whether it is the price of prompts above every cliff; the price below them is the same then.
    pub is_above_cliffs: bool,
    /// Price in the first source; `None` where it lists 0 for what has a price in the other.
    pub a: Option<Rate>,
    /// Price in the second.
    pub b: Option<Rate>,
}

/// A model that both sources have.
#[derive(Debug, Clone)]
pub struct Match<'a> {
    /// Entry of the first source.
    pub a: &'a Entry,
    /// Entry of the second.
    pub b: &'a Entry,
    /// Classes with different prices.
    pub differ: Vec<Disagreement>,
    /// Classes that only one of them prices.
    pub one_sided: Vec<Class>,
}

/// What a comparison of two sources found.
#[derive(Debug, Clone, Default)]
pub struct BookComparison<'a> {
    /// Models of text that both have by id, in the order of the first source.
    pub matched: Vec<Match<'a>>,
    /// Models of the first source alone.
    pub only_a: usize,
    /// Models of the second source alone.
    pub only_b: usize,
}

impl BookComparison<'_> {
    /// Models with a price that differs.
    pub fn disagreeing(&self) -> impl Iterator<Item = &Match<'_>> {
        self.matched.iter().filter(|found| !found.differ.is_empty())
    }
}

/// Compares the standard prices of two sources on a day, below and above every cliff. Only models that generate text are
/// compared: both a price of input and one of output in one source at least.
#[must_use]
pub fn compare<'a>(a: &'a Book, b: &'a Book, on: Moment) -> BookComparison<'a> {
    let mut comparison = BookComparison::default();
    let mut matched_b = std::collections::HashSet::new();
    for entry in a.entries().iter().filter(|entry| is_first(a, entry)) {
        let Some(other) = b.exact(&entry.provider, &entry.model) else {
            comparison.only_a += 1;
            continue;
        };
        matched_b.insert(other.key.as_str());
        if generates_text(entry, on) || generates_text(other, on) {
            comparison.matched.push(compare_entries(entry, other, on));
        }
    }
    let of_b = b.entries().iter().filter(|entry| is_first(b, entry));
    comparison.only_b = of_b
        .filter(|entry| !matched_b.contains(entry.key.as_str()))
        .count();
    comparison
}

fn compare_entries<'a>(a: &'a Entry, b: &'a Entry, on: Moment) -> Match<'a> {
    let mut found = Match {
        a,
        b,
        differ: Vec::new(),
        one_sided: Vec::new(),
    };
    let is_unknown = |entry: &Entry| !entry.notes.is_empty() && !generates_text(entry, on);
    let is_either_unknown = is_unknown(a) || is_unknown(b);
    for class in COMPARED {
        let at = |input| (rate(a, class, input, on), rate(b, class, input, on));
        let differ = |(a, b): (Option<Rate>, Option<Rate>), is_above_cliffs| Disagreement {
            class,
            is_above_cliffs,
            a,
            b,
        };
        match (at(0), at(LONGEST_INPUT)) {
            (both @ (Some(a), Some(b)), _) if a != b => found.differ.push(differ(both, false)),
            (_, both @ (Some(a), Some(b))) if a != b => found.differ.push(differ(both, true)),
            (both @ ((Some(_), None) | (None, Some(_))), _) => {
                if is_either_unknown {
                    found.differ.push(differ(both, false));
                } else {
                    found.one_sided.push(class);
                }
            }
            _ => {}
        }
    }
    found
}

fn rate(entry: &Entry, class: Class, input: u64, on: Moment) -> Option<Rate> {
    let circumstances = Circumstances {
        moment: Some(on),
        ..Circumstances::default()
    };
    entry.sheet.rate(class, input, &circumstances)
}

fn generates_text(entry: &Entry, on: Moment) -> bool {
    COMPARED[..2]
        .iter()
        .all(|class| rate(entry, *class, 0, on).is_some())
}

/// Whether an id finds this entry and not an earlier one.
fn is_first(book: &Book, entry: &Entry) -> bool {
    book.exact(&entry.provider, &entry.model)
        .is_some_and(|found| std::ptr::eq(found, entry))
}
