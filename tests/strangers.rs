//! Crowds of strangers at the door of the program itself: whoever has something to say there is let in all the same.
//!
//! `TERTULIA_STRANGERS=10000` has so many come at once; then it says how long each join has taken.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking, in its helpers too"
)]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]

mod support;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tertulia_core::wire::session::Purpose;
use tertulia_testkit::real::local::{Local, attend, identity, text};
use tertulia_testkit::real::peer::{Peer, Proof, hello_to};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use support::Bot;

/// So many files the program may have open.
const FILES: u32 = 256;
/// Strangers that come at once, and in each second after that.
const AT_ONCE: usize = 1_000;
const A_SECOND: usize = 900;
/// Joins while they come.
const JOINS: usize = 3;
/// A second is what is aimed at; a machine that runs other tests too takes longer.
const JOIN_MAX: Duration = Duration::from_secs(4);
/// Where strangers come from: from elsewhere, and from where the others come from.
const SOURCES: [Ipv4Addr; 2] = [Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::LOCALHOST];

async fn connect(source: Ipv4Addr, target: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((source, 0).into())?;
    socket.connect(target).await
}

async fn say_nothing(source: Ipv4Addr, target: SocketAddr) {
    let _stream = connect(source, target).await;
    std::future::pending::<()>().await;
}

/// Strangers who connect and say nothing, for as long as this lives: some at once, then more and more.
fn silent(source: Ipv4Addr, target: SocketAddr, at_once: usize, a_second: usize) -> JoinSet<()> {
    let mut strangers = JoinSet::new();
    (0..at_once).for_each(|_| drop(strangers.spawn(say_nothing(source, target))));
    strangers.spawn(async move {
        let (mut more, mut clock) = (JoinSet::new(), interval(Duration::from_millis(10)));
        loop {
            clock.tick().await;
            (0..a_second / 100).for_each(|_| drop(more.spawn(say_nothing(source, target))));
        }
    });
    strangers
}

fn address(ready: &Value) -> SocketAddr {
    ready["listen"].as_str().expect("it listens").parse().unwrap()
}

/// Says something as host, which everybody here hears.
async fn says(host: &mut Bot, guests: &mut [Local], words: &str) {
    host.send(&json!({"command": "say", "text": words}));
    for guest in guests {
        guest.until(|event| text(event).filter(|text| *text == words)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn handshake_8_who_joins_is_in_soon_however_many_strangers_say_nothing() {
    tertulia_net::raise_open_files();
    let wanted = std::env::var("TERTULIA_STRANGERS").ok().and_then(|count| count.parse().ok());
    let mut host = Bot::start_with_files(FILES, "ada", &["host", "Crowded", "--lecture", "--listen", "127.0.0.1:0"]);
    let address = address(&host.wait("ready"));
    let mut guests = vec![attend("first", &[address], None, None).await];
    for source in SOURCES {
        let _strangers = silent(source, address, wanted.unwrap_or(AT_ONCE), A_SECOND);
        for number in 0..JOINS {
            let (name, before) = (format!("{source}-{number}"), Instant::now());
            let guest = timeout(JOIN_MAX, attend(&name, &[address], None, None)).await;
            guests.push(guest.unwrap_or_else(|_| panic!("{name} waits for {JOIN_MAX:?}")));
            if wanted.is_some() {
                eprintln!("{source} is crowded: a join takes {:?}", before.elapsed());
            }
        }
        says(&mut host, &mut guests, &format!("hello, though {source} is crowded")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn handshake_8_strangers_take_no_file_that_friends_keep_something_in() {
    let mut friends = Bot::start_with_files(FILES, "ada", &["friends", "--listen", "127.0.0.1:0"]);
    let address = address(&friends.wait("ready"));
    let mut strangers = Vec::new();
    for _ in 0..600 {
        strangers.push(connect(SOURCES[1], address).await.unwrap());
    }
    for number in 0..50 {
        let name = format!("friend-{number}");
        friends.send(&json!({"command": "add", "name": name, "address": "127.0.0.1:1", "id": number}));
        assert_eq!(friends.wait("done")["id"], number);
    }
    let mut bea = Bot::start("bea", &["friends", "--listen", "127.0.0.1:0"]);
    bea.wait("ready");
    bea.send(&json!({"command": "add", "name": "ada", "address": address.to_string()}));
    bea.send(&json!({"command": "msg", "to": "ada", "text": "are you there?"}));
    assert_eq!(friends.wait("message")["text"], "are you there?");
    drop(strangers);
    friends.send(&json!({"command": "quit"}));
    assert!(friends.end().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn handshake_8_strangers_without_a_ticket_keep_nobody_out() {
    tertulia_net::raise_open_files();
    let words = ["host", "By ticket", "--lecture", "--ticket", "--listen", "127.0.0.1:0"];
    let mut host = Bot::start_with_files(FILES, "ada", &words);
    let ready = host.wait("ready");
    let (address, ticket) = (address(&ready), ready["ticket"].as_str().expect("a ticket").parse().unwrap());
    let mut guests = vec![attend("first", &[address], Some(&ticket), None).await];
    // Some show who they are and wait, some are refused and hold on to the connection.
    let mut strangers = JoinSet::new();
    for number in 0..2 * FILES {
        let stranger = async move {
            let stream = connect(SOURCES[1], address).await.ok()?;
            let mut peer = Peer::dial_over(stream, &identity()).await.ok()?;
            if number % 2 == 0 {
                peer.send(&[hello_to(Purpose::STAR, b"eve")]).await;
            } else {
                let _ = peer.join("eve", &Proof::default()).await;
            }
            Some(peer)
        };
        strangers.spawn(async move {
            let _peer = stranger.await;
            std::future::pending::<()>().await;
        });
    }
    for number in 0..JOINS {
        let guest = timeout(JOIN_MAX, attend(&format!("guest-{number}"), &[address], Some(&ticket), None)).await;
        guests.push(guest.unwrap_or_else(|_| panic!("guest {number} waits for {JOIN_MAX:?}")));
    }
    says(&mut host, &mut guests, "hello, all of you").await;
    host.send(&json!({"command": "end"}));
    assert_eq!(host.wait("closed")["code"], "ended");
}

/// A way to `target` on which whoever comes first is hung up on, and whoever comes next.
fn busy(target: SocketAddr) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for _ in 0..2 {
            drop(listener.accept());
        }
        for near in listener.incoming() {
            let (near, far) = (near.unwrap(), std::net::TcpStream::connect(target).unwrap());
            let (mut from, mut to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            std::thread::spawn(move || io::copy(&mut from, &mut to));
            let (mut from, mut to) = (far, near);
            std::thread::spawn(move || io::copy(&mut from, &mut to));
        }
    });
    address
}

#[test]
fn who_is_hung_up_on_before_a_word_has_come_back_takes_nobody_for_no_tertulia_and_tries_again() {
    for flags in [&["--lecture"][..], &[]] {
        let mut host = Bot::start("ada", &[&["host", "Busy", "--listen", "127.0.0.1:0"], flags].concat());
        let mut guest = Bot::start("bea", &["join", &busy(address(&host.wait("ready")))]);
        let warning = guest.wait("warning");
        assert_eq!(warning["code"], "cut", "{warning}");
        assert!(warning["message"].as_str().expect("a message").contains("hangs up"), "{warning}");
        guest.wait("linked");
    }
}
