//! Many nodes in one thread: real machines, links, feeds and codec over simulated connections, in virtual time.
//!
//! One seed decides everything: the same seed gives the same trace, byte for byte. Only the channel is left out:
//! what would be sealed travels as it is, and whose key is at the other end is simply known.

mod canary;
mod dials;
mod disk;
mod driver;
mod faults;
mod network;
mod node;
mod rates;
mod recorder;
mod seeds;
#[cfg(test)]
mod tests;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use tertulia_core::code::Code;
use tertulia_core::command::Command;
use tertulia_core::event::{Event, Kind, Origin};
use tertulia_core::feed::Feed;
use tertulia_core::id::{CommandId, DialId, Key, LinkId, Token};
use tertulia_core::limits;
use tertulia_core::link::{Link, Opening};
use tertulia_core::log::{Log, Mark, Record};
use tertulia_core::machine::Input;
use tertulia_core::random::Random;
use tertulia_core::time::Instant;
use tertulia_core::trace::{LinkStep, Trace};
use tertulia_core::wire::Encoded;

pub use self::canary::Canary;
use self::canary::Planted;
use self::dials::Dials;
pub use self::disk::Disk;
use self::disk::EntryName;
pub use self::network::{Conditions, ConnectionId};
use self::network::{End, Network};
pub use self::node::{Boot, EPOCH_MS, Maker, NodeSpec, Told};
use self::node::{Ends, Node, Running, Tampering};
pub(crate) use self::node::{Tamperer, Watcher, Witnessed};
use self::rates::Rates;
use self::recorder::Recorder;
pub(crate) use self::seeds::attempt;
pub(crate) use self::seeds::sum_of;
pub use self::seeds::{Failure, fingerprint, number, play_all};
pub(crate) use self::verdict::{Doorkeeper, WHY};

/// One attempt to reach somebody, on its way.
#[derive(Clone, Debug)]
struct Attempt {
    node: usize,
    run: u32,
    id: DialId,
    peer: Option<Key>,
    addresses: Vec<String>,
    hello: Encoded,
    /// What was met at the addresses before.
    code: Code,
}

#[derive(Debug)]
enum Happening {
    /// Something may have arrived from one side of a connection.
    Arrive(ConnectionId, usize),
    /// An attempt has come to the address of this index.
    Dial(Attempt, usize),
    Unreachable(Attempt, Code),
}

/// A world of nodes.
pub struct Sim {
    now: u64,
    sequence: u64,
    queue: BTreeMap<(u64, u64), Happening>,
    nodes: Vec<Node>,
    network: Network,
    /// At which ports those are who have moved.
    moved: BTreeMap<usize, u16>,
    dice: Random,
    canary: Option<Canary>,
    /// Everybody dials everybody, and may be sent an entry more than once.
    is_room: bool,
    next_command: u64,
    trace: String,
    seen: BTreeMap<&'static str, u64>,
    /// What flipped bits have taken of talk: from which node, and what.
    lost: BTreeSet<(usize, EntryName)>,
    /// Entries that have come to each node without their bodies.
    bare: BTreeSet<(usize, EntryName)>,
    /// Tokens of texts that have come to each node.
    tokens: BTreeSet<(usize, Token)>,
    recorder: Option<Recorder>,
    dials: Dials,
    rates: Rates,
    watcher: Option<Watcher>,
    /// Whose links are tampered with.
    tampered: Option<(usize, Tampering)>,
    /// Who keeps to no rule: what goes over its links is not counted.
    lawless: BTreeSet<Key>,
}

impl std::fmt::Debug for Sim {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Sim").field("now", &self.now).field("nodes", &self.nodes.len()).finish_non_exhaustive()
    }
}

/// The 32 bytes that a seed of 64 bits stands for.
#[must_use]
pub fn widen(seed: u64) -> [u8; 32] {
    let mut wide = [0; 32];
    wide[..8].copy_from_slice(&seed.to_be_bytes());
    wide
}

impl Sim {
    /// An empty world that `seed` decides, with a bug planted in each of its nodes, or none.
    #[must_use]
    pub fn new(seed: u64, conditions: Conditions, canary: Option<Canary>) -> Self {
        Self {
            now: 0,
            sequence: 0,
            queue: BTreeMap::new(),
            nodes: Vec::new(),
            network: Network { conditions, ..Network::default() },
            moved: BTreeMap::new(),
            dice: Random::new(widen(seed)),
            canary,
            is_room: false,
            next_command: 0,
            trace: String::new(),
            seen: BTreeMap::new(),
            lost: BTreeSet::new(),
            bare: BTreeSet::new(),
            tokens: BTreeSet::new(),
            recorder: None,
            dials: Dials::default(),
            rates: Rates::default(),
            watcher: None,
            tampered: None,
            lawless: BTreeSet::new(),
        }
    }

    /// From now on somebody looks at all talk that is sent or shown, as that happens.
    pub(crate) fn watch(&mut self, watcher: Watcher) {
        self.watcher = Some(watcher);
    }

    /// From now on what a node says is tampered with, and what it is told.
    pub(crate) fn tamper(&mut self, node: usize, tampering: Tampering) {
        self.tampered = Some((node, tampering));
    }

    /// Adds a node that keeps to no rule.
    pub(crate) fn add_lawless(&mut self, spec: NodeSpec) -> usize {
        self.lawless.insert(spec.key);
        self.add(spec)
    }

    /// From now on writes down what one node's links say.
    pub fn record(&mut self, node: usize) {
        self.recorder = Some(Recorder::new(node));
    }

    /// Adds a line for people to what is written down.
    pub fn comment(&mut self, text: &str) {
        self.recorder.iter_mut().for_each(|recorder| recorder.comment(text));
    }

    /// What was written down.
    ///
    /// # Panics
    /// If nothing was.
    #[must_use]
    pub fn recorded(&mut self) -> Trace {
        self.recorder.take().expect("somebody asked for it").into_trace()
    }

    /// The recorder, if it is at this node.
    fn recorder(&mut self, node: usize) -> Option<&mut Recorder> {
        self.recorder.as_mut().filter(|recorder| recorder.node == node)
    }

    /// The same world, for rooms: everybody dials everybody, and may be sent an entry more than once.
    #[must_use]
    pub const fn of_rooms(mut self) -> Self {
        self.is_room = true;
        self
    }

    /// Adds a node that listens at `nodeN:1`, N being the number returned. It does not run yet.
    pub fn add(&mut self, spec: NodeSpec) -> usize {
        let number = self.nodes.len();
        self.nodes.push(Node::new(format!("node{number}:1"), spec, Planted::new(self.canary)));
        number
    }

    /// Milliseconds since the world began.
    #[must_use]
    pub const fn now(&self) -> u64 {
        self.now
    }

    /// The world's source of randomness, for a scenario to draw its faults from.
    pub const fn dice(&mut self) -> &mut Random {
        &mut self.dice
    }

    /// Whether something with `percent` chances in a hundred happens.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.dice.below(100) < percent
    }

    /// What has happened so far, a line each.
    #[must_use]
    pub fn trace(&self) -> &str {
        &self.trace
    }

    /// How often each thing that should happen sometimes has happened.
    #[must_use]
    pub const fn seen(&self) -> &BTreeMap<&'static str, u64> {
        &self.seen
    }

    /// Notes that something has happened which should happen sometimes.
    pub fn sometimes(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    /// Writes a line into the trace.
    pub fn note(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.trace, "{} {line}", self.now);
    }

    /// What a node's user was told, in all its runs.
    #[must_use]
    pub fn told(&self, node: usize) -> &[Told] {
        &self.nodes[node].told
    }

    /// What a node has on disk.
    #[must_use]
    pub fn disk(&self, node: usize) -> &Disk {
        &self.nodes[node].disk
    }

    /// What a node's machine holds.
    pub(crate) fn logs(&self, node: usize) -> Vec<&Log> {
        self.nodes[node].running.iter().flat_map(|running| running.machine.logs()).collect()
    }

    /// Whether a node runs, and its machine is not over.
    #[must_use]
    pub fn is_running(&self, node: usize) -> bool {
        self.nodes[node].running.as_ref().is_some_and(|running| !running.closed)
    }

    /// Whether a node's process does nothing just now.
    #[must_use]
    pub fn is_stopped(&self, node: usize) -> bool {
        self.nodes[node].stopped_until > self.now
    }

    /// Which run of a node this is, from 1.
    #[must_use]
    pub fn run_of(&self, node: usize) -> u32 {
        self.nodes[node].runs
    }

    /// Where a node is, for records.
    #[must_use]
    pub fn address(node: usize) -> std::net::SocketAddr {
        driver::address_of(node)
    }

    /// From now on a node is at another port, and neither where it was nor at its name.
    pub fn move_to(&mut self, node: usize, port: u16) {
        self.note(format_args!("node {node} moves to {port}"));
        self.moved.insert(node, port);
    }

    /// Where a node is now.
    fn now_at(&self, node: usize) -> std::net::SocketAddr {
        let mut address = driver::address_of(node);
        address.set_port(self.moved.get(&node).copied().unwrap_or(address.port()));
        address
    }

    /// The keys that a node has links with of which its machine knows.
    #[must_use]
    pub fn peers(&self, node: usize) -> Vec<Key> {
        let links = self.nodes[node].running.iter().flat_map(|running| running.links.values());
        links.filter(|ends| ends.up && !ends.over).map(|ends| ends.peer).collect()
    }

    /// The keys that a node has working connections with, once for each, and the node at the other end.
    #[must_use]
    pub fn connections(&self, node: usize) -> Vec<(Key, usize)> {
        let links = self.nodes[node].running.iter().flat_map(|running| running.links.values());
        let open = links.filter(|ends| ends.up && !ends.over);
        open.map(|ends| (ends.peer, self.network.connections[ends.connection].ends[1 - ends.side].node)).collect()
    }

    /// How long the rules let it take at most from `since`, after which nothing was cut, until a guest that is in its lecture
    /// now was in it: it is told of the end of its link, comes too soon perhaps (SPEC JOIN-8, JOIN-15), waits (SPEC DIAL-2),
    /// dials, and joins.
    #[must_use]
    pub fn patience_with(&self, node: usize, since: u64) -> u64 {
        let (waits, dials) = self.nodes[node].knocks.patience(since);
        waits + u64::from(dials) * DIAL_HOPS * self.network.conditions.delay_ms.end()
    }

    /// Whether nothing is left of a node's process.
    #[must_use]
    pub fn has_stopped(&self, node: usize) -> bool {
        self.nodes[node].running.is_none()
    }

    /// The number that the next command is answered with.
    #[must_use]
    pub const fn next_command_id(&self) -> CommandId {
        CommandId(self.next_command + 1)
    }

    /// Starts a node, with what it has on disk.
    pub fn start(&mut self, node: usize) {
        let (seed, now, address) = (self.dice.bytes(), self.nodes[node].now(self.now), self.now_at(node));
        let this = &mut self.nodes[node];
        assert!(this.running.is_none(), "node {node} runs already");
        this.runs += 1;
        this.stopped_until = 0;
        if this.runs.is_multiple_of(2) {
            this.disk.compact(this.spec.talk_max);
        }
        self.flip_a_bit(node);
        let this = &mut self.nodes[node];
        this.disk.repair();
        let machine = (this.spec.maker)(&Boot { disk: &this.disk, now, seed, address });
        let started_ms = now.unix_ms;
        let links = BTreeMap::new();
        this.running = Some(Running { machine, feed: Feed::default(), links, next_link: 0, started_ms, closed: false });
        self.note(format_args!("node {node} starts"));
        self.reset_what_a_crash_left(node);
        self.handle(node, Input::Start);
    }

    /// Gives a node's machine a command; the number that it is answered with.
    pub fn command(&mut self, node: usize, command: Command) -> CommandId {
        self.next_command += 1;
        let id = CommandId(self.next_command);
        self.note(format_args!("node {node} ! {} {command:?}", id.0));
        self.handle(node, Input::Command { id, command });
        id
    }

    /// Lets everything happen until `end`.
    pub fn run_until(&mut self, end: u64) {
        while self.step(end) {}
        self.now = end;
    }

    /// Lets one thing happen, if one is due until `end`.
    fn step(&mut self, end: u64) -> bool {
        let queued = self.queue.first_key_value().map(|((at, _), _)| *at);
        let node = self.nodes.iter().enumerate().filter_map(|(number, node)| Some((node.due()?, number))).min();
        let next = queued.into_iter().chain(node.map(|(at, _)| at)).min();
        let Some(next) = next.filter(|next| *next <= end) else { return false };
        self.now = self.now.max(next);
        self.call_too_early();
        match (queued, node) {
            (Some(at), _) if at <= next => {
                if let Some((_, happening)) = self.queue.pop_first() {
                    self.happen(happening);
                }
            }
            (_, Some((_, node))) => self.fire(node),
            _ => {}
        }
        true
    }

    fn schedule(&mut self, at: u64, happening: Happening) {
        self.sequence += 1;
        self.queue.insert((at, self.sequence), happening);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrive(connection, side) => self.arrive(connection, side),
            Happening::Dial(attempt, index) => self.attempt(attempt, index),
            Happening::Unreachable(attempt, code) => {
                if self.nodes[attempt.node].runs == attempt.run {
                    self.note(format_args!("node {} unreachable: {code}", attempt.node));
                    self.nodes[attempt.node].knocks.on_failed(None, code, self.now);
                    self.handle(attempt.node, Input::Unreachable { dial: attempt.id, code });
                }
            }
        }
    }

    /// Law: a call that comes too early says nothing.
    fn call_too_early(&mut self) {
        if self.dice.below(16) != 0 || self.nodes.is_empty() {
            return;
        }
        let at = self.dice.below(self.nodes.len() as u64) as usize;
        let (this, world) = (&mut self.nodes[at], self.now);
        let now = this.now(world);
        let Some(running) = &mut this.running else { return };
        if running.machine.poll_timeout().is_none_or(|due| due > now.tick) {
            let mut out = Vec::new();
            running.machine.handle_timeout(now, &mut out);
            assert!(out.is_empty(), "node {at} has answered a spurious timeout: {out:?}");
        }
    }

    /// One hop of a dial: the address of `index`.
    fn attempt(&mut self, attempt: Attempt, index: usize) {
        let this = &self.nodes[attempt.node];
        if this.runs != attempt.run || this.running.as_ref().is_none_or(|running| running.closed) {
            return;
        }
        let Some(address) = attempt.addresses.get(index) else {
            let code = attempt.code;
            return self.happen(Happening::Unreachable(attempt, code));
        };
        let is_at = |number: &usize| {
            let has_moved = self.moved.contains_key(number);
            self.now_at(*number).to_string() == *address || (!has_moved && self.nodes[*number].name == *address)
        };
        let target = (0..self.nodes.len()).find(is_at);
        let Some(target) = target else {
            return self.schedule(self.now + 1, Happening::Dial(attempt, index + 1));
        };
        let blocked = self.network.is_blocked(attempt.node, target) || self.network.is_blocked(target, attempt.node);
        let there = &self.nodes[target];
        let timeout = limits::CONNECT_TIMEOUT.as_millis() as u64;
        if blocked || there.stopped_until > self.now {
            self.sometimes("dial_timed_out");
            return self.schedule(self.now + timeout, Happening::Dial(attempt, index + 1));
        }
        if !self.is_running(target) {
            return self.schedule(self.now + 1, Happening::Dial(attempt, index + 1));
        }
        if attempt.peer.is_some_and(|peer| peer != there.spec.key) {
            self.sometimes("wrong_key");
            // Somebody else at one address does not hide the peer at another.
            let attempt = Attempt { code: Code::WrongKey, ..attempt };
            return self.schedule(self.now + 1, Happening::Dial(attempt, index + 1));
        }
        self.connect(attempt, target);
    }

    fn connect(&mut self, attempt: Attempt, target: usize) {
        let Attempt { node, id, hello, peer: wanted, .. } = attempt;
        let [dialler, listener] = [node, target].map(|node| self.nodes[node].spec.key);
        let [here, there] = [node, target].map(|node| {
            let running = self.nodes[node].running.as_mut().expect("it was looked at");
            running.next_link += 1;
            End { node, link: LinkId(running.next_link), open: true }
        });
        let connection = self.network.connect([here, there]);
        self.note(format_args!("connection {connection}: node {node} link {} dials node {target}", here.link.0));
        let started_ms = self.nodes[target].running.as_ref().map_or(0, |running| running.started_ms);
        let openings = [Opening::Dialled { hello }, Opening::Accepted { started_ms }];
        let sides = [(here, dialler, listener, Some(id)), (there, listener, dialler, None)];
        for (side, ((end, us, peer, dial), opening)) in sides.into_iter().zip(openings).enumerate() {
            if let Some(recorder) = self.recorder(end.node) {
                recorder.link(end.link, if side == 0 { LinkStep::Dialled } else { LinkStep::Accepted });
                recorder.link(end.link, LinkStep::Up(peer));
            }
            let (seed, now) = (self.dice.bytes(), self.nodes[end.node].now(self.now).tick);
            let link = Link::new(opening, us, peer, seed, now);
            let entries = BTreeSet::new();
            let (up, over, pending) = (false, false, None);
            let ends = Ends { link, peer, connection, side, dial, wanted, up, over, pending, entries };
            self.nodes[end.node].running.as_mut().expect("it was looked at").links.insert(end.link, ends);
        }
        self.check_resources(node);
        self.check_resources(target);
        self.flush(node);
    }

    /// Nobody holds more links than there is a use for: duplicate dialling escapes every check of correctness.
    fn check_resources(&self, node: usize) {
        let Some(running) = &self.nodes[node].running else { return };
        // Who is at an address may be somebody who is dialled for their key at the same time.
        let mut dialled: BTreeMap<(Key, bool), usize> = BTreeMap::new();
        let mut accepted: BTreeMap<Key, usize> = BTreeMap::new();
        for ends in running.links.values().filter(|ends| !ends.over) {
            *match ends.dial {
                Some(_) => dialled.entry((ends.peer, ends.wanted.is_some())).or_default(),
                None => accepted.entry(ends.peer).or_default(),
            } += 1;
        }
        let most = dialled.values().copied().max().unwrap_or(0);
        assert!(most <= 1, "node {node} has {most} links that it dialled to one key");
        assert!(self.is_room || dialled.len() <= 1, "node {node} has dialled {} hosts", dialled.len());
        let most = accepted.values().copied().max().unwrap_or(0);
        assert!(most <= LINKS_PER_KEY_MAX, "node {node} has {most} links with one key");
    }

    fn tick(&self, node: usize) -> Instant {
        self.nodes[node].now(self.now).tick
    }

    fn tell(&mut self, node: usize, event: Event) {
        self.note(format_args!("node {node} * {event:?}"));
        let this = &mut self.nodes[node];
        if let Event::Message { meeting, kind: Kind::Text(origin) | Kind::Question(origin, _), .. } = &event
            && !this.planted.is(Canary::ShownForgotten)
        {
            let Origin { author, session, number, .. } = *origin;
            this.disk.store(*meeting, &Record::Shown(Mark { author, session, next: number + 1 }));
        }
        this.told.push(Told { at: self.now, run: this.runs, event });
    }
}

/// How often something travels for one dial of a guest: the end of its link before, four times for TCP and the handshake,
/// HELLO either way, JOIN and its answer.
const DIAL_HOPS: u64 = 9;

/// One that is used, one that replaces it, and one or two of which only the dead end has not heard.
const LINKS_PER_KEY_MAX: usize = 4;
