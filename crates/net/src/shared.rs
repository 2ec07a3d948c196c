//! What all tasks of one node use.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tertulia_core::channel::BoxedCryptoResolver;
use tertulia_core::feed::Feed;
use tertulia_core::identity::Identity;
use tokio::net::TcpStream;

use crate::clock::Clock;
use crate::trace::Trace;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) identity: Identity,
    pub(crate) clock: Clock,
    pub(crate) trace: Option<Trace>,
    feed: RwLock<Feed>,
}

impl Shared {
    pub(crate) fn new(identity: Identity, trace: Option<Trace>) -> Self {
        Self { identity, clock: Clock::new(), trace, feed: RwLock::default() }
    }

    /// Lock order: a link first, then the feed.
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

/// ring seals 64 bytes in an eighth of the time that pure Rust takes.
pub(crate) fn crypto() -> BoxedCryptoResolver {
    Box::new(snow::resolvers::RingResolver)
}

/// Sends all of `bytes`.
pub(crate) async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Ends this side of the stream, then reads and forgets what still comes, until the other side ends too. Closing at
/// once would answer what is on its way with a reset, and that destroys what the other side has not read yet.
pub(crate) async fn linger(stream: &TcpStream) {
    if rustix::net::shutdown(stream, rustix::net::Shutdown::Write).is_err() {
        return;
    }
    while stream.readable().await.is_ok() && forget(stream) {
        tokio::task::consume_budget().await;
    }
}

/// Reads what is there; false once the other side has ended. No buffer of it outlives the call.
fn forget(stream: &TcpStream) -> bool {
    let mut forgotten = [0; 4_096];
    match stream.try_read(&mut forgotten) {
        Ok(read) => read > 0,
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    }
}
