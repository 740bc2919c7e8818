//! One number of a load by name, such as `ttft_p99` or `output_tokens_per_s`, and how much worse it may get. Apart because
//! comparisons, saved runs and repeated runs name numbers in one way, and because which way is worse is decided here.

use crate::definitions::Definition;
use crate::intervals::sample_min;
use crate::span::{Part, SyntaxError};
use std::fmt;

/// Most figures in one text.
pub const FIGURES_MAX: usize = 32;
/// Confidence from which the smallest sample of a percentile follows.
const SAMPLE_CONFIDENCE: f64 = 0.95;
/// Largest margin, as a share or in the figure's own unit.
const MARGIN_MAX: f64 = 1e9;

/// What is taken of many values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Summary {
    /// The mean of all values.
    Mean,
    /// The quantile of all values, 0.99 for p99.
    Quantile(f64),
}

/// One number of a load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Figure {
    /// A mean or percentile of a latency, milliseconds.
    Latency(Definition, Summary),
    /// Whole answers per second.
    RequestsPerS,
    /// Output tokens of all streams per second.
    OutputTokensPerS,
    /// Share of requests that failed.
    ErrorRate,
    /// Share of requests that met all objectives.
    Attainment,
}

impl Figure {
    /// What is compared where nobody says: the figures that people look at first.
    pub const USUAL: [Self; 8] = [
        Self::Latency(Definition::Ttft, Summary::Quantile(0.5)),
        Self::Latency(Definition::Ttft, Summary::Quantile(0.99)),
        Self::Latency(Definition::Tpot, Summary::Quantile(0.5)),
        Self::Latency(Definition::E2e, Summary::Quantile(0.5)),
        Self::Latency(Definition::E2e, Summary::Quantile(0.99)),
        Self::RequestsPerS,
        Self::OutputTokensPerS,
        Self::ErrorRate,
    ];

    /// Its unit as results call it.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Latency(..) => "ms",
            Self::RequestsPerS => "requests_per_s",
            Self::OutputTokensPerS => "tokens_per_s",
            Self::ErrorRate | Self::Attainment => "share",
        }
    }

    /// Whether more of it is worse.
    #[must_use]
    pub const fn higher_is_worse(self) -> bool {
        matches!(self, Self::Latency(..) | Self::ErrorRate)
    }

    /// Whether ratios of it mean something: a share may be zero, and then they do not.
    #[must_use]
    pub const fn has_ratio(self) -> bool {
        !matches!(self, Self::ErrorRate | Self::Attainment)
    }

    /// Fewest values from which it is told.
    #[must_use]
    pub fn sample_min(self) -> u64 {
        match self {
            Self::Latency(_, Summary::Quantile(q)) => sample_min(q, SAMPLE_CONFIDENCE),
            _ => 1,
        }
    }

    /// The statistic of its values.
    #[must_use]
    pub const fn summary(self) -> Summary {
        match self {
            Self::Latency(_, summary) => summary,
            _ => Summary::Mean,
        }
    }

    fn read(part: Part<'_>) -> Result<Self, SyntaxError> {
        let part = part.trimmed();
        match part.text() {
            "requests_per_s" => return Ok(Self::RequestsPerS),
            "output_tokens_per_s" => return Ok(Self::OutputTokensPerS),
            "error_rate" => return Ok(Self::ErrorRate),
            "attainment" => return Ok(Self::Attainment),
            _ => {}
        }
        let expected = "a latency with its statistic, such as ttft_p99 or e2e_mean, or one of requests_per_s, \
                        output_tokens_per_s, error_rate, attainment";
        let at = part.text().rfind('_').ok_or_else(|| part.error(expected))?;
        let (name, rest) = part.split_at(at);
        let statistic = rest.split_at(1).1;
        let summary = match statistic.text().strip_prefix('p') {
            None if statistic.text() == "mean" => Summary::Mean,
            Some(digits) if digits.starts_with(|c: char| c.is_ascii_digit()) => {
                // In whole thousandths of a percent, so that 99.9 is the same number wherever it is written.
                let percent = statistic.split_at(1).1.number("a percentile", 1.0, 99.999)?;
                Summary::Quantile((percent * 1e3).round() / 1e5)
            }
            _ => return Err(part.error(expected)),
        };
        // The second token's time needs the log of gaps, which blocks do not keep.
        let definition =
            Definition::from_name(name.text()).filter(|definition| *definition != Definition::Ttst);
        let definition = definition.ok_or_else(|| name.error(names()))?;
        Ok(Self::Latency(definition, summary))
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latency(definition, Summary::Mean) => write!(f, "{}_mean", definition.name()),
            Self::Latency(definition, Summary::Quantile(q)) => {
                write!(f, "{}_p{}", definition.name(), (q * 1e5).round() / 1e3)
            }
            Self::RequestsPerS => f.write_str("requests_per_s"),
            Self::OutputTokensPerS => f.write_str("output_tokens_per_s"),
            Self::ErrorRate => f.write_str("error_rate"),
            Self::Attainment => f.write_str("attainment"),
        }
    }
}

fn names() -> String {
    let names: Vec<&str> = Definition::ALL
        .into_iter()
        .filter(|definition| *definition != Definition::Ttst)
        .map(Definition::name)
        .collect();
    format!("one of {}", names.join(", "))
}

/// How much worse a figure may get.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Margin {
    /// By this share of the baseline's value.
    Share(f64),
    /// By this much, in the figure's own unit.
    Absolute(f64),
}

/// A figure with its margin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// Which.
    pub figure: Figure,
    /// By how much it may be worse.
    pub margin: Margin,
}

impl Limit {
    /// Reads `FIGURE=MARGIN` with commas between: `ttft_p99=10%,output_tokens_per_s=5%,e2e_p50=20ms,error_rate=1%`. A
    /// percentage is a share of the baseline's value; of `error_rate` and `attainment`, which are shares, it is points.
    ///
    /// ```
    /// use seatrial_load::figure::{Limit, Margin};
    /// let limits = Limit::parse_all("ttft_p99=10%, e2e_p50=20ms")?;
    /// assert_eq!((limits[0].margin, limits[1].margin), (Margin::Share(0.1), Margin::Absolute(20.0)));
    /// # Ok::<(), seatrial_load::span::SyntaxError>(())
    /// ```
    ///
    /// # Errors
    /// The first part that is something else, with its place.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, SyntaxError> {
        let mut limits: Vec<Self> = Vec::new();
        for part in Part::whole(text).trimmed().split(',') {
            let part = part.trimmed();
            if limits.len() == FIGURES_MAX {
                return Err(part.error(format!("at most {FIGURES_MAX} figures")));
            }
            let expected = || part.error("FIGURE=MARGIN, such as ttft_p99=10%");
            let (name, margin) = part.split_once("=").ok_or_else(expected)?;
            let figure = Figure::read(name)?;
            if limits.iter().any(|limit| limit.figure == figure) {
                return Err(name.error("each figure once"));
            }
            let margin = read_margin(figure, margin.trimmed())?;
            limits.push(Self { figure, margin });
        }
        Ok(limits)
    }

    /// As people write it.
    #[must_use]
    pub fn margin_text(&self) -> String {
        let percent = |share: f64| format!("{} %", (share * 1e7).round() / 1e5);
        match self.margin {
            Margin::Share(share) => percent(share),
            Margin::Absolute(points) if self.figure.unit() == "share" => percent(points),
            Margin::Absolute(ms) if self.figure.unit() == "ms" => format!("{ms} ms"),
            Margin::Absolute(value) => format!("{value} per second"),
        }
    }
}

fn read_margin(figure: Figure, part: Part<'_>) -> Result<Margin, SyntaxError> {
    if let Some((number, rest)) = part.split_once("%") {
        if !rest.text().is_empty() {
            return Err(rest.error("nothing after the percentage"));
        }
        let share = number.number("a percentage", 0.0, MARGIN_MAX)? / 100.0;
        return Ok(if figure.has_ratio() {
            Margin::Share(share)
        } else {
            Margin::Absolute(share)
        });
    }
    Ok(Margin::Absolute(match figure {
        Figure::Latency(..) if part.text() == "0" => 0.0,
        Figure::Latency(..) => part.seconds("a margin in % or as")? * 1e3,
        Figure::ErrorRate | Figure::Attainment => part.number("a margin in % or", 0.0, 1.0)?,
        Figure::RequestsPerS | Figure::OutputTokensPerS => {
            part.number("a margin in % or", 0.0, MARGIN_MAX)?
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Protects: names are read as they are written, of every latency and statistic.
    #[test]
    fn names_come_back() {
        for figure in Figure::USUAL
            .into_iter()
            .chain([
                Figure::Attainment,
                Figure::Latency(Definition::TtftSched, Summary::Quantile(0.999)),
            ])
            .chain([Figure::Latency(Definition::TpotIncl, Summary::Mean)])
        {
            let name = figure.to_string();
            let limits = Limit::parse_all(&format!(" {name}=5%")).unwrap();
            assert_eq!(limits[0].figure, figure, "{name}");
        }
        assert_eq!(
            Figure::Latency(Definition::E2e, Summary::Quantile(0.999)).to_string(),
            "e2e_p99.9"
        );
    }

    /// Protects: a margin in percent is a share of the value, of a share it is points, and of a latency it may be a time.
    #[test]
    fn margins() {
        let limits =
            Limit::parse_all("ttft_p99=10%,error_rate=1%,e2e_p50=1.5s,requests_per_s=2,tpot_p50=0").unwrap();
        let margins: Vec<Margin> = limits.iter().map(|limit| limit.margin).collect();
        assert_eq!(
            margins,
            [
                Margin::Share(0.1),
                Margin::Absolute(0.01),
                Margin::Absolute(1_500.0),
                Margin::Absolute(2.0),
                Margin::Absolute(0.0)
            ]
        );
        let texts: Vec<String> = limits.iter().map(Limit::margin_text).collect();
        assert_eq!(texts, ["10 %", "1 %", "1500 ms", "2 per second", "0 ms"]);
    }

    /// Protects: what is wrong is named at its place.
    #[test]
    fn errors_have_places() {
        for (text, column) in [
            ("", 1),
            ("ttft_p99", 1),
            ("ttft=5%", 1),
            ("ttft_p99=5%,", 13),
            ("ttft_p99=5%,tpo_p99=5%", 13),
            ("ttft_p100=5%", 7),
            ("ttft_max=5%", 1),
            ("ttst_p50=5%", 1),
            ("ttft_p99=-5%", 10),
            ("ttft_p99=5%%", 12),
            ("ttft_p99=5", 10),
            ("error_rate=2", 12),
            ("ttft_p99=5%, ttft_p99=6%", 14),
        ] {
            let error = Limit::parse_all(text).unwrap_err();
            assert_eq!(error.column, column, "{text}: {error}");
        }
    }

    proptest! {
        /// Protects: no text makes the reader panic.
        #[test]
        fn any_text(text in "[a-z_p0-9=.,%é -]{0,32}") {
            let _ = Limit::parse_all(&text);
        }
    }
}
