//! Members with nothing between them: no channel, no link, no time that passes by itself.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::wildcard_enum_match_arm,
    reason = "a test that panics has failed"
)]

mod acts;
mod arriving;
mod day;
mod dialling;
mod hall;
mod linked;
mod lobby;
mod outside;
mod people;
mod removed;
mod talking;
mod telling;
