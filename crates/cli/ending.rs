//! How a session ends: what is known then, and what is said of what was not delivered.

use tertulia_core::code::Code;
use tertulia_core::event::Role;

use crate::console::Problem;
pub(crate) use tertulia_core::command::UNDELIVERED;

/// What is known as a session ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    /// Why.
    pub(crate) code: Code,
    /// What this node was.
    pub(crate) role: Role,
    /// Whether the meeting had been reached, or had begun.
    pub(crate) was_there: bool,
    /// Whether somebody else is there.
    pub(crate) has_others: bool,
    /// Whether anything is kept, so that it can go on.
    pub(crate) is_kept: bool,
    /// Own texts that nobody else has.
    pub(crate) only_here: usize,
}

impl Ending {
    /// Whether its user wanted it, or it was over.
    pub(crate) const fn is_well(&self) -> bool {
        matches!(self.code, Code::Left | Code::Ended | Code::Stopped)
    }

    /// What is said of texts that nobody else has.
    pub(crate) fn only_here(&self) -> Option<Problem> {
        let (texts, it, goes) = match self.only_here {
            0 => return None,
            1 => ("1 text is".to_string(), "it", "goes"),
            count => (format!("{count} texts are"), "they", "go"),
        };
        Some(match (self.role, self.code) {
            (Role::Friends, _) => {
                Problem::new("held", format!("{texts} held: {it} {goes} out when both of you are there"))
            }
            _ if self.has_others => {
                let texts = if self.only_here == 1 { "1 text".into() } else { format!("{} texts", self.only_here) };
                Problem::new(UNDELIVERED, format!("nobody has said in time that they have {texts} of yours"))
            }
            (_, Code::Ended) => Problem::new(UNDELIVERED, format!("{texts} still only here, and it is over")),
            _ if !self.is_kept => Problem::new(
                UNDELIVERED,
                format!("{texts} still only here, and a guest keeps nothing: say it again when somebody is there"),
            ),
            (_, Code::Left | Code::Stopped) => Problem::new(
                UNDELIVERED,
                format!("{texts} still only here: {it} {goes} out when you are back and somebody else is there"),
            ),
            _ => Problem::new(UNDELIVERED, format!("{texts} still only here: nobody has taken it")),
        })
    }
}

/// What is said of lines and commands that were read, and not done. `seconds`: they had so long; `was_in`: the meeting
/// had been reached.
pub(crate) fn undelivered(count: usize, seconds: Option<u64>, was_in: bool) -> Option<Problem> {
    let (lines, them) = match count {
        0 => return None,
        1 => ("1 line was".to_string(), "it"),
        count => (format!("{count} lines were"), "them"),
    };
    let message = match seconds {
        _ if !was_in => format!("{lines} not sent; type {them} again once you are in"),
        Some(seconds) => format!("{lines} not delivered within {seconds} s; send {them} again"),
        None => format!("{lines} not delivered; send {them} again"),
    };
    Some(Problem::new(UNDELIVERED, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(code: Code, role: Role, is_kept: bool, only_here: usize) -> String {
        let ending = Ending { code, role, was_there: true, has_others: false, is_kept, only_here };
        ending.only_here().map_or_else(String::new, |problem| problem.message)
    }

    #[test]
    fn a_text_goes_out_later_only_if_it_is_kept_and_the_room_is_not_over() {
        assert_eq!(message(Code::Left, Role::Member, true, 0), "");
        let kept = "1 text is still only here: it goes out when you are back and somebody else is there";
        assert_eq!(message(Code::Left, Role::Member, true, 1), kept);
        assert_eq!(message(Code::Stopped, Role::Member, true, 1), kept);
        assert!(message(Code::Left, Role::Member, false, 2).starts_with("2 texts are still only here, and a guest"));
        assert_eq!(message(Code::Ended, Role::Member, true, 1), "1 text is still only here, and it is over");
        assert!(!message(Code::Kicked, Role::Member, true, 1).contains("goes out"));
        assert_eq!(
            message(Code::Left, Role::Friends, true, 3),
            "3 texts are held: they go out when both of you are there"
        );
    }

    #[test]
    fn what_was_not_done_is_counted() {
        let said = |count, seconds, was_in| undelivered(count, seconds, was_in).map(|problem| problem.message);
        assert_eq!(said(0, Some(5), true), None);
        assert_eq!(said(1, Some(5), true).as_deref(), Some("1 line was not delivered within 5 s; send it again"));
        assert_eq!(said(2, None, true).as_deref(), Some("2 lines were not delivered; send them again"));
        assert_eq!(said(2, None, false).as_deref(), Some("2 lines were not sent; type them again once you are in"));
    }
}
