use proptest::prelude::*;
use tertulia_core::id::RequestId;
use tertulia_core::limits::{FRAME_BODY_MAX, RECORD_PLAINTEXT_MAX};
use tertulia_core::rule::Rule;
use tertulia_core::wire::decode;
use tertulia_core::wire::frame::{HEADER, Role, generate, infos};

use super::{broken, drawn, fault, fit_length, frame, option, smallest};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_frame_has_one_encoding(seed: u64) {
        for (info, bytes) in drawn(seed) {
            let decoded = decode(&bytes).unwrap();
            prop_assert!(decoded.rest.is_empty() && decoded.bytes == bytes && decoded.kind == info.kind);
            let again = decoded.frame.unwrap().encode(decoded.id);
            prop_assert_eq!(&*again.0, &*bytes, "{}", info.name);
        }
    }

    #[test]
    fn whatever_is_taken_is_encoded_as_it_came(seed: u64, at: prop::sample::Index, flip in 1_u8..) {
        for (info, mut bytes) in drawn(seed) {
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            if let Ok(decoded) = decode(&bytes) && let Some(frame) = decoded.frame {
                prop_assert_eq!(&*frame.encode(decoded.id).0, decoded.bytes, "{}", info.name);
            }
        }
    }

    #[test]
    fn any_bytes_are_taken_or_refused(bytes: Vec<u8>) {
        if let Ok(decoded) = decode(&bytes) {
            prop_assert_eq!([decoded.bytes, decoded.rest].concat(), bytes);
        }
    }

    #[test]
    fn frame_2_a_body_that_is_cut_short_is_refused(seed: u64, cut: prop::sample::Index) {
        for (info, whole) in drawn(seed) {
            let body = whole.len() - HEADER;
            if body == 0 {
                continue;
            }
            let mut bytes = whole[..HEADER + cut.index(body)].to_vec();
            fit_length(&mut bytes);
            // Where the cut falls between two options, what is left is a frame with fewer of them.
            match decode(&bytes) {
                Err(error) => prop_assert_eq!(error.rule, Rule::Frame2, "{}", info.name),
                Ok(decoded) => prop_assert_eq!(&*decoded.frame.unwrap().encode(decoded.id).0, &*bytes),
            }
        }
    }
}

#[test]
fn frame_1_every_prefix_of_a_frame_is_refused() {
    for (info, bytes) in drawn(1) {
        let short = bytes.len().min(600);
        for length in (0..short).chain(bytes.len() - 1..bytes.len()) {
            assert_eq!(broken(&bytes[..length]), Rule::Frame1, "{} cut at {length}", info.name);
        }
    }
}

#[test]
fn frame_2_no_single_byte_follows_the_last_field() {
    for (info, mut bytes) in drawn(2) {
        bytes.push(0);
        fit_length(&mut bytes);
        let last = bytes.len() - 1;
        for byte in 0..=u8::MAX {
            bytes[last] = byte;
            // It can only be half the type of an option.
            assert_eq!(broken(&bytes), Rule::Frame2, "{} and {byte:#04x}", info.name);
        }
    }
}

#[test]
fn frame_3_an_option_is_filled_by_its_value() {
    let mut bytes = smallest("HELLO");
    let length = bytes.len();
    bytes.extend(option(0x0011, b"\x1d\x31\x00"));
    fit_length(&mut bytes);
    assert_eq!(fault(&bytes), (Rule::Frame3, length + 4));
}

#[test]
fn frame_4_an_unknown_even_type_is_refused_and_an_odd_one_is_skipped() {
    let known: Vec<u16> = infos().map(|info| info.kind).collect();
    for kind in (0..=u16::MAX).filter(|kind| !known.contains(kind)) {
        let bytes = [frame(kind, 7, b"whatever"), smallest("PING")].concat();
        if kind % 2 == 0 {
            assert_eq!(broken(&bytes), Rule::Frame4, "{kind:#06x}");
        } else {
            let decoded = decode(&bytes).unwrap();
            assert_eq!((decoded.frame, decoded.kind, decoded.id), (None, kind, RequestId(7)));
            assert_eq!(decoded.rest, smallest("PING"));
        }
    }
}

#[test]
fn frame_5_events_have_id_0_and_no_others() {
    for (info, mut bytes) in drawn(5) {
        let id = if info.role == Role::Event { 1_u32 } else { 0 };
        bytes[4..HEADER].copy_from_slice(&id.to_be_bytes());
        assert_eq!(broken(&bytes), Rule::Frame5, "{}", info.name);
    }
}

#[test]
fn limit_1_the_largest_and_smallest_of_every_type_fit_a_record_and_cost_no_allocation() {
    assert_eq!(FRAME_BODY_MAX + HEADER, RECORD_PLAINTEXT_MAX);
    for info in infos() {
        for (size, draw) in [("largest", u64::MAX), ("smallest", 0)] {
            let bytes = generate(info, &mut || draw);
            assert!(bytes.len() <= RECORD_PLAINTEXT_MAX, "the {size} {} has {} bytes", info.name, bytes.len());
            let cost = allocation_counter::measure(|| {
                let decoded = decode(&bytes);
                assert!(std::hint::black_box(&decoded).is_ok(), "the {size} {}", info.name);
            });
            assert_eq!(cost.count_total, 0, "decoding the {size} {}", info.name);
            let decoded = decode(&bytes).unwrap();
            assert_eq!(&*decoded.frame.unwrap().encode(decoded.id).0, &*bytes);
        }
    }
}

#[test]
fn type_numbers_rise_within_a_family_and_none_is_used_twice() {
    let kinds: Vec<u16> = infos().map(|info| info.kind).collect();
    assert!(kinds.is_sorted_by(|one, next| one < next), "{kinds:x?}");
    assert!(kinds.iter().all(|kind| *kind < 0x3f01), "GREASE starts there");
}
