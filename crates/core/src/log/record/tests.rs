//! Files with one bit flipped, cut at any byte, read in pieces of any size.

use alloc::vec;

use proptest::prelude::*;

use super::*;
use crate::id::{RequestId, Salt, Signature};
use crate::wire::Frame;
use crate::wire::entry::{Body, Entry, EntryBody};
use crate::wire::field::Text;
use crate::wire::meeting::EntryFrame;
use crate::wire::option::Options;

fn stream(lane: Lane) -> StreamId {
    StreamId { author: Key([1; 32]), session: 5, lane }
}

fn entry(number: u64, lane: Lane, text: &str) -> Record {
    let (kind, body) = EntryBody::Text { salt: Salt::ZERO, text: Text::new(text).expect("short") }.encode();
    let StreamId { author, session, lane } = stream(lane);
    let (prev, reference, time_ms, lamport) = (Hash([2; 32]), ShortHash([3; 16]), 4, number);
    let length = u16::try_from(body.len()).expect("short");
    let entry = Entry { author, session, lane, number, prev, lamport, reference, time_ms, kind, length };
    let entry = Carried { entry, signature: Signature([9; 64]), body: Body::Here(&body) };
    Record::Entry(Frame::from(EntryFrame { entry, options: Options::NONE }).encode(RequestId::EVENT))
}

fn records() -> Vec<Record> {
    let talk = stream(Lane::Talk);
    vec![
        Record::Stream(Reached { stream: talk, first: 1, held: 0, next: 1, head: Hash::ZERO, lamport: 0, void: 0 }),
        Record::Clock(7, ShortHash([7; 16])),
        entry(1, Lane::Talk, "one"),
        entry(1, Lane::Acts, "an act"),
        Record::Skip(talk, 2, 3),
        Record::Shown(Mark { author: talk.author, session: 5, next: 2 }),
        Record::Received(Mark { author: talk.author, session: 5, next: 3 }),
        entry(3, Lane::Talk, "three"),
        Record::Fork(talk, 4),
        Record::Lost(talk, 1, 2),
        Record::Asked(Key([4; 32]), Token([4; 16])),
        entry(4, Lane::Talk, "four"),
    ]
}

fn length_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).expect("small")
}

/// The file, and where each record ends in it.
fn file(records: &[Record]) -> (Vec<u8>, Vec<usize>) {
    let salted = Salted::new([6; SALT]);
    let mut bytes = salted.header(0);
    let ends = records.iter().map(|record| {
        salted.write(record, &mut bytes);
        bytes.len()
    });
    let ends = ends.collect();
    (bytes, ends)
}

fn read(bytes: &[u8], piece: usize) -> (Vec<Record>, Vec<Damage>, Reader) {
    let (mut reader, mut found, mut damages) = (Reader::default(), vec![], vec![]);
    let mut pieces = bytes.chunks(piece.max(1));
    loop {
        while let Some(read) = reader.read() {
            match read {
                Ok(record) => found.push(record),
                Err(damage) => damages.push(damage),
            }
        }
        match pieces.next() {
            Some(piece) => reader.take(piece),
            None if reader.has_ended => return (found, damages, reader),
            None => reader.end(),
        }
    }
}

#[test]
fn what_was_written_is_read_in_pieces_of_any_size() {
    let (records, (bytes, _)) = (records(), file(&records()));
    for piece in [1, 2, 7, 64, 1_000, 100_000] {
        let (found, damages, reader) = read(&bytes, piece);
        assert_eq!((found, damages, reader.whole()), (records.clone(), vec![], length_of(&bytes)), "{piece}");
    }
}

#[test]
fn any_bit_costs_at_most_the_record_that_it_hits_and_the_damage_is_named() {
    let (records, (bytes, _)) = (records(), file(&records()));
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let (found, damages, _) = read(&flipped, 100);
        assert_eq!(damages.len(), 1, "bit {bit}");
        assert!(damages[0].at.contains(&u64::try_from(bit / 8).expect("small")), "bit {bit}: {damages:?}");
        let lost: Vec<&Record> = records.iter().filter(|record| !found.contains(record)).collect();
        assert!(lost.len() <= 1 && lost.iter().all(|record| !record.is_dear()), "bit {bit}: {lost:?}");
        assert!(found.iter().all(|record| records.contains(record)), "bit {bit}");
    }
}

#[test]
fn a_file_that_was_cut_anywhere_behind_its_header_is_undamaged_up_to_there() {
    let (records, (bytes, ends)) = (records(), file(&records()));
    for length in 0..bytes.len() {
        let (found, damages, reader) = read(&bytes[..length], 100);
        if length < HEADERS {
            assert_eq!((found, damages.len()), (vec![], 1), "{length}: one copy may be whole");
            continue;
        }
        assert_eq!(damages, [], "{length}");
        let whole = ends.iter().filter(|end| **end <= length).count();
        // Of what stands twice, one is enough.
        assert!(found == records[..whole] || found == records[..=whole], "{length}");
        // What comes next is written where the last whole record ends.
        let mut again = bytes[..usize::try_from(reader.whole()).expect("small")].to_vec();
        Salted::new([6; SALT]).write(&entry(9, Lane::Talk, "more"), &mut again);
        let (found, damages, _) = read(&again, 100);
        assert_eq!((found.last(), damages), (Some(&entry(9, Lane::Talk, "more")), vec![]), "{length}");
    }
}

#[test]
fn zeros_at_the_end_are_what_a_power_cut_leaves() {
    let (bytes, _) = file(&records());
    for count in [1, 8, 20, 5_000] {
        let (found, damages, reader) = read(&[bytes.as_slice(), &vec![0; count]].concat(), 512);
        assert_eq!((found, damages, reader.whole()), (records(), vec![], length_of(&bytes)));
    }
    let (_, damages, _) = read(&[bytes.as_slice(), &[0; 20], &[1; 20]].concat(), 512);
    assert_eq!(damages.len(), 1);
}

#[test]
fn a_file_of_another_format_is_named_and_not_read() {
    let raw = entry(1, Lane::Talk, "one").frame().map(|frame| frame.0.to_vec()).expect("a frame").repeat(9);
    let (mut older, _) = file(&records());
    for copy in [0, HEADER] {
        older[copy + 13] = b'1';
    }
    for bytes in [raw, older, vec![], b"tertulia log 2\n".to_vec(), vec![0; 200]] {
        let length = length_of(&bytes);
        let (found, damages, reader) = read(&bytes, 50);
        assert_eq!((found, damages), (vec![], vec![Damage { at: 0..length, why: Why::Foreign }]));
        assert!(reader.salted().is_none());
    }
}

#[test]
fn a_kind_of_a_later_version_is_named_and_what_follows_is_read() {
    let salted = Salted::new([6; SALT]);
    let (mut bytes, _) = file(&records());
    let length = 3_u32.to_be_bytes();
    let check = salted.check(200, b"new");
    let newer = [&length[..], &salted.seal(length), &[200], b"new", &check].concat();
    let from = length_of(&bytes);
    bytes.extend_from_slice(&newer);
    salted.write(&entry(9, Lane::Talk, "more"), &mut bytes);
    let (found, damages, _) = read(&bytes, 100);
    assert_eq!(damages, [Damage { at: from..from + length_of(&newer), why: Why::Unknown(200) }]);
    assert_eq!(found.last(), Some(&entry(9, Lane::Talk, "more")));
}

#[test]
fn a_text_that_looks_like_records_is_none_wherever_reading_goes_on() {
    let foreign = Salted::new([7; SALT]);
    let mut inside = vec![];
    (0..9).for_each(|number| foreign.write(&Record::Fork(stream(Lane::Talk), number), &mut inside));
    let text: alloc::string::String = inside.iter().map(|byte| char::from(byte & 0x7f)).collect();
    let long = entry(2, Lane::Talk, &text);
    // The bytes themselves, as a body of a later version might have them.
    let raw = Record::Held(Encoded(inside.into()));
    let written = [entry(1, Lane::Talk, "one"), long, raw, entry(3, Lane::Talk, "three")];
    let (bytes, ends) = file(&written);
    for hit in [ends[0], ends[1]] {
        for byte in 0..FRONT {
            let mut flipped = bytes.clone();
            flipped[hit + byte] ^= 0x10;
            let (found, damages, _) = read(&flipped, 1_000);
            // The last but one stands twice.
            assert_eq!((found.len(), damages.len()), (if hit == ends[0] { 3 } else { 4 }, 1), "{hit} {byte}");
            assert!(found.iter().all(|record| written.contains(record)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_to_a_file_no_record_is_read_that_was_not_written(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_usize..40), 1..6),
        piece in 1_usize..300,
    ) {
        let (records, (mut bytes, _)) = (records(), file(&records()));
        for (at, byte, count) in changes {
            let at = at.index(bytes.len());
            match byte % 3 {
                0 => bytes[at] ^= byte,
                1 => drop(bytes.splice(at..at, core::iter::repeat_n(byte, count)).collect::<Vec<u8>>()),
                _ => drop(bytes.drain(at..at.saturating_add(count).min(bytes.len()))),
            }
            if bytes.is_empty() {
                return Ok(());
            }
        }
        let (found, damages, _) = read(&bytes, piece);
        prop_assert!(found.iter().all(|record| records.contains(record)));
        prop_assert!(damages.windows(2).all(|two| two[0].at.end <= two[1].at.start));
    }
}
