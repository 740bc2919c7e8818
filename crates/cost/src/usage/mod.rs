//! Usage as APIs report it, counted apart: raw `usage` objects in, classes that do not overlap out.
//!
//! Apart from the providers' reading, which keeps the five counts of the record: what is priced needs more classes
//! (lifetimes of cache writes, audio, pictures), and a contradiction must be said here, not repaired.

mod count;
pub(crate) mod object;
mod wire;

pub use wire::{RawUsage, Shape};

use crate::class::{Class, Counts};
use std::fmt;

/// Why usage cannot be counted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// The object has none of the counts that any known API reports.
    #[error("the usage has no token counts that are known")]
    Nothing,
    /// A count is there and is no whole number from 0.
    #[error("`{0}` is not a whole number of tokens")]
    NotACount(&'static str),
    /// A count that the API always gives is missing.
    #[error("the usage has no `{0}`")]
    Missing(&'static str),
    /// A total that no reading of the counts gives.
    #[error("`{name}` is {total}, and the counts beside it give {expected}")]
    Total {
        /// Name of the total.
        name: &'static str,
        /// What it says.
        total: u64,
        /// What the counts say.
        expected: u64,
    },
    /// The same count under two names, with different values.
    #[error("`{first}` and `{second}` are the same count and differ")]
    Differ {
        /// One name.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// Parts are more than their whole.
    #[error("{parts} are {sum} tokens together, more than the {whole} of `{of}`")]
    PartsBeyondWhole {
        /// Names of the parts.
        parts: &'static str,
        /// Their sum.
        sum: u64,
        /// The whole.
        whole: u64,
        /// Its name.
        of: &'static str,
    },
}

/// An answer's usage, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Which API's form it has.
    pub shape: Shape,
    /// Counts of every class; one request.
    pub counts: Counts,
}

/// What a prompt or an answer is made of, before text is what remains.
#[derive(Debug, Clone, Copy, Default)]
struct Media {
    audio: u64,
    image: u64,
    video: u64,
}

impl Media {
    const fn total(self) -> u64 {
        self.audio.saturating_add(self.image).saturating_add(self.video)
    }

    /// What is left when `other` is taken away, never less than nothing.
    const fn without(self, other: Self) -> Self {
        Self {
            audio: self.audio.saturating_sub(other.audio),
            image: self.image.saturating_sub(other.image),
            video: self.video.saturating_sub(other.video),
        }
    }
}

/// A prompt by its whole and its parts.
#[derive(Debug, Clone, Copy, Default)]
struct Prompt {
    total: u64,
    media: Media,
    cache_read: u64,
    /// Part of `cache_read`.
    cached_media: Media,
    write_5m: u64,
    write_1h: u64,
}

/// An answer by its whole and its parts.
#[derive(Debug, Clone, Copy, Default)]
struct Completion {
    total: u64,
    reasoning: u64,
    media: Media,
}

/// Puts every token into exactly one class.
fn counts(prompt: &Prompt, completion: &Completion, names: &Names) -> Result<Counts, UsageError> {
    let uncached_media = prompt.media.without(prompt.cached_media);
    let parts = [
        prompt.cache_read,
        prompt.write_5m,
        prompt.write_1h,
        uncached_media.total(),
    ];
    let text = rest(prompt.total, &parts, names.input_parts, names.input)?;
    let cached_text = rest(
        prompt.cache_read,
        &[prompt.cached_media.total()],
        "cached audio, pictures and video",
        names.cached,
    )?;
    let visible = rest(
        completion.total,
        &[completion.reasoning, completion.media.total()],
        names.output_parts,
        names.output,
    )?;
    Ok(Counts::default()
        .with(Class::InputUncached, text)
        .with(Class::CacheRead, cached_text)
        .with(Class::CacheWrite5m, prompt.write_5m)
        .with(Class::CacheWrite1h, prompt.write_1h)
        .with(Class::OutputVisible, visible)
        .with(Class::Reasoning, completion.reasoning)
        .with(Class::InputAudio, uncached_media.audio)
        .with(Class::InputImage, uncached_media.image)
        .with(Class::InputVideo, uncached_media.video)
        .with(Class::CacheReadAudio, prompt.cached_media.audio)
        .with(Class::CacheReadImage, prompt.cached_media.image)
        .with(Class::CacheReadVideo, prompt.cached_media.video)
        .with(Class::OutputAudio, completion.media.audio)
        .with(Class::OutputImage, completion.media.image)
        .with(Class::OutputVideo, completion.media.video)
        .with(Class::Requests, 1))
}

/// What the API calls its counts, for messages.
struct Names {
    input: &'static str,
    input_parts: &'static str,
    cached: &'static str,
    output: &'static str,
    output_parts: &'static str,
}

fn rest(whole: u64, parts: &[u64], names: &'static str, of: &'static str) -> Result<u64, UsageError> {
    let sum = parts.iter().fold(0_u64, |sum, part| sum.saturating_add(*part));
    whole.checked_sub(sum).ok_or(UsageError::PartsBeyondWhole {
        parts: names,
        sum,
        whole,
        of,
    })
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
