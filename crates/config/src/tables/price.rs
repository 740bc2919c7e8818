//! The grammar of `price:`: written out, or a place in a table or a price file. Apart from targets, because a price has as
//! many keys as they have.

use super::bounds::MAX_COUNT;
use crate::shape::{Field, Later, Shape, Table};

/// Tables of prices that are known by a word.
const PRICE_TABLES: &[&str] = &["litellm", "genai-prices"];
/// Lengths of prompts above which other prices hold.
const MAX_CLIFFS: usize = 8;
const CONDITION: &str = "a price in a suite holds in one tier, in one region and at all hours";
const CONDITION_HINT: &str =
    "write it into a price file and name its place: `{path: prices.yaml, id: openai/gpt-4o, tier: batch}`";

const INPUT: Field = Field::new(
    "input_usd_per_mtok",
    Shape::Money,
    "US dollars per million input tokens",
);
const OUTPUT: Field = Field::new(
    "output_usd_per_mtok",
    Shape::Money,
    "US dollars per million output tokens",
);
const CACHE_READ: Field = Field::new(
    "cache_read_usd_per_mtok",
    Shape::Money,
    "US dollars per million input tokens that the provider read from its cache; those of input unless given",
);
const CACHE_WRITE: Field = Field::new(
    "cache_write_usd_per_mtok",
    Shape::Money,
    "US dollars per million input tokens that the provider wrote to its cache; those of input unless given",
);
const CACHE_WRITE_1H: Field = Field::new(
    "cache_write_1h_usd_per_mtok",
    Shape::Money,
    "US dollars per million input tokens that the provider wrote to its cache for an hour; those of other writes unless given",
);
const REASONING: Field = Field::new(
    "reasoning_usd_per_mtok",
    Shape::Money,
    "US dollars per million output tokens that nobody sees; those of output unless given",
);

pub(super) static PRICE: Table = Table {
    what: "`price`",
    fields: &[
        INPUT,
        OUTPUT,
        CACHE_READ,
        CACHE_WRITE,
        CACHE_WRITE_1H,
        REASONING,
        Field::new(
            "request_usd",
            Shape::Money,
            "US dollars per answer; nothing unless given",
        ),
        Field::new(
            "above",
            Shape::List {
                item: &Shape::Record(&ABOVE),
                min: 1,
                max: MAX_CLIFFS,
                unique: false,
            },
            "prices of calls with longer prompts, in rising order of their length",
        ),
        Field::new(
            "table",
            Shape::Choice {
                words: PRICE_TABLES,
                later: &[],
            },
            "table that the price stands in: the copy that `seatrial cost prices import` keeps, unless `path` names its file",
        ),
        Field::new(
            "path",
            Shape::Line,
            "file of the table, or a price file, relative to the suite",
        ),
        Field::new(
            "id",
            Shape::Line,
            "model in the table or price file, such as `openai/gpt-4o`",
        ),
        Field::new(
            "tier",
            Shape::Line,
            "service tier of the table's prices, such as `batch`; the standard one unless given",
        ),
        Field::new("region", Shape::Line, "region of the table's prices"),
    ],
    exclusive: &[
        &["table", "input_usd_per_mtok"],
        &["table", "output_usd_per_mtok"],
        &["table", "cache_read_usd_per_mtok"],
        &["table", "cache_write_usd_per_mtok"],
        &["table", "cache_write_1h_usd_per_mtok"],
        &["table", "reasoning_usd_per_mtok"],
        &["table", "request_usd"],
        &["table", "above"],
        &["path", "input_usd_per_mtok"],
        &["path", "output_usd_per_mtok"],
        &["path", "cache_read_usd_per_mtok"],
        &["path", "cache_write_usd_per_mtok"],
        &["path", "cache_write_1h_usd_per_mtok"],
        &["path", "reasoning_usd_per_mtok"],
        &["path", "request_usd"],
        &["path", "above"],
    ],
    one_of: &[
        &["input_usd_per_mtok", "table", "path"],
        &["output_usd_per_mtok", "table", "path"],
    ],
    later: &[
        Later {
            word: "tiers",
            message: CONDITION,
            hint: CONDITION_HINT,
        },
        Later {
            word: "regions",
            message: CONDITION,
            hint: CONDITION_HINT,
        },
        Later {
            word: "meters",
            message: CONDITION,
            hint: CONDITION_HINT,
        },
        Later {
            word: "discount",
            message: "discounts stand in price files",
            hint: CONDITION_HINT,
        },
        Later {
            word: "margin",
            message: "margins stand in price files",
            hint: CONDITION_HINT,
        },
    ],
    tried: &[
        (
            "input",
            "did you mean `input_usd_per_mtok`? it is per million tokens",
        ),
        (
            "output",
            "did you mean `output_usd_per_mtok`? it is per million tokens",
        ),
        ("model", "did you mean `id`?"),
        ("file", "did you mean `path`?"),
    ],
};

static ABOVE: Table = Table {
    what: "an item of `above`",
    fields: &[
        Field::new(
            "input_tokens",
            Shape::Whole {
                min: 1,
                max: MAX_COUNT,
            },
            "length of the prompt above which all tokens of a call cost this",
        )
        .required(),
        INPUT,
        OUTPUT,
        CACHE_READ,
        CACHE_WRITE,
        CACHE_WRITE_1H,
        REASONING,
    ],
    exclusive: &[],
    one_of: &[&[
        "input_usd_per_mtok",
        "output_usd_per_mtok",
        "cache_read_usd_per_mtok",
        "cache_write_usd_per_mtok",
        "cache_write_1h_usd_per_mtok",
        "reasoning_usd_per_mtok",
    ]],
    later: &[],
    tried: &[("tokens", "did you mean `input_tokens`?")],
};
