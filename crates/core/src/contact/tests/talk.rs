//! What is said comes once, whatever happens.

use super::*;

#[test]
fn contact_4_and_contact_5_what_is_said_comes_at_once_and_is_acknowledged() {
    let mut world = World::friends();
    world.say(0, "bea", "one");
    world.settle();
    assert_eq!(world.heard(1), ["one"], "it goes out unasked");
    world.say(1, "anna", "two");
    world.settle();
    assert_eq!(world.heard(0), ["two"], "over the same link");
    assert_eq!(world.reached(0), []);
    world.pass(limits::CONTACT_DIGEST_INTERVAL);
    assert_eq!(world.reached(0), [(1, Reach::All)]);
    assert_eq!(world.reached(1), [(1, Reach::All)]);
    assert_eq!(world.links(0, 1), 1);
    assert!(!world.seen.contains(&"FETCH"), "nothing was missing: {:?}", world.seen);
}

#[test]
fn contact_5_and_contact_6_what_is_said_to_somebody_who_is_away_is_held_and_comes_once() {
    let mut world = World::friends();
    world.kill(1);
    for text in ["one", "two"] {
        let id = world.say(0, "bea", text);
        assert!(world.nodes[0].events.contains(&Event::Done { id }), "it is on the disk");
        world.settle();
    }
    world.seconds(5);
    assert_eq!(world.reached(0), [(1, Reach::Held), (2, Reach::Held)], "told once each");
    assert_eq!(world.warnings(0), ["away"], "told once");
    world.start(1);
    world.seconds(31);
    assert_eq!(world.heard(1), ["one", "two"]);
    assert_eq!(world.reached(0)[2..], [(1, Reach::All), (2, Reach::All)]);
}

#[test]
fn contact_6_whoever_is_killed_in_between_says_and_hears_everything_once() {
    for killed in [0, 1] {
        let mut world = World::friends();
        world.say(0, "bea", "one");
        // Whatever has come, no DIGEST has told of it.
        world.settle();
        world.loses = true;
        world.say(0, "bea", "two");
        world.settle();
        world.loses = false;
        world.kill(killed);
        world.start(killed);
        world.seconds(31);
        let heard: Vec<_> = world.heard(1);
        assert_eq!(heard, ["one", "two"], "killed {killed}");
        let all: Vec<_> = world.reached(0).into_iter().filter(|(_, reach)| *reach == Reach::All).collect();
        assert_eq!(all, [(1, Reach::All), (2, Reach::All)], "killed {killed}");
        world.kill(0);
        world.kill(1);
        world.forget_events();
        world.start(0);
        world.start(1);
        world.seconds(31);
        assert_eq!((world.heard(1).len(), world.reached(0).len()), (0, 0), "nothing comes again");
    }
}

#[test]
fn contact_5_more_than_fits_unasked_is_asked_for() {
    let mut world = World::friends();
    let texts: Vec<String> = (0..400).map(|number| format!("text {number}")).collect();
    texts.iter().for_each(|text| _ = world.say(0, "bea", text));
    let unasked = world.wire.len();
    assert_eq!(unasked as u64, limits::UNASKED_MAX);
    world.seconds(2);
    assert_eq!(world.heard(1), texts);
    assert_eq!(world.seen.iter().filter(|name| **name == "ENTRY").count(), 400, "each comes once");
    assert_eq!(world.reached(0).len(), 400);
    world.say(0, "bea", "again");
    world.settle();
    assert_eq!(world.heard(1).len(), 401, "all is acknowledged, so it goes out unasked again");
}

#[test]
fn a_friend_who_lost_its_disk_gets_all_back() {
    let mut world = World::friends();
    world.say(0, "bea", "one");
    world.say(1, "anna", "two");
    world.seconds(1);
    world.kill(1);
    let pair = world.pair(0, 1);
    world.nodes[1].disk.records.clear();
    world.nodes[1].disk.kept.remove(&(pair, Kept::Peer));
    world.forget_events();
    world.start(1);
    world.seconds(1);
    assert_eq!((world.heard(1), world.messages(1, true)), (vec!["one"], vec!["two"]));
    world.say(1, "anna", "three");
    world.seconds(1);
    assert_eq!(world.heard(0), ["three"]);
}

#[test]
fn a_note_to_oneself_needs_no_link() {
    let mut world = World::new(1);
    world.say(0, "anna", "buy bread");
    world.seconds(60);
    assert_eq!(world.messages(0, true), ["buy bread"]);
    assert_eq!(world.reached(0), [(1, Reach::All)]);
    assert!(world.nodes[0].dials.is_empty() && world.errors(0).is_empty());
    world.kill(0);
    world.start(0);
    world.say(0, "anna", "and butter");
    assert_eq!(world.reached(0).len(), 2);
}

#[test]
fn whoever_is_not_known_is_an_error_and_nothing_else() {
    let mut world = World::friends();
    let id = world.say(0, "carl", "hello?");
    assert_eq!(world.errors(0), ["no_such_name"]);
    assert!(!world.nodes[0].events.contains(&Event::Done { id }));
    world.command(0, Command::Say { text: "hello".into() });
    world.command(0, Command::Lock);
    assert_eq!(world.errors(0), ["no_such_name", "to_whom", "host_only"]);
    world.say(0, "bea", "b/c");
    world.settle();
    assert_eq!(world.heard(1), ["b/c"]);
}

#[test]
fn a_text_for_all_goes_to_each() {
    let mut world = World::new(3);
    world.add(0, "bea", 1);
    world.add(0, "carl", 2);
    world.settle();
    world.forget_events();
    world.say(0, "*", "hello");
    world.seconds(1);
    assert_eq!((world.heard(1), world.heard(2)), (vec!["hello"], vec!["hello"]));
    let mut sessions: Vec<_> = world.nodes[0]
        .events
        .iter()
        .filter_map(|event| if let Event::Delivery { session, .. } = event { Some(*session) } else { None })
        .collect();
    sessions.dedup();
    assert_eq!(sessions.len(), 2, "session and number name a message of this node's");
}

#[test]
fn contact_11_a_draft_is_signed_once_the_key_is_known() {
    let mut world = World::new(2);
    world.kill(1);
    let address = world.address(1);
    world.say(0, &address, "one");
    world.settle();
    world.kill(0);
    world.start(0);
    world.say(0, &address, "two");
    assert_eq!(world.messages(0, true), [""; 0], "nothing can be signed yet");
    assert!(world.warnings(0).contains(&"away"));
    let at = world.now.unix_ms;
    let before = world.nodes[0].disk.clone();
    world.start(1);
    world.seconds(31);
    assert_eq!(world.heard(1), ["one", "two"]);
    assert!(world.warnings(0).contains(&"first_use"));
    assert_eq!(world.listed(0)[0].key, Some(world.key(1)));
    let said = world.nodes[1].events.iter().find_map(|event| match event {
        Event::Message { kind: Kind::Text(origin), .. } => Some(origin.time_ms),
        _ => None,
    });
    assert!(said.is_some_and(|time_ms| time_ms < at), "it was said when it was written");
    // Killed after the entries were stored, and before the drafts were let go of.
    world.kill(0);
    let drafts = before.kept[&(MeetingId::ZERO, Kept::Drafts)].clone();
    world.nodes[0].disk.kept.insert((MeetingId::ZERO, Kept::Drafts), drafts);
    world.start(0);
    world.seconds(31);
    assert_eq!(world.heard(1), ["one", "two"], "nothing is signed twice");
}

#[test]
fn fork_3_two_versions_of_a_message_are_told_and_no_more_is_shown() {
    let mut world = World::new(1);
    let (bea, pair) = (identity(9), pair_id(world.key(0), identity(9).key()));
    let link = world.strange(0, 9, Some("bea"), None);
    let write = |texts: &[&str]| {
        let mut log = Log::new(pair, 10).of_pair();
        let body = |text| crate::wire::entry::EntryBody::Text {
            salt: crate::id::Salt::ZERO,
            text: Text::new(text).expect("a text"),
        };
        texts
            .iter()
            .filter_map(|text| log.write(&bea, 5, &body(text), world.now))
            .map(|entry| entry.frame.clone())
            .collect::<Vec<_>>()
    };
    let frames = [write(&["yes"]), write(&["no", "never"])].concat();
    frames.iter().for_each(|frame| world.bring(0, link, frame));
    assert_eq!((world.heard(0), world.warnings(0)), (vec!["yes"], vec!["fork"]));
    let sent = world.wire.iter().any(|(_, _, frame)| {
        matches!(frame::decode(&frame.0).map(|decoded| decoded.frame), Ok(Some(Frame::Meeting(Meeting::Fork(_)))))
    });
    assert!(sent, "the proof goes back on the link");
}

#[test]
fn one_message_is_enough_for_who_waits_for_one() {
    let mut world = World::friends();
    world.kill(1);
    for text in ["one", "two"] {
        world.say(0, "bea", text);
    }
    world.settle();
    for expected in [["one"], ["two"]] {
        world.forget_events();
        world.start_as(1, true, true);
        world.seconds(31);
        assert_eq!(world.heard(1), expected, "the other waits for the next time");
        assert!(matches!(world.nodes[1].events.last(), Some(Event::Closed { code: Code::Left, .. })));
        world.kill(1);
    }
    let all = world.reached(0);
    assert_eq!(all, [(2, Reach::All)], "acknowledged before it went");
}

#[test]
fn contact_6_and_show_3_what_was_stored_and_not_shown_is_shown_by_the_next_run_before_anything_else() {
    let mut world = World::friends();
    for text in ["one", "two", "three"] {
        world.say(0, "bea", text);
    }
    world.say(1, "anna", "my own");
    world.seconds(1);
    assert_eq!(world.heard(1), ["one", "two", "three"]);
    // Of these, its user has seen the first as it is killed.
    let mut shown = Marks::default();
    let origin = world.nodes[1].events.iter().find_map(|event| match event {
        Event::Message { kind: Kind::Text(origin), own: false, .. } => Some(*origin),
        _ => None,
    });
    let origin = origin.expect("a text");
    assert!(shown.note(origin.author, origin.session, origin.number).is_some());
    let pair = world.pair(0, 1);
    world.nodes[1].disk.shown.insert(pair, shown);
    world.kill(1);
    world.forget_events();
    world.start(1);
    let [Event::Ready { .. }, Event::Contacts { .. }, ..] = world.nodes[1].events.as_slice() else {
        panic!("in order")
    };
    assert_eq!(world.heard(1), ["two", "three"]);
    assert!(world.messages(1, true).is_empty(), "what a user has written, it knows");
    world.seconds(1);
    assert_eq!(world.heard(1), ["two", "three"], "once");

    world.kill(1);
    world.forget_events();
    world.start_as(1, true, true);
    assert_eq!(world.heard(1), ["two"], "one, without a link");
    let Some(Event::Closed { code: Code::Left, .. }) = world.nodes[1].events.last() else { panic!("it is over") };
}

#[test]
fn retract_1_between_friends_one_s_own_words_are_removed() {
    let mut world = World::friends();
    world.say(0, "bea", "my secret");
    world.say(0, "bea", "hello");
    world.settle();
    let removed = |world: &World, node: usize| -> Vec<u64> {
        let number = |event: &Event| match event {
            Event::Message { kind: Kind::Removed(origin, _), .. } => Some(origin.number),
            _ => None,
        };
        world.nodes[node].events.iter().filter_map(number).collect()
    };
    let retract = || Command::Retract { words: Words::Of("bea".to_string()) };
    world.command(0, retract());
    world.settle();
    assert_eq!((removed(&world, 0), removed(&world, 1)), (vec![2], vec![2]));
    world.kill(1);
    world.command(0, retract());
    world.settle();
    assert_eq!((removed(&world, 0), removed(&world, 1)), (vec![2, 1], vec![2]));
    world.start(1);
    world.seconds(30);
    assert_eq!(removed(&world, 1), [2, 1], "it is held, as any words are");
    world.command(1, Command::Retract { words: Words::Of("anna".to_string()) });
    assert_eq!(world.errors(1).last(), Some(&"no_such_words"), "what the other has said is not one's own");
}
