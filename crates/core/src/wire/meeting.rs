//! Frames that carry a meeting (SPEC.md, "Log" and "Star").

use super::charter::Charter;
pub use super::entry::Whereabouts;
use super::entry::{Carried, Envelope};
use super::family::family;
use super::field::{Block, List, Name, Signed, layouts};
use super::option::Pass;
pub use super::row::{Lane, Range, Row};
use crate::id::{Key, MeetingId};
use crate::limits::{MESH_MAX, PASSES_MAX, PRESENCE_NAMES_MAX, RANGES_MAX, ROWS_MAX};

layouts! {
    /// Somebody in the meeting.
    Person<'a> "person" {
        /// Who.
        key: Key,
        /// Here or gone.
        whereabouts: Whereabouts,
        /// What they are called.
        name: Name<'a>,
    }
}

family! {
    /// Frames that carry a meeting.
    Meeting {
        /// Asks to be let in.
        0x0040 "JOIN" Join Request Guest {
            /// Which meeting; zero: the one that is held there.
            meeting: MeetingId,
        } [CHAIN, ACTS, TICKET, NOTE]
        /// Lets a guest in.
        0x0042 "WELCOME" Welcome Reply Host {
            /// What the meeting is.
            charter: Block<Signed<'a, Charter<'a>>>,
            /// Lets the guest in again, here and elsewhere.
            chain: List<'a, Pass, PASSES_MAX>,
            /// What the guest can have.
            rows: List<'a, Row, ROWS_MAX>,
        } [OBSERVED]
        /// One entry of the log.
        0x0044 "ENTRY" EntryFrame Event Both {
            /// The entry.
            entry: Carried<'a>,
        } []
        /// What the sender holds: all of it first, then what has changed.
        0x0046 "DIGEST" Digest Event Both {
            /// A row a stream.
            rows: List<'a, Row, ROWS_MAX>,
        } []
        /// Asks for entries; they come as ENTRY, then OK.
        0x0048 "FETCH" Fetch Request Both {
            /// What is wanted.
            ranges: List<'a, Range, RANGES_MAX>,
        } []
        /// The proof that an author has written two entries that exclude each other.
        0x004a "FORK" Fork Event Both {
            /// One of them.
            one: Envelope,
            /// The other.
            other: Envelope,
        } []
        /// Who is here: everybody first, then who has come or gone.
        0x004c "PRESENCE" Presence Event Host {
            /// How many guests there are.
            guests: u32,
            /// Who; nobody where there are too many to name.
            people: List<'a, Person<'a>, PRESENCE_NAMES_MAX>,
        } []
        /// Asks for another name.
        0x004e "RENAME" Rename Request Guest {
            /// The new name.
            name: Name<'a>,
        } []
        /// Tells who waits in the lobby how many wait before.
        0x0050 "WAITING" Waiting Event Host {
            /// 1: nobody has waited longer.
            position: u16,
        } []
        /// Whom the sender is linked with: all of them, whenever that has changed.
        0x0052 "LINKS" Links Event Member {
            /// Their keys.
            keys: List<'a, Key, MESH_MAX>,
        } []
    }
}
