//! Every provider over HTTP, from the suite to the findings: a simulated endpoint speaks each API in its own words.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

#[expect(dead_code, reason = "each test program uses a part of it")]
mod common;

use common::{simulate, write_cases};
use seatrial_sim::SimHandle;
use seatrial_testkit::Workspace;
use serde_json::{Value, json};

const CASES: usize = 40;

/// A suite with these targets (YAML items) and one task over the numbered cases.
fn write(workspace: &Workspace, targets: &str, task: &str) {
    let suite = format!(
        "version: 1\nname: trial\ntargets:\n{targets}tasks:\n  - name: answers\n    dataset: {{path: cases.jsonl}}\n{task}"
    );
    workspace.write("suite.yaml", suite);
}

const PLAIN: &str = "    scorers: [exact_match]\n";

/// One target of every kind at one server.
fn every_kind(server: &SimHandle) -> String {
    let url = server.base_url();
    let price = "    price: {input_usd_per_mtok: 1, output_usd_per_mtok: 2}\n";
    let limits = "    retry: {attempts: 3, wait_first: 1ms, wait_max: 2ms}\n";
    let target = |name: &str, keys: &str| format!("  - name: {name}\n{keys}{price}{limits}");
    let openai = |api: &str, more: &str| {
        format!("    provider: openai\n    base_url: {url}\n    model: m\n    api: {api}\n{more}")
    };
    let anthropic = |more: &str| {
        format!(
            "    provider: anthropic\n    base_url: {url}\n    model: m\n    params: {{max_tokens: 100}}\n{more}"
        )
    };
    let http = |body: &str, more: &str| {
        format!(
            "    provider: http\n    url: {url}/chat/completions\n    body: {body}\n    answer: /choices/0/message/content\n\
             \x20   usage_input: /usage/prompt_tokens\n    usage_output: /usage/completion_tokens\n\
             \x20   finish_reason: /choices/0/finish_reason\n    answer_model: /model\n{more}"
        )
    };
    let streamed = "    stream: {delta: /choices/0/delta/content, done: \"[DONE]\"}\n";
    [
        target("chat", &openai("chat", "")),
        target("responses", &openai("responses", "")),
        target("responses-whole", &openai("responses", "    stream: false\n")),
        target("completions", &openai("completions", "")),
        target("claude", &anthropic("")),
        target("claude-whole", &anthropic("    stream: false\n")),
        target("own", &http("{model: m, messages: \"{{ messages }}\"}", "")),
        target(
            "own-streamed",
            &http(
                "{model: m, stream: true, stream_options: {include_usage: true}, messages: [{role: user, content: \"{{ prompt }}\"}]}",
                streamed,
            ),
        ),
    ]
    .concat()
}

fn metric<'a>(target: &'a Value, name: &str) -> &'a Value {
    let metrics = target["metrics"].as_array().unwrap();
    metrics.iter().find(|metric| metric["metric"] == name).unwrap()
}

/// Protects the whole way of every API: answers are right, tokens are counted alike, money is known, and a first token
/// has a time exactly where the answer came as a stream.
#[test]
fn every_api_gives_the_same_findings() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, CASES);
    let server = simulate(&workspace, &json!({"usage": "last_event_empty_choices"}));
    write(&workspace, &every_kind(&server), PLAIN);
    let run = workspace
        .run(&["run", "suite.yaml", "--json", "findings.json"])
        .expect_code(0);
    let findings = workspace.json("findings.json");
    let targets = findings["targets"].as_array().unwrap();
    assert_eq!(targets.len(), 8);
    for target in targets {
        let name = target["name"].as_str().unwrap();
        let quality = metric(target, "exact_match");
        assert_eq!(
            (&quality["value"], &quality["n_scored"]),
            (&json!(1.0), &json!(CASES)),
            "{name}\n{}",
            run.stdout
        );
        assert_eq!(target["usage"], targets[0]["usage"], "{name}");
        assert!(target["usage"]["output_tokens"].as_u64().unwrap() > 0, "{name}");
        assert_eq!(target["cost_usd"], targets[0]["cost_usd"], "{name}");
        let is_whole = name.ends_with("-whole") || name == "own";
        let has_first_token = target["metrics"]
            .as_array()
            .unwrap()
            .iter()
            .any(|metric| metric["metric"] == "ttft_ms" && !metric["value"].is_null());
        assert_eq!(has_first_token, !is_whole, "{name}");
    }
    let stats = server.stats();
    assert_eq!(
        stats.requests,
        (CASES * 8) as u64,
        "one request a sample, no fallback"
    );
}

/// Protects every API from counting failures as quality, and from giving up where trying again helps.
#[test]
fn faults_of_every_api_are_survived() {
    for fault in [
        "rate_limited",
        "server_error",
        "truncated",
        "error_event",
        "invalid_json",
    ] {
        let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
        write_cases(&workspace, CASES);
        let faults = json!({ "faults": { fault: 0.2 }, "usage": "last_event_empty_choices" });
        let server = simulate(&workspace, &faults);
        let targets = every_kind(&server).replace("attempts: 3", "attempts: 30");
        write(&workspace, &targets, PLAIN);
        let _run = workspace
            .run(&["run", "suite.yaml", "--json", "findings.json"])
            .expect_code(0);
        let findings = workspace.json("findings.json");
        for target in findings["targets"].as_array().unwrap() {
            let quality = metric(target, "exact_match");
            let counts = (&quality["value"], &quality["n_error"]);
            assert_eq!(counts, (&json!(1.0), &json!(0)), "{fault}, {}", target["name"]);
        }
        assert!(
            server.stats().by_fault.get(fault).copied().unwrap_or(0) > 10,
            "{fault} hardly happened"
        );
    }
}

/// Protects the cap: an endpoint that refuses the key ends the run with the code for broken infrastructure, and says
/// why without the key.
#[test]
fn a_wrong_key_is_named_and_never_shown() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, CASES);
    let config = json!({"answers": workspace.path().join("cases.jsonl"), "api_key": "right-canary-0123",
        "personas": [{"model": "m"}]});
    let server = SimHandle::spawn(seatrial_sim::SimConfig::from_value(config).unwrap()).unwrap();
    let target = format!(
        "  - name: claude\n    provider: anthropic\n    base_url: {}\n    model: m\n    api_key_env: TRIAL_KEY\n    params: {{max_tokens: 9}}\n",
        server.base_url()
    );
    write(&workspace, &target, PLAIN);
    let run_with = |key: &str| {
        let mut command = workspace.command(&["run", "suite.yaml", "--json", "findings.json"]);
        seatrial_testkit::Finished::of(command.env("TRIAL_KEY", key).output())
    };
    let wrong = run_with("wrong-canary-4567").expect_code(4);
    assert!(
        !format!("{}{}", wrong.stdout, wrong.stderr).contains("canary"),
        "{}",
        wrong.stderr
    );
    // The run ends at its error cap, before the last case.
    let target = &workspace.json("findings.json")["targets"][0];
    let refused = target["errors"]["auth"].as_u64().unwrap();
    assert!(refused > 0);
    assert_eq!(metric(target, "exact_match")["n_error"], refused);
    let _right = run_with("right-canary-0123").expect_code(0);
}

/// Protects conversations with pictures and tools on their way through suite, plan, wire and record; a picture that
/// changes is another plan.
#[test]
fn pictures_and_tools_go_through() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, 3);
    workspace.write("map.png", b"\x89PNG\r\n\x1a\n one");
    let server = simulate(&workspace, &json!({}));
    let task = concat!(
        "    messages:\n",
        "      - {role: user, images: [map.png, \"https://example.org/x.png\"], content: Look.}\n",
        "      - {role: assistant, tool_calls: [{id: c1, name: look, arguments: '{\"case\": \"{{ id }}\"}'}]}\n",
        "      - {role: tool, tool_call_id: c1, content: seen}\n",
        "      - {role: user, content: \"{{ input }}\"}\n",
        "    scorers: [exact_match]\n"
    );
    let url = server.base_url();
    let targets = format!(
        "  - {{name: chat, provider: openai, base_url: \"{url}\", model: m}}\n\
         \x20 - {{name: responses, provider: openai, api: responses, base_url: \"{url}\", model: m}}\n\
         \x20 - {{name: claude, provider: anthropic, base_url: \"{url}\", model: m, params: {{max_tokens: 50}}}}\n"
    );
    write(&workspace, &targets, task);
    let _run = workspace
        .run(&["run", "suite.yaml", "--json", "findings.json"])
        .expect_code(0);
    let findings = workspace.json("findings.json");
    for target in findings["targets"].as_array().unwrap() {
        assert_eq!(metric(target, "exact_match")["value"], 1.0, "{}", target["name"]);
    }
    let exported = workspace.run(&["export", "latest"]).expect_code(0);
    let first: Value = serde_json::from_str(exported.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(first["prompt"][0]["images"][0]["source"], "map.png");
    assert_eq!(first["prompt"][0]["images"][0]["media_type"], "image/png");
    assert_eq!(
        first["prompt"][1]["tool_calls"][0]["arguments"],
        "{\"case\": \"c0\"}"
    );
    assert!(
        !exported.stdout.contains("iVBOR"),
        "no content of pictures in the record"
    );

    workspace.write("map.png", b"\x89PNG\r\n\x1a\n two");
    let _run = workspace
        .run(&["run", "suite.yaml", "--json", "other.json"])
        .expect_code(0);
    assert_ne!(findings["plan_hash"], workspace.json("other.json")["plan_hash"]);
}

/// Protects people from late errors: pictures that are not there, and secrets that are not set, end the run before the
/// first call, at their place.
#[test]
fn what_is_missing_is_said_before_the_first_call() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, 3);
    let server = simulate(&workspace, &json!({}));
    let url = server.base_url();
    let target = format!("  - {{name: t, provider: openai, base_url: \"{url}\", model: m}}\n");
    for (image, said) in [
        ("none.png", "image `none.png` cannot be read"),
        ("cases.jsonl", "PNG, JPEG, GIF or WebP"),
        ("\"{{ missing }}\"", "undefined"),
    ] {
        let task = format!(
            "    messages:\n      - {{role: user, images: [{image}], content: \"{{{{ input }}}}\"}}\n    scorers: [exact_match]\n"
        );
        write(&workspace, &target, &task);
        let run = workspace.run(&["run", "suite.yaml"]).expect_code(2);
        assert!(
            run.stderr.contains(said) && run.stderr.contains("cases.jsonl"),
            "{image}\n{}",
            run.stderr
        );
    }
    for (keys, place) in [
        (
            "headers_env: {x-key: UNSET_VARIABLE}",
            "UNSET_VARIABLE is not set",
        ),
        ("headers: {Host: example.org}", "is set by the connection itself"),
    ] {
        let target = format!("  - {{name: t, provider: openai, base_url: \"{url}\", model: m, {keys}}}\n");
        write(&workspace, &target, PLAIN);
        let run = workspace.run(&["run", "suite.yaml"]).expect_code(2);
        assert!(
            run.stderr.contains(place) && run.stderr.contains("suite.yaml:"),
            "{keys}\n{}",
            run.stderr
        );
    }
    assert_eq!(server.stats().requests, 0);
}

/// Protects the identity of a plan: what decides a request is in it, names of variables are not.
#[test]
fn what_decides_requests_is_in_the_plan() {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, 3);
    let server = simulate(&workspace, &json!({}));
    let hash = |keys: &str| {
        let url = server.base_url();
        let target = format!("  - {{name: t, provider: openai, base_url: \"{url}\", model: m{keys}}}\n");
        write(&workspace, &target, PLAIN);
        let mut command = workspace.command(&["run", "suite.yaml", "--json", "findings.json"]);
        let run = seatrial_testkit::Finished::of(command.env("A", "x").env("B", "x").output());
        let _run = run.expect_code(0);
        workspace.json("findings.json")["plan_hash"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let plain = hash("");
    assert_eq!(plain, hash(", api: chat, stream: true, headers: {}"));
    let secret = hash(", headers_env: {x-key: A}");
    assert_eq!(secret, hash(", headers_env: {X-Key: B}"));
    let others = [
        plain,
        secret,
        hash(", stream: false"),
        hash(", api: responses"),
        hash(", headers: {x-team: a}"),
        hash(", headers: {x-team: b}"),
    ];
    let different: std::collections::BTreeSet<_> = others.iter().collect();
    assert_eq!(different.len(), others.len());
}
