//! One link a pair, when there is something to say.

use super::*;

#[test]
fn contact_9_a_link_on_which_nothing_is_said_is_closed_and_comes_back_in_silence() {
    let mut world = World::friends();
    world.idle = Duration::from_secs(60);
    world.kill(0);
    world.kill(1);
    world.start(1);
    world.start(0);
    world.seconds(30);
    world.say(0, "bea", "one");
    world.settle();
    world.forget_events();
    world.pass(Duration::from_millis(59_999));
    assert_eq!(world.links(0, 1), 1, "the clock began anew with the message");
    world.pass(Duration::from_millis(1));
    assert_eq!(world.links(0, 1), 0);
    world.seconds(600);
    assert_eq!(world.links(0, 1), 0, "nobody dials for nothing");
    world.say(1, "anna", "two");
    world.settle();
    assert_eq!((world.heard(0), world.links(0, 1)), (vec!["two"], 1));
    world.seconds(1);
    let told = |node: usize| {
        let events = world.nodes[node].events.iter();
        events
            .filter(|event| matches!(event, Event::Linked { .. } | Event::Unlinked { .. } | Event::Warning(_)))
            .count()
    };
    assert_eq!((told(0), told(1)), (0, 0), "neither user hears of it");
    assert_eq!(world.reached(1), [(1, Reach::All)]);
}

#[test]
fn contact_7_of_two_links_one_stays_and_nothing_is_lost() {
    // Whoever's dial comes first, and whichever of the two has the smaller key.
    for first in [0, 1] {
        let mut world = World::friends();
        world.cut(0, 1);
        for (node, to) in [(0, "bea"), (1, "anna")] {
            world.say(node, to, "hello");
        }
        let dials = [0, 1].map(|node| world.nodes[node].dials.remove(0));
        world.connect(first, &dials[first]);
        world.connect(1 - first, &dials[1 - first]);
        world.settle();
        assert_eq!(world.links(0, 1), 1);
        world.seconds(1);
        for (node, to) in [(0, "bea"), (1, "anna")] {
            assert_eq!(world.heard(node), ["hello"]);
            assert_eq!(world.reached(node), [(1, Reach::All)]);
            world.say(node, to, "still there");
        }
        world.settle();
        for node in [0, 1] {
            assert_eq!(world.heard(node), ["hello", "still there"]);
            let told = world.nodes[node].events.iter().filter(|event| matches!(event, Event::Unlinked { .. })).count();
            assert_eq!(told, 1, "of the cut, and not of the link too many");
        }
    }
}

#[test]
fn contact_7_two_who_see_their_links_in_another_order_agree_all_the_same() {
    for first in [0, 1] {
        let mut world = World::friends();
        world.cut(0, 1);
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4);
        let (pair, keys) = (world.pair(0, 1), [world.key(0), world.key(1)]);
        let started =
            [0, 1].map(|node| world.nodes[node].machine.as_ref().map_or(0, |machine| machine.config.started_ms));
        let links = [world.new_link(0, 1), world.new_link(0, 1)];
        let up = |world: &mut World, node: usize, link: LinkId| {
            let started_ms = started[1 - node];
            let hello = Hello { purpose: Purpose::CONTACT, meeting: pair, started_ms, options: Options::NONE };
            let stands = world.connections.iter().any(|ends| ends.contains(&(node, link)));
            if stands {
                world.input(node, Input::Up { link, peer: keys[1 - node], address, hello, dial: None });
            }
        };
        up(&mut world, first, links[0]);
        up(&mut world, 1 - first, links[1]);
        up(&mut world, first, links[1]);
        up(&mut world, 1 - first, links[0]);
        world.say(0, "bea", "one");
        world.say(1, "anna", "two");
        world.seconds(1);
        assert_eq!((world.heard(0), world.heard(1), world.links(0, 1)), (vec!["two"], vec!["one"], 1));
    }
}

#[test]
fn contact_7_who_leaves_on_one_of_two_links_has_left_whatever_the_other_says_last() {
    for (code, last) in [(Code::Left, Code::Unneeded), (Code::Stopped, Code::Cut)] {
        let mut world = World::friends();
        world.cut(0, 1);
        // Who has the larger key waits for the other to choose.
        let waits = usize::from(world.key(1) > world.key(0));
        let (peer, meeting) = (world.key(1 - waits), world.pair(0, 1));
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4);
        let [older, newer] = [(); 2].map(|()| {
            let link = world.new_link(waits, usize::MAX);
            let hello = Hello { purpose: Purpose::CONTACT, meeting, started_ms: START_MS * 2, options: Options::NONE };
            world.input(waits, Input::Up { link, peer, address, hello, dial: None });
            link
        });
        world.forget_events();
        world.input(waits, Input::Down { link: newer, code });
        world.input(waits, Input::Down { link: older, code: last });
        let told = world.nodes[waits].events.iter().filter_map(|event| match event {
            Event::Linked { .. } => Some(None),
            Event::Unlinked { code, .. } => Some(Some(*code)),
            _ => None,
        });
        assert_eq!(told.collect::<Vec<_>>(), [Some(code)]);
    }
}

#[test]
fn contact_8_a_later_run_takes_the_place_of_an_earlier_one_and_never_the_other_way_round() {
    let mut world = World::new(1);
    let up = |world: &mut World, started_ms| {
        let (peer, link) = (identity(9).key(), world.new_link(0, usize::MAX));
        let meeting = pair_id(world.key(0), peer);
        let hello = Hello { purpose: Purpose::CONTACT, meeting, started_ms, options: Options::NONE };
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5);
        world.input(0, Input::Up { link, peer, address, hello, dial: None });
        link
    };
    let old = up(&mut world, 10);
    let new = up(&mut world, 11);
    assert_eq!((world.refused(0, old), world.refused(0, new)), (Some(Rule::Contact8), None));
    let older = up(&mut world, 9);
    assert_eq!(world.refused(0, older), Some(Rule::Contact8));
    // Who is told so does not dial again.
    let mut world = World::friends();
    world.say(0, "bea", "one");
    let link = world.connections[0][0].1;
    world.connections.clear();
    world.wire.clear();
    world.input(0, Input::Down { link, code: Code::Superseded });
    world.seconds(120);
    assert_eq!((world.links(0, 1), world.errors(0)), (0, vec!["superseded"]));
}

#[test]
fn dial_2_who_has_something_to_say_dials_ever_more_seldom_and_who_has_not_dials_once() {
    let mut world = World::friends();
    world.kill(1);
    world.seconds(60);
    assert!(world.nodes[0].dials.is_empty());
    world.forget_events();
    let dials = |world: &World| world.nodes[0].machine.as_ref().map_or(0, |machine| machine.last_dial);
    let before = dials(&world);
    world.say(0, "bea", "one");
    world.seconds(600);
    let made = dials(&world) - before;
    assert!((20..120).contains(&made), "{made} in ten minutes");
    world.start(1);
    world.seconds(30);
    assert_eq!(world.heard(1), ["one"], "at most half a minute later");
}

#[test]
fn who_starts_dials_each_contact_once_and_gets_what_is_held() {
    let mut world = World::friends();
    // Nobody can dial bea: she dials.
    let address = world.nodes[1].port.take();
    world.nodes[1].port = Some(1);
    world.kill(1);
    world.say(0, "bea", "one");
    world.seconds(5);
    world.start(1);
    world.settle();
    world.pass(Duration::ZERO);
    assert_eq!(world.heard(1), ["one"], "{address:?}");
}
