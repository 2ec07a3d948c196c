//! What goes over a pair's link, both ways (SPEC.md, "Saying").

use alloc::string::String;
use alloc::vec::Vec;

use super::pair::{Pair, may_write};
use super::{Friend, FriendId, Friends, Timer};
use crate::code::Code;
use crate::event::{Change, Ending, Event, Kind, Notice, Reach};
use crate::id::{Key, LinkId, RequestId, Salt};
use crate::limits;
use crate::log::{Held, Log, StreamId};
use crate::machine::Output;
use crate::name::{begins_with, numbered};
use crate::replica::{Payer, Taken, Telling, message, news};
use crate::rule::Rule;
use crate::time::Now;
use crate::wire::Frame;
use crate::wire::entry::{Carried, EntryBody};
use crate::wire::field::Text;
use crate::wire::meeting::{Digest, Fetch, Fork, Meeting, Row};
use crate::wire::private::Private;
use crate::wire::session::Session;

impl Friends {
    /// Writes a text to a friend whose key is known: on the disk first, then told, then sent.
    pub(super) fn write(&mut self, id: FriendId, text: Text<'_>, now: Now, out: &mut Vec<Output>) {
        let salt = Salt(self.random.bytes());
        self.write_body(id, &EntryBody::Text { salt, text }, now, out);
    }

    pub(super) fn write_body(&mut self, id: FriendId, body: &EntryBody<'_>, now: Now, out: &mut Vec<Output>) {
        let (next, drawn) = (self.last_session.saturating_add(1), self.random.bytes());
        let Some(friend) = self.friends.get_mut(&id) else { return };
        let link = friend.link();
        let Some(pair) = friend.pair.as_mut() else { return };
        // SPEC SESSION-1: one that this node has in no other pair either.
        let log = &pair.replica.log;
        let (us, started_ms) = (self.us.key(), self.config.started_ms);
        let session = *pair.session.get_or_insert_with(|| next.max(log.new_session(us, started_ms, drawn)));
        self.last_session = self.last_session.max(session);
        let from = out.len();
        let Some(entry) = pair.replica.write(&self.us, session, body, now, out) else { return };
        let number = entry.number;
        let goes = pair.goes_unasked(session, number);
        let is_self = pair.is_self();
        pair.keep_peer(from, out);
        self.show(id, &entry, out);
        self.show_news(id, now, out);
        match link {
            _ if is_self => {
                out.push(Output::Event(Event::Delivery { session, number, reach: Reach::All, have: 1, of: 1 }));
            }
            Some(link) if goes => {
                out.push(Output::Send { link, frame: entry.frame.clone() });
                self.settle(id, now, out);
                self.stay(id, now.tick);
            }
            Some(_) => self.settle(id, now, out),
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

    /// Tells the user what an entry says. True if the friend has said it.
    fn show(&self, id: FriendId, entry: &Held, out: &mut Vec<Output>) -> bool {
        let Some(friend) = self.friends.get(&id) else { return false };
        let Some(pair) = &friend.pair else { return false };
        let us = self.us.key();
        let author = if entry.id.author == us { &self.config.name } else { &friend.name };
        let event = message(pair.log(), entry, &pair.log().says(entry), None, author, us);
        let event = event.filter(|event| matches!(event, Event::Message { kind: Kind::Text(_), .. }));
        let is_theirs = event.is_some() && entry.id.author != us;
        out.extend(event.map(Output::Event));
        is_theirs
    }

    fn was_shown(&self, id: FriendId, entry: &Held) -> bool {
        let pair = self.friends.get(&id).and_then(|friend| friend.pair.as_ref());
        pair.is_some_and(|pair| pair.log().was_shown(entry))
    }

    /// Tells the user what an earlier run has stored and not shown: one text, if this run ends after one. True if there
    /// was any.
    pub(super) fn show_rest(&mut self, id: FriendId, out: &mut Vec<Output>) -> bool {
        let mut has_shown = false;
        while !(has_shown && self.config.ends_after_one)
            && let Some(pair) = self.friends.get_mut(&id).and_then(|friend| friend.pair.as_mut())
            && let Some(entry) = pair.unshown.pop_front()
        {
            has_shown |= self.show(id, &entry, out);
        }
        has_shown
    }

    /// Tells what has changed now, not soon.
    pub(super) fn send_changes(&mut self, id: FriendId, now: Now, out: &mut Vec<Output>) {
        if let Some(pair) = self.friends.get_mut(&id).and_then(|friend| friend.pair.as_mut()) {
            pair.replica.hurry(now);
            pair.replica.tell(|_, _| Telling::Soon, now, out);
        }
    }

    /// Shows what one of the two has removed, or nobody has any more. SPEC RETRACT-1: of one's own words alone.
    fn show_news(&mut self, id: FriendId, now: Now, out: &mut Vec<Output>) {
        let (us, own) = (self.us.key(), self.config.name.clone());
        let Some(friend) = self.friends.get_mut(&id) else { return };
        let Some(pair) = friend.pair.as_mut() else { return };
        pair.replica.review(|retraction| retraction.by.author == retraction.author, now, out);
        for what in pair.replica.news() {
            let called = |key: &Key| if *key == us { own.clone() } else { friend.name.clone() };
            out.extend(news(&pair.replica.log, &what, called, us).map(Output::Event));
        }
    }

    /// Does what is due between two who are linked: tells what has changed, asks for what is lacking.
    pub(super) fn settle(&mut self, id: FriendId, now: Now, out: &mut Vec<Output>) {
        self.show_news(id, now, out);
        let Some(friend) = self.friends.get_mut(&id).filter(|friend| friend.link().is_some()) else { return };
        let is_stranger = friend.is_stranger;
        let takes = |log: &Log, id: StreamId| !is_stranger || has_room_for_stranger(log, &id.author);
        let Some(pair) = friend.pair.as_mut() else { return };
        // SPEC CONTACT-17
        if is_stranger && !friend.is_told_more && pair.replica.lacks(|log, id| !takes(log, id)) {
            friend.is_told_more = true;
            out.push(Output::Event(Event::Warning(Notice::StrangerHasMore(friend.name.clone()))));
        }
        if pair.replica.must_tell(now) {
            pair.replica.tell(|_, _| Telling::Soon, now, out);
        }
        let wanted = |log: &Log, id| {
            let is_wanted = takes(log, id) && !log.is_void(id, log.next_number(id));
            is_wanted.then_some(Payer::Branch(id.author))
        };
        pair.replica.ask(wanted, &mut self.last_request, now, out);
        match pair.replica.next(now) {
            Some(due) => self.timers.arm(Timer::Due(id), due),
            None => self.timers.disarm(Timer::Due(id)),
        }
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
            Frame::Meeting(Meeting::Digest(digest)) => self.on_digest(id, digest, now, out),
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

    fn on_entry(&mut self, id: FriendId, link: LinkId, entry: &Carried<'_>, now: Now, out: &mut Vec<Output>) {
        let Some(friend) = self.friends.get_mut(&id) else { return };
        let is_stranger = friend.is_stranger;
        let (Some(newest), Some(pair)) = (friend.link(), friend.pair.as_mut()) else { return };
        if let Err(rule) = may_write(StreamId::of(&entry.entry), self.us.key(), pair.peer()) {
            return self.reject(link, rule, now, out);
        }
        let from = out.len();
        let author = entry.entry.author;
        let is_wanted = !is_stranger || has_room_for_stranger(pair.log(), &author);
        let payer = is_wanted.then_some(Payer::Branch(author));
        match pair.replica.take(newest, entry, payer, &self.us, now, out) {
            Taken::Stored(entry) => {
                pair.keep_peer(from, out);
                self.on_stored(id, &entry, now, out);
            }
            Taken::Completed(entry) => drop(self.show(id, &entry, out)),
            Taken::Known => {}
            Taken::Later => self.settle(id, now, out),
            Taken::Forked(proof) => self.on_forked(id, proof.stream, out),
            Taken::Broken(rule) => self.reject(link, rule, now, out),
        }
    }

    fn on_stored(&mut self, id: FriendId, entry: &Held, now: Now, out: &mut Vec<Output>) {
        if entry.id.author != self.us.key() {
            self.list_stranger(id, out);
        }
        let is_theirs = !self.was_shown(id, entry) && self.show(id, entry, out);
        self.settle(id, now, out);
        self.stay(id, now.tick);
        if is_theirs && self.config.ends_after_one {
            self.leave(Code::Left, Ending::Heard, now, out);
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
        self.accept_as_wished(id, out);
    }

    /// A stranger whom the user has accepted beforehand is a contact at once.
    pub(super) fn accept_as_wished(&mut self, id: FriendId, out: &mut Vec<Output>) {
        let accepted = &self.config.accepted;
        let Some(friend) = self.friends.get_mut(&id).filter(|friend| friend.is_listed && !friend.is_blocked) else {
            return;
        };
        let key = friend.key();
        let is_meant = |wish: &String| *wish == friend.name || key.is_some_and(|key| begins_with(key, wish));
        if friend.is_stranger && accepted.iter().any(is_meant) {
            friend.is_stranger = false;
            self.keep_contacts(Some((Change::Added, id)), out);
        }
    }

    /// Who is a stranger to a friend is told so, if that friend takes nothing for a while (SPEC CONTACT-18).
    fn note_kept_back(&mut self, id: FriendId, now: Now) {
        let Some(friend) = self.friends.get(&id).filter(|friend| !friend.is_told_unaccepted) else { return };
        if friend.pair.as_ref().is_some_and(|pair| pair.kept_back().is_some()) {
            self.timers.arm(Timer::Unaccepted(id), now.tick.after(limits::UNACCEPTED_PATIENCE));
        } else {
            self.timers.disarm(Timer::Unaccepted(id));
        }
    }

    pub(super) fn tell_unaccepted(&mut self, id: FriendId, out: &mut Vec<Output>) {
        let Some(friend) = self.friends.get_mut(&id).filter(|friend| friend.link().is_some()) else { return };
        if let Some(bytes) = friend.pair.as_ref().and_then(Pair::kept_back) {
            friend.is_told_unaccepted = true;
            let name = friend.name.clone();
            out.push(Output::Event(Event::Warning(Notice::Unaccepted { name, bytes })));
        }
    }

    fn on_digest(&mut self, id: FriendId, digest: &Digest<'_>, now: Now, out: &mut Vec<Output>) {
        let Some(friend) = self.friends.get_mut(&id) else { return };
        let (Some(link), Some(pair)) = (friend.link(), friend.pair.as_mut()) else { return };
        let (us, peer) = (self.us.key(), pair.peer());
        let may_be = |row: &Row| may_write(StreamId::of_row(row), us, peer).is_ok();
        let rows: Vec<Row> = digest.rows.iter().filter(may_be).collect();
        for row in &rows {
            let (session, reach) = (row.session, Reach::All);
            let told = pair.note(row).map(|number| Event::Delivery { session, number, reach, have: 1, of: 1 });
            out.extend(told.map(Output::Event));
        }
        pair.is_told();
        out.extend(Output::store(&mut pair.replica.log));
        pair.replica.rows(link, rows.into_iter(), now, out);
        self.note_kept_back(id, now);
        self.settle(id, now, out);
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
        let Some(pair) = self.friends.get(&id).and_then(|friend| friend.pair.as_ref()) else { return };
        match pair.replica.serve(link, request, fetch, |_| true, out) {
            Ok(true) => self.stay(id, now.tick),
            Ok(false) => {}
            Err(rule) => self.reject(link, rule, now, out),
        }
    }

    fn on_answer(&mut self, id: FriendId, link: LinkId, request: RequestId, now: Now, out: &mut Vec<Output>) {
        let Some(pair) = self.friends.get_mut(&id).and_then(|friend| friend.pair.as_mut()) else { return };
        // What it has not brought is not to be had, until rows say otherwise.
        if pair.replica.answered(link, request, |_, _| false) {
            self.settle(id, now, out);
        }
    }

    fn on_fork(&mut self, id: FriendId, link: LinkId, fork: &Fork<'_>, now: Now, out: &mut Vec<Output>) {
        let Some(pair) = self.friends.get_mut(&id).and_then(|friend| friend.pair.as_mut()) else { return };
        let (us, peer) = (self.us.key(), pair.peer());
        let checked = pair.log().check_fork(fork, &self.us);
        match checked.and_then(|(stream, number)| may_write(stream, us, peer).map(|()| (stream, number))) {
            Ok((stream, number)) if pair.replica.void(stream, number, out) => self.on_forked(id, stream, out),
            Ok(_) => {}
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

impl Friend {
    /// Whether the user has answered: then they are no stranger any more.
    pub(super) const fn is_answered(&mut self) -> bool {
        core::mem::replace(&mut self.is_stranger, false)
    }
}

/// SPEC CONTACT-17
fn has_room_for_stranger(log: &Log, author: &Key) -> bool {
    log.talk_bytes_of(author) < limits::STRANGER_BYTES_MAX
}
