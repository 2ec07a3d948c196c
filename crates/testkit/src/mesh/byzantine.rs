//! Somebody who comes into a room and keeps to no rule, and the keys that it lets in.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use tertulia_core::code::Code;
use tertulia_core::id::{DialId, Hash, Key, LinkId, MeetingId, RequestId, Salt};
use tertulia_core::identity::{Identity, Secret};
use tertulia_core::limits::{MESH_MAX, RANGES_MAX, ROWS_MAX, TEXT_MAX};
use tertulia_core::log::{Log, entry_of};
use tertulia_core::machine::{Input, Machine, Output};
use tertulia_core::pass::Chain;
use tertulia_core::random::Random;
use tertulia_core::ticket::prove_ticket;
use tertulia_core::time::{Instant, Now};
use tertulia_core::wire::entry::{Door, EntryBody, Level, Role, Whereabouts};
use tertulia_core::wire::field::{List, Name, Reason, Text};
use tertulia_core::wire::meeting::{Fetch, Lane, Meeting, Range, Row};
use tertulia_core::wire::option::{self, Manner, OptionsBuffer};
use tertulia_core::wire::private::Private;
use tertulia_core::wire::session::{Hello, Purpose};
use tertulia_core::wire::{Encoded, Frame};

use super::cast::{TICKET, address, charter, identity};
use super::deed::Deed;
use super::plan::Mix;
use crate::frames::{Proof, digest, fetch, links};
use crate::sim::NodeSpec;

/// What the first of them is called.
pub(super) const NAME: &str = "byzantine";
/// Whom it dials: these many, the founder first.
const DOORS: usize = 3;
/// How often one of them dials: newcomers of one source are not without number (SPEC MESH-24).
const DIALS_MAX: u32 = 12;
/// How often one of them does something.
const TURNS_MAX: u32 = 50;
/// Keys that it makes up at once, and how often.
const GHOSTS: u8 = 100;
const GHOST_TURNS: u32 = 6;
/// What it remembers of what others have said.
const HEARD_MAX: usize = 500;
/// What it sends again, or claims, at once.
const AT_ONCE: u64 = 10;
/// How many lines of the greatest length it writes, to fill what others have.
const FILL: u32 = 400;

/// What the keys of one user know together.
#[derive(Clone, Debug, Default)]
struct Memory {
    /// By what the first of them has come in.
    chain: Option<Chain>,
    /// Above what its spare keys are served.
    floor: u64,
    /// What the first of them has said, wherever that has gone.
    words: Vec<Encoded>,
    /// The first of them was shown out.
    was_kicked: bool,
}

/// One key of somebody's who keeps to no rule.
#[derive(Clone, Debug)]
struct Byzantine {
    us: Identity,
    deed: Deed,
    mix: Mix,
    /// Whose keys they are: that of the first, then those that it lets in.
    keys: Vec<Identity>,
    depth: usize,
    memory: Rc<RefCell<Memory>>,
    meeting: MeetingId,
    log: Log,
    session: u64,
    started_ms: u64,
    chain: Chain,
    /// The doors that were dialled, and those behind which it is.
    calls: BTreeMap<DialId, usize>,
    links: BTreeMap<LinkId, (usize, bool)>,
    heard: Vec<Encoded>,
    dials: u32,
    last_request: u32,
    turn: u32,
    /// Turns since it is in.
    inside: u32,
    due: Instant,
    dice: Random,
}

/// Member `number`, who does this, and its spare keys.
pub(super) fn byzantines(number: usize, deed: Deed, mix: &Mix) -> Vec<NodeSpec> {
    let keys: Vec<Identity> = (number..=number + deed.spares()).map(|number| identity(number, mix)).collect();
    let memory = Rc::new(RefCell::new(Memory::default()));
    let spec = |depth: usize| {
        let (keys, memory, mix) = (keys.clone(), memory.clone(), mix.clone());
        let us = keys[depth].clone();
        let key = us.key();
        let maker: crate::sim::Maker = Box::new(move |boot| {
            let meeting = charter(&mix).meeting;
            let log = Log::new(meeting, 10_000);
            let (mut dice, started_ms) = (Random::new(boot.seed), boot.now.unix_ms);
            Box::new(Byzantine {
                us: us.clone(),
                deed,
                mix: mix.clone(),
                keys: keys.clone(),
                depth,
                memory: memory.clone(),
                meeting,
                session: log.new_session(us.key(), started_ms, dice.bytes()),
                log,
                started_ms,
                chain: Chain::default(),
                calls: BTreeMap::new(),
                links: BTreeMap::new(),
                heard: Vec::new(),
                dials: 0,
                last_request: 1,
                turn: 0,
                inside: 0,
                due: boot.now.tick.after(Duration::from_millis(1)),
                dice,
            })
        });
        NodeSpec { key, maker, talk_max: 1 }
    };
    (0..keys.len()).map(spec).collect()
}

impl Byzantine {
    fn name(&self) -> String {
        if self.depth == 0 { NAME.into() } else { format!("spare{}", self.depth) }
    }

    fn proof_of(&self, us: &Identity, chain: Chain) -> Proof {
        let ticket = self.mix.ticket.then(|| prove_ticket(TICKET, None, self.meeting, us));
        Proof { chain, ticket }
    }

    /// Whether this key has something to come with.
    fn may_come(&mut self) -> bool {
        let memory = self.memory.borrow();
        let Some(first) = memory.chain.as_ref().filter(|_| self.depth > 0) else { return self.depth == 0 };
        if self.chain.is_empty() {
            // The second spare key comes once the first of all was shown out.
            if self.deed == Deed::ComesAgain && self.depth == 2 && !memory.was_kicked {
                return false;
            }
            let pairs = self.keys.iter().zip(self.keys.iter().skip(1)).take(self.depth);
            let deeper = |chain: Chain, (signer, subject): (&Identity, &Identity)| {
                chain.and(subject.key(), memory.floor, Manner::Unasked, self.meeting, signer)
            };
            self.chain = pairs.fold(first.clone(), deeper);
        }
        true
    }

    fn call(&mut self, out: &mut Vec<Output>) {
        if !self.may_come() {
            return;
        }
        for door in 0..DOORS.min(self.mix.members) {
            let is_open =
                self.calls.values().chain(self.links.values().map(|(door, _)| door)).any(|open| *open == door);
            if is_open || self.dials >= DIALS_MAX {
                continue;
            }
            self.dials += 1;
            let id = DialId(self.dials.into());
            self.calls.insert(id, door);
            let (name, mut options) = (self.name(), OptionsBuffer::default());
            options.set(&option::NAME, &Name::new(&name).expect("a name"));
            let (purpose, meeting, started_ms) = (Purpose::MESH, MeetingId::ZERO, self.started_ms);
            let hello = Hello { purpose, meeting, started_ms, options: options.options() };
            let hello = Frame::from(hello).encode(RequestId::EVENT);
            out.push(Output::Dial { id, peer: None, addresses: vec![address(door)], hello });
        }
    }

    fn send(link: LinkId, frames: impl IntoIterator<Item = Encoded>, out: &mut Vec<Output>) {
        out.extend(frames.into_iter().map(|frame| Output::Send { link, frame }));
    }

    /// To all of whom it was let in.
    fn send_all(&self, frames: &[Encoded], out: &mut Vec<Output>) {
        let inside = self.links.iter().filter(|(_, (_, is_in))| *is_in);
        inside.for_each(|(link, _)| Self::send(*link, frames.iter().cloned(), out));
    }

    fn write(&mut self, body: &EntryBody<'_>, now: Now) -> Encoded {
        self.log.write(&self.us, self.session, body, now).expect("room").frame.clone()
    }

    fn person(&mut self, whereabouts: Whereabouts) -> Encoded {
        let (proof, name) = (self.proof_of(&self.us, self.chain.clone()), self.name());
        let person = proof.person(&mut self.log, &self.us, self.session, (&name, whereabouts), &[]);
        self.remember(&person);
        person
    }

    fn line(&mut self, text: &str, now: Now) -> Encoded {
        let body = EntryBody::Text { salt: Salt::ZERO, text: Text::new(text).expect("short") };
        let line = self.write(&body, now);
        self.remember(&line);
        line
    }

    fn remember(&mut self, word: &Encoded) {
        if self.depth == 0 {
            self.memory.borrow_mut().words.push(word.clone());
        }
    }

    /// Tells of all that it holds.
    fn offer(&self, link: LinkId, out: &mut Vec<Output>) {
        let rows = self.log.rows(0);
        Self::send(link, rows.chunks(ROWS_MAX).map(|rows| digest(rows.to_vec())), out);
    }

    fn offer_all(&self, out: &mut Vec<Output>) {
        let inside = self.links.iter().filter(|(_, (_, is_in))| *is_in);
        inside.for_each(|(link, _)| self.offer(*link, out));
    }

    fn on_welcome(&mut self, link: LinkId, chain: Chain, rows: &[Row], out: &mut Vec<Output>) {
        self.links.entry(link).and_modify(|(_, is_in)| *is_in = true);
        if self.depth == 0 && !self.memory.borrow().was_kicked {
            self.memory.borrow_mut().chain = Some(chain.clone());
        }
        self.chain = chain;
        // Some who rule say who they are, and some do not.
        let says_who = match self.deed {
            Deed::Listens => false,
            Deed::Rules => self.started_ms.is_multiple_of(2),
            _ => true,
        };
        if says_who {
            let person = self.person(Whereabouts::Here);
            Self::send(link, [person], out);
        }
        self.offer(link, out);
        self.ask(link, rows, out);
    }

    /// Asks for whatever it is told of.
    fn ask(&mut self, link: LinkId, rows: &[Row], out: &mut Vec<Output>) {
        let lacks = |row: &&Row| row.author != self.us.key() && row.next > row.first;
        let range = |row: &Row| {
            let Row { author, session, lane, first, next, .. } = *row;
            Range { author, session, lane, from: first, to: next }
        };
        let ranges: Vec<Range> = rows.iter().filter(lacks).map(range).collect();
        for ranges in ranges.chunks(RANGES_MAX) {
            self.last_request += 1;
            Self::send(link, [fetch(ranges.iter().copied(), self.last_request)], out);
        }
    }

    fn serve(&self, link: LinkId, id: RequestId, wanted: &Fetch<'_>, out: &mut Vec<Output>) {
        if !matches!(self.deed, Deed::Withholds | Deed::ClaimsMuch) {
            let found = self.log.fetch(wanted.ranges.iter(), 0);
            Self::send(link, found.iter().map(|entry| entry.frame.clone()), out);
        }
        out.push(Output::done(link, id));
    }

    fn hear(&mut self, frame: Encoded) {
        entry_of(&frame).iter().for_each(|entry| _ = self.log.offer(entry, true, &self.us));
        if self.heard.len() < HEARD_MAX {
            self.heard.push(frame);
        }
        self.memory.borrow_mut().floor = self.log.lamport();
    }

    /// Whom it has heard.
    fn known(&self) -> Vec<Key> {
        let authors = self.heard.iter().filter_map(entry_of).map(|entry| entry.entry.author);
        authors.collect::<BTreeSet<Key>>().into_iter().collect()
    }

    fn act(&mut self, now: Now, out: &mut Vec<Output>) {
        if self.links.values().any(|(_, is_in)| *is_in) {
            self.inside += 1;
        }
        match self.deed {
            Deed::Listens => {}
            Deed::LeavesAndStays if self.inside == 3 => {
                let person = self.person(Whereabouts::Gone);
                self.send_all(&[person], out);
            }
            Deed::LeavesAndStays | Deed::Withholds => self.talk(now, out),
            Deed::SignsTwice => self.sign_twice(now, out),
            Deed::MakesSpares => self.talk(now, out),
            Deed::ComesAgain => {
                self.talk(now, out);
                let words: Vec<Encoded> = self.memory.borrow().words.iter().rev().take(5).cloned().collect();
                self.send_all(&words, out);
            }
            Deed::NamesGhosts if (1..=GHOST_TURNS).contains(&self.inside) => self.name_ghosts(out),
            Deed::NamesGhosts => {}
            Deed::Rules => self.rule(now, out),
            Deed::Replays => {
                let heard = self.heard.len() as u64;
                let again = (0..AT_ONCE.min(heard)).map(|_| self.dice.below(heard) as usize).collect::<Vec<_>>();
                let again: Vec<Encoded> = again.into_iter().filter_map(|at| self.heard.get(at).cloned()).collect();
                self.send_all(&again, out);
            }
            Deed::ClaimsMuch => self.claim(now, out),
            Deed::Fills if self.inside == 1 => {
                (0..FILL).for_each(|_| _ = self.line(&"x".repeat(TEXT_MAX), now));
                self.offer_all(out);
            }
            Deed::Fills => {}
        }
    }

    fn talk(&mut self, now: Now, out: &mut Vec<Output>) {
        let line = self.line(&format!("{} {}", self.name(), self.turn), now);
        self.send_all(&[line], out);
    }

    /// To each link one version of the second line, and to each the other one later.
    fn sign_twice(&mut self, now: Now, out: &mut Vec<Output>) {
        if self.inside == 1 {
            let line = self.line("hear, hear", now);
            return self.send_all(&[line], out);
        }
        if self.inside == 2 {
            let mut other = self.clone();
            let versions = [self.line("yes", now), other.line("no", now)];
            let links: Vec<LinkId> = self.links.keys().copied().collect();
            for (at, link) in links.into_iter().enumerate() {
                Self::send(link, [versions[at % 2].clone()], out);
            }
            self.heard.extend(versions);
        }
        if self.inside == 4 {
            let last = self.heard.len().saturating_sub(2);
            let versions = self.heard.split_off(last);
            self.send_all(&versions, out);
        }
    }

    /// What keys say of themselves that never come: every third chain does not hold, every tenth key is where nobody is.
    fn name_ghosts(&mut self, out: &mut Vec<Output>) {
        let mut keys = Vec::new();
        for number in 0..GHOSTS {
            let mut secret = [0xee; 32];
            (secret[0], secret[1]) = (number, self.inside as u8);
            let ghost = Identity::new(Secret(secret), self.us.scheme().clone());
            let signer = if number % 3 == 0 { &ghost } else { &self.us };
            let chain = self.chain.and(ghost.key(), 0, Manner::Unasked, self.meeting, signer);
            let nowhere = std::net::SocketAddr::from(([127, 0, 0, 1], 20_000 + u16::from(number)));
            let addresses = if number % 10 == 1 { &[nowhere][..] } else { &[] };
            let (name, mut log) = (format!("ghost{}-{number}", self.inside), Log::new(self.meeting, 1));
            let said = (&*name, Whereabouts::Here);
            let person = self.proof_of(&ghost, chain).person(&mut log, &ghost, self.session, said, addresses);
            entry_of(&person).iter().for_each(|entry| _ = self.log.offer(entry, true, &self.us));
            keys.push(ghost.key());
        }
        self.offer_all(out);
        self.send_all(&[links(keys.into_iter().take(MESH_MAX))], out);
    }

    fn rule(&mut self, now: Now, out: &mut Vec<Output>) {
        let (known, none) = (self.known(), Reason::NONE);
        let victim = known.get(self.turn as usize % known.len().max(1)).copied().unwrap_or(Key::ZERO);
        let (subject, level) = (self.us.key(), Level::Out);
        let body = match self.turn % 4 {
            0 => EntryBody::Grant { subject, role: Role::Host, answers: Hash::ZERO, session: 0, name: none },
            1 => {
                let (cuts, kept) = (List::NONE, List::NONE);
                EntryBody::Revoke { subject: victim, level, name: Reason::cut("you"), why: none, cuts, kept }
            }
            2 => EntryBody::Policy { door: Door::Locked, kept: List::NONE },
            _ => EntryBody::End { why: none },
        };
        let act = self.write(&body, now);
        self.send_all(&[act], out);
        self.offer_all(out);
    }

    /// Rows of others' streams and registers that there are not.
    fn claim(&mut self, now: Now, out: &mut Vec<Output>) {
        let known = self.known();
        let mut row = || {
            let at = self.dice.below(known.len() as u64 + 1) as usize;
            let author = known.get(at).copied().unwrap_or_else(|| Key(self.dice.bytes()));
            let lane = [Lane::Acts, Lane::Talk, Lane::PERSON][self.dice.below(3) as usize];
            let session = self.log.new_session(author, now.unix_ms, self.dice.bytes());
            let next = 2 + self.dice.below(1_000);
            let first = if lane.is_register() { next - 1 } else { 1 };
            Row { author, session, lane, first, next, head: Hash(self.dice.bytes()) }
        };
        let rows: Vec<Row> = (0..AT_ONCE).map(|_| row()).collect();
        self.send_all(&[digest(rows)], out);
    }
}

impl Machine for Byzantine {
    fn handle(&mut self, input: Input<'_>, _now: Now, out: &mut Vec<Output>) {
        match input {
            Input::Up { link, dial: Some(dial), .. } => {
                let Some(door) = self.calls.remove(&dial) else { return };
                self.links.insert(link, (door, false));
                let join = self.proof_of(&self.us, self.chain.clone()).join(1);
                out.push(Output::Send { link, frame: join });
            }
            Input::Down { link, code } => {
                self.links.remove(&link);
                if self.depth == 0 && matches!(code, Code::Kicked | Code::Banned) {
                    self.memory.borrow_mut().was_kicked = true;
                }
            }
            Input::Unreachable { dial, .. } => _ = self.calls.remove(&dial),
            Input::Frame { link, id, frame } => match frame {
                Frame::Meeting(Meeting::Welcome(welcome)) => {
                    let rows: Vec<Row> = welcome.rows.iter().collect();
                    self.on_welcome(link, Chain::shown(welcome.chain), &rows, out);
                }
                Frame::Meeting(Meeting::Digest(told)) => self.ask(link, &told.rows.iter().collect::<Vec<Row>>(), out),
                Frame::Meeting(Meeting::Fetch(wanted)) => self.serve(link, id, &wanted, out),
                Frame::Meeting(Meeting::EntryFrame(_)) => self.hear(frame.encode(id)),
                Frame::Private(Private::Tell(_)) => out.push(Output::done(link, id)),
                _ => {}
            },
            _ => {}
        }
    }

    fn handle_timeout(&mut self, now: Now, out: &mut Vec<Output>) {
        if self.poll_timeout().is_none_or(|due| due > now.tick) {
            return;
        }
        self.turn += 1;
        self.due = now.tick.after(Duration::from_millis(500 + self.dice.below(1_000)));
        self.call(out);
        self.act(now, out);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        (self.turn < TURNS_MAX).then_some(self.due)
    }

    fn assert_invariants(&self) {}
}
