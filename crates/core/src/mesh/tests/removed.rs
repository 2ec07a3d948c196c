//! Bodies that are lacking, and words that are removed.

use alloc::string::ToString as _;
use alloc::vec::Vec;

use super::hall::{Hall, identity, written};
use crate::command::{Command, With, Words};
use crate::event::{Event, Kind};
use crate::id::{Hash, Key, LinkId, RequestId, Salt};
use crate::log::{Held, StreamId, entry_of};
use crate::wire::entry::{Body, Carried, EntryBody};
use crate::wire::field::{Reason, Text};
use crate::wire::meeting::EntryFrame;
use crate::wire::option::Options;
use crate::wire::{Encoded, Frame};

fn text(text: &'static str) -> EntryBody<'static> {
    EntryBody::Text { salt: Salt::ZERO, text: Text::new(text).expect("a text") }
}

/// An entry's frame without its body.
fn bare(whole: &Encoded) -> Encoded {
    let entry = entry_of(whole).expect("an entry");
    let entry = Carried { body: Body::Lacking(entry.body.digest()), ..entry };
    Frame::from(EntryFrame { entry, options: Options::NONE }).encode(RequestId::EVENT)
}

/// What m1 has said in another life, whole and without its body.
fn said_by_m1(words: &'static str) -> [Encoded; 2] {
    let whole = written(&identity(2), 7, &[text(words)]).remove(0);
    let bare = bare(&whole);
    [whole, bare]
}

/// How often a node's user was told that a text is missing.
fn missing(hall: &Hall, node: usize) -> usize {
    let is_missing = |event: &&Event| matches!(event, Event::Message { kind: Kind::Missing(_), .. });
    hall.nodes[node].events.iter().filter(is_missing).count()
}

/// Who has removed words, as a node's user was told.
fn removed(hall: &Hall, node: usize) -> Vec<Key> {
    let by = |event: &Event| match event {
        Event::Message { kind: Kind::Removed(_, by), .. } => Some(by.key),
        _ => None,
    };
    hall.nodes[node].events.iter().filter_map(by).collect()
}

/// Node 0's link with m1, and m2's.
fn with_m1(hall: &Hall) -> [LinkId; 2] {
    let link = |node: usize| hall.nodes[node].machine.circle.link_of(&identity(2).key()).expect("a link");
    [link(0), link(2)]
}

#[test]
fn entry_8_a_body_that_one_holder_says_is_gone_is_had_from_another_whoever_comes_first() {
    for is_first in [true, false] {
        let mut hall = Hall::of(3);
        let [whole, bare] = said_by_m1("not gone");
        let [to_0, to_2] = with_m1(&hall);
        if is_first {
            hall.show(0, to_0, core::slice::from_ref(&bare));
            hall.pass(1_000);
            hall.show(0, to_0, core::slice::from_ref(&bare));
            hall.show(2, to_2, core::slice::from_ref(&whole));
        } else {
            hall.show(2, to_2, core::slice::from_ref(&whole));
            hall.show(0, to_0, core::slice::from_ref(&bare));
        }
        hall.pass(60_000);
        assert_eq!(hall.texts(0), ["not gone"], "the liar is first: {is_first}");
        assert_eq!(hall.between(0, 1).len(), 1, "it costs no link");
        let log = &hall.nodes[0].machine.replica.log;
        assert!(log.entries().any(|entry| entry.frame == whole) && !log.entries().any(|entry| entry.frame == bare));
    }
}

#[test]
fn entry_8_a_text_that_nobody_has_is_told_to_be_missing_once_and_holds_up_nothing() {
    let mut hall = Hall::of(3);
    let [whole, bare] = said_by_m1("gone");
    let [to_0, to_2] = with_m1(&hall);
    for (node, link) in [(0, to_0), (2, to_2)] {
        hall.show(node, link, core::slice::from_ref(&bare));
    }
    hall.say(2, "go on");
    hall.pass(1_000);
    assert!(hall.texts(0).contains(&"go on".to_string()));
    hall.pass(120_000);
    assert_eq!((missing(&hall, 0), missing(&hall, 2), removed(&hall, 0)), (1, 1, Vec::new()));
    // Somebody comes who has it, and it is asked for on the new link.
    let late = hall.join("late");
    assert_eq!(missing(&hall, late), 0);
    hall.pass(60_000);
    assert_eq!(missing(&hall, late), 1);
    let to_late = hall.nodes[late].machine.circle.link_of(&identity(2).key()).expect("a link");
    hall.show(late, to_late, core::slice::from_ref(&whole));
    hall.pass(10_000);
    for node in [0, 2, late] {
        assert!(hall.texts(node).contains(&"gone".to_string()), "node {node} is told by a row, and asks");
        assert_eq!(missing(&hall, node), 1);
    }
}

#[test]
fn entry_8_texts_that_nobody_has_are_not_waited_for_one_by_one() {
    let mut hall = Hall::of(3);
    let said = written(&identity(2), 7, &["a", "b", "c", "d", "e", "f"].map(text));
    let half: Vec<Encoded> =
        said.iter().enumerate().map(|(n, e)| if n % 2 == 0 { bare(e) } else { e.clone() }).collect();
    let [to_0, to_2] = with_m1(&hall);
    for (node, link) in [(0, to_0), (2, to_2)] {
        hall.show(node, link, &half);
    }
    hall.pass(4_000);
    assert_eq!(missing(&hall, 0), 0);
    hall.pass(2_000);
    assert_eq!(missing(&hall, 0), 3);
    hall.show(2, to_2, core::slice::from_ref(&said[2]));
    hall.pass(8_000);
    assert!(hall.texts(0).contains(&"c".to_string()), "who has it later tells so");
    assert_eq!(missing(&hall, 0), 3, "and nothing is told twice");
}

#[test]
fn retract_1_ones_own_words_are_removed_everywhere_and_a_newcomer_never_sees_them() {
    let mut hall = Hall::of(3);
    hall.say(1, "my secret");
    hall.say(1, "hello");
    let words = hall.nodes[0].machine.replica.log.newest_words(|entry| entry.number == 1).expect("words");
    let StreamId { author, session, .. } = words.id;
    hall.command(1, Command::Retract { words: Words::At { author, session, number: 1 } });
    hall.pass(2_000);
    let late = hall.join("late");
    hall.pass(60_000);
    let ann = identity(2).key();
    for node in [0, 1, 2, late] {
        assert_eq!(removed(&hall, node), [ann], "node {node}");
        let log = &hall.nodes[node].machine.replica.log;
        assert!(log.records().filter_map(|record| record.frame().cloned()).all(|frame| frame != words.frame));
        assert_eq!(log.next_number(words.id), 4, "chain and heads go on");
    }
    assert_eq!(
        (hall.texts(late), missing(&hall, late)),
        (["hello"].map(alloc::string::ToString::to_string).to_vec(), 0)
    );
}

#[test]
fn retract_1_a_host_removes_the_words_of_those_who_do_not_rank_above_it_and_members_only_their_own() {
    let mut hall = Hall::of(3);
    hall.say(0, "the founder's");
    hall.say(1, "m1's");
    let of = |name: &str| Command::Retract { words: Words::Of(name.to_string()) };
    hall.command(2, of("m1"));
    assert_eq!(hall.errors(2), ["not_host"]);
    hall.command(0, of("m1"));
    hall.pass(2_000);
    let founder = identity(1).key();
    assert!((0..3).all(|node| removed(&hall, node) == [founder]));
    hall.command(1, Command::Retract { words: Words::Own });
    assert_eq!(hall.errors(1), ["no_such_words"], "it is removed already");
    // What a member writes of others' words is stored, and has no effect.
    let words = hall.nodes[0].machine.replica.log.newest_words(|_| true).expect("the founder's");
    let Held { id: StreamId { author, session, .. }, number, hash, .. } = *words;
    let body = EntryBody::Retract { author, session, number, hash };
    let now = crate::time::Now { tick: crate::time::Instant(0), unix_ms: 0 };
    hall.write(2, &body, now);
    hall.pass(2_000);
    assert!((0..3).all(|node| removed(&hall, node) == [founder]));
}

#[test]
fn retract_1_what_a_host_that_is_shown_out_later_has_hidden_is_shown_again() {
    let mut hall = Hall::of(3);
    let (subject, role, answers, session) = (identity(3).key(), crate::wire::entry::Role::Host, Hash::ZERO, 0);
    let now = crate::time::Now { tick: crate::time::Instant(0), unix_ms: 0 };
    hall.write(0, &EntryBody::Grant { subject, role, answers, session, name: Reason::NONE }, now);
    hall.pass(2_000);
    hall.say(1, "inconvenient");
    hall.pass(1_000);
    hall.command(2, Command::Retract { words: Words::Of("m1".to_string()) });
    hall.pass(2_000);
    assert_eq!(removed(&hall, 0), [identity(3).key()]);
    hall.command(0, Command::Kick { name: "m2".to_string(), why: "censor".to_string(), with: With::default() });
    hall.pass(5_000);
    let shown = |hall: &Hall, node| hall.texts(node).iter().filter(|text| *text == "inconvenient").count();
    assert_eq!([shown(&hall, 0), shown(&hall, 1)], [2, 2], "and again");
    let log = &hall.nodes[0].machine.replica.log;
    assert!(!log.has_hidden());
}
