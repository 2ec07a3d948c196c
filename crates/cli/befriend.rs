//! What the verbs for friends share: the home that they need to themselves, and the machine that is made from it.

use std::time::Duration;

use tertulia_core::code::Code;
use tertulia_core::command::{Command, Failure};
use tertulia_core::contact::{Friends, FriendsConfig, Listed, Stored};
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
use crate::screen::{Of, Screen};
use crate::venue;
use crate::words;

/// How a verb runs its friends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manner {
    pub(crate) port: Option<u16>,
    pub(crate) dials_at_start: bool,
    pub(crate) ends_after_one: bool,
    pub(crate) only_contacts: bool,
    /// Strangers who are accepted as they come.
    pub(crate) accepted: Vec<String>,
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

/// What was said with each friend; what is lost of it, its user is told.
///
/// # Errors
/// A file of the home can't be used.
pub(crate) fn pairs(home: &Home, screen: &Screen) -> Result<Vec<Stored>, Fail> {
    let (pairs, damages) = home.pairs().map_err(|error| broken(&error))?;
    damages.iter().for_each(|damaged| warn_of_lost(damaged, screen));
    Ok(pairs)
}

/// What was said in earlier runs is seen again.
///
/// # Errors
/// A file of the home can't be used.
pub(crate) fn remember(pairs: &[Stored], home: &Home, called: &str, screen: &mut Screen) -> Result<(), Fail> {
    let contacts = home.contacts().map_err(|error| broken(&error))?;
    for Stored { peer, log } in pairs {
        // Who was removed is no friend.
        if let Some(contact) = contacts.iter().find(|contact| contact.key == Some(*peer)) {
            screen.remember(log, (&home.identity(), called), Of::Friend(&contact.name));
        }
    }
    Ok(())
}

fn broken(error: &tertulia_net::Error) -> Fail {
    Fail::failed("home", error.to_string(), "put it right, or choose another folder: tertulia --home DIR …")
}

/// The machine, with all that the home keeps of friends.
///
/// # Errors
/// A file of the home can't be used.
pub(crate) fn machine(
    home: &Home,
    globals: &Globals,
    started_ms: u64,
    manner: Manner,
    pairs: Vec<Stored>,
) -> Result<Friends, Fail> {
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
        accepted: manner.accepted,
        contacts: home.contacts().map_err(|error| broken(&error))?,
        pairs,
        drafts: home.drafts().map_err(|error| broken(&error))?,
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
    let friends = machine(home, globals, started_ms, manner, pairs(home, screen)?)?;
    Ok(Node::new(friends).published(client))
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
    let mut friends = machine(home, globals, unix_ms(), Manner::default(), pairs(home, screen)?)?;
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
                return Err(refusal(&failure, globals));
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

/// What friends refuse outside of their console, where nobody can type what is proposed there after the reason.
pub(crate) fn refusal(failure: &Failure, globals: &Globals) -> Fail {
    let message = words::failure(failure);
    let reason = ["; /", "; type: "].iter().find_map(|proposal| message.split_once(proposal));
    let reason = reason.map_or(message.as_str(), |(reason, _)| reason);
    Fail::failed(failure.word(), reason, instead(failure, &globals.program()))
}

/// The command line that does, or shows, what was meant.
fn instead(failure: &Failure, program: &str) -> String {
    let add = |name: &str, address: &str| format!("{program} contacts add {} {}", quoted(name), quoted(address));
    if let Failure::BadAddress { error, name, .. } = failure {
        let meant = error.instead.as_ref().map_or_else(|| SOMEWHERE.to_string(), ToString::to_string);
        return match name {
            Some(name) => add(name, &meant),
            None => format!("{program} send {} TEXT", quoted(&meant)),
        };
    }
    if let Failure::NobodyAt(name) | Failure::Barred { name, code: Code::Denied, .. } = failure
        && proper(name).is_some()
    {
        return add(name, SOMEWHERE);
    }
    if let Failure::NoContacts = failure {
        return add("NAME", SOMEWHERE);
    }
    if let Failure::Blocked(name) = failure {
        return format!("{program} contacts unblock {}", quoted(name));
    }
    if let Failure::NotMet(name) = failure {
        return format!("{program} contacts remove {}", quoted(name));
    }
    format!("{program} contacts list")
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

#[cfg(test)]
mod tests {
    use super::*;
    use tertulia_core::address::{HostPort, PORT};

    #[test]
    fn what_is_proposed_is_one_command_that_works() {
        let bea = || "bea".to_string();
        let wrong = |typed: &str| HostPort::typed(typed, PORT).unwrap_err();
        let bad = |typed: &str, name| Failure::BadAddress { typed: typed.into(), error: wrong(typed), name };
        for (failure, hint) in [
            (Failure::NobodyAt(bea()), "tertulia contacts add bea 192.0.2.7:7473"),
            (Failure::NobodyAt("*bea".into()), "tertulia contacts list"),
            (Failure::NoContacts, "tertulia contacts add NAME 192.0.2.7:7473"),
            (
                Failure::Barred { name: bea(), addresses: vec![], code: Code::Denied },
                "tertulia contacts add bea 192.0.2.7:7473",
            ),
            (Failure::Barred { name: bea(), addresses: vec![], code: Code::WrongKey }, "tertulia contacts list"),
            (bad("h:99999", Some(bea())), "tertulia contacts add bea h:7473"),
            (bad("h:99999", None), "tertulia send h:7473 TEXT"),
            (bad("a b", Some(bea())), "tertulia contacts add bea 192.0.2.7:7473"),
            (Failure::Blocked("bea b".into()), "tertulia contacts unblock 'bea b'"),
            (Failure::NotMet(bea()), "tertulia contacts remove bea"),
            (Failure::NoContact(bea()), "tertulia contacts list"),
        ] {
            assert_eq!(instead(&failure, "tertulia"), hint, "{failure:?}");
        }
    }
}
