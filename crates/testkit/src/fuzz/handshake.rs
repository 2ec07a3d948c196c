//! Handshakes with somebody who says anything, and handshakes of two honest sides over a wire that changes bytes.
//!
//! Input: a byte of [`Setting`]; how many lengths of chunks follow, and these; then either the bytes that a victim hears,
//! or a number of [`Change`]s, three bytes each, and a record to send once both have met.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use tertulia_core::channel::{
    Crypto, DefaultResolver, Established, HANDSHAKE_INPUT_MAX, Handshake, PREAMBLE, RECORD_LENGTH_BYTES, record_bytes,
};
use tertulia_core::feed::{Feed, Packer};
use tertulia_core::id::Key;
use tertulia_core::identity::{Ed25519, Identity, Secret};
use tertulia_core::limits::{HANDSHAKE_TIMEOUT, RECORD_PLAINTEXT_MAX};
use tertulia_core::link::{Connection, Standing};
use tertulia_core::random::Random;
use tertulia_core::rule::Rule;
use tertulia_core::time::Instant;
use tertulia_core::wire::Encoded;

use super::Input;
use super::plain::Plain;
use crate::scheme::Hashed;

/// What an initiator sends: preamble and message 1, message 3.
const OPENING: usize = PREAMBLE.len() + 34;
const MESSAGE_3: usize = 162;
/// What a responder sends: message 2, or a refusal.
const MESSAGE_2: usize = 194;
const REFUSAL: usize = 6;

/// What the first byte says.
#[derive(Clone, Copy)]
struct Setting {
    /// The victim has dialled, bit 0.
    victim_dials: bool,
    /// Two honest sides, bit 1.
    is_genuine: bool,
    /// Real cryptography, bit 2.
    is_real: bool,
    /// The initiator knows whom it dials, bit 3.
    expects: bool,
    /// And is wrong, bit 4.
    is_wrong: bool,
}

/// Plays `input` to a victim, or to two honest sides.
///
/// # Panics
/// If a side accepts what was changed, grows, stops, says too much, or minds how bytes were cut.
pub fn handshake(input: &[u8]) {
    let mut input = Input(input);
    let flags = input.u8();
    let is_set = |bit: u8| flags & (1 << bit) != 0;
    let setting = Setting {
        victim_dials: is_set(0),
        is_genuine: is_set(1),
        is_real: is_set(2),
        expects: is_set(3),
        is_wrong: is_set(4),
    };
    let count = input.index(16);
    let cuts = input.take(count);
    if setting.is_genuine {
        return two_sides(setting, cuts, &mut input);
    }
    let [mut cut, mut whole] = [victim(setting), victim(setting)];
    chunks(input.0, cuts).for_each(|chunk| cut.hear(chunk));
    whole.hear(input.0);
    assert_eq!(cut.end(), whole.end());
    check_connection(setting, chunks(input.0, cuts), &whole);
    assert_eq!((cut.sent, cut.taken), (whole.sent, whole.taken));
}

/// A whole connection comes as far as the handshake alone, says as much, and takes in no more than it wants to.
fn check_connection<'a>(setting: Setting, chunks: impl Iterator<Item = &'a [u8]>, victim: &Side) {
    let ([dialler, listener], now) = (identities(setting), Instant(1));
    let mut connection = if setting.victim_dials {
        let expected = setting.expects.then_some(if setting.is_wrong { dialler.key() } else { listener.key() });
        Connection::dialled(&dialler, expected, Encoded(Bytes::new()), [1; 32], crypto(setting), now)
    } else {
        Connection::accepted(&listener, 1, [2; 32], crypto(setting), now)
    };
    let (mut plaintext, mut events, mut said) = (Vec::new(), Vec::new(), Vec::new());
    for mut rest in chunks {
        while !rest.is_empty() && connection.standing() == Standing::Shaking {
            let wanted = connection.wants();
            assert!((1..=HANDSHAKE_INPUT_MAX).contains(&wanted), "it wants {wanted} bytes");
            let (bytes, later) = rest.split_at(wanted.min(rest.len()));
            connection.receive(bytes, &mut plaintext, now, &mut events);
            rest = later;
        }
    }
    let feed = Feed::default();
    let frames = connection.fill(&mut Packer::new(&feed), now, &mut said, &mut events).map_or(0, <[u8]>::len);
    assert_eq!((said.len(), frames, plaintext.len(), events.len()), (victim.sent.len(), 0, 0, 0));
    match (connection.standing(), victim.end()) {
        (Standing::Shaking, None) => assert_eq!(connection.poll_timeout(), Some(now.after(HANDSHAKE_TIMEOUT))),
        (Standing::Met(peer), Some(Ok((key, _)))) => assert_eq!(peer, key),
        (Standing::Failed(code), Some(Err(rule))) => assert_eq!((code, connection.wants()), (rule.code(), 0)),
        (standing, end) => panic!("{standing:?}, not {end:?}"),
    }
}

/// `bytes` in pieces, whose lengths come round again and again; all at once if there are none.
fn chunks<'a>(bytes: &'a [u8], cuts: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut lengths = cuts.iter().cycle();
    let mut rest = bytes;
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = lengths.next().map_or(rest.len(), |length| usize::from(*length).max(1));
        let (chunk, after) = rest.split_at(length.min(rest.len()));
        rest = after;
        Some(chunk)
    })
}

/// The real identities of both sides, which are slow to make.
static REAL: LazyLock<[Identity; 2]> =
    LazyLock::new(|| [1, 2].map(|seed| Identity::new(Secret([seed; 32]), Arc::new(Ed25519))));

fn identities(setting: Setting) -> [Identity; 2] {
    if setting.is_real {
        return REAL.clone();
    }
    [1, 2].map(|seed| Identity::new(Secret([seed; 32]), Arc::new(Hashed)))
}

fn crypto(setting: Setting) -> &'static dyn Crypto {
    if setting.is_real { &DefaultResolver } else { &Plain }
}

/// What the handshake of a connection with this seed grows from.
fn seed(seed: u8) -> [u8; 32] {
    Random::new([seed; 32]).bytes()
}

fn victim(setting: Setting) -> Side {
    let [dialler, listener] = sides(setting);
    if setting.victim_dials { dialler } else { listener }
}

fn sides(setting: Setting) -> [Side; 2] {
    let [dialler, listener] = identities(setting);
    let expected = if setting.is_wrong { dialler.key() } else { listener.key() };
    let mut sent = Vec::new();
    let expected = setting.expects.then_some(expected);
    let dials = Handshake::initiator(&dialler, expected, seed(1), crypto(setting), &mut sent);
    assert_eq!(sent.len(), OPENING);
    let listens = Handshake::responder(&listener, seed(2), crypto(setting));
    [Side::new(dials, true, sent), Side::new(listens, false, Vec::new())]
}

/// What two honest sides say, for seeds.
pub(super) fn said_by_both(is_real: bool) -> [Vec<u8>; 2] {
    let [mut dialler, mut listener] =
        sides(Setting { victim_dials: false, is_genuine: true, is_real, expects: false, is_wrong: false });
    listener.hear(&dialler.sent);
    dialler.hear(&listener.sent);
    [dialler.sent, listener.sent]
}

/// One side, with the buffer of a driver that never grows it.
struct Side {
    handshake: Handshake,
    has_dialled: bool,
    inbox: Vec<u8>,
    /// How much of what it heard it has taken.
    taken: usize,
    sent: Vec<u8>,
    result: Option<Result<Established, Rule>>,
}

impl Side {
    const fn new(handshake: Handshake, has_dialled: bool, sent: Vec<u8>) -> Self {
        Self { handshake, has_dialled, inbox: Vec::new(), taken: 0, sent, result: None }
    }

    /// Whom it has met, and the hash; or the rule that was broken.
    fn end(&self) -> Option<Result<(Key, [u8; 32]), Rule>> {
        let result = self.result.as_ref()?;
        Some(result.as_ref().map(|established| (established.peer, established.hash)).map_err(|rule| *rule))
    }

    fn hear(&mut self, mut bytes: &[u8]) {
        while self.result.is_none() && !bytes.is_empty() {
            let room = HANDSHAKE_INPUT_MAX - self.inbox.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.inbox.extend_from_slice(now);
            bytes = later;
            match self.handshake.receive(&self.inbox, &mut self.sent) {
                Ok((taken, established)) => {
                    self.taken += taken;
                    self.inbox.drain(..taken);
                    self.result = established.map(Ok);
                    assert!(
                        self.result.is_some() || self.inbox.len() < HANDSHAKE_INPUT_MAX,
                        "a full buffer is enough to go on"
                    );
                }
                Err(rule) => {
                    // How much that was is not told.
                    self.taken = 0;
                    self.result = Some(Err(rule));
                }
            }
            self.check();
        }
        self.check_over(bytes);
    }

    fn check(&self) {
        let end = self.end();
        if self.has_dialled {
            let is_met = matches!(end, Some(Ok(_)));
            assert_eq!(self.sent.len(), if is_met { OPENING + MESSAGE_3 } else { OPENING });
            return;
        }
        match end {
            Some(Err(rule @ (Rule::Preamble2 | Rule::Preamble3))) => {
                let code = rule.code().number().to_be_bytes();
                assert_eq!(self.sent, [&[0, 4, PREAMBLE[8], PREAMBLE[9]], code.as_slice()].concat());
                assert_eq!(self.sent.len(), REFUSAL);
            }
            Some(Err(Rule::Preamble1)) => assert!(self.sent.is_empty()),
            Some(Ok(_)) => assert_eq!(self.sent.len(), MESSAGE_2),
            Some(Err(_)) | None => assert!([0, MESSAGE_2].contains(&self.sent.len())),
        }
    }

    /// What is over stays as it is, whatever else comes.
    fn check_over(&mut self, bytes: &[u8]) {
        let (Some(end), before) = (self.end(), self.sent.len()) else { return };
        for bytes in [bytes, &[], &PREAMBLE] {
            let again = self.handshake.receive(bytes, &mut self.sent);
            match (end, again) {
                (Ok(_), Ok((0, None))) => {}
                (Err(rule), Err(again)) if again == rule => {}
                (_, again) => panic!("{again:?}"),
            }
        }
        assert_eq!(self.sent.len(), before);
    }
}

/// Something that happens to one byte on its way.
#[derive(Clone, Copy)]
struct Change {
    what: u8,
    offset: u8,
    value: u8,
}

/// One direction of a wire.
struct Wire {
    changes: Vec<Change>,
    sent: Vec<u8>,
    delivered: Vec<u8>,
    is_cut: bool,
}

impl Wire {
    /// Carries what has been said since the last time, of all that is `said`; returns what comes out.
    fn carry(&mut self, said: &[u8]) -> Vec<u8> {
        let before = self.delivered.len();
        for (at, byte) in said.iter().enumerate().skip(self.sent.len()) {
            self.sent.push(*byte);
            let mut comes = vec![*byte];
            for change in self.changes.iter().filter(|change| usize::from(change.offset) == at) {
                match change.what % 5 {
                    0 => comes.iter_mut().for_each(|byte| *byte ^= change.value),
                    1 => comes.clear(),
                    2 => comes.insert(0, change.value),
                    3 => comes = comes.repeat(usize::from(change.value % 4)),
                    _ => self.is_cut = true,
                }
            }
            if !self.is_cut {
                self.delivered.append(&mut comes);
            }
        }
        self.delivered[before..].to_vec()
    }
}

fn two_sides(setting: Setting, cuts: &[u8], input: &mut Input<'_>) {
    let mut wires =
        [(); 2].map(|()| Wire { changes: Vec::new(), sent: Vec::new(), delivered: Vec::new(), is_cut: false });
    for _ in 0..input.index(8) {
        let [what, offset, value] = [input.u8(), input.u8(), input.u8()];
        wires[usize::from(what >> 7)].changes.push(Change { what: what & 0x7f, offset, value });
    }
    let [mut dialler, mut listener] = sides(setting);
    let [forth, back] = &mut wires;
    loop {
        let there = forth.carry(&dialler.sent);
        chunks(&there, cuts).for_each(|chunk| listener.hear(chunk));
        let here = back.carry(&listener.sent);
        chunks(&here, cuts).for_each(|chunk| dialler.hear(chunk));
        if there.is_empty() && here.is_empty() {
            break;
        }
    }
    let [heard_there, heard_here] = [is_unchanged(forth, &listener), is_unchanged(back, &dialler)];
    if setting.is_real {
        assert!(heard_there || !matches!(listener.end(), Some(Ok(_))), "what was changed is not accepted");
        assert!(heard_here || !matches!(dialler.end(), Some(Ok(_))), "what was changed is not accepted");
    }
    let keys = identities(setting).map(|identity| identity.key());
    if forth.sent == forth.delivered && back.sent == back.delivered {
        if setting.expects && setting.is_wrong {
            assert_eq!((dialler.end(), listener.end()), (Some(Err(Rule::Handshake6)), None));
            return;
        }
        let met = |end: Option<Result<(Key, [u8; 32]), Rule>>| end.and_then(Result::ok).map(|(key, _)| key);
        assert_eq!((met(dialler.end()), met(listener.end())), (Some(keys[1]), Some(keys[0])));
    }
    if let (Some(Ok((host, one))), Some(Ok((guest, other)))) = (dialler.end(), listener.end()) {
        assert!(one != other || (heard_there && heard_here), "the hash is over all bytes");
        if heard_there && heard_here {
            assert_eq!((one, [guest, host]), (other, keys));
            records(setting, dialler, listener, input);
        }
    }
}

/// Whether what `side` has taken is what was sent.
fn is_unchanged(wire: &Wire, side: &Side) -> bool {
    wire.sent.get(..side.taken) == wire.delivered.get(..side.taken)
}

/// One record from one side to the other, with a byte changed.
fn records(setting: Setting, from: Side, to: Side, input: &mut Input<'_>) {
    let (Some(Ok(mut from)), Some(Ok(mut to))) = (from.result, to.result) else { return };
    let (at, value) = (usize::from(input.u16()), input.u8());
    let plaintext = &input.0[..input.0.len().min(RECORD_PLAINTEXT_MAX + 1)];
    let (mut sealed, mut opened) = (vec![7], vec![9]);
    if let Err(rule) = from.sealer.seal(plaintext, &mut sealed) {
        assert_eq!((rule, sealed.as_slice()), (Rule::Record1, [7].as_slice()));
        if plaintext.len() <= RECORD_PLAINTEXT_MAX {
            assert!(plaintext.len() < 8);
            assert_eq!(to.opener.open(plaintext, &mut opened), Err(Rule::Record1));
        }
        return;
    }
    let record = &mut sealed[1..];
    assert_eq!(record_bytes(record), Ok(Some(record.len())));
    let record = &mut record[RECORD_LENGTH_BYTES..];
    let at = at % record.len();
    record[at] ^= value;
    match to.opener.open(record, &mut opened) {
        Ok(()) if value == 0 => assert_eq!(opened[1..], *plaintext),
        Ok(()) => assert!(!setting.is_real, "a record that was changed does not open"),
        Err(rule) => assert_eq!((rule, opened.as_slice(), value != 0), (Rule::Record2, [9].as_slice(), true)),
    }
}
