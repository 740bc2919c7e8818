//! Latencies as an HdrHistogram log, which many tools read. Apart because it is their format.

use crate::gauge::TimeHistogram;
use crate::record::Recording;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use std::time::Duration;

/// One interval for each histogram, over the measured stretch, tagged with its name; values are microseconds. The error
/// says what could not be encoded.
pub fn hdr_log(
    histograms: &[(&'static str, TimeHistogram)],
    recording: &Recording,
) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut writer = IntervalLogWriterBuilder::new()
        .add_comment("seatrial load; values in microseconds")
        .begin_log_with(&mut bytes, &mut serializer)
        .map_err(|error| error.to_string())?;
    let start = Duration::from_nanos(recording.measured_from_ns);
    let length = Duration::from_nanos(
        recording
            .measured_to_ns
            .saturating_sub(recording.measured_from_ns),
    );
    for (name, histogram) in histograms {
        writer
            .write_histogram(histogram.as_histogram(), start, length, Tag::new(name))
            .map_err(|error| format!("{name}: {error:?}"))?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    /// Protects other tools: what is written is read back by the format's own reader, values and names.
    #[test]
    fn logs_are_read_back() {
        let mut histogram = TimeHistogram::default();
        for ms in 1..=100 {
            histogram.add_ms(f64::from(ms));
        }
        let recording = Recording {
            measured_from_ns: 2_000_000_000,
            measured_to_ns: 5_000_000_000,
            ..Recording::default()
        };
        let log = hdr_log(&[("ttft", histogram)], &recording).unwrap();
        let mut found = Vec::new();
        for entry in IntervalLogIterator::new(&log) {
            if let LogEntry::Interval(interval) = entry.unwrap() {
                let bytes = base64::Engine::decode(
                    &base64::engine::general_purpose::STANDARD,
                    interval.encoded_histogram(),
                )
                .unwrap();
                let back: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
                found.push((
                    interval.tag().unwrap().as_str().to_owned(),
                    back.len(),
                    back.value_at_quantile(0.5) / 1000,
                    interval.duration(),
                ));
            }
        }
        assert_eq!(found, [("ttft".to_owned(), 100, 50, Duration::from_secs(3))]);
    }
}
