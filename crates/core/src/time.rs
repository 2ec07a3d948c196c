//! Time as an argument: instants that somebody else read, and deadlines kept in order.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

/// Milliseconds of a clock that never goes back and goes on while the machine sleeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub u64);

impl Instant {
    /// This instant and `span` more; stays at the end of time once there.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// What the caller's clocks show as it calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Orders deadlines.
    pub tick: Instant,
    /// Wall clock, milliseconds since 1970 in UTC. May jump; shown to people, never compared.
    pub unix_ms: u64,
}

/// Deadlines, keyed by what they are for: arming a key again moves its deadline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timers<K: Ord> {
    deadlines: BTreeMap<K, Instant>,
    order: BTreeSet<(Instant, K)>,
}

impl<K: Ord + Copy> Default for Timers<K> {
    fn default() -> Self {
        Self { deadlines: BTreeMap::new(), order: BTreeSet::new() }
    }
}

impl<K: Ord + Copy> Timers<K> {
    /// Fires `key` at `deadline`, and at no other time.
    pub fn arm(&mut self, key: K, deadline: Instant) {
        self.disarm(key);
        self.deadlines.insert(key, deadline);
        self.order.insert((deadline, key));
    }

    /// Forgets `key`'s deadline, if it has one.
    pub fn disarm(&mut self, key: K) {
        if let Some(deadline) = self.deadlines.remove(&key) {
            self.order.remove(&(deadline, key));
        }
    }

    /// Whether `key` waits.
    pub fn is_armed(&self, key: K) -> bool {
        self.deadlines.contains_key(&key)
    }

    /// When `key` fires, if it waits.
    pub fn deadline(&self, key: K) -> Option<Instant> {
        self.deadlines.get(&key).copied()
    }

    /// The next deadline.
    pub fn next(&self) -> Option<Instant> {
        self.order.first().map(|(deadline, _)| *deadline)
    }

    /// All keys whose deadline is reached, in its order.
    pub fn due(&self, now: Instant) -> impl Iterator<Item = K> {
        self.order.iter().take_while(move |(deadline, _)| *deadline <= now).map(|(_, key)| *key)
    }

    /// Takes out one key whose deadline is reached: call until `None`.
    pub fn expire(&mut self, now: Instant) -> Option<K> {
        let (deadline, key) = *self.order.first()?;
        if deadline > now {
            return None;
        }
        self.disarm(key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_fires_once_and_exactly_when_it_is_reached() {
        let mut timers = Timers::default();
        timers.arm('a', Instant(5));
        timers.arm('b', Instant(3));
        timers.arm('a', Instant(4));
        assert_eq!(timers.next(), Some(Instant(3)));
        assert!(timers.due(Instant(3)).eq(['b']) && timers.due(Instant(4)).eq(['b', 'a']));
        assert_eq!(timers.expire(Instant(2)), None);
        assert_eq!(timers.expire(Instant(4)), Some('b'));
        assert_eq!(timers.expire(Instant(4)), Some('a'));
        assert_eq!(timers.expire(Instant(9)), None);
        assert_eq!(timers, Timers::default());
    }
}
