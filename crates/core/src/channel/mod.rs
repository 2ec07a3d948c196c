//! Bytes of a connection to plaintext records and back (SPEC.md, "Connection"): preamble, handshake, records.
//!
//! Nothing here reads or writes: a driver passes in what has arrived and sends what was appended. The cipher, hash and
//! Diffie-Hellman implementations are an argument ([`Crypto`]), and so is all randomness.

mod handshake;
mod noise;
mod record;

pub use self::noise::introduce;
pub use handshake::{Established, HANDSHAKE_INPUT_MAX, Handshake, PREAMBLE};
pub use record::{Opener, RECORD_LENGTH_BYTES, Sealer, record_bytes};
pub use snow::resolvers::{CryptoResolver, DefaultResolver};

use snow::params::CipherChoice;

/// Bytes that sealing adds to a plaintext.
pub const TAG_BYTES: usize = 16;

/// The cryptography of suite 1, all of it but randomness: what snow makes a handshake of, and what seals and opens records.
///
/// Of a record's cipher a connection keeps the key alone, beside what else it touches as it writes: a cipher of its own
/// would be one more place that each record fetches into the cache.
pub trait Crypto: CryptoResolver + Sync {
    /// Seals record `number` with `key`: whether all of `out` is `plaintext`, sealed, and its tag.
    fn seal(&self, key: &[u8; 32], number: u64, plaintext: &[u8], out: &mut [u8]) -> bool {
        self.resolve_cipher(&CipherChoice::ChaChaPoly).is_some_and(|mut cipher| {
            cipher.set(key);
            cipher.encrypt(number, &[], plaintext, out) == out.len()
        })
    }

    /// Opens record `number` into `out`, which has room for the tag too, as some open in place; how many bytes there are,
    /// if the record is `number` under `key`.
    fn open(&self, key: &[u8; 32], number: u64, sealed: &[u8], out: &mut [u8]) -> Option<usize> {
        let mut cipher = self.resolve_cipher(&CipherChoice::ChaChaPoly)?;
        cipher.set(key);
        cipher.decrypt(number, &[], sealed, out).ok()
    }
}

/// Pure Rust.
impl Crypto for DefaultResolver {}
