//! `tertulia config`: the settings of a home, where each comes from, and how to change them.

use std::path::Path;
use std::process::{Command, ExitCode};

use tertulia_core::address::PORT;
use tertulia_core::limits;
use tertulia_net::{Config, Home, Setting, unix_ms};

use crate::calls::Calls;
use crate::escape;
use crate::fail::{Fail, quoted};
use crate::globals::{Globals, NAME_HINT, registries_of, unusable, valid};
use crate::json::Object;
use crate::screen::Screen;
use crate::venue;

/// How it is typed.
pub(crate) const EXAMPLE: &str = "  tertulia config set name anna";

/// Show or change your settings: your name, registries, where you listen
///
/// They stand in config.toml of your home. A flag beats the environment, and that beats the file.
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLE)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show what counts now, and where it comes from
    Show,
    /// Keep VALUE for SETTING; without one, the default counts again
    Set {
        /// What to change
        setting: Word,
        /// What it is to be
        value: Option<String>,
    },
    /// Open the file with $VISUAL or $EDITOR, and check what you have written
    Edit,
    /// Show where the file is
    Path,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Word {
    /// What you are called
    Name,
    /// Where to publish and to look meetings up: HOST:PORT, several with commas between, or none
    Registry,
    /// Where others reach you, ADDRESS:PORT
    Listen,
    /// Seconds after which a link to a friend on which nothing is said is closed
    Idle,
    /// What calls you while you look elsewhere: private, name, knock, end, with commas between, or none
    Bell,
}

impl Word {
    const fn setting(self) -> Setting {
        match self {
            Self::Name => Setting::Name,
            Self::Registry => Setting::Registry,
            Self::Listen => Setting::Listen,
            Self::Idle => Setting::Idle,
            Self::Bell => Setting::Bell,
        }
    }
}

/// Runs the verb.
///
/// # Errors
/// The settings can't be read or changed, or make no sense.
pub(crate) fn run(args: &Args, globals: &Globals) -> Result<ExitCode, Fail> {
    globals.check()?;
    let screen = Screen::open(globals.json, globals.verbose)?;
    let (home, program) = (globals.home_path()?, globals.program());
    let next = match &args.action {
        None | Some(Action::Show) => {
            let config = Home::config_at(&home).map_err(|error| wrong(&error, &program))?;
            for (word, value, origin) in all(&config, globals, &home)? {
                show(word, &value, origin, &screen);
            }
            format!("to change one: {program} config set name anna; to edit the file: {program} config edit")
        }
        Some(Action::Set { setting, value }) => {
            let setting = setting.setting();
            value.as_ref().map_or(Ok(()), |value| check(setting, value))?;
            Home::set(&home, setting, value.as_deref()).map_err(|error| wrong(&error, &program))?;
            format!("it counts for what you start from now on; to see all: {program} config")
        }
        Some(Action::Edit) => {
            let config = Home::edit(&home, |file| edit(file).map_err(Ended::Editor)).map_err(|ended| match ended {
                Ended::Editor(fail) => fail,
                Ended::File(error) => wrong(&error, &program),
            })?;
            let again = |fail: Fail| Fail::failed("home", fail.message, format!("{program} config edit"));
            check_all(&config).map_err(again)?;
            format!("it counts for what you start from now on; to see all: {program} config")
        }
        Some(Action::Path) => {
            let path = Home::config_path(&home).display().to_string();
            screen.line(&if screen.is_json() { shown("path", &path, None, true) } else { escape::line(&path) });
            format!("to edit it: {program} config edit")
        }
    };
    screen.own(&next);
    screen.close()?;
    Ok(ExitCode::SUCCESS)
}

/// Where a value comes from.
const FLAG: &str = "flag";
const ENVIRONMENT: &str = "environment";
const FILE: &str = "file";
const DEFAULT: &str = "default";

/// What counts now, and where each comes from.
fn all(config: &Config, globals: &Globals, home: &Path) -> Result<Vec<(&'static str, String, &'static str)>, Fail> {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let or_environment = |is_flag: bool, name: &str| match is_flag {
        true => Some(FLAG),
        false => set(name).then_some(ENVIRONMENT),
    };
    let in_file = |setting: Setting| if config.get(setting).is_some() { FILE } else { DEFAULT };
    let name = globals.called_in(None, config)?.name;
    let registries = globals.registries_in(config)?.shown().unwrap_or_else(|| "none".into());
    let registry = or_environment(globals.no_registry || !globals.registry.is_empty(), "TERTULIA_REGISTRY");
    let listen = config.listen.clone().unwrap_or_else(|| format!("[::]:{}", PORT));
    let idle = config.idle.unwrap_or(limits::CONTACT_IDLE.as_secs()).to_string();
    let bell = config.bell.clone().unwrap_or_else(Calls::all);
    let place = or_environment(globals.home.is_some(), "TERTULIA_HOME").unwrap_or(DEFAULT);
    Ok(vec![
        ("home", home.display().to_string(), place),
        ("name", name, if globals.name.is_some() { FLAG } else { in_file(Setting::Name) }),
        ("registry", registries, registry.unwrap_or_else(|| in_file(Setting::Registry))),
        ("listen", listen, in_file(Setting::Listen)),
        ("idle", idle, in_file(Setting::Idle)),
        ("bell", bell, in_file(Setting::Bell)),
    ])
}

fn show(word: &'static str, value: &str, origin: &'static str, screen: &Screen) {
    screen.line(&shown(word, value, Some(origin), screen.is_json()));
}

/// The object for scripts.
pub(crate) fn told(word: &str, value: &str, origin: Option<&str>, now_ms: u64) -> Object {
    Object::new("setting", now_ms).with("name", word).with("value", value).with("origin", origin)
}

/// A line of the answer.
fn shown(word: &str, value: &str, origin: Option<&str>, is_json: bool) -> String {
    if is_json {
        return told(word, value, origin, unix_ms()).finish();
    }
    let origin = match origin {
        Some(FLAG) => "  (as you have typed)",
        Some(ENVIRONMENT) => "  (from the environment)",
        Some(DEFAULT) => "  (the default)",
        _ => "",
    };
    format!("{word:<9} {}{origin}", escape::line(value))
}

/// Whether a setting may be this.
fn check(setting: Setting, value: &str) -> Result<(), Fail> {
    let origin = format!("`{}` in config.toml", setting.word());
    match setting {
        Setting::Name => valid(value, &origin, NAME_HINT).map(|_| ()),
        Setting::Registry => registries_of(value, &origin).map(|_| ()),
        Setting::Listen => {
            let again = format!("tertulia config set listen 0.0.0.0:{PORT}");
            let found = venue::listen_address(value, venue::everywhere(PORT), "");
            found.map(|_| ()).map_err(|fail| Fail::usage(fail.message, again))
        }
        Setting::Idle => match value.parse::<u32>() {
            Ok(1..) => Ok(()),
            _ => {
                let message = format!("{origin} is a number of seconds, from 1, and not {}", quoted(value));
                Err(Fail::usage(message, "tertulia config set idle 300"))
            }
        },
        Setting::Bell if Calls::read(value).is_some() => Ok(()),
        Setting::Bell => {
            let message = format!("{origin} is `none`, or some of {}, and not {}", Calls::all(), quoted(value));
            Err(Fail::usage(message, format!("tertulia config set bell {}", Calls::all())))
        }
    }
}

fn check_all(config: &Config) -> Result<(), Fail> {
    let mut settings = Setting::ALL.into_iter().filter_map(|setting| Some((setting, config.get(setting)?)));
    settings.try_for_each(|(setting, value)| check(setting, &value))
}

/// Why an edit has come to nothing.
enum Ended {
    Editor(Fail),
    File(tertulia_net::Error),
}

impl From<tertulia_net::Error> for Ended {
    fn from(error: tertulia_net::Error) -> Self {
        Self::File(error)
    }
}

/// Waits for the user's editor.
fn edit(file: &Path) -> Result<(), Fail> {
    let named = ["VISUAL", "EDITOR"].into_iter().filter_map(|name| std::env::var(name).ok());
    let editor = named.into_iter().find(|editor| !editor.trim().is_empty()).unwrap_or_else(|| "vi".into());
    // It may have arguments of its own.
    let mut words = editor.split_whitespace();
    let ran = Command::new(words.next().unwrap_or_default()).args(words).arg(file).status();
    let why = match ran {
        Ok(status) if status.success() => return Ok(()),
        Ok(status) => format!("ended with {status}"),
        Err(error) => format!("could not be started: {error}"),
    };
    let message = format!("the editor {} {why}", quoted(&editor));
    Err(Fail::failed("editor", message, "EDITOR=nano tertulia config edit"))
}

fn wrong(error: &tertulia_net::Error, program: &str) -> Fail {
    if matches!(error, tertulia_net::Error::Config { .. }) {
        return Fail::failed("home", error.to_string(), format!("{program} config edit"));
    }
    unusable(error)
}
