//! The log of a meeting as a file: records that are added, read as a stream, and now and then written anew without what
//! is not held any more.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tertulia_core::id::MeetingId;
use tertulia_core::limits::{BODIES_GO_INTERVAL, LOG_SPARE_BYTES, TALK_ENTRIES_MAX};
use tertulia_core::log::record::{Damage, Reader, SALT, Salted, Why};
use tertulia_core::log::{Log, Record};

use super::{make_folder, seed, sync_folder};
use crate::error::Error;
use crate::private::private;
use crate::shared::lock;

/// Logs that are open at one time: whoever writes to a thousand friends has as many, and a file is a descriptor.
const OPEN_MAX: usize = 16;
/// What is read of a file at a time.
const PIECE: usize = 65_536;
const LOG: &str = "log";

/// A log as it was kept.
#[derive(Clone, Debug)]
pub struct StoredLog {
    /// What is held by it.
    pub log: Log,
    /// What of the file was damaged.
    pub damaged: Option<Damaged>,
}

/// What of a log was damaged, and has been set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// Which.
    pub meeting: MeetingId,
    /// Where the bytes have been put.
    pub path: PathBuf,
    /// How many bytes.
    pub bytes: u64,
    /// How many entries are known to be missing; others may have them.
    pub lost: u64,
    /// Whether the file was none of this version's: then nothing of it was read.
    pub is_foreign: bool,
}

/// How to go on writing into a log.
#[derive(Clone, Debug)]
struct Known {
    salted: Salted,
    length: u64,
    /// How long it was when it was written anew.
    kept: u64,
    is_rewritten: bool,
    /// How many bodies are to go, and when others went.
    gone: usize,
    gone_at: Option<Instant>,
}

/// The logs of a home that are written.
#[derive(Debug, Default)]
pub(super) struct Logs {
    known: BTreeMap<PathBuf, Known>,
    open: BTreeMap<PathBuf, File>,
}

/// Whether the home is held still, for whoever writes a file anew meanwhile.
pub(super) trait Hold: Send + 'static {
    /// Does it while the home is held, unless it is not any more.
    fn while_held(&self, act: impl FnOnce());
}

/// Reads the log in `folder`. What was being written as a program was killed is cut off. What is damaged is put into a
/// file of its own, and the log is written anew without it.
///
/// # Errors
/// A file cannot be read or written.
pub(super) fn load(logs: &Mutex<Logs>, folder: &Path, meeting: MeetingId) -> Result<StoredLog, Error> {
    let path = folder.join(LOG);
    let file = match File::options().read(true).write(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(StoredLog { log: Log::new(meeting, TALK_ENTRIES_MAX), damaged: None });
        }
        Err(error) => return Err(Error::file("read", &path)(error)),
    };
    let mut records = Records::of(&file, u64::MAX);
    let log = Log::restored(meeting, TALK_ENTRIES_MAX, &mut records);
    let Records { reader, damages, error, .. } = records;
    error.map_or(Ok(()), Err).map_err(Error::file("read", &path))?;
    let length = file.metadata().map_err(Error::file("read", &path))?.len();
    let damaged = put_aside(&file, folder, meeting, &log, &damages)?;
    let mut logs = lock(logs);
    logs.open.remove(&path);
    let Some(salted) = reader.salted().filter(|_| damages.is_empty()).cloned() else {
        drop(file);
        let known = write_anew(&path, &Salted::new(salt()?), &log)?;
        logs.known.insert(path, known);
        return Ok(StoredLog { log, damaged });
    };
    if length > reader.whole() {
        file.set_len(reader.whole()).map_err(Error::file("cut", &path))?;
    }
    drop(file);
    let known = Known { kept: reader.kept(), ..Known::new(salted, reader.whole()) };
    // SPEC RETRACT-5
    let known = if known.is_long() || log.has_hidden() { write_anew(&path, &known.salted, &log)? } else { known };
    logs.known.insert(path, known);
    Ok(StoredLog { log, damaged })
}

/// Whether nothing of the log in `folder` is damaged; nothing, if that can't be told by `deadline`. What is being written
/// just now is no damage.
///
/// # Errors
/// The file cannot be read.
pub(super) fn is_whole(folder: &Path, deadline: Instant) -> Result<Option<bool>, Error> {
    let path = path(folder);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(true)),
        Err(error) => return Err(Error::file("read", &path)(error)),
    };
    let mut records = Records::of(&file, u64::MAX);
    while records.next().is_some() {
        if Instant::now() >= deadline {
            return Ok(None);
        }
    }
    records.error.map_or(Ok(()), Err).map_err(Error::file("read", &path))?;
    Ok(Some(records.damages.is_empty()))
}

/// The log in `folder`.
pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join(LOG)
}

/// Adds records: handed to the system before this returns, on the disk when the system likes.
///
/// # Errors
/// The file cannot be written; then nothing of `records` is left in it.
pub(super) fn append<'a>(
    logs: &Arc<Mutex<Logs>>,
    folder: &Path,
    meeting: MeetingId,
    records: impl Iterator<Item = &'a Record>,
    hold: impl Hold,
) -> Result<(), Error> {
    let path = folder.join(LOG);
    if !lock(logs).known.contains_key(&path) && path.exists() {
        load(logs, folder, meeting)?;
    }
    let mut guard = lock(logs);
    let Logs { known, open } = &mut *guard;
    if !known.contains_key(&path) {
        make_folder(folder)?;
        known.insert(path.clone(), create(&path, &Salted::new(salt()?))?);
    }
    let Some(known) = known.get_mut(&path) else { return Ok(()) };
    if open.len() >= OPEN_MAX && !open.contains_key(&path) {
        open.clear();
    }
    let (mut bytes, mut gone) = (Vec::new(), 0_usize);
    for record in records {
        known.salted.write(record, &mut bytes);
        gone = gone.saturating_add(usize::from(matches!(record, Record::Gone(..))));
    }
    let file = match open.entry(path.clone()) {
        std::collections::btree_map::Entry::Occupied(file) => file.into_mut(),
        std::collections::btree_map::Entry::Vacant(place) => place.insert(open_to_append(&path)?),
    };
    add(file, &path, &bytes, known.length)?;
    known.length = known.length.saturating_add(count(bytes.len()));
    known.gone = known.gone.saturating_add(gone);
    if (known.is_long() || known.has_to_forget()) && !known.is_rewritten {
        known.is_rewritten = true;
        let (logs, known) = (Arc::clone(logs), known.clone());
        // If there is no thread to be had, the next run does it.
        let _ = std::thread::Builder::new().spawn(move || rewrite(&logs, &path, meeting, &known, &hold));
    }
    Ok(())
}

impl Known {
    const fn new(salted: Salted, length: u64) -> Self {
        Self { salted, length, kept: length, is_rewritten: false, gone: 0, gone_at: None }
    }

    /// SPEC RETRACT-5
    fn has_to_forget(&self) -> bool {
        self.gone > 0 && self.gone_at.is_none_or(|at| at.elapsed() >= BODIES_GO_INTERVAL)
    }

    fn is_long(&self) -> bool {
        self.length > self.kept.max(LOG_SPARE_BYTES).saturating_mul(2)
    }
}

/// Writes a log anew while its node runs: nobody waits for it but for the last few records, at the end.
fn rewrite(logs: &Mutex<Logs>, path: &Path, meeting: MeetingId, known: &Known, hold: &impl Hold) {
    let Ok(file) = File::open(path) else { return };
    let mut records = Records::of(&file, known.length);
    let log = Log::restored(meeting, TALK_ENTRIES_MAX, &mut records);
    // What is damaged is for the next run to tell.
    if records.error.is_some() || !records.damages.is_empty() {
        return;
    }
    let Ok((mut anew, mut length)) = write_beside(path, &known.salted, &log) else { return };
    drop(log);
    hold.while_held(|| {
        let mut logs = lock(logs);
        let mut rest = Vec::new();
        let is_whole = read_from(&file, known.length, &mut rest).and_then(|()| anew.write_all(&rest));
        // As for `write_anew`, all that is open of it is closed.
        drop((file, anew));
        logs.open.remove(path);
        if is_whole.and_then(|()| fs::rename(beside(path), path)).is_err() {
            return;
        }
        let kept = length;
        length = length.saturating_add(count(rest.len()));
        let gone = logs.known.get(path).map_or(0, |now| now.gone.saturating_sub(known.gone));
        let gone_at = if known.gone > 0 { Some(Instant::now()) } else { known.gone_at };
        let anew = Known { kept, gone, gone_at, ..Known::new(known.salted.clone(), length) };
        logs.known.insert(path.into(), anew);
    });
    // Both names hold all that there is.
    let _ = sync_folder(path);
}

/// Puts a file that holds `log` in the place of the one at `path`, which is not open: not every system lets go of a name
/// that somebody holds on to.
fn write_anew(path: &Path, salted: &Salted, log: &Log) -> Result<Known, Error> {
    let (_, length) = write_beside(path, salted, log).map_err(Error::file("write", &beside(path)))?;
    fs::rename(beside(path), path).map_err(Error::file("write", path))?;
    sync_folder(path)?;
    Ok(Known::new(salted.clone(), length))
}

/// A new file at `path`.
fn create(path: &Path, salted: &Salted) -> Result<Known, Error> {
    let header = salted.header(0);
    let written = open_new(&beside(path)).and_then(|mut file| file.write_all(&header));
    written.and_then(|()| fs::rename(beside(path), path)).map_err(Error::file("write", path))?;
    Ok(Known { kept: 0, ..Known::new(salted.clone(), count(header.len())) })
}

/// Writes a file that holds `log`, beside `path` and onto the disk: it, and how long it is.
fn write_beside(path: &Path, salted: &Salted, log: &Log) -> io::Result<(File, u64)> {
    // A thread that writes one for a home that was let go of goes on with its own.
    let _ = fs::remove_file(beside(path));
    let mut file = BufWriter::with_capacity(PIECE, open_new(&beside(path))?);
    let header = salted.header(0);
    file.write_all(&header)?;
    let (mut length, mut bytes) = (count(header.len()), Vec::new());
    for record in log.records() {
        bytes.clear();
        salted.write(&record, &mut bytes);
        file.write_all(&bytes)?;
        length = length.saturating_add(count(bytes.len()));
    }
    let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.rewind()?;
    file.write_all(&salted.header(length))?;
    file.seek(SeekFrom::End(0))?;
    file.sync_all()?;
    Ok((file, length))
}

fn beside(path: &Path) -> PathBuf {
    path.with_extension("new")
}

/// Puts what is damaged into a file of its own.
fn put_aside(
    mut file: &File,
    folder: &Path,
    meeting: MeetingId,
    log: &Log,
    damages: &[Damage],
) -> Result<Option<Damaged>, Error> {
    if damages.is_empty() {
        return Ok(None);
    }
    let names = (1_u32..).map(|number| folder.join(format!("log.damaged-{number}")));
    let path = names.into_iter().find(|path| !path.exists()).unwrap_or_default();
    let copied = open_new(&path).and_then(|mut aside| {
        let mut bytes = 0_u64;
        for Damage { at, .. } in damages {
            file.seek(SeekFrom::Start(at.start))?;
            let part = file.take(at.end.saturating_sub(at.start));
            bytes = bytes.saturating_add(io::copy(&mut { part }, &mut aside)?);
        }
        aside.sync_all()?;
        Ok(bytes)
    });
    let bytes = copied.map_err(Error::file("write", &path))?;
    let lost = log.lost().map(|(_, from, to)| to.saturating_sub(from)).sum();
    let is_foreign = damages.iter().any(|damage| damage.why == Why::Foreign);
    Ok(Some(Damaged { meeting, path, bytes, lost, is_foreign }))
}

/// The records of a file, one after the other; never more of it in memory than one of them and one piece.
struct Records<'a> {
    file: io::Take<&'a File>,
    reader: Reader,
    damages: Vec<Damage>,
    error: Option<io::Error>,
    has_ended: bool,
    piece: Vec<u8>,
}

impl<'a> Records<'a> {
    /// Of the first `length` bytes.
    fn of(file: &'a File, length: u64) -> Self {
        let (reader, piece) = (Reader::default(), vec![0; PIECE]);
        Self { file: file.take(length), reader, damages: Vec::new(), error: None, has_ended: false, piece }
    }
}

impl Iterator for Records<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        loop {
            match self.reader.read() {
                Some(Ok(record)) => return Some(record),
                Some(Err(damage)) => self.damages.push(damage),
                None if self.has_ended => return None,
                None => match self.file.read(&mut self.piece) {
                    Ok(0) => {
                        self.has_ended = true;
                        self.reader.end();
                    }
                    Ok(length) => self.reader.take(self.piece.get(..length).unwrap_or_default()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        self.error = Some(error);
                        return None;
                    }
                },
            }
        }
    }
}

fn read_from(mut file: &File, from: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
    file.seek(SeekFrom::Start(from))?;
    file.read_to_end(bytes).map(drop)
}

/// Adds `bytes` to a file of this length: what follows a part of them could not be read.
fn add(file: &mut File, path: &Path, bytes: &[u8], length: u64) -> Result<(), Error> {
    file.write_all(bytes).map_err(|error| {
        // If this fails too, the next load leaves the part out.
        let _ = file.set_len(length);
        Error::file("write", path)(error)
    })
}

fn salt() -> Result<[u8; SALT], Error> {
    Ok(seed()?.first_chunk().copied().unwrap_or_default())
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn open_new(path: &Path) -> io::Result<File> {
    private(File::options().create(true).truncate(true).write(true)).open(path)
}

fn open_to_append(path: &Path) -> Result<File, Error> {
    private(File::options().append(true)).open(path).map_err(Error::file("open", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_still_writes_beside_a_log_for_a_home_that_was_let_go_of_spoils_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (path, salted) = (folder.path().join(LOG), Salted::new([1; SALT]));
        let log = Log::new(MeetingId([7; 16]), 1);
        let (mut late, _) = write_beside(&path, &salted, &log).unwrap();
        let (_, length) = write_beside(&path, &salted, &log).unwrap();
        late.write_all(b"what comes late").unwrap();
        assert_eq!(beside(&path).metadata().unwrap().len(), length);
    }
}
