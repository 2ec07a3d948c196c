//! `tertulia receive`: what friends say, for scripts.

use std::process::ExitCode;

use tertulia_core::code::Code;
use tertulia_core::command::Command;
use tertulia_core::event::Event;
use tertulia_core::id::CommandId;
use tertulia_net::{Node, start};

use crate::befriend::{self, Manner};
use crate::fail::Fail;
use crate::friends;
use crate::globals::{Globals, start_run};
use crate::screen::Screen;
use crate::signals::Signals;

/// How it is typed.
pub(crate) const EXAMPLE: &str = "  tertulia receive --once";

/// Print what friends say
///
/// Runs until a signal; with --once until one message has come. What more there is stays with those who hold it, and
/// comes the next time. A message is stored first, and then its sender is told so; if it can't be printed, the exit code
/// is 1, and the next `tertulia receive` or `tertulia friends` begins with it. Of somebody whom you have not added, little
/// is taken until you accept them: with --from, by an answer, or with `tertulia contacts add NAME HOST:PORT`.
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLE)]
pub(crate) struct Args {
    /// Wait for one message, print it, and end
    #[arg(long)]
    once: bool,
    /// Where to listen [default: all addresses, at the port of the time before, else 7473 or the next free one]
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<String>,
    /// Turn away whom you have not added
    #[arg(long)]
    only_contacts: bool,
    /// Accept who comes by this name, or by a key that begins with these digits, as a contact; again for another
    ///
    /// Of others whom you have not added, 64 KiB are taken.
    #[arg(long, value_name = "NAME|KEY", conflicts_with = "only_contacts")]
    from: Vec<String>,
}

/// Runs the verb.
///
/// # Errors
/// Nobody can be reached.
pub(crate) fn run(args: &Args, globals: &Globals) -> Result<ExitCode, Fail> {
    let mut screen = Screen::open(globals.json, globals.verbose)?;
    let home = befriend::own_home(globals, &screen, "end it, or use a home of its own: tertulia --home DIR receive")?;
    screen.keep_in(&home);
    let again = if args.once { EXAMPLE.trim() } else { "tertulia receive" };
    let (listener, place) = friends::listen(args.listen.as_ref(), None, &home, again, &mut screen)?;
    let started_ms = start_run(&home)?;
    let (port, only_contacts) = (Some(place.port), args.only_contacts);
    let accepted = args.from.clone();
    let manner = Manner { port, dials_at_start: true, ends_after_one: args.once, only_contacts, accepted };
    let friends = befriend::asking(&home, globals, &screen, started_ms, manner)?;
    let setup = befriend::setup(&home, globals, started_ms, Some(listener))?;
    crate::block_on(async {
        let system = |error: std::io::Error| Fail::failed("system", error.to_string(), "try again");
        let failed = |error: tertulia_net::Error| Fail::failed("node", error.to_string(), EXAMPLE.trim());
        let mut signals = Signals::new().map_err(system)?;
        let mut node = start(friends, setup).map_err(failed)?;
        let (mut ended, mut stdout_works) = (None, true);
        loop {
            tokio::select! {
                event = node.events.recv() => match event {
                    Some(event) => {
                        show(&event, &mut screen);
                        if let Event::Closed { code, .. } = event {
                            ended = Some(code);
                        }
                    }
                    None => break,
                },
                _ = signals.next() => {
                    screen.hurry();
                    quit(&node);
                }
                // What can't be written is not taken: the next run shows it.
                _ = screen.broken(), if stdout_works => {
                    stdout_works = false;
                    quit(&node);
                }
            }
        }
        screen.watch(signals);
        let finished = screen.part(&mut node).await;
        screen.close()?;
        finished.map_err(failed)?;
        let is_well = matches!(ended, Some(Code::Left | Code::Stopped));
        Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// Nothing is lost by leaving, and a node that takes no command has ended.
fn quit(node: &Node) {
    let _ = node.commands.send((CommandId(1), Command::Quit));
}

/// In JSON all; for people what somebody says, and what they should know.
pub(crate) fn show(event: &Event, screen: &mut Screen) {
    let is_said = matches!(event, Event::Message { own: false, .. } | Event::Gap { .. });
    let matters = matches!(event, Event::Warning { .. } | Event::Error { .. } | Event::Contact { .. });
    if is_said || matters || screen.is_json() {
        screen.event(event, None);
    }
}
