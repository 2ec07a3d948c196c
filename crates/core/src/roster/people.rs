//! Who somebody is, by the newest PERSON that is held of it (SPEC.md, "Registers").

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};
use core::net::SocketAddr;

use crate::charter::SignedCharter;
use crate::identity::Identity;
use crate::log::Held;
use crate::pass::Chain;
use crate::wire::address::Address;
use crate::wire::entry::{EntryBody, Whereabouts};
use crate::wire::meeting::Lane;
use crate::wire::option::TicketProof;

/// What somebody says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) session: u64,
    pub(super) whereabouts: Whereabouts,
    pub(super) name: String,
    pub(super) reading: String,
    pub(super) addresses: Vec<SocketAddr>,
    /// What lets it in, if that holds.
    pub(super) chain: Option<Chain>,
    /// The ticket that it has come with, if the proof holds.
    pub(super) proof: Option<TicketProof>,
}

impl Person {
    /// What `entry` says; `None` if it is of a kind that is not known. What stands in `last` was checked already.
    pub(super) fn read(entry: &Held, last: Option<&Self>, charter: &SignedCharter, us: &Identity) -> Option<Self> {
        let EntryBody::Person { whereabouts, name, addresses, chain, proof } = entry.body() else { return None };
        let (key, chain, proof) = (entry.id.author, Chain::shown(chain), proof.iter().next());
        let is_known = last.is_some_and(|last| last.chain.as_ref() == Some(&chain));
        let holds = is_known || chain.holds(&key, charter, us);
        let is_proven = last.is_some_and(|last| last.proof == proof);
        let proof = proof.filter(|proof| is_proven || charter.proof_holds(proof, &key, us));
        let addresses = addresses.iter().filter_map(Address::socket).collect();
        let (session, name) = (entry.id.session, name.as_str().to_string());
        let same = last.filter(|last| last.name == name).map(|last| last.reading.clone());
        let reading = same.unwrap_or_else(|| crate::name::reading(&name));
        Some(Self { session, whereabouts, name, reading, addresses, chain: holds.then_some(chain), proof })
            .filter(|_| entry.lane() == Lane::PERSON)
    }

    /// The lamport time above which it is served talk (SPEC PASS-3).
    pub(super) fn floor(&self) -> u64 {
        self.chain.as_ref().map_or(u64::MAX, Chain::floor)
    }
}
