//! Frames between two (SPEC.md, "Star").

use super::family::family;
use super::field::Text;
use crate::id::{Signature, Token};

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
            /// The asker's, over meeting id, token and the bytes of the text.
            signature: Signature,
            /// The question.
            text: Text<'a>,
        } []
    }
}
