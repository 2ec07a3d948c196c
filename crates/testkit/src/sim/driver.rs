//! What every driver does, whatever its machines are: inputs in, outputs done, links read, written and closed.

use std::collections::BTreeSet;
use std::mem::take;
use std::net::SocketAddr;

use tertulia_core::code::Code;
use tertulia_core::event::{Event, Kind};
use tertulia_core::feed::{Feed, Packer};
use tertulia_core::id::{Key, LinkId, RequestId};
use tertulia_core::limits;
use tertulia_core::link::LinkEvent;
use tertulia_core::log::{Log, Record, entry_of};
use tertulia_core::machine::{Input, OtherEnd, Output};
use tertulia_core::rule::Rule;
use tertulia_core::trace::LinkStep;
use tertulia_core::wire::entry::Entry;
use tertulia_core::wire::frame::decode;
use tertulia_core::wire::meeting::{Lane, Meeting};
use tertulia_core::wire::private::{Ask, Private, Tell};
use tertulia_core::wire::session::{Purpose, Session};
use tertulia_core::wire::{Encoded, Frame};

use super::canary::{Canary, word};
use super::network::{ConnectionId, Packet};
use super::{Attempt, Happening, Sim, Witnessed};

/// Where a node is, as others see it, and may dial it.
pub(super) fn address_of(node: usize) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 40_000 + node as u16))
}

/// How often it is looked at what a restart would find.
const RESTART_PERIOD: u64 = 61;

/// How often it is looked at how much a node holds.
const ROOM_PERIOD: u64 = 16;

/// The first thing that is not the same.
fn difference(before: &[Record], after: &[Record]) -> String {
    let differs = before.iter().zip(after).find(|(before, after)| before != after);
    differs.map_or_else(|| format!("{} records, {}", before.len(), after.len()), |two| format!("{two:?}"))
}

impl Sim {
    /// One input to a node's machine, and everything that follows from it at once.
    pub(super) fn handle(&mut self, node: usize, input: Input<'_>) {
        self.pass_on(node, input);
        self.flush(node);
    }

    fn pass_on(&mut self, node: usize, input: Input<'_>) {
        let this = &mut self.nodes[node];
        let now = this.now(self.now);
        let Some(running) = this.running.as_mut().filter(|running| !running.closed) else { return };
        let Some(input) = this.planted.on_input(input) else { return };
        let mut out = Vec::new();
        running.machine.handle(input, now, &mut out);
        running.machine.assert_invariants();
        self.apply(node, out);
        self.check_room(node);
        self.check_restart(node, RESTART_PERIOD);
    }

    /// Law: talk takes no more room than it is given, in a log and in a feed (SPEC FEED-2).
    fn check_room(&self, node: usize) {
        let this = &self.nodes[node];
        let Some(running) = this.running.as_ref().filter(|_| this.steps.is_multiple_of(ROOM_PERIOD)) else { return };
        let logs = running.machine.logs().into_iter().map(|log| log.entries().collect::<Vec<_>>());
        for held in logs.chain([running.feed.iter().map(|(_, entry)| entry).collect()]) {
            let talk = held.into_iter().filter(|entry| entry.lane() == Lane::Talk).map(|entry| entry.frame.0.len());
            let (entries, bytes) = talk.fold((0, 0), |(entries, bytes), length| (entries + 1, bytes + length));
            let is_well = entries <= this.spec.talk_max && bytes <= limits::TALK_BYTES_MAX;
            assert!(is_well, "node {node} holds {entries} entries of talk, {bytes} bytes: more than FEED-2 allows");
        }
    }

    /// Law: at any moment the next run would find each log as it is. Looked at every `period`th time.
    pub(super) fn check_restart(&mut self, node: usize, period: u64) {
        let this = &mut self.nodes[node];
        this.steps += 1;
        if !this.steps.is_multiple_of(period) {
            return;
        }
        let nodes: BTreeSet<Key> = self.nodes.iter().map(|node| node.spec.key).collect();
        let this = &self.nodes[node];
        for log in this.running.iter().flat_map(|running| running.machine.logs()) {
            let again = this.disk.log(log.meeting(), this.spec.talk_max);
            // SPEC REGISTER-9: what was let go of is on the disk until that is written anew; and of people whom nobody has
            // ever seen, as of those who are no nodes here, another run may keep others.
            let lets_go = log.registers().count() >= limits::PEOPLE_MAX;
            let is_let_go = |record: &Record| {
                let entry = record.entry().map(|entry| entry.entry).filter(|entry| entry.lane.is_register());
                let lacks = |entry: &Entry| log.register(entry.author, entry.lane).is_none();
                entry.is_some_and(|entry| !nodes.contains(&entry.author) || lets_go && lacks(&entry))
            };
            let is_same = |record: &Record| !matches!(record, Record::Shown(_)) && !is_let_go(record);
            let state = |log: &Log| log.records().filter(is_same).collect();
            let (before, after): (Vec<Record>, Vec<Record>) = (state(log), state(&again));
            assert!(before == after, "node {node}: a restart finds another log: {}", difference(&before, &after));
        }
    }

    /// Fires what is due in a node: its machine first, then its links.
    pub(super) fn fire(&mut self, node: usize) {
        let this = &mut self.nodes[node];
        let now = this.now(self.now);
        let Some(running) = &mut this.running else { return };
        let is_due = |due: tertulia_core::time::Instant| due <= now.tick;
        if !running.closed && running.machine.poll_timeout().is_some_and(is_due) {
            let mut out = Vec::new();
            running.machine.handle_timeout(this.planted.on_timeout(now), &mut out);
            running.machine.assert_invariants();
            let next = running.machine.poll_timeout();
            assert!(next.is_none_or(|next| next > now.tick), "node {node}: a deadline stays in the past");
            self.apply(node, out);
            return self.flush(node);
        }
        let due = running.links.iter().find(|(_, ends)| ends.link.poll_timeout().is_some_and(is_due));
        let Some(link) = due.map(|(link, _)| *link) else { return };
        let Some(ends) = running.links.get_mut(&link) else { return };
        let mut events = Vec::new();
        let paused = ends.link.paused_until();
        ends.link.handle_timeout(this.planted.on_timeout(now).tick, &mut events);
        let next = ends.link.poll_timeout();
        assert!(next.is_none_or(|next| next > now.tick), "node {node}: a deadline of {link:?} stays in the past");
        let (connection, side) = (ends.connection, 1 - ends.side);
        let resumed = paused.is_some() && ends.link.paused_until().is_none();
        self.dispatch(node, link, events);
        self.flush(node);
        if resumed {
            self.sometimes("reading_paused");
            self.arrive(connection, side);
        }
    }

    /// Does what a machine wants done, in order.
    fn apply(&mut self, node: usize, outputs: Vec<Output>) {
        let nodes = self.nodes.len();
        for output in self.nodes[node].planted.on_outputs(outputs) {
            self.witness(node, &output);
            let now = self.tick(node);
            let this = &mut self.nodes[node];
            let Some(running) = &mut this.running else { return };
            match output {
                Output::Send { link, frame } => {
                    let head = running.feed.head();
                    if let Some(ends) = running.links.get_mut(&link) {
                        let line = word(&frame);
                        ends.link.send(frame, head);
                        self.note(format_args!("node {node} > {} {line}", link.0));
                    }
                }
                Output::Append { entry, at, mut dropped } => {
                    if this.planted.is(Canary::FeedGrows) {
                        dropped = 0;
                    }
                    let tampering = self.tampered.iter().filter(|(tampered, _)| *tampered == node);
                    tampering.for_each(|(_, tampering)| tampering.borrow_mut().on_written(&entry));
                    if this.planted.feeds() {
                        running.feed.append(entry, at, dropped);
                    }
                }
                Output::Store { meeting, record } => {
                    if let Some(record) = this.planted.on_record_stored(&record) {
                        this.disk.store(meeting, &record);
                    }
                    match record.frame() {
                        Some(frame) => self.note(format_args!("node {node} + {}", word(frame))),
                        None => self.note(format_args!("node {node} + {record:?}")),
                    }
                }
                Output::Keep { meeting, name, bytes } => drop(this.disk.kept.insert((meeting, name), bytes)),
                Output::Follow { link, mut start } => {
                    if this.planted.is(Canary::FollowsFromStart) {
                        start = tertulia_core::feed::Start::default();
                    }
                    if let Some(ends) = running.links.get_mut(&link) {
                        ends.link.follow(start, &running.feed);
                        self.note(format_args!("node {node} follow {}", link.0));
                    }
                }
                Output::Dial { id, peer, addresses, hello } => {
                    let (run, code) = (this.runs, Code::Unreachable);
                    if let Some(peer) = peer.filter(|_| is_members(&hello)) {
                        let is_somebodys =
                            |address: &&String| (0..nodes).any(|at| address_of(at).to_string() == **address);
                        let in_vain = addresses.len() - addresses.iter().filter(is_somebodys).count();
                        self.dials.count((node, run), peer, addresses.len(), in_vain, self.now);
                    }
                    let attempt = Attempt { node, run, id, peer, addresses, hello, code };
                    self.note(format_args!("node {node} dials"));
                    // Two round trips: TCP and the handshake.
                    let delay = (0..4).map(|_| self.network.delay(&mut self.dice)).sum::<u64>();
                    self.schedule(self.now + delay, Happening::Dial(attempt, 0));
                }
                Output::Close { link, code, reason, .. } => {
                    let head = this.planted.head_at_close(running.feed.head());
                    if let Some(ends) = running.links.get_mut(&link) {
                        ends.link.close(code, &reason, head, now);
                        ends.over = true;
                        self.note(format_args!("node {node} closes {} {code}", link.0));
                        self.recorder(node).into_iter().for_each(|recorder| recorder.link(link, LinkStep::Down(code)));
                    }
                }
                Output::Event(event) => self.on_event(node, event),
            }
        }
    }

    /// Has the watcher, if there is one, look at talk that is to be sent or shown, and at what is to be stored.
    fn witness(&mut self, node: usize, output: &Output) {
        let Some(watcher) = &mut self.watcher else { return };
        let this = &self.nodes[node];
        let witnessed = match output {
            Output::Send { link, frame } => {
                let ends = this.running.as_ref().and_then(|running| running.links.get(link));
                let entry = entry_of(frame).map(|entry| entry.entry).filter(|entry| entry.lane == Lane::Talk);
                ends.zip(entry).map(|(ends, entry)| Witnessed::Sent { to: ends.peer, entry })
            }
            Output::Event(Event::Message { kind: Kind::Text(origin), .. }) => Some(Witnessed::Shown(*origin)),
            Output::Store { record, .. } => record.entry().map(|entry| Witnessed::Stored(entry.entry)),
            _ => None,
        };
        let who = (node, this.spec.key);
        witnessed.iter().for_each(|witnessed| watcher(self.now, who, &this.disk, witnessed));
    }

    fn on_event(&mut self, node: usize, event: Event) {
        let is_last = matches!(event, Event::Closed { .. });
        self.tell(node, event);
        let now = self.tick(node);
        let Some(running) = self.nodes[node].running.as_mut().filter(|_| is_last) else { return };
        running.closed = true;
        let head = running.feed.head();
        for ends in running.links.values_mut().filter(|ends| !ends.over) {
            ends.link.close(Code::Left, "", head, now);
            ends.over = true;
        }
    }

    /// Passes a link's events on to its machine; the caller flushes once all of them are told.
    fn dispatch(&mut self, node: usize, link: LinkId, events: Vec<LinkEvent>) {
        for event in events {
            let Some(running) = &mut self.nodes[node].running else { return };
            let Some(ends) = running.links.get_mut(&link).filter(|ends| !ends.over) else { return };
            let address = address_of(self.network.connections[ends.connection].ends[1 - ends.side].node);
            let end = OtherEnd { peer: ends.peer, address, dial: ends.dial };
            let input = Input::of_link(&event, link, end, ends.up);
            match (&event, &input) {
                (LinkEvent::Up { .. }, Some(Input::Up { .. })) => {
                    assert!(!ends.up, "node {node}: {link:?} is up twice");
                    ends.up = true;
                    self.note(format_args!("node {node} up {}", link.0));
                }
                (LinkEvent::Frame(_), Some(Input::Frame { frame, .. })) => {
                    assert!(ends.up, "node {node}: a frame before {link:?} is up");
                    self.look_at(node, link, frame);
                }
                (LinkEvent::Down { code, rule }, _) => {
                    ends.over = true;
                    // SPEC RATE-1: nobody who keeps to the rules is closed for going too fast.
                    let is_slow = *rule != Some(Rule::Rate1) || self.lawless.contains(&ends.peer);
                    assert!(is_slow, "node {node} closes {}, whose frames come faster than RATE-1 allows", ends.peer);
                    let has_dialled = ends.dial.is_some();
                    self.note(format_args!("node {node} down {} {code} {rule:?}", link.0));
                    if has_dialled {
                        self.nodes[node].knocks.on_failed(Some(link), *code, self.now);
                    }
                    self.recorder(node).into_iter().for_each(|recorder| recorder.link(link, LinkStep::Down(*code)));
                    self.sometimes(code.word());
                }
                (event, input) => panic!("node {node}: {event:?} is {input:?} to a machine"),
            }
            if let Some(input) = input {
                self.pass_on(node, input);
            }
        }
    }

    /// What a frame that has come is to the world.
    fn look_at(&mut self, node: usize, link: LinkId, frame: &Frame<'_>) {
        if let Frame::Meeting(Meeting::EntryFrame(entry)) = frame {
            let (entry, is_bare) = (entry.entry.entry, entry.entry.body.bytes().is_none());
            let name = (entry.author, entry.lane.number(), entry.session, entry.number);
            self.bare.extend(is_bare.then_some((node, name)));
            self.count_entry(node, link, name, frame.encode(RequestId::EVENT).0.len());
        }
        match frame {
            Frame::Meeting(Meeting::Welcome(_)) => self.nodes[node].knocks.on_welcome(link, self.now),
            Frame::Meeting(Meeting::Fetch(_)) => self.sometimes("fetch"),
            Frame::Meeting(Meeting::Digest(_)) if self.is_room => self.sometimes("digest_frames"),
            Frame::Private(Private::Ask(Ask { token, .. }) | Private::Tell(Tell { token, .. }))
                if !self.tokens.insert((node, *token)) =>
            {
                self.sometimes("token_again");
            }
            _ => {}
        }
    }

    /// In a star, an entry comes once; in a room, how often is counted.
    fn count_entry(&mut self, node: usize, link: LinkId, name: super::disk::EntryName, bytes: usize) {
        let this = &mut self.nodes[node];
        let is_new = this.came.insert(name);
        let is_held = this.disk.names.contains(&name);
        let running = this.running.as_mut().expect("it was looked at");
        let ends = running.links.get_mut(&link).expect("it came over it");
        let (once, peer) = (ends.entries.insert(name), ends.peer);
        if self.is_room {
            if is_new && peer != name.0 && name.1 == Lane::Talk.number() {
                let (run, links) = ((node, this.runs), running.links.len());
                let is_well = self.rates.fetch(run, name.0, links, bytes, self.now);
                let is_lawless = self.lawless.contains(&this.spec.key);
                assert!(is_well || is_lawless, "node {node} fetches more of {}'s talk than MESH-30 allows", name.0);
            }
            if [this.spec.key, peer].iter().any(|key| self.lawless.contains(key)) {
                return;
            }
            // SPEC MESH-7: who somebody is goes over each link.
            let counted = u64::from(name.1 <= Lane::Talk.number());
            *self.seen.entry("entry_frames").or_default() += counted;
            *self.seen.entry("entries").or_default() += counted * u64::from(is_new);
            return;
        }
        // What damage has taken is asked for until it comes, and may come twice.
        let is_asked_for = !self.lost.is_empty();
        assert!(!is_held || is_asked_for, "node {node}: an entry came that it holds: {name:?}");
        assert!(once || is_asked_for, "node {node}: an entry came twice on {link:?}: {name:?}");
    }

    /// Writes what the links of a node have to say, as far as there is room; lets go of those that are finished.
    pub(super) fn flush(&mut self, node: usize) {
        let Some(running) = &mut self.nodes[node].running else { return };
        let (links, feed): (Vec<LinkId>, Feed) = (running.links.keys().copied().collect(), take(&mut running.feed));
        let mut packer = Packer::new(&feed);
        for link in links {
            self.flush_link(node, link, &mut packer);
        }
        let this = &mut self.nodes[node];
        if let Some(running) = &mut this.running {
            running.feed = feed;
        }
        if this.running.as_ref().is_some_and(|running| running.closed && running.links.is_empty()) {
            this.running = None;
            self.note(format_args!("node {node} is over"));
        }
    }

    fn flush_link(&mut self, node: usize, link: LinkId, packer: &mut Packer<&Feed>) {
        let this = &mut self.nodes[node];
        let (now, stopped) = (this.now(self.now).tick, this.stopped_until > self.now);
        let Some(running) = &mut this.running else { return };
        let Some(ends) = running.links.get_mut(&link) else { return };
        let (connection, side, peer) = (ends.connection, ends.side, ends.peer);
        if stopped {
            return;
        }
        let tampering = self.tampered.as_ref().filter(|(tampered, _)| *tampered == node);
        loop {
            let record = ends.pending.take().or_else(|| {
                let record = this.planted.on_record(ends.link.fill(packer, now)?.to_vec());
                Some(bytes::Bytes::from(match tampering {
                    Some((_, tampering)) => tampering.borrow_mut().outgoing(peer, &record),
                    None => record,
                }))
            });
            let Some(record) = record else { break };
            if !self.network.has_room(connection, side) {
                ends.pending = Some(record);
                *self.seen.entry("backpressure").or_default() += 1;
                break;
            }
            ends.link.written();
            let now = self.now;
            *self.seen.entry("bytes").or_default() += record.len() as u64;
            let is_well = self.rates.count((connection, side), &record, self.is_room, now);
            let is_lawless = self.lawless.contains(&this.spec.key);
            assert!(is_well || is_lawless, "node {node} sends more on {link:?} than RATE-1 allows");
            if let Some(recorder) = self.recorder.as_mut().filter(|recorder| recorder.node == node) {
                recorder.frames(link, side, &record, now);
            }
            if let Some(arrival) = self.network.write(connection, side, record, self.now, &mut self.dice) {
                self.sequence += 1;
                self.queue.insert((arrival, self.sequence), Happening::Arrive(connection, side));
            }
        }
        if ends.link.is_finished() {
            assert!(ends.over || !ends.up, "node {node}: {link:?} is finished, and nobody was told");
            running.links.remove(&link);
            self.network.connections[connection].ends[side].open = false;
            if let Some(arrival) = self.network.end(connection, side, self.now, &mut self.dice) {
                self.schedule(arrival, Happening::Arrive(connection, side));
            }
        }
    }

    /// Reads what has come from `side`, as far as the other end is willing to.
    pub(super) fn arrive(&mut self, connection: ConnectionId, side: usize) {
        let [from, to] = [side, 1 - side].map(|side| self.network.connections[connection].ends[side]);
        if self.network.is_blocked(from.node, to.node) {
            return;
        }
        loop {
            let this = &self.nodes[to.node];
            let busy = this.stopped_until.max(this.deaf_until).max(self.network.held_until(connection, side));
            if busy > self.now {
                return self.schedule(busy, Happening::Arrive(connection, side));
            }
            let now = this.now(self.now).tick;
            let ours = |link: &super::Ends| link.connection == connection;
            let links = this.running.as_ref().map(|running| &running.links);
            let ends = links.and_then(|links| links.get(&to.link)).filter(|ends| ours(ends));
            if ends.is_some_and(|ends| ends.link.paused_until().is_some()) {
                return;
            }
            let Some(packet) = self.network.take(connection, side, self.now) else { return };
            let running = self.nodes[to.node].running.as_mut();
            let ends = running.and_then(|running| running.links.get_mut(&to.link)).filter(|ends| ours(ends));
            let Some(ends) = ends else { continue };
            let mut events = Vec::new();
            let tampering = self.tampered.as_ref().filter(|(tampered, _)| *tampered == to.node);
            match packet {
                Packet::Record(record) => {
                    let record = tampering.map_or(record.clone(), |(_, tampering)| {
                        tampering.borrow_mut().incoming(ends.peer, &record).into()
                    });
                    let recorder = self.recorder.as_mut().filter(|recorder| recorder.node == to.node);
                    recorder.into_iter().for_each(|recorder| recorder.frames(to.link, side, &record, self.now));
                    ends.link.receive(&record, now, &mut events);
                }
                Packet::End => ends.link.end_of_stream(&mut events),
            }
            self.dispatch(to.node, to.link, events);
            self.flush(to.node);
            self.flush(from.node);
        }
    }
}

/// Whether a dial is a room's: friends dial what their users have typed.
fn is_members(hello: &Encoded) -> bool {
    matches!(decode(&hello.0).unwrap().frame, Some(Frame::Session(Session::Hello(hello))) if hello.purpose == Purpose::MESH)
}
