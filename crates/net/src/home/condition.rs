//! How a home is, for whoever only looks: nothing in it is made, changed or waited for, whoever holds it.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::config::Config;
use super::{CONFIG, CONTACTS, LOCK, OUTDATED, PORT, VERSION_FILE, contacts, identity, log, sealed};
use crate::error::Error;
use crate::home::Home;

/// A home as it was found.
#[derive(Debug)]
pub struct Condition {
    /// Whether there is a folder at all.
    pub is_there: bool,
    /// Which version has written it.
    pub version: Version,
    /// Whether a program holds it, and its number, if it has left one.
    pub holder: Option<Option<u32>>,
    /// Why programs can't use it, or a file in it.
    pub wrong: Vec<Error>,
    /// Files of meetings that are damaged and done without.
    pub damaged: Vec<PathBuf>,
    /// Logs that were not looked through in the time that there was.
    pub unread: usize,
    /// What others than its owner can read, and its mode.
    pub readable: Vec<(PathBuf, u32)>,
    /// When the last run started, as its clock had it.
    pub started_ms: Option<u64>,
}

/// Which version has written a home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// This one, or none that would matter.
    This,
    /// An earlier one: what it has kept of meetings is set aside by whoever opens the home.
    Earlier,
    /// A later one, which this program does not read.
    Later,
    /// What says so is damaged, and is written anew by whoever opens the home.
    Damaged,
}

impl Condition {
    /// Looks at the home at `path`; at its logs until `deadline`.
    #[must_use]
    pub fn of(path: &Path, deadline: Instant) -> Self {
        let mut wrong = Vec::new();
        let is_there = path.exists();
        wrong.extend(unusable(path).err());
        let holder = or(holder(path), &mut wrong);
        let version = or(version(path), &mut wrong).unwrap_or(Version::This);
        or(Config::read(&path.join(CONFIG)), &mut wrong);
        or(contacts::read(&path.join(CONTACTS)), &mut wrong);
        or(identity::load(&path.join("identity")), &mut wrong);
        let (mut started_ms, mut damaged, mut unread) = (None, Vec::new(), 0_usize);
        // What another version has written is not judged by this one's rules.
        if version == Version::This {
            let started = or(sealed::read_text(&path.join("started")), &mut wrong).flatten();
            started_ms = started.and_then(|started| started.parse().ok());
            for name in ["drafts", "listed", PORT] {
                or(sealed::read(&path.join(name)), &mut wrong);
            }
            let meetings = or(Home::meetings_at(path), &mut wrong).unwrap_or_default();
            for stored in &meetings {
                let folder = path.join("meetings").join(stored.id.to_hex());
                damaged.extend(stored.damaged.iter().cloned());
                match or(log::is_whole(&folder, deadline), &mut wrong) {
                    Some(Some(false)) => damaged.push(log::path(&folder)),
                    Some(None) => unread = unread.saturating_add(1),
                    Some(Some(true)) | None => {}
                }
            }
        }
        let readable = Home::readable_at(path);
        Self { is_there, version, holder: holder.flatten(), wrong, damaged, unread, readable, started_ms }
    }
}

/// What was found; what is wrong is added to the rest.
fn or<T>(found: Result<T, Error>, wrong: &mut Vec<Error>) -> Option<T> {
    found.map_err(|error| wrong.push(error)).ok()
}

/// Whether a program holds the home. Whoever opens it in the very moment in which this looks may be a guest of it.
fn holder(path: &Path) -> Result<Option<Option<u32>>, Error> {
    let path = path.join(LOCK);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::file("open", &path)(error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => {
            Ok(Some(fs::read_to_string(&path).ok().and_then(|number| number.trim().parse().ok())))
        }
        Err(TryLockError::Error(error)) => Err(Error::file("lock", &path)(error)),
    }
}

fn version(path: &Path) -> Result<Version, Error> {
    let file = path.join(VERSION_FILE);
    Ok(match sealed::version(&file)? {
        Some(found) if found > sealed::VERSION => Version::Later,
        Some(sealed::VERSION) => Version::This,
        Some(_) => Version::Earlier,
        None if file.exists() => Version::Damaged,
        None if OUTDATED.iter().any(|name| path.join(name).exists()) => Version::Earlier,
        None => Version::This,
    })
}

/// Whether this user can write in the folder at `path`, or make it; and into its lock.
#[cfg(unix)]
fn unusable(path: &Path) -> Result<(), Error> {
    use rustix::fs::{Access, access};

    let folder = path.ancestors().find(|folder| folder.as_os_str().is_empty() || folder.exists());
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    if !folder.is_dir() {
        return Err(Error::file("use the folder", folder)(ErrorKind::NotADirectory.into()));
    }
    let denied = access(folder, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK);
    denied.map_err(|error| Error::file("write into", folder)(error.into()))?;
    let lock = path.join(LOCK);
    let denied = if lock.exists() { access(&lock, Access::WRITE_OK) } else { Ok(()) };
    denied.map_err(|error| Error::file("open", &lock)(error.into()))
}

/// What may be written is known here only to whoever writes.
#[cfg(not(unix))]
fn unusable(_: &Path) -> Result<(), Error> {
    Ok(())
}
