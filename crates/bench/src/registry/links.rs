//! A registry in a process of its own, over real links: each record is signed and checked.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Instant;

use tertulia_core::id::{MeetingId, RequestId};
use tertulia_core::limits::RECORDS_PER_KEY_MAX;
use tertulia_core::registry::{Server, ServerConfig};
use tertulia_core::wire::option::Options;
use tertulia_core::wire::registry::Registry;
use tertulia_core::wire::session::{Hello, Purpose};
use tertulia_core::wire::{Encoded, Frame};
use tertulia_net::{Setup, raise_open_files, start, unix_ms};
use tertulia_testkit::real::local::identity;
use tertulia_testkit::real::peer::Peer;
use tertulia_testkit::stock::Publication;
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

use crate::contestant::server::{Process, end_with_parent};
use crate::measure::Usage;
use crate::row::{Row, Spread};

const NONE: Options<'static> = Options::NONE;
/// Publishers at one address: a registry takes 1,024 records from there.
const PUBLISHERS_OF_SOURCE: usize = 64;

/// Is a registry until the program that has started this one ends.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Prints where.
pub(crate) fn serve(_args: &Args) {
    end_with_parent();
    raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (identity, started_ms) = (identity(), unix_ms());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::new(ServerConfig { identity: identity.clone(), address, started_ms });
        let setup = Setup { identity, started_ms, listener: Some(listener), home: None, trace: None };
        let mut node = start(server, setup).unwrap();
        println!("{address}");
        while node.events.recv().await.is_some() {}
    });
}

/// What came of one thing that all publishers do.
#[derive(Clone, Copy, Debug)]
struct Figures {
    ns: f64,
    per_s: f64,
}

/// Has so many records published, and renewed, over as many links as that takes.
pub(crate) fn measure(records: usize, runs: u16, add: &mut impl FnMut(Row)) {
    raise_open_files();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let runs: Vec<_> = (0..runs).map(|_| runtime.block_on(run(records))).collect();
    for (at, what) in ["join", "publish", "renew"].into_iter().enumerate() {
        let ns = Spread::of(runs.iter().map(|run| run[at].ns));
        let per_s = Some(Spread::of(runs.iter().map(|run| run[at].per_s)).median);
        add(Row { deliveries_per_s: per_s, ..Row::new("links", what, records, 0, ns) });
    }
}

async fn run(records: usize) -> [Figures; 3] {
    let (process, line) = Process::own(&["directory"]);
    let address: SocketAddr = line.parse().unwrap();
    let publishers = records.div_ceil(RECORDS_PER_KEY_MAX);
    let mut all: Vec<Publisher> = Vec::new();
    let mut figures = Vec::new();
    let mut begun = (Usage::of(process.id()), Instant::now());
    let mut note = |count: usize| {
        let (before, start) = std::mem::replace(&mut begun, (Usage::of(process.id()), Instant::now()));
        let ns = (begun.0.processor - before.processor).as_nanos() as f64 / count as f64;
        figures.push(Figures { ns, per_s: count as f64 / (begun.1 - start).as_secs_f64() });
    };
    for number in 0..publishers {
        all.push(Publisher::dial(number, records, address).await);
    }
    note(publishers);
    // The second time, the very same records.
    for _ in 0..2 {
        let mut tasks = JoinSet::new();
        all.drain(..).for_each(|publisher| drop(tasks.spawn(publisher.publish())));
        all = tasks.join_all().await;
        note(records);
    }
    figures.try_into().expect("three things were done")
}

/// Whoever has records, and a link for them.
struct Publisher {
    peer: Peer,
    frames: Vec<Encoded>,
}

impl Publisher {
    async fn dial(number: usize, records: usize, registry: SocketAddr) -> Self {
        let us = identity();
        let socket = TcpSocket::new_v4().unwrap();
        // All of 127.0.0.0/8 is this machine.
        let source = u32::from(Ipv4Addr::LOCALHOST) + u32::try_from(number / PUBLISHERS_OF_SOURCE).unwrap();
        socket.bind((Ipv4Addr::from_bits(source), 0).into()).unwrap();
        let mut peer = Peer::dial_over(socket.connect(registry).await.unwrap(), &us).await.unwrap();
        let (purpose, started_ms) = (Purpose::REGISTRY, unix_ms());
        let hello = Hello { purpose, meeting: MeetingId::ZERO, started_ms, options: NONE };
        peer.send(&[Frame::from(hello).encode(RequestId::EVENT)]).await;
        let first = number * RECORDS_PER_KEY_MAX;
        let numbers = first..records.min(first + RECORDS_PER_KEY_MAX);
        let frame =
            |(id, number)| Publication::of(&us, &format!("Lecture {number}"), 0, started_ms, RequestId(id)).frame;
        let frames = (1..).zip(numbers).map(frame).collect();
        Self { peer, frames }
    }

    /// Publishes all, one after another.
    async fn publish(mut self) -> Self {
        for frame in &self.frames {
            self.peer.send(std::slice::from_ref(frame)).await;
            self.peer.until(|frame, _| matches!(frame, Frame::Registry(Registry::Lease(_))).then_some(())).await;
        }
        self
    }
}
