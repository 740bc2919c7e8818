//! Scorers in another language and scorers that ask a model, through the binary: what they say becomes scores, what
//! goes wrong with them never becomes quality, and what they cost is told apart.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

mod common;

use common::{simulate, write_cases, write_suite};
use seatrial_testkit::{Finished, Workspace, is_alive, puppet};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

const CASES: usize = 40;

/// A run over recorded answers, of which every fifth is wrong, with these scorers (YAML, a list).
fn run_recorded(scorers: &str, rest: &str, code: i32) -> (Workspace, Finished) {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, CASES);
    let answers: String = (0..CASES)
        .map(|number| {
            let answer = if number % 5 == 0 {
                "wrong".to_owned()
            } else {
                format!("answer {number}")
            };
            format!("{}\n", json!({"id": format!("c{number}"), "output": answer}))
        })
        .collect();
    workspace.write("answers.jsonl", answers);
    workspace.write(
        "suite.yaml",
        format!(
            "version: 1\nname: outside\ntargets:\n  - {{name: t, provider: recorded, path: answers.jsonl}}\n\
             tasks:\n  - name: a\n    dataset: {{path: cases.jsonl}}\n    scorers:\n{scorers}{rest}"
        ),
    );
    let finished = workspace
        .run(&["run", "suite.yaml", "--json", "findings.json"])
        .expect_code(code);
    (workspace, finished)
}

fn metric<'a>(findings: &'a Value, name: &str) -> &'a Value {
    let metrics = findings["targets"][0]["metrics"].as_array().unwrap();
    metrics
        .iter()
        .find(|metric| metric["metric"] == name)
        .unwrap_or(&Value::Null)
}

fn counts(metric: &Value) -> [u64; 4] {
    ["n", "n_scored", "n_unparsed", "n_error"].map(|key| metric[key].as_u64().unwrap())
}

fn details(workspace: &Workspace) -> String {
    let export = workspace.run(&["export", "latest"]).expect_code(0);
    export.stdout
}

#[track_caller]
fn assert_no_survivors(workspace: &Workspace) {
    let pids = std::fs::read_to_string(workspace.path().join("pids")).unwrap_or_default();
    for pid in pids.lines() {
        assert_ne!(
            is_alive(pid.parse().unwrap()),
            Some(true),
            "process {pid} is still there"
        );
    }
}

/// Protects the protocol of programs that score: one metric and several, kinds as the suite declares them, and gates
/// on them.
#[test]
fn a_program_scores() {
    let program = puppet().display();
    let scorers = format!(
        "      - exact_match\n      - exec: {{command: [{program}, score], metrics: binary, workers: 2}}\n      - exec:\n          \
         name: tone\n          command: [{program}, score-many]\n          in_flight: 4\n          \
         metrics: {{polite: binary, words: {{kind: real, pillar: safety}}}}\n"
    );
    let gates = "gates:\n  - {metric: a.exec, at_least: 0.5}\n  - {metric: a.tone_words, at_least: 3}\n";
    let (workspace, _) = run_recorded(&scorers, gates, 0);
    let findings = workspace.json("findings.json");
    let (rule, program) = (metric(&findings, "exact_match"), metric(&findings, "exec"));
    assert_eq!(
        (&program["value"], counts(program)),
        (&rule["value"], [40, 40, 0, 0])
    );
    assert_eq!(
        (&program["method"], &program["unit"]),
        (&"wilson".into(), &"share".into())
    );
    assert_eq!(metric(&findings, "tone_polite")["value"], 1.0);
    let words = metric(&findings, "tone_words");
    assert_eq!(
        (&words["pillar"], &words["unit"]),
        (&"safety".into(), &"score".into())
    );
    assert!((5.0..=9.0).contains(&words["value"].as_f64().unwrap()), "{words}");
    assert!(
        details(&workspace).contains("compared"),
        "the reason is on record"
    );
    assert_no_survivors(&workspace);
}

/// Protects quality from those who judge it: a program that fails is an error of the scorer, one that could not read an
/// answer says so, and neither is a 0.
#[test]
fn what_goes_wrong_is_never_quality() {
    let program = puppet().display();
    for (mode, expected, words) in [
        ("die", [40, 0, 0, 40], "no weights found"),
        ("hang", [40, 0, 0, 40], "gave no answer within 200ms"),
        ("garbage", [40, 0, 0, 40], "not JSON"),
        ("error", [40, 0, 0, 40], "the scorer says"),
        (
            "score-out-of-range",
            [40, 0, 0, 40],
            "`score` is 7, expected a number from 0 to 1",
        ),
        ("know", [40, 0, 0, 40], "has no `score`"),
        ("score-unparsed", [40, 30, 10, 0], "no grade in it"),
    ] {
        // Short for what hangs; long for the others, which may start slowly on a busy machine.
        let timeout = if mode == "hang" { "200ms" } else { "20s" };
        let scorer = format!(
            "      - exec: {{command: [{program}, {mode}], timeout: {timeout}, attempts: 1, workers: 4}}\n"
        );
        // A scorer that fails more often than errors are allowed makes the run a failed one.
        let code = if mode == "score-unparsed" { 0 } else { 4 };
        let (workspace, finished) = run_recorded(&scorer, "", code);
        let findings = workspace.json("findings.json");
        assert_eq!(counts(metric(&findings, "exec")), expected, "{mode}");
        assert!(
            details(&workspace).contains(words),
            "{mode}: {}",
            details(&workspace).lines().next().unwrap()
        );
        if code == 4 {
            assert!(
                finished.stdout.contains("scorer `exec`"),
                "{mode}: {}",
                finished.stdout
            );
        }
        assert_no_survivors(&workspace);
    }
}

/// Protects machines: a program that scores dies with an interrupted run too, and so does what it forked.
#[cfg(unix)]
#[test]
fn nothing_survives_an_interruption() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, CASES);
    let server = simulate(&workspace, &json!({}));
    write_suite(&workspace, &server.base_url(), "", "");
    let suite = std::fs::read_to_string(workspace.path().join("suite.yaml")).unwrap();
    let scorers = format!(
        "    scorers:\n      - exec: {{command: [{}, fork], workers: 2}}\n",
        puppet().display()
    );
    workspace.write(
        "suite.yaml",
        suite.replace("    scorers: [exact_match]\n", &scorers),
    );
    let mut child = workspace.spawn(&["run", "suite.yaml"]);
    let started = || {
        let pids = std::fs::read_to_string(workspace.path().join("pids")).unwrap_or_default();
        pids.lines().count()
    };
    while started() < 4 {
        assert!(child.try_wait().unwrap().is_none(), "the run ended by itself");
        std::thread::yield_now();
    }
    for _ in 0..2 {
        let pid = child.id().to_string();
        let status = std::process::Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap();
        assert!(status.success());
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_no_survivors(&workspace);
}

/// A web service that answers each posted sample; `answer` gets the body and gives status and body.
fn serve(answer: impl Fn(&Value, &str) -> (u16, String) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/score", listener.local_addr().unwrap());
    let answer = std::sync::Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answer = std::sync::Arc::clone(&answer);
            std::thread::spawn(move || while serve_one(&stream, &*answer).is_some() {});
        }
    });
    url
}

fn serve_one(mut stream: &TcpStream, answer: &dyn Fn(&Value, &str) -> (u16, String)) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let lower = head.to_lowercase();
    let length = lower
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))?;
    let mut body = vec![0; length.trim().parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    let (status, text) = answer(&serde_json::from_slice(&body).ok()?, &head);
    let reply = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{text}",
        text.len()
    );
    stream.write_all(reply.as_bytes()).ok()
}

/// Protects the protocol of web services that score: the sample is posted, headers come from the suite and from the
/// environment, failures of the service are tried again, and a key is never told.
#[test]
fn a_web_service_scores() {
    let canary = "canary-9876543210";
    let failures = std::sync::atomic::AtomicU32::new(0);
    let url = serve(move |sample, head| {
        use std::sync::atomic::Ordering;
        if !head.contains("x-team: quality") || !head.contains("Bearer canary-9876543210") {
            return (
                401,
                json!({"error": {"message": format!("{head} has no key")}}).to_string(),
            );
        }
        if failures.fetch_add(1, Ordering::Relaxed).is_multiple_of(7) {
            return (503, "{}".to_owned());
        }
        let expected = sample["expected"].as_array().unwrap();
        let is_right = expected.contains(&sample["output"]);
        (
            200,
            json!({"score": is_right, "reason": sample["metadata"]["id"]}).to_string(),
        )
    });
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, CASES);
    let server = simulate(&workspace, &json!({}));
    let scorers = format!(
        "    scorers:\n      - http: {{url: \"{url}\", metrics: binary, headers: {{x-team: quality}}, \
         headers_env: {{authorization: SCORER_KEY}}, attempts: 4}}\n"
    );
    write_suite(&workspace, &server.base_url(), "", "");
    let suite = std::fs::read_to_string(workspace.path().join("suite.yaml")).unwrap();
    workspace.write(
        "suite.yaml",
        suite.replace("    scorers: [exact_match]\n", &scorers),
    );
    let run = |key: &str| {
        let mut command = workspace.command(&["run", "suite.yaml", "--json", "findings.json"]);
        command.env("SCORER_KEY", key);
        Finished::of(command.output())
    };
    let _ = run(&format!("Bearer {canary}")).expect_code(0);
    let judged = workspace.json("findings.json");
    assert_eq!(
        (counts(metric(&judged, "http")), &metric(&judged, "http")["value"]),
        ([40, 40, 0, 0], &1.0.into())
    );
    assert!(details(&workspace).contains("c17"));

    let wrong = run("Bearer other-0123456789").expect_code(4);
    let judged = workspace.json("findings.json");
    assert_eq!(counts(metric(&judged, "http")), [40, 0, 0, 40]);
    assert!(!format!("{}{}{}", wrong.stdout, wrong.stderr, details(&workspace)).contains("other-0123456789"));
    let unset = workspace.run(&["run", "suite.yaml"]).expect_code(2);
    assert!(
        unset
            .stderr
            .contains("the environment variable SCORER_KEY is not set"),
        "{}",
        unset.stderr
    );
}

/// Protects people from late errors: options that cannot work are refused at their place.
#[test]
fn unusable_scorers_are_refused_early() {
    for (scorer, words) in [
        (
            "exec: {command: [no-such-program-here]}",
            "there is no program `no-such-program-here`",
        ),
        (
            "exec: {command: [sh], timeout: fast}",
            "option `timeout` of scorer `exec` is the text `fast`",
        ),
        (
            "exec: {command: [sh], workers: 0}",
            "a whole number from 1 to 256",
        ),
        ("exec: {command: [sh], negate: true}", "has no option `negate`"),
        (
            "exec: {command: [sh], env: [SEATRIAL_NOT_SET]}",
            "SEATRIAL_NOT_SET is not set",
        ),
        ("exec: {metrics: binary}", "needs the option `command`"),
        ("http: {url: \"localhost/score\"}", "which has no scheme"),
        (
            "http: {url: \"http://h/\", headers: [a]}",
            "a map from names to texts",
        ),
        (
            "similarity: {model: absent}",
            "there is no model named `absent` below `models:`",
        ),
        ("similarity", "needs the option `model`"),
    ] {
        let (_, refused) = run_recorded(&format!("      - {scorer}\n"), "", 2);
        assert!(refused.stderr.contains(words), "{scorer}: {}", refused.stderr);
        assert!(
            refused.stderr.contains("suite.yaml:9:"),
            "{scorer}: {}",
            refused.stderr
        );
    }
}

/// Protects nearness of meaning and the account of what it costs: the embeddings model is asked for each answer and each
/// reference, its calls and money are no target's, and its failures are no quality.
#[test]
fn similarity_asks_an_embeddings_model() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, CASES);
    let server = simulate(&workspace, &json!({"accuracy": 0.5}));
    let rest = format!(
        "models:\n  - name: vectors\n    provider: openai\n    api: embeddings\n    base_url: {}\n    model: m\n    \
         price: {{input_usd_per_mtok: 1000, output_usd_per_mtok: 0}}\n",
        server.base_url()
    );
    write_suite(&workspace, &server.base_url(), "", &rest);
    let scorers = "    scorers:\n      - exact_match\n      - similarity: {model: vectors}\n      - similarity: {name: near, model: \
                   vectors, threshold: 0.99}\n      - similarity: {name: apart, model: vectors, measure: euclidean}\n";
    let suite = std::fs::read_to_string(workspace.path().join("suite.yaml")).unwrap();
    workspace.write(
        "suite.yaml",
        suite.replace("    scorers: [exact_match]\n", scorers),
    );
    let run = workspace
        .run(&["run", "suite.yaml", "--json", "findings.json"])
        .expect_code(0);
    let findings = workspace.json("findings.json");
    let similarity = metric(&findings, "similarity");
    assert_eq!(counts(similarity), [40, 40, 0, 0]);
    let mean = similarity["value"].as_f64().unwrap();
    let right = metric(&findings, "exact_match")["value"].as_f64().unwrap();
    assert!(mean > right && mean <= 1.0, "{mean} {right}");
    let near = metric(&findings, "near");
    assert_eq!(
        (&near["unit"], &near["method"]),
        (&"share".into(), &"wilson".into())
    );
    assert!(near["value"].as_f64().unwrap() >= right);
    let spend = &findings["models"][0];
    assert_eq!(
        (&spend["name"], &spend["model"], &spend["errors"]),
        (&"vectors".into(), &"m".into(), &0.into())
    );
    // Three scorers ask for each answer; each keeps the vectors of references.
    assert_eq!(spend["calls"], 3 * 2 * CASES as u64);
    assert!(
        spend["cost_usd"].as_f64().is_some_and(|cost| cost > 0.1),
        "{spend}"
    );
    assert!(
        findings["targets"][0]["cost_usd"].is_null(),
        "the target has no price"
    );
    assert!(
        run.stdout.contains("asked by scorers: vectors (m)  240 calls"),
        "{}",
        run.stdout
    );

    let schema = workspace.run(&["schema", "findings"]).expect_code(0);
    let schema: Value = serde_json::from_str(&schema.stdout).unwrap();
    assert!(
        jsonschema::validator_for(&schema).unwrap().is_valid(&findings),
        "{findings:#}"
    );

    // A model that cannot be reached, and one that answers with words.
    let suite = std::fs::read_to_string(workspace.path().join("suite.yaml")).unwrap();
    let model = format!("base_url: {}\n    model: m\n    price", server.base_url());
    assert!(suite.contains(&model));
    let absent = "retry: {attempts: 1}\n    base_url: http://127.0.0.1:1/v1\n    model: m\n    price";
    workspace.write("suite.yaml", suite.replace(&model, absent));
    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "findings.json"])
        .expect_code(4);
    let findings = workspace.json("findings.json");
    assert_eq!(counts(metric(&findings, "similarity")), [40, 0, 0, 40]);
    assert_eq!(findings["models"][0]["errors"], findings["models"][0]["calls"]);

    workspace.write("suite.yaml", suite.replace("api: embeddings", "api: chat"));
    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "findings.json"])
        .expect_code(4);
    let findings = workspace.json("findings.json");
    assert_eq!(counts(metric(&findings, "similarity")), [40, 0, 0, 40]);
    assert!(details(&workspace).contains("is no vector"));
}
