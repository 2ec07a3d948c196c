//! What becomes of a question (SPEC.md, "Questions"): the word filter and its strikes.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;

use crate::id::Key;
use crate::limits;

/// Words that are not published, and how often each guest has used them.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    words: BTreeSet<String>,
    strikes: BTreeMap<Key, u8>,
}

impl Filter {
    /// A filter of whole words, whatever their case.
    pub(super) fn new(words: impl IntoIterator<Item = String>) -> Self {
        let fold = |word: String| word.trim().to_lowercase();
        let words = words.into_iter().map(fold).filter(|word| !word.is_empty()).collect();
        Self { words, strikes: BTreeMap::new() }
    }

    fn is_bad(&self, text: &str) -> bool {
        let words = text.split(|letter: char| !letter.is_alphanumeric());
        !self.words.is_empty() && words.map(str::to_lowercase).any(|word| self.words.contains(&word))
    }

    /// Counts a bad question against `asker`: `None` if it is clean, else which strike it is.
    pub(super) fn strike(&mut self, asker: Key, text: &str) -> Option<u8> {
        if !self.is_bad(text) {
            return None;
        }
        let strikes = self.strikes.entry(asker).or_default();
        *strikes = strikes.saturating_add(1).min(limits::STRIKES_MAX);
        Some(*strikes)
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
    fn ask_4_a_bad_word_is_a_whole_word_of_any_case() {
        let mut filter = Filter::new(["Damn".to_string(), " Ärger ".to_string(), String::new()]);
        let (anna, bea) = (Key([1; 32]), Key([2; 32]));
        assert_eq!(filter.strike(anna, "What about dams and damnation?"), None);
        assert_eq!(filter.strike(anna, "why, DAMN?"), Some(1));
        assert_eq!(filter.strike(bea, "ärger!"), Some(1));
        assert_eq!(filter.strike(anna, "(damn)"), Some(2));
        assert_eq!(filter.strike(anna, "damn"), Some(3));
        filter.forgive(&anna);
        assert_eq!(filter.strike(anna, "damn"), Some(1));
        assert_eq!(Filter::default().strike(anna, "damn"), None);
    }
}
