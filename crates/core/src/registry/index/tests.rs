//! Who is found by what, in which order, and at what price.

use super::*;
use alloc::format;
use alloc::string::ToString as _;
use alloc::vec;
use proptest::prelude::*;

/// An index, and what whoever keeps the records knows of each.
#[derive(Default)]
struct Bench {
    index: Index,
    held: Vec<(String, Serial)>,
}

impl Bench {
    fn of(titles: &[&str]) -> Self {
        let mut bench = Self::default();
        titles.iter().for_each(|title| bench.add(title));
        bench
    }

    fn add(&mut self, title: &str) {
        let (words, slot) = (words_in(title), SlotId::of(self.held.len()));
        let serial = self.index.add(Shelf::Meetings, words.as_bytes(), slot);
        self.held.push((words, serial));
    }

    fn page(&self, sought: &str, cursor: u64, most: usize) -> (Vec<usize>, u64) {
        self.page_of(Shelf::Meetings, sought, cursor, most)
    }

    fn page_of(&self, shelf: Shelf, sought: &str, cursor: u64, most: usize) -> (Vec<usize>, u64) {
        let page = self.index.page(shelf, sought, (cursor, most), |slot| self.held[slot.at()].0.as_bytes());
        (page.slots.into_iter().map(SlotId::at).collect(), page.next)
    }

    fn found(&self, sought: &str) -> Vec<usize> {
        let (found, next) = self.page(sought, 0, 50);
        assert_eq!(next, 0);
        found
    }
}

#[test]
fn list_1_the_newest_first_by_how_their_words_begin() {
    let bench = Bench::of(&["Friday tertulia", "Rust for all", "FRIDAY: Rust!", "Fridays"]);
    assert_eq!(bench.found(""), [3, 2, 1, 0]);
    assert_eq!(bench.found("friday"), [3, 2, 0]);
    assert_eq!(bench.found("rust, Friday"), [2]);
    assert_eq!(bench.found("fri"), [3, 2, 0]);
    assert_eq!(bench.found("riday"), []);
    assert_eq!(bench.found("friday sunday"), []);
    assert_eq!(bench.page_of(Shelf::People, "friday", 0, 50).0, []);
}

#[test]
fn list_1_whatever_marks_letters_have_and_where_no_spaces_are() {
    let bench = Bench::of(&["Friday café", "Cafe\u{301} Zoë", "日本語の会", "本日休業", "Ｒｕｓｔ会", "日"]);
    for (sought, fits) in [
        ("frid", &[0][..]),
        ("cafe", &[1, 0]),
        ("CAFÉ", &[1, 0]),
        ("cafe\u{301} zoe", &[1]),
        ("日本", &[2]),
        ("日本語", &[2]),
        ("語 会", &[2]),
        ("日", &[5, 3, 2]),
        ("会", &[4, 2]),
        ("rust", &[4]),
        ("rust会", &[4]),
        ("会の", &[]),
    ] {
        assert_eq!(bench.found(sought), fits, "{sought}");
    }
}

#[test]
fn list_1_without_a_letter_or_digit_nothing_is_found() {
    let bench = Bench::of(&["the only one", "???"]);
    for sought in ["?", "-", "???", " ", "🎉", "\u{301}"] {
        assert_eq!(bench.found(sought), [], "{sought}");
    }
    assert_eq!(bench.found("?one").len(), 1);
}

#[test]
fn list_2_more_words_than_are_merged_are_found_all_the_same_each_on_one_page() {
    let mut bench = Bench::default();
    for number in 0..5_000 {
        let title = if number % 9 == 0 { format!("a{number} ab{number}") } else { "something else".to_string() };
        bench.add(&title);
    }
    for (sought, count) in [("a", 556), ("a9", 15), ("a9 ab", 15), ("ab9 a9", 15), ("e a", 0), ("a some", 0)] {
        let (mut all, mut cursor) = (vec![], 0);
        loop {
            let (page, next) = bench.page(sought, cursor, 50);
            assert!(page.len() <= 50);
            all.extend(page);
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(all.len(), count, "{sought}");
        assert!(all.is_sorted_by(|one, other| one > other), "{sought}: the newest first, each once");
    }
}

#[test]
fn list_2_pages_end_where_the_next_begins_though_more_come_meanwhile() {
    let titles: Vec<_> = (0..7).map(|number| format!("talk {number}")).collect();
    let mut bench = Bench::of(&titles.iter().map(String::as_str).collect::<Vec<_>>());
    for sought in ["", "talk"] {
        let (mut cursor, mut all) = (0, vec![]);
        loop {
            let (page, next) = bench.page(sought, cursor, 3);
            all.push(page.len());
            bench.add("talk of the town");
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(all.iter().sum::<usize>(), if sought.is_empty() { 7 } else { 10 }, "{all:?}");
    }
    let (first, next) = bench.page("", 0, 13);
    assert_eq!((first.len(), bench.index.len()), (13, 14));
    assert_eq!(bench.page("", next, 13), (vec![0], 0));
}

#[test]
fn list_2_words_that_all_have_and_never_together_cost_a_short_page_and_no_more() {
    let mut bench = Bench::default();
    for number in 0..10_000 {
        let title = if number % 2 == 0 { "red fish" } else { "blue bird" };
        bench.add(title);
    }
    let (mut pages, mut cursor) = (0, 0);
    loop {
        let (page, next) = bench.page("red bird", cursor, 50);
        assert_eq!(page, []);
        pages += 1;
        cursor = next;
        if cursor == 0 {
            break;
        }
    }
    assert_eq!(pages, 5_000 * 2 / limits::LIST_STEPS_MAX + 1);
}

#[test]
fn what_is_removed_leaves_nothing_behind() {
    let mut bench = Bench::of(&["one two"]);
    bench.add("two three");
    let (words, serial) = bench.held.remove(1);
    let holds = |index: &Index| index.holds(Shelf::Meetings, words.as_bytes(), serial, SlotId::of(1));
    assert!(holds(&bench.index));
    bench.index.remove(Shelf::Meetings, words.as_bytes(), serial);
    assert!(!holds(&bench.index));
    assert_eq!(bench.found("two"), [0]);
    assert_eq!(bench.index.meetings.words.len(), 2);
}

/// What LIST shows, as SPEC.md says it: all are looked at.
fn naive(held: &[(Option<String>, u64)], sought: &str) -> Vec<usize> {
    let fits = |title: &String| {
        let words = words_of(title);
        sought_in(sought).iter().all(|sought| words.iter().any(|word| word.starts_with(sought)))
    };
    let mut found: Vec<_> = (0..held.len()).filter(|at| held[*at].0.as_ref().is_some_and(fits)).collect();
    found.sort_by_key(|at| core::cmp::Reverse(held[*at].1));
    found
}

fn titles() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "ab", "abc", "b", "会", "日本", "é", "?"]), 1..4)
        .prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn list_1_and_list_2_the_index_finds_what_a_look_at_each_finds(
        deeds in prop::collection::vec((0_usize..12, prop::option::of(titles())), 1..60),
        sought in titles(),
        most in 1_usize..5,
    ) {
        // A slot is taken, left, and taken anew by something else.
        let mut bench = Bench::default();
        let mut held: Vec<(Option<String>, u64)> = vec![(None, 0); 12];
        bench.held = vec![(String::new(), Serial::MIN); 12];
        for (at, title) in deeds {
            if held[at].0.take().is_some() {
                let (words, serial) = &bench.held[at];
                bench.index.remove(Shelf::Meetings, words.as_bytes(), *serial);
            }
            if let Some(title) = title {
                let words = words_in(&title);
                let serial = bench.index.add(Shelf::Meetings, words.as_bytes(), SlotId::of(at));
                bench.held[at] = (words, serial);
                held[at] = (Some(title), serial.get());
            }
        }
        for sought in [sought.as_str(), ""].into_iter().filter(|sought| sought.is_empty() || !sought_in(sought).is_empty()) {
            let (mut all, mut cursor) = (vec![], 0);
            loop {
                let (page, next) = bench.page(sought, cursor, most);
                prop_assert!(page.len() <= most);
                all.extend(page);
                cursor = next;
                if cursor == 0 {
                    break;
                }
            }
            prop_assert_eq!(all, naive(&held, sought), "{}", sought);
        }
        prop_assert_eq!(bench.index.len(), held.iter().filter(|(title, _)| title.is_some()).count());
    }
}
