//! What the verbs for friends share: the home that they need to themselves, and the machine that is made from it.

use std::time::Duration;

use tertulia_core::code::Code;
use tertulia_core::command::Command;
use tertulia_core::contact::{Friends, FriendsConfig, Listed};
use tertulia_core::event::Event;
use tertulia_core::id::CommandId;
use tertulia_core::limits;
use tertulia_core::machine::{Input, Kept, Machine as _, Output};
use tertulia_core::name::proper;
use tertulia_core::node::Node;
use tertulia_core::registry::Reach;
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::registry::Visibility;
use tertulia_net::{Home, Setup, seed, unix_ms};

use crate::escape;
use crate::fail::{Fail, quoted};
use crate::globals::{Globals, tell_home, warn_of_lost};
use crate::screen::Screen;
use crate::venue;
use crate::words;

/// How a verb runs its friends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    pub(crate) port: Option<u16>,
    pub(crate) dials_at_start: bool,
    pub(crate) ends_after_one: bool,
    pub(crate) only_contacts: bool,
}

/// The home, if no other program holds it: what is said in a guest's name nobody would answer.
///
/// # Errors
/// It can't be used, or another program holds it.
pub(crate) fn own_home(globals: &Globals, screen: &Screen, instead: &str) -> Result<Home, Fail> {
    globals.check()?;
    let home = globals.open_quietly()?;
    if home.is_guest() {
        let path = escape::line(&home.path().display().to_string());
        let holder = home.holder().map_or_else(String::new, |process| format!(", process {process}"));
        let message = format!("{path} is in use by another tertulia{holder}, which alone can speak for you");
        return Err(Fail::failed("in_use", message, instead));
    }
    tell_home(&home, screen);
    Ok(home)
}

/// The machine, with all that the home keeps of friends.
///
/// # Errors
/// A file of the home can't be used.
pub(crate) fn machine(
    home: &Home,
    globals: &Globals,
    screen: &Screen,
    started_ms: u64,
    manner: Manner,
) -> Result<Friends, Fail> {
    let broken = |error: tertulia_net::Error| {
        Fail::failed("home", error.to_string(), "put it right, or choose another folder: tertulia --home DIR …")
    };
    let (pairs, damages) = home.pairs().map_err(broken)?;
    damages.iter().for_each(|damaged| warn_of_lost(damaged, screen));
    Ok(Friends::new(FriendsConfig {
        identity: home.identity(),
        name: globals.called(home)?.name,
        started_ms,
        seed: random()?,
        port: manner.port,
        idle: home.config().idle.map_or(limits::CONTACT_IDLE, Duration::from_secs),
        dials_at_start: manner.dials_at_start,
        ends_after_one: manner.ends_after_one,
        only_contacts: manner.only_contacts,
        contacts: home.contacts().map_err(broken)?,
        pairs,
        drafts: home.drafts().map_err(broken)?,
        talk_max: limits::TALK_ENTRIES_MAX,
    }))
}

/// The machine, with registries to ask for those who have moved; it publishes nothing by itself.
///
/// # Errors
/// A file of the home can't be used, or a setting is wrong.
pub(crate) fn asking(
    home: &Home,
    globals: &Globals,
    screen: &Screen,
    started_ms: u64,
    manner: Manner,
) -> Result<Node, Fail> {
    let (registries, name) = (globals.registries(home)?.addresses, globals.called(home)?.name);
    let reach = Reach { port: 0, addresses: Vec::new(), visibility: Visibility::Unlisted };
    let client = venue::publisher(home.identity(), &name, registries, reach, started_ms)?;
    Ok(Node::new(machine(home, globals, screen, started_ms, manner)?).published(client))
}

/// What the machine runs with.
///
/// # Errors
/// The system gives no randomness.
pub(crate) fn setup(
    home: &Home,
    globals: &Globals,
    started_ms: u64,
    listener: Option<std::net::TcpListener>,
) -> Result<Setup, Fail> {
    let (identity, trace) = (home.identity(), globals.trace.clone());
    Ok(Setup { identity, started_ms, listener, home: Some(home.clone()), trace })
}

/// Does one thing to the contacts, without dialling anybody; the events that follow from it.
///
/// # Errors
/// It can't be done, or not kept.
pub(crate) fn change(home: &Home, globals: &Globals, screen: &Screen, command: Command) -> Result<Vec<Event>, Fail> {
    let manner = Manner { port: None, dials_at_start: false, ends_after_one: false, only_contacts: false };
    let name = if let Command::Add { name, .. }
    | Command::Remove { name }
    | Command::Block { name }
    | Command::Unblock { name } = &command
    {
        name.clone()
    } else {
        String::new()
    };
    let mut friends = machine(home, globals, screen, unix_ms(), manner)?;
    let mut out = Vec::new();
    let now = Now { tick: Instant(0), unix_ms: unix_ms() };
    friends.handle(Input::Command { id: CommandId(1), command }, now, &mut out);
    let mut events = Vec::new();
    for output in out {
        match output {
            Output::Keep { name: Kept::Contacts, bytes, .. } => {
                let contacts = Listed::decode_all(&bytes).unwrap_or_default();
                home.keep_contacts(&contacts).map_err(|error| unwritten(&error))?;
            }
            Output::Keep { name: Kept::Drafts, bytes, .. } => {
                home.keep_drafts(&bytes).map_err(|error| unwritten(&error))?;
            }
            Output::Event(Event::Error { failure, .. }) => {
                return Err(refusal(failure.word(), &words::failure(&failure), &name, globals));
            }
            Output::Event(event) => events.push(event),
            // Nobody is dialled, and nothing is said.
            Output::Keep { .. }
            | Output::Send { .. }
            | Output::Append { .. }
            | Output::Store { .. }
            | Output::Follow { .. }
            | Output::Dial { .. }
            | Output::Close { .. } => {}
        }
    }
    Ok(events)
}

/// An address for a hint that works as it is.
const SOMEWHERE: &str = "192.0.2.7:7473";

/// What friends refuse outside of their console, where nobody can type what the machine proposes after its reason.
pub(crate) fn refusal(code: &'static str, message: &str, name: &str, globals: &Globals) -> Fail {
    let (reason, proposal) = ["; /", "; type: "]
        .iter()
        .find_map(|proposal| message.split_once(proposal))
        .map_or((message, ""), |(reason, proposal)| (reason, proposal.trim_start_matches('/')));
    let program = globals.program();
    let words = |text: &str| text.split(' ').map(quoted).collect::<Vec<_>>().join(" ");
    let is_name = proper(name).is_some();
    let hint = match (proposal.strip_prefix("add "), proposal.strip_suffix("/TEXT")) {
        (Some(meant), _) => format!("{program} contacts add {}", words(&meant.replace("HOST:PORT", SOMEWHERE))),
        (None, Some(to)) => format!("{program} send {} TEXT", quoted(to)),
        (None, None) if is_name && message.contains("/add ") => {
            format!("{program} contacts add {} {SOMEWHERE}", quoted(name))
        }
        (None, None) if is_name && message.contains("/unblock ") => {
            format!("{program} contacts unblock {}", quoted(name))
        }
        (None, None) if is_name && message.contains("/remove ") => {
            format!("{program} contacts remove {}", quoted(name))
        }
        (None, None) => format!("{program} contacts list"),
    };
    Fail::failed(code, reason, hint)
}

fn unwritten(error: &tertulia_net::Error) -> Fail {
    Fail::failed(
        Code::Unwritten.word(),
        error.to_string(),
        "make room, or choose another folder: tertulia --home DIR …",
    )
}

fn random() -> Result<[u8; 32], Fail> {
    seed().map_err(|error| Fail::failed("system", error.to_string(), "try again"))
}
