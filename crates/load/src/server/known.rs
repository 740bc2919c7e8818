//! What servers of models call their numbers, in plain words. Apart because it is a table of facts, which grows with every
//! server and every new version of one.

/// A server whose numbers are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerKind {
    /// vLLM.
    Vllm,
    /// SGLang.
    Sglang,
    /// Text Generation Inference.
    Tgi,
    /// llama.cpp's server.
    LlamaCpp,
}

impl ServerKind {
    /// Its word in results.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vllm => "vllm",
            Self::Sglang => "sglang",
            Self::Tgi => "tgi",
            Self::LlamaCpp => "llama_cpp",
        }
    }

    /// The one whose numbers begin like this.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let starts = [
            ("vllm:", Self::Vllm),
            ("sglang:", Self::Sglang),
            ("tgi_", Self::Tgi),
            ("llamacpp:", Self::LlamaCpp),
        ];
        let found = starts.into_iter().find(|(start, _)| name.starts_with(start));
        found.map(|(_, kind)| kind)
    }
}

/// How a number is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Telling {
    /// Mean and largest value over the window.
    Level,
    /// How much came, in all and per second.
    Growth,
    /// How much of one counter came for each that came of another.
    Ratio,
    /// The distribution of what came.
    Distribution,
}

/// A number under a plain word.
pub(super) struct Known {
    pub(super) word: &'static str,
    pub(super) meaning: &'static str,
    pub(super) unit: &'static str,
    /// The server's values times this are in that unit.
    pub(super) scale: f64,
    pub(super) telling: Telling,
    /// The server's names for it, the newest first; what the first is counted for each of, where it is a ratio.
    pub(super) names: &'static [(&'static str, &'static str)],
}

const fn known(
    word: &'static str,
    meaning: &'static str,
    (unit, scale): (&'static str, f64),
    telling: Telling,
    names: &'static [(&'static str, &'static str)],
) -> Known {
    Known {
        word,
        meaning,
        unit,
        scale,
        telling,
        names,
    }
}

const REQUESTS: (&str, f64) = ("requests", 1.0);
const TOKENS: (&str, f64) = ("tokens", 1.0);
const SHARE: (&str, f64) = ("share", 1.0);
/// Servers count in seconds.
const MS: (&str, f64) = ("ms", 1000.0);

/// All of them, in the order in which they are told. Several entries with one word are several ways to know it.
pub(super) const KNOWN: [Known; 15] = [
    known(
        "running",
        "requests that the server works on",
        REQUESTS,
        Telling::Level,
        &[
            ("vllm:num_requests_running", ""),
            ("sglang:num_running_reqs", ""),
            ("tgi_batch_current_size", ""),
            ("llamacpp:requests_processing", ""),
        ],
    ),
    known(
        "waiting",
        "requests that wait in the server",
        REQUESTS,
        Telling::Level,
        &[
            ("vllm:num_requests_waiting", ""),
            ("sglang:num_queue_reqs", ""),
            ("tgi_queue_size", ""),
            ("llamacpp:requests_deferred", ""),
        ],
    ),
    known(
        "kv_cache_use",
        "share of the cache of keys and values that is in use",
        SHARE,
        Telling::Level,
        &[
            ("vllm:kv_cache_usage_perc", ""),
            ("vllm:gpu_cache_usage_perc", ""),
            ("sglang:token_usage", ""),
            ("llamacpp:kv_cache_usage_ratio", ""),
        ],
    ),
    known(
        "prefix_cache_hits",
        "share of prompt tokens that were found in the cache of prefixes",
        SHARE,
        Telling::Ratio,
        &[
            ("vllm:prefix_cache_hits_total", "vllm:prefix_cache_queries_total"),
            (
                "vllm:gpu_prefix_cache_hits_total",
                "vllm:gpu_prefix_cache_queries_total",
            ),
            ("sglang:cached_tokens_total", "sglang:prompt_tokens_total"),
        ],
    ),
    known(
        "prefix_cache_hits",
        "share of prompt tokens that were found in the cache of prefixes, as the server averages it",
        SHARE,
        Telling::Level,
        &[("sglang:cache_hit_rate", "")],
    ),
    known(
        "prompt_tokens",
        "prompt tokens that the server took in",
        TOKENS,
        Telling::Growth,
        &[
            ("vllm:prompt_tokens_total", ""),
            ("sglang:prompt_tokens_total", ""),
            ("tgi_request_input_length_sum", ""),
            ("llamacpp:prompt_tokens_total", ""),
        ],
    ),
    known(
        "generation_tokens",
        "tokens that the server made",
        TOKENS,
        Telling::Growth,
        &[
            ("vllm:generation_tokens_total", ""),
            ("sglang:generation_tokens_total", ""),
            ("tgi_request_generated_tokens_sum", ""),
            ("llamacpp:tokens_predicted_total", ""),
        ],
    ),
    known(
        "requests_done",
        "requests that the server ended well",
        REQUESTS,
        Telling::Growth,
        &[
            ("vllm:request_success_total", ""),
            ("sglang:num_requests_total", ""),
            ("tgi_request_success", ""),
        ],
    ),
    known(
        "preemptions",
        "requests that were stopped for want of cache, and begun again",
        REQUESTS,
        Telling::Growth,
        &[("vllm:num_preemptions_total", "")],
    ),
    known(
        "queue_time",
        "from taken in to begun, as the server measures it",
        MS,
        Telling::Distribution,
        &[
            ("vllm:request_queue_time_seconds", ""),
            ("sglang:queue_time_seconds", ""),
            ("tgi_request_queue_duration", ""),
        ],
    ),
    known(
        "ttft",
        "to the first token, as the server measures it",
        MS,
        Telling::Distribution,
        &[
            ("vllm:time_to_first_token_seconds", ""),
            ("sglang:time_to_first_token_seconds", ""),
        ],
    ),
    known(
        "itl",
        "between tokens, as the server measures it",
        MS,
        Telling::Distribution,
        &[
            ("vllm:inter_token_latency_seconds", ""),
            ("vllm:time_per_output_token_seconds", ""),
            ("sglang:inter_token_latency_seconds", ""),
            ("sglang:time_per_output_token_seconds", ""),
            ("tgi_request_mean_time_per_token_duration", ""),
        ],
    ),
    known(
        "prefill_time",
        "reading the prompt, as the server measures it",
        MS,
        Telling::Distribution,
        &[("vllm:request_prefill_time_seconds", "")],
    ),
    known(
        "decode_time",
        "from the first token to the last, as the server measures it",
        MS,
        Telling::Distribution,
        &[("vllm:request_decode_time_seconds", "")],
    ),
    known(
        "e2e",
        "whole requests, as the server measures them",
        MS,
        Telling::Distribution,
        &[
            ("vllm:e2e_request_latency_seconds", ""),
            ("sglang:e2e_request_latency_seconds", ""),
            ("tgi_request_duration", ""),
        ],
    ),
];
