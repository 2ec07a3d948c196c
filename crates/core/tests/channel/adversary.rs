//! A side that speaks Noise through snow alone, says what it likes in its payload and sends points of low order.

use snow::{
    Builder, Error, HandshakeState,
    params::{CipherChoice, DHChoice, HashChoice},
    resolvers::{CryptoResolver, DefaultResolver},
    types,
};
use tertulia_core::{
    channel::PREAMBLE,
    identity::{Domain, Identity},
};

use crate::Side;

/// Every encoding of an X25519 point that gives an all-zero result: seven numbers, the unused top bit clear or set.
pub(crate) fn low_order_points() -> Vec<[u8; 32]> {
    let ends = |first: u8, middle: u8, last: u8| {
        let mut point = [middle; 32];
        (point[0], point[31]) = (first, last);
        point
    };
    let order_8 = [
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    ];
    let mut points =
        vec![ends(0, 0, 0), ends(1, 0, 0), ends(0xec, 0xff, 0x7f), ends(0xed, 0xff, 0x7f), ends(0xee, 0xff, 0x7f)];
    points.extend(order_8.map(|hex| tertulia_core::id::Key::from_hex(hex).unwrap().0));
    let mut set = points.clone();
    set.iter_mut().for_each(|point| point[31] |= 0x80);
    points.append(&mut set);
    points
}

/// A payload, from the static key that goes with it.
pub(crate) type Payload<'a> = dyn Fn(&[u8; 32]) -> Vec<u8> + 'a;

/// What an adversary does otherwise than an honest side.
pub(crate) struct Adversary<'a> {
    /// Sent in place of its ephemeral key.
    pub(crate) ephemeral: Option<[u8; 32]>,
    /// Sent in place of its static key.
    pub(crate) static_key: Option<[u8; 32]>,
    /// Sent in place of an identity key and its signature.
    pub(crate) payload: &'a Payload<'a>,
}

impl<'a> Adversary<'a> {
    /// Its keys are its own; only its payload is crooked.
    pub(crate) fn says(payload: &'a Payload<'a>) -> Self {
        Self { ephemeral: None, static_key: None, payload }
    }

    /// Dials `victim`; returns everything it has sent.
    pub(crate) fn dials(&self, victim: &mut Side) -> Vec<u8> {
        let mut noise = self.builder().build_initiator().unwrap();
        let mut sent = Vec::from(PREAMBLE);
        sent.extend(write(&mut noise, &[]));
        let answer = victim.hears(&sent);
        if let Some(message) = answer.get(2..) {
            noise.read_message(message, &mut [0; 96]).unwrap();
            let last = write(&mut noise, &self.proof());
            sent.extend_from_slice(&last);
            victim.hears(&last);
        }
        sent
    }

    /// Is dialled by `victim`; returns everything it has sent, and what `victim` has said to that.
    pub(crate) fn listens(&self, victim: &mut Side) -> (Vec<u8>, Vec<u8>) {
        let mut noise = self.builder().build_responder().unwrap();
        noise.read_message(&victim.sent[PREAMBLE.len() + 2..], &mut []).unwrap();
        let sent = write(&mut noise, &self.proof());
        let answer = victim.hears(&sent);
        (sent, answer)
    }

    fn proof(&self) -> Vec<u8> {
        let own = || {
            let mut pair = DefaultResolver.resolve_dh(&DHChoice::Curve25519).unwrap();
            pair.set(&STATIC_SECRET);
            pair.pubkey().try_into().unwrap()
        };
        (self.payload)(&self.static_key.unwrap_or_else(own))
    }

    fn builder(&self) -> Builder<'static> {
        let resolver = Crooked { ephemeral: self.ephemeral, static_key: self.static_key };
        Builder::with_resolver("Noise_XX_25519_ChaChaPoly_SHA256".parse().unwrap(), Box::new(resolver))
            .local_private_key(&STATIC_SECRET)
            .unwrap()
            .prologue(&PREAMBLE)
            .unwrap()
    }
}

/// What an honest side has in its payload.
pub(crate) fn honest(identity: &Identity, static_key: &[u8; 32]) -> Vec<u8> {
    let signature = identity.sign(Domain::Handshake, &[static_key]);
    [identity.key().0.as_slice(), &signature.0].concat()
}

const STATIC_SECRET: [u8; 32] = [0x55; 32];
const EPHEMERAL_SECRET: [u8; 32] = [0x66; 32];

fn write(noise: &mut HandshakeState, payload: &[u8]) -> Vec<u8> {
    let mut buffer = [0; 256];
    let length = noise.write_message(payload, &mut buffer).unwrap();
    [&[0, u8::try_from(length).unwrap()], &buffer[..length]].concat()
}

struct Crooked {
    ephemeral: Option<[u8; 32]>,
    static_key: Option<[u8; 32]>,
}

impl CryptoResolver for Crooked {
    fn resolve_rng(&self) -> Option<Box<dyn types::Random>> {
        Some(Box::new(Fixed))
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn types::Dh>> {
        let honest = DefaultResolver.resolve_dh(choice)?;
        Some(Box::new(CrookedDh { honest, ephemeral: self.ephemeral, static_key: self.static_key, shown: None }))
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn types::Hash>> {
        DefaultResolver.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn types::Cipher>> {
        DefaultResolver.resolve_cipher(choice)
    }
}

struct Fixed;

impl types::Random for Fixed {
    fn try_fill_bytes(&mut self, room: &mut [u8]) -> Result<(), Error> {
        room.copy_from_slice(&EPHEMERAL_SECRET);
        Ok(())
    }
}

/// Shows a point of low order in place of its key, and knows that every result with it is all zero.
struct CrookedDh {
    honest: Box<dyn types::Dh>,
    ephemeral: Option<[u8; 32]>,
    static_key: Option<[u8; 32]>,
    shown: Option<[u8; 32]>,
}

impl types::Dh for CrookedDh {
    fn name(&self) -> &'static str {
        self.honest.name()
    }

    fn pub_len(&self) -> usize {
        32
    }

    fn priv_len(&self) -> usize {
        32
    }

    fn set(&mut self, private: &[u8]) {
        self.honest.set(private);
        self.shown = self.static_key;
    }

    fn generate(&mut self, random: &mut dyn types::Random) -> Result<(), Error> {
        self.shown = self.ephemeral;
        self.honest.generate(random)
    }

    fn pubkey(&self) -> &[u8] {
        self.shown.as_ref().map_or(self.honest.pubkey(), |point| point)
    }

    fn privkey(&self) -> &[u8] {
        self.honest.privkey()
    }

    fn dh(&self, public: &[u8], out: &mut [u8]) -> Result<(), Error> {
        if self.shown.is_some() {
            out[..32].fill(0);
            return Ok(());
        }
        self.honest.dh(public, out)
    }
}
