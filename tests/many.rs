//! A host and fifty attendees, each a process of its own: everybody prints the same.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]

mod support;

use serde_json::{Value, json};
use support::Bot;

const ATTENDEES: usize = 50;
const LINES: usize = 100;

/// Texts of one kind, in the order in which they were printed.
fn texts<'a>(events: &'a [Value], kind: &str) -> Vec<&'a str> {
    let messages = events.iter().filter(|event| event["event"] == "message" && event["kind"] == kind);
    messages.map(|event| event["text"].as_str().expect("a message has a text")).collect()
}

/// Adds to `seen` until it has `count` texts of one kind.
fn wait_for(bot: &mut Bot, seen: &mut Vec<Value>, kind: &str, count: usize) {
    while texts(seen, kind).len() < count {
        seen.push(bot.next());
    }
}

#[test]
fn fifty_attendees_and_the_host_print_the_same_hundred_lines_and_fifty_questions() {
    let mut host = Bot::start("host", &["host", "For many", "--lecture", "--listen", "127.0.0.1:0"]);
    let ready = host.wait("ready");
    let field = |name: &str| ready[name].as_str().expect("a host listens").to_string();
    let targets = [field("listen"), field("ticket")];
    let mut attendees: Vec<Bot> = (0..ATTENDEES)
        .map(|number| Bot::start(&format!("attendee-{number}"), &["join", &targets[number % targets.len()]]))
        .collect();
    for attendee in &mut attendees {
        attendee.wait("ready");
    }

    let lines: Vec<String> = (0..LINES).map(|number| format!("line {number}")).collect();
    for line in &lines {
        host.send(&json!({"command": "say", "text": line}));
    }
    let mut seen: Vec<Vec<Value>> = vec![Vec::new(); ATTENDEES];
    for (attendee, seen) in attendees.iter_mut().zip(&mut seen) {
        wait_for(attendee, seen, "text", LINES);
    }
    for (number, attendee) in attendees.iter_mut().enumerate() {
        attendee.send(&json!({"command": "say", "text": format!("question of {number}?")}));
    }
    for (attendee, seen) in attendees.iter_mut().zip(&mut seen) {
        wait_for(attendee, seen, "question", ATTENDEES);
    }
    host.send(&json!({"command": "end"}));
    let of_host = host.rest();
    for (attendee, seen) in attendees.iter_mut().zip(&mut seen) {
        seen.extend(attendee.rest());
    }

    // Whoever prints a thing twice, or after it was over, has printed it here.
    let questions = texts(&of_host, "question");
    let mut asked: Vec<String> = (0..ATTENDEES).map(|number| format!("question of {number}?")).collect();
    assert_eq!(texts(&of_host, "text"), lines);
    for seen in &seen {
        assert_eq!(texts(seen, "text"), lines);
        assert_eq!(texts(seen, "question"), questions, "everybody has the host's order");
    }
    let mut questions = questions;
    questions.sort_unstable();
    asked.sort_unstable();
    assert_eq!(questions, asked);
    for attendee in attendees {
        assert!(attendee.end().success());
    }
    assert!(host.end().success());
}
