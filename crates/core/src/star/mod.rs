//! A lecture (SPEC.md, "Star"): one host writes, each guest has one link, to the host.

mod admission;
mod asking;
mod attendee;
mod attendee_commands;
mod host;
mod host_commands;
mod presence;
mod questions;
mod tickets;
mod witness;

pub use self::attendee::Attendee;
pub use self::host::{Host, HostConfig};
pub use crate::door::{NewcomerConfig, Restored, Tickets};

#[cfg(test)]
mod tests;
