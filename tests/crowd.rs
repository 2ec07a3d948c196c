//! The crowd in small: those who never read are cut off, and cost the host and the others nothing.
//! In large: `crates/testkit/src/bin/crowd.rs`.

#![allow(clippy::arithmetic_side_effects, reason = "small numbers")]

use std::path::Path;

use tertulia_testkit::real::crowd::{Crowd, line};
use tertulia_testkit::real::hall::Hall;

const ATTENDEES: usize = 100;
const SILENT: usize = 2;
const LINES: usize = 300;
/// A thousand may cost the host twice this.
const GROWTH_MAX_KIB: u64 = 16 * 1_024;

#[tokio::test(flavor = "multi_thread")]
async fn slow_1_who_never_reads_is_cut_off_and_the_others_have_all() {
    let mut hall = Hall::open(Path::new(env!("CARGO_BIN_EXE_tertulia")), "crowd").await;
    let mut crowd = Crowd::new(hall.ticket.clone());
    crowd.grow(ATTENDEES - SILENT).await;
    crowd.add_silent(SILENT).await;
    hall.forget_peak();
    let before = hall.usage();
    for number in 0..LINES {
        hall.say(&line(number, 1_024)).await;
    }
    crowd.until_heard(LINES * (ATTENDEES - SILENT)).await;
    assert_eq!(hall.until_slow(SILENT).await, SILENT);
    let grown = hall.usage().peak_kib - before.resident_kib;
    assert!(grown < GROWTH_MAX_KIB, "the host's memory grew by {grown} KiB");
    // The others are still there, and hear what follows.
    hall.say(&line(LINES, 1_024)).await;
    crowd.until_heard((LINES + 1) * (ATTENDEES - SILENT)).await;
}
