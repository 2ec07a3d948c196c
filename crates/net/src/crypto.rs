//! Randomness, and what signs, agrees on keys, hashes, seals and opens: AWS-LC. It signs in half of the time that pure Rust
//! takes, agrees on a key in two thirds, and seals 64 bytes in an eighth. Signatures are checked by core, whose verdict is
//! SPEC ID-1's.
//!
//! A cipher that waits is its 32 bytes of key: the library's own are half a KiB, and an idle connection has two. To make one
//! of them for each record costs less than a tenth of a microsecond.

use std::sync::Arc;

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::types::{Cipher, Dh, Hash, Random};
use tertulia_core::channel::{Crypto, CryptoResolver, TAG_BYTES};
use tertulia_core::id::{Key, Signature};
use tertulia_core::identity::{Checker, Ed25519, Identity, Pair, Scheme, Secret};

use crate::error::Error;

/// What a connection's crypto is made of.
#[must_use]
pub const fn crypto() -> &'static dyn Crypto {
    &Native
}

/// Whoever has `secret`.
#[must_use]
pub fn identity(secret: Secret) -> Identity {
    Identity::new(secret, Arc::new(Native))
}

/// 32 bytes of the system's randomness.
///
/// # Errors
/// [`Error::Random`].
pub fn seed() -> Result<[u8; 32], Error> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(Error::Random)?;
    Ok(seed)
}

#[derive(Debug)]
struct Native;

impl Scheme for Native {
    fn pair(&self, secret: &Secret) -> Arc<dyn Pair> {
        match Ed25519KeyPair::from_seed_unchecked(&secret.0) {
            Ok(pair) => Arc::new(Signing(pair)),
            // It takes any 32 bytes; whatever it ever refused, core has a pair of.
            Err(_) => Ed25519.pair(secret),
        }
    }

    fn verify(&self, key: &Key, message: &[u8], signature: &Signature) -> bool {
        Ed25519.verify(key, message, signature)
    }

    fn checker(&self, key: &Key) -> Option<Arc<dyn Checker>> {
        Ed25519.checker(key)
    }
}

/// A key pair of Ed25519.
#[derive(Debug)]
struct Signing(Ed25519KeyPair);

impl Pair for Signing {
    fn key(&self) -> Key {
        Key(bytes(self.0.public_key().as_ref()))
    }

    fn sign(&self, message: &[u8]) -> Signature {
        Signature(bytes(self.0.sign(message).as_ref()))
    }
}

/// The library's slices have the length that the algorithm says.
fn bytes<const N: usize>(slice: &[u8]) -> [u8; N] {
    slice.first_chunk().copied().unwrap_or([0; N])
}

impl CryptoResolver for Native {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        None
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        if *choice == DHChoice::Curve25519 { Some(Box::<X25519>::default()) } else { None }
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        if *choice == HashChoice::SHA256 { Some(Box::new(Sha256(Context::new(&SHA256)))) } else { None }
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        if *choice == CipherChoice::ChaChaPoly { Some(Box::new(ChaChaPoly([0; 32]))) } else { None }
    }
}

impl Crypto for Native {
    fn seal(&self, key: &[u8; 32], number: u64, plaintext: &[u8], out: &mut [u8]) -> bool {
        ChaChaPoly(*key).encrypt(number, &[], plaintext, out) == out.len()
    }

    fn open(&self, key: &[u8; 32], number: u64, sealed: &[u8], out: &mut [u8]) -> Option<usize> {
        ChaChaPoly(*key).decrypt(number, &[], sealed, out).ok()
    }
}

/// A key pair of X25519.
#[derive(Default)]
struct X25519 {
    private: [u8; 32],
    public: [u8; 32],
    pair: Option<PrivateKey>,
}

impl Dh for X25519 {
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
        self.private = bytes(private);
        self.pair = PrivateKey::from_private_key(&agreement::X25519, &self.private).ok();
        let public = self.pair.as_ref().and_then(|pair| pair.compute_public_key().ok());
        self.public = public.map_or([0; 32], |public| bytes(public.as_ref()));
    }

    fn generate(&mut self, random: &mut dyn Random) -> Result<(), snow::Error> {
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

    /// Fails where the result is all zero, too.
    fn dh(&self, public: &[u8], out: &mut [u8]) -> Result<(), snow::Error> {
        let pair = self.pair.as_ref().ok_or(snow::Error::Dh)?;
        let public = UnparsedPublicKey::new(&agreement::X25519, public.first_chunk::<32>().ok_or(snow::Error::Dh)?);
        let out = out.first_chunk_mut::<32>().ok_or(snow::Error::Dh)?;
        agreement::agree(pair, public, snow::Error::Dh, |shared| {
            *out = bytes(shared);
            Ok(())
        })
    }
}

/// With that of pure Rust, a processor that has no instructions for it takes 3 % more of others for a handshake.
struct Sha256(Context);

impl Hash for Sha256 {
    fn name(&self) -> &'static str {
        "SHA256"
    }

    fn block_len(&self) -> usize {
        64
    }

    fn hash_len(&self) -> usize {
        32
    }

    fn reset(&mut self) {
        self.0 = Context::new(&SHA256);
    }

    fn input(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn result(&mut self, out: &mut [u8]) {
        let hashed = std::mem::replace(&mut self.0, Context::new(&SHA256)).finish();
        out.iter_mut().zip(hashed.as_ref()).for_each(|(out, byte)| *out = *byte);
    }
}

/// A key of ChaCha20-Poly1305.
struct ChaChaPoly([u8; 32]);

impl ChaChaPoly {
    fn key(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&CHACHA20_POLY1305, &self.0).ok().map(LessSafeKey::new)
    }

    /// Noise's: four zeros, then the number with its lowest byte first.
    fn nonce(number: u64) -> Nonce {
        let [a, b, c, d, e, f, g, h] = number.to_le_bytes();
        Nonce::assume_unique_for_key([0, 0, 0, 0, a, b, c, d, e, f, g, h])
    }

    /// Seals in place; how many bytes of `out` that are. None, if they have no place: core has made sure that they do.
    fn seal(&self, nonce: u64, data: &[u8], plaintext: &[u8], out: &mut [u8]) -> Option<usize> {
        let (text, rest) = out.split_at_mut_checked(plaintext.len())?;
        text.copy_from_slice(plaintext);
        let tag = self.key()?.seal_in_place_separate_tag(Self::nonce(nonce), Aad::from(data), text).ok()?;
        *rest.first_chunk_mut::<TAG_BYTES>()? = tag.as_ref().try_into().ok()?;
        plaintext.len().checked_add(TAG_BYTES)
    }

    /// Opens in place.
    fn open(&self, nonce: u64, data: &[u8], sealed: &mut [u8]) -> Option<usize> {
        self.key()?.open_in_place(Self::nonce(nonce), Aad::from(data), sealed).ok().map(|text| text.len())
    }
}

impl Cipher for ChaChaPoly {
    fn name(&self) -> &'static str {
        "ChaChaPoly"
    }

    fn set(&mut self, key: &[u8; 32]) {
        self.0 = *key;
    }

    fn encrypt(&self, nonce: u64, authtext: &[u8], plaintext: &[u8], out: &mut [u8]) -> usize {
        self.seal(nonce, authtext, plaintext, out).unwrap_or(0)
    }

    fn decrypt(&self, nonce: u64, authtext: &[u8], ciphertext: &[u8], out: &mut [u8]) -> Result<usize, snow::Error> {
        // There may be no room for the tag where the text is to be.
        let Some(whole) = out.get_mut(..ciphertext.len()) else {
            let mut whole = ciphertext.to_vec();
            let length = self.open(nonce, authtext, &mut whole).ok_or(snow::Error::Decrypt)?;
            let (room, text) = out.get_mut(..length).zip(whole.get(..length)).ok_or(snow::Error::Decrypt)?;
            room.copy_from_slice(text);
            return Ok(length);
        };
        whole.copy_from_slice(ciphertext);
        self.open(nonce, authtext, whole).ok_or(snow::Error::Decrypt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tertulia_core::channel::DefaultResolver;

    fn cipher(resolver: &dyn CryptoResolver, key: u8) -> Box<dyn Cipher> {
        let mut cipher = resolver.resolve_cipher(&CipherChoice::ChaChaPoly).expect("it has one");
        cipher.set(&[key; 32]);
        cipher
    }

    #[test]
    fn it_seals_and_opens_as_pure_rust_does() {
        let (native, other) = (cipher(&Native, 7), cipher(&DefaultResolver, 7));
        for (number, text) in [(0, &b""[..]), (1, b"a"), (u64::from(u32::MAX) + 9, &[0x5a; 5_000])] {
            let [mut ours, mut theirs, mut opened] = [(); 3].map(|()| vec![0; text.len() + TAG_BYTES]);
            assert_eq!(native.encrypt(number, b"data", text, &mut ours), ours.len());
            assert_eq!(other.encrypt(number, b"data", text, &mut theirs), theirs.len());
            assert_eq!(ours, theirs);
            assert_eq!(native.decrypt(number, b"data", &ours, &mut opened), Ok(text.len()));
            assert_eq!(&opened[..text.len()], text);
            let mut tight = vec![0; text.len()];
            assert_eq!(native.decrypt(number, b"data", &ours, &mut tight), Ok(text.len()));
            assert_eq!(tight, text);
            assert_eq!(native.decrypt(number, b"other", &ours, &mut tight), Err(snow::Error::Decrypt));
            assert_eq!(native.decrypt(number + 1, b"data", &ours, &mut opened), Err(snow::Error::Decrypt));
            ours[0] ^= 1;
            assert_eq!(native.decrypt(number, b"data", &ours, &mut opened), Err(snow::Error::Decrypt));
        }
    }

    #[test]
    fn record_2_what_one_seals_the_other_opens_and_nothing_else() {
        let (native, other): (&dyn Crypto, &dyn Crypto) = (&Native, &DefaultResolver);
        for (one, other) in [(native, other), (other, native)] {
            for (number, text) in [(0, &b""[..]), (u64::from(u32::MAX) + 9, &[0x5a; 5_000])] {
                let [mut sealed, mut opened] = [(); 2].map(|()| vec![0; text.len() + TAG_BYTES]);
                assert!(one.seal(&[7; 32], number, text, &mut sealed));
                assert_eq!(other.open(&[7; 32], number, &sealed, &mut opened), Some(text.len()));
                assert_eq!(&opened[..text.len()], text);
                assert_eq!(other.open(&[8; 32], number, &sealed, &mut opened), None);
                assert_eq!(other.open(&[7; 32], number + 1, &sealed, &mut opened), None);
                sealed[0] ^= 1;
                assert_eq!(other.open(&[7; 32], number, &sealed, &mut opened), None);
            }
        }
    }

    #[test]
    fn it_hashes_as_pure_rust_does() {
        let hash = |resolver: &dyn CryptoResolver| resolver.resolve_hash(&HashChoice::SHA256).expect("it has one");
        let (mut ours, mut theirs) = (hash(&Native), hash(&DefaultResolver));
        assert_eq!(
            (ours.name(), ours.block_len(), ours.hash_len()),
            (theirs.name(), theirs.block_len(), theirs.hash_len())
        );
        for length in [0, 1, 55, 64, 500] {
            let [mut one, mut other] = [[0; 32]; 2];
            for (hash, out) in [(&mut ours, &mut one), (&mut theirs, &mut other)] {
                hash.reset();
                // In two parts, and what came before is forgotten.
                hash.input(&vec![7; length]);
                hash.input(b"more");
                hash.result(out);
            }
            assert_eq!(one, other);
            ours.hmac(b"key", &vec![9; length], &mut one);
            theirs.hmac(b"key", &vec![9; length], &mut other);
            assert_eq!(one, other);
        }
    }

    #[test]
    fn it_agrees_on_the_keys_that_pure_rust_does() {
        let pair = |resolver: &dyn CryptoResolver, private: [u8; 32]| {
            let mut pair = resolver.resolve_dh(&DHChoice::Curve25519).expect("it has one");
            pair.set(&private);
            pair
        };
        // Honest keys, and any numbers: half of these are on the twist.
        let honest = (0..16).map(|drawn| bytes(pair(&DefaultResolver, [drawn; 32]).pubkey()));
        for (private, public) in
            honest.chain((2..66).map(|drawn| [drawn; 32])).zip(1..).map(|(public, n)| ([n; 32], public))
        {
            let (ours, theirs) = (pair(&Native, private), pair(&DefaultResolver, private));
            assert_eq!(ours.pubkey(), theirs.pubkey());
            let (mut one, mut other) = ([1; 32], [2; 32]);
            assert_eq!(ours.dh(&public, &mut one), Ok(()));
            assert_eq!(theirs.dh(&public, &mut other), Ok(()));
            assert_eq!(one, other, "{public:?}");
        }
    }

    #[test]
    fn handshake_2_an_all_zero_result_is_an_error() {
        let mut pair = Native.resolve_dh(&DHChoice::Curve25519).expect("it has one");
        pair.set(&[7; 32]);
        // Zero, one, p - 1, and p, which is zero in another way.
        let [zero, mut one, mut minus_one, mut prime] = [[0; 32], [0; 32], [0xff; 32], [0xff; 32]];
        one[0] = 1;
        (minus_one[0], minus_one[31]) = (0xec, 0x7f);
        (prime[0], prime[31]) = (0xed, 0x7f);
        for public in [zero, one, minus_one, prime] {
            assert_eq!(pair.dh(&public, &mut [0; 32]), Err(snow::Error::Dh), "{public:?}");
        }
    }

    #[test]
    fn it_signs_as_core_does() {
        for drawn in 0..64 {
            let secret = Secret([drawn; 32]);
            let (ours, cores) = (Native.pair(&secret), Ed25519.pair(&secret));
            let message = vec![drawn; 8 * usize::from(drawn)];
            assert_eq!(ours.key(), cores.key());
            assert_eq!(ours.sign(&message), cores.sign(&message));
            assert!(identity(secret).scheme().verify(&ours.key(), &message, &ours.sign(&message)));
        }
    }

    #[test]
    fn what_has_no_place_is_not_sealed_or_opened() {
        assert!(!Native.seal(&[7; 32], 0, b"text", &mut [0; 4 + TAG_BYTES - 1]));
        let native = cipher(&Native, 7);
        assert_eq!(native.encrypt(0, b"", b"text", &mut [0; 4 + TAG_BYTES - 1]), 0);
        let mut sealed = [0; 4 + TAG_BYTES];
        native.encrypt(0, b"", b"text", &mut sealed);
        assert_eq!(native.decrypt(0, b"", &sealed, &mut [0; 3]), Err(snow::Error::Decrypt));
        assert_eq!(native.decrypt(0, b"", &[1, 2, 3], &mut [0; 3]), Err(snow::Error::Decrypt));
    }
}
