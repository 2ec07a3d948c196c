//! Several tickets of one meeting, each with a label and void by itself, with processes.
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]

mod support;

use std::sync::Arc;

use serde_json::{Value, json};
use support::{Bot, Scratch};

/// Who holds a meeting called `Tickets`.
fn host(home: &Arc<Scratch>, kind: &[&str], listen: &str) -> (Bot, Value) {
    let arguments = [&["host", "Tickets", "--ticket", "--listen", listen], kind].concat();
    let mut host = Bot::start_in(home, "ada", &arguments);
    let ready = host.wait("ready");
    (host, ready)
}

/// What others join with, by a ticket of the host's.
fn handed_out(host: &mut Bot, label: &str) -> String {
    host.send(&json!({"command": "ticket", "label": label}));
    let ticket = host.wait("ticket");
    assert_eq!(ticket["label"], label);
    text(&ticket["ticket"])
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_string()
}

/// Somebody who has come by a ticket; and by which, as the host is told.
fn come(host: &mut Bot, home: &Arc<Scratch>, name: &str, target: &str) -> (Bot, Value) {
    let mut guest = guest(home, name, target);
    guest.wait("ready");
    loop {
        let joined = host.wait("joined");
        if joined["name"] == name {
            return (guest, joined["ticket"].clone());
        }
    }
}

fn guest(home: &Arc<Scratch>, name: &str, target: &str) -> Bot {
    Bot::start_in(home, name, &["join", target, "--listen", "127.0.0.1:0"])
}

fn home_of(name: &str) -> Arc<Scratch> {
    Arc::new(Scratch::numbered(name))
}

fn is_heard(guest: &mut Bot, host: &mut Bot, text: &str) {
    guest.send(&json!({"command": "say", "text": text}));
    while host.wait("message")["text"] != text {}
}

#[test]
fn revoke_5_of_three_tickets_one_is_void_whoever_has_come_with_it_stays_and_the_others_let_in() {
    for kind in [&[][..], &["--lecture"]] {
        let [ada, anna, bea] = ["ada", "anna", "bea"].map(home_of);
        let (mut ada_at_work, ready) = host(&ada, kind, "127.0.0.1:0");
        let first = text(&ready["ticket"]);
        let [press, crew] = ["press", "crew"].map(|label| handed_out(&mut ada_at_work, label));
        assert_eq!([first != press, press != crew, handed_out(&mut ada_at_work, "press") == press], [true; 3]);
        let (_anna, by) = come(&mut ada_at_work, &anna, "anna", &first);
        assert_eq!(by, Value::Null, "it has no label");
        let (mut bea_at_work, by) = come(&mut ada_at_work, &bea, "bea", &press);
        assert_eq!(by, "press");
        ada_at_work.send(&json!({"command": "ticket", "label": "press", "void": true}));
        let warning = ada_at_work.wait("warning");
        assert_eq!(warning["code"], "ticket");
        assert!(text(&warning["message"]).contains("the ticket `press` is void now"), "{warning}");
        is_heard(&mut bea_at_work, &mut ada_at_work, "I stay");
        let listed = json!([
            {"label": "", "void": false, "here": 1},
            {"label": "press", "void": true, "here": 1},
            {"label": "crew", "void": false, "here": 0},
        ]);
        ada_at_work.send(&json!({"command": "tickets"}));
        assert_eq!(ada_at_work.wait("tickets")["tickets"], listed);
        ada_at_work.send(&json!({"command": "stop"}));
        ada_at_work.wait("closed");
        assert!(ada_at_work.end().success());

        let (mut ada_at_work, again) = host(&ada, kind, &text(&ready["listen"]));
        assert_eq!(again["ticket"], first, "all of them are kept");
        assert_eq!(handed_out(&mut ada_at_work, "crew"), crew);
        is_heard(&mut bea_at_work, &mut ada_at_work, "I am here still");
        bea_at_work.send(&json!({"command": "quit"}));
        assert!(bea_at_work.end().success());
        let (_bea_at_work, by) = come(&mut ada_at_work, &bea, "bea", &press);
        assert_eq!(by, "press", "and comes back with it");
        assert_eq!(guest(&home_of("carl"), "carl", &press).wait("closed")["code"], "banned");
        let mut late = Vec::new();
        for (name, ticket, by_ticket) in [("dora", &first, Value::Null), ("eric", &crew, json!("crew"))] {
            let (guest, by) = come(&mut ada_at_work, &home_of(name), name, ticket);
            assert_eq!(by, by_ticket, "{name}");
            late.push(guest);
        }
        ada_at_work.send(&json!({"command": "tickets"}));
        let tickets = ada_at_work.wait("tickets");
        let is_void: Vec<_> = tickets["tickets"].as_array().expect("a list").iter().map(|one| &one["void"]).collect();
        assert_eq!(is_void, [false, true, false]);
        ada_at_work.send(&json!({"command": "end"}));
        assert!(ada_at_work.end().success());
    }
}
