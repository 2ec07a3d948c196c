//! The one place that knows snow's handshake: a Noise XX state whose keys grow from a seed and whose Diffie-Hellman
//! results are checked.

use alloc::{boxed::Box, vec::Vec};

use snow::{
    Builder, Error, HandshakeState,
    params::{CipherChoice, DHChoice, HashChoice},
    resolvers::CryptoResolver,
    types,
};

use super::record::{Opener, Sealer};
use super::{Crypto, TAG_BYTES};
use crate::identity::{Domain, Identity, Introduction, Secret};
use crate::{random::Random, rule::Rule};

const NAME: &str = "Noise_XX_25519_ChaChaPoly_SHA256";

/// The longest message: an ephemeral key, a sealed static key, a sealed payload of 96 bytes.
const MESSAGE_MAX: usize = 192;

pub(super) struct Noise {
    /// Boxed because it is large and moves from step to step.
    state: Box<HandshakeState>,
    static_key: [u8; 32],
    /// For the records of both directions.
    crypto: &'static dyn Crypto,
}

impl Noise {
    /// The first 32 bytes that grow from `seed` are the static private key, unless `known` has one; the next 32 are the
    /// ephemeral one.
    pub(super) fn new(
        initiator: bool,
        known: Option<&Introduction>,
        seed: [u8; 32],
        prologue: &[u8],
        crypto: &'static dyn Crypto,
    ) -> Result<Self, Rule> {
        Self::build(initiator, known, Random::new(seed), prologue, crypto).map_err(|error| rule(&error))
    }

    fn build(
        initiator: bool,
        known: Option<&Introduction>,
        mut random: Random,
        prologue: &[u8],
        crypto: &'static dyn Crypto,
    ) -> Result<Self, Error> {
        let drawn = random.bytes();
        let (private, static_key) = match known {
            Some(known) => (known.private.0, known.public),
            None => (drawn, public(&drawn, crypto)?),
        };
        let builder = Builder::with_resolver(NAME.parse()?, Box::new(Checked { crypto, random, static_key }))
            .local_private_key(&private)?
            .prologue(prologue)?;
        let state = if initiator { builder.build_initiator() } else { builder.build_responder() }?;
        Ok(Self { state: Box::new(state), static_key, crypto })
    }

    /// This side's Noise static public key.
    pub(super) const fn static_key(&self) -> &[u8; 32] {
        &self.static_key
    }

    /// The other side's Noise static public key: empty until it has come.
    pub(super) fn remote_static_key(&self) -> &[u8] {
        self.state.get_remote_static().unwrap_or_default()
    }

    /// Appends the next message with `payload`, its length in front; nothing on failure.
    pub(super) fn write(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Rule> {
        // snow asks for room for a tag even where a message has none.
        let mut buffer = [0; MESSAGE_MAX + TAG_BYTES];
        let length = self.state.write_message(payload, &mut buffer).map_err(|error| rule(&error))?;
        let header = u16::try_from(length).map_err(|_| Rule::Handshake1)?;
        out.extend_from_slice(&header.to_be_bytes());
        out.extend(buffer.iter().take(length));
        Ok(())
    }

    /// Reads the other side's next message; `payload` has exactly the room that its payload needs.
    pub(super) fn read(&mut self, message: &[u8], payload: &mut [u8]) -> Result<(), Rule> {
        self.state.read_message(message, payload).map(drop).map_err(|error| rule(&error))
    }

    /// The handshake hash, and what seals and opens this side's records, once all messages have gone. snow's own transport
    /// keeps more, and in more places, that each record would fetch into the cache.
    pub(super) fn finish(mut self) -> Result<([u8; 32], Sealer, Opener), Rule> {
        let hash = self.state.get_handshake_hash().try_into().map_err(|_| Rule::Handshake3)?;
        let (initiators, responders) = self.state.dangerously_get_raw_split();
        let (sends, opens) =
            if self.state.is_initiator() { (initiators, responders) } else { (responders, initiators) };
        Ok((hash, Sealer::new(self.crypto, sends), Opener::new(self.crypto, opens)))
    }
}

/// `identity`, which shows itself with the static key that grows from `seed` in all its handshakes from now on.
///
/// # Errors
/// `crypto` has no Diffie-Hellman.
pub fn introduce(identity: Identity, seed: [u8; 32], crypto: &'static dyn Crypto) -> Result<Identity, Rule> {
    let private: [u8; 32] = Random::new(seed).bytes();
    let public = public(&private, crypto).map_err(|error| rule(&error))?;
    let proof = identity.sign(Domain::Handshake, &[&public]);
    Ok(identity.with(Introduction { private: Secret(private), public, proof }))
}

/// The public half of a static private key.
fn public(private: &[u8; 32], crypto: &dyn Crypto) -> Result<[u8; 32], Error> {
    let mut pair = crypto.resolve_dh(&DHChoice::Curve25519).ok_or(Error::Dh)?;
    pair.set(private);
    pair.pubkey().try_into().map_err(|_| Error::Dh)
}

/// Only [`Contributory`] fails with `Dh`; lengths and turns are checked before snow is asked, so the rest is a tag.
fn rule(error: &Error) -> Rule {
    if *error == Error::Dh { Rule::Handshake2 } else { Rule::Handshake3 }
}

/// The caller's crypto with this crate's randomness and the check that snow leaves out.
struct Checked {
    crypto: &'static dyn Crypto,
    random: Random,
    static_key: [u8; 32],
}

impl CryptoResolver for Checked {
    fn resolve_rng(&self) -> Option<Box<dyn types::Random>> {
        Some(Box::new(Draw(self.random.clone())))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn types::Dh>> {
        let dh = self.crypto.resolve_dh(choice)?;
        Some(Box::new(Contributory { dh, static_key: self.static_key, is_static: false }))
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn types::Hash>> {
        self.crypto.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn types::Cipher>> {
        self.crypto.resolve_cipher(choice)
    }
}

struct Draw(Random);

impl types::Random for Draw {
    fn try_fill_bytes(&mut self, room: &mut [u8]) -> Result<(), Error> {
        for chunk in room.chunks_mut(32) {
            let drawn: [u8; 32] = self.0.bytes();
            chunk.iter_mut().zip(drawn).for_each(|(byte, drawn)| *byte = drawn);
        }
        Ok(())
    }
}

/// Diffie-Hellman to which both sides contribute.
struct Contributory {
    dh: Box<dyn types::Dh>,
    /// Known: it need not be computed from its private half for each handshake.
    static_key: [u8; 32],
    is_static: bool,
}

impl types::Dh for Contributory {
    fn name(&self) -> &'static str {
        self.dh.name()
    }

    fn pub_len(&self) -> usize {
        self.dh.pub_len()
    }

    fn priv_len(&self) -> usize {
        self.dh.priv_len()
    }

    fn set(&mut self, private: &[u8]) {
        // snow sets the static key alone; the ephemeral one is generated.
        self.is_static = true;
        self.dh.set(private);
    }

    fn generate(&mut self, random: &mut dyn types::Random) -> Result<(), Error> {
        self.is_static = false;
        self.dh.generate(random)
    }

    fn pubkey(&self) -> &[u8] {
        if self.is_static { &self.static_key } else { self.dh.pubkey() }
    }

    fn privkey(&self) -> &[u8] {
        self.dh.privkey()
    }

    fn dh(&self, public: &[u8], out: &mut [u8]) -> Result<(), Error> {
        self.dh.dh(public, out)?;
        // SPEC HANDSHAKE-2. RFC 7748 asks for no branch on single bytes of the secret.
        let bits = out.iter().take(self.dh.dh_len()).fold(0, |bits, byte| bits | byte);
        if bits == 0 { Err(Error::Dh) } else { Ok(()) }
    }

    fn dh_len(&self) -> usize {
        self.dh.dh_len()
    }
}
