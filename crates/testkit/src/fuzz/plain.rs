//! Noise without secrets: every key agrees, nothing is hidden, and a tag of zeros opens. Input that real cryptography
//! stops at the first tag gets through to what lies behind it.

use snow::Error;
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::types::{Cipher, Dh, Hash, Random};
use tertulia_core::channel::{Crypto, CryptoResolver, DefaultResolver, TAG_BYTES};

/// Diffie-Hellman and cipher that are none; the hash is the real one.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

impl CryptoResolver for Plain {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        None
    }

    fn resolve_dh(&self, _: &DHChoice) -> Option<Box<dyn Dh>> {
        Some(Box::new(Xor { private: [0; 32], public: [0; 32] }))
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, _: &CipherChoice) -> Option<Box<dyn Cipher>> {
        Some(Box::new(Open))
    }
}

impl Crypto for Plain {}

/// The sum of both private keys, as anybody can work out. As with points of low order, zero makes it zero.
struct Xor {
    private: [u8; 32],
    public: [u8; 32],
}

impl Dh for Xor {
    fn name(&self) -> &'static str {
        "25519"
    }

    fn pub_len(&self) -> usize {
        32
    }

    fn priv_len(&self) -> usize {
        32
    }

    fn set(&mut self, private: &[u8]) {
        self.private.copy_from_slice(private);
        self.public = self.private.map(|byte| !byte);
    }

    fn generate(&mut self, random: &mut dyn Random) -> Result<(), Error> {
        let mut private = [0; 32];
        random.try_fill_bytes(&mut private)?;
        self.set(&private);
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        &self.public
    }

    fn privkey(&self) -> &[u8] {
        &self.private
    }

    fn dh(&self, public: &[u8], out: &mut [u8]) -> Result<(), Error> {
        let is_zero = public.iter().all(|byte| *byte == 0);
        let both = self.private.iter().zip(public).map(|(private, public)| private ^ public);
        out.iter_mut().zip(both).for_each(|(out, byte)| *out = if is_zero { 0 } else { byte });
        Ok(())
    }
}

/// Hides nothing. Its tag is zeros.
struct Open;

impl Cipher for Open {
    fn name(&self) -> &'static str {
        "ChaChaPoly"
    }

    fn set(&mut self, _: &[u8; 32]) {}

    fn encrypt(&self, _: u64, _: &[u8], plaintext: &[u8], out: &mut [u8]) -> usize {
        let (text, rest) = out.split_at_mut(plaintext.len());
        text.copy_from_slice(plaintext);
        rest[..TAG_BYTES].fill(0);
        plaintext.len() + TAG_BYTES
    }

    fn decrypt(&self, _: u64, _: &[u8], ciphertext: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        let (text, tag) = ciphertext.split_at(ciphertext.len().checked_sub(TAG_BYTES).ok_or(Error::Decrypt)?);
        if tag.iter().any(|byte| *byte != 0) {
            return Err(Error::Decrypt);
        }
        out[..text.len()].copy_from_slice(text);
        Ok(text.len())
    }
}
