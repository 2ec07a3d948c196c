//! A record in the directory, and where it is with its publisher.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroU64;

use crate::id::{Key, LinkId, MeetingId, RequestId, Source};
use crate::limits::ADDRESSES_MAX;
use crate::time::Instant;
use crate::wire::address::Address;
use crate::wire::error::Parsed;
use crate::wire::field::{Field as _, List, Signed, decode_all, encode_items};
use crate::wire::registry::{Kind, Record, Shelf, Visibility};

/// Which record: its id and its publisher.
pub(super) type Place = (MeetingId, Key);

/// Its number in the order of arrival, where it is listed.
pub(super) type Serial = NonZeroU64;

/// Addresses as frames have them.
type Addresses<'a> = List<'a, Address<'a>, ADDRESSES_MAX>;

/// Dial-backs of one record that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Round {
    pub(super) number: u64,
    /// For whom its dial-backs are counted.
    pub(super) source: Source,
    /// How many are not over.
    pub(super) open: usize,
    /// Where the publisher was met.
    pub(super) met: Vec<SocketAddr>,
    /// PUBLISHes that are answered when all are over.
    pub(super) waiting: Vec<(LinkId, RequestId)>,
}

/// One record. There may be a million: whatever its bytes say is nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// The record and its signature, as they came; then where its publisher has been met, as frames have it; then the
    /// words by which it is found.
    bytes: Box<[u8]>,
    /// How long the first and the last part are: a title's words are shorter than 10,000 bytes.
    record: u16,
    words: u16,
    /// Whether LIST may show it.
    pub(super) is_public: bool,
    /// Invariant: it was met nowhere, and is not being looked for.
    pub(super) is_unmet: bool,
    /// Where the link came from that has published it last.
    pub(super) ip: IpAddr,
    /// That link, while it stands.
    pub(super) link: Option<LinkId>,
    pub(super) round: Option<Box<Round>>,
    /// No round begins before.
    pub(super) rests_until: Instant,
    /// When its lease is over, and where in the line of leases it stands, which is no later.
    pub(super) ends: Instant,
    pub(super) queued: Option<Instant>,
    /// Invariant: it is listed exactly while this is something.
    pub(super) serial: Option<Serial>,
}

impl Slot {
    /// A record that nobody has been met of yet.
    pub(super) fn new(signed: &Signed<'_, Record<'_>>, ip: IpAddr) -> Self {
        let mut slot = Self {
            bytes: [].into(),
            record: 0,
            words: 0,
            is_public: false,
            is_unmet: false,
            ip,
            link: None,
            round: None,
            rests_until: Instant::default(),
            ends: Instant::default(),
            queued: None,
            serial: None,
        };
        slot.replace(signed, &[]);
        slot
    }

    /// Puts a record into the place of the one that is there.
    pub(super) fn replace(&mut self, signed: &Signed<'_, Record<'_>>, proved: &[SocketAddr]) {
        self.is_public = signed.value.particulars.visibility == Visibility::Listed;
        let signed = [signed.bytes, &signed.signature.0];
        (self.bytes, self.record, self.words) = packed(signed, proved, self.words());
    }

    /// Where its publisher has been met.
    pub(super) fn prove(&mut self, proved: &[SocketAddr]) {
        if !self.proved().eq(proved.iter().copied()) {
            (self.bytes, self.record, self.words) = packed([self.signed(), &[]], proved, self.words());
        }
    }

    /// By which words it is found, with spaces between them.
    pub(super) fn find_by(&mut self, words: &str) {
        let proved: Vec<SocketAddr> = self.proved().collect();
        (self.bytes, self.record, self.words) = packed([self.signed(), &[]], &proved, words.as_bytes());
    }

    fn signed(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.record)).unwrap_or_default()
    }

    /// Whether it is this very record.
    pub(super) fn is(&self, signed: &Signed<'_, Record<'_>>) -> bool {
        self.signed().split_last_chunk() == Some((signed.bytes, &signed.signature.0))
    }

    /// What it says.
    pub(super) fn record(&self) -> Option<Record<'_>> {
        decode_all::<Signed<'_, Record<'_>>>(self.signed()).ok().map(|signed| signed.value)
    }

    /// The beginning of what it says: this is asked for often.
    fn head(&self) -> (Kind, Place) {
        let head = |bytes| -> Parsed<'_, (Kind, Place)> {
            let (rest, kind) = Kind::parse(bytes)?;
            let (rest, id) = MeetingId::parse(rest)?;
            let (rest, publisher) = Key::parse(rest)?;
            Ok((rest, (kind, (id, publisher))))
        };
        head(&self.bytes).map_or((Kind::Person, (MeetingId::ZERO, Key::ZERO)), |(_, head)| head)
    }

    pub(super) fn place(&self) -> Place {
        self.head().1
    }

    /// What it is of.
    pub(super) fn kind(&self) -> Kind {
        self.head().0
    }

    /// The record's number.
    pub(super) fn number(&self) -> u64 {
        self.record().map_or(0, |record| record.particulars.number)
    }

    /// For whom it is counted.
    pub(super) fn source(&self) -> Source {
        Source::of(self.ip)
    }

    /// Where it has been, as frames have it.
    pub(super) fn addresses(&self) -> Addresses<'_> {
        let rest = self.bytes.get(usize::from(self.record)..).unwrap_or_default();
        Addresses::parse(rest).map_or(Addresses::NONE, |(_, addresses)| addresses)
    }

    /// Where it has been.
    pub(super) fn proved(&self) -> impl Iterator<Item = SocketAddr> {
        self.addresses().iter().filter_map(Address::socket)
    }

    /// Whether it has been anywhere.
    pub(super) fn is_met(&self) -> bool {
        !self.addresses().is_empty()
    }

    /// By which words it is found, with spaces between them.
    pub(super) fn words(&self) -> &[u8] {
        let at = self.bytes.len().saturating_sub(usize::from(self.words));
        self.bytes.get(at..).unwrap_or_default()
    }

    /// Appends it as LISTING has it: the bytes are those that came.
    pub(super) fn encode_listed(&self, out: &mut Vec<u8>) {
        self.addresses().encode(out);
        self.record.encode(out);
        out.extend_from_slice(self.signed());
    }
}

/// A slot's bytes, and how long their first and last part are.
fn packed(record: [&[u8]; 2], proved: &[SocketAddr], words: &[u8]) -> (Box<[u8]>, u16, u16) {
    let (count, items) = encode_items(proved.iter().copied().map(Address::of), ADDRESSES_MAX);
    let mut bytes = record.concat();
    let length = bytes.len();
    bytes.reserve_exact(size_of::<u16>().saturating_add(items.len()).saturating_add(words.len()));
    Addresses::over(count, &items).encode(&mut bytes);
    bytes.extend_from_slice(words);
    (bytes.into(), u16::try_from(length).unwrap_or(0), u16::try_from(words.len()).unwrap_or(0))
}

/// Where a record of this kind is listed.
pub(super) const fn shelf_of(kind: Kind) -> Shelf {
    match kind {
        Kind::Person => Shelf::People,
        Kind::Star | Kind::Mesh => Shelf::Meetings,
    }
}
