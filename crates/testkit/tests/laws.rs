//! The laws of machines, over the star's.
#![expect(clippy::unwrap_used, reason = "what goes wrong in here fails a test, as it should")]

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tertulia_core::charter::{Admission, Charter, Questions, SignedCharter, Terms};
use tertulia_core::code::Code;
use tertulia_core::command::{Command, With};
use tertulia_core::event::{Event, Notice};
use tertulia_core::id::{Hash, Key, MeetingId, RequestId, Salt, Token};
use tertulia_core::identity::{Identity, Secret};
use tertulia_core::log::{Log, Record};
use tertulia_core::machine::{Input, Machine, Output};
use tertulia_core::mesh::{Member, MemberConfig, Restored};
use tertulia_core::node::{Guess, Node};
use tertulia_core::pass::Chain;
use tertulia_core::star::{Attendee, Host, HostConfig, NewcomerConfig, Tickets};
use tertulia_core::time::{Instant, Now, Timers};
use tertulia_core::wire::address::Address;
use tertulia_core::wire::entry::{Door, EntryBody, Heard, Role};
use tertulia_core::wire::field::{Block, List, Name, Reason, Signed, Text, Title, decode_all, encode_items};
use tertulia_core::wire::meeting::{Digest, Join, Links, Welcome, Whereabouts};
use tertulia_core::wire::option::{Manner, Options};
use tertulia_core::wire::private::Tell;
use tertulia_core::wire::session::{Done, Purpose};
use tertulia_core::wire::{Encoded, Frame};
use tertulia_testkit::frames::ask;
use tertulia_testkit::laws::{Court, Step};
use tertulia_testkit::scheme::Hashed;

const NOW: Now = Now { tick: Instant(0), unix_ms: 1_700_000_000_000 };

fn identity(number: u8) -> Identity {
    Identity::new(Secret([number; 32]), Arc::new(Hashed))
}

/// The host's key, then those of guests.
fn peers() -> Vec<Key> {
    (1..6).map(|number| identity(number).key()).collect()
}

fn charter() -> SignedCharter {
    charter_with(Admission::Open)
}

fn charter_with(admission: Admission) -> SignedCharter {
    let founder = identity(1);
    let terms = Terms {
        kind: Purpose::STAR,
        founder: founder.key(),
        nonce: Token([1; 16]),
        admission,
        ticket: Key::ZERO,
        questions: Questions::Open,
        history: 3,
        guests: 3,
        title: Title::new("Laws").unwrap(),
    };
    SignedCharter::found(terms, &founder).unwrap()
}

/// What lets somebody into a meeting again.
fn chain(guest: Key, charter: &SignedCharter) -> Chain {
    Chain::default().and(guest, 0, Manner::Unasked, charter.meeting, &identity(1))
}

fn request<'a>(frame: impl Into<Frame<'a>>) -> Encoded {
    frame.into().encode(RequestId(1))
}

fn event<'a>(frame: impl Into<Frame<'a>>) -> Encoded {
    frame.into().encode(RequestId::EVENT)
}

/// What the host writes in another run, and a rival of its second line.
fn entries() -> Vec<Encoded> {
    let (host, meeting) = (identity(1), charter().meeting);
    let text = |text| EntryBody::Text { salt: Salt::ZERO, text: Text::new(text).unwrap() };
    let (whereabouts, name, addresses) = (Whereabouts::Here, Name::new("ada").unwrap(), List::NONE);
    let name = EntryBody::Person { whereabouts, name, addresses, chain: List::NONE, proof: List::NONE };
    let locked = EntryBody::Policy { door: Door::Locked, kept: List::NONE };
    let bodies = [name, text("one"), text("two"), locked, text("three"), text("four"), text("five")];
    let (mut log, mut rival) = (Log::new(meeting, 100), Log::new(meeting, 100));
    let mut entries: Vec<_> = bodies.iter().map(|body| log.write(&host, 7, body, NOW).unwrap().frame.clone()).collect();
    bodies[..2].iter().for_each(|body| drop(rival.write(&host, 7, body, NOW).unwrap()));
    entries.push(rival.write(&host, 7, &text("another two"), NOW).unwrap().frame.clone());
    entries.push(log.write(&host, 8, &EntryBody::End { why: Reason::NONE }, NOW).unwrap().frame.clone());
    entries
}

fn join() -> Encoded {
    request(Join { meeting: MeetingId::ZERO, options: Options::NONE })
}

fn empty_digest() -> Encoded {
    event(Digest { rows: List::over(0, &[]), options: Options::NONE })
}

/// What guests send that are let in: JOIN and DIGEST first.
fn from_guests() -> Vec<Encoded> {
    let meeting = charter().meeting;
    let mut frames = vec![join(), empty_digest()];
    for number in 2..6 {
        let asker = identity(number);
        for (at, text) in ["why", "damn", "how"].into_iter().enumerate() {
            let token = Token([number.wrapping_mul(16).wrapping_add(u8::try_from(at).unwrap()); 16]);
            frames.push(request(ask(&asker, meeting, token, Heard::NONE, ("p1", text))));
            let text = Text::new(text).unwrap();
            frames.push(request(Tell { token, text, options: Options::NONE }));
        }
    }
    // Most guests want nothing but to be there.
    for _ in 0..12 {
        frames.extend([join(), empty_digest()]);
    }
    frames
}

/// Where the host's name stands in what it sends: after as many WELCOMEs.
const NAME_AT: usize = 8;

/// What a host sends: WELCOME first.
fn from_host() -> Vec<Encoded> {
    let charter = charter();
    let signed: Signed<'_, Charter<'_>> = decode_all(charter.bytes()).unwrap();
    let mut log = Log::new(charter.meeting, 100);
    log.write(&identity(1), 7, &EntryBody::Policy { door: Door::Locked, kept: List::NONE }, NOW).unwrap();
    let mut frames = Vec::new();
    for rows in [vec![], log.rows(0)] {
        let (count, items) = encode_items(rows, 10);
        let rows = List::over(count, &items);
        chain(identity(2).key(), &charter).with_list(|chain| {
            let welcome = Welcome { charter: Block(signed), chain, rows, options: Options::NONE };
            (0..NAME_AT / 2).for_each(|_| frames.push(request(welcome)));
        });
    }
    frames.extend(entries());
    frames
}

fn host() -> Court<Node> {
    host_of(charter())
}

fn host_of(charter: SignedCharter) -> Court<Node> {
    let host = Host::new(HostConfig {
        identity: identity(1),
        log: Log::new(charter.meeting, 5),
        charter,
        name: "ada".into(),
        started_ms: NOW.unix_ms,
        seed: [1; 32],
        filter: vec!["damn".into()],
        tickets: Tickets::default(),
        addresses: vec!["a:1".into()],
    });
    Court::new(Node::new(host), peers(), from_guests())
}

fn attendee() -> Court<Node> {
    Court::new(Node::new(Attendee::new(attendee_config())), peers(), from_host())
}

fn attendee_config() -> NewcomerConfig {
    NewcomerConfig {
        identity: identity(2),
        name: "bea".into(),
        name_is_chosen: false,
        started_ms: NOW.unix_ms,
        seed: [1; 32],
        meeting: MeetingId::ZERO,
        host: None,
        ticket: None,
        addresses: vec!["a:1".into()],
        restored: None,
        others: Vec::new(),
        note: String::new(),
        talk_max: 5,
    }
}

/// The charter of a room.
fn room() -> SignedCharter {
    let founder = identity(1);
    let terms = Terms {
        kind: Purpose::MESH,
        founder: founder.key(),
        nonce: Token([1; 16]),
        admission: Admission::Open,
        ticket: Key::ZERO,
        questions: Questions::Open,
        history: 3,
        guests: 5,
        title: Title::new("Laws").unwrap(),
    };
    SignedCharter::found(terms, &founder).unwrap()
}

/// What members send: JOIN, WELCOME, rows, and what they have written in another run, with a rival.
fn from_members() -> Vec<Encoded> {
    let charter = room();
    let signed: Signed<'_, Charter<'_>> = decode_all(charter.bytes()).unwrap();
    let mut frames = vec![join(), join(), join(), empty_digest(), empty_digest()];
    let mut log = Log::new(charter.meeting, 100);
    let mut rival = Log::new(charter.meeting, 100);
    let mut written = Vec::new();
    for number in 1..5 {
        let us = identity(number);
        let name = format!("p{number}");
        let (count, addresses) = encode_items([Address::of("192.0.2.1:7473".parse().unwrap())], 1);
        let (name, addresses) = (Name::new(&name).unwrap(), List::over(count, &addresses));
        let pass = Chain::default().and(us.key(), 0, Manner::Unasked, charter.meeting, &identity(1));
        let chain = if number == 1 { Chain::default() } else { pass };
        let person = |log: &mut Log, whereabouts| {
            chain.with_list(|chain| {
                let person = EntryBody::Person { whereabouts, name, addresses, chain, proof: List::NONE };
                log.write(&us, 7, &person, NOW).map(|entry| entry.frame.clone())
            })
        };
        let text = |text| EntryBody::Text { salt: Salt::ZERO, text: Text::new(text).unwrap() };
        for subject in 2..6 {
            let (subject, role, answers) = (identity(subject).key(), Role::Host, Hash::ZERO);
            let grant = EntryBody::Grant { subject, role, answers, session: 0, name: Reason::NONE };
            written.extend(log.write(&us, 7, &grant, NOW).map(|entry| entry.frame.clone()));
        }
        written.extend(person(&mut log, Whereabouts::Here));
        written.extend(
            ["one", "two"]
                .iter()
                .filter_map(|said| log.write(&us, 7, &text(said), NOW))
                .map(|entry| entry.frame.clone()),
        );
        written.extend(person(&mut log, Whereabouts::Gone));
        written.extend(rival.write(&us, 7, &text("another one"), NOW).map(|entry| entry.frame.clone()));
    }
    written.extend(
        log.write(&identity(1), 8, &EntryBody::Policy { door: Door::Locked, kept: List::NONE }, NOW)
            .map(|entry| entry.frame.clone()),
    );
    let (count, items) = encode_items(log.rows(0), 30);
    let rows = List::over(count, &items);
    for _ in 0..4 {
        chain(identity(2).key(), &charter).with_list(|chain| {
            frames.push(request(Welcome { charter: Block(signed), chain, rows, options: Options::NONE }));
        });
        frames.push(event(Digest { rows, options: Options::NONE }));
    }
    let (count, keys) = encode_items([identity(2).key(), identity(3).key()], 2);
    frames.push(event(Links { keys: List::over(count, &keys), options: Options::NONE }));
    frames.push(request(Tell { token: Token([9; 16]), text: Text::new("psst").unwrap(), options: Options::NONE }));
    frames.extend(written);
    frames
}

fn member(number: u8) -> Court<Node> {
    let kept = |log| Restored { charter: room(), pass: None, log };
    let restored = (number == 1).then(|| kept(Log::new(room().meeting, 5)));
    let addresses = if number == 1 { vec![] } else { vec!["a:1".into()] };
    let (identity, name) = (identity(number), format!("p{number}"));
    let newcomer = NewcomerConfig { identity, name, addresses, restored, ..attendee_config() };
    let member = Member::new(MemberConfig {
        newcomer,
        tickets: Tickets::default(),
        addresses: vec!["b:1".into()],
        told: vec![],
        port: None,
    });
    Court::new(Node::new(member), peers(), from_members()).linked_for(Purpose::MESH)
}

/// A room, for whoever does not know what is at the address.
fn some_room() -> MemberConfig {
    MemberConfig {
        newcomer: attendee_config(),
        tickets: Tickets::default(),
        addresses: vec![],
        told: vec![],
        port: None,
    }
}

fn newcomer() -> Court<Node> {
    Court::new(Node::newcomer(some_room()), peers(), from_host())
}

/// Somebody who was in the room when it was last at the address.
fn returner(frames: Vec<Encoded>) -> Court<Node> {
    let log = Log::restored(room().meeting, 5, from_members().into_iter().map(Record::Entry));
    let restored = Restored { charter: room(), pass: None, log };
    let guess = Guess { restored, heard: "just now".into() };
    Court::new(Node::returner(guess, some_room()), peers(), frames)
}

fn command() -> impl Strategy<Value = Command> {
    let name = (0_u8..6).prop_map(|number| format!("p{number}"));
    let text = prop_oneof!["[a-z ]{0,12}", Just("damn".to_string()), Just("x".repeat(17_000))];
    prop_oneof![
        6 => text.clone().prop_map(|text| Command::Say { text }),
        2 => (name.clone(), text).prop_map(|(to, text)| Command::Msg { to, text }),
        1 => Just(Command::Msg { to: "ada".into(), text: "psst".into() }),
        2 => prop_oneof![name.clone(), Just("a b".to_string())].prop_map(|name| Command::Name { name }),
        1 => Just(Command::Users),
        1 => (name.clone(), any::<(bool, bool)>()).prop_map(|(name, (all, ticket))| Command::Kick {
            name,
            why: String::new(),
            with: With { all, ticket },
        }),
        1 => name.clone().prop_map(|name| Command::Unban { name }),
        1 => name.clone().prop_map(|name| Command::Mute { name }),
        1 => name.clone().prop_map(|name| Command::Unmute { name }),
        2 => proptest::option::of(name.clone()).prop_map(|name| Command::Admit { name }),
        1 => name.prop_map(|name| Command::Deny { name, why: String::new() }),
        1 => prop_oneof![Just(Command::Lock), Just(Command::Unlock)],
    ]
}

fn happening() -> impl Strategy<Value = Step> {
    let code = prop_oneof![0_u16..5, 0x10_u16..0x24, 0x30_u16..0x3a, 0x100_u16..0x105, any::<u16>()];
    prop_oneof![
        4 => (any::<u8>(), any::<bool>(), 0_u64..64, proptest::option::weighted(0.9, any::<u8>()))
            .prop_map(|(peer, dialled, started_ms, name)| Step::Up { peer, dialled, started_ms, name }),
        6 => (any::<usize>(), any::<usize>(), proptest::collection::vec(any::<u64>(), 1..8))
            .prop_map(|(link, kind, draws)| Step::Frame { link, kind, draws }),
        16 => (any::<usize>(), any::<usize>()).prop_map(|(link, which)| Step::Prepared { link, which }),
        9 => any::<bool>().prop_map(|done| Step::Answer { done }),
        1 => (any::<usize>(), code.clone()).prop_map(|(link, code)| Step::Down { link, code }),
        1 => code.prop_map(|code| Step::Unreachable { code }),
        6 => command().prop_map(Step::Command),
    ]
}

/// A host lets three guests in; an attendee is let in, and told its host's name.
fn prologue() -> impl Strategy<Value = Vec<Step>> {
    let up = |peer, dialled| Step::Up { peer, dialled, started_ms: 1, name: Some(peer) };
    let guest = move |at: u8| {
        let link = usize::from(at);
        [up(at.wrapping_add(1), false), Step::Prepared { link, which: 0 }, Step::Prepared { link, which: 1 }]
    };
    let host = (0..3).flat_map(guest).collect::<Vec<_>>();
    let attendee = vec![up(0, true), Step::Prepared { link: 0, which: 0 }, Step::Prepared { link: 0, which: NAME_AT }];
    prop_oneof![Just(host), Just(attendee), Just(vec![])]
}

/// Half of the steps jump exactly to a deadline: random gaps miss what is off by one there.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let time = prop_oneof![9 => Just(Step::Due), 1 => (0_u64..20_000).prop_map(|ms| Step::Wait { ms })];
    let step = prop_oneof![time, happening()];
    let last = prop_oneof![Just(Command::Quit), Just(Command::Stop), Just(Command::End), Just(Command::Users)];
    (prologue(), proptest::collection::vec(step, 1..60), last).prop_map(|(mut steps, more, last)| {
        steps.extend(more);
        steps.extend([Step::Command(last), Step::Due, Step::Command(Command::Users)]);
        steps
    })
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_host_keeps_the_laws(steps in steps()) {
        let mut court = host();
        steps.iter().for_each(|step| court.step(step));
    }

    #[test]
    fn a_host_with_a_lobby_keeps_the_laws(steps in steps()) {
        let mut court = host_of(charter_with(Admission::Lobby));
        steps.iter().for_each(|step| court.step(step));
    }

    #[test]
    fn a_founder_of_a_room_keeps_the_laws(steps in steps()) {
        let mut court = member(1);
        steps.iter().for_each(|step| court.step(step));
    }

    #[test]
    fn a_newcomer_to_a_room_keeps_the_laws(steps in steps()) {
        let mut court = member(2);
        steps.iter().for_each(|step| court.step(step));
    }

    #[test]
    fn who_does_not_know_where_it_goes_keeps_the_laws(steps in steps()) {
        let mut court = newcomer();
        steps.iter().for_each(|step| court.step(step));
    }

    #[test]
    fn join_17_who_comes_back_to_an_address_keeps_the_laws(steps in steps(), is_lecture: bool) {
        let mut court = returner(if is_lecture { from_host() } else { from_members() });
        steps.iter().for_each(|step| court.step(step));
    }

    #[test]
    fn an_attendee_keeps_the_laws(steps in steps()) {
        let mut court = attendee();
        steps.iter().for_each(|step| court.step(step));
    }
}

/// What the steps above reach: laws about frames that never come would hold by themselves.
#[test]
fn the_steps_reach_all_that_a_machine_can_be_told() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut inputs: BTreeMap<&str, u64> = BTreeMap::new();
    let mut add = |found: &BTreeMap<&'static str, u64>| {
        found.iter().for_each(|(what, times)| *inputs.entry(what).or_default() += times);
    };
    for _ in 0..200 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        let (mut host, mut attendee, mut newcomer) = (host(), attendee(), member(2));
        for step in &steps {
            host.step(step);
            attendee.step(step);
            newcomer.step(step);
        }
        [&host.inputs, &attendee.inputs, &newcomer.inputs].into_iter().for_each(&mut add);
    }
    let all = ["start", "up", "down", "unreachable", "command", "timeout", "OK", "ERROR", "JOIN", "WELCOME", "ENTRY"];
    let more = ["DIGEST", "FETCH", "FORK", "PRESENCE", "RENAME", "WAITING", "TELL", "ASK"];
    for what in all.into_iter().chain(more) {
        assert!(inputs.contains_key(what), "{what} never comes: {inputs:?}");
    }
}

/// A machine that keeps the laws, and breaks one if it is told to.
#[derive(Clone, Debug)]
struct Outlaw {
    breaks: Option<Crime>,
    timers: Timers<u8>,
    calls: std::cell::Cell<u64>,
    state: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Crime {
    /// `<` for `<=`.
    FiresLate,
    /// A deadline is armed again for the same time.
    NeverDone,
    /// It says something whenever it is asked.
    Chatters,
    /// It counts calls that it should not notice.
    Notices,
    /// It depends on something other than its state.
    Dices,
    /// It sends to a link that is gone.
    SendsAfterDown,
    /// It closes what is closed.
    ClosesTwice,
    /// It answers what nobody has asked.
    Answers,
}

thread_local! {
    static OUTSIDE: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

impl Outlaw {
    fn is(&self, crime: Crime) -> bool {
        self.breaks == Some(crime)
    }
}

impl Machine for Outlaw {
    fn handle(&mut self, input: Input<'_>, now: Now, out: &mut Vec<Output>) {
        self.timers.arm(0, now.tick.after(Duration::from_millis(5)));
        let close = |link| Output::Close { link, code: Code::Left, rule: None, reason: String::new() };
        match input {
            Input::Up { link, .. } if self.is(Crime::Answers) => {
                out.push(Output::Send { link, frame: request(Done { options: Options::NONE }) });
            }
            Input::Up { link, .. } => {
                out.push(close(link));
                if self.is(Crime::ClosesTwice) {
                    out.push(close(link));
                }
                if self.is(Crime::SendsAfterDown) {
                    out.push(Output::Follow { link, start: tertulia_core::feed::Start::default() });
                }
            }
            Input::Start
            | Input::Frame { .. }
            | Input::Down { .. }
            | Input::Unreachable { .. }
            | Input::Command { .. } => {}
        }
        if self.is(Crime::Dices) {
            self.state = OUTSIDE.with(|outside| outside.replace(outside.get().wrapping_add(1)));
        }
    }

    fn handle_timeout(&mut self, now: Now, out: &mut Vec<Output>) {
        let late = if self.is(Crime::FiresLate) { 1 } else { 0 };
        if self.is(Crime::Chatters) {
            out.push(Output::Event(Event::Warning(Notice::NoTickets)));
        }
        if self.is(Crime::Notices) {
            self.calls.set(self.calls.get().wrapping_add(1));
        }
        while self.timers.expire(Instant(now.tick.0.saturating_sub(late))).is_some() {
            if self.is(Crime::NeverDone) {
                self.timers.arm(0, now.tick);
                return;
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    fn assert_invariants(&self) {}
}

#[test]
fn every_law_that_is_broken_is_noticed() {
    let steps = [
        Step::Up { peer: 0, dialled: false, started_ms: 0, name: None },
        Step::Due,
        Step::Wait { ms: 1 },
        Step::Command(Command::Users),
        Step::Due,
    ];
    let crimes = [
        Crime::FiresLate,
        Crime::NeverDone,
        Crime::Chatters,
        Crime::Notices,
        Crime::Dices,
        Crime::SendsAfterDown,
        Crime::ClosesTwice,
        Crime::Answers,
    ];
    for breaks in std::iter::once(None).chain(crimes.map(Some)) {
        let machine = Outlaw { breaks, timers: Timers::default(), calls: std::cell::Cell::new(0), state: 0 };
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut court = Court::new(machine, peers(), vec![]);
            steps.iter().for_each(|step| court.step(step));
        }));
        assert_eq!(result.is_err(), breaks.is_some(), "{breaks:?}");
    }
}
