//! How far the tasks were asked, as findings tell it: planned, asked, saved, and what the decisions promise.

use super::Sequential;
use super::course::Course;
use crate::collect::TaskSeries;
use crate::series::{LEVEL, to_f64};
use seatrial_config::DraftPlan;
use seatrial_types::{Estimate, SequentialExecution, Statistic, Unit};

/// An entry for each task of a target whose gates decided how far it is asked.
pub(crate) fn told(
    sequential: &Sequential,
    draft: &DraftPlan,
    target: usize,
    series: &[TaskSeries],
) -> Vec<SequentialExecution> {
    let tasks = draft.tasks.iter().enumerate();
    tasks
        .filter_map(|(index, task)| {
            let course = sequential.course(target, index)?;
            Some(entry(course, &task.name, series.get(index)))
        })
        .collect()
}

fn entry(course: &Course, task: &str, series: Option<&TaskSeries>) -> SequentialExecution {
    let samples = |epochs: u32| u64::from(course.cases) * u64::from(epochs);
    let planned = samples(course.epochs);
    let is_drawn = course.order.is_some();
    let saved = if course.is_decided() {
        planned.saturating_sub(course.asked)
    } else {
        0
    };
    let unit = if course.has_clusters { "clusters" } else { "cases" };
    SequentialExecution {
        task: task.to_owned(),
        is_drawn,
        samples_planned: planned,
        samples_max: samples(course.epochs_max),
        samples_asked: course.asked,
        samples_saved: saved,
        samples_added: course.asked.saturating_sub(planned),
        decided_after: course.decided_after,
        saved_usd: series
            .filter(|_| saved > 0)
            .and_then(|series| saved_usd(series, saved)),
        guarantee: if is_drawn {
            format!(
                "decided while the answers came in, in the order of a seeded draw of {unit}: P(any gate fails | every \
                 limit is met) ≤ risk and P(a gate passes | its limit is missed) ≤ its risk hold at every number of \
                 answers at once"
            )
        } else {
            "looked at after each epoch, with 1/2, 1/4, 1/8, … of the risk: both risks hold over all looks together"
                .to_owned()
        },
        estimand: format!(
            "the mean over the population that the {unit} were drawn from, of which the dataset is treated as a random \
             sample"
        ),
    }
}

/// What so many answers more would have cost.
fn saved_usd(series: &TaskSeries, saved: u64) -> Option<Estimate> {
    let cost = &series.series("cost_usd")?.series;
    // The price of every answer is known, or nothing is said.
    if cost.denominator() == 0 || cost.counts.unparsed > 0 {
        return None;
    }
    let mean = cost.estimate_at(Statistic::Mean, LEVEL);
    let times = |value: Option<f64>| value.map(|value| value * to_f64(saved));
    Some(Estimate {
        value: times(mean.value),
        low: times(mean.low.map(|low| low.max(0.0))),
        high: times(mean.high),
        unit: Unit::Usd,
        ..mean
    })
}
