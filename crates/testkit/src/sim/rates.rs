//! How much nodes write on a link: no more than whoever reads looks at without a pause (SPEC RATE-1, RATE-2, MESH-17); and how
//! much of one author's they fetch.

use std::collections::{BTreeMap, BTreeSet};

use tertulia_core::id::{Key, RequestId};
use tertulia_core::limits;
use tertulia_core::wire::Frame;
use tertulia_core::wire::frame::{Decoded, decode};
use tertulia_core::wire::meeting::Meeting;
use tertulia_core::wire::private::Private;
use tertulia_core::wire::session::Session;

use super::dials::{Bucket, Run};
use super::network::ConnectionId;

/// What one side of a connection has written.
#[derive(Debug, Default)]
struct Written {
    control: Bucket,
    talk: Bucket,
    bytes: Bucket,
    /// Its requests for entries that are open, and how many entries and bytes these may still bring.
    fetches: BTreeSet<RequestId>,
    granted: (usize, usize),
}

impl Written {
    fn control(&mut self, now: u64) -> bool {
        self.control.take(1, limits::CONTROL_BURST, limits::CONTROL_RATE.into(), now)
    }

    fn talk(&mut self, length: usize, now: u64) -> bool {
        self.talk.take(1, limits::ROOM_BURST, limits::TALK_RATE.into(), now)
            && self.bytes.take(length, limits::ROOM_BYTE_BURST, limits::TALK_BYTE_RATE.into(), now)
    }

    /// Whether an entry is part of what this side has asked for.
    fn grants(&mut self, length: usize) -> bool {
        let (entries, bytes) = self.granted;
        let grants = entries > 0 && bytes >= length;
        if grants {
            self.granted = (entries - 1, bytes - length);
        }
        grants
    }
}

/// What all have written.
#[derive(Debug, Default)]
pub(super) struct Rates {
    written: BTreeMap<(ConnectionId, usize), Written>,
    /// What each run of a node has of each author's talk from others.
    fetched: BTreeMap<(Run, Key), Bucket>,
}

impl Rates {
    /// Counts talk that somebody else than its author has brought; whether a run with so many links may have fetched it
    /// (SPEC MESH-30): an answer may go beyond what is left.
    pub(super) fn fetch(&mut self, run: Run, author: Key, links: usize, bytes: usize, now: u64) -> bool {
        let burst = limits::BRANCH_BYTE_BURST + (links * limits::FETCH_BYTES_MAX) as u32;
        let fetched = self.fetched.entry((run, author)).or_default();
        fetched.take(bytes, burst, limits::BRANCH_BYTE_RATE.into(), now)
    }

    /// Counts what a side writes at once, unasked entries too if `is_room`; whether it may.
    pub(super) fn count(
        &mut self,
        (connection, side): (ConnectionId, usize),
        record: &[u8],
        is_room: bool,
        now: u64,
    ) -> bool {
        let (mut rest, mut is_well) = (record, true);
        while let Ok(Decoded { id, bytes, rest: after, frame, .. }) = decode(rest) {
            rest = after;
            let other = self.written.entry((connection, 1 - side)).or_default();
            match frame {
                Some(Frame::Meeting(Meeting::EntryFrame(_))) if !is_room || other.grants(bytes.len()) => continue,
                Some(Frame::Session(Session::Done(_) | Session::Refused(_))) if other.fetches.remove(&id) => {
                    other.granted = if other.fetches.is_empty() { (0, 0) } else { other.granted };
                }
                _ => {}
            }
            let this = self.written.entry((connection, side)).or_default();
            if let Some(Frame::Meeting(Meeting::Fetch(_))) = frame {
                this.fetches.insert(id);
                this.granted.0 += limits::FETCH_ENTRIES_MAX;
                this.granted.1 += limits::FETCH_BYTES_MAX;
            }
            is_well &= match frame {
                Some(Frame::Meeting(Meeting::EntryFrame(_))) => this.talk(bytes.len(), now),
                Some(Frame::Private(Private::Tell(_) | Private::Ask(_)) | Frame::Meeting(Meeting::Rename(_))) => {
                    this.control(now) && this.talk(bytes.len(), now)
                }
                _ => this.control(now),
            };
        }
        is_well
    }
}
