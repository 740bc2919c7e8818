//! What is told of a server's numbers, and how one is asked for. Apart because both the window that makes them and whoever
//! prints them know these.

use super::text::selector;

/// A number of a server that somebody asked for by its own name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerSeries {
    pub(super) name: String,
    labels: Vec<(String, String)>,
}

impl ServerSeries {
    /// Reads `name` or `name{label="value"}`. All series that have the name and these labels are taken together.
    ///
    /// # Errors
    /// What is wrong, to be read behind what was given.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str =
            "expected a name, or a name with labels, such as vllm:num_requests_running{engine=\"0\"}";
        let ((name, labels), rest) = selector(text.trim()).ok_or(WRONG)?;
        if !rest.trim().is_empty() {
            return Err(WRONG);
        }
        Ok(Self {
            name: name.to_owned(),
            labels: labels
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        })
    }

    pub(super) fn of_name(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            labels: Vec::new(),
        }
    }

    pub(super) fn has_labels(&self, labels: &[(&str, String)]) -> bool {
        self.labels
            .iter()
            .all(|(name, value)| labels.iter().any(|(other, is)| other == name && is == value))
    }

    /// As it was asked for.
    #[must_use]
    pub fn text(&self) -> String {
        if self.labels.is_empty() {
            return self.name.clone();
        }
        let labels: Vec<String> = self
            .labels
            .iter()
            .map(|(name, value)| format!("{name}={value:?}"))
            .collect();
        format!("{}{{{}}}", self.name, labels.join(","))
    }
}

/// One quantile of a distribution that a server counted in buckets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BucketQuantile {
    /// Which.
    pub q: f64,
    /// Between the limits of its bucket, as if those in it lay evenly; `None` in the last bucket, which has no upper limit.
    pub value: Option<f64>,
    /// Lower limit of its bucket.
    pub low: f64,
    /// Upper limit; `None` where there is none.
    pub high: Option<f64>,
}

/// What a number of the server did over the window.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// It went up and down.
    Level {
        /// Mean over the readings.
        mean: f64,
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
        /// Readings.
        readings: u64,
    },
    /// It grew.
    Growth {
        /// By how much.
        total: f64,
        /// Per second of the window.
        per_s: Option<f64>,
    },
    /// One grew for each that another grew.
    Ratio {
        /// First over second; `None` where the second did not grow.
        value: Option<f64>,
        /// By how much the second grew.
        of: f64,
    },
    /// It was counted in buckets.
    Distribution {
        /// How many were counted.
        n: f64,
        /// Their mean.
        mean: Option<f64>,
        /// Quantiles; none where nothing was counted.
        quantiles: Vec<BucketQuantile>,
    },
}

/// A number of the server.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerFigure {
    /// Its plain word; `None` where it was asked for by the server's own name.
    pub word: Option<&'static str>,
    /// The server's name, labels included where they were asked for.
    pub name: String,
    /// In words.
    pub meaning: Option<&'static str>,
    /// `requests`, `tokens`, `share`, `ms`; `None` where only the server knows.
    pub unit: Option<&'static str>,
    /// Series of that name that were taken together: levels and counts are summed, shares averaged.
    pub series: usize,
    /// How often it began from nothing again, as it does when a server starts anew.
    pub resets: u64,
    /// What it did.
    pub told: Told,
}
