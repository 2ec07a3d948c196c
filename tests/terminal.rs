//! Plain lines in a terminal: what the terminal edits itself.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::process::Command;

use expectrl::session::OsSession;
use expectrl::{Expect as _, Session};
use serde_json::json;
use support::{Bot, PATIENCE, Scratch, tertulia};

/// The host of a lecture in a terminal, and where to dial it.
fn host(home: &Scratch, environment: &[(&str, &str)], option: &[&str]) -> (OsSession, String) {
    let mut command = Command::new(tertulia(home).get_program());
    command.env_clear().env("TERM", "xterm").env("TERTULIA_HOME", home.path()).env("TERTULIA_REGISTRY", "none");
    command.envs(environment.iter().copied()).args(option);
    command.args(["host", "T", "--lecture", "--listen", "127.0.0.1:0", "--name", "anna"]);
    let mut host = Session::spawn(command).expect("a terminal");
    host.set_expect_timeout(Some(PATIENCE));
    let found = host.expect(expectrl::Regex("tertulia join (127.0.0.1:[0-9]+)")).expect("it says how to join");
    let address = found.get(1).map(String::from_utf8_lossy).expect("an address").into_owned();
    host.expect("/help has more").expect("it says what to type");
    (host, address)
}

#[test]
fn what_is_typed_is_said_and_not_repeated_and_a_refusal_ends_nothing() {
    let home = Scratch::new("plain");
    let (mut host, address) = host(&home, &[], &["--plain"]);
    let mut bea = Bot::start("bea", &["join", &address]);
    host.expect("-- bea joined").expect("bea is there");
    host.send("one\rtwo\r/users x\rthree\r").expect("four lines are typed at once");
    for expected in ["one", "two", "three"] {
        assert_eq!(bea.wait("message")["text"], expected);
    }
    host.send("/stop\r").expect("it is typed");
    let shown = host.expect("-- the lecture can go on").expect("it stops, and says how to go on");
    let shown = String::from_utf8_lossy(shown.before()).into_owned();
    assert!(shown.contains("-- error: type: /users"), "{shown}");
    assert!(!shown.contains("anna:"), "what stands there is not shown again: {shown}");
    let is_colour =
        |escape: &str| escape.trim_start_matches(|part: char| part.is_ascii_digit() || part == ';').starts_with('m');
    assert!(shown.split("\u{1b}[").skip(1).all(is_colour), "the cursor is not moved: {shown:?}");
    host.expect(expectrl::Eof).expect("it ends");
    assert!(
        matches!(host.get_process().wait(), Ok(expectrl::process::unix::WaitStatus::Exited(_, 0))),
        "nobody has failed"
    );
}

#[test]
fn a_terminal_gets_no_colours_that_it_or_its_user_can_not_have() {
    let home = Scratch::new("dumb");
    for (variable, value, option) in
        [("TERM", "dumb", &[][..]), ("NO_COLOR", "1", &["--plain"]), ("CLICOLOR", "0", &["--plain"])]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tertulia"));
        command.env_clear().env("TERM", "xterm").env(variable, value).args(option);
        command.env("TERTULIA_HOME", home.path()).env("TERTULIA_REGISTRY", "none");
        command.args(["host", "T", "--lecture", "--listen", "127.0.0.1:0", "--name", "anna"]);
        let mut host = Session::spawn(command).expect("a terminal");
        host.set_expect_timeout(Some(PATIENCE));
        let greeting = host.expect("/help has more").expect("it says what to type");
        let shown = String::from_utf8_lossy(greeting.before()).into_owned();
        assert!(!shown.contains('\u{1b}'), "{variable}: {shown:?}");
    }
}

#[test]
fn what_arrives_can_not_act_on_the_terminal() {
    let home = Scratch::new("hostile");
    let (mut host, address) = host(&home, &[], &["--plain"]);
    let mut bea = Bot::start("bea", &["join", &address]);
    bea.wait("ready");
    let text = "\u{1b}]0;title\u{7}\u{1b}[2J\r-- error: forged\u{9b}1A\n-- anna left";
    bea.send(&json!({"command": "say", "text": text}));
    let shown = "\\u{1b}]0;title\\u{7}\\u{1b}[2J\\u{d}-- error: forged\\u{9b}1A";
    host.expect(shown).expect("it is shown escaped");
    host.expect("    | -- anna left").expect("and can't forge a line");
}
