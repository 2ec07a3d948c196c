//! `tertulia` without a verb: who you are, what is on, who of your contacts is there, and what to type next.

use std::process::ExitCode;
use std::time::Duration;

use tertulia_core::charter::Admission;
use tertulia_core::command::Directory;
use tertulia_core::contact::{Listed, Standing};
use tertulia_core::event::Event;
use tertulia_net::{Config, Home};

use crate::directory::{self, Answer};
use crate::fail::Fail;
use crate::globals::Globals;
use crate::id;
use crate::screen::Screen;

/// Meetings that are shown; `tertulia list` has all.
const SHOWN_MAX: usize = 5;
/// Whoever only looks around waits for a dead registry no longer than this.
const PATIENCE: Duration = Duration::from_secs(1);

/// Shows what there is, as far as it can be had.
///
/// # Errors
/// What was typed makes no sense.
pub(crate) fn run(globals: &Globals) -> Result<ExitCode, Fail> {
    globals.check()?;
    let mut screen = Screen::open(globals.json, globals.verbose)?;
    let home = id::show(&screen, globals).and_then(|()| look_into(globals, &screen));
    let (config, contacts, code) = match home {
        Ok((config, contacts)) => (config, contacts, ExitCode::SUCCESS),
        Err(fail) => {
            screen.warning(fail.code, &format!("{}; {}", fail.message, fail.hint));
            (Config::default(), Vec::new(), ExitCode::FAILURE)
        }
    };
    let registries = globals.registries_in(&config)?;
    let questions = [Directory::List { words: String::new() }, Directory::Who];
    let answer = directory::ask_all(&questions, PATIENCE, &registries, globals.trace.clone())?;
    let program = globals.program();
    let listed = meetings(&answer, &program, &mut screen);
    if let Err(error) = remember(&listed, globals, &screen) {
        screen.warning("home", &error.message);
    }
    if answer.failure.is_none() {
        people(&answer, &contacts, &program, &mut screen);
    }
    unanswered(&answer, &screen);
    if answer.failure.is_some() {
        screen.own(&format!("what is on on another machine, hosted with --lan: {program} list --registry IP"));
    }
    // One that lets in whoever comes.
    let is_open = |event: &&Event| matches!(event, Event::Listing { is_locked: false, admission: Admission::Open, .. });
    let target = match listed.iter().find(is_open) {
        Some(Event::Listing { number, .. }) => number.to_string(),
        _ => "HOST:PORT".into(),
    };
    screen.own(&format!("to join a meeting:   {program} join {target}"));
    screen.own(&format!("to open a room:      {program} host 'Friday tertulia'"));
    screen.own(&format!("to write to friends: {program} friends"));
    screen.own("and all there is:    tertulia --help");
    screen.close()?;
    Ok(code)
}

/// Settings and contacts, whoever holds the home; it is let go at once.
fn look_into(globals: &Globals, screen: &Screen) -> Result<(Config, Vec<Listed>), Fail> {
    let home = globals.look_into_home(screen)?;
    let mut contacts = home.contacts().map_err(|error| {
        Fail::failed("home", error.to_string(), "put it right, or choose another folder: tertulia --home DIR")
    })?;
    contacts.retain(|contact| contact.standing != Standing::Removed);
    Ok((home.config().clone(), contacts))
}

/// The numbers that were shown are those that `join` takes; those of an earlier list stay if there were none.
fn remember(listed: &[Event], globals: &Globals, screen: &Screen) -> Result<(), Fail> {
    let id = |event: &Event| if let Event::Listing { meeting, .. } = event { Some(*meeting) } else { None };
    let ids: Vec<_> = listed.iter().filter_map(id).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let home: Home = globals.look_into_home(screen)?;
    home.remember_listed(&ids).map_err(|error| Fail::failed("home", error.to_string(), "tertulia list"))
}

/// Shows the fullest meetings, with numbers from 1.
fn meetings(answer: &Answer, program: &str, screen: &mut Screen) -> Vec<Event> {
    let population =
        |event: &Event| if let Event::Listing { population, .. } = event { Some(*population) } else { None };
    let mut all: Vec<&Event> = answer.found.iter().filter(|event| population(event).is_some()).collect();
    // Of those that are equally full, the newest first: so they came.
    all.sort_by_key(|event| std::cmp::Reverse(population(event)));
    let rest = all.len().saturating_sub(SHOWN_MAX);
    let shown: Vec<Event> =
        (1..).zip(all.into_iter().take(SHOWN_MAX)).map(|(number, event)| numbered(event, number)).collect();
    match (shown.is_empty(), answer.failure.is_some()) {
        (true, true) => {}
        (true, false) => screen.own("nothing is on"),
        (false, _) => screen.own("on now, the fullest first:"),
    }
    shown.iter().for_each(|event| screen.event(event, None));
    if rest > 0 {
        screen.own(&format!("and {rest} more: {program} list"));
    }
    shown
}

fn numbered(event: &Event, place: u32) -> Event {
    let mut event = event.clone();
    if let Event::Listing { number, .. } = &mut event {
        *number = place;
    }
    event
}

/// Shows the contacts who have registered: by the key that was met, under the name that the user has given them.
fn people(answer: &Answer, contacts: &[Listed], program: &str, screen: &mut Screen) {
    let of_contact = |event: &Event| {
        let Event::Person { key, addresses, since_ms, .. } = event else { return None };
        let contact = contacts.iter().find(|contact| contact.key == Some(*key))?;
        let (name, addresses) = (contact.name.clone(), addresses.clone());
        Some(Event::Person { name, key: *key, addresses, since_ms: *since_ms })
    };
    let there: Vec<Event> = answer.found.iter().filter_map(of_contact).collect();
    let unmet = match contacts.iter().filter(|contact| contact.key.is_none()).count() {
        0 => String::new(),
        unmet => format!("; of {unmet} no key is known yet, so nobody can tell"),
    };
    let all = contacts.len();
    screen.own(&match there.len() {
        0 if all == 0 => format!("you have no contacts yet; to add one: {program} contacts add NAME HOST:PORT"),
        0 => format!("none of your contacts ({all}) has registered; they may be there all the same{unmet}"),
        count => format!("of your contacts ({all}), {count} registered{unmet}:"),
    });
    there.iter().for_each(|event| screen.event(event, None));
}

/// Says, once, which registries have not answered: for people that is no alarm.
fn unanswered(answer: &Answer, screen: &Screen) {
    for (code, message) in answer.warnings.iter().chain(&answer.failure) {
        if screen.is_json() {
            screen.warning(code, message);
        } else {
            screen.own(&crate::escape::line(message));
        }
    }
}
