//! Core's real machines on the real driver.

use std::net::{SocketAddr, TcpListener};

use tertulia_core::charter::{Admission, Questions, SignedCharter, Terms};
use tertulia_core::command::Command;
use tertulia_core::event::Event;
use tertulia_core::id::{Key, MeetingId, Token};
use tertulia_core::limits::TALK_ENTRIES_MAX;
use tertulia_core::log::{Mark, Record};
use tertulia_core::machine::Kept;
use tertulia_core::star::{Attendee, Host, HostConfig, NewcomerConfig, Restored, Tickets};
use tertulia_core::wire::field::Title;
use tertulia_core::wire::meeting::Lane;
use tertulia_core::wire::session::Purpose;
use tertulia_net::{Home, Node, Setup, seed, start, unix_ms};

use crate::support::{command, identity, plain};

fn found() -> SignedCharter {
    let terms = Terms {
        kind: Purpose::STAR,
        founder: identity(1).key(),
        nonce: Token([3; 16]),
        admission: Admission::Open,
        ticket: Key::ZERO,
        questions: Questions::Open,
        history: u32::MAX,
        guests: 10,
        title: Title::new("Loopback").unwrap(),
    };
    SignedCharter::found(terms, &identity(1)).unwrap()
}

fn host(home: &Home, listener: TcpListener) -> Node {
    let started_ms = unix_ms();
    let charter = found();
    let log = home.meeting(charter.meeting).unwrap().load().unwrap().log;
    let machine = Host::new(HostConfig {
        identity: identity(1),
        charter,
        name: "ada".into(),
        started_ms,
        seed: seed().unwrap(),
        filter: Vec::new(),
        tickets: Tickets::default(),
        addresses: vec![listener.local_addr().unwrap().to_string()],
        log,
    });
    start(machine, Setup { started_ms, listener: Some(listener), home: Some(home.clone()), ..plain(1) }).unwrap()
}

fn attendee(number: u8, address: SocketAddr, home: Option<Home>, restored: Option<Restored>) -> Node {
    let started_ms = unix_ms();
    let machine = Attendee::new(NewcomerConfig {
        identity: identity(number),
        name: format!("guest{number}"),
        name_is_chosen: true,
        started_ms,
        seed: seed().unwrap(),
        meeting: MeetingId::ZERO,
        host: Some(identity(1).key()),
        ticket: None,
        addresses: vec![address.to_string()],
        restored,
        others: Vec::new(),
        note: String::new(),
        talk_max: TALK_ENTRIES_MAX,
    });
    start(machine, Setup { started_ms, home, ..plain(number) }).unwrap()
}

fn say(node: &Node, text: &str) {
    command(node, Command::Say { text: text.into() });
}

/// The next text that is shown, and what else is told until then is passed over.
async fn shown(node: &mut Node) -> String {
    loop {
        match node.events.recv().await.expect("the node goes on") {
            Event::Message { text, .. } => return text,
            Event::Closed { code, ending } => panic!("{code}: {ending:?}"),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_restarts_goes_on_and_nobody_misses_or_sees_twice() {
    let (folder, guest_folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (home, guest_home) = (Home::open(folder.path()).unwrap(), Home::open(guest_folder.path()).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut first = host(&home, listener);
    let mut bea = attendee(2, address, Some(guest_home.clone()), None);
    for number in 0..300 {
        say(&first, &format!("before {number}"));
    }
    for number in 0..300 {
        assert_eq!(shown(&mut bea).await, format!("before {number}"));
    }
    say(&bea, "is that all?");
    assert_eq!(shown(&mut bea).await, "is that all?");
    // Bea is gone when the host says the last words of its first run.
    command(&bea, Command::Stop);
    bea.finished().await.unwrap();
    say(&first, "while you were away");
    command(&first, Command::Stop);
    first.finished().await.unwrap();

    let second = host(&home, TcpListener::bind(address).unwrap());
    say(&second, "after");
    let files = guest_home.meeting(found().meeting).unwrap();
    let charter = files.kept(Kept::Charter).unwrap().unwrap();
    let charter = SignedCharter::check(&charter, found().meeting, &identity(2)).unwrap();
    // What she has seen, her program has noted.
    for entry in files.load().unwrap().log.entries().filter(|entry| entry.lane() == Lane::Talk) {
        let (author, session, next) = (entry.id.author, entry.id.session, entry.number + 1);
        files.append(&Record::Shown(Mark { author, session, next })).unwrap();
    }
    let log = files.load().unwrap().log;
    let pass = files.kept(Kept::Pass).unwrap();
    assert!(pass.is_some());
    let mut bea = attendee(2, address, Some(guest_home), Some(Restored { charter, pass, log }));
    assert_eq!(shown(&mut bea).await, "while you were away");
    assert_eq!(shown(&mut bea).await, "after");
    // A newcomer has all of it, in the same order.
    let mut cem = attendee(3, address, None, None);
    for number in 0..300 {
        assert_eq!(shown(&mut cem).await, format!("before {number}"));
    }
    for text in ["is that all?", "while you were away", "after"] {
        assert_eq!(shown(&mut cem).await, text);
    }
}
