//! The conversations of one loop: which turn is due when, and what was said so far. Apart from the loop, which sends and
//! reads, and from the pace, which begins conversations; whether one goes on is decided here.

use crate::dialogue::Dialogues;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Most conversations between two turns at once, over all loops.
pub const TALKS_MAX: usize = 1 << 18;
/// Most bytes of what was said in all of them, over all loops: 1 GiB.
pub const HISTORIES_BYTES_MAX: usize = 1 << 30;
/// Most bytes of what was said in one.
const HISTORY_BYTES_MAX: usize = 16 << 20;

/// What became of conversations, warm-up included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConversationCounts {
    /// Begun.
    pub begun: u64,
    /// All turns answered.
    pub whole: u64,
    /// Ended by a turn that failed.
    pub broken: u64,
    /// Ended because there was no more room for what was said.
    pub cut_short: u64,
    /// Ended because an answer had no text that a next turn could follow.
    pub speechless: u64,
}

impl ConversationCounts {
    /// Still going on when the run ended.
    #[must_use]
    pub const fn unfinished(&self) -> u64 {
        let ended = self.whole + self.broken + self.cut_short + self.speechless;
        self.begun.saturating_sub(ended)
    }

    /// Adds those of another loop.
    pub(crate) const fn merge(&mut self, other: Self) {
        self.begun += other.begun;
        self.whole += other.whole;
        self.broken += other.broken;
        self.cut_short += other.cut_short;
        self.speechless += other.speechless;
    }
}

/// Which turn of which conversation a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TurnAt {
    pub(crate) number: u64,
    /// From 0.
    pub(crate) turn: u16,
    /// Where its history is; `None` for a first turn, which has none.
    place: Option<usize>,
}

impl TurnAt {
    /// The first turn of a conversation.
    pub(crate) const fn first(number: u64) -> Self {
        Self {
            number,
            turn: 0,
            place: None,
        }
    }
}

/// What was said so far.
#[derive(Debug)]
struct Talk {
    number: u64,
    /// The turn that is due or under way.
    turn: u16,
    history: Vec<u8>,
}

/// The conversations of one loop between their first turn and their end.
#[derive(Debug)]
pub(crate) struct Talks {
    places: Vec<Option<Talk>>,
    vacant: Vec<usize>,
    /// Turns that are due: when, and whose.
    due: BinaryHeap<Reverse<(u64, usize)>>,
    bytes: usize,
    bytes_max: usize,
    count_max: usize,
    pub(crate) counts: ConversationCounts,
}

impl Talks {
    /// For one of `workers` loops.
    pub(crate) fn for_one_of(workers: usize) -> Self {
        let workers = workers.max(1);
        Self::new(TALKS_MAX / workers, HISTORIES_BYTES_MAX / workers)
    }

    const fn new(count_max: usize, bytes_max: usize) -> Self {
        Self {
            places: Vec::new(),
            vacant: Vec::new(),
            due: BinaryHeap::new(),
            bytes: 0,
            bytes_max,
            count_max,
            counts: ConversationCounts {
                begun: 0,
                whole: 0,
                broken: 0,
                cut_short: 0,
                speechless: 0,
            },
        }
    }

    /// When the next turn is due.
    pub(crate) fn next_ns(&self) -> Option<u64> {
        self.due.peek().map(|due| due.0.0)
    }

    /// Takes the turn that is due next, and when it is.
    pub(crate) fn take(&mut self) -> Option<(u64, TurnAt)> {
        let Reverse((intended_ns, place)) = self.due.pop()?;
        let talk = self.places.get(place)?.as_ref()?;
        let at = TurnAt {
            number: talk.number,
            turn: talk.turn,
            place: Some(place),
        };
        Some((intended_ns, at))
    }

    /// What was said before a turn.
    pub(crate) fn history(&self, at: TurnAt) -> &[u8] {
        let talk = at.place.and_then(|place| self.places.get(place)?.as_ref());
        talk.map_or(&[], |talk| &talk.history)
    }

    /// A turn was answered with this text, as it stands in JSON; `None` where it is not all there. Whether another turn
    /// follows.
    pub(crate) fn answered(
        &mut self,
        dialogues: &Dialogues,
        at: TurnAt,
        end_ns: u64,
        answer: Option<&[u8]>,
    ) -> bool {
        let turn = usize::from(at.turn);
        if turn + 1 >= dialogues.turns(at.number) {
            self.counts.whole += 1;
            self.close(at);
            return false;
        }
        let answer = dialogues.made_answer(at.number, turn).or(answer);
        let Some(answer) = answer.filter(|text| !text.is_empty()) else {
            self.counts.speechless += 1;
            self.close(at);
            return false;
        };
        let Some(place) = at.place.or_else(|| self.open(at.number)) else {
            self.counts.cut_short += 1;
            return false;
        };
        let Some(talk) = self.places.get_mut(place).and_then(Option::as_mut) else {
            return false;
        };
        let before = talk.history.len();
        dialogues.remember(at.number, turn, answer, &mut talk.history);
        let len = talk.history.len();
        talk.turn = at.turn.saturating_add(1);
        self.bytes += len - before;
        if len > HISTORY_BYTES_MAX || self.bytes > self.bytes_max {
            self.counts.cut_short += 1;
            self.close(TurnAt {
                place: Some(place),
                ..at
            });
            return false;
        }
        let due_ns = end_ns.saturating_add(dialogues.think_ns(at.number, turn + 1));
        self.due.push(Reverse((due_ns, place)));
        true
    }

    /// A turn failed, and with it its conversation.
    pub(crate) fn failed(&mut self, at: TurnAt) {
        self.counts.broken += 1;
        self.close(at);
    }

    /// Nothing is started any more.
    pub(crate) fn stop(&mut self) {
        self.due.clear();
    }

    /// Turns that were due in this stretch and not taken.
    pub(crate) fn unsent(&self, from_ns: u64, to_ns: u64) -> u64 {
        let is_within = |due: &&Reverse<(u64, usize)>| due.0.0 >= from_ns && due.0.0 < to_ns;
        self.due.iter().filter(is_within).count() as u64
    }

    fn open(&mut self, number: u64) -> Option<usize> {
        let talk = Talk {
            number,
            turn: 0,
            history: Vec::new(),
        };
        if let Some(place) = self.vacant.pop() {
            *self.places.get_mut(place)? = Some(talk);
            return Some(place);
        }
        if self.places.len() >= self.count_max {
            return None;
        }
        self.places.push(Some(talk));
        Some(self.places.len() - 1)
    }

    fn close(&mut self, at: TurnAt) {
        let Some(place) = at.place else { return };
        if let Some(talk) = self.places.get_mut(place).and_then(Option::take) {
            self.bytes -= talk.history.len();
            self.vacant.push(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialogue::{Frame, Turn};
    use std::sync::Arc;

    fn dialogues(turns: usize) -> Dialogues {
        let frame = Arc::new(Frame::for_tests());
        let script = (0..turns).map(|turn| Turn::new(&frame, &format!("q{turn}"), 100 * turn as u64));
        Dialogues::new(vec![script.collect()])
    }

    /// Protects the order and the moments of turns: each is due its time of thought after the answer before it, and has
    /// all that was said in front of it.
    #[test]
    fn turns_follow_answers() {
        let (dialogues, mut talks) = (dialogues(3), Talks::new(2, 1_000));
        let first = TurnAt::first(7);
        assert_eq!(talks.history(first), b"");
        assert!(talks.answered(&dialogues, first, 50, Some(b"a0")));
        assert!(talks.answered(&dialogues, TurnAt::first(8), 20, Some(b"b0")));
        assert_eq!(
            (talks.next_ns(), talks.unsent(0, 150), talks.unsent(130, 200)),
            (Some(120), 1, 1)
        );
        let (due_ns, at) = talks.take().unwrap();
        assert_eq!((due_ns, at.number, at.turn), (120, 8, 1));
        assert_eq!(talks.history(at), b"q0|b0|");
        assert!(talks.answered(&dialogues, at, 130, Some(b"b1")));
        let (due_ns, at) = talks.take().unwrap();
        assert_eq!((due_ns, at.number, at.turn), (150, 7, 1));
        talks.failed(at);
        let (due_ns, at) = talks.take().unwrap();
        assert_eq!((due_ns, at.turn), (330, 2));
        assert_eq!(talks.history(at), b"q0|b0|q1|b1|");
        assert!(!talks.answered(&dialogues, at, 400, None));
        assert_eq!(talks.bytes, 0);
        talks.counts.begun = 3;
        let counts = talks.counts;
        assert_eq!((counts.whole, counts.broken, counts.unfinished()), (1, 1, 1));
        assert_eq!(talks.take(), None);
    }

    /// Protects memory: no more conversations and bytes than there is room for, each end counted.
    #[test]
    fn room_is_bounded() {
        let (dialogues, mut talks) = (dialogues(9), Talks::new(1, 20));
        assert!(talks.answered(&dialogues, TurnAt::first(0), 0, Some(b"a")));
        assert!(!talks.answered(&dialogues, TurnAt::first(1), 0, Some(b"a")));
        let (_, at) = talks.take().unwrap();
        assert!(!talks.answered(&dialogues, at, 0, Some(b"a long answer")));
        assert_eq!((talks.counts.cut_short, talks.bytes), (2, 0));
        assert!(!talks.answered(&dialogues, TurnAt::first(2), 0, Some(b"")));
        assert!(!talks.answered(&dialogues, TurnAt::first(2), 0, None));
        assert_eq!(talks.counts.speechless, 2);
        assert!(talks.answered(&dialogues, TurnAt::first(3), 0, Some(b"a")));
        talks.stop();
        assert_eq!(talks.next_ns(), None);
    }
}
