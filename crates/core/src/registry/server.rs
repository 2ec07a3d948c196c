//! The registry itself: takes records, dials their publishers back, shows what it has met.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::address::{candidates, is_loopback};
use super::counts::{Counts, add};
use super::index::{Index, Page, Place};
use super::probes::{Probe, Probes};
use super::record::{Found, check, holds, text_of};
use super::slot::{Round, Slot};
use crate::code::Code;
use crate::command::{self, Command, Directory};
use crate::event::{Ending, Event};
use crate::id::{CommandId, Key, LinkId, MeetingId, RequestId, Source};
use crate::identity::Identity;
use crate::limits;
use crate::machine::{Input, Machine, Output};
use crate::rule::Rule;
use crate::time::{Instant, Now, Timers};
use crate::wire::Frame;
use crate::wire::address::Address;
use crate::wire::field::{List, Signed, encode_alone, encode_items};
use crate::wire::option::Options;
use crate::wire::registry::{Browse, Kind, Lease, Listing, Lookup, Particulars, Publish, Record, Registry, Shelf};
use crate::wire::registry::{Visibility, Withdraw};
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
#[derive(Clone, Debug)]
struct Caller {
    key: Key,
    address: SocketAddr,
    /// What has come on this link last; of what is its still, the slots know.
    published: BTreeSet<MeetingId>,
}

/// A registry, all in memory: what it loses, its clients publish again.
#[derive(Clone, Debug)]
pub struct Server {
    us: Identity,
    address: SocketAddr,
    started_ms: u64,
    callers: BTreeMap<LinkId, Caller>,
    slots: BTreeMap<Place, Slot>,
    /// Invariant: how many slots each key, each source and each kind has, where it has any.
    keys: BTreeMap<Key, usize>,
    sources: BTreeMap<Source, usize>,
    kinds: BTreeMap<Kind, usize>,
    /// Invariant: it has as many slots and dial-backs as are counted there.
    counts: Counts,
    index: Index,
    probes: Probes,
    rounds: u64,
    /// Invariant: a slot's lease is a timer exactly while the slot is held.
    leases: Timers<Place>,
    /// Invariant: what was met nowhere, and is not being looked for. When there is no more room, these go first.
    unmet: BTreeSet<(Source, Place)>,
    /// How many records it holds at most.
    most: usize,
    over: bool,
}

/// Why a request fails, and the link goes on or not.
enum Failure {
    Request(Rule),
    Link(Rule),
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
            slots: BTreeMap::new(),
            keys: BTreeMap::new(),
            sources: BTreeMap::new(),
            kinds: BTreeMap::new(),
            counts: Counts::default(),
            index: Index::default(),
            probes: Probes::default(),
            rounds: 0,
            leases: Timers::default(),
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
        self.slots.is_empty()
    }

    /// How many records of a kind it holds, listed or not.
    #[must_use]
    pub fn held(&self, kind: Kind) -> usize {
        self.kinds.get(&kind).copied().unwrap_or(0)
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
        self.callers.insert(link, Caller { key, address, published: BTreeSet::new() });
    }

    fn on_publish(&mut self, link: LinkId, id: RequestId, publish: &Publish<'_>, now: Now, out: &mut Vec<Output>) {
        match self.take(link, &publish.record.0, now, out) {
            Ok(place) => self.look(place, link, id, now, out),
            Err(Failure::Request(rule)) => out.push(Output::refuse(link, id, rule, rule.meaning())),
            Err(Failure::Link(rule)) => self.reject(link, rule, out),
        }
    }

    /// Stores a record, or renews it: in order of price.
    fn take(
        &mut self,
        link: LinkId,
        record: &Signed<'_, Record<'_>>,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Result<Place, Failure> {
        let particulars = record.value.particulars;
        let Some(caller) = self.callers.get(&link) else { return Err(Failure::Link(Rule::Registry1)) };
        // SPEC REGISTRY-4
        if particulars.publisher != caller.key {
            return Err(Failure::Link(Rule::Registry4));
        }
        let (place, ip) = ((particulars.id, particulars.publisher), caller.address.ip());
        let (bytes, source) = (encode_alone(record), Source::of(ip));
        let held = self.slots.get(&place);
        let is_renewed = held.is_some_and(|slot| *slot.bytes == *bytes);
        // SPEC REGISTRY-7
        if held.is_some_and(|slot| particulars.number <= slot.number && !is_renewed) {
            return Err(Failure::Request(Rule::Registry7));
        }
        // SPEC REGISTRY-15
        if !holds(particulars.until_ms, now) {
            return Err(Failure::Request(Rule::Registry15));
        }
        let goes = self.who_goes(place, source)?;
        if !is_renewed {
            check(record, &self.us).map_err(Failure::Link)?;
        }
        add(if held.is_some() { &mut self.counts.renewed } else { &mut self.counts.granted });
        if let Some(goes) = goes {
            add(&mut self.counts.displaced);
            self.drop_slot(goes, out);
        }
        if let Some(caller) = self.callers.get_mut(&link) {
            caller.published.insert(place.0);
        }
        let candidates = candidates(&particulars, ip, self.address);
        self.keep(place, bytes, &particulars, source, candidates);
        self.leases.arm(place, now.tick.after(lease_left(&particulars, now)));
        Ok(place)
    }

    /// SPEC REGISTRY-8: what makes room for a record, if there is none: one that was met nowhere.
    fn who_goes(&self, place: Place, source: Source) -> Result<Option<Place>, Failure> {
        let held = self.slots.get(&place).map(|slot| slot.source);
        let of_key = self.keys.get(&place.1).copied().unwrap_or(0);
        let of_source = self.sources.get(&source).copied().unwrap_or(0);
        if held.is_none() && of_key >= limits::RECORDS_PER_KEY_MAX {
            return Err(Failure::Request(Rule::Registry8));
        }
        let unmet = if held != Some(source) && of_source >= limits::RECORDS_PER_SOURCE_MAX {
            let lowest = (source, (MeetingId::ZERO, Key::ZERO));
            self.unmet.range(lowest..).next().filter(|unmet| unmet.0 == source)
        } else if held.is_none() && self.slots.len() >= self.most {
            self.unmet.first()
        } else {
            return Ok(None);
        };
        unmet.map(|unmet| Some(unmet.1)).ok_or(Failure::Request(Rule::Registry8))
    }

    fn keep(
        &mut self,
        place: Place,
        bytes: Vec<u8>,
        particulars: &Particulars<'_>,
        source: Source,
        candidates: Vec<SocketAddr>,
    ) {
        let (kind, number) = (particulars.kind, particulars.number);
        let slot = self.slots.entry(place).or_insert_with(|| {
            count(&mut self.keys, place.1);
            count(&mut self.sources, source);
            count(&mut self.kinds, kind);
            Slot {
                bytes: [].into(),
                kind,
                number,
                link: None,
                source,
                candidates: Vec::new(),
                proved: Vec::new(),
                round: None,
                rests_until: Instant::default(),
                shelved: None,
            }
        });
        if slot.source != source {
            self.unmet.remove(&(slot.source, place));
            uncount(&mut self.sources, &slot.source);
            count(&mut self.sources, source);
        }
        if slot.kind != kind {
            uncount(&mut self.kinds, &slot.kind);
            count(&mut self.kinds, kind);
        }
        (slot.bytes, slot.kind, slot.number, slot.source) = (bytes.into(), kind, number, source);
        slot.proved.retain(|address| candidates.contains(address));
        slot.candidates = candidates;
    }

    /// Has the publisher dialled back where that is not done yet, then answers with its lease.
    fn look(&mut self, place: Place, link: LinkId, id: RequestId, now: Now, out: &mut Vec<Output>) {
        let Some(slot) = self.slots.get_mut(&place) else { return };
        // Whoever comes on another link may have moved: what was proved is proved anew.
        let before = slot.link.replace(link);
        let has_moved = before != Some(link);
        if let Some(caller) = before.filter(|_| has_moved).and_then(|before| self.callers.get_mut(&before)) {
            caller.published.remove(&place.0);
        }
        let is_needed = |slot: &Slot, address: &SocketAddr| slot.proved.is_empty() || !is_loopback(address);
        let is_lacking = |slot: &Slot, address: &SocketAddr| !slot.proved.contains(address) && is_needed(slot, address);
        let lacks = |slot: &Slot| has_moved || slot.candidates.iter().any(|address| is_lacking(slot, address));
        if let Some(round) = &mut slot.round {
            round.waiting.push((link, id));
        } else if lacks(slot) && slot.rests_until <= now.tick {
            self.rounds = self.rounds.saturating_add(1);
            // SPEC PROBE-5
            slot.rests_until = now.tick.after(limits::PROBE_INTERVAL);
            let met = if has_moved { Vec::new() } else { slot.proved.clone() };
            let (number, source, waiting) = (self.rounds, slot.source, [(link, id)].into());
            let mut open = 0_usize;
            for address in slot.candidates.iter().filter(|address| !met.contains(address)) {
                open = open.saturating_add(1);
                self.probes.push(Probe { place, round: number, address: *address, source });
            }
            slot.round = Some(Round { number, source, open, met, waiting });
        } else {
            out.push(lease(link, id, slot));
        }
        self.settle(place, now, out);
        self.dial(now, out);
    }

    fn dial(&mut self, now: Now, out: &mut Vec<Output>) {
        while let Some((id, probe)) = self.probes.begin(now.tick) {
            let (record, publisher) = probe.place;
            let hello =
                Hello { purpose: Purpose::PROBE, meeting: record, started_ms: self.started_ms, options: Options::NONE };
            add(&mut self.counts.dialled);
            let (hello, addresses) = (Frame::from(hello).encode(RequestId::EVENT), [probe.address.to_string()].into());
            out.push(Output::Dial { id, peer: Some(publisher), addresses, hello });
        }
    }

    /// A dial-back is over (SPEC PROBE-1, PROBE-7).
    fn on_over(&mut self, probe: Probe, is_met: bool, now: Now, out: &mut Vec<Output>) {
        add(if is_met { &mut self.counts.met } else { &mut self.counts.missed });
        if let Some(slot) = self.slots.get_mut(&probe.place)
            && let Some(round) = slot.round.as_mut().filter(|round| round.number == probe.round)
        {
            round.open = round.open.saturating_sub(1);
            if is_met {
                round.met.push(probe.address);
                // Who waits for other addresses is shown at this one.
                if slot.candidates.contains(&probe.address) && !slot.proved.contains(&probe.address) {
                    slot.proved.push(probe.address);
                }
            }
            self.settle(probe.place, now, out);
        }
        self.dial(now, out);
    }

    /// Ends the round if it is over, and puts the record where it is found, or takes it away from there.
    fn settle(&mut self, place: Place, now: Now, out: &mut Vec<Output>) {
        let Some(slot) = self.slots.get_mut(&place) else { return };
        let ended = slot.round.take_if(|round| round.open == 0);
        if let Some(round) = &ended {
            slot.proved = slot.candidates.iter().filter(|address| round.met.contains(address)).copied().collect();
        }
        // SPEC PROBE-2: loopback is for who can't be reached elsewhere.
        if !slot.proved.iter().all(is_loopback) {
            slot.proved.retain(|address| !is_loopback(address));
        }
        if let Some(round) = ended {
            // SPEC REGISTRY-9
            if let Some(record) = slot.record() {
                self.leases.arm(place, now.tick.after(lease_left(&record.particulars, now)));
            }
            let waiting = round.waiting.iter().filter(|(link, _)| self.callers.contains_key(link));
            out.extend(waiting.map(|(link, id)| lease(*link, *id, slot)));
        }
        let is_unmet = slot.proved.is_empty() && slot.round.is_none();
        let unmet = (slot.source, place);
        if is_unmet {
            self.unmet.insert(unmet)
        } else {
            self.unmet.remove(&unmet)
        };
        let record = slot.record().filter(|record| {
            let is_listed = record.particulars.visibility == Visibility::Listed;
            is_listed && !slot.proved.is_empty()
        });
        let wanted = record.map(|record| {
            let shelf = if record.particulars.kind == Kind::Person { Shelf::People } else { Shelf::Meetings };
            (shelf, text_of(&record).to_string())
        });
        let is_right = match (&slot.shelved, &wanted) {
            (Some(shelved), Some((shelf, text))) => shelved.is_for(*shelf, text),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !is_right {
            if let Some(shelved) = slot.shelved.take() {
                self.index.remove(&shelved);
            }
            slot.shelved = wanted.map(|(shelf, text)| self.index.add(shelf, text, place));
        }
    }

    /// SPEC REGISTRY-9: a lease is over, unless its publisher waits in line to be dialled back.
    fn on_lease_over(&mut self, place: Place, now: Now, out: &mut Vec<Output>) {
        let waits = self.slots.get(&place).filter(|slot| slot.link.is_some() && slot.round.is_some());
        let left = waits.and_then(Slot::record).map(|record| lease_left(&record.particulars, now));
        match left.filter(|left| !left.is_zero()) {
            Some(left) => self.leases.arm(place, now.tick.after(left)),
            None => {
                add(&mut self.counts.expired);
                self.drop_slot(place, out);
            }
        }
    }

    /// A record is gone: with its lease, its publisher, or by wish.
    fn drop_slot(&mut self, place: Place, out: &mut Vec<Output>) {
        let Some(slot) = self.slots.remove(&place) else { return };
        self.leases.disarm(place);
        self.unmet.remove(&(slot.source, place));
        if let Some(round) = &slot.round {
            self.probes.forget(place, round.source);
        }
        uncount(&mut self.keys, &place.1);
        uncount(&mut self.sources, &slot.source);
        uncount(&mut self.kinds, &slot.kind);
        if let Some(shelved) = &slot.shelved {
            self.index.remove(shelved);
        }
        if let Some(caller) = slot.link.and_then(|link| self.callers.get_mut(&link)) {
            caller.published.remove(&place.0);
        }
        let waiting = slot.round.into_iter().flat_map(|round| round.waiting);
        let waiting = waiting.filter(|(link, _)| self.callers.contains_key(link));
        out.extend(waiting.map(|(link, id)| Output::refuse(link, id, Rule::Registry12, Rule::Registry12.meaning())));
    }

    fn on_withdraw(&mut self, link: LinkId, id: RequestId, withdraw: &Withdraw<'_>, out: &mut Vec<Output>) {
        let Some(key) = self.callers.get(&link).map(|caller| caller.key) else { return };
        let place = (withdraw.record, key);
        // SPEC REGISTRY-12
        if !self.slots.contains_key(&place) {
            return out.push(Output::refuse(link, id, Rule::Registry12, Rule::Registry12.meaning()));
        }
        add(&mut self.counts.withdrawn);
        self.drop_slot(place, out);
        out.push(Output::done(link, id));
    }

    /// SPEC LOOKUP-1
    fn on_lookup(&self, link: LinkId, id: RequestId, lookup: &Lookup<'_>, out: &mut Vec<Output>) {
        let held = self.slots.range((lookup.record, Key::ZERO)..=(lookup.record, Key([0xff; 32])));
        let places = held.filter(|(_, slot)| !slot.proved.is_empty()).map(|(place, _)| *place);
        let page = Page { places: places.take(limits::LISTED_MAX).collect(), next: 0 };
        out.push(self.listing(link, id, &page));
    }

    fn on_browse(&self, link: LinkId, id: RequestId, browse: &Browse<'_>, out: &mut Vec<Output>) {
        let most = usize::from(browse.most).min(limits::LISTED_MAX);
        let page = self.index.page(browse.shelf, browse.words.as_str(), browse.cursor, most);
        out.push(self.listing(link, id, &page));
    }

    fn listing(&self, link: LinkId, id: RequestId, page: &Page) -> Output {
        let (mut count, mut items) = (0_u16, Vec::new());
        for slot in page.places.iter().filter_map(|place| self.slots.get(place)) {
            slot.encode_listed(&mut items);
            count = count.saturating_add(1);
        }
        let listing = Listing { next: page.next, records: List::over(count, &items), options: Options::NONE };
        Output::Send { link, frame: Frame::from(listing).encode(id) }
    }

    fn on_down(&mut self, link: LinkId, code: Code, out: &mut Vec<Output>) {
        let Some(caller) = self.callers.remove(&link) else { return };
        for id in caller.published {
            let place = (id, caller.key);
            let Some(slot) = self.slots.get_mut(&place) else { continue };
            slot.link = None;
            // SPEC REGISTRY-11
            if matches!(code, Code::Left | Code::Ended | Code::Stopped) {
                add(&mut self.counts.left);
                self.drop_slot(place, out);
            }
        }
    }

    /// The one way to turn away a link: with the rule that it broke.
    fn reject(&mut self, link: LinkId, rule: Rule, out: &mut Vec<Output>) {
        self.on_down(link, rule.code(), out);
        out.push(Output::close(link, rule));
    }

    fn on_frame(&mut self, link: LinkId, id: RequestId, frame: &Frame<'_>, now: Now, out: &mut Vec<Output>) {
        if !self.callers.contains_key(&link) {
            return;
        }
        match frame {
            Frame::Registry(Registry::Publish(publish)) => self.on_publish(link, id, publish, now, out),
            Frame::Registry(Registry::Withdraw(withdraw)) => self.on_withdraw(link, id, withdraw, out),
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
        let page = self.index.page(shelf, words, 0, limits::LISTED_MAX);
        let slots = page.places.iter().filter_map(|place| self.slots.get(place));
        let found = slots.filter_map(|slot| Some(Found::of_held(&slot.record()?, &slot.proved)));
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
            && let Some(place) = self.leases.expire(now.tick)
        {
            self.on_lease_over(place, now, out);
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
        self.callers.get(&link).is_some_and(|caller| !caller.published.is_empty())
    }

    fn assert_invariants(&self) {
        self.probes.assert_invariants();
        let (mut keys, mut sources, mut kinds) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut shelved = 0_usize;
        for (place, slot) in &self.slots {
            count(&mut keys, place.1);
            count(&mut sources, slot.source);
            let kind = slot.record().map(|record| record.particulars.kind);
            assert_eq!(kind, Some(slot.kind), "{place:?} is of another kind");
            count(&mut kinds, slot.kind);
            assert!(self.leases.is_armed(*place), "{place:?} has no lease");
            assert!(slot.proved.iter().all(|address| slot.candidates.contains(address)), "{place:?}: proved by chance");
            let caller = slot.link.map(|link| self.callers.get(&link));
            let is_of = |caller: &Caller| caller.key == place.1 && caller.published.contains(&place.0);
            assert!(caller.is_none_or(|caller| caller.is_some_and(is_of)), "{place:?} is somebody else's");
            if let Some(at) = &slot.shelved {
                shelved = shelved.saturating_add(1);
                assert!(self.index.holds(at, *place) && !slot.proved.is_empty(), "{place:?} is not where it says");
            }
            if let Some(round) = &slot.round {
                assert!(round.open > 0 && round.open == self.probes.count(round.number), "{place:?} waits in vain");
            }
            let is_unmet = slot.proved.is_empty() && slot.round.is_none();
            assert_eq!(is_unmet, self.unmet.contains(&(slot.source, *place)), "{place:?} may go, or not");
        }
        assert!(self.unmet.iter().all(|(_, place)| self.slots.contains_key(place)), "nothing makes room");
        assert_eq!((&keys, &sources, shelved), (&self.keys, &self.sources, self.index.len()), "miscounted");
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

fn count<K: Ord>(counts: &mut BTreeMap<K, usize>, key: K) {
    let count = counts.entry(key).or_default();
    *count = count.saturating_add(1);
}

fn uncount<K: Ord>(counts: &mut BTreeMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

fn lease(link: LinkId, id: RequestId, slot: &Slot) -> Output {
    let (count, items) = encode_items(slot.proved.iter().copied().map(Address::of), limits::ADDRESSES_MAX);
    let lease_ms = u32::try_from(limits::LEASE.as_millis()).unwrap_or(u32::MAX);
    let lease = Lease { lease_ms, addresses: List::over(count, &items), options: Options::NONE };
    Output::Send { link, frame: Frame::from(lease).encode(id) }
}
