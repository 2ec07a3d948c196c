//! `tertulia friends`: the console for contacts.

use std::net::TcpListener;
use std::process::ExitCode;

use tertulia_core::event::Role;
use tertulia_core::node::Node;
use tertulia_core::wire::registry::Visibility;
use tertulia_net::{Home, start};

use crate::befriend::{self, Manner};
use crate::ending::Ending;
use crate::escape;
use crate::fail::{Fail, quoted};
use crate::globals::{Globals, start_run, unusable};
use crate::screen::Screen;
use crate::session::{self, Plan};
use crate::signals::Signals;
use crate::venue::{self, Place, Wish};

/// How it is typed.
pub(crate) const EXAMPLE: &str = "  tertulia friends\n  bea/hello";

const AGAIN: &str = "tertulia friends";

/// Talk with friends, with no meeting and no server
///
/// You are reachable as long as this runs. `NAME/TEXT` writes to a contact, `*/TEXT` to all; `HOST:PORT/TEXT` writes to
/// whoever is there, and keeps the key that it meets. What somebody does not get because they are away is held, and
/// goes out when they are back. `/register` has registries list you, for `tertulia who`, until `/unregister` or the end.
/// At the end of input, what is pending is sent (5 s at most) and you leave.
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLE)]
pub(crate) struct Args {
    /// Where to listen [default: all addresses, at the port of the time before, else 7473 or the next free one]
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<String>,
    /// What others dial, if not the address of this machine
    #[arg(long, value_name = "HOST:PORT")]
    announce: Option<String>,
    /// Turn away whom you have not added
    #[arg(long)]
    only_contacts: bool,
}

/// Runs the verb.
///
/// # Errors
/// Nobody can be reached.
pub(crate) fn run(args: &Args, globals: &Globals) -> Result<ExitCode, Fail> {
    venue::check_announced(args.announce.as_ref(), AGAIN)?;
    let (mut screen, input) = Screen::interactive(globals.json, globals.plain, globals.verbose)?;
    let home =
        befriend::own_home(globals, &screen, "type there, or use a home of its own: tertulia --home DIR friends")?;
    screen.keep_in(&home);
    let (listener, place) = listen(args.listen.as_ref(), args.announce.as_ref(), &home, AGAIN, &mut screen)?;
    let started_ms = start_run(&home)?;
    let (port, only_contacts) = (Some(place.port), args.only_contacts);
    let manner = Manner { port, dials_at_start: true, only_contacts, ..Manner::default() };
    let (pairs, name) = (befriend::pairs(&home, &screen)?, globals.called(&home)?.name);
    befriend::remember(&pairs, &home, &name, &mut screen)?;
    let friends = befriend::machine(&home, globals, started_ms, manner, pairs)?;
    let setup = befriend::setup(&home, globals, started_ms, Some(listener))?;
    let registries = globals.registries(&home)?;
    screen.registry = registries.shown();
    let reach = place.reach(Visibility::Listed);
    let client = venue::publisher(home.identity(), &name, registries.addresses, reach, started_ms)?;
    crate::block_on(async {
        let signals = Signals::new().map_err(|error| Fail::failed("system", error.to_string(), "try again"))?;
        let node = start(Node::new(friends).published(client), setup)
            .map_err(|error| Fail::failed("node", error.to_string(), AGAIN))?;
        let plan = Plan {
            role: Role::Friends,
            ends_with_input: true,
            home: None,
            meeting: None,
            on_ready: Box::new(|ready, screen| {
                let name = escape::line(ready.name);
                let at =
                    place.addresses.first().map_or_else(String::new, |address| format!(" {name} {}", quoted(address)));
                screen.own(&format!("you are {name}; others reach you with: tertulia contacts add{at}"));
                screen
                    .own("NAME/TEXT writes to NAME; /add NAME HOST:PORT, /contacts, /register, /quit; /help has more");
            }),
            next: Box::new(|ending| farewell(ending, globals)),
        };
        session::run(node, plan, screen, input, signals).await
    })
}

/// The listener, of which the screen is told; its port is kept for the next time.
///
/// # Errors
/// It can't listen.
pub(crate) fn listen(
    wanted: Option<&String>,
    announce: Option<&String>,
    home: &Home,
    again: &str,
    screen: &mut Screen,
) -> Result<(TcpListener, Place), Fail> {
    let listen = wanted.or(home.config().listen.as_ref());
    let kept = home.port().map_err(|error| unusable(&error))?;
    let (listener, place) = venue::open(Wish { listen, announce, kept, is_host: true }, screen, again)?;
    if let Err(error) = home.keep_port(place.port) {
        screen.warning("home", &error.to_string());
    }
    Ok((listener, place))
}

fn farewell(ending: &Ending, globals: &Globals) -> String {
    let program = globals.program();
    match ending.only_here {
        _ if !ending.is_well() => format!("once that is put right: {program} friends"),
        0 => format!("again: {program} friends"),
        _ => format!("what is held goes out the next time: {program} friends"),
    }
}
