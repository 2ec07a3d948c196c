//! How far a node may be ahead of those whom it tells (SPEC SLOW-3): its user's next words wait while somebody who keeps
//! up is further behind.

use std::collections::{BTreeMap, VecDeque};

use tertulia_core::id::LinkId;
use tertulia_core::limits::{AHEAD_BYTES_MAX, AHEAD_ENTRIES_MAX, AHEAD_PATIENCE};
use tertulia_core::time::Instant;

/// What was appended last, and who has not been sent what was before it.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// The newest entries: where each is in the feed, and its bytes.
    newest: VecDeque<(u64, usize)>,
    bytes: usize,
    /// Until when each is waited for who is behind. Who has not come so far by then is waited for no more, until it has.
    late: BTreeMap<LinkId, Instant>,
    /// Its user waits no longer than until then.
    held_until: Option<Instant>,
}

impl Pace {
    /// An entry is in the feed at position `at`.
    pub(crate) fn append(&mut self, at: u64, bytes: usize) {
        self.newest.push_back((at, bytes));
        self.bytes = self.bytes.saturating_add(bytes);
        while self.newest.len() > AHEAD_ENTRIES_MAX || self.bytes > AHEAD_BYTES_MAX {
            let Some((_, bytes)) = self.newest.pop_front() else { return };
            self.bytes = self.bytes.saturating_sub(bytes);
        }
    }

    /// Where in the feed a link has to be, that is at position `at`, before its node is to go on; nothing, if it is there.
    pub(crate) fn judge(&mut self, link: LinkId, at: u64, now: Instant) -> Option<u64> {
        let edge = self.newest.front().map_or(0, |(edge, _)| *edge);
        if at >= edge {
            self.late.remove(&link);
            return None;
        }
        let until = now.after(AHEAD_PATIENCE);
        if self.late.is_empty() {
            self.go_on();
        }
        // What others say goes on meanwhile: whoever is behind that, too, is waited for no longer.
        self.late.entry(link).or_insert(until);
        self.held_until.get_or_insert(until);
        Some(edge)
    }

    /// A link keeps up, or is gone.
    pub(crate) fn forget(&mut self, link: LinkId) {
        self.late.remove(&link);
    }

    /// Until when its user's next words wait, if they do: however many are behind, no longer than for one.
    pub(crate) fn waits_until(&self, now: Instant) -> Option<Instant> {
        let last = self.late.values().copied().max()?;
        self.held_until.map(|held_until| held_until.min(last)).filter(|until| *until > now)
    }

    /// Its user has said something: from now on, who is behind may be waited for anew.
    pub(crate) const fn go_on(&mut self) {
        self.held_until = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: LinkId = LinkId(1);

    fn ahead(entries: u64, bytes: usize) -> Pace {
        let mut pace = Pace::default();
        (0..entries).for_each(|at| pace.append(at, bytes));
        pace
    }

    #[test]
    fn slow_3_the_next_words_wait_for_who_is_too_far_behind_and_has_kept_up() {
        let most = u64::try_from(AHEAD_ENTRIES_MAX).expect("it is small");
        let mut pace = ahead(most + 10, 1);
        assert_eq!(pace.judge(LINK, 10, Instant(0)), None);
        assert_eq!(pace.waits_until(Instant(0)), None);
        assert_eq!(pace.judge(LINK, 9, Instant(0)), Some(10));
        let until = Instant(0).after(AHEAD_PATIENCE);
        assert_eq!(pace.waits_until(Instant(1)), Some(until));
        assert_eq!(pace.judge(LINK, 9, Instant(5)), Some(10));
        assert_eq!(pace.waits_until(Instant(5)), Some(until), "no longer for that");
        pace.forget(LINK);
        assert_eq!(pace.waits_until(Instant(1)), None);
    }

    #[test]
    fn slow_3_few_large_ones_count_as_many() {
        let mut pace = ahead(8, AHEAD_BYTES_MAX / 4);
        assert_eq!((pace.judge(LINK, 4, Instant(0)), pace.judge(LINK, 3, Instant(0))), (None, Some(4)));
        let mut pace = ahead(2, AHEAD_BYTES_MAX + 1);
        assert_eq!(pace.judge(LINK, 0, Instant(0)), None, "nothing larger is ahead than what is being sent");
    }

    #[test]
    fn slow_3_nobody_is_waited_for_without_end() {
        let mut pace = ahead(5_000, 1);
        let until = Instant(0).after(AHEAD_PATIENCE);
        assert!(pace.judge(LINK, 0, Instant(0)).is_some());
        assert_eq!(pace.waits_until(until), None, "its patience is over");
        pace.go_on();
        assert!(pace.judge(LINK, 1, until.after(AHEAD_PATIENCE)).is_some());
        assert_eq!(pace.waits_until(until.after(AHEAD_PATIENCE)), None, "and does not begin anew");
        assert_eq!(pace.judge(LINK, 5_000, until), None);
        pace.go_on();
        assert!(pace.judge(LINK, 0, until).is_some());
        assert!(pace.waits_until(until).is_some(), "but once it has come so far");
    }

    #[test]
    fn slow_3_many_who_are_behind_in_turn_hold_a_user_no_longer_than_one() {
        let mut pace = ahead(5_000, 1);
        let until = Instant(0).after(AHEAD_PATIENCE);
        for number in 0..100 {
            pace.judge(LinkId(number), 0, Instant(number * 50));
            assert_eq!(
                pace.waits_until(Instant(number * 50)),
                Some(until).filter(|until| *until > Instant(number * 50))
            );
        }
        pace.go_on();
        pace.judge(LinkId(100), 0, Instant(5_000));
        assert_eq!(pace.waits_until(Instant(5_000)), Some(Instant(5_000).after(AHEAD_PATIENCE)));
    }
}
