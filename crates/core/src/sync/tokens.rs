//! Texts that come again (SPEC TOKEN-2).

use alloc::collections::{BTreeMap, VecDeque};

use crate::id::{Key, Token};
use crate::limits;

/// The tokens of each sender that were seen lately: a text that comes again is answered as it was, and not shown
/// (SPEC TOKEN-2).
#[derive(Clone, Debug, Default)]
pub(crate) struct Tokens {
    seen: BTreeMap<Key, VecDeque<(Token, Answer)>>,
}

/// How a text was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It was taken.
    Done,
    /// It had a word of the filter: which strike it was.
    Struck(u8),
}

impl Tokens {
    /// How the text with this token was answered, if it came before.
    pub(crate) fn answer(&self, sender: Key, token: Token) -> Option<Answer> {
        self.seen.get(&sender)?.iter().find(|(seen, _)| *seen == token).map(|(_, answer)| *answer)
    }

    /// Notes how a new text is answered.
    pub(crate) fn note(&mut self, sender: Key, token: Token, answer: Answer) {
        if self.seen.len() >= limits::GUESTS_MAX && !self.seen.contains_key(&sender) {
            self.seen.pop_first();
        }
        let seen = self.seen.entry(sender).or_default();
        seen.push_back((token, answer));
        if seen.len() > limits::TOKENS_MAX {
            seen.pop_front();
        }
    }

    /// Notes a text that is taken; false if it came before.
    pub(crate) fn take(&mut self, sender: Key, token: Token) -> bool {
        let new = self.answer(sender, token).is_none();
        if new {
            self.note(sender, token, Answer::Done);
        }
        new
    }
}
