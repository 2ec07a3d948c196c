//! A record's plaintext of whatever kind: what decodes encodes to the same bytes, and what does not says which rule it
//! breaks.

use std::hint::black_box;

use tertulia_core::code::Code;
use tertulia_core::rule::Rule;
use tertulia_core::wire::decode;
use tertulia_core::wire::entry::{Carried, EntryBody};
use tertulia_core::wire::frame::{Frame, HEADER};
use tertulia_core::wire::meeting::Meeting;

use crate::layout::annotate;

/// Reads `input` frame by frame, and the bodies of entries, as a node does before it keeps anything: in no memory of its
/// own.
pub fn read(input: &[u8]) {
    let mut rest = input;
    while let Ok(decoded) = decode(rest) {
        black_box(body_of(decoded.frame.as_ref()).map(|entry| entry.read()));
        rest = decoded.rest;
    }
}

/// Reads `input` frame by frame, and looks at each.
///
/// # Panics
/// If a frame is not its only encoding, if the tables of SPEC.md do not describe it, or if a fault is not of bytes alone.
pub fn frame(input: &[u8]) {
    let mut rest = input;
    while !rest.is_empty() {
        let decoded = match decode(rest) {
            Ok(decoded) => decoded,
            Err(error) => return assert!(is_of_codec(error.rule) && error.offset <= rest.len(), "{error:?}"),
        };
        assert_eq!([decoded.bytes, decoded.rest].concat(), rest);
        assert!(decoded.bytes.len() >= HEADER);
        rest = decoded.rest;
        let Some(frame) = &decoded.frame else {
            // SPEC FRAME-4, EXT-1
            assert!(decoded.kind % 2 == 1, "{:#06x}", decoded.kind);
            continue;
        };
        assert_eq!(frame.encode(decoded.id).0, decoded.bytes, "{frame:?}");
        if body_of(Some(frame)).is_none_or(|entry| is_plain(&entry)) {
            let lines: Vec<u8> = annotate(decoded.bytes).into_iter().flat_map(|line| line.bytes).collect();
            assert_eq!(lines, decoded.bytes);
        }
    }
}

fn body_of<'a>(frame: Option<&Frame<'a>>) -> Option<Carried<'a>> {
    match frame {
        Some(Frame::Meeting(Meeting::EntryFrame(frame))) => Some(frame.entry),
        _ => None,
    }
}

/// Whether the body of an entry is all fields: so that there is none of options, and none that only a later version reads.
fn is_plain(entry: &Carried<'_>) -> bool {
    let Some(body) = entry.body.bytes() else { return true };
    let kind = entry.entry.kind;
    match EntryBody::decode(kind, body) {
        Ok(EntryBody::Unknown) => true,
        Ok(said) => {
            let (number, fields) = said.encode();
            assert_eq!(number, kind);
            let options = body.strip_prefix(fields.as_slice()).expect("what is read is in front, as it is written");
            // SPEC ENTRY-3: with the same options, any other body of this kind reads the same.
            assert_eq!(EntryBody::decode(kind, &[fields.as_slice(), options].concat()), Ok(said));
            options.is_empty()
        }
        Err(error) => {
            assert!(is_of_codec(error.rule) && error.offset <= body.len(), "{error:?}");
            assert_eq!(entry.read(), EntryBody::Unknown);
            false
        }
    }
}

/// SPEC.md, "Errors": bytes that alone are wrong.
fn is_of_codec(rule: Rule) -> bool {
    matches!(rule.code(), Code::Malformed | Code::FrameUnknown | Code::OptionUnknown)
}
