//! `tertulia id`: who you are.

use std::process::ExitCode;

use tertulia_net::unix_ms;

use crate::escape;
use crate::fail::Fail;
use crate::globals::Globals;
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
    screen.own("to hold a lecture: tertulia host TITLE --lecture; to attend one: tertulia join TARGET");
    screen.close()?;
    Ok(ExitCode::SUCCESS)
}

/// Shows key, name and path.
///
/// # Errors
/// The home can't be used.
pub(crate) fn show(screen: &Screen, globals: &Globals) -> Result<(), Fail> {
    globals.check()?;
    let home = globals.open_home(screen)?;
    let (key, name) = (home.identity().key().to_hex(), globals.called(&home)?.name);
    let path = home.path().join("identity").display().to_string();
    if screen.is_json() {
        let object = Object::new("id", unix_ms()).with("key", key).with("name", name).with("path", path);
        screen.line(&object.finish());
    } else {
        screen.line(&format!("key   {key}"));
        screen.line(&format!("name  {}", escape::line(&name)));
        screen.line(&format!("path  {}", escape::line(&path)));
    }
    Ok(())
}
