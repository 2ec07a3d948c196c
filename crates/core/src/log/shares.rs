//! Who fills a log with talk, and on whose account (SPEC FEED-2).

use alloc::collections::{BTreeMap, BTreeSet};
use core::cmp::Reverse;

use crate::id::Key;

/// The talk of one author that is held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Share {
    /// Positions in the ring.
    places: BTreeSet<u64>,
    bytes: usize,
}

/// What is scarce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    Entries,
    Bytes,
}

/// What each author holds of a ring.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shares {
    of: BTreeMap<Key, Share>,
    /// The branch of each author that is in one of somebody else.
    branches: BTreeMap<Key, Key>,
    bytes: usize,
}

impl Shares {
    /// Bytes of all.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of what one author has.
    pub(super) fn bytes_of(&self, author: &Key) -> usize {
        self.of.get(author).map_or(0, |share| share.bytes)
    }

    /// On whose account an author writes; its own, if nobody has said otherwise.
    pub(super) fn branch(&self, author: &Key) -> Key {
        self.branches.get(author).copied().unwrap_or(*author)
    }

    /// From now on, an author is in this branch; whether that is news.
    pub(super) fn join(&mut self, author: Key, branch: Key) -> bool {
        if self.branch(&author) == branch {
            return false;
        }
        self.branches.insert(author, branch);
        true
    }

    /// Authors and branches, of those who are in one of somebody else.
    pub(super) fn branches(&self) -> impl ExactSizeIterator<Item = (Key, Key)> {
        self.branches.iter().map(|(author, branch)| (*author, *branch))
    }

    /// Forgets the branches of all but these authors.
    pub(super) fn keep_branches(&mut self, keeps: impl Fn(&Key) -> bool) {
        self.branches.retain(|author, _| keeps(author));
    }

    pub(super) fn add(&mut self, author: Key, at: u64, bytes: usize) {
        let share = self.of.entry(author).or_default();
        share.places.insert(at);
        share.bytes = share.bytes.saturating_add(bytes);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    pub(super) fn remove(&mut self, author: Key, at: u64, bytes: usize) {
        let Some(share) = self.of.get_mut(&author) else { return };
        share.places.remove(&at);
        share.bytes = share.bytes.saturating_sub(bytes);
        self.bytes = self.bytes.saturating_sub(bytes);
        if share.places.is_empty() {
            self.of.remove(&author);
        }
    }

    /// Where the oldest of the branch is that has most; of several, the oldest of all.
    pub(super) fn oldest_of_greatest(&self, measure: Measure) -> Option<u64> {
        if self.of.len() == 1 {
            // As ever in a lecture: nobody to compare with.
            return self.of.first_key_value().and_then(|(_, share)| share.places.first().copied());
        }
        let mut branches: BTreeMap<Key, (usize, Reverse<u64>)> = BTreeMap::new();
        for (author, share) in &self.of {
            let Some(first) = share.places.first().copied() else { continue };
            let size = match measure {
                Measure::Entries => share.places.len(),
                Measure::Bytes => share.bytes,
            };
            let (sum, oldest) = branches.entry(self.branch(author)).or_insert((0, Reverse(first)));
            *sum = sum.saturating_add(size);
            *oldest = Reverse(oldest.0.min(first));
        }
        branches.into_values().max().map(|(_, Reverse(oldest))| oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feed_2_the_branch_that_has_most_gives_way_however_many_keys_it_has() {
        let mut shares = Shares::default();
        let [ann, mallory] = [1, 2].map(|key| Key([key; 32]));
        (0..5).for_each(|at| shares.add(ann, at, 10));
        // Each of its keys says one thing.
        for at in 5..11 {
            let spare = Key([u8::try_from(at).expect("small"); 32]);
            shares.join(spare, mallory);
            shares.add(spare, at, 5);
        }
        assert_eq!(shares.oldest_of_greatest(Measure::Entries), Some(5), "mallory's six");
        assert_eq!(shares.oldest_of_greatest(Measure::Bytes), Some(0), "ann's fifty bytes");
        shares.remove(Key([5; 32]), 5, 5);
        assert_eq!(shares.oldest_of_greatest(Measure::Entries), Some(0), "of two that have as much, the oldest");
        assert_eq!(shares.bytes(), 75);
    }
}
