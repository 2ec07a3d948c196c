//! Measures what it costs a host with a thousand attendees that some of them never read; what all who do cost it,
//! `tertulia-bench` measures.
//!
//! `cargo build --release && cargo run --release -p tertulia-testkit --bin crowd`
//!
//! Arguments: how many attendees (1000), how many of them never read (20), how many lines of 1 KiB (5000).
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
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
    never_read(&program, people, silent, lines).await;
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
