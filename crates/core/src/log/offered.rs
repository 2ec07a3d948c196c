//! What a log is to judge, and whose keys it has read for that.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;

use super::{Held, Log};
use crate::id::{Key, MeetingId};
use crate::identity::{Checker, Identity};
use crate::limits;
use crate::wire::entry::{Carried, Envelope};

/// An entry that is to be judged.
#[derive(Clone, Copy, Debug)]
pub(super) enum Offered<'a> {
    /// It has come, and is to be checked.
    Come(&'a Carried<'a>, &'a Identity),
    /// An earlier run has checked and stored it.
    Kept(&'a Arc<Held>),
}

impl<'a> Offered<'a> {
    pub(super) fn carried(self) -> Carried<'a> {
        match self {
            Self::Come(entry, _) => *entry,
            Self::Kept(held) => held.carried(),
        }
    }

    pub(super) fn envelope(self) -> Envelope {
        match self {
            Self::Come(entry, _) => entry.envelope(),
            Self::Kept(held) => held.envelope(),
        }
    }

    /// With whose scheme its signature is to be checked, if it is.
    pub(super) const fn checks(self) -> Option<&'a Identity> {
        match self {
            Self::Come(_, us) => Some(us),
            Self::Kept(_) => None,
        }
    }

    /// Itself as it is stored.
    pub(super) fn held(self, meeting: MeetingId, envelope: &Envelope) -> Arc<Held> {
        match self {
            Self::Come(entry, _) => Held::of(meeting, entry, envelope),
            Self::Kept(held) => Arc::clone(held),
        }
    }
}

/// Authors' keys, each read once. Bound: the members of a room; a lecture has one author.
#[derive(Clone, Debug, Default)]
pub(super) struct Authors(BTreeMap<Key, Arc<dyn Checker>>);

impl Log {
    /// The same as [`Log::is_signed`] for an author of whom more will come.
    pub(super) fn is_authors(&mut self, envelope: &Envelope, us: &Identity) -> bool {
        let author = envelope.entry.author;
        if let Some(checker) = self.authors.0.get(&author) {
            return checker.holds(&self.message(envelope), &envelope.signature);
        }
        let Some(checker) = us.scheme().checker(&author) else { return self.is_signed(envelope, us) };
        let is_signed = checker.holds(&self.message(envelope), &envelope.signature);
        // Who only names others makes nobody give way.
        if is_signed {
            if self.authors.0.len() >= limits::MESH_MAX {
                self.authors.0.clear();
            }
            self.authors.0.insert(author, checker);
        }
        is_signed
    }
}
