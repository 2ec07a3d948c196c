//! A small machine, and a peer whose every byte the test decides.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tertulia_core::channel::{DefaultResolver, Established, Handshake, Opener, Sealer};
use tertulia_core::code::Code;
use tertulia_core::command::Command;
use tertulia_core::event::{Ending, Event, Notice};
use tertulia_core::feed::Start;
use tertulia_core::id::{CommandId, DialId, Hash, Key, LinkId, MeetingId, RequestId, ShortHash, Signature, Token};
use tertulia_core::identity::{Ed25519, Identity, Secret};
use tertulia_core::log::{Held, Record};
use tertulia_core::machine::{Input, Machine, Output};
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::entry::{Body, Carried, Entry};
use tertulia_core::wire::field::Text;
use tertulia_core::wire::meeting::{EntryFrame, Lane, Meeting};
use tertulia_core::wire::option::Options;
use tertulia_core::wire::private::{Private, Tell};
use tertulia_core::wire::session::{Done, Hello, Ping, Purpose, Session};
use tertulia_core::wire::{Encoded, Frame};
use tertulia_net::{Node, Setup, start, unix_ms};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) const MEETING: MeetingId = MeetingId([7; 16]);

/// Repeats every TELL to whoever sent it, and tells its user of all that happens to it.
///
/// `say N` appends N entries of 1 KiB; `msg` sends a TELL on every link; `end` appends one more and closes all links.
#[derive(Clone, Default)]
pub(crate) struct Echo {
    pub(crate) dials: Vec<(Option<Key>, Vec<String>)>,
    links: BTreeMap<LinkId, bool>,
    appended: u64,
    sent: u32,
}

impl Machine for Echo {
    fn handle(&mut self, input: Input<'_>, _: Now, out: &mut Vec<Output>) {
        match input {
            Input::Start => {
                for (id, (peer, addresses)) in (0..).map(DialId).zip(self.dials.clone()) {
                    out.push(Output::Dial { id, peer, addresses, hello: hello() });
                }
            }
            Input::Up { link, peer, dial, .. } => {
                self.links.insert(link, dial.is_some());
                if dial.is_none() {
                    out.push(Output::Follow { link, start: Start::default() });
                }
                out.push(log(format!("up {peer}")));
            }
            Input::Frame { link, id, frame: Frame::Private(Private::Tell(tell)) } => {
                out.push(log(format!("tell {}", tell.text.as_str())));
                let frame = Frame::from(Done { options: Options::NONE }).encode(id);
                out.push(Output::Send { link, frame });
            }
            Input::Frame { frame, .. } => out.push(log(format!("frame {}", frame.info().name))),
            Input::Down { link, code } => {
                self.links.remove(&link);
                out.push(log(format!("down {code}")));
            }
            Input::Unreachable { dial, code } => out.push(log(format!("unreachable {} {code}", dial.0))),
            Input::Command { command, .. } => self.command(command, out),
        }
    }

    fn handle_timeout(&mut self, _: Now, _: &mut Vec<Output>) {}

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn assert_invariants(&self) {}
}

impl Echo {
    pub(crate) fn dialling(peer: Option<Key>, addresses: &[&str]) -> Self {
        let addresses = addresses.iter().map(ToString::to_string).collect();
        Self { dials: vec![(peer, addresses)], ..Self::default() }
    }

    fn command(&mut self, command: Command, out: &mut Vec<Output>) {
        match command {
            Command::Say { text } => (0..text.parse().unwrap()).for_each(|_| self.append(out)),
            Command::Msg { text, .. } => {
                for link in self.links.keys() {
                    self.sent += 1;
                    let tell = Tell { token: Token([1; 16]), text: Text::new(&text).unwrap(), options: Options::NONE };
                    out.push(Output::Send { link: *link, frame: Frame::from(tell).encode(RequestId(self.sent)) });
                }
            }
            Command::Stop | Command::Quit | Command::End => {
                let code = if command == Command::End { Code::Ended } else { Code::Stopped };
                if command == Command::End {
                    self.append(out);
                }
                for link in std::mem::take(&mut self.links).into_keys() {
                    out.push(Output::Close { link, code, rule: None, reason: String::new() });
                }
                out.push(Output::Event(Event::Closed { code, ending: Ending::Left }));
            }
            other => panic!("{other:?}"),
        }
    }

    fn append(&mut self, out: &mut Vec<Output>) {
        self.appended += 1;
        let entry = Held::read(MEETING, &entry(self.appended, 1_024)).unwrap();
        out.push(Output::Store { meeting: MEETING, record: Record::Entry(entry.frame.clone()) });
        out.push(Output::Append { entry, at: self.appended - 1, dropped: 0 });
    }
}

fn log(message: String) -> Output {
    Output::Event(Event::Warning(Notice::Untraced(message)))
}

pub(crate) fn hello() -> Encoded {
    Frame::from(Hello { purpose: Purpose::STAR, meeting: MEETING, started_ms: 1, options: Options::NONE })
        .encode(RequestId::EVENT)
}

pub(crate) fn ping() -> Encoded {
    Frame::from(Ping { options: Options::NONE }).encode(RequestId::EVENT)
}

pub(crate) fn entry(number: u64, length: usize) -> Encoded {
    // One of each stream: they need not fit each other.
    let mut author = Key([1; 32]);
    author.0[..8].copy_from_slice(&number.to_be_bytes());
    let entry = Entry {
        author,
        session: 1,
        lane: Lane::Talk,
        number,
        prev: Hash::ZERO,
        lamport: number,
        reference: ShortHash::ZERO,
        time_ms: 0,
        kind: 0x7fff,
        length: u16::try_from(length).unwrap(),
    };
    let entry = Carried { entry, signature: Signature([9; 64]), body: Body::Here(&vec![0; length]) };
    Frame::from(EntryFrame { entry, options: Options::NONE }).encode(RequestId::EVENT)
}

pub(crate) fn identity(number: u8) -> Identity {
    Identity::new(Secret([number; 32]), Arc::new(Ed25519))
}

/// The setup of a node that listens, and where.
pub(crate) fn listening(number: u8) -> (Setup, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (Setup { listener: Some(listener), ..plain(number) }, address)
}

/// The setup of a node that only dials.
pub(crate) fn plain(number: u8) -> Setup {
    Setup { identity: identity(number), started_ms: unix_ms(), listener: None, home: None, trace: None }
}

/// An [`Echo`] that listens.
pub(crate) fn host(number: u8) -> (Node, SocketAddr) {
    let (setup, address) = listening(number);
    (start(Echo::default(), setup).unwrap(), address)
}

/// An [`Echo`] that has dialled.
pub(crate) fn guest(number: u8, peer: Option<Key>, addresses: &[&str]) -> Node {
    start(Echo::dialling(peer, addresses), plain(number)).unwrap()
}

/// Moves the runtime's clock on at once. Pausing it for longer would let it run ahead of bytes that are on their way.
pub(crate) async fn pass(span: Duration) {
    tokio::time::pause();
    tokio::time::advance(span).await;
    tokio::time::resume();
}

pub(crate) fn command(node: &Node, command: Command) {
    node.commands.send((CommandId(1), command)).unwrap();
}

pub(crate) fn say(node: &Node, entries: u32) {
    command(node, Command::Say { text: entries.to_string() });
}

/// The next thing that a node's machine tells.
pub(crate) async fn told(node: &mut Node) -> String {
    match node.events.recv().await {
        Some(Event::Warning(Notice::Untraced(message))) => message,
        Some(Event::Closed { code, .. }) => format!("closed {code}"),
        Some(other) => format!("{other:?}"),
        None => "nothing more".into(),
    }
}

/// A peer that does as it is told.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    sealer: Sealer,
    opener: Opener,
    input: Vec<u8>,
}

impl Peer {
    /// Dials and shakes hands.
    pub(crate) async fn dial(number: u8, address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut out = Vec::new();
        let identity = identity(number);
        let mut handshake = Handshake::initiator(&identity, None, [number; 32], &DefaultResolver, &mut out);
        let mut input = Vec::new();
        loop {
            stream.write_all(&out).await.unwrap();
            out.clear();
            assert_ne!(stream.read_buf(&mut input).await.unwrap(), 0, "refused");
            let (taken, established) = handshake.receive(&input, &mut out).unwrap();
            input.drain(..taken);
            if let Some(Established { sealer, opener, .. }) = established {
                stream.write_all(&out).await.unwrap();
                return Self { stream, sealer, opener, input };
            }
        }
    }

    /// Dials, and says HELLO.
    pub(crate) async fn join(number: u8, address: SocketAddr) -> Self {
        let mut peer = Self::dial(number, address).await;
        peer.send(&[hello()]).await.unwrap();
        peer
    }

    /// Seals frames as one record.
    pub(crate) fn seal(&mut self, frames: &[Encoded]) -> Vec<u8> {
        let plaintext: Vec<u8> = frames.iter().flat_map(|frame| frame.0.to_vec()).collect();
        let mut sealed = Vec::new();
        self.sealer.seal(&plaintext, &mut sealed).unwrap();
        sealed
    }

    pub(crate) async fn send(&mut self, frames: &[Encoded]) -> io::Result<()> {
        let sealed = self.seal(frames);
        self.stream.write_all(&sealed).await
    }

    /// The plaintext of the next record; `None` at the end.
    pub(crate) async fn receive(&mut self) -> Option<Bytes> {
        loop {
            let length = self.input.first_chunk().map(|length| usize::from(u16::from_be_bytes(*length)) + 2);
            if let Some(length) = length
                && self.input.len() >= length
            {
                let record: Vec<u8> = self.input.drain(..length).skip(2).collect();
                let mut plaintext = Vec::new();
                self.opener.open(&record, &mut plaintext).unwrap();
                return Some(plaintext.into());
            }
            if self.stream.read_buf(&mut self.input).await.ok()? == 0 {
                return None;
            }
        }
    }

    /// The names of all frames until the other side's end. This side goes on.
    pub(crate) async fn rest(&mut self) -> Vec<&'static str> {
        let mut names = Vec::new();
        while let Some(record) = self.receive().await {
            names.extend(frames(&record).iter().map(|frame| match frame {
                Frame::Session(Session::Bye(bye)) => bye.code.word(),
                Frame::Meeting(Meeting::EntryFrame(_)) => "entry",
                other => other.info().name,
            }));
        }
        names
    }
}

pub(crate) fn frames(record: &[u8]) -> Vec<Frame<'_>> {
    let mut rest = record;
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let decoded = tertulia_core::wire::decode(rest).unwrap();
        rest = decoded.rest;
        frames.extend(decoded.frame);
    }
    frames
}
