//! The command line in a terminal of its own: what is typed survives what arrives.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use expectrl::session::OsSession;
use expectrl::{Expect as _, Session};
use serde_json::json;
use support::{Bot, PATIENCE, Scratch, tertulia};
use tertulia_core::limits::TEXT_MAX;

/// Whoever types is answered by then, whatever has just arrived.
const RESPONSIVE: Duration = Duration::from_secs(5);

/// The program in a terminal.
fn terminal(home: &Scratch, arguments: &[&str]) -> OsSession {
    let mut command: Command = tertulia(home);
    // What a process is given by default would keep it from its terminal.
    let mut in_terminal = Command::new(command.get_program());
    in_terminal
        .env_clear()
        .env("TERM", "xterm")
        .env("TERTULIA_HOME", home.path())
        .env("TERTULIA_REGISTRY", "none")
        .arg("--plain")
        .args(arguments);
    std::mem::swap(&mut command, &mut in_terminal);
    let mut session = Session::spawn(command).expect("a terminal");
    session.set_expect_timeout(Some(PATIENCE));
    session
}

/// The host of a lecture in a terminal, and where to dial it.
fn host(home: &Scratch) -> (OsSession, String) {
    host_of(home, &["--lecture"])
}

/// The same, of any meeting.
fn host_of(home: &Scratch, kind: &[&str]) -> (OsSession, String) {
    let arguments = [&["host", "T", "--listen", "127.0.0.1:0", "--name", "anna"], kind].concat();
    let mut host = terminal(home, &arguments);
    let found = host.expect(expectrl::Regex("tertulia join (127.0.0.1:[0-9]+)")).expect("it says how to join");
    let address = found.get(1).map(String::from_utf8_lossy).expect("an address").into_owned();
    host.expect("/help has more").expect("it says what to type");
    (host, address)
}

#[test]
fn a_half_typed_line_survives_what_arrives() {
    let home = Scratch::new("half");
    let (mut host, address) = host(&home);
    let mut bea = Bot::start("bea", &["join", &address]);
    host.expect("-- bea joined").expect("bea is there");
    host.send("half of ").expect("it is typed");
    host.expect("half of ").expect("it is shown");
    for question in ["one?", "two?", "three?"] {
        bea.send(&json!({"command": "say", "text": question}));
        host.expect(format!("Question from bea:\u{1b}[0m {question}")).expect("it arrives");
        // The line is drawn again below.
        host.expect("half of ").expect("it is still there");
    }
    host.send("a line\r").expect("it is finished");
    loop {
        let event = bea.wait("message");
        if event["kind"] == "text" {
            assert_eq!(event["text"], "half of a line");
            break;
        }
    }
    host.send("/end\r").expect("it is typed");
    host.expect("-- the meeting is over").expect("it ends");
    assert_eq!(bea.wait("closed")["code"], "ended");
    host.expect(expectrl::Eof).expect("it gives the terminal back");
}

#[test]
fn a_line_that_is_refused_can_be_changed() {
    let home = Scratch::new("again");
    let (mut host, _) = host(&home);
    host.send("/users x\r").expect("it is typed");
    host.expect("-- error: type: /users").expect("it is refused");
    host.expect("the line is back below").expect("it says why");
    host.expect("/users x").expect("it is handed back");
    host.send("\u{7f}\u{7f}\r").expect("two letters are taken away");
    host.expect("-- 1 here: anna (you, host)").expect("it works");
    host.send("\u{3}\u{3}").expect("Ctrl-C is typed twice");
    host.expect("-- the meeting is over").expect("it ends");
    host.expect(expectrl::Eof).expect("it gives the terminal back");
}

#[test]
fn a_line_that_is_refused_does_not_join_what_is_typed_ahead() {
    let home = Scratch::new("typed-ahead");
    let (mut host, address) = host(&home);
    let mut bea = Bot::start("bea", &["join", &address]);
    host.expect("-- bea joined").expect("bea is there");
    host.send("/msg x\r/frob\r").expect("two lines are typed at once");
    host.expect("-- error: there is no /frob here").expect("the second is refused for itself");
    host.expect("> /frob").expect("and handed back");
    let clear = |host: &mut OsSession| {
        host.send("\u{3}").expect("Ctrl-C is typed");
        host.expect("Ctrl-C again, on the empty line").expect("it is gone");
    };
    clear(&mut host);
    host.send("\u{1b}[A\u{1b}[A").expect("the arrow key is pressed");
    host.expect("> /msg x").expect("what was refused first is there");
    clear(&mut host);
    host.send("/kick\r\rhello\r").expect("an empty line is between the two");
    assert_eq!(bea.wait("message")["text"], "hello");
    host.send("/users x\rhalf ").expect("half a line is typed ahead");
    host.send("a line\r").expect("it is finished");
    assert_eq!(bea.wait("message")["text"], "half a line");
    host.send("/end\r").expect("it is typed");
    host.expect("-- the meeting is over").expect("it ends");
}

#[test]
fn ctrl_c_takes_away_half_a_line_before_it_ends_anything() {
    let home = Scratch::new("cleared");
    let (mut host, address) = host(&home);
    let mut bea = Bot::start("bea", &["join", &address]);
    host.expect("-- bea joined").expect("bea is there");
    host.send("half a line").expect("it is typed");
    host.expect("half a line").expect("it is shown");
    host.send("\u{3}").expect("Ctrl-C is typed");
    host.expect("Ctrl-C again, on the empty line, ends the lecture for all").expect("it says what another one does");
    host.send("whole\r").expect("it is typed");
    let said = bea.wait("message");
    assert_eq!((said["kind"].as_str(), said["text"].as_str()), (Some("text"), Some("whole")));
    host.send("\u{3}").expect("Ctrl-C is typed");
    host.expect("Ctrl-C again").expect("one is not enough, so long after the other");
    host.send("\u{3}").expect("Ctrl-C is typed");
    host.expect("-- the meeting is over").expect("it ends");
    assert_eq!(bea.wait("closed")["code"], "ended");
}

#[test]
fn a_terminal_gets_no_colours_that_it_or_its_user_can_not_have() {
    let home = Scratch::new("dumb");
    for (term, variable, value) in [("dumb", "COLUMNS", "80"), ("xterm", "NO_COLOR", "1"), ("xterm", "CLICOLOR", "0")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tertulia"));
        command.env_clear().env("TERM", term).env(variable, value);
        command.env("TERTULIA_HOME", home.path()).env("TERTULIA_REGISTRY", "none");
        command.args(["--plain", "host", "T", "--lecture", "--listen", "127.0.0.1:0", "--name", "anna"]);
        let mut host = Session::spawn(command).expect("a terminal");
        host.set_expect_timeout(Some(PATIENCE));
        let greeting = host.expect("/help has more").expect("it says what to type");
        let shown = String::from_utf8_lossy(greeting.before()).into_owned();
        // The dim line of this program's own.
        assert!(!shown.contains("\u{1b}[2m"), "{term} {variable}: {shown:?}");
        assert!(term == "xterm" || !shown.contains('\u{1b}'), "{shown:?}");
    }
}

#[test]
fn what_arrives_can_not_act_on_the_terminal() {
    let home = Scratch::new("hostile");
    let (mut host, address) = host(&home);
    let mut bea = Bot::start("bea", &["join", &address]);
    bea.wait("ready");
    let text = "\u{1b}]0;title\u{7}\u{1b}[2J\r-- error: forged\u{9b}1A\n-- anna left";
    bea.send(&json!({"command": "say", "text": text}));
    let shown = "\\u{1b}]0;title\\u{7}\\u{1b}[2J\\u{d}-- error: forged\\u{9b}1A";
    host.expect(shown).expect("it is shown escaped");
    host.expect("    | -- anna left").expect("and can't forge a line");
}

#[test]
fn lines_that_come_at_once_are_all_sent() {
    let home = Scratch::new("ahead");
    let (mut host, address) = host(&home);
    let mut bea = Bot::start("bea", &["join", &address]);
    host.expect("-- bea joined").expect("bea is there");
    host.send("one\rtwo\rthree\rfour\r").expect("four lines are typed at once");
    for expected in ["one", "two", "three", "four"] {
        let said = bea.wait("message");
        assert_eq!(said["text"], expected);
    }
    host.send("/stop\r").expect("it is typed");
    host.expect("-- the lecture can go on").expect("it stops, and says how to go on");
}

/// Sends the worst texts that there are to somebody who is typing.
fn floods_whoever_types(name: &str, kind: &[&str]) {
    let home = Scratch::new(name);
    let (mut host, address) = host_of(&home, kind);
    let mut bea = Bot::start("bea", &["join", &address]);
    host.expect("-- bea joined").expect("bea is there");
    bea.wait("ready");
    host.send("half of ").expect("it is typed");
    host.expect("half of ").expect("it is shown");
    // As long as a text can be: marks that pile up over one letter, and line breaks; then one that shows the end.
    let worst = ["a\u{301}".repeat(TEXT_MAX / 3), "\u{301}".repeat(TEXT_MAX / 2), "\n".repeat(TEXT_MAX)];
    for text in worst.iter().map(String::as_str).chain(["is that all?"]) {
        bea.send(&json!({"command": "say", "text": text}));
    }
    host.expect("is that all?").expect("it arrives");
    host.expect("half of ").expect("what was typed is still there");
    let typed = Instant::now();
    host.send("a line\r").expect("it is finished");
    while bea.wait("message").get("text") != Some(&json!("half of a line")) {}
    host.send("/users\r").expect("it is typed");
    host.expect(" here: anna (you").expect("it is answered");
    assert!(typed.elapsed() < RESPONSIVE, "after {:?}", typed.elapsed());
}

#[test]
fn h16_a_lecture_s_worst_texts_leave_the_line_to_whoever_types() {
    floods_whoever_types("worst-lecture", &["--lecture"]);
}

#[test]
fn h16_a_room_s_worst_texts_leave_the_line_to_whoever_types() {
    floods_whoever_types("worst-room", &[]);
}
