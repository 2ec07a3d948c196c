//! The numbers that rules say, against the limits that name these rules: "five seconds" is 5000 ms.

use std::collections::BTreeMap;

use tertulia_core::channel::TAG_BYTES;
use tertulia_core::limits;
use tertulia_core::wire::frame::HEADER;

use crate::coverage::ids_in_front;
use crate::examples::handshake_lengths;
use crate::page::Page;
use crate::requirements::requirements;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Count(u64),
    Milliseconds(u64),
}

use Number::{Count, Milliseconds};

const WORDS: [&str; 12] =
    ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];

/// What a word counts: digits, `2^24`, `0x03`, a number in words; with a unit behind it, also `a`, `half` and `0.5`.
fn count(word: &str) -> Option<u64> {
    let places = WORDS.iter().zip(1..).find(|(known, _)| **known == word).map(|(_, place)| place);
    let named = match word {
        "a" | "an" => Some(1),
        "half" => Some(2),
        "third" => Some(3),
        "quarter" => Some(4),
        "sixteenth" => Some(16),
        "million" => Some(1_000_000),
        _ => None,
    };
    places.or(named).or_else(|| {
        if let Some(power) = word.strip_prefix("2^") {
            return Some(1 << power.parse::<u32>().ok()?);
        }
        if let Some(hex) = word.strip_prefix("0x") {
            return u64::from_str_radix(hex, 16).ok();
        }
        word.replace(',', "").parse().ok()
    })
}

fn unit(word: &str) -> Option<u64> {
    Some(match word {
        "ms" => 1,
        "s" | "second" | "seconds" => 1000,
        "minute" | "minutes" => 60_000,
        "hour" | "hours" => 3_600_000,
        "day" | "days" => 86_400_000,
        _ => return None,
    })
}

/// All numbers of a rule. `one` and `two` say mostly how many things are spoken of; and of addresses and letters, other
/// tests see to.
fn numbers(text: &str) -> Vec<Number> {
    let is_edge = |letter: char| !letter.is_alphanumeric();
    let word = |word: &'_ str| if word.contains("::") { String::new() } else { word.trim_matches(is_edge).to_owned() };
    let words: Vec<String> = text.split([' ', '–', '(', ')']).map(word).collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at).map(String::as_str) {
        let behind = |more: usize| words.get(at + more).map(String::as_str).unwrap_or_default();
        let is_article = matches!(word, "a" | "an");
        let (number, used) = if let (Some(tenths), Some(unit)) = (word.strip_prefix("0."), unit(behind(1))) {
            (Some(Milliseconds(tenths.parse::<u64>().unwrap() * unit / 10)), 2)
        } else if let (Some(count), "a", Some(unit)) = (count(word), behind(1), unit(behind(2))) {
            // Half a second, and eight a second, which is one in 125 ms.
            (Some(Milliseconds(unit / count)), 3)
        } else if let (Some(count), Some(unit)) = (count(word), unit(behind(1))) {
            (Some(Milliseconds(count * unit)), 2)
        } else if let (Some(count), "MiB") = (count(word), behind(1)) {
            (Some(Count(count << 20)), 2)
        } else {
            (count(word).filter(|_| !is_article && !matches!(word, "one" | "two")).map(Count), 1)
        };
        found.extend(number);
        at += used;
    }
    found
}

/// Those that are no times.
pub(crate) fn counts(text: &str) -> Vec<u64> {
    let count = |number| if let Count(count) = number { Some(count) } else { None };
    numbers(text).into_iter().filter_map(count).collect()
}

/// The limits that each rule says, by their names.
fn said() -> BTreeMap<String, Vec<(&'static str, Number)>> {
    let mut said: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (name, value, meaning) in limits::table() {
        let number = match value.strip_suffix(" ms") {
            Some(time) => Milliseconds(time.parse().unwrap()),
            None if name.ends_with("_RATE") => Milliseconds(1000 / value.parse::<u64>().unwrap()),
            None => Count(value.parse().unwrap()),
        };
        for id in meaning.split('(').flat_map(ids_in_front) {
            said.entry(id).or_default().push((name, number));
        }
    }
    said
}

/// Numbers of rules that bound nothing: lanes, bytes, places, and what follows from limits.
fn others() -> BTreeMap<&'static str, Vec<Number>> {
    let session = Count(1 << 16);
    let tag = u64::try_from(TAG_BYTES).unwrap();
    let header = u64::try_from(HEADER).unwrap();
    let source = [Count(64)];
    let bytes = handshake_lengths().map(|bytes| Count(u64::try_from(bytes).unwrap()));
    let left = Count(u64::try_from(limits::ACTS_MAX - limits::ACTS_OF_HOSTS).unwrap());
    let renewed = limits::RECORD_LIFE.as_secs() / 2 / 3600;
    BTreeMap::from([
        ("PREAMBLE-1", vec![Count(8)]),
        ("HANDSHAKE-1", [bytes.as_slice(), &[Count(2)]].concat()),
        ("HANDSHAKE-6", vec![Count(3)]),
        ("HANDSHAKE-8", source.to_vec()),
        ("RECORD-1", vec![Count(tag + header)]),
        ("FRAME-5", vec![Count(0)]),
        ("ID-1", vec![Count(8032)]),
        ("ADDRESS-2", [1, 6, 18, 0].map(Count).to_vec()),
        ("REGISTRY-8", source.to_vec()),
        ("REGISTRY-10", vec![Count(3)]),
        ("REGISTRY-13", vec![Milliseconds(60_000)]),
        ("REGISTRY-14", vec![session]),
        ("REGISTRY-15", vec![Count(renewed)]),
        ("LIST-2", vec![Count(0)]),
        ("LOOKUP-1", vec![Count(0)]),
        ("ENTRY-2", vec![Count(1)]),
        ("LAMPORT-1", vec![Count(16)]),
        ("SESSION-1", vec![Count(1970), session]),
        ("ACTS-2", vec![left]),
        ("REGISTER-1", vec![Count(2)]),
        ("REGISTER-2", vec![Count(1)]),
        ("REGISTER-3", vec![Count(1)]),
        ("FORK-1", vec![Count(0), Count(1)]),
        ("JOIN-16", vec![Count(9)]),
        ("JOIN-17", vec![Count(3), Count(2)]),
        ("TOKEN-1", vec![Count(16)]),
        ("LOBBY-1", vec![Count(1)]),
        ("MESH-24", source.to_vec()),
        ("DIAL-4", vec![Count(4)]),
        ("CONTACT-1", vec![Count(4)]),
        ("CHECK-1", [8, 88, 11, 0].map(Count).to_vec()),
    ])
}

#[test]
fn numbers_are_read_in_digits_and_in_words() {
    let text =
        "half a second, eight a second, 0.5 s, a minute, 2^24, 1,024 or 16 MiB (8.5); a third of two, one and ten.";
    let times = [500, 125, 500, 60_000].map(Milliseconds);
    let counts = [16_777_216, 1024, 16_777_216, 3, 10].map(Count);
    assert_eq!(numbers(text), [times.as_slice(), &counts].concat());
}

#[test]
fn every_number_of_a_rule_is_the_codes() {
    let (said, mut others) = (said(), others());
    let mut faults = Vec::new();
    for (id, _, text) in requirements(&Page::read()) {
        let limits = said.get(&id).cloned().unwrap_or_default();
        let others = others.remove(id.as_str()).unwrap_or_default();
        // The ranges of these are read by other tests.
        let found = if matches!(id.as_str(), "FIELD-2" | "EXT-2") { Vec::new() } else { numbers(&text) };
        for number in &found {
            if !others.contains(number) && limits.iter().all(|(_, limit)| limit != number) {
                faults.push(format!("{id} says {number:?}, and the code {limits:?}"));
            }
        }
        let is_said = |(name, limit): &(&str, Number)| found.contains(limit) || text.contains(&format!("`{name}`"));
        faults
            .extend(limits.iter().filter(|limit| !is_said(limit)).map(|limit| format!("{id} does not say {limit:?}")));
        let unsaid = others.iter().find(|number| !found.contains(number));
        faults.extend(unsaid.map(|number| format!("{id} does not say {number:?}")));
    }
    faults.extend(others.keys().map(|id| format!("there is no {id}")));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
