//! Whom the members of a room dial because somebody has told them to.

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
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tertulia_core::id::RequestId;
use tertulia_core::limits::{ADDRESSES_MAX, DIAL_INTERVAL, TRY_BURST};
use tertulia_core::log::Log;
use tertulia_core::wire::Frame;
use tertulia_core::wire::entry::Whereabouts;
use tertulia_core::wire::field::{List, encode_items};
use tertulia_core::wire::meeting::{Fetch, Lane, Range};
use tertulia_core::wire::option::Options;
use tertulia_core::wire::session::{Purpose, Session};
use tertulia_testkit::real::local::identity;
use tertulia_testkit::real::peer::{Peer, Proof, digest};
use tokio::net::TcpListener;
use tokio::time::sleep;

use support::Bot;

/// Keys that point to somebody else, and go.
const KEYS: u32 = 41;
/// How long it is counted how often that one is dialled.
const COUNTED: Duration = Duration::from_secs(5);
/// Whoever comes meanwhile is in by then.
const SOON: Duration = Duration::from_secs(1);

/// Somebody who has nothing to do with it: where it listens, and how often it was dialled.
async fn victim() -> (Vec<SocketAddr>, Arc<AtomicU32>) {
    let (mut addresses, dialled) = (Vec::new(), Arc::new(AtomicU32::new(0)));
    for _ in 0..ADDRESSES_MAX {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        addresses.push(listener.local_addr().expect("an address"));
        let dialled = dialled.clone();
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                dialled.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    (addresses, dialled)
}

/// Comes into the room, says that it can be dialled where somebody else is, and is gone.
async fn point(number: u32, door: SocketAddr, victim: &[SocketAddr]) {
    let (us, name) = (identity(), format!("eve{number}"));
    let mut peer = Peer::dial(door, &us).await.expect("a handshake");
    let admission = peer.enter(Purpose::MESH, &name, &Proof::default()).await.expect("it is let in");
    let session = tertulia_net::unix_ms();
    let mut log = Log::new(admission.charter.meeting, 10);
    let person = admission.person(&mut log, &us, session, (&name, Whereabouts::Here), victim);
    let range = Range { author: us.key(), session, lane: Lane::Acts, from: 1, to: 2 };
    let (count, items) = encode_items([range], 1);
    let fetch = Frame::from(Fetch { ranges: List::over(count, &items), options: Options::NONE });
    // Once that is answered, the entry was read.
    peer.send(&[person, digest(Vec::new()), fetch.encode(RequestId(9))]).await;
    let is_done =
        |frame: &Frame<'_>, id| (matches!(frame, Frame::Session(Session::Done(_))) && id == RequestId(9)).then_some(());
    peer.until(is_done).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dial_6_keys_that_point_to_somebody_else_have_it_dialled_seldom() {
    let mut ada = Bot::start("ada", &["host", "Pointed", "--listen", "127.0.0.1:0"]);
    let door = ada.wait("ready")["listen"].as_str().expect("an address").to_string();
    let mut others = ["bob", "cleo"].map(|name| Bot::start(name, &["join", &door, "--listen", "127.0.0.1:0"]));
    others.iter_mut().for_each(|other| drop(other.wait("roster")));
    let (victim, dialled) = victim().await;
    for number in 0..KEYS {
        point(number, door.parse().unwrap(), &victim).await;
    }
    for _ in 0..KEYS {
        while !others[0].wait("joined")["name"].as_str().expect("a name").starts_with("eve") {}
    }
    // What may be tried at once has been.
    sleep(Duration::from_secs(2)).await;
    let before = dialled.load(Ordering::Relaxed);
    assert!(before >= TRY_BURST, "it was dialled {before} times: nobody was pointed to it");
    let start = Instant::now();
    sleep(COUNTED).await;
    let (counted, took) = (dialled.load(Ordering::Relaxed) - before, start.elapsed());
    let most = 3 * u32::try_from(took.as_millis() / DIAL_INTERVAL.as_millis() + 1).unwrap();
    assert!(counted <= most, "three members dialled {counted} times in {took:?}, and may {most} times");
    let start = Instant::now();
    let mut dora = Bot::start("dora", &["join", &door, "--listen", "127.0.0.1:0"]);
    dora.wait("ready");
    assert!(start.elapsed() < SOON, "dora was let in after {:?}", start.elapsed());
    while others[0].wait("linked")["name"] != "dora" {}
    assert!(start.elapsed() < 5 * SOON, "she was linked with everybody after {:?}", start.elapsed());
}
