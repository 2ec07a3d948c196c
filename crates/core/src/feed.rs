//! One sequence of entries for any number of links (SPEC.md, "Feed"): a log in the order in which it was stored.

use alloc::collections::{BTreeMap, VecDeque};

use crate::limits;
use crate::wire::Encoded;
use crate::wire::meeting::Lane;

/// Entries by position. Acts stay; talk is bounded, and the oldest goes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    entries: BTreeMap<u64, (Lane, Encoded)>,
    talk: VecDeque<u64>,
    talk_bytes: usize,
    head: u64,
    dropped_before: u64,
    talk_max: usize,
}

impl Default for Feed {
    fn default() -> Self {
        Self::with_talk_max(limits::TALK_ENTRIES_MAX)
    }
}

impl Feed {
    /// An empty feed that keeps `talk_max` entries of talk and `TALK_BYTES_MAX` of their bytes.
    #[must_use]
    pub const fn with_talk_max(talk_max: usize) -> Self {
        Self { entries: BTreeMap::new(), talk: VecDeque::new(), talk_bytes: 0, head: 0, dropped_before: 0, talk_max }
    }

    /// Adds an ENTRY frame and drops what is over the bounds; the position it got.
    pub fn push(&mut self, frame: Encoded, lane: Lane) -> u64 {
        let position = self.head;
        if lane == Lane::Talk {
            self.talk.push_back(position);
            self.talk_bytes = self.talk_bytes.saturating_add(frame.0.len());
        }
        self.entries.insert(position, (lane, frame));
        self.head = position.saturating_add(1);
        while self.talk.len() > self.talk_max || self.talk_bytes > limits::TALK_BYTES_MAX {
            let Some(oldest) = self.talk.pop_front() else { break };
            let bytes = self.entries.remove(&oldest).map_or(0, |(_, frame)| frame.0.len());
            self.talk_bytes = self.talk_bytes.saturating_sub(bytes);
            self.dropped_before = oldest.saturating_add(1);
        }
        position
    }

    /// The same entries from position 0 on, without holes; tells where each has come to.
    pub(crate) fn renumbered(&self, places: &mut BTreeMap<u64, u64>) -> Self {
        let mut feed = Self::with_talk_max(self.talk_max);
        for (position, (lane, frame)) in &self.entries {
            places.insert(*position, feed.push(frame.clone(), *lane));
        }
        feed
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

    /// The entry at `position`, if it is still there.
    #[must_use]
    pub fn at(&self, position: u64) -> Option<&Encoded> {
        self.entries.get(&position).map(|(_, frame)| frame)
    }

    /// All that is there, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Lane, &Encoded)> {
        self.entries.values().map(|(lane, frame)| (*lane, frame))
    }

    /// The first entry that `start` leads to: its position and frame.
    fn first(&self, start: Start) -> Option<(u64, &Encoded)> {
        self.entries
            .range(start.acts.min(start.talk)..)
            .find(|(position, (lane, _))| **position >= start.of(*lane))
            .map(|(position, (_, frame))| (*position, frame))
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
    const fn of(self, lane: Lane) -> u64 {
        match lane {
            Lane::Acts => self.acts,
            Lane::Talk => self.talk,
        }
    }

    /// Never back behind `position`.
    fn past(self, position: u64) -> Self {
        Self { acts: self.acts.max(position), talk: self.talk.max(position) }
    }
}

/// One link's way through a feed, and the frames that are owed to it alone.
///
/// Each owed frame is stamped with the feed's head at the time, and goes out once the position has reached the
/// stamp: WELCOME precedes the first entry, and goodbye follows its cause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reader {
    next: Option<Start>,
    /// What had been dropped when the link began to follow does not count as missed.
    forgiven: u64,
    owed: VecDeque<(u64, Encoded)>,
    owed_bytes: usize,
}

impl Reader {
    /// Queues a frame for this link alone; false if more is owed than may be.
    pub fn owe(&mut self, frame: Encoded, head: u64) -> bool {
        self.owed_bytes = self.owed_bytes.saturating_add(frame.0.len());
        self.owed.push_back((head, frame));
        self.owed.len() <= limits::OWED_FRAMES_MAX && self.owed_bytes <= limits::OWED_BYTES_MAX
    }

    /// Follows `feed` from `start` on, after all that is owed already.
    pub fn follow(&mut self, start: Start, feed: &Feed) {
        self.next = Some(start);
        self.forgiven = feed.dropped_before();
        self.owed.iter_mut().for_each(|(stamp, _)| *stamp = 0);
    }

    /// Follows nothing any more; what is owed stays.
    pub const fn unfollow(&mut self) {
        self.next = None;
    }

    /// Drops all that is owed and follows nothing.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether `feed` has dropped what this link has not had.
    #[must_use]
    pub fn is_behind(&self, feed: &Feed) -> bool {
        self.next.is_some_and(|next| feed.dropped_before() > next.talk.max(self.forgiven))
    }

    /// Takes the next frame, if there is one of at most `room` bytes.
    pub fn next(&mut self, feed: &Feed, room: usize) -> Option<Encoded> {
        let following = self.next.and_then(|next| feed.first(next));
        let reached = following.map_or(feed.head(), |(position, _)| position);
        // What was passed over is not looked at again.
        self.next = self.next.map(|next| next.past(reached));
        if self.owed.front().is_some_and(|(stamp, _)| *stamp <= reached) {
            let (_, frame) = self.owed.pop_front_if(|(_, frame)| frame.0.len() <= room)?;
            self.owed_bytes = self.owed_bytes.saturating_sub(frame.0.len());
            if self.owed.is_empty() {
                self.owed = VecDeque::new();
            }
            return Some(frame);
        }
        let (position, frame) = following.filter(|(_, frame)| frame.0.len() <= room)?;
        self.next = self.next.map(|next| next.past(position.saturating_add(1)));
        Some(frame.clone())
    }

    /// Whether [`Reader::next`] would give something, given room.
    #[must_use]
    pub fn has_next(&self, feed: &Feed) -> bool {
        !self.owed.is_empty() || self.next.is_some_and(|next| feed.first(next).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn frame(content: u64) -> Encoded {
        Encoded(content.to_be_bytes().to_vec().into())
    }

    fn drain(reader: &mut Reader, feed: &Feed) -> Vec<Encoded> {
        core::iter::from_fn(|| reader.next(feed, usize::MAX)).collect()
    }

    #[test]
    fn feed_1_what_is_owed_comes_after_all_that_was_appended_before_it() {
        let mut feed = Feed::default();
        let mut reader = Reader::default();
        assert!(reader.owe(frame(100), feed.head()));
        feed.push(frame(1), Lane::Talk);
        reader.follow(Start::default(), &feed);
        feed.push(frame(2), Lane::Talk);
        assert!(reader.owe(frame(101), feed.head()));
        feed.push(frame(3), Lane::Talk);
        assert_eq!(drain(&mut reader, &feed), [100, 1, 2, 101, 3].map(frame));
        assert!(!reader.has_next(&feed));
    }

    #[test]
    fn feed_1_what_is_passed_over_is_looked_at_once() {
        let mut feed = Feed::default();
        feed.push(frame(0), Lane::Acts);
        (1..=9).for_each(|number| _ = feed.push(frame(number), Lane::Talk));
        let mut reader = Reader::default();
        reader.follow(Start { acts: 0, talk: feed.head() }, &feed);
        assert_eq!(drain(&mut reader, &feed), [frame(0)]);
        assert_eq!(reader.next, Some(Start { acts: 10, talk: 10 }), "not again at every call");
        feed.push(frame(10), Lane::Talk);
        assert_eq!(drain(&mut reader, &feed), [frame(10)]);
    }

    #[test]
    fn feed_1_what_was_owed_before_a_link_followed_comes_before_its_first_entry() {
        let mut feed = Feed::default();
        feed.push(frame(1), Lane::Talk);
        let mut reader = Reader::default();
        assert!(reader.owe(frame(100), feed.head()));
        reader.follow(Start::default(), &feed);
        assert!(reader.owe(frame(101), feed.head()));
        assert_eq!(drain(&mut reader, &feed), [100, 1, 101].map(frame));
    }

    #[test]
    fn feed_2_acts_stay_and_the_oldest_talk_goes() {
        let mut feed = Feed::with_talk_max(2);
        feed.push(frame(0), Lane::Acts);
        (1..=4).for_each(|number| _ = feed.push(frame(number), Lane::Talk));
        let mut reader = Reader::default();
        reader.follow(Start::default(), &feed);
        assert_eq!(drain(&mut reader, &feed), [0, 3, 4].map(frame));
        assert_eq!(feed.dropped_before(), 3);
    }

    #[test]
    fn slow_2_a_reader_that_was_overtaken_is_behind_and_a_newcomer_is_not() {
        let mut feed = Feed::with_talk_max(2);
        let (mut slow, mut newcomer) = (Reader::default(), Reader::default());
        slow.follow(Start::default(), &feed);
        (0..3).for_each(|number| _ = feed.push(frame(number), Lane::Talk));
        newcomer.follow(Start::default(), &feed);
        assert!(slow.is_behind(&feed));
        assert!(!newcomer.is_behind(&feed));
        assert_eq!(drain(&mut newcomer, &feed), [1, 2].map(frame));
    }

    #[test]
    fn feed_3_a_newcomer_gets_all_acts_and_only_the_talk_it_may_have() {
        let mut feed = Feed::default();
        feed.push(frame(0), Lane::Acts);
        feed.push(frame(1), Lane::Talk);
        feed.push(frame(2), Lane::Acts);
        feed.push(frame(3), Lane::Talk);
        let mut reader = Reader::default();
        reader.follow(Start { acts: 0, talk: 2 }, &feed);
        assert_eq!(drain(&mut reader, &feed), [0, 2, 3].map(frame));
    }

    #[test]
    fn slow_2_a_reader_can_be_owed_only_so_much() {
        let mut reader = Reader::default();
        for _ in 0..limits::OWED_FRAMES_MAX {
            assert!(reader.owe(frame(0), 0));
        }
        assert!(!reader.owe(frame(0), 0));
    }
}
