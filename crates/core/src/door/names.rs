//! Which names are taken in a meeting: no two read alike (SPEC JOIN-7).

use alloc::collections::BTreeMap;
use alloc::string::String;

use crate::id::Key;
use crate::name::reading;

/// Who has which name, by what the name reads as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    taken: BTreeMap<String, Key>,
}

impl Names {
    /// Whether somebody other than `key` has a name that reads as `name`.
    pub(crate) fn is_taken(&self, name: &str, key: Key) -> bool {
        self.taken.get(&reading(name)).is_some_and(|owner| *owner != key)
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
