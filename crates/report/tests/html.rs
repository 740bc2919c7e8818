//! The report for the browser, as far as its text tells: what it may load, what hostile texts become, what it weighs,
//! which samples it keeps. What it looks like and does is checked in a browser by `scripts/html_report.sh`.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

mod common;
#[path = "common/samples.rs"]
mod samples;

use base64::Engine;
use common::{findings, gate, many_failures};
use flate2::read::ZlibDecoder;
use samples::{answered, labels};
use seatrial_report::HtmlReport;
use seatrial_report::html::SAMPLES_MAX;
use serde_json::Value;
use std::io::Read;

/// Words that do not compress well.
fn noise(seed: u32, words: u32) -> String {
    let word = |index: u32| {
        let mixed = (seed ^ index.wrapping_mul(0x9e37_79b9)).wrapping_mul(0x85eb_ca6b);
        format!("{:08x}", mixed ^ (mixed >> 13))
    };
    (0..words).map(word).collect::<Vec<_>>().join(" ")
}

/// The data that the page's script reads.
fn payload(page: &str) -> Value {
    let (_, rest) = page
        .split_once("<script type=\"text/plain\" id=\"payload\">")
        .unwrap();
    let (base64, _) = rest.split_once("</script>").unwrap();
    let bytes = base64::engine::general_purpose::STANDARD.decode(base64).unwrap();
    let mut json = String::new();
    ZlibDecoder::new(bytes.as_slice())
        .read_to_string(&mut json)
        .unwrap();
    serde_json::from_str(&json).unwrap()
}

fn strings(data: &Value) -> Vec<&str> {
    data["texts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap())
        .collect()
}

/// Protects readers: a policy that forbids the network and foreign scripts, and nothing in the page that would need
/// either.
#[test]
fn the_page_loads_nothing() {
    let page = HtmlReport::new(labels()).finish(&many_failures(3));
    let (_, policy) = page.split_once("Content-Security-Policy\" content=\"").unwrap();
    let (policy, _) = policy.split_once('"').unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'nonce-"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    for foreign in [
        "http://",
        "https://",
        "src=",
        "@import",
        "url(",
        " style=\"",
        "onclick",
        "onload",
    ] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert_eq!(page.matches("<script").count(), 2);
}

/// Protects the page against everything that a suite, a model or a dataset may write.
#[test]
fn hostile_texts_are_texts() {
    let evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\u{202e}\0\u{1b}[2J";
    let mut hostile = findings("fail", 1, &[gate(evil, "fail", false, 0.01, 4)], &[evil]);
    hostile.suite = evil.to_owned();
    hostile.targets[0].name = evil.to_owned();
    hostile.targets[0].model = Some(evil.to_owned());
    hostile.targets[0].metrics[0].task = evil.to_owned();
    hostile.targets[0].slices[0].slice.as_mut().unwrap().value = evil.to_owned();
    hostile.gates[0].target = evil.to_owned();
    hostile.gates[0].reason = evil.to_owned();
    let mut report = HtmlReport::new(labels());
    report.add(&answered(0, 0, Some(false), evil));
    let page = report.finish(&hostile);
    assert_eq!(page.matches("<script").count(), 2, "a text opened a script");
    assert!(
        !page.contains("<img") && !page.contains("alert(1)<"),
        "a text became markup"
    );
    for acting in ['\u{202e}', '\0', '\u{1b}'] {
        assert!(!page.contains(acting), "{acting:?}");
    }
    let data = payload(&page);
    assert!(
        strings(&data)
            .iter()
            .any(|text| text.ends_with("[U+202E][U+0000][U+001B][2J")),
        "{data}"
    );
}

/// Protects what the page says without scripts: verdicts, reasons, values with intervals and n, slices, pictures with
/// their text.
#[test]
fn findings_are_there_without_scripts() {
    let gates = [
        gate("quality", "fail", false, 0.01, 5),
        gate("other", "inconclusive", false, 0.3, 6),
        gate("third", "pass", false, 1.0, 7),
    ];
    let page = HtmlReport::new(labels()).finish(&findings("fail", 1, &gates, &["be careful"]));
    for text in [
        "upper 95% bound 0.84 misses 0.9",
        "0.800 [0.720, 0.840]",
        "120 ms [108, 126]",
        "topic=billing",
        "be careful",
        "not assessed",
        "2 unparsed, 1 refused, 2 errors",
        "aria-label=\"answers.latency_ms.p50 of tier-1: 120 ms [108, 126]\"",
        "There are no samples on record",
        "small-2026",
        "1 – gate failed",
    ] {
        assert!(page.contains(text), "{text}");
    }
    let (fail, open) = (
        page.find("quality</bdi>").unwrap(),
        page.find("other</bdi>").unwrap(),
    );
    assert!(fail < open, "what fails stands first");
}

/// Protects mail and artifact stores: 2,000 samples stay below 2 MB even where their texts do not compress, and what is
/// cut for it is said, on the page and in each text.
#[test]
fn two_thousand_samples_stay_below_two_megabytes() {
    let mut report = HtmlReport::new(labels());
    for case in 0..2000 {
        report.add(&answered(case, 0, Some(case % 3 > 0), &noise(case, 200)));
    }
    let page = report.finish(&many_failures(20));
    assert!(page.len() < 2_000_000, "{}", page.len());
    assert!(
        page.contains("characters are cut in the middle"),
        "the page does not say that texts are cut"
    );
    let data = payload(&page);
    assert_eq!(data["id"].as_array().unwrap().len(), 2000);
    let cut = strings(&data)
        .iter()
        .filter(|text| text.contains("characters left out …]"))
        .count();
    assert!(cut >= 2000, "{cut}");

    let mut short = HtmlReport::new(labels());
    for case in 0..2000 {
        short.add(&answered(case, 0, Some(true), &noise(case, 20)));
    }
    let page = short.finish(&many_failures(1));
    assert!(!page.contains("id=\"cut\""), "texts that fit are whole");
}

/// Protects the table: a text that many samples share is there once, numbers are those of the record.
#[test]
fn the_data_are_those_of_the_record() {
    let mut report = HtmlReport::new(labels());
    for (case, epoch, right) in [(1, 0, Some(true)), (0, 1, Some(false)), (0, 0, None)] {
        report.add(&answered(case, epoch, right, "berth 7"));
    }
    let data = payload(&report.finish(&many_failures(1)));
    assert_eq!(
        strings(&data).iter().filter(|text| **text == "berth 7").count(),
        1
    );
    // In the order of the plan, whatever the order of arrival: case, then epoch.
    assert_eq!(data["case"], serde_json::json!([0, 0, 1]));
    assert_eq!(data["standing"], serde_json::json!([0, 1, 3]));
    assert_eq!(
        data["tasks"][0]["scorers"][0][0],
        serde_json::json!(["exact_match", "share"])
    );
    assert_eq!(data["scores"][2][0][3], 1.0);
    assert_eq!(data["cost"][2], 0.001);
    assert!(data["answer"][0].is_null() && data["error"][0].is_u64());
}

/// Protects huge runs: the page is bounded, wrong samples win over right ones, and what is missing is counted.
#[test]
fn wrong_samples_win_over_right_ones() {
    let mut report = HtmlReport::new(labels());
    let most = u32::try_from(SAMPLES_MAX).unwrap();
    for case in 0..most {
        report.add(&answered(case, 0, Some(true), "yes"));
    }
    for case in most..most + 30 {
        report.add(&answered(case, 0, Some(case % 3 == 0), "yes"));
    }
    let page = report.finish(&many_failures(1));
    assert!(page.contains("30 samples are not in this file"));
    let data = payload(&page);
    let standing = data["standing"].as_array().unwrap();
    assert_eq!(standing.len(), SAMPLES_MAX);
    assert_eq!(standing.iter().filter(|standing| **standing == 1).count(), 20);
}
