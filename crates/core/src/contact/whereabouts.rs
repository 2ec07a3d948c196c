//! Where friends are: as the user has said it, as they have shown it, and as registries tell (SPEC.md, "Links").

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::links::{Arrival, barred};
use super::pair::pair_id;
use super::{Friend, FriendId, Friends, Timer};
use crate::address::{Scope, may_be_dialled};
use crate::code::Code;
use crate::event::{Change, Event};
use crate::id::{DialId, Key, MeetingId, RequestId};
use crate::limits;
use crate::machine::Output;
use crate::time::Now;
use crate::wire::Frame;
use crate::wire::field::Name;
use crate::wire::option::{self, OptionsBuffer};
use crate::wire::session::{Hello, Purpose};

impl Friends {
    /// One attempt, if there is somebody to be dialled, and no link.
    pub(super) fn dial(&mut self, id: FriendId, now: Now, out: &mut Vec<Output>) {
        let Some(friend) = self.friends.get_mut(&id) else { return };
        let is_barred = friend.barred.is_some_and(|code| code != Code::WrongKey);
        if !friend.links.is_empty() || friend.dialling.is_some() || is_barred || !friend.is_findable() {
            return;
        }
        self.timers.disarm(Timer::Redial(id));
        let addresses = friend.next_addresses();
        if addresses.is_empty() {
            return self.on_nowhere(id, now);
        }
        self.last_dial = self.last_dial.saturating_add(1);
        let dial = DialId(self.last_dial);
        friend.dialling = Some(dial);
        self.dials.insert(dial, id);
        let (us, peer) = (self.us.key(), friend.key());
        let mut options = OptionsBuffer::default();
        // SPEC CONTACT-10
        Name::new(&self.config.name).into_iter().for_each(|name| options.set(&option::NAME, &name));
        self.config.port.into_iter().for_each(|port| options.set(&option::PORT, &port));
        let (purpose, started_ms) = (Purpose::CONTACT, self.config.started_ms);
        let meeting = peer.map_or(MeetingId::ZERO, |peer| pair_id(us, peer));
        let hello = Frame::from(Hello { purpose, meeting, started_ms, options: options.options() });
        let hello = hello.encode(RequestId::EVENT);
        out.push(Output::Dial { id: dial, peer, addresses, hello });
    }

    /// Something is to be said: dial, or tell why it waits.
    pub(super) fn want_link(&mut self, id: FriendId, now: Now, out: &mut Vec<Output>) {
        let Some(friend) = self.friends.get(&id) else { return };
        if friend.is_told_away || friend.dialled().is_empty() {
            self.tell_away(id, Code::Unreachable, out);
        }
        if !self.timers.is_armed(Timer::Redial(id)) {
            self.dial(id, now, out);
        }
    }

    pub(super) fn on_unreachable(&mut self, dial: DialId, code: Code, now: Now, out: &mut Vec<Output>) {
        let Some(id) = self.dials.remove(&dial) else { return };
        if let Some(friend) = self.friends.get_mut(&id) {
            friend.dialling = None;
        }
        self.on_missed(id, code, now, out);
    }

    /// A dial has led to nothing: the other addresses are dialled at once; after all of them, registries are asked.
    pub(super) fn on_missed(&mut self, id: FriendId, code: Code, now: Now, out: &mut Vec<Output>) {
        let Some(friend) = self.friends.get_mut(&id).filter(|friend| friend.links.is_empty()) else { return };
        let missed = friend.next_addresses();
        match (code, missed.len()) {
            // SPEC CONTACT-11: at which of them, one after the other shows.
            (Code::WrongKey, 2..) => friend.is_careful = true,
            (Code::WrongKey, _) => {
                friend.avoided.extend(missed);
                if !friend.dialled().is_empty() {
                    out.push(Output::Event(Event::Error { failure: barred(friend, code), id: None }));
                }
            }
            (_, count) => friend.tried = friend.tried.saturating_add(count),
        }
        let rest = friend.dialled();
        if friend.tried < rest.len() {
            return self.dial(id, now, out);
        }
        (friend.tried, friend.is_careful) = (0, false);
        self.seek(id, now);
        let code = if code == Code::WrongKey && !rest.is_empty() { Code::Unreachable } else { code };
        self.on_apart(id, code, false, now, out);
    }

    /// SPEC CONTACT-10: where somebody who has dialled can be dialled.
    pub(super) fn learn_address(&mut self, id: FriendId, arrival: &Arrival<'_>, out: &mut Vec<Output>) {
        let Some(port) = arrival.hello.options.find::<u16>(&option::PORT).filter(|port| *port != 0) else { return };
        let address = SocketAddr::new(arrival.address.ip(), port);
        // SPEC ADDRESS-4
        let is_well = arrival.dial.is_none() && may_be_dialled(address, Scope::of(address.ip()));
        let Some(friend) = self.friends.get_mut(&id).filter(|_| is_well) else { return };
        let was_anywhere = !friend.all_addresses().is_empty();
        let is_new = friend.learn(address.to_string());
        let is_news = is_new && was_anywhere && !friend.is_stranger;
        if is_new && friend.is_listed {
            self.keep_contacts(is_news.then_some((Change::Moved, id)), out);
        }
    }

    /// They are at none of their addresses, or none is known: registries are asked, if it is known for whom.
    fn seek(&mut self, id: FriendId, now: Now) {
        let Some(friend) = self.friends.get_mut(&id).filter(|friend| friend.is_findable()) else { return };
        let rests = friend.looked_up.is_some_and(|at| now.tick.since(at) < limits::CONTACT_LOOKUP_INTERVAL);
        if let Some(key) = friend.key().filter(|key| !rests && !self.sought.contains(key)) {
            friend.looked_up = Some(now.tick);
            self.sought.push(key);
        }
    }

    /// There is no address to dial: registries are asked, and again while something waits.
    fn on_nowhere(&mut self, id: FriendId, now: Now) {
        self.seek(id, now);
        if self.friends.get(&id).is_some_and(|friend| friend.held() > 0 && friend.key().is_some()) {
            self.timers.arm(Timer::Redial(id), now.tick.after(limits::CONTACT_LOOKUP_INTERVAL));
        }
    }

    /// SPEC CONTACT-15: registries have met the key of somebody who was sought, at these addresses.
    pub(super) fn on_found(&mut self, key: Key, addresses: Vec<String>, now: Now, out: &mut Vec<Output>) {
        let Some(id) = self.keys.get(&key).copied() else { return };
        let Some(friend) = self.friends.get_mut(&id).filter(|friend| friend.is_findable()) else { return };
        let known = friend.all_addresses();
        let is_new = addresses.iter().any(|address| !known.contains(address));
        if !is_new {
            return;
        }
        for address in addresses.into_iter().rev() {
            friend.learn(address);
        }
        // Where another key was met, it may be met no longer; the address that the registry has dialled is not that one.
        (friend.tried, friend.failures) = (0, 0);
        friend.barred.take_if(|code| *code == Code::WrongKey);
        self.keep_contacts(Some((Change::Moved, id)), out);
        self.dial(id, now, out);
    }
}

impl Friend {
    /// The user gives an address: it goes in front of those given before, and what was learned is forgotten.
    pub(super) fn give(&mut self, address: &str) {
        self.addresses.retain(|given| given != address);
        self.addresses.insert(0, address.to_string());
        self.addresses.truncate(limits::ADDRESSES_MAX);
        (self.learned, self.avoided, self.tried) = (Vec::new(), Vec::new(), 0);
    }

    /// An address shows itself: it goes in front of those learned before. True if it was not known.
    pub(super) fn learn(&mut self, address: String) -> bool {
        let is_new = !self.addresses.contains(&address) && !self.learned.contains(&address);
        if self.learned.first() != Some(&address) {
            self.learned.retain(|learned| *learned != address);
            self.learned.insert(0, address);
            self.learned.truncate(limits::LEARNED_MAX);
            // Of what is not dialled any more, it need not be known who is there.
            let known = self.all_addresses();
            self.avoided.retain(|avoided| known.contains(avoided));
        }
        is_new
    }

    /// Where they are dialled, what was learned first; each once.
    pub(super) fn all_addresses(&self) -> Vec<String> {
        let mut all = self.learned.clone();
        all.extend(self.addresses.iter().filter(|address| !self.learned.contains(address)).cloned());
        all
    }

    /// The same without those where another key was met.
    pub(super) fn dialled(&self) -> Vec<String> {
        self.all_addresses().into_iter().filter(|address| !self.avoided.contains(address)).collect()
    }

    /// Those of the next dial.
    pub(super) fn next_addresses(&self) -> Vec<String> {
        let most = if self.is_careful { 1 } else { limits::ADDRESSES_MAX };
        self.dialled().into_iter().skip(self.tried).take(most).collect()
    }

    /// Whether they may be met by dialling or by asking.
    pub(super) fn is_findable(&self) -> bool {
        self.is_listed && !self.is_blocked && !self.is_self() && (self.key().is_some() || !self.dialled().is_empty())
    }
}
