//! What a node keeps of its contacts besides their logs.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use crate::address::HostPort;
use crate::id::Key;
use crate::limits::{CONTACTS_MAX, DRAFTS_MAX, TALK_SESSIONS_MAX};
use crate::name::proper;
use crate::sync::name_failure;
use crate::wire::field::{Field, List, Name, Reason, Text, decode_all, encode_alone, encode_items, layouts};

layouts! {
    /// A line of the list of contacts.
    Line<'a> "contact" {
        /// What the user calls them.
        name: Name<'a>,
        /// Who they are; zero if that is not known.
        key: Key,
        /// `HOST:PORT`; empty if none is known.
        address: Reason<'a>,
        /// 1 if they came by themselves, and the user has not answered.
        stranger: u8,
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
    /// How far the other of a pair is with one of the own streams.
    Received "received" {
        /// The session.
        session: u64,
        /// The other has all below this number.
        next: u64,
    }
}

/// A contact as its user keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// What the user calls them.
    pub name: String,
    /// Who they are, once that is known.
    pub key: Option<Key>,
    /// `HOST:PORT`, if one is known.
    pub address: Option<String>,
    /// Whether they came by themselves, and the user has not answered.
    pub is_stranger: bool,
}

impl Listed {
    /// Whether somebody who wrote this has written a contact.
    ///
    /// # Errors
    /// What was expected, and what was found.
    pub fn check(&self) -> Result<(), String> {
        let name = &self.name;
        proper(name).ok_or_else(|| name_failure(name).1)?;
        match &self.address {
            Some(address) if address.parse::<HostPort>().is_ok() => Ok(()),
            Some(address) => Err(alloc::format!("the address of {name} is no HOST:PORT: `{address}`")),
            None if self.key.is_none() => Err(alloc::format!("{name} has neither an address nor a key")),
            None => Ok(()),
        }
    }

    /// The list as [`crate::machine::Kept::Contacts`] has it.
    #[must_use]
    pub fn encode_all(contacts: &[Self]) -> Vec<u8> {
        let lines = contacts.iter().filter_map(|contact| {
            let (name, key) = (Name::new(&contact.name)?, contact.key.unwrap_or(Key::ZERO));
            let address = Reason::cut(contact.address.as_deref().unwrap_or_default());
            Some(Line { name, key, address, stranger: u8::from(contact.is_stranger) })
        });
        encode_list::<_, CONTACTS_MAX>(lines)
    }

    /// The list that [`crate::machine::Kept::Contacts`] has; `None` if it is damaged.
    #[must_use]
    pub fn decode_all(bytes: &[u8]) -> Option<Vec<Self>> {
        let lines: List<'_, Line<'_>, CONTACTS_MAX> = decode_all(bytes).ok()?;
        let contacts = lines.iter().map(|line| Self {
            name: line.name.as_str().to_string(),
            key: Some(line.key).filter(|key| *key != Key::ZERO),
            address: Some(line.address.as_str().to_string()).filter(|address| !address.is_empty()),
            is_stranger: line.stranger != 0,
        });
        Some(contacts.collect())
    }
}

/// A list, as a file holds it.
fn encode_list<'a, T: Field<'a>, const MAX: usize>(items: impl IntoIterator<Item = T>) -> Vec<u8> {
    let (count, items) = encode_items(items, MAX);
    let mut bytes = encode_alone(&count);
    bytes.extend_from_slice(&items);
    bytes
}

/// The drafts of all contacts, as a file holds them.
pub(super) fn encode_drafts<'a>(drafts: impl IntoIterator<Item = Draft<'a>>) -> Vec<u8> {
    encode_list::<_, DRAFTS_MAX>(drafts)
}

/// The drafts of all contacts: name, time and text; none if the file is damaged.
pub(super) fn decode_drafts(bytes: &[u8]) -> Vec<(String, u64, String)> {
    let drafts = decode_all::<List<'_, Draft<'_>, DRAFTS_MAX>>(bytes);
    let owned = |draft: Draft<'_>| (draft.to.as_str().to_string(), draft.time_ms, draft.text.as_str().to_string());
    drafts.map(|drafts| drafts.iter().map(owned).collect()).unwrap_or_default()
}

/// What the other of a pair has, as a file holds it.
pub(super) fn encode_received(received: impl IntoIterator<Item = (u64, u64)>) -> Vec<u8> {
    let received = received.into_iter().map(|(session, next)| Received { session, next });
    encode_list::<_, TALK_SESSIONS_MAX>(received)
}

/// What the other of a pair has, by session; nothing if the file is damaged: then it says so itself.
pub(super) fn decode_received(bytes: &[u8]) -> impl Iterator<Item = (u64, u64)> {
    let received = decode_all::<List<'_, Received, TALK_SESSIONS_MAX>>(bytes);
    received.ok().into_iter().flat_map(|list| list.iter()).map(|received| (received.session, received.next))
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
                address: Some("[::1]:7473".into()),
                is_stranger: false,
            },
            Listed { name: "carl".into(), key: None, address: Some("host:1".into()), is_stranger: false },
            Listed { name: "dora".into(), key: Some(Key([8; 32])), address: None, is_stranger: true },
        ];
        assert_eq!(Listed::decode_all(&Listed::encode_all(&contacts)), Some(contacts));
        assert_eq!(Listed::decode_all(b"\0\x01x"), None);
        let draft = Draft { to: Name::new("bea").unwrap(), time_ms: 5, text: Text::new("hi").unwrap() };
        assert_eq!(decode_drafts(&encode_drafts([draft])), [("bea".to_string(), 5, "hi".to_string())]);
        assert_eq!(decode_drafts(b"?"), []);
        assert_eq!(decode_received(&encode_received([(7, 3)])).collect::<Vec<_>>(), [(7, 3)]);
    }
}
