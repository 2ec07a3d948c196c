//! A room: who comes in and how, what is said, and why somebody is turned away.

use tertulia_core::code::Code;
use tertulia_core::command::{Command, With, Words};
use tertulia_core::event::{Event, Kind, Origin};
use tertulia_core::id::{MeetingId, Token};
use tertulia_core::trace::Trace;
use tertulia_core::wire::Encoded;
use tertulia_core::wire::field::{List, Text};
use tertulia_core::wire::meeting::{Join, Presence};
use tertulia_core::wire::option::Options;
use tertulia_core::wire::private::Tell;
use tertulia_core::wire::session::Purpose;

use super::{Outlaw, Scene, frame};
use crate::lecture::identity;
use crate::mesh::Mix;
use crate::mesh::cast::{DoorCell, HandedOut, charter, member};

const NO_OPTIONS: Options<'static> = Options::NONE;

pub(super) fn all() -> Vec<(&'static str, Trace)> {
    let mut all = vec![
        ("room-two", two()),
        ("room-third", third()),
        ("room-two-at-once", two_at_once()),
        ("room-elsewhere", elsewhere()),
        ("room-through-another", through_another()),
        ("room-ticket", ticket()),
        ("room-removed", removed()),
    ];
    all.extend(lobby());
    all.extend(turned_away());
    all.extend(outlaws());
    all
}

fn mix() -> Mix {
    Mix { real_signatures: true, ..Mix::calm() }
}

fn founded(mix: &Mix, seed: u64) -> Scene {
    let mut scene = Scene::new(seed);
    let ada = scene.add(member(0, &DoorCell::default(), "ada", mix, false, &HandedOut::default()));
    scene.start(ada);
    scene
}

/// Somebody who knocks at the node `door`.
fn newcomer(number: usize, door: usize, name: &str, mix: &Mix) -> crate::sim::NodeSpec {
    member(number, &DoorCell::new(door.into()), name, mix, false, &HandedOut::default())
}

/// A room in which bea is already.
fn with_bea(mix: &Mix, seed: u64) -> Scene {
    let mut scene = founded(mix, seed);
    let bea = scene.add(newcomer(1, 0, "bea", mix));
    scene.start(bea);
    scene
}

fn two() -> Trace {
    let mut scene = founded(&mix(), 1);
    let bea = scene.watch(newcomer(1, 0, "bea", &mix()));
    scene.say(0, "welcome");
    scene.say(bea, "hello all");
    scene.tell(bea, "ada", "who else comes?");
    scene.command(bea, Command::Name { name: "beatrix".into() });
    scene.pass(1_500);
    scene.quit(bea);
    assert_eq!(scene.closed(bea), Some(Code::Left));
    let covers = ["MESH-1", "MESH-11", "MESH-12", "MESH-18", "MESH-19"];
    scene.done("a newcomer joins a room of one, talks, whispers, renames itself and leaves", &covers)
}

fn third() -> Trace {
    let mut scene = with_bea(&mix(), 2);
    scene.say(0, "before she came");
    let cleo = scene.watch(newcomer(2, 1, "cleo", &mix()));
    scene.pass(1_500);
    scene.say(cleo, "hello all");
    scene.say(0, "welcome");
    scene.pass(1_500);
    assert_eq!(scene.sim.peers(cleo).len(), 2);
    scene.done("the third comes in by the second, and links with both", &["MESH-1", "MESH-5", "MESH-16"])
}

/// What is taken back goes to a newcomer without its body.
fn removed() -> Trace {
    let mut scene = founded(&mix(), 14);
    scene.say(0, "my secret");
    let said = |event: &Event| match event {
        Event::Message { kind: Kind::Text(origin), text, .. } if text == "my secret" => Some(*origin),
        _ => None,
    };
    let Origin { author, session, number, .. } = scene.sim.told(0).iter().find_map(|told| said(&told.event)).unwrap();
    scene.command(0, Command::Retract { words: Words::At { author, session, number } });
    let bea = scene.watch(newcomer(1, 0, "bea", &mix()));
    scene.pass(1_000);
    assert!(scene.was_told(bea, |event| matches!(event, Event::Message { kind: Kind::Removed(..), .. })));
    assert!(!scene.was_told(bea, |event| said(event).is_some()));
    scene.done("what was taken back comes to a newcomer without its body", &["ENTRY-8", "RETRACT-2", "RETRACT-4"])
}

/// Two newcomers dial each other at once: one of their links is closed.
fn two_at_once() -> Trace {
    for seed in 0.. {
        let mut scene = founded(&mix(), seed);
        let bea = scene.add(newcomer(1, 0, "bea", &mix()));
        let cleo = scene.add(newcomer(2, 0, "cleo", &mix()));
        scene.sim.record(bea);
        scene.sim.start(bea);
        scene.start(cleo);
        scene.pass(2_000);
        if scene.sim.seen().contains_key(Code::Duplicate.word()) {
            assert_eq!(scene.sim.peers(bea).len(), 2);
            return scene.done("two newcomers dial each other at once, and keep one link", &["MESH-4"]);
        }
    }
    unreachable!("some seed has them dial at once")
}

fn elsewhere() -> Trace {
    let mut scene = founded(&mix(), 4);
    let bea = scene.watch(newcomer(1, 0, "bea", &mix()));
    scene.sim.comment("Bea joins once more, from another computer with the same key.");
    let again = scene.add(newcomer(1, 0, "bea", &mix()));
    scene.start(again);
    scene.pass(1_000);
    assert_eq!(scene.closed(bea), Some(Code::Superseded));
    scene.done("a key joins again in a later run, and the earlier one leaves", &["JOIN-10"])
}

fn through_another() -> Trace {
    let mut scene = with_bea(&mix(), 5);
    let cleo = scene.watch(newcomer(2, 0, "cleo", &mix()));
    scene.pass(1_500);
    scene.sim.comment("The link of cleo and ada is cut, and there is no way for another.");
    // bea's was the first, and cleo's with her is the third.
    let with_ada = scene.sim.standing()[1];
    scene.sim.cut(with_ada);
    scene.pass(50);
    for (from, to) in [(0, cleo), (cleo, 0)] {
        scene.sim.block(from, to);
    }
    scene.pass(2_000);
    scene.say(0, "can cleo read this?");
    scene.pass(5_000);
    let came = |event: &Event| matches!(event, Event::Message { text, .. } if text == "can cleo read this?");
    assert!(scene.was_told(cleo, came));
    scene.done("what one member cannot send is pulled from another", &["MESH-13"])
}

fn ticket() -> Trace {
    let mix = Mix { ticket: true, ..mix() };
    let mut scene = founded(&mix, 6);
    let bea = scene.watch(newcomer(1, 0, "bea", &mix));
    assert!(scene.was_told(bea, |event| matches!(event, Event::Ready { .. })));
    scene.done("a newcomer shows a ticket, and its grant carries the proof", &["MESH-1", "ROSTER-7"])
}

fn lobby() -> Vec<(&'static str, Trace)> {
    let mix = Mix { lobby: true, ..mix() };
    let admit = |scene: &mut Scene| scene.command(0, Command::Admit { name: None });
    let mut admitted = founded(&mix, 7);
    let bea = admitted.watch(newcomer(1, 0, "bea", &mix));
    admit(&mut admitted);
    admitted.pass(1_000);
    assert!(admitted.was_told(bea, |event| matches!(event, Event::Ready { .. })));

    let mut denied = founded(&mix, 8);
    let bea = denied.watch(newcomer(1, 0, "bea", &mix));
    denied.command(0, Command::Deny { name: "bea".into(), why: "members only".into() });
    assert_eq!(denied.closed(bea), Some(Code::Denied));

    let mut elsewhere = founded(&mix, 9);
    let bea = elsewhere.add(newcomer(1, 0, "bea", &mix));
    elsewhere.start(bea);
    admit(&mut elsewhere);
    elsewhere.pass(1_000);
    let cleo = elsewhere.watch(newcomer(2, bea, "cleo", &mix));
    elsewhere.pass(12_000);
    assert_eq!(elsewhere.closed(cleo), Some(Code::NotHost));
    vec![
        ("room-admitted", admitted.done("a newcomer waits until the host lets it in", &["LOBBY-1", "LOBBY-2"])),
        ("room-denied", denied.done("a newcomer is told why the host does not let it in", &["LOBBY-6"])),
        ("room-not-host", elsewhere.done("a member that is no host takes no knocks", &["LOBBY-8"])),
    ]
}

fn turned_away() -> Vec<(&'static str, Trace)> {
    let mut locked = founded(&mix(), 10);
    locked.command(0, Command::Lock);
    let bea = locked.watch(newcomer(1, 0, "bea", &mix()));
    locked.pass(12_000);
    assert_eq!(locked.closed(bea), Some(Code::Locked));

    let mut banned = founded(&mix(), 11);
    let bea = banned.watch(newcomer(1, 0, "bea", &mix()));
    banned.command(0, Command::Kick { name: "bea".into(), why: "noise".into(), with: With::default() });
    assert_eq!(banned.closed(bea), Some(Code::Kicked));
    banned.sim.comment("bea tries again.");
    banned.pass(1_000);
    banned.start(bea);
    banned.pass(12_000);
    assert_eq!(banned.closed(bea), Some(Code::Banned), "{}", banned.sim.trace());

    let mut ended = founded(&mix(), 12);
    let bea = ended.watch(newcomer(1, 0, "bea", &mix()));
    ended.command(0, Command::End);
    assert_eq!(ended.closed(bea), Some(Code::Ended));

    let mut taken = with_bea(&mix(), 13);
    let other = taken.watch(newcomer(2, 0, "bea", &mix()));
    taken.pass(1_500);
    assert!(taken.was_told(other, |event| matches!(event, Event::Ready { name, .. } if name == "bea-2")));
    vec![
        ("room-locked", locked.done("a locked room takes nobody new", &["JOIN-5"])),
        ("room-banned", banned.done("somebody is shown out, and stays out", &["JOIN-4", "MESH-8"])),
        ("room-ended", ended.done("the founder ends the room", &["MESH-8"])),
        ("room-name-taken", taken.done("a newcomer whose name is taken comes with a number", &["JOIN-7", "JOIN-13"])),
    ]
}

/// What an outlaw of this purpose says, and how it is answered.
fn outlaw(mix: &Mix, purpose: Purpose, name: Option<&str>, says: Vec<Encoded>, code: Code) -> Scene {
    let mut scene = founded(mix, 20);
    let outlaw = Outlaw::new("node0:1", purpose, MeetingId::ZERO, name, says);
    scene.watch(outlaw.spec(&identity(0xee)));
    scene.pass(6_000);
    assert!(scene.sim.seen().contains_key(code.word()), "{code} is what it gets: {:?}", scene.sim.seen());
    scene
}

fn outlaws() -> Vec<(&'static str, Trace)> {
    let join = |meeting| frame(1, Join { meeting, options: NO_OPTIONS });
    let any = || join(MeetingId::ZERO);
    let tell = Tell { token: Token([0x54; 16]), text: Text::new("psst").unwrap(), options: NO_OPTIONS };
    let presence = Presence { guests: 0, people: List::over(0, &[]), options: NO_OPTIONS };
    let other = MeetingId([0x11; 16]);
    assert_ne!(other, charter(&mix()).meeting);
    let (mesh, bea, ticketed) = (Purpose::MESH, Some("bea"), Mix { ticket: true, ..mix() });
    let play = |mix: &Mix, says, code| outlaw(mix, mesh, bea, says, code);
    vec![
        (
            "room-ticket-needed",
            play(&ticketed, vec![any()], Code::TicketNeeded).done("somebody comes without a ticket", &["JOIN-3"]),
        ),
        (
            "room-another-meeting",
            play(&mix(), vec![join(other)], Code::NoMeeting).done("another meeting is looked for here", &["JOIN-2"]),
        ),
        (
            "room-join-twice",
            play(
                &mix(),
                vec![any(), frame(2, Join { meeting: MeetingId::ZERO, options: NO_OPTIONS })],
                Code::Unexpected,
            )
            .done("JOIN comes twice", &["JOIN-1"]),
        ),
        (
            "room-before-welcome",
            play(&mix(), vec![frame(1, tell)], Code::Unexpected).done("a private text comes before JOIN", &["MESH-2"]),
        ),
        (
            "room-presence",
            play(&mix(), vec![any(), frame(0, presence)], Code::Unexpected)
                .done("PRESENCE comes from a member of a room", &["MESH-3"]),
        ),
        ("room-no-join", play(&mix(), vec![], Code::Silent).done("JOIN does not come", &["JOIN-9"])),
        (
            "room-no-name",
            outlaw(&mix(), mesh, None, vec![any()], Code::Malformed).done("HELLO comes without a name", &["JOIN-12"]),
        ),
        (
            "room-wrong-kind",
            outlaw(&mix(), Purpose::STAR, bea, vec![any()], Code::WrongKind)
                .done("a guest of a lecture comes to a room", &["JOIN-14"]),
        ),
    ]
}
