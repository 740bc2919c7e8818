//! What GitHub and GitLab read: their limits on 500 failures, their escaping against hostile names, their formats.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

mod common;

use common::{findings, gate, many_failures};
use seatrial_report::{github_annotations, github_outputs, gitlab_code_quality, markdown, open_metrics};
use serde_json::Value;

fn as_is(path: &str) -> String {
    path.trim_start_matches("./").to_owned()
}

/// Protects against GitHub dropping annotations unseen: ten errors, the worst first, one notice of how many more.
#[test]
fn annotations_of_500_failures_fit() {
    let text = github_annotations(&many_failures(500), &as_is);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 11, "{text}");
    assert!(
        lines[0].starts_with(
            "::error file=suites/trial.yaml,line=509,title=fail%3A g499%3A answers.exact_match.mean at least 0.900::"
        ),
        "{}",
        lines[0]
    );
    assert!(
        lines[..10].iter().all(|line| line.starts_with("::error ")),
        "{text}"
    );
    assert!(
        lines[10].starts_with("::notice ") && lines[10].contains("490 more gates at level error"),
        "{}",
        lines[10]
    );
}

/// Protects levels: what fails the run is an error, what is open a warning, what passes silent; a run that was not
/// carried out says so first and leaves one error less for gates.
#[test]
fn levels_follow_severity() {
    let gates = vec![
        gate("passes", "pass", false, 1.0, 1),
        gate("open", "inconclusive", false, 0.3, 2),
        gate("undecided", "inconclusive", true, 0.3, 3),
    ];
    let text = github_annotations(&findings("inconclusive", 3, &gates, &[]), &as_is);
    let levels: Vec<_> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(levels, ["::error", "::warning"], "{text}");
    let mut broken = many_failures(20);
    broken.exit_code = 4;
    let text = github_annotations(&broken, &as_is);
    assert_eq!(text.lines().count(), 11);
    assert!(
        text.starts_with("::error title=seatrial%3A not carried out as planned::provider or infrastructure"),
        "{text}"
    );
    assert!(text.contains("11 more gates"), "{text}");
}

/// Protects against names that end a command, forge another or fake a property.
#[test]
fn annotations_are_escaped() {
    let mut hostile = findings("fail", 1, &[gate("g", "fail", false, 0.01, 4)], &[]);
    hostile.gates[0].reason = "100 % wrong\r\n::set-output name=x::y\u{1b}[2J".to_owned();
    hostile.gates[0].metric = "a,line=1::b".to_owned();
    let text = github_annotations(&hostile, &as_is);
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(
        text.contains("title=fail%3A g%3A a%2Cline=1%3A%3Ab at least"),
        "{text}"
    );
    assert!(
        text.contains("100 %25 wrong%0A::set-output") && text.contains("[U+001B][2J"),
        "{text}"
    );
    let outputs = github_outputs(&hostile, Some("out\nverdict=pass"));
    assert_eq!(
        outputs,
        "verdict=fail\nexit_code=1\nrun_id=20260131T120000-9f3a61\nsamples=200\ncost_usd=0.24\nreport=out⏎verdict=pass\n"
    );
}

/// Protects comments and step summaries: within their limits whatever the run, whole sections, the way to the rest.
#[test]
fn markdown_fits() {
    let many = many_failures(500);
    for limit in [seatrial_report::COMMENT_BYTES_MAX, 8 * 1024, 3 * 1024] {
        let text = markdown(&many, limit);
        assert!(text.len() <= limit, "{} > {limit}", text.len());
        assert!(
            text.starts_with("<!-- seatrial:trial -->\n### ❌ trial: fail\n"),
            "{text}"
        );
        assert!(
            text.contains("*") && text.contains("more left out, to fit.*"),
            "{limit}"
        );
        assert!(text.contains("`g") || text.contains("answers.exact_match.mean"));
        assert!(text.trim_end().ends_with("</details>"), "{text}");
        // Every row is whole.
        assert!(
            text.lines()
                .filter(|line| line.starts_with("| ❌"))
                .all(|line| line.ends_with(" |"))
        );
    }
    let whole = markdown(&many, 1024 * 1024);
    assert_eq!(whole.matches("| ❌ **fail** | `tier-1` | g").count(), 500);
    assert_eq!(markdown(&many, 100), "");
}

/// Protects comments against what suites and models name things.
#[test]
fn markdown_is_escaped() {
    let mut hostile = findings(
        "fail",
        1,
        &[gate("g", "fail", false, 0.01, 4)],
        &["@all look at <b>http://x.test</b>"],
    );
    hostile.suite = "a --> <script>".to_owned();
    hostile.targets[0].name = "t`|`\n# big".to_owned();
    let text = markdown(&hostile, 60_000);
    let marker = text.lines().next().unwrap();
    assert_eq!(marker, "<!-- seatrial:a - -   script  -->");
    assert!(
        !text.contains("<script>") && !text.contains("@all") && !text.contains("http://x"),
        "{text}"
    );
    assert!(!text.lines().any(|line| line.starts_with("# big")), "{text}");
}

/// Protects GitLab's widget: known severities, places, and fingerprints that survive a new line and a new value.
#[test]
fn code_quality_is_stable() {
    let first = many_failures(3);
    let mut moved = first.clone();
    for gate in &mut moved.gates {
        gate.value = Some(0.5);
        gate.place.as_mut().unwrap().line += 7;
    }
    let issues =
        |findings| -> Vec<Value> { serde_json::from_str(&gitlab_code_quality(findings, &as_is)).unwrap() };
    let (first, moved) = (issues(&first), issues(&moved));
    let fingerprints = |issues: &[Value]| -> Vec<Value> {
        issues.iter().map(|issue| issue["fingerprint"].clone()).collect()
    };
    assert_eq!(fingerprints(&first), fingerprints(&moved));
    assert_eq!(first.len(), 3);
    assert_eq!(first[0]["location"]["path"], "suites/trial.yaml");
    assert_eq!(first[0]["location"]["lines"]["begin"], 12);
    assert_eq!(first[0]["severity"], "critical");
    let clean = findings("pass", 0, &[gate("p", "pass", false, 1.0, 1)], &[]);
    assert_eq!(gitlab_code_quality(&clean, &as_is), "[]\n");
}

/// Protects the metrics report: families together, each declared once, labels quoted, unknown left out, an end mark.
#[test]
fn metrics_are_open_metrics() {
    let mut odd = many_failures(2);
    odd.suite = "a \"b\" \\ c".to_owned();
    odd.targets[0].metrics[1].high = None;
    let text = open_metrics(&odd);
    assert!(text.ends_with("# EOF\n"));
    let mut declared = Vec::new();
    for line in text.lines().filter(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let family = rest.strip_suffix(" gauge").unwrap();
            assert!(!declared.contains(&family), "{family} twice");
            declared.push(family);
        } else if !line.starts_with("# HELP ") {
            let (name, rest) = line.split_once('{').unwrap();
            assert_eq!(Some(&name), declared.last(), "{line}");
            let (labels, value) = rest.rsplit_once("} ").unwrap();
            assert!(
                labels.starts_with("suite=\"a \\\"b\\\" \\\\ c\",target="),
                "{labels}"
            );
            assert!(value.parse::<f64>().unwrap().is_finite());
        }
    }
    assert_eq!(text.matches("seatrial_value_high{").count(), 2);
    assert_eq!(text.matches("seatrial_value{").count(), 3);
    assert_eq!(text.matches("seatrial_gate{").count(), 2);
}
