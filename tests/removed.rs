//! What is removed is gone everywhere within two seconds, and from every disk; and a newcomer never sees it.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]
#![allow(clippy::arithmetic_side_effects, reason = "small numbers")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Bot, PATIENCE, Scratch};

const SECRET: &str = "my phone number is 0170 4242424";

/// Somebody at the program, and its home.
struct Seat {
    bot: Bot,
    home: Arc<Scratch>,
    name: &'static str,
}

impl Seat {
    fn take(name: &'static str, arguments: &[&str]) -> Self {
        Self::again(Arc::new(Scratch::numbered(name)), name, arguments)
    }

    fn again(home: Arc<Scratch>, name: &'static str, arguments: &[&str]) -> Self {
        Self { bot: Bot::start_in(&home, name, arguments), home, name }
    }

    /// The next message of this kind, and all that came before it.
    fn message(&mut self, kind: &str) -> (Value, Vec<Value>) {
        let mut before = Vec::new();
        loop {
            let next = self.bot.wait("message");
            if next["kind"] == kind {
                return (next, before);
            }
            before.push(next);
        }
    }

    /// Stops for now; its home.
    fn stop(mut self) -> (Arc<Scratch>, &'static str) {
        self.bot.send(&json!({"command": "stop"}));
        let _ = self.bot.rest();
        (self.home, self.name)
    }
}

/// Whether any file of a folder has these bytes.
fn has(folder: &Path, words: &[u8]) -> bool {
    let entries = std::fs::read_dir(folder).expect("a folder").filter_map(Result::ok).map(|entry| entry.path());
    entries.into_iter().any(|path| {
        if path.is_dir() {
            return has(&path, words);
        }
        // One that is written anew goes under our hands.
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes.windows(words.len()).any(|part| part == words)
    })
}

/// Waits until no file of these homes has the secret.
fn is_forgotten(seats: &[&Seat]) {
    let end = Instant::now() + PATIENCE;
    while let Some(seat) = seats.iter().find(|seat| has(seat.home.path(), SECRET.as_bytes())) {
        assert!(Instant::now() < end, "{} still has it on the disk", seat.name);
        std::thread::yield_now();
    }
}

/// Whose words are `secret`, as `retract` names them.
fn retract(secret: &Value) -> Value {
    let (author, session, number) = (&secret["author"], &secret["session"], &secret["number"]);
    json!({"command": "retract", "author": author, "session": session, "number": number})
}

/// Somebody removes the secret that all of `seats` have been shown; then a newcomer joins, and one seat comes back.
fn is_removed(seats: &mut [Seat], by: usize, secret: &Value, ticket: &str) {
    let homes: Vec<&Seat> = seats.iter().collect();
    assert!(homes.iter().all(|seat| has(seat.home.path(), SECRET.as_bytes())), "it is on every disk");
    let asked = Instant::now();
    seats[by].bot.send(&retract(secret));
    let by = seats[by].name;
    for seat in seats.iter_mut() {
        let (removed, _) = seat.message("removed");
        assert_eq!(
            (&removed["by"], &removed["number"], &removed["text"]),
            (&json!(by), &secret["number"], &Value::Null)
        );
    }
    assert!(asked.elapsed() < Duration::from_secs(2), "it took {:?}", asked.elapsed());
    is_forgotten(&seats.iter().collect::<Vec<_>>());
    let mut newcomer = Seat::take("zoe", &["join", ticket]);
    seats[0].bot.send(&json!({"command": "say", "text": "go on"}));
    let (last, before) = newcomer.message("text");
    assert!(before.iter().all(|message| message["kind"] == "removed"), "{before:?}");
    assert_eq!(last["text"], "hello", "what was said beside it");
    assert!(!has(newcomer.home.path(), SECRET.as_bytes()));
}

#[test]
fn what_a_member_takes_back_is_gone_from_a_room() {
    let mut ann = Seat::take("ann", &["host", "Hall", "--listen", "127.0.0.1:0"]);
    let ticket = ann.bot.wait("ready")["ticket"].as_str().expect("a ticket").to_string();
    let mut others = ["bob", "cid"].map(|name| Seat::take(name, &["join", &ticket, "--listen", "127.0.0.1:0"]));
    for other in &mut others {
        other.bot.wait("ready");
    }
    // All are linked: what is said comes to everybody.
    let [bob, cid] = others;
    let mut seats = [ann, bob, cid];
    for text in ["hello", SECRET] {
        seats[1].bot.send(&json!({"command": "say", "text": text}));
        for seat in &mut seats {
            while seat.message("text").0["text"] != text {}
        }
    }
    seats[1].bot.send(&json!({"command": "say", "text": "and now"}));
    let secret = {
        let (next, _) = seats[1].message("text");
        let number = next["number"].as_u64().expect("a number").saturating_sub(1);
        json!({"author": next["author"], "session": next["session"], "number": number})
    };
    seats[0].message("text");
    seats[2].message("text");
    is_removed(&mut seats, 1, &secret, &ticket);
    // Who comes back is shown nothing of it.
    let [_, _, cid] = seats;
    let (home, name) = cid.stop();
    let mut cid = Seat::again(home, name, &["join", &ticket, "--listen", "127.0.0.1:0"]);
    cid.bot.wait("ready");
    assert!(!has(cid.home.path(), SECRET.as_bytes()));
}

#[test]
fn what_a_host_takes_back_is_gone_from_a_lecture_and_stays_so() {
    let arguments = ["host", "Talk", "--lecture", "--history", "100", "--listen", "127.0.0.1:0"];
    let mut ann = Seat::take("ann", &arguments);
    let ticket = ann.bot.wait("ready")["ticket"].as_str().expect("a ticket").to_string();
    let mut bob = Seat::take("bob", &["join", &ticket]);
    bob.bot.wait("ready");
    bob.bot.send(&json!({"command": "say", "text": SECRET}));
    let (secret, _) = ann.message("question");
    bob.message("question");
    ann.bot.send(&json!({"command": "say", "text": "hello"}));
    ann.message("text");
    bob.message("text");
    let mut seats = [ann, bob];
    is_removed(&mut seats, 0, &secret, &ticket);
    let [ann, _bob] = seats;
    let (home, name) = ann.stop();
    let mut ann = Seat::again(home, name, &arguments);
    let ticket = ann.bot.wait("ready")["ticket"].as_str().expect("a ticket").to_string();
    let mut late = Seat::take("late", &["join", &ticket]);
    let (first, before) = late.message("text");
    assert_eq!(first["text"], "hello");
    assert!(before.iter().all(|message| message["kind"] == "removed"), "{before:?}");
    assert!(!has(late.home.path(), SECRET.as_bytes()) && !has(ann.home.path(), SECRET.as_bytes()));
}
