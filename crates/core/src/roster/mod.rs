//! Who may do what (SPEC.md, "Roster"): a pure function of the acts, whatever the order they came in.

mod act;
mod fold;
mod people;
#[cfg(test)]
mod tests;

use alloc::{collections::BTreeMap, string::String, vec::Vec};
use core::net::SocketAddr;

use self::act::{Act, Place, Revoke};
use self::fold::{Acts, Standing};
use self::people::Person;
use crate::charter::SignedCharter;
use crate::event::Deed;
use crate::id::{Hash, Key};
use crate::identity::Identity;
use crate::limits;
use crate::log::{Held, Log, StreamId};
use crate::wire::entry::{Door, EntryBody, Level, Role, Whereabouts};
use crate::wire::meeting::Lane;

/// Somebody who may be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// Who.
    pub key: Key,
    /// Host or member; the founder is a host.
    pub role: Role,
    /// What it calls itself; `None` until it has said so.
    pub name: Option<&'a str>,
    /// Where it says that it can be dialled.
    pub addresses: &'a [SocketAddr],
}

/// What the acts of a meeting add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    acts: Acts,
    /// Invariant: the fold of `acts`.
    standing: Standing,
    /// The newest word of each who has said who it is.
    people: BTreeMap<Key, Person>,
}

impl Roster {
    /// Folds all acts that `log` holds and that no fork has made void.
    #[must_use]
    pub fn fold(log: &Log, charter: &SignedCharter, us: &Identity) -> Self {
        let mut roster = Self::default();
        for act in log.acts().filter(|act| !log.is_void(act.id, act.number)) {
            roster.keep(act, charter, us);
        }
        roster.standing = Standing::fold(&roster.acts, charter);
        log.registers().for_each(|register| roster.meet(register));
        roster
    }

    /// Takes in what somebody says of itself, if the entry is that.
    fn meet(&mut self, entry: &Held) {
        if entry.lane() == Lane::PERSON {
            self.people.remove(&entry.id.author);
            self.people.extend(Person::read(entry).map(|person| (entry.id.author, person)));
        }
    }

    fn keep(&mut self, entry: &Held, charter: &SignedCharter, us: &Identity) -> Option<(Place, Act)> {
        let (place, act) = (Place::of(entry), Act::read(entry, charter, us)?);
        self.acts.entry(entry.id.author).or_default().insert(place, act.clone());
        Some((place, act))
    }

    /// Takes in an act or a PERSON that the log has just stored; what is neither changes nothing.
    pub fn take(&mut self, entry: &Held, charter: &SignedCharter, us: &Identity) {
        self.meet(entry);
        let Some((place, act)) = self.keep(entry, charter, us) else { return };
        if !self.standing.take(entry.id.author, place, &act, &self.acts, charter) {
            self.standing = Standing::fold(&self.acts, charter);
        }
    }

    /// Leaves out what a fork has made void: `stream`, from `number` on.
    pub fn void(&mut self, stream: StreamId, number: u64, charter: &SignedCharter) {
        if let (Lane::Acts, Some(acts)) = (stream.lane, self.acts.get_mut(&stream.author)) {
            acts.retain(|place, _| place.session != stream.session || place.number < number);
            self.standing = Standing::fold(&self.acts, charter);
        }
    }

    /// How far from the top a key stands that was ever granted: 0 is the founder, and lower is more senior.
    pub(crate) fn rank(&self, key: &Key) -> Option<usize> {
        self.standing.rank(key)
    }

    /// Whether a key is the founder's, or that of somebody whom the founder has made a host; and may be there.
    #[must_use]
    pub fn is_host(&self, key: &Key) -> bool {
        self.is_hosts(key) && !self.standing.is_out(key)
    }

    /// Whether a key is granted, and not out.
    pub(crate) fn is_member(&self, key: &Key) -> bool {
        self.rank(key).is_some() && !self.standing.is_out(key)
    }

    /// All members, by rank.
    pub fn members(&self) -> impl Iterator<Item = Member<'_>> {
        let keys = self.standing.keys().enumerate().filter(|(_, key)| !self.standing.is_out(key));
        keys.map(|(rank, key)| {
            let role = if rank < self.standing.hosts() { Role::Host } else { Role::Member };
            let person = self.people.get(key);
            let addresses = person.map_or(&[][..], |person| &person.addresses);
            Member { key: *key, role, name: person.map(|person| &*person.name), addresses }
        })
    }

    /// Whom a lock, and the revoke of a ticket, lists (SPEC LOCK-1).
    pub fn kept(&self) -> impl Iterator<Item = Key> {
        self.members().map(|member| member.key).take(limits::KEPT_MAX)
    }

    /// What somebody who was ever granted calls itself.
    #[must_use]
    pub fn name(&self, key: &Key) -> Option<&str> {
        self.people.get(key).filter(|_| self.rank(key).is_some()).map(|person| &*person.name)
    }

    /// Whether somebody is a member and says that it is here, and has said so since it was shown out (SPEC MESH-18).
    #[must_use]
    pub fn is_here(&self, key: &Key) -> bool {
        let person = self.people.get(key).filter(|person| person.whereabouts == Whereabouts::Here);
        person.is_some_and(|person| self.is_member(key) && self.is_back(key, person.session))
    }

    /// Whether somebody says that it is gone.
    pub(crate) fn has_left(&self, key: &Key) -> bool {
        self.people.get(key).is_some_and(|person| person.whereabouts == Whereabouts::Gone)
    }

    /// The founder's name.
    #[must_use]
    pub fn host_name(&self) -> Option<&str> {
        self.standing.keys().next().and_then(|founder| self.name(founder))
    }

    /// Whether the author of an entry is granted, and the entry lies within all cuts (SPEC ROSTER-5, ROSTER-9).
    #[must_use]
    pub fn counts(&self, stream: StreamId, number: u64) -> bool {
        let StreamId { author, session, lane } = stream;
        self.rank(&author).is_some() && (lane.is_register() || self.standing.reaches(&author, session, lane, number))
    }

    /// Whether what an act decides about others has effect (SPEC ROSTER-3, ROSTER-4, ROSTER-6). `body`: what it says.
    pub(crate) fn has_effect(&self, act: &Held, body: &EntryBody<'_>) -> bool {
        let rank = self.rank(&act.id.author).filter(|rank| *rank < self.standing.hosts());
        let Some(rank) = rank.filter(|_| self.counts(act.id, act.number)) else { return false };
        match body {
            EntryBody::Revoke { subject, .. } => self.standing.revoker(subject, act.hash).is_some(),
            EntryBody::Grant { subject, answers, .. } => {
                self.standing.revoker(subject, *answers).is_some_and(|revoker| rank <= revoker)
            }
            EntryBody::End { .. } => rank == 0,
            EntryBody::Person { .. }
            | EntryBody::Policy { .. }
            | EntryBody::Text { .. }
            | EntryBody::Question { .. }
            | EntryBody::Unknown => true,
        }
    }

    /// Whether a key is the founder's, or one that the founder has made a host, even if it has been revoked since.
    pub(crate) fn is_hosts(&self, key: &Key) -> bool {
        self.standing.is_host(key)
    }

    /// How many acts of `author` there are.
    pub(crate) fn acts_of(&self, author: &Key) -> usize {
        self.acts.get(author).map_or(0, |acts| acts.len())
    }

    /// Whether anybody new gets in.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.standing.is_locked()
    }

    /// Why the meeting has ended, if it has.
    #[must_use]
    pub fn ended(&self) -> Option<&str> {
        self.standing.ended.as_deref()
    }

    /// Whether a key or ticket has been revoked at `level`, and nobody has answered.
    #[must_use]
    pub fn is_revoked(&self, subject: &Key, level: Level) -> bool {
        self.standing.unanswered(subject).any(|revoke| revoke.level == level)
    }

    /// Whether a session of a key begins after all that has ever shown it out (SPEC ROSTER-6).
    #[must_use]
    pub fn is_back(&self, key: &Key, session: u64) -> bool {
        self.standing.revokes_of(key).all(|revoke| revoke.level != Level::Out || revoke.is_before(session))
    }

    /// The lowest session of a key that no cut has to do with.
    pub(crate) fn session_after_cuts(&self, key: &Key) -> u64 {
        self.standing.revokes_of(key).map(Revoke::session_after).max().unwrap_or(0)
    }

    /// The level of the revoke that `body` answers, before it is taken in.
    #[must_use]
    pub fn answered(&self, body: &EntryBody<'_>) -> Option<Level> {
        let EntryBody::Grant { subject, answers, .. } = body else { return None };
        self.standing.unanswered(subject).find(|revoke| revoke.act == *answers).map(|revoke| revoke.level)
    }

    /// What those are called who are revoked at `level`: a key that was revoked twice once, tickets not at all.
    pub fn revoked(&self, level: Level) -> impl Iterator<Item = &str> {
        let named = move |revoke: &&Revoke| revoke.level == level && !revoke.name.is_empty();
        let one = move |subject| self.standing.unanswered(subject).find(named);
        self.standing.subjects().filter_map(one).map(|revoke| revoke.name.as_str())
    }

    /// The unanswered revokes at `level` of whoever was called `name`, or else of who `is_called` so now: subject and act.
    pub(crate) fn unanswered(&self, name: &str, level: Level, is_called: Option<Key>) -> Vec<(Key, Hash)> {
        let all = self.standing.subjects().flat_map(|subject| self.standing.unanswered(subject));
        let (named, others): (Vec<&Revoke>, Vec<&Revoke>) =
            all.filter(|revoke| revoke.level == level).partition(|revoke| revoke.name == name);
        let of_key = others.into_iter().filter(|revoke| named.is_empty() && Some(revoke.subject) == is_called);
        named.iter().copied().chain(of_key).map(|revoke| (revoke.subject, revoke.act)).collect()
    }

    /// Panics unless what was taken in one by one is what all acts fold to.
    pub(crate) fn assert_invariants(&self, charter: &SignedCharter) {
        assert_eq!(self.standing, Standing::fold(&self.acts, charter), "the roster is the fold of its acts");
    }
}

/// What the author of an act did, and why; `None` for what concerns nobody else. `answered`: the level of the revoke that
/// it takes back.
#[must_use]
pub fn deed(body: &EntryBody<'_>, answered: Option<Level>) -> Option<(Deed, String)> {
    let (deed, why) = match *body {
        EntryBody::Revoke { name, .. } if name.as_str().is_empty() => (Deed::VoidTicket, ""),
        EntryBody::Revoke { level, name, why, .. } => (Deed::Revoke(name.as_str().into(), level), why.as_str()),
        EntryBody::Grant { name, answers: Hash::ZERO, .. } => (Deed::LetIn(name.as_str().into()), ""),
        EntryBody::Grant { name, .. } => (Deed::Forgive(name.as_str().into(), answered), ""),
        EntryBody::Policy { door: Door::Locked, .. } => (Deed::Lock, ""),
        EntryBody::Policy { door: Door::Unlocked, .. } => (Deed::Unlock, ""),
        EntryBody::End { why } => (Deed::End, why.as_str()),
        EntryBody::Person { .. } | EntryBody::Text { .. } | EntryBody::Question { .. } | EntryBody::Unknown => {
            return None;
        }
    };
    Some((deed, why.into()))
}
