//! `tertulia list`: what is on.

use std::process::ExitCode;

use tertulia_core::command::Directory;
use tertulia_core::event::Event;

use crate::directory;
use crate::fail::Fail;
use crate::globals::Globals;
use crate::screen::Screen;

/// How it is typed.
pub(crate) const EXAMPLE: &str = "  tertulia list rust";

/// Show what is on, the newest first
///
/// Each meeting has a number, for: tertulia join NUMBER. Meetings that are unlisted, or that nobody can reach, are not
/// shown.
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLE)]
pub(crate) struct Args {
    /// Words that are in the title, all of them
    query: Vec<String>,
}

/// Runs the verb.
///
/// # Errors
/// No registry answers.
pub(crate) fn run(args: &Args, globals: &Globals) -> Result<ExitCode, Fail> {
    let mut screen = Screen::open(globals.json, globals.verbose)?;
    let home = globals.look_into_home(&screen)?;
    let registries = globals.registries(&home)?;
    let words = args.query.join(" ");
    let found =
        directory::ask(Directory::List { words: words.clone() }, &registries, globals.trace.clone(), &mut screen)?;
    let mut listed = Vec::new();
    for event in &found {
        screen.event(event, None);
        if let Event::Listing { meeting, .. } = event {
            listed.push(*meeting);
        }
    }
    if let Err(error) = home.remember_listed(&listed) {
        screen.warning("home", &error.to_string());
    }
    let program = globals.program();
    screen.own(&match (listed.is_empty(), words.is_empty()) {
        (true, true) => format!("nothing is on; to begin something: {program} host TITLE"),
        (true, false) => format!("nothing like that is on; everything: {program} list"),
        (false, _) => format!("to join: {program} join NUMBER"),
    });
    screen.close()?;
    Ok(ExitCode::SUCCESS)
}
