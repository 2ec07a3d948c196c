//! How fast registers are taken (SPEC REGISTER-4): of an author who writes faster, the newest waits here.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Replica, Taken};
use crate::id::{Key, LinkId};
use crate::identity::Identity;
use crate::limits;
use crate::link::Bucket;
use crate::log::{Held, Log, StreamId};
use crate::machine::Output;
use crate::time::{Instant, Now};
use crate::wire::entry::Carried;
use crate::wire::meeting::Lane;

pub(super) const fn bucket() -> Bucket {
    Bucket::new(limits::REGISTER_RATE, limits::REGISTER_BURST)
}

/// What waits, and of whom something was taken lately.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pace {
    taken: BTreeMap<Key, Bucket>,
    /// Of each register, the newest that has come too soon. Invariant: it was checked.
    waiting: BTreeMap<(Key, Lane), Arc<Held>>,
}

impl Pace {
    fn ready_at(&self, author: &Key) -> Instant {
        self.taken.get(author).map_or(Instant(0), |bucket| bucket.room_at(1))
    }

    fn count(&mut self, author: Key, now: Instant) {
        self.taken.retain(|_, bucket| !bucket.is_full(now));
        self.taken.entry(author).or_insert(bucket()).take(1, now);
    }

    /// Keeps the newer of two.
    fn wait(&mut self, entry: Arc<Held>) {
        let rank = |held: &Held| (held.id.session, held.number, held.hash);
        let place = self.waiting.entry((entry.id.author, entry.lane())).or_insert_with(|| Arc::clone(&entry));
        if rank(place) < rank(&entry) {
            *place = entry;
        }
    }

    /// Whether what waits is as new as number `next - 1` of this stream.
    fn has(&self, id: StreamId, next: u64) -> bool {
        let waiting = self.waiting.get(&(id.author, id.lane));
        waiting.is_some_and(|held| (held.id.session, held.number.saturating_add(1)) >= (id.session, next))
    }

    /// When the first of them may be taken.
    fn next(&self) -> Option<Instant> {
        self.waiting.keys().map(|(author, _)| self.ready_at(author)).min()
    }
}

impl Replica {
    /// Takes the newest of a register, or has it wait; whoever sends an older one is sent the newer.
    pub(super) fn take_register(
        &mut self,
        link: LinkId,
        entry: &Carried<'_>,
        us: &Identity,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Taken {
        match self.log.weigh(entry, us) {
            Err(rule) => Taken::Broken(rule),
            Ok(None) => {
                self.answer_outdated(link, entry, now, out);
                Taken::Known
            }
            Ok(Some(held)) if self.pace.ready_at(&held.id.author) > now.tick => {
                self.pull.register_is_held(held.id, held.number.saturating_add(1), now.tick);
                self.pace.wait(held);
                Taken::Later
            }
            Ok(Some(held)) => {
                self.put(&held, now, out);
                Taken::Stored(held)
            }
        }
    }

    fn put(&mut self, held: &Arc<Held>, now: Now, out: &mut Vec<Output>) -> bool {
        let is_new = self.log.put_register(held);
        if is_new {
            self.pace.count(held.id.author, now.tick);
            self.on_stored(held, now, out);
        }
        is_new
    }

    /// What has waited for its turn and may be taken by now, if it is still `wanted`.
    pub(crate) fn ripe(
        &mut self,
        wanted: impl Fn(&Log, StreamId) -> bool,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Vec<Arc<Held>> {
        let mut taken = Vec::new();
        while let Some(key) =
            self.pace.waiting.keys().find(|(author, _)| self.pace.ready_at(author) <= now.tick).copied()
        {
            let Some(held) = self.pace.waiting.remove(&key) else { break };
            if wanted(&self.log, held.id) && self.put(&held, now, out) {
                taken.push(held);
            }
        }
        taken
    }

    /// SPEC REGISTER-7
    fn answer_outdated(&mut self, link: LinkId, entry: &Carried<'_>, now: Now, out: &mut Vec<Output>) {
        let Some(holder) = self.holders.get_mut(&link).filter(|_| self.log.is_outdated(entry)) else { return };
        if holder.answers.room_at(1) > now.tick {
            return;
        }
        let value = &entry.entry;
        if let Some(held) = self.log.register(value.author, value.lane) {
            holder.answers.take(1, now.tick);
            out.push(Output::Send { link, frame: held.frame.clone() });
        }
    }

    /// Whether somebody's row of a register tells of nothing new.
    pub(super) fn awaits(&self, id: StreamId, next: u64) -> bool {
        id.lane.is_register() && self.pace.has(id, next)
    }

    pub(super) fn next_ripe(&self) -> Option<Instant> {
        self.pace.next()
    }
}
