//! An entry that is held: decoded, hashed and copied once, when it is stored. Whoever has to do with it shares it.

use alloc::sync::Arc;
use core::ops::Range;

use super::{StreamId, entry_of, hash};
use crate::id::{Hash, MeetingId, RequestId, ShortHash, Signature};
use crate::wire::entry::{Carried, Entry, EntryBody, Kind};
use crate::wire::field::Signed;
use crate::wire::frame::HEADER;
use crate::wire::meeting::{EntryFrame, Lane};
use crate::wire::option::Options;
use crate::wire::{Encoded, Frame};

/// One entry, and the ENTRY frame that carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its stream.
    pub id: StreamId,
    /// 1 for the first of its stream, then one more each.
    pub number: u64,
    /// One more than the highest lamport time that its author held.
    pub lamport: u64,
    /// The hash of the entry before it in its stream; zero for the first.
    pub prev: Hash,
    /// The hash of the entry itself.
    pub hash: Hash,
    /// The first half of the hash of the entry of the highest lamport time that its author held.
    pub reference: ShortHash,
    /// The author's wall clock, milliseconds since 1970 in UTC.
    pub time_ms: u64,
    /// What the body is, as a number.
    pub(crate) kind: u16,
    /// What its body is, as far as it can be read.
    pub(crate) read_as: Kind,
    /// How long its body is, and the hash of that.
    pub(crate) length: u16,
    pub(crate) digest: Hash,
    /// Where in the frame the body is: nothing follows it.
    pub(crate) body: Range<usize>,
    /// The frame.
    pub frame: Encoded,
}

/// Where in a frame ends what is signed; its signature follows.
const SIGNED_END: usize = HEADER.saturating_add(Entry::LENGTH);
/// Where the body begins, behind the byte that says whether it is there.
const BODY_START: usize = SIGNED_END.saturating_add(size_of::<Signature>()).saturating_add(1);

impl Held {
    /// Copies an entry; nothing here has checked it.
    #[must_use]
    pub fn new(meeting: MeetingId, entry: &Carried<'_>) -> Arc<Self> {
        let frame = Frame::from(EntryFrame { entry: *entry, options: Options::NONE }).encode(RequestId::EVENT);
        Self::over(meeting, entry, frame)
    }

    /// The entry that an ENTRY frame carries; `None` if it is another frame. Nothing here has checked it.
    #[must_use]
    pub fn read(meeting: MeetingId, frame: &Encoded) -> Option<Arc<Self>> {
        let entry = entry_of(frame)?;
        // What stands behind the body is the link's, not the entry's.
        Some(if frame.0.len() == BODY_START.saturating_add(entry.body.map_or(0, <[u8]>::len)) {
            Self::over(meeting, &entry, frame.clone())
        } else {
            Self::new(meeting, &entry)
        })
    }

    fn over(meeting: MeetingId, entry: &Carried<'_>, frame: Encoded) -> Arc<Self> {
        let signed = &entry.signed;
        let Entry { number, lamport, prev, reference, time_ms, kind, length, digest, .. } = signed.value;
        Arc::new(Self {
            id: StreamId::of(&signed.value),
            number,
            lamport,
            prev,
            hash: hash(meeting, signed.bytes),
            reference,
            time_ms,
            kind,
            read_as: entry.read().kind(),
            length,
            digest,
            body: BODY_START..frame.0.len(),
            frame,
        })
    }

    /// Its lane.
    #[must_use]
    pub const fn lane(&self) -> Lane {
        self.id.lane
    }

    /// What its body is, as far as it can be read.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.read_as
    }

    /// What it says: read out of the frame, and not copied.
    #[must_use]
    pub fn body(&self) -> EntryBody<'_> {
        EntryBody::decode(self.kind, self.body_bytes()).unwrap_or(EntryBody::Unknown)
    }

    fn body_bytes(&self) -> &[u8] {
        self.frame.0.get(self.body.clone()).unwrap_or_default()
    }

    /// What its author has signed.
    #[must_use]
    pub fn signed(&self) -> Signed<'_, Entry> {
        let StreamId { author, session, lane } = self.id;
        let Self { number, lamport, prev, reference, time_ms, kind, length, digest, .. } = *self;
        let value = Entry { author, session, lane, number, prev, lamport, reference, time_ms, kind, length, digest };
        let bytes = self.frame.0.get(HEADER..SIGNED_END).unwrap_or_default();
        let signature = self.frame.0.get(SIGNED_END..).and_then(<[u8]>::first_chunk);
        Signed { bytes, value, signature: signature.map_or(Signature::ZERO, |bytes| Signature(*bytes)) }
    }

    /// The entry as it is sent.
    #[must_use]
    pub fn carried(&self) -> Carried<'_> {
        Carried { signed: self.signed(), body: Some(self.body_bytes()) }
    }

    /// Something on `lane`, in a frame of these bytes.
    #[cfg(test)]
    pub(crate) fn sample(lane: Lane, frame: &[u8]) -> Self {
        Self {
            id: StreamId { author: crate::id::Key::ZERO, session: 1, lane },
            number: 1,
            lamport: 1,
            prev: Hash::ZERO,
            hash: Hash::ZERO,
            reference: ShortHash::ZERO,
            time_ms: 0,
            kind: u16::MAX,
            read_as: Kind::Text,
            length: 0,
            digest: Hash::ZERO,
            body: 0..0,
            frame: Encoded(frame.to_vec().into()),
        }
    }
}
