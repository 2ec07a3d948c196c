//! Dial-backs, and what comes of them: whether a record is shown.

use alloc::string::ToString as _;
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::{Server, lease, lease_left};
use crate::id::RequestId;
use crate::machine::Output;
use crate::registry::address::{candidates, is_loopback};
use crate::registry::counts::add;
use crate::registry::index::words_in;
use crate::registry::probes::Probe;
use crate::registry::record::text_of;
use crate::registry::slot::{Slot, shelf_of};
use crate::registry::slots::SlotId;
use crate::time::Now;
use crate::wire::Frame;
use crate::wire::option::Options;
use crate::wire::session::{Hello, Purpose};

impl Server {
    pub(super) fn dial(&mut self, now: Now, out: &mut Vec<Output>) {
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
    pub(super) fn on_over(&mut self, probe: Probe, is_met: bool, now: Now, out: &mut Vec<Output>) {
        add(if is_met { &mut self.counts.met } else { &mut self.counts.missed });
        if let Some(id) = self.slots.find(probe.place)
            && let Some(slot) = self.slots.get_mut(id)
            && let Some(round) = slot.round.as_mut().filter(|round| round.number == probe.round)
        {
            round.open = round.open.saturating_sub(1);
            if is_met {
                round.met.push(probe.address);
                let mut proved: Vec<_> = slot.proved().collect();
                // Who waits for other addresses is shown at this one.
                if looked_for(slot, self.address).contains(&probe.address) && !proved.contains(&probe.address) {
                    proved.push(probe.address);
                    slot.prove(&proved);
                }
            }
            self.settle(id, now, out);
        }
        self.dial(now, out);
    }

    /// Ends the round if it is over, and puts the record where it is found, or takes it away from there.
    pub(super) fn settle(&mut self, id: SlotId, now: Now, out: &mut Vec<Output>) {
        let Some(slot) = self.slots.get_mut(id) else { return };
        let ended = slot.round.take_if(|round| round.open == 0);
        if let Some(round) = &ended {
            let mut proved = looked_for(slot, self.address);
            proved.retain(|address| round.met.contains(address));
            slot.prove(&proved);
        }
        // SPEC PROBE-2: loopback is for who can't be reached elsewhere.
        if !slot.proved().all(|address| is_loopback(&address)) {
            let proved: Vec<_> = slot.proved().filter(|address| !is_loopback(address)).collect();
            slot.prove(&proved);
        }
        let is_unmet = !slot.is_met() && slot.round.is_none();
        if is_unmet != slot.is_unmet {
            let unmet = (slot.source(), slot.place());
            slot.is_unmet = is_unmet;
            if is_unmet {
                self.unmet.insert(unmet)
            } else {
                self.unmet.remove(&unmet)
            };
        }
        let shelf = shelf_of(slot.kind());
        match slot.serial.take() {
            Some(serial) if slot.is_public && slot.is_met() => slot.serial = Some(serial),
            Some(serial) => {
                self.index.remove(shelf, slot.words(), serial);
                slot.find_by("");
            }
            None if slot.is_public && slot.is_met() => {
                let words = slot.record().map(|record| words_in(text_of(&record))).unwrap_or_default();
                slot.find_by(&words);
                slot.serial = Some(self.index.add(shelf, words.as_bytes(), id));
            }
            None => {}
        }
        let Some(round) = ended else { return };
        let waiting = round.waiting.into_iter().filter(|(link, _)| self.callers.contains_key(link));
        out.extend(waiting.map(|who| lease(who, slot)));
        // SPEC REGISTRY-9
        if let Some(ends) = slot.record().map(|record| now.tick.after(lease_left(&record.particulars, now))) {
            self.leases.arm(id, ends, &mut self.slots);
        }
    }
}

/// SPEC PROBE-3: where its publisher may be met.
pub(super) fn looked_for(slot: &Slot, registry: SocketAddr) -> Vec<SocketAddr> {
    slot.record().map(|record| candidates(&record.particulars, slot.ip, registry)).unwrap_or_default()
}
