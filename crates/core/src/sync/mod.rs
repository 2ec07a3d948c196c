//! What every kind of meeting needs, whoever dials whom: texts that arrive once, names, delivery, proofs at the door.
//!
//! The machines above do not know each other; what they share lies here.

mod lobby;
mod names;
mod outbox;
mod proof;
mod tokens;

pub(crate) use self::lobby::{Due, Knock, Lobby};
pub(crate) use self::names::Names;
pub(crate) use self::outbox::{Errand, Outbox, refused};
pub(crate) use self::proof::{Door, pass_is_signed, sign_pass};
pub(crate) use self::tokens::{Answer, Tokens};

use alloc::vec::Vec;

use crate::charter::SignedCharter;
use crate::log::Log;

/// What an earlier run has kept of a meeting.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The meeting's charter.
    pub charter: SignedCharter,
    /// The pass, as [`crate::machine::Kept::Pass`] has it.
    pub pass: Option<Vec<u8>>,
    /// What was said and done there.
    pub log: Log,
}
