//! Protects total cost of ownership: bills by hand, whole replicas, idle machines at full price, every break-even, real
//! traces, and files that are wrong.

#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use seatrial_cost::Problem;
use seatrial_cost::tco::{SECONDS_PER_MONTH, TcoCase, TcoResult};
use seatrial_cost::trace::{TraceSummary, prefix_share, read_csv};
use serde_json::{Value, json};

fn read(document: &Value) -> Result<TcoCase, Vec<Problem>> {
    TcoCase::read(document, &mut |path, _| Err(format!("there is no {path}")))
}

fn work_out(document: &Value) -> TcoResult {
    read(document).unwrap().work_out().unwrap()
}

fn workload(requests: f64) -> Value {
    json!({"requests_per_month": requests, "input_tokens": 1000, "output_tokens": 500, "peak_factor": 2})
}

fn api() -> Value {
    json!({"name": "api", "kind": "api", "price": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 4}})
}

fn rented() -> Value {
    json!({"name": "rented", "kind": "rented", "usd_per_gpu_hour": 2, "gpus_per_replica": 2, "goodput_rps": 1})
}

/// By hand: a request costs 1000 · 1/M + 500 · 4/M = 0.003; two replicas of two accelerators at 2 dollars an hour.
#[test]
fn bills_by_hand() {
    // 0.8 requests a second in the mean are 1.6 in the peak: two replicas.
    let requests = 0.8 * SECONDS_PER_MONTH;
    let document =
        json!({"horizon_months": 10, "workload": workload(requests), "scenarios": [api(), rented()]});
    let result = work_out(&document);
    let of = |name: &str| result.scenarios.iter().find(|found| found.name == name).unwrap();
    assert!((of("api").monthly_usd - requests * 0.003).abs() < 1e-6);
    let rented = of("rented");
    assert_eq!(
        (rented.replicas, rented.monthly_usd),
        (Some(2), 2.0 * 2.0 * 2.0 * 730.0)
    );
    assert!((rented.utilisation.unwrap() - 0.4).abs() < 1e-12);
    assert!((rented.horizon_usd - 10.0 * rented.monthly_usd).abs() < 1e-6);
    let mtok = requests * 1500.0 / 1e6;
    assert!((rented.usd_per_mtok_allocation - rented.monthly_usd / mtok).abs() < 1e-9);
    assert!((rented.usd_per_mtok_usage - 0.4 * rented.monthly_usd / mtok).abs() < 1e-9);
}

/// Protects from the known trap: a machine that idles costs its full price, and the price of a token follows use. 2,500
/// tokens a second at 2.50 an hour: 2.78, 0.93, 0.46 and 0.31 dollars a million at a use of 0.1, 0.3, 0.6 and 0.9.
#[test]
fn idle_machines_cost_their_full_price() {
    let of = |requests: f64| {
        let document = json!({"workload": {"requests_per_month": requests, "input_tokens": 0, "output_tokens": 100},
            "scenarios": [{"name": "gpu", "kind": "rented", "usd_per_gpu_hour": 2.5, "output_tokens_per_second": 2500}]});
        work_out(&document).scenarios[0].clone()
    };
    let full = 25.0 * SECONDS_PER_MONTH;
    for (use_of, usd) in [(0.1, 2.78), (0.3, 0.93), (0.6, 0.46), (0.9, 0.31)] {
        let found = of(full * use_of);
        assert_eq!(found.monthly_usd, 2.5 * 730.0, "{use_of}");
        assert!((found.utilisation.unwrap() - use_of).abs() < 1e-9);
        assert!((found.usd_per_mtok_allocation - usd).abs() < 0.006, "{found:?}");
    }
    assert_eq!(of(0.0).monthly_usd, 2.5 * 730.0);
}

/// Every term of machines of one's own, by hand.
#[test]
fn owned_machines_have_all_their_terms() {
    let document = json!({"horizon_months": 24, "discount_rate": 0.1, "workload": workload(1000.0), "scenarios": [{
        "name": "own", "kind": "owned", "goodput_rps": 1, "spare_replicas": 1, "gpus_per_replica": 6, "gpus_per_server": 8,
        "capex_usd": 240_000, "residual_usd": 48_000, "life_months": 48, "cost_of_capital": 0.06, "kw": 10, "pue": 1.2,
        "usd_per_kwh": 0.1, "colocation_usd": 500, "maintenance": 0.05,
        "staff": [{"role": "operator", "fte": 2, "usd_per_year": 120_000, "allocation": 0.25}],
        "monthly_usd": {"network": 300, "compliance": 200}, "one_off_usd": {"migration": 12_000}}]});
    let result = work_out(&document);
    let found = &result.scenarios[0];
    // Two replicas of six accelerators stand in two machines of eight.
    let wanted = [
        ("depreciation", 2.0 * 192_000.0 / 48.0),
        ("cost of capital", 2.0 * 144_000.0 * 0.06 / 12.0),
        ("power", 2.0 * 10.0 * 1.2 * 730.0 * 0.1),
        ("colocation", 1000.0),
        ("maintenance", 2.0 * 240_000.0 * 0.05 / 12.0),
        ("staff", 5000.0),
        ("network", 300.0),
        ("compliance", 200.0),
        ("migration (once, spread)", 500.0),
    ];
    for (line, (name, usd)) in found.lines.iter().zip(wanted) {
        assert_eq!(line.name, name);
        assert!((line.usd - usd).abs() < 1e-9, "{name} {}", line.usd);
    }
    let month = found.monthly_usd - 500.0;
    assert!((found.horizon_usd - (12_000.0 + 24.0 * month)).abs() < 1e-6);
    assert!(found.present_value_usd < found.horizon_usd);
}

/// Protects hybrids: what two replicas cannot take in a busy minute goes to the API, and only that.
#[test]
fn overflow_goes_to_the_api() {
    let requests = 1.5 * SECONDS_PER_MONTH;
    let hybrid = json!({"name": "hybrid", "kind": "hybrid", "replicas": 2,
        "base": {"kind": "rented", "usd_per_gpu_hour": 2, "goodput_rps": 1},
        "overflow_price": {"input_usd_per_mtok": 1, "output_usd_per_mtok": 4}});
    let document = json!({"workload": workload(requests), "scenarios": [hybrid]});
    let case = read(&document).unwrap();
    let found = case.work_out().unwrap().scenarios[0].clone();
    let rates = case.workload.rhythm.rates.sorted();
    let over: f64 = rates.iter().map(|rate| (rate - 2.0 / 1.5).max(0.0)).sum();
    let share = over / rates.len() as f64;
    assert!(
        share > 0.05 && (found.overflow_share - share).abs() < 1e-9,
        "{found:?}"
    );
    let wanted = 2.0 * 2.0 * 730.0 + requests * share * 0.003;
    assert!((found.monthly_usd - wanted).abs() < 1e-6);
}

proptest! {
    /// Protects break-even with steps: whatever the prices, who is said to be cheaper is cheaper, at every volume; there are
    /// no holes between the stretches.
    #[test]
    fn break_even_is_what_brute_force_finds(
        input in 0.1_f64..5.0, output in 0.1_f64..20.0, usd in 0.5_f64..8.0, goodput in 0.2_f64..5.0, headroom in 0.0_f64..0.5,
        fixed in 0.0_f64..20_000.0, spare in 0_u64..3, hybrid in any::<bool>(),
    ) {
        let api = json!({"name": "api", "kind": "api", "monthly_usd": {"gateway": 100},
            "price": {"input_usd_per_mtok": input, "output_usd_per_mtok": output}});
        let machine = json!({"kind": "rented", "usd_per_gpu_hour": usd, "goodput_rps": goodput, "headroom": headroom});
        let mut other = machine.clone();
        if hybrid {
            other = json!({"kind": "hybrid", "base": machine, "replicas": spare + 1,
                "overflow_price": {"input_usd_per_mtok": input * 1.2, "output_usd_per_mtok": output}});
        } else {
            other["spare_replicas"] = json!(spare);
        }
        other["name"] = json!("other");
        other["monthly_usd"] = json!({"staff": fixed});
        let document = json!({"workload": workload(1e6), "scenarios": [api, other],
            "break_even": {"from_requests_per_month": 0, "to_requests_per_month": 6e7}});
        let case = read(&document).unwrap();
        let found = &case.work_out().unwrap().break_even[0];
        prop_assert_eq!(found.stretches[0].from, 0.0);
        prop_assert_eq!(found.stretches.last().unwrap().to, 6e7);
        for pair in found.stretches.windows(2) {
            prop_assert_eq!(pair[0].to, pair[1].from);
            prop_assert_ne!(&pair[0].cheaper, &pair[1].cheaper);
        }
        prop_assert_eq!(found.crossings.len() + 1, found.stretches.len());
        for step in 0..2000 {
            let volume = 6e7 * (f64::from(step) + 0.37) / 2000.0;
            let [a, b] = [0, 1].map(|place| {
                let scenario: &seatrial_cost::tco::Scenario = &case.scenarios[place];
                scenario.running_usd(&case.workload, volume)
            });
            let stretch = found.stretches.iter().find(|stretch| volume >= stretch.from && volume <= stretch.to).unwrap();
            let cheaper = if a < b { "api" } else { "other" };
            let is_close = (a - b).abs() < 1e-6 * a.max(b);
            prop_assert!(is_close || stretch.cheaper.as_deref() == Some(cheaper), "{volume} {a} {b} {stretch:?}");
        }
    }
}

/// Protects "never" and several crossings: steps make one way dearer again.
#[test]
fn crossings_are_all_told() {
    let document = json!({"workload": workload(1e6), "scenarios": [api(), rented()],
        "break_even": {"to_requests_per_month": 2e7}});
    let found = &work_out(&document).break_even[0];
    // A full replica costs 2,920 a month and answers 1.314 M requests at the peak factor 2, worth 3,942 at the API.
    assert!(found.crossings.len() > 3, "{found:?}");
    assert!(
        (found.crossings[0].volume - 2920.0 / 0.003).abs() < 1.0,
        "{found:?}"
    );
    assert!(found.crossings[0].meets && !found.crossings[1].meets);
    let needed = found.utilisation_needed.unwrap();
    assert!(
        (needed - 2920.0 / (SECONDS_PER_MONTH * 0.003)).abs() < 1e-6,
        "{needed}"
    );
    let mut dear = rented();
    dear["usd_per_gpu_hour"] = json!(20);
    let document = json!({"workload": workload(1e6), "scenarios": [api(), dear]});
    let found = &work_out(&document).break_even[0];
    assert_eq!(
        (found.crossings.len(), found.stretches[0].cheaper.as_deref()),
        (0, Some("api"))
    );
}

/// Protects people who write scenarios: what is wrong is told at its field.
#[test]
fn wrong_scenarios_name_the_field() {
    let with = |scenario: Value| json!({"workload": workload(1e6), "scenarios": [scenario]});
    let mut negative = rented();
    negative["usd_per_gpu_hour"] = json!(-2);
    let mut spot = rented();
    spot["pricing"] = json!("spot");
    let mut both = rented();
    both["zones"] = json!(2);
    both["spare_replicas"] = json!(1);
    let mut no_goodput = rented();
    no_goodput["goodput_rps"] = Value::Null;
    for (document, pointer, said) in [
        (json!({}), "", "`workload` is missing"),
        (
            json!({"workload": workload(1.0), "scenarios": []}),
            "",
            "`scenarios` is missing",
        ),
        (
            with(negative),
            "/scenarios/0/usd_per_gpu_hour",
            "`usd_per_gpu_hour` is -2",
        ),
        (with(spot), "/scenarios/0", "`interruption_overhead` is missing"),
        (with(both), "/scenarios/0", "`spare_replicas` and `zones`"),
        (with(no_goodput), "/scenarios/0", "`goodput_rps` is missing"),
        (
            with(json!({"name": "x", "kind": "magic"})),
            "/scenarios/0/kind",
            "expected one of `api`",
        ),
        (
            with(json!({"name": "x", "kind": "api"})),
            "/scenarios/0",
            "`price` is missing",
        ),
        (
            with(json!({"name": "x", "kind": "api", "price": {"input_usd_per_mtok": 1}})),
            "/scenarios/0/price",
            "`output_usd_per_mtok` is missing",
        ),
        (
            json!({"workload": {"trace": "x.csv"}, "scenarios": [api()]}),
            "/workload/trace",
            "`trace`: there is no x.csv",
        ),
        (
            json!({"workload": workload(1e6), "scenarios": [rented()], "break_even": {"to_requests_per_month": 1e14}}),
            "/break_even",
            "more than 100000 replicas",
        ),
    ] {
        let found = read(&document).unwrap_err();
        let fits = |problem: &Problem| problem.pointer == pointer && problem.message.contains(said);
        assert!(found.iter().any(fits), "{document}: {found:?}");
    }
}

/// Protects real traffic: lengths and peak of Azure's chat trace, and the capacity that follows.
#[test]
fn capacity_from_a_real_trace() {
    let Some(folder) = seatrial_testkit::test_data("capacity_from_a_real_trace") else {
        return;
    };
    let path = folder.join("benchmarks/traces_azure_2023_conv/AzureLLMInferenceTrace_conv.csv");
    let rows = read_csv(&std::fs::read_to_string(path).unwrap()).unwrap();
    let summary = TraceSummary::of(&rows, false).unwrap();
    assert_eq!(summary.requests, 19_366);
    assert_eq!(
        (
            summary.mean_input_tokens.round(),
            summary.mean_output_tokens.round()
        ),
        (1155.0, 211.0)
    );
    assert_eq!(
        (
            summary.p95_input_tokens.round(),
            summary.p95_output_tokens.round()
        ),
        (4083.0, 451.0)
    );
    assert!(
        (summary.peak_factor - 1.54).abs() < 0.01,
        "{}",
        summary.peak_factor
    );
    let document = json!({"workload": {"trace": "t.csv"}, "scenarios": [
        {"name": "gpu", "kind": "rented", "usd_per_gpu_hour": 2, "goodput_rps": 2, "headroom": 0.2, "spare_replicas": 1}]});
    let case = TcoCase::read(&document, &mut |_, _| Ok(summary.clone())).unwrap();
    // About 5.5 requests a second in the mean, 8.5 in the peak, by 1.6: six replicas and a spare one.
    assert_eq!(case.work_out().unwrap().scenarios[0].replicas, Some(7));
}

/// Protects the worth of caches: of Mooncake's prompts 35.3 % begin as an earlier one, which makes input cost 0.68 where
/// cached reads cost a tenth, and 0.84 where writing costs a quarter more.
#[test]
fn cached_share_of_a_real_trace() {
    let Some(folder) = seatrial_testkit::test_data("cached_share_of_a_real_trace") else {
        return;
    };
    let path = folder.join("benchmarks/traces_mooncake/conversation_trace_head.jsonl");
    let found = prefix_share(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!((found.share() - 0.353).abs() < 0.0005, "{}", found.share());
    assert!((found.effective_price(0.1, 1.0) - 0.68).abs() < 0.005);
    assert!((found.effective_price(0.1, 1.25) - 0.84).abs() < 0.005);
}
