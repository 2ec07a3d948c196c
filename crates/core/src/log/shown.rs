//! How far a user has been shown the talk of a meeting. What is stored and was not shown, is shown by the next run.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Held, Log, entry_of};
use crate::id::Key;
use crate::limits;
use crate::wire::Encoded;
use crate::wire::field::{decode_all, encode_alone, layouts};
use crate::wire::meeting::Lane;

layouts! {
    /// How far a user has been shown one session of one author.
    Mark "mark" {
        /// The author.
        author: Key,
        /// The author's session.
        session: u64,
        /// One above the highest number shown.
        next: u64,
    }
}

/// Bytes of a mark.
const MARK: usize = 48;

impl Mark {
    /// The mark as a file holds it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode_alone(self)
    }
}

/// What a user has been shown, by author and session: one above the highest number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown(BTreeMap<(Key, u64), u64>);

impl Shown {
    /// All that is in these ENTRY frames.
    #[must_use]
    pub fn all(entries: &[Encoded]) -> Self {
        let mut shown = Self::default();
        for entry in entries.iter().filter_map(entry_of).map(|entry| entry.value) {
            if entry.lane == Lane::Talk {
                shown.note(entry.author, entry.session, entry.number);
            }
        }
        shown
    }

    /// The marks that are one after the other in `bytes`; one that is cut short counts for nothing.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Self {
        let mut shown = Self::default();
        for Mark { author, session, next } in bytes.chunks_exact(MARK).filter_map(|mark| decode_all(mark).ok()) {
            shown.note(author, session, next.saturating_sub(1));
        }
        shown
    }

    /// One mark for each session.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let marks =
            self.0.iter().map(|((author, session), next)| Mark { author: *author, session: *session, next: *next });
        marks.flat_map(|mark| mark.encode()).collect()
    }

    /// An entry of talk has been shown; the mark to keep, if that was not known.
    pub fn note(&mut self, author: Key, session: u64, number: u64) -> Option<Mark> {
        let after = number.saturating_add(1);
        let next = self.0.entry((author, session)).or_insert(1);
        if *next >= after {
            return None;
        }
        *next = after;
        // A log forgets older ones too.
        let sessions = self.0.range((author, 0)..=(author, u64::MAX));
        if sessions.clone().count() > limits::TALK_SESSIONS_MAX
            && let Some(oldest) = sessions.map(|(session, _)| *session).next()
        {
            self.0.remove(&oldest);
        }
        Some(Mark { author, session, next: after })
    }

    /// Whether an entry of talk that is stored is still to be shown.
    #[must_use]
    pub fn lacks(&self, entry: &Held, log: &Log) -> bool {
        let next = self.0.get(&(entry.id.author, entry.id.session)).copied().unwrap_or(1);
        entry.lane() == Lane::Talk && entry.number >= next && log.row(entry.id, 0).is_some()
    }
}

/// Those of `entries`, which `log` has stored, that are still to be shown; none, if nothing tells what was.
pub(crate) fn unshown(shown: Option<&Shown>, entries: &[Arc<Held>], log: &Log) -> Vec<Arc<Held>> {
    let Some(shown) = shown else { return Vec::new() };
    entries.iter().filter(|entry| shown.lacks(entry, log)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_shown_is_read_back_and_what_is_cut_short_counts_for_nothing() {
        let mut shown = Shown::default();
        let (anna, bea) = (Key([1; 32]), Key([2; 32]));
        let mark = shown.note(anna, 7, 3).expect("it is news");
        assert_eq!((mark.next, mark.encode().len()), (4, MARK));
        assert_eq!(shown.note(anna, 7, 2), None, "what lies before has been shown too");
        let mut bytes = shown.encode();
        bytes.extend(shown.note(anna, 7, 9).expect("it is news").encode());
        bytes.extend(shown.note(bea, 1, 1).expect("it is news").encode());
        assert_eq!(Shown::decode(&bytes), shown);
        assert_eq!(Shown::decode(&shown.encode()), shown);
        assert_eq!(Shown::decode(&bytes[..MARK * 2 - 1]).encode(), mark.encode());
        assert_eq!(Shown::decode(&[]), Shown::default());
    }

    #[test]
    fn of_each_author_the_newest_sessions_are_remembered() {
        let mut shown = Shown::default();
        let last = u64::try_from(limits::TALK_SESSIONS_MAX).unwrap() + 1;
        for session in 1..=last {
            shown.note(Key([1; 32]), session, 1);
            shown.note(Key([2; 32]), 1, session);
        }
        assert_eq!(shown.0.len(), limits::TALK_SESSIONS_MAX + 1);
        assert!(!shown.0.contains_key(&(Key([1; 32]), 1)) && shown.0.contains_key(&(Key([1; 32]), last)));
    }
}
