//! Who gets in (SPEC.md, "Admission").

use crate::charter::SignedCharter;
use crate::id::{Key, MeetingId};
use crate::identity::Identity;
use crate::pass::Chain;
use crate::roster::Roster;
use crate::rule::Rule;
use crate::wire::entry::Level;
use crate::wire::meeting::Join;
use crate::wire::option::{self, Manner, TicketProof};

/// What the host knows of whoever has come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Admitted {
    /// The ticket that it came with.
    pub(super) ticket: Option<Key>,
    /// It came without a chain that holds.
    pub(super) is_new: bool,
}

/// What the door's checks look at.
pub(super) struct House<'a> {
    pub(super) charter: &'a SignedCharter,
    pub(super) roster: &'a Roster,
    pub(super) us: &'a Identity,
    /// Talk up to this lamport time is not served to whoever is new.
    pub(super) floor: u64,
}

impl House<'_> {
    /// Lets `guest` in, by a chain that admits it again, or names the rule that keeps it out.
    ///
    /// # Errors
    /// JOIN-2 to JOIN-5, JOIN-11.
    pub(super) fn admit(&self, join: &Join<'_>, guest: Key) -> Result<(Admitted, Chain), Rule> {
        let House { charter, roster, us, .. } = *self;
        // SPEC JOIN-2
        if join.meeting != MeetingId::ZERO && join.meeting != charter.meeting {
            return Err(Rule::Join2);
        }
        // SPEC JOIN-11
        if roster.ended().is_some() {
            return Err(Rule::Join11);
        }
        // SPEC JOIN-4: of a key
        if roster.is_revoked(&guest, Level::Out) {
            return Err(Rule::Join4);
        }
        let chain = Chain::of(&join.options);
        let is_hosts = chain.passes().last().is_some_and(|pass| pass.signer == charter.founder);
        let ticket = join.options.find::<TicketProof>(&option::TICKET);
        let ticket = ticket.filter(|ticket| charter.proof_holds(ticket, &guest, us)).map(|ticket| ticket.ticket);
        if is_hosts && chain.holds(&guest, charter, us) {
            return Ok((Admitted { ticket, is_new: false }, chain));
        }
        if charter.admission.has_tickets() {
            // SPEC JOIN-3
            let ticket = ticket.ok_or(Rule::Join3)?;
            // SPEC JOIN-4: of a ticket
            if roster.is_revoked(&ticket, Level::Out) {
                return Err(Rule::Join4);
            }
        }
        // SPEC JOIN-5
        if roster.is_locked() {
            return Err(Rule::Join5);
        }
        Ok((Admitted { ticket, is_new: true }, self.chain(guest, Manner::Unasked)))
    }

    /// A new one: what is said from now on, and as much of what was said before as the charter gives.
    pub(super) fn chain(&self, guest: Key, manner: Manner) -> Chain {
        Chain::default().and(guest, self.floor, manner, self.charter.meeting, self.us)
    }
}
