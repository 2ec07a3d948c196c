//! The bytes of a charter (SPEC.md, "Charter").

use alloc::{string::String, vec::Vec};

use super::error::{Fault, Parsed};
use super::field::{Draw, Field, Title, enumerated, layouts};
use super::options::Options;
use super::purpose::Purpose;
use crate::id::{Key, Token};

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
