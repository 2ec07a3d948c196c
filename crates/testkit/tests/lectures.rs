//! Lectures that must go well, whatever happens. `TERTULIA_SEEDS=1000` plays more, `TERTULIA_SEED=7` plays one.
#![expect(clippy::print_stdout, clippy::arithmetic_side_effects, reason = "for the person who runs more seeds")]

use tertulia_testkit::sim::{Failure, fingerprint, number};
use tertulia_testkit::star::{Mix, Report, play, play_all, play_mix};

const SEEDS: u64 = 800;

#[test]
fn a_lecture_keeps_its_promises_whatever_goes_wrong() {
    if let Some(seed) = number("TERTULIA_SEED") {
        match play(seed, None) {
            Ok(report) => println!("{}", report.trace),
            Err(failure) => panic!("{failure}"),
        }
        return;
    }
    let (failures, reports) = play_all(0..number("TERTULIA_SEEDS").unwrap_or(SEEDS), Mix::draw);
    show_lags(&reports);
    println!("traces: {}", fingerprint(reports.iter().map(|report| &*report.trace)));
    assert_none(&failures);
    for what in SOMETIMES {
        let times: u64 = reports.iter().filter_map(|report| report.seen.get(what)).sum();
        assert!(times > 0, "`{what}` has not happened in {} lectures: they do not test it", reports.len());
    }
}

/// What must happen at least once in the default seeds, or they show nothing about it.
const SOMETIMES: &[&str] = &[
    // What goes wrong.
    "cut_by_fault",
    "half_open",
    "freeze",
    "partition",
    "crash",
    "silent_death",
    "disk_lost",
    "stop",
    "deaf",
    "clock_jump",
    "host_restarted",
    // What kinds of lectures there are.
    "ring_of_15",
    "ticket",
    "lobby",
    "knock",
    "waiting",
    "denied",
    "real",
    // What a host lies about, and who finds that out.
    "lie_two_stories",
    "told_two_stories",
    "compared_two_stories",
    "lie_made_up",
    "shown_with_digits",
    "lie_another_line",
    "told_of_unsigned_question",
    // What comes of it.
    "wrong_kind",
    "backpressure",
    "reading_paused",
    "dial_timed_out",
    "cut",
    "silent",
    "slow",
    "unreachable",
    "superseded",
    "resume",
    "gap",
    "token_again",
    "held",
    "name-2",
    "name_taken",
    "no_such_name",
    "locked",
    "muted",
    "filtered",
    "kicked",
    "kick_was_seen",
    "banned",
    "unbanned",
    "left",
    "ended",
    "bit_flipped",
    "entry_lost",
];

#[test]
fn the_same_seed_gives_the_same_lecture_byte_for_byte() {
    for seed in [3, 14, 159] {
        let [one, other] = [(); 2].map(|()| play(seed, None).unwrap_or_else(|failure| panic!("{failure}")));
        assert_eq!(one.seen, other.seen);
        assert!(one.trace == other.trace, "seed {seed} gives two traces");
    }
}

/// Nothing but its waits keeps a guest away that was only cut off: each of these lectures checks for how long.
#[test]
fn dial_2_whoever_was_only_cut_off_has_all_as_soon_as_it_may_dial() {
    if let Some(seed) = number("TERTULIA_SEED") {
        let report = play_mix(seed, Mix::cuts(seed), None).unwrap_or_else(|failure| panic!("{failure}"));
        println!("{}", report.trace);
        return;
    }
    let (failures, reports) = play_all(0..number("TERTULIA_SEEDS").unwrap_or(SEEDS / 2), Mix::cuts);
    show_lags(&reports);
    assert_none(&failures);
    let cuts: u64 = reports.iter().filter_map(|report| report.seen.get("cut_by_fault")).sum();
    assert!(cuts > 0, "nobody was cut off");
}

fn assert_none(failures: &[Failure]) {
    let shown: Vec<String> = failures.iter().take(5).map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{} lectures failed:\n{}", failures.len(), shown.join("\n"));
}

fn show_lags(reports: &[Report]) {
    for class in ["linked", "half open", "apart"] {
        let lags = reports.iter().flat_map(|report| &report.lags).filter(|(found, _)| *found == class);
        let mut lags: Vec<u64> = lags.map(|(_, lag)| *lag).collect();
        lags.sort_unstable();
        let at = |percent: usize| lags.get(lags.len() * percent / 100).or(lags.last()).copied().unwrap_or(0);
        println!(
            "{class}: {} guests complete after {} ms (half of them), {} ms (9 of 10), {} ms (99 of 100), {} ms (all)",
            lags.len(),
            at(50),
            at(90),
            at(99),
            at(100)
        );
    }
    let mut seen = std::collections::BTreeMap::new();
    reports.iter().flat_map(|report| &report.seen).for_each(|(what, times)| *seen.entry(*what).or_insert(0) += times);
    println!("{seen:?}");
}
