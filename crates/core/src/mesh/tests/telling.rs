//! Who is told what has changed, and when.

use super::hall::Hall;
use crate::id::LinkId;
use crate::limits;

/// DIGESTs that one has sent another.
fn digests(hall: &Hall, one: usize, other: usize) -> usize {
    let on = |link: LinkId| hall.sent_on(one, link).iter().filter(|name| **name == "DIGEST").count();
    hall.between(one, other).into_iter().map(on).sum()
}

/// A room in which all that happened as its members came has been told.
fn quiet(members: usize) -> Hall {
    let mut hall = Hall::of(members);
    hall.pass(members as u64 * turn_ms());
    hall
}

fn turn_ms() -> u64 {
    u64::try_from(limits::MESH_TURN_INTERVAL.as_millis()).expect("it is short")
}

#[test]
fn mesh_12_and_mesh_31_an_author_hears_soon_how_far_it_has_come_then_no_more_often() {
    let mut hall = quiet(3);
    let before = [digests(&hall, 1, 0), digests(&hall, 1, 2), digests(&hall, 0, 1)];
    hall.say(0, "one");
    hall.pass(199);
    assert_eq!(digests(&hall, 1, 0), before[0]);
    hall.pass(1);
    assert_eq!(digests(&hall, 1, 0), before[0] + 1);
    hall.say(0, "two");
    hall.say(0, "three");
    hall.pass(2_499);
    assert_eq!(digests(&hall, 1, 0), before[0] + 1, "not twice in 2.5 seconds");
    hall.pass(1);
    assert_eq!(digests(&hall, 1, 0), before[0] + 2);
    hall.pass(10_000);
    assert_eq!(digests(&hall, 1, 0), before[0] + 2, "once");
    assert_eq!(digests(&hall, 1, 2), before[1], "who is linked with the author has it from there");
    assert_eq!(digests(&hall, 0, 1), before[2], "the author has sent it");
}

#[test]
fn mesh_31_others_are_told_in_turn_and_once() {
    let mut hall = quiet(4);
    let told = |hall: &Hall| {
        let pairs = [(1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2)];
        pairs.map(|(one, other)| digests(hall, one, other)).iter().sum::<usize>()
    };
    let before = told(&hall);
    hall.say(0, "one");
    // What has changed is noticed 0.2 s later.
    hall.pass(199 + turn_ms());
    assert_eq!(told(&hall), before);
    hall.pass(1);
    assert_eq!(told(&hall), before + 3, "each has told one");
    hall.pass(turn_ms());
    assert_eq!(told(&hall), before + 6, "and each the other");
    hall.pass(5 * turn_ms());
    assert_eq!(told(&hall), before + 6);
}

#[test]
fn mesh_31_who_has_not_got_it_from_the_author_hears_of_it_in_turn() {
    let mut hall = quiet(4);
    hall.lost.insert((0, 1));
    hall.say(0, "one");
    hall.pass(10_000);
    assert_eq!(hall.texts(1), [""; 0]);
    hall.pass(3 * turn_ms());
    assert_eq!(hall.texts(1), ["one"]);
}

#[test]
fn mesh_31_who_is_not_linked_with_the_author_any_more_hears_of_it_at_once() {
    let mut hall = quiet(4);
    hall.lost.insert((0, 1));
    hall.say(0, "one");
    hall.pass(5_000);
    assert_eq!(hall.texts(1), [""; 0]);
    hall.part(0, 1);
    // LINKS, what they change, and the patience with the author.
    hall.pass(3_000);
    assert_eq!(hall.texts(1), ["one"]);
    hall.say(0, "two");
    hall.pass(1_200);
    assert_eq!(hall.texts(1), ["one", "two"], "as long as it is bridged");
}
