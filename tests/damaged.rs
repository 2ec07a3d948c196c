//! Files of a home in which a bit has flipped: each is named, kept, and taken for nothing else.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]

mod support;

use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;

use serde_json::json;
use support::{Bot, PATIENCE, Scratch, kept, sealed, signal, tertulia};

/// Flips a bit in the middle of a file; what was in it.
fn flip(path: &Path) -> Vec<u8> {
    let whole = std::fs::read(path).expect("the file is there");
    let mut bytes = whole.clone();
    let middle = bytes.len() / 2;
    *bytes.get_mut(middle).expect("it has bytes") ^= 4;
    std::fs::write(path, bytes).expect("the home can be written");
    whole
}

/// Runs a program that ends by itself.
fn run(home: &Scratch, arguments: &[&str]) -> Output {
    let mut command = tertulia(home);
    let child = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let (process, (sender, ended)) = (child.id(), channel());
    std::thread::spawn(move || sender.send(child.wait_with_output().expect("its output can be read")));
    ended.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        signal(process, "KILL");
        panic!("it goes on: {arguments:?}");
    })
}

/// It fails, names the file and leaves it as it is.
fn refuses(home: &Scratch, arguments: &[&str], path: &Path) -> String {
    let before = std::fs::read(path).expect("the file is there");
    let output = run(home, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&path.display().to_string()) && said.contains("damaged"), "{said}");
    assert_eq!(std::fs::read(path).expect("the file is there"), before);
    said
}

fn host(home: &Arc<Scratch>, flags: &[&str]) -> (Bot, String, String) {
    let mut host = Bot::start_in(home, "ada", &[&["host", "T", "--listen", "127.0.0.1:0"], flags].concat());
    let ready = host.wait("ready");
    let said = |field: &str| ready[field].as_str().unwrap_or_default().to_string();
    let (meeting, address) = (said("meeting"), said("listen"));
    (host, meeting, address)
}

fn stop(mut host: Bot) {
    host.send(&json!({"command": "stop"}));
    assert!(host.end().success());
}

#[test]
fn a_damaged_charter_or_ticket_founds_no_other_meeting_and_the_file_put_back_goes_on() {
    for (kind, flags) in [("--lecture", &["--lecture", "--ticket"][..]), ("--ticket", &["--ticket"])] {
        let home = Arc::new(Scratch::numbered("founder"));
        let (bot, meeting, _) = host(&home, flags);
        stop(bot);
        for name in ["charter", "ticket"] {
            let path = kept(&home, name);
            let whole = flip(&path);
            let again = [&["host", "T", "--listen", "127.0.0.1:0"], flags].concat();
            let said = refuses(&home, &again, &path);
            assert!(said.contains("\nmv ") || said.contains(" mv "), "{kind}: what to do is said: {said}");
            assert_eq!(kept(&home, name), path, "nothing else was founded");
            std::fs::write(&path, whole).expect("the home can be written");
            let (bot, again, _) = host(&home, flags);
            assert_eq!(again, meeting);
            stop(bot);
        }
    }
}

#[test]
fn tickets_of_another_form_are_left_as_they_are_and_it_is_said_where_they_are() {
    let home = Arc::new(Scratch::numbered("founder"));
    stop(host(&home, &["--ticket"]).0);
    let (path, old) = (kept(&home, "ticket"), sealed("ticket", &"s".repeat(32)));
    std::fs::write(&path, &old).expect("the home can be written");
    let output = run(&home, &["host", "T", "--listen", "127.0.0.1:0"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("{} has this meeting's tickets in a form", path.display())), "{said}");
    assert!(said.contains("mv "), "what to do is said: {said}");
    assert_eq!(std::fs::read_to_string(&path).expect("it is there"), old);
}

#[test]
fn who_joins_is_told_of_what_is_damaged_and_comes_in_by_what_is_not() {
    for flags in [&["--lecture"][..], &[]] {
        let (home, guests) = (Arc::new(Scratch::numbered("open")), Arc::new(Scratch::numbered("guest")));
        let (_host, _, address) = host(&home, flags);
        let mut bea = Bot::start_in(&guests, "bea", &["join", &address]);
        bea.wait("linked");
        bea.send(&json!({"command": "quit"}));
        assert!(bea.end().success());
        for name in ["pass", "charter"] {
            let path = kept(&guests, name);
            flip(&path);
            let damaged = std::fs::read(&path).expect("the file is there");
            let mut bea = Bot::start_in(&guests, "bea", &["join", &address]);
            let said = bea.wait("warning")["message"].as_str().expect("a text").to_string();
            assert!(said.contains(&path.display().to_string()), "{said}");
            bea.wait("linked");
            bea.send(&json!({"command": "quit"}));
            assert!(bea.end().success());
            let aside = path.with_file_name(format!("{name}.damaged-1"));
            assert_eq!(std::fs::read(aside).expect("it is kept"), damaged, "{flags:?}");
            let mut bea = Bot::start_in(&guests, "bea", &["join", &address]);
            let first = bea.wait("linked");
            assert_eq!(first["event"], "linked");
            bea.send(&json!({"command": "quit"}));
            assert!(bea.rest().iter().all(|event| event["event"] != "warning"), "it is told once");
            assert!(bea.end().success());
        }
    }
}

#[test]
fn texts_that_wait_are_not_gone_with_a_bit() {
    let (here, there) = (Arc::new(Scratch::numbered("anna")), Arc::new(Scratch::numbered("bea")));
    let friends = ["friends", "--listen", "127.0.0.1:0"];
    let mut bea = Bot::start_in(&there, "bea", &friends);
    let address = bea.wait("ready")["listen"].as_str().expect("a friend listens").to_string();
    let mut anna = Bot::start_in(&here, "anna", &friends);
    anna.send(&json!({"command": "add", "name": "bea", "address": address}));
    anna.wait("linked");
    drop(bea);
    anna.wait("unlinked");
    anna.send(&json!({"command": "msg", "to": "bea", "text": "are you there?", "id": 1}));
    anna.wait("done");
    anna.send(&json!({"command": "quit"}));
    anna.end();
    // Whose conversation it is, the contacts say too.
    let peer = kept(&here, "peer");
    flip(&peer);
    let mut anna = Bot::start_in(&here, "anna", &friends);
    anna.wait("ready");
    let mut bea = Bot::start_in(&there, "bea", &["friends", "--listen", &address]);
    assert_eq!(bea.wait("message")["text"], "are you there?");
    anna.send(&json!({"command": "add", "name": "carl", "address": "127.0.0.1:1"}));
    anna.send(&json!({"command": "msg", "to": "carl", "text": "later", "id": 2}));
    anna.wait("done");
    drop((anna, bea));
    let drafts = here.path().join("drafts");
    let whole = flip(&drafts);
    refuses(&here, &["friends", "--listen", "127.0.0.1:0"], &drafts);
    std::fs::write(&drafts, whole).expect("the home can be written");
    let mut anna = Bot::start_in(&here, "anna", &friends);
    anna.wait("ready");
}

#[test]
fn a_contact_that_nobody_has_changed_is_told_of() {
    let home = Arc::new(Scratch::numbered("changed"));
    assert!(run(&home, &["contacts", "add", "bea", "127.0.0.1:7473"]).status.success());
    let path = home.path().join("contacts.toml");
    let text = std::fs::read_to_string(&path).expect("contacts are text");
    std::fs::write(&path, text.replace("127.0.0.1:7473", "127.0.0.1:7472")).expect("the home can be written");
    let said = String::from_utf8(run(&home, &["contacts"]).stderr).expect("text");
    assert!(said.contains("7472") && said.contains("7473") && said.contains("contacts.toml.before"), "{said}");
    let said = String::from_utf8(run(&home, &["contacts"]).stderr).expect("text");
    assert!(!said.contains("7473"), "it is told once: {said}");
}
