//! `tertulia join`: comes into a room, or attends a lecture.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use tertulia_core::address::{Host, HostPort, NoAddress, PORT};
use tertulia_core::charter::{Questions, SignedCharter};
use tertulia_core::code::Code;
use tertulia_core::event::Role;
use tertulia_core::id::{Key, MeetingId};
use tertulia_core::identity::Identity;
use tertulia_core::node::{Guess, is_over};
use tertulia_core::star::Restored;
use tertulia_core::ticket::{Ticket, is_begun};
use tertulia_core::wire::field::Reason;
use tertulia_core::wire::session::Purpose;
use tertulia_net::{Home, Setup, StoredLog, StoredMeeting, start, unix_ms};

use crate::catalogue::age;
use crate::ending::Ending;
use crate::escape;
use crate::fail::{Fail, quoted};
use crate::find::{Place, find, nowhere};
use crate::globals::{Globals, start_run, warn_of_damage, warn_of_lost};
use crate::input;
use crate::room;
use crate::screen::{Of, Screen};
use crate::session::{self, Plan, Ready};
use crate::signals::Signals;
use crate::venue::{self, Wish};
use crate::words;

/// How it is typed.
pub(crate) const EXAMPLE: &str = "  tertulia join 127.0.0.1:7473";

/// Come into a room, or attend a lecture
///
/// TARGET is the line that the host printed, a ticket or HOST:PORT; or what a registry finds: an id, a number that
/// tertulia list has shown, a contact's name for what they hold, a title, or words that begin as those of one title do.
/// An address without a port has port 7473; what has a dot and ends in letters, such as host.example, is one, so a
/// meeting of such a title is joined by its number or id. What was said while you were away comes when you join again.
/// At the end of input, what is pending is sent and you leave.
///
/// A ticket may have a secret in it, and other users see command lines: with `-` for TARGET, stdin begins with it, and
/// without TARGET, the environment variable TERTULIA_TICKET has it.
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLE)]
pub(crate) struct Args {
    /// A ticket, HOST:PORT, an id, a number of the last list, a contact's name, a title, or words of one; `-`: stdin
    /// begins with it [default: $TERTULIA_TICKET]
    #[arg(value_name = "TARGET")]
    target: Vec<String>,
    /// What the host reads if you have to wait in the lobby
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    note: String,
    /// Where to listen for the others of a room [default: all addresses, at the port of the time before, or any]
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<String>,
    /// What the others of a room dial, if not where they see you
    #[arg(long, value_name = "HOST:PORT")]
    announce: Option<String>,
}

/// What was typed to join.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Ticket(Box<Ticket>),
    Address(HostPort),
    /// What a registry is to find.
    Words(String),
    Found(Place),
}

impl Target {
    /// What is meant by what was typed or pasted.
    fn read(typed: &str, has_registry: bool) -> Result<Self, Fail> {
        let typed = unwrapped(typed);
        if is_begun(&typed) {
            let ticket = typed.parse().map_err(|error| Fail::usage(words::no_ticket(error), WITH_TICKET))?;
            return Ok(Self::Ticket(Box::new(ticket)));
        }
        let example = match HostPort::typed(&typed, PORT) {
            Ok(address) if typed.contains(':') || address.host.is_unmistakable() => return Ok(Self::Address(address)),
            Err(NoAddress { flaw, instead: Some(meant) }) => {
                let instead = format!("tertulia join {}", quoted(&meant.to_string()));
                return Err(Fail::usage(format!("`{typed}` is no address: {}", words::flaw(flaw)), instead));
            }
            _ if has_registry && !typed.is_empty() => return Ok(Self::Words(typed)),
            // The id of a meeting reads as a name, too.
            Ok(address) if MeetingId::from_hex(&typed).is_none() => address.to_string(),
            Ok(_) | Err(_) => format!("127.0.0.1:{PORT}"),
        };
        let message = format!(
            "`{typed}` is neither a ticket nor HOST:PORT, and there is no registry to find it; copy the line that the \
             host printed"
        );
        Err(Fail::usage(message, format!("tertulia join {}", quoted(&example))))
    }

    /// What leads there again: a number means something else after the next list, and a title perhaps too.
    fn again(&self) -> String {
        match self {
            Self::Ticket(ticket) => ticket.to_string(),
            Self::Address(address) => address.to_string(),
            Self::Words(words) => words.clone(),
            Self::Found(place) => place.meeting.to_hex(),
        }
    }

    /// What a newcomer has to know, with what is kept of it.
    fn goal(&self, identity: Identity, kept: Kept) -> Result<room::Target, Fail> {
        let (meeting, host, addresses, ticket) = match self {
            Self::Ticket(ticket) => {
                (ticket.meeting, Some(ticket.host), ticket.addresses.clone(), Some(ticket.as_ref().clone()))
            }
            Self::Address(address) => (MeetingId::ZERO, None, vec![address.to_string()], None),
            Self::Words(words) => return Err(nowhere(words)),
            Self::Found(place) => (place.meeting, Some(place.host), place.addresses.clone(), None),
        };
        let Kept { bound, guess, others } = kept;
        Ok(room::Target { identity, meeting, host, ticket, addresses, bound, guess, others })
    }

    fn greeting(&self) -> String {
        match self {
            Self::Ticket(_) => "joining with that ticket …".into(),
            Self::Address(address) => format!("joining {address} …"),
            Self::Words(words) => format!("joining `{}` …", escape::line(words)),
            Self::Found(place) => format!("joining `{}` …", escape::line(&place.title)),
        }
    }
}

/// What takes a ticket wherever it is pasted.
const WITH_TICKET: &str = "tertulia join -";

/// What was copied from where it was printed: perhaps the whole line, in quotes, and broken where a window ended.
fn unwrapped(typed: &str) -> String {
    let typed = input::without_mark(typed);
    let words = typed.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_in_front =
        |front: &str| matches!(front.trim_end(), "" | "--" | "$" | ">") || front.trim_end().ends_with(':');
    let printed = words.split_once("tertulia join ").filter(|(front, _)| is_in_front(front));
    let copied = printed.map_or(typed, |(_, copied)| copied).trim();
    let bare = copied.trim_matches(['\'', '"', '`', '‘', '’', '“', '”', '„', '«', '»', '<', '>']);
    let whole: String = bare.split_whitespace().collect();
    let is_address = || {
        let is_computer = |address: &HostPort| printed.is_some() || !matches!(address.host, Host::Name(_));
        whole.parse().is_ok_and(|address| is_computer(&address))
    };
    if is_begun(&whole) || is_address() { whole } else { bare.trim().into() }
}

/// What was typed, or stood somewhere else.
struct Words {
    text: String,
    /// What leads to it again and repeats no seed, if it was not typed.
    unsaid: Option<&'static str>,
}

impl Words {
    /// From the command line, else from stdin or the environment.
    fn read(args: &Args) -> Result<Self, Fail> {
        if args.target == ["-"] {
            let mut input = std::io::stdin().lock();
            if std::io::IsTerminal::is_terminal(&input) {
                // Who does not see it can type all the same.
                let _ = writeln!(std::io::stderr().lock(), "paste the ticket, or type HOST:PORT:");
            }
            let text = input::target(&mut input).map_err(|found| {
                let message = format!("a ticket, or HOST:PORT, was expected on stdin, but {found}");
                Fail::usage(message, "tertulia join - < FILE")
            })?;
            return Ok(Self { text, unsaid: Some(" -") });
        }
        if !args.target.is_empty() {
            return Ok(Self { text: args.target.join(" "), unsaid: None });
        }
        match std::env::var("TERTULIA_TICKET").ok().filter(|ticket| !ticket.trim().is_empty()) {
            Some(text) => Ok(Self { text: input::without_mark(&text).into(), unsaid: Some("") }),
            None => Err(Fail::usage(
                "where to? type it (tertulia join TARGET), write it to stdin (tertulia join -), or put it into the \
                 environment (TERTULIA_TICKET)",
                EXAMPLE.trim(),
            )),
        }
    }

    /// The words after `join` that mean the same. `typed`: as they were, or are written better.
    fn again(&self, typed: &str) -> String {
        self.unsaid.map_or_else(|| format!(" {}", quoted(typed)), Into::into)
    }
}

/// What the host reads fits into a frame.
fn check_note(note: &str, again: &str) -> Result<(), Fail> {
    let message = format!("a note has at most 255 bytes, this one has {}", note.len());
    Reason::new(note).map(|_| ()).ok_or_else(|| Fail::usage(message, format!("{again} --note 'a shorter one'")))
}

/// Runs the verb.
///
/// # Errors
/// The lecture can't be attended.
pub(crate) fn run(args: &Args, globals: &Globals) -> Result<ExitCode, Fail> {
    globals.check()?;
    let words = Words::read(args)?;
    let typed = words.text.as_str();
    check_note(&args.note, &format!("{} join{}", globals.program(), words.again(&unwrapped(typed))))?;
    // What makes no sense is refused before anything is made.
    let program = globals.program();
    let target = Target::read(typed, globals.may_have_registry()).map_err(|fail| fail.hinting(&program))?;
    let (mut screen, input) = Screen::interactive(globals.json, globals.plain, globals.verbose)?;
    let home = globals.open_home(&screen)?;
    screen.keep_in(&home);
    let registries = globals.registries(&home)?;
    screen.registry = registries.shown();
    let target = match target {
        Target::Words(words) if registries.addresses.is_empty() => {
            Target::read(&words, false).map_err(|fail| fail.hinting(&program))?
        }
        Target::Words(words) => {
            let found = find(&words, &home, &registries, &mut screen);
            Target::Found(found.map_err(|fail| fail.hinting(&program))?)
        }
        target @ (Target::Ticket(_) | Target::Address(_) | Target::Found(_)) => target,
    };
    let wanted = target.again();
    let again = if let Target::Ticket(_) = target { words.again(&wanted) } else { format!(" {}", quoted(&wanted)) };
    let renamed = format!("{} join{again}", globals.program_as(Some("NAME")));
    let again = format!("{} join{again}", globals.program());
    let called = globals.called(&home)?;
    let kept = kept(&home, &target, &screen)?;
    for kept in kept.bound.iter().chain(&kept.others) {
        let of = if kept.charter.kind == Purpose::STAR { Of::Lecture } else { Of::Room };
        screen.remember(&kept.log, (&home.identity(), &called.name), of);
    }
    let id = |restored: &Restored| restored.charter.meeting;
    let (bound_id, guess_id) = (kept.bound.as_ref().map(id), kept.guess.as_ref().map(|guess| id(&guess.restored)));
    let all_kept: Vec<MeetingId> = kept.others.iter().map(id).chain(bound_id).collect();
    let started_ms = start_run(&home)?;
    let goal = target.goal(home.identity(), kept)?;
    let port = bound_id.or(guess_id).and_then(|kept| home.meeting(kept).ok()?.port().ok()?);
    let wish = Wish { listen: args.listen.as_ref(), announce: args.announce.as_ref(), kept: port, is_host: false };
    let (listener, place) = venue::open(wish, &mut screen, &again)?;
    let keeps = (!home.is_guest()).then(|| home.clone());
    let is_lecture = goal.is_lecture();
    let newcomer = goal.newcomer((called.name, called.is_chosen), &args.note, started_ms, &place)?;
    let setup = Setup {
        identity: home.identity(),
        started_ms,
        // Nobody dials a guest.
        listener: (!is_lecture).then_some(listener),
        home: keeps.clone(),
        trace: globals.trace.clone(),
    };
    screen.own(&target.greeting());
    crate::block_on(async {
        let signals = Signals::new().map_err(|error| Fail::failed("system", error.to_string(), "try again"))?;
        let node = start(newcomer, setup).map_err(|error| Fail::failed("node", error.to_string(), again.clone()))?;
        let plan = Plan {
            role: Role::Attendee,
            ends_with_input: true,
            home: keeps.clone(),
            meeting: bound_id,
            on_ready: Box::new(|ready, screen| {
                remember(keeps.as_ref(), ready.meeting, &wanted, screen);
                if ready.role == Role::Member {
                    venue::keep_port(keeps.as_ref(), ready.meeting, place.port, screen);
                }
                welcome(ready, screen, all_kept.contains(&ready.meeting));
            }),
            next: Box::new(|ending| farewell(ending, &again, &renamed)),
        };
        session::run(node, plan, screen, input, signals).await
    })
}

/// What earlier runs have kept.
struct Kept {
    /// Of the meeting that was asked for.
    bound: Option<Restored>,
    /// Of the one that was last joined at the address that was.
    guess: Option<Guess>,
    /// Of all that may be on: who answers at an address decides which of them it is.
    others: Vec<Restored>,
}

fn kept(home: &Home, target: &Target, screen: &Screen) -> Result<Kept, Fail> {
    let meetings = home.meetings().map_err(|error| broken(&error))?;
    let meant = match target {
        Target::Ticket(ticket) => Some(ticket.meeting),
        Target::Found(place) => Some(place.meeting),
        Target::Address(_) | Target::Words(_) => None,
    };
    if let Some(meant) = meant {
        let found = meetings.iter().find(|meeting| meeting.id == meant);
        found.iter().for_each(|meeting| warn_of_damage(meeting, screen));
        let bound = found.map(|meeting| load(home, meeting, screen)).transpose()?.flatten();
        return Ok(Kept { bound, guess: None, others: Vec::new() });
    }
    let us = home.identity();
    // Each of them may be what is on at the address.
    meetings.iter().filter(|meeting| !meeting.ended).for_each(|meeting| warn_of_damage(meeting, screen));
    let mut others = Vec::new();
    for meeting in meetings.iter().filter(|meeting| !meeting.ended) {
        others.extend(load(home, meeting, screen)?.filter(|kept| !is_over(kept, &us)));
    }
    let address = target.again();
    let was_there = meetings.iter().filter(|meeting| meeting.target.as_ref() == Some(&address));
    let last = was_there.max_by_key(|meeting| joined_at(home, meeting)).map(|meeting| meeting.id);
    let restored = others.iter().find(|kept| Some(kept.charter.meeting) == last).cloned();
    let guess = restored.map(|restored| Guess { heard: heard(&restored, us.key()), restored });
    Ok(Kept { bound: None, guess, others })
}

/// How long ago somebody else has said or done something in it.
fn heard(kept: &Restored, us: Key) -> String {
    let last_ms =
        kept.log.entries().filter(|entry| entry.id.author != us).map(|entry| entry.time_ms).max().unwrap_or_default();
    let age = age(Duration::from_millis(unix_ms().saturating_sub(last_ms)));
    age.strip_prefix("for ").map_or(age.clone(), |span| format!("{span} ago"))
}

/// What is kept of a meeting, if it is one.
fn load(home: &Home, meeting: &StoredMeeting, screen: &Screen) -> Result<Option<Restored>, Fail> {
    let Some(charter) = &meeting.charter else { return Ok(None) };
    match SignedCharter::check(charter, meeting.id, &home.identity()) {
        Ok(charter) => {
            let files = home.meeting(meeting.id).and_then(|files| files.load());
            let StoredLog { log, damaged } = files.map_err(|error| broken(&error))?;
            damaged.iter().for_each(|damaged| warn_of_lost(damaged, screen));
            Ok(Some(Restored { charter, pass: meeting.pass.clone(), log }))
        }
        Err(rule) => {
            screen.warning("home", &format!("what was kept of a meeting is damaged and is fetched again: {rule}"));
            Ok(None)
        }
    }
}

fn broken(error: &tertulia_net::Error) -> Fail {
    Fail::failed("home", error.to_string(), "another folder: tertulia --home DIR join TARGET")
}

fn joined_at(home: &Home, meeting: &StoredMeeting) -> Option<SystemTime> {
    let files = home.meeting(meeting.id).ok()?;
    files.path().join("target").metadata().and_then(|target| target.modified()).ok()
}

/// Has the same words lead back to the meeting.
fn remember(home: Option<&Home>, meeting: MeetingId, target: &str, screen: &Screen) {
    if let Some(Err(error)) = home.map(|home| home.remember_target(meeting, target)) {
        screen.warning("home", &error.to_string());
    }
}

fn welcome(ready: &Ready<'_>, screen: &Screen, is_back: bool) {
    if ready.role == Role::Member {
        return room::entered(ready, screen);
    }
    let (title, name) = (escape::line(ready.title), escape::line(ready.name));
    screen.own(&format!("you are in the lecture `{title}`, as {name}"));
    if !ready.is_first {
        return;
    }
    if is_back {
        screen.own("you were here before: only what is new since then is shown");
    }
    let typed = match ready.questions {
        Questions::Open => "what you type is a question to the host",
        Questions::Closed => "this lecture takes no questions",
    };
    screen.own(&format!("{typed}; /msg NAME TEXT is private; /users, /quit; /help has more"));
}

fn farewell(ending: &Ending, again: &str, renamed: &str) -> String {
    let known = [
        (Code::Left, format!("back in: {again}")),
        (Code::Stopped, format!("back in: {again}")),
        (Code::Ended, "to host one yourself: tertulia host TITLE".into()),
        (Code::Unwritten, format!("once that is put right: {again}")),
        (Code::NameTaken, format!("with another name: {renamed}")),
        (Code::Kicked, format!("ask the host for /unban or a new ticket, then: {again}")),
        (Code::Banned, format!("ask the host for /unban or a new ticket, then: {again}")),
        (Code::Denied, format!("ask the host, then: {again}")),
        (Code::TicketNeeded, format!("with the host's ticket: {WITH_TICKET}")),
        (Code::WrongKey, format!("with the host's ticket: {WITH_TICKET}")),
        (Code::NoMeeting, format!("with the host's ticket: {WITH_TICKET}")),
    ];
    let found = known.into_iter().find(|(known, _)| *known == ending.code);
    found.map_or_else(|| format!("try again: {again}"), |(_, next)| next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_copied_from_a_window_is_taken_as_it_was_printed() {
        let ticket = format!("tertulia:{}.{}@127.0.0.1:7473/", "0a".repeat(16), "1b".repeat(32));
        let (front, back) = ticket.split_at(50);
        let code = ticket.parse::<Ticket>().unwrap().to_code();
        let (code_front, code_back) = code.split_at(50);
        for pasted in [
            ticket.clone(),
            format!("  {ticket}\n"),
            format!("{front}\n{back}"),
            format!("{front}\r\n   {back}"),
            format!("'{ticket}'"),
            format!("“{front} {back}”"),
            format!("«{ticket}»"),
            format!("<{ticket}>"),
            format!("\u{feff}{ticket}"),
            format!("$ tertulia join '{ticket}'"),
            format!("tertulia join '{ticket}'"),
            format!("tertulia join {front} {back}"),
            format!("--   tertulia join '{front}\n{back}'\n"),
            format!("-- others join with: tertulia join '{ticket}'"),
            code.clone(),
            code.to_lowercase(),
            format!("{code_front}\n{code_back}"),
            format!("tertulia join '{code}'"),
        ] {
            let Ok(Target::Ticket(read)) = Target::read(&pasted, true) else { panic!("{pasted}") };
            assert_eq!(read.to_string(), ticket, "{pasted}");
        }
        for pasted in [
            "127.0.0.1:7473",
            "127.0.0.1",
            "--   tertulia join 127.0.0.1:7473",
            "tertulia join 127.0.0.1:74 73",
            "127.0.0.1:\n7473",
            "'127.0.0.1:7473'",
        ] {
            let Ok(Target::Address(read)) = Target::read(pasted, false) else { panic!("{pasted}") };
            assert_eq!(read.to_string(), "127.0.0.1:7473", "{pasted}");
        }
    }

    #[test]
    fn an_id_that_nothing_can_find_is_taken_for_no_computer() {
        let refused = Target::read(&"0a".repeat(16), false).expect_err("nothing finds it");
        assert_eq!(refused.hint, "tertulia join 127.0.0.1:7473");
    }

    #[test]
    fn what_may_be_a_title_is_one() {
        let titles = [
            "tides",
            "Rust: 101",
            "Rust:intro",
            "Lunch 12:30",
            "v1.0",
            "Rust.101",
            "How to type tertulia join",
            "What tertulia join does",
            "see host.example: 10",
            "3",
        ];
        for title in titles {
            assert_eq!(Target::read(title, true).ok(), Some(Target::Words(title.into())), "{title}");
        }
        for (address, read) in [
            ("10.0.0.5", "10.0.0.5:7473"),
            ("host.example", "host.example:7473"),
            ("localhost", "localhost:7473"),
            ("::1", "[::1]:7473"),
            ("fe80::1%eth0", "[fe80::1%eth0]:7473"),
            ("[fe80::1%eth0]:7473", "[fe80::1%eth0]:7473"),
            ("tides:7473", "tides:7473"),
        ] {
            assert_eq!(Target::read(address, true).map(|target| target.again()).ok().as_deref(), Some(read));
        }
        for (wrong, hint) in [
            ("::1:7474", "tertulia join '[::1]:7474'"),
            ("tides:99999", "tertulia join tides:7473"),
            ("127.0.0.1:0", "tertulia join 127.0.0.1:7473"),
        ] {
            assert_eq!(Target::read(wrong, true).expect_err(wrong).hint, hint);
        }
    }
}
