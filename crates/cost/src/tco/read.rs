//! Files of scenarios, read: first with the median of everything that is not known exactly, then once more for each
//! draw, so that any number may be a distribution without a second way to read it.

use super::break_even::{STEPS_MAX, step_widths};
use super::capacity::{Capacity, Redundancy, Scaling};
use super::rhythm::{HOURS_MAX, Rhythm, Told};
use super::scenario::{ApiPrice, Owned, Scenario, Serving, Staff};
use super::uncertain::Uncertain;
use super::{HOURS_PER_MONTH, SCENARIOS_MAX, TcoCase, Workload};
use crate::fields::{Fields, Problem, Problems, shown};
use crate::montecarlo::{DRAWS_DEFAULT, DRAWS_MAX};
use crate::trace::TraceSummary;
use serde_json::Value;
use std::sync::Arc;

const MANY: f64 = 1e15;
const MONTHS_MAX: u64 = 600;
/// Volumes up to which break-even is sought where the file does not say, by the volume of the first month.
const VOLUMES_DEFAULT: f64 = 20.0;

type Trace<'a> = &'a mut dyn FnMut(&str, bool) -> Result<TraceSummary, String>;

pub(super) fn read(document: &Value, trace: Trace<'_>) -> Result<TcoCase, Vec<Problem>> {
    let mut problems = Problems::default();
    let known = [
        "version",
        "name",
        "horizon_months",
        "discount_rate",
        "workload",
        "scenarios",
        "break_even",
        "quantities",
        "correlations",
        "draws",
        "seed",
    ];
    let (plain, mut uncertain) = Uncertain::split(document, &mut problems);
    let case = Fields::read(&plain, "", "a file of scenarios", &known, &mut problems).and_then(|file| {
        uncertain.read_correlations(&file, &mut problems);
        read_case(&file, trace, uncertain.clone(), &mut problems)
    });
    if let Some(case) = &case {
        uncertain.check(case, &mut problems);
    }
    problems.or(case).map_err(|problems| uncertain.explain(problems))
}

fn read_case(
    file: &Fields<'_>,
    trace: Trace<'_>,
    uncertain: Uncertain,
    problems: &mut Problems,
) -> Option<TcoCase> {
    let horizon_months = file
        .whole("horizon_months", 1, MONTHS_MAX, problems)
        .unwrap_or(12) as u32;
    let discount_rate = file.number_or("discount_rate", 0.0, 0.0, 10.0, problems);
    let workload = match file.get("workload") {
        Some(value) => {
            let summary = read_trace(value, &file.at("workload"), trace, problems);
            let workload = read_workload(value, (summary.as_ref(), None), problems);
            workload.map(|workload| (workload, summary))
        }
        None => {
            file.missing("workload", "the traffic that is served", problems);
            None
        }
    };
    let items = file.list("scenarios", problems);
    if items.is_empty() {
        file.missing("scenarios", "ways to serve it", problems);
    }
    if items.len() > SCENARIOS_MAX {
        let message = format!(
            "`scenarios` has {} items, expected at most {SCENARIOS_MAX}",
            items.len()
        );
        problems.push(&file.at("scenarios"), message, None);
    }
    let mut scenarios: Vec<Scenario> = Vec::new();
    for (pointer, value) in items.into_iter().take(SCENARIOS_MAX) {
        let output_tokens = workload
            .as_ref()
            .map_or(1.0, |(workload, _)| workload.output_tokens);
        if let Some(scenario) = read_scenario(value, &pointer, output_tokens, problems) {
            if scenarios.iter().any(|other| other.name == scenario.name) {
                let message = format!("`{}` is there twice", scenario.name);
                problems.push(&format!("{pointer}/name"), message, Some("rename one"));
            }
            scenarios.push(scenario);
        }
    }
    let (workload, summary) = workload?;
    let volumes = read_volumes(file, &workload, problems);
    check_steps(file, &scenarios, &workload, volumes, problems);
    Some(TcoCase {
        name: file.text("name", problems).map(str::to_owned),
        horizon_months,
        discount_rate,
        workload,
        scenarios,
        volumes,
        draws: file
            .whole("draws", 100, DRAWS_MAX as u64, problems)
            .map_or(DRAWS_DEFAULT, |draws| draws as usize),
        seed: file.whole("seed", 0, u64::MAX, problems).unwrap_or(0),
        trace: summary,
        uncertain,
    })
}

/// The trace that a workload names.
fn read_trace(
    value: &Value,
    pointer: &str,
    trace: Trace<'_>,
    problems: &mut Problems,
) -> Option<TraceSummary> {
    let fields = Fields::read_any(value, pointer, "`workload`", &mut Problems::default())?;
    let may_have_gaps = fields.flag("trace_may_have_gaps", false, problems);
    let path = fields.text("trace", problems)?;
    match trace(path, may_have_gaps) {
        Ok(summary) => Some(summary),
        Err(why) => {
            problems.push(&fields.at("trace"), format!("`trace`: {why}"), None);
            None
        }
    }
}

/// Reads the workload with the trace that it names; a rhythm that is there already is taken as it is.
pub(super) fn read_workload(
    value: &Value,
    (summary, rhythm): (Option<&TraceSummary>, Option<&Arc<Rhythm>>),
    problems: &mut Problems,
) -> Option<Workload> {
    let known = [
        "requests_per_month",
        "input_tokens",
        "output_tokens",
        "cached_share",
        "cache_write_share",
        "peak_factor",
        "diurnal_factor",
        "growth_per_month",
        "trace",
        "trace_may_have_gaps",
        "hourly",
        "cost_per_escalation_usd",
        "loss_per_error_usd",
    ];
    let fields = Fields::read(value, "/workload", "`workload`", &known, problems)?;
    let is_traced = fields.has("trace");
    let mut need = |key: &str, found: Option<f64>, what: &str| {
        if !fields.has(key) && !is_traced {
            fields.missing(key, what, problems);
        }
        fields.number(key, 0.0, MANY, problems).or(found)
    };
    let from_trace = |of: fn(&TraceSummary) -> f64| summary.map(of);
    let input = need(
        "input_tokens",
        from_trace(|trace| trace.mean_input_tokens),
        "mean tokens of a prompt",
    );
    let output = need(
        "output_tokens",
        from_trace(|trace| trace.mean_output_tokens),
        "mean tokens of an answer",
    );
    let per_month = from_trace(|trace| trace.requests as f64 / trace.seconds * 3600.0 * HOURS_PER_MONTH);
    let requests = need("requests_per_month", per_month, "requests of the first month");
    let cached_share = fields.number_or("cached_share", 0.0, 0.0, 1.0, problems);
    let cache_write_share = fields.number_or("cache_write_share", 0.0, 0.0, 1.0, problems);
    if cached_share + cache_write_share > 1.0 + 1e-9 {
        let message = format!(
            "`cached_share` ({cached_share}) and `cache_write_share` ({cache_write_share}) are more than all"
        );
        problems.push(&fields.at("cache_write_share"), message, None);
    }
    let rhythm = match rhythm {
        Some(rhythm) => Arc::clone(rhythm),
        None => Arc::new(Rhythm::of(&read_rhythm(&fields, problems), summary)),
    };
    Some(Workload {
        requests_per_month: requests?,
        input_tokens: input?,
        output_tokens: output?,
        cached_share,
        cache_write_share,
        growth_per_month: fields.number_or("growth_per_month", 0.0, -1.0, 10.0, problems),
        cost_per_escalation_usd: fields.number_or("cost_per_escalation_usd", 0.0, 0.0, MANY, problems),
        loss_per_error_usd: fields.number_or("loss_per_error_usd", 0.0, 0.0, MANY, problems),
        rhythm,
    })
}

fn read_rhythm(fields: &Fields<'_>, problems: &mut Problems) -> Told {
    let mut told = Told {
        minute_peak: fields.number("peak_factor", 1.0, 1e6, problems),
        diurnal: fields.number("diurnal_factor", 1.0, 1e3, problems),
        hourly: None,
    };
    let items = fields.list("hourly", problems);
    let mut loads = Vec::with_capacity(items.len().min(HOURS_MAX));
    for (pointer, value) in items.iter().take(HOURS_MAX) {
        match value.as_f64().filter(|load| *load >= 0.0 && load.is_finite()) {
            Some(load) => loads.push(load),
            None => {
                let message = format!("an hour is {}, expected a number from 0", shown(value));
                problems.push(pointer, message, None);
            }
        }
    }
    if !fields.has("hourly") || loads.len() < items.len().min(HOURS_MAX) {
        return told;
    }
    let at = fields.at("hourly");
    if told.diurnal.is_some() {
        let message = "found `hourly` and `diurnal_factor`, expected one of them";
        problems.push(&at, message, Some("the hours tell how high the busiest one is"));
    } else if items.len() > HOURS_MAX || loads.iter().sum::<f64>() <= 0.0 {
        let message = format!(
            "`hourly` has {} hours, expected 1 to {HOURS_MAX}, not all of them 0",
            items.len()
        );
        problems.push(&at, message, Some("write the loads of the 24 hours of a day"));
    } else {
        told.hourly = Some(loads);
    }
    told
}

fn read_volumes(file: &Fields<'_>, workload: &Workload, problems: &mut Problems) -> (f64, f64) {
    let default = (0.0, (workload.requests_per_month * VOLUMES_DEFAULT).max(1.0));
    let Some(value) = file.get("break_even") else {
        return default;
    };
    let known = ["from_requests_per_month", "to_requests_per_month"];
    let Some(fields) = Fields::read(value, &file.at("break_even"), "`break_even`", &known, problems) else {
        return default;
    };
    let from = fields.number_or(known[0], 0.0, 0.0, MANY, problems);
    let to = fields.number_or(known[1], default.1, 0.0, MANY, problems);
    if from >= to {
        let message = format!("`{}` ({from}) is not below `{}` ({to})", known[0], known[1]);
        problems.push(fields.pointer(), message, None);
        return default;
    }
    (from, to)
}

fn check_steps(
    file: &Fields<'_>,
    scenarios: &[Scenario],
    workload: &Workload,
    (from, to): (f64, f64),
    problems: &mut Problems,
) {
    for scenario in scenarios {
        let widths = step_widths(scenario, workload);
        let steps: f64 = widths.iter().map(|one| (to - from) / one).sum();
        if steps > STEPS_MAX {
            let message = format!(
                "up to {to} requests a month `{}` would need more than {STEPS_MAX} replicas",
                scenario.name
            );
            problems.push(
                &file.at("break_even"),
                message,
                Some("seek break-even over fewer volumes"),
            );
        }
    }
}

pub(super) fn read_scenario(
    value: &Value,
    pointer: &str,
    output_tokens: f64,
    problems: &mut Problems,
) -> Option<Scenario> {
    const COMMON: [&str; 7] = [
        "name",
        "kind",
        "staff",
        "monthly_usd",
        "one_off_usd",
        "success",
        "escalation",
    ];
    const CAPACITY: [&str; 8] = [
        "goodput_rps",
        "output_tokens_per_second",
        "prefill_tokens_per_second",
        "decode_tokens_per_second",
        "headroom",
        "min_replicas",
        "spare_replicas",
        "zones",
    ];
    let any = Fields::read_any(value, pointer, "a scenario", problems)?;
    let kinds = ["api", "provisioned", "rented", "owned", "hybrid"];
    if !any.has("kind") {
        any.missing("kind", "api, provisioned, rented, owned or hybrid", problems);
    }
    let kind = any.choice("kind", &kinds, problems)?;
    let own: &[&str] = match kind {
        "api" => &["price"],
        "provisioned" => &["usd_per_unit_month"],
        "rented" => RENTED,
        "owned" => OWNED,
        _ => &["base", "replicas", "overflow_price"],
    };
    let mut known: Vec<&str> = COMMON.iter().chain(own).copied().collect();
    if !matches!(kind, "api" | "hybrid") {
        known.extend(CAPACITY);
    }
    let fields = Fields::read(value, pointer, "a scenario", &known, problems)?;
    if !fields.has("name") {
        fields.missing("name", "what it is called in the result", problems);
    }
    let serving = match kind {
        "api" => read_price(&fields, "price", problems).map(Serving::Api),
        "hybrid" => read_hybrid(&fields, output_tokens, problems),
        kind => read_machines(&fields, kind, output_tokens, problems),
    };
    let staff = read_staff(&fields, problems);
    let monthly_usd = read_amounts(&fields, "monthly_usd", problems);
    let one_off = read_amounts(&fields, "one_off_usd", problems);
    let success = fields.number("success", SHARE_MIN, 1.0, problems);
    let escalation = fields.number_or("escalation", 0.0, 0.0, 1.0, problems);
    Some(Scenario {
        name: fields.text("name", problems)?.to_owned(),
        serving: serving?,
        staff,
        monthly_usd,
        one_off,
        success,
        escalation,
        tokens_per_second: read_token_rates(&fields, problems),
    })
}

/// The least share of success: below it the cost of a success has no end.
const SHARE_MIN: f64 = 1e-9;

/// `prefill_tokens_per_second` and `decode_tokens_per_second`: both or none.
fn read_token_rates(fields: &Fields<'_>, problems: &mut Problems) -> Option<(f64, f64)> {
    let keys = ["prefill_tokens_per_second", "decode_tokens_per_second"];
    let [prefill, decode] = keys.map(|key| fields.number(key, 1e-6, 1e12, problems));
    for (here, there) in [(keys[0], keys[1]), (keys[1], keys[0])] {
        if fields.has(here) && !fields.has(there) {
            fields.missing(
                there,
                &format!("`{here}` alone does not split the bill"),
                problems,
            );
        }
    }
    prefill.zip(decode)
}

const RENTED: &[&str] = &[
    "gpus_per_replica",
    "usd_per_gpu_hour",
    "pricing",
    "interruption_overhead",
    "hours_per_month",
    "scaling",
    "start_up_minutes",
];
const OWNED: &[&str] = &[
    "gpus_per_replica",
    "gpus_per_server",
    "capex_usd",
    "residual_usd",
    "life_months",
    "cost_of_capital",
    "kw",
    "pue",
    "usd_per_kwh",
    "colocation_usd",
    "maintenance",
];

fn read_price(fields: &Fields<'_>, key: &str, problems: &mut Problems) -> Option<ApiPrice> {
    let Some(value) = fields.get(key) else {
        fields.missing(key, "what the API charges", problems);
        return None;
    };
    let known = [
        "input_usd_per_mtok",
        "output_usd_per_mtok",
        "cache_read_usd_per_mtok",
        "cache_write_usd_per_mtok",
        "request_usd",
        "batch_share",
        "batch_factor",
        "discount",
    ];
    let price = Fields::read(value, &fields.at(key), &format!("`{key}`"), &known, problems)?;
    let input = price.required_number(
        known[0],
        (0.0, MANY),
        "dollars for a million prompt tokens",
        problems,
    );
    let output = price.required_number(
        known[1],
        (0.0, MANY),
        "dollars for a million generated tokens",
        problems,
    );
    let cached = price.number(known[2], 0.0, MANY, problems);
    let written = price.number(known[3], 0.0, MANY, problems);
    Some(ApiPrice {
        input_usd_per_mtok: input?,
        output_usd_per_mtok: output?,
        cache_read_usd_per_mtok: cached.or(input)?,
        cache_write_usd_per_mtok: written.or(input)?,
        request_usd: price.number_or("request_usd", 0.0, 0.0, MANY, problems),
        batch_share: price.number_or("batch_share", 0.0, 0.0, 1.0, problems),
        batch_factor: price.number_or("batch_factor", 0.5, 0.0, 1.0, problems),
        discount: price.number_or("discount", 0.0, 0.0, 1.0, problems),
    })
}

fn read_hybrid(fields: &Fields<'_>, output_tokens: f64, problems: &mut Problems) -> Option<Serving> {
    let overflow = read_price(fields, "overflow_price", problems);
    if !fields.has("replicas") {
        fields.missing("replicas", "replicas that always run", problems);
    }
    let replicas = fields.whole("replicas", 1, 1_000_000, problems);
    let Some(value) = fields.get("base") else {
        fields.missing(
            "base",
            "how the replicas are got: a map with `kind: rented` or `kind: owned`",
            problems,
        );
        return None;
    };
    let pointer = fields.at("base");
    let any = Fields::read_any(value, &pointer, "`base`", problems)?;
    let kind = any.choice("kind", &["rented", "owned"], problems)?;
    let own = if kind == "rented" { RENTED } else { OWNED };
    let known: Vec<&str> = own
        .iter()
        .copied()
        .chain(["kind", "goodput_rps", "output_tokens_per_second", "headroom"])
        .collect();
    let base = Fields::read(value, &pointer, "`base`", &known, problems)?;
    let base = read_machines(&base, kind, output_tokens, problems)?;
    Some(Serving::Hybrid {
        base: Box::new(base),
        replicas: replicas?,
        overflow: overflow?,
    })
}

fn read_machines(
    fields: &Fields<'_>,
    kind: &str,
    output_tokens: f64,
    problems: &mut Problems,
) -> Option<Serving> {
    let capacity = read_capacity(fields, output_tokens, problems);
    let gpus_per_replica = fields
        .whole("gpus_per_replica", 1, 100_000, problems)
        .unwrap_or(1);
    match kind {
        "provisioned" => {
            let usd = fields.required_number(
                "usd_per_unit_month",
                (0.0, MANY),
                "dollars for a unit and month",
                problems,
            );
            Some(Serving::Provisioned {
                capacity: capacity?,
                usd_per_unit: usd?,
            })
        }
        "rented" => {
            let usd = fields.required_number(
                "usd_per_gpu_hour",
                (0.0, MANY),
                "dollars for an accelerator and hour",
                problems,
            );
            let pricing = fields.choice("pricing", &["on_demand", "reserved", "spot"], problems);
            let overhead = fields.number("interruption_overhead", 0.0, 10.0, problems);
            if pricing == Some("spot") && overhead.is_none() {
                let what = "spot machines are taken away: the share of time that is lost to it";
                fields.missing("interruption_overhead", what, problems);
            }
            let scaling = read_scaling(fields, problems);
            Some(Serving::Rented {
                capacity: Capacity { scaling, ..capacity? },
                gpus_per_replica,
                usd_per_gpu_hour: usd?,
                interruption_overhead: overhead.unwrap_or(0.0),
                hours: fields.number_or("hours_per_month", HOURS_PER_MONTH, 1.0, 744.0, problems),
            })
        }
        _ => {
            let owned = read_owned(fields, problems);
            Some(Serving::Owned {
                capacity: capacity?,
                gpus_per_replica,
                owned: owned?,
            })
        }
    }
}

fn read_owned(fields: &Fields<'_>, problems: &mut Problems) -> Option<Owned> {
    let capex = fields.required_number("capex_usd", (0.0, MANY), "dollars for a machine", problems);
    let residual = fields.number_or("residual_usd", 0.0, 0.0, MANY, problems);
    if let Some(capex) = capex
        && residual > capex
    {
        let message = format!("`residual_usd` ({residual}) is above `capex_usd` ({capex})");
        problems.push(&fields.at("residual_usd"), message, None);
    }
    Some(Owned {
        capex_usd: capex?,
        residual_usd: residual,
        life_months: fields.number_or("life_months", 48.0, 1.0, 600.0, problems),
        cost_of_capital: fields.number_or("cost_of_capital", 0.0, 0.0, 10.0, problems),
        gpus_per_server: fields.whole("gpus_per_server", 1, 100_000, problems).unwrap_or(8),
        kw: fields.number_or("kw", 0.0, 0.0, 1e6, problems),
        pue: fields.number_or("pue", 1.3, 1.0, 10.0, problems),
        usd_per_kwh: fields.number_or("usd_per_kwh", 0.0, 0.0, 1e3, problems),
        colocation_usd: fields.number_or("colocation_usd", 0.0, 0.0, MANY, problems),
        maintenance: fields.number_or("maintenance", 0.0, 0.0, 10.0, problems),
    })
}

fn read_capacity(fields: &Fields<'_>, output_tokens: f64, problems: &mut Problems) -> Option<Capacity> {
    let rps = fields.number("goodput_rps", 1e-6, 1e9, problems);
    let tokens = fields.number("output_tokens_per_second", 1e-6, 1e12, problems);
    let goodput_rps = match (rps, tokens) {
        (Some(_), Some(_)) => {
            let message = "found `goodput_rps` and `output_tokens_per_second`, expected one of them";
            problems.push(fields.pointer(), message, None);
            None
        }
        (Some(rps), None) => Some(rps),
        (None, Some(tokens)) if output_tokens > 0.0 => Some(tokens / output_tokens),
        (None, _) => {
            if !fields.has("goodput_rps") && !fields.has("output_tokens_per_second") {
                let what = "requests a second that one replica answers within its objective, as a load test measured them";
                fields.missing("goodput_rps", what, problems);
            }
            None
        }
    };
    let spare = fields.whole("spare_replicas", 0, 1_000_000, problems);
    let zones = fields.whole("zones", 2, 100, problems);
    if spare.is_some() && zones.is_some() {
        problems.push(
            fields.pointer(),
            "found `spare_replicas` and `zones`, expected one of them",
            None,
        );
    }
    let redundancy = match zones {
        Some(zones) => Redundancy::Zones(zones),
        None => Redundancy::Spare(spare.unwrap_or(0)),
    };
    Some(Capacity {
        headroom: fields.number_or("headroom", 0.0, 0.0, 0.95, problems),
        min_replicas: fields.whole("min_replicas", 0, 1_000_000, problems).unwrap_or(1),
        redundancy,
        scaling: Scaling::Fixed,
        goodput_rps: goodput_rps?,
    })
}

/// Whether rented machines follow the hour.
fn read_scaling(fields: &Fields<'_>, problems: &mut Problems) -> Scaling {
    let scaling = fields.choice("scaling", &["fixed", "hourly"], problems);
    let start_up = fields.number("start_up_minutes", 0.0, 60.0, problems);
    if scaling != Some("hourly") {
        if fields.has("start_up_minutes") {
            let message = "`start_up_minutes` is for machines that follow the hour";
            problems.push(
                &fields.at("start_up_minutes"),
                message,
                Some("add `scaling: hourly`"),
            );
        }
        return Scaling::Fixed;
    }
    if fields.has("hours_per_month") {
        let message = "found `hours_per_month` and `scaling: hourly`, expected one of them";
        problems.push(&fields.at("hours_per_month"), message, None);
    }
    if !fields.has("start_up_minutes") {
        let what = "minutes from the order of a machine to its first answer: they are paid too";
        fields.missing("start_up_minutes", what, problems);
    }
    Scaling::Hourly {
        start_up_minutes: start_up.unwrap_or(0.0),
    }
}

fn read_staff(fields: &Fields<'_>, problems: &mut Problems) -> Vec<Staff> {
    let mut all = Vec::new();
    for (pointer, value) in fields.list("staff", problems) {
        let known = ["role", "fte", "usd_per_year", "allocation"];
        let Some(staff) = Fields::read(value, &pointer, "an item of `staff`", &known, problems) else {
            continue;
        };
        let fte = staff.required_number("fte", (0.0, 1e6), "full-time equivalents", problems);
        let usd = staff.required_number(
            "usd_per_year",
            (0.0, MANY),
            "dollars for one and a year",
            problems,
        );
        if let (Some(fte), Some(usd_per_year)) = (fte, usd) {
            all.push(Staff {
                fte,
                usd_per_year,
                allocation: staff.number_or("allocation", 1.0, 0.0, 1.0, problems),
            });
        }
    }
    all
}

/// `{network: 100, storage: 50}`.
fn read_amounts(fields: &Fields<'_>, key: &str, problems: &mut Problems) -> Vec<(String, f64)> {
    let Some(amounts) = fields
        .get(key)
        .and_then(|value| Fields::read_any(value, &fields.at(key), &format!("`{key}`"), problems))
    else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for (name, _) in amounts.entries() {
        if let Some(usd) = amounts.number(name, 0.0, MANY, problems) {
            all.push((name.to_owned(), usd));
        }
    }
    all
}
