//! What is typed, asked and answered: lines become commands, and every id has its answer.

use tertulia_core::command::{Command, Directory};
use tertulia_core::event::{Event, Role};
use tertulia_core::id::CommandId;

use super::leaving::ENDS_FOR_ALL;
use super::{Asked, Session, Stage};
use crate::console::{self, Problem, Wish};
use crate::ending::UNDELIVERED;
use crate::input::{Receiver, Typed, Verdict};
use crate::json::{self, Id};
use crate::signals::Signal;

/// Commands that the node has not answered; more of them wait here.
const ASKED_MAX: usize = 32;
/// Commands that wait here; then no more is read, or taken from an editor.
const WAITING_MAX: usize = 1_024;
/// The same for a pipe of plain lines: its end is the end of the session, and should not be read long before.
const WAITING_PLAIN_MAX: usize = 16;

/// What people read once `command` is done.
fn done(command: &Command) -> Option<&'static str> {
    if *command == Command::Directory(Directory::Register) {
        return Some("registries are asked to list you, until /unregister or the end");
    }
    (*command == Command::Directory(Directory::Unregister)).then_some("registries forget you")
}

impl Session<'_> {
    pub(super) fn on_typed(&mut self, typed: Typed) {
        match typed {
            Typed::Line(line, verdict) => {
                self.is_warned = false;
                let taken = match self.stage {
                    Stage::Open if self.is_full() && !self.is_quit(&line) => {
                        self.problem(
                            &Problem::new("full", "too many lines wait to be sent; wait a little, or leave with /quit"),
                            None,
                        );
                        false
                    }
                    Stage::Open if self.is_ready || self.is_quit(&line) => self.on_line(&line),
                    Stage::Open => {
                        self.early.push_back(line);
                        true
                    }
                    // Lines after /quit are not for this meeting; a second /quit waits for nothing.
                    Stage::Emptying(_) if self.is_quit(&line) => self.on_line(&line),
                    Stage::Emptying(_) | Stage::Leaving => {
                        self.too_late(&line);
                        true
                    }
                };
                if let Some(verdict) = verdict {
                    if !taken && !std::mem::replace(&mut self.has_seen_again, true) {
                        self.screen.own("the line is under the arrow key: change it, and send it again");
                    }
                    // The editor is gone only with the program.
                    let _ = verdict.send(if taken { Verdict::Taken } else { Verdict::Again });
                }
            }
            Typed::TooLong => {
                self.problem(
                    &Problem::new("too_long", "a line of more than 256 KiB was left out; send it in parts"),
                    None,
                );
            }
            Typed::NotText => {
                self.problem(&Problem::new("malformed", "a line is not UTF-8 and was left out; convert it"), None);
            }
            Typed::Interrupt if self.plan.role != Role::Host || self.is_warned => {
                self.on_signal(Signal::Interrupt);
            }
            Typed::Interrupt | Typed::Cleared => {
                self.is_warned = true;
                self.screen.own(match self.plan.role {
                    Role::Host => ENDS_FOR_ALL,
                    Role::Attendee | Role::Friends | Role::Member => "Ctrl-C again, on the empty line, leaves",
                });
            }
            Typed::End if self.plan.ends_with_input => self.empty(),
            Typed::End if self.screen.has_user() => {
                self.screen.own(match self.plan.role {
                    Role::Host => "no more input: the lecture goes on; Ctrl-C ends it for all",
                    Role::Attendee | Role::Friends | Role::Member => {
                        "no more input: you stay in the room; Ctrl-C leaves"
                    }
                });
            }
            Typed::End => {}
        }
    }

    pub(super) fn is_full(&self) -> bool {
        let most = if self.screen.is_plain() { WAITING_PLAIN_MAX } else { WAITING_MAX };
        self.waiting.len().saturating_add(self.early.len()).saturating_add(self.last.len()) >= most
    }

    fn is_quit(&self, line: &str) -> bool {
        let command = if self.screen.is_json() {
            json::command(line, self.plan.role).ok().map(|(command, _)| command)
        } else if let Ok(Some(Wish::Do(command))) = console::parse(line, self.plan.role, |_| false) {
            Some(command)
        } else {
            None
        };
        command == Some(Command::Quit)
    }

    /// Takes a line; false if its user should change it.
    pub(super) fn on_line(&mut self, line: &str) -> bool {
        if self.screen.is_json() {
            match json::command(line, self.plan.role) {
                _ if line.trim().is_empty() => {}
                Ok((command, id)) => self.ask(command, id),
                Err((problem, id)) => self.problem(&problem, id.as_ref()),
            }
            return true;
        }
        match console::parse(line, self.plan.role, |name| self.people.contains(name)) {
            Ok(None) => true,
            Ok(Some(Wish::Help)) => {
                console::help(self.plan.role).iter().for_each(|line| self.screen.own(line));
                true
            }
            Ok(Some(Wish::Do(command))) => {
                if let Command::Say { text } | Command::Msg { text, .. } = &command {
                    self.screen.typed(text);
                }
                self.ask(command, None);
                true
            }
            Ok(Some(Wish::Ticket)) if self.ticket.is_empty() => {
                self.screen.own("there is no ticket yet: the meeting is not reached");
                true
            }
            Ok(Some(Wish::Ticket)) => {
                self.screen.event(&Event::Ticket { label: String::new(), ticket: self.ticket.clone() }, None);
                true
            }
            Ok(Some(Wish::Search(_) | Wish::Away | Wish::With(_))) => {
                self.screen.own(console::NO_SCREEN);
                true
            }
            Ok(Some(Wish::Hint(hint))) => {
                self.screen.own(hint);
                true
            }
            Err(problem) => {
                self.problem(&problem, None);
                false
            }
        }
    }

    fn ask(&mut self, command: Command, id: Option<Id>) {
        if command != Command::Quit {
            return self.waiting.push_back((command, id));
        }
        self.last.extend(id.map(|id| (id, None)));
        match self.stage {
            Stage::Open => {
                self.empty();
                // Whoever quits before the meeting is reached, and has said nothing, waits for nothing.
                if !self.is_ready && self.early.is_empty() {
                    self.leave(Command::Quit);
                }
            }
            Stage::Emptying(_) => self.leave(Command::Quit),
            Stage::Leaving => {}
        }
    }

    /// A line after the last one that is taken: whoever has given it an id is told.
    fn too_late(&mut self, line: &str) {
        if !self.screen.is_json() || line.trim().is_empty() {
            return;
        }
        let message = "you were leaving already, and nothing more is taken; send it the next time";
        let (problem, id) = match json::command(line, self.plan.role) {
            Ok((Command::Quit, id)) => (None, id),
            Ok((_, id)) => (Some(Problem::new(UNDELIVERED, message)), id),
            Err((problem, id)) => (Some(problem), id),
        };
        self.last.extend(id.map(|id| (id, problem)));
    }

    /// Before the end, every id that was read is answered: nothing of it is done any more.
    pub(super) fn answer_all(&mut self, input: &mut Receiver) {
        let asked = std::mem::take(&mut self.asked).into_values().map(|asked| asked.id);
        let waiting = std::mem::take(&mut self.waiting).into_iter().map(|(_, id)| id);
        asked.chain(waiting).collect::<Vec<_>>().into_iter().for_each(|id| self.not_done(id.as_ref()));
        for line in std::mem::take(&mut self.early) {
            match json::command(&line, self.plan.role) {
                _ if line.trim().is_empty() => {}
                Err((problem, id)) if self.screen.is_json() => self.problem(&problem, id.as_ref()),
                Ok((_, id)) if self.screen.is_json() => self.not_done(id.as_ref()),
                Ok(_) | Err(_) => self.not_done(None),
            }
        }
        while let Ok(typed) = input.try_recv() {
            if let Typed::Line(line, _) = typed {
                self.too_late(&line);
            }
        }
        for (id, problem) in std::mem::take(&mut self.last) {
            match problem {
                Some(problem) => self.screen.problem(&problem, Some(&id)),
                None => self.screen.event(&Event::Done { id: CommandId(0) }, Some(id)),
            }
        }
    }

    fn not_done(&mut self, id: Option<&Id>) {
        self.undelivered = self.undelivered.saturating_add(1);
        if id.is_some() {
            let message = "this was over before it could be done; send it again";
            self.screen.problem(&Problem::new(UNDELIVERED, message), id);
        }
    }

    /// Sends what may be sent, and leaves when that is what is left to do.
    pub(super) fn pump(&mut self) {
        let sends = self.is_ready && self.stage != Stage::Leaving && !self.is_hasty;
        while sends && self.asked.len() < ASKED_MAX {
            let Some((command, id)) = self.waiting.pop_front() else { break };
            let (done, is_text) = (done(&command), matches!(command, Command::Say { .. }));
            if let Some(number) = self.send(command) {
                self.asked.insert(number, Asked { id, done, is_text });
            }
        }
        let is_empty = self.waiting.is_empty() && self.asked.is_empty();
        let may_leave = matches!(self.stage, Stage::Emptying(_)) && self.is_ready && (is_empty || self.is_hasty);
        if may_leave && !self.waits_for_others() {
            self.leave(self.parting.clone());
        }
    }
}
