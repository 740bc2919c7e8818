//! `seatrial load compare`: two endpoints loaded by turns in short blocks, and whether one is worse. Apart from a single
//! load, because its unit is the pair of blocks.
//!
//! A block is a run of its own: nothing of the other endpoint is under way while it lasts. Its load is up before the
//! measured stretch and stays up after it, so that no request of the stretch sees a load that begins or drains.

use super::contrasts::{Compared, NO_MARGINS, PairValues, exit_of, figures, judge_all, limits};
use super::endpoint::{Asked, asked};
use super::pace::schedule;
use super::result::{Status, trust_of};
use super::stopper::Stopper;
use crate::args::load_compare::LoadCompareArguments;
use crate::args::{LoadArguments, LoadShape};
use crate::error::CliError;
use crate::output;
use seatrial_load::blocks::{ended_after, values};
use seatrial_load::bounds::certify;
use seatrial_load::certificate::{Circumstances, Trust};
use seatrial_load::compare::{Block, PAIRS_MIN, Pair, Side, contrast, interleaved, summary_of};
use seatrial_load::effect::Decision;
use seatrial_load::figure::{Figure, Limit};
use seatrial_load::littles::LittlesLaw;
use seatrial_load::metrics::{MeasureOptions, RequestCounts, Window, measure};
use seatrial_load::slo::Objectives;
use seatrial_load::{
    EarlyEnd, Live, NumberedFrom, RequestSource, RunClock, RunPlan, RunResult, nanoseconds, run_plan,
};
use seatrial_types::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Values that are kept of all figures and blocks; a comparison that reaches it ends, and says so.
const VALUES_MAX: usize = 32 << 20;
/// Largest share of pairs that may be left out because this client was too late; beyond it a figure is withheld.
const LEFT_OUT_SHARE_MAX: f64 = 0.25;
/// Requests of one pair never reach the numbers of the next.
const NUMBERS_PER_PAIR: u64 = 1 << 24;
/// Largest share of requests that end after the load that is not worth a word.
const DRAINED_SHARE_MAX: f64 = 0.01;

/// One of the two.
pub(super) struct Contender {
    pub(super) asked: Asked,
    pub(super) counts: RequestCounts,
    pub(super) first_error: Option<String>,
    /// Requests that ended after the load of their block.
    pub(super) drained: u64,
}

/// A figure in one block.
#[derive(Default)]
struct Taken {
    values: Vec<f64>,
    trust: Option<Trust>,
    reason: Option<String>,
}

/// Everything about a comparison.
pub(super) struct Duel<'a> {
    pub(super) arguments: &'a LoadCompareArguments,
    pub(super) baseline: Contender,
    pub(super) candidate: Contender,
    pub(super) compared: Vec<Compared>,
    pub(super) pairs: usize,
    pub(super) length: Duration,
    pub(super) laws_broken: usize,
    pub(super) is_interrupted: bool,
    pub(super) verdict: Decision,
    pub(super) exit: ExitCode,
    pub(super) warnings: Vec<String>,
    pub(super) started_at: String,
    pub(super) ended_at: String,
}

/// Compares, and tells.
pub(super) fn compare(arguments: &LoadCompareArguments) -> Result<ExitCode, CliError> {
    refuse_other_modes(&arguments.load)?;
    let load = &arguments.load;
    for path in [&load.output.json, &load.output.markdown].into_iter().flatten() {
        output::check_writable(path)?;
    }
    let length = load
        .shape
        .duration
        .ok_or_else(|| CliError::usage("blocks have no length").hint("add --duration 5s"))?;
    let limits = limits(&load.against.margins)?;
    let objectives = super::find::objectives(load)?;
    let figures = figures(&limits, load.shape.rate.is_some());
    if objectives.is_none() && figures.contains(&Figure::Attainment) {
        return Err(
            CliError::usage("--margin names attainment, and no objectives were given")
                .hint("add --slo 'ttft_p99<500ms'"),
        );
    }
    let candidate = asked(load)?;
    let baseline = super::endpoint::asked_of(load, &against(arguments))?;
    let mut run = Running {
        shape: &load.shape,
        length,
        cooldown: arguments.blocks.cooldown,
        figures: &figures,
        objectives: objectives.as_ref(),
        stopper: Stopper::listen(),
        sides: [Contender::new(baseline), Contender::new(candidate)],
        blocks: Vec::new(),
        kept: 0,
        laws_broken: 0,
        remedy: None,
        end: None,
    };
    let started_at = crate::session::now();
    run.carry_out(interleaved(usize::from(arguments.blocks.pairs), load.shape.seed))?;
    let ended_at = crate::session::now();
    let duel = run.judged(arguments, &limits, (started_at, ended_at));
    super::duel_told::tell(&duel)?;
    Ok(duel.exit)
}

/// What measures something else than two endpoints by turns.
fn refuse_other_modes(load: &LoadArguments) -> Result<(), CliError> {
    let given = [
        ("--requests", load.shape.requests.is_some()),
        ("--trace", load.inputs.trace.is_some()),
        ("--find", load.objectives.find.is_some()),
        ("--sweep", load.series.sweep.is_some()),
        ("--runs", load.series.runs.is_some()),
        ("--baseline", load.against.baseline.is_some()),
        ("--server-metrics", load.server.server_metrics.is_some()),
        ("--csv", load.output.csv.is_some()),
        ("--hdr", load.output.hdr.is_some()),
    ];
    match given.into_iter().find(|(_, is_given)| *is_given) {
        None => Ok(()),
        Some((name, _)) => Err(CliError::usage(format!("{name} is not for `load compare`"))
            .hint("blocks are measured by --duration, --warmup, --cooldown and --pairs")),
    }
}

/// The candidate's endpoint with what is different of the baseline.
fn against(arguments: &LoadCompareArguments) -> crate::args::LoadEndpoint {
    let mut endpoint = arguments.load.endpoint.clone();
    let against = &arguments.against;
    if against.against_base_url.is_some() {
        endpoint.base_url.clone_from(&against.against_base_url);
    }
    if against.against_model.is_some() {
        endpoint.model.clone_from(&against.against_model);
    }
    if against.against_api_key_env.is_some() {
        endpoint.api_key_env.clone_from(&against.against_api_key_env);
    }
    endpoint.provider = against.against_provider.unwrap_or(endpoint.provider);
    endpoint.api = against.against_api.unwrap_or(endpoint.api);
    endpoint
}

/// Why a comparison ended before its last pair.
enum End {
    Interrupted,
    Hopeless(Side),
    Full,
}

struct Running<'a> {
    shape: &'a LoadShape,
    length: Duration,
    cooldown: Duration,
    figures: &'a [Figure],
    objectives: Option<&'a Objectives>,
    stopper: Stopper,
    /// Baseline and candidate.
    sides: [Contender; 2],
    /// Of each pair, of each figure: baseline and candidate.
    blocks: Vec<Vec<[Taken; 2]>>,
    kept: usize,
    laws_broken: usize,
    remedy: Option<String>,
    end: Option<End>,
}

impl Contender {
    fn new(asked: Asked) -> Self {
        Self {
            asked,
            counts: RequestCounts::default(),
            first_error: None,
            drained: 0,
        }
    }

    fn count(&mut self, counts: &RequestCounts) {
        let all = &mut self.counts;
        all.n += counts.n;
        all.ok += counts.ok;
        all.failed += counts.failed;
        all.cut_off += counts.cut_off;
        all.capped += counts.capped;
        for (kind, count) in &counts.by_error {
            *all.by_error.entry(kind).or_default() += count;
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a share")]
    fn failed_share(&self) -> f64 {
        self.counts.failed as f64 / self.counts.n.max(1) as f64
    }
}

const fn place(side: Side) -> usize {
    match side {
        Side::Baseline => 0,
        Side::Candidate => 1,
    }
}

impl Running<'_> {
    /// Block by block, with a line for each.
    fn carry_out(&mut self, blocks: Vec<Block>) -> Result<(), CliError> {
        let pairs = blocks.len() / 2;
        for block in blocks {
            let run = self.run(block)?;
            if let Some(pair) = self.take(block, run) {
                output::stderr(&format!("pair {} of {pairs}, {pair}\n", block.pair + 1));
            }
            if self.end.is_some() {
                break;
            }
        }
        Ok(())
    }

    fn run(&self, block: Block) -> Result<RunResult, CliError> {
        let asked = &self.sides[place(block.side)].asked;
        let shape = LoadShape {
            seed: block.seed,
            duration: Some(self.length + self.cooldown),
            ..self.shape.clone()
        };
        let schedule = schedule(&shape, None)?;
        let live = Arc::new(Live::new(schedule.paces.len(), schedule.users(), u64::MAX));
        self.stopper.begin(&live);
        let source: Arc<dyn RequestSource> = Arc::new(NumberedFrom {
            source: Arc::clone(&asked.source),
            // Conversations are known by their numbers, so that every pair holds the same ones.
            first: if asked.source.dialogues().is_some() {
                0
            } else {
                (block.pair as u64).wrapping_mul(NUMBERS_PER_PAIR)
            },
        });
        let plan = RunPlan {
            target: asked.target.clone(),
            paces: schedule.paces,
            warm_up: shape.warmup,
            duration: shape.duration,
            drain: shape.drain,
        };
        run_plan(plan, &source, &live, RunClock::start()).map_err(super::run_error)
    }

    /// Takes what a block says; what is told of it on the way.
    fn take(&mut self, block: Block, mut run: RunResult) -> Option<String> {
        self.end = match run.early_end {
            Some(EarlyEnd::Interrupted) => Some(End::Interrupted),
            Some(EarlyEnd::Hopeless) => Some(End::Hopeless(block.side)),
            Some(EarlyEnd::Full) => Some(End::Full),
            None => None,
        };
        let stopped_ns = run.recording.measured_to_ns;
        let law = LittlesLaw::of(&run.recording, run.in_flight_mean);
        self.laws_broken += usize::from(law.as_ref().is_some_and(LittlesLaw::is_broken));
        // The load that is kept up after the measured stretch is no part of it.
        let end_ns = run.recording.measured_from_ns + nanoseconds(self.length);
        run.recording.measured_to_ns = stopped_ns.min(end_ns);
        let options = MeasureOptions {
            objectives: self.objectives,
            ..MeasureOptions::default()
        };
        let metrics = measure(&run.recording, Window::measured(&run.recording), &options);
        let side = &mut self.sides[place(block.side)];
        side.count(&metrics.requests);
        side.drained += ended_after(&run.recording, &metrics, stopped_ns);
        if side.first_error.is_none() {
            let first = run.failures.iter().next();
            side.first_error = first.map(|(kind, _, message)| {
                let key = side.asked.key.as_ref();
                let message = key.map_or_else(|| message.to_owned(), |key| key.redact(message));
                format!("{}: {message}", kind.as_str())
            });
        }
        if matches!(self.end, Some(End::Interrupted | End::Full)) {
            return None;
        }
        let circumstances = Circumstances {
            busy_share: run.client.busy_share,
            wait_share: run.client.wait_share,
            throttled: run.client.throttled.map_or(0, |throttled| throttled.periods),
            workers: run.client.workers,
            processors: std::thread::available_parallelism().map_or(1, usize::from),
        };
        let certificates = certify(&run.recording, &run.gauge, &metrics, options.tokens);
        if self.blocks.len() <= block.pair {
            let empty = || self.figures.iter().map(|_| <[Taken; 2]>::default()).collect();
            self.blocks.push(empty());
        }
        let figures = self.blocks.last_mut()?;
        for (figure, taken) in self.figures.iter().zip(figures) {
            let certificate = match figure {
                Figure::Latency(definition, _) => certificates.get(definition.name()),
                _ => None,
            };
            let (trust, reason) = match figure {
                // How late this client was is nothing to how many requests failed.
                Figure::ErrorRate => (Trust::Ok, None),
                _ => trust_of(certificate, &circumstances),
            };
            let values = values(*figure, &run.recording, &metrics, &options);
            self.kept += values.len();
            if trust != Trust::Ok {
                self.remedy = Some(circumstances.remedy());
            }
            taken[place(block.side)] = Taken {
                values,
                trust: Some(trust),
                reason,
            };
        }
        if self.kept > VALUES_MAX && self.end.is_none() {
            self.end = Some(End::Full);
        }
        let name = match block.side {
            Side::Baseline => "baseline",
            Side::Candidate => "candidate",
        };
        let rate = metrics.throughput.requests_per_s.map_or(0.0, |rate| rate.value);
        Some(format!(
            "{name:<9}: {} ok, {} failed, {rate:.1} requests per second",
            metrics.requests.ok, metrics.requests.failed
        ))
    }

    fn judged<'a>(
        mut self,
        arguments: &'a LoadCompareArguments,
        limits: &[Limit],
        (started_at, ended_at): (String, String),
    ) -> Duel<'a> {
        let output = &arguments.load.output;
        let blocks = std::mem::take(&mut self.blocks);
        let is_whole = |pair: &&Vec<[Taken; 2]>| {
            let mut taken = pair.iter().flatten();
            taken.all(|taken| taken.trust.is_some())
        };
        let whole: Vec<&Vec<[Taken; 2]>> = blocks.iter().filter(is_whole).collect();
        let mut compared: Vec<Compared> = self
            .figures
            .iter()
            .enumerate()
            .map(|(i, figure)| {
                let taken: Vec<&[Taken; 2]> = whole.iter().filter_map(|pair| pair.get(i)).collect();
                let mut one = one(*figure, &taken, output.allow_degraded, arguments.load.shape.seed);
                one.limit = limits.iter().find(|limit| limit.figure == *figure).copied();
                if matches!(one.status, Status::Degraded | Status::Withheld) {
                    one.remedy.clone_from(&self.remedy);
                }
                one
            })
            .collect();
        let verdict = judge_all(&mut compared, arguments.load.against.margins.risk);
        let pairs = whole.len();
        let [baseline, candidate] = self.sides;
        let mut duel = Duel {
            arguments,
            baseline,
            candidate,
            compared,
            pairs,
            length: self.length,
            laws_broken: self.laws_broken,
            is_interrupted: matches!(self.end, Some(End::Interrupted)),
            verdict,
            exit: ExitCode::Pass,
            warnings: Vec::new(),
            started_at,
            ended_at,
        };
        duel.exit = duel.exit();
        duel.warnings = duel.warnings(self.end.as_ref());
        duel
    }
}

/// One figure over whole pairs.
#[expect(clippy::cast_precision_loss, reason = "shares")]
fn one(figure: Figure, taken: &[&[Taken; 2]], allow_degraded: bool, seed: u64) -> Compared {
    let is_withheld =
        |pair: &[Taken; 2]| !allow_degraded && pair.iter().any(|taken| taken.trust == Some(Trust::Withheld));
    let used: Vec<Pair> = taken
        .iter()
        .filter(|pair| !is_withheld(pair))
        .map(|[baseline, candidate]| Pair {
            baseline: baseline.values.clone(),
            candidate: candidate.values.clone(),
        })
        .collect();
    let n = |side: fn(&Pair) -> &Vec<f64>| used.iter().map(|pair| side(pair).len() as u64).sum::<u64>();
    let n = (n(|pair| &pair.baseline), n(|pair| &pair.candidate));
    let left_out = taken.len() - used.len();
    let n_min = figure.sample_min();
    let not_ok = || {
        taken
            .iter()
            .flat_map(|pair| pair.iter())
            .filter(|taken| taken.trust != Some(Trust::Ok))
    };
    let own_reason = || not_ok().find_map(|taken| taken.reason.clone());
    let has_values = taken
        .iter()
        .flat_map(|pair| pair.iter())
        .any(|taken| !taken.values.is_empty());
    let (status, reason) = if !has_values {
        (Status::Unavailable, Some("no answer has it".to_owned()))
    } else if left_out as f64 > LEFT_OUT_SHARE_MAX * taken.len() as f64 {
        let reason = own_reason().unwrap_or_default();
        let reason = format!(
            "this client was too late in {left_out} of {} pairs: {reason}",
            taken.len()
        );
        (Status::Withheld, Some(reason))
    } else if n.0.min(n.1) < n_min {
        let reason = format!(
            "{} and {} values; it is told from {n_min} on: longer blocks (--duration) or more of them (--pairs)",
            n.0, n.1
        );
        (Status::Unavailable, Some(reason))
    } else if used.len() < PAIRS_MIN {
        let reason = format!("{} pairs of blocks; it is told from {PAIRS_MIN} on", used.len());
        (Status::Unavailable, Some(reason))
    } else if not_ok().next().is_some() {
        (Status::Degraded, own_reason())
    } else {
        (Status::Ok, None)
    };
    let is_told = matches!(status, Status::Ok | Status::Degraded);
    let pairs = taken.iter().enumerate().map(|(pair, [baseline, candidate])| {
        let value = |taken: &Taken| summary_of(&taken.values, figure.summary()).filter(|_| is_told);
        PairValues {
            pair: pair + 1,
            baseline: value(baseline),
            candidate: value(candidate),
            is_left_out: is_withheld(&[baseline, candidate].map(|taken| Taken {
                values: Vec::new(),
                trust: taken.trust,
                reason: None,
            })),
        }
    });
    Compared {
        figure,
        status,
        reason,
        remedy: None,
        contrast: if is_told {
            contrast(&used, figure.summary(), seed)
        } else {
            None
        },
        limit: None,
        judged: None,
        n: Some(n),
        pairs: pairs.collect(),
    }
}

impl Duel<'_> {
    fn exit(&self) -> ExitCode {
        let mut codes = vec![exit_of(
            self.verdict,
            self.arguments.load.against.margins.on_inconclusive,
        )];
        if self.is_interrupted {
            codes.push(ExitCode::Interrupted);
        }
        let cap = self.arguments.load.output.max_error_rate;
        let is_broken =
            |side: &Contender| side.failed_share() > cap || (side.counts.ok == 0 && !self.is_interrupted);
        if is_broken(&self.baseline) || is_broken(&self.candidate) {
            codes.push(ExitCode::Errors);
        }
        if self.compared.iter().any(|one| one.status == Status::Withheld) {
            codes.push(ExitCode::Saturated);
        }
        ExitCode::strongest(&codes)
    }

    #[expect(clippy::cast_precision_loss, reason = "a share")]
    fn warnings(&self, end: Option<&End>) -> Vec<String> {
        let mut warnings = Vec::new();
        match end {
            Some(End::Interrupted) => {
                warnings.push("interrupted: the results are of whole pairs so far".to_owned());
            }
            Some(End::Hopeless(side)) => warnings.push(format!(
                "nothing worked at the {}, so the comparison ended early",
                match side {
                    Side::Baseline => "baseline",
                    Side::Candidate => "candidate",
                }
            )),
            Some(End::Full) => warnings.push(format!(
                "the comparison ended early: there is room for {VALUES_MAX} values, and all of it was used"
            )),
            None => {}
        }
        if self.arguments.load.against.margins.margin.is_none() {
            warnings.push(NO_MARGINS.to_owned());
        }
        if self.laws_broken > 0 {
            warnings.push(format!(
                "in {} blocks requests under way and throughput times latency do not fit together",
                self.laws_broken
            ));
        }
        for (name, side) in [("baseline", &self.baseline), ("candidate", &self.candidate)] {
            let share = side.drained as f64 / side.counts.n.max(1) as f64;
            if share > DRAINED_SHARE_MAX {
                warnings.push(format!(
                    "{} of {} requests of the {name} ended after the load of their block, which they saw fall; longer \
                     blocks of load (--cooldown) avoid it",
                    side.drained, side.counts.n
                ));
            }
        }
        warnings
    }
}
