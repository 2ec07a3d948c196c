//! The fold of the acts, down the ranks (SPEC.md, "Roster").

use alloc::{collections::BTreeMap, string::String, sync::Arc, vec::Vec};

use super::act::{Act, Grant, Place, Policy, Revoke};
use crate::charter::{Admission, SignedCharter};
use crate::id::{Hash, Key};
use crate::pass::Chain;
use crate::wire::entry::{Door, Level, Role};
use crate::wire::meeting::Lane;
use crate::wire::option::Manner;

/// The acts of each author, in the order that counts.
pub(super) type Acts = BTreeMap<Key, BTreeMap<Place, Act>>;

/// A revoke that has effect, and its author's rank.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Revoked {
    author: usize,
    revoke: Arc<Revoke>,
}

/// Who is a host, who is out, and whether the door is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// By rank: the founder first.
    hosts: Vec<Key>,
    /// By subject and act.
    revokes: BTreeMap<Key, BTreeMap<Hash, Revoked>>,
    /// By revoke and subject: each rank that answers, and from which session on.
    answers: BTreeMap<(Hash, Key), BTreeMap<usize, u64>>,
    /// The last policy, its place and its author's rank.
    policy: Option<(Place, usize, Arc<Policy>)>,
    pub(super) ended: Option<String>,
}

impl Standing {
    /// Folds all `acts`.
    pub(super) fn fold(acts: &Acts, charter: &SignedCharter) -> Self {
        let mut standing = Self { hosts: alloc::vec![charter.founder], ..Self::default() };
        for act in acts.get(&charter.founder).into_iter().flat_map(BTreeMap::values) {
            match act {
                Act::Grant(grant) if grant.role == Role::Host && !standing.is_host(&grant.subject) => {
                    standing.hosts.push(grant.subject);
                }
                // SPEC ROSTER-3
                Act::End(why) => standing.ended = Some(why.clone()),
                Act::Grant(_) | Act::Revoke(_) | Act::Policy(_) | Act::Unknown => {}
            }
        }
        for rank in 0..standing.hosts.len() {
            let Some(key) = standing.hosts.get(rank).copied() else { continue };
            // All revokes that can cut its acts are those of the hosts above.
            for (place, act) in acts.get(&key).into_iter().flatten() {
                if standing.reaches(&key, place.session, Lane::Acts, place.number) {
                    standing.rule(rank, *place, act);
                }
            }
        }
        standing
    }

    /// Takes in what the host of this rank decides about others.
    fn rule(&mut self, rank: usize, place: Place, act: &Act) {
        match act {
            // SPEC ROSTER-4
            Act::Revoke(revoke) if self.rank(&revoke.subject).is_none_or(|subject| subject > rank) => {
                let revoked = Revoked { author: rank, revoke: Arc::clone(revoke) };
                self.revokes.entry(revoke.subject).or_default().insert(revoke.act, revoked);
            }
            Act::Grant(Grant { subject, answers, session, .. }) if *answers != Hash::ZERO => {
                let ranks = self.answers.entry((*answers, *subject)).or_default();
                let from = ranks.entry(rank).or_insert(*session);
                *from = (*session).min(*from);
            }
            Act::Policy(policy) if self.policy.as_ref().is_none_or(|(last, ..)| *last < place) => {
                self.policy = Some((place, rank, Arc::clone(policy)));
            }
            Act::Grant(_) | Act::Revoke(_) | Act::Policy(_) | Act::End(_) | Act::Unknown => {}
        }
    }

    /// Takes in one more act of `author`; false if all must be folded again for it: it may change whose acts count.
    pub(super) fn take(&mut self, author: &Key, place: Place, act: &Act) -> bool {
        let Some(rank) = self.rank(author) else { return !self.hosts.is_empty() };
        if !self.reaches(author, place.session, Lane::Acts, place.number) {
            return true;
        }
        let is_apart = match act {
            Act::Revoke(revoke) => !self.is_host(&revoke.subject),
            Act::Grant(grant) => grant.role != Role::Host && !self.is_host(&grant.subject),
            Act::End(_) => rank > 0,
            Act::Policy(_) | Act::Unknown => true,
        };
        if is_apart {
            self.rule(rank, place, act);
        }
        is_apart
    }

    /// Whether an entry of `key` lies within every cut (SPEC ROSTER-5, ROSTER-6).
    pub(super) fn reaches(&self, key: &Key, session: u64, lane: Lane, number: u64) -> bool {
        self.revokes(key).all(|revoked| {
            !revoked.revoke.cuts(lane)
                || revoked.revoke.spares(session, lane, number)
                || self.answered_from(revoked).is_some_and(|from| session >= from)
        })
    }

    fn revokes(&self, subject: &Key) -> impl Iterator<Item = &Revoked> {
        self.revokes.get(subject).into_iter().flat_map(BTreeMap::values)
    }

    /// From which session on what was revoked counts again, if anybody who may has answered.
    fn answered_from(&self, revoked: &Revoked) -> Option<u64> {
        // SPEC ROSTER-6
        let ranks = self.answers.get(&(revoked.revoke.act, revoked.revoke.subject))?;
        ranks.range(..=revoked.author).map(|(_, from)| *from).min()
    }

    /// The revokes of a key or ticket that nobody has answered.
    pub(super) fn unanswered(&self, subject: &Key) -> impl Iterator<Item = &Revoke> {
        let revoked = self.revokes(subject).filter(|revoked| self.answered_from(revoked).is_none());
        revoked.map(|revoked| &*revoked.revoke)
    }

    /// Of these, those that show a key out or make a ticket void.
    fn outs(&self, subject: &Key) -> impl Iterator<Item = &Revoke> {
        self.unanswered(subject).filter(|revoke| revoke.level == Level::Out)
    }

    /// The lowest session of a key in which it may be there again, after all that has shown it out and been answered.
    pub(super) fn back_from(&self, key: &Key) -> u64 {
        let out = self.revokes(key).filter(|revoked| revoked.revoke.level == Level::Out);
        out.filter_map(|revoked| self.answered_from(revoked)).max().unwrap_or(0)
    }

    /// The lowest session of a key in which what it says is not cut by what has been answered.
    pub(super) fn counts_from(&self, key: &Key) -> u64 {
        self.revokes(key).filter_map(|revoked| self.answered_from(revoked)).max().unwrap_or(0)
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
        self.hosts.iter().position(|host| host == key)
    }

    /// Whether a key is a host's, or was until it was revoked.
    pub(super) fn is_host(&self, key: &Key) -> bool {
        self.hosts.contains(key)
    }

    /// By rank.
    pub(super) fn hosts(&self) -> &[Key] {
        &self.hosts
    }

    pub(super) fn is_locked(&self) -> bool {
        self.policy.as_ref().is_some_and(|(_, _, policy)| policy.door == Door::Locked)
    }

    /// SPEC ROSTER-9
    pub(super) fn is_out(&self, key: &Key) -> bool {
        self.outs(key).next().is_some()
    }

    /// Whether a chain that holds, and the ticket that somebody has proved to have, let `key` in (SPEC ROSTER-7, ROSTER-8).
    pub(super) fn lets_in(&self, key: &Key, chain: &Chain, ticket: Option<Key>, charter: &SignedCharter) -> bool {
        let Some(last) = chain.passes().last() else { return false };
        let by_hand = self.rank(&last.signer).filter(|_| last.manner == Manner::ByHand);
        self.is_unbroken(key, chain)
            && self.is_admitted(key, ticket, by_hand, charter)
            && self.is_past_lock(key, by_hand)
    }

    /// Whether, from the last host of the chain on, nobody is out, but where somebody behind was kept.
    fn is_unbroken(&self, key: &Key, chain: &Chain) -> bool {
        let passes = chain.passes();
        let from = passes.iter().rposition(|pass| self.is_host(&pass.signer)).unwrap_or(0);
        let mut signers = passes.iter().enumerate().skip(from);
        signers.all(|(at, pass)| {
            let keeps = |revoke: &Revoke| chain.subjects(*key).skip(at).any(|behind| revoke.kept.contains(&behind));
            self.outs(&pass.signer).all(keeps)
        })
    }

    /// Whether the meeting's admission is met; `by_hand`: the rank of the host who has admitted `key` itself.
    fn is_admitted(&self, key: &Key, ticket: Option<Key>, by_hand: Option<usize>, charter: &SignedCharter) -> bool {
        by_hand.is_some()
            || match charter.admission {
                Admission::Open => true,
                Admission::Ticket => ticket.is_some_and(|ticket| self.is_good_for(&ticket, key)),
                Admission::Lobby | Admission::TicketAndLobby => false,
            }
    }

    /// Whether nobody has made a ticket void, or those who have keep `key`.
    pub(super) fn is_good_for(&self, ticket: &Key, key: &Key) -> bool {
        self.outs(ticket).all(|revoke| revoke.kept.contains(key))
    }

    pub(super) fn is_past_lock(&self, key: &Key, by_hand: Option<usize>) -> bool {
        self.policy.as_ref().is_none_or(|(_, locker, policy)| {
            let is_above = by_hand.is_some_and(|rank| rank <= *locker);
            policy.door == Door::Unlocked || policy.kept.contains(key) || is_above
        })
    }
}
