//! What is held where, and who asks whom (SPEC.md, "Mesh").

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::member::{Member, Timer};
use crate::command::Failure;
use crate::event::{Event, State};
use crate::id::{Key, LinkId, RequestId};
use crate::limits;
use crate::log::StreamId;
use crate::machine::Output;
use crate::replica::{Asker, Offer, Pull, Step as PullStep, send_rows};
use crate::sync::Outbox;
use crate::time::Now;
use crate::wire::Frame;
use crate::wire::field::{List, encode_items};
use crate::wire::meeting::{Digest, Fetch, Lane, Links, Range, Row};
use crate::wire::option::Options;
use crate::wire::private::Tell;
use crate::wire::session::Refused;

impl Member {
    pub(super) fn send_digest(&mut self, link: LinkId, rows: &[Row], out: &mut Vec<Output>) {
        self.note_told(link, rows);
        send_rows(link, rows, out);
    }

    /// Notes how far a link has been told of our streams: so far, it asks by itself.
    pub(super) fn note_told(&mut self, link: LinkId, rows: &[Row]) {
        let (us, session) = (self.us.key(), self.session);
        let Some(peer) = self.links.get_mut(&link) else { return };
        for row in rows.iter().filter(|row| row.author == us && row.session == session) {
            peer.told.insert(row.lane, row.next);
            // What it may not have, it need not have.
            let reached = peer.reached.entry(row.lane).or_insert(1);
            *reached = row.first.max(*reached);
        }
    }

    pub(super) fn on_digest(&mut self, link: LinkId, digest: &Digest<'_>, now: Now, out: &mut Vec<Output>) {
        self.take_rows(link, digest.rows.iter(), now, out);
    }

    pub(super) fn take_rows(&mut self, link: LinkId, rows: impl Iterator<Item = Row>, now: Now, out: &mut Vec<Output>) {
        let (us, session) = (self.us.key(), self.session);
        let Some(peer) = self.links.get_mut(&link) else { return };
        peer.has_rows = true;
        let (key, floor) = (peer.key, peer.floor);
        for row in rows {
            let stream = StreamId::of_row(&row);
            if (row.author, row.session) == (us, session) {
                self.on_acknowledged(link, key, &row, out);
            }
            // SPEC DIGEST-3: who holds another head of the same length needs the proof of a fork.
            out.extend(self.log.rival_head(&row, floor).map(|frame| Output::Send { link, frame }));
            self.note_offer(link, stream, Offer::told(row.first, row.next), now);
        }
        self.catch_up(link, out);
    }

    fn on_acknowledged(&mut self, link: LinkId, key: Key, row: &Row, out: &mut Vec<Output>) {
        if let Some(peer) = self.links.get_mut(&link) {
            let reached = peer.reached.entry(row.lane).or_insert(1);
            *reached = row.next.max(*reached);
        }
        if row.lane == Lane::Talk {
            let known = self.acknowledged.entry(key).or_default();
            *known = row.next.max(*known);
            self.update_delivery(key, out);
        }
    }

    /// Sends what was written while the other side did not know of it: it can't have asked for that.
    fn catch_up(&mut self, link: LinkId, out: &mut Vec<Output>) {
        let (author, session) = (self.us.key(), self.session);
        let Some(peer) = self.links.get_mut(&link).filter(|peer| peer.is_in() && peer.has_rows) else { return };
        let behind = |lane: Lane| {
            let from = peer.reached.get(&lane).copied().unwrap_or(1);
            let told = peer.told.get(&lane).copied().unwrap_or(1);
            let to = self.log.next_number(StreamId { author, session, lane });
            (from >= told && from < to).then_some(Range { author, session, lane, from, to })
        };
        let ranges: Vec<Range> = [Lane::Acts, Lane::Talk].into_iter().filter_map(behind).collect();
        let (reader, roster) = (Asker { link, floor: peer.floor }, &self.roster);
        reader.send(&self.log, ranges.into_iter(), |entry| peer.gets(entry, (author, session), roster), out);
    }

    pub(super) fn on_fetch(&mut self, link: LinkId, id: RequestId, fetch: &Fetch<'_>, now: Now, out: &mut Vec<Output>) {
        let (own, roster) = ((self.us.key(), self.session), &self.roster);
        let Some(peer) = self.links.get_mut(&link) else { return };
        let reader = Asker { link, floor: peer.floor };
        match reader.answer(&self.log, id, fetch, |entry| peer.gets(entry, own, roster), out) {
            Ok(_) => self.catch_up(link, out),
            Err(rule) => self.reject(link, rule, now, out),
        }
    }

    /// SPEC MESH-12: tells everybody what is new here, but not what they were sent.
    pub(super) fn on_digest_due(&mut self, now: Now, out: &mut Vec<Output>) {
        let (us, session) = (self.us.key(), self.session);
        let changed: Vec<StreamId> = self.log.changed_streams().into_iter().collect();
        let links: Vec<LinkId> = self.links.iter().filter(|(_, peer)| peer.is_in()).map(|(link, _)| *link).collect();
        let with = core::mem::take(&mut self.links_changed).then(|| self.links_frame());
        for link in links {
            let Some(peer) = self.links.get(&link) else { continue };
            let is_sent = |row: &Row| {
                (row.author, row.session) == (us, session) && peer.reached.get(&row.lane) == Some(&row.next)
            };
            let rows = changed.iter().filter_map(|id| self.log.row(*id, peer.floor));
            let rows: Vec<Row> = rows.filter(|row| !is_sent(row)).collect();
            if !rows.is_empty() {
                self.send_digest(link, &rows, out);
            }
            out.extend(with.clone().map(|frame| Output::Send { link, frame }));
        }
        self.told_at = now.tick;
    }

    /// SPEC MESH-12: who goes tells now what it would tell soon, so that nobody takes what it has got for lost.
    pub(super) fn tell_last(&mut self, now: Now, out: &mut Vec<Output>) {
        if self.timers.is_armed(Timer::Digest) {
            self.on_digest_due(now, out);
        }
    }

    fn links_frame(&self) -> crate::wire::Encoded {
        let (count, items) = encode_items(self.linked.keys().copied(), limits::MESH_MAX);
        Frame::from(Links { keys: List::over(count, &items), options: Options::NONE }).encode(RequestId::EVENT)
    }

    /// Has everybody told whom this node is linked with (SPEC MESH-16).
    pub(super) fn tell_links(&mut self, now: Now) {
        self.links_changed = true;
        self.tell_soon(now);
    }

    /// SPEC MESH-12: what has changed is told soon, but not too often.
    pub(super) fn tell_soon(&mut self, now: Now) {
        if !self.timers.is_armed(Timer::Digest) {
            let soon = now.tick.after(limits::MESH_DIGEST_DELAY);
            self.timers.arm(Timer::Digest, soon.max(self.told_at.after(limits::MESH_DIGEST_INTERVAL)));
        }
    }

    pub(super) fn on_links(&mut self, link: LinkId, links: &Links<'_>, out: &mut Vec<Output>) {
        let Some(peer) = self.links.get_mut(&link) else { return };
        let with: BTreeSet<Key> = links.keys.iter().collect();
        let changed: Vec<Key> = peer.with.symmetric_difference(&with).copied().collect();
        peer.with = with;
        changed.into_iter().for_each(|key| self.update_delivery(key, out));
    }

    /// Counts somebody among those who have this node's talk or lack it, as long as they are linked or bridged.
    pub(super) fn update_delivery(&mut self, key: Key, out: &mut Vec<Output>) {
        let talk = StreamId { author: self.us.key(), session: self.session, lane: Lane::Talk };
        let written = self.log.next_number(talk);
        let is_there = matches!(self.state_of(&key), State::Linked | State::Bridged);
        if is_there && self.is_here(&key) {
            let next = self.acknowledged.get(&key).copied().unwrap_or(0);
            out.extend(self.delivery.set(key, next, self.session, written).map(Output::Event));
        } else {
            self.acknowledged.remove(&key);
            out.extend(self.delivery.remove(key, self.session, written).map(Output::Event));
        }
    }

    /// Asks whoever can be asked for what is lacking.
    pub(super) fn ask(&mut self, now: Now, out: &mut Vec<Output>) {
        let mut pull: Pull = core::mem::take(&mut self.pull);
        loop {
            let missing = |stream| self.log.missing(stream);
            let steps = pull.due(now.tick, missing, |stream| self.is_wanted(stream), |stream| self.gap(stream));
            if steps.is_empty() {
                break;
            }
            for step in steps {
                match step {
                    PullStep::Ask(link, ranges) => {
                        let Some(peer) = self.links.get_mut(&link) else { continue };
                        let request = peer.next_request();
                        let (count, items) = encode_items(ranges.iter().copied(), limits::RANGES_MAX);
                        let fetch = Fetch { ranges: List::over(count, &items), options: Options::NONE };
                        out.push(Output::Send { link, frame: Frame::from(fetch).encode(request) });
                        pull.asked(link, request, &ranges, now.tick);
                    }
                    PullStep::Skip(stream, first) => {
                        // SPEC MESH-14
                        let skipped = self.log.skip(stream, first);
                        if let Some((from, next)) = skipped.filter(|(_, next)| !self.log.were_shown(stream, *next)) {
                            let StreamId { author, session, .. } = stream;
                            out.push(Output::Event(Event::Gap { author, session, first: from, next }));
                        }
                        out.extend(Output::store(&mut self.log));
                        pull.held(stream, self.log.missing(stream).0.max(first), now.tick);
                    }
                }
            }
        }
        self.pull = pull;
        match self.pull.next(now.tick) {
            Some(due) => self.timers.arm(Timer::Pull, due),
            None => self.timers.disarm(Timer::Pull),
        }
    }

    /// How long it is waited for what nobody offers. Of what nothing is held, nothing is missing: it starts where
    /// somebody has it.
    fn gap(&self, stream: StreamId) -> Duration {
        if self.log.next_number(stream) <= 1 { Duration::ZERO } else { limits::GAP_TIMEOUT }
    }

    /// Whether an answer is to a FETCH.
    fn is_pulled(&mut self, link: LinkId, id: RequestId) -> bool {
        let mut pull: Pull = core::mem::take(&mut self.pull);
        // SPEC MESH-13
        let again = |stream| self.may_go_on(stream);
        let is_pulled = pull.answered(link, id, |stream| self.log.missing(stream).0, again);
        (self.pull, self.is_dirty) = (pull, self.is_dirty || is_pulled);
        is_pulled
    }

    pub(super) fn on_done(&mut self, link: LinkId, id: RequestId, out: &mut Vec<Output>) {
        if self.is_pulled(link, id) {
            return;
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
            outbox.on_refused(id, error, out);
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
        // SPEC TOKEN-2
        if self.tokens.take(key, tell.token) {
            self.show_whisper(key, tell, out);
        }
        out.push(Output::done(link, id));
    }
}
