//! What a user keeps: one folder with an identity, settings and meetings.

pub(crate) mod condition;
pub(crate) mod config;
mod contacts;
pub(crate) mod edited;
mod identity;
pub(crate) mod log;
pub(crate) mod meeting;
mod sealed;
mod text;

use std::fs::{self, File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};

use tertulia_core::contact::{Listed, Stored, pair_id};
use tertulia_core::id::{Key, MeetingId};
use tertulia_core::identity::{Identity, Secret};
use tertulia_core::machine::Kept;

use self::config::{Config, Setting};
use self::edited::Changed;
use self::log::{Damaged, Hold, Logs, StoredLog};
use self::meeting::{MeetingFiles, StoredMeeting};
use crate::clock::unix_ms;
use crate::crypto::{self, seed};
use crate::error::Error;
use crate::private::private;

/// Programs that may use one home at a time besides the one that holds it.
const GUESTS_MAX: u32 = 999;

/// One user's folder. One program holds it; whoever else opens it meanwhile is a guest, and nothing of it is kept.
#[derive(Clone, Debug)]
pub struct Home(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    identity: Identity,
    is_new: bool,
    guest_number: Option<u32>,
    config: Config,
    noticed: Vec<Noticed>,
    logs: Arc<Mutex<Logs>>,
    /// Held as long as this is.
    _lock: File,
}

/// What a home's user should know of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Noticed {
    /// A file that people write is not as it was.
    Changed(Changed),
    /// It was made by an earlier version: what that has kept of meetings, and of talk with friends, is in this
    /// folder now.
    Older(PathBuf),
    /// The file that says the version was damaged; it is in this file now.
    Version(PathBuf),
}

impl Home {
    /// Opens the folder at `path`; makes it, and an identity in it, on first use.
    ///
    /// # Errors
    /// The folder or a file in it cannot be used, or holds what it should not; or the home is of another version.
    pub fn open(path: &Path) -> Result<Self, Error> {
        make_folder(path)?;
        let config = Config::read(&path.join(CONFIG))?;
        let inner = if let Some(lock) = try_lock(&path.join(LOCK))? {
            let mut noticed: Vec<Noticed> = check_version(path)?.into_iter().collect();
            for name in [CONFIG, CONTACTS] {
                noticed.extend(edited::changed(&path.join(name))?.map(Noticed::Changed));
            }
            let (identity, is_new) = identity::load_or_make(&path.join("identity"))?;
            // For whoever comes next, to tell its user; a lock without a name is as good.
            let _ = lock.set_len(0).and_then(|()| writeln!(&lock, "{}", std::process::id()));
            let (guest_number, logs) = (None, Arc::default());
            Inner { path: path.into(), identity, is_new, guest_number, config, noticed, logs, _lock: lock }
        } else {
            let (number, lock) = guest_lock(path)?;
            let identity = crypto::identity(Secret(seed()?));
            let (noticed, guest_number, logs) = (Vec::new(), Some(number), Arc::default());
            Inner { path: path.into(), identity, is_new: false, guest_number, config, noticed, logs, _lock: lock }
        };
        Ok(Self(Arc::new(inner)))
    }

    /// Whose home `path` is, and its settings, whoever holds it; `None` if it has no identity yet.
    ///
    /// # Errors
    /// A file in it cannot be read, or holds what it should not.
    pub fn peek(path: &Path) -> Result<Option<(Identity, Config)>, Error> {
        let Some(identity) = identity::load(&path.join("identity"))? else { return Ok(None) };
        Ok(Some((identity, Config::read(&path.join(CONFIG))?)))
    }

    /// Where the settings of the home at `path` are.
    #[must_use]
    pub fn config_path(path: &Path) -> PathBuf {
        path.join(CONFIG)
    }

    /// The settings of the home at `path`, whoever holds it; every one is absent if there is none.
    ///
    /// # Errors
    /// The file cannot be read, or holds what it should not.
    pub fn config_at(path: &Path) -> Result<Config, Error> {
        Config::read(&path.join(CONFIG))
    }

    /// Puts a setting into the home at `path`, or takes it out; what its user has written around it stays. It counts
    /// for whatever starts from now on.
    ///
    /// # Errors
    /// The file cannot be read or written, or holds what it should not; or `to` is not of the setting's kind.
    pub fn set(path: &Path, setting: Setting, to: Option<&str>) -> Result<(), Error> {
        Config::set(&path.join(CONFIG), setting, to)
    }

    /// Lets `edit` change the settings of the home at `path`, in a file that is there.
    ///
    /// # Errors
    /// What `edit` has found; the file cannot be read or written, or holds what it should not.
    pub fn edit<E: From<Error>>(path: &Path, edit: impl FnOnce(&Path) -> Result<(), E>) -> Result<Config, E> {
        let file = path.join(CONFIG);
        Config::begin(&file)?;
        edit(&file)?;
        Config::accept(&file)?;
        Ok(Config::read(&file)?)
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// The home's identity; for a guest, one that nobody will have again.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.0.identity.clone()
    }

    /// Whether the identity has been made just now.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.0.is_new
    }

    /// Whether another program holds this home.
    #[must_use]
    pub fn is_guest(&self) -> bool {
        self.0.guest_number.is_some()
    }

    /// Which of this home's guests this program is, from 1.
    #[must_use]
    pub fn guest_number(&self) -> Option<u32> {
        self.0.guest_number
    }

    /// What of this home others than its owner can read, and its mode; nothing of what has been made just now, and
    /// nothing for a guest, who keeps nothing here.
    #[must_use]
    pub fn readable(&self) -> Vec<(PathBuf, u32)> {
        if self.is_guest() || self.is_new() {
            return Vec::new();
        }
        Self::readable_at(&self.0.path)
    }

    /// The same of the home at `path`, which this process need not hold.
    #[must_use]
    pub fn readable_at(path: &Path) -> Vec<(PathBuf, u32)> {
        [path, &path.join("identity")].into_iter().filter_map(readable).collect()
    }

    /// What its user should know of its files; nothing for a guest.
    #[must_use]
    pub fn noticed(&self) -> &[Noticed] {
        &self.0.noticed
    }

    /// The process that holds this home, if this one does not and that one has left its number.
    #[must_use]
    pub fn holder(&self) -> Option<u32> {
        let lock = fs::read_to_string(self.0.path.join(LOCK)).ok().filter(|_| self.is_guest())?;
        lock.trim().parse().ok()
    }

    /// The contacts, as their user or a program has written them.
    ///
    /// # Errors
    /// The file cannot be read, or holds what it should not.
    pub fn contacts(&self) -> Result<Vec<Listed>, Error> {
        contacts::read(&self.0.path.join(CONTACTS))
    }

    /// Puts `contacts` in the place of those that there are.
    ///
    /// # Errors
    /// [`Error::GuestHome`] for a guest; the file cannot be written.
    pub fn keep_contacts(&self, contacts: &[Listed]) -> Result<(), Error> {
        if self.is_guest() {
            return Err(Error::GuestHome { path: self.0.path.clone() });
        }
        contacts::write(&self.0.path.join(CONTACTS), contacts)
    }

    /// Texts that wait for a contact's key, as a machine has kept them.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn drafts(&self) -> Result<Option<Vec<u8>>, Error> {
        sealed::read(&self.0.path.join("drafts"))
    }

    /// Puts the texts that wait in the place of those that there were.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep_drafts(&self, drafts: &[u8]) -> Result<(), Error> {
        sealed::write(&self.0.path.join("drafts"), drafts)
    }

    /// What has been said to and by each friend, and what of it was damaged; nothing for a guest.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn pairs(&self) -> Result<(Vec<Stored>, Vec<Damaged>), Error> {
        let (mut pairs, mut damages) = (Vec::new(), Vec::new());
        for StoredMeeting { id, .. } in self.meetings()? {
            let files = self.meeting(id)?;
            let Some(peer) = self.peer(id, &files)? else { continue };
            let StoredLog { log, damaged } = files.load()?;
            damages.extend(damaged);
            pairs.push(Stored { peer, log });
        }
        Ok((pairs, damages))
    }

    /// Whose conversation it is, if it is one. Where that is damaged, the contacts may say it.
    fn peer(&self, id: MeetingId, files: &MeetingFiles) -> Result<Option<Key>, Error> {
        let damaged = match files.kept(Kept::Peer) {
            Err(error @ Error::Damaged { .. }) => error,
            peer => return Ok(peer?.and_then(|bytes| bytes.try_into().ok()).map(Key)),
        };
        let us = self.0.identity.key();
        let keys = self.contacts()?.into_iter().filter_map(|contact| contact.key);
        let peer = keys.into_iter().find(|key| pair_id(us, *key) == id).ok_or(damaged)?;
        files.keep(Kept::Peer, &peer.0)?;
        Ok(Some(peer))
    }

    /// The port at which friends reached this user the time before.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn port(&self) -> Result<Option<u16>, Error> {
        read_port(&self.0.path.join(PORT))
    }

    /// Keeps the port at which friends reach this user.
    ///
    /// # Errors
    /// [`Error::GuestHome`] for a guest; the file cannot be written.
    pub fn keep_port(&self, port: u16) -> Result<(), Error> {
        if self.is_guest() {
            return Err(Error::GuestHome { path: self.0.path.clone() });
        }
        sealed::write(&self.0.path.join(PORT), port.to_string().as_bytes())
    }

    /// For whoever does something beside the node, and only as long as the home is held.
    fn hold(&self) -> Held {
        Held(Arc::downgrade(&self.0))
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The files of one meeting; its folder is made once something is kept.
    ///
    /// # Errors
    /// [`Error::GuestHome`] for a guest.
    pub fn meeting(&self, id: MeetingId) -> Result<MeetingFiles, Error> {
        if self.is_guest() {
            return Err(Error::GuestHome { path: self.0.path.clone() });
        }
        Ok(MeetingFiles::new(self.clone(), id, self.0.path.join("meetings").join(id.to_hex())))
    }

    /// The meetings of which anything is kept, without their entries; none for a guest.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn meetings(&self) -> Result<Vec<StoredMeeting>, Error> {
        if self.is_guest() { Ok(Vec::new()) } else { Self::meetings_at(&self.0.path) }
    }

    /// The same of the home at `path`, whoever holds it.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn meetings_at(path: &Path) -> Result<Vec<StoredMeeting>, Error> {
        let folder = path.join("meetings");
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let mut meetings = Vec::new();
        for entry in fs::read_dir(&folder).map_err(Error::file("read", &folder))? {
            let entry = entry.map_err(Error::file("read", &folder))?;
            if let Some(id) = entry.file_name().to_str().and_then(MeetingId::from_hex) {
                meetings.push(meeting::summary(id, &entry.path())?);
            }
        }
        meetings.sort_by_key(|meeting| meeting.id);
        Ok(meetings)
    }

    /// Removes all that is kept of a meeting. What is half removed as a program ends is a meeting no more, and goes the
    /// next time.
    ///
    /// # Errors
    /// [`Error::GuestHome`] for a guest; a file cannot be removed.
    pub fn forget(&self, id: MeetingId) -> Result<(), Error> {
        let folder = self.meeting(id)?.path().to_owned();
        let gone = folder.with_extension(GONE);
        fs::rename(&folder, &gone).map_err(Error::file("remove", &folder))?;
        let meetings = self.0.path.join("meetings");
        for entry in fs::read_dir(&meetings).map_err(Error::file("read", &meetings))? {
            let path = entry.map_err(Error::file("read", &meetings))?.path();
            if path.extension().is_some_and(|ending| ending == GONE) {
                fs::remove_dir_all(&path).map_err(Error::file("remove", &path))?;
            }
        }
        sync_folder(&gone)
    }

    /// The start of a run: the wall clock, but above that of every run before it, wherever the clock stands (SPEC
    /// HELLO-7). A clock that was years ahead costs nothing: from there on runs are counted. A guest is in its first run.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn start_run(&self) -> Result<u64, Error> {
        if self.is_guest() {
            return Ok(unix_ms());
        }
        let path = self.0.path.join("started");
        let kept = sealed::read_text(&path)?.and_then(|text| text.parse::<u64>().ok());
        let started_ms = kept.map_or(0, |last| last.saturating_add(1)).max(unix_ms());
        sealed::write(&path, started_ms.to_string().as_bytes())?;
        Ok(started_ms)
    }

    /// Keeps what was listed last, so that its numbers mean something. A guest may: it is nobody's secret.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn remember_listed(&self, meetings: &[MeetingId]) -> Result<(), Error> {
        let lines: String = meetings.iter().flat_map(|id| [id.to_hex(), "\n".into()]).collect();
        sealed::write(&self.0.path.join("listed"), lines.as_bytes())
    }

    /// What was listed last, in its order.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn listed(&self) -> Result<Vec<MeetingId>, Error> {
        let listed = sealed::read_text(&self.0.path.join("listed"))?.unwrap_or_default();
        Ok(listed.lines().filter_map(MeetingId::from_hex).collect())
    }

    /// Keeps what the user typed to join, so that the same words resume.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn remember_target(&self, id: MeetingId, target: &str) -> Result<(), Error> {
        self.meeting(id)?.remember_target(target)
    }
}

/// A home that somebody may hold.
struct Held(Weak<Inner>);

impl Hold for Held {
    fn while_held(&self, act: impl FnOnce()) {
        if let Some(_home) = self.0.upgrade() {
            act();
        }
    }
}

/// How the folder of a meeting ends that is being removed.
const GONE: &str = "gone";

/// The file with the port at which others reach a meeting, or this user.
const PORT: &str = "port";

/// The port that `path` holds; what is none is as good as nothing.
fn read_port(path: &Path) -> Result<Option<u16>, Error> {
    let port = sealed::read_text(path)?.and_then(|text| text.parse().ok());
    Ok(port.filter(|port| *port != 0))
}

/// Finds out whether this program reads what is there; what is older is put into a folder of its own.
fn check_version(path: &Path) -> Result<Option<Noticed>, Error> {
    let file = path.join(VERSION_FILE);
    let found = sealed::version(&file)?;
    match found {
        Some(sealed::VERSION) => return Ok(None),
        Some(found) if found > sealed::VERSION => {
            return Err(Error::Version { path: path.into(), found, expected: sealed::VERSION });
        }
        Some(_) | None => {}
    }
    let noticed = if found.is_none() && file.exists() {
        Some(Noticed::Version(sealed::set_aside(&file, "damaged")?))
    } else {
        put_older_aside(path)?.map(Noticed::Older)
    };
    sealed::write(&file, b"")?;
    Ok(noticed)
}

/// What of an older home is read no more; identity, settings and contacts are as they were.
const OUTDATED: [&str; 5] = ["meetings", "drafts", "started", "port", "listed"];

fn put_older_aside(path: &Path) -> Result<Option<PathBuf>, Error> {
    let outdated: Vec<&str> = OUTDATED.into_iter().filter(|name| path.join(name).exists()).collect();
    if outdated.is_empty() {
        return Ok(None);
    }
    let names = (1_u32..).map(|number| path.join(format!("before-{number}")));
    let folder = names.into_iter().find(|name| !name.exists()).unwrap_or_default();
    make_folder(&folder)?;
    for name in outdated {
        fs::rename(path.join(name), folder.join(name)).map_err(Error::file("set aside", &path.join(name)))?;
    }
    Ok(Some(folder))
}

/// The file that whoever holds a home has locked, with its number.
const LOCK: &str = "lock";

/// The file that says which version a home is of.
const VERSION_FILE: &str = "version";

/// The settings' file.
const CONFIG: &str = "config.toml";

/// The contacts' file.
const CONTACTS: &str = "contacts.toml";

/// A file or folder that others than its owner can use, with its mode.
#[cfg(unix)]
fn readable(path: &Path) -> Option<(PathBuf, u32)> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).ok()?.permissions()) & 0o7777;
    (mode & 0o077 != 0).then(|| (path.into(), mode))
}

/// Who may read a file is not known here.
#[cfg(not(unix))]
fn readable(_: &Path) -> Option<(PathBuf, u32)> {
    None
}

fn make_folder(path: &Path) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(Error::file("make the folder", path))
}

fn try_lock(path: &Path) -> Result<Option<File>, Error> {
    let file = File::options().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(Error::file("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(Error::file("lock", path)(error)),
    }
}

fn guest_lock(path: &Path) -> Result<(u32, File), Error> {
    let folder = path.join("guests");
    make_folder(&folder)?;
    for number in 1..=GUESTS_MAX {
        if let Some(lock) = try_lock(&folder.join(number.to_string()))? {
            return Ok((number, lock));
        }
    }
    Err(Error::Guests { path: path.into(), limit: GUESTS_MAX })
}

/// Puts `bytes` in the place of what `path` holds: whoever reads it finds the old or the new, also after a crash.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let temporary = path.with_extension("new");
    let options = &mut File::options();
    let written = private(options.create(true).truncate(true).write(true)).open(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(Error::file("write", &temporary))?;
    fs::rename(&temporary, path).map_err(Error::file("write", path))?;
    sync_folder(path)
}

/// A name is in its folder for good only once the folder is written too.
#[cfg(unix)]
fn sync_folder(path: &Path) -> Result<(), Error> {
    let Some(folder) = path.parent() else { return Ok(()) };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::file("write", folder))
}

/// A folder can't be opened as a file is, and nobody but the system writes it.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as on unix")]
const fn sync_folder(_: &Path) -> Result<(), Error> {
    Ok(())
}

/// What `path` holds, if it is there.
fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::file("read", path)(error)),
    }
}
