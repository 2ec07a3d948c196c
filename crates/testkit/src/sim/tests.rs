//! The simulator itself, with a machine that does as little as a machine can.

use std::sync::Arc;
use std::time::Duration;

use tertulia_core::event::{Ending, Notice};
use tertulia_core::id::{MeetingId, RequestId, Salt};
use tertulia_core::identity::{Identity, Secret};
use tertulia_core::log::{Log, StreamId};
use tertulia_core::machine::{Machine, Output};
use tertulia_core::time::{Now, Timers};
use tertulia_core::wire::Frame;
use tertulia_core::wire::entry::EntryBody;
use tertulia_core::wire::field::Text;
use tertulia_core::wire::meeting::{Lane, Meeting};
use tertulia_core::wire::option::Options;
use tertulia_core::wire::session::{Hello, Purpose};

use super::*;
use crate::scheme::Hashed;

const MEETING: MeetingId = MeetingId([7; 16]);

/// Sends its whole log to whoever is linked; whoever dialled dials again.
#[derive(Clone, Debug)]
struct Parrot {
    us: Identity,
    log: Log,
    dials: Option<(String, Option<Key>)>,
    attempts: u64,
    timers: Timers<u8>,
}

impl Parrot {
    fn dial(&mut self, out: &mut Vec<Output>) {
        let Some((address, peer)) = self.dials.clone() else { return };
        self.attempts += 1;
        let hello = Hello { purpose: Purpose::STAR, meeting: MEETING, started_ms: 1, options: Options::NONE };
        let hello = Frame::from(hello).encode(RequestId::EVENT);
        out.push(Output::Dial { id: DialId(self.attempts), peer, addresses: vec![address], hello });
    }

    fn warn(out: &mut Vec<Output>, what: &str, of: &str) {
        out.push(Output::Event(Event::Warning(Notice::Untraced(format!("{what} {of}")))));
    }
}

impl Machine for Parrot {
    fn handle(&mut self, input: Input<'_>, now: Now, out: &mut Vec<Output>) {
        match input {
            Input::Start => {
                for (at, entry) in self.log.ring().iter() {
                    out.push(Output::Append { entry: Arc::clone(entry), at, dropped: 0 });
                }
                self.dial(out);
            }
            Input::Up { link, .. } => {
                Self::warn(out, "up", "");
                out.push(Output::Follow { link, start: tertulia_core::feed::Start::default() });
            }
            Input::Frame { frame: Frame::Meeting(Meeting::EntryFrame(entry)), .. } => {
                Self::warn(out, "got", &entry.entry.entry.number.to_string());
            }
            Input::Frame { .. } => {}
            Input::Down { code, .. } | Input::Unreachable { code, .. } => {
                Self::warn(out, "down", code.word());
                self.timers.arm(0, now.tick.after(Duration::from_millis(500)));
            }
            // Somebody has shown that this node wrote two versions.
            Input::Command { id, command: Command::End } => {
                self.log.void(StreamId { author: self.us.key(), session: 1, lane: Lane::Talk }, 2);
                out.extend(self.log.unkept().into_iter().map(|record| Output::Store { meeting: MEETING, record }));
                out.push(Output::Event(Event::Done { id }));
            }
            Input::Command { id, command: Command::Say { text } } => {
                let body = EntryBody::Text { salt: Salt::ZERO, text: Text::new(&text).unwrap() };
                let entry = self.log.write(&self.us, 1, &body, now).unwrap();
                out.extend(self.log.unkept().into_iter().map(|record| Output::Store { meeting: MEETING, record }));
                out.push(Output::Append { entry, at: self.log.ring().head() - 1, dropped: 0 });
                out.push(Output::Event(Event::Done { id }));
            }
            Input::Command { .. } => {
                out.push(Output::Event(Event::Closed { code: Code::Left, ending: Ending::Left }));
            }
        }
    }

    fn handle_timeout(&mut self, now: Now, out: &mut Vec<Output>) {
        while self.timers.expire(now.tick).is_some() {
            self.dial(out);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    fn logs(&self) -> Vec<&Log> {
        vec![&self.log]
    }

    fn assert_invariants(&self) {}
}

fn identity(number: u8) -> Identity {
    Identity::new(Secret([number; 32]), Arc::new(Hashed))
}

fn parrot(number: u8, dials: Option<(&str, Option<Key>)>) -> NodeSpec {
    let (us, dials) = (identity(number), dials.map(|(address, key)| (address.to_string(), key)));
    let key = us.key();
    let maker: Maker = Box::new(move |boot| {
        let log = boot.disk.log(MEETING, 1_000);
        Box::new(Parrot { us: us.clone(), log, dials: dials.clone(), attempts: 0, timers: Timers::default() })
    });
    NodeSpec { key, maker, talk_max: 1_000 }
}

/// A node that listens, and one that dials it.
fn pair(seed: u64, conditions: Conditions) -> Sim {
    let mut sim = Sim::new(seed, conditions, None);
    sim.add(parrot(1, None));
    sim.add(parrot(2, Some(("node0:1", Some(identity(1).key())))));
    sim.start(0);
    sim.start(1);
    sim
}

fn say(sim: &mut Sim, node: usize, text: &str) {
    sim.command(node, Command::Say { text: text.into() });
}

/// Of what a node was warned about `what`.
fn warned(sim: &Sim, node: usize, what: &str) -> Vec<String> {
    let warnings = sim.told(node).iter().filter_map(|told| match &told.event {
        Event::Warning(Notice::Untraced(text)) => text.split_once(' ').filter(|(found, _)| *found == what),
        _ => None,
    });
    let warnings = warnings.map(|(_, of)| of.to_string());
    warnings.collect()
}

#[test]
fn what_is_said_arrives_once_and_in_order() {
    let mut sim = pair(1, Conditions::default());
    for number in 0..50 {
        say(&mut sim, 0, "hear, hear");
        sim.run_until(number * 10);
    }
    sim.run_until(2_000);
    assert_eq!(warned(&sim, 1, "got"), (1..=50).map(|number| number.to_string()).collect::<Vec<_>>());
    assert!(sim.told(1).iter().all(|told| told.at <= 700), "40 ms one way at most");
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_gives_another() {
    let run = |seed| {
        let mut sim = pair(seed, Conditions::default());
        for round in 0..40 {
            say(&mut sim, 0, "hear, hear");
            sim.run_until(round * 700);
            if let (true, Some(connection)) = (sim.chance(20), sim.standing().first()) {
                sim.cut(*connection);
            }
        }
        sim.run_until(60_000);
        sim.trace().to_string()
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}

#[test]
fn a_cut_is_seen_at_both_ends_and_loses_some_of_what_was_on_its_way() {
    let mut lost = BTreeSet::new();
    for seed in 0..40 {
        let mut sim = pair(seed, Conditions { delay_ms: 100..=100, ..Conditions::default() });
        sim.run_until(1_000);
        for _ in 0..5 {
            say(&mut sim, 0, "hear, hear");
        }
        let before = warned(&sim, 1, "got").len();
        sim.cut(sim.standing()[0]);
        sim.run_until(1_400);
        assert_eq!(
            [0, 1].map(|node| warned(&sim, node, "down")),
            [vec!["cut"], vec!["cut"]].map(|codes| codes.into_iter().map(String::from).collect::<Vec<_>>())
        );
        lost.insert(warned(&sim, 1, "got").len() - before);
    }
    assert!(lost.len() > 3 && lost.contains(&0) && lost.contains(&5), "{lost:?}");
}

#[test]
fn an_end_that_hears_nothing_gives_up_after_15_s_and_tells_the_other() {
    let mut sim = pair(3, Conditions::default());
    sim.run_until(1_000);
    sim.make_half_open(sim.standing()[0], 0);
    sim.run_until(10_000);
    assert_eq!(warned(&sim, 1, "down"), Vec::<String>::new());
    sim.run_until(17_000);
    assert_eq!([0, 1].map(|node| warned(&sim, node, "down")[0].clone()), ["silent", "silent"]);
    assert_eq!(warned(&sim, 1, "up").len(), 2, "and it dials again");
}

#[test]
fn a_reader_that_does_not_read_is_slow_after_10_s() {
    let mut sim = pair(4, Conditions { buffer: 1_000, ..Conditions::default() });
    sim.run_until(1_000);
    sim.deafen(1, 60_000);
    for _ in 0..100 {
        say(&mut sim, 0, "hear, hear");
    }
    sim.run_until(10_900);
    assert_eq!(warned(&sim, 0, "down"), Vec::<String>::new());
    sim.run_until(12_000);
    assert_eq!(warned(&sim, 0, "down"), ["slow"]);
    assert!(sim.seen().contains_key("backpressure"));
}

#[test]
fn what_is_blocked_or_frozen_arrives_later_and_in_order() {
    for frozen in [false, true] {
        let mut sim = pair(5, Conditions::default());
        sim.run_until(1_000);
        if frozen {
            sim.freeze(sim.standing()[0], 5_000);
        } else {
            sim.block(0, 1);
        }
        for _ in 0..10 {
            say(&mut sim, 0, "hear, hear");
        }
        sim.run_until(5_900);
        assert_eq!(warned(&sim, 1, "got"), Vec::<String>::new());
        sim.unblock(0, 1);
        sim.run_until(7_000);
        assert_eq!(warned(&sim, 1, "got"), (1..=10).map(|number| number.to_string()).collect::<Vec<_>>());
    }
}

#[test]
fn whoever_dials_another_key_is_told_so() {
    let mut sim = Sim::new(6, Conditions::default(), None);
    sim.add(parrot(1, None));
    sim.add(parrot(2, Some(("node0:1", Some(identity(9).key())))));
    sim.add(parrot(3, Some(("node9:1", None))));
    sim.add(parrot(1, Some(("node0:1", None))));
    (0..4).for_each(|node| sim.start(node));
    sim.run_until(400);
    assert_eq!([1, 2, 3].map(|node| warned(&sim, node, "down")[0].clone()), ["wrong_key", "unreachable", "self"]);
    assert_eq!(warned(&sim, 0, "up"), Vec::<String>::new());
}

#[test]
fn a_crash_loses_all_but_the_disk() {
    for silent in [false, true] {
        let mut sim = pair(7, Conditions::default());
        sim.run_until(1_000);
        say(&mut sim, 0, "one");
        say(&mut sim, 0, "two");
        sim.crash(0, silent);
        sim.run_until(3_000);
        assert_eq!(warned(&sim, 1, "down").is_empty(), silent);
        sim.start(0);
        say(&mut sim, 0, "three");
        sim.run_until(6_000);
        let got = warned(&sim, 1, "got");
        assert_eq!(got[got.len() - 3..], ["1", "2", "3"]);
        assert_eq!(sim.talk_stored(0), 3);
    }
}

#[test]
fn a_disk_that_forgets_a_fork_is_seen() {
    let play = |canary| {
        let mut sim = Sim::new(7, Conditions::default(), canary);
        sim.add(parrot(1, None));
        sim.start(0);
        ["one", "two", "three"].into_iter().for_each(|text| say(&mut sim, 0, text));
        sim.command(0, Command::End);
        sim.crash(0, false);
        sim.start(0);
    };
    play(None);
    let seen = std::panic::catch_unwind(|| play(Some(Canary::ForkForgotten))).unwrap_err();
    let seen = seen.downcast_ref::<String>().unwrap();
    assert!(seen.contains("a restart finds another log"), "{seen}");
}

#[test]
fn a_stopped_process_does_nothing_and_its_peer_notices() {
    let mut sim = pair(8, Conditions::default());
    sim.run_until(1_000);
    sim.stop(0, 40_000);
    sim.run_until(20_000);
    assert_eq!(warned(&sim, 1, "down")[0], "silent");
    assert_eq!(warned(&sim, 0, "down"), Vec::<String>::new());
    sim.run_until(50_000);
    assert_eq!(warned(&sim, 0, "down").len(), 1);
    assert_eq!(sim.peers(1), [identity(1).key()]);
}

#[test]
fn a_machine_that_is_over_says_goodbye_and_listens_no_more() {
    let mut sim = pair(9, Conditions::default());
    sim.run_until(1_000);
    sim.command(0, Command::Quit);
    assert!(!sim.is_running(0));
    sim.run_until(3_000);
    assert_eq!(warned(&sim, 1, "down")[..2], ["left", "unreachable"]);
}
