//! What two have said to each other, and how far each is with it (SPEC.md, "Saying").

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Stored;
use crate::id::{Key, LinkId, MeetingId};
use crate::identity::{Domain, digest};
use crate::limits;
use crate::log::{Held, Log, StreamId};
use crate::machine::{Kept, Output};
use crate::replica::{Account, Patience, Replica};
use crate::rule::Rule;
use crate::wire::entry::EntryBody;
use crate::wire::field::Text;
use crate::wire::meeting::{Lane, Row};

/// The id of the pair of two keys, in whatever order they are named.
#[must_use]
pub fn pair_id(one: Key, other: Key) -> MeetingId {
    let (smaller, larger) = (one.min(other), one.max(other));
    MeetingId(digest(Domain::Contact, &[&smaller.0, &larger.0]))
}

/// Whether a stream is one that two can have.
pub(super) fn may_write(id: StreamId, us: Key, peer: Key) -> Result<(), Rule> {
    // SPEC CONTACT-3
    let is_ours = id.lane == Lane::Talk && [us, peer].contains(&id.author);
    is_ours.then_some(()).ok_or(Rule::Contact3)
}

/// The log of two, and what is known of the other's copy.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    us: Key,
    peer: Key,
    pub(super) replica: Replica,
    /// This run's session here, once something was written.
    pub(super) session: Option<u64>,
    /// The user has been told that own entries below these numbers are held, by session.
    told_held: BTreeMap<u64, u64>,
    /// Whose pair this is, is on the disk.
    pub(super) is_kept: bool,
    /// What an earlier run has stored and not shown.
    pub(super) unshown: VecDeque<Arc<Held>>,
    /// The number that goes out unasked, once the other has said what it has.
    unasked: Option<u64>,
}

impl Pair {
    pub(super) fn new(us: Key, peer: Key, talk_max: usize) -> Self {
        Self::over(us, peer, Log::new(pair_id(us, peer), talk_max))
    }

    /// A pair of an earlier run.
    pub(super) fn restored(us: Key, stored: Stored) -> Self {
        let (peer, log) = (stored.peer, stored.log);
        let mut unshown = VecDeque::from(log.unshown());
        // What this user has written, it knows.
        unshown.retain(|entry| entry.id.author != us);
        Self { is_kept: true, unshown, ..Self::over(us, peer, log) }
    }

    fn over(us: Key, peer: Key, log: Log) -> Self {
        Self {
            us,
            peer,
            replica: Replica::new(log.of_pair(), Patience::FRIEND).with_budget(),
            session: None,
            told_held: BTreeMap::new(),
            is_kept: false,
            unshown: VecDeque::new(),
            unasked: None,
        }
    }

    pub(super) const fn log(&self) -> &Log {
        &self.replica.log
    }

    /// Whose pair it is comes onto the disk before the first entry, which is in `out` from `from` on.
    pub(super) fn keep_peer(&mut self, from: usize, out: &mut Vec<Output>) {
        if !core::mem::replace(&mut self.is_kept, true) {
            let (meeting, bytes) = (self.log().meeting(), self.peer.0.into());
            out.insert(from, Output::Keep { meeting, name: Kept::Peer, bytes });
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
        self.log().ring().head() == 0
    }

    /// The own streams: session, and one above the highest number.
    fn own(&self) -> impl Iterator<Item = (u64, u64)> {
        let us = self.us;
        self.log().rows(0).into_iter().filter(move |row| row.author == us).map(|row| (row.session, row.next))
    }

    fn received_below(&self, session: u64) -> u64 {
        self.log().received_below(self.us, session)
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

    /// Bytes of own words that the other lacks, if it holds as much of them as of a stranger's and has said nothing itself
    /// (SPEC CONTACT-18).
    pub(super) fn kept_back(&self) -> Option<usize> {
        if self.is_self() || self.held() == 0 || self.log().talk_bytes_of(&self.peer) > 0 {
            return None;
        }
        let (mut taken, mut waiting) = (0_usize, 0_usize);
        for entry in self.log().entries().filter(|entry| entry.id.author == self.us) {
            let is_taken = entry.number < self.received_below(entry.id.session);
            let sum = if is_taken { &mut taken } else { &mut waiting };
            *sum = sum.saturating_add(entry.frame.0.len());
        }
        let as_of_stranger = limits::STRANGER_BYTES_MAX..limits::STRANGER_BYTES_MAX.saturating_mul(2);
        as_of_stranger.contains(&taken).then_some(waiting)
    }

    /// The newest link begins, on which all rows are told. If it is the first, what was known of the other is told anew.
    pub(super) fn begin(&mut self, is_first: bool, link: LinkId, older: &[LinkId]) -> Vec<Row> {
        older.iter().for_each(|old| self.replica.follow(*old, link));
        // What went out on an older link may have been lost.
        let number = self.session.map_or(1, |session| self.received_below(session));
        self.unasked = self.unasked.filter(|_| !is_first).map(|_| number);
        self.replica.meet(link, self.peer, Account::Branch(self.peer), Some(0))
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
        let written = self.log().next_number(StreamId::of_row(row));
        let (from, to) = (self.received_below(row.session), row.next.min(written));
        if row.author != self.us || self.is_self() || to <= from {
            return 0..0;
        }
        self.replica.log.note_received(self.us, row.session, to.saturating_sub(1));
        if self.session == Some(row.session) {
            self.unasked = self.unasked.map(|number| number.max(to));
        }
        from..to
    }

    /// The own stream of this run is void: the next entry opens another one.
    pub(super) const fn restart(&mut self) {
        (self.session, self.unasked) = (None, None);
    }

    /// Whether an own text of this time is there already.
    pub(super) fn has_said(&self, time_ms: u64, text: Text<'_>) -> bool {
        let mut own = self.log().entries().filter(|entry| entry.id.author == self.us && entry.time_ms == time_ms);
        own.any(|entry| matches!(entry.body(), EntryBody::Text { text: said, .. } if said == text))
    }
}
