//! An entry that is held: decoded, hashed and copied once, when it is stored. Whoever has to do with it shares it.

use alloc::sync::Arc;

use super::{StreamId, entry_of, hash};
use crate::id::{Hash, MeetingId, RequestId, ShortHash, Signature};
use crate::wire::entry::{Body, Carried, Entry, EntryBody, Envelope, Kind};
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
    /// The frame.
    pub frame: Encoded,
}

/// Where in a frame the entry ends; its signature follows.
const ENTRY_END: usize = HEADER.saturating_add(Entry::LENGTH);
/// Where the body begins, with the byte that says whether it follows. Nothing stands behind it.
const BODY_START: usize = ENTRY_END.saturating_add(size_of::<Signature>());

impl Held {
    /// Copies an entry; nothing here has checked it.
    #[must_use]
    pub fn new(meeting: MeetingId, entry: &Carried<'_>) -> Arc<Self> {
        Self::of(meeting, entry, &entry.envelope())
    }

    /// The same where the hash of its body is known.
    pub(super) fn of(meeting: MeetingId, entry: &Carried<'_>, envelope: &Envelope) -> Arc<Self> {
        let frame = Frame::from(EntryFrame { entry: *entry, options: Options::NONE }).encode(RequestId::EVENT);
        Self::over(meeting, entry, envelope, frame)
    }

    /// The entry that an ENTRY frame carries; `None` if it is another frame. Nothing here has checked it.
    #[must_use]
    pub fn read(meeting: MeetingId, frame: &Encoded) -> Option<Arc<Self>> {
        let entry = entry_of(frame)?;
        // What stands behind the body is the link's, not the entry's.
        let length = entry.body.bytes().map_or(size_of::<Hash>(), <[u8]>::len);
        Some(if frame.0.len() == BODY_START.saturating_add(1).saturating_add(length) {
            Self::over(meeting, &entry, &entry.envelope(), frame.clone())
        } else {
            Self::new(meeting, &entry)
        })
    }

    fn over(meeting: MeetingId, entry: &Carried<'_>, envelope: &Envelope, frame: Encoded) -> Arc<Self> {
        // What cannot be read is of no kind that is known; what is lacking may be of the kind that its entry says.
        let read_as = if entry.body.bytes().is_some() { entry.read().kind() } else { Kind::of(entry.entry.kind) };
        let Entry { number, lamport, prev, reference, time_ms, kind, length, .. } = entry.entry;
        Arc::new(Self {
            id: StreamId::of(&entry.entry),
            number,
            lamport,
            prev,
            hash: hash(meeting, envelope),
            reference,
            time_ms,
            kind,
            read_as,
            length,
            digest: envelope.digest,
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
        self.carried().read()
    }

    /// Its body, if it is here.
    fn bytes(&self) -> Option<&[u8]> {
        let (is_here, rest) = self.frame.0.get(BODY_START..)?.split_first()?;
        (*is_here == 1).then_some(rest)
    }

    /// Whether its body is here.
    #[must_use]
    pub fn has_body(&self) -> bool {
        self.bytes().is_some()
    }

    /// The same without its body.
    #[must_use]
    pub(crate) fn without_body(&self, meeting: MeetingId) -> Arc<Self> {
        Self::new(meeting, &Carried { body: Body::Lacking(self.digest), ..self.carried() })
    }

    /// All but the body.
    #[must_use]
    pub fn envelope(&self) -> Envelope {
        let Carried { entry, signature, .. } = self.carried();
        Envelope { entry, digest: self.digest, signature }
    }

    /// The entry as it is sent.
    #[must_use]
    pub fn carried(&self) -> Carried<'_> {
        let StreamId { author, session, lane } = self.id;
        let Self { number, lamport, prev, reference, time_ms, kind, length, .. } = *self;
        let entry = Entry { author, session, lane, number, prev, lamport, reference, time_ms, kind, length };
        let signature = self.frame.0.get(ENTRY_END..).and_then(<[u8]>::first_chunk);
        let signature = signature.map_or(Signature::ZERO, |bytes| Signature(*bytes));
        Carried { entry, signature, body: self.bytes().map_or(Body::Lacking(self.digest), Body::Here) }
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
            frame: Encoded(frame.to_vec().into()),
        }
    }
}
