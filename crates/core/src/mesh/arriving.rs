//! From the door to a seat: a newcomer fetches the acts, then says who it is and dials everybody. What is kept of a room
//! that was at an address is a guess: who answers there now decides what is on.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::entries::{is_awaited, is_wanted};
use super::member::{Member, Stage, Timer};
use crate::code::Code;
use crate::command::Place;
use crate::door::{ENDINGS, FINAL};
use crate::event::{Ending, Event, Notice, Role};
use crate::id::Key;
use crate::limits;
use crate::log::{Log, StreamId};
use crate::machine::Output;
use crate::rule::Rule;
use crate::time::Now;
use crate::wire::address::Address;
use crate::wire::entry::{EntryBody, Whereabouts};
use crate::wire::field::{List, Name, encode_items};
use crate::wire::meeting::Lane;
use crate::wire::option::TicketProof;

impl Member {
    /// The acts are complete, and who is who, as far as anybody who is linked has them.
    pub(super) fn arrive_if_complete(&mut self, now: Now, out: &mut Vec<Output>) {
        // SPEC MESH-19: whom to dial, PERSON says.
        let is_awaited = |log: &Log, stream: StreamId| {
            is_awaited(&self.people.awaited, stream) && is_wanted(log, &self.roster, stream)
        };
        let us = self.us.key();
        if self.replica.lacks(is_awaited) {
            return;
        }
        if self.session < self.roster.back_from(&us) {
            // It was shown out and let in again before it knew of either.
            self.write_person(Whereabouts::Here, now, out);
        }
        if self.roster.is_seated(&us) {
            self.come_inside(now, out);
        }
    }

    /// What is still lacking may never come: nobody waits for it for ever.
    pub(super) fn on_arrive_due(&mut self, now: Now, out: &mut Vec<Output>) {
        if self.stage != Stage::Arriving {
            return;
        }
        if self.roster.is_seated(&self.us.key()) {
            return self.come_inside(now, out);
        }
        // SPEC MESH-22: whoever has let us in does not know all acts.
        let link = self.links.iter().find(|(_, peer)| peer.is_in()).map(|(link, _)| *link);
        if let Some(link) = link {
            self.reject(link, Rule::Mesh22, now, out);
        }
    }

    /// This node is a member and knows it: it says who it is, and dials everybody.
    pub(super) fn come_inside(&mut self, now: Now, out: &mut Vec<Output>) {
        self.stage = Stage::Inside;
        self.timers.disarm(Timer::Arrive);
        self.forget_strangers();
        self.newcomer.rest();
        let us = self.us.key();
        // SPEC SESSION-1: above all that an earlier run has signed.
        let next = self.replica.log.next_session(us);
        self.go_on_in(if next.saturating_sub(1) > self.session { next } else { self.session }, out);
        self.begin_above_floor(out);
        let addresses = self.reach.told();
        let said = self.roster.members().find(|member| member.key == us);
        let is_said = said.is_some_and(|said| {
            said.name == Some(&*self.newcomer.me.name)
                && said.addresses == &*addresses
                && self.roster.chain(&us) == Some(&self.newcomer.chain)
        });
        if !(is_said && self.is_here(&us)) {
            self.write_person(Whereabouts::Here, now, out);
        }
        // The acts that have come last may say that it is over.
        if self.stage != Stage::Inside {
            return;
        }
        self.write_grease(now, out);
        self.tell_ready(out);
        self.people.is_told = false;
        // Whoever comes back has to be linked first.
        let patience = if self.circle.is_empty() { limits::ARRIVE_TIMEOUT } else { limits::SHOW_TIMEOUT };
        self.timers.arm(Timer::Roster, now.tick.after(patience));
        // Those who were out by the acts that have come first may have been let in again by the last.
        self.unjudged.get_or_insert_default();
        self.decide_all(now, out);
        self.call_all(now);
        self.knock_if_alone(out);
    }

    /// Where everybody has moved meanwhile, the first address is all that is left (SPEC MESH-5); where it is that of
    /// somebody who is called, that is enough.
    pub(super) fn knock_if_alone(&mut self, out: &mut Vec<Output>) {
        let is_called = self.newcomer.goal.host.is_some_and(|host| self.missing().any(|key| key == host));
        if self.circle.is_empty() && !is_called && !self.newcomer.goal.addresses.is_empty() {
            self.knock(out);
        }
    }

    /// Tells the user who is here once nothing is lacking that may say otherwise (SPEC MESH-25).
    pub(super) fn tell_roster_if_complete(&mut self, out: &mut Vec<Output>) {
        if self.stage != Stage::Inside || self.people.is_told {
            return;
        }
        let is_alone = self.roster.members().all(|member| member.key == self.us.key() || !self.is_here(&member.key));
        let has_heard = self.links.values().any(|peer| peer.is_in() && peer.has_digest);
        // What stands on a lane that nobody here knows says nothing of that.
        let says_who = |log: &Log, stream: StreamId| {
            matches!(stream.lane, Lane::Acts | Lane::PERSON) && is_wanted(log, &self.roster, stream)
        };
        if is_alone || has_heard && !self.replica.lacks(says_who) {
            self.tell_roster(out);
        }
    }

    /// Who is here now is not told one by one; who comes and goes from now on is.
    pub(super) fn tell_roster(&mut self, out: &mut Vec<Output>) {
        self.timers.disarm(Timer::Roster);
        let here: Vec<Key> = self.roster.members().map(|member| member.key).filter(|key| self.is_here(key)).collect();
        self.people.shown = here.iter().map(|key| (*key, self.called(key))).collect();
        self.people.is_told = true;
        here.into_iter().for_each(|key| self.introduce(key, out));
        out.push(Output::Event(self.users(false)));
    }

    /// Says who this is, where others can dial it, and whether it is here.
    pub(super) fn write_person(&mut self, whereabouts: Whereabouts, now: Now, out: &mut Vec<Output>) {
        let name = self.newcomer.me.name.clone();
        let (count, items) = encode_items(self.reach.told().into_iter().map(Address::of), limits::ADDRESSES_MAX);
        let addresses = List::over(count, &items);
        let (count, items) = encode_items(self.own_proof(), 1);
        let (proof, chain) = (List::over(count, &items), self.newcomer.chain.clone());
        if let Some(name) = Name::new(&name) {
            chain.with_list(|chain| {
                self.write(&EntryBody::Person { whereabouts, name, addresses, chain, proof }, now, out);
            });
        }
    }

    /// Somebody there has that name, and this node was not there to say that it is its own.
    pub(super) fn take_another_name(&mut self, now: Now, out: &mut Vec<Output>) {
        self.newcomer.me.take_another_name(&mut self.random);
        self.write_person(Whereabouts::Here, now, out);
    }

    /// The founder's node writes what means nothing, once a run (SPEC EXT-5).
    fn write_grease(&mut self, now: Now, out: &mut Vec<Output>) {
        let (us, log) = (self.us.key(), &self.replica.log);
        let is_founder = self.charter.as_ref().is_some_and(|charter| charter.founder == us);
        let written = log.register(us, log.lane_of(&EntryBody::Unknown));
        if is_founder && written.is_none_or(|written| written.id.session < self.session) {
            self.write(&EntryBody::Unknown, now, out);
        }
    }

    /// The proof of the ticket with which it comes, or has come before.
    pub(super) fn own_proof(&self) -> Option<TicketProof> {
        let (us, charter) = (self.us.key(), self.charter.as_ref());
        if charter.is_some_and(|charter| charter.founder == us || !charter.admission.has_tickets()) {
            return None;
        }
        let given = self.newcomer.proof(self.replica.log.meeting(), &self.us);
        given.or_else(|| self.roster.proof(&us))
    }

    /// Tells the user how others join: any member lets them in.
    pub(super) fn tell_ready(&self, out: &mut Vec<Output>) {
        let Some(charter) = &self.charter else { return };
        let us = self.us.key();
        let has_tickets = charter.admission.has_tickets();
        if has_tickets && us == charter.founder {
            out.push(self.tickets.keep(self.replica.log.meeting()));
        }
        let mut invitation = self.ticket("");
        if !has_tickets {
            (invitation.seed, invitation.endorsement) = (None, None);
        }
        out.push(Output::Event(Event::Ready {
            role: Role::Member,
            name: self.newcomer.me.name.clone(),
            key: us,
            meeting: self.replica.log.meeting(),
            title: charter.title.clone(),
            ticket: invitation.to_string(),
            questions: charter.questions,
            admission: charter.admission,
            is_locked: self.roster.is_locked(),
        }));
    }
}

impl Member {
    /// A member that was told an address, and not which room is there; `heard`: when what is kept was last heard of.
    #[must_use]
    pub(crate) fn guessing(mut self, heard: String) -> Self {
        self.guess = Some(heard);
        self
    }

    /// Where nobody answers, the others of the room may be elsewhere: it is gone into from what is kept. False if it
    /// can't be.
    pub(super) fn come_inside_alone(&mut self, code: Code, now: Now, out: &mut Vec<Output>) -> bool {
        let Some(heard) = &self.guess else { return false };
        if !self.roster.is_seated(&self.us.key()) {
            self.learn_doors();
            return false;
        }
        let (addresses, title, heard) = (self.newcomer.goal.addresses.clone(), self.title(), heard.clone());
        out.push(Output::Event(Event::Warning(Notice::Alone { code, addresses, title, heard })));
        self.newcomer.last_failure = code;
        self.come_inside(now, out);
        true
    }

    /// Alone inside, and still nobody of the room at the address.
    pub(super) fn on_still_alone(&mut self, code: Code, now: Now, out: &mut Vec<Output>) {
        let is_taken = code == Code::NameTaken;
        if is_taken {
            self.take_another_name(now, out);
        }
        if self.guess.is_none() {
            if is_taken || !FINAL.contains(&code) {
                self.newcomer.knock_later(&mut self.random, now);
            }
            return;
        }
        if matches!(code, Code::NoMeeting | Code::WrongKind) {
            // SPEC JOIN-17
            let notice =
                Notice::AnotherMeeting { addresses: self.newcomer.goal.addresses.clone(), title: self.title() };
            out.push(Output::Event(Event::Warning(notice)));
            return self.leave_as(code, Ending::AnotherMeeting, now, out);
        }
        if ENDINGS.contains(&code) {
            return self.end(Code::Left, code, Ending::Final(Place::Room), out);
        }
        self.newcomer.knock_later(&mut self.random, now);
    }

    /// Somebody of the room is there: it was right.
    pub(super) fn confirm_guess(&mut self) {
        if self.guess.take().is_some() {
            self.newcomer.stay();
        }
    }

    /// What its user is told who leaves before anybody has answered.
    pub(super) fn why_nobody_came(&self) -> Option<(Code, Ending)> {
        self.guess.as_ref()?;
        let ending = Ending::Alone { addresses: self.newcomer.goal.addresses.clone(), title: self.title() };
        Some((self.newcomer.last_failure, ending))
    }

    fn title(&self) -> String {
        self.charter.as_ref().map_or_else(String::new, |charter| charter.title.to_string())
    }
}
