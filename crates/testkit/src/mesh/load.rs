//! What a room's talk costs on the wire: a room in which nothing goes wrong, and members say so much a second.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use tertulia_core::command::Command;
use tertulia_core::event::{Event, Reach};

use super::cast::{self, DoorCell};
use super::plan::Mix;
use crate::sim::Sim;

/// Everybody is linked with everybody so soon.
const LINKED_MS: u64 = 30_000;
/// So long they talk before it is counted: what is told at a slow pace has begun by then.
const WARM_MS: u64 = 5_000;
/// All have everything so soon after the last line, and its author knows.
const KNOWN_MS: u64 = 5_000;

/// How much is said in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// How many are in it.
    pub members: usize,
    /// How many of them speak, one after the other.
    pub speakers: usize,
    /// Lines a second, of all speakers together.
    pub per_second: u64,
    /// For how long it is counted.
    pub seconds: u64,
}

/// What has come over all links meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Traffic {
    /// Lines that have come to a member, each once.
    pub deliveries: u64,
    /// ENTRY frames for one of these.
    pub entries: f64,
    /// DIGEST frames for one of these.
    pub digests: f64,
    /// Bytes of all frames for one of these, PING's too.
    pub bytes: f64,
    /// After how many milliseconds an author has known that all have a line: on average, and at most.
    pub known_ms: (u64, u64),
}

/// Lets a room talk.
///
/// # Panics
/// If a line does not come to everybody, or its author does not hear that it has.
#[must_use]
pub fn carry(load: Load) -> Traffic {
    let mix = Mix { members: load.members, ..Mix::calm() };
    let mut sim = Sim::new(0, mix.conditions.clone(), None).of_rooms();
    let handed_out = Rc::new(RefCell::new(None));
    for number in 0..load.members {
        let door = DoorCell::new(0.into());
        sim.add(cast::member(number, &door, &format!("member{number}"), &mix, true, &handed_out));
        sim.start(number);
        let pause = sim.now() + 50;
        sim.run_until(pause);
    }
    let is_linked = |sim: &Sim| (0..load.members).all(|node| sim.connections(node).len() + 1 == load.members);
    let patience = sim.now() + LINKED_MS;
    while !is_linked(&sim) {
        assert!(sim.now() < patience, "not all are linked");
        let pause = sim.now() + 100;
        sim.run_until(pause);
    }
    let rest = sim.now() + KNOWN_MS;
    sim.run_until(rest);
    let mut said: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    talk(&mut sim, load, WARM_MS, &mut said);
    let before = sim.seen().clone();
    talk(&mut sim, load, load.seconds * 1_000, &mut said);
    let count = |what| sim.seen().get(what).copied().unwrap_or(0) - before.get(what).copied().unwrap_or(0);
    let [deliveries, entries, digests, bytes] = ["entries", "entry_frames", "digest_frames", "bytes"].map(count);
    let rest = sim.now() + KNOWN_MS;
    sim.run_until(rest);
    let each = |what: u64| what as f64 / deliveries.max(1) as f64;
    let known_ms = known(&sim, load.members, &said);
    Traffic { deliveries, entries: each(entries), digests: each(digests), bytes: each(bytes), known_ms }
}

/// The speakers speak for so long, one after the other; `said`: when each has said what.
fn talk(sim: &mut Sim, load: Load, ms: u64, said: &mut BTreeMap<usize, Vec<u64>>) {
    let begin = sim.now();
    for line in 0..ms * load.per_second / 1_000 {
        sim.run_until(begin + line * 1_000 / load.per_second);
        let speaker = (line % load.speakers as u64) as usize;
        said.entry(speaker).or_default().push(sim.now());
        sim.command(speaker, Command::Say { text: format!("line {line}") });
    }
    sim.run_until(begin + ms);
}

/// After how many milliseconds each has known of each of its lines that all have it: on average, and at most.
fn known(sim: &Sim, members: usize, said: &BTreeMap<usize, Vec<u64>>) -> (u64, u64) {
    let mut waits = Vec::new();
    for (speaker, said) in said {
        let told = sim.told(*speaker).iter().filter_map(|told| match told.event {
            Event::Delivery { number, reach: Reach::All, have, .. } => Some((number, have as usize, told.at)),
            _ => None,
        });
        let told: Vec<_> = told.collect();
        let numbers: Vec<(u64, usize)> = told.iter().map(|(number, have, _)| (*number, *have)).collect();
        let wanted: Vec<(u64, usize)> = (1..=said.len() as u64).map(|number| (number, members - 1)).collect();
        assert_eq!(numbers, wanted, "node {speaker} hears of each line that all have it, once");
        waits.extend(told.iter().zip(said).map(|((.., at), said)| at - said));
    }
    (waits.iter().sum::<u64>() / waits.len().max(1) as u64, waits.iter().copied().max().unwrap_or(0))
}
