//! The Tertulia protocol as pure state machines. `no_std` is the proof: no clock, socket, log or randomness in here.
#![no_std]

extern crate alloc;

pub mod channel;
pub mod code;
pub mod id;
pub mod identity;
pub mod limits;
pub mod random;
pub mod rule;
pub mod time;
