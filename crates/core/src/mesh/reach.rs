//! Where others can dial a member.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::address::{for_others, is_of_one};
use crate::limits;
use crate::wire::address::Address;
use crate::wire::option::{self, Options};

/// What a member knows of its own addresses.
#[derive(Clone, Debug)]
pub(super) struct Reach {
    /// What its ticket says, `HOST:PORT`: names too.
    own: Vec<String>,
    /// Where others are told that they may dial it.
    told: Vec<SocketAddr>,
    /// The port that it listens on, where its address is for others to see.
    port: Option<u16>,
    /// Where somebody has seen it first.
    observed: Option<IpAddr>,
}

impl Reach {
    pub(super) const fn new(own: Vec<String>, told: Vec<SocketAddr>, port: Option<u16>) -> Self {
        Self { own, told, port, observed: None }
    }

    /// Somebody may tell where it has seen this node.
    pub(super) fn note(&mut self, options: &Options<'_>) {
        let observed = options.find::<Address<'_>>(&option::OBSERVED).and_then(Address::socket);
        self.observed = self.observed.or(observed.map(|address| address.ip()));
    }

    fn seen(&self) -> Option<SocketAddr> {
        self.observed.zip(self.port).map(|(ip, port)| SocketAddr::new(ip, port))
    }

    /// What stands in its ticket, the address at which somebody has seen this node first.
    pub(super) fn addresses(&self) -> Vec<String> {
        let seen = self.seen().map(|address| address.to_string());
        let is_loopback =
            |address: &String| address.parse::<SocketAddr>().is_ok_and(|address| address.ip().is_loopback());
        chosen(for_others(seen.iter().chain(&self.own)), is_loopback)
    }

    /// The same as others of the room are told it (SPEC ADDRESS-3): no names, and nothing that only one cable knows.
    pub(super) fn told(&self) -> Vec<SocketAddr> {
        let mut told: Vec<SocketAddr> = Vec::new();
        for address in self.seen().iter().chain(&self.told).filter_map(|address| Address::of(*address).socket()) {
            let is_of_a_cable = matches!(address.ip(), IpAddr::V6(ip) if Ipv6Addr::is_unicast_link_local(&ip));
            if is_of_one(address.ip()) && !is_of_a_cable && !told.contains(&address) {
                told.push(address);
            }
        }
        chosen(told, |address| address.ip().is_loopback())
    }
}

/// On one machine the addresses are loopback, which leads everybody else to themselves: it is told where there is no other.
fn chosen<T>(mut addresses: Vec<T>, is_loopback: impl Fn(&T) -> bool) -> Vec<T> {
    if !addresses.iter().all(&is_loopback) {
        addresses.retain(|address| !is_loopback(address));
    }
    addresses.truncate(limits::ADDRESSES_MAX);
    addresses
}
