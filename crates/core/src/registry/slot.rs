//! A record in the directory: its lease is a timer of the server's, the rest of its life is here.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::index::Shelved;
use crate::id::{LinkId, RequestId, Source};
use crate::time::Instant;
use crate::wire::address::Address;
use crate::wire::field::{Field as _, List, Signed, decode_all, encode_items};
use crate::wire::registry::{Kind, Record};

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

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// The record and its signature, as they came.
    pub(super) bytes: Box<[u8]>,
    /// What it is of.
    pub(super) kind: Kind,
    /// The record's number.
    pub(super) number: u64,
    /// The link that has published it last, while it stands.
    pub(super) link: Option<LinkId>,
    /// For whom it is counted.
    pub(super) source: Source,
    /// Where its publisher may be met.
    pub(super) candidates: Vec<SocketAddr>,
    /// Where it has been.
    pub(super) proved: Vec<SocketAddr>,
    pub(super) round: Option<Round>,
    /// No round begins before.
    pub(super) rests_until: Instant,
    /// Invariant: it is listed exactly while this is something.
    pub(super) shelved: Option<Shelved>,
}

impl Slot {
    /// What it says.
    pub(super) fn record(&self) -> Option<Record<'_>> {
        decode_all::<Signed<'_, Record<'_>>>(&self.bytes).ok().map(|signed| signed.value)
    }

    /// Appends it as LISTING has it: the bytes are those that came.
    pub(super) fn encode_listed(&self, out: &mut Vec<u8>) {
        let (count, items) = encode_items(self.proved.iter().copied().map(Address::of), crate::limits::ADDRESSES_MAX);
        List::<Address<'_>, { crate::limits::ADDRESSES_MAX }>::over(count, &items).encode(out);
        u16::try_from(self.bytes.len()).unwrap_or(0).encode(out);
        out.extend_from_slice(&self.bytes);
    }
}
