//! A host and its guests, from machine to sealed bytes and back, as the driver runs them; without sockets, disk or clock.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::types;
use tertulia_core::channel::{Crypto, CryptoResolver, introduce};
use tertulia_core::charter::{Admission, Questions, SignedCharter, Terms};
use tertulia_core::command::Command;
use tertulia_core::event::Event;
use tertulia_core::feed::{Feed, Packer};
use tertulia_core::id::{CommandId, DialId, Key, LinkId, MeetingId, Token};
use tertulia_core::identity::{Identity, Secret};
use tertulia_core::limits;
use tertulia_core::link::{Connection, Link, LinkEvent, Standing};
use tertulia_core::log::Log;
use tertulia_core::machine::{Input, Machine as _, OtherEnd, Output};
use tertulia_core::node::{Node, Seat};
use tertulia_core::star::{Attendee, Host, HostConfig, NewcomerConfig, Tickets};
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::Encoded;
use tertulia_core::wire::field::Title;
use tertulia_core::wire::session::Purpose;
use tertulia_net::crypto;
use tertulia_testkit::fuzz::Plain;
use tertulia_testkit::scheme::Hashed;

const START_MS: u64 = 1_700_000_000_000;
const HOST: u64 = 0;
/// The link of a guest to its host.
const UP: LinkId = LinkId(1);

/// Somebody, whose signatures cost little.
pub(super) fn person(number: u64) -> Identity {
    let mut secret = [7; 32];
    secret[..8].copy_from_slice(&number.to_be_bytes());
    Identity::new(Secret(secret), Arc::new(Hashed))
}

/// An open meeting.
pub(super) fn charter(founder: &Identity, kind: Purpose) -> SignedCharter {
    let terms = Terms {
        kind,
        founder: founder.key(),
        nonce: Token([1; 16]),
        admission: Admission::Open,
        ticket: Key::ZERO,
        questions: Questions::Open,
        history: u32::MAX,
        guests: 10_000,
        title: Title::new("Rust 101").unwrap(),
    };
    SignedCharter::found(terms, founder).unwrap()
}

/// What the program seals and hashes with, but Diffie-Hellman that costs nothing.
struct Cheap;

impl CryptoResolver for Cheap {
    fn resolve_rng(&self) -> Option<Box<dyn types::Random>> {
        crypto().resolve_rng()
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn types::Dh>> {
        Plain.resolve_dh(choice)
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn types::Hash>> {
        crypto().resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn types::Cipher>> {
        crypto().resolve_cipher(choice)
    }
}

impl Crypto for Cheap {
    fn seal(&self, key: &[u8; 32], number: u64, plaintext: &[u8], out: &mut [u8]) -> bool {
        crypto().seal(key, number, plaintext, out)
    }

    fn open(&self, key: &[u8; 32], number: u64, sealed: &[u8], out: &mut [u8]) -> Option<usize> {
        crypto().open(key, number, sealed, out)
    }
}

/// One end of a connection.
#[derive(Debug)]
struct End {
    connection: Connection,
    address: SocketAddr,
    dial: Option<DialId>,
    is_up: bool,
}

/// One node, and what its driver keeps for it.
#[derive(Debug)]
struct Side {
    us: Identity,
    node: Node,
    feed: Feed,
    ends: BTreeMap<LinkId, End>,
    now: Now,
    /// What is to be done.
    out: Vec<Output>,
    dialled: Option<(DialId, Encoded)>,
    is_linked: bool,
    plaintext: Vec<u8>,
    sealed: Vec<u8>,
    heard: Vec<LinkEvent>,
}

impl Side {
    fn start(number: u64, now: Now, seat: impl FnOnce(Identity) -> Seat) -> Self {
        let us = introduce(person(number), [3; 32], &Cheap).unwrap();
        let mut side = Self {
            node: Node::new(seat(us.clone())),
            us,
            feed: Feed::default(),
            ends: BTreeMap::new(),
            now,
            out: Vec::new(),
            dialled: None,
            is_linked: false,
            plaintext: Vec::new(),
            sealed: Vec::new(),
            heard: Vec::new(),
        };
        side.input(Input::Start);
        side
    }

    fn input(&mut self, input: Input<'_>) {
        self.node.handle(input, self.now, &mut self.out);
        let (feed, head) = (&mut self.feed, Feed::head);
        for output in self.out.drain(..) {
            match output {
                Output::Send { link, frame } => {
                    let connection = &mut self.ends.get_mut(&link).unwrap().connection;
                    connection.link().unwrap().send(frame, head(feed));
                }
                Output::Append { entry, at, dropped } => feed.append(entry, at, dropped),
                Output::Follow { link, start } => {
                    self.ends.get_mut(&link).unwrap().connection.link().unwrap().follow(start, feed);
                }
                Output::Dial { id, hello, .. } => self.dialled = Some((id, hello)),
                Output::Event(Event::Linked { .. }) => self.is_linked = true,
                Output::Close { reason, .. } => panic!("a link is closed: {reason}"),
                Output::Event(Event::Error { failure, .. }) => panic!("that can't be: {failure:?}"),
                Output::Event(Event::Closed { ending, .. }) => panic!("it is over: {ending:?}"),
                Output::Store { .. } | Output::Keep { .. } | Output::Event(_) => {}
            }
        }
    }

    /// Seals all that there is for each of these links; the least that it is for one of them, in bytes.
    fn fill(&mut self, links: RangeInclusive<LinkId>) -> usize {
        let Self { ends, feed, sealed, heard, now, .. } = self;
        let mut packer = Packer::new(&*feed);
        let bytes = ends.range_mut(links).map(|(_, End { connection, .. })| {
            sealed.clear();
            let is_drained = |connection: &Connection| connection.seen().is_some_and(Link::is_drained);
            while connection.fill(&mut packer, now.tick, sealed, heard).is_some() && !is_drained(connection) {}
            connection.written();
            sealed.len()
        });
        bytes.min().unwrap_or(0)
    }

    /// Takes in what the other end has sealed.
    fn hear(&mut self, link: LinkId, mut bytes: &[u8]) {
        loop {
            let Self { ends, plaintext, heard, now, .. } = self;
            let end = ends.get_mut(&link).unwrap();
            let (these, rest) = bytes.split_at(end.connection.wants().min(bytes.len()));
            assert!(bytes.is_empty() || !these.is_empty(), "it reads on: nobody is over a rate");
            end.connection.receive(these, plaintext, now.tick, heard);
            let Standing::Met(peer) = end.connection.standing() else { return };
            // Records that came with the last words of the handshake.
            if end.connection.poll_timeout().is_some_and(|due| due <= now.tick) {
                end.connection.handle_timeout(plaintext, now.tick, heard);
            }
            let other = OtherEnd { peer, address: end.address, dial: end.dial };
            for event in std::mem::take(heard) {
                let is_up = std::mem::replace(&mut self.ends.get_mut(&link).unwrap().is_up, true);
                let input = Input::of_link(&event, link, other, is_up);
                self.input(input.unwrap());
            }
            if rest.is_empty() {
                return;
            }
            bytes = rest;
        }
    }
}

/// A lecture, and all who attend it.
#[derive(Debug)]
pub(super) struct Hall {
    host: Side,
}

impl Hall {
    /// One that nobody attends yet.
    pub(super) fn open() -> Self {
        let now = Now { tick: Instant(1_000), unix_ms: START_MS };
        let host = Side::start(HOST, now, |identity| {
            let charter = charter(&identity, Purpose::STAR);
            Seat::from(Host::new(HostConfig {
                log: Log::new(charter.meeting, limits::TALK_ENTRIES_MAX),
                tickets: Tickets::first(None, &identity),
                identity,
                charter,
                name: "host".into(),
                started_ms: START_MS,
                seed: [1; 32],
                filter: Vec::new(),
                addresses: vec!["192.0.2.1:7473".into()],
            }))
        });
        Self { host }
    }

    /// A second later, a guest dials, shakes hands, and is in once it has all that the host has said.
    pub(super) fn join(&mut self, number: u64) {
        self.host.now.tick.0 += 1_000;
        self.host.now.unix_ms += 1_000;
        let now = self.host.now;
        let mut guest = Side::start(number, now, |identity| {
            Seat::from(Attendee::new(NewcomerConfig {
                identity,
                name: format!("guest-{number}"),
                name_is_chosen: true,
                started_ms: now.unix_ms,
                seed: [2; 32],
                meeting: MeetingId::ZERO,
                host: None,
                ticket: None,
                note: String::new(),
                addresses: vec!["192.0.2.1:7473".into()],
                restored: None,
                others: Vec::new(),
                talk_max: limits::TALK_ENTRIES_MAX,
            }))
        });
        let (dial, hello) = guest.dialled.take().unwrap();
        let address = SocketAddr::from((Ipv4Addr::from_bits(0xc000_0201 + u32::try_from(number).unwrap()), 7_473));
        let end = |connection, dial| End { connection, address, dial, is_up: false };
        let dialled = Connection::dialled(&guest.us, None, hello, [4; 32], &Cheap, now.tick);
        guest.ends.insert(UP, end(dialled, Some(dial)));
        let accepted = Connection::accepted(&self.host.us, START_MS, [5; 32], &Cheap, now.tick);
        let link = LinkId(number);
        self.host.ends.insert(link, end(accepted, None));
        while guest.fill(UP..=UP) + self.host.fill(link..=link) > 0 {
            self.host.hear(link, &guest.sealed);
            guest.hear(UP, &self.host.sealed);
        }
        assert!(guest.is_linked, "the guest is in");
    }

    /// A moment later, the host says so many texts, and all who attend are sent them.
    pub(super) fn say(&mut self, text: &str, texts: usize) {
        self.host.now.tick.0 += 1;
        self.host.now.unix_ms += 1;
        for _ in 0..texts {
            self.host.input(Input::Command { id: CommandId(1), command: Command::Say { text: text.into() } });
        }
        assert!(self.host.fill(LinkId(0)..=LinkId(u64::MAX)) > texts * text.len(), "all get all");
    }
}
