//! What it costs a host that somebody is there and nobody speaks.

use std::time::Duration;

use crate::fanout::Field;
use crate::row::{Row, Spread};
use crate::table::{Output, Table, seconds};
use crate::trial::{Load, Setting, Trial};

/// Nobody speaks: processor time of the host for each guest a minute, and its memory for each
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    field: Field,
    /// For so many seconds; what both sides say every five takes some of them to go together
    #[arg(long, default_value_t = 60.0, value_parser = seconds)]
    seconds: f64,
    #[command(flatten)]
    output: Output,
}

/// Prints the table.
pub(crate) fn run(args: &Args) {
    let mut table = Table::new("idle", "processor time of the host, ns a guest a minute", &args.output);
    let span = Duration::from_secs_f64(args.seconds);
    for &cores in &args.field.cores() {
        for &guests in &args.field.n {
            let setting = Setting { guests, size: 0, cores, loads: &[Load::Idle], span, patience: Duration::ZERO };
            for (contestant, trials) in args.field.trials(setting) {
                let spread = |figure: fn(&Trial) -> f64| Spread::of(trials.iter().map(figure));
                table.add(Row {
                    generator_ns_per_delivery: Some(spread(|trial| trial.figures[0].generator_ns).median),
                    rss_per_connection: Some(spread(|trial| trial.resident).median),
                    cores,
                    ..Row::new(contestant.name, "idle", guests, 0, spread(|trial| trial.figures[0].server_ns))
                });
            }
        }
    }
    table.finish();
}
