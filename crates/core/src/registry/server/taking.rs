//! What is published: who may, what it takes the place of, what it has to make room for, and when it goes.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use super::{Caller, Server, count, lease, lease_left, uncount};
use crate::id::{Key, LinkId, MeetingId, RequestId, Source};
use crate::limits;
use crate::machine::Output;
use crate::registry::address::{candidates, is_loopback};
use crate::registry::counts::add;
use crate::registry::probes::Probe;
use crate::registry::record::{check, holds, text_of};
use crate::registry::slot::{Round, Slot, shelf_of};
use crate::registry::slots::SlotId;
use crate::rule::Rule;
use crate::time::Now;
use crate::wire::field::Signed;
use crate::wire::registry::{Publish, Record, Withdraw};

/// Why a request fails, and the link goes on or not.
enum Failure {
    Request(Rule),
    Link(Rule),
}

impl Server {
    pub(super) fn on_publish(
        &mut self,
        (link, caller): (LinkId, Caller),
        id: RequestId,
        (publish, held): (&Publish<'_>, Option<SlotId>),
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let record = &publish.record.0;
        let candidates = candidates(&record.value.particulars, caller.ip, self.address);
        match self.take(caller, (record, held), &candidates, now, out) {
            Ok(slot) => self.look(slot, &candidates, (link, id), now, out),
            Err(Failure::Request(rule)) => out.push(Output::refuse(link, id, rule, rule.meaning())),
            Err(Failure::Link(rule)) => self.reject(link, rule, out),
        }
    }

    /// Stores a record, or renews it: in order of price.
    fn take(
        &mut self,
        caller: Caller,
        (record, held): (&Signed<'_, Record<'_>>, Option<SlotId>),
        candidates: &[SocketAddr],
        now: Now,
        out: &mut Vec<Output>,
    ) -> Result<SlotId, Failure> {
        let particulars = record.value.particulars;
        // SPEC REGISTRY-4
        if particulars.publisher != caller.key {
            return Err(Failure::Link(Rule::Registry4));
        }
        let slot = held.and_then(|id| self.slots.get(id));
        let is_renewed = slot.is_some_and(|slot| slot.is(record));
        // SPEC REGISTRY-7
        if !is_renewed && slot.is_some_and(|slot| particulars.number <= slot.number()) {
            return Err(Failure::Request(Rule::Registry7));
        }
        // SPEC REGISTRY-15
        if !holds(particulars.until_ms, now) {
            return Err(Failure::Request(Rule::Registry15));
        }
        let is_same = is_renewed && slot.is_some_and(|slot| slot.ip == caller.ip);
        let goes = self.who_goes(slot, caller.key, Source::of(caller.ip))?;
        if !is_renewed {
            check(record, &self.us).map_err(Failure::Link)?;
        }
        add(if held.is_some() { &mut self.counts.renewed } else { &mut self.counts.granted });
        if let Some(goes) = goes {
            add(&mut self.counts.displaced);
            self.drop_slot(goes, out);
        }
        let id = held.unwrap_or_else(|| self.insert(record, caller.ip));
        if !is_same && held.is_some() {
            self.replace(id, record, candidates, caller.ip);
        }
        self.leases.arm(id, now.tick.after(lease_left(&particulars, now)), &mut self.slots);
        Ok(id)
    }

    /// SPEC REGISTRY-8: what makes room for a record, if there is none: one that was met nowhere.
    fn who_goes(&self, held: Option<&Slot>, key: Key, source: Source) -> Result<Option<SlotId>, Failure> {
        if held.is_none() && self.slots.of_key(key).len() >= limits::RECORDS_PER_KEY_MAX {
            return Err(Failure::Request(Rule::Registry8));
        }
        let is_new = held.is_none_or(|held| held.source() != source);
        let unmet = if is_new && self.of_source(source) >= limits::RECORDS_PER_SOURCE_MAX {
            let lowest = (source, (MeetingId::ZERO, Key::ZERO));
            self.unmet.range(lowest..).next().filter(|unmet| unmet.0 == source)
        } else if held.is_none() && self.slots.len() >= self.most {
            self.unmet.first()
        } else {
            return Ok(None);
        };
        let goes = unmet.and_then(|unmet| self.slots.find(unmet.1));
        goes.map(Some).ok_or(Failure::Request(Rule::Registry8))
    }

    fn of_source(&self, source: Source) -> usize {
        self.sources.get(&source).and_then(|count| usize::try_from(*count).ok()).unwrap_or(0)
    }

    fn insert(&mut self, record: &Signed<'_, Record<'_>>, ip: IpAddr) -> SlotId {
        count(&mut self.sources, Source::of(ip));
        count(&mut self.kinds, record.value.particulars.kind);
        self.slots.insert(Slot::new(record, ip))
    }

    /// A record takes the place of another, or comes from elsewhere.
    fn replace(&mut self, id: SlotId, record: &Signed<'_, Record<'_>>, candidates: &[SocketAddr], ip: IpAddr) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        let (before, source) = (slot.source(), Source::of(ip));
        if before != source {
            if core::mem::take(&mut slot.is_unmet) {
                self.unmet.remove(&(before, slot.place()));
            }
            uncount(&mut self.sources, &before);
            count(&mut self.sources, source);
        }
        let (old, new) = (slot.kind(), record.value.particulars.kind);
        if old != new {
            uncount(&mut self.kinds, &old);
            count(&mut self.kinds, new);
        }
        let is_found_alike = shelf_of(old) == shelf_of(new)
            && slot.record().is_some_and(|held| text_of(&held) == text_of(&record.value));
        if !is_found_alike && let Some(serial) = slot.serial.take() {
            self.index.remove(shelf_of(old), slot.words(), serial);
            slot.find_by("");
        }
        let proved: Vec<_> = slot.proved().filter(|address| candidates.contains(address)).collect();
        slot.replace(record, &proved);
        slot.ip = ip;
    }

    /// Has the publisher dialled back where that is not done yet, then answers with its lease.
    fn look(
        &mut self,
        id: SlotId,
        candidates: &[SocketAddr],
        who: (LinkId, RequestId),
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        // Whoever comes on another link may have moved: what was proved is proved anew.
        let has_moved = slot.link.replace(who.0) != Some(who.0);
        let proved: Vec<_> = slot.proved().collect();
        let is_needed = |address| proved.is_empty() || !is_loopback(address);
        let lacks = has_moved || candidates.iter().any(|address| !proved.contains(address) && is_needed(address));
        if let Some(round) = &mut slot.round {
            round.waiting.push(who);
        } else if lacks && slot.rests_until <= now.tick {
            self.rounds = self.rounds.saturating_add(1);
            // SPEC PROBE-5
            slot.rests_until = now.tick.after(limits::PROBE_INTERVAL);
            let met = if has_moved { Vec::new() } else { proved };
            let (place, number, source) = (slot.place(), self.rounds, slot.source());
            let mut open = 0_usize;
            for address in candidates.iter().filter(|address| !met.contains(address)) {
                open = open.saturating_add(1);
                self.probes.push(Probe { place, round: number, address: *address, source });
            }
            slot.round = Some(Box::new(Round { number, source, open, met, waiting: [who].into() }));
        } else {
            out.push(lease(who, slot));
        }
        self.settle(id, now, out);
        self.dial(now, out);
    }

    pub(super) fn on_withdraw(
        &mut self,
        (link, caller): (LinkId, Caller),
        id: RequestId,
        withdraw: &Withdraw<'_>,
        out: &mut Vec<Output>,
    ) {
        // SPEC REGISTRY-12
        let Some(slot) = self.slots.find((withdraw.record, caller.key)) else {
            return out.push(Output::refuse(link, id, Rule::Registry12, Rule::Registry12.meaning()));
        };
        add(&mut self.counts.withdrawn);
        self.drop_slot(slot, out);
        out.push(Output::done(link, id));
    }

    /// SPEC REGISTRY-9: a lease is over, unless its publisher waits in line to be dialled back.
    pub(super) fn on_lease_over(&mut self, id: SlotId, now: Now, out: &mut Vec<Output>) {
        let waits = self.slots.get(id).filter(|slot| slot.link.is_some() && slot.round.is_some());
        let left = waits.and_then(Slot::record).map(|record| lease_left(&record.particulars, now));
        match left.filter(|left| !left.is_zero()) {
            Some(left) => self.leases.arm(id, now.tick.after(left), &mut self.slots),
            None => {
                add(&mut self.counts.expired);
                self.drop_slot(id, out);
            }
        }
    }

    /// A record is gone: with its lease, its publisher, or by wish.
    pub(super) fn drop_slot(&mut self, id: SlotId, out: &mut Vec<Output>) {
        let Some(slot) = self.slots.remove(id) else { return };
        self.leases.disarm(id, &slot);
        let (place, source) = (slot.place(), slot.source());
        if slot.is_unmet {
            self.unmet.remove(&(source, place));
        }
        if let Some(round) = &slot.round {
            self.probes.forget(place, round.source);
        }
        uncount(&mut self.sources, &source);
        uncount(&mut self.kinds, &slot.kind());
        if let Some(serial) = slot.serial {
            self.index.remove(shelf_of(slot.kind()), slot.words(), serial);
        }
        let waiting = slot.round.into_iter().flat_map(|round| round.waiting);
        let waiting = waiting.filter(|(link, _)| self.callers.contains_key(link));
        out.extend(waiting.map(|(link, id)| Output::refuse(link, id, Rule::Registry12, Rule::Registry12.meaning())));
    }
}
