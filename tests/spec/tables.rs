//! The tables of SPEC.md, from the tables of the code.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};
use tertulia_core::charter::{Admission, Questions};
use tertulia_core::code::Code;
use tertulia_core::contact::pair_id;
use tertulia_core::identity::Domain;
use tertulia_core::limits;
use tertulia_core::link::{State, Trigger};
use tertulia_core::log::{entry_of, hash};
use tertulia_core::registry::person;
use tertulia_core::wire::entry::{Door, Entry, EntryBody, Level, Role};
use tertulia_core::wire::field::{Field as _, Name, Reason, Text, Title, Words, encode_alone};
use tertulia_core::wire::frame::{HEADER, infos};
use tertulia_core::wire::meeting::{Lane, Whereabouts};
use tertulia_core::wire::option::{self, Manner};
use tertulia_core::wire::registry::{Kind, RECORD_OPTIONS, Shelf, Visibility};
use tertulia_testkit::layout::{STRUCTURES, annotate, structure};
use tertulia_testkit::lecture::{ada, bea, bodies, charter, waiting};

use crate::numbers::counts;
use crate::page::{Page, Table, root};

pub(crate) fn sync(page: &mut Page) {
    for info in infos() {
        let fields = (info.fields)();
        if !fields.is_empty() {
            page.sync_table(&fields_table(info.name, HEADER, &fields));
        }
    }
    for name in STRUCTURES {
        page.sync_table(&fields_table(name, 0, &structure(name).unwrap()));
    }
    let tables = [enumerations(), texts(), limits_table(), domains(), hashes(), states_table(), header(), frames()];
    for table in tables.into_iter().chain([options(), kinds(), codes(), vectors()]) {
        page.sync_table(&table);
    }
    page.sync_block("mermaid: link", "mermaid", &states());
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn table(name: &str, headings: &[&'static str], keys: &[usize], rows: Vec<Vec<String>>) -> Table {
    Table { name: name.to_owned(), headings: headings.to_vec(), keys: keys.to_vec(), rows }
}

/// How many bytes a layout always has.
fn size(layout: &str) -> Option<usize> {
    if layout.contains("16 of ") || layout.ends_with(", body") {
        return None;
    }
    if let Some(signed) = layout.strip_suffix(", signature 64") {
        return size(signed).map(|size| size + 64);
    }
    if let Some(fields) = structure(layout) {
        return fields.iter().map(|(_, layout)| size(layout)).sum();
    }
    match layout.rsplit(' ').next()? {
        "u8" => Some(1),
        "u16" => Some(2),
        "u32" => Some(4),
        "u64" => Some(8),
        "text8" | "text16" | "bytes8" | "charter" | "record" => None,
        bytes => Some(bytes.parse().expect(layout)),
    }
}

fn fields_table(name: &str, start: usize, fields: &[(&'static str, String)]) -> Table {
    let mut offset = Some(start);
    let mut rows = Vec::new();
    for (field, layout) in fields {
        let at = offset.map_or_else(|| "…".into(), |at| at.to_string());
        let bytes = size(layout);
        offset = offset.zip(bytes).map(|(at, bytes)| at + bytes);
        let bytes = bytes.map_or_else(|| "…".into(), |bytes| bytes.to_string());
        rows.push(vec![at, bytes, (*field).to_owned(), format!("`{layout}`")]);
    }
    table(&format!("fields {name}"), &["offset", "bytes", "field", "type", "meaning"], &[2], rows)
}

fn enumerations() -> Table {
    let all: [(&str, &[(u8, &str)]); 10] = [
        ("admission u8", Admission::TABLE),
        ("questions u8", Questions::TABLE),
        ("whereabouts u8", Whereabouts::TABLE),
        ("level u8", Level::TABLE),
        ("manner u8", Manner::TABLE),
        ("role u8", Role::TABLE),
        ("door u8", Door::TABLE),
        ("kind u8", Kind::TABLE),
        ("visibility u8", Visibility::TABLE),
        ("shelf u8", Shelf::TABLE),
    ];
    let rows = all
        .iter()
        .flat_map(|(name, values)| values.iter().map(|(number, value)| words(&[name, &number.to_string(), value])));
    table("enumerations", &["enumeration", "number", "name", "meaning"], &[0, 1], rows.collect())
}

/// The shortest and the longest text that each type takes.
fn texts() -> Table {
    fn bounds(layout: &str, takes: impl Fn(&str) -> bool) -> Vec<String> {
        let longest = "a".repeat(usize::from(u16::MAX));
        let mut taken = (0..longest.len()).filter(|length| takes(&longest[..*length]));
        let (low, high) = (taken.next().unwrap(), taken.last().unwrap());
        words(&[&format!("`{layout}`"), &format!("{low} to {high}")])
    }
    let rows = vec![
        bounds(&Name::layout(), |text| Name::new(text).is_some()),
        bounds(&Title::layout(), |text| Title::new(text).is_some()),
        bounds(&Text::layout(), |text| Text::new(text).is_some()),
        bounds(&Reason::layout(), |text| Reason::new(text).is_some()),
        bounds(&Words::layout(), |text| Words::new(text).is_some()),
    ];
    table("texts", &["text", "bytes", "what else"], &[0], rows)
}

/// What is hashed: each row is computed, and compared with what core makes of the same.
fn hashes() -> Table {
    fn row(name: &str, domain: Option<Domain>, parts: &[(&str, &[u8])], is: &[u8]) -> Vec<String> {
        let mut said = domain.map(|domain| format!("`\"{}\"`", domain.text())).into_iter().collect::<Vec<_>>();
        said.extend(parts.iter().map(|(part, _)| (*part).to_owned()));
        let bytes: Vec<u8> = domain.map(|domain| domain.text().as_bytes().to_vec()).into_iter().flatten().collect();
        let hash = Sha256::digest([bytes, parts.iter().flat_map(|(_, bytes)| bytes.to_vec()).collect()].concat());
        assert_eq!(&hash[..is.len()], is, "{name}");
        let whole = if is.len() == hash.len() { String::new() } else { format!("the first {} bytes of ", is.len()) };
        words(&[name, &format!("{whole}SHA-256({})", said.join(" ‖ "))])
    }
    let (charter, ada, bea) = (charter(), ada().key(), bea().key());
    let (terms, _) = charter.bytes().split_last_chunk::<64>().unwrap();
    let (smaller, larger) = (ada.min(bea), ada.max(bea));
    let (_, frame) = bodies().remove(0);
    let carried = entry_of(&frame).unwrap();
    let (entry, body, digest) = (encode_alone(&carried.entry), carried.body.bytes().unwrap(), carried.body.digest());
    let held = hash(charter.meeting, &carried.envelope());
    let of_entry = [
        ("meeting (16)", charter.meeting.0.as_slice()),
        ("the entry (117)", &entry),
        ("the hash of its body (32)", &digest.0),
    ];
    assert_eq!(entry.len(), Entry::LENGTH);
    let rows = vec![
        row(
            "meeting id",
            Some(Domain::Charter),
            &[("the charter's bytes, signature left out", terms)],
            &charter.meeting.0,
        ),
        row("id of a person", Some(Domain::Person), &[("the person's key (32)", &ada.0)], &person(ada).0),
        row(
            "pair id",
            Some(Domain::Contact),
            &[("the smaller key (32)", &smaller.0), ("the larger key (32)", &larger.0)],
            &pair_id(ada, bea).0,
        ),
        row("hash of an entry", Some(Domain::Entry), &of_entry, &held.0),
        row("hash of a body", None, &[("the body's bytes", body)], &digest.0),
    ];
    table("hashes", &["name", "is"], &[0], rows)
}

/// What stands in front of every frame.
fn header() -> Table {
    let mut at = 0;
    let lines = annotate(&waiting().0).into_iter().take(3);
    let rows = lines.map(|line| {
        let field = line.comment.split(':').next().unwrap();
        let row = words(&[&at.to_string(), &line.bytes.len().to_string(), field]);
        at += line.bytes.len();
        row
    });
    let rows = rows.collect();
    assert_eq!(at, HEADER);
    table("header", &["offset", "bytes", "field", "meaning"], &[2], rows)
}

fn states_table() -> Table {
    let rows = State::ALL.iter().map(|state| vec![format!("{state:?}")]);
    table("states", &["state", "who waits for what", "a frame that comes"], &[0], rows.collect())
}

fn vectors() -> Table {
    let mut files: Vec<_> =
        std::fs::read_dir(root().join("tests/vectors")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let rows = files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "json"));
    let rows = rows.map(|file| vec![format!("`{}`", file.file_name().unwrap().to_str().unwrap())]);
    table("vectors", &["file", "what"], &[0], rows.collect())
}

fn limits_table() -> Table {
    let rows =
        limits::table().into_iter().map(|(name, value, meaning)| words(&[&format!("`{name}`"), &value, meaning]));
    table("limits", &["name", "value", "meaning"], &[0], rows.collect())
}

fn domains() -> Table {
    let rows = Domain::ALL.iter().map(|domain| {
        let hex: Vec<String> = domain.text().bytes().map(|byte| format!("{byte:02x}")).collect();
        vec![format!("{domain:?}"), format!("`{}`", domain.text()), format!("`{}`", hex.join(" "))]
    });
    table("domains", &["domain", "ASCII bytes", "in hex", "who signs", "what follows"], &[0], rows.collect())
}

fn layouts(fields: &[(&'static str, String)]) -> String {
    if fields.is_empty() {
        return "–".into();
    }
    let fields: Vec<String> = fields.iter().map(|(name, layout)| format!("{name}: `{layout}`")).collect();
    fields.join(", ")
}

fn frames() -> Table {
    let rows = infos().map(|info| {
        let options: Vec<&str> = info.options.iter().map(|option| option.name).collect();
        vec![
            format!("0x{:04x}", info.kind),
            info.name.to_owned(),
            format!("{:?}", info.role).to_lowercase(),
            format!("{:?}", info.sender).to_lowercase(),
            layouts(&(info.fields)()),
            if options.is_empty() { "–".into() } else { options.join(", ") },
        ]
    });
    let headings = ["type", "name", "role", "sender", "fields", "options", "when", "answered by"];
    table("frames", &headings, &[1], rows.collect())
}

fn options() -> Table {
    let rows = option::ALL.iter().map(|known| {
        let carries = |options: &[&option::Known]| options.iter().any(|option| option.kind == known.kind);
        let frames = infos().map(|info| (info.name, info.options));
        let carriers = frames.chain([("a record", RECORD_OPTIONS)]);
        let of: Vec<&str> = carriers.filter(|(_, options)| carries(options)).map(|(name, _)| name).collect();
        let value = format!("`{}`", (known.layout)());
        vec![format!("0x{:04x}", known.kind), known.name.to_owned(), value, of.join(", ")]
    });
    table("options", &["type", "name", "value", "of", "meaning"], &[1], rows.collect())
}

fn kinds() -> Table {
    let rows = EntryBody::kinds().into_iter().map(|(number, name, lane, fields)| {
        let lane = if lane == Lane::PERSON { "person".into() } else { format!("{lane:?}").to_lowercase() };
        vec![format!("0x{number:04x}"), name.to_owned(), lane, layouts(&fields)]
    });
    table("kinds", &["number", "name", "lane", "fields", "meaning"], &[1], rows.collect())
}

fn codes() -> Table {
    let rows = Code::TABLE
        .iter()
        .map(|(number, word, meaning)| vec![format!("0x{number:04x}"), word.to_uppercase(), (*meaning).to_owned()]);
    table("codes", &["number", "name", "meaning"], &[0], rows.collect())
}

fn states() -> String {
    let mut text = String::from("stateDiagram-v2\n    [*] --> Opening: handshake finished\n");
    for from in State::ALL {
        for trigger in Trigger::ALL {
            if let Some(to) = from.on(trigger) {
                text.push_str(&format!("    {from:?} --> {to:?}: {}\n", meaning(trigger)));
            }
        }
    }
    text.push_str("    Closed --> [*]\n");
    text
}

const fn meaning(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Hello => "HELLO",
        Trigger::Close => "this side closes, or the other has broken a rule",
        Trigger::ByeWritten => "BYE written",
        Trigger::Lost => "BYE came, the stream ended, or patience did",
    }
}

/// The frames that a cell names: `to FETCH, RENAME` has two.
fn named(cell: &str) -> BTreeSet<&str> {
    let words = cell.split(|letter: char| !letter.is_ascii_uppercase());
    words
        .map(|word| word.strip_suffix('s').unwrap_or(word))
        .filter(|word| infos().any(|info| info.name == *word))
        .collect()
}

#[test]
fn every_reply_says_to_what_and_every_request_by_what() {
    let rows = Page::read().table("frames");
    for reply in rows.iter().filter(|row| row[2] == "reply") {
        let requests = rows.iter().filter(|row| row[2] == "request" && named(&row[7]).contains(reply[1].as_str()));
        let requests: BTreeSet<&str> = requests.map(|row| row[1].as_str()).collect();
        assert_eq!(named(&reply[6]), requests, "{} answers these", reply[1]);
    }
}

#[test]
fn every_type_of_a_field_is_explained() {
    let all =
        infos().flat_map(|info| (info.fields)()).chain(STRUCTURES.iter().flat_map(|name| structure(name).unwrap()));
    let all = all.chain(EntryBody::kinds().into_iter().flat_map(|(.., fields)| fields)).map(|(_, layout)| layout);
    let mut used: BTreeSet<String> = BTreeSet::new();
    for layout in all.chain(option::ALL.iter().map(|option| (option.layout)())) {
        let mut rest = layout.as_str();
        for (piece, name) in [("block16 of ", "block16 of X"), ("list16 of ", "list16 of X")] {
            rest = rest.strip_prefix(piece).inspect(|_| _ = used.insert(name.into())).unwrap_or(rest);
        }
        for (piece, name) in [(", body", "X, body"), (", signature 64", "X, signature 64")] {
            rest = rest.strip_suffix(piece).inspect(|_| _ = used.insert(name.into())).unwrap_or(rest);
        }
        let last = rest.rsplit(' ').next().unwrap();
        let is_structure = structure(rest).is_some() || matches!(rest, "charter" | "record");
        let is_sized = last.parse::<u8>().is_ok();
        if !is_structure {
            used.insert(if is_sized { rest } else { last }.to_owned());
        }
    }
    let rows = Page::read().table("types");
    let said = rows.iter().flat_map(|row| row[0].split('`').skip(1).step_by(2)).map(str::to_owned);
    let said: Vec<String> = said.collect();
    assert_eq!(said.len(), used.len(), "one twice: {said:?}");
    for row in &rows {
        let sizes =
            row[0].split('`').filter_map(|layout| layout.trim_start_matches('u').rsplit(' ').next()?.parse().ok());
        let mut sizes: Vec<u64> =
            sizes.map(|size: u64| if row[0].starts_with("`u8`") { size / 8 } else { size }).collect();
        sizes.extend(row[0].starts_with("`bytes8`").then_some(u64::try_from(limits::ADDRESS_BYTES_MAX).unwrap()));
        let strange = counts(&row[1]).into_iter().find(|count| !sizes.contains(count));
        assert_eq!(strange, None, "{row:?}");
    }
    assert_eq!(said.into_iter().collect::<BTreeSet<_>>(), used);
}
