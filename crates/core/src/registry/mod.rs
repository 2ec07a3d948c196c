//! A directory of what is on (SPEC.md, "Registry"): the server keeps signed records for as long as they are renewed, a
//! client publishes and asks. Neither is needed by a meeting that is on.

mod address;
mod client;
mod counts;
mod desk;
mod index;
mod leases;
mod probes;
mod query;
mod record;
mod server;
mod slot;
mod slots;
mod words;

pub use self::address::can_be_listed;
pub use self::client::{Client, ClientConfig};
pub use self::counts::Counts;
pub use self::record::{Found, Reach, check, person};
pub use self::server::{Server, ServerConfig};
pub use self::words::folded;

#[cfg(test)]
mod tests;
