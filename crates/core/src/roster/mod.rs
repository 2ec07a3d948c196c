//! Who may do what (SPEC.md, "Roster"): a pure function of hosts' acts and of what each says of itself, whatever the order
//! they came in.

mod act;
mod fold;
mod people;

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};
use core::net::SocketAddr;

use self::act::{Act, Place, Revoke};
use self::fold::{Acts, Standing};
use self::people::Person;
use crate::charter::SignedCharter;
use crate::event::Deed;
use crate::id::{Hash, Key};
use crate::identity::Identity;
use crate::log::{Held, Log, Retraction, StreamId};
use crate::pass::Chain;
use crate::wire::entry::{Door, EntryBody, Level, Role, Whereabouts};
use crate::wire::meeting::Lane;
use crate::wire::option::TicketProof;
use crate::wire::session::Purpose;

/// Somebody who may be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// Who.
    pub key: Key,
    /// Host or member; the founder is a host.
    pub role: Role,
    /// What it calls itself; `None` until it has said so.
    pub name: Option<&'a str>,
    /// The same as it reads: of names that look alike, one.
    pub reading: Option<&'a str>,
    /// Where it says that it can be dialled.
    pub addresses: &'a [SocketAddr],
}

/// Who has a seat. In order: the more senior first (SPEC ROSTER-11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seat {
    /// A host's rank; of others, below all.
    rank: usize,
    /// How many passes its chain has.
    passes: usize,
    key: Key,
}

/// All seats, in their order and by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seats {
    order: BTreeSet<Seat>,
    /// Invariant: the same seats.
    of: BTreeMap<Key, Seat>,
}

impl Seats {
    /// Gives a key another seat, or none.
    fn set(&mut self, key: Key, seat: Option<Seat>) {
        let old = self.of.remove(&key);
        old.into_iter().for_each(|old| _ = self.order.remove(&old));
        self.of.extend(seat.map(|seat| (key, seat)));
        self.order.extend(seat);
    }
}

impl FromIterator<Seat> for Seats {
    fn from_iter<I: IntoIterator<Item = Seat>>(seats: I) -> Self {
        let order: BTreeSet<Seat> = seats.into_iter().collect();
        Self { of: order.iter().map(|seat| (seat.key, *seat)).collect(), order }
    }
}

/// What the acts of a meeting, and what each says of itself, add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    acts: Acts,
    /// Invariant: the fold of `acts`.
    standing: Standing,
    /// The newest word of each who has said who it is, seated or not.
    people: BTreeMap<Key, Person>,
    /// Invariant: who is seated by the two.
    seats: Seats,
}

impl Roster {
    /// Folds all acts that `log` holds and that no fork has made void, and what it holds of people.
    #[must_use]
    pub fn fold(log: &Log, charter: &SignedCharter, us: &Identity) -> Self {
        let mut roster = Self::default();
        for act in log.acts().filter(|act| !log.is_void(act.id, act.number)) {
            roster.keep(act);
        }
        log.registers().for_each(|register| _ = roster.meet(register, charter, us));
        roster.refold(charter);
        roster
    }

    fn keep(&mut self, entry: &Held) -> Option<(Place, Act)> {
        let (place, act) = (Place::of(entry), Act::read(entry)?);
        self.acts.entry(entry.id.author).or_default().insert(place, act.clone());
        Some((place, act))
    }

    /// Takes in what somebody says of itself; whether the entry is that.
    fn meet(&mut self, entry: &Held, charter: &SignedCharter, us: &Identity) -> bool {
        if entry.lane() == Lane::PERSON {
            let last = self.people.remove(&entry.id.author);
            let person = Person::read(entry, last.as_ref(), charter, us);
            self.people.extend(person.map(|person| (entry.id.author, person)));
        }
        entry.lane() == Lane::PERSON
    }

    fn refold(&mut self, charter: &SignedCharter) {
        self.standing = Standing::fold(&self.acts, charter);
        self.seats = self.seated(charter);
    }

    fn seated(&self, charter: &SignedCharter) -> Seats {
        let hosts = self.standing.hosts().iter();
        hosts.chain(self.people.keys()).filter_map(|key| self.seat_of(*key, charter)).collect()
    }

    /// SPEC ROSTER-7
    fn seat_of(&self, key: Key, charter: &SignedCharter) -> Option<Seat> {
        if self.standing.is_out(&key) {
            return None;
        }
        if let Some(rank) = self.standing.rank(&key) {
            return Some(Seat { rank, passes: 0, key });
        }
        let person = self.people.get(&key).filter(|person| person.session >= self.standing.back_from(&key))?;
        let chain = person.chain.as_ref()?;
        let is_in = self.lets_in(&key, chain, person.proof.map(|proof| proof.ticket), charter);
        is_in.then_some(Seat { rank: usize::MAX, passes: chain.len(), key })
    }

    /// Whether a chain that holds would give `key` a seat, with a `ticket` that it has proved to have.
    pub(crate) fn lets_in(&self, key: &Key, chain: &Chain, ticket: Option<Key>, charter: &SignedCharter) -> bool {
        // SPEC ROSTER-10
        charter.kind != Purpose::STAR
            && !self.standing.is_out(key)
            && (self.standing.is_host(key) || self.standing.lets_in(key, chain, ticket, charter))
    }

    /// Whether a ticket lets `key` in.
    pub(crate) fn is_good_for(&self, ticket: &Key, key: &Key) -> bool {
        self.standing.is_good_for(ticket, key)
    }

    /// Whether the door is open, at least to `key`.
    pub(crate) fn is_unlocked_for(&self, key: &Key) -> bool {
        self.standing.is_past_lock(key, None)
    }

    /// Takes in an act or a PERSON that the log has just stored; what is neither changes nothing.
    pub fn take(&mut self, entry: &Held, charter: &SignedCharter, us: &Identity) {
        if self.meet(entry, charter, us) {
            return self.seat_anew(entry.id.author, charter);
        }
        let Some((place, act)) = self.keep(entry) else { return };
        if self.standing.take(&entry.id.author, place, &act) {
            self.seats = self.seated(charter);
        } else {
            self.refold(charter);
        }
    }

    /// What one says of itself gives no other a seat, and takes none away.
    fn seat_anew(&mut self, key: Key, charter: &SignedCharter) {
        self.seats.set(key, self.seat_of(key, charter));
    }

    /// Leaves out what a fork has made void: `stream`, from `number` on.
    pub fn void(&mut self, stream: StreamId, number: u64, charter: &SignedCharter) {
        if let (Lane::Acts, Some(acts)) = (stream.lane, self.acts.get_mut(&stream.author)) {
            acts.retain(|place, _| place.session != stream.session || place.number < number);
            self.acts.retain(|_, acts| !acts.is_empty());
            self.refold(charter);
        }
    }

    /// Somebody's PERSON is held no more.
    pub(crate) fn forget(&mut self, key: &Key, charter: &SignedCharter) {
        self.people.remove(key);
        self.seat_anew(*key, charter);
    }

    /// Whether a key is the founder's, or that of somebody whom the founder has made a host; and may be there.
    #[must_use]
    pub fn is_host(&self, key: &Key) -> bool {
        self.is_hosts(key) && !self.standing.is_out(key)
    }

    /// Whether a key has a seat (SPEC ROSTER-7).
    #[must_use]
    pub fn is_seated(&self, key: &Key) -> bool {
        self.seats.of.contains_key(key)
    }

    /// All who have a seat, by seniority.
    pub fn members(&self) -> impl Iterator<Item = Member<'_>> {
        self.seats.order.iter().map(|Seat { key, .. }| {
            let role = if self.standing.is_host(key) { Role::Host } else { Role::Member };
            let person = self.people.get(key);
            let addresses = person.map_or(&[][..], |person| &person.addresses);
            let (name, reading) = (person.map(|person| &*person.name), person.map(|person| &*person.reading));
            Member { key: *key, role, name, reading, addresses }
        })
    }

    /// Whom `key` has let in, or somebody whom it has let in, and who is here.
    pub(crate) fn let_in_by(&self, key: &Key) -> impl Iterator<Item = Key> {
        let came_by = move |person: &Person| person.chain.as_ref().is_some_and(|chain| chain.is_by(key));
        let people = self.people.iter().filter(move |(_, person)| came_by(person)).map(|(key, _)| *key);
        people.filter(|key| self.is_here(key))
    }

    /// Whether a PERSON of a key is held, or it is a host's or was.
    pub(crate) fn knows(&self, key: &Key) -> bool {
        self.people.contains_key(key) || self.is_hosts(key)
    }

    /// Of whom a PERSON is held, seated or not.
    pub(crate) fn people(&self) -> impl Iterator<Item = &Key> {
        self.people.keys()
    }

    /// What somebody who is seated, or has been shown out, calls itself.
    #[must_use]
    pub fn name(&self, key: &Key) -> Option<&str> {
        let is_known = self.is_seated(key) || self.standing.is_out(key);
        self.people.get(key).filter(|_| is_known).map(|person| &*person.name)
    }

    /// The same as it reads.
    pub(crate) fn reading(&self, key: &Key) -> Option<&str> {
        self.people.get(key).map(|person| &*person.reading)
    }

    /// Whether somebody is seated and says that it is here, and has said so since it was shown out (SPEC MESH-18).
    #[must_use]
    pub fn is_here(&self, key: &Key) -> bool {
        let person = self.people.get(key).filter(|person| person.whereabouts == Whereabouts::Here);
        person.is_some_and(|person| person.session >= self.standing.back_from(key)) && self.is_seated(key)
    }

    /// Whether somebody says that it is gone.
    pub(crate) fn has_left(&self, key: &Key) -> bool {
        self.people.get(key).is_some_and(|person| person.whereabouts == Whereabouts::Gone)
    }

    /// The lamport time above which somebody is served talk; `None` if it is served none.
    #[must_use]
    pub fn floor(&self, key: &Key) -> Option<u64> {
        self.people.get(key).filter(|_| self.is_here(key)).map(Person::floor)
    }

    /// What somebody has said of how it came in.
    pub(crate) fn chain(&self, key: &Key) -> Option<&Chain> {
        self.people.get(key)?.chain.as_ref()
    }

    /// On whose account somebody writes: a host on its own, others on that of whom the last host above them has let in (SPEC
    /// MESH-29). `None`: it has shown no chain that holds.
    pub(crate) fn branch(&self, key: &Key) -> Option<Key> {
        let is_host = |signer: &Key| self.is_hosts(signer);
        if is_host(key) { Some(*key) } else { self.chain(key)?.branch(*key, is_host) }
    }

    /// The proof of the ticket that somebody has come with.
    pub(crate) fn proof(&self, key: &Key) -> Option<TicketProof> {
        self.people.get(key)?.proof
    }

    /// The founder's name.
    #[must_use]
    pub fn host_name(&self) -> Option<&str> {
        self.standing.hosts().first().and_then(|founder| self.name(founder))
    }

    /// Whether the author of an entry may write it, and it lies within all cuts (SPEC ROSTER-5, ROSTER-9).
    #[must_use]
    pub fn counts(&self, stream: StreamId, number: u64) -> bool {
        let StreamId { author, lane, .. } = stream;
        let may_write = match lane {
            Lane::Acts => self.is_hosts(&author),
            Lane::Talk => self.is_seated(&author) || self.standing.is_out(&author),
            Lane::PERSON => true,
            Lane::Register(_) => self.is_seated(&author),
        };
        may_write && self.reaches(stream, number)
    }

    /// Whether an entry lies within all cuts, whoever its author is (SPEC ROSTER-5, ROSTER-6).
    pub(crate) fn reaches(&self, stream: StreamId, number: u64) -> bool {
        let StreamId { author, session, lane } = stream;
        lane.is_register() || self.standing.reaches(&author, session, lane, number)
    }

    /// Whether a RETRACT counts: of one's own words, or of those of somebody who does not rank above it, a host's
    /// (SPEC RETRACT-1).
    #[must_use]
    pub fn may_remove(&self, retraction: &Retraction) -> bool {
        self.may_remove_of(&retraction.by.author, &retraction.author) && self.reaches(retraction.by, retraction.number)
    }

    /// Whether somebody may remove what `author` has said.
    pub(crate) fn may_remove_of(&self, by: &Key, author: &Key) -> bool {
        let rank = self.standing.rank(by).filter(|_| self.is_host(by));
        by == author || rank.is_some_and(|rank| self.standing.rank(author).is_none_or(|theirs| rank <= theirs))
    }

    /// Whether what an act decides about others has effect (SPEC ROSTER-3, ROSTER-4, ROSTER-6). `body`: what it says.
    pub(crate) fn has_effect(&self, act: &Held, body: &EntryBody<'_>) -> bool {
        let rank = self.standing.rank(&act.id.author).filter(|_| self.counts(act.id, act.number));
        let Some(rank) = rank else { return false };
        match body {
            EntryBody::Revoke { subject, .. } => self.standing.revoker(subject, act.hash).is_some(),
            EntryBody::Grant { answers: Hash::ZERO, role, .. } => rank == 0 && *role == Role::Host,
            EntryBody::Grant { subject, answers, .. } => {
                self.standing.revoker(subject, *answers).is_some_and(|revoker| rank <= revoker)
            }
            EntryBody::End { .. } => rank == 0,
            EntryBody::Person { .. }
            | EntryBody::Policy { .. }
            | EntryBody::Text { .. }
            | EntryBody::Question { .. }
            | EntryBody::Retract { .. }
            | EntryBody::Unknown => true,
        }
    }

    /// Who is a host or has been one, by rank (SPEC ROSTER-2).
    #[must_use]
    pub fn hosts(&self) -> &[Key] {
        self.standing.hosts()
    }

    /// Whether a key is the founder's, or one that the founder has made a host, even if it has been revoked since.
    pub(crate) fn is_hosts(&self, key: &Key) -> bool {
        self.standing.is_host(key)
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

    /// The lowest session of a key in which it may be there, after all that has shown it out and been answered.
    pub(crate) fn back_from(&self, key: &Key) -> u64 {
        self.standing.back_from(key)
    }

    /// The lowest session of a key in which nothing is cut by what has been answered.
    pub(crate) fn counts_from(&self, key: &Key) -> u64 {
        self.standing.counts_from(key)
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

    /// The unanswered revokes at `level` of whoever was called `name`, or else of who `is_called` so now: subject, act, and
    /// the lowest session above all of its cuts.
    pub(crate) fn unanswered(&self, name: &str, level: Level, is_called: Option<Key>) -> Vec<(Key, Hash, u64)> {
        let all = self.standing.subjects().flat_map(|subject| self.standing.unanswered(subject));
        let (named, others): (Vec<&Revoke>, Vec<&Revoke>) =
            all.filter(|revoke| revoke.level == level).partition(|revoke| revoke.name == name);
        let of_key = others.into_iter().filter(|revoke| named.is_empty() && Some(revoke.subject) == is_called);
        let all = named.iter().copied().chain(of_key);
        all.map(|revoke| (revoke.subject, revoke.act, revoke.session_after())).collect()
    }

    /// Panics unless what was taken in one by one is what everything folds to.
    pub(crate) fn assert_invariants(&self, charter: &SignedCharter) {
        assert_eq!(self.standing, Standing::fold(&self.acts, charter), "the roster is the fold of its acts");
        assert_eq!(self.seats, self.seated(charter), "who is seated follows from acts and people");
    }
}

/// What the author of an act did, and why; `None` for what concerns nobody else. `answered`: the level of the revoke that
/// it takes back.
#[must_use]
pub fn deed(body: &EntryBody<'_>, answered: Option<Level>) -> Option<(Deed, String)> {
    let (deed, why) = match *body {
        EntryBody::Revoke { name, .. } if name.as_str().is_empty() => (Deed::VoidTicket, ""),
        EntryBody::Revoke { level, name, why, .. } => (Deed::Revoke(name.as_str().into(), level), why.as_str()),
        EntryBody::Grant { role: Role::Host, name, answers: Hash::ZERO, .. } => {
            (Deed::MakeHost(name.as_str().into()), "")
        }
        EntryBody::Grant { answers: Hash::ZERO, .. } => return None,
        EntryBody::Grant { name, .. } => (Deed::Forgive(name.as_str().into(), answered), ""),
        EntryBody::Policy { door: Door::Locked, .. } => (Deed::Lock, ""),
        EntryBody::Policy { door: Door::Unlocked, .. } => (Deed::Unlock, ""),
        EntryBody::End { why } => (Deed::End, why.as_str()),
        EntryBody::Person { .. }
        | EntryBody::Text { .. }
        | EntryBody::Question { .. }
        | EntryBody::Retract { .. }
        | EntryBody::Unknown => return None,
    };
    Some((deed, why.into()))
}

#[cfg(test)]
mod tests;
