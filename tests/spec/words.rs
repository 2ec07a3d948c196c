//! What SPEC.md says was read against the code: no requirement, table or block changes without somebody looking again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use sha2::{Digest as _, Sha256};

use crate::coverage;
use crate::page::{Page, root};
use crate::requirements::requirements;

/// A line for each piece: its name, and 4 bytes of SHA-256 of its words.
const FILE: &str = "tests/spec/words.txt";

/// Made by the code whole, and held to it byte for byte.
const MADE: &[&str] = &["hex: ", "python: ", "table: requirements"];

/// Each table and each block that people write, named by its marker or by its heading and place below that.
fn pieces(lines: &[String]) -> Vec<(String, String)> {
    let (mut heading, mut count) = ("", 0);
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let end = if line.starts_with("```") {
            lines[at + 1..].iter().position(|line| line == "```").map_or(lines.len(), |length| at + length + 2)
        } else {
            at + lines[at..].iter().take_while(|line| line.starts_with('|')).count()
        };
        if let Some(words) = line.strip_prefix('#') {
            (heading, count) = (words.trim_start_matches('#').trim().split(' ').next().unwrap(), 0);
        }
        if end > at {
            count += 1;
            let marker = at.checked_sub(1).and_then(|before| lines[before].strip_prefix("<!-- ")?.strip_suffix(" -->"));
            let name = marker.map_or_else(|| format!("{heading} piece {count}"), ToOwned::to_owned);
            if !MADE.iter().any(|made| name.starts_with(made)) {
                found.push((name, lines[at..end].join("\n")));
            }
        }
        at = end.max(at + 1);
    }
    found
}

/// Spaces do not count: a table may be set anew.
fn digest(words: &str) -> String {
    let words: Vec<&str> = words.split_whitespace().collect();
    let hash = Sha256::digest(words.join(" "));
    hash.iter().take(4).fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

fn read_now() -> BTreeMap<String, String> {
    let page = Page::read();
    let rules = requirements(&page).into_iter().map(|(id, _, words)| (id, words));
    let mut found = BTreeMap::new();
    for (name, words) in rules.chain(pieces(page.lines())) {
        assert!(found.insert(name.clone(), digest(&words)).is_none(), "{name} stands twice");
    }
    found
}

#[test]
fn what_the_page_says_was_read_against_the_code() {
    let now = read_now();
    if std::env::var_os("READ").is_some() {
        let text: String = now.iter().flat_map(|(name, digest)| [name, " ", digest, "\n"]).collect();
        return fs::write(root().join(FILE), text).unwrap();
    }
    let text = fs::read_to_string(root().join(FILE)).unwrap();
    let before: BTreeMap<&str, &str> = text.lines().map(|line| line.rsplit_once(' ').unwrap()).collect();
    let citing = |name: &str| -> Vec<String> {
        let cites = |text: &str| text.split("SPEC ").skip(1).flat_map(coverage::ids_in_front).any(|id| id == name);
        let paths = coverage::sources().into_iter().filter(|(_, text)| cites(text));
        paths.map(|(path, _)| path.strip_prefix(root()).unwrap().display().to_string()).collect()
    };
    let changed = now.iter().filter(|(name, digest)| before.get(name.as_str()) != Some(&digest.as_str()));
    let mut told: Vec<String> =
        changed.map(|(name, _)| format!("{name} says something else. It is cited in {:?}", citing(name))).collect();
    told.extend(before.keys().filter(|name| !now.contains_key(**name)).map(|name| format!("{name} is gone")));
    assert!(
        told.is_empty(),
        "since somebody has read it against the code:\n{}\nDo the code and its tests still do what SPEC.md says? Then \
         `READ=1 cargo test --test spec` says so.",
        told.join("\n")
    );
}

/// As readers' programs make them: small letters, spaces to dashes, no other signs.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    kept.chars()
        .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter))
        .collect::<String>()
        .replace(' ', "-")
}

#[test]
fn each_section_that_the_page_speaks_of_is_there() {
    let page = Page::read();
    let headings: Vec<&str> = page.lines().iter().filter(|line| line.starts_with('#')).map(String::as_str).collect();
    let anchors: Vec<String> = headings.iter().map(|heading| anchor(heading)).collect();
    let numbers: Vec<&str> =
        headings.iter().filter_map(|heading| heading.trim_start_matches('#').trim().split(' ').next()).collect();
    for line in page.lines() {
        for target in line.split("](#").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert!(anchors.iter().any(|anchor| anchor == target), "there is no #{target}: {line}");
        }
        for said in ["section ", "sections ", "chapter ", "Section ", "ppendix "] {
            for rest in line.split(said).skip(1) {
                let number = rest.split([' ', ',', ';', ':', ')', ']']).next().unwrap().trim_end_matches('.');
                let is_number = number.starts_with(|first: char| first.is_ascii_digit()) || said == "ppendix ";
                assert!(!is_number || numbers.contains(&number), "there is no {said}{number}: {line}");
            }
        }
    }
}

#[test]
fn each_edit_of_a_piece_is_seen_and_spaces_are_not() {
    let lines = |text: &str| text.lines().map(String::from).collect::<Vec<String>>();
    let text = "## 4 Types\nWords.\n<!-- table: a -->\n| b | c |\n|---|---|\n| d | e |\n\n```text\nf\n```\n| g |\n";
    let names: Vec<String> = pieces(&lines(text)).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["table: a", "4 piece 2", "4 piece 3"]);
    let of = |text: &str| pieces(&lines(text)).iter().map(|(_, words)| digest(words)).collect::<Vec<String>>();
    assert_eq!(of(text), of(&text.replace("| d |", "|   d |")));
    for letter in ["b", "c", "d", "e", "f", "g"] {
        let edited = text.replace(&format!("{letter} "), "x ").replace(&format!("\n{letter}\n"), "\nx\n");
        assert_eq!(of(text).iter().zip(of(&edited)).filter(|(old, new)| *old != new).count(), 1, "{letter}");
    }
}
