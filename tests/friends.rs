//! Friends, each a process of its own: what is said comes once, whoever is away, killed, or somebody else.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]

mod support;

use std::io::Write as _;
use std::process::Stdio;
use std::sync::Arc;

use serde_json::{Value, json};
use support::{Bot, Scratch, tertulia};
use tertulia_core::limits::TEXT_MAX;

/// A friend in a home, and where to dial it.
fn friend(home: &Arc<Scratch>, name: &str, listen: &str) -> (Bot, String) {
    let mut bot = Bot::start_in(home, name, &["friends", "--listen", listen]);
    let ready = bot.wait("ready");
    assert_eq!((&ready["role"], &ready["meeting"]), (&json!("friends"), &Value::Null));
    let address = ready["listen"].as_str().expect("a friend listens").to_string();
    (bot, address)
}

fn home(name: &str) -> Arc<Scratch> {
    Arc::new(Scratch::new(name))
}

fn msg(bot: &mut Bot, to: &str, text: &str) {
    bot.send(&json!({"command": "msg", "to": to, "text": text, "id": text}));
}

/// The next text of somebody else's, by the key of the one who reads.
fn heard(bot: &mut Bot) -> String {
    bot.wait("message")["text"].as_str().expect("a text").to_string()
}

/// The same after kill -9: `last`, which was just being printed, may come again.
fn heard_after(bot: &mut Bot, last: &str) -> String {
    let first = heard(bot);
    if first == last { heard(bot) } else { first }
}

fn delivered(bot: &mut Bot) -> String {
    bot.wait("delivery")["state"].as_str().expect("a state").to_string()
}

/// What of a process's last events are texts.
fn texts(bot: &mut Bot) -> Vec<Value> {
    bot.rest().into_iter().filter(|event| event["event"] == "message").map(|event| event["text"].clone()).collect()
}

fn signal(process: u32, signal: &str) {
    let sent = std::process::Command::new("kill").args([signal, &process.to_string()]).status();
    assert!(sent.expect("there is a kill").success(), "{signal}");
}

#[test]
fn who_is_away_gets_what_is_held_once_and_the_sender_is_told() {
    let (here, there) = (home("held-a"), home("held-b"));
    let (mut bea, address) = friend(&there, "bea", "127.0.0.1:0");
    let (mut anna, _) = friend(&here, "anna", "127.0.0.1:0");
    anna.send(&json!({"command": "add", "name": "bea", "address": address}));
    anna.wait("linked");
    msg(&mut anna, "bea", "one");
    assert_eq!(delivered(&mut anna), "all");
    let stranger = bea.wait("contact");
    assert_eq!((&stranger["change"], &stranger["name"]), (&json!("stranger"), &json!("anna")));
    assert_eq!(heard(&mut bea), "one");

    // This is kill -9.
    drop(bea);
    anna.wait("unlinked");
    msg(&mut anna, "bea", "a/b");
    assert_eq!(anna.wait("done")["id"], "a/b", "it is on the disk");
    assert_eq!(delivered(&mut anna), "held");
    let (mut bea, _) = friend(&there, "bea", &address);
    assert_eq!(heard_after(&mut bea, "one"), "a/b");
    assert_eq!(delivered(&mut anna), "all");
    msg(&mut bea, "anna", "and you?");
    assert_eq!(delivered(&mut bea), "all");
    for bot in [&mut anna, &mut bea] {
        bot.send(&json!({"command": "quit"}));
    }
    assert_eq!(texts(&mut anna), ["and you?"], "once");
    assert_eq!(texts(&mut bea), [""; 0]);
    assert!(anna.end().success() && bea.end().success());
}

#[cfg(unix)]
#[test]
fn a_sender_killed_before_the_acknowledgement_has_its_text_delivered_once() {
    let (here, there) = (home("killed-a"), home("killed-b"));
    let (mut bea, address) = friend(&there, "bea", "127.0.0.1:0");
    for round in 0..3 {
        let (mut anna, _) = friend(&here, "anna", "127.0.0.1:0");
        anna.send(&json!({"command": "add", "name": "bea", "address": address}));
        anna.wait("linked");
        // Bea can't acknowledge: anna's last word is in the kernel's hands.
        signal(bea.id(), "-STOP");
        let text = format!("text {round}");
        msg(&mut anna, "bea", &text);
        anna.wait("done");
        drop(anna);
        signal(bea.id(), "-CONT");
        let (mut anna, _) = friend(&here, "anna", "127.0.0.1:0");
        assert_eq!(delivered(&mut anna), "all", "round {round}");
        assert_eq!(heard(&mut bea), text);
        anna.send(&json!({"command": "quit"}));
        anna.rest();
    }
    bea.send(&json!({"command": "quit"}));
    assert_eq!(texts(&mut bea), [""; 0], "each came once");
}

struct Said {
    out: String,
    err: String,
    code: Option<i32>,
}

fn run(home: &Scratch, arguments: &[&str]) -> Said {
    let output = tertulia(home).args(arguments).output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("all that is said is UTF-8");
    Said { out: text(output.stdout), err: text(output.stderr), code: output.status.code() }
}

#[test]
fn a_text_to_an_address_pins_the_key_and_another_key_is_a_hard_stop() {
    let (here, there, elsewhere) = (home("pin-a"), home("pin-b"), home("pin-c"));
    let (mut bea, address) = friend(&there, "bea", "127.0.0.1:0");
    let sent = run(&here, &["send", &address, "hello", "--name", "anna"]);
    assert_eq!(sent.code, Some(0), "{}{}", sent.out, sent.err);
    assert!(sent.err.contains("compare"), "the new key is told: {}", sent.err);
    assert_eq!(heard(&mut bea), "hello");
    let listed = run(&here, &["contacts"]).out;
    assert!(listed.contains(&address) && listed.contains("safety"), "{listed}");
    drop(bea);

    let (mut other, _) = friend(&elsewhere, "bea", &address);
    let stopped = run(&here, &["send", &address, "secret"]);
    assert_eq!(stopped.code, Some(1));
    assert!(stopped.err.contains("another key") && stopped.err.contains("nothing was sent"), "{}", stopped.err);
    other.send(&json!({"command": "quit"}));
    assert_eq!(texts(&mut other), [""; 0]);
    other.end();

    // To the right key it goes out all the same, and with it what was held.
    let (mut bea, _) = friend(&there, "bea", &address);
    assert_eq!(run(&here, &["send", &address, "again", "--wait", "20"]).code, Some(0));
    assert_eq!([heard_after(&mut bea, "hello"), heard(&mut bea)], ["secret", "again"]);
}

#[test]
fn scripts_send_and_receive_one_message_at_a_time() {
    let (here, there) = (home("once-a"), home("once-b"));
    // A port that is free: nobody else is given it while it lingers.
    let (bea, address) = friend(&there, "bea", "127.0.0.1:0");
    drop(bea);
    assert_eq!(run(&here, &["contacts", "add", "bea", &address, "--name", "anna"]).code, Some(0));
    let held = run(&here, &["send", "bea", "one", "--wait", "0"]);
    assert_eq!(held.code, Some(1));
    assert!(held.err.contains("held"), "{}", held.err);
    let receiver = || {
        let mut receiver = tertulia(&there);
        receiver.args(["--name", "bea", "receive", "--once", "--listen", &address]);
        receiver.stdout(Stdio::piped()).spawn().expect("the program starts")
    };
    let texts = |output: std::process::Output| {
        assert_eq!(output.status.code(), Some(0));
        let lines = String::from_utf8(output.stdout).expect("UTF-8");
        lines.lines().filter(|line| !line.starts_with("-- ")).map(str::to_string).collect::<Vec<_>>()
    };
    let first = receiver();
    // The second is held while the receiver has the first, or comes first of all to the next.
    run(&here, &["send", "bea", "two", "--wait", "3", "--name", "anna"]);
    assert_eq!(texts(first.wait_with_output().expect("it ends")), ["anna: one"]);
    let second = receiver();
    run(&here, &["send", "bea", "three", "--wait", "3", "--name", "anna"]);
    assert_eq!(texts(second.wait_with_output().expect("it ends")), ["anna: two"]);
}

#[test]
fn a_home_speaks_with_one_voice() {
    let here = home("voice");
    let (mut anna, _) = friend(&here, "anna", "127.0.0.1:0");
    let process = anna.id().to_string();
    for arguments in [
        &["send", "bea", "hi"][..],
        &["friends", "--listen", "127.0.0.1:0"],
        &["contacts", "add", "bea", "127.0.0.1:1"],
        &["receive", "--once", "--listen", "127.0.0.1:0"],
    ] {
        let refused = run(&here, arguments);
        assert_eq!(refused.code, Some(1), "{arguments:?}");
        assert!(refused.err.contains(&process), "who holds it: {}", refused.err);
    }
    assert_eq!(run(&here, &["contacts"]).code, Some(0), "looking harms nobody");
    msg(&mut anna, "carl", "hello?");
    let error = anna.wait("error");
    assert_eq!((&error["code"], &error["id"]), (&json!("no_such_name"), &json!("hello?")));
    msg(&mut anna, "anna", "a note");
    assert_eq!(anna.wait("message")["text"], "a note");
    assert_eq!(delivered(&mut anna), "all");
    anna.send(&json!({"command": "quit"}));
    anna.rest();
    assert!(anna.end().success());
    assert_eq!(run(&here, &["send", "anna", "another", "--name", "anna"]).code, Some(0), "to oneself");
}

#[test]
fn who_leaves_on_purpose_is_unlinked_for_that_and_nobody_joins_or_leaves_a_meeting() {
    let (here, there) = (home("leaves-a"), home("leaves-b"));
    let (mut bea, address) = friend(&there, "bea", "127.0.0.1:0");
    let mut anna = tertulia(&here);
    anna.args(["--name", "anna", "friends", "--listen", "127.0.0.1:0"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut anna = anna.spawn().expect("the program starts");
    let mut input = anna.stdin.take().expect("stdin is a pipe");
    writeln!(input, "/add bea {address}\nbea/hello").expect("it reads");
    assert_eq!(heard(&mut bea), "hello");
    bea.send(&json!({"command": "quit"}));
    let events = bea.rest();
    assert!(events.iter().all(|event| event["event"] != "joined" && event["event"] != "left"), "{events:?}");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(anna.stdout.take().expect("stdout is a pipe")));
    let parted = lines.by_ref().map(|line| line.expect("UTF-8")).find(|line| line.contains("bea left"));
    assert_eq!(parted.as_deref(), Some("-- bea left"), "it is no trouble");

    let (mut bea, _) = friend(&there, "bea", &address);
    writeln!(input, "bea/again").expect("it reads");
    assert_eq!(heard(&mut bea), "again");
    drop(input);
    let unlinked = bea.wait("unlinked");
    assert_eq!((&unlinked["name"], &unlinked["reason"]), (&json!("anna"), &json!("left")));
    lines.for_each(|line| assert!(!line.expect("UTF-8").contains("trying again")));
    assert!(anna.wait().expect("it ends").success());
}

#[test]
fn outside_of_the_console_a_refusal_ends_with_what_a_shell_takes() {
    let here = home("shell");
    for (words, hint) in [
        (&["send", "bob", "hi"][..], "contacts add bob 192.0.2.7:7473"),
        (&["contacts", "add", "bob", "no where"], "contacts add bob 192.0.2.7:7473"),
        (&["contacts", "remove", "bob"], "contacts list"),
    ] {
        let refused = run(&here, words);
        assert_eq!(refused.code, Some(1), "{words:?}");
        assert!(refused.err.ends_with(&format!("  try: tertulia {hint}\n")), "{words:?}: {}", refused.err);
        assert!(!refused.err.contains(" /"), "{words:?}: {}", refused.err);
    }
    let path = here.path().display().to_string();
    let listed = run(&here, &["--home", &path, "contacts"]);
    assert!(listed.out.contains("tertulia contacts add NAME HOST:PORT"), "{}", listed.out);
    assert!(listed.out.contains(&format!("tertulia --home {path} send NAME TEXT")), "{}", listed.out);
}

#[test]
fn lines_from_a_pipe_are_sent_before_the_end() {
    let (here, there) = (home("pipe-a"), home("pipe-b"));
    let (mut bea, address) = friend(&there, "bea", "127.0.0.1:0");
    let mut anna = tertulia(&here);
    anna.args(["--name", "anna", "friends", "--listen", "127.0.0.1:0"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut anna = anna.spawn().expect("the program starts");
    let mut input = anna.stdin.take().expect("stdin is a pipe");
    write!(input, "{address}/one\n/add bea {address}\n{address}/two/three\n").expect("it reads");
    drop(input);
    let output = anna.wait_with_output().expect("it ends");
    assert_eq!([heard(&mut bea), heard(&mut bea)], ["one", "two/three"]);
    let out = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0), "{out}");
}

/// A registry, and where it is.
fn registry() -> (Bot, String) {
    let mut registry = Bot::start("registry", &["registry", "--listen", "127.0.0.1:0"]);
    let address = registry.wait("ready")["listen"].as_str().expect("it listens").to_string();
    (registry, address)
}

/// A friend at a port that nobody knows, who has registered.
fn registered(home: &Arc<Scratch>, name: &str, registry: &str) -> (Bot, Value) {
    let mut bot = Bot::start_in(home, name, &["--registry", registry, "friends", "--listen", "127.0.0.1:0"]);
    let listen = bot.wait("ready")["listen"].clone();
    bot.send(&json!({"command": "register"}));
    assert_eq!(bot.wait("published")["addresses"], json!([listen]));
    (bot, listen)
}

/// The next change of a contact that is this one.
fn change(bot: &mut Bot, change: &str) -> Value {
    loop {
        let contact = bot.wait("contact");
        if contact["change"] == change {
            return contact;
        }
    }
}

#[test]
fn contact_15_two_who_have_both_moved_meet_again_through_a_registry() {
    let (here, there) = (home("moved-a"), home("moved-b"));
    let (mut bea, old) = friend(&there, "bea", "127.0.0.1:0");
    let (mut anna, _) = friend(&here, "anna", "127.0.0.1:0");
    anna.send(&json!({"command": "add", "name": "bea", "address": old}));
    anna.wait("linked");
    msg(&mut anna, "bea", "one");
    assert_eq!(heard(&mut bea), "one");
    drop((anna, bea));

    let (_registry, registry) = registry();
    let (mut anna, _) = registered(&here, "anna", &registry);
    let (mut bea, moved) = registered(&there, "bea", &registry);
    let found = change(&mut anna, "moved");
    assert_eq!((&found["address"], &found["addresses"]), (&moved, &json!([moved, old])), "the one given stays");
    anna.wait("linked");
    msg(&mut bea, "anna", "two");
    assert_eq!(heard(&mut anna), "two");
    let kept = std::fs::read_to_string(here.path().join("contacts.toml")).expect("contacts");
    assert!(kept.contains(&format!("address = \"{old}\"")), "{kept}");

    // A script finds her too. Who leaves has registries forget where she was.
    drop(anna);
    bea.send(&json!({"command": "quit"}));
    bea.rest();
    let (mut bea, _) = registered(&there, "bea", &registry);
    let sent = run(&here, &["--registry", &registry, "send", "bea", "three", "--name", "anna"]);
    assert_eq!(sent.code, Some(0), "{}{}", sent.out, sent.err);
    assert!(sent.err.contains("bea is found at") || sent.out.contains("bea is found at"), "{}{}", sent.out, sent.err);
    assert_eq!(heard(&mut bea), "three");
}

#[test]
fn contact_14_a_stranger_who_is_removed_is_kept_away_over_runs_until_added() {
    let (here, there) = (home("away-a"), home("away-b"));
    let (mut anna, address) = friend(&here, "anna", "127.0.0.1:0");
    let (mut bea, at) = friend(&there, "bea", "127.0.0.1:0");
    bea.send(&json!({"command": "add", "name": "anna", "address": address}));
    bea.wait("linked");
    msg(&mut bea, "anna", "buy this");
    assert_eq!(heard(&mut anna), "buy this");
    anna.send(&json!({"command": "remove", "name": "bea"}));
    change(&mut anna, "removed");
    assert_eq!(bea.wait("error")["code"], "denied", "she is told");
    drop((anna, bea));

    let (mut anna, _) = friend(&here, "anna", &address);
    let (mut bea, _) = friend(&there, "bea", &at);
    assert_eq!(bea.wait("error")["code"], "denied", "another run changes nothing");
    msg(&mut bea, "anna", "buy that");
    assert_eq!(bea.wait("error")["id"], "buy that");
    anna.send(&json!({"command": "add", "name": "bea", "address": at}));
    anna.wait("linked");
    msg(&mut bea, "anna", "thank you");
    assert_eq!(heard(&mut anna), "thank you");

    anna.send(&json!({"command": "block", "name": "bea"}));
    assert_eq!(change(&mut anna, "blocked")["blocked"], true);
    assert_eq!(bea.wait("error")["code"], "denied");
    anna.send(&json!({"command": "quit"}));
    assert_eq!(texts(&mut anna), [""; 0]);
    assert!(anna.end().success());
    let listed = run(&here, &["contacts"]);
    assert!(listed.out.contains("bea") && listed.out.contains("(blocked)"), "{}", listed.out);
    let refused = run(&here, &["send", "bea", "hi"]);
    assert!(refused.err.ends_with("  try: tertulia contacts unblock bea\n"), "{}", refused.err);
    assert_eq!(run(&here, &["contacts", "unblock", "bea"]).code, Some(0));
    assert_eq!(run(&here, &["send", "bea", "hi", "--name", "anna"]).code, Some(0));
    assert_eq!(heard(&mut bea), "hi");
}

#[test]
fn contact_14_where_only_contacts_are_taken_strangers_are_told_so() {
    let (here, there) = (home("only-a"), home("only-b"));
    for verb in [
        &["friends", "--only-contacts", "--listen", "127.0.0.1:0"][..],
        &["receive", "--only-contacts", "--listen", "127.0.0.1:0"],
    ] {
        let mut anna = Bot::start_in(&here, "anna", verb);
        let address = anna.wait("ready")["listen"].as_str().expect("she listens").to_string();
        let refused = run(&there, &["send", &address, "hello?", "--name", "bea"]);
        assert_eq!(refused.code, Some(1), "{}", refused.err);
        assert!(refused.err.contains("does not take what you write"), "{}", refused.err);
    }
}

/// So many texts are a megabyte.
const MEGABYTE: usize = 64;

/// A text of 16 KiB, which says which one it is.
fn long(number: usize) -> String {
    format!("{number:0width$}", width = TEXT_MAX)
}

fn say_megabyte(bot: &mut Bot, to: &str) {
    (0..MEGABYTE).for_each(|number| bot.send(&json!({"command": "msg", "to": to, "text": long(number)})));
}

/// Reads all texts from the first one on; the codes of the warnings in between.
fn megabyte(bot: &mut Bot, first: usize) -> Vec<Value> {
    let mut warnings = Vec::new();
    for number in first..MEGABYTE {
        loop {
            let event = bot.next();
            if event["event"] == "message" {
                assert_eq!(event["text"], long(number), "in order, and once");
                break;
            }
            warnings.extend(Some(event["code"].clone()).filter(|_| event["event"] == "warning"));
        }
    }
    warnings
}

#[test]
fn contact_17_and_contact_18_receive_accepts_a_megabyte_of_whom_it_is_told_and_others_hear_that_they_wait() {
    let there = Arc::new(Scratch::numbered("bea"));
    let mut bea = Bot::start_in(&there, "bea", &["receive", "--listen", "127.0.0.1:0"]);
    let address = bea.wait("ready")["listen"].as_str().expect("she listens").to_string();
    let mut anna = Bot::start("anna", &["friends", "--listen", "127.0.0.1:0"]);
    let key = anna.wait("ready")["key"].as_str().expect("a key").to_string();
    say_megabyte(&mut anna, &address);
    let warned = |bot: &mut Bot, code: &str| loop {
        let warning = bot.wait("warning");
        if warning["code"] == code {
            return warning["message"].as_str().expect("words").to_string();
        }
    };
    let told = warned(&mut anna, "unaccepted");
    assert!(told.starts_with(&format!("{address} has not accepted you yet")), "{told}");
    let bytes: Option<usize> = told.split(' ').find_map(|word| word.parse().ok());
    assert!(bytes.is_some_and(|bytes| bytes > 58 * TEXT_MAX && bytes < MEGABYTE * TEXT_MAX), "{told}");
    signal(bea.id(), "-INT");
    let events = bea.rest();
    let taken = events.iter().filter(|event| event["event"] == "message").count();
    assert!((3..=4).contains(&taken), "{taken} of 16 KiB");
    let told: Vec<_> = events.iter().filter(|event| event["code"] == "stranger").collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0]["message"].as_str().expect("words").contains("tertulia receive --from anna"), "{told:?}");
    // As it says.
    let mut bea = Bot::start_in(&there, "bea", &["receive", "--from", "anna", "--listen", &address]);
    assert_eq!(megabyte(&mut bea, taken), [Value::Null; 0]);
    // By the first digits of a key, before anybody has come.
    let mut carl = Bot::start("carl", &["receive", "--from", &key[..8], "--listen", "127.0.0.1:0"]);
    let address = carl.wait("ready")["listen"].as_str().expect("he listens").to_string();
    say_megabyte(&mut anna, &address);
    assert_eq!(megabyte(&mut carl, 0), [Value::Null; 0]);
}
