//! Prices: what a model charges and when, books of many models from one source, their readers, and where they disagree.

mod book;
mod compare;
mod decimal;
mod file;
mod flat;
mod genai;
mod litellm;
mod rule;
mod sheet;
mod time;
mod units;

pub use book::{Book, Entry, NotFound, provider_name};
pub use compare::{BookComparison, Disagreement, Match, compare};
pub use file::{read as read_price_file, read_sheet, tier_name};
pub use flat::{NotFlat, flatten};
pub use genai::read as read_genai_prices;
pub use litellm::{TableError, read as read_litellm};
pub use sheet::{Circumstances, Contradiction, Factor, Meter, Rate, Sheet, Unpriced, When};
pub use time::{Moment, Window};
pub use units::Amount;
