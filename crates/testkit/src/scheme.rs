//! A signature scheme that is no such thing, and fifty times faster: for simulations alone.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tertulia_core::id::{Key, Signature};
use tertulia_core::identity::{Pair, Scheme, Secret};

/// A hash keyed with the public key. Fails on any other key or message, but whoever knows the key can sign.
#[derive(Clone, Copy, Debug)]
pub struct Hashed;

impl Scheme for Hashed {
    fn pair(&self, secret: &Secret) -> Arc<dyn Pair> {
        Arc::new(Public(Key(Sha256::new_with_prefix(b"public").chain_update(secret.0).finalize().into())))
    }

    fn verify(&self, key: &Key, message: &[u8], signature: &Signature) -> bool {
        sign(key, message) == *signature
    }
}

#[derive(Clone, Copy, Debug)]
struct Public(Key);

impl Pair for Public {
    fn key(&self) -> Key {
        self.0
    }

    fn sign(&self, message: &[u8]) -> Signature {
        sign(&self.0, message)
    }
}

fn sign(key: &Key, message: &[u8]) -> Signature {
    let hash: [u8; 32] = Sha256::new_with_prefix(key.0).chain_update(message).finalize().into();
    let mut signature = Signature([0x5a; 64]);
    signature.0[..32].copy_from_slice(&hash);
    signature
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_key_and_message_alone() {
        let (ann, bob) = (Secret([1; 32]), Secret([2; 32]));
        let signature = Hashed.pair(&ann).sign(b"yes");
        assert!(Hashed.verify(&Hashed.public(&ann), b"yes", &signature));
        assert!(!Hashed.verify(&Hashed.public(&ann), b"no", &signature));
        assert!(!Hashed.verify(&Hashed.public(&bob), b"yes", &signature));
        for byte in [0, 63] {
            let mut other = signature;
            other.0[byte] ^= 1;
            assert!(!Hashed.verify(&Hashed.public(&ann), b"yes", &other));
        }
    }
}
