//! What holds of the sources themselves: who uses whom, and that core says nothing to people.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "clippy.toml spares test functions only, and a helper that panics fails its test as it should"
)]

mod arrows;
mod sentences;
mod source;
