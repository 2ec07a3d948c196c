//! What is printed: a table for people, or an object a row for programs.

use std::path::PathBuf;

use crate::plot;
use crate::row::Row;

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

/// So many of something: fewer than `LEAST` say nothing.
pub(crate) fn at_least<const LEAST: usize>(number: &str) -> Result<usize, String> {
    let number = number.parse().ok().filter(|number| *number >= LEAST);
    number.ok_or_else(|| format!("a number was expected, {LEAST} or more"))
}

/// So many of something, and no more than there can be.
pub(crate) fn at_most<const MOST: usize>(number: &str) -> Result<usize, String> {
    let number = number.parse().ok().filter(|number| (1..=MOST).contains(number));
    number.ok_or_else(|| format!("a number was expected, 1 to {MOST}"))
}

/// How long a load takes.
pub(crate) fn seconds(number: &str) -> Result<f64, String> {
    let number = number.parse().ok().filter(|seconds| (0.01..=1e6).contains(seconds));
    number.ok_or_else(|| "seconds were expected, 0.01 or more".into())
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
        "{:<13} {:<22} {:>5} {:>7} {:>5} {:>9} {:>17} {:>9} {:>10} {:>8} {:>8} {:>8} {:>8} {:>5}",
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
        "most us",
        "rss B",
        "lost"
    )
}

fn line(row: &Row) -> String {
    let figure = |figure: Option<f64>| figure.map_or("-".into(), |figure| format!("{figure:.0}"));
    let spread = format!("{:.0}-{:.0}", row.cpu_ns_least, row.cpu_ns_most);
    format!(
        "{:<13} {:<22} {:>5} {:>7} {:>5} {:>9.0} {spread:>17} {:>9} {:>10} {:>8} {:>8} {:>8} {:>8} {:>5}",
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
        figure(row.most_us),
        figure(row.rss_per_connection),
        row.lost.map_or("-".into(), |lost| lost.to_string()),
    )
}
