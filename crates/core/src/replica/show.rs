//! An entry as the user is told of it.

use alloc::string::{String, ToString as _};

use crate::event::{Asked, Event, Kind, Origin, Remover};
use crate::id::{Key, MeetingId};
use crate::identity::{Domain, Identity};
use crate::log::{Held, Log, News, StreamId};
use crate::roster::deed;
use crate::wire::entry::{EntryBody, Heard, Level};
use crate::wire::private::asked;

/// Whether `body`, if it is a question, carries its asker's signature (SPEC ASK-7): a host puts words into nobody's mouth.
#[must_use]
pub fn is_asked(meeting: MeetingId, body: &EntryBody<'_>, us: &Identity) -> bool {
    let EntryBody::Question { asker, token, heard, signature, name, text } = body else { return true };
    us.verify(asker, Domain::Question, &[&meeting.0, &asked(*token, heard, *name, *text)], signature)
}

/// The message that `entry` of `log`, whose body is `body`, is; `None` if it is not for people. `answered`: the level of the
/// revoke that it takes back, `author`: what its author is called.
pub(crate) fn message(
    log: &Log,
    entry: &Held,
    body: &EntryBody<'_>,
    answered: Option<Level>,
    author: &str,
    us: Key,
) -> Option<Event> {
    let meeting = log.meeting();
    let (key, origin) = (entry.id.author, origin(entry));
    let tell =
        |kind, from: &str, own, text: String| Some(Event::Message { meeting, kind, from: from.to_string(), own, text });
    match body {
        EntryBody::Text { text, .. } => tell(Kind::Text(origin), author, key == us, text.as_str().to_string()),
        EntryBody::Question { asker, heard, name, text, .. } => {
            let heard = Some(*heard).filter(|heard| *heard != Heard::NONE);
            let heard = heard.map(|heard| (heard.session, heard.number));
            let unheard = log.texts_between(key, heard.unwrap_or_default(), (entry.id.session, entry.number));
            let asked = Asked { key: *asker, is_ambiguous: false, heard, unheard };
            tell(Kind::Question(origin, asked), name.as_str(), *asker == us, text.as_str().to_string())
        }
        EntryBody::Person { .. }
        | EntryBody::Revoke { .. }
        | EntryBody::Grant { .. }
        | EntryBody::Policy { .. }
        | EntryBody::End { .. } => {
            let (deed, why) = deed(body, answered)?;
            tell(Kind::Deed(origin, deed), author, key == us, why)
        }
        EntryBody::Retract { .. } | EntryBody::Unknown => None,
    }
}

const fn origin(entry: &Held) -> Origin {
    let Held { id: StreamId { author, session, .. }, number, lamport, time_ms, .. } = *entry;
    Origin { author, session, number, lamport, time_ms }
}

/// What removes the words of an entry.
pub(crate) fn retract(entry: &Held) -> EntryBody<'static> {
    let StreamId { author, session, .. } = entry.id;
    EntryBody::Retract { author, session, number: entry.number, hash: entry.hash }
}

/// What the user is told of words that are missing, removed, or back; `called`: what somebody is called.
pub(crate) fn news(log: &Log, news: &News, called: impl Fn(&Key) -> String, us: Key) -> Option<Event> {
    let (entry, kind) = match news {
        News::Missing(entry) => (entry, Kind::Missing(origin(entry))),
        News::Removed(entry, by) => (entry, Kind::Removed(origin(entry), Remover { name: called(by), key: *by })),
        News::Returned(entry) => return message(log, entry, &entry.body(), None, &called(&entry.id.author), us),
    };
    let (from, own) = if let EntryBody::Question { asker, name, .. } = entry.body() {
        // The host has published it, and somebody else has said it.
        (name.as_str().to_string(), asker == us)
    } else {
        (called(&entry.id.author), entry.id.author == us)
    };
    Some(Event::Message { meeting: log.meeting(), kind, from, own, text: String::new() })
}
