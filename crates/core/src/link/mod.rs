//! One connection above its records (SPEC.md, "Session"): HELLO, liveness, rates, request ids, BYE. And, in
//! [`Connection`], with them.

mod connection;
mod rate;
mod requests;
mod state;
#[cfg(test)]
mod tests;
mod timers;

use alloc::vec::Vec;
use core::ops::Deref;
use core::time::Duration;

use bytes::Bytes;

pub use self::connection::{Connection, INPUT_MAX, Standing};
pub(crate) use self::rate::Bucket;
use self::rate::{Rates, Unasked};
use self::requests::Requests;
pub use self::state::{State, Trigger};
use self::timers::{Timer, Timers};
use crate::code::Code;
use crate::feed::{Feed, Packer, Reader, Start};
use crate::id::{Key, MeetingId, RequestId};
use crate::limits;
use crate::random::Random;
use crate::rule::Rule;
use crate::time::Instant;
use crate::wire::field::Reason;
use crate::wire::frame::{self, Decoded, Role};
use crate::wire::meeting::Meeting;
use crate::wire::option::{self, OptionsBuffer};
use crate::wire::session::{Bye, Hello, Ping, Purpose, Session};
use crate::wire::{Encoded, Frame};

/// What this program tells of itself.
const SOFTWARE: &str = concat!("tertulia ", env!("CARGO_PKG_VERSION"));

/// SPEC PING-2: an interval, give or take a tenth. Who has dialled takes it, and whom it dialled gives: that side has
/// mostly heard the other by then, and said its PING in the same turn.
const PING_SHORTEST: Duration = Duration::from_millis(PING_INTERVAL_MS - PING_TENTH_MS);
const PING_TENTH_MS: u64 = PING_INTERVAL_MS / 10;
const PING_INTERVAL_MS: u64 = limits::PING_INTERVAL.as_secs() * 1_000;

/// How this side begins.
#[derive(Clone, Debug)]
pub enum Opening {
    /// It dialled, and speaks first.
    Dialled {
        /// The HELLO to send.
        hello: Encoded,
    },
    /// It was dialled, and answers.
    Accepted {
        /// Wall clock of this run's start.
        started_ms: u64,
    },
}

/// What a link tells its machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// Both HELLOs are done. Comes once, before any frame.
    Up {
        /// The other side's HELLO frame.
        hello: Bytes,
    },
    /// One whole frame of a kind that a machine handles.
    Frame(Bytes),
    /// The link is gone. Comes once, last, unless this side's machine has closed it.
    Down {
        /// Why.
        code: Code,
        /// The rule that the other side has broken, if any.
        rule: Option<Rule>,
    },
}

/// What the responder's HELLO has to repeat.
type Asked = (Purpose, MeetingId);

/// One end of one connection, between its records and its machine.
///
/// In memory it is as it stands here: what each record touches lies together, and first. With thousands of links none of it
/// is in a cache, and each place that has to be fetched costs half as much as sealing.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Link {
    state: State,
    ping_due: bool,
    /// HELLO has gone out: nothing goes before it.
    has_spoken: bool,
    bye_packed: bool,
    /// The other end has this end's own key.
    leads_back: bool,
    timers: Timers,
    /// What is added to the shortest wait before a PING: each link has its own.
    jitter: Duration,
    reader: Reader,
    asked: Option<Asked>,
    started_ms: u64,
    rates: Rates,
    /// Requests of the other side that wait for this side's reply.
    theirs: Requests,
    /// Requests of this side that wait for the other's reply.
    ours: Requests,
    /// What is left of a record while the other side is over a rate.
    rest: Bytes,
    paused_until: Option<Instant>,
    grease: [u8; 5],
}

impl Link {
    /// The link above a channel that has just been established with `peer`.
    #[must_use]
    pub fn new(opening: Opening, us: Key, peer: Key, seed: [u8; 32], now: Instant) -> Self {
        let mut random = Random::new(seed);
        let grease = random.bytes();
        let mut link = Self {
            state: State::Opening,
            leads_back: us == peer,
            asked: None,
            started_ms: 0,
            reader: Reader::default(),
            rates: Rates::default(),
            theirs: Requests::default(),
            ours: Requests::default(),
            rest: Bytes::new(),
            paused_until: None,
            ping_due: false,
            has_spoken: false,
            bye_packed: false,
            timers: Timers::default(),
            jitter: Duration::from_millis(random.below(PING_TENTH_MS.saturating_add(1))),
            grease,
        };
        match opening {
            Opening::Dialled { hello } => {
                if let Ok(Decoded { frame: Some(Frame::Session(Session::Hello(hello))), .. }) = frame::decode(&hello.0)
                {
                    link.asked = Some((hello.purpose, hello.meeting));
                    let hello = link.with_grease(&hello);
                    link.reader.owe(hello, 0);
                }
                link.timers.arm(Timer::Age, now.after(limits::CONNECTION_AGE_MAX));
            }
            Opening::Accepted { started_ms } => {
                link.started_ms = started_ms;
                link.jitter = link.jitter.saturating_add(Duration::from_millis(PING_TENTH_MS));
            }
        }
        link.timers.arm(Timer::Hello, now.after(limits::HELLO_TIMEOUT));
        link.heard(now);
        link.arm_ping(now);
        link
    }

    /// Takes one record's plaintext. [`Link::paused_until`] says when the next one may be read.
    pub fn receive(&mut self, record: &Bytes, now: Instant, out: &mut Vec<LinkEvent>) {
        self.heard(now);
        // SPEC PING-2: nobody has to wake this side for it again. Only where it was dialled: a thousand that hear the same
        // do not all answer at once.
        let may_ping = self.timers.deadline(Timer::Ping).is_some_and(|due| due <= now.after(self.jitter));
        self.ping_due |= may_ping && self.asked.is_none() && self.state == State::Open;
        if record.is_empty() {
            // SPEC RECORD-1
            return self.reject(Rule::Record1, now, out);
        }
        self.rest = record.clone();
        self.take_frames(now, out);
    }

    /// Until when nothing is to be read from the connection: the other side is over a rate.
    #[must_use]
    pub const fn paused_until(&self) -> Option<Instant> {
        self.paused_until
    }

    /// The other side's stream has ended without BYE.
    pub fn end_of_stream(&mut self, out: &mut Vec<LinkEvent>) {
        self.lose(Code::Cut, None, out);
    }

    /// The other side has broken a rule: the one function through which every rejection goes.
    pub fn reject(&mut self, rule: Rule, now: Instant, out: &mut Vec<LinkEvent>) {
        self.give_up(rule.code(), Some(rule), now, out);
    }

    /// Sends `frame` after all that the feed holds below `head`.
    pub fn send(&mut self, frame: Encoded, head: u64) {
        if self.state != State::Open {
            return;
        }
        if let Ok(Decoded { id, frame: Some(decoded), .. }) = frame::decode(&frame.0) {
            match decoded.info().role {
                Role::Event => {}
                Role::Request => {
                    self.ours.insert(id);
                    if matches!(decoded, Frame::Meeting(Meeting::Fetch(_))) {
                        self.rates.fetches();
                    }
                }
                Role::Reply => _ = self.theirs.remove(id),
            }
        }
        if !self.reader.owe(frame, head) {
            self.timers.arm(Timer::Behind, Instant(0));
        }
    }

    /// Sends the feed, from `start` on, after all that was sent before.
    pub fn follow(&mut self, start: Start, feed: &Feed) {
        self.reader.follow(start, feed);
    }

    /// Says goodbye after all that the feed holds below `head`, and closes. Tells the machine nothing more.
    pub fn close(&mut self, code: Code, reason: &str, head: u64, now: Instant) {
        if let Some(closing) = self.state.on(Trigger::Close) {
            self.state = closing;
            self.owe_bye(code, reason, head, now);
        }
    }

    /// The whole frames of the next record; none, if there is nothing to send now.
    pub fn fill<'a, F: Deref<Target = Feed>>(&mut self, packer: &'a mut Packer<F>, now: Instant) -> Option<&'a [u8]> {
        if self.state == State::Closed || self.bye_packed {
            return None;
        }
        if self.reader.is_behind(packer.feed()) {
            if self.state == State::Open {
                self.timers.arm(Timer::Behind, now);
                return None;
            }
            // SPEC SLOW-2: no entry goes out behind a gap, not even on the way to a goodbye.
            self.reader.unfollow();
        }
        // SPEC HELLO-1: where HELLO still waits, it says as much as a PING.
        let pings = core::mem::take(&mut self.ping_due) && self.has_spoken;
        let ping = || Frame::from(Ping { options: option::Options::NONE }).encode(RequestId::EVENT);
        let begun = if pings { ping().0.to_vec() } else { Vec::new() };
        let Self { state, reader, bye_packed, .. } = self;
        let frames = packer.pack(reader, begun, |frame| {
            *bye_packed = *state == State::Closing && is_bye(frame);
            *bye_packed
        })?;
        self.has_spoken = true;
        self.arm_ping(now);
        if !self.timers.is_armed(Timer::Stall) {
            self.timers.arm(Timer::Stall, now.after(limits::STALL_TIMEOUT));
        }
        Some(frames)
    }

    /// Whether the last [`Link::fill`] has taken all that there was.
    #[must_use]
    pub const fn is_drained(&self) -> bool {
        self.bye_packed || self.reader.is_drained()
    }

    /// Which position of the feed is next, if this link has had all of it before, and follows still (SPEC SLOW-3).
    #[must_use]
    pub fn keeps_up_at(&self) -> Option<u64> {
        self.reader.keeps_up_at().filter(|_| self.state == State::Open)
    }

    /// Whether [`Link::fill`] would find something.
    #[must_use]
    pub fn wants_to_write(&self, feed: &Feed) -> bool {
        self.state != State::Closed && !self.bye_packed && (self.ping_due || self.reader.has_next(feed))
    }

    /// Every record that [`Link::fill`] made is in the kernel.
    pub fn written(&mut self) {
        self.timers.disarm(Timer::Stall);
        if self.bye_packed {
            self.state = self.state.on(Trigger::ByeWritten).unwrap_or(self.state);
        }
    }

    /// Whether the connection can be shut down.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.state == State::Closed
    }

    /// Where the link is in its life.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// When the next thing is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.state == State::Closed { None } else { self.timers.next() }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Vec<LinkEvent>) {
        while self.state != State::Closed
            && let Some(timer) = self.timers.expire(now)
        {
            match timer {
                Timer::Behind => self.reject(Rule::Slow2, now, out),
                Timer::Hello => self.reject(Rule::Hello3, now, out),
                // Before HELLO a PING would be out of place: then the next one is waited for.
                Timer::Ping if self.state == State::Opening => self.arm_ping(now),
                Timer::Ping => self.ping_due = self.state == State::Open,
                // SPEC PING-1
                Timer::Dead => self.reject(Rule::Ping1, now, out),
                Timer::Stall => self.on_stall(out),
                Timer::Resume => {
                    self.paused_until = None;
                    self.heard(now);
                    self.take_frames(now, out);
                }
                Timer::Patience => self.on_patience(now, out),
                Timer::Close => self.lose(Code::Cut, None, out),
                Timer::Age => self.give_up(Code::Renewed, None, now, out),
            }
        }
    }

    fn take_frames(&mut self, now: Instant, out: &mut Vec<LinkEvent>) {
        while !self.rest.is_empty() && matches!(self.state, State::Opening | State::Open) {
            let record = self.rest.clone();
            let decoded = match frame::decode(&record) {
                Ok(decoded) => decoded,
                Err(error) => return self.reject(error.rule, now, out),
            };
            let bytes = self.rest.split_to(decoded.bytes.len());
            let pause = self.rates.count(decoded.frame.as_ref(), bytes.len(), now);
            if let Some(frame) = &decoded.frame {
                self.on_frame(decoded.id, frame, bytes, now, out);
            }
            match self.rates.patience_ends() {
                Some(end) if !self.timers.is_armed(Timer::Patience) => self.timers.arm(Timer::Patience, end),
                Some(_) => {}
                None => self.timers.disarm(Timer::Patience),
            }
            if let Some(until) = pause {
                self.paused_until = Some(until);
                self.timers.arm(Timer::Resume, until);
                // Nothing is read while this side pauses, so silence then says nothing about the other.
                self.timers.arm(Timer::Dead, until.after(limits::DEAD_TIMEOUT));
                return;
            }
        }
    }

    fn on_frame(&mut self, id: RequestId, frame: &Frame<'_>, bytes: Bytes, now: Instant, out: &mut Vec<LinkEvent>) {
        match (self.state, frame) {
            (State::Opening, Frame::Session(Session::Hello(hello))) => self.on_hello(hello, bytes, now, out),
            (State::Opening | State::Open, Frame::Session(Session::Bye(bye))) => self.lose(bye.code, None, out),
            // SPEC HELLO-1
            (State::Opening, _) => self.reject(Rule::Hello1, now, out),
            // SPEC HELLO-2
            (_, Frame::Session(Session::Hello(_))) => self.reject(Rule::Hello2, now, out),
            (_, Frame::Session(Session::Ping(_))) => {}
            (_, frame) => match self.match_request(id, frame.info().role) {
                Ok(()) => out.push(LinkEvent::Frame(bytes)),
                Err(rule) => self.reject(rule, now, out),
            },
        }
    }

    fn match_request(&mut self, id: RequestId, role: Role) -> Result<(), Rule> {
        match role {
            Role::Event => Ok(()),
            // SPEC REPLY-3
            Role::Request if self.theirs.len() >= limits::REQUESTS_MAX => Err(Rule::Reply3),
            // SPEC REPLY-2
            Role::Request => self.theirs.insert(id).then_some(()).ok_or(Rule::Reply2),
            // SPEC REPLY-1
            Role::Reply if self.ours.remove(id) => {
                if self.ours.is_empty() {
                    self.rates.has_fetched();
                }
                Ok(())
            }
            Role::Reply => Err(Rule::Reply1),
        }
    }

    fn on_hello(&mut self, hello: &Hello<'_>, bytes: Bytes, now: Instant, out: &mut Vec<LinkEvent>) {
        // SPEC HELLO-4
        if self.leads_back {
            return self.reject(Rule::Hello4, now, out);
        }
        match self.asked {
            // SPEC HELLO-5
            Some(asked) if asked != (hello.purpose, hello.meeting) => return self.reject(Rule::Hello5, now, out),
            Some(_) => {}
            None => {
                let answer = self.answer(hello);
                self.reader.owe(answer, 0);
            }
        }
        self.rates.counts(match hello.purpose {
            Purpose::MESH => Unasked::Talk,
            Purpose::CONTACT => Unasked::Frame,
            _ => Unasked::Free,
        });
        self.state = self.state.on(Trigger::Hello).unwrap_or(self.state);
        self.timers.disarm(Timer::Hello);
        out.push(LinkEvent::Up { hello: bytes });
    }

    /// The responder's HELLO: it tells no name.
    fn answer(&self, hello: &Hello<'_>) -> Encoded {
        let mut options = OptionsBuffer::default();
        options.set(&option::SOFTWARE, &Reason::cut(SOFTWARE));
        self.with_grease(&Hello { started_ms: self.started_ms, options: options.options(), ..*hello })
    }

    /// A HELLO, and in it one option more, which nobody knows (SPEC EXT-2).
    fn with_grease(&self, hello: &Hello<'_>) -> Encoded {
        let mut options = OptionsBuffer::default();
        hello.options.iter().for_each(|(kind, value)| options.set_raw(kind, value.into()));
        let [drawn, value @ ..] = self.grease;
        options.set_raw(option::grease(drawn), value.into());
        Frame::from(Hello { options: options.options(), ..*hello }).encode(RequestId::EVENT)
    }

    fn on_patience(&mut self, now: Instant, out: &mut Vec<LinkEvent>) {
        self.rates.settle(now);
        // SPEC RATE-1
        if self.rates.patience_ends().is_some() {
            self.reject(Rule::Rate1, now, out);
        }
    }

    /// SPEC SLOW-1: what is in the way of BYE too, so that none is tried.
    fn on_stall(&mut self, out: &mut Vec<LinkEvent>) {
        self.lose(Rule::Slow1.code(), Some(Rule::Slow1), out);
    }

    fn give_up(&mut self, code: Code, rule: Option<Rule>, now: Instant, out: &mut Vec<LinkEvent>) {
        let Some(closing) = self.state.on(Trigger::Close) else { return };
        self.state = closing;
        self.reader.clear();
        self.rest = Bytes::new();
        self.owe_bye(code, rule.map_or("", Rule::meaning), 0, now);
        out.push(LinkEvent::Down { code, rule });
    }

    fn lose(&mut self, code: Code, rule: Option<Rule>, out: &mut Vec<LinkEvent>) {
        let told = self.state == State::Closing;
        let Some(closed) = self.state.on(Trigger::Lost) else { return };
        self.state = closed;
        self.reader.clear();
        self.rest = Bytes::new();
        if !told {
            out.push(LinkEvent::Down { code, rule });
        }
    }

    fn owe_bye(&mut self, code: Code, reason: &str, head: u64, now: Instant) {
        let bye = Bye { code, reason: Reason::cut(reason), options: option::Options::NONE };
        self.reader.owe(Frame::from(bye).encode(RequestId::EVENT), head);
        self.paused_until = None;
        self.timers = Timers::default();
        self.timers.arm(Timer::Close, now.after(limits::CLOSE_TIMEOUT));
    }

    fn heard(&mut self, now: Instant) {
        if matches!(self.state, State::Opening | State::Open) {
            self.timers.arm(Timer::Dead, now.after(limits::DEAD_TIMEOUT));
        }
    }

    fn arm_ping(&mut self, now: Instant) {
        if matches!(self.state, State::Opening | State::Open) {
            self.timers.arm(Timer::Ping, now.after(PING_SHORTEST).after(self.jitter));
        }
    }
}

fn is_bye(frame: &Encoded) -> bool {
    frame::decode(&frame.0).is_ok_and(|decoded| matches!(decoded.frame, Some(Frame::Session(Session::Bye(_)))))
}
