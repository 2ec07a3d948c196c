//! Whose history begins late reads nothing older by whatever key of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]

mod support;

use std::net::SocketAddr;

use serde_json::{Value, json};
use tertulia_core::id::{Key, RequestId};
use tertulia_core::log::Log;
use tertulia_core::wire::Frame;
use tertulia_core::wire::field::{List, encode_items};
use tertulia_core::wire::meeting::{Fetch, Lane, Meeting, Range, Whereabouts};
use tertulia_core::wire::option::{Manner, Options};
use tertulia_core::wire::session::{Purpose, Session};
use tertulia_testkit::real::local::identity;
use tertulia_testkit::real::peer::{Peer, Proof};

use support::Bot;

/// The numbers of what is said in a session that `peer` is served.
async fn served(peer: &mut Peer, author: Key, session: u64) -> Vec<u64> {
    let range = Range { author, session, lane: Lane::Talk, from: 1, to: 10 };
    let (count, items) = encode_items([range], 1);
    peer.send(&[Frame::from(Fetch { ranges: List::over(count, &items), options: Options::NONE }).encode(RequestId(9))])
        .await;
    let mut numbers = Vec::new();
    peer.until(|frame, id| {
        if let Frame::Meeting(Meeting::EntryFrame(entry)) = frame {
            let entry = &entry.entry.entry;
            numbers.extend((entry.lane == Lane::Talk).then_some(entry.number));
        }
        (matches!(frame, Frame::Session(Session::Done(_))) && id == RequestId(9)).then_some(())
    })
    .await;
    numbers
}

/// Says something; the number that it got, and in which session.
fn say(bot: &mut Bot, text: &str) -> (u64, Value) {
    bot.send(&json!({"command": "say", "text": text}));
    let message = bot.wait("message");
    (message["number"].as_u64().expect("a number"), message["session"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn pass_3_a_second_key_of_ones_own_reads_nothing_that_the_first_may_not() {
    let mut ada = Bot::start("ada", &["host", "H", "--history", "none", "--listen", "127.0.0.1:0"]);
    let ready = ada.wait("ready");
    let address: SocketAddr = ready["listen"].as_str().expect("an address").parse().unwrap();
    let (before, session) = say(&mut ada, "before");
    let session = u64::from_str_radix(session.as_str().expect("hex"), 16).unwrap();
    let [mallory, spare] = [(); 2].map(|()| identity());
    let mut first = Peer::dial(address, &mallory).await.expect("a handshake");
    let admitted = first.enter(Purpose::MESH, "mallory", &Proof::default()).await.expect("an open door");
    let (log, who) = (&mut Log::new(admitted.charter.meeting, 1), ("mallory", Whereabouts::Here));
    first.send(&[admitted.person(log, &mallory, 1, who, &[])]).await;
    let (charter, own) = (admitted.charter, admitted.chain);
    let chain = own.and(spare.key(), 0, Manner::Unasked, charter.meeting, &mallory);
    let mut second = Peer::dial(address, &spare).await.expect("a handshake");
    let proof = Proof { chain: chain.clone(), ..Proof::default() };
    let admitted = second.enter(Purpose::MESH, "spare", &proof).await.expect("an open door");
    let (log, who) = (&mut Log::new(charter.meeting, 1), ("spare", Whereabouts::Here));
    second.send(&[admitted.person(log, &spare, 1, who, &[])]).await;
    assert_eq!(
        (admitted.chain, chain.floor()),
        (chain, own.floor()),
        "what holds comes back, and its floor is the first's"
    );
    let (after, _) = say(&mut ada, "after");
    for peer in [&mut first, &mut second] {
        let numbers = served(peer, charter.founder, session).await;
        assert!(!numbers.contains(&before) && numbers.contains(&after), "{before}, {after}: {numbers:?}");
    }
}
