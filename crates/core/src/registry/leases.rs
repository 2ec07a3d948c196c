//! When leases are over. Most are renewed long before: then a slot only notes its new end, and goes to the place of that
//! when it has come to the front of the line.

use alloc::collections::BTreeSet;

use super::slot::Slot;
use super::slots::{SlotId, Slots, Tagged};
use crate::time::Instant;

/// The line of all leases.
#[derive(Clone, Debug, Default)]
pub(super) struct Leases {
    /// Invariant: each slot once, as `queued`, and none after its end.
    line: BTreeSet<Tagged>,
}

const fn place(slot: SlotId, at: Instant) -> Tagged {
    Tagged { tag: at.0, slot }
}

impl Leases {
    /// A slot's lease is over at `ends`.
    pub(super) fn arm(&mut self, id: SlotId, ends: Instant, slots: &mut Slots) {
        let Some(slot) = slots.get_mut(id) else { return };
        slot.ends = ends;
        if slot.queued.is_none_or(|queued| ends < queued) {
            self.queue(id, slot);
        }
    }

    /// A slot that is no more among the others has no lease.
    pub(super) fn disarm(&mut self, id: SlotId, slot: &Slot) {
        if let Some(queued) = slot.queued {
            self.line.remove(&place(id, queued));
        }
    }

    fn queue(&mut self, id: SlotId, slot: &mut Slot) {
        self.disarm(id, slot);
        slot.queued = Some(slot.ends);
        self.line.insert(place(id, slot.ends));
    }

    /// No lease is over before. Whoever asks then may find that none is.
    pub(super) fn next(&self) -> Option<Instant> {
        self.line.first().map(|first| Instant(first.tag))
    }

    /// The slot whose lease is over first: call until there is none. It is to have another one, or to go.
    pub(super) fn due(&mut self, now: Instant, slots: &mut Slots) -> Option<SlotId> {
        loop {
            let first = self.line.first().filter(|first| first.tag <= now.0)?.slot;
            match slots.get_mut(first).filter(|slot| slot.queued != Some(slot.ends)) {
                Some(slot) => self.queue(first, slot),
                None => return Some(first),
            }
        }
    }

    /// Panics if a lease would be over too late, or never.
    pub(super) fn assert_invariants(&self, slots: &Slots) {
        assert_eq!(self.line.len(), slots.len(), "leases are miscounted");
        for (id, slot) in slots.iter() {
            let is_in_time = |queued| queued <= slot.ends && self.line.contains(&place(id, queued));
            assert!(slot.queued.is_some_and(is_in_time), "a lease is over, and nobody notices");
        }
    }
}
