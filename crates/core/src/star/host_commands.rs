//! What a lecture's host can do, by hand.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::host::Host;
use super::witness::check;
use crate::code::Code;
use crate::command::{Command, Failure, Full, Place, Words};
use crate::event::{Ending, Event, Member, Notice, Role as Part, State, Whisper};
use crate::id::{CommandId, Key, LinkId, Salt, Token};
use crate::limits;
use crate::machine::Output;
use crate::name::{begins_with, normal, proper};
use crate::reason::goodbye;
use crate::replica::retract;
use crate::rule::Rule;
use crate::time::Now;
use crate::wire::Frame;
use crate::wire::entry::{Door, EntryBody, Level, Role, Whereabouts};
use crate::wire::field::{List, Reason, Text};
use crate::wire::option::{Manner, Options};
use crate::wire::private::Tell;

impl Host {
    pub(super) fn on_command(&mut self, id: CommandId, command: Command, now: Now, out: &mut Vec<Output>) {
        let result = match command {
            Command::Say { text } => self.say(&text, now, out),
            // Done once the other side has it.
            Command::Msg { to, text } => match self.tell(&to, &text, id, out) {
                Ok(()) => return,
                failed => failed,
            },
            Command::Name { name } => self.rename(name, now, out),
            Command::Users => {
                out.push(Output::Event(self.users()));
                Ok(())
            }
            Command::Directory(wish) => Err(Failure::NoRegistryHere(wish)),
            Command::Retract { words } => self.retract(&words, now, out),
            Command::Bans => {
                out.push(Output::Event(self.bans()));
                Ok(())
            }
            Command::Check { number } => {
                check(&self.log, Some(self.us.key()), number).map(|event| out.push(Output::Event(event)))
            }
            Command::Kick { name, why, with } => {
                self.find_not(&name, Level::Out).map(|key| self.show_out(key, &why, with.ticket, now, out))
            }
            Command::Unban { name } => self.forgive(&name, Level::Out, now, out),
            Command::Mute { name } => {
                self.find_not(&name, Level::Mute).and_then(|key| self.revoke(key, Level::Mute, &name, "", now, out))
            }
            Command::Unmute { name } => self.forgive(&name, Level::Mute, now, out),
            Command::Admit { name } => self.let_in(name.as_deref(), now, out),
            Command::Deny { name, why } => self.send_away(&name, &why, now, out),
            Command::Ticket { label, void } => self.on_ticket(&label, void, now, out),
            Command::Tickets => self.list_tickets(out),
            Command::Lock => self.act(&EntryBody::Policy { door: Door::Locked, kept: List::NONE }, now, out),
            Command::Unlock => self.act(&EntryBody::Policy { door: Door::Unlocked, kept: List::NONE }, now, out),
            Command::Contacts
            | Command::Add { .. }
            | Command::Remove { .. }
            | Command::Block { .. }
            | Command::Unblock { .. } => Err(Failure::NoContactsHere),
            Command::End | Command::Quit => {
                let ended = self.act(&EntryBody::End { why: Reason::NONE }, now, out);
                out.push(Output::Event(Event::Done { id }));
                self.leave(Code::Ended, Ending::Over(String::new()), out);
                return if let Err(failure) = ended {
                    out.push(Output::Event(Event::Warning(Notice::Failed(failure))));
                };
            }
            Command::Stop => {
                out.push(Output::Event(Event::Done { id }));
                return self.leave(Code::Stopped, Ending::Stopped(Part::Host), out);
            }
        };
        out.push(Output::Event(match result {
            Ok(()) => Event::Done { id },
            Err(failure) => Event::Error { failure, id: Some(id) },
        }));
    }

    fn say(&mut self, text: &str, now: Now, out: &mut Vec<Output>) -> Result<(), Failure> {
        let text = Text::new(text).ok_or(Failure::TextLength(text.len()))?;
        let salt = Salt(self.random.bytes());
        self.act(&EntryBody::Text { salt, text }, now, out)
    }

    /// What this host has said, or a question that it has published (SPEC RETRACT-1).
    fn retract(&mut self, words: &Words, now: Now, out: &mut Vec<Output>) -> Result<(), Failure> {
        let us = self.us.key();
        let own =
            || self.log.newest_words(|entry| entry.id.author == us && matches!(entry.body(), EntryBody::Text { .. }));
        let found = match words {
            // What it has published is its entry, too, and not what it has said.
            Words::Own => own(),
            Words::Of(name) if *name == self.name => own(),
            Words::Of(asker) => self.log.newest_words(|entry| {
                let asks = |name: &str| normal(name) == normal(asker);
                matches!(entry.body(), EntryBody::Question { name, .. } if asks(name.as_str()))
            }),
            Words::At { author, session, number } => self.log.words(*author, *session, *number),
        };
        let found = found.ok_or(Failure::NoSuchWords)?;
        self.act(&retract(&found), now, out)
    }

    fn act(&mut self, body: &EntryBody<'_>, now: Now, out: &mut Vec<Output>) -> Result<(), Failure> {
        self.write(body, now, out).then_some(()).ok_or(Failure::Full(Full::Acts(Place::Lecture)))
    }

    fn tell(&mut self, to: &str, text: &str, command: CommandId, out: &mut Vec<Output>) -> Result<(), Failure> {
        let text = Text::new(text).ok_or(Failure::TextLength(text.len()))?;
        let key = self.find(to)?;
        let (link, token) = (self.joined.get(&key).copied(), Token(self.random.bytes()));
        let Some((link, guest)) = link.and_then(|link| Some((link, self.guests.get_mut(&link)?))) else {
            return Err(Failure::NoSuchName(to.to_string()));
        };
        if guest.tells.len() >= limits::PENDING_MAX {
            return Err(Failure::Full(Full::Tells(to.to_string())));
        }
        let request = guest.last_request.step();
        guest.tells.insert(request, command);
        let whisper = Whisper { token, author: self.us.key(), to: to.to_string() };
        let tell = Tell { token, text, options: Options::NONE };
        out.push(Output::Send { link, frame: Frame::from(tell).encode(request) });
        out.push(Output::Event(self.whisper(whisper, self.name.clone(), text.as_str())));
        Ok(())
    }

    fn rename(&mut self, name: String, now: Now, out: &mut Vec<Output>) -> Result<(), Failure> {
        let valid = proper(&name).ok_or_else(|| Failure::NameForm(name.clone()))?;
        if self.is_named(&name, self.us.key()) {
            return Err(Failure::NameTaken(name));
        }
        let (whereabouts, addresses) = (Whereabouts::Here, List::NONE);
        let (chain, proof) = (List::NONE, List::NONE);
        self.act(&EntryBody::Person { whereabouts, name: valid, addresses, chain, proof }, now, out)?;
        let old = core::mem::replace(&mut self.name, name.clone());
        out.push(Output::Event(Event::Renamed { key: self.us.key(), old, new: name }));
        Ok(())
    }

    fn users(&self) -> Event {
        let (name, key) = (self.name.clone(), self.us.key());
        let you = Member { name, key, state: State::You, is_host: true, is_muted: false };
        let guests = self.joined.values().filter_map(|link| self.guests.get(link)).map(|guest| self.member(guest));
        let count = u32::try_from(self.joined.len()).unwrap_or(u32::MAX);
        Event::Roster { members: core::iter::once(you).chain(guests).collect(), guests: count }
    }

    fn bans(&self) -> Event {
        let named = |level| self.roster.revoked(level).map(str::to_string).collect();
        Event::Bans { muted: named(Level::Mute), out: named(Level::Out) }
    }

    /// The key of the guest who is called `name`, or whose key begins with these digits, or was called so when it left.
    fn find(&self, name: &str) -> Result<Key, Failure> {
        if name == self.name {
            return Err(Failure::Yourself);
        }
        let guests = self.joined.values().filter_map(|link| self.guests.get(link));
        let wanted = normal(name);
        let here = guests.filter(|guest| normal(&guest.name) == wanted).map(|guest| guest.key).next();
        let mut begun = self.joined.keys().filter(|key| begins_with(**key, name));
        let begun = begun.next().filter(|_| begun.next().is_none()).copied();
        here.or(begun).or_else(|| self.gone.named(name)).ok_or_else(|| Failure::NoSuchName(name.to_string()))
    }

    /// The same, of somebody who has not been revoked at `level`.
    fn find_not(&self, name: &str, level: Level) -> Result<Key, Failure> {
        let key = self.find(name)?;
        if !self.roster.is_revoked(&key, level) {
            return Ok(key);
        }
        Err(Failure::DoneBefore { name: name.to_string(), level })
    }

    pub(super) fn revoke(
        &mut self,
        subject: Key,
        level: Level,
        name: &str,
        why: &str,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Result<(), Failure> {
        let (name, why) = (Reason::cut(name), Reason::cut(why));
        let body = EntryBody::Revoke { subject, level, name, why, cuts: List::NONE, kept: List::NONE };
        self.act(&body, now, out)
    }

    /// Revokes a guest's key, and `with_ticket` the one that it came with; then closes its link, if it has not left.
    pub(super) fn show_out(&mut self, key: Key, why: &str, with_ticket: bool, now: Now, out: &mut Vec<Output>) {
        let link = self.joined.get(&key).copied();
        let here = link.and_then(|link| self.guests.get(&link));
        let here = here.map(|guest| (guest.name.clone(), guest.admitted.and_then(|admitted| admitted.ticket)));
        let known = here.or_else(|| self.gone.get(&key).map(|leaver| (leaver.name.clone(), leaver.ticket)));
        let Some((name, shown)) = known else { return };
        let mut revoked = self.revoke(key, Level::Out, &name, why, now, out);
        if with_ticket && revoked.is_ok() {
            revoked = self.void_ticket_of(shown, why, now, out);
        }
        // SPEC REVOKE-1
        let reason = if why.is_empty() { Rule::Revoke1.meaning() } else { why };
        if let Some(link) = link {
            self.shut(link, reason, now, out);
        }
        // SPEC LOBBY-9
        if let Some(link) = self.lobby.link_of(key) {
            self.deny(link, Rule::Join4, reason, now, out);
        }
        if let Err(failure) = revoked {
            out.push(Output::Event(Event::Warning(Notice::Failed(failure))));
        }
    }

    pub(super) fn shut(&mut self, link: LinkId, reason: &str, now: Now, out: &mut Vec<Output>) {
        self.forget(link, Code::Kicked.word(), now, out);
        let (code, rule) = (Rule::Revoke1.code(), Some(Rule::Revoke1));
        out.push(Output::Close { link, code, rule, reason: reason.to_string() });
    }

    fn forgive(&mut self, name: &str, level: Level, now: Now, out: &mut Vec<Output>) -> Result<(), Failure> {
        let revokes = self.roster.unanswered(name, level, self.find(name).ok());
        if revokes.is_empty() {
            return Err(Failure::NotRevoked { name: name.to_string(), level });
        }
        for (subject, answers, session) in revokes {
            self.filter.forgive(&subject);
            let (role, name) = (Role::Member, Reason::cut(name));
            self.act(&EntryBody::Grant { subject, role, answers, session, name }, now, out)?;
        }
        Ok(())
    }

    /// Who waits under this name, or everybody who waits.
    fn waiting(&self, name: Option<&str>, now: Now) -> Result<Vec<LinkId>, Failure> {
        let has_lobby = self.charter.admission.has_lobby();
        if has_lobby { self.lobby.waiting(name, now) } else { Err(Failure::NoLobby(Place::Lecture)) }
    }

    fn let_in(&mut self, name: Option<&str>, now: Now, out: &mut Vec<Output>) -> Result<(), Failure> {
        for link in self.waiting(name, now)? {
            // SPEC JOIN-6
            if !self.has_room() {
                return Err(Failure::Full(Full::People(Place::Lecture)));
            }
            let Some(guest) = self.guests.get(&link) else { continue };
            let (key, knock) = (guest.key, guest.knock);
            if let (Some(admitted), Some(knock)) = (knock, self.lobby.take(link, now)) {
                let chain = self.house().chain(key, Manner::ByHand);
                self.enter(link, admitted, chain.floor(), now, out);
                self.welcome(link, knock.request, &chain, now, out);
            }
        }
        Ok(())
    }

    fn send_away(&mut self, name: &str, why: &str, now: Now, out: &mut Vec<Output>) -> Result<(), Failure> {
        // SPEC LOBBY-6
        let why = if why.is_empty() { Rule::Lobby6.meaning() } else { why };
        for link in self.waiting(Some(name), now)? {
            self.deny(link, Rule::Lobby6, why, now, out);
        }
        Ok(())
    }

    /// Answers a knock with no.
    pub(super) fn deny(&mut self, link: LinkId, rule: Rule, why: &str, now: Now, out: &mut Vec<Output>) {
        self.note_gone(link, out);
        let Some(knock) = self.lobby.take(link, now) else { return };
        out.push(Output::refuse(link, knock.request, rule, why));
        self.forget(link, rule.code().word(), now, out);
        out.push(Output::Close { link, code: rule.code(), rule: Some(rule), reason: why.to_string() });
    }

    /// Says goodbye to all, for good.
    fn leave(&mut self, code: Code, ending: Ending, out: &mut Vec<Output>) {
        let reason = goodbye(code, &ending);
        for (link, guest) in core::mem::take(&mut self.guests) {
            guest.fail_tells(&Failure::Undelivered(Some(guest.name.clone())), out);
            out.push(Output::Close { link, code, rule: None, reason: reason.to_string() });
        }
        self.joined.clear();
        self.lobby.clear();
        self.over = true;
        out.push(Output::Event(Event::Closed { code, ending }));
    }
}
