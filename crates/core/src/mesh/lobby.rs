//! The lobby of a room (SPEC.md, "The lobby"): whom a host alone lets in, both sides of the door.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::member::Member;
use super::peer::{Errand, Knock as Knocked, Step};
use crate::code::Code;
use crate::command::{Failure, Full, Place};
use crate::door::{Due, Knock};
use crate::event::{Event, Notice};
use crate::id::{Key, LinkId};
use crate::machine::Output;
use crate::name::reading;
use crate::rule::Rule;
use crate::time::Now;
use crate::wire::meeting::Waiting;
use crate::wire::option::Manner;
use crate::wire::session::Refused;

impl Member {
    /// Has a newcomer wait until this host's user decides.
    pub(super) fn have_wait(&mut self, link: LinkId, now: Now, out: &mut Vec<Output>) {
        let Some(peer) = self.links.get(&link) else { return };
        let Step::Knocking(knock) = &peer.step else { return };
        let (key, run, request, source) = (peer.key, peer.started_ms, knock.request, knock.source);
        let (name, note, ticket) = (peer.name.clone().unwrap_or_default(), knock.note.clone(), knock.ticket);
        let older = self.lobby.link_of(key);
        // SPEC JOIN-10: of an earlier run
        if older.and_then(|older| self.links.get(&older)).is_some_and(|older| older.started_ms > run) {
            return self.reject(link, Rule::Join10, now, out);
        }
        let place = self.lobby.place(key, source);
        let place = place.and_then(|place| self.door.count_newcomer(key, source, now.tick).map(|()| place));
        let in_the_way = match place {
            Ok(in_the_way) => in_the_way,
            Err(rule) => return self.reject(link, rule, now, out),
        };
        if let Some(older) = older {
            self.reject(older, Rule::Join10, now, out);
        }
        if let Some(other) = in_the_way {
            self.note_gone(other, out);
            self.reject(other, Rule::Lobby4, now, out);
        }
        self.lobby.knock(Knock { key, reading: reading(&name), name: name.clone(), source, link, request }, now, out);
        let ticket = ticket.and_then(|ticket| self.tickets.label_of(&ticket));
        out.push(Output::Event(Event::Knock { name, key, note, ticket }));
    }

    /// Who waits under this name, or everybody who waits.
    fn waiting(&self, name: Option<&str>, now: Now) -> Result<Vec<LinkId>, Failure> {
        let has_lobby = self.charter.as_ref().is_some_and(|charter| charter.admission.has_lobby());
        if has_lobby { self.lobby.waiting(name, now) } else { Err(Failure::NoLobby(Place::Room)) }
    }

    pub(super) fn let_in(&mut self, name: Option<&str>, now: Now, out: &mut Vec<Output>) -> Result<(), Failure> {
        for link in self.waiting(name, now)? {
            // SPEC JOIN-6
            let Some(peer) = self.links.get(&link) else { continue };
            let Step::Knocking(knock) = &peer.step else { continue };
            if !self.has_room(&peer.key) {
                return Err(Failure::Full(Full::People(Place::Room)));
            }
            let knock = Knocked { manner: Manner::ByHand, ..(**knock).clone() };
            self.welcome(link, &knock, now, out);
        }
        Ok(())
    }

    pub(super) fn send_away(&mut self, name: &str, why: &str, now: Now, out: &mut Vec<Output>) -> Result<(), Failure> {
        // SPEC LOBBY-6
        let why = if why.is_empty() { Rule::Lobby6.meaning() } else { why };
        for link in self.waiting(Some(name), now)? {
            self.deny(link, Rule::Lobby6, why, now, out);
        }
        Ok(())
    }

    fn deny(&mut self, link: LinkId, rule: Rule, why: &str, now: Now, out: &mut Vec<Output>) {
        self.note_gone(link, out);
        let Some(knock) = self.lobby.take(link, now) else { return };
        out.push(Output::refuse(link, knock.request, rule, why));
        out.push(Output::Close { link, code: rule.code(), rule: Some(rule), reason: why.to_string() });
        self.forget(link, rule.code(), false, now, out);
    }

    pub(super) fn on_lobby_due(&mut self, due: Due, now: Now, out: &mut Vec<Output>) {
        match due {
            Due::Told => {}
            // SPEC LOBBY-5
            Due::Overdue(link) => self.deny(link, Rule::Lobby5, Rule::Lobby5.meaning(), now, out),
        }
    }

    /// Who waits has gone, or is sent away: the host's user need not decide any more.
    pub(super) fn note_gone(&self, link: LinkId, out: &mut Vec<Output>) {
        if let Some(peer) = self.links.get(&link).filter(|_| self.lobby.has(link)) {
            let name = peer.name.clone().unwrap_or_default();
            out.push(Output::Event(Event::Warning(Notice::LeftLobby(name))));
        }
    }

    /// SPEC LOBBY-7: whether a name is that of somebody else who waits, or of all.
    pub(super) fn is_in_lobby(&self, name: &str, key: Key) -> bool {
        let reads = reading(name);
        let has_lobby = self.charter.as_ref().is_some_and(|charter| charter.admission.has_lobby());
        has_lobby && (reads == "all" || self.lobby.is_taken(&reads, key))
    }

    /// We wait.
    pub(super) fn on_waiting(&mut self, link: LinkId, waiting: &Waiting<'_>, now: Now, out: &mut Vec<Output>) {
        match self.links.get(&link).map(|peer| &peer.step) {
            Some(Step::Asking(Errand::Door)) => self.newcomer.on_waiting(waiting.position, out),
            // Where it would be a newcomer, by the acts that are held there.
            Some(Step::Asking(Errand::Call(_))) | None => {}
            // SPEC LOBBY-3
            Some(Step::Silent | Step::Knocking(_) | Step::In) => self.reject(link, Rule::Lobby3, now, out),
        }
    }

    /// Our JOIN is answered with no; false if it was not JOIN that was answered.
    pub(super) fn is_denied(&mut self, link: LinkId, error: &Refused<'_>, now: Now, out: &mut Vec<Output>) -> bool {
        let asks = |step: &Step| matches!(step, Step::Asking(_));
        if !self.links.get(&link).is_some_and(|peer| asks(&peer.step)) {
            return false;
        }
        out.push(Output::Close { link, code: Code::Left, rule: None, reason: String::new() });
        self.newcomer.on_denied(error.reason.as_str());
        self.forget(link, error.code, true, now, out);
        true
    }
}
