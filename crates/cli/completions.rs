//! `tertulia completions`: what a shell needs to complete the rest.

use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};

use crate::fail::Fail;
use crate::globals::Globals;
use crate::screen::Screen;

/// How it is typed.
pub(crate) const EXAMPLE: &str = "  tertulia completions bash > ~/.local/share/bash-completion/completions/tertulia";

/// Print the script with which a shell completes verbs and options
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLE)]
pub(crate) struct Args {
    /// Whose script
    shell: Shell,
}

/// Runs the verb.
///
/// # Errors
/// Nobody reads the script.
pub(crate) fn run(args: &Args, globals: &Globals) -> Result<ExitCode, Fail> {
    let mut script = Vec::new();
    generate(args.shell, &mut crate::Cli::command(), "tertulia", &mut script);
    let screen = Screen::open(globals.json, globals.verbose)?;
    screen.line(String::from_utf8_lossy(&script).trim_end());
    screen.close()?;
    Ok(ExitCode::SUCCESS)
}
