//! What all tasks of one node use.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tertulia_core::channel::introduce;
use tertulia_core::feed::Feed;
use tertulia_core::identity::Identity;

use crate::clock::Clock;
use crate::crypto::{crypto, seed};
use crate::error::Error;
use crate::trace::Trace;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) identity: Identity,
    /// Wall clock of this run's start.
    pub(crate) started_ms: u64,
    pub(crate) clock: Clock,
    pub(crate) trace: Option<Trace>,
    feed: RwLock<Feed>,
}

impl Shared {
    /// # Errors
    /// The system gives no randomness.
    pub(crate) fn new(identity: Identity, started_ms: u64, trace: Option<Trace>) -> Result<Self, Error> {
        // Of this run: what it signs of itself, it signs once.
        let identity = introduce(identity, seed()?, crypto()).map_err(|rule| Error::Fault(rule.meaning().into()))?;
        Ok(Self { identity, started_ms, clock: Clock::new(), trace, feed: RwLock::default() })
    }

    /// Lock order: a line first, then the feed; but the driver, which alone writes to the feed, may read it before.
    pub(crate) fn feed(&self) -> RwLockReadGuard<'_, Feed> {
        self.feed.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn feed_mut(&self) -> RwLockWriteGuard<'_, Feed> {
        self.feed.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever panicked while holding a lock has ended its own task; the others go on.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
