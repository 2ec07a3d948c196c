//! What survives a crash: the bytes of each meeting's log, as a file has them, and small files.

use std::collections::{BTreeMap, BTreeSet};

use tertulia_core::id::{Key, MeetingId};
use tertulia_core::log::record::{Damage, Reader, SALT, Salted};
use tertulia_core::log::{Log, Mark, Record, StreamId};
use tertulia_core::machine::Kept;
use tertulia_core::wire::Encoded;
use tertulia_core::wire::meeting::Lane;

/// Author, lane, session and number.
pub(super) type EntryName = (Key, u8, u64, u64);

/// Every disk has the same: nobody here forges a file.
const SALTED: [u8; SALT] = [0x5a; SALT];

/// What survives a crash.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    /// Of each meeting or pair, the file.
    pub logs: BTreeMap<MeetingId, Vec<u8>>,
    /// The meetings' small files.
    pub kept: BTreeMap<(MeetingId, Kept), Vec<u8>>,
    /// ENTRY frames, in the order in which they were stored, but what a flipped bit has destroyed.
    pub entries: Vec<Encoded>,
    /// Author, lane, session and number of each.
    pub(super) names: BTreeSet<EntryName>,
    /// How many acts and registers were stored, and what else may change who is there.
    pub said: u64,
    /// Session and number of the entry that was stored last, by lane.
    pub last: BTreeMap<Lane, (u64, u64)>,
}

pub(super) fn name_of(id: StreamId, number: u64) -> EntryName {
    (id.author, id.lane.number(), id.session, number)
}

impl Disk {
    /// An empty one.
    pub(super) const fn new() -> Self {
        Self {
            logs: BTreeMap::new(),
            kept: BTreeMap::new(),
            entries: Vec::new(),
            names: BTreeSet::new(),
            said: 0,
            last: BTreeMap::new(),
        }
    }

    pub(super) fn store(&mut self, meeting: MeetingId, record: &Record) {
        let salted = Salted::new(SALTED);
        let file = self.logs.entry(meeting).or_insert_with(|| salted.header(0));
        salted.write(record, file);
        let is_talk = record.entry().is_some_and(|entry| entry.entry.lane == Lane::Talk);
        self.said += u64::from(!is_talk && !matches!(record, Record::Shown(_)));
        if let Some(entry) = record.entry().map(|entry| entry.entry) {
            self.last.insert(entry.lane, (entry.session, entry.number));
            self.names.insert(name_of(StreamId::of(&entry), entry.number));
            self.entries.extend(record.frame().cloned());
        }
    }

    /// The log of a meeting, as its next run finds it.
    #[must_use]
    pub fn log(&self, meeting: MeetingId, talk_max: usize) -> Log {
        Log::restored(meeting, talk_max, self.read(meeting).0)
    }

    /// How many entries are kept of a meeting.
    #[must_use]
    pub fn count(&self, meeting: MeetingId) -> usize {
        let (records, _) = self.read(meeting);
        let names = records.iter().filter_map(Record::entry).map(|entry| entry.entry);
        names.map(|entry| name_of(StreamId::of(&entry), entry.number)).collect::<BTreeSet<_>>().len()
    }

    fn read(&self, meeting: MeetingId) -> (Vec<Record>, Vec<Damage>) {
        let (mut records, mut damages, mut reader) = (Vec::new(), Vec::new(), Reader::default());
        let Some(file) = self.logs.get(&meeting) else { return (records, damages) };
        // In pieces, as a real file is read.
        for piece in file.chunks(700) {
            reader.take(piece);
            while let Some(read) = reader.read() {
                read.map_or_else(|damage| damages.push(damage), |record| records.push(record));
            }
        }
        reader.end();
        while let Some(read) = reader.read() {
            read.map_or_else(|damage| damages.push(damage), |record| records.push(record));
        }
        (records, damages)
    }

    /// A process that is killed while it writes leaves the beginning of a record, of which nobody has been told. `much`:
    /// how long that is. The next run cuts it off.
    pub(super) fn tear(&mut self, much: usize) {
        for file in self.logs.values_mut() {
            let whole = file.len();
            let mark = Mark { author: Key::ZERO, session: 1, next: 1 };
            Salted::new(SALTED).write(&Record::Shown(mark), file);
            let torn = file.len() - whole;
            file.truncate(whole + much % torn);
        }
    }

    /// Cuts off what was being written, and sets aside what is damaged.
    pub(super) fn repair(&mut self) {
        for meeting in self.logs.keys().copied().collect::<Vec<_>>() {
            let (records, damages) = self.read(meeting);
            let salted = Salted::new(SALTED);
            let mut file = salted.header(0);
            records.iter().for_each(|record| salted.write(record, &mut file));
            self.logs.insert(meeting, file);
            if !damages.is_empty() {
                self.count_anew();
            }
        }
    }

    fn count_anew(&mut self) {
        (self.entries, self.names) = (Vec::new(), BTreeSet::new());
        for meeting in self.logs.keys().copied().collect::<Vec<_>>() {
            for record in self.read(meeting).0 {
                let Some(entry) = record.entry().map(|entry| entry.entry) else { continue };
                if self.names.insert(name_of(StreamId::of(&entry), entry.number)) {
                    self.entries.extend(record.frame().cloned());
                }
            }
        }
    }

    /// Writes the file of each meeting anew.
    pub(super) fn compact(&mut self, talk_max: usize) {
        for meeting in self.logs.keys().copied().collect::<Vec<_>>() {
            let log = self.log(meeting, talk_max);
            let salted = Salted::new(SALTED);
            let mut file = salted.header(0);
            log.records().for_each(|record| salted.write(&record, &mut file));
            self.logs.insert(meeting, file);
        }
    }

    /// Flips one bit of what stands twice, or of an entry of talk that `others` have; a mark that is lost has its user told
    /// again. Whether there is one, and the entry that is lost by that.
    pub(super) fn flip(&mut self, at: usize, others: impl Fn(&EntryName) -> bool) -> Option<Option<EntryName>> {
        let salted = Salted::new(SALTED);
        for meeting in self.logs.keys().copied().collect::<Vec<_>>() {
            let mut places = Vec::new();
            let mut from = salted.header(0).len();
            for record in self.read(meeting).0 {
                let mut bytes = Vec::new();
                salted.write(&record, &mut bytes);
                let entry = record.entry().map(|entry| entry.entry).filter(|entry| entry.lane == Lane::Talk);
                let name = entry.map(|entry| name_of(StreamId::of(&entry), entry.number));
                let may_be = match &name {
                    Some(name) => others(name),
                    None => !matches!(record, Record::Shown(_) | Record::Received(_)),
                };
                if may_be {
                    places.push((from..from + bytes.len(), name));
                }
                from += bytes.len();
            }
            let Some((place, name)) = places.get(at % places.len().max(1)).cloned() else { continue };
            let Some(byte) = self.logs.get_mut(&meeting).and_then(|file| file.get_mut(place.start + at % place.len()))
            else {
                continue;
            };
            *byte ^= 1 << (at % 8);
            return Some(name);
        }
        None
    }
}
