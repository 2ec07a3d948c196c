//! Own texts that nobody else is known to have, and whether anybody is there to take them.

use std::collections::{BTreeMap, BTreeSet};

use tertulia_core::event::{Contact, Event, Kind, Reach, Role, State};
use tertulia_core::id::Key;

/// What of this run's nobody else has, as far as that was told. A lecture is its host's own log, which is served to
/// whoever comes: of it, nothing counts.
#[derive(Debug, Default)]
pub(crate) struct Unheard {
    /// Session and number of each text.
    texts: BTreeSet<(u64, u64)>,
    /// Texts that are said, and not shown yet: their numbers are not known.
    unseen: usize,
    /// In a room, somebody has all up to this one.
    heard: (u64, u64),
    /// Others who are members, as far as that was told.
    here: BTreeSet<Key>,
    linked: BTreeSet<Key>,
    was_linked: bool,
    /// How many texts waited for each friend who had never been met, as the run began.
    drafts: Option<BTreeMap<String, u32>>,
}

/// How many texts wait for those whose keys are not known: of them, nothing else is told.
fn drafts(contacts: &[Contact]) -> impl Iterator<Item = (&String, u32)> {
    contacts.iter().filter(|contact| contact.key.is_none()).map(|contact| (&contact.name, contact.held))
}

impl Unheard {
    /// Something has been said to all.
    pub(crate) fn said(&mut self, role: Role) {
        self.unseen = self.unseen.saturating_add(usize::from(role == Role::Member));
    }

    /// Takes in what has happened.
    pub(crate) fn note(&mut self, event: &Event, role: Role) {
        if let Event::Linked { key, .. } = event {
            self.linked.insert(*key);
            self.was_linked = true;
        }
        if let Event::Roster { members, .. } = event {
            let others = members.iter().filter(|member| member.state != State::You);
            self.here.extend(others.map(|member| member.key));
        }
        if let Event::Unlinked { key, .. } | Event::Left { key, .. } = event {
            self.linked.remove(key);
        }
        if let Event::Contacts { contacts } = event {
            self.drafts.get_or_insert_with(|| drafts(contacts).map(|(name, held)| (name.clone(), held)).collect());
        }
        let counts = matches!(role, Role::Member | Role::Friends);
        if let Event::Message { own: true, kind: Kind::Text(origin), .. } = event
            && counts
        {
            self.unseen = self.unseen.saturating_sub(1);
            self.texts.extend(Some((origin.session, origin.number)).filter(|text| *text > self.heard));
        }
        if let Event::Delivery { session, number, reach, .. } = event {
            match (role, reach) {
                // It may be told before the text itself is shown.
                (Role::Member, Reach::Sent | Reach::All) => {
                    self.heard = self.heard.max((*session, *number));
                    self.texts.retain(|text| *text > self.heard);
                }
                (Role::Friends, Reach::All) => _ = self.texts.remove(&(*session, *number)),
                (Role::Host | Role::Attendee | Role::Member | Role::Friends, _) => {}
            }
        }
    }

    /// How many texts there are, besides those for friends who have never been met.
    pub(crate) fn count(&self) -> usize {
        self.texts.len().saturating_add(self.unseen)
    }

    /// How many of those that wait for friends who have never been met are of this run.
    pub(crate) fn new_drafts(&self, contacts: &[Contact]) -> u32 {
        let before = |name| self.drafts.as_ref().and_then(|before| before.get(name)).copied().unwrap_or(0);
        drafts(contacts).map(|(name, held)| held.saturating_sub(before(name))).sum()
    }

    /// Whether somebody is linked.
    pub(crate) fn has_others(&self) -> bool {
        !self.linked.is_empty()
    }

    /// Whether somebody may be there, with whom there has been no link yet.
    pub(crate) fn expects_others(&self) -> bool {
        !self.was_linked && !self.here.is_empty()
    }
}
