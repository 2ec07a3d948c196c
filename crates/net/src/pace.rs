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
        let is_new = !self.late.contains_key(&link);
        self.late.entry(link).or_insert_with(|| now.after(AHEAD_PATIENCE));
        Some(edge).filter(|_| is_new)
    }

    /// A link has come where it had to be, or is gone.
    pub(crate) fn forget(&mut self, link: LinkId) {
        self.late.remove(&link);
    }

    /// Until when its user's next words wait, if they do.
    pub(crate) fn waits_until(&self, now: Instant) -> Option<Instant> {
        self.late.values().copied().filter(|until| *until > now).max()
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
        assert_eq!(pace.judge(LINK, 9, Instant(5)), None, "it is waited for already");
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
        assert_eq!(pace.judge(LINK, 1, until.after(AHEAD_PATIENCE)), None);
        assert_eq!(pace.waits_until(until.after(AHEAD_PATIENCE)), None, "and does not begin anew");
        assert_eq!(pace.judge(LINK, 5_000, until), None);
        assert!(pace.judge(LINK, 0, until).is_some(), "but once it has come so far");
    }
}
