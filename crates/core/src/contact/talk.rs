//! What goes over a pair's link, both ways (SPEC.md, "Saying").

use alloc::vec::Vec;

use super::{Friend, FriendId, Friends, Timer};
use crate::code::Code;
use crate::event::{Change, Ending, Event, Kind, Notice, Reach};
use crate::id::{LinkId, RequestId};
use crate::limits;
use crate::log::{Held, StreamId, Verdict, check_fork};
use crate::machine::{Kept, Output};
use crate::name::numbered;
use crate::rule::Rule;
use crate::sync::message;
use crate::time::Now;
use crate::wire::Frame;
use crate::wire::entry::{Entry, EntryBody};
use crate::wire::field::{List, Signed, Text, encode_items};
use crate::wire::meeting::{Digest, Fetch, Fork, Lane, Meeting, Row};
use crate::wire::option::Options;
use crate::wire::private::Private;
use crate::wire::session::Session;

impl Friends {
    /// Writes a text to a friend whose key is known: on the disk first, then told, then sent.
    pub(super) fn write(&mut self, id: FriendId, text: Text<'_>, now: Now, out: &mut Vec<Output>) {
        let next = self.last_session.saturating_add(1).max(self.started_ms);
        let Some(friend) = self.friends.get_mut(&id) else { return };
        let link = friend.link();
        let Some(pair) = friend.pair.as_mut() else { return };
        // SPEC SESSION-1: one that this node has in no other pair either.
        let session = *pair.session.get_or_insert_with(|| next.max(pair.log.next_session(self.us.key())));
        self.last_session = self.last_session.max(session);
        let Some(entry) = pair.log.write(&self.us, session, &EntryBody::Text { text }, now) else { return };
        let number = entry.number;
        let goes = pair.goes_unasked(session, number);
        let is_self = pair.is_self();
        self.store(id, &entry, out);
        self.show(id, &entry, out);
        match link {
            _ if is_self => {
                out.push(Output::Event(Event::Delivery { session, number, reach: Reach::All, have: 1, of: 1 }));
            }
            Some(link) if goes => {
                out.push(Output::Send { link, frame: entry.frame.clone() });
                self.changed(id, now);
                self.stay(id, now.tick);
            }
            Some(_) => self.changed(id, now),
            None => self.want_link(id, now, out),
        }
    }

    /// What has waited for a friend's key is written, once it is known.
    pub(super) fn sign_drafts(&mut self, id: FriendId, now: Now, out: &mut Vec<Output>) {
        let Some(friend) = self.friends.get_mut(&id).filter(|friend| friend.pair.is_some()) else { return };
        let drafts = core::mem::take(&mut friend.drafts);
        if drafts.is_empty() {
            return;
        }
        for (time_ms, text) in drafts {
            let Some(text) = Text::new(&text) else { continue };
            let pair = self.friends.get(&id).and_then(|friend| friend.pair.as_ref());
            // Else an earlier run was killed between the two.
            if pair.is_some_and(|pair| !pair.has_said(time_ms, text)) {
                self.write(id, text, Now { unix_ms: time_ms, ..now }, out);
            }
        }
        self.keep_drafts(out);
    }

    /// Onto the disk; with whose pair it is, the first time.
    fn store(&mut self, id: FriendId, entry: &Held, out: &mut Vec<Output>) {
        let Some(pair) = self.friends.get_mut(&id).and_then(|friend| friend.pair.as_mut()) else { return };
        let meeting = pair.log.meeting();
        if !core::mem::replace(&mut pair.is_kept, true) {
            out.push(Output::Keep { meeting, name: Kept::Peer, bytes: pair.peer().0.into() });
        }
        out.push(Output::Store { meeting, frame: entry.frame.clone() });
    }

    /// Tells the user what an entry says. True if the friend has said it.
    fn show(&self, id: FriendId, entry: &Held, out: &mut Vec<Output>) -> bool {
        let Some(friend) = self.friends.get(&id) else { return false };
        let Some(pair) = &friend.pair else { return false };
        let us = self.us.key();
        let author = if entry.id.author == us { &self.name } else { &friend.name };
        let event = message(pair.log.meeting(), entry, &entry.body(), None, author, us);
        let event = event.filter(|event| matches!(event, Event::Message { kind: Kind::Text(_), .. }));
        let is_theirs = event.is_some() && entry.id.author != us;
        out.extend(event.map(Output::Event));
        is_theirs
    }

    /// Tells the user what an earlier run has stored and not shown: one text, if this run ends after one. True if there
    /// was any.
    pub(super) fn show_rest(&mut self, id: FriendId, out: &mut Vec<Output>) -> bool {
        let mut has_shown = false;
        while !(has_shown && self.ends_after_one)
            && let Some(pair) = self.friends.get_mut(&id).and_then(|friend| friend.pair.as_mut())
            && let Some(entry) = pair.unshown.pop_front()
        {
            has_shown |= self.show(id, &entry, out);
        }
        has_shown
    }

    /// The other side is told of what has changed, soon.
    fn changed(&mut self, id: FriendId, now: Now) {
        if !self.timers.is_armed(Timer::Digest(id)) {
            self.timers.arm(Timer::Digest(id), now.tick.after(limits::CONTACT_DIGEST_INTERVAL));
        }
    }

    /// All rows, on a link that begins.
    pub(super) fn send_rows(&mut self, id: FriendId, out: &mut Vec<Output>) {
        let Some(friend) = self.friends.get(&id) else { return };
        let (Some(link), Some(pair)) = (friend.link(), &friend.pair) else { return };
        out.push(digest(link, pair.log.rows(0)));
    }

    /// The rows that have changed, if any have.
    pub(super) fn send_changes(&mut self, id: FriendId, out: &mut Vec<Output>) {
        self.timers.disarm(Timer::Digest(id));
        let Some(friend) = self.friends.get_mut(&id) else { return };
        let link = friend.link();
        let (Some(link), Some(pair)) = (link, friend.pair.as_mut()) else { return };
        let rows = pair.log.changed_rows();
        if !rows.is_empty() {
            out.push(digest(link, rows));
        }
    }

    /// Asks for what is lacking, if nothing is asked for already.
    pub(super) fn pull(&mut self, id: FriendId, now: Now, out: &mut Vec<Output>) {
        let request = self.next_request();
        let Some(friend) = self.friends.get_mut(&id) else { return };
        let link = friend.link();
        let (Some(link), Some(pair)) = (link, friend.pair.as_mut()) else { return };
        let (ranges, gaps) = pair.lacks();
        for (StreamId { author, session, .. }, first, next) in gaps {
            out.push(Output::Event(Event::Gap { author, session, first, next }));
        }
        if ranges.is_empty() {
            return;
        }
        pair.asks(link, request);
        let (count, items) = encode_items(ranges, limits::RANGES_MAX);
        let fetch = Fetch { ranges: List::over(count, &items), options: Options::NONE };
        out.push(Output::Send { link, frame: Frame::from(fetch).encode(request) });
        self.timers.arm(Timer::Fetch(id), now.tick.after(limits::FETCH_TIMEOUT));
    }

    pub(super) fn on_frame(
        &mut self,
        link: LinkId,
        request: RequestId,
        frame: &Frame<'_>,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        let Some(id) = self.links.get(&link).copied() else { return };
        match frame {
            Frame::Meeting(Meeting::EntryFrame(frame)) => self.on_entry(id, link, &frame.entry, now, out),
            Frame::Meeting(Meeting::Digest(digest)) => self.on_digest(id, link, digest, now, out),
            Frame::Meeting(Meeting::Fetch(fetch)) => self.on_fetch(id, link, request, fetch, now, out),
            Frame::Meeting(Meeting::Fork(fork)) => self.on_fork(id, link, fork, now, out),
            Frame::Session(Session::Done(_) | Session::Refused(_)) => self.on_answer(id, link, request, now, out),
            // SPEC CONTACT-2
            Frame::Meeting(
                Meeting::Join(_)
                | Meeting::Welcome(_)
                | Meeting::Presence(_)
                | Meeting::Rename(_)
                | Meeting::Waiting(_)
                | Meeting::Links(_),
            )
            | Frame::Private(Private::Tell(_) | Private::Ask(_)) => self.reject(link, Rule::Contact2, now, out),
            // SPEC REGISTRY-2
            Frame::Registry(_) => self.reject(link, Rule::Registry2, now, out),
            // The link keeps these to itself.
            Frame::Session(Session::Hello(_) | Session::Bye(_) | Session::Ping(_)) => {}
        }
    }

    fn on_entry(&mut self, id: FriendId, link: LinkId, entry: &Signed<'_, Entry<'_>>, now: Now, out: &mut Vec<Output>) {
        let us = self.us.key();
        let Some(pair) = self.friends.get_mut(&id).and_then(|friend| friend.pair.as_mut()) else { return };
        // SPEC CONTACT-3
        if entry.value.lane != Lane::Talk || ![us, pair.peer()].contains(&entry.value.author) {
            return self.reject(link, Rule::Contact3, now, out);
        }
        match pair.log.offer(entry, false, &self.us) {
            Verdict::Stored(entry) => {
                pair.has_come();
                self.on_stored(id, &entry, now, out);
            }
            Verdict::Dropped => {}
            Verdict::Ahead { .. } => {
                pair.is_offered(StreamId::of(&entry.value), entry.value.number);
                self.pull(id, now, out);
            }
            Verdict::Forked(proof) => {
                out.extend(proof.frame().map(|frame| Output::Send { link, frame }));
                self.on_forked(id, proof.stream, out);
            }
            Verdict::Refused(rule) => self.reject(link, rule, now, out),
        }
    }

    fn on_stored(&mut self, id: FriendId, entry: &Held, now: Now, out: &mut Vec<Output>) {
        self.store(id, entry, out);
        if entry.id.author != self.us.key() {
            self.list_stranger(id, out);
        }
        let is_theirs = self.show(id, entry, out);
        self.changed(id, now);
        self.stay(id, now.tick);
        if is_theirs && self.ends_after_one {
            self.leave(Code::Left, Ending::Heard, out);
        }
    }

    /// Who has said something becomes a contact, under a name that nobody else has.
    fn list_stranger(&mut self, id: FriendId, out: &mut Vec<Output>) {
        let Some(friend) = self.friends.get(&id).filter(|friend| !friend.is_listed) else { return };
        let wanted = friend.name.clone();
        let others = (2..).map(|number| numbered(&wanted, number));
        let name = core::iter::once(wanted.clone()).chain(others).find(|name| !self.is_named(name, Some(id)));
        let Some(friend) = self.friends.get_mut(&id) else { return };
        friend.name = name.unwrap_or(wanted);
        (friend.is_listed, friend.is_stranger, friend.is_told_linked) = (true, true, true);
        self.keep_contacts(Some((Change::Stranger, id)), out);
    }

    fn on_digest(&mut self, id: FriendId, link: LinkId, digest: &Digest<'_>, now: Now, out: &mut Vec<Output>) {
        let us = self.us.key();
        let Some(pair) = self.friends.get_mut(&id).and_then(|friend| friend.pair.as_mut()) else { return };
        let mut has_more = false;
        for row in digest.rows.iter() {
            if row.lane != Lane::Talk || ![us, pair.peer()].contains(&row.author) {
                continue;
            }
            // SPEC DIGEST-3
            out.extend(pair.log.rival_head(&row, 0).map(|frame| Output::Send { link, frame }));
            for number in pair.note(&row) {
                has_more = true;
                let (session, reach) = (row.session, Reach::All);
                out.push(Output::Event(Event::Delivery { session, number, reach, have: 1, of: 1 }));
            }
        }
        pair.is_told();
        if has_more {
            let (meeting, bytes) = (pair.log.meeting(), pair.kept_received());
            out.push(Output::Keep { meeting, name: Kept::Acknowledged, bytes });
        }
        self.pull(id, now, out);
    }

    fn on_fetch(
        &mut self,
        id: FriendId,
        link: LinkId,
        request: RequestId,
        fetch: &Fetch<'_>,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        // SPEC FETCH-1
        if fetch.ranges.iter().any(|range| range.from >= range.to) {
            return self.reject(link, Rule::Fetch1, now, out);
        }
        let pair = self.friends.get(&id).and_then(|friend| friend.pair.as_ref());
        let found = pair.map(|pair| pair.log.fetch(fetch.ranges.iter(), 0)).unwrap_or_default();
        if !found.is_empty() {
            self.stay(id, now.tick);
        }
        out.extend(found.iter().map(|entry| Output::Send { link, frame: entry.frame.clone() }));
        out.push(Output::done(link, request));
    }

    fn on_answer(&mut self, id: FriendId, link: LinkId, request: RequestId, now: Now, out: &mut Vec<Output>) {
        let Some(pair) = self.friends.get_mut(&id).and_then(|friend| friend.pair.as_mut()) else { return };
        if pair.is_answered(link, request) {
            self.timers.disarm(Timer::Fetch(id));
            self.pull(id, now, out);
        }
    }

    fn on_fork(&mut self, id: FriendId, link: LinkId, fork: &Fork<'_>, now: Now, out: &mut Vec<Output>) {
        let us = self.us.key();
        let Some(pair) = self.friends.get_mut(&id).and_then(|friend| friend.pair.as_mut()) else { return };
        match check_fork(fork, pair.log.meeting(), &self.us) {
            // SPEC CONTACT-3
            Ok((stream, _)) if stream.lane != Lane::Talk || ![us, pair.peer()].contains(&stream.author) => {
                self.reject(link, Rule::Contact3, now, out);
            }
            Ok((stream, number)) => {
                if pair.log.void(stream, number) {
                    self.on_forked(id, stream, out);
                }
            }
            Err(rule) => self.reject(link, rule, now, out),
        }
    }

    /// SPEC FORK-3: part of what one of the two has said is void.
    fn on_forked(&mut self, id: FriendId, stream: StreamId, out: &mut Vec<Output>) {
        let us = self.us.key();
        let Some(friend) = self.friends.get_mut(&id) else { return };
        let name = friend.name.clone();
        let Some(pair) = friend.pair.as_mut() else { return };
        let is_own = stream.author == us;
        if is_own && pair.session == Some(stream.session) {
            pair.restart();
        }
        out.push(Output::Event(Event::Warning(Notice::ForkOfPair { name, is_own })));
    }
}

fn digest(link: LinkId, rows: Vec<Row>) -> Output {
    let (count, items) = encode_items(rows, limits::ROWS_MAX);
    let digest = Digest { rows: List::over(count, &items), options: Options::NONE };
    Output::Send { link, frame: Frame::from(digest).encode(RequestId::EVENT) }
}

impl Friend {
    /// Whether the user has answered: then they are no stranger any more.
    pub(super) const fn is_answered(&mut self) -> bool {
        core::mem::replace(&mut self.is_stranger, false)
    }
}
