//! What a program needs to run a machine.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

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
    /// What the user is told. Ends after [`Event::Closed`].
    pub events: mpsc::UnboundedReceiver<Event>,
    /// Until its result has been told.
    task: Option<JoinHandle<Result<(), Error>>>,
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
    let (told, events) = mpsc::unbounded_channel();
    let shared = Arc::new(Shared::new(identity, started_ms, trace)?);
    let driver = Driver::new(Box::new(machine), shared, home, told);
    let task = Some(runtime.spawn(driver.run(listener, wishes)));
    Ok(Node { commands, events, task })
}
