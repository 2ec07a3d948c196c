//! README's console blocks are run, in order: what a newcomer types works, and shows what the page shows.
//!
//! `$` is a command, `>` a line that is typed into it, anything else is printed; `…` stands for any text. The commands
//! run side by side, each in a home of its own, on a port that the system assigns.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that panics has failed, and one that has nothing to try says so"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const RUN: &str = "cargo run --release -- ";
const PATIENCE: Duration = Duration::from_secs(20);
/// What the page calls the address of a lecture on the same machine.
const ADDRESS: &str = "127.0.0.1:7473";

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

fn blocks(page: &str) -> Vec<Vec<&str>> {
    let mut blocks: Vec<Vec<&str>> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match line {
            "```console" => {
                inside = true;
                blocks.push(Vec::new());
            }
            "```" => inside = false,
            line if inside => blocks.last_mut().unwrap().push(line),
            _ => {}
        }
    }
    blocks
}

/// A command of the page that runs; killed when the test is over.
struct Running {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    fn start(command: &str, home: &Path) -> Self {
        let mut words: Vec<&str> = Vec::new();
        for (at, piece) in command.split('"').enumerate() {
            // Every other piece stood between quotes.
            if at % 2 == 1 { words.push(piece) } else { words.extend(piece.split_whitespace()) }
        }
        if words.first() == Some(&"host") {
            words.extend(["--listen", "127.0.0.1:0"]);
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_tertulia"));
        Self::of(command.args(words).env("TERTULIA_HOME", home).env("TERTULIA_REGISTRY", "none"))
    }

    fn of(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            BufReader::new(output).lines().map_while(Result::ok).for_each(|line| _ = sender.send(line));
        });
        Self { child, input, lines }
    }

    fn expect(&self, pattern: &str) -> String {
        let mut seen = Vec::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("expected `{pattern}`, saw {seen:#?}"));
            if matches(pattern, &line) {
                return line;
            }
            seen.push(line);
        }
    }
}

fn matches(pattern: &str, line: &str) -> bool {
    let Some((front, back)) = pattern.split_once('…') else { return pattern == line };
    let Some(rest) = line.strip_prefix(front) else { return false };
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| matches(back, &rest[at..]))
}

#[test]
fn the_console_blocks_do_what_they_show() {
    let page = page();
    let homes = std::env::temp_dir().join(format!("tertulia-readme-{}", std::process::id()));
    let mut running: Vec<Running> = Vec::new();
    let mut address: Option<String> = None;
    for (number, block) in blocks(&page).into_iter().enumerate() {
        let command = block[0].strip_prefix("$ ").expect("a command first");
        let Some(command) = command.strip_prefix(RUN) else {
            assert_eq!(command, "cargo test --workspace", "the only other command");
            continue;
        };
        if command.starts_with("host") {
            address = None;
        }
        let command = address.as_ref().map_or(command.to_string(), |address| command.replace(ADDRESS, address));
        let mut one = Running::start(&command, &homes.join(number.to_string()));
        for line in &block[1..] {
            if let Some(typed) = line.strip_prefix("> ") {
                writeln!(one.input, "{typed}").unwrap();
            } else {
                let line = one.expect(&line.replace(ADDRESS, "127.0.0.1:…"));
                if address.is_none() && line.contains("join 127.0.0.1:") {
                    address = line.split_whitespace().last().map(str::to_string);
                }
            }
        }
        running.push(one);
    }
    assert_eq!(running.len(), 6, "a room and a lecture, somebody who joins each, and two looks at a trace");
    drop(running);
    std::fs::remove_dir_all(homes).unwrap();
}

#[test]
fn the_guest_in_python_attends_and_asks() {
    let mut package = Command::new("python3");
    if !package.args(["-c", "import cryptography"]).status().is_ok_and(|status| status.success()) {
        eprintln!("there is no python3 with the package `cryptography`: examples/guest.py is not tried");
        return;
    }
    let home = std::env::temp_dir().join(format!("tertulia-guest-{}", std::process::id()));
    let mut host = Running::start("host Mine --lecture", &home);
    let ticket = host.expect("--   tertulia join 'tertulia:…'");
    let ticket = ticket.split('\'').nth(1).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/guest.py");
    let mut guest = Running::of(Command::new("python3").arg("-u").arg(script).args([ticket, "bea"]));
    guest.expect("* you attend Mine");
    writeln!(guest.input, "Is it safe?").unwrap();
    guest.expect("Question from bea…: Is it safe?");
    writeln!(host.input, "It is.").unwrap();
    guest.expect("<…> It is.");
    drop((host, guest));
    std::fs::remove_dir_all(home).unwrap();
}

#[test]
fn the_test_command_is_the_one_that_the_gate_runs() {
    let gate = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/run")).unwrap();
    let page = page();
    let command = blocks(&page).into_iter().flatten().find_map(|line| line.strip_prefix("$ cargo test")).unwrap();
    assert!(gate.lines().any(|line| line == format!("step cargo test{command}")), "{command}");
}

#[test]
fn dots_stand_for_any_text_and_the_rest_for_itself() {
    assert!(matches("a … c", "a b b c"));
    assert!(matches("a…", "a"));
    assert!(!matches("a … c", "a b d"));
    assert!(!matches("a", "ab"));
}
