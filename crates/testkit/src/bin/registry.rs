//! What a registry's answers cost: a directory of so many records, and the processor time of each page and search.
//!
//! `cargo run --release -p tertulia-testkit --bin registry [RECORDS]`
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "a program for those who work on this one"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant as Clock};

use tertulia_core::charter::{Admission, Charter, Questions, SignedCharter, Terms};
use tertulia_core::id::{Key, LinkId, MeetingId, RequestId, Token};
use tertulia_core::identity::{Domain, Identity, Secret};
use tertulia_core::machine::{Input, Machine as _, Output};
use tertulia_core::random::Random;
use tertulia_core::registry::{Server, ServerConfig};
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::entry::Door;
use tertulia_core::wire::field::{Block, List, Name, Signed, Title, Words, decode_all, encode_alone};
use tertulia_core::wire::option::{self, Options, OptionsBuffer};
use tertulia_core::wire::registry::{Browse, Kind, Lookup, Particulars, Publish, Record, Registry, Shelf, Visibility};
use tertulia_core::wire::session::{Hello, Purpose};
use tertulia_core::wire::{Encoded, Frame, decode};
use tertulia_testkit::scheme::Hashed;

const NONE: Options<'static> = Options::NONE;
const NOW: Now = Now { tick: Instant(1), unix_ms: 1_700_000_000_000 };
/// Questions of each sort.
const ASKED: usize = 20_000;
/// Words that titles are made of; the first are the most frequent, as in any language.
const VOCABULARY: u64 = 20_000;

fn main() {
    let records = std::env::args().nth(1).map_or(100_000, |count| count.parse().unwrap());
    let mut bench = Bench::new();
    let start = Clock::now();
    (0..records).for_each(|number| bench.add(number));
    let each = start.elapsed() / u32::try_from(records).unwrap();
    println!("{records} records published and met, {each:?} each (signatures left out)");
    let mut cursor = 0;
    let mut pages = |bench: &mut Bench| {
        let (spent, next) = bench.ask(&browse("", cursor));
        cursor = next;
        spent
    };
    report("LIST, page by page", (0..ASKED).map(|_| pages(&mut bench)));
    report("LIST, one word", (0..ASKED).map(|_| bench.search(1)));
    report("LIST, two words", (0..ASKED).map(|_| bench.search(2)));
    report("LIST, two of the ten most frequent words", (0..ASKED).map(|_| bench.frequent()));
    report("LOOKUP", (0..ASKED).map(|_| bench.lookup(records)));
}

/// What this thread has had of the processor: neighbours do not count.
#[cfg(unix)]
fn processor() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}

/// Neighbours do count, where no thread is told what it has had.
#[cfg(not(unix))]
fn processor() -> Duration {
    static START: std::sync::LazyLock<Clock> = std::sync::LazyLock::new(Clock::now);
    START.elapsed()
}

/// A registry, and somebody who asks.
struct Bench {
    server: Server,
    random: Random,
    out: Vec<Output>,
    ids: Vec<MeetingId>,
}

impl Bench {
    fn new() -> Self {
        let identity = Identity::new(Secret([9; 32]), Arc::new(Hashed));
        let address = "198.51.100.1:7472".parse().unwrap();
        let server = Server::new(ServerConfig { identity, address, started_ms: 1 });
        let mut bench = Self { server, random: Random::new([5; 32]), out: Vec::new(), ids: Vec::new() };
        bench.up(u64::MAX, Key([1; 32]), ([192, 0, 2, 1], 50_000).into());
        bench
    }

    fn up(&mut self, link: u64, peer: Key, address: SocketAddr) {
        let hello = Hello { purpose: Purpose::REGISTRY, meeting: MeetingId::ZERO, started_ms: 1, options: NONE };
        let input = Input::Up { link: LinkId(link), peer, address, hello, dial: None };
        self.server.handle(input, NOW, &mut self.out);
    }

    /// A word, the frequent ones more often than the others.
    fn word(&mut self) -> String {
        let below = self.random.below(VOCABULARY) + 1;
        format!("word{}", self.random.below(below))
    }

    /// Somebody publishes a lecture, and is met.
    fn add(&mut self, number: usize) {
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&(number as u64).to_be_bytes());
        let us = Identity::new(Secret(secret), Arc::new(Hashed));
        let title = [(); 4].map(|()| self.word()).join(" ");
        let signed = record(&us, &title);
        let value: Signed<'_, Record<'_>> = decode_all(&signed).unwrap();
        self.ids.push(value.value.particulars.id);
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
        self.server.handle(met, NOW, &mut self.out);
    }

    fn frame(&mut self, link: u64, frame: &Encoded) {
        let decoded = decode(&frame.0).unwrap();
        let input = Input::Frame { link: LinkId(link), id: decoded.id, frame: decoded.frame.unwrap() };
        self.server.handle(input, NOW, &mut self.out);
    }

    /// What an answer costs, from the bytes of the question to those of the answer; where the next page begins.
    fn ask(&mut self, frame: &Encoded) -> (Duration, u64) {
        self.out.clear();
        let start = processor();
        self.frame(u64::MAX, frame);
        let spent = processor().saturating_sub(start);
        match self.out.as_slice() {
            [Output::Send { frame, .. }] => match decode(&frame.0).unwrap().frame {
                Some(Frame::Registry(Registry::Listing(listing))) => (spent, listing.next),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    fn search(&mut self, words: usize) -> Duration {
        let words: Vec<String> = (0..words).map(|_| self.word()).collect();
        self.ask(&browse(&words.join(" "), 0)).0
    }

    fn frequent(&mut self) -> Duration {
        let words = [(); 2].map(|()| format!("word{}", self.random.below(10)));
        self.ask(&browse(&words.join(" "), 0)).0
    }

    fn lookup(&mut self, records: usize) -> Duration {
        let at = self.random.below(records as u64) as usize;
        let lookup = Lookup { record: self.ids[at], options: NONE };
        self.ask(&Frame::from(lookup).encode(RequestId(1))).0
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
        until_ms: NOW.unix_ms + 43_200_000,
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

fn browse(words: &str, cursor: u64) -> Encoded {
    let (shelf, words) = (Shelf::Meetings, Words::new(words).unwrap());
    Frame::from(Browse { shelf, words, cursor, most: 50, options: NONE }).encode(RequestId(1))
}

fn report(what: &str, spent: impl Iterator<Item = Duration>) {
    let mut spent: Vec<Duration> = spent.collect();
    spent.sort_unstable();
    let at = |share: usize| spent[(spent.len() - 1) * share / 1_000];
    println!("{what}: p50 {:?}, p99 {:?}, p99.9 {:?}, longest {:?}", at(500), at(990), at(999), at(1_000));
}
