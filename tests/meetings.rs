//! What a home has been in: shown with the way back, also while it is in use; removed when asked for, and nothing else is.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]

mod support;

use std::process::Output;
use std::sync::Arc;

use serde_json::{Value, json};
use support::{Bot, Scratch, tertulia};

fn meetings(home: &Scratch, arguments: &[&str]) -> Output {
    tertulia(home).arg("meetings").args(arguments).output().expect("it runs")
}

fn listed(home: &Scratch) -> Vec<Value> {
    let shown = meetings(home, &["--json"]);
    assert!(shown.status.success(), "{shown:?}");
    let lines = String::from_utf8(shown.stdout).expect("UTF-8");
    lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn what_was_stopped_leads_back_what_has_ended_does_not_and_what_is_forgotten_is_gone() {
    let (home, others) = (Arc::new(Scratch::new("anna")), Arc::new(Scratch::new("bea")));
    assert!(text(&meetings(&home, &[]).stdout).contains("no meeting yet"));
    let host = |title: &str, rest: &[&str]| {
        let arguments = [&["host", title, "--listen", "127.0.0.1:0", "--no-registry"], rest].concat();
        let mut bot = Bot::start_in(&home, "anna", &arguments);
        (bot.wait("ready"), bot)
    };
    let (ended, mut bot) = host("Rust 101", &["--lecture"]);
    bot.send(&json!({"command": "end"}));
    bot.wait("closed");
    bot.end();
    let (room, mut bot) = host("Friday tertulia", &[]);
    let mut guest =
        Bot::start_in(&others, "bea", &["join", room["listen"].as_str().expect("an address"), "--no-registry"]);
    guest.wait("ready");
    // Also while others use the home.
    for home in [&home, &others] {
        let is_on =
            listed(home).iter().any(|meeting| meeting["meeting"] == room["meeting"] && meeting["ended"] == false);
        assert!(is_on, "{:?}", listed(home));
    }
    let refused = meetings(&home, &["--forget", "Friday tertulia"]);
    assert!(!refused.status.success() && text(&refused.stderr).contains("in use by another tertulia"), "{refused:?}");
    guest.send(&json!({"command": "quit"}));
    guest.wait("closed");
    bot.send(&json!({"command": "stop"}));
    bot.wait("closed");
    guest.end();
    bot.end();

    let shown = listed(&home);
    let of = |meeting: &Value| shown.iter().find(|shown| shown["meeting"] == *meeting).expect("it is listed");
    assert_eq!(shown.len(), 2);
    assert_eq!((&of(&ended["meeting"])["ended"], &of(&ended["meeting"])["back"]), (&json!(true), &Value::Null));
    assert_eq!(of(&room["meeting"])["back"], "host 'Friday tertulia'");
    assert_eq!((&of(&room["meeting"])["kind"], &of(&room["meeting"])["own"]), (&json!("mesh"), &json!(true)));
    let theirs = &listed(&others)[0];
    assert_eq!(theirs["own"], false);
    assert_eq!(theirs["back"], format!("join {}", room["listen"].as_str().expect("an address")));

    let digits = ended["meeting"].as_str().expect("an id").get(..6).expect("digits");
    let forgotten = meetings(&home, &["--forget", digits]);
    assert!(forgotten.status.success() && text(&forgotten.stdout).contains("Rust 101: "), "{forgotten:?}");
    let left: Vec<Value> = listed(&home).iter().map(|meeting| meeting["title"].clone()).collect();
    assert_eq!(left, ["Friday tertulia"]);
    let nothing = meetings(&home, &["--forget", digits]);
    assert!(!nothing.status.success() && text(&nothing.stderr).contains("nothing is kept"), "{nothing:?}");
    // What was kept is what goes on.
    let (again, mut bot) = host("Friday tertulia", &[]);
    assert_eq!(again["meeting"], room["meeting"]);
    bot.send(&json!({"command": "stop"}));
    bot.wait("closed");
    bot.end();
}

#[test]
fn what_is_damaged_is_shown_with_the_rest_and_can_be_forgotten() {
    let home = Arc::new(Scratch::new("carl"));
    let mut bot = Bot::start_in(&home, "carl", &["host", "Rust", "--listen", "127.0.0.1:0", "--no-registry"]);
    let ready = bot.wait("ready");
    bot.send(&json!({"command": "stop"}));
    bot.wait("closed");
    bot.end();
    let id = ready["meeting"].as_str().expect("an id");
    let charter = home.path().join("meetings").join(id).join("charter");
    std::fs::write(&charter, b"none").expect("it can be written");
    let shown = listed(&home);
    let meeting = shown.iter().find(|shown| shown["event"] == "meeting").expect("it is listed");
    assert_eq!((&meeting["title"], &meeting["back"]), (&Value::Null, &Value::Null));
    assert!(shown.iter().any(|shown| shown["event"] == "warning"), "{shown:?}");
    assert!(meetings(&home, &["--forget", id]).status.success());
    assert!(listed(&home).is_empty());
}
