//! An attendee's process is killed while the host speaks, and started again: what it missed comes once over the wire, and
//! all is shown in its order.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]
#![allow(clippy::arithmetic_side_effects, reason = "small numbers")]

mod support;

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use support::{Bot, Scratch, held_open, kept, sealed};
use tertulia_testkit::real::entries::{count_stored, received_by_link};

/// Lines said in each run of the attendee, and after how many it is killed.
const LINES: usize = 100;
const KILLED_AFTER: [usize; 4] = [1, 40, 99, 100];
/// Entries beside the lines: the host's name, and what nobody knows (SPEC EXT-5).
const UNSHOWN: usize = 2;

/// Lines that are written at once, at most.
const BATCH_LINES: usize = 40;

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

#[test]
fn an_attendee_that_was_killed_is_sent_what_it_missed_and_no_more() {
    let mut host = Bot::start("host", &["host", "On cats", "--lecture", "--listen", "127.0.0.1:0"]);
    let address = host.wait("ready")["listen"].as_str().expect("a host listens").to_string();
    let home = Arc::new(Scratch::new("killed"));
    let mut said = 0;
    for (round, killed_after) in KILLED_AFTER.into_iter().enumerate() {
        let before = said;
        let trace = home.path().join(format!("trace-{round}"));
        let trace_path = trace.to_str().expect("a path in UTF-8");
        let mut attendee = Bot::start_in(&home, "bea", &["join", &address]);
        attendee.wait("ready");
        (said..said + LINES).for_each(|number| host.send(&json!({"command": "say", "text": line(number)})));
        said += LINES;
        let mut read = texts(&mut attendee, killed_after).len();
        // With the process goes all that it has not written.
        support::signal(attendee.id(), "KILL");
        read += attendee.rest().iter().filter(|event| text(event).is_some()).count();
        drop(attendee);
        (said..said + LINES).for_each(|number| host.send(&json!({"command": "say", "text": line(number)})));
        said += LINES;

        let stored = count_stored(&kept(&home, "log"));
        assert!(stored > said - 2 * LINES + killed_after, "what was printed was not stored before");
        let mut attendee = Bot::start_in(&home, "bea", &["--trace", trace_path, "join", &address]);
        let mut shown = texts(&mut attendee, 1);
        // What was stored and not shown comes first; of what was shown, at most what was just being written.
        let first = (0..said).find(|number| line(*number) == shown[0]).expect("the host has said it");
        let again = (before + read).checked_sub(first);
        assert!(again.is_some_and(|again| again <= BATCH_LINES), "round {round}: {read} were read, then came {first}");
        shown.extend(texts(&mut attendee, said - first - 1));
        assert_eq!(shown, (first..said).map(line).collect::<Vec<_>>(), "round {round}");
        attendee.send(&json!({"command": "quit"}));
        assert!(attendee.rest().iter().all(|event| text(event).is_none()), "something came twice");
        assert!(attendee.end().success());
        let links = received_by_link(&trace);
        assert_eq!(links.iter().map(Vec::len).collect::<Vec<_>>(), [UNSHOWN + said - stored], "round {round}");
        assert_eq!(count_stored(&kept(&home, "log")), UNSHOWN + said);
    }
    host.send(&json!({"command": "end"}));
    assert!(host.end().success());
}

/// As if the last run of this home had begun while the clock was an hour ahead; when that was.
fn plant_start(home: &Scratch) -> u64 {
    let started_ms = tertulia_net::unix_ms() + 3_600_000;
    for (name, content) in [("version", String::new()), ("started", started_ms.to_string())] {
        std::fs::write(home.path().join(name), sealed(name, &content)).expect("the home can be written");
    }
    started_ms
}

/// Whether a number of 64 bits has gone over the wire.
fn has_sent(trace: &Path, number: u64) -> bool {
    let trace = std::fs::read_to_string(trace).expect("the trace is there");
    let bytes: Vec<&str> = trace.split_whitespace().filter(|word| word.len() == 2).collect();
    let number: Vec<String> = number.to_be_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.windows(8).any(|window| window == number)
}

#[test]
fn hello_7_who_comes_back_is_the_later_run_though_the_clock_was_set_back_an_hour() {
    for flags in [&["--lecture"][..], &[]] {
        let mut host = Bot::start("ada", &[&["host", "On clocks", "--listen", "127.0.0.1:0"], flags].concat());
        let address = host.wait("ready")["listen"].as_str().expect("a host listens").to_string();
        let home = Arc::new(Scratch::new(&format!("clock-{}", flags.len())));
        let planted = plant_start(&home);
        let mut first = Bot::start_in(&home, "bea", &["join", &held_open(&address)]);
        first.wait("linked");
        // The host's end of the link stands.
        drop(first);
        let trace = home.path().join("trace");
        let mut second =
            Bot::start_in(&home, "bea", &["--trace", trace.to_str().expect("a path in UTF-8"), "join", &address]);
        second.wait("linked");
        second.send(&json!({"command": "quit"}));
        assert_eq!(second.wait("closed")["code"], "left", "{flags:?}");
        assert!(second.end().success());
        assert!(has_sent(&trace, planted + 2), "{flags:?}: started_ms is one above that of the first run");
    }
}

#[test]
fn hello_7_and_contact_8_a_friend_that_comes_back_is_the_later_run_though_the_clock_was_set_back() {
    let mut ada = Bot::start("ada", &["friends", "--listen", "127.0.0.1:0"]);
    let address = ada.wait("ready")["listen"].as_str().expect("a friend listens").to_string();
    let home = Arc::new(Scratch::new("clock-friend"));
    let planted = plant_start(&home);
    let mut first = Bot::start_in(&home, "bea", &["friends", "--listen", "127.0.0.1:0"]);
    first.send(&json!({"command": "add", "name": "ada", "address": held_open(&address)}));
    first.send(&json!({"command": "msg", "to": "ada", "text": "one"}));
    while first.wait("delivery")["state"] != "all" {}
    drop(first);
    let trace = home.path().join("trace");
    let words = ["--trace", trace.to_str().expect("a path in UTF-8"), "send", &address, "two"];
    let second = Bot::start_in(&home, "bea", &words);
    assert!(second.end().success());
    assert_eq!([ada.wait("message")["text"].clone(), ada.wait("message")["text"].clone()], ["one", "two"]);
    assert!(has_sent(&trace, planted + 2), "started_ms is one above that of the first run");
}
