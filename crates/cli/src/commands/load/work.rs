//! From arguments to the requests of a load, made before it begins, and to the moments of a trace. Apart because making
//! text must not happen while anything is measured.

use super::endpoint::blueprint_of;
use crate::args::LoadArguments;
use crate::error::CliError;
use seatrial_load::trace::Trace;
use seatrial_load::vocabulary::read_tokenizer;
use seatrial_load::words::{Calibration, TokenCounter};
use seatrial_load::workload::{Length, Lengths, Source, Workload};
use seatrial_provider::{Blueprint, Endpoint};
use seatrial_types::{Message, ModelRequest, Role};
use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Different prompts that are made where no trace says how many; they are then taken in turn.
pub(super) const PROMPTS: u64 = 1_000;
/// Bytes of all requests together.
pub(super) const BYTES_MAX: usize = 1 << 30;

/// Requests of a load.
pub(super) struct Work {
    pub(super) requests: Vec<Arc<[u8]>>,
    /// When each is due, in nanoseconds; `None` where the shape of the load says so.
    pub(super) times: Option<Vec<u64>>,
}

/// The requests of made prompts or of a trace; `None` where one text is asked again and again.
pub(super) fn made(arguments: &LoadArguments, endpoint: &Endpoint) -> Result<Option<Work>, CliError> {
    let inputs = &arguments.inputs;
    if let Some(path) = &inputs.trace {
        return traced(arguments, path, endpoint).map(Some);
    }
    let Some(workload) = made_workload(arguments)? else {
        return Ok(None);
    };
    let wanted = arguments.shape.requests.unwrap_or(PROMPTS).min(PROMPTS);
    let mut writer = Writer::new(arguments, endpoint);
    let mut requests = Vec::new();
    for index in 0..wanted {
        // Where they are long, fewer of them will do; one there must be.
        if writer.bytes > BYTES_MAX && !requests.is_empty() {
            break;
        }
        requests.push(writer.write(&workload, index)?);
    }
    Ok(Some(Work {
        requests,
        times: None,
    }))
}

/// The lengths of prompts and answers that were asked for; prompts of one token where none were.
pub(super) fn lengths(arguments: &LoadArguments) -> Result<Lengths, CliError> {
    let inputs = &arguments.inputs;
    let length = |name: &str, text: &str| {
        Length::parse(text).map_err(|error| CliError::usage(format!("{name} cannot be read: {error}")))
    };
    Ok(Lengths {
        input: match &inputs.input_tokens {
            Some(text) => length("--input-tokens", text)?,
            None => Length::fixed(1),
        },
        output: match &inputs.output_tokens {
            Some(text) => Some(length("--output-tokens", text)?),
            None => None,
        },
        correlation: inputs.correlation,
    })
}

/// Prompts made to length; `None` where one text is asked again and again.
pub(super) fn made_workload(arguments: &LoadArguments) -> Result<Option<Workload>, CliError> {
    if arguments.inputs.input_tokens.is_none() {
        return Ok(None);
    }
    let lengths = lengths(arguments)?;
    let source = match &arguments.inputs.shared_prefix {
        None => Source::Drawn(lengths),
        Some(text) => shared(text, lengths)?,
    };
    workload(arguments, source).map(Some)
}

/// A workload that is asked for texts alone.
pub(super) fn plain_workload(arguments: &LoadArguments) -> Result<Workload, CliError> {
    workload(arguments, Source::Drawn(lengths(arguments)?))
}

fn shared(text: &str, rest: Lengths) -> Result<Source, CliError> {
    let parts = text.split_once('x').and_then(|(prefixes, tokens)| {
        let prefixes = prefixes
            .trim()
            .parse::<u64>()
            .ok()
            .filter(|n| (1..=1_000_000).contains(n))?;
        let tokens = tokens.trim().parse::<u64>().ok().filter(|n| *n <= 10_000_000)?;
        Some((prefixes, tokens))
    });
    let (prefixes, prefix_tokens) = parts.ok_or_else(|| {
        CliError::usage(format!(
            "--shared-prefix is `{text}`, expected how many and how long"
        ))
        .hint("write it like 4x1000: four beginnings of 1000 tokens")
    })?;
    Ok(Source::SharedPrefix {
        prefixes,
        prefix_tokens,
        rest,
    })
}

fn workload(arguments: &LoadArguments, source: Source) -> Result<Workload, CliError> {
    Ok(Workload {
        calibration: Calibration {
            tokens_per_word: arguments.inputs.tokens_per_word,
            overhead: 0.0,
        },
        counter: counter(arguments)?,
        ..Workload::new(source, arguments.shape.seed)
    })
}

/// The tokenizer that was given; `None` where words are taken for tokens of prompts, and events for those of answers.
pub(super) fn counter(arguments: &LoadArguments) -> Result<Option<Arc<dyn TokenCounter>>, CliError> {
    let Some(path) = &arguments.inputs.tokenizer else {
        return Ok(None);
    };
    let failed = |problem: String| {
        CliError::usage(format!("--tokenizer {}: {problem}", path.display()))
            .hint("name a tokenizer.json, or a vocabulary in tiktoken's form such as cl100k_base.tiktoken")
    };
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    let counter = read_tokenizer(BufReader::new(file)).map_err(|error| failed(error.to_string()))?;
    Ok(Some(counter))
}

fn traced(arguments: &LoadArguments, path: &Path, endpoint: &Endpoint) -> Result<Work, CliError> {
    let shape = &arguments.shape;
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| {
        CliError::usage(format!("--trace {name}: {error}")).hint("name a file that is there and can be read")
    })?;
    let rows_max = shape
        .requests
        .map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    let trace =
        Trace::read(BufReader::new(file), &name, rows_max).map_err(|error| match error.source_text() {
            Some(source) => CliError::usage(format!("{error}: {source}")),
            None => CliError::usage(error.to_string()),
        })?;
    let mut times = trace.schedule(arguments.inputs.speed);
    if let Some(duration) = shape.duration {
        let end = nanoseconds(duration + shape.warmup);
        times.retain(|at| *at < end);
    }
    let workload = workload(arguments, Source::Trace(Arc::new(trace)))?;
    let mut writer = Writer::new(arguments, endpoint);
    let mut requests = Vec::with_capacity(times.len());
    for index in 0..times.len() as u64 {
        requests.push(writer.write(&workload, index)?);
        if writer.bytes > BYTES_MAX {
            return Err(CliError::usage(format!(
                "the prompts of {name} are larger than {} MiB after {} of {} requests",
                BYTES_MAX >> 20,
                requests.len(),
                times.len()
            ))
            .hint("replay a part with --requests N or --duration TIME"));
        }
    }
    Ok(Work {
        requests,
        times: Some(times),
    })
}

/// Nanoseconds of a duration; 584 years are enough.
pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Writes requests, each with the number of output tokens that it asks for.
struct Writer<'a> {
    endpoint: &'a Endpoint,
    /// What the API calls the number of output tokens.
    parameter: &'static str,
    /// One for each number of output tokens.
    blueprints: HashMap<Option<u64>, Blueprint>,
    bytes: usize,
}

/// Blueprints that are kept: one for each length of answers.
const BLUEPRINTS_MAX: usize = 4_096;

impl<'a> Writer<'a> {
    fn new(arguments: &LoadArguments, endpoint: &'a Endpoint) -> Self {
        Self {
            endpoint,
            parameter: super::endpoint::output_parameter(arguments),
            blueprints: HashMap::new(),
            bytes: 0,
        }
    }

    fn write(&mut self, workload: &Workload, index: u64) -> Result<Arc<[u8]>, CliError> {
        let ask = workload.ask(index);
        // An endpoint that is asked for no token at all says that this is an error.
        let tokens = ask.output_tokens.map(|tokens| tokens.max(1));
        if self.blueprints.len() >= BLUEPRINTS_MAX {
            self.blueprints.clear();
        }
        if !self.blueprints.contains_key(&tokens) {
            let mut endpoint = self.endpoint.clone();
            if let Some(tokens) = tokens {
                endpoint.params.insert(self.parameter.to_owned(), tokens.into());
            }
            self.blueprints.insert(tokens, blueprint_of(&endpoint)?);
        }
        let request = ModelRequest {
            messages: vec![Message::new(Role::User, &*ask.prompt)],
            ..ModelRequest::default()
        };
        let mut bytes = Vec::new();
        if let Some(blueprint) = self.blueprints.get(&tokens) {
            blueprint
                .push_request(&request, &mut bytes)
                .map_err(CliError::usage)?;
        }
        self.bytes += bytes.len();
        Ok(bytes.into())
    }
}
