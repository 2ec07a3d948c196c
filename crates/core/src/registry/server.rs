//! The registry itself: takes records, dials their publishers back, shows what it has met.

mod dialling;
mod taking;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use self::dialling::looked_for;
use super::counts::{Counts, add};
use super::index::{Index, Page, words_in};
use super::leases::Leases;
use super::probes::Probes;
use super::record::{Found, text_of};
use super::slot::{Place, Slot, shelf_of};
use super::slots::{SlotId, Slots};
use crate::code::Code;
use crate::command::{self, Command, Directory};
use crate::event::{Ending, Event};
use crate::id::{CommandId, Key, LinkId, MeetingId, RequestId, Source};
use crate::identity::Identity;
use crate::limits;
use crate::machine::{Input, Machine, Output};
use crate::rule::Rule;
use crate::time::{Instant, Now};
use crate::wire::Frame;
use crate::wire::field::List;
use crate::wire::option::Options;
use crate::wire::registry::{Browse, Kind, Lease, Listing, Lookup, Particulars, Registry, Shelf};
use crate::wire::session::{Hello, Purpose};

/// What a registry is made of.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Its key pair.
    pub identity: Identity,
    /// Where it listens.
    pub address: SocketAddr,
    /// The wall clock as it starts, milliseconds since 1970 in UTC.
    pub started_ms: u64,
}

/// Whoever has dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Caller {
    key: Key,
    ip: IpAddr,
}

/// A registry, all in memory: what it loses, its clients publish again.
#[derive(Clone, Debug)]
pub struct Server {
    us: Identity,
    address: SocketAddr,
    started_ms: u64,
    callers: BTreeMap<LinkId, Caller>,
    slots: Slots,
    /// Invariant: how many slots each source and each kind has, where it has any.
    sources: BTreeMap<Source, u32>,
    kinds: BTreeMap<Kind, u32>,
    /// Invariant: it has as many slots and dial-backs as are counted there.
    counts: Counts,
    index: Index,
    probes: Probes,
    rounds: u64,
    leases: Leases,
    /// Invariant: the slots that are unmet. When there is no more room, these go first.
    unmet: BTreeSet<(Source, Place)>,
    /// How many records it holds at most.
    most: usize,
    over: bool,
}

impl Server {
    /// A registry that holds nothing.
    #[must_use]
    pub fn new(config: ServerConfig) -> Self {
        Self {
            us: config.identity,
            address: config.address,
            started_ms: config.started_ms,
            callers: BTreeMap::new(),
            slots: Slots::default(),
            sources: BTreeMap::new(),
            kinds: BTreeMap::new(),
            counts: Counts::default(),
            index: Index::default(),
            probes: Probes::default(),
            rounds: 0,
            leases: Leases::default(),
            unmet: BTreeSet::new(),
            most: limits::REGISTRY_RECORDS_MAX,
            over: false,
        }
    }

    /// The same, but it holds only so many records.
    #[cfg(test)]
    pub(super) fn with_room(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// How many records it holds, listed or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many records of a kind it holds, listed or not.
    #[must_use]
    pub fn held(&self, kind: Kind) -> usize {
        self.kinds.get(&kind).and_then(|count| usize::try_from(*count).ok()).unwrap_or(0)
    }

    /// What it has done since it started.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    fn on_up(&mut self, link: LinkId, key: Key, address: SocketAddr, hello: &Hello<'_>, out: &mut Vec<Output>) {
        // SPEC REGISTRY-1
        if hello.purpose != Purpose::REGISTRY || hello.meeting != MeetingId::ZERO {
            return out.push(Output::close(link, Rule::Registry1));
        }
        self.callers.insert(link, Caller { key, ip: address.ip() });
    }

    /// SPEC LOOKUP-1
    fn on_lookup(&self, link: LinkId, id: RequestId, lookup: &Lookup<'_>, out: &mut Vec<Output>) {
        let mut slots = self.slots.of_id(lookup.record);
        slots.retain(|slot| self.slots.get(*slot).is_some_and(Slot::is_met));
        slots.truncate(limits::LISTED_MAX);
        out.push(self.listing(link, id, &Page { slots, next: 0 }));
    }

    fn page(&self, shelf: Shelf, words: &str, cursor: u64, most: usize) -> Page {
        self.index.page(shelf, words, (cursor, most), |slot| self.slots.get(slot).map(Slot::words).unwrap_or_default())
    }

    fn on_browse(&self, link: LinkId, id: RequestId, browse: &Browse<'_>, out: &mut Vec<Output>) {
        let most = usize::from(browse.most).min(limits::LISTED_MAX);
        let page = self.page(browse.shelf, browse.words.as_str(), browse.cursor, most);
        out.push(self.listing(link, id, &page));
    }

    fn listing(&self, link: LinkId, id: RequestId, page: &Page) -> Output {
        let (mut count, mut items) = (0_u16, Vec::new());
        for slot in page.slots.iter().filter_map(|slot| self.slots.get(*slot)) {
            slot.encode_listed(&mut items);
            count = count.saturating_add(1);
        }
        let listing = Listing { next: page.next, records: List::over(count, &items), options: Options::NONE };
        Output::Send { link, frame: Frame::from(listing).encode(id) }
    }

    /// What a link has published last, and no other since.
    fn published(&self, link: LinkId, caller: Caller) -> impl Iterator<Item = SlotId> {
        let theirs = self.slots.of_key(caller.key).into_iter();
        theirs.filter(move |slot| self.slots.get(*slot).is_some_and(|slot| slot.link == Some(link)))
    }

    fn on_down(&mut self, link: LinkId, code: Code, out: &mut Vec<Output>) {
        let Some(caller) = self.callers.remove(&link) else { return };
        for id in self.published(link, caller).collect::<Vec<_>>() {
            if let Some(slot) = self.slots.get_mut(id) {
                slot.link = None;
            }
            // SPEC REGISTRY-11
            if matches!(code, Code::Left | Code::Ended | Code::Stopped) {
                add(&mut self.counts.left);
                self.drop_slot(id, out);
            }
        }
    }

    /// The one way to turn away a link: with the rule that it broke.
    fn reject(&mut self, link: LinkId, rule: Rule, out: &mut Vec<Output>) {
        self.on_down(link, rule.code(), out);
        out.push(Output::close(link, rule));
    }

    /// Whoever is at the other end of a link. Who publishes once more is known from its slot, which is needed anyway: where
    /// there are a million links, each look for one costs as much as all the rest.
    fn caller(&self, link: LinkId, held: Option<SlotId>) -> Option<Caller> {
        let slot = held.and_then(|slot| self.slots.get(slot)).filter(|slot| slot.link == Some(link));
        let publisher = slot.map(|slot| Caller { key: slot.place().1, ip: slot.ip });
        publisher.or_else(|| self.callers.get(&link).copied())
    }

    /// Where the record is held that a frame publishes.
    fn held_of(&self, frame: &Frame<'_>) -> Option<SlotId> {
        let Frame::Registry(Registry::Publish(publish)) = frame else { return None };
        let Particulars { id, publisher, .. } = publish.record.0.value.particulars;
        self.slots.find((id, publisher))
    }

    fn on_frame(&mut self, link: LinkId, id: RequestId, frame: &Frame<'_>, now: Now, out: &mut Vec<Output>) {
        let held = self.held_of(frame);
        let Some(caller) = self.caller(link, held) else { return };
        match frame {
            Frame::Registry(Registry::Publish(publish)) => {
                self.on_publish((link, caller), id, (publish, held), now, out);
            }
            Frame::Registry(Registry::Withdraw(withdraw)) => self.on_withdraw((link, caller), id, withdraw, out),
            Frame::Registry(Registry::Lookup(lookup)) => self.on_lookup(link, id, lookup, out),
            Frame::Registry(Registry::Browse(browse)) => self.on_browse(link, id, browse, out),
            // SPEC REGISTRY-2
            Frame::Registry(Registry::Lease(_) | Registry::Listing(_)) | Frame::Meeting(_) | Frame::Private(_) => {
                self.reject(link, Rule::Registry2, out);
            }
            // It asks nothing, so that nothing is answered; the rest the link keeps to itself.
            Frame::Session(_) => {}
        }
    }

    /// For whoever runs it: what a client would be shown.
    fn on_command(&mut self, id: CommandId, command: &Command, now: Now, out: &mut Vec<Output>) {
        if matches!(command, Command::Quit | Command::Stop | Command::End) {
            self.over = true;
            return out.push(Output::Event(Event::Closed { code: Code::Stopped, ending: Ending::RegistryStopped }));
        }
        let (shelf, words) = if let Command::Directory(Directory::List { words }) = command {
            (Shelf::Meetings, words.as_str())
        } else if matches!(command, Command::Directory(Directory::Who)) {
            (Shelf::People, "")
        } else {
            return out.push(Output::Event(Event::Error { failure: command::Failure::OnlyRegistry, id: Some(id) }));
        };
        let page = self.page(shelf, words, 0, limits::LISTED_MAX);
        let slots = page.slots.iter().filter_map(|slot| self.slots.get(*slot));
        let found = slots.filter_map(|slot| Some(Found::of_held(&slot.record()?, &slot.proved().collect::<Vec<_>>())));
        out.extend((1_u32..).zip(found).map(|(number, found)| Output::Event(found.event(number, now))));
        out.push(Output::Event(Event::Done { id }));
    }
}

impl Machine for Server {
    fn handle(&mut self, input: Input<'_>, now: Now, out: &mut Vec<Output>) {
        if self.over {
            return;
        }
        match input {
            Input::Start => {}
            Input::Up { link, peer, dial: Some(dial), .. } => {
                let (code, reason) = (Code::Left, String::new());
                out.push(Output::Close { link, code, rule: None, reason });
                if let Some(probe) = self.probes.meet(dial, peer) {
                    self.on_over(probe, true, now, out);
                }
            }
            Input::Up { link, peer, address, hello, dial: None } => self.on_up(link, peer, address, &hello, out),
            Input::Frame { link, id, frame } => self.on_frame(link, id, &frame, now, out),
            Input::Down { link, code } => self.on_down(link, code, out),
            // SPEC PROBE-7
            Input::Unreachable { .. } => {}
            Input::Command { id, command } => self.on_command(id, &command, now, out),
        }
    }

    fn handle_timeout(&mut self, now: Now, out: &mut Vec<Output>) {
        while !self.over
            && let Some(slot) = self.leases.due(now.tick, &mut self.slots)
        {
            self.on_lease_over(slot, now, out);
        }
        while !self.over
            && let Some(probe) = self.probes.expire(now.tick)
        {
            self.on_over(probe, false, now, out);
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if self.over { None } else { self.leases.next().into_iter().chain(self.probes.next()).min() }
    }

    // Whoever asks has an answer at once; whoever publishes stays.
    fn has_let_in(&self, link: LinkId) -> bool {
        self.callers.get(&link).is_some_and(|caller| self.published(link, *caller).next().is_some())
    }

    fn assert_invariants(&self) {
        self.probes.assert_invariants();
        self.slots.assert_invariants();
        self.leases.assert_invariants(&self.slots);
        let (mut sources, mut kinds, mut unmet) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        let mut shelved = 0_usize;
        for (id, slot) in self.slots.iter() {
            let place = slot.place();
            count(&mut sources, slot.source());
            count(&mut kinds, slot.kind());
            let candidates = looked_for(slot, self.address);
            assert!(slot.proved().all(|address| candidates.contains(&address)), "{place:?}: proved by chance");
            let caller = slot.link.map(|link| self.callers.get(&link));
            let is_of = |caller: &Caller| *caller == Caller { key: place.1, ip: slot.ip };
            assert!(caller.is_none_or(|caller| caller.is_some_and(is_of)), "{place:?} is somebody else's");
            if let Some(serial) = slot.serial {
                shelved = shelved.saturating_add(1);
                let holds = self.index.holds(shelf_of(slot.kind()), slot.words(), serial, id);
                assert!(holds && slot.is_met() && slot.is_public, "{place:?} is not where it says");
            }
            let words = slot.record().filter(|_| slot.serial.is_some()).map(|record| words_in(text_of(&record)));
            assert_eq!(slot.words(), words.unwrap_or_default().as_bytes(), "{place:?} is found by something else");
            if let Some(round) = &slot.round {
                assert!(round.open > 0 && round.open == self.probes.count(round.number), "{place:?} waits in vain");
            }
            assert_eq!(slot.is_unmet, !slot.is_met() && slot.round.is_none(), "{place:?} may go, or not");
            unmet.extend(slot.is_unmet.then_some((slot.source(), place)));
        }
        assert_eq!((&sources, &unmet, shelved), (&self.sources, &self.unmet, self.index.len()), "miscounted");
        assert_eq!(kinds, self.kinds, "kinds are miscounted");
        let counted = (self.counts.held(), self.counts.open());
        let there = [self.slots.len(), self.probes.open()].map(u64::try_from);
        assert_eq!(there, [Ok(counted.0), Ok(counted.1)], "what was done is miscounted");
    }
}

/// SPEC REGISTRY-9: how long a record's lease is; no longer than it holds (REGISTRY-15).
fn lease_left(particulars: &Particulars<'_>, now: Now) -> Duration {
    limits::LEASE.min(Duration::from_millis(particulars.until_ms.saturating_sub(now.unix_ms)))
}

fn count<K: Ord>(counts: &mut BTreeMap<K, u32>, key: K) {
    let count = counts.entry(key).or_default();
    *count = count.saturating_add(1);
}

fn uncount<K: Ord>(counts: &mut BTreeMap<K, u32>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

fn lease((link, id): (LinkId, RequestId), slot: &Slot) -> Output {
    let lease_ms = u32::try_from(limits::LEASE.as_millis()).unwrap_or(u32::MAX);
    let lease = Lease { lease_ms, addresses: slot.addresses(), options: Options::NONE };
    Output::Send { link, frame: Frame::from(lease).encode(id) }
}
