//! All that one process is: the machine of its meeting or of its user's friends, and the client that tells registries of
//! them.
//!
//! A machine itself, so that driver and simulator run a whole node as they run any other.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::code::Code;
use crate::command::Command;
use crate::event::Event;
use crate::id::{DialId, Key, LinkId};
use crate::machine::{Input, Machine, Output};
use crate::registry::{Client, ClientConfig, Listing};
use crate::time::{Instant, Now};
use crate::wire::session::Purpose;

/// A machine that holds a meeting, attends one, or talks with friends.
pub trait Role: Machine {
    /// What its user is called.
    fn name(&self) -> &str;

    /// What registries say of the meeting; nothing, where it is another's to tell.
    fn listing(&self) -> Option<Listing<'_>> {
        None
    }

    /// Whom registries are to be asked for from now on: by key, each once.
    fn sought(&mut self) -> Vec<Key> {
        Vec::new()
    }

    /// Where registries have met somebody who was sought, `HOST:PORT`; whoever is there still has to show the key.
    fn found(&mut self, _key: Key, _addresses: Vec<String>, _now: Now, _out: &mut Vec<Output>) {}
}

/// The dials of a meeting have lower numbers, those of the publisher begin here.
const PUBLISHER_DIALS: u64 = 0x0100_0000_0000_0000;

/// One process.
pub struct Node {
    meeting: Box<dyn Role + Send>,
    publisher: Client,
}

impl core::fmt::Debug for Node {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_struct("Node").field("publisher", &self.publisher).finish_non_exhaustive()
    }
}

impl Node {
    /// A node that has not started yet.
    #[must_use]
    pub fn new(meeting: impl Role + Send + 'static, config: ClientConfig) -> Self {
        let publisher = Client::new(ClientConfig { first_dial: PUBLISHER_DIALS, ..config });
        Self { meeting: Box::new(meeting), publisher }
    }

    /// Whether the publisher is meant.
    fn is_publishers(&self, input: &Input<'_>) -> bool {
        let dialled = |dial: &DialId| dial.0 >= PUBLISHER_DIALS;
        match input {
            Input::Start => false,
            Input::Up { dial, .. } => dial.as_ref().is_some_and(dialled),
            Input::Unreachable { dial, .. } => dialled(dial),
            Input::Frame { link, .. } | Input::Down { link, .. } => self.publisher.has(*link),
            Input::Command { command, .. } => matches!(command, Command::Directory(_)),
        }
    }

    /// Registries are asked for whom the meeting seeks, and what they have found is told to it.
    fn seek(&mut self, now: Now, out: &mut Vec<Output>) {
        loop {
            let sought = self.meeting.sought();
            if !sought.is_empty() {
                self.publisher.seek(sought, now, out);
            }
            let Some((key, addresses)) = self.publisher.take_found() else { return };
            self.meeting.found(key, addresses, now, out);
        }
    }

    /// What the meeting has become is published; that it is over is told to registries first.
    fn follow(&mut self, before: usize, now: Now, out: &mut Vec<Output>) {
        let is_last = |output: &Output| matches!(output, Output::Event(Event::Closed { .. }));
        match out.iter().skip(before).position(is_last) {
            Some(at) => {
                let last = out.split_off(before.saturating_add(at));
                self.publisher.leave(out);
                out.extend(last);
            }
            None => {
                self.publisher.rename(self.meeting.name(), now, out);
                self.publisher.publish(self.meeting.listing(), now, out);
                self.seek(now, out);
            }
        }
    }
}

impl Machine for Node {
    fn handle(&mut self, input: Input<'_>, now: Now, out: &mut Vec<Output>) {
        let before = out.len();
        if let Input::Up { link, hello, dial: None, .. } = &input
            && hello.purpose == Purpose::PROBE
        {
            // SPEC PROBE-4
            let (code, reason) = (Code::Left, String::new());
            return out.push(Output::Close { link: *link, code, rule: None, reason });
        }
        if self.is_publishers(&input) {
            self.publisher.handle(input, now, out);
            return self.seek(now, out);
        }
        self.meeting.handle(input, now, out);
        self.follow(before, now, out);
    }

    fn handle_timeout(&mut self, now: Now, out: &mut Vec<Output>) {
        let before = out.len();
        self.meeting.handle_timeout(now, out);
        self.follow(before, now, out);
        self.publisher.handle_timeout(now, out);
        self.seek(now, out);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.meeting.poll_timeout().into_iter().chain(self.publisher.poll_timeout()).min()
    }

    fn has_let_in(&self, link: LinkId) -> bool {
        self.meeting.has_let_in(link)
    }

    fn assert_invariants(&self) {
        self.meeting.assert_invariants();
        self.publisher.assert_invariants();
    }
}
