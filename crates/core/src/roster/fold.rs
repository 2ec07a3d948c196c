//! The fold of the acts, down the ranks (SPEC.md, "Roster").

use alloc::{collections::BTreeMap, string::String, sync::Arc, vec::Vec};

use super::act::{Act, Grant, Place, Policy, Revoke};
use crate::charter::{Admission, SignedCharter};
use crate::id::{Hash, Key};
use crate::limits;
use crate::wire::entry::{Door, Level, Role};
use crate::wire::meeting::Lane;
use crate::wire::session::Purpose;

/// The acts of each author, in the order that counts.
pub(super) type Acts = BTreeMap<Key, BTreeMap<Place, Act>>;

/// Somebody granted, and what its rank comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seat {
    key: Key,
    /// The rank of who granted it.
    granter: usize,
    grant: Place,
}

/// A revoke that has effect, and its author's rank.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Revoked {
    author: usize,
    revoke: Arc<Revoke>,
}

/// Who is what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// By rank.
    seats: Vec<Seat>,
    /// Invariant: the index of each key in `seats`.
    ranks: BTreeMap<Key, usize>,
    /// How many of the seats are hosts'.
    hosts: usize,
    /// By subject and act.
    revokes: BTreeMap<Key, BTreeMap<Hash, Revoked>>,
    /// The highest rank that has answered a revoke, by revoke and subject.
    answers: BTreeMap<(Hash, Key), usize>,
    /// The last policy, its place and its author's rank.
    policy: Option<(Place, usize, Arc<Policy>)>,
    pub(super) ended: Option<String>,
}

impl Standing {
    /// Folds all `acts`.
    pub(super) fn fold(acts: &Acts, charter: &SignedCharter) -> Self {
        let mut standing = Self::default();
        standing.seat(charter.founder, 0, Place::default());
        for (place, act) in acts.get(&charter.founder).into_iter().flatten() {
            match act {
                Act::Grant(grant) if grant.role == Role::Host => standing.seat(grant.subject, 0, *place),
                // SPEC ROSTER-3
                Act::End(why) => standing.ended = Some(why.clone()),
                Act::Grant(_) | Act::Revoke(_) | Act::Policy(_) | Act::Unknown => {}
            }
        }
        standing.hosts = standing.seats.len();
        for rank in 0..standing.hosts {
            standing.rule(rank, acts);
        }
        let mut rank = 0;
        while let Some(seat) = standing.seats.get(rank).copied() {
            standing.introduce(rank, seat.key, acts, charter);
            rank = rank.saturating_add(1);
        }
        standing
    }

    fn seat(&mut self, key: Key, granter: usize, grant: Place) {
        if let alloc::collections::btree_map::Entry::Vacant(rank) = self.ranks.entry(key) {
            rank.insert(self.seats.len());
            self.seats.push(Seat { key, granter, grant });
        }
    }

    /// The acts of `key` that count. All revokes that can name a host are known once those above it have ruled.
    fn counted<'a>(&self, key: Key, acts: &'a Acts) -> impl Iterator<Item = (&'a Place, &'a Act)> {
        // SPEC ROSTER-11
        let acts = acts.get(&key).filter(|acts| self.is_host(&key) || acts.len() <= limits::ACTS_OF_MEMBER_MAX);
        acts.into_iter().flatten().filter(move |(place, _)| self.has_act(&key, **place))
    }

    /// Takes in what the host of this rank decides about others.
    fn rule(&mut self, rank: usize, acts: &Acts) {
        let Some(key) = self.seats.get(rank).map(|seat| seat.key) else { return };
        let (mut revokes, mut policy) = (Vec::new(), self.policy.take());
        let mut answers = Vec::new();
        for (place, act) in self.counted(key, acts) {
            match act {
                // SPEC ROSTER-4
                Act::Revoke(revoke) if self.rank(&revoke.subject).is_none_or(|subject| subject > rank) => {
                    revokes.push(Arc::clone(revoke));
                }
                Act::Grant(grant) if grant.answers != Hash::ZERO => answers.push((grant.answers, grant.subject)),
                Act::Policy(new) if policy.as_ref().is_none_or(|(last, ..)| last < place) => {
                    policy = Some((*place, rank, Arc::clone(new)));
                }
                Act::Grant(_) | Act::Revoke(_) | Act::Policy(_) | Act::End(_) | Act::Unknown => {}
            }
        }
        self.policy = policy;
        revokes.into_iter().for_each(|revoke| self.revoke(rank, revoke));
        answers.into_iter().for_each(|answer| self.answer(rank, answer));
    }

    fn revoke(&mut self, author: usize, revoke: Arc<Revoke>) {
        self.revokes.entry(revoke.subject).or_default().insert(revoke.act, Revoked { author, revoke });
    }

    fn answer(&mut self, author: usize, answer: (Hash, Key)) {
        let highest = self.answers.entry(answer).or_insert(author);
        *highest = author.min(*highest);
    }

    /// Takes in whom somebody grants.
    fn introduce(&mut self, rank: usize, key: Key, acts: &Acts, charter: &SignedCharter) {
        let mut granted = Vec::new();
        for (place, act) in self.counted(key, acts) {
            match act {
                Act::Grant(grant) if self.lets_in(rank, grant, charter) => granted.push((grant.subject, *place)),
                Act::Grant(_) | Act::Revoke(_) | Act::Policy(_) | Act::End(_) | Act::Unknown => {}
            }
        }
        granted.into_iter().for_each(|(subject, place)| self.seat(subject, rank, place));
    }

    /// Whether a grant by somebody of this rank makes a member.
    fn lets_in(&self, rank: usize, grant: &Grant, charter: &SignedCharter) -> bool {
        // SPEC ROSTER-3, ROSTER-10
        if grant.role == Role::Host || charter.kind == Purpose::STAR {
            return false;
        }
        // SPEC ROSTER-7
        let is_admitted = rank < self.hosts
            || match charter.admission {
                Admission::Open => true,
                Admission::Ticket => grant.ticket.is_some_and(|ticket| self.is_good(&ticket, &grant.subject)),
                Admission::Lobby | Admission::TicketAndLobby => false,
            };
        // SPEC ROSTER-8
        let is_past_lock = self.policy.as_ref().is_none_or(|(_, author, policy)| {
            policy.door == Door::Unlocked || rank <= *author || policy.kept.contains(&grant.subject)
        });
        is_admitted && is_past_lock
    }

    /// Whether `ticket` lets `subject` in.
    fn is_good(&self, ticket: &Key, subject: &Key) -> bool {
        self.unanswered(ticket).all(|revoke| revoke.kept.contains(subject))
    }

    /// Whether an act of `key` lies within every cut.
    fn has_act(&self, key: &Key, place: Place) -> bool {
        self.reaches(key, place.session, Lane::Acts, place.number)
    }

    /// Whether an entry of `key` lies within every cut.
    pub(super) fn reaches(&self, key: &Key, session: u64, lane: Lane, number: u64) -> bool {
        // SPEC ROSTER-5, ROSTER-6
        let mut revokes = self.revokes.get(key).into_iter().flat_map(BTreeMap::values);
        revokes.all(|revoked| {
            !revoked.revoke.cuts(lane)
                || revoked.revoke.spares(session, lane, number)
                || revoked.revoke.is_before(session) && self.is_answered(revoked)
        })
    }

    /// SPEC ROSTER-6
    fn is_answered(&self, revoked: &Revoked) -> bool {
        let answered = self.answers.get(&(revoked.revoke.act, revoked.revoke.subject));
        answered.is_some_and(|rank| *rank <= revoked.author)
    }

    /// All revokes of a key or ticket, answered or not.
    pub(super) fn revokes_of(&self, subject: &Key) -> impl Iterator<Item = &Revoke> {
        self.revokes.get(subject).into_iter().flat_map(BTreeMap::values).map(|revoked| &*revoked.revoke)
    }

    /// The revokes of a key or ticket that nobody has answered.
    pub(super) fn unanswered(&self, subject: &Key) -> impl Iterator<Item = &Revoke> {
        let revoked = self.revokes.get(subject).into_iter().flat_map(BTreeMap::values);
        revoked.filter(|revoked| !self.is_answered(revoked)).map(|revoked| &*revoked.revoke)
    }

    /// The rank of the author of a revoke that has effect, answered or not.
    pub(super) fn revoker(&self, subject: &Key, act: Hash) -> Option<usize> {
        self.revokes.get(subject)?.get(&act).map(|revoked| revoked.author)
    }

    /// Whose revokes there are.
    pub(super) fn subjects(&self) -> impl Iterator<Item = &Key> {
        self.revokes.keys()
    }

    pub(super) fn rank(&self, key: &Key) -> Option<usize> {
        self.ranks.get(key).copied()
    }

    /// Whether a key is a host's, or was until it was revoked.
    pub(super) fn is_host(&self, key: &Key) -> bool {
        self.rank(key).is_some_and(|rank| rank < self.hosts)
    }

    pub(super) const fn hosts(&self) -> usize {
        self.hosts
    }

    /// Everybody who was ever granted, by rank.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.seats.iter().map(|seat| &seat.key)
    }

    pub(super) fn is_locked(&self) -> bool {
        self.policy.as_ref().is_some_and(|(_, _, policy)| policy.door == Door::Locked)
    }

    /// SPEC ROSTER-9
    pub(super) fn is_out(&self, key: &Key) -> bool {
        self.unanswered(key).any(|revoke| revoke.level == Level::Out)
    }

    /// Takes in one more act of `author`'s, which `acts` has already; false if all must be folded again for it.
    ///
    /// Most acts need not: who comes is granted by somebody whose other grants are older, and says who it is.
    pub(super) fn take(&mut self, author: Key, place: Place, act: &Act, acts: &Acts, charter: &SignedCharter) -> bool {
        // Who is not granted changes nothing; but a fold of nothing does not even know its founder.
        let Some(rank) = self.rank(&author) else { return self.hosts > 0 };
        if !self.has_act(&author, place) {
            return true;
        }
        // SPEC ROSTER-11: the first act too many takes the effect of all.
        let count = acts.get(&author).map_or(0, BTreeMap::len);
        if rank >= self.hosts && count > limits::ACTS_OF_MEMBER_MAX {
            return count > limits::ACTS_OF_MEMBER_MAX.saturating_add(1);
        }
        match act {
            Act::Unknown => true,
            // What hosts alone do, and others in vain.
            Act::Revoke(_) | Act::Policy(_) | Act::End(_) if rank >= self.hosts => true,
            Act::Revoke(revoke) if self.is_apart(&revoke.subject, charter) => {
                self.revoke(rank, Arc::clone(revoke));
                true
            }
            Act::Revoke(_) | Act::Policy(_) | Act::End(_) => false,
            Act::Grant(grant) if rank >= self.hosts || grant.answers == Hash::ZERO && grant.role == Role::Member => {
                self.take_grant(rank, place, grant, acts, charter)
            }
            Act::Grant(grant) if grant.role == Role::Member && self.is_apart(&grant.subject, charter) => {
                self.answer(rank, (grant.answers, grant.subject));
                self.take_grant(rank, place, grant, acts, charter)
            }
            Act::Grant(_) => false,
        }
    }

    /// Whether no act rests on what is revoked or answered of `subject`: it has no rank, and is no ticket.
    fn is_apart(&self, subject: &Key, charter: &SignedCharter) -> bool {
        self.rank(subject).is_none() && (charter.kind == Purpose::STAR || !charter.admission.has_tickets())
    }

    fn take_grant(&mut self, rank: usize, place: Place, grant: &Grant, acts: &Acts, charter: &SignedCharter) -> bool {
        if !self.lets_in(rank, grant, charter) {
            return true;
        }
        if let Some(known) = self.rank(&grant.subject) {
            let seat = self.seats.get(known).map(|seat| (seat.granter, seat.grant));
            return known < self.hosts || seat <= Some((rank, place));
        }
        let is_last = self.seats.len() == self.hosts
            || self.seats.last().is_some_and(|last| (last.granter, last.grant) < (rank, place));
        if is_last && !acts.contains_key(&grant.subject) {
            self.seat(grant.subject, rank, place);
            return true;
        }
        false
    }
}
