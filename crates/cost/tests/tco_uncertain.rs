//! Protects deployments that are not known exactly: draws against figures worked out by hand, what is shared between
//! scenarios, the cost of a success, machines that follow the hour with every break-even, and values that do not fit.

#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use seatrial_cost::Problem;
use seatrial_cost::tco::{SECONDS_PER_MONTH, ScenarioCost, TcoCase, TcoResult, TcoSpread};
use serde_json::{Value, json};

fn read(document: &Value) -> Result<TcoCase, Vec<Problem>> {
    TcoCase::read(document, &mut |path, _| Err(format!("there is no {path}")))
}

fn work_out(document: &Value) -> TcoResult {
    read(document).unwrap().work_out().unwrap()
}

fn of<'a>(result: &'a TcoResult, name: &str) -> &'a ScenarioCost {
    result.scenarios.iter().find(|found| found.name == name).unwrap()
}

fn spread<'a>(result: &'a TcoResult, name: &str) -> &'a TcoSpread {
    of(result, name).spread.as_ref().unwrap()
}

fn close(found: f64, wanted: f64, by: f64) {
    assert!(
        (found - wanted).abs() <= by * wanted.abs(),
        "{found} is not {wanted}"
    );
}

/// By hand: a million requests of a thousand tokens at 1 to 3 dollars a million cost 1,000 to 3,000 dollars, evenly; the
/// machine always 2,190. So the API is the cheaper in 1,190 of 2,000 parts.
#[test]
fn draws_say_what_can_be_worked_out() {
    let document = json!({"horizon_months": 2, "seed": 3,
        "workload": {"requests_per_month": 1e6, "input_tokens": 1000, "output_tokens": 0},
        "scenarios": [
            {"name": "api", "kind": "api", "price": {"input_usd_per_mtok": {"low": 1, "high": 3}, "output_usd_per_mtok": 0}},
            {"name": "gpu", "kind": "rented", "usd_per_gpu_hour": 3, "goodput_rps": 10}]});
    let result = work_out(&document);
    let api = spread(&result, "api");
    assert_eq!(api.monthly_usd.n, 10_000);
    for (found, wanted) in [
        (api.monthly_usd.p10, 1200.0),
        (api.monthly_usd.p50, 2000.0),
        (api.monthly_usd.p90, 2800.0),
        (api.horizon_usd.p90, 5600.0),
        (api.horizon_usd.mean, 4000.0),
        (api.p_cheapest, 0.595),
        (api.tornado[0].at_p10, 2400.0),
        (api.tornado[0].at_p90, 5600.0),
        (of(&result, "api").monthly_usd, 2000.0),
    ] {
        close(found, wanted, 0.001);
    }
    assert_eq!(api.tornado[0].input, "api.price.input_usd_per_mtok");
    let gpu = spread(&result, "gpu");
    assert_eq!((gpu.monthly_usd.p10, gpu.monthly_usd.p90), (2190.0, 2190.0));
    assert!(gpu.tornado.is_empty());
    close(gpu.p_cheapest, 0.405, 0.01);
    // Who knows the price saves the mean excess of the API over the machine: 810² / (2 · 2,000), twice.
    let worth = result.information.unwrap();
    close(worth.everything, 2.0 * 810.0 * 810.0 / 4000.0, 0.01);
    close(worth.best_mean, -4000.0, 0.001);
    assert_eq!(result.inputs, ["api.price.input_usd_per_mtok"]);
}

/// Protects exact files: nothing is drawn where everything is known.
#[test]
fn what_is_known_is_not_drawn() {
    let document = json!({"workload": {"requests_per_month": 1e6, "input_tokens": 1000, "output_tokens": 0},
        "scenarios": [{"name": "gpu", "kind": "rented", "usd_per_gpu_hour": 3, "goodput_rps": 10}]});
    let result = work_out(&document);
    assert!(result.scenarios[0].spread.is_none() && result.information.is_none() && result.inputs.is_empty());
}

/// Protects what scenarios have in common: two that differ by a fixed amount are never in each other's place, however
/// uncertain the price is that both pay; apart, they would be.
#[test]
fn shared_quantities_move_together() {
    let machine = |name: &str, usd: Value, network: f64| json!({"name": name, "kind": "rented", "usd_per_gpu_hour": usd, "goodput_rps": 10, "monthly_usd": {"network": network}});
    let document = |usd: &Value| {
        json!({"quantities": {"price of a GPU": {"median": 2, "p90": 4}},
            "workload": {"requests_per_month": 1e6, "input_tokens": 1, "output_tokens": 1},
            "scenarios": [machine("a", usd.clone(), 100.0), machine("b", usd.clone(), 110.0)]})
    };
    let together = work_out(&document(&json!({"quantity": "price of a GPU"})));
    assert_eq!(spread(&together, "a").p_cheapest, 1.0);
    assert_eq!(together.inputs, ["price of a GPU"]);
    let apart = work_out(&document(&json!({"median": 2, "p90": 4})));
    assert!((spread(&apart, "a").p_cheapest - 0.5).abs() < 0.1);
    assert_eq!(apart.inputs, ["a.usd_per_gpu_hour", "b.usd_per_gpu_hour"]);
}

/// By hand: 1,000 requests for 10 dollars; 8 of 10 are right, 1 is taken over for 5 dollars, 1 is wrong for 20. The cost of a
/// success is (0.01 + 0.5 + 2) / 0.8. A cheaper way that fails more is the dearer by success.
#[test]
fn a_success_carries_its_failures() {
    let api = |name: &str, usd: f64, success: Value, escalation: f64| {
        json!({"name": name, "kind": "api", "success": success, "escalation": escalation,
        "price": {"input_usd_per_mtok": usd, "output_usd_per_mtok": 0}})
    };
    let document = |first: Value| {
        json!({"workload": {"requests_per_month": 1000, "input_tokens": 1000, "output_tokens": 0,
                "cost_per_escalation_usd": 5, "loss_per_error_usd": 20},
            "scenarios": [api("good", 10.0, first, 0.1), api("cheap", 1.0, json!(0.5), 0.0)]})
    };
    let result = work_out(&document(json!(0.8)));
    let found = of(&result, "good");
    close(found.usd_per_success.unwrap(), 2.51 / 0.8, 1e-9);
    assert_eq!(result.scenarios[0].name, "cheap");
    let drawn = work_out(&document(json!({"successes": 80, "trials": 100})));
    let good = spread(&drawn, "good");
    assert_eq!((good.p_cheapest, good.p_cheapest_per_success), (0.0, Some(1.0)));
    let per_success = good.usd_per_success.unwrap();
    close(per_success.p50, 2.51 / 0.8, 0.03);
    assert!(per_success.p90 - per_success.p10 > 0.5, "{per_success:?}");
    assert!(good.tornado.is_empty());
    let bar = &good.tornado_per_success[0];
    assert!(bar.input == "good.success" && bar.at_p10 > bar.at_p90, "{bar:?}");
}

/// By hand: 40 accelerator seconds for prompts and 160 for answers of every request; a fifth of the bill belongs to prompts.
#[test]
fn the_bill_of_machines_is_split_by_time() {
    let document = json!({"workload": {"requests_per_month": 1e6, "input_tokens": 1000, "output_tokens": 200},
        "scenarios": [{"name": "gpu", "kind": "rented", "usd_per_gpu_hour": 2, "goodput_rps": 10,
            "prefill_tokens_per_second": 25_000, "decode_tokens_per_second": 1250}]});
    let result = work_out(&document);
    let (input, output) = result.scenarios[0].usd_per_mtok_split.unwrap();
    close(input, 1460.0 / 5.0 / 1000.0, 1e-9);
    close(output, 1460.0 * 4.0 / 5.0 / 200.0, 1e-9);
}

fn hourly() -> Value {
    json!({"workload": {"requests_per_month": 2.0 * SECONDS_PER_MONTH, "input_tokens": 1, "output_tokens": 1,
            "peak_factor": 1.5, "hourly": [1, 1, 4]},
        "scenarios": [{"name": "gpu", "kind": "rented", "usd_per_gpu_hour": 1, "goodput_rps": 1,
            "scaling": "hourly", "start_up_minutes": 15}]})
}

/// By hand: hours at half and twice the mean of 2 a second, so 1.5 and 6 in their busiest minutes: 2, 2 and 6 replicas, and
/// four that start a quarter of an hour before. Always on it would be 6. The trap stays shut: use does not lower the bill,
/// only machines that are given back do.
#[test]
fn machines_follow_the_hour() {
    let result = work_out(&hourly());
    let found = &result.scenarios[0];
    assert_eq!(found.replicas, Some(6));
    close(found.billed_replicas.unwrap(), 11.0 / 3.0, 1e-12);
    close(found.monthly_usd, 730.0 * 11.0 / 3.0, 1e-12);
    close(found.always_on_usd.unwrap(), 730.0 * 6.0, 1e-12);
    close(found.utilisation.unwrap(), 6.0 / 11.0, 1e-12);
    let mut fewer = hourly();
    fewer["workload"]["requests_per_month"] = json!(0.1 * SECONDS_PER_MONTH);
    // Next to nothing to do: one replica runs all the same.
    let idle = &work_out(&fewer).scenarios[0];
    close(idle.monthly_usd, 730.0, 1e-12);
    fewer["scenarios"][0]["min_replicas"] = json!(2);
    close(work_out(&fewer).scenarios[0].monthly_usd, 1460.0, 1e-12);
    let mut fixed = hourly();
    fixed["scenarios"][0] = json!({"name": "gpu", "kind": "rented", "usd_per_gpu_hour": 1, "goodput_rps": 1});
    let found = &work_out(&fixed).scenarios[0];
    assert_eq!((found.monthly_usd, found.always_on_usd), (730.0 * 6.0, None));
}

/// Protects spot machines: time lost to interruptions is paid on top, of every replica that runs.
#[test]
fn interruptions_are_paid() {
    let mut document = hourly();
    document["scenarios"][0]["pricing"] = json!("spot");
    document["scenarios"][0]["interruption_overhead"] = json!({"low": 0.1, "high": 0.3});
    let result = work_out(&document);
    close(result.scenarios[0].monthly_usd, 1.2 * 730.0 * 11.0 / 3.0, 1e-3);
    close(
        spread(&result, "gpu").monthly_usd.p90,
        1.28 * 730.0 * 11.0 / 3.0,
        1e-3,
    );
}

proptest! {
    /// Protects break-even of machines that follow the hour: whatever the hours, who is said to be cheaper is cheaper at
    /// every volume.
    #[test]
    fn break_even_of_hours_is_what_brute_force_finds(
        hours in proptest::collection::vec(0.0_f64..3.0, 1..6), usd in 0.5_f64..8.0, goodput in 0.2_f64..5.0,
        start_up in 0.0_f64..60.0, least in 0_u64..3, zones in any::<bool>(), price in 0.2_f64..8.0,
    ) {
        prop_assume!(hours.iter().sum::<f64>() > 0.1);
        let mut machine = json!({"name": "gpu", "kind": "rented", "usd_per_gpu_hour": usd, "goodput_rps": goodput,
            "min_replicas": least, "scaling": "hourly", "start_up_minutes": start_up});
        if zones {
            machine["zones"] = json!(3);
        }
        let document = json!({"workload": {"requests_per_month": 1e6, "input_tokens": 1000, "output_tokens": 0, "hourly": hours},
            "scenarios": [{"name": "api", "kind": "api", "price": {"input_usd_per_mtok": price, "output_usd_per_mtok": 0}}, machine],
            "break_even": {"to_requests_per_month": 3e7}});
        let case = read(&document).unwrap();
        let found = &case.work_out().unwrap().break_even[0];
        for step in 0..1000 {
            let volume = 3e7 * (f64::from(step) + 0.37) / 1000.0;
            let [a, b] = [0, 1].map(|place| case.scenarios[place].running_usd(&case.workload, volume));
            let stretch = found.stretches.iter().find(|stretch| volume >= stretch.from && volume <= stretch.to).unwrap();
            let cheaper = if a < b { "api" } else { "gpu" };
            let is_close = (a - b).abs() < 1e-6 * a.max(b);
            prop_assert!(is_close || stretch.cheaper.as_deref() == Some(cheaper), "{} {} {} {:?}", volume, a, b, stretch);
        }
    }
}

/// Protects people who write such files: a distribution that leaves the range of its field, names that are not there, what
/// contradicts itself, and successes that there are none of.
#[test]
fn what_does_not_fit_names_the_field() {
    let api = |price: Value| json!({"name": "api", "kind": "api", "price": {"input_usd_per_mtok": price, "output_usd_per_mtok": 1}});
    let with = |key: &str, value: Value| {
        let mut document = json!({"workload": {"requests_per_month": 1e6, "input_tokens": 1, "output_tokens": 1},
            "scenarios": [api(json!(1))]});
        *document.pointer_mut(key).unwrap() = value;
        document
    };
    let workload = |more: Value| {
        let mut workload = json!({"requests_per_month": 1e6, "input_tokens": 1, "output_tokens": 1});
        workload
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        with("/workload", workload)
    };
    let scenario = |more: Value| {
        let mut scenario = api(json!(1));
        scenario
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        with("/scenarios/0", scenario)
    };
    let machine = |more: Value| {
        let mut machine = json!({"name": "m", "kind": "rented", "usd_per_gpu_hour": 1, "goodput_rps": 1});
        machine
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        with("/scenarios/0", machine)
    };
    for (document, pointer, said) in [
        (
            workload(json!({"cached_share": {"low": 0.5, "high": 1.5}})),
            "/workload/cached_share",
            "`cached_share` is 1.5, expected a number from 0 to 1 (at the end",
        ),
        (
            workload(json!({"cached_share": {"low": 1, "high": 2}})),
            "/workload/cached_share",
            "is 1.5, expected a number from 0 to 1 (the median",
        ),
        (
            workload(json!({"cached_share": {"mean": 0.9, "sd": 0.2}})),
            "/workload/cached_share",
            "expected a number from 0 to 1",
        ),
        (
            with(
                "/scenarios/0/price/input_usd_per_mtok",
                json!({"low": -1, "high": 2}),
            ),
            "/scenarios/0/price/input_usd_per_mtok",
            "`input_usd_per_mtok` is -1",
        ),
        (
            with(
                "/scenarios/0/price/input_usd_per_mtok",
                json!({"low": 3, "high": 2}),
            ),
            "/scenarios/0/price/input_usd_per_mtok",
            "out of order",
        ),
        (
            with(
                "/scenarios/0/price/input_usd_per_mtok",
                json!({"quantity": "price"}),
            ),
            "/scenarios/0/price/input_usd_per_mtok",
            "there is no `price` in `quantities`",
        ),
        (
            scenario(json!({"success": {"successes": 0, "trials": 20}})),
            "/scenarios/0/success",
            "has no success in 20 trials",
        ),
        (
            scenario(json!({"success": 0})),
            "/scenarios/0/success",
            "`success` is 0, expected a number from",
        ),
        (
            workload(json!({"hourly": [1, 2], "diurnal_factor": 2})),
            "/workload/hourly",
            "`hourly` and `diurnal_factor`",
        ),
        (
            workload(json!({"hourly": [0, 0]})),
            "/workload/hourly",
            "not all of them 0",
        ),
        (
            workload(json!({"hourly": [1, -1]})),
            "/workload/hourly/1",
            "an hour is -1",
        ),
        (
            machine(json!({"scaling": "hourly"})),
            "/scenarios/0",
            "`start_up_minutes` is missing",
        ),
        (
            machine(json!({"start_up_minutes": 5})),
            "/scenarios/0/start_up_minutes",
            "machines that follow the hour",
        ),
        (
            machine(json!({"scaling": "hourly", "start_up_minutes": 5, "hours_per_month": 300})),
            "/scenarios/0/hours_per_month",
            "expected one of them",
        ),
        (
            machine(json!({"prefill_tokens_per_second": 5})),
            "/scenarios/0",
            "`decode_tokens_per_second` is missing",
        ),
        (
            machine(json!({"min_replicas": {"low": 1, "high": 3}})),
            "/scenarios/0/min_replicas",
            "expected a whole number",
        ),
    ] {
        let found = read(&document).unwrap_err();
        let fits = |problem: &Problem| problem.pointer == pointer && problem.message.contains(said);
        assert!(found.iter().any(fits), "{document}: {found:?}");
    }
    let owned = json!({"workload": {"requests_per_month": 1e6, "input_tokens": 1, "output_tokens": 1}, "scenarios": [
        {"name": "own", "kind": "owned", "goodput_rps": 1, "capex_usd": {"low": 100, "high": 900}, "residual_usd": {"low": 0, "high": 450}}]});
    let found = read(&owned).unwrap_err();
    assert!(
        found[0].pointer == "/scenarios/0/residual_usd" && found[0].message.contains("is above `capex_usd`"),
        "{found:?}"
    );
    let correlated = json!({"workload": {"requests_per_month": {"low": 1, "high": 2}, "input_tokens": 1, "output_tokens": 1},
        "scenarios": [api(json!({"low": 1, "high": 2}))],
        "correlations": [{"a": "workload.requests_per_month", "b": "api.price.input", "rho": 0.5}]});
    let found = read(&correlated).unwrap_err();
    assert!(
        found[0].pointer == "/correlations/0/b"
            && found[0].hint.as_deref() == Some("did you mean `api.price.input_usd_per_mtok`?"),
        "{found:?}"
    );
}
