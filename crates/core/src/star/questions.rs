//! What becomes of a question (SPEC.md, "Questions"): the word filter and its strikes.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use crate::id::Key;
use crate::limits;

/// Words and phrases that are not published, and how often each guest has used one.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    phrases: BTreeSet<Vec<String>>,
    strikes: BTreeMap<Key, u8>,
}

/// The words of `text`, whatever their case and what stands between them.
fn words(text: &str) -> Vec<String> {
    let words = text.split(|letter: char| !letter.is_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

impl Filter {
    /// A filter of whole words; of several that follow each other, if a line has several.
    pub(super) fn new(lines: impl IntoIterator<Item = String>) -> Self {
        let phrases = lines.into_iter().map(|line| words(&line)).filter(|words| !words.is_empty()).collect();
        Self { phrases, strikes: BTreeMap::new() }
    }

    /// What of `text` is not published.
    pub(super) fn found(&self, text: &str) -> Option<String> {
        let lengths: BTreeSet<usize> = self.phrases.iter().map(Vec::len).collect();
        let words = words(text);
        let found = lengths.iter().flat_map(|length| words.windows(*length)).find(|part| self.phrases.contains(*part));
        found.map(|phrase| phrase.join(" "))
    }

    /// Counts a bad question against `asker`: which strike it is.
    pub(super) fn strike(&mut self, asker: Key) -> u8 {
        if self.strikes.len() >= limits::STRUCK_MAX && !self.strikes.contains_key(&asker) {
            // Keys are free: those of one bad question each make room for each other.
            let least = self.strikes.iter().min_by_key(|(_, strikes)| **strikes).map(|(key, _)| *key);
            least.map(|key| self.strikes.remove(&key));
        }
        let strikes = self.strikes.entry(asker).or_default();
        *strikes = strikes.saturating_add(1).min(limits::STRIKES_MAX);
        *strikes
    }

    /// Starts again for somebody who was forgiven.
    pub(super) fn forgive(&mut self, asker: &Key) {
        self.strikes.remove(asker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn ask_4_a_bad_word_is_a_whole_word_of_any_case_and_a_phrase_its_words_in_order() {
        let filter = Filter::new(["Damn", " Ärger ", "your  mother", "", "***"].map(str::to_string));
        for (text, found) in [
            ("What about dams and damnation?", None),
            ("why, DAMN?", Some("damn")),
            ("ärger!", Some("ärger")),
            ("(damn)", Some("damn")),
            ("Your, MOTHER!", Some("your mother")),
            ("mother, your", None),
            ("***", None),
            ("", None),
        ] {
            assert_eq!(filter.found(text).as_deref(), found, "{text}");
        }
        assert_eq!(Filter::default().found("damn"), None);
    }

    #[test]
    fn ask_4_each_asker_has_strikes_of_its_own_until_it_is_forgiven() {
        let (mut filter, anna, bea) = (Filter::default(), Key([1; 32]), Key([2; 32]));
        assert_eq!([anna, bea, anna, anna].map(|asker| filter.strike(asker)), [1, 1, 2, 3]);
        filter.forgive(&anna);
        assert_eq!(filter.strike(anna), 1);
    }

    #[test]
    fn ask_4_a_crowd_of_keys_fills_no_memory_and_has_nobodys_strikes_forgotten_but_its_own() {
        let (mut filter, anna) = (Filter::default(), Key([0; 32]));
        assert_eq!([filter.strike(anna), filter.strike(anna)], [1, 2]);
        for number in 1..=u32::try_from(limits::STRUCK_MAX).expect("a number") + 10 {
            let mut key = [1; 32];
            key[..4].copy_from_slice(&number.to_be_bytes());
            filter.strike(Key(key));
        }
        assert_eq!((filter.strikes.len(), filter.strike(anna)), (limits::STRUCK_MAX, 3));
    }
}
