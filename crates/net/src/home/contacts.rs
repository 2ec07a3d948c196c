//! The contacts: a file that people read and edit. Written whole; of what a person wrote besides contacts, the lines
//! in front of the first one stay.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tertulia_core::contact::Listed;
use tertulia_core::id::Key;

use super::{read_if_there, replace, text};
use crate::error::Error;

const HEAD: &str = "\
# Friends: a name, an address HOST:PORT, and the key that was met there first.
# tertulia writes this file anew when it meets somebody; these lines stay as they are.

";

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    contact: Vec<Line>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// Has come by itself, and was not answered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    stranger: bool,
}

/// The contacts in the file at `path`; none if there is none.
pub(super) fn read(path: &Path) -> Result<Vec<Listed>, Error> {
    let error = |found: String| Error::Contacts { path: path.into(), found };
    let Some(bytes) = read_if_there(path)? else { return Ok(Vec::new()) };
    let text = text::text(&bytes).map_err(error)?;
    let file: File = toml::from_str(text).map_err(|toml| error(text::found(text, toml.span(), toml.message())))?;
    let mut contacts: Vec<Listed> = Vec::new();
    for Line { name, address, key, stranger } in file.contact {
        let key = match key {
            Some(hex) => {
                let found = || error(format!("the key of {name} is not 64 hex digits: `{hex}`"));
                Some(Key::from_hex(&hex).ok_or_else(found)?)
            }
            None => None,
        };
        let contact = Listed { name, key, address, is_stranger: stranger };
        contact.check().map_err(error)?;
        if contacts.iter().any(|other| other.name == contact.name) {
            return Err(error(format!("{} stands there twice", contact.name)));
        }
        if let Some(other) = contacts.iter().find(|other| other.key.is_some() && other.key == contact.key) {
            return Err(error(format!("{} and {} have one key", other.name, contact.name)));
        }
        contacts.push(contact);
    }
    Ok(contacts)
}

/// Puts `contacts` in the place of what the file at `path` holds.
pub(super) fn write(path: &Path, contacts: &[Listed]) -> Result<(), Error> {
    let before = read_if_there(path)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let mut text = before.as_deref().map_or(HEAD, head).to_owned();
    let contact = contacts.iter().map(|contact| Line {
        name: contact.name.clone(),
        address: contact.address.clone(),
        key: contact.key.map(Key::to_hex),
        stranger: contact.is_stranger,
    });
    let file = File { contact: contact.collect() };
    let lines =
        toml::to_string(&file).map_err(|toml| Error::Contacts { path: path.into(), found: toml.to_string() })?;
    if !contacts.is_empty() {
        text.push_str(&lines);
    }
    replace(path, text.as_bytes())
}

/// The lines in front of the first contact.
fn head(text: &str) -> &str {
    let end = text.find("\n[").map_or(text.len(), |end| end.saturating_add(1));
    text.get(..end).filter(|_| !text.starts_with('[')).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(name: &str, key: Option<u8>, address: Option<&str>) -> Listed {
        let (key, address) = (key.map(|byte| Key([byte; 32])), address.map(Into::into));
        Listed { name: name.into(), key, address, is_stranger: false }
    }

    #[test]
    fn contacts_are_read_back_and_the_first_comments_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contacts.toml");
        assert_eq!(read(&path).unwrap(), []);
        let stranger = Listed { is_stranger: true, ..listed("dora\"\\", Some(8), None) };
        let contacts =
            [listed("bea", Some(7), Some("[::1]:7473")), listed("127.0.0.1:1", None, Some("127.0.0.1:1")), stranger];
        write(&path, &contacts).unwrap();
        assert_eq!(read(&path).unwrap(), contacts);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("# mine\n{text}")).unwrap();
        write(&path, &contacts[..1]).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# mine\n# Friends"), "{text}");
        assert_eq!(text.matches("# Friends").count(), 1, "{text}");
        assert_eq!(read(&path).unwrap(), contacts[..1]);
        write(&path, &[]).unwrap();
        assert_eq!(read(&path).unwrap(), []);
    }

    #[test]
    fn what_is_wrong_with_the_file_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contacts.toml");
        for (text, expected) in [
            ("[[contact]]\nname = \"bea\"\n", "neither an address nor a key"),
            ("[[contact]]\nname = \"b a\"\naddress = \"a:1\"\n", "`b a` does not fit"),
            ("[[contact]]\nname = \"bea\"\naddress = \"a\"\n", "no HOST:PORT"),
            ("[[contact]]\nname = \"bea\"\nkey = \"12\"\n", "64 hex digits"),
            ("[[contact]]\nname = \"bea\"\nphone = \"12\"\n", "phone"),
            (
                "[[contact]]\nname = \"bea\"\naddress = \"a:1\"\n[[contact]]\nname = \"bea\"\naddress = \"a:2\"\n",
                "twice",
            ),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "it is left as it is");
        }
    }
}
