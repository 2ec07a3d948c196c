//! Looking for what was said.

use super::model::{Item, Model, What};

/// What is looked for, and where the user is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Search {
    typed: String,
    /// In small letters; an item has all of them.
    words: Vec<String>,
    /// The number of the item that was found, of all that there were.
    at: Option<usize>,
    /// How many items have the words, and which of them this is, 1 the newest.
    found: usize,
    place: usize,
}

impl Search {
    /// The newest that has all words of `typed`.
    pub(crate) fn new(typed: &str, model: &Model) -> Self {
        let words = typed.split_whitespace().map(str::to_lowercase).collect();
        let mut search = Self { typed: typed.into(), words, at: None, found: 0, place: 0 };
        search.go(true, model);
        search
    }

    /// Goes to the next that is older, or newer; stays where there is none.
    pub(crate) fn go(&mut self, is_older: bool, model: &Model) {
        let first = model.first();
        // The oldest go, and one that was found may be of them.
        self.at = self.at.filter(|at| *at >= first);
        let newest_first = model.items.iter().enumerate().rev();
        let all: Vec<usize> = newest_first
            .filter(|(_, item)| model.shows(item) && self.is_in(item))
            .map(|(at, _)| first.saturating_add(at))
            .collect();
        self.found = all.len();
        let older = || all.iter().position(|number| self.at.is_none_or(|at| *number < at));
        let newer = || all.iter().rposition(|number| self.at.is_none_or(|at| *number > at));
        let here = || all.iter().position(|number| self.at == Some(*number));
        let place = if is_older { older() } else { newer() }.or_else(here);
        self.at = place.and_then(|place| all.get(place).copied());
        self.place = place.map_or(0, |place| place.saturating_add(1));
    }

    /// The number of the item that was found.
    pub(crate) const fn at(&self) -> Option<usize> {
        self.at
    }

    /// What the user is told.
    pub(crate) fn words(&self) -> String {
        match self.found {
            0 => format!("nobody has said `{}` (Esc ends)", self.typed),
            found => format!(
                "{} of {found} with `{}` (n older, N newer; Esc, or what you type, ends)",
                self.place, self.typed
            ),
        }
    }

    fn is_in(&self, item: &Item) -> bool {
        let What::Said { from, text: Some(text), .. } = &item.what else { return false };
        let all = format!("{from} {text}").to_lowercase();
        self.words.iter().all(|word| all.contains(word))
    }
}
