//! What is held where, and who asks whom (SPEC.md, "Mesh").

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use super::entries::{is_awaited, is_wanted, is_wanted_act, may_go_on, payer};
use super::member::{Member, Stage, Timer};
use crate::command::Failure;
use crate::errand::{Outbox, Speaker};
use crate::event::State;
use crate::id::{Key, LinkId, RequestId};
use crate::limits;
use crate::log::{Held, Log, StreamId};
use crate::machine::Output;
use crate::replica::Telling;
use crate::rule::Rule;
use crate::time::Now;
use crate::wire::Frame;
use crate::wire::field::{List, encode_items};
use crate::wire::meeting::{Fetch, Lane, Links, Range, Row};
use crate::wire::option::Options;
use crate::wire::private::Tell;
use crate::wire::session::Refused;

impl Member {
    /// Notes how far a link has been told of our streams: so far, it asks by itself.
    pub(super) fn note_told(&mut self, link: LinkId, rows: &[Row]) {
        let (us, session) = (self.us.key(), self.session);
        let Some(peer) = self.links.get_mut(&link) else { return };
        rows.iter().filter(|row| (row.author, row.session) == (us, session)).for_each(|row| peer.is_told(row));
    }

    pub(super) fn take_rows(
        &mut self,
        link: LinkId,
        rows: &List<'_, Row, { limits::ROWS_MAX }>,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let own = (self.us.key(), self.session);
        let Some(peer) = self.links.get_mut(&link) else { return };
        peer.has_rows = true;
        let key = peer.key;
        for row in rows.iter().filter(|row| (row.author, row.session) == own) {
            self.on_acknowledged(link, key, &row, out);
        }
        self.replica.rows(link, rows.iter(), now, out);
        self.catch_up(link, out);
    }

    fn on_acknowledged(&mut self, link: LinkId, key: Key, row: &Row, out: &mut Vec<Output>) {
        if let Some(peer) = self.links.get_mut(&link) {
            let reached = peer.reached.entry(row.lane).or_insert(1);
            *reached = row.next.max(*reached);
        }
        if row.lane == Lane::Talk {
            self.acknowledge(key, row.next, out);
        }
    }

    /// Sends what was written while the other side did not know of it: it can't have asked for that.
    fn catch_up(&mut self, link: LinkId, out: &mut Vec<Output>) {
        let (author, session) = (self.us.key(), self.session);
        let Some(peer) = self.links.get_mut(&link).filter(|peer| peer.is_in() && peer.has_rows) else { return };
        let behind = |lane: Lane| {
            let from = peer.reached.get(&lane).copied().unwrap_or(1);
            let told = peer.told.get(&lane).copied().unwrap_or(1);
            let to = self.replica.log.next_number(StreamId { author, session, lane });
            (from >= told && from < to).then_some(Range { author, session, lane, from, to })
        };
        let ranges: Vec<Range> = [Lane::Acts, Lane::Talk, Lane::PERSON].into_iter().filter_map(behind).collect();
        let gets = |entry: &Held| peer.gets(entry, (author, session), &self.roster);
        self.replica.push(link, ranges.into_iter(), gets, out);
    }

    pub(super) fn on_fetch(&mut self, link: LinkId, id: RequestId, fetch: &Fetch<'_>, now: Now, out: &mut Vec<Output>) {
        let own = (self.us.key(), self.session);
        let Some(peer) = self.links.get_mut(&link) else { return };
        match self.replica.serve(link, id, fetch, |entry| peer.gets(entry, own, &self.roster), out) {
            Ok(_) => self.catch_up(link, out),
            Err(rule) => self.reject(link, rule, now, out),
        }
    }

    /// Where this node has sent JOIN, it is asked for acts and for nothing else, by somebody of whom it holds a PERSON, or
    /// that is a host (SPEC MESH-27).
    pub(super) fn on_fetch_of_acts(
        &mut self,
        link: LinkId,
        id: RequestId,
        fetch: &Fetch<'_>,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let is_known = self.links.get(&link).is_some_and(|peer| self.roster.knows(&peer.key));
        let goes = |entry: &Held| is_known && entry.lane() == Lane::Acts;
        if let Err(rule) = self.replica.serve(link, id, fetch, goes, out) {
            self.reject(link, rule, now, out);
        }
    }

    /// Whether an act is offered that this node lacks.
    pub(super) fn lacks_acts(&self) -> bool {
        self.replica.lacks(|log, id| is_wanted_act(log, &self.roster, id))
    }

    /// Tells what is due to be told, and asks whoever can be asked for what is lacking.
    pub(super) fn exchange(&mut self, now: Now, out: &mut Vec<Output>) {
        let roster = &self.roster;
        let ripe = self.replica.ripe(|log, stream| is_wanted(log, roster, stream), now, out);
        ripe.iter().for_each(|entry| self.on_ripe(entry, now, out));
        if self.stage == Stage::Over {
            return;
        }
        if self.replica.must_tell(now) {
            self.tell_changes(now, out);
        }
        let (roster, awaited) = (&self.roster, (self.stage == Stage::Arriving).then_some(&self.people.awaited));
        // SPEC MESH-19
        let is_next = |stream: StreamId| awaited.is_none_or(|awaited| is_awaited(awaited, stream));
        let wanted =
            |log: &Log, stream| (is_next(stream) && is_wanted(log, roster, stream)).then(|| payer(roster, stream));
        self.replica.ask(wanted, &mut self.last_request, now, out);
        match self.replica.next(now) {
            Some(due) => self.timers.arm(Timer::Due, due),
            None => self.timers.disarm(Timer::Due),
        }
    }

    /// SPEC MESH-12, MESH-31: tells each what is due.
    pub(super) fn tell_changes(&mut self, now: Now, out: &mut Vec<Output>) {
        let own = (self.us.key(), self.session);
        let (links, circle) = (&mut self.links, &self.circle);
        let when = |link, row: &Row| {
            let Some(peer) = links.get_mut(&link) else { return Telling::Never };
            if (row.author, row.session) == own {
                // What it was sent, it need not be told.
                if peer.reached.get(&row.lane) == Some(&row.next) {
                    return Telling::Never;
                }
                peer.is_told(row);
                return Telling::Soon;
            }
            match row.lane {
                Lane::Acts => Telling::Soon,
                // Of an earlier session: nobody else is told so by its author.
                Lane::Talk | Lane::Register(_) if row.author == own.0 => Telling::Soon,
                Lane::Talk | Lane::Register(_) if row.author == peer.key => Telling::Acknowledged,
                Lane::Talk | Lane::Register(_) if circle.are_linked(link, peer.key, row.author) => Telling::InTurn,
                Lane::Talk | Lane::Register(_) => Telling::Soon,
            }
        };
        let is_time = self.replica.tell(when, now, out);
        if is_time && self.circle.take_changed() {
            let with = self.links_frame();
            let links = self.links.iter().filter(|(_, peer)| peer.is_in());
            out.extend(links.map(|(link, _)| Output::Send { link: *link, frame: with.clone() }));
        }
    }

    fn links_frame(&self) -> crate::wire::Encoded {
        let (count, items) = encode_items(self.linked_here(), limits::MESH_MAX);
        Frame::from(Links { keys: List::over(count, &items), options: Options::NONE }).encode(RequestId::EVENT)
    }

    /// Those who are here and linked.
    pub(super) fn linked_here(&self) -> impl Iterator<Item = Key> {
        self.circle.links().keys().copied().filter(|key| self.is_here(key))
    }

    /// SPEC MESH-16
    pub(super) fn on_links(&mut self, link: LinkId, links: &Links<'_>, now: Now, out: &mut Vec<Output>) {
        let with: BTreeSet<Key> = links.keys.iter().collect();
        // SPEC REGISTER-9
        if self.links.get(&link).is_some_and(|peer| self.is_here(&peer.key)) {
            with.iter().for_each(|key| self.replica.recall_person(link, *key, now));
        }
        let changed = self.circle.tells(link, with.clone());
        for key in changed.iter().filter(|key| with.contains(*key)) {
            self.circle.hasten(*key, &mut self.random, now.tick);
        }
        if !changed.is_empty() {
            // SPEC MESH-31
            self.replica.reconsider(now);
        }
        changed.into_iter().for_each(|key| self.update_delivery(key, out));
    }

    /// Counts somebody among those who have this node's talk or lack it, as long as they are linked or bridged.
    pub(super) fn update_delivery(&mut self, key: Key, out: &mut Vec<Output>) {
        self.acknowledge(key, 0, out);
    }

    /// Somebody has all of it below `next`, if not more.
    fn acknowledge(&mut self, key: Key, next: u64, out: &mut Vec<Output>) {
        let talk = StreamId { author: self.us.key(), session: self.session, lane: Lane::Talk };
        let written = self.replica.log.next_number(talk);
        let is_there = matches!(self.circle.state_of(&key), State::Linked | State::Bridged);
        if is_there && self.is_here(&key) {
            let next = self.delivery.next_of(&key).max(next);
            out.extend(self.delivery.set(key, next, self.session, written).map(Output::Event));
        } else {
            out.extend(self.delivery.remove(key, self.session, written).map(Output::Event));
        }
    }

    /// Whether an answer is to a FETCH.
    fn is_pulled(&mut self, link: LinkId, id: RequestId) -> bool {
        // SPEC MESH-13
        self.replica.answered(link, id, |log, stream| may_go_on(log, &self.roster, stream))
    }

    pub(super) fn on_done(&mut self, link: LinkId, id: RequestId, now: Now, out: &mut Vec<Output>) {
        if self.is_pulled(link, id) {
            return self.decide(link, now, out);
        }
        let Some(key) = self.links.get(&link).map(|peer| peer.key) else { return };
        if let Some(outbox) = self.outboxes.get_mut(&key) {
            outbox.on_done(id, self.us.key(), &self.newcomer.me.name, out);
        }
        self.drop_empty_outbox(key);
    }

    pub(super) fn on_refused(&mut self, link: LinkId, id: RequestId, error: &Refused<'_>, out: &mut Vec<Output>) {
        if self.is_pulled(link, id) {
            return;
        }
        let Some(key) = self.links.get(&link).map(|peer| peer.key) else { return };
        if let Some(outbox) = self.outboxes.get_mut(&key) {
            let speaker = Speaker::of(&self.us, self.replica.log.meeting());
            outbox.on_refused((link, id), error, speaker, &mut self.last_request, out);
        }
        self.drop_empty_outbox(key);
    }

    fn drop_empty_outbox(&mut self, key: Key) {
        if self.outboxes.get(&key).is_some_and(Outbox::is_empty) {
            self.outboxes.remove(&key);
            self.timers.disarm(Timer::Answer(key));
        }
    }

    /// Somebody will answer nothing any more. `code`: why, as a word for scripts.
    pub(super) fn give_up_on(&mut self, key: Key, why: fn(String) -> Failure, out: &mut Vec<Output>) {
        self.timers.disarm(Timer::Answer(key));
        if let Some(mut outbox) = self.outboxes.remove(&key) {
            outbox.give_up(&why(self.called(&key)), out);
        }
    }

    pub(super) fn on_tell(&mut self, link: LinkId, id: RequestId, tell: &Tell<'_>, out: &mut Vec<Output>) {
        let Some(key) = self.links.get(&link).map(|peer| peer.key) else { return };
        // SPEC MESH-26
        if !self.is_here(&key) {
            return out.push(Output::refuse(link, id, Rule::Mesh7, Rule::Mesh7.meaning()));
        }
        // SPEC TOKEN-2
        if self.tokens.take(key, tell.token) {
            self.show_whisper(key, tell, out);
        }
        out.push(Output::done(link, id));
    }
}
