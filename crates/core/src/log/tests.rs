//! The store rule, forks, and what one log tells another, with real signatures.

use alloc::{string::String, sync::Arc, vec, vec::Vec};

use proptest::prelude::*;

use super::*;
use crate::id::{RequestId, Salt};
use crate::identity::identity;
use crate::time::Instant;
use crate::wire::entry::Door;
use crate::wire::field::{List, Text};
use crate::wire::meeting::{EntryFrame, Fork};
use crate::wire::option::Options;

pub(super) const MEETING: MeetingId = MeetingId([7; 16]);
const ELSEWHERE: MeetingId = MeetingId([8; 16]);
pub(super) const NOW: Now = Now { tick: Instant(1), unix_ms: 1_700_000_000_000 };

pub(super) fn log() -> Log {
    Log::new(MEETING, 1_000)
}

pub(super) fn text(text: &str) -> EntryBody<'_> {
    EntryBody::Text { salt: Salt::ZERO, text: Text::new(text).expect("short") }
}

pub(super) fn lock() -> EntryBody<'static> {
    EntryBody::Policy { door: Door::Locked, kept: List::NONE }
}

/// What `author` writes in a meeting of its own making, `bodies` in order, in one session.
pub(super) fn written(author: &Identity, session: u64, bodies: &[EntryBody<'_>]) -> Vec<Encoded> {
    let mut log = log();
    bodies.iter().map(|body| log.write(author, session, body, NOW).expect("room").frame.clone()).collect()
}

/// `count` lines of talk.
fn talk(author: &Identity, session: u64, count: usize) -> Vec<Encoded> {
    written(author, session, &vec![text("hear, hear"); count])
}

pub(super) fn read(frame: &Encoded) -> Arc<Held> {
    Held::read(MEETING, frame).expect("an entry")
}

pub(super) fn stored(frame: &Encoded) -> Verdict {
    Verdict::Stored(read(frame))
}

pub(super) fn offer(log: &mut Log, frame: &Encoded) -> Verdict {
    log.offer(&entry_of(frame).expect("an entry"), false, &identity(99))
}

fn asked(log: &mut Log, frame: &Encoded) -> Verdict {
    log.offer(&entry_of(frame).expect("an entry"), true, &identity(99))
}

fn offer_all(log: &mut Log, frames: &[Encoded]) {
    for frame in frames {
        assert_eq!(offer(log, frame), stored(frame));
    }
}

fn stream_of(frame: &Encoded) -> StreamId {
    StreamId::of(&entry_of(frame).expect("an entry").entry)
}

/// The entry of `frame` with something changed, signed by `author` in `meeting`.
fn forged(frame: &Encoded, author: &Identity, meeting: MeetingId, change: impl FnOnce(&mut Entry)) -> Encoded {
    signed_anew(&entry_of(frame).expect("an entry"), author, meeting, change)
}

fn signed_anew(entry: &Carried<'_>, us: &Identity, meeting: MeetingId, change: impl FnOnce(&mut Entry)) -> Encoded {
    let Carried { mut entry, body, .. } = *entry;
    change(&mut entry);
    let signature = us.sign(Domain::Entry, &[&meeting.0, &entry.with(body.digest())]);
    frame_of(Carried { entry, signature, body })
}

/// The same with another body, which it names.
fn saying(frame: &Encoded, author: &Identity, body: &[u8]) -> Encoded {
    let entry = Carried { body: Body::Here(body), ..entry_of(frame).expect("an entry") };
    signed_anew(&entry, author, MEETING, |entry| entry.length = u16::try_from(body.len()).expect("short"))
}

/// The log that these records make.
pub(super) fn restored(records: Vec<Record>) -> Log {
    Log::restored(MEETING, 1_000, records)
}

fn frame_of(entry: Carried<'_>) -> Encoded {
    Frame::from(EntryFrame { entry, options: Options::NONE }).encode(RequestId::EVENT)
}

/// The same without its body.
pub(super) fn bodiless(frame: &Encoded) -> Encoded {
    let entry = entry_of(frame).expect("an entry");
    frame_of(Carried { body: Body::Lacking(entry.body.digest()), ..entry })
}

fn held(log: &Log) -> Vec<Encoded> {
    log.entries().map(|entry| entry.frame.clone()).collect()
}

fn fetch(log: &Log, ranges: impl Iterator<Item = Range>, floor: u64) -> Vec<Encoded> {
    log.fetch(ranges, floor).iter().map(|entry| entry.frame.clone()).collect()
}

fn range(frame: &Encoded, from: u64, to: u64) -> Range {
    let StreamId { author, session, lane } = stream_of(frame);
    Range { author, session, lane, from, to }
}

#[test]
fn store_1_the_next_of_a_stream_is_stored_and_what_is_held_is_dropped() {
    let (ann, mut log) = (identity(1), log());
    let lines = talk(&ann, 5, 3);
    offer_all(&mut log, &lines);
    for line in &lines {
        assert_eq!(offer(&mut log, line), Verdict::Dropped);
        assert_eq!(asked(&mut log, line), Verdict::Dropped);
    }
    assert_eq!(held(&log), lines);
    assert_eq!(log.next_number(stream_of(&lines[0])), 4);
}

#[test]
fn store_1_a_leap_ahead_is_not_stored() {
    let ann = identity(1);
    let lines = talk(&ann, 5, 4);
    let mut log = log();
    offer_all(&mut log, &lines[..1]);
    for number in [3, 1_000_000_000, u64::MAX] {
        let leap = forged(&lines[2], &ann, MEETING, |entry| entry.number = number);
        assert_eq!(offer(&mut log, &leap), Verdict::Ahead { next: 2 });
    }
    assert_eq!(held(&log), lines[..1]);
}

#[test]
fn store_1_acts_begin_at_1_and_talk_anywhere() {
    let ann = identity(1);
    let (acts, lines) = (written(&ann, 5, &[lock(), lock()]), talk(&ann, 5, 9));
    let mut log = log();
    assert_eq!(offer(&mut log, &acts[1]), Verdict::Ahead { next: 1 });
    assert_eq!(offer(&mut log, &lines[6]), stored(&lines[6]));
    assert_eq!(offer(&mut log, &lines[7]), stored(&lines[7]));
    assert_eq!(offer(&mut log, &lines[2]), Verdict::Dropped, "what lies before the first is not wanted unasked");
    assert_eq!(asked(&mut log, &lines[2]), stored(&lines[2]));
    assert_eq!(log.next_number(stream_of(&lines[0])), 9);
}

#[test]
fn store_2_prev_is_the_hash_of_the_entry_before() {
    let (ann, mut log) = (identity(1), log());
    let lines = talk(&ann, 5, 2);
    offer_all(&mut log, &lines[..1]);
    let broken = forged(&lines[1], &ann, MEETING, |entry| entry.prev = Hash([1; 32]));
    assert!(matches!(offer(&mut log, &broken), Verdict::Forked(Proof { number: 1, .. })));
}

#[test]
fn store_2_lamport_time_rises_along_a_stream() {
    for lamport in [1, 2] {
        let (ann, mut log) = (identity(1), log());
        let lines = talk(&ann, 5, 3);
        offer_all(&mut log, &lines[..2]);
        let broken = forged(&lines[2], &ann, MEETING, |entry| entry.lamport = lamport);
        assert!(matches!(offer(&mut log, &broken), Verdict::Forked(Proof { number: 2, .. })));
    }
}

#[test]
fn store_2_what_was_asked_for_fits_both_its_neighbours() {
    let ann = identity(1);
    let lines = talk(&ann, 5, 5);
    let other_hash = forged(&lines[2], &ann, MEETING, |entry| entry.time_ms += 1);
    let other_prev = forged(&lines[2], &ann, MEETING, |entry| entry.prev = Hash::ZERO);
    let too_high = forged(&lines[2], &ann, MEETING, |entry| entry.lamport = 4);
    for (rival, void) in [(other_hash, 3), (other_prev, 2), (too_high, 3)] {
        let mut log = log();
        offer_all(&mut log, &lines[..2]);
        log.skip(stream_of(&lines[0]), 4);
        offer_all(&mut log, &lines[3..4]);
        let Verdict::Forked(proof) = asked(&mut log, &rival) else { panic!("{rival:?} fits") };
        assert_eq!(proof.number, void);
        let frame = proof.frame;
        let Some(Frame::Meeting(Meeting::Fork(fork))) = frame::decode(&frame.0).expect("a frame").frame else {
            panic!("{frame:?} is FORK")
        };
        assert_eq!(log.check_fork(&fork, &identity(99)), Ok((proof.stream, void)));
    }
}

#[test]
fn store_2_the_first_after_a_gap_fits_what_has_filled_the_gap() {
    let ann = identity(1);
    let lines = talk(&ann, 5, 3);
    let mut log = log();
    offer_all(&mut log, &lines[..1]);
    log.skip(stream_of(&lines[0]), 3);
    assert_eq!(asked(&mut log, &lines[1]), stored(&lines[1]));
    let broken = forged(&lines[2], &ann, MEETING, |entry| entry.prev = Hash::ZERO);
    assert!(matches!(offer(&mut log, &broken), Verdict::Forked(Proof { number: 2, .. })));
}

#[test]
fn store_1_a_session_that_was_forgotten_is_not_stored_again() {
    let ann = identity(1);
    let mut log = log();
    let sessions: Vec<Encoded> = (1..=33).flat_map(|session| talk(&ann, session, 1)).collect();
    offer_all(&mut log, &sessions);
    assert_eq!(offer(&mut log, &sessions[0]), Verdict::Dropped);
    assert_eq!(asked(&mut log, &sessions[0]), Verdict::Dropped);
    log.void(stream_of(&sessions[0]), 2);
    assert_eq!(asked(&mut log, &sessions[0]), Verdict::Dropped);
    assert_eq!(held(&log), sessions);
}

#[test]
fn store_1_rows_of_a_host_make_no_more_sessions_than_count() {
    let mut log = log();
    let stream = |session| StreamId { author: identity(1).key(), session, lane: Lane::Talk };
    for session in (1..=100).rev().chain(1..=100) {
        assert_eq!(log.skip(stream(session), 5), None);
    }
    let sessions: Vec<u64> = log.rows(0).iter().map(|row| row.session).collect();
    assert_eq!(sessions, (69..=100).collect::<Vec<u64>>());
}

#[test]
fn store_1_no_stream_goes_on_after_the_last_number() {
    let ann = identity(1);
    let mut log = log();
    let last = |lamport| {
        forged(&talk(&ann, 5, 1)[0], &ann, MEETING, |entry| (entry.number, entry.lamport) = (u64::MAX, lamport))
    };
    assert_eq!(offer(&mut log, &last(1)), Verdict::Dropped);
    assert_eq!(offer(&mut log, &last(2)), Verdict::Dropped);
}

#[test]
fn store_2_a_forger_does_not_void_anybodys_stream() {
    let (ann, mallory, mut log) = (identity(1), identity(2), log());
    let lines = talk(&ann, 5, 3);
    offer_all(&mut log, &lines[..2]);
    let rivals = [
        forged(&lines[1], &mallory, MEETING, |entry| entry.time_ms += 1),
        forged(&lines[2], &mallory, MEETING, |entry| entry.prev = Hash::ZERO),
    ];
    for rival in rivals {
        assert_eq!(offer(&mut log, &rival), Verdict::Refused(Rule::Entry1));
    }
    assert_eq!(offer(&mut log, &lines[2]), stored(&lines[2]));
}

#[test]
fn entry_1_a_signature_is_the_authors_over_all_bytes() {
    let (ann, mallory) = (identity(1), identity(2));
    let line = &talk(&ann, 5, 1)[0];
    let mut log = log();
    assert_eq!(offer(&mut log, &forged(line, &mallory, MEETING, |_| ())), Verdict::Refused(Rule::Entry1));
    for at in [39, Entry::LENGTH, Entry::LENGTH + 63].map(|at| frame::HEADER + at) {
        let mut bytes = line.0.to_vec();
        bytes[at] ^= 1;
        assert_eq!(offer(&mut log, &Encoded(bytes.into())), Verdict::Refused(Rule::Entry1), "byte {at}");
    }
    assert_eq!((held(&log), log.lamport()), (vec![], 0));
}

#[test]
fn entry_1_an_entry_of_another_meeting_is_refused() {
    let (ann, mut log) = (identity(1), log());
    let line = &talk(&ann, 5, 1)[0];
    assert_eq!(offer(&mut log, &forged(line, &ann, ELSEWHERE, |_| ())), Verdict::Refused(Rule::Entry1));
    assert_eq!(offer(&mut log, line), stored(line));
}

#[test]
fn session_1_a_session_is_above_all_that_its_author_has_signed_and_no_row_counts() {
    let (ann, mut log) = (identity(1), log());
    assert_eq!(log.new_session(ann.key(), 3, [1, 2]), 3 * 65_536 + 0x0102);
    let row = StreamId { author: ann.key(), session: u64::MAX, lane: Lane::Talk };
    log.skip(row, 9);
    offer_all(&mut log, &talk(&identity(2), 1 << 40, 1));
    assert_eq!(log.new_session(ann.key(), 3, [0, 0]), 3 * 65_536);
    offer_all(&mut log, &talk(&ann, 1 << 40, 1));
    assert_eq!(log.new_session(ann.key(), 3, [0, 0]), (1 << 40) + 1);
}

#[test]
fn entry_2_numbers_and_lamport_times_start_at_1() {
    let (ann, mut log) = (identity(1), log());
    let line = &talk(&ann, 5, 1)[0];
    let zeros: [fn(&mut Entry); 2] = [|entry| entry.number = 0, |entry| entry.lamport = 0];
    for zero in zeros {
        assert_eq!(offer(&mut log, &forged(line, &ann, MEETING, zero)), Verdict::Refused(Rule::Entry2));
    }
}

#[test]
fn entry_3_a_body_that_cannot_be_read_is_stored_and_passed_on_and_says_nothing() {
    let (ann, mut log) = (identity(1), log());
    for (session, text) in
        (5..).zip([&[0_u8, 1, b'a', b'b'][..], &[0, 9, b'a'], &[0, 0], &[0, 1, 0xff], &[0, 1, b'a', 1, 0, 0, 0]])
    {
        let line = saying(&talk(&ann, session, 1)[0], &ann, &[&[7; 16], text].concat());
        assert_eq!(offer(&mut log, &line), stored(&line), "{text:?}");
        assert_eq!((read(&line).kind(), read(&line).body()), (Kind::Unknown, EntryBody::Unknown), "{text:?}");
    }
    let act = saying(&written(&ann, 5, &[lock()])[0], &ann, &[9, 0, 0]);
    assert_eq!(offer(&mut log, &act), stored(&act), "a door of a later version");
    assert_eq!(fetch(&log, [range(&act, 0, u64::MAX)].into_iter(), 0), [act]);
}

#[test]
fn feed_2_what_is_unknown_has_a_sixteenth_of_the_room() {
    let (ann, mut log) = (identity(1), Log::new(MEETING, 32));
    let lines = talk(&ann, 5, 32);
    let unknown: Vec<Encoded> = (6..14).map(|session| saying(&talk(&ann, session, 1)[0], &ann, b"what")).collect();
    offer_all(&mut log, &lines[..16]);
    offer_all(&mut log, &unknown);
    assert_eq!(held(&log), [&lines[..16], &unknown[6..8]].concat());
    let restored = Log::restored(MEETING, 32, log.unkept());
    assert_eq!(held(&restored), held(&log));
    offer_all(&mut log, &lines[16..]);
    assert_eq!(held(&log), [&lines[2..16], &unknown[6..8], &lines[16..]].concat());
}

#[test]
fn entry_1_a_body_that_its_author_has_not_signed_costs_whoever_brings_it() {
    let (ann, mut log) = (identity(1), log());
    let line = &talk(&ann, 5, 1)[0];
    for frame in [line, &bodiless(line)] {
        let mut other = frame.0.to_vec();
        other.iter_mut().last().into_iter().for_each(|last| *last ^= 1);
        assert_eq!(offer(&mut log, &Encoded(other.into())), Verdict::Refused(Rule::Entry1));
    }
    assert_eq!(offer(&mut log, line), stored(line));
}

#[test]
fn entry_4_an_act_is_on_the_acts_lane_and_talk_on_the_talk_lane() {
    let (ann, mut log) = (identity(1), log());
    for (frame, lane) in [(&talk(&ann, 5, 1)[0], Lane::Acts), (&written(&ann, 5, &[lock()])[0], Lane::Talk)] {
        let moved = forged(frame, &ann, MEETING, |entry| entry.lane = lane);
        assert_eq!(offer(&mut log, &moved), Verdict::Refused(Rule::Entry4));
    }
}

#[test]
fn ext_1_and_entry_4_an_entry_of_a_later_version_is_kept_as_talk_and_is_no_act() {
    let (ann, mut log) = (identity(1), log());
    for (frame, lane) in [(&talk(&ann, 5, 1)[0], Lane::Acts), (&written(&ann, 5, &[lock()])[0], Lane::Talk)] {
        let unknown = forged(frame, &ann, MEETING, |entry| (entry.lane, entry.kind) = (lane, 0x7777));
        let refused = Verdict::Refused(Rule::Entry4);
        assert_eq!(offer(&mut log, &unknown), if lane == Lane::Acts { refused } else { stored(&unknown) });
    }
}

#[test]
fn fork_1_two_entries_of_one_number_void_the_stream_from_there_and_nothing_else() {
    let (ann, mut log) = (identity(1), log());
    let (lines, acts) = (talk(&ann, 5, 4), written(&ann, 5, &[lock()]));
    offer_all(&mut log, &lines[..3]);
    let rival = forged(&lines[1], &ann, MEETING, |entry| entry.time_ms += 1);
    let Verdict::Forked(proof) = offer(&mut log, &rival) else { panic!("no fork") };
    assert_eq!((proof.stream, proof.number), (stream_of(&lines[0]), 2));
    for void in [&lines[1], &lines[2], &lines[3], &rival] {
        assert_eq!(offer(&mut log, void), Verdict::Dropped);
    }
    assert_eq!(offer(&mut log, &acts[0]), stored(&acts[0]), "the other lane goes on");
    assert_eq!(fetch(&log, [range(&lines[0], 0, u64::MAX)].into_iter(), 0), lines[..1], "what is void is not served");
    assert_eq!(log.rows(0).iter().find(|row| row.lane == Lane::Talk).map(|row| row.next), Some(2));

    let Ok(frame::Decoded { frame: Some(Frame::Meeting(Meeting::Fork(fork))), .. }) = frame::decode(&proof.frame.0)
    else {
        panic!("no FORK");
    };
    let us = identity(99);
    assert_eq!(log.check_fork(&fork, &us), Ok((proof.stream, 2)));
    assert_eq!(Log::new(ELSEWHERE, 1).check_fork(&fork, &us), Err(Rule::Fork1));
    assert_eq!(Log::new(MEETING, 1).of_pair().check_fork(&fork, &us), Err(Rule::Fork1));
}

/// FORK over two ENTRY frames.
fn judge_fork(one: &Encoded, other: &Encoded) -> Result<(StreamId, u64), Rule> {
    let [one, other] = [one, other].map(|frame| entry_of(frame).expect("an entry").envelope());
    log().check_fork(&Fork { one, other, options: Options::NONE }, &identity(99))
}

#[test]
fn fork_1_a_proof_is_two_entries_that_exclude_each_other_signed_by_one_author() {
    let (ann, bob) = (identity(1), identity(2));
    let lines = talk(&ann, 5, 3);
    let stream = stream_of(&lines[0]);
    let twin = forged(&lines[1], &ann, MEETING, |entry| entry.time_ms += 1);
    let torn = forged(&lines[2], &ann, MEETING, |entry| entry.prev = Hash::ZERO);
    let late = forged(&lines[2], &ann, MEETING, |entry| entry.lamport = 2);
    for (one, other, number) in [(&lines[1], &twin, 2), (&lines[1], &torn, 2), (&lines[1], &late, 2)] {
        assert_eq!(judge_fork(one, other), Ok((stream, number)));
        assert_eq!(judge_fork(other, one), Ok((stream, number)), "the order does not matter");
    }
    let session = forged(&twin, &ann, MEETING, |entry| entry.session = 6);
    let foreign = forged(&twin, &bob, MEETING, |_| ());
    for (one, other) in [
        (&lines[0], &lines[0]),
        (&lines[0], &lines[1]),
        (&lines[0], &torn),
        (&lines[1], &session),
        (&lines[1], &foreign),
        (&foreign, &lines[1]),
        (&lines[1], &talk(&bob, 5, 2)[1]),
    ] {
        assert_eq!(judge_fork(one, other), Err(Rule::Fork1));
    }
}

#[test]
fn fork_3_a_proof_that_comes_before_the_stream_voids_it_too() {
    let (ann, mut log) = (identity(1), log());
    let lines = talk(&ann, 5, 3);
    log.void(stream_of(&lines[0]), 2);
    assert_eq!(offer(&mut log, &lines[0]), stored(&lines[0]));
    assert_eq!(offer(&mut log, &lines[1]), Verdict::Dropped);
    assert_eq!(offer(&mut log, &lines[2]), Verdict::Dropped);
}

#[test]
fn fork_3_a_later_proof_can_only_void_more() {
    let (ann, mut log) = (identity(1), log());
    let lines = talk(&ann, 5, 4);
    offer_all(&mut log, &lines);
    log.void(stream_of(&lines[0]), 2);
    log.void(stream_of(&lines[0]), 4);
    assert_eq!(offer(&mut log, &lines[2]), Verdict::Dropped);
    assert_eq!(log.next_number(stream_of(&lines[0])), 2);
}

#[test]
fn lamport_1_what_is_written_is_above_all_that_is_held() {
    let (ann, bob, mut log) = (identity(1), identity(2), log());
    offer_all(&mut log, &talk(&ann, 5, 7));
    let frame = log.write(&bob, 1, &text("and now"), NOW).expect("room").frame.clone();
    let entry = entry_of(&frame).expect("an entry").entry;
    assert_eq!((entry.lamport, entry.number), (8, 1));
    let newest = &held(&log)[6];
    assert_eq!(entry.reference, read(newest).hash.short());
}

#[test]
fn lamport_2_a_leap_is_stored_but_not_followed() {
    let ann = identity(1);
    let line = &talk(&ann, 5, 1)[0];
    for (lamport, clock) in
        [(limits::LAMPORT_LEAP_MAX, limits::LAMPORT_LEAP_MAX), (limits::LAMPORT_LEAP_MAX + 1, 0), (u64::MAX, 0)]
    {
        let mut log = log();
        let leap = forged(line, &ann, MEETING, |entry| entry.lamport = lamport);
        assert_eq!(offer(&mut log, &leap), stored(&leap));
        assert_eq!(log.lamport(), clock);
    }
}

#[test]
fn fetch_1_an_answer_is_bounded_in_entries_and_bytes() {
    let (ann, mut small) = (identity(1), log());
    let lines = talk(&ann, 5, 300);
    offer_all(&mut small, &lines);
    let all = [range(&lines[0], 0, u64::MAX), range(&lines[0], 0, u64::MAX)];
    assert_eq!(fetch(&small, all.into_iter(), 0), lines[..limits::FETCH_ENTRIES_MAX]);
    assert_eq!(fetch(&small, [range(&lines[0], 298, 300)].into_iter(), 0), lines[297..299]);
    assert_eq!(fetch(&small, [range(&lines[0], 5, 5), range(&lines[0], 9, 2)].into_iter(), 0), []);
    assert_eq!(fetch(&small, [range(&lines[0], 301, u64::MAX)].into_iter(), 0), []);

    let long: String = core::iter::repeat_n('a', limits::TEXT_MAX).collect();
    let lines = written(&ann, 6, &[text(&long); 20]);
    let mut big = log();
    offer_all(&mut big, &lines);
    let answer = fetch(&big, [range(&lines[0], 0, u64::MAX)].into_iter(), 0);
    let bytes: usize = answer.iter().map(|frame| frame.0.len()).sum();
    assert!(bytes <= limits::FETCH_BYTES_MAX && bytes + lines[0].0.len() > limits::FETCH_BYTES_MAX);
}

#[test]
fn fetch_3_an_answer_has_the_order_in_which_it_was_stored_and_nothing_below_the_floor() {
    let (ann, mut log) = (identity(1), log());
    let bodies = [text("one"), lock(), text("two"), lock(), text("three")];
    let entries = written(&ann, 5, &bodies);
    offer_all(&mut log, &entries);
    let ranges = || [range(&entries[0], 0, 9), range(&entries[1], 0, 9)].into_iter();
    assert_eq!(fetch(&log, ranges(), 0), entries);
    let floor = log.floor_of_last(1);
    assert_eq!(floor, 3);
    assert_eq!(fetch(&log, ranges(), floor), [&entries[1], &entries[3], &entries[4]].map(Clone::clone));
}

#[test]
fn floor_of_last_leaves_that_many_lines() {
    let (ann, mut log) = (identity(1), log());
    assert_eq!(log.floor_of_last(0), 0);
    offer_all(&mut log, &talk(&ann, 5, 5));
    for (count, floor) in [(0, 5), (1, 4), (4, 1), (5, 0), (6, 0), (u32::MAX, 0)] {
        assert_eq!(log.floor_of_last(count), floor, "{count}");
        let served =
            fetch(&log, [Range { author: ann.key(), session: 5, lane: Lane::Talk, from: 0, to: 9 }].into_iter(), floor);
        assert_eq!(served.len(), usize::try_from(count).expect("small").min(5));
    }
}

#[test]
fn history_1_the_last_are_the_last_by_lamport_time_and_of_a_tie_all_or_none_are_served() {
    let (authors, mut log) = ([1, 2, 3].map(identity), log());
    for author in &authors {
        offer_all(&mut log, &talk(author, 5, 2));
    }
    for (count, floor, lines) in [(0, 2, 0), (2, 2, 0), (3, 1, 3), (5, 1, 3), (6, 0, 6)] {
        assert_eq!(log.floor_of_last(count), floor, "{count}");
        let ranges =
            authors.iter().map(|author| Range { author: author.key(), session: 5, lane: Lane::Talk, from: 0, to: 9 });
        assert_eq!(fetch(&log, ranges, floor).len(), lines, "{count}");
        let first: Vec<u64> = log.rows(floor).iter().map(|row| row.first).collect();
        assert_eq!(first, [floor + 1; 3], "{count}");
    }
    // A leap takes nobody's future.
    let leap = forged(&talk(&identity(4), 5, 1)[0], &identity(4), MEETING, |entry| entry.lamport = 1 << 60);
    offer_all(&mut log, &[leap]);
    assert_eq!(log.floor_of_last(0), 2);
}

#[test]
fn row_1_a_row_tells_what_is_served_and_what_comes_next() {
    let (ann, mut log) = (identity(1), log());
    let entries = written(&ann, 5, &[lock(), text("one"), text("two"), text("three")]);
    offer_all(&mut log, &entries);
    let head = |frame: &Encoded| read(frame).hash;
    let row = |lane, first, next, head| Row { author: ann.key(), session: 5, lane, first, next, head };
    let acts = row(Lane::Acts, 1, 2, head(&entries[0]));
    assert_eq!(log.rows(0), [acts, row(Lane::Talk, 1, 4, head(&entries[3]))]);
    assert_eq!(log.rows(log.floor_of_last(2)), [acts, row(Lane::Talk, 2, 4, head(&entries[3]))]);
    assert_eq!(log.rows(log.floor_of_last(0)), [acts, row(Lane::Talk, 4, 4, head(&entries[3]))]);
}

#[test]
fn digest_4_changed_rows_come_once_and_cost_no_more_than_there_are_streams() {
    let (ann, mut log) = (identity(1), log());
    offer_all(&mut log, &talk(&ann, 5, 500));
    assert_eq!(log.changed.len(), 1, "a host never asks, and must not pay for it");
    let stream = StreamId { author: ann.key(), session: 5, lane: Lane::Talk };
    assert_eq!(log.changed_streams(), [stream].into());
    assert_eq!(log.changed_streams(), [].into());
}

/// Where a link begins that lacks no register, in a log with so many entries.
fn start(acts: u64, talk: u64, registers: u64) -> Start {
    Start { acts, registers, talk }
}

#[test]
fn digest_1_a_link_begins_with_the_first_entry_that_its_guest_lacks_and_may_have() {
    let (ann, mut log) = (identity(1), log());
    let entries = written(&ann, 5, &[lock(), text("one"), lock(), text("two"), text("three")]);
    offer_all(&mut log, &entries);
    let (acts, talk) = (stream_of(&entries[0]), stream_of(&entries[1]));
    let begin =
        |rows: &[(StreamId, u64)], floor| log.start_for(&rows.iter().copied().collect::<BTreeMap<_, _>>(), floor);
    assert_eq!(begin(&[], 0), start(0, 1, 5));
    assert_eq!(begin(&[], log.floor_of_last(1)), start(0, 4, 5));
    assert_eq!(begin(&[(acts, 2), (talk, 2)], 0), start(2, 3, 5));
    assert_eq!(begin(&[(acts, 3), (talk, 4)], 0), start(5, 5, 5));
    assert_eq!(begin(&[(acts, u64::MAX), (talk, u64::MAX)], 0), start(5, 5, 5));
}

#[test]
fn store_2_another_head_has_no_place_where_the_head_was_dropped() {
    let (ann, mut log) = (identity(1), Log::new(MEETING, 2));
    let lines = talk(&ann, 5, 2);
    let other = forged(&lines[0], &ann, MEETING, |entry| entry.time_ms = 1);
    offer_all(&mut log, &lines[..1]);
    // Of those who hold as much, the oldest goes.
    [2, 3].into_iter().for_each(|other| offer_all(&mut log, &talk(&identity(other), 5, 1)));
    assert_eq!(asked(&mut log, &other), Verdict::Dropped);
    offer_all(&mut log, &lines[1..]);
    assert!(matches!(asked(&mut log, &other), Verdict::Forked(Proof { number: 1, .. })), "now there is a proof");
}

#[test]
fn gap_1_what_is_skipped_is_told_and_the_stream_goes_on() {
    let (ann, mut log) = (identity(1), log());
    let lines = talk(&ann, 5, 8);
    let stream = stream_of(&lines[0]);
    offer_all(&mut log, &lines[..2]);
    assert_eq!(offer(&mut log, &lines[5]), Verdict::Ahead { next: 3 });
    assert_eq!(log.skip(stream, 6), Some((3, 6)));
    assert_eq!(log.skip(stream, 6), None);
    assert_eq!(log.skip(stream, 2), None);
    offer_all(&mut log, &lines[5..]);
    assert_eq!(offer(&mut log, &lines[3]), Verdict::Dropped);
    assert_eq!(log.next_number(stream), 9);
}

#[test]
fn feed_2_the_oldest_talk_goes_and_acts_stay() {
    let ann = identity(1);
    let entries = written(&ann, 5, &[lock(), text("one"), text("two"), text("three"), text("four")]);
    let mut log = Log::new(MEETING, 2);
    offer_all(&mut log, &entries);
    assert_eq!(held(&log), [&entries[0], &entries[3], &entries[4]].map(Clone::clone));
    assert_eq!(log.rows(0).iter().map(|row| (row.first, row.next)).collect::<Vec<_>>(), [(1, 2), (3, 5)]);
    assert_eq!(offer(&mut log, &entries[1]), Verdict::Dropped, "what has been dropped does not come back");
    assert_eq!(fetch(&log, [range(&entries[1], 0, 9)].into_iter(), 0), entries[3..]);
}

#[test]
fn feed_2_whoever_fills_a_log_wipes_nobody_elses_words() {
    let [ann, mallory] = [1, 2].map(identity);
    let mut log = Log::new(MEETING, 20);
    let lines = talk(&ann, 5, 5);
    offer_all(&mut log, &lines);
    offer_all(&mut log, &talk(&mallory, 5, 50));
    // Keys are free: each of many says one thing, all on one account.
    for spare in (3..100).map(identity) {
        log.join(spare.key(), mallory.key());
        offer_all(&mut log, &talk(&spare, 5, 1));
    }
    let said = held(&log);
    assert_eq!((&said[..5], said.len()), (&lines[..], 20));
}

#[test]
fn session_3_a_branch_with_too_many_talk_streams_forgets_its_own() {
    let [ann, mallory] = [1, 2].map(identity);
    let mut log = log();
    let lines = talk(&ann, 5, 2);
    offer_all(&mut log, &lines);
    for spare in 0..limits::TALK_STREAMS_MAX + 5 {
        let author = Key(core::array::from_fn(|at| spare.to_be_bytes().get(at).copied().unwrap_or(9)));
        log.join(author, mallory.key());
        let id = StreamId { author, session: 1, lane: Lane::Talk };
        log.skip(id, 3);
    }
    assert_eq!(log.rows(0).len(), limits::TALK_STREAMS_MAX);
    assert_eq!(log.next_number(stream_of(&lines[0])), 3, "nobody else's");
}

#[test]
fn feed_2_a_stream_whose_head_was_dropped_goes_on() {
    let ann = identity(1);
    let lines = talk(&ann, 5, 3);
    let mut log = Log::new(MEETING, 2);
    offer_all(&mut log, &lines[..2]);
    [2, 3].into_iter().for_each(|other| offer_all(&mut log, &talk(&identity(other), 5, 1)));
    let torn = forged(&lines[2], &ann, MEETING, |entry| entry.prev = Hash::ZERO);
    assert_eq!(offer(&mut log, &torn), Verdict::Dropped, "there is nothing left to prove a fork with");
    assert_eq!(offer(&mut log, &lines[2]), stored(&lines[2]));
}

#[test]
fn session_2_an_authors_oldest_talk_sessions_are_forgotten() {
    let (ann, mut log) = (identity(1), log());
    let sessions = u64::try_from(limits::TALK_SESSIONS_MAX).expect("small");
    for session in 1..=sessions + 3 {
        offer_all(&mut log, &written(&ann, session, &[lock(), text("again")]));
    }
    let rows = log.rows(0);
    let talk: Vec<u64> = rows.iter().filter(|row| row.lane == Lane::Talk).map(|row| row.session).collect();
    assert_eq!(talk, (4..=sessions + 3).collect::<Vec<_>>());
    assert_eq!(rows.len() - talk.len(), limits::TALK_SESSIONS_MAX + 3, "acts stay");
    assert_eq!(log.next_session(ann.key()), sessions + 4);
}

#[test]
fn acts_1_a_meeting_holds_so_many_acts_and_no_more() {
    let ann = identity(1);
    let mut log = log();
    assert!((0..limits::ACTS_MAX).all(|_| log.write(&ann, 5, &lock(), NOW).is_some()));
    assert_eq!(log.write(&ann, 5, &lock(), NOW), None);
    assert!(log.write(&ann, 5, &text("talk goes on"), NOW).is_some());
    assert_eq!(offer(&mut log, &written(&ann, 6, &[lock()])[0]), Verdict::Dropped);
}

#[test]
fn digest_1_what_came_late_hides_nothing_from_a_newcomer() {
    let ann = identity(1);
    let lines = talk(&ann, 5, 4);
    let mut log = log();
    offer_all(&mut log, &lines[2..]);
    assert_eq!(asked(&mut log, &lines[0]), stored(&lines[0]));
    assert_eq!(log.start_for(&BTreeMap::new(), 0), start(3, 0, 3));
}

#[test]
fn digest_1_a_link_begins_with_what_its_guest_may_have_whoever_wrote_it_and_whenever_it_came() {
    let mut log = log();
    let line = &talk(&identity(1), 5, 5)[4];
    assert_eq!(offer(&mut log, line), stored(line));
    offer_all(&mut log, &talk(&identity(2), 5, 3));
    assert_eq!(log.rows(3).iter().filter(|row| row.first < row.next).count(), 1);
    assert_eq!(log.start_for(&BTreeMap::new(), 3), start(4, 0, 4));
    assert_eq!(log.start_for(&BTreeMap::new(), 5), start(4, 4, 4));
}

#[test]
fn digest_2_a_log_that_has_dropped_talk_begins_with_what_is_left() {
    let ann = identity(1);
    let entries = written(&ann, 5, &[text("one"), lock(), text("two"), text("three"), text("four")]);
    // Whoever is told of each entry, its position and what goes has the same in the end.
    let (mut before, mut feed) = (Log::new(MEETING, 2), Ring::default());
    for frame in &entries {
        let entry = read(frame);
        before.put(&entry);
        let ring = before.ring();
        feed.append(entry, ring.head() - 1, ring.dropped_before());
    }
    assert_eq!(&feed, before.ring());
    let log = Log::restored(MEETING, 2, before.unkept());
    assert_eq!(log.ring(), before.ring());
    assert_eq!(log.rows(0), before.rows(0));
    let talk = stream_of(&entries[0]);
    assert_eq!(log.start_for(&[(talk, 4)].into_iter().collect(), 0), start(1, 4, 5));
    assert_eq!(log.start_for(&[(talk, 5)].into_iter().collect(), 0).talk, feed.head());
    assert_eq!(fetch(&log, [range(&entries[0], 0, 9)].into_iter(), 0), entries[3..]);
}

/// What everybody holds in the end, by stream and number.
fn by_stream(log: &Log) -> BTreeMap<StreamId, Vec<u64>> {
    let mut streams: BTreeMap<StreamId, Vec<u64>> = BTreeMap::new();
    for frame in held(log) {
        streams.entry(stream_of(&frame)).or_default().push(entry_of(&frame).expect("an entry").entry.number);
    }
    streams
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn store_1_no_order_of_arrival_stores_out_of_order(
        bodies in proptest::collection::vec((any::<bool>(), any::<bool>()), 1..24),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 0..80),
    ) {
        let (ann, mut author) = (identity(1), log());
        let entries: Vec<Encoded> = bodies
            .iter()
            .map(|(act, second)| {
                let body = if *act { lock() } else { text("hear, hear") };
                author.write(&ann, if *second { 6 } else { 5 }, &body, NOW).expect("room").frame.clone()
            })
            .collect();
        let mut log = log();
        let mut stored = 0_usize;
        for index in order {
            let frame = index.get(&entries);
            let (stream, next) = (stream_of(frame), log.next_number(stream_of(frame)));
            let number = entry_of(frame).expect("an entry").entry.number;
            match offer(&mut log, frame) {
                Verdict::Stored(_) => {
                    stored = stored.saturating_add(1);
                    let may_begin = stream.lane == Lane::Talk && by_stream(&log).get(&stream).is_none_or(|held| held.len() <= 1);
                    prop_assert!(number == next || may_begin);
                }
                Verdict::Dropped => prop_assert!(number < next),
                Verdict::Completed(_) => prop_assert!(false, "no body was lacking"),
                Verdict::Ahead { next: told } => prop_assert!(told == next && number > next),
                verdict @ (Verdict::Forked(_) | Verdict::Refused(_)) => prop_assert!(false, "{verdict:?}"),
            }
            prop_assert_eq!(held(&log).len(), stored);
        }
        for (stream, numbers) in by_stream(&log) {
            let first = if stream.lane == Lane::Acts { 1 } else { numbers[0] };
            prop_assert!((first..).take(numbers.len()).eq(numbers));
        }
        // Whoever is offered everything in order holds everything, whatever came before.
        entries.iter().for_each(|frame| _ = asked(&mut log, frame));
        let mut all = held(&log);
        all.sort();
        let mut expected = entries;
        expected.sort();
        prop_assert_eq!(all, expected);
    }
}

#[test]
fn lamport_2_a_log_without_talk_begins_above_the_floor_however_high_and_one_with_talk_leaps_nowhere() {
    let begun = |has_talk: bool, floor: u64| {
        let mut log = log();
        log.write(&identity(1), 1, &lock(), NOW).expect("room");
        if has_talk {
            log.write(&identity(1), 1, &text("hello"), NOW).expect("room");
        }
        log.begin_above(floor);
        log.write(&identity(1), 1, &text("hello"), NOW).expect("room").lamport
    };
    let high = 3 * limits::LAMPORT_LEAP_MAX;
    assert_eq!([begun(false, high), begun(true, high)], [high + 1, 3]);
    // Above a floor that no clock can have reached, too little would be left to go on with.
    let most = limits::LAMPORT_FLOOR_MAX;
    assert_eq!([begun(false, most), begun(false, most + 1), begun(false, u64::MAX)], [most + 1, 2, 2]);
}
