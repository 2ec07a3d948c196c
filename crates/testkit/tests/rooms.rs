//! Rooms that must go well, whatever happens. `TERTULIA_SEEDS=1000` plays more, `TERTULIA_SEED=7` plays one.
#![expect(clippy::print_stdout, clippy::arithmetic_side_effects, reason = "for the person who runs more seeds")]

use std::collections::BTreeMap;

use tertulia_testkit::mesh::{Deed, Load, Mix, Report, Traffic, carry, play, play_all, play_mix};
use tertulia_testkit::sim::{fingerprint, number};

const SEEDS: u64 = 150;

#[test]
fn a_room_keeps_its_promises_whatever_goes_wrong() {
    if let Some(seed) = number("TERTULIA_SEED") {
        match play(seed, None) {
            Ok(report) => println!("{}", report.trace),
            Err(failure) => panic!("{failure}"),
        }
        return;
    }
    let (failures, reports) = play_all(0..number("TERTULIA_SEEDS").unwrap_or(SEEDS));
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    reports.iter().flat_map(|report| &report.seen).for_each(|(what, times)| *seen.entry(*what).or_insert(0) += times);
    show(&reports, &seen);
    println!("traces: {}", fingerprint(reports.iter().map(|report| &*report.trace)));
    let shown: Vec<String> = failures.iter().take(5).map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{} rooms failed:\n{}", failures.len(), shown.join("\n"));
    for what in SOMETIMES {
        assert!(seen.contains_key(what), "`{what}` has not happened in {} rooms: they do not test it", reports.len());
    }
    let (frames, entries) = (seen["entry_frames"], seen["entries"]);
    assert!(frames * 100 <= entries * 110, "{frames} ENTRY frames came for {entries} entries: more than 1.1 each");
}

/// What must happen at least once in the default seeds, or they show nothing about it.
const SOMETIMES: &[&str] = &[
    "cut_by_fault",
    "half_open",
    "freeze",
    "partition",
    "crash",
    "silent_death",
    "stop",
    "restarted",
    "late_join",
    "ticket",
    "lobby",
    "knock",
    "waiting",
    "denied",
    "real",
    "dial_timed_out",
    "silent",
    "duplicate",
    "fetch",
    "unlinked",
    "another_name",
    "alone",
    "name_taken",
    "no_such_name",
    "not_linked",
    "token_again",
    "kicked",
    "banned",
    "forgiven",
    "muted",
    "locked",
    "left",
    "forked",
    "bit_flipped",
    "entry_lost",
    "byzantine_listens",
    "byzantine_leaves_and_stays",
    "byzantine_signs_twice",
    "byzantine_makes_spares",
    "byzantine_names_ghosts",
    "byzantine_rules",
    "byzantine_replays",
    "byzantine_comes_again",
    "byzantine_kicked",
    "byzantine_claims_much",
    "byzantine_shown",
    "byzantine_withholds",
];

#[test]
fn the_same_seed_gives_the_same_room_byte_for_byte() {
    for seed in [3, 14, 159] {
        let [one, other] = [(); 2].map(|()| play(seed, None).unwrap_or_else(|failure| panic!("{failure}")));
        assert_eq!(one.seen, other.seen);
        assert!(one.trace == other.trace, "seed {seed} gives two traces");
    }
}

/// What a branch writes faster than that is there after a minute, and nobody is worse off for it.
#[test]
fn mesh_30_a_branch_that_fills_is_fetched_no_faster_than_it_may() {
    let mut mix = Mix::calm().with(Deed::Fills);
    mix.length_ms = 60_000;
    let report = play_mix(0, mix, None).unwrap_or_else(|failure| panic!("{failure}"));
    let shown = report.seen["byzantine_shown"];
    assert!(shown >= 5 * 400, "{shown} lines of what fills are shown");
}

/// What talk costs on the wire in a room of `members`, with so many speakers and lines a second, for so many seconds: where
/// a speaker's lines come one soon after the other, one DIGEST covers some of them; else each line has one of each reader's.
fn costs(members: usize, loads: &[(usize, u64, u64)]) {
    println!(
        "members, speakers, lines a second: ENTRY, DIGEST, bytes a delivery; known to be with all on average, at most"
    );
    for (speakers, per_second, seconds) in loads.iter().copied() {
        let load = Load { members, speakers, per_second, seconds };
        let Traffic { entries, digests, bytes, known_ms: (average, most), .. } = carry(load);
        println!(
            "{members:2} {speakers:2} {per_second:3}: {entries:.3} {digests:.3} {bytes:4.0}; {average} ms, {most}"
        );
        assert!(entries <= 1.1, "{entries} ENTRY frames for a delivery: {load:?}");
        let most_digests = if speakers == members { 1.1 } else { 0.5 };
        assert!(digests <= most_digests, "{digests} DIGEST frames for a delivery: {load:?}");
        assert!(most <= 2_700, "an author knows after {most} ms that all have a line: {load:?}");
    }
}

#[test]
fn mesh_31_what_a_line_costs_in_a_room_of_16() {
    costs(16, &[(1, 1, 60), (1, 10, 30), (8, 100, 10), (16, 1, 64), (16, 10, 32), (16, 100, 10)]);
}

#[test]
fn mesh_31_what_a_line_costs_in_a_room_of_64() {
    costs(64, &[(1, 1, 45), (1, 10, 10), (8, 100, 3)]);
}

fn show(reports: &[Report], seen: &BTreeMap<&str, u64>) {
    let linked: Vec<u64> = reports.iter().map(|report| report.linked_ms).collect();
    let complete: Vec<u64> = reports.iter().map(|report| report.complete_ms).collect();
    for (what, mut lags) in [("linked", linked), ("complete", complete)] {
        lags.sort_unstable();
        let at = |percent: usize| lags.get(lags.len() * percent / 100).or(lags.last()).copied().unwrap_or(0);
        println!("{what} after {} ms (half), {} (9 of 10), {} (99 of 100), {} (all)", at(50), at(90), at(99), at(100));
    }
    let share = |what| seen.get(what).copied().unwrap_or(0);
    println!("{} ENTRY frames for {} entries", share("entry_frames"), share("entries"));
    println!("{seen:?}");
}
