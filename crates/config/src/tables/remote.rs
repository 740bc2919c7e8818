//! The grammar of what targets over HTTP share, and of those that do not speak OpenAI's APIs.

use super::target::{LIMITS_FIELD, PRICE_FIELD, PROVIDER, RETRY_FIELD, TARGET_NAME, TARGET_TRIED};
use crate::shape::{Field, Shape, Table};

/// APIs that a target of provider `openai` may speak.
pub(crate) const OPENAI_APIS: &[&str] = &["chat", "responses", "completions", "embeddings"];

pub(super) const PARAMS_FIELD: Field =
    Field::new("params", Shape::AnyMap, "request parameters, sent as they are").default("{}");
pub(super) const HEADERS_FIELD: Field = Field::new(
    "headers",
    Shape::MapOf(&Shape::Line),
    "extra headers; values that are secret belong below `headers_env`",
)
.default("{}");
pub(super) const HEADERS_ENV_FIELD: Field = Field::new(
    "headers_env",
    Shape::MapOf(&Shape::Variable),
    "extra headers whose values are secret: names of the environment variables that hold them",
)
.default("{}");
pub(super) const STREAM_FIELD: Field = Field::new(
    "stream",
    Shape::Bool,
    "whether answers are asked for as streams, which is what gives the time of the first token",
)
.default("true");

pub(crate) static ANTHROPIC: Table = Table {
    what: "a target",
    fields: &[
        TARGET_NAME,
        PROVIDER,
        Field::new(
            "base_url",
            Shape::Address,
            "address of the API; `/messages` is added to it",
        )
        .default("\"https://api.anthropic.com/v1\""),
        Field::new("model", Shape::Line, "model as the provider names it").required(),
        Field::new(
            "api_key_env",
            Shape::Variable,
            "name of the environment variable that holds the key, never the key; on loopback none is needed",
        )
        .default("\"ANTHROPIC_API_KEY\""),
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

pub(crate) static HTTP: Table = Table {
    what: "a target",
    fields: &[
        TARGET_NAME,
        PROVIDER,
        Field::new("url", Shape::Url, "whole address that is asked").required(),
        Field::new(
            "method",
            Shape::Choice {
                words: &["POST", "PUT", "PATCH", "GET"],
                later: &[],
            },
            "method of the request",
        )
        .default("\"POST\""),
        Field::new(
            "body",
            Shape::Any,
            "body of the request: a map or list whose texts are templates over messages, prompt, system, params, columns, id and epoch, or a template of JSON; a text that is one expression becomes its value",
        ),
        Field::new(
            "answer",
            Shape::Pointer,
            "where the text of the answer is, a JSON pointer",
        )
        .required(),
        Field::new(
            "usage_input",
            Shape::Pointer,
            "where the number of prompt tokens is",
        ),
        Field::new(
            "usage_output",
            Shape::Pointer,
            "where the number of generated tokens is",
        ),
        Field::new("finish_reason", Shape::Pointer, "where the reason of the end is"),
        Field::new(
            "answer_model",
            Shape::Pointer,
            "where the name of the model that answered is",
        ),
        Field::new(
            "stream",
            Shape::Record(&STREAM),
            "how a stream of server-sent events is read, where the endpoint answers in one",
        ),
        Field::new(
            "api_key_env",
            Shape::Variable,
            "name of the environment variable that holds a key, which is sent as `authorization: Bearer …`; none unless given",
        ),
        Field::new(
            "params",
            Shape::AnyMap,
            "values that the body may use as `params`",
        )
        .default("{}"),
        HEADERS_FIELD,
        HEADERS_ENV_FIELD,
        PRICE_FIELD,
        LIMITS_FIELD,
        RETRY_FIELD,
    ],
    exclusive: &[],
    one_of: &[],
    later: &[],
    tried: &[
        ("base_url", "did you mean `url`? it is the whole address"),
        ("endpoint", "did you mean `url`?"),
        (
            "model",
            "write the model into the `body` as the endpoint wants it",
        ),
        ("output", "did you mean `answer`?"),
        ("response", "did you mean `answer`?"),
        ("transformResponse", "did you mean `answer`? it is a JSON pointer"),
        (
            "prompt",
            "write the prompt into the `body`: `{q: \"{{ prompt }}\"}`",
        ),
        (
            "api_key",
            "keys do not belong into a suite: put the key into an environment variable and write its name as `api_key_env`",
        ),
        ("timeout", "write it below `limits:`"),
        ("concurrency", "write it below `limits:`"),
        ("retries", "did you mean `retry: {attempts: …}`?"),
    ],
};

static STREAM: Table = Table {
    what: "`stream`",
    fields: &[
        Field::new(
            "delta",
            Shape::Pointer,
            "where in each event the next piece of text is",
        )
        .required(),
        Field::new(
            "done",
            Shape::Line,
            "data of the last event, such as `[DONE]`; without it the stream ends with the answer's body",
        ),
    ],
    exclusive: &[],
    one_of: &[],
    later: &[],
    tried: &[("text", "did you mean `delta`?"), ("end", "did you mean `done`?")],
};
