//! Registries: what a record costs the machine alone, without signatures, and what it costs a process over real links,
//! with them.

pub(crate) mod links;
mod machine;

use crate::row::Row;
use crate::table::{Output, Table, at_least};

/// A registry: processor time and memory for each record, and each question
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Records of the machine alone
    #[arg(long, value_delimiter = ',', default_values_t = [100_000], value_parser = at_least::<1>)]
    n: Vec<usize>,
    /// Records over links, 16 each
    #[arg(long, value_delimiter = ',', default_values_t = [4_096], value_parser = at_least::<1>)]
    links: Vec<usize>,
    /// How often records are published over links; the table says the medians
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    #[command(flatten)]
    output: Output,
}

/// Prints the table.
pub(crate) fn run(args: &Args) {
    let mut table = Table::new("registry", "processor time of the registry, ns each", &args.output);
    let mut add = |row: Row| table.add(row);
    // First, while this process has no memory to give back.
    args.n.iter().for_each(|records| machine::measure(*records, &mut add));
    args.links.iter().for_each(|records| links::measure(*records, args.runs, &mut add));
    table.finish();
}
