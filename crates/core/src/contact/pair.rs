//! What two have said to each other, and how far each is with it (SPEC.md, "Saying").

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Stored;
use super::kept::encode_received;
use crate::id::{Key, LinkId, MeetingId, RequestId};
use crate::identity::{Domain, digest};
use crate::limits;
use crate::log::{Held, Log, StreamId, unshown};
use crate::wire::entry::EntryBody;
use crate::wire::field::Text;
use crate::wire::meeting::{Range, Row};

/// The id of the pair of two keys, in whatever order they are named.
#[must_use]
pub fn pair_id(one: Key, other: Key) -> MeetingId {
    let (smaller, larger) = (one.min(other), one.max(other));
    MeetingId(digest(Domain::Contact, &[&smaller.0, &larger.0]))
}

/// An open FETCH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Open {
    link: LinkId,
    request: RequestId,
    /// Something has come since it was sent.
    came: bool,
}

/// The log of two, and what is known of the other's copy.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    us: Key,
    peer: Key,
    pub(super) log: Log,
    /// This run's session here, once something was written.
    pub(super) session: Option<u64>,
    /// The other has all own entries below these numbers, by session.
    received: BTreeMap<u64, u64>,
    /// The user has been told that own entries below these numbers are held, by session.
    told_held: BTreeMap<u64, u64>,
    /// Whose pair this is, is on the disk.
    pub(super) is_kept: bool,
    /// What an earlier run has stored and not shown.
    pub(super) unshown: VecDeque<Arc<Held>>,
    /// What the other offers: first and next, by stream.
    theirs: BTreeMap<StreamId, (u64, u64)>,
    open: Option<Open>,
    /// The number that goes out unasked, once the other has said what it has.
    unasked: Option<u64>,
}

impl Pair {
    pub(super) fn new(us: Key, peer: Key, talk_max: usize) -> Self {
        Self::over(us, peer, Log::new(pair_id(us, peer), talk_max))
    }

    /// A pair of an earlier run; `received`: what the other had.
    pub(super) fn restored(
        us: Key,
        stored: &Stored,
        received: impl Iterator<Item = (u64, u64)>,
        talk_max: usize,
    ) -> Self {
        let peer = stored.peer;
        let meeting = pair_id(us, peer);
        let entries = Held::read_all(meeting, &stored.entries);
        let log = Log::restored(meeting, talk_max, &entries);
        let mut unshown = VecDeque::from(unshown(stored.shown.as_ref(), &entries, &log));
        // What this user has written, it knows.
        unshown.retain(|entry| entry.id.author != us);
        let mut pair = Self { is_kept: true, received: received.collect(), unshown, ..Self::over(us, peer, log) };
        // A log that was lost takes back what it was known to have given.
        pair.received = pair.own().map(|(session, next)| (session, pair.received_below(session).min(next))).collect();
        pair
    }

    fn over(us: Key, peer: Key, log: Log) -> Self {
        Self {
            us,
            peer,
            log,
            session: None,
            received: BTreeMap::new(),
            told_held: BTreeMap::new(),
            is_kept: false,
            unshown: VecDeque::new(),
            theirs: BTreeMap::new(),
            open: None,
            unasked: None,
        }
    }

    pub(super) const fn peer(&self) -> Key {
        self.peer
    }

    pub(super) fn is_self(&self) -> bool {
        self.us == self.peer
    }

    /// Whether anything was ever said.
    pub(super) fn is_empty(&self) -> bool {
        self.log.ring().head() == 0
    }

    /// The own streams: session, and one above the highest number.
    fn own(&self) -> impl Iterator<Item = (u64, u64)> {
        let us = self.us;
        self.log.rows(0).into_iter().filter(move |row| row.author == us).map(|row| (row.session, row.next))
    }

    fn received_below(&self, session: u64) -> u64 {
        self.received.get(&session).copied().unwrap_or(1)
    }

    /// The highest own session.
    pub(super) fn last_session(&self) -> u64 {
        self.own().map(|(session, _)| session).max().unwrap_or(0)
    }

    /// How many own entries the other lacks.
    pub(super) fn held(&self) -> u64 {
        if self.is_self() {
            return 0;
        }
        self.own().fold(0, |sum, (session, next)| sum.saturating_add(next.saturating_sub(self.received_below(session))))
    }

    /// What the user has not been told to be held: session and number.
    pub(super) fn tell_held(&mut self) -> Vec<(u64, u64)> {
        let mut told = Vec::new();
        let own: BTreeMap<u64, u64> = self.own().collect();
        self.told_held.retain(|session, _| own.contains_key(session));
        for (session, next) in own {
            let from = self.told_held.get(&session).copied().unwrap_or(1).max(self.received_below(session));
            told.extend((from..next).map(|number| (session, number)));
            self.told_held.insert(session, next.max(from));
        }
        told
    }

    /// A link begins, on which all rows are told. If it is the first, what was known of the other's copy is told anew.
    pub(super) fn begin(&mut self, is_first: bool) {
        if is_first {
            self.end();
        }
        // What went out on an older link may have been lost.
        let number = self.session.map_or(1, |session| self.received_below(session));
        self.unasked = self.unasked.map(|_| number);
        self.log.changed_rows();
    }

    /// A link is gone, and what was asked for on it.
    pub(super) fn lost(&mut self, link: LinkId) {
        self.open.take_if(|open| open.link == link);
    }

    /// There is no link any more.
    pub(super) fn end(&mut self) {
        self.theirs.clear();
        (self.open, self.unasked) = (None, None);
    }

    /// Whether the own entry of this number goes out unasked (SPEC CONTACT-5).
    pub(super) fn goes_unasked(&mut self, session: u64, number: u64) -> bool {
        let waiting = number.saturating_sub(self.received_below(session));
        // What an earlier run has said comes first.
        let is_next = self.own().all(|(other, next)| other == session || next <= self.received_below(other));
        let goes = is_next && self.unasked == Some(number) && waiting < limits::UNASKED_MAX;
        if goes {
            self.unasked = number.checked_add(1);
        }
        goes
    }

    /// The other has sent all its rows: from now on it is known what goes out unasked.
    pub(super) fn is_told(&mut self) {
        let number = self.session.map_or(1, |session| self.received_below(session));
        self.unasked.get_or_insert(number);
    }

    /// Notes a row of the other's: the numbers of the own entries that it has by now.
    pub(super) fn note(&mut self, row: &Row) -> core::ops::Range<u64> {
        let id = StreamId::of_row(row);
        if self.theirs.len() < limits::ROWS_MAX || self.theirs.contains_key(&id) {
            let (first, next) = self.theirs.entry(id).or_insert((row.first, row.next));
            // An older row can come later, on an older link.
            if row.next >= *next {
                (*first, *next) = (row.first, row.next);
            }
        }
        let written = self.log.next_number(id);
        let (from, to) = (self.received_below(row.session), row.next.min(written));
        if row.author != self.us || self.is_self() || to <= from {
            return 0..0;
        }
        self.received.insert(row.session, to);
        if self.session == Some(row.session) {
            self.unasked = self.unasked.map(|number| number.max(to));
        }
        from..to
    }

    /// The own stream of this run is void: the next entry opens another one.
    pub(super) const fn restart(&mut self) {
        (self.session, self.unasked) = (None, None);
    }

    pub(super) fn kept_received(&self) -> Vec<u8> {
        let newest = self.received.iter().rev().take(limits::TALK_SESSIONS_MAX);
        encode_received(newest.map(|(session, next)| (*session, *next)))
    }

    /// The other has an entry of this number, and sent it before what this side lacks.
    pub(super) fn is_offered(&mut self, id: StreamId, number: u64) {
        if self.theirs.len() < limits::ROWS_MAX || self.theirs.contains_key(&id) {
            let (_, next) = self.theirs.entry(id).or_insert((1, 1));
            *next = number.saturating_add(1).max(*next);
        }
    }

    /// An entry was stored: the open FETCH was not in vain.
    pub(super) const fn has_come(&mut self) {
        if let Some(open) = &mut self.open {
            open.came = true;
        }
    }

    /// What is to be asked for now, if nothing is asked for already; and what nobody has any more.
    pub(super) fn lacks(&mut self) -> (Vec<Range>, Vec<(StreamId, u64, u64)>) {
        let (mut ranges, mut gaps) = (Vec::new(), Vec::new());
        if self.open.is_some() {
            return (ranges, gaps);
        }
        for (id, (first, next)) in &self.theirs {
            let held = self.log.next_number(*id);
            if *next <= held || self.log.is_void(*id, held) || ranges.len() >= limits::RANGES_MAX {
                continue;
            }
            // SPEC GAP-1
            if *first > held {
                gaps.extend(self.log.skip(*id, *first).map(|(first, next)| (*id, first, next)));
            }
            let StreamId { author, session, lane } = *id;
            let from = self.log.next_number(*id).max(*first);
            if from < *next {
                ranges.push(Range { author, session, lane, from, to: *next });
            }
        }
        (ranges, gaps)
    }

    /// A FETCH has been sent.
    pub(super) const fn asks(&mut self, link: LinkId, request: RequestId) {
        self.open = Some(Open { link, request, came: false });
    }

    /// A FETCH is over: what it did not bring is not to be had. False if it was another.
    pub(super) fn is_answered(&mut self, link: LinkId, request: RequestId) -> bool {
        let Some(open) = self.open.take_if(|open| open.link == link && open.request == request) else { return false };
        if !open.came {
            let log = &self.log;
            self.theirs.retain(|id, (_, next)| *next <= log.next_number(*id));
        }
        true
    }

    /// A FETCH has brought nothing for long: it is asked again.
    pub(super) fn gives_up(&mut self) {
        if self.open.take_if(|open| !open.came).is_none() {
            self.open.iter_mut().for_each(|open| open.came = false);
        }
    }

    /// Whether an own text of this time is there already.
    pub(super) fn has_said(&self, time_ms: u64, text: Text<'_>) -> bool {
        let said = EntryBody::Text { text };
        let mut own = self.log.entries().filter(|entry| entry.id.author == self.us && entry.time_ms == time_ms);
        own.any(|entry| entry.body() == said)
    }
}
