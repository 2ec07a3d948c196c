//! A room (SPEC.md, "Mesh"): everybody writes, every two are linked, and whoever lacks something asks for it.
//!
//! One machine for its founder and for everybody else: what they may do, the roster says.

mod admission;
mod arriving;
mod commands;
mod dialling;
mod entries;
mod exchange;
mod links;
mod lobby;
mod member;
mod peer;
mod people;
mod reach;
mod showing;
mod speech;
mod standing;
#[cfg(test)]
mod tests;
mod tickets;

pub use self::member::{Member, MemberConfig};
pub use crate::door::{NewcomerConfig, Restored, Tickets};
