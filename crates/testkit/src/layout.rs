//! Frames taken apart by nothing but the tables of SPEC.md: if this gets to the end, so does a stranger's decoder.

use tertulia_core::charter::Terms;
use tertulia_core::code::Code;
use tertulia_core::trace::Line;
use tertulia_core::wire::address::Address;
use tertulia_core::wire::entry::{Carried, Cut, Entry, EntryBody, Envelope, Heard};
use tertulia_core::wire::field::Field as _;
use tertulia_core::wire::frame::{FrameInfo, HEADER, infos};
use tertulia_core::wire::meeting::{Person, Range, Row};
use tertulia_core::wire::option::{ALL, Known, Pass, TicketProof};
use tertulia_core::wire::registry::{Listed, Particulars, RECORD_OPTIONS};

/// Bytes of one line.
const LINE: usize = 16;

/// Name and layout of each field of the structure `word`, if it is one.
#[must_use]
pub fn structure(word: &str) -> Option<Vec<(&'static str, String)>> {
    match word {
        "address" => Some(Address::fields()),
        "entry" => Some(Entry::fields()),
        "envelope" => Some(Envelope::fields()),
        "terms" => Some(Terms::fields()),
        "cut" => Some(Cut::fields()),
        "row" => Some(Row::fields()),
        "heard" => Some(Heard::fields()),
        "range" => Some(Range::fields()),
        "person" => Some(Person::fields()),
        "particulars" => Some(Particulars::fields()),
        "listed" => Some(Listed::fields()),
        "pass" => Some(Pass::fields()),
        "ticket proof" => Some(TicketProof::fields()),
        _ => None,
    }
}

/// Every structure that has a table of its own in SPEC.md.
pub const STRUCTURES: &[&str] = &[
    "address",
    "entry",
    "envelope",
    "terms",
    "cut",
    "row",
    "range",
    "heard",
    "person",
    "pass",
    "ticket proof",
    "particulars",
    "listed",
];

/// Takes one whole frame apart: a line a field, with its name and what it says.
///
/// # Panics
/// If the tables do not describe exactly the bytes of `frame`.
#[must_use]
pub fn annotate(frame: &[u8]) -> Vec<Line> {
    let mut walk = Walk { bytes: frame, at: 0, lines: Vec::new() };
    walk.field("length", "u16");
    let kind = u16::from_be_bytes([frame[2], frame[3]]);
    let info = infos().find(|info| info.kind == kind);
    let name = info.map_or_else(|| "unknown".into(), |info| info.name.to_lowercase());
    walk.take(2, &format!("type: {name}"));
    walk.field("id", "u32");
    assert_eq!(walk.at, HEADER);
    match info {
        Some(info) => walk.body(info),
        None => walk.take(frame.len() - HEADER, "whatever"),
    }
    assert_eq!(walk.at, frame.len(), "the tables describe all of it");
    walk.lines
}

/// Takes an entry, a charter or any other layout of the tables apart.
///
/// # Panics
/// If the tables do not describe exactly `bytes`.
#[must_use]
pub fn annotate_as(layout: &str, bytes: &[u8]) -> Vec<Line> {
    let mut walk = Walk { bytes, at: 0, lines: Vec::new() };
    walk.field("", layout);
    assert_eq!(walk.at, bytes.len(), "the tables describe all of it");
    walk.lines
}

fn dotted(name: &str, field: &str) -> String {
    if name.is_empty() { field.to_owned() } else { format!("{name}.{field}") }
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    lines: Vec<Line>,
}

impl Walk<'_> {
    fn body(&mut self, info: &FrameInfo) {
        for (name, layout) in (info.fields)() {
            self.field(name, &layout);
        }
        self.options(info.options, self.bytes.len());
    }

    /// The next `count` bytes, and what they are.
    fn take(&mut self, count: usize, comment: &str) {
        let bytes = &self.bytes[self.at..self.at + count];
        for (line, chunk) in bytes.chunks(LINE).enumerate() {
            let comment = if line == 0 { comment.to_owned() } else { String::new() };
            self.lines.push(Line { bytes: chunk.to_vec(), comment });
        }
        self.at += count;
    }

    fn number(&self, size: usize) -> u64 {
        self.bytes[self.at..self.at + size].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// An integer in front of something, and its value.
    fn count(&mut self, size: usize, comment: &str) -> usize {
        let number = self.number(size);
        self.take(size, &format!("{comment}: {number}"));
        usize::try_from(number).unwrap()
    }

    fn field(&mut self, name: &str, layout: &str) {
        if let Some(inside) = layout.strip_prefix("block16 of ") {
            let length = self.count(2, &format!("{name}: bytes"));
            let end = self.at + length;
            Walk { bytes: &self.bytes[..end], at: self.at, lines: Vec::new() }.within(self, name, inside);
            return assert_eq!(self.at, end, "{name} fills its block");
        }
        if let Some(inside) = layout.strip_prefix("list16 of ") {
            for at in 0..self.count(2, &format!("{name}: items")) {
                self.field(&format!("{name} {}", at + 1), inside);
            }
            return;
        }
        if let Some(inside) = layout.strip_suffix(", body") {
            let (_, entry) = Carried::parse(&self.bytes[self.at..]).unwrap();
            let (kind, length) = (entry.entry.kind, usize::from(entry.entry.length));
            self.field(name, inside);
            return self.entry_body(&dotted(name, "body"), kind, length);
        }
        if let Some(inside) = layout.strip_suffix(", signature 64") {
            self.field(name, inside);
            return self.take(64, &format!("{name}: signature"));
        }
        if let Some(fields) = structure(layout) {
            return self.structure(name, fields);
        }
        match layout.rsplit_once(' ').map_or((layout, layout), |(word, size)| (word, size)) {
            ("charter", _) => self.with_options(name, "terms", &[]),
            ("record", _) => self.with_options(name, "particulars", RECORD_OPTIONS),
            (_, "bytes8") => {
                let length = self.count(1, &format!("{name}: bytes"));
                self.take(length, name);
            }
            (_, "text8") => self.text(1, name),
            (_, "text16") => self.text(2, name),
            (word, "u8") => self.integer(1, name, word),
            (word, "u16") => self.integer(2, name, word),
            (word, "u32") => self.integer(4, name, word),
            (word, "u64") => self.integer(8, name, word),
            (_, size) => self.take(size.parse().unwrap_or_else(|_| panic!("layout {layout}")), name),
        }
    }

    /// Walks a piece with an end of its own, for `outer`.
    fn within(mut self, outer: &mut Self, name: &str, layout: &str) {
        self.field(name, layout);
        outer.at = self.at;
        outer.lines.append(&mut self.lines);
    }

    fn structure(&mut self, name: &str, fields: Vec<(&str, String)>) {
        for (field, layout) in fields {
            if field == "kind" && layout == "u16" {
                let kind = u16::try_from(self.number(2)).unwrap();
                let known = EntryBody::kinds().into_iter().find(|known| known.0 == kind);
                let word = known.map_or("unknown", |known| known.1).to_lowercase();
                self.take(2, &format!("{}: {word}", dotted(name, field)));
            } else {
                self.field(&dotted(name, field), &layout);
            }
        }
    }

    fn entry_body(&mut self, name: &str, kind: u16, length: usize) {
        let known = EntryBody::kinds().into_iter().find(|known| known.0 == kind);
        if self.count(1, &format!("{name}: follows")) == 0 {
            return self.take(32, &format!("{name}: hash"));
        }
        let end = self.at + length;
        match known {
            Some((_, _, _, fields)) => {
                fields.iter().for_each(|(field, layout)| self.field(&format!("{name}.{field}"), layout));
                // SPEC ENTRY-3
                self.options(&[], end);
            }
            None => self.take(length, name),
        }
        assert_eq!(self.at, end, "{name} is filled");
    }

    /// A structure, then options up to the signature, which is the last 64 bytes.
    fn with_options(&mut self, name: &str, structure: &str, known: &[&Known]) {
        let end = self.bytes.len() - 64;
        self.field(name, structure);
        let mut options = Walk { bytes: &self.bytes[..end], at: self.at, lines: Vec::new() };
        options.options(known, end);
        self.at = options.at;
        self.lines.append(&mut options.lines);
    }

    fn options(&mut self, known: &[&Known], end: usize) {
        while self.at < end {
            let kind = u16::try_from(self.number(2)).unwrap();
            let name = known.iter().chain(ALL).find(|known| known.kind == kind).map_or("unknown", |known| known.name);
            let name = format!("option {}", name.to_lowercase());
            self.take(2, &name);
            let length = self.count(2, &format!("{name}: bytes"));
            match known.iter().find(|known| known.kind == kind) {
                Some(known) => {
                    let bytes = &self.bytes[..self.at + length];
                    Walk { bytes, at: self.at, lines: Vec::new() }.within(self, &name, &(known.layout)());
                }
                None => self.take(length, &name),
            }
        }
    }

    fn text(&mut self, size: usize, name: &str) {
        let length = self.count(size, &format!("{name}: bytes"));
        let text = String::from_utf8_lossy(&self.bytes[self.at..self.at + length]).into_owned();
        self.take(length, &format!("{name}: {text:?}"));
    }

    fn integer(&mut self, size: usize, name: &str, word: &str) {
        let number = self.number(size);
        let code = u16::try_from(number).map(Code::from_number);
        match code {
            Ok(code) if word == "code" => self.take(size, &format!("{name}: {code}")),
            Ok(_) | Err(_) => self.take(size, &format!("{name}: {number}")),
        }
    }
}
