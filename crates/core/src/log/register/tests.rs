//! What is held of a register, whatever has come and in whatever order.

use alloc::{vec, vec::Vec};

use super::*;
use crate::id::MeetingId;
use crate::id::{RequestId, Salt};
use crate::identity::{Domain, identity};
use crate::log::{StreamId, entry_of};
use crate::time::{Instant, Now};
use crate::wire::entry::{Cut, EntryBody, Whereabouts};
use crate::wire::field::{List, Name, Text};
use crate::wire::meeting::{EntryFrame, Fork};
use crate::wire::option::Options;
use crate::wire::{Encoded, Frame};

const MEETING: MeetingId = MeetingId([7; 16]);
const NOW: Now = Now { tick: Instant(1), unix_ms: 1_700_000_000_000 };

fn log() -> Log {
    Log::new(MEETING, 1_000)
}

fn person(name: &str) -> EntryBody<'_> {
    let (whereabouts, name) = (Whereabouts::Here, Name::new(name).expect("a name"));
    EntryBody::Person { whereabouts, name, addresses: List::NONE, chain: List::NONE, proof: List::NONE }
}

fn text() -> EntryBody<'static> {
    EntryBody::Text { salt: Salt::ZERO, text: Text::new("hear, hear").expect("short") }
}

/// A PERSON of ann's, with something changed.
fn person_with(change: impl FnOnce(&mut Entry)) -> Encoded {
    let (kind, body) = person("ann").encode();
    let mut value = Entry {
        author: identity(1).key(),
        session: 5,
        lane: Lane::PERSON,
        number: 1,
        prev: Hash::ZERO,
        lamport: 1,
        reference: ShortHash::ZERO,
        time_ms: 1,
        kind,
        length: 0,
    };
    change(&mut value);
    signed(value, &body)
}

/// An entry of ann's with this body.
fn signed(value: Entry, body: &[u8]) -> Encoded {
    let entry = crate::log::signed(&identity(1), Domain::Entry, MEETING, value, body);
    Frame::from(EntryFrame { entry, options: Options::NONE }).encode(RequestId::EVENT)
}

/// What stands on a lane that nobody here knows.
fn unknown(lane: u8, number: u64) -> Encoded {
    person_with(|entry| (entry.lane, entry.kind, entry.number) = (Lane::Register(lane), 0x7777, number))
}

fn offer(log: &mut Log, frame: &Encoded) -> Verdict {
    log.offer(&entry_of(frame).expect("an entry"), false, &identity(99))
}

fn held(log: &Log) -> Vec<Encoded> {
    log.entries().map(|entry| entry.frame.clone()).collect()
}

#[test]
fn register_1_the_greatest_is_kept_in_whatever_order_they_come() {
    let mut entries = vec![
        person_with(|_| {}),
        person_with(|entry| entry.time_ms = 2),
        person_with(|entry| entry.number = 7),
        person_with(|entry| (entry.session, entry.number) = (6, 2)),
        person_with(|entry| (entry.session, entry.number, entry.time_ms) = (6, 2, 2)),
    ];
    let name = |frame: &Encoded| hash(MEETING, &entry_of(frame).expect("an entry").envelope());
    let greatest = entries.iter().skip(3).max_by_key(|frame| name(frame)).expect("two").clone();
    for turn in 0..entries.len() {
        let mut log = log();
        for frame in &entries {
            offer(&mut log, frame);
            assert_eq!(offer(&mut log, frame), Verdict::Dropped, "once");
        }
        assert_eq!(held(&log), core::slice::from_ref(&greatest), "turn {turn}");
        assert_eq!((log.lamport(), log.changed_streams().len()), (0, 1), "no clock follows it, and no history");
        let restored = Log::restored(MEETING, 1_000, log.unkept());
        assert!(restored.records().eq(log.records()), "a later record counts more than an earlier one");
        assert_eq!(log.records().filter(|record| record.entry().is_some()).count(), 1, "written anew, there is one");
        entries.rotate_left(1);
    }
}

#[test]
fn register_1_and_fork_1_two_of_one_number_are_no_fork() {
    let [one, other] = [1, 2].map(|time_ms| person_with(|entry| entry.time_ms = time_ms));
    let part = |frame| entry_of(frame).expect("an entry").envelope();
    let fork = Fork { one: part(&one), other: part(&other), options: Options::NONE };
    let mut log = log();
    assert_eq!(log.check_fork(&fork, &identity(99)), Err(Rule::Fork1));
    offer(&mut log, &one);
    assert!(!log.void(StreamId::of(&part(&one).entry), 1));
    assert_eq!(held(&log), [one]);
}

#[test]
fn register_2_what_names_another_or_is_long_is_refused() {
    let long = vec![0; limits::REGISTER_BODY_MAX + 1];
    let changes: [&dyn Fn(&mut Entry); 3] =
        [&|entry| entry.lamport = 2, &|entry| entry.prev = Hash([1; 32]), &|entry| {
            entry.reference = ShortHash([1; 16]);
        }];
    for change in changes {
        assert_eq!(offer(&mut log(), &person_with(|entry| change(entry))), Verdict::Refused(Rule::Register2));
    }
    for (length, is_taken) in [(limits::REGISTER_BODY_MAX, true), (limits::REGISTER_BODY_MAX + 1, false)] {
        let value = entry_of(&unknown(9, 1)).expect("an entry").entry;
        let verdict = offer(&mut log(), &signed(value, long.get(..length).expect("so long")));
        assert_eq!(matches!(verdict, Verdict::Stored(_)), is_taken);
        assert_eq!(verdict == Verdict::Refused(Rule::Register2), !is_taken);
    }
    let strange = person_with(|entry| entry.lane = Lane::Register(3));
    assert_eq!(offer(&mut log(), &strange), Verdict::Refused(Rule::Entry4));
}

#[test]
fn register_3_an_author_writes_above_all_of_its_own_that_is_signed() {
    let (ann, mut log) = (identity(1), log());
    let place = |log: &mut Log, session| {
        let entry = log.write(&ann, session, &person("ann"), NOW).expect("room");
        (entry.id.session, entry.number)
    };
    assert_eq!([place(&mut log, 3), place(&mut log, 3), place(&mut log, 4)], [(3, 1), (3, 2), (4, 1)]);
    offer(&mut log, &person_with(|entry| (entry.session, entry.number) = (9, 4)));
    assert_eq!([place(&mut log, 4), place(&mut log, 10)], [(9, 5), (10, 1)]);
    assert_eq!(log.next_session(ann.key()), 11);
}

#[test]
fn register_5_a_row_tells_of_the_last_and_fetch_gives_nothing_older() {
    let mut log = log();
    let entry = person_with(|entry| entry.number = 7);
    offer(&mut log, &entry);
    let (author, session, lane) = (identity(1).key(), 5, Lane::PERSON);
    let head = hash(MEETING, &entry_of(&entry).expect("an entry").envelope());
    assert_eq!(log.rows(9), [Row { author, session, lane, first: 7, next: 8, head }]);
    let fetch = |session, from| {
        let range = Range { author, session, lane, from, to: from + 1 };
        log.fetch([range].into_iter(), 9).len()
    };
    assert_eq!([fetch(4, 20), fetch(5, 1), fetch(5, 7)], [1; 3], "what is newer will do");
    assert_eq!([fetch(5, 8), fetch(6, 1)], [0; 2], "nobody is given what it has not asked for");
    let other = Row { head: Hash([1; 32]), ..log.rows(0)[0] };
    assert_eq!(log.rival_head(&other, 9), Some(entry));
}

#[test]
fn register_6_a_lane_that_nobody_knows_is_kept_within_its_budget() {
    let mut log = log();
    let lanes = u8::try_from(limits::REGISTERS_OF_AUTHOR_MAX).expect("few");
    for lane in 3..3 + lanes {
        assert!(matches!(offer(&mut log, &unknown(lane, 1)), Verdict::Stored(_)));
    }
    assert_eq!(offer(&mut log, &unknown(99, 1)), Verdict::Dropped, "one author has so many");
    assert!(matches!(offer(&mut log, &unknown(3, 2)), Verdict::Stored(_)), "what is there goes on");
    assert!(matches!(offer(&mut log, &person_with(|_| {})), Verdict::Stored(_)), "and what is known is not counted");
    assert_eq!(log.registers().count(), usize::from(lanes) + 1);
    let records: Vec<Record> = log.records().collect();
    assert!(Log::restored(MEETING, 10, records.clone()).records().eq(records));
}

#[test]
fn revoke_3_a_session_of_which_a_register_alone_is_known_is_cut_too() {
    let (ann, mut log) = (identity(1), log());
    let cut = |session, lane, next| Cut { session, lane, next };
    log.write(&ann, 5, &text(), NOW).expect("room");
    log.write(&ann, 5, &person("ann"), NOW).expect("room");
    assert_eq!(log.cuts(ann.key()), [cut(5, Lane::Talk, 2)]);
    log.write(&ann, 6, &person("ann"), NOW).expect("room");
    assert_eq!(log.cuts(ann.key()), [cut(6, Lane::Acts, 1), cut(5, Lane::Talk, 2)]);
}
