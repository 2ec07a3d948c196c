//! Who knocks at a room with a lobby.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::hall::{Hall, at, identity};
use crate::charter::Admission;
use crate::code::Code;
use crate::command::Command;
use crate::event::{Ending, Event, Notice, State};
use crate::id::{Key, LinkId};
use crate::rule::Rule;
use crate::wire::option::OptionsBuffer;
use crate::wire::session::Purpose;

fn admit(hall: &mut Hall, name: &str) {
    hall.command(0, Command::Admit { name: (name != "all").then(|| name.to_string()) });
}

fn deny(hall: &mut Hall, name: &str, why: &str) {
    hall.command(0, Command::Deny { name: name.to_string(), why: why.to_string() });
}

fn knocks(hall: &Hall) -> Vec<(String, String)> {
    let knock = |event: &Event| match event {
        Event::Knock { name, note, .. } => Some((name.clone(), note.clone())),
        _ => None,
    };
    hall.nodes[0].events.iter().filter_map(knock).collect()
}

fn positions(hall: &Hall, node: usize) -> Vec<u16> {
    let position = |event: &Event| if let Event::Waiting { position } = event { Some(*position) } else { None };
    hall.nodes[node].events.iter().filter_map(position).collect()
}

fn are_linked(hall: &mut Hall, nodes: &[usize]) {
    for node in nodes {
        let states = hall.states(*node);
        assert_eq!(states.len(), nodes.len(), "{states:?}");
        assert!(states.iter().all(|(_, state)| matches!(state, State::You | State::Linked)), "{states:?}");
    }
}

#[test]
fn lobby_1_whoever_knocks_at_a_room_waits_until_its_host_lets_it_in() {
    let mut hall = Hall::new(Admission::Lobby);
    let mut config = hall.config(1, "anna");
    config.newcomer.note = "from next door".to_string();
    let anna = hall.start(config);
    let (bea, cleo) = (hall.join("bea"), hall.join("cleo"));
    hall.pass(60_000);
    assert_eq!(knocks(&hall)[0], ("anna".to_string(), "from next door".to_string()));
    assert_eq!([anna, bea, cleo].map(|node| positions(&hall, node)), [[1], [2], [3]]);
    admit(&mut hall, "bea");
    hall.pass(3_000);
    are_linked(&mut hall, &[0, bea]);
    assert_eq!([anna, cleo].map(|node| positions(&hall, node)), [[1].to_vec(), [3, 2].to_vec()]);
    admit(&mut hall, "all");
    hall.pass(3_000);
    are_linked(&mut hall, &[0, anna, bea, cleo]);
    admit(&mut hall, "all");
    assert_eq!(hall.errors(0).pop(), Some("no_such_name"));
}

#[test]
fn lobby_2_and_mesh_2_who_waits_hears_nothing_of_the_room_and_says_nothing() {
    let mut hall = Hall::new(Admission::Lobby);
    let eve = hall.knocker(0, identity(9).key(), 5);
    hall.say(0, "among us");
    hall.pass(30_000);
    assert_eq!(hall.sent_on(0, eve), ["WAITING"]);
    hall.join_on(0, eve, &OptionsBuffer::default());
    assert_eq!(hall.nodes[0].closed, [(eve, Code::Unexpected, Some(Rule::Join1))]);
    hall.pass(2_000);
    assert_eq!(hall.nodes[0].machine.lobby.links(), Vec::<LinkId>::new());
}

#[test]
fn lobby_6_a_newcomer_that_is_denied_is_told_why_and_stays_away() {
    let mut hall = Hall::new(Admission::Lobby);
    let anna = hall.join("anna");
    deny(&mut hall, "anna", "members only");
    let closed = Event::Closed { code: Code::Denied, ending: Ending::Denied("members only".to_string()) };
    assert_eq!(hall.nodes[anna].events.last(), Some(&closed));
    assert!(!hall.nodes[0].events.iter().any(|event| matches!(event, Event::Joined { .. } | Event::Left { .. })));
    let gone = |name: &str| Event::Warning(Notice::LeftLobby(name.to_string()));
    assert!(hall.nodes[0].events.contains(&gone("anna")));
    deny(&mut hall, "anna", "");
    assert_eq!(hall.errors(0).pop(), Some("no_such_name"));
    // About whom nobody decides.
    let bea = hall.join("bea");
    hall.pass(3_600_000);
    assert_eq!(hall.closed_with(bea), Some(Code::Denied));
    assert!(hall.nodes[0].events.contains(&gone("bea")));
}

#[test]
fn lobby_7_one_place_a_key_and_no_name_twice() {
    let mut hall = Hall::new(Admission::Lobby);
    let links: Vec<LinkId> = [9, 10].map(|seed| hall.stranger(0, identity(seed).key(), Purpose::MESH, 5)).into();
    links.iter().for_each(|link| hall.join_on(0, *link, &OptionsBuffer::default()));
    let earlier = hall.knocker(0, identity(9).key(), 4);
    assert_eq!(hall.nodes[0].closed.last(), Some(&(earlier, Code::Superseded, Some(Rule::Join10))));
    let again = hall.knocker(0, identity(9).key(), 6);
    assert_eq!(hall.nodes[0].closed.last(), Some(&(links[0], Code::Superseded, Some(Rule::Join10))));
    assert_eq!(hall.nodes[0].machine.lobby.links(), [links[1], again]);
    let all = hall.join("All");
    assert_eq!(hall.nodes[all].machine.newcomer.me.name, "All-2", "the word is taken");
    let mut config = hall.config(hall.nodes.len(), "all-2");
    config.newcomer.name_is_chosen = true;
    let taken = hall.start(config);
    assert_eq!(hall.closed_with(taken), Some(Code::NameTaken));
}

#[test]
fn lobby_8_who_is_no_host_sends_to_one() {
    let mut hall = Hall::new(Admission::Lobby);
    let anna = hall.join("anna");
    admit(&mut hall, "anna");
    hall.pass(3_000);
    let mut config = hall.config(2, "bea");
    config.newcomer.addresses = alloc::vec![at(1).to_string()];
    let bea = hall.start(config);
    assert_eq!(hall.closed_with(bea), Some(Code::NotHost));
    assert_eq!(hall.nodes[anna].closed.last().map(|(_, _, rule)| *rule), Some(Some(Rule::Lobby8)));
    hall.command(anna, Command::Admit { name: None });
    assert_eq!(hall.errors(anna).pop(), Some("not_host"));
    let mut open = Hall::new(Admission::Open);
    admit(&mut open, "all");
    assert_eq!(open.errors(0).pop(), Some("no_lobby"));
}

#[test]
fn lobby_4_and_lobby_10_a_crowd_of_few_sources_keeps_nobody_else_out() {
    let mut hall = Hall::new(Admission::Lobby);
    let mut crowd = Vec::new();
    for number in 0..=255 {
        hall.from = [10, 0, 0, number / 64];
        if number == 64 {
            hall.from = [10, 0, 0, 0];
            let refused = hall.knocker(0, Key([number; 32]), 5);
            assert_eq!(hall.nodes[0].closed, [(refused, Code::Full, Some(Rule::Lobby10))]);
            hall.from = [10, 0, 0, 1];
        }
        crowd.push(hall.knocker(0, Key([number; 32]), 5));
    }
    assert_eq!(hall.nodes[0].machine.lobby.links(), crowd);
    hall.from = [10, 0, 0, 9];
    let anna = hall.join("anna");
    assert_eq!(hall.nodes[0].closed.last(), Some(&(crowd[255], Code::Full, Some(Rule::Lobby4))));
    assert!(hall.nodes[0].events.contains(&Event::Warning(Notice::LeftLobby("eve-255".to_string()))));
    assert_eq!(knocks(&hall).last(), Some(&("anna".to_string(), String::new())));
    admit(&mut hall, "anna");
    hall.pass(3_000);
    are_linked(&mut hall, &[0, anna]);
}

#[test]
fn lobby_11_a_name_that_has_changed_hands_lets_nobody_in_and_the_keys_digits_do() {
    let mut hall = Hall::new(Admission::Lobby);
    let anna = hall.join("anna");
    hall.command(anna, Command::Quit);
    hall.pass(1_000);
    let other = hall.join("anna");
    admit(&mut hall, "anna");
    deny(&mut hall, "anna", "");
    assert_eq!(hall.errors(0), ["changed_hands", "changed_hands"]);
    let digits = hall.nodes[other].machine.us.key().to_hex();
    admit(&mut hall, &digits[..8]);
    hall.pass(3_000);
    are_linked(&mut hall, &[0, other]);
}

#[test]
fn who_was_let_in_once_comes_back_without_a_knock_and_a_lock_keeps_who_waits() {
    let mut hall = Hall::new(Admission::Lobby);
    let (anna, bea) = (hall.join("anna"), hall.join("bea"));
    admit(&mut hall, "anna");
    hall.pass(3_000);
    hall.command(0, Command::Lock);
    let cleo = hall.join("cleo");
    assert_eq!(hall.closed_with(cleo), Some(Code::Locked));
    admit(&mut hall, "bea");
    hall.pass(3_000);
    are_linked(&mut hall, &[0, anna, bea]);
    hall.part(0, anna);
    hall.blocked.clear();
    hall.pass(6_000);
    are_linked(&mut hall, &[0, anna, bea]);
    assert_eq!(knocks(&hall).len(), 2);
}
