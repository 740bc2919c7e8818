//! When requests are due: arrival processes over a profile of rates. Apart because the whole schedule follows from a
//! seed, before anything is sent: being late is booked against it and never moves it.
//!
//! One method serves every shape. A process of rate 1 (even, Poisson or gamma) is stretched by the inverse of the
//! cumulative rate Λ(t) = ∫ r, so that ramps, steps and bursts keep the scatter of the process they are made of. Rates
//! are linear within a piece, so Λ is quadratic there and is inverted in closed form; nothing is approximated.

use crate::draws::{Purpose, exponential, gamma, stream};
use crate::span::{Part, SyntaxError};
use rand_pcg::Pcg64Mcg;
use std::time::Duration;

/// Pieces that a profile may have.
const PIECES_MAX: usize = 10_000;
/// Highest rate, in requests per second.
pub const RATE_MAX: f64 = 10_000_000.0;
/// Smallest and largest shape of gamma gaps.
const SHAPE_MIN: f64 = 0.01;
const SHAPE_MAX: f64 = 1e6;
/// Requests that may arrive at one moment.
const TOGETHER_MAX: u32 = 100_000;
/// Pieces without a single arrival that are passed over in one step of the iterator: a profile of nothing but pauses
/// must end.
const EMPTY_PIECES_MAX: u32 = 1_000_000;

/// How arrivals scatter about their rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scatter {
    /// Evenly; the first at once.
    Constant,
    /// Independently of each other: what many users make together.
    Poisson,
    /// Gamma-distributed gaps. Below 1 burstier than Poisson, 1 is Poisson, above 1 more even; the coefficient of
    /// variation of gaps is 1/√shape.
    Gamma {
        /// From 0.01 to 10⁶.
        shape: f64,
    },
}

impl Scatter {
    /// Reads `constant`, `poisson`, `gamma` (shape 0.5) or `gamma:SHAPE`.
    ///
    /// # Errors
    /// Anything else, with its place.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let whole = Part::whole(text).trimmed();
        match whole.text() {
            "constant" => return Ok(Self::Constant),
            "poisson" => return Ok(Self::Poisson),
            "gamma" => return Ok(Self::Gamma { shape: 0.5 }),
            _ => {}
        }
        match whole.split_once(":") {
            Some((name, shape)) if name.text() == "gamma" => Ok(Self::Gamma {
                shape: shape.number("the shape of gamma gaps", SHAPE_MIN, SHAPE_MAX)?,
            }),
            _ => Err(whole.error("constant, poisson, gamma or gamma:SHAPE")),
        }
    }

    /// The next gap of a process of rate 1.
    fn gap(self, random: &mut Pcg64Mcg) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Poisson => exponential(random),
            Self::Gamma { shape } => gamma(shape, random),
        }
    }
}

/// A stretch of time with a rate that is level or goes in a straight line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Piece {
    /// How long, in seconds; infinite for the last piece of a profile without an end.
    pub seconds: f64,
    /// Requests per second at its beginning.
    pub from: f64,
    /// Requests per second at its end; ignored in a piece without an end.
    pub to: f64,
}

/// The rate over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    pieces: Vec<Piece>,
}

impl Profile {
    /// One rate for ever.
    ///
    /// # Errors
    /// A rate that is not above 0 and at most [`RATE_MAX`].
    pub fn flat(rate: f64) -> Result<Self, SyntaxError> {
        if !(rate > 0.0 && rate <= RATE_MAX) {
            return Err(Part::whole(&rate.to_string()).error(rate_expected()));
        }
        Ok(Self {
            pieces: vec![Piece {
                seconds: f64::INFINITY,
                from: rate,
                to: rate,
            }],
        })
    }

    /// Reads `RATE`, or pieces with commas between them: `RATE/TIME` is level, `RATE..RATE/TIME` a ramp. The last may
    /// be without a time, and then does not end.
    ///
    /// ```
    /// use seatrial_load::arrivals::Profile;
    /// let profile = Profile::parse("10..50/1m, 50/2m, 0/10s, 20")?;
    /// assert_eq!(profile.pieces().len(), 4);
    /// assert_eq!(profile.expected_within(60.0), 1_800.0);
    /// # Ok::<(), seatrial_load::span::SyntaxError>(())
    /// ```
    ///
    /// # Errors
    /// The first part that is something else, with its place; a profile in which nothing ever arrives.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let whole = Part::whole(text);
        let mut pieces = Vec::new();
        for part in whole.split(',') {
            let part = part.trimmed();
            if pieces
                .last()
                .is_some_and(|piece: &Piece| piece.seconds.is_infinite())
            {
                return Err(part.error(
                    "nothing, because the piece before it has no end; give that one a time: RATE/TIME",
                ));
            }
            if pieces.len() == PIECES_MAX {
                return Err(part.error(format!("at most {PIECES_MAX} pieces")));
            }
            pieces.push(piece(part)?);
        }
        if pieces.iter().all(|piece| piece.from == 0.0 && piece.to == 0.0) {
            return Err(whole.error("a rate above 0 somewhere"));
        }
        Ok(Self { pieces })
    }

    /// Its pieces in order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Seconds until its end; `None` where it has none.
    #[must_use]
    pub fn seconds(&self) -> Option<f64> {
        let total: f64 = self.pieces.iter().map(|piece| piece.seconds).sum();
        total.is_finite().then_some(total)
    }

    /// Arrivals to be expected in the first `seconds`.
    #[must_use]
    pub fn expected_within(&self, seconds: f64) -> f64 {
        let mut left = seconds;
        let mut expected = 0.0;
        for piece in &self.pieces {
            if left <= 0.0 {
                break;
            }
            let part = left.min(piece.seconds);
            let end = if piece.seconds.is_finite() {
                piece.from + (piece.to - piece.from) * part / piece.seconds
            } else {
                piece.from
            };
            expected += 0.5 * (piece.from + end) * part;
            left -= part;
        }
        expected
    }

    /// The same shape, `factor` times as fast everywhere.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let pieces = self.pieces.iter().map(|piece| Piece {
            from: piece.from * factor,
            to: piece.to * factor,
            ..*piece
        });
        Self {
            pieces: pieces.collect(),
        }
    }
}

fn rate_expected() -> String {
    format!("a rate in requests per second, above 0 and at most {RATE_MAX}")
}

fn piece(part: Part<'_>) -> Result<Piece, SyntaxError> {
    let rate = |part: Part<'_>| part.number("a rate in requests per second", 0.0, RATE_MAX);
    let (rates, seconds) = match part.split_once("/") {
        Some((rates, time)) => (rates, time.seconds("how long this rate lasts")?),
        None => (part, f64::INFINITY),
    };
    let (from, to) = match rates.split_once("..") {
        Some((_, to)) if seconds.is_infinite() => {
            return Err(to.error("a ramp with a time, such as 10..50/60s"));
        }
        Some((from, to)) => (rate(from)?, rate(to)?),
        None => {
            let rate = rate(rates)?;
            (rate, rate)
        }
    };
    Ok(Piece { seconds, from, to })
}

/// Times in which the rate is multiplied.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bursts {
    /// Seconds from the beginning of one burst to that of the next.
    pub every: f64,
    /// Seconds that a burst lasts, below `every`.
    pub length: f64,
    /// By what the rate is multiplied in a burst.
    pub factor: f64,
    /// Exponential lengths and pauses with these means (a process modulated by a Markov chain) instead of a clock.
    pub random: bool,
}

impl Bursts {
    /// Reads `FACTORxLENGTH/EVERY`, such as `5x2s/30s`: five times the rate for 2 s out of every 30 s. With `~` in
    /// front lengths and pauses are random with these means.
    ///
    /// # Errors
    /// Anything else, with its place.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let whole = Part::whole(text).trimmed();
        let (random, rest) = match whole.split_once("~") {
            Some((before, after)) if before.text().is_empty() => (true, after),
            _ => (false, whole),
        };
        let expected = "bursts such as 5x2s/30s: five times the rate for 2 s out of every 30 s";
        let (factor, times) = rest.split_once("x").ok_or_else(|| rest.error(expected))?;
        let (length, every) = times.split_once("/").ok_or_else(|| times.error(expected))?;
        let bursts = Self {
            factor: factor.number("the factor of a burst", 0.0, 1e6)?,
            length: length.seconds("the length of a burst")?,
            every: every.seconds("the time from burst to burst")?,
            random,
        };
        if bursts.length >= bursts.every {
            return Err(every.error("a time longer than the burst itself"));
        }
        Ok(bursts)
    }
}

/// All that decides a schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct ArrivalPlan {
    /// The rate over time.
    pub profile: Profile,
    /// How arrivals scatter about it.
    pub scatter: Scatter,
    /// Times of a multiplied rate.
    pub bursts: Option<Bursts>,
    /// Requests that arrive at one moment; the rate counts requests, so the moments are as much rarer. At least 1.
    pub together: u32,
    /// The name of the schedule.
    pub seed: u64,
}

impl ArrivalPlan {
    /// One rate for ever, one request at a time.
    ///
    /// # Errors
    /// A rate that is not above 0 and at most [`RATE_MAX`].
    pub fn flat(rate: f64, scatter: Scatter, seed: u64) -> Result<Self, SyntaxError> {
        Ok(Self {
            profile: Profile::flat(rate)?,
            scatter,
            bursts: None,
            together: 1,
            seed,
        })
    }

    /// The moments at which requests are due, in nanoseconds from the start, ascending. Memory does not grow with their
    /// number. Endless where the profile is.
    #[must_use]
    pub fn arrivals(&self) -> Arrivals {
        Arrivals::new(self.clone())
    }

    /// The moments before `end`, at most `count_max` of them.
    #[must_use]
    pub fn until(&self, end: Duration, count_max: usize) -> Vec<u64> {
        let end = u64::try_from(end.as_nanos()).unwrap_or(u64::MAX);
        self.arrivals()
            .take_while(|&at| at < end)
            .take(count_max)
            .collect()
    }
}

/// The iterator of [`ArrivalPlan::arrivals`].
#[derive(Debug, Clone)]
pub struct Arrivals {
    plan: ArrivalPlan,
    gaps: Pcg64Mcg,
    bursts: BurstClock,
    /// Number of the piece of the profile that comes after the current one.
    piece: usize,
    /// What is left of it.
    rest: Option<Piece>,
    /// The stretch in which the last arrival lies: all of it has one linear rate.
    stretch: Option<Stretch>,
    /// Seconds from the start to where the next stretch begins.
    clock: f64,
    /// Requests still due at the last moment.
    pending: u32,
    last_ns: u64,
    first: bool,
}

/// A stretch of one linear rate. `used` is how much of its expected arrivals has passed.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    begin: f64,
    from: f64,
    slope: f64,
    area: f64,
    used: f64,
}

impl Stretch {
    /// Seconds from the start at which `used` arrivals of the stretch were to be expected.
    fn now(&self) -> f64 {
        // r₀ t + s t²/2 = A, in the form that neither cancels nor divides by a slope of 0.
        let root = (self.from * self.from + 2.0 * self.slope * self.used)
            .max(0.0)
            .sqrt();
        let divisor = self.from + root;
        if divisor <= 0.0 {
            return self.begin;
        }
        self.begin + 2.0 * self.used / divisor
    }
}

impl Arrivals {
    fn new(plan: ArrivalPlan) -> Self {
        Self {
            gaps: stream(plan.seed, Purpose::Arrivals, 0),
            bursts: BurstClock::new(plan.bursts, plan.seed),
            rest: None,
            piece: 0,
            stretch: None,
            clock: 0.0,
            pending: 0,
            last_ns: 0,
            first: true,
            plan,
        }
    }

    /// The next stretch of one linear rate; `None` at the end of the profile.
    fn next_stretch(&mut self) -> Option<Stretch> {
        let mut rest = match self.rest.take() {
            Some(rest) => rest,
            None => {
                let next = *self.plan.profile.pieces.get(self.piece)?;
                self.piece += 1;
                next
            }
        };
        let (factor, lasts) = self.bursts.now();
        let seconds = rest.seconds.min(lasts);
        let slope = if rest.seconds.is_finite() {
            (rest.to - rest.from) / rest.seconds
        } else {
            0.0
        };
        // Without an end there is no slope either, and 0 · ∞ must not come up.
        let mean = if slope == 0.0 {
            rest.from
        } else {
            rest.from + 0.5 * slope * seconds
        };
        let stretch = Stretch {
            begin: self.clock,
            from: rest.from * factor,
            slope: slope * factor,
            area: mean * factor * seconds,
            used: 0.0,
        };
        // A pause without an end has an area of 0 · ∞.
        if stretch.area.is_nan() {
            return None;
        }
        self.clock += seconds;
        self.bursts.pass(seconds);
        if seconds < rest.seconds {
            // Here `seconds` is finite.
            rest.from += slope * seconds;
            rest.seconds -= seconds;
            self.rest = Some(rest);
        }
        Some(stretch)
    }

    /// The next moment, in seconds.
    fn next_moment(&mut self) -> Option<f64> {
        let gap = if std::mem::take(&mut self.first) && self.plan.scatter == Scatter::Constant {
            0.0
        } else {
            self.plan.scatter.gap(&mut self.gaps) * f64::from(self.plan.together.clamp(1, TOGETHER_MAX))
        };
        let mut need = gap;
        for _ in 0..EMPTY_PIECES_MAX {
            if let Some(stretch) = &mut self.stretch {
                let left = stretch.area - stretch.used;
                // At an edge the arrival belongs to the stretch that begins there.
                if need < left {
                    stretch.used += need;
                    return Some(stretch.now());
                }
                need -= left.max(0.0);
            }
            self.stretch = Some(self.next_stretch()?);
        }
        None
    }
}

impl Iterator for Arrivals {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        if self.pending > 0 {
            self.pending -= 1;
            return Some(self.last_ns);
        }
        let seconds = self.next_moment()?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast of a float saturates, and the moment is not negative"
        )]
        let ns = (seconds * 1e9).round() as u64;
        // Rounding must not turn time back.
        self.last_ns = ns.max(self.last_ns);
        self.pending = self.plan.together.clamp(1, TOGETHER_MAX) - 1;
        Some(self.last_ns)
    }
}

/// Whether a burst is on, and until when.
#[derive(Debug, Clone)]
struct BurstClock {
    bursts: Option<Bursts>,
    random: Pcg64Mcg,
    on: bool,
    left: f64,
}

impl BurstClock {
    fn new(bursts: Option<Bursts>, seed: u64) -> Self {
        let mut clock = Self {
            bursts,
            random: stream(seed, Purpose::Bursts, 0),
            // The first thing is a pause: a load that begins with its peak has no baseline to compare with.
            on: true,
            left: 0.0,
        };
        clock.turn();
        clock
    }

    /// The factor now, and for how many seconds it lasts.
    fn now(&self) -> (f64, f64) {
        match self.bursts {
            None => (1.0, f64::INFINITY),
            Some(bursts) if self.on => (bursts.factor, self.left),
            Some(_) => (1.0, self.left),
        }
    }

    fn pass(&mut self, seconds: f64) {
        if self.bursts.is_some() {
            self.left -= seconds;
            if self.left <= 0.0 {
                self.turn();
            }
        }
    }

    fn turn(&mut self) {
        let Some(bursts) = self.bursts else { return };
        self.on = !self.on;
        let mean = if self.on {
            bursts.length
        } else {
            bursts.every - bursts.length
        };
        self.left = if bursts.random {
            // A length of exactly nothing would be a stretch that is passed over for ever.
            (mean * exponential(&mut self.random)).max(1e-9)
        } else {
            mean
        };
    }
}

/// Stretches moments so that the last of `n` falls where `n` arrivals at `rate` end, which removes the scatter of the
/// mean rate that a seed brings. What is left is no longer exactly the named process.
pub fn stretch_to_rate(moments_ns: &mut [u64], rate: f64) {
    let Some(&last) = moments_ns.last() else { return };
    if last == 0 || rate.is_nan() || rate <= 0.0 {
        return;
    }
    let factor = moments_ns.len() as f64 / rate * 1e9 / last as f64;
    for moment in moments_ns {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast of a float saturates, and both factors are positive"
        )]
        let stretched = (*moment as f64 * factor).round() as u64;
        *moment = stretched;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plan(profile: &str, scatter: Scatter, seed: u64) -> ArrivalPlan {
        ArrivalPlan {
            profile: Profile::parse(profile).unwrap(),
            scatter,
            bursts: None,
            together: 1,
            seed,
        }
    }

    fn count_in(moments: &[u64], from: f64, to: f64) -> f64 {
        moments
            .iter()
            .filter(|&&at| at as f64 >= from * 1e9 && (at as f64) < to * 1e9)
            .count() as f64
    }

    /// Protects: even arrivals stand exactly where they should, after millions of them too.
    #[test]
    fn even_arrivals_do_not_drift() {
        let plan = ArrivalPlan::flat(1_000.0, Scatter::Constant, 0).unwrap();
        for (i, at) in plan.arrivals().take(2_000_000).enumerate() {
            assert_eq!(at, i as u64 * 1_000_000);
        }
        assert_eq!(plan.until(Duration::from_secs(3), usize::MAX).len(), 3_000);
    }

    /// Protects: mean rate and dispersion of each process. Counts in windows of a second have the variance of the
    /// renewal process: index of dispersion → 1/shape.
    #[test]
    fn rate_and_dispersion() {
        for (scatter, dispersion) in [
            (Scatter::Poisson, 1.0),
            (Scatter::Gamma { shape: 0.25 }, 4.0),
            (Scatter::Gamma { shape: 1.0 }, 1.0),
            (Scatter::Gamma { shape: 4.0 }, 0.25),
        ] {
            let seconds = 4_000;
            let plan = ArrivalPlan::flat(100.0, scatter, 5).unwrap();
            let mut counts = vec![0.0; seconds];
            for at in plan.arrivals() {
                match counts.get_mut((at / 1_000_000_000) as usize) {
                    Some(count) => *count += 1.0,
                    None => break,
                }
            }
            let n = seconds as f64;
            let mean = counts.iter().sum::<f64>() / n;
            let variance = counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / (n - 1.0);
            // Four standard errors of the mean, and of a variance over 4 000 windows (relative √(2/n)).
            assert!(
                (mean - 100.0).abs() < 4.0 * (100.0 * dispersion / n).sqrt(),
                "{scatter:?} {mean}"
            );
            assert!(
                (variance / 100.0 / dispersion - 1.0).abs() < 0.1,
                "{scatter:?} {variance}"
            );
        }
    }

    /// Protects: a ramp has the density of its rate, pieces begin where they should, pauses are empty.
    #[test]
    fn profiles() {
        let even = plan("0..100/10s,100/10s,0/5s,50/2s", Scatter::Constant, 0);
        let moments = even.until(Duration::from_secs(60), usize::MAX);
        assert_eq!(moments.len(), 500 + 1_000 + 100);
        // Half way up a quarter has come.
        assert!((count_in(&moments, 0.0, 5.0) - 125.0).abs() <= 1.0);
        assert!((count_in(&moments, 10.0, 20.0) - 1_000.0).abs() <= 1.0);
        assert_eq!(count_in(&moments, 20.001, 24.999), 0.0);
        assert!((count_in(&moments, 25.0, 27.0) - 100.0).abs() <= 1.0);

        let random = plan("0..1000/20s,1000..0/20s", Scatter::Poisson, 1);
        let moments = random.until(Duration::from_secs(60), usize::MAX);
        assert!((moments.len() as f64 - 20_000.0).abs() < 4.0 * 20_000f64.sqrt());
        assert!((count_in(&moments, 0.0, 10.0) - 2_500.0).abs() < 4.0 * 50.0);
        assert!((count_in(&moments, 30.0, 40.0) - 2_500.0).abs() < 4.0 * 50.0);
    }

    /// Protects: bursts multiply the rate where they are and nowhere else; random ones have the mean share of time.
    #[test]
    fn bursts() {
        let mut regular = plan("100", Scatter::Constant, 0);
        regular.bursts = Some(Bursts::parse("5x2s/10s").unwrap());
        let moments = regular.until(Duration::from_secs(100), usize::MAX);
        for second in 0..100 {
            let expected = if second % 10 >= 8 { 500.0 } else { 100.0 };
            let count = count_in(&moments, f64::from(second), f64::from(second) + 1.0);
            assert!((count - expected).abs() <= 1.0, "second {second}: {count}");
        }
        let mut random = plan("100", Scatter::Poisson, 0);
        random.bursts = Some(Bursts::parse("~5x2s/10s").unwrap());
        let moments = random.until(Duration::from_secs(20_000), usize::MAX);
        // Mean rate: 100 · (0.8 + 0.2 · 5) = 180.
        assert!((moments.len() as f64 / 20_000.0 - 180.0).abs() < 8.0);
    }

    /// Protects: requests that come together are counted by the rate, and a group is never torn.
    #[test]
    fn together() {
        let mut plan = plan("100", Scatter::Constant, 0);
        plan.together = 8;
        let moments: Vec<u64> = plan.arrivals().take(800).collect();
        assert!(
            moments
                .chunks(8)
                .all(|group| group.iter().all(|at| *at == group[0]))
        );
        assert_eq!(moments[799], 99 * 80_000_000);
    }

    /// Protects: stretching gives the mean rate exactly and keeps the order.
    #[test]
    fn stretched() {
        let mut moments: Vec<u64> = ArrivalPlan::flat(50.0, Scatter::Poisson, 3)
            .unwrap()
            .arrivals()
            .take(1_000)
            .collect();
        stretch_to_rate(&mut moments, 50.0);
        assert_eq!(moments[999], 20_000_000_000);
        assert!(moments.is_sorted());
        stretch_to_rate(&mut [], 50.0);
    }

    /// Protects: what is wrong is named at its place.
    #[test]
    fn errors_have_places() {
        for (text, column) in [
            ("", 1),
            ("ten", 1),
            ("10/1s,,5", 7),
            ("10/1s, 5/soon", 10),
            ("10,5", 4),
            ("10..50", 5),
            ("10..x/5s", 5),
            ("0/10s", 1),
            ("-1", 1),
            ("inf", 1),
            ("nan", 1),
            ("1e99", 1),
        ] {
            let error = Profile::parse(text).unwrap_err();
            assert_eq!(error.column, column, "{text}: {error}");
        }
        for text in ["", "5", "5x2s", "5x30s/30s", "x2s/30s", "5x2s/", "~~5x1s/2s"] {
            assert!(Bursts::parse(text).is_err(), "{text}");
        }
        assert_eq!(Scatter::parse("gamma:2").unwrap(), Scatter::Gamma { shape: 2.0 });
        for text in ["", "gauss", "gamma:", "gamma:0", "gamma:-1", "poisson:2"] {
            assert!(Scatter::parse(text).is_err(), "{text}");
        }
        assert!(Profile::flat(0.0).is_err() && Profile::flat(f64::NAN).is_err());
    }

    proptest! {
        /// Protects: whatever the profile, moments ascend, are the same each time, differ by seed, and come in the
        /// number that the rates say.
        #[test]
        fn any_profile(
            pieces in prop::collection::vec((0.01f64..20.0, 0.0f64..300.0, 0.0f64..300.0), 1..6),
            shape in 0.2f64..5.0, seed in any::<u64>(), burst in any::<bool>(),
        ) {
            prop_assume!(pieces.iter().any(|p| p.1 + p.2 > 1.0));
            let profile = Profile {
                pieces: pieces.iter().map(|&(seconds, from, to)| Piece { seconds, from, to }).collect(),
            };
            let end = profile.seconds().unwrap();
            let expected = profile.expected_within(end);
            let plan = ArrivalPlan {
                profile,
                scatter: Scatter::Gamma { shape },
                bursts: burst.then_some(Bursts { every: 3.0, length: 1.0, factor: 1.0, random: true }),
                together: 1,
                seed,
            };
            let moments: Vec<u64> = plan.arrivals().collect();
            prop_assert!(moments.is_sorted());
            prop_assert!(moments.last().is_none_or(|&at| at as f64 <= end * 1e9 + 1.0));
            let again: Vec<u64> = plan.arrivals().collect();
            prop_assert_eq!(&moments, &again);
            let sd = (expected / shape).sqrt();
            prop_assert!((moments.len() as f64 - expected).abs() < 6.0 * sd + 3.0 / shape + 2.0);
            // The same arrivals up to a limit, whatever the limit.
            let half = plan.until(Duration::from_secs_f64(end / 2.0), usize::MAX);
            prop_assert_eq!(&moments[..half.len()], &half[..]);
        }

        /// Protects: no text makes the readers panic.
        #[test]
        fn any_text(text in "[0-9a-z./,~x é-]{0,24}") {
            let _ = Profile::parse(&text);
            let _ = Scatter::parse(&text);
            let _ = Bursts::parse(&text);
            let _ = crate::span::duration(&text);
        }
    }
}
