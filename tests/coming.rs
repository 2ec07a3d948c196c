//! One who joins, leaves and joins a hundred times a second: let in now and then, and no screen is filled with it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]
#![allow(clippy::arithmetic_side_effects, reason = "small numbers")]

mod support;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tertulia_core::code::Code;
use tertulia_core::id::RequestId;
use tertulia_core::identity::Identity;
use tertulia_core::limits::{REJOIN_BURST, TOLD_BURST, TOLD_INTERVAL};
use tertulia_core::log::Log;
use tertulia_core::wire::Frame;
use tertulia_core::wire::field::{List, encode_items};
use tertulia_core::wire::meeting::{Fetch, Lane, Range, Whereabouts};
use tertulia_core::wire::option::Options;
use tertulia_core::wire::session::{Purpose, Session};
use tertulia_testkit::real::local::identity;
use tertulia_testkit::real::peer::{Admission, Peer, Proof};

use support::Bot;

/// How long it comes and goes.
const FLOOD: Duration = Duration::from_secs(8);

/// Says hello and goodbye in a room, and waits until both were taken.
async fn say_hello_and_goodbye(peer: &mut Peer, admission: &Admission, log: &mut Log, eve: &Identity, run: u64) {
    let entries = [Whereabouts::Here, Whereabouts::Gone]
        .map(|whereabouts| admission.person(log, eve, run, ("eve", whereabouts), &[]));
    peer.send(&entries).await;
    let range = Range { author: eve.key(), session: run, lane: Lane::PERSON, from: 1, to: 2 };
    let (count, items) = encode_items([range], 1);
    peer.send(&[Frame::from(Fetch { ranges: List::over(count, &items), options: Options::NONE }).encode(RequestId(9))])
        .await;
    let is_done =
        |frame: &Frame<'_>, id| (matches!(frame, Frame::Session(Session::Done(_))) && id == RequestId(9)).then_some(());
    peer.until(is_done).await;
}

/// Comes and goes, a hundred times a second: how often it was let in, and how often not.
async fn come_and_go(address: SocketAddr, purpose: Purpose) -> (u32, u32) {
    let (eve, mut proof, mut log) = (identity(), Proof::default(), None::<Log>);
    let (mut taken, mut refused) = (0, 0);
    let start = Instant::now();
    let mut beat = tokio::time::interval(Duration::from_millis(10));
    while start.elapsed() < FLOOD {
        beat.tick().await;
        let mut peer = Peer::dial(address, &eve).await.expect("a handshake");
        match peer.enter(purpose, "eve", &proof).await {
            Ok(admission) => {
                taken += 1;
                proof.chain = admission.chain.clone();
                if purpose == Purpose::MESH {
                    let log = log.get_or_insert_with(|| Log::new(admission.charter.meeting, 100));
                    say_hello_and_goodbye(&mut peer, &admission, log, &eve, u64::from(taken)).await;
                }
            }
            Err(Code::TooSoon) => refused += 1,
            Err(code) => panic!("{code}"),
        }
    }
    (taken, refused)
}

/// What somebody is told of eve until they hear that it is over, and then until she is gone.
fn lines(bot: &mut Bot) -> usize {
    let mut lines: Vec<Value> = Vec::new();
    let (mut is_over, mut is_there) = (false, false);
    while !is_over || is_there {
        let event = bot.next();
        is_over |= event["text"] == "it is over";
        if event["name"] == "eve" {
            match event["event"].as_str() {
                Some("joined" | "linked") => is_there = true,
                Some("left" | "unlinked") => is_there = false,
                _ => continue,
            }
            lines.push(event);
        }
    }
    lines.len()
}

async fn is_told_of_seldom(purpose: Purpose) {
    let kind = (purpose == Purpose::STAR).then_some("--lecture");
    let arguments: Vec<&str> = ["host", "H7", "--listen", "127.0.0.1:0"].into_iter().chain(kind).collect();
    let mut ada = Bot::start("ada", &arguments);
    let address = ada.wait("ready")["listen"].as_str().expect("an address").to_string();
    let mut bob = Bot::start("bob", &["join", &address]);
    bob.wait("ready");
    ada.wait("joined");
    let start = Instant::now();
    let (taken, refused) = come_and_go(address.parse().unwrap(), purpose).await;
    let seconds = u32::try_from(start.elapsed().as_secs()).unwrap() + 1;
    assert!(taken <= 3 + REJOIN_BURST + seconds, "{taken} joins in {seconds} s");
    assert!(refused > 50, "{refused} were refused, and {taken} not");
    ada.send(&json!({"command": "say", "text": "it is over"}));
    // Who is not linked with her hears once a second what has changed: who has gone by then was never there.
    for (bot, least) in [(&mut ada, 1), (&mut bob, 0)] {
        let lines = lines(bot);
        let intervals = u32::try_from(start.elapsed().as_secs() / TOLD_INTERVAL.as_secs()).unwrap() + 1;
        assert!((least..=TOLD_BURST + intervals).contains(&u32::try_from(lines).unwrap()), "{lines} lines");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn h7_show_2_a_lecture_is_told_of_one_who_comes_and_goes_now_and_then() {
    is_told_of_seldom(Purpose::STAR).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h7_show_2_a_room_is_told_of_one_who_comes_and_goes_now_and_then() {
    is_told_of_seldom(Purpose::MESH).await;
}
