//! One connection: a task between what carries its bytes and core's connection.
//!
//! Invariant: a connection that waits has no buffer, but records that the kernel has not taken whole. What a call needs besides is
//! the thread's, and lent for that call.

use std::io;
use std::mem::take;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tertulia_core::channel::HANDSHAKE_INPUT_MAX;
use tertulia_core::code::Code;
use tertulia_core::feed::Packer;
use tertulia_core::id::{Key, LinkId};
use tertulia_core::limits::CLOSE_TIMEOUT;
use tertulia_core::link::{Connection, Standing};
use tertulia_core::time::Instant;
use tertulia_core::wire::Encoded;
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout, timeout_at};

use crate::carrier::Carrier;
use crate::crypto::{crypto, seed};
use crate::handle::{Handle, Line, NEVER, SCRATCH, Said, Scratch, Written};
use crate::shared::Shared;

/// Whoever was dialled has so long to end a connection after the goodbye.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(1);

/// By so much a deadline has to have moved away for a timer to be moved after it.
const WORTH_MOVING: Duration = Duration::from_secs(1);

/// A connection that stands, or is to.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) carrier: Carrier,
    pub(crate) connection: Connection,
}

/// The side that was dialled. `has_spoken` becomes true once the other side's first message has come.
pub(crate) async fn accept(carrier: Carrier, shared: &Shared, has_spoken: &AtomicBool) -> Result<Box<Channel>, Code> {
    // A seed of its own for each: one that lived as long as the process would give past sessions away.
    let seed = seed().map_err(|_| Code::HandshakeFailed)?;
    let Shared { identity, started_ms, .. } = shared;
    let connection = Connection::accepted(identity, *started_ms, seed, crypto(), shared.clock.tick());
    meet(Box::new(Channel { carrier, connection }), shared, has_spoken).await
}

/// The side that dialled.
pub(crate) async fn initiate(
    carrier: Carrier,
    shared: &Shared,
    expected: Option<Key>,
    hello: Encoded,
) -> Result<Box<Channel>, Code> {
    let seed = seed().map_err(|_| Code::HandshakeFailed)?;
    let connection = Connection::dialled(&shared.identity, expected, hello, seed, crypto(), shared.clock.tick());
    meet(Box::new(Channel { carrier, connection }), shared, &AtomicBool::new(false)).await
}

/// Has both ends get to know each other. The channel lies elsewhere than in the futures that hand it on: each would have
/// a place of its own for it.
async fn meet(mut channel: Box<Channel>, shared: &Shared, has_spoken: &AtomicBool) -> Result<Box<Channel>, Code> {
    let Channel { carrier, connection } = &mut *channel;
    let due = connection.poll_timeout().unwrap_or(NEVER);
    let shaken = timeout_at(shared.clock.runtime(due), shake(carrier, connection, shared, has_spoken)).await;
    if shaken.is_err() {
        connection.handle_timeout(&mut Vec::new(), due, &mut Vec::new());
    }
    match connection.standing() {
        Standing::Met(_) if shaken == Ok(true) => Ok(channel),
        Standing::Failed(code) => Err(code),
        Standing::Met(_) | Standing::Shaking => Err(Code::HandshakeFailed),
    }
}

/// Goes on until both know each other, or never will; whether the other end has been sent the last of it.
async fn shake(carrier: &Carrier, connection: &mut Connection, shared: &Shared, has_spoken: &AtomicBool) -> bool {
    loop {
        let mut words = Vec::new();
        connection.fill(&mut Packer::new(shared.feed()), shared.clock.tick(), &mut words, &mut Vec::new());
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

/// A connection's task: reads, keeps the time, and writes what is left to it.
pub(crate) struct Task {
    pub(crate) shared: Arc<Shared>,
    pub(crate) handle: Arc<Handle>,
    pub(crate) inbox: mpsc::UnboundedSender<Said>,
}

impl Task {
    /// Runs until the link is finished, then sees the connection off; which one that was.
    pub(crate) async fn run(&self) -> LinkId {
        self.exchange().await;
        if self.handle.line().is_written() {
            // Who has dialled is the one who leaves: its user waits for nobody who holds on to the connection.
            let patience = if self.handle.dial.is_some() { LEAVE_TIMEOUT } else { CLOSE_TIMEOUT };
            let _ = timeout(patience, self.handle.carrier.linger()).await;
        } else {
            // Nobody reads what is left.
            self.handle.carrier.reset();
        }
        self.handle.id
    }

    async fn exchange(&self) {
        let Self { shared, handle, .. } = self;
        let (mut armed, mut slept) = (shared.clock.tick(), shared.clock.slept());
        let mut sleep = pin!(sleep_until(shared.clock.runtime(armed)));
        loop {
            let now = shared.clock.tick();
            let (written, deadline, moves, wanted) = {
                let mut line = handle.line();
                self.do_what_is_due(&mut line, now);
                let written = line.write(handle, || Packer::new(shared.feed()), shared, now);
                self.deliver(&mut line);
                if line.connection.is_finished() {
                    return;
                }
                let wanted = if handle.is_ahead() { 0 } else { line.connection.wants() };
                let deadline = line.connection.poll_timeout().unwrap_or(NEVER);
                // A timer that is early does little harm, and leaving it alone is cheaper than moving it at every frame. While
                // the computer slept, so did the timer.
                let moves = deadline < armed
                    || deadline.since(armed) >= WORTH_MOVING
                    || sleep.is_elapsed()
                    || shared.clock.slept() > slept;
                line.armed = if moves { deadline } else { armed };
                (written, deadline, moves, wanted)
            };
            if written == Written::Broken {
                self.lose().await;
                continue;
            }
            if written == Written::Turn || deadline <= now {
                tokio::task::yield_now().await;
                continue;
            }
            if moves {
                (armed, slept) = (deadline, shared.clock.slept());
                sleep.as_mut().reset(shared.clock.runtime(deadline));
            }
            tokio::select! {
                biased;
                () = handle.wake.notified() => {}
                ready = handle.carrier.ready(wanted > 0, written == Written::Blocked) => {
                    if ready.is_ok_and(|to_read| to_read) {
                        self.read(wanted);
                    }
                }
                () = &mut sleep => {}
            }
        }
    }

    fn do_what_is_due(&self, line: &mut Line, now: Instant) {
        let Self { shared, handle, .. } = self;
        if line.connection.poll_timeout().is_none_or(|deadline| deadline > now) {
            return;
        }
        // A task that was kept waiting, or a computer that slept, must not take what it has not read for the other side's
        // silence.
        let wanted = line.connection.wants();
        if wanted > 0 && !line.read(handle, shared, Carrier::read_anyhow, wanted, now) {
            line.end_of_stream();
        }
        SCRATCH.with_borrow_mut(|Scratch { plaintext, .. }| {
            let Line { connection, events, .. } = line;
            connection.handle_timeout(plaintext, now, events);
            handle.trace(shared, false, plaintext);
        });
    }

    /// Reads once; false if nothing will ever come again.
    fn read(&self, wanted: usize) -> bool {
        let now = self.shared.clock.tick();
        let mut line = self.handle.line();
        let goes_on = line.read(&self.handle, &self.shared, Carrier::read, wanted, now);
        if !goes_on {
            line.end_of_stream();
        }
        goes_on
    }

    /// After a failed write: the other side's last words may have come before it went.
    async fn lose(&self) {
        self.handle.line().forget();
        let last_words = async {
            loop {
                let wanted = self.handle.line().connection.wants();
                if wanted == 0 || self.handle.carrier.ready(true, false).await.is_err() || !self.read(wanted) {
                    return;
                }
            }
        };
        let _ = timeout(CLOSE_TIMEOUT, last_words).await;
        self.handle.line().end_of_stream();
    }

    /// Tells the driver.
    fn deliver(&self, line: &mut Line) {
        let has_arrived = self.handle.has_arrived(line.keeps_up_at());
        if line.events.is_empty() && !has_arrived {
            return;
        }
        let events = take(&mut line.events);
        if let Some(trace) = &self.shared.trace {
            trace.flush();
        }
        self.handle.delivered(events.len());
        // Fails once the node has ended, and is of no interest then.
        let _ = self.inbox.send(Said { handle: Arc::clone(&self.handle), events, has_arrived });
    }
}
