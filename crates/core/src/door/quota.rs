//! How often somebody may try to come in (SPEC.md, "Admission").

use core::time::Duration;

use crate::id::{Key, Source};
use crate::limits;
use crate::rule::Rule;
use crate::time::{Instant, Timers};

/// How often each key has come lately, and how many from each source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Door {
    joins: Tally<Key>,
    rejoins: Tally<Key>,
    newcomers: Tally<Source>,
}

impl Door {
    /// Somebody new.
    ///
    /// # Errors
    /// JOIN-8.
    pub(crate) fn count(&mut self, guest: Key, now: Instant) -> Result<(), Rule> {
        self.joins.count(guest, limits::JOIN_BURST, limits::JOIN_INTERVAL, now, Rule::Join8)
    }

    /// Somebody who is in, or has a pass.
    ///
    /// # Errors
    /// JOIN-15.
    pub(crate) fn count_again(&mut self, guest: Key, now: Instant) -> Result<(), Rule> {
        self.rejoins.count(guest, limits::REJOIN_BURST, limits::REJOIN_INTERVAL, now, Rule::Join15)
    }

    /// Somebody new in a room, whom everybody there will dial.
    ///
    /// # Errors
    /// JOIN-8, MESH-24.
    pub(crate) fn count_newcomer(&mut self, guest: Key, source: Source, now: Instant) -> Result<(), Rule> {
        self.joins.look(guest, limits::JOIN_BURST, limits::JOIN_INTERVAL, now, Rule::Join8)?;
        self.newcomers.count(source, limits::NEWCOMER_BURST, limits::NEWCOMER_INTERVAL, now, Rule::Mesh24)?;
        // Only who is let in counts.
        self.count(guest, now)
    }
}

/// Buckets that are forgotten once they are full again: when that will be.
#[derive(Clone, Debug)]
struct Tally<K: Ord>(Timers<K>);

impl<K: Ord + Copy> Default for Tally<K> {
    fn default() -> Self {
        Self(Timers::default())
    }
}

impl<K: Ord + Copy> Tally<K> {
    /// Takes one of `burst` that are there at most, of which one comes each `interval`.
    fn count(&mut self, key: K, burst: u32, interval: Duration, now: Instant, rule: Rule) -> Result<(), Rule> {
        let full_at = self.look(key, burst, interval, now, rule)?;
        self.0.arm(key, full_at);
        Ok(())
    }

    /// When all would be there again, if one were taken.
    fn look(&mut self, key: K, burst: u32, interval: Duration, now: Instant, rule: Rule) -> Result<Instant, Rule> {
        while self.0.expire(now).is_some() {}
        let full_at = self.0.deadline(key).unwrap_or(now).after(interval);
        if full_at.since(now) > interval.saturating_mul(burst) {
            return Err(rule);
        }
        Ok(full_at)
    }
}
