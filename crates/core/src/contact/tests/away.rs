//! Friends who have moved, and those who are kept away (SPEC.md, "Whom one talks with").

use super::*;

/// From now on a node listens at another port.
fn move_to(world: &mut World, node: usize, port: u16) {
    world.kill(node);
    world.nodes[node].port = Some(port);
    world.start(node);
}

#[test]
fn contact_10_an_address_that_shows_itself_goes_in_front_and_what_the_user_gave_stays() {
    let mut world = World::friends();
    let given = world.address(1);
    for port in 7102..7107 {
        move_to(&mut world, 1, port);
        world.seconds(1);
    }
    assert_eq!(world.changes(0), [Change::Moved; 5], "told once of each");
    let listed = world.listed(0);
    assert_eq!(listed[0].addresses, [given]);
    assert_eq!(listed[0].learned, ["127.0.0.1:7106", "127.0.0.1:7105", "127.0.0.1:7104"]);
    world.kill(1);
    world.say(0, "bea", "where are you?");
    // Where she was first: with three others before it, it is in the second dial.
    world.nodes[1].port = Some(7002);
    world.start_as(1, false, false);
    world.seconds(60);
    assert_eq!(world.heard(1), ["where are you?"]);
}

#[test]
fn address_4_a_port_of_the_system_is_not_dialled_back() {
    let mut world = World::friends();
    for port in [25, 1_023] {
        move_to(&mut world, 1, port);
        world.seconds(1);
        assert_eq!((world.changes(0), world.listed(0)[0].learned.clone()), (Vec::new(), Vec::new()));
    }
    move_to(&mut world, 1, 1_024);
    world.seconds(1);
    assert_eq!(world.listed(0)[0].learned[0], "127.0.0.1:1024");
}

#[test]
fn contact_15_who_is_at_none_of_their_addresses_is_sought_and_dialled_where_they_are_found() {
    let mut world = World::friends();
    let bea = world.key(1);
    world.kill(1);
    // Both have moved: neither dials the other in vain for long.
    move_to(&mut world, 0, 7101);
    world.seconds(1);
    assert_eq!(world.sought(0), [bea], "at the start");
    world.found(0, 1, &[]);
    world.say(0, "bea", "one");
    world.seconds(9);
    assert_eq!(world.sought(0), [], "no more often than every ten seconds");
    world.seconds(31);
    assert_eq!(world.sought(0), [bea], "while something waits");
    world.nodes[1].port = Some(7102);
    world.start_as(1, false, false);
    world.found(0, 1, &["127.0.0.1:7102".into()]);
    world.settle();
    assert_eq!(world.heard(1), ["one"]);
    let listed = world.listed(0);
    assert_eq!(listed[0].learned, ["127.0.0.1:7102"]);
    assert_eq!(listed[0].addresses, ["127.0.0.1:7002"], "what the user gave stays");
    assert_eq!(world.changes(0), [Change::Moved]);
    assert_eq!(world.sought(0), []);
}

#[test]
fn contact_15_somebody_else_where_they_were_found_is_told_nothing() {
    let mut world = World::new(3);
    world.add(0, "bea", 1);
    world.seconds(1);
    world.kill(1);
    world.forget_events();
    world.say(0, "bea", "secret");
    world.seconds(1);
    let carl = world.address(2);
    world.found(0, 1, core::slice::from_ref(&carl));
    world.seconds(60);
    assert_eq!((world.heard(2), world.links(0, 2)), (vec![], 0));
    assert_eq!(world.errors(0), ["wrong_key"], "once");
    // At her own address she is found all the same, and nobody dials carl again.
    world.start_as(1, false, false);
    world.seconds(31);
    assert_eq!(world.heard(1), ["secret"]);
    let avoided =
        world.nodes[0].machine.as_ref().map(|machine| machine.friends.values().next().map(|bea| bea.avoided.clone()));
    assert_eq!(avoided.flatten(), Some(vec![carl]));
}

#[test]
fn contact_15_another_key_at_every_address_does_not_end_the_search() {
    let mut world = World::new(3);
    world.add(0, "bea", 1);
    world.seconds(1);
    world.kill(1);
    world.kill(2);
    (world.nodes[1].port, world.nodes[2].port) = (Some(7102), world.nodes[1].port);
    world.start(2);
    world.say(0, "bea", "one");
    world.seconds(12);
    assert_eq!(world.errors(0), ["wrong_key"]);
    assert_eq!(world.sought(0), [world.key(1)]);
    world.start_as(1, false, false);
    world.found(0, 1, &["127.0.0.1:7102".into()]);
    world.settle();
    assert_eq!((world.heard(1), world.heard(2)), (vec!["one"], vec![]));
}

#[test]
fn contact_14_who_is_blocked_is_turned_away_until_unblocked() {
    let mut world = World::friends();
    let link = world.connections[0][0].1;
    world.command(0, Command::Block { name: "bea".into() });
    world.settle();
    assert_eq!((world.refused(0, link), world.links(0, 1)), (Some(Rule::Contact14), 0));
    assert_eq!(world.changes(0), [Change::Blocked]);
    assert_eq!(world.errors(1), ["denied"], "she is told");
    world.say(1, "anna", "let me in");
    world.say(0, "bea", "no");
    assert_eq!((world.errors(1), world.errors(0)), (vec!["denied", "denied"], vec!["blocked"]));
    for node in [0, 1] {
        world.kill(node);
        world.start(node);
        world.seconds(60);
        assert_eq!((world.heard(0), world.links(0, 1)), (vec![], 0), "over any number of runs");
    }
    assert_eq!(world.sought(0), [], "nor is she looked up");
    world.command(0, Command::Unblock { name: "bea".into() });
    world.settle();
    world.say(1, "anna", "hello again");
    world.settle();
    assert_eq!(world.heard(0), ["hello again"]);
    assert_eq!(world.listed(0)[0].standing, Standing::Contact);
}

#[test]
fn contact_14_a_stranger_who_is_removed_is_kept_away_until_added() {
    let mut world = World::new(2);
    world.add(1, "anna", 0);
    world.settle();
    world.say(1, "anna", "buy this");
    world.seconds(1);
    world.command(0, Command::Remove { name: "bea".into() });
    world.settle();
    assert_eq!(world.links(0, 1), 0);
    for round in 0..3 {
        world.kill(1);
        world.start(1);
        world.seconds(60);
        assert_eq!((world.heard(0).len(), world.links(0, 1)), (usize::from(round == 0), 0));
        world.kill(0);
        world.start(0);
        world.forget_events();
    }
    let users = world.nodes[0].machine.as_ref().map(Friends::contacts);
    assert_eq!(users, Some(Event::Contacts { contacts: vec![] }), "no contact");
    world.add(0, "bea", 1);
    world.seconds(1);
    world.say(1, "anna", "thank you");
    world.seconds(1);
    assert_eq!(world.heard(0), ["thank you"]);
    let listed = world.listed(0);
    assert_eq!((listed.len(), listed[0].standing), (1, Standing::Contact));
}

#[test]
fn contact_14_a_contact_who_is_removed_may_come_as_a_stranger() {
    let mut world = World::friends();
    world.command(0, Command::Remove { name: "bea".into() });
    world.settle();
    world.say(1, "anna", "hello?");
    world.seconds(1);
    assert_eq!(world.heard(0), ["hello?"]);
    assert_eq!(world.listed(0)[0].standing, Standing::Stranger);
}

#[test]
fn contact_14_no_more_removed_strangers_are_kept_away_than_fit() {
    let mut world = World::new(1);
    let removed = |number: usize| {
        let mut key = [7; 32];
        key[..8].copy_from_slice(&number.to_be_bytes());
        let name = format!("s{number}");
        Listed { name, key: Some(Key(key)), standing: Standing::Removed, ..Listed::default() }
    };
    let mut listed: Vec<Listed> = (0..limits::REMOVED_MAX).map(removed).collect();
    listed.push(Listed { name: "last".into(), standing: Standing::Stranger, ..removed(9_999) });
    world.nodes[0].disk.kept.insert((MeetingId::ZERO, Kept::Contacts), Listed::encode_all(&listed));
    world.kill(0);
    world.start(0);
    world.command(0, Command::Remove { name: "last".into() });
    let kept = world.listed(0);
    assert_eq!(kept.len(), limits::REMOVED_MAX);
    assert_eq!((kept[0].name.as_str(), kept[limits::REMOVED_MAX - 1].name.as_str()), ("s1", "last"));
}

#[test]
fn contact_14_where_only_contacts_are_taken_strangers_are_told_so() {
    let mut world = World::new(2);
    world.only_contacts = true;
    world.kill(0);
    world.start(0);
    world.add(1, "anna", 0);
    world.say(1, "anna", "hello?");
    world.settle();
    assert_eq!((world.errors(1), world.listed(0)), (vec!["denied"], vec![]));
    world.add(0, "bea", 1);
    world.seconds(1);
    assert_eq!(world.heard(0), ["hello?"], "who is added is none");
}
