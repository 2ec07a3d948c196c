//! The laws of machines, over the registry and its client.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use tertulia_core::charter::{Admission, Charter, Listing, Questions, SignedCharter, Terms};
use tertulia_core::command::{Command, Directory};
use tertulia_core::id::{Key, MeetingId, RequestId, Token};
use tertulia_core::identity::{Domain, Identity, Secret};
use tertulia_core::machine::{Input, Machine, Output};
use tertulia_core::registry::{Client, ClientConfig, Reach, Server, ServerConfig};
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::address::Address;
use tertulia_core::wire::entry::Door;
use tertulia_core::wire::field::encode_items;
use tertulia_core::wire::field::{Block, Field as _, List, Name, Signed, Title, Words, decode_all, encode_alone};
use tertulia_core::wire::option::{self, Options, OptionsBuffer};
use tertulia_core::wire::registry::{self as wire, Kind, Particulars, Record, Shelf, Visibility};
use tertulia_core::wire::session::Purpose;
use tertulia_core::wire::{Encoded, Frame};
use tertulia_testkit::laws::{Court, Step};
use tertulia_testkit::scheme::Hashed;

fn identity(number: u8) -> Identity {
    Identity::new(Secret([number; 32]), Arc::new(Hashed))
}

fn peers() -> Vec<Key> {
    (1..5).map(|number| identity(number).key()).collect()
}

fn charter(founder: u8, title: &str) -> SignedCharter {
    let terms = Terms {
        kind: Purpose::STAR,
        founder: identity(founder).key(),
        nonce: Token([1; 16]),
        admission: Admission::Open,
        ticket: Key::ZERO,
        questions: Questions::Open,
        history: 3,
        guests: 3,
        title: Title::new(title).unwrap(),
    };
    SignedCharter::found(terms, &identity(founder)).unwrap()
}

/// A record of `publisher`, signed by `signer`.
fn record(publisher: u8, signer: u8, number: u64, port: u16) -> Vec<u8> {
    let charter = charter(publisher, "Laws and order");
    let mut options = OptionsBuffer::default();
    options.set(&option::CHARTER, &decode_all::<Signed<'_, Charter<'_>>>(charter.bytes()).unwrap());
    let (count, items) = encode_items([Address::of("127.0.0.1:7473".parse().unwrap())], 3);
    let particulars = Particulars {
        kind: Kind::Star,
        id: charter.meeting,
        publisher: identity(publisher).key(),
        number,
        since_ms: 1,
        until_ms: 1_700_000_000_000 + 43_200_000,
        population: 1,
        door: Door::Unlocked,
        visibility: Visibility::Listed,
        port,
        name: Name::new("ada").unwrap(),
        addresses: List::over(count, &items),
    };
    let value = Record { particulars, options: options.options() };
    let bytes = encode_alone(&value);
    let signature = identity(signer).sign(Domain::Record, &[&bytes]);
    encode_alone(&Signed { bytes: &bytes, value, signature })
}

fn request<'a>(frame: impl Into<Frame<'a>>) -> Encoded {
    frame.into().encode(RequestId(1))
}

const NONE: Options<'static> = Options::NONE;

fn from_clients() -> Vec<Encoded> {
    let words = Words::new("law laws").unwrap();
    let mut frames = Vec::new();
    for publisher in 1..5 {
        let id = charter(publisher, "Laws and order").meeting;
        for number in 1..4 {
            for port in [0, 7_474] {
                let signed = record(publisher, publisher, number, port);
                let record = Block(decode_all::<Signed<'_, Record<'_>>>(&signed).unwrap());
                frames.push(request(wire::Publish { record, options: NONE }));
            }
        }
        frames.push(request(wire::Withdraw { record: id, options: NONE }));
        frames.push(request(wire::Lookup { record: id, options: NONE }));
        frames.push(request(wire::Browse { shelf: Shelf::Meetings, words, cursor: 0, most: 2, options: NONE }));
    }
    let forged = record(1, 2, 9, 0);
    let record = Block(decode_all::<Signed<'_, Record<'_>>>(&forged).unwrap());
    frames.push(request(wire::Publish { record, options: NONE }));
    frames
}

fn from_registries() -> Vec<Encoded> {
    let (count, met) = encode_items([Address::of("127.0.0.1:7473".parse().unwrap())], 3);
    let mut frames = Vec::new();
    for lease_ms in [0, 3, 90_000, u32::MAX] {
        for addresses in [List::over(count, &met), List::over(0, &[])] {
            frames.push(request(wire::Lease { lease_ms, addresses, options: NONE }));
        }
    }
    for (next, signer) in [(0, 1), (0, 2), (7, 1)] {
        let (signed, mut items) = (record(1, signer, 5, 0), Vec::new());
        0_u16.encode(&mut items);
        u16::try_from(signed.len()).unwrap().encode(&mut items);
        items.extend(signed);
        frames.push(request(wire::Listing { next, records: List::over(1, &items), options: NONE }));
    }
    frames
}

/// A host's publisher: what happens to it happens to its meeting too.
#[derive(Clone, Debug)]
struct Publisher {
    client: Client,
    charter: SignedCharter,
    population: u32,
    is_on: bool,
}

impl Machine for Publisher {
    fn handle(&mut self, input: Input<'_>, now: Now, out: &mut Vec<Output>) {
        match &input {
            Input::Command { command: Command::Lock, .. } => self.population += 1,
            Input::Command { command: Command::Unlock, .. } => self.is_on = !self.is_on,
            _ => {}
        }
        let listing = Listing {
            charter: &self.charter,
            name: "ada",
            population: self.population,
            door: Door::Unlocked,
            since_ms: 1,
        };
        let ends = matches!(input, Input::Command { command: Command::Quit | Command::Stop, .. });
        self.client.handle(input, now, out);
        if !ends {
            self.client.publish(self.is_on.then_some(listing), now, out);
        }
    }

    fn handle_timeout(&mut self, now: Now, out: &mut Vec<Output>) {
        self.client.handle_timeout(now, out);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.client.poll_timeout()
    }

    fn assert_invariants(&self) {
        self.client.assert_invariants();
    }
}

fn server() -> Court<Server> {
    let address = "127.0.0.1:7472".parse().unwrap();
    Court::new(Server::new(ServerConfig { identity: identity(9), address, started_ms: 1 }), peers(), from_clients())
        .linked_for(Purpose::REGISTRY)
}

fn publisher() -> Court<Publisher> {
    let client = Client::new(ClientConfig {
        identity: identity(1),
        name: "ada".into(),
        registries: vec!["a:1".into(), "b:1".into()],
        reach: Reach { port: 7_473, addresses: vec![], visibility: Visibility::Listed },
        started_ms: 1,
        seed: [1; 32],
    });
    let charter = charter(1, "Laws and order");
    let publisher = Publisher { client, charter, population: 1, is_on: true };
    Court::new(publisher, peers(), from_registries())
}

fn happening() -> impl Strategy<Value = Step> {
    let code = prop_oneof![0_u16..5, 0x10_u16..0x24, 0x30_u16..0x42, 0x100_u16..0x105, any::<u16>()];
    let meeting = prop_oneof![Just(MeetingId::ZERO), Just(charter(1, "Laws and order").meeting)];
    let directory = prop_oneof![
        Just(Directory::Who),
        Just(Directory::Register),
        Just(Directory::Unregister),
        meeting.prop_map(|meeting| Directory::Lookup { meeting }),
        prop_oneof![Just("law".to_string()), Just("x".repeat(300))].prop_map(|words| Directory::List { words }),
    ];
    prop_oneof![
        6 => (any::<u8>(), any::<bool>(), 0_u64..64)
            .prop_map(|(peer, dialled, started_ms)| Step::Up { peer, dialled, started_ms, name: None }),
        3 => (any::<usize>(), any::<usize>(), proptest::collection::vec(any::<u64>(), 1..8))
            .prop_map(|(link, kind, draws)| Step::Frame { link, kind, draws }),
        20 => (any::<usize>(), any::<usize>()).prop_map(|(link, which)| Step::Prepared { link, which }),
        3 => any::<bool>().prop_map(|done| Step::Answer { done }),
        2 => (any::<usize>(), code.clone()).prop_map(|(link, code)| Step::Down { link, code }),
        2 => code.prop_map(|code| Step::Unreachable { code }),
        5 => directory.prop_map(|wish| Step::Command(Command::Directory(wish))),
        3 => prop_oneof![Just(Command::Lock), Just(Command::Unlock), Just(Command::Users)].prop_map(Step::Command),
    ]
}

/// Frames of one client among those that are prepared.
const FRAMES_EACH: usize = 9;

/// Three clients publish, and are met where they say; or nothing has happened yet.
fn prologue() -> impl Strategy<Value = Vec<Step>> {
    let up = |peer, dialled| Step::Up { peer, dialled, started_ms: 1, name: None };
    let client = move |at: u8| {
        let publish = Step::Prepared { link: usize::from(at), which: usize::from(at) * FRAMES_EACH };
        [up(at, false), publish, up(at, true)]
    };
    prop_oneof![Just((0..3).flat_map(client).collect::<Vec<_>>()), Just(vec![])]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let time = prop_oneof![9 => Just(Step::Due), 1 => (0_u64..100_000).prop_map(|ms| Step::Wait { ms })];
    let step = prop_oneof![1 => time, 2 => happening()];
    let last = prop_oneof![Just(Command::Quit), Just(Command::Stop)];
    (prologue(), proptest::collection::vec(step, 1..80), last).prop_map(|(mut steps, more, last)| {
        steps.extend(more);
        steps.extend([Step::Command(last), Step::Due, Step::Command(Command::Users)]);
        steps
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_registry_keeps_the_laws(steps in steps()) {
        let mut court = server();
        steps.iter().for_each(|step| court.step(step));
    }

    #[test]
    fn a_client_keeps_the_laws(steps in steps()) {
        let mut court = publisher();
        steps.iter().for_each(|step| court.step(step));
    }
}

/// What the steps above reach: laws about frames that never come would hold by themselves.
#[test]
fn the_steps_reach_all_that_a_registry_and_a_client_can_be_told() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut inputs: BTreeMap<&str, u64> = BTreeMap::new();
    let mut most = 0;
    for _ in 0..100 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        let (mut server, mut publisher) = (server(), publisher());
        for step in &steps {
            server.step(step);
            publisher.step(step);
            most = most.max(server.machine().len());
        }
        for (what, times) in server.inputs.iter().chain(&publisher.inputs) {
            *inputs.entry(what).or_default() += times;
        }
    }
    let all = ["start", "up", "down", "unreachable", "command", "timeout", "OK", "ERROR"];
    for what in all.into_iter().chain(["PUBLISH", "LEASE", "WITHDRAW", "LOOKUP", "LIST", "LISTING"]) {
        assert!(inputs.contains_key(what), "{what} never comes: {inputs:?}");
    }
    assert!(most > 2, "no three records are ever held");
}
