//! The grammar of a suite as tables: every key, what it may be, what it is for and its default. Checks, messages and
//! the JSON Schema are made from these.

mod bounds;
mod dataset;
mod exec;
mod gate;
mod load;
mod price;
mod quarantine;
mod remote;
mod suite;
mod target;
mod task;

pub(crate) use bounds::MAX_SEVERITIES;
pub use bounds::{
    DEFAULT_ANTHROPIC_KEY_ENV, DEFAULT_ANTHROPIC_URL, DEFAULT_API_KEY_ENV, DEFAULT_BASE_URL, MAX_ATTEMPTS,
    MAX_COMMAND_PARTS, MAX_CONCURRENCY, MAX_EPOCHS, MAX_GATES, MAX_IMAGES, MAX_IN_FLIGHT, MAX_INLINE_CASES,
    MAX_MESSAGES, MAX_PROMPTS, MAX_QUARANTINED, MAX_SCORERS, MAX_SLICES, MAX_TARGETS, MAX_TASKS,
    MAX_TOOL_CALLS, MAX_WORKERS,
};
pub use dataset::DEFAULT_TOKEN_ENV;
pub(crate) use load::LOAD_TASK;
pub(crate) use suite::{INCLUDE, SUITE};
pub(crate) use target::{PROVIDERS, TARGETS};
pub(crate) use task::TASK;

#[cfg(test)]
mod tests {
    use super::gate::GATE;
    use super::remote::ANTHROPIC;
    use super::target::{LIMITS, OPENAI, RETRY};
    use super::*;
    use crate::shape::Table;

    /// Protects the defaults that the schema and the reference pages print: they are the ones that the plan uses.
    #[test]
    fn documented_defaults_are_the_real_ones() {
        let documented = |table: &Table, name: &str| {
            let field = table.fields.iter().find(|field| field.name == name).unwrap();
            serde_json::from_str::<serde_json::Value>(field.default.unwrap()).unwrap()
        };
        let (limits, retry) = (crate::Limits::default(), crate::Retry::default());
        let time = |table: &Table, name: &str| {
            crate::value::parse_duration(documented(table, name).as_str().unwrap())
        };
        let concurrency = serde_json::to_value(limits.concurrency).unwrap();
        assert_eq!(documented(&LIMITS, "concurrency"), concurrency);
        let cache = crate::CacheMode::from_word(documented(&SUITE, "cache").as_str().unwrap());
        assert_eq!(cache, Some(crate::CacheMode::default()));
        assert_eq!(time(&LIMITS, "timeout"), Some(limits.timeout));
        assert_eq!(documented(&RETRY, "attempts"), retry.attempts);
        assert_eq!(time(&RETRY, "wait_first"), Some(retry.wait_first));
        assert_eq!(time(&RETRY, "wait_max"), Some(retry.wait_max));
        assert_eq!(documented(&OPENAI, "base_url"), DEFAULT_BASE_URL);
        assert_eq!(documented(&OPENAI, "api_key_env"), DEFAULT_API_KEY_ENV);
        assert_eq!(documented(&ANTHROPIC, "base_url"), DEFAULT_ANTHROPIC_URL);
        assert_eq!(documented(&ANTHROPIC, "api_key_env"), DEFAULT_ANTHROPIC_KEY_ENV);
        assert_eq!(
            documented(&SUITE, "max_error_rate"),
            crate::DEFAULT_MAX_ERROR_RATE
        );
        assert_eq!(documented(&GATE, "risk"), crate::gate::DEFAULT_RISK);
    }
}
