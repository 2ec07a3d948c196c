//! Who offers what this node lacks, and who is asked for it (SPEC.md, "Mesh"): whoever lacks something pulls it, from
//! one holder at a time.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use super::budget::{Account, Budget, Payer};
use crate::id::{LinkId, RequestId};
use crate::limits;
use crate::log::StreamId;
use crate::time::Instant;
use crate::wire::meeting::{Lane, Range};

/// So often everybody is asked again for what damage has taken here, before it is taken for gone.
const LOST_ROUNDS: u32 = 3;

/// What one holder has of a stream: numbers up to, and without, `next`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    /// It should have all from here on, until it has been asked in vain.
    pub(crate) first: u64,
    /// It has told of all from here on.
    pub(crate) told: u64,
    pub(crate) next: u64,
}

impl Offer {
    /// What a holder tells of: from `first` on.
    pub(crate) const fn told(first: u64, next: u64) -> Self {
        Self { first, told: first, next }
    }
}

/// A stream of which somebody holds more than this node.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Lack {
    /// On whose account it is known: who has offered it first.
    by: LinkId,
    offers: BTreeMap<LinkId, Offer>,
    /// Those who were asked for the number that is wanted, and did not bring it.
    tried: BTreeSet<LinkId>,
    /// Those who have answered that they do not have it, and are not asked again.
    without: BTreeSet<LinkId>,
    /// Nobody is asked before.
    ready_at: Instant,
    /// When somebody was asked last.
    asked_at: Instant,
    /// How often everybody has been tried.
    rounds: u32,
    /// Since when nobody has offered the number that is wanted.
    gap_since: Option<Instant>,
    /// Of a stream that is not known, where it is to begin: nobody has offered what lies before.
    begins: Option<u64>,
}

impl Lack {
    const fn new(by: LinkId, ready_at: Instant) -> Self {
        Self {
            by,
            offers: BTreeMap::new(),
            tried: BTreeSet::new(),
            without: BTreeSet::new(),
            ready_at,
            asked_at: ready_at,
            rounds: 0,
            gap_since: None,
            begins: None,
        }
    }

    /// What is offered by those who may have it.
    fn hopes(&self) -> impl Iterator<Item = (&LinkId, &Offer)> {
        self.offers.iter().filter(|(link, _)| !self.without.contains(link))
    }
}

/// An open FETCH: a link has one at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Open {
    request: RequestId,
    /// What it has been asked for, and is still waited for.
    ranges: BTreeMap<StreamId, Asked>,
    /// When it last brought something.
    since: Instant,
}

/// Numbers of a stream, without `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    from: u64,
    to: u64,
    /// The lowest that was brought, and could not be stored.
    unstored: Option<u64>,
}

/// What is to be done about what is lacking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A FETCH: whoever sends it tells its number with [`Pull::asked`].
    Ask(LinkId, Vec<Range>),
    /// Nobody has what lies before this number (SPEC MESH-14).
    Skip(StreamId, u64),
}

/// What may be asked for, by what has been used up.
pub(crate) struct Terms<'a, B> {
    /// Nothing, where nobody pays.
    pub(crate) budget: Option<&'a Budget>,
    /// The account of whoever is at a link.
    pub(crate) bringer: B,
}

impl<B: Fn(LinkId) -> Account> Terms<'_, B> {
    /// When somebody may be asked: neither who pays nor who brings it has used up what it has (SPEC MESH-30).
    pub(super) fn opens_at(&self, payer: Payer, link: LinkId) -> Instant {
        let Some(budget) = self.budget else { return Instant(0) };
        let bringer = (self.bringer)(link);
        let account = payer.account(bringer);
        account.map_or(Instant(0), |payer| budget.room_at(payer).max(budget.own_room_at(bringer)))
    }

    /// How much has been used by who pays.
    fn used(&self, payer: Payer) -> Instant {
        match (self.budget, payer) {
            (Some(budget), Payer::Branch(key)) => budget.used(Account::Branch(key)),
            _ => Instant(0),
        }
    }
}

/// What to ask of whoever offers this, as long as so many entries have place in one answer.
fn range_of(id: StreamId, from: u64, until: u64, offer: &Offer, place: u64) -> Range {
    let StreamId { author, session, lane } = id;
    if lane.is_register() {
        return Range { author, session, lane, from: offer.next.saturating_sub(1), to: offer.next };
    }
    Range { author, session, lane, from, to: offer.next.min(until).min(from.saturating_add(place)) }
}

/// How many entries more one answer can have (SPEC FETCH-3): what has no place would pass for not held.
fn place_in(ranges: Option<&Vec<Range>>) -> u64 {
    let asked = ranges.into_iter().flatten().map(|range| range.to.saturating_sub(range.from));
    let most = u64::try_from(limits::FETCH_ENTRIES_MAX).unwrap_or(u64::MAX);
    asked.fold(most, u64::saturating_sub)
}

/// What is lacking, who offers it, and who has been asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pull {
    lacks: BTreeMap<StreamId, Lack>,
    /// What is on each link's account. Invariant: each of `lacks` is on that of whom it is `by`.
    accounts: BTreeMap<LinkId, BTreeSet<StreamId>>,
    open: BTreeMap<LinkId, Open>,
}

impl Pull {
    /// Somebody holds more of a stream; this node holds it up to `held`. `ready_at`: when to ask at the earliest.
    pub(crate) fn offer(&mut self, link: LinkId, id: StreamId, new: Offer, held: u64, ready_at: Instant) {
        if new.next <= held {
            return;
        }
        if !self.lacks.contains_key(&id) {
            if !self.makes_place(link) {
                return;
            }
            self.accounts.entry(link).or_default().insert(id);
        }
        let lack = self.lacks.entry(id).or_insert_with(|| Lack::new(link, ready_at));
        let offer = lack.offers.entry(link).or_insert(new);
        if new.next > offer.next {
            lack.tried.remove(&link);
            lack.without.remove(&link);
        }
        (offer.first, offer.told) = (offer.first.min(new.first), offer.told.min(new.told));
        offer.next = offer.next.max(new.next);
        lack.ready_at = lack.ready_at.min(ready_at);
    }

    /// Whether there is place for one more on a link's account (SPEC MESH-28). Who has most on its own loses one: to
    /// whoever else offers that and has least, if that is less.
    fn makes_place(&mut self, link: LinkId) -> bool {
        while self.lacks.len() >= limits::LACKS_MAX {
            let most = self.accounts.iter().max_by_key(|(_, account)| account.len());
            let Some((greedy, account)) = most.filter(|(_, most)| most.len() > self.size(link).saturating_add(1))
            else {
                return false;
            };
            let (greedy, size) = (*greedy, account.len());
            let Some(id) = account.last().copied() else { return false };
            let heir = self.heir(id, greedy).filter(|heir| self.size(*heir).saturating_add(1) < size);
            match heir {
                Some(heir) => self.entrust(id, heir),
                None => self.remove(id),
            }
        }
        true
    }

    /// How much is on a link's account.
    fn size(&self, link: LinkId) -> usize {
        self.accounts.get(&link).map_or(0, BTreeSet::len)
    }

    /// Of the others that offer it, the one that has least on its account.
    fn heir(&self, id: StreamId, but: LinkId) -> Option<LinkId> {
        let others = self.lacks.get(&id)?.offers.keys().filter(|link| **link != but);
        others.min_by_key(|link| self.size(**link)).copied()
    }

    /// Puts what is lacking on another account.
    fn entrust(&mut self, id: StreamId, heir: LinkId) {
        let Some(lack) = self.lacks.get_mut(&id) else { return };
        let by = core::mem::replace(&mut lack.by, heir);
        self.accounts.get_mut(&by).into_iter().for_each(|account| _ = account.remove(&id));
        self.accounts.entry(heir).or_default().insert(id);
    }

    fn remove(&mut self, id: StreamId) {
        let Some(lack) = self.lacks.remove(&id) else { return };
        self.accounts.get_mut(&lack.by).into_iter().for_each(|account| _ = account.remove(&id));
    }

    /// This node holds a stream up to `next` now.
    pub(crate) fn held(&mut self, id: StreamId, next: u64, now: Instant) {
        self.goes_on(id, next, now);
        self.lacks.get_mut(&id).into_iter().for_each(|lack| lack.gap_since = None);
    }

    /// What lies below `next` is not wanted any more; how long it is waited for what nobody offers has begun already.
    pub(crate) fn goes_on(&mut self, id: StreamId, next: u64, now: Instant) {
        for open in self.open.values_mut() {
            if let Some(Asked { to, .. }) = open.ranges.get(&id).copied() {
                open.since = now;
                if next >= to {
                    open.ranges.remove(&id);
                }
            }
        }
        let Some(lack) = self.lacks.get_mut(&id) else { return };
        lack.offers.retain(|_, offer| offer.next > next);
        (lack.rounds, lack.begins) = (0, None);
        lack.tried.clear();
        lack.without.clear();
        if lack.offers.is_empty() {
            self.remove(id);
        }
    }

    /// A register is held up to `next` of this session now: nobody is asked for what is older.
    pub(crate) fn register_is_held(&mut self, id: StreamId, next: u64, now: Instant) {
        self.held(id, next, now);
        let older = self.lacks.range(StreamId { session: 0, lane: Lane::Acts, ..id }..id).map(|(older, _)| *older);
        let older: Vec<StreamId> = older.filter(|older| older.lane == id.lane).collect();
        older.into_iter().for_each(|older| self.forget_stream(older));
    }

    /// Of a register, a link has one entry: what it has offered of other sessions it has no more.
    pub(crate) fn retract(&mut self, link: LinkId, id: StreamId) {
        let first = StreamId { session: 0, lane: Lane::Acts, ..id };
        let last = StreamId { session: u64::MAX, lane: Lane::Register(u8::MAX), ..id };
        for (_, lack) in self.lacks.range_mut(first..=last).filter(|(other, _)| other.lane == id.lane && **other != id)
        {
            lack.offers.remove(&link);
        }
        self.keep_offered();
    }

    fn keep_offered(&mut self) {
        let accounts = &mut self.accounts;
        self.lacks.retain(|id, lack| {
            if lack.offers.is_empty() {
                accounts.get_mut(&lack.by).into_iter().for_each(|account| _ = account.remove(id));
            }
            !lack.offers.is_empty()
        });
    }

    /// Whoever is at two links is asked on the `new` one.
    pub(crate) fn moves(&mut self, old: LinkId, new: LinkId) {
        for lack in self.lacks.values_mut() {
            lack.offers.remove(&old).into_iter().for_each(|offer| _ = lack.offers.entry(new).or_insert(offer));
        }
        self.accounts.remove(&old).into_iter().flatten().for_each(|id| self.entrust(id, new));
    }

    /// A stream is not wanted any more, whatever of it is offered.
    pub(crate) fn forget_stream(&mut self, id: StreamId) {
        self.remove(id);
        self.open.values_mut().for_each(|open| _ = open.ranges.remove(&id));
    }

    /// A link is gone.
    pub(crate) fn forget_link(&mut self, link: LinkId) {
        self.open.remove(&link);
        for lack in self.lacks.values_mut() {
            lack.offers.remove(&link);
            lack.tried.remove(&link);
            lack.without.remove(&link);
        }
        self.keep_offered();
        // What others offer, too, is on the account of one of them.
        for id in self.accounts.remove(&link).into_iter().flatten() {
            self.heir(id, link).into_iter().for_each(|heir| self.entrust(id, heir));
        }
    }

    /// What was in vain may not be any more: the roster has changed.
    pub(crate) fn try_again(&mut self, now: Instant) {
        let is_in_vain = |lack: &&mut Lack| lack.rounds > 0 || !lack.tried.is_empty() || !lack.without.is_empty();
        for lack in self.lacks.values_mut().filter(is_in_vain) {
            (lack.rounds, lack.ready_at) = (0, now);
            lack.tried.clear();
            lack.without.clear();
        }
    }

    /// Somebody who was asked in vain may have it by now.
    pub(crate) fn hope_again(&mut self, link: LinkId, id: StreamId, now: Instant) {
        let Some(lack) = self.lacks.get_mut(&id) else { return };
        lack.tried.remove(&link);
        lack.without.remove(&link);
        (lack.gap_since, lack.ready_at) = (None, now);
    }

    /// Whether an entry is what a link has been asked for.
    pub(crate) fn is_asked(&self, link: LinkId, id: StreamId, number: u64) -> bool {
        let range = self.open.get(&link).and_then(|open| open.ranges.get(&id));
        range.is_some_and(|asked| (asked.from..asked.to).contains(&number))
    }

    /// Whether something that is wanted is offered, and this node lacks it.
    pub(crate) fn lacks_any(&self, wanted: impl Fn(StreamId) -> bool) -> bool {
        self.lacks.iter().any(|(id, lack)| lack.hopes().next().is_some() && wanted(*id))
    }

    /// The same, offered on one link.
    pub(crate) fn lacks_of(&self, link: LinkId, wanted: impl Fn(StreamId) -> bool) -> bool {
        let has_hope = |lack: &Lack| lack.hopes().any(|(other, _)| *other == link) && !lack.tried.contains(&link);
        self.lacks.iter().any(|(id, lack)| has_hope(lack) && wanted(*id))
    }

    /// A FETCH has been sent.
    pub(crate) fn asked(&mut self, link: LinkId, request: RequestId, ranges: &[Range], now: Instant) {
        let id = |range: &Range| StreamId { author: range.author, session: range.session, lane: range.lane };
        let asked = |range: &Range| Asked { from: range.from, to: range.to, unstored: None };
        let ranges: BTreeMap<_, _> = ranges.iter().map(|range| (id(range), asked(range))).collect();
        for id in ranges.keys() {
            self.lacks.get_mut(id).into_iter().for_each(|lack| lack.asked_at = now);
        }
        self.open.insert(link, Open { request, ranges, since: now });
    }

    /// A FETCH has been answered: what it did not bring is asked of somebody else, and some day `again` of this one.
    /// False if it was none.
    pub(crate) fn answered(
        &mut self,
        link: LinkId,
        request: RequestId,
        held: impl Fn(StreamId) -> u64,
        again: impl Fn(StreamId) -> bool,
    ) -> bool {
        if self.open.get(&link).is_none_or(|open| open.request != request) {
            return false;
        }
        let Some(open) = self.open.remove(&link) else { return false };
        for (id, Asked { from, unstored, .. }) in open.ranges {
            let Some(lack) = self.lacks.get_mut(&id) else { continue };
            let next = held(id);
            // It has brought what lies behind that, and does not have that itself.
            let behind = unstored.filter(|number| *number > next);
            if behind.is_none() && next > from {
                continue;
            }
            if behind.is_none() {
                let set = if again(id) { &mut lack.tried } else { &mut lack.without };
                set.insert(link);
            }
            if let Some(offer) = lack.offers.get_mut(&link) {
                offer.told = behind.unwrap_or(offer.told);
                offer.first = offer.told;
            }
        }
        true
    }

    /// What a link was asked for has come, and could not be stored.
    pub(crate) fn brought(&mut self, link: LinkId, id: StreamId, number: u64) {
        if let Some(asked) = self.open.get_mut(&link).and_then(|open| open.ranges.get_mut(&id)) {
            asked.unstored = Some(asked.unstored.map_or(number, |lowest| lowest.min(number)));
        }
    }

    /// Where a stream that is not known is to begin, as far as others have told.
    pub(crate) fn begins_at(&self, id: StreamId) -> Option<u64> {
        self.lacks.get(&id)?.begins
    }

    /// What is due, by what this node wants, and the numbers that it lacks first; `gap`: how long it is waited for what
    /// nobody offers, and whether anything signed of the stream was ever here.
    pub(crate) fn due(
        &mut self,
        now: Instant,
        missing: impl Fn(StreamId) -> (u64, u64),
        wanted: impl Fn(StreamId) -> Option<Payer>,
        gap: impl Fn(StreamId) -> (Duration, bool),
        terms: &Terms<'_, impl Fn(LinkId) -> Account>,
    ) -> Vec<Step> {
        self.give_up_waiting(now);
        let waited: BTreeSet<StreamId> = self.open.values().flat_map(|open| open.ranges.keys().copied()).collect();
        let mut asks: BTreeMap<LinkId, Vec<Range>> = BTreeMap::new();
        let mut steps = Vec::new();
        let ready = self.lacks.iter().filter(|(id, lack)| !waited.contains(id) && lack.ready_at <= now);
        let mut due: Vec<_> =
            ready.filter_map(|(id, _)| wanted(*id).map(|payer| (terms.used(payer), *id, payer))).collect();
        due.sort_unstable_by_key(|(used, id, _)| (*used, *id));
        for (_, id, payer) in due {
            let Some(lack) = self.lacks.get_mut(&id) else { continue };
            let ((from, until), (patience, is_known)) = (missing(id), gap(id));
            let is_register = id.lane.is_register();
            // Of a register, whatever is newer will do.
            let has = |offer: &Offer, from: u64| (is_register || offer.first <= from) && offer.next > from;
            let lowest = lack.hopes().map(|(_, offer)| offer.first).min();
            if lack.hopes().any(|(_, offer)| has(offer, from)) {
                lack.begins = None;
            } else {
                let since = *lack.gap_since.get_or_insert(now);
                let has_waited = id.lane == Lane::Talk && since.after(patience) <= now;
                // What damage has taken, and nobody has, is gone.
                let goes_on = lowest.or((until < u64::MAX).then_some(until)).filter(|_| has_waited);
                if is_known {
                    steps.extend(goes_on.map(|first| Step::Skip(id, first)));
                    continue;
                }
                // Rows alone begin no stream.
                lack.begins = goes_on;
            }
            let from = lack.begins.unwrap_or(from);
            let serves = |offer: &Offer| has(offer, from);
            if !lack.hopes().any(|(_, offer)| serves(offer)) {
                continue;
            }
            let in_vain = |lack: &Lack, link: &LinkId| lack.tried.contains(link) || lack.without.contains(link);
            if lack.hopes().all(|(link, offer)| !serves(offer) || in_vain(lack, link)) {
                // SPEC MESH-13: all were asked in vain. FETCH-2: after three seconds, again.
                lack.tried.clear();
                let wait = limits::FETCH_TIMEOUT.saturating_mul(2_u32.saturating_pow(lack.rounds.min(4)));
                lack.ready_at = lack.asked_at.after(wait).max(now);
                lack.rounds = lack.rounds.saturating_add(1);
                if until < u64::MAX && id.lane == Lane::Talk && lack.rounds > LOST_ROUNDS {
                    // What damage has taken, and nobody brings, is gone.
                    steps.push(Step::Skip(id, until));
                    continue;
                }
                if lack.ready_at > now {
                    continue;
                }
            }
            let free = |link: &LinkId| {
                let asked = asks.get(link);
                asked.map_or(0, Vec::len) < limits::RANGES_MAX && place_in(asked) > 0 && !self.open.contains_key(link)
            };
            let may_bring = |link: &LinkId, offer: &Offer| serves(offer) && !in_vain(lack, link);
            let opens = |link: &LinkId| terms.opens_at(payer, *link);
            // Those with less to do first: a newcomer asks many, not one.
            let holder = lack
                .offers
                .iter()
                .filter(|(link, offer)| may_bring(link, offer) && free(link) && opens(link) <= now)
                .min_by_key(|(link, _)| (asks.get(link).map_or(0, Vec::len), **link));
            if let Some((link, offer)) = holder {
                let range = range_of(id, from, until, offer, place_in(asks.get(link)));
                asks.entry(*link).or_default().push(range);
            } else if let Some(opens) =
                lack.offers.iter().filter(|(link, offer)| may_bring(link, offer)).map(|(link, _)| opens(link)).min()
                && opens > now
            {
                // SPEC MESH-30
                lack.ready_at = opens;
            }
        }
        steps.extend(asks.into_iter().map(|(link, ranges)| Step::Ask(link, ranges)));
        steps
    }

    /// SPEC MESH-13: who has brought nothing for three seconds is not waited for.
    fn give_up_waiting(&mut self, now: Instant) {
        for (link, open) in self.open.extract_if(.., |_, open| open.since.after(limits::FETCH_TIMEOUT) <= now) {
            for id in open.ranges.keys() {
                self.lacks.get_mut(id).into_iter().for_each(|lack| _ = lack.tried.insert(link));
            }
        }
    }

    /// When something is due.
    pub(crate) fn next(&self, now: Instant) -> Option<Instant> {
        let patience = self.open.values().map(|open| open.since.after(limits::FETCH_TIMEOUT));
        let gaps = self.lacks.values().filter_map(|lack| Some(lack.gap_since?.after(limits::GAP_TIMEOUT)));
        let ready = self.lacks.values().map(|lack| lack.ready_at);
        patience.chain(gaps).chain(ready).filter(|due| *due > now).min()
    }
}
