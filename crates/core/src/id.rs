//! Newtypes for everything that names something (SPEC.md, "Notation").

use alloc::string::String;
use core::fmt;
use core::net::IpAddr;

macro_rules! octets {
    ($($(#[$doc:meta])* $name:ident $length:literal)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $length]);

        impl $name {
            /// All bytes zero: "none", where a layout has no option for it.
            pub const ZERO: Self = Self([0; $length]);

            /// Reads exactly twice as many hex digits, of either case.
            #[must_use]
            pub fn from_hex(text: &str) -> Option<Self> {
                let mut octets = [0; $length];
                if text.len() != octets.len().checked_mul(2)? {
                    return None;
                }
                for (octet, pair) in octets.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
                    let digit = |at: usize| pair.get(at).and_then(|byte| char::from(*byte).to_digit(16));
                    *octet = u8::try_from(digit(0)?.checked_shl(4)? | digit(1)?).ok()?;
                }
                Some(Self(octets))
            }

            /// Lower-case hex digits, as in JSON, tickets and file names.
            #[must_use]
            pub fn to_hex(self) -> String {
                alloc::format!("{self}")
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}({self})", stringify!($name))
            }
        }
    )*};
}

octets! {
    /// An Ed25519 public key: who somebody is.
    Key 32
    /// An Ed25519 signature.
    Signature 64
    /// The first 16 bytes of the SHA-256 of a signed charter: which meeting.
    MeetingId 16
    /// A SHA-256: of a signed entry, or of a body.
    Hash 32
    /// The first 16 bytes of an entry's hash, for what is only shown.
    ShortHash 16
    /// Random bytes before a text that is hashed: few texts are likely, and their hashes would tell them.
    Salt 16
    /// Drawn once for each private text or question and kept with it until it is acknowledged.
    Token 16
}

impl Hash {
    /// Its first bytes.
    #[must_use]
    pub fn short(self) -> ShortHash {
        ShortHash(self.0.first_chunk().copied().unwrap_or_default())
    }
}

/// One connection of this process, numbered by the driver and never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// One attempt to reach somebody, numbered by the machine that asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialId(pub u64);

/// One request of one side of one link; 0 stands for an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u32);

impl RequestId {
    /// The id of every frame that is not a request and not a reply.
    pub const EVENT: Self = Self(0);

    /// Goes on to the request after this one.
    pub(crate) fn step(&mut self) -> Self {
        self.0 = self.0.checked_add(1).unwrap_or(1);
        *self
    }
}

/// One command of this process's user, numbered by whoever passes it in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u64);

/// Whom something is counted for that any key may do: an address of IPv4, or the network that one subscriber of IPv6 has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(u128);

impl Source {
    /// That of somebody at this address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.to_ipv6_mapped().to_bits()),
            IpAddr::V6(address) => Self(address.to_bits() & 0xffff_ffff_ffff_ffff_0000_0000_0000_0000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_addresses_of_ipv4_and_networks_of_ipv6() {
        let source = |text: &str| Source::of(text.parse().unwrap());
        assert_eq!(source("10.0.0.1"), source("::ffff:10.0.0.1"));
        assert_ne!(source("10.0.0.1"), source("10.0.0.2"));
        assert_eq!(source("2001:db8:0:1::1"), source("2001:db8:0:1:ffff::2"));
        assert_ne!(source("2001:db8:0:1::1"), source("2001:db8:0:2::1"));
    }
}
