//! Many attendees in one process, each with a connection of its own, and some who never read.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tertulia_core::event::{Event, Kind};
use tertulia_core::id::{Key, Signature};
use tertulia_core::identity::{Ed25519, Identity, Pair, Scheme, Secret};
use tertulia_core::limits::PING_INTERVAL;
use tertulia_core::machine::{Input, Machine, Output};
use tertulia_core::star::{Attendee, NewcomerConfig};
use tertulia_core::ticket::Ticket;
use tertulia_core::time::{Instant, Now};
use tertulia_net::{Setup, seed, start, unix_ms};
use tokio::net::TcpSocket;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::real::peer::{Peer, Proof, digest, ping};

/// Nobody who waits for the crowd waits longer.
const PATIENCE: Duration = Duration::from_secs(300);
/// Who joins at one time: no host takes more than 256 handshakes at once.
const JOINING_MAX: usize = 64;
/// What a network card takes at once. Loopback takes 45 times that, and its kernel buffers grow by it.
const ETHERNET_MSS: u32 = 1_460;

/// The least that the kernel of somebody who does not read takes in for them.
const RECEIVE_BUFFER: u32 = 16_384;

/// Checks each signature once, however many attendees of this process are shown it.
#[derive(Default)]
struct Memory(Mutex<HashMap<[u8; 64], Checked>>);

/// The key and the message that a signature holds for.
type Checked = (Key, Vec<u8>);

impl fmt::Debug for Memory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Memory(..)")
    }
}

impl Scheme for Memory {
    fn pair(&self, secret: &Secret) -> Arc<dyn Pair> {
        Ed25519.pair(secret)
    }

    fn verify(&self, key: &Key, message: &[u8], signature: &Signature) -> bool {
        let known = self.0.lock().unwrap().get(&signature.0).is_some_and(|held| held.0 == *key && held.1 == message);
        if known {
            return true;
        }
        let holds = Ed25519.verify(key, message, signature);
        if holds {
            self.0.lock().unwrap().insert(signature.0, (*key, message.to_vec()));
        }
        holds
    }
}

/// An attendee that keeps nothing: a thousand copies of one lecture are of no use to anybody.
struct Forgetful(Attendee);

impl Machine for Forgetful {
    fn handle(&mut self, input: Input<'_>, now: Now, out: &mut Vec<Output>) {
        self.0.handle(input, now, out);
        out.retain(|output| !matches!(output, Output::Store { .. }));
    }

    fn handle_timeout(&mut self, now: Now, out: &mut Vec<Output>) {
        self.0.handle_timeout(now, out);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.0.poll_timeout()
    }

    fn assert_invariants(&self) {
        self.0.assert_invariants();
    }
}

/// What all attendees together have come to.
#[derive(Debug, Default)]
struct Progress {
    ready: AtomicUsize,
    heard: AtomicUsize,
    /// How many are waited for.
    wanted: AtomicUsize,
    changed: Notify,
}

/// Attendees of one lecture. All leave when this is dropped.
#[derive(Debug)]
pub struct Crowd {
    ticket: Ticket,
    scheme: Arc<Memory>,
    progress: Arc<Progress>,
    door: Arc<Semaphore>,
    tasks: JoinSet<String>,
    attendees: usize,
    silent: usize,
}

impl Crowd {
    /// Nobody yet, for the lecture of this ticket.
    #[must_use]
    pub fn new(ticket: Ticket) -> Self {
        Self {
            ticket,
            scheme: Arc::default(),
            progress: Arc::default(),
            door: Arc::new(Semaphore::new(JOINING_MAX)),
            tasks: JoinSet::new(),
            attendees: 0,
            silent: 0,
        }
    }

    /// How many read what they are sent.
    #[must_use]
    pub const fn attendees(&self) -> usize {
        self.attendees
    }

    /// Has more attendees join, up to `attendees` in all, and waits until all are in.
    pub async fn grow(&mut self, attendees: usize) {
        for number in self.attendees..attendees {
            let (ticket, scheme) = (self.ticket.clone(), Arc::clone(&self.scheme));
            let (progress, door) = (Arc::clone(&self.progress), Arc::clone(&self.door));
            self.tasks.spawn(attend(number, ticket, scheme, progress, door));
        }
        self.attendees = attendees;
        self.until(|progress| progress.ready.load(SeqCst) == attendees).await;
    }

    /// Has `count` more join who then never read again, though they are there.
    pub async fn add_silent(&mut self, count: usize) {
        let address: SocketAddr = self.ticket.addresses[0].parse().unwrap();
        for _ in 0..count {
            self.silent += 1;
            let mut peer = silent(address, &format!("silent-{}", self.silent)).await;
            self.tasks.spawn(async move {
                // Until the host has had enough of it.
                while peer.send(&[ping()]).await {
                    sleep(PING_INTERVAL).await;
                }
                std::future::pending().await
            });
        }
    }

    /// Waits until the attendees have been shown `count` texts in all.
    pub async fn until_heard(&mut self, count: usize) {
        self.progress.wanted.store(count, SeqCst);
        self.until(|progress| progress.heard.load(SeqCst) >= count).await;
        assert_eq!(self.progress.heard.load(SeqCst), count, "something came twice");
    }

    async fn until(&mut self, holds: impl Fn(&Progress) -> bool) {
        let progress = Arc::clone(&self.progress);
        let waited = timeout(PATIENCE, async {
            loop {
                let changed = progress.changed.notified();
                if holds(&progress) {
                    return;
                }
                tokio::select! {
                    () = changed => {}
                    Some(ended) = self.tasks.join_next() => panic!("somebody left: {ended:?}"),
                }
            }
        });
        let (ready, heard) = (&self.progress.ready, &self.progress.heard);
        assert!(waited.await.is_ok(), "{ready:?} of {} are there, and have {heard:?} texts", self.attendees);
    }
}

/// A line that attendees check: its number, a space, and what makes it `bytes` long.
#[must_use]
pub fn line(number: usize, bytes: usize) -> String {
    let mut line = format!("{number} {}", "x".repeat(bytes));
    line.truncate(bytes);
    line
}

/// Attends until something is wrong, and tells what.
async fn attend(
    number: usize,
    ticket: Ticket,
    scheme: Arc<Memory>,
    progress: Arc<Progress>,
    door: Arc<Semaphore>,
) -> String {
    let place = door.acquire().await.unwrap();
    let identity = Identity::new(Secret(seed().unwrap()), scheme);
    let started_ms = unix_ms();
    let attendee = Attendee::new(NewcomerConfig {
        identity: identity.clone(),
        name: format!("attendee-{number}"),
        name_is_chosen: true,
        started_ms,
        seed: seed().unwrap(),
        meeting: ticket.meeting,
        host: Some(ticket.host),
        addresses: ticket.addresses.clone(),
        ticket: Some(ticket),
        restored: None,
        others: Vec::new(),
        // No more than what may still be asked for.
        note: String::new(),
        talk_max: 16,
    });
    let setup = Setup { identity, started_ms, listener: None, home: None, trace: None };
    let mut node = start(Forgetful(attendee), setup).unwrap();
    let mut place = Some(place);
    let mut next = 0;
    while let Some(event) = node.events.recv().await {
        match event {
            Event::Ready { .. } => {
                place = None;
                progress.ready.fetch_add(1, SeqCst);
                progress.changed.notify_waiters();
            }
            Event::Message { kind: Kind::Text(_), text, .. } => {
                if text.split(' ').next().and_then(|number| number.parse().ok()) != Some(next) {
                    return format!("attendee {number} expected line {next} and got {text:.20}");
                }
                next += 1;
                if progress.heard.fetch_add(1, SeqCst) + 1 == progress.wanted.load(SeqCst) {
                    progress.changed.notify_waiters();
                }
            }
            Event::Closed { code, ending } => return format!("attendee {number}: {code}, {ending:?}"),
            Event::Unlinked { code, .. } => return format!("attendee {number} lost its link: {code}"),
            _ => {}
        }
    }
    drop(place);
    format!("attendee {number} has ended")
}

/// Joins, has the host send, and reads nothing of it.
async fn silent(address: SocketAddr, name: &str) -> Peer {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(RECEIVE_BUFFER).unwrap();
    // A system that cannot sends larger ones.
    #[cfg(unix)]
    socket2::SockRef::from(&socket).set_tcp_mss(ETHERNET_MSS).unwrap();
    #[cfg(not(unix))]
    let _ = ETHERNET_MSS;
    let mut peer =
        Peer::dial_over(socket.connect(address).await.unwrap(), &crate::real::local::identity()).await.unwrap();
    peer.join(name, &Proof::default()).await.unwrap();
    peer.send(&[digest(Vec::new())]).await;
    peer
}
