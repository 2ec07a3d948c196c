//! What Tertulia's tests share.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    clippy::as_conversions,
    reason = "what goes wrong in here fails a test, as it should"
)]

pub mod directory;
pub mod frames;
pub mod friends;
pub mod fuzz;
pub mod laws;
pub mod layout;
pub mod lecture;
pub mod mesh;
#[cfg(feature = "sockets")]
pub mod real;
pub mod scenes;
pub mod scheme;
pub mod seats;
pub mod sim;
pub mod star;
pub mod stock;
