//! A comparison of the findings as one row of a table. Apart, because the findings hold it as JSON that may say more
//! than this version knows: what is there is shown, what is not is left empty.

use crate::format;
use seatrial_types::Unit;
use serde_json::Value;

/// A comparison, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ComparisonRow {
    /// Task and metric.
    pub(crate) what: String,
    /// Which two.
    pub(crate) between: String,
    /// Difference with its interval.
    pub(crate) difference: String,
    /// p-value, after correction where it is there.
    pub(crate) p: String,
}

/// `None` for JSON without a difference.
pub(crate) fn of_json(comparison: &Value) -> Option<ComparisonRow> {
    let difference = comparison.get("difference")?;
    let text = |keys: &[&str]| {
        keys.iter()
            .find_map(|key| comparison[*key].as_str())
            .unwrap_or_default()
            .to_owned()
    };
    let number = |value: &Value| value.as_f64();
    let unit = serde_json::from_value(difference["unit"].clone()).unwrap_or(Unit::Score);
    let p = ["p_adjusted", "p_value", "p"]
        .iter()
        .find_map(|key| comparison[*key].as_f64());
    let p = p.or_else(|| comparison["test"]["p"].as_f64());
    let (a, b) = (
        text(&["a", "baseline", "target_a"]),
        text(&["b", "target", "target_b"]),
    );
    let metric = text(&["metric", "name"]);
    let task = text(&["task"]);
    let percentile = comparison["statistic"]
        .as_str()
        .filter(|word| word.starts_with('p'));
    let metric = percentile.map_or(metric.clone(), |word| format!("{metric}.{word}"));
    Some(ComparisonRow {
        what: if task.is_empty() {
            metric
        } else {
            format!("{task}.{metric}")
        },
        between: if a.is_empty() { b } else { format!("{a} → {b}") },
        difference: format::interval(
            number(&difference["value"]),
            number(&difference["low"]),
            number(&difference["high"]),
            unit,
        ),
        p: match p {
            None => "–".to_owned(),
            Some(p) if p > 0.0 && p < 0.0001 => "< 0.0001".to_owned(),
            Some(p) => format!("{p:.4}"),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Protects reports of later findings: known keys are shown, unknown ones ignored, other JSON left out.
    #[test]
    fn what_is_there_is_shown() {
        let row = of_json(
            &json!({"task": "answers", "metric": "exact_match", "a": "one", "b": "two", "later": [1],
            "difference": {"value": 0.02, "low": -0.01, "high": 0.05, "unit": "share"}, "test": {"p": 0.2}}),
        );
        let row = row.unwrap();
        assert_eq!(
            (
                row.what.as_str(),
                row.between.as_str(),
                row.difference.as_str(),
                row.p.as_str()
            ),
            (
                "answers.exact_match",
                "one → two",
                "0.020 [-0.010, 0.050]",
                "0.2000"
            )
        );
        assert_eq!(of_json(&json!({"metric": "x"})), None);
        assert_eq!(of_json(&json!(7)), None);
    }
}
