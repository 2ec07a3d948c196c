//! A host goes on with a lecture in which much was said.

use std::time::Instant;

use tertulia_core::limits::TEXT_MAX;

use crate::contestant::server::Process;
use crate::kept::{State, lecture};
use crate::measure::{Usage, percentile};
use crate::row::{Row, Spread};
use crate::table::{Output, Table, at_least, at_most};

/// A host starts again: its processor time for each text that was said before, until guests can come
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Texts that were said before
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000], value_parser = at_least::<1>)]
    n: Vec<usize>,
    /// Bytes of a text
    #[arg(long, default_value_t = 64, value_parser = at_most::<TEXT_MAX>)]
    size: usize,
    /// How often each runs; the table says the medians
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    #[command(flatten)]
    output: Output,
}

/// Prints the table.
pub(crate) fn run(args: &Args) {
    let mut table = Table::new("restart", "processor time of the host, ns a text", &args.output);
    for &texts in &args.n {
        for state in [State::Left, State::Whole] {
            let runs: Vec<Figures> = (0..args.runs).map(|_| restart(texts, args.size, state)).collect();
            let of = |figure: fn(&Figures) -> f64| runs.iter().map(figure);
            let took = |hundredths| percentile(&mut of(|run| run.took_us).collect::<Vec<_>>(), hundredths);
            table.add(Row {
                p50_us: took(50),
                p99_us: took(99),
                rss_per_connection: Some(Spread::of(of(|run| run.resident)).median),
                ..Row::new("tertulia", state.name(), texts, args.size, Spread::of(of(|run| run.ns)))
            });
        }
    }
    table.finish();
}

/// What came of one start.
#[derive(Clone, Copy, Debug)]
struct Figures {
    ns: f64,
    took_us: f64,
    resident: f64,
}

fn restart(texts: usize, size: usize, state: State) -> Figures {
    // Whoever starts may write the file anew: each finds one of its own.
    let folder = lecture(texts, size, state);
    let begun = Instant::now();
    let (host, _) = Process::within(folder, &["host"]);
    let (took, usage) = (begun.elapsed(), Usage::of(host.id()));
    Figures {
        ns: usage.processor.as_nanos() as f64 / texts as f64,
        took_us: took.as_nanos() as f64 / 1_000.0,
        resident: usage.resident_most as f64,
    }
}
