//! What nobody can go below: one thread that writes what it is told to every socket, with one call each, and does nothing
//! else. Sealed, it seals what it writes for each receiver, once, under a key of that receiver's.

use std::io::{self, Read as _, Write as _};
use std::net::Ipv4Addr;
use std::time::Instant;

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use tertulia_net::{raise_open_files, seed};

use super::plain::{Plain, Word, line};
use super::server::{Contestant, Guest, Heard, Protocol, Server, end_with_parent, number};

pub(crate) const BARE: Contestant = Contestant { start: || start(&["floor"]), ..Contestant::of("floor", &[]) };
pub(crate) const SEALED: Contestant =
    Contestant { start: || start(&["floor", "--seal"]), ..Contestant::of("floor-sealed", &[]) };
/// One that loses a message, so that a test sees whether that is seen.
pub(crate) const LOSSY: Contestant =
    Contestant { start: || start(&["floor", "--lose"]), ..Contestant::of("floor-that-loses", &[]) };

const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
const LENGTH_BYTES: usize = 2;
/// Sixteen messages of 1 KiB go out with one call.
const BATCH_BYTES: usize = 20 * 1_024;
const IN: &[u8] = b"in\n";

const GUESTS: Token = Token(0);
const SPEAKERS: Token = Token(1);
const SPEAKER: Token = Token(2);
const FIRST: usize = 3;

fn start(arguments: &[&str]) -> Server {
    Server::own(arguments, Box::new(Lines { is_sealed: arguments.contains(&"--seal") }))
}

/// Writes every line of the speaker's to every guest, until the program that has started this one ends.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Seals what it writes
    #[arg(long)]
    seal: bool,
    /// Loses something for the first guest
    #[arg(long)]
    lose: bool,
}

struct Floor {
    is_sealed: bool,
    loses: bool,
    poll: Poll,
    guests: Vec<Conn>,
}

/// One guest's connection.
struct Conn {
    stream: TcpStream,
    /// Once it has come.
    key: Option<LessSafeKey>,
    records: u64,
    unsent: Vec<u8>,
}

/// Prints where guests come in, and where whoever speaks does.
pub(crate) fn serve(args: &Args) {
    end_with_parent();
    raise_open_files();
    let [mut door, mut speakers] = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap());
    let poll = Poll::new().unwrap();
    poll.registry().register(&mut door, GUESTS, Interest::READABLE).unwrap();
    poll.registry().register(&mut speakers, SPEAKERS, Interest::READABLE).unwrap();
    println!("{} {}", door.local_addr().unwrap(), speakers.local_addr().unwrap());
    let mut floor = Floor { is_sealed: args.seal, loses: args.lose, poll, guests: Vec::new() };
    let (mut speaker, mut said, mut events) = (None, Vec::new(), Events::with_capacity(1_024));
    loop {
        floor.poll.poll(&mut events, None).unwrap();
        for event in &events {
            match event.token() {
                GUESTS => floor.welcome(&door),
                SPEAKERS => speaker = floor.hear(&speakers).or(speaker),
                SPEAKER => floor.pass_on(speaker.as_mut().unwrap(), &mut said),
                Token(number) => floor.turn(number - FIRST),
            }
        }
    }
}

impl Floor {
    fn welcome(&mut self, door: &TcpListener) {
        while let Ok((mut stream, _)) = door.accept() {
            stream.set_nodelay(true).unwrap();
            let token = Token(FIRST + self.guests.len());
            self.poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE).unwrap();
            self.guests.push(Conn { stream, key: None, records: 0, unsent: Vec::new() });
        }
    }

    fn hear(&self, speakers: &TcpListener) -> Option<TcpStream> {
        let (mut stream, _) = speakers.accept().ok()?;
        self.poll.registry().register(&mut stream, SPEAKER, Interest::READABLE).unwrap();
        Some(stream)
    }

    /// Goes on with a guest: its key has come, or its socket takes more.
    fn turn(&mut self, number: usize) {
        let guest = &mut self.guests[number];
        guest.flush();
        let mut key = [0; KEY_BYTES];
        if guest.key.is_none() && matches!(guest.stream.read(&mut key), Ok(KEY_BYTES)) {
            guest.key = Some(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key).unwrap()));
            guest.send(IN, self.is_sealed);
        }
    }

    /// Reads what the speaker says, and writes each batch of whole lines to all.
    fn pass_on(&mut self, speaker: &mut TcpStream, said: &mut Vec<u8>) {
        let mut input = [0; BATCH_BYTES];
        while let Ok(read @ 1..) = speaker.read(&mut input) {
            said.extend_from_slice(&input[..read]);
            let whole = said.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            let batch: Vec<u8> = said.drain(..whole).collect();
            if batch.is_empty() {
                continue;
            }
            let skipped = usize::from(std::mem::take(&mut self.loses));
            self.guests.iter_mut().skip(skipped).for_each(|guest| guest.send(&batch, self.is_sealed));
        }
    }
}

impl Conn {
    fn send(&mut self, batch: &[u8], is_sealed: bool) {
        if is_sealed {
            let sealed = self.seal(batch);
            self.write(&sealed);
        } else {
            self.write(batch);
        }
    }

    fn seal(&mut self, batch: &[u8]) -> Vec<u8> {
        let mut record = Vec::with_capacity(LENGTH_BYTES + batch.len() + TAG_BYTES);
        record.extend_from_slice(&u16::try_from(batch.len() + TAG_BYTES).unwrap().to_be_bytes());
        record.extend_from_slice(batch);
        let key = self.key.as_ref().expect("a guest that is in");
        let body = &mut record[LENGTH_BYTES..];
        let tag = key.seal_in_place_separate_tag(nonce(self.records), Aad::empty(), body).unwrap();
        record.extend_from_slice(tag.as_ref());
        self.records += 1;
        record
    }

    fn write(&mut self, bytes: &[u8]) {
        let sent = if self.unsent.is_empty() { sent(self.stream.write(bytes)) } else { 0 };
        self.unsent.extend_from_slice(&bytes[sent..]);
    }

    fn flush(&mut self) {
        if !self.unsent.is_empty() {
            let sent = sent(self.stream.write(&self.unsent));
            self.unsent.drain(..sent);
        }
    }
}

/// How much the kernel has taken.
fn sent(written: io::Result<usize>) -> usize {
    match written {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        written => written.expect("a guest that reads"),
    }
}

fn nonce(record: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&record.to_le_bytes());
    Nonce::assume_unique_for_key(nonce)
}

#[derive(Debug)]
struct Lines {
    is_sealed: bool,
}

impl Protocol for Lines {
    fn guest(&self, _number: usize) -> Box<dyn Guest> {
        let key = seed().unwrap();
        let lines = Plain::new(key, read);
        if self.is_sealed {
            Box::new(Opening { key: opener(&key), records: 0, rest: Vec::new(), lines })
        } else {
            Box::new(lines)
        }
    }

    fn introduction(&self) -> Vec<u8> {
        Vec::new()
    }

    fn say(&self, text: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(text.as_bytes());
        out.push(b'\n');
    }
}

fn opener(key: &[u8; KEY_BYTES]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).unwrap())
}

fn read(input: &[u8]) -> Word {
    match line(input) {
        None => Word::Partial,
        Some(IN) => Word::In(IN.len()),
        Some(line) => Word::Message(line.len(), number(line)),
    }
}

/// A guest that is written to in sealed records.
#[derive(Debug)]
struct Opening {
    key: LessSafeKey,
    records: u64,
    rest: Vec<u8>,
    lines: Plain,
}

impl Guest for Opening {
    fn begin(&mut self, out: &mut Vec<u8>) {
        self.lines.begin(out);
    }

    fn receive(&mut self, bytes: &[u8], out: &mut Vec<u8>, heard: &mut Heard) {
        self.rest.extend_from_slice(bytes);
        let mut taken = 0;
        while let Some(length) = self.rest[taken..].first_chunk().map(|length| u16::from_be_bytes(*length)) {
            let body = taken + LENGTH_BYTES..taken + LENGTH_BYTES + usize::from(length);
            if body.end > self.rest.len() {
                break;
            }
            taken = body.end;
            let opened = self.key.open_in_place(nonce(self.records), Aad::empty(), &mut self.rest[body]).unwrap();
            self.records += 1;
            self.lines.receive(opened, out, heard);
        }
        self.rest.drain(..taken);
    }

    fn stay(&mut self, _now: Instant, _out: &mut Vec<u8>) -> Option<Instant> {
        None
    }
}
