//! Measures what Tertulia costs, beside what others cost.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::wildcard_enum_match_arm,
    reason = "a program for whoever measures: it prints figures, and ends where something goes wrong"
)]

mod catchup;
mod codec;
mod contestant;
mod crowd;
mod fanout;
mod idle;
mod instructions;
mod join;
mod kept;
mod measure;
mod mesh;
mod plot;
mod registry;
mod restart;
mod row;
mod table;
mod tally;
mod trial;

use clap::Parser as _;

/// What Tertulia costs, beside what others cost
#[derive(Debug, clap::Parser)]
#[command(name = "tertulia-bench", version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Fanout(fanout::Args),
    Join(join::Args),
    Idle(idle::Args),
    Mesh(mesh::Args),
    Registry(registry::Args),
    Catchup(catchup::Args),
    Restart(restart::Args),
    Codec(codec::Args),
    Instructions(instructions::Args),
    #[command(hide = true)]
    Host(contestant::ours::Args),
    #[command(hide = true)]
    Guest(catchup::Guest),
    #[command(hide = true)]
    Directory(registry::links::Args),
    #[command(hide = true)]
    Floor(contestant::floor::Args),
}

fn main() {
    match Cli::parse().verb {
        Verb::Fanout(args) => fanout::run(&args),
        Verb::Join(args) => join::run(&args),
        Verb::Idle(args) => idle::run(&args),
        Verb::Mesh(args) => mesh::run(&args),
        Verb::Registry(args) => registry::run(&args),
        Verb::Catchup(args) => catchup::run(&args),
        Verb::Restart(args) => restart::run(&args),
        Verb::Codec(args) => codec::run(&args),
        Verb::Instructions(args) => instructions::run(&args),
        Verb::Directory(args) => registry::links::serve(&args),
        Verb::Guest(args) => catchup::attend(&args),
        Verb::Host(args) => contestant::ours::serve(&args),
        Verb::Floor(args) => contestant::floor::serve(&args),
    }
}
