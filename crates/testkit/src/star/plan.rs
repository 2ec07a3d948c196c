//! What happens in one lecture: how big it is, what its network is like, and which faults it has.

use tertulia_core::random::Random;

use super::liar::Lie;
use crate::sim::{Conditions, widen};

/// Something that happens, or is done by somebody, at a random time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Say,
    Burst,
    Ask,
    AskBadly,
    TellHost,
    TellGuest,
    Rename,
    RenameToTaken,
    RenameHost,
    Kick,
    Unban,
    Mute,
    Unmute,
    Lock,
    Unlock,
    Quit,
    Twin,
    Cut,
    HalfOpen,
    Freeze,
    Partition,
    OneWay,
    CrashGuest,
    CrashHost,
    StopHost,
    Stop,
    Deafen,
    Jump,
    LoseDisk,
}

/// What people do, and how often: always.
const TALK: [(Act, u64); 7] = [
    (Act::Say, 20),
    (Act::Burst, 2),
    (Act::Ask, 12),
    (Act::TellHost, 3),
    (Act::TellGuest, 3),
    (Act::Rename, 2),
    (Act::RenameToTaken, 1),
];

/// What people do in some lectures.
const POLITICS: [(Act, u64); 10] = [
    (Act::AskBadly, 2),
    (Act::RenameHost, 1),
    (Act::Kick, 1),
    (Act::Unban, 1),
    (Act::Mute, 1),
    (Act::Unmute, 1),
    (Act::Lock, 1),
    (Act::Unlock, 1),
    (Act::Quit, 1),
    (Act::Twin, 1),
];

/// What goes wrong in some lectures.
const FAULTS: [(Act, u64); 12] = [
    (Act::Cut, 6),
    (Act::HalfOpen, 2),
    (Act::Freeze, 3),
    (Act::Partition, 2),
    (Act::OneWay, 2),
    (Act::CrashGuest, 3),
    (Act::CrashHost, 2),
    (Act::StopHost, 1),
    (Act::Stop, 1),
    (Act::Deafen, 2),
    (Act::Jump, 1),
    (Act::LoseDisk, 1),
];

/// The kind of one lecture.
#[derive(Clone, Debug)]
pub struct Mix {
    /// How many guests there are.
    pub guests: usize,
    /// How many lines the host and its guests keep.
    pub talk_max: usize,
    /// How many lines a newcomer is served; `u32::MAX`: all.
    pub history: u32,
    /// Whether one needs a ticket.
    pub ticket: bool,
    /// Whether the host decides about each who comes.
    pub lobby: bool,
    /// Whether signatures are real ones.
    pub real_signatures: bool,
    /// How long the safety phase is, in milliseconds.
    pub length_ms: u64,
    /// The longest time between two acts, in milliseconds.
    pub pace_ms: u64,
    /// What the network is like.
    pub conditions: Conditions,
    /// What the host lies about, if it does.
    pub lie: Option<Lie>,
    acts: Vec<(Act, u64)>,
}

impl Mix {
    /// The mix that `seed` decides.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut seed = widen(seed);
        seed[31] = 1;
        let mut dice = Random::new(seed);
        let mut acts = TALK.to_vec();
        // A lecture with every fault at once shows less than one with a few: so each is there or not.
        let some = |dice: &mut Random, acts: &mut Vec<(Act, u64)>, from: &[(Act, u64)], percent| {
            acts.extend(from.iter().filter(|_| dice.below(100) < percent));
        };
        some(&mut dice, &mut acts, &POLITICS, 50);
        some(&mut dice, &mut acts, &FAULTS, 40);
        let slow = dice.below(4) == 0;
        let small = dice.below(4) == 0;
        Self {
            guests: 2 + dice.below(11) as usize,
            talk_max: if dice.below(4) == 0 { 15 } else { 10_000 },
            history: if dice.below(5) == 0 { dice.below(6) as u32 } else { u32::MAX },
            ticket: dice.below(3) == 0,
            lobby: dice.below(4) == 0,
            real_signatures: dice.below(50) == 0,
            length_ms: 10_000 + dice.below(50_000),
            pace_ms: 100 + dice.below(900),
            conditions: Conditions {
                delay_ms: 1..=if slow { 800 } else { 60 },
                bytes_per_ms: if slow { 20 } else { 10_000 },
                buffer: if small { 4_000 } else { 262_144 },
            },
            lie: Lie::ALL.get(dice.below(4 * Lie::ALL.len() as u64) as usize).copied(),
            acts,
        }
    }

    /// The mix that `seed` decides of lectures in which connections are cut, and nothing else goes wrong.
    #[must_use]
    pub fn cuts(seed: u64) -> Self {
        let mut acts = TALK.to_vec();
        acts.push((Act::Cut, 6));
        let conditions = Conditions { delay_ms: 1..=100, ..Conditions::default() };
        Self { conditions, acts, history: u32::MAX, lobby: false, lie: None, ..Self::draw(seed) }
    }

    /// A short lecture in which nothing goes wrong but connections.
    #[must_use]
    pub fn calm() -> Self {
        let mut acts = TALK.to_vec();
        acts.push((Act::Cut, 3));
        let delay_ms = 1..=60;
        Self {
            guests: 3,
            talk_max: 10_000,
            history: u32::MAX,
            ticket: false,
            lobby: false,
            real_signatures: false,
            length_ms: 20_000,
            pace_ms: 300,
            conditions: Conditions { delay_ms, ..Conditions::default() },
            lie: None,
            acts,
        }
    }

    /// The same, with a host that lies.
    #[must_use]
    pub fn lying(self, lie: Lie) -> Self {
        Self { lie: Some(lie), ..self }
    }

    /// Whether nothing goes wrong but that connections are cut, on a network that holds nobody up.
    pub(super) fn only_cuts(&self) -> bool {
        let (usual, here) = (Conditions::default(), &self.conditions);
        let is_cut_or_talk = |(act, _): &(Act, u64)| *act == Act::Cut || TALK.iter().any(|(talk, _)| talk == act);
        let is_fast = (here.bytes_per_ms, here.buffer) == (usual.bytes_per_ms, usual.buffer);
        is_fast && !self.lobby && self.acts.iter().all(is_cut_or_talk)
    }

    pub(super) fn next_act(&self, dice: &mut Random) -> Act {
        let total = self.acts.iter().map(|(_, weight)| weight).sum();
        let mut at = dice.below(total);
        for (act, weight) in &self.acts {
            if at < *weight {
                return *act;
            }
            at -= weight;
        }
        Act::Say
    }
}
