//! Who gets in (SPEC.md, "Mesh"): whoever shows what gives it a seat, and whom any member admits.

use alloc::boxed::Box;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::entries::is_wanted_act;
use super::member::{Member, Stage, Timer};
use super::peer::{Asked, Knock, Peer, Step};
use crate::id::{Key, LinkId, MeetingId, RequestId, Source};
use crate::limits;
use crate::machine::Output;
use crate::name::reading;
use crate::pass::Chain;
use crate::replica::Account;
use crate::rule::Rule;
use crate::time::{Instant, Now};
use crate::wire::entry::Level;
use crate::wire::field::{List, Reason};
use crate::wire::meeting::{Join, Lane, Row};
use crate::wire::option::{self, Manner, TicketProof};

/// What becomes of a JOIN.
enum Decision {
    /// It is answered with WELCOME.
    Now,
    /// It is looked at again at this time, or when something has changed.
    Wait(Instant),
    /// It waits until a host's user decides.
    Lobby,
    No(Rule),
}

impl Member {
    pub(super) fn on_join(&mut self, link: LinkId, id: RequestId, join: &Join<'_>, now: Now, out: &mut Vec<Output>) {
        let Some(peer) = self.links.get_mut(&link) else { return };
        // SPEC JOIN-1
        if peer.step != Step::Silent {
            return self.reject(link, Rule::Join1, now, out);
        }
        let chain = Chain::of(&join.options);
        let proof = join.options.find::<TicketProof>(&option::TICKET);
        // SPEC JOIN-3
        let proof = proof.filter(|proof| {
            self.charter.as_ref().is_some_and(|charter| charter.proof_holds(proof, &peer.key, &self.us))
        });
        let ticket = proof.map(|proof| proof.ticket);
        let acts = join.options.find::<List<'_, Row, { limits::ACT_ROWS_MAX }>>(&option::ACTS);
        let acts = acts.into_iter().flat_map(|rows| rows.iter()).filter(|row| row.lane == Lane::Acts).collect();
        let note = join.options.find::<Reason<'_>>(&option::NOTE).map_or("", Reason::as_str).to_string();
        let (source, since) = (Source::of(peer.address.ip()), now.tick);
        let (meeting, manner, asked) = (join.meeting, Manner::Unasked, Asked::Not);
        let knock = Knock { request: id, meeting, chain, manner, ticket, acts, asked, note, source, since };
        peer.step = Step::Knocking(Box::new(knock));
        self.timers.disarm(Timer::Join(link));
        self.decide(link, now, out);
    }

    /// Looks at a JOIN, for the first time or again.
    pub(super) fn decide(&mut self, link: LinkId, now: Now, out: &mut Vec<Output>) {
        let Some(peer) = self.links.get(&link) else { return };
        let Step::Knocking(knock) = &peer.step else { return };
        let knock = knock.clone();
        let (key, run) = (peer.key, peer.started_ms);
        let is_seated = self.is_seated(key, &knock);
        // SPEC LOBBY-9: who waits in the lobby does so until a host's word lets it in, or shows it out.
        let is_decided = self.roster.is_revoked(&key, Level::Out) || is_seated && self.has_room(&key);
        if self.lobby.has(link) && !is_decided {
            return;
        }
        let name = peer.name.clone().unwrap_or_default();
        let decision = self.judge_early(key, run, &knock, now);
        let decision = decision.unwrap_or_else(|| {
            if !is_seated && self.asks_first(link, key, &knock, now, out) {
                return Decision::Wait(knock.since.after(limits::JOIN_TIMEOUT));
            }
            self.judge(key, &name, &knock, is_seated, now)
        });
        match decision {
            Decision::Wait(until) => self.timers.arm(Timer::Knock(link), until),
            Decision::Lobby => self.have_wait(link, now, out),
            Decision::No(rule) => self.reject(link, rule, now, out),
            Decision::Now => self.welcome(link, &knock, now, out),
        }
    }

    /// Looks again at all who wait.
    pub(super) fn decide_all(&mut self, now: Now, out: &mut Vec<Output>) {
        let waits = |step: &Step| matches!(step, Step::Knocking(_));
        let waiting: Vec<LinkId> =
            self.links.iter().filter(|(_, peer)| waits(&peer.step)).map(|(link, _)| *link).collect();
        waiting.into_iter().for_each(|link| self.decide(link, now, out));
    }

    /// Whether somebody who shows a chain, and has no seat by it, may bring acts that say otherwise: it is asked for them
    /// (SPEC MESH-27).
    fn asks_first(&mut self, link: LinkId, key: Key, knock: &Knock, now: Now, out: &mut Vec<Output>) -> bool {
        let is_lacking =
            |member: &Self| member.replica.lacks_of(link, |log, id| is_wanted_act(log, &member.roster, id));
        match knock.asked {
            Asked::Over => return false,
            Asked::Now(_) if now.tick < knock.since.after(limits::JOIN_TIMEOUT) && is_lacking(self) => return true,
            Asked::Now(_) => {}
            Asked::Not => {
                let charter = self.charter.as_ref().filter(|_| !knock.acts.is_empty());
                if !charter.is_some_and(|charter| knock.chain.holds(&key, charter, &self.us)) {
                    return false;
                }
                self.replica.hear(link, key, Account::Source(knock.source), &knock.acts, now);
                if is_lacking(self) && self.has_place_to_ask(knock.source, now, out) {
                    self.note_asked(link, Asked::Now(false));
                    return true;
                }
            }
        }
        self.ask_no_more(link);
        false
    }

    /// Finds a place among those who are asked: of all, the one that came first and has brought nothing gives way.
    fn has_place_to_ask(&mut self, source: Source, now: Now, out: &mut Vec<Output>) -> bool {
        let mut asked = Vec::new();
        for (link, peer) in &self.links {
            if let Step::Knocking(knock) = &peer.step
                && let Asked::Now(has_brought) = knock.asked
            {
                asked.push((has_brought, knock.since, *link, knock.source));
            }
        }
        if asked.iter().filter(|(.., other)| *other == source).count() >= limits::ACT_LINKS_OF_SOURCE_MAX {
            return false;
        }
        if asked.len() < limits::ACT_LINKS_MAX {
            return true;
        }
        let Some((false, _, first, _)) = asked.into_iter().min() else { return false };
        self.ask_no_more(first);
        self.decide(first, now, out);
        true
    }

    fn ask_no_more(&mut self, link: LinkId) {
        self.note_asked(link, Asked::Over);
        self.replica.part(link, None);
    }

    fn note_asked(&mut self, link: LinkId, asked: Asked) {
        if let Some(knock) = self.links.get_mut(&link).and_then(Peer::knock_mut) {
            knock.asked = asked;
        }
    }

    /// An act has come from somebody who is asked.
    pub(super) fn note_brought(&mut self, link: LinkId) {
        self.note_asked(link, Asked::Now(true));
    }

    /// What is said of somebody before its chain is looked at.
    fn judge_early(&self, key: Key, run: u64, knock: &Knock, now: Now) -> Option<Decision> {
        let patience = knock.since.after(limits::JOIN_TIMEOUT);
        // SPEC JOIN-2
        if self.charter.is_some() && knock.meeting != MeetingId::ZERO && knock.meeting != self.replica.log.meeting() {
            return Some(Decision::No(Rule::Join2));
        }
        // SPEC MESH-6
        if self.stage != Stage::Inside {
            let is_over = now.tick >= patience;
            return Some(if is_over { Decision::No(Rule::Mesh6) } else { Decision::Wait(patience) });
        }
        // SPEC JOIN-10: of an earlier run
        self.is_outrun(key, run).then_some(Decision::No(Rule::Join10))
    }

    fn judge(&mut self, key: Key, name: &str, knock: &Knock, is_seated: bool, now: Now) -> Decision {
        // SPEC JOIN-4: of a key
        if self.roster.is_revoked(&key, Level::Out) {
            return Decision::No(Rule::Join4);
        }
        // SPEC JOIN-7: a name is its key's as long as that is here.
        if !self.is_here(&key) && self.is_named(name, key) {
            return Decision::No(Rule::Join7);
        }
        if is_seated {
            // SPEC JOIN-6
            if !self.has_room(&key) {
                return Decision::No(Rule::Join6);
            }
            // SPEC JOIN-15
            return self.door.count_again(key, now.tick).map_or_else(Decision::No, |()| Decision::Now);
        }
        self.judge_newcomer(key, knock, now)
    }

    fn judge_newcomer(&mut self, key: Key, knock: &Knock, now: Now) -> Decision {
        let Some(charter) = &self.charter else { return Decision::No(Rule::Mesh6) };
        if charter.admission.has_tickets() {
            // SPEC JOIN-3
            let Some(ticket) = knock.ticket else { return Decision::No(Rule::Join3) };
            // SPEC JOIN-4: of a ticket
            if !self.roster.is_good_for(&ticket, &key) {
                return Decision::No(Rule::Join4);
            }
        }
        // SPEC PASS-4
        if self.newcomer.chain.is_full() {
            return Decision::No(Rule::Pass4);
        }
        // SPEC JOIN-5
        if !self.roster.is_unlocked_for(&key) {
            return Decision::No(Rule::Join5);
        }
        // SPEC JOIN-6
        if !self.has_room(&key) {
            return Decision::No(Rule::Join6);
        }
        if charter.admission.has_lobby() {
            // SPEC LOBBY-8: only a host's pass by hand counts.
            let is_host = self.roster.is_host(&self.us.key());
            return if is_host { Decision::Lobby } else { Decision::No(Rule::Lobby8) };
        }
        match self.door.count_newcomer(key, knock.source, now.tick) {
            Ok(()) => Decision::Now,
            Err(rule) => Decision::No(rule),
        }
    }

    /// Whether one more may be linked.
    pub(super) fn has_room(&self, key: &Key) -> bool {
        let Some(charter) = &self.charter else { return false };
        let room = usize::try_from(charter.guests).unwrap_or(usize::MAX).min(limits::MESH_MAX);
        self.linked_here().any(|linked| linked == *key) || self.linked_here().count().saturating_add(1) < room
    }

    /// Whether somebody other than `key` who is here is called `name`, or something that reads alike.
    pub(super) fn is_named(&self, name: &str, key: Key) -> bool {
        let reads = reading(name);
        let others = self.roster.members().filter(|member| member.key != key && member.reading == Some(&*reads));
        self.is_in_lobby(name, key) || others.map(|member| member.key).any(|other| self.is_here(&other))
    }

    /// Whether somebody has a seat by the acts that are held: by its rank, or by what it shows.
    fn is_seated(&self, key: Key, knock: &Knock) -> bool {
        self.roster.is_host(&key) || self.seats(key, &knock.chain, knock.ticket)
    }

    /// Whether what somebody shows gives it a seat, by the acts that are held.
    fn seats(&self, key: Key, chain: &Chain, ticket: Option<Key>) -> bool {
        self.charter.as_ref().is_some_and(|charter| {
            self.roster.lets_in(&key, chain, ticket, charter) && chain.holds(&key, charter, &self.us)
        })
    }

    /// Whether a chain is taken from whoever has welcomed this node: it keeps one that seats it by its own acts, but for a
    /// shorter one that loses it nothing (SPEC PASS-5).
    pub(super) fn is_better(&self, new: &Chain) -> bool {
        let (us, ours) = (self.us.key(), &self.newcomer.chain);
        let ticket = self.own_proof().map(|proof| proof.ticket);
        let loses_nothing = new.len() < ours.len() && new.floor() <= ours.floor() && self.seats(us, new, ticket);
        !self.seats(us, ours, ticket) || ours.is_full() && loses_nothing
    }

    /// What lets `key` in again: the chain that it has, or a new one (SPEC PASS-4).
    pub(super) fn chain_for(&self, key: Key, knock: &Knock) -> Chain {
        let (shown, ours) = (&knock.chain, &self.newcomer.chain);
        let Some(charter) = &self.charter else { return Chain::default() };
        // SPEC PASS-2: the founder's has no pass.
        if charter.founder == key {
            return Chain::default();
        }
        let is_seated = self.seats(key, shown, knock.ticket);
        let is_shorter = ours.len().saturating_add(1) < shown.len() && ours.floor() <= shown.floor();
        let is_long = shown.is_full() && is_shorter;
        if is_seated && !is_long {
            return shown.clone();
        }
        // SPEC HISTORY-1, PASS-3
        let newest = || self.replica.log.floor_of_last(charter.history).max(ours.floor());
        let floor = if is_seated { shown.floor() } else { newest() };
        let new = ours.and(key, floor, knock.manner, charter.meeting, &self.us);
        // A pass that no host has given by hand may not do where the old ones did.
        if is_seated && !self.seats(key, &new, knock.ticket) { shown.clone() } else { new }
    }

    /// What is shown of somebody: a junior whose name reads like a senior's is told apart by its key.
    pub(super) fn called(&self, key: &Key) -> String {
        let Some(name) = self.roster.name(key) else {
            let known = self.links.values().find(|peer| peer.key == *key).and_then(|peer| peer.name.clone());
            return known.unwrap_or_else(|| key.to_hex().chars().take(8).collect());
        };
        let reads = self.roster.reading(key);
        let seniors = self.roster.members().take_while(|member| member.key != *key);
        if seniors.filter(|member| member.reading == reads).any(|member| self.is_here(&member.key)) {
            let mark: String = key.to_hex().chars().take(8).collect();
            return alloc::format!("{name}-{mark}");
        }
        name.to_string()
    }
}
