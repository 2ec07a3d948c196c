//! What happens in one room: how many come, what their network is like, and what goes wrong.

use tertulia_core::random::Random;

use super::deed::Deed;
use crate::sim::{Conditions, widen};

/// Something that happens, or is done by somebody, at a random time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Say,
    Burst,
    Whisper,
    Rename,
    Join,
    JoinTogether,
    Quit,
    Kick,
    Unban,
    Mute,
    Unmute,
    Lock,
    Unlock,
    Cut,
    CutAll,
    HalfOpen,
    Freeze,
    Partition,
    Crash,
    SilentCrash,
    Stop,
}

/// What people do.
const TALK: [(Act, u64); 4] = [(Act::Say, 20), (Act::Burst, 1), (Act::Whisper, 3), (Act::Rename, 1)];

/// What the founder does in some rooms.
const POLITICS: [(Act, u64); 6] =
    [(Act::Kick, 1), (Act::Unban, 1), (Act::Mute, 1), (Act::Unmute, 1), (Act::Lock, 1), (Act::Unlock, 2)];

/// What happens in some rooms.
const FAULTS: [(Act, u64); 11] = [
    (Act::Join, 2),
    (Act::JoinTogether, 1),
    (Act::Quit, 1),
    (Act::Cut, 6),
    (Act::CutAll, 1),
    (Act::HalfOpen, 1),
    (Act::Freeze, 2),
    (Act::Partition, 2),
    (Act::Crash, 2),
    (Act::SilentCrash, 1),
    (Act::Stop, 1),
];

/// The kind of one room.
#[derive(Clone, Debug)]
pub struct Mix {
    /// How many members come at first, the founder included.
    pub members: usize,
    /// How many there are at most.
    pub members_max: usize,
    /// Within how many milliseconds they come.
    pub coming_ms: u64,
    /// Whether one needs a ticket.
    pub ticket: bool,
    /// Whether the host decides about each who comes.
    pub lobby: bool,
    /// Whether signatures are real ones.
    pub real_signatures: bool,
    /// What somebody does who comes and keeps to no rule, if somebody does.
    pub byzantine: Option<Deed>,
    /// How long things go wrong, in milliseconds.
    pub length_ms: u64,
    /// The longest time between two acts, in milliseconds.
    pub pace_ms: u64,
    /// What the network is like.
    pub conditions: Conditions,
    pub(crate) faults: Vec<(Act, u64)>,
}

impl Mix {
    /// The mix that `seed` decides.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut seed = widen(seed);
        seed[31] = 2;
        let mut dice = Random::new(seed);
        let mut faults: Vec<(Act, u64)> = FAULTS.iter().copied().filter(|_| dice.below(100) < 50).collect();
        if dice.below(3) == 0 {
            faults.extend(POLITICS.iter().filter(|_| dice.below(100) < 60));
        }
        let members = 2 + dice.below(10) as usize;
        let mix = Self {
            members,
            members_max: 12,
            coming_ms: [1, 500, 5_000][dice.below(3) as usize],
            ticket: dice.below(3) == 0,
            lobby: dice.below(4) == 0,
            real_signatures: dice.below(50) == 0,
            byzantine: None,
            length_ms: 5_000 + dice.below(30_000),
            pace_ms: 100 + dice.below(900),
            conditions: Conditions { delay_ms: 1..=10 + dice.below(70), ..Conditions::default() },
            faults,
        };
        let byzantine = (dice.below(4) == 0).then(|| Deed::ALL[dice.below(Deed::ALL.len() as u64) as usize]);
        Self { byzantine, ..mix }
    }

    /// A short room in which nothing goes wrong but connections.
    #[must_use]
    pub fn calm() -> Self {
        Self {
            members: 5,
            members_max: 5,
            coming_ms: 500,
            ticket: false,
            lobby: false,
            real_signatures: false,
            byzantine: Some(Deed::SignsTwice),
            length_ms: 15_000,
            pace_ms: 300,
            conditions: Conditions::default(),
            faults: vec![(Act::Cut, 3)],
        }
    }

    /// The same room, where somebody keeps to no rule in this way.
    #[must_use]
    pub fn with(self, deed: Deed) -> Self {
        Self { byzantine: Some(deed), ..self }
    }

    /// Whether the founder shows people out, mutes them, or locks the door.
    pub(super) fn has_politics(&self) -> bool {
        self.faults.iter().any(|(act, _)| POLITICS.iter().any(|(political, _)| act == political))
    }

    /// What is done next: only talk while people are coming.
    pub(super) fn next_act(&self, dice: &mut Random, with_faults: bool) -> Act {
        let faults = if with_faults { &self.faults[..] } else { &[] };
        let acts = || TALK.iter().chain(faults);
        let mut at = dice.below(acts().map(|(_, weight)| weight).sum());
        for (act, weight) in acts() {
            if at < *weight {
                return *act;
            }
            at -= weight;
        }
        Act::Say
    }
}
