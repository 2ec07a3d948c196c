//! The codec from outside: every valid value has one encoding, and nothing else is taken.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "clippy.toml spares test functions only, and a helper that panics fails its test as it should"
)]

mod entries;
mod fields;
mod frames;
mod options;

use tertulia_core::rule::Rule;
use tertulia_core::wire::decode;
use tertulia_core::wire::frame::{FrameInfo, HEADER, generate, infos};

/// Draws that a seed decides: now and then the smallest or largest, so that bounds come up.
pub(crate) fn draws(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        match mixed % 64 {
            0 => 0,
            1 => u64::MAX,
            _ => mixed,
        }
    }
}

/// One valid frame of each type.
pub(crate) fn drawn(seed: u64) -> impl Iterator<Item = (&'static FrameInfo, Vec<u8>)> {
    infos().map(move |info| (info, generate(info, &mut draws(seed ^ u64::from(info.kind)))))
}

/// The frame of type `name` with every draw the smallest.
pub(crate) fn smallest(name: &str) -> Vec<u8> {
    let info = infos().find(|info| info.name == name).expect(name);
    generate(info, &mut || 0)
}

/// A frame around `body`.
pub(crate) fn frame(kind: u16, id: u32, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap();
    [length.to_be_bytes().as_slice(), &kind.to_be_bytes(), &id.to_be_bytes(), body].concat()
}

/// Writes the length that `bytes` now has into its header.
pub(crate) fn fit_length(bytes: &mut [u8]) {
    let length = u16::try_from(bytes.len() - HEADER).unwrap();
    bytes[..2].copy_from_slice(&length.to_be_bytes());
}

/// The rule that `bytes` break, and where.
pub(crate) fn fault(bytes: &[u8]) -> (Rule, usize) {
    match decode(bytes) {
        Ok(decoded) => panic!("taken: {decoded:?}"),
        Err(error) => (error.rule, error.offset),
    }
}

pub(crate) fn broken(bytes: &[u8]) -> Rule {
    fault(bytes).0
}

/// An option's bytes.
pub(crate) fn option(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap();
    [kind.to_be_bytes().as_slice(), &length.to_be_bytes(), value].concat()
}

pub(crate) fn text8(text: &str) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}
