//! Who signs, and with what (SPEC.md, "Identity"). The scheme is an argument: the simulator runs a fast one.

use alloc::{sync::Arc, vec::Vec};
use core::fmt;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};

use crate::id::{Key, Signature};

/// The seed of a key pair. Shows nothing of itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret(pub [u8; 32]);

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

/// A signature scheme with keys of 32 and signatures of 64 bytes.
pub trait Scheme: fmt::Debug + Send + Sync {
    /// The key pair that grows from `secret`.
    fn pair(&self, secret: &Secret) -> Arc<dyn Pair>;
    /// Whether `signature` is `key`'s on `message`.
    fn verify(&self, key: &Key, message: &[u8], signature: &Signature) -> bool;
    /// The public half of `secret`.
    fn public(&self, secret: &Secret) -> Key {
        self.pair(secret).key()
    }
}

/// A key pair that is ready to sign: to grow it from its secret costs as much as a signature.
pub trait Pair: fmt::Debug + Send + Sync {
    /// The public key.
    fn key(&self) -> Key;
    /// Signs `message`.
    fn sign(&self, message: &[u8]) -> Signature;
}

/// RFC 8032, checked cofactorless with S below the group order, A and R not of small order (SPEC ID-1).
#[derive(Clone, Copy, Debug)]
pub struct Ed25519;

impl Scheme for Ed25519 {
    fn pair(&self, secret: &Secret) -> Arc<dyn Pair> {
        Arc::new(SigningKey::from_bytes(&secret.0))
    }

    fn verify(&self, key: &Key, message: &[u8], signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        VerifyingKey::from_bytes(&key.0).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
    }
}

impl Pair for SigningKey {
    fn key(&self) -> Key {
        Key(self.verifying_key().to_bytes())
    }

    fn sign(&self, message: &[u8]) -> Signature {
        Signature(Signer::sign(self, message).to_bytes())
    }
}

/// Whether `key` is a point of small order, with which anybody can sign. No honest key of any scheme is one.
#[must_use]
pub fn is_small_order(key: &Key) -> bool {
    VerifyingKey::from_bytes(&key.0).is_ok_and(|key| key.is_weak())
}

/// What a signature is for: its domain string opens the signed bytes, so none serves elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// Binds an identity key to a Noise static key.
    Handshake,
    /// A founder's charter.
    Charter,
    /// An author's entry of a meeting.
    Entry,
    /// What one of two friends has written to the other.
    Pair,
    /// A guest's question, with its name and what it has heard.
    Question,
    /// A host's pass for a guest.
    Pass,
    /// A host's word that a ticket key is good.
    Ticket,
    /// A ticket key's word for whoever joins with it.
    TicketProof,
    /// Signs nothing: opens what is hashed to the check of an entry.
    Check,
    /// Signs nothing: opens what is hashed to the id of a pair.
    Contact,
    /// A publisher's record.
    Record,
    /// Signs nothing: opens what is hashed to a person's id.
    Person,
}

impl Domain {
    /// Every domain.
    pub const ALL: &'static [Self] = &[
        Self::Handshake,
        Self::Charter,
        Self::Entry,
        Self::Pair,
        Self::Question,
        Self::Pass,
        Self::Ticket,
        Self::TicketProof,
        Self::Check,
        Self::Contact,
        Self::Record,
        Self::Person,
    ];

    /// The ASCII bytes in front of what is signed or hashed.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Handshake => "tertulia 1 handshake:",
            Self::Charter => "tertulia 1 charter:",
            Self::Entry => "tertulia 1 entry:",
            Self::Pair => "tertulia 1 pair:",
            Self::Question => "tertulia 1 question:",
            Self::Pass => "tertulia 1 pass:",
            Self::Ticket => "tertulia 1 ticket:",
            Self::TicketProof => "tertulia 1 ticket proof:",
            Self::Check => "tertulia 1 check:",
            Self::Contact => "tertulia 1 contact:",
            Self::Record => "tertulia 1 record:",
            Self::Person => "tertulia 1 person:",
        }
    }

    /// The bytes to sign or to hash: the domain string, then `parts`, with nothing between.
    #[must_use]
    pub fn message(self, parts: &[&[u8]]) -> Vec<u8> {
        let mut message = Vec::from(self.text().as_bytes());
        parts.iter().for_each(|part| message.extend_from_slice(part));
        message
    }
}

/// A Noise static key pair, and an identity's word that it is its own: made once, it serves all handshakes of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Introduction {
    pub(crate) private: Secret,
    pub(crate) public: [u8; 32],
    pub(crate) proof: Signature,
}

/// A key pair and its scheme.
#[derive(Clone, Debug)]
pub struct Identity {
    pair: Arc<dyn Pair>,
    key: Key,
    scheme: Arc<dyn Scheme>,
    /// Without one, each handshake has its own.
    introduction: Option<Arc<Introduction>>,
}

impl Identity {
    /// The key pair that grows from `secret`.
    #[must_use]
    pub fn new(secret: Secret, scheme: Arc<dyn Scheme>) -> Self {
        let pair = scheme.pair(&secret);
        Self { key: pair.key(), pair, scheme, introduction: None }
    }

    /// The same, which shows itself with this in all handshakes.
    pub(crate) fn with(self, introduction: Introduction) -> Self {
        Self { introduction: Some(Arc::new(introduction)), ..self }
    }

    /// What it shows itself with.
    pub(crate) fn introduction(&self) -> Option<&Introduction> {
        self.introduction.as_deref()
    }

    /// The public key.
    #[must_use]
    pub const fn key(&self) -> Key {
        self.key
    }

    /// The scheme, for checking others' signatures.
    #[must_use]
    pub fn scheme(&self) -> &Arc<dyn Scheme> {
        &self.scheme
    }

    /// Signs `parts` under `domain`.
    #[must_use]
    pub fn sign(&self, domain: Domain, parts: &[&[u8]]) -> Signature {
        self.pair.sign(&domain.message(parts))
    }

    /// Whether `signature` is `key`'s on `parts` under `domain`.
    #[must_use]
    pub fn verify(&self, key: &Key, domain: Domain, parts: &[&[u8]], signature: &Signature) -> bool {
        self.scheme.verify(key, &domain.message(parts), signature)
    }
}

/// The first bytes of the SHA-256 of a domain string and `parts`: 32 are all of it.
#[must_use]
pub fn digest<const N: usize>(domain: Domain, parts: &[&[u8]]) -> [u8; N] {
    use sha2::Digest as _;
    const { assert!(N <= 32) };
    let mut hash = sha2::Sha256::new_with_prefix(domain.text().as_bytes());
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().first_chunk().copied().unwrap_or([0; N])
}

/// Somebody, for tests.
#[cfg(test)]
pub(crate) fn identity(seed: u8) -> Identity {
    Identity::new(Secret([seed; 32]), Arc::new(Ed25519))
}
