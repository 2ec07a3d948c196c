//! Records between two sides that have met.

use tertulia_core::{
    channel::{Established, record_bytes},
    limits::RECORD_PLAINTEXT_MAX,
    rule::Rule,
};

use crate::linked;

fn sealed(by: &mut Established, plaintext: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    by.sealer.seal(plaintext, &mut out).unwrap();
    assert_eq!(record_bytes(&out), Ok(Some(out.len())));
    out.split_off(2)
}

#[test]
fn what_one_side_seals_the_other_opens() {
    let (mut one, mut other) = linked();
    for length in (8..300).chain([1_024, 16_384, RECORD_PLAINTEXT_MAX - 1, RECORD_PLAINTEXT_MAX]) {
        let plaintext: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        for there in [true, false] {
            let (from, to) = if there { (&mut one, &mut other) } else { (&mut other, &mut one) };
            let record = sealed(from, &plaintext);
            assert_eq!(record.len(), length + 16);
            let mut opened = b"before".to_vec();
            assert_eq!(to.opener.open(&record, &mut opened), Ok(()));
            assert_eq!(opened, [b"before", plaintext.as_slice()].concat());
        }
    }
}

#[test]
fn a_record_says_how_long_it_is_once_its_length_is_there() {
    assert_eq!(record_bytes(&[]), Ok(None));
    assert_eq!(record_bytes(&[0xff]), Ok(None));
    assert_eq!(record_bytes(&[0xff, 0xff]), Ok(Some(65_537)));
    assert_eq!(record_bytes(&[0, 24, 7]), Ok(Some(26)));
}

#[test]
fn record_1_a_record_without_room_for_a_frame_is_refused_on_its_length() {
    let (mut one, mut other) = linked();
    for length in 0..24_u8 {
        assert_eq!(record_bytes(&[0, length]), Err(Rule::Record1));
        assert_eq!(other.opener.open(&vec![0; usize::from(length)], &mut Vec::new()), Err(Rule::Record1));
    }
    for length in [0, 7, RECORD_PLAINTEXT_MAX + 1, 100_000] {
        let mut out = vec![1];
        assert_eq!(one.sealer.seal(&vec![0; length], &mut out), Err(Rule::Record1));
        assert_eq!(out, [1]);
    }
    let record = sealed(&mut one, b"a frame.");
    assert_eq!(other.opener.open(&record, &mut Vec::new()), Ok(()));
}

#[test]
fn record_2_a_flipped_bit_fails() {
    let (mut one, mut other) = linked();
    let record = sealed(&mut one, b"a frame, and more");
    let mut opened = b"before".to_vec();
    for bit in 0..record.len() * 8 {
        let mut flipped = record.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(other.opener.open(&flipped, &mut opened), Err(Rule::Record2), "bit {bit}");
        assert_eq!(opened, b"before", "bit {bit}");
    }
    assert_eq!(other.opener.open(&record, &mut opened), Ok(()));
}

#[test]
fn record_2_a_record_out_of_its_place_fails() {
    let (mut one, mut other) = linked();
    let first = sealed(&mut one, b"frame one");
    let second = sealed(&mut one, b"frame two");
    let mut opened = Vec::new();
    assert_eq!(other.opener.open(&second, &mut opened), Err(Rule::Record2), "ahead of its turn");
    assert_eq!(one.opener.open(&first, &mut opened), Err(Rule::Record2), "sent back to its author");
    assert_eq!(other.opener.open(&first, &mut opened), Ok(()));
    assert_eq!(other.opener.open(&first, &mut opened), Err(Rule::Record2), "a second time");
    assert_eq!(other.opener.open(&second[..second.len() - 1], &mut opened), Err(Rule::Record2), "cut short");
    assert_eq!(other.opener.open(&second, &mut opened), Ok(()));
    assert_eq!(opened, b"frame oneframe two");
}
