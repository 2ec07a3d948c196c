//! One visit to a registry, frame by frame, with keys that everybody knows: the examples of SPEC.md.

use std::net::SocketAddr;

use tertulia_core::charter::Charter;
use tertulia_core::code::Code;
use tertulia_core::id::{MeetingId, RequestId};
use tertulia_core::identity::{Domain, Identity};
use tertulia_core::trace::{Direction, Expect, LinkStep, Step, Trace};
use tertulia_core::wire::address::Address;
use tertulia_core::wire::entry::Door;
use tertulia_core::wire::field::{Block, List, Name, Reason, Signed, Words, decode_all, encode_alone, encode_items};
use tertulia_core::wire::option::{self, Options, OptionsBuffer};
use tertulia_core::wire::registry::{
    Browse, Kind, Lease, Listed, Listing, Lookup, Particulars, Publish, Record, Shelf, Visibility, Withdraw,
};
use tertulia_core::wire::session::{Bye, Done, Hello, Purpose, Refused};
use tertulia_core::wire::{Encoded, Frame};

use crate::lecture::{START_MS, Said, ada, charter, identity, packet};

/// Where Ada's lecture is met.
pub const ADDRESS: &str = "192.0.2.1:7473";
const OPTIONS: Options<'static> = Options::NONE;

/// The registry.
#[must_use]
pub fn registry() -> Identity {
    identity(0xdd)
}

/// What Ada publishes of her lecture, and its signature.
#[must_use]
pub fn record() -> Vec<u8> {
    publish(START_MS + 30, 7_473, "[2001:db8::1]:7473".parse().unwrap())
}

/// The same with another number, of somebody at another address.
#[must_use]
pub fn record_at(number: u64, address: SocketAddr) -> Vec<u8> {
    publish(number, address.port(), address)
}

fn publish(number: u64, port: u16, address: SocketAddr) -> Vec<u8> {
    let charter = charter();
    let mut options = OptionsBuffer::default();
    options.set(&option::CHARTER, &decode_all::<Signed<'_, Charter<'_>>>(charter.bytes()).unwrap());
    let (count, items) = encode_items([Address::of(address)], 3);
    let particulars = Particulars {
        kind: Kind::Star,
        id: charter.meeting,
        publisher: ada().key(),
        number,
        since_ms: START_MS,
        until_ms: START_MS + 43_200_000,
        population: 2,
        door: Door::Unlocked,
        visibility: Visibility::Listed,
        port,
        name: Name::new("Ada").unwrap(),
        addresses: List::over(count, &items),
    };
    let value = Record { particulars, options: options.options() };
    let bytes = encode_alone(&value);
    let signature = ada().sign(Domain::Record, &[&bytes]);
    encode_alone(&Signed { bytes: &bytes, value, signature })
}

#[derive(Default)]
struct Script {
    said: Vec<Said>,
}

impl Script {
    fn say<'a>(&mut self, from: Direction, id: u32, frame: impl Into<Frame<'a>>, why: &'static str) {
        let micros = 20_000 * (self.said.len() as u64 + 1);
        self.said.push(Said { from, micros, frame: frame.into().encode(RequestId(id)), why });
    }

    fn client<'a>(&mut self, id: u32, frame: impl Into<Frame<'a>>, why: &'static str) {
        self.say(Direction::Initiator, id, frame, why);
    }

    fn registry<'a>(&mut self, id: u32, frame: impl Into<Frame<'a>>, why: &'static str) {
        self.say(Direction::Responder, id, frame, why);
    }
}

/// All that is said, from HELLO to BYE.
#[must_use]
pub fn visit() -> Vec<Said> {
    let (mut script, record, meeting) = (Script::default(), record(), charter().meeting);
    let signed: Signed<'_, Record<'_>> = decode_all(&record).unwrap();
    let met = [Address::of(ADDRESS.parse().unwrap())];
    let (count, items) = encode_items(met, 3);
    let addresses = List::over(count, &items);
    let hello = Hello { purpose: Purpose::REGISTRY, meeting: MeetingId::ZERO, started_ms: START_MS, options: OPTIONS };
    script.client(0, hello, "Ada has dialled a registry.");
    script.registry(0, Hello { started_ms: START_MS - 1_000, ..hello }, "It repeats the purpose.");
    script.client(1, Publish { record: Block(signed), options: OPTIONS }, "Ada publishes her lecture.");
    let lease = Lease { lease_ms: 90_000, addresses, options: OPTIONS };
    script.registry(1, lease, "The registry has dialled two addresses, and met her key at one.");
    let old = Publish { record: Block(signed), options: OPTIONS };
    script.client(2, old, "Thirty seconds later: the same record renews its lease.");
    script.registry(2, lease, "Nothing is to be dialled.");
    let words = Words::new("rust").unwrap();
    let browse = Browse { shelf: Shelf::Meetings, words, cursor: 0, most: 50, options: OPTIONS };
    script.client(3, browse, "What is on about Rust?");
    let listed = Listed { addresses, record: Block(signed) };
    let (count, items) = encode_items([listed], 50);
    let listing = Listing { next: 0, records: List::over(count, &items), options: OPTIONS };
    script.registry(3, listing, "One lecture.");
    script.client(4, Lookup { record: meeting, options: OPTIONS }, "Where is the lecture with this id?");
    script.registry(4, listing, "There.");
    script.client(5, Withdraw { record: meeting, options: OPTIONS }, "Ada's lecture is over.");
    script.registry(5, Done { options: OPTIONS }, "It is gone.");
    script.client(6, Withdraw { record: meeting, options: OPTIONS }, "Once more.");
    let reason = Reason::cut("only what one has published is withdrawn");
    script.registry(6, Refused { code: Code::NoRecord, reason, options: OPTIONS }, "There is none; the link goes on.");
    script.client(0, Bye { code: Code::Left, reason: Reason::NONE, options: OPTIONS }, "Ada leaves.");
    script.said
}

/// The visit as a trace.
#[must_use]
pub fn trace() -> Trace {
    let mut trace = Trace::new("a publisher visits a registry, from HELLO to BYE");
    trace.expect = Expect::Accept;
    trace.steps.push(Step::Link(1, LinkStep::Dialled));
    trace.steps.push(Step::Link(1, LinkStep::Up(registry().key())));
    for said in visit() {
        trace.steps.push(Step::Comment(said.why.into()));
        trace.steps.push(Step::Packet(packet(said.from, said.micros, &said.frame.0)));
    }
    trace.steps.push(Step::Link(1, LinkStep::Down(Code::Left)));
    trace
}

/// A record whose bytes are too many, in PUBLISH.
#[must_use]
pub fn oversized() -> Encoded {
    let record = record();
    let (body, signature) = record.split_at(record.len() - 64);
    let option = [0x3f, 0x01, 0x03, 0xe8].into_iter().chain([0; 1_000]);
    let bytes: Vec<u8> = body.iter().copied().chain(option).chain(signature.iter().copied()).collect();
    let body = [u16::try_from(bytes.len()).unwrap().to_be_bytes().as_slice(), &bytes].concat();
    let header = [u16::try_from(body.len()).unwrap().to_be_bytes(), [0, 0x80], [0, 0], [0, 1]].concat();
    Encoded([header, body].concat().into())
}
