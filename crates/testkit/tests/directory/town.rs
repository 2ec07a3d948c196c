//! A registry and those who are in it, in virtual time: real nodes, real links, whatever goes wrong.
use std::collections::BTreeSet;
use std::sync::Arc;

use tertulia_core::charter::{Admission, Questions, SignedCharter, Terms};
use tertulia_core::code::Code;
use tertulia_core::command::{Command, Directory};
use tertulia_core::event::{Event, Notice};
use tertulia_core::id::{Key, LinkId, MeetingId, Token};
use tertulia_core::identity::{Identity, Secret};
use tertulia_core::limits;
use tertulia_core::machine::{Input, Machine, Output};
use tertulia_core::node::Node;
use tertulia_core::registry::{ClientConfig, Reach, Server, ServerConfig};
use tertulia_core::star::{Attendee, Host, HostConfig, NewcomerConfig, Tickets};
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::field::Title;
use tertulia_core::wire::option::Options;
use tertulia_core::wire::registry::Visibility;
use tertulia_core::wire::session::{Hello, Purpose};
use tertulia_testkit::scheme::Hashed;
use tertulia_testkit::sim::{Boot, Conditions, Maker, NodeSpec, Sim, fingerprint};

const HOSTS: usize = 5;
pub(super) const REGISTRY: usize = 0;
/// The only guest, at the first host's lecture.
const GUEST: usize = HOSTS + 1;

pub(super) fn identity(number: usize) -> Identity {
    Identity::new(Secret([number as u8; 32]), Arc::new(Hashed))
}

fn charter(number: usize) -> SignedCharter {
    let founder = identity(number);
    let title = format!("Talk {number}");
    let terms = Terms {
        kind: Purpose::STAR,
        founder: founder.key(),
        nonce: Token([1; 16]),
        admission: Admission::Open,
        ticket: Key::ZERO,
        questions: Questions::Open,
        history: 100,
        guests: 10,
        title: Title::new(&title).unwrap(),
    };
    SignedCharter::found(terms, &founder).unwrap()
}

pub(super) fn registry() -> NodeSpec {
    let identity = identity(200);
    let key = identity.key();
    let maker: Maker = Box::new(move |boot| {
        let (address, started_ms) = (Sim::address(REGISTRY), boot.now.unix_ms);
        Box::new(Server::new(ServerConfig { identity: identity.clone(), address, started_ms }))
    });
    NodeSpec { key, maker, talk_max: 10 }
}

fn node(number: usize, boot: &Boot<'_>) -> Node {
    let host = Host::new(HostConfig {
        identity: identity(number),
        charter: charter(number),
        name: format!("host-{number}"),
        started_ms: boot.now.unix_ms,
        seed: boot.seed,
        filter: vec![],
        tickets: Tickets::default(),
        addresses: vec![Sim::address(number).to_string()],
        log: boot.disk.log(charter(number).meeting, 100),
    });
    let reach = Reach {
        port: Sim::address(number).port(),
        addresses: vec![Sim::address(number)],
        visibility: Visibility::Listed,
    };
    let config = ClientConfig {
        identity: identity(number),
        name: format!("host-{number}"),
        registries: vec![Sim::address(REGISTRY).to_string()],
        reach,
        started_ms: boot.now.unix_ms,
        seed: boot.seed,
    };
    Node::new(host).published(config)
}

fn host(number: usize) -> NodeSpec {
    let key = identity(number).key();
    let maker: Maker = Box::new(move |boot| Box::new(node(number, boot)));
    NodeSpec { key, maker, talk_max: 100 }
}

fn guest() -> NodeSpec {
    let us = identity(GUEST);
    let key = us.key();
    let maker: Maker = Box::new(move |boot| {
        Box::new(Node::new(Attendee::new(NewcomerConfig {
            identity: us.clone(),
            name: "bea".into(),
            note: String::new(),
            name_is_chosen: false,
            started_ms: boot.now.unix_ms,
            seed: boot.seed,
            meeting: charter(1).meeting,
            host: Some(identity(1).key()),
            ticket: None,
            addresses: vec![Sim::address(1).to_string()],
            restored: None,
            others: Vec::new(),
            talk_max: 100,
        })))
    });
    NodeSpec { key, maker, talk_max: 100 }
}

/// A registry, hosts that are in it, and a guest of the first.
fn town(seed: u64) -> Sim {
    let mut sim = Sim::new(seed, Conditions::default(), None).of_rooms();
    sim.add(registry());
    for number in 1..=HOSTS {
        sim.add(host(number));
    }
    sim.add(guest());
    (0..=GUEST).for_each(|number| sim.start(number));
    sim.run_until(5_000);
    assert_eq!(listed(&mut sim), all(), "seed {seed}");
    sim
}

#[test]
fn the_same_seed_gives_the_same_town_byte_for_byte() {
    let [one, other] = [(); 2].map(|()| (0..64).map(|seed| town(seed).trace().to_string()).collect::<Vec<_>>());
    println!("traces: {}", fingerprint(one.iter().map(String::as_str)));
    assert!(one == other, "the same seeds give two traces");
}

fn all() -> BTreeSet<String> {
    (1..=HOSTS).map(|number| format!("Talk {number}")).collect()
}

/// What the registry shows.
fn listed(sim: &mut Sim) -> BTreeSet<String> {
    let before = sim.told(REGISTRY).len();
    sim.command(REGISTRY, Command::Directory(Directory::List { words: String::new() }));
    let told = sim.told(REGISTRY)[before..].iter();
    told.filter_map(|told| if let Event::Listing { title, .. } = &told.event { Some(title.clone()) } else { None })
        .collect()
}

fn without(number: usize) -> BTreeSet<String> {
    all().into_iter().filter(|title| *title != format!("Talk {number}")).collect()
}

#[test]
fn registry_13_after_a_restart_all_records_are_back_within_a_minute_and_meetings_notice_nothing() {
    for seed in 0..40 {
        let mut sim = town(seed);
        let down = 1_000 + sim.dice().below(200_000);
        let is_silent = sim.chance(50);
        sim.crash(REGISTRY, is_silent);
        let told = sim.told(GUEST).len();
        let middle = sim.now() + down / 2;
        sim.run_until(middle);
        sim.command(1, Command::Say { text: "still here".into() });
        sim.run_until(middle + down / 2);
        sim.start(REGISTRY);
        let back = sim.now();
        while listed(&mut sim) != all() {
            let next = sim.now() + 100;
            sim.run_until(next);
            assert!(sim.now() - back <= 60_000, "seed {seed}: after a minute only {:?}", listed(&mut sim));
        }
        let noticed: Vec<_> = sim.told(GUEST)[told..].iter().map(|told| &told.event).collect();
        assert!(
            matches!(noticed.as_slice(), [Event::Message { text, .. }] if text == "still here"),
            "seed {seed}: {noticed:?}"
        );
        for number in 1..=HOSTS {
            let warned = |event: &Event| matches!(event, Event::Warning(Notice::RegistryAway { .. }));
            let warnings = sim.told(number).iter().filter(|told| warned(&told.event)).count();
            assert!(warnings <= 1, "seed {seed}: host {number} was told {warnings} times");
        }
    }
}

#[test]
fn registry_9_and_registry_11_a_dead_hosts_record_goes_within_its_lease_and_a_leavers_at_once() {
    for seed in 0..20 {
        let mut sim = town(seed);
        let wait = sim.now() + sim.dice().below(100_000);
        sim.run_until(wait);
        sim.crash(1, true);
        sim.command(2, Command::Quit);
        let next = sim.now() + 1_000;
        sim.run_until(next);
        assert_eq!(listed(&mut sim), without(2), "seed {seed}: the dead one may be there, the leaver not");
        let lease = sim.now() + limits::LEASE.as_millis() as u64;
        sim.run_until(lease);
        let left: BTreeSet<_> = without(1).intersection(&without(2)).cloned().collect();
        assert_eq!(listed(&mut sim), left, "seed {seed}");
        // It comes back as what it was.
        sim.start(1);
        let next = sim.now() + 5_000;
        sim.run_until(next);
        assert_eq!(listed(&mut sim), without(2), "seed {seed}");
    }
}

#[test]
fn a_host_that_is_killed_and_back_at_once_is_listed_all_the_time() {
    for seed in 0..20 {
        let mut sim = town(seed);
        sim.crash(3, false);
        sim.start(3);
        for _ in 0..1_200 {
            let next = sim.now() + 100;
            sim.run_until(next);
            assert_eq!(listed(&mut sim), all(), "seed {seed} at {}", sim.now());
        }
    }
}

/// A host's node by itself, with its first outputs done.
fn alone() -> (Node, Now) {
    let now = Now { tick: Instant(1_000), unix_ms: 1_700_000_000_000 };
    let disk = tertulia_testkit::sim::Disk::default();
    let mut node = node(1, &Boot { disk: &disk, now, seed: [7; 32], address: Sim::address(1) });
    node.handle(Input::Start, now, &mut Vec::new());
    (node, now)
}

fn up(node: &mut Node, now: Now, link: u64, purpose: Purpose, meeting: MeetingId) -> Vec<Output> {
    let (mut out, address) = (Vec::new(), Sim::address(9));
    let hello = Hello { purpose, meeting, started_ms: 1, options: Options::NONE };
    let input = Input::Up { link: LinkId(link), peer: identity(9).key(), address, hello, dial: None };
    node.handle(input, now, &mut out);
    out
}

#[test]
fn probe_4_a_probe_is_answered_and_told_nothing() {
    for meeting in [MeetingId::ZERO, charter(1).meeting, MeetingId([9; 16])] {
        let (mut node, now) = alone();
        match up(&mut node, now, 5, Purpose::PROBE, meeting).as_slice() {
            [Output::Close { link: LinkId(5), code: Code::Left, rule: None, reason }] => assert!(reason.is_empty()),
            other => panic!("{other:?}"),
        }
        let out = up(&mut node, now, 6, Purpose::REGISTRY, meeting);
        assert!(matches!(out.as_slice(), [Output::Close { code: Code::WrongKind, .. }]), "{out:?}");
    }
}

#[test]
fn registry_11_a_host_takes_its_record_back_before_it_goes() {
    let mut sim = town(1);
    let peers = sim.peers(2);
    assert_eq!(peers, [identity(200).key()], "a standing connection");
    sim.command(2, Command::Quit);
    let next = sim.now() + 500;
    sim.run_until(next);
    assert_eq!(listed(&mut sim), without(2));
    assert!(sim.has_stopped(2) || !sim.is_running(2));
}
