//! A registry's client: publishes what its node holds for as long as it does, and asks for its user.

mod asking;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::desk::{Desk, Errand, Stage};
use super::query::{Asker, Query, Question};
use super::record::{Draft, Reach, holds, person};
use crate::address::Scope;
use crate::charter::Listing;
use crate::code::Code;
use crate::command::{Command, Directory, Failure};
use crate::event::{Ending, Event, Notice};
use crate::id::{CommandId, DialId, Key, LinkId, MeetingId, RequestId};
use crate::identity::Identity;
use crate::limits;
use crate::machine::{Input, Machine, Output};
use crate::random::Random;
use crate::rule::Rule;
use crate::time::{Instant, Now, Timers};
use crate::wire::Frame;
use crate::wire::address::Address;
use crate::wire::field::{Block, Signed, Words, decode_all};
use crate::wire::option::Options;
use crate::wire::registry::{Lease, Publish, Record, Registry, Shelf, Withdraw};
use crate::wire::session::{Hello, Purpose, Refused, Session};

/// So often a registry that somebody has a question for may cut its link off.
const QUERY_TRIES: u32 = 4;

/// A run has so many numbers for its records: at one in five seconds, enough for days.
const RECORDS_A_RUN: u64 = 65_536;

/// A record counts in milliseconds.
const RECORD_LIFE_MS: u64 = limits::RECORD_LIFE.as_secs().saturating_mul(1_000);

/// What a client is made of.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Its key pair: that of the meeting's host, if it publishes one.
    pub identity: Identity,
    /// What its user is called.
    pub name: String,
    /// Registries to use, `HOST:PORT`.
    pub registries: Vec<String>,
    /// Where the node is reached.
    pub reach: Reach,
    /// The wall clock as the node starts, milliseconds since 1970 in UTC; above that of every earlier run of the key.
    pub started_ms: u64,
    /// Decides all that is random.
    pub seed: [u8; 32],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Redial(usize),
    /// The desk's share of a lease is over.
    Renew(usize, MeetingId),
    /// A record that has changed may be signed again.
    Sign(MeetingId),
    Patience(Asker),
}

/// A record of this node's.
#[derive(Clone, Debug)]
struct Own {
    draft: Draft,
    /// The record and its signature; it may say less than the draft for a while.
    signed: Vec<u8>,
    number: u64,
    until_ms: u64,
    rests_until: Instant,
}

/// A client of some registries. Without any it does nothing.
#[derive(Clone, Debug)]
pub struct Client {
    us: Identity,
    name: String,
    reach: Reach,
    started_ms: u64,
    random: Random,
    desks: Vec<Desk>,
    own: BTreeMap<MeetingId, Own>,
    /// Records that this run has signed.
    signed: u64,
    /// Which of `own` is the meeting's.
    meeting: Option<MeetingId>,
    queries: BTreeMap<Asker, Query>,
    /// Whom the node seeks, and who is not asked for yet.
    sought: VecDeque<Key>,
    /// Whom it has found, and where.
    found: VecDeque<(Key, Vec<String>)>,
    dials: u64,
    timers: Timers<Timer>,
    /// So long a question waits for registries.
    patience: Duration,
    over: bool,
}

impl Client {
    /// A client that has nothing to do.
    #[must_use]
    pub fn new(config: ClientConfig) -> Self {
        let registries = config.registries.into_iter().take(limits::REGISTRIES_MAX);
        Self {
            us: config.identity,
            name: config.name,
            reach: config.reach,
            started_ms: config.started_ms,
            random: Random::new(config.seed),
            desks: registries.map(Desk::new).collect(),
            own: BTreeMap::new(),
            signed: 0,
            meeting: None,
            queries: BTreeMap::new(),
            sought: VecDeque::new(),
            found: VecDeque::new(),
            dials: 0,
            timers: Timers::default(),
            patience: limits::QUERY_PATIENCE,
            over: false,
        }
    }

    /// The same, but its questions wait for registries only so long.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Says what is held here from now on, or that nothing is. Costs nothing where nothing has changed.
    pub fn publish(&mut self, listing: Option<Listing<'_>>, now: Now, out: &mut Vec<Output>) {
        let held = self.meeting.and_then(|meeting| self.own.get(&meeting));
        let is_said = match (held, &listing) {
            (Some(own), Some(listing)) => own.draft.says(listing),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if is_said || self.desks.is_empty() || self.over {
            return;
        }
        let draft = listing.as_ref().and_then(Draft::of_meeting);
        let meeting = draft.as_ref().map(|draft| draft.id);
        if let Some(gone) = self.meeting.filter(|gone| meeting != Some(*gone)) {
            self.own.remove(&gone);
        }
        self.meeting = meeting;
        if let Some(draft) = draft {
            self.write(draft, now);
        }
        self.work(out);
    }

    /// Its user is called `name` from now on. Costs nothing where nothing has changed.
    pub fn rename(&mut self, name: &str, now: Now, out: &mut Vec<Output>) {
        if self.name == name || self.over {
            return;
        }
        self.name = name.to_string();
        if let Some(own) = self.own.get(&person(self.us.key())) {
            let draft = Draft { name: self.name.clone(), ..own.draft.clone() };
            self.write(draft, now);
            self.work(out);
        }
    }

    /// Takes a draft over: it is signed at once, or as soon as the one before is old enough.
    fn write(&mut self, draft: Draft, now: Now) {
        let id = draft.id;
        match self.own.get_mut(&id) {
            Some(own) => own.draft = draft,
            None => {
                let rests_until = Instant::default();
                self.own.insert(id, Own { draft, signed: Vec::new(), number: 0, until_ms: 0, rests_until });
            }
        }
        self.sign(id, now);
    }

    fn sign(&mut self, id: MeetingId, now: Now) {
        let Some(own) = self.own.get_mut(&id) else { return };
        if own.rests_until > now.tick {
            return self.timers.arm(Timer::Sign(id), own.rests_until);
        }
        // SPEC REGISTRY-14
        self.signed = self.signed.saturating_add(1);
        let number = self.started_ms.saturating_mul(RECORDS_A_RUN).saturating_add(self.signed);
        let until_ms = now.unix_ms.saturating_add(RECORD_LIFE_MS);
        if let Some(signed) = own.draft.sign(number, until_ms, &self.reach, &self.us) {
            (own.signed, own.number, own.until_ms) = (signed, number, until_ms);
            own.rests_until = now.tick.after(limits::PUBLISH_INTERVAL);
        }
    }

    /// SPEC REGISTRY-15: before records are published again. The clock may have been set, or stood still, meanwhile.
    fn sign_what_ends(&mut self, now: Now) {
        let ends =
            |own: &Own| !holds(own.until_ms, now) || own.until_ms.saturating_sub(now.unix_ms) < RECORD_LIFE_MS / 2;
        let ending: Vec<_> = self.own.iter().filter(|(_, own)| ends(own)).map(|(id, _)| *id).collect();
        ending.into_iter().for_each(|id| self.sign(id, now));
    }

    /// Does with every registry what there is to do.
    fn work(&mut self, out: &mut Vec<Output>) {
        (0..self.desks.len()).for_each(|desk| self.work_at(desk, out));
    }

    fn work_at(&mut self, at: usize, out: &mut Vec<Output>) {
        let Some(desk) = self.desks.get_mut(at) else { return };
        let is_wanted = !self.own.is_empty() || self.queries.values().any(|query| query.waiting.contains(&at));
        match desk.stage {
            Stage::Apart if is_wanted && !self.timers.is_armed(Timer::Redial(at)) => self.dial(at, out),
            Stage::Apart | Stage::Dialling(_) => {}
            // A record that is left without its link goes with it (REGISTRY-11).
            Stage::Open(link) if !is_wanted => {
                desk.held.keys().for_each(|record| self.timers.disarm(Timer::Renew(at, *record)));
                desk.part();
                desk.shown.clear();
                out.push(Output::Close { link, code: Code::Left, rule: None, reason: String::new() });
            }
            Stage::Open(link) => {
                let gone = |id: &MeetingId| !self.own.contains_key(id);
                let gone: Vec<_> = desk.held.keys().copied().filter(gone).collect();
                for record in gone.into_iter().filter(|record| !desk.is_busy_with(*record)).collect::<Vec<_>>() {
                    let id = desk.open(Errand::Withdraw { record });
                    let withdraw = Withdraw { record, options: Options::NONE };
                    out.push(Output::Send { link, frame: Frame::from(withdraw).encode(id) });
                }
                for (record, own) in &self.own {
                    let is_held = desk.held.get(record) == Some(&own.number);
                    let rests = self.timers.is_armed(Timer::Renew(at, *record)) && !desk.held.contains_key(record);
                    if is_held || rests || desk.is_busy_with(*record) {
                        continue;
                    }
                    let Ok(signed) = decode_all::<Signed<'_, Record<'_>>>(&own.signed) else { continue };
                    let id = desk.open(Errand::Publish { record: *record, number: own.number });
                    let publish = Publish { record: Block(signed), options: Options::NONE };
                    out.push(Output::Send { link, frame: Frame::from(publish).encode(id) });
                }
                for (asker, query) in &self.queries {
                    if query.waiting.contains(&at) && !desk.has_asked(*asker) {
                        let id = desk.open(Errand::Ask { query: *asker });
                        out.push(Output::Send { link, frame: query.question.request(0, id) });
                    }
                }
            }
        }
    }

    fn dial(&mut self, at: usize, out: &mut Vec<Output>) {
        let Some(desk) = self.desks.get_mut(at) else { return };
        self.dials = self.dials.saturating_add(1);
        let id = DialId(self.dials);
        desk.stage = Stage::Dialling(id);
        let (purpose, meeting, started_ms) = (Purpose::REGISTRY, MeetingId::ZERO, self.started_ms);
        let hello = Frame::from(Hello { purpose, meeting, started_ms, options: Options::NONE });
        let (hello, addresses) = (hello.encode(RequestId::EVENT), [desk.registry.clone()].into());
        out.push(Output::Dial { id, peer: None, addresses, hello });
    }

    fn desk_of(&self, link: LinkId) -> Option<usize> {
        self.desks.iter().position(|desk| desk.stage == Stage::Open(link))
    }

    fn on_up(&mut self, link: LinkId, address: SocketAddr, dial: Option<DialId>, now: Now, out: &mut Vec<Output>) {
        let at = dial.and_then(|dial| self.desks.iter().position(|desk| desk.stage == Stage::Dialling(dial)));
        let Some((at, desk)) = at.and_then(|at| Some((at, self.desks.get_mut(at)?))) else {
            // SPEC REGISTRY-1
            return out.push(Output::close(link, Rule::Registry1));
        };
        (desk.stage, desk.nearest) = (Stage::Open(link), Scope::of(address.ip()));
        self.sign_what_ends(now);
        self.work_at(at, out);
    }

    /// SPEC REGISTRY-13: a registry can't be reached, or is lost.
    fn fail(&mut self, at: usize, code: Code, now: Now, out: &mut Vec<Output>) {
        let Some(desk) = self.desks.get_mut(at) else { return };
        desk.part();
        self.own.keys().for_each(|record| self.timers.disarm(Timer::Renew(at, *record)));
        let wait = self.random.backoff(desk.failures, limits::REGISTRY_BACKOFF_MAX).max(Duration::from_millis(1));
        desk.failures = desk.failures.saturating_add(1);
        self.timers.arm(Timer::Redial(at), now.tick.after(wait));
        let registry = desk.registry.clone();
        if !self.own.is_empty() && !core::mem::replace(&mut desk.is_told, true) {
            // That it shows them again is news then.
            desk.shown.clear();
            let of_meeting = self.meeting.is_some();
            let notice = Notice::RegistryAway { registry: registry.clone(), code, of_meeting };
            out.push(Output::Event(Event::Warning(notice)));
        }
        // Who asks wants to know now, unless it may only have been busy.
        let is_nobody_there = matches!(code, Code::Unreachable | Code::NoListener | Code::NoSuchHost);
        if is_nobody_there || desk.failures > QUERY_TRIES {
            for query in self.queries.values_mut() {
                query.fail(at, &registry, code);
            }
        }
        self.answer(now, out);
    }

    fn on_frame(&mut self, link: LinkId, id: RequestId, frame: &Frame<'_>, now: Now, out: &mut Vec<Output>) {
        let Some(at) = self.desk_of(link) else { return };
        let errand = self.desks.get_mut(at).and_then(|desk| desk.errands.remove(&id));
        match (frame, errand) {
            (Frame::Registry(Registry::Lease(lease)), Some(Errand::Publish { record, number })) => {
                self.on_lease(at, record, number, lease, now, out);
            }
            (Frame::Session(Session::Done(_)), Some(Errand::Withdraw { record })) => self.on_withdrawn(at, record),
            (Frame::Registry(Registry::Listing(listing)), Some(Errand::Ask { query })) => {
                self.on_listing(at, link, query, listing, now, out);
            }
            (Frame::Session(Session::Refused(error)), Some(errand)) => self.on_refused(at, errand, error, now, out),
            // SPEC REGISTRY-2
            (Frame::Registry(_) | Frame::Meeting(_) | Frame::Private(_) | Frame::Session(_), _) => {
                out.push(Output::close(link, Rule::Registry2));
                self.fail(at, Rule::Registry2.code(), now, out);
            }
        }
        self.work_at(at, out);
    }

    fn on_lease(
        &mut self,
        at: usize,
        record: MeetingId,
        number: u64,
        lease: &Lease<'_>,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let Some(desk) = self.desks.get_mut(at) else { return };
        (desk.failures, desk.is_told) = (0, false);
        desk.held.insert(record, number);
        // SPEC REGISTRY-10
        let third = Duration::from_millis(u64::from(lease.lease_ms)).checked_div(3).unwrap_or_default();
        self.timers.arm(Timer::Renew(at, record), now.tick.after(third.max(limits::BACKOFF_MIN)));
        let addresses: Vec<_> = lease.addresses.iter().filter_map(Address::socket).collect();
        if desk.shown.get(&record) != Some(&addresses) && self.own.contains_key(&record) {
            desk.shown.insert(record, addresses.clone());
            out.push(Output::Event(Event::Published { registry: desk.registry.clone(), record, addresses }));
        }
    }

    fn on_withdrawn(&mut self, at: usize, record: MeetingId) {
        if let Some(desk) = self.desks.get_mut(at) {
            desk.held.remove(&record);
            desk.shown.remove(&record);
            self.timers.disarm(Timer::Renew(at, record));
        }
    }

    fn on_refused(&mut self, at: usize, errand: Errand, error: &Refused<'_>, now: Now, out: &mut Vec<Output>) {
        let Some(desk) = self.desks.get_mut(at) else { return };
        match errand {
            Errand::Publish { record, .. } => {
                desk.held.remove(&record);
                let third = limits::LEASE.checked_div(3).unwrap_or_default();
                self.timers.arm(Timer::Renew(at, record), now.tick.after(third));
                let (registry, reason) = (desk.registry.clone(), error.reason.as_str().to_string());
                let notice = Notice::RegistryRefuses { registry, code: error.code, reason };
                out.push(Output::Event(Event::Warning(notice)));
            }
            Errand::Withdraw { record } => self.on_withdrawn(at, record),
            Errand::Ask { query } => {
                let registry = desk.registry.clone();
                if let Some(query) = self.queries.get_mut(&query) {
                    query.fail(at, &registry, error.code);
                }
                self.answer(now, out);
            }
        }
    }

    fn on_command(&mut self, id: CommandId, command: Command, now: Now, out: &mut Vec<Output>) {
        if matches!(command, Command::Quit | Command::Stop) {
            self.leave(out);
            return out.push(Output::Event(Event::Closed { code: Code::Left, ending: Ending::Left }));
        }
        let result = if self.desks.is_empty() {
            Err(Failure::NoRegistry)
        } else if let Command::Directory(wish) = command {
            self.on_wish(id, wish, now, out)
        } else {
            Err(Failure::OnlyClient)
        };
        if let Err(failure) = result {
            out.push(Output::Event(Event::Error { failure, id: Some(id) }));
        }
    }

    /// Does it, or says why not.
    fn on_wish(&mut self, id: CommandId, wish: Directory, now: Now, out: &mut Vec<Output>) -> Result<(), Failure> {
        match wish {
            Directory::List { words } if Words::new(&words).is_none() => {
                return Err(Failure::SearchLength);
            }
            Directory::List { words } => return self.ask(id, Question::Browse(Shelf::Meetings, words), now, out),
            Directory::Who => return self.ask(id, Question::Browse(Shelf::People, String::new()), now, out),
            Directory::Lookup { meeting } => return self.ask(id, Question::Lookup(meeting), now, out),
            Directory::Register if self.reach.port == 0 && self.reach.addresses.is_empty() => {
                return Err(Failure::NotListening);
            }
            Directory::Unregister if !self.own.contains_key(&person(self.us.key())) => {
                return Err(Failure::NotRegistered);
            }
            Directory::Register => self.register(now),
            Directory::Unregister => drop(self.own.remove(&person(self.us.key()))),
        }
        out.push(Output::Event(Event::Done { id }));
        self.work(out);
        Ok(())
    }

    /// Who asks once more has every registry tried at once, and is told once more what each says.
    fn register(&mut self, now: Now) {
        let record = person(self.us.key());
        for (at, desk) in self.desks.iter_mut().enumerate() {
            desk.shown.remove(&record);
            desk.is_told = false;
            self.timers.disarm(Timer::Redial(at));
        }
        let since_ms = self.own.get(&record).map_or(now.unix_ms, |own| own.draft.since_ms);
        self.write(Draft::of_person(self.us.key(), &self.name, since_ms), now);
    }

    /// Says goodbye to every registry, so that each forgets at once what it was told. Nothing follows.
    pub fn leave(&mut self, out: &mut Vec<Output>) {
        self.over = true;
        for desk in &mut self.desks {
            if let Stage::Open(link) = desk.stage {
                out.push(Output::Close { link, code: Code::Left, rule: None, reason: String::new() });
            }
            desk.part();
        }
    }

    fn on_timer(&mut self, timer: Timer, now: Now, out: &mut Vec<Output>) {
        match timer {
            Timer::Redial(at) => self.work_at(at, out),
            Timer::Renew(at, record) => {
                if let Some(desk) = self.desks.get_mut(at) {
                    desk.held.remove(&record);
                }
                self.sign_what_ends(now);
                self.work_at(at, out);
            }
            Timer::Sign(id) => {
                self.sign(id, now);
                self.work(out);
            }
            Timer::Patience(id) => {
                if let Some(query) = self.queries.get_mut(&id) {
                    for (at, desk) in self.desks.iter().enumerate() {
                        query.fail(at, &desk.registry, Code::Silent);
                    }
                }
                self.answer(now, out);
                self.work(out);
            }
        }
    }
}

impl Machine for Client {
    fn handle(&mut self, input: Input<'_>, now: Now, out: &mut Vec<Output>) {
        if self.over {
            return;
        }
        match input {
            Input::Start => {}
            // SPEC PROBE-4
            Input::Up { link, hello, dial: None, .. } if hello.purpose == Purpose::PROBE => {
                out.push(Output::Close { link, code: Code::Left, rule: None, reason: String::new() });
            }
            Input::Up { link, address, dial, .. } => self.on_up(link, address, dial, now, out),
            Input::Frame { link, id, frame } => self.on_frame(link, id, &frame, now, out),
            Input::Down { link, code } => {
                if let Some(at) = self.desk_of(link) {
                    self.fail(at, code, now, out);
                }
            }
            Input::Unreachable { dial, code } => {
                if let Some(at) = self.desks.iter().position(|desk| desk.stage == Stage::Dialling(dial)) {
                    self.fail(at, code, now, out);
                }
            }
            Input::Command { id, command } => self.on_command(id, command, now, out),
        }
    }

    fn handle_timeout(&mut self, now: Now, out: &mut Vec<Output>) {
        while !self.over
            && let Some(timer) = self.timers.expire(now.tick)
        {
            self.on_timer(timer, now, out);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if self.over { None } else { self.timers.next() }
    }

    fn assert_invariants(&self) {
        for (at, desk) in self.desks.iter().enumerate() {
            let is_open = matches!(desk.stage, Stage::Open(_));
            assert!(is_open || (desk.errands.is_empty() && desk.held.is_empty()), "{desk:?} remembers too much");
            let waits = self.timers.is_armed(Timer::Redial(at));
            assert!(!waits || desk.stage == Stage::Apart, "{desk:?} is to be dialled again");
            let idles = !self.over && !self.own.is_empty() && desk.stage == Stage::Apart;
            assert!(!idles || waits, "{desk:?} is forgotten");
        }
        assert!(self.meeting.is_none_or(|meeting| self.own.contains_key(&meeting)), "the meeting has no record");
        for (id, query) in &self.queries {
            assert!(self.over || !query.waiting.is_empty(), "nobody answers {id:?}");
            assert!(self.timers.is_armed(Timer::Patience(*id)), "{id:?} has no end");
        }
    }
}
