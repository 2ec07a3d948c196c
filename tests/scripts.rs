//! What a script is told is so: exit codes, answers to ids, targets and texts from stdin, and what stands in files.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]

mod support;

use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use serde_json::{Value, json};
use support::{Bot, Scratch, sealed, signal, tertulia};

const LOOPBACK: [&str; 2] = ["--listen", "127.0.0.1:0"];

/// A host of its own, and where to dial it.
fn host(home: &Arc<Scratch>, arguments: &[&str]) -> (Bot, Value) {
    let arguments = [&["host", "Evening"][..], arguments].concat();
    let mut host = Bot::start_in(home, "anna", &arguments);
    let ready = host.wait("ready");
    (host, ready)
}

fn word(event: &Value, field: &str) -> String {
    event[field].as_str().unwrap_or_else(|| panic!("{field} is no text in {event}")).into()
}

fn home(name: &str) -> Arc<Scratch> {
    Arc::new(Scratch::new(name))
}

/// The rest of what is told: the answers to ids, in order, and all of it.
fn answers(bot: &mut Bot) -> (Vec<(String, Value)>, Vec<Value>) {
    let rest = bot.rest();
    let is_answer = |event: &&Value| ["done", "error"].contains(&event["event"].as_str().unwrap_or_default());
    let answered = rest.iter().filter(is_answer).filter(|event| !event["id"].is_null());
    let shown = |event: &Value| event["code"].as_str().unwrap_or("done").to_string();
    (answered.map(|event| (shown(event), event["id"].clone())).collect(), rest)
}

/// Runs to its end with this on stdin.
fn fed(mut command: Command, input: &[u8]) -> (Option<i32>, String, String) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    // Who refuses what is asked for reads nothing.
    let _ = child.stdin.take().expect("stdin is a pipe").write_all(input);
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("all that is said is UTF-8");
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn a_text_that_nobody_has_is_told_of_and_goes_out_when_its_author_is_back() {
    let (here, there) = (home("alone-anna"), home("alone-bea"));
    let (mut anna, ready) = host(&here, &LOOPBACK);
    let address = word(&ready, "listen");
    let mut bea = Bot::start_in(&there, "bea", &["join", &address]);
    bea.wait("linked");
    anna.send(&json!({"command": "stop", "id": 1}));
    anna.rest();
    assert_eq!(anna.end().code(), Some(0), "she has said nothing");
    bea.wait("unlinked");
    bea.send(&json!({"command": "say", "text": "is anybody there?", "id": 1}));
    bea.send(&json!({"command": "quit", "id": 2}));
    let (answered, rest) = answers(&mut bea);
    assert_eq!(answered, [("done".into(), json!(1)), ("done".into(), json!(2))]);
    let [.., closed, error] = rest.as_slice() else { panic!("{rest:?}") };
    assert_eq!((&closed["event"], &closed["code"]), (&json!("closed"), &json!("left")));
    assert_eq!((&error["event"], &error["code"]), (&json!("error"), &json!("undelivered")));
    assert!(word(error, "message").starts_with("1 text is still only here"), "{error}");
    assert_eq!(bea.end().code(), Some(1));

    let (mut anna, _) = host(&here, &["--listen", &address]);
    let mut bea = Bot::start_in(&there, "bea", &["join", &address]);
    assert_eq!(anna.wait("message")["text"], "is anybody there?", "it is told true");
    bea.wait("linked");
    // And what somebody has is no trouble, however soon one goes.
    bea.send(&json!({"command": "say", "text": "good night", "id": 1}));
    bea.send(&json!({"command": "quit"}));
    let (_, rest) = answers(&mut bea);
    assert!(rest.iter().all(|event| event["event"] != "error"), "{rest:?}");
    assert_eq!(bea.end().code(), Some(0));
    assert_eq!(anna.wait("message")["text"], "good night");
    anna.wait("left");
    anna.send(&json!({"command": "say", "text": "and I am alone"}));
    anna.wait("message");
    signal(anna.id(), "TERM");
    assert!(word(anna.rest().last().expect("an end"), "message").starts_with("1 text is still only here"));
    assert_eq!(anna.end().code(), Some(1), "a host as well, and whatever ends it");
}

#[test]
fn who_is_alone_in_a_room_is_not_told_that_it_goes_on_without_them() {
    let here = home("nobody-else");
    let mut command = tertulia(&here);
    command.args(["--name", "anna", "host", "Evening", "--listen", "127.0.0.1:0"]);
    let (code, out, err) = fed(command, b"/quit\n");
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(!out.contains("goes on without you"), "{out}");
    assert!(out.contains("nobody else is in the room: it goes on when you are back: tertulia"), "{out}");
}

#[test]
fn every_id_that_was_read_is_answered_before_the_end_and_done_means_said() {
    let (mut anna, ready) = host(&home("many-anna"), &LOOPBACK);
    let mut bea = Bot::start("bea", &["join", &word(&ready, "listen")]);
    bea.wait("linked");
    anna.wait("linked");
    // A member says 20 a second, and 5 seconds are given.
    let count = 300;
    for id in 0..count {
        bea.send(&json!({"command": "say", "text": format!("line {id}"), "id": id}));
    }
    bea.send(&json!({"command": "quit", "id": "quit"}));
    bea.send(&json!({"command": "say", "text": "too late", "id": "late"}));
    let (answered, rest) = answers(&mut bea);
    let said = answered.iter().take_while(|(code, _)| code == "done").count();
    assert!((40..count).contains(&said), "{said}");
    let expected = (0..count).map(|id| (if id < said { "done" } else { "undelivered" }, json!(id)));
    let after = answered.get(count..).unwrap_or_default();
    assert_eq!(
        answered.iter().take(count).map(|(code, id)| (code.as_str(), id.clone())).collect::<Vec<_>>(),
        expected.collect::<Vec<_>>(),
        "in order"
    );
    assert_eq!(after, [("done".into(), json!("quit")), ("undelivered".into(), json!("late"))]);
    let at = |wanted: &str| rest.iter().position(|event| event["event"] == wanted || event["id"] == wanted);
    assert!(at("quit") < at("closed") && at("late") < at("closed"), "{rest:?}");
    assert_eq!(bea.end().code(), Some(1));
    for id in 0..said {
        assert_eq!(anna.wait("message")["text"], format!("line {id}"), "what is done was said, once");
    }
    anna.send(&json!({"command": "end"}));
    assert!(anna.rest().iter().all(|event| event["event"] != "message" || event["kind"] != "text"));
}

#[test]
fn a_question_that_was_not_answered_is_not_delivered() {
    let (anna, ready) = host(&home("unanswered"), &["--lecture", "--listen", "127.0.0.1:0"]);
    let mut bea = Bot::start("bea", &["join", &word(&ready, "listen")]);
    bea.wait("linked");
    signal(anna.id(), "STOP");
    bea.send(&json!({"command": "say", "text": "why?", "id": 1}));
    // A second one waits for nothing.
    bea.send(&json!({"command": "quit", "id": 2}));
    bea.send(&json!({"command": "quit", "id": 3}));
    let error = bea.wait("error");
    assert_eq!((&error["code"], &error["id"]), (&json!("undelivered"), &json!(1)));
    assert_eq!([bea.wait("done")["id"].clone(), bea.wait("done")["id"].clone()], [json!(2), json!(3)]);
    bea.wait("closed");
    signal(anna.id(), "CONT");
    assert_eq!(bea.end().code(), Some(1));
}

#[test]
fn friends_that_hold_a_text_say_so_at_the_end() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nowhere = listener.local_addr().expect("it is bound").to_string();
    drop(listener);
    let here = home("held");
    let mut anna = Bot::start_in(&here, "anna", &["friends", "--listen", "127.0.0.1:0"]);
    anna.wait("ready");
    anna.send(&json!({"command": "msg", "to": nowhere, "text": "hello", "id": 1}));
    anna.wait("done");
    signal(anna.id(), "INT");
    let rest = anna.rest();
    let error = rest.last().expect("an end");
    assert_eq!((&error["event"], &error["code"]), (&json!("error"), &json!("held")), "{rest:?}");
    assert!(word(error, "message").starts_with("1 text is held"), "{error}");
    assert_eq!(anna.end().code(), Some(1));
    // Who has said nothing has nothing undelivered.
    let mut anna = Bot::start_in(&here, "anna", &["friends", "--listen", "127.0.0.1:0"]);
    anna.wait("ready");
    signal(anna.id(), "INT");
    anna.rest();
    assert_eq!(anna.end().code(), Some(0));
}

#[test]
fn friends_that_say_something_and_are_stopped_wait_until_who_is_linked_has_it() {
    let mut bea = Bot::start_in(&home("stopped-bea"), "bea", &["friends", "--listen", "127.0.0.1:0"]);
    let address = word(&bea.wait("ready"), "listen");
    for stop in ["INT", "TERM"] {
        let mut anna = Bot::start_in(&home("stopped-anna"), "anna", &["friends", "--listen", "127.0.0.1:0"]);
        anna.wait("ready");
        anna.send(&json!({"command": "add", "name": "bea", "address": address}));
        anna.send(&json!({"command": "msg", "to": "bea", "text": "hello"}));
        while anna.wait("delivery")["state"] != "all" {}
        anna.send(&json!({"command": "msg", "to": "bea", "text": "goodbye", "id": 1}));
        anna.wait("done");
        signal(anna.id(), stop);
        let rest = anna.rest();
        assert!(rest.iter().all(|event| event["event"] != "error"), "{rest:?}");
        assert_eq!(anna.end().code(), Some(0));
        while bea.wait("message")["text"] != "goodbye" {}
    }
}

#[test]
fn friends_that_wait_for_nothing_say_what_they_hold_all_the_same() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nowhere = listener.local_addr().expect("it is bound").to_string();
    drop(listener);
    let mut anna = Bot::start_in(&home("hasty"), "anna", &["friends", "--listen", "127.0.0.1:0"]);
    anna.wait("ready");
    let hello = json!({"command": "msg", "to": nowhere, "text": "hello", "id": 1}).to_string() + "\n";
    let quit = "{\"command\":\"quit\"}\n";
    anna.write((hello.repeat(100) + &quit.repeat(2)).as_bytes());
    let rest = anna.rest();
    assert_eq!(rest.last().map(|error| error["code"].clone()), Some(json!("held")), "{rest:?}");
    assert_eq!(anna.end().code(), Some(1));
}

/// What a process's command line is, and its environment is not.
fn command_line(process: u32) -> String {
    let bytes = std::fs::read(format!("/proc/{process}/cmdline")).expect("an own child's can be read");
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

#[test]
fn a_target_comes_from_stdin_or_the_environment_and_its_seed_stands_in_no_command_line() {
    let (mut anna, ready) = host(&home("secret-anna"), &["--ticket", "--listen", "127.0.0.1:0"]);
    let ticket = word(&ready, "ticket");
    let seed = ticket.split(['.', '@']).nth(2).expect("a ticket with a seed").to_string();
    // As a mail program has wrapped it, behind a byte order mark; what follows are commands.
    let (first, rest) = ticket.split_at(60);
    let (second, third) = rest.split_at(70);
    let mut bea = Bot::start("bea", &["join", "-"]);
    bea.write(format!("\u{feff}\r\n{first}\r\n  {second}\r\n{third}\r\n").as_bytes());
    bea.send(&json!({"command": "say", "text": "by stdin", "id": 1}));
    assert_eq!(anna.wait("message")["text"], "by stdin");
    assert!(!command_line(bea.id()).contains(&seed));

    let target = |home: &Scratch, value: &str, arguments: &[&str]| {
        let mut command = tertulia(home);
        command.args(["--name", "carl"]).args(arguments).env("TERTULIA_TICKET", value);
        command
    };
    let there = Scratch::new("secret-carl");
    let (code, out, err) = fed(target(&there, &format!("\u{feff} {ticket}\n"), &["join"]), b"by the environment\n");
    assert_eq!(code, Some(0), "{out}{err}");
    assert_eq!(anna.wait("message")["text"], "by the environment");
    assert!(out.contains("back in: tertulia --name carl join\n"), "the hint repeats no seed: {out}");
    let (code, out, _) = fed(target(&there, "nonsense", &["join", "-"]), format!("{ticket}\nhello\n").as_bytes());
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("back in: tertulia --name carl join -\n"), "{out}");
    assert_eq!(anna.wait("message")["text"], "hello");

    // What was typed beats the environment, an empty value is none, and then all three ways are named.
    let (code, out, err) = fed(target(&there, "nonsense", &["join", &ticket]), b"typed\n");
    assert_eq!(code, Some(0), "{out}{err}");
    for value in ["", " "] {
        let (code, _, err) = fed(target(&there, value, &["join"]), b"");
        assert_eq!(code, Some(2), "{err}");
        assert!(
            ["tertulia join TARGET", "tertulia join -", "TERTULIA_TICKET"].iter().all(|way| err.contains(way)),
            "{err}"
        );
    }
    let (code, _, err) = fed(target(&there, "", &["join", "-"]), b"\n \n");
    assert_eq!(code, Some(2));
    assert!(err.contains("stdin"), "{err}");
}

#[test]
fn a_text_to_send_comes_from_stdin_as_it_is() {
    let (here, there) = (home("send-anna"), home("send-bea"));
    let mut bea = Bot::start_in(&there, "bea", &["friends", "--listen", "127.0.0.1:0"]);
    let address = word(&bea.wait("ready"), "listen");
    let send = |input: &[u8]| {
        let mut command = tertulia(&here);
        command.args(["--name", "anna", "send", &address, "-"]);
        fed(command, input)
    };
    let (code, out, err) = send("two\n lines ü\n\n".as_bytes());
    assert_eq!(code, Some(0), "{out}{err}");
    assert_eq!(bea.wait("message")["text"], "two\n lines ü\n", "one line break at the end is not meant");
    let longest = "x".repeat(16_384);
    assert_eq!(send(format!("{longest}\r\n").as_bytes()).0, Some(0));
    assert_eq!(bea.wait("message")["text"], longest.as_str());
    for (input, expected) in [
        (format!("{longest}x\n").into_bytes(), "16384 bytes"),
        (b"\xff\n".to_vec(), "UTF-8"),
        (b"\n".to_vec(), "nothing to send"),
    ] {
        let (code, _, err) = send(&input);
        assert_eq!(code, Some(1), "{err}");
        assert!(err.contains(expected) && err.contains("\n  try: tertulia "), "{err}");
    }
}

#[cfg(unix)]
#[test]
fn what_others_can_read_of_a_home_is_told_once_with_what_mends_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let here = Scratch::new("readable");
    let mode = |path: &std::path::Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    let run = |arguments: &[&str]| {
        let mut command = tertulia(&here);
        command.args(arguments);
        fed(command, b"")
    };
    assert_eq!(run(&["contacts"]).2, "", "what is made anew, only its owner reads");
    let identity = here.path().join("identity");
    mode(here.path(), 0o755);
    mode(&identity, 0o640);
    for path in [here.path(), &identity] {
        let (_, _, err) = run(&["contacts"]);
        let command = format!("chmod go-rwx {}\n", path.display());
        assert_eq!(err.matches(&command).count(), 1, "{err}");
    }
    let (_, _, err) = run(&["contacts"]);
    assert!(err.contains("mode 0755") && err.contains("mode 0640"), "{err}");
    let (_, _, err) = run(&["id"]);
    assert!(err.contains("mode 0755") && err.contains("mode 0640"), "{err}");
    let mut bot = Bot::start_in(&Arc::new(here), "anna", &["host", "T", "--listen", "127.0.0.1:0"]);
    for _ in 0..2 {
        assert_eq!(bot.wait("warning")["code"], "readable");
    }
    bot.send(&json!({"command": "quit"}));
    assert!(bot.rest().iter().all(|event| event["code"] != "readable"));
}

#[test]
fn a_byte_order_mark_is_no_part_of_what_is_said() {
    let words = Scratch::new("marked");
    let file = words.path().join("words.txt");
    std::fs::write(&file, "\u{feff}damn\n").expect("the folder is there");
    let (mut anna, ready) =
        host(&home("marked-anna"), &["--lecture", "--listen", "127.0.0.1:0", "--filter", &file.display().to_string()]);
    let address = word(&ready, "listen");
    let mut bea = Bot::start("bea", &["join", &address]);
    bea.write("\u{feff}{\"command\":\"say\",\"text\":\"why?\",\"id\":1}\n".as_bytes());
    assert_eq!(bea.wait("done")["id"], 1);
    assert_eq!(anna.wait("message")["text"], "why?");
    let there = Scratch::new("marked-carl");
    let mut command = tertulia(&there);
    command.args(["--name", "carl", "join", &address]);
    let (code, out, err) = fed(command, "\u{feff}and how?\n".as_bytes());
    assert_eq!(code, Some(0), "{out}{err}");
    assert_eq!(anna.wait("message")["text"], "and how?");
    bea.send(&json!({"command": "say", "text": "damn", "id": 2}));
    assert_eq!(bea.wait("error")["code"], "filtered");
}

#[test]
fn an_id_comes_back_as_it_was_sent() {
    let here = Scratch::new("ids");
    let ids = [
        "9007199254740993",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775809",
        "340282366920938463463374607431768211456",
        "1.0",
        "1e3",
        "1E400",
        "-0",
        "0.1000000000000000000000001",
        "\"7\"",
        "\"\\u202e\\n\"",
        "null",
        "true",
        "[1.0,{\"b\":[],\"a\":1e0}]",
    ];
    let command = |word: &str, id: &str| format!("{{\"command\":\"{word}\",\"id\":{id}}}\n");
    let lines = ids.iter().map(|id| command("users", id) + &command("dance", id));
    let mut host = tertulia(&here);
    host.args(["--json", "host", "T", "--listen", "127.0.0.1:0"]);
    let (code, out, _) = fed(host, (lines.collect::<String>() + &command("quit", "1e9")).as_bytes());
    assert_eq!(code, Some(0), "{out}");
    for (event, ids) in [("done", &[&ids[..], &["1e9"]].concat()), ("error", &ids.to_vec())] {
        let answers = out.lines().filter(|line| line.starts_with(&format!("{{\"event\":\"{event}\"")));
        let told: Vec<_> = answers.filter_map(|line| line.rsplit_once("\"id\":")?.1.strip_suffix('}')).collect();
        assert_eq!(&told, ids, "{event}");
    }
}

#[test]
fn a_filter_without_a_word_is_named() {
    for text in ["", "\n  \n", "\u{feff}"] {
        let here = Scratch::new("empty-filter");
        let file = here.path().join("words.txt");
        std::fs::write(&file, text).expect("the folder is there");
        let mut command = tertulia(&here);
        command.args(["host", "T", "--lecture", "--listen", "127.0.0.1:0", "--filter"]).arg(&file);
        let (_, _, err) = fed(command, b"/end\n");
        let expected = format!("{} has no word in it: every question is published", file.display());
        assert!(err.contains(&expected), "{text:?}: {err}");
    }
}

#[test]
fn what_is_wrong_with_a_file_of_the_home_is_one_line_that_can_be_read() {
    for (file, text, expected) in [
        ("config.toml", "name = \"anna\"\nidle = \"long\"\n", "line 2, column 8, `idle = \"long\"`"),
        ("config.toml", "name = anna\n", "line 1, column 8, `name = anna`"),
        ("config.toml", "nmae = \"x\"\n", "`nmae`"),
        ("contacts.toml", "[[contact]]\nname = 7\n", "line 2, column 8, `name = 7`"),
        ("contacts.toml", "[[contact]\n", "line 1"),
    ] {
        let here = Scratch::new("broken");
        std::fs::write(here.path().join(file), text).expect("the home is there");
        let mut command = tertulia(&here);
        command.args(["contacts"]);
        let (code, _, err) = fed(command, b"");
        assert_eq!(code, Some(1));
        assert!(err.contains(file) && err.contains(expected), "{err}");
        assert!(!err.contains("\\u{a}") && err.lines().count() == 2, "{err}");
    }
}

#[test]
fn a_host_that_has_failed_is_not_said_to_go_on() {
    let host_of = |name: &str, kind: &[&str]| {
        let here = Scratch::new(name);
        // Where meetings are kept, nothing can be.
        std::fs::write(here.path().join("version"), sealed("version", "")).expect("the home is there");
        std::fs::write(here.path().join("meetings"), "").expect("the home is there");
        let mut command = tertulia(&here);
        command.args(["host", "T", "--listen", "127.0.0.1:0"]).args(kind);
        fed(command, b"")
    };
    for (name, kind) in [("failed-room", &[][..]), ("failed-lecture", &["--lecture"])] {
        let (code, out, err) = host_of(name, kind);
        assert_eq!(code, Some(1), "{out}{err}");
        assert!(err.contains("meetings"), "why: {err}");
        assert!(!out.contains("goes on") && !out.contains("can go on"), "{out}");
        assert!(out.contains("once that is put right: tertulia host T"), "{out}");
    }
}
