//! `tertulia contacts`: whom you talk with outside of meetings.

use std::process::ExitCode;

use tertulia_core::command::Command;

use crate::befriend;
use crate::fail::{Fail, quoted};
use crate::globals::{Globals, tell_noticed, warn_of_readers};
use crate::screen::Screen;

/// How it is typed.
pub(crate) const EXAMPLE: &str = "  tertulia contacts add bea 192.0.2.7:7473";

/// List, add, remove or block contacts
///
/// They stand in contacts.toml of your home, which you may edit while no tertulia runs there; your comments stay. A
/// contact's key is met the first time that it answers, and kept; from then on nobody else is taken for it.
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLE)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show all contacts, and what to compare with each to know that nobody stands between you
    List,
    /// Add NAME at ADDRESS, or give NAME another address
    Add {
        /// What you call them
        #[arg(value_name = "NAME")]
        who: String,
        /// Where they listen, HOST:PORT
        address: String,
    },
    /// Remove NAME; what was said stays in your home. Who came by themselves is kept away until you add them
    Remove {
        /// What you call them
        #[arg(value_name = "NAME")]
        who: String,
    },
    /// Keep NAME away, until you unblock them
    Block {
        /// What you call them
        #[arg(value_name = "NAME")]
        who: String,
    },
    /// Let NAME in again
    Unblock {
        /// What you call them
        #[arg(value_name = "NAME")]
        who: String,
    },
}

/// Runs the verb.
///
/// # Errors
/// The contacts can't be read or changed.
pub(crate) fn run(args: &Args, globals: &Globals) -> Result<ExitCode, Fail> {
    let mut screen = Screen::open(globals.json, globals.verbose)?;
    let program = globals.program();
    let (home, command, next) = match &args.action {
        None | Some(Action::List) => {
            globals.check()?;
            let home = globals.open_quietly()?;
            home.readable().iter().for_each(|found| warn_of_readers(found, &screen));
            tell_noticed(&home, &screen);
            (home, Command::Contacts, format!("to write to one: {program} send NAME TEXT, or: {program} friends"))
        }
        Some(Action::Add { who, address }) => {
            let home = befriend::own_home(globals, &screen, &format!("there, type: /add {who} {address}"))?;
            let command = Command::Add { name: who.clone(), address: address.clone() };
            (home, command, format!("to write: {program} send {} TEXT, or: {program} friends", quoted(who)))
        }
        Some(Action::Remove { who }) => {
            let home = befriend::own_home(globals, &screen, &format!("there, type: /remove {who}"))?;
            (home, Command::Remove { name: who.clone() }, format!("to see who is left: {program} contacts"))
        }
        Some(Action::Block { who }) => {
            let home = befriend::own_home(globals, &screen, &format!("there, type: /block {who}"))?;
            let next = format!("to let them in again: {program} contacts unblock {}", quoted(who));
            (home, Command::Block { name: who.clone() }, next)
        }
        Some(Action::Unblock { who }) => {
            let home = befriend::own_home(globals, &screen, &format!("there, type: /unblock {who}"))?;
            let next = format!("to write: {program} send {} TEXT, or: {program} friends", quoted(who));
            (home, Command::Unblock { name: who.clone() }, next)
        }
    };
    for event in befriend::change(&home, globals, &screen, command)? {
        screen.event(&event, None);
    }
    screen.own(&next);
    screen.close()?;
    Ok(ExitCode::SUCCESS)
}
