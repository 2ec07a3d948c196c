//! What a program needs to run a machine.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::vec;

use tertulia_core::command::Command;
use tertulia_core::event::Event;
use tertulia_core::id::CommandId;
use tertulia_core::identity::Identity;
use tertulia_core::machine::Machine;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::driver::Driver;
use crate::error::Error;
use crate::home::Home;
use crate::listener;
use crate::shared::Shared;
use crate::trace::Trace;

/// What a machine is run with.
#[derive(Debug)]
pub struct Setup {
    /// Who this node is; the machine's own.
    pub identity: Identity,
    /// Wall clock of the start of this run, as the machine has it.
    pub started_ms: u64,
    /// Where others reach this node, if they may.
    pub listener: Option<TcpListener>,
    /// Where meetings are kept. A guest's home keeps nothing.
    pub home: Option<Home>,
    /// Where every decrypted frame is written.
    pub trace: Option<PathBuf>,
}

/// A machine that runs. When it is dropped, or `commands` is, the machine is asked to stop.
#[derive(Debug)]
pub struct Node {
    /// What the user wants.
    pub commands: mpsc::UnboundedSender<(CommandId, Command)>,
    /// What the user is told.
    pub events: Events,
    /// Until its result has been told.
    task: Option<JoinHandle<Result<(), Error>>>,
}

/// What the user is told: what a node has come to tell in one turn comes at once, as to wake whoever waits costs more than
/// to tell.
#[derive(Debug)]
pub struct Events {
    turns: mpsc::UnboundedReceiver<Vec<Event>>,
    /// Of the last turn, what has not been told.
    turn: vec::IntoIter<Event>,
}

impl Events {
    /// The next; none after [`Event::Closed`]. Nothing is lost if it is not waited for to the end.
    pub async fn recv(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.turn.next() {
                return Some(event);
            }
            self.turn = self.turns.recv().await?.into_iter();
        }
    }

    /// Whether there is nothing to be told now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.turn.as_slice().is_empty() && self.turns.is_empty()
    }
}

impl Node {
    /// Waits until every link has said goodbye, 5 s at most after [`Event::Closed`].
    ///
    /// # Errors
    /// What ended the node, if it was neither its user nor a peer. Told once.
    pub async fn finished(&mut self) -> Result<(), Error> {
        let Some(task) = &mut self.task else { return Ok(()) };
        let result = task.await;
        self.task = None;
        result.unwrap_or_else(|error| Err(Error::Fault(error.to_string())))
    }
}

/// Runs `machine` as a task of the current runtime, until it says [`Event::Closed`].
///
/// # Errors
/// There is no runtime, or the listener or the trace file cannot be used.
pub fn start(machine: impl Machine + Send + 'static, setup: Setup) -> Result<Node, Error> {
    let runtime = Handle::try_current().map_err(|_| Error::NoRuntime)?;
    let Setup { identity, started_ms, listener, home, trace } = setup;
    let title = format!("what {} saw", identity.key());
    let trace = trace.map(|path| Trace::create(&path, &title)).transpose()?;
    let listener = listener.map(listener::adopt).transpose().map_err(Error::Listen)?;
    let (commands, wishes) = mpsc::unbounded_channel();
    let (told, turns) = mpsc::unbounded_channel();
    let shared = Arc::new(Shared::new(identity, started_ms, trace)?);
    let driver = Driver::new(Box::new(machine), shared, home, told);
    let task = Some(runtime.spawn(driver.run(listener, wishes)));
    let events = Events { turns, turn: Vec::new().into_iter() };
    Ok(Node { commands, events, task })
}
