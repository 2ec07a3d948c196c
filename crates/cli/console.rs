//! What a person types in a console: a line becomes a wish, or the words that would have worked.

use tertulia_core::command::{Command, Directory};
use tertulia_core::event::Role;
use tertulia_core::limits;
use tertulia_core::name::normal;
use tertulia_core::wire::field::{Name, Reason};

#[path = "console/friends.rs"]
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
}

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

/// A slash command: its word, what follows it, what it does, and whether only a host has it.
struct Word {
    word: &'static str,
    takes: &'static str,
    meaning: &'static str,
    host_only: bool,
}

const fn word(word: &'static str, takes: &'static str, meaning: &'static str, host_only: bool) -> Word {
    Word { word, takes, meaning, host_only }
}

const WORDS: &[Word] = &[
    word("say", " TEXT", "send TEXT, whatever it looks like (a leading space does the same)", false),
    word("msg", " NAME TEXT", "send TEXT to NAME alone", false),
    word("name", " NEW", "be called NEW from now on", false),
    word("users", "", "who is here", false),
    word("ticket", "", "what others join with", false),
    word("bans", "", "who is muted or out", true),
    word("kick", " NAME [WHY]", "show NAME out, for good (an open lecture lets a new key back in)", true),
    word("unban", " NAME", "let NAME back in", true),
    word("mute", " NAME", "take no more questions from NAME", true),
    word("unmute", " NAME", "take questions from NAME again", true),
    word("admit", " NAME|all", "let in who waits in the lobby", true),
    word("deny", " NAME [WHY]", "send NAME away from the lobby", true),
    word("lock", "", "let nobody new in", true),
    word("unlock", "", "let people in again", true),
    word("end", "", "end the lecture for all", true),
    word("stop", "", "stop for now: the lecture goes on when you host the same title again", true),
    word("register", "", "have registries list you, for tertulia who", true),
    word("unregister", "", "have them forget you", true),
    word("help", "", "this list", false),
    word("quit", "", "leave (a host has /end and /stop)", false),
];

/// What people of other systems type, and what it is called here.
const HABITS: &[(&str, &str)] = &[
    ("ban", "kick"),
    ("banned", "bans"),
    ("bye", "quit"),
    ("close", "end"),
    ("disconnect", "quit"),
    ("exit", "quit"),
    ("invite", "ticket"),
    ("leave", "quit"),
    ("list", "users"),
    ("message", "msg"),
    ("nick", "name"),
    ("query", "msg"),
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
        ("rename", name) => Command::Name { name: Name::new(name)?.as_str().into() },
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
    if word.host_only && role == Role::Attendee {
        return Err(not_yours(first));
    }
    let arguments = rest.trim();
    let (name, tail) = arguments.split_once(char::is_whitespace).unwrap_or((arguments, ""));
    let (name_owned, tail) = (name.to_string(), tail.trim_start());
    let misused = || Problem::new("usage", format!("type: /{}{}", word.word, word.takes));
    let is_whole = match word.takes {
        "" => arguments.is_empty(),
        " TEXT" => !arguments.is_empty(),
        " NAME TEXT" => !tail.is_empty(),
        " NAME [WHY]" => !name.is_empty(),
        // Refused as a name, which says more.
        " NEW" => !name.is_empty(),
        _ => !name.is_empty() && tail.is_empty(),
    };
    if !is_whole {
        return Err(misused());
    }
    let command = match first {
        "say" => Command::Say { text: rest.into() },
        "msg" => Command::Msg { to: name_owned, text: tail.into() },
        "name" => Command::Name { name: arguments.into() },
        "users" => Command::Users,
        "ticket" => return Ok(Wish::Ticket),
        "bans" => Command::Bans,
        "kick" => Command::Kick { name: name_owned, why: tail.into() },
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

/// Checks what the codec would refuse, and what this role may not ask.
///
/// # Errors
/// What would have worked.
pub(crate) fn checked(mut command: Command, role: Role) -> Result<Command, Problem> {
    if let Command::Name { name } = &mut command {
        *name = normal(name);
    }
    if role == Role::Friends {
        return friends::checked(command);
    }
    let host_only = match &command {
        Command::Say { text } => fits(text).map(|()| None),
        Command::Msg { to, text } => fits(text).and_then(|()| named(to)).map(|()| None),
        Command::Name { name } => named(name).map(|()| None),
        Command::Kick { name, why } if Reason::new(why).is_some() => named(name).map(|()| Some("kick")),
        Command::Deny { name, why } if Reason::new(why).is_some() => named(name).map(|()| Some("deny")),
        Command::Admit { name } => name.as_deref().map_or(Ok(()), named).map(|()| Some("admit")),
        Command::Kick { .. } | Command::Deny { .. } => {
            Err(Problem::new("too_long", "a reason has at most 255 bytes; shorten it"))
        }
        Command::Bans => Ok(Some("bans")),
        Command::Unban { name } => named(name).map(|()| Some("unban")),
        Command::Mute { name } => named(name).map(|()| Some("mute")),
        Command::Unmute { name } => named(name).map(|()| Some("unmute")),
        Command::Lock => Ok(Some("lock")),
        Command::Unlock => Ok(Some("unlock")),
        Command::End => Ok(Some("end")),
        Command::Stop => Ok(Some("stop")),
        Command::Directory(Directory::Register) => Ok(Some("register")),
        Command::Directory(Directory::Unregister) => Ok(Some("unregister")),
        Command::Directory(_) | Command::Users | Command::Quit => Ok(None),
        Command::Contacts | Command::Add { .. } | Command::Remove { .. } => {
            Err(Problem::new("not_here", format!("this is a meeting; {CONTACTS}")))
        }
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
    match Name::new(name) {
        Some(_) => Ok(()),
        None => Err(Problem::new("bad_name", format!("`{name}` is no name: {NAME_RULE}"))),
    }
}

/// What makes a name, for whoever has typed another.
pub(crate) const NAME_RULE: &str =
    "a name has 1 to 64 bytes, nothing invisible, no white space or /, and no * @ # in front";

fn not_yours(word: &str) -> Problem {
    if let "register" | "unregister" = word {
        let message =
            "attendees are not listed; to be listed, in another terminal: tertulia friends, and there: /register";
        return Problem::new("host_only", message);
    }
    Problem::new("host_only", format!("only the host has /{word}; you have {}", words_of(Role::Attendee)))
}

fn unknown(first: &str, line: &str, role: Role) -> Problem {
    let instead = HABITS
        .iter()
        .find(|(habit, _)| *habit == first)
        .map(|(_, word)| *word)
        .into_iter()
        .chain(WORDS.iter().filter(|word| resembles(first, word.word)).map(|word| word.word))
        .find(|word| mine(word, role));
    let meant = instead.and_then(|word| WORDS.iter().find(|known| known.word == word));
    let meant = meant.map(|word| (word.word, word.takes));
    missing(first, meant, &words_of(role), Some(format!("as text: /say /{line}")))
}

/// There is no such word: what may be meant, or else all that there are; and what else would do.
fn missing(typed: &str, meant: Option<(&str, &str)>, words: &str, instead: Option<String>) -> Problem {
    let outside = outside(typed);
    let advice = match meant {
        Some((word, takes)) => Some(format!("perhaps /{word}{takes} is meant")),
        None => outside.is_none().then(|| format!("there are {words}")),
    };
    let says: Vec<String> = advice.into_iter().chain(outside.map(Into::into).or(instead)).collect();
    Problem::new("unknown_command", format!("there is no /{typed} here: {}", says.join("; ")))
}

fn mine(word: &str, role: Role) -> bool {
    WORDS.iter().any(|known| known.word == word && (role != Role::Attendee || !known.host_only))
}

/// One begins with the other, or they differ in the order or number of their letters only by a slip.
fn resembles(typed: &str, word: &str) -> bool {
    let typed = typed.to_lowercase();
    if typed.is_empty() {
        return false;
    }
    let common = |one: &str, other: &str| one.chars().filter(|letter| other.contains(*letter)).count();
    let lengths = typed.chars().count().abs_diff(word.chars().count());
    let shared = common(&typed, word).min(common(word, &typed));
    typed.starts_with(word)
        || word.starts_with(&typed)
        || (lengths <= 1 && shared.saturating_add(1) >= word.len() && word.len() > 3)
}

fn words_of(role: Role) -> String {
    let words: Vec<String> =
        WORDS.iter().filter(|word| mine(word.word, role)).map(|word| format!("/{}", word.word)).collect();
    words.join(" ")
}

/// The words that work for `role`, a line each.
pub(crate) fn help(role: Role) -> Vec<String> {
    let first = match role {
        Role::Host => "a line goes to all; a line that begins with / is one of these:",
        Role::Member => "a line goes to all; a line that begins with / is one of these (some are the host's alone):",
        Role::Attendee => "a line is a question to the host; a line that begins with / is one of these:",
        Role::Friends => return friends::help(),
    };
    let words = WORDS
        .iter()
        .filter(|word| mine(word.word, role))
        .map(|word| format!("  {:<18} {}", format!("/{}{}", word.word, word.takes), word.meaning));
    std::iter::once(first.to_string()).chain(words).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(line: &str) -> Result<Option<Wish>, Problem> {
        parse(line, Role::Host, |name| name == "bea")
    }

    fn does(line: &str) -> Command {
        match host(line) {
            Ok(Some(Wish::Do(command))) => command,
            other => panic!("{line:?}: {other:?}"),
        }
    }

    fn refused(line: &str, role: Role) -> Problem {
        parse(line, role, |name| name == "bea").expect_err(line)
    }

    fn text(text: &str) -> Command {
        Command::Say { text: text.into() }
    }

    #[test]
    fn every_slash_word_means_its_command() {
        let bea = || "bea".to_string();
        for (line, command) in [
            ("/say /quit", text("/quit")),
            ("/say  two  spaces", text(" two  spaces")),
            ("/msg bea how are you", Command::Msg { to: bea(), text: "how are you".into() }),
            ("/name bea", Command::Name { name: bea() }),
            ("/users", Command::Users),
            ("/users  ", Command::Users),
            ("/bans", Command::Bans),
            ("/kick bea", Command::Kick { name: bea(), why: String::new() }),
            ("/kick bea too loud", Command::Kick { name: bea(), why: "too loud".into() }),
            ("/unban bea", Command::Unban { name: bea() }),
            ("/mute bea", Command::Mute { name: bea() }),
            ("/unmute bea", Command::Unmute { name: bea() }),
            ("/admit bea", Command::Admit { name: Some(bea()) }),
            ("/admit all", Command::Admit { name: None }),
            ("/deny bea", Command::Deny { name: bea(), why: String::new() }),
            ("/deny bea it is full", Command::Deny { name: bea(), why: "it is full".into() }),
            ("/lock", Command::Lock),
            ("/unlock", Command::Unlock),
            ("/end", Command::End),
            ("/register", Command::Directory(Directory::Register)),
            ("/unregister", Command::Directory(Directory::Unregister)),
        ] {
            assert_eq!(does(line), command, "{line}");
        }
        assert_eq!(host("/help"), Ok(Some(Wish::Help)));
        assert_eq!(host("/ticket"), Ok(Some(Wish::Ticket)));
    }

    #[test]
    fn whoever_quits_leaves_but_a_host_is_told_what_that_would_do() {
        for line in ["/quit", "quit", "exit", "disconnect"] {
            assert_eq!(parse(line, Role::Attendee, |_| false), Ok(Some(Wish::Do(Command::Quit))), "{line}");
            assert_eq!(host(line), Ok(Some(Wish::Hint(HOST_QUITS))), "{line}");
        }
    }

    #[test]
    fn bare_words_work_only_as_the_whole_line_and_with_a_name_that_is_here() {
        let bea = || "bea".to_string();
        for (line, command) in [
            ("users", Command::Users),
            ("register", Command::Directory(Directory::Register)),
            ("rename carl", Command::Name { name: "carl".into() }),
            ("msg bea hi there", Command::Msg { to: bea(), text: "hi there".into() }),
            ("message bea hi", Command::Msg { to: bea(), text: "hi".into() }),
        ] {
            assert_eq!(does(line), command, "{line}");
        }
        assert_eq!(host("help"), Ok(Some(Wish::Help)));
        for line in [
            "users are people",
            "quit smoking",
            "help me",
            "exit left",
            "rename",
            "rename the file",
            "msg",
            "msg bea",
            "msg carl hi",
            "message from our sponsor",
            "message in a bottle",
            "msg bea  ",
            "register me",
            "Quit",
        ] {
            assert_eq!(does(line), text(line), "{line}");
        }
    }

    #[test]
    fn empty_lines_are_not_sent_and_a_leading_space_sends_anything() {
        for line in ["", " ", "\t  "] {
            assert_eq!(host(line), Ok(None));
        }
        for (line, said) in [(" /quit", "/quit"), (" quit", "quit"), ("  indented", " indented"), ("hi ", "hi ")] {
            assert_eq!(does(line), text(said));
        }
    }

    #[test]
    fn a_wrong_command_says_which_one_would_have_worked() {
        for (line, role, code, expected) in [
            ("/ban bea", Role::Host, "unknown_command", "/kick NAME [WHY]"),
            ("/kik bea", Role::Host, "unknown_command", "/kick NAME [WHY]"),
            ("/nick ann", Role::Attendee, "unknown_command", "/name NEW"),
            ("/user", Role::Attendee, "unknown_command", "/users"),
            ("/QUIT", Role::Attendee, "unknown_command", "/quit"),
            ("/ban bea", Role::Attendee, "unknown_command", "/say /ban bea"),
            ("/zzz", Role::Host, "unknown_command", "/say /msg"),
            ("/", Role::Host, "unknown_command", "/say /msg"),
            ("/msg bea", Role::Host, "usage", "/msg NAME TEXT"),
            ("/msg", Role::Host, "usage", "/msg NAME TEXT"),
            ("/say ", Role::Host, "usage", "/say TEXT"),
            ("/name two words", Role::Host, "bad_name", "no white space"),
            ("/quit now", Role::Host, "usage", "/quit"),
            ("/lock it", Role::Host, "usage", "/lock"),
            ("/kick", Role::Host, "usage", "/kick NAME [WHY]"),
            ("/admit", Role::Host, "usage", "/admit NAME|all"),
            ("/admit bea carl", Role::Host, "usage", "/admit NAME|all"),
            ("/admit all", Role::Attendee, "host_only", "/msg"),
            ("/kick bea", Role::Attendee, "host_only", "/msg"),
            ("/end", Role::Attendee, "host_only", "/quit"),
            ("/name @all", Role::Host, "bad_name", "64 bytes"),
            ("/list", Role::Host, "unknown_command", "in another terminal: tertulia list"),
            ("/list rust", Role::Attendee, "unknown_command", "in another terminal: tertulia list"),
            (
                "/who",
                Role::Member,
                "unknown_command",
                "/users is meant; to see who has registered, in another terminal: tertulia who",
            ),
            (
                "/contacts",
                Role::Member,
                "unknown_command",
                "no /contacts here: contacts have a console of their own, in another",
            ),
            ("/register", Role::Attendee, "host_only", "tertulia friends, and there: /register"),
            ("unregister", Role::Attendee, "host_only", "tertulia friends, and there: /register"),
            ("/register me", Role::Host, "usage", "type: /register"),
        ] {
            let problem = refused(line, role);
            assert_eq!(problem.code, code, "{line}: {}", problem.message);
            assert!(problem.message.contains(expected), "{line}: {}", problem.message);
        }
    }

    #[test]
    fn a_text_that_is_too_long_is_refused_at_the_byte() {
        let longest = "x".repeat(limits::TEXT_MAX);
        assert_eq!(does(&longest), text(&longest));
        let problem = refused(&format!("{longest}y"), Role::Host);
        assert_eq!(problem.code, "too_long");
        assert!(problem.message.contains("16385") && problem.message.contains("16384"), "{}", problem.message);
        assert_eq!(refused(&format!("/msg bea {longest}y"), Role::Host).code, "too_long");
        for word in ["kick", "deny"] {
            assert_eq!(refused(&format!("/{word} bea {}", "w".repeat(256)), Role::Host).code, "too_long");
        }
    }

    #[test]
    fn help_lists_what_the_role_has() {
        let attendee = help(Role::Attendee).join("\n");
        assert!(attendee.contains("/msg NAME TEXT") && !attendee.contains("/kick"));
        assert!(help(Role::Host).join("\n").contains("/kick NAME [WHY]"));
    }
}
