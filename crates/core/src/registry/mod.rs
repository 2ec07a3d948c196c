//! A directory of what is on (SPEC.md, "Registry"): the server keeps signed records for as long as they are renewed, a
//! client publishes and asks. Neither is needed by a meeting that is on.

mod address;
mod client;
mod desk;
mod index;
mod probes;
mod query;
mod record;
mod server;
mod slot;

pub use self::address::{Source, can_be_listed};
pub use self::client::{Client, ClientConfig};
pub use self::record::{Found, Listing, Reach, check, person};
pub use self::server::{Server, ServerConfig};

use alloc::string::{String, ToString as _};

/// Why a node without registries does not ask any: a word for scripts and a sentence for people.
pub(crate) fn none() -> (&'static str, String) {
    ("no_registry", "there is no registry to ask; name one: --registry HOST:PORT".to_string())
}

#[cfg(test)]
mod tests;
