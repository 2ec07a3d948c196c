//! Preamble and handshake: who meets, whatever the network does to the bytes, and who does not.

use std::sync::Arc;

use tertulia_core::{
    channel::{PREAMBLE, introduce},
    code::Code,
    id::{Key, Signature},
    identity::{Domain, Ed25519, Identity, Pair, Scheme, Secret},
    rule::Rule,
};

use crate::{
    DIALLER_SEED, LISTENER_SEED, Side,
    adversary::{Adversary, Payload, honest, low_order_points},
    crypto, dialler, linked, listener, stranger, talk,
};

fn sides() -> (Side, Side) {
    (Side::dials(&dialler(), Some(listener().key()), DIALLER_SEED), Side::listens(&listener(), LISTENER_SEED))
}

fn assert_met(one: Side, other: Side) {
    let (one, other) = (one.established(), other.established());
    assert_eq!((one.peer, other.peer), (listener().key(), dialler().key()));
    assert_eq!(one.hash, other.hash);
}

#[test]
fn both_meet_however_the_stream_is_cut() {
    for size in 1..=206 {
        let (mut one, mut other) = sides();
        talk(&mut one, &mut other, |_, said| said.chunks(size).map(Vec::from).collect());
        assert_met(one, other);
    }
    for at in 0..=194 {
        let (mut one, mut other) = sides();
        talk(&mut one, &mut other, |_, said| {
            let (head, tail) = said.split_at(at.min(said.len()));
            vec![head.to_vec(), tail.to_vec()]
        });
        assert_met(one, other);
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_gives_others() {
    let bytes = |one: [u8; 32], other: [u8; 32]| {
        let (mut one, mut other) = (Side::dials(&dialler(), None, one), Side::listens(&listener(), other));
        talk(&mut one, &mut other, |_, said| vec![said]);
        (one.sent, other.sent)
    };
    let (first, again) = (bytes(DIALLER_SEED, LISTENER_SEED), bytes(DIALLER_SEED, LISTENER_SEED));
    assert_eq!(first, again);
    let changed = bytes([0x33; 32], [0x44; 32]);
    assert_eq!(changed.0[..12], first.0[..12]);
    assert_ne!(changed.0[12..44], first.0[12..44]);
    assert_ne!(changed.1[2..34], first.1[2..34]);
}

#[test]
fn truncated_input_waits_and_says_nothing() {
    let (mut one, mut other) = sides();
    talk(&mut one, &mut other, |_, said| vec![said]);
    for (length, sent) in [(206, &one.sent), (194, &other.sent)] {
        assert_eq!(sent.len(), length);
        for end in 0..length {
            let (dials, listens) = sides();
            let mut hearer = if length == 206 { listens } else { dials };
            let answer = hearer.hears(&sent[..end]);
            assert!(hearer.end.is_none(), "cut at {end}");
            assert_eq!(answer.is_empty(), length == 194 || end < 44, "cut at {end}");
        }
    }
}

#[test]
fn records_behind_the_last_message_are_left_for_the_opener() {
    let (mut one, mut other) = sides();
    let answer = other.hears(&one.sent);
    let mut last = one.hears(&answer);
    let mut one = one.established();
    one.sealer.seal(b"a frame.", &mut last).unwrap();
    other.hears(&last);
    let record = other.inbox.clone();
    let mut opened = Vec::new();
    other.established().opener.open(&record[2..], &mut opened).unwrap();
    assert_eq!(opened, b"a frame.");
}

#[test]
fn any_flipped_bit_of_the_handshake_keeps_both_from_meeting() {
    for (flip_to_listener, length) in [(true, 206), (false, 194)] {
        for bit in 0..length * 8 {
            let (mut one, mut other) = sides();
            let mut passed = 0;
            talk(&mut one, &mut other, |to_listener, mut said| {
                if to_listener == flip_to_listener {
                    if let Some(byte) = (bit / 8_usize).checked_sub(passed).and_then(|at| said.get_mut(at)) {
                        *byte ^= 1 << (bit % 8);
                    }
                    passed += said.len();
                }
                vec![said]
            });
            assert!(one.refused().or(other.refused()).is_some(), "bit {bit} to the listener: {flip_to_listener}");
            assert!(!matches!(other.end, Some(Ok(_))), "bit {bit} to the listener: {flip_to_listener}");
        }
    }
}

#[test]
fn a_failed_handshake_stays_failed_and_silent() {
    let (one, mut other) = sides();
    assert_eq!(other.hears(b"TERTULIA\x02"), [0, 4, 1, 1, 0, 0x14]);
    other.inbox.clear();
    assert_eq!(other.hears(&one.sent), []);
    assert_eq!(other.refused(), Some(Rule::Preamble2));
}

#[test]
fn preamble_1_the_first_byte_that_differs_closes_in_silence() {
    for at in 0..8 {
        let mut input = PREAMBLE[..=at].to_vec();
        let (_, mut other) = sides();
        other.hears(&input[..at]);
        assert!(other.end.is_none());
        input[at] ^= 0x20;
        let (_, mut other) = sides();
        assert_eq!(other.hears(&input), []);
        assert_eq!(other.refused(), Some(Rule::Preamble1));
    }
    for foreign in ["GET / HTTP/1.1\r\n", "\x16\x03\x01\x02\0\x01\0\x01", "SSH-2.0-", "\r\n", "\0"] {
        let (_, mut other) = sides();
        assert_eq!(other.hears(foreign.as_bytes()), []);
        assert_eq!(other.refused(), Some(Rule::Preamble1));
    }
}

#[test]
fn preamble_2_an_unknown_version_is_refused_with_what_is_known() {
    for version in [0, 2, 255] {
        let (mut one, mut other) = sides();
        let refusal = other.hears(&[b"TERTULIA", [version].as_slice()].concat());
        assert_eq!(refusal, [0, 4, 1, 1, 0, 0x14]);
        assert_eq!(other.refused(), Some(Rule::Preamble2));
        assert_eq!(one.hears(&refusal), []);
        assert_eq!(one.refused(), Some(Rule::Preamble2));
    }
}

#[test]
fn preamble_3_an_unknown_suite_is_refused_with_what_is_known() {
    for suite in [0, 2, 255] {
        let (mut one, mut other) = sides();
        let refusal = other.hears(&[b"TERTULIA\x01", [suite].as_slice()].concat());
        assert_eq!(refusal, [0, 4, 1, 1, 0, 0x15]);
        assert_eq!(other.refused(), Some(Rule::Preamble3));
        for byte in &refusal {
            assert!(one.end.is_none());
            assert_eq!(one.hears(&[*byte]), []);
        }
        assert_eq!(one.refused(), Some(Rule::Preamble3));
    }
}

#[test]
fn preamble_4_a_refusal_with_any_other_code_is_not_believed() {
    for code in (0..=u16::MAX).filter(|code| !matches!(code, 0x14 | 0x15)).step_by(97).chain([0x03, 0x13, 0x16]) {
        let (mut one, _) = sides();
        assert_eq!(one.hears(&[0, 4, 2, 9]), []);
        assert_eq!(one.hears(&code.to_be_bytes()), []);
        assert_eq!(one.refused(), Some(Rule::Preamble4));
        assert_eq!(Rule::Preamble4.code(), Code::HandshakeFailed);
    }
}

#[test]
fn handshake_1_any_other_length_is_refused_unread() {
    let far = (0..16).flat_map(|bit| [32, 192, 4].map(|length: u16| length ^ (1 << bit)));
    for length in (0..400).chain(far).chain([u16::MAX]) {
        let (mut one, mut other) = sides();
        if !matches!(length, 192 | 4) {
            assert_eq!(one.hears(&length.to_be_bytes()), []);
            assert_eq!(one.refused(), Some(Rule::Handshake1), "message 2 of {length} bytes");
        }
        if length != 32 {
            assert_eq!(other.hears(&[PREAMBLE.as_slice(), &length.to_be_bytes()].concat()), []);
            assert_eq!(other.refused(), Some(Rule::Handshake1), "message 1 of {length} bytes");
        }
    }
}

#[test]
fn handshake_1_message_3_has_160_bytes() {
    let (one, mut other) = sides();
    other.hears(&one.sent);
    assert_eq!(other.hears(&[0]), []);
    assert!(other.end.is_none());
    assert_eq!(other.hears(&[161]), []);
    assert_eq!(other.refused(), Some(Rule::Handshake1));
    let (one, mut other) = sides();
    other.hears(&one.sent);
    other.hears(&[0, 4]);
    assert_eq!(other.refused(), Some(Rule::Handshake1), "a refusal takes the place of message 2 only");
}

#[test]
fn handshake_2_an_all_zero_dh_result_fails() {
    let payload = |key: &[u8; 32]| honest(&listener(), key);
    for point in low_order_points() {
        let ephemeral = Adversary { ephemeral: Some(point), ..Adversary::says(&payload) };
        let static_key = Adversary { static_key: Some(point), ..Adversary::says(&payload) };
        for (adversary, sent) in [(ephemeral, 0), (static_key, 194)] {
            let (mut one, mut other) = sides();
            let (_, answer) = adversary.listens(&mut one);
            assert_eq!(one.refused(), Some(Rule::Handshake2), "{point:02x?} to the initiator");
            assert_eq!(answer, []);
            adversary.dials(&mut other);
            assert_eq!(other.refused(), Some(Rule::Handshake2), "{point:02x?} to the responder");
            assert_eq!(other.sent.len(), sent);
        }
    }
}

#[test]
fn handshake_3_what_was_not_sealed_for_this_handshake_does_not_open() {
    let (mut one, mut other) = sides();
    let mut random_message_2 = vec![0; 194];
    random_message_2[1] = 192;
    random_message_2[2] = 9;
    assert_eq!(one.hears(&random_message_2), []);
    assert_eq!(one.refused(), Some(Rule::Handshake3));
    let opening = Side::dials(&dialler(), None, DIALLER_SEED).sent;
    other.hears(&opening);
    assert_eq!(other.hears(&[[0, 160].as_slice(), &[7; 160]].concat()), []);
    assert_eq!(other.refused(), Some(Rule::Handshake3));
}

#[test]
fn handshake_4_a_key_that_has_not_signed_the_static_key_fails() {
    let claimed = |signature: Signature| [listener().key().0.as_slice(), &signature.0].concat();
    let replayed = |_: &[u8; 32]| honest(&listener(), &[9; 32]);
    let by_another = |key: &[u8; 32]| claimed(stranger().sign(Domain::Handshake, &[key]));
    let elsewhere = |key: &[u8; 32]| claimed(listener().sign(Domain::Entry, &[key]));
    let bare = |key: &[u8; 32]| claimed(Ed25519.pair(&Secret([0xbb; 32])).sign(key));
    let none = |_: &[u8; 32]| vec![0; 96 - 32].into_iter().chain(listener().key().0).rev().collect();
    let payloads: [&Payload<'_>; 5] = [&replayed, &by_another, &elsewhere, &bare, &none];
    for (number, payload) in payloads.into_iter().enumerate() {
        let adversary = Adversary::says(payload);
        let (mut one, mut other) = sides();
        let (_, answer) = adversary.listens(&mut one);
        assert_eq!(one.refused(), Some(Rule::Handshake4), "payload {number} to the initiator");
        assert_eq!(answer, []);
        adversary.dials(&mut other);
        assert_eq!(other.refused(), Some(Rule::Handshake4), "payload {number} to the responder");
    }
}

#[test]
fn handshake_5_identity_keys_of_small_order_fail() {
    let mut keys: Vec<_> =
        curve25519_dalek::constants::EIGHT_TORSION.iter().map(|point| point.compress().to_bytes()).collect();
    // The encodings of p and p + 1, and of x = 0 with its sign set: a lenient decoder takes them for the above.
    for (first, rest) in [(1, 0), (0xec, 0xff), (0xed, 0xff), (0xee, 0xff)] {
        for top in [rest & 0x7f, rest | 0x80] {
            let mut key = [rest; 32];
            (key[0], key[31]) = (first, top);
            keys.push(key);
        }
    }
    for key in keys {
        // With R = A = the identity and S = 0 a lenient check finds nothing wrong.
        let mut signature = [0; 64];
        signature[0] = 1;
        let payload = |_: &[u8; 32]| [key.as_slice(), &signature].concat();
        let adversary = Adversary::says(&payload);
        let (mut one, mut other) = sides();
        let (_, answer) = adversary.listens(&mut one);
        assert_eq!(one.refused(), Some(Rule::Handshake5), "{} to the initiator", Key(key));
        assert_eq!(answer, []);
        adversary.dials(&mut other);
        assert_eq!(other.refused(), Some(Rule::Handshake5), "{} to the responder", Key(key));
    }
}

#[test]
fn handshake_6_another_key_than_the_dialled_one_learns_nothing() {
    let mut one = Side::dials(&dialler(), Some(listener().key()), DIALLER_SEED);
    let mut other = Side::listens(&stranger(), LISTENER_SEED);
    talk(&mut one, &mut other, |_, said| vec![said]);
    assert_eq!(one.refused(), Some(Rule::Handshake6));
    assert_eq!(one.sent.len(), PREAMBLE.len() + 34, "message 3 has not gone");
    assert!(other.end.is_none());
    let mut one = Side::dials(&dialler(), None, DIALLER_SEED);
    let mut other = Side::listens(&stranger(), LISTENER_SEED);
    talk(&mut one, &mut other, |_, said| vec![said]);
    assert_eq!(one.established().peer, stranger().key());
}

#[test]
fn both_sides_get_one_hash_and_other_connections_another() {
    let (one, other) = linked();
    assert_eq!(one.hash, other.hash);
    let mut third = Side::dials(&dialler(), None, [0x33; 32]);
    let mut fourth = Side::listens(&listener(), LISTENER_SEED);
    talk(&mut third, &mut fourth, |_, said| vec![said]);
    assert_ne!(third.established().hash, one.hash);
}

/// Costs nothing and proves nothing, as a simulator wants it.
#[derive(Debug)]
struct Paper;

impl Scheme for Paper {
    fn pair(&self, secret: &Secret) -> Arc<dyn Pair> {
        Arc::new(Sheet(secret.0))
    }

    fn verify(&self, key: &Key, message: &[u8], signature: &Signature) -> bool {
        Sheet(key.0).sign(message) == *signature
    }
}

#[derive(Debug)]
struct Sheet([u8; 32]);

impl Pair for Sheet {
    fn key(&self) -> Key {
        Key(self.0)
    }

    fn sign(&self, message: &[u8]) -> Signature {
        let sum = message.iter().fold(self.0[0], |sum, byte| sum.wrapping_add(*byte));
        Signature([sum; 64])
    }
}

#[test]
fn an_identity_that_has_introduced_itself_signs_no_more_and_is_met_as_ever() {
    let introduced = introduce(listener(), [0x77; 32], crypto()).unwrap();
    let meet = |seed| {
        let mut one = Side::dials(&dialler(), Some(listener().key()), DIALLER_SEED);
        let mut other = Side::listens(&introduced, seed);
        talk(&mut one, &mut other, |_, said| vec![said]);
        (one.established(), other.established())
    };
    let ((one, _), (other, same)) = (meet([1; 32]), meet([2; 32]));
    assert_eq!((one.peer, other.peer), (listener().key(), listener().key()));
    assert_eq!(other.hash, same.hash);
    assert_ne!(one.hash, other.hash, "its ephemeral key is of this handshake alone");
}

#[test]
fn the_identity_decides_by_its_own_scheme() {
    let paper = |secret| Identity::new(Secret([secret; 32]), Arc::new(Paper));
    let mut one = Side::dials(&paper(1), Some(Key([2; 32])), DIALLER_SEED);
    let mut other = Side::listens(&paper(2), LISTENER_SEED);
    talk(&mut one, &mut other, |_, said| vec![said]);
    assert_eq!(one.established().peer, Key([2; 32]));
    assert_eq!(other.established().peer, Key([1; 32]));
    let mut one = Side::dials(&dialler(), None, DIALLER_SEED);
    talk(&mut one, &mut Side::listens(&paper(2), LISTENER_SEED), |_, said| vec![said]);
    assert_eq!(one.refused(), Some(Rule::Handshake4));
}
