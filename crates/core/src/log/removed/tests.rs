//! Bodies that go: by a RETRACT, in whatever order, and for good.

use alloc::vec;

use super::super::tests::{NOW, bodiless, lock, log, offer, read, restored, stored, text};
use super::*;
use crate::identity::{Identity, identity};
use crate::log::{Verdict, entry_of};
use crate::rule::Rule;
use crate::wire::Encoded;

/// Ann has said something, then bob; ann removes the first, then bob both.
fn talked() -> ([Encoded; 2], [Encoded; 3]) {
    let (ann, bob, mut log) = (identity(1), identity(2), log());
    let mut write = |us: &Identity, body: &EntryBody<'_>| log.write(us, 5, body, NOW).expect("room");
    let (one, other) = (write(&ann, &text("my secret")), write(&bob, &text("and mine")));
    let retractions = [(&ann, &one), (&bob, &one), (&bob, &other)].map(|(us, words)| {
        let (StreamId { author, session, .. }, number, hash) = (words.id, words.number, words.hash);
        write(us, &EntryBody::Retract { author, session, number, hash }).frame.clone()
    });
    ([one, other].map(|words| words.frame.clone()), retractions)
}

/// Looks at what is removed, by whoever has said it.
fn review(log: &mut Log) -> Vec<News> {
    log.review(false, |retraction| retraction.by.author == retraction.author);
    log.news()
}

fn has(log: &Log, frame: &Encoded) -> bool {
    let frames: Vec<Encoded> = log.records().filter_map(|record| record.frame().cloned()).collect();
    frames.contains(frame)
}

#[test]
fn retract_2_words_are_removed_whatever_comes_first_and_by_whoever_may() {
    let ([one, other], retractions) = talked();
    let all = [one.clone(), other.clone(), retractions[0].clone(), retractions[1].clone(), retractions[2].clone()];
    for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 3, 1, 4], [1, 3, 0, 4, 2]] {
        let mut log = log();
        let mut news = Vec::new();
        for at in order {
            let frame = &all[at];
            log.offer(&entry_of(frame).expect("an entry"), true, &identity(99));
            news.extend(review(&mut log));
        }
        let removed = |frame: &Encoded| log.removed_by(&read(frame));
        assert_eq!((removed(&one), removed(&other)), (Some(identity(1).key()), Some(identity(2).key())), "{order:?}");
        assert_eq!(news.len(), 2, "{order:?}: each is told once");
        assert!(!has(&log, &one) && !has(&log, &other), "{order:?}: the disk forgets them");
        assert!(has(&log, &bodiless(&one)), "{order:?}: chain and heads stay");
        let id = read(&one).id;
        let range = crate::wire::meeting::Range { author: id.author, session: 5, lane: Lane::Talk, from: 1, to: 2 };
        let served: Vec<Encoded> = log.fetch([range].into_iter(), 0).iter().map(|held| held.frame.clone()).collect();
        assert_eq!(served, [bodiless(&one)], "{order:?}");
        assert!(!log.wants_bodies(id), "nobody is asked for it");
    }
}

#[test]
fn retract_3_a_retract_removes_no_retract_and_nothing_that_its_hash_is_not_of() {
    let ([one, _], retractions) = talked();
    let mut log = log();
    for frame in [&one, &retractions[0]] {
        log.offer(&entry_of(frame).expect("an entry"), true, &identity(99));
    }
    let ann = identity(1);
    let Held { id, number, hash, .. } = *read(&retractions[0]);
    let again = EntryBody::Retract { author: id.author, session: id.session, number, hash };
    log.write(&ann, 6, &again, NOW).expect("room");
    assert_eq!(review(&mut log).len(), 1);
    assert_eq!(log.removed_by(&read(&retractions[0])), None);
    let mut log = super::super::tests::log();
    log.offer(&entry_of(&one).expect("an entry"), true, &identity(99));
    let Held { id, number, .. } = *read(&one);
    let wrong = EntryBody::Retract { author: id.author, session: id.session, number, hash: Hash([7; 32]) };
    log.write(&ann, 6, &wrong, NOW).expect("room");
    assert_eq!((review(&mut log), log.removed_by(&read(&one))), (vec![], None));
}

#[test]
fn retract_5_what_a_retract_has_hidden_that_does_not_count_any_more_is_back() {
    let ([one, _], retractions) = talked();
    let mut log = log();
    for frame in [&one, &retractions[1]] {
        log.offer(&entry_of(frame).expect("an entry"), true, &identity(99));
    }
    log.review(false, |_| true);
    assert!(matches!(log.news().as_slice(), [News::Removed(_, by)] if *by == identity(2).key()));
    let kept = log.unkept();
    log.review(true, |_| false);
    assert!(matches!(log.news().as_slice(), [News::Returned(entry)] if entry.frame == one));
    assert!(has(&log, &one));
    let mut records = kept;
    let hidden = restored(records.clone());
    assert!(hidden.has_hidden() && !has(&hidden, &one), "as it is written anew, the body goes");
    records.extend(log.unkept());
    assert!(has(&restored(records), &one), "as long as it was not");
}

#[test]
fn entry_8_talk_without_its_body_is_held_and_its_body_is_wanted_until_it_comes() {
    let ([one, other], _) = talked();
    let mut log = log();
    assert_eq!(offer(&mut log, &bodiless(&one)), stored(&bodiless(&one)));
    let held = read(&bodiless(&one));
    log.want_body(&held);
    assert_eq!((log.wanted_bodies(held.id), log.next_number(held.id)), ((1, 2), 2));
    assert_eq!(offer(&mut log, &bodiless(&one)), Verdict::Dropped);
    let mut forged = one.0.to_vec();
    forged.iter_mut().last().into_iter().for_each(|last| *last ^= 1);
    assert_eq!(offer(&mut log, &Encoded(forged.into())), Verdict::Refused(Rule::Entry1), "a body is signed");
    log.forgo_bodies(None, u64::MAX);
    assert!(matches!(log.news().as_slice(), [News::Missing(_)]) && !log.wants_bodies(held.id));
    assert_eq!(offer(&mut log, &one), Verdict::Completed(read(&one)));
    assert!(!log.lacks_bodies(held.id) && has(&log, &one));
    offer(&mut log, &other);
    let again = restored(log.unkept());
    assert!(again.records().eq(log.records()), "the next run has it, too");
}

#[test]
fn entry_7_an_act_without_its_body_has_not_come() {
    let act = super::super::tests::written(&identity(1), 5, &[lock()]).remove(0);
    let mut log = log();
    assert_eq!(offer(&mut log, &bodiless(&act)), Verdict::Dropped);
    assert_eq!(offer(&mut log, &act), stored(&act));
}

#[test]
fn retract_1_and_fork_3_a_retract_that_has_made_room_removes_no_more_once_its_stream_is_void() {
    let (ann, bob) = (identity(1), identity(2));
    let mut log = Log::new(log().meeting(), 3);
    let words = log.write(&bob, 5, &text("and mine"), NOW).expect("room");
    let StreamId { author, session, .. } = words.id;
    let retract = EntryBody::Retract { author, session, number: words.number, hash: words.hash };
    let retract = log.write(&ann, 5, &retract, NOW).expect("room");
    (0..3).for_each(|_| _ = log.write(&ann, 5, &text("much more"), NOW));
    assert!(log.words(ann.key(), 5, retract.number).is_none(), "it has made room");
    log.review(true, |_| true);
    assert_eq!(log.removed_by(&words), Some(ann.key()));
    log.void(retract.id, retract.number);
    log.review(false, |_| true);
    assert_eq!(log.removed_by(&words), None);
}
