//! How far the own messages have come (SPEC.md, "Acknowledgement").

use alloc::collections::BTreeMap;

use crate::event::{Event, Reach};

/// What each of the others (a `K`) has of the own talk of this session, and what the user has been told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delivery<K> {
    /// One above the highest number that the guest has.
    next: BTreeMap<K, u64>,
    /// How many guests have the same `next`.
    counts: BTreeMap<u64, u32>,
    /// Below this number, all was told to be sent, and below the other to be with all.
    told_sent: u64,
    told_all: u64,
}

impl<K> Default for Delivery<K> {
    fn default() -> Self {
        Self { next: BTreeMap::new(), counts: BTreeMap::new(), told_sent: 0, told_all: 0 }
    }
}

impl<K: Ord + Copy> Delivery<K> {
    /// Below which number somebody is known to have all.
    pub(crate) fn next_of(&self, whom: &K) -> u64 {
        self.next.get(whom).copied().unwrap_or(0)
    }

    /// A guest is here, and has all below `next`; tells what that changes.
    pub(crate) fn set(&mut self, whom: K, next: u64, session: u64, written: u64) -> impl Iterator<Item = Event> {
        self.forget(whom);
        self.next.insert(whom, next);
        let count = self.counts.entry(next).or_default();
        *count = count.saturating_add(1);
        self.tell(session, written)
    }

    /// A guest is gone; tells what that changes.
    pub(crate) fn remove(&mut self, whom: K, session: u64, written: u64) -> impl Iterator<Item = Event> {
        self.forget(whom);
        self.tell(session, written)
    }

    fn forget(&mut self, whom: K) {
        let Some(next) = self.next.remove(&whom) else { return };
        if let Some(count) = self.counts.get_mut(&next) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.counts.remove(&next);
            }
        }
    }

    /// `written`: one above the highest number that the host has written.
    fn tell(&mut self, session: u64, written: u64) -> impl Iterator<Item = Event> {
        let lowest = self.counts.first_key_value().map_or(0, |(next, _)| *next).min(written);
        let highest = self.counts.last_key_value().map_or(0, |(next, _)| *next).min(written);
        let (all_from, sent_from) = (self.told_all.max(1), self.told_sent.max(1).max(lowest));
        self.told_all = self.told_all.max(lowest);
        self.told_sent = self.told_sent.max(highest);
        let of = u32::try_from(self.next.len()).unwrap_or(u32::MAX);
        let all = (all_from..lowest).map(move |number| (number, Reach::All, of));
        let have: alloc::vec::Vec<_> = (sent_from..highest).map(|number| (number, self.have(number))).collect();
        let sent = have.into_iter().map(|(number, have)| (number, Reach::Sent, have));
        all.chain(sent).map(move |(number, reach, have)| Event::Delivery { session, number, reach, have, of })
    }

    fn have(&self, number: u64) -> u32 {
        self.counts.range(number.saturating_add(1)..).fold(0, |sum: u32, (_, count)| sum.saturating_add(*count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::LinkId;
    use alloc::vec::Vec;

    fn told(events: impl Iterator<Item = Event>) -> Vec<(u64, Reach, u32, u32)> {
        events
            .filter_map(|event| {
                let Event::Delivery { number, reach, have, of, .. } = event else { return None };
                Some((number, reach, have, of))
            })
            .collect()
    }

    #[test]
    fn delivery_is_told_once_when_somebody_has_it_and_once_when_all_have() {
        let mut delivery = Delivery::default();
        assert_eq!(told(delivery.set(LinkId(1), 1, 7, 3)), []);
        assert_eq!(told(delivery.set(LinkId(2), 1, 7, 3)), []);
        assert_eq!(told(delivery.set(LinkId(1), 3, 7, 3)), [(1, Reach::Sent, 1, 2), (2, Reach::Sent, 1, 2)]);
        assert_eq!(told(delivery.set(LinkId(2), 2, 7, 3)), [(1, Reach::All, 2, 2)]);
        assert_eq!(told(delivery.remove(LinkId(2), 7, 3)), [(2, Reach::All, 1, 1)]);
        assert_eq!(told(delivery.remove(LinkId(1), 7, 3)), []);
        assert_eq!(told(delivery.set(LinkId(1), 3, 7, 3)), []);
    }

    #[test]
    fn delivery_counts_nothing_that_was_not_written() {
        let mut delivery = Delivery::default();
        assert_eq!(told(delivery.set(LinkId(1), u64::MAX, 7, 2)), [(1, Reach::All, 1, 1)]);
    }
}
