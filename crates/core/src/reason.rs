//! What other nodes are told in words, with BYE, ERROR and REVOKE. It is on the wire, so it stands here, and not where
//! the program speaks to its own user.

use alloc::string::String;

use crate::code::Code;
use crate::event::{Ending, Role};
use crate::limits;

/// SPEC ASK-2
pub(crate) const NO_QUESTIONS: &str = "this lecture takes no questions";
/// SPEC ASK-3
pub(crate) const MUTED: &str = "the host has muted you";
/// SPEC ASK-4: why its asker is shown out.
pub(crate) const STRUCK_OUT: &str = "three bad questions";
/// SPEC ASK-8
pub(crate) const NOT_SAID: &str = "your question names what was not said here, or not your name here";
/// SPEC RENAME-1
pub(crate) const NAME_TAKEN: &str = "somebody here has that name";

/// SPEC ASK-4: which strike a bad question was, and what was bad about it.
pub(crate) fn strike(strike: u8, word: &str) -> String {
    alloc::format!(
        "This is warning number {strike}. Your question was not published, because of `{word}`; the third is goodbye."
    )
}

/// SPEC JOIN-16. Who is no other node is told the same.
#[must_use]
pub fn name_form(name: &str) -> String {
    alloc::format!(
        "a name has 1 to {} bytes, no spaces, slashes, control or invisible characters but between what they join, and no * @ # in front; `{name}` does not fit",
        limits::NAME_MAX
    )
}

/// What the others hear of a node's end. That it could not get in is its own user's business.
pub(crate) const fn goodbye(code: Code, ending: &Ending) -> &str {
    match ending {
        Ending::Left => "you have left",
        Ending::Over(why) if why.is_empty() => "the meeting is over",
        Ending::Over(why) => why.as_str(),
        Ending::Stopped(Role::Host) => "the host stops for now",
        Ending::Stopped(Role::Friends) => "stopped",
        Ending::Stopped(Role::Attendee | Role::Member) => "this node stops for now",
        Ending::Heard => "one message has come",
        Ending::Final(_) if matches!(code, Code::Kicked) => "a host has shown you out",
        Ending::Final(_)
        | Ending::RegistryStopped
        | Ending::Denied(_)
        | Ending::Failed(_)
        | Ending::NoSuchHost(_)
        | Ending::NobodyCame(..)
        | Ending::Alone { .. }
        | Ending::AnotherMeeting
        | Ending::Unwritten(_) => "",
    }
}
