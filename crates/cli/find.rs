//! What `join` finds in registries: by id, by a number of the last list, by who holds it, by
//! title, by words of it.

use tertulia_core::command::Directory;
use tertulia_core::contact::{Listed, Standing};
use tertulia_core::event::Event;
use tertulia_core::id::{Key, MeetingId};
use tertulia_core::limits::FOUND_MAX;
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
    let broken = |error: tertulia_net::Error| Fail::failed("home", error.to_string(), "tertulia list");
    let listed = home.listed().map_err(broken)?;
    if let Some(meeting) = MeetingId::from_hex(typed).or_else(|| numbered(typed, &listed)) {
        return ask(Directory::Lookup { meeting })?.into_iter().next().ok_or_else(|| nowhere(typed));
    }
    match contact(typed, home.contacts().map_err(broken)?) {
        Some(contact) => of(&contact, |all| ask(Directory::List { words: all })),
        None => choose(typed, ask(Directory::List { words: typed.into() })?),
    }
}

/// The contact who is called so: exactly, or else whatever its case and marks.
fn contact(typed: &str, mut contacts: Vec<Listed>) -> Option<Listed> {
    contacts.retain(|contact| contact.standing != Standing::Removed);
    let exactly = contacts.iter().position(|contact| contact.name == typed);
    let alike = || contacts.iter().position(|contact| folded(&contact.name) == folded(typed));
    Some(contacts.swap_remove(exactly.or_else(alike)?))
}

/// The one meeting that a contact holds, by the key that was met: nobody else's is taken for it.
fn of(contact: &Listed, ask: impl FnOnce(String) -> Result<Vec<Place>, Fail>) -> Result<Place, Fail> {
    let name = &contact.name;
    let Some(key) = contact.key else {
        let message = format!("the key of your contact {name} is not known yet, and so nor what {name} holds");
        return Err(Fail::failed("not_met", message, format!("tertulia send {} hello", quoted(name))));
    };
    // A directory is searched by titles alone: this looks through all that is listed.
    let all = ask(String::new())?;
    let is_cut = all.len() >= FOUND_MAX;
    let theirs: Vec<Place> = all.into_iter().filter(|place| place.host == key).collect();
    match theirs.as_slice() {
        [place] => Ok(place.clone()),
        [] => {
            let among = if is_cut { format!(" among the newest {FOUND_MAX} meetings") } else { String::new() };
            let message = format!("your contact {name} holds no meeting that the registry lists{among}");
            Err(Fail::failed("no_meeting", message, format!("tertulia send {} 'what is on?'", quoted(name))))
        }
        several => Err(ambiguous(&format!("are held by your contact {name}"), several)),
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
    match fitting.as_slice() {
        [place] => Ok(place.clone()),
        [] => Err(nowhere(typed)),
        several => Err(ambiguous(&format!("fit `{typed}`"), several)),
    }
}

/// Several meetings, to choose from.
fn ambiguous(why: &str, several: &[Place]) -> Fail {
    let shown = several.iter().take(SHOWN_MAX);
    let titles: Vec<String> =
        shown.map(|place| format!("`{}` ({})", escape::line(&place.title), place.meeting)).collect();
    let message = format!("{} meetings {why}: {}", several.len(), titles.join(", "));
    let first = several.first().map_or_else(String::new, |place| place.meeting.to_hex());
    Fail::failed("ambiguous", message, format!("tertulia join {first}"))
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
    fn a_contact_leads_to_the_one_meeting_of_its_key() {
        let bea = |key| Listed { name: "Béa".into(), key, addresses: vec!["a:1".into()], ..Listed::default() };
        let gone = Listed { standing: Standing::Removed, name: "carl".into(), ..bea(Some(Key([9; 32]))) };
        let all = || vec![gone.clone(), bea(Some(Key([2; 32])))];
        assert_eq!(contact("bea", all()).map(|found| found.name), Some("Béa".into()));
        assert_eq!((contact("carl", all()), contact("be", all())), (None, None));
        let found = |places: Vec<Place>| of(&bea(Some(Key([2; 32]))), |_| Ok(places));
        let others = || vec![place(1, "Béa's"), place(3, "Béa")];
        assert_eq!(found(vec![place(1, "Béa"), place(2, "Rust")]).unwrap().meeting, MeetingId([2; 16]));
        assert_eq!(found(others()).unwrap_err().code, "no_meeting");
        let twice = found(vec![place(2, "Rust"), place(1, "Béa"), place(2, "Go")]).unwrap_err();
        assert!(twice.message.starts_with("2 meetings") && twice.message.contains("`Go`"), "{twice:?}");
        assert_eq!(of(&bea(None), |_| Ok(others())).unwrap_err().code, "not_met");
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
