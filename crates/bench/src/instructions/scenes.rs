//! What is counted. Signatures cost little here, and ciphers and hashes are those that the program uses: so most of a count
//! is code of this project. What curves cost, a handshake alone says.

use std::hint::black_box;
use std::sync::Arc;

use tertulia_core::channel::{RECORD_LENGTH_BYTES, TAG_BYTES, introduce};
use tertulia_core::id::{RequestId, Salt};
use tertulia_core::identity::{Ed25519, Identity, Secret};
use tertulia_core::log::Log;
use tertulia_core::pass::Chain;
use tertulia_core::roster::Roster;
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::entry::{EntryBody, Level, Role, Whereabouts};
use tertulia_core::wire::field::{List, Name, Reason, Text};
use tertulia_core::wire::meeting::Meeting;
use tertulia_core::wire::option::Manner;
use tertulia_core::wire::session::Purpose;
use tertulia_core::wire::{Encoded, Frame, decode};
use tertulia_net::crypto;

use super::lecture::{Hall, charter, person};
use crate::codec::shake;

/// Who has ever been in the room whose roster is folded; every second was shown out, every fourth may come again.
const PEOPLE: u64 = 500;
/// Guests of the lecture.
const GUESTS: u64 = 64;
/// As long as most.
const TEXT: &str = "It is the owner who lends, and whoever borrows gives it back again.";
const NOW: Now = Now { tick: Instant(1), unix_ms: 1_700_000_000_000 };

/// One that is counted.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) name: &'static str,
    /// Steps of the shorter of two runs.
    pub(super) times: u32,
    /// Makes all that a step needs.
    pub(super) set: fn() -> Box<dyn FnMut()>,
}

pub(super) const SCENES: [Scene; 9] = [
    Scene { name: "decode an ENTRY", times: 20_000, set: decoding },
    Scene { name: "encode an ENTRY", times: 20_000, set: encoding },
    Scene { name: "seal a record", times: 5_000, set: sealing },
    Scene { name: "seal and open a record", times: 5_000, set: opening },
    Scene { name: "shake hands, both sides", times: 20, set: shaking },
    Scene { name: "join a lecture, both sides", times: 32, set: joining },
    Scene { name: "fan out a text to 64", times: 100, set: || fanning(1) },
    Scene { name: "fan out 16 texts to 64", times: 20, set: || fanning(16) },
    Scene { name: "fold a roster of 500", times: 4, set: folding },
];

fn text() -> EntryBody<'static> {
    EntryBody::Text { salt: Salt::ZERO, text: Text::new(TEXT).unwrap() }
}

/// The frame of a text.
fn entry() -> Encoded {
    let us = person(0);
    let mut log = Log::new(charter(&us, Purpose::STAR).meeting, 1);
    log.write(&us, 1, &text(), NOW).unwrap().frame.clone()
}

fn decoding() -> Box<dyn FnMut()> {
    let frame = entry();
    Box::new(move || _ = black_box(decode(black_box(&frame.0))))
}

fn encoding() -> Box<dyn FnMut()> {
    let frame: &'static Encoded = Box::leak(Box::new(entry()));
    let Some(Frame::Meeting(Meeting::EntryFrame(entry))) = decode(&frame.0).unwrap().frame else {
        panic!("a text is an entry")
    };
    Box::new(move || _ = black_box(Frame::from(black_box(entry)).encode(RequestId::EVENT)))
}

fn sealing() -> Box<dyn FnMut()> {
    let (frame, [mut sender, _]) = (entry(), shake(&person(0)));
    let mut sealed = Vec::new();
    Box::new(move || {
        sealed.clear();
        sender.sealer.seal(&frame.0, &mut sealed).unwrap();
    })
}

fn opening() -> Box<dyn FnMut()> {
    let (frame, [mut sender, mut receiver]) = (entry(), shake(&person(0)));
    let (mut sealed, mut opened) = (Vec::new(), Vec::with_capacity(frame.0.len() + TAG_BYTES));
    Box::new(move || {
        sealed.clear();
        opened.clear();
        sender.sealer.seal(&frame.0, &mut sealed).unwrap();
        receiver.opener.open(&sealed[RECORD_LENGTH_BYTES..], &mut opened).unwrap();
        assert!(opened == frame.0);
    })
}

/// With real curves, by somebody who signs its static key once, as a node does.
fn shaking() -> Box<dyn FnMut()> {
    let us = Identity::new(Secret([7; 32]), Arc::new(Ed25519));
    let us = introduce(us, [8; 32], crypto()).unwrap();
    Box::new(move || _ = black_box(shake(&us)))
}

fn joining() -> Box<dyn FnMut()> {
    let (mut hall, mut number) = (Hall::open(), 0);
    Box::new(move || {
        number += 1;
        hall.join(number);
    })
}

/// So many texts at once, which all guests get.
fn fanning(texts: usize) -> Box<dyn FnMut()> {
    let mut hall = Hall::open();
    (1..=GUESTS).for_each(|number| hall.join(number));
    Box::new(move || hall.say(TEXT, texts))
}

/// What somebody folds who comes back to a room.
fn folding() -> Box<dyn FnMut()> {
    let founder = person(0);
    let charter = charter(&founder, Purpose::MESH);
    let mut log = Log::new(charter.meeting, 1);
    for number in 1..=PEOPLE {
        let (us, name) = (person(number), format!("somebody-{number}"));
        let chain = Chain::default().and(us.key(), 0, Manner::Unasked, charter.meeting, &founder);
        let (whereabouts, name) = (Whereabouts::Here, Name::new(&name).unwrap());
        chain.with_list(|chain| {
            let body = EntryBody::Person { whereabouts, name, addresses: List::NONE, chain, proof: List::NONE };
            log.write(&us, 1, &body, NOW).unwrap()
        });
        if number % 2 > 0 {
            continue;
        }
        let (subject, name, why) = (us.key(), Reason::cut(name.as_str()), Reason::NONE);
        let body = EntryBody::Revoke { subject, level: Level::Out, name, why, cuts: List::NONE, kept: List::NONE };
        let answers = log.write(&founder, 1, &body, NOW).unwrap().hash;
        if number % 4 == 0 {
            let body = EntryBody::Grant { subject, role: Role::Member, answers, session: 1, name };
            log.write(&founder, 1, &body, NOW).unwrap();
        }
    }
    let fold = move || black_box(Roster::fold(black_box(&log), &charter, &founder));
    // The founder says nothing of itself.
    assert_eq!(fold().members().count() as u64, PEOPLE - PEOPLE / 4 + 1);
    Box::new(move || _ = fold())
}
