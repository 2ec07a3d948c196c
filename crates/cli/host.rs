//! `tertulia host`: holds a lecture; a room is opened in `room.rs`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use tertulia_core::address::PORT;
use tertulia_core::charter::{Admission, Questions, SignedCharter, Terms};
use tertulia_core::code::Code;
use tertulia_core::event::Role;
use tertulia_core::id::{Key, Token};
use tertulia_core::identity::{Identity, Secret};
use tertulia_core::limits;
use tertulia_core::log::Log;
use tertulia_core::node::Node;
use tertulia_core::star::{Host, HostConfig, Tickets};
use tertulia_core::wire::field::Title;
use tertulia_core::wire::registry::Visibility;
use tertulia_core::wire::session::Purpose;
use tertulia_net::{Home, Setup, StoredLog, start};

use crate::directory::random;
use crate::ending::Ending;
use crate::escape;
use crate::fail::{Fail, quoted};
use crate::globals::{Globals, start_run, warn_of_lost};
use crate::input;
use crate::qr::Drawn;
use crate::registry;
use crate::screen::{Of, Screen, has_colour};
use crate::session::{self, Plan, Ready};
use crate::signals::Signals;
use crate::venue::{self, Place, Wish};

/// How it is typed.
pub(crate) const EXAMPLE: &str = "  tertulia host 'Rust for sailors' --lecture";

/// Open a room, where everybody talks; or hold a lecture, where you speak and others ask
///
/// Whoever has the line that it prints can join. What was stopped, and not ended, goes on when the same title is hosted
/// from the same home. Ctrl-C leaves a room, which goes on without you, and ends a lecture for all; /end ends either;
/// /stop or SIGTERM stops until later.
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLE)]
pub(crate) struct Args {
    /// What the room or lecture is called
    pub(crate) title: String,
    /// A lecture: one speaks, others ask
    #[arg(long)]
    pub(crate) lecture: bool,
    /// Let in only who has the ticket
    #[arg(long)]
    pub(crate) ticket: bool,
    /// Whoever comes waits until you /admit them
    #[arg(long)]
    pub(crate) lobby: bool,
    /// What becomes of questions [default: open: clean ones are published at once]
    #[arg(long, value_name = "WHAT")]
    pub(crate) questions: Option<Asked>,
    /// Do not publish questions with a word or phrase of FILE, one a line
    #[arg(long, value_name = "FILE")]
    pub(crate) filter: Option<PathBuf>,
    /// How much of what was said newcomers get: none, a number of messages, or all [default: all]
    #[arg(long, value_name = "HOW MUCH")]
    pub(crate) history: Option<History>,
    /// Where to listen [default: all addresses, at the port of the time before, else 7473 or the next free one]
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) listen: Option<String>,
    /// What others dial, if not the address of this machine
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) announce: Option<String>,
    /// Have registries show it only to who knows its id
    #[arg(long)]
    pub(crate) unlisted: bool,
    /// Be a registry for the whole network, not for this machine alone: others see it in their `tertulia list`
    #[arg(long)]
    pub(crate) lan: bool,
}

impl Args {
    pub(crate) const fn visibility(&self) -> Visibility {
        if self.unlisted { Visibility::Unlisted } else { Visibility::Listed }
    }

    /// Where it is to be; `kept`: its port of the time before.
    pub(crate) fn wish<'a>(&'a self, home: &'a Home, kept: Option<u16>) -> Wish<'a> {
        let listen = self.listen.as_ref().or(home.config().listen.as_ref());
        Wish { listen, announce: self.announce.as_ref(), kept, is_host: true }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Asked {
    /// Clean ones are published at once
    Open,
    /// None are taken
    Closed,
}

/// How many messages a newcomer is served; `u32::MAX`: all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct History(pub(crate) u32);

impl std::str::FromStr for History {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self(0)),
            "all" => Ok(Self(u32::MAX)),
            number => match number.parse() {
                Ok(number) if number < u32::MAX => Ok(Self(number)),
                _ => Err("expected none, all, or a number, as in: --history 100".into()),
            },
        }
    }
}

/// What whoever opens a lobby can type.
const LOBBY: &str = "whoever comes waits in the lobby: /admit NAME, /admit all, /deny NAME WHY";

/// Runs the verb.
///
/// # Errors
/// The lecture can't be held.
pub(crate) fn run(args: &Args, globals: &Globals) -> Result<ExitCode, Fail> {
    let again = format!("{} host {} --lecture", globals.program(), quoted(&args.title));
    let resume = resume(args, &again);
    let plan = check(args, &again)?;
    globals.check()?;
    let filter = args.filter.as_deref().map(words).transpose()?.unwrap_or_default();
    let (mut screen, input) = Screen::interactive(globals.json, globals.plain, globals.verbose)?;
    warn_of_no_words(args, &filter, &screen);
    let home = globals.open_home(&screen)?;
    screen.keep_in(&home);
    let called = globals.called(&home)?;
    let lecture = match stored(&home, &args.title, Purpose::STAR, &screen)? {
        Some(lecture) => {
            fits(args, &lecture.charter, &plan, &again)?;
            screen
                .own(&format!("this lecture goes on where it stopped, with {} entries", lecture.log.entries().count()));
            lecture
        }
        None => found(args, &home.identity(), &plan, Purpose::STAR)?,
    };
    screen.remember(&lecture.log, (&home.identity(), &called.name), Of::Lecture);
    let registries = venue::registries(args.lan, globals, &home, &again)?;
    let is_registry = registries.is_default || args.lan;
    screen.registry = registries.shown();
    let (listener, place) = venue::open(args.wish(&home, lecture.port), &mut screen, &again)?;
    let started_ms = start_run(&home)?;
    let reach = place.reach(args.visibility());
    let publisher = venue::publisher(home.identity(), &called.name, registries.addresses, reach, started_ms)?;
    let host = Host::new(HostConfig {
        identity: home.identity(),
        charter: lecture.charter.clone(),
        name: called.name,
        started_ms,
        seed: random()?,
        filter,
        tickets: lecture.tickets,
        addresses: place.addresses.clone(),
        log: lecture.log,
    });
    let keeps = (!home.is_guest()).then(|| home.clone());
    let setup = Setup {
        identity: home.identity(),
        started_ms,
        listener: Some(listener),
        home: keeps.clone(),
        trace: globals.trace.clone(),
    };
    let admission = lecture.charter.admission;
    crate::block_on(async {
        let signals = Signals::new().map_err(|error| Fail::failed("system", error.to_string(), "try again"))?;
        // As long as this lives, it is a registry: the last to go.
        let _registry = is_registry.then(|| registry::embed(args.lan, &again, &screen)).flatten();
        let node = start(Node::new(host).published(publisher), setup)
            .map_err(|error| Fail::failed("node", error.to_string(), again.clone()))?;
        let plan = Plan {
            role: Role::Host,
            ends_with_input: false,
            home: keeps.clone(),
            meeting: Some(lecture.charter.meeting),
            on_ready: Box::new(|ready, screen| {
                venue::keep_port(keeps.as_ref(), ready.meeting, place.port, screen);
                welcome(ready, ("lecture", "is on"), screen, admission, &place);
            }),
            next: Box::new(|ending| farewell(ending, &resume, globals)),
        };
        session::run(node, plan, screen, input, signals).await
    })
}

/// Who gets in, what becomes of questions, and how much newcomers are served.
pub(crate) type Policies = (Admission, Questions, u32);

/// Checks what can be checked before anything is made; gives the policies.
pub(crate) fn check(args: &Args, again: &str) -> Result<Policies, Fail> {
    if Title::new(&args.title).is_none() {
        let message = format!("a title has 1 to {} bytes, this one has {}", limits::TITLE_MAX, args.title.len());
        let kind = if args.lecture { " --lecture" } else { "" };
        return Err(Fail::usage(message, format!("tertulia host 'A shorter title'{kind}")));
    }
    args.listen
        .as_ref()
        .map(|address| venue::listen_address(address, venue::everywhere(PORT), &format!("{again} --listen")))
        .transpose()?;
    venue::check_announced(args.announce.as_ref(), again)?;
    let admission = Admission::of(args.ticket, args.lobby);
    let questions = match args.questions {
        Some(Asked::Closed) => Questions::Closed,
        Some(Asked::Open) | None => Questions::Open,
    };
    Ok((admission, questions, args.history.map_or(u32::MAX, |history| history.0)))
}

/// The words and phrases of a filter file. Only letters and digits count, so a line needs one.
fn words(path: &Path) -> Result<Vec<String>, Fail> {
    let fail = |found: String| {
        let message = format!("the word filter {} {found}", path.display());
        Fail::failed("filter", message, "a text file, one word or phrase a line: --filter words.txt")
    };
    let text = std::fs::read_to_string(path).map_err(|error| fail(format!("can't be read: {error}")))?;
    let text = input::without_mark(&text);
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| match line.contains(char::is_alphanumeric) {
            true => Ok(line.to_string()),
            false => Err(fail(format!("has no letter or digit in line {number}, `{line}`"))),
        })
        .collect()
}

fn warn_of_no_words(args: &Args, filter: &[String], screen: &Screen) {
    if let (Some(file), true) = (&args.filter, filter.is_empty()) {
        let message = format!("the word filter {} has no word in it: every question is published", file.display());
        screen.warning("filter", &message);
    }
}

/// What to type to go on: what a meeting does not keep is said again.
pub(crate) fn resume(args: &Args, again: &str) -> String {
    let again = format!("{again}{}", if args.lan { " --lan" } else { "" });
    let filter = args.filter.as_ref().map(|file| file.display().to_string());
    let flags =
        [("--filter", filter.as_ref()), ("--listen", args.listen.as_ref()), ("--announce", args.announce.as_ref())];
    flags
        .into_iter()
        .filter_map(|(flag, value)| Some((flag, value?)))
        .fold(again, |again, (flag, value)| format!("{again} {flag} {}", quoted(value)))
}

/// A lecture that is about to be held.
pub(crate) struct Lecture {
    pub(crate) charter: SignedCharter,
    pub(crate) tickets: Tickets,
    pub(crate) log: Log,
    /// The port at which it was the time before.
    pub(crate) port: Option<u16>,
}

pub(crate) fn found(args: &Args, us: &Identity, plan: &Policies, kind: Purpose) -> Result<Lecture, Fail> {
    let (admission, questions, history) = *plan;
    let ticket = admission.has_tickets().then(random).transpose()?.map(Secret);
    let ticket_key = ticket.map_or(Key::ZERO, |seed| us.scheme().public(&seed));
    let (nonce, _) = random()?.split_first_chunk::<16>().map(|(nonce, rest)| (*nonce, rest.len())).unwrap_or_default();
    let title = Title::new(&args.title).ok_or_else(|| Fail::usage("no title", "tertulia host TITLE"))?;
    let room = if kind == Purpose::MESH { limits::MESH_MAX } else { limits::GUESTS_MAX };
    let terms = Terms {
        kind,
        founder: us.key(),
        nonce: Token(nonce),
        admission,
        ticket: ticket_key,
        questions,
        history,
        guests: u32::try_from(room).unwrap_or(u32::MAX),
        title,
    };
    let charter = SignedCharter::found(terms, us)
        .map_err(|rule| Fail::failed("charter", rule.to_string(), "another title: tertulia host TITLE"))?;
    let log = Log::new(charter.meeting, limits::TALK_ENTRIES_MAX);
    Ok(Lecture { charter, tickets: Tickets::first(ticket, us), log, port: None })
}

/// The lecture of this title that this user has stopped and not ended.
pub(crate) fn stored(home: &Home, title: &str, kind: Purpose, screen: &Screen) -> Result<Option<Lecture>, Fail> {
    let us = home.identity();
    let broken = |error: tertulia_net::Error| {
        Fail::failed("home", error.to_string(), "another title, or another folder: tertulia --home DIR …")
    };
    for meeting in home.meetings().map_err(broken)?.into_iter().filter(|meeting| !meeting.ended) {
        let damaged = meeting.damaged.first().cloned();
        if let Some(path) = damaged.clone().filter(|_| meeting.charter.is_none()) {
            // It may be the one that is meant: to found another would leave everybody in the old one.
            return Err(damage(&path, "is damaged, and it says which meeting is in that folder"));
        }
        let charter = meeting.charter.and_then(|bytes| SignedCharter::check(&bytes, meeting.id, &us).ok());
        let is_it =
            |charter: &SignedCharter| charter.kind == kind && charter.founder == us.key() && charter.title == title;
        let Some(charter) = charter.filter(is_it) else {
            continue;
        };
        if let Some(path) = damaged {
            return Err(damage(&path, "is damaged, and it is part of this meeting"));
        }
        let files = home.meeting(meeting.id).map_err(broken)?;
        let tickets = meeting.ticket.map_or(Some(Tickets::default()), |kept| Tickets::restore(&kept, &us));
        let Some(tickets) = tickets else {
            let path = files.path().join("ticket");
            return Err(damage(&path, "has this meeting's tickets in a form that this version does not know"));
        };
        let StoredLog { log, damaged } = files.load().map_err(broken)?;
        damaged.iter().for_each(|damaged| warn_of_lost(damaged, screen));
        return Ok(Some(Lecture { charter, tickets, log, port: meeting.port }));
    }
    Ok(None)
}

/// A file without which a meeting is not what it was.
fn damage(path: &Path, found: &str) -> Fail {
    let folder = path.parent().unwrap_or(path).display().to_string();
    let path = escape::line(&path.display().to_string());
    let message = format!("{path} {found}; put back a copy of it, or move the folder away to do without");
    Fail::failed("home", message, format!("mv {} {}", quoted(&folder), quoted(&format!("{folder}.damaged"))))
}

/// What a lecture is was settled when it was founded: flags that say otherwise are refused.
pub(crate) fn fits(args: &Args, charter: &SignedCharter, plan: &Policies, again: &str) -> Result<(), Fail> {
    let (_, questions, history) = *plan;
    let other = [
        (args.ticket && !charter.admission.has_tickets(), "--ticket"),
        (args.lobby && !charter.admission.has_lobby(), "--lobby"),
        (args.questions.is_some() && charter.questions != questions, "--questions"),
        (args.history.is_some() && charter.history != history, "--history"),
    ];
    match other.into_iter().find(|(differs, _)| *differs) {
        None => Ok(()),
        Some((_, flag)) => Err(Fail::failed(
            "settled",
            format!("it has begun already, and was founded with another {flag}; leave it out, or choose another title"),
            again,
        )),
    }
}

/// Says what others type, and what the user can type now; `opened`: what, and what it is now.
pub(crate) fn welcome(ready: &Ready<'_>, opened: (&str, &str), screen: &Screen, admission: Admission, place: &Place) {
    if ready.is_first {
        let ((what, is), title, name) = (opened, escape::line(ready.title), escape::line(ready.name));
        screen.own(&format!("the {what} `{title}` {is}; you are {name}"));
    }
    venue::invite(place, ready.ticket, admission, screen);
    if ready.is_first {
        if screen.is_full_screen() && Drawn::of(ready.ticket, has_colour()).is_some() {
            screen.invite(ready.ticket);
            screen.own("/ticket shows a code that phones read");
        }
        screen.own("what you type goes to all; /msg NAME TEXT to one; /users, /kick NAME, /lock, /end; /help has more");
        if admission.has_lobby() {
            screen.own(LOBBY);
        }
    }
}

fn farewell(ending: &Ending, resume: &str, globals: &Globals) -> String {
    if ending.code == Code::Ended {
        return format!("to hold another: {} host TITLE --lecture", globals.program());
    }
    match (ending.was_there, ending.is_kept) {
        (false, _) => format!("once that is put right: {resume}"),
        (true, true) => format!("the lecture can go on: {resume}"),
        // With a guest goes its key.
        (true, false) => format!("the lecture is gone with its host, a guest; another one: {resume}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_is_none_all_or_a_number() {
        assert_eq!("none".parse(), Ok(History(0)));
        assert_eq!("all".parse(), Ok(History(u32::MAX)));
        assert_eq!("100".parse(), Ok(History(100)));
        for wrong in ["", "-1", "4294967295", "some"] {
            assert!(wrong.parse::<History>().is_err(), "{wrong}");
        }
    }
}
