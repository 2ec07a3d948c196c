//! A registry, hosts and guests as processes of their own: who finds whom, and what a registry's death changes.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]

mod support;

use std::net::TcpListener;
use std::process::Output;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Bot, Scratch, tertulia};

/// Whoever holds on to a connection costs no more.
const HELD_MAX: Duration = Duration::from_secs(3);

/// A registry at `listen`, and its address.
fn registry(listen: &str) -> (Bot, String) {
    let mut registry = Bot::start("registry", &["registry", "--listen", listen]);
    let ready = registry.wait("ready");
    assert_eq!((ready["role"].as_str(), ready["key"].as_str().map(str::len)), (Some("registry"), Some(64)));
    let address = ready["listen"].as_str().expect("it listens").to_string();
    (registry, address)
}

/// A host that a registry shows, and what it has said of itself.
fn host(name: &str, title: &str, registry: &str, flags: &[&str]) -> (Bot, Value) {
    open(name, title, registry, &[&["--lecture"], flags].concat())
}

/// A room or lecture that a registry shows, and what its host has said of itself.
fn open(name: &str, title: &str, registry: &str, flags: &[&str]) -> (Bot, Value) {
    let mut words = vec!["--registry", registry, "host", title, "--listen", "127.0.0.1:0"];
    words.extend(flags);
    let mut host = Bot::start(name, &words);
    let ready = host.wait("ready");
    assert_eq!(ready["registry"], registry);
    let published = host.wait("published");
    assert_eq!(published["registry"], registry);
    assert_eq!(published["record"], ready["meeting"]);
    assert_eq!(published["addresses"], json!([ready["listen"]]));
    (host, ready)
}

fn run(home: &Scratch, words: &[&str]) -> (Vec<Value>, Output) {
    let output = tertulia(home).arg("--json").args(words).output().expect("the program starts");
    let text = String::from_utf8(output.stdout.clone()).expect("all that is said is UTF-8");
    (text.lines().map(|line| serde_json::from_str(line).expect("an event a line")).collect(), output)
}

fn titles(home: &Scratch, registry: &str, words: &[&str]) -> Vec<String> {
    let (events, output) = run(home, &[&["--registry", registry, "list"], words].concat());
    assert!(output.status.success(), "{events:?}");
    let listings = events.iter().filter(|event| event["event"] == "listing");
    listings.map(|event| event["title"].as_str().expect("a title").to_string()).collect()
}

/// Joins by `target`, hears the host, and leaves.
fn joins(home: &Arc<Scratch>, words: &[&str], title: &str, host: &mut Bot) {
    let mut guest = Bot::start_in(home, "bea", words);
    assert_eq!(guest.wait("ready")["title"], title, "{words:?}");
    host.send(&json!({"command": "say", "text": format!("hello {words:?}")}));
    // Who comes by another way than before may be served what it has heard.
    while guest.wait("message")["text"] != format!("hello {words:?}") {}
    guest.send(&json!({"command": "quit"}));
    assert_eq!(guest.wait("closed")["code"], "left");
    assert!(guest.end().success());
}

#[test]
fn a_meeting_is_joined_by_title_number_id_ticket_and_address_the_last_two_without_a_registry() {
    let (dying, address) = registry("127.0.0.1:0");
    let (mut ada, ready) = host("ada", "Friday tertulia", &address, &[]);
    let (_carl, _) = host("carl", "Rust for sailors", &address, &[]);
    let home = Arc::new(Scratch::new("finder"));
    assert_eq!(titles(&home, &address, &[]), ["Rust for sailors", "Friday tertulia"]);
    assert_eq!(titles(&home, &address, &["TERTULIA"]), ["Friday tertulia"]);
    assert_eq!(titles(&home, &address, &["friday", "sailors"]), [""; 0]);
    assert_eq!(titles(&home, &address, &["friday"]), ["Friday tertulia"]);

    let field = |name: &str| ready[name].as_str().expect("a host listens").to_string();
    let (id, ticket, listen) = (field("meeting"), field("ticket"), field("listen"));
    // The last list has one line.
    for target in ["friday Tertulia", "tertulia", "1", &id] {
        joins(&home, &["--registry", &address, "join", target], "Friday tertulia", &mut ada);
    }
    let mut faithful = Bot::start("dora", &["join", &listen]);
    faithful.wait("linked");
    drop(dying);
    assert_eq!(ada.wait("warning")["code"], "registry");
    for target in [&ticket, &listen] {
        joins(&home, &["--registry", &address, "join", target], "Friday tertulia", &mut ada);
    }
    ada.send(&json!({"command": "say", "text": "who is still here?"}));
    loop {
        let event = faithful.next();
        assert!(event["event"] != "unlinked" && event["event"] != "warning", "{event}");
        if event["text"] == "who is still here?" {
            break;
        }
    }
    let (events, output) = run(&home, &["--registry", &address, "join", "Friday tertulia"]);
    assert_eq!((output.status.code(), events[events.len() - 1]["code"].as_str()), (Some(1), Some("unreachable")));
    // Another at the same address: what the first has lost comes back by itself.
    let (_registry, again) = registry(&address);
    assert_eq!(again, address);
    loop {
        let mut shown = titles(&home, &address, &[]);
        shown.sort();
        if shown == ["Friday tertulia", "Rust for sailors"] {
            break;
        }
    }
}

#[test]
fn a_room_is_found_by_title_and_gone_with_its_founder() {
    let (_registry, address) = registry("127.0.0.1:0");
    let (mut ada, _) = open("ada", "Friday tertulia", &address, &[]);
    let home = Arc::new(Scratch::new("visitor"));
    let (events, _) = run(&home, &["--registry", &address, "list"]);
    let listing = events.iter().find(|event| event["event"] == "listing").expect("it is listed");
    assert_eq!((listing["title"].as_str(), listing["kind"].as_str()), (Some("Friday tertulia"), Some("mesh")));
    joins(&home, &["--registry", &address, "join", "friday"], "Friday tertulia", &mut ada);
    ada.send(&json!({"command": "quit"}));
    assert!(ada.end().success());
    assert_eq!(titles(&home, &address, &[]), [""; 0]);
}

#[test]
fn list_1_a_meeting_is_found_by_how_its_words_begin_and_by_no_mere_sign() {
    let (_registry, address) = registry("127.0.0.1:0");
    let (mut ada, _) = open("ada", "Friday café 日本語の会", &address, &[]);
    let home = Arc::new(Scratch::new("beginnings"));
    for words in ["frid", "cafe", "cafe\u{301}", "CAFÉ fri", "日本", "会"] {
        assert_eq!(titles(&home, &address, &[words]), ["Friday café 日本語の会"], "{words}");
    }
    for words in ["?", "--", "riday", "本日"] {
        assert_eq!(titles(&home, &address, &["--", words]), [""; 0], "{words}");
        let (events, output) = run(&home, &["--registry", &address, "join", "--", words]);
        let error = events.last().expect("an error");
        assert_eq!((output.status.code(), error["code"].as_str()), (Some(1), Some("no_meeting")), "{words}: {error}");
    }
    joins(&home, &["--registry", &address, "join", "cafe"], "Friday café 日本語の会", &mut ada);
}

#[test]
fn a_contacts_name_leads_to_what_the_contact_holds() {
    let (_registry, address) = registry("127.0.0.1:0");
    let (mut ada, ready) = open("ada", "Friday tertulia", &address, &[]);
    let (_carl, _) = open("carl", "Ada Lovelace", &address, &[]);
    let home = Arc::new(Scratch::new("of-a-contact"));
    let host = ready["key"].as_str().expect("a key");
    let (other, unmet) = ("ab".repeat(32), "[[contact]]\nname = \"dora\"\naddress = \"127.0.0.1:1\"\n");
    let contacts = format!(
        "[[contact]]\nname = \"ada\"\nkey = \"{host}\"\n[[contact]]\nname = \"bea\"\nkey = \"{other}\"\n{unmet}"
    );
    std::fs::write(home.path().join("contacts.toml"), contacts).expect("a list");
    // A title that begins so is somebody else's.
    joins(&home, &["--registry", &address, "join", "ada"], "Friday tertulia", &mut ada);
    for (name, code) in [("bea", "no_meeting"), ("dora", "not_met")] {
        let (events, output) = run(&home, &["--registry", &address, "join", name]);
        let error = events.last().expect("an error");
        assert_eq!((output.status.code(), error["code"].as_str()), (Some(1), Some(code)), "{error}");
    }
}

#[test]
fn what_is_not_there_or_not_unique_is_refused_with_what_would_have_worked() {
    let (_registry, address) = registry("127.0.0.1:0");
    let (_ada, one) = host("ada", "Rust 101", &address, &[]);
    let (_carl, other) = host("carl", "Rust 101", &address, &[]);
    let home = Scratch::new("refused");
    let fails = |target: &str, code: &str, hints: &[&Value]| {
        let (events, output) = run(&home, &["--registry", &address, "join", target]);
        let error = events.last().expect("an error");
        assert_eq!((output.status.code(), error["code"].as_str()), (Some(1), Some(code)), "{error}");
        let message = error["message"].as_str().expect("a message");
        hints.iter().for_each(|hint| assert!(message.contains(hint.as_str().expect("an id")), "{message}"));
    };
    fails("Rust 101", "ambiguous", &[&one["meeting"], &other["meeting"]]);
    // Whoever asks another registry goes on asking that one.
    let program = format!("tertulia --registry {address}");
    fails("Rust 101", "ambiguous", &[&json!(format!("{program} join "))]);
    fails("Python", "no_meeting", &[&json!(format!("{program} list"))]);
    fails(&"7".repeat(32), "no_meeting", &[]);
}

#[test]
fn an_unlisted_meeting_is_found_by_its_id_alone() {
    let (_registry, address) = registry("127.0.0.1:0");
    let (mut ada, ready) = host("ada", "Secret garden", &address, &["--unlisted"]);
    let home = Arc::new(Scratch::new("unlisted"));
    assert_eq!(titles(&home, &address, &[]), [""; 0]);
    let id = ready["meeting"].as_str().expect("an id");
    joins(&home, &["--registry", &address, "join", id], "Secret garden", &mut ada);
}

#[test]
fn a_record_says_who_is_there_and_a_leavers_is_gone_at_once() {
    let (_registry, address) = registry("127.0.0.1:0");
    let (mut ada, ready) = host("ada", "Rust 101", &address, &["--ticket"]);
    let mut bea = Bot::start("bea", &["join", ready["ticket"].as_str().expect("a ticket")]);
    bea.wait("ready");
    ada.send(&json!({"command": "lock"}));
    let home = Scratch::new("population");
    let listing = loop {
        let (events, _) = run(&home, &["--registry", &address, "list"]);
        let listing = events.into_iter().find(|event| event["event"] == "listing").expect("it is on");
        if listing["population"] == 2 && listing["locked"] == true {
            break listing;
        }
    };
    let expected = [("kind", "star"), ("title", "Rust 101"), ("host", "ada"), ("admission", "ticket")];
    expected.into_iter().for_each(|(field, value)| assert_eq!(listing[field], value));
    assert_eq!((&listing["meeting"], &listing["key"]), (&ready["meeting"], &ready["key"]));
    ada.send(&json!({"command": "end"}));
    ada.wait("closed");
    assert!(ada.end().success());
    while !titles(&home, &address, &[]).is_empty() {}
}

/// Who has registered.
fn who(home: &Scratch, registry: &str) -> Vec<Value> {
    let (events, output) = run(home, &["--registry", registry, "who"]);
    assert!(output.status.success(), "{events:?}");
    events.into_iter().filter(|event| event["event"] == "person").collect()
}

/// Somebody among friends, in a home of their own, and what they have said of themselves.
fn friend(name: &str, registry: &str) -> (Bot, Value) {
    let mut friend = Bot::start(name, &["--registry", registry, "friends", "--listen", "127.0.0.1:0"]);
    let ready = friend.wait("ready");
    assert_eq!((&ready["role"], &ready["registry"]), (&json!("friends"), &json!(registry)));
    (friend, ready)
}

#[test]
fn friends_register_rename_and_are_gone_when_they_leave_or_ask_for_it() {
    let (_registry, address) = registry("127.0.0.1:0");
    let (mut anna, ready) = friend("anna", &address);
    let (mut bea, _) = friend("bea", &address);
    let home = Scratch::new("friends-who");
    assert!(who(&home, &address).is_empty(), "only who wants to be there is");
    anna.send(&json!({"command": "unregister", "id": 0}));
    let error = anna.wait("error");
    assert_eq!((&error["code"], &error["id"]), (&json!("not_registered"), &json!(0)));
    for friend in [&mut anna, &mut bea] {
        friend.send(&json!({"command": "register", "id": 1}));
        assert_eq!(friend.wait("done")["id"], 1);
        assert_eq!(friend.wait("published")["registry"], address);
    }
    // She sees herself.
    anna.send(&json!({"command": "who"}));
    let seen = [anna.wait("person"), anna.wait("person")];
    let herself = seen.iter().find(|person| person["key"] == ready["key"]).expect("anna is there");
    assert_eq!((&herself["name"], &herself["address"]), (&json!("anna"), &ready["listen"]));
    assert!(herself["since"].is_u64());
    anna.send(&json!({"command": "name", "name": "ann"}));
    while !who(&home, &address).iter().any(|person| person["name"] == "ann") {}
    anna.send(&json!({"command": "unregister", "id": 2}));
    assert_eq!(anna.wait("done")["id"], 2);
    let names = |people: Vec<Value>| people.into_iter().map(|person| person["name"].clone()).collect::<Vec<_>>();
    while names(who(&home, &address)) != ["bea"] {}
    bea.send(&json!({"command": "quit"}));
    assert!(bea.end().success());
    while !who(&home, &address).is_empty() {}
}

#[test]
fn registry_13_friends_are_told_of_a_dead_registry_and_listed_again_when_it_is_back() {
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let nobody = nobody.to_string();
    let (mut anna, _) = friend("anna", &nobody);
    let (mut bea, listening) = friend("bea", &nobody);
    anna.send(&json!({"command": "register"}));
    let warning = anna.wait("warning");
    assert_eq!(warning["code"], "registry");
    let message = warning["message"].as_str().expect("a message");
    assert!(message.contains(&nobody) && message.contains("lists you as soon as it answers"), "{message}");
    anna.send(&json!({"command": "add", "name": "bea", "address": listening["listen"]}));
    anna.send(&json!({"command": "msg", "to": "bea", "text": "who needs it?"}));
    assert_eq!(bea.wait("message")["text"], "who needs it?");
    let home = Scratch::new("friends-back");
    for _ in 0..2 {
        let (dying, _) = registry(&nobody);
        assert_eq!(anna.wait("published")["registry"], nobody);
        assert_eq!(who(&home, &nobody).len(), 1);
        drop(dying);
        assert_eq!(anna.wait("warning")["code"], "registry", "a new loss is a new story");
    }
    anna.send(&json!({"command": "msg", "to": "bea", "text": "still there?"}));
    assert_eq!(bea.wait("message")["text"], "still there?");
}

#[test]
fn without_a_verb_it_shows_what_is_on_and_which_contacts_have_registered_by_their_keys() {
    let (registry, address) = registry("127.0.0.1:0");
    let (mut ada, ready) = host("ada", "Rust 101", &address, &[]);
    let mut guest = Bot::start("gil", &["join", ready["listen"].as_str().expect("it listens")]);
    guest.wait("ready");
    let hosts: Vec<_> = (0..5).map(|number| open("carl", &format!("Room {number}"), &address, &[])).collect();
    let (mut bea, listening) = friend("bea", &address);
    let home = Arc::new(Scratch::new("overview"));
    // Somebody who calls herself what the user calls another.
    let (mut false_bea, _) = friend("beatrix", &address);
    for friend in [&mut bea, &mut false_bea] {
        friend.send(&json!({"command": "register"}));
        friend.wait("published");
    }
    let at = listening["listen"].as_str().expect("it listens");
    for words in [&["contacts", "add", "beatrix", at][..], &["send", "beatrix", "hi"], &["contacts", "add", "dora", at]]
    {
        assert!(run(&home, words).1.status.success(), "{words:?}");
    }
    let fullest = |events: &[Value]| events.iter().any(|event| event["number"] == 1 && event["population"] == 2);
    let events = loop {
        let (events, output) = run(&home, &["--registry", &address]);
        assert!(output.status.success(), "{events:?}");
        if fullest(&events) {
            break events;
        }
    };
    let of = |event: &str| events.iter().filter(|shown| shown["event"] == event).collect::<Vec<_>>();
    assert_eq!(of("listing").len(), 5, "{events:?}");
    assert_eq!(of("listing")[0]["title"], "Rust 101");
    let people = of("person");
    let [person] = people.as_slice() else { panic!("{people:?}") };
    assert_eq!((&person["name"], &person["key"]), (&json!("beatrix"), &listening["key"]));
    let output = tertulia(&home).args(["--registry", &address]).output().expect("the program starts");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    for expected in
        ["  1  Rust 101: lecture of ada", "and 1 more: tertulia", "of your contacts (2), 1 registered", "join 1\n"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    joins(&home, &["--registry", &address, "join", "1"], "Rust 101", &mut ada);
    drop(hosts);

    // One that takes connections and says nothing.
    support::signal(registry.id(), "STOP");
    let before = Instant::now();
    let (events, output) = run(&home, &["--registry", &address]);
    assert!(before.elapsed() < Duration::from_secs(5), "{:?}", before.elapsed());
    assert!(output.status.success(), "{events:?}");
    let [id, warning] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((&id["event"], &warning["code"]), (&json!("id"), &json!("unreachable")));
    assert!(warning["message"].as_str().is_some_and(|message| message.contains(&address)), "{warning}");
    support::signal(registry.id(), "CONT");
}

#[test]
fn who_has_an_answer_does_not_wait_for_who_holds_on_to_the_connection() {
    let (_registry, address) = registry("127.0.0.1:0");
    let (_ada, ready) = host("ada", "Rust 101", &address, &[]);
    let (mut bea, listening) = friend("bea", &address);
    let listens = |ready: &Value| support::held_open(ready["listen"].as_str().expect("it listens"));
    let (lecture, friend) = (listens(&ready), listens(&listening));
    let holds = support::held_open(&address);
    let home = Scratch::new("held-open");
    for words in [&["list"][..], &["who"], &[], &["send", &friend, "hi"]] {
        let before = Instant::now();
        let (events, output) = run(&home, &[&["--registry", &holds], words].concat());
        assert!(output.status.success(), "{words:?}: {events:?}");
        assert!(before.elapsed() < HELD_MAX, "{words:?} took {:?}", before.elapsed());
    }
    assert_eq!(bea.wait("message")["text"], "hi");
    let mut guest = Bot::start("gil", &["join", &lecture]);
    guest.wait("linked");
    guest.send(&json!({"command": "quit"}));
    let before = Instant::now();
    assert!(guest.end().success());
    assert!(before.elapsed() < HELD_MAX, "leaving took {:?}", before.elapsed());
}

#[test]
fn who_has_joined_is_told_where_registries_are_asked() {
    for flags in [&["--lecture"][..], &[]] {
        let mut host = Bot::start("ada", &[&["host", "T", "--listen", "127.0.0.1:0"], flags].concat());
        let address = host.wait("ready")["listen"].as_str().expect("it listens").to_string();
        let mut guest = Bot::start("bea", &["join", &address]);
        guest.wait("ready");
        for (command, next) in [
            ("list", "tertulia list"),
            ("who", "tertulia who"),
            ("register", "tertulia friends"),
            ("add", "tertulia friends"),
        ] {
            let mut wish = json!({"command": command, "id": command});
            if command == "add" {
                (wish["name"], wish["address"]) = (json!("carl"), json!("127.0.0.1:1"));
            }
            guest.send(&wish);
            let error = guest.wait("error");
            let message = error["message"].as_str().expect("a message");
            assert!(
                error["id"] == command && message.contains(&format!("in another terminal: {next}")),
                "{flags:?}: {error}"
            );
        }
        host.send(&json!({"command": "end"}));
    }
}

#[test]
fn people_register_and_leave_and_a_rename_shows() {
    let (_registry, address) = registry("127.0.0.1:0");
    let (mut ada, ready) = host("ada", "Rust 101", &address, &[]);
    let home = Scratch::new("people");
    let who = || who(&home, &address);
    assert!(who().is_empty(), "only who wants to be there is");
    ada.send(&json!({"command": "register", "id": 1}));
    assert_eq!(ada.wait("done")["id"], 1);
    ada.wait("published");
    let people = who();
    let [person] = people.as_slice() else { panic!("{people:?}") };
    assert_eq!((&person["name"], &person["key"]), (&json!("ada"), &ready["key"]));
    assert_eq!(person["address"], ready["listen"]);
    assert!(person["since"].is_u64());
    ada.send(&json!({"command": "name", "name": "hedy"}));
    while who()[0]["name"] != "hedy" {}
    ada.send(&json!({"command": "unregister", "id": 2}));
    while !who().is_empty() {}
    assert_eq!(titles(&home, &address, &[]), ["Rust 101"], "the meeting stays");
}

#[test]
fn several_registries_are_told_and_asked_and_one_that_is_not_there_holds_up_nothing() {
    let (_one, first) = registry("127.0.0.1:0");
    let (_other, second) = registry("127.0.0.1:0");
    let (_ada, _) = host("ada", "At the first", &first, &[]);
    let (_carl, _) = host("carl", "At the second", &second, &[]);
    // Nobody listens there: it was free a moment ago, and is again.
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let mut both = Bot::start(
        "dora",
        &["--registry", &first, "--registry", &second, "host", "At both", "--lecture", "--listen", "127.0.0.1:0"],
    );
    (0..2).for_each(|_| drop(both.wait("published")));
    let home = Scratch::new("several");
    let nobody = nobody.to_string();
    let (events, output) = run(&home, &["--registry", &first, "--registry", &nobody, "--registry", &second, "list"]);
    assert!(output.status.success());
    let listings = events.iter().filter(|event| event["event"] == "listing");
    let mut titles: Vec<&str> = listings.filter_map(|event| event["title"].as_str()).collect();
    titles.sort_unstable();
    assert_eq!(titles, ["At both", "At the first", "At the second"]);
    assert!(events.iter().any(|event| event["event"] == "warning" && event["code"] == "unreachable"), "{events:?}");
}

#[test]
fn address_3_a_name_that_is_announced_is_told_as_what_it_stands_for_and_nobody_is_met_where_nobody_is() {
    let (_registry, address) = registry("127.0.0.1:0");
    let (mut ada, ready) = host("ada", "By name", &address, &["--announce", "localhost:7473"]);
    assert!(ready["ticket"].as_str().is_some_and(|ticket| ticket.contains("@localhost:7473")), "{ready}");
    ada.send(&json!({"command": "quit"}));
    let rest = ada.rest();
    assert!(rest.iter().all(|event| event["event"] != "error"), "{rest:?}");
    let (mut carl, _) = host("carl", "Elsewhere", &address, &["--announce", "127.0.0.1:9"]);
    carl.send(&json!({"command": "quit"}));
}

#[test]
fn a_registry_that_cannot_be_had_is_told_once_and_what_was_chosen_is_checked() {
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let home = Scratch::new("nobody");
    let (events, output) = run(&home, &["--registry", &nobody.to_string(), "list"]);
    assert_eq!((output.status.code(), events[events.len() - 1]["code"].as_str()), (Some(1), Some("unreachable")));
    for (words, code) in [
        (&["--registry", "no where", "list"][..], Some(2)),
        (&["--no-registry", "list"], Some(1)),
        // As in TERTULIA_REGISTRY: no registry, not one that is called so.
        (&["--registry", "none", "join", "Friday tertulia"], Some(2)),
        (&["--no-registry", "join", "Friday tertulia"], Some(2)),
        (&["registry", "--listen", "here"], Some(2)),
        (&["registry", "--watch", "0"], Some(2)),
    ] {
        assert_eq!(run(&home, words).1.status.code(), code, "{words:?}");
    }
    let mut ada = Bot::start(
        "ada",
        &["--registry", &nobody.to_string(), "host", "Alone", "--lecture", "--listen", "127.0.0.1:0"],
    );
    assert_eq!(ada.wait("warning")["code"], "registry");
    // It is there at last.
    let (_registry, address) = registry(&nobody.to_string());
    assert_eq!(ada.wait("published")["registry"], address);
}

#[test]
fn a_registry_shows_at_an_interval_what_is_in_it() {
    let mut watched = Bot::start("registry", &["registry", "--listen", "127.0.0.1:0", "--watch", "1"]);
    let address = watched.wait("ready")["listen"].as_str().expect("it listens").to_string();
    let (_ada, ready) = host("ada", "Rust 101", &address, &[]);
    (0..2).for_each(|_| assert_eq!(watched.wait("listing")["meeting"], ready["meeting"]));
}
