//! What earlier runs have shown of a meeting, from what is kept of it: nothing that was removed, is void, or that no
//! screen would have shown.

use std::collections::{BTreeMap, BTreeSet};

use tertulia_core::event::{Asked, Event, Kind, Origin};
use tertulia_core::id::{Key, Token};
use tertulia_core::identity::Identity;
use tertulia_core::is_asked;
use tertulia_core::log::{Held, Log, Record, entry_of};
use tertulia_core::wire::entry::EntryBody;

use crate::news::Update;

/// So many of the last are there again.
pub(crate) const EARLIER_MAX: usize = 200;

/// What a log is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of<'a> {
    /// A room.
    Room,
    /// A lecture.
    Lecture,
    /// A friend, and what this user calls them.
    Friend(&'a str),
}

/// The last that was shown, oldest first; `us`: this user, and what it is called.
pub(crate) fn earlier(log: &Log, (us, called): (&Identity, &str), of: Of<'_>) -> Vec<Update> {
    let mut shown: BTreeMap<(Key, u64), u64> = BTreeMap::new();
    for record in log.records() {
        if let Record::Shown(mark) = record {
            let next = shown.entry((mark.author, mark.session)).or_default();
            *next = mark.next.max(*next);
        }
    }
    let was_shown = |held: &Held| {
        let next = shown.get(&(held.id.author, held.id.session));
        held.id.author == us.key() || next.is_some_and(|next| held.number < *next)
    };
    let is_there = |held: &Held| !log.is_hidden(held) && !log.is_void(held.id, held.number);
    let said_so: BTreeMap<Key, String> =
        log.registers().filter_map(|held| Some((held.id.author, named(held)?))).collect();
    let name_of = |author: &Key| match of {
        Of::Friend(name) => name.to_string(),
        Of::Room | Of::Lecture => said_so.get(author).cloned().unwrap_or_default(),
    };
    let held: Vec<&Held> = log.entries().map(|held| &**held).filter(|held| was_shown(held) && is_there(held)).collect();
    let mut last: Vec<(Option<(Key, Token)>, Update)> = Vec::new();
    // The last first: signatures of no more than are shown are looked at.
    for held in held.into_iter().rev() {
        if last.len() >= EARLIER_MAX {
            break;
        }
        let Some(entry) = entry_of(&held.frame) else { continue };
        let body = entry.read();
        let question = if let EntryBody::Question { asker, token, .. } = &body { Some((*asker, *token)) } else { None };
        // SPEC ASK-7
        if question.is_none() || of == Of::Lecture && is_asked(log.meeting(), &body, us) {
            last.extend(said(log, held, &body, (us.key(), called), name_of).map(|update| (question, update)));
        }
    }
    last.reverse();
    // SPEC ASK-11
    let mut asked: BTreeSet<(Key, Token)> = BTreeSet::new();
    last.retain(|(question, _)| question.is_none_or(|question| asked.insert(question)));
    last.into_iter().map(|(_, update)| update).collect()
}

/// What somebody is called who says so in this entry.
fn named(held: &Held) -> Option<String> {
    let EntryBody::Person { name, .. } = entry_of(&held.frame)?.read() else { return None };
    Some(name.as_str().into())
}

fn said(
    log: &Log,
    held: &Held,
    body: &EntryBody<'_>,
    us: (Key, &str),
    name_of: impl Fn(&Key) -> String,
) -> Option<Update> {
    let author = held.id.author;
    let (session, number, lamport, time_ms) = (held.id.session, held.number, held.lamport, held.time_ms);
    let origin = Origin { author, session, number, lamport, time_ms };
    let (kind, from, text) = match body {
        EntryBody::Text { text, .. } => {
            let name = if author == us.0 { us.1.to_string() } else { name_of(&author) };
            let key = || author.to_hex().get(..8).unwrap_or_default().to_string();
            (Kind::Text(origin), if name.is_empty() { key() } else { name }, text)
        }
        EntryBody::Question { asker, name, text, .. } => {
            // Who else was there by then is not known any more: the key says who is meant.
            let asked = Asked { key: *asker, is_ambiguous: true, heard: None, unheard: 0 };
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
    Some(Update { is_earlier: true, ..Update::event(event, time_ms) })
}
