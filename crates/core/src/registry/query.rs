//! A question to all registries of a client: answered when all have, or when patience ends.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::record::Found;
use super::slot::Place;
use crate::code::Code;
use crate::command::Failure;
use crate::event::{Event, Notice};
use crate::id::{CommandId, Key, MeetingId, RequestId};
use crate::limits;
use crate::time::Now;
use crate::wire::field::Words;
use crate::wire::option::Options;
use crate::wire::registry::{Browse, Lookup, Shelf};
use crate::wire::{Encoded, Frame};

/// Who wants to know something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Asker {
    /// The user.
    User(CommandId),
    /// This node itself, that seeks who has this key.
    Node(Key),
}

/// What a user wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// What is on a shelf, by words.
    Browse(Shelf, String),
    /// What has this id.
    Lookup(MeetingId),
}

impl Question {
    /// The request for the page at `cursor`.
    pub(super) fn request(&self, cursor: u64, id: RequestId) -> Encoded {
        let options = Options::NONE;
        let frame = match self {
            Self::Browse(shelf, words) => {
                let words = Words::new(words).unwrap_or(Words::NONE);
                let most = u16::try_from(limits::LISTED_MAX).unwrap_or(u16::MAX);
                Frame::from(Browse { shelf: *shelf, words, cursor, most, options })
            }
            Self::Lookup(record) => Frame::from(Lookup { record: *record, options }),
        };
        frame.encode(id)
    }
}

/// A question, and what has come of it.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) question: Question,
    /// The desks that have not answered.
    pub(super) waiting: BTreeSet<usize>,
    /// Each as desks have shown it, in the order in which they came.
    found: Vec<BTreeMap<usize, Found>>,
    places: BTreeMap<Place, usize>,
    /// How many records each desk has shown.
    shown: BTreeMap<usize, usize>,
    failed: Vec<(String, Code)>,
    has_answer: bool,
}

impl Query {
    pub(super) fn new(question: Question, desks: usize) -> Self {
        Self {
            question,
            waiting: (0..desks).collect(),
            found: Vec::new(),
            places: BTreeMap::new(),
            shown: BTreeMap::new(),
            failed: Vec::new(),
            has_answer: false,
        }
    }

    /// Takes what one desk has shown; false if it has shown enough.
    pub(super) fn take(&mut self, desk: usize, found: Vec<Found>) -> bool {
        self.has_answer = true;
        let shown = self.shown.entry(desk).or_default();
        for found in found {
            *shown = shown.saturating_add(1);
            let place = (found.id, found.publisher);
            match self.places.get(&place).and_then(|at| self.found.get_mut(*at)) {
                Some(known) => {
                    known.entry(desk).or_insert(found);
                }
                None => {
                    self.places.insert(place, self.found.len());
                    self.found.push([(desk, found)].into());
                }
            }
        }
        *shown < limits::FOUND_MAX
    }

    /// Nothing comes from this desk.
    pub(super) fn fail(&mut self, desk: usize, registry: &str, code: Code) {
        if self.waiting.remove(&desk) {
            self.failed.push((registry.to_string(), code));
        }
    }

    fn merged(found: Vec<BTreeMap<usize, Found>>) -> impl Iterator<Item = Found> {
        found.into_iter().filter_map(|shown| Found::merged(shown.into_values().collect()))
    }

    /// Where somebody was met who has this key.
    pub(super) fn addresses(self, key: Key) -> Vec<String> {
        let theirs = Self::merged(self.found).filter(|found| found.publisher == key && found.meeting.is_none());
        theirs.flat_map(|found| found.addresses).map(|address| address.to_string()).collect()
    }

    /// What the user is told at the end.
    pub(super) fn answer(self, id: CommandId, now: Now) -> Vec<Event> {
        if !self.has_answer {
            return [Event::Error { failure: Failure::NoAnswers(self.failed), id: Some(id) }].into();
        }
        let missing = (!self.failed.is_empty()).then_some(Notice::RegistriesMissing(self.failed));
        let mut events: Vec<Event> = missing.map(Event::Warning).into_iter().collect();
        events.extend((1_u32..).zip(Self::merged(self.found)).map(|(number, found)| found.event(number, now)));
        events.push(Event::Done { id });
        events
    }
}
