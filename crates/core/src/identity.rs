//! Who signs, and with what (SPEC.md, "Identity"). The scheme is an argument: the simulator runs a fast one.

use alloc::{sync::Arc, vec::Vec};
use core::fmt;

use ed25519_dalek::{Signer, SigningKey, Verifier, VerifyingKey};

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
    /// `key`, read once for many checks; `None` if it is nobody's, or nothing is to be read.
    fn checker(&self, _key: &Key) -> Option<Arc<dyn Checker>> {
        None
    }
}

/// A key pair that is ready to sign: to grow it from its secret costs as much as a signature.
pub trait Pair: fmt::Debug + Send + Sync {
    /// The public key.
    fn key(&self) -> Key;
    /// Signs `message`.
    fn sign(&self, message: &[u8]) -> Signature;
}

/// A public key that is ready to check signatures: to read it from its bytes costs a tenth of a check.
pub trait Checker: fmt::Debug + Send + Sync {
    /// Whether `signature` is its owner's on `message`.
    fn holds(&self, message: &[u8], signature: &Signature) -> bool;
}

/// RFC 8032, checked cofactorless with S below the group order, A and R not of small order (SPEC ID-1).
#[derive(Clone, Copy, Debug)]
pub struct Ed25519;

impl Scheme for Ed25519 {
    fn pair(&self, secret: &Secret) -> Arc<dyn Pair> {
        Arc::new(SigningKey::from_bytes(&secret.0))
    }

    fn verify(&self, key: &Key, message: &[u8], signature: &Signature) -> bool {
        read(key).is_some_and(|key| key.holds(message, signature))
    }

    fn checker(&self, key: &Key) -> Option<Arc<dyn Checker>> {
        let key = read(key)?;
        Some(Arc::new(key))
    }
}

/// The point that a key is, unless it is none or of small order.
fn read(key: &Key) -> Option<VerifyingKey> {
    VerifyingKey::from_bytes(&key.0).ok().filter(|key| !key.is_weak())
}

impl Checker for VerifyingKey {
    /// As `verify_strict`, which reads the point R only to see whether it is of small order. R holds in one encoding
    /// alone, that of the point that is computed, so its bytes say the same.
    fn holds(&self, message: &[u8], signature: &Signature) -> bool {
        let is_small = signature.0.first_chunk().is_none_or(|r| SMALL_ORDERS.contains(&without_sign(*r)));
        !is_small && self.verify(message, &ed25519_dalek::Signature::from_bytes(&signature.0)).is_ok()
    }
}

/// The y of every point of small order, as it is encoded without the sign of x: 0, 1, p - 1, and the two of order eight.
const SMALL_ORDERS: [[u8; 32]; 5] = [
    [0; 32],
    filled(1, 0, 0),
    filled(0xec, 0xff, 0x7f),
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
];

const fn filled(first: u8, rest: u8, last: u8) -> [u8; 32] {
    let mut y = [rest; 32];
    [y[0], y[31]] = [first, last];
    y
}

const fn without_sign(mut y: [u8; 32]) -> [u8; 32] {
    y[31] &= 0x7f;
    y
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
        let length = parts.iter().fold(self.text().len(), |length, part| length.saturating_add(part.len()));
        let mut message = Vec::with_capacity(length);
        message.extend_from_slice(self.text().as_bytes());
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
