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

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;
    use core::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::id::Signature;
    use crate::identity::{Ed25519, Pair, Scheme, Secret};
    use crate::log::tests::{log, read, text, written};
    use crate::log::{Verdict, entry_of};
    use crate::rule::Rule;

    /// Counts how often a key is read.
    #[derive(Debug, Default)]
    struct Counted(AtomicUsize);

    impl Scheme for Counted {
        fn pair(&self, secret: &Secret) -> Arc<dyn Pair> {
            Ed25519.pair(secret)
        }

        fn verify(&self, key: &Key, message: &[u8], signature: &Signature) -> bool {
            Ed25519.verify(key, message, signature)
        }

        fn checker(&self, key: &Key) -> Option<Arc<dyn Checker>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ed25519.checker(key)
        }
    }

    #[test]
    fn entry_1_an_author_s_key_is_read_once_and_checks_that_author_s_signatures_alone() {
        let scheme = Arc::new(Counted::default());
        let counted: Arc<dyn Scheme> = scheme.clone();
        let us = Identity::new(Secret([9; 32]), counted);
        let [ann, bob] =
            [1, 2].map(|seed| written(&Identity::new(Secret([seed; 32]), Arc::new(Ed25519)), 1, &[text("hear"); 3]));
        let mut log = log();
        for frame in ann.iter().chain(&bob) {
            let entry = entry_of(frame).expect("an entry");
            let forged = Carried { signature: entry_of(&ann[2]).expect("an entry").signature, ..entry };
            if entry.signature != forged.signature {
                assert_eq!(log.offer(&forged, false, &us), Verdict::Refused(Rule::Entry1));
            }
            assert_eq!(log.offer(&entry, false, &us), Verdict::Stored(read(frame)));
        }
        let reads = scheme.0.load(Ordering::Relaxed);
        assert_eq!(reads, 4, "twice each: nobody is remembered before a signature has held");
    }

    #[test]
    fn entry_1_no_more_keys_are_kept_than_a_room_has_members() {
        let us = Identity::new(Secret([99; 32]), Arc::new(Ed25519));
        let mut log = log();
        let seeds: Vec<u8> = (0..=u8::try_from(limits::MESH_MAX).expect("few")).collect();
        for seed in seeds {
            let said = written(&Identity::new(Secret([seed; 32]), Arc::new(Ed25519)), 1, &[text("hear")]);
            assert_eq!(log.offer(&entry_of(&said[0]).expect("an entry"), false, &us), Verdict::Stored(read(&said[0])));
            assert!((1..=limits::MESH_MAX).contains(&log.authors.0.len()));
        }
    }
}
