//! Classes of what is paid for. They do not overlap: every token of an answer is in exactly one, so that no price can be
//! applied twice.

use std::fmt;

/// One class of what is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Class {
    /// Prompt tokens of text that were neither read from nor written to the provider's cache.
    InputUncached,
    /// Prompt tokens read from the cache.
    CacheRead,
    /// Prompt tokens written to the cache for the short time (five minutes, or the provider's only one).
    CacheWrite5m,
    /// Prompt tokens written to the cache for an hour.
    CacheWrite1h,
    /// Generated tokens of text that the user sees.
    OutputVisible,
    /// Generated tokens that the user does not see.
    Reasoning,
    /// Audio in the prompt, not cached.
    InputAudio,
    /// Audio in the prompt, read from the cache.
    CacheReadAudio,
    /// Generated audio.
    OutputAudio,
    /// Pictures in the prompt, not cached.
    InputImage,
    /// Pictures in the prompt, read from the cache.
    CacheReadImage,
    /// Generated pictures.
    OutputImage,
    /// Video in the prompt, not cached.
    InputVideo,
    /// Video in the prompt, read from the cache.
    CacheReadVideo,
    /// Generated video.
    OutputVideo,
    /// Requests; one for each answer.
    Requests,
    /// Searches of the web that the provider made for the answer.
    WebSearches,
}

/// Number of classes.
pub const CLASSES: usize = 17;

impl Class {
    /// Every class, in the order of [`Class::index`].
    pub const ALL: [Self; CLASSES] = [
        Self::InputUncached,
        Self::CacheRead,
        Self::CacheWrite5m,
        Self::CacheWrite1h,
        Self::OutputVisible,
        Self::Reasoning,
        Self::InputAudio,
        Self::CacheReadAudio,
        Self::OutputAudio,
        Self::InputImage,
        Self::CacheReadImage,
        Self::OutputImage,
        Self::InputVideo,
        Self::CacheReadVideo,
        Self::OutputVideo,
        Self::Requests,
        Self::WebSearches,
    ];
    /// Classes that are told of every answer, zero or not.
    pub const ALWAYS_TOLD: [Self; 6] = [
        Self::InputUncached,
        Self::CacheRead,
        Self::CacheWrite5m,
        Self::CacheWrite1h,
        Self::OutputVisible,
        Self::Reasoning,
    ];

    /// 0-based place in [`Class::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The word that JSON and price files use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InputUncached => "input_uncached",
            Self::CacheRead => "cache_read",
            Self::CacheWrite5m => "cache_write_5m",
            Self::CacheWrite1h => "cache_write_1h",
            Self::OutputVisible => "output_visible",
            Self::Reasoning => "reasoning",
            Self::InputAudio => "input_audio",
            Self::CacheReadAudio => "cache_read_audio",
            Self::OutputAudio => "output_audio",
            Self::InputImage => "input_image",
            Self::CacheReadImage => "cache_read_image",
            Self::OutputImage => "output_image",
            Self::InputVideo => "input_video",
            Self::CacheReadVideo => "cache_read_video",
            Self::OutputVideo => "output_video",
            Self::Requests => "requests",
            Self::WebSearches => "web_searches",
        }
    }

    /// From that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == word)
    }

    /// Whether it is part of the prompt.
    #[must_use]
    pub const fn is_input(self) -> bool {
        matches!(
            self,
            Self::InputUncached
                | Self::CacheRead
                | Self::CacheWrite5m
                | Self::CacheWrite1h
                | Self::InputAudio
                | Self::CacheReadAudio
                | Self::InputImage
                | Self::CacheReadImage
                | Self::InputVideo
                | Self::CacheReadVideo
        )
    }

    /// Whether it is generated.
    #[must_use]
    pub const fn is_output(self) -> bool {
        matches!(
            self,
            Self::OutputVisible | Self::Reasoning | Self::OutputAudio | Self::OutputImage | Self::OutputVideo
        )
    }

    /// The class whose price holds where this one has none of its own: providers bill reasoning as output, and pictures
    /// and video as text unless they say otherwise. What is cached and what is heard has a price of its own or none.
    #[must_use]
    pub const fn billed_as(self) -> Option<Self> {
        match self {
            Self::Reasoning | Self::OutputImage | Self::OutputVideo => Some(Self::OutputVisible),
            Self::InputImage | Self::InputVideo => Some(Self::InputUncached),
            Self::CacheReadImage | Self::CacheReadVideo => Some(Self::CacheRead),
            _ => None,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much of each class an answer took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts([u64; CLASSES]);

impl Counts {
    /// Requests and searches alone.
    #[must_use]
    pub fn without_tokens(&self) -> Self {
        let kept = [Class::Requests, Class::WebSearches];
        kept.into_iter().fold(Self::default(), |counts, class| {
            counts.with(class, self.of(class))
        })
    }

    /// Of this class.
    #[must_use]
    pub const fn of(&self, class: Class) -> u64 {
        self.0[class.index()]
    }

    /// Sets the count of a class.
    pub const fn set(&mut self, class: Class, count: u64) {
        self.0[class.index()] = count;
    }

    /// The same with this count of a class.
    #[must_use]
    pub const fn with(mut self, class: Class, count: u64) -> Self {
        self.set(class, count);
        self
    }

    /// Class by class, in the order of [`Class::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Class, u64)> + '_ {
        Class::ALL.into_iter().zip(self.0)
    }

    /// All prompt tokens, cached ones included: what context cliffs compare.
    #[must_use]
    pub fn input_total(&self) -> u64 {
        self.total(Class::is_input)
    }

    /// All generated tokens.
    #[must_use]
    pub fn output_total(&self) -> u64 {
        self.total(Class::is_output)
    }

    fn total(&self, wanted: impl Fn(Class) -> bool) -> u64 {
        self.iter()
            .filter(|(class, _)| wanted(*class))
            .fold(0, |sum, (_, count)| sum.saturating_add(count))
    }

    /// Adds the counts of another answer.
    pub fn add(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum = sum.saturating_add(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Protects indexing and words: a class is found at its place and by its word, and is on one side or a fee.
    #[test]
    fn every_class_is_at_its_place() {
        for (place, class) in Class::ALL.into_iter().enumerate() {
            assert_eq!(class.index(), place);
            assert_eq!(Class::from_word(class.as_str()), Some(class));
            assert!(!(class.is_input() && class.is_output()));
            if let Some(other) = class.billed_as() {
                assert_eq!((class.is_input(), other.billed_as()), (other.is_input(), None));
            }
        }
        assert_eq!(Class::from_word("input"), None);
    }
}
