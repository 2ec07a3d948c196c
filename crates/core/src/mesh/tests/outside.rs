//! Who stands outside, and may know better than those inside (SPEC MESH-27).

use alloc::string::{String, ToString as _};
use alloc::{vec, vec::Vec};

use super::hall::{Hall, at, chain, charter, identity, written};
use crate::charter::Admission;
use crate::code::Code;
use crate::command::{Command, With};
use crate::event::State;
use crate::id::{Hash, Key, LinkId};
use crate::log::StreamId;
use crate::pass::Chain;
use crate::rule::Rule;
use crate::wire::entry::{Door, EntryBody, Role};
use crate::wire::field::{List, Reason, encode_items};
use crate::wire::meeting::{Fetch, Lane, Meeting, Range, Row};
use crate::wire::option::{self, Manner, Options, OptionsBuffer};
use crate::wire::session::Purpose;
use crate::wire::{Encoded, Frame, frame};

/// A session of the founder's of which nobody inside knows.
const ANOTHER: u64 = 77;

const OPEN: EntryBody<'static> = EntryBody::Policy { door: Door::Unlocked, kept: List::NONE };

fn row(session: u64, next: u64) -> Row {
    Row { author: identity(1).key(), session, lane: Lane::Acts, first: 1, next, head: Hash([1; 32]) }
}

/// Somebody comes who shows a chain, and rows of acts.
fn comes(hall: &mut Hall, node: usize, key: Key, chain: &Chain, rows: &[Row]) -> LinkId {
    let link = hall.stranger(node, key, Purpose::MESH, 5);
    let (mut options, (count, rows)) = (OptionsBuffer::default(), encode_items(rows.iter().copied(), 64));
    chain.show(&mut options);
    options.set(&option::ACTS, &List::<Row, 64>::over(count, &rows));
    hall.join_on(node, link, &options);
    link
}

/// Of those whom the founder has let in, one whom nobody has seen; it holds two acts of which nobody else knows.
fn one_of(hall: &mut Hall, source: u8, seed: u8) -> LinkId {
    hall.from = [10, 0, 0, source];
    comes(hall, 1, identity(seed).key(), &chain(&[1, seed]), &[row(ANOTHER + u64::from(seed), 3)])
}

/// A locked room of two, who have lost each other: who has written an act does not send it.
fn locked() -> Hall {
    let mut hall = Hall::of(2);
    hall.command(0, Command::Lock);
    hall.pass(1_000);
    hall.part(0, 1);
    hall
}

/// The chain of the last WELCOME on a link.
fn welcomed(hall: &Hall, node: usize, link: LinkId) -> Option<Chain> {
    let sent = hall.nodes[node].sent.iter().rev().filter(|(on, _)| *on == link);
    sent.map(|(_, bytes)| frame::decode(&bytes.0).expect("a frame").frame).find_map(|frame| match frame {
        Some(Frame::Meeting(Meeting::Welcome(welcome))) => Some(Chain::shown(welcome.chain)),
        _ => None,
    })
}

#[test]
fn mesh_27_of_one_source_two_are_asked_and_the_oldest_that_has_brought_nothing_makes_place() {
    let mut hall = locked();
    let crowd: Vec<LinkId> = (20..24).map(|seed| one_of(&mut hall, 1, seed)).collect();
    let asked = |hall: &Hall, link: LinkId| hall.sent_on(1, link).contains(&"FETCH");
    assert_eq!(crowd.iter().map(|link| asked(&hall, *link)).collect::<Vec<_>>(), [true, true, false, false]);
    let shut_out = |link: LinkId| (link, Code::Locked, Some(Rule::Join5));
    assert_eq!(hall.nodes[1].closed, [shut_out(crowd[2]), shut_out(crowd[3])]);
    hall.pass(10);
    let others: Vec<LinkId> = (2..5)
        .flat_map(|source| [30, 40].map(|seed| (source, seed + source)))
        .map(|(source, seed)| one_of(&mut hall, source, seed))
        .collect();
    assert!(others.iter().all(|link| asked(&hall, *link)), "six more, of three sources");
    // The first has brought one of its two acts.
    hall.show(1, crowd[0], &written(&identity(1), ANOTHER + 20, &[OPEN]));
    hall.nodes[1].closed.clear();
    let late = one_of(&mut hall, 9, 50);
    assert!(asked(&hall, late), "the ninth");
    assert_eq!(hall.nodes[1].closed.first(), Some(&shut_out(crowd[1])), "which has brought nothing");
}

#[test]
fn mesh_27_a_fork_that_somebody_outside_brings_to_light_is_not_told_before_welcome() {
    let mut hall = locked();
    let session = hall.nodes[0].machine.session;
    let link = comes(&mut hall, 1, identity(20).key(), &chain(&[1, 20]), &[row(session, 9)]);
    assert_eq!(hall.sent_on(1, link), ["FETCH"]);
    hall.show(1, link, &written(&identity(1), session, &[OPEN]));
    assert!(
        hall.nodes[1].machine.replica.log.is_void(StreamId { author: identity(1).key(), session, lane: Lane::Acts }, 1)
    );
    let sent = hall.sent_on(1, link);
    let welcome = sent.iter().position(|name| *name == "WELCOME");
    assert!(sent.iter().position(|name| *name == "FORK").is_none_or(|fork| welcome.is_some_and(|at| at < fork)));
}

#[test]
fn mesh_27_who_answers_and_is_nobody_whom_one_knows_is_served_no_acts() {
    for (seed, is_served) in [(9, false), (0, true)] {
        let mut hall = locked();
        let founder = hall.nodes[0].machine.session;
        let key = if is_served { identity(3).key() } else { identity(seed).key() };
        if is_served {
            // It was here once.
            hall.blocked.clear();
            hall.command(0, Command::Unlock);
            hall.join("m2");
            hall.pass(6_000);
            (0..2).for_each(|node| hall.part(node, 2));
            hall.part(0, 1);
        }
        let link = hall.answer(key);
        let node = (0..hall.nodes.len()).find(|node| hall.sent_on(*node, link) == ["JOIN"]).expect("it asks");
        let range = Range { author: identity(1).key(), session: founder, lane: Lane::Acts, from: 1, to: 9 };
        let (count, ranges) = encode_items([range], 1);
        hall.frame(node, link, 9, Fetch { ranges: List::over(count, &ranges), options: Options::NONE });
        let sent = hall.sent_on(node, link);
        assert_eq!((sent.contains(&"ENTRY"), sent.last()), (is_served, Some(&"OK")), "{sent:?}");
    }
}

#[test]
fn mesh_27_a_lobby_asks_first_and_lets_in_who_waits_once_an_act_says_so() {
    let mut hall = Hall::new(Admission::Lobby);
    hall.join("anna");
    hall.command(0, Command::Admit { name: None });
    hall.pass(3_000);
    let (meeting, junior, key) = (charter(Admission::Lobby).meeting, identity(5), identity(20).key());
    let by_hand = Chain::default().and(junior.key(), 0, Manner::ByHand, meeting, &identity(1));
    let by_hand = by_hand.and(key, 0, Manner::ByHand, meeting, &junior);
    let eve = comes(&mut hall, 0, key, &by_hand, &[row(ANOTHER, 2)]);
    assert_eq!(hall.sent_on(0, eve), ["FETCH"], "it may know better");
    hall.pass(5_000);
    let sent = hall.sent_on(0, eve);
    let waiting = sent.iter().position(|name| *name == "WAITING");
    assert_eq!(waiting, Some(sent.len() - 1), "it knows nothing: {sent:?}");
    // Somebody else brings what it did not: another run of the founder's has made a host of who let it in.
    let (role, answers, name) = (Role::Host, Hash::ZERO, Reason::NONE);
    let grant = EntryBody::Grant { subject: junior.key(), role, answers, session: 0, name };
    let link = hall.between(0, 1)[0];
    hall.show(0, link, &signed_in(Admission::Lobby, &grant));
    assert_eq!(welcomed(&hall, 0, eve), Some(by_hand));
    assert_eq!(hall.nodes[0].machine.lobby.links(), Vec::<LinkId>::new());
}

/// What the founder has written in a run of which nobody knows.
fn signed_in(admission: Admission, body: &EntryBody<'_>) -> Vec<Encoded> {
    let mut log = crate::log::Log::new(charter(admission).meeting, 1);
    let now = crate::time::Now { tick: crate::time::Instant(0), unix_ms: ANOTHER };
    vec![log.write(&identity(1), ANOTHER, body, now).expect("room").frame.clone()]
}

#[test]
fn mesh_27_who_shows_a_chain_is_asked_before_it_is_taken_for_a_newcomer() {
    let mut hall = Hall::of(3);
    hall.command(0, Command::Kick { name: "m2".to_string(), why: String::new(), with: With::default() });
    hall.pass(1_000);
    hall.part(0, 1);
    hall.command(0, Command::Unban { name: "m2".to_string() });
    let (us, shown) = (identity(20).key(), chain(&[1, 3, 20]));
    let rows = hall.nodes[0].machine.replica.log.rows(0);
    let rows: Vec<Row> = rows.into_iter().filter(|row| row.lane == Lane::Acts).collect();
    let link = comes(&mut hall, 1, us, &shown, &rows);
    assert_eq!(hall.sent_on(1, link), ["FETCH"], "by what node 1 holds, who let it in is out");
    let acts: Vec<Encoded> = hall.nodes[0].machine.replica.log.acts().map(|act| act.frame.clone()).collect();
    hall.show(1, link, &acts[1..]);
    assert_eq!(welcomed(&hall, 1, link), Some(shown), "no chain and no history that begin anew");
}

#[test]
fn mesh_27_join_shows_the_acts_of_the_newest_sessions() {
    let mut hall = Hall::of(2);
    let link = hall.between(1, 0)[0];
    (1..=70).for_each(|session| hall.show(1, link, &written(&identity(1), session, &[OPEN])));
    hall.pass(5_000);
    hall.part(0, 1);
    let link = hall.answer(identity(9).key());
    let node = (0..2).find(|node| hall.sent_on(*node, link) == ["JOIN"]).expect("it asks");
    let (_, join) = hall.nodes[node].sent.iter().rfind(|(on, _)| *on == link).expect("JOIN");
    let Some(Frame::Meeting(Meeting::Join(join))) = frame::decode(&join.0).expect("a frame").frame else {
        panic!("JOIN")
    };
    let rows = join.options.find::<List<'_, Row, 64>>(&option::ACTS).expect("acts");
    let mut sessions: Vec<u64> = rows.iter().map(|row| row.session).collect();
    sessions.sort_unstable();
    assert_eq!(sessions, (7..=70).collect::<Vec<u64>>());
}

#[test]
fn lobby_8_a_host_that_has_lost_its_chain_is_no_newcomer() {
    let mut hall = Hall::new(Admission::Lobby);
    let (role, answers, name) = (Role::Host, Hash::ZERO, Reason::NONE);
    let subject = identity(20).key();
    hall.write(0, &EntryBody::Grant { subject, role, answers, session: 0, name }, hall.now);
    let link = hall.knocker(0, subject, 5);
    assert_eq!(hall.sent_on(0, link).first(), Some(&"WELCOME"));
}

#[test]
fn pass_4_a_shorter_chain_has_no_higher_floor_than_the_one_that_it_stands_for() {
    let mut hall = Hall::of(2);
    let meeting = charter(Admission::Open).meeting;
    let seeds: Vec<u8> = core::iter::once(1).chain(40..56).collect();
    let (shown, key) = (chain(&seeds), identity(55).key());
    for (floor, is_kept) in [(0, false), (50, true)] {
        let ours = Chain::default().and(identity(2).key(), floor, Manner::Unasked, meeting, &identity(1));
        hall.nodes[1].machine.newcomer.chain = ours;
        let link = comes(&mut hall, 1, key, &shown, &[]);
        let given = welcomed(&hall, 1, link).expect("it has a seat");
        assert_eq!((given == shown, given.floor()), (is_kept, 0), "{given:?}");
        hall.down(1, link, Code::Left);
    }
}

#[test]
fn join_8_counts_none_whom_its_source_has_kept_out() {
    let mut hall = Hall::new(Admission::Open);
    let key = identity(200).key();
    for number in 100..=255 {
        let link = hall.knocker(0, identity(number).key(), 5);
        hall.down(0, link, Code::Left);
    }
    for run in 1..=5 {
        let link = hall.knocker(0, key, run);
        assert_eq!(hall.nodes[0].closed.last(), Some(&(link, Code::TooSoon, Some(Rule::Mesh24))), "run {run}");
    }
    hall.from = [10, 0, 0, 1];
    let link = hall.knocker(0, key, 9);
    assert!(hall.sent_on(0, link).contains(&"WELCOME"), "{:?}", hall.nodes[0].closed.last());
}

#[test]
fn join_7_who_is_in_and_not_here_has_no_name() {
    let mut hall = Hall::of(2);
    let eve = hall.knocker(0, identity(20).key(), 5);
    assert!(hall.sent_on(0, eve).contains(&"WELCOME"));
    let mut config = hall.config(2, &alloc::format!("eve-{}", identity(20).key().0[0]));
    (config.newcomer.name_is_chosen, config.newcomer.addresses) = (true, vec![at(0).to_string()]);
    let bea = hall.start(config);
    hall.pass(3_000);
    assert_eq!(hall.closed_with(bea), None);
    assert!(hall.states(bea).iter().all(|(_, state)| matches!(state, State::You | State::Linked)));
}
