//! Two friends: how they meet, what waits for whom, and what ends their links.

use tertulia_core::code::Code;
use tertulia_core::contact::pair_id;
use tertulia_core::event::{Event, Reach};
use tertulia_core::id::MeetingId;
use tertulia_core::trace::Trace;
use tertulia_core::wire::Encoded;
use tertulia_core::wire::meeting::Join;
use tertulia_core::wire::option::Options;
use tertulia_core::wire::session::Purpose;

use super::{Outlaw, Scene, frame};
use crate::friends::{Mix, friend, identity};
use crate::lecture;

const ANNA: usize = 0;
const BEA: usize = 1;

pub(super) fn all() -> Vec<(&'static str, Trace)> {
    let mut all = vec![
        ("friends-first-words", first_words()),
        ("friends-held", held()),
        ("friends-both-dial", both_dial()),
        ("friends-idle", idle()),
        ("friends-elsewhere", elsewhere()),
    ];
    all.extend(outlaws());
    all
}

fn mix(keys_known: bool) -> Mix {
    Mix { friends: 2, real_signatures: true, keys_known, idle: core::time::Duration::from_secs(7) }
}

/// Anna and Bea, neither of whom runs yet.
fn two(mix: Mix, seed: u64) -> Scene {
    let mut scene = Scene::new(seed);
    scene.add(friend(ANNA, mix));
    scene.add(friend(BEA, mix));
    scene
}

fn all_has_come(event: &Event) -> bool {
    matches!(event, Event::Delivery { reach: Reach::All, .. })
}

fn first_words() -> Trace {
    let mut scene = two(mix(false), 1);
    scene.start(BEA);
    scene.sim.record(ANNA);
    scene.start(ANNA);
    scene.tell(ANNA, "bea", "hello");
    scene.pass(1_000);
    scene.tell(BEA, "anna", "hello yourself");
    scene.pass(1_000);
    assert!(scene.was_told(ANNA, all_has_come) && scene.was_told(BEA, all_has_come));
    scene
        .done("two who know only addresses meet: a draft is signed once the key is known", &["CONTACT-4", "CONTACT-10"])
}

fn held() -> Trace {
    let mut scene = two(mix(true), 2);
    scene.sim.record(ANNA);
    scene.start(ANNA);
    scene.tell(ANNA, "bea", "for when you are back");
    scene.tell(ANNA, "bea", "no hurry");
    assert!(scene.was_told(ANNA, |event| matches!(event, Event::Delivery { reach: Reach::Held, .. })));
    scene.pass(4_000);
    scene.sim.comment("Bea's program starts.");
    scene.start(BEA);
    scene.pass(3_000);
    assert!(scene.was_told(ANNA, all_has_come));
    scene.done("what was held for a friend comes when she is back", &["CONTACT-5", "CONTACT-6"])
}

/// Both dial at once: one of the two links is closed.
fn both_dial() -> Trace {
    for seed in 0.. {
        let mut scene = two(mix(true), seed);
        scene.sim.record(ANNA);
        scene.sim.start(ANNA);
        scene.sim.start(BEA);
        scene.pass(2_000);
        let links = scene.sim.trace().matches("connection ").count();
        if links > 1 {
            scene.tell(ANNA, "bea", "one link is enough");
            scene.pass(1_000);
            assert_eq!(scene.sim.peers(ANNA).len(), 1);
            return scene.done("two friends dial each other at once, and keep one link", &["CONTACT-7"]);
        }
    }
    unreachable!("some seed has them dial at once")
}

fn idle() -> Trace {
    let mut scene = two(mix(true), 4);
    scene.start(BEA);
    scene.sim.record(ANNA);
    scene.start(ANNA);
    scene.tell(ANNA, "bea", "good night");
    scene.pass(10_000);
    assert!(scene.sim.peers(ANNA).is_empty());
    scene.tell(ANNA, "bea", "good morning");
    scene.pass(1_000);
    assert_eq!(scene.sim.peers(ANNA).len(), 1);
    scene.done("an idle link is closed, and dialled again for the next text", &["CONTACT-9"])
}

fn elsewhere() -> Trace {
    let mut scene = two(mix(true), 5);
    scene.start(BEA);
    scene.sim.record(ANNA);
    scene.start(ANNA);
    scene.tell(ANNA, "bea", "from the old computer");
    scene.sim.comment("Anna starts the program on another computer, with the same key.");
    let again = scene.add(friend(ANNA, mix(true)));
    scene.start(again);
    scene.pass(1_000);
    assert!(scene.sim.peers(ANNA).is_empty() && scene.sim.peers(again).len() == 1);
    scene.done("a friend is there in a later run, and the link of the earlier one is closed", &["CONTACT-8"])
}

/// What an outlaw says to Anna, and how it is answered.
fn outlaw(meeting: MeetingId, says: Vec<Encoded>, code: Code) -> Scene {
    let mut scene = Scene::new(20);
    scene.add(friend(ANNA, mix(true)));
    scene.start(ANNA);
    let outlaw = Outlaw::new("node0:1", Purpose::CONTACT, meeting, Some("eve"), says);
    scene.watch(outlaw.spec(&lecture::identity(0xee)));
    scene.pass(3_000);
    assert!(scene.sim.seen().contains_key(code.word()), "{code} is what it gets: {:?}", scene.sim.seen());
    scene
}

fn outlaws() -> Vec<(&'static str, Trace)> {
    let pair = pair_id(identity(ANNA, mix(true)).key(), lecture::identity(0xee).key());
    let join = frame(1, Join { meeting: MeetingId::ZERO, options: Options::NONE });
    vec![
        (
            "friends-another-pair",
            outlaw(MeetingId([0x11; 16]), vec![], Code::NoMeeting).done("HELLO names another pair", &["CONTACT-1"]),
        ),
        ("friends-join", outlaw(pair, vec![join], Code::Unexpected).done("JOIN comes from a friend", &["CONTACT-2"])),
    ]
}
