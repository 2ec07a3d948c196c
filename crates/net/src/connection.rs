//! One connection: a task between what carries its bytes and core's connection.
//!
//! Invariant: a task that waits owns no buffer, but an unfinished record that it writes. What a call needs besides is
//! the thread's, and lent for that call.

use std::cell::RefCell;
use std::io;
use std::mem::take;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tertulia_core::channel::{BoxedCryptoResolver, HANDSHAKE_INPUT_MAX};
use tertulia_core::code::Code;
use tertulia_core::id::Key;
use tertulia_core::limits::CLOSE_TIMEOUT;
use tertulia_core::link::{Connection, INPUT_MAX, LinkEvent, Standing};
use tertulia_core::time::Instant;
use tertulia_core::trace::Direction;
use tertulia_core::wire::Encoded;
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout, timeout_at};

use crate::carrier::Carrier;
use crate::handle::{Handle, Said};
use crate::home::seed;
use crate::shared::{Shared, lock};

/// Records that one turn of a task writes before others have theirs.
const RECORDS_A_TURN: usize = 8;
/// Whoever was dialled has so long to end a connection after the goodbye.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(1);
/// Of what there is no deadline for.
const NEVER: Instant = Instant(u64::MAX);

/// A connection whose two ends know each other.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) carrier: Carrier,
    pub(crate) connection: Connection,
    /// The other end.
    pub(crate) peer: Key,
}

/// The side that was dialled. `has_spoken` becomes true once the other side's first message has come.
pub(crate) async fn accept(carrier: Carrier, shared: &Shared, has_spoken: &AtomicBool) -> Result<Channel, Code> {
    // A seed of its own for each: one that lived as long as the process would give past sessions away.
    let seed = seed().map_err(|_| Code::HandshakeFailed)?;
    let Shared { identity, started_ms, .. } = shared;
    let connection = Connection::accepted(identity, *started_ms, seed, crypto(), shared.clock.tick());
    meet(carrier, connection, shared, has_spoken).await
}

/// The side that dialled.
pub(crate) async fn initiate(
    carrier: Carrier,
    shared: &Shared,
    expected: Option<Key>,
    hello: Encoded,
) -> Result<Channel, Code> {
    let seed = seed().map_err(|_| Code::HandshakeFailed)?;
    let connection = Connection::dialled(&shared.identity, expected, hello, seed, crypto(), shared.clock.tick());
    meet(carrier, connection, shared, &AtomicBool::new(false)).await
}

/// ring seals 64 bytes in an eighth of the time that pure Rust takes.
fn crypto() -> BoxedCryptoResolver {
    Box::new(snow::resolvers::RingResolver)
}

async fn meet(
    carrier: Carrier,
    mut connection: Connection,
    shared: &Shared,
    has_spoken: &AtomicBool,
) -> Result<Channel, Code> {
    let due = connection.poll_timeout().unwrap_or(NEVER);
    let shaken = timeout_at(shared.clock.runtime(due), shake(&carrier, &mut connection, shared, has_spoken)).await;
    if shaken.is_err() {
        connection.handle_timeout(&mut Vec::new(), due, &mut Vec::new());
    }
    match connection.standing() {
        Standing::Met(peer) if shaken == Ok(true) => Ok(Channel { carrier, connection, peer }),
        Standing::Failed(code) => Err(code),
        Standing::Met(_) | Standing::Shaking => Err(Code::HandshakeFailed),
    }
}

/// Goes on until both know each other, or never will; whether the other end has been sent the last of it.
async fn shake(carrier: &Carrier, connection: &mut Connection, shared: &Shared, has_spoken: &AtomicBool) -> bool {
    loop {
        let mut words = Vec::new();
        connection.fill(shared.feed(), &mut Vec::new(), shared.clock.tick(), &mut words, &mut Vec::new());
        if !words.is_empty() {
            has_spoken.store(true, Ordering::Relaxed);
        }
        let is_said = carrier.write_all(&words).await.is_ok();
        match connection.standing() {
            Standing::Shaking => {}
            Standing::Failed(_) if is_said && !words.is_empty() => {
                carrier.linger().await;
                return true;
            }
            Standing::Met(_) | Standing::Failed(_) => return is_said,
        }
        let goes_on = is_said && carrier.ready(true, false).await.is_ok() && hear(carrier, connection, shared);
        if !goes_on {
            connection.end_of_stream(&mut Vec::new());
        }
    }
}

/// Reads once; false if nothing will ever come again.
fn hear(carrier: &Carrier, connection: &mut Connection, shared: &Shared) -> bool {
    let mut room = [0; HANDSHAKE_INPUT_MAX];
    match carrier.read(room.get_mut(..connection.wants()).unwrap_or_default()) {
        Ok(0) => return false,
        Ok(read) => {
            let heard = room.get(..read).unwrap_or_default();
            connection.receive(heard, &mut Vec::new(), shared.clock.tick(), &mut Vec::new());
        }
        Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
    }
    true
}

struct Scratch {
    input: Vec<u8>,
    plaintext: Vec<u8>,
    sealed: Vec<u8>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> =
        RefCell::new(Scratch { input: vec![0; INPUT_MAX], plaintext: Vec::new(), sealed: Vec::new() });
}

/// A connection's task.
pub(crate) struct Task {
    pub(crate) shared: Arc<Shared>,
    pub(crate) handle: Arc<Handle>,
    pub(crate) inbox: mpsc::UnboundedSender<Said>,
    pub(crate) dialled: bool,
    carrier: Carrier,
    /// Sealed and not taken by the kernel.
    unwritten: Vec<u8>,
    events: Vec<LinkEvent>,
}

/// What came of writing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    /// All that there was.
    All,
    /// A turn's share; there is more.
    Turn,
    /// What the kernel took.
    Blocked,
    /// Nothing more can be.
    Broken,
}

impl Task {
    pub(crate) fn new(
        shared: Arc<Shared>,
        handle: Arc<Handle>,
        inbox: mpsc::UnboundedSender<Said>,
        carrier: Carrier,
        dialled: bool,
    ) -> Self {
        carrier.bound_kernel();
        Self { shared, handle, inbox, dialled, carrier, unwritten: Vec::new(), events: Vec::new() }
    }

    /// Runs until the link is finished, then sees the connection off.
    pub(crate) async fn run(mut self) {
        self.exchange().await;
        if self.unwritten.is_empty() {
            // Who has dialled is the one who leaves: its user waits for nobody who holds on to the connection.
            let patience = if self.dialled { LEAVE_TIMEOUT } else { CLOSE_TIMEOUT };
            let _ = timeout(patience, self.carrier.linger()).await;
        } else {
            // Nobody reads what is left.
            self.carrier.reset();
        }
    }

    async fn exchange(&mut self) {
        let mut armed = self.shared.clock.tick();
        let mut sleep = pin!(sleep_until(self.shared.clock.runtime(armed)));
        loop {
            let now = self.shared.clock.tick();
            self.do_what_is_due(now);
            let written = self.write(now);
            if written == Written::Broken {
                self.lose().await;
            }
            self.deliver();
            let (deadline, wanted) = {
                let connection = lock(&self.handle.connection);
                if connection.is_finished() {
                    return;
                }
                let wanted = if self.handle.is_ahead() { 0 } else { connection.wants() };
                (connection.poll_timeout().unwrap_or(NEVER), wanted)
            };
            if written == Written::Turn || deadline <= now {
                tokio::task::yield_now().await;
                continue;
            }
            // A timer that is early does no harm, and leaving it alone is cheaper than moving it at every frame.
            if deadline < armed || sleep.is_elapsed() {
                armed = deadline;
                sleep.as_mut().reset(self.shared.clock.runtime(deadline));
            }
            tokio::select! {
                biased;
                () = self.handle.wake.notified() => {}
                ready = self.carrier.ready(wanted > 0, written == Written::Blocked) => {
                    if wanted > 0 && ready.is_ok_and(|ready| ready.is_readable()) && !self.read(wanted) {
                        lock(&self.handle.connection).end_of_stream(&mut self.events);
                    }
                }
                () = &mut sleep => {}
            }
        }
    }

    fn do_what_is_due(&mut self, now: Instant) {
        let (is_due, wanted) = {
            let connection = lock(&self.handle.connection);
            (connection.poll_timeout().is_some_and(|deadline| deadline <= now), connection.wants())
        };
        if !is_due {
            return;
        }
        // A task that was kept waiting, or a computer that slept, must not take what it has not read for the other side's
        // silence.
        if wanted > 0 && !self.read_by(Carrier::read_anyhow, wanted, now) {
            lock(&self.handle.connection).end_of_stream(&mut self.events);
        }
        SCRATCH.with_borrow_mut(|Scratch { plaintext, .. }| {
            lock(&self.handle.connection).handle_timeout(plaintext, now, &mut self.events);
            self.trace(false, plaintext);
        });
    }

    /// Writes what there is: the kernel takes many frames with one call.
    fn write(&mut self, now: Instant) -> Written {
        if !self.unwritten.is_empty() {
            let rest = take(&mut self.unwritten);
            let written = self.pass_on(&rest);
            if written != Written::All {
                return written;
            }
        }
        SCRATCH.with_borrow_mut(|Scratch { plaintext, sealed, .. }| {
            for _ in 0..RECORDS_A_TURN {
                sealed.clear();
                let mut connection = lock(&self.handle.connection);
                if !connection.fill(self.shared.feed(), plaintext, now, sealed, &mut self.events) {
                    return Written::All;
                }
                drop(connection);
                self.trace(true, plaintext);
                let written = self.pass_on(sealed);
                if written != Written::All {
                    return written;
                }
            }
            Written::Turn
        })
    }

    /// Hands a sealed record, or what is left of one, to the kernel, and keeps what it does not take.
    fn pass_on(&mut self, sealed: &[u8]) -> Written {
        let Ok(sent) = self.carrier.write(sealed) else { return Written::Broken };
        self.unwritten = sealed.get(sent..).unwrap_or_default().into();
        if !self.unwritten.is_empty() {
            return Written::Blocked;
        }
        lock(&self.handle.connection).written();
        Written::All
    }

    /// Reads once; false if nothing will ever come again.
    fn read(&mut self, wanted: usize) -> bool {
        self.read_by(Carrier::read, wanted, self.shared.clock.tick())
    }

    fn read_by(
        &mut self,
        read: impl FnOnce(&Carrier, &mut [u8]) -> io::Result<usize>,
        wanted: usize,
        now: Instant,
    ) -> bool {
        SCRATCH.with_borrow_mut(|Scratch { input, plaintext, .. }| {
            let read = match read(&self.carrier, input.get_mut(..wanted).unwrap_or_default()) {
                Ok(0) => return false,
                Ok(read) => read,
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            };
            let read = input.get(..read).unwrap_or_default();
            lock(&self.handle.connection).receive(read, plaintext, now, &mut self.events);
            self.trace(false, plaintext);
            true
        })
    }

    /// After a failed write: the other side's last words may have come before it went.
    async fn lose(&mut self) {
        self.unwritten = Vec::new();
        let last_words = async {
            loop {
                let wanted = lock(&self.handle.connection).wants();
                if wanted == 0 || self.carrier.ready(true, false).await.is_err() || !self.read(wanted) {
                    return;
                }
            }
        };
        let _ = timeout(CLOSE_TIMEOUT, last_words).await;
        lock(&self.handle.connection).end_of_stream(&mut self.events);
    }

    /// Tells the driver.
    fn deliver(&mut self) {
        if self.events.is_empty() {
            return;
        }
        let events = take(&mut self.events);
        if let Some(trace) = &self.shared.trace {
            trace.flush();
        }
        self.handle.delivered(events.len());
        // Fails once the node has ended, and is of no interest then.
        let _ = self.inbox.send(Said { handle: Arc::clone(&self.handle), events });
    }

    fn trace(&self, sends: bool, plaintext: &[u8]) {
        if let Some(trace) = self.shared.trace.as_ref().filter(|_| !plaintext.is_empty()) {
            let from = if sends == self.dialled { Direction::Initiator } else { Direction::Responder };
            trace.frames(self.handle.id, from, plaintext);
        }
    }
}
