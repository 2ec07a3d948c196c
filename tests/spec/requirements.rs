//! The requirements of SPEC.md, and the rules of the code.

use std::collections::{BTreeMap, BTreeSet};

use tertulia_core::rule::Rule;

use crate::coverage;
use crate::page::{Page, Table};

/// Every line that opens with an id: the id, its section, and its words.
pub(crate) fn requirements(page: &Page) -> Vec<(String, String, String)> {
    let mut section = String::new();
    let mut found = Vec::new();
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ").or_else(|| line.strip_prefix("### ")) {
            section = heading.split(' ').next().unwrap().to_owned();
        }
        if let Some((id, words)) = line.strip_prefix("**[").and_then(|rest| rest.split_once("]** ")) {
            found.push((id.to_owned(), section.clone(), words.to_owned()));
        }
    }
    found
}

pub(crate) fn sync(page: &mut Page) {
    let codes: BTreeMap<&str, String> =
        Rule::ALL.iter().map(|rule| (rule.id(), rule.code().word().to_uppercase())).collect();
    let code = |id: &str| codes.get(id).map_or_else(|| "–".to_owned(), Clone::clone);
    let rows = requirements(page).into_iter().map(|(id, section, _)| vec![id.clone(), code(&id), section]).collect();
    let headings = vec!["id", "code", "section"];
    page.sync_table(&Table { name: "requirements".into(), headings, keys: vec![0], rows });
}

#[test]
fn every_rule_of_the_code_is_one_line_of_the_page() {
    let on_page = requirements(&Page::read());
    for rule in Rule::ALL {
        let count = on_page.iter().filter(|(id, ..)| id == rule.id()).count();
        assert_eq!(count, 1, "{rule}");
    }
    let ids: BTreeSet<&str> = on_page.iter().map(|(id, ..)| id.as_str()).collect();
    assert_eq!(ids.len(), on_page.len(), "an id stands twice");
    for (id, _, words) in &on_page {
        assert!(words.ends_with(['.', ')', '`']) && words.len() > 10, "{id} is no sentence: {words}");
    }
}

#[test]
fn every_id_that_the_code_and_the_page_speak_of_is_a_requirement() {
    let page = Page::read();
    let ids: BTreeSet<String> = requirements(&page).into_iter().map(|(id, ..)| id).collect();
    let families: BTreeSet<&str> = ids.iter().map(|id| id.split('-').next().unwrap()).collect();
    for line in page.lines() {
        for word in line.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-') {
            if let Some((family, number)) = word.split_once('-')
                && families.contains(family)
                && number.parse::<u16>().is_ok()
            {
                assert!(ids.contains(word), "SPEC.md speaks of {word}: {line}");
            }
        }
    }
    for (path, text) in coverage::sources() {
        for id in text.split("SPEC ").skip(1).flat_map(coverage::ids_in_front) {
            assert!(ids.contains(&id), "{} speaks of {id}, which SPEC.md does not have", path.display());
        }
    }
}

#[test]
fn every_rule_is_one_that_the_code_can_find_broken() {
    let sources = coverage::sources();
    let in_code = |(path, _): &&(std::path::PathBuf, String)| {
        let path = path.display().to_string();
        path.contains("/src/") && !path.ends_with("rule.rs") && !path.contains("/test")
    };
    let code: String = sources.iter().filter(in_code).map(|(_, text)| text.as_str()).collect();
    for rule in Rule::ALL {
        // Field types name their rule to a macro, without `Rule::`.
        let names = [format!("Rule::{rule:?}"), format!(", {rule:?} if ")];
        assert!(names.iter().any(|name| code.contains(name.as_str())), "nothing is ever refused by {rule}");
    }
}

#[test]
fn every_test_is_named_after_a_requirement_that_there_is() {
    let ids: BTreeSet<String> = requirements(&Page::read()).into_iter().map(|(id, ..)| id).collect();
    let strange: Vec<_> = coverage::covered().into_iter().filter(|id| !ids.contains(id)).collect();
    assert!(strange.is_empty(), "tests or traces are named after {strange:?}, which SPEC.md does not have");
}

#[test]
fn every_requirement_has_a_test() {
    let covered = coverage::covered();
    let bare: Vec<String> =
        requirements(&Page::read()).into_iter().map(|(id, ..)| id).filter(|id| !covered.contains(id)).collect();
    assert!(
        bare.is_empty(),
        "{} requirements have no test named after them, and no trace: {}",
        bare.len(),
        bare.join(" ")
    );
}
