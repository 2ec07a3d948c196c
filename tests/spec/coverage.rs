//! Which requirements have a test that is named after them, or a trace that covers them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use tertulia_core::trace::parse;

use crate::page::root;

/// Every Rust source of the workspace.
pub(crate) fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in ["crates", "tests"] {
        walk(&root().join(folder), "rs", &mut found);
    }
    assert!(found.len() > 20, "{} sources", found.len());
    found
}

fn walk(folder: &Path, extension: &str, found: &mut Vec<(PathBuf, String)>) {
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            walk(&path, extension, found);
        } else if path.extension().is_some_and(|ending| ending == extension) {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
}

pub(crate) fn traces() -> Vec<(PathBuf, String)> {
    let mut traces = Vec::new();
    walk(&root().join("tests/traces"), "trace", &mut traces);
    traces
}

pub(crate) fn covered() -> BTreeSet<String> {
    let mut covered = BTreeSet::new();
    for (_, text) in sources() {
        covered.extend(tests_of(&text).flat_map(ids_of_test));
    }
    for (path, text) in traces() {
        covered.extend(parse(&text).map_err(|error| format!("{}: {error}", path.display())).unwrap().covers);
    }
    covered
}

/// For each requirement, what is said where the code and its tests cite it: the functions that are named after it, the
/// lines around `SPEC JOIN-3`, and the words of the traces that cover it.
pub(crate) fn said_of() -> BTreeMap<String, String> {
    let mut said: BTreeMap<String, String> = BTreeMap::new();
    for (_, text) in sources() {
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let name = line.trim_start().trim_start_matches("async ").strip_prefix("fn ");
            let margin = line.len() - line.trim_start().len();
            let end = format!("{}}}", &line[..margin]);
            let length = lines[at..].iter().position(|line| *line == end).unwrap_or_default();
            for id in name.into_iter().flat_map(ids_of_test) {
                said.entry(id).or_default().extend(lines[at..=at + length].iter().flat_map(|line| [line, "\n"]));
            }
            for id in line.split("SPEC ").skip(1).flat_map(ids_in_front) {
                let around = &lines[at.saturating_sub(BEFORE)..lines.len().min(at + BEHIND)];
                said.entry(id).or_default().extend(around.iter().flat_map(|line| [line, "\n"]));
            }
        }
    }
    for (_, text) in traces() {
        for id in parse(&text).unwrap().covers {
            let words = text.lines().filter(|line| !line.starts_with("00"));
            said.entry(id).or_default().extend(words.flat_map(|line| [line, "\n"]));
        }
    }
    said
}

/// Lines around a citation that say what is done about it.
const BEFORE: usize = 6;
const BEHIND: usize = 40;

/// The names of test functions: a `fn` with an attribute that ends in `test` within the three lines before.
fn tests_of(text: &str) -> impl Iterator<Item = &str> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    (0..lines.len()).filter_map(move |at| {
        let line = lines[at].strip_prefix("async ").unwrap_or(lines[at]);
        let name = line.strip_prefix("fn ")?.split(['(', '<']).next()?;
        let is_test = |line: &&str| line.starts_with("#[") && (line.ends_with("test]") || line.contains("::test("));
        lines[at.saturating_sub(3)..at].iter().any(is_test).then_some(name)
    })
}

/// `join_3_and_join_4_a_ticket…` tests JOIN-3 and JOIN-4.
fn ids_of_test(name: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let mut rest = name;
    while let Some((family, after)) = rest.split_once('_')
        && let Some((number, after)) = after.split_once('_')
        && number.parse::<u16>().is_ok()
    {
        ids.push(format!("{}-{number}", family.to_uppercase()));
        rest = after.strip_prefix("and_").unwrap_or("");
    }
    ids
}

/// The ids at the start of what follows `SPEC `: `JOIN-2, JOIN-3: of a key` has two.
pub(crate) fn ids_in_front(text: &str) -> Vec<String> {
    let mut ids = Vec::new();
    for word in text.split([' ', '\n']) {
        let id: String = word.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '-').collect();
        let is_id = id.split_once('-').is_some_and(|(family, number)| {
            family.bytes().all(|letter| letter.is_ascii_uppercase()) && number.parse::<u16>().is_ok()
        });
        if !is_id {
            break;
        }
        ids.push(id);
        if !word.ends_with(',') {
            break;
        }
    }
    ids
}

#[test]
fn tests_are_found_by_their_names() {
    let text = ["#[test]", "fn join_3_and_join_14_both() {}", "", "", "fn join_5_a_helper() {}"].join("\n");
    let ids: Vec<String> = tests_of(&text).flat_map(ids_of_test).collect();
    assert_eq!(ids, ["JOIN-3", "JOIN-14"]);
    assert_eq!(ids_in_front("JOIN-3, EXT-1: of a"), ["JOIN-3", "EXT-1"]);
    assert_eq!(ids_in_front("FIELD-2."), ["FIELD-2"]);
    assert!(ids_in_front("says").is_empty());
}
