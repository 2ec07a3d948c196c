//! What everybody holds of a meeting (SPEC.md, "Log"): streams of signed entries, and the rule for storing one.

mod fork;
mod shown;
#[cfg(test)]
mod tests;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::ops::Bound;

pub use self::fork::{Proof, check_fork};
pub(crate) use self::shown::unshown;
pub use self::shown::{Mark, Shown};
use crate::feed::{Feed, Start};
use crate::id::{Hash, Key, MeetingId, RequestId};
use crate::identity::{Domain, Identity, digest};
use crate::limits;
use crate::rule::Rule;
use crate::time::Now;
use crate::wire::entry::{Cut, Entry, EntryBody};
use crate::wire::field::{Body, Signed, encode_alone};
use crate::wire::frame;
use crate::wire::meeting::{EntryFrame, Lane, Meeting, Range, Row};
use crate::wire::option::Options;
use crate::wire::{Encoded, Frame};

/// Which stream: one author, one of the author's sessions, one lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId {
    /// The author.
    pub author: Key,
    /// The session.
    pub session: u64,
    /// The lane.
    pub lane: Lane,
}

impl StreamId {
    /// The stream that `entry` belongs to.
    #[must_use]
    pub const fn of(entry: &Entry<'_>) -> Self {
        Self { author: entry.author, session: entry.session, lane: entry.lane }
    }

    /// The stream that `row` is about.
    #[must_use]
    pub const fn of_row(row: &Row) -> Self {
        Self { author: row.author, session: row.session, lane: row.lane }
    }
}

/// What is held of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stream {
    next: u64,
    /// The hash of the entry before `next`; `None` after a gap, when any will do.
    head: Option<Hash>,
    head_lamport: u64,
    /// Position in the feed, by number.
    held: BTreeMap<u64, u64>,
    /// From here on, the stream is void: its author has forked it.
    void_from: Option<u64>,
}

impl Stream {
    /// Empty, and going on at `next` after whatever.
    const fn starting_at(next: u64) -> Self {
        Self { next, head: None, head_lamport: 0, held: BTreeMap::new(), void_from: None }
    }

    /// SPEC STORE-2: `prev` is the head's hash, and lamport time rises.
    fn continues_with(&self, entry: &Entry<'_>) -> bool {
        entry.number == self.next && self.head == Some(entry.prev) && entry.lamport > self.head_lamport
    }
}

/// What has become of an entry that was offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is new, holds, and is stored.
    Stored,
    /// Nothing to do: it is held already, void, or not wanted.
    Dropped,
    /// What lies between `next` and it is missing: it was not stored.
    Ahead {
        /// The number that the stream goes on with.
        next: u64,
    },
    /// It excludes an entry that is held: the stream is void from now on.
    Forked(Proof),
    /// It breaks a rule.
    Refused(Rule),
}

/// The entries of one meeting, as far as this node holds them.
#[derive(Clone, Debug)]
pub struct Log {
    meeting: MeetingId,
    streams: BTreeMap<StreamId, Stream>,
    feed: Feed,
    /// Position, stream, number and lamport time of all talk in the feed.
    talk: VecDeque<(u64, StreamId, u64, u64)>,
    acts: usize,
    lamport: u64,
    latest: Hash,
    /// A set: who never asks for it must not pay for every entry.
    changed: BTreeSet<StreamId>,
}

impl Log {
    /// An empty log, whose feed keeps `talk_max` entries of talk.
    #[must_use]
    pub const fn new(meeting: MeetingId, talk_max: usize) -> Self {
        Self {
            meeting,
            streams: BTreeMap::new(),
            feed: Feed::with_talk_max(talk_max),
            talk: VecDeque::new(),
            acts: 0,
            lamport: 0,
            latest: Hash::ZERO,
            changed: BTreeSet::new(),
        }
    }

    /// The meeting.
    #[must_use]
    pub const fn meeting(&self) -> MeetingId {
        self.meeting
    }

    /// The entries in the order in which they were stored.
    #[must_use]
    pub const fn feed(&self) -> &Feed {
        &self.feed
    }

    /// Whether all acts are held but those that are for what hosts' users do (SPEC ACTS-2).
    #[must_use]
    pub const fn has_only_hosts_acts_left(&self) -> bool {
        self.acts >= limits::ACTS_MAX.saturating_sub(limits::ACTS_OF_HOSTS)
    }

    /// The oldest session of which talk is held.
    #[must_use]
    pub fn oldest_talk_session(&self) -> Option<u64> {
        let held = self.streams.iter().filter(|(id, stream)| id.lane == Lane::Talk && !stream.held.is_empty());
        held.map(|(id, _)| id.session).min()
    }

    /// The highest lamport time held.
    #[must_use]
    pub const fn lamport(&self) -> u64 {
        self.lamport
    }

    /// One above the highest session of `author` that is held.
    #[must_use]
    pub fn next_session(&self, author: Key) -> u64 {
        let sessions = self.streams.keys().filter(|stream| stream.author == author).map(|stream| stream.session);
        sessions.max().unwrap_or(0).saturating_add(1)
    }

    /// One above the highest number held of `stream`; 1 if nothing is.
    #[must_use]
    pub fn next_number(&self, stream: StreamId) -> u64 {
        self.streams.get(&stream).map_or(1, |stream| stream.next)
    }

    /// Writes an entry of this node's own; `None` if the meeting can hold no more acts.
    pub fn write(&mut self, us: &Identity, session: u64, body: &EntryBody<'_>, now: Now) -> Option<Encoded> {
        let lane = body.lane()?;
        if lane == Lane::Acts && self.acts >= limits::ACTS_MAX {
            return None;
        }
        let id = StreamId { author: us.key(), session, lane };
        let stream = self.streams.get(&id);
        let (kind, body) = body.encode();
        let entry = Entry {
            author: us.key(),
            session,
            lane,
            number: stream.map_or(1, |stream| stream.next),
            prev: stream.and_then(|stream| stream.head).unwrap_or(Hash::ZERO),
            lamport: self.lamport.saturating_add(1),
            reference: self.latest,
            time_ms: now.unix_ms,
            kind,
            body: Body(&body),
        };
        let bytes = encode_alone(&entry);
        let signature = us.sign(Domain::Entry, &[&self.meeting.0, &bytes]);
        let entry = Signed { bytes: &bytes, value: entry, signature };
        let frame = Frame::from(EntryFrame { entry, options: Options::NONE }).encode(RequestId::EVENT);
        self.store(&entry, frame.clone());
        Some(frame)
    }

    /// Takes an entry from another node, if it is the next of its stream, or was `asked` for.
    pub fn offer(&mut self, entry: &Signed<'_, Entry<'_>>, asked: bool, us: &Identity) -> Verdict {
        self.judge(entry, asked, |log, entry| {
            us.verify(&entry.value.author, Domain::Entry, &[&log.meeting.0, entry.bytes], &entry.signature)
        })
    }

    /// Takes an entry back that this log had stored in an earlier run.
    pub fn restore(&mut self, entry: &Signed<'_, Entry<'_>>) -> Verdict {
        let id = StreamId::of(&entry.value);
        if id.lane == Lane::Talk && entry.value.number > self.next_number(id) {
            self.skip(id, entry.value.number);
        }
        // What had been stored late, because it was asked for, stands after its successors.
        self.judge(entry, true, |_, _| true)
    }

    /// The log of an earlier run, from the frames that it has stored. Positions count from 0 over what is still kept:
    /// whoever is given [`Log::frames`] to build a feed of has the same positions.
    #[must_use]
    pub fn restored(meeting: MeetingId, talk_max: usize, frames: &[Encoded]) -> Self {
        let mut log = Self::new(meeting, talk_max);
        frames.iter().filter_map(entry_of).for_each(|entry| _ = log.restore(&entry));
        log.renumber();
        log
    }

    /// Numbers the positions anew and without holes. What has been dropped stays known to have been there.
    fn renumber(&mut self) {
        let mut places = BTreeMap::new();
        self.feed = self.feed.renumbered(&mut places);
        for stream in self.streams.values_mut() {
            stream.held.retain(|_, position| places.get(position).map(|place| *position = *place).is_some());
        }
        self.talk.retain_mut(|(position, ..)| places.get(position).map(|place| *position = *place).is_some());
    }

    /// The store rule: whether an entry is taken depends on its bytes and its stream, never on other streams.
    fn judge(
        &mut self,
        entry: &Signed<'_, Entry<'_>>,
        asked: bool,
        holds: impl Fn(&Self, &Signed<'_, Entry<'_>>) -> bool,
    ) -> Verdict {
        let value = &entry.value;
        if let Err(rule) = check_bytes(value) {
            return Verdict::Refused(rule);
        }
        let id = StreamId::of(value);
        if self.is_void(id, value.number) {
            return Verdict::Dropped;
        }
        let stream = self.streams.get(&id);
        let next = stream.map_or(1, |stream| stream.next);
        // SPEC STORE-1: neither a leap ahead nor what is long gone costs more than this look.
        if value.number > next && (stream.is_some() || value.lane == Lane::Acts) {
            return Verdict::Ahead { next };
        }
        // No number is one above the last of all; and a session that was forgotten stays so, or it would come twice.
        if value.number == u64::MAX || (stream.is_none() && self.is_past(id)) {
            return Verdict::Dropped;
        }
        let rival = match stream {
            Some(stream) if !stream.continues_with(value) => match self.rival(stream, entry) {
                Some(held) if held.bytes == entry.bytes => return Verdict::Dropped,
                None if value.number < next && !asked => return Verdict::Dropped,
                // The head itself has been dropped: then there is no proof, and no place for the entry.
                None if value.number == next && stream.head.is_some() => return Verdict::Dropped,
                rival => rival,
            },
            Some(_) | None => None,
        };
        let rival = rival.map(|held| Proof::new(&held, entry));
        // SPEC ENTRY-1: the dearest check comes last.
        if !holds(self, entry) {
            return Verdict::Refused(Rule::Entry1);
        }
        match rival {
            Some(proof) => {
                self.void(id, proof.number);
                Verdict::Forked(proof)
            }
            None if value.lane == Lane::Acts && self.acts >= limits::ACTS_MAX => Verdict::Dropped,
            None => {
                let frame = Frame::from(EntryFrame { entry: *entry, options: Options::NONE });
                self.store(entry, frame.encode(RequestId::EVENT));
                Verdict::Stored
            }
        }
    }

    /// An entry that is held and `entry` excludes: one of its number, or a neighbour that it does not fit.
    fn rival(&self, stream: &Stream, entry: &Signed<'_, Entry<'_>>) -> Option<Signed<'_, Entry<'_>>> {
        let number = entry.value.number;
        let at = |number: Option<u64>| self.entry_at(stream, number?);
        at(Some(number))
            .or_else(|| at(number.checked_sub(1)).filter(|before| !follows(self.meeting, before, entry)))
            .or_else(|| at(number.checked_add(1)).filter(|after| !follows(self.meeting, entry, after)))
    }

    fn store(&mut self, entry: &Signed<'_, Entry<'_>>, frame: Encoded) {
        let value = &entry.value;
        let id = StreamId::of(value);
        let hash = hash(self.meeting, entry.bytes);
        let position = self.feed.push(frame, value.lane);
        match value.lane {
            Lane::Acts => self.acts = self.acts.saturating_add(1),
            Lane::Talk => self.talk.push_back((position, id, value.number, value.lamport)),
        }
        let stream = self.streams.entry(id).or_insert(Stream::starting_at(value.number));
        stream.held.insert(value.number, position);
        if value.number >= stream.next {
            stream.next = value.number.saturating_add(1);
            (stream.head, stream.head_lamport) = (Some(hash), value.lamport);
        }
        // SPEC LAMPORT-2: a leap is stored, but the clock does not follow it.
        if value.lamport > self.lamport && value.lamport.saturating_sub(self.lamport) <= limits::LAMPORT_LEAP_MAX {
            (self.lamport, self.latest) = (value.lamport, hash);
        }
        self.changed.insert(id);
        self.forget_dropped();
        self.bound_sessions(id);
    }

    fn forget_dropped(&mut self) {
        let dropped_before = self.feed.dropped_before();
        while let Some((_, id, number, _)) = self.talk.pop_front_if(|(position, ..)| *position < dropped_before) {
            if let Some(stream) = self.streams.get_mut(&id) {
                stream.held.remove(&number);
            }
        }
    }

    /// Forgets the rows of an author's oldest talk sessions beyond the bound.
    fn bound_sessions(&mut self, newest: StreamId) {
        let range = StreamId { session: 0, ..newest }..=StreamId { session: u64::MAX, ..newest };
        let sessions: Vec<StreamId> =
            self.streams.range(range).map(|(id, _)| *id).filter(|id| id.lane == Lane::Talk).collect();
        for id in sessions.iter().take(sessions.len().saturating_sub(limits::TALK_SESSIONS_MAX)) {
            self.streams.remove(id);
        }
    }

    /// Whether so many newer talk sessions of the author are known that this one does not count.
    fn is_past(&self, id: StreamId) -> bool {
        let newer = (Bound::Excluded(id), Bound::Included(StreamId { session: u64::MAX, lane: Lane::Talk, ..id }));
        let newer = self.streams.range(newer).filter(|(newer, _)| newer.lane == Lane::Talk);
        id.lane == Lane::Talk && newer.count() >= limits::TALK_SESSIONS_MAX
    }

    /// Goes on with a talk stream at `first`: what lies before is gone. The numbers that are missing.
    pub fn skip(&mut self, id: StreamId, first: u64) -> Option<(u64, u64)> {
        let Some(stream) = self.streams.get_mut(&id) else {
            if !self.is_past(id) {
                self.streams.insert(id, Stream::starting_at(first));
                self.bound_sessions(id);
            }
            return None;
        };
        // What is void is not missing.
        let (from, first) = (stream.next, stream.void_from.map_or(first, |void| first.min(void)));
        (from < first).then(|| {
            (stream.next, stream.head) = (first, None);
            (from, first)
        })
    }

    /// Makes a stream void from `number` on: what is held from there is no longer served or counted. False if it was
    /// before.
    pub fn void(&mut self, id: StreamId, number: u64) -> bool {
        // The proof may come before the stream; only so many of these are remembered.
        let is_new = !self.streams.contains_key(&id);
        if self.is_void(id, number) || is_new && (self.streams.len() >= limits::ACTS_MAX || self.is_past(id)) {
            return false;
        }
        let stream = self.streams.entry(id).or_insert(Stream::starting_at(1));
        let number = stream.void_from.map_or(number, |void| void.min(number));
        stream.void_from = Some(number);
        stream.held.split_off(&number);
        if stream.next > number {
            (stream.next, stream.head) = (number, None);
        }
        true
    }

    /// Whether what `id` says at `number` is void.
    #[must_use]
    pub fn is_void(&self, id: StreamId, number: u64) -> bool {
        self.streams.get(&id).and_then(|stream| stream.void_from).is_some_and(|void| number >= void)
    }

    fn entry_at(&self, stream: &Stream, number: u64) -> Option<Signed<'_, Entry<'_>>> {
        entry_of(self.feed.at(*stream.held.get(&number)?)?)
    }

    /// The newest entry of a stream, for somebody whose `row` is as long and ends in another; nothing below `floor`.
    #[must_use]
    pub fn rival_head(&self, row: &Row, floor: u64) -> Option<Encoded> {
        let id = StreamId::of_row(row);
        let stream = self.streams.get(&id).filter(|stream| stream.next == row.next)?;
        stream.head.filter(|head| row.head != Hash::ZERO && *head != row.head)?;
        let (_, position) = stream.held.last_key_value()?;
        self.feed.at(*position).filter(|_| self.is_served(id.lane, *position, floor)).cloned()
    }

    /// A row for each stream, for somebody who may have talk above the lamport time `floor`.
    #[must_use]
    pub fn rows(&self, floor: u64) -> Vec<Row> {
        self.streams.iter().map(|(id, stream)| self.row_of(*id, stream, floor)).collect()
    }

    /// How far each stream of `author` is known, the newest sessions first (SPEC REVOKE-3).
    #[must_use]
    pub fn cuts(&self, author: Key) -> Vec<Cut> {
        let first = StreamId { author, session: 0, lane: Lane::Acts };
        let streams = self.streams.range(first..=StreamId { session: u64::MAX, lane: Lane::Talk, ..first }).rev();
        let cuts = streams.map(|(id, stream)| Cut { session: id.session, lane: id.lane, next: stream.next });
        cuts.filter(|cut| cut.next > 1).take(limits::CUTS_MAX).collect()
    }

    /// The rows that have changed since the last call.
    pub fn changed_rows(&mut self) -> Vec<Row> {
        let changed = core::mem::take(&mut self.changed);
        changed.iter().filter_map(|id| self.row(*id, 0)).collect()
    }

    /// The streams that have changed since the last call.
    pub fn changed_streams(&mut self) -> BTreeSet<StreamId> {
        core::mem::take(&mut self.changed)
    }

    /// The row of one stream, for somebody who may have talk above the lamport time `floor`.
    #[must_use]
    pub fn row(&self, id: StreamId, floor: u64) -> Option<Row> {
        self.streams.get(&id).map(|stream| self.row_of(id, stream, floor))
    }

    fn row_of(&self, id: StreamId, stream: &Stream, floor: u64) -> Row {
        let served = stream.held.iter().find(|(_, position)| self.is_served(id.lane, **position, floor));
        let served = served.or_else(|| stream.held.last_key_value().filter(|(_, position)| self.is_left(**position)));
        Row {
            author: id.author,
            session: id.session,
            lane: id.lane,
            first: served.map_or(stream.next, |(number, _)| *number),
            next: stream.next,
            head: stream.head.unwrap_or(Hash::ZERO),
        }
    }

    /// Whether what is held at `position` is for somebody who may have talk above the lamport time `floor`.
    fn is_served(&self, lane: Lane, position: u64, floor: u64) -> bool {
        let lamport = || {
            let at = self.talk.binary_search_by_key(&position, |(position, ..)| *position).ok()?;
            self.talk.get(at).map(|(.., lamport)| *lamport)
        };
        lane == Lane::Acts || floor == 0 || lamport().is_some_and(|lamport| lamport > floor)
    }

    /// Whether it is somebody's goodbye (SPEC MESH-18): everybody may know who is not here any more.
    fn is_left(&self, position: u64) -> bool {
        let entry = self.feed.at(position).and_then(entry_of).map(|entry| entry.value);
        entry.is_some_and(|entry| matches!(EntryBody::decode(entry.kind, entry.body.0), Ok(EntryBody::Left {})))
    }

    /// The position of the first talk above a lamport time. Of several authors, the later may come first.
    fn talk_position(&self, floor: u64) -> u64 {
        let above = self.talk.iter().find(|(.., lamport)| *lamport > floor);
        above.map_or(self.feed.head(), |(position, ..)| *position)
    }

    /// The lamport time above which `count` entries of talk lie.
    #[must_use]
    pub fn floor_of_last(&self, count: u32) -> u64 {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        // SPEC LAMPORT-2: a leap is not followed here either, or nobody new would be served what comes after it.
        let mut lamports: Vec<u64> = self.talk.iter().map(|(.., lamport)| (*lamport).min(self.lamport)).collect();
        // SPEC HISTORY-1: of several with the lamport time at the border, none.
        lamports.sort_unstable_by(|one, other| other.cmp(one));
        lamports.get(count).copied().unwrap_or(0)
    }

    /// Where to start sending to somebody who holds `rows` and may have talk above `floor`.
    pub fn start_for(&self, rows: &BTreeMap<StreamId, u64>, floor: u64) -> Start {
        let floor = self.talk_position(floor);
        let mut start = Start { acts: self.feed.head(), talk: self.feed.head() };
        for (id, stream) in &self.streams {
            let from = rows.get(id).copied().unwrap_or(0);
            // What was asked for late has a low number and a high position.
            let Some(position) = stream.held.range(from..).map(|(_, position)| *position).min() else { continue };
            match id.lane {
                Lane::Acts => start.acts = start.acts.min(position),
                Lane::Talk => start.talk = start.talk.min(position.max(floor)),
            }
        }
        start
    }

    /// The answer to a FETCH, in the order stored.
    pub fn fetch(&self, ranges: impl Iterator<Item = Range>, floor: u64) -> Vec<Encoded> {
        let mut positions: Vec<u64> = ranges
            .filter_map(|range| {
                let id = StreamId { author: range.author, session: range.session, lane: range.lane };
                let held = self.streams.get(&id)?.held.range(range.from..range.to.max(range.from));
                let served = held
                    .map(|(_, position)| *position)
                    .filter(move |position| self.is_served(id.lane, *position, floor) || self.is_left(*position));
                Some(served.take(limits::FETCH_ENTRIES_MAX))
            })
            .flatten()
            .collect();
        positions.sort_unstable();
        positions.dedup();
        let mut bytes = 0_usize;
        positions
            .iter()
            .filter_map(|position| self.feed.at(*position).cloned())
            .take(limits::FETCH_ENTRIES_MAX)
            .take_while(|frame| {
                bytes = bytes.saturating_add(frame.0.len());
                bytes <= limits::FETCH_BYTES_MAX
            })
            .collect()
    }

    /// Every entry that is held, in the order stored.
    pub fn frames(&self) -> impl Iterator<Item = (Lane, &Encoded)> {
        self.feed.iter()
    }
}

/// The entry in an ENTRY frame.
#[must_use]
pub fn entry_of(frame: &Encoded) -> Option<Signed<'_, Entry<'_>>> {
    match frame::decode(&frame.0).ok()?.frame? {
        Frame::Meeting(Meeting::EntryFrame(frame)) => Some(frame.entry),
        Frame::Meeting(_) | Frame::Session(_) | Frame::Private(_) | Frame::Registry(_) => None,
    }
}

/// SPEC STORE-2: whether two entries with numbers in a row fit each other.
fn follows(meeting: MeetingId, before: &Signed<'_, Entry<'_>>, after: &Signed<'_, Entry<'_>>) -> bool {
    after.value.lamport > before.value.lamport && after.value.prev == hash(meeting, before.bytes)
}

/// The name of an entry: the hash of what its author signed.
#[must_use]
pub fn hash(meeting: MeetingId, signed: &[u8]) -> Hash {
    Hash(digest(Domain::Entry, &[&meeting.0, signed]))
}

/// What an entry's bytes alone must keep.
fn check_bytes(entry: &Entry<'_>) -> Result<(), Rule> {
    // SPEC ENTRY-2
    if entry.number == 0 || entry.lamport == 0 {
        return Err(Rule::Entry2);
    }
    let body = EntryBody::decode(entry.kind, entry.body.0).map_err(|error| error.rule)?;
    // SPEC ENTRY-4
    if body.lane().is_some_and(|lane| lane != entry.lane) {
        return Err(Rule::Entry4);
    }
    Ok(())
}
