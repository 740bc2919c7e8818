//! Several loads one after the other: which, and when it is enough. Apart because it is arithmetic on what was measured:
//! the curve of throughput against latency, where it bends, and where nothing more is to be learnt.

use crate::intervals::Bounded;
use crate::search::LoadKind;
use crate::span::{Part, SyntaxError};

/// Most loads of a sweep.
pub const LOADS_MAX: usize = 64;
/// Most users, and the largest rate.
const LOAD_MAX: f64 = 100_000.0;
/// Smallest rate.
const RATE_MIN: f64 = 0.001;
/// Throughput that grows by no more than this share has stopped growing.
const GROWTH_MIN: f64 = 0.03;
/// Points in a row that must agree before a sweep ends.
const IN_A_ROW: usize = 2;

/// What is swept.
#[derive(Debug, Clone, PartialEq)]
pub struct Loads {
    /// Users or a rate.
    pub kind: LoadKind,
    /// In the order in which they are measured, each larger than the one before.
    pub loads: Vec<f64>,
}

impl Loads {
    /// Reads `concurrency=1,2,4,8`, `rate=0.5,1,2`, or a range that doubles: `concurrency=1..64`.
    ///
    /// ```
    /// use seatrial_load::sweep::Loads;
    /// assert_eq!(Loads::parse("concurrency=1..6")?.loads, [1.0, 2.0, 4.0, 6.0]);
    /// # Ok::<(), seatrial_load::span::SyntaxError>(())
    /// ```
    ///
    /// # Errors
    /// The first part that is something else, with its place.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let whole = Part::whole(text).trimmed();
        let expected = "concurrency=LOADS or rate=LOADS, such as concurrency=1,2,4,8 or rate=1..64";
        let (kind, list) = whole.split_once("=").ok_or_else(|| whole.error(expected))?;
        let kind = match kind.trimmed().text() {
            "concurrency" => LoadKind::Concurrency,
            "rate" => LoadKind::Rate,
            _ => return Err(kind.error(expected)),
        };
        let loads = match list.split_once("..") {
            Some((from, to)) => doubling(load(kind, from)?, load(kind, to)?, to)?,
            None => listed(kind, list)?,
        };
        Ok(Self { kind, loads })
    }
}

fn load(kind: LoadKind, part: Part<'_>) -> Result<f64, SyntaxError> {
    match kind {
        LoadKind::Rate => part.number("requests per second", RATE_MIN, LOAD_MAX),
        LoadKind::Concurrency => {
            let users = part.number("users", 1.0, LOAD_MAX)?;
            if users.fract() == 0.0 {
                Ok(users)
            } else {
                Err(part.trimmed().error("a whole number of users"))
            }
        }
    }
}

fn doubling(from: f64, to: f64, end: Part<'_>) -> Result<Vec<f64>, SyntaxError> {
    let mut loads = Vec::new();
    let mut load = from;
    while load < to && loads.len() < LOADS_MAX {
        loads.push(load);
        load *= 2.0;
    }
    if to < from || loads.len() >= LOADS_MAX {
        return Err(end.trimmed().error("an end that is not below the beginning"));
    }
    loads.push(to);
    Ok(loads)
}

fn listed(kind: LoadKind, list: Part<'_>) -> Result<Vec<f64>, SyntaxError> {
    let mut loads: Vec<f64> = Vec::new();
    for part in list.split(',') {
        let load = load(kind, part)?;
        if loads.last().is_some_and(|last| load <= *last) {
            return Err(part.trimmed().error("a load above the one before it"));
        }
        if loads.len() == LOADS_MAX {
            return Err(part.trimmed().error(format!("at most {LOADS_MAX} loads")));
        }
        loads.push(load);
    }
    Ok(loads)
}

/// What one load showed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shown {
    /// Throughput per second, in tokens or requests; `None` where nothing was answered.
    pub throughput: Option<Bounded>,
    /// Mean latency of a whole answer, milliseconds; `None` where it is not told.
    pub latency_ms: Option<f64>,
    /// Share of requests that failed.
    pub failed_share: f64,
    /// Whether this client was too late for a latency to be told.
    pub is_withheld: bool,
}

/// Why a sweep ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepEnd {
    /// Every load was measured.
    Done,
    /// Throughput grew no more.
    Plateau,
    /// Too many requests failed.
    Errors,
    /// This client was too late itself.
    Saturated,
    /// Somebody ended it.
    Interrupted,
}

impl SweepEnd {
    /// Its word in results.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Plateau => "plateau",
            Self::Errors => "errors",
            Self::Saturated => "saturated",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Whether a sweep has seen enough, and why. More load where requests fail or this client is late would only hurt; a
/// plateau must be seen twice. It goes by the values and not by the ends of their intervals: those of short loads are so
/// wide that nothing would ever end.
#[must_use]
pub fn ended(points: &[Shown], failed_share_max: f64) -> Option<SweepEnd> {
    let last = points.last()?;
    if last.failed_share > failed_share_max || last.throughput.is_none() {
        return Some(SweepEnd::Errors);
    }
    let (before, tail) = points.split_at(points.len().saturating_sub(IN_A_ROW));
    if tail.len() == IN_A_ROW && tail.iter().all(|point| point.is_withheld) {
        return Some(SweepEnd::Saturated);
    }
    let most = before
        .iter()
        .filter_map(|point| point.throughput)
        .map(|throughput| throughput.value)
        .fold(f64::NEG_INFINITY, f64::max);
    let is_flat = |point: &Shown| {
        let throughput = point.throughput.map(|throughput| throughput.value);
        throughput.is_some_and(|value| value <= most * (1.0 + GROWTH_MIN))
    };
    (tail.len() == IN_A_ROW && tail.iter().all(is_flat)).then_some(SweepEnd::Plateau)
}

/// The smallest load with the most throughput, or so near to it that more load brings next to nothing; `None` where none
/// is told.
#[must_use]
pub fn most(points: &[Shown]) -> Option<usize> {
    let value = |point: &Shown| point.throughput.map(|throughput| throughput.value);
    let most = points.iter().filter_map(value).max_by(f64::total_cmp)?;
    // Where nothing was answered no load brings the most.
    if most <= 0.0 {
        return None;
    }
    points
        .iter()
        .position(|point| value(point).is_some_and(|value| value * (1.0 + GROWTH_MIN) >= most))
}

/// The point with the most throughput for its latency (Kleinrock's power): beyond it, load costs more wait than it brings.
#[must_use]
pub fn most_power(points: &[Shown]) -> Option<usize> {
    let power = |point: &Shown| {
        let latency = point.latency_ms.filter(|ms| *ms > 0.0)?;
        Some(point.throughput?.value / latency)
    };
    let told = points
        .iter()
        .enumerate()
        .filter_map(|(i, point)| Some((i, power(point)?)));
    told.max_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(throughput: f64, latency_ms: f64) -> Shown {
        Shown {
            throughput: Some(Bounded {
                value: throughput,
                low: Some(throughput * 0.99),
                high: Some(throughput * 1.01),
                n: 100,
                n_eff: 100.0,
                settled: true,
            }),
            latency_ms: Some(latency_ms),
            failed_share: 0.0,
            is_withheld: false,
        }
    }

    /// Protects from a nonsense: where nothing was answered no load is said to bring the most.
    #[test]
    fn nothing_answered_is_no_most() {
        let nothing = shown(0.0, 1.0);
        assert_eq!(most(&[nothing, nothing]), None);
        assert_eq!(most(&[nothing, shown(3.0, 1.0)]), Some(1));
    }

    /// Protects: lists and ranges, and the places of what is wrong.
    #[test]
    fn loads() {
        let loads = |text: &str| Loads::parse(text).unwrap().loads;
        assert_eq!(loads("concurrency=1, 2,5"), [1.0, 2.0, 5.0]);
        assert_eq!(loads("rate=0.5..3"), [0.5, 1.0, 2.0, 3.0]);
        assert_eq!(loads("concurrency=8..8"), [8.0]);
        for (text, column) in [
            ("", 1),
            ("8,16", 1),
            ("users=1", 1),
            ("concurrency=1,1.5", 15),
            ("concurrency=4,2", 15),
            ("concurrency=0..8", 13),
            ("concurrency=8..4", 16),
            ("rate=", 6),
            ("rate=1,x", 8),
            ("rate=0.001..0.001,2", 13),
        ] {
            let error = Loads::parse(text).unwrap_err();
            assert_eq!(error.column, column, "{text}: {error}");
        }
    }

    /// Protects the end: growth goes on, two flat points end it, one does not; errors end it at once, a late client after two.
    #[test]
    fn ends() {
        let growing = [shown(10.0, 1.0), shown(20.0, 1.0), shown(39.0, 1.0)];
        assert_eq!(ended(&growing, 0.05), None);
        let once = [shown(10.0, 1.0), shown(20.0, 1.0), shown(20.1, 2.0)];
        assert_eq!(ended(&once, 0.05), None);
        let twice = [shown(20.0, 1.0), shown(20.1, 2.0), shown(19.0, 4.0)];
        assert_eq!(ended(&twice, 0.05), Some(SweepEnd::Plateau));
        let mut failing = growing;
        failing[2].failed_share = 0.06;
        assert_eq!(ended(&failing, 0.05), Some(SweepEnd::Errors));
        let mut late = growing;
        late[2].is_withheld = true;
        assert_eq!(ended(&late, 0.05), None);
        late[1].is_withheld = true;
        assert_eq!(ended(&late, 0.05), Some(SweepEnd::Saturated));
        assert_eq!(ended(&[], 0.05), None);
    }

    /// Protects: the most throughput by the least load, and the most for its latency.
    #[test]
    fn best_points() {
        let points = [
            shown(10.0, 10.0),
            shown(19.0, 11.0),
            shown(20.0, 40.0),
            shown(20.1, 80.0),
        ];
        assert_eq!((most(&points), most_power(&points)), (Some(2), Some(1)));
        assert_eq!((most(&[]), most_power(&[])), (None, None));
    }

    proptest! {
        /// Protects: no text makes the reader panic, and what is read rises.
        #[test]
        fn any_text(text in "(concurrency|rate)?=?[0-9.,e x-]{0,16}") {
            if let Ok(loads) = Loads::parse(&text) {
                prop_assert!(loads.loads.windows(2).all(|pair| pair[0] < pair[1]));
                prop_assert!(!loads.loads.is_empty() && loads.loads.len() <= LOADS_MAX);
            }
        }
    }
}
