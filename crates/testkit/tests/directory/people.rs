//! Friends who are in a registry, in virtual time: only who asks for it, under the name that they have, as long as they
//! are there; and they write to each other whatever becomes of the registry.
use std::collections::BTreeMap;

use tertulia_core::command::{Command, Directory};
use tertulia_core::contact::{Friends, FriendsConfig, Listed};
use tertulia_core::event::{Change, Event, Notice, Reach as Reached};
use tertulia_core::id::Key;
use tertulia_core::limits;
use tertulia_core::machine::Kept;
use tertulia_core::node::Node;
use tertulia_core::registry::{ClientConfig, Reach};
use tertulia_core::wire::registry::Visibility;
use tertulia_testkit::sim::{Boot, Conditions, Maker, NodeSpec, Sim};

use super::town::{REGISTRY, identity, registry};

const ANNA: usize = 1;
const BEA: usize = 2;
const CARL: usize = 3;
const NAMES: [&str; 4] = ["registry", "anna", "bea", "carl"];

fn node(number: usize, boot: &Boot<'_>) -> Node {
    let others = [ANNA, BEA, CARL].into_iter().filter(|other| *other != number);
    let friends = Friends::new(FriendsConfig {
        identity: identity(number),
        name: NAMES[number].into(),
        started_ms: boot.now.unix_ms,
        seed: boot.seed,
        port: Some(boot.address.port()),
        idle: limits::CONTACT_IDLE,
        dials_at_start: true,
        ends_after_one: false,
        only_contacts: false,
        accepted: Vec::new(),
        contacts: others
            .map(|other| Listed {
                name: NAMES[other].into(),
                key: Some(identity(other).key()),
                addresses: vec![Sim::address(other).to_string()],
                ..Listed::default()
            })
            .collect(),
        pairs: Vec::new(),
        drafts: boot.disk.kept.get(&(tertulia_core::id::MeetingId::ZERO, Kept::Drafts)).cloned(),
        talk_max: 100,
    });
    let addresses = vec![boot.address];
    let reach = Reach { port: boot.address.port(), addresses, visibility: Visibility::Listed };
    let client = ClientConfig {
        identity: identity(number),
        name: NAMES[number].into(),
        registries: vec![Sim::address(REGISTRY).to_string()],
        reach,
        started_ms: boot.now.unix_ms,
        seed: boot.seed,
    };
    Node::new(friends).published(client)
}

/// A registry and three friends; anna and bea have registered.
fn circle(seed: u64) -> Sim {
    let mut sim = Sim::new(seed, Conditions::default(), None).of_rooms();
    sim.add(registry());
    for number in [ANNA, BEA, CARL] {
        let maker: Maker = Box::new(move |boot| Box::new(node(number, boot)));
        sim.add(NodeSpec { key: identity(number).key(), maker, talk_max: 100 });
    }
    (0..4).for_each(|number| sim.start(number));
    pass(&mut sim, 5_000);
    assert_eq!(who(&mut sim), BTreeMap::new(), "seed {seed}: only who wants to be there is");
    assert!(sim.peers(REGISTRY).is_empty(), "seed {seed}: a registry that nobody needs is not dialled");
    for number in [ANNA, BEA] {
        sim.command(number, Command::Directory(Directory::Register));
    }
    pass(&mut sim, 5_000);
    assert_eq!(who(&mut sim), people(&[(ANNA, "anna"), (BEA, "bea")]), "seed {seed}");
    sim
}

fn pass(sim: &mut Sim, ms: u64) {
    let next = sim.now() + ms;
    sim.run_until(next);
}

fn people(listed: &[(usize, &str)]) -> BTreeMap<Key, String> {
    listed.iter().map(|(number, name)| (identity(*number).key(), (*name).to_string())).collect()
}

/// Who the registry shows.
fn who(sim: &mut Sim) -> BTreeMap<Key, String> {
    let before = sim.told(REGISTRY).len();
    sim.command(REGISTRY, Command::Directory(Directory::Who));
    let told = sim.told(REGISTRY)[before..].iter();
    let person = |event: &Event| {
        let Event::Person { name, key, addresses, .. } = event else { return None };
        assert!(!addresses.is_empty(), "PROBE-1");
        Some((*key, name.clone()))
    };
    told.filter_map(|told| person(&told.event)).collect()
}

/// Anna writes to bea, who gets it.
fn talk(sim: &mut Sim, text: &str) {
    let (before, sent) = (sim.told(BEA).len(), sim.told(ANNA).len());
    sim.command(ANNA, Command::Msg { to: "bea".into(), text: text.into() });
    pass(sim, 2_000);
    let heard = |event: &Event| matches!(event, Event::Message { text: heard, .. } if heard == text);
    assert_eq!(sim.told(BEA)[before..].iter().filter(|told| heard(&told.event)).count(), 1);
    let all = |event: &Event| matches!(event, Event::Delivery { reach: Reached::All, .. });
    assert!(sim.told(ANNA)[sent..].iter().any(|told| all(&told.event)));
}

#[test]
fn registry_13_friends_are_listed_again_within_a_minute_and_do_without_meanwhile() {
    for seed in 0..40 {
        let mut sim = circle(seed);
        let down = 1_000 + sim.dice().below(200_000);
        let is_silent = sim.chance(50);
        sim.crash(REGISTRY, is_silent);
        pass(&mut sim, down);
        talk(&mut sim, "who needs a registry?");
        let told = sim.told(ANNA).len();
        sim.start(REGISTRY);
        let back = sim.now();
        while who(&mut sim) != people(&[(ANNA, "anna"), (BEA, "bea")]) {
            pass(&mut sim, 100);
            assert!(sim.now() - back <= 60_000, "seed {seed}: after a minute only {:?}", who(&mut sim));
        }
        pass(&mut sim, 60_000);
        let warned = |event: &Event| matches!(event, Event::Warning(Notice::RegistryAway { .. }));
        let warnings = sim.told(ANNA).iter().filter(|told| warned(&told.event)).count();
        assert!(warnings <= 1, "seed {seed}: told {warnings} times");
        let shown = |event: &Event| matches!(event, Event::Published { .. });
        let shown = sim.told(ANNA)[told..].iter().filter(|told| shown(&told.event)).count();
        assert_eq!(shown, warnings, "seed {seed}: that it is back is told if its loss was");
        assert!(sim.told(CARL).iter().all(|told| !warned(&told.event)), "seed {seed}: carl never asked for it");
    }
}

#[test]
fn contact_15_two_friends_who_have_both_moved_meet_again_at_the_registry() {
    for seed in 0..40 {
        let mut sim = circle(seed);
        let is_silent = sim.chance(50);
        for (number, port) in [(ANNA, 41_001), (BEA, 41_002)] {
            sim.crash(number, is_silent);
            sim.move_to(number, port);
        }
        let down = sim.dice().below(120_000);
        pass(&mut sim, down);
        // Which of them is back first, what is said before the other is, and whether the registry is there.
        let (first, second) = if sim.chance(50) { (ANNA, BEA) } else { (BEA, ANNA) };
        let has_crashed = sim.chance(30);
        if has_crashed {
            sim.crash(REGISTRY, is_silent);
        }
        let before = sim.told(BEA).len();
        for number in [first, second] {
            sim.start(number);
            sim.command(number, Command::Directory(Directory::Register));
            if number == ANNA {
                sim.command(ANNA, Command::Msg { to: "bea".into(), text: "where are you?".into() });
            }
            let pause = sim.dice().below(30_000);
            pass(&mut sim, pause);
        }
        if has_crashed {
            sim.start(REGISTRY);
        }
        pass(&mut sim, 120_000);
        let heard = |event: &Event| matches!(event, Event::Message { text, .. } if text == "where are you?");
        let heard = sim.told(BEA)[before..].iter().filter(|told| heard(&told.event)).count();
        assert_eq!(heard, 1, "seed {seed}");
        talk(&mut sim, "there you are");
        for number in [ANNA, BEA] {
            let moved = |event: &Event| matches!(event, Event::Contact { change: Change::Moved, .. });
            let told = sim.told(number).iter().filter(|told| moved(&told.event)).count();
            assert!(told <= 1, "seed {seed}: told {told} times");
        }
    }
}

#[test]
fn a_rename_shows_and_a_leaver_is_gone_at_once() {
    for seed in 0..20 {
        let mut sim = circle(seed);
        sim.command(ANNA, Command::Name { name: "ann".into() });
        pass(&mut sim, limits::PUBLISH_INTERVAL.as_millis() as u64 + 1_000);
        assert_eq!(who(&mut sim), people(&[(ANNA, "ann"), (BEA, "bea")]), "seed {seed}");
        sim.command(ANNA, Command::Directory(Directory::Unregister));
        pass(&mut sim, 1_000);
        assert_eq!(who(&mut sim), people(&[(BEA, "bea")]), "seed {seed}");
        talk(&mut sim, "still friends");
        let goodbye = if sim.chance(50) { Command::Quit } else { Command::Stop };
        sim.command(BEA, goodbye);
        pass(&mut sim, 1_000);
        assert_eq!(who(&mut sim), people(&[]), "seed {seed}");
        sim.command(CARL, Command::Directory(Directory::Register));
        pass(&mut sim, 2_000);
        assert_eq!(who(&mut sim), people(&[(CARL, "carl")]), "seed {seed}");
        sim.crash(CARL, true);
        pass(&mut sim, limits::LEASE.as_millis() as u64);
        assert_eq!(who(&mut sim), people(&[]), "seed {seed}: REGISTRY-9");
    }
}
