//! What a sample costs: CPU time and bytes of appending, and the time of reading, for the figures in
//! `docs/design/0002-record-layout.md`. Apart from the tests because it measures: tests never look at a clock.
//!
//! `cargo run --release -p seatrial-store --features conformance --example append_cost -- [SAMPLES] [SHAPE] [DIR]`,
//! where SHAPE is `short` (question and answer), `chat` (streamed, 1.2 kB prompt), `long` (6 kB context, shared by the
//! targets, 3 kB answer) or `failed` (four attempts each).

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use seatrial_store::conformance::{plain_sample, start_run};
use seatrial_store::{Events, SqliteStore};
use seatrial_types::{
    Attempt, CallError, CallErrorKind, Message, Role, SampleKey, SampleRecord, ScoreRecord, SliceKey,
};
use std::error::Error;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const BATCH: u32 = 64;
const TARGETS: u16 = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let samples: u32 = arguments.next().map_or(Ok(200_000), |text| text.parse())?;
    let shape = arguments.next().unwrap_or_else(|| "short".to_owned());
    let folder = tempfile::tempdir()?;
    let dir = arguments
        .next()
        .map_or_else(|| folder.path().to_owned(), PathBuf::from);
    let mut store = SqliteStore::open(&dir)?;
    let run = start_run(&mut store, &format!("run-{}", std::process::id()), "plan");

    println!("{samples} samples of shape {shape} in batches of {BATCH}");
    let (mut report_at, mut slowest) = (2_000, Duration::ZERO);
    let (mut cpu, mut wall, mut written, mut since) = (Duration::ZERO, Duration::ZERO, 0, 0);
    while written < samples {
        let batch: Vec<_> = (written..(written + BATCH).min(samples))
            .map(|n| sample(n, &shape))
            .collect();
        let (cpu_start, start) = (cpu_time()?, Instant::now());
        store.append(&run, &batch)?;
        cpu += cpu_time()?.saturating_sub(cpu_start);
        let took = start.elapsed();
        wall += took;
        slowest = slowest.max(took);
        written += BATCH;
        since += BATCH;
        if written >= report_at || written >= samples {
            let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(since);
            println!(
                "  up to {written:>7}: {:5.1} µs CPU, {:6.1} µs wall per sample",
                each(cpu),
                each(wall)
            );
            (cpu, wall, since) = (Duration::ZERO, Duration::ZERO, 0);
            report_at = report_at.saturating_mul(2);
        }
    }

    println!("slowest batch: {slowest:.1?}");

    let timed = |what: &str, read: &mut dyn FnMut() -> Result<u64, Box<dyn Error>>| {
        let (cpu_start, start) = (cpu_time()?, Instant::now());
        let count = read()?;
        let (cpu, wall) = (cpu_time()?.saturating_sub(cpu_start), start.elapsed());
        println!("{what}: {count} in {wall:.3?} ({cpu:.3?} CPU)");
        Ok::<_, Box<dyn Error>>(())
    };
    timed("keys", &mut || {
        let mut count = 0;
        store.finished_keys(&run, &mut |_| count += 1)?;
        Ok(count)
    })?;
    timed("figures", &mut || {
        let mut count = 0;
        store.for_each_figures(&run, &mut |_| {
            count += 1;
            ControlFlow::Continue(())
        })?;
        Ok(count)
    })?;
    timed("samples", &mut || {
        let mut count = 0;
        store.for_each_sample(&run, &mut |_| {
            count += 1;
            ControlFlow::Continue(())
        })?;
        Ok(count)
    })?;
    drop(store);
    let bytes = dir.join("seatrial.db").metadata()?.len();
    println!(
        "database: {} MiB, {} bytes per sample",
        bytes >> 20,
        bytes / u64::from(samples.max(1))
    );
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for line in status
        .lines()
        .filter(|line| line.starts_with("VmHWM") || line.starts_with("RssAnon"))
    {
        println!("{line}");
    }
    Ok(())
}

/// CPU time of this thread, user and system (Linux).
fn cpu_time() -> Result<Duration, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(Duration::from_nanos(nanoseconds))
}

/// The `number`th sample to finish: targets take turns, as they do in a run.
fn sample(number: u32, shape: &str) -> SampleRecord {
    let case = number / u32::from(TARGETS);
    let mut sample = plain_sample(SampleKey {
        target: (number % u32::from(TARGETS)) as u16,
        task: 0,
        epoch: 0,
        case,
    });
    match shape {
        "chat" => {
            sample.prompt = vec![message(Role::System, 0, 300), message(Role::User, case, 900)];
            edit_answer(&mut sample, number, 1200);
            if let Some(attempt) = sample.call.attempts.first_mut() {
                let timing = &mut attempt.timing;
                timing.first_token_ns = timing.first_byte_ns;
                let start = timing.first_byte_ns.unwrap_or_default();
                timing.token_events_ns = (0..300)
                    .map(|n| start + n * 20_000_000 + u64::from(number))
                    .collect();
                timing.end_ns = start + 6_100_000_000;
            }
            sample.cluster = Some(format!("cluster-{}", case % 50).into());
            sample.slices = vec![SliceKey {
                column: "topic".to_owned(),
                value: format!("topic-{}", case % 10),
            }];
            let score: Vec<ScoreRecord> = sample.scores.clone();
            sample.scores.extend(score.into_iter().map(|mut record| {
                record.scorer = 1;
                record.score.detail = Some("the answer names the refund period and the form".to_owned());
                record
            }));
        }
        "long" => {
            sample.prompt = vec![message(Role::System, 0, 3000), message(Role::User, case, 6000)];
            edit_answer(&mut sample, number, 3000);
        }
        "failed" => {
            let error = CallError {
                kind: CallErrorKind::Server,
                status: Some(503),
                message: "http://127.0.0.1:8080/v1/chat/completions answered 503: overloaded; hint: lower the concurrency".to_owned(),
            };
            let attempt = sample.call.attempts.first().map(|attempt| Attempt {
                status: Some(503),
                error: Some(error.clone()),
                retry_after_ms: Some(1000),
                ..attempt.clone()
            });
            sample.call.attempts = attempt.into_iter().cycle().take(4).collect();
            sample.call.result = Err(error);
        }
        _ => {
            edit_answer(&mut sample, number, 60);
        }
    }
    sample
}

fn edit_answer(sample: &mut SampleRecord, seed: u32, bytes: usize) {
    if let Ok(answer) = &mut sample.call.result {
        answer.text = words(u64::from(seed) | 1 << 40, bytes);
    }
}

fn message(role: Role, seed: u32, bytes: usize) -> Message {
    let content = words(u64::from(seed), bytes);
    Message::new(role, content)
}

/// Text that packs about as well as English.
fn words(seed: u64, bytes: usize) -> String {
    const WORDS: &str = "the of and to in a is that for it as was with be by on not he his but at are this have from \
        which one you were her all their there been has when who will more if out so what up said about other into \
        than its time only could new them man some these then two first may any like now my such make over our even";
    let words: Vec<_> = WORDS.split_ascii_whitespace().collect();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::with_capacity(bytes + 16);
    while text.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push_str(words[(state >> 33) as usize % words.len()]);
        text.push(' ');
    }
    text.truncate(bytes);
    text
}
