//! `tests/vectors/handshake.json`: one meeting with every intermediate value, and inputs that are refused.
//! `UPDATE=1` writes it anew.

use std::{fmt::Write as _, fs, path::Path};

use tertulia_core::{
    channel::PREAMBLE,
    identity::{Domain, Identity},
    random::Random,
};

use crate::{
    DIALLER_SEED, LISTENER_SEED, Side,
    adversary::{Adversary, honest, low_order_points},
    dialler, linked, listener,
    oracle::{Derived, Secrets, derive, seal_record},
    stranger, talk,
};

const ABOUT: &str = "SPEC.md, Connection. All bytes in hex. Messages and records are printed with their length. \
                     A rejection is what the initiator (which has dialled the responder's identity key) or the \
                     responder of this meeting does with other input: it sends output and closes by rule. \
                     What an initiator has sent before any input, preamble and message 1, is not in its output.";

fn secrets(identity: Identity, seed: [u8; 32]) -> Secrets {
    let mut random = Random::new(seed);
    Secrets { identity, static_private: random.bytes(), ephemeral_private: random.bytes() }
}

fn both() -> (Secrets, Secrets) {
    (secrets(dialler(), DIALLER_SEED), secrets(listener(), LISTENER_SEED))
}

#[test]
fn the_bytes_are_those_of_the_noise_specification() {
    let (dialler_secrets, listener_secrets) = both();
    let derived = derive(&dialler_secrets, &listener_secrets);
    let mut one = Side::dials(&dialler(), None, DIALLER_SEED);
    let mut other = Side::listens(&listener(), LISTENER_SEED);
    talk(&mut one, &mut other, |_, said| vec![said]);
    assert_eq!(one.sent, [&PREAMBLE, derived.value("message_1"), derived.value("message_3")].concat());
    assert_eq!(other.sent, derived.value("message_2"));
    let (mut one, mut other) = (one.established(), other.established());
    assert_eq!((one.hash, other.hash), (derived.hash, derived.hash));
    for number in 0..3 {
        for (side, key) in [(&mut one, &derived.dialler_key), (&mut other, &derived.listener_key)] {
            let mut out = Vec::new();
            side.sealer.seal(b"plaintext", &mut out).unwrap();
            assert_eq!(out, seal_record(key, number, b"plaintext"));
        }
    }
}

#[test]
fn the_vectors_are_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/handshake.json");
    let text = render();
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &text).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "{} differs from what the code does; UPDATE=1 writes it anew", path.display());
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The fields of one JSON object, all of them text without anything to escape.
fn object(indent: &str, fields: &[(&str, String)]) -> String {
    let lines: Vec<_> = fields.iter().map(|(name, value)| format!("{indent}  \"{name}\": \"{value}\"")).collect();
    format!("{{\n{}\n{indent}}}", lines.join(",\n"))
}

fn render() -> String {
    let (dialler_secrets, listener_secrets) = both();
    let derived = derive(&dialler_secrets, &listener_secrets);
    let values: Vec<_> = derived.values.iter().map(|(name, value)| (*name, hex(value))).collect();
    let end = [
        ("hash", hex(&derived.hash)),
        ("initiator_key", hex(&derived.dialler_key)),
        ("responder_key", hex(&derived.listener_key)),
    ];
    let parts = [
        ("license", "\"CC0-1.0\"".to_owned()),
        ("about", format!("\"{ABOUT}\"")),
        ("noise", "\"Noise_XX_25519_ChaChaPoly_SHA256\"".to_owned()),
        ("preamble", format!("\"{}\"", hex(&PREAMBLE))),
        ("initiator", side(&dialler_secrets, DIALLER_SEED, [0xaa; 32])),
        ("responder", side(&listener_secrets, LISTENER_SEED, [0xbb; 32])),
        ("handshake", object("  ", &values)),
        ("end", object("  ", &end)),
        ("records", list(&records(&derived))),
        ("rejections", list(&rejections())),
    ];
    let lines: Vec<_> = parts.iter().map(|(name, value)| format!("  \"{name}\": {value}")).collect();
    format!("{{\n{}\n}}\n", lines.join(",\n"))
}

fn list(objects: &[String]) -> String {
    format!("[\n    {}\n  ]", objects.join(",\n    "))
}

/// `seed` is this implementation's own way to draw the private keys; others start from those.
fn side(secrets: &Secrets, seed: [u8; 32], identity_secret: [u8; 32]) -> String {
    let static_public = secrets.static_public();
    let fields = [
        ("seed", hex(&seed)),
        ("identity_secret", hex(&identity_secret)),
        ("identity_key", hex(&secrets.identity.key().0)),
        ("static_private", hex(&secrets.static_private)),
        ("static_public", hex(&static_public)),
        ("ephemeral_private", hex(&secrets.ephemeral_private)),
        ("ephemeral_public", hex(&secrets.ephemeral_public())),
        ("signed", hex(&Domain::Handshake.message(&[&static_public]))),
        ("signature", hex(&secrets.identity.sign(Domain::Handshake, &[&static_public]).0)),
    ];
    object("  ", &fields)
}

/// Records of both sides: the counter starts at 0 for each.
fn records(derived: &Derived) -> Vec<String> {
    let (mut one, mut other) = linked();
    let mut rendered = Vec::new();
    for number in 0..2 {
        for (name, side, key) in
            [("initiator", &mut one, &derived.dialler_key), ("responder", &mut other, &derived.listener_key)]
        {
            let plaintext: Vec<u8> = (0..8 + 8 * number as u8).collect();
            let mut sealed = Vec::new();
            side.sealer.seal(&plaintext, &mut sealed).unwrap();
            assert_eq!(sealed, seal_record(key, number, &plaintext));
            let fields = [
                ("from", name.to_owned()),
                ("counter", number.to_string()),
                ("plaintext", hex(&plaintext)),
                ("record", hex(&sealed)),
            ];
            rendered.push(object("    ", &fields));
        }
    }
    rendered
}

/// What one side does with each input: it answers with `output` and closes by `rule`.
fn rejections() -> Vec<String> {
    let mut rendered = Vec::new();
    let mut add = |name: &str, to: &str, input: &[u8], output: &[u8], side: &Side| {
        let rule = side.refused().expect("a rejection");
        let fields = [
            ("about", name.to_owned()),
            ("to", to.to_owned()),
            ("input", hex(input)),
            ("output", hex(output)),
            ("rule", rule.id().to_owned()),
            ("code", rule.code().word().to_owned()),
        ];
        rendered.push(object("    ", &fields));
    };
    let dials = || Side::dials(&dialler(), Some(listener().key()), DIALLER_SEED);
    let listens = || Side::listens(&listener(), LISTENER_SEED);
    let plain: [(&str, bool, &[u8]); 9] = [
        ("not TERTULIA", false, b"TERTULIb"),
        ("an HTTP request", false, b"G"),
        ("version 2", false, b"TERTULIA\x02"),
        ("suite 2", false, b"TERTULIA\x01\x02"),
        ("message 1 of 65535 bytes", false, b"TERTULIA\x01\x01\xff\xff"),
        ("message 2 of 191 bytes", true, &[0, 191]),
        ("a refusal of the version", true, &[0, 4, 2, 1, 0, 0x14]),
        ("a refusal of the suite", true, &[0, 4, 1, 2, 0, 0x15]),
        ("a refusal with another code", true, &[0, 4, 1, 1, 0, 0x03]),
    ];
    for (name, to_initiator, input) in plain {
        let mut side = if to_initiator { dials() } else { listens() };
        let output = side.hears(input);
        add(name, if to_initiator { "initiator" } else { "responder" }, input, &output, &side);
    }
    let own = |key: &[u8; 32]| honest(&listener(), key);
    let foreign = |key: &[u8; 32]| honest(&stranger(), key);
    let replayed = |_: &[u8; 32]| honest(&listener(), &[9; 32]);
    let weak = |_: &[u8; 32]| [[1_u8].as_slice(), &[0; 31], &[1], &[0; 63]].concat();
    let mut crooked: Vec<(String, Adversary<'_>)> = vec![
        ("a signature of another static key".into(), Adversary::says(&replayed)),
        ("an identity key of order 1".into(), Adversary::says(&weak)),
    ];
    for point in low_order_points() {
        let name = format!("an ephemeral key of low order {}", hex(&point));
        crooked.push((name, Adversary { ephemeral: Some(point), ..Adversary::says(&own) }));
        let name = format!("a static key of low order {}", hex(&point));
        crooked.push((name, Adversary { static_key: Some(point), ..Adversary::says(&own) }));
    }
    for (name, adversary) in &crooked {
        let mut side = listens();
        let input = adversary.dials(&mut side);
        add(name, "responder", &input, &side.sent, &side);
    }
    crooked.push(("another key than the dialled one".into(), Adversary::says(&foreign)));
    for (name, adversary) in &crooked {
        let mut side = dials();
        let (input, output) = adversary.listens(&mut side);
        add(name, "initiator", &input, &output, &side);
    }
    let (mut one, mut other) = (dials(), listens());
    talk(&mut one, &mut other, |_, said| vec![said]);
    let mut flipped = other.sent.clone();
    flipped[193] ^= 1;
    let mut side = dials();
    let output = side.hears(&flipped);
    add("message 2 with its last bit flipped", "initiator", &flipped, &output, &side);
    let mut flipped = one.sent.clone();
    flipped[205] ^= 1;
    let mut side = listens();
    let output = side.hears(&flipped);
    add("message 3 with its last bit flipped", "responder", &flipped, &output, &side);
    rendered
}
