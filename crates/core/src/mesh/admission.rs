//! Who gets in (SPEC.md, "Mesh"): whoever is a member, and whom any member admits.

use alloc::boxed::Box;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::member::{Member, Stage, Timer};
use super::peer::{Knock, Step};
use crate::id::{Hash, Key, LinkId, MeetingId, RequestId, Source};
use crate::limits;
use crate::machine::Output;
use crate::name::reading;
use crate::pass::Chain;
use crate::rule::Rule;
use crate::time::{Instant, Now};
use crate::wire::entry::{EntryBody, Level, Role};
use crate::wire::field::{List, Reason, encode_items};
use crate::wire::meeting::Join;
use crate::wire::option::{self, Manner, TicketProof};

/// What becomes of a JOIN.
enum Decision {
    /// It is answered with WELCOME.
    Now,
    /// It is looked at again when the roster has changed, and at this time.
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
        let ticket = join.options.find::<TicketProof>(&option::TICKET);
        let note = join.options.find::<Reason<'_>>(&option::NOTE).map_or("", Reason::as_str).to_string();
        let (source, since) = (Source::of(peer.address.ip()), now.tick);
        let (meeting, manner) = (join.meeting, Manner::Unasked);
        let knock = Knock { request: id, meeting, chain, manner, ticket, note, source, since };
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
        // Who waits in the lobby does so until a host's word makes it a member, or an outcast.
        if self.lobby.has(link) && !self.roster.is_member(&key) && !self.roster.is_revoked(&key, Level::Out) {
            return;
        }
        let name = peer.name.clone().unwrap_or_default();
        match self.judge(key, run, &name, &knock, now) {
            Decision::Wait(until) => self.timers.arm(Timer::Grant(link), until),
            Decision::Lobby => self.have_wait(link, now, out),
            Decision::No(rule) => self.reject(link, rule, now, out),
            Decision::Now if self.roster.is_member(&key) => self.welcome(link, &knock, now, out),
            // The grant is an act, and after each act all who wait are looked at again.
            Decision::Now => {
                if !self.grant(key, &name, knock.ticket, now, out) {
                    self.reject(link, Rule::Mesh6, now, out);
                }
            }
        }
    }

    /// Looks again at all who wait.
    pub(super) fn decide_all(&mut self, now: Now, out: &mut Vec<Output>) {
        let waits = |step: &Step| matches!(step, Step::Knocking(_));
        let waiting: Vec<LinkId> =
            self.links.iter().filter(|(_, peer)| waits(&peer.step)).map(|(link, _)| *link).collect();
        waiting.into_iter().for_each(|link| self.decide(link, now, out));
    }

    fn judge(&mut self, key: Key, run: u64, name: &str, knock: &Knock, now: Now) -> Decision {
        let patience = knock.since.after(limits::JOIN_TIMEOUT);
        // SPEC JOIN-2
        if self.charter.is_some() && knock.meeting != MeetingId::ZERO && knock.meeting != self.replica.log.meeting() {
            return Decision::No(Rule::Join2);
        }
        // SPEC MESH-6
        if self.stage != Stage::Inside {
            return if now.tick < patience { Decision::Wait(patience) } else { Decision::No(Rule::Mesh6) };
        }
        // SPEC JOIN-10: of an earlier run
        if self.is_outrun(key, run) {
            return Decision::No(Rule::Join10);
        }
        // SPEC JOIN-4: of a key
        if self.roster.is_revoked(&key, Level::Out) {
            return Decision::No(Rule::Join4);
        }
        let is_member = self.roster.is_member(&key);
        // SPEC JOIN-7: a name is its key's as long as that is here.
        if !(is_member && self.is_here(&key)) && self.is_named(name, key) {
            return Decision::No(Rule::Join7);
        }
        if is_member {
            // SPEC JOIN-15
            return self.door.count_again(key, now.tick).map_or_else(Decision::No, |()| Decision::Now);
        }
        // SPEC MESH-6: who has a pass has been granted elsewhere, and the grant is on its way.
        let grant = knock.since.after(limits::GRANT_TIMEOUT);
        if !knock.chain.is_empty() && now.tick < grant {
            return Decision::Wait(grant);
        }
        self.judge_newcomer(key, knock, now)
    }

    fn judge_newcomer(&mut self, key: Key, knock: &Knock, now: Now) -> Decision {
        let Some(charter) = &self.charter else { return Decision::No(Rule::Mesh6) };
        if charter.admission.has_tickets() {
            // SPEC JOIN-3
            let Some(ticket) = knock.ticket.filter(|ticket| charter.proof_holds(ticket, &key, &self.us)) else {
                return Decision::No(Rule::Join3);
            };
            // SPEC JOIN-4: of a ticket
            if self.roster.is_revoked(&ticket.ticket, Level::Out) {
                return Decision::No(Rule::Join4);
            }
        }
        // SPEC PASS-4
        if self.newcomer.chain.is_full() {
            return Decision::No(Rule::Pass4);
        }
        // SPEC JOIN-5
        if self.roster.is_locked() {
            return Decision::No(Rule::Join5);
        }
        // SPEC JOIN-6
        let has_lobby = charter.admission.has_lobby();
        if !self.has_room() || !has_lobby && !self.may_act_unasked() {
            return Decision::No(Rule::Join6);
        }
        if has_lobby {
            // SPEC LOBBY-8: only a host's grant counts.
            let is_host = self.roster.is_host(&self.us.key());
            return if is_host { Decision::Lobby } else { Decision::No(Rule::Lobby8) };
        }
        match self.door.count_newcomer(key, knock.source, now.tick) {
            Ok(()) => Decision::Now,
            Err(rule) => Decision::No(rule),
        }
    }

    /// Whether one member more may come in.
    pub(super) fn has_room(&self) -> bool {
        let Some(charter) = &self.charter else { return false };
        let room = usize::try_from(charter.guests).unwrap_or(usize::MAX).min(limits::MESH_MAX);
        self.roster.members().filter(|member| !self.roster.has_left(&member.key)).count() < room
    }

    pub(super) fn grant(
        &mut self,
        key: Key,
        name: &str,
        ticket: Option<TicketProof>,
        now: Now,
        out: &mut Vec<Output>,
    ) -> bool {
        let has_tickets = self.charter.as_ref().is_some_and(|charter| charter.admission.has_tickets());
        let (count, proof) = encode_items(ticket.filter(|_| has_tickets), 1);
        let (role, answers, name) = (Role::Member, Hash::ZERO, Reason::cut(name));
        self.write(&EntryBody::Grant { subject: key, role, answers, name, proof: List::over(count, &proof) }, now, out)
            && self.roster.is_member(&key)
    }

    /// Whether somebody other than `key` who is here is called `name`, or something that reads alike.
    pub(super) fn is_named(&self, name: &str, key: Key) -> bool {
        let reads = reading(name);
        let mut others = self.roster.members().filter(|member| member.key != key && self.is_here(&member.key));
        self.is_in_lobby(name, key)
            || others.any(|member| member.name.is_some_and(|other| reading(other) == reads))
            || self.links.values().any(|peer| {
                peer.key != key && peer.is_in() && peer.name.as_deref().is_some_and(|other| reading(other) == reads)
            })
    }

    /// What lets `key` in again: the chain that it has, or a new one (SPEC PASS-4).
    pub(super) fn chain_for(&self, key: Key, knock: &Knock) -> Chain {
        let (shown, ours) = (&knock.chain, &self.newcomer.chain);
        // SPEC PASS-2: the founder's has no pass.
        if self.charter.as_ref().is_some_and(|charter| charter.founder == key) {
            return Chain::default();
        }
        if self.chain_holds(shown, key) && !(shown.is_full() && ours.len().saturating_add(1) < shown.len()) {
            return shown.clone();
        }
        ours.and(key, self.floor_for(key, shown), knock.manner, self.replica.log.meeting(), &self.us)
    }

    /// The lamport time above which talk is served to `key` (SPEC HISTORY-1, PASS-3).
    pub(super) fn floor_for(&self, key: Key, shown: &Chain) -> u64 {
        let Some(charter) = &self.charter else { return u64::MAX };
        if key == charter.founder {
            0
        } else if self.chain_holds(shown, key) {
            shown.floor()
        } else {
            self.replica.log.floor_of_last(charter.history).max(self.newcomer.chain.floor())
        }
    }

    fn chain_holds(&self, chain: &Chain, key: Key) -> bool {
        let is_members = chain.signer().is_some_and(|signer| signer != key && self.roster.is_member(&signer));
        is_members && self.charter.as_ref().is_some_and(|charter| chain.holds(&key, charter, &self.us))
    }

    /// What is shown of somebody: a junior whose name reads like a senior's is told apart by its key.
    pub(super) fn called(&self, key: &Key) -> String {
        let Some(name) = self.roster.name(key) else {
            let known = self.links.values().find(|peer| peer.key == *key).and_then(|peer| peer.name.clone());
            return known.unwrap_or_else(|| key.to_hex().chars().take(8).collect());
        };
        let reads = reading(name);
        let seniors = self.roster.members().take_while(|member| member.key != *key);
        let mut seniors = seniors.filter(|member| self.is_here(&member.key));
        if seniors.any(|member| member.name.is_some_and(|other| reading(other) == reads)) {
            let mark: String = key.to_hex().chars().take(8).collect();
            return alloc::format!("{name}-{mark}");
        }
        name.to_string()
    }
}
