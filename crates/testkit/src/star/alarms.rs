//! Who takes a lecture's host for a liar: those who hold what shows that it is one, and nobody else.

use std::collections::BTreeSet;

use tertulia_core::command::Command;
use tertulia_core::event::{Event, Kind, Notice};
use tertulia_core::id::{Hash, Key};
use tertulia_core::wire::entry::Heard;
use tertulia_core::wire::meeting::Lane;

use super::checks::{IS_DELIVERED_MS, Line};
use super::lecture::{Guest, HOST, Lecture};
use super::liar::{LIE_PERIOD, Lie, Place};
use crate::sim::Told;

impl Lecture {
    /// A line of the host's as somebody was told it; `None`: nobody may show it (SPEC ASK-7).
    pub(super) fn as_told(&self, key: Key, line: &Line) -> Option<Line> {
        let Some(liar) = self.liar.as_ref().filter(|_| line.name.0 == Lane::Talk) else { return Some(line.clone()) };
        let (is_question, text) = liar.borrow().shown(key, (line.name.1, line.name.2))?;
        Some(Line { is_question, text, ..line.clone() })
    }

    /// The hash of what somebody was told.
    fn hash_told(&self, key: Key, place: Place) -> Option<Hash> {
        self.liar.as_ref().and_then(|liar| liar.borrow().hash(key, place))
    }

    /// Where the askers of the questions that a user was shown had heard the host, and what.
    fn heard_by_askers(&self, told: &[Told]) -> BTreeSet<(Place, Hash)> {
        let questions = told.iter().filter_map(|told| match &told.event {
            Event::Message { kind: Kind::Question(_, asked), .. } => Some((asked.key, asked.heard?)),
            _ => None,
        });
        questions.filter_map(|(asker, place)| Some((place, self.hash_told(asker, place)?))).collect()
    }

    /// SPEC ASK-10: where the asker of a question had heard something else than this guest was told.
    fn contradicted(&self, guest: &Guest, told: &[Told]) -> BTreeSet<Place> {
        let mut heard = self.heard_by_askers(told);
        heard.retain(|(place, hash)| self.hash_told(guest.key, *place) != Some(*hash));
        heard.into_iter().map(|(place, _)| place).collect()
    }

    /// SPEC ASK-10: where two askers had heard two things, by the questions that one run was shown.
    fn contradictory(&self, told: &[Told]) -> BTreeSet<Place> {
        let runs = told.chunk_by(|one, next| one.run == next.run).map(|told| self.heard_by_askers(told));
        let twice = |heard: BTreeSet<(Place, Hash)>| {
            let places: Vec<Place> = heard.into_iter().map(|(place, _)| place).collect();
            places.windows(2).filter(|two| two[0] == two[1]).map(|two| two[0]).collect::<Vec<_>>()
        };
        runs.flat_map(twice).collect()
    }

    /// Where a guest's user was told that the host tells two stories: they are two that it has told.
    fn alarmed(&self, guest: &Guest, told: &[Told]) -> BTreeSet<Place> {
        let mut places = BTreeSet::new();
        for told in told {
            let Event::Warning(notice) = &told.event else { continue };
            assert_ne!(*notice, Notice::ForkOfHost, "node {} is never told both", guest.node);
            if let Notice::TwoStories { session, number, heard, held, .. } = notice {
                let place = (*session, *number);
                let is_told =
                    |hash: Hash| self.guests.iter().any(|guest| self.hash_told(guest.key, place) == Some(hash));
                let are_two = held.is_some_and(|held| held != *heard && is_told(held) && is_told(*heard));
                assert!(are_two, "node {} takes its host for a liar by what was not told: {notice:?}", guest.node);
                places.insert(place);
            }
        }
        places
    }

    /// A host is taken for a liar by those who hold two things that it has signed and that exclude each other, or a question
    /// that its asker has not signed; and by nobody else (SPEC ASK-7, ASK-10).
    pub(super) fn check_alarms(&mut self) {
        let host = self.transcript(HOST, 0);
        let has_lost = self.sim.seen().contains_key("entry_lost") || self.sim.seen().contains_key("bit_flipped");
        let is_kept = self.mix.talk_max > host.len() && !has_lost;
        let expected = self.expected();
        for guest in self.guests.clone() {
            let all = self.sim.told(guest.node);
            let (who, life) = (format!("node {}", guest.node), &all[guest.life_from..]);
            let (may, alarmed) = (self.contradicted(&guest, all), self.alarmed(&guest, all));
            assert!(alarmed.is_subset(&may), "{who} takes its host for a liar: {alarmed:?}, and may only of {may:?}");
            let seen: BTreeSet<_> = self.transcript(guest.node, guest.life_from).iter().map(|line| line.name).collect();
            let mut due = self.contradicted(&guest, life);
            due.retain(|(session, number)| seen.contains(&(Lane::Talk, *session, *number)));
            due.extend(self.contradictory(life));
            let says = self.alarmed(&guest, life);
            assert!(due.is_subset(&says) || !is_kept, "{who} holds two stories of {due:?}, and says {says:?}");

            let warnings = |told: &[Told]| {
                told.iter().filter(|told| told.event == Event::Warning(Notice::UnsignedQuestion)).count()
            };
            let unsigned = host.iter().filter(|line| self.as_told(guest.key, line).is_none()).count();
            // The next run warns again of what was the last before it.
            let most = all.chunk_by(|one, next| one.run == next.run).map(warnings).max().unwrap_or(0);
            assert!(most <= unsigned, "{who} has warned of {most} questions that are not signed, of {unsigned}");
            let is_complete = expected.contains(&guest.key) && !guest.gone && !self.sim.peers(guest.node).is_empty();
            let holds_all = is_complete && is_kept && self.mix.history == u32::MAX;
            let times = warnings(life);
            assert!(times >= unsigned || !holds_all, "{who} has warned of {times} questions that are not signed");
            (0..alarmed.len()).for_each(|_| self.sim.sometimes("told_two_stories"));
            (0..times).for_each(|_| self.sim.sometimes("told_of_unsigned_question"));
        }
    }

    /// SPEC CHECK-2: what users compare is the same for those who were told the same, and for nobody else.
    pub(super) fn check_comparing(&mut self) {
        let host = self.compared(HOST);
        let expected = self.expected();
        for guest in self.guests.clone() {
            if guest.gone || !expected.contains(&guest.key) || self.sim.peers(guest.node).is_empty() {
                continue;
            }
            let told = self.hash_told(guest.key, (host.session, host.number)).unwrap_or(host.head);
            assert_eq!(self.compared(guest.node), Heard { head: told, ..host }, "what node {} compares", guest.node);
        }
        let place = (host.session, host.number);
        let told: BTreeSet<_> = expected.iter().filter_map(|key| self.hash_told(*key, place)).collect();
        if told.len() > 1 {
            self.sim.sometimes("compared_two_stories");
        }
    }

    fn compared(&mut self, node: usize) -> Heard {
        self.command(node, Command::Check { number: None });
        let told = self.sim.told(node).iter().rev();
        let mut checks =
            told.filter_map(|told| if let Event::Check { heard, .. } = told.event { Some(heard) } else { None });
        checks.next().expect("it was asked for just now")
    }

    /// SPEC ASK-12: words under a guest's name are shown with digits of the key that has said them.
    pub(super) fn check_digits(&mut self) {
        let Some(liar) = self.liar.clone().filter(|liar| liar.borrow().lie == Lie::MadeUp) else { return };
        let Some(name) = self.people(HOST).into_values().next() else { return };
        liar.borrow_mut().name = name.clone();
        (0..LIE_PERIOD).for_each(|_| self.say());
        self.run_for(IS_DELIVERED_MS);
        let (made_up, expected) = (liar.borrow().made_up.key(), self.expected());
        for guest in self.guests.clone() {
            if guest.gone || !expected.contains(&guest.key) || self.sim.peers(guest.node).is_empty() {
                continue;
            }
            let shown = self.sim.told(guest.node).iter().rev().find_map(|told| match &told.event {
                Event::Message { kind: Kind::Question(_, asked), from, .. } => {
                    Some((asked.key, asked.is_ambiguous, from))
                }
                _ => None,
            });
            assert_eq!(shown, Some((made_up, true, &name)), "node {} shows who has said so", guest.node);
            self.sim.sometimes("shown_with_digits");
        }
    }
}
