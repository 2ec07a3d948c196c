//! The files of one meeting: its log, and small files that are replaced whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tertulia_core::id::MeetingId;
use tertulia_core::log::Record;
use tertulia_core::machine::Kept;

use super::log::StoredLog;
use super::{Home, PORT, log, make_folder, read_port, sealed};
use crate::error::Error;

/// What is known of a meeting without reading its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMeeting {
    /// Which.
    pub id: MeetingId,
    /// The signed charter.
    pub charter: Option<Vec<u8>>,
    /// The pass that lets this user in again.
    pub pass: Option<Vec<u8>>,
    /// The tickets to hand out, as their founder's machine keeps them.
    pub ticket: Option<Vec<u8>>,
    /// What the user typed to join.
    pub target: Option<String>,
    /// The port at which others reached it the time before.
    pub port: Option<u16>,
    /// Whether it is over.
    pub ended: bool,
    /// It is no meeting, but what has been said with a friend.
    pub is_pair: bool,
    /// Bytes of its files.
    pub bytes: u64,
    /// When a file of it was last written.
    pub used: SystemTime,
    /// Files of it that are damaged: what they held is missing above.
    pub damaged: Vec<PathBuf>,
}

/// Access to the files of one meeting.
#[derive(Clone, Debug)]
pub struct MeetingFiles {
    home: Home,
    id: MeetingId,
    folder: PathBuf,
}

impl MeetingFiles {
    pub(super) const fn new(home: Home, id: MeetingId, folder: PathBuf) -> Self {
        Self { home, id, folder }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// What is kept under `name`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn kept(&self, name: Kept) -> Result<Option<Vec<u8>>, Error> {
        sealed::read(&self.folder.join(file_name(name)))
    }

    /// Keeps `bytes` under `name`, in the place of what was there.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep(&self, name: Kept, bytes: &[u8]) -> Result<(), Error> {
        self.write(file_name(name), bytes)
    }

    /// Keeps what the user typed to join.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn remember_target(&self, target: &str) -> Result<(), Error> {
        self.write("target", target.as_bytes())
    }

    /// The port at which others reached it the time before.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn port(&self) -> Result<Option<u16>, Error> {
        read_port(&self.folder.join(PORT))
    }

    /// Keeps the port at which others reach it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep_port(&self, port: u16) -> Result<(), Error> {
        self.write(PORT, port.to_string().as_bytes())
    }

    /// Marks the meeting as over.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn mark_ended(&self) -> Result<(), Error> {
        self.write("ended", b"")
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        make_folder(&self.folder)?;
        sealed::write(&self.folder.join(name), bytes)
    }

    /// Reads the log. What was being written as a program was killed is cut off; what is damaged is put into a file of
    /// its own, so that the log can go on.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn load(&self) -> Result<StoredLog, Error> {
        log::load(&self.home.0.logs, &self.folder, self.id)
    }

    /// Adds a record to the log: handed to the system before this returns, on the disk when the system likes.
    ///
    /// # Errors
    /// The file cannot be written; then nothing of `record` is left in it.
    pub fn append(&self, record: &Record) -> Result<(), Error> {
        self.append_all(std::iter::once(record))
    }

    /// Adds records to the log, all together.
    ///
    /// # Errors
    /// The file cannot be written; then nothing of `records` is left in it.
    pub fn append_all<'a>(&self, records: impl Iterator<Item = &'a Record>) -> Result<(), Error> {
        log::append(&self.home.0.logs, &self.folder, self.id, records, self.home.hold())
    }
}

/// What a folder keeps of a meeting. What is damaged hides nothing of others.
pub(super) fn summary(id: MeetingId, folder: &Path) -> Result<StoredMeeting, Error> {
    let mut damaged = Vec::new();
    let kept = |name: Kept| sealed::read(&folder.join(file_name(name)));
    let charter = whole(kept(Kept::Charter), &mut damaged)?;
    let pass = whole(kept(Kept::Pass), &mut damaged)?;
    let ticket = whole(kept(Kept::Ticket), &mut damaged)?;
    let target = whole(sealed::read_text(&folder.join("target")), &mut damaged)?;
    let port = whole(read_port(&folder.join(PORT)), &mut damaged)?;
    let ended = folder.join("ended").exists();
    let is_pair = folder.join(file_name(Kept::Peer)).exists();
    let (mut bytes, mut used) = (0_u64, SystemTime::UNIX_EPOCH);
    for entry in fs::read_dir(folder).map_err(Error::file("read", folder))? {
        // A file that is being replaced may be gone meanwhile.
        let Ok(about) = entry.and_then(|entry| entry.metadata()) else { continue };
        bytes = bytes.saturating_add(about.len());
        used = about.modified().map_or(used, |modified| used.max(modified));
    }
    Ok(StoredMeeting { id, charter, pass, ticket, target, port, ended, is_pair, bytes, used, damaged })
}

/// What a file holds; one that is damaged is added to the others.
fn whole<T>(read: Result<Option<T>, Error>, damaged: &mut Vec<PathBuf>) -> Result<Option<T>, Error> {
    match read {
        Err(Error::Damaged { path, .. }) => {
            damaged.push(path);
            Ok(None)
        }
        read => read,
    }
}

const fn file_name(name: Kept) -> &'static str {
    match name {
        Kept::Charter => "charter",
        Kept::Pass => "pass",
        Kept::Ticket => "ticket",
        Kept::Peer => "peer",
        Kept::Contacts => "contacts",
        Kept::Drafts => "drafts",
    }
}
