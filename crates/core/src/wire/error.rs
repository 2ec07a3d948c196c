//! Why bytes are not a frame. nom stays behind this file's types.

use nom::error::{ErrorKind, ParseError};

use crate::rule::Rule;

/// Bytes that break a rule of the codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// The rule that is broken.
    pub rule: Rule,
    /// Bytes from the start of what was decoded to where it went wrong.
    pub offset: usize,
}

impl core::fmt::Display for DecodeError {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "byte {}: broken rule {}", self.offset, self.rule)
    }
}

/// A fault while parsing: the rule, and how many bytes were left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub(crate) rule: Rule,
    pub(crate) left: usize,
}

impl Fault {
    pub(crate) const fn at(rule: Rule, rest: &[u8]) -> nom::Err<Self> {
        nom::Err::Failure(Self { rule, left: rest.len() })
    }

    /// The same fault, seen from around a piece that `after` more bytes follow.
    pub(crate) fn followed_by(error: nom::Err<Self>, after: &[u8]) -> nom::Err<Self> {
        error.map(|fault| Self { left: fault.left.saturating_add(after.len()), ..fault })
    }
}

impl ParseError<&[u8]> for Fault {
    // SPEC FRAME-2: the only thing that nom itself finds wrong is a field that goes on past its frame.
    fn from_error_kind(input: &[u8], _kind: ErrorKind) -> Self {
        Self { rule: Rule::Frame2, left: input.len() }
    }

    fn append(_input: &[u8], _kind: ErrorKind, other: Self) -> Self {
        other
    }
}

/// What a field's parser returns: the bytes after it, and its value.
pub type Parsed<'a, T> = nom::IResult<&'a [u8], T, Fault>;

/// Runs a parser over all of `input`.
///
/// # Errors
/// The parser's own, or `trailing` when bytes are left over.
pub(crate) fn complete<'a, T>(
    input: &'a [u8],
    trailing: Rule,
    parse: impl FnOnce(&'a [u8]) -> Parsed<'a, T>,
) -> Result<T, DecodeError> {
    let error = |fault: Fault| DecodeError { rule: fault.rule, offset: input.len().saturating_sub(fault.left) };
    match parse(input) {
        Ok(([], value)) => Ok(value),
        Ok((rest, _)) => Err(error(Fault { rule: trailing, left: rest.len() })),
        Err(nom::Err::Error(fault) | nom::Err::Failure(fault)) => Err(error(fault)),
        Err(nom::Err::Incomplete(_)) => Err(error(Fault { rule: Rule::Frame2, left: 0 })),
    }
}
