//! What a person types in a console: a line becomes a wish, or the words that would have worked.

use tertulia_core::command::{Command, Directory, With, Words};
use tertulia_core::event::Role;
use tertulia_core::limits;
use tertulia_core::mesh::Tickets;
use tertulia_core::name::{normal, proper};
use tertulia_core::wire::field::Reason;

use crate::words::{self, DOES};

mod friends;

/// What a line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Something that the node does.
    Do(Command),
    /// The words that work here.
    Help,
    /// What others join with.
    Ticket,
    /// Nothing; but this should be known.
    Hint(&'static str),
    /// Look for what was said with all of these words: a full screen's.
    Search(String),
    /// Call this user, as if the window was not used: a full screen's.
    Away,
    /// Show what was said with this friend alone, and send there what is typed; or all again: a full screen's.
    With(Option<String>),
}

/// Where there is no full screen.
pub(crate) const NO_SCREEN: &str =
    "only a full screen does this; in plain lines your terminal searches, and shows all that comes";

/// One word too few for so much: whoever means only to go would end it for everybody.
const HOST_QUITS: &str = "this would end the lecture for all: /end does so; /stop stops it for now, to go on later";

/// Why a line or a JSON command can't be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// A word for scripts.
    pub(crate) code: &'static str,
    /// What was expected, what was found, what to type instead.
    pub(crate) message: String,
}

impl Problem {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// A slash command: its word, what follows it, what it does in a lecture and in a room, and who has it.
struct Word {
    word: &'static str,
    takes: &'static str,
    meaning: &'static str,
    in_room: &'static str,
    of: Of,
}

/// Who has a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    All,
    /// In a lecture all, in a room nobody.
    Lecture,
    /// In a lecture its host alone, in a room all.
    HostOfLecture,
    Host,
}

const fn word(word: &'static str, takes: &'static str, meaning: &'static str, of: Of) -> Word {
    Word { word, takes, meaning, in_room: meaning, of }
}

impl Word {
    const fn in_room(mut self, meaning: &'static str) -> Self {
        self.in_room = meaning;
        self
    }

    const fn meaning(&self, role: Role) -> &'static str {
        match role {
            Role::Member => self.in_room,
            Role::Host | Role::Attendee | Role::Friends => self.meaning,
        }
    }
}

const WORDS: &[Word] = &[
    word("say", " TEXT", "send TEXT, whatever it looks like (a leading space does the same)", Of::All),
    word("msg", " NAME TEXT", "send TEXT to NAME alone", Of::All),
    word("me", " TEXT", "tell what you do: /me waves is shown as * NAME waves", Of::HostOfLecture),
    word("name", " NEW", "be called NEW from now on", Of::All),
    word("users", "", "who is here", Of::All),
    word("search", " TEXT", "find what was said with these words", Of::All),
    word("away", "", "be called, until you type again, for private words and your name", Of::All),
    word("check", " [NUMBER]", "words to compare aloud: whoever sees the same was told the same by the host", Of::Lecture),
    word("ticket", "", "what others join with", Of::All),
    word("tickets", "", "your tickets, and who is here by them; /ticket LABEL makes one more, /ticket LABEL --void has it let in nobody new", Of::Host),
    word("bans", "", "who is muted or out", Of::HostOfLecture),
    word("retract", " [NAME]", "remove the last that you have said, or the last question of NAME's", Of::HostOfLecture)
        .in_room("remove the last that you have said; a host: that NAME has said"),
    word("stop", "", "stop for now: the lecture goes on when you host the same title again", Of::HostOfLecture)
        .in_room("go for now and stay a member: the room goes on"),
    word(
        "kick",
        " NAME [WHY]",
        "show NAME out, for good (an open lecture lets a new key back in); NAME --ticket: its ticket is void, too",
        Of::Host,
    )
    .in_room("show NAME out, for good (an open room lets a new key back in); NAME --all: and whom it let in; NAME --ticket: its ticket is void, too"),
    word("unban", " NAME", "let NAME back in", Of::Host),
    word("mute", " NAME", "take no more questions from NAME", Of::Host).in_room("keep NAME from talking to all"),
    word("unmute", " NAME", "take questions from NAME again", Of::Host).in_room("let NAME talk to all again"),
    word("admit", " NAME|all", "let in who waits in the lobby", Of::Host),
    word("deny", " NAME [WHY]", "send NAME away from the lobby", Of::Host),
    word("lock", "", "let nobody new in", Of::Host),
    word("unlock", "", "let people in again", Of::Host),
    word("end", "", "end the lecture for all", Of::Host).in_room("end the room for all"),
    word("register", "", "have registries list you, for tertulia who", Of::Host),
    word("unregister", "", "have them forget you", Of::Host),
    word("help", "", "this list", Of::All),
    word("quit", "", "leave (a host has /end and /stop)", Of::All).in_room("leave: the room goes on without you"),
];

/// What people of other systems type, and what it is called here.
const HABITS: &[(&str, &str)] = &[
    ("action", "me"),
    ("afk", "away"),
    ("ban", "kick"),
    ("banned", "bans"),
    ("bye", "quit"),
    ("close", "end"),
    ("disconnect", "quit"),
    ("exit", "quit"),
    ("find", "search"),
    ("grep", "search"),
    ("invite", "ticket"),
    ("leave", "quit"),
    ("list", "users"),
    ("message", "msg"),
    ("nick", "name"),
    ("query", "msg"),
    ("redact", "retract"),
    ("delete", "retract"),
    ("unsend", "retract"),
    ("rename", "name"),
    ("tell", "msg"),
    ("w", "msg"),
    ("whisper", "msg"),
    ("who", "users"),
];

/// What is done outside of the console that it is typed in.
const OUTSIDE: &[(&str, &str)] = &[
    ("add", CONTACTS),
    ("contacts", CONTACTS),
    ("friends", CONTACTS),
    ("host", "to host something else, in another terminal: tertulia host TITLE"),
    ("join", "to join something else, in another terminal: tertulia join TARGET"),
    ("list", "to see what is on, in another terminal: tertulia list"),
    ("remove", CONTACTS),
    ("send", CONTACTS),
    ("who", "to see who has registered, in another terminal: tertulia who"),
];

const CONTACTS: &str = "contacts have a console of their own, in another terminal: tertulia friends";

fn outside(typed: &str) -> Option<&'static str> {
    OUTSIDE.iter().find(|(word, _)| *word == typed).map(|(_, instead)| *instead)
}

/// Reads one line. Nothing comes of an empty one. `knows` tells whether somebody of that name is here.
///
/// # Errors
/// What would have worked.
pub(crate) fn parse(line: &str, role: Role, knows: impl Fn(&str) -> bool) -> Result<Option<Wish>, Problem> {
    Ok(match read(line, role, knows)? {
        Some(Wish::Do(Command::Quit)) if role == Role::Host => Some(Wish::Hint(HOST_QUITS)),
        wish => wish,
    })
}

fn read(line: &str, role: Role, knows: impl Fn(&str) -> bool) -> Result<Option<Wish>, Problem> {
    if line.trim().is_empty() {
        return Ok(None);
    }
    if role == Role::Friends {
        return friends::parse(line, knows).map(Some);
    }
    if let Some(rest) = line.strip_prefix('/') {
        return slash(rest, role).map(Some);
    }
    if let Some(text) = line.strip_prefix(' ') {
        return say(text, role).map(Some);
    }
    match bare(line.trim_end(), &knows) {
        Some(Wish::Do(command)) => checked(command, role).map(|command| Some(Wish::Do(command))),
        Some(wish) => Ok(Some(wish)),
        None => say(line, role).map(Some),
    }
}

fn say(text: &str, role: Role) -> Result<Wish, Problem> {
    checked(Command::Say { text: text.into() }, role).map(Wish::Do)
}

/// The words that the systems of old had without a slash: only if the whole line is one of them.
fn bare(line: &str, knows: &impl Fn(&str) -> bool) -> Option<Wish> {
    let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
    let command = match (first, rest) {
        ("users", "") => Command::Users,
        ("register", "") => Command::Directory(Directory::Register),
        ("unregister", "") => Command::Directory(Directory::Unregister),
        ("exit" | "quit" | "disconnect", "") => Command::Quit,
        ("help", "") => return Some(Wish::Help),
        ("rename", name) => Command::Name { name: proper(name)?.as_str().into() },
        ("msg" | "message", rest) => {
            let (name, text) = rest.split_once(' ')?;
            if !knows(name) || text.trim().is_empty() {
                return None;
            }
            Command::Msg { to: name.into(), text: text.trim_start().into() }
        }
        _ => return None,
    };
    Some(Wish::Do(command))
}

fn slash(line: &str, role: Role) -> Result<Wish, Problem> {
    let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let Some(word) = WORDS.iter().find(|word| word.word == first) else {
        return Err(unknown(first, line, role));
    };
    if !mine(word, role) {
        return Err(not_yours(first));
    }
    let arguments = rest.trim();
    let (name, tail) = arguments.split_once(char::is_whitespace).unwrap_or((arguments, ""));
    let (name_owned, tail) = (name.to_string(), tail.trim_start());
    let misused = || Problem::new("usage", format!("type: /{}{}", word.word, word.takes));
    let is_whole = match word.takes {
        "" if word.word == "ticket" => return ticket(arguments, role),
        "" => arguments.is_empty(),
        " TEXT" => !arguments.is_empty(),
        " NAME TEXT" => !tail.is_empty(),
        " NAME [WHY]" => !name.is_empty(),
        " [NUMBER]" => arguments.is_empty() || arguments.parse::<u64>().is_ok(),
        " [NAME]" => tail.is_empty(),
        // Refused as a name, which says more.
        " NEW" => !name.is_empty(),
        _ => !name.is_empty() && tail.is_empty(),
    };
    if !is_whole {
        return Err(misused());
    }
    let command = match first {
        "say" => Command::Say { text: rest.into() },
        "me" => Command::Say { text: format!("{DOES}{arguments}") },
        "search" => return Ok(Wish::Search(arguments.into())),
        "away" => return Ok(Wish::Away),
        "msg" => Command::Msg { to: name_owned, text: tail.into() },
        "name" => Command::Name { name: arguments.into() },
        "users" => Command::Users,
        "tickets" => Command::Tickets,
        "check" => Command::Check { number: arguments.parse().ok() },
        "bans" => Command::Bans,
        "retract" if name.is_empty() => Command::Retract { words: Words::Own },
        "retract" => Command::Retract { words: Words::Of(name_owned) },
        "kick" => {
            let (with, why) = with(tail)?;
            Command::Kick { name: name_owned, why: why.into(), with }
        }
        "unban" => Command::Unban { name: name_owned },
        "mute" => Command::Mute { name: name_owned },
        "unmute" => Command::Unmute { name: name_owned },
        "admit" => Command::Admit { name: (name != "all").then_some(name_owned) },
        "deny" => Command::Deny { name: name_owned, why: tail.into() },
        "lock" => Command::Lock,
        "unlock" => Command::Unlock,
        "end" => Command::End,
        "stop" => Command::Stop,
        "register" => Command::Directory(Directory::Register),
        "unregister" => Command::Directory(Directory::Unregister),
        "help" => return Ok(Wish::Help),
        "quit" => Command::Quit,
        _ => return Err(misused()),
    };
    checked(command, role).map(Wish::Do)
}

/// What others join with; or the ticket of a label, which may be to be void.
fn ticket(arguments: &str, role: Role) -> Result<Wish, Problem> {
    let mut words: Vec<&str> = arguments.split_whitespace().collect();
    let all = words.len();
    words.retain(|word| *word != "--void");
    let void = words.len() < all;
    match words.as_slice() {
        [] if !void => Ok(Wish::Ticket),
        [] => checked(Command::Ticket { label: String::new(), void }, role).map(Wish::Do),
        [label] => checked(Command::Ticket { label: (*label).into(), void }, role).map(Wish::Do),
        _ => Err(Problem::new("usage", "type: /ticket, /ticket LABEL or /ticket LABEL --void")),
    }
}

/// What goes with somebody who is kicked, and the rest of the line: a slip is no reason to kick somebody for.
fn with(mut rest: &str) -> Result<(With, &str), Problem> {
    let mut with = With::default();
    loop {
        let (word, tail) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        match word {
            "--all" => with.all = true,
            "--ticket" => with.ticket = true,
            slip if slip.starts_with("--") => {
                return Err(Problem::new("usage", format!("/kick has no {slip}: there are --all and --ticket")));
            }
            _ => return Ok((with, rest)),
        }
        rest = tail.trim_start();
    }
}

/// Checks what the codec would refuse, and what this role may not ask.
///
/// # Errors
/// What would have worked.
pub(crate) fn checked(mut command: Command, role: Role) -> Result<Command, Problem> {
    if let Command::Name { name: typed } | Command::Ticket { label: typed, .. } = &mut command {
        *typed = normal(typed);
    }
    if role == Role::Friends {
        return friends::checked(command);
    }
    let host_only = match &command {
        Command::Say { text } => fits(text).map(|()| None),
        Command::Msg { to, text } => fits(text).and_then(|()| named(to)).map(|()| None),
        Command::Name { name } => named(name).map(|()| None),
        Command::Kick { with: With { all: true, .. }, .. } if role == Role::Host => {
            Err(Problem::new("usage", "in a lecture nobody lets others in: leave out --all"))
        }
        Command::Kick { name, why, .. } if Reason::new(why).is_some() => named(name).map(|()| Some("kick")),
        Command::Deny { name, why } if Reason::new(why).is_some() => named(name).map(|()| Some("deny")),
        Command::Admit { name } => name.as_deref().map_or(Ok(()), named).map(|()| Some("admit")),
        Command::Kick { .. } | Command::Deny { .. } => {
            Err(Problem::new("too_long", "a reason has at most 255 bytes; shorten it"))
        }
        Command::Ticket { label, .. } => labelled(label).map(|()| Some("ticket")),
        Command::Tickets => Ok(Some("tickets")),
        Command::Bans => Ok(Some("bans")),
        Command::Retract { words: Words::Of(name) } => named(name).map(|()| Some("retract")),
        Command::Retract { .. } => Ok(Some("retract")),
        Command::Unban { name } => named(name).map(|()| Some("unban")),
        Command::Mute { name } => named(name).map(|()| Some("mute")),
        Command::Unmute { name } => named(name).map(|()| Some("unmute")),
        Command::Lock => Ok(Some("lock")),
        Command::Unlock => Ok(Some("unlock")),
        Command::End => Ok(Some("end")),
        Command::Stop => Ok(Some("stop")),
        Command::Directory(Directory::Register) => Ok(Some("register")),
        Command::Directory(Directory::Unregister) => Ok(Some("unregister")),
        Command::Check { .. } if role == Role::Member => Err(Problem::new("not_here", words::NOTHING_BETWEEN)),
        Command::Check { .. } | Command::Directory(_) | Command::Users | Command::Quit => Ok(None),
        Command::Contacts
        | Command::Add { .. }
        | Command::Remove { .. }
        | Command::Block { .. }
        | Command::Unblock { .. } => Err(Problem::new("not_here", format!("this is a meeting; {CONTACTS}"))),
    }?;
    match (host_only, role) {
        (Some(word), Role::Attendee) => Err(not_yours(word)),
        // In a room, it is the roster that says who is a host.
        (Some(_), Role::Host | Role::Friends | Role::Member) | (None, _) => Ok(command),
    }
}

fn fits(text: &str) -> Result<(), Problem> {
    match text.len() {
        0 => Err(Problem::new("empty", "there is nothing to send; type some text")),
        length if length > limits::TEXT_MAX => Err(Problem::new(
            "too_long",
            format!("the text has {length} bytes, and {} fit; send it in parts", limits::TEXT_MAX),
        )),
        _ => Ok(()),
    }
}

fn named(name: &str) -> Result<(), Problem> {
    match proper(name) {
        Some(_) => Ok(()),
        None => Err(Problem::new("bad_name", format!("`{name}` is no name: {NAME_RULE}"))),
    }
}

fn labelled(label: &str) -> Result<(), Problem> {
    if label.is_empty() || Tickets::is_label(label) {
        return Ok(());
    }
    Err(Problem::new("bad_label", words::no_label(label)))
}

/// What makes a name, for whoever has typed another.
pub(crate) const NAME_RULE: &str =
    "a name has 1 to 64 bytes, nothing invisible but between what it joins, no white space or /, and no * @ # in front";

fn not_yours(word: &str) -> Problem {
    if word == "check" {
        return Problem::new("not_here", words::NOTHING_BETWEEN);
    }
    if word == "ticket" {
        return Problem::new("host_only", "only the host makes tickets; /ticket alone shows what others join with");
    }
    if let "register" | "unregister" = word {
        let message =
            "attendees are not listed; to be listed, in another terminal: tertulia friends, and there: /register";
        return Problem::new("host_only", message);
    }
    Problem::new(
        "host_only",
        format!("only the host has /{word}; you have {}", slashed(mine_of(Role::Attendee).map(|word| word.word))),
    )
}

fn unknown(first: &str, line: &str, role: Role) -> Problem {
    let words: Vec<_> = mine_of(role).map(|word| (word.word, word.takes)).collect();
    missing(first, &words, Some(format!("as text: /say /{line}")))
}

/// There is no such word: what may be meant, or else all that there are; and what else would do.
fn missing(typed: &str, words: &[(&str, &str)], instead: Option<String>) -> Problem {
    let outside = outside(typed);
    let advice = match meant(typed, words) {
        Some((word, takes)) => Some(format!("perhaps /{word}{takes} is meant")),
        None => outside.is_none().then(|| format!("there are {}", slashed(words.iter().map(|(word, _)| *word)))),
    };
    let says: Vec<String> = advice.into_iter().chain(outside.map(Into::into).or(instead)).collect();
    Problem::new("unknown_command", format!("there is no /{typed} here: {}", says.join("; ")))
}

/// Which of `words` somebody wanted: one that is called otherwise elsewhere, or the nearest.
fn meant<'w>(typed: &str, words: &[(&'w str, &'w str)]) -> Option<(&'w str, &'w str)> {
    let typed = typed.to_lowercase();
    let habit = HABITS.iter().find(|(habit, _)| *habit == typed).map(|(_, word)| *word);
    let word = habit.or_else(|| nearest(&typed, words.iter().map(|(word, _)| *word)))?;
    words.iter().find(|(known, _)| *known == word).copied()
}

/// The word that the fewest slips make of `typed`, a third of its letters at most; else the first that it begins.
pub(crate) fn nearest<'w>(typed: &str, words: impl Iterator<Item = &'w str> + Clone) -> Option<&'w str> {
    let slips = |word: &str| strsim::osa_distance(typed, word);
    let most = typed.chars().count().max(3) / 3;
    let near = words.clone().filter(|word| slips(word) <= most).min_by_key(|word| slips(word));
    near.or_else(|| words.into_iter().find(|word| typed.len() > 1 && word.starts_with(typed)))
}

/// Whether `role` has it, as far as that shows: who hosts a room, its roster says.
fn mine(word: &Word, role: Role) -> bool {
    match word.of {
        Of::All => true,
        Of::Lecture => role != Role::Member,
        Of::HostOfLecture | Of::Host => role != Role::Attendee,
    }
}

fn mine_of(role: Role) -> impl Iterator<Item = &'static Word> {
    WORDS.iter().filter(move |word| mine(word, role))
}

fn slashed<'w>(words: impl Iterator<Item = &'w str>) -> String {
    words.map(|word| format!("/{word}")).collect::<Vec<_>>().join(" ")
}

/// The words that `role` has, as they are typed.
pub(crate) fn slashes(role: Role) -> Vec<String> {
    mine_of(role).map(|word| format!("/{}", word.word)).collect()
}

/// The words that work for `role`, a line each.
pub(crate) fn help(role: Role) -> Vec<String> {
    let first = match role {
        Role::Host | Role::Member => "a line goes to all; a line that begins with / is one of these:",
        Role::Attendee => "a line is a question to the host; a line that begins with / is one of these:",
        Role::Friends => return friends::help(),
    };
    let line = |word: &Word| {
        let typed = format!("/{}{}", word.word, word.takes);
        format!("  {typed:<18} {}", word.meaning(role))
    };
    let (hosts, all): (Vec<_>, Vec<_>) = mine_of(role).partition(|word| role == Role::Member && word.of == Of::Host);
    let hosts = hosts.into_iter().map(line);
    let between = (role == Role::Member).then(|| "and these are its host's alone:".to_string());
    std::iter::once(first.to_string()).chain(all.into_iter().map(line)).chain(between).chain(hosts).collect()
}

#[cfg(test)]
mod tests;
