//! The channel from outside: two sides that meet, and everything that must keep them from it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "clippy.toml spares test functions only, and a helper that panics fails its test as it should"
)]

mod adversary;
mod handshake;
mod oracle;
mod record;
mod vectors;

use std::sync::Arc;

use tertulia_core::{
    channel::{Crypto, DefaultResolver, Established, HANDSHAKE_INPUT_MAX, Handshake},
    id::Key,
    identity::{Ed25519, Identity, Secret},
    rule::Rule,
};

pub(crate) const DIALLER_SEED: [u8; 32] = [0x11; 32];
pub(crate) const LISTENER_SEED: [u8; 32] = [0x22; 32];

pub(crate) fn dialler() -> Identity {
    identity(0xaa)
}

pub(crate) fn listener() -> Identity {
    identity(0xbb)
}

/// Somebody whom the other two have not asked for.
pub(crate) fn stranger() -> Identity {
    identity(0xcc)
}

fn identity(secret: u8) -> Identity {
    Identity::new(Secret([secret; 32]), Arc::new(Ed25519))
}

pub(crate) fn crypto() -> &'static dyn Crypto {
    &DefaultResolver
}

/// One side with the buffer that its driver would keep.
#[derive(Debug)]
pub(crate) struct Side {
    handshake: Handshake,
    /// What has arrived and was not taken.
    pub(crate) inbox: Vec<u8>,
    /// Everything this side has sent.
    pub(crate) sent: Vec<u8>,
    pub(crate) end: Option<Result<Established, Rule>>,
}

impl Side {
    pub(crate) fn dials(identity: &Identity, expected: Option<Key>, seed: [u8; 32]) -> Self {
        let mut sent = Vec::new();
        let handshake = Handshake::initiator(identity, expected, seed, crypto(), &mut sent);
        Self { handshake, inbox: Vec::new(), sent, end: None }
    }

    pub(crate) fn listens(identity: &Identity, seed: [u8; 32]) -> Self {
        let handshake = Handshake::responder(identity, seed, crypto());
        Self { handshake, inbox: Vec::new(), sent: Vec::new(), end: None }
    }

    /// The bytes arrive; returns what this side answers.
    pub(crate) fn hears(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.inbox.extend_from_slice(bytes);
        let mut answer = Vec::new();
        if !matches!(self.end, Some(Ok(_))) {
            match self.handshake.receive(&self.inbox, &mut answer) {
                Ok((taken, established)) => {
                    self.inbox.drain(..taken);
                    assert!(established.is_some() || self.inbox.len() < HANDSHAKE_INPUT_MAX, "it waits for too much");
                    self.end = established.map(Ok);
                }
                Err(rule) => self.end = Some(Err(rule)),
            }
        }
        self.sent.extend_from_slice(&answer);
        answer
    }

    /// The rule by which this side has refused the other.
    pub(crate) fn refused(&self) -> Option<Rule> {
        self.end.as_ref()?.as_ref().err().copied()
    }

    pub(crate) fn established(self) -> Established {
        self.end.expect("the handshake is over").expect("nobody was refused")
    }
}

/// Lets the two talk until neither has more to say; `carry` cuts what is said into pieces, or spoils it.
pub(crate) fn talk(dialler: &mut Side, listener: &mut Side, mut carry: impl FnMut(bool, Vec<u8>) -> Vec<Vec<u8>>) {
    let mut said = dialler.sent.clone();
    let mut to_listener = true;
    while !said.is_empty() {
        let hearer = if to_listener { &mut *listener } else { &mut *dialler };
        said = carry(to_listener, said).iter().flat_map(|piece| hearer.hears(piece)).collect();
        to_listener = !to_listener;
    }
}

/// Two sides that have met.
pub(crate) fn linked() -> (Established, Established) {
    let mut one = Side::dials(&dialler(), Some(listener().key()), DIALLER_SEED);
    let mut other = Side::listens(&listener(), LISTENER_SEED);
    talk(&mut one, &mut other, |_, said| vec![said]);
    (one.established(), other.established())
}
