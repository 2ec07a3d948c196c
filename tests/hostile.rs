//! Hostile input to the program itself, as a process: its memory, and its terminal.
//! What needs neither is in `crates/testkit/tests/hostile`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, in its helpers too"
)]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tertulia_core::charter::Admission;
use tertulia_core::code::Code;
use tertulia_core::id::{MeetingId, RequestId, Salt, Token};
use tertulia_core::identity::Identity;
use tertulia_core::limits::{RATE_PATIENCE, TEXT_MAX};
use tertulia_core::log::Log;
use tertulia_core::rule::Rule;
use tertulia_core::time::{Instant as Tick, Now};
use tertulia_core::wire::entry::{EntryBody, Heard};
use tertulia_core::wire::field::Text;
use tertulia_core::wire::meeting::Whereabouts;
use tertulia_core::wire::option::{Options, OptionsBuffer};
use tertulia_core::wire::private::Tell;
use tertulia_core::wire::session::{Hello, Purpose, Session};
use tertulia_core::wire::{Encoded, Frame};
use tertulia_testkit::frames;
use tertulia_testkit::real::crowd::{Crowd, line};
use tertulia_testkit::real::hall::Hall;
use tertulia_testkit::real::local::{found, identity};
use tertulia_testkit::real::peer::{Peer, Proof};
use tokio::net::{TcpListener, TcpSocket};

use support::{PATIENCE, Scratch, tertulia};

const NONE: Options<'static> = Options::NONE;
/// Frames of 8 bytes that one record has.
const FRAMES_A_RECORD: usize = 8_189;
const MILLION: usize = 1_000_000;
/// What two floods may add to the host's memory at its peak: their connections, and records of 64 KiB in hand.
const GROWTH_MAX_KIB: u64 = 2_048;
/// Whoever types is answered by then, whatever has just arrived.
const RESPONSIVE: Duration = Duration::from_secs(5);

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_tertulia"))
}

/// Joins, then sends a million frames of type `kind` with nothing in them.
async fn flood(address: SocketAddr, name: &str, kind: u16) {
    // A narrow buffer of its own, so that what was taken is what the host has read, and little else.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(16_384).unwrap();
    let mut peer = Peer::dial_over(socket.connect(address).await.unwrap(), &identity()).await.unwrap();
    peer.join(name, &Proof::default()).await.unwrap();
    let frame = [&[0, 0][..], &kind.to_be_bytes(), &[0; 4]].concat();
    let records: Vec<u8> =
        (0..MILLION.div_ceil(FRAMES_A_RECORD)).flat_map(|_| peer.seal(&frame.repeat(FRAMES_A_RECORD))).collect();
    let start = Instant::now();
    let (sent, code) = peer.flood(&records).await;
    let took = start.elapsed();
    assert_eq!(code, Code::Rate, "{name}");
    assert!(took >= RATE_PATIENCE && took < RATE_PATIENCE + Duration::from_secs(5), "{name}: {took:?}");
    assert!(sent < records.len() / 2, "{name}: {sent} of {} bytes were read", records.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn h6_rate_1_a_million_empty_frames_are_read_slowly_then_no_more() {
    let mut hall = Hall::open(program(), "flood").await;
    let address = hall.ticket.addresses[0].parse().unwrap();
    let mut crowd = Crowd::new(hall.ticket.clone());
    crowd.grow(3).await;
    hall.forget_peak();
    let before = hall.usage();
    let others = async {
        // The others are served meanwhile.
        for number in 0..100 {
            hall.say(&line(number, 64)).await;
            crowd.until_heard((number + 1) * 3).await;
        }
        crowd.grow(4).await;
    };
    tokio::join!(flood(address, "pings", 4), flood(address, "unknown", 0x7ff1), others);
    let grown = hall.usage().peak_kib - before.resident_kib;
    assert!(grown < GROWTH_MAX_KIB, "the host's memory grew by {grown} KiB");
    crowd.grow(5).await;
}

/// Escape sequences, C1, what moves the cursor or rings, what ends strings.
const NASTY: [&str; 6] = ["\u{1b}[2J\u{1b}]0;x\u{7}", "\u{9b}31m", "\rada: forged", "\u{7}", "\0", "\u{202e}"];

/// A frame of type `kind` with this body.
fn frame(kind: u16, id: u32, body: &[u8]) -> Encoded {
    let length = u16::try_from(body.len()).unwrap();
    Encoded([&length.to_be_bytes()[..], &kind.to_be_bytes(), &id.to_be_bytes(), body].concat().into())
}

/// A HELLO with a name that may be none.
fn hello(name: &[u8]) -> Encoded {
    let mut options = OptionsBuffer::default();
    options.set_raw(0x10, name.into());
    let (purpose, meeting) = (Purpose::STAR, MeetingId::ZERO);
    Frame::from(Hello { purpose, meeting, started_ms: 1, options: options.options() }).encode(RequestId::EVENT)
}

/// The bytes of a name as HELLO and RENAME have it.
fn name(text: &str) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()][..], text.as_bytes()].concat()
}

fn ask(id: u32, asker: &Identity, meeting: MeetingId, text: &str) -> Encoded {
    let token = Token([u8::try_from(id).unwrap(); 16]);
    Frame::from(frames::ask(asker, meeting, token, Heard::NONE, ("mallory", text))).encode(RequestId(id))
}

fn tell(id: u32, text: &str) -> Encoded {
    let token = Token([u8::try_from(id).unwrap(); 16]);
    Frame::from(Tell { token, text: Text::new(text).unwrap(), options: NONE }).encode(RequestId(id))
}

/// Waits until request `id` was answered.
async fn answered(peer: &mut Peer, id: u32) {
    let is_done = |frame: &Frame<'_>, reply| {
        (matches!(frame, Frame::Session(Session::Done(_))) && reply == RequestId(id)).then_some(())
    };
    peer.until(is_done).await;
}

/// The program as it runs for people, with its output in a pipe.
struct Shown {
    child: Child,
    lines: Receiver<String>,
    log: JoinHandle<String>,
    seen: String,
}

impl Shown {
    fn start(home: &Scratch, arguments: &[&str]) -> Self {
        let mut command = tertulia(home);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (output, mut errors) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || BufReader::new(output).lines().try_for_each(|line| sender.send(line.unwrap())));
        let log = thread::spawn(move || {
            let mut log = String::new();
            errors.read_to_string(&mut log).unwrap();
            log
        });
        Self { child, lines, log, seen: String::new() }
    }

    /// Waits until a line has `text`, and gives what follows it there.
    fn until(&mut self, text: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no {text} in {}", self.seen));
            self.seen.extend([line.as_str(), "\n"]);
            if let Some((_, rest)) = line.split_once(text) {
                return rest.into();
            }
        }
    }

    /// Types a line.
    fn type_in(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Kills it, and gives all that it has printed and logged.
    fn end(mut self) -> [String; 2] {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.seen.extend(self.lines.iter());
        [self.seen, self.log.join().unwrap()]
    }
}

/// Nothing in what was printed acts on a terminal, and all of what was sent is in it, escaped.
fn check(outputs: &[String; 2], sent: usize) {
    for output in outputs {
        let acts = |letter: char| (letter.is_control() && letter != '\n') || letter == '\u{202e}';
        assert_eq!(output.find(acts), None, "{output:?}");
    }
    let [shown, logged] = outputs;
    for escape in ["\\u{1b}[2J", "\\u{9b}31m", "\\u{d}ada: forged", "\\u{7}", "\\u{0}", "\\u{202e}"] {
        assert!(shown.matches(escape).count() >= sent, "{escape} is shown less than {sent} times: {shown}");
    }
    assert!(!logged.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn h14_field_2_names_with_control_characters_are_refused() {
    let hall = Hall::open(program(), "names").await;
    let address = hall.ticket.addresses[0].parse().unwrap();
    for nasty in NASTY.into_iter().chain(["two words", "a/b", "*a", "@a", "#a"]) {
        let mut peer = Peer::dial(address, &identity()).await.unwrap();
        peer.send(&[hello(&name(nasty))]).await;
        peer.ends_by(Rule::Field2).await;
        let mut peer = Peer::dial(address, &identity()).await.unwrap();
        peer.join("mallory", &Proof::default()).await.unwrap();
        peer.send(&[frame(0x4e, 2, &name(nasty))]).await;
        peer.ends_by(Rule::Field2).await;
    }
    for broken in [name(""), name(&"x".repeat(65)), vec![2, 0xc3, 0x28]] {
        let mut peer = Peer::dial(address, &identity()).await.unwrap();
        peer.send(&[hello(&broken)]).await;
        assert_eq!(peer.end().await.0, Code::Malformed, "{broken:02x?}");
    }
    Crowd::new(hall.ticket.clone()).grow(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h14_a_guests_texts_are_shown_escaped_to_the_host() {
    let home = Scratch::new("h14-host");
    let mut host =
        Shown::start(&home, &["host", "H14", "--lecture", "--name", "ada", "-vvv", "--listen", "127.0.0.1:0"]);
    let address = host.until("tertulia join ").parse().unwrap();
    let guest = identity();
    let mut peer = Peer::dial(address, &guest).await.unwrap();
    let meeting = peer.join("mallory", &Proof::default()).await.unwrap().charter.meeting;
    for (number, nasty) in (1..).zip(NASTY) {
        peer.send(&[ask(number * 2, &guest, meeting, nasty), tell(number * 2 + 1, nasty)]).await;
        answered(&mut peer, number * 2 + 1).await;
    }
    peer.send(&[tell(100, "the last one")]).await;
    host.until("the last one");
    check(&host.end(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn h14_a_hosts_texts_are_shown_escaped_to_a_guest() {
    let home = Scratch::new("h14-guest");
    let founder = identity();
    let charter = found("\u{1b}[2J title", &founder, Admission::Open, None);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut guest = Shown::start(&home, &["join", &address, "--name", "bea", "-vvv"]);
    // Who was told an address alone tries a room first.
    let mut room = Peer::accept(listener.accept().await.unwrap().0, &founder).await.unwrap();
    room.refuse_kind().await;
    let mut peer = Peer::accept(listener.accept().await.unwrap().0, &founder).await.unwrap();
    peer.take_in(&charter, &founder).await;
    let mut log = Log::new(charter.meeting, 100);
    for (number, nasty) in (1..).zip(NASTY) {
        let body = EntryBody::Text { salt: Salt::ZERO, text: Text::new(nasty).unwrap() };
        let entry = log.write(&founder, 5, &body, Now { tick: Tick(0), unix_ms: 1 }).unwrap().frame.clone();
        peer.send(&[entry, tell(number, nasty)]).await;
        answered(&mut peer, number).await;
    }
    peer.send(&[tell(100, "the last one")]).await;
    guest.until("the last one");
    check(&guest.end(), 2);
}

/// What no text may be: 64 KiB of combining marks, 65,000 line breaks, no UTF-8.
fn no_texts() -> [Vec<u8>; 3] {
    ["\u{301}".repeat(32_500).into_bytes(), vec![b'\n'; 65_000], vec![0xc3, 0x28]]
}

/// The longest texts of what is worst to show: marks and line breaks.
fn worst_texts() -> [String; 2] {
    ["\u{301}".repeat(TEXT_MAX / 2), "\n".repeat(TEXT_MAX)]
}

/// These bytes as a text, with its length.
fn text16(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

/// An ENTRY of `author`'s that has `body`, and no signature that holds.
fn entry(author: &Identity, body: &[u8]) -> Encoded {
    let (zeros, one, text) = ([0; 32], 1_u64.to_be_bytes(), [1, 0]);
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let place: [&[u8]; 8] = [&author.key().0, &one, &[1], &one, &zeros, &one, &zeros[..16], &one];
    let said: [&[u8]; 5] = [&text, &length, &[0; 64], &[1], body];
    frame(0x44, 0, &[place.concat(), said.concat()].concat())
}

/// Sends what is refused, then the worst that is not, to somebody whose output is a pipe.
/// Comes in, and in a room says who it is.
async fn come_in(address: SocketAddr, us: &Identity, purpose: Purpose, name: &str) -> Peer {
    let mut peer = Peer::dial(address, us).await.unwrap();
    let admission = peer.enter(purpose, name, &Proof::default()).await.unwrap();
    if purpose == Purpose::MESH {
        let mut log = Log::new(admission.charter.meeting, 1);
        peer.send(&[admission.person(&mut log, us, 1, (name, Whereabouts::Here), &[])]).await;
    }
    peer
}

async fn floods_with_text(purpose: Purpose) {
    let home = Scratch::new(&format!("h16-{purpose:?}"));
    let kind = (purpose == Purpose::STAR).then_some("--lecture");
    let mut arguments = vec!["host", "H16", "--name", "ada", "--listen", "127.0.0.1:0"];
    arguments.extend(kind);
    let mut host = Shown::start(&home, &arguments);
    let address: SocketAddr = host.until("tertulia join ").parse().unwrap();
    for (number, no_text) in no_texts().into_iter().enumerate() {
        let mut peer = come_in(address, &identity(), purpose, &format!("mallory{number}")).await;
        peer.send(&[frame(0x60, 2, &[&[7; 16][..], &text16(&no_text)].concat())]).await;
        peer.ends_by(Rule::Field1).await;
        if purpose == Purpose::MESH {
            let eve = identity();
            let mut peer = come_in(address, &eve, purpose, &format!("eve{number}")).await;
            // What is too long for any body is not looked into, and what cannot be read costs its bringer nothing: but a signature.
            let (body, rule) = if no_text.len() > TEXT_MAX {
                (no_text, Rule::Field3)
            } else {
                ([&[7; 16][..], &text16(&no_text)].concat(), Rule::Entry1)
            };
            peer.send(&[entry(&eve, &body)]).await;
            peer.ends_by(rule).await;
        }
    }
    let mut peer = come_in(address, &identity(), purpose, "bea").await;
    for (id, worst) in (2..).zip(worst_texts().iter().cycle().take(6)) {
        peer.send(&[tell(id, worst)]).await;
        answered(&mut peer, id).await;
    }
    let asked = Instant::now();
    peer.send(&[tell(100, "that was all")]).await;
    host.until("that was all");
    host.type_in("/users");
    let here = host.until(" here: ");
    assert!(asked.elapsed() < RESPONSIVE, "it has answered after {:?}", asked.elapsed());
    assert!(here.contains("ada (you"), "{here}");
    let [shown, _] = host.end();
    assert!(shown.lines().all(|line| !line.contains(&"\u{301}".repeat(5))), "a pile of marks is shown escaped");
    let breaks = shown.lines().filter(|line| line.trim_end() == "    |").count();
    assert!(breaks >= 3 * (TEXT_MAX - 1), "{breaks} empty lines, each of which is marked as no line of ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn h16_field_1_texts_too_long_for_a_lecture_are_refused_and_the_worst_others_shown() {
    floods_with_text(Purpose::STAR).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h16_field_1_texts_too_long_for_a_room_are_refused_and_the_worst_others_shown() {
    floods_with_text(Purpose::MESH).await;
}
