//! One measurement of one metric over a file, for `benches/text_vs_reference`: prints value, seconds and count as a
//! line of JSON. An example and not a bench so that the script can measure the memory of a process per metric.

use seatrial_text::bleu::{Bleu, BleuStatistics};
use seatrial_text::chrf::{Chrf, ChrfOptions, ChrfStatistics};
use seatrial_text::rouge::{Rouge, RougeKind, RougeOptions, RougeScore};
use seatrial_text::ter::{Ter, TerStatistics};
use serde_json::{Value, json};
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::time::Instant;

/// Pairs in memory at a time.
const BLOCK: usize = 8192;

type Pairs = (Vec<String>, Vec<[String; 1]>);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [metric, path] = arguments.as_slice() else {
        return Err(
            "usage: text_vs_reference bleu|chrf|chrf++|bleu+chrf|ter|rouge|rouge-lsum FILE.jsonl".into(),
        );
    };
    let start = Instant::now();
    let plus_plus = Chrf::try_new(ChrfOptions {
        word_order: 2,
        ..ChrfOptions::default()
    })?;
    let value = match metric.as_str() {
        "bleu" => json!(translation(path, Some(Bleu::default()), None)?[0]),
        "chrf" => json!(translation(path, None, Some(Chrf::default()))?[0]),
        "chrf++" => json!(translation(path, None, Some(plus_plus))?[0]),
        "bleu+chrf" => json!(translation(path, Some(Bleu::default()), Some(Chrf::default()))?),
        "ter" => json!(ter(path)?),
        "rouge" => json!(rouge(path, &[RougeKind::N(1), RougeKind::N(2), RougeKind::L])?),
        "rouge-lsum" => {
            json!(rouge(
                path,
                &[RougeKind::N(1), RougeKind::N(2), RougeKind::L, RougeKind::Lsum]
            )?)
        }
        other => return Err(format!("unknown metric {other}").into()),
    };
    let line = json!({"value": value, "seconds": start.elapsed().as_secs_f64()});
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

/// Reads up to [`BLOCK`] pairs; none at the end of the file.
fn block(lines: &mut impl Iterator<Item = std::io::Result<String>>) -> Result<Option<Pairs>, Box<dyn Error>> {
    let (mut hypotheses, mut references) = (Vec::new(), Vec::new());
    for line in lines.take(BLOCK) {
        let pair: Value = serde_json::from_str(&line?)?;
        let text = |key: &str| pair.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
        hypotheses.push(text("hyp"));
        references.push([text("ref")]);
    }
    Ok((!hypotheses.is_empty()).then_some((hypotheses, references)))
}

fn lines(path: &str) -> std::io::Result<impl Iterator<Item = std::io::Result<String>>> {
    Ok(BufReader::new(File::open(path)?).lines())
}

/// Streams the file through the metrics asked for.
fn translation(path: &str, bleu: Option<Bleu>, chrf: Option<Chrf>) -> Result<Vec<f64>, Box<dyn Error>> {
    let mut lines = lines(path)?;
    let (mut bleu_sum, mut chrf_sum) = (BleuStatistics::default(), ChrfStatistics::default());
    while let Some((hypotheses, references)) = block(&mut lines)? {
        if let Some(bleu) = bleu {
            bleu_sum.merge(&bleu.corpus_statistics(&hypotheses, &references)?);
        }
        if let Some(chrf) = chrf {
            chrf_sum.merge(&chrf.corpus_statistics(&hypotheses, &references)?);
        }
    }
    let scores = [
        bleu.map(|bleu| bleu.score(&bleu_sum).score),
        chrf.map(|chrf| chrf.score(&chrf_sum)),
    ];
    Ok(scores.into_iter().flatten().collect())
}

fn ter(path: &str) -> Result<f64, Box<dyn Error>> {
    let mut lines = lines(path)?;
    let mut sum = TerStatistics::default();
    while let Some((hypotheses, references)) = block(&mut lines)? {
        sum.merge(&Ter::default().corpus_statistics(&hypotheses, &references)?);
    }
    Ok(Ter::default().score(&sum).score)
}

/// Mean F1 of each kind, with stemming.
fn rouge(path: &str, kinds: &[RougeKind]) -> Result<Vec<f64>, Box<dyn Error>> {
    let rouge = Rouge::new(RougeOptions {
        stem: true,
        ..RougeOptions::default()
    });
    let mut lines = lines(path)?;
    let mut scores: Vec<Vec<RougeScore>> = Vec::new();
    while let Some((candidates, references)) = block(&mut lines)? {
        scores.extend(rouge.score_all(&references, &candidates, kinds)?);
    }
    let mean = |kind: usize| {
        let sum: f64 = scores
            .iter()
            .filter_map(|scores| scores.get(kind))
            .map(|score| score.f)
            .sum();
        sum / scores.len().max(1) as f64
    };
    Ok((0..kinds.len()).map(mean).collect())
}
