//! Random samples, the same ones each time. Apart so that the suite needs no crate for random numbers.

use super::specimens::{ALL_KINDS, full_message, message, score_record, tool_call};
use seatrial_types::{
    Answer, Attempt, Call, CallError, FinishReason, LogProbability, Money, Outcome, Role, SampleKey,
    SampleRecord, SliceKey, Timing, Usage,
};

/// SplitMix64 (Steele, Lea, Flood 2014): a few lines, so that the suite needs no crate for random numbers.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.below(2) == 0 {
            None
        } else {
            Some(make(self))
        }
    }

    fn text(&mut self) -> String {
        let length = [0, 3, 40, 900, 1500, 3000][self.below(6) as usize];
        let alphabet: Vec<char> = "etaoin shrdlu\n\0\"\\é日🦀".chars().collect();
        (0..length)
            .filter_map(|_| alphabet.get(self.below(alphabet.len() as u64) as usize))
            .collect()
    }

    fn moments(&mut self) -> Timing {
        Timing {
            intended_ns: self.next() >> self.below(64),
            send_ns: self.maybe(Self::next),
            first_byte_ns: self.maybe(Self::next),
            first_token_ns: self.maybe(Self::next),
            token_events_ns: (0..self.below(40)).map(|_| self.next() >> 20).collect(),
            end_ns: self.next() >> self.below(64),
        }
    }

    fn error(&mut self) -> CallError {
        let kind = ALL_KINDS[self.below(ALL_KINDS.len() as u64) as usize];
        let status = self.maybe(|random| random.next() as u16);
        CallError {
            kind,
            status,
            message: self.text(),
        }
    }

    pub(super) fn sample(&mut self, key: SampleKey) -> SampleRecord {
        let attempts = (0..self.below(4))
            .map(|_| Attempt {
                timing: self.moments(),
                status: self.maybe(|random| random.next() as u16),
                error: self.maybe(Self::error),
                retry_after_ms: self.maybe(Self::next),
                ..Attempt::default()
            })
            .collect();
        let roles = [Role::System, Role::User, Role::Assistant];
        let result = if self.below(4) == 0 {
            Err(self.error())
        } else {
            Ok(self.answer())
        };
        SampleRecord {
            key,
            case_id: self.text().into(),
            cluster: self.maybe(|random| random.text().into()),
            slices: (0..self.below(3))
                .map(|_| SliceKey {
                    column: self.text(),
                    value: self.text(),
                })
                .collect(),
            prompt: (0..self.below(4))
                .map(|_| match self.below(4) {
                    0 => full_message(&self.text()),
                    role => message(roles[role as usize - 1], &self.text()),
                })
                .collect(),
            call: Call {
                attempts,
                result,
                cached: self.below(4) == 0,
            },
            cost: self.maybe(|random| Money::from_picodollars(i128::from(random.next()) << random.below(60))),
            started_unix_ms: self.next().cast_signed(),
            scores: (0..self.below(4))
                .map(|_| {
                    let value = self.maybe(|random| random.next() as f64 / 7.0);
                    let detail = self.maybe(Self::text);
                    score_record(
                        self.next() as u16,
                        self.next() as u16,
                        Outcome::Scored,
                        value,
                        detail.as_deref(),
                    )
                })
                .collect(),
        }
    }

    pub(super) fn answer(&mut self) -> Answer {
        Answer {
            stated_cost: None,
            log_probability: LogProbability::of(self.below(3) as u32, -(self.below(9000) as f64) / 7.0),
            text: self.text(),
            tool_calls: (0..self.below(3)).map(|_| tool_call(&self.text())).collect(),
            finish_reason: self.maybe(|random| FinishReason::from_word(&random.text())),
            served_model: self.maybe(Self::text),
            request_id: self.maybe(Self::text),
            usage: Usage {
                input_tokens: self.maybe(Self::next),
                output_tokens: self.maybe(Self::next),
                cache_read_tokens: self.maybe(Self::next),
                cache_write_tokens: self.maybe(Self::next),
                cache_write_1h_tokens: self.maybe(Self::next),
                reasoning_tokens: self.maybe(Self::next),
            },
            streamed: self.below(2) == 1,
        }
    }
}
