//! Friends to whom everything comes once, whatever happens. `TERTULIA_SEEDS=1000` plays more, `TERTULIA_SEED=7` one.
#![expect(clippy::print_stdout, reason = "for the person who runs more seeds")]

use tertulia_testkit::friends::{play, play_all};
use tertulia_testkit::sim::{Canary, fingerprint, number};

const SEEDS: u64 = 500;

#[test]
fn contact_6_and_contact_7_friends_keep_their_promises_whatever_goes_wrong() {
    if let Some(seed) = number("TERTULIA_SEED") {
        match play(seed, None) {
            Ok(report) => println!("{}", report.trace),
            Err(failure) => panic!("{failure}"),
        }
        return;
    }
    let seeds = number("TERTULIA_SEEDS").unwrap_or(SEEDS);
    let (failures, reports) = play_all(0..seeds);
    println!("traces: {}", fingerprint(reports.iter().map(|report| &*report.trace)));
    assert!(failures.is_empty(), "{} of {seeds} failed; the first: {}", failures.len(), failures[0]);
    for what in SOMETIMES {
        let times: u64 = reports.iter().filter_map(|report| report.seen.get(what)).sum();
        assert!(times > 0, "`{what}` has not happened in {seeds} circles: they do not test it");
    }
}

/// What must happen at least once in the default seeds, or they show nothing about it.
const SOMETIMES: &[&str] = &[
    "cut_by_fault",
    "half_open",
    "crash",
    "silent_death",
    "partition",
    "dial_timed_out",
    "fetch",
    "held",
    "moved",
    "both_at_once",
    "two_links",
    "unneeded",
    "cut",
    "silent",
    "bit_flipped",
    "entry_lost",
];

#[test]
fn planted_bugs_are_found() {
    for canary in [
        Canary::ShownTwice,
        Canary::NotShown,
        Canary::DiskForgets,
        Canary::ReceivedForgotten,
        Canary::DigestsLost,
        Canary::AcknowledgementsLost,
        Canary::DownNeverTold,
        Canary::RedialNever,
        Canary::TimerLate,
        Canary::DialsTwice,
    ] {
        let caught = (0..20).any(|seed| play(seed, Some(canary)).is_err());
        assert!(caught, "{canary:?} is not noticed");
    }
}
