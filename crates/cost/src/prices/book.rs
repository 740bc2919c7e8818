//! Books of prices: many sheets under `provider/model`, from one source, found by exact id or by the rules of the source.

use super::rule::Rule;
use super::sheet::Sheet;
use std::collections::HashMap;

/// Other names of providers, and the name that stands for all of them.
const PROVIDER_NAMES: &[(&str, &str)] = &[
    ("gemini", "google"),
    ("google-gemini", "google"),
    ("google_genai", "google"),
    ("vertex_ai", "google"),
    ("vertex", "google"),
    ("xai", "x-ai"),
    ("together_ai", "together"),
    ("together-ai", "together"),
    ("bedrock", "aws"),
    ("bedrock_converse", "aws"),
    ("amazon-bedrock", "aws"),
    ("fireworks_ai", "fireworks"),
    ("fireworks-ai", "fireworks"),
    ("moonshot", "moonshotai"),
    ("cohere_chat", "cohere"),
    ("mistralai", "mistral"),
    ("azure_ai", "azure"),
    ("azure-openai", "azure"),
    ("z-ai", "zai"),
];

/// The one name of a provider.
#[must_use]
pub fn provider_name(name: &str) -> String {
    let lower = name.trim().to_ascii_lowercase();
    PROVIDER_NAMES
        .iter()
        .find(|(other, _)| *other == lower)
        .map_or(lower, |(_, one)| (*one).to_owned())
}

/// A model with its prices.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Provider, by its one name.
    pub provider: String,
    /// Model as the source names it, without the provider.
    pub model: String,
    /// The key in the source.
    pub key: String,
    /// Prices.
    pub sheet: Sheet,
    /// Prices that are listed and cannot be applied to usage, as `name: value`: per second, per pixel, per session.
    pub beside: Vec<String>,
    /// What about the entry should be known, such as prices of zero that stand for "unknown".
    pub notes: Vec<String>,
    /// Rule by which further ids are this model.
    pub(crate) rule: Option<Rule>,
}

/// Prices of one source.
#[derive(Debug, Clone, Default)]
pub struct Book {
    /// What it is called: a file, `litellm`, `genai-prices`.
    pub source: String,
    /// The date of the prices, where the source says.
    pub as_of: Option<String>,
    entries: Vec<Entry>,
    index: HashMap<String, usize>,
    providers: HashMap<String, ProviderRules>,
    /// Entries that an earlier one of the same id hides.
    hidden: usize,
}

/// What a source says of a provider beside its models.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProviderRules {
    /// Providers whose models it serves at their prices.
    pub(crate) fallback: Vec<String>,
}

impl Book {
    /// An empty book.
    #[must_use]
    pub fn new(source: String) -> Self {
        Self {
            source,
            ..Self::default()
        }
    }

    /// Adds an entry; where its id is there already, the first one keeps it.
    pub fn push(&mut self, entry: Entry) {
        let key = index_key(&entry.provider, &entry.model);
        let next = self.entries.len();
        if *self.index.entry(key).or_insert(next) != next {
            self.hidden += 1;
        }
        self.entries.push(entry);
    }

    pub(crate) fn set_rules(&mut self, provider: String, rules: ProviderRules) {
        self.providers.insert(provider, rules);
    }

    /// Every entry, in the order of the source.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Entries whose id an earlier one has.
    #[must_use]
    pub const fn hidden(&self) -> usize {
        self.hidden
    }

    /// The entry of exactly this id.
    #[must_use]
    pub fn exact(&self, provider: &str, model: &str) -> Option<&Entry> {
        self.index
            .get(&index_key(&provider_name(provider), model))
            .and_then(|place| self.entries.get(*place))
    }

    /// The entry that somebody names: by its key in the source, as `provider/model`, or by the model alone.
    ///
    /// # Errors
    /// No entry, or several.
    pub fn named(&self, id: &str) -> Result<&Entry, NotFound> {
        if let Some(entry) = self.entries.iter().find(|entry| entry.key == id) {
            return Ok(entry);
        }
        match id.split_once('/') {
            Some((provider, model)) => self.find(Some(provider), model).or_else(|_| self.find(None, id)),
            None => self.find(None, id),
        }
    }

    /// The entry of a model as a provider reports it: by id, by the source's rules, then by those of the providers whose
    /// models it serves. Without a provider the model must be priced by one alone.
    ///
    /// # Errors
    /// No entry, or several.
    pub fn find(&self, provider: Option<&str>, model: &str) -> Result<&Entry, NotFound> {
        let none = || NotFound::None {
            provider: provider.map(str::to_owned),
            model: model.to_owned(),
        };
        let Some(provider) = provider else {
            return self.find_anywhere(model).and_then(|found| found.ok_or_else(none));
        };
        let provider = provider_name(provider);
        let own = model
            .split_once('/')
            .filter(|(head, _)| provider_name(head) == provider)
            .map_or(model, |(_, model)| model);
        let mut asked = vec![provider.clone()];
        asked.extend(
            self.providers
                .get(&provider)
                .into_iter()
                .flat_map(|rules| rules.fallback.clone()),
        );
        asked
            .iter()
            .find_map(|provider| {
                self.exact(provider, own)
                    .or_else(|| self.exact(provider, model))
                    .or_else(|| self.by_rule(provider, own))
            })
            .ok_or_else(none)
    }

    fn by_rule(&self, provider: &str, model: &str) -> Option<&Entry> {
        let of_provider = self.entries.iter().filter(|entry| entry.provider == provider);
        let lower = model.to_lowercase();
        of_provider.into_iter().find(|entry| {
            entry
                .rule
                .as_ref()
                .is_some_and(|rule| rule.matches(model, &lower))
        })
    }

    fn find_anywhere(&self, model: &str) -> Result<Option<&Entry>, NotFound> {
        if let Some((head, tail)) = model.split_once('/')
            && let Some(entry) = self.exact(head, tail)
        {
            return Ok(Some(entry));
        }
        let lower = model.to_lowercase();
        let mut found = self
            .entries
            .iter()
            .filter(|entry| entry.model.to_lowercase() == lower);
        let first = found.next();
        match first {
            Some(first) => match found.find(|other| other.sheet != first.sheet) {
                None => Ok(Some(first)),
                Some(other) => Err(NotFound::Several {
                    model: model.to_owned(),
                    providers: format!("{} and {}", first.provider, other.provider),
                }),
            },
            None => Ok(None),
        }
    }
}

fn index_key(provider: &str, model: &str) -> String {
    format!("{provider}/{}", model.to_lowercase())
}

/// Why a model has no entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// The book does not have it.
    #[error("no price for model `{model}`{}", provider.as_ref().map_or_else(String::new, |provider| format!(" of `{provider}`")))]
    None {
        /// Provider that was asked for.
        provider: Option<String>,
        /// Model that was asked for.
        model: String,
    },
    /// Without a provider it is not one model.
    #[error("model `{model}` has different prices at {providers}, and the row has no `provider`")]
    Several {
        /// Model that was asked for.
        model: String,
        /// Two of the providers.
        providers: String,
    },
}
