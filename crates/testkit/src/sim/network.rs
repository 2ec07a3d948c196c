//! Connections as TCP makes them: in order, late, bounded, cut at any point, or deaf in one direction.

use std::collections::{BTreeSet, VecDeque};
use std::ops::RangeInclusive;

use bytes::Bytes;
use tertulia_core::id::LinkId;
use tertulia_core::random::Random;

/// What a network is like.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// How long a record travels, milliseconds.
    pub delay_ms: RangeInclusive<u64>,
    /// How many bytes pass in one direction of one connection each millisecond.
    pub bytes_per_ms: u64,
    /// How many bytes may be on their way or unread in one direction before writing has to wait.
    pub buffer: usize,
}

impl Default for Conditions {
    fn default() -> Self {
        Self { delay_ms: 1..=40, bytes_per_ms: 10_000, buffer: 262_144 }
    }
}

/// Which connection, in the order in which they were made.
pub type ConnectionId = usize;

/// One end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) node: usize,
    pub(super) link: LinkId,
    /// Whether its process still has it.
    pub(super) open: bool,
}

#[derive(Debug)]
pub(super) enum Packet {
    Record(Bytes),
    /// The end of the stream, or a reset.
    End,
}

/// One direction.
#[derive(Debug, Default)]
struct Pipe {
    queue: VecDeque<(u64, Packet)>,
    bytes: usize,
    last_arrival: u64,
    /// Nothing arrives before this.
    held_until: u64,
    /// Nothing arrives any more, and nobody is told.
    hole: bool,
    ended: bool,
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) ends: [End; 2],
    pipes: [Pipe; 2],
}

impl Connection {
    /// Whether both processes have it and both directions work.
    pub(super) fn stands(&self) -> bool {
        self.ends.iter().all(|end| end.open) && self.pipes.iter().all(|pipe| !pipe.hole && !pipe.ended)
    }
}

#[derive(Debug, Default)]
pub(super) struct Network {
    pub(super) conditions: Conditions,
    pub(super) connections: Vec<Connection>,
    /// From, to: nothing passes.
    pub(super) blocked: BTreeSet<(usize, usize)>,
}

impl Network {
    pub(super) fn delay(&self, dice: &mut Random) -> u64 {
        let (low, high) = (*self.conditions.delay_ms.start(), *self.conditions.delay_ms.end());
        low + dice.below(high - low + 1)
    }

    pub(super) fn connect(&mut self, ends: [End; 2]) -> ConnectionId {
        self.connections.push(Connection { ends, pipes: [Pipe::default(), Pipe::default()] });
        self.connections.len() - 1
    }

    pub(super) fn is_blocked(&self, from: usize, to: usize) -> bool {
        self.blocked.contains(&(from, to))
    }

    /// Whether another record can be written.
    pub(super) fn has_room(&self, id: ConnectionId, side: usize) -> bool {
        let pipe = &self.connections[id].pipes[side];
        pipe.ended || pipe.bytes < self.conditions.buffer
    }

    /// Puts a record on its way; when it arrives.
    pub(super) fn write(
        &mut self,
        id: ConnectionId,
        side: usize,
        record: Bytes,
        now: u64,
        dice: &mut Random,
    ) -> Option<u64> {
        let delay = self.delay(dice);
        let conditions = &self.conditions;
        let pipe = &mut self.connections[id].pipes[side];
        if pipe.ended {
            return None;
        }
        let busy = (record.len() as u64).checked_div(conditions.bytes_per_ms).unwrap_or(0);
        let arrival = (now + delay).max(pipe.last_arrival).max(pipe.held_until) + busy;
        pipe.last_arrival = arrival;
        pipe.bytes += record.len();
        pipe.queue.push_back((arrival, Packet::Record(record)));
        Some(arrival)
    }

    /// Ends one direction after what is on its way; when that arrives.
    pub(super) fn end(&mut self, id: ConnectionId, side: usize, now: u64, dice: &mut Random) -> Option<u64> {
        let delay = self.delay(dice);
        let pipe = &mut self.connections[id].pipes[side];
        if pipe.ended {
            return None;
        }
        pipe.ended = true;
        let arrival = (now + delay).max(pipe.last_arrival).max(pipe.held_until);
        pipe.queue.push_back((arrival, Packet::End));
        Some(arrival)
    }

    /// Loses a random part of what is on its way.
    pub(super) fn lose(&mut self, id: ConnectionId, side: usize, dice: &mut Random) {
        let pipe = &mut self.connections[id].pipes[side];
        if pipe.ended {
            return;
        }
        let kept = dice.below(pipe.queue.len() as u64 + 1) as usize;
        pipe.queue.truncate(kept);
        pipe.last_arrival = pipe.queue.back().map_or(0, |(arrival, _)| *arrival);
    }

    /// Has nothing more arrive in one direction; what is written still fills the buffer.
    pub(super) fn make_hole(&mut self, id: ConnectionId, side: usize) {
        self.connections[id].pipes[side].hole = true;
    }

    pub(super) fn fill_hole(&mut self, id: ConnectionId, side: usize) {
        self.connections[id].pipes[side].hole = false;
    }

    /// Has nothing arrive in one direction before `until`.
    pub(super) fn hold(&mut self, id: ConnectionId, side: usize, until: u64) {
        let pipe = &mut self.connections[id].pipes[side];
        pipe.held_until = pipe.held_until.max(until);
    }

    /// What was held arrives now.
    pub(super) fn release(&mut self, id: ConnectionId, side: usize, now: u64) {
        let pipe = &mut self.connections[id].pipes[side];
        if pipe.held_until > now {
            pipe.held_until = now;
            pipe.last_arrival = pipe.last_arrival.min(now);
            pipe.queue.iter_mut().for_each(|(arrival, _)| *arrival = now.min(*arrival));
        }
    }

    /// Until when the direction is held.
    pub(super) fn held_until(&self, id: ConnectionId, side: usize) -> u64 {
        self.connections[id].pipes[side].held_until
    }

    /// Takes what has arrived, one at a time.
    pub(super) fn take(&mut self, id: ConnectionId, side: usize, now: u64) -> Option<Packet> {
        let pipe = &mut self.connections[id].pipes[side];
        if pipe.hole || pipe.held_until > now {
            return None;
        }
        let (_, packet) = pipe.queue.pop_front_if(|(arrival, _)| *arrival <= now)?;
        if let Packet::Record(record) = &packet {
            pipe.bytes = pipe.bytes.saturating_sub(record.len());
        }
        Some(packet)
    }

    /// Connections between two nodes, either way round: connection, and the side of the first.
    pub(super) fn between(&self, one: usize, other: usize) -> Vec<(ConnectionId, usize)> {
        let pair = |ends: &[End; 2]| (ends[0].node, ends[1].node);
        let connections = self.connections.iter().enumerate();
        connections
            .filter_map(|(id, connection)| match pair(&connection.ends) {
                found if found == (one, other) => Some((id, 0)),
                found if found == (other, one) => Some((id, 1)),
                _ => None,
            })
            .collect()
    }
}
