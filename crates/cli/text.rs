//! Events as lines for people. Each line of this program's own begins with `-- `; no name has white space, so none
//! that somebody else sends does.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;

use anstyle::{AnsiColor, Style};
use tertulia_core::code::Code;
use tertulia_core::compare::{check_words, safety_words};
use tertulia_core::event::{Change, Contact, Event, Issued, Kind, Member, Origin, Reach, Role, State};
use tertulia_core::id::{Key, MeetingId};

use crate::{catalogue, escape, words};

/// Own lines that may wait for their event.
const TYPED_MAX: usize = 64;

/// Messages of which it is known how they begin, and with how many letters.
const SAID_MAX: usize = 256;
const BEGIN: usize = 24;

/// How events look here.
#[derive(Debug, Default)]
pub(crate) struct Text {
    /// Whether a terminal shows colours.
    pub(crate) colour: bool,
    /// A full screen marks this program's own lines by itself.
    is_bare: bool,
    typed: VecDeque<String>,
    /// This node's own part in the meeting.
    role: Option<Role>,
    us: Option<Key>,
    /// What this node is called.
    name: String,
    meeting: Option<MeetingId>,
    /// With whom the user was told to have no link.
    apart: BTreeSet<Key>,
    /// The last that was said to all, and how it begins.
    said: VecDeque<(Origin, String)>,
}

const OWN: Style = Style::new().dimmed();
const NAME: Style = Style::new().bold();
const QUESTION: Style = AnsiColor::Cyan.on_default().bold();
const PRIVATE: Style = AnsiColor::Magenta.on_default().bold();
const ALARM: Style = AnsiColor::Red.on_default();
const CAUTION: Style = AnsiColor::Yellow.on_default();

impl Text {
    pub(crate) const fn new(colour: bool) -> Self {
        Self {
            colour,
            is_bare: false,
            typed: VecDeque::new(),
            role: None,
            us: None,
            name: String::new(),
            meeting: None,
            apart: BTreeSet::new(),
            said: VecDeque::new(),
        }
    }

    /// Words alone: how they look is somebody else's.
    pub(crate) fn bare() -> Self {
        Self { is_bare: true, ..Self::new(false) }
    }

    /// This user's part, and name.
    pub(crate) fn us(&self) -> (Option<Role>, &str) {
        (self.role, &self.name)
    }

    /// A line that stands on the screen as its user typed it, and so isn't shown again.
    pub(crate) fn typed(&mut self, text: &str) {
        if self.typed.len() >= TYPED_MAX {
            self.typed.pop_front();
        }
        self.typed.push_back(text.into());
    }

    fn was_typed(&mut self, text: &str) -> bool {
        let at = self.typed.iter().position(|typed| typed == text);
        at.and_then(|at| self.typed.remove(at)).is_some()
    }

    /// The lines for an event, without the last one's end; nothing for what people needn't know.
    pub(crate) fn event(&mut self, event: &Event) -> Option<String> {
        let is_news = self.note_link(event);
        self.note_us(event);
        Some(match event {
            Event::Ready { .. } | Event::Retry { .. } | Event::Done { .. } => return None,
            Event::Joined { name, ticket, .. } => {
                self.own(&format!("{} joined{}", escape::line(name), by_ticket(ticket.as_deref())))
            }
            // `closed` follows.
            Event::Left { key, .. } if self.us == Some(*key) => return None,
            Event::Left { name, reason, .. } if reason.is_empty() || reason == "left" => {
                self.own(&format!("{} left", escape::line(name)))
            }
            Event::Left { name, reason, .. } => {
                self.own(&format!("{} left: {}", escape::line(name), escape::line(reason)))
            }
            Event::Renamed { old, new, .. } => self.own(&format!("{} is now {}", escape::line(old), escape::line(new))),
            Event::Roster { members, guests } => self.own(&roster(members, *guests)),
            Event::Check { meeting, heard } => self.own(&format!(
                "line {} of run {:04x} is: {}; compare aloud, with somebody at the same line: /check {0}",
                heard.number,
                heard.session & 0xffff,
                check_words(*meeting, heard)
            )),
            Event::Ticket { label, ticket } => self.own(&handed_out(label, ticket)),
            Event::Tickets { tickets } => self.own(&listed(tickets)),
            Event::Bans { muted, out } => self.own(&bans(muted, out)),
            Event::Message { kind, from, own, text, .. } => return self.message(kind, from, *own, text),
            Event::Delivery { reach, have, of, .. } => match reach {
                Reach::Held if *of > 0 => {
                    self.own(&format!("your message is held: {have} of {of} have it; it goes out when they are back"))
                }
                Reach::Held | Reach::Sent | Reach::All => return None,
            },
            Event::Linked { .. } if !is_news => return None,
            Event::Linked { name, .. } => self.own(&format!("linked with {}", escape::line(name))),
            // `closed` follows at once, and says more.
            Event::Unlinked { code: Code::Ended | Code::Kicked | Code::Banned | Code::Superseded, .. } => return None,
            Event::Unlinked { name, code, .. } => self.own(&self.parted(&escape::line(name), *code)),
            Event::Knock { name, note, ticket, .. } => {
                let name = escape::line(name);
                let says = if note.is_empty() { String::new() } else { format!(" and says: {}", escape::line(note)) };
                let by = by_ticket(ticket.as_deref());
                self.own(&format!("{name} knocks{says}{by} (/admit {name}, or /deny {name} WHY)"))
            }
            Event::Waiting { position: 0 | 1 } => {
                self.own("you are next in the lobby; the host decides when to let you in")
            }
            Event::Waiting { position } => {
                self.own(&format!("you wait in the lobby; {} before you", position.saturating_sub(1)))
            }
            Event::Contacts { contacts } => self.contacts(contacts),
            Event::Contact { change, contact } => return self.contact(*change, contact),
            Event::Gap { first, next, .. } => match next.saturating_sub(*first) {
                1 => self.paint(CAUTION, "[1 message missing]"),
                missing => self.paint(CAUTION, &format!("[{missing} messages missing]")),
            },
            Event::Published { registry, record, addresses } => match self.published(registry, *record, addresses) {
                Ok(shown) => self.own(&shown),
                Err(hidden) => self.warning(&hidden),
            },
            Event::Listing { .. } | Event::Person { .. } => return catalogue::line(event),
            Event::Warning(notice) => self.warning(&words::notice(notice)),
            Event::Error { failure, .. } => self.error(&words::failure(failure)),
            Event::Closed { code: code @ (Code::Left | Code::Ended | Code::Stopped), ending } => {
                self.own(&escape::line(&words::ending(*code, ending)))
            }
            Event::Closed { code, ending } => self.error(&words::ending(*code, ending)),
        })
    }

    /// What a registry says of the meeting, or of the user.
    fn published(&self, registry: &str, record: MeetingId, addresses: &[SocketAddr]) -> Result<String, String> {
        let whom = if self.meeting == Some(record) { "shows this meeting" } else { "lists you" };
        catalogue::published(registry, whom, addresses)
    }

    /// Notes a link, and says whether it is news. Who comes, and who is here as one comes, is told of anyway; where friends
    /// are shows in their links alone.
    fn note_link(&mut self, event: &Event) -> bool {
        if let Event::Linked { key, .. } = event {
            return self.apart.remove(key) || self.role == Some(Role::Friends);
        }
        if let Event::Roster { members, .. } = event {
            let is_away = |member: &&Member| member.state == State::Away;
            self.apart = members.iter().filter(is_away).map(|member| member.key).collect();
        } else if let Event::Unlinked { key, .. } = event {
            self.apart.insert(*key);
        } else if let Event::Joined { key, .. } | Event::Left { key, .. } = event {
            self.apart.remove(key);
        }
        true
    }

    /// Who goes on purpose is not in trouble; and friends are dialled when there is something to say.
    fn parted(&self, name: &str, code: Code) -> String {
        match (self.role, code) {
            (_, Code::Left) | (Some(Role::Friends), Code::Stopped) => format!("{name} left"),
            (_, Code::Stopped) => format!("{name} has stopped for now; trying again"),
            (Some(Role::Friends), _) => {
                format!("cut off from {name} ({code}); what you write waits until they are back")
            }
            _ => format!("cut off from {name} ({code}); trying again"),
        }
    }

    fn note_us(&mut self, event: &Event) {
        if let Event::Ready { meeting, key, name, .. } = event {
            (self.meeting, self.us) = (Some(*meeting), Some(*key));
            self.name.clone_from(name);
        } else if let Event::Renamed { key, new, .. } = event
            && self.us == Some(*key)
        {
            self.name.clone_from(new);
        }
        if let Event::Ready { role, .. } = event {
            self.role = Some(*role);
        }
    }

    fn message(&mut self, kind: &Kind, from: &str, own: bool, text: &str) -> Option<String> {
        let from = escape::line(from);
        self.note_said(kind, text);
        // SPEC SHOW-4
        let head = if words::does(text).is_some() { format!("* {from}") } else { format!("{from}:") };
        let shown = escape::block(words::does(text).unwrap_or(text));
        Some(match kind {
            Kind::Text(_) if own && self.was_typed(text) => return None,
            Kind::Text(_) => format!("{} {shown}", self.paint(NAME, &head)),
            Kind::Question(_, asked) => {
                let shown = escape::block(text);
                format!("{} {shown}", self.paint(QUESTION, &format!("Question from {from}{}:", words::asked(asked))))
            }
            Kind::Missing(_) => {
                format!("{} {}", self.paint(NAME, &format!("{from}:")), self.paint(CAUTION, "[text missing]"))
            }
            Kind::Removed(origin, by) => {
                let what = self
                    .take_said(origin)
                    .filter(|_| !self.is_bare)
                    .map_or("what they had said".into(), |begin| format!("\u{201c}{begin}\u{201d}"));
                self.own(&format!("{} has removed what {from} said: {what}", escape::line(&by.name)))
            }
            Kind::Deed(_, deed) => self.own(&format!("{from} {}", escape::line(&words::deed(deed, text)))),
            Kind::Whisper(_) if own && self.was_typed(text) => return None,
            Kind::Whisper(whisper) if own => {
                let to = escape::line(&whisper.to);
                format!("{} {shown}", self.paint(PRIVATE, &format!("(private, to {to}) {head}")))
            }
            Kind::Whisper(_) => format!("{} {shown}", self.paint(PRIVATE, &format!("(private) {head}"))),
        })
    }

    /// What was said may be removed: then the user is told which words are meant.
    fn note_said(&mut self, kind: &Kind, text: &str) {
        let (Kind::Text(origin) | Kind::Question(origin, _)) = kind else { return };
        if self.said.len() >= SAID_MAX {
            self.said.pop_front();
        }
        let begin: String = text.chars().take(BEGIN).collect();
        let more = if begin.len() < text.len() { "\u{2026}" } else { "" };
        self.said.push_back((*origin, format!("{}{more}", escape::line(&begin))));
    }

    fn take_said(&mut self, origin: &Origin) -> Option<String> {
        let at = self.said.iter().position(|(said, _)| said == origin)?;
        self.said.remove(at).map(|(_, begin)| begin)
    }

    /// A line each.
    pub(crate) fn contacts(&self, contacts: &[Contact]) -> String {
        let lines: Vec<String> = contacts.iter().map(|contact| self.own(&described(contact))).collect();
        match self.role {
            _ if !lines.is_empty() => lines.join("\n"),
            Some(_) => self.own("no contacts yet: /add NAME HOST:PORT adds one"),
            None => self.own("no contacts yet; to add one: tertulia contacts add NAME HOST:PORT"),
        }
    }

    fn contact(&self, change: Change, contact: &Contact) -> Option<String> {
        let name = escape::line(&contact.name);
        Some(self.own(&match change {
            Change::Added => format!("contact: {}", described(contact)),
            // A warning says more.
            Change::Met => return None,
            Change::Stranger => format!(
                "{name} writes to you for the first time: {}; /remove {name} keeps them away, /block {name} too",
                described(contact)
            ),
            Change::Removed if contact.is_stranger || contact.is_blocked => {
                format!("{name} is no contact, and is kept away until: /add {name} HOST:PORT")
            }
            Change::Removed => format!("{name} is no contact any more"),
            Change::Moved => {
                let address = contact.addresses.first().map_or_else(String::new, |address| escape::line(address));
                format!("{name} is found at {address} now")
            }
            Change::Blocked => format!("{name} is kept away until: /unblock {name}"),
            Change::Unblocked => format!("{name} may write to you again"),
        }))
    }

    /// A line of this program's own.
    pub(crate) fn own(&self, text: &str) -> String {
        self.paint(OWN, &format!("{}{text}", self.mark()))
    }

    pub(crate) fn warning(&self, message: &str) -> String {
        self.paint(CAUTION, &format!("{}warning: {}", self.mark(), escape::line(message)))
    }

    pub(crate) fn error(&self, message: &str) -> String {
        self.paint(ALARM, &format!("{}error: {}", self.mark(), escape::line(message)))
    }

    /// What the lines of this program begin with.
    const fn mark(&self) -> &'static str {
        if self.is_bare { "" } else { "-- " }
    }

    fn paint(&self, style: Style, text: &str) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.into() }
    }
}

/// By which of this user's tickets somebody comes, if that says anything.
fn by_ticket(label: Option<&str>) -> String {
    label.map_or_else(String::new, |label| format!(" (ticket: {})", escape::line(label)))
}

/// What others type to join.
fn handed_out(label: &str, ticket: &str) -> String {
    let with = if label.is_empty() { String::new() } else { format!(", with the ticket `{}`", escape::line(label)) };
    format!("others join{with}: tertulia join '{ticket}'")
}

fn listed(tickets: &[Issued]) -> String {
    let one = |ticket: &Issued| {
        let called = match (&*ticket.label, ticket.is_void) {
            ("", false) => "the one that /ticket shows".into(),
            ("", true) => "an earlier one".into(),
            (label, _) => escape::line(label),
        };
        format!("{called} ({}{} here)", if ticket.is_void { "void, " } else { "" }, ticket.here)
    };
    format!("tickets: {}", tickets.iter().map(one).collect::<Vec<_>>().join(", "))
}

fn bans(muted: &[String], out: &[String]) -> String {
    let names = |names: &[String]| names.iter().map(|name| escape::line(name)).collect::<Vec<_>>().join(", ");
    match (muted, out) {
        ([], []) => "nobody is muted or out".into(),
        (muted, []) => format!("muted: {}", names(muted)),
        ([], out) => format!("out: {}", names(out)),
        (muted, out) => format!("muted: {}; out: {}", names(muted), names(out)),
    }
}

/// Name, where, who, how.
fn described(contact: &Contact) -> String {
    let mut words = vec![escape::line(&contact.name)];
    if !contact.addresses.is_empty() {
        words.push(format!("at {}", escape::line(&contact.addresses.join(", "))));
    }
    words.push(match (contact.key, contact.meeting) {
        (Some(key), Some(pair)) => {
            format!("key {} safety {}", key.to_hex().get(..16).unwrap_or_default(), safety_words(pair))
        }
        _ => "not met yet".into(),
    });
    match contact.state {
        State::You => words.push("(you)".into()),
        State::Linked | State::Bridged => words.push("(linked)".into()),
        State::Away => {}
    }
    if contact.held > 0 {
        words.push(format!("({} held)", contact.held));
    }
    if contact.is_blocked {
        words.push("(blocked)".into());
    } else if contact.is_stranger {
        words.push("(came by themselves)".into());
    }
    words.join(" ")
}

fn roster(members: &[Member], guests: u32) -> String {
    let names: Vec<String> = members
        .iter()
        .map(|member| {
            let name = escape::line(&member.name);
            let state = match member.state {
                State::You => Some("you"),
                State::Linked => None,
                State::Bridged => Some("over others"),
                State::Away => Some("away"),
            };
            let (host, muted) = (member.is_host.then_some("host"), member.is_muted.then_some("muted"));
            let marks: Vec<&str> = state.into_iter().chain(host).chain(muted).collect();
            if marks.is_empty() { name } else { format!("{name} ({})", marks.join(", ")) }
        })
        .collect();
    // The host is named and is no guest: as many guests as names means that some have no name here.
    let named = u32::try_from(members.len()).unwrap_or(u32::MAX);
    if guests >= named {
        return format!("here: {}, and {guests} guests in all", names.join(", "));
    }
    format!("{} here: {}", members.len(), names.join(", "))
}

#[cfg(test)]
mod tests;
