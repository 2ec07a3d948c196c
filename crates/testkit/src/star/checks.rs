//! What must be true of a lecture once nothing goes wrong any more.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use tertulia_core::code::Code;
use tertulia_core::command::Command;
use tertulia_core::event::{Event, Kind, Reach, State};
use tertulia_core::id::{CommandId, Hash, Key};
use tertulia_core::log::{entry_of, hash};
use tertulia_core::wire::entry::{EntryBody, Level};
use tertulia_core::wire::meeting::Lane;

use super::cast::{self, BAD_WORD};
use super::lecture::{Asked, Guest, HOST, Lecture};

/// Dead ends are noticed after 15 s, and the longest wait before a dial is 30 s.
const COMES_BACK_MS: u64 = 60_000;
/// A link that is silent for so long is dead.
const DEAD_MS: u64 = 15_000;
/// A line reaches everybody, and everybody's DIGEST the host.
pub(super) const IS_DELIVERED_MS: u64 = 8_000;

/// What says that a question was not published. Any other error says only that nobody knows.
const REFUSALS: [&str; 4] = ["filtered", "muted", "questions_closed", "full"];

/// Lane, session and number.
pub(super) type Name = (Lane, u64, u64);

/// One line of a transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) name: Name,
    pub(super) at: u64,
    pub(super) is_question: bool,
    pub(super) text: String,
}

impl Lecture {
    /// The liveness phase.
    pub(super) fn live(&mut self) {
        let since = self.sim.now();
        let classes = self.classes();
        self.stop_faults();
        self.say();
        let mut lags: BTreeMap<Key, u64> = BTreeMap::new();
        loop {
            for key in self.expected() {
                if !lags.contains_key(&key) && self.is_complete(key) {
                    self.check_lag(key, since);
                    lags.insert(key, self.sim.now() - since);
                }
            }
            if self.expected().iter().all(|key| self.is_complete(*key))
                && !self.has_twins()
                && !self.sim.has_half_open()
                && !self.may_miss_pings()
            {
                break;
            }
            let waits_for = (self.has_twins(), self.sim.has_half_open());
            let missing: Vec<_> = self.expected().into_iter().filter(|key| !self.is_complete(*key)).collect();
            let nodes: Vec<_> = self.guests.iter().filter(|guest| missing.contains(&guest.key)).collect();
            assert!(
                self.sim.now() < since + COMES_BACK_MS,
                "not back or not complete after a minute: {nodes:?}; twins, half open: {waits_for:?}"
            );
            self.run_for(50);
            // Who may have no earlier lines knows that nothing is missing once there is another.
            if (self.sim.now() - since).is_multiple_of(2_000) {
                self.say();
            }
        }
        self.lags = lags.into_iter().map(|(key, lag)| (classes.get(&key).copied().unwrap_or("apart"), lag)).collect();
        self.settle();
        self.check_transcripts();
        self.check_answers();
        self.check_alarms();
        self.check_whispers();
        self.check_out();
        self.check_roster();
        self.check_comparing();
        self.check_digits();
        self.end();
        let seen = |what| self.sim.seen().get(what).copied();
        if seen("entry_lost").is_none() {
            assert_eq!(seen("fetch"), None, "a star sends everything in order: nothing needs FETCH");
        }
    }

    /// How each guest's connection is as the last fault ends.
    fn classes(&self) -> BTreeMap<Key, &'static str> {
        let standing = self.sim.standing_between(HOST);
        let class = |guest: &Guest| {
            if standing.contains(&guest.node) {
                "linked"
            } else if !self.sim.peers(guest.node).is_empty() {
                "half open"
            } else {
                "apart"
            }
        };
        self.guests.iter().filter(|guest| !guest.gone).map(|guest| (guest.key, class(guest))).collect()
    }

    /// SPEC DIAL-2: a guest that was only cut off, and is complete now, was outside no longer than it had to wait.
    fn check_lag(&self, key: Key, since: u64) {
        // Whoever comes in as the last place for talk is taken may be overtaken at once (SPEC SLOW-2), and was not only cut off.
        let is_slow =
            |event: &Event| matches!(event, Event::Left { key: who, reason, .. } if (*who, &**reason) == (key, "slow"));
        let is_overtaken = self.sim.told(HOST).iter().any(|told| told.at >= since && is_slow(&told.event));
        if !self.mix.only_cuts() || is_overtaken {
            return;
        }
        let nodes = self.guests.iter().filter(|guest| guest.key == key && !guest.gone).map(|guest| guest.node);
        let let_in = nodes.map(|node| self.sim.patience_with(node, since)).max().unwrap_or(0);
        // Its DIGEST travels, what it lacks does, and it is looked at twenty times a second.
        let (lag, most) = (self.sim.now() - since, let_in + 2 * self.mix.conditions.delay_ms.end() + 50);
        assert!(lag <= most, "{key} has all after {lag} ms: SPEC DIAL-2 and JOIN-15 have it wait for {most} at most");
    }

    /// Whether there is a key of which two runs want to be there: one of them has yet to learn of the other.
    fn has_twins(&self) -> bool {
        let here: Vec<Key> = self.guests.iter().filter(|guest| !guest.gone).map(|guest| guest.key).collect();
        self.expected().iter().any(|key| here.iter().filter(|other| *other == key).count() > 1)
    }

    /// Whether a clock has jumped ahead so lately that a live link may still be taken for dead: the other end's clock has
    /// not, and so its PING is late.
    fn may_miss_pings(&self) -> bool {
        self.jumped_at.is_some_and(|at| self.sim.now() < at + DEAD_MS)
    }

    /// Lines of a quiet meeting are with everybody soon, and the host knows.
    fn settle(&mut self) {
        self.run_for(2_000);
        let before = self.sim.now();
        self.say();
        let last = self.transcript(HOST, 0).pop().expect("it was said just now");
        // One way, and as long for what may be before it in a slow pipe.
        let soon = 2 * *self.mix.conditions.delay_ms.end() + 500;
        self.run_for(soon);
        let expected = self.expected();
        for key in &expected {
            assert!(self.is_complete(*key), "{key} has no line that was said {soon} ms ago in a quiet meeting");
        }
        self.run_for(IS_DELIVERED_MS);
        let (_, session, number) = last.name;
        let all = self.sim.told(HOST).iter().any(|told| {
            matches!(told.event, Event::Delivery { session: s, number: n, reach: Reach::All, .. } if (s, n) == (session, number))
        });
        // Who was shown out meanwhile is not waited for.
        assert!(
            all || self.expected().is_empty(),
            "the host does not know after {IS_DELIVERED_MS} ms that all have {last:?}"
        );
        let dials = self.guests.iter().filter(|guest| expected.contains(&guest.key)).map(|guest| {
            self.sim
                .told(guest.node)
                .iter()
                .filter(|told| told.at > before && matches!(told.event, Event::Unlinked { .. }))
                .count()
        });
        assert_eq!(dials.sum::<usize>(), 0, "a link was lost in a quiet meeting");
    }

    /// The keys of those who are to be there.
    pub(super) fn expected(&self) -> BTreeSet<Key> {
        let revoked = self.revoked();
        let here = self.guests.iter().filter(|guest| !guest.gone && !revoked.contains_key(&guest.key));
        here.map(|guest| guest.key).collect()
    }

    /// Whose revokes no grant has answered, and each one's last revoke: a fold of its own, kept until there is another
    /// act.
    pub(super) fn revoked(&self) -> Rc<BTreeMap<Key, Name>> {
        let newest = self.sim.disk(HOST).last.get(&Lane::Acts).copied();
        if let Some((folded, revoked)) = &*self.folded.borrow()
            && *folded == newest
        {
            return revoked.clone();
        }
        let revoked = Rc::new(self.fold_revokes());
        *self.folded.borrow_mut() = Some((newest, revoked.clone()));
        revoked
    }

    fn fold_revokes(&self) -> BTreeMap<Key, Name> {
        let meeting = cast::charter(&self.mix).meeting;
        let mut revokes: BTreeMap<Hash, (Key, Name)> = BTreeMap::new();
        for entry in self.sim.disk(HOST).entries.iter().filter_map(entry_of) {
            match entry.read() {
                EntryBody::Revoke { subject, level: Level::Out, .. } => {
                    let name = (entry.entry.lane, entry.entry.session, entry.entry.number);
                    revokes.insert(hash(meeting, &entry.envelope()), (subject, name));
                }
                EntryBody::Grant { answers, .. } => drop(revokes.remove(&answers)),
                _ => {}
            }
        }
        revokes.into_values().collect()
    }

    /// Whether somebody with this key is linked and has the host's last act and last talk.
    fn is_complete(&self, key: Key) -> bool {
        let has = |node: usize, lane| self.sim.disk(node).last.get(&lane) == self.sim.disk(HOST).last.get(&lane);
        let mut nodes = self.guests.iter().filter(|guest| guest.key == key && !guest.gone).map(|guest| guest.node);
        self.sim.peers(HOST).contains(&key)
            && nodes.any(|node| !self.sim.peers(node).is_empty() && has(node, Lane::Acts) && has(node, Lane::Talk))
    }

    /// What a node's user has seen of the meeting since the `from`th thing it was told.
    pub(super) fn transcript(&self, node: usize, from: usize) -> Vec<Line> {
        let told = self.sim.told(node).get(from..).unwrap_or_default();
        told.iter()
            .filter_map(|told| {
                let Event::Message { kind, text, .. } = &told.event else { return None };
                let (lane, origin, is_question) = match kind {
                    Kind::Text(origin) => (Lane::Talk, origin, false),
                    Kind::Question(origin, _) => (Lane::Talk, origin, true),
                    Kind::Deed(origin, _) => (Lane::Acts, origin, false),
                    Kind::Whisper(_) | Kind::Missing(_) | Kind::Removed(..) => return None,
                };
                let name = (lane, origin.session, origin.number);
                Some(Line { name, at: told.at, is_question, text: text.clone() })
            })
            .collect()
    }

    fn check_transcripts(&mut self) {
        let host = self.transcript(HOST, 0);
        let said: Vec<_> = host.iter().filter(|line| line.name.0 == Lane::Talk && !line.is_question).collect();
        assert!(said.iter().map(|line| &line.text).eq(&self.said), "the host does not show what it has said");
        let expected = self.expected();
        for guest in self.guests.clone() {
            let complete = expected.contains(&guest.key) && !guest.gone && !self.sim.peers(guest.node).is_empty();
            let told: Vec<Line> = host.iter().filter_map(|line| self.as_told(guest.key, line)).collect();
            self.check_transcript(&guest, &told, complete);
        }
    }

    /// A guest's transcript is what it was told: once, in order, and what is missing was said to be.
    fn check_transcript(&self, guest: &Guest, host: &[Line], complete: bool) {
        let places: BTreeMap<Name, usize> = host.iter().enumerate().map(|(at, line)| (line.name, at)).collect();
        let seen = self.transcript(guest.node, guest.life_from);
        let who = format!("node {} ({})", guest.node, guest.name);
        let mut shown = BTreeSet::new();
        let mut next = 0;
        for line in &seen {
            let at = *places.get(&line.name).unwrap_or_else(|| panic!("{who} shows what was not said: {line:?}"));
            assert_eq!(line.text, host[at].text, "{who} shows another text");
            assert_eq!(
                line.is_question, host[at].is_question,
                "{who} takes a text for a question, or a question for a text"
            );
            assert!(shown.insert(at), "{who} shows {line:?} twice");
            assert!(at >= next, "{who} shows {line:?} after {:?}", host[next]);
            next = at;
        }
        let gaps: Vec<_> = self.sim.told(guest.node)[guest.life_from..]
            .iter()
            .filter_map(|told| match &told.event {
                Event::Gap { session, first, next, .. } => Some((*session, *first..*next)),
                _ => None,
            })
            .collect();
        let in_gap = |(lane, session, number): Name| {
            lane == Lane::Talk && gaps.iter().any(|(of, range)| *of == session && range.contains(&number))
        };
        let first_talk = seen.iter().find(|line| line.name.0 == Lane::Talk).map(|line| places[&line.name]);
        let all_served = self.mix.history == u32::MAX && self.mix.talk_max > host.len();
        // Whoever is not there any more has each lane up to some entry.
        let last = |lane| shown.iter().rev().find(|at| host[**at].name.0 == lane).map_or(0, |last| last + 1);
        let ends = [Lane::Acts, Lane::Talk].map(|lane| if complete { host.len() } else { last(lane) });
        for (at, line) in host.iter().enumerate() {
            let is_talk = line.name.0 == Lane::Talk;
            if at >= ends[usize::from(is_talk)] {
                continue;
            }
            let before = is_talk && !all_served && first_talk.is_none_or(|first| at < first);
            assert!(shown.contains(&at) || in_gap(line.name) || before, "{who} lacks {line:?}, and does not say so");
            assert!(!(shown.contains(&at) && in_gap(line.name)), "{who} shows {line:?}, and says that it is missing");
        }
        self.check_history(guest, host, &shown);
    }

    /// A newcomer is served no more than its meeting's history.
    fn check_history(&self, guest: &Guest, host: &[Line], shown: &BTreeSet<usize>) {
        let same_key = self.guests.iter().filter(|other| other.key == guest.key).count();
        if same_key > 1 || guest.life_from > 0 || self.mix.history == u32::MAX {
            return;
        }
        let joined = self.sim.told(HOST).iter().find_map(|told| match &told.event {
            Event::Joined { key, .. } if *key == guest.key => Some(told.at),
            _ => None,
        });
        let Some(joined) = joined else { return };
        let earlier = shown.iter().filter(|at| host[**at].name.0 == Lane::Talk && host[**at].at < joined).count();
        assert!(earlier <= self.mix.history as usize, "node {} was served {earlier} earlier lines", guest.node);
    }

    /// Whoever was shown out saw why, and saw nothing after it.
    fn check_out(&mut self) {
        let host = self.transcript(HOST, 0);
        let places: BTreeMap<Name, usize> = host.iter().enumerate().map(|(at, line)| (line.name, at)).collect();
        for (key, act) in self.revoked().iter().map(|(key, act)| (*key, *act)) {
            for guest in self.guests.iter().filter(|guest| guest.key == key) {
                let seen = self.transcript(guest.node, guest.life_from);
                let last = seen.iter().map(|line| places[&line.name]).max();
                let was_told = seen.iter().any(|line| line.name == act);
                assert!(last.is_none_or(|last| last <= places[&act] + 1), "node {} sees on after its kick", guest.node);
                // A link that a small ring has overtaken is sent nothing more than goodbye.
                let must_see =
                    self.mix.talk_max > host.len() && self.was_following_when_kicked(guest, host[places[&act]].at);
                assert!(was_told || !must_see, "node {} was shown out, and did not see it happen", guest.node);
                *self.kicks.entry(was_told).or_default() += 1;
            }
        }
        if self.kicks.contains_key(&true) {
            self.sim.sometimes("kick_was_seen");
        }
    }

    /// Whether a guest was closed for its kick after its last link had brought an entry.
    fn was_following_when_kicked(&self, guest: &Guest, since: u64) -> bool {
        let mut follows = false;
        for told in &self.sim.told(guest.node)[guest.life_from..] {
            match &told.event {
                Event::Linked { .. } => follows = false,
                Event::Message { kind: Kind::Text(_) | Kind::Question(..) | Kind::Deed(..), .. } => follows = true,
                Event::Closed { code: Code::Kicked, .. } if told.at >= since => return follows,
                _ => {}
            }
        }
        false
    }

    /// Every command is answered once; a question is published once if it was done, and not at all if it was refused.
    fn check_answers(&mut self) {
        let host = self.transcript(HOST, 0);
        let mut published: BTreeMap<&str, usize> = BTreeMap::new();
        for line in host.iter().filter(|line| line.is_question) {
            *published.entry(&line.text).or_default() += 1;
        }
        let mut asked_for = BTreeSet::new();
        for (id, asked) in &self.asked {
            self.check_answered(*id, asked);
            let Command::Say { text } = &asked.command else { continue };
            if asked.node == HOST {
                continue;
            }
            asked_for.insert(text.as_str());
            let times = published.get(text.as_str()).copied().unwrap_or(0);
            assert!(times <= 1, "`{text}` was published {times} times");
            assert!(times == 1 || asked.done == 0, "`{text}` was done, and not published");
            let refused = asked.errors.iter().any(|code| REFUSALS.contains(code));
            assert!(times == 0 || !refused, "`{text}` was published and refused: {:?}", asked.errors);
            assert!(times == 0 || !text.starts_with(BAD_WORD), "`{text}` was published");
        }
        assert!(published.keys().all(|text| asked_for.contains(text)), "nobody has asked what was published");
    }

    fn check_answered(&self, id: CommandId, asked: &Asked) {
        let answers = asked.done as usize + asked.errors.len();
        assert!(answers <= 1, "{asked:?} was answered {answers} times");
        let is_there = self.sim.is_running(asked.node) && self.sim.run_of(asked.node) == asked.run;
        let linked = asked.node == HOST || !self.sim.peers(asked.node).is_empty();
        assert!(answers == 1 || !is_there || !linked, "command {} was not answered: {asked:?}", id.0);
    }

    /// A private text that is done was shown, and none is shown twice by one run.
    fn check_whispers(&self) {
        let mut shown: BTreeMap<&str, BTreeMap<(usize, u32), usize>> = BTreeMap::new();
        for node in std::iter::once(HOST).chain(self.guests.iter().map(|guest| guest.node)) {
            for told in self.sim.told(node) {
                if let Event::Message { kind: Kind::Whisper(_), own: false, text, .. } = &told.event {
                    *shown.entry(text).or_default().entry((node, told.run)).or_default() += 1;
                }
            }
        }
        assert!(shown.values().flat_map(BTreeMap::values).all(|times| *times == 1), "a private text is shown twice");
        for asked in self.asked.values().filter(|asked| asked.done == 1) {
            if let Command::Msg { text, .. } = &asked.command {
                assert!(shown.contains_key(text.as_str()), "`{text}` was done, and nobody has seen it");
            }
        }
    }

    /// Everybody sees the same people.
    fn check_roster(&mut self) {
        let people = self.people(HOST);
        assert_eq!(people.keys().copied().collect::<BTreeSet<_>>(), self.expected(), "who is there by the host");
        for guest in self.guests.clone().iter().filter(|guest| !guest.gone && people.contains_key(&guest.key)) {
            if !self.sim.peers(guest.node).is_empty() {
                assert_eq!(self.people(guest.node), people, "who is there by node {}", guest.node);
            }
        }
    }

    /// The guests that a node knows of, by key.
    pub(super) fn people(&mut self, node: usize) -> BTreeMap<Key, String> {
        let host = cast::charter(&self.mix).founder;
        self.command(node, Command::Users);
        let roster = self.sim.told(node).iter().rev().find_map(|told| match &told.event {
            Event::Roster { members, guests } => Some((members.clone(), *guests)),
            _ => None,
        });
        let (members, guests) = roster.expect("it was asked for just now");
        assert!(members.iter().all(|member| member.state != State::Away), "somebody is away in a quiet meeting");
        let people: BTreeMap<_, _> =
            members.into_iter().filter(|member| member.key != host).map(|member| (member.key, member.name)).collect();
        assert_eq!(guests as usize, people.len(), "node {node} counts others than it names");
        people
    }

    /// The host ends the meeting: everybody sees that, and why it is over for them.
    fn end(&mut self) {
        let expected = self.expected();
        self.command(HOST, Command::End);
        let last = self.transcript(HOST, 0).pop().expect("the end");
        self.run_for(3_000 + 3 * *self.mix.conditions.delay_ms.end());
        let left = self.sim.peers(HOST);
        assert_eq!(left, [], "links of a host that has ended");
        for key in expected {
            let ended = self.guests.iter().any(|guest| {
                guest.key == key
                    && guest.closed == Some(Code::Ended)
                    && self.transcript(guest.node, guest.life_from).last().map(|line| line.name) == Some(last.name)
            });
            assert!(ended, "{key} did not see the end");
        }
    }
}
