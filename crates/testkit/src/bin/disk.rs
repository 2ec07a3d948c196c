//! Measures how long the file of a log gets, and what its next run needs to start, in time and memory.
//!
//! `cargo run --release -p tertulia-testkit --bin disk`
//!
//! Arguments: how many entries (1000000), bytes of each text (1400: a log is full in entries and in bytes at once).
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::print_stdout,
    reason = "a program for whoever measures: it prints figures, and ends where something goes wrong"
)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use tertulia_core::id::{MeetingId, Salt};
use tertulia_core::limits::TALK_ENTRIES_MAX;
use tertulia_core::log::Log;
use tertulia_core::time::{self, Now};
use tertulia_core::wire::entry::EntryBody;
use tertulia_core::wire::field::Text;
use tertulia_net::{Home, MeetingFiles};

const MEETING: MeetingId = MeetingId([7; 16]);
const NOW: Now = Now { tick: time::Instant(1), unix_ms: 1_700_000_000_000 };
/// What processes of their own are told to do, in a home.
const FILL: &str = "fill";
const START: &str = "start";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |word: &&str| word.parse().unwrap();
    match arguments.as_slice() {
        [FILL, home, entries, bytes] => fill(Path::new(home), number(entries), number(bytes)),
        [START, home] => start(Path::new(home)),
        numbers => measure(numbers.first().map_or(1_000_000, number), numbers.get(1).map_or(1_400, number)),
    }
}

fn measure(entries: u64, bytes: u64) {
    let homes = std::env::temp_dir().join(format!("tertulia-disk-{}", std::process::id()));
    let [empty, full] = ["empty", "full"].map(|name| homes.join(name));
    drop(Home::open(&empty).unwrap());
    drop(Home::open(&full).unwrap());
    child(FILL, &full, &[entries, bytes]);
    for (what, home) in [
        ("with nothing", &empty),
        ("with a file as long as it gets, which it writes anew", &full),
        ("with a file that was just written anew", &full),
    ] {
        println!("\nthe next run, {what}");
        child(START, home, &[]);
    }
    std::fs::remove_dir_all(homes).unwrap();
}

/// Only a new process has had no more memory than it needs; and what a thread of it does ends with it.
fn child(what: &str, home: &Path, numbers: &[u64]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(what).arg(home).args(numbers.iter().map(u64::to_string)).stdout(Stdio::inherit());
    assert!(command.status().unwrap().success());
}

/// Writes so many entries, and goes on until the file is about to be written anew.
fn fill(home: &Path, entries: u64, bytes: u64) {
    let home = Home::open(home).unwrap();
    let (us, files) = (home.identity(), home.meeting(MEETING).unwrap());
    let (mut log, text) = (Log::new(MEETING, TALK_ENTRIES_MAX), "x".repeat(bytes as usize));
    let (mut written, mut alone, mut together) = (0, 0, 0);
    let (begun, before) = (Instant::now(), peak());
    loop {
        log.write(&us, 1, &EntryBody::Text { salt: Salt::ZERO, text: Text::new(&text).unwrap() }, NOW).unwrap();
        log.unkept().iter().for_each(|record| files.append(record).unwrap());
        written += 1;
        let (file, beside) = lengths(&files);
        (alone, together) = (file.max(alone), (file + beside).max(together));
        if written >= entries && (beside > 0 || written >= 2 * entries) {
            break;
        }
    }
    println!("{written} entries of {bytes} bytes in {:.0} s", begun.elapsed().as_secs_f64());
    let ring = held(&log);
    report("file, at most", alone, ring);
    report("with the one that takes its place", together, ring);
    report("memory, with what writes the file anew", peak() - before, ring);
}

/// How long the file is, and the one beside it that is to take its place.
fn lengths(files: &MeetingFiles) -> (u64, u64) {
    let length = |name| files.path().join(name).metadata().map_or(0, |file| file.len());
    (length("log"), length("log.new"))
}

fn start(home: &Path) {
    let (begun, before) = (Instant::now(), peak());
    let home = Home::open(home).unwrap();
    let stored = home.meeting(MEETING).unwrap().load().unwrap();
    let (seconds, most) = (begun.elapsed().as_secs_f64(), peak() - before);
    assert_eq!((home.is_guest(), stored.damaged), (false, None));
    println!("{seconds:.3} s until a machine can start");
    report("memory", most, held(&stored.log));
}

/// Bytes of the entries that a log holds.
fn held(log: &Log) -> u64 {
    let bytes = log.entries().map(|entry| entry.frame.0.len() as u64).sum();
    println!("{} entries are held: {:.1} MiB", log.entries().count(), mib(bytes));
    bytes
}

/// The most memory that this process has had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1_024
}

fn report(what: &str, bytes: u64, ring: u64) {
    println!("{what:<38} {:>6.1} MiB, {:.2} of what is held", mib(bytes), bytes as f64 / ring as f64);
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
