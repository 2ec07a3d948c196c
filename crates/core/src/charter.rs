//! What a meeting is, for ever, in its founder's hand (SPEC.md, "Charter").

use alloc::{string::String, vec::Vec};

use crate::id::{Key, MeetingId};
use crate::identity::{Domain, Identity, digest};
use crate::rule::Rule;
pub use crate::wire::charter::{Admission, Charter, Questions, Terms};
use crate::wire::entry::Door;
use crate::wire::field::{Signed, decode_all, encode_alone};
use crate::wire::option::{Options, TicketProof};
use crate::wire::session::Purpose;

/// A charter that somebody has checked, and keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCharter {
    /// The charter's hash.
    pub meeting: MeetingId,
    /// Which kind of meeting.
    pub kind: Purpose,
    /// Who founded the meeting.
    pub founder: Key,
    /// Who gets in.
    pub admission: Admission,
    /// The first ticket's key; zero if there is none.
    pub ticket: Key,
    /// What becomes of questions.
    pub questions: Questions,
    /// How many of the last entries of talk a newcomer is served; `u32::MAX`: all.
    pub history: u32,
    /// How many guests there may be.
    pub guests: u32,
    /// What the meeting is called.
    pub title: String,
    bytes: Vec<u8>,
}

impl SignedCharter {
    /// Founds a meeting.
    ///
    /// # Errors
    /// Never, with terms that name `founder` as theirs.
    pub fn found(terms: Terms<'_>, founder: &Identity) -> Result<Self, Rule> {
        let bytes = encode_alone(&Charter { terms, options: Options::NONE });
        let signature = founder.sign(Domain::Charter, &[&bytes]);
        Self::check(&encode_alone(&Signed { bytes: &bytes, value: terms, signature }), MeetingId::ZERO, founder)
    }

    /// Takes a charter over, if its signature holds and, where `meeting` is not zero, it is that meeting's.
    ///
    /// # Errors
    /// CHARTER-1, CHARTER-2, or what the bytes break.
    pub fn check(bytes: &[u8], meeting: MeetingId, us: &Identity) -> Result<Self, Rule> {
        let signed: Signed<'_, Charter<'_>> = decode_all(bytes).map_err(|error| error.rule)?;
        let terms = signed.value.terms;
        let found = MeetingId(digest(Domain::Charter, &[signed.bytes]));
        // SPEC CHARTER-2
        if meeting != MeetingId::ZERO && meeting != found {
            return Err(Rule::Charter2);
        }
        // SPEC CHARTER-1
        if !us.verify(&terms.founder, Domain::Charter, &[signed.bytes], &signed.signature) {
            return Err(Rule::Charter1);
        }
        Ok(Self {
            meeting: found,
            kind: terms.kind,
            founder: terms.founder,
            admission: terms.admission,
            ticket: terms.ticket,
            questions: terms.questions,
            history: terms.history,
            guests: terms.guests,
            title: terms.title.as_str().into(),
            bytes: bytes.into(),
        })
    }

    /// Whether `proof` shows that `subject` has a ticket of this meeting (SPEC JOIN-3).
    pub(crate) fn proof_holds(&self, proof: &TicketProof, subject: &Key, us: &Identity) -> bool {
        let meeting = &self.meeting.0;
        let endorsed = proof.ticket == self.ticket
            || us.verify(&self.founder, Domain::Ticket, &[meeting, &proof.ticket.0], &proof.endorsement);
        endorsed && us.verify(&proof.ticket, Domain::TicketProof, &[meeting, &subject.0], &proof.proof)
    }

    /// Charter and signature, as WELCOME carries them and a home keeps them.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
impl SignedCharter {
    /// An open meeting, or one of other terms.
    pub(crate) fn sample<'a>(kind: Purpose, founder: &Identity, change: impl FnOnce(&mut Terms<'a>)) -> Self {
        let mut terms = Terms {
            kind,
            founder: founder.key(),
            nonce: crate::id::Token([3; 16]),
            admission: Admission::Open,
            ticket: Key::ZERO,
            questions: Questions::Open,
            history: u32::MAX,
            guests: 64,
            title: crate::wire::field::Title::new("Friday").expect("a title"),
        };
        change(&mut terms);
        Self::found(terms, founder).expect("a charter")
    }
}

/// What a record says of a running meeting, besides where it is.
#[derive(Clone, Copy, Debug)]
pub struct Listing<'a> {
    /// What the meeting is.
    pub charter: &'a SignedCharter,
    /// What its host is called.
    pub name: &'a str,
    /// How many are there, the host included.
    pub population: u32,
    /// Whether it takes anybody new.
    pub door: Door,
    /// Since when it is on, milliseconds since 1970 in UTC.
    pub since_ms: u64,
}
