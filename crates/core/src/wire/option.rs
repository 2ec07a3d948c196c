//! The options that there are (SPEC.md, "Extension"): each is declared once.

use super::address::Address;
use super::charter::Charter;
use super::field::{Field, List, Name, Reason, Signed, enumerated, layouts};
pub use super::options::{Known, Options, OptionsBuffer, grease, is_grease};
use super::row::Row;
use crate::id::{Key, Signature};
use crate::limits::{ACT_ROWS_MAX, PASSES_MAX};
use crate::rule::Rule;

macro_rules! options {
    ($($(#[$doc:meta])* $number:literal $name:ident: $kind:ty;)*) => {
        $($(#[$doc])* pub const $name: Known = Known {
            kind: $number,
            name: stringify!($name),
            layout: <$kind as Field<'_>>::layout,
            check: |value| match <$kind as Field<'_>>::parse(value) {
                Ok(([], _)) => Ok(()),
                Ok(_) => Err(Rule::Frame3),
                Err(nom::Err::Error(fault) | nom::Err::Failure(fault)) => Err(fault.rule),
                Err(nom::Err::Incomplete(_)) => Err(Rule::Frame2),
            },
            generate: <$kind as Field<'_>>::generate,
        };)*

        /// Every option.
        pub const ALL: &[&Known] = &[$(&$name),*];
    };
}

options! {
    /// The program and its version, for people.
    0x0001 SOFTWARE: Reason<'_>;
    /// What the sender is called. A responder tells no name here.
    0x0010 NAME: Name<'_>;
    /// The port at which the sender takes connections.
    0x0011 PORT: u16;
    /// The passes by which the sender has come in before, from the founder's down.
    0x0012 CHAIN: List<'_, Pass, PASSES_MAX>;
    /// Of the acts that the sender holds, a row a stream.
    0x0013 ACTS: List<'_, Row, ACT_ROWS_MAX>;
    /// The proof that a ticket gives.
    0x0014 TICKET: TicketProof;
    /// Words for the host of a meeting with a lobby.
    0x0017 NOTE: Reason<'_>;
    /// The other end of the connection, as the sender sees it.
    0x0019 OBSERVED: Address<'_>;
    /// The charter of the meeting that a record is of.
    0x0020 CHARTER: Signed<'_, Charter<'_>>;
}

enumerated! {
    /// How somebody was let in.
    Manner "manner" {
        /// By the signer's node.
        Unasked = 0,
        /// By the signer's user.
        ByHand = 1,
    }
}

layouts! {
    /// Somebody's word that another key has been let in.
    Pass "pass" {
        /// Whose word it is.
        signer: Key,
        /// The lamport time above which talk is served.
        floor: u64,
        /// How it was let in.
        manner: Manner,
        /// The signer's, over meeting id, the key that was let in, floor and manner.
        signature: Signature,
    }
    /// What JOIN shows of a ticket.
    TicketProof "ticket proof" {
        /// The ticket's public key.
        ticket: Key,
        /// The founder's, over meeting id and ticket key; zero if the charter names the ticket key.
        endorsement: Signature,
        /// The ticket key's, over meeting id and guest key.
        proof: Signature,
    }
}
