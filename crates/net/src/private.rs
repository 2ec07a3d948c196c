//! Files that others are not to read.

use std::fs::OpenOptions;

/// A file that is made is for its user alone, where the system has a word for it.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}
