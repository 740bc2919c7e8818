//! Typed values out of a checked map, and maps merged with their defaults. A value that does not fit was reported by
//! the check before and is simply absent here.

use crate::scalar::Meaning;
use crate::shape::{NAME_KEY, Shape, Table};
use crate::value::parse_duration;
use crate::yaml::{Data, Entry, Node, Scalar};
use saphyr_parser::ScalarStyle;
use seatrial_types::Money;
use std::time::Duration;

/// The map `own` with what `defaults` adds to it, keys of `table` only. Maps below are merged too; lists and single
/// values are replaced as a whole. A default that excludes a key of `own` (`limit` beside `first`) is left out.
pub(crate) fn merge(own: &Node, defaults: Option<&Node>, table: &Table) -> Node {
    let known = |entry: &&Entry| {
        let name = entry.key.text.as_str();
        name != NAME_KEY && table.fields.iter().any(|field| field.name == name)
    };
    let defaults = defaults.map_or(&[][..], Node::entries);
    let wanted: Vec<&Entry> = defaults.iter().filter(known).collect();
    merge_entries(own, &wanted, Some(table))
}

fn merge_entries(own: &Node, defaults: &[&Entry], table: Option<&Table>) -> Node {
    let Data::Map(entries) = &own.data else {
        return own.clone();
    };
    let mut merged = entries.clone();
    for default in defaults {
        let name = default.key.text.as_str();
        match merged.iter_mut().find(|entry| entry.key.text == name) {
            None if table.is_some_and(|table| is_excluded(name, own, table)) => {}
            None => merged.push((*default).clone()),
            Some(entry) => {
                let below: Vec<&Entry> = default.value.entries().iter().collect();
                let field = table.and_then(|table| table.fields.iter().find(|field| field.name == name));
                let table = field.and_then(|field| match field.shape {
                    Shape::Record(table) => Some(table),
                    _ => None,
                });
                entry.value = merge_entries(&entry.value, &below, table);
            }
        }
    }
    Node {
        span: own.span.clone(),
        data: Data::Map(merged),
    }
}

/// Whether `own` has a key beside which `name` may not stand.
fn is_excluded(name: &str, own: &Node, table: &Table) -> bool {
    table.exclusive.iter().any(|group| {
        let mut others = group.iter().filter(|other| **other != name);
        group.contains(&name) && others.any(|other| own.get(other).is_some())
    })
}

impl Node {
    /// The text of a value that is one; numbers and words such as `true` count as what they look like.
    pub(crate) fn scalar_text(&self) -> Option<&str> {
        match &self.data {
            Data::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }

    /// The text of key `key`, where it is a text that is not empty.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        let value = self.get(key)?;
        value.as_text().filter(|text| !text.is_empty())
    }

    /// The text of a node that is one.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.data {
            Data::Scalar(scalar) if scalar.meaning() == Meaning::Text => Some(&scalar.text),
            _ => None,
        }
    }

    /// The whole number of key `key`, where there is one that is not negative.
    pub(crate) fn whole(&self, key: &str) -> Option<u64> {
        self.get(key)?.as_whole()
    }

    /// Whether the value of a key is `true`; `None` where it is missing or neither `true` nor `false`.
    pub(crate) fn truth(&self, key: &str) -> Option<bool> {
        match self.get(key)?.meaning()? {
            Meaning::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The whole number that a node is, where it is one that is not negative.
    pub(crate) fn as_whole(&self) -> Option<u64> {
        match self.meaning()? {
            Meaning::Whole(value) => u64::try_from(value).ok(),
            _ => None,
        }
    }

    /// The number of key `key`.
    #[expect(
        clippy::cast_precision_loss,
        reason = "limits are compared with floating-point estimates"
    )]
    pub(crate) fn number(&self, key: &str) -> Option<f64> {
        match self.get(key)?.meaning()? {
            Meaning::Whole(value) => Some(value as f64),
            Meaning::Real(value) => Some(value),
            _ => None,
        }
    }

    /// The money of key `key`, exact.
    pub(crate) fn money(&self, key: &str) -> Option<Money> {
        self.get(key)?.scalar_text()?.parse().ok()
    }

    /// The time of key `key`.
    pub(crate) fn duration(&self, key: &str) -> Option<Duration> {
        parse_duration(self.get(key)?.scalar_text()?)
    }

    /// The texts of the list of key `key`; none where there is no list.
    pub(crate) fn texts(&self, key: &str) -> Vec<String> {
        let items = self.get(key).map_or(&[][..], Node::items);
        items
            .iter()
            .filter_map(Node::as_text)
            .map(str::to_owned)
            .collect()
    }

    fn meaning(&self) -> Option<Meaning> {
        match &self.data {
            Data::Scalar(scalar) => Some(scalar.meaning()),
            _ => None,
        }
    }

    /// Gives key `key`, where it is there, another text at the same place.
    pub(crate) fn set_text(&mut self, key: &str, text: &str) {
        if let Data::Map(entries) = &mut self.data
            && let Some(entry) = entries.iter_mut().find(|entry| entry.key.text == key)
        {
            let style = ScalarStyle::DoubleQuoted;
            entry.value.data = Data::Scalar(Scalar {
                text: text.to_owned(),
                style,
            });
        }
    }

    /// Adds entries to a map.
    pub(crate) fn extend<'a>(&mut self, more: impl Iterator<Item = &'a Entry>) {
        if let Data::Map(entries) = &mut self.data {
            entries.extend(more.cloned());
        }
    }

    /// A map without entries at the same place.
    pub(crate) fn emptied(&self) -> Self {
        Self {
            span: self.span.clone(),
            data: Data::Map(Vec::new()),
        }
    }

    /// The map without the entries that `drop` names.
    pub(crate) fn without(mut self, drop: impl Fn(&Entry) -> bool) -> Self {
        if let Data::Map(entries) = &mut self.data {
            entries.retain(|entry| !drop(entry));
        }
        self
    }
}
