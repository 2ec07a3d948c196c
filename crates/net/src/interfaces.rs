//! Where this machine is reached, as its interfaces say: a route that leads nowhere hides none of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use if_addrs::{IfAddr, Interface, get_if_addrs};
use tertulia_core::limits::ADDRESSES_MAX;

/// An address of an interface that is up.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Own {
    ip: IpAddr,
    /// The network that it is in; of several addresses in one network, one is enough.
    network: u128,
    /// The interface's number.
    index: u32,
    is_tunnel: bool,
    /// What leaves this machine leaves through this interface.
    is_outward: bool,
}

/// Where others may dial this machine, the likeliest first, at most three, and of both families if it has both.
/// Loopback is not among them, and neither is IPv6's link-local, which means something only on one machine.
///
/// Networks that are shared come before tunnels, which few are in; and before an address that this machine has given
/// itself on a cable where nobody hands out others.
#[must_use]
pub fn machine_addresses() -> Vec<IpAddr> {
    let interfaces = get_if_addrs().unwrap_or_default();
    let outward: Vec<IpAddr> =
        [leading_outward(DOCUMENTATION_4), leading_outward(DOCUMENTATION_6)].into_iter().flatten().collect();
    let outward: Vec<u32> =
        interfaces.iter().filter(|one| outward.contains(&one.ip())).filter_map(|one| one.index).collect();
    chosen(interfaces.iter().filter_map(|one| Own::of(one, &outward)).collect())
}

/// Where this machine reaches itself.
#[must_use]
pub fn machine_loopback() -> IpAddr {
    let interfaces = get_if_addrs().unwrap_or_default();
    let mut own: Vec<IpAddr> = interfaces.iter().map(Interface::ip).filter(IpAddr::is_loopback).collect();
    own.sort();
    own.first().copied().unwrap_or(Ipv4Addr::LOCALHOST.into())
}

impl Own {
    fn of(interface: &Interface, outward: &[u32]) -> Option<Self> {
        let is_link_local = matches!(interface.ip(), IpAddr::V6(ip) if ip.is_unicast_link_local());
        if interface.is_loopback() || !interface.is_oper_up() || is_link_local {
            return None;
        }
        let network = match &interface.addr {
            IfAddr::V4(addr) => (addr.ip & addr.netmask).to_ipv6_mapped().to_bits(),
            IfAddr::V6(addr) => addr.ip.to_bits() & (u128::MAX << 64),
        };
        let index = interface.index.unwrap_or(u32::MAX);
        let is_outward = outward.contains(&index);
        Some(Self { ip: interface.ip(), network, index, is_tunnel: interface.is_p2p(), is_outward })
    }

    const fn is_link_local(&self) -> bool {
        matches!(self.ip, IpAddr::V4(ip) if ip.is_link_local())
    }
}

/// The best of each network, in order.
fn chosen(mut all: Vec<Own>) -> Vec<IpAddr> {
    all.sort_by_key(|own| (own.is_tunnel, own.is_link_local(), !own.is_outward, own.index, own.ip.is_ipv6()));
    let mut networks = Vec::new();
    let mut best: Vec<Own> = Vec::new();
    for own in all {
        let network = (own.index, own.network, own.ip.is_ipv6());
        match networks.iter().position(|known| *known == network) {
            None => {
                networks.push(network);
                best.push(own);
            }
            // Linux names IPv6 addresses that go, and are replaced, before the one that stays.
            Some(at) if own.ip.is_ipv6() => best.get_mut(at).into_iter().for_each(|kept| *kept = own.clone()),
            Some(_) => {}
        }
    }
    let rest = best.split_off(best.len().min(ADDRESSES_MAX));
    // A reader may have one family alone.
    let is_other = |own: &Own| best.first().is_some_and(|first| first.ip.is_ipv4() != own.ip.is_ipv4());
    if !best.iter().any(is_other)
        && let Some(other) = rest.iter().find(|own| is_other(own))
    {
        best.pop();
        best.push(other.clone());
    }
    best.into_iter().map(|own| own.ip).collect()
}

/// Set aside for documentation: nobody is there, and it lies where most of the net does.
const DOCUMENTATION_4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const DOCUMENTATION_6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));

/// The address from which `elsewhere` is reached: connecting a datagram socket asks the routing table, and sends nothing.
fn leading_outward(elsewhere: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = if elsewhere.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((elsewhere, 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(index: u32, ip: &str) -> Own {
        let ip: IpAddr = ip.parse().unwrap();
        let network = match ip {
            IpAddr::V4(ip) => u128::from(ip.to_bits() >> 8),
            IpAddr::V6(ip) => ip.to_bits() >> 64,
        };
        Own { ip, network, index, is_tunnel: false, is_outward: false }
    }

    fn texts(all: Vec<Own>) -> Vec<String> {
        chosen(all).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn shared_networks_come_before_tunnels_and_before_what_a_cable_has_given_itself() {
        let tunnel = Own { is_tunnel: true, is_outward: true, ..own(1, "10.8.0.2") };
        let outward = Own { is_outward: true, ..own(5, "192.168.1.5") };
        let all = vec![tunnel.clone(), own(2, "169.254.3.4"), own(3, "172.17.0.1"), outward];
        assert_eq!(texts(all), ["192.168.1.5", "172.17.0.1", "169.254.3.4"]);
        assert_eq!(texts(vec![tunnel.clone(), own(3, "192.168.1.5")]), ["192.168.1.5", "10.8.0.2"]);
        assert_eq!(texts(vec![tunnel]), ["10.8.0.2"]);
        assert_eq!(texts(vec![]), [""; 0]);
    }

    #[test]
    fn both_families_are_there_if_the_machine_has_both() {
        let four = |index: u32| own(index, &format!("192.168.{index}.5"));
        assert_eq!(
            texts(vec![four(1), four(2), four(3), own(4, "fd00::5")]),
            ["192.168.1.5", "192.168.2.5", "fd00::5"]
        );
        assert_eq!(texts(vec![own(1, "fd00::5"), four(1)]), ["192.168.1.5", "fd00::5"]);
        assert_eq!(texts(vec![four(1), four(2), four(3), four(4)]).len(), 3);
    }

    #[test]
    fn of_one_network_there_is_one_address_of_ipv6_the_one_that_stays() {
        let all = vec![own(1, "2001:db8::1234"), own(1, "2001:db8::5"), own(1, "fd00::5"), own(1, "192.168.1.5")];
        assert_eq!(texts(all), ["192.168.1.5", "2001:db8::5", "fd00::5"]);
        assert_eq!(texts(vec![own(1, "192.168.1.5"), own(1, "192.168.1.6")]), ["192.168.1.5"]);
    }

    #[test]
    fn this_machine_reaches_itself_and_says_so_to_nobody_else() {
        assert!(machine_loopback().is_loopback());
        let all = machine_addresses();
        assert!(all.iter().all(|ip| !ip.is_loopback() && !ip.is_unspecified()), "{all:?}");
    }
}
