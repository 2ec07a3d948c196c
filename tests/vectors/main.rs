//! `tests/vectors/addresses.json`, `meeting.json`, `retracts.json`, `seats.json` and `signatures.json`: made here, and checked as
//! they are made. `UPDATE=1` writes them.
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "clippy.toml spares test functions only, and a helper that panics fails its test as it should"
)]

mod addresses;
mod meeting;
mod retracts;
mod seats;
mod signatures;

use std::fs;
use std::path::PathBuf;

/// An object whose values are text without anything to escape, or numbers and truths as they are.
pub(crate) fn object(indent: usize, fields: &[(&str, String)]) -> String {
    let pad = "  ".repeat(indent);
    let lines: Vec<String> = fields.iter().map(|(name, value)| format!("{pad}  \"{name}\": {value}")).collect();
    format!("{{\n{}\n{pad}}}", lines.join(",\n"))
}

pub(crate) fn list(indent: usize, items: &[String]) -> String {
    let pad = "  ".repeat(indent);
    format!("[\n{pad}  {}\n{pad}]", items.join(&format!(",\n{pad}  ")))
}

pub(crate) fn text(words: &str) -> String {
    assert!(!words.contains(['"', '\\', '\n']), "{words} needs escapes");
    format!("\"{words}\"")
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    text(&digits)
}

pub(crate) fn compare(name: &str, made: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, made).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == made, "{} differs from what the code does; UPDATE=1 writes it anew", path.display());
}
