//! The proof that an author has written two entries that exclude each other (SPEC.md, "Forks").

use super::{Log, StreamId};
use crate::id::RequestId;
use crate::identity::Identity;
use crate::rule::Rule;
use crate::wire::entry::Entry;
use crate::wire::field::Signed;
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
    pub(super) fn new(one: &Signed<'_, Entry>, other: &Signed<'_, Entry>) -> Self {
        let fork = Fork { one: *one, other: *other, options: Options::NONE };
        let (stream, number) = (StreamId::of(&one.value), one.value.number.min(other.value.number));
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
        let (low, high) = if one.value.number <= other.value.number { (one, other) } else { (other, one) };
        let stream = StreamId::of(&low.value);
        let same_number = low.value.number == high.value.number && low.bytes != high.bytes;
        let neighbours =
            low.value.number.checked_add(1) == Some(high.value.number) && !super::follows(self.meeting, &low, &high);
        // SPEC FORK-1
        let is_register = stream.lane.is_register();
        let excludes = !is_register && stream == StreamId::of(&high.value) && (same_number || neighbours);
        if !excludes || !self.is_signed(&low, us) || !self.is_signed(&high, us) {
            return Err(Rule::Fork1);
        }
        Ok((stream, low.value.number))
    }
}
