//! `tertulia meetings`: what this home has been in.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tertulia_core::charter::SignedCharter;
use tertulia_core::id::MeetingId;
use tertulia_core::identity::Identity;
use tertulia_core::registry::folded;
use tertulia_core::wire::session::Purpose;
use tertulia_net::{Home, StoredMeeting, unix_ms};

use crate::befriend;
use crate::catalogue::age;
use crate::escape;
use crate::fail::{Fail, quoted};
use crate::globals::{Globals, unusable, warn_of_damage};
use crate::json::Object;
use crate::screen::Screen;

/// How it is typed.
pub(crate) const EXAMPLE: &str = "  tertulia meetings --forget 'Rust for sailors'";

/// Show what you have been in: what is kept of it, and how to go back
///
/// What was said with friends is not among them: `tertulia contacts` has those.
#[derive(Debug, clap::Args)]
#[command(before_help = EXAMPLE)]
pub(crate) struct Args {
    /// Remove all that is kept of a meeting: its id, the first 4 or more digits of that, or its title
    #[arg(long, value_name = "MEETING")]
    forget: Option<String>,
}

/// A meeting that this home has been in.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) id: MeetingId,
    /// What its charter says, if that can be read.
    pub(crate) charter: Option<Charter>,
    pub(crate) ended: bool,
    /// When something of it was last written.
    pub(crate) used: SystemTime,
    pub(crate) bytes: u64,
    /// The arguments that lead back, if any do.
    pub(crate) back: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Charter {
    pub(crate) title: String,
    pub(crate) is_lecture: bool,
    pub(crate) is_own: bool,
}

impl Known {
    fn of(stored: &StoredMeeting, us: &Identity) -> Self {
        let signed = stored.charter.as_ref().and_then(|bytes| SignedCharter::check(bytes, stored.id, us).ok());
        let charter = signed.map(|charter| Charter {
            is_lecture: charter.kind == Purpose::STAR,
            is_own: charter.founder == us.key(),
            title: charter.title,
        });
        let back = match (&charter, &stored.target) {
            _ if stored.ended => None,
            (Some(Charter { title, is_lecture, is_own: true }), _) => {
                Some(format!("host {}{}", quoted(title), if *is_lecture { " --lecture" } else { "" }))
            }
            (_, Some(target)) => Some(format!("join {}", quoted(target))),
            (Some(_), None) => Some(format!("join {}", stored.id)),
            (None, None) => None,
        };
        Self { id: stored.id, charter, ended: stored.ended, used: stored.used, bytes: stored.bytes, back }
    }

    fn title(&self) -> &str {
        self.charter.as_ref().map_or("", |charter| &charter.title)
    }

    fn line(&self, program: &str) -> String {
        let what = match &self.charter {
            Some(Charter { title, is_lecture, is_own }) => {
                let whose = if *is_own { "your " } else { "" };
                format!("{}: {whose}{}", escape::line(title), if *is_lecture { "lecture" } else { "room" })
            }
            None => "what it was can't be read".into(),
        };
        let used = age(SystemTime::now().duration_since(self.used).unwrap_or(Duration::ZERO));
        let used = used.strip_prefix("for ").map_or(used.clone(), |span| format!("{span} ago"));
        let state = match &self.back {
            Some(arguments) => format!("to go back: {program} {arguments}"),
            None if self.ended => "ended".into(),
            None => "there is no way back".into(),
        };
        format!("{}  {what}, used {used}, {}; {state}", digits(self.id), size(self.bytes))
    }

    /// The object for scripts.
    pub(crate) fn told(&self, now_ms: u64) -> Object {
        let used = self.used.duration_since(UNIX_EPOCH).unwrap_or_default();
        let charter = self.charter.as_ref();
        Object::new("meeting", now_ms)
            .with("meeting", self.id.to_hex())
            .with("kind", charter.map(|charter| if charter.is_lecture { "star" } else { "mesh" }))
            .with("title", charter.map(|charter| charter.title.clone()))
            .with("own", charter.is_some_and(|charter| charter.is_own))
            .with("ended", self.ended)
            .with("used_ms", u64::try_from(used.as_millis()).unwrap_or(u64::MAX))
            .with("bytes", self.bytes)
            .with("back", self.back.clone())
    }
}

/// Runs the verb.
///
/// # Errors
/// The home can't be used, or what is to be forgotten isn't there.
pub(crate) fn run(args: &Args, globals: &Globals) -> Result<ExitCode, Fail> {
    globals.check()?;
    let screen = Screen::open(globals.json, globals.verbose)?;
    let next = match &args.forget {
        None => list(&screen, globals)?,
        Some(typed) => forget(typed, &screen, globals)?,
    };
    screen.own(&next);
    screen.close()?;
    Ok(ExitCode::SUCCESS)
}

/// What is kept, the last used first.
fn known(path: &Path, us: &Identity, screen: &Screen) -> Result<Vec<Known>, Fail> {
    let mut stored = Home::meetings_at(path).map_err(|error| unusable(&error))?;
    stored.retain(|stored| !stored.is_pair);
    stored.iter().for_each(|stored| warn_of_damage(stored, screen));
    let mut meetings: Vec<Known> = stored.iter().map(|stored| Known::of(stored, us)).collect();
    meetings.sort_by_key(|known| std::cmp::Reverse(known.used));
    Ok(meetings)
}

/// Shows all; what to type next.
fn list(screen: &Screen, globals: &Globals) -> Result<String, Fail> {
    let (path, program) = (globals.home_path()?, globals.program());
    let none = format!("you have been in no meeting yet; to open a room: {program} host TITLE");
    let Some((us, _)) = Home::peek(&path).map_err(|error| unusable(&error))? else { return Ok(none) };
    let meetings = known(&path, &us, screen)?;
    for known in &meetings {
        screen.line(&if screen.is_json() { known.told(unix_ms()).finish() } else { known.line(&program) });
    }
    let bytes = meetings.iter().fold(0, |sum: u64, known| sum.saturating_add(known.bytes));
    Ok(meetings.first().map_or(none, |last| {
        let digits = digits(last.id);
        format!("{} in all; to remove what is kept of one: {program} meetings --forget {digits}", size(bytes))
    }))
}

/// Removes one; what to type next.
fn forget(typed: &str, screen: &Screen, globals: &Globals) -> Result<String, Fail> {
    let home = befriend::own_home(globals, screen, "end that one first, and try again")?;
    let meetings = known(home.path(), &home.identity(), screen)?;
    let meant = choose(typed, &meetings)?;
    home.forget(meant.id).map_err(|error| unusable(&error))?;
    let title = meant.title();
    screen.line(&if screen.is_json() {
        forgotten(meant.id, title, meant.bytes, unix_ms()).finish()
    } else {
        format!("{}  {}: {} removed", digits(meant.id), escape::line(title), size(meant.bytes))
    });
    Ok(format!("to see what is left: {} meetings", globals.program()))
}

/// The object of a meeting of which nothing is kept any more.
pub(crate) fn forgotten(meeting: MeetingId, title: &str, bytes: u64, now_ms: u64) -> Object {
    Object::new("forgotten", now_ms).with("meeting", meeting.to_hex()).with("title", title).with("bytes", bytes)
}

/// Digits of an id that are enough to be asked for.
const DIGITS_MIN: usize = 4;
/// Digits of an id that are shown where there is little place.
const DIGITS_SHOWN: usize = 8;

/// The one that is meant: by its id, by the first digits of that, or by its title.
fn choose<'a>(typed: &str, meetings: &'a [Known]) -> Result<&'a Known, Fail> {
    let is_prefix = typed.len() >= DIGITS_MIN && typed.bytes().all(|digit| digit.is_ascii_hexdigit());
    let begins = |known: &Known| is_prefix && known.id.to_hex().starts_with(&typed.to_lowercase());
    let is_titled = |known: &Known| !known.title().is_empty() && folded(known.title()) == folded(typed);
    let found: Vec<&Known> = meetings.iter().filter(|known| is_titled(known) || begins(known)).collect();
    match found.as_slice() {
        [known] => Ok(known),
        [] => {
            let message = format!("nothing is kept of a meeting called {}", quoted(typed));
            Err(Fail::failed("no_meeting", message, "tertulia meetings"))
        }
        [first, ..] => {
            let message = format!("{} meetings are called {}; say which by its id", found.len(), quoted(typed));
            Err(Fail::failed("ambiguous", message, format!("tertulia meetings --forget {}", first.id)))
        }
    }
}

fn digits(meeting: MeetingId) -> String {
    meeting.to_hex().chars().take(DIGITS_SHOWN).collect()
}

/// Bytes in the largest unit of which there is one.
fn size(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let found = units.into_iter().find_map(|(unit, word)| {
        let count = bytes.checked_div(unit).filter(|count| *count > 0)?;
        Some(format!("{count} {word}"))
    });
    found.unwrap_or_else(|| format!("{bytes} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(id: u8, title: &str) -> Known {
        let charter = Some(Charter { title: title.into(), is_lecture: false, is_own: false });
        let back = Some("join 127.0.0.1:7473".into());
        Known { id: MeetingId([id; 16]), charter, ended: false, used: UNIX_EPOCH, bytes: 0, back }
    }

    #[test]
    fn a_meeting_is_meant_by_its_title_or_by_what_no_other_id_begins_with() {
        let meetings = [known(0xab, "Rust"), known(0xac, "Go"), known(0xad, "go"), known(0xae, "abab")];
        let meant = |typed: &str| choose(typed, &meetings).map(|known| known.id.0[0]).map_err(|fail| fail.code);
        assert_eq!(meant("RUST"), Ok(0xab));
        assert_eq!(meant("ACac"), Ok(0xac));
        assert_eq!(meant(&"ad".repeat(16)), Ok(0xad));
        assert_eq!((meant("go"), meant("abab")), (Err("ambiguous"), Err("ambiguous")));
        assert_eq!(
            (meant("aba"), meant(""), meant("adad0")),
            (Err("no_meeting"), Err("no_meeting"), Err("no_meeting"))
        );
        let lost = [Known { charter: None, ..known(0xab, "") }];
        assert!(choose("", &lost).is_err() && choose("abab", &lost).is_ok());
    }

    #[test]
    fn sizes_are_told_in_their_largest_unit() {
        let told = [0, 1_023, 1_024, 70_000, 5 << 20, 3 << 30].map(size);
        assert_eq!(told, ["0 bytes", "1023 bytes", "1 KiB", "68 KiB", "5 MiB", "3 GiB"]);
    }
}
