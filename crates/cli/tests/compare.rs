//! `seatrial compare` through the binary: runs, exports, files of scores, refusals, and what stands in the reports.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{simulate, write_cases, write_suite};
use seatrial_testkit::{Finished, Workspace};
use serde_json::{Value, json};
use std::fmt::Write;

fn workspace() -> Workspace {
    Workspace::new(env!("CARGO_BIN_EXE_seatrial"))
}

/// A finished run of the suite; its id.
fn run_suite(workspace: &Workspace) -> String {
    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "findings.json"])
        .expect_code(0);
    workspace.json("findings.json")["run_id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Two runs of one suite against endpoints of these accuracies; their ids.
fn two_runs(workspace: &Workspace, cases: usize, accuracies: [f64; 2], rest: &str) -> [String; 2] {
    write_cases(workspace, cases);
    accuracies.map(|accuracy| {
        let server = simulate(workspace, &json!({"accuracy": accuracy}));
        write_suite(workspace, &server.base_url(), "", rest);
        run_suite(workspace)
    })
}

fn compare(workspace: &Workspace, arguments: &[&str]) -> (Finished, Value) {
    let all = [&["compare"], arguments, &["--json", "comparison.json"]].concat();
    let finished = workspace.run(&all).expect_code(0);
    (finished, workspace.json("comparison.json"))
}

fn pair<'a>(comparison: &'a Value, metric: &str) -> &'a Value {
    let mut pairs = comparison["pairs"].as_array().unwrap().iter();
    pairs
        .find(|pair| pair["metric"] == metric && pair["statistic"] != "p50")
        .unwrap()
}

/// Protects the whole way: two runs on record, paired by case, the better one named, what changed and what flipped said
/// with its texts, slices, and the same in every form.
#[test]
fn two_runs_of_one_suite() {
    let workspace = workspace();
    let [a, b] = two_runs(&workspace, 200, [0.6, 0.95], "slices: [group]\n");
    let (finished, comparison) = compare(
        &workspace,
        &[&a, &b, "--markdown", "comment.md", "--html", "page.html"],
    );
    let right = pair(&comparison, "exact_match");
    assert_eq!(
        (
            &right["n_pairs"],
            &right["test"],
            &right["correction"],
            &right["design"]
        ),
        (
            &json!(200),
            &json!("mcnemar_mid_p"),
            &json!("holm"),
            &json!("paired")
        )
    );
    let number = |value: &Value| value.as_f64().unwrap();
    let difference = &right["difference"];
    assert!(
        number(&difference["low"]) > 0.2 && number(&difference["high"]) < 0.5,
        "{difference}"
    );
    assert!(number(&right["p_adjusted"]) < 1e-6 && number(&right["prob_b_better"]) > 0.999);
    assert!(number(&right["mde"]) > 0.0 && right["effect"]["name"] == "cohens_g");
    let flips = &right["flips"];
    assert_eq!(
        (&flips["n_newly_passing"], &flips["n_newly_failing"]),
        (&right["wins_b"], &right["wins_a"])
    );
    let texts = &flips["newly_passing"][0]["texts"];
    assert!(
        texts["prompt"].as_str().unwrap().starts_with("question number"),
        "{texts}"
    );
    assert!(
        texts["answer_b"].as_str().unwrap().starts_with("answer "),
        "{texts}"
    );
    assert_ne!(texts["answer_a"], texts["answer_b"]);
    // The address of the endpoint changed and is what is compared.
    let changed: Vec<&str> = comparison["changed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["field"].as_str().unwrap())
        .collect();
    assert_eq!(changed, ["endpoint"]);
    assert_eq!(comparison["slices"].as_array().unwrap().len(), 7);
    assert_eq!(
        (&comparison["exit_code"], &comparison["forced"]),
        (&json!(0), &json!(false))
    );
    assert!(comparison.get("verdict").is_none());
    // Times may be missing: a busy machine's client says that it spoiled them.
    for measured in ["input_tokens", "output_tokens", "error_rate"] {
        assert_eq!(
            pair(&comparison, measured)["correction"],
            "benjamini_hochberg",
            "{measured}"
        );
    }
    let screen = &finished.stdout;
    for said in [
        "changed: endpoint: http",
        "1 better, 0 worse",
        "▲ answers.exact_match",
        "newly passing",
        "answers.output_tokens",
    ] {
        assert!(screen.contains(said), "{said}\n{screen}");
    }
    let markdown = std::fs::read_to_string(workspace.path().join("comment.md")).unwrap();
    assert!(
        markdown.starts_with("<!-- seatrial:compare -->\n### ▲"),
        "{markdown}"
    );
    assert!(
        markdown.contains("| ▲ better | `answers.exact_match` |") && markdown.contains("Flips of"),
        "{markdown}"
    );
    let page = std::fs::read_to_string(workspace.path().join("page.html")).unwrap();
    assert!(
        page.contains("Seatrial comparison") && page.contains("newly passing") && !page.contains("<script")
    );
    // Against itself nothing differs, and nothing is said to.
    let (_, same) = compare(&workspace, &[&b, &b]);
    let right = pair(&same, "exact_match");
    assert_eq!(
        (&right["p"], &right["difference"]["value"]),
        (&json!(1.0), &json!(0.0))
    );
    assert_eq!(same["systems"][1]["label"], format!("{b}@t (2)"));
}

/// Protects the refusal of design: another dataset, other scorers, another seed are named, exit 6, and the file says so;
/// `--force` compares all the same and marks it.
#[test]
fn different_identities_are_refused() {
    let workspace = workspace();
    write_cases(&workspace, 40);
    let server = simulate(&workspace, &json!({"accuracy": 0.8}));
    write_suite(&workspace, &server.base_url(), "", "");
    let a = run_suite(&workspace);
    write_suite(&workspace, &server.base_url(), "", "    first: 30\nseed: 5\n");
    let suite = std::fs::read_to_string(workspace.path().join("suite.yaml")).unwrap();
    workspace.write(
        "suite.yaml",
        suite.replace("[exact_match]", "[{exact_match: {normalise: [casefold]}}]"),
    );
    let b = run_suite(&workspace);
    let refused = workspace
        .run(&["compare", &a, &b, "--json", "refused.json"])
        .expect_code(6);
    assert!(
        refused.stderr.contains("not comparable") && refused.stderr.contains("--force"),
        "{}",
        refused.stderr
    );
    let written = workspace.json("refused.json");
    let fields: Vec<&str> = written["identity_differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["field"].as_str().unwrap())
        .collect();
    assert_eq!(
        fields,
        [
            "answers.cases",
            "answers.scorers.exact_match.options",
            "answers.seed",
            "answers.selection"
        ]
    );
    for field in fields {
        assert!(refused.stderr.contains(field), "{field}\n{}", refused.stderr);
    }
    assert_eq!(
        (&written["exit_code"], written["pairs"].as_array().unwrap().len()),
        (&json!(6), 0)
    );
    let (finished, forced) = compare(&workspace, &[&a, &b, "--force"]);
    assert_eq!(
        (&forced["forced"], &forced["exit_code"]),
        (&json!(true), &json!(0))
    );
    assert_eq!(pair(&forced, "exact_match")["n_pairs"], 30);
    assert!(
        finished.stdout.contains("forced") && finished.stdout.contains("differs: answers.seed: 0 → 5"),
        "{}",
        finished.stdout
    );
}

/// Protects exports as inputs: every form of ours gives the numbers that the run gives, with the texts where they are in
/// the file; Inspect's log too.
#[test]
fn exports_say_what_the_run_says() {
    let workspace = workspace();
    let [a, b] = two_runs(&workspace, 60, [0.5, 0.9], "");
    let (_, of_record) = compare(&workspace, &[&a, &b]);
    let expected = pair(&of_record, "exact_match");
    for (format, name) in [
        ("jsonl", "a.jsonl"),
        ("json", "a.json"),
        ("csv", "a.csv"),
        ("parquet", "a.parquet"),
        ("inspect", "log.json"),
    ] {
        let _ = workspace
            .run(&["export", &a, "--format", format, "--output", name])
            .expect_code(0);
        let (_, found) = compare(&workspace, &[name, &b]);
        let right = pair(&found, "exact_match");
        for key in ["n_pairs", "p", "wins_a", "wins_b", "difference", "mde"] {
            assert_eq!(right[key], expected[key], "{format}: {key}");
        }
        let texts = &right["flips"]["newly_passing"][0]["texts"];
        assert!(
            texts["answer_a"].is_string() && texts["answer_b"].is_string(),
            "{format}: {texts}"
        );
        let warnings = found["warnings"].to_string();
        assert!(warnings.contains("nobody checked"), "{warnings}");
        assert_eq!(found["systems"][0]["source"], "file");
    }
    // What was imported is a run like any other, known by its own kind of identity.
    let _ = workspace
        .run(&["import", "results", "a.jsonl", "--json", "import.json"])
        .expect_code(0);
    let imported = workspace.json("import.json")["run_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let (_, found) = compare(&workspace, &[&imported, "a.jsonl"]);
    assert_eq!(pair(&found, "exact_match")["difference"]["value"], 0.0);
}

/// Protects several targets: those of one run with each other and in its findings, by name between runs, and a word
/// where it is not clear which is meant.
#[test]
fn targets_of_runs() {
    let workspace = workspace();
    write_cases(&workspace, 80);
    let servers = [0.5, 0.9].map(|accuracy| simulate(&workspace, &json!({"accuracy": accuracy})));
    write_suite(&workspace, &servers[0].base_url(), "", "");
    let suite = std::fs::read_to_string(workspace.path().join("suite.yaml")).unwrap();
    let second = format!(
        "  - name: u\n    provider: openai\n    base_url: {}\n    model: m\ntasks:",
        servers[1].base_url()
    );
    workspace.write("suite.yaml", suite.replace("tasks:", &second));
    let a = run_suite(&workspace);
    let findings = workspace.json("findings.json");
    let between = &findings["comparisons"][0];
    assert_eq!(
        (
            &between["a"],
            &between["b"],
            &between["metric"],
            &between["n_pairs"]
        ),
        (&json!("t"), &json!("u"), &json!("exact_match"), &json!(80))
    );
    assert!(between["difference"]["low"].as_f64().unwrap() > 0.0);
    let page = workspace
        .run(&["report", "latest", "--format", "html"])
        .expect_code(0)
        .stdout;
    assert!(page.contains("id=\"comparisons\"") && page.contains("t → u"));
    let screen = workspace.run(&["report", "latest"]).expect_code(0).stdout;
    assert!(screen.contains("t → u"), "{screen}");
    let (_, alone) = compare(&workspace, &["latest"]);
    assert_eq!(alone["pairs"][0]["difference"], between["difference"]);
    let warnings = alone["warnings"].to_string();
    assert!(
        !warnings.contains("one after the other"),
        "targets of one run are asked in turn: {warnings}"
    );
    let b = run_suite(&workspace);
    let (_, by_name) = compare(&workspace, &[&a, &b]);
    let labels: Vec<(String, String)> = by_name["pairs"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|pair| pair["metric"] == "exact_match")
        .map(|pair| {
            (
                pair["a"].as_str().unwrap().to_owned(),
                pair["b"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let label = |run: &str, target: &str| format!("{run}@{target}");
    assert_eq!(
        labels,
        [(label(&a, "t"), label(&b, "t")), (label(&a, "u"), label(&b, "u"))]
    );
    let across = compare(&workspace, &[&label(&a, "t"), &label(&b, "u")]).1;
    assert_eq!(across["systems"].as_array().unwrap().len(), 2);
    for (arguments, said) in [
        (vec![label(&a, "v"), b.clone()], "it has: t, u"),
        (vec![label(&a, "t"), b.clone()], "RUN@TARGET"),
        (vec![label(&a, "t")], "two or more"),
    ] {
        let arguments: Vec<&str> = std::iter::once("compare")
            .chain(arguments.iter().map(String::as_str))
            .collect();
        let refused = workspace.run(&arguments).expect_code(2);
        assert!(refused.stderr.contains(said), "{said}: {}", refused.stderr);
    }
}

/// Protects files of scores: CSV and JSON Lines, epochs and clusters, the right test for each, a ranking of three.
#[test]
fn files_of_scores() {
    let workspace = workspace();
    let rows = |extra: &dyn Fn(usize) -> String, right: &dyn Fn(usize) -> bool| {
        (0..60).fold(String::new(), |mut text, case| {
            let _ = writeln!(text, "q{case},{}{}", u8::from(right(case)), extra(case));
            text
        })
    };
    let plain = |right: &dyn Fn(usize) -> bool| format!("id,score\n{}", rows(&|_| String::new(), right));
    workspace.write("a.csv", plain(&|case| case % 2 == 0));
    workspace.write("b.csv", plain(&|case| case % 10 != 0));
    workspace.write("c.csv", plain(&|case| case % 9 != 0));
    let (finished, found) = compare(&workspace, &["a.csv", "b.csv", "c.csv"]);
    assert_eq!(
        (
            found["pairs"].as_array().unwrap().len(),
            &found["pairs"][0]["task"]
        ),
        (3, &json!("scores"))
    );
    let ranking = &found["ranking"][0];
    let last = &ranking["systems"][2];
    assert_eq!(
        (&last["label"], &last["rank_best"], &last["rank_worst"]),
        (&json!("a"), &json!(3), &json!(3))
    );
    assert_eq!(ranking["systems"][0]["groups"], ranking["systems"][1]["groups"]);
    assert!(
        finished.stdout.contains("ranking by scores.score")
            && finished.stdout.contains("cannot be told apart")
    );
    // Clusters: the sums of whole ones are flipped.
    let clustered = |right: &dyn Fn(usize) -> bool| {
        format!(
            "id,score,cluster\n{}",
            rows(&|case| format!(",k{}", case / 4), right)
        )
    };
    workspace.write("d.csv", clustered(&|case| case % 2 == 0));
    workspace.write("e.csv", clustered(&|case| case % 10 != 0));
    let (_, found) = compare(&workspace, &["d.csv", "e.csv"]);
    let clustered = &found["pairs"][0];
    assert_eq!(
        (&clustered["test"], &clustered["n_clusters"]),
        (&json!("cluster_sign_flip"), &json!(15))
    );
    assert_eq!(clustered["difference_bootstrap"]["method"], "cluster_bootstrap");
    // Epochs: a case counts once, and one whose epochs disagree is flaky.
    let epochs = |second: u8| {
        (0..30).fold(String::new(), |mut text, case| {
            let _ = writeln!(text, "{{\"id\": {case}, \"score\": 1, \"epoch\": 0}}");
            let _ = writeln!(
                text,
                "{{\"id\": {case}, \"score\": {}, \"epoch\": 1}}",
                second.min(u8::from(case > 3) + second)
            );
            text
        })
    };
    workspace.write("f.jsonl", epochs(1));
    workspace.write("g.jsonl", epochs(0));
    let (_, found) = compare(&workspace, &["f.jsonl", "g.jsonl"]);
    let repeated = &found["pairs"][0];
    assert_eq!(
        (&repeated["n_pairs"], &repeated["epochs_max"], &repeated["kind"]),
        (&json!(30), &json!(2), &json!("bounded"))
    );
    assert_eq!(repeated["flips"]["n_flaky"], 30);
    // No case in common: unpaired, and said so.
    workspace.write("h.csv", plain(&|case| case % 10 != 0).replace('q', "z"));
    let (finished, found) = compare(&workspace, &["a.csv", "h.csv"]);
    let apart = &found["pairs"][0];
    assert_eq!(
        (&apart["design"], &apart["test"], &apart["n_pairs"]),
        (&json!("unpaired"), &json!("fisher_exact"), &json!(0))
    );
    assert_eq!(apart["difference"]["method"], "newcombe");
    assert!(
        finished.stdout.contains("independent samples"),
        "{}",
        finished.stdout
    );
    // The conservative test on demand; both stand in the file.
    let (_, exact) = compare(&workspace, &["a.csv", "b.csv", "--test", "exact"]);
    assert_eq!(
        (&exact["pairs"][0]["test"], &exact["pairs"][0]["p"]),
        (
            &json!("mcnemar_exact"),
            &exact["pairs"][0]["p_other"]["mcnemar_exact"]
        )
    );
    // Less of it is better.
    let (_, turned) = compare(&workspace, &["a.csv", "b.csv", "--lower-is-better", "score"]);
    assert!(turned["pairs"][0]["prob_b_better"].as_f64().unwrap() < 0.01);
}

/// Protects times: means and those percentiles that have enough values, by a bootstrap, lower being better, and a word on
/// what is left out.
#[test]
fn times_have_percentiles() {
    let workspace = workspace();
    let rows = |slower: f64| {
        (0..120).fold(String::new(), |mut text, case| {
            let latency = slower * (100.0 + f64::from(case * 37 % 101));
            let row =
                json!({"id": case, "task": "t", "model": "m", "latency_ms": latency, "scores": {"right": 1}});
            let _ = writeln!(text, "{row}");
            text
        })
    };
    workspace.write("a.jsonl", rows(1.0));
    workspace.write("b.jsonl", rows(1.3));
    let (finished, found) = compare(&workspace, &["a.jsonl", "b.jsonl"]);
    let times: Vec<&Value> = found["pairs"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|pair| pair["metric"] == "latency_ms")
        .collect();
    let statistics: Vec<&str> = times
        .iter()
        .map(|pair| pair["statistic"].as_str().unwrap())
        .collect();
    assert_eq!(statistics, ["mean", "p50", "p95"]);
    for time in &times {
        assert_eq!((&time["unit"], &time["design"]), (&json!("ms"), &json!("paired")));
        assert!(time["difference"]["low"].as_f64().unwrap() > 0.0, "{time}");
        assert!(time["prob_b_better"].as_f64().unwrap() < 0.01, "{time}");
    }
    assert_eq!(times[1]["test"], "quantile_bootstrap");
    let warnings = found["warnings"].to_string();
    assert!(
        warnings.contains("p99 (500)") && !warnings.contains("p95"),
        "{warnings}"
    );
    assert!(
        finished.stdout.contains("▼ t.latency_ms.p95"),
        "{}",
        finished.stdout
    );
}

/// Protects people with a wrong file: what, where, and what to do; exit 2, and nothing written.
#[test]
fn wrong_inputs_are_told_with_their_place() {
    let workspace = workspace();
    workspace.write("good.csv", "id,score\nx,1\ny,0\n");
    for (name, content, said) in [
        (
            "bad.csv",
            "id,score\nx,1\ny,high\n",
            "bad.csv:3: `score` is `high`, expected a finite number",
        ),
        (
            "twice.csv",
            "id,score\nx,1\nx,0\n",
            "twice.csv:3: case `x` has a second score for epoch 0; the first is at twice.csv:2",
        ),
        (
            "mixed.csv",
            "id,score,cluster\nx,1,k\ny,0,\n",
            "mixed.csv:3: case `y` has no cluster",
        ),
        ("empty.csv", "id,score\n", "empty.csv has no rows"),
        ("nothing.csv", "", "nothing.csv has no rows"),
        (
            "epoch.jsonl",
            "{\"id\": 1, \"score\": 1, \"epoch\": -1}\n",
            "epoch.jsonl:1: epoch is -1",
        ),
        ("broken.jsonl", "{\"score\": 1, \n", "broken.jsonl:1: column"),
        ("other.json", "{\"a\": 1}", "other.json"),
        (
            "broken.json",
            "{\"schema\": \"seatrial.export/1\", \"samples\": [{\"id\": 1},",
            "broken.json:1:",
        ),
        ("fake.parquet", "PAR1 or not", "failed to read fake.parquet"),
    ] {
        workspace.write(name, content);
        let refused = workspace
            .run(&["compare", "good.csv", name, "--json", "out.json"])
            .expect_code(2);
        assert!(refused.stderr.contains(said), "{name}: {}", refused.stderr);
        assert!(!workspace.path().join("out.json").exists(), "{name}");
    }
    workspace.write("conflict.csv", "id,score,cluster\nx,1,k\ny,0,l\n");
    workspace.write("clusters.csv", "id,score,cluster\nx,1,k\ny,0,k\n");
    for (arguments, said) in [
        (&["good.csv"][..], "two or more"),
        (&["good.csv", "gone.csv"], "there is no file gone.csv"),
        (&["good.csv", "latest"], "or make a run first"),
        (
            &["clusters.csv", "conflict.csv"],
            "conflict.csv:3: case `y` is in cluster `l`, but before it was in `k` at clusters.csv:3",
        ),
        (&["good.csv", "good.csv", "--level", "1"], "--level is 1"),
        (&["good.csv", "good.csv", "--power", "0.01"], "--power is 0.01"),
        (
            &["good.csv", "good.csv", "--html", "nowhere/page.html"],
            "does not exist",
        ),
        (
            &["good.csv", "good.csv", "--json", "-", "--html", "-"],
            "at most one",
        ),
        (&["good.csv@x", "good.csv"], "a file of scores has no targets"),
        (&[".", "good.csv"], "is a folder"),
    ] {
        let arguments = [&["compare"], arguments].concat();
        let refused = workspace.run(&arguments).expect_code(2);
        assert!(refused.stderr.contains(said), "{arguments:?}: {}", refused.stderr);
    }
}

/// Protects readers from texts of models: nothing acts on the screen, in Markdown or in the page.
#[test]
fn hostile_texts_do_not_act() {
    let workspace = workspace();
    let evil = "\u{1b}[31m<script>alert(1)</script> @team | `x` \u{202e}abc";
    let row = |right: bool| {
        json!({"id": evil, "task": "t", "model": evil, "prompt": evil, "output": evil,
               "scores": {"right": u8::from(right)}})
    };
    workspace.write("a.jsonl", format!("{}\n", row(true)));
    workspace.write("b.jsonl", format!("{}\n", row(false)));
    let (finished, found) = compare(
        &workspace,
        &["a.jsonl", "b.jsonl", "--markdown", "c.md", "--html", "c.html"],
    );
    assert_eq!(pair(&found, "right")["flips"]["newly_failing"][0]["id"], evil);
    let read = |name: &str| std::fs::read_to_string(workspace.path().join(name)).unwrap();
    let (markdown, page) = (read("c.md"), read("c.html"));
    for text in [&finished.stdout, &markdown, &page] {
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
        assert!(text.contains("newly failing"), "{text}");
    }
    assert!(!page.contains("<script>") && page.contains("&lt;script&gt;"));
    assert!(
        !markdown.contains("<script>") || markdown.contains("`"),
        "{markdown}"
    );
    assert!(!markdown.contains(" @team |"), "{markdown}");
}

/// Protects a comparison of forty-three models against the figures that were counted apart: of 903 pairs McNemar's exact
/// test separates 706 at 0.05 and a two-proportion z test 669.
#[test]
fn many_models_of_gsm8k() {
    let Some(data) = std::env::var_os("SEATRIAL_TEST_DATA") else {
        eprintln!("skipped: SEATRIAL_TEST_DATA is not set");
        return;
    };
    let path = std::path::Path::new(&data).join("benchmarks/gsm8k_many_models/correct.csv");
    let table = std::fs::read_to_string(path).unwrap();
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split(',').collect()).collect();
    let workspace = workspace();
    let mut files = Vec::new();
    for (column, model) in rows[0].iter().enumerate().skip(1) {
        let mut text = String::from("id,score\n");
        for row in &rows[1..] {
            let _ = writeln!(text, "{},{}", row[0], row[column]);
        }
        let name = format!("{}.csv", model.replace('/', "_"));
        workspace.write(&name, text);
        files.push(name);
    }
    let arguments: Vec<&str> = files.iter().map(String::as_str).collect();
    let (finished, found) = compare(&workspace, &arguments);
    let pairs = found["pairs"].as_array().unwrap();
    assert_eq!((files.len(), pairs.len()), (43, 903));
    let separated = |key: &str| {
        pairs
            .iter()
            .filter(|pair| pair["p_other"][key].as_f64().is_some_and(|p| p < 0.05))
            .count()
    };
    assert_eq!(
        (separated("mcnemar_exact"), separated("two_proportion_z")),
        (706, 669)
    );
    assert!(pairs.iter().all(|pair| pair["n_pairs"] == 660));
    let ranking = &found["ranking"][0];
    let systems = ranking["systems"].as_array().unwrap();
    assert_eq!(
        (systems.len(), &ranking["n_cases"], &ranking["simultaneous"]),
        (43, &json!(660), &json!("max_t"))
    );
    let value = |system: &Value, key: &str| system["value"][key].as_f64().unwrap();
    assert!(
        systems
            .windows(2)
            .all(|two| value(&two[0], "value") >= value(&two[1], "value"))
    );
    assert!(systems.iter().all(|system| {
        value(system, "low") < value(system, "value")
            && system["rank_best"].as_u64() <= system["rank_worst"].as_u64()
            && !system["groups"].as_str().unwrap().is_empty()
    }));
    // Two systems share a letter exactly where their difference does not stand.
    let groups: Vec<Vec<&str>> = ranking["indistinguishable"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            group
                .as_array()
                .unwrap()
                .iter()
                .map(|label| label.as_str().unwrap())
                .collect()
        })
        .collect();
    for pair in pairs {
        let (a, b) = (pair["a"].as_str().unwrap(), pair["b"].as_str().unwrap());
        let share = groups
            .iter()
            .any(|group| group.contains(&a) && group.contains(&b));
        let differs = pair["p_adjusted"].as_f64().unwrap() <= 0.05;
        assert_ne!(share, differs, "{a} {b}");
    }
    assert!(finished.stdout.contains("of 903 differ"), "{}", finished.stdout);
}
