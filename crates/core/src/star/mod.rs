//! A lecture (SPEC.md, "Star"): one host writes, each guest has one link, to the host.

mod admission;
mod attendee;
mod attendee_commands;
mod delivery;
mod host;
mod host_commands;
mod names;
mod outbox;
mod presence;
mod questions;
mod show;

pub use self::admission::prove_ticket;
pub use self::attendee::{Attendee, AttendeeConfig, Restored};
pub use self::host::{Host, HostConfig};

use alloc::collections::{BTreeMap, VecDeque};

use crate::id::{Key, Token};
use crate::limits;

/// The tokens of each sender that were seen lately: a text that comes again is answered, not shown (SPEC TOKEN-2).
#[derive(Clone, Debug, Default)]
struct Tokens {
    seen: BTreeMap<Key, VecDeque<Token>>,
}

impl Tokens {
    /// Notes a token; false if it is known.
    fn note(&mut self, sender: Key, token: Token) -> bool {
        if self.seen.len() >= limits::GUESTS_MAX && !self.seen.contains_key(&sender) {
            self.seen.pop_first();
        }
        let seen = self.seen.entry(sender).or_default();
        if seen.contains(&token) {
            return false;
        }
        seen.push_back(token);
        if seen.len() > limits::TOKENS_MAX {
            seen.pop_front();
        }
        true
    }
}

#[cfg(test)]
mod tests;
