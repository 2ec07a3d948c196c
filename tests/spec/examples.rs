//! The hex of SPEC.md, from the code.

use std::fs;

use tertulia_core::channel::{DefaultResolver, Handshake, PREAMBLE, RECORD_LENGTH_BYTES};
use tertulia_core::id::{Key, RequestId};
use tertulia_core::identity::is_small_order;
use tertulia_core::ticket::Ticket;
use tertulia_core::trace::{Direction, Line, Packet};
use tertulia_core::wire::Frame;
use tertulia_core::wire::address::Address;
use tertulia_core::wire::field::encode_alone;
use tertulia_core::wire::frame::{HEADER, infos};
use tertulia_core::wire::meeting::Join;
use tertulia_core::wire::option::{self, OptionsBuffer};
use tertulia_testkit::directory::{record, visit};
use tertulia_testkit::layout::{annotate, annotate_as};
use tertulia_testkit::lecture::{ada, bea, bodies, chain, charter, fork, lecture, links, ticket_proof, waiting};

use crate::page::{Page, root};

pub(crate) fn sync(page: &mut Page) {
    let (lecture, visit) = (lecture(), visit());
    let address = encode_alone(&Address::of(([192, 0, 2, 1], 7473).into()));
    page.sync_block("code: fold", "text", tertulia_testkit::seats::FOLD);
    page.sync_block("hex: address", "", &lines(annotate_as("address", &address)));
    page.sync_block("hex: record", "", &lines(annotate_as("record, signature 64", &record())));
    for info in infos() {
        if let Some(said) = visit.iter().rfind(|said| info.family == "Registry" && said.name() == info.name) {
            page.sync_block(&format!("hex: {}", info.name), "", &lines(annotate(&said.frame.0)));
            continue;
        }
        let said = lecture.iter().rfind(|said| said.name() == info.name && said.micros < 9_000_000);
        let said = said.or_else(|| lecture.iter().rfind(|said| said.name() == info.name));
        let unsaid = || match info.name {
            "WAITING" => waiting(),
            "LINKS" => links(),
            _ => fork(),
        };
        let frame = said.map_or_else(unsaid, |said| said.frame.clone());
        page.sync_block(&format!("hex: {}", info.name), "", &lines(annotate(&frame.0)));
    }
    for (kind, frame) in bodies() {
        let lines_of_entry = annotate_as("entry, signature 64, body", &frame.0[HEADER..]);
        page.sync_block(&format!("hex: kind {kind}"), "", &lines(body(lines_of_entry)));
    }
    let charter = charter();
    page.sync_block("hex: charter", "", &lines(annotate_as("charter, signature 64", charter.bytes())));
    let ticket = Ticket {
        meeting: charter.meeting,
        host: ada().key(),
        seed: Some(tertulia_core::identity::Secret([0xcc; 32])),
        endorsement: None,
        addresses: vec!["192.0.2.1:7473".into(), "[2001:db8::1]:7473".into()],
    };
    page.sync_block("hex: ticket", "", &ticket.to_string());
    page.sync_block("hex: ticket in a code", "", &ticket.to_code());
    page.sync_block("code: ticket", "", &forms_of(&ticket));
    page.sync_block("code: address", "", &text_of("crates/testkit/src/fuzz/address.rs"));
    page.sync_block("code: handshake", "", &text_of("crates/core/tests/channel/oracle.rs"));
    let mut options = OptionsBuffer::default();
    chain().show(&mut options);
    options.set(&option::TICKET, &ticket_proof());
    let join = Frame::from(Join { meeting: charter.meeting, options: options.options() }).encode(RequestId(1));
    page.sync_block("hex: JOIN again", "", &lines(annotate(&join.0)));
    page.sync_block("hex: small orders", "", &small_orders());
    tour(page);
    let trace = fs::read_to_string(root().join("tests/traces/ping-before-hello.trace")).unwrap();
    page.sync_block("hex: trace", "", &trace);
    let guest = fs::read_to_string(root().join("examples/guest.py")).unwrap();
    page.sync_block("python: guest.py", "python", &guest);
}

/// What a ticket looks like: without a seed, with one, and endorsed.
fn forms_of(ticket: &Ticket) -> String {
    let endorsement = ticket_proof().endorsement;
    let form = |seed, endorsement| {
        let ticket = Ticket { seed, endorsement, ..ticket.clone() };
        let mut text = ticket.to_string();
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let seed = ticket.seed.as_ref().map(|seed| hex(&seed.0)).unwrap_or_default();
        let words = [
            (hex(&ticket.meeting.0), "MEETING"),
            (hex(&ticket.host.0), "HOST"),
            (seed, "SEED"),
            (ticket.endorsement.map(|signature| hex(&signature.0)).unwrap_or_default(), "ENDORSEMENT"),
            (ticket.addresses.join(","), "ADDRESS[,ADDRESS[,ADDRESS]]"),
        ];
        for (hex, word) in words.into_iter().filter(|(hex, _)| !hex.is_empty()) {
            text = text.replace(&hex, word);
        }
        text + "\n"
    };
    let seed = ticket.seed;
    [form(None, None), form(seed, None), form(seed, Some(endorsement))].concat()
}

/// The text that stands over code that does what it says: a block in the comments of a source.
fn text_of(source: &str) -> String {
    let source = fs::read_to_string(root().join(source)).unwrap();
    let (_, block) = source.split_once("//! ```text\n").expect("a block");
    let (block, _) = block.split_once("//! ```\n").expect("its end");
    block
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix("//!").unwrap().strip_prefix(' ').unwrap_or("")))
        .collect()
}

/// How long each message of the handshake is, then a refusal, as bytes of their records.
pub(crate) fn handshake_lengths() -> [usize; 4] {
    let [mut asked, mut answered, mut last, mut refused] = [(); 4].map(|()| Vec::new());
    let crypto = || &DefaultResolver;
    let mut guest = Handshake::initiator(&bea(), Some(ada().key()), [0x11; 32], crypto(), &mut asked);
    Handshake::responder(&ada(), [0x22; 32], crypto()).receive(&asked, &mut answered).unwrap();
    guest.receive(&answered, &mut last).unwrap();
    let mut other = asked.clone();
    other[8] = 0xff;
    Handshake::responder(&ada(), [0x22; 32], crypto()).receive(&other, &mut refused).unwrap_err();
    [asked.len() - PREAMBLE.len(), answered.len(), last.len(), refused.len()].map(|bytes| bytes - RECORD_LENGTH_BYTES)
}

/// Hex lines as a trace has them, without the packet's first line.
fn lines(lines: Vec<Line>) -> String {
    let mut packet = Packet::new(Direction::Initiator, 0, "X", &[]);
    packet.lines = lines;
    packet.to_string().lines().skip(1).flat_map(|line| [line, "\n"]).collect()
}

/// Only what an entry says: its kind and body.
fn body(lines: Vec<Line>) -> Vec<Line> {
    lines.into_iter().skip_while(|line| !line.comment.starts_with("body")).collect()
}

fn dump(direction: Direction, name: &str, bytes: &[u8]) -> String {
    let text = Packet::new(direction, 0, name, bytes).to_string();
    text.replacen(" 0.000000 ", "", 1)
}

/// Every encoding of a point of small order: seven of y, each with either sign of x.
fn small_orders() -> String {
    let filled = |first, rest, last| {
        let mut y = [rest; 32];
        (y[0], y[31]) = (first, last);
        y
    };
    // 0, 1, p - 1, p, p + 1, and the two of order eight.
    let plain = [(0, 0, 0), (1, 0, 0), (0xec, 0xff, 0x7f), (0xed, 0xff, 0x7f), (0xee, 0xff, 0x7f)];
    let eighth = [
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    ];
    let eighth = eighth.map(|hex| Key::from_hex(hex).unwrap().0);
    let all = plain.into_iter().map(|(first, rest, last)| filled(first, rest, last)).chain(eighth);
    let keys = all.flat_map(|y| {
        let mut other = y;
        other[31] |= 0x80;
        [Key(y), Key(other)]
    });
    keys.map(|key| {
        assert!(is_small_order(&key), "{key} is of large order");
        format!("{key}\n")
    })
    .collect()
}

/// Seeds of `tests/vectors/handshake.json`.
fn tour(page: &mut Page) {
    let (mut asked, mut answered) = (Vec::new(), Vec::new());
    let crypto = || &DefaultResolver;
    let mut guest = Handshake::initiator(&bea(), Some(ada().key()), [0x11; 32], crypto(), &mut asked);
    let mut host = Handshake::responder(&ada(), [0x22; 32], crypto());
    host.receive(&asked, &mut answered).unwrap();
    let mut last = Vec::new();
    let (_, established) = guest.receive(&answered, &mut last).unwrap();
    let pieces = [
        dump(Direction::Initiator, "preamble", &asked[..10]),
        dump(Direction::Initiator, "message 1", &asked[10..]),
        dump(Direction::Responder, "message 2", &answered),
        dump(Direction::Initiator, "message 3", &last),
    ];
    page.sync_block("hex: tour handshake", "", &pieces.join("\n"));
    let lecture = lecture();
    let mut record = Vec::new();
    established.unwrap().sealer.seal(&lecture[0].frame.0, &mut record).unwrap();
    page.sync_block("hex: tour record", "", &dump(Direction::Initiator, "record", &record));
    let frames: Vec<String> =
        lecture.iter().map(|said| format!("# {}\n{}", said.why, dump(said.from, said.name(), &said.frame.0))).collect();
    page.sync_block("hex: tour frames", "", &frames.join("\n"));
    // The vectors' own meeting of both sides has the same bytes.
    let vectors = fs::read_to_string(root().join("tests/vectors/handshake.json")).unwrap();
    page.sync_block("hex: tour secrets", "", &secrets(&vectors));
    for message in [&asked[10..], &answered, &last] {
        let hex: String = message.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(vectors.contains(&hex), "handshake.json has another handshake");
    }
}

/// What a program that is tested against the tour has to be given, and the keys that it has to end with.
fn secrets(vectors: &str) -> String {
    let value = |of: &str, name: &str| {
        let (_, object) = vectors.split_once(&format!("\"{of}\": {{")).unwrap();
        let (_, value) = object.split_once(&format!("\"{name}\": \"")).unwrap();
        value.split('"').next().unwrap().to_owned()
    };
    let lines = [
        ("Bea's s", value("initiator", "static_private")),
        ("Bea's e", value("initiator", "ephemeral_private")),
        ("Ada's s", value("responder", "static_private")),
        ("Ada's e", value("responder", "ephemeral_private")),
        ("h", value("end", "hash")),
        ("k1", value("end", "initiator_key")),
        ("k2", value("end", "responder_key")),
    ];
    lines.map(|(name, hex)| format!("{name:8}{hex}\n")).concat()
}
