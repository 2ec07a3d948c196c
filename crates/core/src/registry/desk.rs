//! What a client has to do with one registry: a link, what is asked over it, and what the registry holds.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::query::Asker;
use crate::address::Scope;
use crate::id::{DialId, LinkId, MeetingId, RequestId};

/// Where a client is with one registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// No link, and none is on its way.
    #[default]
    Apart,
    Dialling(DialId),
    Open(LinkId),
}

/// What a request was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    Publish { record: MeetingId, number: u64 },
    Withdraw { record: MeetingId },
    Ask { query: Asker },
}

/// One registry.
#[derive(Clone, Debug, Default)]
pub(super) struct Desk {
    /// `HOST:PORT`.
    pub(super) registry: String,
    pub(super) stage: Stage,
    /// How near it is.
    pub(super) nearest: Scope,
    pub(super) failures: u32,
    /// The user knows that it can't be reached.
    pub(super) is_told: bool,
    pub(super) errands: BTreeMap<RequestId, Errand>,
    /// The numbers of the own records that it holds.
    pub(super) held: BTreeMap<MeetingId, u64>,
    /// Where the user was last told that it has met this node.
    pub(super) shown: BTreeMap<MeetingId, Vec<SocketAddr>>,
    last_request: RequestId,
}

impl Desk {
    pub(super) fn new(registry: String) -> Self {
        Self { registry, ..Self::default() }
    }

    /// Opens a request.
    pub(super) fn open(&mut self, errand: Errand) -> RequestId {
        let id = self.last_request.step();
        self.errands.insert(id, errand);
        id
    }

    /// Whether a request about this record is open: then the next one waits.
    pub(super) fn is_busy_with(&self, record: MeetingId) -> bool {
        self.errands.values().any(|errand| match errand {
            Errand::Publish { record: busy, .. } | Errand::Withdraw { record: busy } => *busy == record,
            Errand::Ask { .. } => false,
        })
    }

    /// Whether this question has been asked here.
    pub(super) fn has_asked(&self, query: Asker) -> bool {
        self.errands.values().any(|errand| *errand == Errand::Ask { query })
    }

    /// Its link is gone, and with it what it held as far as this side knows.
    pub(super) fn part(&mut self) {
        self.stage = Stage::Apart;
        self.errands.clear();
        self.held.clear();
    }
}
