//! Who writes acts, and how often one comes in.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::hall::{Hall, at, chain, identity, written};
use crate::charter::Admission;
use crate::code::Code;
use crate::command::{Command, With};
use crate::event::{Deed, Event, Issued, Kind, Notice, State};
use crate::id::Hash;
use crate::limits;
use crate::rule::Rule;
use crate::ticket::Ticket;
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

/// What the founder shows of a ticket of its own.
fn shown(hall: &Hall, wanted: &str) -> Ticket {
    let line = |event: &Event| match event {
        Event::Ticket { label, ticket } if label == wanted => Some(ticket.clone()),
        _ => None,
    };
    hall.nodes[0].events.iter().rev().find_map(line).expect("a ticket").parse().expect("a ticket that parses")
}

fn ticket_wish(label: &str, void: bool) -> Command {
    Command::Ticket { label: label.to_string(), void }
}

/// Somebody new comes with a ticket, through the door of another; who that is.
fn come_with(hall: &mut Hall, ticket: &Ticket, door: usize) -> usize {
    let number = hall.nodes.len();
    let mut config = hall.config(number, &alloc::format!("m{number}"));
    (config.newcomer.ticket, config.newcomer.addresses) = (Some(ticket.clone()), alloc::vec![at(door).to_string()]);
    let came = hall.start(config);
    hall.pass(3_000);
    came
}

#[test]
fn revoke_5_each_of_several_tickets_of_a_room_is_void_by_itself() {
    let mut hall = Hall::new(Admission::Ticket);
    ["press", "crew"].into_iter().for_each(|label| hall.command(0, ticket_wish(label, false)));
    let (press, crew) = (shown(&hall, "press"), shown(&hall, "crew"));
    let first = hall.join("m1");
    hall.pass(3_000);
    let by_press = come_with(&mut hall, &press, first);
    let joined = |event: &Event| match event {
        Event::Joined { name, ticket, .. } => Some((name.clone(), ticket.clone())),
        _ => None,
    };
    let told: Vec<_> = hall.nodes[0].events.iter().filter_map(joined).collect();
    assert_eq!(told, [("m1".to_string(), None), ("m2".to_string(), Some("press".to_string()))]);
    hall.command(0, ticket_wish("press", true));
    hall.pass(1_000);
    assert!(hall.nodes[0].events.contains(&Event::Warning(Notice::TicketVoid("press".to_string()))));
    // At any door.
    for door in [0, first] {
        let (late, other) = (come_with(&mut hall, &press, door), come_with(&mut hall, &crew, door));
        assert_eq!([late, other].map(|who| hall.closed_with(who)), [Some(Code::Banned), None], "at {door}");
    }
    assert_eq!(hall.closed_with(by_press), None, "who is in stays");
    hall.command(0, Command::Tickets);
    let issued = |label: &str, is_void, here| Issued { label: label.to_string(), is_void, here };
    let tickets = alloc::vec![issued("", false, 1), issued("press", true, 1), issued("crew", false, 2)];
    assert!(hall.nodes[0].events.contains(&Event::Tickets { tickets }), "{:?}", hall.nodes[0].events);
    // The founder's alone.
    for command in [ticket_wish("mine", false), ticket_wish("crew", true), Command::Tickets] {
        hall.command(first, command);
    }
    assert_eq!(hall.errors(first), ["not_host"; 3]);
}

#[test]
fn revoke_2_a_ticket_that_another_host_makes_void_has_the_founder_hand_out_a_new_one() {
    let mut hall = Hall::new(Admission::Ticket);
    ["m1", "m2"].into_iter().for_each(|name| _ = hall.join(name));
    hall.pass(3_000);
    let handed_out = |hall: &Hall| {
        let line = |event: &Event| if let Event::Ready { ticket, .. } = event { Some(ticket.clone()) } else { None };
        hall.nodes[0].events.iter().rev().find_map(line).expect("a ticket")
    };
    let old = handed_out(&hall);
    let (subject, answers, name) = (identity(2).key(), Hash::ZERO, Reason::cut("m1"));
    hall.write(0, &EntryBody::Grant { subject, role: Role::Host, answers, session: 0, name }, hall.now);
    hall.pass(1_000);
    let with = With { ticket: true, ..With::default() };
    hall.command(1, Command::Kick { name: "m2".to_string(), why: String::new(), with });
    hall.pass(1_000);
    assert!(hall.nodes[0].events.contains(&Event::Warning(Notice::TicketVoid(String::new()))));
    let new: Ticket = handed_out(&hall).parse().expect("a ticket that parses");
    assert_ne!(new.to_string(), old);
    let [late, other] = [old.parse().expect("a ticket"), new].map(|ticket| come_with(&mut hall, &ticket, 0));
    assert_eq!([late, other].map(|who| hall.closed_with(who)), [Some(Code::Banned), None]);
}
