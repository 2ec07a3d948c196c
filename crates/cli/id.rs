//! `tertulia id`: who you are.

use std::process::ExitCode;

use tertulia_net::{Home, unix_ms};

use crate::escape;
use crate::fail::Fail;
use crate::globals::{Globals, unusable, warn_of_readers};
use crate::json::Object;
use crate::screen::Screen;

/// How it is typed.
pub(crate) const EXAMPLE: &str = "  tertulia id";

/// Show who you are: key, name, and where they are kept
///
/// The key is made on first use. Keep a copy of the file: whoever has it is you.
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLE)]
pub(crate) struct Args {}

/// Runs the verb.
///
/// # Errors
/// The home can't be used.
pub(crate) fn run(globals: &Globals) -> Result<ExitCode, Fail> {
    let screen = Screen::open(globals.json, globals.verbose)?;
    show(&screen, globals)?;
    let program = globals.program();
    screen.own(&format!("to open a room: {program} host TITLE; to join a meeting: {program} join TARGET"));
    screen.close()?;
    Ok(ExitCode::SUCCESS)
}

/// Shows key, name and path.
///
/// # Errors
/// The home can't be used.
pub(crate) fn show(screen: &Screen, globals: &Globals) -> Result<(), Fail> {
    globals.check()?;
    let path = globals.home_path()?;
    // The home's own, whoever holds it just now; first use makes one.
    let (key, called) = match Home::peek(&path).map_err(|error| unusable(&error))? {
        Some((identity, config)) => {
            Home::readable_at(&path).iter().for_each(|found| warn_of_readers(found, screen));
            (identity.key(), globals.called_in(None, &config)?)
        }
        None => {
            let home = globals.open_quietly()?;
            screen.own("your new identity:");
            (home.identity().key(), globals.called(&home)?)
        }
    };
    let (key, name, path) = (key.to_hex(), called.name, path.join("identity").display().to_string());
    if screen.is_json() {
        screen.line(&told(unix_ms(), key, name, path).finish());
    } else {
        screen.line(&format!("key   {key}"));
        screen.line(&format!("name  {}", escape::line(&name)));
        screen.line(&format!("path  {}", escape::line(&path)));
    }
    Ok(())
}

pub(crate) fn told(now_ms: u64, key: String, name: String, path: String) -> Object {
    Object::new("id", now_ms).with("key", key).with("name", name).with("path", path)
}
