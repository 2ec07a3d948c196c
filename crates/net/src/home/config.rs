//! The settings of a home.

use std::path::Path;

use serde::Deserialize;
use toml_edit::{DocumentMut, Item, value};

use super::{edited, make_folder, read_if_there, replace, text};
use crate::error::Error;

/// A line of `config.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The user's name in meetings.
    Name,
    /// The registries.
    Registry,
    /// Where to listen.
    Listen,
    /// How long a link to a friend stays on which nothing is said.
    Idle,
    /// What calls the user.
    Bell,
}

impl Setting {
    /// All that there are.
    pub const ALL: [Self; 5] = [Self::Name, Self::Registry, Self::Listen, Self::Idle, Self::Bell];

    /// What stands in the file.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Registry => "registry",
            Self::Listen => "listen",
            Self::Idle => "idle",
            Self::Bell => "bell",
        }
    }
}

/// What a file says that nobody has written yet.
const HEAD: &str = "\
# name = \"anna\"                  what you are called
# registry = \"192.0.2.7:7472\"    where to publish and to look meetings up; several with commas between, or \"none\"
# listen = \"[::]:7473\"           where others reach you
# idle = 300                       seconds after which a link to a friend on which nothing is said is closed
# bell = \"private,name,knock,end\" what calls you while you look elsewhere; or \"none\"
";

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
    /// What calls the user: words with commas between.
    pub bell: Option<String>,
}

impl Config {
    /// What it says of one setting.
    #[must_use]
    pub fn get(&self, setting: Setting) -> Option<String> {
        match setting {
            Setting::Name => self.name.clone(),
            Setting::Registry => self.registry.clone(),
            Setting::Listen => self.listen.clone(),
            Setting::Idle => self.idle.map(|seconds| seconds.to_string()),
            Setting::Bell => self.bell.clone(),
        }
    }

    /// Puts `to` into the file at `path`, or takes the setting out of it; all else stays as its user has written it.
    pub(super) fn set(path: &Path, setting: Setting, to: Option<&str>) -> Result<(), Error> {
        Self::read(path)?;
        let before = read_if_there(path)?;
        let error = |found: String| Error::Config { path: path.into(), found };
        let before = before.as_deref().map_or(Ok(""), text::text).map_err(error)?;
        let broken = |toml: toml_edit::TomlError| error(text::found(before, toml.span(), toml.message()));
        let mut document: DocumentMut = before.parse().map_err(broken)?;
        match (to, setting) {
            (None, _) => drop(document.remove(setting.word())),
            (Some(to), Setting::Idle) => {
                let seconds = to.parse::<u32>().map_err(|_| error(format!("`{to}` is no number of seconds")))?;
                put(&mut document, setting, value(i64::from(seconds)));
            }
            (Some(to), Setting::Name | Setting::Registry | Setting::Listen | Setting::Bell) => {
                put(&mut document, setting, value(to));
            }
        }
        path.parent().map_or(Ok(()), make_folder)?;
        replace(path, document.to_string().as_bytes())?;
        Self::accept(path)
    }

    /// What its user has just written there is what is to be found the next time.
    pub(super) fn accept(path: &Path) -> Result<(), Error> {
        Self::read(path)?;
        edited::remember(path, &read_if_there(path)?.unwrap_or_default())
    }

    /// Has a file to edit, if there is none.
    pub(super) fn begin(path: &Path) -> Result<(), Error> {
        if path.exists() {
            return Ok(());
        }
        path.parent().map_or(Ok(()), make_folder)?;
        replace(path, HEAD.as_bytes())
    }

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

/// Keeps what stands around it: a comment before it or behind it, too.
fn put(document: &mut DocumentMut, setting: Setting, mut to: Item) {
    let Some(old) = document.get_mut(setting.word()) else {
        document.insert(setting.word(), to);
        return;
    };
    if let (Some(old), Some(new)) = (old.as_value(), to.as_value_mut()) {
        *new.decor_mut() = old.decor().clone();
    }
    *old = to;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_changed_alone_and_what_its_user_wrote_stays() {
        let folder = std::env::temp_dir().join(format!("tertulia-config-{}", std::process::id()));
        let path = folder.join("home").join("config.toml");
        let read = || (std::fs::read_to_string(&path).unwrap(), Config::read(&path).unwrap());
        Config::set(&path, Setting::Name, Some("anna \"A\" é")).unwrap();
        assert_eq!(read().1.name.as_deref(), Some("anna \"A\" é"));
        std::fs::write(&path, HEAD).unwrap();
        Config::set(&path, Setting::Idle, Some("7")).unwrap();
        assert!(read().0.ends_with(HEAD) && read().1.idle == Some(7), "{}", read().0);
        std::fs::write(&path, "# mine\nidle = 5 # short\n\nname = 'bea'\n").unwrap();
        Config::set(&path, Setting::Idle, Some("60")).unwrap();
        Config::set(&path, Setting::Name, None).unwrap();
        assert_eq!(read().0, "# mine\nidle = 60 # short\n");
        assert_eq!(edited::changed(&path).unwrap(), None, "nobody is told of what was done here");
        for (setting, to) in [(Setting::Idle, "-1"), (Setting::Idle, "soon")] {
            let before = read().0;
            assert!(Config::set(&path, setting, Some(to)).is_err(), "{to}");
            assert_eq!(read().0, before);
        }
        std::fs::write(&path, "name = anna\n").unwrap();
        assert!(Config::set(&path, Setting::Idle, Some("60")).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "name = anna\n");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
