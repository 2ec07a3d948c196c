//! What a user hears of a command that is not done.

use alloc::string::{String, ToString as _};

use crate::code::Code;
use crate::limits;

/// Why a command failed: a word for scripts and a sentence for people.
pub(crate) type Failure = (&'static str, String);

/// What was asked for was not done by the end, as a word for scripts.
pub(crate) const UNDELIVERED: &str = "undelivered";

/// What is said of a private text that `who` may have, or not.
pub(crate) fn unanswered(who: &str) -> String {
    alloc::format!("{who} has not answered, and perhaps not read it; say it again if it matters")
}

/// Why nothing is done about `name`.
pub(crate) fn nobody(name: &str) -> Failure {
    ("no_such_name", alloc::format!("nobody here is called {name}; /users shows who is here"))
}

/// Why nothing is done about contacts.
pub(crate) fn no_friends() -> Failure {
    ("not_here", "this is a meeting; contacts have a console of their own: tertulia friends".to_string())
}

/// Why `text` is not sent.
pub(crate) fn text_failure(text: &str) -> Failure {
    let message = alloc::format!("a text has 1 to {} bytes, this one has {}", limits::TEXT_MAX, text.len());
    (Code::Malformed.word(), message)
}

/// Why `name` is no name.
pub(crate) fn name_failure(name: &str) -> Failure {
    let message = alloc::format!(
        "a name has 1 to {} bytes, no spaces, slashes, control or invisible characters but between what they join, and no * @ # in front; `{name}` does not fit",
        limits::NAME_MAX
    );
    (Code::Malformed.word(), message)
}

/// Why nobody can be reached at an address, which follows.
const NO_ANSWER: [(Code, &str); 5] = [
    (Code::NoListener, "nobody listens at"),
    (Code::NoSuchHost, "there is no computer of that name:"),
    (Code::Unreachable, "no answer, because of a firewall or a computer that is off, from"),
    (Code::Cut, "whoever answers hangs up, perhaps because too many come at once, at"),
    (Code::HandshakeFailed, "whoever answers is no tertulia, at"),
];

/// What is wrong with the addresses.
pub(crate) fn no_answer(code: Code, addresses: &[String]) -> String {
    let addresses = addresses.join(", ");
    match NO_ANSWER.iter().find(|(known, _)| *known == code) {
        Some((_, what)) => alloc::format!("{what} {addresses}"),
        None => alloc::format!("nobody let us in ({code}) at {addresses}"),
    }
}
