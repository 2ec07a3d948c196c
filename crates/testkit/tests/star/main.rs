//! A lecture's host and guest, each alone, against frames that are made by hand.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "clippy.toml spares test functions only, and a helper that panics fails its test as it should"
)]

mod guest;
mod host;
mod lobby;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tertulia_core::code::Code;
use tertulia_core::event::Event;
use tertulia_core::id::{LinkId, RequestId};
use tertulia_core::machine::{Input, Machine, Output};
use tertulia_core::rule::Rule;
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::option::Options;
use tertulia_core::wire::{Encoded, Frame, decode};
use tertulia_testkit::lecture::START_MS;

/// Where everybody is.
pub(crate) const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 40_000);

pub(crate) const NONE: Options<'static> = Options::NONE;

/// One machine and a clock that goes when it is told.
pub(crate) struct Bench<M> {
    pub(crate) machine: M,
    pub(crate) millis: u64,
}

impl<M: Machine> Bench<M> {
    pub(crate) fn new(machine: M) -> Self {
        Self { machine, millis: 0 }
    }

    fn now(&self) -> Now {
        Now { tick: Instant(1_000 + self.millis), unix_ms: START_MS + self.millis }
    }

    pub(crate) fn input(&mut self, input: Input<'_>) -> Vec<Output> {
        let mut out = Vec::new();
        self.machine.handle(input, self.now(), &mut out);
        self.machine.assert_invariants();
        out
    }

    pub(crate) fn hear<'a>(&mut self, link: LinkId, id: u32, frame: impl Into<Frame<'a>>) -> Vec<Output> {
        self.input(Input::Frame { link, id: RequestId(id), frame: frame.into() })
    }

    pub(crate) fn hear_bytes(&mut self, link: LinkId, frame: &Encoded) -> Vec<Output> {
        let decoded = decode(&frame.0).unwrap();
        self.input(Input::Frame { link, id: decoded.id, frame: decoded.frame.unwrap() })
    }

    /// Runs the clock, and everything that comes due on the way.
    pub(crate) fn pass(&mut self, millis: u64) -> Vec<Output> {
        let (mut out, end) = (Vec::new(), self.millis + millis);
        while let Some(due) = self.machine.poll_timeout().filter(|due| due.0 <= 1_000 + end) {
            self.millis = self.millis.max(due.0.saturating_sub(1_000));
            let before = out.len();
            self.machine.handle_timeout(self.now(), &mut out);
            assert!(out.len() > before || self.machine.poll_timeout() != Some(due), "due, and nothing done");
            self.machine.assert_invariants();
        }
        self.millis = end;
        out
    }
}

/// The frames that are sent to `link`.
pub(crate) fn sent(out: &[Output], link: LinkId) -> Vec<Encoded> {
    let to_link = |output: &Output| match output {
        Output::Send { link: to, frame } if *to == link => Some(frame.clone()),
        _ => None,
    };
    out.iter().filter_map(to_link).collect()
}

pub(crate) fn names(frames: &[Encoded]) -> Vec<&'static str> {
    frames.iter().map(|frame| decode(&frame.0).unwrap().frame.unwrap().info().name).collect()
}

/// How links were closed: code and rule, in order.
pub(crate) fn closed(out: &[Output]) -> Vec<(LinkId, Code, Option<Rule>)> {
    let close = |output: &Output| match output {
        Output::Close { link, code, rule, .. } => Some((*link, *code, *rule)),
        _ => None,
    };
    out.iter().filter_map(close).collect()
}

/// That exactly `link` was closed for `rule`.
pub(crate) fn refused(out: &[Output], link: LinkId) -> Option<Rule> {
    match closed(out).as_slice() {
        [(closed, code, Some(rule))] if *closed == link && *code == rule.code() => Some(*rule),
        [] => None,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn events(out: &[Output]) -> Vec<&Event> {
    out.iter().filter_map(|output| if let Output::Event(event) = output { Some(event) } else { None }).collect()
}
