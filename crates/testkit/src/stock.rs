//! A registry that holds as many records as one likes, each of somebody else who has been met.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tertulia_core::charter::{Admission, Charter, Questions, SignedCharter, Terms};
use tertulia_core::id::{Key, LinkId, MeetingId, RequestId, Token};
use tertulia_core::identity::{Domain, Identity, Secret};
use tertulia_core::machine::{Input, Machine as _, Output};
use tertulia_core::random::Random;
use tertulia_core::registry::{Server, ServerConfig};
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::entry::Door;
use tertulia_core::wire::field::{Block, List, Name, Signed, Title, decode_all, encode_alone};
use tertulia_core::wire::option::{self, Options, OptionsBuffer};
use tertulia_core::wire::registry::{Kind, Particulars, Publish, Record, Visibility};
use tertulia_core::wire::session::{Hello, Purpose};
use tertulia_core::wire::{Encoded, Frame, decode};

use crate::scheme::Hashed;

const NONE: Options<'static> = Options::NONE;
const START_MS: u64 = 1_700_000_000_000;
/// Words that titles are made of; the first are the most frequent, as in any language.
const VOCABULARY: u64 = 20_000;

/// The link of somebody who publishes nothing.
pub const ASKER: u64 = u64::MAX;

/// A registry, and what it has said last.
#[derive(Debug)]
pub struct Stock {
    /// The registry.
    pub server: Server,
    /// What titles are drawn from.
    pub random: Random,
    /// What it has said since this was cleared.
    pub out: Vec<Output>,
    /// The time.
    pub now: Now,
}

impl Default for Stock {
    fn default() -> Self {
        let identity = Identity::new(Secret([9; 32]), Arc::new(Hashed));
        let address = "198.51.100.1:7472".parse().unwrap();
        let server = Server::new(ServerConfig { identity, address, started_ms: 1 });
        let now = Now { tick: Instant(1), unix_ms: START_MS };
        let mut stock = Self { server, random: Random::new([5; 32]), out: Vec::new(), now };
        stock.up(ASKER, Key([1; 32]), ([192, 0, 2, 1], 50_000).into());
        stock
    }
}

impl Stock {
    fn up(&mut self, link: u64, peer: Key, address: SocketAddr) {
        let hello = Hello { purpose: Purpose::REGISTRY, meeting: MeetingId::ZERO, started_ms: 1, options: NONE };
        let input = Input::Up { link: LinkId(link), peer, address, hello, dial: None };
        self.server.handle(input, self.now, &mut self.out);
    }

    /// A word, the frequent ones more often than the others.
    pub fn word(&mut self) -> String {
        let below = self.random.below(VOCABULARY) + 1;
        format!("word{}", self.random.below(below))
    }

    /// Somebody publishes a lecture on the link of this number, and is met.
    pub fn add(&mut self, number: usize) -> MeetingId {
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&(number as u64).to_be_bytes());
        let us = Identity::new(Secret(secret), Arc::new(Hashed));
        let title = [(); 4].map(|()| self.word()).join(" ");
        let signed = record(&us, &title);
        let value: Signed<'_, Record<'_>> = decode_all(&signed).unwrap();
        let ip = u32::try_from(number).unwrap() + 0x2000_0000;
        self.up(number as u64, us.key(), SocketAddr::new(std::net::Ipv4Addr::from_bits(ip).into(), 50_000));
        let publish = Frame::from(Publish { record: Block(value), options: NONE }).encode(RequestId(1));
        self.out.clear();
        self.frame(number as u64, &publish);
        let dial =
            self.out.iter().find_map(|output| if let Output::Dial { id, .. } = output { Some(*id) } else { None });
        let hello = Hello { purpose: Purpose::PROBE, meeting: MeetingId::ZERO, started_ms: 1, options: NONE };
        let address = ([192, 0, 2, 1], 7_473).into();
        let met = Input::Up { link: LinkId(u64::MAX - 1), peer: us.key(), address, hello, dial };
        self.server.handle(met, self.now, &mut self.out);
        value.value.particulars.id
    }

    /// A frame comes.
    pub fn frame(&mut self, link: u64, frame: &Encoded) {
        let decoded = decode(&frame.0).unwrap();
        let input = Input::Frame { link: LinkId(link), id: decoded.id, frame: decoded.frame.unwrap() };
        self.server.handle(input, self.now, &mut self.out);
    }

    /// Lets time pass.
    pub fn pass(&mut self, span: Duration) {
        let passed = u64::try_from(span.as_millis()).unwrap();
        self.now = Now { tick: self.now.tick.after(span), unix_ms: self.now.unix_ms + passed };
        self.server.handle_timeout(self.now, &mut self.out);
    }
}

fn record(us: &Identity, title: &str) -> Vec<u8> {
    let terms = Terms {
        kind: Purpose::STAR,
        founder: us.key(),
        nonce: Token([1; 16]),
        admission: Admission::Open,
        ticket: Key::ZERO,
        questions: Questions::Open,
        history: 3,
        guests: 3,
        title: Title::new(title).unwrap(),
    };
    let charter = SignedCharter::found(terms, us).unwrap();
    let mut options = OptionsBuffer::default();
    options.set(&option::CHARTER, &decode_all::<Signed<'_, Charter<'_>>>(charter.bytes()).unwrap());
    let particulars = Particulars {
        kind: Kind::Star,
        id: charter.meeting,
        publisher: us.key(),
        number: 1,
        since_ms: 1,
        until_ms: START_MS + 43_200_000,
        population: 1,
        door: Door::Unlocked,
        visibility: Visibility::Listed,
        port: 7_473,
        name: Name::new("somebody").unwrap(),
        addresses: List::over(0, &[]),
    };
    let value = Record { particulars, options: options.options() };
    let bytes = encode_alone(&value);
    let signature = us.sign(Domain::Record, &[&bytes]);
    encode_alone(&Signed { bytes: &bytes, value, signature })
}
