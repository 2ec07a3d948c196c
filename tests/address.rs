//! What is typed as an address, and who is met there.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]

mod support;

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::Arc;

use serde_json::json;
use support::{Bot, Scratch, signal, tertulia};

/// How a refusal ends: the exit code, and what to type instead.
fn refused(home: &Scratch, arguments: &[&str]) -> (Option<i32>, String) {
    let output = tertulia(home).args(arguments).output().expect("the program starts");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    let hint = said.lines().last().and_then(|line| line.strip_prefix("  try: ")).unwrap_or_else(|| panic!("{said}"));
    (output.status.code(), hint.into())
}

#[test]
fn what_others_cannot_dial_is_not_announced() {
    let home = Scratch::new("announced");
    for verb in [&["host", "T"][..], &["host", "T", "--lecture"], &["join", "127.0.0.1:1"], &["friends"]] {
        for (typed, meant) in [("::1:7474", Some("'[::1]:7474'")), ("a:+1", Some("a:7473")), ("a:07", Some("a:7473"))] {
            let (code, hint) = refused(&home, &[verb, &["--announce", typed]].concat());
            assert_eq!(code, Some(2), "{verb:?} {typed}");
            assert!(meant.is_some_and(|meant| hint.ends_with(&format!(" --announce {meant}"))), "{typed}: {hint}");
        }
        for typed in ["0.0.0.0:7474", "[::]:7474", ":::7474", "255.255.255.255:7474", "[fe80::1%lo]:7474"] {
            let (code, hint) = refused(&home, &[verb, &["--announce", typed]].concat());
            assert_eq!(code, Some(2), "{verb:?} {typed}");
            let meant = hint.rsplit(' ').next().unwrap_or_default().trim_matches('\'');
            let meant: std::net::SocketAddr = meant.parse().unwrap_or_else(|error| panic!("{error}: {hint}"));
            assert!(!meant.ip().is_unspecified() && meant.port() == 7474, "{typed}: {hint}");
        }
    }
}

#[test]
fn the_hint_of_a_listener_that_fails_is_one_that_works() {
    let home = Scratch::new("listen");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").and_then(|busy| Ok((busy.local_addr()?, busy)));
    let (busy, _busy) = taken.expect("a port");
    let busy = busy.to_string();
    let cases = [
        ("::1:0", 2, "'[::1]:0'"),
        ("[::1]", 2, "'[::1]:7473'"),
        ("localhost:0", 2, "127.0.0.1:0"),
        ("192.0.2.1:0", 1, "0.0.0.0:0"),
        ("[fe80::1%nowhere]:0", 1, "'[::]:0'"),
        (&busy, 1, "127.0.0.1:0"),
    ];
    for verb in [
        &["host", "T"][..],
        &["host", "T", "--lecture"],
        &["join", "127.0.0.1:1"],
        &["friends"],
        &["receive"],
        &["registry"],
    ] {
        for (typed, expected, meant) in cases {
            let (code, hint) = refused(&home, &[verb, &["--listen", typed]].concat());
            let meant = if verb == ["registry"] { meant.replace("7473", "7472") } else { meant.into() };
            assert!(hint.ends_with(&format!(" --listen {meant}")), "{verb:?} {typed}: {hint}");
            assert!(hint.starts_with(&format!("tertulia {}", verb[0])), "{verb:?} {typed}: {hint}");
            assert_eq!(code, Some(expected), "{verb:?} {typed}: {hint}");
        }
    }
    std::fs::write(home.path().join("config.toml"), "listen = \"192.0.2.1:0\"\n").expect("the home is there");
    for verb in [&["host", "T"][..], &["host", "T", "--lecture"], &["friends"], &["receive"]] {
        let (code, hint) = refused(&home, verb);
        assert!(code == Some(1) && hint.ends_with(" --listen 0.0.0.0:0"), "{verb:?}: {hint}");
    }
}

#[test]
fn an_ipv6_address_without_brackets_is_refused_with_them_everywhere() {
    let home = Scratch::new("brackets");
    for (arguments, expected) in [
        (&["join", "::1:7474"][..], "tertulia join '[::1]:7474'"),
        (&["list", "--registry", "::1:7474"], "tertulia list --registry '[::1]:7474'"),
        (&["list", "--registry=::1:7474"], "tertulia list --registry='[::1]:7474'"),
        (&["contacts", "add", "bea", "::1:7474"], "tertulia contacts add bea '[::1]:7474'"),
        (&["send", "::1:7474", "hi"], "tertulia send '[::1]:7474' TEXT"),
    ] {
        let (_, hint) = refused(&home, arguments);
        assert_eq!(hint, expected, "{arguments:?}");
    }
}

/// What a verb says first that has `part` in it; it is ended then.
fn says(home: &Scratch, arguments: &[&str], part: &str) -> String {
    let mut command = tertulia(home);
    let mut child = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout is a pipe")).lines().map_while(Result::ok);
    let line = lines.find(|line| line.contains(part)).unwrap_or_default();
    let _ = child.kill();
    child.wait().expect("it ends");
    line
}

#[test]
fn without_a_port_it_is_the_usual_one() {
    let home = Scratch::new("port");
    for (typed, dialled) in [
        ("127.7.4.73", "127.7.4.73:7473"),
        ("::1", "[::1]:7473"),
        ("no-such-host.invalid", "no-such-host.invalid:7473"),
        ("[fe80::1%lo]:7473", "[fe80::1%lo]:7473"),
    ] {
        assert_eq!(says(&home, &["join", typed], "joining"), format!("-- joining {dialled} …"));
    }
    assert!(says(&home, &["contacts", "add", "bea", "192.0.2.7"], "bea").contains("192.0.2.7:7473"));
    assert!(says(&home, &["contacts", "add", "carl", "::1"], "carl").contains("[::1]:7473"));
    let list = tertulia(&home).args(["--registry", "127.7.4.72", "list"]).output().expect("the program starts");
    let said = String::from_utf8_lossy(&list.stderr);
    assert!(said.contains("127.7.4.72:7472"), "{said}");
}

#[test]
fn what_the_host_printed_is_joined_however_it_was_copied() {
    let mut host = Bot::start("ada", &["host", "T", "--lecture", "--ticket", "--listen", "127.0.0.1:0"]);
    let ticket = host.wait("ready")["ticket"].as_str().expect("a ticket").to_string();
    let (front, back) = ticket.split_at(100);
    let printed = format!("--   tertulia join '{ticket}'");
    let wrapped = format!("{front}\n  {back}\n");
    for pasted in [&["join", &printed][..], &["join", &wrapped], &["join", "tertulia", "join", &ticket]] {
        let mut guest = Bot::start("bea", pasted);
        assert_eq!(guest.wait("ready")["title"], "T", "{pasted:?}");
        guest.hang_up();
        assert!(guest.end().success());
        host.wait("left");
    }
}

const KINDS: [&[&str]; 2] = [&[], &["--lecture"]];

/// Who holds a meeting of this kind and title, and where.
fn host(title: &str, kind: &[&str], listen: &str) -> (Bot, String) {
    let mut host = Bot::start("ada", &[&["host", title, "--listen", listen], kind].concat());
    let address = host.wait("ready")["listen"].as_str().expect("a host listens").to_string();
    (host, address)
}

/// Comes to the address, is in the meeting of this title, is heard there, and leaves.
fn visit(home: &Arc<Scratch>, address: &str, title: &str, host: &mut Bot) {
    let mut bea = Bot::start_in(home, "bea", &["join", address]);
    assert_eq!(bea.wait("ready")["title"], title);
    bea.send(&json!({"command": "say", "text": format!("hello, {title}")}));
    assert_eq!(host.wait("message")["text"], format!("hello, {title}"));
    bea.send(&json!({"command": "quit"}));
    assert!(bea.end().success());
}

#[test]
fn join_17_who_answers_at_an_address_decides_whatever_was_there_before() {
    for first in KINDS {
        for second in KINDS {
            for is_killed in [false, true] {
                let home = Arc::new(Scratch::new("decides"));
                let (mut ada, address) = host("W1", first, "127.0.0.1:0");
                visit(&home, &address, "W1", &mut ada);
                if is_killed {
                    signal(ada.id(), "KILL");
                } else {
                    ada.send(&json!({"command": "end"}));
                }
                assert_eq!(ada.end().success(), !is_killed);
                let (mut ada, address) = host("W2", second, &address);
                visit(&home, &address, "W2", &mut ada);
                // And back: both are kept now, and the last one is the guess.
                visit(&home, &address, "W2", &mut ada);
            }
        }
    }
}

#[test]
fn where_nobody_answers_a_kept_room_is_named_and_the_address_is_looked_at_on() {
    for second in KINDS {
        let home = Arc::new(Scratch::new("alone"));
        let (mut ada, address) = host("W1", &[], "127.0.0.1:0");
        visit(&home, &address, "W1", &mut ada);
        ada.send(&json!({"command": "end"}));
        assert!(ada.end().success());
        let mut bea = Bot::start_in(&home, "bea", &["join", &address]);
        let warning = bea.wait("warning");
        let message = warning["message"].as_str().unwrap_or_default();
        assert!(message.contains(&address) && message.contains("`W1`") && message.contains("just now"), "{message}");
        assert_eq!(bea.wait("ready")["title"], "W1");
        let (mut ada, _) = host("W2", second, &address);
        let warning = bea.wait("warning");
        assert_eq!(warning["code"], "another_meeting");
        assert!(warning["message"].as_str().is_some_and(|message| message.contains("`W1`")), "{warning}");
        assert_eq!(bea.wait("ready")["title"], "W2");
        bea.send(&json!({"command": "say", "text": "here"}));
        assert_eq!(ada.wait("message")["text"], "here");
        bea.send(&json!({"command": "quit"}));
        assert!(bea.end().success());
    }
}

#[test]
fn who_waits_alone_for_a_room_is_in_it_when_it_comes_back() {
    let homes = [Arc::new(Scratch::new("back-host")), Arc::new(Scratch::new("back-guest"))];
    let mut ada = Bot::start_in(&homes[0], "ada", &["host", "W1", "--listen", "127.0.0.1:0"]);
    let address = ada.wait("ready")["listen"].as_str().expect("a host listens").to_string();
    visit(&homes[1], &address, "W1", &mut ada);
    signal(ada.id(), "KILL");
    ada.end();
    let mut bea = Bot::start_in(&homes[1], "bea", &["join", &address]);
    assert_eq!(bea.wait("ready")["title"], "W1");
    bea.send(&json!({"command": "say", "text": "anybody?"}));
    let mut ada = Bot::start_in(&homes[0], "ada", &["host", "W1", "--listen", &address]);
    while ada.wait("message")["text"] != "anybody?" {}
    bea.send(&json!({"command": "quit"}));
    assert!(bea.rest().iter().all(|event| event["event"] != "ready"), "it is the same room");
    assert!(bea.end().success());
}

#[test]
fn who_met_nobody_at_the_address_has_not_succeeded() {
    let home = Arc::new(Scratch::new("nobody-met"));
    let (mut ada, address) = host("W1", &[], "127.0.0.1:0");
    visit(&home, &address, "W1", &mut ada);
    signal(ada.id(), "KILL");
    ada.end();
    let mut bea = Bot::start_in(&home, "bea", &["join", &address]);
    bea.wait("ready");
    bea.send(&json!({"command": "say", "text": "to whom?"}));
    bea.send(&json!({"command": "quit"}));
    let closed = bea.wait("closed");
    assert_eq!(closed["code"], "no_listener");
    assert!(closed["reason"].as_str().is_some_and(|reason| reason.contains(&address) && reason.contains("`W1`")));
    assert_eq!(bea.end().code(), Some(1));
}

#[test]
fn a_lecture_that_was_there_is_named_while_nobody_answers() {
    let home = Arc::new(Scratch::new("was-there"));
    let (mut ada, address) = host("W1", &["--lecture"], "127.0.0.1:0");
    visit(&home, &address, "W1", &mut ada);
    signal(ada.id(), "KILL");
    ada.end();
    let mut bea = Bot::start_in(&home, "bea", &["join", &address]);
    let warning = bea.wait("warning");
    assert!(warning["message"].as_str().is_some_and(|message| message.contains("the lecture `W1`")), "{warning}");
    let (mut ada, _) = host("W2", &[], &address);
    assert_eq!(bea.wait("ready")["title"], "W2");
    ada.wait("joined");
}
