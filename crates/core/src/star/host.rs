//! The host of a lecture: takes guests in, writes the log, publishes questions (SPEC.md, "Star").

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::admission::{Admitted, House};
use super::presence::{Gone, Leaver, presence};
use super::questions::Filter;
use crate::charter::{Charter, Listing, SignedCharter};
use crate::code::Code;
use crate::command::Failure;
use crate::door::{Door, Due, Knock, Lobby, Names, Tickets};
use crate::errand::{Tokens, refused};
use crate::event::{self, Ending, Event, Kind, Member, Notice, State, Whisper};
use crate::id::{CommandId, Key, LinkId, RequestId, Source};
use crate::identity::Identity;
use crate::limits;
use crate::log::{Log, News, StreamId};
use crate::machine::{Input, Kept, Machine, Output};
use crate::name::{proper, reading};
use crate::pass::Chain;
use crate::random::Random;
use crate::reason;
use crate::replica::{Asker, Delivery, message, news, send_rows};
use crate::roster::Roster;
use crate::rule::Rule;
use crate::time::{Instant, Now, Timers};
use crate::wire::entry::{self as wire, EntryBody};
use crate::wire::field::{Block, List, Name, Reason, Signed, decode_all, encode_items};
use crate::wire::meeting::{Digest, Fetch, Fork, Join, Lane, Meeting, Rename, Welcome, Whereabouts};
use crate::wire::option::{self, Options};
use crate::wire::private::{Private, Tell};
use crate::wire::session::{Hello, Purpose, Refused, Session};
use crate::wire::{Encoded, Frame};

/// What a host is made of.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// The founder's key pair.
    pub identity: Identity,
    /// The meeting.
    pub charter: SignedCharter,
    /// The host's name.
    pub name: String,
    /// The wall clock as the node starts, milliseconds since 1970 in UTC.
    pub started_ms: u64,
    /// Decides all that is random.
    pub seed: [u8; 32],
    /// Words that are not published.
    pub filter: Vec<String>,
    /// The tickets to hand out, in a ticket meeting.
    pub tickets: Tickets,
    /// Where guests can dial, `HOST:PORT`.
    pub addresses: Vec<String>,
    /// What an earlier run has kept; for a new meeting, an empty one.
    pub log: Log,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    Join(LinkId),
    Presence,
}

/// A link, and who is at its other end.
#[derive(Clone, Debug)]
pub(super) struct Guest {
    pub(super) key: Key,
    pub(super) source: Source,
    pub(super) name: String,
    pub(super) started_ms: u64,
    /// What it was let in with; `None`: it has not joined.
    pub(super) admitted: Option<Admitted>,
    /// What it will be let in with, if a host admits it.
    pub(super) knock: Option<Admitted>,
    /// What it may have: the lamport time above which talk is served.
    pub(super) floor: u64,
    pub(super) following: bool,
    /// What the feed had dropped as WELCOME told what there is.
    pub(super) welcomed_at: u64,
    pub(super) last_request: RequestId,
    /// Private texts on their way to it, by request.
    pub(super) tells: BTreeMap<RequestId, CommandId>,
}

impl Guest {
    /// Answers the commands that wait for it: one of the two is gone.
    pub(super) fn fail_tells(&self, failure: &Failure, out: &mut Vec<Output>) {
        let failed = |id: &CommandId| Output::Event(Event::Error { failure: failure.clone(), id: Some(*id) });
        out.extend(self.tells.values().map(failed));
    }
}

/// A lecture's host.
#[derive(Clone, Debug)]
pub struct Host {
    pub(super) us: Identity,
    pub(super) charter: SignedCharter,
    pub(super) log: Log,
    pub(super) roster: Roster,
    pub(super) name: String,
    pub(super) session: u64,
    since_ms: u64,
    /// Boxed: links come in order, and leave the leaves of a tree half empty.
    pub(super) guests: BTreeMap<LinkId, Box<Guest>>,
    /// Invariant: a key is here exactly while the guest of its link has been admitted.
    pub(super) joined: BTreeMap<Key, LinkId>,
    /// Of those who have joined.
    names: Names,
    pub(super) tickets: Tickets,
    pub(super) filter: Filter,
    pub(super) random: Random,
    pub(super) over: bool,
    door: Door,
    /// Invariant: who waits here is on a link of `guests`, with a `knock`.
    pub(super) lobby: Lobby,
    pub(super) tokens: Tokens,
    delivery: Delivery<LinkId>,
    pub(super) gone: Gone,
    /// When the user was last told that somebody stands at the locked door.
    locked_out: Option<Instant>,
    /// Who has come or gone since the last PRESENCE.
    changed: BTreeMap<Key, (Whereabouts, String)>,
    /// Somebody has been sent a PRESENCE without names since the last one to all.
    is_unnamed: bool,
    pub(super) addresses: Vec<String>,
    timers: Timers<Timer>,
}

impl Host {
    /// A host that has not started yet.
    #[must_use]
    pub fn new(config: HostConfig) -> Self {
        let HostConfig { identity, charter, log, .. } = config;
        let mut random = Random::new(config.seed);
        let mut tokens = Tokens::default();
        // Not only of what is still held: a guest may have been away for long.
        for (asker, token) in log.asked() {
            tokens.take(asker, token);
        }
        Self {
            roster: Roster::fold(&log, &charter, &identity),
            session: log.new_session(identity.key(), config.started_ms, random.bytes()),
            since_ms: config.started_ms,
            us: identity,
            charter,
            log,
            name: config.name,
            guests: BTreeMap::new(),
            joined: BTreeMap::new(),
            names: Names::default(),
            tickets: config.tickets,
            filter: Filter::new(config.filter),
            random,
            over: false,
            door: Door::default(),
            lobby: Lobby::default(),
            tokens,
            delivery: Delivery::default(),
            gone: Gone::default(),
            locked_out: None,
            changed: BTreeMap::new(),
            is_unnamed: false,
            addresses: config.addresses,
            timers: Timers::default(),
        }
    }

    fn on_start(&mut self, now: Now, out: &mut Vec<Output>) {
        let meeting = self.charter.meeting;
        out.push(Output::Keep { meeting, name: Kept::Charter, bytes: self.charter.bytes().into() });
        self.review(out);
        // An earlier run has told of it.
        self.log.news();
        let dropped = self.log.ring().dropped_before();
        for (at, entry) in self.log.ring().iter() {
            out.push(Output::Append { entry: self.log.served(entry), at, dropped });
        }
        self.forgo_lost(out);
        if let Some(why) = self.roster.ended() {
            out.push(Output::Event(Event::Closed { code: Code::Ended, ending: Ending::Over(why.to_string()) }));
            self.over = true;
            return;
        }
        if self.roster.name(&self.us.key()) != Some(&self.name) {
            self.write_name(now, out);
        }
        // SPEC EXT-5
        self.write(&EntryBody::Unknown, now, out);
        self.tell_ready(out);
        // An earlier run may have been killed between the act and the new ticket.
        self.renew_ticket(out);
        for entry in self.log.unshown() {
            let event = message(&self.log, &entry, &self.log.says(&entry), None, &self.name, self.us.key());
            // What this user has written, it knows.
            out.extend(event.filter(|event| matches!(event, Event::Message { own: false, .. })).map(Output::Event));
        }
    }

    /// What damage has taken from the own log is gone: guests serve nobody (SPEC GAP-1).
    fn forgo_lost(&mut self, out: &mut Vec<Output>) {
        let lost: Vec<_> = self.log.lost().collect();
        for (stream, _, to) in lost {
            if let Some((first, next)) = self.log.skip(stream, to) {
                out.extend(Output::store(&mut self.log));
                let StreamId { author, session, .. } = stream;
                out.push(Output::Event(Event::Gap { author, session, first, next }));
            }
        }
    }

    /// Tells the user how others join.
    pub(super) fn tell_ready(&self, out: &mut Vec<Output>) {
        if !self.tickets.is_empty() {
            out.push(self.tickets.keep(self.charter.meeting));
        }
        out.push(Output::Event(Event::Ready {
            role: event::Role::Host,
            name: self.name.clone(),
            key: self.us.key(),
            meeting: self.charter.meeting,
            title: self.charter.title.clone(),
            ticket: self.ticket_line(""),
            questions: self.charter.questions,
            admission: self.charter.admission,
            is_locked: self.roster.is_locked(),
        }));
    }

    /// Writes an entry, tells the user, and takes its effect on the roster; false if the log is full of acts.
    pub(super) fn write(&mut self, body: &EntryBody<'_>, now: Now, out: &mut Vec<Output>) -> bool {
        let Some(entry) = self.log.write(&self.us, self.session, body, now) else { return false };
        let answered = self.roster.answered(body);
        self.roster.take(&entry, &self.charter, &self.us);
        let ring = self.log.ring();
        let (at, dropped) = (ring.head().saturating_sub(1), ring.dropped_before());
        let event = message(&self.log, &entry, body, answered, &self.name, self.us.key());
        out.extend(Output::store(&mut self.log));
        out.push(Output::Append { entry, at, dropped });
        out.extend(event.map(Output::Event));
        self.review(out);
        true
    }

    /// What this host has removed goes to whoever lacks it without its body.
    fn review(&mut self, out: &mut Vec<Output>) {
        self.log.review(true, |retraction| self.roster.may_remove(retraction));
        out.extend(Output::store(&mut self.log));
        for what in self.log.news() {
            if let (News::Removed(entry, _), dropped) = (&what, self.log.ring().dropped_before())
                && let Some(at) = self.log.position(entry)
            {
                out.push(Output::Append { entry: self.log.served(entry), at, dropped });
            }
            let event = news(&self.log, &what, |_| self.name.clone(), self.us.key());
            out.extend(event.map(Output::Event));
        }
    }

    /// Somebody shows that two runs have signed in one session: what this one has written from there on counts with
    /// nobody, and it goes on in a new session (SPEC FORK-4).
    fn on_fork(&mut self, link: LinkId, fork: &Fork<'_>, now: Now, out: &mut Vec<Output>) {
        let us = self.us.key();
        match self.log.check_fork(fork, &self.us) {
            Ok((stream, number)) if stream.author == us && self.log.void(stream, number) => {
                self.roster.void(stream, number, &self.charter);
                out.extend(Output::store(&mut self.log));
                out.push(Output::Event(Event::Warning(Notice::OwnFork)));
                if stream.session == self.session {
                    self.session = self.log.new_session(us, now.unix_ms, self.random.bytes());
                    self.delivery = Delivery::default();
                }
                if self.roster.name(&us) != Some(&self.name) {
                    self.write_name(now, out);
                }
            }
            Ok(_) => {}
            Err(rule) => self.reject(link, rule, now, out),
        }
    }

    fn write_name(&mut self, now: Now, out: &mut Vec<Output>) {
        let name = self.name.clone();
        if let Some(name) = Name::new(&name) {
            let (whereabouts, addresses) = (Whereabouts::Here, List::NONE);
            let (chain, proof) = (List::NONE, List::NONE);
            self.write(&EntryBody::Person { whereabouts, name, addresses, chain, proof }, now, out);
        }
    }

    fn on_up(
        &mut self,
        link: LinkId,
        (peer, source): (Key, Source),
        hello: &Hello<'_>,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        // SPEC JOIN-14
        if hello.purpose != Purpose::STAR {
            return out.push(Output::close(link, Rule::Join14));
        }
        // SPEC JOIN-12
        let Some(name) = hello.options.find::<Name<'_>>(&option::NAME) else {
            return out.push(Output::close(link, Rule::Join12));
        };
        if proper(name.as_str()).is_none() {
            return out.push(Output::close(link, Rule::Join16));
        }
        let guest = Guest {
            key: peer,
            source,
            name: name.as_str().to_string(),
            started_ms: hello.started_ms,
            admitted: None,
            knock: None,
            floor: 0,
            following: false,
            welcomed_at: 0,
            last_request: RequestId::EVENT,
            tells: BTreeMap::new(),
        };
        self.guests.insert(link, Box::new(guest));
        self.timers.arm(Timer::Join(link), now.tick.after(limits::JOIN_TIMEOUT));
    }

    fn on_join(&mut self, link: LinkId, id: RequestId, join: &Join<'_>, now: Now, out: &mut Vec<Output>) {
        match self.admit(link, join, now, out) {
            Ok((admitted, _)) if admitted.is_new && self.has_to_knock(link) => {
                self.on_knock(link, id, join, admitted, now, out);
            }
            Ok((admitted, chain)) => {
                self.enter(link, admitted, chain.floor(), now, out);
                self.welcome(link, id, &chain, now, out);
            }
            Err(rule) => {
                if rule == Rule::Join5 {
                    self.on_locked_out(link, now, out);
                }
                self.reject(link, rule, now, out);
            }
        }
    }

    /// Tells the user who stands at the locked door; at most once a second, so that nobody floods the screen.
    fn on_locked_out(&mut self, link: LinkId, now: Now, out: &mut Vec<Output>) {
        let Some(guest) = self.guests.get(&link) else { return };
        if self.locked_out.is_some_and(|last| now.tick.since(last) < limits::PRESENCE_INTERVAL) {
            return;
        }
        self.locked_out = Some(now.tick);
        out.push(Output::Event(Event::Warning(Notice::AtTheDoor(guest.name.clone()))));
    }

    /// Checks a JOIN, and closes the older link of its key, and that of whoever it takes the place of.
    fn admit(
        &mut self,
        link: LinkId,
        join: &Join<'_>,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Result<(Admitted, Chain), Rule> {
        // SPEC JOIN-1
        let Some(guest) = self.guests.get(&link).filter(|guest| guest.admitted.or(guest.knock).is_none()) else {
            return Err(Rule::Join1);
        };
        let (admitted, chain) = self.house().admit(join, guest.key)?;
        let (key, source, name, started_ms) = (guest.key, guest.source, guest.name.clone(), guest.started_ms);
        let older = self.joined.get(&key).copied().or_else(|| self.lobby.link_of(key));
        if let Some(older) = older
            && self.guests.get(&older).is_some_and(|older| older.started_ms > started_ms)
        {
            // SPEC JOIN-10: of an earlier run
            return Err(Rule::Join10);
        }
        // SPEC JOIN-7
        if self.is_named(&name, key) {
            return Err(Rule::Join7);
        }
        // SPEC JOIN-6
        if !self.joined.contains_key(&key) && !self.has_room() {
            return Err(Rule::Join6);
        }
        let has_to_knock = admitted.is_new && self.has_to_knock(link);
        let in_the_way = if has_to_knock { self.lobby.place(key, source)? } else { None };
        // Last: who is told to come with another name is not counted for it.
        if admitted.is_new {
            self.door.count(key, now.tick)?;
        } else {
            self.door.count_again(key, now.tick)?;
        }
        if let Some(older) = self.lobby.link_of(key) {
            self.reject(older, Rule::Join10, now, out);
        }
        if let Some(other) = in_the_way {
            self.note_gone(other, out);
            self.reject(other, Rule::Lobby4, now, out);
        }
        Ok((admitted, chain))
    }

    /// What the door's checks look at.
    pub(super) fn house(&self) -> House<'_> {
        let floor = self.log.floor_of_last(self.charter.history);
        House { charter: &self.charter, roster: &self.roster, us: &self.us, floor }
    }

    /// Whether one guest more may come in.
    pub(super) fn has_room(&self) -> bool {
        let room = usize::try_from(self.charter.guests).unwrap_or(usize::MAX).min(limits::GUESTS_MAX);
        self.joined.len() < room
    }

    /// Whether the guest of a link, if it is new, waits until its host's user lets it in.
    fn has_to_knock(&self, link: LinkId) -> bool {
        let is_here = self.guests.get(&link).is_some_and(|guest| self.joined.contains_key(&guest.key));
        self.charter.admission.has_lobby() && !is_here
    }

    fn on_knock(
        &mut self,
        link: LinkId,
        request: RequestId,
        join: &Join<'_>,
        admitted: Admitted,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let Some(guest) = self.guests.get_mut(&link) else { return };
        guest.knock = Some(admitted);
        let (key, source, name) = (guest.key, guest.source, guest.name.clone());
        self.timers.disarm(Timer::Join(link));
        self.lobby.knock(Knock { key, reading: reading(&name), name: name.clone(), source, link, request }, now, out);
        let note = join.options.find::<Reason<'_>>(&option::NOTE).map_or("", Reason::as_str).to_string();
        let ticket = admitted.ticket.and_then(|ticket| self.tickets.label_of(&ticket));
        out.push(Output::Event(Event::Knock { name, key, note, ticket }));
    }

    /// Takes a guest in. The older link of its key is closed.
    pub(super) fn enter(&mut self, link: LinkId, admitted: Admitted, floor: u64, now: Now, out: &mut Vec<Output>) {
        let Some(guest) = self.guests.get(&link) else { return };
        let (key, name) = (guest.key, guest.name.clone());
        if let Some(older) = self.joined.get(&key).copied() {
            self.reject(older, Rule::Join10, now, out);
        }
        if let Some(guest) = self.guests.get_mut(&link) {
            (guest.admitted, guest.knock, guest.floor) = (Some(admitted), None, floor);
            guest.welcomed_at = self.log.ring().dropped_before();
        }
        self.joined.insert(key, link);
        self.gone.forget(&key);
        self.names.take(&name, key);
        self.timers.disarm(Timer::Join(link));
    }

    /// Whether somebody other than `key` is called `name`, or something that reads alike.
    pub(super) fn is_named(&self, name: &str, key: Key) -> bool {
        let reading = reading(name);
        // SPEC LOBBY-7
        let in_lobby = self.charter.admission.has_lobby() && (self.lobby.is_taken(&reading, key) || reading == "all");
        in_lobby
            || self.names.is_taken(name, key)
            || key != self.us.key() && reading == crate::name::reading(&self.name)
    }

    pub(super) fn welcome(&mut self, link: LinkId, id: RequestId, chain: &Chain, now: Now, out: &mut Vec<Output>) {
        let Some(guest) = self.guests.get(&link) else { return };
        let Ok(charter) = decode_all::<Signed<'_, Charter<'_>>>(self.charter.bytes()) else { return };
        let rows = self.log.rows(guest.floor);
        let (count, items) = encode_items(rows.iter().copied(), limits::ROWS_MAX);
        let rest = rows.get(limits::ROWS_MAX..).filter(|rest| !rest.is_empty());
        let rows = List::over(count, &items);
        let frame = chain.with_list(|chain| {
            Frame::from(Welcome { charter: Block(charter), chain, rows, options: Options::NONE }).encode(id)
        });
        out.push(Output::Send { link, frame });
        rest.into_iter().for_each(|rest| send_rows(link, rest, out));
        let (key, name) = (guest.key, guest.name.clone());
        let ticket = guest.admitted.and_then(|admitted| self.tickets.label_of(&admitted.ticket?));
        self.mark(key, Whereabouts::Here, name.clone(), now);
        let everybody = self.everybody();
        out.push(Output::Send { link, frame: everybody });
        self.acknowledge(link, None, out);
        out.push(Output::Event(Event::Joined { name, key, ticket }));
    }

    fn everybody(&mut self) -> Encoded {
        self.is_unnamed |= self.joined.len() > limits::PRESENCE_NAMES_MAX;
        let guests = self.joined.iter().filter_map(|(key, link)| Some((*key, self.guests.get(link)?)));
        presence(self.joined.len(), guests.map(|(key, guest)| (key, Whereabouts::Here, guest.name.as_str())))
    }

    /// Has the next PRESENCE tell of somebody.
    pub(super) fn mark(&mut self, key: Key, whereabouts: Whereabouts, name: String, now: Now) {
        self.changed.insert(key, (whereabouts, name));
        if !self.timers.is_armed(Timer::Presence) {
            self.timers.arm(Timer::Presence, now.tick.after(limits::PRESENCE_INTERVAL));
        }
    }

    fn on_presence(&mut self, out: &mut Vec<Output>) {
        let changed = core::mem::take(&mut self.changed);
        let people = changed.iter().map(|(key, (whereabouts, name))| (*key, *whereabouts, name.as_str()));
        // Names come back once there are few enough again: then of everybody.
        let is_unnamed = core::mem::take(&mut self.is_unnamed);
        let many = self.joined.len().max(changed.len()) > limits::PRESENCE_NAMES_MAX;
        let frame = if is_unnamed || many { self.everybody() } else { presence(self.joined.len(), people) };
        out.extend(self.joined.values().map(|link| Output::Send { link: *link, frame: frame.clone() }));
    }

    fn on_digest(&mut self, link: LinkId, digest: &Digest<'_>, out: &mut Vec<Output>) {
        let Some(guest) = self.guests.get_mut(&link) else { return };
        let mut rows = BTreeMap::new();
        for row in digest.rows.iter() {
            let stream = StreamId::of_row(&row);
            // Only the host writes here: rows of others say nothing.
            if row.author != self.us.key() {
                continue;
            }
            if self.log.row(stream, 0).is_some() {
                rows.insert(stream, row.next);
            }
            // SPEC DIGEST-3: who holds another head of the same length needs the proof of a fork.
            out.extend(self.log.rival_head(&row, guest.floor).map(|frame| Output::Send { link, frame }));
        }
        if !guest.following {
            guest.following = true;
            // SPEC GAP-1: what went while WELCOME and DIGEST were on their way is said to be gone, not fetched.
            if guest.welcomed_at < self.log.ring().dropped_before() {
                send_rows(link, &self.log.rows(guest.floor), out);
            }
            let start = self.log.start_for(&rows, guest.floor);
            out.push(Output::Follow { link, start });
        }
        self.acknowledge(link, rows.get(&self.talk()).copied(), out);
    }

    fn talk(&self) -> StreamId {
        StreamId { author: self.us.key(), session: self.session, lane: Lane::Talk }
    }

    /// A guest has told that it holds the talk below `next`; or nothing of it, so that it is where it was.
    fn acknowledge(&mut self, link: LinkId, next: Option<u64>, out: &mut Vec<Output>) {
        let next = next.unwrap_or_else(|| self.delivery.next_of(&link));
        let written = self.log.next_number(self.talk());
        out.extend(self.delivery.set(link, next, self.session, written).map(Output::Event));
    }

    fn on_fetch(&mut self, link: LinkId, id: RequestId, fetch: &Fetch<'_>, now: Now, out: &mut Vec<Output>) {
        let floor = self.guests.get(&link).map_or(u64::MAX, |guest| guest.floor);
        if let Err(rule) = (Asker { link, talk: Some(floor) }).answer(&self.log, id, fetch, |_| true, out) {
            self.reject(link, rule, now, out);
        }
    }

    fn on_tell(&mut self, link: LinkId, id: RequestId, tell: &Tell<'_>, out: &mut Vec<Output>) {
        let Some(guest) = self.guests.get(&link) else { return };
        if self.tokens.take(guest.key, tell.token) {
            let whisper = Whisper { token: tell.token, author: guest.key, to: self.name.clone() };
            out.push(Output::Event(self.whisper(whisper, guest.name.clone(), tell.text.as_str())));
        }
        out.push(Output::done(link, id));
    }

    pub(super) fn whisper(&self, whisper: Whisper, from: String, text: &str) -> Event {
        let own = whisper.author == self.us.key();
        let kind = Kind::Whisper(whisper);
        Event::Message { meeting: self.charter.meeting, kind, from, own, text: text.to_string() }
    }

    fn on_rename(&mut self, link: LinkId, id: RequestId, rename: &Rename<'_>, now: Now, out: &mut Vec<Output>) {
        let Some(key) = self.guests.get(&link).map(|guest| guest.key) else { return };
        let new = rename.name.as_str();
        // SPEC JOIN-16
        if proper(new).is_none() {
            return out.push(Output::refuse(link, id, Rule::Join16, &reason::name_form(new)));
        }
        // SPEC RENAME-1
        if self.is_named(new, key) {
            return out.push(Output::refuse(link, id, Rule::Rename1, reason::NAME_TAKEN));
        }
        if let Some(guest) = self.guests.get_mut(&link) {
            let old = core::mem::replace(&mut guest.name, new.to_string());
            self.names.free(&old, key);
            self.names.take(new, key);
            self.mark(key, Whereabouts::Here, new.to_string(), now);
            out.push(Output::Event(Event::Renamed { key, old, new: new.to_string() }));
        }
        out.push(Output::done(link, id));
    }

    fn on_reply(&mut self, link: LinkId, id: RequestId, error: Option<&Refused<'_>>, out: &mut Vec<Output>) {
        let command = self.guests.get_mut(&link).and_then(|guest| guest.tells.remove(&id));
        let Some(command) = command else { return };
        out.push(Output::Event(match error {
            None => Event::Done { id: command },
            Some(error) => Event::Error { failure: refused(error), id: Some(command) },
        }));
    }

    fn on_down(&mut self, link: LinkId, code: Code, now: Now, out: &mut Vec<Output>) {
        let Some(guest) = self.guests.get(&link) else { return };
        let name = guest.name.clone();
        self.note_gone(link, out);
        self.forget(link, code.word(), now, out);
        if code == Code::Slow {
            out.push(Output::Event(Event::Warning(Notice::Slow(name))));
        }
    }

    /// Who waits has gone, or is sent away: the user need not decide any more.
    pub(super) fn note_gone(&self, link: LinkId, out: &mut Vec<Output>) {
        if let Some(guest) = self.guests.get(&link).filter(|guest| guest.knock.is_some()) {
            out.push(Output::Event(Event::Warning(Notice::LeftLobby(guest.name.clone()))));
        }
    }

    /// A link is gone: so is its guest.
    pub(super) fn forget(&mut self, link: LinkId, reason: &str, now: Now, out: &mut Vec<Output>) {
        self.timers.disarm(Timer::Join(link));
        let Some(guest) = self.guests.remove(&link) else { return };
        guest.fail_tells(&Failure::Held(guest.name.clone()), out);
        self.lobby.take(link, now);
        if self.joined.get(&guest.key) == Some(&link) {
            self.joined.remove(&guest.key);
            self.names.free(&guest.name, guest.key);
            let ticket = guest.admitted.and_then(|admitted| admitted.ticket);
            self.gone.note(Leaver { key: guest.key, name: guest.name.clone(), ticket });
            let written = self.log.next_number(self.talk());
            out.extend(self.delivery.remove(link, self.session, written).map(Output::Event));
            self.mark(guest.key, Whereabouts::Gone, guest.name.clone(), now);
            out.push(Output::Event(Event::Left { name: guest.name, key: guest.key, reason: reason.to_string() }));
        }
    }

    /// The one way to turn away a link: with the rule that it broke.
    pub(super) fn reject(&mut self, link: LinkId, rule: Rule, now: Now, out: &mut Vec<Output>) {
        self.forget(link, rule.code().word(), now, out);
        out.push(Output::close(link, rule));
    }

    pub(super) fn member(&self, guest: &Guest) -> Member {
        let is_muted = self.roster.is_revoked(&guest.key, wire::Level::Mute);
        Member { name: guest.name.clone(), key: guest.key, state: State::Linked, is_host: false, is_muted }
    }

    fn on_frame(&mut self, link: LinkId, id: RequestId, frame: &Frame<'_>, now: Now, out: &mut Vec<Output>) {
        let Some(guest) = self.guests.get(&link) else { return };
        let joined = guest.admitted.is_some();
        match frame {
            Frame::Meeting(Meeting::Join(join)) => self.on_join(link, id, join, now, out),
            // SPEC JOIN-1
            Frame::Meeting(_) | Frame::Private(_) if !joined => self.reject(link, Rule::Join1, now, out),
            Frame::Meeting(Meeting::Digest(digest)) => self.on_digest(link, digest, out),
            Frame::Meeting(Meeting::Fetch(fetch)) => self.on_fetch(link, id, fetch, now, out),
            Frame::Meeting(Meeting::Rename(rename)) => self.on_rename(link, id, rename, now, out),
            Frame::Meeting(Meeting::Fork(fork)) => self.on_fork(link, fork, now, out),
            // SPEC ENTRY-5
            Frame::Meeting(Meeting::EntryFrame(_)) => self.reject(link, Rule::Entry5, now, out),
            // SPEC GUEST-1
            Frame::Meeting(Meeting::Welcome(_) | Meeting::Presence(_) | Meeting::Waiting(_)) => {
                self.reject(link, Rule::Guest1, now, out);
            }
            // SPEC MESH-3
            Frame::Meeting(Meeting::Links(_)) => self.reject(link, Rule::Mesh3, now, out),
            Frame::Private(Private::Ask(ask)) => self.on_ask(link, id, ask, now, out),
            Frame::Private(Private::Tell(tell)) => self.on_tell(link, id, tell, out),
            // SPEC REGISTRY-2
            Frame::Registry(_) => self.reject(link, Rule::Registry2, now, out),
            Frame::Session(Session::Done(_)) => self.on_reply(link, id, None, out),
            Frame::Session(Session::Refused(error)) => self.on_reply(link, id, Some(error), out),
            // The link keeps these to itself.
            Frame::Session(Session::Hello(_) | Session::Bye(_) | Session::Ping(_)) => {}
        }
    }
}

impl Machine for Host {
    fn handle(&mut self, input: Input<'_>, now: Now, out: &mut Vec<Output>) {
        if self.over {
            return;
        }
        match input {
            Input::Start => self.on_start(now, out),
            Input::Up { link, peer, address, hello, .. } => {
                self.on_up(link, (peer, Source::of(address.ip())), &hello, now, out);
            }
            Input::Frame { link, id, frame } => self.on_frame(link, id, &frame, now, out),
            Input::Down { link, code } => self.on_down(link, code, now, out),
            Input::Unreachable { .. } => {}
            Input::Command { id, command } => self.on_command(id, command, now, out),
        }
    }

    fn handle_timeout(&mut self, now: Now, out: &mut Vec<Output>) {
        while !self.over
            && let Some(timer) = self.timers.expire(now.tick)
        {
            match timer {
                // SPEC JOIN-9
                Timer::Join(link) => self.reject(link, Rule::Join9, now, out),
                Timer::Presence => self.on_presence(out),
            }
        }
        while !self.over
            && let Some(due) = self.lobby.expire(now, out)
        {
            match due {
                Due::Told => {}
                // SPEC LOBBY-5
                Due::Overdue(link) => self.deny(link, Rule::Lobby5, Rule::Lobby5.meaning(), now, out),
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let due = self.timers.next().into_iter().chain(self.lobby.next()).min();
        due.filter(|_| !self.over)
    }

    fn has_let_in(&self, link: LinkId) -> bool {
        self.guests.get(&link).is_some_and(|guest| guest.admitted.or(guest.knock).is_some())
    }

    fn logs(&self) -> Vec<&Log> {
        alloc::vec![&self.log]
    }

    fn assert_invariants(&self) {
        assert!(self.log.is_kept(), "the disk does not know what the log does");
        for (key, link) in &self.joined {
            let guest = self.guests.get(link);
            assert!(
                guest.is_some_and(|guest| guest.key == *key && guest.admitted.is_some()),
                "{key} is not at {link:?}"
            );
        }
        let mut names = Names::default();
        self.joined.iter().filter_map(|(key, link)| Some((key, self.guests.get(link)?))).for_each(|(key, guest)| {
            assert!(!names.is_taken(&guest.name, *key), "two are called {}", guest.name);
            names.take(&guest.name, *key);
        });
        assert!(self.over || names == self.names, "the names of those who have joined are taken, and no others");
        for (link, guest) in &self.guests {
            let joined = self.joined.get(&guest.key) == Some(link);
            assert_eq!(joined, guest.admitted.is_some(), "{link:?} is half joined");
            let (waits, to_join) = (self.lobby.has(*link), self.timers.is_armed(Timer::Join(*link)));
            assert_eq!(waits, guest.knock.is_some(), "{link:?} waits in the lobby or has not knocked");
            let states = [joined, waits, to_join].into_iter().filter(|is| *is).count();
            assert_eq!(states, 1, "{link:?} is to join, waits, or has joined");
        }
        assert!(self.lobby.links().iter().all(|link| self.guests.contains_key(link)), "a stranger waits");
        self.roster.assert_invariants(&self.charter);
        assert!(self.over || self.changed.is_empty() || self.timers.is_armed(Timer::Presence), "nobody is told");
    }
}

impl Host {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn key(&self) -> Key {
        self.us.key()
    }

    /// What registries say of the lecture.
    pub(crate) fn listing(&self) -> Option<Listing<'_>> {
        let population = u32::try_from(self.joined.len()).unwrap_or(u32::MAX).saturating_add(1);
        let door = if self.roster.is_locked() { wire::Door::Locked } else { wire::Door::Unlocked };
        let (charter, name, since_ms) = (&self.charter, &*self.name, self.since_ms);
        (!self.over).then_some(Listing { charter, name, population, door, since_ms })
    }
}
