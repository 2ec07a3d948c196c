//! Measures a host with a thousand attendees, some of whom never read.
//!
//! `cargo build --release && cargo run --release -p tertulia-testkit --bin crowd`
//!
//! Arguments: how many attendees (1000), how many of them never read (20), how many lines of 1 KiB (5000).
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::print_stdout,
    reason = "a program for whoever measures: it prints figures, and ends where something goes wrong"
)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tertulia_testkit::real::crowd::{Crowd, line};
use tertulia_testkit::real::hall::{Hall, Usage};
use tokio::time::sleep;

/// Files that a process may need open: one a connection, and some.
const FILES: u64 = 16_384;
/// Long enough for all that follows an arrival to be over.
const REST: Duration = Duration::from_secs(4);

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>().unwrap());
    let mut next = |default| arguments.next().unwrap_or(default);
    let (people, silent, lines) = (next(1_000), next(20), next(5_000));
    rlimit::increase_nofile_limit(FILES).unwrap();
    let program: PathBuf = std::env::current_exe().unwrap().with_file_name("tertulia");
    idle_and_busy(&program, people).await;
    never_read(&program, people, silent, lines).await;
}

/// Processor time for each that joins, memory of connections that only stand, then processor time for each line that
/// reaches somebody.
async fn idle_and_busy(program: &Path, people: usize) {
    let mut hall = Hall::open(program, "idle").await;
    let mut crowd = Crowd::new(hall.ticket.clone());
    let mut memory = Vec::new();
    for attendees in [0, people / 2, people] {
        let before = hall.usage().processor;
        crowd.grow(attendees).await;
        sleep(REST).await;
        let usage = hall.usage();
        memory.push((attendees as f64, usage.resident_kib as f64, (usage.processor - before).as_micros() as f64));
    }
    println!("idle attendees   host's memory, KiB   each, KiB   processor of the host, us a join");
    for (at, (attendees, kib, used)) in memory.iter().enumerate() {
        let before = at.checked_sub(1).map_or((0.0, *kib), |before| (memory[before].0, memory[before].1));
        let joined = (attendees - before.0).max(1.0);
        let used = if at == 0 { 0.0 } else { used / joined };
        println!("{attendees:>14} {kib:>20} {:>11.2} {:>34.0}", (kib - before.1) / joined, used);
    }
    println!("\n{people} attendees, 64 B        processor of the host, ns a delivery   deliveries a second");
    let mut said = 0;
    for (what, lines, burst) in [("one at a time", 300, 1), ("16 at a time", 1_600, 16), ("all at once", 4_000, 4_000)]
    {
        let (before, start) = (hall.usage(), Instant::now());
        for _ in 0..lines / burst {
            for _ in 0..burst {
                hall.say(&line(said, 64)).await;
                said += 1;
            }
            crowd.until_heard(said * people).await;
        }
        let deliveries = (lines * people) as f64;
        let used = (hall.usage().processor - before.processor).as_nanos() as f64 / deliveries;
        println!("{what:<27} {used:>37.0} {:>21.0}", deliveries / start.elapsed().as_secs_f64());
    }
}

/// What those who never read cost the host and the others.
async fn never_read(program: &Path, people: usize, silent: usize, lines: usize) {
    let mut hall = Hall::open(program, "silent").await;
    let mut crowd = Crowd::new(hall.ticket.clone());
    crowd.grow(people - silent).await;
    crowd.add_silent(silent).await;
    sleep(REST).await;
    hall.forget_peak();
    let (before, start) = (hall.usage(), Instant::now());
    for number in 0..lines {
        hall.say(&line(number, 1_024)).await;
    }
    crowd.until_heard(lines * (people - silent)).await;
    let heard = start.elapsed();
    let cut = hall.until_slow(silent).await;
    let Usage { resident_kib, peak_kib, processor } = hall.usage();
    println!("\n{people} attendees, {silent} never read, {lines} lines of 1 KiB");
    println!("{} have all, in order, after {:.1} s", people - silent, heard.as_secs_f64());
    println!("{cut} were cut as slow, the last after {:.1} s", start.elapsed().as_secs_f64());
    println!("host's memory before {} KiB, after {resident_kib} KiB", before.resident_kib);
    println!("peak {peak_kib} KiB: {:.1} MiB more than before", (peak_kib - before.resident_kib) as f64 / 1_024.0);
    let each = (processor - before.processor).as_nanos() as f64 / (lines * people) as f64;
    println!("host's processor {each:.0} ns a delivery");
}
