//! Which addresses a registry dials and shows (SPEC PROBE-2).

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use crate::address::{Scope, may_be_dialled};
use crate::limits;
use crate::wire::address::Address;
use crate::wire::registry::Particulars;

/// Whether a registry may show an address to who has a link with it from as near as `nearest` (SPEC ADDRESS-4, PROBE-2): what
/// only one cable knows, it does not.
pub(super) fn may_be_listed(address: SocketAddr, nearest: Scope) -> bool {
    may_be_dialled(address, nearest) && Scope::of(address.ip()) != Scope::Cable
}

/// Whether a registry that listens at `registry` may dial `address`, and show it, for somebody who is near it (SPEC PROBE-2).
#[must_use]
pub fn can_be_listed(address: SocketAddr, registry: SocketAddr) -> bool {
    may_be_listed(address, Scope::Machine)
        && (!address.ip().is_loopback() || registry.ip().is_loopback())
        && address != registry
}

pub(super) fn is_loopback(address: &SocketAddr) -> bool {
    address.ip().is_loopback()
}

/// SPEC PROBE-3: where a registry looks for the publisher of a record that came from `observed`.
pub(super) fn candidates(record: &Particulars<'_>, observed_ip: IpAddr, registry: SocketAddr) -> Vec<SocketAddr> {
    let observed = Address::of(SocketAddr::new(observed_ip, record.port));
    let mut candidates = Vec::new();
    for address in record.addresses.iter().chain([observed]).filter_map(Address::socket) {
        let is_near = may_be_listed(address, Scope::of(observed_ip));
        if is_near && can_be_listed(address, registry) && !candidates.contains(&address) {
            candidates.push(address);
        }
    }
    candidates.truncate(limits::ADDRESSES_MAX);
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        Address::of(text.parse().expect(text)).socket().unwrap_or(([0, 0, 0, 0], 0).into())
    }

    #[test]
    fn probe_2_what_a_registry_does_not_dial() {
        let public = address("198.51.100.1:7472");
        for never in [
            "127.0.0.1:7473",
            "127.8.9.1:7473",
            "[::1]:7473",
            "[::ffff:127.0.0.1]:7473",
            "169.254.1.1:7473",
            "[fe80::1]:7473",
            "224.0.0.1:7473",
            "[ff02::1]:7473",
            "0.0.0.0:7473",
            "0.1.2.3:7473",
            "[::]:7473",
            "255.255.255.255:7473",
            "192.0.2.1:25",
            "192.0.2.1:1023",
            "192.0.2.1:0",
            "198.51.100.1:7472",
            "[::ffff:198.51.100.1]:7472",
        ] {
            assert!(!can_be_listed(address(never), public), "{never}");
        }
        for well in ["192.0.2.1:7473", "192.0.2.1:1024", "[2001:db8::1]:7473", "198.51.100.1:7473", "10.0.0.1:7473"] {
            assert!(can_be_listed(address(well), public), "{well}");
        }
    }

    #[test]
    fn probe_2_loopback_is_listed_by_a_registry_on_loopback_alone() {
        let own = address("127.0.0.1:7472");
        for (text, listed) in [("127.0.0.1:7473", true), ("[::1]:7473", true), ("127.0.0.1:7472", false)] {
            assert_eq!(can_be_listed(address(text), own), listed, "{text}");
            assert!(!can_be_listed(address(text), address("0.0.0.0:7472")), "{text}");
        }
    }
}
