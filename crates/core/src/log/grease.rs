//! What means nothing and is written all the same (SPEC.md, "Extension"): so every reader goes on skipping it.

use alloc::vec::Vec;

use super::Log;
use crate::identity::{Domain, digest};
use crate::limits::GREASE_SHARE;
use crate::wire::entry::{Body, Entry, EntryBody};
use crate::wire::meeting::Lane;
use crate::wire::option::{OptionsBuffer, grease};

impl Log {
    /// The lane that a body is written on; what nobody knows stands on one that is the meeting's.
    #[must_use]
    pub fn lane_of(&self, body: &EntryBody<'_>) -> Lane {
        let [drawn, ..] = self.meeting.0;
        if matches!(body, EntryBody::Unknown) { Lane::grease(drawn) } else { body.kind().lane() }
    }
}

/// Has some bodies end in an option that nobody knows (SPEC EXT-4), and what is of no kind be of one that nobody knows
/// (SPEC EXT-5). Chance that a replay has too: what would be signed otherwise decides.
pub(super) fn add_grease(body: &EntryBody<'_>, entry: &mut Entry, bytes: &mut Vec<u8>) {
    let [chance, kind, value @ ..] = digest::<6>(Domain::Entry, &[&entry.with(Body::Here(bytes).digest())]);
    if matches!(body, EntryBody::Unknown) {
        entry.kind = grease(kind);
        bytes.extend(value);
    } else if chance.is_multiple_of(GREASE_SHARE) {
        let mut options = OptionsBuffer::default();
        options.set_raw(grease(kind), value.into());
        options.options().encode(bytes);
    }
}

#[cfg(test)]
mod tests;
