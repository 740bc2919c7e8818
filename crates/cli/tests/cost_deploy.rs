//! `seatrial cost tco` with what is not known exactly, through the binary: rates from load tests and shares from recorded
//! runs, their refusal with the line where they may not be told, plots beside the Markdown, and machines that follow real
//! traffic.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{simulate, write_cases, write_suite};
use seatrial_testkit::{Workspace, test_data};
use serde_json::{Value, json};

fn workspace() -> Workspace {
    Workspace::new(env!("CARGO_BIN_EXE_seatrial"))
}

fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let found = list.as_array().unwrap().iter().find(|item| item["name"] == name);
    found.unwrap()
}

/// A result of `seatrial load` with what is read of it.
fn load() -> Value {
    let metric = |status: &str| {
        json!({"status": status, "reason": "own lateness", "remedy": "use --workers 2", "mean": 200.0, "p95": 300.0,
            "intervals": {"mean": {"low": 190.0, "high": 210.0}, "p95": null}})
    };
    json!({"schema": "seatrial.load/1", "metrics": {"ttft": metric("ok"), "e2e": metric("withheld")},
        "goodput": {"slo": "ttft_p95<500ms", "good": 360, "n": 400, "requests_per_s": 8.0,
            "attainment": {"value": 0.9, "low": 0.87, "high": 0.93}}})
}

const MACHINE: &str = "workload: {requests_per_month: 1000000, input_tokens: 10, output_tokens: 10}\n\
scenarios:\n  - {name: gpu, kind: rented, usd_per_gpu_hour: 1, goodput_rps: {load: results/load.json, replicas: 2}}\n";

/// Protects rates from load tests: a file of `seatrial load` beside the case becomes requests a second of one replica with
/// the interval that was measured, and the largest load of a search does too.
#[test]
fn goodput_is_read_from_load_tests() {
    let workspace = workspace();
    std::fs::create_dir(workspace.path().join("results")).unwrap();
    let _ = workspace.write("results/load.json", load().to_string());
    let _ = workspace.write("tco.yaml", MACHINE);
    let _ = workspace
        .run(&["cost", "tco", "tco.yaml", "--json", "tco.json"])
        .expect_code(0);
    let result = workspace.json("tco.json");
    let gpu = named(&result["scenarios"], "gpu");
    // Four requests a second of a replica: a million a month are 0.38 a second.
    let utilisation = gpu["utilisation"].as_f64().unwrap();
    assert!((utilisation - 1e6 / (4.0 * 730.0 * 3600.0)).abs() < 1e-3, "{gpu}");
    assert_eq!(gpu["drawn"]["monthly_usd"]["value"], 730.0);
    let search = json!({"schema": "seatrial.load.search/1", "kind": "rate", "status": "ok", "saturated_at": null,
        "estimate": {"value": 6.0, "low": 5.0, "high": 8.0}});
    let _ = workspace.write("results/load.json", search.to_string());
    let _ = workspace
        .run(&["cost", "tco", "tco.yaml", "--json", "tco.json"])
        .expect_code(0);
    let found = workspace.json("tco.json")["scenarios"][0]["utilisation"]
        .as_f64()
        .unwrap();
    assert!((found * 3.0 * 730.0 * 3600.0 / 1e6 - 1.0).abs() < 0.05, "{found}");
}

/// Protects people from numbers that a load test withheld, and from files that hold something else: each refusal has the
/// line, the file and the reason.
#[test]
fn what_was_not_measured_is_refused() {
    let workspace = workspace();
    std::fs::create_dir(workspace.path().join("results")).unwrap();
    let _ = workspace.write("tco.yaml", MACHINE);
    let refused = |written: &Value| {
        let _ = workspace.write("results/load.json", written.to_string());
        let told = workspace.run(&["cost", "tco", "tco.yaml"]).expect_code(2).stderr;
        assert!(told.contains("tco.yaml:3:"), "{told}");
        told
    };
    let with = |pointer: &str, value: Value| {
        let mut changed = load();
        *changed.pointer_mut(pointer).unwrap() = value;
        changed
    };
    let search = |key: &str, value: Value| {
        let mut found = json!({"schema": "seatrial.load.search/1", "kind": "rate", "status": "ok", "saturated_at": null,
            "estimate": {"value": 6.0, "low": 5.0, "high": 8.0}});
        found[key] = value;
        found
    };
    for (written, said, hint) in [
        (with("/goodput", Value::Null), "has no goodput", "with --slo"),
        (
            with("/metrics/ttft/status", json!("withheld")),
            "`ttft` is withheld: own lateness",
            "use --workers 2",
        ),
        (
            with("/goodput/slo", json!("chat")),
            "`e2e` is withheld",
            "use --workers 2",
        ),
        (
            with("/goodput/requests_per_s", json!(0)),
            "no request met the objectives",
            "",
        ),
        (
            json!({"schema": "seatrial.findings/1"}),
            "has the schema `seatrial.findings/1`",
            "seatrial load",
        ),
        (
            search("status", json!("withheld")),
            "the largest load is withheld",
            "measure again",
        ),
        (
            search("kind", json!("concurrency")),
            "the largest number of users",
            "--find rate",
        ),
        (
            search("estimate", json!({"value": null})),
            "found no load",
            "more time",
        ),
    ] {
        let told = refused(&written);
        assert!(told.contains(said) && told.contains(hint), "{said}: {told}");
    }
    std::fs::remove_file(workspace.path().join("results/load.json")).unwrap();
    let told = workspace.run(&["cost", "tco", "tco.yaml"]).expect_code(2).stderr;
    assert!(told.contains("failed to read results/load.json"), "{told}");
}

/// Protects waits in returns: a percentile of a load test, and its refusal.
#[test]
fn latencies_are_read_from_load_tests() {
    let workspace = workspace();
    let _ = workspace.write("load.json", load().to_string());
    let file = |metric: &str| {
        format!(
            "horizon_months: 1\nalternatives:\n  - name: a\n    volume_per_month: 100\n    success: 1\n    cost_per_task_usd: 0\n    \
             latency_ms: {{load: load.json, metric: {metric}, statistic: mean}}\n    usd_per_second_waited: 1\n"
        )
    };
    let _ = workspace.write("roi.yaml", file("ttft"));
    let _ = workspace
        .run(&["cost", "roi", "roi.yaml", "--json", "roi.json"])
        .expect_code(0);
    let cost = workspace.json("roi.json")["alternatives"][0]["cost_usd"].clone();
    let [low, value, high] = ["low", "value", "high"].map(|key| cost[key].as_f64().unwrap());
    assert!(
        (value - 20.0).abs() < 0.01 && (low - 19.0).abs() < 0.05 && (high - 21.0).abs() < 0.05,
        "{cost}"
    );
    for (metric, said) in [("e2e", "`e2e` is withheld"), ("tpot", "has no metric `tpot`")] {
        let _ = workspace.write("roi.yaml", file(metric));
        let told = workspace.run(&["cost", "roi", "roi.yaml"]).expect_code(2).stderr;
        assert!(told.contains("roi.yaml:7:") && told.contains(said), "{told}");
    }
}

/// Protects the whole way from a real load test to the bill.
#[test]
fn a_real_load_test_feeds_a_bill() {
    let workspace = workspace();
    write_cases(&workspace, 5);
    let server = simulate(&workspace, &json!({}));
    let _ = workspace
        .run(&[
            "load",
            "--base-url",
            &server.base_url(),
            "--model",
            "m",
            "--concurrency",
            "2",
            "--requests",
            "20",
            "--warmup",
            "0s",
            "--slo",
            "e2e_p95<60s",
            "--allow-degraded",
            "--json",
            "load.json",
        ])
        .expect_code(0);
    let rate = workspace.json("load.json")["goodput"]["requests_per_s"]
        .as_f64()
        .unwrap();
    let _ = workspace.write(
        "tco.yaml",
        MACHINE.replace("results/load.json, replicas: 2", "load.json"),
    );
    let _ = workspace
        .run(&["cost", "tco", "tco.yaml", "--json", "tco.json"])
        .expect_code(0);
    let gpu = workspace.json("tco.json")["scenarios"][0].clone();
    let wanted = 1e6 / (gpu["replicas"].as_f64().unwrap() * rate * 730.0 * 3600.0);
    assert!(
        (gpu["utilisation"].as_f64().unwrap() / wanted - 1.0).abs() < 1e-6,
        "{gpu} {rate}"
    );
}

/// Protects the cost of a success in deployments: the share comes from a recorded run with the spread of its answers, and a
/// run without a success has no end to it.
#[test]
fn successes_are_taken_from_runs() {
    let workspace = workspace();
    write_cases(&workspace, 40);
    let run = |accuracy: f64| {
        let server = simulate(&workspace, &json!({"accuracy": accuracy}));
        write_suite(&workspace, &server.base_url(), "", "");
        let _ = workspace
            .run(&["run", "suite.yaml", "--json", "findings.json"])
            .expect_code(0);
    };
    run(0.9);
    let findings = workspace.json("findings.json");
    let metrics = findings["targets"][0]["metrics"].as_array().unwrap();
    let share = metrics
        .iter()
        .find(|metric| metric["metric"] == "exact_match")
        .unwrap()["value"]
        .as_f64()
        .unwrap();
    let _ = workspace.write(
        "tco.yaml",
        "workload: {requests_per_month: 1000, input_tokens: 1000, output_tokens: 0, loss_per_error_usd: 1}\nscenarios:\n  - name: api\n    \
         kind: api\n    success: {run: latest, metric: answers.exact_match}\n    price: {input_usd_per_mtok: 10, output_usd_per_mtok: 0}\n",
    );
    let shown = workspace
        .run(&["cost", "tco", "tco.yaml", "--json", "tco.json"])
        .expect_code(0)
        .stdout;
    let drawn = &workspace.json("tco.json")["scenarios"][0]["drawn"]["usd_per_success"];
    let wanted = (0.01 + 1.0 - share) / share;
    assert!(
        (drawn["value"].as_f64().unwrap() - wanted).abs() < 0.05,
        "{drawn} {wanted}"
    );
    assert!(
        drawn["p90"].as_f64().unwrap() - drawn["p10"].as_f64().unwrap() > 0.03,
        "{drawn}"
    );
    assert!(shown.contains("a success, failures included"), "{shown}");
    run(0.0);
    let told = workspace.run(&["cost", "tco", "tco.yaml"]).expect_code(2).stderr;
    assert!(
        told.contains("tco.yaml:5:") && told.contains("`success` has no success in 40 trials"),
        "{told}"
    );
}

/// Protects the report: plots lie beside the Markdown, are named in it with words for those who do not see them, and every
/// way has its figures; the same for returns and risks.
#[test]
fn markdown_has_plots_with_words() {
    let workspace = workspace();
    let example = |name: &str| format!("{}/../../docs/examples/{name}", env!("CARGO_MANIFEST_DIR"));
    for (command, file, plots) in [
        (
            "tco",
            "deployment-tco.yaml",
            &[
                "volume",
                "tornado-rented",
                "tornado-rented-by-the-hour",
                "tornado-own-machines",
            ][..],
        ),
        (
            "roi",
            "tiers-roi.yaml",
            &["cash", "distribution", "tornado-tier-1", "tornado-tier-3"][..],
        ),
        ("risk", "risk-register.yaml", &["exceedance"][..]),
    ] {
        let markdown = format!("{command}.md");
        let _ = workspace
            .run(&["cost", command, &example(file), "--markdown", &markdown])
            .expect_code(0);
        let text = std::fs::read_to_string(workspace.path().join(&markdown)).unwrap();
        for plot in plots {
            let name = format!("{command}-{plot}.svg");
            let line = text.lines().find(|line| line.ends_with(&format!("]({name})")));
            let words = line.unwrap().trim_start_matches("![").split(']').next().unwrap();
            assert!(
                words.len() > 40 && words.contains('$') || words.contains("requests a month"),
                "{words}"
            );
            let svg = std::fs::read_to_string(workspace.path().join(&name)).unwrap();
            assert!(
                svg.starts_with("<svg") && svg.contains("<desc>") && !svg.contains("NaN"),
                "{name}"
            );
        }
    }
    let text = std::fs::read_to_string(workspace.path().join("tco.md")).unwrap();
    assert!(
        text.contains("P(cheapest)") && text.contains("cheapest over the horizon in the mean"),
        "{text}"
    );
    let volume = std::fs::read_to_string(workspace.path().join("tco-volume.svg")).unwrap();
    assert_eq!(volume.matches("<polyline").count(), 6);
    let printed = workspace
        .run(&["cost", "risk", &example("risk-register.yaml"), "--markdown", "-"])
        .expect_code(0)
        .stdout;
    assert!(
        printed.contains("# Business risk") && !workspace.path().join("-").exists(),
        "{printed}"
    );
}

/// Protects machines that follow traffic: two days by the minute, busy for eight hours, make hours of their own; the bill
/// is below that of machines which always run, and by hand.
#[test]
fn machines_follow_a_trace() {
    let workspace = workspace();
    let mut trace = String::from("timestamp,input_tokens,output_tokens\n");
    for minute in 0..2880_u32 {
        let requests = if (600..1080).contains(&(minute % 1440)) {
            4
        } else {
            1
        };
        for request in 0..requests {
            trace.push_str(&format!("{}.{request},100,10\n", minute * 60 + 10));
        }
    }
    let _ = workspace.write("trace.csv", trace);
    let _ = workspace.write(
        "tco.yaml",
        "workload: {trace: trace.csv, requests_per_month: 5256000}\nscenarios:\n  - {name: gpu, kind: rented, usd_per_gpu_hour: 1, \
         goodput_rps: 1, scaling: hourly, start_up_minutes: 30}\n",
    );
    let _ = workspace
        .run(&["cost", "tco", "tco.yaml", "--json", "tco.json"])
        .expect_code(0);
    let result = workspace.json("tco.json");
    assert_eq!(
        (
            &result["workload"]["hours"],
            &result["workload"]["hours_are_assumed"]
        ),
        (&json!(48), &json!(false))
    );
    // Two a second in the mean: 4 in busy hours, 1 in others; 3 replicas start once a day.
    let gpu = &result["scenarios"][0];
    let wanted = (8.0 * 4.0 + 16.0 + 3.0 * 0.5) / 24.0;
    assert!(
        (gpu["billed_replicas"].as_f64().unwrap() - wanted).abs() < 1e-9,
        "{gpu}"
    );
    assert_eq!(
        (&gpu["replicas"], &gpu["always_on_usd"]),
        (&json!(4), &json!(2920.0))
    );
    assert!(
        (gpu["monthly_usd"].as_f64().unwrap() - wanted * 730.0).abs() < 1e-6,
        "{gpu}"
    );
}

/// Protects registers that are tied to measurements: the share of wrong answers of a recorded run, and that of requests which
/// a load test saw miss their objectives; and the refusal of what has no complement.
#[test]
fn rates_of_risks_are_measured() {
    let workspace = workspace();
    write_cases(&workspace, 40);
    let server = simulate(&workspace, &json!({"accuracy": 0.8}));
    write_suite(&workspace, &server.base_url(), "", "");
    let _ = workspace
        .run(&["run", "suite.yaml", "--json", "findings.json"])
        .expect_code(0);
    let findings = workspace.json("findings.json");
    let metrics = findings["targets"][0]["metrics"].as_array().unwrap();
    let right = metrics
        .iter()
        .find(|metric| metric["metric"] == "exact_match")
        .unwrap()["value"]
        .as_f64()
        .unwrap();
    let mut slow = load();
    slow["goodput"]["attainment"]["n_eff"] = json!(400);
    let _ = workspace.write("load.json", slow.to_string());
    let register = |metric: &str| {
        format!(
            "volume_per_month: 1000\nrisks:\n  - {{name: wrong, loss_usd: 1, rate: {{run: latest, metric: {metric}, complement: true}}}}\n  \
             - {{name: slow, kind: slow_answer, loss_usd: 1, rate: {{load: load.json, metric: attainment, complement: true}}}}\n"
        )
    };
    let _ = workspace.write("risk.yaml", register("answers.exact_match"));
    let _ = workspace
        .run(&["cost", "risk", "risk.yaml", "--json", "risk.json"])
        .expect_code(0);
    let risks = workspace.json("risk.json")["risks"].clone();
    // The posterior's mean of 40 or 400 trials, twelve thousand times a year.
    for (name, wanted) in [
        ("wrong", (40.0 * (1.0 - right) + 0.5) / 41.0),
        ("slow", 40.5 / 401.0),
    ] {
        let events = named(&risks, name)["events_per_year"].as_f64().unwrap();
        assert!(
            (events / (12_000.0 * wanted) - 1.0).abs() < 0.02,
            "{name} {events} {wanted}"
        );
    }
    let _ = workspace.write("risk.yaml", register("answers.input_tokens"));
    let told = workspace
        .run(&["cost", "risk", "risk.yaml"])
        .expect_code(2)
        .stderr;
    assert!(told.contains("risk.yaml:3:"), "{told}");
}

/// Protects routing of files whose cases have their own costs, by hand: the check sends the wrong case on; the oracle asks
/// the strong one for that case alone.
#[test]
fn outcomes_have_costs_of_their_own() {
    let workspace = workspace();
    let _ = workspace.write(
        "o.csv",
        "id,weak,strong,weak_usd,strong_usd\n1,1,1,0.1,1\n2,0,1,0.3,3\n",
    );
    let route = |more: &[&str]| {
        let arguments = [
            "cost",
            "pareto",
            "--outcomes",
            "o.csv",
            "--route",
            "weak,strong",
            "--resamples",
            "100",
        ];
        workspace.run(&[&arguments[..], more].concat())
    };
    let columns = ["--route-cost", "weak_usd,strong_usd", "--verifier-cost", "0.05"];
    let _ = route(&[&columns[..], &["--json", "out.json", "--cost-svg", "cost.svg"]].concat()).expect_code(0);
    let out = workspace.json("out.json");
    let close = |found: &Value, wanted: f64| {
        assert!(
            (found.as_f64().unwrap() - wanted).abs() < 1e-9,
            "{found} {wanted}"
        );
    };
    close(&out["weak_cost_usd"], 0.2);
    close(&out["strong_cost_usd"], 2.0);
    close(&out["cascade"]["cost_usd"], 0.2 + 0.05 + 1.5);
    let oracle = &out["routers"][0];
    close(&oracle["course"][1]["cost_usd"], (0.1 + 3.0) / 2.0);
    close(&oracle["as_cascade"]["course"][1]["cost_usd"], 0.25 + 1.5);
    close(&oracle["as_cascade"]["course"][0]["cost_usd"], 0.25);
    let svg = std::fs::read_to_string(workspace.path().join("cost.svg")).unwrap();
    assert!(
        svg.contains("oracle after a try") && svg.contains("<desc>Quality over the mean cost"),
        "{svg}"
    );
    for (more, said) in [
        (
            vec!["--route-cost", "weak_usd,dear_usd"],
            "has no column dear_usd",
        ),
        (vec!["--route-cost", "0.1"], "there is no comma"),
        (vec!["--route-cost=-1,2"], "-1 is no amount of dollars"),
        (vec!["--cost-svg", "x.svg"], "costs are unknown"),
    ] {
        let told = route(&more).expect_code(2).stderr;
        assert!(told.contains(said), "{said}: {told}");
    }
    let _ = workspace.write("o.csv", "id,weak,strong,weak_usd,strong_usd\n1,1,1,-0.1,1\n");
    let told = route(&columns).expect_code(2).stderr;
    assert!(
        told.contains("o.csv:2: a case of weak costs -0.1, expected dollars from 0"),
        "{told}"
    );
}

/// Protects fronts on every axis: safety and a latency percentile keep a candidate on the front that quality and cost would
/// not, a difference within the tie does not, the choice is made by bounds and says why, and the volume is there.
#[test]
fn fronts_have_safety_and_latency() {
    let workspace = workspace();
    let _ = workspace.write(
        "m.csv",
        "name,quality,n,cost_usd,latency_ms,safety\ngood,0.95,2000,0.01,800,0.99\nfast,0.90,2000,0.02,200,0.98\n\
         safe,0.90,2000,0.02,900,0.999\npoor,0.949,2000,0.02,900,0.97\n",
    );
    let front = |more: &[&str]| {
        let arguments = [
            "cost",
            "pareto",
            "--table",
            "m.csv",
            "--resamples",
            "500",
            "--json",
            "out.json",
        ];
        let shown = workspace
            .run(&[&arguments[..], more].concat())
            .expect_code(0)
            .stdout;
        let out = workspace.json("out.json");
        let on: Vec<String> = out["candidates"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|candidate| candidate["on_front"] == true)
            .map(|candidate| candidate["name"].as_str().unwrap().to_owned())
            .collect();
        (on, out, shown)
    };
    let (on, out, _) = front(&["--axes", "quality,cost"]);
    assert_eq!(on, ["good"]);
    assert!(out["hypervolume"].as_f64().unwrap() > 0.0, "{out}");
    let (on, _, _) = front(&["--axes", "quality,cost,latency_p50,safety"]);
    assert_eq!(on, ["good", "fast", "safe"]);
    let (on, _, shown) = front(&["--axes", "quality", "--tie", "quality=0.002"]);
    assert_eq!(on, ["good"]);
    assert!(shown.contains("○ poor") && !shown.contains("○ fast"), "{shown}");
    let (_, out, shown) = front(&[
        "--axes",
        "quality,cost,safety",
        "--require",
        "safety>=0.985",
        "--objective",
        "cost",
    ]);
    // Of 2,000 cases 0.99 has a lower bound above 0.985, 0.98 has not.
    assert_eq!(out["chosen"], "good");
    assert!(
        out["reason"].as_str().unwrap().contains("safety ≥ 0.985") && shown.contains("good"),
        "{}",
        out["reason"]
    );
}

/// Protects people who write distributions: the line of one that leaves its field's range.
#[test]
fn a_distribution_out_of_range_has_its_line() {
    let workspace = workspace();
    let _ = workspace.write(
        "tco.yaml",
        "workload:\n  requests_per_month: 1000\n  input_tokens: 10\n  output_tokens: 10\n  cached_share: {low: 0.2, high: 1.2}\n\
         scenarios:\n  - {name: a, kind: api, price: {input_usd_per_mtok: {low: -1, high: 3}, output_usd_per_mtok: 1}}\n",
    );
    let told = workspace.run(&["cost", "tco", "tco.yaml"]).expect_code(2).stderr;
    assert!(
        told.contains("tco.yaml:5:17")
            && told.contains("`cached_share` is 1.2")
            && told.contains("tco.yaml:7:"),
        "{told}"
    );
}

/// Protects prices of what is no token: seconds of audio are priced from the usage that OpenAI's transcriptions have, and
/// `prices show` lists what the source charges for.
#[test]
fn seconds_and_characters_are_priced() {
    let workspace = workspace();
    let _ = workspace.write(
        "prices.yaml",
        "x/whisper: {unit_usd: {input_seconds: 0.0001}}\nx/voice: {unit_usd: {input_characters: 0.00001}}\n",
    );
    let _ = workspace.write(
        "usage.jsonl",
        r#"{"id": 1, "provider": "x", "model": "whisper", "usage": {"type": "duration", "seconds": 12.4}}
{"id": 2, "provider": "x", "model": "voice", "units": {"input_characters": 2000}}
{"id": 3, "provider": "x", "model": "voice", "usage": {"prompt_tokens": 5, "completion_tokens": 5}}
"#,
    );
    let _ = workspace
        .run(&[
            "cost",
            "price",
            "usage.jsonl",
            "--prices",
            "prices.yaml",
            "--json",
            "out.json",
        ])
        .expect_code(0);
    let rows = workspace.json("out.json")["rows"].clone();
    assert_eq!(
        (&rows[0]["cost_usd"], &rows[1]["cost_usd"]),
        (&json!(0.00124), &json!(0.02))
    );
    assert_eq!(rows[2]["cost_usd"], Value::Null);
    assert!(
        rows[2].to_string().contains("is paid by `input_characters`"),
        "{}",
        rows[2]
    );
    let shown = workspace
        .run(&[
            "cost",
            "prices",
            "show",
            "x/whisper",
            "--prices",
            "prices.yaml",
            "--json",
            "show.json",
        ])
        .expect_code(0)
        .stdout;
    assert!(shown.contains("input_seconds: 100 USD per million"), "{shown}");
    assert_eq!(
        workspace.json("show.json")["entries"][0]["units"][0]["name"],
        "input_seconds"
    );
}

/// Protects what a cache is worth, from real prompts: of Mooncake's 35.3 % begin as an earlier one, which makes input cost
/// 0.68 where cached reads cost a tenth, and 0.84 where writing the rest costs a quarter more.
#[test]
fn caches_are_worth_their_prefixes() {
    let workspace = workspace();
    let file = |more: &str, price: &str| {
        format!(
            "workload: {{requests_per_month: 1, input_tokens: 1000000, output_tokens: 0, cached_share: {{prefix_trace: t.jsonl}}{more}}}\n\
             scenarios:\n  - {{name: api, kind: api, price: {{input_usd_per_mtok: 1, output_usd_per_mtok: 0, cache_read_usd_per_mtok: 0.1{price}}}}}\n"
        )
    };
    let _ = workspace.write("tco.yaml", file("", ""));
    let _ = workspace.write("t.jsonl", "{\"input_length\": 5}\n");
    let told = workspace.run(&["cost", "tco", "tco.yaml"]).expect_code(2).stderr;
    assert!(
        told.contains("tco.yaml:1:") && told.contains("t.jsonl: line 1: missing field `hash_ids`"),
        "{told}"
    );
    let Some(folder) = test_data("caches_are_worth_their_prefixes") else {
        return;
    };
    let trace = folder.join("benchmarks/traces_mooncake/conversation_trace_head.jsonl");
    let _ = workspace.write("t.jsonl", std::fs::read(trace).unwrap());
    let monthly = |more: &str, price: &str| {
        let _ = workspace.write("tco.yaml", file(more, price));
        let _ = workspace
            .run(&["cost", "tco", "tco.yaml", "--json", "tco.json"])
            .expect_code(0);
        workspace.json("tco.json")["scenarios"][0]["monthly_usd"]
            .as_f64()
            .unwrap()
    };
    let read = monthly("", "");
    assert!((read - 0.68).abs() < 0.005, "{read}");
    let written = monthly(
        ", cache_write_share: {prefix_trace: t.jsonl, complement: true}",
        ", cache_write_usd_per_mtok: 1.25",
    );
    assert!((written - 0.84).abs() < 0.005, "{written}");
    let _ = workspace.write("tco.yaml", file(", cache_write_share: 0.9", ""));
    let told = workspace.run(&["cost", "tco", "tco.yaml"]).expect_code(2).stderr;
    assert!(
        told.contains("`cache_write_share` (0.9) are more than all"),
        "{told}"
    );
}
