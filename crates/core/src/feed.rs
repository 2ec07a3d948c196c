//! One sequence of entries for any number of links (SPEC.md, "Feed"): a log in the order in which it was stored.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::ops::Deref;

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

    /// Where it is, if it is sent what every other at this place is sent.
    fn place(&self) -> Option<Start> {
        self.next.filter(|_| self.owed.is_empty())
    }

    /// Takes what `pack` has.
    fn take(&mut self, pack: &Pack) {
        self.next = pack.to;
        self.is_drained = pack.is_drained;
        self.keeps_up |= pack.is_drained && pack.to.is_some();
    }

    /// Whether [`Reader::next`] would give something, given room.
    pub(crate) fn has_next(&self, feed: &Feed) -> bool {
        !self.owed.is_empty() || self.next.is_some_and(|next| feed.first(next).or(feed.first_register(next)).is_some())
    }
}

/// One look at a feed, for any number of links: what all who are at the same place are sent is gathered once.
#[derive(Debug)]
pub struct Packer<F> {
    feed: F,
    /// The newest last, and no more than a turn of one link has.
    packs: VecDeque<Pack>,
}

/// The frames of one record.
#[derive(Debug)]
struct Pack {
    /// The place of those who get the same.
    from: Option<Start>,
    frames: Vec<u8>,
    to: Option<Start>,
    is_drained: bool,
}

/// Records that one link is sealed at once, at most.
pub const RECORDS_AT_ONCE: usize = 8;

impl<F: Deref<Target = Feed>> Packer<F> {
    /// Nothing of `feed` has been gathered.
    pub const fn new(feed: F) -> Self {
        Self { feed, packs: VecDeque::new() }
    }

    /// What is sent.
    #[must_use]
    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    /// The frames of `reader`'s next record, which begins with what `begun` has; none, if there are none. `is_last` tells
    /// the frame that nothing follows.
    pub(crate) fn pack(
        &mut self,
        reader: &mut Reader,
        begun: Vec<u8>,
        is_last: impl FnMut(&Encoded) -> bool,
    ) -> Option<&[u8]> {
        let from = reader.place().filter(|_| begun.is_empty());
        let place = from.and_then(|from| self.packs.iter().position(|pack| pack.from == Some(from)));
        let place = place.unwrap_or_else(|| self.gather(reader, begun, is_last));
        let pack = self.packs.get(place)?;
        reader.take(pack);
        Some(pack.frames.as_slice()).filter(|frames| !frames.is_empty())
    }

    /// Which pack it is then.
    fn gather(&mut self, reader: &mut Reader, begun: Vec<u8>, mut is_last: impl FnMut(&Encoded) -> bool) -> usize {
        let from = reader.place().filter(|_| begun.is_empty());
        let (mut frames, mut is_over) = (begun, false);
        while !is_over {
            let most = if frames.is_empty() { limits::RECORD_PLAINTEXT_MAX } else { limits::RECORD_PACKED_MAX };
            let room = most.saturating_sub(frames.len());
            let Some(frame) = reader.next(&self.feed, room) else { break };
            frames.extend_from_slice(&frame.0);
            is_over = is_last(&frame);
        }
        if self.packs.len() >= RECORDS_AT_ONCE {
            self.packs.pop_front();
        }
        self.packs.push_back(Pack { from, frames, to: reader.next, is_drained: reader.is_drained });
        self.packs.len().saturating_sub(1)
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
    fn feed_1_one_look_at_a_feed_serves_each_link_as_a_look_of_its_own() {
        let mut feed = Feed::default();
        let lanes = [Lane::Acts, Lane::Talk, Lane::PERSON, Lane::Talk, Lane::Talk];
        (0..2_500).zip(lanes.into_iter().cycle()).for_each(|(number, lane)| push(&mut feed, number, lane));
        let mut packer = Packer::new(&feed);
        // Where each begins, after which of it one more frame is owed to it alone, and how many records it takes.
        let links = [(0, None, 1), (0, Some(0), 9), (2_400, None, 9), (0, None, 9), (1_024, Some(2_000), 9)];
        for (talk, owed, records) in links.into_iter().cycle().take(10) {
            let mut shared = Reader::default();
            shared.follow(Start { acts: talk, registers: talk, talk }, &feed);
            owed.into_iter().for_each(|stamp| _ = shared.owe(frame(9), stamp));
            let mut alone = shared.clone();
            for _ in 0..records {
                let mut own = Packer::new(&feed);
                let packed = packer.pack(&mut shared, Vec::new(), |_| false);
                assert_eq!(packed, own.pack(&mut alone, Vec::new(), |_| false));
                assert_eq!(shared, alone);
            }
            assert_eq!(shared.is_drained(), records > 1, "all of it goes into so many records");
        }
        let mut reader = Reader::default();
        reader.follow(Start { acts: 2_400, registers: 2_400, talk: 2_400 }, &feed);
        let mut is_gathered = false;
        let frames = packer.pack(&mut reader, Vec::new(), |_| {
            is_gathered = true;
            false
        });
        assert!(frames.is_some() && !is_gathered, "it was before");
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
