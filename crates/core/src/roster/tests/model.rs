//! The rules of SPEC.md's "Roster", each read as it stands and applied again and again until nothing changes: slow, and
//! in no order. What it ends with is what the fold must find.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec,
    vec::Vec,
};

use proptest::prelude::*;
use proptest::sample::Index;

use super::{Room, SEED, key, person};
use crate::charter::{Admission, SignedCharter};
use crate::id::{Hash, Key};
use crate::limits;
use crate::log::{Held, Log, StreamId};
use crate::roster::Roster;
use crate::ticket::prove_ticket;
use crate::time::Now;
use crate::wire::entry::{Cut, Door, Entry, EntryBody, Level, Role};
use crate::wire::field::{List, Reason, encode_items};
use crate::wire::meeting::Lane;
use crate::wire::option::TicketProof;

/// A revoke: its hash, author, level, cuts, and whom it keeps.
type Revoked<'a> = (Hash, Key, Level, Vec<Cut>, List<'a, Key, { limits::KEPT_MAX }>);

struct Model<'a> {
    charter: &'a SignedCharter,
    acts: Vec<(Hash, Entry, EntryBody<'a>)>,
    /// Who is granted, by rank, and how many of them are hosts.
    ranks: Vec<Key>,
    hosts: usize,
    /// The acts that lie within all cuts, and those of them that have effect.
    within: BTreeSet<Hash>,
    effective: BTreeSet<Hash>,
}

impl<'a> Model<'a> {
    fn new(charter: &'a SignedCharter, entries: &'a [Arc<Held>]) -> Self {
        let mut acts: Vec<_> = entries.iter().map(|act| (act.hash, act.signed().value, act.body())).collect();
        acts.sort_by_key(|(_, entry, _)| (entry.lamport, entry.author, entry.session, entry.number));
        let all: BTreeSet<Hash> = acts.iter().map(|(hash, ..)| *hash).collect();
        let mut model =
            Self { charter, acts, ranks: vec![charter.founder], hosts: 1, within: all.clone(), effective: all };
        for _ in 0..20 {
            model.rank_all();
            model.within =
                model.acts.iter().filter(|(_, entry, _)| model.is_within_cuts(entry)).map(|(hash, ..)| *hash).collect();
            model.effective = model.acts.iter().filter(|act| model.has_effect(act)).map(|(hash, ..)| *hash).collect();
        }
        model
    }

    fn rank(&self, key: &Key) -> usize {
        self.ranks.iter().position(|ranked| ranked == key).unwrap_or(usize::MAX)
    }

    fn effective(&self) -> impl Iterator<Item = &(Hash, Entry, EntryBody<'a>)> {
        self.acts.iter().filter(|(hash, ..)| self.effective.contains(hash))
    }

    fn rank_all(&mut self) {
        let grants = |author: Key, wanted: Role| {
            let of = self.effective().filter(move |(_, entry, _)| entry.author == author);
            of.filter_map(move |(.., body)| {
                let EntryBody::Grant { subject, role, .. } = body else { return None };
                (*role == wanted).then_some(*subject)
            })
        };
        let mut ranks = vec![self.charter.founder];
        let add = |ranks: &mut Vec<Key>, new: Vec<Key>| {
            for key in new {
                if !ranks.contains(&key) {
                    ranks.push(key);
                }
            }
        };
        add(&mut ranks, grants(self.charter.founder, Role::Host).collect());
        let hosts = ranks.len();
        for at in 0..usize::MAX {
            let Some(granter) = ranks.get(at).copied() else { break };
            add(&mut ranks, grants(granter, Role::Member).collect());
        }
        (self.ranks, self.hosts) = (ranks, hosts);
    }

    fn has_effect(&self, (hash, entry, body): &(Hash, Entry, EntryBody<'a>)) -> bool {
        let rank = self.rank(&entry.author);
        if rank == usize::MAX || !self.within.contains(hash) {
            return false;
        }
        match body {
            EntryBody::Revoke { subject, .. } => rank < self.hosts && self.rank(subject) > rank,
            EntryBody::Policy { .. } => rank < self.hosts,
            EntryBody::End { .. } => rank == 0,
            EntryBody::Grant { role: Role::Host, .. } => rank == 0,
            EntryBody::Grant { subject, proof, .. } => {
                let ticket = self.charter.ticket;
                let keeps = |kept: List<'_, Key, { limits::KEPT_MAX }>| kept.iter().any(|kept| kept == *subject);
                let good = self
                    .revokes(&ticket)
                    .all(|(revoke, author, _, _, kept)| self.is_answered(revoke, author, &ticket) || keeps(kept));
                let admits = match self.charter.admission {
                    _ if rank < self.hosts => true,
                    Admission::Open => true,
                    Admission::Ticket => proof.len() == 1 && good,
                    Admission::Lobby | Admission::TicketAndLobby => false,
                };
                let locks = self.effective().filter_map(|(_, entry, body)| {
                    let EntryBody::Policy { door, kept } = body else { return None };
                    Some((self.rank(&entry.author), *door, *kept))
                });
                let shut = locks
                    .last()
                    .is_some_and(|(locker, door, kept)| door == Door::Locked && locker < rank && !keeps(kept));
                admits && !shut
            }
            EntryBody::Person { .. } | EntryBody::Text { .. } | EntryBody::Question { .. } | EntryBody::Unknown => true,
        }
    }

    fn is_within_cuts(&self, entry: &Entry) -> bool {
        self.revokes(&entry.author).all(|(revoke, author, level, cuts, _)| {
            let named = cuts
                .iter()
                .any(|cut| (cut.session, cut.lane) == (entry.session, entry.lane) && entry.number < cut.next);
            let above = cuts.iter().all(|cut| cut.session < entry.session);
            level == Level::Mute && entry.lane == Lane::Acts
                || named
                || above && self.is_answered(revoke, author, &entry.author)
        })
    }

    fn revokes(&self, key: &Key) -> impl Iterator<Item = Revoked<'a>> {
        self.effective().filter_map(move |(hash, entry, body)| {
            let EntryBody::Revoke { subject, level, cuts, kept, .. } = body else { return None };
            (subject == key).then(|| (*hash, entry.author, *level, cuts.iter().collect(), *kept))
        })
    }

    fn is_answered(&self, revoke: Hash, author: Key, key: &Key) -> bool {
        // An answer is read off its author's acts that count, whatever the lock says of it as a grant.
        self.acts.iter().any(|(hash, entry, body)| {
            let EntryBody::Grant { subject, answers, .. } = body else { return false };
            let rank = self.rank(&entry.author);
            *answers == revoke && subject == key && rank <= self.rank(&author) && self.within.contains(hash)
        })
    }

    fn is_revoked(&self, key: &Key, wanted: Level) -> bool {
        self.revokes(key).any(|(revoke, author, level, ..)| level == wanted && !self.is_answered(revoke, author, key))
    }
}

/// What somebody does next: author, session, kind, subject, and three choices.
type Step = (u8, u64, u8, u8, u8, bool, Index);

/// Seven people, each with a log of their own, who learn of each other's acts now and then.
fn play(admission: Admission, steps: &[Step]) -> (SignedCharter, Vec<Arc<Held>>) {
    let room = Room::new(admission);
    let mut logs: BTreeMap<u8, Log> = (1..=7).map(|seed| (seed, room.log.clone())).collect();
    let prove = |seed| prove_ticket(SEED, None, room.charter.meeting, &person(seed));
    let proofs: BTreeMap<u8, TicketProof> = (1..=7).map(|seed| (seed, prove(seed))).collect();
    let (mut acts, mut hashes) = (Vec::<Arc<Held>>::new(), vec![Hash::ZERO]);
    for (author, session, kind, subject, choice, flag, index) in steps.iter().copied() {
        let log = logs.get_mut(&author).expect("one of seven");
        let known = acts.iter().take(index.index(acts.len().saturating_add(1)));
        known.for_each(|act| _ = log.put(act));
        let cuts = log.cuts(key(subject));
        let (count, cuts) = encode_items(cuts.into_iter().skip(usize::from(choice % 2)), limits::CUTS_MAX);
        let cuts = List::over(count, &cuts);
        let (count, kept) = encode_items((1..=choice % 8).map(key), limits::KEPT_MAX);
        let kept = List::over(count, &kept);
        let (count, proof) =
            encode_items(proofs.get(&subject).copied().filter(|_| choice % 3 > 0 && choice % 16 > 0), 1);
        let proof = List::over(count, &proof);
        let subject = if choice % 16 == 0 { room.charter.ticket } else { key(subject) };
        let (name, why) = (Reason::NONE, Reason::NONE);
        let answers = hashes.get(index.index(hashes.len())).copied().filter(|_| flag).unwrap_or(Hash::ZERO);
        let level = if flag { Level::Mute } else { Level::Out };
        let body = match kind {
            0 => EntryBody::Grant { subject, role: Role::Host, answers, name, proof },
            1..=4 => EntryBody::Grant { subject, role: Role::Member, answers, name, proof },
            5 => EntryBody::Revoke { subject, level, name, why, cuts, kept: List::NONE },
            6 => {
                EntryBody::Revoke { subject: room.charter.ticket, level: Level::Out, name, why, cuts: List::NONE, kept }
            }
            7 => EntryBody::Policy { door: if flag { Door::Locked } else { Door::Unlocked }, kept },
            _ => EntryBody::End { why },
        };
        let act = log.write(&person(author), session, &body, Now::default()).expect("there is room");
        hashes.push(act.hash);
        acts.push(act);
    }
    (room.charter, acts)
}

/// Takes acts one by one, each stream in its order, else as `order` has it.
fn take_all(charter: &SignedCharter, acts: &[Arc<Held>], order: &[Index]) -> (Log, Roster) {
    let (mut log, us) = (Log::new(charter.meeting, 9), person(1));
    let mut roster = Roster::fold(&log, charter, &us);
    let mut left: Vec<_> = acts.iter().collect();
    let mut order = order.iter().cycle();
    while !left.is_empty() {
        let at = order.next().expect("it has no end").index(left.len());
        let stream = left[at].id;
        let first = left.iter().position(|act| act.id == stream);
        let act = left.remove(first.expect("at the latest this one"));
        log.put(act);
        roster.take(act, charter, &us);
    }
    (log, roster)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn roster_1_acts_add_up_to_the_same_in_whatever_order_and_to_what_the_rules_say(
        admission in prop_oneof![Just(Admission::Open), Just(Admission::Ticket), Just(Admission::Lobby)],
        // The founder acts most often, and hosts more than members.
        steps in prop::collection::vec(
            (prop_oneof![4 => Just(1_u8), 2 => 2..=3_u8, 3 => 1..=7_u8], 1..=3_u64, 0..=8_u8, 1..=7_u8, any::<u8>(), any::<bool>(), any::<Index>()),
            1..40,
        ),
        order in prop::collection::vec(any::<Index>(), 40),
    ) {
        let (charter, acts) = play(admission, &steps);
        let (log, roster) = take_all(&charter, &acts, &order);
        prop_assert_eq!(&roster, &Roster::fold(&log, &charter, &person(1)));
        // In the order in which they were written.
        let (mut written, us) = (Roster::default(), person(1));
        for act in &acts {
            written.take(act, &charter, &us);
            written.assert_invariants(&charter);
        }
        prop_assert_eq!(&roster, &written);
        let model = Model::new(&charter, &acts);
        let ranks: Vec<Key> = roster.standing.keys().copied().collect();
        prop_assert_eq!(&ranks, &model.ranks);
        prop_assert_eq!(roster.standing.hosts(), model.hosts);
        for key in (1..=7).map(key).chain([charter.ticket]) {
            for level in [Level::Mute, Level::Out] {
                prop_assert_eq!(roster.is_revoked(&key, level), model.is_revoked(&key, level), "{} {:?}", key, level);
            }
        }
        for (_, entry, _) in &model.acts {
            let granted = model.ranks.contains(&entry.author);
            let counts = roster.counts(StreamId::of(entry), entry.number);
            prop_assert_eq!(counts, granted && model.is_within_cuts(entry));
        }
    }
}
