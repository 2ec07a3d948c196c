//! Frames that every link has (SPEC.md, "Session").

use super::family::family;
use super::field::{Field, Reason};
use crate::code::Code;
use crate::id::MeetingId;

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purpose(pub u8);

impl Purpose {
    /// A node and a registry.
    pub const REGISTRY: Self = Self(0x01);
    /// A guest and the host of a star.
    pub const STAR: Self = Self(0x02);
    /// Two members of a mesh.
    pub const MESH: Self = Self(0x03);
    /// Two friends.
    pub const CONTACT: Self = Self(0x04);
    /// A registry that looks whether a key answers at an address.
    pub const PROBE: Self = Self(0x05);
}

impl Field<'_> for Purpose {
    fn layout() -> alloc::string::String {
        "purpose u8".into()
    }

    fn parse(input: &[u8]) -> super::error::Parsed<'_, Self> {
        u8::parse(input).map(|(rest, number)| (rest, Self(number)))
    }

    fn encode(&self, out: &mut alloc::vec::Vec<u8>) {
        self.0.encode(out);
    }

    fn generate(draw: &mut super::field::Draw<'_>, out: &mut alloc::vec::Vec<u8>) {
        u8::generate(draw, out);
    }
}

family! {
    /// Frames that every link has.
    Session {
        /// Opens a link: the initiator's says what the link is for, the responder's repeats it.
        0x0000 "HELLO" Hello Event Both {
            /// What the link is for.
            purpose: Purpose,
            /// Which meeting; zero: the one that is held there.
            meeting: MeetingId,
            /// Wall clock of the sender's start: of two runs with one key, the later one counts.
            started_ms: u64,
        } [SOFTWARE, NAME, PORT]
        /// The last frame of a link.
        0x0002 "BYE" Bye Event Both {
            /// Why.
            code: Code,
            /// Why, for people.
            reason: Reason<'a>,
        } []
        /// Says only that the sender is there.
        0x0004 "PING" Ping Event Both {} []
        /// The request has been done.
        0x0006 "OK" Done Reply Both {} []
        /// The request has not been done; the link goes on.
        0x0008 "ERROR" Refused Reply Both {
            /// Why.
            code: Code,
            /// Why, for people.
            reason: Reason<'a>,
        } []
    }
}
