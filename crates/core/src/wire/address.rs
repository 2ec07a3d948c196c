//! Where somebody can be dialled, as it stands in entries, records and options (SPEC.md, "Addresses"). Never a name: nobody
//! is made to ask a name server.

use alloc::{string::String, vec::Vec};
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use nom::{Parser as _, bytes::complete::take};

use super::error::{Fault, Parsed};
use super::field::{Draw, Field, draw_up_to};
use crate::limits::ADDRESS_BYTES_MAX;
use crate::rule::Rule;

/// The kind of an IP address and a port.
const IP: u8 = 1;

/// An address of any kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address<'a> {
    /// An IP address and a port.
    Ip(SocketAddr),
    /// What a later version has, or nobody: kept as it came.
    Unknown {
        /// Its kind.
        kind: u8,
        /// What it says.
        bytes: &'a [u8],
    },
}

impl<'a> Address<'a> {
    /// Where a socket is; an IPv4 address that IPv6 maps is that IPv4 address.
    #[must_use]
    pub const fn of(socket: SocketAddr) -> Self {
        Self::Ip(canonical(socket))
    }

    /// The same for a socket, if it is one that can be dialled (SPEC ADDRESS-2).
    #[must_use]
    pub fn socket(self) -> Option<SocketAddr> {
        match self {
            Self::Ip(socket) => Some(canonical(socket)).filter(|socket| socket.port() != 0),
            Self::Unknown { .. } => None,
        }
    }

    /// Name and layout of each field.
    #[must_use]
    pub fn fields() -> Vec<(&'static str, String)> {
        alloc::vec![("kind", "u8".into()), ("bytes", "bytes8".into())]
    }

    fn read(kind: u8, bytes: &'a [u8]) -> Self {
        let of = |ip: &[u8], port: &[u8]| -> Option<SocketAddr> {
            let port = u16::from_be_bytes(port.try_into().ok()?);
            let four = <[u8; 4]>::try_from(ip).map(|ip| SocketAddr::from((Ipv4Addr::from(ip), port)));
            let six = || <[u8; 16]>::try_from(ip).map(|ip| SocketAddr::from((Ipv6Addr::from(ip), port)));
            four.or_else(|_| six()).ok()
        };
        let cut = bytes.split_at_checked(bytes.len().saturating_sub(2)).filter(|_| kind == IP);
        cut.and_then(|(ip, port)| of(ip, port)).map_or(Self::Unknown { kind, bytes }, Self::Ip)
    }
}

/// The same with an IPv4 address for what maps one, and without what only one machine knows.
const fn canonical(socket: SocketAddr) -> SocketAddr {
    SocketAddr::new(socket.ip().to_canonical(), socket.port())
}

impl<'a> Field<'a> for Address<'a> {
    fn layout() -> String {
        "address".into()
    }

    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, kind) = u8::parse(input)?;
        let (rest, length) = u8::parse(rest)?;
        // SPEC FIELD-3
        if usize::from(length) > ADDRESS_BYTES_MAX {
            return Err(Fault::at(Rule::Field3, input));
        }
        let (rest, bytes) = take(length).parse(rest)?;
        Ok((rest, Self::read(kind, bytes)))
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut write = |kind: u8, parts: [&[u8]; 2]| {
            let length = parts.iter().fold(0_usize, |sum, part| sum.saturating_add(part.len()));
            out.extend([kind, u8::try_from(length).unwrap_or(0)]);
            parts.into_iter().for_each(|part| out.extend_from_slice(part));
        };
        match self {
            Self::Ip(SocketAddr::V4(socket)) => write(IP, [&socket.ip().octets(), &socket.port().to_be_bytes()]),
            Self::Ip(SocketAddr::V6(socket)) => write(IP, [&socket.ip().octets(), &socket.port().to_be_bytes()]),
            Self::Unknown { kind, bytes } => write(*kind, [bytes, &[]]),
        }
    }

    fn generate(draw: &mut Draw<'_>, out: &mut Vec<u8>) {
        let (kind, length) = match draw_up_to(draw, 3) {
            0 => (IP, 6),
            1 => (IP, 18),
            2 => (IP, draw_up_to(draw, ADDRESS_BYTES_MAX)),
            _ => (0xee, ADDRESS_BYTES_MAX),
        };
        out.extend([kind, u8::try_from(length).unwrap_or(0)]);
        (0..length).for_each(|_| u8::generate(draw, out));
    }
}
