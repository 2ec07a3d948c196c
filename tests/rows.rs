//! Rows of what does not exist keep nobody from hearing what does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking, in its helpers too"
)]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]

mod support;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tertulia_core::id::Hash;
use tertulia_core::limits::ROWS_MAX;
use tertulia_core::wire::entry::Whereabouts;
use tertulia_core::wire::meeting::{Lane, Row};
use tertulia_testkit::real::insider::Insider;
use tertulia_testkit::real::local::identity;
use tertulia_testkit::real::peer::{Proof, digest};

use support::Bot;

/// Streams that somebody tells of, and has not got.
const STREAMS: u64 = 12_000;
/// What is said reaches those by then who are not linked with who says it.
const SOON: Duration = Duration::from_secs(5);

fn door(bot: &mut Bot) -> SocketAddr {
    bot.wait("ready")["listen"].as_str().expect("an address").parse().unwrap()
}

async fn come(door: SocketAddr, name: &str) -> Insider {
    let mut insider = Insider::enter(door, &identity(), name, &Proof::default()).await.expect("an open door");
    insider.says_who(Whereabouts::Here).await.expect("it is let in");
    insider
}

#[tokio::test(flavor = "multi_thread")]
async fn mesh_28_who_is_told_of_what_does_not_exist_hears_what_does() {
    let mut ada = Bot::start("ada", &["host", "Rows", "--listen", "127.0.0.1:0"]);
    let ada_at = door(&mut ada);
    let mut bea = Bot::start("bea", &["join", &ada_at.to_string(), "--listen", "127.0.0.1:0"]);
    let bea_at = door(&mut bea);
    let mut mallory = come(ada_at, "mallory").await;
    let author = mallory.author.us.key();
    let row = |session| Row { author, session, lane: Lane::Talk, first: 1, next: 2, head: Hash([1; 32]) };
    let rows: Vec<Row> = (1..=STREAMS).map(row).collect();
    for rows in rows.chunks(ROWS_MAX) {
        mallory.peer.send(&[digest(rows.to_vec())]).await;
    }
    mallory.says("that was all").await.expect("it costs it nothing");
    while ada.wait("message")["text"] != "that was all" {}
    // Nina is linked with bea alone: ada has to ask.
    let mut nina = come(bea_at, "nina").await;
    nina.says("can you hear me?").await.expect("it is heard");
    let start = Instant::now();
    while ada.wait("message")["text"] != "can you hear me?" {}
    assert!(start.elapsed() < SOON, "ada heard it after {:?}", start.elapsed());
    let start = Instant::now();
    let mut dora = Bot::start("dora", &["join", &ada_at.to_string(), "--listen", "127.0.0.1:0"]);
    dora.wait("ready");
    assert!(start.elapsed() < Duration::from_secs(1), "dora was let in after {:?}", start.elapsed());
}
