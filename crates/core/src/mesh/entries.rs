//! Entries that come and are written (SPEC.md, "Mesh"): only its author pushes one.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::member::Member;
use crate::event::{Event, Notice};
use crate::id::{Key, LinkId, RequestId, ShortHash};
use crate::log::{Held, Log, StreamId};
use crate::machine::Output;
use crate::replica::{Delivery, Payer, Taken};
use crate::roster::Roster;
use crate::rule::Rule;
use crate::time::Now;
use crate::wire::entry::{Carried, EntryBody, Level};
use crate::wire::meeting::{Fork, Lane};
use crate::wire::{Encoded, Frame};

impl Member {
    pub(super) fn on_entry(&mut self, link: LinkId, entry: &Carried<'_>, now: Now, out: &mut Vec<Output>) {
        let value = &entry.entry;
        let (stream, number) = (StreamId::of(value), value.number);
        // SPEC MESH-9: what does not count is not stored, and costs nobody; its author may yet get a seat.
        let counts = self.roster.counts(stream, number);
        let is_wanted = counts && (!stream.lane.is_register() || self.replica.log.has_place_for(stream));
        let payer = is_wanted.then(|| payer(&self.roster, stream));
        match self.replica.take(link, entry, payer, &self.us, now, out) {
            Taken::Stored(entry) => self.on_stored(Some(link), &entry, now, out),
            Taken::Completed(entry) => self.queue_late(&entry, now),
            Taken::Known | Taken::Later => {}
            Taken::Forked(proof) => self.forked(link, proof.stream, proof.number, &proof.frame, now, out),
            Taken::Broken(rule) => self.reject(link, rule, now, out),
        }
    }

    /// An act that somebody outside was asked for; nothing else comes from there (SPEC MESH-27).
    pub(super) fn on_act(&mut self, link: LinkId, entry: &Carried<'_>, now: Now, out: &mut Vec<Output>) {
        if entry.entry.lane != Lane::Acts {
            return self.reject(link, Rule::Mesh2, now, out);
        }
        self.on_entry(link, entry, now, out);
    }

    /// Writes an entry and sends it to all who hold what is before it; false if there is no room for another act.
    pub(super) fn write(&mut self, body: &EntryBody<'_>, now: Now, out: &mut Vec<Output>) -> bool {
        let lane = self.replica.log.lane_of(body);
        // Who is let in again, or may speak again, goes on in a new session: the old streams stay cut.
        let stream = StreamId { author: self.us.key(), session: self.session, lane };
        let log = &self.replica.log;
        let goes_on = if lane.is_register() {
            self.session >= self.roster.back_from(&self.us.key())
        } else {
            let number = log.next_number(stream);
            self.roster.reaches(stream, number) && !log.is_void(stream, number)
        };
        if !goes_on {
            self.begin_session(now, out);
        }
        if let Some(branch) = self.roster.branch(&self.us.key()).filter(|_| lane == Lane::Talk) {
            self.replica.join(self.us.key(), branch, out);
        }
        let Some(entry) = self.replica.write(&self.us, self.session, body, now, out) else { return false };
        self.on_stored(None, &entry, now, out);
        for (link, peer) in self.links.iter_mut().filter(|(_, peer)| peer.is_in() && peer.has_rows) {
            // SPEC MESH-26
            if lane == Lane::Talk && !self.replica.is_open(*link) {
                continue;
            }
            let reached = peer.reached.entry(lane).or_insert(1);
            if lane.is_register() || *reached == entry.number {
                *reached = entry.number.saturating_add(1);
                out.push(Output::Send { link: *link, frame: entry.frame.clone() });
            }
        }
        // SPEC MESH-8: the act goes out before what follows from it.
        if lane == Lane::Acts {
            self.judge_all(now, out);
        }
        true
    }

    /// SPEC SESSION-1
    pub(super) fn begin_session(&mut self, now: Now, out: &mut Vec<Output>) {
        let us = self.us.key();
        let session = self.replica.log.new_session(us, now.unix_ms, self.random.bytes());
        let session = session.max(self.roster.counts_from(&us));
        self.go_on_in(session, out);
    }

    /// Writes in this session from now on: how far another one has come says nothing of it.
    pub(super) fn go_on_in(&mut self, session: u64, out: &mut Vec<Output>) {
        let us = self.us.key();
        self.replica.writes(us, session);
        if core::mem::replace(&mut self.session, session) == session {
            return;
        }
        self.links.values_mut().for_each(|peer| {
            peer.reached.clear();
            peer.told.clear();
        });
        self.delivery = Delivery::default();
        let members: Vec<Key> = self.roster.members().map(|member| member.key).collect();
        members.into_iter().filter(|key| *key != us).for_each(|key| self.update_delivery(key, out));
    }

    /// A register that had to wait is in the log.
    pub(super) fn on_ripe(&mut self, entry: &Arc<Held>, now: Now, out: &mut Vec<Output>) {
        self.take_in(entry);
        self.on_register(entry, false, now, out);
    }

    /// An entry is in the log, that came `from` somebody or is this node's own.
    fn on_stored(&mut self, from: Option<LinkId>, entry: &Arc<Held>, now: Now, out: &mut Vec<Output>) {
        let was_seated = self.roster.is_seated(&entry.id.author);
        self.take_in(entry);
        if entry.lane().is_register() {
            if !was_seated && self.roster.is_seated(&entry.id.author) {
                // What it has said did not count before.
                self.replica.try_again(now);
            }
            return self.on_register(entry, from.is_none(), now, out);
        }
        self.queue(entry, now);
        if entry.lane() == Lane::Acts {
            from.into_iter().for_each(|link| self.note_brought(link));
            self.replica.try_again(now);
            self.unjudged.get_or_insert_default().push((from, Arc::clone(entry)));
            // SPEC MESH-26: by what is held, whatever acts may still be on their way.
            self.people.must_seat = true;
        }
    }

    fn take_in(&mut self, entry: &Held) {
        if let Some(charter) = &self.charter {
            self.roster.take(entry, charter, &self.us);
        }
    }

    /// An entry is to be shown, in its order.
    pub(super) fn queue(&mut self, entry: &Arc<Held>, now: Now) {
        if self.replica.log.was_shown(entry) {
            return self.order.note(entry.hash.short());
        }
        // What was before this node's time is not waited for.
        let is_before = entry.lamport.saturating_sub(1) <= self.newcomer.chain.floor();
        let reference = if is_before { ShortHash::ZERO } else { entry.reference };
        self.order.push(Arc::clone(entry), reference, now.tick);
    }

    /// The body of an entry has come after it: whoever was shown that it is missing is shown what it says.
    fn queue_late(&mut self, entry: &Arc<Held>, now: Now) {
        self.order.push(Arc::clone(entry), ShortHash::ZERO, now.tick);
    }

    pub(super) fn on_fork(&mut self, link: LinkId, fork: &Fork<'_>, now: Now, out: &mut Vec<Output>) {
        match self.replica.log.check_fork(fork, &self.us) {
            Ok((stream, number)) => {
                if self.may_have_written(&stream) && self.replica.void(stream, number, out) {
                    let frame = Frame::Meeting(crate::wire::meeting::Meeting::Fork(*fork)).encode(RequestId::EVENT);
                    self.forked(link, stream, number, &frame, now, out);
                }
            }
            Err(rule) => self.reject(link, rule, now, out),
        }
    }

    /// Whether anything of a stream may count, or might have.
    fn may_have_written(&self, stream: &StreamId) -> bool {
        let is_known = self.roster.is_seated(&stream.author) || self.roster.is_revoked(&stream.author, Level::Out);
        self.roster.is_hosts(&stream.author) || is_known && stream.lane == Lane::Talk
    }

    /// Part of what somebody has said is void: told to the user, and shown to everybody, once (SPEC MESH-10).
    fn forked(
        &mut self,
        from: LinkId,
        stream: StreamId,
        number: u64,
        proof: &Encoded,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let others = self.links.iter().filter(|(link, peer)| peer.is_in() && **link != from);
        out.extend(others.map(|(link, _)| Output::Send { link: *link, frame: proof.clone() }));
        if let Some(charter) = &self.charter {
            self.roster.void(stream, number, charter);
        }
        self.unjudged.get_or_insert_default();
        let is_own = stream.author == self.us.key();
        // SPEC FORK-4
        if is_own && stream.session == self.session {
            self.begin_session(now, out);
        }
        let notice = if is_own { Notice::OwnFork } else { Notice::Fork(self.called(&stream.author)) };
        out.push(Output::Event(Event::Warning(notice)));
    }
}

/// Whether the next entry of a stream may be one to store: its author may write it, and it lies within all cuts.
pub(super) fn is_wanted(log: &Log, roster: &Roster, stream: StreamId) -> bool {
    may_go_on(log, roster, stream) && (!stream.lane.is_register() || log.has_place_for(stream))
}

/// Whether a newcomer waits for a stream before it is inside, and asks for nothing else until then; `people`: of whom its
/// WELCOME tells (SPEC MESH-19).
pub(super) fn is_awaited(people: &BTreeSet<Key>, stream: StreamId) -> bool {
    match stream.lane {
        Lane::Acts => true,
        Lane::Talk | Lane::Register(_) => stream.lane == Lane::PERSON && people.contains(&stream.author),
    }
}

/// Who pays for what is fetched of a stream (SPEC MESH-29).
pub(super) fn payer(roster: &Roster, stream: StreamId) -> Payer {
    match stream.lane {
        Lane::Acts => Payer::Nobody,
        Lane::Talk | Lane::Register(_) => roster.branch(&stream.author).map_or(Payer::Bringer, Payer::Branch),
    }
}

/// The same, of an act.
pub(super) fn is_wanted_act(log: &Log, roster: &Roster, stream: StreamId) -> bool {
    stream.lane == Lane::Acts && is_wanted(log, roster, stream)
}

/// Whether the next entry of a stream may count.
pub(super) fn may_go_on(log: &Log, roster: &Roster, stream: StreamId) -> bool {
    let (number, _) = log.missing(stream);
    roster.counts(stream, number) && !log.is_void(stream, number)
}
