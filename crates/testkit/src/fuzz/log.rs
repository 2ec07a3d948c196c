//! A log that is offered entries of two authors: in any order, twice, changed, forged; and told who may remove whose words.
//!
//! Input: a byte that says how much talk is kept, then steps of [`Play::step`]. After every step the log is compared with
//! [`Model`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tertulia_core::id::{Hash, Key, MeetingId, RequestId, Salt, ShortHash};
use tertulia_core::identity::{Domain, Identity, Secret};
use tertulia_core::log::{Held, Log, Proof, Record, Ring, StreamId, Verdict, entry_of, hash};
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::entry::{Body, Carried, Door, Entry, EntryBody, Envelope, Kind, Whereabouts};
use tertulia_core::wire::field::{List, Name, Text};
use tertulia_core::wire::meeting::{EntryFrame, Lane, Meeting, Range, Row};
use tertulia_core::wire::option::Options;
use tertulia_core::wire::{Encoded, Frame, decode};

use super::Input;
use super::log_model::{Expected, Model};
use crate::scheme::Hashed;

const MEETING: MeetingId = MeetingId([7; 16]);
const NOW: Now = Now { tick: Instant(1), unix_ms: 1_700_000_000_000 };

/// Steps and entries of one input: more find nothing new, and take long.
const STEPS_MAX: usize = 300;
const POOL_MAX: usize = 300;

/// Who writes: two authors, who also forge, and the node whose log this is.
const AUTHORS: usize = 2;

/// Offers what `input` says to a log and to a model of it.
///
/// # Panics
/// If they differ, or the log says of itself what is not so.
pub fn log(input: &[u8]) {
    let mut input = Input(input);
    let mut play = Play::new(input.index(32) + 1);
    for _ in 0..STEPS_MAX {
        if input.is_empty() || play.pool.len() > POOL_MAX {
            break;
        }
        play.step(&mut input);
        play.review(false);
        play.disk.extend(play.log.unkept());
        play.compare();
    }
    play.check_entries();
    play.check_removed();
    play.check_restart();
    [0, 5].into_iter().for_each(|floor| play.check_served(floor));
}

struct Play {
    people: [Identity; AUTHORS + 1],
    /// What each author has written and seen.
    writers: [Log; AUTHORS],
    /// Every entry there is, good or bad.
    pool: Vec<Encoded>,
    log: Log,
    /// What a driver makes of the positions that the log gives.
    feed: Ring,
    model: Model,
    /// What the log has told the disk.
    disk: Vec<Record>,
    talk_max: usize,
    changed: BTreeSet<StreamId>,
    own_session: Option<u64>,
    /// Who may remove what others have said.
    hosts: BTreeSet<Key>,
    /// Every RETRACT that was ever stored.
    retracts: BTreeSet<Retract>,
}

/// A RETRACT, in the order in which they count, and what it names.
type Retract = (u64, StreamId, u64, (StreamId, u64, Hash));

impl Play {
    fn new(talk_max: usize) -> Self {
        Self {
            people: [1, 2, 3].map(|seed| Identity::new(Secret([seed; 32]), Arc::new(Hashed))),
            writers: [(); AUTHORS].map(|()| Log::new(MEETING, 1_000)),
            pool: Vec::new(),
            log: Log::new(MEETING, talk_max),
            feed: Ring::default(),
            model: Model::new(MEETING, talk_max),
            disk: Vec::new(),
            talk_max,
            changed: BTreeSet::new(),
            own_session: None,
            hosts: BTreeSet::new(),
            retracts: BTreeSet::new(),
        }
    }

    const fn us(&self) -> &Identity {
        &self.people[AUTHORS]
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let (what, much) = input.step();
        let author = usize::from(much) % AUTHORS;
        match what {
            0 => self.write(author, u64::from(much >> 1), input.u8()),
            1 => self.pick(input).into_iter().for_each(|frame| self.offer(&frame, much & 1 != 0)),
            2 => self.change(input, much & 1 != 0),
            3 => self.forge(input, much),
            4 => {
                if let Some(entry) = self.pick(input).as_ref().and_then(entry_of) {
                    self.writers[author].offer(&entry, true, &self.people[author]);
                }
            }
            5 => self.skip(input, much),
            6 => self.void(input, much),
            7 => self.write_own(&said(input.u8())),
            8 => self.check_changed(),
            9 => self.check_served(u64::from(input.u16())),
            10 => {
                self.disk.extend(self.log.unkept());
                self.check_restart();
            }
            11 => {
                let first = u64::from(input.u8());
                (0..=u64::from(much) * 3).for_each(|more| self.write(author, first + more, 0));
            }
            12 | 13 => {
                let from = input.index(self.pool.len());
                let mut frames: Vec<Encoded> =
                    self.pool.iter().skip(from).take(usize::from(much) * 3).cloned().collect();
                if what == 13 {
                    frames.reverse();
                }
                frames.iter().for_each(|frame| self.offer(frame, false));
            }
            14 => self.retract(author, input, much),
            _ => {
                let is_host = |(at, _): &(usize, &Identity)| much & (1 << at) != 0;
                self.hosts = self.people.iter().enumerate().filter(is_host).map(|(_, one)| one.key()).collect();
                self.review(true);
                self.check_removed();
            }
        }
    }

    fn pick(&self, input: &mut Input<'_>) -> Option<Encoded> {
        let at = input.index(self.pool.len());
        self.pool.get(at).cloned()
    }

    /// The stream of some entry, if it is another's.
    fn pick_stream(&self, input: &mut Input<'_>) -> Option<StreamId> {
        let frame = self.pick(input)?;
        let id = StreamId::of(&entry_of(&frame)?.entry);
        (id.author != self.us().key()).then_some(id)
    }

    fn write(&mut self, author: usize, session: u64, what: u8) {
        let entry = self.writers[author].write(&self.people[author], session, &said(what), NOW);
        self.pool.extend(entry.map(|entry| entry.frame.clone()));
    }

    /// An author, or the node itself, removes words: somebody's, or such as there are none.
    fn retract(&mut self, author: usize, input: &mut Input<'_>, much: u8) {
        let (session, named, other) = (u64::from(input.u8() % 4), self.pick(input), self.pick(input));
        let Some(named) = named.as_ref().and_then(entry_of) else { return };
        let other = other.as_ref().and_then(entry_of).filter(|_| much & 2 != 0).unwrap_or(named);
        let Entry { author: whose, session: when, number, .. } = named.entry;
        let hash = hash(MEETING, &other.envelope());
        let body = EntryBody::Retract { author: whose, session: when, number, hash };
        if much & 4 != 0 {
            return self.write_own(&body);
        }
        let entry = self.writers[author].write(&self.people[author], session, &body, NOW);
        self.pool.extend(entry.map(|entry| entry.frame.clone()));
    }

    /// Looks at what is removed by now.
    fn review(&mut self, all: bool) {
        let hosts = &self.hosts;
        self.log.review(all, |retraction| may_remove(hosts, retraction.by.author, retraction.author));
        let removed = self.words().filter(|words| self.log.removed_by(words).is_some());
        self.model.removed = removed.map(|words| words.hash).collect();
    }

    /// The node's own session is above all that it holds of itself.
    fn write_own(&mut self, body: &EntryBody<'_>) {
        let us = self.people[AUTHORS].clone();
        let session = *self.own_session.get_or_insert_with(|| self.log.next_session(us.key()));
        let entry = self.log.write(&us, session, body, NOW).unwrap();
        assert_eq!(self.model.offer(&entry.carried(), false, &us), Expected::Stored);
        self.store(&entry);
        self.pool.push(entry.frame.clone());
    }

    fn store(&mut self, entry: &Arc<Held>) {
        let ring = self.log.ring();
        self.feed.append(Arc::clone(entry), ring.head() - 1, ring.dropped_before());
        self.model.store(&entry.frame);
        self.model.removed.extend(self.log.removed_by(entry).map(|_| entry.hash));
        self.note_retract(entry);
        self.changed.insert(entry.id);
    }

    fn note_retract(&mut self, entry: &Held) {
        if let EntryBody::Retract { author, session, number, hash } = entry.body() {
            let named = (StreamId { author, session, lane: Lane::Talk }, number, hash);
            self.retracts.insert((entry.lamport, entry.id, entry.number, named));
        }
    }

    fn offer(&mut self, frame: &Encoded, asked: bool) {
        let Some(entry) = entry_of(frame) else { return };
        let us = self.us().clone();
        let expected = self.model.offer(&entry, asked, &us);
        let verdict = self.log.offer(&entry, asked, &us);
        match (&verdict, expected) {
            (Verdict::Stored(held), Expected::Stored) => {
                // Words that are removed are stored without their body.
                let is_removed = self.log.removed_by(held).is_some();
                let body = if is_removed { Body::Lacking(entry.body.digest()) } else { entry.body };
                let entry = Carried { body, ..entry };
                assert_eq!((held.carried(), &held.frame), (entry, &frame_of(entry)));
                self.store(held);
            }
            (Verdict::Completed(held), Expected::Completed) => {
                let at = self.model.complete(&held.frame);
                self.feed.append(Arc::clone(held), at.try_into().unwrap(), self.log.ring().dropped_before());
                self.note_retract(held);
                self.changed.insert(held.id);
            }
            (Verdict::Dropped, Expected::Dropped) => {}
            (Verdict::Ahead { next }, Expected::Ahead(expected)) => assert_eq!(*next, expected),
            (Verdict::Refused(rule), Expected::Refused(expected)) => assert_eq!(*rule, expected),
            (Verdict::Forked(proof), Expected::Forked(number)) => {
                assert_eq!((proof.stream, proof.number), (StreamId::of(&entry.entry), number));
                self.check_proof(proof);
            }
            _ => panic!("{verdict:?}, not {expected:?}: asked {asked}, {frame:?}"),
        }
    }

    /// A proof convinces everybody.
    fn check_proof(&self, proof: &Proof) {
        let frame = &proof.frame;
        let Some(Frame::Meeting(Meeting::Fork(fork))) = decode(&frame.0).unwrap().frame else { panic!("{frame:?}") };
        assert_eq!(self.log.check_fork(&fork, self.us()), Ok((proof.stream, proof.number)));
    }

    /// Offers an entry that is not what it was when it was signed, or not an entry.
    fn change(&mut self, input: &mut Input<'_>, asked: bool) {
        let Some(frame) = self.pick(input) else { return };
        let mut bytes = frame.0.to_vec();
        let at = usize::from(input.u16()) % bytes.len();
        bytes[at] ^= input.u8();
        self.offer(&Encoded(bytes.into()), asked);
    }

    /// Offers an entry with other fields, which its author or somebody else has signed.
    fn forge(&mut self, input: &mut Input<'_>, much: u8) {
        let Some(frame) = self.pick(input) else { return };
        let Carried { entry: mut value, mut body, .. } = entry_of(&frame).unwrap();
        let signer = self.people[..AUTHORS].iter().find(|one| one.key() == value.author);
        let signer = signer.filter(|_| much & 1 == 0).unwrap_or(&self.people[input.index(AUTHORS)]).clone();
        let text = said(0).encode().1;
        let other = self.pick(input);
        while alter(&mut value, input, other.as_ref(), signer.key()) {}
        if much & 2 != 0 {
            (value.lane, value.kind, body) = (Lane::Talk, 0x0100, Body::Here(&text));
            value.length = u16::try_from(text.len()).unwrap();
        }
        if much & 8 != 0 {
            body = Body::Lacking(body.digest());
        }
        if much & 16 != 0 {
            // A register on a lane that nobody here knows.
            (value.lane, value.kind, value.lamport) = (Lane::Register(3 + much / 32), 0x7777, 1);
            (value.prev, value.reference) = (Hash::ZERO, ShortHash::ZERO);
        }
        let signature = signer.sign(Domain::Entry, &[&MEETING.0, &value.with(body.digest())]);
        let frame = frame_of(Carried { entry: value, signature, body });
        self.offer(&frame, much & 4 != 0);
        self.pool.push(frame);
    }

    fn skip(&mut self, input: &mut Input<'_>, much: u8) {
        let Some(id) = self.pick_stream(input).filter(|id| id.lane == Lane::Talk) else { return };
        let from = self.log.next_number(id);
        let first = from.saturating_add(u64::from(much)).saturating_sub(2).max(1);
        let is_new = self.model.rows().iter().all(|row| StreamId::of_row(row) != id);
        let skipped = self.log.skip(id, first);
        self.model.skip(id, first);
        let to = self.log.next_number(id);
        assert_eq!(skipped, (from < to && !is_new).then_some((from, to)));
    }

    fn void(&mut self, input: &mut Input<'_>, much: u8) {
        let Some(id) = self.pick_stream(input) else { return };
        let number = u64::from(much) + 1;
        self.log.void(id, number);
        self.model.void(id, number);
    }

    fn compare(&self) {
        assert_eq!(self.log.rows(0), self.model.rows());
        assert_eq!(self.log.lamport(), self.model.lamport);
        assert!(self.log.entries().map(|entry| &entry.frame).eq(self.model.frames()));
        assert_eq!(self.log.ring().head(), u64::try_from(self.model.entries.len()).unwrap());
        // Of several authors, the one who fills most makes room: a feed, of which one is the author, knows of the oldest alone.
        let is_held = |(at, _): &(u64, &Arc<Held>)| self.log.ring().iter().any(|(held, _)| held == *at);
        assert!(self.feed.iter().filter(is_held).eq(self.log.ring().iter()));
        let talk = |entry: &&Arc<Held>| entry.lane() == Lane::Talk;
        let authors: BTreeSet<Key> =
            self.feed.iter().map(|(_, entry)| entry).filter(talk).map(|entry| entry.id.author).collect();
        assert!(authors.len() > 1 || self.feed == *self.log.ring());
    }

    fn check_changed(&mut self) {
        let changed = core::mem::take(&mut self.changed);
        let rows = self.model.rows().into_iter().filter(|row| changed.contains(&StreamId::of_row(row)));
        let told = self.log.changed_streams().into_iter().filter_map(|id| self.log.row(id, 0));
        let by_stream = |rows: &mut dyn Iterator<Item = Row>| -> BTreeMap<StreamId, Row> {
            rows.map(|row| (StreamId::of_row(&row), row)).collect()
        };
        assert_eq!(by_stream(&mut told.into_iter()), by_stream(&mut rows.into_iter()));
        assert!(self.log.changed_streams().is_empty());
    }

    /// What is held, but for what is void: that is in the ring still, and goes nowhere.
    fn held(&self) -> impl Iterator<Item = &Arc<Held>> {
        self.log.entries().filter(|entry| !self.log.is_void(entry.id, entry.number))
    }

    /// Talk that is held, and is not of a session that was forgotten.
    fn words(&self) -> impl Iterator<Item = &Arc<Held>> {
        let is_known = |entry: &&Arc<Held>| self.holds(entry.id, entry.number, entry.hash);
        self.log.ring().iter().map(|(_, entry)| entry).filter(|entry| entry.lane() == Lane::Talk).filter(is_known)
    }

    fn holds(&self, id: StreamId, number: u64, hash: Hash) -> bool {
        self.log.words(id.author, id.session, number).is_some_and(|words| words.hash == hash)
    }

    /// What a RETRACT names that is held and counts is removed, by whoever was first; nothing else is, and no RETRACT. The
    /// file that is written anew has all bodies but of what is removed.
    fn check_removed(&self) {
        let mut naming: BTreeMap<(StreamId, u64, Hash), Vec<&Retract>> = BTreeMap::new();
        for retract in self.retracts.iter().filter(|(_, id, number, _)| !self.log.is_void(*id, *number)) {
            if may_remove(&self.hosts, retract.1.author, retract.3.0.author) {
                naming.entry(retract.3).or_default().push(retract);
            }
        }
        // By what names the entry that stands there, of those that are held or have made room.
        let is_held = |(_, id, number, _): &&&Retract| self.log.words(id.author, id.session, *number).is_some();
        let bodies: BTreeMap<Hash, bool> = self.log.records().filter_map(|record| kept(&record)).collect();
        for words in self.words() {
            let those = naming.get(&(words.id, words.number, words.hash)).map(Vec::as_slice).unwrap_or_default();
            let is_retract = Kind::of(words.carried().entry.kind) == Kind::Retract;
            let first = those.iter().find(is_held).filter(|_| !is_retract);
            let removed_by = self.log.removed_by(words);
            let by = removed_by.map(|by| those.iter().find(|(_, id, ..)| id.author == by).expect("somebody's RETRACT"));
            assert!(!is_retract || by.is_none(), "a RETRACT is removed: {words:?}");
            match (by, first) {
                (Some(by), Some(first)) => assert!(by <= first, "{words:?} is removed by {by:?}, not {first:?}"),
                (None, Some(first)) => panic!("{words:?} is not removed by {first:?}"),
                (Some(_) | None, None) => {}
            }
            assert_eq!(bodies[&words.hash], words.has_body() && by.is_none(), "on the disk: {words:?}");
        }
    }

    /// What is held is signed, there once, and fits its neighbours.
    fn check_entries(&self) {
        let mut held: BTreeMap<(StreamId, u64), Envelope> = BTreeMap::new();
        for envelope in self.held().map(|entry| entry_of(&entry.frame).unwrap().envelope()) {
            let Envelope { entry, signature, .. } = envelope;
            let parts: [&[u8]; 2] = [&MEETING.0, &envelope.signed()];
            assert!(self.us().verify(&entry.author, Domain::Entry, &parts, &signature));
            let is_new = held.insert((StreamId::of(&entry), entry.number), envelope).is_none();
            assert!(is_new, "{entry:?} is there twice");
        }
        for ((id, number), entry) in &held {
            if let Some(next) = number.checked_add(1).and_then(|next| held.get(&(*id, next))) {
                assert_eq!(next.entry.prev, hash(MEETING, entry));
                assert!(next.entry.lamport > entry.entry.lamport);
            }
        }
    }

    /// A log comes back from what it holds; and what it sends puts nobody in the wrong.
    fn check_restart(&self) {
        let mut other = Log::new(MEETING, self.talk_max);
        for entry in self.held() {
            let verdict = other.offer(&entry.carried(), false, self.us());
            assert!(!matches!(verdict, Verdict::Forked(_) | Verdict::Refused(_)), "{verdict:?} {entry:?}");
        }
        let records: Vec<Record> = self.log.records().collect();
        for kept in [&self.disk, &records] {
            let restored = Log::restored(MEETING, self.talk_max, kept.iter().cloned());
            assert!(restored.records().eq(records.iter().cloned()), "another log than before");
        }
    }

    /// What is announced to somebody who may have talk above `floor` can be fetched, and is sent.
    fn check_served(&self, floor: u64) {
        let rows = self.log.rows(floor);
        let everything = self.log.fetch(rows.iter().map(|row| range(row, row.first)), floor);
        let start = self.log.start_for(&BTreeMap::new(), floor);
        let at = |entry: &Arc<Held>| self.model.entries.iter().rposition(|stored| stored.hash == entry.hash).unwrap();
        assert!(everything.iter().map(at).is_sorted(), "in the order stored");
        for entry in &everything {
            let from = match entry.lane() {
                Lane::Acts => start.acts,
                Lane::Talk => start.talk,
                Lane::Register(_) => start.registers,
            };
            assert!(from <= u64::try_from(at(entry)).unwrap(), "{entry:?} is announced, and not sent");
        }
        for row in &rows {
            let fetched = self.log.fetch([range(row, 0)].into_iter(), floor);
            let numbers: BTreeSet<u64> = fetched.iter().map(|entry| entry.number).collect();
            assert_eq!(numbers.first().copied().unwrap_or(row.next), row.first);
            if floor == 0 {
                assert!(fetched.iter().map(|entry| &entry.frame).eq(&self.model.fetch(range(row, 0))));
            }
            assert!(fetched.iter().all(|entry| everything.contains(entry)));
            let rival = Row { head: Hash([0xff; 32]), ..*row };
            let head = self.log.rival_head(&rival, floor);
            let newest = fetched.iter().max_by_key(|entry| entry.number).map(|entry| &entry.frame);
            assert!(head.is_none() || head.as_ref() == newest);
        }
        // Who holds all of it is sent nothing.
        let held: BTreeMap<StreamId, u64> = rows.iter().map(|row| (StreamId::of_row(row), row.next)).collect();
        let start = self.log.start_for(&held, floor);
        assert_eq!([start.acts, start.registers, start.talk], [self.log.ring().head(); 3]);
        self.check_floor(floor);
    }

    /// Where lamport times rise as they do with one author, and none leaps, a floor is exact.
    fn check_floor(&self, floor: u64) {
        let talk = self.log.entries().filter(|entry| entry.lane() == Lane::Talk);
        let lamports: Vec<u64> = talk.map(|entry| entry.lamport).collect();
        let leaps = lamports.last().is_some_and(|last| *last > self.log.lamport());
        if leaps || !lamports.is_sorted_by(|one, next| one < next) {
            return;
        }
        let rows = self.log.rows(0);
        let served = self.log.fetch(rows.iter().map(|row| range(row, row.first)), floor);
        let is_talk = |entry: &&Arc<Held>| entry.lane() == Lane::Talk;
        assert!(served.iter().filter(is_talk).all(|entry| entry.lamport > floor));
        let all = self.log.fetch(rows.iter().map(|row| range(row, row.first)), 0);
        let above = all.iter().filter(is_talk).filter(|entry| entry.lamport > floor);
        assert_eq!(above.count(), served.iter().filter(is_talk).count());
        for count in 0..5 {
            let floor = self.log.floor_of_last(u32::try_from(count).unwrap());
            assert_eq!(lamports.iter().filter(|lamport| **lamport > floor).count(), lamports.len().min(count));
        }
    }
}

/// Whether an author may remove what `whose` has said, where these are hosts.
fn may_remove(hosts: &BTreeSet<Key>, by: Key, whose: Key) -> bool {
    by == whose || hosts.contains(&by)
}

/// Of an entry that a file holds that was written anew: which, and whether with its body.
fn kept(record: &Record) -> Option<(Hash, bool)> {
    let Record::Held(frame) = record else { return None };
    let entry = entry_of(frame)?;
    Some((hash(MEETING, &entry.envelope()), entry.body.bytes().is_some()))
}

fn said(what: u8) -> EntryBody<'static> {
    match what % 4 {
        0 => EntryBody::Text { salt: Salt::ZERO, text: Text::new("hear, hear").unwrap() },
        1 => EntryBody::Policy { door: Door::Locked, kept: List::NONE },
        2 => {
            let (whereabouts, name, chain) = (Whereabouts::Here, Name::new("ann").unwrap(), List::NONE);
            EntryBody::Person { whereabouts, name, addresses: List::NONE, chain, proof: List::NONE }
        }
        _ => EntryBody::Text { salt: Salt::ZERO, text: Text::new("quite so").unwrap() },
    }
}

/// Changes one field; whether to go on.
fn alter(entry: &mut Entry, input: &mut Input<'_>, other: Option<&Encoded>, signer: Key) -> bool {
    let (what, much) = input.step();
    let much = u64::from(much);
    let other = other.and_then(entry_of);
    let name = other.as_ref().map(|other| hash(MEETING, &other.envelope()));
    match what & 7 {
        0 => entry.number = entry.number.wrapping_add(much).wrapping_sub(4),
        1 => entry.number = u64::MAX - much,
        2 => entry.lamport = entry.lamport.wrapping_add(much).wrapping_sub(4),
        3 => entry.lamport = entry.lamport.wrapping_add(1 << (much * 4 + 3)),
        4 => entry.prev = name.unwrap_or(Hash::ZERO),
        5 => entry.author = signer,
        6 => entry.session = much,
        _ => entry.time_ms ^= much,
    }
    what & 8 != 0
}

fn range(row: &Row, from: u64) -> Range {
    Range { author: row.author, session: row.session, lane: row.lane, from, to: row.next }
}

fn frame_of(entry: Carried<'_>) -> Encoded {
    Frame::from(EntryFrame { entry, options: Options::NONE }).encode(RequestId::EVENT)
}
