//! The lobby as people use it, with processes: who knocks waits, is let in, or is told why not.
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]

mod support;

use serde_json::{Value, json};
use support::Bot;

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
