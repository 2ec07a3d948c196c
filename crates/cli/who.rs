//! `tertulia who`: who has registered.

use std::process::ExitCode;

use tertulia_core::command::Directory;

use crate::directory;
use crate::fail::Fail;
use crate::globals::Globals;
use crate::screen::Screen;

/// How it is typed.
pub(crate) const EXAMPLE: &str = "  tertulia who";

/// Show who has registered: name, address, since when
///
/// Only who has typed /register is here, and only for as long as their program runs.
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLE)]
pub(crate) struct Args {}

/// Runs the verb.
///
/// # Errors
/// No registry answers.
pub(crate) fn run(globals: &Globals) -> Result<ExitCode, Fail> {
    let mut screen = Screen::open(globals.json, globals.verbose)?;
    let registries = globals.registries(&globals.look_into_home(&screen)?)?;
    let found = directory::ask(Directory::Who, &registries, globals.trace.clone(), &mut screen)?;
    found.iter().for_each(|event| screen.event(event, None));
    let program = globals.program();
    screen.own(&match found.len() {
        0 => format!("nobody has registered; to be here, type /register in: {program} friends"),
        count => format!("{count} registered; what is on: {program} list"),
    });
    screen.close()?;
    Ok(ExitCode::SUCCESS)
}
