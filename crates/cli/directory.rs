//! Asks registries, for as long as an answer takes.

use std::path::PathBuf;
use std::sync::Arc;

use tertulia_core::command::{Command, Directory};
use tertulia_core::event::Event;
use tertulia_core::id::CommandId;
use tertulia_core::identity::{Ed25519, Identity, Secret};
use tertulia_core::registry::{Client, ClientConfig, Reach};
use tertulia_core::wire::registry::Visibility;
use tertulia_net::{Setup, seed, start, unix_ms};

use crate::fail::Fail;
use crate::globals::Registries;
use crate::screen::Screen;

/// What a registry is told of somebody who only asks: nothing, not even a key that anybody has seen before.
fn stranger() -> Result<Identity, Fail> {
    Ok(Identity::new(Secret(random()?), Arc::new(Ed25519)))
}

/// 32 random bytes.
///
/// # Errors
/// The system gives none.
pub(crate) fn random() -> Result<[u8; 32], Fail> {
    seed().map_err(|error| Fail::failed("system", error.to_string(), "try again"))
}

/// What all registries together know; what they do not answer is shown.
///
/// # Errors
/// No registry answers, or there is none.
pub(crate) fn ask(
    question: Directory,
    registries: &Registries,
    trace: Option<PathBuf>,
    screen: &mut Screen,
) -> Result<Vec<Event>, Fail> {
    let (identity, started_ms) = (stranger()?, unix_ms());
    let client = Client::new(ClientConfig {
        identity: identity.clone(),
        name: String::new(),
        registries: registries.addresses.clone(),
        reach: Reach { port: 0, addresses: Vec::new(), visibility: Visibility::Unlisted },
        started_ms,
        seed: random()?,
        first_dial: 0,
    });
    let setup = Setup { identity, seed: random()?, started_ms, listener: None, home: None, trace };
    crate::runtime()?.block_on(async {
        let mut node = start(client, setup).map_err(|error| Fail::failed("node", error.to_string(), "try again"))?;
        let id = CommandId(1);
        // A node that takes no command says that it is closed.
        let _ = node.commands.send((id, Command::Directory(question)));
        let mut found = Vec::new();
        let result = loop {
            match node.events.recv().await {
                Some(event @ (Event::Listing { .. } | Event::Person { .. })) => found.push(event),
                Some(Event::Error { code, message, .. }) => break Err(Fail::failed(code, message, HINT)),
                Some(Event::Done { .. } | Event::Closed { .. }) | None => break Ok(()),
                Some(event) => screen.event(&event, None),
            }
        };
        let _ = node.commands.send((id, Command::Quit));
        while node.events.recv().await.is_some() {}
        // What could go wrong has been told, or is of no interest to who has the answer.
        let _ = node.finished().await;
        result.map(|()| found)
    })
}

const HINT: &str = "tertulia join HOST:PORT, or with the host's ticket: tertulia join 'tertulia:…'";
