//! Whom a node takes, and what it refuses.

use super::*;
use crate::compare::safety_words;
use crate::event::Notice;
use crate::id::{RequestId, Salt};
use crate::log::Log;
use crate::wire::entry::{Door, EntryBody};
use crate::wire::field::List;
use crate::wire::meeting::Join;

#[test]
fn contact_1_a_pair_has_one_id_whoever_names_it_and_only_that_is_taken() {
    let mut world = World::new(1);
    let us = world.key(0);
    let peer = identity(9).key();
    assert_eq!(pair_id(us, peer), pair_id(peer, us));
    assert_ne!(pair_id(us, peer), pair_id(us, us));
    for (meeting, rule) in [
        (pair_id(us, peer), None),
        (MeetingId::ZERO, None),
        (pair_id(us, identity(8).key()), Some(Rule::Contact1)),
        (MeetingId([1; 16]), Some(Rule::Contact1)),
    ] {
        let link = world.strange(0, 9, None, Some(meeting));
        assert_eq!(world.refused(0, link), rule, "{meeting}");
    }
    let hello = Hello { purpose: Purpose::STAR, meeting: MeetingId::ZERO, started_ms: 1, options: Options::NONE };
    let (link, address) = (world.new_link(0, usize::MAX), SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5));
    world.input(0, Input::Up { link, peer, address, hello, dial: None });
    assert_eq!(world.refused(0, link), Some(Rule::Contact1));
}

#[test]
fn contact_2_nothing_but_entries_and_what_tells_of_them() {
    let mut world = World::new(1);
    let link = world.strange(0, 9, None, None);
    let join = Frame::from(Join { meeting: MeetingId::ZERO, options: Options::NONE });
    world.input(0, Input::Frame { link, id: RequestId(1), frame: join });
    assert_eq!(world.refused(0, link), Some(Rule::Contact2));
}

#[test]
fn contact_3_only_the_two_write_and_only_talk() {
    let mut world = World::new(1);
    let pair = pair_id(world.key(0), identity(9).key());
    let text = EntryBody::Text { salt: Salt::ZERO, text: Text::new("hi").expect("a text") };
    let act = EntryBody::Policy { door: Door::Locked, kept: List::NONE };
    for (author, body, rule) in
        [(9, text, None), (8, text, Some(Rule::Contact3)), (9, act, Some(Rule::Contact3)), (1, text, None)]
    {
        let link = world.strange(0, 9, Some("bea"), None);
        let frame =
            Log::new(pair, 10).of_pair().write(&identity(author), 5, &body, world.now).expect("an entry").frame.clone();
        world.bring(0, link, &frame);
        assert_eq!(world.refused(0, link), rule, "{author}");
        world.input(0, Input::Down { link, code: Code::Cut });
    }
    assert_eq!(world.heard(0), ["hi"]);
}

#[test]
fn entry_1_a_forged_entry_costs_its_link() {
    let mut world = World::new(1);
    let link = world.strange(0, 9, None, None);
    let text = EntryBody::Text { salt: Salt::ZERO, text: Text::new("hi").expect("a text") };
    let other = Log::new(MeetingId([1; 16]), 10).write(&identity(9), 5, &text, world.now).expect("an entry");
    world.bring(0, link, &other.frame);
    assert_eq!(world.refused(0, link), Some(Rule::Entry1));
}

#[test]
fn contact_10_who_dials_tells_name_and_port_and_can_be_dialled_back() {
    let mut world = World::new(2);
    world.add(0, "bea", 1);
    world.settle();
    world.say(0, "bea", "hello");
    world.seconds(1);
    let stranger = Listed {
        name: "anna".into(),
        key: Some(world.key(0)),
        learned: vec![world.address(0)],
        standing: Standing::Stranger,
        ..Listed::default()
    };
    assert_eq!(world.listed(1), [stranger]);
    world.seconds(400);
    assert_eq!(world.links(0, 1), 0);
    world.say(1, "anna", "hello yourself");
    world.settle();
    assert_eq!(world.heard(0), ["hello yourself"]);
    assert_eq!(world.listed(1)[0].standing, Standing::Contact, "who is answered is no stranger");
}

#[test]
fn contact_11_another_key_at_the_address_is_a_hard_stop() {
    let mut world = World::friends();
    world.kill(1);
    world.nodes[1].seed = 7;
    world.nodes[1].disk = Disk::default();
    world.start(1);
    world.say(0, "bea", "secret");
    world.seconds(120);
    assert_eq!(world.errors(0), ["wrong_key"]);
    assert_eq!((world.heard(1), world.links(0, 1)), (vec![], 0), "nothing was sent");
    assert_eq!(world.reached(0), [(1, Reach::Held)]);
    world.say(0, "bea", "more");
    assert_eq!(world.errors(0), ["wrong_key", "wrong_key"], "nobody dials there before the user has looked at it");
    world.command(0, Command::Remove { name: "bea".into() });
    world.add(0, "bea", 1);
    world.settle();
    world.say(0, "bea", "to the new key");
    world.seconds(1);
    assert_eq!(world.heard(1), ["to the new key"], "what was written to the old key stays with it");
}

#[test]
fn contact_11_the_own_address_is_nobody() {
    let mut world = World::new(1);
    let address = world.address(0);
    world.say(0, &address, "hello?");
    world.seconds(60);
    assert_eq!(world.errors(0), ["self"]);
}

#[test]
fn contact_11_the_safety_words_are_the_same_on_both_sides() {
    let (one, other) = (identity(1).key(), identity(2).key());
    let words = safety_words(pair_id(one, other));
    assert_eq!(words, safety_words(pair_id(other, one)));
    assert_eq!(words.split(' ').count(), 12);
}

#[test]
fn contact_12_a_stranger_is_shown_once_it_has_said_something_and_there_is_room_for_so_many() {
    let mut world = World::new(1);
    let say = |world: &mut World, seed: u8, name: Option<&str>| {
        world.seconds(5);
        let link = world.strange(0, seed, name, None);
        let text = EntryBody::Text { salt: Salt::ZERO, text: Text::new("hi").expect("a text") };
        let pair = pair_id(world.key(0), identity(seed).key());
        let frame =
            Log::new(pair, 10).of_pair().write(&identity(seed), 5, &text, world.now).expect("an entry").frame.clone();
        world.bring(0, link, &frame);
        world.wire.clear();
        link
    };
    let silent = world.strange(0, 200, Some("zoe"), None);
    world.input(0, Input::Down { link: silent, code: Code::Left });
    assert_eq!(world.listed(0), [], "who has said nothing is forgotten");
    for seed in 0..limits::STRANGERS_MAX {
        say(&mut world, 10 + u8::try_from(seed).expect("few"), Some("Anna").filter(|_| seed < 2));
    }
    let names: Vec<String> = world.listed(0).into_iter().map(|listed| listed.name).collect();
    assert_eq!(names.len(), limits::STRANGERS_MAX);
    assert_eq!(names[..2], ["Anna-2", "Anna-3"], "the user is called so, whatever the case");
    assert_eq!(names[2], identity(12).key().to_hex()[..8]);
    let link = say(&mut world, 100, None);
    assert_eq!(world.refused(0, link), Some(Rule::Contact12));
    world.command(0, Command::Remove { name: "Anna-2".into() });
    let link = say(&mut world, 100, Some("zoe"));
    assert_eq!(world.refused(0, link), None);
    assert_eq!(world.heard(0).len(), limits::STRANGERS_MAX + 1);
    // What was said before is known to have been said.
    world.command(0, Command::Remove { name: "zoe".into() });
    say(&mut world, 100, Some("zoe"));
    assert_eq!(world.heard(0).len(), limits::STRANGERS_MAX + 1);
}

#[test]
fn contact_13_strangers_come_eight_at_once_and_then_one_in_five_seconds() {
    let mut world = World::new(1);
    let knock = |world: &mut World, seed| {
        let link = world.strange(0, seed, None, None);
        world.refused(0, link)
    };
    for seed in 10..18 {
        assert_eq!(knock(&mut world, seed), None);
    }
    assert_eq!(knock(&mut world, 18), Some(Rule::Contact13));
    world.pass(Duration::from_millis(4_999));
    assert_eq!(knock(&mut world, 18), Some(Rule::Contact13));
    world.pass(Duration::from_millis(1));
    assert_eq!(knock(&mut world, 18), None);
    assert_eq!(knock(&mut world, 19), Some(Rule::Contact13));
    assert_eq!(knock(&mut world, 10), None, "who is here already is no newcomer");
}

#[test]
fn two_names_for_one_key_become_one() {
    let mut world = World::friends();
    let other = String::from("localhost:7002");
    world.say(0, &other, "hello");
    let dialled = world.nodes[0].dials.remove(0);
    world.connect(0, &Dialled { addresses: vec![world.address(1)], ..dialled });
    world.seconds(1);
    assert_eq!(world.heard(1), ["hello"]);
    assert_eq!(world.listed(0).iter().map(|listed| listed.name.as_str()).collect::<Vec<_>>(), ["bea"]);
    assert!(world.warnings(0).contains(&"same_key"));
}

#[test]
fn a_stranger_who_turns_out_to_be_a_contact_is_called_as_the_user_does() {
    let mut world = World::new(2);
    world.add(0, "bea", 1);
    world.settle();
    world.command(0, Command::Remove { name: "bea".into() });
    world.kill(1);
    // Bea's user has anna; anna's user has bea, and has not met her.
    let address = world.address(1);
    world.command(0, Command::Add { name: "bea".into(), address });
    world.settle();
    world.start(1);
    world.add(1, "anna", 0);
    world.settle();
    world.say(1, "anna", "hello");
    world.settle();
    assert_eq!(world.listed(0).len(), 2, "bea, and a stranger who calls herself so");
    world.say(0, "bea", "one");
    world.seconds(31);
    let listed = world.listed(0);
    assert_eq!(listed.iter().map(|listed| listed.name.as_str()).collect::<Vec<_>>(), ["bea"]);
    assert_eq!((listed[0].key, listed[0].standing), (Some(world.key(1)), Standing::Contact));
    assert_eq!(world.heard(1), ["one"]);
}

/// What was told in words of who is not accepted: by which node, in the words for scripts.
fn told_of_strangers(world: &World, node: usize) -> Vec<Notice> {
    let is_of_stranger = |notice: &&Notice| matches!(notice, Notice::StrangerHasMore(_) | Notice::Unaccepted { .. });
    let notices = world.nodes[node].events.iter().filter_map(|event| match event {
        Event::Warning(notice) => Some(notice),
        _ => None,
    });
    notices.filter(is_of_stranger).cloned().collect()
}

/// Says a hundred long texts to the second node, to whom the first is nobody.
fn megabyte(accepted: &[String]) -> World {
    let mut world = World::new(1);
    world.accepted = accepted.to_vec();
    let port = Some(7002);
    let node = Node {
        seed: 2,
        machine: None,
        disk: Disk::default(),
        port,
        dials: Vec::new(),
        events: Vec::new(),
        closed: Vec::new(),
        runs: 0,
    };
    world.nodes.push(node);
    world.start(1);
    let (address, text) = (world.address(1), "x".repeat(limits::TEXT_MAX));
    (0..100).for_each(|_| _ = world.say(0, &address, &text));
    world.seconds(10);
    world
}

#[test]
fn contact_17_and_contact_18_both_sides_are_told_that_a_stranger_waits_to_be_accepted_once() {
    for accept in [
        Command::Msg { to: "anna".into(), text: "hello".into() },
        Command::Add { name: "anna".into(), address: "127.0.0.1:7001".into() },
    ] {
        let mut world = megabyte(&[]);
        let taken = world.heard(1).len();
        assert!((3..=4).contains(&taken), "{taken} of 16 KiB");
        assert_eq!(told_of_strangers(&world, 1), [Notice::StrangerHasMore("anna".into())]);
        let [Notice::Unaccepted { bytes, .. }] = told_of_strangers(&world, 0)[..] else {
            panic!("{:?}", told_of_strangers(&world, 0))
        };
        let waiting = (100 - taken) * limits::TEXT_MAX;
        assert!((waiting..waiting + 100 * 512).contains(&bytes), "{bytes} bytes, of {waiting}");
        world.command(1, accept);
        world.seconds(10);
        assert_eq!(world.heard(1).len(), 100, "the rest comes at once");
        assert_eq!([0, 1].map(|node| told_of_strangers(&world, node).len()), [1, 1]);
    }
}

#[test]
fn contact_17_who_is_accepted_beforehand_by_name_or_key_is_no_stranger() {
    let digits: String = identity(1).key().to_hex().chars().take(limits::KEY_DIGITS_MIN).collect();
    for wish in ["anna".to_string(), digits] {
        let world = megabyte(&[wish]);
        assert_eq!(world.heard(1).len(), 100);
        assert_eq!(world.listed(1)[0].standing, Standing::Contact);
        assert_eq!([0, 1].map(|node| told_of_strangers(&world, node).len()), [0, 0]);
    }
    let world = megabyte(&["ann".to_string(), identity(3).key().to_hex()]);
    assert_eq!((world.listed(1)[0].standing, told_of_strangers(&world, 1).len()), (Standing::Stranger, 1));
}
