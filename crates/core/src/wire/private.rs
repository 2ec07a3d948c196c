//! Frames between two (SPEC.md, "Star").

use alloc::vec::Vec;

use super::entry::EntryBody;
use super::family::family;
use super::field::{Field as _, Name, Text};
use super::row::Heard;
use crate::id::{Key, Signature, Token};

family! {
    /// Frames between two: never replicated.
    Private {
        /// A private text.
        0x0060 "TELL" Tell Request Both {
            /// Drawn once for this text; a repeated one is answered again, and not shown again.
            token: Token,
            /// The text.
            text: Text<'a>,
        } []
        /// A question to the host, who may publish it.
        0x0062 "ASK" Ask Request Guest {
            /// Drawn once for this question; a repeated one is answered again, and not published again.
            token: Token,
            /// What the asker has heard.
            heard: Heard,
            /// The asker's, over meeting id, token, what it has heard, its name, and the bytes of the text.
            signature: Signature,
            /// What the asker is called.
            name: Name<'a>,
            /// The question.
            text: Text<'a>,
        } []
    }
}

impl<'a> Ask<'a> {
    /// What a host publishes of it.
    #[must_use]
    pub const fn published(&self, asker: Key) -> EntryBody<'a> {
        let Self { token, heard, signature, name, text, .. } = *self;
        EntryBody::Question { asker, token, heard, signature, name, text }
    }
}

/// What an asker signs, behind the meeting's id (SPEC ASK-1).
#[must_use]
pub fn asked(token: Token, heard: &Heard, name: Name<'_>, text: Text<'_>) -> Vec<u8> {
    let mut signed = Vec::new();
    token.encode(&mut signed);
    heard.encode(&mut signed);
    name.encode(&mut signed);
    signed.extend_from_slice(text.as_str().as_bytes());
    signed
}
