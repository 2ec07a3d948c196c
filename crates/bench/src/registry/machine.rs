//! The machine alone, with a signature scheme that costs little: a directory of so many records, and the processor time of
//! each record, page and search.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tertulia_core::id::{Key, LinkId, MeetingId, RequestId};
use tertulia_core::identity::{Identity, Secret};
use tertulia_core::machine::{Input, Machine as _, Output};
use tertulia_core::random::Random;
use tertulia_core::registry::{Server, ServerConfig};
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::field::Words;
use tertulia_core::wire::option::Options;
use tertulia_core::wire::registry::{Browse, Lookup, Registry, Shelf};
use tertulia_core::wire::session::{Hello, Purpose};
use tertulia_core::wire::{Encoded, Frame, decode};
use tertulia_testkit::scheme::Hashed;

use super::links::publish;
use crate::measure::{Usage, percentile, thread};
use crate::row::{Row, Spread};

const NONE: Options<'static> = Options::NONE;
const NOW: Now = Now { tick: Instant(1), unix_ms: 1_700_000_000_000 };
/// Questions of each sort.
const ASKED: usize = 5_000;
/// Records that are made before the clock runs.
const BATCH: usize = 1_000;
/// Words that titles are made of; the first are the most frequent, as in any language.
const VOCABULARY: u64 = 20_000;
/// The link of whoever asks.
const ASKER: LinkId = LinkId(u64::MAX);
/// The link of whoever was dialled back.
const MET: LinkId = LinkId(u64::MAX - 1);

/// Has so many records published and met, renewed, and looked for.
pub(crate) fn measure(records: usize, add: &mut impl FnMut(Row)) {
    let mut bench = Bench::new();
    let before = Usage::own().resident;
    let batches = || (0..records).step_by(BATCH).map(move |first| first..records.min(first + BATCH));
    let published: Duration = batches().map(|numbers| bench.publish(numbers)).sum();
    let resident = Usage::own().resident - before;
    let renewed: Duration = batches().map(|numbers| bench.renew(numbers)).sum();
    let each = |took: Duration| Spread::of([took.as_nanos() as f64 / records as f64].into_iter());
    let row = |what: &str, figure: Spread| Row::new("machine", what, records, 0, figure);
    let resident = Some(resident as f64 / records as f64);
    add(Row { rss_per_connection: resident, ..row("publish", each(published)) });
    add(row("renew", each(renewed)));
    let mut cursor = 0;
    let mut pages = |bench: &mut Bench| {
        let (spent, next) = bench.ask(&browse("", cursor));
        cursor = next;
        spent
    };
    let mut ask = |what: &str, question: &mut dyn FnMut(&mut Bench) -> Duration| {
        let mut spent: Vec<f64> = (0..ASKED).map(|_| question(&mut bench).as_nanos() as f64).collect();
        let mut at = |hundredths| percentile(&mut spent, hundredths);
        let (p50, p99) = (at(50).expect("there are questions"), at(99));
        let (p50_us, p99_us) = (Some(p50 / 1e3), p99.map(|p99| p99 / 1e3));
        add(Row { p50_us, p99_us, ..row(what, Spread::of(spent.into_iter())) });
    };
    ask("list a page", &mut pages);
    ask("list one word", &mut |bench| bench.search(1));
    ask("list two words", &mut |bench| bench.search(2));
    ask("list frequent words", &mut Bench::frequent);
    ask("lookup", &mut |bench| bench.lookup(records));
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
        bench.up(ASKER, Key([1; 32]), ([192, 0, 2, 1], 50_000).into());
        bench
    }

    fn up(&mut self, link: LinkId, peer: Key, address: SocketAddr) {
        let hello = Hello { purpose: Purpose::REGISTRY, meeting: MeetingId::ZERO, started_ms: 1, options: NONE };
        self.server.handle(Input::Up { link, peer, address, hello, dial: None }, NOW, &mut self.out);
    }

    /// These come, publish a lecture each, and are met; how long the machine takes for that.
    fn publish(&mut self, numbers: std::ops::Range<usize>) -> Duration {
        let all: Vec<_> = numbers.map(|number| (number, words(number))).collect();
        self.ids.extend(all.iter().map(|(_, (_, id, _))| *id));
        let start = thread();
        for (number, (key, _, frame)) in &all {
            let link = LinkId(*number as u64);
            let ip = Ipv4Addr::from_bits(u32::try_from(*number).unwrap() + 0x2000_0000);
            self.up(link, *key, (ip, 50_000).into());
            self.out.clear();
            self.frame(link, frame);
            let dialled = |output: &Output| if let Output::Dial { id, .. } = output { Some(*id) } else { None };
            let dial = self.out.iter().find_map(dialled);
            let hello = Hello { purpose: Purpose::PROBE, meeting: MeetingId::ZERO, started_ms: 1, options: NONE };
            let met = Input::Up { link: MET, peer: *key, address: (ip, 7_473).into(), hello, dial };
            self.server.handle(met, NOW, &mut self.out);
        }
        thread() - start
    }

    /// These publish the same again.
    fn renew(&mut self, numbers: std::ops::Range<usize>) -> Duration {
        let all: Vec<_> = numbers.map(|number| (LinkId(number as u64), words(number).2)).collect();
        let start = thread();
        for (link, frame) in &all {
            self.out.clear();
            self.frame(*link, frame);
        }
        let took = thread() - start;
        assert!(
            matches!(self.out.as_slice(), [Output::Send { .. }]),
            "a renewal is answered with a lease: {:?}",
            self.out
        );
        took
    }

    fn frame(&mut self, link: LinkId, frame: &Encoded) {
        let decoded = decode(&frame.0).unwrap();
        let input = Input::Frame { link, id: decoded.id, frame: decoded.frame.unwrap() };
        self.server.handle(input, NOW, &mut self.out);
    }

    /// What an answer costs, from the bytes of the question to those of the answer; where the next page begins.
    fn ask(&mut self, frame: &Encoded) -> (Duration, u64) {
        self.out.clear();
        let start = thread();
        self.frame(ASKER, frame);
        let spent = thread().saturating_sub(start);
        match self.out.as_slice() {
            [Output::Send { frame, .. }] => match decode(&frame.0).unwrap().frame {
                Some(Frame::Registry(Registry::Listing(listing))) => (spent, listing.next),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    fn search(&mut self, words: usize) -> Duration {
        let words: Vec<String> = (0..words).map(|_| word(&mut self.random)).collect();
        self.ask(&browse(&words.join(" "), 0)).0
    }

    fn frequent(&mut self) -> Duration {
        let words = [(); 2].map(|()| format!("word{}", self.random.below(10)));
        self.ask(&browse(&words.join(" "), 0)).0
    }

    fn lookup(&mut self, records: usize) -> Duration {
        let at = usize::try_from(self.random.below(records as u64)).unwrap();
        let lookup = Lookup { record: self.ids[at], options: NONE };
        self.ask(&Frame::from(lookup).encode(RequestId(1))).0
    }
}

/// A word, the frequent ones more often than the others.
fn word(random: &mut Random) -> String {
    let below = random.below(VOCABULARY) + 1;
    format!("word{}", random.below(below))
}

/// Who publishes number so and so, what its id is, and the words for that; always the same.
fn words(number: usize) -> (Key, MeetingId, Encoded) {
    let mut secret = [0; 32];
    secret[..8].copy_from_slice(&(number as u64).to_be_bytes());
    let us = Identity::new(Secret(secret), Arc::new(Hashed));
    let mut random = Random::new(secret);
    let title = [(); 4].map(|()| word(&mut random)).join(" ");
    let (id, frame) = publish(&us, &title, 7_473, NOW.unix_ms, RequestId(1));
    (us.key(), id, frame)
}

fn browse(words: &str, cursor: u64) -> Encoded {
    let (shelf, words) = (Shelf::Meetings, Words::new(words).unwrap());
    Frame::from(Browse { shelf, words, cursor, most: 50, options: NONE }).encode(RequestId(1))
}
