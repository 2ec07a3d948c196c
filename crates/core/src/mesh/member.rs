//! A member of a room: what it is made of, and what happens to it.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::peer::{Peer, Step};
use super::people::People;
use super::reach::Reach;
use super::speech::Speech;
use crate::charter::{Listing, SignedCharter};
use crate::circle::Circle;
use crate::code::Code;
use crate::command::{Failure, Place};
use crate::door::{Door, Lobby, Newcomer, NewcomerConfig, Restored, Tickets, Wait};
use crate::errand::{Outbox, Tokens};
use crate::event::{Ending, Event};
use crate::id::{DialId, Key, LinkId, RequestId};
use crate::identity::Identity;
use crate::log::{Held, Log};
use crate::machine::{Input, Machine, Output};
use crate::pass::Chain;
use crate::random::Random;
use crate::reason::goodbye;
use crate::replica::{Delivery, Order, Patience, Replica};
use crate::roster::Roster;
use crate::rule::Rule;
use crate::time::{Instant, Now, Timers};
use crate::wire::Frame;
use crate::wire::entry as wire;
use crate::wire::meeting::Meeting;
use crate::wire::private::Private;
use crate::wire::session::Session;

/// What a member is made of.
#[derive(Clone, Debug)]
pub struct MemberConfig {
    /// Who it is, and where it knocks.
    pub newcomer: NewcomerConfig,
    /// Of a founder, the tickets to hand out; others hand out the one that they were given.
    pub tickets: Tickets,
    /// What its ticket says, `HOST:PORT`: names too.
    pub addresses: Vec<String>,
    /// Where others of the room are told that they can dial this node.
    pub told: Vec<SocketAddr>,
    /// The port that this node listens on, where its address is for others to see. `None`: the addresses say it all.
    pub port: Option<u16>,
}

/// Where a member is with its room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nobody has let it in yet.
    Outside,
    /// It has been let in, and fetches the acts.
    Arriving,
    /// It is a member, and knows it.
    Inside,
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// JOIN has to come on this link.
    Join(LinkId),
    /// A JOIN that waits is looked at again.
    Knock(LinkId),
    /// Who is in on this link has to have said who it is.
    Seat(LinkId),
    /// The acts have been waited for.
    Arrive,
    /// What says who is here has been waited for.
    Roster,
    /// Private words to somebody have waited for an answer for too long.
    Answer(Key),
    /// Acts have come, and others are lacking for too long.
    Judge,
    /// Somebody is to be told what has changed, or asked for what is lacking.
    Due,
    /// Something is shown, whatever it waits for.
    Show,
    /// The next line may be said.
    Speak,
}

/// One member of a room.
#[derive(Clone, Debug)]
pub struct Member {
    pub(super) us: Identity,
    pub(super) newcomer: Newcomer,
    pub(super) tickets: Tickets,
    /// Invariant: above every session of this key that is known, from the moment of being inside.
    pub(super) session: u64,
    pub(super) random: Random,
    pub(super) reach: Reach,
    pub(super) charter: Option<SignedCharter>,
    /// The room is a guess, last heard of then. Invariant: nobody of it has been linked.
    pub(super) guess: Option<String>,
    pub(super) replica: Replica,
    pub(super) roster: Roster,
    pub(super) people: People,
    pub(super) stage: Stage,
    pub(super) links: BTreeMap<LinkId, Peer>,
    /// Invariant: its links are in, and of those keys; everybody who is here and has addresses is linked or called.
    pub(super) circle: Circle,
    /// The dial to the first address, whoever is there.
    pub(super) knocking: Option<DialId>,
    pub(super) door: Door,
    /// Invariant: who waits here is on a link whose JOIN waits.
    pub(super) lobby: Lobby,
    pub(super) order: Order,
    /// How far each has our talk of this session, by its rows.
    pub(super) delivery: Delivery<Key>,
    pub(super) tokens: Tokens,
    /// Invariant: what is here is not empty, and its time is limited.
    pub(super) outboxes: BTreeMap<Key, Outbox>,
    pub(super) speech: Speech,
    pub(super) last_request: RequestId,
    /// Somebody's standing may have changed: the acts since it was looked at, and who has sent each.
    pub(super) unjudged: Option<Vec<(Option<LinkId>, Arc<Held>)>>,
    pub(super) timers: Timers<Timer>,
    pub(super) talk_max: usize,
}

impl Member {
    /// A member that has not started yet.
    #[must_use]
    pub fn new(config: MemberConfig) -> Self {
        let MemberConfig { newcomer: mut config, tickets, addresses, told, port } = config;
        let given = config.ticket.as_ref().filter(|_| tickets.is_empty());
        let restored = config.restored.take();
        let log = Log::new(config.meeting, config.talk_max);
        let mut random = Random::new(config.seed);
        let mut member = Self {
            session: log.new_session(config.identity.key(), config.started_ms, random.bytes()),
            circle: Circle::new(config.identity.key()),
            tickets: given.map_or(tickets, |ticket| Tickets::given(ticket, &config.identity)),
            us: config.identity.clone(),
            random,
            reach: Reach::new(addresses, told, port),
            charter: None,
            guess: None,
            replica: Replica::new(log, Patience::MEMBER).with_budget(),
            roster: Roster::default(),
            people: People::default(),
            stage: Stage::Outside,
            links: BTreeMap::new(),
            knocking: None,
            door: Door::default(),
            lobby: Lobby::default(),
            order: Order::default(),
            delivery: Delivery::default(),
            tokens: Tokens::default(),
            outboxes: BTreeMap::new(),
            speech: Speech::default(),
            last_request: RequestId::EVENT,
            unjudged: None,
            timers: Timers::default(),
            talk_max: config.talk_max,
            newcomer: Newcomer::new(Place::Room, config),
        };
        if let Some(restored) = restored {
            member.restore(restored);
        }
        member
    }

    /// Goes on with what an earlier run has kept.
    pub(super) fn restore(&mut self, restored: Restored) {
        let Restored { charter, pass, log } = restored;
        self.replica = Replica::new(log, Patience::MEMBER).with_budget();
        let (us, log) = (self.us.key(), &self.replica.log);
        for entry in log.entries() {
            // What this user has written, it knows.
            if entry.id.author == us || !log.is_unshown(entry) {
                self.order.note(entry.hash.short());
            }
        }
        self.newcomer.chain = pass.map(|pass| Chain::restore(&pass)).unwrap_or_default();
        self.roster = Roster::fold(log, &charter, &self.us);
        self.session = self.session.max(log.next_session(us));
        self.charter = Some(charter);
    }

    pub(super) fn on_start(&mut self, now: Now, out: &mut Vec<Output>) {
        if let Some(charter) = &self.charter {
            let (meeting, bytes) = (charter.meeting, charter.bytes().into());
            out.push(Output::Keep { meeting, name: crate::machine::Kept::Charter, bytes });
        }
        // What an earlier run has stored and not shown.
        let us = self.us.key();
        for entry in self.replica.log.unshown().iter().filter(|entry| entry.id.author != us) {
            self.queue(entry, now);
        }
        if self.roster.ended().is_some() {
            self.leave_if_over(out);
            return;
        }
        // Who was shown out asks at the door whether that still holds; who guesses, asks there and nowhere else.
        if self.guess.is_none() {
            if self.roster.is_seated(&self.us.key()) {
                return self.come_inside(now, out);
            }
            self.learn_doors();
        }
        self.newcomer.be_patient(now);
        self.knock(out);
    }

    /// Leaves if the meeting has ended, or this member has been shown out, by the acts that are held.
    pub(super) fn leave_if_over(&mut self, out: &mut Vec<Output>) {
        let is_out = self.roster.is_revoked(&self.us.key(), crate::wire::entry::Level::Out);
        if let Some(why) = self.roster.ended().map(ToString::to_string) {
            self.end(Code::Ended, Code::Ended, Ending::Over(why), out);
        } else if is_out {
            self.end_finally(Code::Kicked, out);
        }
    }

    /// Leaves because of what others have said, and does not come back.
    pub(super) fn end_finally(&mut self, code: Code, out: &mut Vec<Output>) {
        self.end(Code::Left, code, Ending::Final(Place::Room), out);
    }

    /// Says goodbye to everybody, for good. `said`: what they are told; `code`: what the user is.
    pub(super) fn end(&mut self, said: Code, code: Code, ending: Ending, out: &mut Vec<Output>) {
        if self.stage == Stage::Over {
            return;
        }
        self.show_rest(out);
        self.stage = Stage::Over;
        self.timers = Timers::default();
        self.newcomer.rest();
        self.lobby.clear();
        for (key, mut outbox) in core::mem::take(&mut self.outboxes) {
            outbox.give_up(&Failure::Undelivered(Some(self.called(&key))), out);
        }
        self.speech.give_up(out);
        (self.circle, self.delivery) = (Circle::new(self.us.key()), Delivery::default());
        let reason = goodbye(code, &ending);
        for (link, _) in core::mem::take(&mut self.links) {
            out.push(Output::Close { link, code: said, rule: None, reason: reason.to_string() });
        }
        out.push(Output::Event(Event::Closed { code, ending }));
    }

    fn on_frame(&mut self, link: LinkId, id: RequestId, frame: &Frame<'_>, now: Now, out: &mut Vec<Output>) {
        let Some(peer) = self.links.get(&link) else { return };
        let is_in = peer.is_in();
        match frame {
            Frame::Meeting(Meeting::Join(join)) => self.on_join(link, id, join, now, out),
            Frame::Meeting(Meeting::Welcome(welcome)) => self.on_welcome(link, welcome, now, out),
            Frame::Meeting(Meeting::Waiting(waiting)) => self.on_waiting(link, waiting, now, out),
            // SPEC MESH-27
            Frame::Meeting(Meeting::EntryFrame(frame)) if peer.is_asked() => self.on_act(link, &frame.entry, now, out),
            Frame::Meeting(Meeting::Fetch(fetch)) if peer.is_asking() => {
                self.on_fetch_of_acts(link, id, fetch, now, out);
            }
            // SPEC MESH-2
            Frame::Meeting(_) | Frame::Private(_) if !is_in => self.reject(link, Rule::Mesh2, now, out),
            Frame::Meeting(Meeting::Digest(digest)) => {
                self.links.get_mut(&link).into_iter().for_each(|peer| peer.has_digest = true);
                self.take_rows(link, &digest.rows, now, out);
            }
            Frame::Meeting(Meeting::EntryFrame(frame)) => self.on_entry(link, &frame.entry, now, out),
            Frame::Meeting(Meeting::Fetch(fetch)) => self.on_fetch(link, id, fetch, now, out),
            Frame::Meeting(Meeting::Fork(fork)) => self.on_fork(link, fork, now, out),
            Frame::Meeting(Meeting::Links(links)) => self.on_links(link, links, now, out),
            Frame::Private(Private::Tell(tell)) => self.on_tell(link, id, tell, out),
            Frame::Session(Session::Done(_)) => self.on_done(link, id, now, out),
            Frame::Session(Session::Refused(error)) if self.is_denied(link, error, now, out) => {}
            Frame::Session(Session::Refused(error)) => self.on_refused(link, id, error, out),
            // SPEC MESH-3
            Frame::Meeting(Meeting::Presence(_) | Meeting::Rename(_)) | Frame::Private(Private::Ask(_)) => {
                self.reject(link, Rule::Mesh3, now, out);
            }
            // SPEC REGISTRY-2
            Frame::Registry(_) => self.reject(link, Rule::Registry2, now, out),
            // The link keeps these to itself.
            Frame::Session(Session::Hello(_) | Session::Bye(_) | Session::Ping(_)) => {}
        }
    }

    fn on_timer(&mut self, timer: Timer, now: Now, out: &mut Vec<Output>) {
        match timer {
            // SPEC JOIN-9
            Timer::Join(link) => self.reject(link, Rule::Join9, now, out),
            Timer::Knock(link) => self.decide(link, now, out),
            // SPEC MESH-7
            Timer::Seat(link) => self.reject(link, Rule::Mesh7, now, out),
            Timer::Arrive => self.on_arrive_due(now, out),
            Timer::Roster => self.tell_roster(out),
            // SPEC MESH-20
            Timer::Answer(key) => self.give_up_on(key, Failure::NotAnswered, out),
            // SPEC MESH-22
            Timer::Judge => self.judge_all(now, out),
            Timer::Due | Timer::Show => {}
            Timer::Speak => self.on_speak_due(now, out),
        }
    }

    /// What follows from whatever has happened: somebody is asked, something is shown.
    fn settle(&mut self, now: Now, out: &mut Vec<Output>) {
        if self.stage == Stage::Over {
            return;
        }
        let roster = &self.roster;
        self.replica.review(|retraction| roster.may_remove(retraction), now, out);
        if self.stage == Stage::Arriving {
            self.arrive_if_complete(now, out);
        }
        self.judge_if_complete(now, out);
        self.renew_ticket(out);
        self.seat_links(now, out);
        if self.stage == Stage::Over {
            return;
        }
        self.exchange(now, out);
        self.tell_roster_if_complete(out);
        self.seek(now);
        self.show(now, out);
    }
}

impl Member {
    pub(crate) fn name(&self) -> &str {
        &self.newcomer.me.name
    }

    pub(crate) fn key(&self) -> Key {
        self.us.key()
    }

    /// What registries say of the room. While only the founder may publish it, it is shown as long as the founder is there.
    pub(crate) fn listing(&self) -> Option<Listing<'_>> {
        let charter = self.charter.as_ref().filter(|charter| charter.founder == self.us.key())?;
        let population = u32::try_from(self.circle.links().len()).unwrap_or(u32::MAX).saturating_add(1);
        let door = if self.roster.is_locked() { wire::Door::Locked } else { wire::Door::Unlocked };
        let (name, since_ms) = (&*self.newcomer.me.name, self.session);
        (self.stage == Stage::Inside).then_some(Listing { charter, name, population, door, since_ms })
    }
}

impl Machine for Member {
    fn handle(&mut self, input: Input<'_>, now: Now, out: &mut Vec<Output>) {
        if self.stage == Stage::Over {
            return;
        }
        match input {
            Input::Start => self.on_start(now, out),
            Input::Up { link, peer, address, hello, dial } => self.on_up(link, peer, address, &hello, dial, now, out),
            Input::Frame { link, id, frame } => self.on_frame(link, id, &frame, now, out),
            Input::Down { link, code } => self.on_down(link, code, now, out),
            Input::Unreachable { dial, code } => self.on_unreachable(dial, code, now, out),
            Input::Command { id, command } => self.on_command(id, command, now, out),
        }
        self.settle(now, out);
    }

    fn handle_timeout(&mut self, now: Now, out: &mut Vec<Output>) {
        while self.stage != Stage::Over
            && let Some(wait) = self.newcomer.expire(now.tick)
        {
            match wait {
                Wait::Knock if self.stage == Stage::Inside => self.knock_if_alone(out),
                Wait::Knock => self.knock(out),
                Wait::Patience => self.on_patience(now, out),
            }
            self.settle(now, out);
        }
        while self.stage != Stage::Over
            && let Some(timer) = self.timers.expire(now.tick)
        {
            self.on_timer(timer, now, out);
            self.settle(now, out);
        }
        while self.stage != Stage::Over
            && let Some(key) = self.circle.expire(now.tick)
        {
            self.on_call_due(key, now, out);
            self.settle(now, out);
        }
        while self.stage != Stage::Over
            && let Some(due) = self.lobby.expire(now, out)
        {
            self.on_lobby_due(due, now, out);
            self.settle(now, out);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let due = self.timers.next().into_iter().chain(self.circle.next());
        due.chain(self.newcomer.next()).chain(self.lobby.next()).min()
    }

    fn has_let_in(&self, link: LinkId) -> bool {
        self.lobby.has(link) || self.links.get(&link).is_some_and(Peer::is_in)
    }

    fn tries_again(&self) -> Option<Instant> {
        let is_alone = self.circle.is_empty();
        self.newcomer.knocks_at().into_iter().chain(self.circle.next()).min().filter(|_| is_alone)
    }

    fn logs(&self) -> Vec<&Log> {
        alloc::vec![&self.replica.log]
    }

    fn assert_invariants(&self) {
        if self.stage == Stage::Over {
            assert!(self.poll_timeout().is_none() && self.links.is_empty(), "it is over, and something is due");
            return;
        }
        for link in self.lobby.links() {
            let step = self.links.get(&link).map(|peer| &peer.step);
            assert!(matches!(step, Some(Step::Knocking(_))), "{link:?} waits, and has not knocked");
        }
        assert!(self.replica.log.is_kept(), "the disk does not know what the log does");
        for (key, link) in self.circle.links() {
            let peer = self.links.get(link);
            assert!(peer.is_some_and(|peer| peer.key == *key && peer.is_in()), "{key} is not at {link:?}");
        }
        for link in self.circle.asking() {
            let step = self.links.get(link).map(|peer| &peer.step);
            assert!(matches!(step, Some(Step::Asking(_))), "{link:?} is nobody's who is asked");
        }
        for (link, peer) in self.links.iter().filter(|(_, peer)| peer.is_in()) {
            assert!(self.circle.has(&peer.key), "{link:?} is in, and its key is not linked");
        }
        for (key, outbox) in &self.outboxes {
            assert!(
                !outbox.is_empty() && self.timers.is_armed(Timer::Answer(*key)),
                "{key} may take for ever to answer"
            );
        }
        if self.stage == Stage::Inside {
            for key in self.missing() {
                assert!(self.circle.is_called(&key), "nobody dials {key}");
            }
        }
    }
}
