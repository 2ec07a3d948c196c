//! Hosts and attendees of this process on real sockets: what the program runs, without its command line.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use tertulia_core::charter::{Admission, Questions, SignedCharter, Terms};
use tertulia_core::command::Command;
use tertulia_core::event::{Event, Kind};
use tertulia_core::id::{CommandId, Key, MeetingId, Token};
use tertulia_core::identity::{Identity, Secret};
use tertulia_core::limits;
use tertulia_core::log::Log;
use tertulia_core::node;
use tertulia_core::star::{Attendee, Host, HostConfig, NewcomerConfig, Tickets};
use tertulia_core::ticket::Ticket;
use tertulia_core::wire::field::Title;
use tertulia_core::wire::session::Purpose;
use tertulia_net::{Node, Setup, seed, start, unix_ms};
use tokio::time::timeout;

use crate::real::peer::PATIENCE;

/// An identity that nobody has had before.
#[must_use]
pub fn identity() -> Identity {
    tertulia_net::identity(Secret(seed().unwrap()))
}

/// A node of this process.
#[derive(Debug)]
pub struct Local {
    /// The node.
    pub node: Node,
    name: String,
}

impl Local {
    /// A node that somebody has started.
    #[must_use]
    pub fn new(node: Node, name: &str) -> Self {
        Self { node, name: name.into() }
    }

    /// Asks something of the node.
    pub fn command(&self, command: Command) {
        self.node.commands.send((CommandId(0), command)).expect("the node runs");
    }

    /// Says something: a host to all, an attendee a question.
    pub fn say(&self, text: &str) {
        self.command(Command::Say { text: text.into() });
    }

    /// The next event.
    pub async fn next(&mut self) -> Event {
        let next = timeout(PATIENCE, self.node.events.recv()).await;
        next.unwrap_or_else(|_| panic!("{} says nothing", self.name)).expect("the node runs")
    }

    /// The first event for which `pick` has something; what comes before it is passed over.
    pub async fn until<T>(&mut self, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
        loop {
            if let Some(found) = pick(&self.next().await) {
                return found;
            }
        }
    }

    /// The next `count` texts and questions.
    pub async fn texts(&mut self, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        while texts.len() < count {
            texts.push(self.until(text).await);
        }
        texts
    }

    /// Leaves, and waits until all is said and done.
    pub async fn quit(mut self) {
        self.command(Command::Quit);
        while timeout(PATIENCE, self.node.events.recv()).await.expect("the node goes").is_some() {}
        self.node.finished().await.unwrap();
    }
}

/// The text, if `event` is somebody's text or question.
#[must_use]
pub fn text(event: &Event) -> Option<String> {
    match event {
        Event::Message { kind: Kind::Text(_) | Kind::Question(..), text, .. } => Some(text.clone()),
        _ => None,
    }
}

/// A lecture that is held in this process.
#[derive(Debug)]
pub struct Lecture {
    /// The host's node.
    pub host: Local,
    /// Where it listens.
    pub address: SocketAddr,
    /// What the meeting is.
    pub charter: SignedCharter,
    /// What others join with.
    pub ticket: Ticket,
    /// Who holds it.
    pub founder: Identity,
}

impl Lecture {
    /// Holds a lecture called `title`, by somebody called `name`.
    pub async fn hold(title: &str, name: &str, admission: Admission) -> Self {
        let founder = identity();
        let seeds = [(); 2].map(|()| seed().unwrap());
        let secret = admission.has_tickets().then_some(Secret(seeds[0]));
        let charter = found(title, &founder, admission, secret);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let started_ms = unix_ms();
        let host = Host::new(HostConfig {
            identity: founder.clone(),
            charter: charter.clone(),
            name: name.into(),
            started_ms,
            seed: seeds[1],
            filter: Vec::new(),
            tickets: Tickets::first(secret, &founder),
            addresses: vec![address.to_string()],
            log: Log::new(charter.meeting, limits::TALK_ENTRIES_MAX),
        });
        let identity = founder.clone();
        let setup = Setup { identity, started_ms, listener: Some(listener), home: None, trace: None };
        let mut host = Local { node: start(node::Node::new(host), setup).unwrap(), name: name.into() };
        let ticket = host.until(|event| match event {
            Event::Ready { ticket, .. } => Some(ticket.parse().unwrap()),
            _ => None,
        });
        let ticket = ticket.await;
        Self { host, address, charter, ticket, founder }
    }

    /// Has somebody new attend, shows that they hear the host and are heard, and has them leave.
    pub async fn works_for(&mut self, name: &str) {
        let mut guest = attend(name, &[self.address], Some(&self.ticket), None).await;
        let (said, asked) = (format!("hello {name}"), format!("is it {name}?"));
        self.host.say(&said);
        guest.until(|event| text(event).filter(|text| *text == said)).await;
        guest.say(&asked);
        self.host.until(|event| text(event).filter(|text| *text == asked)).await;
        guest.quit().await;
    }
}

/// Founds a meeting.
#[must_use]
pub fn found(title: &str, founder: &Identity, admission: Admission, ticket: Option<Secret>) -> SignedCharter {
    let terms = Terms {
        kind: Purpose::STAR,
        founder: founder.key(),
        nonce: Token(*seed().unwrap().first_chunk().unwrap()),
        admission,
        ticket: ticket.map_or(Key::ZERO, |ticket| Identity::new(ticket, founder.scheme().clone()).key()),
        questions: Questions::Open,
        history: u32::MAX,
        guests: 10_000,
        title: Title::new(title).unwrap(),
    };
    SignedCharter::found(terms, founder).unwrap()
}

/// Has somebody new attend whatever is held at one of `addresses`; does not wait.
#[must_use]
pub fn dial(name: &str, addresses: &[SocketAddr], ticket: Option<&Ticket>, trace: Option<PathBuf>) -> Local {
    let newcomer = newcomer(name, identity(), addresses, ticket);
    let (identity, started_ms) = (newcomer.identity.clone(), newcomer.started_ms);
    let setup = Setup { identity, started_ms, listener: None, home: None, trace };
    Local { node: start(node::Node::new(Attendee::new(newcomer)), setup).unwrap(), name: name.into() }
}

/// Somebody who comes for the first time, now.
#[must_use]
pub fn newcomer(name: &str, identity: Identity, addresses: &[SocketAddr], ticket: Option<&Ticket>) -> NewcomerConfig {
    NewcomerConfig {
        identity,
        name: name.into(),
        name_is_chosen: true,
        started_ms: unix_ms(),
        seed: seed().unwrap(),
        meeting: ticket.map_or(MeetingId::ZERO, |ticket| ticket.meeting),
        host: ticket.map(|ticket| ticket.host),
        ticket: ticket.cloned(),
        addresses: addresses.iter().map(ToString::to_string).collect(),
        restored: None,
        others: Vec::new(),
        note: String::new(),
        talk_max: limits::TALK_ENTRIES_MAX,
    }
}

/// Lets this process have so many files open, if the system does.
///
/// # Panics
/// If it does not.
pub fn allow_files(count: u64) {
    let allowed = rlimit::increase_nofile_limit(count).unwrap();
    assert!(allowed >= count, "the system allows {allowed} files, and {count} are wanted: ulimit -n {count}");
}

/// Has somebody new attend a meeting that a registry has shown, and waits until they are in.
pub async fn attend_at(name: &str, addresses: &[SocketAddr], meeting: MeetingId, host: Key) -> Local {
    let ticket = addresses.iter().map(ToString::to_string).collect();
    let ticket = Ticket { meeting, host, seed: None, endorsement: None, addresses: ticket };
    attend(name, addresses, Some(&ticket), None).await
}

/// The same, and waits until they are in.
pub async fn attend(name: &str, addresses: &[SocketAddr], ticket: Option<&Ticket>, trace: Option<PathBuf>) -> Local {
    let mut attendee = dial(name, addresses, ticket, trace);
    attendee.until(|event| matches!(event, Event::Ready { .. }).then_some(())).await;
    attendee
}
