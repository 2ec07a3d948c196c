//! What everybody holds of a meeting (SPEC.md, "Log"): streams of signed entries, and the rule for storing one.

mod fork;
mod grease;
mod heard;
mod held;
mod offered;
pub mod record;
mod register;
mod removed;
mod restore;
mod ring;
mod shares;
mod shown;
#[cfg(test)]
mod tests;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Bound;

pub use self::fork::Proof;
use self::grease::add_grease;
pub use self::held::Held;
use self::offered::{Authors, Offered};
pub use self::record::Record;
pub use self::removed::{News, Retraction};
pub use self::ring::{Ring, Start};
use self::shares::{Measure, Shares};
pub use self::shown::{Mark, Marks};
use crate::id::{Hash, Key, MeetingId, ShortHash, Token};
use crate::identity::{Domain, Identity, digest};
use crate::limits;
use crate::rule::Rule;
use crate::time::Now;
use crate::wire::entry::{Body, Carried, Cut, Entry, EntryBody, Envelope, Kind};
use crate::wire::field::layouts;
use crate::wire::frame;
use crate::wire::meeting::{Lane, Meeting, Range, Row};
use crate::wire::{Encoded, Frame};

layouts! {
    /// Which stream: one author, one of the author's sessions, one lane.
    #[derive(PartialOrd, Ord)]
    StreamId "stream" {
        /// The author.
        author: Key,
        /// The session.
        session: u64,
        /// The lane.
        lane: Lane,
    }
}

impl StreamId {
    /// The stream that `entry` belongs to.
    #[must_use]
    pub const fn of(entry: &Entry) -> Self {
        Self { author: entry.author, session: entry.session, lane: entry.lane }
    }

    /// The stream that `row` is about.
    #[must_use]
    pub const fn of_row(row: &Row) -> Self {
        Self { author: row.author, session: row.session, lane: row.lane }
    }
}

/// A session's number is the start of its run, times this, and a random number below it.
const SESSIONS_A_MS: u64 = 1 << 16;

/// What is held of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stream {
    next: u64,
    /// The hash of the entry before `next`; `None` after a gap, when any will do.
    head: Option<Hash>,
    head_lamport: u64,
    /// By number: the entry, and its position in the ring.
    held: BTreeMap<u64, (u64, Arc<Held>)>,
    /// From here on, the stream is void: its author has forked it.
    void_from: Option<u64>,
    /// What damage to the disk has taken, and is to be had again: numbers up to, and without, others.
    lost: BTreeMap<u64, u64>,
}

impl Stream {
    /// Empty, and going on at `next` after whatever.
    const fn starting_at(next: u64) -> Self {
        Self { next, head: None, head_lamport: 0, held: BTreeMap::new(), void_from: None, lost: BTreeMap::new() }
    }

    /// Whether an entry of it was ever here, or proof that there are two.
    fn is_signed(&self) -> bool {
        self.head_lamport > 0 || !self.held.is_empty() || !self.lost.is_empty() || self.void_from.is_some()
    }

    /// The first numbers that are missing, up to, and without, the second.
    fn missing(&self) -> (u64, u64) {
        self.lost.first_key_value().map_or((self.next, u64::MAX), |(from, to)| (*from, *to))
    }

    /// Whether damage has taken this number.
    fn has_lost(&self, number: u64) -> bool {
        self.lost.range(..=number).next_back().is_some_and(|(_, to)| number < *to)
    }

    /// Goes on at `to`: what lies between is not waited for.
    fn pass(&mut self, from: u64, to: u64) {
        self.forgo(from, to);
        if from >= self.next {
            (self.next, self.head) = (to, None);
        }
    }

    /// What lies in `from..to` is not waited for any more.
    fn forgo(&mut self, from: u64, to: u64) {
        for (start, end) in core::mem::take(&mut self.lost) {
            let left = [(start, end.min(from)), (start.max(to), end)];
            self.lost.extend(left.into_iter().filter(|(start, end)| start < end));
        }
    }

    /// SPEC STORE-2: `prev` is the head's hash, and lamport time rises.
    fn continues_with(&self, entry: &Entry) -> bool {
        entry.number == self.next && self.head == Some(entry.prev) && entry.lamport > self.head_lamport
    }
}

/// What has become of an entry that was offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is new, holds, and is stored.
    Stored(Arc<Held>),
    /// Nothing to do: it is held already, void, or not wanted.
    Dropped,
    /// What lies between `next` and it is missing: it was not stored.
    Ahead {
        /// The number that the stream goes on with.
        next: u64,
    },
    /// It was held already, and now its body is, too.
    Completed(Arc<Held>),
    /// It excludes an entry that is held: the stream is void from now on.
    Forked(Proof),
    /// It breaks a rule.
    Refused(Rule),
}

/// The entries of one meeting, as far as this node holds them.
#[derive(Clone, Debug)]
pub struct Log {
    meeting: MeetingId,
    /// Of what is signed here.
    domain: Domain,
    streams: BTreeMap<StreamId, Stream>,
    /// The position in the ring, and the entry.
    registers: BTreeMap<(Key, Lane), (u64, Arc<Held>)>,
    ring: Ring,
    /// Of the talk in the ring.
    shares: Shares,
    talk_max: usize,
    /// Positions of the talk in the ring that cannot be read here, and its bytes.
    unknown: VecDeque<u64>,
    unknown_bytes: usize,
    /// The bounds have taken something.
    has_let_go: bool,
    lamport: u64,
    latest: ShortHash,
    /// A set: who never asks for it must not pay for every entry.
    changed: BTreeSet<StreamId>,
    /// What the disk is still to be told, in order.
    unkept: Vec<Record>,
    /// What the user had been shown before this run.
    shown: Marks,
    /// What a friend has of what this user has said.
    received: Marks,
    /// Questions that are not kept any more, oldest first.
    asked: VecDeque<(Key, Token)>,
    bodies: removed::Bodies,
    authors: Authors,
}

impl Log {
    /// An empty log that keeps `talk_max` entries of talk, and `TALK_BYTES_MAX` of their bytes.
    #[must_use]
    pub fn new(meeting: MeetingId, talk_max: usize) -> Self {
        Self {
            meeting,
            domain: Domain::Entry,
            streams: BTreeMap::new(),
            registers: BTreeMap::new(),
            ring: Ring::default(),
            shares: Shares::default(),
            talk_max,
            unknown: VecDeque::new(),
            unknown_bytes: 0,
            has_let_go: false,
            lamport: 0,
            latest: ShortHash::ZERO,
            changed: BTreeSet::new(),
            unkept: Vec::new(),
            shown: Marks::default(),
            received: Marks::default(),
            asked: VecDeque::new(),
            bodies: removed::Bodies::default(),
            authors: Authors::default(),
        }
    }

    /// The same of two friends, whose pair's id stands for a meeting's.
    #[must_use]
    pub fn of_pair(self) -> Self {
        Self { domain: Domain::Pair, ..self }
    }

    /// The meeting.
    #[must_use]
    pub const fn meeting(&self) -> MeetingId {
        self.meeting
    }

    /// The entries at their positions.
    #[must_use]
    pub const fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Every entry that is held, in the order in which they were stored.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<Held>> {
        self.ring.iter().map(|(_, entry)| entry)
    }

    /// Every act that is held, in that order.
    pub fn acts(&self) -> impl Iterator<Item = &Arc<Held>> {
        self.ring.acts().map(|(_, entry)| entry)
    }

    /// Whether all acts are held but those that are for what hosts' users do (SPEC ACTS-2).
    pub(crate) fn has_only_hosts_acts_left(&self) -> bool {
        self.ring.acts().len() >= limits::ACTS_MAX.saturating_sub(limits::ACTS_OF_HOSTS)
    }

    /// What the disk has to be told before anybody else is: empty after every step of a machine.
    #[must_use]
    pub fn unkept(&mut self) -> Vec<Record> {
        core::mem::take(&mut self.unkept)
    }

    /// Whether the disk knows all.
    #[must_use]
    pub const fn is_kept(&self) -> bool {
        self.unkept.is_empty()
    }

    /// The highest lamport time held.
    #[must_use]
    pub const fn lamport(&self) -> u64 {
        self.lamport
    }

    /// One above the highest session in which `author` has signed anything that was here; others' rows say nothing.
    #[must_use]
    pub fn next_session(&self, author: Key) -> u64 {
        let signed = self.streams.iter().filter(|(id, stream)| id.author == author && stream.is_signed());
        let last = signed.map(|(id, _)| id.session).max().unwrap_or(0);
        last.max(self.last_register_session(author)).saturating_add(1)
    }

    /// A session for what `author` writes from `unix_ms` on (SPEC SESSION-1).
    #[must_use]
    pub fn new_session(&self, author: Key, unix_ms: u64, drawn: [u8; 2]) -> u64 {
        let begun = unix_ms.saturating_mul(SESSIONS_A_MS).saturating_add(u16::from_be_bytes(drawn).into());
        begun.max(self.next_session(author))
    }

    /// Whether anything is held of what `author` has said.
    pub(crate) fn holds_talk_of(&self, author: Key) -> bool {
        let first = StreamId { author, session: 0, lane: Lane::Acts };
        let mut streams = self.streams.range(first..=StreamId { session: u64::MAX, lane: Lane::Talk, ..first });
        streams.any(|(id, stream)| id.lane == Lane::Talk && !stream.held.is_empty())
    }

    /// What is written here comes after this lamport time, too; but for a leap where talk is held (SPEC LAMPORT-1).
    pub(crate) fn begin_above(&mut self, floor: u64) {
        let is_leap = floor.saturating_sub(self.lamport) >= limits::LAMPORT_LEAP_MAX;
        let is_apart = is_leap && !self.ring.talk().is_empty();
        if floor <= self.lamport || floor > limits::LAMPORT_FLOOR_MAX || is_apart {
            return;
        }
        (self.lamport, self.latest) = (floor, ShortHash::ZERO);
        if is_leap {
            // No entry leads a later run there.
            self.unkept.push(Record::Clock(self.lamport, self.latest));
        }
    }

    /// One above the highest number held of `stream`; 1 if nothing is.
    #[must_use]
    pub fn next_number(&self, stream: StreamId) -> u64 {
        if stream.lane.is_register() {
            return self.register_from(stream);
        }
        self.streams.get(&stream).map_or(1, |stream| stream.next)
    }

    /// The first number of `stream` that is missing, and one above the last of those in a row: what damage has taken,
    /// or all that follows.
    #[must_use]
    pub fn missing(&self, stream: StreamId) -> (u64, u64) {
        if stream.lane.is_register() {
            return (self.register_from(stream), u64::MAX);
        }
        self.streams.get(&stream).map_or((1, u64::MAX), Stream::missing)
    }

    /// What damage has taken and is to be had again: stream, and numbers up to, and without, the last.
    pub fn lost(&self) -> impl Iterator<Item = (StreamId, u64, u64)> {
        self.streams.iter().flat_map(|(id, stream)| stream.lost.iter().map(|(from, to)| (*id, *from, *to)))
    }

    /// Writes an entry of this node's own; `None` if the meeting can hold no more acts.
    pub fn write(&mut self, us: &Identity, session: u64, body: &EntryBody<'_>, now: Now) -> Option<Arc<Held>> {
        let lane = self.lane_of(body);
        if !self.has_room(lane) {
            return None;
        }
        let (author, time_ms) = (us.key(), now.unix_ms);
        let (kind, mut bytes) = body.encode();
        let (session, number, prev, lamport, reference) = if lane.is_register() {
            let (session, number) = self.next_register(author, lane, session);
            (session, number, Hash::ZERO, 1, ShortHash::ZERO)
        } else {
            let stream = self.streams.get(&StreamId { author, session, lane });
            let prev = stream.and_then(|stream| stream.head).unwrap_or(Hash::ZERO);
            (session, stream.map_or(1, |stream| stream.next), prev, self.lamport.saturating_add(1), self.latest)
        };
        let mut entry = Entry { author, session, lane, number, prev, lamport, reference, time_ms, kind, length: 0 };
        add_grease(body, &mut entry, &mut bytes);
        Some(self.store(Held::new(self.meeting, &signed(us, self.domain, self.meeting, entry, &bytes))))
    }

    /// Whether one entry more of a lane is kept (SPEC ACTS-1).
    fn has_room(&self, lane: Lane) -> bool {
        lane != Lane::Acts || self.ring.acts().len() < limits::ACTS_MAX
    }

    /// Takes an entry from another node, if it is the next of its stream, or was `asked` for.
    pub fn offer(&mut self, entry: &Carried<'_>, asked: bool, us: &Identity) -> Verdict {
        self.judge(Offered::Come(entry, us), asked)
    }

    /// Whether its author has signed an entry for here.
    fn is_signed(&self, envelope: &Envelope, us: &Identity) -> bool {
        us.scheme().verify(&envelope.entry.author, &self.message(envelope), &envelope.signature)
    }

    /// What the author of an entry signs.
    fn message(&self, envelope: &Envelope) -> Vec<u8> {
        self.domain.message(&[&self.meeting.0, &envelope.signed()])
    }

    /// The store rule: whether an entry is taken depends on its bytes and its stream, never on other streams.
    fn judge(&mut self, offered: Offered<'_>, asked: bool) -> Verdict {
        let carried = offered.carried();
        let value = &carried.entry;
        if value.lane.is_register() {
            return self.judge_register(offered);
        }
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
        let envelope = offered.envelope();
        let rival = match stream {
            Some(stream) if !stream.continues_with(value) => match self.rival(stream, &envelope) {
                Some(rival) if rival.envelope().is(&envelope) => {
                    let is_news = !rival.has_body() && carried.body.bytes().is_some();
                    if !is_news || self.removed_by(rival).is_some() {
                        return Verdict::Dropped;
                    }
                    // SPEC ENTRY-1
                    if offered.checks().is_some_and(|us| !self.is_authors(&envelope, us)) {
                        return Verdict::Refused(Rule::Entry1);
                    }
                    let entry = offered.held(self.meeting, &envelope);
                    return Verdict::Completed(self.complete(entry));
                }
                None if value.number < next && !asked && !stream.has_lost(value.number) => return Verdict::Dropped,
                // The head itself has been dropped: then there is no proof, and no place for the entry, or for another head.
                None if stream.head.is_some_and(|head| {
                    value.number == next
                        || value.number.saturating_add(1) == next && head != hash(self.meeting, &envelope)
                }) =>
                {
                    return Verdict::Dropped;
                }
                rival => rival,
            },
            Some(_) | None => None,
        };
        let rival = rival.map(|rival| Proof::new(&rival.envelope(), &envelope));
        // SPEC ENTRY-1: the dearest check comes last.
        if offered.checks().is_some_and(|us| !self.is_authors(&envelope, us)) {
            return Verdict::Refused(Rule::Entry1);
        }
        match rival {
            Some(proof) => {
                self.void(id, proof.number);
                Verdict::Forked(proof)
            }
            // SPEC ENTRY-7: without its body an act has not come.
            None if !self.has_room(value.lane) || carried.body.bytes().is_none() && value.lane != Lane::Talk => {
                Verdict::Dropped
            }
            None => Verdict::Stored(self.store(offered.held(self.meeting, &envelope))),
        }
    }

    /// An entry that is held and `entry` excludes: one of its number, or a neighbour that it does not fit.
    fn rival<'a>(&self, stream: &'a Stream, envelope: &Envelope) -> Option<&'a Arc<Held>> {
        let Entry { number, lamport, prev, .. } = envelope.entry;
        let at = |number: Option<u64>| stream.held.get(&number?).map(|(_, held)| held);
        let fits_after = |before: &Held| lamport > before.lamport && prev == before.hash;
        let fits_before = |after: &Held| after.lamport > lamport && after.prev == hash(self.meeting, envelope);
        at(Some(number))
            .or_else(|| at(number.checked_sub(1)).filter(|before| !fits_after(before)))
            .or_else(|| at(number.checked_add(1)).filter(|after| !fits_before(after)))
    }

    fn store(&mut self, entry: Arc<Held>) -> Arc<Held> {
        let Held { id, number, lamport, hash, .. } = *entry;
        if id.lane.is_register() {
            return self.set(entry);
        }
        // SPEC RETRACT-4
        let entry = self.served(&entry);
        let is_new = !self.streams.contains_key(&id);
        if number > 1 && is_new {
            // A restart must not take what lies before for lost.
            self.skip(id, number);
        }
        self.unkept.push(Record::Entry(entry.frame.clone()));
        self.note_question(&entry);
        let position = self.append(&entry);
        let stream = self.streams.entry(id).or_insert(Stream::starting_at(number));
        stream.held.insert(number, (position, Arc::clone(&entry)));
        stream.forgo(number, number.saturating_add(1));
        if number >= stream.next {
            stream.next = number.saturating_add(1);
            (stream.head, stream.head_lamport) = (Some(hash), lamport);
        }
        // SPEC LAMPORT-2: a leap is stored, but the clock does not follow it.
        if lamport > self.lamport && lamport.saturating_sub(self.lamport) <= limits::LAMPORT_LEAP_MAX {
            (self.lamport, self.latest) = (lamport, hash.short());
        }
        self.changed.insert(id);
        if id.lane == Lane::Talk {
            self.note_talk(&entry);
        }
        self.make_room();
        self.bound_sessions(id);
        if is_new {
            self.bound_streams();
        }
        entry
    }

    /// The body of an entry that is held has come: the entry stays where it is.
    fn complete(&mut self, entry: Arc<Held>) -> Arc<Held> {
        let stream = self.streams.get_mut(&entry.id);
        let Some((position, old)) = stream.and_then(|stream| stream.held.get_mut(&entry.number)) else { return entry };
        let (position, old) = (*position, core::mem::replace(old, Arc::clone(&entry)));
        self.unkept.push(Record::Entry(entry.frame.clone()));
        self.ring.append(Arc::clone(&entry), position, 0);
        self.discount(&old, position);
        self.count(&entry, position);
        self.note_question(&entry);
        self.note_talk(&entry);
        self.changed.insert(entry.id);
        self.make_room();
        entry
    }

    /// Puts an entry behind all others; where that is.
    fn append(&mut self, entry: &Arc<Held>) -> u64 {
        let position = self.ring.head();
        self.ring.append(Arc::clone(entry), position, 0);
        if entry.lane() == Lane::Talk {
            self.count(entry, position);
        }
        position
    }

    /// An entry of talk is in the ring.
    fn count(&mut self, entry: &Held, position: u64) {
        self.shares.add(entry.id.author, position, entry.frame.0.len());
        if entry.kind() == Kind::Unknown {
            let place = self.unknown.partition_point(|other| *other < position);
            self.unknown.insert(place, position);
            self.unknown_bytes = self.unknown_bytes.saturating_add(entry.frame.0.len());
        }
    }

    /// It is not any more, or another is in its place.
    fn discount(&mut self, entry: &Held, position: u64) {
        let length = entry.frame.0.len();
        self.shares.remove(entry.id.author, position, length);
        if entry.kind() == Kind::Unknown {
            self.unknown.retain(|place| *place != position);
            self.unknown_bytes = self.unknown_bytes.saturating_sub(length);
        }
    }

    /// SPEC FEED-2: of what is unknown goes what is beyond its share, and then the oldest talk of the branch that has most.
    fn make_room(&mut self) {
        while (self.unknown.len() > self.talk_max.div_ceil(limits::UNKNOWN_SHARE)
            || self.unknown_bytes > limits::TALK_BYTES_MAX.div_ceil(limits::UNKNOWN_SHARE))
            && let Some(oldest) = self.unknown.front().copied()
        {
            self.let_go(oldest);
        }
        while let Some(measure) = self.lacks_room()
            && let Some(oldest) = self.shares.oldest_of_greatest(measure)
        {
            self.let_go(oldest);
        }
    }

    fn lacks_room(&self) -> Option<Measure> {
        if self.ring.talk().len() > self.talk_max {
            return Some(Measure::Entries);
        }
        (self.shares.bytes() > limits::TALK_BYTES_MAX).then_some(Measure::Bytes)
    }

    /// What is not in the ring any more is not held.
    fn let_go(&mut self, at: u64) {
        self.has_let_go = true;
        let Some(entry) = self.ring.drop_talk(at) else { return };
        self.discount(&entry, at);
        self.forget_talk(&entry);
        if let Some(stream) = self.streams.get_mut(&entry.id) {
            stream.held.remove(&entry.number);
            stream.lost.retain(|from, _| *from > entry.number);
        }
    }

    /// From now on, what an author says is on the account of the branch that it is in.
    pub fn join(&mut self, author: Key, branch: Key) {
        if self.shares.join(author, branch) {
            self.unkept.push(Record::Branch(author, branch));
        }
        if self.shares.branches().len() > limits::TALK_STREAMS_MAX.saturating_mul(2) {
            self.forget_branches();
        }
    }

    /// Forgets the branches of those of whom no talk is known.
    fn forget_branches(&mut self) {
        let streams = &self.streams;
        self.shares.keep_branches(|author| {
            let first = StreamId { author: *author, session: 0, lane: Lane::Acts };
            let last = StreamId { session: u64::MAX, lane: Lane::Talk, ..first };
            streams.range(first..=last).any(|(id, _)| id.lane == Lane::Talk)
        });
    }

    /// Bytes of what is held of an author's talk.
    pub(crate) fn talk_bytes_of(&self, author: &Key) -> usize {
        self.shares.bytes_of(author)
    }

    /// Of too many talk streams, forgets one of the branch that has most: of which nothing is held, if there is one; the
    /// oldest (SPEC SESSION-3).
    fn bound_streams(&mut self) {
        let mut branches: BTreeMap<Key, Vec<(bool, u64, StreamId)>> = BTreeMap::new();
        let talk = self.streams.iter().filter(|(id, _)| id.lane == Lane::Talk);
        if talk.clone().count() <= limits::TALK_STREAMS_MAX {
            return;
        }
        for (id, stream) in talk {
            let streams = branches.entry(self.shares.branch(&id.author)).or_default();
            streams.push((!stream.held.is_empty(), id.session, *id));
        }
        let greatest = branches.into_values().max_by_key(Vec::len);
        let forgotten = greatest.into_iter().flatten().min();
        forgotten.into_iter().for_each(|(.., id)| _ = self.streams.remove(&id));
    }

    /// Forgets the rows of an author's oldest talk sessions beyond the bound.
    fn bound_sessions(&mut self, newest: StreamId) {
        let range = StreamId { session: 0, ..newest }..=StreamId { session: u64::MAX, ..newest };
        let sessions = self.streams.range(range).map(|(id, _)| *id).filter(|id| id.lane == Lane::Talk);
        let beyond = sessions.clone().count().saturating_sub(limits::TALK_SESSIONS_MAX);
        let forgotten: Vec<StreamId> = sessions.take(beyond).collect();
        forgotten.iter().for_each(|id| _ = self.streams.remove(id));
    }

    /// Whether so many newer talk sessions of the author are known that this one does not count.
    fn is_past(&self, id: StreamId) -> bool {
        let newer = (Bound::Excluded(id), Bound::Included(StreamId { session: u64::MAX, lane: Lane::Talk, ..id }));
        let newer = self.streams.range(newer).filter(|(newer, _)| newer.lane == Lane::Talk);
        id.lane == Lane::Talk && newer.count() >= limits::TALK_SESSIONS_MAX
    }

    /// Whether anything of a stream was ever stored here, or is known to be gone.
    pub(crate) fn knows(&self, id: StreamId) -> bool {
        self.streams.contains_key(&id)
    }

    /// Whether a stream may begin at any number, and nothing of it is missing (SPEC GAP-1): of its author, no older talk is
    /// held, so this node was not there.
    pub(crate) fn may_begin_anywhere(&self, id: StreamId) -> bool {
        let older = self.streams.range(StreamId { session: 0, lane: Lane::Acts, ..id }..id);
        !self.streams.contains_key(&id)
            && older.filter(|(id, _)| id.lane == Lane::Talk).all(|(_, talk)| talk.held.is_empty())
    }

    /// Goes on with a talk stream at `first`: what lies before is gone. The numbers that are missing, the first
    /// in a row.
    pub fn skip(&mut self, id: StreamId, first: u64) -> Option<(u64, u64)> {
        let Some(stream) = self.streams.get_mut(&id) else {
            if !self.is_past(id) {
                self.unkept.push(Record::Skip(id, 1, first));
                self.streams.insert(id, Stream::starting_at(first));
                self.bound_sessions(id);
                self.bound_streams();
            }
            return None;
        };
        // What is void is not missing.
        let (from, to) = stream.missing();
        let first = stream.void_from.map_or(first, |void| first.min(void)).min(to);
        (from < first).then(|| {
            stream.pass(from, first);
            self.unkept.push(Record::Skip(id, from, first));
            (from, first)
        })
    }

    /// Makes a stream void from `number` on: what is held from there is no longer served or counted. False if it was
    /// before.
    pub fn void(&mut self, id: StreamId, number: u64) -> bool {
        if id.lane.is_register() {
            return false;
        }
        // The proof may come before the stream; only so many of these are remembered.
        let is_new = !self.streams.contains_key(&id);
        if self.is_void(id, number) || is_new && (self.streams.len() >= limits::ACTS_MAX || self.is_past(id)) {
            return false;
        }
        self.unkept.push(Record::Fork(id, number));
        let stream = self.streams.entry(id).or_insert(Stream::starting_at(1));
        let number = stream.void_from.map_or(number, |void| void.min(number));
        stream.void_from = Some(number);
        let void = stream.held.split_off(&number);
        stream.forgo(number, u64::MAX);
        // SPEC FORK-3: `next` and `head` of its row.
        if stream.next > number {
            (stream.next, stream.head) = (number, None);
        }
        if id.lane == Lane::Talk {
            void.values().for_each(|(_, entry)| self.forget_talk(entry));
            self.forget_void_retractions(id, number);
        }
        true
    }

    /// Whether what `id` says at `number` is void.
    #[must_use]
    pub fn is_void(&self, id: StreamId, number: u64) -> bool {
        self.streams.get(&id).and_then(|stream| stream.void_from).is_some_and(|void| number >= void)
    }

    /// The newest entry of a stream, for somebody whose `row` is as long and ends in another; nothing below `floor`.
    #[must_use]
    pub fn rival_head(&self, row: &Row, floor: u64) -> Option<Encoded> {
        if row.lane.is_register() {
            return self.rival_register(row);
        }
        let id = StreamId::of_row(row);
        let stream = self.streams.get(&id).filter(|stream| stream.next == row.next)?;
        stream.head.filter(|head| row.head != Hash::ZERO && *head != row.head)?;
        let (_, (_, newest)) = stream.held.last_key_value()?;
        is_served(newest, floor).then(|| self.served(newest).frame.clone())
    }

    /// A row for each stream and register, for somebody who may have talk above the lamport time `floor`.
    #[must_use]
    pub fn rows(&self, floor: u64) -> Vec<Row> {
        let streams = self.streams.iter().map(|(id, stream)| row_of(*id, stream, floor));
        streams.chain(self.register_rows()).collect()
    }

    /// How far each stream of `author` is known, the newest sessions first (SPEC REVOKE-3). Of a session of which only a
    /// register is known, that nothing counts.
    #[must_use]
    pub fn cuts(&self, author: Key) -> Vec<Cut> {
        let first = StreamId { author, session: 0, lane: Lane::Acts };
        let streams = self.streams.range(first..=StreamId { session: u64::MAX, lane: Lane::Talk, ..first }).rev();
        let cuts = streams.map(|(id, stream)| Cut { session: id.session, lane: id.lane, next: stream.next });
        let mut cuts: Vec<Cut> = cuts.filter(|cut| cut.next > 1).collect();
        for session in self.register_sessions(author) {
            if cuts.iter().all(|cut| cut.session != session) {
                cuts.push(Cut { session, lane: Lane::Acts, next: 1 });
            }
        }
        cuts.sort_by_key(|cut| core::cmp::Reverse(cut.session));
        cuts.truncate(limits::CUTS_MAX);
        cuts
    }

    /// The streams that have changed since the last call.
    pub fn changed_streams(&mut self) -> BTreeSet<StreamId> {
        core::mem::take(&mut self.changed)
    }

    /// The row of one stream, for somebody who may have talk above the lamport time `floor`.
    #[must_use]
    pub fn row(&self, id: StreamId, floor: u64) -> Option<Row> {
        self.streams.get(&id).map(|stream| row_of(id, stream, floor)).or_else(|| self.register_row(id))
    }

    /// The position of the first talk above a lamport time. Of several authors, the later may come first.
    fn talk_position(&self, floor: u64) -> u64 {
        let above = self.ring.talk().iter().find(|(_, entry)| entry.lamport > floor);
        above.map_or(self.ring.head(), |(position, _)| *position)
    }

    /// The lamport time above which `count` entries of talk lie.
    #[must_use]
    pub fn floor_of_last(&self, count: u32) -> u64 {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        // SPEC LAMPORT-2: a leap is not followed here either, or nobody new would be served what comes after it.
        let mut lamports: Vec<u64> =
            self.ring.talk().iter().map(|(_, entry)| entry.lamport.min(self.lamport)).collect();
        // SPEC HISTORY-1: of several with the lamport time at the border, none.
        lamports.sort_unstable_by(|one, other| other.cmp(one));
        lamports.get(count).copied().unwrap_or(0)
    }

    /// Where to start sending to somebody who holds `rows` and may have talk above `floor`.
    pub fn start_for(&self, rows: &BTreeMap<StreamId, u64>, floor: u64) -> Start {
        let floor = self.talk_position(floor);
        let has = |id: &StreamId, number: u64| rows.get(id).is_some_and(|next| *next > number);
        let mut start = Start { acts: self.ring.head(), registers: self.first_register(has), talk: self.ring.head() };
        for (id, stream) in &self.streams {
            let from = rows.get(id).copied().unwrap_or(0);
            // What was asked for late has a low number and a high position.
            let Some(position) = stream.held.range(from..).map(|(_, (position, _))| *position).min() else { continue };
            match id.lane {
                Lane::Acts => start.acts = start.acts.min(position),
                Lane::Talk => start.talk = start.talk.min(position.max(floor)),
                Lane::Register(_) => {}
            }
        }
        start
    }

    /// The answer to a FETCH, in the order stored.
    pub fn fetch(&self, ranges: impl Iterator<Item = Range>, floor: u64) -> Vec<Arc<Held>> {
        let mut found: Vec<&(u64, Arc<Held>)> = Vec::new();
        for range in ranges {
            let id = StreamId { author: range.author, session: range.session, lane: range.lane };
            found.extend(self.fetch_register(&range));
            let held = self.streams.get(&id).map(|stream| stream.held.range(range.from..range.to.max(range.from)));
            let held = held.into_iter().flatten().map(|(_, place)| place);
            found.extend(held.filter(|(_, entry)| is_served(entry, floor)).take(limits::FETCH_ENTRIES_MAX));
        }
        found.sort_unstable_by_key(|(position, _)| *position);
        found.dedup_by_key(|(position, _)| *position);
        let mut bytes = 0_usize;
        let found = found.iter().map(|(_, entry)| self.served(entry)).take(limits::FETCH_ENTRIES_MAX);
        found
            .take_while(|entry| {
                bytes = bytes.saturating_add(entry.frame.0.len());
                bytes <= limits::FETCH_BYTES_MAX
            })
            .collect()
    }
}

fn row_of(id: StreamId, stream: &Stream, floor: u64) -> Row {
    let served = stream.held.iter().find(|(_, (_, entry))| is_served(entry, floor));
    let first = served.map_or(stream.next, |(number, _)| *number);
    row(id, first, stream.next, stream.head.unwrap_or(Hash::ZERO))
}

const fn row(StreamId { author, session, lane }: StreamId, first: u64, next: u64, head: Hash) -> Row {
    Row { author, session, lane, first, next, head }
}

/// Whether somebody who may have talk above the lamport time `floor` may have this.
fn is_served(entry: &Held, floor: u64) -> bool {
    entry.lane() == Lane::Acts || floor == 0 || entry.lamport > floor
}

/// The entry in an ENTRY frame.
#[must_use]
pub fn entry_of(frame: &Encoded) -> Option<Carried<'_>> {
    match frame::decode(&frame.0).ok()?.frame? {
        Frame::Meeting(Meeting::EntryFrame(frame)) => Some(frame.entry),
        Frame::Meeting(_) | Frame::Session(_) | Frame::Private(_) | Frame::Registry(_) => None,
    }
}

/// SPEC STORE-2: whether two entries with numbers in a row fit each other.
fn follows(meeting: MeetingId, before: &Envelope, after: &Envelope) -> bool {
    after.entry.lamport > before.entry.lamport && after.entry.prev == hash(meeting, before)
}

/// The name of an entry: the hash of what its author signed.
#[must_use]
pub fn hash(meeting: MeetingId, envelope: &Envelope) -> Hash {
    Hash(digest(Domain::Entry, &[&meeting.0, &envelope.signed()]))
}

/// `entry` with this body, signed.
#[must_use]
pub fn signed<'a>(us: &Identity, domain: Domain, meeting: MeetingId, entry: Entry, body: &'a [u8]) -> Carried<'a> {
    let (entry, body) = (Entry { length: u16::try_from(body.len()).unwrap_or(0), ..entry }, Body::Here(body));
    let signature = us.sign(domain, &[&meeting.0, &entry.with(body.digest())]);
    Carried { entry, signature, body }
}

/// What an entry must keep whatever its body is.
fn check_bytes(entry: &Entry) -> Result<(), Rule> {
    // SPEC ENTRY-2
    if entry.number == 0 || entry.lamport == 0 {
        return Err(Rule::Entry2);
    }
    if entry.lane.is_register() {
        register::check_register(entry)?;
    }
    // SPEC ENTRY-4
    if Kind::of(entry.kind).may_stand_on(entry.lane) { Ok(()) } else { Err(Rule::Entry4) }
}
