//! The tickets that somebody hands out (SPEC.md, "Ticket"): a founder may have several, each with a label that nobody else
//! knows of. Which of them are void, the acts say.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use crate::command::{Failure, Full};
use crate::event::{Event, Issued};
use crate::id::{Key, MeetingId, Signature};
use crate::identity::{Domain, Identity, Secret};
use crate::limits::{TICKET_LABEL_MAX, TICKETS_MAX};
use crate::machine::{Kept, Output};
use crate::name::proper;
use crate::random::Random;
use crate::ticket::Ticket;
use crate::wire::field::{Field as _, Reason};

#[derive(Clone, Debug, PartialEq, Eq)]
struct Made {
    /// Empty: it is the one that is handed out where no other is asked for.
    label: String,
    key: Key,
    seed: Secret,
    endorsement: Option<Signature>,
}

/// The tickets that somebody hands out, in the order in which they were made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tickets(Vec<Made>);

impl Tickets {
    /// The one that the charter names, if it names one.
    #[must_use]
    pub fn first(seed: Option<Secret>, us: &Identity) -> Self {
        Self(seed.into_iter().map(|seed| made("", seed, None, us)).collect())
    }

    /// The one that somebody was given.
    pub(crate) fn given(ticket: &Ticket, us: &Identity) -> Self {
        Self(ticket.seed.into_iter().map(|seed| made("", seed, ticket.endorsement, us)).collect())
    }

    /// What an earlier run has kept; `None` if it is not of this form.
    #[must_use]
    pub fn restore(mut bytes: &[u8], us: &Identity) -> Option<Self> {
        let mut tickets = Vec::new();
        while !bytes.is_empty() {
            let (rest, label) = Reason::parse(bytes).ok()?;
            let (rest, seed) = Key::parse(rest).ok()?;
            let (rest, endorsement) = Signature::parse(rest).ok()?;
            let endorsement = Some(endorsement).filter(|word| *word != Signature::ZERO);
            tickets.push(made(label.as_str(), Secret(seed.0), endorsement, us));
            bytes = rest;
        }
        Some(Self(tickets))
    }

    /// What the next run finds: label, seed and endorsement of each; zero, if the charter names it.
    pub(crate) fn keep(&self, meeting: MeetingId) -> Output {
        let mut bytes = Vec::new();
        for made in &self.0 {
            Reason::cut(&made.label).encode(&mut bytes);
            Key(made.seed.0).encode(&mut bytes);
            made.endorsement.unwrap_or(Signature::ZERO).encode(&mut bytes);
        }
        Output::Keep { meeting, name: Kept::Ticket, bytes }
    }

    /// Whether there is none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a ticket may be called so: what could be a name, and is short.
    #[must_use]
    pub fn is_label(text: &str) -> bool {
        text.len() <= TICKET_LABEL_MAX && !text.starts_with('-') && proper(text).is_some()
    }

    /// The label of a ticket, if it has one.
    pub(crate) fn label_of(&self, ticket: &Key) -> Option<String> {
        let made = self.0.iter().find(|made| made.key == *ticket)?;
        Some(made.label.clone()).filter(|label| !label.is_empty())
    }

    /// The newest that is called so.
    fn newest(&self, label: &str) -> Option<&Made> {
        self.0.iter().rev().find(|made| made.label == label)
    }

    /// The key of the one that is handed out under a label, if it is not void.
    pub(crate) fn handed_out(&self, label: &str, is_void: impl Fn(&Key) -> bool) -> Option<Key> {
        self.newest(label).map(|made| made.key).filter(|key| !is_void(key))
    }

    /// The line that others join with.
    pub(crate) fn line(&self, label: &str, meeting: MeetingId, host: Key, addresses: Vec<String>) -> Ticket {
        let made = self.newest(label);
        let (seed, endorsement) = (made.map(|made| made.seed), made.and_then(|made| made.endorsement));
        Ticket { meeting, host, seed, endorsement, addresses }
    }

    /// Which ticket goes with somebody who is shown out and has come with `shown`: who has a chain shows none, or one that is
    /// void already, and may hold the one that is handed out in its place (SPEC REVOKE-2).
    pub(crate) fn to_void(&self, shown: Option<Key>, is_void: impl Fn(&Key) -> bool) -> Option<Key> {
        let label = shown.and_then(|ticket| self.label_of(&ticket)).unwrap_or_default();
        shown.filter(|ticket| !is_void(ticket)).or_else(|| self.handed_out(&label, is_void))
    }

    /// The key of the ticket that is to be void.
    pub(crate) fn named(&self, label: &str, is_void: impl Fn(&Key) -> bool) -> Result<Key, Failure> {
        let made = self.newest(label).ok_or_else(|| Failure::NoSuchTicket(label.to_string()))?;
        if is_void(&made.key) { Err(Failure::VoidBefore(label.to_string())) } else { Ok(made.key) }
    }

    /// Makes one that is called so, if none is that is not void; whether it has (SPEC REVOKE-5).
    pub(crate) fn make(
        &mut self,
        label: &str,
        is_void: impl Fn(&Key) -> bool,
        random: &mut Random,
        meeting: MeetingId,
        us: &Identity,
    ) -> Result<bool, Failure> {
        if !label.is_empty() && !Self::is_label(label) {
            return Err(Failure::TicketLabel(label.to_string()));
        }
        if self.handed_out(label, &is_void).is_some() {
            return Ok(false);
        }
        if self.0.len() >= TICKETS_MAX {
            let void = self.0.iter().position(|made| is_void(&made.key)).ok_or(Failure::Full(Full::Tickets))?;
            self.0.remove(void);
        }
        let mut made = made(label, Secret(random.bytes()), None, us);
        made.endorsement = Some(us.sign(Domain::Ticket, &[&meeting.0, &made.key.0]));
        self.0.push(made);
        Ok(true)
    }

    /// All of them. `here`: the tickets with which those have come who are here.
    pub(crate) fn told(&self, is_void: impl Fn(&Key) -> bool, here: impl Iterator<Item = Key>) -> Event {
        let mut counts: BTreeMap<Key, u32> = BTreeMap::new();
        for ticket in here {
            let count = counts.entry(ticket).or_default();
            *count = count.saturating_add(1);
        }
        let told = |made: &Made| Issued {
            label: made.label.clone(),
            is_void: is_void(&made.key),
            here: counts.get(&made.key).copied().unwrap_or(0),
        };
        Event::Tickets { tickets: self.0.iter().map(told).collect() }
    }
}

fn made(label: &str, seed: Secret, endorsement: Option<Signature>, us: &Identity) -> Made {
    Made { label: label.to_string(), key: us.scheme().public(&seed), seed, endorsement }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Ed25519;
    use alloc::collections::BTreeSet;
    use alloc::sync::Arc;

    const MEETING: MeetingId = MeetingId([1; 16]);
    const SEED: Secret = Secret([7; 32]);

    fn us() -> Identity {
        Identity::new(Secret([2; 32]), Arc::new(Ed25519))
    }

    fn kept(tickets: &Tickets) -> Vec<u8> {
        if let Output::Keep { bytes, .. } = tickets.keep(MEETING) { bytes } else { panic!("it is kept") }
    }

    #[test]
    fn what_is_kept_is_read_back_and_what_is_of_another_form_is_not() {
        let (mut tickets, mut random) = (Tickets::first(Some(SEED), &us()), Random::new([3; 32]));
        assert_eq!(tickets.make("press", |_| false, &mut random, MEETING, &us()), Ok(true));
        assert_eq!(tickets.make("press", |_| false, &mut random, MEETING, &us()), Ok(false));
        assert_eq!(Tickets::restore(&kept(&tickets), &us()), Some(tickets));
        assert_eq!(Tickets::restore(&kept(&Tickets::default()), &us()), Some(Tickets::default()));
        // A seed; and a seed with its endorsement, whatever they are.
        for (length, byte) in [32, 96].into_iter().flat_map(|length| (0..=255).map(move |byte| (length, byte))) {
            assert_eq!(Tickets::restore(&alloc::vec![byte; length], &us()), None, "{length} times {byte}");
        }
    }

    #[test]
    fn revoke_5_where_there_is_no_place_the_first_that_is_void_goes_for_a_new_one() {
        let (mut tickets, mut random) = (Tickets::first(Some(SEED), &us()), Random::new([3; 32]));
        for number in 1..TICKETS_MAX {
            let label = alloc::format!("t{number}");
            assert_eq!(tickets.make(&label, |_| false, &mut random, MEETING, &us()), Ok(true));
        }
        let full = tickets.make("one more", |_| false, &mut random, MEETING, &us());
        assert_eq!(full, Err(Failure::TicketLabel("one more".to_string())), "a label has no space");
        let full = tickets.make("more", |_| false, &mut random, MEETING, &us());
        assert_eq!(full, Err(Failure::Full(Full::Tickets)));
        let void: BTreeSet<Key> = ["t5", "t9"].map(|label| tickets.named(label, |_| false).unwrap()).into();
        assert_eq!(tickets.make("t9", |key| void.contains(key), &mut random, MEETING, &us()), Ok(true));
        assert_eq!(tickets.0.len(), TICKETS_MAX);
        let told = tickets.told(|key| void.contains(key), void.iter().copied());
        let Event::Tickets { tickets: told } = told else { panic!("{told:?}") };
        let of =
            |label: &str| told.iter().filter(|one| one.label == label).map(|one| (one.is_void, one.here)).collect();
        let (gone, both): (Vec<_>, Vec<_>) = (of("t5"), of("t9"));
        assert_eq!((gone, both), (alloc::vec![], alloc::vec![(true, 1), (false, 0)]));
    }

    #[test]
    fn revoke_2_whoever_came_with_what_is_void_may_hold_what_is_handed_out_in_its_place() {
        let (mut tickets, mut random) = (Tickets::first(Some(SEED), &us()), Random::new([3; 32]));
        tickets.make("press", |_| false, &mut random, MEETING, &us()).unwrap();
        let [first, press] = ["", "press"].map(|label| tickets.named(label, |_| false).unwrap());
        assert_eq!(tickets.to_void(None, |_| false), Some(first));
        assert_eq!(tickets.to_void(Some(press), |_| false), Some(press));
        assert_eq!(tickets.to_void(Some(press), |key| *key == press), None, "no other than its own");
        tickets.make("press", |key| *key == press, &mut random, MEETING, &us()).unwrap();
        let renewed = tickets.named("press", |key| *key == press).unwrap();
        assert_eq!(tickets.to_void(Some(press), |key| *key == press), Some(renewed));
        assert_eq!(tickets.to_void(Some(Key([9; 32])), |_| false), Some(Key([9; 32])), "one of another host's");
    }

    #[test]
    fn a_label_is_short_and_could_be_a_name_and_is_no_flag() {
        for (label, is_label) in [
            ("press", true),
            ("Zürich-2", true),
            (&"x".repeat(TICKET_LABEL_MAX), true),
            (&"x".repeat(TICKET_LABEL_MAX + 1), false),
            ("", false),
            ("--void", false),
            ("two words", false),
            ("a/b", false),
            ("bell\u{7}", false),
        ] {
            assert_eq!(Tickets::is_label(label), is_label, "{label:?}");
        }
    }
}
