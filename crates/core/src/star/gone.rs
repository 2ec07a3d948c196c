//! Who has left lately: whoever did wrong and went can still be muted or shown out.

use alloc::collections::VecDeque;
use alloc::string::String;

use crate::id::Key;
use crate::limits;

/// Somebody who was here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leaver {
    pub(super) key: Key,
    pub(super) name: String,
    /// The ticket that it came with.
    pub(super) ticket: Option<Key>,
}

/// The last who have left, as many as PRESENCE would name.
#[derive(Clone, Debug, Default)]
pub(super) struct Gone(VecDeque<Leaver>);

impl Gone {
    /// Somebody has left.
    pub(super) fn note(&mut self, leaver: Leaver) {
        self.forget(&leaver.key);
        if self.0.len() >= limits::PRESENCE_NAMES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(leaver);
    }

    /// Somebody is back.
    pub(super) fn forget(&mut self, key: &Key) {
        self.0.retain(|leaver| leaver.key != *key);
    }

    /// Who had this name last.
    pub(super) fn named(&self, name: &str) -> Option<Key> {
        self.0.iter().rev().find(|leaver| leaver.name == name).map(|leaver| leaver.key)
    }

    /// What is known of `key`.
    pub(super) fn get(&self, key: &Key) -> Option<&Leaver> {
        self.0.iter().find(|leaver| leaver.key == *key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;

    #[test]
    fn the_last_who_left_are_known_by_name_until_they_are_back() {
        let mut gone = Gone::default();
        let leaver = |number: usize, name: &str| {
            let key = Key([u8::try_from(number % 256).expect("a byte"); 32]);
            Leaver { key, name: name.to_string(), ticket: None }
        };
        gone.note(leaver(1, "anna"));
        gone.note(leaver(2, "anna"));
        assert_eq!(gone.named("anna"), Some(Key([2; 32])), "the one who left last");
        gone.note(leaver(1, "bea"));
        assert_eq!(gone.get(&Key([1; 32])).map(|leaver| leaver.name.as_str()), Some("bea"));
        gone.forget(&Key([2; 32]));
        assert_eq!((gone.named("anna"), gone.named("bea")), (None, Some(Key([1; 32]))));
        (0..limits::PRESENCE_NAMES_MAX * 2).for_each(|number| gone.note(leaver(number, "x")));
        assert_eq!((gone.named("bea"), gone.0.len()), (None, limits::PRESENCE_NAMES_MAX));
    }
}
