//! JUnit XML against the rules of the schema that Jenkins checks files with (`junit-10.xsd` of its xUnit plug-in: names,
//! required attributes, number of children), written out here so that no XML tool is needed, and what other systems use
//! besides: properties, file and line of a test case. `scripts/junit_schema.sh` runs the schema itself.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

mod common;
#[path = "common/samples.rs"]
mod samples;

use common::{findings, gate, many_failures};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use samples::{answered, labels};
use seatrial_report::{JunitForm, JunitSamples, junit};
use std::collections::HashMap;

/// An element with its attributes and children.
#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: HashMap<String, String>,
    children: Vec<Element>,
    text: String,
}

impl Element {
    fn of(start: &BytesStart<'_>) -> Self {
        let attributes = start.attributes().map(|attribute| {
            let attribute = attribute.unwrap();
            let value = attribute
                .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                .unwrap()
                .into_owned();
            (String::from_utf8(attribute.key.as_ref().to_vec()).unwrap(), value)
        });
        Self {
            name: String::from_utf8(start.name().as_ref().to_vec()).unwrap(),
            attributes: attributes.collect(),
            ..Self::default()
        }
    }

    fn all<'a>(&'a self, name: &'a str) -> Vec<&'a Element> {
        let mut found = Vec::new();
        for child in &self.children {
            if child.name == name {
                found.push(child);
            }
            found.extend(child.all(name));
        }
        found
    }

    fn property(&self, name: &str) -> Option<&str> {
        let properties = self.children.iter().find(|child| child.name == "properties")?;
        let property = properties
            .children
            .iter()
            .find(|property| property.attributes["name"] == name)?;
        Some(&property.attributes["value"])
    }
}

fn parse(xml: &str) -> Element {
    let mut reader = Reader::from_str(xml);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => open.push(Element::of(&start)),
            Event::Empty(start) => open.last_mut().unwrap().children.push(Element::of(&start)),
            Event::End(_) => {
                let done = open.pop().unwrap();
                open.last_mut().unwrap().children.push(done);
            }
            Event::Text(text) => open.last_mut().unwrap().text += &text.decode().unwrap(),
            Event::Eof => return open.pop().unwrap().children.pop().unwrap(),
            _ => {}
        }
    }
}

/// Name, allowed attributes (`!` marks required ones), allowed children; `+` marks what only the richer form has.
type Rule = (&'static str, &'static [&'static str], &'static [&'static str]);

const RERUN: &[&str] = &["!type", "message"];
const RERUN_PARTS: &[&str] = &["stackTrace", "system-out", "system-err"];
const RULES: [Rule; 14] = [
    (
        "testsuites",
        &["name", "time", "tests", "failures", "errors", "+skipped"],
        &["testsuite"],
    ),
    (
        "testsuite",
        &[
            "!name",
            "!tests",
            "!failures",
            "!errors",
            "time",
            "skipped",
            "timestamp",
            "hostname",
        ],
        &["properties", "testcase", "system-out", "system-err"],
    ),
    (
        "testcase",
        &["!name", "time", "classname", "+file", "+line"],
        &[
            "+properties",
            "skipped",
            "error",
            "failure",
            "rerunFailure",
            "rerunError",
            "flakyFailure",
            "flakyError",
            "system-out",
            "system-err",
        ],
    ),
    ("properties", &[], &["property"]),
    ("property", &["!name", "!value"], &[]),
    ("failure", &["type", "message"], &[]),
    ("error", &["type", "message"], &[]),
    ("skipped", &["type", "message"], &[]),
    ("rerunFailure", RERUN, RERUN_PARTS),
    ("rerunError", RERUN, RERUN_PARTS),
    ("flakyFailure", RERUN, RERUN_PARTS),
    ("flakyError", RERUN, RERUN_PARTS),
    ("stackTrace", &[], &[]),
    ("system-out", &[], &[]),
];

const FORMS: [JunitForm; 2] = [JunitForm::Strict, JunitForm::Rich];

fn assert_valid(element: &Element, form: JunitForm) {
    let fits = |known: &str, name: &str| match known.strip_prefix('+') {
        Some(known) => known == name && form == JunitForm::Rich,
        None => known.trim_start_matches('!') == name,
    };
    let rule = RULES.iter().find(|rule| rule.0 == element.name);
    assert!(rule.is_some(), "<{}> is unknown", element.name);
    let (name, attributes, children) = rule.unwrap();
    for attribute in element.attributes.keys() {
        assert!(
            attributes.iter().any(|known| fits(known, attribute)),
            "<{name} {attribute}> is unknown"
        );
    }
    for required in attributes
        .iter()
        .filter_map(|attribute| attribute.strip_prefix('!'))
    {
        assert!(
            element.attributes.contains_key(required),
            "<{name}> lacks {required}"
        );
    }
    if let Some(time) = element.attributes.get("time") {
        assert!(time.parse::<f64>().is_ok(), "{time}");
    }
    let decisive = ["skipped", "error", "failure"];
    let decided = element
        .children
        .iter()
        .filter(|child| decisive.contains(&child.name.as_str()))
        .count();
    assert!(
        decided <= 1 || *name != "testcase",
        "a test case has {decided} results"
    );
    if *name == "testsuite" {
        let cases: Vec<_> = element
            .children
            .iter()
            .filter(|child| child.name == "testcase")
            .collect();
        let with = |kind: &str| {
            cases
                .iter()
                .filter(|case| case.children.iter().any(|child| child.name == kind))
                .count()
        };
        for (attribute, count) in [
            ("tests", cases.len()),
            ("failures", with("failure")),
            ("errors", with("error")),
        ] {
            assert_eq!(element.attributes[attribute], count.to_string(), "{attribute}");
        }
    }
    for child in &element.children {
        assert!(
            children.iter().any(|known| fits(known, &child.name)),
            "<{}> inside <{name}>",
            child.name
        );
        assert_valid(child, form);
    }
}

/// Protects CI systems that check files: every kind of gate and of sample keeps the schema.
#[test]
fn every_file_keeps_the_schema() {
    let gates = vec![
        gate("passes", "pass", false, 1.0, 4),
        gate("fails", "fail", false, 0.01, 5),
        gate("open", "inconclusive", false, 0.3, 6),
        gate("undecided", "inconclusive", true, 0.3, 7),
    ];
    for (exit_code, form) in [1, 4, 130]
        .into_iter()
        .flat_map(|code| FORMS.map(|form| (code, form)))
    {
        let mut samples = JunitSamples::new(labels());
        for (case, runs) in [
            (0, [Some(true), Some(true)]),
            (1, [Some(true), Some(false)]),
            (2, [Some(false), Some(false)]),
            (3, [None, None]),
            (4, [None, Some(true)]),
        ] {
            for (epoch, right) in (0..).zip(runs) {
                samples.add(&answered(case, epoch, right, "an answer"));
            }
        }
        let xml = junit(&findings("fail", exit_code, &gates, &["careful"]), samples, form).unwrap();
        assert_valid(&parse(&xml), form);
    }
    for form in FORMS {
        let xml = junit(&many_failures(500), JunitSamples::default(), form).unwrap();
        assert_valid(&parse(&xml), form);
    }
}

/// Protects what CI systems show of a gate: its numbers as properties, its place, and a name without any of them.
#[test]
fn gates_have_properties() {
    let xml = junit(
        &findings("fail", 1, &[gate("quality", "fail", false, 0.012, 5)], &[]),
        JunitSamples::default(),
        JunitForm::Rich,
    );
    let root = parse(&xml.unwrap());
    let case = root.all("testcase")[0];
    assert_eq!(
        (case.attributes["name"].as_str(), case.attributes["line"].as_str()),
        ("quality", "5")
    );
    for (name, value) in [
        ("score", "0.8"),
        ("threshold", "0.9"),
        ("ci_low", "0.75"),
        ("ci_high", "0.84"),
        ("n", "200"),
        ("p_value", "0.012"),
        ("cost_usd", "0.24"),
        ("verdict", "fail"),
    ] {
        assert_eq!(case.property(name), Some(value), "{name}");
    }
    let suite = root.all("testsuite")[0];
    assert_eq!(suite.attributes["time"], "90.000");
    assert!(suite.attributes["timestamp"].starts_with("2026-01-31T12:00:00"));
    assert_eq!(suite.property("output_tokens"), None);

    let mut named = gate("quality", "fail", false, 0.012, 5);
    named["name"] = " skipped=\"3\" ]]>".into();
    let xml = junit(
        &findings("fail", 1, &[named], &[]),
        JunitSamples::default(),
        JunitForm::Strict,
    )
    .unwrap();
    let root = parse(&xml);
    assert!(
        !root.attributes.contains_key("skipped") && root.attributes["tests"] == "2",
        "{xml}"
    );
    let case = root.all("testcase")[0];
    assert!(case.attributes["name"].contains("skipped=\"3\""), "{case:?}");
    let output = &case
        .children
        .iter()
        .find(|child| child.name == "system-out")
        .unwrap()
        .text;
    for line in [
        "[[PROPERTY|score=0.8]]",
        "[[PROPERTY|verdict=fail]]",
        "[[PROPERTY|line=5]]",
    ] {
        assert!(output.lines().any(|told| told == line), "{output}");
    }
}

/// Protects flakiness from being hidden: repetitions that disagree are flaky, those that agree are not.
#[test]
fn repetitions_that_disagree_are_flaky() {
    let mut samples = JunitSamples::new(labels());
    for (case, runs) in [
        (0, [true, true, true]),
        (1, [true, false, true]),
        (2, [false, false, false]),
    ] {
        for (epoch, right) in (0..).zip(runs) {
            samples.add(&answered(case, epoch, Some(right), "an answer"));
        }
    }
    let root = parse(&junit(&findings("pass", 0, &[], &[]), samples, JunitForm::Rich).unwrap());
    let cases = root.all("testcase");
    let kinds = |case: &Element| -> Vec<String> {
        case.children[1..]
            .iter()
            .map(|child| child.name.clone())
            .collect()
    };
    assert_eq!(kinds(cases[0]), Vec::<String>::new());
    assert_eq!(kinds(cases[1]), ["flakyFailure"]);
    assert_eq!(kinds(cases[2]), ["failure", "rerunFailure", "rerunFailure"]);
    assert_eq!(cases[1].property("passes"), Some("2/3"));
    let flaky = cases[1].all("flakyFailure")[0];
    assert!(
        flaky.attributes["message"].starts_with("2 of 3 repetitions right; wrong"),
        "{flaky:?}"
    );
    assert!(flaky.text.contains("answer: an answer"), "{flaky:?}");
}

/// Protects the file against answers: no character that XML forbids, no megabytes, no other name for the same test.
#[test]
fn hostile_answers_are_harmless() {
    let mut samples = JunitSamples::new(labels());
    let hostile = format!(
        "\0\u{1b}[31m]]></failure>\u{fffe}\u{202e}{}",
        "long ".repeat(200_000)
    );
    samples.add(&answered(0, 0, Some(false), &hostile));
    let xml = junit(&findings("pass", 0, &[], &[]), samples, JunitForm::Rich).unwrap();
    assert!(xml.len() < 20_000, "{}", xml.len());
    assert!(
        !xml.contains('\0')
            && !xml.contains('\u{1b}')
            && !xml.contains('\u{fffe}')
            && !xml.contains('\u{202e}')
    );
    let root = parse(&xml);
    assert_valid(&root, JunitForm::Rich);
    assert!(root.all("failure")[0].text.contains("characters left out"));
}
