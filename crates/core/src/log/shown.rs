//! How far a user has been shown the talk of a meeting: what is stored and was not shown, is shown by the next run. And
//! how far a friend has what this user has said.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Held, Log, Record, StreamId};
use crate::id::Key;
use crate::limits;
use crate::wire::field::layouts;
use crate::wire::meeting::Lane;

layouts! {
    /// How far one session of one author was shown to the user, or has come to a friend.
    Mark "mark" {
        /// The author.
        author: Key,
        /// The author's session.
        session: u64,
        /// One above the highest number.
        next: u64,
    }
}

/// How far the newest sessions of each author have come: one above the highest number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(BTreeMap<(Key, u64), u64>);

impl Marks {
    /// One mark for each session.
    pub fn marks(&self) -> impl Iterator<Item = Mark> {
        self.0.iter().map(|((author, session), next)| Mark { author: *author, session: *session, next: *next })
    }

    /// One has come as far as `number`; the mark to keep, if that was not known.
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

    pub(super) fn restore(&mut self, Mark { author, session, next }: Mark) {
        self.note(author, session, next.saturating_sub(1));
    }

    fn next(&self, author: Key, session: u64) -> u64 {
        self.0.get(&(author, session)).copied().unwrap_or(1)
    }

    fn lacks(&self, entry: &Held) -> bool {
        entry.lane() == Lane::Talk && entry.number >= self.next(entry.id.author, entry.id.session)
    }
}

impl Log {
    /// Whether an entry of talk that was restored is still to be shown.
    pub(crate) fn is_unshown(&self, entry: &Held) -> bool {
        self.shown.lacks(entry) && self.streams.contains_key(&entry.id) && !self.is_void(entry.id, entry.number)
    }

    /// Whether the user was shown an entry of talk by an earlier run: it may have been lost since, and come again.
    pub(crate) fn was_shown(&self, entry: &Held) -> bool {
        entry.lane() == Lane::Talk && !self.shown.lacks(entry)
    }

    /// Whether the user was shown all below `next` of a stream by an earlier run: what of that is gone, they do not miss.
    pub(crate) fn were_shown(&self, id: StreamId, next: u64) -> bool {
        id.lane == Lane::Talk && self.shown.next(id.author, id.session) >= next
    }

    /// The other of two has what `us` has said in a session, up to `number`.
    pub(crate) fn note_received(&mut self, us: Key, session: u64, number: u64) {
        self.unkept.extend(self.received.note(us, session, number).map(Record::Received));
    }

    /// One above what the other of two is known to have of a session of `us`.
    pub(crate) fn received_below(&self, us: Key, session: u64) -> u64 {
        self.received.next(us, session)
    }

    /// What earlier runs have stored and not shown.
    pub(crate) fn unshown(&self) -> Vec<Arc<Held>> {
        self.entries().filter(|entry| self.is_unshown(entry)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_author_the_newest_sessions_are_remembered() {
        let mut shown = Marks::default();
        let last = u64::try_from(limits::TALK_SESSIONS_MAX).unwrap() + 1;
        for session in 1..=last {
            shown.note(Key([1; 32]), session, 1);
            shown.note(Key([2; 32]), 1, session);
        }
        assert_eq!(shown.0.len(), limits::TALK_SESSIONS_MAX + 1);
        assert!(!shown.0.contains_key(&(Key([1; 32]), 1)) && shown.0.contains_key(&(Key([1; 32]), last)));
        assert_eq!(shown.note(Key([2; 32]), 1, 2), None, "what lies before has been shown too");
    }
}
