//! The handshake a second time, straight from the Noise specification and with every value in sight: what the vectors
//! print, and what the channel's bytes are compared with. It is to be laid beside the page, which says it so:
//!
//! ```text
//! h = ck = "Noise_XX_25519_ChaChaPoly_SHA256";  mix_hash(preamble);  n counts from 0
//! mix_hash(x):  h = SHA-256(h ‖ x)
//! mix_key(x):   ck, k = HKDF-SHA-256(salt = ck, input = x, info = "", length 64), cut in halves;  n = 0
//! seal(x):      c = ChaCha20-Poly1305(key k, nonce 00000000 ‖ n as 8 bytes little-endian, data h, text x)
//!               n += 1;  mix_hash(c);  c is sent
//! message 1:    e; mix_hash(e); mix_hash("")
//! message 2:    e; mix_hash(e); mix_key(DH(e, e)); seal(s); mix_key(DH(initiator's e, responder's s)); seal(payload)
//! message 3:    seal(s); mix_key(DH(initiator's s, responder's e)); seal(payload)
//! at the end:   k1, k2 = HKDF-SHA-256(salt = ck, input = "", info = "", length 64), cut in halves
//! ```

use chacha20poly1305::{AeadInPlace as _, ChaCha20Poly1305, KeyInit as _};
use curve25519_dalek::montgomery::MontgomeryPoint;
use hkdf::Hkdf;
use sha2::{Digest as _, Sha256};
use tertulia_core::{
    channel::PREAMBLE,
    identity::{Domain, Identity},
};

pub(crate) struct Secrets {
    pub(crate) identity: Identity,
    pub(crate) static_private: [u8; 32],
    pub(crate) ephemeral_private: [u8; 32],
}

impl Secrets {
    pub(crate) fn static_public(&self) -> [u8; 32] {
        MontgomeryPoint::mul_base_clamped(self.static_private).to_bytes()
    }

    pub(crate) fn ephemeral_public(&self) -> [u8; 32] {
        MontgomeryPoint::mul_base_clamped(self.ephemeral_private).to_bytes()
    }

    fn payload(&self) -> Vec<u8> {
        let signature = self.identity.sign(Domain::Handshake, &[&self.static_public()]);
        [self.identity.key().0.as_slice(), &signature.0].concat()
    }
}

/// Every named value in the order in which it comes up, and the two keys at the end.
pub(crate) struct Derived {
    pub(crate) values: Vec<(&'static str, Vec<u8>)>,
    pub(crate) hash: [u8; 32],
    pub(crate) dialler_key: [u8; 32],
    pub(crate) listener_key: [u8; 32],
}

impl Derived {
    pub(crate) fn value(&self, name: &str) -> &[u8] {
        &self.values.iter().find(|(known, _)| *known == name).unwrap().1
    }
}

pub(crate) fn derive(dialler: &Secrets, listener: &Secrets) -> Derived {
    let mut state = Symmetric::new();
    state.log("h_0", state.h);

    state.mix_hash(&dialler.ephemeral_public());
    state.mix_hash(&[]);
    state.log("message_1", record(&[&dialler.ephemeral_public()]));
    state.log("h_1", state.h);

    state.mix_hash(&listener.ephemeral_public());
    state.mix_key("dh_ee", "ck_ee", "k_ee", dh(&listener.ephemeral_private, &dialler.ephemeral_public()));
    let static_key = state.seal("sealed_static_2", &listener.static_public());
    state.mix_key("dh_es", "ck_es", "k_es", dh(&listener.static_private, &dialler.ephemeral_public()));
    let payload = listener.payload();
    state.log("payload_2", &payload);
    let payload = state.seal("sealed_payload_2", &payload);
    state.log("message_2", record(&[&listener.ephemeral_public(), &static_key, &payload]));
    state.log("h_2", state.h);

    let static_key = state.seal("sealed_static_3", &dialler.static_public());
    state.mix_key("dh_se", "ck_se", "k_se", dh(&dialler.static_private, &listener.ephemeral_public()));
    let payload = dialler.payload();
    state.log("payload_3", &payload);
    let payload = state.seal("sealed_payload_3", &payload);
    state.log("message_3", record(&[&static_key, &payload]));
    state.log("h_3", state.h);

    let (dialler_key, listener_key) = derive_two(&state.ck, &[]);
    Derived { values: state.values, hash: state.h, dialler_key, listener_key }
}

/// A record with its length.
pub(crate) fn seal_record(key: &[u8; 32], number: u64, plaintext: &[u8]) -> Vec<u8> {
    record(&[&seal(key, number, &[], plaintext)])
}

fn record(parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [u16::try_from(body.len()).unwrap().to_be_bytes().as_slice(), &body].concat()
}

fn dh(private: &[u8; 32], public: &[u8; 32]) -> [u8; 32] {
    MontgomeryPoint(*public).mul_clamped(*private).to_bytes()
}

fn derive_two(ck: &[u8; 32], input: &[u8]) -> ([u8; 32], [u8; 32]) {
    let mut both = [0; 64];
    Hkdf::<Sha256>::new(Some(ck), input).expand(&[], &mut both).unwrap();
    (both[..32].try_into().unwrap(), both[32..].try_into().unwrap())
}

fn seal(key: &[u8; 32], number: u64, authenticated: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_le_bytes());
    let mut sealed = plaintext.to_vec();
    let cipher = ChaCha20Poly1305::new(key.into());
    let tag = cipher.encrypt_in_place_detached(&nonce.into(), authenticated, &mut sealed).unwrap();
    sealed.extend_from_slice(&tag);
    sealed
}

struct Symmetric {
    h: [u8; 32],
    ck: [u8; 32],
    key: [u8; 32],
    number: u64,
    values: Vec<(&'static str, Vec<u8>)>,
}

impl Symmetric {
    fn new() -> Self {
        // Exactly 32 bytes: the name is its own hash.
        let name = *b"Noise_XX_25519_ChaChaPoly_SHA256";
        let mut state = Self { h: name, ck: name, key: [0; 32], number: 0, values: Vec::new() };
        state.mix_hash(&PREAMBLE);
        state
    }

    fn log(&mut self, name: &'static str, value: impl AsRef<[u8]>) {
        self.values.push((name, value.as_ref().to_vec()));
    }

    fn mix_hash(&mut self, data: &[u8]) {
        self.h = Sha256::new().chain_update(self.h).chain_update(data).finalize().into();
    }

    fn mix_key(&mut self, dh_name: &'static str, ck_name: &'static str, key_name: &'static str, result: [u8; 32]) {
        (self.ck, self.key) = derive_two(&self.ck, &result);
        self.number = 0;
        self.log(dh_name, result);
        self.log(ck_name, self.ck);
        self.log(key_name, self.key);
    }

    fn seal(&mut self, name: &'static str, plaintext: &[u8]) -> Vec<u8> {
        let sealed = seal(&self.key, self.number, &self.h, plaintext);
        self.number += 1;
        self.mix_hash(&sealed);
        self.log(name, &sealed);
        sealed
    }
}
