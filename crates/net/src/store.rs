//! What a running machine keeps, by meeting.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use tertulia_core::contact::Listed;
use tertulia_core::id::MeetingId;
use tertulia_core::machine::Kept;
use tertulia_core::wire::Encoded;

use crate::error::Error;
use crate::home::Home;
use crate::home::meeting::MeetingFiles;

/// Logs that are open at one time: whoever writes to a thousand friends has as many, and a file is a descriptor.
const LOGS_OPEN_MAX: usize = 16;

/// The meetings of a home; of a guest's, and of none, nothing is kept.
#[derive(Debug)]
pub(crate) struct Store {
    home: Option<Home>,
    meetings: BTreeMap<MeetingId, MeetingFiles>,
}

impl Store {
    pub(crate) fn new(home: Option<Home>) -> Self {
        Self { home: home.filter(|home| !home.is_guest()), meetings: BTreeMap::new() }
    }

    pub(crate) fn append(&mut self, meeting: MeetingId, frame: &Encoded) -> Result<(), Error> {
        self.files(meeting)?.map_or(Ok(()), |files| files.append(frame))
    }

    pub(crate) fn keep(&mut self, meeting: MeetingId, name: Kept, bytes: &[u8]) -> Result<(), Error> {
        match (name, &self.home) {
            (Kept::Contacts, Some(home)) => home.keep_contacts(&Listed::decode_all(bytes).unwrap_or_default()),
            (Kept::Drafts, Some(home)) => home.keep_drafts(bytes),
            (_, Some(_)) => self.files(meeting)?.map_or(Ok(()), |files| files.keep(name, bytes)),
            (_, None) => Ok(()),
        }
    }

    fn files(&mut self, meeting: MeetingId) -> Result<Option<&mut MeetingFiles>, Error> {
        let Some(home) = &self.home else { return Ok(None) };
        if self.meetings.len() >= LOGS_OPEN_MAX && !self.meetings.contains_key(&meeting) {
            self.meetings.clear();
        }
        Ok(Some(match self.meetings.entry(meeting) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(home.meeting(meeting)?),
        }))
    }
}
