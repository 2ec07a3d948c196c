//! Accepts connections, and bounds those that have not shown who they are.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tertulia_core::event::Event;
use tertulia_core::limits::HANDSHAKES_MAX;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::{Instant, sleep};

use crate::driver::Arrival;
use crate::handshake;
use crate::shared::Shared;

/// How many connections the kernel may hold ready: 10,000 attendees come back within seconds.
const BACKLOG: i32 = 4_096;
/// What a handshake has before it must make room for another: when thousands come at once, each in a hurry, then those
/// that are nearly done are not closed for those that have just come. Meanwhile the kernel holds the newcomers.
const GRACE: Duration = Duration::from_millis(500);
/// Nothing can be accepted, for lack of files for instance: how long to leave it.
const REST: Duration = Duration::from_millis(100);
/// The user is told so no more often.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// Makes a listener of the standard library one of the runtime's.
pub(crate) fn adopt(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    rustix::net::listen(&listener, BACKLOG)?;
    TcpListener::from_std(listener)
}

/// Accepts for ever. Dropping this closes every connection that is not established.
pub(crate) async fn run(listener: TcpListener, shared: Arc<Shared>, door: mpsc::Sender<Arrival>) {
    let mut handshakes = JoinSet::new();
    let mut waiting = Waiting::default();
    let mut warned: Option<Instant> = None;
    // Accepted, and there is no place for it yet: until then nobody else is.
    let mut newcomer: Option<(TcpStream, u128)> = None;
    loop {
        if !waiting.is_full()
            && let Some((stream, source)) = newcomer.take()
        {
            waiting.add(handshakes.spawn(one(stream, Arc::clone(&shared), door.clone())), source);
        }
        tokio::select! {
            Some(ended) = handshakes.join_next_with_id() => {
                waiting.remove(ended.map_or_else(|error| error.id(), |(id, ())| id));
            }
            () = waiting.room(), if newcomer.is_some() => waiting.make_room(),
            accepted = listener.accept(), if newcomer.is_none() => match accepted {
                Ok((stream, from)) => newcomer = Some((stream, source(from.ip()))),
                // That one peer is gone already.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    if warned.is_none_or(|at| at.elapsed() >= WARNING_INTERVAL) {
                        warned = Some(Instant::now());
                        let message = format!(
                            "cannot accept a connection: {error}; whoever dials waits until that is over \
                             (with too many open files: raise the limit with `ulimit -n` and start again)"
                        );
                        let _ = door.send(Arrival::Tell(Event::Warning { code: "not_accepting", message })).await;
                    }
                    sleep(REST).await;
                }
            }
        }
    }
}

async fn one(stream: TcpStream, shared: Arc<Shared>, door: mpsc::Sender<Arrival>) {
    let _ = stream.set_nodelay(true);
    if let Ok(channel) = handshake::accept(stream, &shared.identity).await {
        // Fails once the node ends.
        let _ = door.send(Arrival::Accepted(Box::new(channel))).await;
    }
}

/// Whom a connection is counted for: an address, or the network that one subscriber of IPv6 has.
fn source(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits() & (u128::MAX << 64),
    }
}

/// A handshake that is not over.
struct Place {
    source: u128,
    since: Instant,
    task: AbortHandle,
}

/// Handshakes that are not over, in the order in which they came.
#[derive(Default)]
struct Waiting(VecDeque<Place>);

impl Waiting {
    fn is_full(&self) -> bool {
        self.0.len() >= HANDSHAKES_MAX
    }

    fn add(&mut self, task: AbortHandle, source: u128) {
        self.0.push_back(Place { source, since: Instant::now(), task });
    }

    fn remove(&mut self, id: Id) {
        self.0.retain(|place| place.task.id() != id);
    }

    /// The oldest of the source that holds most. No source has a fixed share: a school behind one address is one source.
    fn first_to_go(&self) -> Option<usize> {
        let mut held: BTreeMap<u128, usize> = BTreeMap::new();
        for place in &self.0 {
            let count = held.entry(place.source).or_default();
            *count = count.saturating_add(1);
        }
        let most = held.values().max();
        self.0.iter().position(|place| held.get(&place.source) == most)
    }

    /// Waits until somebody has had a fair chance.
    async fn room(&self) {
        if let Some(place) = self.first_to_go().and_then(|at| self.0.get(at)) {
            sleep(GRACE.saturating_sub(place.since.elapsed())).await;
        }
    }

    fn make_room(&mut self) {
        if let Some(place) = self.first_to_go().and_then(|at| self.0.remove(at)) {
            place.task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn when_full_the_oldest_of_the_source_that_holds_most_goes_once_it_had_its_chance() {
        let mut tasks = JoinSet::new();
        let mut waiting = Waiting::default();
        let mut idle = |source| (source, tasks.spawn(core::future::pending::<()>()));
        let few: Vec<_> = (0..100).map(|_| idle(1)).collect();
        let many: Vec<_> = (100..HANDSHAKES_MAX).map(|_| idle(2)).collect();
        for (source, task) in few.iter().chain(&many) {
            assert!(!waiting.is_full());
            waiting.add(task.clone(), *source);
        }
        assert!(waiting.is_full());
        let before = Instant::now();
        waiting.room().await;
        assert!(before.elapsed() >= GRACE);
        waiting.make_room();
        assert!(!waiting.is_full());
        let gone = tasks.join_next_with_id().await.unwrap().expect_err("aborted").id();
        assert_eq!(gone, many[0].1.id());
    }

    #[test]
    fn sources_are_addresses_of_ipv4_and_networks_of_ipv6() {
        let source = |text: &str| source(text.parse().unwrap());
        assert_eq!(source("10.0.0.1"), source("::ffff:10.0.0.1"));
        assert_ne!(source("10.0.0.1"), source("10.0.0.2"));
        assert_eq!(source("2001:db8:0:1::1"), source("2001:db8:0:1:ffff::2"));
        assert_ne!(source("2001:db8:0:1::1"), source("2001:db8:0:2::1"));
    }
}
