//! Dial-backs on their way and in line: so many at one time, and so many for each source.

use alloc::collections::{BTreeMap, VecDeque};
use core::net::SocketAddr;
use core::ops::Bound;

use super::slot::Place;
use crate::id::{DialId, Key, Source};
use crate::limits;
use crate::time::{Instant, Timers};

/// One address of one record that is to be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Probe {
    pub(super) place: Place,
    /// Which of the record's rounds it is of.
    pub(super) round: u64,
    pub(super) address: SocketAddr,
    /// For whom it is counted.
    pub(super) source: Source,
}

/// All dial-backs that are not over.
#[derive(Clone, Debug, Default)]
pub(super) struct Probes {
    waiting: BTreeMap<Source, VecDeque<Probe>>,
    open: BTreeMap<DialId, Probe>,
    /// Invariant: when each of `open` is over, if it meets nobody.
    patience: Timers<DialId>,
    /// Invariant: how many of `open` are of each source, where that is not none.
    at_once: BTreeMap<Source, usize>,
    /// Whose turn was last.
    last: Option<Source>,
    dials: u64,
}

impl Probes {
    /// Puts a probe into its source's line.
    pub(super) fn push(&mut self, probe: Probe) {
        self.waiting.entry(probe.source).or_default().push_back(probe);
    }

    /// Takes the record's probes out of the line: it is gone. Bounds the line by what is held.
    pub(super) fn forget(&mut self, place: Place, source: Source) {
        if let Some(line) = self.waiting.get_mut(&source) {
            line.retain(|probe| probe.place != place);
            if line.is_empty() {
                self.waiting.remove(&source);
            }
        }
    }

    /// The next probe that may begin, sources in turn.
    pub(super) fn begin(&mut self, now: Instant) -> Option<(DialId, Probe)> {
        if self.open.len() >= limits::PROBES_MAX {
            return None;
        }
        let after = self.last.map_or(Bound::Unbounded, Bound::Excluded);
        let sources =
            self.waiting.range((after, Bound::Unbounded)).chain(self.waiting.iter()).map(|(source, _)| *source);
        let busy = |source: &Source| self.at_once.get(source).copied().unwrap_or(0) >= limits::PROBES_PER_SOURCE_MAX;
        let source = sources.into_iter().find(|source| !busy(source))?;
        let line = self.waiting.get_mut(&source)?;
        let probe = line.pop_front()?;
        if line.is_empty() {
            self.waiting.remove(&source);
        }
        self.last = Some(source);
        let count = self.at_once.entry(source).or_default();
        *count = count.saturating_add(1);
        self.dials = self.dials.saturating_add(1);
        let dial = DialId(self.dials);
        self.open.insert(dial, probe);
        self.patience.arm(dial, now.after(limits::PROBE_PATIENCE));
        Some((dial, probe))
    }

    /// Somebody has answered. Anybody but the publisher is as good as nobody (SPEC PROBE-7).
    pub(super) fn meet(&mut self, dial: DialId, key: Key) -> Option<Probe> {
        self.open.get(&dial).filter(|probe| probe.place.1 == key)?;
        self.end(dial)
    }

    /// Takes out one probe whose time is over: call until `None`.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Probe> {
        let dial = self.patience.expire(now)?;
        self.end(dial)
    }

    /// When the next probe is over, if it meets nobody.
    pub(super) fn next(&self) -> Option<Instant> {
        self.patience.next()
    }

    fn end(&mut self, dial: DialId) -> Option<Probe> {
        let probe = self.open.remove(&dial)?;
        self.patience.disarm(dial);
        if let Some(count) = self.at_once.get_mut(&probe.source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.at_once.remove(&probe.source);
            }
        }
        Some(probe)
    }

    /// How many probes of a round are not over.
    pub(super) fn count(&self, round: u64) -> usize {
        let waiting = self.waiting.values().flatten();
        waiting.chain(self.open.values()).filter(|probe| probe.round == round).count()
    }

    /// How many are on their way.
    pub(super) fn open(&self) -> usize {
        self.open.len()
    }

    /// Panics if the counts contradict each other.
    pub(super) fn assert_invariants(&self) {
        assert!(self.open.len() <= limits::PROBES_MAX, "too many dial-backs");
        let total: usize = self.at_once.values().sum();
        assert_eq!(total, self.open.len(), "a dial-back is counted for nobody");
        assert!(self.at_once.values().all(|count| (1..=limits::PROBES_PER_SOURCE_MAX).contains(count)));
        assert!(self.waiting.values().all(|line| !line.is_empty()), "an empty line");
        assert!(self.open.keys().all(|dial| self.patience.is_armed(*dial)), "a dial-back has no end");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::MeetingId;
    use alloc::vec::Vec;

    const START: Instant = Instant(1_000);

    fn probe(source: u8, number: u8) -> Probe {
        Probe {
            place: (MeetingId([number; 16]), Key([source; 32])),
            round: u64::from(u16::from_be_bytes([source, number])),
            address: SocketAddr::from(([192, 0, 2, 1], 7473)),
            source: Source::of([10, 0, 0, source].into()),
        }
    }

    #[test]
    fn probe_6_who_has_many_records_waits_and_holds_up_nobody() {
        let mut probes = Probes::default();
        (0..100).for_each(|number| probes.push(probe(1, number)));
        probes.push(probe(2, 0));
        let begun: Vec<_> = core::iter::from_fn(|| probes.begin(START)).collect();
        assert_eq!(begun.len(), limits::PROBES_PER_SOURCE_MAX + 1);
        assert_eq!(begun[1].1, probe(2, 0), "sources in turn");
        probes.assert_invariants();
        assert_eq!(probes.meet(begun[0].0, Key([2; 32])), None, "somebody else");
        assert_eq!(probes.begin(START), None);
        assert_eq!(probes.meet(begun[0].0, Key([1; 32])), Some(probe(1, 0)));
        assert_eq!(probes.meet(begun[0].0, Key([1; 32])), None);
        let (_, next) = probes.begin(START).expect("a place is free");
        assert_eq!(next, probe(1, 16));
        assert_eq!(probes.begin(START), None);
        assert_eq!((probes.count(0x0163), probes.count(0x0100)), (1, 0));
        (0..100).for_each(|number| probes.forget(probe(1, number).place, probe(1, number).source));
        assert!(probes.waiting.is_empty());
    }

    #[test]
    fn probe_6_no_more_are_on_their_way_than_the_limit() {
        let mut probes = Probes::default();
        for source in 0..20 {
            (0..100).for_each(|number| probes.push(probe(source, number)));
        }
        assert_eq!(core::iter::from_fn(|| probes.begin(START)).count(), limits::PROBES_MAX);
        probes.assert_invariants();
        let over = START.after(limits::PROBE_PATIENCE);
        assert_eq!((probes.next(), probes.expire(START)), (Some(over), None));
        assert_eq!(core::iter::from_fn(|| probes.expire(over)).count(), limits::PROBES_MAX);
        probes.assert_invariants();
    }
}
