//! Who is still a member, and who has to go (SPEC MESH-22): once the acts that belong together have come.

use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::member::{Member, Stage, Timer};
use super::peer::Peer;
use crate::code::Code;
use crate::event::{Event, Member as Shown};
use crate::id::{Key, LinkId};
use crate::limits;
use crate::log::Held;
use crate::machine::Output;
use crate::name::{begins_with, normal};
use crate::replica::{Account, send_rows};
use crate::rule::Rule;
use crate::time::Now;
use crate::wire::entry::{Kind, Level, Whereabouts};
use crate::wire::meeting::Lane;

impl Member {
    /// Looks at everybody's standing if acts have come, and none is lacking that may say otherwise.
    pub(super) fn judge_if_complete(&mut self, now: Now, out: &mut Vec<Output>) {
        if self.unjudged.is_none() {
            self.timers.disarm(Timer::Judge);
        } else if !self.lacks_acts() {
            self.judge_all(now, out);
        } else if !self.timers.is_armed(Timer::Judge) {
            self.timers.arm(Timer::Judge, now.tick.after(limits::ARRIVE_TIMEOUT));
        }
    }

    /// Does what the acts say about who is out, and whether the meeting is over.
    pub(super) fn judge_all(&mut self, now: Now, out: &mut Vec<Output>) {
        self.people.must_reconcile = true;
        self.people.must_seat = true;
        let acts = self.unjudged.take().unwrap_or_default();
        // A newcomer has yet to see which revokes have been answered.
        if self.stage != Stage::Inside {
            return self.decide_all(now, out);
        }
        let us = self.us.key();
        let is_own = !acts.is_empty() && acts.iter().all(|(from, _)| from.is_none());
        if self.roster.ended().is_some() || self.roster.is_revoked(&us, Level::Out) {
            // Of what this node has decided itself, its user hears in another way.
            if !is_own {
                let links: Vec<LinkId> =
                    self.links.iter().filter(|(_, peer)| peer.is_in()).map(|(link, _)| *link).collect();
                links.into_iter().for_each(|link| tell_why(link, &acts, out));
                self.leave_if_over(out);
            }
            return;
        }
        let outsiders = self.links_of_outsiders();
        outsiders.iter().for_each(|link| tell_why(*link, &acts, out));
        let others: Vec<Key> = self.roster.members().map(|member| member.key).filter(|key| *key != us).collect();
        for key in others {
            self.introduce(key, out);
            self.update_delivery(key, out);
        }
        self.decide_all(now, out);
        if self.session < self.roster.back_from(&us) || !is_own && self.roster.is_seated(&us) && !self.is_here(&us) {
            // It was shown out and let in again before it knew of either.
            self.write_person(Whereabouts::Here, now, out);
        }
        if !self.roster.is_seated(&us) {
            self.start_over(now, out);
        }
        outsiders.into_iter().for_each(|link| self.reject(link, Rule::Revoke1, now, out));
    }

    /// The links of those who have been shown out. Who has lost its seat in another way may get one anew.
    fn links_of_outsiders(&self) -> Vec<LinkId> {
        let is_out = |peer: &Peer| self.roster.is_revoked(&peer.key, Level::Out);
        self.links.iter().filter(|(_, peer)| peer.is_in() && is_out(peer)).map(|(link, _)| *link).collect()
    }

    /// Talk goes to whoever is seated and here, by what this node holds; and who is neither for long is closed (SPEC
    /// MESH-7, MESH-26).
    pub(super) fn seat_links(&mut self, now: Now, out: &mut Vec<Output>) {
        if !core::mem::take(&mut self.people.must_seat) {
            return;
        }
        let links = self.links.iter().filter(|(_, peer)| peer.is_in()).map(|(link, peer)| (*link, peer.key));
        let links: Vec<(LinkId, Key)> = links.collect();
        for (link, key) in links {
            let talk = self.roster.floor(&key);
            if talk.is_some() {
                self.timers.disarm(Timer::Seat(link));
            } else if !self.timers.is_armed(Timer::Seat(link)) {
                self.timers.arm(Timer::Seat(link), now.tick.after(limits::SEAT_TIMEOUT));
            }
            if self.replica.is_open(link) != talk.is_some() {
                // SPEC MESH-16
                self.circle.touch();
                self.replica.tell_soon(now);
            }
            let account = self.roster.branch(&key).map(Account::Branch);
            if let Some(mut rows) = self.replica.open(link, talk, account) {
                let others = self.links.get_mut(&link).map(|peer| core::mem::take(&mut peer.others));
                rows.extend(others.unwrap_or_default());
                self.note_told(link, &rows);
                send_rows(link, &rows, out);
            }
        }
    }

    /// What had let this node in has no effect any more: it knocks again, where it knows somebody.
    fn start_over(&mut self, now: Now, out: &mut Vec<Output>) {
        self.stage = Stage::Outside;
        self.timers.disarm(Timer::Roster);
        self.learn_doors();
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        links.into_iter().for_each(|link| self.drop_link(link, Code::NotYet, now, out));
        self.circle.rest();
        self.knocking = None;
        self.newcomer.be_patient(now);
        // What is being dialled comes to nothing first: nobody gets two links of one node.
        self.newcomer.knock_at(now.tick.after(limits::BACKOFF_MIN));
    }

    /// Whoever is not in any more knocks at the members that it knows, too: its first door may be gone.
    pub(super) fn learn_doors(&mut self) {
        let here = self.roster.members().map(|member| member.key).filter(|key| self.is_here(key));
        let first = |key: Key| Some(self.told_by(&key, self.nearest()).first()?.to_string());
        let known: Vec<String> = here.filter_map(first).collect();
        self.newcomer.learn(known);
    }
}

impl Member {
    pub(super) fn is_here(&self, key: &Key) -> bool {
        self.roster.is_here(key)
    }

    /// Tells the user that the link to somebody stands, once it is known who that is.
    pub(super) fn introduce(&mut self, key: Key, out: &mut Vec<Output>) {
        let is_known =
            self.stage == Stage::Inside && self.people.is_told && self.is_here(&key) && self.circle.has(&key);
        if is_known && self.people.introduced.insert(key) {
            out.push(Output::Event(Event::Linked { name: self.called(&key), key }));
        }
    }

    /// Who is here, and `linked`: who is in and has not yet said who it is, too.
    pub(super) fn users(&self, linked: bool) -> Event {
        let members: Vec<Shown> = self
            .in_sight(linked)
            .map(|key| Shown {
                name: self.called(&key),
                key,
                state: self.circle.state_of(&key),
                is_host: self.roster.is_host(&key),
                is_muted: self.roster.is_revoked(&key, Level::Mute),
            })
            .collect();
        // Nobody is a guest here.
        Event::Roster { members, guests: 0 }
    }

    fn in_sight(&self, linked: bool) -> impl Iterator<Item = Key> {
        let here = self.roster.members().map(|member| member.key).filter(|key| self.is_here(key));
        let others = self.circle.links().keys().copied().filter(move |key| linked && !self.is_here(key));
        here.chain(others)
    }

    /// The key of the one in sight whose key begins with these digits, or who is called `name` (SPEC ROSTER-12).
    pub(super) fn find(&self, name: &str) -> Option<Key> {
        let reads = normal(name);
        let mut begun = self.in_sight(true).filter(|key| begins_with(*key, name));
        if let Some(one) = begun.next() {
            return Some(one).filter(|_| begun.next().is_none());
        }
        self.in_sight(true).find(|key| normal(&self.called(key)) == reads)
    }
}

impl Member {
    /// A register was stored: who it is about may have come, gone, or changed its name.
    pub(super) fn on_register(&mut self, entry: &Held, is_ours: bool, now: Now, out: &mut Vec<Output>) {
        if entry.lane() != Lane::PERSON {
            return;
        }
        self.people.changed.insert(entry.id.author);
        self.people.must_seat = true;
        self.forget_strangers();
        if !is_ours && entry.id.author == self.us.key() && self.stage == Stage::Inside {
            self.on_outbid(entry.id.session, now, out);
        }
    }

    /// Of those whom nothing holds here, only so many are known: who has a seat, and who came last (SPEC REGISTER-9).
    pub(super) fn forget_strangers(&mut self) {
        let Some(charter) = self.charter.as_ref().filter(|_| self.roster.people().count() > limits::PEOPLE_MAX) else {
            return;
        };
        let log = &self.replica.log;
        let is_held = |key: &Key| self.is_near(key) || log.holds_talk_of(*key);
        let strangers = self.roster.people().filter(|key| !is_held(key));
        let session = |key: &Key| log.register(*key, Lane::PERSON).map(|held| held.id.session);
        let mut strangers: Vec<_> = strangers.map(|key| (self.roster.is_seated(key), session(key), *key)).collect();
        if strangers.len() <= limits::PEOPLE_MAX {
            return;
        }
        strangers.sort_unstable();
        let too_many = strangers.len().saturating_sub(limits::PEOPLE_MAX);
        for (.., key) in strangers.into_iter().take(too_many) {
            self.replica.forget_person(key);
            self.roster.forget(&key, charter);
        }
    }

    /// Whether somebody is a host, linked or bridged, or this node itself.
    pub(super) fn is_near(&self, key: &Key) -> bool {
        *key == self.us.key()
            || self.roster.is_hosts(key)
            || self.circle.has(key)
            || self.circle.links_of(key).any(|by| self.is_here(&by))
    }

    /// Another run of this key has written a PERSON that is newer than this one's: an older disk, or a clone.
    fn on_outbid(&mut self, session: u64, now: Now, out: &mut Vec<Output>) {
        if self.people.is_outbid_again(now.tick) {
            // SPEC REGISTER-8
            return self.end_finally(Code::Superseded, out);
        }
        // SPEC REGISTER-3
        if session >= self.session {
            self.begin_session(now, out);
        }
        self.write_person(Whereabouts::Here, now, out);
    }
}

/// SPEC MESH-8: the cause goes before the goodbye, for whoever is not linked with its author.
fn tell_why(link: LinkId, acts: &[(Option<LinkId>, Arc<Held>)], out: &mut Vec<Output>) {
    for (_, act) in acts.iter().filter(|(from, _)| from.is_some_and(|from| from != link)) {
        if matches!(act.kind(), Kind::Revoke | Kind::Policy | Kind::End) {
            out.push(Output::Send { link, frame: act.frame.clone() });
        }
    }
}
