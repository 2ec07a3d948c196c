//! What the user is told of entries (SPEC.md, "Mesh"): the same for all, and each thing once.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::member::{Member, Stage, Timer};
use crate::code::Code;
use crate::command::Failure;
use crate::event::{Event, Kind, Whisper};
use crate::id::Key;
use crate::log::Held;
use crate::machine::Output;
use crate::replica::{message, news};
use crate::time::{Instant, Now};
use crate::wire::entry::{EntryBody, Level};
use crate::wire::meeting::Lane;
use crate::wire::private::Tell;

impl Member {
    /// Shows what may be shown by now.
    pub(super) fn show(&mut self, now: Now, out: &mut Vec<Output>) {
        if self.stage != Stage::Inside {
            return;
        }
        self.show_changed(out);
        for entry in self.order.take(now.tick) {
            self.show_entry(&entry, out);
        }
        self.show_news(out);
        match self.order.deadline() {
            Some(deadline) => self.timers.arm(Timer::Show, deadline),
            None => {
                self.timers.disarm(Timer::Show);
                if self.people.is_told && core::mem::take(&mut self.people.must_reconcile) {
                    self.reconcile(out);
                }
            }
        }
    }

    /// Shows what is missing, was removed, or is back.
    fn show_news(&mut self, out: &mut Vec<Output>) {
        for what in self.replica.news() {
            let called = |key: &Key| self.people.shown.get(key).cloned().unwrap_or_else(|| self.called(key));
            out.extend(news(&self.replica.log, &what, called, self.us.key()).map(Output::Event));
        }
    }

    /// Shows who has come, gone, or changed its name: what somebody says of itself waits for nothing.
    fn show_changed(&mut self, out: &mut Vec<Output>) {
        for key in core::mem::take(&mut self.people.changed) {
            if self.is_here(&key) {
                self.show_person(key, out);
            } else if self.roster.has_left(&key) {
                self.show_left(key, Code::Left.word(), out);
            }
            if key != self.us.key() {
                self.update_delivery(key, out);
            }
        }
    }

    /// Whoever is here by all acts is shown, and nobody else: an act may undo what an earlier one has shown.
    fn reconcile(&mut self, out: &mut Vec<Output>) {
        let us = self.us.key();
        let gone: Vec<Key> =
            self.people.shown.keys().filter(|key| **key != us && !self.is_here(key)).copied().collect();
        for key in gone {
            let is_out = self.roster.is_revoked(&key, Level::Out);
            self.show_left(key, if is_out { Code::Kicked } else { Code::Left }.word(), out);
        }
        let members = self.roster.members().filter(|member| !self.people.shown.contains_key(&member.key));
        let come: Vec<Key> = members.map(|member| member.key).collect();
        come.into_iter().for_each(|key| self.show_person(key, out));
    }

    /// Shows what still waits for something, before nothing is shown any more; who does not get in again, what was said.
    pub(super) fn show_rest(&mut self, out: &mut Vec<Output>) {
        for entry in self.order.take(Instant(u64::MAX)) {
            if self.stage == Stage::Inside || entry.lane() == Lane::Talk {
                self.show_entry(&entry, out);
            }
        }
    }

    fn show_entry(&mut self, entry: &Held, out: &mut Vec<Output>) {
        let body = self.replica.log.says(entry);
        match body {
            EntryBody::Revoke { subject, level, .. } => {
                self.show_notice(entry, &body, out);
                // Of this node's own, the user hears as it ends, if nobody has answered by then.
                let is_other = subject != self.us.key();
                if is_other && level == Level::Out && !self.is_here(&subject) {
                    self.show_left(subject, Code::Kicked.word(), out);
                }
            }
            EntryBody::Grant { .. } | EntryBody::Policy { .. } | EntryBody::End { .. } => {
                self.show_notice(entry, &body, out);
            }
            // A lecture's: nobody here publishes.
            EntryBody::Question { .. } | EntryBody::Retract { .. } | EntryBody::Person { .. } | EntryBody::Unknown => {}
            // What acts have made void while it waited is not shown.
            EntryBody::Text { .. } if !self.roster.reaches(entry.id, entry.number) => {}
            EntryBody::Text { .. } => self.show_message(entry, &body, out),
        }
    }

    /// What has no effect is not told.
    fn show_notice(&self, entry: &Held, body: &EntryBody<'_>, out: &mut Vec<Output>) {
        if self.roster.has_effect(entry, body) {
            self.show_message(entry, body, out);
        }
    }

    fn show_message(&self, entry: &Held, body: &EntryBody<'_>, out: &mut Vec<Output>) {
        let author = &entry.id.author;
        let author = self.people.shown.get(author).cloned().unwrap_or_else(|| self.called(author));
        out.extend(message(&self.replica.log, entry, body, None, &author, self.us.key()).map(Output::Event));
    }

    fn show_person(&mut self, key: Key, out: &mut Vec<Output>) {
        if !self.people.is_told || !self.is_here(&key) {
            return;
        }
        let name = self.called(&key);
        match self.people.shown.insert(key, name.clone()) {
            None if key != self.us.key() => {
                out.push(Output::Event(Event::Joined { name, key, ticket: self.ticket_of(&key) }));
            }
            Some(old) if old != name => out.push(Output::Event(Event::Renamed { key, old, new: name })),
            Some(_) | None => {}
        }
        self.introduce(key, out);
    }

    fn show_left(&mut self, key: Key, reason: &str, out: &mut Vec<Output>) {
        let name = self.people.shown.remove(&key);
        if name.is_none() && self.people.is_told {
            return;
        }
        self.people.introduced.remove(&key);
        self.give_up_on(key, Failure::Gone, out);
        self.update_delivery(key, out);
        out.extend(name.map(|name| Output::Event(Event::Left { name, key, reason: reason.to_string() })));
    }

    pub(super) fn show_whisper(&self, author: Key, tell: &Tell<'_>, out: &mut Vec<Output>) {
        let kind = Kind::Whisper(Whisper { token: tell.token, author, to: self.newcomer.me.name.clone() });
        let (from, text): (String, String) = (self.called(&author), tell.text.as_str().to_string());
        out.push(Output::Event(Event::Message { meeting: self.replica.log.meeting(), kind, from, own: false, text }));
    }
}
