//! Which addresses are dialled because somebody else has told them (SPEC ADDRESS-4).

use core::net::{IpAddr, SocketAddr};

use super::is_of_one;
use crate::limits;

/// How far an address leads, the nearest first: what is near is another computer in each network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// To the machine itself.
    Machine,
    /// To whoever is on the same cable.
    Cable,
    /// To a private network.
    Site,
    /// To one computer, from anywhere.
    #[default]
    World,
}

impl Scope {
    /// How far an address leads.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        // Addresses of carriers, 100.64.0.0/10, are private ones.
        let is_carriers = |octets: [u8; 4]| matches!(octets, [100, 64..=127, _, _]);
        match ip.to_canonical() {
            ip if ip.is_loopback() => Self::Machine,
            IpAddr::V4(ip) if ip.is_link_local() => Self::Cable,
            IpAddr::V6(ip) if ip.is_unicast_link_local() => Self::Cable,
            IpAddr::V4(ip) if ip.is_private() || is_carriers(ip.octets()) => Self::Site,
            IpAddr::V6(ip) if ip.is_unique_local() => Self::Site,
            IpAddr::V4(_) | IpAddr::V6(_) => Self::World,
        }
    }

    /// The nearest of these; the world, if there are none.
    pub fn nearest(ips: impl IntoIterator<Item = IpAddr>) -> Self {
        ips.into_iter().map(Self::of).min().unwrap_or(Self::World)
    }
}

/// Whether an address is dialled on another's word by who has to do with addresses as near as `nearest`, and with none
/// that is nearer.
#[must_use]
pub fn may_be_dialled(address: SocketAddr, nearest: Scope) -> bool {
    let ip = address.ip();
    // It leads nowhere without a zone, which no address here has.
    let needs_zone = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    is_of_one(ip) && !needs_zone && address.port() >= limits::TOLD_PORT_MIN && Scope::of(ip) >= nearest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_4_what_nobody_dials_on_anothers_word() {
        for never in [
            "224.0.0.1:7473",
            "[ff02::1]:7473",
            "0.0.0.0:7473",
            "0.1.2.3:7473",
            "[::]:7473",
            "255.255.255.255:7473",
            "[fe80::1]:7473",
            "192.0.2.1:25",
            "192.0.2.1:1023",
            "127.0.0.1:0",
        ] {
            assert!(!may_be_dialled(never.parse().expect(never), Scope::Machine), "{never}");
        }
    }

    #[test]
    fn address_4_what_is_near_is_dialled_by_whoever_has_to_do_with_what_is_as_near() {
        for (text, scope) in [
            ("127.0.0.1:7473", Scope::Machine),
            ("127.9.9.9:7473", Scope::Machine),
            ("[::1]:7473", Scope::Machine),
            ("[::ffff:127.0.0.1]:7473", Scope::Machine),
            ("169.254.169.254:7473", Scope::Cable),
            ("10.0.0.1:7473", Scope::Site),
            ("172.31.255.1:7473", Scope::Site),
            ("192.168.1.1:7473", Scope::Site),
            ("100.127.0.1:7473", Scope::Site),
            ("[fd00::1]:7473", Scope::Site),
            ("100.128.0.1:7473", Scope::World),
            ("172.32.0.1:7473", Scope::World),
            ("192.0.2.1:1024", Scope::World),
            ("[2001:db8::1]:65535", Scope::World),
        ] {
            let address: SocketAddr = text.parse().expect(text);
            assert_eq!(Scope::of(address.ip()), scope, "{text}");
            for nearest in [Scope::Machine, Scope::Cable, Scope::Site, Scope::World] {
                assert_eq!(may_be_dialled(address, nearest), nearest <= scope, "{text} from {nearest:?}");
            }
        }
        assert_eq!(Scope::nearest([]), Scope::World);
        assert_eq!(Scope::nearest(["192.0.2.1", "10.0.0.1"].map(|ip| ip.parse().expect(ip))), Scope::Site);
    }
}
