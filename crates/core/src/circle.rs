//! Links that are kept complete (SPEC MESH-5): whoever is wanted is linked, or called until it is.

mod tries;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use self::tries::Tries;
use crate::event::State;
use crate::id::{DialId, Key, LinkId};
use crate::limits;
use crate::random::Random;
use crate::time::{Instant, Timers};

/// Whom this node is linked with, and whom it calls. Whom it wants, the machine above knows.
#[derive(Clone, Debug)]
pub(crate) struct Circle {
    us: Key,
    /// The link on which each is written to.
    links: BTreeMap<Key, LinkId>,
    /// Whom those at the other ends are linked with, as they say.
    with: BTreeMap<LinkId, BTreeSet<Key>>,
    dials: BTreeMap<DialId, Key>,
    /// Links that stand, and on which both have yet to agree.
    asking: BTreeMap<LinkId, Key>,
    /// How often in a row each who is missing could not be reached, and since when.
    failures: BTreeMap<Key, (u32, Instant)>,
    /// What is known of addresses that others have told.
    tries: Tries,
    /// Those who say that a later run of this key is with them: they are not called.
    silenced: BTreeSet<Key>,
    /// When each who is missing is called.
    calls: Timers<Key>,
    /// Whom this node is linked with has changed since it was told.
    has_changed: bool,
}

impl Circle {
    pub(crate) fn new(us: Key) -> Self {
        Self {
            us,
            links: BTreeMap::new(),
            with: BTreeMap::new(),
            dials: BTreeMap::new(),
            asking: BTreeMap::new(),
            failures: BTreeMap::new(),
            tries: Tries::default(),
            silenced: BTreeSet::new(),
            calls: Timers::default(),
            has_changed: false,
        }
    }

    /// Those who are linked, and where.
    pub(crate) const fn links(&self) -> &BTreeMap<Key, LinkId> {
        &self.links
    }

    pub(crate) fn link_of(&self, key: &Key) -> Option<LinkId> {
        self.links.get(key).copied()
    }

    pub(crate) fn has(&self, key: &Key) -> bool {
        self.links.contains_key(key)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Where somebody is, as this node sees it.
    pub(crate) fn state_of(&self, key: &Key) -> State {
        if *key == self.us {
            State::You
        } else if self.has(key) {
            State::Linked
        } else if self.with.values().any(|with| with.contains(key)) {
            State::Bridged
        } else {
            State::Away
        }
    }

    /// Whether somebody who is wanted is to be called.
    pub(crate) fn is_missing(&self, key: &Key) -> bool {
        *key != self.us && !self.has(key) && !self.silenced.contains(key)
    }

    /// Whether somebody is called, or has been reached and has yet to agree.
    pub(crate) fn is_on_the_way(&self, key: &Key) -> bool {
        self.dials.values().chain(self.asking.values()).any(|other| other == key)
    }

    /// Whether somebody who is missing will be called, or is.
    pub(crate) fn is_called(&self, key: &Key) -> bool {
        self.calls.is_armed(*key) || self.is_on_the_way(key)
    }

    /// Sees to it that all of these who are missing are called.
    pub(crate) fn seek(&mut self, missing: Vec<Key>, random: &mut Random, now: Instant) {
        for key in missing {
            if !self.is_called(&key) {
                self.call_later(key, random, now);
            }
        }
    }

    /// All of these who are missing are called at once.
    pub(crate) fn call(&mut self, missing: Vec<Key>, now: Instant) {
        for key in missing {
            if !self.is_on_the_way(&key) {
                self.calls.arm(key, now);
            }
        }
    }

    /// Of two who miss each other, the one with the smaller key calls first: so they seldom meet halfway.
    fn call_later(&mut self, key: Key, random: &mut Random, now: Instant) {
        let (failures, since) = self.failures.get(&key).copied().unwrap_or((0, now));
        let grace = if self.us < key { Duration::ZERO } else { limits::LINK_GRACE };
        // SPEC DIAL-4
        let away = now.since(since).checked_div(4).unwrap_or_default();
        let most = if self.tries.proven(&key).is_empty() { limits::BACKOFF_MAX } else { limits::CALL_BACKOFF_MAX };
        let wait = random.backoff(failures, away.clamp(limits::BACKOFF_MAX, most));
        self.calls.arm(key, now.after(grace).after(wait));
    }

    /// Somebody who is to be called now, unless it is on the way: before others who was met where it is dialled, then of
    /// whom the fewest addresses have been tried (SPEC DIAL-6).
    pub(crate) fn expire(&mut self, now: Instant) -> Option<Key> {
        let due = self.calls.due(now).filter(|_| self.tries.free_at() <= now);
        let key = due.min_by_key(|key| (self.tries.proven(key).is_empty(), self.tries.used(key, now)))?;
        self.calls.disarm(key);
        Some(key)
    }

    /// When somebody is called.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.calls.next().map(|due| due.max(self.tries.free_at()))
    }

    /// Where somebody was met.
    pub(crate) fn proven(&self, key: &Key) -> &[SocketAddr] {
        self.tries.proven(key)
    }

    /// Somebody was met where it was dialled.
    pub(crate) fn met(&mut self, key: Key, address: SocketAddr) {
        self.tries.met(key, address);
    }

    /// At which of the addresses that somebody has told it is dialled now, besides `typed` ones of the user's; nothing, if
    /// it is dialled later.
    pub(crate) fn choose(
        &mut self,
        key: Key,
        typed: usize,
        told: &[SocketAddr],
        now: Instant,
    ) -> Option<Vec<SocketAddr>> {
        self.tries.count(typed, now);
        match self.tries.take(key, told, limits::ADDRESSES_MAX.saturating_sub(typed), now) {
            Ok(chosen) => Some(chosen),
            Err(_) if typed > 0 => Some(Vec::new()),
            Err(at) => {
                self.calls.arm(key, at);
                None
            }
        }
    }

    /// Somebody is not wanted any more.
    pub(crate) fn forget(&mut self, key: &Key, now: Instant) {
        self.failures.remove(key);
        let (links, calls) = (&self.links, &self.calls);
        self.tries.retain(|key| links.contains_key(key) || calls.is_armed(*key), now);
    }

    /// Somebody who is missing is said to be there: it is not waited for as long (SPEC DIAL-4).
    pub(crate) fn hasten(&mut self, key: Key, random: &mut Random, now: Instant) {
        if let Some(due) = self.calls.deadline(key) {
            let wait = random.backoff(u32::MAX, limits::BACKOFF_MAX);
            self.calls.arm(key, due.min(now.after(wait)));
        }
    }

    pub(crate) fn dialled(&mut self, dial: DialId, key: Key) {
        self.dials.insert(dial, key);
    }

    /// A dial has led somewhere, or nowhere: whom it was for, if that still matters.
    pub(crate) fn arrived(&mut self, dial: DialId) -> Option<Key> {
        self.dials.remove(&dial)
    }

    /// Somebody has been reached, and is asked.
    pub(crate) fn asks(&mut self, link: LinkId, key: Key) {
        self.asking.insert(link, key);
    }

    /// The links on which somebody is asked.
    pub(crate) fn asking(&self) -> impl Iterator<Item = &LinkId> {
        self.asking.keys()
    }

    /// Both have agreed: this is the link that is used. Whether they had none.
    pub(crate) fn stands(&mut self, link: LinkId, key: Key) -> bool {
        self.asking.remove(&link);
        self.calls.disarm(key);
        self.failures.remove(&key);
        self.silenced.remove(&key);
        let is_new = self.links.insert(key, link).is_none();
        self.has_changed |= is_new;
        is_new
    }

    /// A link is gone, or was none yet; whom the other end was linked with. If that is at an `heir`, too, it still is: it
    /// tells of it again once it changes (SPEC MESH-16).
    pub(crate) fn gone(&mut self, link: LinkId, heir: Option<LinkId>) -> BTreeSet<Key> {
        self.asking.remove(&link);
        let with = self.with.remove(&link).unwrap_or_default();
        if let Some(heir) = heir.filter(|_| !with.is_empty()) {
            self.with.entry(heir).or_insert_with(|| with.clone());
        }
        with
    }

    /// Somebody whose link is gone is at an `other` one, or at none.
    pub(crate) fn moves(&mut self, key: Key, other: Option<LinkId>) {
        match other {
            Some(other) => drop(self.links.insert(key, other)),
            None => self.has_changed |= self.links.remove(&key).is_some(),
        }
    }

    /// Somebody could not be reached, or has gone: `failures` times in a row.
    pub(crate) fn failed(&mut self, key: Key, failures: u32, now: Instant) {
        self.failures.entry(key).or_insert((0, now)).0 = failures;
    }

    /// How often in a row somebody could not be reached.
    pub(crate) fn failures_of(&self, key: &Key) -> u32 {
        self.failures.get(key).map_or(0, |(failures, _)| *failures)
    }

    /// SPEC MESH-4: a later run of this key is with somebody.
    pub(crate) fn silence(&mut self, key: Key) {
        self.silenced.insert(key);
    }

    /// Whom another end is linked with; those of whom that is news.
    pub(crate) fn tells(&mut self, link: LinkId, with: BTreeSet<Key>) -> Vec<Key> {
        let before = self.with.remove(&link).unwrap_or_default();
        let changed = before.symmetric_difference(&with).copied().collect();
        self.with.insert(link, with);
        changed
    }

    /// Those at the other ends who say that they are linked with somebody.
    pub(crate) fn links_of(&self, key: &Key) -> impl Iterator<Item = Key> {
        let tells = move |link: &LinkId| self.with.get(link).is_some_and(|with| with.contains(key));
        self.links.iter().filter(move |(_, link)| tells(link)).map(|(other, _)| *other)
    }

    /// Whether two others are linked with each other: so says the one at a link, and the other, if that is linked here.
    pub(crate) fn are_linked(&self, link: LinkId, one: Key, other: Key) -> bool {
        let says = |link: &LinkId, key: &Key| self.with.get(link).is_some_and(|with| with.contains(key));
        says(&link, &other) && self.links.get(&other).is_none_or(|link| says(link, &one))
    }

    /// Of whom the links tell has changed.
    pub(crate) const fn touch(&mut self) {
        self.has_changed = true;
    }

    /// Whether those who are linked are others than were told; they are told now.
    pub(crate) const fn take_changed(&mut self) -> bool {
        core::mem::replace(&mut self.has_changed, false)
    }

    /// Nobody is called any more, whoever was on the way.
    pub(crate) fn rest(&mut self) {
        self.dials.clear();
        self.asking.clear();
        self.failures.clear();
        self.calls = Timers::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant(0);
    const US: Key = Key([5; 32]);
    const LOW: Key = Key([1; 32]);
    const HIGH: Key = Key([9; 32]);

    /// Who is called at once, and who after a grace.
    fn sought() -> (Circle, Random) {
        let (mut circle, mut random) = (Circle::new(US), Random::new([1; 32]));
        let missing = [US, LOW, HIGH].into_iter().filter(|key| circle.is_missing(key)).collect();
        circle.seek(missing, &mut random, NOW);
        (circle, random)
    }

    #[test]
    fn mesh_5_whoever_is_missing_is_called_until_it_is_linked() {
        let (mut circle, mut random) = sought();
        assert!([LOW, HIGH].iter().all(|key| circle.is_called(key)) && !circle.is_called(&US));
        let later = NOW.after(limits::LINK_GRACE).after(limits::BACKOFF_MIN);
        assert_eq!(core::iter::from_fn(|| circle.expire(later)).count(), 2);
        circle.dialled(DialId(1), HIGH);
        assert!(circle.is_on_the_way(&HIGH) && !circle.is_called(&LOW));
        assert_eq!((circle.arrived(DialId(1)), circle.arrived(DialId(1))), (Some(HIGH), None));
        circle.asks(LinkId(1), HIGH);
        assert!(circle.is_on_the_way(&HIGH));
        assert!(circle.stands(LinkId(1), HIGH) && !circle.stands(LinkId(2), HIGH));
        assert!(!circle.is_missing(&HIGH) && !circle.is_called(&HIGH));
        circle.moves(HIGH, None);
        circle.seek([HIGH].into(), &mut random, NOW);
        assert!(circle.is_missing(&HIGH) && circle.is_called(&HIGH));
    }

    #[test]
    fn mesh_5_the_smaller_key_calls_first() {
        let (mut circle, _) = sought();
        let (smaller, _) = (circle.calls.deadline(LOW), circle.calls.deadline(HIGH));
        assert!(smaller >= Some(NOW.after(limits::LINK_GRACE)), "it waits for who has the smaller key");
        assert_eq!(circle.expire(NOW.after(limits::BACKOFF_MIN)), Some(HIGH));
    }

    #[test]
    fn mesh_16_who_is_linked_with_somebody_who_is_linked_is_bridged() {
        let (mut circle, _) = sought();
        assert_eq!([US, LOW].map(|key| circle.state_of(&key)), [State::You, State::Away]);
        circle.stands(LinkId(1), HIGH);
        assert!(circle.take_changed() && !circle.take_changed());
        assert_eq!(circle.tells(LinkId(1), [LOW, US].into()), [LOW, US]);
        assert_eq!(circle.tells(LinkId(1), [LOW].into()), [US], "what has changed");
        assert_eq!([HIGH, LOW].map(|key| circle.state_of(&key)), [State::Linked, State::Bridged]);
        assert_eq!(circle.gone(LinkId(1), None), [LOW].into());
        assert_eq!(circle.state_of(&LOW), State::Away);
    }
}
