//! What a link is for.

use alloc::{string::String, vec::Vec};

use super::error::Parsed;
use super::field::{Draw, Field};

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purpose(pub u8);

impl Purpose {
    /// A node and a registry.
    pub const REGISTRY: Self = Self(0x01);
    /// A guest and the host of a star.
    pub const STAR: Self = Self(0x02);
    /// Two members of a mesh.
    pub const MESH: Self = Self(0x03);
    /// Two friends.
    pub const CONTACT: Self = Self(0x04);
    /// A registry that looks whether a key answers at an address.
    pub const PROBE: Self = Self(0x05);
}

impl Field<'_> for Purpose {
    fn layout() -> String {
        "purpose u8".into()
    }

    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        u8::parse(input).map(|(rest, number)| (rest, Self(number)))
    }

    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn generate(draw: &mut Draw<'_>, out: &mut Vec<u8>) {
        u8::generate(draw, out);
    }
}
