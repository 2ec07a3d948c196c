//! Randomness, what agrees on keys, and what seals and opens records: ring, which seals 64 bytes in an eighth of the time
//! that pure Rust takes.
//!
//! A cipher that waits is its 32 bytes of key: ring's own are 552, and an idle connection has two. To make one of them for
//! each record costs nothing that can be measured.

use std::sync::OnceLock;

use curve25519_dalek::MontgomeryPoint;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use snow::params::{CipherChoice, DHChoice, HashChoice};
use snow::resolvers::RingResolver;
use snow::types::{Cipher, Dh, Hash, Random};
use tertulia_core::channel::{BoxedCryptoResolver, CryptoResolver, TAG_BYTES};

use crate::error::Error;

/// What a connection's crypto is made of.
#[must_use]
pub fn crypto() -> BoxedCryptoResolver {
    Box::new(Lean)
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

struct Lean;

impl CryptoResolver for Lean {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        RingResolver.resolve_rng()
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        if *choice == DHChoice::Curve25519 { Some(Box::<X25519>::default()) } else { None }
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        RingResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        if *choice == CipherChoice::ChaChaPoly { Some(Box::new(ChaChaPoly([0; 32]))) } else { None }
    }
}

/// A key pair of X25519. It is multiplied on the Edwards curve, where a processor has vectors for it: the same point as by
/// RFC 7748's ladder, in two thirds of its time. Takes as long for each private key.
#[derive(Default)]
struct X25519 {
    private: [u8; 32],
    /// Computed when it is asked for.
    public: OnceLock<[u8; 32]>,
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
        self.private = private.first_chunk().copied().unwrap_or_default();
        self.public = OnceLock::new();
    }

    fn generate(&mut self, random: &mut dyn Random) -> Result<(), snow::Error> {
        self.public = OnceLock::new();
        random.try_fill_bytes(&mut self.private)
    }

    fn pubkey(&self) -> &[u8] {
        self.public.get_or_init(|| MontgomeryPoint::mul_base_clamped(self.private).0)
    }

    fn privkey(&self) -> &[u8] {
        &self.private
    }

    fn dh(&self, public: &[u8], out: &mut [u8]) -> Result<(), snow::Error> {
        let public = MontgomeryPoint(*public.first_chunk().ok_or(snow::Error::Dh)?);
        let shared = match public.to_edwards(0) {
            Some(point) => point.mul_clamped(self.private).to_montgomery(),
            // On the twist, where no honest key is.
            None => public.mul_clamped(self.private),
        };
        *out.first_chunk_mut().ok_or(snow::Error::Dh)? = shared.0;
        Ok(())
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

    /// Seals in place; how many bytes of `out` that are. None, if they have no place: snow has made sure that they do.
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
        let (lean, other) = (cipher(&Lean, 7), cipher(&DefaultResolver, 7));
        for (number, text) in [(0, &b""[..]), (1, b"a"), (u64::from(u32::MAX) + 9, &[0x5a; 5_000])] {
            let [mut ours, mut theirs, mut opened] = [(); 3].map(|()| vec![0; text.len() + TAG_BYTES]);
            assert_eq!(lean.encrypt(number, b"data", text, &mut ours), ours.len());
            assert_eq!(other.encrypt(number, b"data", text, &mut theirs), theirs.len());
            assert_eq!(ours, theirs);
            assert_eq!(lean.decrypt(number, b"data", &ours, &mut opened), Ok(text.len()));
            assert_eq!(&opened[..text.len()], text);
            let mut tight = vec![0; text.len()];
            assert_eq!(lean.decrypt(number, b"data", &ours, &mut tight), Ok(text.len()));
            assert_eq!(tight, text);
            assert_eq!(lean.decrypt(number, b"other", &ours, &mut tight), Err(snow::Error::Decrypt));
            assert_eq!(lean.decrypt(number + 1, b"data", &ours, &mut opened), Err(snow::Error::Decrypt));
            ours[0] ^= 1;
            assert_eq!(lean.decrypt(number, b"data", &ours, &mut opened), Err(snow::Error::Decrypt));
        }
    }

    #[test]
    fn it_agrees_on_the_keys_that_the_ladder_does_on_the_curve_and_on_the_twist() {
        let pair = |resolver: &dyn CryptoResolver, private: [u8; 32]| {
            let mut pair = resolver.resolve_dh(&DHChoice::Curve25519).expect("it has one");
            pair.set(&private);
            pair
        };
        // The points of small order, one of them in two ways, and one on the twist that is none of them.
        let [zero, mut one, mut minus_one, mut prime] = [[0; 32], [0; 32], [0xff; 32], [0xff; 32]];
        one[0] = 1;
        (minus_one[0], minus_one[31]) = (0xec, 0x7f);
        (prime[0], prime[31]) = (0xed, 0x7f);
        let mut publics = vec![zero, one, minus_one, prime];
        let (mut on_curve, mut on_twist) = (0, 0);
        publics.extend((2..66).map(|drawn| [drawn; 32]));
        publics.extend((0..16).map(|drawn| MontgomeryPoint::mul_base_clamped([drawn; 32]).0));
        for (private, public) in publics.iter().enumerate() {
            let private = [u8::try_from(private).expect("few") + 1; 32];
            let (ours, theirs) = (pair(&Lean, private), pair(&DefaultResolver, private));
            assert_eq!(ours.pubkey(), theirs.pubkey());
            let (mut one, mut other) = ([1; 32], [2; 32]);
            assert_eq!(ours.dh(public, &mut one), Ok(()));
            assert_eq!(theirs.dh(public, &mut other), Ok(()));
            assert_eq!(one, other, "{public:?}");
            let side = if MontgomeryPoint(*public).to_edwards(0).is_some() { &mut on_curve } else { &mut on_twist };
            *side += 1;
        }
        assert!(on_curve > 16 && on_twist > 16, "both were tried: {on_curve}, {on_twist}");
    }

    #[test]
    fn what_has_no_place_is_not_sealed_or_opened() {
        let lean = cipher(&Lean, 7);
        assert_eq!(lean.encrypt(0, b"", b"text", &mut [0; 4 + TAG_BYTES - 1]), 0);
        let mut sealed = [0; 4 + TAG_BYTES];
        lean.encrypt(0, b"", b"text", &mut sealed);
        assert_eq!(lean.decrypt(0, b"", &sealed, &mut [0; 3]), Err(snow::Error::Decrypt));
        assert_eq!(lean.decrypt(0, b"", &[1, 2, 3], &mut [0; 3]), Err(snow::Error::Decrypt));
    }
}
