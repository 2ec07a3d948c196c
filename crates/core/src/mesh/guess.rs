//! What is kept of a room that was at an address is a guess: who answers there now decides what is on.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::member::Member;
use crate::code::Code;
use crate::command::Place;
use crate::door::ENDINGS;
use crate::event::{Ending, Event, Notice};
use crate::machine::Output;
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
        let Some(heard) = &self.guess else { return false };
        if !self.roster.is_member(&self.us.key()) {
            self.learn_doors();
            return false;
        }
        let (addresses, title, heard) = (self.newcomer.goal.addresses.clone(), self.title(), heard.clone());
        out.push(Output::Event(Event::Warning(Notice::Alone { code, addresses, title, heard })));
        self.newcomer.last_failure = code;
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
            let notice =
                Notice::AnotherMeeting { addresses: self.newcomer.goal.addresses.clone(), title: self.title() };
            out.push(Output::Event(Event::Warning(notice)));
            return self.leave_as(code, Ending::AnotherMeeting, now, out);
        }
        if ENDINGS.contains(&code) {
            return self.end(Code::Left, code, Ending::Final(Place::Room), out);
        }
        self.newcomer.knock_later(&mut self.random, now);
    }

    /// Somebody of the room is there: it was right.
    pub(super) fn confirm_guess(&mut self) {
        if self.guess.take().is_some() {
            self.newcomer.stay();
        }
    }

    /// What its user is told who leaves before anybody has answered.
    pub(super) fn why_nobody_came(&self) -> Option<(Code, Ending)> {
        self.guess.as_ref()?;
        let ending = Ending::Alone { addresses: self.newcomer.goal.addresses.clone(), title: self.title() };
        Some((self.newcomer.last_failure, ending))
    }

    fn title(&self) -> String {
        self.charter.as_ref().map_or_else(String::new, |charter| charter.title.to_string())
    }
}
