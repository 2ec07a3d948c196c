//! The settings of a home.

use std::path::Path;

use serde::Deserialize;

use super::{read_if_there, text};
use crate::error::Error;

/// What `config.toml` may say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The user's name in meetings.
    pub name: Option<String>,
    /// `HOST:PORT` of the registry.
    pub registry: Option<String>,
    /// `HOST:PORT` to listen on.
    pub listen: Option<String>,
    /// Seconds after which a link to a friend on which nothing is said is closed.
    pub idle: Option<u64>,
}

impl Config {
    /// Reads `path`; every setting is absent if the file is.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let Some(bytes) = read_if_there(path)? else {
            return Ok(Self::default());
        };
        let error = |found: String| Error::Config { path: path.into(), found };
        let text = text::text(&bytes).map_err(error)?;
        toml::from_str(text).map_err(|toml| error(text::found(text, toml.span(), toml.message())))
    }
}
