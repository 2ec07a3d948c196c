//! `docs/json.md` and the code say the same, both ways: events, commands, fields, types, examples.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::doctor::Check;
use crate::meetings::{Charter, Known};
use tertulia_core::charter::{Admission, Questions};
use tertulia_core::code::Code;
use tertulia_core::command::Failure;
use tertulia_core::event::{Ending, Notice, Origin, Remover, Whisper};
use tertulia_core::id::{CommandId, Hash, Key, MeetingId, Token};

const PAGE: &str = include_str!("../../../docs/json.md");
/// Where events become JSON.
const SOURCES: [&str; 7] = [
    include_str!("../json.rs"),
    include_str!("../config.rs"),
    include_str!("../doctor.rs"),
    include_str!("../id.rs"),
    include_str!("../meetings.rs"),
    include_str!("../registry.rs"),
    include_str!("../screen.rs"),
];
const ROLES: [Role; 4] = [Role::Host, Role::Attendee, Role::Member, Role::Friends];

const KEY: Key = Key([0xab; 32]);
const MEETING: MeetingId = MeetingId([0xcd; 16]);

/// What a chapter of the page says under one heading, or before the first.
#[derive(Debug, Default)]
struct Section {
    of: BTreeSet<String>,
    /// Names, and the words of the type.
    fields: BTreeMap<String, BTreeSet<String>>,
    examples: Vec<String>,
}

/// The words between backticks.
fn quoted(line: &str) -> BTreeSet<String> {
    line.split('`').skip(1).step_by(2).map(str::to_string).collect()
}

/// A chapter by headings; what is before the first heading is under none.
fn chapter(title: &str) -> BTreeMap<String, Section> {
    let lines = PAGE.lines().skip_while(|line| line.strip_prefix("## ") != Some(title)).skip(1);
    let mut sections = BTreeMap::from([(String::new(), Section::default())]);
    let mut heading = String::new();
    for line in lines.take_while(|line| !line.starts_with("## ")) {
        if let Some(next) = line.strip_prefix("### ") {
            heading = next.to_string();
            assert!(sections.insert(heading.clone(), Section::default()).is_none(), "{heading} is there twice");
        }
        let section = sections.get_mut(&heading).unwrap();
        match line.split(" | ").collect::<Vec<_>>().as_slice() {
            [field, types, _] if field.starts_with("| `") => {
                let types = types.split([' ', ',']).filter(|word| !["", "or"].contains(word)).map(str::to_string);
                section.fields.extend(quoted(field).into_iter().zip([types.collect()]));
            }
            _ if line.starts_with("Of: ") => section.of = quoted(line),
            _ if line.starts_with('{') => section.examples.push(line.into()),
            _ => {}
        }
    }
    sections
}

/// The first word between backticks: what a heading is about.
fn word(heading: &str) -> &str {
    heading.split('`').nth(1).unwrap_or_default()
}

fn shown(what: &Event) -> String {
    let registry = Some("127.0.0.1:7472".to_string());
    let id = matches!(what, Event::Done { .. } | Event::Error { id: Some(_), .. }).then(|| Id("1".into()));
    let listen = Some("127.0.0.1:7473".to_string());
    event(what, &Beside { now_ms: 1_767_222_000_000, listen, registry, id }).unwrap()
}

fn here() -> Vec<Event> {
    let bea = || "bea".to_string();
    let issued = |label: &str, is_void, here| Issued { label: label.into(), is_void, here };
    let members = [("anna", State::You), ("bea", State::Linked)];
    let members = members.map(|(name, state)| Member {
        name: name.into(),
        key: KEY,
        state,
        is_host: state == State::You,
        is_muted: false,
    });
    vec![
        Event::Ready {
            role: Role::Host,
            name: "anna".into(),
            key: KEY,
            meeting: MEETING,
            title: "Rust 101".into(),
            ticket: "tertulia:…".into(),
            questions: Questions::Open,
            admission: Admission::Open,
            is_locked: false,
        },
        Event::Joined { name: bea(), key: KEY, ticket: Some("press".into()) },
        Event::Joined { name: bea(), key: KEY, ticket: None },
        Event::Left { name: bea(), key: KEY, reason: "cut".into() },
        Event::Renamed { key: KEY, old: bea(), new: "bee".into() },
        Event::Roster { members: members.into(), guests: 1 },
        Event::Check {
            meeting: MEETING,
            heard: Heard { session: 0x019b_7694_7740_beef, number: 2, head: Hash([0xef; 32]) },
        },
        Event::Bans { muted: vec![bea()], out: vec![] },
        Event::Ticket { label: "press".into(), ticket: "tertulia:…".into() },
        Event::Tickets { tickets: vec![issued("", false, 3), issued("press", true, 1)] },
        Event::Linked { name: bea(), key: KEY },
        Event::Unlinked { name: bea(), key: KEY, code: Code::Cut },
        Event::Knock { name: bea(), key: KEY, note: "it is me".into(), ticket: Some("press".into()) },
        Event::Knock { name: bea(), key: KEY, note: String::new(), ticket: None },
        Event::Retry { after_ms: 700 },
        Event::Waiting { position: 3 },
        Event::Closed { code: Code::Ended, ending: Ending::Over("the lecture is over".into()) },
    ]
}

fn said() -> Vec<Event> {
    let origin =
        Origin { author: KEY, session: 0x019b_7694_7740_beef, number: 2, lamport: 3, time_ms: 1_767_222_000_000 };
    let asked = Asked { key: KEY, is_ambiguous: false, heard: Some((origin.session, 1)), unheard: 0 };
    let whisper = Whisper { token: Token([0xef; 16]), author: KEY, to: "bea".into() };
    let message = |kind, text: &str| Event::Message {
        meeting: MEETING,
        kind,
        from: "anna".into(),
        own: false,
        text: text.into(),
    };
    vec![
        message(Kind::Text(origin), "A value has one owner."),
        message(Kind::Question(origin, asked), "And who borrows it?"),
        message(Kind::Question(origin, Asked { heard: None, ..asked }), "Is anybody there?"),
        message(Kind::Whisper(whisper), "see you at eight"),
        message(Kind::Removed(origin, Remover { name: "anna".into(), key: KEY }), ""),
        Event::Delivery { session: origin.session, number: 2, reach: Reach::Sent, have: 1, of: 3 },
        Event::Gap { author: KEY, session: origin.session, first: 2, next: 5 },
        Event::Warning(Notice::LeftLobby("bea".into())),
        Event::Error { failure: Failure::NoSuchName("carl".into()), id: Some(CommandId(1)) },
        Event::Error { failure: Failure::Blocked("bea".into()), id: None },
        Event::Done { id: CommandId(1) },
    ]
}

fn elsewhere() -> Vec<Event> {
    let address = || SocketAddr::from(([192, 0, 2, 7], 7473));
    let bea = || Contact {
        name: "bea".into(),
        key: Some(KEY),
        meeting: Some(MEETING),
        addresses: vec![address().to_string()],
        is_stranger: false,
        is_blocked: false,
        state: State::Linked,
        held: 0,
    };
    let unmet = Contact { name: "carl".into(), key: None, meeting: None, addresses: vec![], ..bea() };
    let person = |addresses| Event::Person { name: "bea".into(), key: KEY, addresses, since_ms: 1_767_221_000_000 };
    vec![
        Event::Contacts { contacts: vec![bea()] },
        Event::Contacts { contacts: vec![unmet.clone()] },
        Event::Contact { change: Change::Met, contact: bea() },
        Event::Contact { change: Change::Added, contact: unmet },
        Event::Published { registry: "127.0.0.1:7472".into(), record: MEETING, addresses: vec![address()] },
        Event::Listing {
            number: 1,
            meeting: MEETING,
            kind: RecordKind::Mesh,
            title: "Friday tertulia".into(),
            host: "anna".into(),
            key: KEY,
            population: 4,
            age_s: 60,
            is_locked: false,
            admission: Admission::Open,
            addresses: vec![address()],
        },
        person(vec![address()]),
        person(vec![]),
    ]
}

/// Every event as the code prints it, by its heading.
fn printed() -> Vec<(String, String)> {
    let now_ms = 1_767_222_000_000;
    let heading = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap();
        let event = value["event"].as_str().unwrap();
        match value["kind"].as_str() {
            Some(kind @ ("question" | "whisper" | "removed")) => format!("`message` of kind `{kind}`"),
            _ => format!("`{event}`"),
        }
    };
    let events = [here(), said(), elsewhere()].concat();
    let mut lines: Vec<_> = events.iter().map(shown).map(|line| (heading(&line), line)).collect();
    let bare = Event::Ready {
        role: Role::Friends,
        name: "anna".into(),
        key: KEY,
        meeting: MeetingId::ZERO,
        title: String::new(),
        ticket: String::new(),
        questions: Questions::Open,
        admission: Admission::Open,
        is_locked: false,
    };
    let bare = event(&bare, &Beside { now_ms, ..Beside::default() }).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], 7472));
    lines.push(("`ready`".into(), bare));
    lines.push(("`ready` of `tertulia registry`".into(), crate::registry::ready(now_ms, address, KEY, None).finish()));
    let watched = Some(SocketAddr::from(([127, 0, 0, 1], 9472)));
    lines.push((
        "`ready` of `tertulia registry`".into(),
        crate::registry::ready(now_ms, address, KEY, watched).finish(),
    ));
    let path = "/home/anna/.local/share/tertulia/identity".to_string();
    lines.push(("`id`".into(), crate::id::told(now_ms, KEY.to_hex(), "anna".into(), path).finish()));
    let charter = Charter { title: "Rust 101".into(), is_lecture: true, is_own: false };
    let back = Some("join 192.0.2.7:7473".into());
    let since = std::time::Duration::from_millis(1_767_218_400_000);
    let used = std::time::UNIX_EPOCH.checked_add(since).unwrap();
    let known = Known { id: MEETING, charter: Some(charter), ended: false, used, bytes: 70_000, back };
    lines.push(("`meeting`".into(), known.told(now_ms).finish()));
    lines.push(("`meeting`".into(), Known { charter: None, back: None, ..known }.told(now_ms).finish()));
    lines.push(("`forgotten`".into(), crate::meetings::forgotten(MEETING, "Rust 101", 70_000, now_ms).finish()));
    for origin in [Some("file"), None] {
        lines.push(("`setting`".into(), crate::config::told("name", "anna", origin, now_ms).finish()));
    }
    let hint = Some("chmod go-rwx /home/anna/.local/share/tertulia/identity".into());
    let message =
        "others can use /home/anna/.local/share/tertulia/identity (mode 0644): whoever reads it can be you".into();
    let check = Check { name: "rights", state: crate::doctor::State::Wrong, message, hint };
    lines.push(("`check` of `tertulia doctor`".into(), check.told(now_ms).finish()));
    lines.push(("`check` of `tertulia doctor`".into(), Check { hint: None, ..check }.told(now_ms).finish()));
    lines.push(("`warning`".into(), crate::screen::dropped_at(3, now_ms).finish()));
    lines
}

/// The fields of an object and of the objects of its lists, and what each is.
fn fields(value: &Value, prefix: &str, found: &mut Vec<(String, &'static str)>) {
    for (field, value) in value.as_object().unwrap() {
        let name = format!("{prefix}{field}");
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        for one in value.as_array().into_iter().flatten().filter(|one| one.is_object()) {
            fields(one, &format!("{name}[]."), found);
        }
        found.push((name, kind));
    }
}

/// A table as the code has it: a field that may be missing is optional, one that the user chooses is anything.
fn table(lines: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let mut table: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in lines {
        let mut found = Vec::new();
        fields(&serde_json::from_str(line).unwrap(), "", &mut found);
        for (name, kind) in found {
            let count = counts.entry(name.clone()).or_default();
            *count = count.saturating_add(1);
            table.entry(name.clone()).or_default().insert(if name == "id" { "any" } else { kind }.into());
        }
    }
    for (name, kinds) in &mut table {
        if counts[name] < lines.len() {
            kinds.insert("optional".into());
        }
    }
    table
}

/// The string literals that follow `opening`, wherever rustfmt has put them.
fn literals<'a>(source: &'a str, opening: &'a str) -> impl Iterator<Item = &'a str> {
    source.split(opening).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
}

#[test]
fn every_event_has_the_fields_that_the_page_lists_and_its_example_is_what_is_printed() {
    let mut page = chapter("Events");
    let common = page.remove("").unwrap().fields;
    let printed = printed();
    let headings: BTreeSet<_> = printed.iter().map(|(heading, _)| heading.as_str()).collect();
    assert_eq!(headings, page.keys().map(String::as_str).collect());
    let mut faults = String::new();
    for (heading, mut section) in page {
        let lines: Vec<_> = printed.iter().filter(|(of, _)| *of == heading).map(|(_, line)| line.as_str()).collect();
        section.fields.extend(common.clone());
        assert_eq!(section.fields, table(&lines), "{heading}: the page, and what is printed");
        if section.examples != [lines[0]] {
            faults.push_str(&format!("{heading}: its example should be\n{}\n", lines[0]));
        }
    }
    assert!(faults.is_empty(), "{faults}");
}

#[test]
fn no_event_or_field_of_the_code_is_missing_from_what_the_page_is_compared_with() {
    let (mut events, mut named) = (BTreeSet::new(), BTreeSet::from(["event", "time_ms"]));
    for source in SOURCES {
        events.extend(["object(", "Object::new("].into_iter().flat_map(|opening| literals(source, opening)));
        named.extend(
            [".with(", ".with_json(", "fields.insert("].into_iter().flat_map(|opening| literals(source, opening)),
        );
    }
    let page = chapter("Events");
    assert_eq!(events, page.keys().map(|heading| word(heading)).filter(|word| !word.is_empty()).collect());
    let listed = page.values().flat_map(|section| section.fields.keys());
    assert_eq!(named, listed.map(|field| field.rsplit('.').next().unwrap()).collect());
    let words = quoted(PAGE);
    for arm in literals(SOURCES[0], "=>") {
        assert!(words.contains(arm), "the page does not have the word `{arm}`");
    }
}

#[test]
fn every_command_has_the_fields_and_roles_that_the_page_lists_and_its_example_is_one() {
    let mut page = chapter("Commands");
    let common = page.remove("").unwrap().fields;
    assert_eq!(common.keys().collect::<Vec<_>>(), ["command", "id"]);
    let reader = SOURCES[0].split_once("\nfn read(").unwrap().1.split_once("\n}").unwrap().0;
    let arms = reader.split("\n        \"").skip(1);
    let mut known = BTreeMap::new();
    for arm in arms {
        let required = literals(arm, "take(fields,").map(|field| (field, vec!["string"]));
        let optional = literals(arm, "take_or_empty(fields,").map(|field| (field, vec!["optional", "string"]));
        let flags = literals(arm, "take_flag(fields,").map(|field| (field, vec!["boolean", "optional"]));
        let numbers = literals(arm, "take_number(fields,").map(|field| (field, vec!["number", "optional"]));
        let fields = required.chain(optional).chain(flags).chain(numbers);
        known.insert(arm.split('"').next().unwrap(), fields.collect::<BTreeMap<_, _>>());
    }
    assert_eq!(known.keys().copied().collect::<BTreeSet<_>>(), KNOWN.split_whitespace().collect());
    assert_eq!(known.keys().copied().collect::<BTreeSet<_>>(), page.keys().map(|heading| word(heading)).collect());
    for (heading, section) in &page {
        let listed =
            section.fields.iter().map(|(field, types)| (field.as_str(), types.iter().map(String::as_str).collect()));
        assert_eq!(listed.collect::<BTreeMap<_, Vec<_>>>(), known[word(heading)], "{heading}: the page, and the code");
        let [example] = section.examples.as_slice() else { panic!("{heading} has one example") };
        let fields: Map<String, Value> = serde_json::from_str(example).unwrap();
        assert_eq!(fields["command"], word(heading));
        let shown = fields.keys().filter(|field| !common.contains_key(*field)).collect::<BTreeSet<_>>();
        assert_eq!(shown, section.fields.keys().collect(), "{heading}: its example shows every field");
        let roles = ROLES.into_iter().filter(|role| command(example, *role).is_ok());
        assert_eq!(section.of, roles.map(|role| role_word(role).to_string()).collect(), "{heading}");
    }
}
