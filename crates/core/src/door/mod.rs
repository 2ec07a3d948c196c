//! Doors, and who stands before them (SPEC.md, "Joining"): the outside, which is one for all kinds of meetings, and what
//! rooms and lectures share of the inside.

mod lobby;
mod names;
mod newcomer;
mod quota;
mod tickets;

pub(crate) use self::lobby::{Due, Knock, Lobby};
pub(crate) use self::names::Names;
pub(crate) use self::newcomer::{ENDINGS, FINAL, Newcomer, Progress, Wait, is_innocent};
pub use self::newcomer::{NewcomerConfig, Restored};
pub(crate) use self::quota::Door;
pub use self::tickets::Tickets;
