//! What a member can do, by hand.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::member::{Member, Stage, Timer};
use crate::code::Code;
use crate::command::{Command, Failure, Full, Place, With, Words};
use crate::errand::{Errand, Speaker};
use crate::event::{Ending, Event, Role as Part};
use crate::id::{CommandId, Key, Salt, Token};
use crate::limits;
use crate::log::Held;
use crate::machine::Output;
use crate::name::proper;
use crate::replica::retract;
use crate::time::Now;
use crate::wire::entry::{Door, EntryBody, Level, Role, Whereabouts};
use crate::wire::field::{List, Reason, Text, encode_items};

impl Member {
    pub(super) fn on_command(&mut self, id: CommandId, command: Command, now: Now, out: &mut Vec<Output>) {
        let result = match command {
            Command::Quit => {
                out.push(Output::Event(Event::Done { id }));
                return self.leave(now, out);
            }
            Command::Stop => {
                out.push(Output::Event(Event::Done { id }));
                self.tell_last(now, out);
                return self.end(Code::Stopped, Code::Stopped, Ending::Stopped(Part::Member), out);
            }
            _ if self.stage != Stage::Inside => Err(Failure::NotInside),
            // Done once it is said.
            Command::Say { text } => match self.say(id, text, now, out) {
                Ok(false) => return,
                said => said.map(drop),
            },
            // Done once the other side has it.
            Command::Msg { to, text } => match self.tell(id, &to, text, now, out) {
                Ok(()) => return,
                failed => failed,
            },
            Command::Name { name } => self.rename(&name, now, out),
            Command::Users => {
                out.push(Output::Event(self.users(true)));
                Ok(())
            }
            Command::Contacts
            | Command::Add { .. }
            | Command::Remove { .. }
            | Command::Block { .. }
            | Command::Unblock { .. } => Err(Failure::NoContactsHere),
            Command::Directory(wish) => Err(Failure::NoRegistryHere(wish)),
            Command::Check { .. } => Err(Failure::NothingBetween),
            Command::Retract { words } => self.retract(&words, now, out),
            Command::Bans => {
                out.push(Output::Event(self.bans()));
                Ok(())
            }
            Command::Kick { .. }
            | Command::Admit { .. }
            | Command::Deny { .. }
            | Command::Unban { .. }
            | Command::Mute { .. }
            | Command::Unmute { .. }
            | Command::Lock
            | Command::Unlock
            | Command::End
                if !self.roster.is_host(&self.us.key()) =>
            {
                Err(Failure::NotHost(Place::Room))
            }
            Command::Kick { name, why, with } => self.kick(&name, &why, with, now, out),
            Command::Unban { name } => self.forgive(&name, Level::Out, now, out),
            Command::Mute { name } => {
                self.other(&name).and_then(|key| self.revoke(key, Level::Mute, (&name, ""), &[], now, out))
            }
            Command::Unmute { name } => self.forgive(&name, Level::Mute, now, out),
            Command::Admit { name } => self.let_in(name.as_deref(), now, out),
            Command::Deny { name, why } => self.send_away(&name, &why, now, out),
            Command::Ticket { label, void } => self.on_ticket(&label, void, now, out),
            Command::Tickets => self.list_tickets(out),
            Command::Lock => self.lock(now, out),
            Command::Unlock => self.act(&EntryBody::Policy { door: Door::Unlocked, kept: List::NONE }, now, out),
            Command::End => self.end_for_all(now, out),
        };
        out.push(Output::Event(match result {
            Ok(()) => Event::Done { id },
            Err(failure) => Event::Error { failure, id: Some(id) },
        }));
        if self.roster.ended().is_some() {
            self.leave_if_over(out);
        }
    }

    fn bans(&self) -> Event {
        let named = |level| self.roster.revoked(level).map(str::to_string).collect();
        Event::Bans { muted: named(Level::Mute), out: named(Level::Out) }
    }

    /// True if it was said, false if it waits for its turn.
    fn say(&mut self, id: CommandId, text: String, now: Now, out: &mut Vec<Output>) -> Result<bool, Failure> {
        Text::new(&text).ok_or(Failure::TextLength(text.len()))?;
        if self.roster.is_revoked(&self.us.key(), Level::Mute) {
            return Err(Failure::Muted);
        }
        if self.speech.has_to_wait(now.tick) {
            if !self.speech.wait(id, text) {
                return Err(Failure::Full(Full::Lines));
            }
            self.timers.arm(Timer::Speak, self.speech.free_at().max(now.tick));
            return Ok(false);
        }
        self.speak(&text, now, out);
        Ok(true)
    }

    fn speak(&mut self, text: &str, now: Now, out: &mut Vec<Output>) {
        if let Some(text) = Text::new(text) {
            self.speech.count(text.as_str().len(), now.tick);
            let salt = Salt(self.random.bytes());
            self.write(&EntryBody::Text { salt, text }, now, out);
        }
    }

    /// SPEC RETRACT-1
    fn retract(&mut self, words: &Words, now: Now, out: &mut Vec<Output>) -> Result<(), Failure> {
        let (us, log) = (self.us.key(), &self.replica.log);
        let counts = |entry: &Held| self.roster.reaches(entry.id, entry.number);
        let last = |author: Key| log.newest_words(|entry| entry.id.author == author && counts(entry));
        let found = match words {
            Words::Own => last(us),
            Words::Of(name) => last(self.find(name).ok_or_else(|| Failure::NoSuchName(name.clone()))?),
            Words::At { author, session, number } => log.words(*author, *session, *number),
        };
        let found = found.ok_or(Failure::NoSuchWords)?;
        if !self.roster.may_remove_of(&us, &found.id.author) {
            return Err(Failure::NotYourWords);
        }
        if self.roster.is_revoked(&us, Level::Mute) {
            return Err(Failure::Muted);
        }
        if self.speech.has_to_wait(now.tick) {
            return Err(Failure::Full(Full::Lines));
        }
        self.speech.count(0, now.tick);
        self.write(&retract(&found), now, out);
        Ok(())
    }

    pub(super) fn on_speak_due(&mut self, now: Now, out: &mut Vec<Output>) {
        while let Some((id, text)) = self.speech.next(now.tick) {
            self.speak(&text, now, out);
            out.push(Output::Event(Event::Done { id }));
        }
        if self.speech.is_waiting() {
            self.timers.arm(Timer::Speak, self.speech.free_at());
        }
    }

    fn tell(&mut self, id: CommandId, to: &str, text: String, now: Now, out: &mut Vec<Output>) -> Result<(), Failure> {
        let key =
            self.find(to).filter(|key| *key != self.us.key()).ok_or_else(|| Failure::NoSuchName(to.to_string()))?;
        let errand = Errand::tell(to.to_string(), text, Token(self.random.bytes()))?;
        let link = self.circle.link_of(&key);
        let link = link.ok_or_else(|| Failure::NotLinked(to.to_string()))?;
        let request = self.last_request.step();
        let outbox = self.outboxes.entry(key).or_default();
        let result =
            outbox.push(id, errand, Some((link, request)), Speaker::of(&self.us, self.replica.log.meeting()), out);
        if result.is_ok() {
            self.timers.arm(Timer::Answer(key), now.tick.after(limits::TELL_PATIENCE));
        }
        result
    }

    fn rename(&mut self, name: &str, now: Now, out: &mut Vec<Output>) -> Result<(), Failure> {
        proper(name).ok_or_else(|| Failure::NameForm(name.to_string()))?;
        if self.is_named(name, self.us.key()) {
            return Err(Failure::NameTaken(name.to_string()));
        }
        self.newcomer.me.rename(name);
        self.write_person(Whereabouts::Here, now, out);
        Ok(())
    }

    fn lock(&mut self, now: Now, out: &mut Vec<Output>) -> Result<(), Failure> {
        let (count, kept) = encode_items(self.kept(), limits::KEPT_MAX);
        self.act(&EntryBody::Policy { door: Door::Locked, kept: List::over(count, &kept) }, now, out)
    }

    fn end_for_all(&mut self, now: Now, out: &mut Vec<Output>) -> Result<(), Failure> {
        if !self.is_founder() {
            return Err(Failure::NotFounder);
        }
        self.act(&EntryBody::End { why: Reason::NONE }, now, out)
    }

    fn other(&self, name: &str) -> Result<Key, Failure> {
        self.find(name).filter(|key| *key != self.us.key()).ok_or_else(|| Failure::NoSuchName(name.to_string()))
    }

    pub(super) fn act(&mut self, body: &EntryBody<'_>, now: Now, out: &mut Vec<Output>) -> Result<(), Failure> {
        self.write(body, now, out).then_some(()).ok_or(Failure::Full(Full::Acts(Place::Room)))
    }

    fn kick(&mut self, name: &str, why: &str, with: With, now: Now, out: &mut Vec<Output>) -> Result<(), Failure> {
        let key = self.other(name)?;
        // SPEC REVOKE-4
        let kept: Vec<Key> = if with.all { Vec::new() } else { self.let_in_by(&key) };
        let shown = self.roster.proof(&key).map(|proof| proof.ticket);
        self.revoke(key, Level::Out, (name, why), &kept, now, out)?;
        if with.all && self.roster.is_locked() {
            // The lock may list those who are to go, too.
            self.lock(now, out)?;
        }
        if with.ticket { self.void_ticket_of(shown, why, now, out) } else { Ok(()) }
    }

    /// Whom somebody has let in, or those have, and who is linked with this node or with somebody who is none of them.
    fn let_in_by(&self, key: &Key) -> Vec<Key> {
        let branch: BTreeSet<Key> = self.roster.let_in_by(key).collect();
        let others = |other: &Key| other != key && !branch.contains(other);
        let is_reached = |key: &Key| {
            self.circle.has(key) || self.circle.links_of(key).any(|other| others(&other) && self.is_here(&other))
        };
        branch.iter().copied().filter(is_reached).take(limits::KEPT_MAX).collect()
    }

    /// Who stays in though the door is locked or a ticket void: where not all have place, those first who are no mere word
    /// of whoever has let them in (SPEC LOCK-1).
    pub(super) fn kept(&self) -> Vec<Key> {
        let branch = |key: &Key| self.roster.branch(key);
        let bridged =
            |key: &Key| self.circle.links_of(key).any(|other| branch(&other) != branch(key) && self.is_here(&other));
        let mut kept: Vec<Key> = self.roster.members().map(|member| member.key).collect();
        kept.sort_by_cached_key(|key| {
            let is_here = self.is_here(key);
            if self.roster.is_hosts(key) || *key == self.us.key() || is_here && self.circle.has(key) {
                0
            } else if is_here && bridged(key) {
                1
            } else {
                2
            }
        });
        kept
    }

    fn revoke(
        &mut self,
        subject: Key,
        level: Level,
        (name, why): (&str, &str),
        kept: &[Key],
        now: Now,
        out: &mut Vec<Output>,
    ) -> Result<(), Failure> {
        // SPEC REVOKE-3
        let (count, cuts) = encode_items(self.replica.log.cuts(subject), limits::CUTS_MAX);
        let (name, why, cuts) = (Reason::cut(name), Reason::cut(why), List::over(count, &cuts));
        let (count, kept) = encode_items(kept.iter().copied(), limits::KEPT_MAX);
        let kept = List::over(count, &kept);
        self.act(&EntryBody::Revoke { subject, level, name, why, cuts, kept }, now, out)
    }

    fn forgive(&mut self, name: &str, level: Level, now: Now, out: &mut Vec<Output>) -> Result<(), Failure> {
        let revokes = self.roster.unanswered(name, level, self.find(name));
        if revokes.is_empty() {
            return Err(Failure::NotRevoked { name: name.to_string(), level });
        }
        for (subject, answers, after) in revokes {
            let (role, name) = (Role::Member, Reason::cut(name));
            let session = self.replica.log.next_session(subject).max(after);
            self.act(&EntryBody::Grant { subject, role, answers, session, name }, now, out)?;
        }
        Ok(())
    }

    /// Leaves for good, and says so once, to all.
    fn leave(&mut self, now: Now, out: &mut Vec<Output>) {
        let (code, ending) = self.why_nobody_came().unwrap_or((Code::Left, Ending::Left));
        self.leave_as(code, ending, now, out);
    }

    pub(super) fn leave_as(&mut self, code: Code, ending: Ending, now: Now, out: &mut Vec<Output>) {
        self.tell_last(now, out);
        if self.stage == Stage::Inside {
            self.write_person(Whereabouts::Gone, now, out);
        }
        self.end(Code::Left, code, ending, out);
    }

    /// SPEC MESH-12: so that nobody takes what it has got for lost.
    fn tell_last(&mut self, now: Now, out: &mut Vec<Output>) {
        self.replica.hurry(now);
        self.tell_changes(now, out);
    }
}
