//! The tickets that a room's founder hands out, and makes void; another member hands out the one that it was given.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::member::{Member, Stage};
use crate::command::{Failure, Place};
use crate::event::{Event, Notice};
use crate::id::Key;
use crate::limits;
use crate::machine::Output;
use crate::ticket::Ticket;
use crate::time::Now;
use crate::wire::entry::{EntryBody, Level};
use crate::wire::field::{List, Reason, encode_items};

impl Member {
    pub(super) fn ticket(&self, label: &str) -> Ticket {
        self.tickets.line(label, self.replica.log.meeting(), self.us.key(), self.reach.addresses())
    }

    /// The label of the ticket that somebody has come with, where this user has made it.
    pub(super) fn ticket_of(&self, key: &Key) -> Option<String> {
        self.tickets.label_of(&self.roster.proof(key)?.ticket)
    }

    fn has_tickets(&self) -> Result<(), Failure> {
        let has_tickets = self.charter.as_ref().is_some_and(|charter| charter.admission.has_tickets());
        if has_tickets { Ok(()) } else { Err(Failure::NoTickets(Place::Room)) }
    }

    pub(super) fn is_founder(&self) -> bool {
        self.charter.as_ref().is_some_and(|charter| charter.founder == self.us.key())
    }

    fn may_make_tickets(&self) -> Result<(), Failure> {
        self.has_tickets()?;
        if self.is_founder() { Ok(()) } else { Err(Failure::NotYourTickets) }
    }

    fn make_ticket(&mut self, label: &str, out: &mut Vec<Output>) -> Result<bool, Failure> {
        let (roster, meeting) = (&self.roster, self.replica.log.meeting());
        let is_void = |ticket: &Key| roster.is_revoked(ticket, Level::Out);
        let is_new = self.tickets.make(label, is_void, &mut self.random, meeting, &self.us)?;
        out.extend(is_new.then(|| self.tickets.keep(meeting)));
        Ok(is_new)
    }

    /// Shows the ticket of this label, a new one if there is none that is not void; or makes it void, so that it lets in
    /// nobody new (SPEC REVOKE-5).
    pub(super) fn on_ticket(
        &mut self,
        label: &str,
        void: bool,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Result<(), Failure> {
        self.may_make_tickets()?;
        if void {
            let ticket = self.tickets.named(label, |ticket| self.roster.is_revoked(ticket, Level::Out))?;
            return self.void(ticket, "", now, out);
        }
        self.make_ticket(label, out)?;
        out.push(Output::Event(Event::Ticket { label: label.to_string(), ticket: self.ticket(label).to_string() }));
        Ok(())
    }

    pub(super) fn list_tickets(&self, out: &mut Vec<Output>) -> Result<(), Failure> {
        self.may_make_tickets()?;
        let here = self.roster.members().map(|member| member.key).filter(|key| self.is_here(key));
        let here = here.filter_map(|key| Some(self.roster.proof(&key)?.ticket));
        out.push(Output::Event(self.tickets.told(|ticket| self.roster.is_revoked(ticket, Level::Out), here)));
        Ok(())
    }

    /// The ticket of somebody who is shown out, and has come with `shown`, lets in nobody new (SPEC REVOKE-2).
    pub(super) fn void_ticket_of(
        &mut self,
        shown: Option<Key>,
        why: &str,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Result<(), Failure> {
        if self.has_tickets().is_err() {
            out.push(Output::Event(Event::Warning(Notice::NoTickets)));
            return Ok(());
        }
        let ticket = self.tickets.to_void(shown, |ticket| self.roster.is_revoked(ticket, Level::Out));
        ticket.map_or(Ok(()), |ticket| self.void(ticket, why, now, out))
    }

    fn void(&mut self, subject: Key, why: &str, now: Now, out: &mut Vec<Output>) -> Result<(), Failure> {
        // SPEC LOCK-1
        let (count, kept) = encode_items(self.kept(), limits::KEPT_MAX);
        let (name, why, kept) = (Reason::NONE, Reason::cut(why), List::over(count, &kept));
        self.act(&EntryBody::Revoke { subject, level: Level::Out, name, why, cuts: List::NONE, kept }, now, out)?;
        let label = self.tickets.label_of(&subject);
        out.extend(label.map(|label| Output::Event(Event::Warning(Notice::TicketVoid(label)))));
        self.renew_ticket(out);
        Ok(())
    }

    /// Makes a new ticket where the one that is handed out is void, whichever host has made it so: the founder's word makes
    /// it good (SPEC REVOKE-2).
    pub(super) fn renew_ticket(&mut self, out: &mut Vec<Output>) {
        let is_mine = self.stage == Stage::Inside && self.may_make_tickets().is_ok();
        if is_mine && self.make_ticket("", out) == Ok(true) {
            out.push(Output::Event(Event::Warning(Notice::TicketVoid(String::new()))));
            self.tell_ready(out);
        }
    }
}
