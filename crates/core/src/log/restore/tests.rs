//! What a log is after a restart: what it was, or what damage has left of it.

use alloc::sync::Arc;
use alloc::{vec, vec::Vec};

use proptest::prelude::*;

use super::*;
use crate::id::Salt;
use crate::identity::{Identity, identity};
use crate::log::{Marks, Verdict};
use crate::time::{Instant, Now};
use crate::wire::entry::Door;
use crate::wire::field::{List, Text};

const MEETING: MeetingId = MeetingId([7; 16]);
const NOW: Now = Now { tick: Instant(1), unix_ms: 1_700_000_000_000 };

fn body(is_act: bool) -> EntryBody<'static> {
    match is_act {
        true => EntryBody::Policy { door: Door::Locked, kept: List::NONE },
        false => EntryBody::Text { salt: Salt::ZERO, text: Text::new("hear, hear").expect("short") },
    }
}

/// What `author` writes in one session, acts or talk.
fn written(author: &Identity, session: u64, acts: &[bool]) -> Vec<Arc<Held>> {
    let mut log = Log::new(MEETING, 1_000);
    acts.iter().map(|is_act| log.write(author, session, &body(*is_act), NOW).expect("room")).collect()
}

fn offer(log: &mut Log, entry: &Held, asked: bool) -> Verdict {
    log.offer(&entry.carried(), asked, &identity(99))
}

fn state(log: &Log) -> Vec<Record> {
    log.records().collect()
}

/// Without what was shown, which a run does not note in its log.
fn state_unshown(log: &Log) -> Vec<Record> {
    log.records().filter(|record| !matches!(record, Record::Shown(_))).collect()
}

fn again(records: &[Record]) -> Log {
    Log::restored(MEETING, 1_000, records.iter().cloned())
}

#[test]
fn fork_3_and_gap_1_a_fork_and_a_skip_are_known_after_a_restart() {
    let (ann, mut log) = (identity(1), Log::new(MEETING, 1_000));
    let lines = written(&ann, 5, &[false; 9]);
    let twin = written(&ann, 5, &[false, false, false, false, true, false]);
    let id = lines[0].id;
    lines[..2].iter().for_each(|line| _ = offer(&mut log, line, false));
    log.skip(id, 5);
    lines[4..6].iter().for_each(|line| _ = offer(&mut log, line, false));
    assert!(matches!(offer(&mut log, &twin[5], true), Verdict::Forked(_)), "another one of number 5");
    let records = log.unkept();
    let after = again(&records);
    assert_eq!(state(&after), state(&log));
    assert!(after.is_void(id, 5) && after.lost().next().is_none());
    // And once the file was written anew.
    assert_eq!(state(&again(&state(&after))), state(&log));
}

#[test]
fn what_damage_takes_out_of_the_middle_is_lost_and_comes_back_when_it_comes_again() {
    for is_act in [false, true] {
        let (ann, mut log) = (identity(1), Log::new(MEETING, 1_000));
        let entries = written(&ann, 5, &[is_act; 6]);
        entries.iter().for_each(|entry| assert_eq!(offer(&mut log, entry, false), Verdict::Stored(Arc::clone(entry))));
        let (id, whole) = (entries[0].id, state(&log));
        let records = log.unkept();
        for from in 0..5 {
            for to in from + 1..6 {
                let left: Vec<Record> = [&records[..from], &records[to..]].concat();
                let mut after = again(&left);
                let (first, last) = (entries[from].number, entries[to].number);
                assert_eq!(after.missing(id), (first, last));
                // Also after the file was written anew, and damaged again.
                let mut anew = state(&after);
                let at = anew.iter().rposition(|record| record.entry().is_some()).expect("an entry");
                if to < 5 {
                    anew.remove(at);
                    assert_eq!(again(&anew).lost().collect::<Vec<_>>(), [(id, first, last), (id, 6, 7)]);
                }
                assert!(after.unkept().is_empty());
                for entry in &entries[from..to] {
                    assert!(matches!(offer(&mut after, entry, false), Verdict::Stored(_)), "nobody has to ask by name");
                }
                assert_eq!((after.missing(id), after.lost().count()), ((7, u64::MAX), 0));
                let mut more = left.clone();
                more.extend(after.unkept());
                assert_eq!(again(&more).rows(0), again(&records).rows(0));
                assert_eq!(again(&more).lost().count(), 0);
                assert_eq!(whole.len(), state(&after).len());
            }
        }
    }
}

#[test]
fn gap_1_what_is_lost_and_nobody_has_is_gone_for_good() {
    let (ann, mut log) = (identity(1), Log::new(MEETING, 1_000));
    let lines = written(&ann, 5, &[false; 8]);
    lines.iter().for_each(|line| _ = offer(&mut log, line, false));
    let id = lines[0].id;
    let mut records = log.unkept();
    records.drain(4..6);
    records.remove(1);
    let mut after = again(&records);
    assert_eq!(after.lost().collect::<Vec<_>>(), [(id, 2, 3), (id, 5, 7)]);
    assert_eq!(after.skip(id, 6), Some((2, 3)));
    assert_eq!(after.skip(id, 6), Some((5, 6)));
    assert_eq!(after.skip(id, 6), None);
    records.extend(after.unkept());
    assert_eq!(again(&records).lost().collect::<Vec<_>>(), [(id, 6, 7)]);
    assert_eq!(state(&again(&records)), state(&after));
}

#[test]
fn show_3_what_was_shown_is_not_shown_again_when_it_comes_again() {
    let (ann, mut log) = (identity(1), Log::new(MEETING, 1_000));
    let lines = written(&ann, 5, &[false; 3]);
    lines.iter().for_each(|line| _ = offer(&mut log, line, false));
    let mut records = log.unkept();
    let mut shown = Marks::default();
    records.extend(shown.note(identity(1).key(), 5, 2).map(Record::Shown));
    records.remove(0);
    let after = again(&records);
    assert_eq!(after.unshown(), lines[2..]);
    assert!(after.was_shown(&lines[0]));
}

#[test]
fn feed_2_a_restart_has_no_more_of_a_file_in_memory_than_the_log_holds() {
    let lines = written(&identity(1), 5, &[false; 20]);
    let frames: Vec<Encoded> = lines.iter().map(|line| Encoded(line.frame.0.to_vec().into())).collect();
    let records = (0..).zip(&frames).map(|(number, frame)| {
        let held = frames.iter().take(number).filter(|frame| !frame.0.is_unique()).count();
        assert!(held <= 3, "{held} at number {number}");
        Record::Entry(frame.clone())
    });
    assert_eq!(Log::restored(MEETING, 3, records).entries().count(), 3);
}

#[test]
fn what_was_shown_or_received_was_there_and_is_lost_where_it_is_not() {
    let (ann, mut log) = (identity(1), Log::new(MEETING, 1_000));
    let lines = written(&ann, 5, &[false; 3]);
    lines.iter().for_each(|line| _ = offer(&mut log, line, false));
    let (id, mark) = (lines[0].id, Mark { author: ann.key(), session: 5, next: 4 });
    let records = log.unkept();
    for (from, mark) in (0..3).flat_map(|from| [(from, Record::Shown(mark)), (from, Record::Received(mark))]) {
        let left = [&records[..from], &[mark]].concat();
        let mut after = again(&left);
        assert_eq!(after.lost().collect::<Vec<_>>(), [(id, lines[from].number, 4)]);
        for line in &lines[from..] {
            assert!(matches!(offer(&mut after, line, false), Verdict::Stored(_)), "it is wanted again");
        }
        assert_eq!(after.lost().count(), 0);
    }
}

/// What may happen to a log.
fn happen(log: &mut Log, pool: &[Arc<Held>], (what, index, much): (u8, prop::sample::Index, u64)) {
    let (index, frame) = (index.index(pool.len()), index.get(pool));
    let id = frame.id;
    match what {
        0..=5 => _ = offer(log, frame, what == 5),
        6 => pool.iter().skip(index).take(9).for_each(|frame| _ = offer(log, frame, false)),
        7 if id.lane == Lane::Talk => _ = log.skip(id, much),
        8 => _ = log.void(id, much),
        // No more has come than was said.
        9 => {
            if let last @ 1.. = log.next_number(StreamId { lane: Lane::Talk, ..id }).saturating_sub(1) {
                log.note_received(id.author, id.session, last);
            }
        }
        _ => _ = log.write(&identity(3), 9, &body(much.is_multiple_of(2)), NOW),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn digest_2_a_restart_finds_the_log_as_it_was_at_any_moment(
        steps in proptest::collection::vec((0_u8..11, any::<prop::sample::Index>(), 1_u64..12), 1..60),
        talk_max in 1_usize..20,
        anew in 0_usize..60,
    ) {
        let pool: Vec<Arc<Held>> = [(1, 5), (1, 6), (2, 5)].into_iter().flat_map(|(author, session)| {
            [false, true].into_iter().flat_map(move |is_act| written(&identity(author), session, &[is_act; 6]))
        }).collect();
        let (mut log, mut disk, mut shown) = (Log::new(MEETING, talk_max), vec![], Marks::default());
        for (number, step) in steps.into_iter().enumerate() {
            happen(&mut log, &pool, step);
            let records = log.unkept();
            let talk = records.iter().filter_map(Record::entry).map(|entry| entry.entry);
            let talk = talk.filter(|entry| entry.lane == Lane::Talk);
            let marks: Vec<Mark> = talk.filter_map(|talk| shown.note(talk.author, talk.session, talk.number)).collect();
            disk.extend(records.into_iter().chain(marks.into_iter().map(Record::Shown)));
            if number == anew {
                disk = Log::restored(MEETING, talk_max, disk).records().collect();
            }
            let restored = Log::restored(MEETING, talk_max, disk.iter().cloned());
            prop_assert_eq!(state_unshown(&restored), state_unshown(&log));
            prop_assert_eq!((restored.rows(3), restored.is_kept()), (log.rows(3), true));
            if number.is_multiple_of(7) {
                // And the run that follows goes on from there.
                log = restored;
            }
        }
    }
}
