//! Host and attendees with nothing between them: no channel, no link, no time that passes by itself.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::wildcard_enum_match_arm,
    reason = "a test that panics has failed"
)]

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::{vec, vec::Vec};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::*;
use crate::charter::{Admission, Questions, SignedCharter};
use crate::code::Code;
use crate::command::{Command, Failure, Place, With, Words};
use crate::door::Tickets;
use crate::event::{Deed, Event, Issued, Kind, Notice};
use crate::feed::{Feed, Reader};
use crate::id::{CommandId, DialId, Hash, Key, LinkId, MeetingId, RequestId, Signature, Token};
use crate::identity::{Domain, Ed25519, Identity, Secret, identity};
use crate::limits;
use crate::log::{Log, Marks, Record, StreamId};
use crate::machine::{Input, Kept, Machine, Output};
use crate::reason;
use crate::rule::Rule;
use crate::ticket::Ticket;
use crate::time::{Instant, Now};
use crate::wire::Encoded;
use crate::wire::entry::{Entry, EntryBody, Heard, Level, Role};
use crate::wire::field::{List, Name, Reason, Text, encode_items};
use crate::wire::frame::{self, Frame};
use crate::wire::meeting::{Digest, Fork, Join, Lane, Meeting, Row};
use crate::wire::private::{Ask, asked};
use crate::wire::session::{Hello, Purpose, Session};

/// Where everybody is.
const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 40_000);

/// One node: its machine, what it has told its user, what it has kept.
struct Node<M> {
    machine: M,
    events: Vec<Event>,
    kept: BTreeMap<Kept, Vec<u8>>,
    stored: Vec<Record>,
    closed: Vec<(LinkId, Code, Option<Rule>)>,
}

impl<M: Machine> Node<M> {
    fn new(machine: M) -> Self {
        Self { machine, events: vec![], kept: BTreeMap::new(), stored: vec![], closed: vec![] }
    }

    fn texts(&self) -> Vec<String> {
        let text = |event: &Event| match event {
            Event::Message { kind: Kind::Text(_), text, .. } => Some(text.clone()),
            Event::Message { kind: Kind::Question(..), from, text, .. } => Some(alloc::format!("{from}? {text}")),
            _ => None,
        };
        self.events.iter().filter_map(text).collect()
    }

    fn closed_with(&self) -> Option<Code> {
        let code = |event: &Event| if let Event::Closed { code, .. } = event { Some(*code) } else { None };
        self.events.iter().find_map(code)
    }
}

impl Node<Attendee> {
    /// What it has on its disk. `shown`: what its user has seen, if not all.
    fn disk(&self, shown: Option<&Marks>) -> Restored {
        let charter =
            SignedCharter::check(&self.kept[&Kept::Charter], MeetingId::ZERO, &identity(2)).expect("a charter");
        let log = Log::after(charter.meeting, &self.stored, shown);
        Restored { charter, pass: self.kept.get(&Kept::Pass).cloned(), log }
    }
}

/// A host and its attendees; attendee `n` has link `n` at both ends, until it dials again.
struct Lecture {
    host: Node<Host>,
    feed: Feed,
    readers: BTreeMap<LinkId, Reader>,
    attendees: BTreeMap<LinkId, Node<Attendee>>,
    /// Frames that the host has sent to each link, ever.
    sent: BTreeMap<LinkId, Vec<Encoded>>,
    now: Now,
    links: u64,
}

struct Options {
    admission: Admission,
    questions: Questions,
    history: u32,
    filter: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { admission: Admission::Open, questions: Questions::Open, history: u32::MAX, filter: vec![] }
    }
}

const TICKET: Secret = Secret([9; 32]);

fn host_config(options: &Options) -> HostConfig {
    let us = identity(1);
    let ticket = (options.admission == Admission::Ticket).then_some(TICKET);
    let charter = SignedCharter::sample(Purpose::STAR, &us, |terms| {
        (terms.admission, terms.questions, terms.history) = (options.admission, options.questions, options.history);
        terms.ticket = ticket.map_or(Key::ZERO, |seed| Identity::new(seed, Arc::new(Ed25519)).key());
        terms.guests = 1_000;
    });
    HostConfig {
        log: Log::new(charter.meeting, limits::TALK_ENTRIES_MAX),
        charter,
        name: "hedy".to_string(),
        started_ms: 1_000,
        seed: [1; 32],
        filter: options.filter.clone(),
        tickets: Tickets::first(ticket, &us),
        identity: us,
        addresses: vec!["host:1".to_string()],
    }
}

/// A host in a later run.
fn host_again(options: &Options, records: &[Record], shown: Option<&Marks>) -> HostConfig {
    let config = host_config(options);
    HostConfig { log: Log::after(config.charter.meeting, records, shown), started_ms: 5_000, ..config }
}

/// A host that keeps only so many entries of talk.
fn host_that_keeps(talk_max: usize) -> HostConfig {
    let config = host_config(&Options::default());
    HostConfig { log: Log::new(config.charter.meeting, talk_max), ..config }
}

fn attendee_config(seed: u8, name: &str) -> NewcomerConfig {
    NewcomerConfig {
        identity: identity(seed),
        name: name.to_string(),
        name_is_chosen: false,
        started_ms: 2_000,
        seed: [seed; 32],
        meeting: MeetingId::ZERO,
        host: None,
        ticket: None,
        addresses: vec!["host:1".to_string()],
        restored: None,
        others: Vec::new(),
        note: String::new(),
        talk_max: limits::TALK_ENTRIES_MAX,
    }
}

impl Lecture {
    fn new(options: &Options) -> Self {
        Self::with(host_config(options))
    }

    /// A lecture, and somebody who has joined it.
    fn with_anna(options: &Options) -> (Self, LinkId) {
        let mut lecture = Self::new(options);
        let anna = lecture.join(attendee_config(2, "anna"));
        (lecture, anna)
    }

    fn with(config: HostConfig) -> Self {
        let now = Now { tick: Instant(1_000), unix_ms: 1_000 };
        let mut lecture = Self {
            feed: Feed::default(),
            host: Node::new(Host::new(config)),
            readers: BTreeMap::new(),
            attendees: BTreeMap::new(),
            sent: BTreeMap::new(),
            now,
            links: 0,
        };
        lecture.host_input(Input::Start);
        lecture
    }

    /// Starts an attendee, which dials at once; its link if it gets one.
    fn join(&mut self, config: NewcomerConfig) -> LinkId {
        let key = config.identity.key();
        let mut node = Node::new(Attendee::new(config));
        let mut out = vec![];
        node.machine.handle(Input::Start, self.now, &mut out);
        self.links += 1;
        let link = LinkId(self.links);
        self.attendees.insert(link, node);
        self.attendee_outputs(link, key, out);
        link
    }

    fn ticket(&self) -> Ticket {
        let ticket = |event: &Event| if let Event::Ready { ticket, .. } = event { Some(ticket.clone()) } else { None };
        self.host.events.iter().rev().find_map(ticket).expect("a ticket").parse().expect("a ticket that parses")
    }

    fn host_input(&mut self, input: Input<'_>) {
        let mut out = vec![];
        self.host.machine.handle(input, self.now, &mut out);
        self.host_outputs(out);
    }

    fn host_command(&mut self, command: Command) {
        self.host_input(Input::Command { id: CommandId(7), command });
    }

    fn say(&mut self, text: &str) {
        self.host_command(Command::Say { text: text.to_string() });
    }

    fn command(&mut self, link: LinkId, command: Command) {
        let mut out = vec![];
        let node = self.attendees.get_mut(&link).expect("an attendee");
        node.machine.handle(Input::Command { id: CommandId(8), command }, self.now, &mut out);
        self.attendee_outputs(link, Key::ZERO, out);
    }

    fn ask(&mut self, link: LinkId, text: &str) {
        self.command(link, Command::Say { text: text.to_string() });
    }

    /// Lets `span` milliseconds pass.
    fn pass(&mut self, span: u64) {
        self.now.tick.0 += span;
        self.now.unix_ms += span;
        let mut out = vec![];
        self.host.machine.handle_timeout(self.now, &mut out);
        self.host_outputs(out);
        for link in self.attendees.keys().copied().collect::<Vec<_>>() {
            let (mut out, now) = (vec![], self.now);
            let node = self.attendees.get_mut(&link).expect("an attendee");
            node.machine.handle_timeout(now, &mut out);
            self.attendee_outputs(link, Key::ZERO, out);
        }
    }

    fn host_outputs(&mut self, out: Vec<Output>) {
        let mut closing = VecDeque::new();
        for output in out {
            match output {
                Output::Send { link, frame } => {
                    self.readers.entry(link).or_default().owe(frame, self.feed.head());
                }
                Output::Append { entry, at, dropped } => self.feed.append(entry, at, dropped),
                Output::Store { record, .. } => self.host.stored.push(record),
                Output::Follow { link, start } => self.readers.entry(link).or_default().follow(start, &self.feed),
                Output::Close { link, code, rule, .. } => {
                    self.host.closed.push((link, code, rule));
                    closing.push_back((link, code));
                }
                Output::Event(event) => self.host.events.push(event),
                Output::Keep { name, bytes, .. } => drop(self.host.kept.insert(name, bytes)),
                Output::Dial { .. } => panic!("a host dials nobody"),
            }
        }
        self.host.machine.assert_invariants();
        self.deliver();
        for (link, code) in closing {
            self.readers.remove(&link);
            self.attendee_down(link, code);
        }
    }

    fn deliver(&mut self) {
        for link in self.readers.keys().copied().collect::<Vec<_>>() {
            while let Some(frame) = self.readers.get_mut(&link).and_then(|reader| reader.next(&self.feed, usize::MAX)) {
                self.sent.entry(link).or_default().push(frame.clone());
                let decoded = frame::decode(&frame.0).expect("a frame");
                let (id, frame) = (decoded.id, decoded.frame.expect("a known frame"));
                let mut out = vec![];
                if let Some(node) = self.attendees.get_mut(&link) {
                    node.machine.handle(Input::Frame { link, id, frame }, self.now, &mut out);
                }
                self.attendee_outputs(link, Key::ZERO, out);
            }
        }
    }

    fn attendee_down(&mut self, link: LinkId, code: Code) {
        let mut out = vec![];
        if let Some(node) = self.attendees.get_mut(&link) {
            node.machine.handle(Input::Down { link, code }, self.now, &mut out);
        }
        self.attendee_outputs(link, Key::ZERO, out);
    }

    /// Cuts a link without a word; both ends notice.
    fn cut(&mut self, link: LinkId) {
        self.readers.remove(&link);
        self.host_input(Input::Down { link, code: Code::Cut });
        self.attendee_down(link, Code::Cut);
    }

    fn attendee_outputs(&mut self, link: LinkId, key: Key, out: Vec<Output>) {
        for output in out {
            let node = self.attendees.get_mut(&link).expect("an attendee");
            match output {
                Output::Send { frame, .. } => {
                    let decoded = frame::decode(&frame.0).expect("a frame");
                    let (id, frame) = (decoded.id, decoded.frame.expect("a known frame"));
                    self.host_input(Input::Frame { link, id, frame });
                }
                Output::Store { record, .. } => node.stored.push(record),
                Output::Append { .. } | Output::Follow { .. } => panic!("an attendee feeds nobody"),
                Output::Close { code, rule, .. } => {
                    node.closed.push((link, code, rule));
                    self.readers.remove(&link);
                    self.host_input(Input::Down { link, code });
                }
                Output::Event(event) => node.events.push(event),
                Output::Keep { name, bytes, .. } => drop(node.kept.insert(name, bytes)),
                Output::Dial { id, peer, hello, .. } => self.connect(link, id, peer, key, &hello),
            }
            self.attendees[&link].machine.assert_invariants();
        }
    }

    /// The dial of an attendee leads to a link of the same number: its old one is gone by then.
    fn connect(&mut self, link: LinkId, dial: DialId, peer: Option<Key>, key: Key, hello: &Encoded) {
        let host = self.host.machine.us.key();
        let node = self.attendees.get_mut(&link).expect("an attendee");
        let key = if key == Key::ZERO { node.machine.us.key() } else { key };
        let mut out = vec![];
        if peer.is_some_and(|peer| peer != host) {
            node.machine.handle(Input::Unreachable { dial, code: Code::WrongKey }, self.now, &mut out);
            return self.attendee_outputs(link, key, out);
        }
        let decoded = frame::decode(&hello.0).expect("a frame").frame.expect("a known frame");
        let Frame::Session(Session::Hello(hello)) = decoded else { panic!("not a HELLO") };
        self.host_input(Input::Up { link, peer: key, address: ADDRESS, hello, dial: None });
        let node = self.attendees.get_mut(&link).expect("an attendee");
        let dial = Some(dial);
        node.machine.handle(Input::Up { link, peer: host, address: ADDRESS, hello, dial }, self.now, &mut out);
        self.attendee_outputs(link, key, out);
    }

    fn entries_sent(&self, link: LinkId) -> usize {
        let is_entry = |frame: &&Encoded| crate::log::entry_of(frame).is_some();
        self.sent.get(&link).map_or(0, |sent| sent.iter().filter(is_entry).count())
    }
}

fn rule_of(lecture: &Lecture, link: LinkId) -> Option<Rule> {
    lecture.host.closed.iter().rev().find(|(closed, ..)| *closed == link).and_then(|(.., rule)| *rule)
}

#[test]
fn a_lecture_is_heard_and_answered() {
    let mut lecture = Lecture::new(&Options::default());
    lecture.say("welcome");
    let (anna, bea) = (lecture.join(attendee_config(2, "anna")), lecture.join(attendee_config(3, "bea")));
    lecture.say("first");
    lecture.ask(anna, "why?");
    let expected = ["welcome", "first", "anna? why?"];
    assert_eq!(lecture.attendees[&anna].texts(), expected);
    assert_eq!(lecture.attendees[&bea].texts(), expected);
    assert_eq!(lecture.host.texts(), expected);
    assert!(lecture.attendees[&anna].events.contains(&Event::Done { id: CommandId(8) }));
}

#[test]
fn ext_5_in_each_lecture_there_is_one_register_that_nobody_knows_written_once_a_run_of_its_host() {
    let options = Options::default();
    let mut lecture = Lecture::new(&options);
    let mut last = 0;
    for run in 0..3 {
        let anna = lecture.join(attendee_config(2, "anna"));
        lecture.say("hear, hear");
        let attendee = &lecture.attendees[&anna].machine;
        let unknown = attendee.replica.log.registers().filter(|held| held.lane() != Lane::PERSON);
        let [unknown] = unknown.collect::<Vec<_>>()[..] else { panic!("run {run}: not one") };
        assert!(unknown.lane().is_grease() && unknown.id.session > last, "run {run}: {:?}", unknown.id);
        last = unknown.id.session;
        assert_eq!(lecture.attendees[&anna].closed_with(), None, "run {run}");
        let mut records = lecture.host.stored;
        lecture = Lecture::with(host_again(&options, &records, None));
        records.append(&mut lecture.host.stored);
        lecture.host.stored = records;
    }
}

#[test]
fn digest_1_a_guest_that_comes_back_gets_exactly_what_it_missed() {
    let (mut lecture, anna) = Lecture::with_anna(&Options::default());
    ["one", "two"].into_iter().for_each(|text| lecture.say(text));
    lecture.cut(anna);
    ["three", "four", "five"].into_iter().for_each(|text| lecture.say(text));
    let before = lecture.entries_sent(anna);
    lecture.pass(limits::BACKOFF_MIN.as_millis() as u64);
    assert_eq!(lecture.entries_sent(anna) - before, 3);
    assert_eq!(lecture.attendees[&anna].texts(), ["one", "two", "three", "four", "five"]);
}

#[test]
fn digest_2_a_guest_that_was_restarted_gets_exactly_what_it_missed() {
    let (mut lecture, anna) = Lecture::with_anna(&Options::default());
    ["one", "two"].into_iter().for_each(|text| lecture.say(text));
    lecture.cut(anna);
    let old = lecture.attendees.remove(&anna).expect("anna");
    lecture.say("three");
    let restored = Some(old.disk(None));
    let again = lecture.join(NewcomerConfig { restored, started_ms: 3_000, ..attendee_config(2, "anna") });
    assert_eq!(lecture.attendees[&again].texts(), ["three"]);
    assert_eq!(lecture.entries_sent(again), 1);
}

/// What a user has seen who was shown what these events tell, up to `last`.
fn shown_until(events: &[Event], last: &str) -> Option<Marks> {
    let mut shown = Marks::default();
    for event in events {
        let Event::Message { kind: Kind::Text(origin) | Kind::Question(origin, _), text, .. } = event else { continue };
        shown.note(origin.author, origin.session, origin.number);
        if text == last {
            return Some(shown);
        }
    }
    panic!("{last} was not told");
}

#[test]
fn show_3_an_attendee_is_shown_what_it_has_stored_and_not_seen_before_what_is_new() {
    let (mut lecture, anna) = Lecture::with_anna(&Options::default());
    lecture.say("one");
    lecture.ask(anna, "why?");
    lecture.say("two");
    lecture.cut(anna);
    let old = lecture.attendees.remove(&anna).expect("anna");
    lecture.say("three");
    let restored = || Some(old.disk(shown_until(&old.events, "one").as_ref()));
    let config = NewcomerConfig { restored: restored(), started_ms: 3_000, ..attendee_config(2, "anna") };
    let again = lecture.join(config);
    let told = &lecture.attendees[&again];
    assert_eq!(told.texts(), ["anna? why?", "two", "three"]);
    assert!(matches!(told.events.first(), Some(Event::Ready { .. })), "it is in the lecture first");

    // Who does not get in again is shown it too.
    let config = NewcomerConfig { restored: restored(), started_ms: 4_000, ..attendee_config(2, "anna") };
    let mut alone = Attendee::new(config);
    let mut out = vec![];
    alone.handle(Input::Start, lecture.now, &mut out);
    alone.handle(Input::Command { id: CommandId(1), command: Command::Quit }, lecture.now, &mut out);
    let mut node = Node::new(alone);
    node.events.extend(
        out.into_iter().filter_map(|output| if let Output::Event(event) = output { Some(event) } else { None }),
    );
    assert_eq!(node.texts(), ["anna? why?", "two"]);
    assert!(node.closed_with().is_some());
}

#[test]
fn show_3_a_host_is_shown_the_questions_that_it_has_published_and_not_seen() {
    let (mut lecture, anna) = Lecture::with_anna(&Options::default());
    lecture.ask(anna, "why?");
    lecture.say("because");
    lecture.ask(anna, "and how?");
    let shown = shown_until(&lecture.host.events, "why?");
    let again = Lecture::with(host_again(&Options::default(), &lecture.host.stored, shown.as_ref()));
    assert_eq!(again.host.texts(), ["anna? and how?"]);
}

#[test]
fn digest_2_a_guest_that_meets_a_lecture_it_knows_at_another_address_gets_exactly_what_it_missed() {
    let (mut lecture, anna) = Lecture::with_anna(&Options { history: 0, ..Options::default() });
    ["one", "two"].into_iter().for_each(|text| lecture.say(text));
    lecture.cut(anna);
    let old = lecture.attendees.remove(&anna).expect("anna");
    lecture.say("three");
    let others = vec![old.disk(None)];
    let again = lecture.join(NewcomerConfig { others, started_ms: 3_000, ..attendee_config(2, "anna") });
    lecture.pass(1_000);
    assert_eq!(lecture.attendees[&again].texts(), ["three"]);
}

#[test]
fn digest_1_nothing_is_lost_when_a_host_that_has_dropped_talk_is_restarted() {
    let config = |records: Vec<Record>| {
        let config = host_config(&Options::default());
        HostConfig { log: Log::restored(config.charter.meeting, 3, records), ..config }
    };
    let mut lecture = Lecture::with(config(vec![]));
    let anna = lecture.join(attendee_config(2, "anna"));
    ["one", "two", "three", "four", "five"].into_iter().for_each(|text| lecture.say(text));
    let old = lecture.attendees.remove(&anna).expect("anna");
    let mut again = Lecture::with(HostConfig { started_ms: 5_000, ..config(lecture.host.stored) });
    let restored = Some(old.disk(None));
    let anna = again.join(NewcomerConfig { restored, ..attendee_config(2, "anna") });
    ["six", "seven", "eight"].into_iter().for_each(|text| again.say(text));
    assert_eq!(again.attendees[&anna].texts(), ["six", "seven", "eight"]);
}

#[test]
fn history_1_a_newcomer_is_served_only_what_the_charter_allows() {
    for (history, expected) in [(0, vec!["new"]), (1, vec!["two", "new"]), (u32::MAX, vec!["one", "two", "new"])] {
        let mut lecture = Lecture::new(&Options { history, ..Options::default() });
        ["one", "two"].into_iter().for_each(|text| lecture.say(text));
        let anna = lecture.join(attendee_config(2, "anna"));
        lecture.say("new");
        assert_eq!(lecture.attendees[&anna].texts(), expected, "history {history}");
        let gaps = lecture.attendees[&anna].events.iter().filter(|event| matches!(event, Event::Gap { .. }));
        assert_eq!(gaps.count(), 0, "another's history is no gap");
    }
}

#[test]
fn digest_3_another_head_is_answered_but_never_from_below_the_floor() {
    for (history, expected) in [(0, 0), (1, 1)] {
        let mut lecture = Lecture::new(&Options { history, ..Options::default() });
        ["one", "two"].into_iter().for_each(|text| lecture.say(text));
        let anna = lecture.join(attendee_config(2, "anna"));
        let before = lecture.entries_sent(anna);
        let row = lecture.host.machine.log.rows(0).into_iter().find(|row| row.lane == Lane::Talk).expect("talk");
        let row = Row { head: Hash([9; 32]), ..row };
        let (count, items) = encode_items([row], 1);
        let digest = Digest { rows: List::over(count, &items), options: crate::wire::option::Options::NONE };
        lecture.host_input(Input::Frame { link: anna, id: RequestId::EVENT, frame: Frame::from(digest) });
        assert_eq!(lecture.entries_sent(anna) - before, expected, "history {history}");
    }
}

#[test]
fn gap_1_what_the_host_no_longer_has_is_said_to_be_missing() {
    let mut lecture = Lecture::with(host_that_keeps(2));
    let anna = lecture.join(attendee_config(2, "anna"));
    lecture.say("one");
    lecture.cut(anna);
    ["two", "three", "four"].into_iter().for_each(|text| lecture.say(text));
    lecture.pass(limits::BACKOFF_MIN.as_millis() as u64);
    assert_eq!(lecture.attendees[&anna].texts(), ["one", "three", "four"]);
    let gap = |event: &&Event| matches!(event, Event::Gap { first: 2, next: 3, .. });
    assert!(lecture.attendees[&anna].events.iter().any(|event| gap(&event)));
}

#[test]
fn gap_1_what_was_dropped_before_it_could_be_followed_holds_up_nothing() {
    let mut lecture = Lecture::with(host_that_keeps(2));
    let anna = lecture.join(attendee_config(2, "anna"));
    lecture.say("one");
    let mut reader = lecture.readers.remove(&anna).expect("a reader");
    ["two", "three", "four", "five"].into_iter().for_each(|text| lecture.say(text));
    let head = lecture.feed.head();
    reader.follow(crate::feed::Start { acts: head, registers: head, talk: head }, &lecture.feed);
    lecture.readers.insert(anna, reader);
    ["six", "seven"].into_iter().for_each(|text| lecture.say(text));
    assert_eq!(lecture.attendees[&anna].texts(), ["one", "five", "six", "seven"]);
    let gap = |event: &&Event| matches!(event, Event::Gap { first: 2, next: 5, .. });
    assert_eq!(lecture.attendees[&anna].events.iter().filter(gap).count(), 1);
}

#[test]
fn fetch_2_what_one_answer_does_not_hold_is_asked_for_until_all_is_there() {
    let (mut lecture, anna) = Lecture::with_anna(&Options::default());
    lecture.say("0");
    let mut reader = lecture.readers.remove(&anna).expect("a reader");
    let texts: Vec<_> = (0..600).map(|number: usize| number.to_string()).collect();
    texts.iter().skip(1).for_each(|text| lecture.say(text));
    let last = lecture.feed.head() - 1;
    reader.follow(crate::feed::Start { acts: last, registers: last, talk: last }, &lecture.feed);
    lecture.readers.insert(anna, reader);
    lecture.deliver();
    assert!(lecture.attendees[&anna].texts() == texts, "{} of 600", lecture.attendees[&anna].texts().len());
}

#[test]
fn gap_1_what_lies_before_ones_time_is_no_gap_after_a_restart_either() {
    let options = Options { history: 0, ..Options::default() };
    let mut lecture = Lecture::new(&options);
    ["one", "two"].into_iter().for_each(|text| lecture.say(text));
    let mut lecture = Lecture::with(host_again(&options, &lecture.host.stored, None));
    let anna = lecture.join(attendee_config(2, "anna"));
    lecture.say("three");
    lecture.cut(anna);
    let old = lecture.attendees.remove(&anna).expect("anna");
    let restored = Some(old.disk(None));
    let again = lecture.join(NewcomerConfig { restored, started_ms: 3_000, ..attendee_config(2, "anna") });
    lecture.say("four");
    assert_eq!(lecture.attendees[&again].texts(), ["four"]);
    assert!(!lecture.attendees[&again].events.iter().any(|event| matches!(event, Event::Gap { .. })));
}

#[test]
fn join_3_a_ticket_meeting_wants_a_ticket_that_holds() {
    let options = Options { admission: Admission::Ticket, ..Options::default() };
    let mut lecture = Lecture::new(&options);
    lecture.say("secret");
    let none = lecture.join(attendee_config(2, "anna"));
    assert_eq!(rule_of(&lecture, none), Some(Rule::Join3));
    assert_eq!(lecture.attendees[&none].closed_with(), Some(Code::TicketNeeded));
    let wrong = Ticket { seed: Some(Secret([8; 32])), ..lecture.ticket() };
    let wrong = lecture.join(NewcomerConfig { ticket: Some(wrong), ..attendee_config(3, "bea") });
    assert_eq!(rule_of(&lecture, wrong), Some(Rule::Join3));
    for link in [none, wrong] {
        assert_eq!(lecture.sent.get(&link), None, "a stranger learns nothing");
    }
    let right = lecture.join(NewcomerConfig { ticket: Some(lecture.ticket()), ..attendee_config(4, "cleo") });
    assert_eq!(lecture.attendees[&right].texts(), ["secret"]);
}

#[test]
fn join_4_who_was_shown_out_stays_out_with_the_same_key_or_ticket() {
    let options = Options { admission: Admission::Ticket, ..Options::default() };
    let mut lecture = Lecture::new(&options);
    let ticket = lecture.ticket();
    let with =
        |ticket: &Ticket, seed, name| NewcomerConfig { ticket: Some(ticket.clone()), ..attendee_config(seed, name) };
    let anna = lecture.join(with(&ticket, 2, "anna"));
    lecture.host_command(Command::Kick {
        name: "anna".to_string(),
        why: "spam".to_string(),
        with: With { ticket: true, ..With::default() },
    });
    assert_eq!(lecture.attendees[&anna].closed_with(), Some(Code::Kicked));
    let renewed = lecture.ticket();
    assert_ne!(renewed.seed, ticket.seed);
    let same_key = lecture.join(with(&renewed, 2, "anna"));
    assert_eq!(rule_of(&lecture, same_key), Some(Rule::Join4));
    let same_ticket = lecture.join(with(&ticket, 3, "bea"));
    assert_eq!(rule_of(&lecture, same_ticket), Some(Rule::Join4));
    let other = lecture.join(with(&renewed, 4, "cleo"));
    assert_eq!(rule_of(&lecture, other), None);
    lecture.host_command(Command::Unban { name: "anna".to_string() });
    let forgiven = lecture.join(with(&renewed, 2, "anna"));
    assert_eq!(rule_of(&lecture, forgiven), None);
}

#[test]
fn join_4_a_pass_hides_no_ticket_from_a_kick() {
    let options = Options { admission: Admission::Ticket, ..Options::default() };
    let mut lecture = Lecture::new(&options);
    let ticket = lecture.ticket();
    let with = |seed, name| NewcomerConfig { ticket: Some(ticket.clone()), ..attendee_config(seed, name) };
    let anna = lecture.join(with(2, "anna"));
    let old = lecture.attendees.remove(&anna).expect("anna");
    lecture.host_input(Input::Down { link: anna, code: Code::Left });
    let restored = Some(old.disk(None));
    let by_pass = lecture.join(NewcomerConfig { restored, ..attendee_config(2, "anna") });
    assert_eq!(rule_of(&lecture, by_pass), None);
    lecture.host_command(Command::Kick {
        name: "anna".to_string(),
        why: String::new(),
        with: With { ticket: true, ..With::default() },
    });
    let same_ticket = lecture.join(with(3, "bea"));
    assert_eq!(rule_of(&lecture, same_ticket), Some(Rule::Join4));
}

#[test]
fn revoke_2_whoever_has_left_can_be_shown_out_with_its_ticket() {
    let options = Options { admission: Admission::Ticket, ..Options::default() };
    let mut lecture = Lecture::new(&options);
    let ticket = lecture.ticket();
    let with = |seed, name| NewcomerConfig { ticket: Some(ticket.clone()), ..attendee_config(seed, name) };
    let anna = lecture.join(with(2, "anna"));
    lecture.command(anna, Command::Quit);
    lecture.host_command(Command::Kick {
        name: "anna".to_string(),
        why: String::new(),
        with: With { ticket: true, ..With::default() },
    });
    let bans = |event: &Event| matches!(event, Event::Bans { muted, out } if muted.is_empty() && out == &["anna"]);
    lecture.host_command(Command::Bans);
    assert!(lecture.host.events.iter().any(bans), "{:?}", lecture.host.events);
    for (seed, name) in [(2, "anna"), (3, "bea")] {
        let back = lecture.join(with(seed, name));
        assert_eq!(rule_of(&lecture, back), Some(Rule::Join4), "{name}");
    }
    lecture.host_command(Command::Kick {
        name: "anna".to_string(),
        why: String::new(),
        with: With { ticket: true, ..With::default() },
    });
    let refused = |event: &Event| matches!(event, Event::Error { failure: Failure::DoneBefore { .. }, .. });
    assert!(lecture.host.events.iter().any(refused), "{:?}", lecture.host.events);
}

/// What the host shows of a ticket of its own.
fn shown(lecture: &Lecture, wanted: &str) -> Ticket {
    let line = |event: &Event| match event {
        Event::Ticket { label, ticket } if label == wanted => Some(ticket.clone()),
        _ => None,
    };
    lecture.host.events.iter().rev().find_map(line).expect("a ticket").parse().expect("a ticket that parses")
}

fn ticket_wish(label: &str, void: bool) -> Command {
    Command::Ticket { label: label.to_string(), void }
}

#[test]
fn revoke_5_each_of_several_tickets_is_void_by_itself() {
    let options = Options { admission: Admission::Ticket, ..Options::default() };
    let mut lecture = Lecture::new(&options);
    ["press", "crew"].into_iter().for_each(|label| lecture.host_command(ticket_wish(label, false)));
    let (first, press, crew) = (lecture.ticket(), shown(&lecture, "press"), shown(&lecture, "crew"));
    lecture.host_command(ticket_wish("press", false));
    assert_eq!(shown(&lecture, "press"), press, "it is there already");
    let with =
        |ticket: &Ticket, seed, name| NewcomerConfig { ticket: Some(ticket.clone()), ..attendee_config(seed, name) };
    let [anna, bea] = [(&first, 2, "anna"), (&press, 3, "bea")].map(|(ticket, seed, name)| {
        let link = lecture.join(with(ticket, seed, name));
        assert_eq!(rule_of(&lecture, link), None, "{name}");
        link
    });
    let joined = |event: &Event| match event {
        Event::Joined { name, ticket, .. } => Some((name.clone(), ticket.clone())),
        _ => None,
    };
    let told: Vec<_> = lecture.host.events.iter().filter_map(joined).collect();
    assert_eq!(told, [("anna".to_string(), None), ("bea".to_string(), Some("press".to_string()))]);
    lecture.host_command(ticket_wish("press", true));
    assert!(lecture.host.events.contains(&Event::Warning(Notice::TicketVoid("press".to_string()))));
    for (ticket, seed, name, rule) in
        [(&first, 4, "carl", None), (&press, 5, "dora", Some(Rule::Join4)), (&crew, 6, "eric", None)]
    {
        let link = lecture.join(with(ticket, seed, name));
        assert_eq!(rule_of(&lecture, link), rule, "{name}");
    }
    assert_eq!([anna, bea].map(|link| rule_of(&lecture, link)), [None, None], "who is in stays");
    lecture.host_command(Command::Tickets);
    let issued = |label: &str, is_void, here| Issued { label: label.to_string(), is_void, here };
    let tickets = vec![issued("", false, 2), issued("press", true, 1), issued("crew", false, 1)];
    assert!(lecture.host.events.contains(&Event::Tickets { tickets }), "{:?}", lecture.host.events);
    for (command, failure) in [
        (ticket_wish("press", true), Failure::VoidBefore("press".to_string())),
        (ticket_wish("staff", true), Failure::NoSuchTicket("staff".to_string())),
        (ticket_wish("a b", false), Failure::TicketLabel("a b".to_string())),
    ] {
        lecture.host_command(command);
        let last = lecture.host.events.last();
        assert!(matches!(last, Some(Event::Error { failure: is, .. }) if *is == failure), "{last:?}");
    }
    assert_eq!(lecture.ticket(), first, "it is handed out as before");
    lecture.host_command(ticket_wish("", true));
    assert_ne!(lecture.ticket(), first, "another one is, at once");
}

#[test]
fn revoke_2_the_ticket_of_whoever_is_shown_out_is_void_and_no_other() {
    let options = Options { admission: Admission::Ticket, ..Options::default() };
    let mut lecture = Lecture::new(&options);
    lecture.host_command(ticket_wish("press", false));
    let (first, press) = (lecture.ticket(), shown(&lecture, "press"));
    let with =
        |ticket: &Ticket, seed, name| NewcomerConfig { ticket: Some(ticket.clone()), ..attendee_config(seed, name) };
    lecture.join(with(&press, 2, "anna"));
    lecture.join(with(&press, 3, "bea"));
    let kick = |name: &str| {
        let with = With { ticket: true, ..With::default() };
        Command::Kick { name: name.to_string(), why: String::new(), with }
    };
    lecture.host_command(kick("anna"));
    assert!(lecture.host.events.contains(&Event::Warning(Notice::TicketVoid("press".to_string()))));
    let [dora, eric] = [(&press, 4, "dora"), (&first, 5, "eric")].map(|(ticket, seed, name)| {
        let link = lecture.join(with(ticket, seed, name));
        rule_of(&lecture, link)
    });
    assert_eq!((dora, eric), (Some(Rule::Join4), None));
    // What bea came with is void already: no other goes with her.
    lecture.host_command(kick("bea"));
    assert_eq!(lecture.ticket(), first);
    let link = lecture.join(with(&first, 6, "fred"));
    assert_eq!(rule_of(&lecture, link), None);
}

#[test]
fn revoke_2_a_user_who_wants_a_ticket_void_is_told_where_there_is_none() {
    for (admission, is_told) in [(Admission::Open, true), (Admission::Ticket, false)] {
        let mut lecture = Lecture::new(&Options { admission, ..Options::default() });
        let ticket = Some(lecture.ticket());
        lecture.join(NewcomerConfig { ticket, ..attendee_config(2, "anna") });
        let with = With { ticket: true, ..With::default() };
        lecture.host_command(Command::Kick { name: "anna".to_string(), why: String::new(), with });
        assert_eq!(lecture.host.events.contains(&Event::Warning(Notice::NoTickets)), is_told);
        lecture.host_command(ticket_wish("press", false));
        let none = |event: &Event| matches!(event, Event::Error { failure: Failure::NoTickets(Place::Lecture), .. });
        assert_eq!(lecture.host.events.iter().any(none), is_told);
    }
}

#[test]
fn join_5_a_host_is_told_who_stands_at_the_locked_door_but_not_flooded() {
    let mut lecture = Lecture::new(&Options::default());
    lecture.host_command(Command::Lock);
    for (seed, name) in [(2, "anna"), (3, "bea"), (4, "carl")] {
        lecture.join(attendee_config(seed, name));
    }
    lecture.pass(limits::PRESENCE_INTERVAL.as_millis() as u64);
    lecture.join(attendee_config(5, "dora"));
    let told = |event: &Event| match event {
        Event::Warning(Notice::AtTheDoor(name)) => Some(name.clone()),
        _ => None,
    };
    assert_eq!(lecture.host.events.iter().filter_map(told).collect::<Vec<_>>(), ["anna", "dora"]);
}

#[test]
fn revoke_1_goodbye_comes_after_its_cause() {
    let (mut lecture, anna) = Lecture::with_anna(&Options::default());
    lecture.host_command(Command::Kick {
        name: "anna".to_string(),
        why: String::new(),
        with: With { ticket: true, ..With::default() },
    });
    let events = &lecture.attendees[&anna].events;
    let shown_out = Deed::Revoke("anna".to_string(), Level::Out);
    let deed = |event: &Event| matches!(event, Event::Message { kind: Kind::Deed(_, deed), .. } if *deed == shown_out);
    let told = events.iter().position(deed);
    let closed = events.iter().position(|event| matches!(event, Event::Closed { .. }));
    assert!(told.is_some() && told < closed, "{events:?}");
}

#[test]
fn join_5_a_locked_door_lets_back_in_only_who_has_a_pass() {
    let (mut lecture, anna) = Lecture::with_anna(&Options::default());
    lecture.host_command(Command::Lock);
    let bea = lecture.join(attendee_config(3, "bea"));
    assert_eq!(rule_of(&lecture, bea), Some(Rule::Join5));
    assert_eq!(lecture.attendees[&bea].closed_with(), Some(Code::Locked));
    lecture.cut(anna);
    lecture.say("still here?");
    lecture.pass(limits::BACKOFF_MIN.as_millis() as u64);
    assert_eq!(lecture.attendees[&anna].texts(), ["still here?"]);
    lecture.host_command(Command::Unlock);
    let cleo = lecture.join(attendee_config(4, "cleo"));
    assert_eq!(rule_of(&lecture, cleo), None);
}

#[test]
fn join_7_a_class_of_one_name_is_let_in_at_once() {
    let mut lecture = Lecture::new(&Options::default());
    let name = "n".repeat(limits::NAME_MAX);
    let class: Vec<_> = (2..42).map(|seed| lecture.join(attendee_config(seed, &name))).collect();
    for link in class {
        let ready = |event: &Event| matches!(event, Event::Ready { .. });
        assert!(lecture.attendees[&link].events.iter().any(ready), "{:?}", lecture.attendees[&link].events);
    }
    let refused = lecture.host.closed.iter().filter(|(.., rule)| *rule == Some(Rule::Join7)).count();
    assert!(refused < 5 * 40, "{refused} dials for nothing");
}

#[test]
fn join_7_whoever_was_renamed_keeps_to_the_new_name() {
    let (mut lecture, anna) = Lecture::with_anna(&Options::default());
    lecture.command(anna, Command::Name { name: "cleo".to_string() });
    lecture.cut(anna);
    lecture.join(attendee_config(3, "cleo"));
    lecture.pass(limits::BACKOFF_MIN.as_millis() as u64);
    assert_eq!(lecture.host.machine.guests[&anna].name, "cleo-2");
}

#[test]
fn join_7_names_that_read_alike_are_one_name() {
    let (mut lecture, anna) = Lecture::with_anna(&Options::default());
    for (seed, name) in [(3, "h\u{435}dy"), (4, "Hedy"), (5, "\u{430}nna"), (6, "ANN\u{391}")] {
        let link = lecture.join(NewcomerConfig { name_is_chosen: true, ..attendee_config(seed, name) });
        assert_eq!(rule_of(&lecture, link), Some(Rule::Join7), "{name:?}");
    }
    lecture.command(anna, Command::Name { name: "ｈedy".to_string() });
    let refused =
        |event: &Event| matches!(event, Event::Error { failure: Failure::Refused { code: Code::NameTaken, .. }, .. });
    assert!(lecture.attendees[&anna].events.iter().any(refused));
    lecture.command(anna, Command::Name { name: "ANNA".to_string() });
    assert_eq!(lecture.host.machine.guests[&anna].name, "ANNA", "one's own name is free");
}

#[test]
fn join_8_a_key_joins_anew_only_so_often() {
    let mut lecture = Lecture::new(&Options::default());
    for _ in 0..limits::JOIN_BURST {
        let link = lecture.join(attendee_config(2, "anna"));
        assert_eq!(rule_of(&lecture, link), None);
        lecture.command(link, Command::Quit);
    }
    let link = lecture.join(attendee_config(2, "anna"));
    assert_eq!(rule_of(&lecture, link), Some(Rule::Join8));
    lecture.pass(limits::JOIN_INTERVAL.as_millis() as u64);
    let texts = lecture.attendees[&link].events.iter().filter(|event| matches!(event, Event::Ready { .. })).count();
    assert_eq!(texts, 1, "it was let in when it came again");
}

#[test]
fn join_15_a_key_with_a_pass_joins_again_only_so_often() {
    let (mut lecture, anna) = Lecture::with_anna(&Options::default());
    // Its link is cut as soon as it stands, for 20 s.
    for _ in 0..2_000 {
        if lecture.readers.contains_key(&anna) {
            lecture.cut(anna);
        }
        lecture.pass(10);
    }
    let is_joined = |event: &&Event| matches!(event, Event::Linked { .. });
    let joins = lecture.attendees[&anna].events.iter().filter(is_joined).count();
    assert!((15..=1 + 10 + 20).contains(&joins), "{joins} joins in 20 s");
    assert!(lecture.host.closed.iter().any(|(.., rule)| *rule == Some(Rule::Join15)));
    lecture.pass(limits::BACKOFF_MAX.as_millis() as u64);
    assert!(lecture.readers.contains_key(&anna), "it is let in in the end");
}

#[test]
fn join_10_a_later_run_takes_the_place_of_an_earlier_one() {
    let mut lecture = Lecture::new(&Options::default());
    let early = lecture.join(attendee_config(2, "anna"));
    let late = lecture.join(NewcomerConfig { started_ms: 3_000, ..attendee_config(2, "anna") });
    assert_eq!(lecture.attendees[&early].closed_with(), Some(Code::Superseded));
    assert_eq!(lecture.attendees[&late].closed_with(), None);
    let earlier = lecture.join(NewcomerConfig { started_ms: 1, ..attendee_config(2, "anna") });
    assert_eq!(lecture.attendees[&earlier].closed_with(), Some(Code::Superseded));
}

#[test]
fn join_11_an_ended_meeting_takes_nobody_and_tells_who_is_there() {
    let (mut lecture, anna) = Lecture::with_anna(&Options::default());
    lecture.host_command(Command::End);
    assert_eq!(lecture.attendees[&anna].closed_with(), Some(Code::Ended));
    let again = Lecture::with(host_again(&Options::default(), &lecture.host.stored, None));
    assert_eq!(again.host.closed_with(), Some(Code::Ended));
}

#[test]
fn join_11_a_guest_that_has_read_the_end_does_not_dial_again() {
    let (mut lecture, anna) = Lecture::with_anna(&Options::default());
    let (mut out, now) = (vec![], lecture.now);
    lecture.host.machine.write(&EntryBody::End { why: Reason::NONE }, now, &mut out);
    lecture.host_outputs(out);
    lecture.cut(anna);
    assert_eq!(lecture.attendees[&anna].closed_with(), Some(Code::Ended));
}

#[test]
fn every_command_is_answered_before_it_is_over() {
    let (mut lecture, anna) = Lecture::with_anna(&Options { filter: vec!["damn".to_string()], ..Options::default() });
    (0..3).for_each(|_| lecture.ask(anna, "damn?"));
    let failed = |event: &&Event| matches!(event, Event::Error { id: Some(CommandId(8)), .. });
    assert_eq!(lecture.attendees[&anna].events.iter().filter(failed).count(), 3);
    dummy(&mut lecture, 1);
    lecture.host_command(Command::Msg { to: "dummy1".to_string(), text: "psst".to_string() });
    lecture.host_input(Input::Command { id: CommandId(9), command: Command::Stop });
    let failed =
        |event: &Event| matches!(event, Event::Error { failure: Failure::Undelivered(_), id: Some(CommandId(7)) });
    assert!(lecture.host.events.iter().any(failed));
}

#[test]
fn dial_2_a_host_that_breaks_rules_after_each_welcome_is_dialled_ever_more_seldom() {
    let (mut lecture, anna) = Lecture::with_anna(&Options::default());
    let welcomes = |lecture: &Lecture| {
        let linked = |event: &&Event| matches!(event, Event::Linked { .. });
        lecture.attendees[&anna].events.iter().filter(linked).count()
    };
    for _ in 0..1_200 {
        if lecture.readers.contains_key(&anna) {
            lecture.readers.remove(&anna);
            lecture.host_input(Input::Down { link: anna, code: Code::Forged });
            lecture.attendee_down(anna, Code::Forged);
        }
        lecture.pass(100);
    }
    assert!(welcomes(&lecture) < 80, "{} in two minutes", welcomes(&lecture));
    let before = welcomes(&lecture);
    lecture.pass(limits::BACKOFF_MAX.as_millis() as u64);
    lecture.cut(anna);
    lecture.pass(limits::BACKOFF_MIN.as_millis() as u64);
    assert_eq!(welcomes(&lecture) - before, 2, "a mere cut is made good at once");
}

#[test]
fn dial_3_nobody_vouches_for_a_refusal_so_it_ends_no_meeting_that_stood() {
    let (mut lecture, anna) = Lecture::with_anna(&Options::default());
    lecture.attendee_down(anna, Code::VersionUnknown);
    assert_eq!(lecture.attendees[&anna].closed_with(), None);
}

#[test]
fn ask_2_a_closed_lecture_takes_no_questions() {
    let (mut lecture, anna) = Lecture::with_anna(&Options { questions: Questions::Closed, ..Options::default() });
    lecture.ask(anna, "why?");
    let failure = Failure::Refused { code: Code::QuestionsClosed, reason: reason::NO_QUESTIONS.to_string() };
    let refused = |event: &Event| *event == Event::Error { failure: failure.clone(), id: Some(CommandId(8)) };
    assert!(lecture.attendees[&anna].events.iter().any(refused));
    assert!(lecture.host.texts().is_empty());
}

#[test]
fn ask_3_a_muted_guest_asks_nothing_until_forgiven() {
    let (mut lecture, anna) = Lecture::with_anna(&Options::default());
    lecture.host_command(Command::Mute { name: "anna".to_string() });
    lecture.ask(anna, "one?");
    lecture.host_command(Command::Unmute { name: "anna".to_string() });
    lecture.ask(anna, "two?");
    assert_eq!(lecture.host.texts(), ["anna? two?"]);
}

#[test]
fn acts_2_a_word_filter_leaves_the_last_acts_to_the_host_s_user() {
    let (mut lecture, anna) = Lecture::with_anna(&Options { filter: vec!["damn".to_string()], ..Options::default() });
    let bea = lecture.join(attendee_config(3, "bea"));
    let (now, mut out) = (lecture.now, vec![]);
    let (subject, role, answers) = (identity(9).key(), Role::Member, Hash::ZERO);
    let grant = EntryBody::Grant { subject, role, answers, session: 0, name: Reason::NONE };
    while !lecture.host.machine.log.has_only_hosts_acts_left() {
        assert!(lecture.host.machine.write(&grant, now, &mut out));
    }
    (0..3).for_each(|_| lecture.ask(anna, "damn?"));
    assert_eq!(lecture.attendees[&anna].closed_with(), Some(Code::Kicked));
    assert!(!lecture.host.machine.roster.is_revoked(&identity(2).key(), Level::Out), "no act is spent on it");
    lecture.host_command(Command::Kick {
        name: "bea".to_string(),
        why: String::new(),
        with: With { ticket: true, ..With::default() },
    });
    assert_eq!(lecture.attendees[&bea].closed_with(), Some(Code::Kicked));
    assert!(lecture.host.machine.roster.is_revoked(&identity(3).key(), Level::Out));
}

#[test]
fn ask_4_the_third_bad_question_is_goodbye() {
    let (mut lecture, anna) = Lecture::with_anna(&Options { filter: vec!["damn".to_string()], ..Options::default() });
    for warning in ["This is warning number 1. ", "This is warning number 2. "] {
        lecture.ask(anna, "damn?");
        let warned = |event: &Event| {
            let Event::Error { failure: Failure::Refused { code, reason }, .. } = event else { return false };
            *code == Code::Filtered && reason.starts_with(warning)
        };
        assert!(lecture.attendees[&anna].events.iter().any(warned), "{warning}");
    }
    lecture.ask(anna, "damn!");
    assert_eq!(lecture.attendees[&anna].closed_with(), Some(Code::Kicked));
    assert!(lecture.host.texts().is_empty());
    let back = lecture.join(attendee_config(2, "anna"));
    assert_eq!(rule_of(&lecture, back), Some(Rule::Join4));
}

#[test]
fn ask_4_who_is_forgiven_or_meets_another_run_of_the_host_has_no_strikes() {
    let options = Options { filter: vec!["damn".to_string()], ..Options::default() };
    let (mut lecture, anna) = Lecture::with_anna(&options);
    let warning = |lecture: &mut Lecture, anna| {
        lecture.ask(anna, "damn?");
        let last = lecture.attendees[&anna].events.iter().rev().find_map(|event| match event {
            Event::Error { failure: Failure::Refused { reason, .. }, .. } => reason.split(". ").next(),
            _ => None,
        });
        last.expect("a warning").to_string()
    };
    assert_eq!(warning(&mut lecture, anna), "This is warning number 1");
    assert_eq!(warning(&mut lecture, anna), "This is warning number 2");
    lecture.host_command(Command::Mute { name: "anna".to_string() });
    lecture.host_command(Command::Unmute { name: "anna".to_string() });
    assert_eq!(warning(&mut lecture, anna), "This is warning number 1");
    let records = lecture.host.stored;
    let again = HostConfig { filter: options.filter.clone(), ..host_again(&options, &records, None) };
    let mut lecture = Lecture::with(again);
    let anna = lecture.join(attendee_config(2, "anna"));
    assert_eq!(warning(&mut lecture, anna), "This is warning number 1");
}

/// What somebody asks who has heard so much, with a token of its own for each name and text.
fn question<'a>(us: &Identity, meeting: MeetingId, heard: Heard, name: &'a str, text: &'a str) -> Ask<'a> {
    let token = Token([u8::try_from(name.len() + text.len()).expect("short"); 16]);
    let (name, text) = (Name::new(name).expect("a name"), Text::new(text).expect("a text"));
    let signature = us.sign(Domain::Question, &[&meeting.0, &asked(token, &heard, name, text)]);
    Ask { token, heard, signature, name, text, options: crate::wire::option::Options::NONE }
}

#[test]
fn ask_5_a_question_that_comes_twice_is_published_once() {
    let (mut lecture, anna) = Lecture::with_anna(&Options::default());
    let us = identity(2);
    let meeting = lecture.host.machine.charter.meeting;
    let ask = question(&us, meeting, Heard::NONE, "anna", "why?");
    for id in [100, 101] {
        lecture.host_input(Input::Frame { link: anna, id: RequestId(id), frame: Frame::from(ask) });
    }
    assert_eq!(lecture.host.texts(), ["anna? why?"]);
    let forged = Ask { token: Token([6; 16]), ..ask };
    lecture.host_input(Input::Frame { link: anna, id: RequestId(102), frame: Frame::from(forged) });
    assert_eq!(rule_of(&lecture, anna), Some(Rule::Ask1));
}

#[test]
fn ask_7_a_host_puts_words_into_nobodys_mouth() {
    let (mut lecture, anna) = Lecture::with_anna(&Options::default());
    let (name, text) = (Name::new("anna").expect("a name"), Text::new("I confess").expect("a text"));
    let (asker, token, signature) = (identity(2).key(), Token([5; 16]), Signature([7; 64]));
    let (mut out, now) = (vec![], lecture.now);
    lecture.host.machine.write(
        &EntryBody::Question { asker, token, heard: Heard::NONE, signature, name, text },
        now,
        &mut out,
    );
    lecture.host_outputs(out);
    lecture.say("more");
    assert_eq!(lecture.attendees[&anna].texts(), ["more"]);
    let warned = |event: &Event| matches!(event, Event::Warning(Notice::UnsignedQuestion));
    assert!(lecture.attendees[&anna].events.iter().any(warned));
}

#[test]
fn check_2_host_and_guests_that_hold_the_same_are_shown_the_same() {
    let (mut lecture, anna) = Lecture::with_anna(&Options::default());
    let of = |events: &[Event]| {
        let mut checks =
            events.iter().filter_map(|event| if let Event::Check { heard, .. } = event { Some(*heard) } else { None });
        checks.next_back()
    };
    let failed = |number, newest| Event::Error { failure: Failure::NotHeld { number, newest }, id: Some(CommandId(7)) };
    lecture.host_command(Command::Check { number: None });
    assert!(lecture.host.events.contains(&failed(0, 0)), "nothing has been said");
    for (text, number) in [("one", 1), ("two", 2)] {
        lecture.say(text);
        lecture.host_command(Command::Check { number: None });
        lecture.command(anna, Command::Check { number: None });
        let heard = of(&lecture.host.events).expect("a check");
        assert_eq!((heard.number, of(&lecture.attendees[&anna].events)), (number, Some(heard)));
    }
    lecture.command(anna, Command::Check { number: Some(1) });
    assert_eq!(of(&lecture.attendees[&anna].events).expect("a check").number, 1);
    lecture.host_command(Command::Check { number: Some(3) });
    assert!(lecture.host.events.contains(&failed(3, 2)), "{:?}", lecture.host.events.last());
}

#[test]
fn fork_1_a_proof_counts_once_and_voids_acts_too() {
    let (mut lecture, anna) = Lecture::with_anna(&Options::default());
    lecture.host_command(Command::Lock);
    let lock = lecture.host.stored.last().expect("an act").clone();
    let one = lock.entry().expect("an entry").entry;
    let fork_by = |lecture: &mut Lecture, seed: u8, time_ms: u64| {
        let us = identity(seed);
        let meeting = lecture.host.machine.charter.meeting;
        let sign = |time_ms| {
            let entry = Entry { author: us.key(), time_ms, ..one };
            crate::log::signed(&us, Domain::Entry, meeting, entry, b"what").envelope()
        };
        let [one, other] = [one.time_ms, time_ms].map(sign);
        let options = crate::wire::option::Options::NONE;
        let fork = Fork { one, other, options };
        lecture.host_outputs(vec![Output::Send { link: anna, frame: Frame::from(fork).encode(RequestId::EVENT) }]);
    };
    let warnings = |lecture: &Lecture| {
        let warned = |event: &&Event| matches!(event, Event::Warning(Notice::ForkOfHost));
        lecture.attendees[&anna].events.iter().filter(warned).count()
    };
    assert!(lecture.attendees[&anna].machine.roster.is_locked());
    (2..5).for_each(|time_ms| fork_by(&mut lecture, 1, time_ms));
    assert_eq!(warnings(&lecture), 1);
    assert!(!lecture.attendees[&anna].machine.roster.is_locked(), "the act is void");
    fork_by(&mut lecture, 9, 5);
    assert_eq!(warnings(&lecture), 1, "that was somebody else");
    assert_eq!(lecture.attendees[&anna].closed.last(), Some(&(anna, Code::Unexpected, Some(Rule::Entry5))));
}

#[test]
fn fork_4_a_host_that_is_resumed_from_a_snapshot_goes_on_in_a_new_session() {
    let (mut lecture, anna) = Lecture::with_anna(&Options::default());
    let (machine, feed) = (lecture.host.machine.clone(), lecture.feed.clone());
    lecture.say("one");
    (lecture.host.machine, lecture.feed) = (machine, feed);
    lecture.cut(anna);
    lecture.pass(60_000);
    ["two", "three", "four"].into_iter().for_each(|text| lecture.say(text));
    assert_eq!(lecture.attendees[&anna].texts(), ["one", "three", "four"]);
    let told = |events: &[Event], notice: &Notice| {
        events.iter().filter(|event| matches!(event, Event::Warning(told) if told == notice)).count()
    };
    assert_eq!(told(&lecture.host.events, &Notice::OwnFork), 1);
    assert_eq!(told(&lecture.attendees[&anna].events, &Notice::ForkOfHost), 1);
}

#[test]
fn charter_2_a_host_of_another_meeting_is_turned_away() {
    let mut lecture = Lecture::new(&Options::default());
    let ticket = Ticket { meeting: MeetingId([7; 16]), ..lecture.ticket() };
    let anna = lecture.join(NewcomerConfig {
        meeting: MeetingId([7; 16]),
        ticket: Some(ticket),
        ..attendee_config(2, "anna")
    });
    assert_eq!(rule_of(&lecture, anna), Some(Rule::Join2));
    assert_eq!(lecture.attendees[&anna].closed_with(), Some(Code::NoMeeting));
}

#[test]
fn rename_1_names_stay_apart() {
    let mut lecture = Lecture::new(&Options::default());
    let (anna, bea) = (lecture.join(attendee_config(2, "anna")), lecture.join(attendee_config(3, "bea")));
    lecture.pass(limits::PRESENCE_INTERVAL.as_millis() as u64);
    lecture.command(bea, Command::Name { name: "ANNA".to_string() });
    let refused =
        |event: &Event| matches!(event, Event::Error { failure: Failure::Refused { code: Code::NameTaken, .. }, .. });
    assert!(lecture.attendees[&bea].events.iter().any(refused));
    lecture.command(bea, Command::Name { name: "cleo".to_string() });
    lecture.pass(limits::PRESENCE_INTERVAL.as_millis() as u64);
    let renamed = |event: &Event| matches!(event, Event::Renamed { old, new, .. } if old == "bea" && new == "cleo");
    assert_eq!(lecture.attendees[&anna].events.iter().filter(|event| renamed(event)).count(), 1);
    lecture.host_command(Command::Name { name: "ida".to_string() });
    let renamed = |event: &Event| matches!(event, Event::Renamed { old, new, .. } if old == "hedy" && new == "ida");
    assert_eq!(lecture.attendees[&anna].events.iter().filter(|event| renamed(event)).count(), 1);
}

/// A guest without a machine, whose frames go nowhere.
fn dummy(lecture: &mut Lecture, number: u16) -> LinkId {
    let (link, mut key) = (LinkId(1_000 + u64::from(number)), Key([0xee; 32]));
    key.0[..2].copy_from_slice(&number.to_be_bytes());
    let name = alloc::format!("dummy{number}");
    let mut options = crate::wire::option::OptionsBuffer::default();
    options.set(&crate::wire::option::NAME, &Name::new(&name).expect("a name"));
    let (purpose, meeting) = (Purpose::STAR, MeetingId::ZERO);
    let hello = Hello { purpose, meeting, started_ms: 1, options: options.options() };
    lecture.host_input(Input::Up { link, peer: key, address: ADDRESS, hello, dial: None });
    let join = Join { meeting, options: crate::wire::option::Options::NONE };
    lecture.host_input(Input::Frame { link, id: RequestId(1), frame: Frame::from(join) });
    link
}

#[test]
fn presence_1_names_are_those_of_the_guests_who_are_there_however_many_come_and_go() {
    let (mut lecture, anna) = Lecture::with_anna(&Options::default());
    let second = limits::PRESENCE_INTERVAL.as_millis() as u64;
    let known = |lecture: &Lecture| {
        let machine = &lecture.attendees[&anna].machine;
        let Event::Roster { members, guests } = machine.users() else { panic!("no roster") };
        (members.len() - 1, guests)
    };
    let dummies: Vec<_> = (0..255).map(|number| dummy(&mut lecture, number)).collect();
    lecture.pass(second);
    assert_eq!(known(&lecture), (256, 256), "as many as are named");
    for link in &dummies[..100] {
        lecture.host_input(Input::Down { link: *link, code: Code::Cut });
    }
    lecture.pass(second);
    assert_eq!(known(&lecture), (156, 156), "all hundred are gone");
    (300..401).for_each(|number| _ = dummy(&mut lecture, number));
    lecture.pass(second);
    assert_eq!(known(&lecture), (0, 257), "one too many to name");
    lecture.host_input(Input::Down { link: dummies[100], code: Code::Cut });
    lecture.pass(second);
    assert_eq!(known(&lecture), (256, 256), "everybody is named again");
}

#[test]
fn private_words_reach_one_alone() {
    let mut lecture = Lecture::new(&Options::default());
    let (anna, bea) = (lecture.join(attendee_config(2, "anna")), lecture.join(attendee_config(3, "bea")));
    lecture.host_command(Command::Msg { to: "anna".to_string(), text: "psst".to_string() });
    lecture.command(anna, Command::Msg { to: "hedy".to_string(), text: "yes?".to_string() });
    let whispers = |events: &[Event]| {
        let whisper = |event: &Event| match event {
            Event::Message { kind: Kind::Whisper(_), from, text, .. } => Some(alloc::format!("{from}: {text}")),
            _ => None,
        };
        events.iter().filter_map(whisper).collect::<Vec<_>>()
    };
    assert_eq!(whispers(&lecture.attendees[&anna].events), ["hedy: psst", "anna: yes?"]);
    assert_eq!(whispers(&lecture.host.events), ["hedy: psst", "anna: yes?"]);
    assert!(whispers(&lecture.attendees[&bea].events).is_empty());
    lecture.host_command(Command::Msg { to: "nobody".to_string(), text: "psst".to_string() });
    assert!(matches!(lecture.host.events.last(), Some(Event::Error { failure: Failure::NoSuchName(_), .. })));
}

#[test]
fn guest_1_what_only_a_host_sends_comes_from_no_guest() {
    let (mut lecture, anna) = Lecture::with_anna(&Options::default());
    lecture.say("one");
    let frame = lecture.host.stored.last().and_then(Record::frame).expect("an entry").clone();
    let decoded = frame::decode(&frame.0).expect("a frame").frame.expect("a known frame");
    assert!(matches!(decoded, Frame::Meeting(Meeting::EntryFrame(_))));
    lecture.host_input(Input::Frame { link: anna, id: RequestId::EVENT, frame: decoded });
    assert_eq!(rule_of(&lecture, anna), Some(Rule::Entry5));
}

/// What an attendee was told to be removed: the numbers.
fn removed(lecture: &Lecture, link: LinkId) -> Vec<u64> {
    let number = |event: &Event| match event {
        Event::Message { kind: Kind::Removed(origin, _), .. } => Some(origin.number),
        _ => None,
    };
    lecture.attendees[&link].events.iter().filter_map(number).collect()
}

#[test]
fn retract_1_what_a_host_has_published_is_not_what_it_has_said() {
    let (mut lecture, anna) = Lecture::with_anna(&Options::default());
    lecture.ask(anna, "am I heard?");
    lecture.say("you are");
    lecture.ask(anna, "thank you");
    lecture.host_command(Command::Retract { words: Words::Own });
    assert_eq!(removed(&lecture, anna), [2]);
}

#[test]
fn retract_4_a_host_removes_what_it_has_said_and_what_it_has_published() {
    let (mut lecture, anna) = Lecture::with_anna(&Options::default());
    lecture.say("my secret");
    lecture.ask(anna, "my phone number is 42");
    lecture.say("hello");
    lecture.host_command(Command::Retract { words: Words::Of("anna".to_string()) });
    lecture.host_command(Command::Retract { words: Words::Of("nobody".to_string()) });
    assert!(matches!(lecture.host.events.last(), Some(Event::Error { failure: Failure::NoSuchWords, .. })));
    let secret = lecture.host.machine.log.newest_words(|entry| entry.number == 1).expect("it is held");
    let StreamId { author, session, .. } = secret.id;
    lecture.host_command(Command::Retract { words: Words::At { author, session, number: 1 } });
    assert_eq!(removed(&lecture, anna), [2, 1]);
    let said = |event: &Event| matches!(event, Event::Message { kind: Kind::Removed(..), from, .. } if from == "anna");
    assert!(lecture.attendees[&anna].events.iter().any(said), "the host has published it, and anna said it");
    lecture.command(anna, Command::Retract { words: Words::Own });
    let refused = |event: &Event| matches!(event, Event::Error { failure: Failure::NotHost(_), .. });
    assert!(lecture.attendees[&anna].events.iter().any(refused));
    let bea = lecture.join(attendee_config(3, "bea"));
    lecture.pass(2_000);
    assert_eq!((lecture.attendees[&bea].texts(), removed(&lecture, bea)), (vec!["hello".to_string()], vec![2, 1]));
    let meeting = lecture.host.machine.charter.meeting;
    let holds = |records: &[Record], words: &[u8]| {
        let log = Log::restored(meeting, 100, records.iter().cloned());
        log.records()
            .filter_map(|record| record.frame().cloned())
            .any(|frame| frame.0.windows(words.len()).any(|part| part == words))
    };
    for stored in [&lecture.host.stored, &lecture.attendees[&anna].stored, &lecture.attendees[&bea].stored] {
        assert!(holds(stored, b"hello"));
        assert!(!holds(stored, b"my secret") && !holds(stored, b"my phone"), "the disk forgets");
    }
    // Host and guest come back, and nobody sees it.
    let old = lecture.attendees.remove(&anna).expect("anna");
    let mut again = Lecture::with(host_again(&Options::default(), &lecture.host.stored, None));
    let restored = Some(old.disk(None));
    let anna = again.join(NewcomerConfig { restored, started_ms: 3_000, ..attendee_config(2, "anna") });
    let cleo = again.join(attendee_config(4, "cleo"));
    again.pass(2_000);
    again.say("back");
    assert_eq!(again.attendees[&anna].texts(), ["back"]);
    assert_eq!(
        (again.attendees[&cleo].texts(), removed(&again, anna)),
        (vec!["hello".to_string(), "back".to_string()], vec![])
    );
}
