//! One process: a machine, its feed and links, what it has on disk, and what its user was told.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use tertulia_core::code::Code;
use tertulia_core::event::{Event, Origin};
use tertulia_core::feed::Feed;
use tertulia_core::id::{DialId, Key, LinkId};
use tertulia_core::limits::{BACKOFF_MAX, BACKOFF_MIN, JOIN_INTERVAL, REJOIN_INTERVAL};
use tertulia_core::link::Link;
use tertulia_core::log::Held;
use tertulia_core::machine::Machine;
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::entry::Entry;

use super::canary::Planted;
use super::disk::{Disk, EntryName};
use super::network::ConnectionId;

/// Wall clock of the simulation's start, milliseconds since 1970 in UTC.
pub const EPOCH_MS: u64 = 1_700_000_000_000;

/// What a machine is made from.
#[derive(Debug)]
pub struct Boot<'a> {
    /// What an earlier run has left.
    pub disk: &'a Disk,
    /// The node's clocks.
    pub now: Now,
    /// Decides all that is random in the machine.
    pub seed: [u8; 32],
    /// Where the node is.
    pub address: SocketAddr,
}

/// Makes a node's machine, for each run of it.
pub type Maker = Box<dyn FnMut(&Boot<'_>) -> Box<dyn Machine>>;

/// What a node is.
pub struct NodeSpec {
    /// Its key.
    pub key: Key,
    /// Makes its machine.
    pub maker: Maker,
    /// How many entries of talk its feed keeps.
    pub talk_max: usize,
}

impl std::fmt::Debug for NodeSpec {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("NodeSpec").field("key", &self.key).finish_non_exhaustive()
    }
}

/// Something that a node's user was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// When, in milliseconds of the simulation.
    pub at: u64,
    /// In which run of the node, from 1.
    pub run: u32,
    /// What.
    pub event: Event,
}

/// What a node does with entries.
#[derive(Debug)]
pub(crate) enum Witnessed {
    /// It sends an entry of somebody's to this key.
    Sent { to: Key, entry: Entry },
    /// It shows one.
    Shown(Origin),
    /// It stores one, whatever its lane is.
    Stored(Entry),
}

/// Looks at what a node does: when, which node of which key, and what is on its disk.
pub(crate) type Watcher = Box<dyn FnMut(u64, (usize, Key), &Disk, &Witnessed)>;

/// Who stands between a machine and its links.
pub(crate) trait Tamperer {
    /// The machine has an entry, of its own or of somebody's.
    fn on_written(&mut self, entry: &Held);
    /// What goes out in the place of a record.
    fn outgoing(&mut self, to: Key, record: &[u8]) -> Vec<u8>;
    /// What comes in, in the place of a record.
    fn incoming(&mut self, from: Key, record: &[u8]) -> Vec<u8>;
}

/// The same one in each run of the machine.
pub(super) type Tampering = Rc<RefCell<dyn Tamperer>>;

/// How a guest has fared at its host's door.
#[derive(Clone, Debug, Default)]
pub(super) struct Knocks {
    /// The link over which it was let in last, and when that was.
    let_in: Option<(LinkId, u64)>,
    /// How often it has waited before a dial since it was let in (SPEC DIAL-2).
    waits: u32,
    /// How often it has dialled at once since it has waited.
    at_once: u32,
    /// When it was told last that it comes too soon, and after how long it may come (SPEC JOIN-8, JOIN-15).
    too_soon: Option<(u64, u64)>,
}

/// What ends a link without anybody's fault: the waits of whoever was let in begin anew (SPEC DIAL-2).
const INNOCENT: [Code; 5] = [Code::Cut, Code::Stopped, Code::Renewed, Code::Silent, Code::Slow];

impl Knocks {
    pub(super) const fn on_welcome(&mut self, link: LinkId, now: u64) {
        self.let_in = Some((link, now));
    }

    /// A link is gone, or nobody was met.
    pub(super) fn on_failed(&mut self, link: Option<LinkId>, code: Code, now: u64) {
        // SPEC JOIN-13, JOIN-17
        if matches!(code, Code::NameTaken | Code::WrongKind) {
            self.at_once += 1;
            return;
        }
        if code == Code::TooSoon {
            let has_chain = self.let_in.is_some();
            let wait = if has_chain { REJOIN_INTERVAL } else { JOIN_INTERVAL };
            self.too_soon = Some((now, wait.as_millis() as u64));
        }
        let was_inside = link.is_some() && self.let_in.map(|(inside, _)| inside) == link && INNOCENT.contains(&code);
        self.waits = if was_inside { 1 } else { self.waits + 1 };
        self.at_once = 0;
    }

    /// How long a guest that is let in by now had to wait at most from `since` on, after which nothing was cut, in
    /// milliseconds; and how often it has dialled after that.
    pub(super) fn patience(&self, since: u64) -> (u64, u32) {
        if self.let_in.is_some_and(|(_, at)| at < since) {
            return (0, 0);
        }
        let longest = BACKOFF_MIN.saturating_mul(1 << self.waits.saturating_sub(1).min(16)).min(BACKOFF_MAX);
        let longest = if self.waits > 0 { longest.as_millis() as u64 } else { 0 };
        let too_soon = self.too_soon.filter(|(at, _)| *at >= since).map_or(0, |(_, wait)| wait);
        (longest + too_soon, 1 + self.at_once)
    }
}

/// One end of a connection, as its driver has it.
pub(super) struct Ends {
    pub(super) link: Link,
    pub(super) peer: Key,
    pub(super) connection: ConnectionId,
    pub(super) side: usize,
    pub(super) dial: Option<DialId>,
    /// Only this key was dialled; `None`: whoever is there.
    pub(super) wanted: Option<Key>,
    /// The machine knows of it.
    pub(super) up: bool,
    /// The machine has closed it, or was told that it is gone.
    pub(super) over: bool,
    /// A record that the network had no room for.
    pub(super) pending: Option<Bytes>,
    /// Each entry that came.
    pub(super) entries: BTreeSet<EntryName>,
}

/// What a crash loses.
pub(super) struct Running {
    pub(super) machine: Box<dyn Machine>,
    pub(super) feed: Feed,
    pub(super) links: BTreeMap<LinkId, Ends>,
    pub(super) next_link: u64,
    pub(super) started_ms: u64,
    /// The machine has said that it is over: what is left are goodbyes.
    pub(super) closed: bool,
}

pub(super) struct Node {
    pub(super) name: String,
    pub(super) spec: NodeSpec,
    pub(super) disk: Disk,
    pub(super) told: Vec<Told>,
    pub(super) runs: u32,
    pub(super) running: Option<Running>,
    /// How far the clocks are ahead of the simulation's.
    pub(super) ahead: u64,
    pub(super) unix_ahead: i64,
    /// The process does nothing before this.
    pub(super) stopped_until: u64,
    /// The process reads nothing before this.
    pub(super) deaf_until: u64,
    pub(super) planted: Planted,
    /// Inputs of all runs.
    pub(super) steps: u64,
    /// Every entry that has ever come.
    pub(super) came: BTreeSet<EntryName>,
    pub(super) knocks: Knocks,
}

impl Node {
    pub(super) fn new(name: String, spec: NodeSpec, planted: Planted) -> Self {
        Self {
            name,
            spec,
            disk: Disk::new(),
            told: Vec::new(),
            runs: 0,
            running: None,
            ahead: 0,
            unix_ahead: 0,
            stopped_until: 0,
            deaf_until: 0,
            planted,
            steps: 0,
            came: BTreeSet::new(),
            knocks: Knocks::default(),
        }
    }

    pub(super) const fn now(&self, at: u64) -> Now {
        let unix_ms = (EPOCH_MS + at).saturating_add_signed(self.unix_ahead);
        Now { tick: Instant(1_000_000 + at + self.ahead), unix_ms }
    }

    /// The simulation's time at which this node's clock shows `tick`.
    const fn when(&self, tick: Instant) -> u64 {
        tick.0.saturating_sub(1_000_000 + self.ahead)
    }

    /// When something in this node is due, by the simulation's clock.
    pub(super) fn due(&self) -> Option<u64> {
        let running = self.running.as_ref()?;
        let links = running.links.values().filter_map(|ends| ends.link.poll_timeout());
        let first = links.chain(running.machine.poll_timeout().filter(|_| !running.closed)).min()?;
        Some(self.when(first).max(self.stopped_until))
    }
}
