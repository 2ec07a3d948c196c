//! Who is here, by what they have written: a PERSON act says hello, LEFT says goodbye.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;

use crate::id::Key;
use crate::log::Held;
use crate::wire::entry::Kind;

/// Where an entry stands among its author's: a later run counts more.
type Place = (u64, u64);

/// Who has come and gone, and what the user was told of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct People {
    came: BTreeMap<Key, Place>,
    went: BTreeMap<Key, Place>,
    /// The user knows who is here, and is told from then on who comes and goes.
    pub(super) is_told: bool,
    /// What the user knows each by.
    pub(super) shown: BTreeMap<Key, String>,
    /// Who is shown as here may be another than who is.
    pub(super) must_reconcile: bool,
    /// Those of whose link the user has been told.
    pub(super) introduced: BTreeSet<Key>,
}

impl People {
    /// Takes in an entry that is stored.
    pub(super) fn note(&mut self, entry: &Held) {
        let place = (entry.id.session, entry.lamport);
        let of_kind = match entry.kind() {
            Kind::Person => &mut self.came,
            Kind::Left => &mut self.went,
            Kind::Revoke | Kind::Grant | Kind::Policy | Kind::End => return,
            Kind::Text | Kind::Question | Kind::Unknown => return,
        };
        let last = of_kind.entry(entry.id.author).or_default();
        *last = place.max(*last);
    }

    /// The session in which somebody has come, if it has not left since.
    pub(super) fn came_in(&self, key: &Key) -> Option<u64> {
        let came = self.came.get(key).filter(|came| Some(*came) > self.went.get(key));
        came.map(|(session, _)| *session)
    }

    /// Whether somebody has left, and not come back.
    pub(super) fn has_left(&self, key: &Key) -> bool {
        self.went.get(key).is_some_and(|went| Some(went) > self.came.get(key))
    }
}
