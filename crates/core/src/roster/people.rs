//! Who somebody is, by the newest PERSON that is held of it (SPEC.md, "Registers").

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};
use core::net::SocketAddr;

use crate::log::Held;
use crate::wire::address::Address;
use crate::wire::entry::{EntryBody, Whereabouts};
use crate::wire::meeting::Lane;

/// What somebody says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) session: u64,
    pub(super) whereabouts: Whereabouts,
    pub(super) name: String,
    pub(super) addresses: Vec<SocketAddr>,
}

impl Person {
    /// What `entry` says; `None` if it is of a kind that is not known.
    pub(super) fn read(entry: &Held) -> Option<Self> {
        let EntryBody::Person { whereabouts, name, addresses } = entry.body() else { return None };
        let addresses = addresses.iter().filter_map(Address::socket).collect();
        let (session, name) = (entry.id.session, name.as_str().to_string());
        Some(Self { session, whereabouts, name, addresses }).filter(|_| entry.lane() == Lane::PERSON)
    }
}
