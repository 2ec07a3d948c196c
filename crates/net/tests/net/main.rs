//! net from outside: nodes over loopback with a small machine on the real driver, peers that behave or do not, homes.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "what goes wrong in a helper fails its test, as it should"
)]

mod boundary;
mod damage;
mod home;
mod hostile;
mod lectures;
mod links;
mod log;
mod storage;
mod support;
