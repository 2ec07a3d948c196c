//! Inputs that a fuzzer starts from: what the traces show, and short ways to what random bytes find late.

use std::collections::BTreeMap;

use tertulia_core::id::RequestId;
use tertulia_core::identity::Secret;
use tertulia_core::log::entry_of;
use tertulia_core::random::Random;
use tertulia_core::ticket::Ticket;
use tertulia_core::trace::{Direction, Packet, Step, Trace};
use tertulia_core::wire::entry::{Body, Carried, Entry};
use tertulia_core::wire::frame::Role;
use tertulia_core::wire::meeting::EntryFrame;
use tertulia_core::wire::option::Options;
use tertulia_core::wire::{Encoded, Frame, decode};

use super::TARGETS;
use crate::directory::visit;
use crate::fuzz::handshake::said_by_both;
use crate::lecture::{ada, bodies, charter, fork, lecture, links as links_frame, ticket_proof, waiting};

/// A file of the corpus: target, name, bytes.
pub type Seed = (&'static str, String, Vec<u8>);

/// Every seed that code makes; `traces` are the names and texts of all traces.
///
/// # Panics
/// If a trace does not parse.
#[must_use]
pub fn seeds(traces: &[(String, String)]) -> Vec<Seed> {
    let mut seeds: Vec<Seed> = Vec::new();
    for (name, text) in traces {
        let trace = tertulia_core::trace::parse(text).unwrap();
        seeds.push(("trace", format!("trace-{name}"), text.clone().into_bytes()));
        // A link that has dialled takes over what the other end says, one that has not what this end says.
        for (is_dialled, from) in [(1, Direction::Responder), (0, Direction::Initiator)] {
            let end = if is_dialled == 1 { "dialled" } else { "accepted" };
            seeds.push(("link", format!("trace-{name}-{end}"), link_input(&trace, is_dialled, from)));
        }
    }
    for (target, name, bytes) in links().into_iter().chain(handshakes()).chain(logs()).chain(addresses()) {
        assert!(TARGETS.iter().any(|(known, _)| *known == target));
        seeds.push((target, name.into(), bytes));
    }
    seeds.extend(frames());
    // Long enough for a whole meeting.
    for seed in 0..12 {
        let mut random = Random::new([seed; 32]);
        let bytes = (0..6).flat_map(|_| random.bytes::<128>()).collect();
        seeds.push(("seats", format!("meeting-{seed}"), bytes));
    }
    seeds
}

/// One of each frame that a lecture or a registry has, and of each kind of entry; one whose body is lacking, and one whose
/// body has an option.
fn frames() -> Vec<Seed> {
    let said = lecture().into_iter().chain(visit()).map(|said| (said.name().to_lowercase(), said.frame));
    let others = [("waiting", waiting()), ("links", links_frame()), ("fork", fork())];
    let (_, text) = bodies().into_iter().find(|(kind, _)| *kind == "TEXT").unwrap();
    let text = entry_of(&text).unwrap();
    let longer = [text.body.bytes().unwrap(), &[1, 1, 0, 1, b'a']].concat();
    let entry = Entry { length: u16::try_from(longer.len()).unwrap(), ..text.entry };
    let lacking = Carried { body: Body::Lacking(text.body.digest()), ..text };
    let with_option = Carried { entry, body: Body::Here(&longer), ..text };
    let entries = [("entry-lacking", lacking), ("entry-with-option", with_option)].map(|(name, entry)| {
        let frame = Frame::from(EntryFrame { entry, options: Options::NONE });
        (name.to_owned(), frame.encode(RequestId::EVENT))
    });
    let kinds = bodies().into_iter().map(|(kind, frame)| (format!("kind-{}", kind.to_lowercase()), frame));
    let named: BTreeMap<String, Encoded> =
        said.chain(others.map(|(name, frame)| (name.to_owned(), frame))).chain(kinds).chain(entries).collect();
    named.into_iter().map(|(name, frame)| ("frame", name, frame.0.to_vec())).collect()
}

fn addresses() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let text = |name, text: &str| ("address", name, text.as_bytes().to_vec());
    vec![
        text("ipv4", "192.0.2.1:7473"),
        text("ipv6", "[2001:db8::192.0.2.1]:1"),
        text("ipv6-whole", "[1:2:3:4:5:6:7:8]:65535"),
        text("mapped", "[::ffff:c000:201]:7473"),
        text("name", "Xn--my_host-2.0y1:7473"),
        text("number", "a.0x1:1"),
        ("address", "ticket", sample_ticket().to_string().into_bytes()),
        ("address", "wire-ipv4", vec![1, 6, 192, 0, 2, 1, 0x1d, 0x31]),
        ("address", "wire-mapped", [&[1, 18], [0; 10].as_slice(), &[0xff, 0xff, 192, 0, 2, 1, 0x1d, 0x31]].concat()),
        ("address", "wire-kind-2", vec![2, 3, b'a', b'b', b'c']),
    ]
}

fn sample_ticket() -> Ticket {
    Ticket {
        meeting: charter().meeting,
        host: ada().key(),
        seed: Some(Secret([0xcc; 32])),
        endorsement: Some(ticket_proof().proof),
        addresses: vec!["192.0.2.1:7473".into(), "[2001:db8::1]:7473".into(), "example.org:1".into()],
    }
}

fn link_input(trace: &Trace, setting: u8, from: Direction) -> Vec<u8> {
    let (mut input, mut micros) = (vec![setting], 0);
    let packets = trace.steps.iter().filter_map(|step| match step {
        Step::Packet(packet) => Some(packet),
        Step::Comment(_) | Step::Link(..) => None,
    });
    for packet in packets {
        let millis = u16::try_from((packet.micros - micros) / 1_000).unwrap();
        micros = packet.micros;
        input.push(3);
        input.extend_from_slice(&millis.to_be_bytes());
        if packet.from == from {
            let bytes = packet.bytes();
            input.push(0);
            input.extend_from_slice(&u16::try_from(bytes.len()).unwrap().to_be_bytes());
            input.extend_from_slice(&bytes);
        } else {
            input.extend_from_slice(own_step(packet));
        }
    }
    input
}

/// What this end's machine does in the place of `packet`.
fn own_step(packet: &Packet) -> &'static [u8] {
    let bytes = packet.bytes();
    match decode(&bytes).ok().and_then(|decoded| decoded.frame).map(|frame| frame.info().role) {
        Some(Role::Request) => &[7, 5],
        Some(Role::Reply) => &[8, 5],
        Some(Role::Event) | None => &[5],
    }
}

const HELLO: &[u8] = b"\x00\x19\x00\x00\x00\x00\x00\x00\x02MMMMMMMMMMMMMMMMtttttttt";
const PING: &[u8] = b"\x00\x00\x00\x04\x00\x00\x00\x00";
const RENAME: &[u8] = b"\x00\x04\x00\x4e\x00\x00\x00\x01\x03bea";

/// Ways to what takes a link many frames or much time.
fn links() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let open = [&[0, 1], HELLO, &[5]].concat();
    let after = |steps: &[&[u8]]| [open.clone(), steps.concat()].concat();
    vec![
        ("link", "with-itself", [&[2, 1], HELLO].concat()),
        ("link", "over-the-rate", after(&[&[0xf1], &PING.repeat(16), &[0xa2, 4, 4, 4, 3, 0x10, 0]])),
        ("link", "over-the-rate-for-long", after(&[&[0xf1], &PING.repeat(16), &[0xf2, 0xf2, 0xf2, 3, 0xff, 0xff]])),
        (
            "link",
            "over-the-rate-before-hello",
            [&[0, 0xf1], b"\0\0\0\x05\0\0\0\0".repeat(16).as_slice(), &[0xf2, 4, 4]].concat(),
        ),
        ("link", "a-request-at-a-time", after(&[&[1], RENAME, &[8, 1], RENAME, &[1], RENAME])),
        ("link", "stalled", after(&[&[0x19, 6, 4, 4, 4, 4]])),
        ("link", "behind-the-feed", after(&[&[9, 0xf9, 0xf9, 5, 4]])),
        ("link", "owed-too-much", after(&[&[0xfa, 0xfa, 0xfa, 0xfa, 0xfa, 5, 4]])),
        ("link", "closed-here", after(&[&[12, 1], PING, &[5]])),
        ("link", "closed-and-never-written", after(&[&[0, 0, 2, 0, 0, 4, 4, 4, 5]])),
        ("link", "closed-here-and-cut-off", after(&[&[12, 11]])),
        ("link", "cut-off", after(&[&[11, 1], PING])),
        ("link", "a-day", after(&[&[0xf3, 0xff, 0xff], &[1], PING, &[0xf3, 0xff, 0xff]])),
    ]
}

/// Bits of the first byte: 0 dials, 1 both, 2 real, 3 expects, 4 wrongly.
fn handshakes() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let mut seeds = vec![
        ("handshake", "both-plain", vec![0b0010, 0, 0, 0, 0, 0, b'a', b' ', b'r', b'e', b'c', b'o', b'r', b'd']),
        (
            "handshake",
            "both-real",
            vec![0b0110, 2, 1, 30, 0, 0, 3, 0x80, b'r', b'e', b'c', b'o', b'r', b'd', b's', b'!'],
        ),
        ("handshake", "both-wrong-key", vec![0b1_1110, 0]),
        ("handshake", "both-right-key", vec![0b0_1110, 1, 7]),
        ("handshake", "changed-preamble", vec![0b0110, 0, 1, 0, 8, 3]),
        ("handshake", "changed-there", vec![0b0110, 0, 1, 0, 20, 1]),
        ("handshake", "changed-back", vec![0b0110, 1, 50, 1, 0x80, 100, 0x80]),
        ("handshake", "changed-last", vec![0b0110, 0, 1, 0, 200, 1]),
        ("handshake", "longer", vec![0b0110, 0, 1, 3, 255, 200]),
        ("handshake", "cut-off", vec![0b0010, 0, 1, 0x84, 30, 0]),
        ("handshake", "version-2", [&[0, 0], b"TERTULIA\x02\x01".as_slice()].concat()),
        ("handshake", "suite-2", [&[0, 1, 1], b"TERTULIA\x01\x02".as_slice()].concat()),
        ("handshake", "http", [&[4, 0], b"GET / HTTP/1.1\r\n".as_slice()].concat()),
        ("handshake", "zero-point", [&[0, 0], b"TERTULIA\x01\x01\0\x20".as_slice(), &[0; 32]].concat()),
        ("handshake", "refused", vec![1, 0, 0, 4, 1, 1, 0, 9]),
        ("handshake", "too-long", vec![5, 0, 0xff, 0xff, 0, 0]),
    ];
    for (is_real, names) in [(0, ["plain-dialler", "plain-listener"]), (4, ["real-dialler", "real-listener"])] {
        let [there, back] = said_by_both(is_real != 0);
        seeds.push(("handshake", names[0], [&[is_real, 1, 40], there.as_slice()].concat()));
        seeds.push(("handshake", names[1], [&[is_real | 1, 0], back.as_slice()].concat()));
    }
    seeds
}

fn logs() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    // Three entries of talk by the first author, and one act.
    let written = [9, 0, 0, 0, 0, 0, 0, 0, 1];
    let after = |steps: &[u8]| [written.as_slice(), steps].concat();
    vec![
        ("log", "in-order", after(&[0xfc, 8, 9, 0, 0, 10])),
        ("log", "in-reverse", after(&[0xfd, 0xfd, 0xfd, 0xfd])),
        ("log", "twice", after(&[0xfc, 0xfc])),
        ("log", "asked-for-late", after(&[1, 2, 0x11, 0, 0x11, 1, 9, 0, 0, 10])),
        ("log", "two-authors", after(&[0x14, 2, 0x10, 0, 0x10, 0, 0xfc, 9, 0, 2, 8])),
        ("log", "changed", after(&[2, 0, 0, 70, 1, 0xfc, 0x12, 1, 0, 99, 1])),
        ("log", "forked", after(&[0xfc, 3, 1, 0, 0x17, 8, 9, 0, 0])),
        ("log", "forked-neighbour", after(&[1, 0, 3, 1, 2, 0x04, 9, 0, 0])),
        ("log", "forked-late", after(&[1, 2, 0x43, 1, 0, 0x17])),
        ("log", "forked-by-lamport", after(&[1, 0, 1, 1, 3, 2, 0, 0x32])),
        ("log", "forged", after(&[0x13, 1, 1, 0, 0x17, 0xfc])),
        ("log", "last-number", after(&[3, 0, 0, 0x01, 3, 0, 0, 0x11, 1, 3, 3, 0, 0, 0x01])),
        ("log", "gap", after(&[1, 0, 0x45, 1, 1, 2, 0x11, 1, 9, 0, 0])),
        ("log", "gap-in-what-is-void", after(&[0x16, 0, 0x65, 0, 0xc6, 0, 0x75, 0, 0xfc])),
        ("log", "void", after(&[0xfc, 0x16, 0, 1, 1, 9, 0, 0])),
        ("log", "many-sessions", after(&[0xfb, 1, 0xfb, 50, 0xfc, 0xfc, 0x1c, 9, 0, 0, 10])),
        (
            "log",
            "old-session-again",
            [[0].as_slice(), &[0xfb, 1, 0xfc, 0, 0xfc, 40, 0xfb, 60, 0xfc, 46, 0xfc, 0]].concat(),
        ),
        ("log", "own", after(&[7, 0, 0xfc, 7, 1, 7, 0, 10, 9, 0, 0])),
        (
            "log",
            "talk-makes-room",
            [[1].as_slice(), &after(&[7, 0, 7, 0, 7, 0, 0xfc, 0xfc, 9, 0, 0, 10])[1..]].concat(),
        ),
        ("log", "removed", after(&[0xfc, 0, 14, 0, 0, 0, 0xfc, 0, 9, 0, 0, 10])),
        ("log", "removed-before-it-comes", after(&[14, 1, 2, 2, 0xfd, 0, 0xfc, 0, 9, 0, 0, 10])),
        ("log", "removed-by-a-host", after(&[0x1e, 0, 0, 0, 0xfc, 0, 0x2f, 10, 0x0f, 9, 0, 0, 10])),
        ("log", "removed-by-ones-own-node", after(&[0xfc, 0, 0x4e, 0, 0, 0, 0x4f, 10, 0x0f, 10])),
        ("log", "removed-of-another-hash", after(&[0x2e, 0, 0, 1, 0xfc, 0, 10])),
        ("log", "removed-twice-and-void", after(&[14, 1, 0, 0, 14, 2, 0, 0, 0xfc, 0, 0x06, 4, 10])),
        ("log", "leap", after(&[3, 0, 0, 0x53, 3, 1, 0, 0x63, 0xfc, 7, 0, 9, 0, 0])),
    ]
}
