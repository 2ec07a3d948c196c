//! What the driver and the task of a connection share, and what the one tells the other.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tertulia_core::id::LinkId;
use tertulia_core::link::{Connection, Link, LinkEvent};
use tokio::sync::Notify;

use crate::shared::lock;

/// What a connection reads ahead of the driver: a slow driver holds up each connection by itself, and none of them
/// for another. Meanwhile it still writes, PING too.
const EVENTS_AHEAD: usize = 64;

/// What the driver and a connection's task share.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) id: LinkId,
    pub(crate) connection: Mutex<Connection>,
    /// Something has changed that the task has not seen.
    pub(crate) wake: Notify,
    /// Events that the task has delivered and the driver has not taken in.
    ahead: AtomicUsize,
}

impl Handle {
    pub(crate) fn new(id: LinkId, connection: Connection) -> Self {
        Self { id, connection: Mutex::new(connection), wake: Notify::new(), ahead: AtomicUsize::new(0) }
    }

    /// Has the link do something.
    pub(crate) fn link(&self, act: impl FnOnce(&mut Link)) {
        lock(&self.connection).link().map(act);
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
}

/// What a link has to say.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) handle: Arc<Handle>,
    pub(crate) events: Vec<LinkEvent>,
}
