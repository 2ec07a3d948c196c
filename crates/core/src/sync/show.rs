//! An entry as the user is told of it.

use alloc::string::{String, ToString as _};

use crate::event::{Event, Kind, Origin};
use crate::id::{Key, MeetingId};
use crate::identity::{Domain, Identity};
use crate::roster::notice;
use crate::wire::entry::{Entry, EntryBody, Level};

/// Whether `entry`, if it is a question, carries its asker's signature: a host puts words into nobody's mouth.
pub(crate) fn is_asked(meeting: MeetingId, entry: &Entry<'_>, us: &Identity) -> bool {
    match EntryBody::decode(entry.kind, entry.body.0) {
        Ok(EntryBody::Question { asker, token, signature, text, .. }) => {
            us.verify(&asker, Domain::Question, &[&meeting.0, &token.0, text.as_str().as_bytes()], &signature)
        }
        Ok(_) | Err(_) => true,
    }
}

/// The message that `entry` is; `None` if it is not for people. `answered`: the level of the revoke that it takes back,
/// `author`: what its author is called.
pub(crate) fn message(
    meeting: MeetingId,
    entry: &Entry<'_>,
    answered: Option<Level>,
    author: &str,
    us: Key,
) -> Option<Event> {
    let Entry { session, number, lamport, time_ms, .. } = *entry;
    let origin = Origin { author: entry.author, session, number, lamport, time_ms };
    let tell =
        |kind, from: &str, own, text: String| Some(Event::Message { meeting, kind, from: from.to_string(), own, text });
    let body = EntryBody::decode(entry.kind, entry.body.0).ok()?;
    match body {
        EntryBody::Text { text } => tell(Kind::Text(origin), author, entry.author == us, text.as_str().to_string()),
        EntryBody::Question { asker, name, text, .. } => {
            tell(Kind::Question(origin), name.as_str(), asker == us, text.as_str().to_string())
        }
        EntryBody::Person { .. }
        | EntryBody::Revoke { .. }
        | EntryBody::Grant { .. }
        | EntryBody::Policy { .. }
        | EntryBody::End { .. } => tell(Kind::Notice(origin), author, entry.author == us, notice(&body, answered)?),
        EntryBody::Left {} | EntryBody::Unknown => None,
    }
}
