//! Who is here: what each says of itself last, and nothing else.

use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::hall::{Hall, chain, charter, identity, written};
use crate::charter::Admission;
use crate::code::Code;
use crate::command::Command;
use crate::event::Event;
use crate::id::{Key, LinkId};
use crate::identity::{Ed25519, Identity, Secret};
use crate::limits;
use crate::log::{Held, Log, Record};
use crate::pass::Chain;
use crate::time::{Instant, Now};
use crate::wire::entry::{Carried, Entry, EntryBody, Whereabouts};
use crate::wire::field::{List, Name, encode_items};
use crate::wire::frame;
use crate::wire::meeting::{Digest, Lane, Links, Meeting, Row};
use crate::wire::option::{Manner, Options};
use crate::wire::{Encoded, Frame};

/// Who has come, gone and changed its name, as a node was told.
fn told(hall: &Hall, node: usize) -> Vec<String> {
    let line = |event: &Event| match event {
        Event::Joined { name, .. } => Some(alloc::format!("+{name}")),
        Event::Left { name, .. } => Some(alloc::format!("-{name}")),
        Event::Renamed { old, new, .. } => Some(alloc::format!("{old}>{new}")),
        _ => None,
    };
    hall.nodes[node].events.iter().filter_map(line).collect()
}

fn rename(hall: &mut Hall, node: usize, name: &str) {
    hall.command(node, Command::Name { name: name.to_string() });
}

/// What a key has written of itself in another life.
fn said(number: u8, session: u64, names: &[&str]) -> Vec<Encoded> {
    let (mut log, now) = (Log::new(charter(Admission::Open).meeting, 10), Now { tick: Instant(0), unix_ms: session });
    let mut write = |name| {
        let (whereabouts, name, addresses) = (Whereabouts::Here, Name::new(name).expect("a name"), List::NONE);
        chain(&[1, number]).with_list(|chain| {
            let person = EntryBody::Person { whereabouts, name, addresses, chain, proof: List::NONE };
            log.write(&identity(number), session, &person, now).expect("room").frame.clone()
        })
    };
    names.iter().map(|name| write(name)).collect()
}

fn name_at(hall: &Hall, node: usize, key: Key) -> Option<String> {
    hall.nodes[node].machine.roster.name(&key).map(String::from)
}

/// The entries of registers that a node has sent on a link.
fn registers_sent(hall: &Hall, node: usize, link: LinkId) -> Vec<Encoded> {
    let is_register = |bytes: &&Encoded| {
        let frame = frame::decode(&bytes.0).expect("a frame").frame;
        matches!(frame, Some(Frame::Meeting(Meeting::EntryFrame(entry))) if entry.entry.entry.lane.is_register())
    };
    let sent = hall.nodes[node].sent.iter().filter(|(on, _)| *on == link).map(|(_, bytes)| bytes);
    sent.filter(is_register).cloned().collect()
}

fn persons(records: &[Record]) -> Vec<Key> {
    let entries = records.iter().filter_map(Record::entry).map(|entry| entry.entry);
    entries.filter(|entry| entry.lane == Lane::PERSON).map(|entry| entry.author).collect()
}

#[test]
fn register_4_names_that_change_too_fast_wait_and_the_last_one_comes_though_its_author_has_left() {
    let mut hall = Hall::of(3);
    hall.pass(20_000);
    let before = told(&hall, 0).len();
    (0..20).for_each(|number| rename(&mut hall, 1, &alloc::format!("x{number}")));
    let burst = usize::try_from(limits::REGISTER_BURST).expect("few");
    assert_eq!(told(&hall, 0).len() - before, burst);
    assert_eq!(name_at(&hall, 0, identity(2).key()), Some("x7".to_string()));
    hall.command(1, Command::Quit);
    hall.pass(1_100);
    for node in [0, 2] {
        assert_eq!(told(&hall, node).last().map(|line| line.as_str()), Some("-x7"), "node {node}");
        assert_eq!(hall.states(node).len(), 2, "node {node}");
        assert_eq!(name_at(&hall, node, identity(2).key()), Some("x19".to_string()));
    }
}

#[test]
fn register_7_who_sends_an_older_one_is_sent_the_newer_and_not_for_ever() {
    let mut hall = Hall::of(3);
    hall.pass(20_000);
    let link = hall.between(0, 2)[0];
    let older = said(2, 1, &["old"]);
    let before = registers_sent(&hall, 0, link).len();
    (0..20).for_each(|_| hall.show(0, link, &older));
    let sent = registers_sent(&hall, 0, link).split_off(before);
    let burst = usize::try_from(limits::REGISTER_BURST).expect("few");
    let held = hall.nodes[0].machine.replica.log.register(identity(2).key(), Lane::PERSON).expect("a name");
    assert_eq!(sent, alloc::vec![held.frame.clone(); burst]);
    hall.pass(1_000);
    hall.show(0, link, &older);
    assert_eq!(registers_sent(&hall, 0, link).len() - before, burst + 1);
    assert!(hall.nodes[0].closed.is_empty());
}

#[test]
fn register_3_who_meets_its_own_newer_word_goes_above_it_and_a_row_alone_is_none() {
    let mut hall = Hall::of(3);
    let (link, key) = (hall.between(1, 0)[0], identity(2).key());
    let session = hall.nodes[1].machine.session;
    let row = Row {
        author: key,
        session: session + 9,
        lane: Lane::PERSON,
        first: 1,
        next: 2,
        head: crate::id::Hash([1; 32]),
    };
    let (count, rows) = encode_items([row], 1);
    hall.frame(1, link, 0, Digest { rows: List::over(count, &rows), options: Options::NONE });
    hall.pass(60_000);
    assert_eq!(hall.nodes[1].machine.session, session, "nobody has brought it");
    hall.show(1, link, &said(2, session + 9, &["clone"]));
    hall.pass(3_000);
    assert!(hall.nodes[1].machine.session > session + 9);
    for node in 0..3 {
        assert_eq!(name_at(&hall, node, key), Some("m1".to_string()), "node {node}");
        assert_eq!(hall.states(node).len(), 3, "node {node}");
    }
    hall.say(1, "still me");
    assert_eq!(hall.texts(2), ["still me"]);
}

#[test]
fn register_8_of_two_runs_that_outbid_each_other_one_leaves() {
    let mut hall = Hall::of(3);
    let link = hall.between(1, 0)[0];
    let outbid = |hall: &mut Hall| {
        let session = hall.nodes[1].machine.session + 1;
        hall.show(1, link, &said(2, session, &["clone"]));
    };
    (0..2).for_each(|_| outbid(&mut hall));
    hall.pass(60_000);
    (0..2).for_each(|_| outbid(&mut hall));
    assert_eq!(hall.closed_with(1), None, "twice in a minute");
    outbid(&mut hall);
    assert_eq!(hall.closed_with(1), Some(Code::Superseded));
    let gone = told(&hall, 0).iter().any(|line| line == "-m1");
    assert!(!gone, "it says nothing of the other run");
}

/// What somebody of whom nobody has heard says of itself: let in by the founder, or by nobody.
fn stranger(number: u16, session: u64, is_let_in: bool) -> (Key, Encoded) {
    let mut secret = [0x77; 32];
    secret[..2].copy_from_slice(&number.to_be_bytes());
    let us = Identity::new(Secret(secret), Arc::new(Ed25519));
    let meeting = charter(Admission::Open).meeting;
    let pass = Chain::default().and(us.key(), 0, Manner::Unasked, meeting, &identity(1));
    let chain = if is_let_in { pass } else { Chain::default() };
    let (whereabouts, name, addresses) = (Whereabouts::Here, Name::new("eve").expect("a name"), List::NONE);
    let frame = chain.with_list(|chain| {
        let person = EntryBody::Person { whereabouts, name, addresses, chain, proof: List::NONE };
        written(&us, session, &[person]).remove(0)
    });
    (us.key(), frame)
}

#[test]
fn register_9_of_strangers_so_many_are_known_the_seated_first_and_then_the_newest() {
    let mut hall = Hall::of(2);
    hall.say(1, "hello");
    hall.pass(1_000);
    let link = hall.between(0, 1)[0];
    let most = u16::try_from(limits::PEOPLE_MAX).expect("few");
    let show = |hall: &mut Hall, (key, frame): (Key, Encoded)| {
        hall.show(0, link, &[frame]);
        hall.nodes[0].machine.replica.log.register(key, Lane::PERSON).is_some()
    };
    let seated = stranger(0, 1, true);
    let seated_key = seated.0;
    assert!(show(&mut hall, seated));
    for number in 1..most {
        assert!(show(&mut hall, stranger(number, 100 + u64::from(number), false)));
    }
    let is_person = |held: &&Arc<Held>| held.lane() == Lane::PERSON;
    let known = |hall: &Hall| hall.nodes[0].machine.replica.log.registers().filter(is_person).count();
    assert_eq!(known(&hall), usize::from(most) + 2, "and those whom it has met");
    let older = stranger(9_000, 99, false).0;
    assert!(!show(&mut hall, stranger(9_000, 99, false)), "an older one");
    let row = |session, next| Row {
        author: older,
        session,
        lane: Lane::PERSON,
        first: next - 1,
        next,
        head: crate::id::Hash([1; 32]),
    };
    for (row, is_asked) in [(row(99, 2), false), (row(99, 3), true)] {
        let (count, rows) = encode_items([row], 1);
        hall.frame(0, link, 0, Digest { rows: List::over(count, &rows), options: Options::NONE });
        assert_eq!(hall.nodes[0].machine.replica.lacks(|_, _| true), is_asked, "it is known to be of no use");
    }
    assert!(show(&mut hall, stranger(9_001, 9_000, false)), "a newer one");
    assert!(show(&mut hall, stranger(9_002, 2, true)), "one that has a seat");
    assert_eq!(known(&hall), usize::from(most) + 2);
    assert!(hall.nodes[0].machine.roster.is_seated(&seated_key));
    // Whom this node has something to do with is none of those.
    hall.part(0, 1);
    assert!(hall.nodes[0].machine.replica.log.register(identity(2).key(), Lane::PERSON).is_some());
}

#[test]
fn register_9_who_was_let_go_of_is_asked_for_when_somebody_here_names_it_or_offers_what_it_has_said() {
    let mut hall = Hall::of(2);
    let link = hall.between(0, 1)[0];
    let most = u16::try_from(limits::PEOPLE_MAX).expect("few");
    (0..most).for_each(|number| hall.show(0, link, &[stranger(number, 100 + u64::from(number), false).1]));
    let gone = [9_000, 9_001].map(|number| stranger(number, 50, false));
    gone.iter().for_each(|(_, frame)| hall.show(0, link, core::slice::from_ref(frame)));
    let wanted = |hall: &Hall, key: Key| {
        hall.nodes[0].machine.replica.lacks(|_, id| (id.author, id.lane) == (key, Lane::PERSON))
    };
    assert!(gone.iter().all(|(key, _)| !wanted(&hall, *key)), "both were let go of");
    let (count, keys) = encode_items([gone[0].0], 1);
    hall.frame(0, link, 0, Links { keys: List::over(count, &keys), options: Options::NONE });
    assert!(wanted(&hall, gone[0].0), "it is with somebody who is here");
    let head = crate::id::Hash([1; 32]);
    let said = Row { author: gone[1].0, session: 50, lane: Lane::Talk, first: 1, next: 2, head };
    let (count, rows) = encode_items([said], 1);
    hall.frame(0, link, 0, Digest { rows: List::over(count, &rows), options: Options::NONE });
    assert!(wanted(&hall, gone[1].0), "it has said something");
}

#[test]
fn register_6_what_stands_on_a_lane_that_nobody_knows_is_passed_on_and_not_shown() {
    let mut hall = Hall::of(3);
    let events: Vec<usize> = hall.nodes.iter().map(|node| node.events.len()).collect();
    let link = hall.between(0, 1)[0];
    let (ann, meeting) = (identity(2), charter(Admission::Open).meeting);
    let hand = {
        let frame = said(2, 7, &["x"]).remove(0);
        let Carried { entry, body, .. } = crate::log::entry_of(&frame).expect("an entry");
        let (entry, body) = (Entry { lane: Lane::Register(3), kind: 0x0300, ..entry }, body.bytes().expect("a body"));
        let entry = crate::log::signed(&ann, crate::identity::Domain::Entry, meeting, entry, body);
        Frame::from(crate::wire::meeting::EntryFrame { entry, options: Options::NONE })
            .encode(crate::id::RequestId::EVENT)
    };
    hall.show(0, link, core::slice::from_ref(&hand));
    hall.pass(5_000);
    let late = hall.join("late");
    hall.pass(3_000);
    for node in [0, 2, late] {
        let held = hall.nodes[node].machine.replica.log.register(ann.key(), Lane::Register(3));
        assert_eq!(held.map(|held| held.frame.clone()), Some(hand.clone()), "node {node}");
        assert!(hall.nodes[node].closed.is_empty(), "node {node}");
    }
    let shown = |event: &&Event| matches!(event, Event::Message { .. } | Event::Warning(_));
    for (node, before) in events.iter().enumerate() {
        assert_eq!(hall.nodes[node].events[*before..].iter().filter(shown).count(), 0, "node {node}");
    }
}

/// Session and lane of each register of these nodes that nobody here knows; all are the founder's.
fn unknown(hall: &Hall, node: usize) -> Vec<(u64, Lane)> {
    let registers = hall.nodes[node].machine.replica.log.registers().filter(|held| held.lane() != Lane::PERSON);
    registers
        .inspect(|held| assert_eq!(held.id.author, identity(1).key()))
        .map(|held| (held.id.session, held.lane()))
        .collect()
}

#[test]
fn ext_5_in_each_room_there_is_one_register_that_nobody_knows_written_once_a_run_of_its_founders() {
    let mut hall = Hall::of(3);
    let founded = unknown(&hall, 0);
    assert!(matches!(founded.as_slice(), [(_, lane)] if lane.is_grease()), "{founded:?}");
    for node in [1, 2] {
        assert_eq!(unknown(&hall, node), founded, "node {node}: it is asked for and kept like any other");
    }
    let records = hall.nodes[0].stored.clone();
    [1, 2].into_iter().for_each(|other| hall.part(0, other));
    hall.blocked.clear();
    hall.back(0, "hedy", records);
    hall.pass(10_000);
    let again = unknown(&hall, 0);
    assert!(matches!(again.as_slice(), [(session, lane)] if (*session, *lane) > founded[0]), "{again:?}");
    for node in [1, 2] {
        assert_eq!(unknown(&hall, node), again, "node {node}");
        assert!(hall.nodes[node].closed.is_empty(), "node {node}");
    }
}

#[test]
fn mesh_18_who_changes_its_name_while_cut_off_has_it_with_all_once_it_is_back() {
    let mut hall = Hall::of(3);
    [0, 2].into_iter().for_each(|other| hall.part(1, other));
    for name in ["anna", "ann"] {
        rename(&mut hall, 1, name);
    }
    hall.pass(2_000);
    hall.blocked.clear();
    hall.pass(10_000);
    for node in [0, 2] {
        let renames: Vec<String> = told(&hall, node).into_iter().filter(|line| line.contains('>')).collect();
        assert_eq!(renames, ["m1>ann"], "node {node}: what was in between is nobody's");
    }
}

#[test]
fn mesh_18_two_halves_of_a_room_with_new_names_in_both_agree_afterwards() {
    let mut hall = Hall::of(6);
    for (one, other) in (0..3).flat_map(|one| (3..6).map(move |other| (one, other))) {
        hall.part(one, other);
    }
    for node in 0..6 {
        rename(&mut hall, node, &alloc::format!("n{node}"));
    }
    hall.command(2, Command::Quit);
    hall.command(5, Command::Quit);
    hall.pass(5_000);
    hall.blocked.clear();
    hall.pass(10_000);
    for node in [0, 1, 3, 4] {
        let mut names: Vec<String> = hall.states(node).into_iter().map(|(name, _)| name).collect();
        names.sort();
        assert_eq!(names, ["n0", "n1", "n3", "n4"], "node {node}");
        let left = told(&hall, node).iter().filter(|line| line.starts_with('-')).count();
        assert_eq!(left, 2, "node {node}: {:?}", told(&hall, node));
    }
}

#[test]
fn mesh_18_a_name_that_was_written_and_not_sent_goes_out_in_the_next_run() {
    let mut hall = Hall::of(3);
    // It is on the disk, and nobody has it.
    [0, 2].into_iter().for_each(|other| hall.part(1, other));
    rename(&mut hall, 1, "anna");
    let records = hall.nodes[1].stored.clone();
    hall.blocked.clear();
    hall.back(1, "anna", records);
    hall.pass(5_000);
    for node in [0, 2] {
        assert_eq!(told(&hall, node).last().map(|line| line.as_str()), Some("m1>anna"), "node {node}");
        assert_eq!(hall.states(node).len(), 3, "node {node}");
    }
}

#[test]
fn register_1_a_day_of_coming_and_going_leaves_one_word_of_each() {
    const MEMBERS: usize = 20;
    const TURNS: usize = 2_000;
    let mut hall = Hall::of(MEMBERS);
    let acts = persons_and_acts(&hall, 0).1;
    let (mut random, mut gone) = (crate::random::Random::new([7; 32]), None::<usize>);
    for turn in 0..TURNS {
        let node = usize::try_from(random.below(19)).expect("small") + 1;
        if let Some(away) = gone.take_if(|_| turn % 10 == 9) {
            let records = core::mem::take(&mut hall.nodes[away].stored);
            // A disk is written anew now and then.
            let log = Log::restored(charter(Admission::Open).meeting, limits::TALK_ENTRIES_MAX, records);
            hall.back(away, &alloc::format!("m{away}"), log.records().collect());
        } else if turn % 10 == 5 {
            hall.command(node, Command::Quit);
            gone = Some(node);
        } else if gone != Some(node) {
            rename(&mut hall, node, &alloc::format!("t{turn}"));
        }
        if turn % 5 == 4 {
            hall.pass(1_000);
            hall.nodes.iter_mut().for_each(|node| (node.sent, node.events) = (Vec::new(), Vec::new()));
        }
    }
    hall.pass(20_000);
    let late = hall.join("late");
    hall.pass(5_000);
    let mut came = persons(&hall.nodes[late].stored);
    let all = came.len();
    came.sort_unstable();
    came.dedup();
    assert_eq!((came.len(), all), (MEMBERS + 1, MEMBERS + 1), "one of each, itself too");
    let here = MEMBERS + 1 - usize::from(gone.is_some());
    assert_eq!(hall.states(late).len(), here);
    assert_eq!(told(&hall, late), [""; 0], "who came and went meanwhile is nobody's matter");
    assert_eq!((persons_and_acts(&hall, late).1, acts), (0, 0), "and not an act was added");
}

/// How many PERSONs and acts a node holds.
fn persons_and_acts(hall: &Hall, node: usize) -> (usize, usize) {
    let log = &hall.nodes[node].machine.replica.log;
    (log.registers().count(), log.acts().count())
}
