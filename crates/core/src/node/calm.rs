//! One who comes and goes all the time is not told of all the time (SPEC SHOW-2).

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::code::Code;
use crate::event::Event;
use crate::id::Key;
use crate::limits;
use crate::machine::Output;
use crate::time::{Instant, Timers};

/// How somebody is: by which name they are here, and whether there is a link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    name: Option<String>,
    is_linked: bool,
}

/// Somebody of whom the user was told lately.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Person {
    told: Seen,
    now: Seen,
    /// What they are called, whether here or not; why they left, and how their link ended.
    name: String,
    /// The label of the ticket that they came with last, as far as it is known.
    ticket: Option<String>,
    reason: String,
    code: Code,
    /// When all lines about them will be forgiven.
    forgiven: Instant,
}

impl Default for Person {
    fn default() -> Self {
        let (name, reason) = (String::new(), String::new());
        Self {
            told: Seen::default(),
            now: Seen::default(),
            name,
            ticket: None,
            reason,
            code: Code::Cut,
            forgiven: Instant(0),
        }
    }
}

impl Person {
    /// Takes in what would be told. What was told before follows from it, unless it was held back.
    fn note(&mut self, event: Event) {
        let (mut name, mut linked) = (None, None);
        if let Event::Joined { name: new, ticket, .. } = event {
            self.ticket = ticket;
            name = Some((None, Some(new)));
        } else if let Event::Renamed { old, new, .. } = event {
            name = Some((Some(old), Some(new)));
        } else if let Event::Left { name: old, reason, .. } = event {
            // Who has left is linked no more, and that says it all.
            (self.reason, self.now.is_linked) = (reason, false);
            name = Some((Some(old), None));
        } else if let Event::Linked { name, .. } = event {
            self.name = name;
            linked = Some(true);
        } else if let Event::Unlinked { name, code, .. } = event {
            (self.name, self.code) = (name, code);
            linked = Some(false);
        }
        if let Some((before, after)) = name {
            if self.told.name == self.now.name {
                self.told.name = before;
            }
            self.now.name = after;
        }
        if let Some(is_linked) = linked {
            if self.told.is_linked == self.now.is_linked {
                self.told.is_linked = !is_linked;
            }
            self.now.is_linked = is_linked;
        }
    }

    /// When the next line may be told.
    fn free_at(&self) -> Instant {
        let burst = limits::TOLD_INTERVAL.saturating_mul(limits::TOLD_BURST.saturating_sub(1));
        Instant(self.forgiven.since(Instant::default().after(burst)).as_millis().try_into().unwrap_or(u64::MAX))
    }

    /// The next line, if there is anything to tell.
    fn line(&mut self, key: Key) -> Option<Event> {
        if self.told.name != self.now.name {
            let (old, new) = (core::mem::replace(&mut self.told.name, self.now.name.clone()), self.now.name.clone());
            return match (old, new) {
                (None, Some(name)) => Some(Event::Joined { name, key, ticket: self.ticket.clone() }),
                (Some(name), None) => {
                    self.told.is_linked = false;
                    Some(Event::Left { name, key, reason: self.reason.clone() })
                }
                (Some(old), Some(new)) => Some(Event::Renamed { key, old, new }),
                (None, None) => None,
            };
        }
        if self.told.is_linked == self.now.is_linked {
            return None;
        }
        self.told.is_linked = self.now.is_linked;
        let name = self.name.clone();
        Some(if self.now.is_linked {
            Event::Linked { name, key }
        } else {
            Event::Unlinked { name, key, code: self.code }
        })
    }
}

/// Whom the user was told of lately.
#[derive(Clone, Debug)]
pub(super) struct Calm {
    us: Option<Key>,
    with_links: bool,
    people: BTreeMap<Key, Person>,
    /// Invariant: each of `people` has a deadline, at which a line is told or they are forgotten.
    timers: Timers<Key>,
}

impl Calm {
    /// Holds back lines about the coming and going of others than `us`, and about links with them; without `us`, nothing.
    pub(super) fn new(us: Option<Key>, with_links: bool) -> Self {
        Self { us, with_links, people: BTreeMap::new(), timers: Timers::default() }
    }

    /// Whom an event is about that may be held back.
    fn subject(&self, output: &Output) -> Option<Key> {
        let Output::Event(event) = output else { return None };
        let us = self.us?;
        let key = if let Event::Joined { key, .. } | Event::Left { key, .. } | Event::Renamed { key, .. } = event {
            Some(*key)
        } else if let Event::Linked { key, .. } | Event::Unlinked { key, .. } = event {
            self.with_links.then_some(*key)
        } else {
            None
        };
        key.filter(|key| *key != us)
    }

    /// Holds back what is too much of what has been put `out` since it was `from` long.
    pub(super) fn filter(&mut self, from: usize, now: Instant, out: &mut Vec<Output>) {
        let concerns = |output: &Output| self.subject(output).is_some() || is_last(output) || is_roster(output);
        if !out.iter().skip(from).any(concerns) {
            return;
        }
        for output in out.split_off(from) {
            let key = self.subject(&output);
            match (key, output) {
                (Some(key), Output::Event(event))
                    if self.people.contains_key(&key) || self.people.len() < limits::GUESTS_MAX =>
                {
                    self.people.entry(key).or_default().note(event);
                    self.tell(key, now, out);
                }
                (_, output) => {
                    if is_last(&output) {
                        (self.people, self.timers) = (BTreeMap::new(), Timers::default());
                    }
                    if is_roster(&output) {
                        // It tells how everybody is.
                        self.people.values_mut().for_each(|person| person.told.clone_from(&person.now));
                    }
                    out.push(output);
                }
            }
        }
    }

    /// Tells what may be told about somebody.
    fn tell(&mut self, key: Key, now: Instant, out: &mut Vec<Output>) {
        let Some(person) = self.people.get_mut(&key) else { return };
        while person.free_at() <= now
            && let Some(line) = person.line(key)
        {
            person.forgiven = person.forgiven.max(now).after(limits::TOLD_INTERVAL);
            out.push(Output::Event(line));
        }
        let is_told = person.told == person.now;
        let due = if is_told { person.forgiven } else { person.free_at() };
        if is_told && due <= now {
            self.people.remove(&key);
            self.timers.disarm(key);
        } else {
            self.timers.arm(key, due);
        }
    }

    /// Tells what was held back until now.
    pub(super) fn expire(&mut self, now: Instant, out: &mut Vec<Output>) {
        while let Some(key) = self.timers.expire(now) {
            self.tell(key, now, out);
        }
    }

    /// When something is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.timers.next()
    }
}

/// After this nothing is told.
const fn is_last(output: &Output) -> bool {
    matches!(output, Output::Event(Event::Closed { .. }))
}

const fn is_roster(output: &Output) -> bool {
    matches!(output, Output::Event(Event::Roster { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;
    use alloc::{format, vec};

    const EVE: Key = Key([7; 32]);

    fn joined() -> Event {
        Event::Joined { name: "eve".to_string(), key: EVE, ticket: None }
    }

    fn left() -> Event {
        Event::Left { name: "eve".to_string(), key: EVE, reason: "left".to_string() }
    }

    fn linked() -> Event {
        Event::Linked { name: "eve".to_string(), key: EVE }
    }

    fn unlinked() -> Event {
        Event::Unlinked { name: "eve".to_string(), key: EVE, code: Code::Cut }
    }

    /// What is told of these events, one each ten milliseconds, and until a minute later.
    fn told(mut calm: Calm, events: &[Event]) -> Vec<(u64, Event)> {
        let mut lines = vec![];
        let mut take = |now: u64, out: Vec<Output>| {
            let event = |output| if let Output::Event(event) = output { Some((now, event)) } else { None };
            lines.extend(out.into_iter().filter_map(event));
        };
        let mut events = events.iter();
        for now in (1_000..).step_by(10).take(20_000) {
            let mut out = vec![];
            while calm.next().is_some_and(|due| due <= Instant(now)) {
                calm.expire(Instant(now), &mut out);
            }
            let from = out.len();
            out.extend(events.next().cloned().map(Output::Event));
            calm.filter(from, Instant(now), &mut out);
            take(now, out);
        }
        assert!(calm.people.is_empty() && calm.next().is_none(), "nobody is remembered for ever");
        lines
    }

    #[test]
    fn show_2_what_happens_now_and_then_is_told_as_it_happens() {
        let events = [joined(), linked(), unlinked(), linked(), unlinked(), left()];
        let lines = told(Calm::new(Some(Key::ZERO), true), &events);
        assert_eq!(lines.into_iter().map(|(_, event)| event).collect::<Vec<_>>(), events);
    }

    #[test]
    fn show_2_one_who_comes_and_goes_100_times_a_second_is_told_of_once_in_5_s() {
        for [come, go] in [[joined(), left()], [linked(), unlinked()]] {
            let events: Vec<Event> = [come.clone(), go].into_iter().cycle().take(6_001).collect();
            let lines = told(Calm::new(Some(Key::ZERO), true), &events);
            assert!(lines.len() <= 6 + 60 / 5 + 1, "{} lines in a minute", lines.len());
            let late = lines.iter().skip(6).map(|(now, _)| *now).collect::<Vec<_>>();
            assert!(late.windows(2).all(|pair| matches!(pair, [one, other] if other - one >= 5_000)), "{late:?}");
            assert_eq!(lines.last().map(|(_, event)| event), Some(&come), "and in the end, how it is");
            assert!(lines.windows(2).all(|pair| matches!(pair, [one, other] if one.1 != other.1)), "{lines:?}");
        }
    }

    #[test]
    fn show_2_nobody_is_linked_who_has_left() {
        for count in 900..903 {
            let events: Vec<Event> = [joined(), linked(), left()].into_iter().cycle().take(count).collect();
            let lines = told(Calm::new(Some(Key::ZERO), true), &events);
            let (mut is_here, mut is_linked) = (false, false);
            for (_, line) in &lines {
                if let Event::Joined { .. } = line {
                    assert!(!core::mem::replace(&mut is_here, true), "{lines:?}");
                } else if let Event::Left { .. } = line {
                    assert!(core::mem::replace(&mut is_here, false), "{lines:?}");
                    is_linked = false;
                } else {
                    assert!(is_here && !core::mem::replace(&mut is_linked, true), "{lines:?}");
                    assert!(matches!(line, Event::Linked { .. }), "{lines:?}");
                }
            }
            assert_eq!((is_here, is_linked), (count > 900, count > 901), "in the end: {lines:?}");
        }
    }

    #[test]
    fn show_2_a_list_of_who_is_here_says_what_was_held_back() {
        let roster = Event::Roster { members: vec![], guests: 0 };
        let events = [joined(), left()].into_iter().cycle().take(31).chain([roster.clone(), left()]);
        let lines = told(Calm::new(Some(Key::ZERO), true), &events.collect::<Vec<_>>());
        let after = lines.iter().position(|(_, event)| *event == roster).expect("it is told at once") + 1;
        assert_eq!(lines.iter().skip(after).map(|(_, event)| event).collect::<Vec<_>>(), [&left()]);
    }

    #[test]
    fn show_2_a_flood_of_names_ends_with_the_last() {
        let name = |number: usize| format!("eve-{number}");
        let rename = |number: usize| Event::Renamed { key: EVE, old: name(number), new: name(number + 1) };
        let events: Vec<Event> = (0..500).map(rename).collect();
        let lines = told(Calm::new(Some(Key::ZERO), false), &events);
        assert!(lines.len() <= 8, "{} lines", lines.len());
        let mut called = name(0);
        for (_, event) in lines {
            let Event::Renamed { old, new, .. } = event else { panic!("{event:?}") };
            assert_eq!(old, called, "as the user knows it");
            called = new;
        }
        assert_eq!(called, name(500));
    }

    #[test]
    fn show_2_one_s_own_and_a_lecture_s_own_link_are_told_always() {
        let events: Vec<Event> = [linked(), unlinked()].into_iter().cycle().take(100).collect();
        assert_eq!(told(Calm::new(Some(Key::ZERO), false), &events).len(), 100);
        assert_eq!(told(Calm::new(Some(EVE), true), &events).len(), 100);
    }
}
