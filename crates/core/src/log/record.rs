//! What a disk holds of a meeting: one file, a header and records, of which each says whether it still is what was
//! written.
//!
//! `length ‖ seal ‖ kind ‖ body ‖ check`. The seal is over the length, the check over kind and body, and both begin with
//! the salt of the file's header, which nobody else knows: texts that others write pass for no record, wherever reading
//! goes on after damage. The header stands twice, as does each record that nobody else could bring back.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::ops::Range;

use sha2::{Digest as _, Sha256};

use super::{Mark, StreamId};
use crate::id::{Hash, Key, ShortHash, Token};
use crate::limits;
use crate::wire::Encoded;
use crate::wire::entry::{Carried, Entry};
use crate::wire::field::{Field, decode_all, encode_alone, layouts};
use crate::wire::frame::HEADER as FRAME_HEADER;
use crate::wire::meeting::Lane;

/// One thing that a log has to know again after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// An ENTRY frame, as it was stored.
    Entry(Encoded),
    /// A stream is void from a number on.
    Fork(StreamId, u64),
    /// A stream goes on at the second number, and what lies between is not waited for.
    Skip(StreamId, u64, u64),
    /// How far the user was shown a session.
    Shown(Mark),
    /// How far a friend has a session of this user's own.
    Received(Mark),
    /// How far a stream had come when the file was written anew.
    Stream(Reached),
    /// Lamport time and newest entry when the file was written anew.
    Clock(u64, ShortHash),
    /// An ENTRY frame that was held when the file was written anew.
    Held(Encoded),
    /// Damage has taken these numbers of a stream, and they are to be had again.
    Lost(StreamId, u64, u64),
    /// A question that is not kept any more was taken.
    Asked(Key, Token),
    /// What an author says is on the account of somebody's branch.
    Branch(Key, Key),
    /// The body of this entry of talk goes when the file is written anew.
    Gone(StreamId, u64),
    /// It does not.
    Back(StreamId, u64),
}

layouts! {
    /// How far a stream has come.
    Reached "reached" {
        /// Which.
        stream: StreamId,
        /// The lowest number held.
        first: u64,
        /// How many are held.
        held: u64,
        /// One above the highest number.
        next: u64,
        /// The hash of the entry before that; zero: any will do.
        head: Hash,
        /// The lamport time of that entry.
        lamport: u64,
        /// The number from which on it is void; zero: none.
        void: u64,
    }

    /// A number of a stream, or two.
    Numbers "numbers" {
        /// The stream.
        stream: StreamId,
        /// The first number.
        from: u64,
        /// The one that follows.
        to: u64,
    }

    /// Lamport time and newest entry.
    Clock "clock" {
        /// The lamport time.
        lamport: u64,
        /// The first half of the entry's hash.
        latest: ShortHash,
    }

    /// Who is in whose branch.
    Branch "branch" {
        /// The author.
        author: Key,
        /// Who stands first in it.
        branch: Key,
    }

    /// A question's name.
    Asked "asked" {
        /// Who has asked it.
        asker: Key,
        /// Its token.
        token: Token,
    }
}

/// What a file of this format begins with; the digit is its version.
const FORMAT: &[u8; 15] = b"tertulia log 2\n";
/// Bytes of the salt.
pub const SALT: usize = 16;
/// Bytes of one copy of the header: format, salt, length of what was written with it, check.
const HEADER: usize = FORMAT.len() + SALT + 8 + CHECK;
/// Bytes of the header's two copies.
const HEADERS: usize = 2 * HEADER;
const LENGTH: usize = 4;
const SEAL: usize = 4;
const CHECK: usize = 8;
/// Bytes before a record's kind.
const FRONT: usize = LENGTH + SEAL;
/// Bytes of a record but its body.
const AROUND: usize = FRONT + 1 + CHECK;
/// Bytes of a record's body: a frame.
const BODY_MAX: usize = limits::FRAME_BODY_MAX + FRAME_HEADER;

/// How records are written into one file and read from it.
#[derive(Clone, Debug)]
pub struct Salted(Sha256, [u8; SALT]);

impl Salted {
    /// For a new file: `salt` is random, and in no other file.
    #[must_use]
    pub fn new(salt: [u8; SALT]) -> Self {
        Self(Sha256::new_with_prefix(salt), salt)
    }

    /// What a file begins with; `kept`: bytes of the records that are written with it.
    #[must_use]
    pub fn header(&self, kept: u64) -> Vec<u8> {
        let mut header = Vec::from(FORMAT.as_slice());
        header.extend_from_slice(&self.1);
        kept.encode(&mut header);
        header.extend(first::<CHECK>(Sha256::new_with_prefix(&header)));
        header.repeat(2)
    }

    /// Appends `record` as the file holds it.
    pub fn write(&self, record: &Record, out: &mut Vec<u8>) {
        let start = out.len();
        let (kind, body) = record.encoded();
        let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
        out.extend_from_slice(&length);
        out.extend(self.seal(length));
        out.push(kind);
        out.extend_from_slice(&body);
        out.extend(self.check(kind, &body));
        if record.is_dear() {
            out.extend_from_within(start..);
        }
    }

    fn seal(&self, length: [u8; LENGTH]) -> [u8; SEAL] {
        first(self.0.clone().chain_update(length))
    }

    fn check(&self, kind: u8, body: &[u8]) -> [u8; CHECK] {
        first(self.0.clone().chain_update([kind]).chain_update(body))
    }

    /// What stands at the beginning of `bytes`.
    fn parse<'a>(&self, bytes: &'a [u8]) -> Parsed<'a> {
        let Some((length, rest)) = bytes.split_first_chunk::<LENGTH>() else { return Parsed::Short };
        let Some((seal, rest)) = rest.split_first_chunk::<SEAL>() else { return Parsed::Short };
        let size = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if size > BODY_MAX || self.seal(*length) != *seal {
            return Parsed::Wrong;
        }
        let Some((kind, rest)) = rest.split_first() else { return Parsed::Cut };
        let Some((body, rest)) = rest.split_at_checked(size) else { return Parsed::Cut };
        let Some((check, _)) = rest.split_first_chunk::<CHECK>() else { return Parsed::Cut };
        if self.check(*kind, body) != *check {
            return Parsed::Wrong;
        }
        Parsed::Whole { kind: *kind, body, check: *check, length: size.saturating_add(AROUND) }
    }
}

fn first<const COUNT: usize>(hash: Sha256) -> [u8; COUNT] {
    let hash: [u8; 32] = hash.finalize().into();
    hash.first_chunk().copied().unwrap_or([0; COUNT])
}

enum Parsed<'a> {
    /// A record of so many bytes.
    Whole {
        kind: u8,
        body: &'a [u8],
        check: [u8; CHECK],
        length: usize,
    },
    /// Too few bytes to tell.
    Short,
    /// The beginning of a record.
    Cut,
    Wrong,
}

impl Record {
    /// The ENTRY frame that it is, if it is one.
    #[must_use]
    pub const fn frame(&self) -> Option<&Encoded> {
        if let Self::Entry(frame) | Self::Held(frame) = self { Some(frame) } else { None }
    }

    /// The entry that it is, if it is one.
    #[must_use]
    pub fn entry(&self) -> Option<Carried<'_>> {
        super::entry_of(self.frame()?)
    }

    /// The lane of the entry that it is, if it is one: read without the rest of the frame.
    fn lane(&self) -> Option<Lane> {
        let entry = Entry::parse(self.frame()?.0.get(FRAME_HEADER..)?);
        entry.ok().map(|(_, entry)| entry.lane)
    }

    fn encoded(&self) -> (u8, Cow<'_, [u8]>) {
        let (kind, body) = match self {
            Self::Entry(frame) => return (1, Cow::Borrowed(&frame.0)),
            Self::Held(frame) => return (7, Cow::Borrowed(&frame.0)),
            Self::Fork(stream, from) => (2, encode_alone(&Numbers { stream: *stream, from: *from, to: u64::MAX })),
            Self::Skip(stream, from, to) => (3, encode_alone(&Numbers { stream: *stream, from: *from, to: *to })),
            Self::Shown(mark) => (4, encode_alone(mark)),
            Self::Stream(reached) => (5, encode_alone(reached)),
            Self::Clock(lamport, latest) => (6, encode_alone(&Clock { lamport: *lamport, latest: *latest })),
            Self::Lost(stream, from, to) => (8, encode_alone(&Numbers { stream: *stream, from: *from, to: *to })),
            Self::Asked(asker, token) => (9, encode_alone(&Asked { asker: *asker, token: *token })),
            Self::Received(mark) => (10, encode_alone(mark)),
            Self::Branch(author, branch) => (11, encode_alone(&Branch { author: *author, branch: *branch })),
            Self::Gone(stream, number) => (12, encode_alone(&one(*stream, *number))),
            Self::Back(stream, number) => (13, encode_alone(&one(*stream, *number))),
        };
        (kind, Cow::Owned(body))
    }

    fn decode(kind: u8, body: &[u8]) -> Option<Self> {
        let frame = || Encoded(bytes::Bytes::copy_from_slice(body));
        let numbers = || decode_all::<Numbers>(body).ok();
        Some(match kind {
            1 => Self::Entry(frame()),
            2 => numbers().map(|at| Self::Fork(at.stream, at.from))?,
            3 => numbers().map(|at| Self::Skip(at.stream, at.from, at.to))?,
            4 => Self::Shown(decode_all(body).ok()?),
            5 => Self::Stream(decode_all(body).ok()?),
            6 => decode_all::<Clock>(body).map(|Clock { lamport, latest }| Self::Clock(lamport, latest)).ok()?,
            7 => Self::Held(frame()),
            8 => numbers().map(|at| Self::Lost(at.stream, at.from, at.to))?,
            9 => decode_all::<Asked>(body).map(|Asked { asker, token }| Self::Asked(asker, token)).ok()?,
            10 => Self::Received(decode_all(body).ok()?),
            11 => decode_all::<Branch>(body).map(|Branch { author, branch }| Self::Branch(author, branch)).ok()?,
            12 => numbers().map(|at| Self::Gone(at.stream, at.from))?,
            13 => numbers().map(|at| Self::Back(at.stream, at.from))?,
            _ => return None,
        })
    }

    /// Whether it stands twice: nobody else could bring it back. A founder's acts and its name are held by guests, who serve
    /// nobody; what a friend has, it tells again; who is in which branch, chains say.
    fn is_dear(&self) -> bool {
        let is_branch = matches!(self, Self::Branch(..));
        let is_cheap =
            matches!(self, Self::Shown(_) | Self::Received(_) | Self::Gone(..) | Self::Back(..)) || is_branch;
        self.lane().map_or(!is_cheap, |lane| lane != Lane::Talk)
    }
}

/// One number of a stream.
const fn one(stream: StreamId, from: u64) -> Numbers {
    Numbers { stream, from, to: from.saturating_add(1) }
}

/// Bytes of a file that are no records any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where they stand.
    pub at: Range<u64>,
    /// What is wrong with them.
    pub why: Why,
}

/// What is wrong with bytes that should be records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// They are not what was written.
    Changed,
    /// They are what a version has written that has a kind of record more: this one.
    Unknown(u8),
    /// The file is no log of this format, or of another version.
    Foreign,
}

/// Where a reader is.
#[derive(Clone, Debug, Default)]
enum At {
    #[default]
    Header,
    Records(Salted),
    /// In a file of another kind; whether that has been told.
    Foreign(bool),
}

/// Reads a file as it comes, in pieces of any size; holds no more of it than one record and one piece.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    at: At,
    buffer: Vec<u8>,
    /// What of the buffer has been read.
    read: usize,
    /// Where in the file the buffer begins.
    offset: u64,
    /// Where the bytes begin that are no record, and whether all are zero: what a file ends with whose length was
    /// written before its content.
    damage: Option<(u64, bool)>,
    /// What comes after the damage that is told just now.
    next: Option<Result<Record, Damage>>,
    has_ended: bool,
    /// The check of the last record.
    last: Option<[u8; CHECK]>,
    /// Where the last whole record ends.
    whole: u64,
    kept: u64,
}

impl Reader {
    /// Takes what comes next in the file.
    pub fn take(&mut self, piece: &[u8]) {
        self.buffer.drain(..self.read.min(self.buffer.len()));
        self.offset = self.position();
        self.read = 0;
        self.buffer.extend_from_slice(piece);
    }

    /// Nothing comes any more.
    pub const fn end(&mut self) {
        self.has_ended = true;
    }

    /// How to go on writing into the file that is being read: nothing, if it is none of this format.
    #[must_use]
    pub const fn salted(&self) -> Option<&Salted> {
        match &self.at {
            At::Records(salted) => Some(salted),
            At::Header | At::Foreign(_) => None,
        }
    }

    /// Where the last whole record ends: what lies behind was being written as the program was killed.
    #[must_use]
    pub const fn whole(&self) -> u64 {
        self.whole
    }

    /// How many bytes of records the file had when it was written anew.
    #[must_use]
    pub const fn kept(&self) -> u64 {
        self.kept
    }

    fn position(&self) -> u64 {
        self.offset.saturating_add(u64::try_from(self.read).unwrap_or(u64::MAX))
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.read..).unwrap_or_default()
    }

    /// The next record, or what stands in the place of some. Nothing: more has to come.
    pub fn read(&mut self) -> Option<Result<Record, Damage>> {
        if let Some(next) = self.next.take() {
            return Some(next);
        }
        loop {
            let salted = match &self.at {
                At::Header if self.rest().len() < HEADERS && !self.has_ended => return None,
                At::Header => match self.begin() {
                    Some(damage) => return Some(Err(damage)),
                    None => continue,
                },
                At::Foreign(is_told) => {
                    let is_told = *is_told;
                    return self.skip_all(is_told);
                }
                At::Records(salted) => salted,
            };
            match salted.parse(self.rest()) {
                Parsed::Whole { kind, body, check, length } => {
                    // What stands twice is told once.
                    let record = (self.last != Some(check)).then(|| Record::decode(kind, body));
                    self.last = Some(check);
                    let from = self.position();
                    self.read = self.read.saturating_add(length);
                    self.whole = self.position();
                    let at = from..self.whole;
                    let found = record.map(|record| record.ok_or(Damage { at, why: Why::Unknown(kind) }));
                    if let Some((begun, _)) = self.damage.take() {
                        self.next = found;
                        return Some(Err(Damage { at: begun..from, why: Why::Changed }));
                    }
                    if found.is_some() {
                        return found;
                    }
                }
                Parsed::Short | Parsed::Cut if !self.has_ended => return None,
                Parsed::Cut if self.damage.is_none() => {
                    self.read = self.buffer.len();
                    return None;
                }
                Parsed::Short => return self.finish(),
                Parsed::Cut | Parsed::Wrong => self.pass_over(),
            }
        }
    }

    /// One byte that begins no record.
    fn pass_over(&mut self) {
        let (begun, is_zero) = (self.position(), self.rest().first() == Some(&0));
        let (_, all) = self.damage.get_or_insert((begun, true));
        *all &= is_zero;
        self.read = self.read.saturating_add(1);
    }

    /// The end: what is damaged up to there.
    fn finish(&mut self) -> Option<Result<Record, Damage>> {
        let is_zero = self.rest().iter().all(|byte| *byte == 0);
        self.read = self.buffer.len();
        let (begun, all) = self.damage.take()?;
        (!all || !is_zero).then(|| {
            self.whole = self.position();
            Err(Damage { at: begun..self.whole, why: Why::Changed })
        })
    }

    /// Reads the header: of its copies, one that holds. The damage, if not both do.
    fn begin(&mut self) -> Option<Damage> {
        let copies = self.rest().chunks_exact(HEADER).take(2);
        let held = copies.filter_map(|copy| {
            let (front, check) = copy.split_at_checked(HEADER.saturating_sub(CHECK))?;
            let rest = front.strip_prefix(FORMAT)?;
            let (salt, kept) = rest.split_first_chunk::<SALT>()?;
            (first::<CHECK>(Sha256::new_with_prefix(front)) == *check)
                .then_some((Salted::new(*salt), u64::from_be_bytes(*kept.first_chunk()?)))
        });
        let found: Vec<(Salted, u64)> = held.collect();
        let is_damaged = found.len() < 2;
        let Some((salted, kept)) = found.into_iter().next() else {
            self.at = At::Foreign(false);
            return None;
        };
        (self.at, self.kept) = (At::Records(salted), kept);
        self.read = HEADERS.min(self.buffer.len());
        self.whole = self.position();
        is_damaged.then_some(Damage { at: 0..self.whole, why: Why::Changed })
    }

    fn skip_all(&mut self, is_told: bool) -> Option<Result<Record, Damage>> {
        self.read = self.buffer.len();
        if is_told || !self.has_ended {
            return None;
        }
        self.at = At::Foreign(true);
        Some(Err(Damage { at: 0..self.position(), why: Why::Foreign }))
    }
}

#[cfg(test)]
mod tests;
