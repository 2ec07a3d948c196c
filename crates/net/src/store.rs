//! What a running machine keeps, by meeting.

use tertulia_core::contact::Listed;
use tertulia_core::id::MeetingId;
use tertulia_core::log::Record;
use tertulia_core::machine::Kept;

use crate::error::Error;
use crate::home::Home;

/// The meetings of a home; of a guest's, and of none, nothing is kept.
#[derive(Debug)]
pub(crate) struct Store {
    home: Option<Home>,
    /// What the system has not been handed yet.
    unwritten: Vec<(MeetingId, Record)>,
}

impl Store {
    pub(crate) fn new(home: Option<Home>) -> Self {
        Self { home: home.filter(|home| !home.is_guest()), unwritten: Vec::new() }
    }

    /// Takes in a record, for [`Store::write`].
    pub(crate) fn append(&mut self, meeting: MeetingId, record: Record) {
        if self.home.is_some() {
            self.unwritten.push((meeting, record));
        }
    }

    /// Whether the system has been handed all that was taken in.
    pub(crate) const fn is_written(&self) -> bool {
        self.unwritten.is_empty()
    }

    /// Hands to the system what was taken in: many records of a meeting with one call.
    pub(crate) fn write(&mut self) -> Result<(), Error> {
        let Some(home) = &self.home else { return Ok(()) };
        let mut meetings = self.unwritten.chunk_by(|(one, _), (other, _)| one == other);
        let written = meetings.try_for_each(|records| {
            let Some((meeting, _)) = records.first() else { return Ok(()) };
            home.meeting(*meeting)?.append_all(records.iter().map(|(_, record)| record))
        });
        self.unwritten.clear();
        written
    }

    pub(crate) fn keep(&self, meeting: MeetingId, name: Kept, bytes: &[u8]) -> Result<(), Error> {
        match (name, &self.home) {
            (Kept::Contacts, Some(home)) => home.keep_contacts(&Listed::decode_all(bytes).unwrap_or_default()),
            (Kept::Drafts, Some(home)) => home.keep_drafts(bytes),
            (_, Some(home)) => home.meeting(meeting)?.keep(name, bytes),
            (_, None) => Ok(()),
        }
    }
}
