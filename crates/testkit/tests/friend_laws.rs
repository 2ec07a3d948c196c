//! The laws of machines, over friends.
#![expect(clippy::unwrap_used, reason = "what goes wrong in here fails a test, as it should")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tertulia_core::command::Command;
use tertulia_core::contact::{Friends, FriendsConfig, Listed, pair_id};
use tertulia_core::id::{Key, RequestId, Salt};
use tertulia_core::identity::{Identity, Secret};
use tertulia_core::log::Log;
use tertulia_core::node::Node;
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::entry::EntryBody;
use tertulia_core::wire::field::{List, Text, encode_items};
use tertulia_core::wire::meeting::{Digest, Fetch, Lane, Range};
use tertulia_core::wire::option::Options;
use tertulia_core::wire::session::Purpose;
use tertulia_core::wire::{Encoded, Frame};
use tertulia_testkit::laws::{Court, Step};
use tertulia_testkit::scheme::Hashed;

const NOW: Now = Now { tick: Instant(0), unix_ms: 1_700_000_000_000 };

fn identity(number: u8) -> Identity {
    Identity::new(Secret([number; 32]), Arc::new(Hashed))
}

/// The machine is the first; then its friends; the last of them is nobody whom it knows.
fn peers() -> Vec<Key> {
    (1..6).map(|number| identity(number).key()).collect()
}

/// What its friends say, and what they say that they hold: also two versions of one text, and what was never said.
fn prepared() -> Vec<Encoded> {
    let us = identity(1).key();
    let mut frames = Vec::new();
    // One friend says most: what is prepared for another link ends it.
    for number in [3, 3, 3, 3, 2] {
        let friend = identity(number);
        let pair = pair_id(us, friend.key());
        let (mut log, mut rival) = (Log::new(pair, 100), Log::new(pair, 100));
        let text = |text| EntryBody::Text { salt: Salt::ZERO, text: Text::new(text).unwrap() };
        let digest = |log: &Log| {
            let (count, items) = encode_items(log.rows(0), 10);
            let digest = Digest { rows: List::over(count, &items), options: Options::NONE };
            Frame::from(digest).encode(RequestId::EVENT)
        };
        frames.push(digest(&log));
        frames.extend(
            ["one", "two", "three", "four"]
                .iter()
                .map(|word| log.write(&friend, 7, &text(word), NOW).unwrap().frame.clone()),
        );
        frames.push(digest(&log));
        frames.push(rival.write(&friend, 7, &text("another one"), NOW).unwrap().frame.clone());
        frames.push(log.write(&identity(1), 3, &text("what was lost"), NOW).unwrap().frame.clone());
        frames.push(digest(&log));
        let range = Range { author: us, session: NOW.unix_ms, lane: Lane::Talk, from: 1, to: 9 };
        let (count, items) = encode_items([range], 1);
        let fetch = Fetch { ranges: List::over(count, &items), options: Options::NONE };
        frames.push(Frame::from(fetch).encode(RequestId(1)));
    }
    frames
}

fn friends() -> Court<Node> {
    let listed = |number: u8| Listed {
        name: format!("p{number}"),
        key: (number > 2).then(|| identity(number).key()),
        addresses: vec![format!("p{number}:1"), format!("q{number}:1")],
        ..Listed::default()
    };
    let friends = Friends::new(FriendsConfig {
        identity: identity(1),
        name: "anna".into(),
        started_ms: NOW.unix_ms,
        seed: [1; 32],
        port: Some(7473),
        idle: Duration::from_secs(30),
        dials_at_start: true,
        ends_after_one: false,
        only_contacts: false,
        accepted: Vec::new(),
        contacts: (2..5).map(listed).collect(),
        pairs: vec![],
        drafts: None,
        talk_max: 5,
    });
    Court::new(Node::new(friends), peers(), prepared()).linked_for(Purpose::CONTACT)
}

fn command() -> impl Strategy<Value = Command> {
    let name = || prop_oneof![(0_u8..6).prop_map(|number| format!("p{number}")), Just("anna".to_string())];
    let address = || (0_u8..6).prop_map(|number| format!("p{number}:1"));
    let to = prop_oneof![6 => name(), 2 => address(), 1 => Just("*".to_string()), 1 => Just("a b".to_string())];
    let text = prop_oneof!["[a-z ]{0,12}", Just("x".repeat(17_000))];
    prop_oneof![
        8 => (to, text).prop_map(|(to, text)| Command::Msg { to, text }),
        2 => (name(), prop_oneof![address(), Just("nowhere".to_string())])
            .prop_map(|(name, address)| Command::Add { name, address }),
        2 => name().prop_map(|name| Command::Remove { name }),
        1 => prop_oneof![
            name().prop_map(|name| Command::Block { name }),
            name().prop_map(|name| Command::Unblock { name }),
        ],
        1 => prop_oneof![name(), Just("a b".to_string())].prop_map(|name| Command::Name { name }),
        1 => prop_oneof![Just(Command::Users), Just(Command::Contacts), Just(Command::Lock)],
    ]
}

fn happening() -> impl Strategy<Value = Step> {
    let code = prop_oneof![0_u16..5, 0x10_u16..0x24, 0x30_u16..0x3a, Just(0x60_u16), 0x100_u16..0x105, any::<u16>()];
    prop_oneof![
        4 => (prop_oneof![4 => Just(2_u8), 3 => any::<u8>()], any::<bool>(), 0_u64..64, proptest::option::weighted(0.9, any::<u8>()))
            .prop_map(|(peer, dialled, started_ms, name)| Step::Up { peer, dialled, started_ms, name }),
        2 => (any::<usize>(), any::<usize>(), proptest::collection::vec(any::<u64>(), 1..8))
            .prop_map(|(link, kind, draws)| Step::Frame { link, kind, draws }),
        16 => (any::<usize>(), any::<usize>()).prop_map(|(link, which)| Step::Prepared { link, which }),
        4 => any::<bool>().prop_map(|done| Step::Answer { done }),
        1 => (any::<usize>(), code.clone()).prop_map(|(link, code)| Step::Down { link, code }),
        2 => code.prop_map(|code| Step::Unreachable { code }),
        6 => command().prop_map(Step::Command),
    ]
}

/// Half of the steps jump exactly to a deadline: random gaps miss what is off by one there.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let time = prop_oneof![9 => Just(Step::Due), 1 => (0_u64..20_000).prop_map(|ms| Step::Wait { ms })];
    let step = prop_oneof![1 => time, 2 => happening()];
    let last = prop_oneof![Just(Command::Quit), Just(Command::Stop), Just(Command::Users)];
    (proptest::collection::vec(step, 1..80), last).prop_map(|(mut steps, last)| {
        steps.extend([Step::Command(last), Step::Due, Step::Command(Command::Users)]);
        steps
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn friends_keep_the_laws(steps in steps()) {
        let mut court = friends();
        steps.iter().for_each(|step| court.step(step));
    }
}

#[test]
fn the_steps_reach_all_that_friends_can_be_told() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut inputs: BTreeMap<&str, u64> = BTreeMap::new();
    for _ in 0..1_600 {
        let mut court = friends();
        steps().new_tree(&mut runner).unwrap().current().iter().for_each(|step| court.step(step));
        court.inputs.iter().for_each(|(what, times)| *inputs.entry(what).or_default() += times);
    }
    let all = ["start", "up", "down", "unreachable", "command", "timeout", "OK", "ENTRY", "DIGEST", "FETCH", "FORK"];
    for what in all {
        assert!(inputs.contains_key(what), "{what} never comes: {inputs:?}");
    }
    let refused = ["JOIN", "WELCOME", "PRESENCE", "RENAME", "TELL", "ASK"];
    assert!(refused.iter().any(|what| inputs.contains_key(what)), "nothing comes that is refused: {inputs:?}");
}
