//! Five hundred lectures begin at once and are joined at once, over real sockets in one process.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};

use tertulia_core::charter::Admission;
use tertulia_core::command::{Command, Directory};
use tertulia_core::event::{Event, Notice};
use tertulia_core::id::{CommandId, MeetingId};
use tertulia_core::identity::Identity;
use tertulia_core::limits;
use tertulia_core::log::Log;
use tertulia_core::node::Node;
use tertulia_core::registry::{Client, ClientConfig, Reach, Server, ServerConfig};
use tertulia_core::star::{Host, HostConfig, Tickets};
use tertulia_core::wire::registry::Visibility;
use tertulia_net::{Setup, seed, start, unix_ms};
use tertulia_testkit::real::local::{Local, allow_files, attend_at, found, identity, text};
use tokio::task::JoinSet;

const LECTURES: usize = 500;
/// Five sockets a lecture, both ends of each here.
const FILES: u64 = 10_000;

fn client(identity: Identity, registry: SocketAddr, port: u16) -> ClientConfig {
    ClientConfig {
        identity,
        name: "somebody".into(),
        registries: vec![registry.to_string()],
        reach: Reach { port, addresses: vec![], visibility: Visibility::Listed },
        started_ms: unix_ms(),
        seed: seed().unwrap(),
    }
}

fn registry() -> (Local, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, identity, started_ms) = (listener.local_addr().unwrap(), identity(), unix_ms());
    let server = Server::new(ServerConfig { identity: identity.clone(), address, started_ms });
    let setup = Setup { identity, started_ms, listener: Some(listener), home: None, trace: None };
    (Local::new(start(server, setup).unwrap(), "registry"), address)
}

/// Holds a lecture, and waits until the registry has met its host.
async fn hold(number: usize, registry: SocketAddr) -> (Local, MeetingId) {
    let founder = identity();
    let charter = found(&format!("Lecture {number}"), &founder, Admission::Open, None);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, started_ms, meeting) = (listener.local_addr().unwrap(), unix_ms(), charter.meeting);
    let host = Host::new(HostConfig {
        identity: founder.clone(),
        charter,
        name: format!("host-{number}"),
        started_ms,
        seed: seed().unwrap(),
        filter: Vec::new(),
        tickets: Tickets::default(),
        addresses: vec![address.to_string()],
        log: Log::new(meeting, limits::TALK_ENTRIES_MAX),
    });
    let node = Node::new(host).published(client(founder.clone(), registry, address.port()));
    let setup = Setup { identity: founder, started_ms, listener: Some(listener), home: None, trace: None };
    let mut host = Local::new(start(node, setup).unwrap(), &format!("host-{number}"));
    let met = host.until(|event| match event {
        Event::Published { record, addresses, .. } => Some((*record, addresses.clone())),
        // Five hundred at one door: whoever had to make room for others tries again.
        Event::Warning(Notice::RegistryAway { .. }) => None,
        Event::Warning(notice) => panic!("host-{number}: {notice:?}"),
        _ => None,
    });
    assert_eq!(met.await, (meeting, vec![address]));
    (host, meeting)
}

/// Asks the registry, and gives what it has found.
async fn ask(question: Directory, registry: SocketAddr) -> Vec<Event> {
    let (identity, started_ms) = (identity(), unix_ms());
    let client = Client::new(client(identity.clone(), registry, 0));
    let setup = Setup { identity, started_ms, listener: None, home: None, trace: None };
    let mut asker = Local::new(start(client, setup).unwrap(), "asker");
    asker.node.commands.send((CommandId(1), Command::Directory(question))).unwrap();
    let mut found = Vec::new();
    loop {
        match asker.next().await {
            Event::Done { .. } => break,
            event @ Event::Listing { .. } => found.push(event),
            other => panic!("{other:?}"),
        }
    }
    asker.quit().await;
    found
}

/// Finds a lecture by words of its title or by its id, joins it, and hears its host.
async fn join(number: usize, host: Local, meeting: MeetingId, registry: SocketAddr) -> Local {
    let question = if number.is_multiple_of(2) {
        Directory::List { words: format!("lecture {number}") }
    } else {
        Directory::Lookup { meeting }
    };
    let mut found = ask(question, registry).await;
    // Other numbers begin so too.
    let wanted = format!("Lecture {number}");
    found.retain(|event| matches!(event, Event::Listing { title, .. } if *title == wanted));
    let [Event::Listing { meeting: id, title, key, addresses, .. }] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((*id, title.as_str()), (meeting, format!("Lecture {number}").as_str()));
    let mut guest = attend_at(&format!("guest-{number}"), addresses, *id, *key).await;
    let said = format!("hello {number}");
    host.say(&said);
    guest.until(|event| text(event).filter(|text| *text == said)).await;
    guest.quit().await;
    host
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_lectures_created_and_joined_at_once_have_ids_of_their_own_and_nothing_is_lost() {
    allow_files(FILES);
    let (registry, address) = registry();
    let mut creating = JoinSet::new();
    for number in 0..LECTURES {
        creating.spawn(async move { (number, hold(number, address).await) });
    }
    let lectures = creating.join_all().await;
    let ids: BTreeSet<MeetingId> = lectures.iter().map(|(_, (_, meeting))| *meeting).collect();
    assert_eq!(ids.len(), LECTURES, "ids are unique");
    let all = ask(Directory::List { words: String::new() }, address).await;
    let listed: BTreeSet<MeetingId> = all.iter().filter_map(meeting_of).collect();
    assert_eq!((all.len(), &listed), (LECTURES, &ids), "each is listed, once");
    let mut joining = JoinSet::new();
    for (number, (host, meeting)) in lectures {
        joining.spawn(join(number, host, meeting, address));
    }
    let mut leaving = JoinSet::new();
    for host in joining.join_all().await {
        leaving.spawn(host.quit());
    }
    leaving.join_all().await;
    assert!(ask(Directory::List { words: String::new() }, address).await.is_empty(), "leavers are gone at once");
    registry.quit().await;
}

fn meeting_of(event: &Event) -> Option<MeetingId> {
    if let Event::Listing { meeting, .. } = event { Some(*meeting) } else { None }
}
