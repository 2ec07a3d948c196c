//! What a table has a line of.

use serde::Serialize;

use crate::measure::percentile;

/// A figure of several runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
    pub(crate) runs: usize,
}

impl Spread {
    pub(crate) fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut figures: Vec<f64> = figures.collect();
        let median = percentile(&mut figures, 50).expect("at least one run");
        Self { median, least: figures[0], most: figures[figures.len() - 1], runs: figures.len() }
    }
}

/// One row of any table. A delivery is whatever the table counts; what a table does not measure is none.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) contestant: String,
    pub(crate) load: String,
    pub(crate) n: usize,
    /// Bytes of a message.
    pub(crate) size: usize,
    /// Of which 1: all ran on one processor; 2: the server had one, the load generator another.
    pub(crate) cores: Option<u8>,
    pub(crate) runs: usize,
    /// The median of all runs, as are those below.
    pub(crate) cpu_ns_per_delivery: f64,
    pub(crate) cpu_ns_least: f64,
    pub(crate) cpu_ns_most: f64,
    /// What the load generator used for the same delivery.
    pub(crate) generator_ns_per_delivery: Option<f64>,
    pub(crate) deliveries_per_s: Option<f64>,
    pub(crate) p50_us: Option<f64>,
    pub(crate) p99_us: Option<f64>,
    /// In any run.
    pub(crate) most_us: Option<f64>,
    /// Bytes.
    pub(crate) rss_per_connection: Option<f64>,
    /// In all runs.
    pub(crate) lost: Option<u64>,
    pub(crate) entry_frames_per_delivery: Option<f64>,
    pub(crate) digest_frames_per_delivery: Option<f64>,
}

impl Row {
    pub(crate) fn new(contestant: &str, load: &str, n: usize, size: usize, cpu_ns: Spread) -> Self {
        Self {
            contestant: contestant.into(),
            load: load.into(),
            n,
            size,
            cores: None,
            runs: cpu_ns.runs,
            cpu_ns_per_delivery: cpu_ns.median,
            cpu_ns_least: cpu_ns.least,
            cpu_ns_most: cpu_ns.most,
            generator_ns_per_delivery: None,
            deliveries_per_s: None,
            p50_us: None,
            p99_us: None,
            most_us: None,
            rss_per_connection: None,
            lost: None,
            entry_frames_per_delivery: None,
            digest_frames_per_delivery: None,
        }
    }
}
