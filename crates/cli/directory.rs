//! Asks registries, for as long as an answer takes.

use std::path::PathBuf;
use std::time::Duration;

use tertulia_core::command::{Command, Directory};
use tertulia_core::event::Event;
use tertulia_core::id::CommandId;
use tertulia_core::identity::{Identity, Secret};
use tertulia_core::limits;
use tertulia_core::registry::{Client, ClientConfig, Reach};
use tertulia_core::wire::registry::Visibility;
use tertulia_net::{Setup, identity, seed, start, unix_ms};
use tokio::time::timeout;

use crate::fail::Fail;
use crate::globals::Registries;
use crate::screen::Screen;
use crate::words;

/// Whoever has the answer says goodbye for no longer.
pub(crate) const GOODBYE: Duration = Duration::from_millis(200);

/// What a registry is told of somebody who only asks: nothing, not even a key that anybody has seen before.
///
/// # Errors
/// The system gives no randomness.
pub(crate) fn stranger() -> Result<Identity, Fail> {
    Ok(identity(Secret(random()?)))
}

/// 32 random bytes.
///
/// # Errors
/// The system gives none.
pub(crate) fn random() -> Result<[u8; 32], Fail> {
    seed().map_err(|error| Fail::failed("system", error.to_string(), "try again"))
}

/// What registries have said to some questions.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// Meetings and people, in the order in which they came.
    pub(crate) found: Vec<Event>,
    /// Code and message of what is missing, or was left out; each once.
    pub(crate) warnings: Vec<(&'static str, String)>,
    /// Why there is no answer at all to one of the questions.
    pub(crate) failure: Option<(&'static str, String)>,
}

impl Answer {
    /// Takes an event; true if it answers a question.
    fn take(&mut self, event: Event) -> bool {
        let is_last = matches!(event, Event::Error { .. } | Event::Done { .. });
        if let Event::Error { failure, .. } = event {
            self.failure = Some((failure.word(), words::failure(&failure)));
        } else if let Event::Warning(notice) = event {
            let warning = (notice.word(), words::notice(&notice));
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        } else if !is_last {
            self.found.push(event);
        }
        is_last
    }
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
    let hint = if question == Directory::Who { WHO_HINT } else { HINT };
    let answer = ask_all(&[question], limits::QUERY_PATIENCE, registries, trace)?;
    answer.warnings.iter().for_each(|(code, message)| screen.warning(code, message));
    match answer.failure {
        Some((code, message)) => Err(Fail::failed(code, message, hint)),
        None => Ok(answer.found),
    }
}

/// The same for several questions at once; a registry has so long for them.
///
/// # Errors
/// The system is at fault.
pub(crate) fn ask_all(
    questions: &[Directory],
    patience: Duration,
    registries: &Registries,
    trace: Option<PathBuf>,
) -> Result<Answer, Fail> {
    crate::block_on(answer(questions, patience, registries, trace))
}

/// The same, of whoever waits for more than this.
///
/// # Errors
/// The system is at fault.
pub(crate) async fn answer(
    questions: &[Directory],
    patience: Duration,
    registries: &Registries,
    trace: Option<PathBuf>,
) -> Result<Answer, Fail> {
    let (identity, started_ms) = (stranger()?, unix_ms());
    let client = Client::new(ClientConfig {
        identity: identity.clone(),
        name: String::new(),
        registries: registries.addresses.clone(),
        reach: Reach { port: 0, addresses: Vec::new(), visibility: Visibility::Unlisted },
        started_ms,
        seed: random()?,
    });
    let setup = Setup { identity, started_ms, listener: None, home: None, trace };
    let node = start(client.with_patience(patience), setup);
    let mut node = node.map_err(|error| Fail::failed("node", error.to_string(), "try again"))?;
    for (id, question) in (1..).zip(questions) {
        // A node that takes no command says that it is closed.
        let _ = node.commands.send((CommandId(id), Command::Directory(question.clone())));
    }
    let (mut answer, mut open) = (Answer::default(), questions.len());
    while open > 0
        && let Some(event) = node.events.recv().await
    {
        open = open.saturating_sub(usize::from(answer.take(event)));
    }
    let _ = node.commands.send((CommandId(0), Command::Quit));
    while node.events.recv().await.is_some() {}
    // What could go wrong has been told, or is of no interest to who has the answer; nor is a registry that holds on
    // to the connection.
    let _ = timeout(GOODBYE, node.finished()).await;
    Ok(answer)
}

const WHO_HINT: &str = "tertulia who --registry HOST:PORT";

const HINT: &str = "tertulia join HOST:PORT, or with the host's ticket: tertulia join -; to see what is on \
                    on another machine, have its host type: tertulia host TITLE --lan, and then here: tertulia list \
                    --registry IP";
