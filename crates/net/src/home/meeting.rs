//! The files of one meeting: a log that only grows, and small files that are replaced whole.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tertulia_core::id::MeetingId;
use tertulia_core::log::{Mark, Shown};
use tertulia_core::machine::Kept;
use tertulia_core::wire::frame::HEADER;
use tertulia_core::wire::{Encoded, decode};

use super::{PORT, make_folder, read_if_there, read_port, replace, sealed};
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
    /// The ticket to hand out: the seed, then the endorsement if it has one.
    pub ticket: Option<Vec<u8>>,
    /// What the user typed to join.
    pub target: Option<String>,
    /// The port at which others reached it the time before.
    pub port: Option<u16>,
    /// Whether it is over.
    pub ended: bool,
    /// Files of it that are damaged: what they held is missing above.
    pub damaged: Vec<PathBuf>,
}

/// The entries of a meeting, as they were kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredLog {
    /// ENTRY frames in the order in which they came.
    pub entries: Vec<Encoded>,
    /// Where bytes that are no frame have been put, if there were some besides a last frame cut short.
    pub damaged: Option<PathBuf>,
    /// What of the entries the user was shown.
    pub shown: Shown,
}

/// Access to the files of one meeting.
#[derive(Debug)]
pub struct MeetingFiles {
    folder: PathBuf,
    log: Option<File>,
}

impl MeetingFiles {
    pub(super) const fn new(folder: PathBuf) -> Self {
        Self { folder, log: None }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// What is damaged hides nothing of other meetings.
    pub(super) fn summary(&self, id: MeetingId) -> Result<StoredMeeting, Error> {
        let mut damaged = Vec::new();
        let charter = whole(self.kept(Kept::Charter), &mut damaged)?;
        let pass = whole(self.kept(Kept::Pass), &mut damaged)?;
        let ticket = whole(self.kept(Kept::Ticket), &mut damaged)?;
        let target = whole(sealed::read_text(&self.folder.join("target")), &mut damaged)?;
        let port = whole(self.port(), &mut damaged)?;
        let ended = self.folder.join("ended").exists();
        Ok(StoredMeeting { id, charter, pass, ticket, target, port, ended, damaged })
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

    /// Reads the entries. A frame at the end that a crash has cut short is cut off; other bytes that are no frame, and
    /// what follows them, are put into a file of their own, so that the log can go on and nothing is lost.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn load(&self) -> Result<StoredLog, Error> {
        let path = self.folder.join("log");
        let Some(bytes) = read_if_there(&path)? else {
            return Ok(StoredLog::default());
        };
        let mut log = StoredLog::default();
        let mut rest = bytes.as_slice();
        while let Ok(decoded) = decode(rest) {
            // A copy each: a shared one would keep the whole file in memory as long as one entry.
            log.entries.push(Encoded(Bytes::copy_from_slice(decoded.bytes)));
            rest = decoded.rest;
        }
        log.shown = self.load_shown(&log.entries)?;
        if rest.is_empty() {
            return Ok(log);
        }
        if !is_cut_short(rest) {
            log.damaged = Some(self.put_aside(rest)?);
        }
        let whole = u64::try_from(bytes.len().saturating_sub(rest.len())).unwrap_or(u64::MAX);
        let cut = File::options().write(true).open(&path).and_then(|file| file.set_len(whole));
        cut.map_err(Error::file("cut", &path))?;
        Ok(log)
    }

    /// What the user was shown, in as few bytes as that takes. A log without it is of a time when nobody kept that.
    fn load_shown(&self, entries: &[Encoded]) -> Result<Shown, Error> {
        let kept = self.read_shown()?;
        let shown = kept.as_ref().map_or_else(|| Shown::all(entries), |bytes| Shown::decode(bytes));
        let bytes = shown.encode();
        if kept.is_none_or(|kept| kept.len() > bytes.len()) {
            // If that fails, all is as it was.
            let _ = replace(&self.folder.join(SHOWN), &bytes);
        }
        Ok(shown)
    }

    fn read_shown(&self) -> Result<Option<Vec<u8>>, Error> {
        read_if_there(&self.folder.join(SHOWN))
    }

    /// What the user was shown of the entries of this meeting.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn shown(&self) -> Result<Shown, Error> {
        Ok(self.read_shown()?.map(|bytes| Shown::decode(&bytes)).unwrap_or_default())
    }

    /// Puts what the user was shown in the place of all marks that there are.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep_shown(&self, shown: &Shown) -> Result<(), Error> {
        make_folder(&self.folder)?;
        replace(&self.folder.join(SHOWN), &shown.encode())
    }

    /// Adds a mark: handed to the system before this returns. Who has a thousand friends has as many of these files, so
    /// none stays open.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn mark_shown(&self, mark: &Mark) -> Result<(), Error> {
        let path = self.folder.join(SHOWN);
        append_to(&mut open_to_append(&path)?, &path, &mark.encode())
    }

    fn put_aside(&self, bytes: &[u8]) -> Result<PathBuf, Error> {
        let names = (1_u32..).map(|number| self.folder.join(format!("log.damaged-{number}")));
        let path = names.into_iter().find(|path| !path.exists()).unwrap_or_default();
        replace(&path, bytes)?;
        Ok(path)
    }

    /// Adds an ENTRY frame to the log: handed to the system before this returns, on the disk when the system likes.
    ///
    /// # Errors
    /// The file cannot be written; then nothing of `frame` is left in it.
    pub fn append(&mut self, frame: &Encoded) -> Result<(), Error> {
        let path = self.folder.join("log");
        let log = match &mut self.log {
            Some(log) => log,
            none => {
                make_folder(&self.folder)?;
                if !path.exists() {
                    // Nothing of this log was shown: whoever is killed before the first mark is told everything.
                    open_to_append(&self.folder.join(SHOWN))?;
                }
                none.insert(open_to_append(&path)?)
            }
        };
        append_to(log, &path, &frame.0)
    }
}

/// The file that says what the user was shown: marks, of which the highest of a session counts.
const SHOWN: &str = "shown";

/// Adds `bytes` to a file: what follows a part of them could not be read.
fn append_to(file: &mut File, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let before = file.seek(SeekFrom::End(0)).map_err(Error::file("write", path))?;
    file.write_all(bytes).map_err(|error| {
        // If this fails too, the next load leaves the part out.
        let _ = file.set_len(before);
        Error::file("write", path)(error)
    })
}

/// Opens a file, or makes it, for its user alone.
fn open_to_append(path: &Path) -> Result<File, Error> {
    let mut options = File::options();
    options.create(true).read(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(Error::file("open", path))
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
        Kept::Acknowledged => "acknowledged",
        Kept::Contacts => "contacts",
        Kept::Drafts => "drafts",
    }
}

/// Whether `rest` is the beginning of a frame.
fn is_cut_short(rest: &[u8]) -> bool {
    let length = rest.first_chunk().map(|length| usize::from(u16::from_be_bytes(*length)));
    length.is_none_or(|length| rest.len() < length.saturating_add(HEADER))
}
