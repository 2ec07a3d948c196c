//! What must be true of a room once nothing goes wrong any more.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use tertulia_core::command::Command;
use tertulia_core::event::{Event, Kind, Reach, State};
use tertulia_core::id::{Hash, Key};
use tertulia_core::limits;
use tertulia_core::log::{Held, Log, StreamId, entry_of};
use tertulia_core::wire::entry::{Entry, Kind as Body, Level};
use tertulia_core::wire::meeting::Lane;

use super::room::{Asked, Person, Room};

/// Every pair is linked so soon after the last one came.
const LINKED_MS: u64 = 3_000;
/// All hold the same so soon after the last fault.
const COMPLETE_MS: u64 = 20_000;
/// What damage has taken, and nobody has, is taken for gone so soon.
const LOST_MS: u64 = 60_000;
/// Private words are answered, or given up (SPEC MESH-20).
const ANSWERED_MS: u64 = 30_000;

/// Lamport time, author, session, number: the order of a transcript.
type Place = (u64, Key, u64, u64);

impl Room {
    /// The nodes that are to be there.
    fn expected(&self) -> Vec<usize> {
        let revoked = self.revoked();
        let stays = |node: &usize| !self.people[*node].gone && !revoked.contains(&self.people[*node].key);
        (0..self.people.len()).filter(stays).collect()
    }

    /// The keys that the founder has shown out, folded anew when it has stored something.
    fn revoked(&self) -> Rc<BTreeSet<Key>> {
        let held = self.sim.disk(0).entries.len();
        if let Some((at, revoked)) = &*self.folded.borrow()
            && *at == held
        {
            return revoked.clone();
        }
        let roster = self.roster(0);
        let keys = self.people.iter().map(|person| person.key);
        let revoked = Rc::new(keys.filter(|key| roster.is_revoked(key, Level::Out)).collect::<BTreeSet<Key>>());
        *self.folded.borrow_mut() = Some((held, revoked.clone()));
        revoked
    }

    /// Whether every two of those who are to be there have exactly one link, and both know it.
    fn missing_pair(&self) -> Option<String> {
        let expected = self.expected();
        for node in &expected {
            if !self.is_there(*node) {
                return Some(format!("node {node} is not in"));
            }
            let others = self.sim.connections(*node).into_iter().filter(|(key, _)| self.is_honest(key));
            let mut others: Vec<usize> = others.map(|(_, other)| other).collect();
            others.sort_unstable();
            let wanted: Vec<usize> = expected.iter().copied().filter(|other| other != node).collect();
            if others != wanted {
                return Some(format!("node {node} has links with {others:?}, and should with {wanted:?}"));
            }
        }
        None
    }

    pub(super) fn check_links_soon(&mut self) {
        let since = self.sim.now();
        while let Some(missing) = self.missing_pair() {
            let late = self.sim.now() - since;
            assert!(late < LINKED_MS, "{late} ms after the last one came: {missing}");
            self.run_for(20);
        }
        self.linked_ms = self.sim.now() - since;
    }

    /// The liveness phase.
    pub(super) fn live(&mut self) {
        self.stop_faults();
        let since = self.sim.now();
        for node in self.expected() {
            if self.is_there(node) {
                self.say(node);
            }
        }
        loop {
            let half_open =
                || self.sim.has_half_open().then(|| "a link is dead, and one end does not know".to_string());
            let problem =
                self.missing_pair().or_else(|| self.incomplete()).or_else(|| self.differing()).or_else(half_open);
            let Some(problem) = problem else { break };
            let late = self.sim.now() - since;
            assert!(late < COMPLETE_MS, "{late} ms after the last fault: {problem}");
            self.run_for(50);
        }
        self.complete_ms = self.sim.now() - since;
        self.check_bounds();
        self.end_byzantine();
        self.settle();
        self.check_shown();
        self.check_people();
        self.check_answers();
        self.check_whispers();
        let seen = |what| self.sim.seen().get(what).copied().unwrap_or(0);
        let (frames, entries) = (seen("entry_frames"), seen("entries"));
        // Of one room, this is a bound against the worst; on average it is lower.
        assert!(frames * 10 <= entries * 20 + 1_000, "{frames} ENTRY frames came for {entries} entries");
        self.check_newcomer();
    }

    /// SPEC MESH-25: whoever comes in the end is told who is here, and of nobody who was here before.
    fn check_newcomer(&mut self) {
        let mut here: BTreeSet<Key> = self.expected().into_iter().map(|node| self.people[node].key).collect();
        here.extend(self.left_unheard());
        let newcomer = self.add_newcomer();
        here.insert(self.people[newcomer].key);
        let since = self.sim.now();
        while !self.is_there(newcomer) {
            assert!(self.sim.now() - since < ANSWERED_MS, "node {newcomer} does not come in");
            self.run_for(100);
        }
        self.run_for(10_000);
        let told = || self.sim.told(newcomer).iter().map(|told| &told.event);
        let first = told().find_map(|event| match event {
            Event::Roster { members, .. } => {
                let keys = members.iter().map(|member| member.key).filter(|key| self.is_honest(key));
                Some(keys.collect::<BTreeSet<Key>>())
            }
            _ => None,
        });
        assert_eq!(first, Some(here), "node {newcomer} was told of other people");
        let moved = told().find(|event| match event {
            Event::Joined { key, .. } | Event::Left { key, .. } => self.is_honest(key),
            _ => false,
        });
        assert_eq!(moved, None, "node {newcomer}, with nobody coming or going");
    }

    /// What a node holds of talk that counts, in the order of a transcript.
    fn transcript(&self, node: usize) -> BTreeSet<Place> {
        let entries = self.sim.disk(node).entries.iter().filter_map(entry_of).map(|entry| entry.entry);
        let roster = self.mix.has_politics().then(|| self.roster(node));
        let counts =
            |entry: &Entry| roster.as_ref().is_none_or(|roster| roster.counts(StreamId::of(entry), entry.number));
        let talk = entries.filter(|entry| entry.lane == Lane::Talk && self.is_honest(&entry.author) && counts(entry));
        talk.map(|entry| (entry.lamport, entry.author, entry.session, entry.number)).collect()
    }

    /// What a node holds of registers that count: of who was let in by what is void since, others hold nothing.
    fn registers(&self, node: usize) -> BTreeMap<(Key, Lane), Hash> {
        let log = self.log(node);
        let roster = self.roster_of(&log);
        let counts = |held: &&Arc<Held>| self.is_honest(&held.id.author) && roster.counts(held.id, held.number);
        let counting = log.registers().filter(counts);
        counting.map(|held| ((held.id.author, held.lane()), held.hash)).collect()
    }

    /// Whether all who have exchanged see the same room: who keeps to the rules, and who was shown out (SPEC ROSTER-1).
    fn differing(&self) -> Option<String> {
        let seen = |node: usize| {
            let roster = self.roster(node);
            let one = |person: &Person| {
                let key = &person.key;
                let is_out = (roster.is_revoked(key, Level::Out), roster.is_revoked(key, Level::Mute));
                let seat = (roster.is_seated(key), roster.is_host(key), roster.is_here(key), roster.floor(key));
                let name = roster.name(key).map(String::from);
                (*key, is_out, self.is_honest(key).then_some((seat, name)))
            };
            let people: Vec<_> = self.people.iter().map(one).collect();
            (node, roster.hosts().to_vec(), roster.is_locked(), people)
        };
        let all: Vec<_> = self.expected().into_iter().map(seen).collect();
        if let Some(two) = self.removed_differently() {
            return Some(two);
        }
        let differs = all.windows(2).find(|two| (&two[0].1, two[0].2, &two[0].3) != (&two[1].1, two[1].2, &two[1].3));
        differs.map(|two| format!("two see another room: {two:?}"))
    }

    /// Whether two take other words for removed, of those that both hold (SPEC RETRACT-2).
    fn removed_differently(&self) -> Option<String> {
        let mut all: BTreeMap<Hash, (usize, Option<Key>)> = BTreeMap::new();
        for node in self.expected() {
            for log in self.sim.logs(node) {
                let talk = log.entries().filter(|entry| entry.lane() == Lane::Talk && self.is_honest(&entry.id.author));
                for entry in talk.filter(|entry| !log.is_void(entry.id, entry.number)) {
                    let removed = log.removed_by(entry);
                    let (other, theirs) = *all.entry(entry.hash).or_insert((node, removed));
                    if theirs != removed {
                        return Some(format!(
                            "to {node} it is removed by {removed:?}, to {other} by {theirs:?}: {entry:?}"
                        ));
                    }
                }
            }
        }
        None
    }

    /// Who keeps to no rule fills no disk with people: only so many are kept (SPEC REGISTER-9).
    fn check_bounds(&self) {
        for node in self.expected() {
            let held = self.sim.logs(node).into_iter().flat_map(Log::registers);
            let known = held.filter(|held| held.lane() == Lane::PERSON).count();
            // Those who are there, and those whom one LINKS may name.
            let most = limits::PEOPLE_MAX + self.people.len() + limits::MESH_MAX;
            assert!(known <= most, "node {node} holds what {known} say of themselves");
        }
    }

    /// Whether all hold the same talk, and the same registers.
    fn incomplete(&self) -> Option<String> {
        let registers: Vec<_> = self.expected().into_iter().map(|node| (node, self.registers(node))).collect();
        if let Some(two) = registers.windows(2).find(|two| two[0].1 != two[1].1) {
            return Some(format!("nodes {} and {} hold other registers: {two:?}", two[0].0, two[1].0));
        }
        let transcripts: BTreeMap<usize, _> =
            self.expected().into_iter().map(|node| (node, self.transcript(node))).collect();
        let all: BTreeSet<Place> = transcripts.values().flatten().copied().collect();
        // What damage has taken from all who were there for five seconds is gone on behind, and told as a gap; who holds
        // nothing of a stream begins behind that (SPEC MESH-14).
        let goes_on_behind = |node: usize, held: &BTreeSet<Place>, (_, author, session, number): Place| {
            let has_less = held.iter().any(|place| (place.1, place.2) == (author, session) && place.3 < number);
            let is_told = |event: &Event| {
                matches!(event, Event::Gap { author: of, session: at, first, next }
                    if (*of, *at) == (author, session) && (*first..*next).contains(&number))
            };
            self.sim.was_lost_elsewhere(node, author, session, number)
                && (!has_less || self.sim.told(node).iter().any(|told| is_told(&told.event)))
        };
        let lacks = |(node, held): (&usize, &BTreeSet<Place>)| {
            let lacked = all.difference(held).find(|place| !goes_on_behind(*node, held, **place));
            lacked.map(|place| format!("node {node} lacks {place:?}"))
        };
        transcripts.iter().find_map(lacks)
    }

    /// In a quiet room nobody dials, nothing is asked for, and whoever speaks knows that all have it.
    fn settle(&mut self) {
        // What was held back about who came and went is told by then (SHOW-2).
        self.run_for(11_000);
        // What damage has taken is asked for some times more before it is taken for gone.
        let lacks = |room: &Self| room.expected().into_iter().any(|node| room.log(node).lost().next().is_some());
        for _ in 0..LOST_MS / 1_000 {
            if lacks(self) {
                self.run_for(1_000);
            }
        }
        let fetches = self.sim.seen().get("fetch").copied();
        let from = self.expected().into_iter().map(|node| self.sim.told(node).len()).collect::<Vec<_>>();
        let expected = self.expected();
        expected.iter().for_each(|node| self.say(*node));
        self.run_for(5_000);
        assert_eq!(self.missing_pair(), None, "a quiet room keeps its links");
        assert_eq!(self.incomplete(), None, "lines of a quiet room are with everybody soon");
        assert_eq!(self.sim.seen().get("fetch").copied(), fetches, "in a quiet room, authors send everything");
        let roster = self.roster(0);
        for (node, from) in expected.iter().zip(from) {
            let told = &self.sim.told(*node)[from..];
            let all = told.iter().any(|told| {
                let wanted = u32::try_from(expected.len() - 1).expect("few");
                matches!(told.event, Event::Delivery { reach: Reach::All, have, of, .. } if (have, of) == (wanted, wanted))
            });
            let is_muted = roster.is_revoked(&self.people[*node].key, Level::Mute);
            assert!(all || is_muted || expected.len() == 1, "node {node} does not know that all have what it said");
            let quiet = told.iter().all(|told| !matches!(told.event, Event::Unlinked { .. } | Event::Linked { .. }));
            assert!(quiet, "node {node} has lost a link in a quiet room");
        }
    }

    /// What was stored was shown, once.
    fn check_shown(&self) {
        for node in self.expected() {
            // What is removed is shown no more, but if its RETRACT does not count any more.
            let (mut shown, mut removed) = (BTreeSet::new(), BTreeSet::new());
            let mut last: BTreeMap<(Key, u64), u64> = BTreeMap::new();
            for told in self.sim.told(node) {
                let Event::Message { kind: kind @ (Kind::Text(origin) | Kind::Removed(origin, _)), .. } = &told.event
                else {
                    continue;
                };
                if !self.is_honest(&origin.author) {
                    continue;
                }
                let place = (origin.lamport, origin.author, origin.session, origin.number);
                if matches!(kind, Kind::Removed(..)) {
                    shown.remove(&place);
                    removed.insert(place);
                    continue;
                }
                assert!(shown.insert(place), "node {node} shows {place:?} twice");
                // What damage has taken before it was shown is shown once it has come again, what has come bare once its
                // body has, and what was removed once that does not count any more.
                let (author, session, number) = (origin.author, origin.session, origin.number);
                let has_come_late = self.sim.was_lost(node, author, session, number)
                    || self.sim.came_bare(node, author, session, number);
                if !removed.contains(&place) && !has_come_late {
                    let before = last.insert((author, session), number);
                    assert!(before < Some(number), "node {node} shows {place:?} after {before:?}");
                }
            }
            let hidden = self.removed_of(node);
            let still = shown.intersection(&hidden).next();
            assert_eq!(still, None, "node {node} shows what is removed");
            if self.sim.run_of(node) == 1 {
                let texts = self.texts_of(node);
                if self.mix.has_politics() {
                    // What has become void since may have been shown, and need not be.
                    let counting = self.transcript(node);
                    assert!(shown.is_subset(&texts), "node {node} shows what it does not hold");
                    let missing =
                        texts.intersection(&counting).find(|text| !shown.contains(text) && !hidden.contains(text));
                    assert_eq!(missing, None, "node {node} does not show what it holds");
                } else {
                    assert!(shown.is_subset(&texts), "node {node} shows what it does not hold");
                    let missing = texts.iter().find(|text| !shown.contains(text) && !hidden.contains(text));
                    assert_eq!(missing, None, "node {node} does not show what it holds");
                }
            }
        }
    }

    /// What a node takes for removed.
    fn removed_of(&self, node: usize) -> BTreeSet<Place> {
        let logs = self.sim.logs(node).into_iter();
        let removed = logs.flat_map(|log| log.entries().filter(|entry| log.removed_by(entry).is_some()));
        removed.map(|entry| (entry.lamport, entry.id.author, entry.id.session, entry.number)).collect()
    }

    fn texts_of(&self, node: usize) -> BTreeSet<Place> {
        let entries = self.sim.disk(node).entries.iter().filter_map(entry_of);
        let entries = entries.filter(|entry| self.is_honest(&entry.entry.author));
        let texts = entries.filter(|entry| Body::of(entry.entry.kind) == Body::Text);
        texts.map(|entry| entry.entry).map(|entry| (entry.lamport, entry.author, entry.session, entry.number)).collect()
    }

    /// Everybody sees the same people, each come once and gone once, and all linked.
    fn check_people(&mut self) {
        let expected = self.expected();
        let mut keys: BTreeSet<Key> = expected.iter().map(|node| self.people[*node].key).collect();
        keys.extend(self.left_unheard());
        let mut rosters = Vec::new();
        for node in &expected {
            let run = self.sim.run_of(*node);
            let mut here: BTreeSet<Key> = BTreeSet::new();
            for told in self.sim.told(*node).iter().filter(|told| told.run == run) {
                match &told.event {
                    Event::Roster { members, .. } => here = members.iter().map(|member| member.key).collect(),
                    Event::Joined { key, .. } | Event::Left { key, .. } if !self.is_honest(key) => {}
                    Event::Joined { key, .. } => assert!(here.insert(*key), "node {node}: {key} joins twice"),
                    Event::Left { key, .. } => {
                        assert!(here.remove(key), "node {node}: {key} leaves, and was not there");
                    }
                    _ => {}
                }
            }
            here.retain(|key| self.is_honest(key));
            assert_eq!(here, keys, "node {node} was told of other people");
            let from = self.sim.told(*node).len();
            self.command(*node, Command::Users);
            let told = self.sim.told(*node)[from..].iter().find_map(|told| match &told.event {
                Event::Roster { members, .. } => Some(members.clone()),
                _ => None,
            });
            let mut members = told.expect("/users shows people");
            members.retain(|member| self.is_honest(&member.key));
            let linked = members.iter().filter(|member| member.state == State::Linked).count();
            assert_eq!(linked, expected.len() - 1, "node {node} sees {members:?}");
            members.iter_mut().for_each(|member| member.state = State::You);
            rosters.push(members);
        }
        assert!(rosters.windows(2).all(|two| two[0] == two[1]), "people see others: {rosters:?}");
        let names: BTreeSet<&String> = rosters[0].iter().map(|member| &member.name).collect();
        assert_eq!(names.len(), rosters[0].len(), "two have one name");
    }

    /// Those who have left without anybody's hearing it: they may come back, for all that the others know.
    fn left_unheard(&mut self) -> Vec<Key> {
        let mut came = BTreeSet::new();
        for node in self.expected() {
            let roster = self.roster(node);
            came.extend(self.people.iter().map(|person| person.key).filter(|key| roster.is_here(key)));
        }
        // Of somebody whose every word was lost on the way nobody knows that it was there at all.
        let revoked = self.revoked();
        let is_unheard = |key: &Key| came.contains(key) && !revoked.contains(key);
        let has_gone = |person: &&Person| person.gone && self.is_honest(&person.key);
        let unheard = self.people.iter().filter(has_gone).filter(|person| is_unheard(&person.key));
        let unheard: Vec<Key> = unheard.map(|person| person.key).collect();
        if !unheard.is_empty() {
            self.sim.sometimes("left_unheard");
        }
        unheard
    }

    /// A command of a run that still goes on, and that was not answered.
    fn unanswered(&self) -> Option<&Asked> {
        let lives = |asked: &&Asked| self.sim.run_of(asked.node) == asked.run && self.sim.is_running(asked.node);
        self.asked.values().filter(lives).find(|asked| asked.answers() == 0)
    }

    /// Every command of a run that still goes on was answered, once: SPEC MESH-20, if its link never came back.
    fn check_answers(&mut self) {
        if self.unanswered().is_some() {
            self.run_for(ANSWERED_MS);
        }
        if let Some(asked) = self.unanswered() {
            panic!("node {}: {:?} was not answered", asked.node, asked.command);
        }
        for asked in self.asked.values() {
            let answers = asked.answers();
            assert!(answers <= 1, "node {}: {:?} was answered {answers} times", asked.node, asked.command);
        }
    }

    /// What was done is with the one it was meant for, and nothing came twice.
    fn check_whispers(&self) {
        // A receiver that was killed has forgotten which tokens it knew.
        let mut came: BTreeMap<String, (usize, bool)> = BTreeMap::new();
        for node in 0..self.people.len() {
            for told in self.sim.told(node) {
                if let Event::Message { kind: Kind::Whisper(_), text, own: false, .. } = &told.event {
                    let (times, was_killed) = came.entry(text.clone()).or_default();
                    (*times, *was_killed) = (*times + 1, self.sim.run_of(node) > 1);
                }
            }
        }
        for asked in self.asked.values() {
            let Command::Msg { text, .. } = &asked.command else { continue };
            let (times, was_killed) = came.get(text).copied().unwrap_or_default();
            assert!(times <= 1 || was_killed, "{text} came {times} times; {asked:?}");
            assert!(asked.done == 0 || times > 0, "{text} is done and has not come; {asked:?}");
        }
    }
}
