//! SPEC.md and the code say the same, both ways. `UPDATE=1` rewrites what the page takes from the code.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "clippy.toml spares test functions only, and a helper that panics fails its test as it should"
)]

mod coverage;
mod diagrams;
mod examples;
mod names;
mod numbers;
mod page;
mod ranges;
mod requirements;
mod tables;
mod words;

use page::Page;

#[test]
fn what_the_page_takes_from_the_code_is_up_to_date() {
    let mut page = Page::read();
    let before = page.text();
    tables::sync(&mut page);
    examples::sync(&mut page);
    requirements::sync(&mut page);
    let faults = page.faults.join("\n");
    assert!(faults.is_empty(), "{faults}");
    if std::env::var_os("UPDATE").is_some() {
        page.write();
    } else {
        let differs = before.lines().zip(page.text().lines()).position(|(old, new)| old != new);
        assert!(
            before == page.text(),
            "line {differs:?} (from 0) of SPEC.md differs from the code; UPDATE=1 rewrites it"
        );
    }
}

#[test]
fn no_row_and_no_line_of_code_stands_twice() {
    let page = Page::read();
    let twice = page.lines().windows(2).find(|pair| pair[0].starts_with('|') && pair[0] == pair[1]);
    assert_eq!(twice, None);
}

#[test]
fn the_model_of_the_fold_has_each_function_of_the_page() {
    let model = std::fs::read_to_string(page::root().join("crates/testkit/src/seats/model.rs")).unwrap();
    let lines =
        tertulia_testkit::seats::FOLD.lines().filter(|line| line.starts_with(|letter: char| letter.is_alphabetic()));
    let mut rest = model.as_str();
    for name in lines.map(|line| line.split(['(', ':']).next().unwrap()) {
        let (_, after) =
            rest.split_once(&format!("fn {name}(")).unwrap_or_else(|| panic!("{name} is missing, or out of order"));
        rest = after;
    }
}

#[test]
fn every_marker_of_the_page_is_filled_by_the_code() {
    let mut page = Page::read();
    tables::sync(&mut page);
    examples::sync(&mut page);
    requirements::sync(&mut page);
    ranges::rows(&mut page);
    page.table("types");
    let unknown: Vec<_> = page.markers().into_iter().filter(|marker| !page.synced.contains(marker)).collect();
    assert!(unknown.is_empty(), "nothing fills {unknown:?}");
}
