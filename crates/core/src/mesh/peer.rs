//! A link of a room, and who is at its other end.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use crate::id::{Key, MeetingId, RequestId, Source};
use crate::log::Held;
use crate::pass::Chain;
use crate::replica::Account;
use crate::roster::Roster;
use crate::time::Instant;
use crate::wire::meeting::{Lane, Row};
use crate::wire::option::Manner;

/// What a dial, or the link that it led to, is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Errand {
    /// To the first address, whoever is there.
    Door,
    /// To somebody whose link is missing.
    Call(Key),
}

/// A JOIN, as long as it waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Knock {
    pub(super) request: RequestId,
    pub(super) meeting: MeetingId,
    /// What it shows, whether that holds or not.
    pub(super) chain: Chain,
    /// This host's user lets it in.
    pub(super) manner: Manner,
    /// What it has proved to have.
    pub(super) ticket: Option<Key>,
    /// The acts that it says it holds.
    pub(super) acts: Vec<Row>,
    /// Whether it is asked for those.
    pub(super) asked: Asked,
    /// What it says to the host of a lobby.
    pub(super) note: String,
    pub(super) source: Source,
    pub(super) since: Instant,
}

/// Whether somebody outside is asked for the acts that it says it holds (SPEC MESH-27).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Not yet.
    Not,
    /// It is, and this is whether it has brought one.
    Now(bool),
    /// No more; what comes late costs it nothing.
    Over,
}

/// Where a link is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It was accepted, and JOIN has not come.
    Silent,
    /// Its JOIN waits for an answer.
    Knocking(Box<Knock>),
    /// We have sent JOIN.
    Asking(Errand),
    /// WELCOME has been sent, or has come.
    In,
}

/// A link, and who is at its other end.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) key: Key,
    pub(super) name: Option<String>,
    pub(super) address: SocketAddr,
    pub(super) started_ms: u64,
    pub(super) step: Step,
    /// On whose account it is in: who has let it in has others, and a source has many keys.
    pub(super) account: Account,
    /// How far it holds our streams of this session, or has been sent them, without a hole; and how far rows have told it.
    pub(super) reached: BTreeMap<Lane, u64>,
    pub(super) told: BTreeMap<Lane, u64>,
    /// Its rows have come, and the first DIGEST.
    pub(super) has_rows: bool,
    pub(super) has_digest: bool,
    /// The rows that it has still to be told of (SPEC MESH-12).
    pub(super) others: Vec<Row>,
}

impl Peer {
    pub(super) const fn is_in(&self) -> bool {
        matches!(self.step, Step::In)
    }

    /// Its JOIN waits for acts that it has, or did.
    pub(super) fn is_asked(&self) -> bool {
        matches!(&self.step, Step::Knocking(knock) if knock.asked != Asked::Not)
    }

    /// Its JOIN, as long as that waits.
    pub(super) fn knock_mut(&mut self) -> Option<&mut Knock> {
        if let Step::Knocking(knock) = &mut self.step { Some(knock) } else { None }
    }

    /// Our JOIN waits there.
    pub(super) const fn is_asking(&self) -> bool {
        matches!(self.step, Step::Asking(_))
    }

    /// Whether it is sent an entry that it may have, and if that is of this node's `own` session, how far it is with it:
    /// what is void by a cut is not served.
    pub(super) fn gets(&mut self, entry: &Held, own: (Key, u64), roster: &Roster) -> bool {
        let counts = roster.counts(entry.id, entry.number);
        if counts && (entry.id.author, entry.id.session) == own {
            let reached = self.reached.entry(entry.lane()).or_insert(1);
            if entry.lane().is_register() || *reached == entry.number {
                *reached = entry.number.saturating_add(1);
            }
        }
        counts
    }

    /// It has been told how far this node is with a stream of its own: so far, it asks by itself.
    pub(super) fn is_told(&mut self, row: &Row) {
        self.told.insert(row.lane, row.next);
        // What it may not have, it need not have.
        let reached = self.reached.entry(row.lane).or_insert(1);
        *reached = row.first.max(*reached);
    }
}
