//! What is printed: a table for people, or an object a row for programs.

use std::path::PathBuf;

use serde::Serialize;

use crate::measure::percentile;
use crate::plot;

/// Where figures go.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Output {
    /// One JSON object a row
    #[arg(long)]
    json: bool,
    /// Draws each table as an SVG file in this folder
    #[arg(long, value_name = "DIR")]
    plot: Option<PathBuf>,
}

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
            rss_per_connection: None,
            lost: None,
            entry_frames_per_delivery: None,
            digest_frames_per_delivery: None,
        }
    }
}

/// A table that is being measured.
#[derive(Debug)]
pub(crate) struct Table {
    name: &'static str,
    /// What the first figure is.
    figure: &'static str,
    output: Output,
    rows: Vec<Row>,
}

impl Table {
    pub(crate) fn new(name: &'static str, figure: &'static str, output: &Output) -> Self {
        if !output.json {
            println!("{name}: {figure}\n{}", heading());
        }
        Self { name, figure, output: output.clone(), rows: Vec::new() }
    }

    /// Prints a row as soon as it is there.
    pub(crate) fn add(&mut self, row: Row) {
        if self.output.json {
            println!("{}", serde_json::to_string(&row).unwrap());
        } else {
            println!("{}", line(&row));
        }
        self.rows.push(row);
    }

    /// All rows are there.
    pub(crate) fn finish(self) {
        if let Some(folder) = &self.output.plot {
            plot::draw(folder, self.name, self.figure, &self.rows);
        }
    }
}

fn heading() -> String {
    format!(
        "{:<18} {:<6} {:>5} {:>5} {:>6} {:>9} {:>15} {:>9} {:>10} {:>8} {:>8} {:>8} {:>5}",
        "contestant",
        "load",
        "cores",
        "n",
        "bytes",
        "cpu ns",
        "least-most",
        "load gen.",
        "a second",
        "p50 us",
        "p99 us",
        "rss B",
        "lost"
    )
}

fn line(row: &Row) -> String {
    let figure = |figure: Option<f64>| figure.map_or("-".into(), |figure| format!("{figure:.0}"));
    let spread = format!("{:.0}-{:.0}", row.cpu_ns_least, row.cpu_ns_most);
    format!(
        "{:<18} {:<6} {:>5} {:>5} {:>6} {:>9.0} {spread:>15} {:>9} {:>10} {:>8} {:>8} {:>8} {:>5}",
        row.contestant,
        row.load,
        row.cores.map_or("-".into(), |cores| cores.to_string()),
        row.n,
        row.size,
        row.cpu_ns_per_delivery,
        figure(row.generator_ns_per_delivery),
        figure(row.deliveries_per_s),
        figure(row.p50_us),
        figure(row.p99_us),
        figure(row.rss_per_connection),
        row.lost.map_or("-".into(), |lost| lost.to_string()),
    )
}
