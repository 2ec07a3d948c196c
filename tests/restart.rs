//! What a restart finds in a log: damage is told and accuses nobody, and what others hold comes again; who has forked a
//! stream is known; what waited to be shown is shown; and the file holds little more than is kept.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]
#![allow(clippy::arithmetic_side_effects, reason = "small numbers")]

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use support::{Bot, PATIENCE, Scratch, kept, tertulia};
use tertulia_core::id::Salt;
use tertulia_core::identity::Identity;
use tertulia_core::limits::{TALK_BYTES_MAX, TEXT_MAX};
use tertulia_core::log::{Log, StreamId};
use tertulia_core::time::{Instant as Tick, Now};
use tertulia_core::wire::entry::{EntryBody, Whereabouts};
use tertulia_core::wire::field::Text;
use tertulia_core::wire::meeting::{Lane, Meeting};
use tertulia_core::wire::session::Purpose;
use tertulia_core::wire::{Encoded, Frame, decode};
use tertulia_testkit::real::local::identity;
use tertulia_testkit::real::peer::{Peer, Proof, digest};

const LINES: usize = 5;
/// More than a pipe holds.
const UNREAD: usize = 400;
/// Lines of which the log keeps a third.
const MANY: usize = 3_000;
/// Bytes of a record before the frame that it holds: length, seal and kind.
const FRONT: usize = 9;

/// Somebody at the program, and all that it has said.
struct Seat {
    bot: Bot,
    seen: Vec<Value>,
}

impl Seat {
    fn take(home: &Arc<Scratch>, name: &str, arguments: &[&str]) -> Self {
        Self { bot: Bot::start_in(home, name, arguments), seen: Vec::new() }
    }

    /// The next event that `is` what is waited for.
    fn until(&mut self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            let next = self.bot.next();
            self.seen.push(next.clone());
            if is(&next) {
                return next;
            }
        }
        panic!("no {what} in {:#?}", self.seen)
    }

    fn wait(&mut self, event: &str) -> Value {
        self.until(event, |next| next["event"] == event)
    }

    fn say(&mut self, text: &str) {
        self.bot.send(&json!({"command": "say", "text": text}));
    }

    /// What it was shown of what was said.
    fn texts(&self) -> Vec<&str> {
        let messages = self.seen.iter().filter(|event| event["event"] == "message");
        messages.filter_map(|event| event["text"].as_str()).collect()
    }

    /// Waits until it was shown all of `texts`.
    fn read(&mut self, texts: &[String]) {
        let end = Instant::now() + PATIENCE;
        while let Some(missing) = texts.iter().find(|text| !self.texts().contains(&text.as_str())) {
            assert!(Instant::now() < end, "no `{missing}` in {:#?}", self.seen);
            self.seen.push(self.bot.next());
        }
    }

    fn told(&self, event: &str) -> Vec<&Value> {
        self.seen.iter().filter(|seen| seen["event"] == event).collect()
    }

    /// Goes by this command; what it has said, to the end.
    fn leave(mut self, command: &str) -> Vec<Value> {
        self.bot.send(&json!({"command": command}));
        self.seen.extend(self.bot.rest());
        assert!(self.bot.end().success());
        self.seen
    }

    /// Goes by this command, having accused nobody.
    fn leave_in_peace(self, command: &str) {
        accuses_nobody(&self.leave(command));
    }

    /// Waits until the meeting is over, having accused nobody.
    fn ends_in_peace(mut self) {
        self.seen.extend(self.bot.rest());
        accuses_nobody(&self.seen);
        assert_eq!(self.seen.last().expect("the end")["code"], "ended");
    }
}

/// Nobody is said to have signed two versions or to have forged anything, and nobody is cut off for it.
fn accuses_nobody(seen: &[Value]) {
    let of = |event: &Value, field: &str, word: &str| event[field] == word;
    let accuses =
        |event: &&Value| ["fork", "forged"].iter().any(|word| of(event, "code", word) || of(event, "reason", word));
    assert_eq!(seen.iter().find(accuses), None, "{seen:#?}");
}

/// What happens to a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    /// A bit of this text is another.
    Text(&'static str),
    /// A bit of the first act that has this name is another. What only hosts may serve stands twice.
    Act(&'static str),
    /// The record of this text says that it is 32 KiB longer.
    Length(&'static str),
    /// The file is empty.
    Nothing,
    /// The file ends within the record of this text.
    Torn(&'static str),
}

impl Damage {
    fn happen(self, log: &Path) {
        let mut bytes = std::fs::read(log).expect("a log is kept");
        match self {
            Self::Text(text) => {
                let at = place(&bytes, text);
                bytes[at] ^= 4;
            }
            Self::Act(name) => {
                let at = places(&bytes, name)[0];
                bytes[at] ^= 4;
            }
            Self::Length(text) => {
                let start = frame_around(&bytes, text) - FRONT;
                bytes[start + 2] ^= 0x80;
            }
            Self::Nothing => bytes.clear(),
            Self::Torn(text) => bytes.truncate(place(&bytes, text)),
        }
        std::fs::write(log, bytes).expect("the home can be written");
    }

    /// Whether an entry is gone of which it is known that it was there.
    const fn takes_one(self) -> bool {
        matches!(self, Self::Text(_) | Self::Length(_))
    }

    /// Whether only the beginning of a record is left of what it has hit: that is what a kill leaves, too.
    const fn is_quiet(self) -> bool {
        matches!(self, Self::Torn(_))
    }
}

/// Where `text` begins.
fn places(bytes: &[u8], text: &str) -> Vec<usize> {
    (0..bytes.len()).filter(|at| bytes[*at..].starts_with(text.as_bytes())).collect()
}

/// Where the only copy of `text` begins.
fn place(bytes: &[u8], text: &str) -> usize {
    let places = places(bytes, text);
    assert_eq!(places.len(), 1, "`{text}` is kept once");
    places[0]
}

/// Where the ENTRY frame of `text` begins.
fn frame_around(bytes: &[u8], text: &str) -> usize {
    let at = place(bytes, text);
    let is_entry = |start: &usize| {
        let decoded = decode(&bytes[*start..]).ok();
        let frame = decoded.filter(|decoded| start + decoded.bytes.len() > at).and_then(|decoded| decoded.frame);
        matches!(frame, Some(Frame::Meeting(Meeting::EntryFrame(_))))
    };
    (0..at).rev().find(is_entry).expect("it is in an ENTRY")
}

/// The user was told of the damage, and what was there is beside the log.
fn check_told(seat: &Seat, log: &Path, damage: Damage) {
    let warnings: Vec<&Value> =
        seat.told("warning").into_iter().filter(|warning| warning["code"] == "damaged").collect();
    let aside = log.with_file_name("log.damaged-1");
    if damage.is_quiet() {
        assert!(warnings.is_empty() && !aside.exists(), "{damage:?}: {warnings:?}");
        return;
    }
    assert_eq!(warnings.len(), 1, "{damage:?}: {:#?}", seat.seen);
    let message = warnings[0]["message"].as_str().expect("a sentence");
    for path in [log, &aside] {
        assert!(message.contains(&path.display().to_string()), "{damage:?}: {message}");
    }
    let lost = "entries missing by that: 1,";
    assert_eq!(message.contains(lost), damage.takes_one(), "{damage:?}: {message}");
    assert!(aside.exists(), "{damage:?}");
}

fn lines(name: &str) -> Vec<String> {
    (1..=LINES).map(|number| format!("{name} says {number}")).collect()
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

fn homes<const COUNT: usize>() -> [Arc<Scratch>; COUNT] {
    std::array::from_fn(|_| Arc::new(Scratch::numbered("restart")))
}

fn address(ready: &Value) -> String {
    ready["listen"].as_str().expect("it listens").to_string()
}

fn host(home: &Arc<Scratch>, listen: &str, flags: &[&str]) -> (Seat, String) {
    let mut host = Seat::take(home, "ada", &[&["host", "T", "--listen", listen], flags].concat());
    let listen = address(&host.wait("ready"));
    (host, listen)
}

fn join(home: &Arc<Scratch>, name: &str, address: &str) -> Seat {
    let mut seat = Seat::take(home, name, &["join", address, "--listen", "127.0.0.1:0"]);
    seat.wait("linked");
    seat
}

fn attend(home: &Arc<Scratch>, name: &str, address: &str) -> Seat {
    let mut seat = Seat::take(home, name, &["join", address]);
    seat.wait("linked");
    seat
}

/// What a founder who is alone can serve of what it and bea have said.
fn held_after(damage: Damage) -> Vec<String> {
    let mut held = [lines("ada"), lines("bea")].concat();
    match damage {
        Damage::Text(line) | Damage::Length(line) | Damage::Torn(line) => held.retain(|held| held != line),
        Damage::Act(_) => {}
        Damage::Nothing => held.clear(),
    }
    held
}

/// The founder's log is damaged. Newcomers come in all the same, and read what it has, behind a gap too (SPEC MESH-14); what
/// nobody has sent them anything behind, they read once somebody is back who holds it.
fn founder(damage: Damage) {
    let [at_ada, at_bea, at_carl, at_dora] = homes();
    let (mut ada, address) = host(&at_ada, "127.0.0.1:0", &[]);
    let mut bea = join(&at_bea, "beatrix", &address);
    let all = [lines("ada"), lines("bea")].concat();
    lines("ada").iter().for_each(|line| ada.say(line));
    bea.read(&all[..LINES]);
    // So bea's come last.
    lines("bea").iter().for_each(|line| bea.say(line));
    ada.read(&all);
    bea.leave_in_peace("stop");
    ada.leave_in_peace("stop");
    let log = kept(&at_ada, "log");
    damage.happen(&log);

    let (mut ada, _) = host(&at_ada, &address, &[]);
    let mut carl = join(&at_carl, "carl", &address);
    carl.read(&held_after(damage));
    let mut bea = join(&at_bea, "beatrix", &address);
    let mut dora = join(&at_dora, "dora", &address);
    ada.say("that is all");
    let said = [all.clone(), strings(&["that is all"])].concat();
    let has_gap = matches!(damage, Damage::Text("bea says 3") | Damage::Length("bea says 3"));
    let of_carl = if has_gap { [held_after(damage), strings(&["that is all"])].concat() } else { said.clone() };
    carl.read(&of_carl);
    dora.read(&said);
    bea.read(&said[all.len()..]);
    ada.read(&said[all.len()..]);
    accuses_nobody(&ada.seen);
    check_told(&ada, &log, damage);
    if !damage.is_quiet() && damage != Damage::Nothing {
        assert_eq!(ada.texts(), ["that is all"], "{damage:?}: what was shown is not shown again");
    }
    for (seat, said, gaps) in [(&carl, &of_carl, usize::from(has_gap)), (&dora, &said, 0)] {
        let shown: BTreeSet<&str> = seat.texts().into_iter().collect();
        assert_eq!((shown.len(), seat.texts().len()), (said.len(), said.len()), "{damage:?}: each once");
        assert_eq!(seat.told("gap").len(), gaps, "{damage:?}: {:#?}", seat.seen);
    }
    ada.leave_in_peace("end");
    [bea, carl, dora].into_iter().for_each(Seat::ends_in_peace);
}

#[test]
fn a_flipped_bit_in_a_founders_log_accuses_nobody_and_comes_again_from_who_has_it() {
    // The newest is what rows tell of.
    founder(Damage::Text("bea says 5"));
    founder(Damage::Text("bea says 3"));
}

#[test]
fn newcomers_come_in_though_a_bit_of_an_act_has_flipped() {
    founder(Damage::Act("beatrix"));
}

#[test]
fn a_flipped_bit_in_a_length_costs_one_record_and_what_follows_is_read() {
    founder(Damage::Length("bea says 3"));
}

#[test]
fn a_founders_log_that_is_empty_is_told_of_and_comes_again_from_who_has_it() {
    founder(Damage::Nothing);
}

#[test]
fn a_founders_log_that_ends_within_a_record_comes_again_from_who_has_it() {
    founder(Damage::Torn("bea says 5"));
}

/// The log of a lecture's host is damaged: guests serve nobody, so what is gone is told as a gap, and the rest is read.
fn lecturer(damage: Damage) {
    let [at_ada, at_bea, at_carl] = homes();
    let (mut ada, address) = host(&at_ada, "127.0.0.1:0", &["--lecture"]);
    let mut bea = attend(&at_bea, "bea", &address);
    lines("ada").iter().for_each(|line| ada.say(line));
    bea.read(&lines("ada"));
    ada.leave_in_peace("stop");
    let log = kept(&at_ada, "log");
    damage.happen(&log);

    let (mut ada, _) = host(&at_ada, &address, &["--lecture"]);
    let mut carl = attend(&at_carl, "carl", &address);
    let left = match damage {
        Damage::Text(_) | Damage::Length(_) => [&lines("ada")[..2], &lines("ada")[3..]].concat(),
        Damage::Torn(_) => lines("ada")[..LINES - 1].to_vec(),
        Damage::Act(_) | Damage::Nothing => Vec::new(),
    };
    // What is fetched because something before it is missing can come behind what is said meanwhile.
    carl.read(&left);
    ada.say("that is all");
    let read = [left, strings(&["that is all"])].concat();
    carl.read(&read);
    bea.read(&strings(&["that is all"]));
    assert_eq!(carl.texts(), read, "{damage:?}");
    check_told(&ada, &log, damage);
    let missing = usize::from(damage.takes_one());
    for (seat, gaps) in [(&ada, missing), (&carl, missing), (&bea, 0)] {
        let told = seat.told("gap");
        assert_eq!(told.len(), gaps, "{damage:?}: {:#?}", seat.seen);
        assert!(told.iter().all(|gap| (gap["first"].clone(), gap["next"].clone()) == (json!(3), json!(4))), "{told:?}");
    }
    assert_eq!(bea.texts(), [lines("ada"), strings(&["that is all"])].concat(), "{damage:?}: nothing comes twice");
    ada.leave_in_peace("end");
    [bea, carl].into_iter().for_each(Seat::ends_in_peace);
}

#[test]
fn a_flipped_bit_in_a_lecturers_log_is_a_gap_and_newcomers_read_the_rest() {
    lecturer(Damage::Text("ada says 3"));
}

#[test]
fn a_flipped_bit_in_a_length_of_a_lecturers_log_is_a_gap_and_newcomers_read_the_rest() {
    lecturer(Damage::Length("ada says 3"));
}

#[test]
fn a_lecturers_log_that_is_empty_is_told_of_and_the_lecture_goes_on() {
    lecturer(Damage::Nothing);
}

#[test]
fn a_lecturers_log_that_ends_within_a_record_goes_on() {
    lecturer(Damage::Torn("ada says 5"));
}

/// A guest's log is damaged: the host is asked again, and nothing is shown twice.
#[test]
fn what_damage_takes_of_a_guests_log_is_fetched_again_and_the_host_is_not_accused() {
    for damage in
        [Damage::Text("ada says 3"), Damage::Text("ada says 5"), Damage::Length("ada says 3"), Damage::Nothing]
    {
        let [at_ada, at_bea] = homes();
        let (mut ada, address) = host(&at_ada, "127.0.0.1:0", &["--lecture"]);
        let mut bea = attend(&at_bea, "bea", &address);
        lines("ada").iter().for_each(|line| ada.say(line));
        bea.read(&lines("ada"));
        bea.leave_in_peace("quit");
        let log = kept(&at_bea, "log");
        damage.happen(&log);

        let mut bea = attend(&at_bea, "bea", &address);
        ada.say("that is all");
        bea.read(&strings(&["that is all"]));
        check_told(&bea, &log, damage);
        if damage != Damage::Nothing {
            assert_eq!(bea.texts(), ["that is all"], "{damage:?}: what was shown is not shown again");
        }
        bea.leave_in_peace("quit");
        // What is stored comes before what is shown: the last line came after all that was asked for.
        let bytes = std::fs::read(&log).expect("a log is kept");
        lines("ada").iter().for_each(|line| _ = place(&bytes, line));
        ada.leave_in_peace("end");
    }
}

#[test]
fn what_damage_takes_of_what_friends_have_said_is_fetched_again_and_the_friend_is_not_accused() {
    for line in ["bea says 3", "bea says 5", "ada says 3"] {
        let damage = Damage::Text(line);
        let [at_ada, at_bea] = homes();
        let friends = ["friends", "--listen", "127.0.0.1:0"];
        let mut bea = Seat::take(&at_bea, "bea", &friends);
        let address = address(&bea.wait("ready"));
        let mut ada = Seat::take(&at_ada, "ada", &friends);
        ada.wait("ready");
        ada.bot.send(&json!({"command": "add", "name": "bea", "address": address}));
        ada.wait("linked");
        lines("ada").iter().for_each(|line| ada.bot.send(&json!({"command": "msg", "to": "bea", "text": line})));
        bea.read(&lines("ada"));
        let stranger = bea.told("contact")[0]["name"].clone();
        lines("bea").iter().for_each(|line| bea.bot.send(&json!({"command": "msg", "to": stranger, "text": line})));
        ada.read(&lines("bea"));
        ada.leave_in_peace("quit");
        let log = kept(&at_ada, "log");
        damage.happen(&log);

        let mut ada = Seat::take(&at_ada, "ada", &friends);
        ada.wait("ready");
        ada.bot.send(&json!({"command": "msg", "to": "bea", "text": "that is all"}));
        bea.read(&strings(&["that is all"]));
        bea.bot.send(&json!({"command": "msg", "to": stranger, "text": "so it is"}));
        ada.read(&strings(&["so it is"]));
        check_told(&ada, &log, damage);
        let others: Vec<&str> = ada.texts().into_iter().filter(|text| text.starts_with("bea")).collect();
        assert_eq!(others, [""; 0], "{damage:?}: what was shown is not shown again");
        ada.leave_in_peace("quit");
        let bytes = std::fs::read(&log).expect("a log is kept");
        place(&bytes, line);
        bea.leave_in_peace("quit");
    }
}

const THEN: Now = Now { tick: Tick(0), unix_ms: 1_700_000_000_000 };
const SESSION: u64 = 1_700_000_000_000;

fn text(text: &str) -> EntryBody<'_> {
    EntryBody::Text { salt: Salt::ZERO, text: Text::new(text).expect("short") }
}

/// Two versions of the next entry.
fn forked(log: &mut Log, us: &Identity, bodies: [EntryBody<'_>; 2]) -> [Encoded; 2] {
    let mut other = log.clone();
    let one = log.write(us, SESSION, &bodies[0], THEN).expect("room");
    let other = other.write(us, SESSION, &bodies[1], THEN).expect("room");
    [one.frame.clone(), other.frame.clone()]
}

/// Somebody in a room whose founder listens at `address`, with a log of their own.
async fn enter(address: &str, us: &Identity) -> (Peer, Log) {
    let address: SocketAddr = address.parse().expect("an address");
    let mut peer = Peer::dial(address, us).await.expect("somebody is there");
    let admission = peer.enter(Purpose::MESH, "mallory", &Proof::default()).await.expect("the door is open");
    let mut log = Log::new(admission.charter.meeting, 100);
    let person = admission.person(&mut log, us, SESSION, ("mallory", Whereabouts::Here), &[]);
    peer.send(&[person, digest(Vec::new())]).await;
    (peer, log)
}

/// What each has read, and from whom.
fn messages(seat: &Seat) -> Vec<(String, String)> {
    let word = |event: &Value, field: &str| event[field].as_str().expect("a word").to_string();
    seat.told("message").into_iter().map(|event| (word(event, "from"), word(event, "text"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn fork_3_who_has_forked_a_stream_is_known_after_a_restart() {
    let [at_ada, at_carl, at_dora] = homes();
    let (mut ada, address) = host(&at_ada, "127.0.0.1:0", &[]);
    let mut carl = join(&at_carl, "carl", &address);
    let us = identity();
    let (mut mallory, mut log) = enter(&address, &us).await;
    let first = log.write(&us, SESSION, &text("before"), THEN).expect("room");
    mallory.send(std::slice::from_ref(&first.frame)).await;
    ada.read(&strings(&["before"]));
    carl.read(&strings(&["before"]));
    mallory.send(&forked(&mut log, &us, [text("one"), text("the other")])).await;
    // Whatever came before it may have been shown.
    ada.until("fork", |event| event["code"] == "fork");
    carl.until("fork", |event| event["code"] == "fork");
    drop(mallory);
    let ada_heard = ada.leave("stop");
    assert!(ada_heard.iter().any(|event| event["text"] == "before"));

    let (mut ada, _) = host(&at_ada, &address, &[]);
    let mut dora = join(&at_dora, "dora", &address);
    dora.read(&strings(&["before"]));
    ada.say("that is all");
    dora.read(&strings(&["that is all"]));
    let heard = [("mallory".to_string(), "before".to_string()), ("ada".to_string(), "that is all".to_string())];
    assert_eq!(messages(&dora), heard, "what is void is neither folded nor served");
    drop((ada, carl, dora));
}

#[tokio::test(flavor = "multi_thread")]
async fn show_3_what_waited_to_be_shown_as_the_program_was_killed_is_shown() {
    let [at_ada] = homes();
    let (mut ada, address) = host(&at_ada, "127.0.0.1:0", &[]);
    let us = identity();
    let (mut mallory, mut log) = enter(&address, &us).await;
    ada.wait("joined");
    // What it answers, nobody else has.
    log.write(&identity(), SESSION, &text("a question"), THEN).expect("room");
    let answer = log.write(&us, SESSION, &text("an answer"), THEN).expect("room");
    mallory.send(std::slice::from_ref(&answer.frame)).await;
    // It is stored once the rows say so, and waits five seconds for what it answers.
    let talk = StreamId { author: us.key(), session: SESSION, lane: Lane::Talk };
    let is_told = |frame: &Frame<'_>, _| {
        let Frame::Meeting(Meeting::Digest(digest)) = frame else { return None };
        digest.rows.iter().any(|row| StreamId::of_row(&row) == talk && row.next == 2).then_some(())
    };
    mallory.until(is_told).await;
    support::signal(ada.bot.id(), "KILL");
    ada.seen.extend(ada.bot.rest());
    assert_eq!(ada.texts(), [""; 0], "it waits");
    drop((ada, mallory));
    let (mut ada, _) = host(&at_ada, &address, &[]);
    ada.read(&strings(&["an answer"]));
}

#[test]
fn show_3_what_nobody_had_read_as_the_program_was_killed_is_shown() {
    let [at_ada, at_bea] = homes();
    let (mut ada, address) = host(&at_ada, "127.0.0.1:0", &["--lecture"]);
    let mut command = tertulia(&at_bea);
    command.args(["--json", "--name", "bea", "join", &address]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut bea = command.spawn().expect("the program starts");
    ada.wait("joined");
    let line = |number: usize| format!("{number} {}", "x".repeat(500));
    (0..UNREAD).for_each(|number| ada.say(&line(number)));
    let is_stored = |event: &Value| event["state"] == "all" && event["number"] == UNREAD;
    ada.until("delivery of the last line", |event| event["event"] == "delivery" && is_stored(event));
    bea.kill().expect("it runs");
    bea.wait().expect("it ends");
    let printed = BufReader::new(bea.stdout.take().expect("a pipe")).lines();
    let printed =
        printed.map(|line| line.expect("text")).filter(|line| line.contains("xxx") && line.ends_with('}')).count();
    assert!(printed < UNREAD, "a pipe holds less");

    let mut bea = attend(&at_bea, "bea", &address);
    bea.read(&[line(UNREAD - 1)]);
    let first = UNREAD - bea.texts().len();
    assert!(first <= printed, "{printed} were printed, then came {first}");
    assert_eq!(bea.texts(), (first..UNREAD).map(line).collect::<Vec<_>>());
}

#[test]
fn the_file_of_a_log_is_written_anew_before_it_is_far_longer_than_what_is_kept() {
    let [home] = homes();
    let mut command = tertulia(&home);
    command.args(["--name", "ada", "host", "T", "--lecture", "--listen", "127.0.0.1:0"]);
    let mut host = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the program starts");
    let mut input = host.stdin.take().expect("a pipe");
    let rest = "x".repeat(TEXT_MAX - 10);
    (0..MANY).for_each(|number| writeln!(input, "{number} {rest}").expect("it reads"));
    writeln!(input, "/stop").expect("it reads");
    assert!(host.wait().expect("it ends").success());
    let length = std::fs::metadata(kept(&home, "log")).expect("a log is kept").len();
    let most = u64::try_from(TALK_BYTES_MAX * 5 / 2).expect("it fits");
    assert!(length < most, "{length} bytes");
    assert!(length > u64::try_from(TALK_BYTES_MAX).expect("it fits") / 2, "{length} bytes");
}
