//! Bytes of a connection to plaintext records and back (SPEC.md, "Connection"): preamble, handshake, records.
//!
//! Nothing here reads or writes: a driver passes in what has arrived and sends what was appended. The cipher, hash and
//! Diffie-Hellman implementations are an argument ([`BoxedCryptoResolver`]), and so is all randomness.

mod handshake;
mod noise;
mod record;

pub use self::noise::introduce;
pub use handshake::{Established, HANDSHAKE_INPUT_MAX, Handshake, PREAMBLE};
pub use record::{Opener, RECORD_LENGTH_BYTES, Sealer, record_bytes};
pub use snow::resolvers::{BoxedCryptoResolver, CryptoResolver, DefaultResolver};

/// Bytes that sealing adds to a plaintext.
pub const TAG_BYTES: usize = 16;
