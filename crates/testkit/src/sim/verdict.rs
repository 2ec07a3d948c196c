//! The user of a host with a lobby: decides about each who knocks, soon.

use std::collections::{BTreeMap, BTreeSet};

use tertulia_core::command::Command;
use tertulia_core::event::Event;
use tertulia_core::id::Key;

use super::Sim;

/// How long a user thinks, at most.
const THINKS_MS: u64 = 1_000;
/// What who is not let in is told.
pub(crate) const WHY: &str = "not tonight";

/// Whom a host's user has still to decide about, and whom it has let in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Doorkeeper {
    due: Vec<(u64, String)>,
    /// Who has knocked last under each name, and whose digits these are.
    knocked: BTreeMap<String, Key>,
    /// Names under which several have knocked.
    shared: BTreeSet<String>,
    admitted: BTreeSet<Key>,
    /// Everybody is let in.
    pub(crate) is_kind: bool,
}

impl Doorkeeper {
    /// Somebody has knocked.
    pub(crate) fn on_knock(&mut self, event: &Event, sim: &mut Sim) {
        if let Event::Knock { name, key, .. } = event {
            sim.sometimes("knock");
            let at = sim.now() + sim.dice().below(THINKS_MS);
            let was_anothers = self.knocked.insert(name.clone(), *key).is_some_and(|other| other != *key);
            if was_anothers {
                self.shared.insert(name.clone());
            }
            // SPEC LOBBY-11
            let whom = if self.shared.contains(name) { key.to_hex() } else { name.clone() };
            self.knocked.insert(whom.clone(), *key);
            self.due.push((at, whom));
        }
    }

    /// When the next decision is due.
    pub(crate) fn next(&self) -> Option<u64> {
        self.due.iter().map(|(at, ..)| *at).min()
    }

    /// Nothing can be decided before `at`.
    pub(crate) fn put_off(&mut self, at: u64) {
        self.due.iter_mut().for_each(|(due, _)| *due = at.max(*due));
    }

    /// What the user decides now.
    pub(crate) fn decide(&mut self, sim: &mut Sim) -> Option<Command> {
        let at = self.due.iter().position(|(at, ..)| *at <= sim.now())?;
        let (_, name) = self.due.remove(at);
        let denies = sim.chance(15) && !self.is_kind;
        if denies {
            return Some(Command::Deny { name, why: WHY.into() });
        }
        let all = sim.chance(20);
        if all {
            self.due.clear();
            self.admitted.extend(self.knocked.values());
        }
        self.admitted.extend(self.knocked.get(&name));
        Some(Command::Admit { name: (!all).then_some(name) })
    }

    /// Nobody comes in whom the user has not let in.
    pub(crate) fn check(&self, key: Key) {
        assert!(self.admitted.contains(&key), "{key} is in, and nobody has let it in");
    }
}
