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

use crate::driver::Message;
use crate::handshake;
use crate::shared::Shared;

/// How many connections the kernel may hold ready: 10,000 attendees come back within seconds.
const BACKLOG: i32 = 4_096;
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
pub(crate) async fn run(listener: TcpListener, shared: Arc<Shared>, inbox: mpsc::Sender<Message>) {
    let mut handshakes = JoinSet::new();
    let mut waiting = Waiting::default();
    let mut warned: Option<Instant> = None;
    loop {
        tokio::select! {
            Some(ended) = handshakes.join_next_with_id() => {
                waiting.remove(ended.map_or_else(|error| error.id(), |(id, ())| id));
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => {
                    waiting.make_room();
                    let task = handshakes.spawn(one(stream, Arc::clone(&shared), inbox.clone()));
                    waiting.add(task, source(from.ip()));
                }
                // That one peer is gone already.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    if warned.is_none_or(|at| at.elapsed() >= WARNING_INTERVAL) {
                        warned = Some(Instant::now());
                        let message = format!(
                            "cannot accept a connection: {error}; whoever dials waits until that is over \
                             (with too many open files: raise the limit with `ulimit -n` and start again)"
                        );
                        let _ = inbox.send(Message::Tell(Event::Warning { code: "not_accepting", message })).await;
                    }
                    sleep(REST).await;
                }
            }
        }
    }
}

async fn one(stream: TcpStream, shared: Arc<Shared>, inbox: mpsc::Sender<Message>) {
    let _ = stream.set_nodelay(true);
    if let Ok(channel) = handshake::accept(stream, &shared.identity).await {
        // Fails once the node ends.
        let _ = inbox.send(Message::Accepted(Box::new(channel))).await;
    }
}

/// Whom a connection is counted for: an address, or the network that one subscriber of IPv6 has.
fn source(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits() & (u128::MAX << 64),
    }
}

/// Handshakes that are not over, in the order in which they came.
#[derive(Default)]
struct Waiting(VecDeque<(u128, AbortHandle)>);

impl Waiting {
    fn add(&mut self, task: AbortHandle, source: u128) {
        self.0.push_back((source, task));
    }

    fn remove(&mut self, id: Id) {
        self.0.retain(|(_, task)| task.id() != id);
    }

    /// At the limit, closes the oldest of the source that holds most. No source has a fixed share: a school behind
    /// one address is one source.
    fn make_room(&mut self) {
        if self.0.len() < HANDSHAKES_MAX {
            return;
        }
        let mut held: BTreeMap<u128, usize> = BTreeMap::new();
        for (source, _) in &self.0 {
            let count = held.entry(*source).or_default();
            *count = count.saturating_add(1);
        }
        let most = held.values().copied().max().unwrap_or(0);
        let oldest = self.0.iter().position(|(source, _)| held.get(source) == Some(&most));
        if let Some((_, task)) = oldest.and_then(|at| self.0.remove(at)) {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_257th_closes_the_oldest_of_the_source_that_holds_most() {
        let mut tasks = JoinSet::new();
        let mut waiting = Waiting::default();
        let mut idle = |source| (source, tasks.spawn(core::future::pending::<()>()));
        let few: Vec<_> = (0..100).map(|_| idle(1)).collect();
        let many: Vec<_> = (100..HANDSHAKES_MAX).map(|_| idle(2)).collect();
        for (source, task) in few.iter().chain(&many) {
            waiting.make_room();
            waiting.add(task.clone(), *source);
        }
        assert_eq!(waiting.0.len(), HANDSHAKES_MAX);
        waiting.make_room();
        assert_eq!(waiting.0.len(), HANDSHAKES_MAX - 1);
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
