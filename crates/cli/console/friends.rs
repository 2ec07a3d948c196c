//! What a person types among friends.

use tertulia_core::command::{Command, Directory, Words};

use super::{Problem, Wish, fits, named};

/// A slash command: its word, what follows it, what it does.
const WORDS: &[(&str, &str, &str)] = &[
    ("msg", " NAME TEXT", "send TEXT to NAME, as NAME/TEXT does"),
    ("with", " [NAME]", "show what was said with NAME alone, and send there what you type; without NAME, all again"),
    ("retract", " NAME", "remove the last that you have sent to NAME"),
    ("contacts", "", "whom you talk with, where they are, and what to compare with them"),
    ("add", " NAME HOST:PORT", "talk with NAME, or at another address, from now on"),
    ("remove", " NAME", "talk with NAME no more; who came by themselves is kept away until /add"),
    ("block", " NAME", "keep NAME away, until /unblock"),
    ("unblock", " NAME", "let NAME in again"),
    ("users", "", "who is linked with you"),
    ("search", " TEXT", "find what was said with these words"),
    ("away", "", "be called, until you type again, for all that is written to you"),
    ("name", " NEW", "be called NEW from now on"),
    ("register", "", "have registries list you, for tertulia who, until /unregister or the end"),
    ("unregister", "", "have them forget you"),
    ("help", "", "this list"),
    ("quit", "", "leave; what is held goes out the next time"),
];

const TO_WHOM: &str = "to whom? type NAME/TEXT, or */TEXT for all";

/// Reads one line that is not empty.
///
/// # Errors
/// What would have worked.
pub(super) fn parse(line: &str, knows: impl Fn(&str) -> bool) -> Result<Wish, Problem> {
    if let Some(rest) = line.strip_prefix('/') {
        return slash(rest);
    }
    match line.trim() {
        "contacts" => return Ok(Wish::Do(Command::Contacts)),
        line => {
            if let Some(wish) = super::bare(line, &knows) {
                return into_wish(wish);
            }
        }
    }
    match line.trim_start().split_once('/') {
        Some((to, text)) => checked(Command::Msg { to: to.trim_end().into(), text: text.into() }).map(Wish::Do),
        None => Err(Problem::new("to_whom", TO_WHOM)),
    }
}

fn into_wish(wish: Wish) -> Result<Wish, Problem> {
    match wish {
        Wish::Do(command) => checked(command).map(Wish::Do),
        Wish::Help | Wish::Ticket | Wish::Hint(_) | Wish::Search(_) | Wish::Away | Wish::With(_) => Ok(wish),
    }
}

fn slash(line: &str) -> Result<Wish, Problem> {
    let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let Some((word, takes, _)) = WORDS.iter().find(|(word, ..)| *word == first) else { return Err(unknown(first)) };
    let arguments = rest.trim();
    let (name, tail) = arguments.split_once(char::is_whitespace).unwrap_or((arguments, ""));
    let tail = tail.trim_start();
    let is_whole = match *takes {
        "" => arguments.is_empty(),
        " NAME TEXT" | " NAME HOST:PORT" => !tail.is_empty(),
        " TEXT" => !arguments.is_empty(),
        " [NAME]" => tail.is_empty(),
        _ => !name.is_empty() && tail.is_empty(),
    };
    let misused = || Problem::new("usage", format!("type: /{word}{takes}"));
    if !is_whole {
        return Err(misused());
    }
    let command = match first {
        "msg" => Command::Msg { to: name.into(), text: tail.into() },
        "retract" => Command::Retract { words: Words::Of(name.into()) },
        "contacts" => Command::Contacts,
        "add" => Command::Add { name: name.into(), address: tail.into() },
        "remove" => Command::Remove { name: name.into() },
        "block" => Command::Block { name: name.into() },
        "unblock" => Command::Unblock { name: name.into() },
        "users" => Command::Users,
        "search" => return Ok(Wish::Search(arguments.into())),
        "away" => return Ok(Wish::Away),
        "with" => return Ok(Wish::With(Some(name).filter(|name| !name.is_empty()).map(String::from))),
        "register" => Command::Directory(Directory::Register),
        "unregister" => Command::Directory(Directory::Unregister),
        "name" => Command::Name { name: name.into() },
        "help" => return Ok(Wish::Help),
        "quit" => Command::Quit,
        _ => return Err(misused()),
    };
    checked(command).map(Wish::Do)
}

/// Checks what the codec would refuse, and what there is among friends.
///
/// # Errors
/// What would have worked.
pub(super) fn checked(command: Command) -> Result<Command, Problem> {
    match &command {
        Command::Say { .. } => Err(Problem::new("to_whom", TO_WHOM)),
        Command::Msg { to, text } if to == "*" => fits(text),
        Command::Msg { to, text } => fits(text).and_then(|()| named(to)),
        Command::Retract { words: Words::Own } => Err(Problem::new("to_whom", TO_WHOM)),
        Command::Retract { words: Words::At { .. } } => Ok(()),
        Command::Retract { words: Words::Of(name) }
        | Command::Name { name }
        | Command::Remove { name }
        | Command::Block { name }
        | Command::Unblock { name }
        | Command::Add { name, .. } => named(name),
        Command::Directory(_) | Command::Users | Command::Contacts | Command::Quit | Command::Stop => Ok(()),
        Command::Check { .. } => Err(Problem::new("not_here", crate::words::NOTHING_BETWEEN)),
        Command::Bans
        | Command::Ticket { .. }
        | Command::Tickets
        | Command::Admit { .. }
        | Command::Deny { .. }
        | Command::Kick { .. }
        | Command::Unban { .. }
        | Command::Mute { .. }
        | Command::Unmute { .. }
        | Command::Lock
        | Command::Unlock
        | Command::End => {
            Err(Problem::new("host_only", format!("among friends there is no host; there are {}", words())))
        }
    }?;
    Ok(command)
}

fn unknown(first: &str) -> Problem {
    let words: Vec<_> = WORDS.iter().map(|(word, takes, _)| (*word, *takes)).collect();
    super::missing(first, &words, None)
}

fn words() -> String {
    super::slashed(WORDS.iter().map(|(word, ..)| *word))
}

/// The words that there are, a line each.
pub(super) fn help() -> Vec<String> {
    let first = "NAME/TEXT sends TEXT to NAME, */TEXT to all; a line that begins with / is one of these:";
    let words = WORDS.iter().map(|(word, takes, meaning)| format!("  {:<20} {meaning}", format!("/{word}{takes}")));
    std::iter::once(first.to_string()).chain(words).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn does(line: &str) -> Command {
        match parse(line, |name| name == "bea") {
            Ok(Wish::Do(command)) => command,
            other => panic!("{line:?}: {other:?}"),
        }
    }

    fn msg(to: &str, text: &str) -> Command {
        Command::Msg { to: to.into(), text: text.into() }
    }

    #[test]
    fn a_line_is_split_at_its_first_slash() {
        for (line, command) in [
            ("bea/hello", msg("bea", "hello")),
            ("bea/a/b", msg("bea", "a/b")),
            ("bea//quit", msg("bea", "/quit")),
            (" bea/hello", msg("bea", "hello")),
            ("*/hello all", msg("*", "hello all")),
            ("127.0.0.1:7473/hello", msg("127.0.0.1:7473", "hello")),
            ("[::1]:7473/hello", msg("[::1]:7473", "hello")),
            ("/msg bea a/b", msg("bea", "a/b")),
            ("msg bea a/b", msg("bea", "a/b")),
            ("/contacts", Command::Contacts),
            ("contacts", Command::Contacts),
            ("users", Command::Users),
            ("/add carl host:1", Command::Add { name: "carl".into(), address: "host:1".into() }),
            ("/remove carl", Command::Remove { name: "carl".into() }),
            ("/block carl", Command::Block { name: "carl".into() }),
            ("/unblock carl", Command::Unblock { name: "carl".into() }),
            ("/name ann", Command::Name { name: "ann".into() }),
            ("rename ann", Command::Name { name: "ann".into() }),
            ("/register", Command::Directory(Directory::Register)),
            ("register", Command::Directory(Directory::Register)),
            ("/unregister", Command::Directory(Directory::Unregister)),
            ("unregister", Command::Directory(Directory::Unregister)),
            ("quit", Command::Quit),
        ] {
            assert_eq!(does(line), command, "{line}");
        }
        assert_eq!(parse("/help", |_| false), Ok(Wish::Help));
        assert_eq!(parse("/with bea", |_| false), Ok(Wish::With(Some("bea".into()))));
        assert_eq!(parse("/with", |_| false), Ok(Wish::With(None)));
        assert!(help().join("\n").contains("NAME/TEXT"));
    }

    #[test]
    fn a_wrong_line_says_what_would_have_worked() {
        for (line, code, expected) in [
            ("hello", "to_whom", "NAME/TEXT"),
            ("msg carl hi", "to_whom", "NAME/TEXT"),
            ("bea/", "empty", "text"),
            ("be a/hi", "bad_name", "be a"),
            ("/add carl", "usage", "/add NAME HOST:PORT"),
            ("/contact", "unknown_command", "/contacts"),
            ("/kick bea", "unknown_command", "/msg"),
            ("/who", "unknown_command", "/users"),
            ("/who", "unknown_command", "in another terminal: tertulia who"),
            ("/list", "unknown_command", "in another terminal: tertulia list"),
            ("/join x", "unknown_command", "in another terminal: tertulia join TARGET"),
            ("/register me", "usage", "type: /register"),
            ("/name a b", "usage", "/name NEW"),
            ("/with bea carl", "usage", "type: /with [NAME]"),
        ] {
            let problem = parse(line, |name| name == "bea").expect_err(line);
            assert_eq!(problem.code, code, "{line}: {}", problem.message);
            assert!(problem.message.contains(expected), "{line}: {}", problem.message);
        }
        assert_eq!(checked(Command::Say { text: "x".into() }).unwrap_err().code, "to_whom");
        assert_eq!(checked(Command::Lock).unwrap_err().code, "host_only");
    }
}
