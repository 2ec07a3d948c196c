//! How fast a member speaks: what would be over the others' rate waits here (SPEC MESH-17).

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use crate::command::Failure;
use crate::event::Event;
use crate::id::CommandId;
use crate::limits;
use crate::link::Bucket;
use crate::machine::Output;
use crate::time::Instant;

/// Lines that wait, and what has been said lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Speech {
    lines: Bucket,
    bytes: Bucket,
    waiting: VecDeque<(CommandId, String)>,
}

impl Default for Speech {
    fn default() -> Self {
        Self {
            lines: Bucket::new(limits::TALK_RATE, limits::TALK_BURST),
            bytes: Bucket::new(limits::TALK_BYTE_RATE, limits::TALK_BYTE_BURST),
            waiting: VecDeque::new(),
        }
    }
}

impl Speech {
    /// Counts a frame of this many bytes.
    pub(super) fn count(&mut self, bytes: usize, now: Instant) {
        self.lines.take(1, now);
        self.bytes.take(bytes, now);
    }

    /// When the next line may be said.
    pub(super) fn free_at(&self) -> Instant {
        self.lines.room_at(1).max(self.bytes.room_at(limits::TEXT_MAX))
    }

    /// Whether a line has to wait behind others, or for its time.
    pub(super) fn has_to_wait(&self, now: Instant) -> bool {
        !self.waiting.is_empty() || self.free_at() > now
    }

    /// Keeps a line for later; false if there are too many.
    pub(super) fn wait(&mut self, id: CommandId, text: String) -> bool {
        let has_room = self.waiting.len() < limits::PENDING_MAX;
        if has_room {
            self.waiting.push_back((id, text));
        }
        has_room
    }

    /// The next line, if it may be said.
    pub(super) fn next(&mut self, now: Instant) -> Option<(CommandId, String)> {
        if self.free_at() > now {
            return None;
        }
        self.waiting.pop_front()
    }

    /// Whether lines wait.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Nothing is said any more.
    pub(super) fn give_up(&mut self, out: &mut Vec<Output>) {
        for (id, _) in self.waiting.drain(..) {
            out.push(Output::Event(Event::Error { failure: Failure::Unsaid, id: Some(id) }));
        }
    }
}
