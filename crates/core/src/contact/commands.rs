//! What a user can do among friends.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::links::barred;
use super::{Friend, FriendId, Friends, Listed, Timer};
use crate::address::{HostPort, PORT};
use crate::code::Code;
use crate::command::{Command, Failure, Full, Words};
use crate::event::{Change, Ending, Event, Member, Role, State};
use crate::id::CommandId;
use crate::limits;
use crate::machine::Output;
use crate::name::proper;
use crate::replica::retract;
use crate::time::Now;
use crate::wire::field::{Name, Text};

impl Friends {
    pub(super) fn on_command(&mut self, id: CommandId, command: Command, now: Now, out: &mut Vec<Output>) {
        let result = match command {
            Command::Msg { to, text } => self.msg(&to, &text, now, out),
            Command::Name { name } => self.rename(name, out),
            Command::Retract { words } => self.retract(&words, now, out),
            Command::Users => {
                out.push(Output::Event(self.users()));
                Ok(())
            }
            Command::Contacts => {
                out.push(Output::Event(self.contacts()));
                Ok(())
            }
            Command::Add { name, address } => self.add(&name, &address, now, out),
            Command::Remove { name } => self.remove(&name, out),
            Command::Block { name } => self.block(&name, out),
            Command::Unblock { name } => self.unblock(&name, now, out),
            Command::Quit => {
                out.push(Output::Event(Event::Done { id }));
                return self.leave(Code::Left, Ending::Left, now, out);
            }
            Command::Stop => {
                out.push(Output::Event(Event::Done { id }));
                return self.leave(Code::Stopped, Ending::Stopped(Role::Friends), now, out);
            }
            Command::Directory(wish) => Err(Failure::NoRegistryHere(wish)),
            Command::Say { .. } => Err(Failure::ToWhom),
            Command::Check { .. } => Err(Failure::NothingBetween),
            Command::Bans
            | Command::Ticket { .. }
            | Command::Tickets
            | Command::Admit { .. }
            | Command::Deny { .. }
            | Command::Kick { .. }
            | Command::Unban { .. }
            | Command::Mute { .. }
            | Command::Unmute { .. }
            | Command::Lock
            | Command::Unlock
            | Command::End => Err(Failure::NoHost),
        };
        out.push(Output::Event(match result {
            Ok(()) => Event::Done { id },
            Err(failure) => Event::Error { failure, id: Some(id) },
        }));
    }

    fn msg(&mut self, to: &str, text: &str, now: Now, out: &mut Vec<Output>) -> Result<(), Failure> {
        let text = Text::new(text).ok_or(Failure::TextLength(text.len()))?;
        if to != "*" {
            let id = self.find(to, out)?;
            return self.tell(id, text, now, out);
        }
        let is_meant = |friend: &Friend| friend.is_listed && !friend.is_blocked && friend.barred.is_none();
        let all = self.friends.iter().filter(|(_, friend)| is_meant(friend));
        let all: Vec<FriendId> = all.map(|(id, _)| *id).collect();
        if all.is_empty() {
            return Err(Failure::NoContacts);
        }
        all.into_iter().try_for_each(|id| self.tell(id, text, now, out))
    }

    /// SPEC RETRACT-1: of one's own words alone.
    fn retract(&mut self, words: &Words, now: Now, out: &mut Vec<Output>) -> Result<(), Failure> {
        let us = self.us.key();
        let pairs = |id: &FriendId| self.friends.get(id).and_then(|friend| friend.pair.as_ref());
        let found = match words {
            Words::Own => return Err(Failure::ToWhom),
            Words::Of(name) => {
                let id = self.find(name, out)?;
                let pair = self.friends.get(&id).and_then(|friend| friend.pair.as_ref());
                pair.and_then(|pair| Some((id, pair.log().newest_words(|entry| entry.id.author == us)?)))
            }
            Words::At { author, .. } if *author != us => return Err(Failure::NotYourWords),
            Words::At { author, session, number } => {
                self.friends.keys().find_map(|id| Some((*id, pairs(id)?.log().words(*author, *session, *number)?)))
            }
        };
        let (id, entry) = found.ok_or(Failure::NoSuchWords)?;
        self.write_body(id, &retract(&entry), now, out);
        Ok(())
    }

    /// Who is meant: a contact, this user, or whoever is at an address.
    fn find(&mut self, to: &str, out: &mut Vec<Output>) -> Result<FriendId, Failure> {
        if let Some(id) = self.listed(to) {
            return Ok(id);
        }
        if to == self.config.name {
            let us = self.us.key();
            return Ok(self.keys.get(&us).copied().unwrap_or_else(|| self.add_unlisted(us)));
        }
        let address = match HostPort::typed(to, PORT) {
            Ok(address) if Name::new(&address.to_string()).is_none() => return Err(Failure::NameForm(to.to_string())),
            Ok(address) if to.contains(':') || address.host.is_unmistakable() => address.to_string(),
            Err(error) if error.instead.is_some() => {
                return Err(Failure::BadAddress { typed: to.to_string(), error, name: None });
            }
            _ => return Err(Failure::NobodyAt(to.to_string())),
        };
        let is_at = |friend: &Friend| friend.addresses.iter().chain(&friend.learned).any(|known| *known == address);
        let is_there = |(_, friend): &(&FriendId, &Friend)| friend.is_listed && is_at(friend);
        match self.friends.iter().find(is_there) {
            Some((id, _)) => Ok(*id),
            None => self.add_contact(&address, &address, out),
        }
    }

    fn add_contact(&mut self, name: &str, address: &str, out: &mut Vec<Output>) -> Result<FriendId, Failure> {
        if self.friends.len() >= limits::CONTACTS_MAX {
            return Err(Failure::Full(Full::Contacts));
        }
        let listed = Listed { name: name.to_string(), addresses: [address.to_string()].into(), ..Listed::default() };
        let id = self.add_friend(Friend::new(listed));
        self.keep_contacts(Some((Change::Added, id)), out);
        Ok(id)
    }

    /// One text for one friend: an entry, or a draft while the key is not known.
    fn tell(&mut self, id: FriendId, text: Text<'_>, now: Now, out: &mut Vec<Output>) -> Result<(), Failure> {
        let drafts: usize = self.friends.values().map(|friend| friend.drafts.len()).sum();
        let Some(friend) = self.friends.get_mut(&id) else { return Ok(()) };
        if friend.is_blocked {
            return Err(Failure::Blocked(friend.name.clone()));
        }
        if let Some(code) = friend.barred {
            return Err(barred(friend, code));
        }
        if friend.is_answered() && friend.is_listed {
            self.keep_contacts(Some((Change::Added, id)), out);
        }
        let Some(friend) = self.friends.get_mut(&id) else { return Ok(()) };
        if friend.pair.is_some() {
            self.write(id, text, now, out);
            return Ok(());
        }
        if drafts >= limits::DRAFTS_MAX {
            return Err(Failure::Full(Full::Drafts(friend.name.clone())));
        }
        // No two drafts have one time: by it a text is known to have been signed already.
        let time_ms = friend.drafts.back().map_or(0, |(time_ms, _)| time_ms.saturating_add(1)).max(now.unix_ms);
        friend.drafts.push_back((time_ms, text.as_str().to_string()));
        self.keep_drafts(out);
        self.want_link(id, now, out);
        Ok(())
    }

    fn rename(&mut self, name: String, out: &mut Vec<Output>) -> Result<(), Failure> {
        proper(&name).ok_or_else(|| Failure::NameForm(name.clone()))?;
        let old = core::mem::replace(&mut self.config.name, name.clone());
        out.push(Output::Event(Event::Renamed { key: self.us.key(), old, new: name }));
        Ok(())
    }

    fn users(&self) -> Event {
        let us = self.us.key();
        let you =
            Member { name: self.config.name.clone(), key: us, state: State::You, is_host: false, is_muted: false };
        let listed = self.friends.values().filter(|friend| friend.is_listed && !friend.is_self());
        let friends = listed.filter_map(|friend| {
            let contact = friend.contact();
            Some(Member {
                name: contact.name,
                key: contact.key?,
                state: contact.state,
                is_host: false,
                is_muted: false,
            })
        });
        Event::Roster { members: core::iter::once(you).chain(friends).collect(), guests: 0 }
    }

    fn add(&mut self, name: &str, address: &str, now: Now, out: &mut Vec<Output>) -> Result<(), Failure> {
        proper(name).ok_or_else(|| Failure::NameForm(name.to_string()))?;
        let address = match HostPort::typed(address, PORT) {
            Ok(address) => address.to_string(),
            Err(error) => {
                return Err(Failure::BadAddress { typed: address.to_string(), error, name: Some(name.to_string()) });
            }
        };
        let id = match self.listed(name) {
            Some(id) => {
                if let Some(friend) = self.friends.get_mut(&id) {
                    friend.give(&address);
                    (friend.is_stranger, friend.is_blocked) = (false, false);
                    (friend.barred, friend.is_told_away) = (None, false);
                }
                self.keep_contacts(Some((Change::Added, id)), out);
                id
            }
            None if self.is_named(name, None) => return Err(Failure::ReadsAlike(name.to_string())),
            None => {
                self.forgive(name, out);
                self.add_contact(name, &address, out)?
            }
        };
        self.dial(id, now, out);
        // Of who was a stranger, the rest is asked for now.
        self.settle(id, now, out);
        Ok(())
    }

    /// SPEC CONTACT-14: who was removed under this name may come again.
    fn forgive(&mut self, name: &str, out: &mut Vec<Output>) {
        let is_meant = |friend: &Friend| !friend.is_listed && friend.is_blocked && friend.name == name;
        let meant: Vec<FriendId> =
            self.friends.iter().filter(|(_, friend)| is_meant(friend)).map(|(id, _)| *id).collect();
        meant.iter().for_each(|id| self.let_in(*id));
        if !meant.is_empty() {
            self.keep_contacts(None, out);
        }
    }

    /// Somebody who is no contact is not kept away any more.
    fn let_in(&mut self, id: FriendId) {
        let Some(friend) = self.friends.get_mut(&id) else { return };
        friend.is_blocked = false;
        if friend.is_nobody() {
            self.forget(id);
        }
    }

    fn named(&self, name: &str) -> Result<FriendId, Failure> {
        self.listed(name).ok_or_else(|| Failure::NoContact(name.to_string()))
    }

    /// SPEC CONTACT-14
    fn block(&mut self, name: &str, out: &mut Vec<Output>) -> Result<(), Failure> {
        let id = self.named(name)?;
        let Some(friend) = self.friends.get_mut(&id) else { return Ok(()) };
        if friend.key().is_none() {
            return Err(Failure::NotMet(name.to_string()));
        }
        friend.is_blocked = true;
        self.shut_out(id, Code::Denied, out);
        self.keep_contacts(Some((Change::Blocked, id)), out);
        Ok(())
    }

    fn unblock(&mut self, name: &str, now: Now, out: &mut Vec<Output>) -> Result<(), Failure> {
        let id = self.named(name)?;
        let Some(friend) = self.friends.get_mut(&id) else { return Ok(()) };
        if !core::mem::take(&mut friend.is_blocked) {
            return Err(Failure::NotBlocked(name.to_string()));
        }
        (friend.is_stranger, friend.barred) = (false, None);
        self.keep_contacts(Some((Change::Unblocked, id)), out);
        // Whom they could not reach may be waited for.
        self.dial(id, now, out);
        Ok(())
    }

    /// Lets go of whatever links with somebody, or leads to one.
    fn shut_out(&mut self, id: FriendId, code: Code, out: &mut Vec<Output>) {
        let Some(friend) = self.friends.get_mut(&id) else { return };
        (friend.is_told_linked, friend.is_told_away, friend.barred) = (false, false, None);
        if let Some(dial) = friend.dialling.take() {
            self.dials.remove(&dial);
        }
        self.timers.disarm(Timer::Redial(id));
        self.part(id, code, out);
    }

    fn remove(&mut self, name: &str, out: &mut Vec<Output>) -> Result<(), Failure> {
        let id = self.named(name)?;
        let Some(friend) = self.friends.get_mut(&id) else { return Ok(()) };
        let contact = friend.contact();
        let had_drafts = !core::mem::take(&mut friend.drafts).is_empty();
        // What was said stays on the disk: it would come twice if they dial again.
        friend.is_listed = false;
        // SPEC CONTACT-14: until they are added.
        friend.is_blocked |= friend.is_stranger;
        friend.is_stranger = true;
        (friend.addresses, friend.learned, friend.avoided) = (Vec::new(), Vec::new(), Vec::new());
        let code = if friend.is_blocked { Code::Denied } else { Code::Left };
        self.shut_out(id, code, out);
        let mut removed = self.friends.iter().filter(|(_, friend)| !friend.is_listed && friend.is_blocked);
        let first = removed.next().map(|(id, _)| *id);
        if removed.count() >= limits::REMOVED_MAX {
            first.into_iter().for_each(|first| self.let_in(first));
        }
        if had_drafts {
            self.keep_drafts(out);
        }
        self.keep_contacts(None, out);
        out.push(Output::Event(Event::Contact { change: Change::Removed, contact }));
        Ok(())
    }
}
