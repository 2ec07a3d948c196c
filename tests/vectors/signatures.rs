use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use sha2::{Digest as _, Sha512};
use tertulia_core::id::{Key, Signature};
use tertulia_core::identity::{Ed25519, Scheme as _, is_small_order};

use crate::{compare, hex, list, object, text};

const ABOUT: &str =
    "SPEC.md, ID-1. A signature holds or not, as it says; the domain string is left out. All bytes in hex.";

/// Group order, little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

struct Case {
    why: &'static str,
    key: [u8; 32],
    message: Vec<u8>,
    r: [u8; 32],
    s: [u8; 32],
    holds: bool,
}

fn challenge(r: &[u8; 32], key: &[u8; 32], message: &[u8]) -> Scalar {
    let hash = Sha512::new().chain_update(r).chain_update(key).chain_update(message).finalize();
    Scalar::from_bytes_mod_order_wide(&hash.into())
}

fn secret() -> Scalar {
    Scalar::from_bytes_mod_order([0x17; 32])
}

fn nonce() -> Scalar {
    Scalar::from_bytes_mod_order([0x29; 32])
}

/// Solves the equation for S with these encodings, as if key and R had no part of small order.
fn sign(why: &'static str, key: [u8; 32], r: [u8; 32], nonce: Scalar, message: &[u8], holds: bool) -> Case {
    let s = (nonce + challenge(&r, &key, message) * secret()).to_bytes();
    Case { why, key, message: message.into(), r, s, holds }
}

/// S = r alone, as for a key of small order.
fn keyless(why: &'static str, key: [u8; 32], message: &[u8]) -> Case {
    let r = EdwardsPoint::mul_base(&nonce()).compress().to_bytes();
    Case { why, key, message: message.into(), r, s: nonce().to_bytes(), holds: false }
}

/// A message whose challenge is, or is not, a multiple of eight.
fn message_for(r: &[u8; 32], key: &[u8; 32], is_multiple: bool) -> Vec<u8> {
    let messages = (0..=u8::MAX).map(|byte| vec![byte]);
    let fits = |message: &Vec<u8>| challenge(r, key, message).to_bytes()[0].is_multiple_of(8) == is_multiple;
    messages.into_iter().find(fits).unwrap()
}

/// `s` and the group order.
fn plus_order(s: [u8; 32]) -> [u8; 32] {
    let mut carry = 0_u16;
    std::array::from_fn(|at| {
        let sum = u16::from(s[at]) + u16::from(ORDER[at]) + carry;
        carry = sum >> 8;
        sum.to_le_bytes()[0]
    })
}

fn whole_points() -> Vec<Case> {
    let key = EdwardsPoint::mul_base(&secret()).compress().to_bytes();
    let r = EdwardsPoint::mul_base(&nonce()).compress().to_bytes();
    let good = sign("it holds", key, r, nonce(), b"hello", true);
    let other = Case {
        why: "it is another message's",
        message: b"hullo".to_vec(),
        holds: false,
        ..sign("", key, r, nonce(), b"hello", true)
    };
    let above = Case {
        why: "S is its value and the group order",
        s: plus_order(good.s),
        holds: false,
        ..sign("", key, r, nonce(), b"hello", true)
    };
    let mut high = good.s;
    high[31] |= 0xe0;
    let high = Case {
        why: "S has its three highest bits set",
        s: high,
        holds: false,
        ..sign("", key, r, nonce(), b"hello", true)
    };
    let mut off = [0; 32];
    off[0] = (2..=255)
        .find(|y| CompressedEdwardsY([&[*y][..], &[0; 31]].concat().try_into().unwrap()).decompress().is_none())
        .unwrap();
    let off = sign("the key is no point of the curve", off, r, nonce(), b"hello", false);
    vec![good, other, above, high, off]
}

fn mixed_points() -> Vec<Case> {
    let torsion = EIGHT_TORSION[1];
    let key = EdwardsPoint::mul_base(&secret()).compress().to_bytes();
    let r = EdwardsPoint::mul_base(&nonce()).compress().to_bytes();
    let mixed_key = (EdwardsPoint::mul_base(&secret()) + torsion).compress().to_bytes();
    let mixed_r = (EdwardsPoint::mul_base(&nonce()) + torsion).compress().to_bytes();
    let (holds, fails) = (message_for(&r, &mixed_key, true), message_for(&r, &mixed_key, false));
    vec![
        sign(
            "the key has a part of small order; only the cofactored equation holds",
            mixed_key,
            r,
            nonce(),
            &fails,
            false,
        ),
        sign(
            "the key has a part of small order, which the challenge cancels: both equations hold",
            mixed_key,
            r,
            nonce(),
            &holds,
            true,
        ),
        sign("R has a part of small order; only the cofactored equation holds", key, mixed_r, nonce(), b"hello", false),
    ]
}

fn small_points() -> Vec<Case> {
    let key = EdwardsPoint::mul_base(&secret()).compress().to_bytes();
    let r = EdwardsPoint::mul_base(&nonce()).compress().to_bytes();
    let identity = EIGHT_TORSION[0].compress().to_bytes();
    let mut not_canonical = [0xff; 32];
    (not_canonical[0], not_canonical[31]) = (0xee, 0x7f);
    let mut negative_zero = identity;
    negative_zero[31] |= 0x80;
    let mut cases = vec![
        sign("R is the neutral point; both equations hold", key, identity, Scalar::ZERO, b"hello", false),
        sign("R is the neutral point, not canonical", key, not_canonical, Scalar::ZERO, b"hello", false),
        sign("R is the neutral point, with the sign of x set", key, negative_zero, Scalar::ZERO, b"hello", false),
        keyless("the key is the neutral point; both equations hold for any message", identity, b"hello"),
        keyless("the key is the neutral point, not canonical", not_canonical, b"hello"),
        keyless("the key is the neutral point, with the sign of x set", negative_zero, b"hello"),
    ];
    let part = EIGHT_TORSION[1];
    let mixed_key = (EdwardsPoint::mul_base(&secret()) + part).compress().to_bytes();
    for point in &EIGHT_TORSION[1..] {
        let r = point.compress().to_bytes();
        let cancels = |message: &Vec<u8>| part * challenge(&r, &mixed_key, message) + point == EIGHT_TORSION[0];
        let message = (0..=u8::MAX).map(|byte| vec![byte]).find(cancels).unwrap();
        cases.push(sign(
            "R is of small order, and a part of the key cancels it: both equations hold",
            mixed_key,
            r,
            Scalar::ZERO,
            &message,
            false,
        ));
    }
    for point in &EIGHT_TORSION[1..] {
        let key = point.compress().to_bytes();
        let message = message_for(&r, &key, true);
        cases.push(keyless(
            "the key is of small order, and the challenge cancels it: both equations hold",
            key,
            &message,
        ));
    }
    cases
}

/// RFC 8032, 7.1, TEST 1 and TEST 3.
fn standard() -> Vec<Case> {
    let case = |key: &str, message: &[u8], signature: &str| {
        let signature = Signature::from_hex(signature).unwrap().0;
        let (r, s) = signature.split_at(32);
        let (r, s) = (r.try_into().unwrap(), s.try_into().unwrap());
        Case { why: "RFC 8032, 7.1", key: Key::from_hex(key).unwrap().0, message: message.into(), r, s, holds: true }
    };
    vec![
        case(
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            b"",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        case(
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            b"\xaf\x82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ]
}

#[test]
fn id_1_signatures_hold_or_not_as_the_vectors_say() {
    let cases: Vec<Case> = [standard(), whole_points(), mixed_points(), small_points()].into_iter().flatten().collect();
    let mut shown = Vec::new();
    for case in &cases {
        let signature: [u8; 64] = [case.r, case.s].concat().try_into().unwrap();
        let holds = Ed25519.verify(&Key(case.key), &case.message, &Signature(signature));
        assert_eq!(holds, case.holds, "{}", case.why);
        let fields = [
            ("why", text(case.why)),
            ("key", hex(&case.key)),
            ("message", hex(&case.message)),
            ("signature", hex(&signature)),
            ("holds", case.holds.to_string()),
        ];
        shown.push(object(2, &fields));
    }
    let parts = [("license", text("CC0-1.0")), ("about", text(ABOUT)), ("cases", list(1, &shown))];
    compare("signatures.json", &format!("{}\n", object(0, &parts)));
}

#[test]
fn id_1_fourteen_encodings_are_of_small_order() {
    let points = EIGHT_TORSION.iter().map(|point| point.compress().to_bytes());
    let mut encodings: Vec<[u8; 32]> = points.collect();
    for point in encodings.clone() {
        let mut other = point;
        other[31] ^= 0x80;
        encodings.push(other);
    }
    // p and p + 1 are 0 and 1.
    for low in [0xed, 0xee] {
        for high in [0x7f, 0xff] {
            let mut encoding = [0xff; 32];
            (encoding[0], encoding[31]) = (low, high);
            encodings.push(encoding);
        }
    }
    encodings.sort_unstable();
    encodings.dedup();
    assert_eq!(encodings.len(), 14);
    assert!(encodings.iter().all(|encoding| is_small_order(&Key(*encoding))));
}
