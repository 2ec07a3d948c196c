//! Tertulia's machines on real sockets, clocks and files.
//!
//! - [`start`] runs a machine: [`Setup`] in, [`Node`] out.
//! - [`listen`] and [`listen_everywhere`] open a socket for others, [`machine_addresses`] says where they find it.
//! - [`Home`] is what a user keeps: identity, settings, meetings.
//!
//! Invariant: no decision of the protocol is made here. What a frame means and which rule it breaks is known to
//! `tertulia-core` alone; this crate moves bytes, tells the time and remembers. `tests/boundary.rs` holds it to that.

mod carrier;
mod clock;
mod connection;
mod crypto;
mod descriptors;
mod dial;
mod driver;
mod error;
mod handle;
mod home;
mod interfaces;
mod listener;
mod node;
mod pace;
mod private;
mod shared;
mod sockets;
mod store;
mod trace;

pub use clock::unix_ms;
pub use crypto::{crypto, identity, seed};
pub use descriptors::{OpenFiles, raise_open_files};
pub use error::Error;
pub use home::condition::{Condition, Version};
pub use home::config::{Config, Setting};
pub use home::edited::Changed;
pub use home::log::{Damaged, StoredLog};
pub use home::meeting::{MeetingFiles, StoredMeeting};
pub use home::{Home, Noticed};
pub use interfaces::{machine_addresses, machine_loopback};
pub use node::{Events, Node, Setup, start};
pub use sockets::{listen, listen_everywhere};
