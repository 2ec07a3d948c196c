//! `tertulia doctor`: whether all is well where this program is to run, and what to do where it is not.

mod network;

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tertulia_core::limits::GUESTS_MAX;
use tertulia_net::{Condition, Config, Error, Home, OpenFiles, Version, unix_ms};

use crate::escape;
use crate::fail::{Fail, quoted};
use crate::globals::{Called, Globals};
use crate::json::Object;
use crate::screen::{self, Screen};
use crate::window;

/// How it is typed.
pub(crate) const EXAMPLE: &str = "  tertulia doctor";

/// Check home, network, port and registries, and what to do about each
///
/// Each line says what was found, what it means, and what to type. Nothing is changed. Registries are asked to dial back, as they do for a host: under a key that is nobody's.
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLE)]
pub(crate) struct Args {}

/// What waits for others has so long, all of it at the same time.
const PATIENCE: Duration = Duration::from_secs(4);

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// As it should be.
    Ok,
    /// Worth knowing; meetings work.
    Note,
    /// Something will not work.
    Wrong,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) state: State,
    /// What was found, and what it means.
    pub(crate) message: String,
    /// What to type or do.
    pub(crate) hint: Option<String>,
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Wrong => "wrong",
        }
    }
}

impl Check {
    fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, state: State::Ok, message: message.into(), hint: None }
    }

    fn note(name: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { name, state: State::Note, message: message.into(), hint: Some(hint.into()) }
    }

    fn wrong(name: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { name, state: State::Wrong, message: message.into(), hint: Some(hint.into()) }
    }

    fn failed(name: &'static str, fail: Fail) -> Self {
        Self::wrong(name, fail.message, fail.hint)
    }

    fn line(&self) -> String {
        let hint = self.hint.as_ref().map_or_else(String::new, |hint| format!("; try: {}", escape::line(hint)));
        format!("{:<5}  {:<10}  {}{hint}", self.state.word(), self.name, escape::line(&self.message))
    }

    /// The object for scripts.
    pub(crate) fn told(&self, now_ms: u64) -> Object {
        Object::new("check", now_ms)
            .with("name", self.name)
            .with("state", self.state.word())
            .with("message", self.message.as_str())
            .with("hint", self.hint.clone())
    }
}

/// Runs the verb.
///
/// # Errors
/// What was typed makes no sense.
pub(crate) fn run(globals: &Globals) -> Result<ExitCode, Fail> {
    globals.check()?;
    let screen = Screen::open(globals.json, globals.verbose)?;
    let checks = all(globals);
    for check in &checks {
        screen.line(&if screen.is_json() { check.told(unix_ms()).finish() } else { check.line() });
    }
    let program = globals.program();
    let wrong = checks.iter().filter(|check| check.state == State::Wrong).count();
    screen.own(&match wrong {
        0 => format!("nothing is wrong; to open a room: {program} host TITLE"),
        1 => format!("1 check is wrong; once it is put right: {program} doctor"),
        wrong => format!("{wrong} checks are wrong; once they are put right: {program} doctor"),
    });
    screen.close()?;
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// All checks; the home and the network at the same time.
fn all(globals: &Globals) -> Vec<Check> {
    let deadline = Instant::now().checked_add(PATIENCE).unwrap_or_else(Instant::now);
    let path = globals.home_path();
    // What is wrong with them, looking at the home tells.
    let config = path.as_ref().ok().and_then(|path| Home::config_at(path).ok()).unwrap_or_default();
    let (condition, network) = std::thread::scope(|scope| {
        let condition = path.as_ref().ok().map(|path| scope.spawn(|| Condition::of(path, deadline)));
        let network = network::checks(globals, &config, deadline);
        (condition.and_then(|condition| condition.join().ok()), network)
    });
    let mut checks = match (path, condition) {
        (Ok(path), Some(condition)) => of_home(&path, &condition, &globals.program()),
        (Err(fail), _) => vec![Check::failed("home", fail)],
        (Ok(_), None) => Vec::new(),
    };
    checks.push(name(globals.called_in(None, &config), &config));
    checks.extend(network);
    checks.push(open_files(OpenFiles::now()));
    checks.push(terminal(window::size()));
    checks
}

/// Where the home is, who holds it, who reads it, whether its files are as they were written, and its clock.
fn of_home(path: &Path, found: &Condition, program: &str) -> Vec<Check> {
    let shown = path.display().to_string();
    let mut checks = vec![place(&shown, found)];
    checks.extend(found.wrong.iter().map(|error| broken(error, program)));
    if let Some(number) = found.holder {
        let who = number.map_or("another tertulia".into(), |number| format!("process {number}"));
        let message = format!("{who} holds the home: whoever starts in it now is a guest, with a key that is not kept");
        checks.push(Check::note("holder", message, "end that one first; or another home: tertulia --home DIR …"));
    }
    for (file, mode) in &found.readable {
        let (file, is_home) = (file.display().to_string(), file == path);
        let command = format!("chmod go-rwx {}", quoted(&file));
        let message = format!("others can use {file} (mode {mode:04o})");
        checks.push(match is_home {
            true => Check::note("rights", format!("{message}: they learn with whom you meet"), command),
            false => Check::wrong("rights", format!("{message}: whoever reads it can be you"), command),
        });
    }
    if found.is_there && found.readable.is_empty() {
        checks.push(Check::ok("rights", "nobody but you can use it"));
    }
    for file in &found.damaged {
        let message = format!("{} is damaged, and is done without", file.display());
        checks.push(Check::note("files", message, "put back a copy of it, if there is one"));
    }
    if found.unread > 0 {
        let message = format!("logs that are too long to be looked through now: {}", found.unread);
        checks.push(Check::note("files", message, format!("{program} doctor")));
    }
    let is_whole = found.wrong.is_empty() && found.damaged.is_empty() && found.unread == 0;
    if found.is_there && found.version == Version::This && is_whole {
        checks.push(Check::ok("files", "all files of the home are as they were written"));
    }
    checks.extend(found.started_ms.map(|started_ms| clock(started_ms, unix_ms())));
    checks
}

fn place(shown: &str, found: &Condition) -> Check {
    let copy = format!("cp -a {} {}", quoted(shown), quoted(&format!("{shown}.copy")));
    match found.version {
        _ if !found.is_there => {
            Check::ok("home", format!("{shown} is not there yet: what needs it makes it, with a new identity"))
        }
        Version::This => Check::ok("home", format!("{shown} is the home, and of this version")),
        Version::Later => Check::wrong(
            "home",
            format!("{shown} was made by a later tertulia, and this one does not read it"),
            "the tertulia that has made it; or another home: tertulia --home DIR …",
        ),
        Version::Earlier => {
            let message = "was made by an earlier tertulia: what that has kept of meetings and of talk with friends is put \
                           into a folder of its own by whoever opens it, and is not read";
            Check::note("home", format!("{shown} {message}"), copy)
        }
        Version::Damaged => {
            let message = "has lost the file that says its version, which is written anew by whoever opens it";
            Check::note("home", format!("{shown} {message}"), copy)
        }
    }
}

/// A file, or the folder, that stops what needs it.
fn broken(error: &Error, program: &str) -> Check {
    let (name, hint) = if let Error::Damaged { path, .. } | Error::Identity { path, .. } = error {
        let path = path.display().to_string();
        ("files", format!("mv {} {}", quoted(&path), quoted(&format!("{path}.damaged"))))
    } else if matches!(error, Error::Config { .. }) {
        ("files", format!("{program} config edit"))
    } else if matches!(error, Error::Contacts { .. }) {
        ("files", format!("an editor, and then: {program} contacts"))
    } else {
        ("home", "tertulia --home DIR …".into())
    };
    Check::wrong(name, error.to_string(), hint)
}

fn name(called: Result<Called, Fail>, config: &Config) -> Check {
    match called {
        Ok(Called { name, is_chosen: true }) => Check::ok("name", format!("you are called {name}, as you have typed")),
        Ok(Called { name, .. }) if config.name.is_some() => {
            Check::ok("name", format!("you are called {name}, as config.toml says"))
        }
        Ok(Called { name, .. }) => Check::ok("name", format!("you are called {name}, as the system does")),
        Err(fail) => Check::failed("name", fail),
    }
}

/// What a run has left of the clock that it went by. Of other clocks nothing is kept.
fn clock(started_ms: u64, now_ms: u64) -> Check {
    match started_ms.checked_sub(now_ms).map(Duration::from_millis) {
        None | Some(Duration::ZERO) => Check::ok("clock", "this machine's clock has gone on since the last run"),
        Some(ahead) => {
            let message = format!(
                "this machine's clock is {} s behind where it was in the last run: one of the two was wrong, and \
                 registries take nothing from whose clock is half a day off",
                ahead.as_secs().max(1)
            );
            Check::note("clock", message, "timedatectl set-ntp true")
        }
    }
}

fn open_files(files: Option<OpenFiles>) -> Check {
    let Some(OpenFiles { limit, accepted }) = files else {
        return Check::ok("open_files", "there is no limit of open files");
    };
    let most = u64::try_from(GUESTS_MAX).unwrap_or(u64::MAX);
    if accepted >= most {
        return Check::ok("open_files", format!("{limit} files may be open: enough for a lecture of {most} attendees"));
    }
    let message =
        format!("{limit} files may be open: a lecture of yours has room for {accepted} attendees, not {most}");
    Check::note("open_files", message, "sudo prlimit --nofile=16384 --pid $$")
}

fn terminal(size: Option<(u16, u16)>) -> Check {
    let Some((columns, rows)) = size else {
        return Check::ok("terminal", "stdout is no terminal: lines are plain");
    };
    let colours = if screen::has_colour() { "with colours" } else { "without colours" };
    let found = format!("{columns} columns and {rows} rows, {colours}");
    if !window::is_utf8() {
        let message = format!("{found}; but the locale is not UTF-8: names and texts may look wrong");
        return Check::note("terminal", message, "export LC_ALL=C.UTF-8");
    }
    if !window::is_large(&(columns, rows)) {
        return Check::note(
            "terminal",
            format!("{found}: a meeting is plain lines, which are hard to read"),
            "a larger window, or smaller letters",
        );
    }
    let typed = if std::io::stdin().is_terminal() { "" } else { "; stdin is no terminal: lines are read plainly" };
    Check::ok("terminal", format!("{found}, UTF-8{typed}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_back_shows_and_one_that_goes_on_is_well() {
        assert_eq!(clock(1_000, 1_000).state, State::Ok);
        assert_eq!(clock(1_000, 2_000).state, State::Ok);
        let behind = clock(3_601_000, 1_000);
        assert!(behind.state == State::Note && behind.message.contains("3600 s behind"), "{behind:?}");
    }

    #[test]
    fn few_open_files_are_told_in_attendees() {
        let of = |limit, accepted| open_files(Some(OpenFiles { limit, accepted }));
        assert_eq!(of(1_048_576, 1_048_480).state, State::Ok);
        let few = of(1_024, 928);
        assert!(few.state == State::Note && few.message.contains("928 attendees"), "{few:?}");
        assert_eq!(open_files(None).state, State::Ok);
    }
}
