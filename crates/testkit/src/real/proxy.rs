//! A TCP proxy on loopback that does to a connection what networks do, at the very byte that a test names.

use std::collections::BTreeMap;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

/// Which half of a proxied connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From whoever dialled to the target.
    There,
    /// From the target back.
    Back,
}

/// What happens when a byte comes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It and what follows are lost: both ends see a reset.
    Reset,
    /// One of its bits, 0 to 7, is turned over.
    Flip(u8),
    /// It and what follows of its connection never come, and nobody is told.
    Stall,
}

/// What has come by in one direction, over all connections: positions go on where the last connection ended.
#[derive(Debug, Default)]
struct Half {
    bytes: Vec<u8>,
    /// Position of the first byte of each connection.
    starts: Vec<usize>,
    faults: BTreeMap<usize, Fault>,
}

#[derive(Debug, Default)]
struct Shared {
    there: Mutex<Half>,
    back: Mutex<Half>,
    bytes_per_second: Mutex<Option<u32>>,
    refuses: AtomicBool,
    moved: Notify,
}

impl Shared {
    const fn half(&self, way: Way) -> &Mutex<Half> {
        match way {
            Way::There => &self.there,
            Way::Back => &self.back,
        }
    }
}

/// A proxy at work; it ends with its connections when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// Passes on to `target` whoever dials [`Proxy::address`].
    pub async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let task = tokio::spawn(run(listener, target, Arc::clone(&shared)));
        Self { address, shared, task }
    }

    /// Where to dial.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Has `fault` happen to the byte that comes by after `ahead` others.
    pub fn arm(&self, way: Way, ahead: usize, fault: Fault) {
        let mut half = self.shared.half(way).lock().unwrap();
        let position = half.bytes.len() + ahead;
        half.faults.insert(position, fault);
    }

    /// Lets no more through in each direction and connection, from the next read on.
    pub fn limit(&self, bytes_per_second: Option<u32>) {
        *self.shared.bytes_per_second.lock().unwrap() = bytes_per_second;
    }

    /// Lets nobody new through, or everybody again.
    pub fn refuse(&self, refuses: bool) {
        self.shared.refuses.store(refuses, Ordering::Relaxed);
    }

    /// Every byte that has come by, over all connections.
    #[must_use]
    pub fn bytes(&self, way: Way) -> Vec<u8> {
        self.shared.half(way).lock().unwrap().bytes.clone()
    }

    /// How many bytes have come by.
    #[must_use]
    pub fn count(&self, way: Way) -> usize {
        self.shared.half(way).lock().unwrap().bytes.len()
    }

    /// The bytes of each connection.
    #[must_use]
    pub fn connections(&self, way: Way) -> Vec<Vec<u8>> {
        let half = self.shared.half(way).lock().unwrap();
        let ends = half.starts.iter().skip(1).copied().chain([half.bytes.len()]);
        half.starts.iter().zip(ends).map(|(start, end)| half.bytes[*start..end].to_vec()).collect()
    }

    /// Waits until every fault has happened.
    pub async fn all_happened(&self) {
        loop {
            let moved = self.shared.moved.notified();
            let left = [Way::There, Way::Back].map(|way| self.shared.half(way).lock().unwrap().faults.len());
            if left == [0, 0] {
                return;
            }
            moved.await;
        }
    }
}

async fn run(listener: TcpListener, target: SocketAddr, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let (near, _) = listener.accept().await.unwrap();
        if shared.refuses.load(Ordering::Relaxed) {
            continue;
        }
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let Ok(far) = TcpStream::connect(target).await else { return };
            near.set_nodelay(true).unwrap();
            far.set_nodelay(true).unwrap();
            for way in [Way::There, Way::Back] {
                let mut half = shared.half(way).lock().unwrap();
                let start = half.bytes.len();
                half.starts.push(start);
            }
            let there = carry(&near, &far, Way::There, &shared);
            let back = carry(&far, &near, Way::Back, &shared);
            if tokio::try_join!(there, back).is_err() {
                // With nothing to linger for, closing is a reset.
                near.set_zero_linger().unwrap();
                far.set_zero_linger().unwrap();
            }
        });
    }
}

/// Moves bytes until the end of the stream; fails where the connection is to be reset.
async fn carry(from: &TcpStream, to: &TcpStream, way: Way, shared: &Shared) -> io::Result<()> {
    let mut buffer = vec![0; 16_384];
    loop {
        let limit = *shared.bytes_per_second.lock().unwrap();
        // A twentieth of a second's worth at a time.
        let share = limit.map_or(buffer.len(), |limit| buffer.len().min(limit as usize / 20 + 1));
        from.readable().await?;
        let read = match from.try_read(&mut buffer[..share]) {
            Ok(0) => return SockRef::from(to).shutdown(Shutdown::Write),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        let stop = pass(&mut buffer[..read], shared.half(way));
        write(to, &buffer[..stop.map_or(read, |(at, _)| at)]).await?;
        shared.moved.notify_waiters();
        match stop {
            Some((_, Fault::Reset)) => return Err(io::ErrorKind::ConnectionReset.into()),
            Some(_) => std::future::pending::<()>().await,
            None => {}
        }
        if let Some(limit) = limit {
            sleep(Duration::from_secs_f64(read as f64 / f64::from(limit))).await;
        }
    }
}

/// Notes the bytes and does to them what is to happen; where in them, and how, they end early.
fn pass(bytes: &mut [u8], half: &Mutex<Half>) -> Option<(usize, Fault)> {
    let mut half = half.lock().unwrap();
    let start = half.bytes.len();
    while let Some((position, fault)) = half.faults.first_key_value().map(|(position, fault)| (*position, *fault)) {
        let Some(at) = position.checked_sub(start).filter(|at| *at < bytes.len()) else { break };
        half.faults.pop_first();
        if let Fault::Flip(bit) = fault {
            bytes[at] ^= 1 << bit;
        } else {
            half.bytes.extend_from_slice(&bytes[..at]);
            return Some((at, fault));
        }
    }
    half.bytes.extend_from_slice(bytes);
    None
}

async fn write(to: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        to.writable().await?;
        match to.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
