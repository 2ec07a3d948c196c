//! What Tertulia's tests share.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "what goes wrong in here fails a test, as it should"
)]

pub mod fuzz;
pub mod layout;
pub mod lecture;
pub mod replay;
pub mod scheme;
