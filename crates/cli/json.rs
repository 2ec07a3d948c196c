//! Events as JSON, one object a line, and commands from it: the same vocabulary for bots and tests.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use tertulia_core::charter::Admission;
use tertulia_core::command::{Command, Directory, With, Words};
use tertulia_core::compare::{check_words, safety_words};
use tertulia_core::event::{Asked, Change, Contact, Event, Issued, Kind, Member, Reach, Role, State};
use tertulia_core::id::{Key, MeetingId};
use tertulia_core::wire::entry::Heard;
use tertulia_core::wire::registry::Kind as RecordKind;

use crate::console::{Problem, checked, nearest};
use crate::words;

/// An object in the making, whose fields keep their order.
#[derive(Debug)]
pub(crate) struct Object(String);

impl Object {
    /// Every object begins with what happened, and when.
    pub(crate) fn new(event: &str, time_ms: u64) -> Self {
        Self("{".into()).with("event", event).with("time_ms", time_ms)
    }

    /// One field more.
    pub(crate) fn with(self, field: &str, value: impl Into<Value>) -> Self {
        self.with_json(field, &value.into().to_string())
    }

    /// One field more, whose value is JSON already.
    fn with_json(mut self, field: &str, json: &str) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&format!("{}:{json}", Value::from(field)));
        self
    }

    /// The line, without its end.
    pub(crate) fn finish(mut self) -> String {
        self.0.push('}');
        harmless(&self.0)
    }
}

/// JSON escapes C0 only. What else acts on a terminal stands in strings alone, where `\u` may replace it.
fn harmless(json: &str) -> String {
    if !json.contains(tertulia_core::visible::is_unsafe) {
        return json.into();
    }
    let mut out = String::with_capacity(json.len());
    for letter in json.chars() {
        if tertulia_core::visible::is_unsafe(letter) {
            letter.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        } else {
            out.push(letter);
        }
    }
    out
}

/// What a command came with, for its answer: JSON of any kind, as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Id(String);

impl Id {
    fn of(raw: &RawValue) -> Self {
        // In JSON, what is below a space stands between words.
        Self(raw.get().replace(|letter: char| letter < ' ', " "))
    }
}

/// What an event's line tells besides the event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beside {
    /// The wall clock, for whatever has no time of its own.
    pub(crate) now_ms: u64,
    /// Where this process listens.
    pub(crate) listen: Option<String>,
    /// The registries that it uses.
    pub(crate) registry: Option<String>,
    /// The id that the command came with.
    pub(crate) id: Option<Id>,
}

fn ready(event: &Event, beside: &Beside) -> Option<Object> {
    let Event::Ready { role, name, key, meeting, title, ticket, questions: _, admission, is_locked } = event else {
        return None;
    };
    let object = Object::new("ready", beside.now_ms);
    Some(
        object
            .with("role", role_word(*role))
            .with("name", name.as_str())
            .with("key", key.to_hex())
            .with("listen", beside.listen.clone())
            .with("meeting", Some(*meeting).filter(|meeting| *meeting != MeetingId::ZERO).map(MeetingId::to_hex))
            .with("title", title.as_str())
            .with("ticket", ticket.as_str())
            .with("admission", admission_word(*admission))
            .with("locked", *is_locked)
            .with("registry", beside.registry.clone()),
    )
}

/// One line for an event; nothing for a `done` that nobody has asked for.
pub(crate) fn event(event: &Event, beside: &Beside) -> Option<String> {
    let object = |word: &str| Object::new(word, beside.now_ms);
    let object = match event {
        Event::Ready { .. } => ready(event, beside)?,
        Event::Joined { name, key, ticket } => by_ticket(object("joined"), name, *key, None, ticket.as_ref()),
        Event::Left { name, key, reason } => {
            object("left").with("name", name.as_str()).with("key", key.to_hex()).with("reason", reason.as_str())
        }
        Event::Renamed { key, old, new } => {
            object("renamed").with("key", key.to_hex()).with("old", old.as_str()).with("new", new.as_str())
        }
        Event::Roster { members, guests } => {
            object("roster").with("members", members.iter().map(member).collect::<Vec<Value>>()).with("guests", *guests)
        }
        Event::Check { meeting, heard } => check(*meeting, heard, beside),
        Event::Ticket { label, ticket } => object("ticket").with("label", &**label).with("ticket", &**ticket),
        Event::Tickets { tickets } => object("tickets").with("tickets", issued(tickets)),
        Event::Bans { muted, out } => object("bans").with("muted", muted.as_slice()).with("out", out.as_slice()),
        Event::Message { .. } => message(event, beside)?,
        Event::Delivery { session, number, reach, have, of } => object("delivery")
            .with("session", format!("{session:016x}"))
            .with("number", *number)
            .with("state", reach_word(*reach))
            .with("have", *have)
            .with("of", *of),
        Event::Linked { name, key } => object("linked").with("name", name.as_str()).with("key", key.to_hex()),
        Event::Unlinked { name, key, code } => {
            object("unlinked").with("name", name.as_str()).with("key", key.to_hex()).with("reason", code.to_string())
        }
        Event::Knock { name, key, note, ticket } => by_ticket(object("knock"), name, *key, Some(note), ticket.as_ref()),
        Event::Retry { after_ms } => object("retry").with("after_ms", *after_ms),
        Event::Waiting { position } => object("waiting").with("position", *position),
        Event::Contacts { contacts } => {
            object("contacts").with("contacts", contacts.iter().map(|one| contact(one).into()).collect::<Vec<Value>>())
        }
        Event::Contact { change, contact: one } => {
            let object = object("contact").with("change", change_word(*change));
            contact(one).into_iter().fold(object, |object, (field, value)| object.with(&field, value))
        }
        Event::Gap { author, session, first, next } => object("gap")
            .with("author", author.to_hex())
            .with("session", format!("{session:016x}"))
            .with("first", *first)
            .with("next", *next),
        Event::Published { registry, record, addresses } => object("published")
            .with("registry", registry.as_str())
            .with("record", record.to_hex())
            .with("addresses", texts(addresses)),
        Event::Listing { .. } => listing(event, beside)?,
        Event::Person { name, key, addresses, since_ms } => object("person")
            .with("name", name.as_str())
            .with("key", key.to_hex())
            .with("address", addresses.first().map(ToString::to_string))
            .with("since", *since_ms),
        Event::Warning(notice) => warning(notice.word(), &words::notice(notice), beside.now_ms),
        Event::Error { failure, id: _ } => {
            error(failure.word(), &words::failure(failure), beside.id.as_ref(), beside.now_ms)
        }
        Event::Done { id: _ } => object("done").with_json("id", &beside.id.as_ref()?.0),
        Event::Closed { code, ending } => {
            object("closed").with("code", code.to_string()).with("reason", words::ending(*code, ending))
        }
    };
    Some(object.finish())
}

/// Somebody comes, by which of this user's tickets if that says anything.
fn by_ticket(object: Object, name: &str, key: Key, note: Option<&String>, ticket: Option<&String>) -> Object {
    let object = object.with("name", name).with("key", key.to_hex());
    let object = note.into_iter().fold(object, |object, note| object.with("note", note.as_str()));
    ticket.into_iter().fold(object, |object, label| object.with("ticket", label.as_str()))
}

fn issued(tickets: &[Issued]) -> Vec<Value> {
    let one = |ticket: &Issued| {
        let mut fields = Map::new();
        fields.insert("label".into(), ticket.label.as_str().into());
        fields.insert("void".into(), ticket.is_void.into());
        fields.insert("here".into(), ticket.here.into());
        fields.into()
    };
    tickets.iter().map(one).collect()
}

fn check(meeting: MeetingId, heard: &Heard, beside: &Beside) -> Object {
    Object::new("check", beside.now_ms)
        .with("meeting", meeting.to_hex())
        .with("session", format!("{:016x}", heard.session))
        .with("number", heard.number)
        .with("head", heard.head.to_hex())
        .with("words", check_words(meeting, heard))
}

fn message(event: &Event, beside: &Beside) -> Option<Object> {
    let Event::Message { meeting, kind, from, own: _, text } = event else { return None };
    let mut asked = None;
    let (origin, word, text) = match kind {
        Kind::Text(origin) => (origin, "text", text.clone()),
        Kind::Question(origin, by) => {
            asked = Some(by);
            (origin, "question", text.clone())
        }
        Kind::Deed(origin, deed) => (origin, "notice", words::deed(deed, text)),
        Kind::Missing(origin) => (origin, "missing", text.clone()),
        Kind::Removed(origin, _) => (origin, "removed", text.clone()),
        Kind::Whisper(whisper) => {
            return Some(
                Object::new("message", beside.now_ms)
                    .with("meeting", meeting.to_hex())
                    .with("author", whisper.author.to_hex())
                    .with("token", whisper.token.to_hex())
                    .with("from", from.as_str())
                    .with("to", whisper.to.as_str())
                    .with("kind", "whisper")
                    .with("text", text.as_str()),
            );
        }
    };
    let object = Object::new("message", origin.time_ms)
        .with("meeting", meeting.to_hex())
        .with("author", origin.author.to_hex())
        .with("session", format!("{:016x}", origin.session))
        .with("number", origin.number)
        .with("lamport", origin.lamport)
        .with("from", from.as_str())
        .with("kind", word);
    let object = match kind {
        Kind::Removed(_, by) => object.with("by", by.name.as_str()).with("by_key", by.key.to_hex()),
        Kind::Text(_) | Kind::Question(..) | Kind::Deed(..) | Kind::Whisper(_) | Kind::Missing(_) => {
            object.with("text", text)
        }
    };
    Some(match asked {
        None => object,
        Some(Asked { key, heard, unheard, .. }) => object
            .with("asker", key.to_hex())
            .with("heard_session", heard.map(|(session, _)| format!("{session:016x}")))
            .with("heard_number", heard.map(|(_, number)| number))
            .with("unheard", *unheard),
    })
}

fn listing(event: &Event, beside: &Beside) -> Option<Object> {
    let Event::Listing { number, meeting, kind, title, host, key, population, age_s, is_locked, admission, addresses } =
        event
    else {
        return None;
    };
    Some(
        Object::new("listing", beside.now_ms)
            .with("number", *number)
            .with("meeting", meeting.to_hex())
            .with("kind", kind_word(*kind))
            .with("title", title.as_str())
            .with("host", host.as_str())
            .with("key", key.to_hex())
            .with("population", *population)
            .with("age_s", *age_s)
            .with("locked", *is_locked)
            .with("admission", admission_word(*admission))
            .with("addresses", texts(addresses)),
    )
}

fn texts(addresses: &[SocketAddr]) -> Vec<Value> {
    addresses.iter().map(|address| address.to_string().into()).collect()
}

/// What a kind is called.
pub(crate) const fn kind_word(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Star => "star",
        RecordKind::Mesh => "mesh",
        RecordKind::Person => "person",
    }
}

/// What an admission is called.
pub(crate) const fn admission_word(admission: Admission) -> &'static str {
    match admission {
        Admission::Open => "open",
        Admission::Ticket => "ticket",
        Admission::Lobby => "lobby",
        Admission::TicketAndLobby => "ticket_and_lobby",
    }
}

fn member(member: &Member) -> Value {
    let mut fields = Map::new();
    fields.insert("name".into(), member.name.as_str().into());
    fields.insert("key".into(), member.key.to_hex().into());
    fields.insert("state".into(), state_word(member.state).into());
    fields.insert("host".into(), member.is_host.into());
    fields.insert("muted".into(), member.is_muted.into());
    fields.into()
}

fn contact(contact: &Contact) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("name".into(), contact.name.as_str().into());
    fields.insert("key".into(), contact.key.map(|key| key.to_hex()).into());
    fields.insert("address".into(), contact.addresses.first().map(String::as_str).into());
    fields.insert("addresses".into(), contact.addresses.as_slice().into());
    fields.insert("blocked".into(), contact.is_blocked.into());
    fields.insert("meeting".into(), contact.meeting.map(MeetingId::to_hex).into());
    fields.insert("safety".into(), contact.meeting.map(safety_words).into());
    fields.insert("stranger".into(), contact.is_stranger.into());
    fields.insert("state".into(), state_word(contact.state).into());
    fields.insert("held".into(), contact.held.into());
    fields
}

const fn change_word(change: Change) -> &'static str {
    match change {
        Change::Added => "added",
        Change::Met => "met",
        Change::Stranger => "stranger",
        Change::Removed => "removed",
        Change::Moved => "moved",
        Change::Blocked => "blocked",
        Change::Unblocked => "unblocked",
    }
}

/// A warning of this program's own.
pub(crate) fn warning(code: &str, message: &str, now_ms: u64) -> Object {
    Object::new("warning", now_ms).with("code", code).with("message", message)
}

/// An error, with the id of the command that it answers.
pub(crate) fn error(code: &str, message: &str, id: Option<&Id>, now_ms: u64) -> Object {
    let object = Object::new("error", now_ms).with("code", code).with("message", message);
    match id {
        Some(id) => object.with_json("id", &id.0),
        None => object,
    }
}

const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Host => "host",
        Role::Attendee => "attendee",
        Role::Friends => "friends",
        Role::Member => "member",
    }
}

const fn state_word(state: State) -> &'static str {
    match state {
        State::You => "you",
        State::Linked => "linked",
        State::Bridged => "bridged",
        State::Away => "away",
    }
}

const fn reach_word(reach: Reach) -> &'static str {
    match reach {
        Reach::Held => "held",
        Reach::Sent => "sent",
        Reach::All => "all",
    }
}

/// What a command has in it.
type Fields = BTreeMap<String, Box<RawValue>>;

/// Reads one line as a command, and the id that its answer repeats.
///
/// # Errors
/// What would have worked, and the id if the line had one.
pub(crate) fn command(line: &str, role: Role) -> Result<(Command, Option<Id>), (Problem, Option<Id>)> {
    let mut fields: Fields = match serde_json::from_str(line) {
        Ok(fields) => fields,
        Err(_) if !line.trim_start().starts_with('{') => return Err((malformed("an object was expected"), None)),
        Err(error) => return Err((malformed(&error.to_string()), None)),
    };
    let id = fields.remove("id").map(|id| Id::of(&id));
    match read(&mut fields).and_then(|command| checked(command, role)) {
        Ok(command) => Ok((command, id)),
        Err(problem) => Err((problem, id)),
    }
}

fn malformed(found: &str) -> Problem {
    Problem::new("malformed", format!("not a command: {found}; write one a line, as {EXAMPLE}"))
}

const EXAMPLE: &str = r#"{"command":"say","text":"hello"}"#;

const KNOWN: &str = "say msg name users check quit ticket tickets bans retract kick unban mute unmute admit deny lock unlock end stop contacts add \
     remove block unblock register unregister list who";

fn read(fields: &mut Fields) -> Result<Command, Problem> {
    let word = take(fields, "command")?;
    let command = match word.as_str() {
        "say" => Command::Say { text: take(fields, "text")? },
        "msg" => Command::Msg { to: take(fields, "to")?, text: take(fields, "text")? },
        "name" => Command::Name { name: take(fields, "name")? },
        "users" => Command::Users,
        "quit" => Command::Quit,
        "check" => Command::Check { number: take_number(fields, "number")? },
        "ticket" => Command::Ticket { label: take_or_empty(fields, "label")?, void: take_flag(fields, "void")? },
        "tickets" => Command::Tickets,
        "bans" => Command::Bans,
        "retract" => {
            let (author, session) = (take_or_empty(fields, "author")?, take_or_empty(fields, "session")?);
            Command::Retract { words: named(&author, &session, take_number(fields, "number")?)? }
        }
        "kick" => {
            let with = With { all: take_flag(fields, "all")?, ticket: take_flag(fields, "ticket")? };
            Command::Kick { name: take(fields, "name")?, why: take_or_empty(fields, "why")?, with }
        }
        "unban" => Command::Unban { name: take(fields, "name")? },
        "mute" => Command::Mute { name: take(fields, "name")? },
        "unmute" => Command::Unmute { name: take(fields, "name")? },
        "admit" => match take(fields, "name")? {
            all if all == "all" => Command::Admit { name: None },
            name => Command::Admit { name: Some(name) },
        },
        "deny" => Command::Deny { name: take(fields, "name")?, why: take_or_empty(fields, "why")? },
        "lock" => Command::Lock,
        "unlock" => Command::Unlock,
        "contacts" => Command::Contacts,
        "add" => Command::Add { name: take(fields, "name")?, address: take(fields, "address")? },
        "remove" => Command::Remove { name: take(fields, "name")? },
        "block" => Command::Block { name: take(fields, "name")? },
        "unblock" => Command::Unblock { name: take(fields, "name")? },
        "end" => Command::End,
        "stop" => Command::Stop,
        "register" => Command::Directory(Directory::Register),
        "unregister" => Command::Directory(Directory::Unregister),
        "list" => Command::Directory(Directory::List { words: take_or_empty(fields, "words")? }),
        "who" => Command::Directory(Directory::Who),
        _ => {
            let advice = match nearest(&word.to_lowercase(), KNOWN.split(' ')) {
                Some(meant) => format!("perhaps `{meant}` is meant"),
                None => format!("there are {KNOWN}"),
            };
            return Err(Problem::new("unknown_command", format!("there is no command `{word}`: {advice}")));
        }
    };
    match fields.keys().next() {
        None => Ok(command),
        Some(field) => Err(Problem::new("usage", format!("`{word}` has no field `{field}`: leave it out"))),
    }
}

/// The words that a command names: all three fields, or none.
fn named(author: &str, session: &str, number: Option<u64>) -> Result<Words, Problem> {
    let author_key = Key::from_hex(author);
    let session_number = Some(session).filter(|hex| hex.len() == 16).and_then(|hex| u64::from_str_radix(hex, 16).ok());
    match (author_key, session_number, number) {
        (Some(author), Some(session), Some(number)) => Ok(Words::At { author, session, number }),
        (_, _, None) if author.is_empty() && session.is_empty() => Ok(Words::Own),
        _ => Err(Problem::new("usage", "`author`, `session` and `number` go together, each as a `message` has it")),
    }
}

fn take(fields: &mut Fields, field: &str) -> Result<String, Problem> {
    match fields.remove(field).map(|value| serde_json::from_str(value.get())) {
        Some(Ok(text)) => Ok(text),
        Some(Err(_)) => Err(Problem::new("usage", format!("the field `{field}` must be a string, as in {EXAMPLE}"))),
        None => Err(Problem::new("usage", format!("the field `{field}` is missing, a string, as in {EXAMPLE}"))),
    }
}

fn take_flag(fields: &mut Fields, field: &str) -> Result<bool, Problem> {
    let value = fields.remove(field).map_or(Ok(false), |value| serde_json::from_str(value.get()));
    value.map_err(|_| Problem::new("usage", format!("the field `{field}` must be true or false")))
}

fn take_number(fields: &mut Fields, field: &str) -> Result<Option<u64>, Problem> {
    let value = fields.remove(field).map(|value| serde_json::from_str(value.get())).transpose();
    value.map_err(|_| Problem::new("usage", format!("the field `{field}` must be a whole number")))
}

fn take_or_empty(fields: &mut Fields, field: &str) -> Result<String, Problem> {
    if fields.contains_key(field) { take(fields, field) } else { Ok(String::new()) }
}

#[cfg(test)]
mod page;
#[cfg(test)]
mod tests;
