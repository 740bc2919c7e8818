//! Family `drift` of the calculator.

use crate::args::{to_u64, wrong};
use crate::function::{number, object};
use crate::{Args, CalcError, Field, Function};
use seatrial_stats::drift as stats;
use seatrial_stats::drift::{
    Adwin, ChangeDirection, CusumChart, Ddm, Detector, EwmaChart, KsMethod, PageHinkley, Signal,
};
use serde_json::{Map, Value};

type Output = Result<Map<String, Value>, CalcError>;

const X: Field = Field::new("x", "[number]", "the stream in its order");
const MU0: Field = Field::new("mu0", "number", "target mean, default 0");
const SIGMA: Field = Field::new("sigma", "number", "standard deviation of a value, default 1");
const DRIFTS: Field = Field::new(
    "drift_indices",
    "[number]",
    "places (from 0) at which a drift was signalled",
);
const FIRST: Field = Field::new(
    "first_signal",
    "number|null",
    "place (from 0) of the first value outside the limits",
);

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "two_sample",
        family: "drift",
        what: "distances of two samples of numbers and the Kolmogorov-Smirnov test",
        source: "Smirnov 1939; Simard and L'Ecuyer 2011; Szekely and Rizzo 2013; Anderson 1962; Scholz and Stephens 1987",
        inputs: &[
            Field::new("a", "[number]", "first sample"),
            Field::new("b", "[number]", "second sample"),
            Field::new(
                "ks_method",
                "auto|exact|asymptotic",
                "p-value, default auto: exact up to 10,000 values",
            ),
        ],
        outputs: &[
            Field::new(
                "ks_d",
                "number",
                "largest difference of the distribution functions",
            ),
            Field::new("ks_p", "number", "two-sided p-value"),
            Field::new("wasserstein", "number", "Wasserstein-1 distance"),
            Field::new("energy", "number", "energy distance"),
            Field::new("cvm", "number", "Cramer-von Mises statistic"),
            Field::new(
                "ad",
                "number",
                "standardised Anderson-Darling statistic; NaN where all values are equal",
            ),
        ],
        eval: two_sample,
    },
    Function {
        name: "categorical",
        family: "drift",
        what: "shift of a categorical distribution from counts: chi-square test and distances",
        source: "Pearson 1900; Lin 1991; Hellinger 1909",
        inputs: &[
            Field::new("reference", "[number]", "counts per category"),
            Field::new("current", "[number]", "counts per category, same order"),
        ],
        outputs: &[
            Field::new("chi2", "number", "homogeneity statistic, no Yates correction"),
            Field::new("df", "number", "degrees of freedom"),
            Field::new("p_value", "number", "p-value"),
            Field::new("js_distance", "number", "Jensen-Shannon distance, base 2"),
            Field::new("hellinger", "number", "Hellinger distance"),
            Field::new("tv", "number", "total variation distance"),
            Field::new(
                "psi",
                "number",
                "population stability index, shares floored at 1e-4",
            ),
        ],
        eval: categorical,
    },
    Function {
        name: "psi_numeric",
        family: "drift",
        what: "population stability index over ten quantile bins of the reference",
        source: "definition",
        inputs: &[
            Field::new("reference", "[number]", "reference values"),
            Field::new("current", "[number]", "current values"),
        ],
        outputs: &[Field::new(
            "psi",
            "number",
            "at least 0; 0.25 is a large shift by convention",
        )],
        eval: psi_numeric,
    },
    Function {
        name: "page_hinkley",
        family: "drift",
        what: "Page-Hinkley test with forgetting",
        source: "Page 1954",
        inputs: &[
            X,
            Field::new(
                "min_instances",
                "number",
                "values before the first drift, default 30",
            ),
            Field::new("delta", "number", "tolerated deviation, default 0.005"),
            Field::new("threshold", "number", "how far a sum must move, default 50"),
            Field::new("alpha", "number", "forgetting factor, default 0.9999"),
            Field::new("mode", "up|down|both", "which changes count, default both"),
        ],
        outputs: &[DRIFTS],
        eval: page_hinkley,
    },
    Function {
        name: "adwin",
        family: "drift",
        what: "adaptive windowing",
        source: "Bifet and Gavalda 2007",
        inputs: &[
            X,
            Field::new("delta", "number", "sensitivity, default 0.002"),
            Field::new("clock", "number", "values between checks, default 32"),
            Field::new("max_buckets", "number", "buckets of one size, default 5"),
            Field::new(
                "min_window_length",
                "number",
                "least values on either side of a cut, default 5",
            ),
            Field::new(
                "grace_period",
                "number",
                "no check before this many values, default 10",
            ),
        ],
        outputs: &[
            DRIFTS,
            Field::new("width", "number", "values in the final window"),
            Field::new("mean", "number", "mean of the final window"),
        ],
        eval: adwin,
    },
    Function {
        name: "ddm",
        family: "drift",
        what: "drift detection method for a stream of errors",
        source: "Gama, Medas, Castillo, Rodrigues 2004",
        inputs: &[
            Field::new("errors", "[0|1]", "1 is an error"),
            Field::new(
                "warm_start",
                "number",
                "values before the first signal, default 30",
            ),
            Field::new(
                "warning_threshold",
                "number",
                "standard deviations of a warning, default 2",
            ),
            Field::new(
                "drift_threshold",
                "number",
                "standard deviations of a drift, default 3",
            ),
        ],
        outputs: &[
            Field::new(
                "warning_indices",
                "[number]",
                "places (from 0) of warnings that are not drifts",
            ),
            DRIFTS,
        ],
        eval: ddm,
    },
    Function {
        name: "ewma_chart",
        family: "drift",
        what: "exponentially weighted moving average chart",
        source: "Roberts 1959",
        inputs: &[
            X,
            MU0,
            SIGMA,
            Field::new("lambda", "number", "weight of the newest value, default 0.2"),
            Field::new(
                "L",
                "number",
                "width of the limits in standard deviations, default 3",
            ),
        ],
        outputs: &[
            Field::new("z_last", "number", "the average after the last value"),
            FIRST,
        ],
        eval: ewma_chart,
    },
    Function {
        name: "cusum_chart",
        family: "drift",
        what: "two-sided tabular CUSUM",
        source: "Page 1954; Hawkins and Olwell 1998",
        inputs: &[
            X,
            MU0,
            SIGMA,
            Field::new(
                "k",
                "number",
                "tolerated deviation in standard deviations, default 0.5",
            ),
            Field::new("h", "number", "decision limit in standard deviations, default 5"),
        ],
        outputs: &[
            Field::new("c_plus", "number", "upper sum after the last value"),
            Field::new("c_minus", "number", "lower sum after the last value"),
            FIRST,
        ],
        eval: cusum_chart,
    },
];

fn two_sample(args: &Args<'_>) -> Output {
    let method = match args.str_or("ks_method", "auto")? {
        "auto" => KsMethod::Auto,
        "exact" => KsMethod::Exact,
        "asymptotic" | "asymp" => KsMethod::Asymptotic,
        other => {
            return Err(wrong(
                "ks_method",
                "auto, exact or asymptotic",
                &Value::from(other),
            ));
        }
    };
    let t = stats::two_sample(&args.f64s("a")?, &args.f64s("b")?, method).map_err(CalcError::domain)?;
    Ok(object([
        ("ks_d", number(t.ks_d)),
        ("ks_p", number(t.ks_p)),
        ("wasserstein", number(t.wasserstein)),
        ("energy", number(t.energy)),
        ("cvm", number(t.cramer_von_mises)),
        ("ad", number(t.anderson_darling)),
    ]))
}

fn categorical(args: &Args<'_>) -> Output {
    let s = stats::categorical_shift(&args.list("reference", to_u64)?, &args.list("current", to_u64)?)
        .map_err(CalcError::domain)?;
    Ok(object([
        ("chi2", number(s.chi2)),
        ("df", Value::from(s.df)),
        ("p_value", number(s.p_value)),
        ("js_distance", number(s.jensen_shannon)),
        ("hellinger", number(s.hellinger)),
        ("tv", number(s.total_variation)),
        ("psi", number(s.psi)),
    ]))
}

fn psi_numeric(args: &Args<'_>) -> Output {
    let psi =
        stats::psi_numeric(&args.f64s("reference")?, &args.f64s("current")?).map_err(CalcError::domain)?;
    Ok(object([("psi", number(psi))]))
}

/// What a detector says of a stream.
struct Heard<S> {
    state: S,
    signals: Vec<(u64, Signal)>,
}

impl<S> Heard<S> {
    fn of<D: Detector<State = S>>(detector: &D, values: &[f64]) -> Result<Self, CalcError> {
        let mut state = detector.start().map_err(CalcError::domain)?;
        let signals = detector.run(&mut state, values).map_err(CalcError::domain)?;
        Ok(Self { state, signals })
    }

    fn places(&self, kind: Signal) -> Value {
        self.signals
            .iter()
            .filter(|(_, signal)| *signal == kind)
            .map(|(at, _)| Value::from(*at))
            .collect()
    }

    fn first(&self) -> Value {
        self.signals
            .first()
            .map_or(Value::Null, |(at, _)| Value::from(*at))
    }
}

fn page_hinkley(args: &Args<'_>) -> Output {
    let usual = PageHinkley::default();
    let detector = PageHinkley {
        min_instances: args.u64_or("min_instances", usual.min_instances)?,
        delta: args.f64_or("delta", usual.delta)?,
        threshold: args.f64_or("threshold", usual.threshold)?,
        alpha: args.f64_or("alpha", usual.alpha)?,
        direction: match args.str_or("mode", "both")? {
            "up" => ChangeDirection::Up,
            "down" => ChangeDirection::Down,
            "both" => ChangeDirection::Both,
            other => return Err(wrong("mode", "up, down or both", &Value::from(other))),
        },
    };
    let heard = Heard::of(&detector, &args.f64s("x")?)?;
    Ok(object([("drift_indices", heard.places(Signal::Drift))]))
}

fn adwin(args: &Args<'_>) -> Output {
    let usual = Adwin::default();
    let max_buckets = args.u64_or("max_buckets", usual.max_buckets as u64)?;
    let detector = Adwin {
        delta: args.f64_or("delta", usual.delta)?,
        clock: args.u64_or("clock", usual.clock)?,
        max_buckets: usize::try_from(max_buckets).unwrap_or(usize::MAX),
        min_window_length: args.u64_or("min_window_length", usual.min_window_length)?,
        grace_period: args.u64_or("grace_period", usual.grace_period)?,
    };
    let heard = Heard::of(&detector, &args.f64s("x")?)?;
    Ok(object([
        ("drift_indices", heard.places(Signal::Drift)),
        ("width", number(heard.state.width)),
        ("mean", number(heard.state.mean())),
    ]))
}

fn ddm(args: &Args<'_>) -> Output {
    let usual = Ddm::default();
    let detector = Ddm {
        warm_start: args.u64_or("warm_start", usual.warm_start)?,
        warning: args.f64_or("warning_threshold", usual.warning)?,
        drift: args.f64_or("drift_threshold", usual.drift)?,
    };
    let heard = Heard::of(&detector, &args.f64s("errors")?)?;
    Ok(object([
        ("warning_indices", heard.places(Signal::Warning)),
        ("drift_indices", heard.places(Signal::Drift)),
    ]))
}

fn ewma_chart(args: &Args<'_>) -> Output {
    let chart = EwmaChart {
        mu0: args.f64_or("mu0", 0.0)?,
        sigma: args.f64_or("sigma", 1.0)?,
        lambda: args.f64_or("lambda", 0.2)?,
        width: args.f64_or("L", 3.0)?,
    };
    let heard = Heard::of(&chart, &args.f64s("x")?)?;
    Ok(object([
        ("z_last", number(heard.state.z)),
        ("first_signal", heard.first()),
    ]))
}

fn cusum_chart(args: &Args<'_>) -> Output {
    let chart = CusumChart {
        mu0: args.f64_or("mu0", 0.0)?,
        sigma: args.f64_or("sigma", 1.0)?,
        k: args.f64_or("k", 0.5)?,
        h: args.f64_or("h", 5.0)?,
    };
    let heard = Heard::of(&chart, &args.f64s("x")?)?;
    Ok(object([
        ("c_plus", number(heard.state.upper)),
        ("c_minus", number(heard.state.lower)),
        ("first_signal", heard.first()),
    ]))
}
