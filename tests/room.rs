//! A room of twelve processes: everybody prints the same, every two are linked, and nobody is needed.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]
#![allow(clippy::arithmetic_side_effects, reason = "small numbers")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use support::Bot;
use tertulia_testkit::real::proxy::{Fault, Proxy, Way};

const MEMBERS: usize = 12;
const LINES: usize = 20;

/// A place in the transcript, and what was said there.
type Line = (u64, String, String, u64, String);

/// The texts that a member has printed, in the order of a transcript.
fn transcript(events: &[Value]) -> Vec<Line> {
    let texts = events.iter().filter(|event| event["event"] == "message" && event["kind"] == "text");
    let number = |event: &Value, field: &str| event[field].as_u64().expect("a number");
    let word = |event: &Value, field: &str| event[field].as_str().expect("a text").to_string();
    let mut lines: Vec<Line> = texts
        .map(|event| {
            let (lamport, author) = (number(event, "lamport"), word(event, "author"));
            (lamport, author, word(event, "session"), number(event, "number"), word(event, "text"))
        })
        .collect();
    lines.sort_unstable();
    lines
}

/// Reads what a member prints until it has printed so many texts.
fn read_until(bot: &mut Bot, seen: &mut Vec<Value>, texts: usize) {
    while transcript(seen).len() < texts {
        seen.push(bot.next());
    }
}

/// Waits until a member is linked with so many others.
fn wait_linked(bot: &mut Bot, seen: &mut Vec<Value>, others: usize) {
    let linked = |seen: &[Value]| {
        let mut keys = BTreeSet::new();
        for event in seen {
            let key = event["key"].as_str().unwrap_or_default().to_string();
            match event["event"].as_str() {
                Some("linked") => _ = keys.insert(key),
                Some("unlinked") => _ = keys.remove(&key),
                _ => {}
            }
        }
        keys.len()
    };
    while linked(seen) < others {
        seen.push(bot.next());
    }
}

/// The founder, and the others, each by what it has printed so far.
fn gather() -> Vec<(Bot, Vec<Value>)> {
    let mut founder = Bot::start("founder", &["host", "Twelve", "--listen", "127.0.0.1:0"]);
    let ready = founder.wait("ready");
    assert_eq!(ready["role"], "member");
    let field = |name: &str| ready[name].as_str().expect("a room has a place").to_string();
    let targets = [field("listen"), field("ticket")];
    let join = |number: usize| {
        let target = &targets[number % targets.len()];
        Bot::start(&format!("member-{number}"), &["join", target, "--listen", "127.0.0.1:0"])
    };
    let mut room = vec![(founder, Vec::new())];
    room.extend((1..MEMBERS).map(|number| (join(number), Vec::new())));
    for (bot, seen) in &mut room {
        wait_linked(bot, seen, MEMBERS - 1);
    }
    room
}

/// The established connections of the kernel's table, each end by its process: pairs of process ids.
fn connections(processes: &[u32]) -> BTreeMap<(u32, u32), usize> {
    let mut owner = BTreeMap::new();
    for process in processes {
        let folder = std::fs::read_dir(format!("/proc/{process}/fd")).expect("an own child's files can be listed");
        for file in folder.flatten() {
            if let Ok(target) = std::fs::read_link(file.path())
                && let Some(inode) = target.to_string_lossy().strip_prefix("socket:[")
            {
                owner.insert(inode.trim_end_matches(']').to_string(), *process);
            }
        }
    }
    // Local address, other end, inode of each that is established (01).
    let mut ends = BTreeMap::new();
    let table = std::fs::read_to_string("/proc/net/tcp").expect("the kernel's table");
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if fields[3] == "01"
            && let Some(process) = owner.get(fields[9])
        {
            ends.insert((fields[1].to_string(), fields[2].to_string()), *process);
        }
    }
    let mut pairs = BTreeMap::new();
    for ((local, other), process) in &ends {
        if let Some(peer) = ends.get(&(other.clone(), local.clone()))
            && process < peer
        {
            *pairs.entry((*process, *peer)).or_default() += 1;
        }
    }
    pairs
}

#[test]
fn mesh_5_and_mesh_11_twelve_processes_are_linked_each_with_each_and_print_the_same() {
    let mut room = gather();
    let processes: Vec<u32> = room.iter().map(|(bot, _)| bot.id()).collect();
    let pairs = connections(&processes);
    assert_eq!(pairs.len(), MEMBERS * (MEMBERS - 1) / 2, "{pairs:?}");
    assert!(pairs.values().all(|count| *count == 1), "one link a pair: {pairs:?}");

    for (number, (bot, _)) in room.iter_mut().enumerate() {
        for line in 0..LINES {
            bot.send(&json!({"command": "say", "text": format!("{number} says {line}")}));
        }
    }
    for (bot, seen) in &mut room {
        read_until(bot, seen, MEMBERS * LINES);
    }
    let first = transcript(&room[0].1);
    assert_eq!(first.len(), MEMBERS * LINES);
    for (_, seen) in &room {
        assert_eq!(transcript(seen), first);
        assert!(!seen.iter().any(|event| event["event"] == "gap"));
    }

    // The founder is stopped: it takes nothing in, and says nothing, and nobody needs it.
    support::signal(processes[0], "STOP");
    room[7].0.send(&json!({"command": "say", "text": "without the founder"}));
    for (bot, seen) in room.iter_mut().skip(1) {
        read_until(bot, seen, MEMBERS * LINES + 1);
        assert!(transcript(seen).iter().any(|line| line.4 == "without the founder"));
    }
    support::signal(processes[0], "CONT");
    let (founder, seen) = &mut room[0];
    read_until(founder, seen, MEMBERS * LINES + 1);
    founder.send(&json!({"command": "end"}));
    for (bot, seen) in &mut room {
        seen.extend(bot.rest());
        assert_eq!(seen.last().expect("the end")["code"], "ended");
        assert_eq!(transcript(seen).len(), MEMBERS * LINES + 1, "nothing comes twice");
    }
    assert!(room.into_iter().all(|(bot, _)| bot.end().success()));
}

/// The states of the others, by name, as a member sees them.
#[test]
fn digest_2_at_another_door_nothing_is_shown_again() {
    let mut ada = Bot::start("ada", &["host", "Two doors", "--listen", "127.0.0.1:0"]);
    let door = |ready: &Value| ready["listen"].as_str().expect("it listens").to_string();
    let first = door(&ada.wait("ready"));
    let mut poe = Bot::start("poe", &["join", &first, "--listen", "127.0.0.1:0"]);
    let second = door(&poe.wait("ready"));
    let home = std::sync::Arc::new(support::Scratch::new("two-doors"));
    ada.send(&json!({"command": "say", "text": "one"}));
    let mut bea = Bot::start_in(&home, "bea", &["join", &first, "--listen", "127.0.0.1:0"]);
    assert_eq!(bea.wait("message")["text"], "one");
    bea.send(&json!({"command": "quit"}));
    assert!(bea.end().success());
    ada.send(&json!({"command": "say", "text": "two"}));
    assert_eq!(
        (poe.wait("message")["text"].clone(), poe.wait("message")["text"].clone()),
        (json!("one"), json!("two"))
    );
    let mut bea = Bot::start_in(&home, "bea", &["join", &second, "--listen", "127.0.0.1:0"]);
    assert_eq!(bea.wait("message")["text"], "two");
}

fn states(bot: &mut Bot, seen: &mut Vec<Value>) -> BTreeMap<String, String> {
    bot.send(&json!({"command": "users"}));
    loop {
        let event = bot.next();
        seen.push(event.clone());
        if event["event"] == "roster" {
            let members = event["members"].as_array().expect("members").clone();
            let word = |member: &Value, field: &str| member[field].as_str().expect("a word").to_string();
            return members.iter().map(|member| (word(member, "name"), word(member, "state"))).collect();
        }
    }
}

fn wait_for(bot: &mut Bot, seen: &mut Vec<Value>, event: &str) {
    while seen.last().is_none_or(|last| last["event"] != event) {
        seen.push(bot.next());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mesh_13_a_pair_that_is_cut_in_a_record_gets_over_others_what_both_say_and_once() {
    // A port that is free just now: the proxy has to know it before the founder listens.
    let target = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let target = target.expect("a free port");
    let proxy = Proxy::start(target).await;
    let (listen, announce) = (target.to_string(), proxy.address().to_string());
    tokio::task::block_in_place(|| {
        let mut a = Bot::start("anna", &["host", "Cut", "--listen", &listen, "--announce", &announce]);
        a.wait("ready");
        // Nobody reaches Bea: it is she who dials, Anna through the proxy and Cleo directly.
        let mut b = Bot::start("bea", &["join", &announce, "--announce", "127.0.0.1:1"]);
        let (mut of_a, mut of_b, mut of_c) = (Vec::new(), Vec::new(), Vec::new());
        wait_linked(&mut b, &mut of_b, 1);
        let mut c = Bot::start("cleo", &["join", &listen, "--listen", "127.0.0.1:0"]);
        wait_linked(&mut a, &mut of_a, 2);
        wait_linked(&mut b, &mut of_b, 2);
        wait_linked(&mut c, &mut of_c, 2);

        // In the middle of a record, whichever that is.
        proxy.refuse(true);
        proxy.arm(Way::Back, 1_000, Fault::Reset);
        for number in 0..LINES {
            a.send(&json!({"command": "say", "text": format!("a{number}")}));
            b.send(&json!({"command": "say", "text": format!("b{number}")}));
        }
        wait_for(&mut a, &mut of_a, "unlinked");
        wait_for(&mut b, &mut of_b, "unlinked");
        read_until(&mut a, &mut of_a, 2 * LINES);
        read_until(&mut b, &mut of_b, 2 * LINES);
        assert_eq!(states(&mut b, &mut of_b)["anna"], "bridged");
        a.send(&json!({"command": "say", "text": "over cleo"}));
        read_until(&mut b, &mut of_b, 2 * LINES + 1);
        assert_eq!(states(&mut b, &mut of_b)["anna"], "bridged");

        proxy.refuse(false);
        wait_for(&mut b, &mut of_b, "linked");
        b.send(&json!({"command": "say", "text": "back"}));
        read_until(&mut a, &mut of_a, 2 * LINES + 2);
        // What is on its way to somebody as the room ends may come too late.
        read_until(&mut c, &mut of_c, 2 * LINES + 2);
        a.send(&json!({"command": "end"}));
        for (bot, seen) in [(&mut a, &mut of_a), (&mut b, &mut of_b), (&mut c, &mut of_c)] {
            seen.extend(bot.rest());
        }
        assert_eq!(transcript(&of_a).len(), 2 * LINES + 2);
        assert_eq!(transcript(&of_a), transcript(&of_b));
        assert_eq!(transcript(&of_a), transcript(&of_c));
    });
}

/// What is told of people in these events.
fn people(events: &[Value]) -> Vec<String> {
    let is_of_people = |event: &&Value| event["event"] == "joined" || event["event"] == "left";
    events.iter().filter(is_of_people).map(|event| format!("{} {}", event["event"], event["name"])).collect()
}

#[test]
fn mesh_25_a_newcomer_is_told_who_is_here_and_nobody_leaves_who_was_not_here_while_it_was() {
    // Of what was said before, a newcomer may be served nothing; who has left it hears all the same.
    for history in ["all", "none"] {
        let mut ada = Bot::start("ada", &["host", "Come and go", "--history", history, "--listen", "127.0.0.1:0"]);
        let address = ada.wait("ready")["listen"].as_str().expect("it listens").to_string();
        let mut gone: Vec<Bot> = (0..5).map(|at| Bot::start(&format!("gone-{at}"), &["join", &address])).collect();
        gone.iter_mut().for_each(|bot| drop(bot.wait("linked")));
        for bot in &mut gone {
            bot.send(&json!({"command": "say", "text": "I was here"}));
            bot.send(&json!({"command": "quit"}));
            bot.wait("closed");
            ada.wait("left");
        }
        let mut bea = Bot::start("bea", &["join", &address]);
        let roster = bea.wait("roster");
        let names: Vec<&Value> =
            roster["members"].as_array().expect("members").iter().map(|one| &one["name"]).collect();
        assert_eq!(names, ["ada", "bea"], "{history}");
        ada.send(&json!({"command": "say", "text": "welcome"}));
        let mut seen = vec![bea.next()];
        while seen.last().expect("an event")["text"] != "welcome" {
            seen.push(bea.next());
        }
        assert_eq!(people(&seen), [""; 0], "{history}: {seen:?}");
    }
}
