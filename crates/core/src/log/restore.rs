//! A log from what a disk holds of it, and what a disk needs to hold of a log.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;

use super::offered::Offered;
use super::record::Reached;
use super::{Held, Log, Mark, Record, Stream, StreamId};
use crate::id::{Hash, Key, MeetingId, Token};
use crate::limits;
use crate::wire::Encoded;
use crate::wire::entry::{EntryBody, Kind};
use crate::wire::meeting::Lane;

/// What is restored of a file that was written anew, until that part of it ends: how far each stream had come.
type Expected = BTreeMap<StreamId, Reached>;

impl Log {
    /// The log of an earlier run. What damage has taken out of the middle of a stream is lost, and known
    /// to be ([`Log::lost`]).
    #[must_use]
    pub fn restored(meeting: MeetingId, talk_max: usize, records: impl IntoIterator<Item = Record>) -> Self {
        let (mut log, mut expected) = (Self::new(meeting, talk_max), Some(Expected::new()));
        for record in records {
            log.restore(record, &mut expected);
            // The disk knows it, and what the log lets go of is to be gone.
            log.unkept.clear();
        }
        log.find_lost(&mut expected);
        log.changed.clear();
        log
    }

    /// The records of a file that holds this log and nothing else.
    pub fn records(&self) -> impl Iterator<Item = Record> {
        let branches = self.shares.branches().map(|(author, branch)| Record::Branch(author, branch));
        let streams = self.streams.iter().map(|(id, stream)| Record::Stream(stream.reached(*id)));
        let lost = self.lost().map(|(id, from, to)| Record::Lost(id, from, to));
        let clock = core::iter::once(Record::Clock(self.lamport, self.latest));
        let kept = |entry: &Arc<Held>| {
            if self.is_hidden(entry) { entry.without_body(self.meeting).frame.clone() } else { entry.frame.clone() }
        };
        let held = self.entries().map(move |entry| Record::Held(kept(entry)));
        let shown = self.shown.marks().map(Record::Shown);
        let asked = self.asked.iter().map(|(asker, token)| Record::Asked(*asker, *token));
        let received = self.received.marks().map(Record::Received);
        branches.chain(streams).chain(lost).chain(clock).chain(held).chain(shown).chain(received).chain(asked)
    }

    fn restore(&mut self, record: Record, expected: &mut Option<Expected>) {
        match record {
            Record::Entry(frame) => {
                self.find_lost(expected);
                self.restore_entry(&frame);
            }
            Record::Fork(id, number) => {
                self.find_lost(expected);
                self.void(id, number);
            }
            Record::Skip(id, from, to) => {
                self.find_lost(expected);
                self.restore_skip(id, from, to);
            }
            Record::Stream(reached) => {
                self.streams.insert(reached.stream, Stream::of(&reached));
                expected.iter_mut().for_each(|expected| _ = expected.insert(reached.stream, reached));
            }
            Record::Lost(id, from, to) => {
                if let Some(stream) = self.streams.get_mut(&id).filter(|_| from < to) {
                    stream.lost.insert(from, to);
                }
            }
            Record::Clock(lamport, latest) => (self.lamport, self.latest) = (lamport, latest),
            Record::Held(frame) => self.restore_held(&frame),
            Record::Shown(mark) => {
                self.find_lost(expected);
                self.shown.restore(mark);
                self.lose_behind(mark);
            }
            Record::Received(mark) => {
                self.find_lost(expected);
                self.received.restore(mark);
                self.lose_behind(mark);
            }
            Record::Asked(asker, token) => self.note_asked(asker, token),
            Record::Branch(author, branch) => _ = self.shares.join(author, branch),
            Record::Gone(id, number) => self.restore_hidden(id, number, true),
            Record::Back(id, number) => self.restore_hidden(id, number, false),
        }
    }

    /// An entry that was stored in an earlier run. What had been stored late, because it was asked for, stands after its
    /// successors.
    fn restore_entry(&mut self, frame: &Encoded) {
        let Some(entry) = Held::read(self.meeting, frame) else { return };
        if !entry.lane().is_register() {
            self.lose(entry.id, entry.number);
        }
        self.judge(Offered::Kept(&entry), true);
    }

    /// An entry that was held as the file was written anew: its stream knows all of it but that.
    fn restore_held(&mut self, frame: &Encoded) {
        let Some(entry) = Held::read(self.meeting, frame) else { return };
        if entry.lane().is_register() {
            self.put_register(&entry);
            return;
        }
        let position = self.append(&entry);
        if !self.is_void(entry.id, entry.number)
            && let Some(stream) = self.streams.get_mut(&entry.id)
        {
            stream.held.insert(entry.number, (position, Arc::clone(&entry)));
            if entry.lane() == Lane::Talk {
                self.note_talk(&entry);
            }
        }
        self.make_room();
    }

    fn restore_skip(&mut self, id: StreamId, from: u64, to: u64) {
        if !self.streams.contains_key(&id) && from <= 1 {
            self.skip(id, to);
            return;
        }
        self.lose(id, from);
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.pass(from, to);
        }
    }

    /// What was shown, or has come to the other of two, was there.
    fn lose_behind(&mut self, Mark { author, session, next }: Mark) {
        self.lose(StreamId { author, session, lane: Lane::Talk }, next);
    }

    /// A stream goes on at `next`: what lies between was there, and is not any more.
    fn lose(&mut self, id: StreamId, next: u64) {
        let held = self.next_number(id);
        if next <= held
            || next == u64::MAX
            || self.is_void(id, held)
            || !self.streams.contains_key(&id) && self.is_past(id)
        {
            return;
        }
        let stream = self.streams.entry(id).or_insert(Stream::starting_at(1));
        let next = stream.void_from.map_or(next, |void| next.min(void));
        stream.lost.insert(held, next);
        (stream.next, stream.head) = (next, None);
        self.bound_sessions(id);
        self.bound_streams();
    }

    /// What was held as the file was written anew has all come: where that is less than there was, the rest is lost.
    fn find_lost(&mut self, expected: &mut Option<Expected>) {
        for (id, reached) in expected.take().into_iter().flatten() {
            let Some(stream) = self.streams.get_mut(&id) else { continue };
            let held = u64::try_from(stream.held.len()).unwrap_or(u64::MAX);
            // What the bounds have dropped since is not lost.
            if held >= reached.held || self.has_let_go {
                continue;
            }
            let mut from = reached.first;
            for number in stream.held.keys().copied().chain([stream.next]) {
                if from < number {
                    stream.lost.insert(from, number);
                }
                from = number.saturating_add(1);
            }
        }
    }

    /// A question is stored: it is known again when it comes again, also once it is dropped.
    pub(super) fn note_question(&mut self, entry: &Held) {
        if entry.kind() == Kind::Question
            && let EntryBody::Question { asker, token, .. } = entry.body()
        {
            self.note_asked(asker, token);
        }
    }

    fn note_asked(&mut self, asker: Key, token: Token) {
        self.asked.push_back((asker, token));
        if self.asked.len() > limits::TALK_ENTRIES_MAX {
            self.asked.pop_front();
        }
    }

    /// Who has asked what was stored lately, and under which token.
    pub(crate) fn asked(&self) -> impl Iterator<Item = (Key, Token)> {
        self.asked.iter().copied()
    }
}

impl Stream {
    fn reached(&self, stream: StreamId) -> Reached {
        Reached {
            stream,
            first: self.held.first_key_value().map_or(self.next, |(first, _)| *first),
            held: u64::try_from(self.held.len()).unwrap_or(u64::MAX),
            next: self.next,
            head: self.head.unwrap_or(Hash::ZERO),
            lamport: self.head_lamport,
            void: self.void_from.unwrap_or(0),
        }
    }

    fn of(reached: &Reached) -> Self {
        Self {
            head: Some(reached.head).filter(|head| *head != Hash::ZERO),
            head_lamport: reached.lamport,
            void_from: Some(reached.void).filter(|void| *void > 0),
            ..Self::starting_at(reached.next)
        }
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
impl Log {
    /// Takes an entry, whoever has signed it.
    pub(crate) fn put(&mut self, entry: &Arc<Held>) -> super::Verdict {
        self.judge(Offered::Kept(entry), true)
    }

    /// The log of an earlier run that has shown `shown`; `None`: all.
    pub(crate) fn after(meeting: MeetingId, records: &[Record], shown: Option<&super::Marks>) -> Self {
        let mut log = Self::restored(meeting, limits::TALK_ENTRIES_MAX, records.iter().cloned());
        let entries = records.iter().filter_map(Record::entry).map(|entry| entry.entry);
        let all = || entries.clone().filter(|entry| entry.lane == Lane::Talk);
        match shown {
            Some(shown) => log.shown = shown.clone(),
            None => all().for_each(|entry| _ = log.shown.note(entry.author, entry.session, entry.number)),
        }
        log
    }
}
