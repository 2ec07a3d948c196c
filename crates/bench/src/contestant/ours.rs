//! A lecture of ours: a host as the program runs it, with a home on the disk, but without the program's command line; and
//! guests that shake hands, join, open each record and look at each frame, but check no signatures: they cost little.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use tertulia_core::channel::{Handshake, Opener, RECORD_LENGTH_BYTES, Sealer, record_bytes};
use tertulia_core::charter::{Admission, SignedCharter};
use tertulia_core::command::Command;
use tertulia_core::event::Event;
use tertulia_core::id::{CommandId, Hash};
use tertulia_core::limits;
use tertulia_core::log::Log;
use tertulia_core::node;
use tertulia_core::star::{Host, HostConfig, Tickets};
use tertulia_core::wire::entry::EntryBody;
use tertulia_core::wire::meeting::{Lane, Meeting, Row};
use tertulia_core::wire::session::Session;
use tertulia_core::wire::{Encoded, Frame, decode};
use tertulia_net::{Home, Setup, raise_open_files, seed, start, unix_ms};
use tertulia_testkit::real::local::{found, identity};
use tertulia_testkit::real::peer::{Proof, digest, hello, ping};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::server::{Contestant, Guest, Heard, Protocol, Server, end_with_parent, number};

/// Who has dialled sends PING after so much silence at least, and a tenth more at most.
const PING_SHORTEST: Duration = limits::PING_INTERVAL.checked_sub(PING_TENTH).unwrap();
const PING_TENTH: Duration = Duration::from_millis(limits::PING_INTERVAL.as_millis() as u64 / 10);

pub(crate) const OURS: Contestant =
    Contestant { start: || Server::own(&["host"], Box::new(Lecture)), ..Contestant::of("tertulia", &[]) };

/// The home of a lecture, in the folder in which it is held.
pub(crate) const HOME: &str = "home";

/// Holds a lecture in this folder, or goes on with it, until the program that has started this one ends.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Prints where guests come in, and where whoever speaks does, whose every line is said.
pub(crate) fn serve(_args: &Args) {
    end_with_parent();
    raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(hold());
}

async fn hold() {
    let home = Home::open(Path::new(HOME)).unwrap();
    let founder = home.identity();
    let (charter, log) = stored(&home).unwrap_or_else(|| {
        let charter = found("Fan-out", &founder, Admission::Open, None);
        let log = Log::new(charter.meeting, limits::TALK_ENTRIES_MAX);
        (charter, log)
    });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let door = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (address, started_ms) = (listener.local_addr().unwrap(), unix_ms());
    let host = Host::new(HostConfig {
        identity: founder.clone(),
        charter,
        name: "host".into(),
        started_ms,
        seed: seed().unwrap(),
        filter: Vec::new(),
        tickets: Tickets::first(None, &founder),
        addresses: vec![address.to_string()],
        log,
    });
    let setup = Setup { identity: founder, started_ms, listener: Some(listener), home: Some(home), trace: None };
    let mut node = start(node::Node::new(host), setup).unwrap();
    while !matches!(node.events.recv().await.expect("the host runs"), Event::Ready { .. }) {}
    println!("{address} {}", door.local_addr().unwrap());
    let (speaker, _) = door.accept().await.unwrap();
    let mut lines = BufReader::new(speaker).lines();
    loop {
        tokio::select! {
            line = lines.next_line() => {
                let Ok(Some(text)) = line else { return };
                node.commands.send((CommandId(0), Command::Say { text })).unwrap();
            }
            event = node.events.recv() => match event {
                Some(Event::Closed { code, ending }) => panic!("the host ends: {code}, {ending:?}"),
                Some(Event::Error { failure, .. }) => panic!("the host can't say that: {failure:?}"),
                // That everybody goes at the end is no news.
                Some(Event::Left { name, reason, .. }) if reason != "cut" => eprintln!("{name} is out: {reason}"),
                _ => {}
            }
        }
    }
}

/// The lecture that the home has, if it has one.
fn stored(home: &Home) -> Option<(SignedCharter, Log)> {
    let stored = home.meetings().unwrap().pop()?;
    let charter = SignedCharter::check(&stored.charter?, stored.id, &home.identity()).unwrap();
    let log = home.meeting(stored.id).unwrap().load().unwrap();
    assert_eq!(log.damaged, None, "nothing is wrong with what was kept");
    Some((charter, log.log))
}

#[derive(Debug)]
struct Lecture;

impl Protocol for Lecture {
    fn guest(&self, number: usize) -> Box<dyn Guest> {
        Box::new(Attendee {
            name: format!("guest-{number}"),
            stage: Stage::New,
            rest: Vec::new(),
            untold: BTreeMap::new(),
            tells_at: None,
            silence: PING_SHORTEST + PING_TENTH.mul_f64((number * 37 % 501) as f64 / 500.0),
            said: Instant::now(),
        })
    }

    fn introduction(&self) -> Vec<u8> {
        Vec::new()
    }

    fn say(&self, text: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(text.as_bytes());
        out.push(b'\n');
    }
}

#[derive(Debug)]
struct Attendee {
    name: String,
    stage: Stage,
    /// What has come of a message or record that has not come whole.
    rest: Vec<u8>,
    /// What it has got and not told the host, by session and lane.
    untold: BTreeMap<(u64, Lane), Row>,
    tells_at: Option<Instant>,
    /// After so much of it, it sends PING.
    silence: Duration,
    said: Instant,
}

#[derive(Debug)]
enum Stage {
    New,
    Shaking(Handshake),
    Linked(Sealer, Opener),
}

impl Attendee {
    fn send(&mut self, frames: &[Encoded], out: &mut Vec<u8>) {
        let Stage::Linked(sealer, _) = &mut self.stage else { return };
        self.said = Instant::now();
        let frames: Vec<u8> = frames.iter().flat_map(|frame| frame.0.iter().copied()).collect();
        sealer.seal(&frames, out).unwrap();
    }

    /// How many bytes of `input` were understood.
    fn take(&mut self, input: &[u8], out: &mut Vec<u8>, heard: &mut Heard) -> usize {
        let mut taken = 0;
        if let Stage::Shaking(handshake) = &mut self.stage {
            let (bytes, established) = handshake.receive(input, out).unwrap();
            let Some(established) = established else { return bytes };
            taken = bytes;
            self.stage = Stage::Linked(established.sealer, established.opener);
            self.send(&[hello(&self.name), Proof::default().join(1)], out);
        }
        let mut plaintext = Vec::new();
        while let Some(length) = record_bytes(&input[taken..]).unwrap().filter(|length| taken + length <= input.len()) {
            let Stage::Linked(_, opener) = &mut self.stage else { unreachable!("it was linked above") };
            plaintext.clear();
            opener.open(&input[taken + RECORD_LENGTH_BYTES..taken + length], &mut plaintext).unwrap();
            taken += length;
            let mut rest = plaintext.as_slice();
            while !rest.is_empty() {
                let decoded = decode(rest).unwrap();
                rest = decoded.rest;
                self.hear(decoded.frame, out, heard);
            }
        }
        taken
    }

    fn hear(&mut self, frame: Option<Frame<'_>>, out: &mut Vec<u8>, heard: &mut Heard) {
        match frame {
            // An empty DIGEST has the host send all.
            Some(Frame::Meeting(Meeting::Welcome(_))) => self.send(&[digest(Vec::new())], out),
            Some(Frame::Meeting(Meeting::EntryFrame(frame))) => {
                let entry = frame.entry.entry;
                self.tells_at.get_or_insert_with(|| Instant::now() + limits::GUEST_DIGEST_INTERVAL);
                let (author, session, lane, next) = (entry.author, entry.session, entry.lane, entry.number + 1);
                self.untold.insert((session, lane), Row { author, session, lane, first: 1, next, head: Hash([0; 32]) });
                match frame.entry.read() {
                    // The host says who it is as soon as it sends all.
                    EntryBody::Person { .. } => heard.is_in = true,
                    EntryBody::Text { text, .. } => heard.messages.push(number(text.as_str().as_bytes())),
                    // A host strews in kinds that nobody knows.
                    EntryBody::Unknown => {}
                    other => panic!("the host writes {other:?}"),
                }
            }
            Some(Frame::Session(Session::Bye(bye))) => panic!("{} is sent away: {bye:?}", self.name),
            _ => {}
        }
    }
}

impl Guest for Attendee {
    fn begin(&mut self, out: &mut Vec<u8>) {
        let crypto = tertulia_net::crypto();
        self.stage = Stage::Shaking(Handshake::initiator(&identity(), None, seed().unwrap(), crypto, out));
    }

    fn receive(&mut self, bytes: &[u8], out: &mut Vec<u8>, heard: &mut Heard) {
        if self.rest.is_empty() {
            let taken = self.take(bytes, out, heard);
            self.rest.extend_from_slice(&bytes[taken..]);
        } else {
            self.rest.extend_from_slice(bytes);
            let input = std::mem::take(&mut self.rest);
            let taken = self.take(&input, out, heard);
            self.rest.extend_from_slice(&input[taken..]);
        }
    }

    /// SPEC DIGEST-4, PING-2
    fn stay(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Instant> {
        if self.tells_at.take_if(|at| *at <= now).is_some() {
            let rows = std::mem::take(&mut self.untold).into_values().collect();
            self.send(&[digest(rows)], out);
        } else if self.said + self.silence <= now {
            self.send(&[ping()], out);
        }
        self.tells_at.into_iter().chain([self.said + self.silence]).min()
    }
}
