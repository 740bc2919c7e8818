//! One way to serve a workload, and its bill.

use super::capacity::{Capacity, Scaling};
use super::{HOURS_PER_MONTH, MONTHS_PER_YEAR, SECONDS_PER_MONTH, Workload};

/// What an API charges.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ApiPrice {
    /// Dollars for a million prompt tokens.
    pub input_usd_per_mtok: f64,
    /// Dollars for a million generated tokens.
    pub output_usd_per_mtok: f64,
    /// Dollars for a million prompt tokens that were cached.
    pub cache_read_usd_per_mtok: f64,
    /// Dollars for a million prompt tokens that are written to the cache.
    pub cache_write_usd_per_mtok: f64,
    /// Dollars for a request.
    pub request_usd: f64,
    /// Share of requests that can wait and are sent in batches.
    pub batch_share: f64,
    /// Price of a batched request by that of another.
    pub batch_factor: f64,
    /// Share that a contract takes off.
    pub discount: f64,
}

impl ApiPrice {
    /// Dollars for the mean request.
    #[must_use]
    pub fn per_request(&self, workload: &Workload) -> f64 {
        let cached = workload.input_tokens * workload.cached_share;
        let written = workload.input_tokens * workload.cache_write_share;
        let tokens = (workload.input_tokens - cached - written) * self.input_usd_per_mtok
            + cached * self.cache_read_usd_per_mtok
            + written * self.cache_write_usd_per_mtok
            + workload.output_tokens * self.output_usd_per_mtok;
        let batched = 1.0 - self.batch_share * (1.0 - self.batch_factor);
        (tokens / 1e6 * batched + self.request_usd) * (1.0 - self.discount)
    }
}

/// Machines of one's own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Owned {
    /// Dollars for a machine.
    pub capex_usd: f64,
    /// What it brings at the end of its life.
    pub residual_usd: f64,
    /// Its life.
    pub life_months: f64,
    /// Interest for a year on what is bound in it.
    pub cost_of_capital: f64,
    /// Accelerators in a machine.
    pub gpus_per_server: u64,
    /// Mean power of a machine, in kilowatts.
    pub kw: f64,
    /// Power of the building by that of the machines.
    pub pue: f64,
    /// Dollars for a kilowatt hour.
    pub usd_per_kwh: f64,
    /// Dollars a month for the place of a machine.
    pub colocation_usd: f64,
    /// Share of the price that upkeep costs in a year.
    pub maintenance: f64,
}

/// How requests are served.
#[derive(Debug, Clone, PartialEq)]
pub enum Serving {
    /// An API, by the token.
    Api(ApiPrice),
    /// Throughput that is reserved with an API, in whole units.
    Provisioned {
        /// Units as replicas.
        capacity: Capacity,
        /// Dollars for a unit and month.
        usd_per_unit: f64,
    },
    /// Accelerators by the hour.
    Rented {
        /// Replicas.
        capacity: Capacity,
        /// Accelerators of a replica.
        gpus_per_replica: u64,
        /// Dollars for an accelerator and hour.
        usd_per_gpu_hour: f64,
        /// Further time that interruptions of spot machines cost, as a share.
        interruption_overhead: f64,
        /// Hours of a month that are billed.
        hours: f64,
    },
    /// Machines of one's own.
    Owned {
        /// Replicas.
        capacity: Capacity,
        /// Accelerators of a replica.
        gpus_per_replica: u64,
        /// The machines.
        owned: Owned,
    },
    /// A fixed number of replicas, and an API for what they cannot take.
    Hybrid {
        /// The way that the replicas are got; its capacity is not asked.
        base: Box<Serving>,
        /// Replicas.
        replicas: u64,
        /// The API beside them.
        overflow: ApiPrice,
    },
}

/// People.
#[derive(Debug, Clone, PartialEq)]
pub struct Staff {
    /// Full-time equivalents.
    pub fte: f64,
    /// Dollars for one and a year, all included.
    pub usd_per_year: f64,
    /// Share of their time.
    pub allocation: f64,
}

/// A way to serve.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Name.
    pub name: String,
    /// How.
    pub serving: Serving,
    /// People.
    pub staff: Vec<Staff>,
    /// What is paid every month, by name.
    pub monthly_usd: Vec<(String, f64)>,
    /// What is paid once, by name.
    pub one_off: Vec<(String, f64)>,
    /// Share of requests that are answered well, where it is known; above 0.
    pub success: Option<f64>,
    /// Share of requests that a person takes over.
    pub escalation: f64,
    /// Tokens a second of one replica, of prompts and of answers, where they are known.
    pub tokens_per_second: Option<(f64, f64)>,
}

/// A line of a bill.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What for.
    pub name: String,
    /// Dollars a month.
    pub usd: f64,
    /// Whether it is for machines that also idle.
    pub is_capacity: bool,
}

fn line(name: &str, usd: f64, is_capacity: bool) -> Line {
    Line {
        name: name.to_owned(),
        usd,
        is_capacity,
    }
}

impl Serving {
    /// The word that files and JSON use.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Api(_) => "api",
            Self::Provisioned { .. } => "provisioned",
            Self::Rented { .. } => "rented",
            Self::Owned { .. } => "owned",
            Self::Hybrid { .. } => "hybrid",
        }
    }

    /// Its capacity, where it has one.
    #[must_use]
    pub const fn capacity(&self) -> Option<&Capacity> {
        match self {
            Self::Api(_) => None,
            Self::Provisioned { capacity, .. }
            | Self::Rented { capacity, .. }
            | Self::Owned { capacity, .. } => Some(capacity),
            Self::Hybrid { base, .. } => base.capacity(),
        }
    }

    /// Tells the bill of so many replicas, in the mean of the month: all that they cost, whether they serve or idle.
    fn tell_capacity(&self, replicas: f64, tell: &mut impl FnMut(&str, f64, bool)) {
        match self {
            Self::Api(_) => {}
            Self::Provisioned { usd_per_unit, .. } => {
                tell("provisioned units", replicas * usd_per_unit, true);
            }
            Self::Rented {
                gpus_per_replica,
                usd_per_gpu_hour,
                interruption_overhead,
                hours,
                ..
            } => {
                let usd = replicas * *gpus_per_replica as f64 * hours * usd_per_gpu_hour;
                tell("accelerators", usd, true);
                tell("interruptions", usd * interruption_overhead, true);
            }
            Self::Owned {
                gpus_per_replica,
                owned,
                ..
            } => owned.tell(replicas * *gpus_per_replica as f64, tell),
            Self::Hybrid { base, replicas, .. } => base.tell_capacity(*replicas as f64, tell),
        }
    }
}

impl Owned {
    fn tell(&self, gpus: f64, tell: &mut impl FnMut(&str, f64, bool)) {
        let servers = (gpus / self.gpus_per_server.max(1) as f64).ceil();
        let bound = 0.5 * (self.capex_usd + self.residual_usd);
        let spent = servers * (self.capex_usd - self.residual_usd);
        tell("depreciation", spent / self.life_months, true);
        tell(
            "cost of capital",
            servers * bound * self.cost_of_capital / MONTHS_PER_YEAR,
            true,
        );
        let kwh = servers * self.kw * self.pue * HOURS_PER_MONTH;
        tell("power", kwh * self.usd_per_kwh, true);
        tell("colocation", servers * self.colocation_usd, true);
        tell(
            "maintenance",
            servers * self.capex_usd * self.maintenance / MONTHS_PER_YEAR,
            true,
        );
    }
}

impl Scenario {
    /// The bill of a month with this volume; what is paid once is spread over the horizon.
    #[must_use]
    pub fn lines(&self, workload: &Workload, volume: f64, months: u32) -> Vec<Line> {
        let mut lines = Vec::new();
        self.tell_running(workload, volume, &mut |name, usd, is_capacity| {
            lines.push(line(name, usd, is_capacity));
        });
        for (name, usd) in &self.one_off {
            lines.push(line(
                &format!("{name} (once, spread)"),
                usd / f64::from(months.max(1)),
                false,
            ));
        }
        lines.retain(|line| line.usd != 0.0);
        lines
    }

    /// What a month with this volume costs beside what is paid once.
    #[must_use]
    pub fn running_usd(&self, workload: &Workload, volume: f64) -> f64 {
        let mut sum = 0.0;
        self.tell_running(workload, volume, &mut |_, usd, _| sum += usd);
        sum
    }

    /// What is paid once.
    #[must_use]
    pub fn one_off_usd(&self) -> f64 {
        self.one_off.iter().map(|(_, usd)| usd).sum()
    }

    /// Replicas for the busiest minute of a month with this volume; `None` for an API.
    #[must_use]
    pub fn replicas(&self, workload: &Workload, volume: f64) -> Option<u64> {
        match &self.serving {
            Serving::Hybrid { replicas, .. } => Some(*replicas),
            serving => Some(serving.capacity()?.replicas(workload, volume)),
        }
    }

    /// Replicas that are paid in the mean of the month; `None` for an API.
    #[must_use]
    pub fn billed_replicas(&self, workload: &Workload, volume: f64) -> Option<f64> {
        match &self.serving {
            Serving::Hybrid { replicas, .. } => Some(*replicas as f64),
            serving => Some(serving.capacity()?.billed(workload, volume)),
        }
    }

    /// Share of the capacity that is used in the mean; `None` for an API.
    #[must_use]
    pub fn utilisation(&self, workload: &Workload, volume: f64) -> Option<f64> {
        let capacity = self.serving.capacity()?;
        let served = volume * (1.0 - self.overflow_share(workload, volume));
        let all = self.billed_replicas(workload, volume)? * capacity.goodput_rps * SECONDS_PER_MONTH;
        Some(if all > 0.0 { served / all } else { 0.0 })
    }

    /// The same way with machines that always run, where they follow the hour.
    #[must_use]
    pub fn always_on(&self) -> Option<Self> {
        let mut fixed = self.clone();
        let Serving::Rented { capacity, .. } = &mut fixed.serving else {
            return None;
        };
        if capacity.scaling == Scaling::Fixed {
            return None;
        }
        capacity.scaling = Scaling::Fixed;
        Some(fixed)
    }

    /// What a request that was answered well costs: the bill by request, people who take over, and what errors cost
    /// afterwards, by the share that succeeds. `None` where that share is not known.
    #[must_use]
    pub fn usd_per_success(&self, workload: &Workload, usd_per_request: f64) -> Option<f64> {
        let success = self.success.filter(|share| *share > 0.0)?;
        let beside = self.escalation * workload.cost_per_escalation_usd
            + (1.0 - success - self.escalation).max(0.0) * workload.loss_per_error_usd;
        Some((usd_per_request + beside) / success)
    }

    /// Share of the requests that a fixed capacity cannot take.
    #[must_use]
    pub fn overflow_share(&self, workload: &Workload, volume: f64) -> f64 {
        match &self.serving {
            Serving::Hybrid { base, replicas, .. } if volume > 0.0 => {
                let usable = base.capacity().map_or(0.0, Capacity::usable_rps) * *replicas as f64;
                workload
                    .rhythm
                    .rates
                    .share_above(usable * SECONDS_PER_MONTH / volume)
            }
            _ => 0.0,
        }
    }

    fn tell_running(&self, workload: &Workload, volume: f64, tell: &mut impl FnMut(&str, f64, bool)) {
        if let Some(replicas) = self.billed_replicas(workload, volume) {
            self.serving.tell_capacity(replicas, tell);
        }
        match &self.serving {
            Serving::Api(price) => tell("API", volume * price.per_request(workload), false),
            Serving::Hybrid { overflow, .. } => {
                let over = volume * self.overflow_share(workload, volume);
                tell("API for overflow", over * overflow.per_request(workload), false);
            }
            _ => {}
        }
        for staff in &self.staff {
            let usd = staff.fte * staff.usd_per_year * staff.allocation / MONTHS_PER_YEAR;
            tell("staff", usd, false);
        }
        for (name, usd) in &self.monthly_usd {
            tell(name, *usd, false);
        }
    }
}
