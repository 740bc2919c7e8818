//! The `usage` objects of the APIs, as they come: OpenAI's chat completions and responses, those who imitate them
//! (OpenRouter, DeepSeek), Anthropic's messages, Gemini's `usageMetadata`. One structure takes them all, because a file
//! mixes them; which API speaks is told by the names of its counts.

use super::count::Count;
use super::{Completion, Counted, Media, Names, Prompt, UsageError, counts};
use crate::class::Class;
use serde::Deserialize;

/// Whose form a usage object has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// OpenAI's chat completions, and OpenRouter and others who imitate them.
    OpenAiChat,
    /// OpenAI's responses.
    OpenAiResponses,
    /// Anthropic's messages.
    Anthropic,
    /// Gemini's `usageMetadata`.
    Gemini,
}

impl Shape {
    /// The word that JSON uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenAiChat => "openai_chat",
            Self::OpenAiResponses => "openai_responses",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
        }
    }
}

const CHAT: Names = Names {
    input: "prompt_tokens",
    input_parts: "cached, written, audio, picture and video tokens of the prompt",
    cached: "cached_tokens",
    output: "completion_tokens",
    output_parts: "reasoning, audio, picture and video tokens of the completion",
};
const RESPONSES: Names = Names {
    input: "input_tokens",
    output: "output_tokens",
    ..CHAT
};
const GEMINI: Names = Names {
    input: "promptTokenCount",
    cached: "cachedContentTokenCount",
    output: "candidatesTokenCount",
    ..CHAT
};

/// A `usage` object of any of the known APIs. Keys that are not known are passed over: APIs add some every month.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, expecting = "a usage object")]
pub struct RawUsage {
    prompt_tokens: Option<Count>,
    completion_tokens: Option<Count>,
    total_tokens: Option<Count>,
    prompt_tokens_details: Option<InputDetails>,
    completion_tokens_details: Option<OutputDetails>,
    /// DeepSeek's name of cached tokens.
    prompt_cache_hit_tokens: Option<Count>,
    /// Kimi's.
    cached_tokens: Option<Count>,

    input_tokens: Option<Count>,
    output_tokens: Option<Count>,
    input_tokens_details: Option<InputDetails>,
    output_tokens_details: Option<OutputDetails>,

    cache_read_input_tokens: Option<Count>,
    cache_creation_input_tokens: Option<Count>,
    cache_creation: Option<Creation>,
    server_tool_use: Option<ServerTools>,
    inference_geo: Option<String>,
    speed: Option<String>,

    #[serde(rename = "promptTokenCount")]
    prompt_token_count: Option<Count>,
    #[serde(rename = "cachedContentTokenCount")]
    cached_content_token_count: Option<Count>,
    #[serde(rename = "candidatesTokenCount")]
    candidates_token_count: Option<Count>,
    #[serde(rename = "thoughtsTokenCount")]
    thoughts_token_count: Option<Count>,
    #[serde(rename = "toolUsePromptTokenCount")]
    tool_use_prompt_token_count: Option<Count>,
    #[serde(rename = "totalTokenCount")]
    total_token_count: Option<Count>,
    #[serde(rename = "promptTokensDetails")]
    gemini_prompt_details: Option<Vec<Modality>>,
    #[serde(rename = "cacheTokensDetails")]
    gemini_cache_details: Option<Vec<Modality>>,
    #[serde(rename = "candidatesTokensDetails")]
    gemini_candidates_details: Option<Vec<Modality>>,

    service_tier: Option<String>,
    /// Length of the audio that OpenAI transcribed, where that is what it charges for.
    seconds: Option<serde_json::Number>,
    /// The whole answer in place of its usage.
    #[serde(deserialize_with = "super::object::optional")]
    usage: Option<Box<RawUsage>>,
    #[serde(rename = "usageMetadata", deserialize_with = "super::object::optional")]
    usage_metadata: Option<Box<RawUsage>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, expecting = "an object of counts")]
struct InputDetails {
    cached_tokens: Option<Count>,
    cache_write_tokens: Option<Count>,
    audio_tokens: Option<Count>,
    image_tokens: Option<Count>,
    video_tokens: Option<Count>,
    cached_tokens_details: Option<MediaDetails>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, expecting = "an object of counts")]
struct MediaDetails {
    audio_tokens: Option<Count>,
    image_tokens: Option<Count>,
    video_tokens: Option<Count>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, expecting = "an object of counts")]
struct OutputDetails {
    reasoning_tokens: Option<Count>,
    /// Anthropic's word.
    thinking_tokens: Option<Count>,
    audio_tokens: Option<Count>,
    image_tokens: Option<Count>,
    video_tokens: Option<Count>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, expecting = "an object of counts")]
struct Creation {
    ephemeral_5m_input_tokens: Option<Count>,
    ephemeral_1h_input_tokens: Option<Count>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, expecting = "an object of counts")]
struct ServerTools {
    web_search_requests: Option<Count>,
}

#[derive(Debug, Clone, Deserialize)]
struct Modality {
    #[serde(default)]
    modality: String,
    #[serde(default, rename = "tokenCount")]
    token_count: Option<Count>,
}

/// What Anthropic writes where it does not say where.
const NO_REGION: &str = "not_available";

type Read<T> = Result<T, UsageError>;

fn read(count: Option<Count>, name: &'static str) -> Read<Option<u64>> {
    match count {
        None | Some(Count::Absent) => Ok(None),
        Some(Count::Whole(count)) => Ok(Some(count)),
        Some(Count::Broken) => Err(UsageError::NotACount(name)),
    }
}

fn or_zero(count: Option<Count>, name: &'static str) -> Read<u64> {
    Ok(read(count, name)?.unwrap_or(0))
}

/// A total must be what the counts give, or one of the other ways in which APIs reckon it. 0 is no total: some write it
/// where they did not count.
fn check_total(name: &'static str, total: Option<u64>, expected: u64, others: &[u64]) -> Read<()> {
    match total {
        Some(total) if total != 0 && total != expected && !others.contains(&total) => {
            Err(UsageError::Total {
                name,
                total,
                expected,
            })
        }
        _ => Ok(()),
    }
}

impl RawUsage {
    /// The tier that served the answer, where the API says so within its usage.
    #[must_use]
    pub fn served_tier(&self) -> Option<&str> {
        let inner = self.inner();
        inner
            .speed
            .as_deref()
            .filter(|speed| *speed != "standard")
            .or(inner.service_tier.as_deref())
            .or(self.service_tier.as_deref())
    }

    /// Length of transcribed audio in seconds, where the usage is that.
    #[must_use]
    pub fn seconds(&self) -> Option<&serde_json::Number> {
        self.inner().seconds.as_ref()
    }

    /// The region that served the answer, where the API says so within its usage.
    #[must_use]
    pub fn served_region(&self) -> Option<&str> {
        let region = self.inner().inference_geo.as_deref();
        region.filter(|region| !region.is_empty() && *region != NO_REGION)
    }

    /// Counts every token in exactly one class. `is_anthropic` decides what plain `input_tokens` mean where nothing in
    /// the object does: both APIs that use the word agree then anyway, unless tokens were cached.
    ///
    /// # Errors
    /// Counts that are no counts, that are missing, or that contradict each other: nothing is repaired.
    pub fn count(&self, is_anthropic: bool) -> Read<Counted> {
        let usage = self.inner();
        let shape = usage.shape(is_anthropic).ok_or(UsageError::Nothing)?;
        let mut counts = match shape {
            Shape::OpenAiChat => usage.chat()?,
            Shape::OpenAiResponses => usage.responses()?,
            Shape::Anthropic => usage.anthropic()?,
            Shape::Gemini => usage.gemini()?,
        };
        if let Some(tools) = &usage.server_tool_use {
            let searches = or_zero(tools.web_search_requests, "web_search_requests")?;
            counts.set(Class::WebSearches, searches);
        }
        Ok(Counted { shape, counts })
    }

    /// The usage itself where the whole answer was given.
    fn inner(&self) -> &Self {
        self.usage
            .as_deref()
            .or(self.usage_metadata.as_deref())
            .unwrap_or(self)
    }

    fn shape(&self, is_anthropic: bool) -> Option<Shape> {
        let has = |count: Option<Count>| count.is_some();
        if has(self.prompt_token_count) || has(self.candidates_token_count) || has(self.total_token_count) {
            Some(Shape::Gemini)
        } else if has(self.prompt_tokens) || has(self.completion_tokens) {
            Some(Shape::OpenAiChat)
        } else if !has(self.input_tokens) && !has(self.output_tokens) {
            None
        } else if self.input_tokens_details.is_some() {
            Some(Shape::OpenAiResponses)
        } else {
            let is_cached = has(self.cache_read_input_tokens) || has(self.cache_creation_input_tokens);
            let is_anthropic = is_anthropic || is_cached || self.cache_creation.is_some();
            Some(if is_anthropic {
                Shape::Anthropic
            } else {
                Shape::OpenAiResponses
            })
        }
    }

    /// Cached tokens are part of the prompt, reasoning is part of the completion. Some imitators count reasoning beside
    /// it; their total tells, and it is then added, once.
    fn chat(&self) -> Read<crate::class::Counts> {
        let input = read(self.prompt_tokens, CHAT.input)?.ok_or(UsageError::Missing(CHAT.input))?;
        let total = read(self.total_tokens, "total_tokens")?;
        let output = read(self.completion_tokens, CHAT.output)?
            // Embeddings generate nothing and say so by their total.
            .or_else(|| (total == Some(input)).then_some(0))
            .ok_or(UsageError::Missing(CHAT.output))?;
        let mut prompt = openai_prompt(input, self.prompt_tokens_details.as_ref())?;
        self.take_other_names(input, &mut prompt)?;
        let mut completion = openai_completion(output, self.completion_tokens_details.as_ref())?;
        let beside = input.saturating_add(output).saturating_add(completion.reasoning);
        if completion.reasoning > 0 && total == Some(beside) {
            completion.total = output.saturating_add(completion.reasoning);
        }
        check_total("total_tokens", total, input.saturating_add(completion.total), &[])?;
        counts(&prompt, &completion, &CHAT)
    }

    /// Imitators' own names of cached and written tokens, both parts of the prompt; and Anthropic's `input_tokens`, which
    /// may stand beside OpenAI's count and is the same then.
    fn take_other_names(&self, input: u64, prompt: &mut Prompt) -> Read<()> {
        let names = [
            (self.prompt_cache_hit_tokens, "prompt_cache_hit_tokens"),
            (self.cached_tokens, "cached_tokens"),
            (self.cache_read_input_tokens, "cache_read_input_tokens"),
        ];
        for (count, name) in names {
            let count = or_zero(count, name)?;
            if prompt.cache_read == 0 {
                prompt.cache_read = count;
            } else if count != 0 && count != prompt.cache_read {
                return Err(UsageError::Differ {
                    first: CHAT.cached,
                    second: name,
                });
            }
        }
        if prompt.write_5m == 0 && prompt.write_1h == 0 {
            prompt.write_5m = or_zero(self.cache_creation_input_tokens, "cache_creation_input_tokens")?;
        }
        match read(self.input_tokens, RESPONSES.input)? {
            Some(own) if own != input && own.saturating_add(prompt.cache_read + prompt.write_5m) != input => {
                Err(UsageError::Differ {
                    first: CHAT.input,
                    second: RESPONSES.input,
                })
            }
            _ => Ok(()),
        }
    }

    fn responses(&self) -> Read<crate::class::Counts> {
        let input = read(self.input_tokens, RESPONSES.input)?.ok_or(UsageError::Missing(RESPONSES.input))?;
        let output =
            read(self.output_tokens, RESPONSES.output)?.ok_or(UsageError::Missing(RESPONSES.output))?;
        let prompt = openai_prompt(input, self.input_tokens_details.as_ref())?;
        let completion = openai_completion(output, self.output_tokens_details.as_ref())?;
        let total = read(self.total_tokens, "total_tokens")?;
        check_total("total_tokens", total, input.saturating_add(output), &[])?;
        counts(&prompt, &completion, &RESPONSES)
    }

    /// What was read from or written to the cache comes beside `input_tokens`. The total of writes wins over its
    /// breakdown, which is partial in streams: what the breakdown does not name was written for the short time.
    fn anthropic(&self) -> Read<crate::class::Counts> {
        let input = read(self.input_tokens, "input_tokens")?.ok_or(UsageError::Missing("input_tokens"))?;
        let output =
            read(self.output_tokens, "output_tokens")?.ok_or(UsageError::Missing("output_tokens"))?;
        let cache_read = or_zero(self.cache_read_input_tokens, "cache_read_input_tokens")?;
        let total = read(self.cache_creation_input_tokens, "cache_creation_input_tokens")?;
        let split = self.cache_creation.clone().unwrap_or_default();
        let short = or_zero(split.ephemeral_5m_input_tokens, "ephemeral_5m_input_tokens")?;
        let long = or_zero(split.ephemeral_1h_input_tokens, "ephemeral_1h_input_tokens")?;
        let sum = short.saturating_add(long);
        let total = total.unwrap_or(sum);
        if sum > total {
            return Err(UsageError::PartsBeyondWhole {
                parts: "`ephemeral_5m_input_tokens` and `ephemeral_1h_input_tokens`",
                sum,
                whole: total,
                of: "cache_creation_input_tokens",
            });
        }
        let details = self.output_tokens_details.clone().unwrap_or_default();
        let prompt = Prompt {
            total: input.saturating_add(cache_read).saturating_add(total),
            cache_read,
            write_5m: total - long,
            write_1h: long,
            ..Prompt::default()
        };
        let completion = Completion {
            total: output,
            reasoning: or_zero(details.thinking_tokens, "thinking_tokens")?,
            ..Completion::default()
        };
        counts(&prompt, &completion, &RESPONSES)
    }

    /// Cached tokens are part of the prompt; prompts of tool use come beside it, thoughts beside the candidates. JSON of
    /// protocol buffers leaves out zeros: candidates that are missing beside a total are what it leaves for them.
    fn gemini(&self) -> Read<crate::class::Counts> {
        let total = read(self.total_token_count, "totalTokenCount")?;
        let tool_use = or_zero(self.tool_use_prompt_token_count, "toolUsePromptTokenCount")?;
        let input = read(self.prompt_token_count, GEMINI.input)?
            .ok_or(UsageError::Missing(GEMINI.input))?
            .saturating_add(tool_use);
        let thoughts = or_zero(self.thoughts_token_count, "thoughtsTokenCount")?;
        let output = match (read(self.candidates_token_count, GEMINI.output)?, total) {
            (Some(candidates), _) => candidates.saturating_add(thoughts),
            (None, Some(total)) => total.checked_sub(input).ok_or(UsageError::PartsBeyondWhole {
                parts: "`promptTokenCount` and `toolUsePromptTokenCount`",
                sum: input,
                whole: total,
                of: "totalTokenCount",
            })?,
            (None, None) => return Err(UsageError::Missing(GEMINI.output)),
        };
        check_total(
            "totalTokenCount",
            total,
            input.saturating_add(output),
            &[
                input.saturating_add(output.saturating_sub(thoughts)),
                input.saturating_add(output).saturating_sub(tool_use),
            ],
        )?;
        let prompt = Prompt {
            total: input,
            media: modalities(self.gemini_prompt_details.as_deref())?,
            cache_read: or_zero(self.cached_content_token_count, GEMINI.cached)?,
            cached_media: modalities(self.gemini_cache_details.as_deref())?,
            ..Prompt::default()
        };
        let completion = Completion {
            total: output,
            reasoning: thoughts,
            media: modalities(self.gemini_candidates_details.as_deref())?,
        };
        counts(&prompt, &completion, &GEMINI)
    }
}

fn openai_prompt(total: u64, details: Option<&InputDetails>) -> Read<Prompt> {
    let Some(details) = details else {
        return Ok(Prompt {
            total,
            ..Prompt::default()
        });
    };
    let cached = details.cached_tokens_details.clone().unwrap_or_default();
    Ok(Prompt {
        total,
        media: media(details.audio_tokens, details.image_tokens, details.video_tokens)?,
        cache_read: or_zero(details.cached_tokens, "cached_tokens")?,
        cached_media: media(cached.audio_tokens, cached.image_tokens, cached.video_tokens)?,
        write_5m: or_zero(details.cache_write_tokens, "cache_write_tokens")?,
        write_1h: 0,
    })
}

fn openai_completion(total: u64, details: Option<&OutputDetails>) -> Read<Completion> {
    let Some(details) = details else {
        return Ok(Completion {
            total,
            ..Completion::default()
        });
    };
    Ok(Completion {
        total,
        reasoning: or_zero(details.reasoning_tokens, "reasoning_tokens")?,
        media: media(details.audio_tokens, details.image_tokens, details.video_tokens)?,
    })
}

fn media(audio: Option<Count>, image: Option<Count>, video: Option<Count>) -> Read<Media> {
    Ok(Media {
        audio: or_zero(audio, "audio_tokens")?,
        image: or_zero(image, "image_tokens")?,
        video: or_zero(video, "video_tokens")?,
    })
}

/// Text and documents are what remains.
fn modalities(list: Option<&[Modality]>) -> Read<Media> {
    let mut media = Media::default();
    for entry in list.unwrap_or_default() {
        let count = or_zero(entry.token_count, "tokenCount")?;
        match entry.modality.as_str() {
            "AUDIO" => media.audio = media.audio.saturating_add(count),
            "IMAGE" => media.image = media.image.saturating_add(count),
            "VIDEO" => media.video = media.video.saturating_add(count),
            _ => {}
        }
    }
    Ok(media)
}
