//! What calls the user who looks elsewhere.

use tertulia_core::event::{Event, Kind, Role};

use crate::escape;

/// Of each kind whether it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Calls([bool; KINDS.len()]);

/// Private words, the own name, somebody at the door, the end.
const KINDS: [&str; 4] = ["private", "name", "knock", "end"];

impl Default for Calls {
    fn default() -> Self {
        Self([true; KINDS.len()])
    }
}

impl Calls {
    /// All kinds, as they are typed.
    pub(crate) fn all() -> String {
        KINDS.join(",")
    }

    /// What a setting says: some of the kinds, with commas between, or `none`.
    pub(crate) fn read(setting: &str) -> Option<Self> {
        let mut calls = Self([false; KINDS.len()]);
        if setting.trim() == "none" {
            return Some(calls);
        }
        for word in setting.split(',') {
            let at = KINDS.iter().position(|kind| *kind == word.trim())?;
            *calls.0.get_mut(at)? = true;
        }
        Some(calls)
    }

    /// What the user is called with, if `event` is worth it; `us`: the own part, and name.
    pub(crate) fn of(self, event: &Event, us: (Option<Role>, &str)) -> Option<String> {
        let [private, name, knock, end] = self.0;
        let from = |name: &str, does: &str| Some(format!("{} {does}", escape::line(name)));
        if let Event::Message { kind, from: author, own: false, text, .. } = event {
            let is_private = match kind {
                Kind::Whisper(_) => true,
                Kind::Text(_) => us.0 == Some(Role::Friends),
                Kind::Question(..) | Kind::Deed(..) | Kind::Missing(_) | Kind::Removed(..) => false,
            };
            return match is_private {
                true if private => from(author, "writes to you"),
                false if name && names(text, us.1) => from(author, "names you"),
                true | false => None,
            };
        }
        if let Event::Knock { name, .. } = event {
            return from(name, "knocks").filter(|_| knock);
        }
        (end && matches!(event, Event::Closed { .. })).then(|| "it is over".into())
    }
}

/// Whether a text has this name as a word.
fn names(text: &str, name: &str) -> bool {
    let name = name.to_lowercase();
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '-' || letter == '_';
    !name.is_empty() && text.to_lowercase().split(|letter| !is_part(letter)).any(|word| word == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_none_or_some_of_the_kinds() {
        assert_eq!(Calls::read(&Calls::all()), Some(Calls::default()));
        assert_eq!(Calls::read("none"), Some(Calls([false; 4])));
        assert_eq!(Calls::read("knock, private"), Some(Calls([true, false, true, false])));
        assert_eq!((Calls::read(""), Calls::read("knock,bells")), (None, None));
    }

    #[test]
    fn a_name_is_a_word_of_its_own() {
        for (text, is_named) in [("Anna?", true), ("ask anna-2", false), ("hannah", false), ("so, ANNA: go on", true)] {
            assert_eq!(names(text, "anna"), is_named, "{text}");
        }
        assert!(!names("anything", ""));
    }
}
