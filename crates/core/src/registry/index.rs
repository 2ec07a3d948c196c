//! What is listed, in order and by word: a page costs what is on it, however much is listed.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) places: Vec<Place>,
    /// Where the next page begins; 0: there is none.
    pub(super) next: u64,
}

/// All that LIST shows.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    order: BTreeMap<(Shelf, u64), Place>,
    words: BTreeMap<(Shelf, String), BTreeSet<u64>>,
    last: u64,
}

/// The words of a text: letters and digits in a row, in lower case.
fn words(text: &str) -> BTreeSet<String> {
    let pieces = text.split(|letter: char| !letter.is_alphanumeric()).filter(|piece| !piece.is_empty());
    pieces.map(|piece| piece.chars().flat_map(char::to_lowercase).collect()).collect()
}

impl Index {
    /// Puts a record in front of all others.
    pub(super) fn add(&mut self, shelf: Shelf, text: String, place: Place) -> Shelved {
        self.last = self.last.saturating_add(1);
        let serial = self.last;
        self.order.insert((shelf, serial), place);
        for word in words(&text) {
            self.words.entry((shelf, word)).or_default().insert(serial);
        }
        Shelved { shelf, text, serial }
    }

    pub(super) fn remove(&mut self, shelved: &Shelved) {
        let Shelved { shelf, text, serial } = shelved;
        self.order.remove(&(*shelf, *serial));
        for word in words(text) {
            let key = (*shelf, word);
            if let Some(serials) = self.words.get_mut(&key) {
                serials.remove(serial);
                if serials.is_empty() {
                    self.words.remove(&key);
                }
            }
        }
    }

    /// At most `most` of those that have all of `sought` among their words, the newest first (SPEC LIST-1, LIST-2).
    /// However many have a word in common, no more than `LIST_STEPS_MAX` are looked at: then the page is short.
    pub(super) fn page(&self, shelf: Shelf, sought: &str, cursor: u64, most: usize) -> Page {
        let mut page = Page { places: Vec::new(), next: 0 };
        let below = if cursor == 0 { u64::MAX } else { cursor };
        let mut sets = Vec::new();
        for word in words(sought) {
            match self.words.get(&(shelf, word)) {
                Some(serials) => sets.push(serials),
                None => return page,
            }
        }
        sets.sort_by_key(|serials| serials.len());
        let mut sets = sets.into_iter();
        let candidates: Box<dyn Iterator<Item = u64>> = match sets.next() {
            Some(rarest) => Box::new(rarest.range(..below).rev().copied()),
            None => Box::new(self.order.range((shelf, 0)..(shelf, below)).rev().map(|((_, serial), _)| *serial)),
        };
        let others = sets.as_slice();
        let (mut steps, mut last) = (0_usize, below);
        for serial in candidates {
            if page.places.len() >= most || steps >= limits::LIST_STEPS_MAX {
                page.next = last;
                break;
            }
            steps = steps.saturating_add(1).saturating_add(others.len());
            last = serial;
            if others.iter().all(|serials| serials.contains(&serial)) {
                page.places.extend(self.order.get(&(shelf, serial)));
            }
        }
        page
    }

    /// How many records are listed.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether a record stands where it says.
    pub(super) fn holds(&self, shelved: &Shelved, place: Place) -> bool {
        self.order.get(&(shelved.shelf, shelved.serial)) == Some(&place)
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
    fn list_1_the_newest_first_by_whole_words_of_any_case() {
        let index = index(&["Friday tertulia", "Rust for all", "FRIDAY: Rust!", "Fridays"]);
        assert_eq!(found(&index, ""), [place(3), place(2), place(1), place(0)]);
        assert_eq!(found(&index, "friday"), [place(2), place(0)]);
        assert_eq!(found(&index, "rust, Friday"), [place(2)]);
        assert_eq!(found(&index, "fri"), []);
        assert_eq!(found(&index, "friday sunday"), []);
        assert_eq!(index.page(Shelf::People, "friday", 0, 50).places, []);
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
