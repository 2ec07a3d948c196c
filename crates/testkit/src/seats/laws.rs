//! What holds of every fold, whoever has written what: who can take a seat from whom.

use std::collections::BTreeSet;
use std::sync::Arc;

use tertulia_core::id::{Hash, Key};
use tertulia_core::identity::Identity;
use tertulia_core::limits;
use tertulia_core::log::{Held, Log, StreamId};
use tertulia_core::random::Random;
use tertulia_core::roster::Roster;
use tertulia_core::wire::entry::{Cut, Door, Entry, EntryBody, Lane, Level, Role};
use tertulia_core::wire::field::{List, Reason, encode_items};
use tertulia_core::wire::option::Manner;

use super::draw::{Meeting, first, sign};

/// A session and a lamport time above all that are drawn.
const LATER: u64 = 1000;

/// A meeting, the forks that are known, and what core makes of it.
pub(super) struct Court<'a> {
    pub(super) meeting: &'a Meeting,
    pub(super) us: &'a Identity,
    pub(super) forks: &'a [(StreamId, u64)],
    pub(super) roster: &'a Roster,
}

impl Court<'_> {
    /// Tries all laws.
    pub(super) fn try_all(&self, random: &mut Random) -> Result<(), String> {
        self.who_is_out_has_no_seat()?;
        self.what_no_host_does_takes_no_seat()?;
        let cast = &self.meeting.cast;
        let pick = |random: &mut Random, of: usize| random.below(of as u64) as usize;
        let (one, member) = (cast[pick(random, cast.len())].key(), cast[pick(random, cast.len())].key());
        self.what_one_says_of_itself_is_its_own_matter(&one)?;
        let rank = pick(random, self.roster.hosts().len());
        self.nobody_undoes_what_a_senior_does(rank)?;
        self.who_came_by_hand_is_safe_from_the_hosts_juniors(&member)?;
        let hosts: Vec<&Identity> = cast.iter().filter(|host| self.roster.is_host(&host.key())).collect();
        let host = hosts[pick(random, hosts.len())];
        self.a_lock_that_lists_who_is_seated_takes_no_seat(host)?;
        self.a_void_ticket_takes_no_seat_of_who_is_listed(host, random)?;
        self.who_is_shown_out_takes_its_own_along_and_brings_them_back(host, &one)
    }

    fn fold(&self, entries: impl IntoIterator<Item = Arc<Held>>) -> Roster {
        let mut log = Log::new(self.meeting.charter.meeting, 100);
        for entry in entries {
            log.offer(&entry.carried(), true, self.us);
        }
        for (stream, number) in self.forks {
            log.void(*stream, *number);
        }
        Roster::fold(&log, &self.meeting.charter, self.us)
    }

    /// What the acts of those who are `heard`, and all PERSONs, add up to.
    fn fold_of(&self, heard: impl Fn(&Key) -> bool) -> Roster {
        let is_heard = |entry: &&Arc<Held>| entry.lane() != Lane::Acts || heard(&entry.id.author);
        self.fold(self.meeting.entries.iter().filter(is_heard).cloned())
    }

    /// The same with what `host` does after all that.
    fn then(&self, host: &Identity, deeds: &[EntryBody<'_>]) -> (Roster, Vec<Hash>) {
        let (mut entries, mut hashes) = (self.meeting.entries.clone(), vec![Hash::ZERO]);
        let id = StreamId { author: host.key(), session: LATER, lane: Lane::Acts };
        for (number, deed) in (1..).zip(deeds) {
            let (kind, body) = deed.encode();
            let prev = hashes[number as usize - 1];
            let entry = Entry { number, prev, lamport: LATER + number, kind, ..first(id) };
            let act = sign(host, self.meeting.charter.meeting, entry, &body);
            hashes.push(act.hash);
            entries.push(act);
        }
        (self.fold(entries), hashes)
    }

    fn name(&self, key: &Key) -> String {
        self.meeting.name_of(key)
    }

    fn who_is_out_has_no_seat(&self) -> Result<(), String> {
        let is_wrong = |key: &Key| {
            let is_in = self.roster.is_seated(key) || self.roster.is_host(key) || self.roster.floor(key).is_some();
            self.roster.is_revoked(key, Level::Out) && (is_in || self.roster.is_here(key))
        };
        let keys = self.meeting.keys();
        keys.iter().find(|key| is_wrong(key)).map_or(Ok(()), |key| Err(format!("{} is out and in", self.name(key))))
    }

    fn what_no_host_does_takes_no_seat(&self) -> Result<(), String> {
        let others = self.fold_of(|author| self.roster.hosts().contains(author));
        agree("without the acts of those who are no hosts", &all(self.roster), &all(&others))
    }

    fn what_one_says_of_itself_is_its_own_matter(&self, key: &Key) -> Result<(), String> {
        let is_its = |entry: &&Arc<Held>| entry.lane() == Lane::PERSON && entry.id.author == *key;
        let silent = self.fold(self.meeting.entries.iter().filter(|entry| !is_its(entry)).cloned());
        let [with, without] = [self.roster, &silent].map(|roster| others(roster, key));
        agree(&format!("without the PERSONs of {}", self.name(key)), &with, &without)
    }

    /// Which acts count of a host and of those above, and who of them and whether the next one is out, are matters of these
    /// alone.
    fn nobody_undoes_what_a_senior_does(&self, rank: usize) -> Result<(), String> {
        let seniors = &self.roster.hosts()[..=rank];
        let among_them = self.fold_of(|author| seniors.contains(author));
        let acts =
            self.meeting.entries.iter().filter(|act| act.lane() == Lane::Acts && seniors.contains(&act.id.author));
        let counts = |roster: &Roster| acts.clone().map(|act| roster.counts(act.id, act.number)).collect::<Vec<_>>();
        agree(&format!("what hosts up to rank {rank} do"), &counts(self.roster), &counts(&among_them))?;
        let hosts = self.roster.hosts().iter().take(rank + 2);
        let are_in = |roster: &Roster| hosts.clone().map(|host| roster.is_host(host)).collect::<Vec<_>>();
        agree(&format!("whether hosts up to rank {} are in", rank + 1), &are_in(self.roster), &are_in(&among_them))
    }

    /// Nobody whom a host has let in by hand loses its seat by what hosts do who do not rank above that one, but for a
    /// REVOKE of its own key.
    fn who_came_by_hand_is_safe_from_the_hosts_juniors(&self, key: &Key) -> Result<(), String> {
        let Some(rank) = self.by_hand_of(key) else { return Ok(()) };
        let seniors = &self.roster.hosts()[..rank];
        let is_of_it = |act: &Arc<Held>| matches!(act.body(), EntryBody::Revoke { subject, level: Level::Out, .. } if subject == *key);
        let is_left_alone = !self.meeting.entries.iter().any(is_of_it);
        let is_seated = self.fold_of(|author| seniors.contains(author)).is_seated(key);
        if is_left_alone && is_seated && !self.roster.is_seated(key) {
            return Err(format!("{} came by hand of rank {rank}, and lost its seat by others below", self.name(key)));
        }
        Ok(())
    }

    /// The rank of the host that has let somebody in by hand.
    fn by_hand_of(&self, key: &Key) -> Option<usize> {
        let words = self.meeting.entries.iter().filter(|entry| entry.lane() == Lane::PERSON && entry.id.author == *key);
        let newest = words.max_by_key(|entry| (entry.id.session, entry.number, entry.hash))?;
        let EntryBody::Person { chain, .. } = newest.body() else { return None };
        let last = chain.iter().last().filter(|pass| pass.manner == Manner::ByHand)?;
        self.roster.hosts().iter().position(|host| *host == last.signer)
    }

    fn a_lock_that_lists_who_is_seated_takes_no_seat(&self, host: &Identity) -> Result<(), String> {
        let (count, kept) = encode_items(self.roster.members().map(|member| member.key), limits::KEPT_MAX);
        let lock = EntryBody::Policy { door: Door::Locked, kept: List::over(count, &kept) };
        let (locked, _) = self.then(host, &[lock]);
        self.lost("a lock that lists who is seated", &locked)?;
        let (unlocked, _) = self.then(host, &[lock, EntryBody::Policy { door: Door::Unlocked, kept: List::NONE }]);
        self.lost("the door was opened", &unlocked)
    }

    /// Nobody has, that is.
    fn lost(&self, what: &str, after: &Roster) -> Result<(), String> {
        let lost = seats(self.roster).difference(&seats(after)).next().copied();
        lost.map_or(Ok(()), |key| Err(format!("after {what}, {} has no seat", self.name(&key))))
    }

    fn a_void_ticket_takes_no_seat_of_who_is_listed(&self, host: &Identity, random: &mut Random) -> Result<(), String> {
        let (count, kept) = encode_items(self.roster.members().map(|member| member.key), limits::KEPT_MAX);
        let tickets = &self.meeting.tickets;
        let ticket = tickets[random.below(tickets.len() as u64) as usize];
        if self.roster.hosts().contains(&ticket) {
            return Ok(());
        }
        let (void, _) = self.then(host, &[revoke(ticket, Level::Out, List::NONE, List::over(count, &kept))]);
        self.lost("a void ticket that lists who is seated", &void)
    }

    /// A REVOKE that has effect, cuts nothing that there is and keeps all takes one seat; one that keeps nobody, those whose
    /// chains its subject has signed, too. An answer gives all of them back; the subject itself waits for its own word.
    fn who_is_shown_out_takes_its_own_along_and_brings_them_back(
        &self,
        host: &Identity,
        subject: &Key,
    ) -> Result<(), String> {
        let rank_of = |key: &Key| self.roster.hosts().iter().position(|host| host == key).unwrap_or(usize::MAX);
        let is_above = rank_of(&host.key()) < rank_of(subject);
        let whole = (1..LATER).take(9).map(|session| Cut { session, lane: Lane::Acts, next: LATER });
        let (count, cuts) = encode_items(whole, 9);
        let cuts = List::over(count, &cuts);
        let (count, everybody) = encode_items(self.meeting.cast.iter().map(Identity::key), self.meeting.cast.len());
        let (muted, _) = self.then(host, &[revoke(*subject, Level::Mute, cuts, List::NONE)]);
        agree("after a mute", &all(self.roster), &all(&muted))?;
        let kick = revoke(*subject, Level::Out, cuts, List::over(count, &everybody));
        let (kicked, _) = self.then(host, &[kick]);
        let what = format!("after {} showed out {} and kept all", self.name(&host.key()), self.name(subject));
        let [before, after] = [self.roster, &kicked].map(|roster| others(roster, subject));
        agree(&what, &before, &after)?;
        agree(&what, &kicked.is_seated(subject), &(self.roster.is_seated(subject) && !is_above))?;
        let kick = revoke(*subject, Level::Out, cuts, List::NONE);
        let (alone, hashes) = self.then(host, &[kick]);
        let lost: BTreeSet<Key> = seats(self.roster).difference(&seats(&alone)).copied().collect();
        let is_its = |key: &Key| key == subject || is_above && self.has_signed(subject, key);
        agree(&format!("{what}, none kept: others are gone"), &lost.iter().find(|key| !is_its(key)), &None)?;
        let (answers, session, name) = (hashes[1], LATER, Reason::NONE);
        let (role, subject) = (Role::Member, *subject);
        let (back, _) = self.then(host, &[kick, EntryBody::Grant { subject, role, answers, session, name }]);
        let [before, after] = [self.roster, &back].map(|roster| others(roster, &subject));
        agree(&format!("{what}, and forgave it"), &before, &after)?;
        let is_host = rank_of(&subject) < usize::MAX;
        let is_back = self.roster.is_seated(&subject) && (is_host || !is_above);
        agree(&format!("{what}, and forgave it: itself"), &back.is_seated(&subject), &is_back)
    }

    fn has_signed(&self, signer: &Key, key: &Key) -> bool {
        let words = self.meeting.entries.iter().filter(|entry| entry.id.author == *key);
        words.into_iter().any(|entry| match entry.body() {
            EntryBody::Person { chain, .. } => chain.iter().any(|pass| pass.signer == *signer),
            _ => false,
        })
    }
}

fn revoke<'a>(subject: Key, level: Level, cuts: List<'a, Cut, 64>, kept: List<'a, Key, 448>) -> EntryBody<'a> {
    EntryBody::Revoke { subject, level, name: Reason::NONE, why: Reason::NONE, cuts, kept }
}

fn seats(roster: &Roster) -> BTreeSet<Key> {
    roster.members().map(|member| member.key).collect()
}

/// Who has a seat, and what goes with it.
fn all(roster: &Roster) -> Vec<(Key, bool, Option<u64>)> {
    roster.members().map(|member| (member.key, roster.is_here(&member.key), roster.floor(&member.key))).collect()
}

/// The same of all but one.
fn others(roster: &Roster, but: &Key) -> Vec<(Key, bool, Option<u64>)> {
    all(roster).into_iter().filter(|(key, ..)| key != but).collect()
}

fn agree<T: PartialEq + std::fmt::Debug>(what: &str, one: &T, other: &T) -> Result<(), String> {
    if one == other { Ok(()) } else { Err(format!("{what}: {one:?} and {other:?}")) }
}
