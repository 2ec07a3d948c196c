//! The store rule once more, as plainly as it can be said: one list of entries, searched from the front.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use tertulia_core::id::{Hash, Key, MeetingId, RequestId, ShortHash};
use tertulia_core::identity::{Domain, Identity};
use tertulia_core::limits::{
    FETCH_ENTRIES_MAX, LAMPORT_LEAP_MAX, REGISTER_BODY_MAX, REGISTERS_OF_AUTHOR_MAX, TALK_SESSIONS_MAX,
};
use tertulia_core::log::{StreamId, entry_of, hash};
use tertulia_core::rule::Rule;
use tertulia_core::wire::entry::{Body, Carried, Envelope, Kind};
use tertulia_core::wire::meeting::{EntryFrame, Lane, Range, Row};
use tertulia_core::wire::option::Options;
use tertulia_core::wire::{Encoded, Frame};

/// What the log should say to an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Stored,
    Completed,
    Dropped,
    Ahead(u64),
    Forked(u64),
    Refused(Rule),
}

/// One entry that is stored.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) stream: StreamId,
    pub(super) number: u64,
    lamport: u64,
    prev: Hash,
    pub(super) hash: Hash,
    signed: Vec<u8>,
    pub(super) frame: Encoded,
    /// Talk that had to make room.
    is_dropped: bool,
    /// Its stream was forked, or its session is too old: it is not served any more.
    is_hidden: bool,
}

/// What is known of a stream besides its entries.
#[derive(Clone, Copy, Debug)]
struct Known {
    next: u64,
    /// Hash and lamport time of what comes before `next`, if that is known.
    head: Option<(Hash, u64)>,
    void_from: Option<u64>,
}

#[derive(Clone, Debug)]
pub(super) struct Model {
    meeting: MeetingId,
    talk_max: usize,
    pub(super) entries: Vec<Stored>,
    streams: BTreeMap<StreamId, Known>,
    pub(super) lamport: u64,
    /// Words that are removed: they go to nobody with their body, and none is taken.
    pub(super) removed: BTreeSet<Hash>,
}

impl Model {
    pub(super) const fn new(meeting: MeetingId, talk_max: usize) -> Self {
        let entries = Vec::new();
        Self { meeting, talk_max, entries, streams: BTreeMap::new(), lamport: 0, removed: BTreeSet::new() }
    }

    pub(super) fn offer(&mut self, carried: &Carried<'_>, asked: bool, us: &Identity) -> Expected {
        let (value, body, entry) = (&carried.entry, carried.body, carried.envelope());
        if value.number == 0 || value.lamport == 0 {
            return Expected::Refused(Rule::Entry2);
        }
        let names_none = value.lamport == 1 && value.prev == Hash::ZERO && value.reference == ShortHash::ZERO;
        if value.lane.is_register() && (!names_none || usize::from(value.length) > REGISTER_BODY_MAX) {
            return Expected::Refused(Rule::Register2);
        }
        let is_unknown = Kind::of(value.kind) == Kind::Unknown;
        if (is_unknown && value.lane == Lane::Acts) || !is_unknown && Kind::of(value.kind).lane() != value.lane {
            return Expected::Refused(Rule::Entry4);
        }
        let id = StreamId::of(value);
        if id.lane.is_register() {
            return self.offer_register(id, &entry, body, us);
        }
        let known = self.streams.get(&id).copied();
        if known.and_then(|known| known.void_from).is_some_and(|void| value.number >= void) {
            return Expected::Dropped;
        }
        match known {
            None if value.lane == Lane::Acts && value.number > 1 => return Expected::Ahead(1),
            Some(known) if value.number > known.next => return Expected::Ahead(known.next),
            Some(_) | None => {}
        }
        if value.number == u64::MAX || (known.is_none() && self.is_too_old(id)) {
            return Expected::Dropped;
        }
        if let Some(held) = self.held(id, value.number).filter(|held| held.signed == entry.signed()) {
            let is_bare = entry_of(&held.frame).unwrap().body.bytes().is_none();
            let is_wanted = is_bare && !self.removed.contains(&held.hash);
            return match (is_wanted && body.bytes().is_some(), self.is_signed(&entry, us)) {
                (false, _) => Expected::Dropped,
                (true, false) => Expected::Refused(Rule::Entry1),
                (true, true) => Expected::Completed,
            };
        }
        let rival = self.rival(id, &entry);
        let is_wanted = known.is_none_or(|known| match known.head {
            // Another head than the one that was held there: there is no proof, and no place for it.
            Some((head, _)) if value.number + 1 == known.next && head != hash(self.meeting, &entry) => false,
            _ if value.number < known.next => asked,
            Some((head, lamport)) => value.prev == head && value.lamport > lamport,
            None => true,
        });
        if !is_wanted && rival.is_none() {
            return Expected::Dropped;
        }
        if !self.is_signed(&entry, us) {
            return Expected::Refused(Rule::Entry1);
        }
        if let Some(number) = rival {
            self.void(id, number);
            return Expected::Forked(number);
        }
        if body.bytes().is_none() && id.lane != Lane::Talk { Expected::Dropped } else { Expected::Stored }
    }

    fn is_signed(&self, envelope: &Envelope, us: &Identity) -> bool {
        let Envelope { entry, signature, .. } = envelope;
        us.verify(&entry.author, Domain::Entry, &[&self.meeting.0, &envelope.signed()], signature)
    }

    /// The body of an entry that is held has come: where that is.
    pub(super) fn complete(&mut self, frame: &Encoded) -> usize {
        let hash = hash(self.meeting, &entry_of(frame).unwrap().envelope());
        let is_it = |stored: &Stored| stored.hash == hash && !stored.is_dropped && !stored.is_hidden;
        let at = self.entries.iter().position(is_it).unwrap();
        self.entries[at].frame = frame.clone();
        at
    }

    fn offer_register(&self, id: StreamId, entry: &Envelope, body: Body<'_>, us: &Identity) -> Expected {
        let value = &entry.entry;
        let hash = hash(self.meeting, entry);
        let place = (value.session, value.number, hash);
        let held = self.register(id);
        let is_unknown = |stored: &&Stored| stored.stream.author == id.author && stored.stream.lane != Lane::PERSON;
        let is_full = self.registers().filter(is_unknown).count() >= REGISTERS_OF_AUTHOR_MAX;
        if held.is_some_and(|held| (held.stream.session, held.number, held.hash) >= place)
            || value.number == u64::MAX
            || held.is_none() && id.lane != Lane::PERSON && is_full
        {
            return Expected::Dropped;
        }
        if !self.is_signed(entry, us) {
            return Expected::Refused(Rule::Entry1);
        }
        if body.bytes().is_none() { Expected::Dropped } else { Expected::Stored }
    }

    /// Of each register, what is held.
    fn registers(&self) -> impl Iterator<Item = &Stored> {
        self.entries.iter().filter(|stored| stored.stream.lane.is_register() && !stored.is_dropped)
    }

    fn register(&self, id: StreamId) -> Option<&Stored> {
        self.registers().find(|stored| (stored.stream.author, stored.stream.lane) == (id.author, id.lane))
    }

    /// The lower number of two that exclude each other: `entry` and one that is held.
    fn rival(&self, id: StreamId, entry: &Envelope) -> Option<u64> {
        let value = &entry.entry;
        let hash = hash(self.meeting, entry);
        if self.held(id, value.number).is_some() {
            return Some(value.number);
        }
        let before = value.number.checked_sub(1).and_then(|number| self.held(id, number));
        if before.is_some_and(|before| value.prev != before.hash || value.lamport <= before.lamport) {
            return value.number.checked_sub(1);
        }
        let after = value.number.checked_add(1).and_then(|number| self.held(id, number));
        after.filter(|after| after.prev != hash || after.lamport <= value.lamport).map(|_| value.number)
    }

    /// An author's talk session counts if it is one of the newest of those that are known.
    fn is_too_old(&self, id: StreamId) -> bool {
        let newer =
            |known: &&StreamId| known.author == id.author && known.lane == Lane::Talk && known.session > id.session;
        id.lane == Lane::Talk && self.streams.keys().filter(newer).count() >= TALK_SESSIONS_MAX
    }

    pub(super) fn store(&mut self, frame: &Encoded) {
        let entry = entry_of(frame).unwrap().envelope();
        let (id, value) = (StreamId::of(&entry.entry), entry.entry);
        let hash = hash(self.meeting, &entry);
        if id.lane.is_register() {
            let register = |stored: &&mut Stored| (stored.stream.author, stored.stream.lane) == (id.author, id.lane);
            self.entries.iter_mut().filter(register).for_each(|stored| stored.is_dropped = true);
        }
        self.entries.push(Stored {
            stream: id,
            number: value.number,
            lamport: value.lamport,
            prev: value.prev,
            hash,
            signed: entry.signed(),
            frame: frame.clone(),
            is_dropped: false,
            is_hidden: false,
        });
        if id.lane.is_register() {
            return;
        }
        let known = self.streams.entry(id).or_insert(Known { next: value.number, head: None, void_from: None });
        if value.number >= known.next {
            (known.next, known.head) = (value.number + 1, Some((hash, value.lamport)));
        }
        if value.lamport > self.lamport && value.lamport - self.lamport <= LAMPORT_LEAP_MAX {
            self.lamport = value.lamport;
        }
        // Of whoever has most, the oldest goes; of several, the oldest of all.
        let mut shares: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
        let is_talk = |stored: &Stored| stored.stream.lane == Lane::Talk && !stored.is_dropped;
        for (place, stored) in self.entries.iter().enumerate().filter(|(_, stored)| is_talk(stored)) {
            shares.entry(stored.stream.author).or_default().push(place);
        }
        if shares.values().map(Vec::len).sum::<usize>() > self.talk_max {
            let most = shares.values().max_by_key(|places| (places.len(), Reverse(places[0]))).unwrap();
            self.entries[most[0]].is_dropped = true;
        }
        self.hide_old_sessions(id);
    }

    fn hide_old_sessions(&mut self, newest: StreamId) {
        let is_one = |id: &StreamId| id.author == newest.author && id.lane == Lane::Talk;
        let sessions: Vec<StreamId> = self.streams.keys().filter(|id| is_one(id)).copied().collect();
        for id in sessions.iter().rev().skip(TALK_SESSIONS_MAX) {
            self.streams.remove(id);
            self.hide(*id, 0);
        }
    }

    fn hide(&mut self, id: StreamId, from: u64) {
        let hidden = self.entries.iter_mut().filter(|stored| stored.stream == id && stored.number >= from);
        hidden.for_each(|stored| stored.is_hidden = true);
    }

    pub(super) fn skip(&mut self, id: StreamId, first: u64) {
        if let Some(known) = self.streams.get_mut(&id) {
            let first = known.void_from.unwrap_or(u64::MAX).min(first);
            if known.next < first {
                (known.next, known.head) = (first, None);
            }
        } else if !self.is_too_old(id) {
            self.streams.insert(id, Known { next: first, head: None, void_from: None });
            self.hide_old_sessions(id);
        }
    }

    pub(super) fn void(&mut self, id: StreamId, number: u64) {
        if id.lane.is_register() || !self.streams.contains_key(&id) && self.is_too_old(id) {
            return;
        }
        let known = self.streams.entry(id).or_insert(Known { next: 1, head: None, void_from: None });
        let number = known.void_from.map_or(number, |void| void.min(number));
        known.void_from = Some(number);
        if known.next > number {
            (known.next, known.head) = (number, None);
        }
        self.hide(id, number);
    }

    fn held(&self, id: StreamId, number: u64) -> Option<&Stored> {
        self.held_of(id).find(|stored| stored.number == number)
    }

    fn held_of(&self, id: StreamId) -> impl Iterator<Item = &Stored> {
        self.entries.iter().filter(move |stored| stored.stream == id && !stored.is_dropped && !stored.is_hidden)
    }

    /// What the feed still has.
    pub(super) fn frames(&self) -> impl Iterator<Item = &Encoded> {
        self.entries.iter().filter(|stored| !stored.is_dropped).map(|stored| &stored.frame)
    }

    /// The rows for somebody who may have everything.
    pub(super) fn rows(&self) -> Vec<Row> {
        let mut rows: BTreeMap<StreamId, Row> = BTreeMap::new();
        for (id, known) in &self.streams {
            let StreamId { author, session, lane } = *id;
            let head = known.head.map_or(Hash::ZERO, |(head, _)| head);
            rows.insert(*id, Row { author, session, lane, first: known.next, next: known.next, head });
        }
        for stored in self.entries.iter().filter(|stored| !stored.is_dropped && !stored.is_hidden) {
            if let Some(row) = rows.get_mut(&stored.stream) {
                row.first = row.first.min(stored.number);
            }
        }
        let mut registers: Vec<&Stored> = self.registers().collect();
        registers.sort_by_key(|stored| (stored.stream.author, stored.stream.lane));
        let registers =
            registers.into_iter().map(|Stored { stream: StreamId { author, session, lane }, number, hash, .. }| Row {
                author: *author,
                session: *session,
                lane: *lane,
                first: *number,
                next: number + 1,
                head: *hash,
            });
        rows.into_values().chain(registers).collect()
    }

    /// The answer to a FETCH of somebody who may have everything.
    pub(super) fn fetch(&self, range: Range) -> Vec<Encoded> {
        let id = StreamId { author: range.author, session: range.session, lane: range.lane };
        if id.lane.is_register() {
            let found = self.register(id).filter(|held| (held.stream.session, held.number) >= (id.session, range.from));
            return found.map(|stored| stored.frame.clone()).into_iter().collect();
        }
        let wanted = self.held_of(id).filter(|stored| (range.from..range.to).contains(&stored.number));
        wanted.map(|stored| self.served(stored)).take(FETCH_ENTRIES_MAX).collect()
    }

    fn served(&self, stored: &Stored) -> Encoded {
        let entry = entry_of(&stored.frame).unwrap();
        if !self.removed.contains(&stored.hash) {
            return stored.frame.clone();
        }
        let entry = Carried { body: Body::Lacking(entry.body.digest()), ..entry };
        Frame::from(EntryFrame { entry, options: Options::NONE }).encode(RequestId::EVENT)
    }
}
