//! Who has come and gone (SPEC.md, "Presence"): told to all, at most once a second. Whoever did wrong and went can still be
//! muted or shown out.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use crate::event::Event;
use crate::id::{Key, RequestId};
use crate::limits;
use crate::name::reading;
use crate::wire::field::{List, Name, encode_items};
use crate::wire::meeting::{Person, Presence, Whereabouts};
use crate::wire::option::Options;
use crate::wire::{Encoded, Frame};

/// PRESENCE of `guests` guests, naming `people`.
pub(super) fn presence<'a>(guests: usize, people: impl Iterator<Item = (Key, Whereabouts, &'a str)>) -> Encoded {
    let people =
        people.filter_map(|(key, whereabouts, name)| Name::new(name).map(|name| Person { key, whereabouts, name }));
    let people = people.take(if guests <= limits::PRESENCE_NAMES_MAX { limits::PRESENCE_NAMES_MAX } else { 0 });
    let (count, items) = encode_items(people, limits::PRESENCE_NAMES_MAX);
    let guests = u32::try_from(guests).unwrap_or(u32::MAX);
    Frame::from(Presence { guests, people: List::over(count, &items), options: Options::NONE }).encode(RequestId::EVENT)
}

/// The guests that an attendee knows of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct People {
    /// Names by key; none where there are too many to name.
    pub(super) names: BTreeMap<Key, String>,
    /// How many guests there are, named or not.
    pub(super) guests: u32,
}

impl People {
    /// Takes over a PRESENCE. One that names as many as there are names everybody, one that names nobody means that
    /// there are too many; any other tells what has changed. True if there were no names before: then everybody is news, or nobody.
    pub(super) fn update(&mut self, presence: &Presence<'_>, us: Key, events: &mut Vec<Event>) -> bool {
        let (unnamed, first) = (self.names.is_empty(), self.guests == 0);
        self.guests = presence.guests;
        let here = |person: &Person<'_>| person.whereabouts == Whereabouts::Here;
        let is_whole = u32::try_from(presence.people.iter().filter(here).count()) == Ok(presence.guests);
        if presence.people.is_empty() && !is_whole {
            self.names.clear();
        } else if is_whole {
            let named: BTreeSet<Key> = presence.people.iter().filter(here).map(|person| person.key).collect();
            let gone: Vec<Key> = self.names.keys().filter(|key| !named.contains(key)).copied().collect();
            gone.into_iter().for_each(|key| self.remove(key, us, events));
        }
        for person in presence.people.iter() {
            match person.whereabouts {
                Whereabouts::Gone => self.remove(person.key, us, events),
                Whereabouts::Here => self.put(person.key, person.name.as_str(), us, events),
            }
        }
        first || unnamed && !self.names.is_empty()
    }

    /// Whether there are more than are named.
    pub(super) fn is_unnamed(&self) -> bool {
        usize::try_from(self.guests).is_ok_and(|guests| guests > self.names.len())
    }

    /// Whether somebody other than `key` has a name that reads like this one.
    pub(super) fn is_named(&self, name: &str, key: Key) -> bool {
        let wanted = reading(name);
        self.names.iter().any(|(other, called)| *other != key && reading(called) == wanted)
    }

    /// Somebody has a new name, and PRESENCE will say so.
    pub(super) fn rename(&mut self, key: Key, name: &str) {
        if let Some(old) = self.names.get_mut(&key) {
            *old = name.to_string();
        }
    }

    fn put(&mut self, key: Key, name: &str, us: Key, events: &mut Vec<Event>) {
        match self.names.insert(key, name.to_string()) {
            Some(old) if old != name => events.push(Event::Renamed { key, old, new: name.to_string() }),
            None if key != us => events.push(Event::Joined { name: name.to_string(), key, ticket: None }),
            Some(_) | None => {}
        }
        // A host may name no more than this at once, but could go on.
        if self.names.len() > limits::GUESTS_MAX {
            self.names.remove(&key);
        }
    }

    fn remove(&mut self, key: Key, us: Key, events: &mut Vec<Event>) {
        if let Some(name) = self.names.remove(&key)
            && key != us
        {
            events.push(Event::Left { name, key, reason: String::new() });
        }
    }
}

/// Somebody who was here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leaver {
    pub(super) key: Key,
    pub(super) name: String,
    /// The ticket that it came with.
    pub(super) ticket: Option<Key>,
}

/// The last who have left, as many as PRESENCE would name.
#[derive(Clone, Debug, Default)]
pub(super) struct Gone(VecDeque<Leaver>);

impl Gone {
    /// Somebody has left.
    pub(super) fn note(&mut self, leaver: Leaver) {
        self.forget(&leaver.key);
        if self.0.len() >= limits::PRESENCE_NAMES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(leaver);
    }

    /// Somebody is back.
    pub(super) fn forget(&mut self, key: &Key) {
        self.0.retain(|leaver| leaver.key != *key);
    }

    /// Who had this name last.
    pub(super) fn named(&self, name: &str) -> Option<Key> {
        self.0.iter().rev().find(|leaver| leaver.name == name).map(|leaver| leaver.key)
    }

    /// What is known of `key`.
    pub(super) fn get(&self, key: &Key) -> Option<&Leaver> {
        self.0.iter().find(|leaver| leaver.key == *key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_who_left_are_known_by_name_until_they_are_back() {
        let mut gone = Gone::default();
        let leaver = |number: usize, name: &str| {
            let key = Key([u8::try_from(number % 256).expect("a byte"); 32]);
            Leaver { key, name: name.to_string(), ticket: None }
        };
        gone.note(leaver(1, "anna"));
        gone.note(leaver(2, "anna"));
        assert_eq!(gone.named("anna"), Some(Key([2; 32])), "the one who left last");
        gone.note(leaver(1, "bea"));
        assert_eq!(gone.get(&Key([1; 32])).map(|leaver| leaver.name.as_str()), Some("bea"));
        gone.forget(&Key([2; 32]));
        assert_eq!((gone.named("anna"), gone.named("bea")), (None, Some(Key([1; 32]))));
        (0..limits::PRESENCE_NAMES_MAX * 2).for_each(|number| gone.note(leaver(number, "x")));
        assert_eq!((gone.named("bea"), gone.0.len()), (None, limits::PRESENCE_NAMES_MAX));
    }
}
