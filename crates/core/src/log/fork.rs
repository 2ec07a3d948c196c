//! The proof that an author has written two entries that exclude each other (SPEC.md, "Forks").

use super::{Log, StreamId};
use crate::id::RequestId;
use crate::identity::Identity;
use crate::rule::Rule;
use crate::wire::entry::Envelope;
use crate::wire::meeting::Fork;
use crate::wire::option::Options;
use crate::wire::{Encoded, Frame};

/// Two signed entries of one stream that exclude each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The stream.
    pub stream: StreamId,
    /// The stream is void from this number on.
    pub number: u64,
    /// FORK, which shows it to others.
    pub frame: Encoded,
}

impl Proof {
    pub(super) fn new(one: &Envelope, other: &Envelope) -> Self {
        let fork = Fork { one: *one, other: *other, options: Options::NONE };
        let (stream, number) = (StreamId::of(&one.entry), one.entry.number.min(other.entry.number));
        Self { stream, number, frame: Frame::from(fork).encode(RequestId::EVENT) }
    }
}

impl Log {
    /// Checks a proof that somebody sent.
    ///
    /// # Errors
    /// FORK-1, if the entries do not exclude each other or their author has not signed both.
    pub fn check_fork(&self, fork: &Fork<'_>, us: &Identity) -> Result<(StreamId, u64), Rule> {
        let Fork { one, other, .. } = *fork;
        let (low, high) = if one.entry.number <= other.entry.number { (one, other) } else { (other, one) };
        let stream = StreamId::of(&low.entry);
        let same_number = low.entry.number == high.entry.number && !low.is(&high);
        let neighbours =
            low.entry.number.checked_add(1) == Some(high.entry.number) && !super::follows(self.meeting, &low, &high);
        // SPEC FORK-1
        let is_register = stream.lane.is_register();
        let excludes = !is_register && stream == StreamId::of(&high.entry) && (same_number || neighbours);
        if !excludes || !self.is_signed(&low, us) || !self.is_signed(&high, us) {
            return Err(Rule::Fork1);
        }
        Ok((stream, low.entry.number))
    }
}
