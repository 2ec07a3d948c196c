//! The registry and its clients: laws, virtual time, many at once.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::print_stdout,
    reason = "what goes wrong in here fails a test, as it should"
)]

mod crowd;
mod laws;
mod memory;
mod people;
mod town;
