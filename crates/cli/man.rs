//! `tertulia man`: the help as manual pages.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::CommandFactory as _;

use crate::escape;
use crate::fail::{Fail, quoted};
use crate::globals::Globals;
use crate::screen::Screen;

/// How it is typed.
pub(crate) const EXAMPLE: &str = "  tertulia man ~/.local/share/man/man1";

/// Write a manual page for each verb into a folder
///
/// The folder is made if it is missing; pages of these names that are in it are replaced.
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLE)]
pub(crate) struct Args {
    /// Into which folder
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// Runs the verb.
///
/// # Errors
/// The folder can't be written.
pub(crate) fn run(args: &Args, globals: &Globals) -> Result<ExitCode, Fail> {
    let shown = args.directory.display().to_string();
    // `help` has the same words as the pages themselves.
    let cli = crate::Cli::command().disable_help_subcommand(true);
    std::fs::create_dir_all(&args.directory).and_then(|()| clap_mangen::generate_to(cli, &args.directory)).map_err(
        |error| Fail::failed("directory", format!("can't write into {shown}: {error}"), EXAMPLE.trim_start()),
    )?;
    let screen = Screen::open(globals.json, globals.verbose)?;
    let page = args.directory.join("tertulia.1").display().to_string();
    screen.own(&format!("the pages are in {}; to read one: man {}", escape::line(&shown), quoted(&page)));
    screen.close()?;
    Ok(ExitCode::SUCCESS)
}
