//! What earlier runs have shown of a meeting, from what is kept of it.

use std::collections::BTreeMap;

use tertulia_core::event::{Asked, Event, Kind, Origin};
use tertulia_core::id::Key;
use tertulia_core::log::{Held, Log, Record, entry_of};
use tertulia_core::wire::entry::EntryBody;

use crate::news::{Tone, Update};

/// So many of the last are there again.
const EARLIER_MAX: usize = 200;

/// The last that was shown, oldest first; `us`: this user's key, and name.
pub(crate) fn earlier(log: &Log, us: (Key, &str)) -> Vec<Update> {
    let mut shown: BTreeMap<(Key, u64), u64> = BTreeMap::new();
    for record in log.records() {
        if let Record::Shown(mark) = record {
            let next = shown.entry((mark.author, mark.session)).or_default();
            *next = mark.next.max(*next);
        }
    }
    let was_shown = |held: &Held| {
        let next = shown.get(&(held.id.author, held.id.session));
        next.is_some_and(|next| held.number < *next)
    };
    let names: BTreeMap<Key, String> =
        log.registers().filter_map(|held| Some((held.id.author, named(held)?))).collect();
    let mut last: Vec<Update> = Vec::new();
    for held in log.entries().filter(|held| was_shown(held) && log.removed_by(held).is_none()) {
        last.extend(said(log, held, us, &names));
    }
    last.split_off(last.len().saturating_sub(EARLIER_MAX))
}

/// What somebody is called who says so in this entry.
fn named(held: &Held) -> Option<String> {
    let EntryBody::Person { name, .. } = entry_of(&held.frame)?.read() else { return None };
    Some(name.as_str().into())
}

fn said(log: &Log, held: &Held, us: (Key, &str), names: &BTreeMap<Key, String>) -> Option<Update> {
    let author = held.id.author;
    let (session, number, lamport, time_ms) = (held.id.session, held.number, held.lamport, held.time_ms);
    let origin = Origin { author, session, number, lamport, time_ms };
    let (kind, from, text) = match entry_of(&held.frame)?.read() {
        EntryBody::Text { text, .. } => {
            let key = || author.to_hex().get(..8).unwrap_or_default().to_string();
            let own = (author == us.0).then(|| us.1.to_string());
            (Kind::Text(origin), own.or_else(|| names.get(&author).cloned()).unwrap_or_else(key), text)
        }
        EntryBody::Question { asker: key, name, text, .. } => {
            let asked = Asked { key, is_ambiguous: false, heard: None, unheard: 0 };
            (Kind::Question(origin, asked), name.as_str().into(), text)
        }
        EntryBody::Revoke { .. }
        | EntryBody::Grant { .. }
        | EntryBody::Policy { .. }
        | EntryBody::End { .. }
        | EntryBody::Retract { .. }
        | EntryBody::Person { .. }
        | EntryBody::Unknown => return None,
    };
    let own = author == us.0 && matches!(kind, Kind::Text(_));
    let event = Event::Message { meeting: log.meeting(), kind, from, own, text: text.as_str().into() };
    Some(Update { event: Some(Box::new(event)), words: None, tone: Tone::Plain, call: None, at_ms: time_ms })
}
