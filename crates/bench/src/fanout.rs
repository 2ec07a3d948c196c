//! One speaks, all hear: what a message costs whoever passes it on, for each that gets it.

use std::time::Duration;

use tertulia_core::limits::TEXT_MAX;

use crate::contestant;
use crate::contestant::server::Contestant;
use crate::row::{Row, Spread};
use crate::table::{Output, Table, at_least, at_most, seconds};
use crate::trial::{self, Load, Setting, Trial};

/// One speaks to many: processor time of the host for each message that reaches somebody
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) field: Field,
    /// How it is spoken to
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["one", "16", "open", "20/s"])]
    load: Vec<Load>,
    /// Bytes of a message
    #[arg(long, value_delimiter = ',', default_values_t = [64], value_parser = at_most::<TEXT_MAX>)]
    size: Vec<usize>,
    /// Seconds of each load
    #[arg(long, default_value_t = 1.0, value_parser = seconds)]
    seconds: f64,
    /// What has not come for so many seconds is lost
    #[arg(long, default_value_t = 20.0)]
    patience: f64,
    #[command(flatten)]
    output: Output,
}

/// Who takes part, and in what.
#[derive(Debug, clap::Args)]
pub(crate) struct Field {
    /// Guests
    #[arg(long, value_delimiter = ',', default_values_t = [100, 1_000], value_parser = at_least::<1>)]
    pub(crate) n: Vec<usize>,
    /// Only on one processor, or the host on one and all else on another; else, nothing is pinned
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u8).range(1..=2))]
    cores: Vec<u8>,
    /// How often each runs, in turns; the tables say the medians
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Servers of others too, as far as they are installed
    #[arg(long)]
    peers: bool,
    /// Nobody but these
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

impl Field {
    /// Those who take part; says who is missing.
    pub(crate) fn contestants(&self) -> Vec<Contestant> {
        contestant::all(self.peers, &self.only)
    }

    /// One processor, two, or as it comes.
    pub(crate) fn cores(&self) -> Vec<Option<u8>> {
        if self.cores.is_empty() { vec![None] } else { self.cores.iter().copied().map(Some).collect() }
    }

    /// Runs everybody in turns: of each contestant its trials.
    pub(crate) fn trials(&self, setting: Setting<'_>) -> Vec<(Contestant, Vec<Trial>)> {
        let able = self.contestants().into_iter().filter(|one| setting.size <= one.size_max);
        let mut trials: Vec<_> = able.map(|one| (one, Vec::new())).collect();
        for _ in 0..self.runs {
            for (contestant, trials) in &mut trials {
                trials.push(trial::run(contestant, setting));
            }
        }
        trials
    }
}

/// Prints the table.
pub(crate) fn run(args: &Args) {
    let mut table = Table::new("fanout", "processor time of the host, ns a delivery", &args.output);
    for &cores in &args.field.cores() {
        for &guests in &args.field.n {
            for &size in &args.size {
                let [span, patience] = [args.seconds, args.patience].map(Duration::from_secs_f64);
                let setting = Setting { guests, size, cores, loads: &args.load, span, patience };
                for (contestant, trials) in args.field.trials(setting) {
                    rows(&contestant, setting, &trials).into_iter().for_each(|row| table.add(row));
                }
            }
        }
    }
    table.finish();
}

fn rows(contestant: &Contestant, setting: Setting<'_>, trials: &[Trial]) -> Vec<Row> {
    let of_load = |(at, load): (usize, &Load)| {
        let figures: Vec<_> = trials.iter().map(|trial| trial.figures[at]).collect();
        let server = Spread::of(figures.iter().map(|one| one.server_ns));
        Row {
            generator_ns_per_delivery: Some(Spread::of(figures.iter().map(|one| one.generator_ns)).median),
            deliveries_per_s: Some(Spread::of(figures.iter().map(|one| one.deliveries_per_s)).median),
            p50_us: Some(Spread::of(figures.iter().map(|one| one.p50_us)).median),
            p99_us: Some(Spread::of(figures.iter().map(|one| one.p99_us)).median),
            most_us: Some(Spread::of(figures.iter().map(|one| one.most_us)).most),
            rss_per_connection: Some(Spread::of(trials.iter().map(|trial| trial.resident)).median),
            lost: Some(figures.iter().map(|one| one.lost).sum()),
            cores: setting.cores,
            ..Row::new(contestant.name, load.name(), setting.guests, setting.size, server)
        }
    };
    setting.loads.iter().enumerate().map(of_load).collect()
}
