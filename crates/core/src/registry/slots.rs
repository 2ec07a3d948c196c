//! All records that are held: each in a slot, which is found by its id, by its publisher, or by both.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::slot::{Place, Slot};
use crate::id::{Key, MeetingId};

/// Which slot: of one record for as long as it is held, then of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SlotId(u32);

impl SlotId {
    /// That of this number.
    pub(super) fn of(at: usize) -> Self {
        Self(u32::try_from(at).unwrap_or(u32::MAX))
    }

    pub(super) fn at(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// A slot under a number that several may have. There are millions: 12 bytes, not 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(Rust, packed(4))]
pub(super) struct Tagged {
    pub(super) tag: u64,
    pub(super) slot: SlotId,
}

/// The beginning of an id or a key. Two that begin alike are told apart by what their slots say; nobody finds many.
fn beginning(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

/// Those under this number.
fn under(set: &BTreeSet<Tagged>, tag: u64) -> impl Iterator<Item = SlotId> {
    let from = set.range(Tagged { tag, slot: SlotId(0) }..);
    from.take_while(move |tagged| tagged.tag == tag).map(|tagged| tagged.slot)
}

/// So many slots are made at once.
const CHUNK: usize = 256;

/// The slots.
#[derive(Clone, Debug, Default)]
pub(super) struct Slots {
    /// In chunks of `CHUNK`: what grows as a whole is copied as a whole, and meanwhile there twice.
    chunks: Vec<Vec<Option<Slot>>>,
    /// Invariant: those that hold nothing.
    free: Vec<SlotId>,
    /// Invariant: those that hold something, by the beginnings of their ids, and of their publishers' keys.
    ids: BTreeSet<Tagged>,
    keys: BTreeSet<Tagged>,
}

impl Slots {
    /// How many hold something.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn get(&self, slot: SlotId) -> Option<&Slot> {
        self.chunks.get(slot.at() / CHUNK)?.get(slot.at() % CHUNK)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: SlotId) -> Option<&mut Slot> {
        self.at(slot)?.as_mut()
    }

    fn at(&mut self, slot: SlotId) -> Option<&mut Option<Slot>> {
        self.chunks.get_mut(slot.at() / CHUNK)?.get_mut(slot.at() % CHUNK)
    }

    /// Those with this id: in the order of their publishers.
    pub(super) fn of_id(&self, id: MeetingId) -> Vec<SlotId> {
        self.sorted(under(&self.ids, beginning(&id.0)), |place| place.0 == id)
    }

    /// Those of this publisher: in the order of their ids.
    pub(super) fn of_key(&self, key: Key) -> Vec<SlotId> {
        self.sorted(under(&self.keys, beginning(&key.0)), |place| place.1 == key)
    }

    fn sorted(&self, slots: impl Iterator<Item = SlotId>, fits: impl Fn(&Place) -> bool) -> Vec<SlotId> {
        let places = slots.filter_map(|id| Some((self.get(id)?.place(), id)));
        let mut fit: Vec<_> = places.filter(|(place, _)| fits(place)).collect();
        fit.sort_unstable();
        fit.into_iter().map(|(_, id)| id).collect()
    }

    /// The one with this id and publisher.
    pub(super) fn find(&self, place: Place) -> Option<SlotId> {
        under(&self.ids, beginning(&place.0.0)).find(|id| self.get(*id).is_some_and(|slot| slot.place() == place))
    }

    /// Puts a record in.
    pub(super) fn insert(&mut self, slot: Slot) -> SlotId {
        let (id, publisher) = slot.place();
        let at = self.free.pop().unwrap_or_else(|| self.grow());
        if let Some(free) = self.at(at) {
            *free = Some(slot);
        }
        self.ids.insert(Tagged { tag: beginning(&id.0), slot: at });
        self.keys.insert(Tagged { tag: beginning(&publisher.0), slot: at });
        at
    }

    /// One slot more, which holds nothing.
    fn grow(&mut self) -> SlotId {
        if self.chunks.last().is_none_or(|last| last.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let before = self.chunks.len().saturating_sub(1).saturating_mul(CHUNK);
        let Some(last) = self.chunks.last_mut() else { return SlotId(u32::MAX) };
        last.push(None);
        SlotId::of(before.saturating_add(last.len()).saturating_sub(1))
    }

    /// Takes a record out.
    pub(super) fn remove(&mut self, slot: SlotId) -> Option<Slot> {
        let removed = self.at(slot)?.take()?;
        let (id, publisher) = removed.place();
        self.ids.remove(&Tagged { tag: beginning(&id.0), slot });
        self.keys.remove(&Tagged { tag: beginning(&publisher.0), slot });
        self.free.push(slot);
        Some(removed)
    }

    /// All that hold something.
    pub(super) fn iter(&self) -> impl Iterator<Item = (SlotId, &Slot)> {
        (0..).map(SlotId).zip(self.chunks.iter().flatten()).filter_map(|(id, slot)| Some((id, slot.as_ref()?)))
    }

    /// Panics if a record is not found by what it says.
    pub(super) fn assert_invariants(&self) {
        let counts = [self.iter().count(), self.ids.len(), self.keys.len()];
        let held = self.chunks.iter().flatten().count().saturating_sub(self.free.len());
        assert_eq!(counts, [held; 3], "slots are miscounted");
        for (id, slot) in self.iter() {
            let particulars = slot.record().map(|record| record.particulars);
            let said = particulars.map(|said| (said.kind, (said.id, said.publisher)));
            assert_eq!(said, Some((slot.kind(), slot.place())), "another place than the record's");
            assert_eq!(self.find(slot.place()), Some(id), "not found, or there is another");
            assert!(self.of_key(slot.place().1).contains(&id), "its publisher does not have it");
        }
    }
}
