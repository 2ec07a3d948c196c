//! Who is dialled, and when (SPEC.md, "Mesh"): a missing link is tried for ever.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::links::Step;
use super::member::{Errand, Member, Stage, Timer};
use crate::code::Code;
use crate::command::{Failure, Place};
use crate::event::{Ending, Event, Notice};
use crate::id::{DialId, Key, RequestId};
use crate::limits;
use crate::machine::Output;
use crate::name::numbered;
use crate::time::Now;
use crate::wire::Frame;
use crate::wire::field::Name;
use crate::wire::option::{self, OptionsBuffer};
use crate::wire::session::{Hello, Purpose};

/// Names that are tried one after the other without a wait.
const NAMES_AT_ONCE: u32 = 8;

impl Member {
    /// Dials the first address, whoever is there.
    pub(super) fn knock(&mut self, out: &mut Vec<Output>) {
        if !self.dials.values().any(|errand| *errand == Errand::Door) {
            let (host, door) = (self.host, self.door_addresses.clone());
            self.dial(Errand::Door, host, door, out);
        }
    }

    fn dial(&mut self, errand: Errand, peer: Option<Key>, addresses: Vec<String>, out: &mut Vec<Output>) {
        let Some(name) = Name::new(&self.name) else {
            let failure = Failure::NameForm(self.name.clone());
            return self.end(Code::Left, Code::Malformed, Ending::Failed(failure), out);
        };
        let mut options = OptionsBuffer::default();
        options.set(&option::NAME, &name);
        let (meeting, started_ms, purpose) = (self.meeting, self.started_ms, Purpose::MESH);
        let hello = Frame::from(Hello { purpose, meeting, started_ms, options: options.options() });
        self.next_dial = self.next_dial.saturating_add(1);
        let id = DialId(self.next_dial);
        self.dials.insert(id, errand);
        out.push(Output::Dial { id, peer, addresses, hello: hello.encode(RequestId::EVENT) });
    }

    /// Those who are here and have an address, and with whom there is no link.
    pub(super) fn missing(&self) -> impl Iterator<Item = Key> {
        let members = self.roster.members().filter(|member| !member.addresses.is_empty()).map(|member| member.key);
        members.filter(|key| {
            *key != self.us.key() && self.is_here(key) && !self.linked.contains_key(key) && !self.silenced.contains(key)
        })
    }

    /// Whether somebody is being dialled.
    pub(super) fn is_on_the_way(&self, key: Key) -> bool {
        let asking = |step: &Step| matches!(step, Step::Asking(_));
        self.dials.values().any(|errand| *errand == Errand::Call(key))
            || self.links.values().any(|peer| peer.key == key && asking(&peer.step))
    }

    /// SPEC MESH-5: sees to it that everybody is linked, or dialled.
    pub(super) fn seek(&mut self, now: Now) {
        if self.stage != Stage::Inside {
            return;
        }
        let missing: Vec<Key> = self.missing().collect();
        for key in missing {
            if !self.timers.is_armed(Timer::Call(key)) && !self.is_on_the_way(key) {
                self.call_later(key, now);
            }
        }
    }

    /// Of two who miss each other, the one with the smaller key dials first: so they seldom meet halfway.
    fn call_later(&mut self, key: Key, now: Now) {
        let failures = self.calls.entry(key).or_default().failures;
        let grace = if self.us.key() < key { Duration::ZERO } else { limits::LINK_GRACE };
        let wait = self.backoff(failures);
        self.timers.arm(Timer::Call(key), now.tick.after(grace).after(wait));
    }

    /// A newcomer dials everybody at once.
    pub(super) fn call_all(&mut self, now: Now) {
        let missing: Vec<Key> = self.missing().collect();
        for key in missing {
            self.calls.entry(key).or_default();
            if !self.is_on_the_way(key) {
                self.timers.arm(Timer::Call(key), now.tick);
            }
        }
    }

    pub(super) fn on_call_due(&mut self, key: Key, out: &mut Vec<Output>) {
        if !self.missing().any(|missing| missing == key) {
            self.calls.remove(&key);
            return;
        }
        if self.is_on_the_way(key) {
            return;
        }
        // What the user has typed of somebody is newer than what that one has said.
        let typed = self.door_addresses.iter().filter(|_| self.host == Some(key)).cloned();
        let said = self.roster.members().find(|member| member.key == key).map(|member| member.addresses);
        let mut addresses: Vec<String> = Vec::new();
        for address in typed.chain(said.unwrap_or_default().iter().cloned()) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses.truncate(limits::ADDRESSES_MAX);
        self.dial(Errand::Call(key), Some(key), addresses, out);
    }

    pub(super) fn on_unreachable(&mut self, dial: DialId, code: Code, now: Now, out: &mut Vec<Output>) {
        if let Some(errand) = self.dials.remove(&dial) {
            self.on_failed(errand, code, now, out);
        }
    }

    /// A dial, or the link that it led to, came to nothing.
    pub(super) fn on_failed(&mut self, errand: Errand, code: Code, now: Now, out: &mut Vec<Output>) {
        match errand {
            Errand::Door => self.on_door_failed(code, now, out),
            Errand::Call(key) => {
                let failures = self.calls.get(&key).map_or(0, |call| call.failures).saturating_add(1);
                self.on_call_failed(key, code, failures, now, out);
            }
        }
    }

    fn on_door_failed(&mut self, code: Code, now: Now, out: &mut Vec<Output>) {
        if self.stage == Stage::Inside {
            return self.on_still_alone(code, now, out);
        }
        if self.stage != Stage::Outside {
            return;
        }
        self.last_failure = code;
        let is_silent = matches!(code, Code::Unreachable | Code::NoListener | Code::NoSuchHost);
        if is_silent && self.come_inside_alone(code, now, out) {
            return;
        }
        if self.door_failures == 0 && matches!(code, Code::Unreachable | Code::NoListener | Code::Cut) {
            let notice = Notice::NoAnswer { code, addresses: self.door_addresses.clone(), was: None };
            out.push(Output::Event(Event::Warning(notice)));
        }
        if code == Code::NameTaken && !self.name_is_chosen {
            self.take_another_name();
            // Somebody has answered: each name has its own time.
            self.timers.arm(Timer::Patience, now.tick.after(limits::JOIN_PATIENCE));
            if self.names_tried <= NAMES_AT_ONCE {
                return self.knock(out);
            }
        } else if code == Code::NoSuchHost {
            return self.end(Code::Left, code, Ending::NoSuchHost(self.door_addresses.clone()), out);
        } else if FINAL.contains(&code) {
            // SPEC LOBBY-6
            let words = self.denied.take().filter(|_| code == Code::Denied);
            return self.end(Code::Left, code, words.map_or(Ending::Final(Place::Room), Ending::Denied), out);
        }
        if !self.timers.is_armed(Timer::Patience) {
            self.timers.arm(Timer::Patience, now.tick.after(limits::JOIN_PATIENCE));
        }
        let wait = self.backoff(self.door_failures);
        self.door_failures = self.door_failures.saturating_add(1);
        self.timers.arm(Timer::Door, now.tick.after(wait));
    }

    /// Somebody could not be reached, or does not want us; `code`: what they, or the network, have said; `failures`: how often in a row.
    pub(super) fn on_call_failed(&mut self, key: Key, code: Code, failures: u32, now: Now, out: &mut Vec<Output>) {
        if code == Code::Superseded {
            // SPEC MESH-4: a later run of this key is with them.
            self.silenced.insert(key);
        } else if code == Code::NameTaken && self.stage == Stage::Inside {
            self.take_another_name();
            self.write_person(now, out);
        }
        // SPEC MESH-21
        let is_founder = self.charter.as_ref().is_some_and(|charter| charter.founder == self.us.key());
        // One who is still linked knows better.
        if self.linked.is_empty() && !(is_founder && code != Code::Superseded) && ENDINGS.contains(&code) {
            return self.end(Code::Left, code, Ending::Final(Place::Room), out);
        }
        self.calls.entry(key).or_default().failures = failures;
        if self.stage == Stage::Inside && self.missing().any(|missing| missing == key) && !self.is_on_the_way(key) {
            self.call_later(key, now);
        }
    }

    /// SPEC DIAL-2: full jitter.
    pub(super) fn backoff(&mut self, failures: u32) -> Duration {
        let doubled = limits::BACKOFF_MIN.saturating_mul(2_u32.saturating_pow(failures.min(16)));
        let longest = doubled.min(limits::BACKOFF_MAX).as_millis();
        Duration::from_millis(self.random.below(u64::try_from(longest).unwrap_or(u64::MAX).saturating_add(1)))
    }

    /// `name-2` first, then numbers from an ever wider range (SPEC JOIN-13).
    fn take_another_name(&mut self) {
        let range = 4_u64.saturating_pow(self.names_tried);
        self.name = numbered(&self.base_name, self.random.below(range).saturating_add(2));
        self.names_tried = self.names_tried.saturating_add(1);
    }

    pub(super) fn on_patience(&mut self, now: Now, out: &mut Vec<Output>) {
        let code = self.last_failure;
        if self.come_inside_alone(code, now, out) {
            return;
        }
        self.end(Code::Left, code, Ending::NobodyCame(Place::Room, self.door_addresses.clone()), out);
    }
}

/// What ends a member's stay if nobody is left who says otherwise.
pub(super) const ENDINGS: [Code; 4] = [Code::Ended, Code::Kicked, Code::Banned, Code::Superseded];

/// When there is no use in knocking again.
const FINAL: [Code; 15] = [
    Code::Ended,
    Code::Kicked,
    Code::Banned,
    Code::Denied,
    Code::NotHost,
    Code::TicketNeeded,
    Code::Superseded,
    Code::SelfLink,
    Code::VersionUnknown,
    Code::NameTaken,
    Code::Locked,
    Code::Full,
    Code::NoMeeting,
    Code::WrongKey,
    Code::WrongKind,
];
