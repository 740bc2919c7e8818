//! `seatrial cost pareto`: runs, published tables and outcomes through the binary, and what it refuses.

#![expect(clippy::unwrap_used, reason = "tests")]

#[expect(dead_code, reason = "each test program uses a part of it")]
mod common;

use common::write_cases;
use seatrial_sim::{SimConfig, SimHandle};
use seatrial_testkit::{Workspace, test_data};
use serde_json::{Value, json};

fn workspace() -> Workspace {
    Workspace::new(env!("CARGO_BIN_EXE_seatrial"))
}

fn on_front(out: &Value) -> Vec<String> {
    let candidates = out["candidates"].as_array().unwrap();
    let on = candidates
        .iter()
        .filter(|candidate| candidate["on_front"] == true);
    on.map(|candidate| candidate["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Protects the way from a published table to its front: 8 of 51 models on quality and cost, 22 with time, and the least
/// and the most that a solved task costs.
#[test]
fn a_published_table() {
    let Some(folder) = test_data("a_published_table") else {
        return;
    };
    let table = folder.join("benchmarks/aider_polyglot/polyglot_leaderboard.yml");
    let workspace = workspace();
    let run = |axes: &str| {
        let columns = [
            "name=model",
            "successes=pass_num_2",
            "n=test_cases",
            "total_cost_usd=total_cost",
            "latency_s=seconds_per_case",
        ];
        let mut arguments = vec![
            "cost",
            "pareto",
            "--table",
            table.to_str().unwrap(),
            "--axes",
            axes,
            "--resamples",
            "200",
        ];
        for column in &columns {
            arguments.extend(["--column", column]);
        }
        arguments.extend(["--svg", "front.svg", "--json", "out.json"]);
        let _ = workspace.run(&arguments).expect_code(0);
        workspace.json("out.json")
    };
    let out = run("quality,cost");
    assert_eq!(on_front(&out).len(), 8);
    assert_eq!(on_front(&run("quality,cost,latency_p50")).len(), 22);
    let costs: Vec<f64> = out["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|candidate| {
            let values = candidate["values"].as_array().unwrap();
            values.iter().find(|value| value["axis"] == "cost_per_success")?["value"].as_f64()
        })
        .collect();
    let (low, high) = costs
        .iter()
        .fold((f64::MAX, 0.0_f64), |(low, high), x| (low.min(*x), high.max(*x)));
    assert!(
        (low - 0.0031).abs() < 5e-5 && (high - 1.82).abs() < 1e-2,
        "{low} {high}"
    );
    assert_eq!(
        (&out["paired"], &out["schema"]),
        (&json!(false), &json!("seatrial.cost.pareto/1"))
    );
    let svg = std::fs::read_to_string(workspace.path().join("front.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
}

/// Protects routing of published outcomes: weak 68.08 %, strong 80.58 %, either 85.86 %.
#[test]
fn published_outcomes() {
    let Some(folder) = test_data("published_outcomes") else {
        return;
    };
    let outcomes = folder.join("benchmarks/routellm_outcomes/mmlu_mixtral_vs_gpt4.csv");
    let workspace = workspace();
    let told = workspace
        .run(&[
            "cost",
            "pareto",
            "--outcomes",
            outcomes.to_str().unwrap(),
            "--route",
            "mixtral_8x7b_instruct,gpt_4_1106_preview",
            "--route-cost",
            "0.0006,0.01",
            "--resamples",
            "100",
            "--json",
            "out.json",
            "--svg",
            "course.svg",
        ])
        .expect_code(0);
    assert!(
        told.stdout.contains("68.1 %") && told.stdout.contains("80.6 %") && told.stdout.contains("85.9 %"),
        "{}",
        told.stdout
    );
    let out = workspace.json("out.json");
    let percent = |key: &str| (out[key].as_f64().unwrap() * 1e4).round() / 1e2;
    assert_eq!(
        (
            percent("weak_quality"),
            percent("strong_quality"),
            percent("oracle_quality")
        ),
        (68.08, 80.58, 85.86)
    );
    // Asking the strong one only where the weak one is wrong is as good as either, and cheaper than the strong one alone.
    assert!(
        (out["cascade"]["quality"].as_f64().unwrap() - out["oracle_quality"].as_f64().unwrap()).abs() < 1e-12
    );
    assert!(out["cascade"]["cost_usd"].as_f64().unwrap() < out["strong_cost_usd"].as_f64().unwrap());
    assert_eq!(out["routers"][1]["apgr"], json!(0.5));
}

/// Protects the way from a run: its targets are candidates, paired by case; a requirement is decided by its bound.
#[test]
fn targets_of_a_run() {
    let workspace = workspace();
    write_cases(&workspace, 60);
    let config = json!({"seed": 3, "answers": workspace.path().join("cases.jsonl"), "personas": [
        {"model": "weak", "accuracy": 0.5}, {"model": "strong", "accuracy": 1.0}, {"model": "dear", "accuracy": 1.0}
    ]});
    let simulator = SimHandle::spawn(SimConfig::from_value(config).unwrap()).unwrap();
    let url = simulator.base_url();
    let target = |name: &str, usd: u32| {
        format!(
            "  - {{name: {name}, provider: openai, base_url: {url}, model: {name}, \
             price: {{input_usd_per_mtok: {usd}, output_usd_per_mtok: {usd}}}}}\n"
        )
    };
    let targets = [target("weak", 1), target("strong", 10), target("dear", 50)].concat();
    let _ = workspace.write(
        "suite.yaml",
        format!(
            "version: 1\nname: trial\ntargets:\n{targets}tasks:\n  - name: t\n    dataset: {{path: cases.jsonl}}\n    \
             scorers: [exact_match]\n"
        ),
    );
    let _ = workspace.run(&["run", "suite.yaml"]).expect_code(0);
    let _ = workspace
        .run(&[
            "cost",
            "pareto",
            "latest",
            "--axes",
            "quality,cost",
            "--require",
            "quality>=0.9",
            "--resamples",
            "500",
            "--json",
            "out.json",
        ])
        .expect_code(0);
    let out = workspace.json("out.json");
    assert_eq!(on_front(&out), ["weak", "strong"]);
    assert_eq!((&out["chosen"], &out["paired"]), (&json!("strong"), &json!(true)));
    assert!(
        out["reason"]
            .as_str()
            .unwrap()
            .contains("2 of 3 candidates that meet quality ≥ 0.9"),
        "{}",
        out["reason"]
    );
    let _ = workspace
        .run(&[
            "cost",
            "pareto",
            "latest",
            "--route",
            "weak,strong",
            "--resamples",
            "100",
            "--json",
            "route.json",
        ])
        .expect_code(0);
    let routed = workspace.json("route.json");
    assert_eq!(
        (&routed["n"], &routed["strong_quality"]),
        (&json!(60), &json!(1.0))
    );
    // What is no quality, no target, no axis, no limit.
    for (arguments, said) in [
        (
            vec!["latest", "--route", "weak,nobody"],
            "nobody, which is no candidate",
        ),
        (
            vec!["latest", "--metric", "t.cost_usd"],
            "less is better of t.cost_usd",
        ),
        (vec!["latest", "--metric", "t.nothing"], "has no metric t.nothing"),
        (vec!["latest", "--axes", "quality,speed"], "`speed`"),
        (
            vec!["latest", "--require", "quality<=0.9"],
            "quality is limited with `>=`",
        ),
        (vec!["latest", "--require", "quality"], "there is no `>=` or `<=`"),
        (
            vec!["latest", "--tie", "safety=0.1"],
            "safety is not among the axes",
        ),
        (vec!["latest@nobody"], "has no target `nobody`"),
        (vec![], "there is nothing to compare"),
    ] {
        let all: Vec<&str> = ["cost", "pareto"].into_iter().chain(arguments).collect();
        let refused = workspace.run(&all).expect_code(2);
        assert!(refused.stderr.contains(said), "{said}: {}", refused.stderr);
    }
}

/// Protects tables with a fault: the place, what was found, what was expected.
#[test]
fn bad_tables_are_told() {
    let workspace = workspace();
    for (name, content, said) in [
        (
            "a.csv",
            "name,quality,n\nx,95,10\n",
            "a.csv:2: `quality` is \"95\", expected a number from 0 to 1",
        ),
        (
            "b.csv",
            "name,quality\nx,0.5\n",
            "b.csv:2: there is no `n`, the number of cases",
        ),
        (
            "c.jsonl",
            "{\"name\": \"x\", \"n\": 10}\n",
            "c.jsonl:1: there is neither `quality` nor `successes`",
        ),
        (
            "d.yaml",
            "- {name: x, n: 10, quality: 0.5, cost_usd: -1}\n",
            "`cost_usd` is -1, expected a number from 0",
        ),
        ("e.yaml", "a: 1\n", "is no list of rows"),
        ("f.jsonl", "[1]\n", "f.jsonl:1: a row is no JSON object"),
        ("g.csv", "name,quality,n\n", "g.csv has 0 rows"),
    ] {
        let _ = workspace.write(name, content);
        let refused = workspace.run(&["cost", "pareto", "--table", name]).expect_code(2);
        assert!(refused.stderr.contains(said), "{said}: {}", refused.stderr);
    }
    let _ = workspace.write("o.csv", "id,a,b\n1,1,x\n");
    let refused = workspace
        .run(&["cost", "pareto", "--outcomes", "o.csv", "--route", "a,b"])
        .expect_code(2);
    assert!(
        refused.stderr.contains("o.csv:2: `b` is x, expected a number"),
        "{}",
        refused.stderr
    );
}
