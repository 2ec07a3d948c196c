//! A room with a program of a later version in it, which knows a kind, a lane, an option of a body, a kind of address and
//! a frame more: nobody is cut off, and what is unknown comes to whoever knows it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]

mod support;

use std::net::SocketAddr;

use serde_json::json;
use support::Bot;
use tertulia_core::id::{Hash, Key, MeetingId, RequestId, Salt, ShortHash};
use tertulia_core::identity::{Domain, Identity};
use tertulia_core::log::{hash, signed};
use tertulia_core::pass::Chain;
use tertulia_core::wire::entry::{Entry, EntryBody, Lane};
use tertulia_core::wire::field::{List, Text, encode_items};
use tertulia_core::wire::meeting::{EntryFrame, Fetch, Meeting, Range};
use tertulia_core::wire::option::Options;
use tertulia_core::wire::session::{Purpose, Session};
use tertulia_core::wire::{Encoded, Frame};
use tertulia_testkit::real::local::identity;
use tertulia_testkit::real::peer::{Peer, Proof};

/// The session of whatever the later program writes.
const SESSION: u64 = 1 << 60;
/// A kind, a lane and an event that no program of today knows.
const KIND: u16 = 0x0700;
const HAND: Lane = Lane::Register(9);
const FRAME: u16 = 0x0ff1;

/// Writes entries, each on its lane after the one before.
struct Later {
    us: Identity,
    meeting: MeetingId,
    talk: (u64, Hash),
}

impl Later {
    fn write(&mut self, lane: Lane, kind: u16, body: &[u8]) -> Encoded {
        let (number, prev) = if lane == Lane::Talk { self.talk } else { (1, Hash::ZERO) };
        let lamport = if lane == Lane::Talk { number.saturating_add(100) } else { 1 };
        let (author, reference, time_ms) = (self.us.key(), ShortHash::ZERO, 1);
        let entry =
            Entry { author, session: SESSION, lane, number, prev, lamport, reference, time_ms, kind, length: 0 };
        let entry = signed(&self.us, Domain::Entry, self.meeting, entry, body);
        if lane == Lane::Talk {
            self.talk = (number.saturating_add(1), hash(self.meeting, &entry.envelope()));
        }
        Frame::from(EntryFrame { entry, options: Options::NONE }).encode(RequestId::EVENT)
    }

    /// PERSON with an address of a kind that nobody dials, and an odd option.
    fn person(&mut self, name: &str, chain: &Chain) -> Encoded {
        let passes = chain.passes().len();
        let chain = chain.with_list(|list| {
            let (count, items) = encode_items(list.iter(), passes);
            [&count.to_be_bytes()[..], &items].concat()
        });
        let relay: &[u8] = b"\x00\x01\x63\x03abc";
        let name = [&[1, u8::try_from(name.len()).unwrap()][..], name.as_bytes()].concat();
        let body = [&name[..], relay, &chain, b"\x00\x00", b"\x00\x63\x00\x02hi"].concat();
        self.write(Lane::PERSON, 0x0200, &body)
    }
}

/// Comes in, and says who it is.
async fn come_in(address: SocketAddr, us: Identity, name: &str) -> (Peer, Later) {
    let mut peer = Peer::dial(address, &us).await.expect("a handshake");
    let admission = peer.enter(Purpose::MESH, name, &Proof::default()).await.expect("an open door");
    let mut later = Later { us, meeting: admission.charter.meeting, talk: (1, Hash::ZERO) };
    let person = later.person(name, &admission.chain);
    assert!(peer.send(&[person]).await);
    (peer, later)
}

/// What somebody of these lanes is served of `author`.
async fn fetched(peer: &mut Peer, author: Key, lane: Lane) -> Vec<Encoded> {
    let range = Range { author, session: SESSION, lane, from: 1, to: 10 };
    let (count, items) = encode_items([range], 1);
    let fetch = Fetch { ranges: List::over(count, &items), options: Options::NONE };
    peer.send(&[Frame::from(fetch).encode(RequestId(9))]).await;
    let mut found = Vec::new();
    peer.until(|frame, id| {
        if let Frame::Meeting(Meeting::EntryFrame(entry)) = frame
            && (entry.entry.entry.author, entry.entry.entry.lane) == (author, lane)
        {
            let frame = EntryFrame { entry: entry.entry, options: Options::NONE };
            found.push(Frame::from(frame).encode(RequestId::EVENT));
        }
        (matches!(frame, Frame::Session(Session::Done(_))) && id == RequestId(9)).then_some(())
    })
    .await;
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn ext_1_whoever_knows_more_is_in_the_room_and_what_it_says_reaches_whoever_knows_it_too() {
    let mut ada = Bot::start("ada", &["host", "Hall", "--listen", "127.0.0.1:0"]);
    let address: SocketAddr = ada.wait("ready")["listen"].as_str().expect("an address").parse().unwrap();
    let (mut peer, mut later) = come_in(address, identity(), "later").await;
    assert_eq!(ada.wait("joined")["name"], "later", "its PERSON is read, but for what is unknown");
    let text = EntryBody::Text { salt: Salt([7; 16]), text: Text::new("hello").unwrap() }.encode().1;
    let unknown = later.write(Lane::Talk, KIND, b"what a later version says");
    let option = later.write(Lane::Talk, 0x0100, &[&text[..], b"\x00\x07\x00\x03re:"].concat());
    let hand = later.write(HAND, KIND, b"up");
    let frame = [&[0, 2][..], &FRAME.to_be_bytes(), &[0; 4], b"hi"].concat();
    assert!(peer.send(&[Encoded(frame.into()), unknown.clone(), option.clone(), hand.clone()]).await);
    assert_eq!(ada.wait("message")["text"], "hello", "an odd option of a body is skipped");
    // A third, who knows all of that, has it from today's program alone.
    let author = later.us.key();
    let (mut third, _) = come_in(address, identity(), "third").await;
    ada.send(&json!({"command": "say", "text": "hello both"}));
    ada.wait("message");
    assert_eq!(fetched(&mut third, author, Lane::Talk).await, [unknown, option]);
    assert_eq!(fetched(&mut third, author, HAND).await, [hand]);
    // And nobody was cut off: both are answered.
    for peer in [&mut peer, &mut third] {
        assert_eq!(fetched(peer, author, HAND).await.len(), 1);
    }
    ada.send(&json!({"command": "users"}));
    let members = ada.wait("roster")["members"].clone();
    assert_eq!(members.as_array().expect("members").len(), 3, "{members}");
}
