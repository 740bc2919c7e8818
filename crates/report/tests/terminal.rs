//! The report on the screen: what it says of a run, in which order, and what no text can do to the screen.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

mod common;

use common::{findings, gate, many_failures, metric};
use seatrial_report::{TerminalOptions, terminal};
use seatrial_types::{Findings, ModelSpend, StopCause};
use serde_json::json;

fn shown(findings: &Findings) -> String {
    terminal(findings, TerminalOptions::default())
}

/// Protects the whole layout: columns line up, what fails stands first, how the run ended is said in words.
#[test]
fn a_run_in_full() {
    let gates = [
        gate("answers.exact_match at_least 0.9", "pass", false, 1.0, 4),
        gate("must hold", "fail", false, 0.01, 5),
    ];
    let mut run = findings("fail", 5, &gates, &["no price is known"]);
    run.execution.stopped_by = Some(StopCause::CostCap);
    let mut asked = ModelSpend::new("judge".to_owned(), Some("large".to_owned()));
    asked.calls = 7;
    run.models = vec![asked];
    run.samples_finished = 150;
    insta::assert_snapshot!(shown(&run), @r"
    FAIL  trial  run 20260131T120000-9f3a61  150 of 200 samples  exit 5 (budget cap reached)

    tier-1 (small)  FAIL
      quality                    answers.exact_match     0.800 [0.720, 0.840]  n 200, 2 unparsed, 1 refused, 2 errors, over 198
      performance  measured      answers.latency_ms p50  120 ms [108, 126]
      safety       not assessed
      cost         measured      answers.cost_usd        $0.001200 [0.001080, 0.001260]
      reliability  pass
      slice                      answers.exact_match topic=billing  0.700 [0.630, 0.735]  n 200, 2 unparsed, 1 refused, 2 errors, over 198
      slice                      answers.exact_match topic=privacy  0.900 [0.810, 0.945]  n 200, 2 unparsed, 1 refused, 2 errors, over 198
      errors       timeout 2

    ended early by the budget in money
    asked by scorers: judge (large)  7 calls, $0

    gates
      FAIL          tier-1  answers.exact_match.mean at least 0.900  0.800 [0.750, 0.840]  n 200
                    must hold: upper 95% bound 0.84 misses 0.9
      PASS          tier-1  answers.exact_match.mean at least 0.900  0.800 [0.750, 0.840]  n 200
                    upper 95% bound 0.84 misses 0.9

    warning: no price is known
    ");
}

/// Protects `--quiet`: the verdict line alone.
#[test]
fn brief_is_one_line() {
    let options = TerminalOptions {
        brief: true,
        color: false,
    };
    let text = terminal(&many_failures(3), options);
    assert_eq!(
        text,
        "FAIL  trial  run 20260131T120000-9f3a61  200 samples  exit 1 (gate failed)\n"
    );
}

/// Protects screens: no text of a run moves the cursor, colours, rings or turns a line around; colours are our own.
#[test]
fn no_text_acts_on_the_screen() {
    let evil = "\u{1b}[2J\u{1b}]0;title\u{7}\r\nPASS\u{202e}";
    let mut hostile = findings("fail", 1, &[gate(evil, "fail", false, 0.01, 4)], &[evil]);
    hostile.suite = evil.to_owned();
    hostile.targets[0].name = evil.to_owned();
    hostile.targets[0].model = Some(evil.to_owned());
    hostile.targets[0].slices[0].slice.as_mut().unwrap().value = evil.to_owned();
    hostile.targets[0].errors.insert(evil.to_owned(), 3);
    hostile.gates[0].reason = evil.to_owned();
    let text = shown(&hostile);
    assert!(!text.contains(['\u{1b}', '\u{7}', '\r', '\u{202e}']), "{text:?}");
    assert!(!text.lines().any(|line| line.starts_with("PASS")), "{text}");
    let options = TerminalOptions {
        color: true,
        brief: false,
    };
    let escapes = terminal(&hostile, options);
    assert!(escapes.matches('\u{1b}').count() > 4 && !escapes.contains("\u{1b}[2J"));
}

/// Protects long reports: the gates that are left out are those that matter least, and they are counted.
#[test]
fn what_is_left_out_is_counted() {
    let mut many = many_failures(100);
    many.gates.insert(
        0,
        serde_json::from_value(gate("passes", "pass", false, 1.0, 1)).unwrap(),
    );
    let text = shown(&many);
    assert!(text.contains("… and 41 more gates, in the files"), "{text}");
    assert!(!text.contains("PASS") && text.contains("g99: "), "{text}");
}

/// Protects the order of slices where metrics have scales of their own: a BLEU of 40 is not worse than a share of 0.7
/// because of its unit, nor a perplexity better; within their own metric they are ordered by what stands out.
#[test]
fn slices_of_other_units_do_not_outrank_shares() {
    let slice = |name: &str, unit: &str, value: f64, at: &str| {
        let mut slice = metric(name, "mean", "quality", unit, value);
        (slice["low"], slice["high"]) = (json!(value - 1.0), json!(value + 1.0));
        slice["slice"] = json!({"column": "topic", "value": at});
        slice
    };
    let mut json = serde_json::to_value(findings("pass", 0, &[], &[])).unwrap();
    let target = &mut json["targets"][0];
    target["metrics"] = json!([
        metric("bleu", "mean", "quality", "score", 40.0),
        metric("exact_match", "mean", "quality", "share", 0.8)
    ]);
    target["slices"] = json!([
        slice("bleu", "score", 41.0, "a"),
        slice("bleu", "score", 30.0, "b"),
        slice("exact_match", "share", 0.9, "a"),
        slice("exact_match", "share", 0.7, "b"),
    ]);
    let findings: Findings = serde_json::from_value(json).unwrap();
    let told: Vec<_> = seatrial_report::rank::weakest_slices(&findings.targets)
        .into_iter()
        .map(|(_, slice)| (slice.metric.as_str(), slice.value))
        .collect();
    assert_eq!(
        told,
        [
            ("exact_match", Some(0.7)),
            ("exact_match", Some(0.9)),
            ("bleu", Some(30.0)),
            ("bleu", Some(41.0))
        ]
    );
}
