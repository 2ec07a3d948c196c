//! Entries that come and are written (SPEC.md, "Mesh"): only its author pushes one.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::member::{Member, Stage};
use crate::event::{Event, Notice};
use crate::id::{Hash, Key, LinkId, RequestId};
use crate::limits;
use crate::log::{Held, Proof, StreamId, Verdict, check_fork};
use crate::machine::Output;
use crate::replica::{Delivery, Offer};
use crate::time::Now;
use crate::wire::entry::{Entry, EntryBody, Kind};
use crate::wire::field::Signed;
use crate::wire::meeting::{Fork, Lane};
use crate::wire::{Encoded, Frame};

impl Member {
    pub(super) fn on_entry(&mut self, link: LinkId, entry: &Signed<'_, Entry<'_>>, now: Now, out: &mut Vec<Output>) {
        let (stream, number) = (StreamId::of(&entry.value), entry.value.number);
        let held = self.log.next_number(stream);
        let is_asked = self.pull.is_asked(link, stream, number);
        let mut offer = Offer::told(number, number.saturating_add(1));
        // SPEC FETCH-2: its author holds what lies between. But talk of which nothing is held begins anywhere.
        let is_pushed = !is_asked && self.links.get(&link).is_some_and(|peer| peer.key == stream.author);
        if is_pushed && number > held && (held > 1 || stream.lane == Lane::Acts) {
            offer.first = held;
        }
        // SPEC MESH-9: what does not count is not stored, and costs nobody; its author may yet be granted.
        let counts = self.roster.counts(stream, number, Kind::of(entry.value.kind));
        if number > held || !counts || !self.has_place_for(stream) {
            return self.note_offer(link, stream, offer, now);
        }
        match self.log.offer(entry, is_asked, &self.us) {
            Verdict::Stored(entry) => {
                self.on_stored(&entry, now, out);
                if stream.lane == Lane::Acts {
                    self.on_acted(Some(link), &entry, now, out);
                }
            }
            Verdict::Dropped => {}
            Verdict::Ahead { .. } => self.note_offer(link, stream, offer, now),
            Verdict::Forked(proof) => {
                out.extend(Output::store(&mut self.log));
                out.extend(proof.frame().map(|frame| Output::Send { link, frame }));
                let (stream, number) = (proof.stream, proof.number);
                self.on_forked(link, stream, number, &proof, now, out);
            }
            Verdict::Refused(rule) => self.reject(link, rule, now, out),
        }
    }

    /// Somebody has shown that it holds more of a stream than this node.
    pub(super) fn note_offer(&mut self, link: LinkId, stream: StreamId, offer: Offer, now: Now) {
        let Some(peer) = self.links.get(&link) else { return };
        let is_ours = stream.author == self.us.key() && stream.session >= self.session;
        if is_ours && self.stage == Stage::Inside {
            return;
        }
        // Its author sends it to all with whom it is linked: no need to ask others at once.
        let is_on_its_way = stream.author != peer.key && self.linked.contains_key(&stream.author);
        let ready_at = if is_on_its_way { now.tick.after(limits::PULL_PATIENCE) } else { now.tick };
        self.pull.offer(link, stream, offer, self.log.missing(stream).0, ready_at);
        self.is_dirty = true;
    }

    /// Whether one entry more of a stream is kept.
    fn has_place_for(&self, stream: StreamId) -> bool {
        // SPEC ACTS-2, ACTS-3
        stream.lane == Lane::Talk
            || self.roster.is_hosts(&stream.author)
            || !self.log.has_only_hosts_acts_left() && self.roster.acts_of(&stream.author) <= limits::ACTS_OF_MEMBER_MAX
    }

    /// Whether this node may write an act that its user has not asked for.
    pub(super) fn may_act_unasked(&self) -> bool {
        // SPEC ACTS-2
        !self.log.has_only_hosts_acts_left() && self.may_act()
    }

    fn may_act(&self) -> bool {
        let us = self.us.key();
        // SPEC ACTS-2, ACTS-3
        self.roster.is_hosts(&us)
            || !self.log.has_only_hosts_acts_left() && self.roster.acts_of(&us) < limits::ACTS_OF_MEMBER_MAX
    }

    /// Writes an entry and sends it to all who hold what is before it; false if there is no room for another act.
    pub(super) fn write(&mut self, body: &EntryBody<'_>, now: Now, out: &mut Vec<Output>) -> bool {
        let Some(lane) = body.lane().filter(|lane| *lane == Lane::Talk || self.may_act()) else { return false };
        // Who is let in again, or may speak again, goes on in a new session: the old streams stay cut. Who is muted
        // leaves in a new one: what lies before in the old one may be void.
        let stream = StreamId { author: self.us.key(), session: self.session, lane };
        if !self.would_count(stream, self.log.next_number(stream), Kind::Unknown) {
            self.begin_session(now, out);
        }
        let Some(entry) = self.log.write(&self.us, self.session, body, now) else { return false };
        self.on_stored(&entry, now, out);
        for (link, peer) in self.links.iter_mut().filter(|(_, peer)| peer.is_in() && peer.has_rows) {
            let reached = peer.reached.entry(lane).or_insert(1);
            if *reached == entry.number {
                *reached = entry.number.saturating_add(1);
                out.push(Output::Send { link: *link, frame: entry.frame.clone() });
            }
        }
        // SPEC MESH-1: the act goes out before what follows from it.
        if lane == Lane::Acts {
            self.on_acted(None, &entry, now, out);
        }
        true
    }

    /// SPEC SESSION-1
    fn begin_session(&mut self, now: Now, out: &mut Vec<Output>) {
        let us = self.us.key();
        let session = self.log.next_session(us).max(now.unix_ms).max(self.roster.session_after_cuts(&us));
        self.go_on_in(session, out);
    }

    /// Writes in this session from now on: how far another one has come says nothing of it.
    pub(super) fn go_on_in(&mut self, session: u64, out: &mut Vec<Output>) {
        if core::mem::replace(&mut self.session, session) == session {
            return;
        }
        self.links.values_mut().for_each(|peer| {
            peer.reached.clear();
            peer.told.clear();
        });
        self.delivery = Delivery::default();
        self.acknowledged.clear();
        let us = self.us.key();
        let members: Vec<Key> = self.roster.members().map(|member| member.key).collect();
        members.into_iter().filter(|key| *key != us).for_each(|key| self.update_delivery(key, out));
    }

    /// An entry is in the log.
    fn on_stored(&mut self, entry: &Arc<Held>, now: Now, out: &mut Vec<Output>) {
        out.extend(Output::store(&mut self.log));
        self.pull.held(entry.id, self.log.missing(entry.id).0, now.tick);
        self.people.note(entry);
        self.queue(entry, now);
        self.tell_soon(now);
        if let Some(charter) = &self.charter {
            self.roster.take(entry, charter, &self.us);
        }
    }

    /// An entry is to be shown, in its order.
    pub(super) fn queue(&mut self, entry: &Arc<Held>, now: Now) {
        if self.log.was_shown(entry) {
            return self.order.note(entry.hash);
        }
        // What was before this node's time is not waited for.
        let is_before = entry.lamport.saturating_sub(1) <= self.newcomer.pass.map_or(0, |pass| pass.lamport);
        let reference = if is_before { Hash::ZERO } else { entry.reference };
        self.order.push(Arc::clone(entry), reference, now.tick);
    }

    /// The roster may have changed, by an act that came `from` somebody or is this node's own.
    fn on_acted(&mut self, from: Option<LinkId>, act: &Arc<Held>, now: Now, out: &mut Vec<Output>) {
        self.is_dirty = true;
        self.pull.try_again(now.tick);
        self.unjudged.push((from, Arc::clone(act)));
        self.must_judge = true;
        if from.is_none() {
            self.judge_all(now, out);
        }
    }

    /// Whether the next entry of a stream may be one to store: its author is granted, and it lies within all cuts.
    pub(super) fn is_wanted(&self, stream: StreamId) -> bool {
        // SPEC MESH-18: of who is muted, that it leaves, in a new session.
        let is_new = stream.session >= self.roster.session_after_cuts(&stream.author);
        let (number, _) = self.log.missing(stream);
        (self.may_go_on(stream) || is_new && self.would_count(stream, number, Kind::Left)) && self.has_place_for(stream)
    }

    /// Whether the next entry of a stream may be another than LEFT.
    pub(super) fn may_go_on(&self, stream: StreamId) -> bool {
        // Of somebody who is not granted yet, the acts are: the grant may be among them.
        let is_stranger = stream.lane == Lane::Acts && self.roster.rank(&stream.author).is_none();
        let (number, _) = self.log.missing(stream);
        let may_be_act = is_stranger && !self.log.is_void(stream, number);
        may_be_act || self.would_count(stream, number, Kind::Unknown)
    }

    /// Whether an entry of this number and kind would count.
    fn would_count(&self, stream: StreamId, number: u64, kind: Kind) -> bool {
        self.roster.counts(stream, number, kind) && !self.log.is_void(stream, number)
    }

    pub(super) fn on_fork(&mut self, link: LinkId, fork: &Fork<'_>, now: Now, out: &mut Vec<Output>) {
        match check_fork(fork, self.log.meeting(), &self.us) {
            Ok((stream, number)) => {
                if self.roster.rank(&stream.author).is_some() && self.log.void(stream, number) {
                    out.extend(Output::store(&mut self.log));
                    let frame = Frame::Meeting(crate::wire::meeting::Meeting::Fork(*fork)).encode(RequestId::EVENT);
                    self.forked(Some(link), stream, number, &frame, now, out);
                }
            }
            Err(rule) => self.reject(link, rule, now, out),
        }
    }

    fn on_forked(
        &mut self,
        link: LinkId,
        stream: StreamId,
        number: u64,
        proof: &Proof,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        if let Some(frame) = proof.frame() {
            self.forked(Some(link), stream, number, &frame, now, out);
        }
    }

    /// Part of what somebody has said is void: told to the user, and shown to everybody, once (SPEC MESH-10).
    fn forked(
        &mut self,
        from: Option<LinkId>,
        stream: StreamId,
        number: u64,
        proof: &Encoded,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let others = self.links.iter().filter(|(link, peer)| peer.is_in() && Some(**link) != from);
        out.extend(others.map(|(link, _)| Output::Send { link: *link, frame: proof.clone() }));
        if let Some(charter) = &self.charter {
            self.roster.void(stream, number, charter);
        }
        self.pull.forget_stream(stream);
        self.must_judge = true;
        if stream.author == self.us.key() && stream.session == self.session {
            // What is void is not gone on with.
            self.begin_session(now, out);
        }
        out.push(Output::Event(Event::Warning(Notice::Fork(self.called(&stream.author)))));
    }
}
