//! Runs every reference case through the calculator's functions, within each case's tolerance, and reports
//! per family. `SEATRIAL_GOLDEN=family` runs one family alone.

use seatrial_calc::{Args, find};
use seatrial_testkit::golden_families;
use serde_json::Value;

const SHOWN_FAILURES_PER_FAMILY: usize = 12;

#[test]
fn every_reference_case_holds_within_its_tolerance() {
    let only = std::env::var("SEATRIAL_GOLDEN").ok();
    let families = golden_families();
    assert_eq!(families.len(), 24, "a family of reference values is gone");
    let (mut total, mut bad) = (0, 0);
    for family in families {
        if only.as_deref().is_some_and(|only| only != family.name) {
            continue;
        }
        let mut failures = Vec::new();
        for case in &family.cases {
            let result = match find(&case.function) {
                None => Err(format!("no function `{}`", case.function)),
                Some(function) => (function.eval)(&Args::new(case.input.as_object().unwrap()))
                    .map_err(|error| error.to_string())
                    .and_then(|output| case.check(&Value::Object(output))),
            };
            if let Err(error) = result {
                failures.push(format!("  {} ({}) {error}", case.id, case.function));
            }
        }
        println!(
            "{}: {} of {} cases",
            family.name,
            family.cases.len() - failures.len(),
            family.cases.len()
        );
        for failure in failures.iter().take(SHOWN_FAILURES_PER_FAMILY) {
            println!("{failure}");
        }
        total += family.cases.len();
        bad += failures.len();
    }
    assert!(
        only.is_some() || total > 3000,
        "only {total} reference cases were found"
    );
    assert_eq!(bad, 0, "{bad} of {total} reference cases differ");
}
