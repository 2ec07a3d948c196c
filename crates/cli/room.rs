//! A room: `tertulia host TITLE` opens one, and `tertulia join` comes into one.

use std::process::ExitCode;

use tertulia_core::code::Code;
use tertulia_core::event::Role;
use tertulia_core::id::{Key, MeetingId};
use tertulia_core::identity::Identity;
use tertulia_core::limits;
use tertulia_core::mesh::{Member, MemberConfig, NewcomerConfig, Restored, Tickets};
use tertulia_core::node::{Guess, Node};
use tertulia_core::star::Attendee;
use tertulia_core::ticket::Ticket;
use tertulia_core::wire::session::Purpose;
use tertulia_net::{Home, Setup, start};

use crate::directory::random;
use crate::ending::Ending;
use crate::escape;
use crate::fail::{Fail, quoted};
use crate::globals::{Globals, start_run};
use crate::host::{Args, Lecture, Policies, check, fits, found, resume, stored, welcome};
use crate::registry;
use crate::screen::{Of, Screen};
use crate::session::{self, Plan, Ready};
use crate::signals::Signals;
use crate::venue::{self, Place};

/// Opens a room.
///
/// # Errors
/// The room can't be opened.
pub(crate) fn host(args: &Args, globals: &Globals) -> Result<ExitCode, Fail> {
    let again = format!("{} host {}", globals.program(), quoted(&args.title));
    let plan = check(args, &again)?;
    if args.questions.is_some() || args.filter.is_some() {
        let message = "in a room everybody talks: --questions and --filter are for lectures";
        return Err(Fail::usage(message, format!("{again} --lecture")));
    }
    globals.check()?;
    let (mut screen, input) = Screen::interactive(globals.json, globals.plain, globals.verbose)?;
    let home = globals.open_home(&screen)?;
    screen.keep_in(&home);
    let called = globals.called(&home)?;
    let room = stored_or_new(args, &home, &plan, &screen, &again)?;
    screen.remember(&room.log, (&home.identity(), &called.name), Of::Room);
    let registries = venue::registries(args.lan, globals, &home, &again)?;
    let is_registry = registries.is_default || args.lan;
    screen.registry = registries.shown();
    let (listener, place) = venue::open(args.wish(&home, room.port), &mut screen, &again)?;
    let (started_ms, us) = (start_run(&home)?, home.identity());
    let (meeting, admission) = (room.charter.meeting, room.charter.admission);
    let reach = place.reach(args.visibility());
    let publisher = venue::publisher(us.clone(), &called.name, registries.addresses, reach, started_ms)?;
    let newcomer = NewcomerConfig {
        identity: us.clone(),
        name: called.name,
        name_is_chosen: called.is_chosen,
        started_ms,
        seed: random()?,
        meeting,
        host: None,
        ticket: None,
        note: String::new(),
        addresses: Vec::new(),
        restored: Some(Restored { charter: room.charter, pass: None, log: room.log }),
        others: Vec::new(),
        talk_max: limits::TALK_ENTRIES_MAX,
    };
    let (addresses, told) = (place.addresses.clone(), place.told.clone());
    let member = Member::new(MemberConfig { newcomer, tickets: room.tickets, addresses, told, port: None });
    let keeps = (!home.is_guest()).then(|| home.clone());
    let setup =
        Setup { identity: us, started_ms, listener: Some(listener), home: keeps.clone(), trace: globals.trace.clone() };
    crate::block_on(async {
        let signals = Signals::new().map_err(|error| Fail::failed("system", error.to_string(), "try again"))?;
        // As long as this lives, it is a registry: the last to go.
        let _registry = is_registry.then(|| registry::embed(args.lan, &again, &screen)).flatten();
        let node = start(Node::new(member).published(publisher), setup)
            .map_err(|error| Fail::failed("node", error.to_string(), again.clone()))?;
        let plan = Plan {
            role: Role::Member,
            ends_with_input: false,
            home: keeps.clone(),
            meeting: Some(meeting),
            on_ready: Box::new(|ready, screen| {
                venue::keep_port(keeps.as_ref(), meeting, place.port, screen);
                welcome(ready, ("room", "is open"), screen, admission, &place);
            }),
            next: Box::new(|ending| farewell(ending, &resume(args, &again))),
        };
        session::run(node, plan, screen, input, signals).await
    })
}

/// The room of this title that was left, or a new one.
fn stored_or_new(args: &Args, home: &Home, plan: &Policies, screen: &Screen, again: &str) -> Result<Lecture, Fail> {
    let Some(room) = stored(home, &args.title, Purpose::MESH, screen)? else {
        return found(args, &home.identity(), plan, Purpose::MESH);
    };
    fits(args, &room.charter, plan, again)?;
    screen.own(&format!("this room goes on where you left it, with {} entries", room.log.entries().count()));
    Ok(room)
}

/// What `join` knows of the room, or of the lecture, that it goes to.
pub(crate) struct Target {
    pub(crate) identity: Identity,
    pub(crate) meeting: MeetingId,
    pub(crate) host: Option<Key>,
    pub(crate) ticket: Option<Ticket>,
    pub(crate) addresses: Vec<String>,
    /// What is kept of the meeting that was asked for.
    pub(crate) bound: Option<Restored>,
    /// What was met there the last time.
    pub(crate) guess: Option<Guess>,
    /// What is kept of meetings that may be the one that is met there.
    pub(crate) others: Vec<Restored>,
}

impl Target {
    /// Whether it is known to be a lecture.
    pub(crate) fn is_lecture(&self) -> bool {
        self.bound.as_ref().is_some_and(|bound| bound.charter.kind == Purpose::STAR)
    }

    /// Whoever goes there: into a room, or, if there is none, to a lecture.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub(crate) fn newcomer(
        self,
        called: (String, bool),
        note: &str,
        started_ms: u64,
        place: &Place,
    ) -> Result<Node, Fail> {
        let is_lecture = self.is_lecture();
        let Self { identity, meeting, host, ticket, addresses, bound, guess, others } = self;
        let (name, name_is_chosen) = called;
        let newcomer = NewcomerConfig {
            identity,
            name,
            name_is_chosen,
            started_ms,
            seed: random()?,
            meeting,
            host,
            ticket,
            note: note.into(),
            addresses,
            restored: bound,
            others,
            talk_max: limits::TALK_ENTRIES_MAX,
        };
        if is_lecture {
            return Ok(Node::new(Attendee::new(newcomer)));
        }
        let (addresses, told) = (place.addresses.clone(), place.told.clone());
        let member = MemberConfig { newcomer, tickets: Tickets::default(), addresses, told, port: place.seen };
        Ok(match guess {
            Some(guess) => Node::returner(guess, member),
            None => Node::newcomer(member),
        })
    }
}

/// Says where a newcomer has come to.
pub(crate) fn entered(ready: &Ready<'_>, screen: &Screen) {
    let (title, name) = (escape::line(ready.title), escape::line(ready.name));
    screen.own(&format!("you are in the room `{title}`, as {name}"));
    if ready.is_first {
        screen.own(&format!("others join with: tertulia join '{}'", ready.ticket));
        screen.own("what you type goes to all; /msg NAME TEXT to one; /users, /quit; /help has more");
    }
}

fn farewell(ending: &Ending, again: &str) -> String {
    if ending.code == Code::Ended {
        return "the room is closed for all; the next one: tertulia host TITLE".into();
    }
    match (ending.has_others, ending.is_kept) {
        _ if !ending.is_well() => format!("once that is put right: {again}"),
        (true, true) => format!("the room goes on without you; back in: {again}"),
        // With a guest goes its key.
        (true, false) => "the room goes on without you".into(),
        (false, true) => format!("nobody else is in the room: it goes on when you are back: {again}"),
        (false, false) => format!("nobody else was in the room, and it is gone; another one: {again}"),
    }
}
