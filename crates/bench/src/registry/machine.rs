//! The machine alone, with a signature scheme that costs little: a directory of so many records, and the processor time of
//! each record, page and search.

use std::time::Duration;

use tertulia_core::id::{LinkId, MeetingId, RequestId};
use tertulia_core::machine::Output;
use tertulia_core::random::Random;
use tertulia_core::wire::field::Words;
use tertulia_core::wire::option::Options;
use tertulia_core::wire::registry::{Browse, Lookup, Registry, Shelf};
use tertulia_core::wire::{Encoded, Frame, decode};
use tertulia_testkit::stock::{ASKER, Publication, Stock, word};

use crate::measure::{Usage, percentile, thread};
use crate::row::{Row, Spread};

const NONE: Options<'static> = Options::NONE;
/// Questions of each sort.
const ASKED: usize = 5_000;
/// Records that are made before the clock runs.
const BATCH: usize = 1_000;

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
    stock: Stock,
    random: Random,
    ids: Vec<MeetingId>,
}

impl Bench {
    fn new() -> Self {
        Self { stock: Stock::default(), random: Random::new([5; 32]), ids: Vec::new() }
    }

    /// These come, publish a lecture each, and are met; how long the machine takes for that.
    fn publish(&mut self, numbers: std::ops::Range<usize>) -> Duration {
        let all: Vec<_> = numbers.map(|number| (number, Publication::numbered(number))).collect();
        self.ids.extend(all.iter().map(|(_, publication)| publication.id));
        let start = thread();
        all.iter().for_each(|(number, publication)| self.stock.add(*number, publication));
        thread() - start
    }

    /// These publish the same again.
    fn renew(&mut self, numbers: std::ops::Range<usize>) -> Duration {
        let frame = |number| (LinkId(number as u64), Publication::numbered(number).frame);
        let all: Vec<_> = numbers.map(frame).collect();
        let start = thread();
        all.iter().for_each(|(link, frame)| self.stock.frame(*link, frame));
        let took = thread() - start;
        let out = self.stock.out.as_slice();
        assert!(matches!(out, [Output::Send { .. }]), "a renewal is answered with a lease: {out:?}");
        took
    }

    /// What an answer costs, from the bytes of the question to those of the answer; where the next page begins.
    fn ask(&mut self, frame: &Encoded) -> (Duration, u64) {
        let start = thread();
        self.stock.frame(ASKER, frame);
        let spent = thread().saturating_sub(start);
        match self.stock.out.as_slice() {
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

fn browse(words: &str, cursor: u64) -> Encoded {
    let (shelf, words) = (Shelf::Meetings, Words::new(words).unwrap());
    Frame::from(Browse { shelf, words, cursor, most: 50, options: NONE }).encode(RequestId(1))
}
