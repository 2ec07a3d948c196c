//! How many acts a room takes, and whose.

use alloc::string::ToString as _;
use alloc::vec::Vec;

use super::hall::{Hall, charter, identity, written};
use crate::charter::Admission;
use crate::code::Code;
use crate::command::Command;
use crate::id::{Hash, Key};
use crate::identity::{Ed25519, Identity, Secret};
use crate::limits;
use crate::log::{Log, Record};
use crate::rule::Rule;
use crate::time::{Instant, Now};
use crate::wire::entry::{EntryBody, Role};
use crate::wire::field::{List, Name, Reason};
use crate::wire::meeting::{Lane, Whereabouts};

fn sybil(number: u8) -> Identity {
    Identity::new(Secret([number.wrapping_add(100); 32]), alloc::sync::Arc::new(Ed25519))
}

fn grant(subject: Key) -> EntryBody<'static> {
    let (role, answers, name, proof) = (Role::Member, Hash::ZERO, Reason::NONE, List::NONE);
    EntryBody::Grant { subject, role, answers, name, proof }
}

fn person(name: &str, whereabouts: Whereabouts) -> EntryBody<'_> {
    EntryBody::Person { whereabouts, name: Name::new(name).expect("a name"), addresses: List::NONE }
}

/// A member lets its other keys in and has each write all that it may, until the founder stores no more of them.
fn flood(hall: &mut Hall) {
    let link = hall.between(0, 1)[0];
    let sybils: Vec<Identity> = (0..13).map(sybil).collect();
    let grants: Vec<EntryBody<'_>> = sybils.iter().map(|sybil| grant(sybil.key())).collect();
    hall.show(0, link, &written(&identity(2), 7, &grants));
    for sybil in &sybils {
        hall.show(0, link, &written(sybil, 7, &alloc::vec![grant(sybil.key()); limits::ACTS_OF_MEMBER_MAX]));
    }
}

fn acts(hall: &Hall, node: usize) -> usize {
    hall.nodes[node]
        .stored
        .iter()
        .filter_map(Record::entry)
        .filter(|entry| entry.signed.value.lane == Lane::Acts)
        .count()
}

#[test]
fn roster_11_and_acts_3_a_member_of_too_many_acts_has_none_and_all_see_it_alike() {
    let mut hall = Hall::of(4);
    let (eve, guest) = (identity(2), sybil(1).key());
    let mut many = alloc::vec![grant(eve.key()); 200];
    // Two halves of a room each hold some: neither has too many.
    let [mine, theirs] = [hall.between(0, 1)[0], hall.between(2, 1)[0]];
    many.push(grant(guest));
    hall.show(0, mine, &written(&eve, 7, &many));
    let is_in = |hall: &Hall, node: usize| hall.nodes[node].machine.roster.is_member(&guest);
    assert!(is_in(&hall, 0), "its acts have effect yet");
    hall.show(2, theirs, &written(&eve, 5, &many));
    hall.pass(10_000);
    let late = hall.join("late");
    hall.pass(5_000);
    for node in [0, 2, 3, late] {
        let roster = &hall.nodes[node].machine.roster;
        assert_eq!(roster.acts_of(&eve.key()), limits::ACTS_OF_MEMBER_MAX + 1, "one too many, at {node}");
        assert!(!is_in(&hall, node), "whom it has let in, at {node}");
        assert_eq!((roster.is_member(&eve.key()), roster.name(&eve.key())), (true, Some("m1")), "at {node}");
    }
    assert!(hall.nodes[late].machine.roster.is_member(&identity(4).key()), "the others are what they were");
}

#[test]
fn acts_3_who_has_written_all_that_it_may_is_told_and_talks_on() {
    let mut hall = Hall::of(2);
    let (eve, now) = (identity(2).key(), hall.now);
    (0..limits::ACTS_OF_MEMBER_MAX).for_each(|_| hall.write(1, &grant(eve), now));
    for node in [0, 1] {
        let acts = hall.nodes[node].machine.roster.acts_of(&eve);
        assert_eq!(acts, limits::ACTS_OF_MEMBER_MAX, "at {node}");
    }
    hall.command(1, Command::Name { name: "anna".to_string() });
    assert_eq!(hall.nodes[0].machine.roster.name(&eve), Some("anna"), "a name costs none");
    hall.say(1, "still here");
    assert_eq!(hall.texts(0), ["still here"]);
    // Nor does it let anybody in: that would take all others away.
    let link = hall.knocker(1, identity(9).key(), 5);
    assert_eq!(hall.nodes[1].closed, [(link, Code::Full, Some(Rule::Join6))]);
    let now = hall.now;
    (0..=limits::ACTS_OF_MEMBER_MAX).for_each(|_| hall.write(0, &grant(eve), now));
    assert_eq!(hall.errors(0), [""; 0], "a host is not counted");
}

#[test]
fn acts_2_a_flood_of_members_leaves_hosts_their_part() {
    let mut hall = Hall::of(3);
    flood(&mut hall);
    let members = limits::ACTS_MAX - limits::ACTS_OF_HOSTS;
    assert_eq!(acts(&hall, 0), members, "nothing more is stored of members");
    let link = hall.knocker(0, identity(9).key(), 5);
    assert_eq!(hall.nodes[0].closed, [(link, Code::Full, Some(Rule::Join6))], "nobody is let in unasked");
    hall.command(0, Command::Kick { name: "m1".to_string(), why: "flooding".to_string() });
    hall.command(0, Command::Lock);
    hall.command(0, Command::Name { name: "ruler".to_string() });
    assert_eq!((hall.errors(0), acts(&hall, 0)), (Vec::new(), members + 2));
    assert_eq!(hall.closed_with(1), Some(Code::Kicked));
    assert!(hall.nodes[2].machine.roster.is_locked());
    hall.say(2, "and on it goes");
    assert_eq!(hall.texts(0), ["and on it goes"]);
}

#[test]
fn mesh_24_newcomers_from_one_source_spend_acts_no_faster_than_one_in_5_s() {
    let mut hall = Hall::new(Admission::Open);
    let come_and_go = |hall: &mut Hall, number: u8| {
        let guest = sybil(number);
        let link = hall.knocker(0, guest.key(), 5);
        let is_in = hall.sent_on(0, link).contains(&"WELCOME");
        // It makes room for the next.
        hall.show(0, link, &written(&guest, 1, &[person("eve", Whereabouts::Gone)]));
        hall.down(0, link, Code::Left);
        is_in
    };
    let admitted = (0..100).filter(|number| come_and_go(&mut hall, *number)).count();
    assert_eq!(u32::try_from(admitted), Ok(limits::NEWCOMER_BURST));
    let refused = hall.nodes[0].closed.last().map(|(_, code, rule)| (*code, *rule));
    assert_eq!(refused, Some((Code::TooSoon, Some(Rule::Mesh24))));
    hall.pass(4_999);
    assert!(!come_and_go(&mut hall, 100));
    hall.pass(1);
    assert!(come_and_go(&mut hall, 101) && !come_and_go(&mut hall, 102), "then one in five seconds");
}

#[test]
fn join_15_a_member_that_comes_and_goes_is_let_in_only_so_often() {
    let mut hall = Hall::of(3);
    let eve = sybil(1);
    let mut log = Log::new(charter(Admission::Open).meeting, 100);
    let mut joins = 0;
    // A hundred times a second for 20 s, and each time in a run of its own.
    for run in 1..=2_000 {
        let link = hall.knocker(0, eve.key(), run);
        if hall.sent_on(0, link).contains(&"WELCOME") {
            joins += 1;
            let now = Now { tick: Instant(0), unix_ms: run };
            let bodies = [Whereabouts::Here, Whereabouts::Gone].map(|whereabouts| person("eve", whereabouts));
            let frames = bodies.iter().map(|body| log.write(&eve, run, body, now).expect("room").frame.clone());
            hall.show(0, link, &frames.collect::<Vec<_>>());
        }
        hall.down(0, link, Code::Left);
        hall.pass(10);
    }
    assert!((20..=2 + 10 + 20).contains(&joins), "{joins} joins in 20 s");
}
