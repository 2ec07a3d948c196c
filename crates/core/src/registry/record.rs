//! What a publisher says, how it is signed, and how whoever reads it knows that it is true (SPEC.md, "Records").

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::net::SocketAddr;

use crate::charter::{Admission, Charter, Listing, SignedCharter};
use crate::event::Event;
use crate::id::{Key, MeetingId};
use crate::identity::{Domain, Identity, digest};
use crate::limits;
use crate::rule::Rule;
use crate::time::Now;
use crate::wire::address::Address;
use crate::wire::entry::Door;
use crate::wire::field::{List, Name, Signed, decode_all, encode_alone, encode_items};
use crate::wire::option::{self, OptionsBuffer};
use crate::wire::registry::{Kind, Listed, Particulars, Record, Visibility};

/// Where a node is reached, and who may know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The port on which it listens, at whatever address it is seen; 0: it does not.
    pub port: u16,
    /// Where else it may be dialled.
    pub addresses: Vec<SocketAddr>,
    /// Whether LIST shows its meeting.
    pub visibility: Visibility,
}

/// SPEC REGISTRY-15: whether a record is not over, and not to hold for longer than it may.
pub(super) fn holds(until_ms: u64, now: Now) -> bool {
    let most = u64::try_from(limits::RECORD_LIFE_MAX.as_millis()).unwrap_or(u64::MAX);
    until_ms > now.unix_ms && until_ms.saturating_sub(now.unix_ms) <= most
}

/// A person's id: the hash of the key.
#[must_use]
pub fn person(key: Key) -> MeetingId {
    MeetingId(digest(Domain::Person, &[&key.0]))
}

/// The kind of a meeting's records.
pub(super) fn kind_of(charter: &Charter<'_>) -> Option<Kind> {
    [Kind::Star, Kind::Mesh].into_iter().find(|kind| kind.number() == charter.terms.kind.0)
}

/// Whether a record's publisher may say what it says (SPEC REGISTRY-3, REGISTRY-5, REGISTRY-6); the charter, if it is
/// of a meeting.
///
/// # Errors
/// The rule that it breaks.
pub fn check(record: &Signed<'_, Record<'_>>, us: &Identity) -> Result<Option<SignedCharter>, Rule> {
    let Record { particulars, options } = record.value;
    let publisher = particulars.publisher;
    // SPEC REGISTRY-3
    if !us.verify(&publisher, Domain::Record, &[record.bytes], &record.signature) {
        return Err(Rule::Registry3);
    }
    let charter: Option<Signed<'_, Charter<'_>>> = options.find(&option::CHARTER);
    match (particulars.kind, charter) {
        (Kind::Star | Kind::Mesh, Some(charter)) => {
            let signed = SignedCharter::check(&encode_alone(&charter), particulars.id, us)?;
            // SPEC REGISTRY-5
            if signed.founder != publisher || kind_of(&charter.value) != Some(particulars.kind) {
                return Err(Rule::Registry5);
            }
            Ok(Some(signed))
        }
        (Kind::Star | Kind::Mesh, None) => Err(Rule::Registry5),
        (Kind::Person, None) if particulars.id == person(publisher) => Ok(None),
        // SPEC REGISTRY-6
        (Kind::Person, _) => Err(Rule::Registry6),
    }
}

/// What a record is found by: the title of a meeting, the name of a person.
pub(super) fn text_of<'a>(record: &Record<'a>) -> &'a str {
    let charter: Option<Signed<'a, Charter<'a>>> = record.options.find(&option::CHARTER);
    charter.map_or(record.particulars.name.as_str(), |charter| charter.value.terms.title.as_str())
}

/// A record before it has a number and a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) kind: Kind,
    pub(super) id: MeetingId,
    /// The charter with its signature; empty for a person.
    pub(super) charter: Vec<u8>,
    pub(super) name: String,
    pub(super) population: u32,
    pub(super) door: Door,
    pub(super) since_ms: u64,
}

impl Draft {
    /// Nothing, of a meeting of a kind that has no records.
    pub(super) fn of_meeting(listing: &Listing<'_>) -> Option<Self> {
        let charter: Signed<'_, Charter<'_>> = decode_all(listing.charter.bytes()).ok()?;
        Some(Self {
            kind: kind_of(&charter.value)?,
            id: listing.charter.meeting,
            charter: listing.charter.bytes().into(),
            name: listing.name.to_string(),
            population: listing.population,
            door: listing.door,
            since_ms: listing.since_ms,
        })
    }

    pub(super) fn of_person(key: Key, name: &str, since_ms: u64) -> Self {
        Self {
            kind: Kind::Person,
            id: person(key),
            charter: Vec::new(),
            name: name.to_string(),
            population: 1,
            door: Door::Unlocked,
            since_ms,
        }
    }

    /// Whether it says what `listing` says.
    pub(super) fn says(&self, listing: &Listing<'_>) -> bool {
        self.id == listing.charter.meeting
            && self.name == listing.name
            && self.population == listing.population
            && self.door == listing.door
            && self.since_ms == listing.since_ms
    }

    /// The record and its signature, as PUBLISH carries them.
    pub(super) fn sign(&self, number: u64, until_ms: u64, reach: &Reach, us: &Identity) -> Option<Vec<u8>> {
        let (count, items) = encode_items(reach.addresses.iter().copied().map(Address::of), limits::ADDRESSES_MAX);
        let mut options = OptionsBuffer::default();
        if let Ok(charter) = decode_all::<Signed<'_, Charter<'_>>>(&self.charter) {
            options.set(&option::CHARTER, &charter);
        }
        let particulars = Particulars {
            kind: self.kind,
            id: self.id,
            publisher: us.key(),
            number,
            since_ms: self.since_ms,
            until_ms,
            population: self.population,
            door: self.door,
            visibility: if self.kind == Kind::Person { Visibility::Listed } else { reach.visibility },
            port: reach.port,
            name: Name::new(&self.name)?,
            addresses: List::over(count, &items),
        };
        let record = Record { particulars, options: options.options() };
        let bytes = encode_alone(&record);
        let signature = us.sign(Domain::Record, &[&bytes]);
        Some(encode_alone(&Signed { bytes: &bytes, value: record, signature }))
    }
}

/// A record that holds, and where its publisher was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is of.
    pub kind: Kind,
    /// The meeting or person.
    pub id: MeetingId,
    /// Who must answer.
    pub publisher: Key,
    /// The publisher's count.
    pub number: u64,
    /// Since when, milliseconds since 1970 in UTC.
    pub since_ms: u64,
    /// Until when that holds, milliseconds since 1970 in UTC.
    pub until_ms: u64,
    /// How many are there.
    pub population: u32,
    /// Whether it takes anybody new.
    pub door: Door,
    /// What the publisher is called.
    pub name: String,
    /// Title and admission of a meeting.
    pub meeting: Option<(String, Admission)>,
    /// Where a registry has met the publisher.
    pub addresses: Vec<SocketAddr>,
}

impl Found {
    /// What a registry shows, if it holds.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub(super) fn check(listed: &Listed<'_>, us: &Identity) -> Result<Self, Rule> {
        let charter = check(&listed.record.0, us)?;
        let addresses = listed.addresses.iter().filter_map(Address::socket).collect();
        Ok(Self::new(&listed.record.0.value, charter.map(|charter| (charter.title, charter.admission)), addresses))
    }

    /// What a registry itself holds: it has been checked.
    pub(super) fn of_held(record: &Record<'_>, addresses: &[SocketAddr]) -> Self {
        let charter: Option<Signed<'_, Charter<'_>>> = record.options.find(&option::CHARTER);
        let terms = charter.map(|charter| charter.value.terms);
        let meeting = terms.map(|terms| (terms.title.as_str().to_string(), terms.admission));
        Self::new(record, meeting, addresses.into())
    }

    fn new(record: &Record<'_>, meeting: Option<(String, Admission)>, addresses: Vec<SocketAddr>) -> Self {
        let particulars = record.particulars;
        Self {
            kind: particulars.kind,
            id: particulars.id,
            publisher: particulars.publisher,
            number: particulars.number,
            since_ms: particulars.since_ms,
            until_ms: particulars.until_ms,
            population: particulars.population,
            door: particulars.door,
            name: particulars.name.as_str().to_string(),
            meeting,
            addresses,
        }
    }

    /// What the user is told of it.
    pub(super) fn event(self, number: u32, now: Now) -> Event {
        let addresses = self.addresses;
        let Some((title, admission)) = self.meeting else {
            return Event::Person { name: self.name, key: self.publisher, addresses, since_ms: self.since_ms };
        };
        Event::Listing {
            number,
            meeting: self.id,
            kind: self.kind,
            title,
            host: self.name,
            key: self.publisher,
            population: self.population,
            age_s: now.unix_ms.saturating_sub(self.since_ms).checked_div(1_000).unwrap_or(0),
            is_locked: self.door == Door::Locked,
            admission,
            addresses,
        }
    }

    /// SPEC LISTING-2: what several registries know of one record, each once.
    pub(super) fn merged(mut found: Vec<Self>) -> Option<Self> {
        found.sort_by_key(|found| Reverse(found.number));
        let turns =
            (0..limits::ADDRESSES_MAX).flat_map(|at| found.iter().filter_map(move |found| found.addresses.get(at)));
        let mut addresses = Vec::new();
        for address in turns {
            if addresses.len() < limits::ADDRESSES_MAX && !addresses.contains(address) {
                addresses.push(*address);
            }
        }
        found.into_iter().next().map(|newest| Self { addresses, ..newest })
    }
}
