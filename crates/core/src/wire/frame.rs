//! The frame header, and the one table of all frames: a frame is declared once, in its family's file, and
//! parser, writer, generator and SPEC.md's tables follow.

use alloc::{string::String, vec::Vec};

use bytes::Bytes;
use nom::{Parser as _, bytes::complete::take};

use super::error::{DecodeError, Fault, complete};
use super::field::{Draw, Field, draw_up_to};
use super::meeting::Meeting;
use super::option::Known;
use super::private::Private;
use super::registry::Registry;
use super::session::Session;
use crate::id::RequestId;
use crate::rule::Rule;

/// Bytes of a frame's header: length u16, type u16, id u32.
pub const HEADER: usize = 8;

/// What a frame is to the one who gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Needs no answer; its id is 0.
    Event,
    /// Is answered by one reply with its id.
    Request,
    /// Answers the request of its id.
    Reply,
}

/// Who sends a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// Either side of any link.
    Both,
    /// The host of a star.
    Host,
    /// A guest of a star.
    Guest,
    /// A registry.
    Registry,
    /// Whoever has dialled a registry.
    Client,
    /// A member of a mesh.
    Member,
}

/// A row of SPEC.md's table of all frames.
#[derive(Clone, Copy, Debug)]
pub struct FrameInfo {
    /// The type number. Odd: who does not know it skips it. Even: who does not know it closes.
    pub kind: u16,
    /// The name in SPEC.md.
    pub name: &'static str,
    /// The family.
    pub family: &'static str,
    /// Event, request or reply.
    pub role: Role,
    /// Who sends it.
    pub sender: Sender,
    /// Name and layout of each field.
    pub fields: fn() -> Vec<(&'static str, String)>,
    /// The options that it may carry.
    pub options: &'static [&'static Known],
    pub(crate) generate: fn(&mut Draw<'_>, &mut Vec<u8>),
}

/// Declares a family of frames: one enum that a machine can match without a wildcard.
macro_rules! family {
    ($(#[$family_doc:meta])* $family:ident { $(
        $(#[$doc:meta])*
        $kind:literal $word:literal $name:ident $role:ident $sender:ident
        { $($(#[$field_doc:meta])* $field:ident: $field_kind:ty),* $(,)? } [$($option:ident),*]
    )* }) => {
        $(#[$family_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $family<'a> { $($(#[$doc])* $name($name<'a>)),* }

        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub struct $name<'a> {
                $($(#[$field_doc])* pub $field: $field_kind,)*
                /// What follows the fields.
                pub options: $crate::wire::option::Options<'a>,
            }

            impl<'a> $name<'a> {
                /// The row in the table of all frames.
                pub const INFO: $crate::wire::frame::FrameInfo = $crate::wire::frame::FrameInfo {
                    kind: $kind,
                    name: $word,
                    family: stringify!($family),
                    role: $crate::wire::frame::Role::$role,
                    sender: $crate::wire::frame::Sender::$sender,
                    fields: || alloc::vec![
                        $((stringify!($field), <$field_kind as $crate::wire::field::Field<'_>>::layout())),*
                    ],
                    options: Self::OPTIONS,
                    generate: Self::generate,
                };

                const OPTIONS: &'static [&'static $crate::wire::option::Known] =
                    &[$(&$crate::wire::option::$option),*];

                fn parse(input: &'a [u8]) -> $crate::wire::error::Parsed<'a, Self> {
                    let rest = input;
                    $(let (rest, $field) = <$field_kind as $crate::wire::field::Field<'a>>::parse(rest)?;)*
                    let (rest, options) = $crate::wire::option::Options::parse(rest, Self::OPTIONS)?;
                    Ok((rest, Self { $($field,)* options }))
                }

                fn encode(&self, out: &mut alloc::vec::Vec<u8>) {
                    $($crate::wire::field::Field::encode(&self.$field, out);)*
                    self.options.encode(out);
                }

                fn generate(_draw: &mut $crate::wire::field::Draw<'_>, out: &mut alloc::vec::Vec<u8>) {
                    $(<$field_kind as $crate::wire::field::Field<'_>>::generate(_draw, out);)*
                    $crate::wire::option::Options::generate(Self::OPTIONS, _draw, out);
                }
            }

            impl<'a> From<$name<'a>> for $crate::wire::frame::Frame<'a> {
                fn from(frame: $name<'a>) -> Self {
                    Self::$family($family::$name(frame))
                }
            }
        )*

        impl<'a> $family<'a> {
            pub(crate) const INFOS: &'static [$crate::wire::frame::FrameInfo] = &[$($name::INFO),*];

            /// The row in the table of all frames.
            #[must_use]
            pub const fn info(&self) -> $crate::wire::frame::FrameInfo {
                match self { $(Self::$name(_) => $name::INFO),* }
            }

            pub(crate) fn parse(kind: u16, input: &'a [u8]) -> Option<$crate::wire::error::Parsed<'a, Self>> {
                match kind {
                    $($kind => Some($name::parse(input).map(|(rest, frame)| (rest, Self::$name(frame)))),)*
                    _ => None,
                }
            }

            pub(crate) fn encode(&self, out: &mut alloc::vec::Vec<u8>) {
                match self { $(Self::$name(frame) => frame.encode(out)),* }
            }
        }
    };
}
pub(crate) use family;

/// A known frame, by family.
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
        let mut out = alloc::vec![0; HEADER];
        match self {
            Self::Session(frame) => frame.encode(&mut out),
            Self::Meeting(frame) => frame.encode(&mut out),
            Self::Private(frame) => frame.encode(&mut out),
            Self::Registry(frame) => frame.encode(&mut out),
        }
        let body = out.split_off(HEADER);
        out.clear();
        encode_header(body.len(), self.info().kind, id, &mut out);
        out.extend_from_slice(&body);
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

fn decode_body(kind: u16, body: &[u8]) -> Result<Option<Frame<'_>>, DecodeError> {
    macro_rules! families {
        ($($family:ident)*) => {
            $(if let Some(result) = $family::parse(kind, body) {
                return complete(body, Rule::Frame3, |_| result).map(|frame| Some(Frame::$family(frame)));
            })*
        };
    }
    families!(Session Meeting Private Registry);
    Ok(None)
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
