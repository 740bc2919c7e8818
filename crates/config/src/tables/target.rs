//! The grammar of targets: one table for each provider, and their limits and retries.

use super::bounds::{MAX_ATTEMPTS, MAX_CONCURRENCY, MAX_COUNT};
use super::remote::{HEADERS_ENV_FIELD, HEADERS_FIELD, OPENAI_APIS, PARAMS_FIELD, STREAM_FIELD};
use super::suite::DOTTED_NAME;
use crate::shape::{Field, Shape, Table};

/// Providers that a target may name.
pub(crate) const PROVIDERS: &[&str] = &["openai", "anthropic", "http", "exec", "recorded"];
const PROVIDER_HINT: &str = "this version has `openai` (any endpoint that speaks OpenAI's APIs), `anthropic`, `http` (any \
                             endpoint that takes and gives JSON), `exec` (a program) and `recorded` (a file of answers)";
pub(super) const PROVIDER: Field = Field::new(
    "provider",
    Shape::Choice {
        words: PROVIDERS,
        later: &[
            ("gemini", PROVIDER_HINT),
            ("bedrock", PROVIDER_HINT),
        ],
    },
    "where the answers come from: `openai` is any endpoint that speaks OpenAI's APIs, `anthropic` Anthropic's messages, `http` any endpoint that takes and gives JSON, `exec` a program, `recorded` a file of answers",
)
.required();
/// The table of each provider.
pub(crate) static TARGETS: &[(&str, &Table)] = &[
    ("openai", &OPENAI),
    ("anthropic", &super::remote::ANTHROPIC),
    ("http", &super::remote::HTTP),
    ("exec", &super::exec::EXEC),
    ("recorded", &RECORDED),
];
/// The same without their words.
pub(crate) static TARGET_TABLES: &[&Table] = &[
    &OPENAI,
    &super::remote::ANTHROPIC,
    &super::remote::HTTP,
    &super::exec::EXEC,
    &RECORDED,
];
pub(super) const TARGET_NAME: Field =
    Field::new("name", DOTTED_NAME, "name of the target in reports").required();
pub(super) const PRICE_FIELD: Field = Field::new(
    "price",
    Shape::Record(&super::price::PRICE),
    "what the target charges, or where that stands; unknown unless given, and then cost is unknown too",
);
pub(super) const LIMITS_FIELD: Field = Field::new(
    "limits",
    Shape::Record(&LIMITS),
    "how hard the target may be driven",
);
pub(super) const RETRY_FIELD: Field = Field::new(
    "retry",
    Shape::Record(&RETRY),
    "what happens after a failed attempt that is worth repeating",
);
pub(super) const TARGET_TRIED: &[(&str, &str)] = &[
    ("url", "did you mean `base_url`?"),
    ("endpoint", "did you mean `base_url`?"),
    ("api_base", "did you mean `base_url`?"),
    (
        "api_key",
        "keys do not belong into a suite: put the key into an environment variable and write its name as `api_key_env`",
    ),
    (
        "key",
        "keys do not belong into a suite: put the key into an environment variable and write its name as `api_key_env`",
    ),
    ("temperature", "request parameters go below `params:`"),
    ("max_tokens", "request parameters go below `params:`"),
    ("top_p", "request parameters go below `params:`"),
    ("stop", "request parameters go below `params:`"),
    ("config", "did you mean `params`?"),
    ("concurrency", "write it below `limits:`"),
    ("rpm", "write it below `limits:`"),
    ("tpm", "write it below `limits:`"),
    ("timeout", "write it below `limits:`"),
    ("retries", "did you mean `retry: {attempts: …}`?"),
    ("id", "did you mean `name`?"),
];

pub(crate) static OPENAI: Table = Table {
    what: "a target",
    fields: &[
        TARGET_NAME,
        PROVIDER,
        Field::new(
            "api",
            Shape::Choice {
                words: OPENAI_APIS,
                later: &[],
            },
            "which of OpenAI's APIs: `chat` is chat completions, `completions` the legacy ones that continue a text, `embeddings` turns the last message into a vector",
        )
        .default("\"chat\""),
        Field::new(
            "base_url",
            Shape::Address,
            "address of the API; its path is added to it, such as `/chat/completions`",
        )
        .default("\"https://api.openai.com/v1\""),
        Field::new("model", Shape::Line, "model as the provider names it").required(),
        Field::new(
            "api_key_env",
            Shape::Variable,
            "name of the environment variable that holds the key, never the key; on loopback none is needed",
        )
        .default("\"OPENAI_API_KEY\""),
        PARAMS_FIELD,
        HEADERS_FIELD,
        HEADERS_ENV_FIELD,
        STREAM_FIELD,
        PRICE_FIELD,
        LIMITS_FIELD,
        RETRY_FIELD,
    ],
    exclusive: &[],
    one_of: &[],
    later: &[],
    tried: TARGET_TRIED,
};

pub(crate) static RECORDED: Table = Table {
    what: "a target",
    fields: &[
        TARGET_NAME,
        PROVIDER,
        Field::new(
            "path",
            Shape::Line,
            "JSON Lines file of answers, relative to the suite",
        )
        .required(),
        Field::new("id_field", Shape::Line, "field with the id of the case").default("\"id\""),
        Field::new("output_field", Shape::Line, "field with the answer").default("\"output\""),
        Field::new("usage_field", Shape::Line, "field with token counts"),
        Field::new(
            "latency_ms_field",
            Shape::Line,
            "field with the latency in milliseconds",
        ),
        PRICE_FIELD,
        LIMITS_FIELD,
        RETRY_FIELD,
    ],
    exclusive: &[],
    one_of: &[],
    later: &[],
    tried: TARGET_TRIED,
};

pub(super) static LIMITS: Table = Table {
    what: "`limits`",
    fields: &[
        Field::new(
            "concurrency",
            Shape::WholeOr {
                min: 1,
                max: MAX_CONCURRENCY,
                table: &CONCURRENCY,
            },
            "calls in flight: a number is the most, found out from below; a map says more",
        )
        .default("{\"start\": 20, \"min\": 1, \"max\": 100}"),
        Field::new(
            "rpm",
            Shape::Whole {
                min: 1,
                max: MAX_COUNT,
            },
            "requests per minute at most; no limit unless given",
        ),
        Field::new(
            "tpm",
            Shape::Whole {
                min: 1,
                max: MAX_COUNT,
            },
            "tokens per minute at most; no limit unless given",
        ),
        Field::new("timeout", Shape::Duration, "time that one attempt may take").default("\"60s\""),
    ],
    exclusive: &[],
    one_of: &[],
    later: &[],
    tried: &[
        ("requests_per_minute", "did you mean `rpm`?"),
        ("tokens_per_minute", "did you mean `tpm`?"),
        ("parallel", "did you mean `concurrency`?"),
    ],
};

const SLOTS: Shape = Shape::Whole {
    min: 1,
    max: MAX_CONCURRENCY,
};

pub(super) static CONCURRENCY: Table = Table {
    what: "`concurrency`",
    fields: &[
        Field::new(
            "start",
            SLOTS,
            "calls in flight at first; 20 unless that is out of bounds",
        ),
        Field::new("min", SLOTS, "least that push-backs may lead to").default("1"),
        Field::new("max", SLOTS, "calls in flight at most").default("100"),
        Field::new(
            "fixed",
            SLOTS,
            "calls in flight all the time, whatever the target says",
        ),
    ],
    exclusive: &[&["fixed", "start"], &["fixed", "min"], &["fixed", "max"]],
    one_of: &[],
    later: &[],
    tried: &[("adaptive", "remove it: without `fixed` concurrency adapts")],
};

pub(super) static RETRY: Table = Table {
    what: "`retry`",
    fields: &[
        Field::new(
            "attempts",
            Shape::Whole {
                min: 1,
                max: MAX_ATTEMPTS,
            },
            "attempts in all, the first one included",
        )
        .default("5"),
        Field::new(
            "wait_first",
            Shape::Duration,
            "wait before the second attempt; doubles with each further one",
        )
        .default("\"500ms\""),
        Field::new("wait_max", Shape::Duration, "longest wait").default("\"30s\""),
    ],
    exclusive: &[],
    one_of: &[],
    later: &[],
    tried: &[
        (
            "retries",
            "did you mean `attempts`? it counts the first attempt too",
        ),
        ("max", "did you mean `attempts`?"),
        ("backoff", "did you mean `wait_first`?"),
    ],
};
