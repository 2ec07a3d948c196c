//! One node's copy of a meeting, or of what two have said (SPEC.md, "Log"). Receiving is one thing: whoever lacks
//! something asks a holder. Who may write, and what is shown when, the machines above know.

mod budget;
mod delivery;
mod order;
mod pull;
mod registers;
mod serve;
mod show;
mod telling;

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

pub(crate) use self::budget::{Account, Budget, Payer};
pub(crate) use self::delivery::Delivery;
pub(crate) use self::order::Order;
use self::pull::Terms;
pub(crate) use self::pull::{Offer, Pull, Step};
use self::registers::{Pace, bucket};
pub(crate) use self::serve::{Asker, send_rows};
pub use self::show::is_asked;
pub(crate) use self::show::{message, news, retract};
pub(crate) use self::telling::Telling;
use self::telling::{Owed, Turns};
use crate::event::Event;
use crate::id::{Hash, Key, LinkId, RequestId, Signature, Source};
use crate::identity::Identity;
use crate::limits;
use crate::link::Bucket;
use crate::log::{Held, Log, News, Proof, Retraction, StreamId, Verdict};
use crate::machine::Output;
use crate::rule::Rule;
use crate::time::{Instant, Now};
use crate::wire::Frame;
use crate::wire::entry::{Carried, Entry, EntryBody};
use crate::wire::field::{List, encode_items};
use crate::wire::frame::HEADER;
use crate::wire::meeting::{Fetch, Lane, Range, Row};
use crate::wire::option::Options;

/// What is waited for, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    /// For somebody who offers what comes next in a stream, before it goes on behind the gap.
    pub(crate) gap: Duration,
    /// Between a change and the DIGEST that tells of it.
    pub(crate) change: Duration,
    /// Between two DIGESTs.
    pub(crate) digest: Duration,
    /// Between two DIGESTs that tell somebody how far it has come with what it has written.
    pub(crate) acknowledge: Duration,
    /// Between two others who are told in turn what their authors bring them.
    pub(crate) turn: Duration,
}

impl Patience {
    /// Of a guest (SPEC DIGEST-4): nobody but the host has anything.
    pub(crate) const GUEST: Self = Self::of_one(limits::GUEST_DIGEST_INTERVAL);

    /// Of one of two friends (SPEC CONTACT-4): nobody but the other has anything.
    pub(crate) const FRIEND: Self = Self::of_one(limits::CONTACT_DIGEST_INTERVAL);

    /// Of a member of a room (SPEC MESH-12, MESH-14, MESH-31): anybody may have it.
    pub(crate) const MEMBER: Self = Self {
        gap: limits::GAP_TIMEOUT,
        change: limits::MESH_DIGEST_DELAY,
        digest: limits::MESH_DIGEST_INTERVAL,
        acknowledge: limits::MESH_ACKNOWLEDGE_INTERVAL,
        turn: limits::MESH_TURN_INTERVAL,
    };

    /// Of one who has nobody else to ask, or to tell.
    const fn of_one(change: Duration) -> Self {
        let none = Duration::ZERO;
        Self { gap: none, change, digest: none, acknowledge: none, turn: none }
    }
}

/// Whom this node can ask, and tells of what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Holder {
    key: Key,
    /// Who is answerable for what it brings.
    account: Account,
    /// The lamport time above which it is told of talk, and served it; `None`: not at all.
    talk: Option<u64>,
    /// It is told of what changes: not on the older of two links.
    is_told: bool,
    /// How often it may be sent what is newer than a register that it sends.
    answers: Bucket,
    /// Of streams of which bodies are lacking here, how far it has told that it holds them.
    told: BTreeMap<StreamId, u64>,
    /// What it has still to be told of.
    owed: Owed,
}

impl Holder {
    /// One that is told nothing yet.
    fn new(key: Key, account: Account) -> Self {
        let (told, owed) = (BTreeMap::new(), Owed::default());
        Self { key, account, talk: None, is_told: false, answers: bucket(), told, owed }
    }
}

/// What has become of an entry that somebody sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is new, and stored.
    Stored(Arc<Held>),
    /// Its body is here, too, now.
    Completed(Arc<Held>),
    /// It is held already, or void.
    Known,
    /// What comes before it is asked for, or it may count some day.
    Later,
    /// It excludes an entry that is held. Whoever sent it has been sent the proof.
    Forked(Proof),
    /// It breaks a rule.
    Broken(Rule),
}

/// What is held, what is lacking, and whom to ask for it.
#[derive(Clone, Debug)]
pub(crate) struct Replica {
    pub(crate) log: Log,
    pull: Pull,
    /// Who is asked for bodies that are lacking.
    bodies: Pull,
    /// When nobody is waited for who could bring them.
    forgo_at: Option<Instant>,
    /// Which RETRACTs count may have changed; `None`: they were never looked at.
    may_count: Option<bool>,
    patience: Patience,
    /// What may be fetched; nothing, where it is bounded in another way.
    budget: Option<Budget>,
    /// Whose sessions, and from which on, this node writes itself: nobody has more of them.
    own: Option<(Key, u64)>,
    holders: BTreeMap<LinkId, Holder>,
    pace: Pace,
    /// PERSONs that were let go of: nobody is asked for them until a row tells of a newer one.
    forgotten: BTreeMap<Key, (u64, u64)>,
    /// When what has changed is told.
    tell_at: Option<Instant>,
    told_at: Instant,
    turns: Turns,
}

impl Replica {
    pub(crate) fn new(log: Log, patience: Patience) -> Self {
        Self {
            log,
            pull: Pull::default(),
            bodies: Pull::default(),
            forgo_at: None,
            may_count: None,
            patience,
            budget: None,
            own: None,
            holders: BTreeMap::new(),
            pace: Pace::default(),
            forgotten: BTreeMap::new(),
            tell_at: None,
            told_at: Instant(0),
            turns: Turns::default(),
        }
    }

    /// What is fetched is paid for.
    pub(crate) fn with_budget(self) -> Self {
        Self { budget: Some(Budget::default()), ..self }
    }

    /// Nobody has more than this node of what `us` writes from `session` on.
    pub(crate) const fn writes(&mut self, us: Key, session: u64) {
        self.own = Some((us, session));
    }

    /// Writes an entry of this node's own; `None` if the meeting can hold no more acts.
    pub(crate) fn write(
        &mut self,
        us: &Identity,
        session: u64,
        body: &EntryBody<'_>,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Option<Arc<Held>> {
        let entry = self.log.write(us, session, body, now)?;
        self.on_stored(&entry, now, out);
        Some(entry)
    }

    /// Takes an entry that somebody sent and that its author may write; `payer`: who pays for it, if it counts by now.
    pub(crate) fn take(
        &mut self,
        link: LinkId,
        entry: &Carried<'_>,
        payer: Option<Payer>,
        us: &Identity,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Taken {
        let (id, number) = (StreamId::of(&entry.entry), entry.entry.number);
        let is_asked = self.pull.is_asked(link, id, number) || self.bodies.is_asked(link, id, number);
        // SPEC CONTACT-16: on a member's link, a rate of bytes holds (MESH-17); what a friend pushes above its charge waits.
        let is_above = |payer: Payer| terms(&self.holders, self.budget.as_ref()).opens_at(payer, link) > now.tick;
        let payer = payer.filter(|payer| is_asked || !self.patience.gap.is_zero() || !is_above(*payer));
        if let (Some(Payer::Branch(branch)), Lane::Talk) = (payer, id.lane) {
            self.join(id.author, branch, out);
        }
        let taken = match payer {
            Some(_) if id.lane.is_register() => self.take_register(link, entry, us, now, out),
            _ => self.take_of_stream(link, entry, payer.is_some(), is_asked, us, now, out),
        };
        // SPEC MESH-29
        let is_kept = matches!(taken, Taken::Stored(_) | Taken::Completed(_));
        let payer = if is_kept { payer } else { is_asked.then_some(Payer::Bringer) };
        if let (Some(budget), Some(payer), Some(holder)) = (&mut self.budget, payer, self.holders.get(&link)) {
            let account = payer.account(holder.account);
            account.into_iter().for_each(|account| budget.charge(account, length(entry), now.tick));
        }
        taken
    }

    /// From now on, what an author says is on the account of the branch that it is in.
    pub(crate) fn join(&mut self, author: Key, branch: Key, out: &mut Vec<Output>) {
        self.log.join(author, branch);
        out.extend(Output::store(&mut self.log));
    }

    #[expect(clippy::too_many_arguments, reason = "all that is known of an entry that has come")]
    fn take_of_stream(
        &mut self,
        link: LinkId,
        entry: &Carried<'_>,
        is_wanted: bool,
        is_asked: bool,
        us: &Identity,
        now: Now,
        out: &mut Vec<Output>,
    ) -> Taken {
        let (id, number) = (StreamId::of(&entry.entry), entry.entry.number);
        let is_new = !self.log.knows(id);
        let begins = is_new && self.pull.begins_at(id) == Some(number);
        let lacks_before = begins && !self.log.may_begin_anywhere(id);
        // Of a stream that is new here, others may offer more.
        let is_early = number > self.log.next_number(id) && !self.patience.gap.is_zero() && !begins;
        let verdict = (is_wanted && !is_early).then(|| self.log.offer(entry, is_asked, us));
        match verdict {
            Some(Verdict::Stored(entry)) => {
                if lacks_before {
                    self.tell_gap(id, 1, number, out);
                }
                self.on_stored(&entry, now, out);
                self.seek_body(&entry, now);
                Taken::Stored(entry)
            }
            Some(Verdict::Completed(entry)) => {
                out.extend(Output::store(&mut self.log));
                self.bodies.goes_on(id, self.log.wanted_bodies(id).0, now.tick);
                self.mend(id, now);
                Taken::Completed(entry)
            }
            Some(Verdict::Dropped) => Taken::Known,
            Some(Verdict::Ahead { .. }) | None => {
                self.note_sent(link, id, number, is_asked, now);
                Taken::Later
            }
            Some(Verdict::Forked(proof)) => {
                out.extend(Output::store(&mut self.log));
                // SPEC MESH-27: nothing but a FETCH goes to who is outside.
                let is_told = self.holders.get(&link).is_some_and(|holder| holder.is_told);
                out.extend(is_told.then(|| Output::Send { link, frame: proof.frame.clone() }));
                self.pull.forget_stream(proof.stream);
                self.may_count = self.may_count.map(|_| true);
                Taken::Forked(proof)
            }
            Some(Verdict::Refused(rule)) => Taken::Broken(rule),
        }
    }

    /// SPEC ENTRY-8: whoever is linked is asked for a body that is lacking; where nobody else can have it, it is not waited
    /// for long.
    fn seek_body(&mut self, entry: &Held, now: Now) {
        self.log.want_body(entry);
        let id = entry.id;
        if entry.has_body() || !self.log.wants_bodies(id) {
            return;
        }
        if self.patience.gap.is_zero() {
            self.forgo_at.get_or_insert(now.tick.after(limits::GAP_TIMEOUT));
            return;
        }
        let offer = Offer::told(entry.number, entry.number.saturating_add(1));
        let wanted = self.log.wanted_bodies(id).0;
        self.holders.keys().for_each(|link| self.bodies.offer(*link, id, offer, wanted, now.tick));
    }

    /// Whoever tells for the first time, or again, that it holds words whose bodies are lacking here is asked for them.
    fn note_bodies(&mut self, link: LinkId, row: &Row, now: Now) {
        let id = StreamId::of_row(row);
        if self.patience.gap.is_zero() || !self.log.lacks_bodies(id) {
            return;
        }
        let Some(holder) = self.holders.get_mut(&link) else { return };
        if holder.told.insert(id, row.next).is_some_and(|told| told != row.next) {
            return;
        }
        if self.log.want_bodies(id, row.first, row.next) {
            let (offer, wanted) = (Offer::told(row.first, row.next), self.log.wanted_bodies(id).0);
            self.bodies.offer(link, id, offer, wanted, now.tick);
            self.bodies.hope_again(link, id, now.tick);
        }
    }

    /// Looks at what is removed by now: by RETRACTs of which some may count that did not, or do not any more.
    pub(crate) fn review(&mut self, counts: impl Fn(&Retraction) -> bool, now: Now, out: &mut Vec<Output>) {
        let all = self.may_count.is_none_or(|may| may);
        self.log.review(all, counts);
        if self.may_count.replace(false).is_none() {
            // An earlier run has told of it.
            self.log.news();
        }
        out.extend(Output::store(&mut self.log));
        for news in self.log.peek_news().to_vec() {
            match news {
                News::Returned(entry) => self.seek_body(&entry, now),
                News::Removed(entry, _) => self.bodies.goes_on(entry.id, self.log.wanted_bodies(entry.id).0, now.tick),
                News::Missing(_) => {}
            }
        }
    }

    /// What has become of words that were said, but for what the user does not miss.
    pub(crate) fn news(&mut self) -> Vec<News> {
        let mut news = self.log.news();
        news.retain(|news| !matches!(news, News::Missing(entry) if self.log.was_shown(entry)));
        news
    }

    fn on_stored(&mut self, entry: &Held, now: Now, out: &mut Vec<Output>) {
        if entry.lane() == Lane::Acts {
            self.may_count = self.may_count.map(|_| true);
        }
        out.extend(Output::store(&mut self.log));
        let next = self.log.missing(entry.id).0;
        if entry.lane().is_register() {
            self.pull.register_is_held(entry.id, next, now.tick);
        } else {
            self.pull.held(entry.id, next, now.tick);
        }
        self.tell_soon(now);
    }

    /// Who sends an entry holds it; and its author, unasked, what lies between (SPEC FETCH-2). But talk of which nothing
    /// is held begins anywhere.
    fn note_sent(&mut self, link: LinkId, id: StreamId, number: u64, is_asked: bool, now: Now) {
        let held = self.log.next_number(id);
        let mut offer = Offer::told(number, number.saturating_add(1));
        let is_authors = self.holders.get(&link).is_some_and(|holder| holder.key == id.author);
        if is_authors && !is_asked && number > held && (held > 1 || id.lane == Lane::Acts) {
            offer.first = held;
        }
        if is_asked {
            self.pull.brought(link, id, number);
        }
        self.note_offer(link, id, offer, now);
    }

    fn note_offer(&mut self, link: LinkId, id: StreamId, offer: Offer, now: Now) {
        let is_register = id.lane.is_register();
        if id.lane == Lane::Talk {
            self.recall_person(link, id.author, now);
        }
        let Some(holder) = self.holders.get(&link) else { return };
        // But what another run of the same key has put into a register, this one has to know.
        let is_own = self.own.is_some_and(|(us, session)| id.author == us && id.session >= session);
        let is_forgotten = self.forgotten.get(&id.author).is_some_and(|last| *last >= (id.session, offer.next));
        if is_own && !is_register || self.awaits(id, offer.next) || id.lane == Lane::PERSON && is_forgotten {
            return;
        }
        // Its author sends it to all with whom it is linked: no need to ask others at once.
        let is_on_its_way = holder.key != id.author && self.holders.values().any(|holder| holder.key == id.author);
        let ready_at = if is_on_its_way { now.tick.after(limits::PULL_PATIENCE) } else { now.tick };
        if is_register {
            self.pull.retract(link, id);
        }
        self.pull.offer(link, id, offer, self.log.missing(id).0, ready_at);
    }

    /// Lets go of what somebody has said of itself (SPEC REGISTER-9).
    pub(crate) fn forget_person(&mut self, author: Key) {
        let Some(held) = self.log.forget_register(author, Lane::PERSON) else { return };
        self.pull.forget_stream(held.id);
        if self.forgotten.len() >= limits::FORGOTTEN_MAX {
            self.forgotten.clear();
        }
        self.forgotten.insert(author, (held.id.session, held.number.saturating_add(1)));
    }

    /// What was let go of is of use again: who says so is asked for it (SPEC REGISTER-9).
    pub(crate) fn recall_person(&mut self, link: LinkId, author: Key, now: Now) {
        if let Some((session, next)) = self.forgotten.remove(&author) {
            let id = StreamId { author, session, lane: Lane::PERSON };
            self.note_offer(link, id, Offer::told(next.saturating_sub(1), next), now);
        }
    }

    /// A stream is void from `number` on, by a proof that was checked; whether that is news.
    pub(crate) fn void(&mut self, id: StreamId, number: u64, out: &mut Vec<Output>) -> bool {
        let is_news = self.log.void(id, number);
        if is_news {
            out.extend(Output::store(&mut self.log));
            self.pull.forget_stream(id);
            self.may_count = self.may_count.map(|_| true);
        }
        is_news
    }

    /// A link stands on which everything is told: all rows, for whoever may have talk above this lamport time, or none.
    pub(crate) fn meet(&mut self, link: LinkId, key: Key, account: Account, talk: Option<u64>) -> Vec<Row> {
        if !self.holders.values().any(|holder| holder.is_told) {
            // Nobody else is to be told of it.
            self.log.changed_streams();
            self.tell_at = None;
        }
        self.holders.insert(link, Holder { talk, is_told: true, ..Holder::new(key, account) });
        let rows = self.log.rows(talk.unwrap_or(u64::MAX)).into_iter();
        rows.filter(|row| talk.is_some() || row.lane != Lane::Talk).collect()
    }

    /// From now on, somebody may have talk above this lamport time, or none, and what it brings is on this account: what it
    /// has to be told of that.
    pub(crate) fn open(&mut self, link: LinkId, talk: Option<u64>, account: Option<Account>) -> Option<Vec<Row>> {
        let holder = self.holders.get_mut(&link)?;
        holder.account = account.unwrap_or(holder.account);
        if core::mem::replace(&mut holder.talk, talk) == talk {
            return None;
        }
        let rows = self.log.rows(talk?).into_iter();
        holder.owed.forget_talk();
        Some(rows.filter(|row| row.lane == Lane::Talk).collect())
    }

    /// Whether talk goes over a link at all.
    pub(crate) fn is_open(&self, link: LinkId) -> bool {
        self.holders.get(&link).is_some_and(|holder| holder.talk.is_some())
    }

    /// Somebody outside offers what it holds: it is asked, and told nothing.
    pub(crate) fn hear(&mut self, link: LinkId, key: Key, account: Account, rows: &[Row], now: Now) {
        self.holders.insert(link, Holder::new(key, account));
        for row in rows {
            self.note_offer(link, StreamId::of_row(row), Offer::told(row.first, row.next), now);
        }
    }

    /// A link is gone, at whose other end somebody is that may still be at an `other` one.
    pub(crate) fn part(&mut self, link: LinkId, other: Option<LinkId>) {
        self.holders.remove(&link);
        for pull in [&mut self.pull, &mut self.bodies] {
            other.into_iter().for_each(|other| pull.moves(link, other));
            pull.forget_link(link);
        }
    }

    /// Whoever is at two links is told of everything, and asked, on the `new` one.
    pub(crate) fn follow(&mut self, old: LinkId, new: LinkId) {
        self.holders.get_mut(&old).into_iter().for_each(|holder| holder.is_told = false);
        self.pull.moves(old, new);
        self.bodies.moves(old, new);
    }

    /// Notes what somebody holds. Who holds another head of a stream as long as here is sent this one (SPEC DIGEST-3).
    pub(crate) fn rows(&mut self, link: LinkId, rows: impl Iterator<Item = Row>, now: Now, out: &mut Vec<Output>) {
        let Some(talk) = self.holders.get(&link).map(|holder| holder.talk) else { return };
        for row in rows {
            let rival = (talk.is_some() || row.lane != Lane::Talk)
                .then(|| self.log.rival_head(&row, talk.unwrap_or(u64::MAX)))
                .flatten();
            out.extend(rival.map(|frame| Output::Send { link, frame }));
            self.note_offer(link, StreamId::of_row(&row), Offer::told(row.first, row.next), now);
            self.note_bodies(link, &row, now);
        }
    }

    /// What damage has taken here is asked of somebody who has all that it may have.
    pub(crate) fn ask_for_lost(&mut self, link: LinkId, now: Now) {
        let lost: Vec<_> = self.log.lost().collect();
        lost.into_iter().for_each(|(id, from, to)| self.note_offer(link, id, Offer::told(from, to), now));
    }

    fn asker(&self, link: LinkId) -> Asker {
        Asker { link, talk: self.holders.get(&link).and_then(|holder| holder.talk) }
    }

    /// Answers a FETCH with what is held, may be had, and `goes`; whether that was anything.
    pub(crate) fn serve(
        &self,
        link: LinkId,
        request: RequestId,
        fetch: &Fetch<'_>,
        goes: impl FnMut(&Held) -> bool,
        out: &mut Vec<Output>,
    ) -> Result<bool, Rule> {
        self.asker(link).answer(&self.log, request, fetch, goes, out)
    }

    /// Sends unasked what of these ranges may be had, and `goes`.
    pub(crate) fn push(
        &self,
        link: LinkId,
        ranges: impl Iterator<Item = Range>,
        goes: impl FnMut(&Held) -> bool,
        out: &mut Vec<Output>,
    ) {
        self.asker(link).send(&self.log, ranges, goes, out);
    }

    /// What was in vain may not be any more: what counts has changed.
    pub(crate) fn try_again(&mut self, now: Now) {
        self.pull.try_again(now.tick);
    }

    /// Whether somebody may bring, on this link, what this node lacks and what is `wanted`.
    pub(crate) fn lacks_of(&self, link: LinkId, wanted: impl Fn(&Log, StreamId) -> bool) -> bool {
        self.pull.lacks_of(link, |id| wanted(&self.log, id))
    }

    /// Whether something is offered that this node lacks and that is `wanted`.
    pub(crate) fn lacks(&self, wanted: impl Fn(&Log, StreamId) -> bool) -> bool {
        self.pull.lacks_any(|id| wanted(&self.log, id))
    }

    /// A request has been answered: whether it was a FETCH. Whoever has not brought all of a stream is asked for the rest
    /// `again`, later, or not before its rows have changed.
    pub(crate) fn answered(
        &mut self,
        link: LinkId,
        request: RequestId,
        again: impl Fn(&Log, StreamId) -> bool,
    ) -> bool {
        let log = &self.log;
        self.pull.answered(link, request, |id| log.missing(id).0, |id| again(log, id))
            || self.bodies.answered(link, request, |id| log.wanted_bodies(id).0, |_| false)
    }

    /// Asks for what is lacking and `wanted`, by who pays for it, in requests after the last one, and goes on where nobody
    /// has what comes next.
    pub(crate) fn ask(
        &mut self,
        wanted: impl Fn(&Log, StreamId) -> Option<Payer>,
        last_request: &mut RequestId,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        self.ask_for_bodies(last_request, now, out);
        loop {
            let (log, patience) = (&self.log, self.patience.gap);
            let gap = |id| (if log.may_begin_anywhere(id) { Duration::ZERO } else { patience }, log.knows(id));
            let steps = self.pull.due(
                now.tick,
                |id| log.missing(id),
                |id| wanted(log, id),
                gap,
                &terms(&self.holders, self.budget.as_ref()),
            );
            if steps.is_empty() {
                return;
            }
            for step in steps {
                match step {
                    Step::Ask(link, ranges) => send_fetch(&mut self.pull, link, &ranges, last_request, now, out),
                    Step::Skip(id, first) => self.skip(id, first, now, out),
                }
            }
        }
    }

    /// The same of bodies that are lacking; whoever has answered without them is not asked again.
    fn ask_for_bodies(&mut self, last_request: &mut RequestId, now: Now, out: &mut Vec<Output>) {
        if self.forgo_at.take_if(|at| *at <= now.tick).is_some() {
            self.log.forgo_bodies(None, u64::MAX);
        }
        loop {
            let (log, patience) = (&self.log, self.patience.gap);
            let wanted = |id| log.wants_bodies(id).then_some(Payer::Bringer);
            let steps = self.bodies.due(
                now.tick,
                |id| log.wanted_bodies(id),
                wanted,
                |_| (patience, true),
                &terms(&self.holders, self.budget.as_ref()),
            );
            if steps.is_empty() {
                return;
            }
            for step in steps {
                match step {
                    Step::Ask(link, ranges) => send_fetch(&mut self.bodies, link, &ranges, last_request, now, out),
                    Step::Skip(id, first) => {
                        self.log.forgo_bodies(Some(id), first);
                        self.bodies.goes_on(id, self.log.wanted_bodies(id).0, now.tick);
                    }
                }
            }
        }
    }

    /// Goes on with a stream at `first`, and tells the user what is missing (SPEC GAP-1).
    pub(crate) fn skip(&mut self, id: StreamId, first: u64, now: Now, out: &mut Vec<Output>) {
        if !self.log.may_begin_anywhere(id) {
            self.log.skip(id, 1);
        }
        while let Some((from, next)) = self.log.skip(id, first) {
            out.extend(Output::store(&mut self.log));
            self.tell_gap(id, from, next, out);
        }
        out.extend(Output::store(&mut self.log));
        let next = self.log.missing(id).0;
        if next < first {
            // It is void from there on, or its session is past: nothing of it will be stored.
            return self.pull.forget_stream(id);
        }
        self.pull.held(id, next, now.tick);
    }

    fn tell_gap(&self, id: StreamId, from: u64, next: u64, out: &mut Vec<Output>) {
        if from < next && !self.log.were_shown(id, next) {
            out.push(Output::Event(Event::Gap { author: id.author, session: id.session, first: from, next }));
        }
    }

    /// When somebody is to be asked or told.
    pub(crate) fn next(&self, now: Now) -> Option<Instant> {
        let pulls = self.pull.next(now.tick).into_iter().chain(self.bodies.next(now.tick));
        pulls.chain(self.forgo_at).chain(self.next_telling()).chain(self.next_ripe()).min()
    }
}

/// Bytes of the frame that carries an entry.
fn length(entry: &Carried<'_>) -> usize {
    let around = HEADER.saturating_add(Entry::LENGTH).saturating_add(size_of::<Signature>()).saturating_add(1);
    around.saturating_add(entry.body.bytes().map_or(size_of::<Hash>(), <[u8]>::len))
}

/// What may be asked of whom by now.
fn terms<'a>(
    holders: &'a BTreeMap<LinkId, Holder>,
    budget: Option<&'a Budget>,
) -> Terms<'a, impl Fn(LinkId) -> Account + 'a> {
    let account = |link| holders.get(&link).map(|holder| holder.account);
    Terms { budget, bringer: move |link| account(link).unwrap_or(Account::Source(Source::default())) }
}

/// Asks somebody for these ranges, for one of the two that ask.
fn send_fetch(
    pull: &mut Pull,
    link: LinkId,
    ranges: &[Range],
    last_request: &mut RequestId,
    now: Now,
    out: &mut Vec<Output>,
) {
    let request = last_request.step();
    let (count, items) = encode_items(ranges.iter().copied(), limits::RANGES_MAX);
    let fetch = Fetch { ranges: List::over(count, &items), options: Options::NONE };
    out.push(Output::Send { link, frame: Frame::from(fetch).encode(request) });
    pull.asked(link, request, ranges, now.tick);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{MeetingId, Salt};
    use crate::identity::{Ed25519, Secret};
    use crate::wire::field::Text;

    const LINK: LinkId = LinkId(1);
    const NOW: Now = Now { tick: Instant(1), unix_ms: 1_700_000_000_000 };

    /// Has been sent what the author said in session 5, up to number `held`.
    fn replica(author: &Identity, held: usize) -> Replica {
        let [mut theirs, ours] = [(); 2].map(|()| Log::new(MeetingId([7; 16]), 10));
        let mut replica = Replica::new(ours, Patience::FRIEND);
        replica.meet(LINK, author.key(), Account::Branch(author.key()), Some(0));
        for _ in 0..held {
            let entry = theirs.write(author, 5, &hear(), NOW).expect("room");
            let taken = replica.take(LINK, &entry.carried(), Some(Payer::Nobody), author, NOW, &mut Vec::new());
            assert_eq!(taken, Taken::Stored(entry));
        }
        replica
    }

    /// What becomes of the news that session 7 begins at number 3.
    fn told(mut replica: Replica, us: &Identity) -> (Option<(u64, u64)>, Option<u64>) {
        let (author, session, lane, head) = (us.key(), 7, Lane::Talk, Hash::ZERO);
        let row = Row { author, session, lane, first: 3, next: 5, head };
        let mut out = Vec::new();
        replica.rows(LINK, [row].into_iter(), NOW, &mut out);
        replica.ask(|_, _| Some(Payer::Nobody), &mut RequestId(0), NOW, &mut out);
        let asked = replica.pull.is_asked(LINK, StreamId { author, session, lane }, 3).then_some(3);
        assert!(!replica.log.knows(StreamId { author, session, lane }), "rows alone begin no stream");
        let mut theirs = Log::new(MeetingId([7; 16]), 10);
        let said: Vec<_> = (0..3).map(|_| theirs.write(us, session, &hear(), NOW).expect("room")).collect();
        let last = said.last().expect("three");
        replica.take(LINK, &last.carried(), Some(Payer::Nobody), us, NOW, &mut out);
        let gap = out.iter().find_map(|output| {
            let Output::Event(Event::Gap { first, next, .. }) = output else { return None };
            Some((*first, *next))
        });
        (gap, asked)
    }

    fn hear() -> EntryBody<'static> {
        EntryBody::Text { salt: Salt::ZERO, text: Text::new("hear, hear").expect("short") }
    }

    #[test]
    fn mesh_14_what_lies_before_what_a_holder_brings_it_does_not_have() {
        let [author, holder] = [1, 2].map(|seed| Identity::new(Secret([seed; 32]), Arc::new(Ed25519)));
        let [mut theirs, ours] = [(); 2].map(|()| Log::new(MeetingId([7; 16]), 10));
        let mut replica = Replica::new(ours, Patience::MEMBER);
        replica.meet(LINK, holder.key(), Account::Branch(holder.key()), Some(0));
        let entries: Vec<_> = (0..5).map(|_| theirs.write(&author, 5, &hear(), NOW).expect("room")).collect();
        let (mut out, mut request) = (Vec::new(), RequestId(0));
        replica.rows(LINK, theirs.rows(0).into_iter(), NOW, &mut out);
        replica.ask(|_, _| Some(Payer::Nobody), &mut request, NOW, &mut out);
        for entry in entries.iter().filter(|entry| entry.number != 3) {
            replica.take(LINK, &entry.carried(), Some(Payer::Nobody), &author, NOW, &mut Vec::new());
        }
        assert!(replica.answered(LINK, request, |_, _| true));
        let mut later = |now: Now| {
            let mut out = Vec::new();
            replica.ask(|_, _| Some(Payer::Nobody), &mut request, now, &mut out);
            let gap = |output: &Output| matches!(output, Output::Event(Event::Gap { first: 3, next: 4, .. }));
            (out.iter().any(gap), request)
        };
        assert_eq!(later(NOW), (false, RequestId(1)), "it is not asked again, and somebody else may have it");
        let due = Now { tick: NOW.tick.after(limits::GAP_TIMEOUT), ..NOW };
        assert_eq!(later(due), (true, RequestId(2)), "the user is told, and the rest is asked for");
    }

    /// Talk of a session that somebody tells of.
    fn row(author: Key, session: u64, first: u64, next: u64) -> Row {
        Row { author, session, lane: Lane::Talk, first, next, head: Hash([1; 32]) }
    }

    #[test]
    fn session_2_rows_of_sessions_that_nobody_has_seen_forget_none() {
        let author = Identity::new(Secret([1; 32]), Arc::new(Ed25519));
        let mut replica = Replica { patience: Patience::MEMBER, ..replica(&author, 2) };
        let before = replica.log.rows(0);
        let rows = (0..40).map(|ago| row(author.key(), u64::MAX - ago, 9, 9 + ago % 2));
        replica.rows(LINK, rows, NOW, &mut Vec::new());
        for seconds in 0..10 {
            let now = Now { tick: NOW.tick.after(Duration::from_secs(seconds)), ..NOW };
            replica.ask(|_, _| Some(Payer::Nobody), &mut RequestId(0), now, &mut Vec::new());
        }
        assert_eq!(replica.log.rows(0), before);
    }

    #[test]
    fn mesh_29_what_is_stored_is_charged_to_the_branch_and_what_is_not_to_whoever_brings_it() {
        let [author, bringer] = [1, 2].map(|seed| Identity::new(Secret([seed; 32]), Arc::new(Ed25519)));
        let [mut theirs, ours] = [(); 2].map(|()| Log::new(MeetingId([7; 16]), 10));
        let mut replica = Replica::new(ours, Patience::MEMBER).with_budget();
        let (branch, brings) = (Key([3; 32]), Account::Branch(bringer.key()));
        replica.meet(LINK, bringer.key(), brings, Some(0));
        let entries: Vec<_> = (0..2).map(|_| theirs.write(&author, 5, &hear(), NOW).expect("room")).collect();
        replica.rows(LINK, theirs.rows(0).into_iter(), NOW, &mut Vec::new());
        replica.ask(|_, _| Some(Payer::Branch(branch)), &mut RequestId(0), NOW, &mut Vec::new());
        let used = |replica: &mut Replica, entry: &Held, payer| {
            replica.take(LINK, &entry.carried(), payer, &author, NOW, &mut Vec::new());
            let budget = replica.budget.as_ref().expect("it has one");
            [Account::Branch(branch), brings].map(|account| budget.used(account) > NOW.tick)
        };
        assert_eq!(used(&mut replica, &entries[1], Some(Payer::Branch(branch))), [false, true], "it comes too early");
        let mut replica = Replica { budget: Some(Budget::default()), ..replica };
        assert_eq!(used(&mut replica, &entries[0], None), [false, true], "it does not count any more");
        let mut replica = Replica { budget: Some(Budget::default()), ..replica };
        assert_eq!(used(&mut replica, &entries[0], Some(Payer::Branch(branch))), [true, false]);
        assert_eq!(used(&mut replica, &entries[1], Some(Payer::Bringer)), [true, true], "nobody knows its author");
    }

    #[test]
    fn contact_16_what_a_friend_pushes_above_its_charge_is_asked_for_later() {
        let author = Identity::new(Secret([1; 32]), Arc::new(Ed25519));
        let mut replica = replica(&author, 0).with_budget();
        let used = usize::try_from(limits::BRANCH_BYTE_BURST + limits::BRANCH_BYTE_RATE).expect("it is small");
        let budget = replica.budget.as_mut().expect("it has one");
        budget.charge(Account::Branch(author.key()), used, NOW.tick);
        let said = Log::new(MeetingId([7; 16]), 10).write(&author, 5, &hear(), NOW).expect("room");
        let payer = Payer::Branch(author.key());
        let mut push = |now| replica.take(LINK, &said.carried(), Some(payer), &author, now, &mut Vec::new());
        assert_eq!(push(NOW), Taken::Later);
        let later = Now { tick: NOW.tick.after(Duration::from_secs(1)), ..NOW };
        assert_eq!(push(later), Taken::Stored(Arc::clone(&said)), "it is asked for from then on");
    }

    #[test]
    fn mesh_30_who_has_used_up_what_it_has_waits_and_nobody_else() {
        let [greedy, other] = [1, 2].map(|seed| Identity::new(Secret([seed; 32]), Arc::new(Ed25519)).key());
        let mut replica = Replica::new(Log::new(MeetingId([7; 16]), 10), Patience::MEMBER).with_budget();
        let bringer = |link: u8| Account::Branch(Key([link; 32]));
        for link in [1, 2, 3] {
            replica.meet(LinkId(link.into()), Key::ZERO, bringer(link), Some(0));
        }
        let budget = replica.budget.as_mut().expect("it has one");
        let seconds = 10;
        let used = limits::BRANCH_BYTE_BURST + seconds * limits::BRANCH_BYTE_RATE;
        let used = usize::try_from(used).expect("it is small");
        budget.charge(Account::Branch(greedy), used, NOW.tick);
        // Who has brought so much for nothing is not asked either.
        budget.charge(bringer(3), used, NOW.tick);
        for (link, author, session) in [(1, greedy, 1), (2, other, 1), (3, other, 2)] {
            replica.rows(LinkId(link), [row(author, session, 1, 2)].into_iter(), NOW, &mut Vec::new());
        }
        let asked = |replica: &mut Replica, now: Now| {
            let mut out = Vec::new();
            replica.ask(|_, id| Some(Payer::Branch(id.author)), &mut RequestId(0), now, &mut out);
            let link = |output: Output| if let Output::Send { link, .. } = output { Some(link.0) } else { None };
            out.into_iter().filter_map(link).collect::<Vec<_>>()
        };
        assert_eq!(asked(&mut replica, NOW), [2]);
        let due = Now { tick: NOW.tick.after(Duration::from_secs(seconds.into())), ..NOW };
        let lacks = replica.pull.next(NOW.tick).expect("something is due");
        assert!(lacks <= due.tick, "it is asked by itself");
        assert_eq!(asked(&mut replica, due), [1, 2, 3], "the second has not answered");
    }

    #[test]
    fn gap_1_of_a_new_session_nothing_is_missing_to_whoever_was_not_there() {
        let author = Identity::new(Secret([1; 32]), Arc::new(Ed25519));
        assert_eq!(told(replica(&author, 2), &author), (Some((1, 3)), Some(3)));
        assert_eq!(told(replica(&author, 0), &author), (None, Some(3)));
    }
}
