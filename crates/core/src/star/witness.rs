//! What a lecture's host publishes as its guests' words, against what it has said here (SPEC ASK-7, ASK-10, ASK-11).

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::{String, ToString as _};

use crate::command::Failure;
use crate::event::{Event, Notice};
use crate::id::{Hash, Key, Token};
use crate::limits;
use crate::log::{Held, Log};
use crate::wire::entry::{EntryBody, Heard, Kind};

/// What users compare of a host's line, the newest or that of a number (SPEC CHECK-2).
pub(super) fn check(log: &Log, host: Option<Key>, number: Option<u64>) -> Result<Event, Failure> {
    let newest = host.map_or(Heard::NONE, |host| log.newest_talk(host));
    let wanted = number.unwrap_or(newest.number);
    let heard = host.and_then(|host| log.talk_at(host, newest.session, wanted));
    let heard = heard.ok_or(Failure::NotHeld { number: wanted, newest: newest.number })?;
    Ok(Event::Check { meeting: log.meeting(), heard })
}

/// A session of the host's, and a number in it.
type Place = (u64, u64);

/// What one guest remembers of the questions that it was shown.
#[derive(Clone, Debug, Default)]
pub(super) struct Witness {
    /// Where the host has published a question first.
    published: BTreeMap<(Key, Token), Place>,
    /// The same, oldest first.
    order: VecDeque<(Key, Token)>,
    /// What askers had heard and is not held here, and one of them.
    waiting: BTreeMap<Place, (Hash, String)>,
}

impl Witness {
    /// Of what an earlier run has kept.
    pub(super) fn of(log: &Log) -> Self {
        let mut witness = Self::default();
        for entry in log.entries().filter(|entry| entry.kind() == Kind::Question) {
            if let EntryBody::Question { asker, token, .. } = entry.body() {
                witness.is_first((asker, token), place(entry));
            }
        }
        for question in log.asked() {
            witness.is_first(question, (0, 0));
        }
        witness
    }

    /// SPEC ASK-11: whether a question that the host publishes at a place is there for the first time.
    pub(super) fn is_first(&mut self, question: (Key, Token), place: Place) -> bool {
        if let Some(first) = self.published.get(&question) {
            return *first == place;
        }
        if self.order.len() >= limits::TALK_ENTRIES_MAX {
            self.order.pop_front().map(|oldest| self.published.remove(&oldest));
        }
        self.published.insert(question, place);
        self.order.push_back(question);
        true
    }

    /// SPEC ASK-10: whether what the asker of a question had heard is what was said here.
    pub(super) fn compare(&mut self, entry: &Held, (name, heard): (&str, &Heard), log: &Log) -> Option<Notice> {
        let at = (heard.session, heard.number);
        let told = |held| Some(stories(name, at, heard.head, held));
        if *heard == Heard::NONE {
            return None;
        }
        if at >= place(entry) {
            return told(None);
        }
        if let Some(held) = log.talk_at(entry.id.author, heard.session, heard.number) {
            return if held.head == heard.head { None } else { told(Some(held.head)) };
        }
        // Two askers who had heard two versions are enough.
        if let Some((other, _)) = self.waiting.get(&at) {
            return if *other == heard.head { None } else { told(Some(*other)) };
        }
        if self.waiting.len() >= limits::HEARD_WAITING_MAX {
            self.waiting.pop_first();
        }
        self.waiting.insert(at, (heard.head, name.to_string()));
        None
    }

    /// The same of what comes only after the question.
    pub(super) fn on_stored(&mut self, entry: &Held) -> Option<Notice> {
        let (heard, name) = self.waiting.remove(&place(entry))?;
        (heard != entry.hash).then(|| stories(&name, place(entry), heard, Some(entry.hash)))
    }
}

const fn place(entry: &Held) -> Place {
    (entry.id.session, entry.number)
}

fn stories(name: &str, (session, number): Place, heard: Hash, held: Option<Hash>) -> Notice {
    Notice::TwoStories { name: name.to_string(), session, number, heard, held }
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;

    use super::*;
    use crate::id::{MeetingId, Salt, Signature};
    use crate::identity::{Ed25519, Identity, Secret};
    use crate::time::{Instant, Now};
    use crate::wire::field::{Name, Text};

    fn ada() -> Identity {
        Identity::new(Secret([1; 32]), Arc::new(Ed25519))
    }

    fn write(log: &mut Log, body: &EntryBody<'_>) -> Arc<Held> {
        log.write(&ada(), 7, body, Now { tick: Instant(0), unix_ms: 0 }).expect("room")
    }

    fn text(log: &mut Log, text: &str) -> Arc<Held> {
        write(log, &EntryBody::Text { salt: Salt::ZERO, text: Text::new(text).expect("a text") })
    }

    fn question(log: &mut Log, heard: Heard) -> Arc<Held> {
        let (name, text) = (Name::new("bea").expect("a name"), Text::new("why?").expect("a text"));
        let (asker, token, signature) = (Key([2; 32]), Token([3; 16]), Signature([4; 64]));
        write(log, &EntryBody::Question { asker, token, heard, signature, name, text })
    }

    /// A host's log of a text and a question after it, and the log of a guest that holds neither.
    fn asked(head: Option<Hash>) -> (Arc<Held>, Arc<Held>, Heard, Log) {
        let (mut log, here) = (Log::new(MeetingId([5; 16]), 100), Log::new(MeetingId([5; 16]), 100));
        let one = text(&mut log, "one");
        let heard = Heard { session: 7, number: 1, head: head.unwrap_or(one.hash) };
        (one, question(&mut log, heard), heard, here)
    }

    #[test]
    fn ask_10_what_is_not_held_is_compared_when_it_comes() {
        for (head, told) in [(None, false), (Some(Hash([7; 32])), true)] {
            let (one, question, heard, here) = asked(head);
            let mut witness = Witness::default();
            assert_eq!(witness.compare(&question, ("bea", &heard), &here), None);
            let notice = witness.on_stored(&one);
            assert_eq!(notice.is_some(), told);
            assert!(witness.on_stored(&one).is_none() && witness.waiting.is_empty(), "once");
        }
    }

    #[test]
    fn ask_10_only_so_much_is_waited_for() {
        let (_, question, heard, here) = asked(None);
        let mut witness = Witness::default();
        for session in 1..=7 {
            for number in 1..1_000 {
                let heard = Heard { session, number, ..heard };
                witness.compare(&question, ("bea", &heard), &here);
                assert!(witness.waiting.len() <= limits::HEARD_WAITING_MAX);
            }
        }
    }

    #[test]
    fn ask_11_what_was_published_first_is_known_after_a_restart_too() {
        let mut log = Log::new(MeetingId([5; 16]), 100);
        let places: alloc::vec::Vec<_> = [(); 2].map(|()| place(&question(&mut log, Heard::NONE))).into();
        let mut witness = Witness::of(&log);
        let asked = (Key([2; 32]), Token([3; 16]));
        assert_eq!(places.iter().map(|at| witness.is_first(asked, *at)).collect::<alloc::vec::Vec<_>>(), [true, false]);
        assert!(witness.is_first((Key([2; 32]), Token([4; 16])), (9, 9)));
    }
}
