//! What every corpus metric shares: the errors of its input, and summing sufficient statistics over segments
//! in parallel. Apart so that BLEU, chrF and TER differ only in what they count.

use rayon::prelude::*;

/// Segments that one task works through. Fixed, so that the order of additions, and with it the last bit of
/// a sum of fractions, does not depend on the number of threads.
const CHUNK_SEGMENTS: usize = 256;

/// Why a corpus cannot be scored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CorpusError {
    /// There is not one list of references per hypothesis.
    #[error("found {references} lists of references for {hypotheses} hypotheses, expected one for each")]
    LengthMismatch {
        /// Number of hypotheses.
        hypotheses: usize,
        /// Number of reference lists.
        references: usize,
    },
    /// A segment has nothing to be compared with.
    #[error("segment {index} has no reference, expected at least one")]
    NoReferences {
        /// 0-based index of the segment.
        index: usize,
    },
    /// A segment is longer than the metric can take.
    #[error(
        "segment {index} is too long: {hypothesis_words} words against {reference_words}; \
         hint: split it into sentences"
    )]
    TooLong {
        /// 0-based index of the segment.
        index: usize,
        /// Words of the hypothesis.
        hypothesis_words: usize,
        /// Words of the longest reference.
        reference_words: usize,
    },
}

/// How many references the segments of a corpus have; part of a metric's signature.
///
/// ```
/// use seatrial_text::corpus::ReferenceCount;
/// assert_eq!(ReferenceCount::of(&[["a", "b"], ["c", "d"]]), ReferenceCount::Each(2));
/// assert_eq!(ReferenceCount::of(&[vec!["a"], vec!["b", "c"]]).to_string(), "var");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferenceCount {
    /// The same number for every segment.
    Each(usize),
    /// Different numbers.
    Varying,
}

impl ReferenceCount {
    /// Counts the references of a corpus; an empty corpus has `Each(0)`.
    pub fn of<R: AsRef<[S]>, S>(references: &[R]) -> Self {
        let mut counts = references.iter().map(|refs| refs.as_ref().len());
        let first = counts.next().unwrap_or(0);
        if counts.all(|count| count == first) {
            Self::Each(first)
        } else {
            Self::Varying
        }
    }
}

impl std::fmt::Display for ReferenceCount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Each(count) => write!(f, "{count}"),
            Self::Varying => f.write_str("var"),
        }
    }
}

/// Checks the shape of a corpus.
pub(crate) fn check<H, R: AsRef<[S]>, S>(hypotheses: &[H], references: &[R]) -> Result<(), CorpusError> {
    if hypotheses.len() != references.len() {
        return Err(CorpusError::LengthMismatch {
            hypotheses: hypotheses.len(),
            references: references.len(),
        });
    }
    match references.iter().position(|refs| refs.as_ref().is_empty()) {
        Some(index) => Err(CorpusError::NoReferences { index }),
        None => Ok(()),
    }
}

/// One result per segment, computed in parallel, in the order of the segments.
pub(crate) fn map<W, T: Send>(
    segments: usize,
    worker: impl Fn() -> W + Sync + Send,
    one: impl Fn(&mut W, usize) -> T + Sync + Send,
) -> Vec<T> {
    if segments <= CHUNK_SEGMENTS {
        let mut worker = worker();
        return (0..segments).map(|index| one(&mut worker, index)).collect();
    }
    (0..segments)
        .into_par_iter()
        .with_min_len(CHUNK_SEGMENTS)
        .map_init(worker, |worker, index| one(worker, index))
        .collect()
}

/// The sum of one statistic per segment, computed in parallel; the same to the last bit on any machine.
pub(crate) fn sum<W, S: Default + Send>(
    segments: usize,
    worker: impl Fn() -> W + Sync + Send,
    one: impl Fn(&mut W, usize) -> Result<S, CorpusError> + Sync + Send,
    merge: impl Fn(&mut S, &S) + Sync + Send,
) -> Result<S, CorpusError> {
    let chunk = |worker: &mut W, chunk: usize| {
        let start = chunk * CHUNK_SEGMENTS;
        let mut total = S::default();
        for index in start..segments.min(start + CHUNK_SEGMENTS) {
            merge(&mut total, &one(worker, index)?);
        }
        Ok(total)
    };
    let chunks = segments.div_ceil(CHUNK_SEGMENTS);
    let parts: Vec<Result<S, CorpusError>> = if chunks <= 1 {
        let mut worker = worker();
        (0..chunks).map(|index| chunk(&mut worker, index)).collect()
    } else {
        (0..chunks)
            .into_par_iter()
            .map_init(&worker, |worker, index| chunk(worker, index))
            .collect()
    };
    let mut total = S::default();
    for part in parts {
        merge(&mut total, &part?);
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects the shape checks that every corpus metric relies on.
    #[test]
    fn shape_errors_name_what_was_found() {
        let refs: Vec<Vec<&str>> = vec![vec!["a"], vec![]];
        assert_eq!(
            check(&["x"], &refs),
            Err(CorpusError::LengthMismatch {
                hypotheses: 1,
                references: 2
            })
        );
        assert_eq!(
            check(&["x", "y"], &refs),
            Err(CorpusError::NoReferences { index: 1 })
        );
        assert_eq!(ReferenceCount::of(&refs).to_string(), "var");
        assert_eq!(
            ReferenceCount::of::<Vec<&str>, &str>(&[]),
            ReferenceCount::Each(0)
        );
    }

    /// Protects that a sum is over every segment once, for one chunk and for many.
    #[test]
    fn sums_cover_every_segment_once() {
        for n in [0, 1, CHUNK_SEGMENTS, CHUNK_SEGMENTS + 1, 5000] {
            let total = sum(n, || (), |(), i| Ok(i as u64), |a: &mut u64, b| *a += b).unwrap();
            assert_eq!(total, (0..n as u64).sum::<u64>());
            assert_eq!(map(n, || (), |(), i| i), (0..n).collect::<Vec<_>>());
        }
    }
}
