//! Who attends a lecture: one link to the host, dialled again for as long as it takes (SPEC.md, "Star").

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::presence::People;
use super::witness::Witness;
use crate::address::for_others;
use crate::charter::SignedCharter;
use crate::code::Code;
use crate::command::{Failure, Place};
use crate::door::{Newcomer, NewcomerConfig, Progress, Restored, Wait, is_innocent};
use crate::errand::{Outbox, Speaker, Tokens};
use crate::event::{Ending, Event, Kind, Member, Notice, Role, State, Whisper};
use crate::id::{DialId, Key, LinkId, RequestId};
use crate::identity::Identity;
use crate::log::{Held, Log, StreamId};
use crate::machine::{Input, Kept, Machine, Output};
use crate::name::reading;
use crate::pass::Chain;
use crate::random::Random;
use crate::replica::{Account, Patience, Payer, Replica, Taken, Telling, is_asked, message, news, send_rows};
use crate::roster::Roster;
use crate::rule::Rule;
use crate::ticket::Ticket;
use crate::time::{Instant, Now};
use crate::wire::Frame;
use crate::wire::entry::{Carried, EntryBody, Heard, Level};
use crate::wire::field::encode_alone;
use crate::wire::meeting::{Fork, Lane, Meeting, Presence, Row, Welcome};
use crate::wire::private::{Private, Tell};
use crate::wire::session::Session;

/// Where an attendee is with its one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not started, or waiting before the next dial.
    Apart,
    Dialling(DialId),
    /// JOIN has been sent to this key.
    Knocking(LinkId, Key),
    Attending(LinkId),
    Over,
}

/// One guest of a lecture.
#[derive(Clone, Debug)]
pub struct Attendee {
    pub(super) us: Identity,
    pub(super) newcomer: Newcomer,
    pub(super) random: Random,
    pub(super) stage: Stage,
    charter: Option<SignedCharter>,
    pub(super) replica: Replica,
    /// What an earlier run has stored and not shown.
    unshown: Vec<Arc<Held>>,
    pub(super) roster: Roster,
    people: People,
    pub(super) outbox: Outbox,
    tokens: Tokens,
    witness: Witness,
    pub(super) last_request: RequestId,
    /// The user has been told of the link that stands.
    introduced: bool,
    /// When something is to be told or asked for.
    due: Option<Instant>,
    talk_max: usize,
}

impl Attendee {
    /// An attendee that has not started yet.
    #[must_use]
    pub fn new(mut config: NewcomerConfig) -> Self {
        let restored = config.restored.take();
        let mut attendee = Self {
            us: config.identity.clone(),
            random: Random::new(config.seed),
            stage: Stage::Apart,
            roster: Roster::default(),
            charter: None,
            replica: Replica::new(Log::new(config.meeting, config.talk_max), Patience::GUEST),
            unshown: Vec::new(),
            people: People::default(),
            outbox: Outbox::default(),
            tokens: Tokens::default(),
            witness: Witness::default(),
            last_request: RequestId::EVENT,
            introduced: false,
            due: None,
            talk_max: config.talk_max,
            newcomer: Newcomer::new(Place::Lecture, config),
        };
        if let Some(restored) = restored {
            attendee.restore(restored);
        }
        attendee
    }

    /// Goes on with what an earlier run has kept.
    fn restore(&mut self, restored: Restored) {
        let Restored { charter, pass, log } = restored;
        self.unshown = log.unshown();
        self.witness = Witness::of(&log);
        self.replica = Replica::new(log, Patience::GUEST);
        self.newcomer.chain = pass.map(|pass| Chain::restore(&pass)).unwrap_or_default();
        self.roster = Roster::fold(&self.replica.log, &charter, &self.us);
        self.charter = Some(charter);
    }

    /// Dials, with all that is kept.
    fn begin(&mut self, now: Now, out: &mut Vec<Output>) {
        self.newcomer.be_patient(now);
        self.dial(out);
    }

    fn dial(&mut self, out: &mut Vec<Output>) {
        match self.newcomer.knock(self.replica.log.meeting(), out) {
            Ok(dial) => self.stage = Stage::Dialling(dial),
            Err(failure) => self.end(Code::Malformed, Ending::Failed(failure), out),
        }
    }

    fn on_up(&mut self, link: LinkId, peer: Key, dial: Option<DialId>, out: &mut Vec<Output>) {
        if dial.is_none_or(|dial| self.stage != Stage::Dialling(dial)) {
            // SPEC GUEST-2: nobody dials a guest.
            return out.push(Output::close(link, Rule::Guest2));
        }
        let id = self.last_request.step();
        let meeting = self.replica.log.meeting();
        let proof = self.newcomer.proof(meeting, &self.us);
        out.push(Output::Send { link, frame: self.newcomer.join(meeting, proof, &[], id) });
        self.stage = Stage::Knocking(link, peer);
    }

    fn on_welcome(&mut self, link: LinkId, peer: Key, welcome: &Welcome<'_>, now: Now, out: &mut Vec<Output>) {
        let charter =
            match SignedCharter::check(&encode_alone(&welcome.charter.0), self.replica.log.meeting(), &self.us) {
                Ok(charter) => charter,
                Err(rule) => return self.reject(link, rule, now, out),
            };
        // SPEC CHARTER-3
        if peer != charter.founder {
            return self.reject(link, Rule::Charter3, now, out);
        }
        self.newcomer.goal.host = Some(charter.founder);
        let meeting = charter.meeting;
        if let Some(kept) = self.newcomer.come_to(meeting) {
            self.restore(kept);
            out.push(Output::Close { link, code: Code::Left, rule: None, reason: String::new() });
            return self.begin(now, out);
        }
        if self.replica.log.meeting() != meeting {
            self.replica = Replica::new(Log::new(meeting, self.talk_max), Patience::GUEST);
            self.witness = Witness::default();
        }
        self.roster = Roster::fold(&self.replica.log, &charter, &self.us);
        out.push(Output::Keep { meeting, name: Kept::Charter, bytes: charter.bytes().into() });
        self.newcomer.take_chain(Chain::shown(welcome.chain), meeting, out);
        self.charter = Some(charter);
        self.stage = Stage::Attending(link);
        self.introduce(out);
        self.skip_what_is_gone(welcome.rows.iter(), now, out);
        send_rows(link, &self.replica.meet(link, peer, Account::Branch(peer), Some(0)), out);
        self.replica.ask_for_lost(link, now);
        let heard = self.heard();
        let speaker = Speaker { us: &self.us, meeting, name: &self.newcomer.me.name, heard };
        self.outbox.resend(link, speaker, &mut self.last_request, out);
    }

    /// Tells the user of the link, once its host has a name: at WELCOME, or with the first act that comes.
    fn introduce(&mut self, out: &mut Vec<Output>) {
        let (Some(charter), Some(name)) = (&self.charter, self.roster.host_name()) else { return };
        let name = name.to_string();
        if core::mem::replace(&mut self.introduced, true) {
            return;
        }
        let host = charter.founder;
        let ready = Event::Ready {
            role: Role::Attendee,
            name: self.newcomer.me.name.clone(),
            key: self.us.key(),
            meeting: charter.meeting,
            title: charter.title.clone(),
            ticket: self.ticket_for(charter).to_string(),
            questions: charter.questions,
            admission: charter.admission,
            is_locked: self.roster.is_locked(),
        };
        if self.newcomer.take_seat() {
            out.push(Output::Event(ready));
        }
        out.push(Output::Event(Event::Linked { name, key: host }));
        if !self.people.names.is_empty() {
            out.push(Output::Event(self.users()));
        }
        self.show_rest(out);
    }

    /// Tells the user what an earlier run has stored and not shown.
    fn show_rest(&mut self, out: &mut Vec<Output>) {
        for entry in core::mem::take(&mut self.unshown) {
            self.show(&entry, &self.replica.log.says(&entry), None, out);
        }
    }

    /// Tells the user what an entry says.
    fn show(&mut self, entry: &Held, body: &EntryBody<'_>, answered: Option<Level>, out: &mut Vec<Output>) {
        let log = &self.replica.log;
        // SPEC ASK-7
        if !is_asked(log.meeting(), body, &self.us) {
            return out.push(Output::Event(Event::Warning(Notice::UnsignedQuestion)));
        }
        if let EntryBody::Question { asker, token, heard, name, .. } = body {
            if !self.witness.is_first((*asker, *token), (entry.id.session, entry.number)) {
                return;
            }
            let notice = self.witness.compare(entry, (name.as_str(), heard), log);
            out.extend(notice.map(|notice| Output::Event(Event::Warning(notice))));
        }
        let mut event = message(log, entry, body, answered, &self.host_name(), self.us.key());
        if let Some(Event::Message { kind: Kind::Question(_, asked), from, .. }) = &mut event {
            asked.is_ambiguous = self.is_ambiguous(from, asked.key);
        }
        out.extend(event.map(Output::Event));
    }

    /// SPEC ASK-12: whether somebody else than `key` here has a name that reads like this one, or may have.
    fn is_ambiguous(&self, name: &str, key: Key) -> bool {
        let host = self.newcomer.goal.host.map(|host| (host, self.host_name()));
        let own = (self.us.key(), self.newcomer.me.name.clone());
        key != self.us.key() && self.people.is_unnamed()
            || host.into_iter().chain([own]).any(|(other, called)| other != key && reading(&called) == reading(name))
            || self.people.is_named(name, key)
    }

    /// The newest talk of the host that is held.
    pub(super) fn heard(&self) -> Heard {
        self.newcomer.goal.host.map_or(Heard::NONE, |host| self.replica.log.newest_talk(host))
    }

    /// What others join with: the own ticket, or the open meeting's address with its key.
    fn ticket_for(&self, charter: &SignedCharter) -> Ticket {
        self.newcomer.goal.ticket.clone().unwrap_or_else(|| Ticket {
            meeting: charter.meeting,
            host: charter.founder,
            seed: None,
            endorsement: None,
            addresses: for_others(&self.newcomer.goal.addresses),
        })
    }

    /// SPEC GAP-1: what the host no longer has is missing. All that it has comes by itself.
    fn skip_what_is_gone(&mut self, rows: impl Iterator<Item = Row>, now: Now, out: &mut Vec<Output>) {
        for row in rows.filter(|row| row.lane == Lane::Talk && Some(row.author) == self.newcomer.goal.host) {
            self.replica.skip(StreamId::of_row(&row), row.first, now, out);
        }
    }

    fn on_entry(&mut self, link: LinkId, entry: &Carried<'_>, now: Now, out: &mut Vec<Output>) {
        let Some(founder) = self.charter.as_ref().map(|charter| charter.founder) else { return };
        // SPEC ENTRY-5
        if entry.entry.author != founder {
            return self.reject(link, Rule::Entry5, now, out);
        }
        match self.replica.take(link, entry, Some(Payer::Nobody), &self.us, now, out) {
            Taken::Stored(entry) => self.on_stored(&entry, out),
            Taken::Completed(entry) => self.show(&entry, &entry.body(), None, out),
            Taken::Known | Taken::Later => {}
            Taken::Forked(proof) => self.on_forked(proof.stream, proof.number, out),
            Taken::Broken(rule) => self.reject(link, rule, now, out),
        }
    }

    fn on_stored(&mut self, entry: &Held, out: &mut Vec<Output>) {
        let body = entry.body();
        let answered = self.roster.answered(&body);
        if entry.lane() != Lane::Talk {
            let old = self.roster.host_name().map(ToString::to_string);
            if let Some(charter) = &self.charter {
                self.roster.take(entry, charter, &self.us);
            }
            self.introduce(out);
            if let (Some(old), Some(new)) = (old, self.roster.host_name().map(ToString::to_string))
                && old != new
            {
                out.push(Output::Event(Event::Renamed { key: entry.id.author, old, new }));
            }
        }
        if entry.lane() == Lane::Talk {
            out.extend(self.witness.on_stored(entry).map(|notice| Output::Event(Event::Warning(notice))));
        }
        if !self.replica.log.was_shown(entry) {
            self.show(entry, &body, answered, out);
        }
    }

    /// Does what is due: tells what has changed, asks for what is lacking.
    fn settle(&mut self, now: Now, out: &mut Vec<Output>) {
        let roster = &self.roster;
        self.replica.review(|retraction| roster.may_remove(retraction), now, out);
        for what in self.replica.news() {
            let event = news(&self.replica.log, &what, |_| self.host_name(), self.us.key());
            out.extend(event.map(Output::Event));
        }
        if !matches!(self.stage, Stage::Attending(_)) {
            return;
        }
        let wanted = |log: &Log, id: StreamId| log.has_place_for(id);
        for entry in self.replica.ripe(wanted, now, out) {
            self.on_stored(&entry, out);
        }
        if self.replica.must_tell(now) {
            self.replica.tell(|_, _| Telling::Soon, now, out);
        }
        let wanted = |log: &Log, id: StreamId| {
            let is_wanted = !log.is_void(id, log.missing(id).0) && (!id.lane.is_register() || log.has_place_for(id));
            is_wanted.then_some(Payer::Nobody)
        };
        self.replica.ask(wanted, &mut self.last_request, now, out);
        self.due = self.replica.next(now);
    }

    /// A request has been answered. What damage has taken, and the host does not bring, is gone.
    fn on_answered(&mut self, link: LinkId, id: RequestId) {
        self.replica.answered(link, id, |log, stream| log.missing(stream).1 == u64::MAX);
    }

    fn on_fork(&mut self, link: LinkId, fork: &Fork<'_>, now: Now, out: &mut Vec<Output>) {
        match self.replica.log.check_fork(fork, &self.us) {
            // SPEC ENTRY-5
            Ok((stream, _)) if Some(stream.author) != self.newcomer.goal.host => {
                self.reject(link, Rule::Entry5, now, out);
            }
            Ok((stream, number)) if self.replica.void(stream, number, out) => self.on_forked(stream, number, out),
            Ok(_) => {}
            Err(rule) => self.reject(link, rule, now, out),
        }
    }

    /// What the host has said in `stream` is void from `number` on.
    fn on_forked(&mut self, stream: StreamId, number: u64, out: &mut Vec<Output>) {
        if let Some(charter) = &self.charter {
            self.roster.void(stream, number, charter);
        }
        out.push(Output::Event(Event::Warning(Notice::ForkOfHost)));
    }

    fn on_presence(&mut self, presence: &Presence<'_>, out: &mut Vec<Output>) {
        let mut events = Vec::new();
        let first = self.people.update(presence, self.us.key(), &mut events);
        if !self.introduced {
            return;
        }
        if first {
            events = alloc::vec![self.users()];
        }
        out.extend(events.into_iter().map(Output::Event));
    }

    fn on_tell(&mut self, link: LinkId, id: RequestId, tell: &Tell<'_>, out: &mut Vec<Output>) {
        if let Some(host) = self.newcomer.goal.host
            && self.tokens.take(host, tell.token)
        {
            let kind = Kind::Whisper(Whisper { token: tell.token, author: host, to: self.newcomer.me.name.clone() });
            let (meeting, from, text) = (self.replica.log.meeting(), self.host_name(), tell.text.as_str().to_string());
            out.push(Output::Event(Event::Message { meeting, kind, from, own: false, text }));
        }
        out.push(Output::done(link, id));
    }

    fn on_frame(&mut self, link: LinkId, id: RequestId, frame: &Frame<'_>, now: Now, out: &mut Vec<Output>) {
        match (self.stage, frame) {
            (Stage::Knocking(ours, peer), Frame::Meeting(Meeting::Welcome(welcome))) if ours == link => {
                self.on_welcome(link, peer, welcome, now, out);
            }
            (Stage::Knocking(ours, _), Frame::Meeting(Meeting::Waiting(waiting))) if ours == link => {
                self.newcomer.on_waiting(waiting.position, out);
            }
            (Stage::Knocking(ours, _), Frame::Session(Session::Refused(error))) if ours == link => {
                out.push(Output::Close { link, code: Code::Left, rule: None, reason: String::new() });
                self.newcomer.on_denied(error.reason.as_str());
                self.on_failure(error.code, now, out);
            }
            (Stage::Attending(ours), frame) if ours == link => self.on_meeting_frame(link, id, frame, now, out),
            // SPEC WELCOME-1
            (Stage::Knocking(ours, _), _) if ours == link => self.reject(link, Rule::Welcome1, now, out),
            (Stage::Apart | Stage::Dialling(_) | Stage::Knocking(..) | Stage::Attending(_) | Stage::Over, _) => {}
        }
    }

    fn on_meeting_frame(&mut self, link: LinkId, id: RequestId, frame: &Frame<'_>, now: Now, out: &mut Vec<Output>) {
        match frame {
            Frame::Meeting(Meeting::EntryFrame(frame)) => self.on_entry(link, &frame.entry, now, out),
            Frame::Meeting(Meeting::Presence(presence)) => self.on_presence(presence, out),
            Frame::Meeting(Meeting::Fork(fork)) => self.on_fork(link, fork, now, out),
            Frame::Meeting(Meeting::Digest(digest)) => self.skip_what_is_gone(digest.rows.iter(), now, out),
            Frame::Private(Private::Tell(tell)) => self.on_tell(link, id, tell, out),
            Frame::Session(Session::Done(_)) => {
                self.on_answered(link, id);
                if let Some(new) = self.outbox.on_done(id, self.us.key(), &self.newcomer.me.name, out) {
                    let old = self.newcomer.me.name.clone();
                    self.newcomer.me.rename(&new);
                    self.people.rename(self.us.key(), &new);
                    out.push(Output::Event(Event::Renamed { key: self.us.key(), old, new }));
                }
            }
            Frame::Session(Session::Refused(error)) => {
                self.on_answered(link, id);
                let (meeting, heard) = (self.replica.log.meeting(), self.heard());
                let speaker = Speaker { us: &self.us, meeting, name: &self.newcomer.me.name, heard };
                self.outbox.on_refused((link, id), error, speaker, &mut self.last_request, out);
            }
            // SPEC GUEST-2, WELCOME-1
            Frame::Meeting(Meeting::Join(_) | Meeting::Fetch(_) | Meeting::Rename(_))
            | Frame::Private(Private::Ask(_)) => {
                self.reject(link, Rule::Guest2, now, out);
            }
            Frame::Meeting(Meeting::Welcome(_)) => self.reject(link, Rule::Welcome1, now, out),
            // SPEC LOBBY-3
            Frame::Meeting(Meeting::Waiting(_)) => self.reject(link, Rule::Lobby3, now, out),
            // SPEC REGISTRY-2
            Frame::Registry(_) => self.reject(link, Rule::Registry2, now, out),
            // SPEC MESH-3
            Frame::Meeting(Meeting::Links(_)) => self.reject(link, Rule::Mesh3, now, out),
            // The link keeps these to itself.
            Frame::Session(Session::Hello(_) | Session::Bye(_) | Session::Ping(_)) => {}
        }
    }

    /// The one way to turn the host away: with the rule that it broke. It may be better the next time.
    fn reject(&mut self, link: LinkId, rule: Rule, now: Now, out: &mut Vec<Output>) {
        out.push(Output::close(link, rule));
        self.on_failure(rule.code(), now, out);
    }

    fn on_down(&mut self, link: LinkId, code: Code, now: Now, out: &mut Vec<Output>) {
        if matches!(self.stage, Stage::Knocking(ours, _) | Stage::Attending(ours) if ours == link) {
            self.on_failure(code, now, out);
        }
    }

    /// The link, or the attempt to get one, is gone: end, or try again.
    fn on_failure(&mut self, code: Code, now: Now, out: &mut Vec<Output>) {
        if matches!(self.stage, Stage::Attending(_)) && is_innocent(code) {
            self.newcomer.forgive();
        }
        let was_linked = core::mem::take(&mut self.introduced);
        self.part();
        self.stage = Stage::Apart;
        // SPEC JOIN-11: its goodbye may have been lost, its last act has not.
        let code = if self.roster.ended().is_some() { Code::Ended } else { code };
        let was = self.charter.as_ref().map(|kept| kept.title.to_string());
        match self.newcomer.on_failed(code, was, &mut self.random, now, out) {
            Progress::Again => self.dial(out),
            Progress::Later => {
                if let Some(key) = self.newcomer.goal.host.filter(|_| was_linked) {
                    out.push(Output::Event(Event::Unlinked { name: self.host_name(), key, code }));
                }
            }
            Progress::Over(ending) => self.end(code, ending, out),
        }
    }

    pub(super) fn end(&mut self, code: Code, ending: Ending, out: &mut Vec<Output>) {
        self.part();
        self.stage = Stage::Over;
        self.newcomer.rest();
        self.outbox.give_up(&Failure::Undelivered(None), out);
        // Who does not get in again is still shown what was said before.
        self.show_rest(out);
        out.push(Output::Event(Event::Closed { code, ending }));
    }

    fn on_patience(&mut self, out: &mut Vec<Output>) {
        if let Stage::Knocking(link, _) | Stage::Attending(link) = self.stage {
            out.push(Output::Close { link, code: Code::Left, rule: None, reason: String::new() });
        }
        self.end(self.newcomer.last_failure, self.newcomer.nobody_came(), out);
    }

    /// The link is gone.
    fn part(&mut self) {
        if let Stage::Attending(link) = self.stage {
            self.replica.part(link, None);
        }
        self.due = None;
    }

    pub(super) fn host_name(&self) -> String {
        self.roster.host_name().unwrap_or("host").to_string()
    }

    pub(super) fn users(&self) -> Event {
        let us = self.us.key();
        let member = |name, key, state, is_host| {
            let is_muted = self.roster.is_revoked(&key, Level::Mute);
            Member { name, key, state, is_host, is_muted }
        };
        let host = self.newcomer.goal.host.map(|key| member(self.host_name(), key, self.host_state(), true));
        let guests = self.people.names.iter().map(|(key, name)| {
            let state = if *key == us { State::You } else { State::Linked };
            member(name.clone(), *key, state, false)
        });
        Event::Roster { members: host.into_iter().chain(guests).collect(), guests: self.people.guests }
    }

    pub(crate) fn name(&self) -> &str {
        &self.newcomer.me.name
    }

    pub(crate) fn key(&self) -> Key {
        self.us.key()
    }

    const fn host_state(&self) -> State {
        match self.stage {
            Stage::Attending(_) => State::Linked,
            Stage::Apart | Stage::Dialling(_) | Stage::Knocking(..) | Stage::Over => State::Away,
        }
    }
}

impl Machine for Attendee {
    fn handle(&mut self, input: Input<'_>, now: Now, out: &mut Vec<Output>) {
        if self.stage == Stage::Over {
            return;
        }
        match input {
            Input::Start => self.begin(now, out),
            Input::Up { link, peer, dial, .. } => self.on_up(link, peer, dial, out),
            Input::Frame { link, id, frame } => self.on_frame(link, id, &frame, now, out),
            Input::Down { link, code } => self.on_down(link, code, now, out),
            Input::Unreachable { dial, code } if self.stage == Stage::Dialling(dial) => self.on_failure(code, now, out),
            Input::Unreachable { .. } => {}
            Input::Command { id, command } => self.on_command(id, command, out),
        }
        self.settle(now, out);
    }

    fn handle_timeout(&mut self, now: Now, out: &mut Vec<Output>) {
        while let Some(wait) = self.newcomer.expire(now.tick) {
            match wait {
                Wait::Knock => self.dial(out),
                Wait::Patience => self.on_patience(out),
            }
        }
        if self.due.is_some_and(|due| due <= now.tick) {
            self.settle(now, out);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.due.into_iter().chain(self.newcomer.next()).min()
    }

    fn tries_again(&self) -> Option<Instant> {
        self.newcomer.knocks_at()
    }

    fn logs(&self) -> Vec<&Log> {
        alloc::vec![&self.replica.log]
    }

    fn assert_invariants(&self) {
        let waiting = self.newcomer.knocks_at().is_some();
        let apart = self.stage == Stage::Apart && self.newcomer.has_dialled();
        assert_eq!(waiting, apart, "an attendee that is apart dials again, and only then: {:?}", self.stage);
        assert!(self.stage != Stage::Over || self.poll_timeout().is_none(), "it is over, and something is due");
        assert!(self.replica.log.is_kept(), "the disk does not know what the log does");
        assert!(self.due.is_none() || matches!(self.stage, Stage::Attending(_)), "nobody to ask or tell");
    }
}
