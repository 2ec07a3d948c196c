//! What a node keeps of its contacts besides their logs.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use crate::address::HostPort;
use crate::id::Key;
use crate::limits::{ADDRESSES_MAX, CONTACTS_MAX, DRAFTS_MAX, LEARNED_MAX};
use crate::name::proper;
use crate::wire::field::{List, Name, Reason, Text, decode_all, encode_alone, encode_items, enumerated, layouts};

layouts! {
    /// A line of the list of contacts.
    Line<'a> "contact" {
        /// What the user calls them.
        name: Name<'a>,
        /// Who they are; zero if that is not known.
        key: Key,
        /// `HOST:PORT`, as the user has given it.
        addresses: List<'a, Reason<'a>, ADDRESSES_MAX>,
        /// `HOST:PORT`, as this node has learned it.
        learned: List<'a, Reason<'a>, LEARNED_MAX>,
        /// How the user stands to them.
        standing: Standing,
    }
    /// A text that waits for a contact's key.
    Draft<'a> "draft" {
        /// For whom, by name.
        to: Name<'a>,
        /// When it was written: no two have one time.
        time_ms: u64,
        /// The text.
        text: Text<'a>,
    }
}

enumerated! {
    /// How a user stands to somebody.
    #[derive(Default)]
    Standing "standing" {
        /// A contact like any other.
        #[default]
        Contact = 0,
        /// Has come by themselves, and the user has not answered.
        Stranger = 1,
        /// A contact whom the user has shut out.
        Blocked = 2,
        /// Came by themselves, was removed, and is kept away: no contact.
        Removed = 3,
    }
}

/// A contact as its user keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// What the user calls them.
    pub name: String,
    /// Who they are, once that is known.
    pub key: Option<Key>,
    /// `HOST:PORT`, at most `ADDRESSES_MAX`, as the user has given them.
    pub addresses: Vec<String>,
    /// `HOST:PORT`, at most `LEARNED_MAX`, as the node has learned them since, the newest first.
    pub learned: Vec<String>,
    /// How the user stands to them.
    pub standing: Standing,
}

/// What is wrong with a contact that somebody wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoContact {
    /// Its name is none.
    Name,
    /// This is no `HOST:PORT`.
    Address(String),
    /// It has more than `ADDRESSES_MAX`, or has learned more than `LEARNED_MAX`.
    Addresses,
    /// It has no key, and nobody is kept away or known again by a name alone.
    Key,
    /// It has neither an address nor a key.
    Nowhere,
}

impl Listed {
    /// Whether somebody who wrote this has written a contact.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), NoContact> {
        proper(&self.name).ok_or(NoContact::Name)?;
        let mut all = self.addresses.iter().chain(&self.learned);
        if let Some(wrong) = all.find(|address| address.parse::<HostPort>().is_err()) {
            return Err(NoContact::Address(wrong.clone()));
        }
        if self.addresses.len() > ADDRESSES_MAX || self.learned.len() > LEARNED_MAX {
            return Err(NoContact::Addresses);
        }
        match (self.key, self.standing) {
            (None, Standing::Stranger | Standing::Blocked | Standing::Removed) => Err(NoContact::Key),
            (None, Standing::Contact) if self.addresses.is_empty() => Err(NoContact::Nowhere),
            (Some(_), _) | (None, Standing::Contact) => Ok(()),
        }
    }

    /// The list as [`crate::machine::Kept::Contacts`] has it.
    pub(crate) fn encode_all(contacts: &[Self]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut count = 0_u16;
        for contact in contacts.iter().take(CONTACTS_MAX) {
            let Some(name) = Name::new(&contact.name) else { continue };
            let addresses = encode_items(contact.addresses.iter().map(|address| Reason::cut(address)), ADDRESSES_MAX);
            let learned = encode_items(contact.learned.iter().map(|address| Reason::cut(address)), LEARNED_MAX);
            let line = Line {
                name,
                key: contact.key.unwrap_or(Key::ZERO),
                addresses: List::over(addresses.0, &addresses.1),
                learned: List::over(learned.0, &learned.1),
                standing: contact.standing,
            };
            bytes.extend_from_slice(&encode_alone(&line));
            count = count.saturating_add(1);
        }
        [encode_alone(&count), bytes].concat()
    }

    /// The list that [`crate::machine::Kept::Contacts`] has; `None` if it is damaged.
    #[must_use]
    pub fn decode_all(bytes: &[u8]) -> Option<Vec<Self>> {
        let lines: List<'_, Line<'_>, CONTACTS_MAX> = decode_all(bytes).ok()?;
        let owned = |address: Reason<'_>| address.as_str().to_string();
        let contacts = lines.iter().map(|line| Self {
            name: line.name.as_str().to_string(),
            key: Some(line.key).filter(|key| *key != Key::ZERO),
            addresses: line.addresses.iter().map(owned).collect(),
            learned: line.learned.iter().map(owned).collect(),
            standing: line.standing,
        });
        Some(contacts.collect())
    }
}

/// The drafts of all contacts, as a file holds them.
pub(super) fn encode_drafts<'a>(drafts: impl IntoIterator<Item = Draft<'a>>) -> Vec<u8> {
    let (count, items) = encode_items(drafts, DRAFTS_MAX);
    [encode_alone(&count), items].concat()
}

/// The drafts of all contacts: name, time and text; none if the file is damaged.
pub(super) fn decode_drafts(bytes: &[u8]) -> Vec<(String, u64, String)> {
    let drafts = decode_all::<List<'_, Draft<'_>, DRAFTS_MAX>>(bytes);
    let owned = |draft: Draft<'_>| (draft.to.as_str().to_string(), draft.time_ms, draft.text.as_str().to_string());
    drafts.map(|drafts| drafts.iter().map(owned).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn what_is_kept_is_read_back() {
        let contacts = vec![
            Listed {
                name: "bea".into(),
                key: Some(Key([7; 32])),
                addresses: vec!["[::1]:7473".into()],
                learned: vec!["192.0.2.7:7473".into(), "192.0.2.8:7473".into()],
                standing: Standing::Blocked,
            },
            Listed { name: "carl".into(), addresses: vec!["host:1".into()], ..Listed::default() },
            Listed { name: "dora".into(), key: Some(Key([8; 32])), standing: Standing::Stranger, ..Listed::default() },
            Listed { name: "evil".into(), key: Some(Key([9; 32])), standing: Standing::Removed, ..Listed::default() },
        ];
        assert_eq!(Listed::decode_all(&Listed::encode_all(&contacts)), Some(contacts));
        assert_eq!(Listed::decode_all(b"\0\x01x"), None);
        let draft = Draft { to: Name::new("bea").unwrap(), time_ms: 5, text: Text::new("hi").unwrap() };
        assert_eq!(decode_drafts(&encode_drafts([draft])), [("bea".to_string(), 5, "hi".to_string())]);
        assert_eq!(decode_drafts(b"?"), []);
    }
}
