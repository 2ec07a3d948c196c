//! A registry and a client by themselves: what the other side would do is done by hand.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::wildcard_enum_match_arm,
    reason = "a test that panics has failed"
)]

mod asking;
mod leases;
mod publishing;
mod serving;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use super::record::Draft;
use super::*;
use crate::charter::{Listing, SignedCharter};
use crate::code::Code;
use crate::event::Event;
use crate::id::{CommandId, DialId, Key, LinkId, MeetingId, RequestId};
use crate::identity::{Identity, identity};
use crate::machine::{Input, Machine, Output};
use crate::rule::Rule;
use crate::time::{Instant, Now};
use crate::wire::Encoded;
use crate::wire::entry::Door;
use crate::wire::field::{Block, Signed, Title, decode_all};
use crate::wire::frame::{Frame, decode};
use crate::wire::option::Options;
use crate::wire::registry::{Kind, Publish, Record, Registry, Visibility};
use crate::wire::session::{Hello, Purpose, Session};

fn charter(founder: &Identity, kind: Purpose, title: &str) -> SignedCharter {
    SignedCharter::sample(kind, founder, |terms| terms.title = Title::new(title).unwrap())
}

/// What `seed` would publish of a lecture called `title`.
fn draft(seed: u8, title: &str) -> Draft {
    let charter = charter(&identity(seed), Purpose::STAR, title);
    let listing = Listing { charter: &charter, name: "ada", population: 1, door: Door::Unlocked, since_ms: 7 };
    Draft::of_meeting(&listing).unwrap()
}

fn reach(port: u16, addresses: &[&str]) -> Reach {
    let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
    Reach { port, addresses, visibility: Visibility::Listed }
}

fn publish(signed: &[u8], id: u32) -> Encoded {
    let record: Signed<'_, Record<'_>> = decode_all(signed).unwrap();
    Frame::from(Publish { record: Block(record), options: Options::NONE }).encode(RequestId(id))
}

/// Until when records hold.
const UNTIL: u64 = 1_700_000_000_000 + 43_200_000;

/// A machine, and the time.
struct Bench<M> {
    machine: M,
    now: Now,
}

impl<M: Machine> Bench<M> {
    fn new(machine: M) -> Self {
        Self { machine, now: Now { tick: Instant(1_000), unix_ms: 1_700_000_000_000 } }
    }

    fn handle(&mut self, input: Input<'_>) -> Vec<Output> {
        let mut out = Vec::new();
        self.machine.handle(input, self.now, &mut out);
        self.machine.assert_invariants();
        out
    }

    /// Lets time pass, and stops at every deadline on the way.
    fn pass(&mut self, ms: u64) -> Vec<Output> {
        let (end, mut out) = (self.now.tick.0 + ms, Vec::new());
        while let Some(due) = self.machine.poll_timeout().filter(|due| due.0 <= end) {
            self.now.unix_ms += due.0.saturating_sub(self.now.tick.0);
            self.now.tick = due.max(self.now.tick);
            self.machine.handle_timeout(self.now, &mut out);
            self.machine.assert_invariants();
        }
        self.now.unix_ms += end - self.now.tick.0;
        self.now.tick = Instant(end);
        out
    }

    fn up(&mut self, link: u64, peer: Key, address: &str, purpose: Purpose, dial: Option<DialId>) -> Vec<Output> {
        let hello = Hello { purpose, meeting: MeetingId::ZERO, started_ms: 1, options: Options::NONE };
        self.handle(Input::Up { link: LinkId(link), peer, address: address.parse().unwrap(), hello, dial })
    }

    fn frame(&mut self, link: u64, frame: &Encoded) -> Vec<Output> {
        let decoded = decode(&frame.0).unwrap();
        self.handle(Input::Frame { link: LinkId(link), id: decoded.id, frame: decoded.frame.unwrap() })
    }
}

/// The frames of type `T` that are sent, with their links.
fn sent(out: &[Output]) -> Vec<(u64, RequestId, Frame<'_>)> {
    let frame = |output| match output {
        &Output::Send { link, ref frame } => {
            let decoded = decode(&frame.0).unwrap();
            Some((link.0, decoded.id, decoded.frame.unwrap()))
        }
        _ => None,
    };
    out.iter().filter_map(frame).collect()
}

fn dials(out: &[Output]) -> Vec<(DialId, Option<Key>, String)> {
    let dial = |output: &Output| match output {
        Output::Dial { id, peer, addresses, .. } => {
            assert_eq!(addresses.len(), 1);
            Some((*id, *peer, addresses[0].clone()))
        }
        _ => None,
    };
    out.iter().filter_map(dial).collect()
}

fn closed(out: &[Output]) -> Vec<(u64, Code, Option<Rule>)> {
    let close = |output: &Output| match output {
        Output::Close { link, code, rule, .. } => Some((link.0, *code, *rule)),
        _ => None,
    };
    out.iter().filter_map(close).collect()
}

fn events(out: &[Output]) -> Vec<Event> {
    let event = |output: &Output| if let Output::Event(event) = output { Some(event.clone()) } else { None };
    out.iter().filter_map(event).collect()
}

/// The code of the one ERROR that is sent.
fn error(out: &[Output]) -> Code {
    match sent(out).as_slice() {
        [(_, _, Frame::Session(Session::Refused(error)))] => error.code,
        other => panic!("{other:?}"),
    }
}
