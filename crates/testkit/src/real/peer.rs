//! A peer that says what it likes, at any layer, and sees every byte that it is sent.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tertulia_core::channel::{DefaultResolver, Established, Handshake, RECORD_LENGTH_BYTES, record_bytes};
use tertulia_core::charter::SignedCharter;
use tertulia_core::code::Code;
use tertulia_core::id::{Key, MeetingId, RequestId, Token};
use tertulia_core::identity::Identity;
use tertulia_core::log::Log;
use tertulia_core::pass::Chain;
use tertulia_core::rule::Rule;
use tertulia_core::time::{Instant as Tick, Now};
use tertulia_core::wire::entry::EntryBody;
use tertulia_core::wire::field::{Block, List, Name, Reason, Text, decode_all, encode_alone};
use tertulia_core::wire::meeting::{Meeting, Welcome, Whereabouts};
use tertulia_core::wire::option::{self, Options, OptionsBuffer};
use tertulia_core::wire::private::Tell;
use tertulia_core::wire::session::{Bye, Hello, Ping, Purpose, Session};
use tertulia_core::wire::{Encoded, Frame, decode};
use tertulia_net::{seed, unix_ms};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

pub use crate::frames::{Proof, digest};

/// What has not happened by then does not happen.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// Frames of one record of a flood.
const FLOOD_FRAMES: usize = 50;

const NONE: Options<'static> = Options::NONE;

/// One end of an encrypted connection, with nothing above it that would stop it from misbehaving.
#[derive(Debug)]
pub struct Peer {
    stream: TcpStream,
    established: Established,
    input: Vec<u8>,
    frames: VecDeque<Encoded>,
    /// Every byte that came, decrypted.
    pub heard: Vec<u8>,
}

impl Peer {
    /// Dials `address` and shakes hands.
    ///
    /// # Errors
    /// The handshake's rule, or none if the other side has just gone.
    pub async fn dial(address: SocketAddr, us: &Identity) -> Result<Self, Option<Rule>> {
        let stream = TcpStream::connect(address).await.unwrap();
        Self::dial_over(stream, us).await
    }

    /// Shakes hands over a connection that stands.
    ///
    /// # Errors
    /// As [`Peer::dial`].
    pub async fn dial_over(stream: TcpStream, us: &Identity) -> Result<Self, Option<Rule>> {
        let mut first = Vec::new();
        let handshake = Handshake::initiator(us, None, seed().unwrap(), &DefaultResolver, &mut first);
        Self::shake(stream, handshake, first).await
    }

    /// Shakes hands with whoever has dialled.
    ///
    /// # Errors
    /// As [`Peer::dial`].
    pub async fn accept(stream: TcpStream, us: &Identity) -> Result<Self, Option<Rule>> {
        let handshake = Handshake::responder(us, seed().unwrap(), &DefaultResolver);
        Self::shake(stream, handshake, Vec::new()).await
    }

    async fn shake(mut stream: TcpStream, mut handshake: Handshake, first: Vec<u8>) -> Result<Self, Option<Rule>> {
        stream.set_nodelay(true).map_err(|_| None)?;
        let (mut input, mut out) = (Vec::new(), first);
        loop {
            stream.write_all(&out).await.map_err(|_| None)?;
            out.clear();
            if read_some(&mut stream, &mut input).await == 0 {
                return Err(None);
            }
            let (taken, established) = handshake.receive(&input, &mut out).map_err(Some)?;
            input.drain(..taken);
            if let Some(established) = established {
                stream.write_all(&out).await.map_err(|_| None)?;
                return Ok(Self { stream, established, input, frames: VecDeque::new(), heard: Vec::new() });
            }
        }
    }

    /// Who is at the other end.
    #[must_use]
    pub const fn other(&self) -> Key {
        self.established.peer
    }

    /// Sends `frames` as one record; false once the other side takes nothing more.
    pub async fn send(&mut self, frames: &[Encoded]) -> bool {
        let plaintext: Vec<u8> = frames.iter().flat_map(|frame| frame.0.iter().copied()).collect();
        frames.is_empty() || self.send_plaintext(&plaintext).await
    }

    /// Seals `plaintext`, frames or not, and sends it.
    pub async fn send_plaintext(&mut self, plaintext: &[u8]) -> bool {
        let record = self.seal(plaintext);
        self.send_bytes(&record).await
    }

    /// Seals `plaintext`; whoever spoils the record spoils it on purpose.
    pub fn seal(&mut self, plaintext: &[u8]) -> Vec<u8> {
        let mut record = Vec::new();
        self.established.sealer.seal(plaintext, &mut record).unwrap();
        record
    }

    /// Sends `bytes` as they are.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// The next frame; `None` at the end.
    pub async fn next(&mut self) -> Option<Encoded> {
        timeout(PATIENCE, self.next_unbounded()).await.expect("the other side says nothing, and does not close")
    }

    async fn next_unbounded(&mut self) -> Option<Encoded> {
        loop {
            if let Some(frame) = self.opened() {
                return Some(frame);
            }
            if read_some(&mut self.stream, &mut self.input).await == 0 {
                return None;
            }
        }
    }

    /// The next frame of what has come.
    fn opened(&mut self) -> Option<Encoded> {
        while self.frames.is_empty() {
            let length = record_bytes(&self.input).unwrap().filter(|length| *length <= self.input.len())?;
            let record: Vec<u8> = self.input.drain(..length).collect();
            let mut plaintext = Vec::new();
            self.established.opener.open(&record[RECORD_LENGTH_BYTES..], &mut plaintext).unwrap();
            self.heard.extend_from_slice(&plaintext);
            let mut rest = plaintext.as_slice();
            while !rest.is_empty() {
                let decoded = decode(rest).unwrap();
                self.frames.push_back(Encoded(decoded.bytes.to_vec().into()));
                rest = decoded.rest;
            }
        }
        self.frames.pop_front()
    }

    /// The first frame for which `pick` has something; what comes before it is passed over.
    pub async fn until<T>(&mut self, mut pick: impl FnMut(&Frame<'_>, RequestId) -> Option<T>) -> T {
        let mut goodbye = None;
        loop {
            let Some(frame) = self.next().await else {
                panic!("the connection has ended before that came: {goodbye:?}")
            };
            let decoded = decode(&frame.0).unwrap();
            if let Some(Frame::Session(Session::Bye(bye))) = &decoded.frame {
                goodbye = Some((bye.code, bye.reason.as_str().to_string()));
            }
            if let Some(found) = decoded.frame.and_then(|frame| pick(&frame, decoded.id)) {
                return found;
            }
        }
    }

    /// Reads to the end: code and reason of BYE, `Cut` if none came.
    pub async fn end(&mut self) -> (Code, String) {
        let mut end = (Code::Cut, String::new());
        while let Some(frame) = self.next().await {
            if let Some(Frame::Session(Session::Bye(Bye { code, reason, .. }))) = decode(&frame.0).unwrap().frame {
                end = (code, reason.as_str().into());
            }
        }
        end
    }

    /// Reads to the end, which must be a BYE for this rule.
    pub async fn ends_by(&mut self, rule: Rule) {
        assert_eq!(self.end().await, (rule.code(), rule.meaning().into()), "{}", rule.id());
    }

    /// Sends HELLO and JOIN, as a guest does; what was answered to JOIN.
    ///
    /// # Errors
    /// The code of BYE.
    pub async fn join(&mut self, name: &str, proof: &Proof) -> Result<Admission, Code> {
        self.enter(Purpose::STAR, name, proof).await
    }

    /// The same, of whatever kind the meeting is.
    ///
    /// # Errors
    /// The code of BYE.
    pub async fn enter(&mut self, purpose: Purpose, name: &str, proof: &Proof) -> Result<Admission, Code> {
        self.send(&[hello_to(purpose, name.as_bytes()), proof.join(1)]).await;
        loop {
            let Some(frame) = self.next().await else { return Err(Code::Cut) };
            match decode(&frame.0).unwrap().frame {
                Some(Frame::Session(Session::Bye(bye))) => return Err(bye.code),
                Some(Frame::Meeting(Meeting::Welcome(Welcome { charter, chain, .. }))) => {
                    let bytes = encode_alone(&charter.0);
                    let us = crate::lecture::bea();
                    return Ok(Admission {
                        charter: SignedCharter::check(&bytes, MeetingId::ZERO, &us).unwrap(),
                        chain: Chain::shown(chain),
                    });
                }
                _ => {}
            }
        }
    }

    /// Sends `bytes` as fast as they are taken, and reads meanwhile, until the other side says goodbye: how many were
    /// taken, and the code of BYE.
    pub async fn flood(&mut self, bytes: &[u8]) -> (usize, Code) {
        let mut sent = 0;
        loop {
            while let Some(frame) = self.opened() {
                if let Some(Frame::Session(Session::Bye(bye))) = decode(&frame.0).unwrap().frame {
                    return (sent, bye.code);
                }
            }
            let wanted = if sent < bytes.len() { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            let ready = timeout(PATIENCE, self.stream.ready(wanted)).await.expect("the other side bears it");
            if ready.unwrap().is_writable() && sent < bytes.len() {
                sent += self.stream.try_write(&bytes[sent..]).unwrap_or(0);
            }
            match self.stream.try_read_buf(&mut self.input) {
                Ok(0) => return (sent, Code::Cut),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return (sent, Code::Cut),
            }
        }
    }

    /// Sends these frames again and again, as fast as they are taken, and reads meanwhile, until the other side says goodbye
    /// or it is time: how many bytes were taken, and the code of BYE.
    pub async fn flood_with(&mut self, frames: &[Encoded], time: Duration) -> (usize, Option<Code>) {
        let (deadline, mut taken) = (Instant::now() + time, 0);
        let mut records = frames.chunks(FLOOD_FRAMES).cycle();
        let mut waiting = VecDeque::new();
        while Instant::now() < deadline {
            while let Some(frame) = self.opened() {
                if let Some(Frame::Session(Session::Bye(bye))) = decode(&frame.0).unwrap().frame {
                    return (taken, Some(bye.code));
                }
            }
            if waiting.is_empty() {
                let frames = records.next().unwrap().iter().flat_map(|frame| frame.0.iter().copied());
                waiting.extend(self.seal(&frames.collect::<Vec<u8>>()));
            }
            let both = Interest::READABLE | Interest::WRITABLE;
            let Ok(ready) = timeout_at(deadline, self.stream.ready(both)).await else { break };
            if ready.unwrap().is_writable() {
                let written = self.stream.try_write(waiting.make_contiguous()).unwrap_or(0);
                waiting.drain(..written);
                taken += written;
            }
            match self.stream.try_read_buf(&mut self.input) {
                Ok(0) => return (taken, Some(Code::Cut)),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return (taken, Some(Code::Cut)),
            }
        }
        (taken, None)
    }

    /// Takes in a guest, as `founder` does, who holds the meeting of `charter`: up to the guest's first DIGEST, and the
    /// host's name in answer to it.
    pub async fn take_in(&mut self, charter: &SignedCharter, founder: &Identity) {
        let hello = self.next().await.unwrap();
        self.send(&[answer(&hello)]).await;
        let join = self.next().await.unwrap();
        self.send(&[welcome(charter, &crate::lecture::chain(), decode(&join.0).unwrap().id)]).await;
        self.until(|frame, _| matches!(frame, Frame::Meeting(Meeting::Digest(_))).then_some(())).await;
        let body = EntryBody::Person {
            whereabouts: Whereabouts::Here,
            name: Name::new("host").unwrap(),
            addresses: List::NONE,
            chain: List::NONE,
            proof: List::NONE,
        };
        let person = Log::new(charter.meeting, 1).write(founder, 1, &body, Now { tick: Tick(0), unix_ms: 0 });
        self.send(&[person.unwrap().frame.clone()]).await;
    }

    /// Refuses whoever has dialled: what is held here is of another kind.
    pub async fn refuse_kind(&mut self) {
        let hello = self.next().await.unwrap();
        let bye = Bye { code: Code::WrongKind, reason: Reason::NONE, options: Options::NONE };
        self.send(&[answer(&hello), Frame::from(bye).encode(RequestId::EVENT)]).await;
    }

    /// The connection under it all.
    pub const fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

/// What a guest is let in with.
#[derive(Clone, Debug)]
pub struct Admission {
    /// What the meeting is.
    pub charter: SignedCharter,
    /// What lets the guest in again.
    pub chain: Chain,
}

impl Admission {
    /// What somebody who was let in so says of itself: the next PERSON of `log`, in this session.
    pub fn person(
        &self,
        log: &mut Log,
        us: &Identity,
        session: u64,
        said: (&str, Whereabouts),
        addresses: &[SocketAddr],
    ) -> Encoded {
        Proof { chain: self.chain.clone(), ticket: None }.person(log, us, session, said, addresses)
    }
}

/// A guest's HELLO.
#[must_use]
pub fn hello(name: &str) -> Encoded {
    hello_to(Purpose::STAR, name.as_bytes())
}

/// The HELLO of a newcomer, whose name may be none.
#[must_use]
pub fn hello_to(purpose: Purpose, name: &[u8]) -> Encoded {
    let mut options = OptionsBuffer::default();
    options.set_raw(0x10, [&[u8::try_from(name.len()).unwrap()][..], name].concat());
    let meeting = MeetingId::ZERO;
    Frame::from(Hello { purpose, meeting, started_ms: unix_ms(), options: options.options() }).encode(RequestId::EVENT)
}

/// A host's answer to `hello`.
#[must_use]
pub fn answer(hello: &Encoded) -> Encoded {
    let Some(Frame::Session(Session::Hello(hello))) = decode(&hello.0).unwrap().frame else {
        panic!("{hello:?} is no HELLO")
    };
    let Hello { purpose, meeting, .. } = hello;
    let mut options = OptionsBuffer::default();
    options.set(&option::SOFTWARE, &Reason::cut("hostile 1"));
    Frame::from(Hello { purpose, meeting, started_ms: unix_ms(), options: options.options() }).encode(RequestId::EVENT)
}

/// A PING.
#[must_use]
pub fn ping() -> Encoded {
    Frame::from(Ping { options: NONE }).encode(RequestId::EVENT)
}

/// A private text; its answer follows what came before it.
#[must_use]
pub fn tell(id: u32) -> Encoded {
    let (token, text) = (Token([9; 16]), Text::new("private").unwrap());
    Frame::from(Tell { token, text, options: NONE }).encode(RequestId(id))
}

/// A WELCOME to the meeting of `charter`, which has nothing yet.
#[must_use]
pub fn welcome(charter: &SignedCharter, chain: &Chain, id: RequestId) -> Encoded {
    let charter = Block(decode_all(charter.bytes()).unwrap());
    chain.with_list(|chain| Frame::from(Welcome { charter, chain, rows: List::over(0, &[]), options: NONE }).encode(id))
}

/// Reads what is there, once; 0 at the end, however it came.
async fn read_some(stream: &mut TcpStream, input: &mut Vec<u8>) -> usize {
    stream.read_buf(input).await.unwrap_or(0)
}

/// Everything that comes over `stream` until its end, which comes in time.
pub async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut input = Vec::new();
    let all = async { while read_some(stream, &mut input).await > 0 {} };
    timeout(PATIENCE, all).await.expect("the other side does not close");
    input
}
