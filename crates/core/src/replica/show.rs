//! An entry as the user is told of it.

use alloc::string::{String, ToString as _};

use crate::event::{Event, Kind, Origin};
use crate::id::{Key, MeetingId};
use crate::identity::{Domain, Identity};
use crate::log::{Held, StreamId};
use crate::roster::deed;
use crate::wire::entry::{EntryBody, Level};

/// Whether `body`, if it is a question, carries its asker's signature: a host puts words into nobody's mouth.
pub(crate) fn is_asked(meeting: MeetingId, body: &EntryBody<'_>, us: &Identity) -> bool {
    let EntryBody::Question { asker, token, signature, text, .. } = body else { return true };
    us.verify(asker, Domain::Question, &[&meeting.0, &token.0, text.as_str().as_bytes()], signature)
}

/// The message that `entry`, whose body is `body`, is; `None` if it is not for people. `answered`: the level of the revoke that it takes back,
/// `author`: what its author is called.
pub(crate) fn message(
    meeting: MeetingId,
    entry: &Held,
    body: &EntryBody<'_>,
    answered: Option<Level>,
    author: &str,
    us: Key,
) -> Option<Event> {
    let Held { id: StreamId { author: key, session, .. }, number, lamport, time_ms, .. } = *entry;
    let origin = Origin { author: key, session, number, lamport, time_ms };
    let tell =
        |kind, from: &str, own, text: String| Some(Event::Message { meeting, kind, from: from.to_string(), own, text });
    match body {
        EntryBody::Text { text, .. } => tell(Kind::Text(origin), author, key == us, text.as_str().to_string()),
        EntryBody::Question { asker, name, text, .. } => {
            tell(Kind::Question(origin), name.as_str(), *asker == us, text.as_str().to_string())
        }
        EntryBody::Person { .. }
        | EntryBody::Revoke { .. }
        | EntryBody::Grant { .. }
        | EntryBody::Policy { .. }
        | EntryBody::End { .. } => {
            let (deed, why) = deed(body, answered)?;
            tell(Kind::Deed(origin, deed), author, key == us, why)
        }
        EntryBody::Unknown => None,
    }
}
