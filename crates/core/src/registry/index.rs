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
mod tests;
