//! A lecture's host that lies: its machine is an honest one, and what goes out is not what that has said.
//!
//! What it has said to each half of its guests is written anew, signed with its key, and chained: so each guest sees a log
//! without a fault. What comes back is translated, so that its machine never knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use tertulia_core::id::{Hash, Key, MeetingId, RequestId, Signature, Token};
use tertulia_core::identity::{Domain, Identity, Secret};
use tertulia_core::log::{Held, signed};
use tertulia_core::wire::entry::{Entry, EntryBody, Heard};
use tertulia_core::wire::field::Text;
use tertulia_core::wire::frame::Decoded;
use tertulia_core::wire::meeting::{EntryFrame, Lane, Meeting};
use tertulia_core::wire::private::{Ask, Private, asked};
use tertulia_core::wire::{Frame, decode};

use super::cast;
use super::plan::Mix;
use crate::frames;
use crate::sim::Tamperer;

/// What a host lies about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// It says one thing to one half of its guests, and another to the other half.
    TwoStories,
    /// It publishes words that no guest has said, under a guest's name, by a key that it has made.
    MadeUp,
    /// It publishes a guest's question as if that had been asked after another line.
    AnotherLine,
}

impl Lie {
    pub(super) const ALL: [Self; 3] = [Self::TwoStories, Self::MadeUp, Self::AnotherLine];

    /// A word for it, among what happens sometimes.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::TwoStories => "lie_two_stories",
            Self::MadeUp => "lie_made_up",
            Self::AnotherLine => "lie_another_line",
        }
    }
}

/// Every so many numbers it lies about a text.
pub(super) const LIE_PERIOD: u64 = 5;
/// About every other question.
const QUESTION_PERIOD: u64 = 2;

/// A session of the host's, and a number in it.
pub(super) type Place = (u64, u64);

/// What the host says to some.
#[derive(Clone, Debug, Default)]
struct Version {
    entries: BTreeMap<Place, Arc<Held>>,
    /// For the hash of what its machine has written, that of what it says here; and the other way.
    said: BTreeMap<Hash, Hash>,
    written: BTreeMap<Hash, Hash>,
}

/// A host that lies.
#[derive(Clone, Debug)]
pub(super) struct Liar {
    pub(super) lie: Lie,
    /// Under which name it publishes what it has made up.
    pub(super) name: String,
    founder: Identity,
    pub(super) made_up: Identity,
    meeting: MeetingId,
    guests: BTreeMap<Key, Identity>,
    /// By the signature of a question as its machine has read it: what its asker had heard, and has signed.
    asked: BTreeMap<[u8; 64], (Heard, Signature)>,
    versions: [Version; 2],
}

impl Liar {
    pub(super) fn new(lie: Lie, mix: &Mix) -> Self {
        let founder = cast::identity(1, mix);
        let made_up = Identity::new(Secret([0xdd; 32]), founder.scheme().clone());
        let guests = (0..mix.guests).map(|number| cast::identity(cast::FIRST_GUEST + number as u8, mix));
        Self {
            lie,
            name: "guest0".into(),
            founder,
            made_up,
            meeting: cast::charter(mix).meeting,
            guests: guests.map(|guest| (guest.key(), guest)).collect(),
            asked: BTreeMap::new(),
            versions: Default::default(),
        }
    }

    /// Which version somebody is told.
    fn version(&self, key: Key) -> usize {
        usize::from(self.lie == Lie::TwoStories && key.0[31] % 2 == 1)
    }

    fn entry(&self, key: Key, place: Place) -> Option<&Arc<Held>> {
        self.versions[self.version(key)].entries.get(&place)
    }

    /// The hash of what somebody was told.
    pub(super) fn hash(&self, key: Key, place: Place) -> Option<Hash> {
        self.entry(key, place).map(|entry| entry.hash)
    }

    /// Whether somebody is to show a question, and its text; `None`: it is a question that its asker has not signed so.
    pub(super) fn shown(&self, key: Key, place: Place) -> Option<(bool, String)> {
        match self.entry(key, place).expect("it was written").body() {
            EntryBody::Text { text, .. } => Some((false, text.as_str().into())),
            EntryBody::Question { asker, token, heard, signature, name, text } => {
                let signed = [&self.meeting.0[..], &asked(token, &heard, name, text)];
                let is_signed = self.founder.verify(&asker, Domain::Question, &signed, &signature);
                is_signed.then(|| (true, text.as_str().into()))
            }
            _ => None,
        }
    }

    /// What is said in the place of `entry`, after `before`; `None`: the same.
    fn body<'a>(
        &'a self,
        version: usize,
        entry: &'a Held,
        before: Heard,
        other: &'a mut String,
    ) -> Option<EntryBody<'a>> {
        let is_due = entry.number.is_multiple_of(LIE_PERIOD);
        match (entry.body(), self.lie) {
            (EntryBody::Text { salt, text }, Lie::TwoStories) if is_due && version == 1 => {
                *other = text.as_str().replacen("line", "lime", 1);
                Some(EntryBody::Text { salt, text: Text::new(other).expect("as long") })
            }
            (EntryBody::Text { text, .. }, Lie::MadeUp) if is_due => {
                let (token, said) = (Token(entry.hash.short().0), (&*self.name, text.as_str()));
                let ask = frames::ask(&self.made_up, self.meeting, token, before, said);
                let (asker, signature, name) = (self.made_up.key(), ask.signature, ask.name);
                Some(EntryBody::Question { asker, token, heard: before, signature, name, text })
            }
            (EntryBody::Question { asker, token, heard, signature, name, text }, lie) => {
                let (mut heard, signature) = self.asked.get(&signature.0).copied().unwrap_or((heard, signature));
                if lie == Lie::AnotherLine && entry.number.is_multiple_of(QUESTION_PERIOD) {
                    heard = if heard == before { Heard::NONE } else { before };
                }
                Some(EntryBody::Question { asker, token, heard, signature, name, text })
            }
            _ => None,
        }
    }

    /// What `version` has in the place of `written`.
    fn tell(&self, version: usize, written: &Held) -> Arc<Held> {
        let (session, number) = (written.id.session, written.number);
        let prev = self.versions[version].said.get(&written.prev).copied().unwrap_or(written.prev);
        let before = if number > 1 { Heard { session, number: number - 1, head: prev } } else { Heard::NONE };
        let (mut other, carried) = (String::new(), written.carried());
        let body = self.body(version, written, before, &mut other).map(|body| body.encode());
        let same = || (carried.entry.kind, carried.body.bytes().unwrap_or_default().to_vec());
        let (kind, body) = body.unwrap_or_else(same);
        let entry = Entry { prev, kind, ..carried.entry };
        Held::new(self.meeting, &signed(&self.founder, Domain::Entry, self.meeting, entry, &body))
    }

    /// A question as its asker would have signed it, had it been told what the machine has written.
    fn translate(&mut self, from: Key, ask: &Ask<'_>, id: RequestId) -> Option<Vec<u8>> {
        let head = *self.versions[self.version(from)].written.get(&ask.heard.head)?;
        let (heard, said) = (Heard { head, ..ask.heard }, (ask.name.as_str(), ask.text.as_str()));
        let asker = self.guests.get(&from)?;
        let translated = frames::ask(asker, self.meeting, ask.token, heard, said);
        self.asked.insert(translated.signature.0, (ask.heard, ask.signature));
        Some(Frame::from(translated).encode(id).0.to_vec())
    }
}

/// The same record, with what `change` has in the place of a frame.
fn each(record: &[u8], mut change: impl FnMut(Frame<'_>, RequestId, &[u8]) -> Option<Vec<u8>>) -> Vec<u8> {
    let (mut rest, mut changed) = (record, Vec::new());
    while let Ok(Decoded { id, bytes, rest: after, frame, .. }) = decode(rest) {
        let other = frame.and_then(|frame| change(frame, id, bytes));
        changed.extend(other.unwrap_or_else(|| bytes.to_vec()));
        rest = after;
    }
    changed.extend(rest);
    changed
}

/// The same bytes, with a hash for each that `hashes` has another for.
fn replace(bytes: &[u8], hashes: &BTreeMap<Hash, Hash>) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for at in 0..bytes.len() {
        let Some(place) = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut) else { break };
        hashes.get(&Hash(*place)).into_iter().for_each(|other| *place = other.0);
    }
    bytes
}

impl Tamperer for Liar {
    fn on_written(&mut self, entry: &Held) {
        let place = (entry.id.session, entry.number);
        if entry.lane() != Lane::Talk || self.versions[0].entries.contains_key(&place) {
            return;
        }
        for version in 0..self.versions.len() {
            let told = self.tell(version, entry);
            let this = &mut self.versions[version];
            this.said.insert(entry.hash, told.hash);
            this.written.insert(told.hash, entry.hash);
            this.entries.insert(place, told);
        }
    }

    fn outgoing(&mut self, to: Key, record: &[u8]) -> Vec<u8> {
        each(record, |frame, id, bytes| match frame {
            Frame::Meeting(Meeting::EntryFrame(frame)) if frame.entry.entry.lane == Lane::Talk => {
                let Entry { session, number, .. } = frame.entry.entry;
                let told = self.entry(to, (session, number))?.carried();
                Some(Frame::from(EntryFrame { entry: told, ..frame }).encode(id).0.to_vec())
            }
            Frame::Meeting(Meeting::Welcome(_) | Meeting::Digest(_)) => {
                Some(replace(bytes, &self.versions[self.version(to)].said))
            }
            _ => None,
        })
    }

    fn incoming(&mut self, from: Key, record: &[u8]) -> Vec<u8> {
        each(record, |frame, id, bytes| match frame {
            Frame::Private(Private::Ask(ask)) => self.translate(from, &ask, id),
            Frame::Meeting(Meeting::Digest(_)) => Some(replace(bytes, &self.versions[self.version(from)].written)),
            _ => None,
        })
    }
}
