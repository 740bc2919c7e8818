//! Real traces: an hour of production chat of Azure and the head of Mooncake's conversations.

use seatrial_load::trace::{Trace, TraceFormat, block_tokens};
use seatrial_testkit::test_data;
use std::fs::File;
use std::io::BufReader;

fn read(test: &str, path: &str) -> Option<Trace> {
    let path = test_data(test)?.join("benchmarks").join(path);
    let file = File::open(&path).expect("the data set has this file");
    Some(Trace::read(BufReader::new(file), &path.display().to_string(), usize::MAX).expect("a trace"))
}

/// Protects: all of Azure's hour is read: rows, sums of tokens and the last moment as a plain `awk` gives them.
#[test]
fn azure_2023() {
    let Some(trace) = read(
        "azure_2023",
        "traces_azure_2023_conv/AzureLLMInferenceTrace_conv.csv",
    ) else {
        return;
    };
    assert_eq!((trace.format, trace.rows.len()), (TraceFormat::Azure, 19_366));
    assert_eq!(
        trace.rows.iter().map(|row| row.input_tokens).sum::<u64>(),
        22_361_870
    );
    assert_eq!(
        trace.rows.iter().map(|row| row.output_tokens).sum::<u64>(),
        4_088_665
    );
    // 18:15:46.6805900 to 19:14:08.4025270.
    let schedule = trace.schedule(1.0);
    assert_eq!(schedule[0], 0);
    assert_eq!(*schedule.last().unwrap(), 3_501_721_937_000);
    assert!(schedule.is_sorted());
    assert_eq!(*trace.schedule(10.0).last().unwrap(), 350_172_193_700);
    assert_eq!(trace.shared_input(), None);
}

/// Protects: Mooncake's blocks are as many as the lengths ask for, and the share of input that a prefix cache would save
/// is the one that an independent count gives (0.3527).
#[test]
fn mooncake() {
    let Some(trace) = read("mooncake", "traces_mooncake/conversation_trace_head.jsonl") else {
        return;
    };
    assert_eq!((trace.format, trace.rows.len()), (TraceFormat::Mooncake, 6_000));
    assert_eq!(trace.schedule(1.0).last(), Some(&1_872_000_000_000));
    for row in &trace.rows {
        let tokens: u64 = (0..row.blocks.len()).map(|place| block_tokens(row, place)).sum();
        assert_eq!(tokens, row.input_tokens);
    }
    assert!((trace.shared_input().unwrap() - 0.352_732_98).abs() < 1e-6);
}
