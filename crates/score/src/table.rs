//! The table of scorers: names, options, metrics. Apart from how scorers are built so that `--help`, the JSON Schema,
//! the check of a suite and the building of a scorer cannot disagree, and because it only grows.

use crate::checks::parse as checks;
use crate::composite::{all_of, any_of, weighted};
use crate::rules::parsers::{
    EDIT_MEASURE, MATCH, REFERENCE, ROUGE_MEASURE, ROUGE_TYPE, TOKENISE, TOKENS_OF, UNIT, bleu, choice, chrf,
    contains, cost, edit_similarity, exact, f1, field, first_token, json_schema, json_valid, latency, length,
    numeric, pattern, perplexity, perplexity_score, refusal, rouge, starts_with, tokens,
};
use crate::rules::{Build, Definition, ParseRule, ParseScorer, Reads};
use seatrial_config::{MetricEntry, OptionEntry, OptionShape, ScorerEntry};
use seatrial_types::{MetricKind, Pillar, Unit};

const fn metric(name: &'static str, kind: MetricKind, unit: Unit, pillar: Pillar) -> MetricEntry {
    MetricEntry {
        name,
        kind,
        unit,
        pillar,
    }
}

/// A share of right answers, named after the scorer or its `name:` option.
const SHARE_OF_RIGHT: &[MetricEntry] = &[metric("", MetricKind::Binary, Unit::Share, Pillar::Quality)];
const BOUNDED: &[MetricEntry] = &[metric("", MetricKind::Bounded, Unit::Share, Pillar::Quality)];
const SENTENCE_BLEU: &[MetricEntry] = &[metric(
    "sentence_bleu",
    MetricKind::Real,
    Unit::Score,
    Pillar::Quality,
)];
const SENTENCE_CHRF: &[MetricEntry] = &[metric(
    "sentence_chrf",
    MetricKind::Real,
    Unit::Score,
    Pillar::Quality,
)];
const CHECKS: &[MetricEntry] = &[
    metric("", MetricKind::Binary, Unit::Share, Pillar::Quality),
    metric("check_score", MetricKind::Bounded, Unit::Share, Pillar::Quality),
];
const LENGTH: &[MetricEntry] = &[metric("", MetricKind::Real, Unit::Count, Pillar::Quality)];
const REFUSALS: &[MetricEntry] = &[metric("", MetricKind::Binary, Unit::Share, Pillar::Safety)];
const LATENCY: &[MetricEntry] = &[metric("", MetricKind::Real, Unit::Ms, Pillar::Performance)];
const COST: &[MetricEntry] = &[metric("", MetricKind::Real, Unit::Usd, Pillar::Cost)];
const TOKENS: &[MetricEntry] = &[metric("", MetricKind::Real, Unit::Tokens, Pillar::Cost)];

const PERPLEXITY: &[MetricEntry] = &[metric("", MetricKind::Real, Unit::Score, Pillar::Quality)];

const fn option(name: &'static str, shape: OptionShape, what: &'static str) -> OptionEntry {
    OptionEntry {
        name,
        shape,
        what,
        required: false,
    }
}

const AT_LEAST: OptionEntry = option(
    "at_least",
    OptionShape::Threshold,
    "lower bound: the metric becomes the share of answers within bounds, and the number stands in the detail",
);
const AT_MOST: OptionEntry = option("at_most", OptionShape::Threshold, "upper bound, likewise");
const OF: OptionEntry = OptionEntry {
    name: "of",
    shape: OptionShape::Scorers,
    what: "the scorers, as in a task; one with `unparsed: wrong` counts as wrong where it cannot read the answer",
    required: true,
};

/// A rule that says right or wrong.
const fn definition(
    name: &'static str,
    what: &'static str,
    options: &'static [OptionEntry],
    parse: ParseRule,
) -> Definition {
    Definition {
        entry: ScorerEntry {
            name,
            what,
            options,
            metrics: SHARE_OF_RIGHT,
        },
        version: 1,
        build: Build::Rule(parse),
        reads: Reads::Text,
        normalises: true,
        failures_are_wrong: true,
        looks_at_refusals: false,
    }
}

/// A rule that yields a number, which can be held against bounds.
const fn graded(
    name: &'static str,
    what: &'static str,
    metrics: &'static [MetricEntry],
    options: &'static [OptionEntry],
    parse: ParseRule,
) -> Definition {
    let base = definition(name, what, options, parse);
    Definition {
        entry: ScorerEntry {
            metrics,
            ..base.entry
        },
        ..base
    }
}

/// The same as a measurement: what cannot be measured is left out.
const fn measuring(base: Definition) -> Definition {
    Definition {
        failures_are_wrong: false,
        ..base
    }
}

/// A measurement of something other than the text.
const fn sample(
    name: &'static str,
    what: &'static str,
    metrics: &'static [MetricEntry],
    options: &'static [OptionEntry],
    parse: ParseRule,
) -> Definition {
    Definition {
        reads: Reads::Sample,
        normalises: false,
        ..measuring(graded(name, what, metrics, options, parse))
    }
}

/// A scorer made of scorers.
const fn composite(
    name: &'static str,
    what: &'static str,
    metrics: &'static [MetricEntry],
    options: &'static [OptionEntry],
    parse: ParseScorer,
) -> Definition {
    Definition {
        entry: ScorerEntry {
            name,
            what,
            options,
            metrics,
        },
        version: 1,
        build: Build::Scorer(parse),
        reads: Reads::Sample,
        normalises: false,
        failures_are_wrong: true,
        looks_at_refusals: false,
    }
}

/// All scorers, in the order in which they are listed to people.
pub(crate) const DEFINITIONS: &[Definition] = &[
    definition(
        "exact_match",
        "right when the answer equals one of the accepted answers; both are trimmed unless `normalise` says otherwise",
        &[],
        exact,
    ),
    definition(
        "contains",
        "right when the answer contains one of the values, or all of them",
        &[
            option(
                "values",
                OptionShape::TextOrList,
                "what to look for; default: the accepted answers of the case",
            ),
            option(
                "match",
                OptionShape::Choice(&MATCH),
                "whether one value is enough; default any",
            ),
            option(
                "ignore_case",
                OptionShape::Bool,
                "whether upper and lower case are the same",
            ),
        ],
        contains,
    ),
    definition(
        "regex",
        "right when a regular expression matches somewhere in the answer; anchor it with ^ and $ to match all of it",
        &[OptionEntry {
            name: "pattern",
            shape: OptionShape::Text,
            what: "the regular expression; (?i) ignores case; no look-around or back-references",
            required: true,
        }],
        pattern,
    ),
    definition(
        "numeric_match",
        "right when the last number of the answer is close to the last number of an accepted answer; currency signs, \
         thousands separators and % are ignored",
        &[
            option(
                "tolerance",
                OptionShape::Number,
                "largest absolute difference; default 1e-9",
            ),
            option(
                "relative",
                OptionShape::Number,
                "largest difference as a share of the accepted number; the larger allowance counts; default 0",
            ),
        ],
        numeric,
    ),
    definition(
        "choice",
        "right when the answer names the right option of a multiple-choice case, by its letter or its text",
        &[
            option(
                "options",
                OptionShape::Number,
                "how many options there are where the case has no choices; default 10, A to J",
            ),
            option(
                "reference",
                OptionShape::Choice(&REFERENCE),
                "what the reference is: letter, 0-based index, text of the choice; default auto, which refuses to guess",
            ),
        ],
        choice,
    ),
    definition(
        "json_field",
        "right when a field of the last JSON object in the answer has the expected value; numbers compare as numbers",
        &[
            OptionEntry {
                name: "field",
                shape: OptionShape::Text,
                what: "name of the field, or a JSON pointer such as /a/b",
                required: true,
            },
            option(
                "equals",
                OptionShape::Any,
                "the expected value, of any JSON type; default: the accepted answers",
            ),
        ],
        field,
    ),
    definition(
        "starts_with",
        "right when the answer begins with one of the values; it is trimmed first unless `normalise` says otherwise",
        &[
            option(
                "values",
                OptionShape::TextOrList,
                "possible beginnings; default: the accepted answers of the case",
            ),
            option(
                "ignore_case",
                OptionShape::Bool,
                "whether upper and lower case are the same",
            ),
        ],
        starts_with,
    ),
    graded(
        "f1",
        "F1 of the words that answer and reference share after SQuAD's normalisation, 0 to 1; best of several references",
        BOUNDED,
        &[AT_LEAST, AT_MOST],
        f1,
    ),
    graded(
        "edit_similarity",
        "1 − edit distance ÷ longer length, 0 to 1, over characters as a reader sees them; best of several references",
        BOUNDED,
        &[
            option(
                "measure",
                OptionShape::Choice(&EDIT_MEASURE),
                "levenshtein counts a replacement once, indel as deletion and insertion; default levenshtein",
            ),
            AT_LEAST,
            AT_MOST,
        ],
        edit_similarity,
    ),
    measuring(graded(
        "bleu",
        "sentence BLEU as sacrebleu computes it, 0 to 100; the mean over answers is not corpus BLEU, hence the metric's \
         name",
        SENTENCE_BLEU,
        &[
            option(
                "tokenise",
                OptionShape::Choice(&TOKENISE),
                "tokeniser; default 13a",
            ),
            option("lowercase", OptionShape::Bool, "whether case is ignored"),
            option(
                "max_order",
                OptionShape::Number,
                "largest n-gram order, 1 to 9; default 4",
            ),
            AT_LEAST,
            AT_MOST,
        ],
        bleu,
    )),
    measuring(graded(
        "chrf",
        "sentence chrF as sacrebleu computes it, 0 to 100; the mean over answers is not corpus chrF, hence the metric's \
         name",
        SENTENCE_CHRF,
        &[
            option(
                "char_order",
                OptionShape::Number,
                "largest order of character n-grams, 1 to 10; default 6",
            ),
            option(
                "word_order",
                OptionShape::Number,
                "largest order of word n-grams, 0 to 4; default 0, and 2 is chrF++",
            ),
            option("lowercase", OptionShape::Bool, "whether case is ignored"),
            AT_LEAST,
            AT_MOST,
        ],
        chrf,
    )),
    measuring(graded(
        "rouge",
        "ROUGE against the reference, 0 to 1; best of several references",
        BOUNDED,
        &[
            option(
                "type",
                OptionShape::Choice(&ROUGE_TYPE),
                "n-grams of which order, or the longest common subsequence (rougeLsum: by lines); default rougeL",
            ),
            option(
                "measure",
                OptionShape::Choice(&ROUGE_MEASURE),
                "F1, precision or recall; default f",
            ),
            option("stem", OptionShape::Bool, "whether English endings are ignored"),
            AT_LEAST,
            AT_MOST,
        ],
        rouge,
    )),
    Definition {
        normalises: false,
        ..definition(
            "json_valid",
            "right when the answer is one JSON value and nothing else; `extract: code_block` takes it out of a fence",
            &[],
            json_valid,
        )
    },
    Definition {
        normalises: false,
        ..definition(
            "json_schema",
            "right when the answer is JSON that a JSON Schema (draft 2020-12 unless it names another) accepts; unparsed \
             when it is no JSON",
            &[
                OptionEntry {
                    name: "schema",
                    shape: OptionShape::Document,
                    what: "the schema, or the name of a file with it; references to other files or addresses are refused",
                    required: true,
                },
                option(
                    "formats",
                    OptionShape::Bool,
                    "whether `format` is checked too; default false, as the draft says",
                ),
            ],
            json_schema,
        )
    },
    Definition {
        normalises: false,
        ..measuring(graded(
            "length",
            "how long the answer is",
            LENGTH,
            &[
                option(
                    "unit",
                    OptionShape::Choice(&UNIT),
                    "what is counted; tokens as the provider counts them, of the whole answer; default chars",
                ),
                AT_LEAST,
                AT_MOST,
            ],
            length,
        ))
    },
    Definition {
        looks_at_refusals: true,
        normalises: false,
        ..measuring(graded(
            "refusal",
            "share of refused answers, by finish reason or by how they begin (English); for the other scorers of the \
             task such answers are then refused",
            REFUSALS,
            &[option(
                "phrases",
                OptionShape::TextOrList,
                "further phrases that mark a refusal wherever they stand, such as those of an own guardrail",
            )],
            refusal,
        ))
    },
    sample(
        "latency",
        "milliseconds to the complete answer; unparsed where there is no measurement, as with recorded answers",
        LATENCY,
        &[AT_LEAST, AT_MOST],
        latency,
    ),
    sample(
        "first_token",
        "milliseconds to the first text; unparsed where the answer came in one piece",
        LATENCY,
        &[AT_LEAST, AT_MOST],
        first_token,
    ),
    sample(
        "cost",
        "price of the answer in US dollars; unparsed where price or usage is unknown",
        COST,
        &[AT_LEAST, AT_MOST],
        cost,
    ),
    sample(
        "tokens",
        "tokens as the provider counts them; unparsed where it does not",
        TOKENS,
        &[
            option(
                "of",
                OptionShape::Choice(&TOKENS_OF),
                "which tokens; default output, which includes reasoning",
            ),
            AT_LEAST,
            AT_MOST,
        ],
        tokens,
    ),
    sample(
        "perplexity",
        "exp of minus the mean log probability of the answer's tokens, as the target tells it: 1 where the model was sure \
         of every word, lower is better; unparsed where the target does not tell",
        PERPLEXITY,
        &[AT_LEAST, AT_MOST],
        perplexity,
    ),
    sample(
        "perplexity_score",
        "1 / (1 + perplexity): 0.5 where the model was sure of every word, near 0 where it guessed; unparsed where the \
         target does not tell",
        BOUNDED,
        &[AT_LEAST, AT_MOST],
        perplexity_score,
    ),
    composite(
        "all_of",
        "right when every one of these scorers says right; wrong as soon as one says wrong, else unparsed as soon as one \
         is",
        SHARE_OF_RIGHT,
        &[OF],
        all_of,
    ),
    composite(
        "any_of",
        "right as soon as one of these scorers says right, else unparsed as soon as one is, else wrong",
        SHARE_OF_RIGHT,
        &[OF],
        any_of,
    ),
    composite(
        "weighted",
        "weighted mean of these scorers, 0 to 1; BLEU and chrF count as hundredths; unparsed as soon as one is",
        BOUNDED,
        &[
            OF,
            option(
                "weights",
                OptionShape::Any,
                "one number of at least 0 for each scorer, not all 0; default 1 each",
            ),
            AT_LEAST,
            AT_MOST,
        ],
        weighted,
    ),
    Definition {
        entry: ScorerEntry {
            name: "checks",
            what: "each case brings its own checks in a column, in the form of promptfoo's assertions and with their \
                   meaning",
            options: &[
                option(
                    "column",
                    OptionShape::Text,
                    "column with the checks: a list, or {assert: […], threshold: 0.5}; default checks",
                ),
                option(
                    "named",
                    OptionShape::FurtherMetrics,
                    "metrics that checks name with `metric:`, each reported as the mean score of its checks",
                ),
                option(
                    "model",
                    OptionShape::Model,
                    "the embeddings model that checks of type `similar` ask, an entry of `models:` with `api: embeddings`",
                ),
                option(
                    "log_probabilities",
                    OptionShape::Bool,
                    "targets are asked for log probabilities, which checks of type `perplexity` need; default false",
                ),
            ],
            metrics: CHECKS,
        },
        version: 1,
        build: Build::Scorer(checks),
        reads: Reads::Text,
        normalises: false,
        failures_are_wrong: true,
        looks_at_refusals: false,
    },
];
