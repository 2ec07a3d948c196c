//! The crowd in small: those who never read are cut off, and cost the host and the others nothing.
//! In large: `crates/testkit/src/bin/crowd.rs`.

#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "small numbers; a test fails by panicking")]

use std::path::Path;
use std::time::Duration;

use tertulia_core::wire::Frame;
use tertulia_core::wire::entry::EntryBody;
use tertulia_core::wire::meeting::Meeting;
use tertulia_testkit::real::crowd::{Crowd, line};
use tertulia_testkit::real::hall::Hall;
use tertulia_testkit::real::local::identity;
use tertulia_testkit::real::peer::{Peer, Proof, digest, ping};
use tokio::time::{sleep, timeout};

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

/// Lines that are pasted: more than twice what a host keeps.
const PASTED: usize = 25_000;
/// A guest of the paste reads so many, and then does something else for so long.
const READ_AT_ONCE: usize = 24;
const ELSEWHERE: Duration = Duration::from_millis(10);

#[tokio::test(flavor = "multi_thread")]
async fn slow_3_what_is_pasted_waits_for_who_reads_more_slowly() {
    let mut hall = Hall::open(Path::new(env!("CARGO_BIN_EXE_tertulia")), "pasted").await;
    let address = hall.ticket.addresses[0].parse().unwrap();
    let mut guest = Peer::dial(address, &identity()).await.unwrap();
    guest.join("bea", &Proof::default()).await.unwrap();
    guest.send(&[digest(Vec::new())]).await;
    let paste = async {
        for number in 0..PASTED {
            hall.say(&line(number, 16)).await;
        }
        // Until all is taken in, the host's input stays open.
        hall
    };
    let read = async {
        for number in 0..PASTED {
            let text = guest.until(|frame, _| text_of(frame)).await;
            assert_eq!(text, line(number, 16));
            if number % READ_AT_ONCE == 0 {
                sleep(ELSEWHERE).await;
            }
            if number % 1_000 == 0 {
                guest.send(&[ping()]).await;
            }
        }
    };
    timeout(Duration::from_secs(100), async { tokio::join!(paste, read) }).await.unwrap();
}

/// What an entry says to all.
fn text_of(frame: &Frame<'_>) -> Option<String> {
    let Frame::Meeting(Meeting::EntryFrame(frame)) = frame else { return None };
    if let EntryBody::Text { text, .. } = frame.entry.read() { Some(text.as_str().into()) } else { None }
}
