//! What a user has come for.

use alloc::string::String;
use alloc::vec::Vec;

use super::calm::Calm;
use crate::charter::Listing;
use crate::contact::Friends;
use crate::id::Key;
use crate::machine::{Machine, Output};
use crate::mesh::Member;
use crate::star::{Attendee, Host};
use crate::time::Now;

/// The machine that holds a meeting, is in one, or talks with friends.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one in a process")]
pub enum Seat {
    /// Holds a lecture.
    Host(Host),
    /// Attends a lecture.
    Attendee(Attendee),
    /// Is in a room.
    Member(Member),
    /// Talks with friends.
    Friends(Friends),
}

impl From<Host> for Seat {
    fn from(host: Host) -> Self {
        Self::Host(host)
    }
}

impl From<Attendee> for Seat {
    fn from(attendee: Attendee) -> Self {
        Self::Attendee(attendee)
    }
}

impl From<Member> for Seat {
    fn from(member: Member) -> Self {
        Self::Member(member)
    }
}

impl From<Friends> for Seat {
    fn from(friends: Friends) -> Self {
        Self::Friends(friends)
    }
}

impl Seat {
    pub(super) fn machine(&self) -> &dyn Machine {
        match self {
            Self::Host(host) => host,
            Self::Attendee(attendee) => attendee,
            Self::Member(member) => member,
            Self::Friends(friends) => friends,
        }
    }

    pub(super) fn machine_mut(&mut self) -> &mut dyn Machine {
        match self {
            Self::Host(host) => host,
            Self::Attendee(attendee) => attendee,
            Self::Member(member) => member,
            Self::Friends(friends) => friends,
        }
    }

    /// Which lines about others are held back (SPEC SHOW-2).
    pub(super) fn calm(&self) -> Calm {
        match self {
            Self::Host(host) => Calm::new(Some(host.key()), false),
            Self::Attendee(attendee) => Calm::new(Some(attendee.key()), false),
            Self::Member(member) => Calm::new(Some(member.key()), true),
            // Whom one has chosen oneself, one hears of.
            Self::Friends(_) => Calm::new(None, false),
        }
    }

    /// What its user is called.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Host(host) => host.name(),
            Self::Attendee(attendee) => attendee.name(),
            Self::Member(member) => member.name(),
            Self::Friends(friends) => friends.name(),
        }
    }

    /// What registries say of the meeting; nothing, where it is another's to tell.
    pub(super) fn listing(&self) -> Option<Listing<'_>> {
        match self {
            Self::Host(host) => host.listing(),
            Self::Member(member) => member.listing(),
            Self::Attendee(_) | Self::Friends(_) => None,
        }
    }

    /// Whom registries are to be asked for from now on: by key, each once.
    pub(super) fn sought(&mut self) -> Vec<Key> {
        match self {
            Self::Friends(friends) => friends.sought(),
            Self::Host(_) | Self::Attendee(_) | Self::Member(_) => Vec::new(),
        }
    }

    /// Where registries have met somebody who was sought, `HOST:PORT`; whoever is there still has to show the key.
    pub(super) fn found(&mut self, key: Key, addresses: Vec<String>, now: Now, out: &mut Vec<Output>) {
        match self {
            Self::Friends(friends) => friends.found(key, addresses, now, out),
            Self::Host(_) | Self::Attendee(_) | Self::Member(_) => {}
        }
    }
}
