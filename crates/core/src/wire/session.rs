//! Frames that every link has (SPEC.md, "Session").

use super::family::family;
use super::field::Reason;
pub use super::purpose::Purpose;
use crate::code::Code;
use crate::id::MeetingId;

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
