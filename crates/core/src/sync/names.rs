//! Which names are taken in a meeting: no two read alike (SPEC JOIN-7).

use alloc::collections::BTreeMap;
use alloc::string::String;

use crate::id::Key;

/// Who has which name, by what the name reads as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    taken: BTreeMap<String, Key>,
}

impl Names {
    /// Whether somebody other than `key` has a name that reads as `name`; one that reads as nothing is nobody's.
    pub(crate) fn is_taken(&self, name: &str, key: Key) -> bool {
        let reading = reading(name);
        reading.is_empty() || self.taken.get(&reading).is_some_and(|owner| *owner != key)
    }

    /// `key` has this name from now on.
    pub(crate) fn take(&mut self, name: &str, key: Key) {
        self.taken.insert(reading(name), key);
    }

    /// `key` no longer has this name.
    pub(crate) fn free(&mut self, name: &str, key: Key) {
        let reading = reading(name);
        if self.taken.get(&reading) == Some(&key) {
            self.taken.remove(&reading);
        }
    }
}

/// A name as it reads: in lower case, and without what no reader sees.
pub(crate) fn reading(name: &str) -> String {
    name.chars().filter(|letter| !is_invisible(*letter)).flat_map(char::to_lowercase).collect()
}

/// Unicode's `Default_Ignorable_Code_Point`: joiners, direction marks, fillers, tags.
const fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}
