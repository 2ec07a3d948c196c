//! Whom a member dials because somebody has told it to.

use alloc::format;
use alloc::string::ToString as _;
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::hall::{Hall, at, identity, said_who};
use crate::code::Code;
use crate::event::State;
use crate::limits;
use crate::machine::Machine as _;
use crate::wire::entry::Whereabouts;

/// Where nobody is who knows of the room.
fn elsewhere(number: u8) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, number], 7_473))
}

/// Somebody comes into the room at node 0, says in a new session that it is at these addresses, and is cut off.
fn point(hall: &mut Hall, number: u8, session: u64, addresses: &[SocketAddr]) {
    let link = hall.knocker(0, identity(number).key(), 5);
    hall.show(0, link, &said_who(number, session, &format!("eve{number}"), Whereabouts::Here, addresses));
    hall.down(0, link, Code::Cut);
}

/// At how many addresses node 0 has tried somebody since.
fn tried(hall: &mut Hall) -> usize {
    core::mem::take(&mut hall.nodes[0].tried).len()
}

#[test]
fn dial_6_a_room_that_is_pointed_to_somebody_dials_seldom_and_newcomers_first() {
    let mut hall = Hall::of(2);
    tried(&mut hall);
    for number in 10..51 {
        point(&mut hall, number, 1, &[1, 2, 3].map(elsewhere));
    }
    hall.pass(10_000);
    let often = tried(&mut hall);
    assert!((130..=145).contains(&often), "{often} in the first ten seconds");
    hall.pass(10_000);
    let often = tried(&mut hall);
    assert!((79..=81).contains(&often), "{often} in the next");
    let newcomer = hall.join("dora");
    hall.pass(1_500);
    assert_eq!(hall.between(newcomer, 0).len() + hall.between(newcomer, 1).len(), 2, "she is linked with both");
    hall.part(0, newcomer);
    hall.blocked.clear();
    hall.pass(2_000);
    assert_eq!(hall.between(newcomer, 0).len(), 1, "and again");
    hall.pass(300_000);
    tried(&mut hall);
    hall.pass(600_000);
    let often = tried(&mut hall);
    assert!((380..=440).contains(&often), "{often}: each of 41 keys once a minute, whatever it has told");
}

#[test]
fn dial_5_whoever_says_something_new_all_the_time_is_tried_no_more_often() {
    let mut hall = Hall::of(2);
    tried(&mut hall);
    for round in 0..50 {
        point(&mut hall, 10, 1 + u64::from(round), &[elsewhere(round)]);
        hall.pass(1_000);
    }
    assert_eq!(tried(&mut hall), 15);
}

#[test]
fn dial_4_where_somebody_was_met_it_is_met_again_within_a_quarter_of_the_time_that_it_was_away() {
    for away in [1_000, 60_000, 600_000, 86_400_000] {
        let mut hall = Hall::of(2);
        hall.blocked.insert((0, 1));
        hall.part(0, 1);
        hall.pass(away);
        hall.blocked.remove(&(1, 0));
        hall.pass((away / 4).clamp(5_500, 300_500));
        assert_eq!(hall.between(0, 1).len(), 1, "{away} ms");
    }
}

#[test]
fn dial_4_whoever_has_no_link_left_knows_when_it_tries_again() {
    let mut hall = Hall::of(3);
    hall.part(0, 1);
    assert_eq!(hall.nodes[0].machine.tries_again(), None, "one is left");
    hall.blocked.extend([(0, 1), (0, 2)]);
    hall.part(0, 2);
    for _ in 0..20 {
        let next = hall.nodes[0].machine.tries_again().expect("it is alone");
        let before = hall.nodes[0].dialled;
        hall.pass(u64::try_from(next.since(hall.now.tick).as_millis()).expect("it is soon").saturating_sub(1));
        assert_eq!(hall.nodes[0].dialled, before, "not before");
        hall.pass(2);
        assert!(hall.nodes[0].dialled > before);
    }
}

#[test]
fn dial_4_whoever_is_said_to_be_there_is_not_waited_for() {
    let mut hall = Hall::of(3);
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        hall.part(one, other);
    }
    hall.pass(3_600_000);
    hall.blocked.retain(|pair| *pair != (1, 0) && *pair != (1, 2) && *pair != (2, 1));
    while hall.between(1, 2).is_empty() || hall.between(1, 0).is_empty() {
        hall.pass(1_000);
    }
    hall.blocked.clear();
    // Node 1 has told node 0 and node 2 of each other; they were met by nobody, or met once.
    hall.pass(61_000);
    assert!(hall.states(0).contains(&("m2".into(), State::Linked)));
}

#[test]
fn address_4_nobody_is_dialled_where_only_neighbours_are_or_at_a_port_of_the_system() {
    let mut hall = Hall::of(2);
    tried(&mut hall);
    let addresses = ["127.0.0.1:7473", "[::1]:7473", "169.254.169.254:7473", "10.0.0.1:7473", "192.168.1.1:7473"]
        .into_iter()
        .chain([
            "100.64.0.1:7473",
            "[fd00::1]:7473",
            "[fe80::1]:7473",
            "203.0.113.9:25",
            "0.0.0.0:7473",
            "224.0.0.1:7473",
        ]);
    let addresses: Vec<SocketAddr> = addresses.map(|address| address.parse().expect(address)).collect();
    for (number, told) in (10..).zip(addresses.chunks(limits::ADDRESSES_MAX)) {
        point(&mut hall, number, 1, told);
    }
    hall.pass(60_000);
    assert_eq!(tried(&mut hall), 0);
    point(&mut hall, 20, 1, &["10.0.0.1:7473".parse().expect("an address"), elsewhere(1)]);
    hall.pass(1_000);
    let tried = core::mem::take(&mut hall.nodes[0].tried);
    assert!(!tried.is_empty() && tried.iter().all(|address| *address == elsewhere(1).to_string()), "{tried:?}");
    // Who is in such a network itself is told of others there.
    let mut hall = Hall::of(1);
    let mut config = hall.config(1, "bea");
    (config.addresses, config.told) =
        (alloc::vec![at(1).to_string()], alloc::vec![at(1), ([10, 0, 0, 7], 7_473).into()]);
    let bea = hall.start(config);
    hall.pass(1_000);
    point(&mut hall, 20, 1, &["10.0.0.1:7473".parse().expect("an address")]);
    hall.pass(1_000);
    assert!(hall.nodes[0].tried.is_empty());
    assert!(hall.nodes[bea].tried.contains(&"10.0.0.1:7473".into()), "{:?}", hall.nodes[bea].tried);
}
