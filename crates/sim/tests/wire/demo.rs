//! The demonstration's cases and personas against the simulated provider. Apart because it reads files of another crate,
//! which uses them but could not show a mismatch before a whole run.

use crate::raw::{Client, ask};
use seatrial_sim::{Answers, SimConfig, SimHandle, read_answers};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const CASES: &str = include_str!("../../../cli/assets/support.jsonl");
const PERSONAS: &str = include_str!("../../../cli/assets/demo-sim.json");

fn cases() -> Vec<Value> {
    CASES
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Protects the data: enough cases, each told apart by id and question, spread over topics and difficulties.
#[test]
fn cases_are_told_apart() {
    let cases = cases();
    assert!(cases.len() >= 320);
    let distinct = |column: &str| {
        cases
            .iter()
            .map(|case| case[column].as_str().unwrap())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(distinct("id").len(), cases.len());
    assert_eq!(distinct("question").len(), cases.len());
    assert_eq!(distinct("difficulty"), BTreeSet::from(["easy", "medium", "hard"]));
    let mut by_topic: BTreeMap<&str, usize> = BTreeMap::new();
    for case in &cases {
        *by_topic.entry(case["topic"].as_str().unwrap()).or_default() += 1;
        assert_eq!(case.as_object().unwrap().len(), 5, "{case}");
        let expected = case["expected"].as_str().unwrap();
        assert!(
            (1..=12).contains(&expected.len()) && !expected.contains(char::is_whitespace),
            "{case}"
        );
    }
    assert!(
        by_topic.len() >= 10 && by_topic.values().all(|count| *count >= 25),
        "{by_topic:?}"
    );
}

/// Protects the demonstration's verdicts: inside a prompt, every case is found, and each tier is right exactly as often as
/// its accuracy says.
#[test]
fn tiers_answer_their_share() {
    let mut config: SimConfig = serde_json::from_str(PERSONAS).unwrap();
    config.answers = Answers::Rows(read_answers(CASES).unwrap());
    for persona in &mut config.personas {
        // The delays are not what this is about.
        persona.first_token_ms = seatrial_sim::Dist::ZERO;
        persona.gap_ms = seatrial_sim::Dist::ZERO;
    }
    let shares: Vec<(String, f64)> = config
        .personas
        .iter()
        .map(|persona| (persona.model.clone(), persona.accuracy))
        .collect();
    assert_eq!(
        shares.iter().map(|(_, share)| *share).collect::<Vec<_>>(),
        [0.95, 0.98, 0.99]
    );
    let sim = SimHandle::spawn(config).unwrap();
    let mut client = Client::connect(&sim);
    let cases = cases();
    for (model, share) in shares {
        let mut right = 0;
        for case in &cases {
            let prompt = format!(
                "Decide the case below by this policy.\n\nCase: {}\n",
                case["question"].as_str().unwrap()
            );
            right += u64::from(client.chat(&ask(&model, &prompt)).text() == case["expected"]);
        }
        let stats = sim.stats().by_model[&model];
        assert_eq!(right, (share * cases.len() as f64).round() as u64, "{model}");
        assert_eq!((stats.right, stats.unknown), (right, 0), "{model}");
    }
}
