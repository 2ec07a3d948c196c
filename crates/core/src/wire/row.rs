//! Which lane, and how far somebody has come with it (SPEC.md, "Streams and registers", "DIGEST and FETCH").

use alloc::vec::Vec;

use super::error::Parsed;
use super::field::{Draw, Field, draw_up_to, layouts};
use crate::id::{Hash, Key};

/// Which of an author's lanes: two of streams, and registers (SPEC.md, "Registers").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// What changes who may do what: lane 0.
    Acts,
    /// What people say: lane 1.
    Talk,
    /// A register: lane 2, or a higher one.
    Register(u8),
}

impl Lane {
    /// Who somebody is, and whether it is here.
    pub const PERSON: Self = Self::Register(2);

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Acts => 0,
            Self::Talk => 1,
            Self::Register(number) => number,
        }
    }

    /// One that means nothing and never will.
    #[must_use]
    pub const fn grease(drawn: u8) -> Self {
        Self::Register(0xf0 | drawn)
    }

    /// Whether it is such a one.
    #[must_use]
    pub const fn is_grease(self) -> bool {
        matches!(self, Self::Register(0xf0..))
    }

    /// Whether only the greatest entry counts.
    #[must_use]
    pub const fn is_register(self) -> bool {
        matches!(self, Self::Register(_))
    }
}

impl Field<'_> for Lane {
    fn layout() -> alloc::string::String {
        "lane u8".into()
    }

    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (rest, number) = u8::parse(input)?;
        let lane = match number {
            0 => Self::Acts,
            1 => Self::Talk,
            _ => Self::Register(number),
        };
        Ok((rest, lane))
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.number());
    }

    fn generate(draw: &mut Draw<'_>, out: &mut Vec<u8>) {
        out.extend(u8::try_from(draw_up_to(draw, 4)));
    }
}

layouts! {
    /// What somebody holds of one stream, and whom to ask for the rest.
    Row "row" {
        /// The stream's author.
        author: Key,
        /// The author's session.
        session: u64,
        /// The lane.
        lane: Lane,
        /// The lowest number held, or served; of a register, the one held.
        first: u64,
        /// One above the highest number held.
        next: u64,
        /// The hash of the highest entry held; zero if none is.
        head: Hash,
    }
    /// Entries of one stream that somebody lacks.
    Range "range" {
        /// The stream's author.
        author: Key,
        /// The author's session.
        session: u64,
        /// The lane.
        lane: Lane,
        /// The first number wanted.
        from: u64,
        /// One above the last number wanted.
        to: u64,
    }
    /// What a guest has heard of the host: the newest talk entry that it holds; all zero if it holds none.
    Heard "heard" {
        /// The host's session.
        session: u64,
        /// The number in it.
        number: u64,
        /// The entry's hash.
        head: Hash,
    }
}

impl Heard {
    /// Nothing.
    pub const NONE: Self = Self { session: 0, number: 0, head: Hash::ZERO };
}
