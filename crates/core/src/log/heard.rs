//! How far somebody's talk has come, by number: what a question's asker had heard (SPEC ASK-8, ASK-10).

use alloc::sync::Arc;

use super::{Held, Log, Stream, StreamId};
use crate::id::Key;
use crate::wire::entry::{Heard, Kind};
use crate::wire::meeting::Lane;

impl Log {
    /// The talk streams of an author, in the order of their sessions.
    fn talk_of(&self, author: Key) -> impl DoubleEndedIterator<Item = (&StreamId, &Stream)> {
        let first = StreamId { author, session: 0, lane: Lane::Acts };
        let streams = self.streams.range(first..=StreamId { session: u64::MAX, lane: Lane::Talk, ..first });
        streams.filter(|(id, _)| id.lane == Lane::Talk)
    }

    /// The newest talk of `author` that is held and not void, by session and number.
    #[must_use]
    pub fn newest_talk(&self, author: Key) -> Heard {
        let newest = self.talk_of(author).rev().find_map(|(_, stream)| Some(&stream.held.last_key_value()?.1.1));
        newest.map_or(Heard::NONE, |entry| heard(entry))
    }

    /// The same at a number of a session.
    #[must_use]
    pub fn talk_at(&self, author: Key, session: u64, number: u64) -> Option<Heard> {
        let stream = self.streams.get(&StreamId { author, session, lane: Lane::Talk })?;
        stream.held.get(&number).map(|(_, entry)| heard(entry))
    }

    /// How many texts of `author` are held after one session and number, and before another.
    pub(crate) fn texts_between(&self, author: Key, after: (u64, u64), before: (u64, u64)) -> u64 {
        let is_between = |entry: &Arc<Held>| {
            let place = (entry.id.session, entry.number);
            entry.kind() == Kind::Text && after < place && place < before
        };
        let sessions = self.talk_of(author).filter(|(id, _)| (after.0..=before.0).contains(&id.session));
        let texts = sessions.flat_map(|(_, stream)| stream.held.values()).filter(|(_, entry)| is_between(entry));
        u64::try_from(texts.count()).unwrap_or(u64::MAX)
    }
}

fn heard(entry: &Held) -> Heard {
    Heard { session: entry.id.session, number: entry.number, head: entry.hash }
}
