//! Hostile input over real sockets, by its number in the list of such input; after each, a legitimate join works.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "clippy.toml spares test functions only, and a helper that panics fails its test as it should"
)]

mod entries;
mod frames;
mod handshake;
mod lies;
mod records;
