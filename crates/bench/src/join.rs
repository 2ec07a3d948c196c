//! What it costs a host that somebody comes, and that somebody is there.

use std::time::Duration;

use crate::fanout::Field;
use crate::row::{Row, Spread};
use crate::table::{Output, Table};
use crate::trial::{Setting, Trial};

/// Many come: processor time of the host for each, and its memory for each that is there
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    field: Field,
    #[command(flatten)]
    output: Output,
}

/// Prints the table.
pub(crate) fn run(args: &Args) {
    let mut table = Table::new("join", "processor time of the host, ns a join", &args.output);
    for &cores in &args.field.cores() {
        for &guests in &args.field.n {
            let setting =
                Setting { guests, size: 0, cores, loads: &[], span: Duration::ZERO, patience: Duration::ZERO };
            for (contestant, trials) in args.field.trials(setting) {
                let median = |figure: fn(&Trial) -> f64| Spread::of(trials.iter().map(figure)).median;
                table.add(Row {
                    deliveries_per_s: Some(median(|trial| trial.joins_per_s)),
                    rss_per_connection: Some(median(|trial| trial.resident)),
                    cores,
                    ..Row::new(contestant.name, "join", guests, 0, Spread::of(trials.iter().map(|trial| trial.join_ns)))
                });
            }
        }
    }
    table.finish();
}
