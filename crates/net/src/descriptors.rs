//! Open files. Each connection is one, and so is each file that a node keeps something in: whoever comes by the network
//! must not take the last.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Kept for what this process opens itself: nobody is accepted beyond. Of a small limit, a quarter.
pub(crate) const RESERVED: u64 = 96;
/// Of these, kept for files: nobody is dialled beyond.
pub(crate) const RESERVED_FOR_FILES: u64 = 64;
/// Connections of this process, whatever node they belong to.
static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);

/// Raises the limit of open files as far as the system lets this process. Nobody has to know `ulimit -n`.
pub fn raise_open_files() {
    system::raise();
}

/// How many files may be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenFiles {
    /// As the system says.
    pub limit: u64,
    /// So many connections of others are accepted.
    pub accepted: u64,
}

impl OpenFiles {
    /// Of this process; nothing, if there is no limit.
    #[must_use]
    pub fn now() -> Option<Self> {
        let limit = system::limit()?;
        Some(Self { limit, accepted: connections_max(limit, RESERVED) })
    }
}

/// Goes with a connection, for as long as that has its descriptor.
#[derive(Debug)]
pub(crate) struct Counted(());

impl Counted {
    pub(crate) fn new() -> Self {
        CONNECTIONS.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        CONNECTIONS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many connections there are, handshakes and dials included.
pub(crate) fn connections() -> usize {
    CONNECTIONS.load(Ordering::Relaxed)
}

/// Whether connections have taken all but `reserved` descriptors.
pub(crate) fn are_scarce(reserved: u64) -> bool {
    let count = u64::try_from(connections()).unwrap_or(u64::MAX);
    system::limit().is_some_and(|limit| count > connections_max(limit, reserved))
}

const fn connections_max(limit: u64, reserved: u64) -> u64 {
    let quarter = limit.div_euclid(4).saturating_mul(reserved).div_euclid(RESERVED);
    limit.saturating_sub(if reserved < quarter { reserved } else { quarter })
}

/// What a dial is told that would take what is kept for files.
pub(crate) fn scarce() -> io::Error {
    rustix::io::Errno::MFILE.into()
}

#[cfg(unix)]
mod system {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    /// What systems that name no highest limit allow all the same.
    const MODEST: u64 = 10_240;

    pub(super) fn raise() {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        for wanted in [maximum, maximum.map_or(Some(MODEST), |maximum| Some(maximum.min(MODEST)))] {
            let is_more = current.is_some_and(|current| wanted.is_none_or(|wanted| wanted > current));
            if !is_more || setrlimit(Resource::Nofile, Rlimit { current: wanted, maximum }).is_ok() {
                return;
            }
        }
    }

    pub(super) fn limit() -> Option<u64> {
        getrlimit(Resource::Nofile).current
    }
}

/// Sockets are bounded by memory alone.
#[cfg(not(unix))]
mod system {
    pub(super) const fn raise() {}

    pub(super) const fn limit() -> Option<u64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_are_left_for_dials_and_most_of_these_for_files() {
        for (limit, accepted, dialled) in [(1_048_576, 1_048_480, 1_048_512), (256, 192, 214), (64, 48, 54)] {
            let most = [RESERVED, RESERVED_FOR_FILES].map(|reserved| connections_max(limit, reserved));
            assert_eq!(most, [accepted, dialled], "of {limit}");
        }
    }
}
