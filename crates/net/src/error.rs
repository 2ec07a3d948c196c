//! What can go wrong on this side of the protocol. Each message says what was expected, what was found, what to do next.

use std::io;
use std::path::{Path, PathBuf};

/// A failure of this machine, its files or its settings; never of a peer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be used.
    #[error("cannot {action} {}: {source}; {}", path.display(), advice(source))]
    File {
        /// What was to be done with it.
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The identity file is there, and is none.
    #[error(
        "{} should hold an identity in three lines, but {found}; it has been left as it is: \
         put back a copy of it, or move it away to begin with a new identity",
        path.display()
    )]
    Identity {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        found: &'static str,
    },
    /// A file that only this program writes is not as it has written it.
    #[error(
        "{} is damaged: it should be as tertulia has written it, but {found}; it has been left as it is: \
         put back a copy of it, or move it away to go on without it",
        path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        found: &'static str,
    },
    /// The home belongs to another version of this program.
    #[error(
        "{} is a home of version {found}, but this tertulia reads version {expected}; \
         use the tertulia that has made it, or choose another home with --home",
        path.display()
    )]
    Version {
        /// The home.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version that this program reads.
        expected: u32,
    },
    /// The settings are not what they should be.
    #[error("{} should hold the settings name, registry, listen, idle and bell, all optional, but: {found}; correct it and start again", path.display())]
    Config {
        /// Which file.
        path: PathBuf,
        /// What the parser says.
        found: String,
    },
    /// The list of contacts is not what it should be.
    #[error(
        "{} should hold contacts, each as [[contact]] with a name, and an address HOST:PORT or a key or both, but: {found}; \
         it has been left as it is: correct it and start again",
        path.display()
    )]
    Contacts {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        found: String,
    },
    /// Too many guests of one home.
    #[error("{} is in use by {limit} programs already; end one of them, or choose another home with --home", path.display())]
    Guests {
        /// The home.
        path: PathBuf,
        /// How many there may be.
        limit: u32,
    },
    /// A guest identity asked for what only the identity's owner keeps.
    #[error("{} belongs to another running program, and a guest keeps nothing in it; end that program, or choose another home with --home", path.display())]
    GuestHome {
        /// The home.
        path: PathBuf,
    },
    /// The system gives no randomness.
    #[error("expected 32 random bytes from the system, but: {0}; nothing is safe without them")]
    Random(getrandom::Error),
    /// The listening socket cannot be used.
    #[error("cannot accept connections: {0}; choose another address with --listen")]
    Listen(io::Error),
    /// [`crate::start`] was called where no task can run.
    #[error("expected to be called inside a tokio runtime with time and I/O, but found none; call it from a task")]
    NoRuntime,
    /// The node's own task has ended by a fault of this program.
    #[error("the node ended by a fault of this program: {0}; please report it")]
    Fault(String),
}

impl Error {
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { action, path, source }
    }
}

fn advice(source: &io::Error) -> &'static str {
    if source.kind() == io::ErrorKind::StorageFull {
        return "make room on that disk and start again";
    }
    if source.kind() == io::ErrorKind::QuotaExceeded || source.kind() == io::ErrorKind::FileTooLarge {
        return "the system allows no larger file; raise the limit and start again";
    }
    if source.kind() == io::ErrorKind::AlreadyExists {
        return "it is there already and is left as it is: choose another name, or move it away";
    }
    if source.kind() == io::ErrorKind::PermissionDenied || source.kind() == io::ErrorKind::ReadOnlyFilesystem {
        return "make it writable for this user, or choose another home with --home";
    }
    "look at that path, or choose another home with --home"
}
