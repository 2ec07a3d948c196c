//! The full screen, seen through a terminal of its own.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::fs::File;
use std::io::Write as _;
use std::net::TcpListener;
use std::num::NonZero;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use expectrl::Session;
use expectrl::session::OsSession;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, tcgetattr};
use serde_json::json;
use support::{Bot, PATIENCE, Scratch, code, mortal, tertulia};
use tertulia_core::limits::TEXT_MAX;
use vt100::Parser;

fn size(cells: u16) -> NonZero<u16> {
    NonZero::new(cells).expect("it is not empty")
}

/// The program in a terminal, and what stands there.
struct Terminal {
    session: OsSession,
    master: File,
    parser: Parser,
    /// How often it was rung, and what the desktop was told.
    bells: usize,
    notices: String,
}

impl Terminal {
    fn open(home: &Scratch, arguments: &[&str], size: (u16, u16)) -> Self {
        Self::open_with(home, arguments, size, &[])
    }

    /// The same, with these variables too.
    fn open_with(home: &Scratch, arguments: &[&str], size: (u16, u16), variables: &[(&str, &str)]) -> Self {
        // Signals end it, whatever whoever runs the tests ignores.
        let mut command = Command::new(mortal(home).get_program());
        command.args(mortal(home).get_args()).args(arguments);
        Self::run(home, command, size, variables)
    }

    fn run(home: &Scratch, mut command: Command, (columns, rows): (u16, u16), variables: &[(&str, &str)]) -> Self {
        command.env_clear().env("TERM", "xterm-256color").env("LANG", "C.UTF-8").env("TZ", "UTC");
        command.env("TERTULIA_HOME", home.path()).env("TERTULIA_REGISTRY", "none");
        command.envs(variables.iter().copied());
        // It begins with the size that a terminal has by default.
        let session = Session::spawn(command).expect("a terminal");
        let master = session.get_process().get_raw_handle().expect("the terminal's other end");
        let mut terminal =
            Self { session, master, parser: Parser::new(size(24), size(80), 0), bells: 0, notices: String::new() };
        terminal.resize(columns, rows);
        terminal
    }

    fn resize(&mut self, columns: u16, rows: u16) {
        self.session.get_process_mut().set_window_size(columns, rows).expect("it has a size");
        self.parser.screen_mut().set_size(size(rows), size(columns));
    }

    fn rows(&self) -> Vec<String> {
        let columns = self.parser.screen().size().1;
        self.parser.screen().rows(0, columns.get()).map(|row| row.trim_end().to_string()).collect()
    }

    /// What a phone reads of the code on the screen.
    fn code(&self) -> String {
        let screen = self.parser.screen();
        let (rows, columns) = screen.size();
        let row = |row: u16| -> String {
            let cells = (0..columns.get()).filter_map(|column| screen.cell(row, column));
            let paper = cells.filter(|cell| cell.bgcolor() == vt100::Color::Idx(15));
            paper.map(|cell| if cell.contents().is_empty() { " " } else { cell.contents() }).collect()
        };
        let rows: Vec<String> = (0..rows.get()).map(row).filter(|row| !row.is_empty()).collect();
        code(&rows.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Waits until the screen is as it should be.
    fn until(&mut self, what: &str, holds: impl Fn(&[String]) -> bool) {
        let begun = Instant::now();
        while !holds(&self.rows()) {
            assert!(begun.elapsed() < PATIENCE, "{what}: {:#?}", self.rows());
            assert!(self.read(), "{what}: it is gone: {:#?}", self.rows());
        }
    }

    fn shows(&mut self, text: &str) {
        self.until(text, |rows| rows.iter().any(|row| row.contains(text)));
    }

    /// Takes what has come, or waits a while for something; false at the end.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 16_384];
        match self.session.try_read(&mut buffer) {
            Ok(0) => return false,
            Ok(length) => {
                self.note_calls(&String::from_utf8_lossy(&buffer[..length]));
                self.parser.process(&buffer[..length]);
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                let wait = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
                poll(&mut [PollFd::new(&self.master, PollFlags::IN)], Some(&wait)).expect("it can be waited for");
            }
            // What a terminal says that nobody has open any more.
            Err(_) => return false,
        }
        true
    }

    fn note_calls(&mut self, written: &str) {
        self.bells = self.bells.saturating_add(written.matches('\u{7}').count());
        let notices = written.split("\u{1b}]").skip(1).filter_map(|rest| rest.split_once("\u{1b}\\"));
        notices.for_each(|(notice, _)| self.notices.push_str(notice));
    }

    fn keys(&mut self, keys: impl AsRef<[u8]>) {
        self.session.write_all(keys.as_ref()).expect("it is typed");
        self.session.flush().expect("it is typed");
    }

    /// Reads to the end: what stands then on the screen that the user had before.
    fn end(mut self) -> String {
        let begun = Instant::now();
        while self.read() {
            assert!(begun.elapsed() < PATIENCE, "it goes on: {:#?}", self.rows());
        }
        assert!(!self.parser.screen().alternate_screen(), "the screen is given back");
        assert!(!self.parser.screen().bracketed_paste() && !self.parser.screen().hide_cursor());
        assert_eq!(self.parser.screen().mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        self.parser.screen().contents()
    }
}

const ENTER: &str = "\r";
const CTRL_C: &str = "\u{3}";
const UP: &str = "\u{1b}[A";

/// The host of a room in a terminal, and where to dial it.
fn host(home: &Scratch, size: (u16, u16)) -> (Terminal, String) {
    host_of(home, size, &[])
}

/// The same, of any meeting.
fn host_of(home: &Scratch, size: (u16, u16), kind: &[&str]) -> (Terminal, String) {
    let arguments = [&["host", "T", "--listen", "127.0.0.1:0", "--name", "anna"], kind].concat();
    let mut host = Terminal::open(home, &arguments, (100, 30));
    host.until("it is open", |rows| rows[0].contains("1 here") && rows.iter().any(|row| row.contains("has more")));
    let rows = host.rows();
    let row = rows.iter().find_map(|row| row.split_once("tertulia join 127.0.0.1:")).expect("it says how to join");
    let port: String = row.1.chars().take_while(char::is_ascii_digit).collect();
    host.resize(size.0, size.1);
    (host, format!("127.0.0.1:{port}"))
}

/// The same, and somebody who is there.
fn host_and_bea(home: &Scratch, size: (u16, u16), kind: &[&str]) -> (Terminal, Bot) {
    let (mut host, address) = host_of(home, size, kind);
    let bea = Bot::start("bea", &["join", &address]);
    host.until("she is here", |rows| rows[0].contains("2 here"));
    (host, bea)
}

/// So many seconds stand behind this.
fn seconds(rows: &[String], before: &str) -> Option<u64> {
    let behind = rows.iter().filter_map(|row| row.split_once(before)).map(|(_, behind)| behind);
    behind.filter_map(|behind| behind.split_once(" s")).find_map(|(seconds, _)| seconds.parse().ok())
}

/// What is being typed: the last row, behind the prompt.
fn typed(rows: &[String]) -> &str {
    rows.last().map_or("", |row| row.trim_start_matches('>').trim_start())
}

#[test]
fn three_talk_and_what_is_half_typed_survives() {
    let home = Scratch::new("full-talk");
    let (mut host, address) = host(&home, (100, 30));
    let [mut bea, mut cleo] = ["bea", "cleo"].map(|name| Bot::start(name, &["join", &address]));
    host.until("both are here", |rows| rows[0].contains("3 here"));
    host.keys("half of ");
    host.until("it is shown", |rows| typed(rows) == "half of");
    for number in 0..50 {
        let bot = if number % 2 == 0 { &mut bea } else { &mut cleo };
        bot.send(&json!({"command": "say", "text": format!("line {number}")}));
    }
    host.shows("bea: line 48");
    host.shows("cleo: line 49");
    host.until("what was typed is there", |rows| typed(rows) == "half of");
    host.keys("a line");
    host.keys(ENTER);
    while bea.wait("message")["text"] != "half of a line" {}
    host.shows("anna: half of a line");
    host.shows("all 2 have your last message");
    // Private words, and a verb and a name that are completed.
    bea.send(&json!({"command": "msg", "to": "anna", "text": "psst"}));
    host.shows("(private) bea: psst");
    host.keys("/ms\t\u{62}e\twell?\r");
    host.shows("(private, to bea) anna: well?");
    while bea.wait("message")["text"] != "well?" {}
    host.keys("/kick cleo noise\r");
    assert_eq!(cleo.wait("closed")["code"], "kicked");
    host.until("she is gone", |rows| rows[0].contains("2 here"));
    host.keys("/end\r");
    assert_eq!(bea.wait("closed")["code"], "ended");
    let last = host.end();
    assert!(last.contains("the meeting is over") || last.contains("closed for all"), "{last}");
}

#[test]
fn who_is_up_in_the_past_stays_there_while_50_lines_a_second_arrive() {
    let home = Scratch::new("full-scroll");
    let (mut host, mut bea) = host_and_bea(&home, (60, 12), &[]);
    for number in 0..30 {
        bea.send(&json!({"command": "say", "text": format!("old {number}")}));
    }
    host.shows("bea: old 29");
    host.keys("\u{1b}[5~");
    host.until("it looks back", |rows| rows[10].contains("0 new below"));
    let before = host.rows()[1..10].to_vec();
    for number in 0..30 {
        bea.send(&json!({"command": "say", "text": format!("new {number}")}));
    }
    host.until("they are counted", |rows| rows[10].contains("30 new below"));
    assert_eq!(host.rows()[1..10], before);
    host.keys("\u{1b}[F");
    host.shows("bea: new 29");
}

#[test]
fn ticket_2_the_code_lies_over_all_until_a_key_is_pressed_and_leads_into_the_meeting() {
    let home = Scratch::new("full-code");
    let (mut host, _) = host(&home, (80, 24));
    host.keys("/ticket\r");
    host.shows("any key closes");
    let read = host.code();
    let mut bea = Bot::start("bea", &["join", &read]);
    assert_eq!(bea.wait("ready")["title"], "T");
    // Another key than a letter takes it away, and nothing else; a letter is typed.
    host.keys(CTRL_C);
    host.until("it is gone", |rows| typed(rows).is_empty() && rows[0].contains("2 here"));
    host.keys("/ticket\r");
    host.shows("any key closes");
    host.keys("x");
    host.until("it is typed", |rows| typed(rows) == "x");
    host.keys(CTRL_C);
    host.until("it is gone", |rows| typed(rows).is_empty());
    host.resize(80, 20);
    host.keys("/ticket\r");
    host.shows("it needs 45 columns and 24 rows");
}

#[test]
fn no_code_is_drawn_without_colours_or_the_letters_for_it() {
    for variable in [("NO_COLOR", "1"), ("LC_ALL", "C")] {
        let home = Scratch::numbered("full-no-code");
        let arguments = ["host", "T", "--listen", "127.0.0.1:0", "--name", "anna"];
        let mut host = Terminal::open_with(&home, &arguments, (80, 30), &[variable]);
        host.shows("1 here: anna (you");
        host.keys("/ticket\r");
        host.shows("others join: tertulia join");
        host.keys("/bans\r");
        host.shows("nobody is muted or out");
        assert!(host.rows().iter().all(|row| !row.contains("phones") && !row.contains('█')), "{:?}", host.rows());
    }
}

#[test]
fn what_is_refused_joins_nothing_and_is_under_the_arrow() {
    let home = Scratch::new("full-refused");
    let (mut host, _) = host(&home, (80, 24));
    host.keys("/frob\r/admit all");
    host.shows("error: there is no /frob here");
    host.until("it is alone", |rows| typed(rows) == "/admit all");
    host.keys(CTRL_C);
    host.until("it is gone", |rows| typed(rows).is_empty());
    host.keys([UP, UP].concat());
    host.until("what was refused is there", |rows| typed(rows) == "/frob");
    host.keys(CTRL_C);
    // A byte that is no UTF-8 is told, what is left is not sent unseen, and nothing ends.
    host.keys(b"caf\xe9\r");
    host.shows("some of it is no UTF-8 and was left out");
    assert_eq!(typed(&host.rows()), "caf");
    host.keys("\u{e9}\r");
    host.shows("anna: caf\u{e9}");
    host.keys("/users\r");
    host.until("it is answered", |rows| rows.iter().filter(|row| row.contains("1 here: anna (you")).count() >= 2);
}

#[test]
fn what_arrives_acts_on_no_screen() {
    let home = Scratch::new("full-hostile");
    let (mut host, mut bea) = host_and_bea(&home, (100, 30), &[]);
    let text = "\u{1b}]0;title\u{7}\u{1b}[2J\r-- error: forged\u{9b}1A\n-- anna left";
    let worst = ["a\u{301}".repeat(TEXT_MAX / 3), "\u{301}".repeat(TEXT_MAX / 2), "\n".repeat(TEXT_MAX)];
    for text in [text].into_iter().chain(worst.iter().map(String::as_str)).chain(["is that all?"]) {
        bea.send(&json!({"command": "say", "text": text}));
    }
    host.shows("bea: is that all?");
    host.keys("\u{1b}[5~".repeat(2_000));
    host.shows("\\u{1b}]0;title\\u{7}\\u{1b}[2J\\u{d}-- error: forged\\u{9b}1A");
    let forged = host.rows().into_iter().find(|row| row.contains("-- anna left")).expect("it is shown");
    assert!(forged.starts_with("      -- anna left"), "under her name, with no time: {forged:?}");
    host.keys("still here\r");
    host.shows("anna: still here");
}

#[test]
fn a_window_of_any_size_loses_nothing() {
    let home = Scratch::new("full-resize");
    let (mut host, mut bea) = host_and_bea(&home, (40, 20), &[]);
    for number in 0..6 {
        bea.send(&json!({"command": "say", "text": format!("message number {number}, of some length, so that it is wrapped")}));
    }
    host.shows("bea: message number 5");
    host.keys("what is typed is longer than the window that it is typed in");
    host.shows("typed in");
    for (columns, rows) in [(100, 24), (1, 1), (3, 2), (200, 60), (100, 24)] {
        host.resize(columns, rows);
    }
    for number in 0..6 {
        host.shows(&format!("bea: message number {number}, of some length, so that it is wrapped"));
    }
    host.until("it is there", |rows| typed(rows) == "what is typed is longer than the window that it is typed in");
    host.keys(ENTER);
    while bea.wait("message")["own"] == true {}
    host.shows("anna: what is typed is longer");
}

#[test]
fn sixty_four_kib_are_pasted_as_one_text_and_refused_with_words() {
    let home = Scratch::new("full-paste");
    let (mut host, mut bea) = host_and_bea(&home, (80, 24), &[]);
    let line = "x".repeat(79);
    let pasted = |lines: usize| format!("\u{1b}[200~{}\u{1b}[201~", format!("{line}\r").repeat(lines));
    host.keys(pasted(64 * 1024 / 80));
    host.keys(ENTER);
    host.shows("820 lines: Enter again sends them as one text");
    host.keys(ENTER);
    host.shows("error: ");
    host.keys(pasted(20));
    host.keys([ENTER, ENTER].concat());
    while bea.wait("message")["text"] != format!("{line}\n").repeat(20) {}
}

#[test]
fn the_terminal_is_given_back_whatever_ends_the_program() {
    for end in ["/stop\r", CTRL_C, "TERM", "INT"] {
        let home = Scratch::new("full-end");
        let (mut host, _) = host(&home, (80, 24));
        let process = host.session.get_process().pid();
        let raw = tcgetattr(&host.master).expect("it is a terminal");
        assert!(!raw.local_modes.contains(LocalModes::ICANON));
        if ["TERM", "INT"].contains(&end) {
            support::signal(u32::try_from(process.as_raw()).expect("a process"), end);
        } else {
            host.keys(end);
        }
        let modes = {
            let begun = Instant::now();
            loop {
                let modes = tcgetattr(&host.master).expect("it is a terminal").local_modes;
                if modes.contains(LocalModes::ICANON) || begun.elapsed() > PATIENCE || !host.read() {
                    break modes;
                }
            }
        };
        assert!(modes.contains(LocalModes::ICANON), "{end:?}");
        let last = host.end();
        assert!(last.contains("tertulia --name anna host T"), "what to type next: {last:?}");
    }
}

#[test]
fn lines_that_are_typed_at_once_are_each_taken_or_refused_for_themselves() {
    let home = Scratch::new("full-ahead");
    let (mut host, mut bea) = host_and_bea(&home, (80, 24), &[]);
    host.keys("/msg x\r/frob\r");
    host.shows("error: there is no /frob here");
    host.until("nothing is in the way", |rows| typed(rows).is_empty());
    host.keys([UP, UP].concat());
    host.until("what was refused first is there", |rows| typed(rows) == "/msg x");
    host.keys(CTRL_C);
    host.keys("one\r\rtwo\r/users x\rthree\rhalf ");
    for expected in ["one", "two", "three"] {
        assert_eq!(bea.wait("message")["text"], expected);
    }
    host.until("it is still there", |rows| typed(rows) == "half");
    host.keys("a line\r");
    assert_eq!(bea.wait("message")["text"], "half a line");
}

#[test]
fn ctrl_c_takes_away_half_a_line_before_it_ends_anything() {
    let home = Scratch::new("full-cleared");
    let (mut host, mut bea) = host_and_bea(&home, (90, 24), &["--lecture"]);
    host.keys("half a line");
    host.until("it is shown", |rows| typed(rows) == "half a line");
    host.keys(CTRL_C);
    host.shows("Ctrl-C again, on the empty line, ends the lecture for all");
    host.keys("whole\r");
    assert_eq!(bea.wait("message")["text"], "whole");
    host.keys(CTRL_C);
    let again = |rows: &[String]| rows.iter().filter(|row| row.contains("Ctrl-C again")).count() == 2;
    host.until("one is not enough, so long after the other", again);
    host.keys(CTRL_C);
    assert_eq!(bea.wait("closed")["code"], "ended");
    assert!(host.end().contains("the meeting is over"));
}

/// Whoever types is answered by then, whatever has just arrived.
const RESPONSIVE: Duration = Duration::from_secs(5);

/// Sends the worst texts that there are to somebody who is typing.
fn floods_whoever_types(name: &str, kind: &[&str]) {
    let home = Scratch::new(name);
    let (mut host, mut bea) = host_and_bea(&home, (80, 24), kind);
    host.keys("half of ");
    host.until("it is shown", |rows| typed(rows) == "half of");
    // As long as a text can be: marks that pile up over one letter, and line breaks; then one that shows the end.
    let worst = ["a\u{301}".repeat(TEXT_MAX / 3), "\u{301}".repeat(TEXT_MAX / 2), "\n".repeat(TEXT_MAX)];
    for text in worst.iter().map(String::as_str).chain(["is that all?"]) {
        bea.send(&json!({"command": "say", "text": text}));
    }
    host.shows("is that all?");
    host.until("what was typed is still there", |rows| typed(rows) == "half of");
    let begun = Instant::now();
    host.keys("a line\r");
    while bea.wait("message")["text"] != "half of a line" {}
    host.keys("/users\r");
    host.until("it is answered", |rows| rows.iter().any(|row| row.contains("2 here: ")));
    assert!(begun.elapsed() < RESPONSIVE, "after {:?}", begun.elapsed());
}

#[test]
fn h16_a_lecture_s_worst_texts_leave_the_line_to_whoever_types() {
    floods_whoever_types("worst-lecture", &["--lecture"]);
}

#[test]
fn h16_a_room_s_worst_texts_leave_the_line_to_whoever_types() {
    floods_whoever_types("worst-room", &[]);
}

#[test]
fn what_was_said_before_is_there_again_once() {
    let home = Scratch::new("full-earlier");
    let (mut host, mut bea) = host_and_bea(&home, (80, 24), &[]);
    bea.send(&json!({"command": "say", "text": "from bea"}));
    host.shows("bea: from bea");
    host.keys("from anna\r");
    for text in ["secret one", "secret two"] {
        host.keys(format!("{text}\r"));
        host.shows(text);
        host.keys("/retract\r");
        host.until("it is gone", |rows| !rows.iter().any(|row| row.contains(text)));
    }
    host.until("both are", |rows| rows.iter().filter(|row| row.contains("anna: [removed]")).count() == 2);
    host.keys("/stop\r");
    host.end();
    let mut again = Terminal::open(&home, &["host", "T", "--listen", "127.0.0.1:0", "--name", "anna"], (80, 40));
    again.shows("has more");
    again.shows("anna: from anna");
    let rows = again.rows();
    let count = |text: &str| rows.iter().filter(|row| row.contains(text)).count();
    assert_eq!((count("bea: from bea"), count("anna: from anna"), count("secret")), (1, 1, 0), "{rows:#?}");
}

#[test]
fn what_was_said_with_friends_is_there_again_in_its_order_and_to_whom() {
    let home = Scratch::new("full-friends");
    let arguments = ["--name", "anna", "friends", "--listen", "127.0.0.1:0"];
    let mut friends = ["bea", "cleo"].map(|name| Bot::start(name, &["friends", "--listen", "127.0.0.1:0"]));
    let mut anna = Terminal::open(&home, &arguments, (110, 40));
    anna.shows("no contacts yet");
    for (name, bot) in ["bea", "cleo"].iter().zip(&mut friends) {
        let listen = bot.wait("ready")["listen"].as_str().expect("it listens").to_string();
        anna.keys(format!("/add {name} {listen}\r{name}/hello {name}\r"));
        while bot.wait("message")["text"] != format!("hello {name}") {}
        bot.send(&json!({"command": "msg", "to": "anna", "text": format!("from {name}")}));
        anna.shows(&format!("{name}: from {name}"));
    }
    // One of them alone.
    anna.keys("/with bea\r");
    anna.until("cleo's words are not shown", |rows| {
        rows[0].contains("with bea alone") && rows.iter().all(|row| !row.contains("cleo: from cleo"))
    });
    anna.keys("only you\r");
    while friends[0].wait("message")["text"] != "only you" {}
    friends[1].send(&json!({"command": "msg", "to": "anna", "text": "unseen"}));
    anna.shows("cleo 1 new");
    anna.keys("/with dora\r");
    anna.shows("no friend of yours is called dora");
    anna.keys("/with\r");
    anna.until("it is seen", |rows| rows.iter().any(|row| row.contains("cleo: unseen")));
    anna.until("it is not new", |rows| rows.iter().all(|row| !row.contains("1 new")));
    anna.keys("/quit\r");
    anna.end();
    let mut again = Terminal::open(&home, &arguments, (110, 40));
    again.shows("cleo at 127.0.0.1");
    let rows = again.rows();
    let at = |text: &str| {
        let rows: Vec<usize> = (0..rows.len()).filter(|at| rows[*at].contains(text)).collect();
        assert_eq!(rows.len(), 1, "{text}: {:#?}", again.rows());
        rows[0]
    };
    let order = ["(private, to bea) anna: hello bea", "bea: from bea", "(private, to cleo) anna: hello cleo"];
    let order: Vec<usize> = order
        .into_iter()
        .chain(["cleo: from cleo", "bea) anna: only you", "cleo: unseen", "cleo at 127.0.0.1"])
        .map(at)
        .collect();
    assert!(order.is_sorted(), "{rows:#?}");
    let beside: Vec<&str> =
        rows.iter().filter_map(|row| row.split_once('\u{2502}').map(|(_, beside)| beside)).collect();
    assert!(beside.contains(&" unseen") && beside.contains(&" only you"), "{beside:#?}");
}

#[test]
fn who_looks_elsewhere_sees_what_is_new() {
    let home = Scratch::new("full-new");
    let (mut host, address) = host(&home, (80, 24));
    let mut bea = Bot::start("bea", &["join", &address]);
    bea.send(&json!({"command": "say", "text": "one"}));
    host.shows("bea: one");
    host.keys("\u{1b}[O");
    host.keys("half");
    host.until("it is shown", |rows| typed(rows) == "half");
    bea.send(&json!({"command": "say", "text": "two"}));
    bea.send(&json!({"command": "say", "text": "three"}));
    host.shows("bea: three");
    let rows = host.rows();
    let new = rows.iter().position(|row| row.starts_with("\u{2014} new \u{2014}")).expect("it is marked");
    assert!(rows[new - 1].contains("bea: one") && rows[new + 1].contains("bea: two"), "{rows:#?}");
    host.keys("\u{1b}[I\r");
    host.shows("anna: half");
    assert!(!host.rows().iter().any(|row| row.contains("\u{2014} new \u{2014}")));
}

#[test]
fn what_was_told_of_a_meeting_that_is_not_reached_stays() {
    let home = Scratch::new("full-unreached");
    let mut host = Bot::start("host", &["host", "T", "--listen", "127.0.0.1:0"]);
    let ready = host.wait("ready");
    host.send(&json!({"command": "lock", "id": 1}));
    host.wait("done");
    let address = ready["listen"].as_str().expect("it listens");
    let last = Terminal::open(&home, &["join", address, "--name", "bea"], (80, 24)).end();
    assert!(last.contains(&format!("-- joining {address}")), "{last}");
    assert!(last.contains("-- error: ") && last.contains("locked"), "{last}");
}

#[test]
fn who_looks_elsewhere_is_called_as_the_settings_say() {
    for bell in ["name,knock", "none"] {
        let home = Scratch::new("full-bell");
        let (mut host, address) = {
            let set = tertulia(&home).args(["config", "set", "bell", bell]).status().expect("it runs");
            assert!(set.success());
            host(&home, (80, 24))
        };
        let mut bea = Bot::start("bea", &["join", &address]);
        let said = |text: &str| json!({"command": "say", "text": text});
        bea.send(&said("anna, are you looking?"));
        host.shows("bea: anna, are you looking?");
        host.keys("\u{1b}[O");
        host.keys("half");
        host.until("it is shown", |rows| typed(rows) == "half");
        bea.send(&json!({"command": "msg", "to": "anna", "text": "alone"}));
        bea.send(&said("does Anna look elsewhere?"));
        bea.send(&said("hannah does"));
        host.shows("bea: hannah does");
        let calls = if bell == "none" { "" } else { "9;tertulia: bea names you" };
        assert_eq!((host.bells, host.notices.as_str()), (calls.len().min(1), calls));
    }
}

#[test]
fn who_knocks_stands_beside_those_inside_and_is_let_in() {
    let home = Scratch::new("full-lobby");
    let (mut host, address) = host_of(&home, (90, 24), &["--lobby"]);
    let mut bea = Bot::start("bea", &["join", &address, "--note", "from the course"]);
    host.shows("1 at the door:");
    let beside = |rows: &[String], text: &str| {
        rows.iter().filter_map(|row| row.split_once('\u{2502}')).any(|(_, beside)| beside.contains(text))
    };
    host.until("for how long", |rows| seconds(rows, "bea ").is_some());
    let first = seconds(&host.rows(), "bea ");
    host.until("it goes on", |rows| seconds(rows, "bea ") > first);
    assert!(beside(&host.rows(), " from the c"), "{:#?}", host.rows());
    host.keys("/adm\tb\t\r");
    bea.wait("ready");
    host.until("she is inside", |rows| rows[0].contains("2 here") && !beside(rows, "at the door"));
    let mut cleo = Bot::start("cleo", &["join", &address]);
    host.shows("1 at the door:");
    host.keys("/deny cleo\r");
    assert_eq!(cleo.wait("closed")["code"], "denied");
    host.until("she is gone", |rows| !beside(rows, "at the door"));
    host.keys("/lock\r");
    host.until("it is locked", |rows| rows[0].contains("locked"));
    host.keys("/stop\r");
    host.end();
    let arguments = ["host", "T", "--lobby", "--listen", "127.0.0.1:0", "--name", "anna"];
    let mut again = Terminal::open(&home, &arguments, (90, 24));
    again.until("it is as it was left", |rows| rows[0].contains(" T \u{b7} room") && rows[0].contains("locked"));
}

#[test]
fn who_is_cut_off_sees_for_how_long_and_what_was_typed_goes_out_once_it_is_over() {
    let (home, hosts) = (Scratch::new("full-cut"), Arc::new(Scratch::numbered("full-cut-host")));
    let arguments = ["host", "T", "--lecture", "--listen", "127.0.0.1:0"];
    let mut host = Bot::start_in(&hosts, "anna", &arguments);
    let listen = host.wait("ready")["listen"].as_str().expect("it listens").to_string();
    let mut bea = Terminal::open(&home, &["join", &listen, "--name", "bea"], (60, 16));
    bea.until("she is there", |rows| rows[0].contains("2 here"));
    support::signal(host.id(), "KILL");
    bea.until("it is told", |rows| rows[0].starts_with(" CUT OFF (") && rows[0].contains(" s, next try in "));
    let first = seconds(&bea.rows(), ") for ");
    bea.until("it goes on", |rows| seconds(rows, ") for ") > first);
    bea.keys("is anybody there?\r");
    bea.keys("half");
    bea.until("it is shown", |rows| typed(rows) == "half");
    let again = ["host", "T", "--lecture", "--listen", &listen];
    let mut host = Bot::start_in(&hosts, "anna", &again);
    bea.until("it is over", |rows| rows[0].starts_with(" T ") && typed(rows) == "half");
    while host.wait("message")["text"] != "is anybody there?" {}
}

#[test]
fn the_bar_says_how_newcomers_come_in() {
    for (arguments, door) in [
        (&["--ticket"][..], "by ticket"),
        (&["--ticket", "--lecture"], "by ticket"),
        (&["--lobby"], "lobby"),
        (&["--lobby", "--lecture"], "lobby"),
        (&["--ticket", "--lobby"], "by ticket, lobby"),
        (&[], "open"),
    ] {
        let home = Scratch::numbered("full-door");
        let arguments = [&["host", "T", "--listen", "127.0.0.1:0", "--name", "anna"], arguments].concat();
        let mut host = Terminal::open(&home, &arguments, (90, 24));
        host.until("it says so", |rows| rows[0].contains("1 here") && rows[0].ends_with(&format!(" \u{b7} {door}")));
    }
}

#[test]
fn a_host_with_a_large_window_sees_the_code_beside_what_is_said_until_escape() {
    let home = Scratch::new("full-invites");
    let (mut host, _) = host(&home, (120, 30));
    host.shows("F3 copies the ticket, Esc closes");
    let read = host.code();
    let mut bea = Bot::start("bea", &["join", &read]);
    assert_eq!(bea.wait("ready")["title"], "T");
    // It is in nobody's way.
    host.keys("hello\r");
    host.shows("anna: hello");
    host.shows("Esc closes");
    host.resize(80, 24);
    host.until("there is no place for it", |rows| rows.iter().all(|row| !row.contains("closes")));
    host.resize(120, 30);
    host.shows("Esc closes");
    host.keys("\u{1b}");
    host.until("it is gone", |rows| rows.iter().all(|row| !row.contains("closes")));
    host.keys("/ticket\r");
    host.shows("Esc closes");
    assert_eq!(host.code(), read);
}

#[test]
fn who_goes_away_is_called_until_they_type_again() {
    let home = Scratch::new("full-away");
    let (mut host, mut bea) = host_and_bea(&home, (80, 24), &[]);
    let said = |text: &str| json!({"command": "say", "text": text});
    host.keys("/away\r");
    host.shows("away: you are called until you type again");
    bea.send(&said("anna, where are you?"));
    host.shows("bea: anna, where are you?");
    host.shows("\u{2014} new \u{2014}");
    assert_eq!((host.bells, host.notices.as_str()), (1, "9;tertulia: bea names you"));
    host.keys("here\r");
    host.shows("anna: here");
    bea.send(&said("anna, there you are"));
    host.shows("bea: anna, there you are");
    assert_eq!(host.bells, 1);
}

#[test]
fn what_is_looked_for_is_found_and_what_is_typed_then_is_typed() {
    let home = Scratch::new("full-search");
    let (mut host, mut bea) = host_and_bea(&home, (80, 12), &[]);
    for number in 0..60 {
        let text = if number % 20 == 7 { format!("a pear, number {number}") } else { format!("line {number}") };
        bea.send(&json!({"command": "say", "text": text}));
    }
    host.shows("bea: line 59");
    host.keys("/search PEAR\r");
    for (key, number, place) in [("", 47, 1), ("n", 27, 2), ("n", 7, 3), ("n", 7, 3), ("N", 27, 2)] {
        host.keys(key);
        let (found, place) = (format!(">bea: a pear, number {number}"), format!("{place} of 3 with `PEAR`"));
        host.until(&place, |rows| rows.iter().any(|row| row.contains(&found)) && rows[10].contains(&place));
    }
    host.keys("\u{1b}");
    host.until("it is over", |rows| !rows[10].contains("of 3 with"));
    host.keys("nobody has figs\r");
    while bea.wait("message")["text"] != "nobody has figs" {}
    host.shows("anna: nobody has figs");
    host.keys("/search figs or pears\r");
    host.shows("nobody has said `figs or pears`");
}

#[test]
fn show_4_what_somebody_does_is_a_text_like_any_other_and_told_after_their_name() {
    let home = Scratch::new("full-me");
    let (mut host, mut bea) = host_and_bea(&home, (80, 24), &[]);
    host.keys("/me waves\r");
    while bea.wait("message")["text"] != "/me waves" {}
    host.shows(" * anna waves");
    bea.send(&json!({"command": "msg", "to": "anna", "text": "/me waves back"}));
    host.shows("(private) * bea waves back");
}

#[test]
fn the_wheel_scrolls_unless_the_mouse_is_to_mark_text() {
    let home = Scratch::new("full-wheel");
    let (mut host, mut bea) = host_and_bea(&home, (80, 12), &[]);
    for number in 0..30 {
        bea.send(&json!({"command": "say", "text": format!("line {number}")}));
    }
    host.shows("bea: line 29");
    let mode = |host: &Terminal| host.parser.screen().mouse_protocol_mode();
    assert_eq!(mode(&host), vt100::MouseProtocolMode::PressRelease);
    host.keys("\u{1b}[<64;5;5M");
    host.until("three rows up", |rows| rows[9].contains("bea: line 26") && rows[10].contains("0 new below"));
    host.keys("\u{1b}[<65;5;5M");
    host.until("and down", |rows| rows[9].contains("bea: line 29"));
    host.keys("\u{1b}OS");
    host.shows("the mouse marks text");
    assert_eq!(mode(&host), vt100::MouseProtocolMode::None);
    host.keys("\u{1b}OS");
    host.shows("the wheel scrolls");
    host.keys("/stop\r");
    host.end();
}

#[test]
fn the_ticket_is_handed_to_the_clipboard() {
    let home = Scratch::new("full-copy");
    let (mut host, _) = host(&home, (80, 24));
    host.keys("\u{1b}OR");
    host.shows("the ticket is copied, if your terminal takes it");
    // `tertulia:` in base64.
    assert!(host.notices.starts_with("52;c;dGVydHVsaWE6"), "{}", host.notices);
}

#[test]
fn the_end_of_input_leaves_the_keys_to_whoever_stays() {
    let home = Scratch::new("full-eof");
    let (mut host, mut bea) = host_and_bea(&home, (90, 24), &["--lecture"]);
    host.keys("\u{4}");
    host.shows("no more input: the lecture goes on");
    host.keys("still here\r");
    assert_eq!(bea.wait("message")["text"], "still here");
    host.keys([CTRL_C, CTRL_C].concat());
    assert_eq!(bea.wait("closed")["code"], "ended");
    host.end();
}

#[test]
fn what_is_half_typed_at_the_end_is_told() {
    let home = Scratch::new("full-half-end");
    let (mut host, _) = host(&home, (80, 24));
    host.keys("nobody has read this");
    host.until("it is shown", |rows| typed(rows) == "nobody has read this");
    support::signal(u32::try_from(host.session.get_process().pid().as_raw()).expect("a process"), "TERM");
    assert!(host.end().contains("-- not sent: nobody has read this"));
}

#[test]
fn before_the_meeting_is_found_ctrl_c_and_signals_end_it_and_give_the_terminal_back() {
    for end in [CTRL_C, "TERM", "HUP"] {
        let home = Scratch::numbered("full-finding");
        // It takes calls, and never answers.
        let silent = TcpListener::bind("127.0.0.1:0").expect("there is a port");
        let registry = silent.local_addr().expect("it has an address").to_string();
        let arguments = ["join", "friday", "--name", "anna", "--registry", &registry];
        let mut guest = Terminal::open(&home, &arguments, (80, 24));
        let begun = Instant::now();
        while !guest.parser.screen().alternate_screen() {
            assert!(begun.elapsed() < PATIENCE && guest.read());
        }
        silent.accept().expect("it is called");
        if end == CTRL_C {
            guest.keys(end);
        } else {
            support::signal(u32::try_from(guest.session.get_process().pid().as_raw()).expect("a process"), end);
        }
        let last = guest.end();
        assert!(!last.contains("error"), "it has not waited for the registry: {last}");
    }
}

#[test]
fn who_stops_it_has_the_shell_and_then_the_screen_again() {
    let home = Scratch::new("full-stop");
    // Only what a shell has started can be stopped.
    let mut shell = Command::new("/bin/sh");
    shell.arg("-i");
    let mut host = Terminal::run(&home, shell, (80, 24), &[("PS1", "shell> ")]);
    let is_shell = |rows: &[String]| rows.iter().rfind(|row| !row.is_empty()).is_some_and(|row| row == "shell>");
    host.until("the shell is there", is_shell);
    let program = env!("CARGO_BIN_EXE_tertulia");
    host.keys(format!("{program} host T --listen 127.0.0.1:0 --name anna\r"));
    host.until("it is open", |rows| rows[0].contains(" T ") && rows.iter().any(|row| row.contains("has more")));
    for round in 0..3 {
        host.keys(format!("half {round}"));
        host.until("it is typed", |rows| typed(rows) == format!("half {round}"));
        host.keys("\u{1a}");
        let begun = Instant::now();
        while host.parser.screen().alternate_screen() {
            assert!(begun.elapsed() < PATIENCE && host.read());
        }
        // It says so, and its prompt from before stands there already.
        let has_told = |rows: &[String]| {
            rows.iter().rev().filter(|row| !row.is_empty()).nth(1).is_some_and(|row| row.ends_with(" anna"))
        };
        host.until("the shell is back", |rows| is_shell(rows) && has_told(rows));
        host.keys("echo $((6 * 7))\r");
        host.until("the shell answers", |rows| rows.iter().any(|row| row.ends_with(" 42")));
        host.keys("fg\r");
        host.until("it is back", |rows| rows[0].contains(" T ") && typed(rows) == format!("half {round}"));
        host.keys("\u{c}\u{15}");
        host.until("keys are read", |rows| rows[0].contains(" T ") && typed(rows).is_empty());
    }
    host.keys("still here\r");
    host.shows("anna: still here");
    host.keys("/stop\r");
    host.until("the shell is there again", is_shell);
    host.shows("it goes on when you are back");
    host.keys("exit\r");
    host.end();
}
