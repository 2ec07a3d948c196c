//! One connection, from its first byte to its last: handshake, records, link. Bytes go in and out, events come out
//! (SPEC.md, "Connection" and "Session").
//!
//! Invariant: a connection owns no buffer, but what it was given of an unfinished record, and what waits while the other
//! side is over a rate. What a call needs besides, its caller lends.

use alloc::{boxed::Box, vec::Vec};
use core::mem::take;
use core::ops::Deref;

use bytes::Bytes;

use super::{Link, LinkEvent, Opening};
use crate::channel::{Crypto, HANDSHAKE_INPUT_MAX, Handshake, Opener, RECORD_LENGTH_BYTES, Sealer, record_bytes};
use crate::code::Code;
use crate::feed::{Feed, Packer};
use crate::id::Key;
use crate::identity::Identity;
use crate::limits;
use crate::random::Random;
use crate::time::Instant;
use crate::wire::Encoded;

/// The most that [`Connection::wants`] at once: the longest record with its length, and some of the next.
pub const INPUT_MAX: usize = 66 * 1_024;

/// How far both sides have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// They do not know each other yet.
    Shaking,
    /// The other side has proved this key. Says nothing of whether the link still stands.
    Met(Key),
    /// They never will. Where nothing at all has come, nobody knows who is there: [`Code::Unreachable`], or
    /// [`Code::Cut`] if the connection was ended.
    Failed(Code),
}

/// One end of a connection; in memory as it stands here, as [`Link`] is.
#[derive(Debug)]
#[repr(C)]
pub struct Connection {
    /// Words of the handshake that have not been fetched.
    output: Vec<u8>,
    stage: Stage,
    /// Taken in and not understood: a part of a message or record, or records that must wait.
    input: Vec<u8>,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "each record would fetch a link that lies elsewhere into the cache")]
enum Stage {
    Shaking(Box<Shaking>),
    Linked(Linked),
    Failed(Code),
}

#[derive(Debug)]
struct Shaking {
    handshake: Handshake,
    us: Key,
    opening: Opening,
    /// For what the link draws.
    seed: [u8; 32],
    deadline: Instant,
    /// Anything has come, ever.
    has_heard: bool,
}

/// In memory as it stands here, as [`Link`] is.
#[derive(Debug)]
#[repr(C)]
struct Linked {
    sealer: Sealer,
    link: Link,
    opener: Opener,
    peer: Key,
}

impl Connection {
    /// The side that has dialled, and begins with HELLO. If `expected` is given, nobody else is told who `us` is. `seed`
    /// serves one connection and stays secret.
    #[must_use]
    pub fn dialled(
        us: &Identity,
        expected: Option<Key>,
        hello: Encoded,
        seed: [u8; 32],
        crypto: &'static dyn Crypto,
        now: Instant,
    ) -> Self {
        let mut random = Random::new(seed);
        let mut output = Vec::new();
        let handshake = Handshake::initiator(us, expected, random.bytes(), crypto, &mut output);
        Self::new(handshake, us.key(), Opening::Dialled { hello }, random.bytes(), output, now)
    }

    /// The side that was dialled. `started_ms`: wall clock of this run's start. `seed` is as for the other side.
    #[must_use]
    pub fn accepted(us: &Identity, started_ms: u64, seed: [u8; 32], crypto: &'static dyn Crypto, now: Instant) -> Self {
        let mut random = Random::new(seed);
        let handshake = Handshake::responder(us, random.bytes(), crypto);
        Self::new(handshake, us.key(), Opening::Accepted { started_ms }, random.bytes(), Vec::new(), now)
    }

    fn new(handshake: Handshake, us: Key, opening: Opening, seed: [u8; 32], output: Vec<u8>, now: Instant) -> Self {
        let deadline = now.after(limits::HANDSHAKE_TIMEOUT);
        let shaking = Shaking { handshake, us, opening, seed, deadline, has_heard: false };
        Self { stage: Stage::Shaking(Box::new(shaking)), input: Vec::new(), output }
    }

    /// How far both sides have come.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        match &self.stage {
            Stage::Shaking(_) => Standing::Shaking,
            Stage::Linked(linked) => Standing::Met(linked.peer),
            Stage::Failed(code) => Standing::Failed(*code),
        }
    }

    /// The same, to look at.
    #[must_use]
    pub const fn seen(&self) -> Option<&Link> {
        match &self.stage {
            Stage::Linked(linked) => Some(&linked.link),
            Stage::Shaking(_) | Stage::Failed(_) => None,
        }
    }

    /// The link, once both have met.
    pub const fn link(&mut self) -> Option<&mut Link> {
        match &mut self.stage {
            Stage::Linked(linked) => Some(&mut linked.link),
            Stage::Shaking(_) | Stage::Failed(_) => None,
        }
    }

    /// How many bytes are worth reading now; 0 while the other side is over a rate, and in the end.
    #[must_use]
    pub fn wants(&self) -> usize {
        match &self.stage {
            Stage::Shaking(_) => HANDSHAKE_INPUT_MAX.saturating_sub(self.input.len()),
            // Of a record that has begun only its own rest, so that no more than one ever waits.
            Stage::Linked(linked) if linked.may_open() => match record_bytes(&self.input) {
                Ok(Some(length)) => length.saturating_sub(self.input.len()).max(1),
                Ok(None) if self.input.is_empty() => INPUT_MAX,
                Ok(None) | Err(_) => 1,
            },
            Stage::Linked(_) | Stage::Failed(_) => 0,
        }
    }

    /// Takes `bytes` in, up to the meeting of both at most: what has come with that waits until the next call, or
    /// [`Connection::handle_timeout`], which is due then. `plaintext` has what was opened, afterwards.
    pub fn receive(&mut self, bytes: &[u8], plaintext: &mut Vec<u8>, now: Instant, out: &mut Vec<LinkEvent>) {
        plaintext.clear();
        if self.input.is_empty() {
            let taken = self.understand(bytes, plaintext, now, out);
            self.input = bytes.get(taken..).unwrap_or_default().into();
        } else {
            let mut input = take(&mut self.input);
            input.extend_from_slice(bytes);
            let taken = self.understand(&input, plaintext, now, out);
            self.input = if taken == 0 { input } else { input.get(taken..).unwrap_or_default().into() };
        }
    }

    /// How many bytes of `input` are done with.
    fn understand(&mut self, input: &[u8], plaintext: &mut Vec<u8>, now: Instant, out: &mut Vec<LinkEvent>) -> usize {
        match &mut self.stage {
            Stage::Shaking(shaking) => {
                shaking.has_heard |= !input.is_empty();
                match shaking.handshake.receive(input, &mut self.output) {
                    Ok((taken, None)) => taken,
                    Ok((taken, Some(established))) => {
                        let Shaking { us, opening, seed, .. } = &**shaking;
                        let link = Link::new(opening.clone(), *us, established.peer, *seed, now);
                        let (peer, sealer, opener) = (established.peer, established.sealer, established.opener);
                        self.stage = Stage::Linked(Linked { peer, sealer, opener, link });
                        taken
                    }
                    Err(rule) => {
                        self.stage = Stage::Failed(rule.code());
                        input.len()
                    }
                }
            }
            Stage::Linked(linked) => linked.open(input, plaintext, now, out),
            Stage::Failed(_) => input.len(),
        }
    }

    /// The other side's stream has ended.
    pub fn end_of_stream(&mut self, out: &mut Vec<LinkEvent>) {
        match &mut self.stage {
            Stage::Shaking(shaking) => self.stage = Stage::Failed(shaking.silence(Code::Cut)),
            Stage::Linked(linked) => linked.link.end_of_stream(out),
            Stage::Failed(_) => {}
        }
    }

    /// Appends to `sealed` what goes out next: words of the handshake, or one record, whose frames it says; none if there
    /// is nothing now.
    pub fn fill<'a, F: Deref<Target = Feed>>(
        &mut self,
        packer: &'a mut Packer<F>,
        now: Instant,
        sealed: &mut Vec<u8>,
        out: &mut Vec<LinkEvent>,
    ) -> Option<&'a [u8]> {
        if !self.output.is_empty() {
            sealed.append(&mut take(&mut self.output));
            return Some(&[]);
        }
        let Stage::Linked(Linked { sealer, link, .. }) = &mut self.stage else { return None };
        let frames = link.fill(packer, now)?;
        let Err(rule) = sealer.seal(frames, sealed) else { return Some(frames) };
        // SPEC AGE-1: and no goodbye can follow.
        link.reject(rule, now, out);
        link.end_of_stream(out);
        None
    }

    /// All that [`Connection::fill`] has given is in the kernel.
    pub fn written(&mut self) {
        if let Some(link) = self.link() {
            link.written();
        }
    }

    /// When the next thing is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Shaking(shaking) => Some(shaking.deadline),
            Stage::Linked(linked) if linked.may_open() && is_whole(&self.input) => Some(Instant(0)),
            Stage::Linked(linked) => linked.link.poll_timeout(),
            Stage::Failed(_) => None,
        }
    }

    /// Does what is due. `plaintext` has what was opened, afterwards.
    pub fn handle_timeout(&mut self, plaintext: &mut Vec<u8>, now: Instant, out: &mut Vec<LinkEvent>) {
        plaintext.clear();
        match &mut self.stage {
            Stage::Shaking(shaking) if shaking.deadline <= now => {
                self.stage = Stage::Failed(shaking.silence(Code::Unreachable));
            }
            Stage::Linked(linked) => {
                linked.link.handle_timeout(now, out);
                // What had to wait, if it has to no more.
                self.receive(&[], plaintext, now, out);
            }
            Stage::Shaking(_) | Stage::Failed(_) => {}
        }
    }

    /// Whether nothing will be said any more, but what [`Connection::fill`] still has.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        match &self.stage {
            Stage::Shaking(_) => false,
            Stage::Linked(linked) => linked.link.is_finished(),
            Stage::Failed(_) => true,
        }
    }

    /// Bytes of buffers that it owns.
    #[cfg(test)]
    pub(super) const fn buffered(&self) -> usize {
        self.input.capacity().saturating_add(self.output.capacity())
    }
}

/// Whether nothing is missing of what `input` begins with.
fn is_whole(input: &[u8]) -> bool {
    record_bytes(input).map_or(true, |length| length.is_some_and(|length| length <= input.len()))
}

impl Shaking {
    /// Why nobody was met, where no rule says it.
    const fn silence(&self, nothing: Code) -> Code {
        if self.has_heard { Code::HandshakeFailed } else { nothing }
    }
}

impl Linked {
    fn may_open(&self) -> bool {
        !self.link.is_finished() && self.link.paused_until().is_none()
    }

    /// Opens the records that are whole, as long as the link takes them; how many bytes of `input` that was.
    fn open(&mut self, input: &[u8], plaintext: &mut Vec<u8>, now: Instant, out: &mut Vec<LinkEvent>) -> usize {
        let mut taken: usize = 0;
        while self.link.paused_until().is_none() {
            let rest = input.get(taken..).unwrap_or_default();
            let start = plaintext.len();
            let opened = match record_bytes(rest) {
                Ok(None) => return taken,
                Ok(Some(length)) if length > rest.len() => return taken,
                Ok(Some(length)) => {
                    taken = taken.saturating_add(length);
                    self.opener.open(rest.get(RECORD_LENGTH_BYTES..length).unwrap_or_default(), plaintext)
                }
                Err(rule) => Err(rule),
            };
            if let Err(rule) = opened {
                self.link.reject(rule, now, out);
                return input.len();
            }
            // A copy of its own size: what the machine keeps of it does not pin a larger one.
            let record = Bytes::copy_from_slice(plaintext.get(start..).unwrap_or_default());
            self.link.receive(&record, now, out);
        }
        taken
    }
}
