//! The tables of SPEC.md, from the tables of the code.

use tertulia_core::charter::{Admission, Questions};
use tertulia_core::code::Code;
use tertulia_core::identity::Domain;
use tertulia_core::limits;
use tertulia_core::link::{State, Trigger};
use tertulia_core::wire::entry::{Door, EntryBody, Level, Role};
use tertulia_core::wire::frame::{HEADER, infos};
use tertulia_core::wire::meeting::{Lane, Whereabouts};
use tertulia_core::wire::option::{self, Manner};
use tertulia_core::wire::registry::{Kind, RECORD_OPTIONS, Shelf, Visibility};
use tertulia_testkit::layout::{STRUCTURES, structure};

use crate::page::{Page, Table};

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
    for table in [enumerations(), limits_table(), domains(), frames(), options(), kinds(), codes()] {
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
