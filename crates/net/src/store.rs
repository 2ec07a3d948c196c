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
}

impl Store {
    pub(crate) fn new(home: Option<Home>) -> Self {
        Self { home: home.filter(|home| !home.is_guest()) }
    }

    pub(crate) fn append(&self, meeting: MeetingId, record: &Record) -> Result<(), Error> {
        self.home.as_ref().map_or(Ok(()), |home| home.meeting(meeting)?.append(record))
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
