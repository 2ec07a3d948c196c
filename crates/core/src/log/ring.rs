//! Entries at their positions: in a log, and in a feed that a log fills.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;

use super::Held;
use crate::wire::meeting::Lane;

/// Entries in the order in which they were stored. Acts stay, and of each register the last; which talk goes, and when, is
/// the log's decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ring {
    acts: BTreeMap<u64, Arc<Held>>,
    registers: BTreeMap<u64, Arc<Held>>,
    /// Invariant: positions rise.
    talk: VecDeque<(u64, Arc<Held>)>,
    head: u64,
    dropped_before: u64,
}

impl Ring {
    /// Takes in an entry at position `at`, above all so far or in the place of the talk that stands there, and lets go of
    /// talk below position `dropped`.
    pub fn append(&mut self, entry: Arc<Held>, at: u64, dropped: u64) {
        if at < self.head {
            let place = self.place(at);
            let talk = self.talk.get_mut(place).filter(|(position, _)| *position == at);
            return talk.into_iter().for_each(|(_, old)| *old = Arc::clone(&entry));
        }
        self.head = at.saturating_add(1);
        match entry.lane() {
            Lane::Acts => drop(self.acts.insert(at, entry)),
            Lane::Talk => self.talk.push_back((at, entry)),
            Lane::Register(_) => {
                let register = |entry: &Held| (entry.id.author, entry.lane());
                self.registers.retain(|_, old| register(old) != register(&entry));
                self.registers.insert(at, entry);
            }
        }
        self.dropped_before = self.dropped_before.max(dropped);
        while self.talk.pop_front_if(|(at, _)| *at < dropped).is_some() {}
    }

    /// Lets go of a register.
    pub(super) fn drop_register(&mut self, at: u64) {
        self.registers.remove(&at);
    }

    /// Lets go of the talk at a position.
    pub(super) fn drop_talk(&mut self, at: u64) -> Option<Arc<Held>> {
        let place = self.place(at);
        self.talk.get(place).filter(|(position, _)| *position == at)?;
        let (at, entry) = self.talk.remove(place)?;
        if place == 0 {
            self.dropped_before = at.saturating_add(1);
        }
        Some(entry)
    }

    /// One above the highest position.
    #[must_use]
    pub const fn head(&self) -> u64 {
        self.head
    }

    /// Talk below this position has been dropped.
    #[must_use]
    pub const fn dropped_before(&self) -> u64 {
        self.dropped_before
    }

    /// All that is there, in order, and where.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Arc<Held>)> {
        let talk = self.talk.iter().map(|(at, entry)| (*at, entry));
        merged(merged(self.acts(), self.registers.iter().map(|(at, entry)| (*at, entry))), talk)
    }

    /// All acts, in order, and where.
    pub(super) fn acts(&self) -> impl ExactSizeIterator<Item = (u64, &Arc<Held>)> {
        self.acts.iter().map(|(at, entry)| (*at, entry))
    }

    /// All talk, in order, and where.
    pub(super) const fn talk(&self) -> &VecDeque<(u64, Arc<Held>)> {
        &self.talk
    }

    /// The first register that `start` leads to, and where it is.
    pub(crate) fn first_register(&self, start: Start) -> Option<(u64, &Arc<Held>)> {
        self.registers.range(start.registers..).next().map(|(at, entry)| (*at, entry))
    }

    /// The first act or talk that `start` leads to, and where it is.
    pub(crate) fn first(&self, start: Start) -> Option<(u64, &Arc<Held>)> {
        let act = self.acts.range(start.acts..).next().map(|(at, entry)| (*at, entry));
        let line = self.talk.get(self.place(start.talk)).map(|(at, entry)| (*at, entry));
        act.into_iter().chain(line).min_by_key(|(at, _)| *at)
    }

    /// Where in the talk the first at or above position `at` is, or would be.
    fn place(&self, at: u64) -> usize {
        let (Some((first, _)), Some((last, _))) = (self.talk.front(), self.talk.back()) else { return 0 };
        let distance = |from: u64, to: u64| usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
        // Positions rise by one at least, so it is no further from either end; only acts lie between the two.
        let mut to = distance(*first, at).min(self.talk.len());
        let mut from = self.talk.len().saturating_sub(distance(at, last.saturating_add(1)));
        while from < to {
            let middle = from.midpoint(to);
            if self.talk.get(middle).is_some_and(|(position, _)| *position < at) {
                from = middle.saturating_add(1);
            } else {
                to = middle;
            }
        }
        to
    }
}

/// Two sequences as one, by position.
fn merged<'a>(
    one: impl Iterator<Item = (u64, &'a Arc<Held>)>,
    other: impl Iterator<Item = (u64, &'a Arc<Held>)>,
) -> impl Iterator<Item = (u64, &'a Arc<Held>)> {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    core::iter::from_fn(move || match (one.peek(), other.peek()) {
        (Some((first, _)), Some((second, _))) if first > second => other.next(),
        (Some(_), _) => one.next(),
        (None, _) => other.next(),
    })
}

/// Where a link begins in a feed: acts it may need from the beginning, talk perhaps not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The position of the first act to send.
    pub acts: u64,
    /// The position of the first register to send.
    pub registers: u64,
    /// The position of the first talk to send.
    pub talk: u64,
}

impl Start {
    /// Never back behind `position`.
    pub(crate) fn past(self, position: u64) -> Self {
        let [acts, registers, talk] = [self.acts, self.registers, self.talk].map(|at| at.max(position));
        Self { acts, registers, talk }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_position_is_that_of_the_first_talk_at_or_above_it() {
        let mut ring = Ring::default();
        let (lanes, dropped) = (b"tatttaattttatt", 2);
        for (at, lane) in (0..).zip(lanes) {
            let lane = if *lane == b'a' { Lane::Acts } else { Lane::Talk };
            ring.append(Held::sample(lane, b"x").into(), at, dropped);
        }
        assert!(!ring.talk.is_empty());
        for at in 0..20 {
            assert_eq!(ring.place(at), ring.talk.partition_point(|(position, _)| *position < at), "{at}");
        }
        assert_eq!(Ring::default().place(3), 0);
    }
}
