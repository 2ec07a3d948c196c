//! All that one process is: the seat that its user has taken, and the publisher that tells registries of it.
//!
//! A machine itself, so that driver and simulator run a whole node as they run any other.

mod calm;
mod guess;
mod seat;

pub use self::guess::{Guess, is_over};
pub use self::seat::Seat;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use self::calm::Calm;
use self::guess::Untried;
use crate::code::Code;
use crate::command::Command;
use crate::event::Event;
use crate::id::{DialId, LinkId};
use crate::log::Log;
use crate::machine::{Input, Machine, Output};
use crate::mesh::MemberConfig;
use crate::registry::{Client, ClientConfig};
use crate::time::{Instant, Now};
use crate::wire::session::Purpose;

/// Whose a link or a dial is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Seat,
    Publisher,
}

/// One process.
#[derive(Clone, Debug)]
pub struct Node {
    seat: Seat,
    /// What may be there instead of what the seat is for.
    untried: Untried,
    publisher: Option<Client>,
    /// Those on their way: whose they are, and which of theirs. What is not here is nobody's any more.
    dials: BTreeMap<DialId, (Owner, DialId)>,
    last_dial: u64,
    /// The publisher's links; all others are the seat's.
    published: BTreeSet<LinkId>,
    /// Its user has been told the last thing.
    is_over: bool,
    /// When the seat tries again to have a link, as its user was told.
    told_retry: Option<Instant>,
    calm: Calm,
}

impl Node {
    /// A node that has not started yet, and tells no registry of itself.
    #[must_use]
    pub fn new(seat: impl Into<Seat>) -> Self {
        let seat = seat.into();
        Self {
            calm: seat.calm(),
            seat,
            untried: Untried::default(),
            publisher: None,
            dials: BTreeMap::new(),
            last_dial: 0,
            published: BTreeSet::new(),
            is_over: false,
            told_retry: None,
        }
    }

    /// The same, which tells registries of itself, and asks them for its user.
    #[must_use]
    pub fn published(self, config: ClientConfig) -> Self {
        Self { publisher: Some(Client::new(config)), ..self }
    }

    /// Somebody who was told where to go, and not what is on there: in a room, or else in a lecture.
    #[must_use]
    pub fn newcomer(room: MemberConfig) -> Self {
        let (seat, untried) = Untried::newcomer(room);
        Self { untried, ..Self::new(seat) }
    }

    /// Somebody who comes back to where a meeting was.
    #[must_use]
    pub fn returner(guess: Guess, room: MemberConfig) -> Self {
        let (seat, untried) = Untried::returner(guess, room);
        Self { untried, ..Self::new(seat) }
    }

    /// Whose an input is, with its dial as they know it. Nothing, where it is nobody's any more.
    fn route<'a>(&mut self, input: Input<'a>) -> Option<(Owner, Input<'a>)> {
        Some(match input {
            Input::Up { link, peer, address, hello, dial: Some(dial) } => {
                let (owner, dial) = self.dials.remove(&dial)?;
                if owner == Owner::Publisher {
                    self.published.insert(link);
                }
                (owner, Input::Up { link, peer, address, hello, dial: Some(dial) })
            }
            Input::Unreachable { dial, code } => {
                let (owner, dial) = self.dials.remove(&dial)?;
                (owner, Input::Unreachable { dial, code })
            }
            Input::Frame { link, .. } if self.published.contains(&link) => (Owner::Publisher, input),
            Input::Down { link, .. } if self.published.remove(&link) => (Owner::Publisher, input),
            Input::Command { command: Command::Directory(_), .. } if self.publisher.is_some() => {
                (Owner::Publisher, input)
            }
            Input::Start
            | Input::Up { dial: None, .. }
            | Input::Frame { .. }
            | Input::Down { .. }
            | Input::Command { .. } => (Owner::Seat, input),
        })
    }

    /// Numbers what an owner has dialled since `out` was `from` long, and forgets what links it has closed.
    fn own(&mut self, owner: Owner, from: usize, out: &mut [Output]) {
        for output in out.iter_mut().skip(from) {
            if let Output::Dial { id, .. } = output {
                self.last_dial = self.last_dial.saturating_add(1);
                let number = DialId(self.last_dial);
                self.dials.insert(number, (owner, core::mem::replace(id, number)));
            } else if let Output::Close { link, .. } = output {
                self.published.remove(link);
            }
        }
    }

    fn in_seat(&mut self, now: Now, out: &mut Vec<Output>, act: impl FnOnce(&mut Seat, &mut Vec<Output>)) {
        let mut from = out.len();
        act(&mut self.seat, out);
        self.calm.filter(from, now.tick, out);
        self.own(Owner::Seat, from, out);
        while let Some(next) = self.untried.next(&self.seat, from, out) {
            // What is on its way is nothing to the next.
            self.dials.retain(|_, (owner, _)| *owner != Owner::Seat);
            (self.calm, self.seat) = (next.calm(), next);
            from = out.len();
            self.seat.machine_mut().handle(Input::Start, now, out);
            self.calm.filter(from, now.tick, out);
            self.own(Owner::Seat, from, out);
        }
        let next = self.seat.machine().tries_again();
        if let Some(at) = next.filter(|_| core::mem::replace(&mut self.told_retry, next) != next) {
            let after_ms = u64::try_from(at.since(now.tick).as_millis()).unwrap_or(u64::MAX);
            out.push(Output::Event(Event::Retry { after_ms }));
        }
    }

    fn in_registries(&mut self, out: &mut Vec<Output>, act: impl FnOnce(&mut Client, &Seat, &mut Vec<Output>)) {
        let from = out.len();
        if let Some(publisher) = &mut self.publisher {
            act(publisher, &self.seat, out);
            self.own(Owner::Publisher, from, out);
        }
    }

    /// What the seat has become is published; that it is over is told to registries first.
    fn follow(&mut self, before: usize, now: Now, out: &mut Vec<Output>) {
        let is_last = |output: &Output| matches!(output, Output::Event(Event::Closed { .. }));
        match out.iter().skip(before).position(is_last) {
            Some(at) => {
                self.is_over = true;
                let last = out.split_off(before.saturating_add(at));
                self.in_registries(out, |publisher, _, out| publisher.leave(out));
                out.extend(last);
            }
            None => {
                self.in_registries(out, |publisher, seat, out| {
                    publisher.rename(seat.name(), now, out);
                    publisher.publish(seat.listing(), now, out);
                });
                self.seek(now, out);
            }
        }
    }

    /// Registries are asked for whom the seat seeks, and what they have found is told to it.
    fn seek(&mut self, now: Now, out: &mut Vec<Output>) {
        loop {
            let sought = self.seat.sought();
            if !sought.is_empty() {
                self.in_registries(out, |publisher, _, out| publisher.seek(sought, now, out));
            }
            let Some((key, addresses)) = self.publisher.as_mut().and_then(Client::take_found) else { return };
            self.in_seat(now, out, |seat, out| seat.found(key, addresses, now, out));
        }
    }
}

impl Machine for Node {
    fn handle(&mut self, input: Input<'_>, now: Now, out: &mut Vec<Output>) {
        // What it had dialled for a seat that is no more may yet be reached.
        if self.is_over {
            return;
        }
        let before = out.len();
        let goodbye = |link| Output::Close { link, code: Code::Left, rule: None, reason: String::new() };
        if let Input::Up { link, hello, dial: None, .. } = &input
            && hello.purpose == Purpose::PROBE
        {
            // SPEC PROBE-4
            return out.push(goodbye(*link));
        }
        let link = if let Input::Up { link, .. } = &input { Some(*link) } else { None };
        match self.route(input) {
            Some((Owner::Seat, input)) => {
                self.in_seat(now, out, |seat, out| seat.machine_mut().handle(input, now, out));
                self.follow(before, now, out);
            }
            Some((Owner::Publisher, input)) => {
                self.in_registries(out, |publisher, _, out| publisher.handle(input, now, out));
                self.seek(now, out);
            }
            None => out.extend(link.map(goodbye)),
        }
    }

    fn handle_timeout(&mut self, now: Now, out: &mut Vec<Output>) {
        let before = out.len();
        self.calm.expire(now.tick, out);
        self.in_seat(now, out, |seat, out| seat.machine_mut().handle_timeout(now, out));
        self.follow(before, now, out);
        self.in_registries(out, |publisher, _, out| publisher.handle_timeout(now, out));
        self.seek(now, out);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let publisher = self.publisher.as_ref().and_then(Machine::poll_timeout);
        self.seat.machine().poll_timeout().into_iter().chain(publisher).chain(self.calm.next()).min()
    }

    fn has_let_in(&self, link: LinkId) -> bool {
        self.seat.machine().has_let_in(link)
    }

    fn logs(&self) -> Vec<&Log> {
        self.seat.machine().logs()
    }

    fn assert_invariants(&self) {
        self.seat.machine().assert_invariants();
        self.publisher.iter().for_each(Machine::assert_invariants);
    }
}
