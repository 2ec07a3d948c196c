//! How often addresses are tried that somebody has told (SPEC DIAL-5, DIAL-6): those at which a key was met, without end and
//! ever less often; others, so many times.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use crate::id::Key;
use crate::limits;
use crate::time::Instant;

/// So many at once, then one in each interval, kept as the time at which all are there again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Quota {
    full_at: Instant,
}

impl Quota {
    /// How many are there.
    fn room(self, (burst, interval): (u32, Duration), now: Instant) -> usize {
        let free = interval.saturating_mul(burst).saturating_sub(self.full_at.since(now));
        let room = free.as_millis().checked_div(interval.as_millis()).unwrap_or(0);
        usize::try_from(room).unwrap_or(usize::MAX)
    }

    fn take(&mut self, count: usize, (_, interval): (u32, Duration), now: Instant) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.full_at = self.full_at.max(now).after(interval.saturating_mul(count));
    }

    /// When one is there.
    fn next(self, (burst, interval): (u32, Duration)) -> Instant {
        let most = interval.saturating_mul(burst.saturating_sub(1));
        Instant(self.full_at.0.saturating_sub(u64::try_from(most.as_millis()).unwrap_or(u64::MAX)))
    }
}

const OF_ALL: (u32, Duration) = (limits::DIAL_BURST, limits::DIAL_INTERVAL);
const OF_ONE: (u32, Duration) = (limits::TRY_BURST, limits::TRY_INTERVAL);

/// What is known of the addresses of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Known {
    /// Where it has been met.
    proven: Vec<SocketAddr>,
    /// Tries of other addresses, however often it tells new ones.
    tries: Quota,
}

/// All tries of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tries {
    all: Quota,
    known: BTreeMap<Key, Known>,
}

impl Tries {
    /// This key was met where it was dialled.
    pub(super) fn met(&mut self, key: Key, address: SocketAddr) {
        let proven = &mut self.known.entry(key).or_default().proven;
        proven.retain(|known| *known != address);
        proven.insert(0, address);
        proven.truncate(limits::ADDRESSES_MAX);
    }

    /// Where somebody was met.
    pub(super) fn proven(&self, key: &Key) -> &[SocketAddr] {
        self.known.get(key).map_or(&[], |known| &known.proven)
    }

    /// When anybody may be dialled.
    pub(super) fn free_at(&self) -> Instant {
        self.all.next(OF_ALL)
    }

    /// How long it takes until all tries of this key are there again.
    pub(super) fn used(&self, key: &Key, now: Instant) -> Duration {
        self.known.get(key).map_or(Duration::ZERO, |known| known.tries.full_at.since(now))
    }

    /// Which of the addresses that somebody has told are tried now, `most` of them, those first at which it was met; or, if
    /// none is, when one will be.
    pub(super) fn take(
        &mut self,
        key: Key,
        told: &[SocketAddr],
        most: usize,
        now: Instant,
    ) -> Result<Vec<SocketAddr>, Instant> {
        let most = most.min(self.all.room(OF_ALL, now));
        let known = self.known.entry(key).or_default();
        let (mut chosen, others): (Vec<SocketAddr>, Vec<SocketAddr>) =
            told.iter().partition(|address| known.proven.contains(address));
        chosen.truncate(most);
        let before = chosen.len();
        let room = known.tries.room(OF_ONE, now).min(most.saturating_sub(before));
        chosen.extend(others.into_iter().take(room));
        if chosen.is_empty() {
            return Err(known.tries.next(OF_ONE));
        }
        known.tries.take(chosen.len().saturating_sub(before), OF_ONE, now);
        self.count(chosen.len(), now);
        Ok(chosen)
    }

    /// Counts addresses that are dialled, whoever has told them.
    pub(super) fn count(&mut self, addresses: usize, now: Instant) {
        self.all.take(addresses, OF_ALL, now);
    }

    /// Forgets all but those whom somebody wants, and those who could have tries anew by being forgotten.
    pub(super) fn retain(&mut self, is_wanted: impl Fn(&Key) -> bool, now: Instant) {
        self.known.retain(|key, known| is_wanted(key) || known.tries.full_at > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key([1; 32]);

    fn at(number: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, number], 7_473))
    }

    /// How many addresses are tried if one is asked for all the time, each time another.
    fn tried(tries: &mut Tries, key: Key, from: u64, to: u64) -> usize {
        let taken = |now| tries.take(key, &[at(u8::try_from(now % 200).unwrap_or(0))], 3, Instant(now));
        (from..to).step_by(25).map(taken).filter_map(Result::ok).map(|chosen| chosen.len()).sum()
    }

    #[test]
    fn dial_5_so_many_tries_of_one_then_one_a_minute_whatever_it_tells() {
        let mut tries = Tries::default();
        assert_eq!(tried(&mut tries, KEY, 0, 5_000), 15);
        assert_eq!(tried(&mut tries, KEY, 5_000, 60_000), 0);
        assert_eq!(tried(&mut tries, KEY, 60_000, 660_000), 10);
        assert_eq!(tries.take(KEY, &[at(1)], 3, Instant(660_000)), Ok([at(1)].into()), "the eleventh");
        assert_eq!(tries.take(KEY, &[at(1)], 3, Instant(660_001)), Err(Instant(720_000)), "and when the next is");
        tries.retain(|_| false, Instant(660_001));
        assert_eq!(tried(&mut tries, KEY, 660_001, 719_000), 0, "nobody is forgotten to be tried anew");
        tries.retain(|_| false, Instant(9_999_999));
        assert_eq!(tries, Tries { all: tries.all, known: BTreeMap::new() });
    }

    #[test]
    fn dial_5_where_somebody_was_met_comes_first_and_costs_no_try() {
        let mut tries = Tries::default();
        tries.met(KEY, at(3));
        let told = [at(1), at(2), at(3), at(4)];
        assert_eq!(tries.take(KEY, &told, 3, Instant(0)), Ok([at(3), at(1), at(2)].into()));
        assert_eq!(tried(&mut tries, KEY, 0, 5_000), 13);
        assert_eq!(tries.take(KEY, &told, 3, Instant(5_000)), Ok([at(3)].into()));
        assert!(tries.take(KEY, &[at(1)], 3, Instant(5_000)).is_err(), "it has moved, it says");
        (10..20).for_each(|number| tries.met(KEY, at(number)));
        assert_eq!(tries.proven(&KEY), [at(19), at(18), at(17)]);
    }

    #[test]
    fn dial_6_so_many_at_once_then_eight_a_second_whoever_they_are_of() {
        let mut tries = Tries::default();
        let mut key = 0_u64;
        let mut tried = |from: u64, to: u64| {
            let mut count = 0;
            for now in from..to {
                while tries.free_at() <= Instant(now) {
                    key += 1;
                    let mut bytes = [0; 32];
                    bytes[..8].copy_from_slice(&key.to_be_bytes());
                    count += tries.take(Key(bytes), &[at(1), at(2)], 3, Instant(now)).expect("there is room").len();
                }
            }
            count
        };
        assert_eq!(tried(0, 1), 64);
        assert_eq!(tried(1, 10_001), 80);
    }
}
