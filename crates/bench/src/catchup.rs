//! Somebody comes late to a lecture, and gets all that was said before.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use tertulia_core::event::{Event, Kind};
use tertulia_core::limits::{TALK_ENTRIES_MAX, TEXT_MAX};
use tertulia_core::node;
use tertulia_core::star::Attendee;
use tertulia_net::{Home, Setup, start};
use tertulia_testkit::real::local::newcomer;
use tokio::time::timeout;

use crate::contestant::ours::HOME;
use crate::contestant::server::{Process, end_with_parent, number};
use crate::kept::{State, lecture};
use crate::measure::{Usage, percentile};
use crate::row::{Row, Spread};
use crate::table::{Output, Table, at_most};

/// What has not come by then does not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A guest catches up: its processor time, and the host's, for each text that was said before
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Texts that were said before
    #[arg(long, value_delimiter = ',', default_values_t = [TALK_ENTRIES_MAX], value_parser = at_most::<TALK_ENTRIES_MAX>)]
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
    let mut table = Table::new("catchup", "processor time of the guest, ns a text", &args.output);
    for &texts in &args.n {
        let (host, line) = Process::within(lecture(texts, args.size, State::Left), &["host"]);
        let (address, _) = line.split_once(' ').expect("two addresses");
        let runs: Vec<Figures> = (0..args.runs).map(|_| catch_up(&host, address, texts)).collect();
        let of = |figure: fn(&Figures) -> f64| runs.iter().map(figure);
        let took = |hundredths| percentile(&mut of(|run| run.took_us).collect::<Vec<_>>(), hundredths);
        table.add(Row {
            generator_ns_per_delivery: Some(Spread::of(of(|run| run.host_ns)).median),
            p50_us: took(50),
            p99_us: took(99),
            ..Row::new("tertulia", "catch up", texts, args.size, Spread::of(of(|run| run.guest_ns)))
        });
    }
    table.finish();
}

/// What came of one guest.
#[derive(Clone, Copy, Debug)]
struct Figures {
    guest_ns: f64,
    host_ns: f64,
    took_us: f64,
}

fn catch_up(host: &Process, address: &str, texts: usize) -> Figures {
    let before = Usage::of(host.id());
    let (_guest, line) = Process::own(&["guest", address, &texts.to_string()]);
    let host = Usage::of(host.id()).processor - before.processor;
    let (processor, took) = line.split_once(' ').expect("two figures");
    let nanos = |figure: &str| figure.parse::<f64>().unwrap();
    let each = |figure: f64| figure / texts as f64;
    Figures { guest_ns: each(nanos(processor)), host_ns: each(host.as_nanos() as f64), took_us: nanos(took) / 1_000.0 }
}

/// Attends a lecture until all is there that was said before.
#[derive(Debug, clap::Args)]
pub(crate) struct Guest {
    host: SocketAddr,
    texts: usize,
}

/// Prints the processor time of this process, and how long it took, in nanoseconds.
pub(crate) fn attend(args: &Guest) {
    end_with_parent();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let home = Home::open(Path::new(HOME)).unwrap();
        let newcomer = newcomer("guest", home.identity(), &[args.host], None);
        let (identity, started_ms) = (home.identity(), newcomer.started_ms);
        let setup = Setup { identity, started_ms, listener: None, home: Some(home), trace: None };
        let (before, begun) = (Usage::own(), Instant::now());
        let mut node = start(node::Node::new(Attendee::new(newcomer)), setup).unwrap();
        let mut next = 0;
        while next < args.texts {
            let event = timeout(PATIENCE, node.events.recv()).await.expect("all comes in time");
            match event.expect("the guest runs") {
                Event::Message { kind: Kind::Text(_), text, .. } => {
                    assert_eq!(number(text.as_bytes()), next, "each comes once, and in order");
                    next += 1;
                }
                Event::Closed { code, ending } => panic!("the guest is out: {code}, {ending:?}"),
                Event::Gap { first, next, .. } => panic!("{first} to {next} are missing"),
                _ => {}
            }
        }
        let (took, after) = (begun.elapsed(), Usage::own());
        println!("{} {}", (after.processor - before.processor).as_nanos(), took.as_nanos());
    });
}
