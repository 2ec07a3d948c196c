//! Accepts connections, and bounds those that have not shown who they are.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use socket2::SockRef;
use tertulia_core::event::{Event, Notice};
use tertulia_core::id::Source;
use tertulia_core::limits::HANDSHAKES_MAX;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, Id, JoinSet, yield_now};
use tokio::time::{Instant, sleep};

use crate::carrier::Carrier;
use crate::connection::{self, Channel};
use crate::descriptors::{self, Counted};
use crate::shared::Shared;

/// How many connections the kernel may hold ready: 10,000 attendees come back within seconds.
const BACKLOG: i32 = 4_096;
/// Connections that are accepted before handshakes have a turn: when thousands come at once, who has something to say
/// is heard before it has to make room.
const ACCEPTED_A_TURN: u32 = 32;
/// Nothing can be accepted, for lack of files for instance: how long to leave it.
const REST: Duration = Duration::from_millis(100);
/// The user is told so no more often.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);

/// What a system says that has no descriptor or memory left.
#[cfg(unix)]
const USED_UP: &[Errno] = &[Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
#[cfg(not(unix))]
const USED_UP: &[Errno] = &[Errno::MFILE, Errno::NOBUFS];

/// What the driver is told by its listener.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// Somebody has dialled and proved a key.
    Accepted(Box<Channel>),
    /// Something for the user.
    Tell(Event),
    /// Descriptors are scarce: is there a stranger's connection to be closed, and are these more than `handshakes`?
    Scarce { handshakes: usize, answer: oneshot::Sender<bool> },
}

/// Makes a listener of the standard library one of the runtime's.
pub(crate) fn adopt(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    SockRef::from(&listener).listen(BACKLOG)?;
    TcpListener::from_std(listener)
}

/// Accepts for ever. Dropping this closes every connection that is not established.
pub(crate) async fn run(listener: TcpListener, shared: Arc<Shared>, door: mpsc::Sender<Arrival>) {
    let mut handshakes = JoinSet::new();
    let mut waiting = Waiting::default();
    let mut warned: Option<Instant> = None;
    let mut accepted: u32 = 0;
    loop {
        let newcomer = tokio::select! {
            Some(ended) = handshakes.join_next_with_id() => {
                waiting.remove(ended.map_or_else(|error| error.id(), |(id, ())| id));
                continue;
            }
            newcomer = listener.accept() => newcomer,
        };
        accepted = accepted.wrapping_add(1);
        let counted = Counted::new();
        let is_scarce = match &newcomer {
            Ok(_) => descriptors::are_scarce(descriptors::RESERVED),
            // That one peer is gone already.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(error) => takes_descriptors(error),
        };
        let has_room = !is_scarce || driver_makes_room(&door, waiting.0.len()).await || waiting.make_room();
        if waiting.is_full() {
            waiting.make_room();
        }
        let scarcity = match newcomer {
            Ok((stream, from)) if has_room => {
                let has_spoken = Arc::new(AtomicBool::new(false));
                let carrier = Carrier::new(stream, counted);
                let handshake = one(carrier, Arc::clone(&shared), door.clone(), Arc::clone(&has_spoken));
                waiting.add(handshakes.spawn(handshake), Source::of(from.ip()), has_spoken);
                None
            }
            Ok(_) => Some(descriptors::scarce()),
            Err(error) => Some(error).filter(|_| !(is_scarce && has_room)),
        };
        let Some(scarcity) = scarcity else {
            // Whoever has been closed is gone only once its task has had a turn.
            if is_scarce || accepted.is_multiple_of(ACCEPTED_A_TURN) {
                yield_now().await;
            }
            continue;
        };
        if warned.is_none_or(|at| at.elapsed() >= WARNING_INTERVAL) {
            warned = Some(Instant::now());
            let notice = Notice::NotAccepting(scarcity.to_string());
            let _ = door.send(Arrival::Tell(Event::Warning(notice))).await;
        }
        sleep(REST).await;
    }
}

/// Whether somebody who goes helps: the network may be down as well.
fn takes_descriptors(error: &io::Error) -> bool {
    Errno::from_io_error(error).is_some_and(|errno| USED_UP.contains(&errno))
}

async fn one(
    carrier: io::Result<Carrier>,
    shared: Arc<Shared>,
    door: mpsc::Sender<Arrival>,
    has_spoken: Arc<AtomicBool>,
) {
    let Ok(carrier) = carrier else { return };
    if let Ok(channel) = connection::accept(carrier, &shared, &has_spoken).await {
        // Fails once the node ends.
        let _ = door.send(Arrival::Accepted(channel)).await;
    }
}

/// Descriptors are scarce: whether a connection that stands, and whose other end has not been let in, has made room. It
/// does so where there are more of these than handshakes.
async fn driver_makes_room(door: &mpsc::Sender<Arrival>, handshakes: usize) -> bool {
    // Not even all that stand are more: it need not be asked.
    if descriptors::connections() <= handshakes.saturating_mul(2) {
        return false;
    }
    let (answer, has_made_room) = oneshot::channel();
    // Either fails once the node ends.
    door.send(Arrival::Scarce { handshakes, answer }).await.is_ok() && has_made_room.await.unwrap_or(false)
}

/// Who goes where there are too many: the oldest of the source that holds most. No source has a fixed share: a school
/// behind one address is one source.
pub(crate) fn first_to_go<T>(oldest_first: &[(T, Source)]) -> Option<&T> {
    let mut held: BTreeMap<Source, usize> = BTreeMap::new();
    for (_, source) in oldest_first {
        let count = held.entry(*source).or_default();
        *count = count.saturating_add(1);
    }
    let most = held.values().max();
    oldest_first.iter().find(|(_, source)| held.get(source) == most).map(|(one, _)| one)
}

/// A handshake that is not over.
struct Place {
    source: Source,
    task: AbortHandle,
    has_spoken: Arc<AtomicBool>,
}

/// Handshakes that are not over, in the order in which they came.
#[derive(Default)]
struct Waiting(VecDeque<Place>);

impl Waiting {
    fn is_full(&self) -> bool {
        self.0.len() >= HANDSHAKES_MAX
    }

    fn add(&mut self, task: AbortHandle, source: Source, has_spoken: Arc<AtomicBool>) {
        self.0.push_back(Place { source, task, has_spoken });
    }

    fn remove(&mut self, id: Id) {
        self.0.retain(|place| place.task.id() != id);
    }

    /// Closes one, if there is any: of those that have said nothing or of those that have, whichever are more. So
    /// neither a crowd that is silent nor one that speaks gets anybody of the other kind closed.
    fn make_room(&mut self) -> bool {
        let (mut silent, mut others) = (Vec::new(), Vec::new());
        for (at, place) in self.0.iter().enumerate() {
            let kind = if place.has_spoken.load(Ordering::Relaxed) { &mut others } else { &mut silent };
            kind.push((at, place.source));
        }
        let more = if silent.len() >= others.len() { &silent } else { &others };
        let gone = first_to_go(more).and_then(|at| self.0.remove(*at));
        gone.iter().for_each(|place| place.task.abort());
        gone.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fills all places: of each three, its source and whether they have spoken, in that order.
    async fn gone(kinds: &[(usize, &str, bool)]) -> (usize, bool) {
        let mut tasks = JoinSet::new();
        let mut waiting = Waiting::default();
        let mut kept = Vec::new();
        for (at, (count, address, has_spoken)) in kinds.iter().enumerate() {
            for number in 0..*count {
                let task = tasks.spawn(core::future::pending::<()>());
                kept.push((task.id(), at, number == 0));
                waiting.add(task, Source::of(address.parse().unwrap()), Arc::new(AtomicBool::new(*has_spoken)));
            }
        }
        assert!(waiting.is_full() && waiting.make_room() && !waiting.is_full());
        let gone = tasks.join_next_with_id().await.unwrap().expect_err("aborted").id();
        kept.into_iter().find(|(id, ..)| *id == gone).map(|(_, at, is_oldest)| (at, is_oldest)).unwrap()
    }

    #[tokio::test]
    async fn handshake_8_when_all_places_are_taken_the_oldest_of_the_source_that_holds_most_goes() {
        assert_eq!(gone(&[(100, "10.0.0.1", false), (HANDSHAKES_MAX - 100, "10.0.0.2", false)]).await, (1, true));
        assert_eq!(gone(&[(HANDSHAKES_MAX, "10.0.0.1", true)]).await, (0, true));
    }

    #[tokio::test]
    async fn handshake_8_neither_who_is_silent_nor_who_speaks_gets_the_other_closed() {
        let few = HANDSHAKES_MAX / 2 - 1;
        let more = HANDSHAKES_MAX - few;
        assert_eq!(gone(&[(few, "10.0.0.1", true), (more, "10.0.0.1", false)]).await, (1, true));
        assert_eq!(gone(&[(few, "10.0.0.1", false), (more, "10.0.0.1", true)]).await, (1, true));
    }
}
