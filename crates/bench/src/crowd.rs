//! The load generator: all guests of one server, and whoever speaks to them, in one thread of one process.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::contestant::server::{Guest, Heard, Server, text};
use crate::tally::Tally;

/// Guests that come in at one time: a host of ours takes no more than 256 handshakes at once.
const COMING_MAX: usize = 64;
/// Whoever has not come in for so long does not come.
const PATIENCE: Duration = Duration::from_secs(20);
/// So long it waits at most for something to come.
const LOOK_INTERVAL: Duration = Duration::from_secs(4);
/// The token of the speaker.
const SPEAKER: Token = Token(usize::MAX);
const INPUT_BYTES: usize = 256 * 1_024;

/// One connection.
#[derive(Debug)]
struct End {
    stream: TcpStream,
    unsent: Vec<u8>,
}

#[derive(Debug)]
struct Seat {
    end: End,
    guest: Box<dyn Guest>,
    is_in: bool,
    /// The message that it waits for.
    next: usize,
}

/// The guests of one server, and its speaker.
#[derive(Debug)]
pub(crate) struct Crowd<'a> {
    server: &'a Server,
    patience: Duration,
    poll: Poll,
    events: Events,
    seats: Vec<Seat>,
    in_count: usize,
    speaker: End,
    size: usize,
    tally: Tally,
    input: Vec<u8>,
    heard: Heard,
    /// When who may have something to say that nobody asks for.
    stays: BinaryHeap<Reverse<(Instant, usize)>>,
}

impl<'a> Crowd<'a> {
    /// The speaker alone. What does not come for as long as `patience` is lost.
    pub(crate) fn new(server: &'a Server, patience: Duration) -> Self {
        let poll = Poll::new().unwrap();
        let mut speaker = End::dial(server.speaker, SPEAKER, &poll);
        speaker.send(&server.protocol.introduction());
        Self {
            server,
            patience,
            poll,
            events: Events::with_capacity(1_024),
            seats: Vec::new(),
            in_count: 0,
            speaker,
            size: 0,
            tally: Tally::new(0),
            input: vec![0; INPUT_BYTES],
            heard: Heard::default(),
            stays: BinaryHeap::new(),
        }
    }

    /// Has guests come in until there are so many.
    pub(crate) fn grow(&mut self, guests: usize) {
        let mut last = (self.in_count, Instant::now());
        while self.in_count < guests {
            while self.seats.len() < guests.min(self.in_count + COMING_MAX) {
                let number = self.seats.len();
                let mut seat = Seat {
                    end: End::dial(self.server.guests, Token(number), &self.poll),
                    guest: self.server.protocol.guest(number),
                    is_in: false,
                    next: 0,
                };
                let mut first = Vec::new();
                seat.guest.begin(&mut first);
                seat.end.send(&first);
                self.seats.push(seat);
            }
            self.turn(None);
            if self.in_count > last.0 {
                last = (self.in_count, Instant::now());
            }
            assert!(last.1.elapsed() < PATIENCE, "{} of {guests} guests are in, and nobody more comes", self.in_count);
        }
        self.tally = Tally::new(guests);
    }

    /// Lets `span` pass.
    pub(crate) fn rest(&mut self, span: Duration) {
        let until = Instant::now() + span;
        while Instant::now() < until {
            self.turn(Some(until));
        }
    }

    /// Texts are of so many bytes from now on.
    pub(crate) const fn talk(&mut self, size: usize) {
        self.size = size;
    }

    /// Says so many texts at once.
    pub(crate) fn say(&mut self, count: usize) {
        let (mut words, now) = (Vec::new(), Instant::now());
        for _ in 0..count {
            let number = self.tally.send(now);
            self.server.protocol.say(&text(number, self.size), &mut words);
        }
        self.speaker.send(&words);
    }

    /// Waits until no more than so many texts have not come to everybody; what is missing of them once nothing comes any
    /// more is lost.
    pub(crate) fn until_in_flight(&mut self, most: usize) {
        let mut last = (self.tally.deliveries(), Instant::now());
        while self.tally.in_flight() > most {
            self.turn(Some(Instant::now() + self.patience));
            let now = Instant::now();
            if self.tally.deliveries() > last.0 {
                last = (self.tally.deliveries(), now);
            }
            if now - last.1 >= self.patience {
                self.tally.give_up();
            }
        }
    }

    pub(crate) const fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    /// Takes in what has come; waits for it, at most until `deadline`.
    fn turn(&mut self, deadline: Option<Instant>) {
        let now = Instant::now();
        let stays = self.stays.peek().map(|Reverse((at, _))| *at);
        let until = deadline.into_iter().chain(stays).chain([now + LOOK_INTERVAL]).min().unwrap();
        let waited = self.poll.poll(&mut self.events, Some(until.saturating_duration_since(now)));
        if waited.is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
            panic!("the system does not wait for sockets");
        }
        for event in &self.events {
            let Token(number) = event.token();
            let Some(seat) = self.seats.get_mut(number) else {
                self.speaker.turn(&mut self.input, |_, _| {});
                continue;
            };
            let heard = &mut self.heard;
            seat.end.turn(&mut self.input, |bytes, out| seat.guest.receive(bytes, out, heard));
            if std::mem::take(&mut heard.is_in) && !std::mem::replace(&mut seat.is_in, true) {
                self.in_count += 1;
                self.stays.push(Reverse((now, number)));
            }
            if heard.messages.is_empty() {
                continue;
            }
            let now = Instant::now();
            for message in heard.messages.drain(..) {
                seat.next = self.tally.receive(seat.next, message, now);
            }
        }
        self.stay();
    }

    /// Has those whose time it is say what nobody asks for.
    fn stay(&mut self) {
        let now = Instant::now();
        while self.stays.peek().is_some_and(|Reverse((at, _))| *at <= now)
            && let Some(Reverse((_, number))) = self.stays.pop()
        {
            let (seat, mut words) = (&mut self.seats[number], Vec::new());
            let next = seat.guest.stay(now, &mut words);
            seat.end.send(&words);
            self.stays.extend(next.map(|at| Reverse((at, number))));
        }
    }
}

impl End {
    fn dial(address: SocketAddr, token: Token, poll: &Poll) -> Self {
        // Over loopback, it stands at once; a listener whose queue is full has the system try again.
        let stream = std::net::TcpStream::connect(address).unwrap();
        stream.set_nonblocking(true).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE).unwrap();
        Self { stream, unsent: Vec::new() }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.unsent.extend_from_slice(bytes);
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(sent) => drop(self.unsent.drain(..sent)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => panic!("the server takes nothing more: {error}"),
            }
        }
    }

    /// Reads all that is there, and sends what is to be sent.
    fn turn(&mut self, input: &mut [u8], mut take: impl FnMut(&[u8], &mut Vec<u8>)) {
        let mut words = Vec::new();
        loop {
            match self.stream.read(input) {
                Ok(0) => panic!("the server has ended a connection"),
                Ok(read) => {
                    take(&input[..read], &mut words);
                    // What comes from now on is an event of its own.
                    if read < input.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => panic!("the server has broken a connection: {error}"),
            }
        }
        if !words.is_empty() || !self.unsent.is_empty() {
            self.send(&words);
        }
    }
}
