//! One connection, as its task and the driver share it: what writes, and what the one tells the other.

use std::borrow::BorrowMut;
use std::cell::RefCell;
use std::io;
use std::mem::take;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tertulia_core::feed::{Feed, Packer, RECORDS_AT_ONCE};
use tertulia_core::id::{DialId, LinkId};
use tertulia_core::link::{Connection, INPUT_MAX, Link, LinkEvent, Standing};
use tertulia_core::machine::OtherEnd;
use tertulia_core::time::Instant;
use tertulia_core::trace::Direction;
use tokio::sync::Notify;

use crate::carrier::Carrier;
use crate::shared::{Shared, lock};

/// What a connection reads ahead of the driver: a slow driver holds up each connection by itself, and none of them
/// for another. Meanwhile it still writes, PING too.
const EVENTS_AHEAD: usize = 64;
/// With so many bytes no record is added to those that are sealed and written at once. What the kernel does not take of them
/// waits here: so much and a record.
pub(crate) const BYTES_AT_ONCE: usize = 32 * 1_024;
/// Of what there is no deadline for.
pub(crate) const NEVER: Instant = Instant(u64::MAX);

/// What the driver and a connection's task share; in memory as it stands here, as [`Link`] is.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Handle {
    pub(crate) id: LinkId,
    /// The dial that led here, if this side dialled.
    pub(crate) dial: Option<DialId>,
    /// Something has changed that the task has not seen.
    pub(crate) wake: Notify,
    /// Events that the task has delivered and the driver has not taken in.
    ahead: AtomicUsize,
    /// The driver waits until the feed has been written to this position; 0: it does not.
    awaited: AtomicU64,
    pub(crate) carrier: Carrier,
    line: Mutex<Line>,
}

/// What lies between the link and the kernel; in memory as it stands here, as [`Link`] is.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Line {
    /// When the task looks again by itself.
    pub(crate) armed: Instant,
    /// Nothing more can be written.
    is_broken: bool,
    /// Sealed and not taken by the kernel.
    unwritten: Vec<u8>,
    /// What the driver has not been told.
    pub(crate) events: Vec<LinkEvent>,
    pub(crate) connection: Connection,
}

/// What came of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// All that there was.
    All,
    /// A turn's share; there is more.
    Turn,
    /// What the kernel took.
    Blocked,
    /// Nothing more can be.
    Broken,
}

/// What a call needs, and nobody in between.
pub(crate) struct Scratch {
    pub(crate) input: Vec<u8>,
    pub(crate) plaintext: Vec<u8>,
    sealed: Vec<u8>,
}

thread_local! {
    pub(crate) static SCRATCH: RefCell<Scratch> =
        RefCell::new(Scratch { input: vec![0; INPUT_MAX], plaintext: Vec::new(), sealed: Vec::new() });
}

impl Handle {
    pub(crate) fn new(id: LinkId, carrier: Carrier, connection: Connection, dial: Option<DialId>) -> Self {
        carrier.bound_kernel();
        let (unwritten, events) = (Vec::new(), Vec::new());
        let line = Line { connection, unwritten, is_broken: false, events, armed: Instant(0) };
        let (wake, ahead, awaited) = (Notify::new(), AtomicUsize::new(0), AtomicU64::new(0));
        Self { id, carrier, dial, line: Mutex::new(line), wake, ahead, awaited }
    }

    /// Lock order: a line first, then the feed; but the driver, which alone writes to the feed, may read it before.
    pub(crate) fn line(&self) -> MutexGuard<'_, Line> {
        lock(&self.line)
    }

    /// What a machine is told of it.
    pub(crate) fn end(&self) -> Option<OtherEnd> {
        let Standing::Met(peer) = self.line().connection.standing() else { return None };
        Some(OtherEnd { peer, address: self.carrier.address(), dial: self.dial })
    }

    /// Has the link do something.
    pub(crate) fn link(&self, act: impl FnOnce(&mut Link)) {
        self.line().connection.link().map(act);
    }

    /// Writes what there is, on the time of whoever has added to it: to wake a task costs as much as to write. The task
    /// is woken only where something is left to it. Where the feed's reader is, unless it has had all.
    pub(crate) fn push(&self, packer: &mut Packer<&Feed>, shared: &Shared, now: Instant) -> Option<u64> {
        let mut line = self.line();
        // The task waits already until the kernel takes more; but it has to know of what is due before.
        let is_awaited = !line.is_written();
        let written = if is_awaited { Written::Blocked } else { line.write(self, || packer, shared, now) };
        let due = line.connection.poll_timeout().unwrap_or(NEVER);
        let is_done = (is_awaited || written == Written::All) && line.events.is_empty() && due >= line.armed;
        let late_at = if written == Written::All { None } else { line.keeps_up_at() };
        let is_finished = line.connection.is_finished();
        drop(line);
        if !is_done || is_finished {
            self.wake.notify_one();
        }
        late_at
    }

    /// The driver waits until this position has been written.
    pub(crate) fn await_position(&self, position: u64) {
        self.awaited.store(position, Ordering::Release);
        // It may have been in the meantime.
        self.wake.notify_one();
    }

    /// Whether what the driver waits for has come to be; told once.
    pub(crate) fn has_arrived(&self, at: Option<u64>) -> bool {
        let awaited = self.awaited.load(Ordering::Acquire);
        awaited > 0 && at.is_none_or(|at| at >= awaited) && self.awaited.swap(0, Ordering::AcqRel) > 0
    }

    /// The driver has taken in `events` events: the task may read on.
    pub(crate) fn taken(&self, events: usize) {
        if self.ahead.fetch_sub(events, Ordering::AcqRel) >= EVENTS_AHEAD {
            self.wake.notify_one();
        }
    }

    /// The task has delivered so many.
    pub(crate) fn delivered(&self, events: usize) {
        self.ahead.fetch_add(events, Ordering::AcqRel);
    }

    /// Whether the driver has enough to do for now.
    pub(crate) fn is_ahead(&self) -> bool {
        self.ahead.load(Ordering::Acquire) >= EVENTS_AHEAD
    }

    pub(crate) fn trace(&self, shared: &Shared, sends: bool, plaintext: &[u8]) {
        if let Some(trace) = shared.trace.as_ref().filter(|_| !plaintext.is_empty()) {
            let from = if sends == self.dial.is_some() { Direction::Initiator } else { Direction::Responder };
            trace.frames(self.id, from, plaintext);
        }
    }
}

impl Line {
    /// Writes what there is: the kernel takes many records with one call.
    pub(crate) fn write<F: Deref<Target = Feed>, P: BorrowMut<Packer<F>>>(
        &mut self,
        handle: &Handle,
        packer: impl FnOnce() -> P,
        shared: &Shared,
        now: Instant,
    ) -> Written {
        if self.is_broken {
            return Written::Broken;
        }
        if !self.unwritten.is_empty() {
            let rest = take(&mut self.unwritten);
            let written = self.pass_on(handle, rest.as_slice());
            if written != Written::All {
                return written;
            }
        }
        SCRATCH.with_borrow_mut(|Scratch { sealed, .. }| {
            sealed.clear();
            // Let go of before the kernel has its turn.
            let written = self.seal(handle, packer().borrow_mut(), shared, now, sealed);
            if sealed.is_empty() {
                return written;
            }
            let passed = self.pass_on(handle, sealed);
            if passed == Written::All { written } else { passed }
        })
    }

    /// Seals what goes out at once.
    fn seal<F: Deref<Target = Feed>>(
        &mut self,
        handle: &Handle,
        packer: &mut Packer<F>,
        shared: &Shared,
        now: Instant,
        sealed: &mut Vec<u8>,
    ) -> Written {
        for _ in 0..RECORDS_AT_ONCE {
            let frames = self.connection.fill(packer, now, sealed, &mut self.events);
            if let Some(frames) = frames {
                handle.trace(shared, true, frames);
            }
            if frames.is_none() || self.is_drained() {
                return Written::All;
            }
            if sealed.len() >= BYTES_AT_ONCE {
                break;
            }
        }
        Written::Turn
    }

    /// Hands sealed records, or what is left of them, to the kernel, and keeps what it does not take.
    fn pass_on(&mut self, handle: &Handle, sealed: &[u8]) -> Written {
        let Ok(sent) = handle.carrier.write(sealed) else {
            self.is_broken = true;
            return Written::Broken;
        };
        self.unwritten = sealed.get(sent..).unwrap_or_default().into();
        if !self.unwritten.is_empty() {
            return Written::Blocked;
        }
        self.connection.written();
        Written::All
    }

    /// Whether the kernel has all that was sealed.
    pub(crate) const fn is_written(&self) -> bool {
        self.unwritten.is_empty()
    }

    /// The other side's stream has ended.
    pub(crate) fn end_of_stream(&mut self) {
        self.connection.end_of_stream(&mut self.events);
    }

    /// Nobody reads what is left.
    pub(crate) fn forget(&mut self) {
        self.unwritten = Vec::new();
    }

    fn is_drained(&self) -> bool {
        self.connection.seen().is_some_and(Link::is_drained)
    }

    /// Where in the feed the link is, if it keeps up with it.
    pub(crate) fn keeps_up_at(&self) -> Option<u64> {
        self.connection.seen().and_then(Link::keeps_up_at)
    }

    /// Takes in what `read` reads; false if nothing will ever come again.
    pub(crate) fn read(
        &mut self,
        handle: &Handle,
        shared: &Shared,
        read: impl FnOnce(&Carrier, &mut [u8]) -> io::Result<usize>,
        wanted: usize,
        now: Instant,
    ) -> bool {
        SCRATCH.with_borrow_mut(|Scratch { input, plaintext, .. }| {
            let read = match read(&handle.carrier, input.get_mut(..wanted).unwrap_or_default()) {
                Ok(0) => return false,
                Ok(read) => read,
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            };
            let read = input.get(..read).unwrap_or_default();
            self.connection.receive(read, plaintext, now, &mut self.events);
            handle.trace(shared, false, plaintext);
            true
        })
    }
}

/// What a link has to say.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) handle: Arc<Handle>,
    pub(crate) events: Vec<LinkEvent>,
    /// It has been written as far as the driver waits for.
    pub(crate) has_arrived: bool,
}
