//! What a newcomer fetches in a room in which people have come and gone all day.

use alloc::string::ToString as _;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::hall::{Hall, at, charter};
use crate::charter::Admission;
use crate::code::Code;
use crate::command::Command;
use crate::id::LinkId;
use crate::identity::{Ed25519, Identity, Secret};
use crate::limits;
use crate::log::{Log, Record};
use crate::mesh::member::Stage;
use crate::pass::Chain;
use crate::random::Random;
use crate::time::{Instant, Now};
use crate::wire::address::Address;
use crate::wire::entry::{EntryBody, Whereabouts};
use crate::wire::field::{List, Name, encode_items};
use crate::wire::meeting::Lane;
use crate::wire::option::Manner;

const DAY_MS: u64 = 86_400_000;
/// Nodes that are there all day; whoever comes and goes has a link with the first of them.
const STAYING: usize = 3;
/// An address that nobody dials on another's word (SPEC ADDRESS-4).
const NOWHERE: SocketAddr = SocketAddr::new(core::net::IpAddr::V4(core::net::Ipv4Addr::new(192, 0, 2, 1)), 80);

/// Somebody who comes, is called something else now and then, and leaves.
struct Guest {
    us: Identity,
    link: LinkId,
    log: Log,
    session: u64,
    chain: Chain,
}

impl Guest {
    fn come(number: u64, hall: &mut Hall) -> Self {
        let mut secret = [0xd0; 32];
        secret[..8].copy_from_slice(&number.to_be_bytes());
        let us = Identity::new(Secret(secret), Arc::new(Ed25519));
        let link = hall.knocker(0, us.key(), hall.now.unix_ms);
        assert!(hall.sent_on(0, link).contains(&"WELCOME"), "number {number} is let in");
        let meeting = charter(Admission::Open).meeting;
        let founder = crate::identity::identity(1);
        let chain = Chain::default().and(us.key(), 0, Manner::Unasked, meeting, &founder);
        let log = Log::new(meeting, 100);
        let mut guest = Self { session: hall.now.unix_ms << 16, us, link, log, chain };
        guest.say_who(&alloc::format!("guest{number}"), Whereabouts::Here, hall);
        guest
    }

    /// Writes PERSON.
    fn say_who(&mut self, name: &str, whereabouts: Whereabouts, hall: &mut Hall) {
        let (count, items) = encode_items([Address::of(NOWHERE)], limits::ADDRESSES_MAX);
        let (name, addresses) = (Name::new(name).expect("a name"), List::over(count, &items));
        let now = Now { tick: Instant(0), unix_ms: hall.now.unix_ms };
        let frame = self.chain.with_list(|chain| {
            let person = EntryBody::Person { whereabouts, name, addresses, chain, proof: List::NONE };
            self.log.write(&self.us, self.session, &person, now).expect("room").frame.clone()
        });
        hall.show(0, self.link, &[frame]);
    }

    fn leave(mut self, hall: &mut Hall) {
        self.say_who("gone", Whereabouts::Gone, hall);
        hall.down(0, self.link, Code::Left);
    }
}

/// A day of so many joins by keys of their own, and three renames for ten of them.
fn day(joins: u64) -> Hall {
    let mut hall = Hall::of(STAYING);
    let (mut random, mut here) = (Random::new([3; 32]), Vec::<Guest>::new());
    for number in 0..joins {
        // One place is left for a newcomer.
        if here.len() + STAYING == limits::MESH_MAX - 1 {
            let leaves = usize::try_from(random.below(here.len() as u64)).expect("small");
            here.swap_remove(leaves).leave(&mut hall);
        }
        here.push(Guest::come(number, &mut hall));
        if number % 10 < 3 {
            let at = usize::try_from(random.below(here.len() as u64)).expect("small");
            let name = alloc::format!("called{number}");
            here.get_mut(at).expect("somebody").say_who(&name, Whereabouts::Here, &mut hall);
        }
        hall.pass(DAY_MS / joins);
        for node in &mut hall.nodes {
            (node.sent, node.events, node.tried, node.closed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        }
    }
    hall
}

/// How many of what is on this lane, and how many bytes of frames.
fn counted<'a>(stored: impl IntoIterator<Item = &'a Record>, lane: Lane) -> (usize, usize) {
    let is_on = |record: &&Record| record.entry().is_some_and(|entry| entry.entry.lane == lane);
    let frames = stored.into_iter().filter(is_on).filter_map(Record::frame);
    frames.fold((0, 0), |(count, bytes), frame| (count + 1, bytes + frame.0.len()))
}

/// A tenth of a day of 10,000 joins; `TERTULIA_JOINS=10000` has all of it.
fn joins() -> u64 {
    option_env!("TERTULIA_JOINS").map_or(1_000, |joins| joins.parse().expect("a number"))
}

#[test]
fn mesh_19_after_a_day_of_coming_and_going_a_newcomer_fetches_who_is_here_and_the_hosts_acts() {
    let mut hall = day(joins());
    for command in [Command::Lock, Command::Unlock] {
        hall.command(0, command);
    }
    hall.pass(5_000);
    let known = hall.nodes[0].machine.replica.log.registers().count();
    assert!(known > limits::PEOPLE_MAX, "the room knows {known} who have come");
    for door in 0..2 {
        let mut config = hall.config(hall.nodes.len(), "late");
        config.newcomer.addresses = alloc::vec![at(door).to_string()];
        let late = hall.place(config);
        let is_inside = |hall: &Hall| hall.nodes[late].machine.stage == Stage::Inside;
        hall.settle_until(is_inside);
        assert!(is_inside(&hall), "it waits for nobody");
        let own = hall.nodes[late].machine.us.key();
        let is_others = |record: &&Record| record.entry().is_some_and(|entry| entry.entry.author != own);
        let came: Vec<&Record> = hall.nodes[late].stored.iter().filter(is_others).collect();
        let [people, acts] = [Lane::PERSON, Lane::Acts].map(|lane| counted(came.iter().copied(), lane));
        assert_eq!(acts.0, 2, "the hosts' acts");
        assert_eq!(people.0, limits::MESH_MAX - 1, "{people:?}");
        // The member at the door sends what it has written itself.
        assert!(came.len() <= people.0 + acts.0 + 1, "{} entries", came.len());
        assert!(people.1 < 400 * people.0, "{people:?} and {acts:?}");
        // Then it learns of the others too.
        hall.pass(10_000);
        let known = hall.nodes[late].machine.replica.log.registers().count();
        assert!(known > limits::PEOPLE_MAX, "{known}");
        hall.command(late, Command::Quit);
        hall.pass(1_000);
    }
}
