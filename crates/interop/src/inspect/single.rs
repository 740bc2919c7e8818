//! The single-file form of a log: one JSON object with all samples in it. Apart because it may be larger than memory:
//! samples are taken out of the stream one by one.

use super::header::Header;
use super::sample::Sample;
use crate::error::ImportError;
use crate::foreign::{FileFacts, OnSample, Tally};
use crate::tolerant::Tolerant;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;
use std::io::{BufReader, Read};
use std::path::Path;

const BUFFER_BYTES: usize = 256 * 1024;
const WHAT: &str = "an Inspect log";

pub(super) fn read(path: &Path, f: OnSample<'_>) -> Result<FileFacts, ImportError> {
    let header: Header =
        serde_json::from_reader(open(path)?).map_err(|error| ImportError::json(path, WHAT, &error))?;
    header.check(path)?;
    let mut samples = Samples {
        header: &header,
        tally: Tally::default(),
        number: 0,
        failed: None,
        f,
    };
    let mut json = serde_json::Deserializer::from_reader(open(path)?);
    let streamed = SamplesOf(&mut samples).deserialize(&mut json);
    if let Some(error) = samples.failed {
        return Err(error);
    }
    let place = format!("sample {}", samples.number);
    streamed.map_err(|error| ImportError::json(path, WHAT, &error).at(place))?;
    let mut facts = header.facts(false);
    facts.warnings.extend(samples.tally.into_warnings());
    Ok(facts)
}

fn open(path: &Path) -> Result<impl Read, ImportError> {
    let file = BufReader::with_capacity(BUFFER_BYTES, crate::text_file::open(path)?);
    Ok(BufReader::with_capacity(BUFFER_BYTES, Tolerant::new(file)))
}

struct Samples<'a, 'b> {
    header: &'a Header,
    tally: Tally,
    /// 1-based number of the sample that is being read.
    number: u64,
    failed: Option<ImportError>,
    f: OnSample<'b>,
}

/// The whole log, of which only the samples are looked at.
struct SamplesOf<'a, 'b, 'c>(&'a mut Samples<'b, 'c>);

impl<'de> DeserializeSeed<'de> for SamplesOf<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for SamplesOf<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(WHAT)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "samples" {
                map.next_value_seed(SampleList(self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

struct SampleList<'a, 'b, 'c>(&'a mut Samples<'b, 'c>);

impl<'de> DeserializeSeed<'de> for SampleList<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for SampleList<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of samples")
    }

    /// A log without its samples (`null`): `--log-samples` was off.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let samples = self.0;
        samples.number = 1;
        while let Some(sample) = list.next_element::<Sample>()? {
            let place = format!("sample {}", samples.number);
            let sample = sample.into_foreign(samples.header, &place, &mut samples.tally);
            if let Err(error) = (samples.f)(sample) {
                samples.failed = Some(error);
                return Err(serde::de::Error::custom("stopped"));
            }
            samples.number += 1;
        }
        Ok(())
    }
}
