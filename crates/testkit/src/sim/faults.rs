//! What goes wrong in a world.

use std::collections::BTreeSet;

use tertulia_core::id::Key;
use tertulia_core::log::{Log, entry_of};
use tertulia_core::wire::meeting::Lane;

use super::disk::{EntryName, name_of};
use super::network::ConnectionId;
use super::{Disk, Happening, Sim};

impl Sim {
    /// The connections that both ends still have and that work.
    #[must_use]
    pub fn standing(&self) -> Vec<ConnectionId> {
        let connections = self.network.connections.iter().enumerate();
        connections.filter(|(_, connection)| connection.stands()).map(|(id, _)| id).collect()
    }

    /// Whether a process still believes in a connection that is dead.
    #[must_use]
    pub fn has_half_open(&self) -> bool {
        self.network.connections.iter().any(|connection| {
            !connection.stands() && connection.ends.iter().any(|end| end.open && self.is_running(end.node))
        })
    }

    /// The nodes that have a connection with `node` that works.
    #[must_use]
    pub fn standing_between(&self, node: usize) -> Vec<usize> {
        let ends = self.standing().into_iter().map(|id| self.network.connections[id].ends.map(|end| end.node));
        ends.filter(|ends| ends.contains(&node)).flatten().filter(|end| *end != node).collect()
    }

    /// Cuts a connection: a random part of what is on its way is lost, and both ends see the end of the stream.
    pub fn cut(&mut self, connection: ConnectionId) {
        self.note(format_args!("cut {connection}"));
        self.sometimes("cut_by_fault");
        for side in [0, 1] {
            self.network.lose(connection, side, &mut self.dice);
            self.finish(connection, side);
        }
    }

    fn finish(&mut self, connection: ConnectionId, side: usize) {
        if let Some(arrival) = self.network.end(connection, side, self.now, &mut self.dice) {
            self.schedule(arrival, Happening::Arrive(connection, side));
        }
    }

    /// From now on, nothing that `side` sends arrives, and nobody is told.
    pub fn make_half_open(&mut self, connection: ConnectionId, side: usize) {
        self.note(format_args!("half open {connection} from {side}"));
        self.sometimes("half_open");
        self.network.make_hole(connection, side);
    }

    /// Nothing arrives on a connection for `ms`; then all of it does, in order.
    pub fn freeze(&mut self, connection: ConnectionId, ms: u64) {
        self.note(format_args!("freeze {connection} for {ms}"));
        self.sometimes("freeze");
        for side in [0, 1] {
            self.network.hold(connection, side, self.now + ms);
            self.schedule(self.now + ms, Happening::Arrive(connection, side));
        }
    }

    /// Nothing passes from one node to another until [`Sim::heal`].
    pub fn block(&mut self, from: usize, to: usize) {
        self.note(format_args!("block {from} to {to}"));
        self.sometimes("partition");
        self.network.blocked.insert((from, to));
    }

    /// What was held up between two nodes passes again.
    pub fn unblock(&mut self, from: usize, to: usize) {
        self.note(format_args!("unblock {from} to {to}"));
        self.network.blocked.remove(&(from, to));
        for (connection, side) in self.network.between(from, to) {
            let delay = self.network.delay(&mut self.dice);
            self.schedule(self.now + delay, Happening::Arrive(connection, side));
        }
    }

    /// Kills a node's process. Silent: its machine is gone too, so nobody is told.
    pub fn crash(&mut self, node: usize, silent: bool) {
        self.note(format_args!("node {node} crashes{}", if silent { " silently" } else { "" }));
        self.sometimes(if silent { "silent_death" } else { "crash" });
        self.check_restart(node, 1);
        let Some(running) = self.nodes[node].running.take() else { return };
        let this = &mut self.nodes[node];
        this.disk.tear(this.steps as usize);
        for ends in running.links.values() {
            self.network.connections[ends.connection].ends[ends.side].open = false;
            self.network.lose(ends.connection, ends.side, &mut self.dice);
            if silent {
                self.network.make_hole(ends.connection, ends.side);
            } else {
                self.finish(ends.connection, ends.side);
            }
        }
    }

    /// A process that is back answers what was meant for its last run with a reset.
    pub(super) fn reset_what_a_crash_left(&mut self, node: usize) {
        let connections = self.network.connections.iter().enumerate();
        let left: Vec<_> = connections
            .flat_map(|(id, connection)| [(id, 0, connection.ends[0]), (id, 1, connection.ends[1])])
            .filter(|(_, _, end)| end.node == node && !end.open)
            .collect();
        for (connection, side, _) in left {
            self.network.fill_hole(connection, side);
            self.finish(connection, side);
        }
    }

    /// A process does nothing for `ms`, as after SIGSTOP.
    pub fn stop(&mut self, node: usize, ms: u64) {
        self.note(format_args!("node {node} stops for {ms}"));
        self.sometimes("stop");
        self.nodes[node].stopped_until = self.now + ms;
    }

    /// A process reads nothing for `ms`.
    pub fn deafen(&mut self, node: usize, ms: u64) {
        self.note(format_args!("node {node} reads nothing for {ms}"));
        self.sometimes("deaf");
        self.nodes[node].deaf_until = self.now + ms;
    }

    /// A node's clocks jump: the one that orders deadlines ahead, as after sleep, the wall clock either way.
    pub fn jump(&mut self, node: usize, ms: u64, wall_ms: i64) {
        self.note(format_args!("node {node} jumps {ms} {wall_ms}"));
        self.sometimes("clock_jump");
        self.nodes[node].ahead += ms;
        self.nodes[node].unix_ahead = self.nodes[node].unix_ahead.saturating_add(wall_ms);
    }

    /// In some runs, one bit of a log is not what it was: of an entry of talk only where somebody who runs holds it, so that
    /// it is to be had again. What a lecture's host has said, nobody else serves.
    pub(super) fn flip_a_bit(&mut self, node: usize) {
        let (us, runs, steps) = (self.nodes[node].spec.key, self.nodes[node].runs, self.nodes[node].steps);
        if !(runs + node as u32).is_multiple_of(3) {
            return;
        }
        let running = self.nodes.iter().filter_map(|node| node.running.as_ref());
        let logs: Vec<&Log> = running.flat_map(|running| running.machine.logs()).collect();
        let entries = logs.iter().flat_map(|log| log.entries());
        let held: BTreeSet<EntryName> = entries.map(|entry| name_of(entry.id, entry.number)).collect();
        let is_room = self.is_room;
        let flipped =
            self.nodes[node].disk.flip(steps as usize, |name| (is_room || name.0 != us) && held.contains(name));
        if let Some(lost) = flipped {
            self.note(format_args!("node {node} has a bit flipped"));
            self.sometimes(if lost.is_some() { "entry_lost" } else { "bit_flipped" });
            self.lost.extend(lost.map(|name| (node, name)));
        }
    }

    /// Whether a flipped bit has taken an entry of talk from this node's disk.
    pub(crate) fn was_lost(&self, node: usize, author: Key, session: u64, number: u64) -> bool {
        self.lost.contains(&(node, (author, Lane::Talk.number(), session, number)))
    }

    /// Whether talk has come to a node without its body: that comes later, if at all (SPEC ENTRY-8).
    pub(crate) fn came_bare(&self, node: usize, author: Key, session: u64, number: u64) -> bool {
        self.bare.contains(&(node, (author, Lane::Talk.number(), session, number)))
    }

    /// Whether it has taken it from others' alone.
    pub(crate) fn was_lost_elsewhere(&self, node: usize, author: Key, session: u64, number: u64) -> bool {
        let is_lost = |node: usize| self.was_lost(node, author, session, number);
        !is_lost(node) && (0..self.nodes.len()).any(is_lost)
    }

    /// A node's disk is gone. It must not run.
    pub fn lose_disk(&mut self, node: usize) {
        self.note(format_args!("node {node} loses its disk"));
        self.sometimes("disk_lost");
        self.nodes[node].disk = Disk::default();
    }

    /// Ends all faults that last: partitions, stopped and deaf processes, connections that are deaf in one direction.
    pub fn heal(&mut self) {
        self.note(format_args!("heal"));
        for (from, to) in self.network.blocked.clone() {
            self.unblock(from, to);
        }
        for node in 0..self.nodes.len() {
            self.nodes[node].stopped_until = 0;
            self.nodes[node].deaf_until = 0;
        }
        for connection in 0..self.network.connections.len() {
            for side in [0, 1] {
                self.network.release(connection, side, self.now);
                self.schedule(self.now, Happening::Arrive(connection, side));
            }
        }
    }

    /// How many entries of talk a node has stored.
    #[must_use]
    pub fn talk_stored(&self, node: usize) -> usize {
        let entries = self.nodes[node].disk.entries.iter().filter_map(entry_of);
        entries.filter(|entry| entry.entry.lane == Lane::Talk).count()
    }
}
