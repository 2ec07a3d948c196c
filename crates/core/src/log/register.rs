//! Registers (SPEC.md, "Registers"): of all that an author writes on one of its lanes from 2 on, the greatest entry alone
//! is held. Which that is says its session, then its number, then its hash.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;

use super::offered::Offered;
use super::{Held, Log, Record, StreamId, Verdict, check_bytes, hash, row};
use crate::id::{Hash, Key, ShortHash};
use crate::identity::Identity;
use crate::limits;
use crate::rule::Rule;
use crate::wire::Encoded;
use crate::wire::entry::{Carried, Entry, Envelope};
use crate::wire::meeting::{Lane, Range, Row};

/// What an entry of a register must keep.
pub(super) fn check_register(entry: &Entry) -> Result<(), Rule> {
    let names_none = entry.lamport == 1 && entry.prev == Hash::ZERO && entry.reference == ShortHash::ZERO;
    // SPEC REGISTER-2
    (names_none && usize::from(entry.length) <= limits::REGISTER_BODY_MAX).then_some(()).ok_or(Rule::Register2)
}

impl Log {
    /// What is held of a register.
    #[must_use]
    pub fn register(&self, author: Key, lane: Lane) -> Option<&Arc<Held>> {
        self.registers.get(&(author, lane)).map(|(_, held)| held)
    }

    /// All registers.
    pub fn registers(&self) -> impl Iterator<Item = &Arc<Held>> {
        self.registers.values().map(|(_, held)| held)
    }

    fn registers_of(&self, author: Key) -> impl DoubleEndedIterator<Item = &Arc<Held>> {
        let of = (author, Lane::Acts)..=(author, Lane::Register(u8::MAX));
        self.registers.range(of).map(|(_, (_, held))| held)
    }

    pub(super) fn last_register_session(&self, author: Key) -> u64 {
        self.registers_of(author).map(|held| held.id.session).max().unwrap_or(0)
    }

    /// Session and number of the entry that is above what is held (SPEC REGISTER-3).
    pub(super) fn next_register(&self, author: Key, lane: Lane, session: u64) -> (u64, u64) {
        match self.register(author, lane) {
            Some(held) if held.id.session >= session => (held.id.session, held.number.saturating_add(1)),
            Some(_) | None => (session, 1),
        }
    }

    /// One above the number that is held of a register in this session; of an earlier one, nothing is missing.
    pub(super) fn register_from(&self, id: StreamId) -> u64 {
        let Some(held) = self.register(id.author, id.lane) else { return 1 };
        match held.id.session.cmp(&id.session) {
            Ordering::Less => 1,
            Ordering::Equal => held.number.saturating_add(1),
            Ordering::Greater => u64::MAX,
        }
    }

    /// Whether a register is held, or one more may be.
    #[must_use]
    pub fn has_place_for(&self, id: StreamId) -> bool {
        // SPEC REGISTER-6
        let is_unknown = |held: &&Arc<Held>| held.lane() != Lane::PERSON;
        id.lane == Lane::PERSON
            || self.register(id.author, id.lane).is_some()
            || self.registers_of(id.author).filter(is_unknown).count() < limits::REGISTERS_OF_AUTHOR_MAX
                && self.registers().filter(is_unknown).count() < limits::REGISTERS_MAX
    }

    /// Whether an entry of a register is older than what is held.
    pub(crate) fn is_outdated(&self, entry: &Carried<'_>) -> bool {
        let Entry { author, lane, .. } = entry.entry;
        let held = self.register(author, lane);
        held.is_some_and(|held| self.rank(held).gt(&self.rank_of(&entry.envelope())))
    }

    const fn rank(&self, held: &Held) -> (u64, u64, Hash) {
        (held.id.session, held.number, held.hash)
    }

    fn rank_of(&self, envelope: &Envelope) -> (u64, u64, Hash) {
        let Entry { session, number, .. } = envelope.entry;
        (session, number, hash(self.meeting, envelope))
    }

    /// An entry of a register that may be put there; `None` if there is a greater one, or no place.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn weigh(&self, entry: &Carried<'_>, us: &Identity) -> Result<Option<Arc<Held>>, Rule> {
        self.check(Offered::Come(entry, us))
    }

    fn check(&self, offered: Offered<'_>) -> Result<Option<Arc<Held>>, Rule> {
        let entry = offered.carried();
        check_bytes(&entry.entry)?;
        let (id, envelope) = (StreamId::of(&entry.entry), offered.envelope());
        // SPEC REGISTER-1
        let known = self.register(id.author, id.lane);
        let is_greatest = known.is_none_or(|known| self.rank(known).lt(&self.rank_of(&envelope)));
        if !is_greatest || entry.entry.number == u64::MAX || !self.has_place_for(id) {
            return Ok(None);
        }
        // SPEC ENTRY-1
        if offered.checks().is_some_and(|us| !self.is_signed(&envelope, us)) {
            return Err(Rule::Entry1);
        }
        // SPEC ENTRY-7
        Ok(entry.body.bytes().is_some().then(|| offered.held(self.meeting, &envelope)))
    }

    pub(super) fn judge_register(&mut self, offered: Offered<'_>) -> Verdict {
        match self.check(offered) {
            Ok(Some(held)) => Verdict::Stored(self.set(held)),
            Ok(None) => Verdict::Dropped,
            Err(rule) => Verdict::Refused(rule),
        }
    }

    /// Puts an entry that was weighed into its register; false if there is a greater one by now.
    pub(crate) fn put_register(&mut self, entry: &Arc<Held>) -> bool {
        let known = self.register(entry.id.author, entry.lane());
        let is_greatest = known.is_none_or(|known| self.rank(known).lt(&self.rank(entry)));
        if is_greatest {
            self.set(Arc::clone(entry));
        }
        is_greatest
    }

    pub(super) fn set(&mut self, entry: Arc<Held>) -> Arc<Held> {
        self.unkept.push(Record::Entry(entry.frame.clone()));
        let position = self.append(&entry);
        let old = self.registers.insert((entry.id.author, entry.lane()), (position, Arc::clone(&entry)));
        old.into_iter().for_each(|(_, old)| _ = self.changed.remove(&old.id));
        self.changed.insert(entry.id);
        entry
    }

    /// Lets go of a register, as if it had never come.
    pub(crate) fn forget_register(&mut self, author: Key, lane: Lane) -> Option<Arc<Held>> {
        let (position, held) = self.registers.remove(&(author, lane))?;
        self.ring.drop_register(position);
        self.changed.remove(&held.id);
        Some(held)
    }

    pub(super) fn register_rows(&self) -> impl Iterator<Item = Row> {
        self.registers().map(|held| row_of(held))
    }

    pub(super) fn register_row(&self, id: StreamId) -> Option<Row> {
        self.register(id.author, id.lane).filter(|held| held.id == id).map(|held| row_of(held))
    }

    /// The register, for somebody whose `row` tells of another with its session and number.
    pub(super) fn rival_register(&self, row: &Row) -> Option<Encoded> {
        let held = self.register(row.author, row.lane)?;
        let is_rival = held.id.session == row.session && held.number.saturating_add(1) == row.next;
        (is_rival && held.hash != row.head && row.head != Hash::ZERO).then(|| held.frame.clone())
    }

    /// What is held of a register, and where, unless it is older than what was asked for (SPEC REGISTER-5).
    pub(super) fn fetch_register(&self, range: &Range) -> Option<&(u64, Arc<Held>)> {
        let found = self.registers.get(&(range.author, range.lane));
        found.filter(|(_, held)| (held.id.session, held.number) >= (range.session, range.from))
    }

    /// The position of the first register that is not in `rows`, by its stream and number.
    pub(super) fn first_register(&self, has: impl Fn(&StreamId, u64) -> bool) -> u64 {
        let lacking = self.registers.values().filter(|(_, held)| !has(&held.id, held.number));
        lacking.map(|(position, _)| *position).min().unwrap_or(self.ring.head())
    }

    /// The session of each register of `author`, newest first.
    pub(super) fn register_sessions(&self, author: Key) -> Vec<u64> {
        let mut sessions: Vec<u64> = self.registers_of(author).map(|held| held.id.session).collect();
        sessions.sort_unstable_by(|one, other| other.cmp(one));
        sessions.dedup();
        sessions
    }
}

/// Of a register, `first` is the one number that is held.
fn row_of(held: &Held) -> Row {
    let next = held.number.saturating_add(1);
    row(held.id, held.number, next, held.hash)
}

#[cfg(test)]
mod tests;
