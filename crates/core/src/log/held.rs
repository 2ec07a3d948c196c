//! An entry that is held: decoded, hashed and copied once, when it is stored. Whoever has to do with it shares it.

use alloc::sync::Arc;
use core::ops::Range;

use super::{StreamId, entry_of, hash};
use crate::id::{Hash, MeetingId, RequestId, Signature};
use crate::wire::entry::{Entry, EntryBody, Kind};
use crate::wire::field::{Body, Signed};
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
    /// The hash of the entry of the highest lamport time that its author held.
    pub reference: Hash,
    /// The author's wall clock, milliseconds since 1970 in UTC.
    pub time_ms: u64,
    /// What the body is, as a number.
    pub(crate) kind: u16,
    /// Where in the frame the body is; behind it comes the signature, and nothing else.
    pub(crate) body: Range<usize>,
    /// The frame.
    pub frame: Encoded,
}

impl Held {
    /// Copies an entry; nothing here has checked it.
    #[must_use]
    pub fn new(meeting: MeetingId, entry: &Signed<'_, Entry<'_>>) -> Arc<Self> {
        let frame = Frame::from(EntryFrame { entry: *entry, options: Options::NONE }).encode(RequestId::EVENT);
        Self::over(meeting, entry, frame)
    }

    /// The entry that an ENTRY frame carries; `None` if it is another frame. Nothing here has checked it.
    #[must_use]
    pub fn read(meeting: MeetingId, frame: &Encoded) -> Option<Arc<Self>> {
        let entry = entry_of(frame)?;
        let length = HEADER.saturating_add(entry.bytes.len()).saturating_add(entry.signature.0.len());
        // What stands behind the signature is the link's, not the entry's.
        Some(if frame.0.len() == length {
            Self::over(meeting, &entry, frame.clone())
        } else {
            Self::new(meeting, &entry)
        })
    }

    fn over(meeting: MeetingId, entry: &Signed<'_, Entry<'_>>, frame: Encoded) -> Arc<Self> {
        let Entry { number, lamport, prev, reference, time_ms, kind, body, .. } = entry.value;
        let end = HEADER.saturating_add(entry.bytes.len());
        Arc::new(Self {
            id: StreamId::of(&entry.value),
            number,
            lamport,
            prev,
            hash: hash(meeting, entry.bytes),
            reference,
            time_ms,
            kind,
            body: end.saturating_sub(body.0.len())..end,
            frame,
        })
    }

    /// Its lane.
    #[must_use]
    pub const fn lane(&self) -> Lane {
        self.id.lane
    }

    /// What its body is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        Kind::of(self.kind)
    }

    /// What it says: read out of the frame, and not copied.
    #[must_use]
    pub fn body(&self) -> EntryBody<'_> {
        EntryBody::decode(self.kind, self.body_bytes()).unwrap_or(EntryBody::Unknown)
    }

    fn body_bytes(&self) -> &[u8] {
        self.frame.0.get(self.body.clone()).unwrap_or_default()
    }

    /// The entry as its author has signed it.
    #[must_use]
    pub fn signed(&self) -> Signed<'_, Entry<'_>> {
        let StreamId { author, session, lane } = self.id;
        let Self { number, lamport, prev, reference, time_ms, kind, .. } = *self;
        let body = Body(self.body_bytes());
        let signature = self.frame.0.get(self.body.end..).and_then(|bytes| bytes.try_into().ok());
        Signed {
            bytes: self.frame.0.get(HEADER..self.body.end).unwrap_or_default(),
            value: Entry { author, session, lane, number, prev, lamport, reference, time_ms, kind, body },
            signature: signature.map_or(Signature::ZERO, Signature),
        }
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
            reference: Hash::ZERO,
            time_ms: 0,
            kind: u16::MAX,
            body: 0..0,
            frame: Encoded(frame.to_vec().into()),
        }
    }
}
