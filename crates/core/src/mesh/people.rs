//! Who is here, by what they have written: a PERSON act says hello, LEFT says goodbye.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use super::member::{Member, Stage};
use crate::event::{Event, Member as Shown, State};
use crate::id::Key;
use crate::log::Held;
use crate::machine::Output;
use crate::name::normal;
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

impl Member {
    /// Whether somebody is a member, has come, has not left, and was not shown out since (SPEC MESH-18).
    pub(super) fn is_here(&self, key: &Key) -> bool {
        let session = self.people.came_in(key);
        self.roster.is_member(key) && session.is_some_and(|session| self.roster.is_back(key, session))
    }

    /// Tells the user that the link to somebody stands, once it is known who that is.
    pub(super) fn introduce(&mut self, key: Key, out: &mut Vec<Output>) {
        let is_known =
            self.stage == Stage::Inside && self.people.is_told && self.is_here(&key) && self.linked.contains_key(&key);
        if is_known && self.people.introduced.insert(key) {
            out.push(Output::Event(Event::Linked { name: self.called(&key), key }));
        }
    }

    /// Where somebody is, as this node sees it.
    pub(super) fn state_of(&self, key: &Key) -> State {
        if *key == self.us.key() {
            State::You
        } else if self.linked.contains_key(key) {
            State::Linked
        } else if self.links.values().any(|peer| peer.is_in() && peer.with.contains(key)) {
            State::Bridged
        } else {
            State::Away
        }
    }

    pub(super) fn users(&self) -> Event {
        let here = self.roster.members().map(|member| member.key).filter(|key| self.is_here(key));
        let members: Vec<Shown> =
            here.map(|key| Shown { name: self.called(&key), key, state: self.state_of(&key) }).collect();
        // Nobody is a guest here.
        Event::Roster { members, guests: 0 }
    }

    /// The key of the one here who is called `name`.
    pub(super) fn find(&self, name: &str) -> Option<Key> {
        let mut here = self.roster.members().map(|member| member.key).filter(|key| self.is_here(key));
        let name = normal(name);
        here.find(|key| normal(&self.called(key)) == name)
    }
}
