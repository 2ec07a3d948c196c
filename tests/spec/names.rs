//! The codes, frames, options, kinds and fields that rules name, against what the code and the tests name where they
//! cite these rules.

use std::collections::BTreeSet;

use tertulia_core::code::Code;
use tertulia_core::rule::Rule;
use tertulia_core::wire::entry::EntryBody;
use tertulia_core::wire::frame::infos;
use tertulia_core::wire::option;
use tertulia_testkit::layout::{STRUCTURES, structure};

use crate::coverage::said_of;
use crate::page::Page;
use crate::requirements::requirements;

/// What the code calls some names, first of all of frames that most machines send without naming them.
const MEANT: [(&str, &str); 7] = [
    ("close", "BYE"),
    ("closed", "BYE"),
    ("done", "OK"),
    ("failed", "ERROR"),
    ("refused", "ERROR"),
    ("admitted", "WELCOME"),
    ("selflink", "SELF"),
];

/// What rules name that is seen to where nothing cites them.
const ELSEWHERE: &[(&str, &str)] = &[
    ("PASS-5", "WELCOME"),
    ("HELLO-5", "JOIN"),
    ("PROBE-3", "HELLO BYE LEFT"),
    ("LIST-1", "LISTING"),
    ("STORE-3", "next"),
    ("ACTS-2", "REVOKE"),
    ("REGISTER-1", "REVOKE"),
    ("DIGEST-2", "WELCOME"),
    ("FEED-1", "WELCOME PING OK BYE"),
    ("ROSTER-5", "next"),
    ("REVOKE-4", "POLICY"),
    ("LOCK-1", "POLICY"),
    ("JOIN-16", "20E3"),
    ("PRESENCE-1", "WELCOME"),
    ("ASK-5", "OK"),
    ("DIAL-3", "END"),
    ("DIAL-5", "PERSON"),
    ("MESH-8", "STOPPED"),
    ("MESH-22", "KICKED"),
    ("CONTACT-3", "FORK"),
];

/// A name as it is compared: NAME_TAKEN, `NameTaken` and `name_taken` are one.
fn bare(name: &str) -> String {
    name.chars().filter(|letter| *letter != '_').flat_map(char::to_lowercase).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}

/// What stands on the page in capitals.
fn capitals() -> BTreeSet<String> {
    let codes = Code::TABLE.iter().map(|(_, word, _)| word.to_uppercase());
    let frames = infos().map(|info| info.name.to_owned());
    let options = option::ALL.iter().map(|option| option.name.to_owned());
    let kinds = EntryBody::kinds().into_iter().map(|(_, name, ..)| name.to_owned());
    codes.chain(frames).chain(options).chain(kinds).collect()
}

fn fields() -> BTreeSet<&'static str> {
    let of_frames = infos().flat_map(|info| (info.fields)());
    let of_kinds = EntryBody::kinds().into_iter().flat_map(|(.., fields)| fields);
    let of_structures = STRUCTURES.iter().flat_map(|name| structure(name).unwrap());
    of_frames.chain(of_kinds).chain(of_structures).map(|(name, _)| name).collect()
}

/// What a rule names: words in capitals, and fields in backticks; a letter by its number.
fn named(text: &str, capitals: &BTreeSet<String>, fields: &BTreeSet<&str>) -> BTreeSet<String> {
    let in_ids = |word: &&str| !text.contains(&format!("{word}-"));
    let capitals = words(text).filter(in_ids).filter(|word| capitals.contains(*word));
    let fields = text.split('`').skip(1).step_by(2).filter(|word| fields.contains(word));
    let letters = text.split("U+").skip(1).map(|rest| words(rest).next().unwrap());
    capitals.chain(fields).chain(letters).map(str::to_owned).collect()
}

#[test]
fn every_name_in_a_rule_is_one_that_the_code_and_its_tests_use_where_they_cite_it() {
    let (capitals, fields, said) = (capitals(), fields(), said_of());
    let mut faults = Vec::new();
    for (id, _, text) in requirements(&Page::read()) {
        // FIELD-2 is read letter by letter.
        let names = if id == "FIELD-2" { BTreeSet::new() } else { named(&text, &capitals, &fields) };
        let said = said.get(&id).map(String::as_str).unwrap_or_default();
        let parts = words(said).flat_map(|word| word.split('_')).chain(words(said));
        let mut known: BTreeSet<String> = parts.map(bare).collect();
        let meant = MEANT.iter().filter(|(word, _)| known.contains(*word)).map(|(_, name)| bare(name));
        known.extend(meant.collect::<Vec<_>>());
        let rules = Rule::ALL.iter().filter(|rule| rule.id() == id || known.contains(&bare(&format!("{rule:?}"))));
        let codes: Vec<String> = rules.map(|rule| bare(rule.code().word())).collect();
        known.extend(codes);
        let elsewhere = ELSEWHERE.iter().filter(|(rule, _)| *rule == id);
        known.extend(elsewhere.flat_map(|(_, names)| words(names)).map(bare));
        let strange = names.into_iter().filter(|name| !known.contains(&bare(name)));
        faults.extend(strange.map(|name| format!("{id} names {name}, and nothing that cites it does")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
