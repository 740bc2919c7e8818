//! Prices of suites through the binary: from an imported table, a price file or written out in full; frozen with the plan;
//! refused with a remedy. And where tables come from: an address on loopback that is written by hand.

#![expect(clippy::unwrap_used, reason = "a test ends where its set-up does not hold")]

mod common;

use common::{simulate, write_cases, write_suite};
use seatrial_sim::SimHandle;
use seatrial_testkit::{Finished, Workspace, test_data};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

/// Every answer has 20 tokens; prompts cost nothing, so that a sample costs 20 × `output` dollars per million.
fn table(output: &str) -> String {
    format!(
        r#"{{"m": {{"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 0, "output_cost_per_token": {output}}},
            "azure/m-large": {{"litellm_provider": "azure", "mode": "chat", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6}}}}"#
    )
}

fn prepare(price: &str) -> (Workspace, SimHandle) {
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, 10);
    let server = simulate(&workspace, &json!({"output_tokens": 20}));
    let target = format!("    params: {{max_tokens: 40}}\n    price: {price}\n");
    write_suite(
        &workspace,
        &server.base_url(),
        &target,
        "gates:\n  - {metric: answers.exact_match, at_least: 0.1}\n",
    );
    (workspace, server)
}

fn import(workspace: &Workspace, table: &str, as_of: &str) {
    let _ = workspace.write("table.json", table);
    let _ = workspace
        .run(&[
            "cost",
            "prices",
            "import",
            "litellm",
            "--from",
            "table.json",
            "--as-of",
            as_of,
        ])
        .expect_code(0);
}

fn run(workspace: &Workspace, arguments: &[&str], code: i32) -> (Finished, Value) {
    let with_json = [&["run", "suite.yaml", "--json", "findings.json"], arguments].concat();
    let finished = workspace.run(&with_json).expect_code(code);
    (finished, workspace.json("findings.json"))
}

fn cost(findings: &Value) -> &Value {
    &findings["targets"][0]["cost_usd"]
}

/// Protects the frozen price: it comes from the table that was imported, exact to the picodollar; what the table says later
/// changes neither the run, nor its report, nor the decision about it, and a new run has the new price.
#[test]
fn an_imported_table_is_frozen_with_the_plan() {
    let (workspace, server) = prepare("{table: litellm, id: openai/m}");
    import(&workspace, &table("0.00000025"), "2026-10-01");
    let (ran, findings) = run(&workspace, &[], 0);
    // 10 answers × 20 tokens × 0.25 dollars per million.
    assert_eq!(*cost(&findings), json!(0.00005));
    assert!(
        ran.stderr
            .contains("price of t: $0 in, $0.25 out per million tokens (litellm of 2026-10-01, m)"),
        "{}",
        ran.stderr
    );
    let id = findings["run_id"].as_str().unwrap();

    import(&workspace, &table("0.000001"), "2026-11-01");
    let (again, same) = run(&workspace, &["--resume-run", id], 0);
    assert!(again.stderr.contains("is finished"), "{}", again.stderr);
    assert_eq!(
        (cost(&same), &same["plan_hash"]),
        (cost(&findings), &findings["plan_hash"])
    );
    let _ = workspace
        .run(&["gate", id, "--suite", "suite.yaml", "--json", "gate.json"])
        .expect_code(0);
    assert_eq!(cost(&workspace.json("gate.json")), cost(&findings));
    let report = workspace.run(&["report", id]).expect_code(0).stdout;
    assert!(report.contains("$0.000005000"), "{report}");
    assert_eq!(server.stats().requests, 10, "nobody was asked again");

    let (_, other) = run(&workspace, &[], 0);
    assert_eq!(*cost(&other), json!(0.0002));
    assert_ne!(other["plan_hash"], findings["plan_hash"]);
}

/// Protects conditions: tier, discount and fee of a price file are worked into the price of the plan, which pays what
/// `cost price` says.
#[test]
fn a_price_file_gives_its_conditions() {
    let (workspace, _server) = prepare("{path: prices.yaml, id: openai/m, tier: batch}");
    workspace.write(
        "prices.yaml",
        "openai/m:\n  input_usd_per_mtok: 0\n  output_usd_per_mtok: 10\n  request_usd: 0.001\n  discount: 0.2\n  \
         tiers: {batch: {factor: 0.5}}\n",
    );
    let (_, findings) = run(&workspace, &[], 0);
    // (20 × 10 / 10⁶ + 0.001) × 0.8 × 0.5 = 0.00048, ten times.
    assert_eq!(*cost(&findings), json!(0.0048));
    workspace.write(
        "usage.jsonl",
        r#"{"provider": "openai", "model": "m", "tier": "batch", "usage": {"prompt_tokens": 9, "completion_tokens": 20}}"#,
    );
    let priced = [
        "cost",
        "price",
        "usage.jsonl",
        "--prices",
        "prices.yaml",
        "--json",
        "priced.json",
    ];
    let _ = workspace.run(&priced).expect_code(0);
    assert_eq!(
        workspace.json("priced.json")["rows"][0]["cost_usd"],
        json!(0.00048)
    );
}

/// Protects from calls with a price that nobody knows: each mistake with its place and its remedy, before any call.
#[test]
fn prices_that_are_not_there_are_refused() {
    let prices = "openai/m: {input_usd_per_mtok: 1, output_usd_per_mtok: 2}\nopenai/night:\n  input_usd_per_mtok: 1\n  \
                  output_usd_per_mtok: 2\n  meters:\n    - {class: output_visible, usd_per_mtok: 1, hours: \"16:30-00:30\"}\n";
    for (price, expected) in [
        (
            "{table: genai-prices, id: openai/m}",
            "seatrial cost prices import genai-prices --from",
        ),
        (
            "{table: litellm, id: openai/n}",
            "litellm has no model `openai/n`",
        ),
        ("{table: litellm, id: openai/m-large}", "`azure/m-large`"),
        ("{table: litellm, path: gone.json, id: m}", "there is no file"),
        ("{path: prices.yaml, id: openai/m, tier: gold}", "no tier `gold`"),
        ("{path: prices.yaml, id: openai/m, region: eu}", "no region `eu`"),
        ("{path: prices.yaml, id: openai/night}", "hour of the day"),
        ("{table: litellm}", "names a table and no model in it"),
    ] {
        let (workspace, server) = prepare(price);
        import(&workspace, &table("0.000001"), "2026-10-01");
        workspace.write("prices.yaml", prices);
        let refused = workspace.run(&["run", "suite.yaml"]).expect_code(2);
        assert!(refused.stderr.contains(expected), "{price}: {}", refused.stderr);
        assert!(
            refused.stderr.contains("suite.yaml:9:"),
            "{price}: {}",
            refused.stderr
        );
        assert_eq!(server.stats().requests, 0, "{price}");
    }
}

/// Protects lifetimes and cliffs through a whole run: 1,000 tokens of input, 600 of them written to the cache, 200 of these
/// for an hour, 100 of output. The prompt is above the cliff: (400 × 2 + 400 × 4 + 200 × 6 + 100 × 8) / 10⁶ a sample.
#[test]
fn lifetimes_and_long_prompts_are_priced() {
    let answer =
        json!({"id": "x", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
        "content": [{"type": "text", "text": "answer"}],
        "usage": {"input_tokens": 400, "output_tokens": 100, "cache_read_input_tokens": 0,
                  "cache_creation_input_tokens": 600,
                  "cache_creation": {"ephemeral_5m_input_tokens": 400, "ephemeral_1h_input_tokens": 200}}})
        .to_string();
    let base = serve(move |_| http(200, "content-type: application/json\r\n", &answer));
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    write_cases(&workspace, 3);
    workspace.write(
        "suite.yaml",
        format!(
            "version: 1\nname: trial\ntargets:\n  - name: t\n    provider: anthropic\n    base_url: {base}\n    model: m\n    \
             params: {{max_tokens: 200}}\n    price:\n      input_usd_per_mtok: 1\n      output_usd_per_mtok: 8\n      \
             cache_write_usd_per_mtok: 4\n      cache_write_1h_usd_per_mtok: 6\n      above:\n        - {{input_tokens: 999, \
             input_usd_per_mtok: 2}}\ntasks:\n  - name: answers\n    dataset: {{path: cases.jsonl}}\n    scorers: [exact_match]\n"
        ),
    );
    let (_, findings) = run(&workspace, &[], 0);
    assert_eq!(*cost(&findings), json!(0.0132));
    // What was written for an hour is on record: at other prices it is told apart again.
    workspace.write(
        "other.yaml",
        "anthropic/m: {input_usd_per_mtok: 0, output_usd_per_mtok: 0, cache_write_usd_per_mtok: 0, cache_write_1h_usd_per_mtok: 5}\n",
    );
    let id = findings["run_id"].as_str().unwrap();
    let replay = [
        "cost",
        "replay",
        id,
        "--prices",
        "other.yaml",
        "--json",
        "replay.json",
    ];
    let _ = workspace.run(&replay).expect_code(0);
    let replayed = workspace.json("replay.json");
    // 3 × 200 × 5 / 10⁶.
    assert!(replayed.to_string().contains("0.003"), "{replayed}");
}

/// Protects the tables as they are: models of both have one price in a suite.
#[test]
fn the_open_tables_serve_suites() {
    let Some(data) = test_data("the_open_tables_serve_suites") else {
        return;
    };
    let prices = data.join("benchmarks/prices");
    for (table, file) in [
        ("litellm", "litellm_prices_trimmed.json"),
        ("genai-prices", "genai_prices_v2_data_slim.json"),
    ] {
        let price = format!(
            "{{table: {table}, path: {}, id: openai/gpt-4o}}",
            prices.join(file).display()
        );
        let (workspace, server) = prepare(&price);
        let planned = workspace.run(&["plan", "suite.yaml"]).expect_code(0);
        assert!(
            planned.stderr.contains("$2.5 in, $10 out per million tokens"),
            "{table}: {}",
            planned.stderr
        );
        assert_eq!(server.stats().requests, 0);
    }
}

/// Answers every connection by the path that was asked for.
fn serve(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut path, mut length) = (String::new(), 0_u64);
            for line in reader.by_ref().lines().map_while(Result::ok) {
                let lower = line.to_lowercase();
                if path.is_empty() {
                    line.split(' ').nth(1).unwrap_or_default().clone_into(&mut path);
                } else if let Some(bytes) = lower.strip_prefix("content-length:") {
                    length = bytes.trim().parse().unwrap_or(0);
                } else if line.is_empty() {
                    break;
                }
            }
            let _ = std::io::copy(&mut reader.take(length), &mut std::io::sink());
            // The client may have gone.
            let _ = stream.write_all(&answer(&path));
        }
    });
    base
}

fn http(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}")
        .into_bytes()
}

/// Protects imports from an address: a redirect is followed, and what is refused, missing, endless, turning in circles or
/// something else is told and leaves the copy that was there.
#[test]
fn tables_come_from_an_address() {
    let base = serve(|path| match path {
        "/table.json" => http(200, "", &table("0.000003")),
        "/moved.json" => http(302, "location: /table.json\r\n", ""),
        "/round.json" => http(302, "location: /round.json\r\n", ""),
        "/page.html" => http(200, "content-type: text/html\r\n", "<html>not here</html>"),
        "/other.json" => http(200, "", r#"{"version": 1}"#),
        "/bytes.json" => {
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n\xff\xfe".to_vec()
        }
        "/endless.json" => {
            b"HTTP/1.1 200 OK\r\ncontent-length: 900000000000\r\nconnection: close\r\n\r\n{".to_vec()
        }
        _ => http(404, "", "no such table"),
    });
    let workspace = Workspace::new(env!("CARGO_BIN_EXE_seatrial"));
    let import = |path: &str, code: i32| {
        let from = format!("{base}{path}");
        let arguments = ["cost", "prices", "import", "litellm", "--from", &from];
        workspace.run(&arguments).expect_code(code)
    };
    import("/moved.json", 0);
    let listed = || {
        workspace
            .run(&["cost", "prices", "list", "openai/m"])
            .expect_code(0)
            .stdout
    };
    let before = listed();
    assert!(before.contains("openai/m  0  3"), "{before}");
    assert!(before.contains("/moved.json"), "{before}");
    for (path, code, expected) in [
        ("/gone.json", 4, "404"),
        ("/round.json", 4, "redirects"),
        ("/endless.json", 4, "more than 64 MiB"),
        ("/page.html", 2, "is not the table litellm"),
        ("/other.json", 2, "is not the table litellm"),
        ("/bytes.json", 2, "is not UTF-8"),
    ] {
        let refused = import(path, code);
        assert!(refused.stderr.contains(expected), "{path}: {}", refused.stderr);
        assert!(refused.stderr.contains(path), "{path}: {}", refused.stderr);
    }
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = workspace
        .run(&[
            "cost",
            "prices",
            "import",
            "litellm",
            "--from",
            &format!("http://{gone}/t"),
        ])
        .expect_code(4);
    assert!(refused.stderr.contains("failed to fetch"), "{}", refused.stderr);
    assert_eq!(listed(), before, "the copy that was there stays");
}

/// Protects the estimate before a run: without a history tokens and money are ranges that say that they are assumed, and a cap
/// that rests on a guess says so.
#[test]
fn what_a_run_will_cost_is_a_range() {
    let (workspace, _server) = prepare("{input_usd_per_mtok: 1, output_usd_per_mtok: 10}");
    let planned = workspace
        .run(&["plan", "suite.yaml", "--json", "plan.json"])
        .expect_code(0);
    assert!(planned.stdout.contains("by assumption"), "{}", planned.stdout);
    let forecast = &workspace.json("plan.json")["forecast"];
    // 10 answers of at most 40 tokens; prompts of 25 characters are 5 to 17 tokens.
    let cost = &forecast["cost_usd"];
    let (low, high) = (cost["low"].as_f64().unwrap(), cost["high"].as_f64().unwrap());
    assert!(
        (low - 0.00005).abs() < 1e-12 && (high - 0.00417).abs() < 1e-12,
        "{cost}"
    );
    assert_eq!((&cost["value"], &cost["n"]), (&Value::Null, &json!(0)));
    let ran = workspace
        .run(&["run", "suite.yaml", "--max-cost", "1"])
        .expect_code(0);
    assert!(ran.stderr.contains("by assumption"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("have no limit"), "{}", ran.stderr);

    let suite = std::fs::read_to_string(workspace.path().join("suite.yaml")).unwrap();
    let _ = workspace.write("suite.yaml", suite.replace("max_tokens: 40", "seed: 1"));
    let ran = workspace
        .run(&["run", "suite.yaml", "--max-cost", "1"])
        .expect_code(0);
    assert!(
        ran.stderr.contains("answers of `t` have no limit"),
        "{}",
        ran.stderr
    );
}
