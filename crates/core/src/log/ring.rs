//! Entries at their positions: in a log, and in a feed that a log fills.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;

use super::Held;
use crate::wire::meeting::Lane;

/// Entries in the order in which they were stored. Acts stay; which talk goes, and when, is the log's decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ring {
    acts: BTreeMap<u64, Arc<Held>>,
    /// Invariant: positions rise.
    talk: VecDeque<(u64, Arc<Held>)>,
    head: u64,
    dropped_before: u64,
}

impl Ring {
    /// Takes in an entry at position `at`, above all so far, and lets go of talk below position `dropped`.
    pub fn append(&mut self, entry: Arc<Held>, at: u64, dropped: u64) {
        self.head = at.saturating_add(1);
        match entry.lane() {
            Lane::Acts => drop(self.acts.insert(at, entry)),
            Lane::Talk => self.talk.push_back((at, entry)),
        }
        self.dropped_before = self.dropped_before.max(dropped);
        while self.talk.pop_front_if(|(at, _)| *at < dropped).is_some() {}
    }

    /// Lets go of the oldest talk.
    pub(super) fn drop_oldest(&mut self) -> Option<Arc<Held>> {
        let (at, entry) = self.talk.pop_front()?;
        self.dropped_before = at.saturating_add(1);
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
        let mut acts = self.acts().peekable();
        let mut talk = self.talk.iter().map(|(at, entry)| (*at, entry)).peekable();
        core::iter::from_fn(move || match (acts.peek(), talk.peek()) {
            (Some((act, _)), Some((line, _))) if act > line => talk.next(),
            (Some(_), _) => acts.next(),
            (None, _) => talk.next(),
        })
    }

    /// All acts, in order, and where.
    pub(super) fn acts(&self) -> impl ExactSizeIterator<Item = (u64, &Arc<Held>)> {
        self.acts.iter().map(|(at, entry)| (*at, entry))
    }

    /// All talk, in order, and where.
    pub(super) const fn talk(&self) -> &VecDeque<(u64, Arc<Held>)> {
        &self.talk
    }

    /// The first entry that `start` leads to, and where it is.
    pub(crate) fn first(&self, start: Start) -> Option<(u64, &Arc<Held>)> {
        let act = self.acts.range(start.acts..).next().map(|(at, entry)| (*at, entry));
        let line = self.talk.get(self.talk.partition_point(|(at, _)| *at < start.talk));
        act.into_iter().chain(line.map(|(at, entry)| (*at, entry))).min_by_key(|(at, _)| *at)
    }
}

/// Where a link begins in a feed: acts it may need from the beginning, talk perhaps not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The position of the first act to send.
    pub acts: u64,
    /// The position of the first talk to send.
    pub talk: u64,
}

impl Start {
    /// Never back behind `position`.
    pub(crate) fn past(self, position: u64) -> Self {
        Self { acts: self.acts.max(position), talk: self.talk.max(position) }
    }
}
