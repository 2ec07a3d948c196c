//! A lecture over one wire each: a host and three attendees as processes of their own, spoken to in JSON.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]

mod support;

use serde_json::{Value, json};
use support::{Bot, Scratch, tertulia};

/// A host of an open lecture on a port of its own, and where to dial it.
fn host(flags: &[&str]) -> (Bot, String) {
    let mut arguments = vec!["host", "On tides", "--lecture", "--listen", "127.0.0.1:0"];
    arguments.extend(flags);
    let mut host = Bot::start("anna", &arguments);
    let ready = host.wait("ready");
    (host, ready["listen"].as_str().expect("a host listens").to_string())
}

fn guest(name: &str, target: &str) -> Bot {
    let mut guest = Bot::start(name, &["join", target]);
    guest.wait("ready");
    guest
}

/// What is compared of an event: everything but times, and what is drawn anew in each run.
fn essence(event: &Value) -> Value {
    let drawn = ["time_ms", "key", "author", "session", "meeting", "lamport", "token", "asker", "heard_session"];
    let fields = event.as_object().expect("an event is an object").iter();
    fields
        .filter(|(field, _)| !drawn.contains(&field.as_str()))
        .map(|(field, value)| (field.clone(), value.clone()))
        .collect()
}

/// The next message of this kind.
fn message(bot: &mut Bot, kind: &str) -> Value {
    loop {
        let event = bot.wait("message");
        if event["kind"] == kind {
            return event;
        }
    }
}

fn done(bot: &mut Bot, command: &Value) {
    bot.send(command);
    loop {
        let event = bot.next();
        if event["event"] == "done" || event["event"] == "error" {
            assert_eq!(essence(&event), json!({"event": "done", "id": command["id"]}));
            return;
        }
    }
}

fn refused(bot: &mut Bot, command: &Value, code: &str) {
    bot.send(command);
    let error = bot.wait("error");
    assert_eq!((error["code"].as_str(), &error["id"]), (Some(code), &command["id"]), "{error}");
}

#[test]
fn a_lecture_from_ready_to_end() {
    let (mut host, address) = host(&[]);
    let mut guests: Vec<Bot> = Vec::new();
    for name in ["bea", "carl", "dora"] {
        guests.push(guest(name, &address));
        assert_eq!(essence(&host.wait("joined")), json!({"event": "joined", "name": name}));
    }
    let [bea, carl, dora] = guests.as_mut_slice() else { panic!("three guests") };

    // To all, and everybody has it from the same author under the same number.
    done(&mut host, &json!({"command": "say", "text": "welcome\nall", "id": 1}));
    let heard: Vec<Value> = [&mut *bea, carl, dora].into_iter().map(|guest| message(guest, "text")).collect();
    for event in &heard {
        let expected = json!({"event": "message", "number": 1, "from": "anna", "kind": "text", "text": "welcome\nall"});
        assert_eq!(essence(event), expected);
        assert_eq!(event["author"], heard[0]["author"]);
        assert_eq!(event["session"], heard[0]["session"]);
    }

    // A question is published to all, its asker included, once.
    done(bea, &json!({"command": "say", "text": "why twice a day?", "id": "q"}));
    for guest in [&mut *carl, dora, &mut host] {
        let question = message(guest, "question");
        let expected = json!({"event": "message", "number": 2, "from": "bea", "kind": "question", "text": "why twice a day?",
                "heard_number": 1, "unheard": 0});
        assert_eq!(essence(&question), expected);
    }

    // Private, in both directions.
    done(&mut host, &json!({"command": "msg", "to": "carl", "text": "psst", "id": 2}));
    let whisper = json!({"event": "message", "from": "anna", "kind": "whisper", "text": "psst", "to": "carl"});
    assert_eq!(essence(&message(carl, "whisper")), whisper);
    done(carl, &json!({"command": "msg", "to": "anna", "text": "yes?", "id": 3}));
    let whisper = json!({"event": "message", "from": "carl", "kind": "whisper", "text": "yes?", "to": "anna"});
    assert_eq!(essence(&message(&mut host, "whisper")), whisper);
    refused(carl, &json!({"command": "msg", "to": "bea", "text": "hi", "id": 4}), "no_such_name");
    refused(&mut host, &json!({"command": "msg", "to": "nobody", "text": "hi", "id": 5}), "no_such_name");

    // A new name shows to all; a taken one is refused.
    done(bea, &json!({"command": "name", "name": "beatrix", "id": 6}));
    let renamed = json!({"event": "renamed", "old": "bea", "new": "beatrix"});
    assert_eq!(essence(&host.wait("renamed")), renamed);
    assert_eq!(essence(&wait_renamed(carl, "beatrix")), renamed);
    refused(carl, &json!({"command": "name", "name": "Dora", "id": 7}), "name_taken");
    refused(carl, &json!({"command": "kick", "name": "dora", "id": 8}), "host_only");

    // Who is shown out is out, and everybody sees who did it and why.
    done(&mut host, &json!({"command": "kick", "name": "dora", "why": "too loud", "id": 9}));
    let notice = message(carl, "notice");
    assert_eq!((notice["from"].as_str(), notice["text"].as_str()), (Some("anna"), Some("showed dora out: too loud")));
    let closed = dora.wait("closed");
    assert_eq!(closed["code"], "kicked");

    // A locked door lets nobody new in.
    done(&mut host, &json!({"command": "lock", "id": 10}));
    let mut late = Bot::start("emil", &["join", &address]);
    assert_eq!(late.wait("closed")["code"], "locked");
    assert_eq!(late.end().code(), Some(1));

    done(&mut host, &json!({"command": "end", "id": 11}));
    for guest in [&mut *bea, carl, &mut host] {
        assert_eq!(guest.wait("closed")["code"], "ended");
    }
    assert_eq!(host.end().code(), Some(0));
    let codes: Vec<_> = guests.into_iter().map(|guest| guest.end().code()).collect();
    assert_eq!(codes, [Some(0), Some(0), Some(1)]);
}

fn wait_renamed(bot: &mut Bot, new: &str) -> Value {
    loop {
        let event = bot.wait("renamed");
        if event["new"] == new {
            return event;
        }
    }
}

#[test]
fn a_ticket_lets_in_who_has_it_and_nobody_else() {
    let mut host = Bot::start("anna", &["host", "T", "--lecture", "--ticket", "--listen", "127.0.0.1:0"]);
    let ready = host.wait("ready");
    let (address, ticket) =
        (ready["listen"].as_str().unwrap_or_default(), ready["ticket"].as_str().unwrap_or_default());
    let mut stranger = Bot::start("stranger", &["join", address]);
    assert_eq!(stranger.wait("closed")["code"], "ticket_needed");
    assert_eq!(stranger.end().code(), Some(1));
    let mut bea = guest("bea", ticket);
    assert_eq!(host.wait("joined")["name"], "bea");
    bea.send(&json!({"command": "quit"}));
    assert_eq!(bea.wait("closed")["code"], "left");
    assert_eq!(bea.end().code(), Some(0));
}

#[test]
fn filtered_questions_are_warned_of_and_the_third_is_goodbye() {
    let words = Scratch::new("filter");
    let file = words.path().join("words.txt");
    std::fs::write(&file, "damn\nblast\n").expect("the folder is there");
    let (mut host, address) = host(&["--filter", &file.display().to_string()]);
    let mut bea = guest("bea", &address);
    for (number, text) in [(1, "why, DAMN?"), (2, "blast!")] {
        bea.send(&json!({"command": "say", "text": text, "id": number}));
        let error = bea.wait("error");
        assert_eq!((error["code"].as_str(), &error["id"]), (Some("filtered"), &json!(number)));
        let warning = format!("This is warning number {number}. ");
        assert!(error["message"].as_str().is_some_and(|message| message.starts_with(&warning)), "{error}");
    }
    bea.send(&json!({"command": "say", "text": "damn", "id": 3}));
    assert_eq!(bea.wait("closed")["code"], "kicked");
    assert_eq!(host.wait("left")["name"], "bea");
}

#[test]
fn closed_questions_are_refused() {
    let (_host, address) = host(&["--questions", "closed"]);
    let mut bea = guest("bea", &address);
    refused(&mut bea, &json!({"command": "say", "text": "why?", "id": 1}), "questions_closed");
}

#[test]
fn the_end_of_input_sends_what_is_pending_and_leaves() {
    let (mut host, address) = host(&[]);
    let mut bea = Bot::start("bea", &["join", &address]);
    for number in 0..60 {
        bea.send(&json!({"command": "say", "text": format!("question {number}")}));
    }
    bea.hang_up();
    for number in 0..60 {
        assert_eq!(message(&mut host, "question")["text"], format!("question {number}"));
    }
    assert_eq!(host.wait("left")["name"], "bea");
    assert_eq!(bea.end().code(), Some(0));
}

#[test]
fn a_private_line_that_was_typed_before_the_host_is_known_stays_private() {
    let (mut host, address) = host(&[]);
    let home = Scratch::new("early");
    let mut child = tertulia(&home)
        .args(["--name", "bea", "join", &address])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut input = child.stdin.take().expect("stdin is a pipe");
    std::io::Write::write_all(&mut input, b"msg anna a secret\n\n say\nusers of the sea\n").expect("it reads");
    drop(input);
    let mut said = Vec::new();
    while said.len() < 3 {
        let event = host.wait("message");
        said.push((event["kind"].clone(), event["text"].clone()));
    }
    assert_eq!(said[0], (json!("whisper"), json!("a secret")));
    assert_eq!(said[1], (json!("question"), json!("say")));
    assert_eq!(said[2], (json!("question"), json!("users of the sea")));
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn malformed_lines_are_errors_and_the_next_one_is_taken() {
    let (mut host, _) = host(&[]);
    host.send(&json!("not an object"));
    assert_eq!(host.wait("error")["code"], "malformed");
    refused(&mut host, &json!({"command": "dance", "id": {"any": ["json"]}}), "unknown_command");
    done(&mut host, &json!({"command": "users", "id": [1]}));
}

#[test]
fn an_address_where_nobody_is_gives_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound").to_string();
    drop(listener);
    let mut bea = Bot::start("bea", &["join", &address]);
    assert_eq!(bea.wait("closed")["code"], "no_listener");
    assert_eq!(bea.end().code(), Some(1));
}

#[cfg(unix)]
mod signals {
    use super::*;

    fn signal(bot: &Bot, name: &str) {
        let status = std::process::Command::new("kill").args([format!("-{name}"), bot.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    #[test]
    fn sigterm_stops_a_lecture_that_goes_on_with_the_same_words() {
        let home = std::sync::Arc::new(Scratch::new("resumed"));
        let arguments = ["host", "On tides", "--lecture", "--listen", "127.0.0.1:0"];
        let mut first = Bot::start_in(&home, "anna", &arguments);
        let ready = first.wait("ready");
        done(&mut first, &json!({"command": "say", "text": "before", "id": 1}));
        signal(&first, "TERM");
        assert_eq!(first.wait("closed")["code"], "stopped");
        assert_eq!(first.end().code(), Some(0));

        let mut second = Bot::start_in(&home, "anna", &arguments);
        let again = second.wait("ready");
        assert_eq!(again["meeting"], ready["meeting"]);
        let mut bea = guest("bea", again["listen"].as_str().unwrap_or_default());
        assert_eq!(message(&mut bea, "text")["text"], "before");
        signal(&second, "INT");
        assert_eq!(second.wait("closed")["code"], "ended");
        assert_eq!(second.end().code(), Some(0));
        assert_eq!(bea.wait("closed")["code"], "ended");

        let mut third = Bot::start_in(&home, "anna", &arguments);
        assert_ne!(third.wait("ready")["meeting"], ready["meeting"]);
    }

    #[test]
    fn an_attendee_that_comes_back_with_the_same_words_gets_only_what_is_new() {
        let (mut host, address) = host(&[]);
        let home = std::sync::Arc::new(Scratch::new("returning"));
        let mut bea = Bot::start_in(&home, "bea", &["join", &address]);
        done(&mut host, &json!({"command": "say", "text": "one", "id": 1}));
        assert_eq!(message(&mut bea, "text")["text"], "one");
        signal(&bea, "KILL");
        assert_eq!(host.wait("left")["name"], "bea");
        done(&mut host, &json!({"command": "say", "text": "two", "id": 2}));
        drop(bea);
        let mut bea = Bot::start_in(&home, "bea", &["join", &address]);
        let mut first = message(&mut bea, "text");
        if first["text"] == "one" {
            // It was just being printed as its reader was killed.
            first = message(&mut bea, "text");
        }
        assert_eq!(first["text"], "two");
    }

    #[test]
    fn a_second_program_of_one_home_is_a_guest_and_says_so() {
        let home = std::sync::Arc::new(Scratch::new("guests"));
        let mut host = Bot::start_in(&home, "anna", &["host", "T", "--lecture", "--listen", "127.0.0.1:0"]);
        let ready = host.wait("ready");
        let mut bea = Bot::start_in(&home, "bea", &["join", ready["listen"].as_str().unwrap_or_default()]);
        assert_eq!(bea.next()["code"], "guest");
        assert_ne!(bea.wait("ready")["key"], ready["key"]);
    }
}

#[test]
fn a_reader_of_stdout_that_is_gone_is_goodbye() {
    let (mut host, address) = host(&[]);
    let home = Scratch::new("pipe");
    let mut child = tertulia(&home)
        .args(["--name", "bea", "join", &address])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the program starts");
    assert_eq!(host.wait("joined")["name"], "bea");
    drop(child.stdout.take());
    host.send(&json!({"command": "say", "text": "is anybody there?"}));
    assert_eq!(host.wait("left")["name"], "bea");
    assert_eq!(child.wait().expect("it ends").code(), Some(1), "what was said did not reach it");
}
