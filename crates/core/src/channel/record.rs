//! Records after the handshake: a length of two bytes, then one Noise message.

use alloc::vec::Vec;
use core::fmt;

use super::{Crypto, TAG_BYTES};
use crate::{
    limits::{RECORD_PLAINTEXT_MAX, RECORDS_MAX},
    rule::Rule,
};

/// Bytes of the length in front of every record.
pub const RECORD_LENGTH_BYTES: usize = 2;

/// A record has at least one frame, and a frame at least its header.
const PLAINTEXT_MIN: usize = 8;

/// How many bytes the record at the front of `input` takes with its length, once that has come.
///
/// # Errors
/// `RECORD-1` if it is too short to hold a frame: it need not be waited for.
pub fn record_bytes(input: &[u8]) -> Result<Option<usize>, Rule> {
    let Some((length, _)) = input.split_first_chunk() else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes(*length));
    // SPEC RECORD-1
    if length < PLAINTEXT_MIN.saturating_add(TAG_BYTES) {
        return Err(Rule::Record1);
    }
    Ok(length.checked_add(RECORD_LENGTH_BYTES))
}

/// Seals what this side sends. It keeps a key and a number, and no buffer.
pub struct Sealer {
    crypto: &'static dyn Crypto,
    key: [u8; 32],
    records: u64,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sealer").field("records", &self.records).finish_non_exhaustive()
    }
}

impl Sealer {
    /// With a `key` that nobody else seals with.
    pub(super) const fn new(crypto: &'static dyn Crypto, key: [u8; 32]) -> Self {
        Self { crypto, key, records: 0 }
    }

    /// Appends `plaintext`, one or more whole frames, to `out` as a record with its length; nothing on failure.
    ///
    /// # Errors
    /// `AGE-1` after 2^32 records, `RECORD-1` if no record can have a plaintext of this length.
    pub fn seal(&mut self, plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), Rule> {
        // SPEC AGE-1
        if self.records >= RECORDS_MAX {
            return Err(Rule::Age1);
        }
        if !(PLAINTEXT_MIN..=RECORD_PLAINTEXT_MAX).contains(&plaintext.len()) {
            return Err(Rule::Record1);
        }
        let length = plaintext.len().saturating_add(TAG_BYTES);
        let header = u16::try_from(length).map_err(|_| Rule::Record1)?;
        let before = out.len();
        out.extend_from_slice(&header.to_be_bytes());
        let start = out.len();
        out.resize(start.saturating_add(length), 0);
        let room = out.get_mut(start..).unwrap_or_default();
        // Whatever the cipher is: nothing goes out that it has not sealed.
        if !self.crypto.seal(&self.key, self.records, plaintext, room) {
            out.truncate(before);
            return Err(Rule::Record1);
        }
        self.records = self.records.saturating_add(1);
        Ok(())
    }
}

/// Opens what the other side has sealed.
pub struct Opener {
    crypto: &'static dyn Crypto,
    key: [u8; 32],
    records: u64,
}

impl fmt::Debug for Opener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Opener").field("records", &self.records).finish_non_exhaustive()
    }
}

impl Opener {
    /// With the `key` that the other side seals with.
    pub(super) const fn new(crypto: &'static dyn Crypto, key: [u8; 32]) -> Self {
        Self { crypto, key, records: 0 }
    }

    /// Opens the next record, given without its length, and appends its plaintext; nothing on failure, after which the
    /// connection is over.
    ///
    /// # Errors
    /// `AGE-1` after 2^32 records, `RECORD-1` if it is too short to hold a frame, `RECORD-2` if its tag is not that of
    /// this record at this place.
    pub fn open(&mut self, record: &[u8], plaintext: &mut Vec<u8>) -> Result<(), Rule> {
        // SPEC AGE-1
        if self.records >= RECORDS_MAX {
            return Err(Rule::Age1);
        }
        // SPEC RECORD-1
        if record.len() < PLAINTEXT_MIN.saturating_add(TAG_BYTES) {
            return Err(Rule::Record1);
        }
        let before = plaintext.len();
        plaintext.resize(before.saturating_add(record.len()), 0);
        let room = plaintext.get_mut(before..).unwrap_or_default();
        // SPEC RECORD-2
        let opened = self.crypto.open(&self.key, self.records, record, room);
        plaintext.truncate(before.saturating_add(opened.unwrap_or(0)));
        opened.ok_or(Rule::Record2)?;
        self.records = self.records.saturating_add(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;

    use super::*;
    use crate::{
        channel::{DefaultResolver, Handshake},
        identity::{Ed25519, Identity, Secret},
    };

    fn linked() -> (Sealer, Opener) {
        let identity = Identity::new(Secret([1; 32]), Arc::new(Ed25519));
        let (mut sent, mut reply) = (Vec::new(), Vec::new());
        let mut dialler = Handshake::initiator(&identity, None, [1; 32], &DefaultResolver, &mut sent);
        let mut listener = Handshake::responder(&identity, [2; 32], &DefaultResolver);
        listener.receive(&sent, &mut reply).unwrap();
        sent.clear();
        let dialler = dialler.receive(&reply, &mut sent).unwrap().1.unwrap();
        let listener = listener.receive(&sent, &mut reply).unwrap().1.unwrap();
        (dialler.sealer, listener.opener)
    }

    #[test]
    fn age_1_the_last_record_is_number_2_to_the_32() {
        let (mut sealer, mut opener) = linked();
        let (mut sealed, mut opened) = (Vec::new(), Vec::new());
        (sealer.records, opener.records) = (RECORDS_MAX - 1, RECORDS_MAX - 1);
        assert_eq!(sealer.seal(b"a frame.", &mut sealed), Ok(()));
        assert_eq!(opener.open(&sealed[2..], &mut opened), Ok(()));
        assert_eq!(sealer.seal(b"a frame.", &mut sealed), Err(Rule::Age1));
        assert_eq!(opener.open(&sealed[2..], &mut opened), Err(Rule::Age1));
        assert_eq!((sealed.len(), opened.as_slice()), (2 + 8 + 16, b"a frame.".as_slice()));
    }

    #[test]
    fn an_idle_connection_keeps_only_keys_and_counters() {
        let kept = size_of::<Sealer>() + size_of::<Opener>();
        assert!(kept <= 112, "{kept} bytes");
    }
}
