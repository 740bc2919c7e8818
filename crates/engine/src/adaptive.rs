//! How many calls may be in flight: as many as the target bears, found out by asking. A state machine without clock or
//! network, so that its course can be tested; time comes in as an argument.
//!
//! The rule is that of congestion control, with the figures of Inspect's adaptive connections: from `start` doubled each
//! round until the first push-back, then a twentieth more each round; a push-back cuts the limit to four fifths, once
//! in a cool-down. A round is as many answers without push-back as the limit allows calls.

use seatrial_provider::PushBacks;
use seatrial_types::{ConcurrencyCourse, ConcurrencyStep, StepReason};
use std::time::Duration;

/// Time after a cut in which the limit neither falls nor grows; longer where the target asks for it.
pub const COOL_DOWN: Duration = Duration::from_secs(15);
/// Longest wait that a target may ask for.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);
/// What a cut leaves: numerator and denominator.
const CUT: (u32, u32) = (4, 5);
/// After the first push-back a round adds one part in so many.
const GROWTH_PARTS: u32 = 20;
/// Most steps of a course that are kept.
const STEPS_MAX: usize = 200;

/// Between which ends the number of calls in flight may move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    start: u32,
    min: u32,
    max: u32,
}

impl Bounds {
    /// From `start` calls in flight, never below `min` or above `max`; brought into order where they are not, and all
    /// at least 1.
    #[must_use]
    pub fn new(start: u32, min: u32, max: u32) -> Self {
        let max = max.max(1);
        let min = min.clamp(1, max);
        Self {
            start: start.clamp(min, max),
            min,
            max,
        }
    }

    /// Always `count` calls in flight, at least 1.
    #[must_use]
    pub fn fixed(count: u32) -> Self {
        Self::new(count, count, count)
    }

    /// Calls in flight at most, ever. A crash repeats no more than these.
    #[must_use]
    pub const fn max(self) -> u32 {
        self.max
    }

    const fn is_adaptive(self) -> bool {
        self.min < self.max
    }
}

/// The limit of one target, as it moves.
#[derive(Debug)]
pub struct Adaptive {
    bounds: Bounds,
    limit: u32,
    /// Until the first push-back.
    is_slow_start: bool,
    /// Answers without push-back in this round.
    clean: u32,
    /// Most calls in flight in this round: a limit that was not reached is no evidence that more would be borne.
    peak: u32,
    cool_until: Duration,
    closed_until: Duration,
    /// Whether the last thing that the target said was a push-back.
    was_push_back: bool,
    course: ConcurrencyCourse,
}

impl Adaptive {
    /// At the start of a session.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        let limit = bounds.start;
        Self {
            bounds,
            limit,
            is_slow_start: true,
            clean: 0,
            peak: 0,
            cool_until: Duration::ZERO,
            closed_until: Duration::ZERO,
            was_push_back: false,
            course: ConcurrencyCourse {
                min: bounds.min,
                max: bounds.max,
                adaptive: bounds.is_adaptive(),
                lowest: limit,
                highest: limit,
                last: limit,
                push_backs: 0,
                cuts: 0,
                steps: vec![ConcurrencyStep {
                    at_ms: 0,
                    limit,
                    why: StepReason::Start,
                }],
                steps_left_out: 0,
            },
        }
    }

    /// Calls that may be in flight now.
    #[must_use]
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// Whether a new call may start at `now`: not while the target has asked to be left alone.
    #[must_use]
    pub fn is_open(&self, now: Duration) -> bool {
        now >= self.closed_until
    }

    /// An answer came without push-back, while `in_flight` calls were under way, itself included.
    pub fn answered(&mut self, now: Duration, in_flight: u32) {
        self.was_push_back = false;
        if !self.bounds.is_adaptive() || now < self.cool_until {
            return;
        }
        self.clean += 1;
        self.peak = self.peak.max(in_flight);
        if self.clean < self.limit {
            return;
        }
        let was_full = self.peak >= self.limit;
        self.begin_round();
        if !was_full || self.limit >= self.bounds.max {
            return;
        }
        let (limit, why) = if self.is_slow_start {
            (self.limit.saturating_mul(2), StepReason::SlowStart)
        } else {
            (self.limit + self.limit.div_ceil(GROWTH_PARTS), StepReason::Clean)
        };
        self.step(now, limit.min(self.bounds.max), why);
    }

    /// The target pushed back. Cuts the limit unless it was cut a moment ago. Where push-backs follow each other without
    /// an answer between them, no call starts until the target wants to be asked again; a single one delays only its
    /// own call, which waits by itself.
    pub fn pushed_back(&mut self, now: Duration, push_backs: PushBacks) {
        self.course.push_backs = self.course.push_backs.saturating_add(push_backs.count);
        if !self.bounds.is_adaptive() {
            return;
        }
        let wait = Duration::from_millis(push_backs.retry_after_ms).min(RETRY_AFTER_MAX);
        if self.was_push_back || push_backs.count > 1 {
            self.closed_until = self.closed_until.max(now.saturating_add(wait));
        }
        self.was_push_back = true;
        self.is_slow_start = false;
        if now < self.cool_until {
            return;
        }
        self.begin_round();
        self.cool_until = now.saturating_add(COOL_DOWN.max(wait));
        let cut = (u64::from(self.limit) * u64::from(CUT.0) / u64::from(CUT.1)) as u32;
        let limit = cut.max(self.bounds.min);
        if limit < self.limit {
            self.course.cuts += 1;
            self.step(now, limit, StepReason::PushBack);
        }
    }

    /// What happened so far.
    #[must_use]
    pub fn into_course(self) -> ConcurrencyCourse {
        self.course
    }

    const fn begin_round(&mut self) {
        (self.clean, self.peak) = (0, 0);
    }

    fn step(&mut self, now: Duration, limit: u32, why: StepReason) {
        self.limit = limit;
        let course = &mut self.course;
        course.lowest = course.lowest.min(limit);
        course.highest = course.highest.max(limit);
        course.last = limit;
        if course.steps.len() >= STEPS_MAX {
            // Every second step goes, so that what is left still spans the whole session.
            let before = course.steps.len();
            let mut index = 0_usize;
            course.steps.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            course.steps_left_out += (before - course.steps.len()) as u64;
        }
        course.steps.push(ConcurrencyStep {
            at_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            limit,
            why,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    const fn push_back(retry_after_s: u64) -> PushBacks {
        PushBacks {
            count: 1,
            retry_after_ms: retry_after_s * 1000,
        }
    }

    /// A round of answers while all slots are in use.
    fn clean_round(adaptive: &mut Adaptive, now: Duration) {
        let limit = adaptive.limit();
        (0..limit).for_each(|_| adaptive.answered(now, limit));
    }

    /// Protects the start: doubled each round up to the bound, and not beyond.
    #[test]
    fn doubles_until_the_bound() {
        let mut adaptive = Adaptive::new(Bounds::new(20, 1, 100));
        let mut limits = vec![];
        for second in 0..5 {
            limits.push(adaptive.limit());
            clean_round(&mut adaptive, at(second));
        }
        assert_eq!(limits, [20, 40, 80, 100, 100]);
        let course = adaptive.into_course();
        assert_eq!(
            (course.lowest, course.highest, course.last, course.cuts),
            (20, 100, 100, 0)
        );
        assert_eq!(course.steps.len(), 4);
    }

    /// Protects the target: four fifths on a push-back, once in a cool-down, then a twentieth a round.
    #[test]
    fn cuts_once_in_a_cool_down_and_grows_slowly_after_it() {
        let mut adaptive = Adaptive::new(Bounds::new(100, 1, 200));
        adaptive.pushed_back(at(10), push_back(0));
        assert_eq!(adaptive.limit(), 80);
        for second in [10, 12, 24] {
            adaptive.pushed_back(at(second), push_back(0));
            clean_round(&mut adaptive, at(second));
        }
        assert_eq!(adaptive.limit(), 80, "cooling down");
        clean_round(&mut adaptive, at(25));
        assert_eq!(adaptive.limit(), 84);
        adaptive.pushed_back(at(26), push_back(30));
        assert_eq!(adaptive.limit(), 67);
        adaptive.pushed_back(at(50), push_back(0));
        assert_eq!(adaptive.limit(), 67, "the target asked for a longer cool-down");
        adaptive.pushed_back(at(57), push_back(0));
        assert_eq!(adaptive.limit(), 53);
        let course = adaptive.into_course();
        assert_eq!((course.cuts, course.push_backs), (3, 7));
        let whys: Vec<_> = course.steps.iter().map(|step| step.why.as_str()).collect();
        assert_eq!(whys, ["start", "push_back", "clean", "push_back", "push_back"]);
    }

    /// Protects throughput: a single push-back closes nothing, two in a row close the target for as long as it asks.
    #[test]
    fn a_row_of_push_backs_closes_the_target() {
        let mut adaptive = Adaptive::new(Bounds::new(20, 1, 100));
        adaptive.pushed_back(at(1), push_back(5));
        assert!(adaptive.is_open(at(1)));
        adaptive.answered(at(1), 20);
        adaptive.pushed_back(at(2), push_back(5));
        assert!(adaptive.is_open(at(2)), "an answer came between them");
        adaptive.pushed_back(at(3), push_back(5));
        assert!(!adaptive.is_open(at(3)) && adaptive.is_open(at(8)));
        adaptive.pushed_back(at(8), push_back(1_000_000));
        assert!(
            !adaptive.is_open(at(60)) && adaptive.is_open(at(68)),
            "no target is waited for longer"
        );
    }

    /// Protects `fixed`: nothing moves it.
    #[test]
    fn fixed_stays() {
        let mut adaptive = Adaptive::new(Bounds::fixed(64));
        clean_round(&mut adaptive, at(1));
        adaptive.pushed_back(at(2), push_back(10));
        adaptive.pushed_back(at(2), push_back(10));
        assert!(adaptive.limit() == 64 && adaptive.is_open(at(2)));
        let course = adaptive.into_course();
        assert_eq!(
            (course.adaptive, course.push_backs, course.steps.len()),
            (false, 3 - 1, 1)
        );
    }

    /// Protects against growth that nothing stands for: slots that were not in use say nothing.
    #[test]
    fn unused_slots_are_no_evidence() {
        let mut adaptive = Adaptive::new(Bounds::new(20, 1, 100));
        (0..200).for_each(|_| adaptive.answered(at(1), 19));
        assert_eq!(adaptive.limit(), 20);
    }

    #[derive(Debug, Clone, Copy)]
    enum Event {
        Answers(u32),
        PushBack(u64),
        Wait(u64),
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let event = prop_oneof![
            (1_u32..300).prop_map(Event::Answers),
            (0_u64..200).prop_map(Event::PushBack),
            (0_u64..40_000).prop_map(Event::Wait),
        ];
        proptest::collection::vec(event, 0..400)
    }

    proptest! {
        /// Protects the promise of a crash (never above the bound), the target (one cut a cool-down, no growth in it)
        /// and the record (bounded, in order, spanning the session), whatever happens.
        #[test]
        fn holds_its_bounds(start in 0_u32..300, min in 0_u32..300, max in 0_u32..300, events in events()) {
            let bounds = Bounds::new(start, min, max);
            let mut adaptive = Adaptive::new(bounds);
            let (mut now, mut last_cut) = (Duration::ZERO, None::<Duration>);
            for event in events {
                let before = adaptive.limit();
                match event {
                    Event::Wait(ms) => now += Duration::from_millis(ms),
                    Event::Answers(count) => (0..count).for_each(|_| adaptive.answered(now, before)),
                    Event::PushBack(seconds) => adaptive.pushed_back(now, push_back(seconds)),
                }
                let limit = adaptive.limit();
                prop_assert!((bounds.min..=bounds.max).contains(&limit));
                let is_cooling = last_cut.is_some_and(|cut| now < cut + COOL_DOWN);
                prop_assert!(!is_cooling || limit == before, "moved while cooling down");
                if limit < before {
                    prop_assert!(matches!(event, Event::PushBack(_)) && limit >= before * 4 / 5);
                    last_cut = Some(now);
                }
            }
            let course = adaptive.into_course();
            prop_assert!(course.steps.len() <= STEPS_MAX);
            prop_assert_eq!(course.steps[0].why, StepReason::Start);
            prop_assert!(course.steps.windows(2).all(|pair| pair[0].at_ms <= pair[1].at_ms));
            prop_assert_eq!(course.steps.last().map(|step| step.limit), Some(course.last));
        }
    }
}
