//! What is said reaches whoever reads stdout, or the next run, or stderr; and the program ends when it is told to.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]
#![allow(clippy::arithmetic_side_effects, reason = "small numbers")]

mod support;

use std::fs::File;
use std::io::{BufRead as _, BufReader, PipeReader, PipeWriter, Read as _, Write as _, pipe};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::{Value, json};
use support::{Bot, PATIENCE, Scratch, mortal, signal, tertulia};

/// How a stdout does not take what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unwritable {
    /// A full disk.
    Full,
    /// A pipe that nobody reads.
    Closed,
}

impl Unwritable {
    const ALL: [Self; 2] = [Self::Full, Self::Closed];

    fn stdio(self) -> Stdio {
        match self {
            Self::Full => File::options().write(true).open("/dev/full").expect("there is /dev/full").into(),
            Self::Closed => pipe().expect("a pipe").1.into(),
        }
    }
}

/// What a program says on stderr whose stdout takes nothing, and its exit code.
fn unheard(home: &Scratch, how: Unwritable, arguments: &[&str]) -> (String, Option<i32>) {
    let mut command = tertulia(home);
    command.args(arguments).stdout(how.stdio()).stderr(Stdio::piped());
    let output = command.spawn().expect("the program starts").wait_with_output().expect("it ends");
    (String::from_utf8(output.stderr).expect("UTF-8"), output.status.code())
}

fn run(home: &Scratch, arguments: &[&str]) -> Output {
    tertulia(home).args(arguments).output().expect("the program starts")
}

fn out(output: &Output) -> String {
    let said = [&*output.stdout, &*output.stderr].concat();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&said));
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

#[test]
fn whatever_a_verb_cannot_write_to_stdout_is_an_error() {
    let mut registry = Bot::start("registry", &["registry", "--listen", "127.0.0.1:0"]);
    let registry_address = registry.wait("ready")["listen"].as_str().expect("it listens").to_string();
    let home = Scratch::new("unwritable");
    let trace = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/traces/lecture.trace");
    let pages = home.path().join("man").display().to_string();
    let verbs: [&[&str]; 15] = [
        &["id"],
        &["contacts"],
        &["contacts", "list"],
        &["contacts", "add", "bea", "127.0.0.1:1"],
        &["contacts", "remove", "bea"],
        &["completions", "bash"],
        &["man", &pages],
        &["trace", "show", trace],
        &["trace", "replay", trace],
        &["list", "--registry", &registry_address],
        &["who", "--registry", &registry_address],
        &[],
        &["--help"],
        &["help", "join"],
        &["--version"],
    ];
    for how in Unwritable::ALL {
        for words in verbs {
            run(&home, &["contacts", "add", "bea", "127.0.0.1:1"]);
            let (told, code) = unheard(&home, how, words);
            assert_eq!(code, Some(1), "{how:?} {words:?}: {told}");
            assert!(told.contains("stdout") && told.contains("  try: "), "{how:?} {words:?}: {told}");
            let has_json = !matches!(words, ["man", _] | ["--help" | "--version" | "help", ..]);
            if !has_json || matches!(words, ["contacts", "remove", _]) {
                continue;
            }
            let (told, code) = unheard(&home, how, &[words, &["--json"]].concat());
            // What has nothing to say in JSON says nothing.
            if words == ["list", "--registry", &*registry_address] || words == ["who", "--registry", &*registry_address]
            {
                assert_eq!((told.as_str(), code), ("", Some(0)), "{how:?} {words:?}");
                continue;
            }
            assert_eq!(code, Some(1), "{how:?} {words:?} --json: {told}");
            let last = told.lines().last().unwrap_or_default();
            let error: Value = serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {told}"));
            assert_eq!((&error["event"], &error["code"]), (&json!("error"), &json!("output")), "{words:?}");
        }
    }
    // A refusal is told on stderr too.
    for how in Unwritable::ALL {
        let (told, code) = unheard(&home, how, &["--json", "join", "nowhere at all"]);
        assert_eq!(code, Some(2));
        assert!(told.contains("\"event\":\"error\""), "{told}");
    }
    registry.send(&json!({"command": "quit"}));
}

/// A friend's home, and where it will listen; and somebody who writes to it.
fn pair(name: &str) -> (Arc<Scratch>, String, Scratch) {
    let there = Arc::new(Scratch::new(&format!("{name}-there")));
    let mut bea = Bot::start_in(&there, "bea", &["friends", "--listen", "127.0.0.1:0"]);
    let address = bea.wait("ready")["listen"].as_str().expect("a friend listens").to_string();
    bea.send(&json!({"command": "quit"}));
    bea.rest();
    assert!(bea.end().success());
    let here = Scratch::new(&format!("{name}-here"));
    out(&run(&here, &["contacts", "add", "bea", &address, "--name", "anna"]));
    (there, address, here)
}

#[test]
fn a_text_that_receive_could_not_print_comes_with_the_next_receive() {
    for how in Unwritable::ALL {
        let (there, address, here) = pair(&format!("receive-{how:?}"));
        let once = ["--name", "bea", "receive", "--once", "--listen", &address];
        let mut receiver = tertulia(&there);
        let receiver = receiver.args(once).stdout(how.stdio()).stderr(Stdio::piped()).spawn().expect("it starts");
        let sent = run(&here, &["send", "bea", "one", "--name", "anna", "--wait", "20"]);
        assert!(out(&sent).contains("has it"), "the other side has stored it");
        let receiver = receiver.wait_with_output().expect("it ends");
        assert_eq!(receiver.status.code(), Some(1), "{how:?}");
        let told = String::from_utf8(receiver.stderr).expect("UTF-8");
        assert!(told.contains("error: ") && told.contains("stdout"), "{how:?}: {told}");

        // Nobody writes any more: it ends all the same, with what is there.
        assert_eq!(out(&run(&there, &once)).lines().last(), Some("anna: one"), "{how:?}");
        // And what was shown is not shown again.
        let held = run(&here, &["send", "bea", "two", "--name", "anna", "--wait", "0"]);
        assert_eq!(held.status.code(), Some(1));
        let mut receiver = tertulia(&there);
        let receiver = receiver.args(once).stdout(Stdio::piped()).spawn().expect("it starts");
        run(&here, &["send", "bea", "three", "--name", "anna", "--wait", "3"]);
        assert_eq!(out(&receiver.wait_with_output().expect("it ends")).lines().last(), Some("anna: two"), "{how:?}");
    }
}

#[test]
fn a_text_for_which_there_is_no_room_is_not_taken() {
    let (there, address, here) = pair("no-room");
    let script = "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\"";
    let program = tertulia(&there);
    let mut receiver = Command::new("sh");
    receiver.args(["-c", script]).arg(program.get_program()).env("TERTULIA_HOME", there.path());
    receiver.env("TERTULIA_REGISTRY", "none").args(["--name", "bea", "receive", "--once", "--listen", &address]);
    let receiver = receiver.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let long = "x".repeat(12_000);
    let sent = run(&here, &["send", "bea", &long, "--name", "anna", "--wait", "3"]);
    assert_eq!(sent.status.code(), Some(1), "nobody has it");
    let receiver = receiver.wait_with_output().expect("it ends");
    let told = String::from_utf8(receiver.stderr).expect("UTF-8");
    assert_eq!(receiver.status.code(), Some(1), "{told}");
    assert!(told.contains("cannot write"), "{told}");
}

/// A program whose stdout is read no further than its test wants.
struct Stalled {
    child: Child,
    lines: BufReader<PipeReader>,
    /// The end that the program writes to.
    writer: Option<PipeWriter>,
}

impl Stalled {
    /// Starts it, and reads until it is ready.
    fn start(mut command: Command) -> (Self, Value) {
        let (reader, writer) = pipe().expect("a pipe");
        command.stdin(Stdio::piped()).stdout(writer.try_clone().expect("a descriptor")).stderr(Stdio::piped());
        let child = command.spawn().expect("the program starts");
        drop(command);
        let mut stalled = Self { child, lines: BufReader::new(reader), writer: Some(writer) };
        loop {
            let event = stalled.next().expect("it becomes ready");
            if event["event"] == "ready" {
                return (stalled, event);
            }
        }
    }

    fn named(home: &Scratch, name: &str, arguments: &[&str]) -> (Self, Value) {
        let mut command = mortal(home);
        command.args(["--json", "--name", name]).args(arguments);
        Self::start(command)
    }

    /// The next event; none at the end, or where a killed program has stopped within a line.
    fn next(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("stdout can be read");
        line.ends_with('\n').then(|| serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")))
    }

    /// The text of the next message.
    fn text(&mut self) -> Option<String> {
        loop {
            let event = self.next()?;
            if event["event"] == "message" {
                return event["text"].as_str().map(str::to_string);
            }
        }
    }

    /// Fills the pipe, as somebody does who reads nothing while others write.
    fn clog(&mut self) {
        let writer = self.writer.take().expect("the pipe is open");
        let mut clogging = writer.try_clone().expect("a descriptor");
        // The last write waits for a reader, until there is none.
        std::thread::spawn(move || while clogging.write_all(&[b'\n'; 4_096]).is_ok() {});
        let deadline = Instant::now() + PATIENCE;
        let has_room = || poll(&mut [PollFd::new(&writer, PollFlags::OUT)], Some(&Timespec::default()));
        while has_room().expect("a pipe can be polled") > 0 {
            assert!(Instant::now() < deadline, "a pipe that is never full");
            std::thread::yield_now();
        }
    }

    fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// The exit code and what stands on stderr, if it ends by then.
    fn ended_by(mut self, deadline: Instant) -> Option<(Option<i32>, String)> {
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                break status;
            }
            if Instant::now() > deadline {
                self.child.kill().expect("it can be killed");
                self.child.wait().expect("it ends");
                return None;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let mut told = String::new();
        self.child.stderr.take().expect("stderr is a pipe").read_to_string(&mut told).expect("UTF-8");
        Some((status.code(), told))
    }
}

impl Drop for Stalled {
    fn drop(&mut self) {
        // It has ended, unless its test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const TEXTS: usize = 400;

fn text(number: usize) -> String {
    format!("text {number} {}", "x".repeat(500))
}

/// Says all texts, and waits until all are stored by whoever is there.
fn say_all(speaker: &mut Bot, command: &dyn Fn(String) -> Value) {
    (0..TEXTS).for_each(|number| speaker.send(&command(text(number))));
    loop {
        let delivery = speaker.wait("delivery");
        if delivery["state"] == "all" && delivery["number"] == TEXTS {
            return;
        }
    }
}

/// After kill -9 of somebody who was not read, and a new start: all comes at least once and in order, and of what was
/// read, little twice.
fn nothing_is_missing(mut stalled: Stalled, again: impl FnOnce() -> (Stalled, Value), end: impl FnOnce()) {
    drop(stalled.writer.take());
    stalled.signal("KILL");
    stalled.child.wait().expect("it ends");
    let read: Vec<String> = std::iter::from_fn(|| stalled.text()).collect();
    assert_eq!(read, (0..read.len()).map(text).collect::<Vec<_>>());
    assert!(read.len() < TEXTS, "all of it fits into a pipe");
    let (mut again, _) = again();
    end();
    let rest: Vec<String> = std::iter::from_fn(|| again.text().filter(|text| text != "end")).collect();
    let from = TEXTS - rest.len();
    assert_eq!(rest, (from..TEXTS).map(text).collect::<Vec<_>>(), "{} were read before", read.len());
    assert!(from <= read.len() && read.len() - from <= 40, "{} were read, and {from} were not repeated", read.len());
}

#[test]
fn friends_and_receive_show_what_a_killed_run_has_stored_and_not_shown() {
    for verb in ["friends", "receive"] {
        let there = Scratch::new(&format!("stalled-{verb}"));
        let mut anna = Bot::start("anna", &["friends", "--listen", "127.0.0.1:0"]);
        let anna_at = anna.wait("ready")["listen"].as_str().expect("it listens").to_string();
        // Of a stranger's words, little is taken.
        let is_added = mortal(&there).args(["contacts", "add", "anna", &anna_at]).output().expect("it runs").status;
        assert!(is_added.success());
        let start = |listen: &str| Stalled::named(&there, "bea", &[verb, "--listen", listen]);
        let (bea, ready) = start("127.0.0.1:0");
        let address = ready["listen"].as_str().expect("it listens").to_string();
        anna.send(&json!({"command": "add", "name": "bea", "address": address}));
        anna.wait("linked");
        let msg = |text: String| json!({"command": "msg", "to": "bea", "text": text});
        say_all(&mut anna, &msg);
        nothing_is_missing(bea, || start(&address), || anna.send(&msg("end".into())));
    }
}

#[test]
fn attendees_and_members_show_what_a_killed_run_has_stored_and_not_shown() {
    for kind in [&["--lecture"][..], &[]] {
        let arguments = [&["host", "On ink", "--listen", "127.0.0.1:0"], kind].concat();
        let mut host = Bot::start("anna", &arguments);
        let address = host.wait("ready")["listen"].as_str().expect("it listens").to_string();
        let there = Scratch::new(&format!("stalled-{}", kind.len()));
        let start = || Stalled::named(&there, "bea", &["join", &address]);
        let (bea, _) = start();
        host.wait("joined");
        let say = |text: String| json!({"command": "say", "text": text});
        say_all(&mut host, &say);
        nothing_is_missing(bea, start, || host.send(&say("end".into())));
    }
}

#[test]
fn who_did_not_read_a_lecture_to_its_end_is_shown_the_rest_though_it_is_over() {
    for is_by_address in [false, true] {
        let mut host = Bot::start("anna", &["host", "On ends", "--lecture", "--listen", "127.0.0.1:0"]);
        let ready = host.wait("ready");
        let address = ready["listen"].as_str().expect("it listens").to_string();
        let ticket = ready["ticket"].as_str().expect("it has a ticket").to_string();
        let target = if is_by_address { &address } else { &ticket };
        let there = Scratch::new("over");
        let (mut bea, _) = Stalled::named(&there, "bea", &["join", target]);
        host.wait("joined");
        bea.clog();
        host.send(&json!({"command": "say", "text": "the last words"}));
        host.send(&json!({"command": "end"}));
        assert!(host.end().success());
        let (code, told) = bea.ended_by(Instant::now() + PATIENCE).expect("nobody is waited for for ever");
        assert_eq!(code, Some(1), "{told}");
        // By address, whoever is there now decides where it leads then.
        let mut next = Bot::start("anna", &["host", "On beginnings", "--lecture", "--listen", &address]);
        next.wait("ready");
        let again = run(&there, &["--json", "--name", "bea", "join", target]);
        let events: Vec<Value> =
            out(&again).lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
        let said: Vec<&Value> = events.iter().filter(|event| event["event"] == "message").collect();
        assert_eq!((said.len(), &said[0]["text"]), (1, &json!("the last words")), "{events:?}");
        let last = if is_by_address { "left" } else { "ended" };
        assert_eq!(events.last().map(|event| &event["code"]), Some(&json!(last)), "{events:?}");
    }
}

#[test]
fn a_signal_ends_every_verb_within_5_s_though_nobody_reads_stdout() {
    let mut host = Bot::start("anna", &["host", "T", "--lecture", "--listen", "127.0.0.1:0"]);
    let address = host.wait("ready")["listen"].as_str().expect("it listens").to_string();
    let at = ["--listen", "127.0.0.1:0"];
    let verbs: [&[&str]; 6] =
        [&["host", "T", "--lecture"], &["host", "T"], &["join", &address], &["friends"], &["receive"], &["registry"]];
    let mut told = Vec::new();
    for words in verbs {
        for name in ["TERM", "HUP", "INT"] {
            let home = Scratch::new(&format!("signal-{}-{}-{name}", words[0], words.len()));
            let (mut stalled, _) = Stalled::named(&home, &format!("bea-{name}"), &[words, &at].concat());
            stalled.clog();
            told.push((words, name, stalled, home));
        }
    }
    let sent: Vec<_> = told
        .into_iter()
        .map(|(words, name, stalled, home)| {
            stalled.signal(name);
            (words, name, stalled, home, Instant::now() + Duration::from_secs(5))
        })
        .collect();
    for (words, name, stalled, _home, deadline) in sent {
        let ended = stalled.ended_by(deadline);
        let Some((code, told)) = ended else { panic!("{words:?} is still there 5 s after SIG{name}") };
        assert_eq!(code, Some(1), "{words:?}, SIG{name}: its last lines are lost: {told}");
        assert!(told.contains("\"event\":\"closed\""), "{words:?}, SIG{name}: {told}");
        assert!(told.contains("\"code\":\"output_dropped\""), "{words:?}, SIG{name}: {told}");
    }
}

#[test]
fn a_signal_that_is_ignored_from_the_start_stays_ignored() {
    for name in ["HUP", "INT"] {
        let home = Scratch::new(&format!("nohup-{name}"));
        let program = tertulia(&home);
        let mut command = Command::new("sh");
        command.args(["-c", &format!("trap '' {name}; exec \"$0\" \"$@\"")]).arg(program.get_program());
        command.env("TERTULIA_HOME", home.path()).env("TERTULIA_REGISTRY", "none");
        command.args(["--json", "--name", "anna", "host", "T", "--lecture", "--listen", "127.0.0.1:0"]);
        let (mut host, _) = Stalled::start(command);
        host.signal(name);
        let mut input = host.child.stdin.take().expect("stdin is a pipe");
        writeln!(input, "{}", json!({"command": "say", "text": "still here", "id": 1})).expect("it reads");
        assert_eq!(host.text().as_deref(), Some("still here"), "after SIG{name}");
        host.signal("TERM");
        let (code, told) = host.ended_by(Instant::now() + PATIENCE).expect("it ends");
        assert_eq!(code, Some(0), "{told}");
    }
    // And else it is none.
    let home = Arc::new(Scratch::new("hup"));
    let mut host = Bot::start_in(&home, "anna", &["host", "T", "--lecture", "--listen", "127.0.0.1:0"]);
    host.wait("ready");
    signal(host.id(), "HUP");
    assert_eq!(host.wait("closed")["code"], "stopped");
}
