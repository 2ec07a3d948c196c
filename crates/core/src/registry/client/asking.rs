//! What a client asks registries: for its user, and for its node, which seeks friends.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Client, Timer};
use crate::command::{Failure, Full};
use crate::event::{Event, Notice};
use crate::id::{CommandId, Key, LinkId};
use crate::limits;
use crate::machine::Output;
use crate::registry::address::may_be_listed;
use crate::registry::desk::Errand;
use crate::registry::query::{Asker, Query, Question};
use crate::registry::record::{Found, holds, person};
use crate::time::Now;
use crate::wire::registry::{self as wire, Shelf};

impl Client {
    pub(super) fn ask(
        &mut self,
        id: CommandId,
        question: Question,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Result<(), Failure> {
        let open = self.queries.keys().filter(|asker| matches!(asker, Asker::User(_))).count();
        if open >= limits::QUERIES_MAX {
            return Err(Failure::Full(Full::Questions));
        }
        // A registry that has failed just now is waited for; the question does not wait with it.
        (0..self.desks.len()).for_each(|at| self.timers.disarm(Timer::Redial(at)));
        self.open(Asker::User(id), question, now, out);
        Ok(())
    }

    fn open(&mut self, asker: Asker, question: Question, now: Now, out: &mut Vec<Output>) {
        self.queries.insert(asker, Query::new(question, self.desks.len()));
        self.timers.arm(Timer::Patience(asker), now.tick.after(self.patience));
        self.work(out);
    }

    pub(super) fn on_listing(
        &mut self,
        at: usize,
        link: LinkId,
        asker: Asker,
        listing: &wire::Listing<'_>,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let (Some(desk), Some(query)) = (self.desks.get_mut(at), self.queries.get_mut(&asker)) else { return };
        (desk.failures, desk.is_told) = (0, false);
        let (mut found, mut is_over) = (Vec::new(), false);
        for listed in listing.records.iter() {
            let checked = Found::check(&listed, &self.us);
            let fits = |found: &Found| match &query.question {
                Question::Lookup(id) => found.id == *id,
                Question::Browse(Shelf::Meetings, _) => found.meeting.is_some(),
                Question::Browse(Shelf::People, _) => found.meeting.is_none(),
            };
            match checked.ok().filter(fits) {
                Some(mut record) => {
                    // SPEC LISTING-3
                    record.addresses.retain(|address| may_be_listed(*address, desk.nearest));
                    // SPEC REGISTRY-15
                    if !holds(record.until_ms, now) {
                        is_over = true;
                    } else if !record.addresses.is_empty() {
                        found.push(record);
                    }
                }
                // SPEC LISTING-1
                None => {
                    out.push(Output::Event(Event::Warning(Notice::RegistryForges(desk.registry.clone()))));
                }
            }
        }
        if is_over {
            out.push(Output::Event(Event::Warning(Notice::RegistryOver(desk.registry.clone()))));
        }
        if query.take(at, found) && listing.next != 0 {
            let id = desk.open(Errand::Ask { query: asker });
            out.push(Output::Send { link, frame: query.question.request(listing.next, id) });
        } else {
            query.waiting.remove(&at);
            self.answer(now, out);
        }
    }

    /// Tells what is known of the questions for which nobody is waited for.
    pub(super) fn answer(&mut self, now: Now, out: &mut Vec<Output>) {
        while let Some(id) = self.queries.iter().find(|(_, query)| query.waiting.is_empty()).map(|(id, _)| *id) {
            self.timers.disarm(Timer::Patience(id));
            match (id, self.queries.remove(&id)) {
                (Asker::User(id), Some(query)) => out.extend(query.answer(id, now).into_iter().map(Output::Event)),
                (Asker::Node(key), Some(query)) => {
                    self.found.push_back((key, query.addresses(key)));
                    self.seek_next(now, out);
                }
                (_, None) => {}
            }
        }
    }

    /// Asks registries for those who have these keys, a few at one time.
    pub fn seek(&mut self, keys: Vec<Key>, now: Now, out: &mut Vec<Output>) {
        if !self.desks.is_empty() && !self.over {
            for key in keys {
                if !self.queries.contains_key(&Asker::Node(key)) && !self.sought.contains(&key) {
                    self.sought.push_back(key);
                }
            }
            self.seek_next(now, out);
        }
    }

    fn seek_next(&mut self, now: Now, out: &mut Vec<Output>) {
        let open = self.queries.keys().filter(|asker| matches!(asker, Asker::Node(_))).count();
        let free = limits::LOOKUPS_MAX.saturating_sub(open).min(self.sought.len());
        let next: Vec<Key> = self.sought.drain(..free).collect();
        next.into_iter().for_each(|key| self.open(Asker::Node(key), Question::Lookup(person(key)), now, out));
    }

    /// Somebody who was sought, and where they were met: nowhere, perhaps.
    pub fn take_found(&mut self) -> Option<(Key, Vec<String>)> {
        self.found.pop_front()
    }
}
