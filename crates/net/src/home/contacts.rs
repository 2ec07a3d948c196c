//! The contacts: a file that people read and edit. What a person wrote stays as it is, comments and order too; only what
//! has changed is written.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use tertulia_core::contact::{Listed, NoContact, Standing};
use tertulia_core::id::Key;
use tertulia_core::limits::ADDRESSES_MAX;
use tertulia_core::reason::name_form;
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, Value, value};

use super::{edited, read_if_there, replace, sealed, text};
use crate::error::Error;

const HEAD: &str = "\
# Friends: a name, an address HOST:PORT (or several: addresses = [\"…\", \"…\"]), and the key that was met there first.
# What tertulia has learned since stands in `learned`. It changes its own lines only; yours stay as they are.

";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    contact: Vec<Line>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: String,
    address: Option<String>,
    #[serde(default)]
    addresses: Vec<String>,
    #[serde(default)]
    learned: Vec<String>,
    key: Option<String>,
    /// Has come by itself, and was not answered.
    #[serde(default)]
    stranger: bool,
    /// Is kept away.
    #[serde(default)]
    blocked: bool,
    /// Is no contact any more, and is kept away.
    #[serde(default)]
    removed: bool,
}

impl Line {
    fn standing(&self) -> Standing {
        match (self.removed, self.blocked, self.stranger) {
            (true, _, _) => Standing::Removed,
            (false, true, _) => Standing::Blocked,
            (false, false, true) => Standing::Stranger,
            (false, false, false) => Standing::Contact,
        }
    }

    /// What stands in `address`, then what stands in `addresses`.
    fn given(&self) -> Vec<String> {
        self.address
            .iter()
            .chain(self.addresses.iter().filter(|given| self.address.as_ref() != Some(given)))
            .cloned()
            .collect()
    }
}

/// The contacts in the file at `path`; none if there is none.
pub(super) fn read(path: &Path) -> Result<Vec<Listed>, Error> {
    let error = |found: String| Error::Contacts { path: path.into(), found };
    let Some(bytes) = read_if_there(path)? else { return Ok(Vec::new()) };
    let text = text::text(&bytes).map_err(error)?;
    let file: File = toml::from_str(text).map_err(|toml| error(text::found(text, toml.span(), toml.message())))?;
    let mut contacts: Vec<Listed> = Vec::new();
    for line in file.contact {
        let key = match &line.key {
            Some(hex) => {
                let found = || error(format!("the key of {} is not 64 hex digits: `{hex}`", line.name));
                Some(Key::from_hex(hex).ok_or_else(found)?)
            }
            None => None,
        };
        let (standing, addresses) = (line.standing(), line.given());
        let contact = Listed { name: line.name, key, addresses, learned: line.learned, standing };
        contact.check().map_err(|wrong| error(found(&contact.name, &wrong)))?;
        let takes_name = |other: &Listed| other.standing != Standing::Removed && other.name == contact.name;
        if contact.standing != Standing::Removed && contacts.iter().any(takes_name) {
            return Err(error(format!("{} stands there twice", contact.name)));
        }
        if let Some(other) = contacts.iter().find(|other| other.key.is_some() && other.key == contact.key) {
            return Err(error(format!("{} and {} have one key", other.name, contact.name)));
        }
        contacts.push(contact);
    }
    Ok(contacts)
}

/// What is wrong with a contact, for whoever has written it.
fn found(name: &str, wrong: &NoContact) -> String {
    match wrong {
        NoContact::Name => name_form(name),
        NoContact::Address(address) => format!("the address of {name} is no HOST:PORT: `{address}`"),
        NoContact::Addresses => format!("{name} has more than {ADDRESSES_MAX} addresses; leave some out"),
        NoContact::Key => format!("{name} has no key, and nobody is kept away or known again by a name alone"),
        NoContact::Nowhere => format!("{name} has neither an address nor a key"),
    }
}

/// Puts `contacts` in the place of those that the file at `path` holds. A file that is no such list is set aside.
pub(super) fn write(path: &Path, contacts: &[Listed]) -> Result<(), Error> {
    let before = read_if_there(path)?;
    let is_list = |text: &&str| toml::from_str::<File>(text).is_ok();
    let known = before.as_deref().and_then(|bytes| text::text(bytes).ok()).filter(is_list);
    if before.is_some() && known.is_none() {
        sealed::set_aside(path, "before")?;
    }
    let (head, body) = divided(known.unwrap_or(HEAD));
    let broken = |toml: toml_edit::TomlError| Error::Contacts { path: path.into(), found: toml.message().into() };
    let mut document: DocumentMut = body.parse().map_err(broken)?;
    let tables = document.entry("contact").or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    if tables.as_array_of_tables().is_none() {
        // Written in one line; this form has room for comments.
        *tables = Item::ArrayOfTables(std::mem::take(tables).into_array_of_tables().unwrap_or_default());
    }
    if let Some(tables) = tables.as_array_of_tables_mut() {
        put(tables, contacts);
    }
    if contacts.is_empty() {
        document.remove("contact");
    }
    let gap = if head.is_empty() || head.ends_with('\n') { "" } else { "\n" };
    let text = format!("{head}{gap}{document}");
    edited::remember(path, text.as_bytes())?;
    replace(path, text.as_bytes())
}

/// Comments in front that are of no contact, up to the last empty line among them; and the rest.
fn divided(text: &str) -> (&str, &str) {
    let (mut end, mut at) = (0_usize, 0_usize);
    for line in text.split_inclusive('\n') {
        let said = line.trim();
        if !said.is_empty() && !said.starts_with('#') {
            return text.split_at_checked(end).unwrap_or(("", text));
        }
        at = at.saturating_add(line.len());
        if said.is_empty() {
            end = at;
        }
    }
    (text, "")
}

/// What stands in a field, if it is a text.
fn said<'t>(table: &'t Table, field: &str) -> Option<&'t str> {
    table.get(field).and_then(Item::as_str)
}

/// Changes the tables of those who are there, in their order; others go, new ones come at the end.
fn put(tables: &mut ArrayOfTables, contacts: &[Listed]) {
    let (mut keys, mut names) = (BTreeMap::new(), BTreeMap::new());
    // Somebody who was removed may have had the name of a contact.
    let (removed, others): (Vec<_>, Vec<_>) =
        contacts.iter().enumerate().partition(|(_, contact)| contact.standing == Standing::Removed);
    for (at, contact) in removed.into_iter().chain(others) {
        names.insert(contact.name.as_str(), (at, contact));
        contact.key.into_iter().for_each(|key| _ = keys.insert(key, (at, contact)));
    }
    let mut new: BTreeMap<usize, &Listed> = contacts.iter().enumerate().collect();
    let mut kept = Vec::new();
    tables.retain(|table| {
        let named = said(table, "name").and_then(|name| names.get(name));
        let of = match said(table, "key").and_then(Key::from_hex) {
            Some(key) => keys.get(&key).or(named.filter(|(_, contact)| contact.key.is_none())),
            None => named,
        };
        let contact = of.and_then(|(at, _)| new.remove(at));
        kept.extend(contact);
        contact.is_some()
    });
    tables.iter_mut().zip(kept).for_each(|(table, contact)| write_line(table, contact));
    for contact in new.into_values() {
        let mut table = Table::new();
        write_line(&mut table, contact);
        tables.push(table);
    }
}

/// Writes what has changed; a person's own way to write the same stays.
fn write_line(table: &mut Table, contact: &Listed) {
    let texts = |table: &Table, field| -> Vec<String> {
        let array = table.get(field).and_then(Item::as_array).into_iter().flatten();
        array.filter_map(Value::as_str).map(str::to_string).collect()
    };
    if said(table, "name") != Some(&contact.name) {
        set(table, "name", value(&contact.name));
    }
    let more = texts(table, "addresses");
    let given: Vec<String> = said(table, "address").map(str::to_string).into_iter().chain(more).collect();
    if given != contact.addresses {
        table.remove("address");
        table.remove("addresses");
        match contact.addresses.as_slice() {
            [] => {}
            [one] => set(table, "address", value(one)),
            several => set(table, "addresses", value(several.iter().collect::<Array>())),
        }
    }
    if texts(table, "learned") != contact.learned {
        table.remove("learned");
        if !contact.learned.is_empty() {
            set(table, "learned", value(contact.learned.iter().collect::<Array>()));
        }
    }
    if let Some(key) = contact.key.filter(|key| said(table, "key").and_then(Key::from_hex) != Some(*key)) {
        set(table, "key", value(key.to_hex()));
    }
    for (field, standing) in
        [("stranger", Standing::Stranger), ("blocked", Standing::Blocked), ("removed", Standing::Removed)]
    {
        let is_said = table.get(field).and_then(Item::as_bool).unwrap_or(false);
        match (contact.standing == standing, is_said) {
            (true, false) => set(table, field, value(true)),
            (false, true) => drop(table.remove(field)),
            (true, true) | (false, false) => {}
        }
    }
}

/// Puts a value where it stands, with the comment beside it.
fn set(table: &mut Table, field: &str, mut item: Item) {
    let decor = table.get(field).and_then(Item::as_value).map(|value| value.decor().clone());
    if let (Some(decor), Some(value)) = (decor, item.as_value_mut()) {
        *value.decor_mut() = decor;
    }
    table.insert(field, item);
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tertulia_core::limits::CONTACTS_MAX;

    use super::*;

    fn listed(name: &str, key: Option<u8>, address: Option<&str>) -> Listed {
        let (key, addresses) = (key.map(|byte| Key([byte; 32])), address.into_iter().map(Into::into).collect());
        Listed { name: name.into(), key, addresses, ..Listed::default() }
    }

    #[test]
    fn contacts_are_read_back_and_the_first_comments_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contacts.toml");
        assert_eq!(read(&path).unwrap(), []);
        let stranger = Listed { standing: Standing::Stranger, ..listed("dora\"\\", Some(8), None) };
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
        write(&path, &contacts).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("# mine\n# Friends"));
        assert_eq!(read(&path).unwrap(), contacts);
    }

    #[test]
    fn what_a_person_wrote_stays_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contacts.toml");
        let mine = "\
# mine
[[contact]]  # my sister
name = 'bea' # short for Beatriz
addresses = [\"a:1\",
  \"b:2\", # at work
]

# from the choir
[[contact]]
address = \"c:3\"
name = \"carl\"
# the end
";
        std::fs::write(&path, mine).unwrap();
        let mut contacts = read(&path).unwrap();
        assert_eq!(contacts[0].addresses, ["a:1", "b:2"]);
        write(&path, &contacts).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), mine, "nothing has changed");
        contacts[0].key = Some(Key([7; 32]));
        contacts[0].learned = vec!["d:4".into()];
        contacts[1].standing = Standing::Blocked;
        contacts[1].key = Some(Key([9; 32]));
        contacts.push(Listed { standing: Standing::Removed, ..listed("carl", Some(8), None) });
        write(&path, &contacts).unwrap();
        assert_eq!(read(&path).unwrap(), contacts);
        let text = std::fs::read_to_string(&path).unwrap();
        for part in ["# mine", "# my sister", "'bea' # short for Beatriz", "# at work", "# from the choir", "# the end"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.contains("learned = [\"d:4\"]") && text.contains("blocked = true"), "{text}");
        contacts[0].name = "beatriz".into();
        contacts[1].standing = Standing::Contact;
        contacts.truncate(2);
        write(&path, &contacts).unwrap();
        assert_eq!(read(&path).unwrap(), contacts);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("\"beatriz\" # short for Beatriz") && !text.contains("blocked"), "{text}");
        std::fs::write(&path, "contact = [\n{ name = \"bea\", address = \"a:1\" }]\n").unwrap();
        let contacts = [read(&path).unwrap(), vec![listed("carl", None, Some("c:3"))]].concat();
        write(&path, &contacts).unwrap();
        assert_eq!(read(&path).unwrap(), contacts);
    }

    #[test]
    fn each_keeps_its_own_lines_however_the_key_is_written_and_whoever_had_the_name_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contacts.toml");
        let key = "AB".repeat(32);
        let mine = format!(
            "[[contact]]\nname = \"bea\" # hers\nkey = \"{key}\"\n\n[[contact]]\nname = \"carl\" # his\naddress = \"c:3\"\n"
        );
        std::fs::write(&path, &mine).unwrap();
        let mut contacts = read(&path).unwrap();
        write(&path, &contacts).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), mine, "nothing has changed");
        contacts.insert(0, Listed { standing: Standing::Removed, ..listed("carl", Some(8), None) });
        write(&path, &contacts).unwrap();
        let again = read(&path).unwrap();
        assert!(contacts.iter().all(|contact| again.contains(contact)) && again.len() == 3, "{again:?}");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(&mine), "{text}");
    }

    #[test]
    fn as_many_as_there_may_be_are_written_soon() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contacts.toml");
        let one = |number: usize| {
            let key = Key([number.to_be_bytes(); 4].concat().try_into().unwrap());
            Listed { key: Some(key), ..listed(&format!("c{number}"), None, Some("a:1")) }
        };
        let mut contacts: Vec<Listed> = (0..CONTACTS_MAX).map(one).collect();
        write(&path, &contacts).unwrap();
        contacts[0].learned = vec!["b:2".into()];
        let begun = Instant::now();
        write(&path, &contacts).unwrap();
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        assert_eq!(read(&path).unwrap().len(), contacts.len());
    }

    #[test]
    fn a_file_that_is_no_list_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contacts.toml");
        std::fs::write(&path, "half a li").unwrap();
        let contacts = [listed("bea", Some(7), Some("a:1"))];
        write(&path, &contacts).unwrap();
        assert_eq!(read(&path).unwrap(), contacts);
        assert_eq!(std::fs::read_to_string(folder.path().join("contacts.toml.before-1")).unwrap(), "half a li");
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
            ("[[contact]]\nname = \"bea\"\naddresses = [\"a:1\", \"b\"]\n", "no HOST:PORT: `b`"),
            ("[[contact]]\nname = \"bea\"\naddresses = [\"a:1\", \"a:2\", \"a:3\", \"a:4\"]\n", "more than 3"),
            ("[[contact]]\nname = \"bea\"\naddress = \"a:1\"\nblocked = true\n", "no key"),
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
