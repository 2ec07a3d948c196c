//! What somebody meets who has read the README and nothing else: each line says what happened and what to type next.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]

mod support;

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use serde_json::json;
use support::{Bot, PATIENCE, Scratch, tertulia};

/// The program in a pipe, spoken to in plain lines.
struct Console {
    child: Child,
    input: Option<ChildStdin>,
    out: Receiver<String>,
    err: Receiver<String>,
}

fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        BufReader::new(stream).lines().map_while(Result::ok).for_each(|line| _ = sender.send(line));
    });
    lines
}

/// The next line that has `part` in it; those before it are left out.
fn line_with(lines: &Receiver<String>, part: &str) -> String {
    let mut seen = Vec::new();
    loop {
        let line = lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("expected `{part}`, saw {seen:#?}"));
        if line.contains(part) {
            return line;
        }
        seen.push(line);
    }
}

impl Console {
    fn start(home: &Scratch, arguments: &[&str]) -> Self {
        let mut command = tertulia(home);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let input = child.stdin.take();
        let out = lines(child.stdout.take().expect("stdout is a pipe"));
        let err = lines(child.stderr.take().expect("stderr is a pipe"));
        Self { child, input, out, err }
    }

    fn host(home: &Scratch, flags: &[&str]) -> (Self, String) {
        let listen = ["host", "T", "--lecture", "--listen", "127.0.0.1:0", "--name", "anna"];
        let host = Self::start(home, &[&listen[..], flags].concat());
        let line = line_with(&host.out, "tertulia join ");
        let target = line.rsplit(' ').next().expect("a last word").trim_matches('\'').to_string();
        line_with(&host.out, "/help has more");
        (host, target)
    }

    fn join(home: &Scratch, name: &str, target: &str) -> Self {
        let guest = Self::start(home, &["--name", name, "join", target]);
        line_with(&guest.out, "you are in the lecture");
        guest
    }

    fn types(&mut self, line: &str) {
        writeln!(self.input.as_mut().expect("stdin is open"), "{line}").expect("the program reads");
    }

    /// Its exit code, and all that it has still said.
    fn end(mut self) -> (Option<i32>, String, String) {
        self.input = None;
        let code = self.child.wait().expect("the program ends").code();
        let rest = |lines: &Receiver<String>| lines.iter().map(|line| line + "\n").collect::<String>();
        (code, rest(&self.out), rest(&self.err))
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        // It has ended, unless its test has failed or needs it no more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port on which nobody listens.
fn closed_port() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("it is bound").to_string()
}

#[test]
fn a_host_that_quits_is_asked_whether_to_end_or_to_stop() {
    let home = Scratch::new("quits");
    let (mut host, _) = Console::host(&home, &[]);
    for word in ["/quit", "exit"] {
        host.types(word);
        let line = line_with(&host.out, "/end");
        assert!(line.contains("for all") && line.contains("/stop"), "{line}");
    }
    host.types("still here");
    line_with(&host.out, "anna: still here");
    host.types("/end");
    assert_eq!(host.end().0, Some(0));
}

#[test]
fn id_beside_a_running_node_is_the_homes() {
    let home = Arc::new(Scratch::new("id-beside"));
    let mut host = Bot::start_in(&home, "anna", &["host", "T", "--lecture", "--listen", "127.0.0.1:0"]);
    let key = host.wait("ready")["key"].clone();
    let id = tertulia(&home).args(["--json", "id", "--name", "anna"]).output().expect("it runs");
    let told: serde_json::Value = serde_json::from_slice(&id.stdout).expect("one JSON line");
    assert_eq!((&told["event"], &told["key"], &told["name"]), (&json!("id"), &key, &json!("anna")));
}

#[test]
fn what_was_typed_before_a_join_that_fails_is_not_forgotten() {
    let home = Scratch::new("early");
    let mut guest = Console::start(&home, &["--name", "bea", "join", &closed_port()]);
    guest.types("why?");
    guest.types("and how?");
    line_with(&guest.err, "2 lines were not sent");
    assert_eq!(guest.end().0, Some(1));
}

#[test]
fn another_lecture_at_the_same_address_is_not_taken_for_the_one_before() {
    let (homes, guests) = ([Scratch::new("first"), Scratch::new("second")], Scratch::new("guest"));
    let (first, address) = Console::host(&homes[0], &[]);
    let mut guest = Console::join(&guests, "bea", &address);
    guest.types("/quit");
    assert_eq!(guest.end().0, Some(0));
    let mut again = Console::join(&guests, "bea", &address);
    line_with(&again.out, "you were here before");
    again.types("/quit");
    assert_eq!(again.end().0, Some(0));
    drop(first);
    let listen = ["host", "Other", "--lecture", "--name", "anna", "--listen", &address];
    let second = Console::start(&homes[1], &listen);
    line_with(&second.out, "/help has more");
    let mut other = Console::join(&guests, "bea", &address);
    other.types("/quit");
    let (_, said, _) = other.end();
    assert!(!said.contains("before"), "{said}");
}

#[test]
fn why_nobody_answers_is_told_at_once() {
    let home = Scratch::new("nobody");
    let refused = Console::start(&home, &["join", &closed_port()]);
    let line = line_with(&refused.err, "nobody listens at");
    assert!(line.contains("trying"), "{line}");
    line_with(&refused.err, "nobody listens at");
    assert_eq!(refused.end().0, Some(1));
    let started = std::time::Instant::now();
    let unknown = Console::start(&home, &["join", "no-such-host.invalid:7473"]);
    let line = line_with(&unknown.err, "no-such-host.invalid");
    assert!(line.contains("no computer"), "{line}");
    assert_eq!(unknown.end().0, Some(1));
    // A host that refuses is tried again for ten seconds; a name that does not exist is not.
    assert!(started.elapsed() < std::time::Duration::from_secs(9), "{:?}", started.elapsed());
}

#[test]
fn a_locked_door_tells_both_sides() {
    let (home, guests) = (Scratch::new("locked"), Scratch::new("outside"));
    let (mut host, address) = Console::host(&home, &[]);
    host.types("/lock");
    line_with(&host.out, "anna locked the door");
    let outside = Console::start(&guests, &["--name", "carl", "join", &address]);
    line_with(&outside.err, "locked the door");
    assert_eq!(outside.end().0, Some(1));
    let knock = line_with(&host.err, "carl");
    assert!(knock.contains("locked") && knock.contains("/unlock"), "{knock}");
}

#[test]
fn the_filter_tells_both_sides_what_and_why_and_takes_phrases() {
    let (home, guests) = (Scratch::new("filter"), Scratch::new("asker"));
    let file = home.path().join("words.txt");
    std::fs::write(&file, "damn\nyour mother\n").expect("the folder is there");
    let (host, address) = Console::host(&home, &["--filter", &file.display().to_string()]);
    let mut guest = Console::join(&guests, "bea", &address);
    guest.types("is my mother your teacher?");
    line_with(&host.out, "Question from bea: is my mother your teacher?");
    guest.types("what of YOUR, Mother?");
    let warned = line_with(&guest.err, "This is warning number 1.");
    assert!(warned.contains("not published") && warned.contains("`your mother`"), "{warned}");
    let told = line_with(&host.err, "bea");
    assert!(told.contains("`your mother`") && told.contains("warning number 1"), "{told}");
    std::fs::write(&file, "damn\n***\n").expect("the folder is there");
    let listen = ["host", "U", "--lecture", "--filter", &file.display().to_string()];
    let (code, _, err) = Console::start(&home, &listen).end();
    assert_eq!(code, Some(1));
    assert!(err.contains("line 2") && err.contains("***"), "{err}");
}

#[test]
fn a_ticket_is_shown_again_and_a_cut_off_one_is_refused() {
    let home = Scratch::new("ticket");
    let (mut host, ticket) = Console::host(&home, &["--ticket"]);
    host.types("/ticket");
    assert!(line_with(&host.out, "tertulia:").contains(&ticket));
    let guests = Scratch::new("holder");
    for cut in 1..8 {
        let (code, _, err) = Console::start(&guests, &["join", &ticket[..ticket.len() - cut]]).end();
        assert_eq!(code, Some(2), "{cut}: {err}");
        assert!(err.contains("not a whole ticket"), "{err}");
    }
    Console::join(&guests, "bea", &ticket);
}

#[test]
fn a_hint_repeats_who_and_where() {
    let (home, guests) = (Scratch::new("hints"), Scratch::new("hinted"));
    let other = home.path().join("my home").display().to_string();
    let (host, address) = Console::host(&home, &["--home", &other]);
    let mut guest = Console::start(&guests, &["--name", "bea", "join", &address]);
    guest.types("/quit");
    line_with(&guest.out, &format!("back in: tertulia --name bea join {address}"));
    drop(host);
    let mut host = Console::start(&home, &["host", "T", "--lecture", "--home", &other, "--listen", &address]);
    host.types("/stop");
    line_with(&host.out, &format!("tertulia --home '{other}' host T --lecture --listen {address}"));
    let busy = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let busy =
        busy.local_addr().map(|address| address.to_string()).map(|address| (busy, address)).expect("it is bound");
    let (_, _, err) = Console::start(&home, &["host", "T", "--lecture", "--listen", &busy.1]).end();
    assert!(err.ends_with("tertulia host T --lecture --listen 127.0.0.1:0\n"), "{err}");
    let (_, _, err) = Console::start(&home, &["host", "T", "--lecture", "--listen", "127.0.0.1"]).end();
    assert!(err.ends_with("--listen 127.0.0.1:7473\n"), "{err}");
}

#[test]
fn whoever_has_left_can_be_muted_and_shown_out_and_is_listed() {
    let (home, guests) = (Scratch::new("gone"), [Scratch::new("bea"), Scratch::new("carl")]);
    let (mut host, address) = Console::host(&home, &[]);
    for (home, name) in guests.iter().zip(["bea", "carl"]) {
        let mut guest = Console::join(home, name, &address);
        guest.types("/quit");
        assert_eq!(guest.end().0, Some(0));
        line_with(&host.out, &format!("{name} left"));
    }
    host.types("/bans");
    line_with(&host.out, "nobody is muted or out");
    host.types("/mute bea");
    line_with(&host.out, "anna muted bea");
    host.types("/kick carl too loud");
    line_with(&host.out, "anna showed carl out: too loud");
    host.types("/bans");
    let line = line_with(&host.out, "muted: ");
    assert!(line.contains("muted: bea") && line.contains("out: carl"), "{line}");
    let carl = Console::start(&guests[1], &["--name", "carl", "join", &address]);
    line_with(&carl.err, "shown out");
    assert_eq!(carl.end().0, Some(1));
    host.types("/mute bea");
    line_with(&host.err, "bea is muted already");
    host.types("/unmute bea");
    line_with(&host.out, "anna lets bea ask again");
    host.types("/unban carl");
    line_with(&host.out, "anna lets carl in again");
    host.types("/kick anna");
    let line = line_with(&host.err, "that is you");
    assert!(line.contains("/end") && line.contains("/stop"), "{line}");
}

#[test]
fn a_new_name_is_told_once_to_everybody() {
    let (home, guests) = (Scratch::new("renamed"), Scratch::new("renamer"));
    let (mut host, address) = Console::host(&home, &[]);
    let mut guest = Console::join(&guests, "bea", &address);
    guest.types("/name two words");
    line_with(&guest.err, "no white space");
    guest.types("/name dora");
    line_with(&host.out, "bea is now dora");
    line_with(&guest.out, "bea is now dora");
    guest.types("/users");
    line_with(&guest.out, "-- 2 here: anna (host), dora (you)");
    // The host's presence has told all of it by then.
    host.types("/lock");
    let mut before = Vec::new();
    loop {
        let line = guest.out.recv_timeout(PATIENCE).expect("the door is locked");
        if line.contains("locked the door") {
            break;
        }
        before.push(line);
    }
    assert!(!before.iter().any(|line| line.contains("now dora")), "{before:?}");
    host.types("/users");
    line_with(&host.out, "-- 2 here: anna (you, host), dora");
}

#[test]
fn a_lecture_without_questions_does_not_ask_for_them() {
    let (home, guests) = (Scratch::new("closed"), Scratch::new("silent"));
    let (_host, address) = Console::host(&home, &["--questions", "closed"]);
    let guest = Console::start(&guests, &["--name", "bea", "join", &address]);
    let line = line_with(&guest.out, "/help has more");
    assert!(line.contains("takes no questions") && !line.contains("is a question"), "{line}");
}

#[test]
fn in_a_pipe_an_error_goes_to_stderr_and_counts() {
    let (home, guests) = (Scratch::new("pipe"), Scratch::new("piped"));
    let (_host, address) = Console::host(&home, &[]);
    let mut guest = Console::join(&guests, "bea", &address);
    guest.types("/kick anna");
    line_with(&guest.err, "only the host has /kick");
    let (code, out, _) = guest.end();
    assert_eq!(code, Some(1));
    assert!(!out.contains("error"), "{out}");
}

#[test]
fn a_trace_is_not_written_over_and_a_cut_off_one_is_not_whole() {
    let home = Scratch::new("traces");
    let file = home.path().join("t.trace");
    let name = file.display().to_string();
    std::fs::write(&file, "mine").expect("the folder is there");
    let (code, _, err) = Console::start(&home, &["--trace", &name, "join", &closed_port()]).end();
    assert_eq!(code, Some(1));
    assert!(err.contains("is there already"), "{err}");
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "mine");

    let whole = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/traces/lecture.trace");
    let text = std::fs::read_to_string(whole).expect("it is there");
    let cut = text.rfind("\n0000").expect("a line of bytes");
    std::fs::write(&file, &text[..=cut]).expect("the folder is there");
    let (code, out, err) = Console::start(&home, &["trace", "show", &name]).end();
    assert_eq!(code, Some(1), "{out}");
    assert!(err.contains("cut off"), "{err}");
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_told_once_and_how_to_go_on() {
    let home = Scratch::new("full");
    // A limit on the size of files does what a full disk does.
    let script = "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\"";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_tertulia"), "host", "T", "--lecture", "--listen", "127.0.0.1:0"]);
    command
        .env("TERTULIA_HOME", home.path())
        .env("TERTULIA_REGISTRY", "none")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut input = child.stdin.take().expect("stdin is a pipe");
    let long = "x".repeat(5_000);
    // The program may be gone before it has read the second line.
    let _ = writeln!(input, "{long}\n{long}");
    let said = child.wait_with_output().expect("the program ends");
    let text = [said.stdout, said.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8")).concat();
    assert_eq!(said.status.code(), Some(1), "{text}");
    assert_eq!(text.matches("cannot write").count(), 1, "{text}");
    assert!(text.contains("the lecture can go on: tertulia host T --lecture"), "{text}");
}

#[test]
fn help_is_a_word_too_and_says_what_json_takes() {
    let home = Scratch::new("help-word");
    let (code, out, _) = Console::start(&home, &["help", "host"]).end();
    assert_eq!(code, Some(0));
    assert!(out.contains("Usage: tertulia host"), "{out}");
    let (code, out, _) = Console::start(&home, &["help"]).end();
    assert_eq!(code, Some(0));
    let out = out.split_whitespace().collect::<Vec<_>>().join(" ");
    for word in ["\"command\":\"say\"", "msg to text", "kick name why", "unlock", "stop", "bans"] {
        assert!(out.contains(word), "{word}: {out}");
    }
}

#[test]
fn a_title_is_shown_with_what_joins_its_letters() {
    let home = Scratch::new("joined");
    for (title, shown) in [
        ("می\u{200c}خواهم 👨\u{200d}👩\u{200d}👧", "می\u{200c}خواهم 👨\u{200d}👩\u{200d}👧"),
        ("T\u{200d}T \u{202e}", "T\\u{200d}T \\u{202e}"),
    ] {
        let host = Console::start(&home, &["host", title, "--listen", "127.0.0.1:0"]);
        line_with(&host.out, &format!("the room `{shown}` is open"));
    }
}
