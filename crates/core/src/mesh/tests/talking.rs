//! Entries: who sends them, who asks for them, and when they are shown.

use alloc::string::ToString as _;
use alloc::vec::Vec;

use super::hall::{Hall, identity, said_who, written};
use crate::code::Code;
use crate::command::{Command, Failure};
use crate::event::{Deed, Event, Kind, Notice, Reach};
use crate::id::{CommandId, LinkId, Salt};
use crate::limits;
use crate::log::{Marks, Record};
use crate::wire::entry::{Door, EntryBody, Level, Whereabouts};
use crate::wire::field::{List, Text, encode_items};
use crate::wire::meeting::{Digest, Lane, Meeting, Row};
use crate::wire::option::Options;
use crate::wire::{Encoded, Frame};

fn count(names: &[&str], name: &str) -> usize {
    names.iter().filter(|sent| **sent == name).count()
}

fn gone(hall: &Hall, node: usize) -> Vec<(u64, u64)> {
    let gap = |event: &Event| match event {
        Event::Gap { first, next, .. } => Some((*first, *next)),
        _ => None,
    };
    hall.nodes[node].events.iter().filter_map(gap).collect()
}

/// What an author has said in another life.
fn said(number: u8, session: u64, texts: &[&'static str]) -> Vec<Encoded> {
    let text = |text: &&'static str| EntryBody::Text { salt: Salt::ZERO, text: Text::new(text).expect("a text") };
    written(&identity(number), session, &texts.iter().map(text).collect::<Vec<_>>())
}

/// The range that a node has asked a link for last.
fn fetched(hall: &Hall, node: usize, link: LinkId) -> Option<(u64, u64)> {
    let sent = hall.nodes[node].sent.iter().rev().filter(|(on, _)| *on == link);
    let fetch = |bytes: &Encoded| match crate::wire::decode(&bytes.0).ok()?.frame? {
        Frame::Meeting(Meeting::Fetch(fetch)) => fetch.ranges.iter().next().map(|range| (range.from, range.to)),
        _ => None,
    };
    sent.filter_map(|(_, bytes)| fetch(bytes)).next()
}

fn row(author: u8, session: u64, first: u64, next: u64) -> Row {
    Row { author: identity(author).key(), session, lane: Lane::Talk, first, next, head: crate::id::Hash([1; 32]) }
}

fn tell_rows(hall: &mut Hall, node: usize, link: LinkId, rows: &[Row]) {
    let (count, items) = encode_items(rows.iter().copied(), limits::ROWS_MAX);
    hall.frame(node, link, 0, Digest { rows: List::over(count, &items), options: Options::NONE });
}

#[test]
fn mesh_11_an_author_sends_to_all_and_nobody_passes_on() {
    let mut hall = Hall::of(4);
    let before: Vec<usize> = hall.nodes.iter().map(|node| node.sent.len()).collect();
    hall.say(1, "hello");
    for node in [0, 2, 3] {
        assert_eq!(hall.texts(node), ["hello"]);
        let more = hall.nodes[node].sent.len() - before[node];
        assert_eq!(more, 0, "node {node} tells of it in a while, and sends it to nobody");
    }
    hall.pass(2_000);
    let links: Vec<LinkId> = (0..4).flat_map(|other| hall.between(1, other)).collect();
    assert_eq!(links.len(), 3);
    // One for who is there, before it is in, and one for the rest.
    assert!(links.iter().all(|link| count(&hall.sent_on(1, *link), "FETCH") <= 2));
    let all = hall.nodes[1].events.iter().find_map(|event| match event {
        Event::Delivery { reach: Reach::All, have, of, .. } => Some((*have, *of)),
        _ => None,
    });
    assert_eq!(all, Some((3, 3)), "who has not answered yet counts, too");
}

#[test]
fn mesh_13_while_two_are_parted_the_others_are_asked() {
    let mut hall = Hall::of(4);
    hall.part(0, 1);
    hall.say(0, "over others");
    hall.pass(1_000);
    assert_eq!(hall.texts(1), ["over others"], "bridged, at once: its author is not linked");
    let served: usize = [2, 3]
        .map(|node| {
            let link = hall.between(node, 1)[0];
            count(&hall.sent_on(node, link), "ENTRY")
        })
        .iter()
        .sum();
    // Each has sent what it has written itself, and one of them this.
    assert!(hall.has_stored(1, identity(1).key(), 1) && served >= 1);
    hall.blocked.clear();
    hall.pass(7_000);
    assert_eq!(hall.texts(1), ["over others"], "and once");
}

#[test]
fn mesh_13_who_brings_nothing_for_three_seconds_is_not_waited_for() {
    let mut hall = Hall::of(3);
    // Node 9 is a member of whom both others tell, and nobody is linked with it.
    let eve = hall.knocker(0, identity(9).key(), 5);
    hall.show(0, eve, &said_who(9, 5, "eve", Whereabouts::Here, &[]));
    hall.down(0, eve, Code::Cut);
    hall.pass(1_000);
    let [one, other] = [hall.between(0, 1)[0], hall.between(0, 2)[0]];
    hall.hold([1, 2]);
    let before = [one, other].map(|link| count(&hall.sent_on(0, link), "FETCH"));
    for link in [one, other] {
        tell_rows(&mut hall, 0, link, &[row(9, 7, 1, 2)]);
    }
    let asked = |hall: &Hall| [one, other].map(|link| count(&hall.sent_on(0, link), "FETCH"));
    let first = asked(&hall);
    assert_eq!(first.iter().sum::<usize>(), before.iter().sum::<usize>() + 1, "one holder at a time");
    hall.pass(2_999);
    assert_eq!(asked(&hall), first);
    hall.pass(1);
    assert_eq!(asked(&hall).iter().sum::<usize>(), first.iter().sum::<usize>() + 1, "then the next");
}

#[test]
fn mesh_28_rows_of_what_does_not_exist_keep_nobody_from_what_does() {
    let mut hall = Hall::of(5);
    hall.pass(3_000);
    // Of those who have a seat, and of a key that nobody knows; and two tell of the same.
    let link = hall.between(0, 1)[0];
    for link in [link, hall.between(0, 4)[0]] {
        for author in [2, 3, 200] {
            for session in (0..5_000_u64).step_by(250) {
                let rows: Vec<Row> =
                    (session..session + 250).map(|session| row(author, 1_000 + session, 1, 2)).collect();
                tell_rows(&mut hall, 0, link, &rows);
            }
        }
    }
    assert_eq!(hall.nodes[0].closed, []);
    // It comes over a second link, too: what it has told of is still on its account.
    let started_ms = hall.nodes[1].machine.newcomer.me.started_ms;
    hall.knocker(0, identity(2).key(), started_ms);
    hall.down(0, link, Code::Cut);
    // Whom it has no link with, it hears through others.
    hall.part(0, 3);
    hall.say(3, "can you hear me?");
    hall.pass(2_000);
    assert_eq!(hall.texts(0), ["can you hear me?"]);
    let late = hall.join("late");
    hall.pass(1_000);
    hall.say(late, "and me?");
    assert_eq!(hall.texts(0), ["can you hear me?", "and me?"]);
}

#[test]
fn mesh_14_what_nobody_offers_is_gone_after_a_while() {
    let mut hall = Hall::of(3);
    let link = hall.between(0, 1)[0];
    let lines = said(2, 7, &["one", "two", "three", "four"]);
    // What nothing is held of begins where it is offered.
    tell_rows(&mut hall, 0, link, &[row(2, 7, 2, 3)]);
    assert_eq!(gone(&hall, 0), []);
    hall.show(0, link, &lines[1..=1]);
    tell_rows(&mut hall, 0, link, &[row(2, 7, 4, 5)]);
    hall.pass(4_999);
    assert_eq!(gone(&hall, 0), []);
    hall.pass(1);
    assert_eq!(gone(&hall, 0), [(3, 4)]);
    hall.show(0, link, &lines[3..=3]);
    assert!(hall.has_stored(0, identity(2).key(), 4));
}

#[test]
fn fetch_2_and_mesh_13_what_an_author_has_left_out_is_asked_of_it() {
    let mut hall = Hall::of(3);
    hall.pass(3_000);
    let link = hall.between(0, 1)[0];
    let lines = said(2, 7, &["one", "two", "three", "four"]);
    hall.show(0, link, &lines[0..=0]);
    hall.show(0, link, &lines[2..=2]);
    assert_eq!(fetched(&hall, 0, link), Some((2, 4)), "at once, up to what was sent");
    hall.show(0, link, &lines[1..3]);
    assert!(hall.has_stored(0, identity(2).key(), 3));
    // An act, too.
    let acts = written(&identity(1), 8, &[EntryBody::Policy { door: Door::Unlocked, kept: List::NONE }; 2]);
    let mut hall = Hall::of(2);
    let link = hall.between(1, 0)[0];
    hall.show(1, link, &acts[1..=1]);
    hall.pass(3_000);
    assert_eq!(fetched(&hall, 1, link), Some((1, 3)));
}

#[test]
fn mesh_14_what_an_author_has_left_out_and_has_not_got_is_gone_after_a_while() {
    let mut hall = Hall::of(3);
    hall.pass(3_000);
    let link = hall.between(0, 1)[0];
    hall.hold([1]);
    let lines = said(2, 7, &["one", "two", "three"]);
    hall.show(0, link, &lines[0..=0]);
    hall.show(0, link, &lines[2..=2]);
    assert_eq!(fetched(&hall, 0, link), Some((2, 4)));
    let request = hall.last_request(0, link);
    hall.frame(0, link, request, crate::wire::session::Done { options: Options::NONE });
    hall.pass(4_999);
    assert_eq!(gone(&hall, 0), []);
    hall.pass(1);
    assert_eq!(gone(&hall, 0), [(2, 3)]);
    assert_eq!(fetched(&hall, 0, link), Some((3, 4)));
}

#[test]
fn mesh_9_what_does_not_count_is_not_stored_and_costs_nobody() {
    let mut hall = Hall::of(3);
    let link = hall.between(0, 1)[0];
    let lines = said(9, 7, &["who am I?"]);
    hall.show(0, link, &lines[0..=0]);
    assert_eq!((hall.has_stored(0, identity(9).key(), 1), hall.nodes[0].closed.len()), (false, 0));
    // Once it has a seat, it is asked for.
    let before = count(&hall.sent_on(0, link), "FETCH");
    hall.show(0, link, &said_who(9, 5, "eve", Whereabouts::Here, &[]));
    assert_eq!(count(&hall.sent_on(0, link), "FETCH"), before + 1);
}

#[test]
fn mesh_10_a_fork_is_shown_to_everybody_once() {
    let mut hall = Hall::of(3);
    let [link, other] = [hall.between(0, 1)[0], hall.between(0, 2)[0]];
    let (yes, no) = (said(2, 7, &["yes"]), said(2, 7, &["no"]));
    hall.show(0, link, &yes[0..=0]);
    hall.show(0, link, &no[0..=0]);
    for link in [link, other] {
        assert_eq!(count(&hall.sent_on(0, link), "FORK"), 1);
    }
    hall.pass(3_000);
    let warned = |node: usize| {
        let events = hall.nodes[node].events.iter();
        events.filter(|event| matches!(event, Event::Warning(Notice::Fork(_)))).count()
    };
    assert_eq!([warned(0), warned(2)], [1, 1]);
    let sent: usize = hall
        .nodes
        .iter()
        .map(|node| {
            let is_fork = |frame: &Encoded| {
                matches!(crate::wire::decode(&frame.0).expect("a frame").frame, Some(Frame::Meeting(Meeting::Fork(_))))
            };
            node.sent.iter().filter(|(_, frame)| is_fork(frame)).count()
        })
        .sum();
    assert!(sent <= 6, "{sent} proofs for three links");
}

#[test]
fn mesh_17_an_author_says_no_more_than_the_others_take() {
    let mut hall = Hall::of(2);
    for number in 0..100 {
        hall.say(0, &alloc::format!("line {number}"));
    }
    assert_eq!(hall.texts(1).len(), 40, "a burst");
    hall.pass(1_000);
    assert_eq!(hall.texts(1).len(), 60, "then so many a second");
    hall.pass(3_000);
    assert_eq!(hall.texts(1).len(), 100);
    let done = hall.nodes[0].events.iter().filter(|event| matches!(event, Event::Done { .. })).count();
    assert_eq!(done, 100, "each is done once it is said");
}

#[test]
fn mesh_15_history_before_a_newcomer_s_pass_is_shown_at_once() {
    let mut hall = Hall::of(2);
    hall.say(0, "one");
    hall.say(1, "two");
    hall.pass(2_000);
    let third = hall.join("late");
    hall.pass(500);
    assert_eq!(hall.texts(third), ["one", "two"]);
}

#[test]
fn show_3_a_member_is_shown_what_it_has_stored_and_not_seen_in_its_order() {
    let mut hall = Hall::of(3);
    for (node, text) in [(0, "one"), (2, "mine"), (1, "two"), (0, "three")] {
        hall.say(node, text);
        hall.pass(1_000);
    }
    let mut shown = Marks::default();
    let origin = |event: &Event| match event {
        Event::Message { kind: Kind::Text(origin), text, .. } if text == "one" => Some(*origin),
        _ => None,
    };
    let origin = hall.nodes[2].events.iter().find_map(origin).expect("it was shown");
    assert!(shown.note(origin.author, origin.session, origin.number).is_some());
    let mut records = core::mem::take(&mut hall.nodes[2].stored);
    // As if the answer had come first.
    let is_said = |record: &Record, words: &[u8]| {
        record.frame().is_some_and(|frame| frame.0.windows(words.len()).any(|part| part == words))
    };
    let (two, three) = (
        records.iter().position(|record| is_said(record, b"two")).expect("it is stored"),
        records.iter().position(|record| is_said(record, b"three")).expect("it is stored"),
    );
    records.swap(two, three);
    hall.nodes[2].shown = Some(shown);
    hall.back(2, "m2", records);
    assert!(matches!(hall.nodes[2].events.first(), Some(Event::Ready { .. })), "it is in the room first");
    assert_eq!(hall.texts(2), ["two", "three"]);
    hall.pass(10_000);
    assert_eq!(hall.texts(2), ["two", "three"], "once");
}

#[test]
fn roster_5_level_mute_takes_no_private_words_away() {
    let mut hall = Hall::of(2);
    hall.command(0, Command::Mute { name: "m1".to_string() });
    hall.pass(1_000);
    hall.say(1, "to all");
    hall.command(1, Command::Msg { to: "hedy".to_string(), text: "why?".to_string() });
    assert_eq!(hall.texts(0), ["m1 -> you: why?"]);
}

#[test]
fn mesh_20_a_whisper_that_nobody_answers_is_given_up() {
    let mut hall = Hall::of(2);
    hall.hold([1]);
    hall.command(0, Command::Msg { to: "m1".to_string(), text: "psst".to_string() });
    hall.part(0, 1);
    hall.pass(29_999);
    assert_eq!(hall.errors(0), [""; 0]);
    hall.pass(1);
    let failure = Failure::NotAnswered("m1".to_string());
    assert!(hall.nodes[0].events.contains(&Event::Error { failure, id: Some(CommandId(7)) }));
}

#[test]
fn ask_6_and_token_2_a_whisper_whose_link_goes_comes_once_with_the_next() {
    let mut hall = Hall::of(3);
    hall.command(0, Command::Msg { to: "nobody".to_string(), text: "psst".to_string() });
    assert_eq!(hall.errors(0), ["no_such_name"]);
    hall.hold([1]);
    hall.command(0, Command::Msg { to: "m1".to_string(), text: "psst".to_string() });
    hall.release_then_cut(0, 1);
    assert_eq!(hall.texts(1), ["hedy -> you: psst"]);
    hall.command(0, Command::Msg { to: "m1".to_string(), text: "again".to_string() });
    assert_eq!(hall.errors(0), ["no_such_name", "not_linked"]);
    let answered =
        |hall: &Hall| hall.nodes[0].events.iter().filter(|event| matches!(event, Event::Done { .. })).count();
    let before = answered(&hall);
    hall.pass(7_000);
    assert_eq!(hall.texts(1), ["hedy -> you: psst"], "it came again, and is not shown again");
    assert_eq!(answered(&hall), before + 1);
    assert!(hall.texts(2).is_empty(), "nobody else has it");
}

#[test]
fn roster_4_and_roster_3_what_has_no_effect_is_not_announced() {
    let mut hall = Hall::of(4);
    let now = hall.now;
    let reason = |text| crate::wire::field::Reason::new(text).expect("a reason");
    let host = |subject: u8| EntryBody::Grant {
        subject: identity(subject).key(),
        role: crate::wire::entry::Role::Host,
        answers: crate::id::Hash::ZERO,
        session: 0,
        name: reason("m1"),
    };
    let revoke = |subject: u8, name| EntryBody::Revoke {
        subject: identity(subject).key(),
        level: Level::Mute,
        name: reason(name),
        why: reason(""),
        cuts: List::NONE,
        kept: List::NONE,
    };
    hall.write(0, &host(2), now);
    hall.pass(2_000);
    let deeds = |hall: &Hall, node: usize| -> Vec<Deed> {
        let deed = |event: &Event| match event {
            Event::Message { kind: Kind::Deed(_, deed), .. } => Some(deed.clone()),
            _ => None,
        };
        hall.nodes[node].events.iter().filter_map(deed).collect()
    };
    hall.write(1, &revoke(1, "hedy"), now);
    hall.write(1, &revoke(2, "m1"), now);
    hall.write(1, &EntryBody::End { why: reason("enough") }, now);
    hall.write(2, &revoke(4, "m3"), now);
    hall.pass(2_000);
    for node in 0..4 {
        assert_eq!(deeds(&hall, node), [Deed::MakeHost("m1".to_string())], "node {node}");
    }
    hall.write(1, &revoke(4, "m3"), now);
    hall.pass(2_000);
    for node in 0..4 {
        assert_eq!(deeds(&hall, node).last(), Some(&Deed::Revoke("m3".to_string(), Level::Mute)), "node {node}");
        assert_eq!(deeds(&hall, node).len(), 2, "node {node}");
    }
}
