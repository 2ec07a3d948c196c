//! The way out: what is waited for, how long, and what is told at the end.

use std::process::ExitCode;
use std::time::Duration;

use tertulia_core::code::Code;
use tertulia_core::command::Command;
use tertulia_core::event::Role;
use tokio::time::Instant;

use super::{Held, Session, Stage};
use crate::ending::{Ending, undelivered};
use crate::fail::Fail;
use crate::signals::{Signal, end_now};

/// At the end of input, what is pending has this long.
pub(super) const PENDING_TIMEOUT: Duration = Duration::from_secs(5);
/// Ctrl-C would do more than its user may know.
pub(super) const ENDS_FOR_ALL: &str =
    "Ctrl-C again, on the empty line, ends the lecture for all; /stop stops it for now";
/// After a signal it has this long: the program ends within 5 s, and goodbyes take time too.
const HASTY_TIMEOUT: Duration = Duration::from_secs(2);

impl Session<'_> {
    /// Whether somebody else is to have what was said before this node leaves.
    pub(super) fn waits_for_others(&mut self) -> bool {
        match self.plan.role {
            // A host's log is the lecture, and an attendee's question is answered.
            Role::Host | Role::Attendee => false,
            // Who comes back to its room is in it before it is linked with anybody.
            Role::Member => {
                let is_new = self.there_since.is_some_and(|since| since.elapsed() < PENDING_TIMEOUT);
                self.unheard.count() > 0 && (self.unheard.has_others() || is_new && self.unheard.expects_others())
            }
            Role::Friends => {
                if self.held == Held::Unknown {
                    self.held = self.send(Command::Contacts).map_or(Held::Told(0), |id| Held::Asked(id, 0));
                }
                match self.held {
                    // After a signal only who is linked may still take what was said.
                    Held::Told(_) if self.is_hasty => self.unheard.has_others() && self.unheard.count() > 0,
                    Held::Told(drafts) => drafts > 0 || self.unheard.count() > 0,
                    Held::Asked(..) | Held::Unknown => true,
                }
            }
        }
    }

    pub(super) fn empty(&mut self) {
        if self.stage == Stage::Open {
            self.stage = Stage::Emptying(self.is_ready.then(|| Instant::now() + PENDING_TIMEOUT));
        }
    }

    pub(super) const fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Emptying(deadline) => deadline,
            Stage::Open | Stage::Leaving => None,
        }
    }

    pub(super) fn on_deadline(&mut self) {
        self.is_late = true;
        self.leave(self.parting.clone());
    }

    pub(super) fn leave(&mut self, command: Command) {
        self.stage = Stage::Leaving;
        // What is held is told at the end, however soon it comes.
        if self.plan.role == Role::Friends
            && self.is_ready
            && let Some(id) = self.send(Command::Contacts)
        {
            self.held = Held::Asked(id, 0);
        }
        self.send(command);
    }

    pub(super) fn on_signal(&mut self, signal: Signal) {
        // Plain lines know Ctrl-C as a signal alone.
        let may_be_slip = signal == Signal::Interrupt && self.plan.role == Role::Host && self.screen.is_plain();
        if may_be_slip && self.screen.has_user() && !std::mem::replace(&mut self.is_warned, true) {
            return self.screen.own(ENDS_FOR_ALL);
        }
        self.interrupts = self.interrupts.saturating_add(1);
        if self.interrupts > 1 {
            end_now();
        }
        tracing::info!(?signal, "leaving");
        self.screen.hurry();
        let parting = match signal {
            Signal::Interrupt => Command::Quit,
            Signal::Terminate => Command::Stop,
        };
        match self.stage {
            Stage::Leaving => {}
            // What has been said is on its way; what has not is not said any more.
            Stage::Open | Stage::Emptying(_) if self.is_ready => {
                (self.parting, self.is_hasty) = (parting, true);
                self.stage = Stage::Emptying(Some(Instant::now() + HASTY_TIMEOUT));
            }
            Stage::Open | Stage::Emptying(_) => self.leave(parting),
        }
    }

    /// What can't be written, the end tells.
    pub(super) fn on_broken(&mut self) {
        if self.stage != Stage::Leaving {
            self.leave(Command::Quit);
        }
    }

    /// Own texts that nobody else has. With somebody linked, what was said goes before the goodbye: it is not known to
    /// have come only if that was waited for, in vain.
    fn only_here(&self) -> usize {
        let drafts = match self.held {
            Held::Told(drafts) | Held::Asked(_, drafts) => drafts,
            Held::Unknown => 0,
        };
        let is_sent = self.plan.role == Role::Member && self.unheard.has_others() && !self.is_late;
        let texts = if is_sent { 0 } else { self.unheard.count() };
        texts.saturating_add(usize::try_from(drafts).unwrap_or(usize::MAX))
    }

    pub(super) async fn finish(self) -> Result<ExitCode, Fail> {
        let has_failed = self.has_failed && self.screen.is_pipe();
        let (role, has_others, only_here) = (self.plan.role, self.unheard.has_others(), self.only_here());
        let was_there = self.has_been_ready;
        let seconds = self.is_late.then_some(if self.is_hasty { HASTY_TIMEOUT } else { PENDING_TIMEOUT }.as_secs());
        let lost = undelivered(self.undelivered, seconds, self.is_ready);
        let Self { plan, screen, mut node, closed, .. } = self;
        let finished = screen.part(&mut node).await;
        tracing::info!(?closed, "the node has ended");
        let is_kept = plan.home.is_some() || role == Role::Friends;
        let ending = closed.map(|code| Ending { code, role, was_there, has_others, is_kept, only_here });
        let held = ending.as_ref().and_then(Ending::only_here);
        let is_delivered = lost.is_none() && held.is_none();
        lost.iter().chain(&held).for_each(|problem| screen.problem(problem, None));
        if let Some(ending) = &ending {
            screen.own(&(plan.next)(ending));
        }
        let written = screen.close();
        // Who was not shown all comes back for it, and hears of the end then.
        let is_over = closed == Some(Code::Ended) && (written.is_ok() || role == Role::Host);
        if let (Some(home), Some(meeting)) = (plan.home.filter(|_| is_over), plan.meeting) {
            let marked = home.meeting(meeting).and_then(|files| files.mark_ended());
            marked.map_err(|error| Fail::failed("home", error.to_string(), "tertulia --home DIR …"))?;
        }
        written?;
        // What could not be kept has been told with `closed`.
        if closed == Some(Code::Unwritten) {
            return Ok(ExitCode::FAILURE);
        }
        finished.map_err(|error| Fail::failed("node", error.to_string(), "start it again"))?;
        let Some(ending) = ending else {
            return Err(Fail::failed("node", "the node has ended by itself", "start it again"));
        };
        let is_well = ending.is_well() && is_delivered && !has_failed;
        Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
