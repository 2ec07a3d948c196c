//! What is kept of a room that was at an address is a guess: who answers there now decides what is on.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::dialling::{ENDINGS, final_reason};
use super::member::{Member, Timer};
use crate::code::Code;
use crate::event::Event;
use crate::machine::Output;
use crate::sync::no_answer;
use crate::time::Now;

impl Member {
    /// A member that was told an address, and not which room is there; `heard`: when what is kept was last heard of.
    #[must_use]
    pub(crate) fn guessing(mut self, heard: String) -> Self {
        self.guess = Some(heard);
        self
    }

    /// Where nobody answers, the others of the room may be elsewhere: it is gone into from what is kept. False if it
    /// can't be.
    pub(super) fn come_inside_alone(&mut self, code: Code, now: Now, out: &mut Vec<Output>) -> bool {
        let Some(heard) = self.guess.as_ref().filter(|_| self.roster.is_member(&self.us.key())) else { return false };
        let message = alloc::format!(
            "{}; you come into the room `{}` as it is kept here, last heard of {heard}, and are alone until somebody answers",
            no_answer(code, &self.door_addresses),
            self.title(),
        );
        out.push(Output::Event(Event::Warning { code: code.word(), message }));
        self.last_failure = code;
        self.come_inside(now, out);
        true
    }

    /// Alone inside, and still nobody of the room at the address.
    pub(super) fn on_still_alone(&mut self, code: Code, now: Now, out: &mut Vec<Output>) {
        if self.guess.is_none() {
            return;
        }
        if matches!(code, Code::NoMeeting | Code::WrongKind) {
            // SPEC JOIN-17
            let message = alloc::format!(
                "another meeting is at {} now: you leave the room `{}`, where nobody else is; what you said there is kept",
                self.door_addresses.join(", "),
                self.title()
            );
            out.push(Output::Event(Event::Warning { code: "another_meeting", message }));
            return self.leave_as(code, "another meeting is there", now, out);
        }
        if let Some(reason) = final_reason(code).filter(|_| ENDINGS.contains(&code)) {
            return self.end(Code::Left, code, reason, out);
        }
        let wait = self.backoff(self.door_failures);
        self.door_failures = self.door_failures.saturating_add(1);
        self.timers.arm(Timer::Door, now.tick.after(wait));
    }

    /// Somebody of the room is there: it was right.
    pub(super) fn confirm_guess(&mut self) {
        if self.guess.take().is_some() {
            self.timers.disarm(Timer::Door);
        }
    }

    /// What its user is told who leaves before anybody has answered.
    pub(super) fn why_nobody_came(&self) -> Option<(Code, String)> {
        self.guess.as_ref()?;
        let what = no_answer(self.last_failure, &self.door_addresses);
        let reason = alloc::format!("{what}; you were alone in the room `{}`, and what you said is kept", self.title());
        Some((self.last_failure, reason))
    }

    fn title(&self) -> String {
        self.charter.as_ref().map_or_else(String::new, |charter| charter.title.to_string())
    }
}
