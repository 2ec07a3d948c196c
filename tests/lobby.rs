//! The lobby as people use it, with processes: who knocks waits, is let in, or is told why not.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]

mod support;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::Bot;
use tertulia_core::rule::Rule;
use tertulia_core::wire::Frame;
use tertulia_core::wire::meeting::Meeting;
use tertulia_testkit::real::local::identity;
use tertulia_testkit::real::peer::{Peer, Proof, hello};
use tokio::net::TcpSocket;

/// Who knocks is shown to the host by then, however many wait.
const SHOWN: Duration = Duration::from_secs(1);

fn knock(host: &mut Bot) -> (Value, Value) {
    let knock = host.wait("knock");
    (knock["name"].clone(), knock["note"].clone())
}

fn wait_position(guest: &mut Bot, position: u16) {
    while guest.wait("waiting")["position"] != position {}
}

#[test]
fn whoever_knocks_waits_and_is_admitted_or_told_why_not() {
    let arguments = ["host", "Among us", "--lecture", "--lobby", "--ticket", "--listen", "127.0.0.1:0"];
    let mut host = Bot::start("anna", &arguments);
    let ready = host.wait("ready");
    let ticket = ready["ticket"].as_str().unwrap_or_default().to_owned();
    let mut bea = Bot::start("bea", &["join", &ticket, "--note", "from the other class"]);
    wait_position(&mut bea, 1);
    assert_eq!(knock(&mut host), (json!("bea"), json!("from the other class")));
    let mut carl = Bot::start("carl", &["join", &ticket]);
    wait_position(&mut carl, 2);
    assert_eq!(knock(&mut host), (json!("carl"), json!("")));
    let mut dora = Bot::start("dora", &["join", &ticket]);
    wait_position(&mut dora, 3);
    host.wait("knock");

    host.send(&json!({"command": "deny", "name": "bea", "why": "this is for members", "id": 1}));
    assert_eq!(host.wait("done")["id"], 1);
    let closed = bea.wait("closed");
    assert_eq!((&closed["code"], &closed["reason"]), (&json!("denied"), &json!("this is for members")));
    assert_eq!(bea.end().code(), Some(1));
    wait_position(&mut carl, 1);
    wait_position(&mut dora, 2);

    host.send(&json!({"command": "admit", "name": "all", "id": 2}));
    assert_eq!(host.wait("done")["id"], 2);
    for guest in [&mut carl, &mut dora] {
        assert_eq!(guest.wait("ready")["title"], "Among us");
    }
    host.send(&json!({"command": "admit", "name": "carl", "id": 3}));
    let error = host.wait("error");
    assert_eq!((&error["code"], &error["id"]), (&json!("no_such_name"), &json!(3)));
    carl.send(&json!({"command": "admit", "name": "all", "id": 4}));
    assert_eq!(carl.wait("error")["code"], "host_only");

    // The lecture goes on for those who are in, and whoever gives up waiting leaves.
    let mut emil = Bot::start("emil", &["join", &ticket]);
    wait_position(&mut emil, 1);
    host.wait("knock");
    emil.send(&json!({"command": "quit"}));
    assert_eq!(emil.wait("closed")["code"], "left");
    assert_eq!(host.wait("warning")["code"], "lobby");
    host.send(&json!({"command": "end"}));
    for guest in [&mut carl, &mut dora] {
        assert_eq!(guest.wait("closed")["code"], "ended");
    }
    assert_eq!(host.end().code(), Some(0));
}

/// Somebody from 127.0.0.`source` who asks to be let in.
async fn knocker(host: SocketAddr, source: u8, name: &str) -> Peer {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::new(127, 0, 0, source), 0).into()).unwrap();
    let mut peer = Peer::dial_over(socket.connect(host).await.unwrap(), &identity()).await.unwrap();
    assert!(peer.send(&[hello(name), Proof::default().join(1)]).await);
    peer
}

/// The same, who waits.
async fn waiter(host: SocketAddr, source: u8, name: &str) -> Peer {
    let mut peer = knocker(host, source, name).await;
    peer.until(|frame, _| matches!(frame, Frame::Meeting(Meeting::Waiting(_))).then_some(())).await;
    peer
}

#[tokio::test(flavor = "multi_thread")]
async fn lobby_4_and_lobby_10_a_crowd_of_few_sources_fills_no_lobby() {
    let mut host = Bot::start("anna", &["host", "Among us", "--lecture", "--lobby", "--listen", "127.0.0.1:0"]);
    let ready = host.wait("ready");
    let address: SocketAddr = ready["listen"].as_str().unwrap_or_default().parse().unwrap();
    let mut crowd = Vec::new();
    for number in 0..=255 {
        crowd.push(waiter(address, 2 + number / 64, &format!("eve-{number}")).await);
        host.wait("knock");
    }
    let knocked = Instant::now();
    let mut bea = waiter(address, 9, "bea").await;
    assert_eq!(knock(&mut host).0, "bea");
    assert!(knocked.elapsed() < SHOWN, "the host was shown it after {:?}", knocked.elapsed());
    let mut last = crowd.pop().unwrap();
    last.ends_by(Rule::Lobby4).await;
    knocker(address, 2, "eve-too").await.ends_by(Rule::Lobby10).await;
    host.send(&json!({"command": "admit", "name": "bea", "id": 1}));
    assert_eq!(host.wait("done")["id"], 1);
    bea.until(|frame, _| matches!(frame, Frame::Meeting(Meeting::Welcome(_))).then_some(())).await;
}

#[test]
fn a_room_with_a_lobby_lets_in_by_its_hosts_word_and_by_no_other_members() {
    let mut host = Bot::start("anna", &["host", "Behind a door", "--lobby", "--listen", "127.0.0.1:0"]);
    let address = host.wait("ready")["listen"].as_str().unwrap_or_default().to_owned();
    let mut bea = Bot::start("bea", &["join", &address, "--note", "let me in"]);
    wait_position(&mut bea, 1);
    assert_eq!(knock(&mut host), (json!("bea"), json!("let me in")));
    host.send(&json!({"command": "admit", "name": "bea", "id": 1}));
    assert_eq!(host.wait("done")["id"], 1);
    let ready = bea.wait("ready");
    assert_eq!((&ready["role"], &ready["title"]), (&json!("member"), &json!("Behind a door")));
    let hers = ready["listen"].as_str().unwrap_or_default().to_owned();
    let mut carl = Bot::start("carl", &["join", &hers]);
    assert_eq!(carl.wait("closed")["code"], "not_host");
    assert_eq!(carl.end().code(), Some(1));
    let mut dora = Bot::start("dora", &["join", &address]);
    host.wait("knock");
    host.send(&json!({"command": "deny", "name": "dora", "why": "not today", "id": 2}));
    let closed = dora.wait("closed");
    assert_eq!((&closed["code"], &closed["reason"]), (&json!("denied"), &json!("not today")));
    bea.send(&json!({"command": "say", "text": "nice in here"}));
    while host.wait("message")["text"] != "nice in here" {}
    host.send(&json!({"command": "end"}));
    assert_eq!(bea.wait("closed")["code"], "ended");
}
