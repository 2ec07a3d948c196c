//! ARCHITECTURE.md, "Who uses whom", held to the imports: of crates, of core's rooms, and of files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::source::{Source, sources};

type Arrows = BTreeMap<String, BTreeSet<String>>;

const PAGE: &str = "ARCHITECTURE.md, \"Who uses whom\"";

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The lines of the page's block that opens with this word: a name, and what it may use.
fn listed(block: &str) -> Vec<(String, BTreeSet<String>)> {
    let page = fs::read_to_string(project().join("ARCHITECTURE.md")).expect("the page");
    let lines = page.lines().skip_while(|line| *line != format!("```{block}")).skip(1);
    let words = lines.take_while(|line| !line.starts_with("```")).map(|line| line.split_whitespace());
    let listed: Vec<_> =
        words.filter_map(|mut words| Some((words.next()?.to_string(), words.map(str::to_string).collect()))).collect();
    assert!(!listed.is_empty(), "{PAGE} has a block ```{block}");
    listed
}

/// What is wrong, each with what to do about it. `everybody`: what is used without being listed.
fn complaints(listed: &[(String, BTreeSet<String>)], everybody: &BTreeSet<String>, used: &Arrows) -> Vec<String> {
    let mut found = Vec::new();
    let place = |name: &String| listed.iter().position(|(known, _)| known == name);
    for (user, uses) in used {
        let Some(at) = place(user) else {
            let line: Vec<&str> = uses.difference(everybody).map(String::as_str).collect();
            found.push(format!("`{user}` has no line: add `{user} {}`, below what it uses", line.join(" ")));
            continue;
        };
        for whom in uses {
            let is_listed = listed[at].1.contains(whom) || everybody.contains(whom) && !everybody.contains(user);
            if !is_listed {
                found.push(format!("`{user}` uses `{whom}`: if that is right, add `{whom}` to the line of `{user}`"));
            }
            if place(whom).is_some_and(|whom| whom >= at) {
                found.push(format!("`{user}` uses `{whom}`, which does not stand above it: lines use lines above"));
            }
        }
    }
    for (user, may) in listed {
        let Some(uses) = used.get(user) else {
            found.push(format!("there is no `{user}`: take its line out"));
            continue;
        };
        for whom in may.difference(uses) {
            found.push(format!("`{user}` does not use `{whom}`: take `{whom}` out of the line of `{user}`"));
        }
    }
    found
}

/// The paths that a use, or an expression, has from here on: one for each thing in its groups.
fn paths(text: &str) -> Vec<Vec<String>> {
    let text = text.trim_start();
    let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let Some(rest) = rest.strip_prefix("::").map(str::trim_start).filter(|_| !name.is_empty()) else {
        return vec![Vec::from_iter(Some(name.to_string()).filter(|name| !name.is_empty()))];
    };
    let tails = match rest.strip_prefix('{') {
        Some(group) => items(group).into_iter().flat_map(paths).collect(),
        None => paths(rest),
    };
    tails.into_iter().map(|tail| [vec![name.to_string()], tail].concat()).collect()
}

/// What stands between the commas of a group, up to its end.
fn items(group: &str) -> Vec<&str> {
    let (mut items, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => {
                items.push(&group[from..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&group[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    items.retain(|item| !item.trim().is_empty());
    items
}

/// Where `word` begins a path in `code`.
fn begins<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
    let is_apart = |at: usize| !code[..at].ends_with(|letter: char| letter.is_alphanumeric() || "_:".contains(letter));
    code.match_indices(word).map(|(at, _)| at).filter(move |at| is_apart(*at)).map(|at| &code[at..])
}

/// The modules of a crate by their path, and the code of each.
fn modules(sources: &BTreeMap<PathBuf, Source>) -> BTreeMap<Vec<String>, &str> {
    let of = |path: &Path| {
        let path = path.with_extension("");
        let mut words: Vec<String> = path.iter().map(|word| word.to_str().expect("UTF-8").to_string()).collect();
        if words.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
            words.pop();
        }
        words
    };
    let all: BTreeMap<_, _> = sources.iter().map(|(path, source)| (of(path), source.code.as_str())).collect();
    // What is compiled for tests alone is declared nowhere.
    let is_declared = |module: &[String]| {
        let declares = |(last, parent): (&String, &[String])| {
            all.get(parent).is_some_and(|parent| parent.contains(&format!("mod {last};")))
        };
        (1..=module.len()).all(|depth| module[..depth].split_last().is_some_and(declares))
    };
    all.iter().filter(|(module, _)| is_declared(module)).map(|(module, code)| (module.clone(), *code)).collect()
}

/// Which module uses which, its own parents left out.
fn uses(modules: &BTreeMap<Vec<String>, &str>) -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
    let of = |module: &Vec<String>, code: &str| {
        let all = ["crate::", "self::", "super::"].iter().flat_map(|word| begins(code, word)).flat_map(paths);
        let whole = |path: Vec<String>| {
            let ups = path.iter().take_while(|word| *word == "super").count();
            let from = if path[0] == "crate" { 0 } else { module.len().saturating_sub(ups) };
            let mut whole = [&module[..from], &path[ups.max(usize::from(ups == 0))..]].concat();
            while !modules.contains_key(&whole) {
                whole.pop();
            }
            whole
        };
        all.map(whole).filter(|whom| !module.starts_with(whom)).collect()
    };
    modules.iter().map(|(module, code)| (module.clone(), of(module, code))).collect()
}

/// All that `from` uses, and what they use.
fn reached<'a>(from: &str, arrows: &'a Arrows) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = arrows.get(from).into_iter().flatten().map(String::as_str).collect();
    while let Some(one) = next.pop() {
        if reached.insert(one) {
            next.extend(arrows.get(one).into_iter().flatten().map(String::as_str));
        }
    }
    reached
}

/// The circles: all that are in each.
fn circles(arrows: &Arrows) -> BTreeSet<BTreeSet<&str>> {
    let circle = |one: &String| -> BTreeSet<&str> {
        reached(one, arrows).into_iter().filter(|two| reached(two, arrows).contains(one.as_str())).collect()
    };
    arrows.keys().map(circle).filter(|circle| circle.len() > 1).collect()
}

/// Of each module in words, which others it uses.
fn in_words(uses: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>) -> Arrows {
    uses.iter().map(|(one, uses)| (one.join("/"), uses.iter().map(|one| one.join("/")).collect())).collect()
}

#[test]
fn a_crate_uses_those_that_the_page_says() {
    let mut used = Arrows::new();
    let crates =
        [("core", "core/src"), ("net", "net/src"), ("cli", "cli"), ("testkit", "testkit/src"), ("bench", "bench/src")];
    for (name, folder) in crates {
        let code: String = sources(&project().join("crates").join(folder)).into_values().map(|one| one.code).collect();
        let uses = |other: &&str| *other != name && begins(&code, &format!("tertulia_{other}::")).next().is_some();
        used.insert(name.into(), ["core", "net", "testkit"].into_iter().filter(uses).map(String::from).collect());
    }
    let found = complaints(&listed("crates"), &BTreeSet::new(), &used);
    assert!(found.is_empty(), "{PAGE}, the crates:\n{}", found.join("\n"));
}

#[test]
fn a_room_of_core_uses_those_that_the_page_says() {
    let sources = sources(&project().join("crates/core/src"));
    let modules = modules(&sources);
    let mut used: Arrows =
        modules.keys().filter_map(|module| Some((module.first()?.clone(), BTreeSet::new()))).collect();
    for (module, uses) in uses(&modules) {
        let Some(room) = module.first().and_then(|room| used.get_mut(room)) else { continue };
        room.extend(uses.iter().filter_map(|whom| whom.first()).filter(|whom| module.first() != Some(whom)).cloned());
    }
    let everybody = listed("everybody").into_iter().map(|(room, _)| room).collect();
    let listed = [listed("everybody"), listed("rooms")].concat();
    let found = complaints(&listed, &everybody, &used);
    assert!(found.is_empty(), "{PAGE}, core's rooms:\n{}", found.join("\n"));
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    for folder in ["core/src", "net/src", "cli", "bench/src"] {
        let sources = sources(&project().join("crates").join(folder));
        let arrows = in_words(&uses(&modules(&sources)));
        let circles = circles(&arrows);
        assert!(circles.is_empty(), "crates/{folder}: {circles:?} use each other: move what they share below them");
    }
}

fn arrows(lines: &[&str]) -> Vec<(String, BTreeSet<String>)> {
    let line = |line: &&str| {
        let mut words = line.split(' ').map(str::to_string);
        (words.next().expect("a name"), words.collect())
    };
    lines.iter().map(line).collect()
}

#[test]
fn an_arrow_too_many_too_few_or_upward_is_seen_and_so_is_who_has_no_line() {
    let listed = arrows(&["id", "wire id", "log", "mesh log", "gone"]);
    let everybody = ["id", "wire"].map(String::from).into();
    let found = |used: &[&str]| complaints(&listed, &everybody, &arrows(used).into_iter().collect()).join("\n");
    let right = ["id", "wire id", "log wire", "mesh id log", "gone"];
    assert_eq!(found(&right), "");
    for (at, line, complaint) in [
        (3, "mesh log gone", "add `gone` to the line of `mesh`"),
        (3, "mesh wire", "take `log` out of the line of `mesh`"),
        (2, "log mesh", "which does not stand above it"),
        (1, "wire", "take `id` out of the line of `wire`"),
        (0, "id wire", "add `wire` to the line of `id`"),
        (4, "new log wire", "add `new log`"),
        (4, "new log wire", "there is no `gone`"),
    ] {
        let mut used = right;
        used[at] = line;
        assert!(found(&used).contains(complaint), "{line}: {}", found(&used));
    }
}

#[test]
fn a_circle_is_seen_through_groups_supers_and_macros_and_a_parent_makes_none() {
    let file = |text: &str| Source::read(text);
    let sources: BTreeMap<PathBuf, Source> = [
        ("lib.rs", "pub mod a; mod b; mod c { } #[cfg(test)] mod tests;"),
        ("a/mod.rs", "mod one; mod two; pub use self::one::One;"),
        ("a/one.rs", "use super::{Zero, two::{self, Two}}; use crate::b::B;"),
        ("a/two.rs", "fn f() { let x = $crate::b::B; } // crate::a::one"),
        ("b.rs", "use crate::{id, a::{Zero}};\n#[cfg(test)] mod tests { use crate::tests::x; }"),
        ("tests.rs", "use crate::b::B;"),
    ]
    .map(|(path, text)| (path.into(), file(text)))
    .into();
    let arrows = in_words(&uses(&modules(&sources)));
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<BTreeSet<String>>();
    assert_eq!(arrows["a/one"], words(&["a/two", "b"]));
    assert_eq!(arrows["a/two"], words(&["b"]));
    assert_eq!(arrows["b"], words(&["a"]));
    assert!(!arrows.contains_key("tests"));
    assert_eq!(circles(&arrows), [["a", "a/one", "a/two", "b"].into()].into());
    let without = arrows.into_iter().filter(|(one, _)| one != "b").collect();
    assert_eq!(circles(&without), BTreeSet::new(), "a parent and its children are none");
}
