use std::sync::Arc;

use proptest::prelude::*;
use tertulia_core::charter::{Admission, Charter, Questions, SignedCharter, Terms};
use tertulia_core::id::{Key, MeetingId, Token};
use tertulia_core::identity::{Domain, Ed25519, Identity, Secret, digest};
use tertulia_core::limits::{ENTRY_BODY_MAX, OPTIONS_MAX};
use tertulia_core::rule::Rule;
use tertulia_core::wire::entry::{Body, Carried, Entry, EntryBody};
use tertulia_core::wire::field::{Field as _, Signed, Title, decode_all, encode_alone};
use tertulia_core::wire::session::Purpose;

use super::{draws, option};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_body_has_one_encoding(seed: u64) {
        for (number, name, lane, _) in EntryBody::kinds() {
            let mut bytes = Vec::new();
            EntryBody::generate_body(number, &mut draws(seed), &mut bytes);
            let body = EntryBody::decode(number, &bytes).unwrap();
            prop_assert_eq!(body.encode(), (number, bytes.clone()), "{}", name);
            prop_assert_eq!(body.kind().lane(), lane);
        }
    }

    #[test]
    fn every_signed_charter_has_one_encoding(seed: u64) {
        let mut bytes = Vec::new();
        Signed::<'_, Charter<'_>>::generate(&mut draws(seed), &mut bytes);
        let charter: Signed<'_, Charter<'_>> = decode_all(&bytes).unwrap();
        prop_assert_eq!(encode_alone(&charter), bytes.clone());
        prop_assert_eq!(encode_alone(&charter.value), charter.bytes);
        for length in 0..bytes.len() {
            // Between two options a cut leaves another charter, whose signature cannot hold.
            match decode_all::<Signed<'_, Charter<'_>>>(&bytes[..length]) {
                Ok(other) => prop_assert_ne!(other.signature, charter.signature),
                Err(error) => prop_assert!(error.offset <= length, "cut at {}", length),
            }
        }
    }
}

#[test]
fn entry_3_a_body_has_its_kinds_fields_then_options_of_which_the_odd_are_skipped() {
    for (number, name, _, _) in EntryBody::kinds() {
        let mut bytes = Vec::new();
        EntryBody::generate_body(number, &mut draws(3), &mut bytes);
        for length in 0..bytes.len() {
            assert!(EntryBody::decode(number, &bytes[..length]).is_err(), "{name} cut at {length}");
        }
        let whole = EntryBody::decode(number, &bytes).unwrap();
        let with = |rest: &[u8]| [&bytes[..], rest].concat();
        let odd = with(&option(0x0101, b"later"));
        assert_eq!(EntryBody::decode(number, &odd), Ok(whole), "{name} and an odd option");
        for (rest, rule) in [(vec![0], Rule::Frame2), (option(0x0100, b"later"), Rule::Option2)] {
            let error = EntryBody::decode(number, &with(&rest)).unwrap_err();
            assert_eq!(error.rule, rule, "{name} and {rest:?}");
        }
    }
}

#[test]
fn the_largest_body_of_every_kind_fits_an_entry() {
    for (number, name, _, _) in EntryBody::kinds() {
        let mut bytes = Vec::new();
        EntryBody::generate_body(number, &mut || u64::MAX, &mut bytes);
        assert!(bytes.len() <= ENTRY_BODY_MAX, "{name}: {} bytes", bytes.len());
        let cost = allocation_counter::measure(|| assert!(EntryBody::decode(number, &bytes).is_ok()));
        assert_eq!(cost.count_total, 0, "{name}");
    }
}

#[test]
fn kinds_of_later_versions_are_kept_whatever_they_are() {
    let known: Vec<u16> = EntryBody::kinds().iter().map(|kind| kind.0).collect();
    for number in (0..=u16::MAX).filter(|number| !known.contains(number)) {
        assert_eq!(EntryBody::decode(number, b"\xff"), Ok(EntryBody::Unknown));
    }
}

/// An entry all of whose bytes are zero but the length of its body, its signature of `7`, and what comes behind.
fn carried(length: u16, rest: &[u8]) -> Vec<u8> {
    let mut signed = [0; Entry::LENGTH];
    signed[Entry::LENGTH - 2..].copy_from_slice(&length.to_be_bytes());
    [&signed, &[7; 64][..], rest].concat()
}

#[test]
fn an_entry_is_followed_by_its_signature_and_by_its_body_or_none() {
    let bytes = carried(3, b"\x01one");
    let entry: Carried<'_> = decode_all(&bytes).unwrap();
    assert_eq!((entry.signature.0, entry.body), ([7; 64], Body::Here(b"one")));
    let digest = entry.body.digest();
    let bytes = carried(3, &[&[0][..], &digest.0].concat());
    let lacking: Carried<'_> = decode_all(&bytes).unwrap();
    assert_eq!(lacking.body, Body::Lacking(digest));
    assert!(lacking.envelope().is(&entry.envelope()), "the same is signed");
    let longest = u16::try_from(ENTRY_BODY_MAX).unwrap();
    for (length, rest, rule) in [
        (3, &b"\x01one more"[..], Rule::Frame3),
        (3, b"\x00one", Rule::Frame2),
        (3, b"\x01on", Rule::Frame2),
        (3, b"", Rule::Frame2),
        (3, b"\x02one", Rule::Field4),
        (longest + 1, &[0; 33], Rule::Field3),
    ] {
        assert_eq!(decode_all::<Carried<'_>>(&carried(length, rest)).unwrap_err().rule, rule, "{rest:?}");
    }
}

fn identity(seed: u8) -> Identity {
    Identity::new(Secret([seed; 32]), Arc::new(Ed25519))
}

fn terms(founder: &Identity) -> Terms<'static> {
    Terms {
        kind: Purpose::STAR,
        founder: founder.key(),
        nonce: Token([1; 16]),
        admission: Admission::Open,
        ticket: Key::ZERO,
        questions: Questions::Open,
        history: u32::MAX,
        guests: 100,
        title: Title::new("Rust").unwrap(),
    }
}

/// `founder`'s charter with `options` after its terms.
fn charter(founder: &Identity, options: &[u8]) -> Vec<u8> {
    let bytes = [encode_alone(&terms(founder)).as_slice(), options].concat();
    let signature = founder.sign(Domain::Charter, &[&bytes]);
    [bytes.as_slice(), &signature.0].concat()
}

#[test]
fn charter_1_a_charter_carries_its_founders_signature() {
    let founder = identity(1);
    let mut bytes = charter(&founder, &[]);
    let found = SignedCharter::check(&bytes, MeetingId::ZERO, &identity(2)).unwrap();
    assert_eq!(found.bytes(), SignedCharter::found(terms(&founder), &founder).unwrap().bytes());
    for at in [bytes.len() - 1, bytes.len() - 65] {
        bytes[at] ^= 1;
        assert_eq!(SignedCharter::check(&bytes, MeetingId::ZERO, &founder).unwrap_err(), Rule::Charter1);
        bytes[at] ^= 1;
    }
    let error = SignedCharter::found(terms(&founder), &identity(2)).unwrap_err();
    assert_eq!(error, Rule::Charter1, "terms that name somebody else");
}

#[test]
fn charter_2_the_meeting_is_the_charters_hash() {
    let founder = identity(1);
    let bytes = charter(&founder, &[]);
    let meeting = MeetingId(digest(Domain::Charter, &[&bytes[..bytes.len() - 64]]));
    assert_eq!(SignedCharter::check(&bytes, meeting, &founder).unwrap().meeting, meeting);
    let error = SignedCharter::check(&bytes, MeetingId([1; 16]), &founder).unwrap_err();
    assert_eq!(error, Rule::Charter2);
}

#[test]
fn option_2_a_charter_with_an_even_option_keeps_out_who_does_not_know_it() {
    let founder = identity(1);
    let check = |options: &[u8]| SignedCharter::check(&charter(&founder, options), MeetingId::ZERO, &founder);
    let odd = check(&option(0x0101, b"later")).unwrap();
    assert_ne!(odd.meeting, check(&[]).unwrap().meeting);
    assert_eq!(check(&option(0x0100, b"later")).unwrap_err(), Rule::Option2);
    assert_eq!(check(&[option(0x0103, b""), option(0x0101, b"")].concat()).unwrap_err(), Rule::Option1);
    let many: Vec<u8> = (0..=u16::try_from(OPTIONS_MAX).unwrap()).flat_map(|at| option(at * 2 + 1, b"")).collect();
    assert_eq!(check(&many).unwrap_err(), Rule::Option1);
}
