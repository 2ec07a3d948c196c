//! What one node's links say, as a trace (SPEC.md, "Traces"): what the driver writes with `--trace`, in virtual time.

use tertulia_core::id::LinkId;
use tertulia_core::trace::{Direction, Expect, LinkStep, Step, Trace};
use tertulia_core::wire::decode;

use crate::lecture::packet;

/// A trace that is being written.
#[derive(Clone, Debug)]
pub(super) struct Recorder {
    pub(super) node: usize,
    trace: Trace,
    /// The link that packets belong to.
    current: Option<LinkId>,
}

impl Recorder {
    pub(super) fn new(node: usize) -> Self {
        let mut trace = Trace::new("");
        trace.expect = Expect::Accept;
        Self { node, trace, current: None }
    }

    pub(super) fn into_trace(self) -> Trace {
        self.trace
    }

    pub(super) fn comment(&mut self, text: &str) {
        self.trace.steps.push(Step::Comment(text.into()));
    }

    /// What becomes of a link.
    pub(super) fn link(&mut self, link: LinkId, step: LinkStep) {
        self.current = Some(link);
        self.trace.steps.push(Step::Link(link.0, step));
    }

    /// The frames of one record, which the end of this side has sent.
    pub(super) fn frames(&mut self, link: LinkId, side: usize, record: &[u8], now: u64) {
        if self.current != Some(link) {
            self.link(link, LinkStep::Goes);
        }
        let from = if side == 0 { Direction::Initiator } else { Direction::Responder };
        let mut rest = record;
        while !rest.is_empty() {
            let decoded = decode(rest).expect("machines write frames that decode");
            self.trace.steps.push(Step::Packet(packet(from, now * 1_000, decoded.bytes)));
            rest = decoded.rest;
        }
    }
}
