//! Who may do what (SPEC.md, "Roster"): a pure function of the acts, whatever the order they came in.

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use crate::id::{Hash, Key};
use crate::log::{Log, StreamId, entry_of, hash};
use crate::wire::entry::{Door, Entry, EntryBody, Level};
use crate::wire::field::Signed;
use crate::wire::meeting::Lane;

/// A revoke that no grant has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// The hash of the revoke.
    pub act: Hash,
    /// What was taken away.
    pub level: Level,
    /// What the subject was called.
    pub name: String,
}

/// What the acts of a star's founder add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// The host's name.
    pub host_name: Option<String>,
    /// Whether anybody new gets in.
    pub locked: bool,
    /// Why the meeting has ended, if it has.
    pub ended: Option<String>,
    revoked: BTreeMap<Key, Vec<Revoked>>,
    /// Where the newest act stands among all.
    latest: (u64, u64, u64),
}

/// Acts count in this order.
const fn place(act: &Entry<'_>) -> (u64, u64, u64) {
    (act.lamport, act.session, act.number)
}

impl Roster {
    /// Folds the founder's acts, by lamport time.
    #[must_use]
    pub fn fold(log: &Log, founder: Key) -> Self {
        let mut acts: Vec<_> = log
            .frames()
            .filter(|(lane, _)| *lane == Lane::Acts)
            .filter_map(|(_, frame)| entry_of(frame))
            .filter(|entry| entry.value.author == founder)
            .filter(|entry| !log.is_void(StreamId::of(&entry.value), entry.value.number))
            .collect();
        acts.sort_by_key(|entry| place(&entry.value));
        let mut roster = Self::default();
        acts.iter().for_each(|act| roster.append(log, act));
        roster
    }

    /// Takes in an act that `log` has just stored: only one that comes late has all folded again.
    pub fn take(&mut self, log: &Log, founder: Key, act: &Signed<'_, Entry<'_>>) {
        if act.value.author == founder && place(&act.value) > self.latest {
            self.append(log, act);
        } else {
            *self = Self::fold(log, founder);
        }
    }

    fn append(&mut self, log: &Log, act: &Signed<'_, Entry<'_>>) {
        self.latest = place(&act.value);
        if let Ok(body) = EntryBody::decode(act.value.kind, act.value.body.0) {
            self.apply(&body, hash(log.meeting(), act.bytes));
        }
    }

    fn apply(&mut self, body: &EntryBody<'_>, act: Hash) {
        match *body {
            EntryBody::Person { name } => self.host_name = Some(name.as_str().to_string()),
            EntryBody::Revoke { subject, level, name, .. } => {
                let revoked = Revoked { act, level, name: name.as_str().to_string() };
                self.revoked.entry(subject).or_default().push(revoked);
            }
            EntryBody::Grant { subject, answers, .. } => {
                if let Some(revoked) = self.revoked.get_mut(&subject) {
                    revoked.retain(|revoked| revoked.act != answers);
                }
            }
            EntryBody::Policy { door } => self.locked = door == Door::Locked,
            EntryBody::End { why } => self.ended = Some(why.as_str().to_string()),
            EntryBody::Text { .. } | EntryBody::Question { .. } | EntryBody::Unknown => {}
        }
    }

    /// Whether a key or ticket has been revoked at `level`.
    #[must_use]
    pub fn is_revoked(&self, subject: &Key, level: Level) -> bool {
        self.revoked.get(subject).is_some_and(|revoked| revoked.iter().any(|revoked| revoked.level == level))
    }

    /// The level of the revoke that `body` answers, before it is taken in.
    #[must_use]
    pub fn answered(&self, body: &EntryBody<'_>) -> Option<Level> {
        let EntryBody::Grant { subject, answers, .. } = body else { return None };
        self.revoked.get(subject)?.iter().find(|revoked| revoked.act == *answers).map(|revoked| revoked.level)
    }

    /// What those are called who are revoked at `level`: a key that was revoked twice once, tickets not at all.
    pub fn revoked(&self, level: Level) -> impl Iterator<Item = &str> {
        let last = move |revoked: &&Revoked| revoked.level == level && !revoked.name.is_empty();
        self.revoked.values().filter_map(move |revoked| revoked.iter().rfind(last)).map(|revoked| revoked.name.as_str())
    }

    /// The revokes at `level` of `subject`: subject and act.
    pub fn revokes_of(&self, subject: &Key, level: Level) -> impl Iterator<Item = (Key, Hash)> {
        let subject = *subject;
        let revoked = self.revoked.get(&subject).into_iter().flatten();
        revoked.filter(move |revoked| revoked.level == level).map(move |revoked| (subject, revoked.act))
    }

    /// The revokes at `level` of whoever was called `name`: subject and act.
    pub fn revoked_by_name(&self, name: &str, level: Level) -> impl Iterator<Item = (Key, Hash)> {
        self.revoked.iter().flat_map(move |(subject, revoked)| {
            let named = revoked.iter().filter(move |revoked| revoked.level == level && revoked.name == name);
            named.map(|revoked| (*subject, revoked.act))
        })
    }
}

/// An act in words: what its author did. `None` for what concerns nobody else. `answered`: the level of the revoke that
/// it takes back.
#[must_use]
pub fn notice(body: &EntryBody<'_>, answered: Option<Level>) -> Option<String> {
    let because = |why: &str| if why.is_empty() { String::new() } else { format!(": {why}") };
    match *body {
        EntryBody::Revoke { name, .. } if name.as_str().is_empty() => Some("made a ticket void".into()),
        EntryBody::Revoke { level: Level::Out, name, why, .. } => {
            Some(format!("showed {} out{}", name.as_str(), because(why.as_str())))
        }
        EntryBody::Revoke { level: Level::Mute, name, why, .. } => {
            Some(format!("muted {}{}", name.as_str(), because(why.as_str())))
        }
        EntryBody::Grant { name, .. } => Some(match answered {
            Some(Level::Out) => format!("lets {} in again", name.as_str()),
            Some(Level::Mute) => format!("lets {} ask again", name.as_str()),
            None => format!("forgave {}", name.as_str()),
        }),
        EntryBody::Policy { door: Door::Locked } => Some("locked the door".into()),
        EntryBody::Policy { door: Door::Unlocked } => Some("unlocked the door".into()),
        EntryBody::End { why } => Some(format!("ended the meeting{}", because(why.as_str()))),
        EntryBody::Person { .. } | EntryBody::Text { .. } | EntryBody::Question { .. } | EntryBody::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;

    use super::*;
    use crate::id::MeetingId;
    use crate::identity::{Ed25519, Identity, Secret};
    use crate::time::Now;
    use crate::wire::Encoded;
    use crate::wire::field::{Name, Reason};

    #[test]
    fn roster_1_acts_taken_one_by_one_add_up_to_their_fold_in_whatever_order() {
        let founder = Identity::new(Secret([1; 32]), Arc::new(Ed25519));
        let (mut log, mut frames) = (Log::new(MeetingId::ZERO, 9), Vec::<Encoded>::new());
        let (name, why) = (Reason::cut("anna"), Reason::NONE);
        let bodies = [
            EntryBody::Person { name: Name::new("hedy").expect("a name") },
            EntryBody::Revoke { subject: Key([7; 32]), level: Level::Mute, name, why },
            EntryBody::Policy { door: Door::Locked },
            EntryBody::Person { name: Name::new("ida").expect("a name") },
            EntryBody::Policy { door: Door::Unlocked },
        ];
        for (session, body) in bodies.iter().enumerate() {
            let session = u64::try_from(session).expect("small");
            frames.extend(log.write(&founder, session, body, Now::default()));
        }
        let whole = Roster::fold(&log, founder.key());
        assert_eq!((whole.host_name.as_deref(), whole.locked), (Some("ida"), false));
        for first in 0..frames.len() {
            let (mut log, mut roster) = (Log::new(MeetingId::ZERO, 9), Roster::default());
            frames.rotate_left(first);
            for act in frames.iter().filter_map(entry_of) {
                log.restore(&act);
                roster.take(&log, founder.key(), &act);
                assert_eq!(roster, Roster::fold(&log, founder.key()));
            }
            assert_eq!(roster, whole);
        }
    }
}
