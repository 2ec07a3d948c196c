//! What a meeting is, for ever, in its founder's hand (SPEC.md, "Charter").

use alloc::{string::String, vec::Vec};

use crate::id::{Key, MeetingId, Token};
use crate::identity::{Domain, Identity, digest};
use crate::rule::Rule;
use crate::wire::error::{Fault, Parsed};
use crate::wire::field::{Draw, Field, Signed, Title, decode_all, encode_alone, enumerated, layouts};
use crate::wire::option::{Options, TicketProof};
use crate::wire::session::Purpose;

enumerated! {
    /// Who gets in.
    Admission "admission" {
        /// Whoever comes.
        Open = 0,
        /// Whoever shows a ticket.
        Ticket = 1,
        /// Whom a host admits.
        Lobby = 2,
        /// Whom a host admits, of those who show a ticket.
        TicketAndLobby = 3,
    }
    /// What becomes of questions.
    Questions "questions" {
        /// Clean ones are published at once.
        Open = 0,
        /// None are taken.
        Closed = 1,
    }
}

impl Admission {
    /// What a door with these locks is.
    #[must_use]
    pub const fn of(ticket: bool, lobby: bool) -> Self {
        match (ticket, lobby) {
            (false, false) => Self::Open,
            (true, false) => Self::Ticket,
            (false, true) => Self::Lobby,
            (true, true) => Self::TicketAndLobby,
        }
    }

    /// Whether one shows a ticket.
    #[must_use]
    pub const fn has_tickets(self) -> bool {
        matches!(self, Self::Ticket | Self::TicketAndLobby)
    }

    /// Whether one waits until a host admits.
    #[must_use]
    pub const fn has_lobby(self) -> bool {
        matches!(self, Self::Lobby | Self::TicketAndLobby)
    }
}

layouts! {
    /// The fixed part of a charter.
    Terms<'a> "terms" {
        /// Which kind of meeting: that of the links that carry it.
        kind: Purpose,
        /// Who founded it.
        founder: Key,
        /// Makes two meetings of one founder and title differ.
        nonce: Token,
        /// Who gets in.
        admission: Admission,
        /// The first ticket's key; zero if there is none.
        ticket: Key,
        /// What becomes of questions.
        questions: Questions,
        /// How many of the last entries of talk a newcomer is served; 0xffffffff: all.
        history: u32,
        /// How many guests there may be.
        guests: u32,
        /// What it is called.
        title: Title<'a>,
    }
}

/// Terms, and options that a later version may add: an even one that a node does not know keeps it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charter<'a> {
    /// The fixed part.
    pub terms: Terms<'a>,
    /// The rest.
    pub options: Options<'a>,
}

impl<'a> Field<'a> for Charter<'a> {
    fn layout() -> String {
        "charter".into()
    }

    // A charter ends where its signature begins: the last 64 bytes of what is given.
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (body, signature) = input.split_at_checked(input.len().saturating_sub(64)).unwrap_or((input, &[]));
        let (_, charter) = Terms::parse(body)
            .and_then(|(rest, terms)| Options::parse(rest, &[]).map(|(rest, options)| (rest, Self { terms, options })))
            .map_err(|fault| Fault::followed_by(fault, signature))?;
        Ok((signature, charter))
    }

    fn encode(&self, out: &mut Vec<u8>) {
        self.terms.encode(out);
        self.options.encode(out);
    }

    fn generate(draw: &mut Draw<'_>, out: &mut Vec<u8>) {
        Terms::generate(draw, out);
        Options::generate(&[], draw, out);
    }
}

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
    #[must_use]
    pub fn proof_holds(&self, proof: &TicketProof, subject: &Key, us: &Identity) -> bool {
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
