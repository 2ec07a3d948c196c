//! What follows a frame's fields: typed, rising, skippable when odd (SPEC.md, "Extension").

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use nom::{Parser as _, bytes::complete::take};

use super::error::{Fault, Parsed};
use super::field::{Draw, Field, draw_up_to, encode_alone};
use crate::limits;
use crate::rule::Rule;

/// One option that a frame, charter or record may carry.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The type number. Odd: who does not know it skips it. Even: who does not know it closes.
    pub kind: u16,
    /// The name in SPEC.md.
    pub name: &'static str,
    /// The layout of the value.
    pub layout: fn() -> String,
    pub(super) check: fn(&[u8]) -> Result<(), Rule>,
    pub(super) generate: fn(&mut Draw<'_>, &mut Vec<u8>),
}

/// Odd types, and kinds of entries, that mean nothing and never will: they exercise the other side's skipping.
#[must_use]
pub const fn is_grease(kind: u16) -> bool {
    kind & 0xff0f == 0x3f01
}

/// One of them.
#[must_use]
pub const fn grease(drawn: u8) -> u16 {
    let [high, low] = 0x3f01_u16.to_be_bytes();
    u16::from_be_bytes([high, low | drawn & 0xf0])
}

/// The options of one frame, checked and borrowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options<'a>(&'a [u8]);

impl<'a> Options<'a> {
    /// No options.
    pub const NONE: Self = Self(&[]);

    /// Takes all that is left of a frame that may carry `known`.
    ///
    /// # Errors
    /// OPTION-1, OPTION-2, FRAME-2, or what a known option's value breaks.
    pub(crate) fn parse(input: &'a [u8], known: &[&Known]) -> Parsed<'a, Self> {
        let (mut rest, mut last, mut count) = (input, None, 0_usize);
        while !rest.is_empty() {
            let at = rest;
            let (after, kind) = u16::parse(rest)?;
            let (after, length) = u16::parse(after)?;
            let (after, value) = take(length).parse(after)?;
            count = count.saturating_add(1);
            // SPEC OPTION-1
            if last >= Some(kind) || count > limits::OPTIONS_MAX {
                return Err(Fault::at(Rule::Option1, at));
            }
            match known.iter().find(|known| known.kind == kind) {
                Some(known) => (known.check)(value).map_err(|rule| Fault::at(rule, value_start(at)))?,
                // SPEC OPTION-2
                None if kind & 1 == 0 => return Err(Fault::at(Rule::Option2, at)),
                None => {}
            }
            (rest, last) = (after, Some(kind));
        }
        Ok((rest, Self(input)))
    }

    /// Type and value of each, in order.
    pub fn iter(self) -> impl Iterator<Item = (u16, &'a [u8])> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (after, kind) = u16::parse(rest).ok()?;
            let (after, length) = u16::parse(after).ok()?;
            let (after, value) = take::<_, _, Fault>(length).parse(after).ok()?;
            rest = after;
            Some((kind, value))
        })
    }

    /// The value of `known`, if the frame carries it.
    #[must_use]
    pub fn find<T: Field<'a>>(self, known: &Known) -> Option<T> {
        let (_, value) = self.iter().find(|(kind, _)| *kind == known.kind)?;
        T::parse(value).ok().map(|(_, value)| value)
    }

    pub(crate) fn encode(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0);
    }

    pub(crate) fn generate(known: &[&Known], draw: &mut Draw<'_>, out: &mut Vec<u8>) {
        for known in known {
            if draw_up_to(draw, 1) == 1 {
                let mut value = Vec::new();
                (known.generate)(draw, &mut value);
                encode_option(known.kind, &value, out);
            }
        }
        if draw_up_to(draw, 3) == 3 {
            encode_option(0x3f01, b"grease", out);
        }
    }
}

fn value_start(option: &[u8]) -> &[u8] {
    option.get(4..).unwrap_or_default()
}

fn encode_option(kind: u16, value: &[u8], out: &mut Vec<u8>) {
    kind.encode(out);
    u16::try_from(value.len()).unwrap_or(0).encode(out);
    out.extend_from_slice(value);
}

/// Collects options in whatever order, for a frame to borrow.
#[derive(Clone, Debug, Default)]
pub struct OptionsBuffer {
    values: BTreeMap<u16, Vec<u8>>,
    bytes: Vec<u8>,
}

impl OptionsBuffer {
    /// Adds `known` with `value`, in the place of an earlier one.
    pub fn set<'a, T: Field<'a>>(&mut self, known: &Known, value: &T) {
        self.set_raw(known.kind, encode_alone(value));
    }

    /// Adds an option of any type.
    pub fn set_raw(&mut self, kind: u16, value: Vec<u8>) {
        self.values.insert(kind, value);
        self.bytes.clear();
        self.values.iter().for_each(|(kind, value)| encode_option(*kind, value, &mut self.bytes));
    }

    /// The options as a frame takes them.
    #[must_use]
    pub fn options(&self) -> Options<'_> {
        Options(&self.bytes)
    }
}
