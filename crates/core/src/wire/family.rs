//! What every family of frames is made of: a frame is declared once, in its family's file, and parser, writer, generator
//! and SPEC.md's tables follow.

use alloc::{string::String, vec::Vec};

use super::field::Draw;
use super::options::Known;

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

/// A frame as one of its family.
pub trait OfFamily {
    /// Its family.
    type Family;

    /// The frame as one of them.
    fn in_family(self) -> Self::Family;
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
                pub const INFO: $crate::wire::family::FrameInfo = $crate::wire::family::FrameInfo {
                    kind: $kind,
                    name: $word,
                    family: stringify!($family),
                    role: $crate::wire::family::Role::$role,
                    sender: $crate::wire::family::Sender::$sender,
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

            impl<'a> $crate::wire::family::OfFamily for $name<'a> {
                type Family = $family<'a>;

                fn in_family(self) -> $family<'a> {
                    $family::$name(self)
                }
            }
        )*

        impl<'a> $family<'a> {
            pub(crate) const INFOS: &'static [$crate::wire::family::FrameInfo] = &[$($name::INFO),*];

            /// The row in the table of all frames.
            #[must_use]
            pub const fn info(&self) -> $crate::wire::family::FrameInfo {
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
