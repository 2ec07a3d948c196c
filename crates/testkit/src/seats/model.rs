//! Who is what in a meeting, as the pseudo-code of SPEC.md's chapter 11 has it, to be laid beside that page: each function
//! is one of the page's, by its name, and computes everything anew from all that is held. Slow, and in no order.

use std::collections::BTreeMap;
use std::sync::Arc;

use tertulia_core::charter::{Admission, SignedCharter};
use tertulia_core::id::Key;
use tertulia_core::identity::{Domain, Identity};
use tertulia_core::limits;
use tertulia_core::log::{Held, StreamId};
use tertulia_core::wire::entry::{Cut, Door, EntryBody, Lane, Level, Role, Whereabouts};
use tertulia_core::wire::field::List;
use tertulia_core::wire::option::{Manner, Pass, TicketProof};
use tertulia_core::wire::session::Purpose;

/// What is held, and nothing that follows from it.
#[derive(Debug)]
pub struct Model<'a> {
    charter: &'a SignedCharter,
    /// For its scheme.
    us: &'a Identity,
    /// All acts, in their order.
    acts: Vec<Act<'a>>,
    /// The number from which on a stream is void by a fork.
    voids: BTreeMap<StreamId, u64>,
    people: BTreeMap<Key, Person<'a>>,
}

/// An act, and what it says.
#[derive(Clone, Copy, Debug)]
struct Act<'a> {
    held: &'a Held,
    body: EntryBody<'a>,
}

/// The newest PERSON of somebody.
#[derive(Debug)]
pub(super) struct Person<'a> {
    key: Key,
    session: u64,
    whereabouts: Whereabouts,
    name: &'a str,
    chain: Vec<Pass>,
    proof: Option<TicketProof>,
}

/// A REVOKE.
#[derive(Clone, Debug)]
struct Revoke<'a> {
    act: Act<'a>,
    subject: Key,
    level: Level,
    cuts: List<'a, Cut, { limits::CUTS_MAX }>,
    kept: List<'a, Key, { limits::KEPT_MAX }>,
}

impl Act<'_> {
    const fn author(&self) -> Key {
        self.held.id.author
    }
}

impl<'a> Model<'a> {
    /// Of all `entries`, in whatever order, outdated ones among them, and the `forks` that are known: streams, and the
    /// numbers from which on they are void.
    #[must_use]
    pub fn new(
        charter: &'a SignedCharter,
        us: &'a Identity,
        entries: &'a [Arc<Held>],
        forks: &[(StreamId, u64)],
    ) -> Self {
        let acts = entries.iter().filter(|entry| entry.lane() == Lane::Acts);
        let mut acts: Vec<Act<'_>> = acts.map(|held| Act { held, body: held.body() }).collect();
        acts.sort_by_key(|Act { held, .. }| (held.lamport, held.id.author, held.id.session, held.number));
        let mut voids = BTreeMap::new();
        for (stream, number) in forks {
            let from = voids.entry(*stream).or_insert(*number);
            *from = (*number).min(*from);
        }
        let mut people: BTreeMap<Key, &Held> = BTreeMap::new();
        for entry in entries.iter().filter(|entry| entry.lane() == Lane::PERSON) {
            let newest = people.entry(entry.id.author).or_insert(entry);
            let place = |held: &Held| (held.id.session, held.number, held.hash);
            *newest = if place(newest) < place(entry) { entry } else { newest };
        }
        let people = people.into_iter().filter_map(|(key, entry)| {
            let EntryBody::Person { whereabouts, name, chain, proof, .. } = entry.body() else { return None };
            let (session, chain, proof) = (entry.id.session, chain.iter().collect(), proof.iter().next());
            Some((key, Person { key, session, whereabouts, name: name.as_str(), chain, proof }))
        });
        Self { charter, us, acts, voids, people: people.collect() }
    }

    fn is_void(&self, id: StreamId, number: u64) -> bool {
        self.voids.get(&id).is_some_and(|from| number >= *from)
    }

    fn is_voided(&self, act: &Act<'_>) -> bool {
        self.is_void(act.held.id, act.held.number)
    }

    fn revokes(&self) -> impl Iterator<Item = Revoke<'a>> {
        self.acts.iter().filter_map(|act| {
            let EntryBody::Revoke { subject, level, cuts, kept, .. } = act.body else { return None };
            Some(Revoke { act: *act, subject, level, cuts, kept })
        })
    }

    fn revokes_of(&self, key: &Key, level: Level) -> impl Iterator<Item = Revoke<'a>> {
        self.revokes().filter(move |r| r.subject == *key && r.level == level).filter(|r| self.has_effect(r))
    }

    /// Of hosts, for ever.
    #[must_use]
    pub fn ranks(&self) -> Vec<Key> {
        let mut ranks = vec![self.charter.founder];
        let founders = |act: &&Act<'_>| act.author() == self.charter.founder && !self.is_voided(act);
        for act in self.acts.iter().filter(founders) {
            if let EntryBody::Grant { subject, role: Role::Host, .. } = act.body
                && !ranks.contains(&subject)
            {
                ranks.push(subject);
            }
        }
        ranks
    }

    fn rank(&self, key: &Key) -> Option<usize> {
        self.ranks().iter().position(|host| host == key)
    }

    fn counts(&self, a: &Act<'_>) -> bool {
        self.rank(&a.author()).is_some()
            && !self.is_voided(a)
            && self.revokes_of(&a.author(), Level::Out).all(|r| self.within(a.held.id, a.held.number, &r))
    }

    fn has_effect(&self, r: &Revoke<'_>) -> bool {
        let author = self.rank(&r.act.author());
        author.is_some() && self.rank(&r.subject).is_none_or(|subject| Some(subject) > author) && self.counts(&r.act)
    }

    fn within(&self, e: StreamId, number: u64, r: &Revoke<'_>) -> bool {
        r.cuts.iter().any(|cut| cut.session == e.session && cut.lane == e.lane && cut.next > number)
            || self.from(r).is_some_and(|from| e.session >= from)
    }

    /// The sessions of these.
    fn answers(&self, r: &Revoke<'_>) -> Vec<u64> {
        let answer = |act: &Act<'_>| {
            let EntryBody::Grant { subject, answers, session, .. } = act.body else { return None };
            let is_its = answers == r.act.held.hash && subject == r.subject;
            (is_its && self.rank(&act.author())? <= self.rank(&r.act.author())? && self.counts(act)).then_some(session)
        };
        self.acts.iter().filter_map(answer).collect()
    }

    fn from(&self, r: &Revoke<'_>) -> Option<u64> {
        self.answers(r).into_iter().min()
    }

    fn out(&self, key: &Key) -> Vec<Revoke<'a>> {
        self.revokes_of(key, Level::Out).filter(|r| self.answers(r).is_empty()).collect()
    }

    fn muted(&self, key: &Key) -> Vec<Revoke<'a>> {
        self.revokes_of(key, Level::Mute).filter(|r| self.answers(r).is_empty()).collect()
    }

    fn door(&self) -> Option<(usize, Door, List<'a, Key, { limits::KEPT_MAX }>)> {
        let policy = |act: &Act<'a>| {
            let EntryBody::Policy { door, kept } = act.body else { return None };
            Some((self.rank(&act.author())?, door, kept)).filter(|_| self.counts(act))
        };
        self.acts.iter().filter_map(policy).next_back()
    }

    fn seated(&self, key: &Key, p: Option<&Person<'_>>) -> bool {
        self.out(key).is_empty()
            && (self.rank(key).is_some()
                || p.is_some_and(|p| {
                    self.charter.kind == Purpose::MESH
                        && self.is_back(p)
                        && self.holds(p)
                        && !p.chain.is_empty()
                        && self.unbroken(p)
                        && self.admitted(p)
                        && self.past_door(p)
                }))
    }

    /// Whether its session is from(r) or higher, for each answered REVOKE r of it.
    fn is_back(&self, p: &Person<'_>) -> bool {
        self.revokes_of(&p.key, Level::Out).all(|r| self.from(&r).is_none_or(|from| p.session >= from))
    }

    /// SPEC PASS-2.
    fn holds(&self, p: &Person<'_>) -> bool {
        // PASS-2: the founder's own has no pass, and nobody else's is empty.
        if p.chain.is_empty() != (p.key == self.charter.founder) {
            return false;
        }
        let is_signed = |at: usize, pass: &Pass| {
            let subject = p.chain.get(at + 1).map_or(p.key, |next| next.signer);
            let (floor, manner) = (pass.floor.to_be_bytes(), [u8::from(pass.manner == Manner::ByHand)]);
            let parts: [&[u8]; 4] = [&self.charter.meeting.0, &subject.0, &floor, &manner];
            self.us.verify(&pass.signer, Domain::Pass, &parts, &pass.signature)
        };
        p.chain.first().map_or(p.key, |pass| pass.signer) == self.charter.founder
            && p.chain.iter().enumerate().all(|(at, pass)| is_signed(at, pass))
    }

    fn unbroken(&self, p: &Person<'_>) -> bool {
        let signers: Vec<Key> = p.chain.iter().map(|pass| pass.signer).collect();
        let last = signers.iter().rposition(|signer| self.rank(signer).is_some()).unwrap_or(0);
        let people: Vec<Key> = signers.iter().copied().chain([p.key]).collect();
        let keeps_some = |at: usize| {
            let behind = &people[at + 1..];
            self.out(&people[at]).iter().all(|r| behind.iter().any(|key| r.kept.iter().any(|kept| kept == *key)))
        };
        (last..signers.len()).all(keeps_some)
    }

    fn admitted(&self, p: &Person<'_>) -> bool {
        self.by_hand(p).is_some()
            || match self.charter.admission {
                Admission::Open => true,
                Admission::Ticket => p.proof.is_some_and(|proof| {
                    let is_good = |r: &Revoke<'_>| r.kept.iter().any(|kept| kept == p.key);
                    self.proof_holds(&p.key, &proof) && self.out(&proof.ticket).iter().all(is_good)
                }),
                Admission::Lobby | Admission::TicketAndLobby => false,
            }
    }

    /// SPEC JOIN-3.
    fn proof_holds(&self, key: &Key, proof: &TicketProof) -> bool {
        let (us, meeting, ticket) = (self.us, &self.charter.meeting.0, proof.ticket);
        let is_endorsed =
            || us.verify(&self.charter.founder, Domain::Ticket, &[meeting, &ticket.0], &proof.endorsement);
        (ticket == self.charter.ticket || is_endorsed())
            && us.verify(&ticket, Domain::TicketProof, &[meeting, &key.0], &proof.proof)
    }

    /// The signer's rank.
    fn by_hand(&self, p: &Person<'_>) -> Option<usize> {
        p.chain.last().filter(|pass| pass.manner == Manner::ByHand).and_then(|pass| self.rank(&pass.signer))
    }

    fn past_door(&self, p: &Person<'_>) -> bool {
        let Some((rank, door, kept)) = self.door() else { return true };
        door == Door::Unlocked
            || kept.iter().any(|kept| kept == p.key)
            || self.by_hand(p).is_some_and(|signer| signer <= rank)
    }

    /// The lamport time above which somebody is served talk, once it is here.
    #[must_use]
    pub fn floor(&self, key: &Key) -> u64 {
        let p = self.people.get(key).filter(|p| self.holds(p));
        p.map_or(u64::MAX, |p| p.chain.iter().map(|pass| pass.floor).max().unwrap_or(0))
    }

    /// Whether somebody is here.
    #[must_use]
    pub fn here(&self, key: &Key) -> bool {
        let p = self.people.get(key);
        self.seated(key, p) && p.is_some_and(|p| p.whereabouts == Whereabouts::Here && self.is_back(p))
    }
}

/// What else the chapter says, in words.
impl Model<'_> {
    /// Whether somebody has a seat.
    #[must_use]
    pub fn is_seated(&self, key: &Key) -> bool {
        self.seated(key, self.people.get(key))
    }

    /// Whether somebody is a host that is not out.
    #[must_use]
    pub fn is_host(&self, key: &Key) -> bool {
        self.rank(key).is_some() && self.out(key).is_empty()
    }

    /// All who have a seat, by seniority (SPEC ROSTER-11).
    #[must_use]
    pub fn seats(&self) -> Vec<Key> {
        let hosts = self.ranks();
        let others: Vec<(usize, Key)> = self.people.values().map(|p| (p.chain.len(), p.key)).collect();
        let mut others: Vec<_> = others.into_iter().filter(|(_, key)| !hosts.contains(key)).collect();
        others.sort_unstable();
        hosts.into_iter().chain(others.into_iter().map(|(_, key)| key)).filter(|key| self.is_seated(key)).collect()
    }

    /// What somebody calls itself.
    #[must_use]
    pub fn name(&self, key: &Key) -> Option<&str> {
        self.people.get(key).map(|p| p.name)
    }

    /// Whether somebody, or a ticket, is revoked at a level.
    #[must_use]
    pub fn is_revoked(&self, key: &Key, level: Level) -> bool {
        !match level {
            Level::Out => self.out(key),
            Level::Mute => self.muted(key),
        }
        .is_empty()
    }

    /// Whether the door is locked.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.door().is_some_and(|(_, door, _)| door == Door::Locked)
    }

    /// Whether the meeting is over (SPEC ROSTER-3).
    #[must_use]
    pub fn has_ended(&self) -> bool {
        let is_end = |act: &&Act<'_>| matches!(act.body, EntryBody::End { .. });
        self.acts.iter().filter(is_end).any(|act| act.author() == self.charter.founder && self.counts(act))
    }

    /// Whether an entry counts (SPEC ROSTER-5, ROSTER-9), forks aside.
    #[must_use]
    pub fn entry_counts(&self, id: StreamId, number: u64) -> bool {
        let author = &id.author;
        let is_uncut = |level| self.revokes_of(author, level).all(|r| self.within(id, number, &r));
        match id.lane {
            Lane::Acts => self.rank(author).is_some() && is_uncut(Level::Out),
            Lane::Talk => {
                let may = self.is_seated(author) || !self.out(author).is_empty();
                may && is_uncut(Level::Out) && is_uncut(Level::Mute)
            }
            Lane::PERSON => true,
            Lane::Register(_) => self.is_seated(author),
        }
    }
}

/// What there is to see, so that a test can say that it has seen it.
impl Model<'_> {
    /// What became of somebody, and by which rule.
    #[must_use]
    pub fn why(&self, key: &Key) -> Vec<&'static str> {
        let mut seen = Vec::new();
        let is_answered = self.revokes_of(key, Level::Out).any(|r| !self.answers(&r).is_empty());
        if self.rank(key).is_some() {
            seen.push(match self.out(key).is_empty() {
                true if is_answered => "host forgiven",
                true => "host",
                false => "host out",
            });
        }
        let Some(p) = self.people.get(key).filter(|_| self.rank(key).is_none()) else { return seen };
        let is_spared = p.chain.iter().any(|pass| !self.out(&pass.signer).is_empty());
        let is_by_hand = self.by_hand(p).is_some();
        seen.push(if !self.out(key).is_empty() {
            "out"
        } else if !self.is_back(p) {
            "not back yet"
        } else if !self.holds(p) || p.chain.is_empty() {
            "chain does not hold"
        } else if !self.unbroken(p) {
            "chain broken"
        } else if !self.admitted(p) {
            "not admitted"
        } else if !self.past_door(p) {
            "shut out"
        } else {
            "seated"
        });
        if self.is_seated(key) {
            let deep = p.chain.len() > 4;
            let is_kept = self.is_locked() && self.by_hand(p).is_none_or(|by| self.door().is_some_and(|d| by > d.0));
            let is_good = p.proof.is_some_and(|proof| !self.out(&proof.ticket).is_empty());
            let what = [
                (deep, "seated by a deep chain"),
                (is_spared, "seated though somebody of the chain is out"),
                (is_answered, "seated again"),
                (is_kept, "kept behind the door"),
                (self.is_locked() && !is_kept, "by hand through the door"),
                (!is_by_hand && is_good && self.charter.admission == Admission::Ticket, "kept with a void ticket"),
                (!self.here(key), "seated, not here"),
            ];
            seen.extend(what.into_iter().filter_map(|(is_so, what)| is_so.then_some(what)));
        }
        seen
    }

    /// What is to be seen of the meeting.
    #[must_use]
    pub fn seen(&self) -> Vec<&'static str> {
        let of_hosts = || self.acts.iter().filter(|act| self.rank(&act.author()).is_some());
        let revokes: Vec<_> = self.revokes().filter(|r| self.rank(&r.act.author()).is_some()).collect();
        let is_mutual = |r: &Revoke<'_>| {
            revokes.iter().any(|other| other.subject == r.act.author() && other.act.author() == r.subject)
        };
        let what = [
            (!self.voids.is_empty(), "forked"),
            (of_hosts().any(|act| !self.is_voided(act) && !self.counts(act)), "act cut"),
            (of_hosts().count() < self.acts.len(), "act of no host"),
            (revokes.iter().any(|r| self.counts(&r.act) && !self.has_effect(r)), "revoke of a senior"),
            (revokes.iter().any(is_mutual), "hosts revoke each other"),
            (revokes.iter().any(|r| self.answers(r).len() > 1), "answered twice"),
            (self.is_locked(), "locked"),
            (self.has_ended(), "ended"),
            (self.charter.kind == Purpose::STAR, "star"),
            (self.revokes().any(|r| !self.muted(&r.subject).is_empty()), "muted"),
        ];
        what.into_iter().filter_map(|(is_so, what)| is_so.then_some(what)).collect()
    }
}
