//! Friends among each other, with a clock that goes when it is told, disks that stay, and links that can be cut.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::wildcard_enum_match_arm,
    reason = "what goes wrong in here fails a test, as it should"
)]

mod away;
mod links;
mod rules;
mod talk;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::{format, vec, vec::Vec};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::*;
use crate::command::{Command, Words};
use crate::event::{Kind, Reach};
use crate::id::CommandId;
use crate::identity::identity;
use crate::log::{Marks, Record};
use crate::rule::Rule;
use crate::wire::Encoded;
use crate::wire::Frame;
use crate::wire::frame;
use crate::wire::meeting::Meeting;
use crate::wire::option::{self, Options, OptionsBuffer};
use crate::wire::session::{Hello, Purpose, Session};

const START_MS: u64 = 1_700_000_000_000;

/// What a node has on its disk.
#[derive(Clone, Debug, Default)]
struct Disk {
    records: BTreeMap<MeetingId, Vec<Record>>,
    kept: BTreeMap<(MeetingId, Kept), Vec<u8>>,
    /// What its user has seen, if that is less than what it was told.
    shown: BTreeMap<MeetingId, Marks>,
}

#[derive(Debug)]
struct Node {
    seed: u8,
    machine: Option<Friends>,
    disk: Disk,
    /// Where it takes connections.
    port: Option<u16>,
    /// Dials that nobody has answered yet.
    dials: Vec<Dialled>,
    events: Vec<Event>,
    closed: Vec<(LinkId, Code, Option<Rule>)>,
    runs: u64,
}

#[derive(Clone, Debug)]
struct Dialled {
    id: DialId,
    peer: Option<Key>,
    addresses: Vec<String>,
    hello: Encoded,
}

/// The two ends of a connection.
type Ends = [(usize, LinkId); 2];

/// Some nodes and what is between them.
#[derive(Debug)]
struct World {
    nodes: Vec<Node>,
    now: Now,
    connections: Vec<Ends>,
    /// Frames on their way: to whom, on which link.
    wire: VecDeque<(usize, LinkId, Encoded)>,
    /// Frames are lost, not brought.
    loses: bool,
    last_link: u64,
    last_command: u64,
    idle: Duration,
    /// Who starts turns strangers away.
    only_contacts: bool,
    /// Who starts accepts these.
    accepted: Vec<String>,
    /// Names of the frames that were brought.
    seen: Vec<&'static str>,
}

impl World {
    /// Nodes of the seeds 1, 2, …; each listens, and is called by its letter.
    fn new(nodes: u8) -> Self {
        let now = Now { tick: Instant(1_000_000), unix_ms: START_MS };
        let mut world = Self {
            nodes: Vec::new(),
            now,
            connections: Vec::new(),
            wire: VecDeque::new(),
            loses: false,
            last_link: 0,
            last_command: 0,
            idle: limits::CONTACT_IDLE,
            only_contacts: false,
            accepted: Vec::new(),
            seen: Vec::new(),
        };
        for seed in 1..=nodes {
            let port = Some(7000 + u16::from(seed));
            let node = Node {
                seed,
                machine: None,
                disk: Disk::default(),
                port,
                dials: Vec::new(),
                events: Vec::new(),
                closed: Vec::new(),
                runs: 0,
            };
            world.nodes.push(node);
            world.start(world.nodes.len() - 1);
        }
        world
    }

    fn address(&self, node: usize) -> String {
        format!("127.0.0.1:{}", self.nodes[node].port.expect("it listens"))
    }

    fn key(&self, node: usize) -> Key {
        identity(self.nodes[node].seed).key()
    }

    fn pair(&self, one: usize, other: usize) -> MeetingId {
        pair_id(self.key(one), self.key(other))
    }

    /// Starts a node with what its disk has; a second before the next run of any.
    fn start(&mut self, node: usize) {
        self.start_as(node, true, false);
    }

    fn start_as(&mut self, node: usize, dials_at_start: bool, ends_after_one: bool) {
        let only_contacts = self.only_contacts;
        self.now.unix_ms += 1_000;
        let this = &mut self.nodes[node];
        this.runs += 1;
        let kept = |name| this.disk.kept.get(&(MeetingId::ZERO, name)).cloned();
        let peers = this.disk.kept.iter().filter(|((_, name), _)| *name == Kept::Peer);
        let records = |meeting| this.disk.records.get(meeting).map(Vec::as_slice).unwrap_or_default();
        let pairs = peers.map(|((meeting, _), bytes)| Stored {
            peer: Key(bytes.as_slice().try_into().expect("a key")),
            log: Log::after(*meeting, records(meeting), this.disk.shown.get(meeting)),
        });
        this.machine = Some(Friends::new(FriendsConfig {
            identity: identity(this.seed),
            name: ["anna", "bea", "carl", "dora"][node].into(),
            started_ms: self.now.unix_ms,
            seed: [this.seed ^ u8::try_from(this.runs).unwrap_or(0); 32],
            port: this.port,
            idle: self.idle,
            dials_at_start,
            ends_after_one,
            only_contacts,
            accepted: self.accepted.clone(),
            contacts: kept(Kept::Contacts).and_then(|bytes| Listed::decode_all(&bytes)).unwrap_or_default(),
            pairs: pairs.collect(),
            drafts: kept(Kept::Drafts),
            talk_max: 1_000,
        }));
        self.input(node, Input::Start);
    }

    /// Kills a node: what it holds in memory is gone, and its links are cut.
    fn kill(&mut self, node: usize) {
        self.nodes[node].machine = None;
        self.nodes[node].dials.clear();
        let mine = |ends: &Ends| ends.iter().any(|(end, _)| *end == node);
        let cut: Vec<Ends> = self.connections.extract_if(.., |ends| mine(ends)).collect();
        for (end, link) in cut.into_iter().flatten().filter(|(end, _)| *end != node) {
            self.input(end, Input::Down { link, code: Code::Cut });
        }
        self.wire.retain(|(to, ..)| *to != node);
    }

    fn input(&mut self, node: usize, input: Input<'_>) {
        let mut out = Vec::new();
        // Strangers are no nodes.
        let Some(machine) = self.nodes.get_mut(node).and_then(|node| node.machine.as_mut()) else { return };
        machine.handle(input, self.now, &mut out);
        machine.assert_invariants();
        self.outputs(node, out);
    }

    fn outputs(&mut self, node: usize, out: Vec<Output>) {
        for output in out {
            let this = &mut self.nodes[node];
            match output {
                Output::Send { link, frame } => {
                    let ends = self.connections.iter().find(|ends| ends.contains(&(node, link)));
                    let ends = ends.unwrap_or_else(|| panic!("{link:?} of node {node} does not stand"));
                    let (to, link) = if ends[0] == (node, link) { ends[1] } else { ends[0] };
                    self.wire.push_back((to, link, frame));
                }
                Output::Store { meeting, record } => this.disk.records.entry(meeting).or_default().push(record),
                Output::Keep { meeting, name, bytes } => drop(this.disk.kept.insert((meeting, name), bytes)),
                Output::Dial { id, peer, addresses, hello } => {
                    assert!((1..=limits::ADDRESSES_MAX).contains(&addresses.len()), "{addresses:?}");
                    this.dials.push(Dialled { id, peer, addresses, hello });
                }
                Output::Close { link, code, rule, .. } => {
                    this.closed.push((link, code, rule));
                    self.bye(node, link, code);
                }
                Output::Event(event) => this.events.push(event),
                Output::Append { .. } | Output::Follow { .. } => panic!("friends have no feed"),
            }
        }
    }

    /// What is on its way comes first.
    fn bye(&mut self, node: usize, link: LinkId, code: Code) {
        let Some(at) = self.connections.iter().position(|ends| ends.contains(&(node, link))) else { return };
        let ends = self.connections[at];
        let (to, other) = if ends[0] == (node, link) { ends[1] } else { ends[0] };
        let is_coming = |(end, link, _): &(usize, LinkId, Encoded)| (*end, *link) == (to, other);
        let (coming, rest) = take(&mut self.wire).into_iter().partition(is_coming);
        self.wire = rest;
        for (to, link, frame) in Vec::from(coming) {
            self.bring(to, link, &frame);
        }
        self.connections.retain(|ends| !ends.contains(&(node, link)));
        self.wire.retain(|(end, coming, _)| (*end, *coming) != (node, link) && (*end, *coming) != (to, other));
        self.input(to, Input::Down { link: other, code });
    }

    /// Cuts all links between two.
    fn cut(&mut self, one: usize, other: usize) {
        let between = |ends: &Ends| ends.iter().all(|(end, _)| *end == one || *end == other);
        let cut: Vec<Ends> = self.connections.extract_if(.., |ends| between(ends)).collect();
        for (end, link) in cut.into_iter().flatten() {
            self.wire.retain(|(to, coming, _)| (*to, *coming) != (end, link));
            self.input(end, Input::Down { link, code: Code::Cut });
        }
    }

    fn bring(&mut self, node: usize, link: LinkId, frame: &Encoded) {
        let decoded = frame::decode(&frame.0).expect("it decodes");
        let (id, decoded) = (decoded.id, decoded.frame.expect("it is known"));
        if !self.loses {
            self.seen.push(decoded.info().name);
            self.input(node, Input::Frame { link, id, frame: decoded });
        }
    }

    /// Brings what is on its way, until nothing is.
    fn flow(&mut self) {
        while let Some((to, link, frame)) = self.wire.pop_front() {
            self.bring(to, link, &frame);
        }
    }

    /// Answers one dial of a node as the network would.
    fn connect(&mut self, node: usize, dialled: &Dialled) {
        let Dialled { id: dial, peer, ref addresses, ref hello } = *dialled;
        let is_at =
            |node: &usize, address: &String| self.nodes[*node].machine.is_some() && self.address(*node) == *address;
        let at = addresses.iter().filter_map(|address| (0..self.nodes.len()).find(|node| is_at(node, address)));
        let at: Vec<usize> = at.collect();
        let there = at.iter().copied().find(|node| peer.is_none_or(|peer| peer == self.key(*node)));
        let fail = |world: &mut Self, code| world.input(node, Input::Unreachable { dial, code });
        let Some(there) = there.or_else(|| at.first().copied()) else { return fail(self, Code::Unreachable) };
        if peer.is_some_and(|peer| peer != self.key(there)) {
            return fail(self, Code::WrongKey);
        }
        if there == node {
            return fail(self, Code::SelfLink);
        }
        let link = self.new_link(node, there);
        let decoded = frame::decode(&hello.0).expect("a frame").frame.expect("a known one");
        let Frame::Session(Session::Hello(hello)) = decoded else { panic!("not a HELLO") };
        let (us, peer, address) =
            (self.key(node), self.key(there), SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4));
        let started_ms = self.nodes[there].machine.as_ref().map_or(0, |machine| machine.config.started_ms);
        let answer = Hello { started_ms, options: Options::NONE, ..hello };
        self.input(node, Input::Up { link, peer, address, hello: answer, dial: Some(dial) });
        // It may have been closed already.
        if self.connections.iter().any(|ends| ends.contains(&(there, link))) {
            self.input(there, Input::Up { link, peer: us, address, hello, dial: None });
        }
    }

    fn new_link(&mut self, one: usize, other: usize) -> LinkId {
        self.last_link += 1;
        let link = LinkId(self.last_link);
        self.connections.push([(one, link), (other, link)]);
        link
    }

    /// Lets everything happen that needs no time.
    fn settle(&mut self) {
        loop {
            self.flow();
            let next = (0..self.nodes.len()).find(|node| !self.nodes[*node].dials.is_empty());
            let Some(node) = next else { return };
            let dialled = self.nodes[node].dials.remove(0);
            self.connect(node, &dialled);
        }
    }

    /// Lets time pass, exactly from deadline to deadline.
    fn pass(&mut self, span: Duration) {
        self.settle();
        let end = self.now.tick.after(span);
        loop {
            let due = |node: &Node| node.machine.as_ref().and_then(Machine::poll_timeout);
            let next = self.nodes.iter().filter_map(due).min().filter(|next| *next <= end);
            let tick = next.map_or(end, |next| next.max(self.now.tick));
            self.now.unix_ms += tick.since(self.now.tick).as_millis() as u64;
            self.now.tick = tick;
            if next.is_none() {
                return;
            }
            for node in 0..self.nodes.len() {
                let mut out = Vec::new();
                let Some(machine) = self.nodes[node].machine.as_mut() else { continue };
                machine.handle_timeout(self.now, &mut out);
                machine.assert_invariants();
                self.outputs(node, out);
            }
            self.settle();
        }
    }

    fn seconds(&mut self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    fn command(&mut self, node: usize, command: Command) -> CommandId {
        self.last_command += 1;
        let id = CommandId(self.last_command);
        self.input(node, Input::Command { id, command });
        id
    }

    fn add(&mut self, node: usize, name: &str, whom: usize) {
        let (name, address) = (name.to_string(), self.address(whom));
        self.command(node, Command::Add { name, address });
    }

    fn say(&mut self, node: usize, to: &str, text: &str) -> CommandId {
        self.command(node, Command::Msg { to: to.into(), text: text.into() })
    }

    /// Two who have met: anna (0) calls the other bea, and bea (1) calls her anna.
    fn friends() -> Self {
        let mut world = Self::new(2);
        world.add(0, "bea", 1);
        world.settle();
        world.add(1, "anna", 0);
        world.seconds(1);
        world.forget_events();
        world
    }

    fn forget_events(&mut self) {
        self.nodes.iter_mut().for_each(|node| node.events.clear());
    }

    /// The texts of others that a node's user was shown.
    fn heard(&self, node: usize) -> Vec<&str> {
        self.messages(node, false)
    }

    fn messages(&self, node: usize, mine: bool) -> Vec<&str> {
        let texts = self.nodes[node].events.iter().filter_map(|event| match event {
            Event::Message { kind: Kind::Text(_), own, text, .. } if *own == mine => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    /// How far a node's own messages have come, as its user was told.
    fn reached(&self, node: usize) -> Vec<(u64, Reach)> {
        let told = self.nodes[node].events.iter().filter_map(|event| match event {
            Event::Delivery { number, reach, .. } => Some((*number, *reach)),
            _ => None,
        });
        told.collect()
    }

    fn errors(&self, node: usize) -> Vec<&'static str> {
        let told = self.nodes[node].events.iter().filter_map(|event| match event {
            Event::Error { failure, .. } => Some(failure.word()),
            _ => None,
        });
        told.collect()
    }

    fn warnings(&self, node: usize) -> Vec<&'static str> {
        let told = self.nodes[node].events.iter().filter_map(|event| match event {
            Event::Warning(notice) => Some(notice.word()),
            _ => None,
        });
        told.collect()
    }

    fn links(&self, one: usize, other: usize) -> usize {
        let between = |ends: &&Ends| ends.iter().all(|(end, _)| *end == one || *end == other);
        self.connections.iter().filter(between).count()
    }

    fn listed(&self, node: usize) -> Vec<Listed> {
        let kept = self.nodes[node].disk.kept.get(&(MeetingId::ZERO, Kept::Contacts));
        kept.and_then(|bytes| Listed::decode_all(bytes)).unwrap_or_default()
    }

    /// A link from somebody who is no node here.
    fn strange(&mut self, node: usize, seed: u8, name: Option<&str>, meeting: Option<MeetingId>) -> LinkId {
        let peer = identity(seed).key();
        let mut options = OptionsBuffer::default();
        name.and_then(Name::new).into_iter().for_each(|name| options.set(&option::NAME, &name));
        let meeting = meeting.unwrap_or_else(|| pair_id(self.key(node), peer));
        let hello = Hello { purpose: Purpose::CONTACT, meeting, started_ms: 1, options: options.options() };
        let link = self.new_link(node, usize::MAX);
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5);
        self.input(node, Input::Up { link, peer, address, hello, dial: None });
        self.wire.retain(|(to, ..)| *to != usize::MAX);
        link
    }

    /// Whom a node has registries asked for since it was looked at last.
    fn sought(&mut self, node: usize) -> Vec<Key> {
        self.nodes[node].machine.as_mut().map(Friends::sought).unwrap_or_default()
    }

    /// Registries have met the key of `whom` there.
    fn found(&mut self, node: usize, whom: usize, addresses: &[String]) {
        let (key, mut out) = (self.key(whom), Vec::new());
        let Some(machine) = self.nodes[node].machine.as_mut() else { return };
        machine.found(key, addresses.to_vec(), self.now, &mut out);
        machine.assert_invariants();
        self.outputs(node, out);
    }

    /// What a node's user was told of its contacts.
    fn changes(&self, node: usize) -> Vec<Change> {
        let told = self.nodes[node].events.iter().filter_map(|event| match event {
            Event::Contact { change, .. } => Some(*change),
            _ => None,
        });
        told.collect()
    }

    fn refused(&self, node: usize, link: LinkId) -> Option<Rule> {
        self.nodes[node].closed.iter().find(|(closed, ..)| *closed == link).and_then(|(.., rule)| *rule)
    }
}
