//! Who is dialled, and when (SPEC.md, "Mesh"): a missing link is tried for ever.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::member::{Member, Stage};
use super::peer::{Errand, Step};
use crate::address::{Scope, may_be_dialled};
use crate::code::Code;
use crate::command::Failure;
use crate::door::{ENDINGS, Progress};
use crate::event::Ending;
use crate::id::{DialId, Key};
use crate::limits;
use crate::machine::Output;
use crate::time::Now;

impl Member {
    /// Dials the first address, whoever is there; but not while somebody there has yet to answer.
    pub(super) fn knock(&mut self, out: &mut Vec<Output>) {
        let is_asked = self.links.values().any(|peer| peer.step == Step::Asking(Errand::Door));
        if self.knocking.is_none() && !is_asked {
            let dial = self.newcomer.knock(self.replica.log.meeting(), out);
            self.knocking = self.dialled(dial, out);
        }
    }

    fn dialled(&mut self, dial: Result<DialId, Failure>, out: &mut Vec<Output>) -> Option<DialId> {
        let failed = |failure| self.end(Code::Left, Code::Malformed, Ending::Failed(failure), out);
        dial.map_err(failed).ok()
    }

    /// What a dial was for; nothing, if that does not matter any more.
    pub(super) fn errand_of(&mut self, dial: DialId) -> Option<Errand> {
        let door = self.knocking.take_if(|knocking| *knocking == dial).map(|_| Errand::Door);
        door.or_else(|| self.circle.arrived(dial).map(Errand::Call))
    }

    /// The nearest of the addresses that this node has, or has links with (SPEC ADDRESS-4).
    pub(super) fn nearest(&self) -> Scope {
        let links = self.links.values().filter(|peer| peer.is_in()).map(|peer| peer.address.ip());
        Scope::nearest(links.chain(self.reach.told().iter().map(SocketAddr::ip)))
    }

    /// Where somebody says that it can be dialled, as far as it is believed: those addresses first at which it was met.
    pub(super) fn told_by(&self, key: &Key, nearest: Scope) -> Vec<SocketAddr> {
        let proven = self.circle.proven(key);
        let may_be = |address: &SocketAddr| proven.contains(address) || may_be_dialled(*address, nearest);
        let said = self.roster.members().find(|member| member.key == *key).map(|member| member.addresses);
        let mut told: Vec<SocketAddr> = said.unwrap_or_default().iter().copied().filter(may_be).collect();
        told.sort_by_key(|address| !proven.contains(address));
        told
    }

    /// What the user has typed of somebody.
    fn typed_of(&self, key: &Key) -> &[String] {
        let goal = &self.newcomer.goal;
        if goal.host == Some(*key) { &goal.addresses } else { &[] }
    }

    /// Those who are here and have an address, and with whom there is no link.
    pub(super) fn missing(&self) -> impl Iterator<Item = Key> {
        let nearest = self.nearest();
        let members = self.roster.members().filter(move |member| {
            let proven = self.circle.proven(&member.key);
            let may_be = |address: &SocketAddr| proven.contains(address) || may_be_dialled(*address, nearest);
            member.addresses.iter().any(may_be)
        });
        members.map(|member| member.key).filter(|key| self.is_here(key) && self.circle.is_missing(key))
    }

    /// SPEC MESH-5: sees to it that everybody is linked, or dialled.
    pub(super) fn seek(&mut self, now: Now) {
        if self.stage == Stage::Inside {
            let missing = self.missing().collect();
            self.circle.seek(missing, &mut self.random, now.tick);
        }
    }

    /// A newcomer dials everybody at once.
    pub(super) fn call_all(&mut self, now: Now) {
        let missing = self.missing().collect();
        self.circle.call(missing, now.tick);
    }

    pub(super) fn on_call_due(&mut self, key: Key, now: Now, out: &mut Vec<Output>) {
        if !self.missing().any(|missing| missing == key) {
            return self.circle.forget(&key, now.tick);
        }
        if self.circle.is_on_the_way(&key) {
            return;
        }
        // What the user has typed of somebody is newer than what that one has said.
        let mut addresses: Vec<String> = self.typed_of(&key).iter().take(limits::ADDRESSES_MAX).cloned().collect();
        let told = self.told_by(&key, self.nearest());
        let told: Vec<SocketAddr> =
            told.into_iter().filter(|address| !addresses.contains(&address.to_string())).collect();
        let Some(chosen) = self.circle.choose(key, addresses.len(), &told, now.tick) else { return };
        addresses.extend(chosen.iter().map(ToString::to_string));
        let dial = self.newcomer.dial(Some(key), addresses, self.replica.log.meeting(), out);
        if let Some(dial) = self.dialled(dial, out) {
            self.circle.dialled(dial, key);
        }
    }

    pub(super) fn on_unreachable(&mut self, dial: DialId, code: Code, now: Now, out: &mut Vec<Output>) {
        if let Some(errand) = self.errand_of(dial) {
            self.on_failed(errand, code, now, out);
        }
    }

    /// A dial, or the link that it led to, came to nothing.
    pub(super) fn on_failed(&mut self, errand: Errand, code: Code, now: Now, out: &mut Vec<Output>) {
        match errand {
            Errand::Door => self.on_door_failed(code, now, out),
            Errand::Call(key) => {
                let failures = self.circle.failures_of(&key).saturating_add(1);
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
        let is_silent = matches!(code, Code::Unreachable | Code::NoListener | Code::NoSuchHost);
        if is_silent && self.come_inside_alone(code, now, out) {
            return;
        }
        match self.newcomer.on_failed(code, None, &mut self.random, now, out) {
            Progress::Again => self.knock(out),
            Progress::Later => {}
            Progress::Over(ending) => self.end(Code::Left, code, ending, out),
        }
    }

    /// Somebody could not be reached, or does not want us; `code`: what they, or the network, have said; `failures`: how often in a row.
    pub(super) fn on_call_failed(&mut self, key: Key, code: Code, failures: u32, now: Now, out: &mut Vec<Output>) {
        if code == Code::Superseded {
            // SPEC MESH-4: a later run of this key is with them.
            self.circle.silence(key);
        } else if code == Code::NameTaken && self.stage == Stage::Inside {
            self.take_another_name(now, out);
        }
        // SPEC MESH-21
        let is_founder = self.charter.as_ref().is_some_and(|charter| charter.founder == self.us.key());
        // One who is still linked knows better.
        if self.circle.is_empty() && !(is_founder && code != Code::Superseded) && ENDINGS.contains(&code) {
            return self.end_finally(code, out);
        }
        self.circle.failed(key, failures, now.tick);
        self.seek(now);
    }

    pub(super) fn on_patience(&mut self, now: Now, out: &mut Vec<Output>) {
        let code = self.newcomer.last_failure;
        if self.come_inside_alone(code, now, out) {
            return;
        }
        self.end(Code::Left, code, self.newcomer.nobody_came(), out);
    }
}
