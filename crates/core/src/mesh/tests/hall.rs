//! A world of members, and strangers who do as the test says.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::{vec, vec::Vec};
use core::net::SocketAddr;

use crate::charter::{Admission, SignedCharter};
use crate::code::Code;
use crate::command::Command;
use crate::door::Tickets;
use crate::event::{Event, Kind, State};
use crate::id::{CommandId, DialId, Key, LinkId, MeetingId, RequestId};
pub(super) use crate::identity::identity;
use crate::identity::{Ed25519, Identity, Secret};
use crate::limits;
use crate::log::{Log, Marks, Record};
use crate::machine::{Input, Kept, Machine, Output};
use crate::mesh::{Member, MemberConfig, NewcomerConfig, Restored};
use crate::pass::Chain;
use crate::rule::Rule;
use crate::ticket::Ticket;
use crate::time::{Instant, Now};
use crate::wire::address::Address;
use crate::wire::entry::{EntryBody, Whereabouts};
use crate::wire::field::{List, Name, encode_items};
use crate::wire::frame::{self, Frame};
use crate::wire::option::Manner;
use crate::wire::option::{self, OptionsBuffer};
use crate::wire::session::{Hello, Purpose, Session};
use crate::wire::{Encoded, meeting::Join};

pub(super) const TICKET: Secret = Secret([9; 32]);

pub(super) fn charter(admission: Admission) -> SignedCharter {
    let ticket = admission.has_tickets().then(|| Identity::new(TICKET, Arc::new(Ed25519)).key());
    SignedCharter::sample(Purpose::MESH, &identity(1), |terms| {
        (terms.admission, terms.ticket) = (admission, ticket.unwrap_or(Key::ZERO));
    })
}

/// The passes by which each of these seeds has let in the next.
pub(super) fn chain(seeds: &[u8]) -> Chain {
    let meeting = charter(Admission::Open).meeting;
    seeds.windows(2).fold(Chain::default(), |chain, pair| {
        chain.and(identity(pair[1]).key(), 0, Manner::Unasked, meeting, &identity(pair[0]))
    })
}

/// What a key has written of itself, whom the founder has let in, whatever its own node thinks of it.
pub(super) fn said_who(
    number: u8,
    session: u64,
    name: &str,
    whereabouts: Whereabouts,
    addresses: &[SocketAddr],
) -> Vec<Encoded> {
    let (count, items) = encode_items(addresses.iter().copied().map(Address::of), limits::ADDRESSES_MAX);
    let (name, addresses) = (Name::new(name).expect("a name"), List::over(count, &items));
    chain(&[1, number]).with_list(|chain| {
        let person = EntryBody::Person { whereabouts, name, addresses, chain, proof: List::NONE };
        written(&identity(number), session, &[person])
    })
}

/// Where the other end of a link is: a node's own link, or a stranger.
type Ends = BTreeMap<(usize, LinkId), (usize, LinkId)>;

/// What waits to happen to a node.
enum Waiting {
    Up(LinkId, Key, Encoded, Option<DialId>),
    Frame(LinkId, Encoded),
    Down(LinkId, Code),
    Unreachable(DialId, Code),
}

pub(super) struct Node {
    pub(super) machine: Member,
    pub(super) events: Vec<Event>,
    pub(super) stored: Vec<Record>,
    /// What its user has seen, if that is less than what it was told.
    pub(super) shown: Option<Marks>,
    pub(super) kept: BTreeMap<Kept, Vec<u8>>,
    pub(super) closed: Vec<(LinkId, Code, Option<Rule>)>,
    /// Frames sent on each link, ever.
    pub(super) sent: Vec<(LinkId, Encoded)>,
    pub(super) dialled: usize,
    /// At which addresses it has tried somebody whom it calls.
    pub(super) tried: Vec<String>,
}

pub(super) struct Hall {
    pub(super) nodes: Vec<Node>,
    ends: Ends,
    queue: VecDeque<(usize, Waiting)>,
    /// What is meant for these waits.
    held: BTreeSet<usize>,
    /// Whoever answers the next dial.
    answers: Option<Key>,
    /// Pairs that do not reach each other.
    pub(super) blocked: BTreeSet<(usize, usize)>,
    /// What goes from one to the other does not come, and neither notices.
    pub(super) lost: BTreeSet<(usize, usize)>,
    pub(super) now: Now,
    links: u64,
    /// From where whoever dials a node seems to come.
    pub(super) from: [u8; 4],
    pub(super) admission: Admission,
}

/// Where a node can be dialled.
pub(super) fn at(node: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 7_000 + node as u16))
}

impl Hall {
    /// A room with its founder, node 0.
    pub(super) fn new(admission: Admission) -> Self {
        let now = Now { tick: Instant(1_000), unix_ms: 1_000 };
        let mut hall = Self {
            nodes: vec![],
            ends: BTreeMap::new(),
            queue: VecDeque::new(),
            held: BTreeSet::new(),
            answers: None,
            blocked: BTreeSet::new(),
            lost: BTreeSet::new(),
            now,
            links: 0,
            from: [192, 0, 2, 1],
            admission,
        };
        hall.start(hall.config(0, "hedy"));
        hall
    }

    /// Everybody of an open room of this many, linked.
    pub(super) fn of(members: usize) -> Self {
        let mut hall = Self::new(Admission::Open);
        for number in 1..members {
            hall.join(&alloc::format!("m{number}"));
        }
        hall.pass(3_000);
        hall
    }

    pub(super) fn config(&self, number: usize, name: &str) -> MemberConfig {
        let charter = charter(self.admission);
        let (us, founder) = (identity(number as u8 + 1), charter.founder);
        let seed = self.admission.has_tickets().then_some(TICKET);
        let addresses = vec![at(0).to_string()];
        let ticket = Ticket { meeting: charter.meeting, host: founder, seed, endorsement: None, addresses };
        let log = Log::new(charter.meeting, limits::TALK_ENTRIES_MAX);
        let restored = (number == 0).then(|| Restored { charter, pass: None, log });
        let newcomer = NewcomerConfig {
            identity: us,
            name: name.to_string(),
            name_is_chosen: false,
            started_ms: self.now.unix_ms,
            seed: [number as u8; 32],
            meeting: MeetingId::ZERO,
            host: None,
            ticket: Some(ticket),
            addresses: if number == 0 { vec![] } else { vec![at(0).to_string()] },
            restored,
            others: Vec::new(),
            note: String::new(),
            talk_max: limits::TALK_ENTRIES_MAX,
        };
        let tickets = Tickets::default();
        MemberConfig { newcomer, tickets, addresses: vec![at(number).to_string()], told: vec![at(number)], port: None }
    }

    pub(super) fn start(&mut self, config: MemberConfig) -> usize {
        let node = self.place(config);
        self.settle();
        node
    }

    /// A node starts, and nothing of what follows has happened yet.
    pub(super) fn place(&mut self, config: MemberConfig) -> usize {
        let node = self.nodes.len();
        self.nodes.push(Node {
            machine: Member::new(config),
            events: vec![],
            stored: vec![],
            shown: None,
            kept: BTreeMap::new(),
            closed: vec![],
            sent: vec![],
            dialled: 0,
            tried: vec![],
        });
        self.input(node, Input::Start);
        node
    }

    /// The next newcomer, who knocks at the founder's.
    pub(super) fn join(&mut self, name: &str) -> usize {
        let config = self.config(self.nodes.len(), name);
        self.start(config)
    }

    fn input(&mut self, node: usize, input: Input<'_>) {
        let mut out = vec![];
        self.nodes[node].machine.handle(input, self.now, &mut out);
        self.apply(node, out);
    }

    fn apply(&mut self, node: usize, out: Vec<Output>) {
        self.nodes[node].machine.assert_invariants();
        for output in out {
            match output {
                Output::Send { link, frame } => {
                    self.nodes[node].sent.push((link, frame.clone()));
                    let end = self.ends.get(&(node, link)).filter(|(other, _)| !self.lost.contains(&(node, *other)));
                    if let Some((other, there)) = end.copied() {
                        self.queue.push_back((other, Waiting::Frame(there, frame)));
                    }
                }
                Output::Store { record, .. } => self.nodes[node].stored.push(record),
                Output::Keep { name, bytes, .. } => drop(self.nodes[node].kept.insert(name, bytes)),
                Output::Dial { id, peer, addresses, hello } => self.dial(node, id, peer, &addresses, hello),
                Output::Close { link, code, rule, .. } => {
                    self.nodes[node].closed.push((link, code, rule));
                    if let Some((other, there)) = self.ends.remove(&(node, link)) {
                        self.ends.remove(&(other, there));
                        self.queue.push_back((other, Waiting::Down(there, code)));
                    }
                }
                Output::Event(event) => self.nodes[node].events.push(event),
                Output::Append { .. } | Output::Follow { .. } => panic!("a member has no feed"),
            }
        }
    }

    fn dial(&mut self, node: usize, id: DialId, peer: Option<Key>, addresses: &[String], hello: Encoded) {
        self.nodes[node].dialled += 1;
        self.nodes[node].tried.extend(addresses.iter().filter(|_| peer.is_some()).cloned());
        if let Some(key) = self.answers.take() {
            let (link, hello) = (self.link(), hello_of(Purpose::MESH, 5, None));
            return self.queue.push_back((node, Waiting::Up(link, key, hello, Some(id))));
        }
        let number = |address: &String| (0..self.nodes.len()).find(|node| at(*node).to_string() == *address);
        let there = addresses.iter().find_map(number).filter(|there| {
            let key = self.nodes.get(*there).map(|node| node.machine.us.key());
            key.is_some_and(|key| peer.is_none_or(|peer| peer == key)) && !self.blocked.contains(&(node, *there))
        });
        let Some(there) = there else {
            return self.queue.push_back((node, Waiting::Unreachable(id, Code::Unreachable)));
        };
        let (mine, theirs) = (self.link(), self.link());
        self.ends.extend([((node, mine), (there, theirs)), ((there, theirs), (node, mine))]);
        let [us, them] = [node, there].map(|node| self.nodes[node].machine.us.key());
        let answer = self.hello(Purpose::MESH, there, None);
        self.queue.push_back((there, Waiting::Up(theirs, us, hello, None)));
        self.queue.push_back((node, Waiting::Up(mine, them, answer, Some(id))));
    }

    fn link(&mut self) -> LinkId {
        self.links += 1;
        LinkId(self.links)
    }

    fn hello(&self, purpose: Purpose, node: usize, name: Option<&str>) -> Encoded {
        let started_ms = self.nodes.get(node).map_or(self.now.unix_ms, |node| node.machine.newcomer.me.started_ms);
        hello_of(purpose, started_ms, name)
    }

    /// Lets all that waits happen.
    pub(super) fn settle(&mut self) {
        while let Some(at) = self.queue.iter().position(|(node, _)| !self.held.contains(node)) {
            if let Some((node, waiting)) = self.queue.remove(at) {
                self.happen(node, &waiting);
            }
        }
    }

    /// Lets what waits happen, one after the other, until it is so.
    pub(super) fn settle_until(&mut self, is_so: impl Fn(&Self) -> bool) {
        while !is_so(self)
            && let Some((node, waiting)) = self.queue.pop_front()
        {
            self.happen(node, &waiting);
        }
    }

    /// Lets one thing happen.
    fn happen(&mut self, node: usize, waiting: &Waiting) {
        match waiting {
            Waiting::Up(link, peer, hello, dial) => {
                let there =
                    self.nodes.iter().position(|node| node.machine.us.key() == *peer).filter(|_| dial.is_some());
                let address = there.map_or((self.from, 40_000).into(), at);
                if let Some(Frame::Session(Session::Hello(hello))) = frame::decode(&hello.0).expect("HELLO").frame {
                    self.input(node, Input::Up { link: *link, peer: *peer, address, hello, dial: *dial });
                }
            }
            Waiting::Frame(link, bytes) => {
                let decoded = frame::decode(&bytes.0).expect("a frame");
                let frame = decoded.frame.expect("a known one");
                self.input(node, Input::Frame { link: *link, id: decoded.id, frame });
            }
            Waiting::Down(link, code) => self.input(node, Input::Down { link: *link, code: *code }),
            Waiting::Unreachable(dial, code) => self.input(node, Input::Unreachable { dial: *dial, code: *code }),
        }
    }

    /// Lets time pass, and everything happen on the way.
    pub(super) fn pass(&mut self, ms: u64) {
        let end = Instant(self.now.tick.0 + ms);
        loop {
            self.settle();
            let due = self.nodes.iter().enumerate().filter_map(|(at, node)| Some((node.machine.poll_timeout()?, at)));
            let Some((due, node)) = due.min().filter(|(due, _)| *due <= end) else { break };
            self.now.unix_ms += due.0.saturating_sub(self.now.tick.0);
            self.now.tick = self.now.tick.max(due);
            let mut out = vec![];
            self.nodes[node].machine.handle_timeout(self.now, &mut out);
            self.apply(node, out);
        }
        self.now.unix_ms += end.0 - self.now.tick.0;
        self.now.tick = end;
    }

    pub(super) fn command(&mut self, node: usize, command: Command) {
        self.input(node, Input::Command { id: CommandId(7), command });
        self.settle();
    }

    pub(super) fn say(&mut self, node: usize, text: &str) {
        self.command(node, Command::Say { text: text.to_string() });
    }

    /// A node writes what its user could not.
    pub(super) fn write(&mut self, node: usize, body: &EntryBody<'_>, now: Now) {
        let mut out = vec![];
        assert!(self.nodes[node].machine.write(body, now, &mut out), "there is room");
        self.apply(node, out);
        self.settle();
    }

    /// The id of the last request that a node has sent on a link.
    pub(super) fn last_request(&self, node: usize, link: LinkId) -> u32 {
        let mut sent = self.nodes[node].sent.iter().rev().filter(|(on, _)| *on == link);
        let id = sent.find_map(|(_, bytes)| Some(frame::decode(&bytes.0).ok()?.id.0).filter(|id| *id > 0));
        id.expect("it has asked")
    }

    /// The links of two, as the first has them.
    pub(super) fn between(&self, one: usize, other: usize) -> Vec<LinkId> {
        self.ends.iter().filter(|(here, there)| here.0 == one && there.0 == other).map(|(here, _)| here.1).collect()
    }

    /// Cuts the links of two, and keeps them from each other.
    pub(super) fn part(&mut self, one: usize, other: usize) {
        self.blocked.extend([(one, other), (other, one)]);
        for link in self.between(one, other) {
            if let Some((other, there)) = self.ends.remove(&(one, link)) {
                self.ends.remove(&(other, there));
                self.queue.push_back((one, Waiting::Down(link, Code::Cut)));
                self.queue.push_back((other, Waiting::Down(there, Code::Cut)));
            }
        }
        self.settle();
    }

    /// The same key comes back in a new run, with what it has kept.
    pub(super) fn back(&mut self, node: usize, name: &str, records: Vec<Record>) {
        self.back_by(node, name, records, None);
    }

    /// The same, with a ticket that somebody has handed out since.
    pub(super) fn back_by(&mut self, node: usize, name: &str, records: Vec<Record>, door: Option<usize>) {
        self.now.unix_ms += 10_000;
        let mut config = self.config(node, name);
        let pass = self.nodes[node].kept.get(&Kept::Pass).cloned();
        let shown = self.nodes[node].shown.take();
        let charter = charter(self.admission);
        let log = Log::after(charter.meeting, &records, shown.as_ref());
        config.newcomer.restored = Some(Restored { charter, pass, log });
        if let Some(door) = door {
            config.newcomer.host = Some(self.nodes[door].machine.us.key());
            config.newcomer.addresses = vec![at(door).to_string()];
        }
        self.nodes[node].machine = Member::new(config);
        (self.nodes[node].events, self.nodes[node].stored) = (vec![], records);
        self.input(node, Input::Start);
        self.settle();
    }

    /// The same key comes in a new run through another's door, and does not know what is on there.
    pub(super) fn elsewhere(&mut self, node: usize, name: &str, door: usize) {
        self.now.unix_ms += 10_000;
        let mut config = self.config(node, name);
        let pass = self.nodes[node].kept.get(&Kept::Pass).cloned();
        let charter = charter(self.admission);
        let log = Log::after(charter.meeting, &self.nodes[node].stored, None);
        config.newcomer.others = vec![Restored { charter, pass, log }];
        (config.newcomer.ticket, config.newcomer.addresses) = (None, vec![at(door).to_string()]);
        self.nodes[node].machine = Member::new(config);
        self.nodes[node].events = vec![];
        self.input(node, Input::Start);
        self.settle();
    }

    /// Nothing that is meant for these happens until it is released.
    pub(super) fn hold<const N: usize>(&mut self, nodes: [usize; N]) {
        self.held.extend(nodes);
    }

    /// What was held happens, but no answer comes: the link is cut.
    pub(super) fn release_then_cut(&mut self, one: usize, other: usize) {
        self.held.clear();
        let links = self.between(one, other);
        let held = core::mem::take(&mut self.queue);
        for (node, waiting) in held {
            self.happen(node, &waiting);
        }
        // The answers are on their way.
        self.queue.retain(|(node, _)| *node != one);
        for link in links {
            if let Some((other, there)) = self.ends.remove(&(one, link)) {
                self.ends.remove(&(other, there));
                self.happen(one, &Waiting::Down(link, Code::Cut));
                self.happen(other, &Waiting::Down(there, Code::Cut));
            }
        }
        self.settle();
    }

    /// A link is gone, for a node that has it with a stranger.
    pub(super) fn down(&mut self, node: usize, link: LinkId, code: Code) {
        self.happen(node, &Waiting::Down(link, code));
        self.settle();
    }

    /// Somebody answers a node's next dial.
    pub(super) fn answer(&mut self, key: Key) -> LinkId {
        self.answers = Some(key);
        self.pass(6_000);
        assert_eq!(self.answers, None, "it has dialled");
        LinkId(self.links)
    }

    /// A stranger dials a node, and says HELLO.
    pub(super) fn stranger(&mut self, node: usize, key: Key, purpose: Purpose, started_ms: u64) -> LinkId {
        let link = self.link();
        let name = alloc::format!("eve-{}", key.0[0]);
        let hello = hello_of(purpose, started_ms, Some(&name));
        self.happen(node, &Waiting::Up(link, key, hello, None));
        self.settle();
        link
    }

    /// The same, who asks to be let in with nothing in hand.
    pub(super) fn knocker(&mut self, node: usize, key: Key, started_ms: u64) -> LinkId {
        let link = self.stranger(node, key, Purpose::MESH, started_ms);
        self.join_on(node, link, &OptionsBuffer::default());
        link
    }

    /// Brings a node entries, whoever has written them.
    pub(super) fn show(&mut self, node: usize, link: LinkId, frames: &[Encoded]) {
        for frame in frames {
            self.happen(node, &Waiting::Frame(link, frame.clone()));
            self.settle();
        }
    }

    pub(super) fn frame<'a>(&mut self, node: usize, link: LinkId, id: u32, frame: impl Into<Frame<'a>>) {
        let frame = frame.into().encode(RequestId(id));
        self.happen(node, &Waiting::Frame(link, frame));
        self.settle();
    }

    pub(super) fn join_on(&mut self, node: usize, link: LinkId, options: &OptionsBuffer) {
        let meeting = MeetingId::ZERO;
        self.frame(node, link, 1, Join { meeting, options: options.options() });
    }

    /// The names of the frames that a node has sent on a link.
    pub(super) fn sent_on(&self, node: usize, link: LinkId) -> Vec<&'static str> {
        let sent = self.nodes[node].sent.iter().filter(|(on, _)| *on == link);
        sent.filter_map(|(_, bytes)| Some(frame::decode(&bytes.0).ok()?.frame?.info().name)).collect()
    }

    pub(super) fn texts(&self, node: usize) -> Vec<String> {
        let text = |event: &Event| match event {
            Event::Message { kind: Kind::Text(_), text, .. } => Some(text.clone()),
            Event::Message { kind: Kind::Whisper(_), from, text, own: false, .. } => {
                Some(alloc::format!("{from} -> you: {text}"))
            }
            _ => None,
        };
        self.nodes[node].events.iter().filter_map(text).collect()
    }

    /// What has failed, in the words for scripts.
    pub(super) fn errors(&self, node: usize) -> Vec<&'static str> {
        let word = |event: &Event| if let Event::Error { failure, .. } = event { Some(failure.word()) } else { None };
        self.nodes[node].events.iter().filter_map(word).collect()
    }

    pub(super) fn closed_with(&self, node: usize) -> Option<Code> {
        let code = |event: &Event| if let Event::Closed { code, .. } = event { Some(*code) } else { None };
        self.nodes[node].events.iter().find_map(code)
    }

    /// How a node sees each other node's member.
    pub(super) fn states(&mut self, node: usize) -> Vec<(String, State)> {
        self.command(node, Command::Users);
        let roster = |event: &Event| match event {
            Event::Roster { members, .. } => Some(members.clone()),
            _ => None,
        };
        let members = self.nodes[node].events.iter().rev().find_map(roster).expect("a roster");
        members.into_iter().map(|member| (member.name, member.state)).collect()
    }

    /// What a node has stored, by author, lane, session and number.
    pub(super) fn has_stored(&self, node: usize, author: Key, number: u64) -> bool {
        let entries = self.nodes[node].stored.iter().filter_map(Record::entry).map(|entry| entry.entry);
        entries
            .filter(|entry| entry.lane == crate::wire::meeting::Lane::Talk)
            .any(|entry| (entry.author, entry.number) == (author, number))
    }
}

/// What an author has written in another life, whatever its own node thinks of it: its ENTRY frames.
pub(super) fn written(author: &Identity, session: u64, bodies: &[EntryBody<'_>]) -> Vec<Encoded> {
    let mut log = Log::new(charter(Admission::Open).meeting, 100);
    let now = Now { tick: Instant(0), unix_ms: session };
    bodies.iter().map(|body| log.write(author, session, body, now).expect("room").frame.clone()).collect()
}

fn hello_of(purpose: Purpose, started_ms: u64, name: Option<&str>) -> Encoded {
    let mut options = OptionsBuffer::default();
    if let Some(name) = name.and_then(Name::new) {
        options.set(&option::NAME, &name);
    }
    let hello = Hello { purpose, meeting: MeetingId::ZERO, started_ms, options: options.options() };
    Frame::from(hello).encode(RequestId::EVENT)
}
