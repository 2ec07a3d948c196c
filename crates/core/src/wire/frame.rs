//! The frame header, and the one table of all frames.

use alloc::vec::Vec;

use bytes::Bytes;
use nom::{Parser as _, bytes::complete::take};

use super::error::{DecodeError, Fault, complete};
use super::family::OfFamily;
pub use super::family::{FrameInfo, Role, Sender};
use super::field::{Draw, Field, draw_up_to};
use super::meeting::Meeting;
use super::private::Private;
use super::registry::Registry;
use super::session::Session;
use crate::id::RequestId;
use crate::rule::Rule;

/// Bytes of a frame's header: length u16, type u16, id u32.
pub const HEADER: usize = 8;
/// Few frames have more bytes.
const USUAL: usize = 320;

/// A known frame, by family.
#[expect(clippy::large_enum_variant, reason = "decoding allocates nothing, and a frame lives no longer than a call")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Every link has these.
    Session(Session<'a>),
    /// What carries a meeting.
    Meeting(Meeting<'a>),
    /// What is between two.
    Private(Private<'a>),
    /// What is between a registry and its clients.
    Registry(Registry<'a>),
}

impl<'a, T: OfFamily<Family: Into<Self>>> From<T> for Frame<'a> {
    fn from(frame: T) -> Self {
        frame.in_family().into()
    }
}

macro_rules! families {
    ($($family:ident)*) => {
        $(impl<'a> From<$family<'a>> for Frame<'a> {
            fn from(frame: $family<'a>) -> Self {
                Self::$family(frame)
            }
        })*

        fn decode_body(kind: u16, body: &[u8]) -> Result<Option<Frame<'_>>, DecodeError> {
            $(if let Some(result) = $family::parse(kind, body) {
                return complete(body, Rule::Frame3, |_| result).map(|frame| Some(frame.into()));
            })*
            Ok(None)
        }
    };
}

families!(Session Meeting Private Registry);

/// Every frame of this version.
pub fn infos() -> impl Iterator<Item = &'static FrameInfo> {
    Session::INFOS.iter().chain(Meeting::INFOS).chain(Private::INFOS).chain(Registry::INFOS)
}

impl<'a> Frame<'a> {
    /// The row in the table of all frames.
    #[must_use]
    pub const fn info(&self) -> FrameInfo {
        match self {
            Self::Session(frame) => frame.info(),
            Self::Meeting(frame) => frame.info(),
            Self::Private(frame) => frame.info(),
            Self::Registry(frame) => frame.info(),
        }
    }

    /// The frame with its header.
    #[must_use]
    pub fn encode(&self, id: RequestId) -> Encoded {
        let mut out = Vec::with_capacity(USUAL);
        encode_header(0, self.info().kind, id, &mut out);
        match self {
            Self::Session(frame) => frame.encode(&mut out),
            Self::Meeting(frame) => frame.encode(&mut out),
            Self::Private(frame) => frame.encode(&mut out),
            Self::Registry(frame) => frame.encode(&mut out),
        }
        let body = out.len().saturating_sub(HEADER);
        if let Some(length) = out.first_chunk_mut() {
            *length = u16::try_from(body).unwrap_or(u16::MAX).to_be_bytes();
        }
        // Of its own size: it may be kept as long as the meeting.
        Encoded(out.into_boxed_slice().into())
    }
}

fn encode_header(body: usize, kind: u16, id: RequestId, out: &mut Vec<u8>) {
    u16::try_from(body).unwrap_or(u16::MAX).encode(out);
    kind.encode(out);
    id.0.encode(out);
}

/// One whole frame, header included, that any number of links may share.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Encoded(pub Bytes);

impl core::fmt::Debug for Encoded {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match decode(&self.0) {
            Ok(decoded) => write!(formatter, "{:?} {:?}", decoded.id, decoded.frame),
            Err(error) => write!(formatter, "{} bytes, {error}", self.0.len()),
        }
    }
}

/// A frame off the front of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// Its id.
    pub id: RequestId,
    /// The type number.
    pub kind: u16,
    /// The frame; `None` for an unknown odd type, which is skipped.
    pub frame: Option<Frame<'a>>,
    /// Header and body.
    pub bytes: &'a [u8],
    /// What follows in the record.
    pub rest: &'a [u8],
}

/// Takes one frame off the front of a record's plaintext.
///
/// # Errors
/// FRAME-1 to FRAME-5, or what one of its fields or options breaks.
pub fn decode(input: &[u8]) -> Result<Decoded<'_>, DecodeError> {
    let fault = |rule| DecodeError { rule, offset: 0 };
    let head = |rest| -> super::error::Parsed<'_, (u16, u32, &[u8])> {
        let (rest, length) = u16::parse(rest)?;
        let (rest, kind) = u16::parse(rest)?;
        let (rest, id) = u32::parse(rest)?;
        let (rest, body) = take(length).parse(rest)?;
        Ok((rest, (kind, id, body)))
    };
    // SPEC FRAME-1
    let (rest, (kind, id, body)) = head(input).map_err(|_: nom::Err<Fault>| fault(Rule::Frame1))?;
    let id = RequestId(id);
    let frame = decode_body(kind, body)
        .map_err(|error| DecodeError { rule: error.rule, offset: error.offset.saturating_add(HEADER) })?;
    match &frame {
        // SPEC FRAME-5
        Some(frame) if (frame.info().role == Role::Event) != (id == RequestId::EVENT) => {
            return Err(fault(Rule::Frame5));
        }
        // SPEC FRAME-4
        None if kind & 1 == 0 => return Err(fault(Rule::Frame4)),
        Some(_) | None => {}
    }
    let length = input.len().saturating_sub(rest.len());
    Ok(Decoded { id, kind, frame, bytes: input.get(..length).unwrap_or_default(), rest })
}

/// Some valid frame of type `info`, header included, for tests. May be longer than a record holds.
#[must_use]
pub fn generate(info: &FrameInfo, draw: &mut Draw<'_>) -> Vec<u8> {
    let mut body = Vec::new();
    (info.generate)(draw, &mut body);
    let id = match info.role {
        Role::Event => RequestId::EVENT,
        Role::Request | Role::Reply => {
            RequestId(u32::try_from(draw_up_to(draw, 0xffff_fffe)).unwrap_or(0).saturating_add(1))
        }
    };
    let mut out = Vec::new();
    encode_header(body.len(), info.kind, id, &mut out);
    out.extend_from_slice(&body);
    out
}
