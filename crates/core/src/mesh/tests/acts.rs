//! Who writes acts, and how often one comes in.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::hall::{Hall, chain, identity, written};
use crate::charter::Admission;
use crate::code::Code;
use crate::command::{Command, With};
use crate::event::{Deed, Event, Kind, Notice, State};
use crate::id::Hash;
use crate::limits;
use crate::rule::Rule;
use crate::wire::entry::{EntryBody, Role};
use crate::wire::field::Reason;
use crate::wire::option::OptionsBuffer;
use crate::wire::session::Purpose;

#[test]
fn roster_9_members_write_no_acts_and_a_flood_of_them_keeps_nobody_out() {
    let mut hall = Hall::of(3);
    let link = hall.between(0, 1)[0];
    let (subject, role, answers, session, name) = (identity(9).key(), Role::Host, Hash::ZERO, 0, Reason::NONE);
    let grants = [EntryBody::Grant { subject, role, answers, session, name }; 100];
    (7..38).for_each(|session| hall.show(0, link, &written(&identity(2), session, &grants)));
    assert_eq!(hall.nodes[0].machine.replica.log.acts().count(), 0, "nothing is stored of it");
    assert_eq!(hall.nodes[0].closed, [], "nor does it cost anybody a link");
    let late = hall.join("late");
    hall.pass(1_000);
    assert!(hall.states(late).iter().all(|(_, state)| matches!(state, State::You | State::Linked)));
    hall.command(1, Command::Quit);
    let entries = core::mem::take(&mut hall.nodes[1].stored);
    hall.back(1, "m1", entries);
    hall.pass(3_000);
    assert!(hall.states(0).contains(&("m1".to_string(), State::Linked)), "and whoever has left gets back");
}

#[test]
fn mesh_24_newcomers_from_one_source_come_no_faster_than_one_in_5_s() {
    let mut hall = Hall::new(Admission::Open);
    let come_and_go = |hall: &mut Hall, number: u8| {
        let link = hall.knocker(0, identity(number.wrapping_add(100)).key(), 5);
        let is_in = hall.sent_on(0, link).contains(&"WELCOME");
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
    let eve = identity(101);
    let mut options = OptionsBuffer::default();
    chain(&[1, 101]).show(&mut options);
    let mut joins = 0;
    // A hundred times a second for 20 s, and each time in a run of its own.
    for run in 1..=2_000 {
        let link = hall.stranger(0, eve.key(), Purpose::MESH, run);
        hall.join_on(0, link, &options);
        joins += usize::from(hall.sent_on(0, link).contains(&"WELCOME"));
        hall.down(0, link, Code::Left);
        hall.pass(10);
    }
    assert!((20..=10 + 20).contains(&joins), "{joins} joins in 20 s");
}

#[test]
fn roster_3_everybody_is_told_whom_the_founder_makes_a_host_and_of_no_grant_that_makes_nobody_anything() {
    let mut hall = Hall::of(3);
    let grant = |role| {
        let (answers, name) = (Hash::ZERO, Reason::cut("m1"));
        EntryBody::Grant { subject: identity(2).key(), role, answers, session: 0, name }
    };
    [Role::Member, Role::Host].into_iter().for_each(|role| hall.write(0, &grant(role), hall.now));
    hall.pass(1_000);
    // Nor of one that has no effect.
    hall.write(1, &grant(Role::Host), hall.now);
    hall.pass(1_000);
    let deed = |event: &Event| match event {
        Event::Message { kind: Kind::Deed(_, deed), from, .. } => Some((deed.clone(), from.clone())),
        _ => None,
    };
    let told: Vec<_> = hall.nodes[2].events.iter().filter_map(deed).collect();
    assert_eq!(told, [(Deed::MakeHost("m1".to_string()), "hedy".to_string())]);
}

#[test]
fn revoke_2_a_user_who_wants_a_ticket_void_is_told_where_there_is_none() {
    for (admission, is_told) in [(Admission::Open, true), (Admission::Ticket, false)] {
        let mut hall = Hall::new(admission);
        hall.join("m1");
        hall.pass(3_000);
        let with = With { ticket: true, ..With::default() };
        hall.command(0, Command::Kick { name: "m1".to_string(), why: String::new(), with });
        assert_eq!(hall.closed_with(1), Some(Code::Kicked));
        assert_eq!(hall.nodes[0].events.contains(&Event::Warning(Notice::NoTickets)), is_told);
    }
}

#[test]
fn roster_12_digits_of_a_key_name_whose_it_is_before_somebody_who_is_called_so() {
    let mut hall = Hall::of(3);
    let digits: String = identity(2).key().to_hex().chars().take(limits::KEY_DIGITS_MIN).collect();
    hall.command(2, Command::Name { name: digits.clone() });
    hall.pass(1_000);
    hall.command(0, Command::Kick { name: digits[1..].to_string(), why: String::new(), with: With::default() });
    assert_eq!(hall.errors(0), ["no_such_name"], "too few of them");
    hall.command(0, Command::Kick { name: digits, why: String::new(), with: With::default() });
    assert_eq!([1, 2].map(|node| hall.closed_with(node)), [Some(Code::Kicked), None]);
}
