//! Who is in a room, and by whose word: nobody listens unseen, comes back by a spare key, loses its place by another's
//! deed, or fills the room with those who never come.

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
use std::time::Duration;

use serde_json::{Value, json};
use tertulia_core::code::Code;
use tertulia_core::id::{Hash, Key, Salt};
use tertulia_core::identity::Identity;
use tertulia_core::limits::{PEOPLE_MAX, RANGES_MAX};
use tertulia_core::log::entry_of;
use tertulia_core::ticket::{Ticket, prove_ticket};
use tertulia_core::wire::entry::{EntryBody, Whereabouts};
use tertulia_core::wire::field::{Reason, Text};
use tertulia_core::wire::meeting::{Lane, Meeting, Range, Row};
use tertulia_core::wire::option::TicketProof;
use tertulia_core::wire::{Encoded, Frame, decode};
use tertulia_testkit::real::insider::{Author, Insider, fetch, links};
use tertulia_testkit::real::local::identity;
use tertulia_testkit::real::peer::{Peer, Proof, digest};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use support::{Bot, Scratch};

/// Whoever means well is in by then.
const SOON: Duration = Duration::from_secs(1);
/// Whoever does not say who it is, or that it is here, is cut off after that.
const CUT_OFF: Duration = Duration::from_secs(5);
/// What the machine may take besides.
const SLACK: Duration = Duration::from_secs(1);
/// As many as a room has place for besides its founder.
const CROWD: usize = 63;
/// Members that write as many acts as they like, and how many that is of each.
const SCRIBES: usize = 12;
const ACTS: usize = 256;

/// The founder of a room, and its door.
fn room(title: &str, options: &[&str]) -> (Bot, SocketAddr, Value) {
    let mut ada = Bot::start("ada", &[&["host", title, "--listen", "127.0.0.1:0"], options].concat());
    let ready = ada.wait("ready");
    (ada, door(&ready), ready)
}

fn door(ready: &Value) -> SocketAddr {
    ready["listen"].as_str().expect("an address").parse().unwrap()
}

/// Whoever comes is in soon.
fn come(home: &Arc<Scratch>, name: &str, target: &str) -> (Bot, Value) {
    let start = Instant::now();
    let mut bot = Bot::start_in(home, name, &["join", target, "--listen", "127.0.0.1:0"]);
    loop {
        let event = bot.next();
        assert_ne!(event["event"], "closed", "{name} is sent away: {event}");
        if event["event"] == "ready" {
            assert!(start.elapsed() <= SOON, "{name} was let in after {:?}", start.elapsed());
            return (bot, event);
        }
    }
}

/// Somebody comes who means well, is heard, and hears.
fn works_for(host: &mut Bot, name: &str, target: &str) -> (Bot, Value) {
    let (mut bot, ready) = come(&Arc::new(Scratch::numbered(name)), name, target);
    let (theirs, ours) = (format!("{name} is here"), format!("welcome, {name}"));
    say(&mut bot, &theirs);
    until_said(host, &theirs);
    say(host, &ours);
    until_said(&mut bot, &ours);
    (bot, ready)
}

/// Says something; in which session.
fn say(bot: &mut Bot, text: &str) -> u64 {
    bot.send(&json!({"command": "say", "text": text}));
    let said = until_said(bot, text).pop().expect("what was said");
    u64::from_str_radix(said["session"].as_str().expect("hex"), 16).unwrap()
}

/// What is printed until somebody says this.
fn until_said(bot: &mut Bot, text: &str) -> Vec<Value> {
    let mut events = vec![bot.next()];
    while events.last().is_some_and(|last| last["event"] != "message" || last["text"] != text) {
        events.push(bot.next());
    }
    events
}

/// A command that is done.
fn done(bot: &mut Bot, command: &Value) {
    let mut command = command.clone();
    command["id"] = json!("done");
    bot.send(&command);
    loop {
        let event = bot.next();
        assert_ne!(event["event"], "error", "{command}: {event}");
        if event["event"] == "done" && event["id"] == "done" {
            return;
        }
    }
}

/// All of what `author` says in a session.
fn all_of(author: Key, session: u64) -> Range {
    Range { author, session, lane: Lane::Talk, from: 1, to: 100 }
}

/// Says of each length of a stream that it holds that much of another one: whoever has as much shows its own.
fn rivals(Range { author, session, lane, from, to }: Range) -> Encoded {
    let rival = |next| Row { author, session, lane, first: from, next, head: Hash([7; 32]) };
    digest((from + 1..=to).map(rival).collect())
}

/// Reads up to the end, and asks for whatever it is told of; whether the end comes in time.
async fn is_closed(peer: &mut Peer, deadline: Instant) -> bool {
    loop {
        let Ok(next) = timeout_at(deadline, peer.next()).await else { return false };
        let Some(frame) = next else { return true };
        if let Some(Frame::Meeting(Meeting::Digest(told))) = decode(&frame.0).unwrap().frame {
            let rows = told.rows.iter().filter(|row| row.first < row.next).take(RANGES_MAX);
            let whole = rows.map(|Row { author, session, lane, first, next, .. }| Range {
                author,
                session,
                lane,
                from: first,
                to: next,
            });
            peer.send(&[fetch(whole, 7)]).await;
        }
    }
}

/// Which of these texts have come over a link, in whatever frame.
fn read<'a>(peer: &Peer, texts: &[&'a str]) -> Vec<&'a str> {
    let has_come = |text: &&&str| peer.heard.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    texts.iter().filter(has_come).copied().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn mesh_7_and_mesh_26_who_never_says_who_it_is_reads_no_word_and_is_cut_off() {
    const SAID: [&str; 4] = ["said before", "said first", "said second", "said third"];
    let (mut ada, at_ada, _) = room("Ghosts", &[]);
    let (mut cleo, ready) = works_for(&mut ada, "cleo", &at_ada.to_string());
    let session = say(&mut ada, SAID[0]);
    let mut ghosts = Vec::new();
    for (number, at) in [at_ada, door(&ready)].into_iter().enumerate() {
        let ghost = Insider::enter(at, &identity(), &format!("ghost{number}"), &Proof::default()).await;
        ghosts.push(ghost.expect("an open door"));
    }
    let deadline = Instant::now() + CUT_OFF + SLACK;
    for text in &SAID[1..] {
        say(&mut ada, text);
        for ghost in &mut ghosts {
            let all = all_of(ghost.charter.founder, session);
            let boo = ghost.author.says("boo");
            ghost.peer.send(&[rivals(all), fetch([all], 5), boo]).await;
        }
    }
    // Its user sees whom it is linked with, and may show any of them out.
    let linked = Insider::enter(at_ada, &identity(), "ghost", &Proof::default()).await;
    let mut linked = linked.expect("an open door");
    let key = linked.author.us.key().to_hex();
    let is_in = |roster: &Value| roster["members"].as_array().expect("members").iter().any(|one| one["key"] == *key);
    ada.send(&json!({"command": "users"}));
    while !is_in(&ada.wait("roster")) {}
    done(&mut ada, &json!({"command": "kick", "name": key[..8]}));
    assert_eq!(linked.peer.end().await.0, Code::Kicked);
    for ghost in &mut ghosts {
        let is_closed = is_closed(&mut ghost.peer, deadline).await;
        let name = &ghost.author.name;
        assert_eq!((read(&ghost.peer, &SAID), is_closed), (Vec::new(), true), "{name}: what it reads; it is cut off");
    }
    say(&mut ada, "said last");
    let heard = until_said(&mut cleo, "said last");
    assert!(heard.iter().all(|event| event["text"] != "boo"), "{heard:?}");
    works_for(&mut ada, "bea", &at_ada.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn mesh_7_and_mesh_26_who_says_that_it_is_gone_and_stays_reads_nothing_more_and_is_cut_off() {
    const AFTER: [&str; 2] = ["said after that", "said last"];
    let (mut ada, at_ada, _) = room("Gone", &[]);
    let ghost = Insider::enter(at_ada, &identity(), "ghost", &Proof::default()).await;
    let mut ghost = ghost.expect("an open door");
    ghost.says_who(Whereabouts::Here).await.expect("its link stands");
    let session = say(&mut ada, "said while it is here");
    ghost.peer.send(&[fetch([all_of(ghost.charter.founder, session)], 5)]).await;
    ghost.offer().await.expect("its link stands");
    assert_eq!(read(&ghost.peer, &["said while it is here"]).len(), 1, "who is here reads");
    let gone = ghost.author.says_who(Whereabouts::Gone);
    ghost.peer.send(&[gone]).await;
    let deadline = Instant::now() + CUT_OFF + SLACK;
    while ada.wait("left")["name"] != "ghost" {}
    for text in AFTER {
        say(&mut ada, text);
        ghost.peer.send(&[fetch([all_of(ghost.charter.founder, session)], 5)]).await;
    }
    let is_closed = is_closed(&mut ghost.peer, deadline).await;
    assert_eq!((read(&ghost.peer, &AFTER), is_closed), (Vec::new(), true), "what it reads; it is cut off");
    works_for(&mut ada, "bea", &at_ada.to_string());
}

/// What `guest` shows of a ticket as it is printed.
fn prove(ready: &Value, guest: &Identity) -> TicketProof {
    let ticket: Ticket = ready["ticket"].as_str().expect("a ticket").parse().unwrap();
    prove_ticket(ticket.seed.expect("a seed"), ticket.endorsement, ticket.meeting, guest)
}

/// Shows somebody out, and makes the ticket void that it came with; what is printed for those who are to come now.
fn kick_with_ticket(host: &mut Bot, name: &str) -> Value {
    host.send(&json!({"command": "kick", "name": name, "ticket": true}));
    host.wait("ready")
}

#[tokio::test(flavor = "multi_thread")]
async fn revoke_4_a_spare_key_stays_outside_once_who_let_it_in_is_out_and_the_ticket_void() {
    let (mut ada, at_ada, ready) = room("Spares", &["--ticket"]);
    let (mut cleo, hers) = works_for(&mut ada, "cleo", ready["ticket"].as_str().expect("a ticket"));
    let [bob, dora, hidden, announced, named] = [(); 5].map(|()| identity());
    let shown = |us: &Identity| Proof { ticket: Some(prove(&ready, us)), ..Proof::default() };
    let mut bob = Insider::enter(at_ada, &bob, "bob", &shown(&bob)).await.expect("a ticket that holds");
    let mut dora = Insider::enter(at_ada, &dora, "dora", &shown(&dora)).await.expect("a ticket that holds");
    bob.says_who(Whereabouts::Here).await.expect("its link stands");
    dora.says_who(Whereabouts::Here).await.expect("its link stands");
    let mut spares = Vec::new();
    for (number, us) in [hidden, announced, named].into_iter().enumerate() {
        let (key, ticket) = (us.key(), prove(&ready, &us));
        let by_ada = Insider::enter(at_ada, &us, &format!("spare{number}"), &shown(&us)).await;
        // It is gone before it has said who it is.
        let by_ada = by_ada.expect("a ticket that holds").author.proof;
        let by = |author: &Author| author.lets_in(key, Some(ticket));
        let proofs = [by(&bob.author), by(&dora.author), by_ada, shown(&us)];
        spares.push((us, proofs));
    }
    bob.offer().await.expect("its link stands");
    // Two of them have said that they are here before they were ever linked, and one, says who goes, is linked with it.
    for (number, (us, [by_bob, ..])) in spares.iter().enumerate().skip(1) {
        let mut spare = Author::new(us.clone(), &format!("spare{number}"), bob.charter.meeting, by_bob.clone());
        spare.says_who(Whereabouts::Here);
        bob.peer.offer(&spare.log).await.expect("its link stands");
    }
    bob.peer.send(&[links([spares[2].0.key()])]).await;
    bob.offer().await.expect("its link stands");
    let anew = kick_with_ticket(&mut ada, "bob");
    done(&mut ada, &json!({"command": "lock"}));
    assert_eq!(bob.peer.end().await.0, Code::Kicked);
    // The one who stays may let in whom it likes, and pass on what it likes.
    dora.offer().await.expect("its link stands");
    for is_locked in [true, false] {
        for (number, (us, proofs)) in spares.iter().enumerate() {
            for proof in proofs {
                let name = format!("spare{number}");
                for at in [at_ada, door(&hers)] {
                    let came = Insider::enter(at, us, &name, proof).await.map(|_| "it is in");
                    let is_refused = came.as_ref().is_err_and(|code| !matches!(code, Code::Cut | Code::TooSoon));
                    assert!(is_refused, "{name}: {came:?}; the door is locked: {is_locked}");
                }
                let mut author = Author::new(us.clone(), &name, dora.charter.meeting, proof.clone());
                let words = [author.says_who(Whereabouts::Here), author.says("a spare key says")];
                dora.peer.send(&words).await;
                dora.peer.offer(&author.log).await.expect("its link stands");
            }
        }
        let text = format!("the door is locked: {is_locked}");
        dora.says(&text).await.expect("its link stands");
        for bot in [&mut ada, &mut cleo] {
            let spoke = until_said(bot, &text).into_iter().filter(|event| event["text"] == "a spare key says");
            assert_eq!(spoke.collect::<Vec<_>>(), [Value::Null; 0]);
        }
        done(&mut ada, &json!({"command": "unlock"}));
    }
    works_for(&mut ada, "emil", anew["ticket"].as_str().expect("a ticket"));
}

/// Somebody whose key begins with such a byte.
fn identity_with(first: impl Fn(u8) -> bool) -> Identity {
    loop {
        let us = identity();
        if first(us.key().0[0]) {
            return us;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lock_1_keys_that_are_said_to_be_here_take_nobodys_place_among_those_who_stay() {
    let (mut ada, at_ada, _) = room("Places", &[]);
    let (mut cleo, hers) = works_for(&mut ada, "cleo", &at_ada.to_string());
    // Of those who are as far from the founder, the smaller keys come first.
    let (large, small) = (|first| first >= 0xc0, |first| first < 0xc0);
    let us = identity_with(large);
    let at_cleo = Insider::enter(door(&hers), &us, "dora", &Proof::default()).await.expect("an open door");
    let dora = Insider::enter(at_ada, &us, "dora", &at_cleo.author.proof).await;
    let mut dora = dora.expect("cleo has let her in");
    dora.says_who(Whereabouts::Here).await.expect("her link stands");
    let mallory = Insider::enter(at_ada, &identity(), "mallory", &Proof::default()).await;
    let mut mallory = mallory.expect("an open door");
    mallory.says_who(Whereabouts::Here).await.expect("its link stands");
    for number in 0..PEOPLE_MAX {
        let us = identity_with(small);
        let proof = mallory.author.lets_in(us.key(), None);
        let mut nobody = Author::new(us, &format!("nobody{number}"), mallory.charter.meeting, proof);
        // It tells of them, and serves them: what is pushed counts as talk.
        let person = nobody.says_who(Whereabouts::Here);
        mallory.author.log.offer(&entry_of(&person).expect("an entry"), false, &mallory.author.us);
    }
    mallory.offer().await.expect("its link stands");
    done(&mut ada, &json!({"command": "lock"}));
    dora.says("dora is here still").await.expect("her link stands");
    for bot in [&mut ada, &mut cleo] {
        until_said(bot, "dora is here still");
    }
    done(&mut ada, &json!({"command": "unlock"}));
    works_for(&mut ada, "bea", &at_ada.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn roster_7_whoever_was_let_in_stays_when_who_let_it_in_forks_its_own_stream() {
    let (mut ada, at_ada, _) = room("Forks", &[]);
    let (mut cleo, hers) = works_for(&mut ada, "cleo", &at_ada.to_string());
    let [mallory, newcomer] = [(); 2].map(|()| identity());
    let mut mallory = Insider::enter(at_ada, &mallory, "mallory", &Proof::default()).await.expect("an open door");
    mallory.says_who(Whereabouts::Here).await.expect("its link stands");
    let proof = mallory.author.lets_in(newcomer.key(), None);
    mallory.offer().await.expect("its link stands");
    let mut nina = Insider::enter(at_ada, &newcomer, "nina", &proof).await.expect("she has been let in");
    nina.says_who(Whereabouts::Here).await.expect("its link stands");
    nina.says("nina is here").await.expect("her link stands");
    done(&mut ada, &json!({"command": "lock"}));
    // The first of her acts, if anybody has taken one, was another, and so was the first that she has said.
    mallory.says("one").await.expect("its link stands");
    mallory.forks(&EntryBody::End { why: Reason::NONE }).await.ok();
    mallory.forks(&EntryBody::Text { salt: Salt::ZERO, text: Text::new("other").unwrap() }).await.ok();
    while ada.wait("warning")["code"] != "fork" {}
    nina.says("nina is here still").await.expect("her link stands");
    for bot in [&mut ada, &mut cleo] {
        until_said(bot, "nina is here still");
    }
    for (number, at) in [at_ada, door(&hers)].into_iter().enumerate() {
        drop(nina.peer);
        let anew = Insider::enter(at, &newcomer, "nina", &nina.author.proof).await;
        nina = anew.expect("she is let in again");
        nina.says_who(Whereabouts::Here).await.expect("her link stands");
        let text = format!("nina is back {number}");
        nina.says(&text).await.expect("her link stands");
        for bot in [&mut ada, &mut cleo] {
            until_said(bot, &text);
        }
    }
    // Nor when a host shows out who let it in.
    done(&mut ada, &json!({"command": "kick", "name": "mallory"}));
    assert_eq!(mallory.peer.end().await.0, Code::Kicked);
    nina.says("mallory is out").await.expect("her link stands");
    for bot in [&mut ada, &mut cleo] {
        until_said(bot, "mallory is out");
    }
    done(&mut ada, &json!({"command": "unlock"}));
    works_for(&mut ada, "bea", &at_ada.to_string());
}

/// One who was let in before it came, comes, never says who it is, and comes again whenever it is cut off; tells of each
/// time that it has come, and then for how long its link stood.
async fn haunt(door: SocketAddr, us: Identity, number: usize, proof: Proof, told: UnboundedSender<Option<Duration>>) {
    let name = format!("ghost{number}");
    while !told.is_closed() {
        if let Ok(mut ghost) = Insider::enter(door, &us, &name, &proof).await {
            let start = Instant::now();
            told.send(None).ok();
            is_closed(&mut ghost.peer, start + CUT_OFF + SLACK).await;
            told.send(Some(start.elapsed())).ok();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn join_6_keys_that_are_let_in_and_never_say_who_they_are_fill_no_room() {
    let (mut ada, at_ada, _) = room("Crowd", &[]);
    let mallory = Insider::enter(at_ada, &identity(), "mallory", &Proof::default()).await;
    let mut mallory = mallory.expect("an open door");
    mallory.says_who(Whereabouts::Here).await.expect("its link stands");
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        let us = identity();
        let proof = mallory.author.lets_in(us.key(), None);
        crowd.push((us, proof));
    }
    mallory.offer().await.expect("its link stands");
    let (sender, mut told) = unbounded_channel();
    let mut ghosts = JoinSet::new();
    for (number, (us, proof)) in crowd.into_iter().enumerate() {
        ghosts.spawn(haunt(at_ada, us, number, proof, sender.clone()));
    }
    let (mut came, mut gone) = (0, 0);
    while gone < CROWD + CROWD / 2 {
        match told.recv().await.expect("the crowd comes again and again") {
            None => came += 1,
            Some(stood) => {
                assert!(stood < CUT_OFF + SLACK, "a link on which nobody has a seat stood for {stood:?}");
                gone += 1;
                continue;
            }
        }
        // As soon as all have come, and while they come again.
        if came == CROWD || came == CROWD + CROWD / 2 {
            works_for(&mut ada, &format!("bea{came}"), &at_ada.to_string());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn roster_9_whatever_acts_members_write_whoever_comes_or_comes_back_is_let_in() {
    let (mut ada, at_ada, _) = room("Acts", &[]);
    let home = Arc::new(Scratch::numbered("bea"));
    let (mut bea, _) = come(&home, "bea", &at_ada.to_string());
    bea.wait("linked");
    let mut scribes = Vec::new();
    for number in 0..SCRIBES {
        let scribe = Insider::enter(at_ada, &identity(), &format!("scribe{number}"), &Proof::default()).await;
        let mut scribe = scribe.expect("an open door");
        scribe.says_who(Whereabouts::Here).await.expect("its link stands");
        scribes.push(scribe);
    }
    let nobody = identity().key();
    for scribe in &mut scribes {
        for _ in 0..ACTS {
            scribe.author.grants(nobody);
        }
        scribe.offer().await.ok();
    }
    let (_cleo, _) = works_for(&mut ada, "cleo", &at_ada.to_string());
    bea.send(&json!({"command": "quit"}));
    assert!(bea.end().success());
    while ada.wait("left")["name"] != "bea" {}
    let (mut bea, _) = come(&home, "bea", &at_ada.to_string());
    say(&mut bea, "bea is back");
    until_said(&mut ada, "bea is back");
}
