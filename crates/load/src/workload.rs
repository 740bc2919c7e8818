//! What is asked: prompts and the lengths of their answers, request by request. Apart from arrivals because the same
//! workload is sent at many rates, and pure because request *i* must be the same in every probe, on either side of a
//! comparison, and on any number of threads.

use crate::draws::{Purpose, below, normal, stream};
use crate::span::{Part, SyntaxError};
use crate::trace::{Trace, block_tokens};
use crate::words::{Calibration, TokenCounter, text, text_of_tokens};
use seatrial_stats::dist::{normal_cdf, normal_quantile};
use std::sync::Arc;

/// Tokens of one prompt or answer.
const TOKENS_MAX: f64 = 10_000_000.0;
/// Turns of one conversation.
const TURNS_MAX: u64 = 1_000;
/// Names of shared prefixes, so that none is that of a request.
const PREFIX_NAMES: u64 = 1 << 62;
/// Names of the blocks of a trace.
const BLOCK_NAMES: u64 = 1 << 61;

/// A length in tokens, or anything else that is drawn for each request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Length {
    /// Mean of the normal distribution that is cut to the range.
    pub mean: f64,
    /// Its standard deviation; 0 for always the mean, infinite for even between the ends.
    pub sd: f64,
    /// Smallest.
    pub min: f64,
    /// Largest.
    pub max: f64,
}

impl Length {
    /// Always this.
    #[must_use]
    pub const fn fixed(tokens: u64) -> Self {
        let value = tokens as f64;
        Self {
            mean: value,
            sd: 0.0,
            min: value,
            max: value,
        }
    }

    /// Reads `512`, `100..900` (even), or `512,sd=100` with `min=` and `max=` (normal, cut to the range; without it
    /// from 1 to four standard deviations above the mean).
    ///
    /// ```
    /// use seatrial_load::workload::Length;
    /// let length = Length::parse("512,sd=100,min=16,max=1024")?;
    /// assert_eq!((length.mean, length.min), (512.0, 16.0));
    /// # Ok::<(), seatrial_load::span::SyntaxError>(())
    /// ```
    ///
    /// # Errors
    /// Anything else, with its place; a mean outside the range.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        Self::parse_as(text, &tokens)
    }

    /// Reads a time in the same three ways: `2s`, `500ms..3s`, `5s,sd=2s,max=20s`; the length is in whole milliseconds, and
    /// `0s` is none.
    ///
    /// # Errors
    /// Anything else, with its place; a mean outside the range.
    pub fn parse_ms(text: &str) -> Result<Self, SyntaxError> {
        Self::parse_as(text, &milliseconds)
    }

    fn parse_as(
        text: &str,
        number: &dyn Fn(Part<'_>) -> Result<f64, SyntaxError>,
    ) -> Result<Self, SyntaxError> {
        let whole = Part::whole(text).trimmed();
        let mut parts = whole.split(',');
        let Some(first) = parts.next().map(Part::trimmed) else {
            return Err(whole.error("a length"));
        };
        if let Some((low, high)) = first.split_once("..") {
            let (min, max) = (number(low)?, number(high)?);
            if let Some(part) = parts.next() {
                return Err(part.error("nothing after a range"));
            }
            if max < min {
                return Err(high.error("a largest length that is not below the smallest"));
            }
            return Ok(Self {
                mean: 0.5 * (min + max),
                sd: f64::INFINITY,
                min,
                max,
            });
        }
        let mean = number(first)?;
        let (mut sd, mut min, mut max) = (0.0, None, None);
        for part in parts {
            let part = part.trimmed();
            let (key, value) = part
                .split_once("=")
                .ok_or_else(|| part.error("sd=, min= or max="))?;
            match key.trimmed().text() {
                "sd" => sd = number(value)?,
                "min" => min = Some(number(value)?),
                "max" => max = Some(number(value)?),
                _ => return Err(key.error("sd, min or max")),
            }
        }
        let min = min.unwrap_or(if sd > 0.0 { mean.min(1.0) } else { mean });
        let max = max.unwrap_or(mean + (4.0 * sd).ceil()).min(TOKENS_MAX);
        if mean < min || mean > max {
            return Err(whole.error(format!("a mean from min to max ({min} to {max})")));
        }
        Ok(Self { mean, sd, min, max })
    }

    /// The length at a share of the distribution, 0 to 1, in whole tokens.
    #[must_use]
    pub fn at(&self, share: f64) -> u64 {
        let value = if self.sd == 0.0 {
            self.mean
        } else if self.sd.is_infinite() {
            // Whole numbers, each as likely.
            (self.min + share * (self.max - self.min + 1.0))
                .floor()
                .min(self.max)
        } else {
            let z = |value: f64| normal_cdf((value - self.mean) / self.sd);
            let (low, high) = (z(self.min), z(self.max));
            let inside = (low + share * (high - low)).clamp(1e-15, 1.0 - 1e-15);
            (self.mean + self.sd * normal_quantile(inside))
                .round()
                .clamp(self.min, self.max)
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast of a float saturates, and lengths are not negative"
        )]
        let tokens = value as u64;
        tokens
    }
}

fn tokens(part: Part<'_>) -> Result<f64, SyntaxError> {
    part.number("a number of tokens", 0.0, TOKENS_MAX).map(f64::round)
}

fn milliseconds(part: Part<'_>) -> Result<f64, SyntaxError> {
    if matches!(part.trimmed().text(), "0" | "0s" | "0ms") {
        return Ok(0.0);
    }
    Ok((1e3 * part.seconds("a time")?).round())
}

/// Lengths of prompt and answer together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lengths {
    /// Of the prompt.
    pub input: Length,
    /// Of the answer; `None` leaves it to the model.
    pub output: Option<Length>,
    /// How far long prompts get long answers: the correlation of the normal numbers both are made of, −1 to 1.
    pub correlation: f64,
}

impl Lengths {
    /// The lengths of request `index`.
    #[must_use]
    pub fn of(&self, seed: u64, index: u64) -> (u64, Option<u64>) {
        let mut random = stream(seed, Purpose::Lengths, index);
        let first = normal(&mut random);
        let rho = self.correlation.clamp(-1.0, 1.0);
        let second = rho * first + (1.0 - rho * rho).sqrt() * normal(&mut random);
        (
            self.input.at(normal_cdf(first)),
            self.output.map(|output| output.at(normal_cdf(second))),
        )
    }
}

/// A row of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The prompt.
    pub prompt: Arc<str>,
    /// Output tokens that are asked for.
    pub output_tokens: Option<u64>,
    /// The case's id, so that its answer can be scored.
    pub id: Option<Arc<str>>,
}

/// Where prompts come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// The same text each time.
    Fixed(Arc<str>),
    /// Made for each request, all different.
    Drawn(Lengths),
    /// One of `prefixes` beginnings of `prefix_tokens` tokens, then text of its own.
    SharedPrefix {
        /// How many different beginnings, at least 1.
        prefixes: u64,
        /// Tokens of each.
        prefix_tokens: u64,
        /// What follows.
        rest: Lengths,
    },
    /// Rows of a dataset in turn, from the beginning again after the last. At least one.
    Rows(Arc<[Row]>),
    /// Rows of a trace in turn: equal blocks are equal text.
    Trace(Arc<Trace>),
}

/// What one request asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The prompt.
    pub prompt: Arc<str>,
    /// Tokens that the prompt was made for; `None` where nobody counted.
    pub input_tokens: Option<u64>,
    /// Output tokens that are asked for.
    pub output_tokens: Option<u64>,
    /// The case's id.
    pub case: Option<Arc<str>>,
}

/// Prompts by number.
#[derive(Clone)]
pub struct Workload {
    /// Where they come from.
    pub source: Source,
    /// Their name.
    pub seed: u64,
    /// How many tokens words are worth, where no tokenizer tells.
    pub calibration: Calibration,
    /// Counts tokens.
    pub counter: Option<Arc<dyn TokenCounter>>,
}

impl Workload {
    /// A workload that takes a word for a token.
    #[must_use]
    pub fn new(source: Source, seed: u64) -> Self {
        Self {
            source,
            seed,
            calibration: Calibration::default(),
            counter: None,
        }
    }

    /// What request `index` asks.
    #[must_use]
    pub fn ask(&self, index: u64) -> Ask {
        match &self.source {
            Source::Fixed(prompt) => Ask {
                prompt: prompt.clone(),
                input_tokens: self.counter.as_ref().map(|counter| counter.count(prompt)),
                output_tokens: None,
                case: None,
            },
            Source::Drawn(lengths) => {
                let (input, output) = lengths.of(self.seed, index);
                made(self.text(index, input), input, output)
            }
            Source::SharedPrefix {
                prefixes,
                prefix_tokens,
                rest,
            } => {
                let (input, output) = rest.of(self.seed, index);
                let which = below((*prefixes).max(1), &mut stream(self.seed, Purpose::Choice, index));
                let mut prompt = self.text(PREFIX_NAMES + which, *prefix_tokens);
                prompt.push(' ');
                prompt.push_str(&self.text(index, input));
                made(prompt, prefix_tokens + input, output)
            }
            Source::Rows(rows) => {
                let Some(row) = in_turn(rows, index) else {
                    return made(String::new(), 0, None);
                };
                Ask {
                    prompt: row.prompt.clone(),
                    input_tokens: self.counter.as_ref().map(|counter| counter.count(&row.prompt)),
                    output_tokens: row.output_tokens,
                    case: row.id.clone(),
                }
            }
            Source::Trace(trace) => self.of_trace(trace, index),
        }
    }

    fn of_trace(&self, trace: &Trace, index: u64) -> Ask {
        let Some(row) = in_turn(&trace.rows, index) else {
            return made(String::new(), 0, None);
        };
        let prompt = if row.blocks.is_empty() {
            self.text(index, row.input_tokens)
        } else {
            let blocks = row.blocks.iter().enumerate();
            let texts: Vec<String> = blocks
                .map(|(place, block)| self.text(BLOCK_NAMES + block % BLOCK_NAMES, block_tokens(row, place)))
                .collect();
            texts.join(" ")
        };
        made(prompt, row.input_tokens, Some(row.output_tokens))
    }

    /// The text of this name and length in tokens.
    #[must_use]
    pub fn text(&self, name: u64, tokens: u64) -> String {
        match &self.counter {
            Some(counter) => text_of_tokens(self.seed, name, tokens, counter.as_ref()).0,
            None => text(self.seed, name, self.calibration.words(tokens)),
        }
    }
}

fn in_turn<T>(rows: &[T], index: u64) -> Option<&T> {
    let place = index.checked_rem(rows.len() as u64)?;
    rows.get(usize::try_from(place).ok()?)
}

fn made(prompt: String, input: u64, output: Option<u64>) -> Ask {
    Ask {
        prompt: prompt.into(),
        input_tokens: Some(input),
        output_tokens: output,
        case: None,
    }
}

/// Conversations of several turns with time to think between them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conversations {
    /// Turns of a conversation.
    pub turns: Length,
    /// Milliseconds from the end of an answer to the next question.
    pub think_ms: Length,
}

impl Conversations {
    /// How many turns conversation `index` has, at least one.
    #[must_use]
    pub fn turns(&self, seed: u64, index: u64) -> u64 {
        let share = normal_cdf(normal(&mut stream(seed, Purpose::Turns, index)));
        self.turns.at(share).clamp(1, TURNS_MAX)
    }

    /// Milliseconds of thought before turn `turn` (from 1; the first question comes at once).
    #[must_use]
    pub fn think_ms(&self, seed: u64, index: u64, turn: u64) -> u64 {
        if turn == 0 {
            return 0;
        }
        let name = index.wrapping_mul(TURNS_MAX).wrapping_add(turn);
        self.think_ms
            .at(normal_cdf(normal(&mut stream(seed, Purpose::Think, name))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn lengths(input: Length, output: Length, correlation: f64) -> Lengths {
        Lengths {
            input,
            output: Some(output),
            correlation,
        }
    }

    /// Protects: lengths have the mean, spread, range and correlation that was asked for.
    #[test]
    fn lengths_as_asked() {
        let length = Length::parse("500,sd=80,min=100,max=900").unwrap();
        for rho in [-0.8, 0.0, 0.7] {
            let pairs: Vec<(f64, f64)> = (0..20_000)
                .map(|i| {
                    let (input, output) = lengths(length, length, rho).of(7, i);
                    (input as f64, output.unwrap() as f64)
                })
                .collect();
            let n = pairs.len() as f64;
            let mean = |f: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(f).sum::<f64>() / n;
            let (mx, my) = (mean(&|p| p.0), mean(&|p| p.1));
            let sx = mean(&|p| (p.0 - mx).powi(2)).sqrt();
            let sy = mean(&|p| (p.1 - my).powi(2)).sqrt();
            let found = mean(&|p| (p.0 - mx) * (p.1 - my)) / (sx * sy);
            assert!((mx - 500.0).abs() < 3.0 && (my - 500.0).abs() < 3.0, "{mx} {my}");
            assert!((sx - 80.0).abs() < 2.0, "{sx}");
            assert!((found - rho).abs() < 0.03, "{found}, {rho}");
        }
    }

    /// Protects: a range is even over whole numbers, both ends included.
    #[test]
    fn ranges_are_even() {
        let range = Length::parse("1..4").unwrap();
        let mut counts = [0u32; 5];
        for i in 0..4_000 {
            counts[lengths(range, range, 0.0).of(1, i).0 as usize] += 1;
        }
        assert_eq!(counts[0], 0);
        assert!(
            counts[1..].iter().all(|&count| (900..1_100).contains(&count)),
            "{counts:?}"
        );
    }

    /// Protects: prompts differ, have the wanted number of words, and are the same each time.
    #[test]
    fn drawn_prompts() {
        let workload = Workload::new(
            Source::Drawn(lengths(Length::parse("10..60").unwrap(), Length::fixed(32), 0.0)),
            5,
        );
        let asks: Vec<Ask> = (0..100).map(|i| workload.ask(i)).collect();
        for (i, ask) in asks.iter().enumerate() {
            assert_eq!(ask.prompt.split(' ').count() as u64, ask.input_tokens.unwrap());
            assert_eq!(ask.output_tokens, Some(32));
            assert_eq!(*ask, workload.ask(i as u64));
        }
        let beginnings: std::collections::BTreeSet<&str> = asks.iter().map(|ask| &ask.prompt[..25]).collect();
        assert!(beginnings.len() > 95);
    }

    /// Protects: there are as many beginnings as asked for, shared to the word, and rests of their own.
    #[test]
    fn shared_prefixes() {
        let workload = Workload::new(
            Source::SharedPrefix {
                prefixes: 3,
                prefix_tokens: 20,
                rest: Lengths {
                    input: Length::fixed(5),
                    output: None,
                    correlation: 0.0,
                },
            },
            1,
        );
        let asks: Vec<Ask> = (0..200).map(|i| workload.ask(i)).collect();
        let beginning = |ask: &Ask| ask.prompt.split(' ').take(20).collect::<Vec<_>>().join(" ");
        let beginnings: std::collections::BTreeSet<String> = asks.iter().map(beginning).collect();
        assert_eq!(beginnings.len(), 3);
        let whole: std::collections::BTreeSet<&str> = asks.iter().map(|ask| &*ask.prompt).collect();
        assert!(whole.len() > 195);
        assert_eq!(asks[0].input_tokens, Some(25));
    }

    /// Protects: equal blocks of a trace are equal text, so that a prefix cache sees what it saw then.
    #[test]
    fn traces() {
        let text = "{\"timestamp\":0,\"input_length\":600,\"output_length\":5,\"hash_ids\":[3,4]}\n\
                    {\"timestamp\":1,\"input_length\":1100,\"output_length\":6,\"hash_ids\":[3,5,6]}\n";
        let trace = Trace::read(text.as_bytes(), "t", 10).unwrap();
        let workload = Workload::new(Source::Trace(Arc::new(trace)), 1);
        let (a, b) = (workload.ask(0), workload.ask(1));
        let words = |ask: &Ask| ask.prompt.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!((words(&a).len(), words(&b).len()), (600, 1_100));
        assert_eq!(words(&a)[..512], words(&b)[..512]);
        assert_ne!(words(&a)[512..540], words(&b)[512..540]);
        assert_eq!(b.output_tokens, Some(6));
        assert_eq!(workload.ask(2), a);
    }

    /// Protects: rows come in turn with their ids; an empty source asks nothing instead of failing.
    #[test]
    fn rows() {
        let row = |i: u64| Row {
            prompt: format!("p{i}").into(),
            output_tokens: Some(i),
            id: Some(format!("c{i}").into()),
        };
        let workload = Workload::new(Source::Rows((0..3).map(row).collect()), 0);
        let ids: Vec<Option<Arc<str>>> = (0..5).map(|i| workload.ask(i).case).collect();
        let words: Vec<&str> = ids.iter().flatten().map(|id| &**id).collect();
        assert_eq!(words, ["c0", "c1", "c2", "c0", "c1"]);
        let empty = Workload::new(Source::Rows(Arc::from([])), 0);
        assert_eq!(&*empty.ask(0).prompt, "");
    }

    /// Protects: turns and thought follow from the conversation's number alone.
    #[test]
    fn conversations() {
        let plan = Conversations {
            turns: Length::parse("1..5").unwrap(),
            think_ms: Length::parse("2000,sd=500").unwrap(),
        };
        let turns: Vec<u64> = (0..500).map(|i| plan.turns(1, i)).collect();
        assert!(turns.iter().all(|turns| (1..=5).contains(turns)));
        assert!((1..=5).all(|n| turns.contains(&n)));
        assert_eq!(plan.think_ms(1, 3, 0), 0);
        assert_eq!(plan.think_ms(1, 3, 1), plan.think_ms(1, 3, 1));
        assert_ne!(plan.think_ms(1, 3, 1), plan.think_ms(1, 3, 2));
    }

    /// Protects: what is wrong is named at its place.
    #[test]
    fn errors_have_places() {
        for (text, column) in [
            ("", 1),
            ("many", 1),
            ("5,", 3),
            ("5,sd", 3),
            ("5,sd=x", 6),
            ("5,sds=1", 3),
            ("5..", 4),
            ("9..5", 4),
            ("5..9,sd=1", 6),
            ("500,min=600", 1),
            ("-1", 1),
        ] {
            let error = Length::parse(text).unwrap_err();
            assert_eq!(error.column, column, "{text}: {error}");
        }
    }

    proptest! {
        /// Protects: no text makes the reader panic, and what it reads stays in its range.
        #[test]
        fn any_text(text in "[0-9.,=sdminax -]{0,24}", share in 0.0f64..=1.0) {
            if let Ok(length) = Length::parse(&text) {
                let drawn = length.at(share) as f64;
                prop_assert!(drawn >= length.min.floor() && drawn <= length.max);
            }
        }
    }
}
