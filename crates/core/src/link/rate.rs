//! How fast a link may go (SPEC.md, "Rates").

use crate::limits;
use crate::time::Instant;
use crate::wire::Frame;
use crate::wire::meeting::Meeting;
use crate::wire::private::Private;

/// A token bucket, kept as the time at which it will be full again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    full_at_us: u64,
    rate: u32,
    burst: u32,
}

impl Bucket {
    /// A full bucket that refills by `rate` tokens a second, and holds `burst`.
    pub(crate) const fn new(rate: u32, burst: u32) -> Self {
        Self { full_at_us: 0, rate, burst }
    }

    fn microseconds(&self, tokens: usize) -> u64 {
        let tokens = u64::try_from(tokens).unwrap_or(u64::MAX);
        tokens.saturating_mul(1_000_000).checked_div(u64::from(self.rate)).unwrap_or(u64::MAX)
    }

    /// Takes tokens, there or not.
    pub(crate) fn take(&mut self, tokens: usize, now: Instant) {
        let now_us = now.0.saturating_mul(1_000);
        self.full_at_us = self.full_at_us.max(now_us).saturating_add(self.microseconds(tokens));
    }

    /// When the bucket is no longer overdrawn.
    pub(crate) fn clear_at(&self) -> Instant {
        self.room_at(0)
    }

    /// When so many tokens are there.
    pub(crate) fn room_at(&self, tokens: usize) -> Instant {
        let burst = self.microseconds(usize::try_from(self.burst).unwrap_or(usize::MAX));
        let full_at_us = self.full_at_us.saturating_add(self.microseconds(tokens));
        Instant(full_at_us.saturating_sub(burst).div_ceil(1_000))
    }

    /// When the bucket is full.
    pub(crate) const fn full_at(&self) -> Instant {
        Instant(self.full_at_us.div_ceil(1_000))
    }

    pub(crate) const fn is_full(&self, now: Instant) -> bool {
        self.full_at_us <= now.0.saturating_mul(1_000)
    }

    fn holds(&self, tokens: u32, now: Instant) -> bool {
        self.room_at(usize::try_from(tokens).unwrap_or(usize::MAX)) <= now
    }
}

/// What an ENTRY counts as that nobody has asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Unasked {
    /// Nothing: a star's host is whom its guest has chosen (SPEC RATE-2).
    #[default]
    Free,
    /// Talk, whoever its author is (SPEC MESH-17).
    Talk,
    /// A frame like any other (SPEC RATE-3).
    Frame,
}

/// The buckets of one link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rates {
    unasked: Unasked,
    /// Entries, and bytes of entries, that open FETCHes may still bring.
    fetched: (usize, usize),
    control: Bucket,
    talk: Bucket,
    bytes: Bucket,
    /// When a bucket was first overdrawn since all were last full.
    over_since: Option<Instant>,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            unasked: Unasked::default(),
            fetched: (0, 0),
            control: Bucket::new(limits::CONTROL_RATE, limits::CONTROL_BURST),
            talk: Bucket::new(limits::TALK_RATE, limits::TALK_BURST),
            bytes: Bucket::new(limits::TALK_BYTE_RATE, limits::TALK_BYTE_BURST),
            over_since: None,
        }
    }
}

impl Rates {
    /// From now on, entries that were not asked for count so.
    pub(super) fn counts(&mut self, unasked: Unasked) {
        self.unasked = unasked;
        if unasked == Unasked::Talk {
            // SPEC MESH-17
            self.talk.burst = limits::ROOM_BURST;
            self.bytes.burst = limits::ROOM_BYTE_BURST;
        }
    }

    /// Something is asked for: what comes of it does not count (SPEC FETCH-3).
    pub(super) const fn fetches(&mut self) {
        let (entries, bytes) = self.fetched;
        let bytes = bytes.saturating_add(limits::FETCH_BYTES_MAX);
        self.fetched = (entries.saturating_add(limits::FETCH_ENTRIES_MAX), bytes);
    }

    /// Nothing is asked for any more.
    pub(super) const fn has_fetched(&mut self) {
        self.fetched = (0, 0);
    }

    /// Whether an entry is part of what was asked for.
    const fn is_asked(&mut self, length: usize) -> bool {
        let (entries, bytes) = self.fetched;
        let is_asked = entries > 0 && bytes >= length;
        if is_asked {
            self.fetched = (entries.saturating_sub(1), bytes.saturating_sub(length));
        }
        is_asked
    }

    /// Counts a frame; when the next one may be looked at, if that is later than now.
    pub(super) fn count(&mut self, frame: Option<&Frame<'_>>, length: usize, now: Instant) -> Option<Instant> {
        self.settle(now);
        match frame {
            Some(Frame::Meeting(Meeting::EntryFrame(_))) if self.is_asked(length) => {}
            Some(Frame::Meeting(Meeting::EntryFrame(_))) => match self.unasked {
                Unasked::Free => {}
                Unasked::Frame => self.control.take(1, now),
                Unasked::Talk => {
                    self.talk.take(1, now);
                    self.bytes.take(length, now);
                }
            },
            Some(Frame::Private(Private::Tell(_) | Private::Ask(_)) | Frame::Meeting(Meeting::Rename(_))) => {
                self.control.take(1, now);
                self.talk.take(1, now);
                self.bytes.take(length, now);
            }
            Some(Frame::Session(_) | Frame::Meeting(_) | Frame::Registry(_)) | None => self.control.take(1, now),
        }
        let clear_at = self.control.clear_at().max(self.talk.clear_at()).max(self.bytes.clear_at());
        if clear_at <= now {
            return None;
        }
        self.over_since.get_or_insert(now);
        Some(clear_at)
    }

    /// When patience ends, if the link is over a rate.
    pub(super) fn patience_ends(&self) -> Option<Instant> {
        self.over_since.map(|since| since.after(limits::RATE_PATIENCE))
    }

    /// Forgives what was over once all buckets hold what two seconds bring (SPEC RATE-1).
    pub(super) fn settle(&mut self, now: Instant) {
        if self.control.holds(limits::CONTROL_BURST, now)
            && self.talk.holds(limits::TALK_BURST, now)
            && self.bytes.holds(limits::TALK_BYTE_BURST, now)
        {
            self.over_since = None;
        }
    }
}
