//! The samples inside the page: columns and a table of distinct texts as JSON, deflated, in base64. Apart, because here
//! it is decided what a report of any size may weigh: a prompt that hundreds of samples share is there once, long texts
//! are cut where it says so, and what still does not fit is cut further, never silently.

use crate::clean;
use crate::labels::{Labels, Standing};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use seatrial_types::{Message, SampleRecord, ScoreRecord, Timing};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;

/// Samples in a page at most. Beyond it right ones make room for wrong ones.
pub const SAMPLES_MAX: usize = 50_000;
/// Characters of a text that are kept.
const TEXT_CHARS_MAX: usize = 16_000;
/// The same once the texts together pass [`TEXTS_BYTES_WIDE`].
const TEXT_CHARS_NARROW: usize = 600;
/// Bytes of distinct texts that are kept at full length.
const TEXTS_BYTES_WIDE: usize = 96 * 1024 * 1024;
/// Bytes of the payload of a report of up to [`SAMPLES_SMALL`] samples: with the rest of the page below 2 MB.
const BYTES_SMALL: usize = 1_500_000;
/// Samples up to which [`BYTES_SMALL`] holds.
const SAMPLES_SMALL: usize = 2_000;
/// Bytes for each sample beyond.
const BYTES_PER_SAMPLE: usize = 700;
/// Lengths of texts that are tried until the payload fits.
const CUTS: [usize; 6] = [8_000, 3_000, 1_200, 500, 200, 80];

/// What a page shows of the samples' texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Payload {
    /// Base64 of zlib of JSON.
    pub(super) base64: String,
    /// Characters that texts were cut to; `None` where all are whole.
    pub(super) cut_to: Option<usize>,
    /// Samples in it.
    pub(super) count: usize,
    /// Samples that are not in it.
    pub(super) left_out: u64,
}

/// Collects samples.
#[derive(Debug, Default)]
pub(super) struct Collected {
    texts: Texts,
    conversations: Distinct<Vec<(u8, u32)>>,
    slices: Distinct<Vec<u32>>,
    rows: Vec<Row>,
    /// Places in `rows` of right samples, which may make room.
    right: Vec<usize>,
    left_out: u64,
}

/// Scorer, metric, first letter of the outcome, value, detail.
type RowScore = (u16, u16, char, Option<f64>, Option<u32>);

/// A sample by the numbers of its texts.
#[derive(Debug, Clone)]
struct Row {
    key: (u16, u16, u32, u32),
    standing: Standing,
    id: u32,
    conversation: u32,
    slices: u32,
    answer: Option<u32>,
    error: Option<u32>,
    finish: Option<u32>,
    model: Option<u32>,
    cluster: Option<u32>,
    attempts: u32,
    cached: bool,
    latency: Option<f64>,
    ttft: Option<f64>,
    queue: Option<f64>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cost: Option<f64>,
    scores: Vec<RowScore>,
}

impl Collected {
    /// Adds a sample; beyond [`SAMPLES_MAX`] only in the place of a right one, if it is not right itself.
    pub(super) fn add(&mut self, labels: &Labels, sample: &SampleRecord) {
        let standing = labels.standing(sample);
        let place = if self.rows.len() < SAMPLES_MAX {
            None
        } else {
            self.left_out += 1;
            match self.right.pop() {
                Some(place) if standing != Standing::Right => Some(place),
                Some(place) => return self.right.push(place),
                None => return,
            }
        };
        let row = self.row(standing, sample);
        match place {
            Some(place) => self.rows[place] = row,
            None => {
                if standing == Standing::Right {
                    self.right.push(self.rows.len());
                }
                self.rows.push(row);
            }
        }
    }

    fn row(&mut self, standing: Standing, sample: &SampleRecord) -> Row {
        let texts = &mut self.texts;
        let conversation = sample
            .prompt
            .iter()
            .map(|message| (role(message), texts.of(&spoken(message))))
            .collect();
        let slices = sample
            .slices
            .iter()
            .map(|slice| texts.of(&format!("{}={}", slice.column, slice.value)))
            .collect();
        let answer = sample.call.result.as_ref().ok();
        let timing = sample.call.timing();
        let written = answer.map(|answer| {
            let calls = answer
                .tool_calls
                .iter()
                .map(|call| serde_json::to_string(call).unwrap_or_default());
            let parts: Vec<String> = std::iter::once(answer.text.clone()).chain(calls).collect();
            parts.join("\n").trim_start_matches('\n').to_owned()
        });
        let key = sample.key;
        Row {
            key: (key.target, key.task, key.case, key.epoch),
            standing,
            id: texts.of(&sample.case_id),
            conversation: self.conversations.of(conversation),
            slices: self.slices.of(slices),
            answer: written.map(|text| texts.of(&text)),
            error: sample
                .call
                .result
                .as_ref()
                .err()
                .map(|error| texts.of(&error.to_string())),
            finish: answer
                .and_then(|answer| answer.finish_reason.as_ref())
                .map(|reason| texts.of(reason.as_str())),
            model: answer
                .and_then(|answer| answer.served_model.as_deref())
                .map(|model| texts.of(model)),
            cluster: sample.cluster.as_deref().map(|cluster| texts.of(cluster)),
            attempts: u32::try_from(sample.call.attempts.len()).unwrap_or(u32::MAX),
            cached: sample.call.cached,
            latency: timing.and_then(Timing::latency_ns).map(milliseconds),
            ttft: timing.and_then(Timing::ttft_ns).map(milliseconds),
            queue: timing.and_then(Timing::queue_ns).map(milliseconds),
            input_tokens: answer.and_then(|answer| answer.usage.input_tokens),
            output_tokens: answer.and_then(|answer| answer.usage.output_tokens),
            cost: sample.cost.map(|cost| significant(cost.to_usd_f64())),
            scores: sample.scores.iter().map(|score| scored(score, texts)).collect(),
        }
    }

    /// The payload within its budget.
    pub(super) fn finish(mut self, labels: &Labels) -> Payload {
        self.rows.sort_by_key(|row| row.key);
        let beyond = self.rows.len().saturating_sub(SAMPLES_SMALL);
        let budget = BYTES_SMALL + beyond * BYTES_PER_SAMPLE;
        let mut cut_to = self.texts.was_cut.then_some(TEXT_CHARS_MAX);
        let mut base64 = self.packed(labels, usize::MAX);
        for cut in CUTS {
            if base64.len() <= budget {
                break;
            }
            // A length that cannot be enough is not tried: packing takes as long as all the rest.
            let (whole, shorter) = (self.texts.bytes(usize::MAX), self.texts.bytes(cut));
            let fits_at_best =
                shorter.saturating_mul(base64.len()) / whole.max(1) <= budget.saturating_mul(2);
            if fits_at_best || Some(&cut) == CUTS.last() {
                base64 = self.packed(labels, cut);
                cut_to = Some(cut);
            }
        }
        Payload {
            base64,
            cut_to,
            count: self.rows.len(),
            left_out: self.left_out,
        }
    }

    fn packed(&self, labels: &Labels, text_chars_max: usize) -> String {
        let document = Document::of(self, labels, text_chars_max);
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
        // Writing to memory does not fail; an empty payload would show as one.
        let written = serde_json::to_writer(&mut encoder, &document).is_ok() && encoder.flush().is_ok();
        let bytes = if written {
            encoder.finish().unwrap_or_default()
        } else {
            Vec::new()
        };
        BASE64.encode(bytes)
    }
}

fn role(message: &Message) -> u8 {
    use seatrial_types::Role;
    match message.role {
        Role::System => 0,
        Role::User => 1,
        Role::Assistant => 2,
        Role::Tool => 3,
    }
}

/// A message with what it carries beside its text.
fn spoken(message: &Message) -> Cow<'_, str> {
    if message.images.is_empty() && message.tool_calls.is_empty() {
        return Cow::Borrowed(&message.content);
    }
    let images = message
        .images
        .iter()
        .map(|image| format!("[image {}]", clean::preview(&image.source, 200)));
    let calls = message
        .tool_calls
        .iter()
        .map(|call| serde_json::to_string(call).unwrap_or_default());
    let parts: Vec<String> = images.chain([message.content.clone()]).chain(calls).collect();
    Cow::Owned(parts.join("\n"))
}

fn scored(score: &ScoreRecord, texts: &mut Texts) -> RowScore {
    let outcome = score.score.outcome.as_str().chars().next().unwrap_or('?');
    let detail = score.score.detail.as_deref().map(|detail| texts.of(detail));
    (
        score.scorer,
        score.score.metric,
        outcome,
        score.score.value,
        detail,
    )
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds far below 2^53")]
fn milliseconds(ns: u64) -> f64 {
    (ns as f64 / 1e4).round() / 100.0
}

/// Six significant digits: more are noise that takes room.
fn significant(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

/// Distinct values in order of appearance.
#[derive(Debug)]
struct Distinct<T> {
    numbers: HashMap<T, u32>,
}

impl<T> Default for Distinct<T> {
    fn default() -> Self {
        Self {
            numbers: HashMap::new(),
        }
    }
}

impl<T: std::hash::Hash + Eq> Distinct<T> {
    fn of(&mut self, value: T) -> u32 {
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(value).or_insert(next)
    }

    fn in_order(&self) -> Vec<&T> {
        let mut all: Vec<(&T, u32)> = self
            .numbers
            .iter()
            .map(|(value, number)| (value, *number))
            .collect();
        all.sort_by_key(|(_, number)| *number);
        all.into_iter().map(|(value, _)| value).collect()
    }
}

/// Distinct texts, cleaned and bounded.
#[derive(Debug, Default)]
struct Texts {
    distinct: Distinct<Text>,
    bytes: usize,
    was_cut: bool,
}

/// Beginning and end of a text, and how much is missing between them.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Text {
    head: String,
    left_out: usize,
    tail: String,
}

impl Texts {
    fn of(&mut self, text: &str) -> u32 {
        let chars_max = if self.bytes > TEXTS_BYTES_WIDE {
            TEXT_CHARS_NARROW
        } else {
            TEXT_CHARS_MAX
        };
        let text = Text::new(&clean::text(text), chars_max);
        self.was_cut |= text.left_out > 0;
        let (before, bytes) = (self.distinct.numbers.len(), text.head.len() + text.tail.len());
        let number = self.distinct.of(text);
        if self.distinct.numbers.len() > before {
            self.bytes += bytes;
        }
        number
    }

    /// Bytes of all texts if none were longer than this.
    fn bytes(&self, chars_max: usize) -> usize {
        self.distinct
            .numbers
            .keys()
            .map(|text| (text.head.len() + text.tail.len()).min(chars_max))
            .sum()
    }
}

impl Text {
    fn new(text: &str, chars_max: usize) -> Self {
        let whole = |text: &str| Self {
            head: text.to_owned(),
            left_out: 0,
            tail: String::new(),
        };
        if text.len() <= chars_max {
            return whole(text);
        }
        let count = text.chars().count();
        if count <= chars_max {
            return whole(text);
        }
        let tail = chars_max / 5;
        let at = |chars: usize| text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at);
        Self {
            head: text[..at(chars_max - tail)].to_owned(),
            left_out: count - chars_max,
            tail: text[at(count - tail)..].to_owned(),
        }
    }

    /// The text at this length or less, with a note where something is missing.
    fn shown(&self, chars_max: usize) -> Cow<'_, str> {
        let tail_max = chars_max / 5;
        let head_max = chars_max - tail_max;
        if self.left_out == 0 && self.head.len() <= chars_max {
            return Cow::Borrowed(&self.head);
        }
        let note = |head: &str, left_out: usize, tail: &str| {
            format!("{head}\n[… {left_out} characters left out …]\n{tail}")
        };
        if self.left_out == 0 {
            return clean::cut(&self.head, chars_max);
        }
        let (head, tail) = (self.head.chars().count(), self.tail.chars().count());
        let (head_kept, tail_kept) = (head.min(head_max), tail.min(tail_max));
        let at = |text: &str, chars: usize| text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at);
        let left_out = self.left_out + (head - head_kept) + (tail - tail_kept);
        Cow::Owned(note(
            &self.head[..at(&self.head, head_kept)],
            left_out,
            &self.tail[at(&self.tail, tail - tail_kept)..],
        ))
    }
}

/// The JSON that the page's script reads; a column is a list with an entry for each sample.
#[derive(Serialize)]
struct Document<'a> {
    texts: Vec<Cow<'a, str>>,
    targets: Vec<String>,
    tasks: Vec<TaskNames<'a>>,
    conversations: Vec<&'a Vec<(u8, u32)>>,
    slice_sets: Vec<&'a Vec<u32>>,
    target: Vec<u16>,
    task: Vec<u16>,
    case: Vec<u32>,
    epoch: Vec<u32>,
    standing: Vec<u8>,
    id: Vec<u32>,
    conversation: Vec<u32>,
    slices: Vec<u32>,
    answer: Vec<Option<u32>>,
    error: Vec<Option<u32>>,
    finish: Vec<Option<u32>>,
    model: Vec<Option<u32>>,
    cluster: Vec<Option<u32>>,
    attempts: Vec<u32>,
    cached: Vec<u8>,
    latency: Vec<Option<f64>>,
    ttft: Vec<Option<f64>>,
    queue: Vec<Option<f64>>,
    input_tokens: Vec<Option<u64>>,
    output_tokens: Vec<Option<u64>>,
    cost: Vec<Option<f64>>,
    scores: Vec<&'a Vec<RowScore>>,
}

#[derive(Serialize)]
struct TaskNames<'a> {
    name: String,
    /// Per scorer, the names and units of its metrics.
    scorers: Vec<Vec<(Cow<'a, str>, &'static str)>>,
}

impl<'a> Document<'a> {
    fn of(collected: &'a Collected, labels: &'a Labels, text_chars_max: usize) -> Self {
        let rows = &collected.rows;
        fn column<T>(rows: &[Row], f: impl Fn(&Row) -> T) -> Vec<T> {
            rows.iter().map(f).collect()
        }
        let targets = rows.iter().map(|row| row.key.0).max().map_or(0, |most| most + 1);
        let tasks = rows.iter().map(|row| row.key.1).max().map_or(0, |most| most + 1);
        Self {
            texts: collected
                .texts
                .distinct
                .in_order()
                .into_iter()
                .map(|text| text.shown(text_chars_max))
                .collect(),
            targets: (0..targets).map(|target| labels.target(target)).collect(),
            tasks: (0..tasks).map(|task| TaskNames::of(labels, task)).collect(),
            conversations: collected.conversations.in_order(),
            slice_sets: collected.slices.in_order(),
            target: column(rows, |row| row.key.0),
            task: column(rows, |row| row.key.1),
            case: column(rows, |row| row.key.2),
            epoch: column(rows, |row| row.key.3),
            standing: column(rows, |row| row.standing as u8),
            id: column(rows, |row| row.id),
            conversation: column(rows, |row| row.conversation),
            slices: column(rows, |row| row.slices),
            answer: column(rows, |row| row.answer),
            error: column(rows, |row| row.error),
            finish: column(rows, |row| row.finish),
            model: column(rows, |row| row.model),
            cluster: column(rows, |row| row.cluster),
            attempts: column(rows, |row| row.attempts),
            cached: column(rows, |row| u8::from(row.cached)),
            latency: column(rows, |row| row.latency),
            ttft: column(rows, |row| row.ttft),
            queue: column(rows, |row| row.queue),
            input_tokens: column(rows, |row| row.input_tokens),
            output_tokens: column(rows, |row| row.output_tokens),
            cost: column(rows, |row| row.cost),
            scores: rows.iter().map(|row| &row.scores).collect(),
        }
    }
}

impl<'a> TaskNames<'a> {
    fn of(labels: &'a Labels, task: u16) -> Self {
        let scorers = labels
            .tasks
            .get(usize::from(task))
            .map_or(&[][..], |task| &task.scorers);
        Self {
            name: labels.task(task),
            scorers: scorers
                .iter()
                .map(|metrics| {
                    metrics
                        .iter()
                        .map(|metric| (clean::line(&metric.name), metric.unit.as_str()))
                        .collect()
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects what a cut text says of itself, cut once or twice.
    #[test]
    fn texts_count_what_is_missing() {
        let long = "a".repeat(100) + &"z".repeat(100);
        let once = Text::new(&long, 50);
        assert_eq!((once.head.len(), once.left_out, once.tail.len()), (40, 150, 10));
        assert!(once.shown(usize::MAX).contains("[… 150 characters left out …]"));
        let twice = once.shown(10);
        assert!(
            twice.starts_with("aaaaaaaa\n[… 190 characters left out …]\nzz"),
            "{twice}"
        );
        let whole = Text::new("ää", 2);
        assert_eq!((whole.left_out, whole.shown(2).as_ref()), (0, "ää"));
        assert!(
            Text::new(&long, 500)
                .shown(20)
                .contains("180 characters left out")
        );
    }

    /// Protects numbering: the same value has the same number, and the order is that of appearance.
    #[test]
    fn distinct_values_keep_their_order() {
        let mut distinct = Distinct::default();
        assert_eq!(["b", "a", "b", "c"].map(|value| distinct.of(value)), [0, 1, 0, 2]);
        assert_eq!(distinct.in_order(), [&"b", &"a", &"c"]);
    }
}
