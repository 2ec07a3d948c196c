//! A registry that holds as many records as one likes, each of somebody else who has been met.

use std::net::{Ipv4Addr, SocketAddr};
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
/// When all of it happens.
const NOW: Now = Now { tick: Instant(1), unix_ms: 1_700_000_000_000 };
/// How long a record holds.
const HOLDS: Duration = Duration::from_secs(43_200);
/// Words that titles are made of; the first are the most frequent, as in any language.
const VOCABULARY: u64 = 20_000;
/// The link of whoever was dialled back.
const MET: LinkId = LinkId(u64::MAX - 1);

/// The link of somebody who publishes nothing.
pub const ASKER: LinkId = LinkId(u64::MAX);

/// What somebody publishes.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Of whoever publishes.
    pub key: Key,
    /// Of the record.
    pub id: MeetingId,
    /// The words for it.
    pub frame: Encoded,
}

impl Publication {
    /// A lecture of whoever has this number, called by a few words; always the same.
    #[must_use]
    pub fn numbered(number: usize) -> Self {
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&(number as u64).to_be_bytes());
        let us = Identity::new(Secret(secret), Arc::new(Hashed));
        let mut random = Random::new(secret);
        let title = [(); 4].map(|()| word(&mut random)).join(" ");
        Self::of(&us, &title, 7_473, NOW.unix_ms, RequestId(1))
    }

    /// The words with which `us` publishes a lecture of this title, reached at `port`, or nowhere.
    #[must_use]
    pub fn of(us: &Identity, title: &str, port: u16, now_ms: u64, request: RequestId) -> Self {
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
            until_ms: now_ms + u64::try_from(HOLDS.as_millis()).unwrap(),
            population: 1,
            door: Door::Unlocked,
            visibility: Visibility::Listed,
            port,
            name: Name::new("somebody").unwrap(),
            addresses: List::over(0, &[]),
        };
        let value = Record { particulars, options: options.options() };
        let bytes = encode_alone(&value);
        let signature = us.sign(Domain::Record, &[&bytes]);
        let record = Block(Signed { bytes: &bytes, value, signature });
        let frame = Frame::from(Publish { record, options: NONE }).encode(request);
        Self { key: us.key(), id: charter.meeting, frame }
    }
}

/// A word, the frequent ones more often than the others.
pub fn word(random: &mut Random) -> String {
    let below = random.below(VOCABULARY) + 1;
    format!("word{}", random.below(below))
}

/// A registry, and what it has said last.
#[derive(Debug)]
pub struct Stock {
    /// The registry.
    pub server: Server,
    /// What it has said to the last frame.
    pub out: Vec<Output>,
}

impl Default for Stock {
    fn default() -> Self {
        let identity = Identity::new(Secret([9; 32]), Arc::new(Hashed));
        let address = "198.51.100.1:7472".parse().unwrap();
        let server = Server::new(ServerConfig { identity, address, started_ms: 1 });
        let mut stock = Self { server, out: Vec::new() };
        stock.up(ASKER, Key([1; 32]), ([192, 0, 2, 1], 50_000).into());
        stock
    }
}

impl Stock {
    fn up(&mut self, link: LinkId, peer: Key, address: SocketAddr) {
        let hello = Hello { purpose: Purpose::REGISTRY, meeting: MeetingId::ZERO, started_ms: 1, options: NONE };
        self.server.handle(Input::Up { link, peer, address, hello, dial: None }, NOW, &mut self.out);
    }

    /// Somebody comes on the link of this number, publishes, and is met.
    pub fn add(&mut self, number: usize, publication: &Publication) {
        let link = LinkId(number as u64);
        let ip = Ipv4Addr::from_bits(u32::try_from(number).unwrap() + 0x2000_0000);
        self.up(link, publication.key, (ip, 50_000).into());
        self.frame(link, &publication.frame);
        let dialled = |output: &Output| if let Output::Dial { id, .. } = output { Some(*id) } else { None };
        let dial = self.out.iter().find_map(dialled);
        let hello = Hello { purpose: Purpose::PROBE, meeting: MeetingId::ZERO, started_ms: 1, options: NONE };
        let met = Input::Up { link: MET, peer: publication.key, address: (ip, 7_473).into(), hello, dial };
        self.server.handle(met, NOW, &mut self.out);
    }

    /// A frame comes.
    pub fn frame(&mut self, link: LinkId, frame: &Encoded) {
        self.out.clear();
        let decoded = decode(&frame.0).unwrap();
        let input = Input::Frame { link, id: decoded.id, frame: decoded.frame.unwrap() };
        self.server.handle(input, NOW, &mut self.out);
    }
}
