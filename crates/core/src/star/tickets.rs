//! The tickets that a lecture's host hands out, and makes void.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::host::Host;
use crate::command::{Failure, Place};
use crate::event::{Event, Notice};
use crate::id::Key;
use crate::machine::Output;
use crate::time::Now;
use crate::wire::entry::Level;

impl Host {
    /// What others type to join with the ticket of this label.
    pub(super) fn ticket_line(&self, label: &str) -> String {
        self.tickets.line(label, self.charter.meeting, self.us.key(), self.addresses.clone()).to_string()
    }

    const fn has_tickets(&self) -> Result<(), Failure> {
        if self.charter.admission.has_tickets() { Ok(()) } else { Err(Failure::NoTickets(Place::Lecture)) }
    }

    fn make_ticket(&mut self, label: &str, out: &mut Vec<Output>) -> Result<bool, Failure> {
        let (roster, meeting) = (&self.roster, self.charter.meeting);
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
        self.has_tickets()?;
        if void {
            let ticket = self.tickets.named(label, |ticket| self.roster.is_revoked(ticket, Level::Out))?;
            return self.void(ticket, "", now, out);
        }
        self.make_ticket(label, out)?;
        out.push(Output::Event(Event::Ticket { label: label.to_string(), ticket: self.ticket_line(label) }));
        Ok(())
    }

    pub(super) fn list_tickets(&self, out: &mut Vec<Output>) -> Result<(), Failure> {
        self.has_tickets()?;
        let guests = self.joined.values().filter_map(|link| self.guests.get(link));
        let here = guests.filter_map(|guest| guest.admitted?.ticket);
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

    fn void(&mut self, ticket: Key, why: &str, now: Now, out: &mut Vec<Output>) -> Result<(), Failure> {
        self.revoke(ticket, Level::Out, "", why, now, out)?;
        let label = self.tickets.label_of(&ticket);
        out.extend(label.map(|label| Output::Event(Event::Warning(Notice::TicketVoid(label)))));
        self.renew_ticket(out);
        Ok(())
    }

    /// Makes a new ticket where the one that is handed out is void (SPEC REVOKE-2).
    pub(super) fn renew_ticket(&mut self, out: &mut Vec<Output>) {
        if self.has_tickets().is_ok() && self.make_ticket("", out) == Ok(true) {
            out.push(Output::Event(Event::Warning(Notice::TicketVoid(String::new()))));
            self.tell_ready(out);
        }
    }
}
