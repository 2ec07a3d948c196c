//! One sequence of entries for any number of links (SPEC.md, "Feed"): a log in the order in which it was stored.

use alloc::collections::VecDeque;

use crate::limits;
/// What a node sends, where its log has it: the same entries at the same positions.
pub use crate::log::{Ring as Feed, Start};
use crate::wire::Encoded;

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
    /// The last [`Reader::next`] has found nothing, whatever the room.
    is_drained: bool,
    /// It has had all that there was, once since it began to follow.
    keeps_up: bool,
}

impl Reader {
    /// Queues a frame for this link alone; false if more is owed than may be.
    pub(crate) fn owe(&mut self, frame: Encoded, head: u64) -> bool {
        self.owed_bytes = self.owed_bytes.saturating_add(frame.0.len());
        self.owed.push_back((head, frame));
        self.owed.len() <= limits::OWED_FRAMES_MAX && self.owed_bytes <= limits::OWED_BYTES_MAX
    }

    /// Follows `feed` from `start` on, after all that is owed already.
    pub fn follow(&mut self, start: Start, feed: &Feed) {
        self.next = Some(start);
        self.forgiven = feed.dropped_before();
        self.keeps_up = false;
        self.owed.iter_mut().for_each(|(stamp, _)| *stamp = 0);
    }

    /// Follows nothing any more; what is owed stays.
    pub(crate) const fn unfollow(&mut self) {
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
        let register = self.next.and_then(|next| feed.first_register(next));
        let ahead = following.iter().chain(&register).map(|(position, _)| *position);
        let reached = ahead.min().unwrap_or(feed.head());
        self.is_drained = following.is_none() && register.is_none() && self.owed.is_empty();
        self.keeps_up |= self.is_drained && self.next.is_some();
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
        // SPEC FEED-4: who is who comes before what they say.
        if let (Some((position, entry)), Some(next)) = (register, &mut self.next) {
            let fits = entry.frame.0.len() <= room;
            next.registers = if fits { position.saturating_add(1) } else { next.registers };
            return fits.then(|| entry.frame.clone());
        }
        let (position, entry) = following.filter(|(_, entry)| entry.frame.0.len() <= room)?;
        self.next = self.next.map(|next| next.past(position.saturating_add(1)));
        Some(entry.frame.clone())
    }

    /// Whether the last [`Reader::next`] has found nothing, whatever the room.
    pub(crate) const fn is_drained(&self) -> bool {
        self.is_drained
    }

    /// At which position it is, if it has had all that there was before (SPEC SLOW-3).
    pub(crate) fn keeps_up_at(&self) -> Option<u64> {
        self.next.map(|next| next.talk).filter(|_| self.keeps_up)
    }

    /// Whether [`Reader::next`] would give something, given room.
    pub(crate) fn has_next(&self, feed: &Feed) -> bool {
        !self.owed.is_empty() || self.next.is_some_and(|next| feed.first(next).or(feed.first_register(next)).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Held;
    use crate::wire::meeting::Lane;
    use alloc::vec::Vec;

    fn frame(content: u64) -> Encoded {
        Encoded(content.to_be_bytes().to_vec().into())
    }

    fn push(feed: &mut Feed, content: u64, lane: Lane) {
        let (at, dropped) = (feed.head(), feed.dropped_before());
        feed.append(Held::sample(lane, &frame(content).0).into(), at, dropped);
    }

    /// Talk, of which two entries stay.
    fn push_of_two(feed: &mut Feed, content: u64) {
        let at = feed.head();
        feed.append(Held::sample(Lane::Talk, &frame(content).0).into(), at, at.saturating_sub(1));
    }

    fn drain(reader: &mut Reader, feed: &Feed) -> Vec<Encoded> {
        core::iter::from_fn(|| reader.next(feed, usize::MAX)).collect()
    }

    #[test]
    fn feed_4_registers_go_first_and_what_is_owed_still_waits_for_what_came_before_it() {
        let mut feed = Feed::default();
        push(&mut feed, 0, Lane::Acts);
        push(&mut feed, 1, Lane::PERSON);
        push(&mut feed, 2, Lane::Talk);
        push(&mut feed, 3, Lane::PERSON);
        let mut reader = Reader::default();
        reader.owe(frame(9), 4);
        reader.follow(Start::default(), &feed);
        reader.owe(frame(10), 4);
        assert_eq!(drain(&mut reader, &feed), [9, 3, 0, 2, 10].map(frame), "of a register the last alone");
        push(&mut feed, 4, Lane::Talk);
        push(&mut feed, 5, Lane::PERSON);
        assert_eq!(drain(&mut reader, &feed), [5, 4].map(frame), "nothing twice");
    }

    #[test]
    fn feed_1_what_is_owed_comes_after_all_that_was_appended_before_it() {
        let mut feed = Feed::default();
        let mut reader = Reader::default();
        assert!(reader.owe(frame(100), feed.head()));
        push(&mut feed, 1, Lane::Talk);
        reader.follow(Start::default(), &feed);
        push(&mut feed, 2, Lane::Talk);
        assert!(reader.owe(frame(101), feed.head()));
        push(&mut feed, 3, Lane::Talk);
        assert_eq!(drain(&mut reader, &feed), [100, 1, 2, 101, 3].map(frame));
        assert!(!reader.has_next(&feed));
    }

    #[test]
    fn feed_1_what_is_passed_over_is_looked_at_once() {
        let mut feed = Feed::default();
        push(&mut feed, 0, Lane::Acts);
        (1..=9).for_each(|number| push(&mut feed, number, Lane::Talk));
        let mut reader = Reader::default();
        reader.follow(Start { acts: 0, registers: 0, talk: feed.head() }, &feed);
        assert_eq!(drain(&mut reader, &feed), [frame(0)]);
        assert_eq!(reader.next, Some(Start { acts: 10, registers: 10, talk: 10 }), "not again at every call");
        push(&mut feed, 10, Lane::Talk);
        assert_eq!(drain(&mut reader, &feed), [frame(10)]);
    }

    #[test]
    fn feed_1_what_was_owed_before_a_link_followed_comes_before_its_first_entry() {
        let mut feed = Feed::default();
        push(&mut feed, 1, Lane::Talk);
        let mut reader = Reader::default();
        assert!(reader.owe(frame(100), feed.head()));
        reader.follow(Start::default(), &feed);
        assert!(reader.owe(frame(101), feed.head()));
        assert_eq!(drain(&mut reader, &feed), [100, 1, 101].map(frame));
    }

    #[test]
    fn feed_2_acts_stay_and_the_oldest_talk_goes() {
        let mut feed = Feed::default();
        push(&mut feed, 0, Lane::Acts);
        (1..=4).for_each(|number| push_of_two(&mut feed, number));
        let mut reader = Reader::default();
        reader.follow(Start::default(), &feed);
        assert_eq!(drain(&mut reader, &feed), [0, 3, 4].map(frame));
        assert_eq!(feed.dropped_before(), 3);
    }

    #[test]
    fn slow_2_a_reader_that_was_overtaken_is_behind_and_a_newcomer_is_not() {
        let mut feed = Feed::default();
        let (mut slow, mut newcomer) = (Reader::default(), Reader::default());
        slow.follow(Start::default(), &feed);
        (0..3).for_each(|number| push_of_two(&mut feed, number));
        newcomer.follow(Start::default(), &feed);
        assert!(slow.is_behind(&feed));
        assert!(!newcomer.is_behind(&feed));
        assert_eq!(drain(&mut newcomer, &feed), [1, 2].map(frame));
    }

    #[test]
    fn feed_3_a_newcomer_gets_all_acts_and_only_the_talk_it_may_have() {
        let mut feed = Feed::default();
        push(&mut feed, 0, Lane::Acts);
        push(&mut feed, 1, Lane::Talk);
        push(&mut feed, 2, Lane::Acts);
        push(&mut feed, 3, Lane::Talk);
        let mut reader = Reader::default();
        reader.follow(Start { acts: 0, registers: 0, talk: 2 }, &feed);
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
