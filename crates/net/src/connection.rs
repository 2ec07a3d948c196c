//! One established connection: a task between its socket and core's link.
//!
//! Invariant: a task that waits owns no buffer, but an unfinished record that it has read and an unfinished one that
//! it writes. What a call needs besides is the thread's, and lent for that call.

use std::cell::RefCell;
use std::io;
use std::mem::take;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustix::net::RecvFlags;
use tertulia_core::channel::{Opener, RECORD_LENGTH_BYTES, Sealer, record_bytes};
use tertulia_core::limits::CLOSE_TIMEOUT;
use tertulia_core::link::LinkEvent;
use tertulia_core::time::Instant;
use tertulia_core::trace::Direction;
use tokio::io::{Interest, Ready};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};

use crate::descriptors::Counted;
use crate::handle::{Handle, Said};
use crate::handshake::Channel;
use crate::shared::{Shared, linger, lock};

/// The longest record with its length, and some of the next.
const INPUT_BYTES: usize = 66 * 1_024;
/// Records that one turn of a task writes before others have theirs.
const RECORDS_A_TURN: usize = 8;
/// What the kernel holds of a connection that it has not sent yet: two of the longest records.
const UNSENT_BYTES: u32 = 128 * 1_024;
/// What the kernel holds of a connection that is not read yet. Enough for 1 MB/s over a tenth of a second.
const UNREAD_BYTES: usize = 128 * 1_024;
/// Whoever was dialled has so long to end a connection after the goodbye.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(1);
/// Of what there is no deadline for.
const NEVER: Instant = Instant(u64::MAX);

/// A connection, as its task has it.
pub(crate) struct Connection {
    pub(crate) shared: Arc<Shared>,
    pub(crate) handle: Arc<Handle>,
    pub(crate) inbox: mpsc::UnboundedSender<Said>,
    pub(crate) dialled: bool,
    stream: TcpStream,
    _counted: Counted,
    sealer: Sealer,
    opener: Opener,
    /// Read and not opened: a part of a record, or records that wait while the other side is over a rate.
    unopened: Vec<u8>,
    /// Sealed and not taken by the kernel.
    unwritten: Vec<u8>,
    events: Vec<LinkEvent>,
}

struct Scratch {
    input: Vec<u8>,
    plaintext: Vec<u8>,
    sealed: Vec<u8>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> =
        RefCell::new(Scratch { input: vec![0; INPUT_BYTES], plaintext: Vec::new(), sealed: Vec::new() });
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

impl Connection {
    pub(crate) fn new(
        shared: Arc<Shared>,
        handle: Arc<Handle>,
        inbox: mpsc::UnboundedSender<Said>,
        channel: Channel,
        dialled: bool,
    ) -> Self {
        let Channel { stream, counted, established, rest, .. } = channel;
        bound_kernel(&stream);
        Self {
            shared,
            handle,
            inbox,
            dialled,
            stream,
            _counted: counted,
            sealer: established.sealer,
            opener: established.opener,
            unopened: rest,
            unwritten: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Runs until the link is finished, then sees the connection off.
    pub(crate) async fn run(mut self) {
        self.exchange().await;
        if self.unwritten.is_empty() {
            // Who has dialled is the one who leaves: its user waits for nobody who holds on to the connection.
            let patience = if self.dialled { LEAVE_TIMEOUT } else { CLOSE_TIMEOUT };
            let _ = timeout(patience, linger(&self.stream)).await;
        } else {
            // Nobody reads what is left: a reset frees the kernel's buffers, which a normal end keeps for minutes.
            let _ = self.stream.set_zero_linger();
        }
    }

    async fn exchange(&mut self) {
        let mut armed = self.shared.clock.tick();
        let mut sleep = pin!(sleep_until(self.shared.clock.runtime(armed)));
        loop {
            let now = self.shared.clock.tick();
            self.read_before_judging(now);
            self.catch_up(now);
            let written = self.write(now);
            if written == Written::Broken {
                self.lose().await;
            }
            self.deliver();
            let (deadline, paused) = {
                let link = lock(&self.handle.link);
                if link.is_finished() {
                    return;
                }
                (link.poll_timeout().unwrap_or(NEVER), link.paused_until().is_some() || self.handle.is_ahead())
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
                ready = ready(&self.stream, !paused, written == Written::Blocked) => {
                    let readable = ready.is_ok_and(|ready| ready.is_readable()) && !paused;
                    if readable && !self.read(self.shared.clock.tick()) {
                        lock(&self.handle.link).end_of_stream(&mut self.events);
                    }
                }
                () = &mut sleep => {}
            }
        }
    }

    /// Where something is due: a task that was kept waiting, or a computer that slept, must not take what it has not
    /// read for the other side's silence.
    fn read_before_judging(&mut self, now: Instant) {
        let is_due = {
            let link = lock(&self.handle.link);
            link.poll_timeout().is_some_and(|deadline| deadline <= now) && link.paused_until().is_none()
        };
        // The system is asked, not the runtime, which may not have heard of it yet.
        let recv = |stream: &TcpStream, room: &mut [u8]| {
            let (read, _) = rustix::net::recv(stream, room, RecvFlags::DONTWAIT)?;
            Ok(read)
        };
        if is_due && !self.read_by(recv, now) {
            lock(&self.handle.link).end_of_stream(&mut self.events);
        }
    }

    /// Does what is due, and opens what had to wait for it.
    fn catch_up(&mut self, now: Instant) {
        {
            let mut link = lock(&self.handle.link);
            if link.poll_timeout().is_some_and(|deadline| deadline <= now) {
                link.handle_timeout(now, &mut self.events);
            }
        }
        if !self.unopened.is_empty() {
            let waiting = take(&mut self.unopened);
            SCRATCH.with_borrow_mut(|scratch| self.open(waiting, now, &mut scratch.plaintext));
        }
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
                plaintext.clear();
                sealed.clear();
                if !lock(&self.handle.link).fill(&self.shared.feed(), now, plaintext) {
                    return Written::All;
                }
                self.trace(true, plaintext);
                if let Err(rule) = self.sealer.seal(plaintext, sealed) {
                    lock(&self.handle.link).reject(rule, now, &mut self.events);
                    return Written::Broken;
                }
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
        let sent = match self.stream.try_write(sealed) {
            Ok(sent) => sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(_) => return Written::Broken,
        };
        self.unwritten = sealed.get(sent..).unwrap_or_default().into();
        if !self.unwritten.is_empty() {
            return Written::Blocked;
        }
        lock(&self.handle.link).written();
        Written::All
    }

    /// Reads once; false if nothing will ever come again.
    fn read(&mut self, now: Instant) -> bool {
        self.read_by(|stream, room| stream.try_read(room), now)
    }

    fn read_by(&mut self, read: impl FnOnce(&TcpStream, &mut [u8]) -> io::Result<usize>, now: Instant) -> bool {
        SCRATCH.with_borrow_mut(|Scratch { input, plaintext, .. }| {
            // Of a record that has begun only its own rest is read, so no more than one record ever waits.
            let wanted = match record_bytes(&self.unopened) {
                Ok(Some(length)) => length.saturating_sub(self.unopened.len()),
                Ok(None) if self.unopened.is_empty() => input.len(),
                Ok(None) => RECORD_LENGTH_BYTES.saturating_sub(self.unopened.len()),
                Err(_) => 1,
            };
            let room = input.get_mut(..wanted.max(1)).unwrap_or_default();
            let read = match read(&self.stream, room) {
                Ok(0) => return false,
                Ok(read) => read,
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            };
            let read = input.get(..read).unwrap_or_default();
            if self.unopened.is_empty() {
                let taken = self.open_records(read, now, plaintext);
                self.unopened = read.get(taken..).unwrap_or_default().into();
            } else {
                let mut whole = take(&mut self.unopened);
                whole.extend_from_slice(read);
                self.open(whole, now, plaintext);
            }
            true
        })
    }

    /// Opens the records of `input`, and keeps the rest.
    fn open(&mut self, mut input: Vec<u8>, now: Instant, plaintext: &mut Vec<u8>) {
        let taken = self.open_records(&input, now, plaintext);
        if taken > 0 {
            input = input.get(taken..).unwrap_or_default().into();
        }
        self.unopened = input;
    }

    /// Opens what is whole, as long as the link takes it; how many bytes that was.
    fn open_records(&mut self, input: &[u8], now: Instant, plaintext: &mut Vec<u8>) -> usize {
        let mut taken: usize = 0;
        loop {
            let rest = input.get(taken..).unwrap_or_default();
            if lock(&self.handle.link).paused_until().is_some() {
                return taken;
            }
            plaintext.clear();
            let opened = match record_bytes(rest) {
                Ok(None) => return taken,
                Ok(Some(length)) if length > rest.len() => return taken,
                Ok(Some(length)) => {
                    taken = taken.saturating_add(length);
                    self.opener.open(rest.get(RECORD_LENGTH_BYTES..length).unwrap_or_default(), plaintext)
                }
                Err(rule) => Err(rule),
            };
            match opened {
                Ok(()) => {
                    self.trace(false, plaintext);
                    // A copy of its own size: what the machine keeps of it does not pin a larger one.
                    let record = Bytes::copy_from_slice(plaintext);
                    lock(&self.handle.link).receive(&record, now, &mut self.events);
                }
                Err(rule) => {
                    lock(&self.handle.link).reject(rule, now, &mut self.events);
                    return input.len();
                }
            }
        }
    }

    /// After a failed write: the other side's last words may have come before it went.
    async fn lose(&mut self) {
        self.unwritten = Vec::new();
        let last_words = async {
            while self.wants_more() && self.stream.readable().await.is_ok() && self.read(self.shared.clock.tick()) {}
        };
        let _ = timeout(CLOSE_TIMEOUT, last_words).await;
        lock(&self.handle.link).end_of_stream(&mut self.events);
    }

    fn wants_more(&self) -> bool {
        let link = lock(&self.handle.link);
        !link.is_finished() && link.paused_until().is_none()
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
        if let Some(trace) = &self.shared.trace {
            let from = if sends == self.dialled { Direction::Initiator } else { Direction::Responder };
            trace.frames(self.handle.id, from, plaintext);
        }
    }
}

/// Has the kernel take in little for who does not read, at either end: it is memory, and a large window opens again so
/// late that who reads slowly looks dead. A system that cannot takes in more.
fn bound_kernel(stream: &TcpStream) {
    let socket = socket2::SockRef::from(stream);
    let _ = socket.set_recv_buffer_size(UNREAD_BYTES);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = socket.set_tcp_notsent_lowat(UNSENT_BYTES);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = UNSENT_BYTES;
}

/// Waits until the socket is good for what is wanted; for ever if nothing is.
async fn ready(stream: &TcpStream, to_read: bool, to_write: bool) -> io::Result<Ready> {
    match (to_read, to_write) {
        (true, true) => stream.ready(Interest::READABLE | Interest::WRITABLE).await,
        (true, false) => stream.ready(Interest::READABLE).await,
        (false, true) => stream.ready(Interest::WRITABLE).await,
        (false, false) => std::future::pending().await,
    }
}
