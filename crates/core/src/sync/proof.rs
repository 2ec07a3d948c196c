//! What proves at the door that somebody may come in (SPEC.md, "Ticket" and "Pass"), and how often they may try.

use crate::id::{Key, MeetingId};
use crate::identity::{Domain, Identity};
use crate::limits;
use crate::rule::Rule;
use crate::time::{Instant, Timers};
use crate::wire::option::Pass;

/// How often each key has come lately.
#[derive(Clone, Debug, Default)]
pub(crate) struct Door {
    /// When a key's joins will all be forgiven.
    joins: Timers<Key>,
}

impl Door {
    /// SPEC JOIN-8: a bucket of `JOIN_BURST` joins that refills by one each `JOIN_INTERVAL`.
    ///
    /// # Errors
    /// JOIN-8.
    pub(crate) fn count(&mut self, guest: Key, now: Instant) -> Result<(), Rule> {
        while self.joins.expire(now).is_some() {}
        let forgiven = self.joins.deadline(guest).unwrap_or(now).after(limits::JOIN_INTERVAL);
        if forgiven.since(now) > limits::JOIN_INTERVAL.saturating_mul(limits::JOIN_BURST) {
            return Err(Rule::Join8);
        }
        self.joins.arm(guest, forgiven);
        Ok(())
    }
}

/// Lets `guest` in again, and serves it talk above `lamport`.
pub(crate) fn sign_pass(meeting: MeetingId, guest: Key, lamport: u64, us: &Identity) -> Pass {
    let signature = us.sign(Domain::Pass, &[&meeting.0, &guest.0, &lamport.to_be_bytes()]);
    Pass { signer: us.key(), lamport, signature }
}

/// Whether `pass` is its signer's word for `guest`. Whether that word counts is another question.
pub(crate) fn pass_is_signed(pass: &Pass, meeting: MeetingId, guest: Key, us: &Identity) -> bool {
    let parts: [&[u8]; 3] = [&meeting.0, &guest.0, &pass.lamport.to_be_bytes()];
    us.verify(&pass.signer, Domain::Pass, &parts, &pass.signature)
}
