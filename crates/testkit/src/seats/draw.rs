//! Meetings drawn at random: what their hosts, and others, have written, and what each says of itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use tertulia_core::charter::{Admission, Questions, SignedCharter, Terms};
use tertulia_core::id::{Hash, Key, MeetingId, ShortHash, Signature, Token};
use tertulia_core::identity::{Domain, Identity, Secret};
use tertulia_core::log::{Held, StreamId, signed};
use tertulia_core::pass::Chain;
use tertulia_core::random::Random;
use tertulia_core::ticket::prove_ticket;
use tertulia_core::wire::entry::{Cut, Door, Entry, EntryBody, Lane, Level, Role, Whereabouts};
use tertulia_core::wire::field::{List, Name, Reason, Title, encode_items};
use tertulia_core::wire::option::{Manner, Pass, TicketProof};
use tertulia_core::wire::session::Purpose;

use crate::scheme::Hashed;

/// How many there are: the founder, three whom it likes to make hosts, and others.
const CAST: usize = 9;
const HOSTS: usize = 4;
/// Seeds of the tickets: the charter's, one that the founder has endorsed, and one that nobody has.
const TICKETS: [Secret; 3] = [Secret([0xc0; 32]), Secret([0xc1; 32]), Secret([0xc2; 32])];
const SESSIONS: u64 = 3;

/// What is held of a meeting.
#[derive(Clone, Debug)]
pub struct Meeting {
    /// What it is.
    pub charter: SignedCharter,
    /// Whose acts and words there may be, the founder first.
    pub cast: Vec<Identity>,
    /// The keys of its tickets, good or not.
    pub tickets: Vec<Key>,
    /// Every act and every PERSON, each stream in its order.
    pub entries: Vec<Arc<Held>>,
}

impl Meeting {
    /// Whose names there are.
    pub(super) fn keys(&self) -> Vec<Key> {
        self.cast.iter().map(Identity::key).chain(self.tickets.iter().copied()).collect()
    }

    pub(super) fn name_of(&self, key: &Key) -> String {
        match self.keys().iter().position(|known| known == key) {
            Some(number) if number < self.cast.len() => format!("{number}"),
            Some(number) => format!("ticket {}", number - self.cast.len()),
            None => "nobody".into(),
        }
    }

    pub(super) fn names_of(&self, keys: impl IntoIterator<Item = Key>) -> String {
        let names: Vec<String> = keys.into_iter().map(|key| self.name_of(&key)).collect();
        names.join(" ")
    }
}

/// Draws a meeting.
#[must_use]
pub fn draw(seed: u64) -> Meeting {
    let mut bytes = [0x5e; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    drawn(Dice::Drawn(Box::new(Random::new(bytes))))
}

/// What decides what is drawn.
pub(super) enum Dice<'a> {
    Drawn(Box<Random>),
    /// Bytes from the front; zero, once they have run out.
    Given(&'a [u8]),
}

impl Dice<'_> {
    fn below(&mut self, bound: u64) -> u64 {
        match self {
            Self::Drawn(random) => random.below(bound),
            Self::Given(bytes) => {
                let (first, rest) = bytes.split_first().unwrap_or((&0, &[]));
                *bytes = rest;
                u64::from(*first) % bound
            }
        }
    }
}

pub(super) fn drawn(dice: Dice<'_>) -> Meeting {
    let mut pen = Pen::new(dice);
    for host in 1..HOSTS {
        if pen.is(70) {
            pen.appoint(host);
        }
    }
    let acts = pen.below(28);
    (0..acts).for_each(|_| pen.act());
    for member in 0..CAST {
        let words = pen.pick(&[0, 1, 1, 1, 2, 3]);
        (0..words).for_each(|_| pen.person(member));
    }
    let Pen { charter, cast, tickets, entries, .. } = pen;
    Meeting { charter, cast, tickets: tickets.iter().map(Identity::key).collect(), entries }
}

/// The first entry of a stream or register, but for what it says.
pub(super) const fn first(id: StreamId) -> Entry {
    let StreamId { author, session, lane } = id;
    let (number, prev, lamport, reference) = (1, Hash::ZERO, 1, ShortHash::ZERO);
    Entry { author, session, lane, number, prev, lamport, reference, time_ms: 0, kind: 0, length: 0 }
}

/// Signs an entry that says `body`.
pub(super) fn sign(us: &Identity, meeting: MeetingId, entry: Entry, body: &[u8]) -> Arc<Held> {
    Held::new(meeting, &signed(us, Domain::Entry, meeting, entry, body))
}

/// Writes what is drawn.
struct Pen<'a> {
    dice: Dice<'a>,
    charter: SignedCharter,
    cast: Vec<Identity>,
    tickets: Vec<Identity>,
    /// By whom each has come, if it goes by that.
    doors: Vec<usize>,
    /// Of a hundred acts, how many are of no host.
    strangers: u64,
    streams: BTreeMap<StreamId, Vec<Arc<Held>>>,
    /// The revokes so far: hash, and subject.
    revokes: Vec<(Hash, Key)>,
    entries: Vec<Arc<Held>>,
}

impl<'a> Pen<'a> {
    fn new(mut dice: Dice<'a>) -> Self {
        let identity = |secret| Identity::new(secret, Arc::new(Hashed));
        let cast: Vec<_> = (1..=CAST).map(|number| identity(Secret([number as u8; 32]))).collect();
        let tickets: Vec<_> = TICKETS.into_iter().map(identity).collect();
        let admissions = [Admission::Open, Admission::Ticket, Admission::Lobby, Admission::TicketAndLobby];
        let admission = admissions[dice.below(4) as usize];
        let has_ticket = matches!(admission, Admission::Ticket | Admission::TicketAndLobby);
        let terms = Terms {
            kind: if dice.below(16) == 0 { Purpose::STAR } else { Purpose::MESH },
            founder: cast[0].key(),
            nonce: Token([0x4e; 16]),
            admission,
            ticket: if has_ticket { tickets[0].key() } else { Key::ZERO },
            questions: Questions::Open,
            history: u32::MAX,
            guests: 64,
            title: Title::new("Friday").unwrap(),
        };
        let charter = SignedCharter::found(terms, &cast[0]).unwrap();
        let doors = (0..CAST).map(|member| dice.below(member.max(1) as u64) as usize).collect();
        let strangers = [0, 5, 30][dice.below(3) as usize];
        let (streams, revokes, entries) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { dice, charter, cast, tickets, doors, strangers, streams, revokes, entries }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.dice.below(bound as u64) as usize
    }

    /// True so often of a hundred times.
    fn is(&mut self, often: u64) -> bool {
        self.dice.below(100) < often
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn some_key(&mut self) -> Key {
        let number = if self.is(60) { HOSTS + self.below(CAST - HOSTS) } else { self.below(CAST) };
        self.cast[number].key()
    }

    fn some_keys(&mut self) -> (u16, Vec<u8>) {
        let often = self.pick(&[0, 20, 50, 90]);
        let kept: Vec<_> = (0..CAST).filter(|_| self.is(often)).collect();
        encode_items(kept.into_iter().map(|number| self.cast[number].key()), CAST)
    }

    fn some_cuts(&mut self) -> (u16, Vec<u8>) {
        let count = self.below(5);
        let cut = |pen: &mut Self| {
            let lane = pen.pick(&[Lane::Acts, Lane::Acts, Lane::Talk, Lane::PERSON]);
            Cut { session: 1 + pen.dice.below(SESSIONS), lane, next: pen.dice.below(7) }
        };
        let cuts: Vec<Cut> = (0..count).map(|_| cut(self)).collect();
        encode_items(cuts, 5)
    }

    fn appoint(&mut self, host: usize) {
        let subject = self.cast[host].key();
        let body = EntryBody::Grant { subject, role: Role::Host, answers: Hash::ZERO, session: 0, name: Reason::NONE };
        self.write_act(0, 1, &body);
    }

    /// Some act, of whomever.
    fn act(&mut self) {
        let strangers = self.strangers;
        let author = if self.is(strangers) { self.below(CAST) } else { self.below(HOSTS) };
        let session = self.pick(&[1, 1, 1, 2, 3]);
        let (subject, kept, cuts) = (self.some_key(), self.some_keys(), self.some_cuts());
        let (kept, cuts) = (List::over(kept.0, &kept.1), List::over(cuts.0, &cuts.1));
        let name = Reason::cut(["x", "y", "z"][self.below(3)]);
        let why = Reason::NONE;
        let answered = self.below(self.revokes.len() + 1);
        let answered = self.revokes.get(answered).copied();
        let (answers, of) = answered.unwrap_or((Hash::ZERO, subject));
        let (of, from) = (if self.is(95) { of } else { subject }, self.dice.below(SESSIONS + 2));
        let grant = |role| EntryBody::Grant { subject: of, role, answers, session: from, name };
        let body = match self.below(100) {
            0..8 => EntryBody::Grant { subject, role: Role::Host, answers: Hash::ZERO, session: 0, name },
            8..12 => grant(Role::Host),
            12..34 => grant(Role::Member),
            34..62 => EntryBody::Revoke { subject, level: Level::Out, name, why, cuts, kept },
            62..70 => EntryBody::Revoke { subject, level: Level::Mute, name, why, cuts, kept },
            70..80 => {
                let ticket = self.below(TICKETS.len());
                let level = if self.is(90) { Level::Out } else { Level::Mute };
                let (subject, cuts) = (self.tickets[ticket].key(), List::NONE);
                EntryBody::Revoke { subject, level, name: Reason::NONE, why, cuts, kept }
            }
            80..97 => {
                let door = self.pick(&[Door::Locked, Door::Locked, Door::Unlocked]);
                EntryBody::Policy { door, kept }
            }
            97 => EntryBody::End { why },
            _ => {
                self.write_bytes(author, session, 0x0002, b"?");
                return;
            }
        };
        self.write_act(author, session, &body);
    }

    fn write_act(&mut self, author: usize, session: u64, body: &EntryBody<'_>) {
        let (kind, bytes) = body.encode();
        let act = self.write_bytes(author, session, kind, &bytes);
        if let EntryBody::Revoke { subject, .. } = body {
            self.revokes.push((act, *subject));
        }
    }

    /// Writes an act behind the last of its stream, or a rival of one that is there.
    fn write_bytes(&mut self, author: usize, session: u64, kind: u16, body: &[u8]) -> Hash {
        let id = StreamId { author: self.cast[author].key(), session, lane: Lane::Acts };
        let length = self.streams.get(&id).map_or(0, Vec::len);
        let (is_rival, is_unfit) = (length > 0 && self.is(3), length > 0 && self.is(1));
        let behind = if is_rival { self.below(length) } else { length };
        let before = self.streams.get(&id).and_then(|stream| stream.get(behind.checked_sub(1)?)).cloned();
        let prev = before.as_ref().map_or(Hash::ZERO, |before| before.hash);
        let prev = if is_unfit { Hash([0xee; 32]) } else { prev };
        let lamport = before.map_or(0, |before| before.lamport) + 1 + self.dice.below(5);
        let entry = Entry { number: behind as u64 + 1, prev, lamport, kind, ..first(id) };
        let act = self.sign(author, entry, body);
        if !is_rival && !is_unfit {
            self.streams.entry(id).or_default().push(act.clone());
        }
        act.hash
    }

    fn sign(&mut self, author: usize, entry: Entry, body: &[u8]) -> Arc<Held> {
        let entry = Entry { time_ms: self.entries.len() as u64, ..entry };
        let held = sign(&self.cast[author], self.charter.meeting, entry, body);
        self.entries.push(held.clone());
        held
    }

    /// What somebody says of itself; sometimes nothing that can be read.
    fn person(&mut self, member: usize) {
        let (session, number) = (self.dice.below(SESSIONS) + 1, self.dice.below(3) + 1);
        let id = StreamId { author: self.cast[member].key(), session, lane: Lane::PERSON };
        let whereabouts = if self.is(80) { Whereabouts::Here } else { Whereabouts::Gone };
        let name = ["Ada", "Bea", "Cleo", "Dan", "Eve", "Fay", "Gus", "Hal", "Ida", "Ada-2"][self.below(CAST + 1)];
        let chain = self.chain(member);
        let proof = self.proof(member);
        let (proofs, proof) = encode_items(proof, 1);
        let name = Name::new(name).unwrap();
        let (kind, body) = chain.with_list(|chain| {
            let proof = List::over(proofs, &proof);
            EntryBody::Person { whereabouts, name, addresses: List::NONE, chain, proof }.encode()
        });
        let body = if self.is(3) { vec![0xff] } else { body };
        self.sign(member, Entry { number, kind, ..first(id) }, &body);
    }

    /// Passes from the founder down to `member`; some do not hold.
    fn chain(&mut self, member: usize) -> Chain {
        if member == 0 && self.is(90) {
            return Chain::default();
        }
        let signers = self.signers(member);
        let subjects: Vec<usize> = signers.iter().skip(1).copied().chain([member]).collect();
        let mut passes: Vec<Pass> = Vec::new();
        for (signer, subject) in signers.into_iter().zip(subjects) {
            let often = if signer < HOSTS { 50 } else { 10 };
            let manner = if self.is(often) { Manner::ByHand } else { Manner::Unasked };
            let (us, key, floor) = (self.cast[signer].clone(), self.cast[subject].key(), self.dice.below(9));
            passes.extend(Chain::default().and(key, floor, manner, self.charter.meeting, &us).passes());
        }
        let spoilt = self.below(passes.len());
        match self.below(60) {
            0 => passes[spoilt].signature = Signature([0x5a; 64]),
            1 => passes[spoilt].floor += 1,
            2 => passes[spoilt].signer = self.some_key(),
            3 => passes[spoilt].manner = Manner::ByHand,
            4 => _ = passes.remove(spoilt),
            5 => passes.clear(),
            _ => {}
        }
        let (count, bytes) = encode_items(passes, 16);
        Chain::shown(List::over(count, &bytes))
    }

    /// By whom somebody has come, the founder first; as the others have, or by whomever.
    fn signers(&mut self, member: usize) -> Vec<usize> {
        if self.is(60) {
            let doors = std::iter::successors(Some(member), |member| (*member > 0).then(|| self.doors[*member]));
            let mut signers: Vec<usize> = doors.skip(1).collect();
            signers.reverse();
            if !signers.is_empty() {
                return signers;
            }
        }
        let depth = self.pick(&[0, 0, 1, 1, 2, 3, 5, 15]);
        let others: Vec<usize> = (0..depth).map(|_| self.below(CAST)).collect();
        [0].into_iter().chain(others).collect()
    }

    fn proof(&mut self, member: usize) -> Option<TicketProof> {
        let ticket = self.pick(&[0, 0, 0, 0, 1, 1, 2]);
        let meeting = &self.charter.meeting;
        let by_founder = self.cast[0].sign(Domain::Ticket, &[&meeting.0, &self.tickets[1].key().0]);
        let whose = if self.is(93) { member } else { self.below(CAST) };
        let endorsement = (ticket > 0).then_some(by_founder);
        let proof = prove_ticket(TICKETS[ticket], endorsement, self.charter.meeting, &self.cast[whose]);
        self.is(85).then_some(proof)
    }
}
