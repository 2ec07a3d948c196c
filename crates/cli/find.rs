//! What `join` finds in registries: by id, by a number of the last list, by title, by words of it.

use tertulia_core::command::Directory;
use tertulia_core::event::Event;
use tertulia_core::id::{Key, MeetingId};
use tertulia_core::registry::folded;
use tertulia_net::Home;

use crate::fail::{Fail, quoted};
use crate::globals::Registries;
use crate::screen::Screen;
use crate::{directory, escape};

/// A meeting that a registry has shown: who must answer, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) meeting: MeetingId,
    pub(crate) host: Key,
    pub(crate) title: String,
    pub(crate) addresses: Vec<String>,
}

impl Place {
    fn of(event: &Event) -> Option<Self> {
        let Event::Listing { meeting, title, key, addresses, .. } = event else { return None };
        let addresses = addresses.iter().map(ToString::to_string).collect();
        Some(Self { meeting: *meeting, host: *key, title: title.clone(), addresses })
    }
}

/// The one meeting that `typed` means.
///
/// # Errors
/// There is none, there are several, or no registry answers.
pub(crate) fn find(typed: &str, home: &Home, registries: &Registries, screen: &mut Screen) -> Result<Place, Fail> {
    let mut ask = |question| {
        let found = directory::ask(question, registries, None, screen)?;
        Ok(found.iter().filter_map(Place::of).collect::<Vec<_>>())
    };
    let listed = home.listed().map_err(|error| Fail::failed("home", error.to_string(), "tertulia list"))?;
    match MeetingId::from_hex(typed).or_else(|| numbered(typed, &listed)) {
        Some(meeting) => ask(Directory::Lookup { meeting })?.into_iter().next().ok_or_else(|| nowhere(typed)),
        None => choose(typed, ask(Directory::List { words: typed.into() })?),
    }
}

/// The meeting that had this number in the last list.
fn numbered(typed: &str, listed: &[MeetingId]) -> Option<MeetingId> {
    let at = typed.parse::<usize>().ok()?.checked_sub(1)?;
    listed.get(at).copied()
}

/// The one whose title this is, or the only one that there is.
fn choose(typed: &str, found: Vec<Place>) -> Result<Place, Fail> {
    let same = |place: &Place| folded(&place.title) == folded(typed);
    let (titled, others): (Vec<_>, Vec<_>) = found.into_iter().partition(same);
    let fitting = if titled.is_empty() { others } else { titled };
    let mut rest = fitting.iter();
    match (rest.next(), rest.len()) {
        (Some(place), 0) => Ok(place.clone()),
        (Some(first), _) => {
            let titles: Vec<String> = fitting
                .iter()
                .take(SHOWN_MAX)
                .map(|place| format!("`{}` ({})", escape::line(&place.title), place.meeting))
                .collect();
            let message = format!("{} meetings fit `{typed}`: {}", fitting.len(), titles.join(", "));
            Err(Fail::failed("ambiguous", message, format!("tertulia join {}", first.meeting)))
        }
        (None, _) => Err(nowhere(typed)),
    }
}

/// Titles of an error.
const SHOWN_MAX: usize = 5;

/// Nothing like that is on.
pub(crate) fn nowhere(typed: &str) -> Fail {
    let message = format!("no meeting called {} is on, as far as the registry knows", quoted(typed));
    Fail::failed("no_meeting", message, "tertulia list")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(number: u8, title: &str) -> Place {
        let meeting = MeetingId([number; 16]);
        Place { meeting, host: Key([number; 32]), title: title.into(), addresses: vec![] }
    }

    #[test]
    fn a_whole_title_comes_before_words_of_one() {
        let found = || vec![place(1, "Rust for all"), place(2, "Rust"), place(3, "More Rust")];
        assert_eq!(choose("rust", found()).unwrap().meeting, MeetingId([2; 16]));
        let fail = choose("Rus", found()).unwrap_err();
        assert_eq!(fail.code, "ambiguous");
        assert!(fail.message.contains("3 meetings") && fail.hint.contains(&"01".repeat(16)), "{fail:?}");
        assert_eq!(choose("all", vec![place(1, "Rust for all")]).unwrap().meeting, MeetingId([1; 16]));
        assert_eq!(choose("all", vec![]).unwrap_err().code, "no_meeting");
        let twins = vec![place(1, "Rust"), place(2, "rust"), place(3, "Rust 101")];
        assert!(choose("RUST", twins).unwrap_err().message.starts_with("2 meetings"));
        let marked = vec![place(1, "Café"), place(2, "Cafe au lait")];
        assert_eq!(choose("CAFE", marked).unwrap().meeting, MeetingId([1; 16]));
    }

    #[test]
    fn numbers_are_those_of_the_last_list() {
        let listed = [MeetingId([1; 16]), MeetingId([2; 16])];
        assert_eq!(numbered("2", &listed), Some(MeetingId([2; 16])));
        for none in ["0", "3", "two", "", "-1"] {
            assert_eq!(numbered(none, &listed), None, "{none}");
        }
    }
}
