//! Acts, taken out of their entries once, so that folding reads no bytes.

use alloc::{
    collections::BTreeSet,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};

use crate::id::{Hash, Key};
use crate::log::Held;
use crate::wire::entry::{Cut, Door, EntryBody, Level, Role};
use crate::wire::meeting::Lane;

/// Where an act stands among all (SPEC.md, "Roster"): lamport time, author, session, number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    lamport: u64,
    author: Option<Key>,
    pub(super) session: u64,
    pub(super) number: u64,
}

impl Place {
    pub(super) const fn of(act: &Held) -> Self {
        Self { lamport: act.lamport, author: Some(act.id.author), session: act.id.session, number: act.number }
    }
}

/// What takes something away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Revoke {
    pub(super) act: Hash,
    pub(super) subject: Key,
    pub(super) level: Level,
    pub(super) name: String,
    cuts: Vec<Cut>,
    pub(super) kept: BTreeSet<Key>,
}

impl Revoke {
    /// Whether anything on `lane` is cut.
    pub(super) fn cuts(&self, lane: Lane) -> bool {
        self.level == Level::Out || lane == Lane::Talk
    }

    /// Whether the author of the revoke knew that number of that stream.
    pub(super) fn spares(&self, session: u64, lane: Lane, number: u64) -> bool {
        self.cuts.iter().any(|cut| cut.session == session && cut.lane == lane && number < cut.next)
    }

    /// The lowest session that is above all of the cuts.
    pub(super) fn session_after(&self) -> u64 {
        self.cuts.iter().map(|cut| cut.session.saturating_add(1)).max().unwrap_or(0)
    }
}

/// What makes somebody a host, or takes back what was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) subject: Key,
    pub(super) role: Role,
    pub(super) answers: Hash,
    /// From which session on the subject's entries count again.
    pub(super) session: u64,
}

/// What says whether anybody new gets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) door: Door,
    pub(super) kept: BTreeSet<Key>,
}

/// One of the four acts, or what a later version has. The larger ones are shared with what is folded from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Grant(Grant),
    Revoke(Arc<Revoke>),
    Policy(Arc<Policy>),
    End(String),
    Unknown,
}

impl Act {
    /// The act that `entry` is; `None` for talk, and for a register.
    pub(super) fn read(entry: &Held) -> Option<Self> {
        if entry.lane() != Lane::Acts {
            return None;
        }
        Some(match entry.body() {
            EntryBody::Revoke { subject, level, name, cuts, kept, .. } => Self::Revoke(Arc::new(Revoke {
                act: entry.hash,
                subject,
                level,
                name: name.as_str().to_string(),
                cuts: cuts.iter().collect(),
                kept: kept.iter().collect(),
            })),
            EntryBody::Grant { subject, role, answers, session, .. } => {
                Self::Grant(Grant { subject, role, answers, session })
            }
            EntryBody::Policy { door, kept } => Self::Policy(Arc::new(Policy { door, kept: kept.iter().collect() })),
            EntryBody::End { why } => Self::End(why.as_str().to_string()),
            EntryBody::Unknown => Self::Unknown,
            EntryBody::Text { .. }
            | EntryBody::Question { .. }
            | EntryBody::Retract { .. }
            | EntryBody::Person { .. } => return None,
        })
    }
}
