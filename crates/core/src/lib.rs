//! The Tertulia protocol as pure state machines. `no_std` is the proof: no clock, socket, log or randomness in here.
#![no_std]

extern crate alloc;

pub mod address;
pub mod channel;
pub mod charter;
mod circle;
pub mod code;
pub mod command;
pub mod compare;
pub mod contact;
mod door;
mod errand;
pub mod event;
pub mod feed;
pub mod id;
pub mod identity;
pub mod limits;
pub mod link;
pub mod log;
pub mod machine;
pub mod mesh;
pub mod name;
pub mod node;
pub mod pass;
pub mod random;
pub mod reason;
pub mod registry;
mod replica;
pub mod roster;
pub mod rule;
pub mod star;
pub mod ticket;
pub mod time;
pub mod trace;
pub mod visible;
pub mod wire;

pub use self::replica::is_asked;
