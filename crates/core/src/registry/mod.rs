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
mod words;

pub use self::address::can_be_listed;
pub use self::client::{Client, ClientConfig};
pub use self::record::{Found, Listing, Reach, check, person};
pub use self::server::{Server, ServerConfig};
pub use self::words::folded;

use alloc::string::{String, ToString as _};

use crate::command::Directory;

/// Why a client without registries does not ask any: a word for scripts and a sentence for people.
fn none() -> (&'static str, String) {
    ("no_registry", "there is no registry to ask; start again with one: --registry HOST:PORT".to_string())
}

/// Why a machine that has no client asks nobody, and what does.
pub(crate) fn elsewhere(wish: &Directory) -> (&'static str, String) {
    let instead = match wish {
        Directory::List { .. } | Directory::Lookup { .. } => "to see what is on, in another terminal: tertulia list",
        Directory::Who => "to see who has registered, in another terminal: tertulia who",
        Directory::Register | Directory::Unregister => {
            "to be listed, type /register where you host, or in another terminal: tertulia friends"
        }
    };
    ("not_here", alloc::format!("no registry is asked here; {instead}"))
}

#[cfg(test)]
mod tests;
