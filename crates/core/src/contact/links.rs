//! Whom a node dials, and which links it keeps (SPEC.md, "Links" and "Whom one talks with").

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::pair::pair_id;
use super::{Friend, FriendId, Friends, PairLink, Timer};
use crate::code::Code;
use crate::command::Failure;
use crate::event::{Change, Event, Notice, Reach};
use crate::id::{DialId, Key, LinkId, MeetingId};
use crate::limits;
use crate::machine::Output;
use crate::name::proper;
use crate::replica::send_rows;
use crate::rule::Rule;
use crate::time::{Instant, Now};
use crate::wire::field::Name;
use crate::wire::option;
use crate::wire::session::{Hello, Purpose};

/// A link that stands.
pub(super) struct Arrival<'a> {
    pub(super) link: LinkId,
    pub(super) peer: Key,
    pub(super) address: SocketAddr,
    pub(super) hello: Hello<'a>,
    pub(super) dial: Option<DialId>,
}

/// The other side may be well, and the network or its program was not.
const fn is_innocent(code: Code) -> bool {
    use Code::{Cut, Left, Renewed, Silent, Slow, Stopped, Unneeded};
    matches!(code, Cut | Left | Renewed | Silent | Slow | Stopped | Unneeded)
}

impl Friends {
    pub(super) fn on_up(&mut self, arrival: &Arrival<'_>, now: Now, out: &mut Vec<Output>) {
        let Arrival { link, peer, ref hello, dial, .. } = *arrival;
        let dialled = dial.and_then(|dial| self.dials.remove(&dial));
        if let Some(friend) = dialled.and_then(|id| self.friends.get_mut(&id)) {
            friend.dialling = None;
        }
        // SPEC CONTACT-1
        let is_ours = [MeetingId::ZERO, pair_id(self.us.key(), peer)].contains(&hello.meeting);
        if hello.purpose != Purpose::CONTACT || !is_ours || peer == self.us.key() {
            out.push(Output::close(link, Rule::Contact1));
            return dialled.into_iter().for_each(|id| self.on_missed(id, Rule::Contact1.code(), now, out));
        }
        let id = match (dial, dialled) {
            (Some(_), Some(id)) => match self.meet(id, peer, out) {
                Ok(id) => id,
                Err(rule) => {
                    out.push(Output::close(link, rule));
                    return self.on_missed(id, rule.code(), now, out);
                }
            },
            // Its contact was removed meanwhile.
            (Some(_), None) => {
                return out.push(Output::Close { link, code: Code::Left, rule: None, reason: String::new() });
            }
            (None, _) => match self.take(arrival, now) {
                Ok(id) => id,
                Err(rule) => return out.push(Output::close(link, rule)),
            },
        };
        // SPEC CONTACT-14: another name has led to somebody who is kept away.
        if let Some(friend) = self.friends.get(&id).filter(|friend| friend.is_blocked) {
            let failure = Failure::Blocked(friend.name.clone());
            out.push(Output::close(link, Rule::Contact14));
            return out.push(Output::Event(Event::Error { failure, id: None }));
        }
        self.learn_address(id, arrival, out);
        let is_first = self.friends.get(&id).is_some_and(|friend| friend.links.is_empty());
        if self.keep_one(id, link, hello.started_ms, now, out) {
            self.begin(id, is_first, now, out);
        }
        self.sign_drafts(id, now, out);
    }

    /// Somebody answers who was dialled.
    fn meet(&mut self, id: FriendId, peer: Key, out: &mut Vec<Output>) -> Result<FriendId, Rule> {
        let known = self.friends.get(&id).and_then(Friend::key);
        if known.is_some() {
            // The driver compares too, and earlier: before it tells who it is.
            return (known == Some(peer)).then_some(id).ok_or(Rule::Handshake6);
        }
        // SPEC CONTACT-11
        if let Some(other) = self.keys.get(&peer).copied() {
            self.merge(id, other, out);
            return Ok(other);
        }
        self.give_key(id, peer);
        let name = self.friends.get(&id).map(|friend| friend.name.clone()).unwrap_or_default();
        let pair = pair_id(self.us.key(), peer);
        self.keep_contacts(Some((Change::Met, id)), out);
        out.push(Output::Event(Event::Warning(Notice::FirstUse { name, key: peer, pair })));
        Ok(id)
    }

    /// Who was dialled as one turns out to be another, whose key is known: one stays, under the name that the user has
    /// chosen, and of two such under the older.
    fn merge(&mut self, id: FriendId, other: FriendId, out: &mut Vec<Output>) {
        let Some(gone) = self.friends.get_mut(&id) else { return };
        let contact = gone.contact();
        let (drafts, given) = (core::mem::take(&mut gone.drafts), core::mem::take(&mut gone.addresses));
        self.forget(id);
        let Some(friend) = self.friends.get_mut(&other) else { return };
        friend.drafts.extend(drafts);
        given.iter().rev().for_each(|address| friend.give(address));
        friend.barred = None;
        let was_listed = core::mem::replace(&mut friend.is_listed, true);
        // SPEC CONTACT-14: who was removed is added.
        friend.is_blocked &= was_listed;
        let was_stranger = core::mem::replace(&mut friend.is_stranger, false);
        let had_chosen = was_listed && !was_stranger;
        let key = friend.key().unwrap_or(Key::ZERO);
        if had_chosen {
            let notice = Notice::SameKey { gone: contact.name.clone(), stays: friend.name.clone() };
            out.push(Output::Event(Event::Contact { change: Change::Removed, contact }));
            out.push(Output::Event(Event::Warning(notice)));
        } else {
            let (old, new) = (core::mem::replace(&mut friend.name, contact.name.clone()), contact.name);
            if was_listed {
                out.push(Output::Event(Event::Renamed { key, old, new }));
            }
        }
        // Under the name that stays, before the other name is gone.
        self.keep_drafts(out);
        self.keep_contacts(Some((Change::Met, other)), out);
    }

    /// Somebody has dialled: a contact, somebody of earlier, or a stranger.
    fn take(&mut self, arrival: &Arrival<'_>, now: Now) -> Result<FriendId, Rule> {
        let known = self.keys.get(&arrival.peer).copied();
        let friend = known.and_then(|id| self.friends.get(&id));
        let is_contact = friend.is_some_and(|friend| friend.is_listed && !friend.is_stranger);
        // SPEC CONTACT-14
        if friend.is_some_and(|friend| friend.is_blocked) || (self.config.only_contacts && !is_contact) {
            return Err(Rule::Contact14);
        }
        let is_known =
            |id: &FriendId| self.friends.get(id).is_some_and(|friend| friend.is_listed || !friend.links.is_empty());
        if let Some(id) = known.filter(is_known) {
            return Ok(id);
        }
        let strangers = self.friends.values().filter(|friend| match friend.is_listed {
            true => friend.is_stranger,
            false => !friend.links.is_empty(),
        });
        // SPEC CONTACT-12
        if strangers.count() >= limits::STRANGERS_MAX || self.friends.len() >= limits::CONTACTS_MAX {
            return Err(Rule::Contact12);
        }
        // SPEC CONTACT-13
        let burst = limits::STRANGER_INTERVAL.saturating_mul(limits::STRANGER_BURST.saturating_sub(1));
        let from = self.strangers_from.max(now.tick);
        if from.since(now.tick) > burst {
            return Err(Rule::Contact13);
        }
        self.strangers_from = from.after(limits::STRANGER_INTERVAL);
        let id = known.unwrap_or_else(|| self.add_unlisted(arrival.peer));
        let called = arrival.hello.options.find::<Name<'_>>(&option::NAME);
        // SPEC JOIN-16: else it is called by its key.
        let called = called.filter(|name| proper(name.as_str()).is_some());
        if let (Some(friend), Some(name)) = (self.friends.get_mut(&id), called) {
            (friend.name, friend.is_stranger) = (name.as_str().to_string(), true);
        }
        Ok(id)
    }

    /// Of two links of a pair, one stays. False if the new one does not.
    fn keep_one(&mut self, id: FriendId, link: LinkId, started_ms: u64, now: Now, out: &mut Vec<Output>) -> bool {
        let us = self.us.key();
        let Some(friend) = self.friends.get_mut(&id) else { return false };
        // SPEC CONTACT-8
        if friend.links.iter().any(|known| known.started_ms > started_ms) {
            out.push(Output::close(link, Rule::Contact8));
            return false;
        }
        let earlier: Vec<PairLink> = friend.links.extract_if(.., |known| known.started_ms < started_ms).collect();
        // SPEC CONTACT-7. Who has the larger key waits for the other to choose, with no more than two.
        let kept = if friend.key().is_some_and(|peer| us < peer) { 0 } else { 1 };
        let surplus = friend.links.len().saturating_sub(kept);
        let older: Vec<PairLink> = friend.links.drain(..surplus).collect();
        friend.links.push(PairLink { link, started_ms });
        self.links.insert(link, id);
        self.timers.arm(Timer::Idle(id), now.tick.after(self.config.idle));
        for PairLink { link: gone, .. } in earlier.iter().chain(&older) {
            self.links.remove(gone);
            friend.pair.iter_mut().for_each(|pair| pair.replica.part(*gone, Some(link)));
        }
        out.extend(earlier.iter().map(|known| Output::close(known.link, Rule::Contact8)));
        for PairLink { link, .. } in older {
            out.push(Output::Close { link, code: Code::Unneeded, rule: None, reason: String::new() });
        }
        true
    }

    /// The newest link of a pair is used from now on; `is_first`: there was none.
    fn begin(&mut self, id: FriendId, is_first: bool, now: Now, out: &mut Vec<Output>) {
        let Some(friend) = self.friends.get_mut(&id) else { return };
        self.timers.disarm(Timer::Redial(id));
        (friend.is_told_away, friend.barred) = (false, None);
        (friend.tried, friend.is_careful) = (0, false);
        let (name, key) = (friend.name.clone(), friend.key());
        if let Some(key) = key.filter(|_| friend.is_listed && !friend.is_told_linked) {
            friend.is_told_linked = true;
            out.push(Output::Event(Event::Linked { name, key }));
        }
        self.timers.arm(Timer::Idle(id), now.tick.after(self.config.idle));
        let Some(friend) = self.friends.get_mut(&id) else { return };
        let links: Vec<LinkId> = friend.links.iter().map(|known| known.link).collect();
        if let (Some((newest, older)), Some(pair)) = (links.split_last(), friend.pair.as_mut()) {
            send_rows(*newest, &pair.begin(is_first, *newest, older), out);
        }
        self.settle(id, now, out);
    }

    pub(super) fn on_down(&mut self, link: LinkId, code: Code, now: Now, out: &mut Vec<Output>) {
        let Some(id) = self.links.remove(&link) else { return };
        let Some(friend) = self.friends.get_mut(&id) else { return };
        let was_used = friend.link() == Some(link);
        friend.links.retain(|known| known.link != link);
        let other = friend.link();
        friend.pair.iter_mut().for_each(|pair| pair.replica.part(link, other));
        // SPEC CONTACT-7: it has gone, whatever the other link ends with.
        if let Code::Left | Code::Stopped = code {
            self.part(id, Code::Unneeded, out);
            return self.on_apart(id, code, true, now, out);
        }
        match friend.links.is_empty() {
            true => self.on_apart(id, code, is_innocent(code), now, out),
            false if was_used => self.begin(id, false, now, out),
            false => {}
        }
    }

    /// There is no link, or no attempt at one, any more: tell, and try again if something waits. `stood`: there was a
    /// link, and nothing was wrong with it.
    pub(super) fn on_apart(&mut self, id: FriendId, code: Code, stood: bool, now: Now, out: &mut Vec<Output>) {
        let Some(friend) = self.friends.get_mut(&id).filter(|friend| friend.links.is_empty()) else { return };
        for timer in [Timer::Idle(id), Timer::Due(id)] {
            self.timers.disarm(timer);
        }
        if friend.is_nobody() {
            return self.forget(id);
        }
        if stood {
            friend.failures = 0;
        }
        let (name, key) = (friend.name.clone(), friend.key());
        // SPEC CONTACT-9: the end of a link on which nothing is said is nobody's news.
        if code != Code::Unneeded
            && let Some(key) = key.filter(|_| core::mem::take(&mut friend.is_told_linked))
        {
            out.push(Output::Event(Event::Unlinked { name, key, code }));
        }
        if let Code::WrongKey | Code::Superseded | Code::SelfLink | Code::Denied = code {
            let was_told = friend.barred.replace(code) == Some(code);
            if !was_told {
                out.push(Output::Event(Event::Error { failure: barred(friend, code), id: None }));
            }
            if code == Code::WrongKey && friend.held() > 0 && friend.dialling.is_none() {
                self.timers.arm(Timer::Redial(id), now.tick.after(limits::CONTACT_LOOKUP_INTERVAL));
            }
            return self.tell_held(id, out);
        }
        if !friend.is_listed || friend.held() == 0 || friend.dialling.is_some() {
            return;
        }
        let wait = self.backoff(id);
        if !stood {
            self.tell_away(id, code, out);
        }
        if self.friends.get(&id).is_some_and(Friend::is_findable) {
            self.timers.arm(Timer::Redial(id), now.tick.after(wait));
        }
    }

    /// SPEC DIAL-2, with a longest wait of its own.
    fn backoff(&mut self, id: FriendId) -> Duration {
        let Some(friend) = self.friends.get_mut(&id) else { return limits::CONTACT_BACKOFF_MAX };
        let wait = self.random.backoff(friend.failures, limits::CONTACT_BACKOFF_MAX);
        friend.failures = friend.failures.saturating_add(1);
        wait
    }

    /// Somebody does not answer: told once, until they do.
    pub(super) fn tell_away(&mut self, id: FriendId, code: Code, out: &mut Vec<Output>) {
        let Some(friend) = self.friends.get_mut(&id) else { return };
        if !core::mem::replace(&mut friend.is_told_away, true) {
            let notice = Notice::Away { name: friend.name.clone(), addresses: friend.dialled(), code };
            out.push(Output::Event(Event::Warning(notice)));
        }
        self.tell_held(id, out);
    }

    fn tell_held(&mut self, id: FriendId, out: &mut Vec<Output>) {
        let Some(pair) = self.friends.get_mut(&id).and_then(|friend| friend.pair.as_mut()) else { return };
        for (session, number) in pair.tell_held() {
            out.push(Output::Event(Event::Delivery { session, number, reach: Reach::Held, have: 0, of: 1 }));
        }
    }

    /// SPEC CONTACT-9
    pub(super) fn on_idle(&mut self, id: FriendId, now: Now, out: &mut Vec<Output>) {
        self.send_changes(id, now, out);
        self.part(id, Code::Unneeded, out);
        // What was not acknowledged in all that time asks for another link.
        self.on_apart(id, Code::Unneeded, true, now, out);
    }

    /// Closes all links of a pair; the user knows why.
    pub(super) fn part(&mut self, id: FriendId, code: Code, out: &mut Vec<Output>) {
        let Some(friend) = self.friends.get_mut(&id) else { return };
        for PairLink { link, .. } in core::mem::take(&mut friend.links) {
            self.links.remove(&link);
            friend.pair.iter_mut().for_each(|pair| pair.replica.part(link, None));
            out.push(if code == Code::Denied {
                Output::close(link, Rule::Contact14)
            } else {
                Output::Close { link, code, rule: None, reason: String::new() }
            });
        }
        for timer in [Timer::Idle(id), Timer::Due(id)] {
            self.timers.disarm(timer);
        }
        if friend.is_nobody() {
            self.forget(id);
        }
    }

    /// The one way to turn a link away: with the rule that it broke. The other side may be better the next time.
    pub(super) fn reject(&mut self, link: LinkId, rule: Rule, now: Now, out: &mut Vec<Output>) {
        out.push(Output::close(link, rule));
        self.on_down(link, rule.code(), now, out);
    }

    /// Something was said: the link is not idle.
    pub(super) fn stay(&mut self, id: FriendId, now: Instant) {
        if self.timers.is_armed(Timer::Idle(id)) {
            self.timers.arm(Timer::Idle(id), now.after(self.config.idle));
        }
    }
}

/// Why nobody dials a friend any more.
pub(super) fn barred(friend: &Friend, code: Code) -> Failure {
    let addresses = if code == Code::WrongKey { friend.avoided.clone() } else { friend.all_addresses() };
    Failure::Barred { name: friend.name.clone(), addresses, code }
}
