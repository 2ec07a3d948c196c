//! In which order entries are shown (SPEC.md, "Mesh"): showing waits, storing does not.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::id::ShortHash;
use crate::limits;
use crate::log::Held;
use crate::time::Instant;

/// An entry that is not shown yet.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Waiting {
    entry: Arc<Held>,
    /// Zero where there is nothing to wait for.
    reference: ShortHash,
    deadline: Instant,
}

/// Entries on their way to the user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    shown: BTreeSet<ShortHash>,
    /// The same, oldest first: only so many are remembered.
    oldest: VecDeque<ShortHash>,
    waiting: BTreeMap<u64, Waiting>,
    waiting_for: BTreeSet<ShortHash>,
    sequence: u64,
}

impl Order {
    /// An entry has been shown, or need not be: others may follow it.
    pub(crate) fn note(&mut self, hash: ShortHash) {
        if self.shown.insert(hash) {
            self.oldest.push_back(hash);
        }
        if self.oldest.len() > limits::SHOWN_MAX
            && let Some(oldest) = self.oldest.pop_front()
        {
            self.shown.remove(&oldest);
        }
    }

    /// Takes an entry; `reference` is zero where there is nothing to wait for.
    pub(crate) fn push(&mut self, entry: Arc<Held>, reference: ShortHash, now: Instant) {
        let deadline = now.after(limits::SHOW_TIMEOUT);
        self.sequence = self.sequence.saturating_add(1);
        self.waiting_for.insert(entry.hash.short());
        self.waiting.insert(self.sequence, Waiting { entry, reference, deadline });
    }

    /// What may be shown by now, in order (SPEC MESH-15).
    pub(crate) fn take(&mut self, now: Instant) -> Vec<Arc<Held>> {
        let mut ready = Vec::new();
        loop {
            let is_crowded = self.waiting.len() > limits::SHOW_WAITING_MAX;
            let may_be_shown = |waiting: &Waiting| {
                let follows = waiting.reference == ShortHash::ZERO || self.shown.contains(&waiting.reference);
                (follows && !self.waiting_for.contains(&waiting.entry.prev.short()))
                    || waiting.deadline <= now
                    || is_crowded
            };
            let next = self.waiting.iter().find(|(_, waiting)| may_be_shown(waiting)).map(|(at, _)| *at);
            let Some(waiting) = next.and_then(|at| self.waiting.remove(&at)) else { return ready };
            self.waiting_for.remove(&waiting.entry.hash.short());
            self.note(waiting.entry.hash.short());
            ready.push(waiting.entry);
        }
    }

    /// When the next one is shown, whatever it waits for.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|(_, waiting)| waiting.deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Hash;
    use crate::wire::meeting::Lane;

    const NOW: Instant = Instant(0);

    fn hash(number: u8) -> Hash {
        Hash([number; 32])
    }

    fn push(order: &mut Order, number: u8, prev: u8, reference: u8) {
        let entry = Held { hash: hash(number), prev: hash(prev), ..Held::sample(Lane::Talk, &[number]) };
        order.push(entry.into(), hash(reference).short(), NOW);
    }

    fn take(order: &mut Order, now: Instant) -> Vec<Hash> {
        order.take(now).iter().map(|entry| entry.hash).collect()
    }

    #[test]
    fn mesh_15_an_answer_comes_after_what_it_answers_and_after_its_author_s_last() {
        let mut order = Order::default();
        push(&mut order, 3, 0, 2);
        push(&mut order, 4, 3, 0);
        push(&mut order, 9, 0, 0);
        assert_eq!(take(&mut order, NOW), [hash(9)], "3 waits for 2, and 4 for 3");
        push(&mut order, 2, 0, 0);
        assert_eq!(take(&mut order, NOW), [2, 3, 4].map(hash));
        assert_eq!(order.deadline(), None);
    }

    #[test]
    fn mesh_15_what_does_not_come_is_waited_for_five_seconds() {
        let mut order = Order::default();
        push(&mut order, 3, 0, 2);
        push(&mut order, 4, 3, 3);
        let due = order.deadline().expect("it waits");
        assert_eq!(take(&mut order, Instant(due.0.saturating_sub(1))), []);
        assert_eq!(take(&mut order, due), [3, 4].map(hash));
    }
}
