//! Links: one a pair, whatever happens.

use alloc::string::{String, ToString as _};
use alloc::vec;

use super::hall::{Hall, at, identity, said_who};
use crate::charter::Admission;
use crate::code::Code;
use crate::command::{Command, With};
use crate::event::{Event, State};
use crate::id::Hash;
use crate::limits;
use crate::machine::Machine as _;
use crate::rule::Rule;
use crate::wire::entry::Whereabouts;
use crate::wire::field::List;
use crate::wire::field::encode_items;
use crate::wire::meeting::{Digest, Fetch, Lane, Links, Range, Row};
use crate::wire::option::Options;
use crate::wire::session::Purpose;

/// Two of one room, the one with the smaller key first.
fn sorted(one: usize, other: usize) -> [usize; 2] {
    let key = |node: usize| identity(node as u8 + 1).key();
    if key(one) < key(other) { [one, other] } else { [other, one] }
}

#[test]
fn mesh_4_of_two_links_the_smaller_key_closes_the_older() {
    let [small, large] = sorted(0, 1);
    let mut hall = Hall::of(2);
    let older = [hall.between(small, large)[0], hall.between(large, small)[0]];
    // The larger has dialled again: it may not know the older link any more.
    let started_ms = hall.nodes[large].machine.newcomer.me.started_ms;
    let newer = hall.knocker(small, identity(large as u8 + 1).key(), started_ms);
    assert!(hall.nodes[small].closed.contains(&(older[0], Code::Duplicate, None)));
    assert!(hall.sent_on(small, newer).contains(&"WELCOME"));
    // The other way round, the larger key leaves both.
    let mut hall = Hall::of(2);
    let started_ms = hall.nodes[small].machine.newcomer.me.started_ms;
    let newer = hall.knocker(large, identity(small as u8 + 1).key(), started_ms);
    assert_eq!(hall.nodes[large].closed, []);
    hall.say(large, "on the newest");
    assert!(hall.sent_on(large, newer).contains(&"WELCOME"));
}

#[test]
fn revoke_1_whoever_shows_the_only_other_member_out_stays() {
    let mut hall = Hall::of(2);
    hall.command(0, Command::Kick { name: "m1".to_string(), why: "noise".to_string(), with: With::default() });
    assert_eq!((hall.closed_with(0), hall.closed_with(1)), (None, Some(Code::Kicked)));
    let third = hall.join("m2");
    assert_eq!(hall.closed_with(third), None, "the room goes on");
}

#[test]
fn mesh_21_nobody_shows_the_founder_out() {
    for code in [Code::Kicked, Code::Banned, Code::Ended] {
        let mut hall = Hall::of(2);
        hall.part(0, 1);
        let link = hall.knocker(0, identity(2).key(), u64::MAX);
        hall.down(0, link, code);
        assert_eq!(hall.closed_with(0), None, "{code}");
    }
}

#[test]
fn mesh_22_who_was_shown_out_and_let_in_again_meanwhile_stays() {
    let mut hall = Hall::of(3);
    [(0, 2), (1, 2)].into_iter().for_each(|(one, other)| hall.part(one, other));
    hall.command(0, Command::Kick { name: "m2".to_string(), why: "noise".to_string(), with: With::default() });
    hall.command(0, Command::Unban { name: "m2".to_string() });
    hall.pass(100);
    assert!(!hall.states(1).iter().any(|(name, _)| name == "m2"), "it has not come since");
    hall.blocked.clear();
    hall.pass(10_000);
    assert_eq!(hall.closed_with(2), None, "the grant came with the revoke");
    assert_eq!(hall.states(1).into_iter().filter(|(_, state)| *state == State::Linked).count(), 2);
    hall.say(2, "here again");
    hall.pass(1_000);
    assert_eq!(hall.texts(1).last().map(String::as_str), Some("here again"));
}

#[test]
fn mesh_22_and_roster_8_a_lock_shuts_out_whom_a_junior_let_in_at_the_same_time() {
    let mut hall = Hall::of(2);
    hall.part(0, 1);
    hall.command(0, Command::Lock);
    let mut config = hall.config(2, "m2");
    config.newcomer.addresses = alloc::vec![at(1).to_string()];
    let late = hall.start(config);
    hall.blocked.insert((late, 0));
    hall.pass(1_000);
    assert!(hall.states(late).len() > 1, "the junior does not know of the lock");
    hall.blocked.remove(&(0, 1));
    hall.blocked.remove(&(1, 0));
    hall.pass(12_000);
    assert_eq!(hall.closed_with(late), Some(Code::Locked));
    assert_eq!(hall.states(1).len(), 2, "nobody else sees it");
}

#[test]
fn join_10_the_later_run_of_a_key_stays() {
    let mut hall = Hall::of(2);
    let (key, started_ms) = (identity(2).key(), hall.nodes[1].machine.newcomer.me.started_ms);
    let earlier = hall.stranger(0, key, Purpose::MESH, started_ms - 1);
    assert!(hall.nodes[0].closed.contains(&(earlier, Code::Superseded, Some(Rule::Join10))));
    let link = hall.between(0, 1)[0];
    hall.knocker(0, key, started_ms + 1);
    assert!(hall.nodes[0].closed.contains(&(link, Code::Superseded, Some(Rule::Join10))));
    assert_eq!(hall.closed_with(1), Some(Code::Superseded), "nobody else says otherwise");
}

#[test]
fn mesh_5_a_missing_link_is_dialled_for_ever() {
    let mut hall = Hall::of(3);
    hall.part(0, 1);
    assert!(hall.states(0).contains(&("m1".to_string(), State::Bridged)));
    let dialled = hall.nodes[0].dialled + hall.nodes[1].dialled;
    hall.pass(600_000);
    let often = hall.nodes[0].dialled + hall.nodes[1].dialled - dialled;
    assert!((40..120).contains(&often), "{often} dials in ten minutes");
    hall.blocked.clear();
    hall.pass(limits::TRY_INTERVAL.as_millis() as u64 + 1_000);
    assert_eq!(hall.between(0, 1).len(), 1);
    assert!(hall.states(0).contains(&("m1".to_string(), State::Linked)));
    let unlinked = hall.nodes[0].events.iter().filter(|event| matches!(event, Event::Unlinked { .. })).count();
    assert_eq!(unlinked, 1, "shown once, to the two alone");
    assert!(!hall.nodes[2].events.iter().any(|event| matches!(event, Event::Unlinked { .. })));
}

#[test]
fn mesh_5_whose_door_led_to_a_room_that_is_kept_is_dialled_for_ever_too() {
    let mut hall = Hall::of(2);
    hall.part(0, 1);
    hall.blocked.clear();
    hall.elsewhere(1, "m1", 0);
    hall.pass(6_000);
    assert_eq!(hall.between(0, 1).len(), 1);
    hall.part(0, 1);
    let dialled = hall.nodes[1].dialled;
    hall.pass(60_000);
    assert_ne!(hall.nodes[1].dialled, dialled, "nobody was there once");
}

#[test]
fn join_10_what_an_earlier_run_has_offered_is_not_expected_of_a_later_one() {
    let (mut hall, key) = (Hall::new(Admission::Open), identity(9).key());
    let [earlier, later] = [5, 6].map(|started_ms| {
        let link = hall.knocker(0, key, started_ms);
        let row = Row { author: key, session: 5, lane: Lane::PERSON, first: 2, next: 3, head: Hash([1; 32]) };
        let (count, rows) = encode_items((started_ms == 5).then_some(row), 1);
        hall.frame(0, link, 0, Digest { rows: List::over(count, &rows), options: Options::NONE });
        assert_eq!(hall.nodes[0].machine.replica.lacks(|_, _| true), started_ms == 5, "of run {started_ms}");
        link
    });
    assert_eq!(hall.nodes[0].closed, [(earlier, Code::Superseded, Some(Rule::Join10))]);
    assert!(hall.sent_on(0, later).contains(&"WELCOME"));
}

#[test]
fn mesh_5_a_quiet_room_does_nothing() {
    let mut hall = Hall::of(4);
    hall.pass(10_000);
    assert!(hall.nodes.iter().all(|node| node.machine.poll_timeout().is_none()), "nothing is due");
    assert!((0..4).all(|one| (0..4).all(|other| hall.between(one, other).len() == usize::from(one != other))));
}

#[test]
fn mesh_16_everybody_knows_who_is_linked_with_whom() {
    let mut hall = Hall::of(3);
    hall.part(0, 1);
    assert!(hall.states(0).contains(&("m1".to_string(), State::Bridged)));
    hall.part(2, 1);
    hall.pass(1_500);
    assert!(hall.states(0).contains(&("m1".to_string(), State::Away)), "node 2 has told that it lost it too");
    let link = hall.between(0, 2)[0];
    let (count, keys) = encode_items([identity(2).key()], 1);
    hall.frame(0, link, 0, Links { keys: List::over(count, &keys), options: Options::NONE });
    assert!(hall.states(0).contains(&("m1".to_string(), State::Bridged)));
}

#[test]
fn mesh_16_whoever_is_reached_through_the_older_of_two_links_is_through_the_newer() {
    for (one, other, third) in [(0, 1, 2), (1, 0, 2)] {
        let mut hall = Hall::of(3);
        hall.part(one, third);
        let bridged = |hall: &mut Hall| hall.states(one).iter().any(|(_, state)| *state == State::Bridged);
        assert!(bridged(&mut hall));
        let (older, key) = (hall.between(one, other)[0], identity(other as u8 + 1).key());
        hall.knocker(one, key, hall.nodes[other].machine.newcomer.me.started_ms);
        // Whichever of the two closes it.
        hall.down(one, older, Code::Duplicate);
        assert!(bridged(&mut hall), "{one}");
    }
}

#[test]
fn mesh_8_the_end_reaches_those_who_are_not_linked_with_its_author() {
    let mut hall = Hall::of(4);
    hall.part(0, 1);
    hall.command(0, Command::End);
    for node in 0..4 {
        assert_eq!(hall.closed_with(node), Some(Code::Ended), "node {node}");
    }
    hall.command(1, Command::Users);
}

#[test]
fn mesh_8_and_revoke_1_who_is_shown_out_holds_the_act_and_does_not_come_back() {
    let mut hall = Hall::of(4);
    hall.part(0, 1);
    hall.command(2, Command::Kick { name: "m1".to_string(), why: String::new(), with: With::default() });
    assert_eq!(hall.closed_with(1), None, "only a host shows people out");
    hall.command(0, Command::Kick { name: "m1".to_string(), why: "noise".to_string(), with: With::default() });
    hall.pass(1_000);
    assert_eq!(hall.closed_with(1), Some(Code::Kicked));
    let dialled: usize = hall.nodes.iter().map(|node| node.dialled).sum();
    hall.pass(20_000);
    assert_eq!(dialled, hall.nodes.iter().map(|node| node.dialled).sum::<usize>());
    let eve = hall.knocker(2, identity(2).key(), 99_999);
    assert!(hall.nodes[2].closed.contains(&(eve, Code::Banned, Some(Rule::Join4))));
    hall.command(0, Command::Unban { name: "m1".to_string() });
    hall.pass(1_000);
    let entries = vec![];
    hall.blocked.clear();
    hall.back(1, "m1", entries);
    hall.pass(3_000);
    assert_eq!(hall.closed_with(1), None);
    hall.say(1, "thanks");
    hall.pass(1_000);
    assert_eq!(hall.texts(2), ["thanks"], "{:?}", hall.nodes[1].events);
}

#[test]
fn join_5_a_locked_room_takes_nobody_new_and_lets_members_back() {
    let mut hall = Hall::of(3);
    hall.command(0, Command::Lock);
    let eve = hall.knocker(1, identity(9).key(), 5);
    assert!(hall.nodes[1].closed.contains(&(eve, Code::Locked, Some(Rule::Join5))));
    hall.part(1, 2);
    hall.blocked.clear();
    hall.pass(6_000);
    assert_eq!(hall.between(1, 2).len(), 1);
    hall.command(0, Command::Unlock);
    let eve = hall.knocker(1, identity(9).key(), 5);
    assert!(hall.sent_on(1, eve).contains(&"WELCOME"));
    assert_eq!(hall.admission, Admission::Open);
}

#[test]
fn mesh_26_and_mesh_22_who_is_shown_out_is_served_no_talk_while_acts_are_waited_for() {
    let mut hall = Hall::of(3);
    let eve = hall.knocker(2, identity(9).key(), 5);
    hall.show(2, eve, &said_who(9, 5, "eve", Whereabouts::Here, &[]));
    hall.say(1, "among us");
    hall.pass(1_000);
    let (author, session) = (identity(2).key(), hall.nodes[1].machine.session);
    let fetch = |hall: &mut Hall, id: u32| {
        let (count, items) = encode_items([Range { author, session, lane: Lane::Talk, from: 1, to: 2 }], 1);
        let before = hall.sent_on(2, eve).iter().filter(|name| **name == "ENTRY").count();
        hall.frame(2, eve, id, Fetch { ranges: List::over(count, &items), options: Options::NONE });
        hall.sent_on(2, eve).iter().filter(|name| **name == "ENTRY").count() - before
    };
    assert_eq!(fetch(&mut hall, 77), 1);
    // An act that never comes: what others say is waited for.
    let (lane, first, next, head) = (Lane::Acts, 1, 2, Hash([1; 32]));
    let row = Row { author: identity(1).key(), session: u64::MAX / 2, lane, first, next, head };
    let (count, items) = encode_items([row], 1);
    let link = hall.between(2, 1)[0];
    hall.frame(2, link, 0, Digest { rows: List::over(count, &items), options: Options::NONE });
    hall.command(0, Command::Kick { name: "eve".to_string(), why: String::new(), with: With::default() });
    assert!(hall.nodes[2].closed.iter().all(|(closed, ..)| *closed != eve), "it is not judged yet");
    assert_eq!(fetch(&mut hall, 78), 0);
    hall.pass(2_000);
    assert!(hall.nodes[2].closed.iter().any(|(closed, ..)| *closed == eve));
}
