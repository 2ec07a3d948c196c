//! Links: how two members come to have one (SPEC.md, "Mesh").

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::net::SocketAddr;

use super::member::{Member, Stage, Timer};
use super::peer::{Errand, Knock, Peer, Step};
use crate::charter::{Charter, SignedCharter};
use crate::code::Code;
use crate::door::is_innocent;
use crate::errand::Speaker;
use crate::event::Event;
use crate::id::{DialId, Key, LinkId, Source};
use crate::limits;
use crate::log::Log;
use crate::machine::{Kept, Output};
use crate::name::proper;
use crate::pass::Chain;
use crate::replica::{Account, Patience, Replica, send_rows};
use crate::roster::Roster;
use crate::rule::Rule;
use crate::time::Now;
use crate::wire::Frame;
use crate::wire::address::Address;
use crate::wire::entry::Whereabouts;
use crate::wire::field::{Block, List, Name, Signed, decode_all, encode_alone, encode_items};
use crate::wire::meeting::{Lane, Row, Welcome};
use crate::wire::option::{self, OptionsBuffer};
use crate::wire::session::{Hello, Purpose};

impl Member {
    #[expect(clippy::too_many_arguments, reason = "all of an Up")]
    pub(super) fn on_up(
        &mut self,
        link: LinkId,
        key: Key,
        address: SocketAddr,
        hello: &Hello<'_>,
        dial: Option<DialId>,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        // SPEC JOIN-14
        if hello.purpose != Purpose::MESH {
            return out.push(Output::close(link, Rule::Join14));
        }
        if dial.is_some() {
            self.circle.met(key, address);
        }
        let errand = dial.map(|dial| self.errand_of(dial));
        let step = match errand {
            None => Step::Silent,
            Some(Some(errand)) => Step::Asking(errand),
            // Nobody is called any more.
            Some(None) => return out.push(goodbye(link, Code::Duplicate)),
        };
        let name = hello.options.find::<Name<'_>>(&option::NAME).map(|name| name.as_str().to_string());
        if self.is_outrun(key, hello.started_ms) {
            return out.push(Output::close(link, Rule::Join10));
        }
        // SPEC JOIN-12
        if step == Step::Silent && name.is_none() {
            return out.push(Output::close(link, Rule::Join12));
        }
        if step == Step::Silent && name.as_deref().and_then(proper).is_none() {
            return out.push(Output::close(link, Rule::Join16));
        }
        let peer = Peer {
            key,
            name,
            address: SocketAddr::new(address.ip().to_canonical(), address.port()),
            started_ms: hello.started_ms,
            step,
            account: Account::Source(Source::of(address.ip())),
            reached: BTreeMap::new(),
            told: BTreeMap::new(),
            has_rows: false,
            has_digest: false,
            others: Vec::new(),
        };
        let is_accepted = peer.step == Step::Silent;
        self.links.insert(link, peer);
        if is_accepted {
            self.timers.arm(Timer::Join(link), now.tick.after(limits::JOIN_TIMEOUT));
        } else if self.circle.has(&key) {
            // It has dialled us meanwhile: one link is enough.
            self.drop_link(link, Code::Duplicate, now, out);
        } else {
            self.send_join(link, out);
        }
    }

    fn send_join(&mut self, link: LinkId, out: &mut Vec<Output>) {
        let Some(peer) = self.links.get(&link) else { return };
        self.circle.asks(link, peer.key);
        let request = self.last_request.step();
        let acts = self.replica.log.rows(u64::MAX).into_iter().filter(|row| row.lane == Lane::Acts);
        let mut acts: Vec<Row> = acts.collect();
        acts.sort_by_key(|row| Reverse(row.session));
        acts.truncate(limits::ACT_ROWS_MAX);
        let frame = self.newcomer.join(self.replica.log.meeting(), self.own_proof(), &acts, request);
        out.push(Output::Send { link, frame });
    }

    /// Answers JOIN: both are members, and the link is theirs.
    pub(super) fn welcome(&mut self, link: LinkId, knock: &Knock, now: Now, out: &mut Vec<Output>) {
        if self.links.get(&link).is_some_and(|peer| !self.is_here(&peer.key)) {
            self.make_place(now, out);
        }
        let (Some(charter), Some(peer)) = (&self.charter, self.links.get(&link)) else { return };
        let Ok(signed) = decode_all::<Signed<'_, Charter<'_>>>(charter.bytes()) else { return };
        let chain = self.chain_for(peer.key, knock);
        let branch = knock.chain.branch(peer.key, |signer| self.roster.is_hosts(signer)).map(Account::Branch);
        let account = branch.filter(|_| chain == knock.chain).unwrap_or(Account::Source(knock.source));
        let rows = self.replica.meet(link, peer.key, account, None);
        // SPEC MESH-12: who is not there any more keeps nobody waiting.
        let is_first = |row: &Row| !row.lane.is_register() || self.is_near(&row.author);
        let (rows, others): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(is_first);
        let (count, items) = encode_items(rows.iter().copied(), limits::ROWS_MAX);
        let mut options = OptionsBuffer::default();
        options.set(&option::OBSERVED, &Address::of(peer.address));
        let rows_told = List::over(count, &items);
        let frame = chain.with_list(|chain| {
            let welcome = Welcome { charter: Block(signed), chain, rows: rows_told, options: options.options() };
            Frame::from(welcome).encode(knock.request)
        });
        out.push(Output::Send { link, frame });
        if let Some(peer) = self.links.get_mut(&link) {
            (peer.account, peer.others) = (account, others);
        }
        self.say_who(link, out);
        self.note_told(link, &rows);
        if let Some(rest) = rows.get(usize::from(count)..).filter(|rest| !rest.is_empty()) {
            send_rows(link, rest, out);
        }
        self.enter(link, now, out);
    }

    pub(super) fn on_welcome(&mut self, link: LinkId, welcome: &Welcome<'_>, now: Now, out: &mut Vec<Output>) {
        let Some(peer) = self.links.get(&link) else { return };
        let (key, account) = (peer.key, peer.account);
        // SPEC WELCOME-1
        if !matches!(peer.step, Step::Asking(_)) {
            return self.reject(link, Rule::Welcome1, now, out);
        }
        let charter =
            match SignedCharter::check(&encode_alone(&welcome.charter.0), self.replica.log.meeting(), &self.us) {
                // SPEC JOIN-14
                Ok(charter) if charter.kind != Purpose::MESH => return self.reject(link, Rule::Join14, now, out),
                Ok(charter) => charter,
                Err(rule) => return self.reject(link, rule, now, out),
            };
        let chain = Chain::shown(welcome.chain);
        // SPEC PASS-2
        if !chain.holds(&self.us.key(), &charter, &self.us) {
            return self.reject(link, Rule::Pass2, now, out);
        }
        if self.charter.is_none() {
            if let Some(kept) = self.newcomer.come_to(charter.meeting) {
                self.links.remove(&link);
                self.circle.gone(link, None);
                out.push(goodbye(link, Code::Left));
                self.restore(kept);
                return self.on_start(now, out);
            }
            self.replica = Replica::new(Log::new(charter.meeting, self.talk_max), Patience::MEMBER).with_budget();
            self.roster = Roster::fold(&self.replica.log, &charter, &self.us);
            let (meeting, bytes) = (charter.meeting, charter.bytes().into());
            out.push(Output::Keep { meeting, name: Kept::Charter, bytes });
            self.charter = Some(charter);
        }
        let is_news = self.is_better(&chain) && self.newcomer.take_chain(chain, self.replica.log.meeting(), out);
        self.begin_above_floor(out);
        self.reach.note(&welcome.options);
        let rows = self.replica.meet(link, key, account, None);
        // SPEC MESH-7
        if is_news || !self.is_here(&self.us.key()) {
            self.write_person(Whereabouts::Here, now, out);
        }
        self.say_who(link, out);
        self.enter(link, now, out);
        self.note_told(link, &rows);
        send_rows(link, &rows, out);
        self.take_rows(link, &welcome.rows, now, out);
        if self.stage == Stage::Outside {
            self.stage = Stage::Arriving;
            let people = welcome.rows.iter().filter(|row| row.lane == Lane::PERSON);
            self.people.awaited = people.map(|row| row.author).collect();
            self.newcomer.stay();
            self.timers.arm(Timer::Arrive, now.tick.after(limits::ARRIVE_TIMEOUT));
        }
    }

    /// What this node says comes after what it may have (SPEC LAMPORT-1).
    pub(super) fn begin_above_floor(&mut self, out: &mut Vec<Output>) {
        self.replica.log.begin_above(self.newcomer.chain.floor());
        out.extend(Output::store(&mut self.replica.log));
    }

    /// Of those who have not yet said who they are, only so many are in at once: of the branch that has most of them, the
    /// one that came first makes place.
    fn make_place(&mut self, now: Now, out: &mut Vec<Output>) {
        let mut unsaid: BTreeMap<Account, Vec<LinkId>> = BTreeMap::new();
        for (link, peer) in self.links.iter().filter(|(_, peer)| peer.is_in() && !self.is_here(&peer.key)) {
            unsaid.entry(peer.account).or_default().push(*link);
        }
        if unsaid.values().map(Vec::len).sum::<usize>() < limits::UNSEATED_MAX {
            return;
        }
        let most = unsaid.values().max_by_key(|links| (links.len(), Reverse(links.first().copied())));
        let first = most.and_then(|links| links.first().copied());
        first.into_iter().for_each(|first| self.reject(first, Rule::Mesh7, now, out));
    }

    /// SPEC MESH-7: who this is goes first over a link.
    fn say_who(&mut self, link: LinkId, out: &mut Vec<Output>) {
        let Some(held) = self.replica.log.register(self.us.key(), Lane::PERSON) else { return };
        out.push(Output::Send { link, frame: held.frame.clone() });
        let next = held.number.saturating_add(1);
        if let Some(peer) = self.links.get_mut(&link) {
            peer.reached.insert(Lane::PERSON, next);
        }
    }

    /// A link is one of two members now: the one that is used, unless there is a better one.
    fn enter(&mut self, link: LinkId, now: Now, out: &mut Vec<Output>) {
        let Some(peer) = self.links.get_mut(&link) else { return };
        peer.step = Step::In;
        let (key, run) = (peer.key, peer.started_ms);
        self.timers.disarm(Timer::Join(link));
        self.timers.disarm(Timer::Knock(link));
        self.people.must_seat = true;
        self.lobby.take(link, now);
        self.confirm_guess();
        let is_new = self.circle.stands(link, key);
        let older: Vec<(LinkId, u64)> = self
            .links
            .iter()
            .filter(|(other, peer)| **other != link && peer.key == key && peer.is_in())
            .map(|(other, peer)| (*other, peer.started_ms))
            .collect();
        for (other, other_run) in older {
            if other_run < run {
                // SPEC JOIN-10
                self.reject(other, Rule::Join10, now, out);
            } else if self.us.key() < key {
                // SPEC MESH-4
                self.drop_link(other, Code::Duplicate, now, out);
            }
        }
        if is_new {
            self.replica.tell_soon(now);
            self.introduce(key, out);
        }
        self.update_delivery(key, out);
        self.resend(key, link, out);
    }

    fn resend(&mut self, key: Key, link: LinkId, out: &mut Vec<Output>) {
        if let Some(outbox) = self.outboxes.get_mut(&key) {
            let speaker = Speaker::of(&self.us, self.replica.log.meeting());
            outbox.resend(link, speaker, &mut self.last_request, out);
        }
    }

    /// Whether a link of a later run of this key stands: an earlier one does not come in.
    pub(super) fn is_outrun(&self, key: Key, run: u64) -> bool {
        self.links.values().any(|peer| peer.key == key && peer.is_in() && peer.started_ms > run)
    }

    pub(super) fn on_down(&mut self, link: LinkId, code: Code, now: Now, out: &mut Vec<Output>) {
        self.note_gone(link, out);
        self.forget(link, code, true, now, out);
    }

    /// The one way to turn away a link: with the rule that it broke.
    pub(super) fn reject(&mut self, link: LinkId, rule: Rule, now: Now, out: &mut Vec<Output>) {
        out.push(Output::close(link, rule));
        self.forget(link, rule.code(), false, now, out);
    }

    /// Closes a link that nobody needs.
    pub(super) fn drop_link(&mut self, link: LinkId, code: Code, now: Now, out: &mut Vec<Output>) {
        out.push(goodbye(link, code));
        self.forget(link, code, false, now, out);
    }

    /// A link is gone. `is_told`: the other end has said why, or the network; else this node has.
    pub(super) fn forget(&mut self, link: LinkId, code: Code, is_told: bool, now: Now, out: &mut Vec<Output>) {
        let Some(peer) = self.links.remove(&link) else { return };
        self.timers.disarm(Timer::Join(link));
        self.timers.disarm(Timer::Knock(link));
        self.timers.disarm(Timer::Seat(link));
        self.lobby.take(link, now);
        let other = self.links.iter().rfind(|(_, other)| other.is_in() && other.key == peer.key);
        // Of two links of one run, what was told on one holds for the other.
        let heir = other.filter(|(_, other)| other.started_ms == peer.started_ms).map(|(other, _)| *other);
        let other = other.map(|(other, _)| *other);
        let with = self.circle.gone(link, heir);
        match peer.step {
            Step::Silent => {}
            Step::Knocking(_) => self.replica.part(link, None),
            Step::Asking(errand) => self.on_failed(errand, code, now, out),
            Step::In => {
                self.replica.part(link, heir);
                if self.circle.link_of(&peer.key) == Some(link) {
                    self.circle.moves(peer.key, other);
                    match other {
                        Some(other) => self.resend(peer.key, other, out),
                        None => self.on_lost(peer.key, code, is_told, now, out),
                    }
                }
                // It was known of them through this link alone, perhaps.
                with.into_iter().for_each(|key| self.update_delivery(key, out));
            }
        }
    }

    fn on_lost(&mut self, key: Key, code: Code, is_told: bool, now: Now, out: &mut Vec<Output>) {
        self.replica.tell_soon(now);
        self.update_delivery(key, out);
        if self.people.introduced.remove(&key) && self.is_here(&key) {
            out.push(Output::Event(Event::Unlinked { name: self.called(&key), key, code }));
        }
        if self.stage == Stage::Arriving && self.circle.is_empty() {
            self.stage = Stage::Outside;
            self.timers.disarm(Timer::Arrive);
            return self.on_failed(Errand::Door, if is_told { code } else { Code::Left }, now, out);
        }
        let told = if is_told { code } else { Code::Left };
        self.on_call_failed(key, told, if is_innocent(code) { 0 } else { 1 }, now, out);
    }
}

fn goodbye(link: LinkId, code: Code) -> Output {
    Output::Close { link, code, rule: None, reason: String::new() }
}
