//! An attendee's process is killed while the host speaks, and started again: what it missed comes once, in order.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]
#![allow(clippy::arithmetic_side_effects, reason = "small numbers")]

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use support::{Bot, Scratch};
use tertulia_testkit::real::entries::{count_stored, received_by_link};

/// Lines said in each run of the attendee, and after how many it is killed.
const LINES: usize = 100;
const KILLED_AFTER: [usize; 4] = [1, 40, 99, 100];

fn line(number: usize) -> String {
    format!("line {number} {}", "x".repeat(number * 37 % 500))
}

fn text(event: &Value) -> Option<&str> {
    if event["event"] == "message" { event["text"].as_str() } else { None }
}

fn texts(bot: &mut Bot, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    while texts.len() < count {
        texts.extend(text(&bot.next()).map(str::to_string));
    }
    texts
}

/// The one log of a home.
fn log(home: &Path) -> PathBuf {
    let meetings = std::fs::read_dir(home.join("meetings")).expect("a meeting is kept");
    let meetings: Vec<PathBuf> = meetings.map(|entry| entry.expect("it can be read").path()).collect();
    assert_eq!(meetings.len(), 1);
    meetings[0].join("log")
}

#[test]
fn an_attendee_that_was_killed_is_sent_what_it_missed_and_no_more() {
    let mut host = Bot::start("host", &["host", "On cats", "--lecture", "--listen", "127.0.0.1:0"]);
    let address = host.wait("ready")["listen"].as_str().expect("a host listens").to_string();
    let home = Arc::new(Scratch::new("killed"));
    let mut said = 0;
    for (round, killed_after) in KILLED_AFTER.into_iter().enumerate() {
        let trace = home.path().join(format!("trace-{round}"));
        let trace_path = trace.to_str().expect("a path in UTF-8");
        let mut attendee = Bot::start_in(&home, "bea", &["join", &address]);
        attendee.wait("ready");
        (said..said + LINES).for_each(|number| host.send(&json!({"command": "say", "text": line(number)})));
        said += LINES;
        texts(&mut attendee, killed_after);
        // This is kill -9: with the process goes all that it has not written.
        drop(attendee);
        (said..said + LINES).for_each(|number| host.send(&json!({"command": "say", "text": line(number)})));
        said += LINES;

        // The host's name is an entry too, the first.
        let stored = count_stored(&log(home.path()));
        assert!(stored > said - 2 * LINES + killed_after, "what was printed was not stored before");
        let mut attendee = Bot::start_in(&home, "bea", &["--trace", trace_path, "join", &address]);
        let shown = texts(&mut attendee, 1 + said - stored);
        assert_eq!(shown, (stored - 1..said).map(line).collect::<Vec<_>>(), "round {round}");
        attendee.send(&json!({"command": "quit"}));
        assert!(attendee.rest().iter().all(|event| text(event).is_none()), "something came twice");
        assert!(attendee.end().success());
        let links = received_by_link(&trace);
        assert_eq!(links.iter().map(Vec::len).collect::<Vec<_>>(), [1 + said - stored], "round {round}");
        assert_eq!(count_stored(&log(home.path())), 1 + said);
    }
    host.send(&json!({"command": "end"}));
    assert!(host.end().success());
}
