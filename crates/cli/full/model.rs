//! What is on the screen, by the events that tell of it: what was said, who is here, and how it stands. No meeting's
//! state is kept here but what is drawn.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tertulia_core::charter::Admission;
use tertulia_core::code::Code;
use tertulia_core::event::{Change, Contact, Deed, Event, Kind, Member, Notice, Origin, Reach, Role, State};
use tertulia_core::id::{Key, MeetingId};
use tertulia_core::wire::entry::Level;

use crate::news::{Tone, Update};
use crate::words;

/// Messages and lines that can be scrolled back to; beyond them the oldest go.
const ITEMS_MAX: usize = 10_000;
const ITEMS_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Letters of the last words that are kept beside a name.
const LAST_MAX: usize = 64;

/// Author, session and number of an entry.
type Mark = (Key, u64, u64);

const fn mark_of(origin: &Origin) -> Mark {
    (origin.author, origin.session, origin.number)
}

/// To whom something is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// To all.
    All,
    /// To the host, which has published it; and what is to be known of who asks.
    Question(String),
    /// To this user alone; or to whom else.
    Private(Option<String>),
}

/// What stands between the bars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Words of somebody's.
    Said {
        from: String,
        key: Key,
        is_own: bool,
        manner: Manner,
        /// As it came: it is not fit for a terminal yet. `None`: it was removed.
        text: Option<String>,
        /// Which of all entries it is.
        mark: Option<Mark>,
        /// Among friends: with whom it was said.
        with: Option<MeetingId>,
    },
    /// This program's own.
    Told(String, Tone),
}

/// One of these, with its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// Milliseconds since 1970 in UTC, by the clock of whoever said it.
    pub(crate) at_ms: u64,
    pub(crate) what: What,
    /// In how wide a window it had how many rows last.
    pub(crate) rows: Cell<(u16, usize)>,
}

impl Item {
    const fn new(at_ms: u64, what: What) -> Self {
        Self { at_ms, what, rows: Cell::new((0, 0)) }
    }

    const fn bytes(&self) -> usize {
        match &self.what {
            What::Said { text: Some(text), .. } | What::Told(text, _) => text.len(),
            What::Said { text: None, .. } => 0,
        }
    }
}

/// How far the last own words have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) reach: Reach,
    pub(crate) have: u32,
    pub(crate) of: u32,
}

/// Somebody who waits in the lobby.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Knock {
    pub(crate) name: String,
    pub(crate) key: Key,
    pub(crate) note: String,
    /// Since when, milliseconds since 1970 in UTC.
    pub(crate) at_ms: u64,
}

/// What was said with a friend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Talk {
    name: String,
    pub(crate) key: Key,
    /// What they have written since the user looked elsewhere.
    pub(crate) unread: usize,
    /// The last words of either, and which of all entries they are.
    last: Option<(Mark, String)>,
}

impl Talk {
    pub(crate) fn last(&self) -> Option<&str> {
        self.last.as_ref().map(|(_, words)| words.as_str())
    }
}

/// All that is drawn but for what is typed.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) items: VecDeque<Item>,
    bytes: usize,
    /// How many there were, ever.
    pub(crate) total: usize,
    pub(crate) title: String,
    pub(crate) role: Option<Role>,
    /// Among friends: with whom.
    talks: BTreeMap<MeetingId, Talk>,
    /// What was said with this one is shown alone.
    with: Option<MeetingId>,
    pub(crate) people: Vec<Member>,
    /// Who has knocked, and was not seen inside since.
    pub(crate) knocking: Vec<Knock>,
    /// Of a lecture: how many there are beside those who are named.
    pub(crate) unnamed: usize,
    pub(crate) is_locked: bool,
    /// Registries that show this meeting, or this user.
    listed: BTreeSet<String>,
    /// The only link that this node has, or the last one, is gone: why, and since when, milliseconds since 1970 in UTC.
    pub(crate) cut_off: Option<(Code, u64)>,
    /// When a node without a link tries again to have one, milliseconds since 1970 in UTC.
    next_try: Option<u64>,
    /// What others join with.
    pub(crate) ticket: Option<String>,
    admission: Option<Admission>,
    pub(crate) delivery: Option<Delivery>,
    /// The meeting was over when so many items had come.
    closed_at: Option<usize>,
}

impl Model {
    /// Takes what is new; how many items it adds. `is_seen`: the user sees it come.
    pub(crate) fn take(&mut self, update: Update, is_seen: bool) -> usize {
        let Update { event, words, tone, at_ms, .. } = update;
        let said = event.as_deref().and_then(|event| {
            self.note(event, at_ms);
            self.note_talk(event, is_seen);
            self.said(event, at_ms)
        });
        let item = said.or_else(|| words.map(|words| Item::new(at_ms, What::Told(words, tone))));
        let Some(item) = item else { return 0 };
        self.bytes = self.bytes.saturating_add(item.bytes());
        while self.items.len() >= ITEMS_MAX || self.bytes > ITEMS_BYTES_MAX {
            let Some(oldest) = self.items.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(oldest.bytes());
        }
        self.items.push_back(item);
        self.total = self.total.saturating_add(1);
        1
    }

    fn note(&mut self, event: &Event, now_ms: u64) {
        match event {
            Event::Ready { .. } => self.on_ready(event),
            Event::Roster { members, guests } => {
                let guests = usize::try_from(*guests).unwrap_or(usize::MAX);
                self.people.clone_from(members);
                // The host is named, and is no guest.
                self.unnamed = guests.saturating_sub(members.len().saturating_sub(1));
            }
            Event::Ticket { ticket, .. } => self.on_ticket(ticket),
            Event::Knock { name, key, note, .. } => {
                self.waits_no_more(name);
                self.knocking.push(Knock { name: name.clone(), key: *key, note: note.clone(), at_ms: now_ms });
            }
            Event::Warning(Notice::LeftLobby(name)) => self.waits_no_more(name),
            Event::Joined { name, key, .. } => {
                self.waits_no_more(name);
                self.place(name, *key, State::Linked);
            }
            Event::Retry { after_ms } => self.next_try = Some(now_ms.saturating_add(*after_ms)),
            Event::Waiting { .. } => self.next_try = None,
            Event::Linked { name, key } => {
                (self.cut_off, self.next_try) = (None, None);
                self.place(name, *key, State::Linked);
            }
            Event::Left { key, .. } => self.people.retain(|member| member.key != *key),
            Event::Unlinked { key, code, .. } => self.on_unlinked(key, *code, now_ms),
            Event::Renamed { key, new, .. } => {
                self.people
                    .iter_mut()
                    .filter(|member| member.key == *key)
                    .for_each(|member| member.name.clone_from(new));
            }
            Event::Contacts { contacts } => {
                contacts.iter().for_each(|contact| self.pair(contact));
                self.people = contacts.iter().filter_map(friend).collect();
            }
            Event::Contact { change: Change::Removed | Change::Blocked, contact } => {
                self.people.retain(|member| Some(member.key) != contact.key);
            }
            Event::Contact { contact, .. } => {
                self.pair(contact);
                friend(contact).into_iter().for_each(|friend| self.place(&friend.name, friend.key, friend.state));
            }
            Event::Message { kind: Kind::Deed(_, deed), .. } => self.on_deed(deed),
            Event::Message { kind: Kind::Removed(origin, _), .. } => {
                self.remove(mark_of(origin));
            }
            // What was known was of the one before.
            Event::Message { kind: Kind::Text(_), own: true, .. } => self.delivery = None,
            Event::Delivery { reach, have, of, .. } => {
                self.delivery = Some(Delivery { reach: *reach, have: *have, of: *of });
            }
            Event::Published { registry, addresses, .. } if addresses.is_empty() => _ = self.listed.remove(registry),
            Event::Published { registry, .. } => _ = self.listed.insert(registry.clone()),
            Event::Closed { .. } => self.closed_at = Some(self.total),
            Event::Bans { .. }
            | Event::Tickets { .. }
            | Event::Check { .. }
            | Event::Message { .. }
            | Event::Gap { .. }
            | Event::Listing { .. }
            | Event::Person { .. }
            | Event::Warning(_)
            | Event::Error { .. }
            | Event::Done { .. } => {}
        }
    }

    fn on_ready(&mut self, event: &Event) {
        let Event::Ready { role, name, key, title, ticket, admission, is_locked, .. } = event else { return };
        (self.is_locked, self.next_try) = (*is_locked, None);
        self.admission = Some(*admission).filter(|_| *role != Role::Friends);
        self.role = Some(*role);
        self.on_ticket(ticket);
        self.title.clone_from(title);
        if *role != Role::Friends {
            self.place(name, *key, State::You);
            let is_host = *role == Role::Host;
            self.people.iter_mut().filter(|member| member.key == *key).for_each(|member| member.is_host |= is_host);
        }
    }

    fn on_ticket(&mut self, ticket: &str) {
        self.ticket = Some(ticket.to_string()).filter(|ticket| !ticket.is_empty());
    }

    fn on_deed(&mut self, deed: &Deed) {
        match deed {
            Deed::Lock => self.is_locked = true,
            Deed::Unlock => self.is_locked = false,
            Deed::Revoke(name, Level::Mute) => self.named(name, |member| member.is_muted = true),
            Deed::Forgive(name, _) => self.named(name, |member| member.is_muted = false),
            Deed::MakeHost(name) => self.named(name, |member| member.is_host = true),
            Deed::Revoke(_, Level::Out) | Deed::VoidTicket | Deed::End => {}
        }
    }

    /// Names are of one each, as long as they are here.
    fn named(&mut self, name: &str, change: impl Fn(&mut Member)) {
        self.people.iter_mut().filter(|member| member.name == name).for_each(change);
    }

    fn waits_no_more(&mut self, name: &str) {
        self.knocking.retain(|knock| knock.name != name);
    }

    fn note_talk(&mut self, event: &Event, is_seen: bool) {
        let Event::Message { meeting, kind: Kind::Text(origin), own, text, .. } = event else { return };
        let Some(talk) = self.talks.get_mut(meeting) else { return };
        talk.last = Some((mark_of(origin), text.chars().take(LAST_MAX).collect()));
        let is_seen = is_seen && self.with.is_none_or(|with| with == *meeting);
        if *own {
            talk.unread = 0;
        } else if !is_seen {
            talk.unread = talk.unread.saturating_add(1);
        }
    }

    /// The user has seen all that is shown.
    pub(crate) fn all_read(&mut self) {
        let shown = self.talks.iter_mut().filter(|(pair, _)| self.with.is_none_or(|with| with == **pair));
        shown.for_each(|(_, talk)| talk.unread = 0);
    }

    /// From now on, what was said with this friend is shown alone; with nobody, all is. False if there is no such friend.
    pub(crate) fn show_with(&mut self, name: Option<&str>) -> bool {
        let called = |name: &str| self.talks.iter().find(|(_, talk)| talk.name == name).map(|(pair, _)| *pair);
        let found = name.and_then(called);
        let is_known = name.is_none() || found.is_some();
        if is_known {
            self.with = found;
        }
        is_known
    }

    /// With whom what is shown was said, if that is not all.
    pub(crate) fn with(&self) -> Option<&str> {
        self.with.and_then(|with| self.talks.get(&with)).map(|talk| talk.name.as_str())
    }

    /// What is typed where one friend's words are shown alone goes there.
    pub(crate) fn addressed(&self, typed: String) -> String {
        match self.with() {
            Some(with) if !typed.starts_with('/') && !typed.starts_with(&format!("{with}/")) => {
                format!("{with}/{typed}")
            }
            Some(_) | None => typed,
        }
    }

    /// Whether this is shown now.
    pub(crate) fn shows(&self, item: &Item) -> bool {
        let Some(shown) = self.with else { return true };
        match &item.what {
            What::Said { with, .. } => *with == Some(shown),
            What::Told(..) => true,
        }
    }

    /// Among friends: what was said with somebody.
    pub(crate) fn talk(&self, key: &Key) -> Option<&Talk> {
        self.talks.values().find(|talk| talk.key == *key)
    }

    /// Whether something that is drawn changes by time alone.
    pub(crate) fn counts_time(&self) -> bool {
        self.cut_off.is_some() || self.next_try.is_some() || !self.knocking.is_empty()
    }

    fn remove(&mut self, removed: Mark) {
        let talks = self.talks.values_mut().filter(|talk| talk.last.as_ref().is_some_and(|(mark, _)| *mark == removed));
        talks.for_each(|talk| talk.last = None);
        for item in &mut self.items {
            match &mut item.what {
                What::Said { text, mark, .. } if *mark == Some(removed) => {
                    let bytes = text.take().map_or(0, |text| text.len());
                    self.bytes = self.bytes.saturating_sub(bytes);
                    item.rows.set((0, 0));
                }
                What::Said { .. } | What::Told(..) => {}
            }
        }
    }

    fn on_unlinked(&mut self, key: &Key, code: Code, now_ms: u64) {
        for member in self.people.iter_mut().filter(|member| member.key == *key) {
            member.state = State::Away;
        }
        let is_alone = self.people.iter().all(|member| matches!(member.state, State::You | State::Away));
        if self.role == Some(Role::Attendee) || self.role == Some(Role::Member) && is_alone {
            let since = self.cut_off.map_or(now_ms, |(_, since)| since);
            self.cut_off = Some((code, since));
        }
    }

    fn place(&mut self, name: &str, key: Key, state: State) {
        match self.people.iter_mut().find(|member| member.key == key) {
            Some(member) => {
                member.name = name.into();
                if member.state != State::You {
                    member.state = state;
                }
            }
            None => self.people.push(Member { name: name.into(), key, state, is_host: false, is_muted: false }),
        }
    }

    fn pair(&mut self, contact: &Contact) {
        let (Some(pair), Some(key)) = (contact.meeting, contact.key) else { return };
        let talk = self.talks.entry(pair).or_insert_with(|| Talk { name: String::new(), key, unread: 0, last: None });
        talk.name.clone_from(&contact.name);
    }

    /// Words of somebody's.
    fn said(&self, event: &Event, now_ms: u64) -> Option<Item> {
        let Event::Message { meeting, kind, from, own, text } = event else { return None };
        let (origin, key, manner) = match kind {
            Kind::Text(origin) => {
                let to = self.talks.get(meeting).filter(|_| *own).map(|talk| talk.name.clone());
                (Some(origin), origin.author, to.map_or(Manner::All, |to| Manner::Private(Some(to))))
            }
            Kind::Question(origin, asked) => (Some(origin), asked.key, Manner::Question(words::asked(asked))),
            Kind::Whisper(whisper) => (None, whisper.author, Manner::Private(own.then(|| whisper.to.clone()))),
            Kind::Deed(..) | Kind::Missing(_) | Kind::Removed(..) => return None,
        };
        let at_ms = origin.map_or(now_ms, |origin| origin.time_ms);
        let mark = origin.map(mark_of);
        let (from, is_own, text) = (from.clone(), *own, Some(text.clone()));
        let with = Some(*meeting).filter(|meeting| self.talks.contains_key(meeting));
        Some(Item::new(at_ms, What::Said { from, key, is_own, manner, text, mark, with }))
    }

    /// What is told again once the screen is given back: how it ended, and what there is to do next; if it never began,
    /// all that was told.
    pub(crate) fn last_words(&self) -> Vec<&str> {
        let from = self.closed_at.filter(|_| self.role.is_some()).unwrap_or(0);
        let last = self.items.iter().skip(from.saturating_sub(self.first())).map(|item| &item.what);
        last.filter_map(|what| if let What::Told(words, _) = what { Some(words.as_str()) } else { None }).collect()
    }

    /// The number of the oldest item that is left.
    pub(crate) fn first(&self) -> usize {
        self.total.saturating_sub(self.items.len())
    }

    /// How newcomers come in, as far as that is known.
    pub(crate) fn door(&self) -> Option<&'static str> {
        self.admission.map(|admission| match admission {
            _ if self.is_locked => "locked",
            Admission::Open => "open",
            Admission::Ticket => "by ticket",
            Admission::Lobby => "lobby",
            Admission::TicketAndLobby => "by ticket, lobby",
        })
    }

    /// In how many seconds a node without a link tries again to have one.
    pub(crate) fn next_try(&self, now_ms: u64) -> Option<u64> {
        self.next_try.map(|at| at.saturating_sub(now_ms).div_ceil(1_000))
    }

    pub(crate) fn is_listed(&self) -> bool {
        !self.listed.is_empty()
    }

    /// How many others there are, and with how many of them this node has no link of its own.
    pub(crate) fn others(&self) -> (usize, usize) {
        let others = self.people.iter().filter(|member| member.state != State::You);
        let apart = others.clone().filter(|member| member.state != State::Linked);
        (others.count(), apart.count())
    }
}

/// A contact as one of those who are here.
fn friend(contact: &Contact) -> Option<Member> {
    let (name, key) = (contact.name.clone(), contact.key?);
    Some(Member { name, key, state: contact.state, is_host: false, is_muted: false })
}
