//! Friends (SPEC.md, "Contact"): one machine for all pairs of this node. It dials when there is something to say, keeps
//! one link a pair in both directions, and closes it when nothing is said.

mod commands;
mod kept;
mod links;
mod pair;
mod talk;
#[cfg(test)]
mod tests;
mod whereabouts;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::mem::take;
use core::time::Duration;

pub use self::kept::{Draft, Line, Listed, NoContact, Standing};
use self::pair::Pair;
pub use self::pair::pair_id;
use crate::charter::{Admission, Questions};
use crate::code::Code;
use crate::event::{Change, Contact, Ending, Event, Role, State};
use crate::id::{DialId, Key, LinkId, MeetingId, RequestId};
use crate::identity::Identity;
use crate::limits;
use crate::log::Log;
use crate::machine::{Input, Kept, Machine, Output};
use crate::name::reading;
use crate::random::Random;
use crate::reason::goodbye;
use crate::time::{Instant, Now, Timers};
use crate::wire::field::{Name, Text};

/// What an earlier run has kept of a pair.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The other's key, as [`Kept::Peer`] has it.
    pub peer: Key,
    /// What the two have said.
    pub log: Log,
}

/// What the friends of a node are made of.
#[derive(Clone, Debug)]
pub struct FriendsConfig {
    /// The node's key pair.
    pub identity: Identity,
    /// The user's name.
    pub name: String,
    /// The wall clock as the node starts, milliseconds since 1970 in UTC.
    pub started_ms: u64,
    /// Decides all that is random.
    pub seed: [u8; 32],
    /// Where this node takes connections, if it does: others dial back there.
    pub port: Option<u16>,
    /// A link on which nothing is said for this long is closed.
    pub idle: Duration,
    /// Whether all contacts are dialled once at the start.
    pub dials_at_start: bool,
    /// Whether the node ends as soon as one message has come.
    pub ends_after_one: bool,
    /// Whether strangers are turned away.
    pub only_contacts: bool,
    /// Strangers who are accepted as they come: by name, or by the first digits of their key.
    pub accepted: Vec<String>,
    /// The list of contacts.
    pub contacts: Vec<Listed>,
    /// All pairs that an earlier run has kept.
    pub pairs: Vec<Stored>,
    /// What [`Kept::Drafts`] has, if it is there.
    pub drafts: Option<Vec<u8>>,
    /// How many entries are kept of each pair.
    pub talk_max: usize,
}

/// Somebody, for as long as this process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct FriendId(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Redial(FriendId),
    Idle(FriendId),
    /// Something has changed and is to be told, or is lacking and to be asked for.
    Due(FriendId),
    /// They have not taken what they lack, as if this user were a stranger to them.
    Unaccepted(FriendId),
}

/// A link of a pair; `started_ms` of the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PairLink {
    link: LinkId,
    started_ms: u64,
}

/// Somebody with whom this user talks, could, or did.
#[derive(Clone, Debug, Default)]
struct Friend {
    /// What this user calls them; of one that is not listed, what they call themselves.
    name: String,
    /// Where they are dialled: as the user has given it, and as it was learned.
    addresses: Vec<String>,
    learned: Vec<String>,
    /// Another key was met there: nobody dials there before the user has looked at it.
    avoided: Vec<String>,
    /// How many addresses have been dialled in vain since somebody answered, or all of them were.
    tried: usize,
    /// One address is dialled at a time, to see at which another key is.
    is_careful: bool,
    /// When a registry was asked for them last.
    looked_up: Option<Instant>,
    /// In the list of contacts. Who is not has only dialled, or was removed.
    is_listed: bool,
    is_stranger: bool,
    /// Shut out: as a contact, or removed as a stranger (SPEC CONTACT-14).
    is_blocked: bool,
    /// Once the key is known.
    pair: Option<Pair>,
    /// Texts that wait for the key: time and text.
    drafts: VecDeque<(u64, String)>,
    /// The newest last: that one is used.
    links: Vec<PairLink>,
    dialling: Option<DialId>,
    failures: u32,
    /// The user has been told that they do not answer.
    is_told_away: bool,
    /// The user has been told of a link, and not of its end.
    is_told_linked: bool,
    /// The user has been told that they are a stranger who has more to say, or that this user is one to them.
    is_told_more: bool,
    is_told_unaccepted: bool,
    /// Not dialled any more, until the user has looked at it.
    barred: Option<Code>,
}

impl Friend {
    fn new(listed: Listed) -> Self {
        Self {
            name: listed.name,
            addresses: listed.addresses,
            learned: listed.learned,
            is_listed: listed.standing != Standing::Removed,
            is_stranger: matches!(listed.standing, Standing::Stranger | Standing::Removed),
            is_blocked: matches!(listed.standing, Standing::Blocked | Standing::Removed),
            ..Self::default()
        }
    }

    fn key(&self) -> Option<Key> {
        self.pair.as_ref().map(Pair::peer)
    }

    fn link(&self) -> Option<LinkId> {
        self.links.last().map(|link| link.link)
    }

    /// How many messages wait for them.
    fn held(&self) -> u64 {
        let drafts = u64::try_from(self.drafts.len()).unwrap_or(u64::MAX);
        self.pair.as_ref().map_or(0, Pair::held).saturating_add(drafts)
    }

    fn is_self(&self) -> bool {
        self.pair.as_ref().is_some_and(Pair::is_self)
    }

    /// Whether nothing is lost if they are forgotten.
    fn is_nobody(&self) -> bool {
        !self.is_listed && !self.is_blocked && self.links.is_empty() && self.pair.as_ref().is_none_or(Pair::is_empty)
    }

    const fn standing(&self) -> Standing {
        match (self.is_listed, self.is_blocked, self.is_stranger) {
            (false, _, _) => Standing::Removed,
            (true, true, _) => Standing::Blocked,
            (true, false, true) => Standing::Stranger,
            (true, false, false) => Standing::Contact,
        }
    }

    fn contact(&self) -> Contact {
        let meeting = self.pair.as_ref().map(|pair| pair.log().meeting());
        let state = match self.link() {
            _ if self.is_self() => State::You,
            Some(_) => State::Linked,
            None => State::Away,
        };
        Contact {
            name: self.name.clone(),
            key: self.key(),
            meeting,
            addresses: self.all_addresses(),
            is_stranger: self.is_stranger,
            is_blocked: self.is_blocked,
            state,
            held: u32::try_from(self.held()).unwrap_or(u32::MAX),
        }
    }
}

/// All friends of one node.
#[derive(Clone, Debug)]
pub struct Friends {
    us: Identity,
    /// But for what was kept, which is in its place.
    config: FriendsConfig,
    random: Random,
    friends: BTreeMap<FriendId, Friend>,
    keys: BTreeMap<Key, FriendId>,
    links: BTreeMap<LinkId, FriendId>,
    dials: BTreeMap<DialId, FriendId>,
    last_friend: u64,
    last_dial: u64,
    last_request: RequestId,
    /// The highest session of this node's own, in whichever pair.
    last_session: u64,
    /// Whom registries are to be asked for.
    sought: Vec<Key>,
    /// When as many strangers as at the start may come at once.
    strangers_from: Instant,
    timers: Timers<Timer>,
    over: bool,
}

impl Friends {
    /// Friends that have not started yet.
    #[must_use]
    pub fn new(mut config: FriendsConfig) -> Self {
        let (contacts, pairs, drafts) = (take(&mut config.contacts), take(&mut config.pairs), take(&mut config.drafts));
        config.idle = config.idle.max(limits::CONTACT_DIGEST_INTERVAL.saturating_mul(2));
        let mut friends = Self {
            us: config.identity.clone(),
            random: Random::new(config.seed),
            config,
            friends: BTreeMap::new(),
            keys: BTreeMap::new(),
            links: BTreeMap::new(),
            dials: BTreeMap::new(),
            last_friend: 0,
            last_dial: 0,
            last_request: RequestId::EVENT,
            last_session: 0,
            sought: Vec::new(),
            strangers_from: Instant::default(),
            timers: Timers::default(),
            over: false,
        };
        contacts.into_iter().take(limits::CONTACTS_MAX).for_each(|listed| friends.restore_contact(listed));
        pairs.into_iter().for_each(|stored| friends.restore_pair(stored));
        for (to, time_ms, text) in drafts.iter().flat_map(|bytes| kept::decode_drafts(bytes)) {
            if let Some(friend) = friends.listed(&to).and_then(|id| friends.friends.get_mut(&id)) {
                friend.drafts.push_back((time_ms, text));
            }
        }
        friends
    }

    fn restore_contact(&mut self, listed: Listed) {
        let is_taken = listed.key.is_some_and(|key| self.keys.contains_key(&key));
        let is_removed = listed.standing == Standing::Removed;
        if !is_taken && (is_removed || self.listed(&listed.name).is_none()) {
            let key = listed.key;
            let id = self.add_friend(Friend::new(listed));
            key.into_iter().for_each(|key| self.give_key(id, key));
        }
    }

    fn restore_pair(&mut self, stored: Stored) {
        let (peer, pair) = (stored.peer, Pair::restored(self.us.key(), stored));
        self.last_session = self.last_session.max(pair.last_session());
        let known = self.keys.get(&peer).copied();
        let Some(id) = known.or_else(|| (!pair.is_empty()).then(|| self.add_unlisted(peer))) else { return };
        if let Some(friend) = self.friends.get_mut(&id) {
            friend.pair = Some(pair);
        }
    }

    fn add_friend(&mut self, friend: Friend) -> FriendId {
        self.last_friend = self.last_friend.saturating_add(1);
        let id = FriendId(self.last_friend);
        self.friends.insert(id, friend);
        id
    }

    /// Somebody who is in no list.
    fn add_unlisted(&mut self, key: Key) -> FriendId {
        let name = key.to_hex().get(..8).unwrap_or_default().to_string();
        let listed = Listed { name, key: Some(key), standing: Standing::Stranger, ..Listed::default() };
        let id = self.add_friend(Friend { is_listed: false, ..Friend::new(listed) });
        self.give_key(id, key);
        id
    }

    fn give_key(&mut self, id: FriendId, key: Key) {
        let pair = Pair::new(self.us.key(), key, self.config.talk_max);
        if let Some(friend) = self.friends.get_mut(&id) {
            friend.pair = Some(pair);
            self.keys.insert(key, id);
        }
    }

    /// Lets go of somebody of whom nothing is to be kept.
    fn forget(&mut self, id: FriendId) {
        let Some(friend) = self.friends.remove(&id) else { return };
        if let Some(key) = friend.key() {
            self.keys.remove(&key);
        }
        self.dials.retain(|_, dialled| *dialled != id);
        for timer in [Timer::Redial(id), Timer::Idle(id), Timer::Due(id), Timer::Unaccepted(id)] {
            self.timers.disarm(timer);
        }
    }

    /// The contact of this name.
    fn listed(&self, name: &str) -> Option<FriendId> {
        self.friends.iter().find(|(_, friend)| friend.is_listed && friend.name == name).map(|(id, _)| *id)
    }

    /// Whether another contact, or this user, has a name that reads like `name`.
    fn is_named(&self, name: &str, id: Option<FriendId>) -> bool {
        let as_read = reading(name);
        let others = self.friends.iter().filter(|(other, friend)| friend.is_listed && Some(**other) != id);
        as_read.is_empty()
            || reading(&self.config.name) == as_read
            || others.map(|(_, friend)| reading(&friend.name)).any(|other| other == as_read)
    }

    /// The list of contacts has changed, and one of them.
    fn keep_contacts(&self, change: Option<(Change, FriendId)>, out: &mut Vec<Output>) {
        let listed = self.friends.values().filter(|friend| friend.is_listed || friend.is_blocked);
        let contacts: Vec<Listed> = listed
            .map(|friend| Listed {
                name: friend.name.clone(),
                key: friend.key(),
                addresses: friend.addresses.clone(),
                learned: friend.learned.clone(),
                standing: friend.standing(),
            })
            .collect();
        let bytes = Listed::encode_all(&contacts);
        out.push(Output::Keep { meeting: MeetingId::ZERO, name: Kept::Contacts, bytes });
        if let Some((change, friend)) = change.and_then(|(change, id)| Some((change, self.friends.get(&id)?))) {
            out.push(Output::Event(Event::Contact { change, contact: friend.contact() }));
        }
    }

    fn keep_drafts(&self, out: &mut Vec<Output>) {
        let drafts = self.friends.values().flat_map(|friend| {
            let name = Name::new(&friend.name);
            friend
                .drafts
                .iter()
                .filter_map(move |(time_ms, text)| Some(Draft { to: name?, time_ms: *time_ms, text: Text::new(text)? }))
        });
        let bytes = kept::encode_drafts(drafts);
        out.push(Output::Keep { meeting: MeetingId::ZERO, name: Kept::Drafts, bytes });
    }

    fn contacts(&self) -> Event {
        let listed = self.friends.values().filter(|friend| friend.is_listed);
        let mut contacts: Vec<Contact> = listed.map(Friend::contact).collect();
        contacts.sort_by(|one, other| one.name.cmp(&other.name));
        Event::Contacts { contacts }
    }

    fn on_start(&mut self, now: Now, out: &mut Vec<Output>) {
        out.push(Output::Event(Event::Ready {
            role: Role::Friends,
            name: self.config.name.clone(),
            key: self.us.key(),
            meeting: MeetingId::ZERO,
            title: String::new(),
            ticket: String::new(),
            questions: Questions::Closed,
            admission: Admission::Open,
            is_locked: false,
        }));
        out.push(Output::Event(self.contacts()));
        let all: Vec<FriendId> = self.friends.keys().copied().collect();
        all.iter().for_each(|id| self.accept_as_wished(*id, out));
        for id in &all {
            if self.show_rest(*id, out) && self.config.ends_after_one {
                return self.leave(Code::Left, Ending::Heard, now, out);
            }
        }
        let mut at = now.tick;
        for id in all {
            // A draft whose contact's key became known just before the last run ended.
            self.sign_drafts(id, now, out);
            let friend = self.friends.get(&id);
            let is_dialled =
                |friend: &Friend| friend.is_findable() && !(self.config.only_contacts && friend.is_stranger);
            if self.config.dials_at_start && friend.is_some_and(is_dialled) {
                self.timers.arm(Timer::Redial(id), at);
                at = at.after(limits::CONTACT_DIAL_INTERVAL);
            }
        }
    }

    /// Says goodbye to all, for good.
    fn leave(&mut self, code: Code, ending: Ending, now: Now, out: &mut Vec<Output>) {
        let reason = goodbye(code, &ending);
        let all: Vec<FriendId> = self.friends.keys().copied().collect();
        all.into_iter().for_each(|id| self.send_changes(id, now, out));
        for link in take(&mut self.links).into_keys() {
            out.push(Output::Close { link, code, rule: None, reason: reason.to_string() });
        }
        self.friends.values_mut().for_each(|friend| friend.links.clear());
        (self.timers, self.over) = (Timers::default(), true);
        out.push(Output::Event(Event::Closed { code, ending }));
    }
}

impl Friends {
    pub(crate) fn name(&self) -> &str {
        &self.config.name
    }

    /// Whom registries are to be asked for from now on: by key, each once.
    pub(crate) fn sought(&mut self) -> Vec<Key> {
        take(&mut self.sought)
    }

    /// Where registries have met somebody who was sought.
    pub(crate) fn found(&mut self, key: Key, addresses: Vec<String>, now: Now, out: &mut Vec<Output>) {
        if !self.over {
            self.on_found(key, addresses, now, out);
        }
    }
}

impl Machine for Friends {
    fn handle(&mut self, input: Input<'_>, now: Now, out: &mut Vec<Output>) {
        if self.over {
            return;
        }
        match input {
            Input::Start => self.on_start(now, out),
            Input::Up { link, peer, address, hello, dial } => {
                self.on_up(&links::Arrival { link, peer, address, hello, dial }, now, out);
            }
            Input::Frame { link, id, frame } => self.on_frame(link, id, &frame, now, out),
            Input::Down { link, code } => self.on_down(link, code, now, out),
            Input::Unreachable { dial, code } => self.on_unreachable(dial, code, now, out),
            Input::Command { id, command } => self.on_command(id, command, now, out),
        }
    }

    fn handle_timeout(&mut self, now: Now, out: &mut Vec<Output>) {
        while let Some(timer) = self.timers.expire(now.tick) {
            match timer {
                Timer::Redial(id) => self.dial(id, now, out),
                Timer::Idle(id) => self.on_idle(id, now, out),
                Timer::Due(id) => self.settle(id, now, out),
                Timer::Unaccepted(id) => self.tell_unaccepted(id, out),
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    fn has_let_in(&self, link: LinkId) -> bool {
        self.links.contains_key(&link)
    }

    fn logs(&self) -> Vec<&Log> {
        self.friends.values().filter_map(|friend| friend.pair.as_ref()).map(Pair::log).collect()
    }

    fn assert_invariants(&self) {
        for (link, id) in &self.links {
            let links = self.friends.get(id).map(|friend| friend.links.as_slice()).unwrap_or_default();
            assert!(links.iter().any(|known| known.link == *link), "{link:?} leads to nobody");
        }
        for (dial, id) in &self.dials {
            assert!(self.friends.get(id).is_some_and(|friend| friend.dialling == Some(*dial)), "{dial:?} is nobody's");
        }
        for (id, friend) in &self.friends {
            assert!(self.over || friend.links.iter().all(|link| self.links.get(&link.link) == Some(id)), "half a link");
            assert!(friend.links.len() <= 2, "{} has {} links", friend.name, friend.links.len());
            let idle = self.timers.is_armed(Timer::Idle(*id));
            assert_eq!(idle, !friend.links.is_empty(), "{}: a link that is never idle", friend.name);
            assert_eq!(friend.key().and_then(|key| self.keys.get(&key)), friend.key().map(|_| id), "whose key?");
            assert!(friend.dialling.is_none() || !self.timers.is_armed(Timer::Redial(*id)), "dialled twice");
            assert!(self.over || !friend.is_nobody(), "{} is nobody", friend.name);
            let is_kept = friend.pair.as_ref().is_none_or(|pair| pair.log().is_kept());
            assert!(is_kept, "the disk does not know what the log does");
            let is_shut_out = friend.is_blocked && (!friend.links.is_empty() || friend.dialling.is_some());
            assert!(!is_shut_out, "{} is kept away", friend.name);
        }
    }
}
