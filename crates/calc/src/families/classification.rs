//! Family `classification` of the calculator.

use crate::args::wrong;
use crate::function::{number, object};
use crate::labels::Labels;
use crate::{Args, CalcError, Field, Function};
use seatrial_stats::classification as stats;
use seatrial_stats::classification::{Averages, Confusion, Roc};
use serde_json::{Map, Value};

type Output = Result<Map<String, Value>, CalcError>;

const TRUTH: Field = Field::new("y", "[0|1]", "truth per item");
const SCORE: Field = Field::new("score", "[number]", "score per item, higher means more likely 1");

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "confusion",
        family: "classification",
        what: "two-by-two table of a binary decision and its rates; 0/0 is 0",
        source: "van Rijsbergen 1979; Matthews 1975; Youden 1950",
        inputs: &[TRUTH, Field::new("pred", "[0|1]", "decision per item")],
        outputs: &[
            Field::new("tp", "number", "true positives"),
            Field::new("fp", "number", "false positives"),
            Field::new("fn", "number", "false negatives"),
            Field::new("tn", "number", "true negatives"),
            Field::new("precision", "number", "TP/(TP+FP)"),
            Field::new("recall", "number", "TP/(TP+FN)"),
            Field::new("specificity", "number", "TN/(TN+FP)"),
            Field::new("f1", "number", "F1"),
            Field::new("f2", "number", "F2, recall weighs more"),
            Field::new(
                "accuracy",
                "number",
                "share of right decisions; NaN without items",
            ),
            Field::new(
                "balanced_accuracy",
                "number",
                "mean recall of the classes that occur; NaN without items",
            ),
            Field::new("mcc", "number", "Matthews' correlation"),
            Field::new("youden", "number", "recall + specificity - 1"),
        ],
        eval: confusion,
    },
    Function {
        name: "multiclass",
        family: "classification",
        what: "accuracy, Matthews' correlation and averaged precision, recall, F1 for several classes; 0/0 is 0",
        source: "Gorodkin 2004",
        inputs: &[
            Field::new("y", "[label]", "true class per item"),
            Field::new("pred", "[label]", "predicted class per item"),
            Field::new("labels", "[label]", "all classes; default those that occur"),
        ],
        outputs: &[
            Field::new("accuracy", "number", "share of right labels"),
            Field::new(
                "balanced_accuracy",
                "number",
                "mean recall of the classes that occur",
            ),
            Field::new("mcc", "number", "Matthews' correlation for several classes"),
            Field::new("macro", "{precision, recall, f1}", "plain mean over all classes"),
            Field::new(
                "weighted",
                "{precision, recall, f1}",
                "mean weighted by how often a class is true",
            ),
            Field::new("micro", "{precision, recall, f1}", "from the summed counts"),
        ],
        eval: multiclass,
    },
    Function {
        name: "auc",
        family: "classification",
        what: "areas under the ROC and precision-recall curves and two operating points",
        source: "Hanley and McNeil 1982; Youden 1950",
        inputs: &[TRUTH, SCORE],
        outputs: &[
            Field::new(
                "roc_auc",
                "number",
                "0 to 1, ties half; NaN where a class is absent",
            ),
            Field::new(
                "average_precision",
                "number",
                "step-wise area under precision-recall",
            ),
            Field::new(
                "youden_j",
                "number",
                "largest TPR - FPR; NaN where a class is absent",
            ),
            Field::new(
                "youden_threshold",
                "number",
                "call positive from this score on for that J; NaN where a class is absent",
            ),
            Field::new(
                "tpr_at_fpr_0.1",
                "number",
                "largest TPR with FPR <= 0.1, no interpolation; NaN where a class is absent",
            ),
        ],
        eval: auc,
    },
    Function {
        name: "probabilistic",
        family: "classification",
        what: "quality of predicted probabilities: Brier, log loss, calibration error over ten bins",
        source: "Brier 1950; Naeini, Cooper, Hauskrecht 2015",
        inputs: &[
            TRUTH,
            Field::new("p", "[number]", "predicted probability of 1, 0 to 1"),
        ],
        outputs: &[
            Field::new("brier", "number", "mean squared error"),
            Field::new(
                "log_loss",
                "number",
                "mean negative log-likelihood, clipped at 1e-15",
            ),
            Field::new("ece", "number", "expected calibration error"),
            Field::new("mce", "number", "maximum calibration error"),
        ],
        eval: probabilistic,
    },
    Function {
        name: "auc_ci_delong",
        family: "classification",
        what: "area under the ROC curve with DeLong's standard error and interval",
        source: "DeLong, DeLong, Clarke-Pearson 1988",
        inputs: &[
            TRUTH,
            SCORE,
            Field::new("confidence", "number", "level of the interval, default 0.95"),
        ],
        outputs: &[
            Field::new("auc", "number", "0 to 1; NaN where a class is absent"),
            Field::new(
                "se",
                "number",
                "standard error; NaN with fewer than two items of a class",
            ),
            Field::new("low", "number", "lower end, at least 0; NaN with se"),
            Field::new("high", "number", "upper end, at most 1; NaN with se"),
        ],
        eval: auc_ci_delong,
    },
];

/// A list of `0`/`1` or `false`/`true`.
fn flags(args: &Args<'_>, name: &str) -> Result<Vec<bool>, CalcError> {
    args.list(name, |value, at| match (value.as_bool(), value.as_f64()) {
        (Some(flag), _) => Ok(flag),
        (_, Some(0.0)) => Ok(false),
        (_, Some(1.0)) => Ok(true),
        _ => Err(wrong(at, "0 or 1", value)),
    })
}

fn confusion(args: &Args<'_>) -> Output {
    let c = Confusion::of(&flags(args, "y")?, &flags(args, "pred")?).map_err(CalcError::domain)?;
    Ok(object([
        ("tp", Value::from(c.tp)),
        ("fp", Value::from(c.fp)),
        ("fn", Value::from(c.fn_)),
        ("tn", Value::from(c.tn)),
        ("precision", number(c.precision())),
        ("recall", number(c.recall())),
        ("specificity", number(c.specificity())),
        ("f1", number(c.f_beta(1.0))),
        ("f2", number(c.f_beta(2.0))),
        ("accuracy", number(c.accuracy())),
        ("balanced_accuracy", number(c.balanced_accuracy())),
        ("mcc", number(c.mcc())),
        ("youden", number(c.youden())),
    ]))
}

fn multiclass(args: &Args<'_>) -> Output {
    let y: Vec<&Value> = args.list("y", |value, _| Ok(value))?;
    let pred: Vec<&Value> = args.list("pred", |value, _| Ok(value))?;
    let all: Vec<&Value> = y.iter().chain(&pred).copied().collect();
    let labels = Labels::read(args, "labels", &all)?;
    let places = |values: &[&Value], name: &str| {
        values
            .iter()
            .map(|value| labels.place(value, name))
            .collect::<Result<Vec<_>, _>>()
    };
    let m = stats::multiclass(&places(&y, "y")?, &places(&pred, "pred")?, labels.len())
        .map_err(CalcError::domain)?;
    let part = |a: Averages| {
        Value::Object(object([
            ("precision", number(a.precision)),
            ("recall", number(a.recall)),
            ("f1", number(a.f1)),
        ]))
    };
    Ok(object([
        ("accuracy", number(m.accuracy)),
        ("balanced_accuracy", number(m.balanced_accuracy)),
        ("mcc", number(m.mcc)),
        ("macro", part(m.macro_)),
        ("weighted", part(m.weighted)),
        ("micro", part(m.micro)),
    ]))
}

fn auc(args: &Args<'_>) -> Output {
    let (y, score) = (flags(args, "y")?, args.f64s("score")?);
    let r = stats::roc(&y, &score).map_err(CalcError::domain)?;
    let tpr = Roc::tpr_at_fpr(&y, &score, 0.1).map_err(CalcError::domain)?;
    Ok(object([
        ("roc_auc", number(r.auc)),
        ("average_precision", number(r.average_precision)),
        ("youden_j", number(r.youden_j)),
        ("youden_threshold", number(r.youden_threshold)),
        ("tpr_at_fpr_0.1", number(tpr)),
    ]))
}

fn probabilistic(args: &Args<'_>) -> Output {
    let c = stats::calibration(&flags(args, "y")?, &args.f64s("p")?).map_err(CalcError::domain)?;
    Ok(object([
        ("brier", number(c.brier)),
        ("log_loss", number(c.log_loss)),
        ("ece", number(c.ece)),
        ("mce", number(c.mce)),
    ]))
}

fn auc_ci_delong(args: &Args<'_>) -> Output {
    let a = stats::auc_interval(
        &flags(args, "y")?,
        &args.f64s("score")?,
        args.f64_or("confidence", 0.95)?,
    )
    .map_err(CalcError::domain)?;
    Ok(object([
        ("auc", number(a.auc)),
        ("se", number(a.se)),
        ("low", number(a.low)),
        ("high", number(a.high)),
    ]))
}
