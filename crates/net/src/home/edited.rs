//! Files that people write, and what they were the last time: a change that nobody made shows.

use std::path::{Path, PathBuf};

use super::{read_if_there, replace, sealed};
use crate::error::Error;

/// A file that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The file.
    pub path: PathBuf,
    /// The first line that differs, from 1.
    pub line: usize,
    /// What stands there now, if anything does.
    pub now: Option<String>,
    /// What stood there before, if anything did.
    pub before: Option<String>,
    /// Where the text before is.
    pub kept: PathBuf,
}

/// What has changed in the file at `path` since the last time; nothing, the first time.
///
/// # Errors
/// A file can't be read or written.
pub(super) fn changed(path: &Path) -> Result<Option<Changed>, Error> {
    let now = read_if_there(path)?.unwrap_or_default();
    let known = match sealed::read(&copy(path)) {
        Err(Error::Damaged { .. }) => None,
        known => known?,
    };
    if known.as_ref() == Some(&now) {
        return Ok(None);
    }
    let Some(known) = known else {
        // There is nothing to compare with.
        if !now.is_empty() {
            remember(path, &now)?;
        }
        return Ok(None);
    };
    let kept = path.with_extension("toml.before");
    replace(&kept, &known)?;
    remember(path, &now)?;
    let (is, was) = (String::from_utf8_lossy(&now), String::from_utf8_lossy(&known));
    let (mut is, mut was) = (is.lines(), was.lines());
    let mut line = 1_usize;
    let (now, before) = loop {
        let (now, before) = (is.next(), was.next());
        if now != before || now.is_none() {
            break (now.map(Into::into), before.map(Into::into));
        }
        line = line.saturating_add(1);
    };
    Ok(Some(Changed { path: path.into(), line, now, before, kept }))
}

/// This is what is to be found there the next time.
///
/// # Errors
/// It can't be written.
pub(super) fn remember(path: &Path, text: &[u8]) -> Result<(), Error> {
    sealed::write(&copy(path), text)
}

fn copy(path: &Path) -> PathBuf {
    path.with_extension("toml.last")
}
