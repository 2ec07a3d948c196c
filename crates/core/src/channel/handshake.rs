//! The handshake as a state machine: preamble, three Noise messages, and who has been met.

use alloc::vec::Vec;
use core::fmt;

use super::{
    Crypto, RECORD_LENGTH_BYTES,
    noise::Noise,
    record::{Opener, Sealer},
};
use crate::{
    code::Code,
    id::{Key, Signature},
    identity::{Domain, Identity, is_small_order},
    rule::Rule,
};

/// What an initiator sends first, and the Noise prologue: "TERTULIA", version 1, suite 1.
pub const PREAMBLE: [u8; 10] = *b"TERTULIA\x01\x01";

/// A caller whose buffer holds this many bytes never has to grow it to get through a handshake.
pub const HANDSHAKE_INPUT_MAX: usize = RECORD_LENGTH_BYTES + MESSAGE_2;

const MAGIC: [u8; 8] = *b"TERTULIA";
const VERSION: u8 = 1;
const SUITE: u8 = 1;

/// Ephemeral key.
const MESSAGE_1: usize = 32;
/// Ephemeral key, sealed static key, sealed payload.
const MESSAGE_2: usize = 32 + 48 + PAYLOAD + 16;
/// Sealed static key, sealed payload.
const MESSAGE_3: usize = 48 + PAYLOAD + 16;
/// Version, suite, code: instead of message 2.
const REFUSAL: usize = 4;
/// Identity key, signature.
const PAYLOAD: usize = 32 + 64;

/// One side of a connection until both know each other. Keeps no byte of input: what is not taken comes again.
pub struct Handshake {
    identity: Identity,
    expected: Option<Key>,
    step: Step,
}

enum Step {
    /// The responder waits for the preamble, and has computed nothing yet.
    Preamble { seed: [u8; 32], crypto: &'static dyn Crypto },
    /// The responder waits for message 1.
    Message1(Noise),
    /// The initiator waits for message 2, or for a refusal.
    Message2(Noise),
    /// The responder waits for message 3.
    Message3(Noise),
    /// Finished, or failed by a rule.
    Over(Result<(), Rule>),
}

/// A connection whose two sides know each other.
#[derive(Debug)]
pub struct Established {
    /// The identity key of the other side, which has proved it.
    pub peer: Key,
    /// The Noise handshake hash: both sides have the same, and no other connection has it.
    pub hash: [u8; 32],
    /// For what this side sends.
    pub sealer: Sealer,
    /// For what the other side sends.
    pub opener: Opener,
}

impl Handshake {
    /// The side that has dialled; appends preamble and message 1 to `out`. If `expected` is given, nobody else is told
    /// who `identity` is. The same `seed` gives the same bytes: it serves one handshake and stays secret.
    #[must_use]
    pub fn initiator(
        identity: &Identity,
        expected: Option<Key>,
        seed: [u8; 32],
        crypto: &'static dyn Crypto,
        out: &mut Vec<u8>,
    ) -> Self {
        let mut opening = Vec::from(PREAMBLE);
        let first = Noise::new(true, identity.introduction(), seed, &PREAMBLE, crypto).and_then(|mut noise| {
            noise.write(&[], &mut opening)?;
            Ok(noise)
        });
        let step = match first {
            Ok(noise) => {
                out.append(&mut opening);
                Step::Message2(noise)
            }
            // A backend that cannot compute suite 1.
            Err(rule) => Step::Over(Err(rule)),
        };
        Self { identity: identity.clone(), expected, step }
    }

    /// The side that has been dialled. `seed` is as for the initiator.
    #[must_use]
    pub fn responder(identity: &Identity, seed: [u8; 32], crypto: &'static dyn Crypto) -> Self {
        Self { identity: identity.clone(), expected: None, step: Step::Preamble { seed, crypto } }
    }

    /// Takes what it can from the front of `input`, appends what is to be sent to `out`, and returns how many bytes it
    /// took. With an [`Established`], what `out` has got is still to be sent, and what is left of `input` is records.
    ///
    /// # Errors
    /// The rule that the other side broke. What `out` has got is still to be sent, a refusal for instance; then the
    /// connection is closed without a word. Every further call returns the same rule.
    pub fn receive(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(usize, Option<Established>), Rule> {
        let mut taken: usize = 0;
        loop {
            let rest = input.get(taken..).unwrap_or_default();
            match self.advance(rest, out) {
                Ok(None) => return Ok((taken, None)),
                Ok(Some((bytes, established))) => {
                    taken = taken.saturating_add(bytes);
                    if established.is_some() {
                        return Ok((taken, established));
                    }
                }
                Err(rule) => {
                    self.step = Step::Over(Err(rule));
                    return Err(rule);
                }
            }
        }
    }

    /// One step, if all that it needs is there: how many bytes that was, and the end of the handshake.
    fn advance(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Option<(usize, Option<Established>)>, Rule> {
        let unit = match &self.step {
            Step::Preamble { .. } => preamble(input, out)?,
            Step::Message1(_) => record(input, &[MESSAGE_1])?,
            Step::Message2(_) => record(input, &[MESSAGE_2, REFUSAL])?,
            Step::Message3(_) => record(input, &[MESSAGE_3])?,
            Step::Over(end) => end.map(|()| None)?,
        };
        let Some(unit) = unit else {
            return Ok(None);
        };
        let message = unit.get(RECORD_LENGTH_BYTES..).unwrap_or_default();
        let mut established = None;
        self.step = match core::mem::replace(&mut self.step, Step::Over(Ok(()))) {
            Step::Preamble { seed, crypto } => {
                let known = self.identity.introduction();
                Step::Message1(Noise::new(false, known, seed, &PREAMBLE, crypto)?)
            }
            Step::Message1(mut noise) => {
                noise.read(message, &mut [])?;
                noise.write(&self.proof(&noise), out)?;
                Step::Message3(noise)
            }
            Step::Message2(mut noise) => {
                if message.len() == REFUSAL {
                    return Err(refused(message));
                }
                let peer = self.meet(&mut noise, message)?;
                noise.write(&self.proof(&noise), out)?;
                established = Some(establish(peer, noise)?);
                Step::Over(Ok(()))
            }
            Step::Message3(mut noise) => {
                let peer = self.meet(&mut noise, message)?;
                established = Some(establish(peer, noise)?);
                Step::Over(Ok(()))
            }
            over @ Step::Over(_) => over,
        };
        Ok(Some((unit.len(), established)))
    }

    /// The payload that binds this side's identity key to its Noise static key.
    fn proof(&self, noise: &Noise) -> Vec<u8> {
        let known = self.identity.introduction().map(|known| known.proof);
        let signature = known.unwrap_or_else(|| self.identity.sign(Domain::Handshake, &[noise.static_key()]));
        [self.identity.key().0.as_slice(), &signature.0].concat()
    }

    /// Reads the message with the other side's payload, and checks who it is.
    fn meet(&self, noise: &mut Noise, message: &[u8]) -> Result<Key, Rule> {
        let mut payload = [0; PAYLOAD];
        noise.read(message, &mut payload)?;
        let (Some(key), Some(signature)) = (payload.first_chunk(), payload.last_chunk()) else {
            return Err(Rule::Handshake3);
        };
        let (key, signature) = (Key(*key), Signature(*signature));
        // SPEC HANDSHAKE-5
        if is_small_order(&key) {
            return Err(Rule::Handshake5);
        }
        // SPEC HANDSHAKE-4
        if !self.identity.verify(&key, Domain::Handshake, &[noise.remote_static_key()], &signature) {
            return Err(Rule::Handshake4);
        }
        // SPEC HANDSHAKE-6: after the signature, so that the rule names a key that is there; before message 3.
        if self.expected.is_some_and(|expected| expected != key) {
            return Err(Rule::Handshake6);
        }
        Ok(key)
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match &self.step {
            Step::Preamble { .. } => "preamble",
            Step::Message1(_) => "message-1",
            Step::Message2(_) => "message-2",
            Step::Message3(_) => "message-3",
            Step::Over(Ok(())) => "finished",
            Step::Over(Err(rule)) => rule.id(),
        };
        formatter.debug_struct("Handshake").field("step", &step).finish_non_exhaustive()
    }
}

/// The preamble, once all of it is there. Fails at the first byte that differs, whatever would follow.
fn preamble<'a>(input: &'a [u8], out: &mut Vec<u8>) -> Result<Option<&'a [u8]>, Rule> {
    // SPEC PREAMBLE-1
    if input.iter().zip(MAGIC).any(|(got, wanted)| *got != wanted) {
        return Err(Rule::Preamble1);
    }
    for (at, known, rule) in [(8, VERSION, Rule::Preamble2), (9, SUITE, Rule::Preamble3)] {
        // SPEC PREAMBLE-2, PREAMBLE-3
        if input.get(at).is_some_and(|got| *got != known) {
            out.extend_from_slice(&[0, 4, VERSION, SUITE]);
            out.extend_from_slice(&rule.code().number().to_be_bytes());
            return Err(rule);
        }
    }
    Ok(input.get(..PREAMBLE.len()))
}

/// The record with its length, once all of it is there.
fn record<'a>(input: &'a [u8], lengths: &[usize]) -> Result<Option<&'a [u8]>, Rule> {
    let Some((length, _)) = input.split_first_chunk() else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes(*length));
    // SPEC HANDSHAKE-1: on the length alone, so that no room is ever made for a false one.
    if !lengths.contains(&length) {
        return Err(Rule::Handshake1);
    }
    Ok(input.get(..length.saturating_add(RECORD_LENGTH_BYTES)))
}

/// The rule that a refusal says was broken. Nobody vouches for a refusal, so only these two codes are believed.
fn refused(refusal: &[u8]) -> Rule {
    let code = refusal.last_chunk().map(|code| Code::from_number(u16::from_be_bytes(*code)));
    // SPEC PREAMBLE-4
    [Rule::Preamble2, Rule::Preamble3].into_iter().find(|rule| Some(rule.code()) == code).unwrap_or(Rule::Preamble4)
}

fn establish(peer: Key, noise: Noise) -> Result<Established, Rule> {
    let (hash, sealer, opener) = noise.finish()?;
    Ok(Established { peer, hash, sealer, opener })
}
