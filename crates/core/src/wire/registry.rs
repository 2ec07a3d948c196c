//! Frames between a registry and its clients (SPEC.md, "Registry").

use alloc::{string::String, vec::Vec};

use super::address::Address;
use super::entry::Door;
use super::error::{Fault, Parsed};
use super::family::family;
use super::field::{Block, Draw, Field, List, Name, Signed, Words, enumerated, layouts};
use super::option::{self, Known, Options};
use crate::id::{Key, MeetingId};
use crate::limits::{ADDRESSES_MAX, LISTED_MAX, REGISTRY_RECORD_MAX};
use crate::rule::Rule;

enumerated! {
    /// What a record is of; also the purpose with which its addresses are dialled.
    Kind "kind" {
        /// A lecture.
        Star = 2,
        /// A room.
        Mesh = 3,
        /// Somebody.
        Person = 4,
    }
    /// Whether a record shows where nobody has named it.
    Visibility "visibility" {
        /// LIST shows it.
        Listed = 0,
        /// Only LOOKUP does.
        Unlisted = 1,
    }
    /// What LIST is about.
    Shelf "shelf" {
        /// Meetings of whatever kind.
        Meetings = 0,
        /// People.
        People = 1,
    }
}

layouts! {
    /// The fixed part of a record.
    Particulars<'a> "particulars" {
        /// What it is of.
        kind: Kind,
        /// The meeting; of a person, the hash of the key.
        id: MeetingId,
        /// Who says so, and answers at the addresses.
        publisher: Key,
        /// Above that of each record before, counted from the start of the publisher's run.
        number: u64,
        /// Since when it is on: the publisher's wall clock.
        since_ms: u64,
        /// Until when this holds: the publisher's wall clock.
        until_ms: u64,
        /// How many are there, the publisher included.
        population: u32,
        /// Whether it takes anybody new.
        door: Door,
        /// Whether LIST shows it.
        visibility: Visibility,
        /// Where the publisher listens, at whatever address the registry sees it; 0: nowhere.
        port: u16,
        /// What the publisher is called.
        name: Name<'a>,
        /// Where else it may be dialled.
        addresses: List<'a, Address<'a>, ADDRESSES_MAX>,
    }
    /// A record as a registry shows it.
    Listed<'a> "listed" {
        /// Where the registry has met the publisher.
        addresses: List<'a, Address<'a>, ADDRESSES_MAX>,
        /// The record.
        record: Block<Signed<'a, Record<'a>>>,
    }
}

/// The options that a record may carry.
pub const RECORD_OPTIONS: &[&Known] = &[&option::CHARTER];

/// What a publisher says of a meeting or of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The fixed part.
    pub particulars: Particulars<'a>,
    /// The rest.
    pub options: Options<'a>,
}

impl<'a> Field<'a> for Record<'a> {
    fn layout() -> String {
        "record".into()
    }

    // A record ends where its signature begins: the last 64 bytes of what is given.
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (body, signature) = input.split_at_checked(input.len().saturating_sub(64)).unwrap_or((input, &[]));
        // SPEC FIELD-3
        if body.len() > REGISTRY_RECORD_MAX {
            return Err(Fault::at(Rule::Field3, input));
        }
        let (_, record) = Particulars::parse(body)
            .and_then(|(rest, particulars)| {
                Options::parse(rest, RECORD_OPTIONS).map(|(rest, options)| (rest, Self { particulars, options }))
            })
            .map_err(|fault| Fault::followed_by(fault, signature))?;
        Ok((signature, record))
    }

    fn encode(&self, out: &mut Vec<u8>) {
        self.particulars.encode(out);
        self.options.encode(out);
    }

    fn generate(draw: &mut Draw<'_>, out: &mut Vec<u8>) {
        Particulars::generate(draw, out);
        Options::generate(RECORD_OPTIONS, draw, out);
    }
}

family! {
    /// Frames between a registry and its clients.
    Registry {
        /// Puts a record into the directory, or renews its lease.
        0x0080 "PUBLISH" Publish Request Client {
            /// The record.
            record: Block<Signed<'a, Record<'a>>>,
        } []
        /// Says how long the record stays, and where its publisher can be reached.
        0x0082 "LEASE" Lease Reply Registry {
            /// For so many milliseconds from now.
            lease_ms: u32,
            /// Where the registry has met the publisher.
            addresses: List<'a, Address<'a>, ADDRESSES_MAX>,
        } []
        /// Takes a record of the sender's out of the directory.
        0x0084 "WITHDRAW" Withdraw Request Client {
            /// Which.
            record: MeetingId,
        } []
        /// Asks for the records with this id.
        0x0086 "LOOKUP" Lookup Request Client {
            /// Which.
            record: MeetingId,
        } []
        /// Asks for a page of the directory.
        0x0088 "LIST" Browse Request Client {
            /// What it is about.
            shelf: Shelf,
            /// All of these are among the words of what is shown.
            words: Words<'a>,
            /// Where the page begins: 0, or what the page before has said.
            cursor: u64,
            /// How many records at most.
            most: u16,
        } []
        /// Records.
        0x008a "LISTING" Listing Reply Registry {
            /// Where the next page begins; 0: there is none.
            next: u64,
            /// The records.
            records: List<'a, Listed<'a>, LISTED_MAX>,
        } []
    }
}
