//! What is listed, in order and by word: a page costs what is on it, however much is listed.

use alloc::boxed::Box;
use alloc::collections::btree_set::Range;
use alloc::collections::{BTreeMap, BTreeSet, BinaryHeap};
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Bound;

use super::slot::Serial;
use super::slots::SlotId;
use super::words::{sought_in, words_of};
use crate::limits;
use crate::wire::registry::Shelf;

/// A page of what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) slots: Vec<SlotId>,
    /// Where the next page begins; 0: there is none.
    pub(super) next: u64,
}

/// What is on one shelf.
#[derive(Clone, Debug, Default)]
struct Listed {
    order: BTreeMap<u64, SlotId>,
    /// Invariant: for each word the serials of those in `order` that have it, where there are any.
    words: BTreeMap<Box<[u8]>, BTreeSet<u64>>,
}

/// All that LIST shows. The words themselves are kept by whoever keeps the records.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    meetings: Listed,
    people: Listed,
    last: u64,
}

/// The words by which a text is found, with spaces between them.
pub(super) fn words_in(text: &str) -> String {
    words_of(text).iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

fn split(words: &[u8]) -> impl Iterator<Item = &[u8]> {
    words.split(|byte| *byte == b' ').filter(|word| !word.is_empty())
}

/// Whether among some words are such that begin like all of these.
fn fit(words: &[u8], sought: &[String]) -> bool {
    sought.iter().all(|sought| split(words).any(|word| word.starts_with(sought.as_bytes())))
}

/// The numbers in several sets, the highest first, each once.
struct Newest<'a> {
    sets: Vec<Range<'a, u64>>,
    heads: BinaryHeap<(u64, usize)>,
}

impl<'a> Newest<'a> {
    /// Those below a number.
    fn below(below: u64, sets: &[&'a BTreeSet<u64>]) -> Self {
        let mut sets: Vec<_> = sets.iter().map(|set| set.range(..below)).collect();
        let heads = (0..).zip(&mut sets).filter_map(|(at, set)| Some((*set.next_back()?, at))).collect();
        Self { sets, heads }
    }
}

impl Iterator for Newest<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let (highest, _) = *self.heads.peek()?;
        while self.heads.peek().is_some_and(|(head, _)| *head == highest)
            && let Some((_, at)) = self.heads.pop()
        {
            let next = self.sets.get_mut(at).and_then(DoubleEndedIterator::next_back);
            self.heads.extend(next.map(|next| (*next, at)));
        }
        Some(highest)
    }
}

impl Listed {
    /// Who has a word that begins with `sought`, word by word.
    fn beginning(&self, sought: &str) -> impl Iterator<Item = &BTreeSet<u64>> {
        let words = self.words.range::<[u8], _>((Bound::Included(sought.as_bytes()), Bound::Unbounded));
        words.take_while(move |(word, _)| word.starts_with(sought.as_bytes())).map(|(_, serials)| serials)
    }

    /// Those that have the rarest of the words. Nobody, where each begins too many words of the directory: then there are
    /// many that fit. None of the sets, where one begins no word at all.
    fn rarest(&self, sought: &[String]) -> Option<Vec<&BTreeSet<u64>>> {
        let words_max = limits::LIST_WORDS_MAX.checked_div(sought.len()).unwrap_or_default().max(1);
        let mut rarest: Option<(usize, Vec<&BTreeSet<u64>>)> = None;
        for word in sought {
            let sets: Vec<_> = self.beginning(word).take(words_max.saturating_add(1)).collect();
            let records = sets.iter().fold(0_usize, |sum, set| sum.saturating_add(set.len()));
            if sets.len() <= words_max && rarest.as_ref().is_none_or(|(fewest, _)| records < *fewest) {
                rarest = Some((records, sets));
            }
        }
        rarest.map(|(_, sets)| sets)
    }
}

impl Index {
    const fn on(&self, shelf: Shelf) -> &Listed {
        match shelf {
            Shelf::Meetings => &self.meetings,
            Shelf::People => &self.people,
        }
    }

    const fn on_mut(&mut self, shelf: Shelf) -> &mut Listed {
        match shelf {
            Shelf::Meetings => &mut self.meetings,
            Shelf::People => &mut self.people,
        }
    }

    /// Puts a record in front of all others, found by `words`.
    pub(super) fn add(&mut self, shelf: Shelf, words: &[u8], slot: SlotId) -> Serial {
        let serial = Serial::MIN.saturating_add(self.last);
        self.last = serial.get();
        let listed = self.on_mut(shelf);
        listed.order.insert(serial.get(), slot);
        for word in split(words) {
            if let Some(serials) = listed.words.get_mut(word) {
                serials.insert(serial.get());
            } else {
                listed.words.insert(word.into(), [serial.get()].into());
            }
        }
        serial
    }

    /// Takes one away that was added so.
    pub(super) fn remove(&mut self, shelf: Shelf, words: &[u8], serial: Serial) {
        let listed = self.on_mut(shelf);
        listed.order.remove(&serial.get());
        for word in split(words) {
            if let Some(serials) = listed.words.get_mut(word) {
                serials.remove(&serial.get());
                if serials.is_empty() {
                    listed.words.remove(word);
                }
            }
        }
    }

    /// At most `most` of those that have words that begin like all of `text`, the newest first (SPEC LIST-1, LIST-2).
    /// However many have such a word, no more than `LIST_STEPS_MAX` are looked at: then the page is short. `words` tells
    /// those of a slot.
    pub(super) fn page<'a>(
        &self,
        shelf: Shelf,
        text: &str,
        (cursor, most): (u64, usize),
        words: impl Fn(SlotId) -> &'a [u8],
    ) -> Page {
        let (mut page, sought, listed) = (Page::default(), sought_in(text), self.on(shelf));
        if sought.is_empty() && !text.is_empty() {
            return page;
        }
        let below = if cursor == 0 { u64::MAX } else { cursor };
        let rarest = listed.rarest(&sought);
        let candidates: Box<dyn Iterator<Item = u64>> = match &rarest {
            Some(sets) => Box::new(Newest::below(below, sets)),
            None => Box::new(listed.order.range(..below).rev().map(|(serial, _)| *serial)),
        };
        let (mut steps, mut last) = (0_usize, below);
        for serial in candidates {
            if page.slots.len() >= most || steps >= limits::LIST_STEPS_MAX {
                page.next = last;
                break;
            }
            steps = steps.saturating_add(sought.len().max(1));
            last = serial;
            let slot = listed.order.get(&serial).copied();
            page.slots.extend(slot.filter(|slot| sought.is_empty() || fit(words(*slot), &sought)));
        }
        page
    }

    /// How many records are listed.
    pub(super) fn len(&self) -> usize {
        self.meetings.order.len().saturating_add(self.people.order.len())
    }

    /// Whether a record stands where it says.
    pub(super) fn holds(&self, shelf: Shelf, words: &[u8], serial: Serial, slot: SlotId) -> bool {
        let listed = self.on(shelf);
        let has = |word| listed.words.get(word).is_some_and(|serials| serials.contains(&serial.get()));
        listed.order.get(&serial.get()) == Some(&slot) && split(words).all(has)
    }
}

#[cfg(test)]
mod tests {
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
}
