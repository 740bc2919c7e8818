//! Arguments of `text bleu|chrf|ter|rouge`, with sacrebleu's names where sacrebleu has the option. Apart from the other
//! figures because these names are somebody else's.

use super::figures::FiguresOutput;
use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use seatrial_text::tokenise::Tokeniser;
use std::path::PathBuf;

/// The texts, and how their interval is made.
#[derive(Debug, Args)]
pub(crate) struct Texts {
    /// Hypotheses, one a line; in a .jsonl file a JSON string a line, which may hold line breaks.
    #[arg(long, value_name = "FILE")]
    pub(crate) hyp: PathBuf,
    /// References, as many lines as hypotheses; several files are several references of each line.
    #[arg(long = "ref", value_name = "FILE", required = true, num_args = 1..=64)]
    pub(crate) refs: Vec<PathBuf>,
    /// Bootstrap resamples of the interval.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) confidence_n: u64,
    /// Confidence level of the interval.
    #[arg(long, default_value_t = 0.95)]
    pub(crate) level: f64,
    /// Seed of the resamples.
    #[arg(long, default_value_t = 12345)]
    pub(crate) seed: u64,
    /// Decimals shown.
    #[arg(long, short, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=15))]
    pub(crate) width: u8,
    #[command(flatten)]
    pub(crate) output: FiguresOutput,
}

/// What corpus metrics share.
#[derive(Debug, Args)]
pub(crate) struct Corpus {
    /// Show mean and half width over the resamples as sacrebleu does, and name them in the signature.
    #[arg(long)]
    pub(crate) confidence: bool,
    /// Compare with another system: its hypotheses. Paired approximate randomisation, or with --paired-bs bootstrap.
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
    /// Paired bootstrap instead of approximate randomisation.
    #[arg(long, requires = "baseline")]
    pub(crate) paired_bs: bool,
    /// Resamples or shuffles of the paired test.
    #[arg(long, value_name = "N", requires = "baseline", default_value_t = 10_000,
          value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) paired_n: u64,
    /// Which differences count as extreme in the paired test.
    #[arg(long, value_enum, requires = "baseline", default_value_t = PairedRule::Correct)]
    pub(crate) paired_rule: PairedRule,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PairedRule {
    /// Two-sided, at least as large.
    Correct,
    /// As sacrebleu 2.6.0 counts: strictly larger, identical systems get the smallest p. To compare with its output.
    Sacrebleu,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  seatrial text bleu --hyp system.txt --ref a.txt b.txt --tokenize intl --json bleu.json"
)]
pub(crate) struct BleuArguments {
    #[command(flatten)]
    pub(crate) texts: Texts,
    /// Tokeniser.
    #[arg(long, visible_alias = "tok", default_value = "13a", value_parser = PossibleValuesParser::new(Tokeniser::ALL.map(Tokeniser::name)))]
    pub(crate) tokenize: String,
    /// Lower-case first.
    #[arg(long, visible_alias = "lc")]
    pub(crate) lowercase: bool,
    /// What stands in for orders without a match.
    #[arg(long, short, default_value = "exp", value_parser = ["exp", "floor", "add-k", "none"])]
    pub(crate) smooth_method: String,
    /// Value of `floor` [default: 0.1] or `add-k` [default: 1]
    #[arg(long, visible_alias = "sv", value_name = "X")]
    pub(crate) smooth_value: Option<f64>,
    #[command(flatten)]
    pub(crate) corpus: Corpus,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example (chrF++):\n  seatrial text chrf --hyp system.txt --ref reference.txt --chrf-word-order 2"
)]
pub(crate) struct ChrfArguments {
    #[command(flatten)]
    pub(crate) texts: Texts,
    /// Largest order of character n-grams.
    #[arg(long, visible_alias = "cc", value_name = "N", default_value_t = 6)]
    pub(crate) chrf_char_order: usize,
    /// Largest order of word n-grams; 2 makes it chrF++.
    #[arg(long, visible_alias = "cw", value_name = "N", default_value_t = 0)]
    pub(crate) chrf_word_order: usize,
    /// Weight of recall over precision.
    #[arg(long, value_name = "X", default_value_t = 2.0)]
    pub(crate) chrf_beta: f64,
    /// Count white space as characters.
    #[arg(long)]
    pub(crate) chrf_whitespace: bool,
    /// Lower-case first.
    #[arg(long)]
    pub(crate) chrf_lowercase: bool,
    /// Smooth orders without n-grams as the original script does, instead of leaving them out.
    #[arg(long)]
    pub(crate) chrf_eps_smoothing: bool,
    #[command(flatten)]
    pub(crate) corpus: Corpus,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  seatrial text ter --hyp system.txt --ref reference.txt --ter-normalized")]
pub(crate) struct TerArguments {
    #[command(flatten)]
    pub(crate) texts: Texts,
    /// Do not lower-case.
    #[arg(long)]
    pub(crate) ter_case_sensitive: bool,
    /// Treat Chinese and Japanese characters apart.
    #[arg(long)]
    pub(crate) ter_asian_support: bool,
    /// Remove punctuation.
    #[arg(long)]
    pub(crate) ter_no_punct: bool,
    /// Normalise and tokenise as Tercom does.
    #[arg(long)]
    pub(crate) ter_normalized: bool,
    #[command(flatten)]
    pub(crate) corpus: Corpus,
}

#[derive(Debug, Args)]
#[command(after_help = "\
rougeLsum compares line by line: give texts of several lines as JSON strings in .jsonl files.

Example:
  seatrial text rouge --hyp summaries.jsonl --ref references.jsonl --stemmer --json rouge.json")]
pub(crate) struct RougeArguments {
    #[command(flatten)]
    pub(crate) texts: Texts,
    /// Kinds: rouge1 to rouge9, rougeL, rougeLsum.
    #[arg(
        long,
        value_name = "KIND",
        value_delimiter = ',',
        default_value = "rouge1,rouge2,rougeL,rougeLsum"
    )]
    pub(crate) kinds: Vec<String>,
    /// Compare the stems of words (Porter).
    #[arg(long)]
    pub(crate) stemmer: bool,
    /// What a word is.
    #[arg(long, value_enum, default_value_t = RougeTokenizer::Reference)]
    pub(crate) tokenizer: RougeTokenizer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RougeTokenizer {
    /// Runs of a–z and 0–9, as published scores have it; other scripts have no words at all.
    #[value(alias = "default")]
    Reference,
    /// Words of any script (UAX #29); scores do not compare with published ones.
    Unicode,
}
