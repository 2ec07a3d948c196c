//! What the user was told of who is here: who that is, the roster says.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use crate::id::Key;
use crate::limits;
use crate::time::Instant;

/// What the user was told of who comes and goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct People {
    /// The user knows who is here, and is told from then on who comes and goes.
    pub(super) is_told: bool,
    /// What the user knows each by.
    pub(super) shown: BTreeMap<Key, String>,
    /// Who is shown as here may be another than who is, by the acts.
    pub(super) must_reconcile: bool,
    /// Those who have said something new of themselves.
    pub(super) changed: BTreeSet<Key>,
    /// Those of whom the WELCOME tells behind which this node comes in (SPEC MESH-19).
    pub(super) awaited: BTreeSet<Key>,
    /// Those of whose link the user has been told.
    pub(super) introduced: BTreeSet<Key>,
    /// Who may have talk may be others than before.
    pub(super) must_seat: bool,
    /// When another run of this key has said last who this is.
    pub(super) outbid: Vec<Instant>,
}

impl People {
    /// Another run of this key has said who it is; whether that was once too often (SPEC REGISTER-8).
    pub(super) fn is_outbid_again(&mut self, now: Instant) -> bool {
        self.outbid.retain(|at| at.after(limits::OUTBID_WINDOW) > now);
        self.outbid.push(now);
        self.outbid.len() >= limits::OUTBIDS_MAX
    }
}
