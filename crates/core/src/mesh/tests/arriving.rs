//! How one comes in, and out again.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::hall::{Hall, TICKET, at, chain, charter, identity, said_who};
use crate::charter::Admission;
use crate::code::Code;
use crate::command::{Command, With};
use crate::event::{Event, State};
use crate::id::{MeetingId, RequestId, Source};
use crate::log::{Log, Record, entry_of};
use crate::mesh::peer::{Asked, Knock};
use crate::pass::Chain;
use crate::rule::Rule;
use crate::ticket::prove_ticket;
use crate::wire::address::Address;
use crate::wire::entry::{Door, EntryBody, Whereabouts};
use crate::wire::field::{List, Name, Reason, Signed, Text, decode_all, encode_items};
use crate::wire::meeting::{Digest, EntryFrame, Lane, Presence, Welcome};
use crate::wire::option::{Manner, Options};
use crate::wire::session::Purpose;

fn told_joined(hall: &Hall, node: usize) -> Vec<String> {
    let name = |event: &Event| match event {
        Event::Joined { name, .. } => Some(name.clone()),
        Event::Left { name, .. } => Some(alloc::format!("-{name}")),
        _ => None,
    };
    hall.nodes[node].events.iter().filter_map(name).collect()
}

#[test]
fn mesh_1_any_member_admits_by_a_pass_and_tells_nobody() {
    let mut hall = Hall::of(2);
    let mut config = hall.config(2, "cleo");
    config.newcomer.addresses = alloc::vec![at(1).to_string()];
    let cleo = hall.start(config);
    hall.pass(3_000);
    assert!(hall.states(cleo).iter().all(|(_, state)| matches!(state, State::You | State::Linked)));
    let roster = &hall.nodes[0].machine.roster;
    let signers: Vec<_> =
        roster.chain(&identity(3).key()).expect("a chain").passes().iter().map(|pass| pass.signer).collect();
    assert_eq!(signers, [identity(1).key(), identity(2).key()], "the founder has it from the newcomer");
    assert_eq!(hall.nodes[0].machine.replica.log.acts().count(), 0);
}

#[test]
fn roster_7_and_join_3_a_room_with_tickets_takes_a_proof_and_everybody_sees_it() {
    let mut hall = Hall::new(Admission::Ticket);
    let eve = hall.knocker(0, identity(9).key(), 5);
    assert_eq!(hall.nodes[0].closed, [(eve, Code::TicketNeeded, Some(Rule::Join3))]);
    hall.join("bea");
    let cleo = hall.join("cleo");
    hall.pass(3_000);
    assert!(hall.states(cleo).iter().all(|(_, state)| matches!(state, State::You | State::Linked)));
    let proof = prove_ticket(TICKET, None, charter(Admission::Ticket).meeting, &identity(2));
    assert_eq!(hall.nodes[cleo].machine.roster.proof(&identity(2).key()), Some(proof));
}

#[test]
fn mesh_2_nothing_goes_before_welcome_but_join() {
    let mut hall = Hall::new(Admission::Open);
    let eve = hall.stranger(0, identity(9).key(), Purpose::MESH, 5);
    hall.frame(0, eve, 0, Digest { rows: List::NONE, options: Options::NONE });
    assert_eq!(hall.nodes[0].closed, [(eve, Code::Unexpected, Some(Rule::Mesh2))]);
    assert_eq!(hall.sent_on(0, eve), [""; 0]);
}

#[test]
fn mesh_3_what_only_a_lecture_has_ends_the_link() {
    let mut hall = Hall::of(2);
    let link = hall.between(0, 1)[0];
    hall.frame(0, link, 0, Presence { guests: 0, people: List::NONE, options: Options::NONE });
    assert!(hall.nodes[0].closed.contains(&(link, Code::Unexpected, Some(Rule::Mesh3))));
}

#[test]
fn join_14_a_room_takes_nobody_who_wants_a_lecture() {
    let mut hall = Hall::new(Admission::Open);
    let purposes = [Purpose::STAR, Purpose::REGISTRY, Purpose(9)];
    let eves = purposes.map(|purpose| hall.stranger(0, identity(9).key(), purpose, 5));
    assert_eq!(hall.nodes[0].closed, eves.map(|eve| (eve, Code::WrongKind, Some(Rule::Join14))));
}

#[test]
fn mesh_6_who_is_not_in_itself_lets_others_wait_and_then_says_so() {
    let mut hall = Hall::new(Admission::Open);
    hall.blocked.insert((1, 0));
    let outside = hall.join("bea");
    let eve = hall.knocker(outside, identity(9).key(), 5);
    hall.pass(4_999);
    assert_eq!(hall.nodes[outside].closed, []);
    hall.pass(1);
    assert_eq!(hall.nodes[outside].closed, [(eve, Code::NotYet, Some(Rule::Mesh6))]);
}

#[test]
fn mesh_7_who_says_welcome_and_not_who_it_is_is_left() {
    let mut hall = Hall::new(Admission::Open);
    hall.blocked.insert((1, 0));
    let bea = hall.join("bea");
    // Somebody answers the next dial, with a charter that anybody can have.
    let (eve, charter) = (identity(9), charter(Admission::Open));
    let link = hall.answer(eve.key());
    let signed: Signed<'_, crate::charter::Charter<'_>> = decode_all(charter.bytes()).expect("a charter");
    let (rows, charter) = (List::NONE, crate::wire::field::Block(signed));
    let true_chain = chain(&[1, 2]);
    true_chain.with_list(|chain| hall.frame(bea, link, 1, Welcome { charter, chain, rows, options: Options::NONE }));
    hall.say(bea, "is anybody here?");
    hall.pass(4_999);
    assert_eq!(hall.nodes[bea].closed, []);
    hall.pass(1);
    assert_eq!(hall.nodes[bea].closed, [(link, Code::NotYet, Some(Rule::Mesh7))]);
    let talk = hall.nodes[bea].sent.iter().filter_map(|(_, frame)| entry_of(frame)).map(|entry| entry.entry.lane);
    assert!(talk.eq([Lane::PERSON]), "who she is, first, and nothing that she says");
}

#[test]
fn mesh_7_and_mesh_26_who_is_let_in_and_does_not_say_who_it_is_hears_no_talk_and_is_closed() {
    for says_gone in [false, true] {
        let mut hall = Hall::of(2);
        hall.pass(2_000);
        hall.say(1, "before");
        let eve = hall.knocker(0, identity(9).key(), 5);
        hall.frame(0, eve, 0, Digest { rows: List::NONE, options: Options::NONE });
        if says_gone {
            hall.show(0, eve, &said_who(9, 7, "eve", Whereabouts::Here, &[]));
            hall.say(0, "hello, eve");
            hall.pass(10);
            hall.show(0, eve, &said_who(9, 8, "eve", Whereabouts::Gone, &[]));
        }
        hall.say(0, "among us");
        hall.pass(4_999);
        hall.say(1, "still among us");
        assert_eq!(hall.nodes[0].closed, []);
        hall.pass(1);
        assert_eq!(hall.nodes[0].closed, [(eve, Code::NotYet, Some(Rule::Mesh7))]);
        let heard = hall.nodes[0].sent.iter().filter(|(on, _)| *on == eve).filter_map(|(_, frame)| entry_of(frame));
        let talk = heard.filter(|entry| entry.entry.lane == Lane::Talk).count();
        assert_eq!(talk, usize::from(says_gone), "what was said while it was here");
    }
}

#[test]
fn mesh_27_who_is_out_by_what_is_held_here_brings_the_acts_that_say_otherwise() {
    let mut hall = Hall::of(3);
    hall.command(0, Command::Kick { name: "m2".to_string(), why: String::new(), with: With::default() });
    hall.pass(1_000);
    // The founder forgives, is gone, and m2 alone has heard of it.
    hall.part(0, 1);
    let entries = hall.nodes[2].stored.clone();
    hall.command(0, Command::Unban { name: "m2".to_string() });
    hall.back(2, "m2", entries);
    hall.pass(3_000);
    assert_eq!(hall.closed_with(2), None);
    hall.part(0, 2);
    hall.pass(10_000);
    assert!(hall.states(1).contains(&("m2".to_string(), State::Linked)), "{:?}", hall.states(1));
    hall.say(2, "here again");
    hall.pass(1_000);
    assert_eq!(hall.texts(1), ["here again"]);
}

#[test]
fn mesh_22_whoever_arrives_as_the_room_ends_hears_of_that_and_of_nothing_more() {
    let mut hall = Hall::new(Admission::Open);
    hall.blocked.insert((1, 0));
    let bea = hall.join("bea");
    let (hedy, charter) = (identity(1), charter(Admission::Open));
    let link = hall.answer(hedy.key());
    let mut log = Log::new(charter.meeting, 10);
    let door = EntryBody::Policy { door: Door::Unlocked, kept: List::NONE };
    let acts = [door, EntryBody::End { why: Reason::NONE }].map(|body| log.write(&hedy, 7, &body, hall.now));
    let signed: Signed<'_, crate::charter::Charter<'_>> = decode_all(charter.bytes()).expect("a charter");
    let (count, rows) = encode_items(log.rows(0), 1);
    let (rows, charter) = (List::over(count, &rows), crate::wire::field::Block(signed));
    chain(&[1, 2]).with_list(|chain| {
        hall.frame(bea, link, 1, Welcome { charter, chain, rows, options: Options::NONE });
    });
    for act in acts.iter().flatten() {
        hall.frame(bea, link, 0, EntryFrame { entry: act.carried(), options: Options::NONE });
    }
    assert_eq!(hall.closed_with(bea), Some(Code::Ended));
    assert!(matches!(hall.nodes[bea].events.last(), Some(Event::Closed { .. })), "{:?}", hall.nodes[bea].events);
}

#[test]
fn mesh_25_who_is_here_is_told_though_what_was_said_is_still_on_its_way() {
    let mut hall = Hall::new(Admission::Open);
    hall.blocked.insert((1, 0));
    let bea = hall.join("bea");
    let (hedy, charter) = (identity(1), charter(Admission::Open));
    let link = hall.answer(hedy.key());
    let mut log = Log::new(charter.meeting, 10);
    let theirs = &hall.nodes[0].machine.replica.log;
    let said = [theirs.register(hedy.key(), Lane::PERSON).expect("its word").frame.clone()];
    let rows = theirs.rows(0);
    let text = EntryBody::Text { salt: crate::id::Salt::ZERO, text: Text::new("long ago").expect("a text") };
    log.write(&hedy, 7, &text, hall.now);
    let signed: Signed<'_, crate::charter::Charter<'_>> = decode_all(charter.bytes()).expect("a charter");
    let (count, rows) = encode_items(rows, 9);
    let (rows, charter) = (List::over(count, &rows), crate::wire::field::Block(signed));
    chain(&[1, 2]).with_list(|chain| {
        hall.frame(bea, link, 1, Welcome { charter, chain, rows, options: Options::NONE });
    });
    hall.show(bea, link, &said);
    let (count, talk) = encode_items(log.rows(0), 9);
    hall.frame(bea, link, 0, Digest { rows: List::over(count, &talk), options: Options::NONE });
    let is_told = hall.nodes[bea].events.iter().any(|event| matches!(event, Event::Roster { .. }));
    assert!(is_told, "{:?}", hall.nodes[bea].events);
}

#[test]
fn address_3_a_name_stands_in_the_ticket_and_others_are_told_addresses() {
    let mut hall = Hall::new(Admission::Open);
    let mut config = hall.config(1, "dora");
    config.addresses = alloc::vec!["dora.example:7473".to_string()];
    config.told = alloc::vec!["192.0.2.9:7473", "[::ffff:192.0.2.9]:7473", "[fe80::1]:7473", "127.0.0.1:7473"]
        .into_iter()
        .map(|told| told.parse().expect(told))
        .collect();
    let dora = hall.start(config);
    hall.pass(1_000);
    let key = hall.nodes[dora].machine.us.key();
    let said = hall.nodes[0].machine.roster.members().find(|member| member.key == key);
    assert_eq!(said.map(|said| said.addresses), Some(&[([192, 0, 2, 9], 7_473).into()][..]));
    let ticket = hall.nodes[dora].events.iter().find_map(|event| match event {
        Event::Ready { ticket, .. } => Some(ticket),
        _ => None,
    });
    assert!(ticket.is_some_and(|ticket| ticket.ends_with("@dora.example:7473/")), "{ticket:?}");
}

#[test]
fn mesh_19_a_newcomer_says_who_it_is_and_where_and_dials_everybody() {
    let mut hall = Hall::of(3);
    let mut config = hall.config(3, "dora");
    (config.addresses, config.told, config.port) = (alloc::vec![], alloc::vec![], Some(7473));
    let dora = hall.start(config);
    hall.settle();
    let links: usize = (0..3).map(|other| hall.between(dora, other).len()).sum();
    assert_eq!(links, 1, "only the one whom it has asked");
    hall.pass(1);
    assert!((0..3).all(|other| hall.between(dora, other).len() == 1), "at once, and everybody");
    let said = hall.nodes[0].stored.iter().filter_map(Record::entry).any(|entry| {
        let name = Name::new("dora").expect("a name");
        match entry.read() {
            EntryBody::Person { name: said, addresses, .. } if said == name => {
                addresses.iter().filter_map(Address::socket).eq([([192, 0, 2, 1], 7_473).into()])
            }
            _ => false,
        }
    });
    assert!(said, "where it was seen, and the port at which it listens");
    assert_eq!(told_joined(&hall, 0), ["m1", "m2", "dora"]);
    assert_eq!(told_joined(&hall, dora), [""; 0], "who was there before is not told one by one");
}

#[test]
fn mesh_12_who_goes_tells_first_what_it_has_got() {
    for command in [Command::Quit, Command::Stop] {
        let mut hall = Hall::of(2);
        hall.pass(3_000);
        hall.say(0, "goodbye");
        hall.command(1, command);
        let is_told = |event: &Event| matches!(event, Event::Delivery { have: 1, of: 1, .. });
        assert!(hall.nodes[0].events.iter().any(is_told), "{:?}", hall.nodes[0].events.last());
    }
}

#[test]
fn mesh_18_who_leaves_says_so_once_to_all_and_is_not_dialled() {
    let mut hall = Hall::of(3);
    hall.command(2, Command::Quit);
    assert_eq!(hall.closed_with(2), Some(Code::Left));
    let dialled = hall.nodes[0].dialled;
    hall.pass(30_000);
    assert_eq!(hall.nodes[0].dialled, dialled);
    assert_eq!(told_joined(&hall, 0), ["m1", "m2", "-m2"]);
    assert_eq!(told_joined(&hall, 1), ["m2", "-m2"]);
    assert_eq!(hall.states(0).len(), 2);
    // Back with what it has kept: not a newcomer.
    let entries = core::mem::take(&mut hall.nodes[2].stored);
    hall.back(2, "m2", entries);
    hall.pass(3_000);
    assert_eq!(told_joined(&hall, 0), ["m1", "m2", "-m2", "m2"]);
    assert_eq!(told_joined(&hall, 1), ["m2", "-m2", "m2"]);
}

#[test]
fn mesh_18_and_roster_5_who_is_muted_leaves_as_others_do() {
    let mut hall = Hall::of(4);
    hall.say(2, "before");
    hall.part(2, 3);
    hall.command(0, Command::Mute { name: "m2".to_string() });
    hall.pass(2_000);
    hall.command(2, Command::Quit);
    hall.pass(4_000);
    for node in [0, 1, 3] {
        let told = told_joined(&hall, node);
        assert_eq!(told.iter().filter(|told| *told == "-m2").count(), 1, "node {node}: {told:?}");
        assert!(hall.states(node).iter().all(|(name, _)| name != "m2"), "node {node}");
    }
    hall.join("m2");
    assert_eq!(hall.states(0).iter().filter(|(name, _)| name == "m2").count(), 1, "and her name is free");
}

#[test]
fn mesh_13_what_a_muted_member_says_is_asked_for_once_it_counts() {
    let mut hall = Hall::of(4);
    // She comes back, and writes in a new session while she does not know that she is muted.
    [0, 1, 3].into_iter().for_each(|other| hall.part(2, other));
    hall.command(0, Command::Mute { name: "m2".to_string() });
    hall.pass(1_000);
    let entries = core::mem::take(&mut hall.nodes[2].stored);
    hall.back(2, "m2", entries);
    hall.say(2, "can you hear me?");
    hall.say(2, "no?");
    hall.blocked.clear();
    hall.pass(70_000);
    let states = hall.states(0);
    assert!(states.iter().any(|state| *state == ("m2".to_string(), State::Linked)), "{states:?}");
    let fetches = |hall: &Hall| {
        let sent = [0, 1, 3].map(|node| hall.sent_on(node, hall.between(node, 2)[0]));
        sent.iter().flatten().filter(|name| **name == "FETCH").count()
    };
    let before = fetches(&hall);
    hall.pass(600_000);
    assert_eq!(fetches(&hall), before, "nobody asks for what does not count");
    // Where she may speak again, it does.
    hall.command(0, Command::Unmute { name: "m2".to_string() });
    hall.pass(10_000);
    for node in [0, 1, 3] {
        assert_eq!(hall.texts(node), ["can you hear me?", "no?"], "node {node}");
    }
}

#[test]
fn digest_2_and_pass_1_what_is_kept_of_a_room_counts_at_every_door() {
    let mut hall = Hall::new(Admission::Open);
    hall.join("m1");
    hall.join("m2");
    hall.pass(3_000);
    for line in ["one", "two"] {
        hall.say(0, line);
    }
    hall.command(2, Command::Quit);
    hall.say(1, "meanwhile");
    hall.pass(3_000);
    let stored = hall.nodes[2].stored.len();
    hall.elsewhere(2, "m2", 1);
    hall.pass(6_000);
    assert_eq!(hall.texts(2), ["meanwhile"], "nothing is shown again, nothing is missed");
    assert_eq!(hall.nodes[2].stored.len(), stored + 2, "that line, and who she is");
    assert_eq!(hall.states(2).len(), 3);
    assert_eq!(hall.closed_with(2), None);
}

#[test]
fn join_7_and_join_5_who_has_left_comes_back_through_a_locked_door_but_not_with_a_taken_name() {
    let mut hall = Hall::of(3);
    hall.command(2, Command::Quit);
    hall.join("m2");
    hall.pass(2_000);
    hall.command(0, Command::Lock);
    let entries = core::mem::take(&mut hall.nodes[2].stored);
    hall.back(2, "m2", entries);
    hall.pass(3_000);
    let names: Vec<String> = hall.states(0).into_iter().map(|(name, _)| name).collect();
    let is_other = |name: &&String| name.starts_with("m2-");
    assert_eq!((names.len(), names.iter().filter(is_other).count()), (4, 1), "{names:?}");
}

/// A JOIN that shows this chain.
fn shows(hall: &Hall, chain: Chain) -> Knock {
    let (meeting, source) = (charter(Admission::Open).meeting, Source::of(core::net::Ipv4Addr::LOCALHOST.into()));
    let (request, note, since, manner) = (RequestId(1), String::new(), hall.now.tick, Manner::Unasked);
    let (ticket, acts, asked) = (None, Vec::new(), Asked::Not);
    Knock { request, meeting, chain, manner, ticket, acts, asked, note, source, since }
}

#[test]
fn pass_1_and_history_1_a_member_without_its_chain_gets_a_new_one_and_its_history_begins_anew() {
    let mut hall = Hall::of(2);
    let key = identity(2).key();
    hall.say(0, "one");
    let old = hall.nodes[0].machine.chain_for(key, &shows(&hall, Chain::default()));
    assert_eq!(
        hall.nodes[0].machine.chain_for(key, &shows(&hall, old.clone())),
        old,
        "what holds comes back unchanged"
    );
    hall.say(0, "two");
    let founder = identity(1).key();
    hall.nodes[1].machine.newcomer.chain =
        Chain::default().and(key, 40, Manner::Unasked, charter(Admission::Open).meeting, &identity(1));
    let of_founder = hall.nodes[1].machine.chain_for(founder, &shows(&hall, Chain::default()));
    assert_eq!((of_founder.len(), of_founder.floor()), (0, 0), "and by whoever's history began late, too");
}

#[test]
fn pass_3_nobody_is_served_what_one_of_those_who_have_let_it_in_is_not_served() {
    let hall = Hall::of(3);
    let meeting = charter(Admission::Open).meeting;
    let [founder, bea, spare] = [1, 2, 9].map(identity);
    let of_bea = Chain::default().and(bea.key(), 40, Manner::Unasked, meeting, &founder);
    let of_spare = of_bea.and(spare.key(), 0, Manner::Unasked, meeting, &bea);
    assert_eq!((of_bea.floor(), of_spare.floor()), (40, 40));
    assert_eq!(hall.nodes[0].machine.chain_for(spare.key(), &shows(&hall, of_spare.clone())), of_spare);
}

#[test]
fn pass_2_a_chain_leads_from_the_founder_to_who_shows_it() {
    let (us, charter) = (identity(7), charter(Admission::Open));
    let holds = |chain: &Chain, seed| chain.holds(&identity(seed).key(), &charter, &us);
    assert!(holds(&chain(&[1, 2, 9]), 9) && holds(&chain(&[1]), 1));
    assert!(!holds(&chain(&[1, 2, 9]), 8), "it is another's");
    assert!(!holds(&chain(&[2, 9]), 9), "it does not begin at the founder");
    assert!(!holds(&Chain::default(), 9), "nobody but the founder has none");
    let elsewhere = Chain::default().and(identity(9).key(), 0, Manner::Unasked, MeetingId([9; 16]), &identity(1));
    assert!(!holds(&elsewhere, 9), "it is of another meeting");
    // By hand, where it was not.
    let mut bytes = chain(&[1, 9]).encode();
    bytes[2 + 32 + 8] ^= 1;
    assert!(!holds(&Chain::restore(&bytes), 9));
}

#[test]
fn pass_4_who_has_come_in_by_sixteen_passes_lets_nobody_in_and_is_given_a_shorter_chain() {
    let mut hall = Hall::of(2);
    let seeds: Vec<u8> = [1].into_iter().chain(20..35).chain([2]).collect();
    let deep = chain(&seeds);
    assert!(deep.is_full() && !chain(&[1, 2]).is_full());
    hall.nodes[1].machine.newcomer.chain = deep;
    let eve = hall.knocker(1, identity(9).key(), 5);
    assert_eq!(hall.nodes[1].closed, [(eve, Code::TooDeep, Some(Rule::Pass4))]);
    // Where everybody in between is a member: the last signer's word counts.
    let seeds: Vec<u8> = [1].into_iter().chain(20..34).chain([2, 9]).collect();
    let (deep, meeting) = (chain(&seeds), charter(Admission::Open).meeting);
    let anew = hall.nodes[0].machine.chain_for(identity(9).key(), &shows(&hall, deep.clone()));
    assert_eq!((deep.len(), anew.len(), anew.floor()), (16, 1, deep.floor()));
    assert_eq!(anew, Chain::default().and(identity(9).key(), 0, Manner::Unasked, meeting, &identity(1)));
}

#[test]
fn pass_5_nobody_who_is_dialled_takes_somebody_s_chain_from_it() {
    let mut hall = Hall::of(3);
    let (us, meeting) = (identity(2).key(), charter(Admission::Open).meeting);
    let late = Chain::default().and(us, u64::MAX, Manner::Unasked, meeting, &identity(1));
    let below = chain(&[1, 3, 2]);
    let is_better = |hall: &Hall, chain: &Chain| hall.nodes[1].machine.is_better(chain);
    assert!(!is_better(&hall, &late) && !is_better(&hall, &below), "what seats it is kept");
    hall.nodes[1].machine.newcomer.chain = chain(&[[1].to_vec(), (20..35).collect(), [2].to_vec()].concat());
    assert!(is_better(&hall, &below) && !is_better(&hall, &late), "a long one gives way to one that loses it nothing");
    hall.nodes[1].machine.newcomer.chain = below;
    hall.command(
        0,
        Command::Kick { name: "m2".to_string(), why: String::new(), with: With { all: true, ticket: false } },
    );
    hall.pass(1_000);
    assert!(is_better(&hall, &late), "and what seats it no more, to any");
}

#[test]
fn join_7_and_join_13_a_name_is_refused_or_its_keys() {
    let mut hall = Hall::of(2);
    let third = hall.join("M1");
    hall.pass(3_000);
    assert!(hall.states(0).iter().any(|(name, _)| name == "M1-2"), "{:?}", hall.states(0));
    // Killed, and back under the name that is its own.
    let entries = hall.nodes[third].stored.clone();
    hall.part(third, 0);
    hall.part(third, 1);
    hall.blocked.clear();
    hall.back(third, "M1-2", entries);
    hall.pass(3_000);
    assert_eq!(told_joined(&hall, 0), ["m1", "M1-2"]);
    assert!(hall.states(0).contains(&("M1-2".to_string(), State::Linked)));
    let text = Text::new("hello").expect("a text");
    hall.say(third, text.as_str());
    hall.pass(1_000);
    assert_eq!(hall.texts(0), ["hello"]);
}

/// Who is here, as a node's first roster has it.
fn first_roster(hall: &Hall, node: usize) -> Vec<String> {
    let roster = |event: &Event| match event {
        Event::Roster { members, .. } => Some(members.iter().map(|member| member.name.clone()).collect()),
        _ => None,
    };
    hall.nodes[node].events.iter().find_map(roster).expect("a roster")
}

#[test]
fn mesh_25_a_newcomer_sees_who_is_here_and_nobody_leaves_who_was_not_here_while_it_was() {
    let mut hall = Hall::of(6);
    for node in 1..5 {
        hall.say(node, "hello");
        hall.command(node, Command::Quit);
    }
    hall.pass(3_000);
    let newcomer = hall.join("cleo");
    hall.pass(3_000);
    assert_eq!(first_roster(&hall, newcomer), ["hedy", "m5", "cleo"]);
    assert_eq!(told_joined(&hall, newcomer), [""; 0]);
    // What is said of those who are here stays true.
    hall.command(5, Command::Quit);
    hall.pass(3_000);
    assert_eq!(told_joined(&hall, newcomer), ["-m5"]);
    assert_eq!(hall.states(newcomer).len(), 2);
}

#[test]
fn mesh_25_who_comes_back_is_told_who_is_here_once_somebody_has_said_who_has_left() {
    let mut hall = Hall::of(4);
    let kept = hall.nodes[3].stored.clone();
    [0, 1, 2].into_iter().for_each(|other| hall.part(3, other));
    hall.command(2, Command::Quit);
    hall.pass(20_000);
    hall.blocked.clear();
    hall.back(3, "m3", kept);
    hall.pass(6_000);
    assert_eq!(first_roster(&hall, 3), ["hedy", "m1", "m3"]);
    assert_eq!(told_joined(&hall, 3), [""; 0]);
    // Of nobody anything can be heard: it is told all the same.
    let kept = hall.nodes[3].stored.clone();
    [0, 1].into_iter().for_each(|other| hall.part(3, other));
    hall.back(3, "m3", kept);
    hall.pass(2_000);
    assert_eq!(first_roster(&hall, 3), ["hedy", "m1", "m3"]);
}

#[test]
fn mesh_5_who_knows_nobody_that_is_there_any_more_comes_back_by_the_address_that_it_is_given() {
    let mut hall = Hall::of(3);
    // Its way in was by one who has left, and it has heard of nobody else.
    let founder = identity(1).key();
    let is_of_founder = |record: &Record| record.entry().is_some_and(|entry| entry.entry.author == founder);
    let kept: Vec<Record> = hall.nodes[2].stored.iter().filter(|record| !is_of_founder(record)).cloned().collect();
    [0, 1].into_iter().for_each(|other| hall.part(2, other));
    hall.command(1, Command::Quit);
    hall.pass(20_000);
    hall.back_by(2, "m2", kept, Some(0));
    hall.pass(10_000);
    assert!(hall.between(2, 0).is_empty(), "it can't be reached yet");
    hall.blocked.clear();
    hall.pass(6_000);
    assert_eq!(hall.between(2, 0).len(), 1);
}

#[test]
fn mesh_5_who_comes_back_to_where_its_name_is_taken_takes_another() {
    let mut hall = Hall::of(3);
    let founder = identity(1).key();
    let is_of_founder = |record: &Record| record.entry().is_some_and(|entry| entry.entry.author == founder);
    let kept: Vec<Record> = hall.nodes[2].stored.iter().filter(|record| !is_of_founder(record)).cloned().collect();
    hall.command(2, Command::Quit);
    hall.command(1, Command::Quit);
    hall.command(0, Command::Name { name: "m2".to_string() });
    hall.pass(3_000);
    hall.back_by(2, "m2", kept, Some(0));
    hall.pass(6_000);
    let names: Vec<String> = hall.states(0).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["m2", "m2-2"], "{:?}", hall.nodes[2].closed);
    assert_eq!(hall.between(2, 0).len(), 1);
}
