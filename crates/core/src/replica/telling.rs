//! When others are told what has changed here (SPEC MESH-12, MESH-31): at once where they may lack it, its author how far
//! it has come, and everybody else in turn.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::{Holder, Replica, send_rows};
use crate::id::{Key, LinkId};
use crate::log::{Log, StreamId};
use crate::machine::Output;
use crate::time::{Instant, Now};
use crate::wire::meeting::{Lane, Row};

/// When somebody is told of a row that has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Telling {
    /// Not at all: it was sent what the row tells of.
    Never,
    /// With all that it may lack.
    Soon,
    /// It has written that, and is told how far it has come.
    Acknowledged,
    /// When it is its turn: it has that from its author, if all goes well.
    InTurn,
}

/// What has changed, and somebody was not told of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Owed {
    /// What it has written itself.
    written: BTreeSet<StreamId>,
    others: BTreeSet<StreamId>,
    /// It is told how far it has come with what it has written no sooner than this.
    free_at: Instant,
}

impl Owed {
    /// It was told of all talk.
    pub(super) fn forget_talk(&mut self) {
        self.written.retain(|id| id.lane != Lane::Talk);
        self.others.retain(|id| id.lane != Lane::Talk);
    }
}

/// Whose turn it is, and what has to be looked at again.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns {
    /// Who was told last of what it was not told at once.
    last: Option<Key>,
    /// When the next one is.
    at: Option<Instant>,
    /// Who may lack something has changed.
    is_stale: bool,
    /// Of these, a body has come after its entry.
    mended: BTreeSet<StreamId>,
}

impl Replica {
    /// What has changed is told soon, but not too often.
    pub(crate) fn tell_soon(&mut self, now: Now) {
        let soon = now.tick.after(self.patience.change).max(self.told_at.after(self.patience.digest));
        self.tell_at = Some(self.tell_at.map_or(soon, |at| at.min(soon)));
    }

    /// Somebody may lack what it seemed to have: that is told soon.
    pub(crate) fn reconsider(&mut self, now: Now) {
        self.turns.is_stale = true;
        self.tell_soon(now);
    }

    /// A body has come that others may still lack, wherever they have the entry from (SPEC ENTRY-8).
    pub(super) fn mend(&mut self, id: StreamId, now: Now) {
        if !self.patience.gap.is_zero() {
            self.turns.mended.insert(id);
        }
        self.tell_soon(now);
    }

    /// What is owed is told next time, however short a time has passed; but for what waits for its turn.
    pub(crate) fn hurry(&mut self, now: Now) {
        self.tell_at = Some(now.tick);
        self.holders.values_mut().for_each(|holder| holder.owed.free_at = now.tick);
    }

    /// Whether it is time to tell somebody something.
    pub(crate) fn must_tell(&self, now: Now) -> bool {
        self.next_telling().is_some_and(|at| at <= now.tick)
    }

    /// When somebody is to be told something.
    pub(super) fn next_telling(&self) -> Option<Instant> {
        let waiting = self.holders.values().filter(|holder| holder.is_told && !holder.owed.written.is_empty());
        let acknowledged = waiting.map(|holder| holder.owed.free_at).min();
        self.tell_at.into_iter().chain(acknowledged).chain(self.turns.at).min()
    }

    /// Tells each what is due, `when` each row is; whether it was time for what has changed.
    pub(crate) fn tell(
        &mut self,
        mut when: impl FnMut(LinkId, &Row) -> Telling,
        now: Now,
        out: &mut Vec<Output>,
    ) -> bool {
        let is_time = self.tell_at.take_if(|at| *at <= now.tick).is_some();
        let (mut changed, mut mended, mut is_stale) = (BTreeSet::new(), BTreeSet::new(), false);
        if is_time {
            self.told_at = now.tick;
            changed = self.log.changed_streams();
            mended = core::mem::take(&mut self.turns.mended);
            is_stale = core::mem::take(&mut self.turns.is_stale);
        }
        let next = self.next_in_turn(now);
        let (log, patience) = (&self.log, self.patience);
        for (link, holder) in self.holders.iter_mut().filter(|(_, holder)| holder.is_told) {
            let again = if is_stale { core::mem::take(&mut holder.owed.others) } else { BTreeSet::new() };
            let mut rows: Vec<Row> = Vec::new();
            for id in changed.union(&again) {
                let when = |row: &Row| {
                    let told = when(*link, row);
                    let may_wait = matches!(told, Telling::Acknowledged | Telling::InTurn);
                    if may_wait && mended.contains(id) { Telling::Soon } else { told }
                };
                rows.extend(holder.note(*id, log, when));
            }
            // SPEC ENTRY-8: a row whose `next` is the one before's.
            let twice: Vec<Row> = rows.iter().filter(|row| mended.contains(&StreamId::of_row(row))).copied().collect();
            if !holder.owed.written.is_empty() && holder.owed.free_at <= now.tick {
                let written = core::mem::take(&mut holder.owed.written);
                rows.extend(written.into_iter().filter_map(|id| holder.row(id, log)));
                holder.owed.free_at = now.tick.after(patience.acknowledge);
            }
            if next == Some(*link) {
                let others = core::mem::take(&mut holder.owed.others);
                rows.extend(others.into_iter().filter_map(|id| holder.row(id, log)));
            }
            for rows in [rows, twice].iter().filter(|rows| !rows.is_empty()) {
                send_rows(*link, rows, out);
            }
        }
        if self.turns.at.is_none() && self.holders.values().any(|holder| holder.waits_for_turn()) {
            self.turns.at = Some(now.tick.after(self.patience.turn));
        }
        is_time
    }

    /// Who is told now what it was not told at once: of those to whom something is owed, the next by key.
    fn next_in_turn(&mut self, now: Now) -> Option<LinkId> {
        self.turns.at.take_if(|at| *at <= now.tick)?;
        // Everybody begins behind its own key, so that not all tell the same one.
        let last = self.turns.last.or(self.own.map(|(us, _)| us));
        let waiting = self.holders.iter().filter(|(_, holder)| holder.waits_for_turn());
        let (link, holder) = waiting.min_by_key(|(_, holder)| (Some(holder.key) <= last, holder.key))?;
        self.turns.last = Some(holder.key);
        Some(*link)
    }
}

impl Holder {
    fn waits_for_turn(&self) -> bool {
        self.is_told && !self.owed.others.is_empty()
    }

    /// The row that it may be told of.
    fn row(&self, id: StreamId, log: &Log) -> Option<Row> {
        let row = log.row(id, self.talk.unwrap_or(u64::MAX));
        row.filter(|_| self.talk.is_some() || id.lane != Lane::Talk)
    }

    /// Notes what has changed; its row, if that is told now.
    fn note(&mut self, id: StreamId, log: &Log, when: impl FnOnce(&Row) -> Telling) -> Option<Row> {
        let row = self.row(id, log)?;
        match when(&row) {
            Telling::Never => _ = self.owed.others.remove(&id),
            Telling::Soon => {
                self.owed.others.remove(&id);
                return Some(row);
            }
            Telling::Acknowledged => _ = self.owed.written.insert(id),
            Telling::InTurn => _ = self.owed.others.insert(id),
        }
        None
    }
}
