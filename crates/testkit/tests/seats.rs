//! Core's fold of seats against the pseudo-code of SPEC.md. `TERTULIA_SEEDS=100000` plays more, `TERTULIA_SEED=7` one.
#![expect(clippy::print_stdout, reason = "for the person who runs more seeds")]

use tertulia_testkit::seats::{play, play_all};
use tertulia_testkit::sim::number;

const SEEDS: u64 = 2000;

#[test]
fn core_seats_whom_the_page_seats_whatever_the_order() {
    if let Some(seed) = number("TERTULIA_SEED") {
        match play(seed) {
            Ok(report) => println!("{report:?}"),
            Err(failure) => panic!("{failure}"),
        }
        return;
    }
    let (failures, seen) = play_all(0..number("TERTULIA_SEEDS").unwrap_or(SEEDS));
    seen.iter().for_each(|(what, times)| println!("{times:>8} {what}"));
    let shown: Vec<String> = failures.iter().take(5).map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{} meetings differ:\n{}", failures.len(), shown.join("\n"));
    for what in SOMETIMES {
        assert!(seen.contains_key(what), "`{what}` has not happened: the meetings do not test it");
    }
}

/// What must happen at least once in the default seeds, or they show nothing about it.
const SOMETIMES: &[&str] = &[
    "seated",
    "out",
    "not back yet",
    "seated again",
    "chain does not hold",
    "chain broken",
    "seated though somebody of the chain is out",
    "seated by a deep chain",
    "seated, not here",
    "not admitted",
    "kept with a void ticket",
    "shut out",
    "kept behind the door",
    "by hand through the door",
    "locked",
    "host out",
    "host forgiven",
    "hosts revoke each other",
    "revoke of a senior",
    "act cut",
    "act of no host",
    "answered twice",
    "muted",
    "forked",
    "ended",
    "star",
];
