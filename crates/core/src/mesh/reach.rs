//! Where others can dial a member.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use crate::address::for_others;
use crate::limits;
use crate::wire::field::Address;
use crate::wire::option::{self, Options};

/// What a member knows of its own addresses.
#[derive(Clone, Debug)]
pub(super) struct Reach {
    /// Those that it listens on, `HOST:PORT`.
    own: Vec<String>,
    /// The port that it listens on, where its address is for others to see.
    port: Option<u16>,
    /// Where somebody has seen it first.
    observed: Option<IpAddr>,
}

impl Reach {
    pub(super) const fn new(own: Vec<String>, port: Option<u16>) -> Self {
        Self { own, port, observed: None }
    }

    /// Somebody may tell where it has seen this node.
    pub(super) fn note(&mut self, options: &Options<'_>) {
        let observed = options.find::<Address<'_>>(&option::OBSERVED);
        let observed = observed.and_then(|address| address.as_str().parse::<SocketAddr>().ok());
        self.observed = self.observed.or(observed.map(|address| address.ip()));
    }

    /// What is announced, after the address at which somebody has seen this node. On one machine that is loopback, which
    /// leads everybody else to themselves: it is told where there is no other.
    pub(super) fn addresses(&self) -> Vec<String> {
        let seen = self.observed.zip(self.port).map(|(ip, port)| SocketAddr::new(ip, port).to_string());
        let mut addresses = for_others(seen.iter().chain(&self.own));
        let is_loopback =
            |address: &String| address.parse::<SocketAddr>().is_ok_and(|address| address.ip().is_loopback());
        if !addresses.iter().all(is_loopback) {
            addresses.retain(|address| !is_loopback(address));
        }
        addresses.truncate(limits::ADDRESSES_MAX);
        addresses
    }
}
