//! What is listed, in order and by word: a page costs what is on it, however much is listed.

use alloc::boxed::Box;
use alloc::collections::btree_set::Range;
use alloc::collections::{BTreeMap, BTreeSet, BinaryHeap};
use alloc::string::String;
use alloc::vec::Vec;

use super::words::{sought_in, words_of};
use crate::id::{Key, MeetingId};
use crate::limits;
use crate::wire::registry::Shelf;

/// Which record: its id and its publisher.
pub(super) type Place = (MeetingId, Key);

/// Where a record stands: what it is found by, and its number in the order of arrival.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shelved {
    shelf: Shelf,
    text: String,
    serial: u64,
}

impl Shelved {
    /// Whether it stands where it should.
    pub(super) fn is_for(&self, shelf: Shelf, text: &str) -> bool {
        self.shelf == shelf && self.text == text
    }
}

/// A page of what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) places: Vec<Place>,
    /// Where the next page begins; 0: there is none.
    pub(super) next: u64,
}

/// A record that is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Listed {
    place: Place,
    /// Its words, with spaces between them.
    words: Box<str>,
}

impl Listed {
    /// Whether it has words that begin like all of these.
    fn fits(&self, sought: &[String]) -> bool {
        sought.iter().all(|sought| self.words.split(' ').any(|word| word.starts_with(sought.as_str())))
    }
}

/// All that LIST shows.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    order: BTreeMap<(Shelf, u64), Listed>,
    words: BTreeMap<(Shelf, String), BTreeSet<u64>>,
    last: u64,
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

impl Index {
    /// Puts a record in front of all others.
    pub(super) fn add(&mut self, shelf: Shelf, text: String, place: Place) -> Shelved {
        self.last = self.last.saturating_add(1);
        let serial = self.last;
        let words = words_of(&text);
        let listed = Listed { place, words: words.iter().map(String::as_str).collect::<Vec<_>>().join(" ").into() };
        self.order.insert((shelf, serial), listed);
        for word in words {
            self.words.entry((shelf, word)).or_default().insert(serial);
        }
        Shelved { shelf, text, serial }
    }

    pub(super) fn remove(&mut self, shelved: &Shelved) {
        let Shelved { shelf, serial, .. } = shelved;
        let Some(listed) = self.order.remove(&(*shelf, *serial)) else { return };
        for word in listed.words.split(' ') {
            let key = (*shelf, word.into());
            if let Some(serials) = self.words.get_mut(&key) {
                serials.remove(serial);
                if serials.is_empty() {
                    self.words.remove(&key);
                }
            }
        }
    }

    /// Who has a word that begins with `sought`, word by word.
    fn beginning(&self, shelf: Shelf, sought: &str) -> impl Iterator<Item = &BTreeSet<u64>> {
        let words = self.words.range((shelf, sought.into())..);
        words.take_while(move |((on, word), _)| *on == shelf && word.starts_with(sought)).map(|(_, serials)| serials)
    }

    /// At most `most` of those that have words that begin like all of `text`, the newest first (SPEC LIST-1, LIST-2).
    /// However many have such a word, no more than `LIST_STEPS_MAX` are looked at: then the page is short.
    pub(super) fn page(&self, shelf: Shelf, text: &str, cursor: u64, most: usize) -> Page {
        let (mut page, sought) = (Page::default(), sought_in(text));
        if sought.is_empty() && !text.is_empty() {
            return page;
        }
        let below = if cursor == 0 { u64::MAX } else { cursor };
        // Those that have the rarest of the words. Where each begins too many words of the directory, all are looked at:
        // then there are many that fit.
        let words_max = limits::LIST_WORDS_MAX.checked_div(sought.len()).unwrap_or_default().max(1);
        let mut rarest: Option<(usize, Vec<&BTreeSet<u64>>)> = None;
        for word in &sought {
            let sets: Vec<_> = self.beginning(shelf, word).take(words_max.saturating_add(1)).collect();
            if sets.is_empty() {
                return page;
            }
            let records = sets.iter().fold(0_usize, |sum, set| sum.saturating_add(set.len()));
            if sets.len() <= words_max && rarest.as_ref().is_none_or(|(fewest, _)| records < *fewest) {
                rarest = Some((records, sets));
            }
        }
        let candidates: Box<dyn Iterator<Item = u64>> = match &rarest {
            Some((_, sets)) => Box::new(Newest::below(below, sets)),
            None => Box::new(self.order.range((shelf, 0)..(shelf, below)).rev().map(|((_, serial), _)| *serial)),
        };
        let (mut steps, mut last) = (0_usize, below);
        for serial in candidates {
            if page.places.len() >= most || steps >= limits::LIST_STEPS_MAX {
                page.next = last;
                break;
            }
            steps = steps.saturating_add(sought.len().max(1));
            last = serial;
            let listed = self.order.get(&(shelf, serial));
            page.places.extend(listed.filter(|listed| listed.fits(&sought)).map(|listed| listed.place));
        }
        page
    }

    /// How many records are listed.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether a record stands where it says.
    pub(super) fn holds(&self, shelved: &Shelved, place: Place) -> bool {
        self.order.get(&(shelved.shelf, shelved.serial)).is_some_and(|listed| listed.place == place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString as _;
    use alloc::vec;

    fn place(number: u16) -> Place {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&number.to_be_bytes());
        (MeetingId(id), Key([1; 32]))
    }

    fn index(titles: &[&str]) -> Index {
        let mut index = Index::default();
        for (number, title) in (0..).zip(titles) {
            index.add(Shelf::Meetings, title.to_string(), place(number));
        }
        index
    }

    fn found(index: &Index, sought: &str) -> Vec<Place> {
        let page = index.page(Shelf::Meetings, sought, 0, 50);
        assert_eq!(page.next, 0);
        page.places
    }

    #[test]
    fn list_1_the_newest_first_by_how_their_words_begin() {
        let index = index(&["Friday tertulia", "Rust for all", "FRIDAY: Rust!", "Fridays"]);
        assert_eq!(found(&index, ""), [place(3), place(2), place(1), place(0)]);
        assert_eq!(found(&index, "friday"), [place(3), place(2), place(0)]);
        assert_eq!(found(&index, "rust, Friday"), [place(2)]);
        assert_eq!(found(&index, "fri"), [place(3), place(2), place(0)]);
        assert_eq!(found(&index, "riday"), []);
        assert_eq!(found(&index, "friday sunday"), []);
        assert_eq!(index.page(Shelf::People, "friday", 0, 50).places, []);
    }

    #[test]
    fn list_1_whatever_marks_letters_have_and_where_no_spaces_are() {
        let index = index(&["Friday café", "Cafe\u{301} Zoë", "日本語の会", "本日休業", "Ｒｕｓｔ会", "日"]);
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
            assert_eq!(found(&index, sought), fits.iter().copied().map(place).collect::<Vec<_>>(), "{sought}");
        }
    }

    #[test]
    fn list_1_without_a_letter_or_digit_nothing_is_found() {
        let index = index(&["the only one", "???"]);
        for sought in ["?", "-", "???", " ", "🎉", "\u{301}"] {
            assert_eq!(found(&index, sought), [], "{sought}");
        }
        assert_eq!(found(&index, "?one").len(), 1);
    }

    #[test]
    fn list_2_more_words_than_are_merged_are_found_all_the_same_each_on_one_page() {
        let mut index = Index::default();
        for number in 0..5_000 {
            let title = if number % 9 == 0 { format!("a{number} ab{number}") } else { "something else".to_string() };
            index.add(Shelf::Meetings, title, place(number));
        }
        for (sought, count) in [("a", 556), ("a9", 15), ("a9 ab", 15), ("ab9 a9", 15), ("e a", 0), ("a some", 0)] {
            let (mut all, mut cursor) = (vec![], 0);
            loop {
                let page = index.page(Shelf::Meetings, sought, cursor, 50);
                assert!(page.places.len() <= 50);
                all.extend(page.places);
                cursor = page.next;
                if cursor == 0 {
                    break;
                }
            }
            assert_eq!(all.len(), count, "{sought}");
            assert!(all.is_sorted_by(|one, other| one.0.0 > other.0.0), "{sought}: the newest first, each once");
        }
    }

    #[test]
    fn list_2_pages_end_where_the_next_begins_though_more_come_meanwhile() {
        let titles: Vec<_> = (0..7).map(|number| format!("talk {number}")).collect();
        let mut index = index(&titles.iter().map(String::as_str).collect::<Vec<_>>());
        for sought in ["", "talk"] {
            let (mut cursor, mut all) = (0, vec![]);
            loop {
                let page = index.page(Shelf::Meetings, sought, cursor, 3);
                all.push(page.places.len());
                index.add(Shelf::Meetings, "talk of the town".to_string(), place(100));
                cursor = page.next;
                if cursor == 0 {
                    break;
                }
            }
            assert_eq!(all.iter().sum::<usize>(), if sought.is_empty() { 7 } else { 10 }, "{all:?}");
        }
        let first = index.page(Shelf::Meetings, "", 0, 13);
        assert_eq!((first.places.len(), index.len()), (13, 14));
        assert_eq!(index.page(Shelf::Meetings, "", first.next, 13), Page { places: vec![place(0)], next: 0 });
    }

    #[test]
    fn list_2_words_that_all_have_and_never_together_cost_a_short_page_and_no_more() {
        let mut index = Index::default();
        for number in 0..10_000 {
            let title = if number % 2 == 0 { "red fish" } else { "blue bird" };
            index.add(Shelf::Meetings, title.to_string(), place(number));
        }
        let (mut pages, mut cursor) = (0, 0);
        loop {
            let page = index.page(Shelf::Meetings, "red bird", cursor, 50);
            assert_eq!(page.places, []);
            pages += 1;
            cursor = page.next;
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(pages, 5_000 * 2 / limits::LIST_STEPS_MAX + 1);
    }

    #[test]
    fn what_is_removed_leaves_nothing_behind() {
        let mut index = index(&["one two"]);
        let shelved = index.add(Shelf::Meetings, "two three".to_string(), place(7));
        assert!(index.holds(&shelved, place(7)));
        index.remove(&shelved);
        assert!(!index.holds(&shelved, place(7)));
        assert_eq!(found(&index, "two"), [place(0)]);
        assert_eq!(index.words.len(), 2);
    }
}
