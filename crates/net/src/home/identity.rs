//! The identity file: three lines of text. The key repeats what follows from the seed, so that damage shows.

use std::path::Path;

use tertulia_core::id::Key;
use tertulia_core::identity::{Identity, Secret};

use super::{read_if_there, replace, seed};
use crate::crypto::identity;
use crate::error::Error;

const TITLE: &str = "tertulia-identity 1";

/// The identity at `path`, if it is there.
pub(super) fn load(path: &Path) -> Result<Option<Identity>, Error> {
    let Some(bytes) = read_if_there(path)? else { return Ok(None) };
    parse(&bytes).map(Some).map_err(|found| Error::Identity { path: path.into(), found })
}

/// The identity at `path`, and whether it has been made just now.
pub(super) fn load_or_make(path: &Path) -> Result<(Identity, bool), Error> {
    if let Some(identity) = load(path)? {
        return Ok((identity, false));
    }
    let secret = seed()?;
    let identity = identity(Secret(secret));
    let text = format!("{TITLE}\nsecret {}\nkey {}\n", Key(secret), identity.key());
    replace(path, text.as_bytes())?;
    Ok((identity, true))
}

fn parse(bytes: &[u8]) -> Result<Identity, &'static str> {
    let text = str::from_utf8(bytes).map_err(|_| "it is not text")?;
    let mut lines = text.lines();
    if lines.next() != Some(TITLE) {
        return Err("its first line is not `tertulia-identity 1`");
    }
    let mut line = |word| lines.next()?.strip_prefix(word).and_then(Key::from_hex);
    let secret = line("secret ").ok_or("its second line is not `secret` and 64 hex digits")?;
    let key = line("key ").ok_or("its third line is not `key` and 64 hex digits")?;
    let identity = identity(Secret(secret.0));
    if identity.key() != key {
        return Err("its secret and its key do not belong together");
    }
    Ok(identity)
}
