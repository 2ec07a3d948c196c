//! What is fetched, or comes unasked, costs a node no more than it is worth: nobody is forgotten, kept out, or not heard
//! for it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking, in its helpers too"
)]
#![allow(clippy::indexing_slicing, reason = "a JSON value without the field is null")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tertulia_core::code::Code;
use tertulia_core::contact::pair_id;
use tertulia_core::id::{Key, RequestId, Salt};
use tertulia_core::identity::Identity;
use tertulia_core::limits::{FETCH_BYTES_MAX, FETCH_ENTRIES_MAX, SHOW_TIMEOUT, TALK_ENTRIES_MAX, TEXT_MAX};
use tertulia_core::log::Log;
use tertulia_core::time::{Instant as Tick, Now};
use tertulia_core::wire::entry::{EntryBody, Whereabouts};
use tertulia_core::wire::field::Text;
use tertulia_core::wire::meeting::{Lane, Meeting, Range};
use tertulia_core::wire::option::Options;
use tertulia_core::wire::session::{Done, Ping, Purpose, Session};
use tertulia_core::wire::{Encoded, Frame, decode};
use tertulia_net::unix_ms;
use tertulia_testkit::real::insider::{Author, Insider, fetch};
use tertulia_testkit::real::local::identity;
use tertulia_testkit::real::peer::{Peer, Proof, digest, hello_to};
use tokio::time::{Instant, timeout_at};

use support::Bot;

/// Whoever means well is in, and heard, by then.
const SOON: Duration = Duration::from_secs(2);
/// Who has not asked for more by then has asked for all that it wants.
const QUIET: Duration = Duration::from_secs(3);
/// For so long, somebody may bring what it likes.
const WHILE: Duration = Duration::from_secs(6);
/// Whoever is over a rate for ten seconds is closed.
const CUT_OFF: Duration = Duration::from_secs(16);
/// What one branch, or one friend, may bring at once, and then in a second.
const BURST: u64 = 4 << 20;
const RATE: u64 = 64 << 10;
/// What somebody who is no contact may bring.
const OF_STRANGER: u64 = 64 << 10;
/// What was asked for before is on its way.
const FETCH_BYTES: u64 = 256 << 10;
/// As many keys as share a flood, and as many sessions.
const SHARES: usize = 4;

fn address(ready: &Value) -> SocketAddr {
    ready["listen"].as_str().expect("it listens").parse().unwrap()
}

fn room(title: &str) -> (Bot, SocketAddr) {
    let mut ada = Bot::start("ada", &["host", title, "--listen", "127.0.0.1:0"]);
    let ready = ada.wait("ready");
    (ada, address(&ready))
}

async fn come(door: SocketAddr, name: &str) -> Insider {
    let mut insider = Insider::enter(door, &identity(), name, &Proof::default()).await.expect("an open door");
    insider.says_who(Whereabouts::Here).await.expect("it is let in");
    insider
}

/// Somebody comes who means well, and is let in soon.
fn joins(name: &str, door: SocketAddr) -> Bot {
    let start = Instant::now();
    let mut bot = Bot::start(name, &["join", &door.to_string(), "--listen", "127.0.0.1:0"]);
    bot.wait("ready");
    assert!(start.elapsed() <= SOON, "{name} was let in after {:?}", start.elapsed());
    bot
}

/// Two who mean well hear each other soon.
fn talk(one: &mut Bot, other: &mut Bot, about: &str) {
    is_heard(one, other, &format!("how about {about}?"));
    is_heard(other, one, &format!("yes, {about}"));
}

fn is_heard(by: &mut Bot, at: &mut Bot, text: &str) {
    let start = Instant::now();
    by.send(&json!({"command": "say", "text": text}));
    until_said(at, text);
    // It may answer part of a flood that its reader waits for (SPEC MESH-15).
    assert!(start.elapsed() <= SHOW_TIMEOUT + SOON, "{text:?} was heard after {:?}", start.elapsed());
}

/// Says something; the stream that it stands in, all of it.
fn say(bot: &mut Bot, text: &str) -> Range {
    bot.send(&json!({"command": "say", "text": text}));
    let said = until_said(bot, text);
    let hex = said["author"].as_str().expect("a key");
    let bytes: Vec<u8> = (0..64).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    let session = u64::from_str_radix(said["session"].as_str().expect("hex"), 16).unwrap();
    Range { author: Key(bytes.try_into().unwrap()), session, lane: Lane::Talk, from: 1, to: 100 }
}

fn until_said(bot: &mut Bot, text: &str) -> Value {
    loop {
        let message = bot.wait("message");
        if message["text"] == text {
            return message;
        }
    }
}

/// What one of several in a branch has said: each a log of its own.
fn branch(of: &Insider, count: usize) -> Vec<Author> {
    let author = |number| {
        let us = identity();
        let proof = of.author.lets_in(us.key(), None);
        Author::new(us, &format!("spare{number}"), of.charter.meeting, proof)
    };
    (0..count).map(author).collect()
}

/// Each says who it is, in what its friend sends for it.
async fn say_who(authors: &mut [Author], by: &mut Insider) {
    for author in authors {
        let person = author.says_who(Whereabouts::Here);
        by.peer.send(&[person]).await;
    }
    by.offer().await.expect("its link stands");
}

/// How much has been served so far, to whoever has asked.
#[derive(Debug, Default)]
struct Served {
    entries: AtomicUsize,
    bytes: AtomicUsize,
}

impl Served {
    fn entries(&self) -> usize {
        self.entries.load(Ordering::Relaxed)
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed).try_into().unwrap()
    }
}

/// Tells of all that these logs have and serves it, as fast as it is asked for, until nobody asks for a while, or it is
/// time; whether the link stands.
async fn serve(peer: &mut Peer, logs: &[&Log], served: &Served, quiet: Duration, deadline: Instant) -> bool {
    for log in logs {
        peer.send(&[digest(log.rows(0))]).await;
    }
    while let Ok(next) = timeout_at(deadline.min(Instant::now() + quiet), peer.next()).await {
        let Some(frame) = next else { return false };
        let decoded = decode(&frame.0).unwrap();
        let mut answer = Vec::new();
        match decoded.frame {
            Some(Frame::Meeting(Meeting::Fetch(fetch))) => {
                // SPEC FETCH-3
                let found = logs.iter().flat_map(|log| log.fetch(fetch.ranges.iter(), 0)).take(FETCH_ENTRIES_MAX);
                let mut bytes = 0;
                answer.extend(found.map(|entry| entry.frame.clone()).take_while(|frame| {
                    bytes += frame.0.len();
                    bytes <= FETCH_BYTES_MAX
                }));
                served.entries.fetch_add(answer.len(), Ordering::Relaxed);
                served.bytes.fetch_add(answer.iter().map(|entry| entry.0.len()).sum(), Ordering::Relaxed);
            }
            // Who is silent is taken for dead.
            Some(Frame::Session(Session::Ping(_))) => {
                peer.send(&[Frame::from(Ping { options: Options::NONE }).encode(RequestId::EVENT)]).await;
                continue;
            }
            _ => continue,
        }
        answer.push(Frame::from(Done { options: Options::NONE }).encode(decoded.id));
        for frames in answer.chunks(3) {
            peer.send(frames).await;
        }
    }
    true
}

/// All entries of a range that somebody has.
async fn fetched(peer: &mut Peer, range: Range) -> Vec<Encoded> {
    const REQUEST: u32 = 7;
    peer.send(&[fetch([range], REQUEST)]).await;
    let mut entries = Vec::new();
    loop {
        let frame = peer.next().await.expect("it is served");
        let decoded = decode(&frame.0).unwrap();
        match decoded.frame {
            Some(Frame::Meeting(Meeting::EntryFrame(_))) => entries.push(frame),
            Some(Frame::Session(Session::Done(_))) if decoded.id == RequestId(REQUEST) => return entries,
            _ => {}
        }
    }
}

fn text_of(entry: &Encoded) -> String {
    let Some(Frame::Meeting(Meeting::EntryFrame(frame))) = decode(&entry.0).unwrap().frame else { panic!("no entry") };
    let EntryBody::Text { text, .. } = frame.entry.read() else { return String::new() };
    text.as_str().to_string()
}

/// What a branch, or a friend, may have brought since then, with patience.
fn may_have_brought(start: Instant) -> u64 {
    BURST + FETCH_BYTES + 2 * RATE * (start.elapsed().as_secs() + 1)
}

/// As long as a text may be, and like no other.
fn long(number: usize) -> String {
    format!("{number:0>TEXT_MAX$}")
}

#[tokio::test(flavor = "multi_thread")]
async fn feed_2_whatever_one_branch_has_said_what_others_have_is_held() {
    let (mut ada, door) = room("History");
    let first = say(&mut ada, "before it all");
    let mut bea = joins("bea", door);
    let second = say(&mut bea, "and this is mine");
    until_said(&mut ada, "and this is mine");
    let mut mallory = come(door, "mallory").await;
    let mut spares = branch(&mallory, SHARES);
    say_who(&mut spares, &mut mallory).await;
    for spare in &mut spares {
        (0..TALK_ENTRIES_MAX / SHARES).for_each(|_| _ = spare.says("."));
    }
    let (logs, served): (Vec<&Log>, _) = (spares.iter().map(|spare| &spare.log).collect(), Served::default());
    let deadline = Instant::now() + 10 * WHILE;
    assert!(serve(&mut mallory.peer, &logs, &served, QUIET, deadline).await, "its link stands");
    assert!(served.entries() >= TALK_ENTRIES_MAX, "{} entries were asked for", served.entries());
    // What was said before it all is held, and had by whoever asks.
    let mut nina = come(door, "nina").await;
    for (range, text) in [(first, "before it all"), (second, "and this is mine")] {
        let held = fetched(&mut nina.peer, range).await;
        assert!(held.iter().any(|entry| text_of(entry) == text), "{text:?} is gone after {} entries", served.entries());
    }
    joins("cleo", door);
    talk(&mut ada, &mut bea, "a cup of tea");
}

#[tokio::test(flavor = "multi_thread")]
async fn mesh_30_a_branch_brings_so_much_at_once_and_then_in_a_second() {
    let (mut ada, door) = room("Bytes");
    let mut bea = joins("bea", door);
    talk(&mut ada, &mut bea, "before");
    let mut mallory = come(door, "mallory").await;
    let mut spares = branch(&mallory, SHARES);
    say_who(&mut spares, &mut mallory).await;
    for spare in &mut spares {
        (0..1_000).for_each(|number| _ = spare.says(&long(number)));
    }
    let (start, served) = (Instant::now(), Arc::new(Served::default()));
    let counted = Arc::clone(&served);
    let flood = tokio::spawn(async move {
        let logs: Vec<&Log> = spares.iter().map(|spare| &spare.log).collect();
        serve(&mut mallory.peer, &logs, &counted, WHILE, start + WHILE).await
    });
    while served.entries() < SHARES {
        tokio::task::yield_now().await;
    }
    joins("cleo", door);
    talk(&mut ada, &mut bea, "meanwhile");
    assert!(flood.await.unwrap(), "its link stands");
    let (brought, may) = (served.bytes(), may_have_brought(start));
    assert!(brought <= may, "{brought} bytes in {:?}, and {may} would do", start.elapsed());
    joins("dora", door);
}

/// What keys that are nobody's have said, each something else.
fn of_nobodies(insider: &Insider, count: usize) -> Vec<Encoded> {
    let meeting = insider.charter.meeting;
    let nobody = |number| Author::new(identity(), &format!("nobody{number}"), meeting, Proof::default());
    (0..count).map(|number| nobody(number).says("nobody is here")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn mesh_17_who_sends_what_nobody_has_asked_for_is_closed_whoever_has_written_it() {
    let (mut ada, door) = room("Unasked");
    let mut bea = joins("bea", door);
    let said = say(&mut bea, "old 0");
    for number in 1..20 {
        say(&mut bea, &format!("old {number}"));
    }
    until_said(&mut ada, "old 19");
    let (mut mallory, mut oscar) = (come(door, "mallory").await, come(door, "oscar").await);
    let nobodies = of_nobodies(&mallory, 500);
    let replays = fetched(&mut oscar.peer, said).await;
    assert!(replays.len() >= 20, "{} entries are held", replays.len());
    let nobodies = tokio::spawn(async move { mallory.peer.flood_with(&nobodies, CUT_OFF).await });
    let replays = tokio::spawn(async move { oscar.peer.flood_with(&replays, CUT_OFF).await });
    joins("cleo", door);
    talk(&mut ada, &mut bea, "meanwhile");
    let ends = [nobodies.await.unwrap(), replays.await.unwrap()];
    assert_eq!(ends.map(|(_, code)| code), [Some(Code::Rate); 2], "{ends:?}: bytes that were taken, and codes");
    joins("dora", door);
    talk(&mut ada, &mut bea, "afterwards");
}

/// A node with friends, where it listens, and somebody linked with it.
async fn friends() -> (Bot, SocketAddr, Pair) {
    let mut ada = Bot::start("ada", &["friends", "--listen", "127.0.0.1:0"]);
    let us = identity();
    let at = address(&ada.wait("ready"));
    let mut peer = Peer::dial(at, &us).await.expect("a handshake");
    peer.send(&[hello_to(Purpose::CONTACT, b"mallory")]).await;
    peer.until(|frame, _| matches!(frame, Frame::Session(Session::Hello(_))).then_some(())).await;
    (ada, at, Pair { us, peer, session: 0 })
}

/// One of two, who says what it likes.
struct Pair {
    us: Identity,
    peer: Peer,
    session: u64,
}

impl Pair {
    /// A session of its own in which so many texts of such a kind are said.
    fn says(&mut self, count: usize, text: impl Fn(usize) -> String) -> Log {
        self.session += 1;
        let mut log = Log::new(pair_id(self.us.key(), self.peer.other()), TALK_ENTRIES_MAX).of_pair();
        for number in 0..count {
            let text = text(number);
            let body = EntryBody::Text { salt: Salt::ZERO, text: Text::new(&text).unwrap() };
            let now = Now { tick: Tick(0), unix_ms: unix_ms() };
            log.write(&self.us, self.session, &body, now).unwrap();
        }
        log
    }
}

/// How many long texts are shown until this one is.
fn shown_until(bot: &mut Bot, last: &str) -> usize {
    let mut shown = 0;
    loop {
        let message = bot.wait("message");
        let text = message["text"].as_str().expect("a text");
        if text == last {
            return shown;
        }
        shown += usize::from(text.len() == TEXT_MAX);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn contact_17_of_a_strangers_words_little_is_taken_before_it_is_accepted_and_the_rest_then() {
    const TEXTS: usize = 128;
    let (mut ada, _, mut mallory) = friends().await;
    let log = mallory.says(TEXTS, long);
    let served = Served::default();
    assert!(serve(&mut mallory.peer, &[&log], &served, QUIET, Instant::now() + WHILE).await, "its link stands");
    let brought = served.bytes();
    assert!(brought <= OF_STRANGER + FETCH_BYTES, "{brought} bytes of a stranger's, {} texts", served.entries());
    ada.send(&json!({"command": "msg", "to": "mallory", "text": "hello, mallory"}));
    assert!(serve(&mut mallory.peer, &[&log], &served, QUIET, Instant::now() + WHILE).await, "its link stands");
    let last = long(TEXTS - 1);
    assert_eq!(shown_until(&mut ada, &last), TEXTS - 1, "{} were asked for", served.entries());
}

#[tokio::test(flavor = "multi_thread")]
async fn contact_16_a_friend_brings_so_much_at_once_and_then_in_a_second() {
    let (mut ada, at, mut mallory) = friends().await;
    let first = mallory.says(1, |_| "hello, ada".into());
    let served = Served::default();
    serve(&mut mallory.peer, &[&first], &served, QUIET, Instant::now() + SOON).await;
    until_said(&mut ada, "hello, ada");
    ada.send(&json!({"command": "msg", "to": "mallory", "text": "hello, mallory"}));
    let logs = [(); SHARES].map(|()| mallory.says(1_000, long));
    let (start, served) = (Instant::now(), Served::default());
    let stands = serve(&mut mallory.peer, &logs.each_ref(), &served, WHILE, start + WHILE).await;
    let (brought, may) = (served.bytes(), may_have_brought(start));
    assert!(brought <= may, "{brought} bytes in {:?}, and {may} would do", start.elapsed());
    assert!(stands, "a friend may have much to say");
    // Others are heard all the same.
    let mut bea = Bot::start("bea", &["friends", "--listen", "127.0.0.1:0"]);
    bea.wait("ready");
    let start = Instant::now();
    bea.send(&json!({"command": "add", "name": "ada", "address": at.to_string()}));
    bea.send(&json!({"command": "msg", "to": "ada", "text": "are you there?"}));
    until_said(&mut ada, "are you there?");
    assert!(start.elapsed() <= SOON, "bea was heard after {:?}", start.elapsed());
}
