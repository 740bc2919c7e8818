//! Family `sequential` of the calculator.

use crate::function::{number, numbers, object};
use crate::{Args, CalcError, Field, Function};
use seatrial_stats::Interval;
use seatrial_stats::drift::Detector;
use seatrial_stats::sequential as stats;
use seatrial_stats::sequential::{
    AsymptoticCs, BettingCs, BettingProcess, ConfidenceSequence, EDetector, EDetectorKind,
    EmpBernConjugateCs, EmpBernMixCs, HoeffdingMixCs, Msprt,
};
use serde_json::{Map, Value};

type Output = Result<Map<String, Value>, CalcError>;

const V: Field = Field::new("v", "number", "intrinsic time: accumulated variance");
const ALPHA: Field = Field::new(
    "alpha",
    "number",
    "error probability over all times, default 0.05",
);
const V_OPT: Field = Field::new("v_opt", "number", "intrinsic time at which it is to be tightest");
const ALPHA_OPT: Field = Field::new(
    "alpha_opt",
    "number",
    "level at which it is to be tightest, default 0.05",
);
const ONE_SIDED: Field = Field::new("one_sided", "true|false", "one side only, default true");
const BOUND: Field = Field::new("bound", "number", "boundary of the sum at time v");
const X_UNIT: Field = Field::new("x", "[number]", "observations in [0, 1], in their order");
const X: Field = Field::new("x", "[number]", "observations in their order");
const LOW: Field = Field::new("low", "[number]", "lower end after each observation");
const HIGH: Field = Field::new("high", "[number]", "upper end after each observation");

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "normal_mixture_bound",
        family: "sequential",
        what: "uniform boundary for sub-Gaussian sums",
        source: "Robbins 1970; Howard, Ramdas, McAuliffe, Sekhon 2021",
        inputs: &[V, ALPHA, V_OPT, ALPHA_OPT, ONE_SIDED],
        outputs: &[BOUND],
        eval: normal_mixture_bound,
    },
    Function {
        name: "gamma_exponential_mixture_bound",
        family: "sequential",
        what: "uniform boundary for sub-exponential sums",
        source: "Howard, Ramdas, McAuliffe, Sekhon 2021",
        inputs: &[
            V,
            ALPHA,
            V_OPT,
            Field::new("c", "number", "scale, > 0"),
            ALPHA_OPT,
        ],
        outputs: &[BOUND],
        eval: gamma_exponential_mixture_bound,
    },
    Function {
        name: "beta_binomial_mixture_bound",
        family: "sequential",
        what: "uniform boundary for sums of increments in [-g, h]",
        source: "Howard, Ramdas, McAuliffe, Sekhon 2021",
        inputs: &[
            V,
            ALPHA,
            V_OPT,
            Field::new("g", "number", "largest step down, > 0"),
            Field::new("h", "number", "largest step up, > 0"),
            ALPHA_OPT,
            ONE_SIDED,
        ],
        outputs: &[BOUND],
        eval: beta_binomial_mixture_bound,
    },
    Function {
        name: "poly_stitching_bound",
        family: "sequential",
        what: "polynomial stitched boundary for sub-gamma sums",
        source: "Howard, Ramdas, McAuliffe, Sekhon 2021",
        inputs: &[
            V,
            ALPHA,
            Field::new(
                "v_min",
                "number",
                "intrinsic time from which it is to be tight, > 0",
            ),
            Field::new("c", "number", "scale, default 0"),
            Field::new("s", "number", "exponent of the epochs, > 1, default 1.4"),
            Field::new("eta", "number", "ratio of the epochs, > 1, default 2"),
        ],
        outputs: &[BOUND],
        eval: poly_stitching_bound,
    },
    Function {
        name: "bernoulli_ci",
        family: "sequential",
        what: "interval for a success probability, valid at every number of trials",
        source: "Robbins 1970; Howard, Ramdas, McAuliffe, Sekhon 2021",
        inputs: &[
            Field::new("k", "number", "successes"),
            Field::new("n", "number", "trials"),
            ALPHA,
            Field::new("t_opt", "number", "trials at which it is to be tightest"),
            ALPHA_OPT,
        ],
        outputs: &[
            Field::new("low", "number", "lower end"),
            Field::new("high", "number", "upper end"),
        ],
        eval: bernoulli_ci,
    },
    Function {
        name: "hoeffding_predmix_cs",
        family: "sequential",
        what: "predictable-mixture Hoeffding confidence sequence",
        source: "Waudby-Smith and Ramdas 2024",
        inputs: &[X_UNIT, ALPHA],
        outputs: &[LOW, HIGH],
        eval: hoeffding_predmix_cs,
    },
    Function {
        name: "empbern_predmix_cs",
        family: "sequential",
        what: "predictable-mixture empirical-Bernstein confidence sequence",
        source: "Waudby-Smith and Ramdas 2024",
        inputs: &[X_UNIT, ALPHA],
        outputs: &[LOW, HIGH],
        eval: empbern_predmix_cs,
    },
    Function {
        name: "empbern_conjmix_cs",
        family: "sequential",
        what: "conjugate-mixture empirical-Bernstein confidence sequence",
        source: "Howard, Ramdas, McAuliffe, Sekhon 2021",
        inputs: &[X_UNIT, ALPHA, V_OPT],
        outputs: &[LOW, HIGH],
        eval: empbern_conjmix_cs,
    },
    Function {
        name: "betting_cs",
        family: "sequential",
        what: "betting confidence sequence on a grid of candidate means",
        source: "Waudby-Smith and Ramdas 2024",
        inputs: &[
            X_UNIT,
            ALPHA,
            Field::new("breaks", "number", "steps of the grid, default 1000"),
        ],
        outputs: &[
            Field::new("low_final", "number", "lower end after the last observation"),
            Field::new("high_final", "number", "upper end after the last observation"),
        ],
        eval: betting_cs,
    },
    Function {
        name: "betting_mart",
        family: "sequential",
        what: "hedged capital against one candidate mean",
        source: "Waudby-Smith and Ramdas 2024",
        inputs: &[
            X_UNIT,
            Field::new("m", "number", "candidate mean in [0, 1]"),
            ALPHA,
            Field::new(
                "theta",
                "number",
                "share of the capital that bets on a larger mean, default 0.5",
            ),
            Field::new(
                "trunc_scale",
                "number",
                "largest share of the capital at risk, default 0.5",
            ),
        ],
        outputs: &[Field::new(
            "capital",
            "[number]",
            "capital after each observation",
        )],
        eval: betting_mart,
    },
    Function {
        name: "msprt_normal",
        family: "sequential",
        what: "mixture sequential probability ratio test of a normal mean with known variance",
        source: "Johari, Koomen, Pekelis, Walsh 2017",
        inputs: &[
            X,
            Field::new("sigma2", "number", "variance of an observation"),
            Field::new("tau2", "number", "variance of the mixing distribution"),
            Field::new("theta0", "number", "mean under the hypothesis, default 0"),
        ],
        outputs: &[
            Field::new(
                "lambda",
                "[number]",
                "mixture likelihood ratio after each observation",
            ),
            Field::new(
                "p_value",
                "[number]",
                "always-valid p-value after each observation",
            ),
        ],
        eval: msprt_normal,
    },
    Function {
        name: "asymptotic_cs",
        family: "sequential",
        what: "asymptotic confidence sequence for any mean",
        source: "Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2021",
        inputs: &[
            X,
            Field::new(
                "rho2",
                "number",
                "tuning; default tightest at the last observation",
            ),
            ALPHA,
            Field::new(
                "start_up",
                "number",
                "observations before the first finite interval, default 0",
            ),
        ],
        outputs: &[LOW, HIGH],
        eval: asymptotic_cs,
    },
    Function {
        name: "e_detector",
        family: "sequential",
        what: "Shiryaev-Roberts and CUSUM e-detectors for a fall of the mean of data in [0, 1]",
        source: "Shin, Ramdas, Rinaldo 2022",
        inputs: &[
            X_UNIT,
            Field::new("m0", "number", "mean below which the stream has fallen"),
            Field::new("lambda", "number", "bet in (0, 1/(1 - m0)]"),
            Field::new(
                "alpha",
                "number",
                "one over the average number of values to a false alarm, default 0.001",
            ),
        ],
        outputs: &[
            Field::new(
                "sr",
                "[number]",
                "Shiryaev-Roberts evidence after each observation",
            ),
            Field::new("cusum", "[number]", "CUSUM evidence after each observation"),
            Field::new(
                "sr_alarm",
                "number|null",
                "first observation (from 1) with sr >= 1/alpha",
            ),
            Field::new(
                "cusum_alarm",
                "number|null",
                "first observation (from 1) with cusum >= 1/alpha",
            ),
        ],
        eval: e_detector,
    },
];

fn alpha(args: &Args<'_>) -> Result<f64, CalcError> {
    args.f64_or("alpha", 0.05)
}

fn bound(value: Result<f64, seatrial_stats::StatsError>) -> Output {
    Ok(object([("bound", number(value.map_err(CalcError::domain)?))]))
}

fn normal_mixture_bound(args: &Args<'_>) -> Output {
    bound(stats::normal_mixture_bound(
        args.f64("v")?,
        alpha(args)?,
        args.f64("v_opt")?,
        args.f64_or("alpha_opt", 0.05)?,
        args.bool_or("one_sided", true)?,
    ))
}

fn gamma_exponential_mixture_bound(args: &Args<'_>) -> Output {
    bound(stats::gamma_exponential_bound(
        args.f64("v")?,
        alpha(args)?,
        args.f64("v_opt")?,
        args.f64("c")?,
        args.f64_or("alpha_opt", 0.05)?,
    ))
}

fn beta_binomial_mixture_bound(args: &Args<'_>) -> Output {
    bound(stats::beta_binomial_bound(
        args.f64("v")?,
        alpha(args)?,
        args.f64("v_opt")?,
        args.f64("g")?,
        args.f64("h")?,
        args.f64_or("alpha_opt", 0.05)?,
        args.bool_or("one_sided", true)?,
    ))
}

fn poly_stitching_bound(args: &Args<'_>) -> Output {
    bound(stats::poly_stitching_bound(
        args.f64("v")?,
        alpha(args)?,
        args.f64("v_min")?,
        args.f64_or("c", 0.0)?,
        args.f64_or("s", 1.4)?,
        args.f64_or("eta", 2.0)?,
    ))
}

fn bernoulli_ci(args: &Args<'_>) -> Output {
    let interval = stats::bernoulli_interval(
        args.u64("k")?,
        args.u64("n")?,
        alpha(args)?,
        args.f64("t_opt")?,
        args.f64_or("alpha_opt", 0.05)?,
    )
    .map_err(CalcError::domain)?;
    Ok(object([
        ("low", number(interval.low)),
        ("high", number(interval.high)),
    ]))
}

/// Feeds `x` to a confidence sequence and returns both ends after each observation.
fn sequence(args: &Args<'_>, state: Result<impl ConfidenceSequence, seatrial_stats::StatsError>) -> Output {
    let intervals: Vec<Interval> = state
        .map_err(CalcError::domain)?
        .run(&args.f64s("x")?)
        .map_err(CalcError::domain)?;
    Ok(object([
        ("low", numbers(intervals.iter().map(|i| i.low))),
        ("high", numbers(intervals.iter().map(|i| i.high))),
    ]))
}

fn hoeffding_predmix_cs(args: &Args<'_>) -> Output {
    sequence(args, HoeffdingMixCs::try_new(alpha(args)?))
}

fn empbern_predmix_cs(args: &Args<'_>) -> Output {
    sequence(args, EmpBernMixCs::try_new(alpha(args)?))
}

fn empbern_conjmix_cs(args: &Args<'_>) -> Output {
    sequence(
        args,
        EmpBernConjugateCs::try_new(alpha(args)?, args.f64("v_opt")?),
    )
}

fn betting_cs(args: &Args<'_>) -> Output {
    let breaks = usize::try_from(args.u64_or("breaks", 1000)?).unwrap_or(usize::MAX);
    let mut cs = BettingCs::try_new(alpha(args)?, breaks).map_err(CalcError::domain)?;
    for x in args.f64s("x")? {
        cs.feed(x).map_err(CalcError::domain)?;
    }
    let interval = cs.interval();
    Ok(object([
        ("low_final", number(interval.low)),
        ("high_final", number(interval.high)),
    ]))
}

fn betting_mart(args: &Args<'_>) -> Output {
    let mut process = BettingProcess::try_new(
        args.f64("m")?,
        alpha(args)?,
        args.f64_or("theta", 0.5)?,
        args.f64_or("trunc_scale", 0.5)?,
    )
    .map_err(CalcError::domain)?;
    let capital: Result<Vec<f64>, _> = args.f64s("x")?.into_iter().map(|x| process.push(x)).collect();
    Ok(object([(
        "capital",
        numbers(capital.map_err(CalcError::domain)?),
    )]))
}

fn msprt_normal(args: &Args<'_>) -> Output {
    let mut test = Msprt::try_new(
        args.f64("sigma2")?,
        args.f64("tau2")?,
        args.f64_or("theta0", 0.0)?,
    )
    .map_err(CalcError::domain)?;
    let steps: Result<Vec<_>, _> = args.f64s("x")?.into_iter().map(|x| test.push(x)).collect();
    let steps = steps.map_err(CalcError::domain)?;
    Ok(object([
        ("lambda", numbers(steps.iter().map(|step| step.lambda))),
        ("p_value", numbers(steps.iter().map(|step| step.p_value))),
    ]))
}

fn asymptotic_cs(args: &Args<'_>) -> Output {
    let alpha = alpha(args)?;
    let rho2 = match args.raw("rho2") {
        Some(_) => args.f64("rho2")?,
        None => {
            let n = args.f64s("x")?.len().max(1);
            AsymptoticCs::rho2_for(n as f64, alpha).map_err(CalcError::domain)?
        }
    };
    let start_up = args.u64_or("start_up", 0)?;
    sequence(
        args,
        AsymptoticCs::try_new(alpha, rho2).map(|cs| cs.start_up(start_up)),
    )
}

fn e_detector(args: &Args<'_>) -> Output {
    let x = args.f64s("x")?;
    let mut output = Map::new();
    for (name, alarm, kind) in [
        ("sr", "sr_alarm", EDetectorKind::ShiryaevRoberts),
        ("cusum", "cusum_alarm", EDetectorKind::Cusum),
    ] {
        let detector = EDetector {
            m0: args.f64("m0")?,
            lambda: args.f64("lambda")?,
            alpha: args.f64_or("alpha", 0.001)?,
            kind,
        };
        let mut state = detector.start().map_err(CalcError::domain)?;
        let mut evidence = Vec::with_capacity(x.len());
        for &x in &x {
            detector.step(&mut state, x).map_err(CalcError::domain)?;
            evidence.push(state.evidence);
        }
        let first = evidence.iter().position(|&e| e >= 1.0 / detector.alpha);
        output.insert(name.to_owned(), numbers(evidence));
        output.insert(
            alarm.to_owned(),
            first.map_or(Value::Null, |at| Value::from(at + 1)),
        );
    }
    Ok(output)
}
