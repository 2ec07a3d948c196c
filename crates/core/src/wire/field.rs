//! What frames are made of: each field type knows how it is parsed, written, drawn for a test, and named in SPEC.md.

use alloc::{format, string::String, vec::Vec};
use core::marker::PhantomData;

use nom::{Parser as _, bytes::complete::take, number::complete as number};

use super::error::{Fault, Parsed, complete};
use crate::code::Code;
use crate::id::{Hash, Key, MeetingId, Salt, ShortHash, Signature, Token};
use crate::limits;
use crate::rule::Rule;
use crate::visible::{is_invisible, may_join};

/// Numbers for a test's values; `u64::MAX` for ever draws the largest.
pub type Draw<'d> = dyn FnMut() -> u64 + 'd;

/// A number from 0 up to and including `high`, in proportion to what is drawn.
pub fn draw_up_to(draw: &mut Draw<'_>, high: usize) -> usize {
    let values = u128::try_from(high).unwrap_or(0).saturating_add(1);
    let scaled = u128::from(draw()).saturating_mul(values).checked_shr(64).unwrap_or(0);
    usize::try_from(scaled).unwrap_or(0)
}

/// A piece of a frame: every valid value has exactly one encoding.
pub trait Field<'a>: Sized {
    /// The name of the layout in SPEC.md's tables.
    fn layout() -> String;

    /// Takes the field off the front of `input`, borrowing from it.
    ///
    /// # Errors
    /// The rule that the bytes break.
    fn parse(input: &'a [u8]) -> Parsed<'a, Self>;

    /// Appends the encoding.
    fn encode(&self, out: &mut Vec<u8>);

    /// Appends the encoding of some valid value.
    fn generate(draw: &mut Draw<'_>, out: &mut Vec<u8>);
}

/// Parses all of `bytes` as one field, as for a ticket, a file or an option's value.
///
/// # Errors
/// The rule that the bytes break; FRAME-3 if some are left over.
pub fn decode_all<'a, T: Field<'a>>(bytes: &'a [u8]) -> Result<T, super::error::DecodeError> {
    complete(bytes, Rule::Frame3, T::parse)
}

/// One field's encoding alone.
pub fn encode_alone<'a, T: Field<'a>>(field: &T) -> Vec<u8> {
    let mut out = Vec::new();
    field.encode(&mut out);
    out
}

macro_rules! integers {
    ($($integer:ident $parse:ident)*) => {$(
        impl Field<'_> for $integer {
            fn layout() -> String {
                stringify!($integer).into()
            }

            fn parse(input: &[u8]) -> Parsed<'_, Self> {
                number::$parse(input)
            }

            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }

            fn generate(draw: &mut Draw<'_>, out: &mut Vec<u8>) {
                out.extend(draw().to_be_bytes().into_iter().take(size_of::<Self>()));
            }
        }
    )*};
}

macro_rules! octets {
    ($($name:ident $layout:literal)*) => {$(
        impl Field<'_> for $name {
            fn layout() -> String {
                $layout.into()
            }

            fn parse(input: &[u8]) -> Parsed<'_, Self> {
                let (rest, octets) = take(Self::ZERO.0.len()).parse(input)?;
                let octets = octets.try_into().map_err(|_| Fault::at(Rule::Frame2, input))?;
                Ok((rest, Self(octets)))
            }

            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.0);
            }

            fn generate(draw: &mut Draw<'_>, out: &mut Vec<u8>) {
                (0..Self::ZERO.0.len()).for_each(|_| u8::generate(draw, out));
            }
        }
    )*};
}

integers! { u8 be_u8 u16 be_u16 u32 be_u32 u64 be_u64 }
octets! {
    Key "key 32" Signature "signature 64" MeetingId "meeting 16" Hash "hash 32" ShortHash "hash 16" Salt "salt 16"
    Token "token 16"
}

impl Field<'_> for Code {
    fn layout() -> String {
        "code u16".into()
    }

    fn parse(input: &[u8]) -> Parsed<'_, Self> {
        u16::parse(input).map(|(rest, number)| (rest, Self::from_number(number)))
    }

    fn encode(&self, out: &mut Vec<u8>) {
        self.number().encode(out);
    }

    fn generate(draw: &mut Draw<'_>, out: &mut Vec<u8>) {
        u16::generate(draw, out);
    }
}

/// Declares a `u8` that has only the named values.
macro_rules! enumerated {
    ($($(#[$doc:meta])+ $name:ident $word:literal { $($(#[$value_doc:meta])+ $value:ident = $number:literal),* $(,)? })*) => {$(
        $(#[$doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$value_doc])+ $value),* }

        impl $name {
            /// Number and name of each value.
            pub const TABLE: &'static [(u8, &'static str)] = &[$(($number, stringify!($value))),*];

            /// The number on the wire.
            #[must_use]
            pub const fn number(self) -> u8 {
                match self { $(Self::$value => $number),* }
            }
        }

        impl crate::wire::field::Field<'_> for $name {
            fn layout() -> alloc::string::String {
                concat!($word, " u8").into()
            }

            fn parse(input: &[u8]) -> crate::wire::error::Parsed<'_, Self> {
                match u8::parse(input)? {
                    $((rest, $number) => Ok((rest, Self::$value)),)*
                    // SPEC FIELD-4
                    _ => Err(crate::wire::error::Fault::at(crate::rule::Rule::Field4, input)),
                }
            }

            fn encode(&self, out: &mut alloc::vec::Vec<u8>) {
                out.push(self.number());
            }

            fn generate(draw: &mut crate::wire::field::Draw<'_>, out: &mut alloc::vec::Vec<u8>) {
                let at = crate::wire::field::draw_up_to(draw, Self::TABLE.len().saturating_sub(1));
                out.extend(Self::TABLE.get(at).map(|(number, _)| *number));
            }
        }
    )*};
}
pub(crate) use enumerated;

/// Takes `length` bytes of UTF-8, `low..=high` of them (SPEC FIELD-1).
fn text(input: &[u8], length: usize, low: usize, high: usize) -> Parsed<'_, &str> {
    if !(low..=high).contains(&length) {
        return Err(Fault::at(Rule::Field1, input));
    }
    let (rest, bytes) = take(length).parse(input)?;
    let text = core::str::from_utf8(bytes).map_err(|_| Fault::at(Rule::Field1, input))?;
    Ok((rest, text))
}

fn generate_letters(draw: &mut Draw<'_>, length: usize, out: &mut Vec<u8>) {
    out.extend((0..length).map(|_| b'a'.saturating_add(u8::try_from(draw_up_to(draw, 25)).unwrap_or(0))));
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident $layout:literal $length:ident $low:expr, $high:expr, $rule:ident if $valid:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name<'a>(&'a str);

        impl<'a> $name<'a> {
            /// Checks `text` as the codec does.
            #[must_use]
            pub fn new(text: &'a str) -> Option<Self> {
                (($low..=$high).contains(&text.len()) && $valid(text)).then_some(Self(text))
            }

            /// The text itself.
            #[must_use]
            pub const fn as_str(self) -> &'a str {
                self.0
            }
        }

        impl<'a> Field<'a> for $name<'a> {
            fn layout() -> String {
                $layout.into()
            }

            fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
                let (rest, length) = $length::parse(input)?;
                let (rest, text) = text(rest, usize::from(length), $low, $high)?;
                if !$valid(text) {
                    return Err(Fault::at(Rule::$rule, input));
                }
                Ok((rest, Self(text)))
            }

            fn encode(&self, out: &mut Vec<u8>) {
                $length::try_from(self.0.len()).unwrap_or(0).encode(out);
                out.extend_from_slice(self.0.as_bytes());
            }

            fn generate(draw: &mut Draw<'_>, out: &mut Vec<u8>) {
                let length = draw_up_to(draw, $high - $low).saturating_add($low);
                $length::try_from(length).unwrap_or(0).encode(out);
                generate_letters(draw, length, out);
            }
        }
    )*};
}

fn anything(_: &str) -> bool {
    true
}

/// SPEC FIELD-2.
fn is_name(text: &str) -> bool {
    let mut before = None;
    let forbidden = |letter: char| {
        let last = before.replace(letter);
        letter.is_control()
            || letter.is_whitespace()
            || letter == '/'
            || is_invisible(letter) && !may_join(last, letter)
    };
    !text.starts_with(['*', '@', '#']) && !text.contains(forbidden)
}

texts! {
    /// What somebody is called.
    Name "name text8" u8 1, limits::NAME_MAX, Field2 if is_name;
    /// What a meeting is called.
    Title "title text8" u8 1, limits::TITLE_MAX, Field1 if anything;
    /// What somebody says.
    Text "text text16" u16 1, limits::TEXT_MAX, Field1 if anything;
    /// What a registry looks for; may be empty.
    Words "words text8" u8 0, 255, Field1 if anything;
    /// Why somebody did something, for people; may be empty.
    Reason "reason text8" u8 0, 255, Field1 if anything;
}

impl Words<'_> {
    /// Whatever there is.
    pub const NONE: Self = Self("");
}

impl<'a> Reason<'a> {
    /// No reason given.
    pub const NONE: Self = Self("");

    /// As much of `text` as fits, cut between two characters.
    #[must_use]
    pub fn cut(text: &'a str) -> Self {
        Self(text.get(..text.floor_char_boundary(255)).unwrap_or(""))
    }
}

/// `u16` length, then exactly one `T` of that many bytes: what has options of its own stands in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<T>(pub T);

impl<'a, T: Field<'a>> Field<'a> for Block<T> {
    fn layout() -> String {
        format!("block16 of {}", T::layout())
    }

    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, length) = u16::parse(input)?;
        let (rest, inside) = take(length).parse(rest)?;
        let fault = match T::parse(inside) {
            Ok(([], value)) => return Ok((rest, Self(value))),
            Ok((left, _)) => Fault::at(Rule::Frame3, left),
            Err(fault) => fault,
        };
        Err(Fault::followed_by(fault, rest))
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let inside = encode_alone(&self.0);
        u16::try_from(inside.len()).unwrap_or(0).encode(out);
        out.extend_from_slice(&inside);
    }

    fn generate(draw: &mut Draw<'_>, out: &mut Vec<u8>) {
        let mut inside = Vec::new();
        T::generate(draw, &mut inside);
        u16::try_from(inside.len()).unwrap_or(0).encode(out);
        out.extend_from_slice(&inside);
    }
}

/// A value, the bytes that it came as, and a signature over them: what is signed is never encoded again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signed<'a, T> {
    /// What was signed, as received.
    pub bytes: &'a [u8],
    /// What it says.
    pub value: T,
    /// The signature; nothing here has checked it.
    pub signature: Signature,
}

impl<'a, T: Field<'a>> Field<'a> for Signed<'a, T> {
    fn layout() -> String {
        format!("{}, signature 64", T::layout())
    }

    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, value) = T::parse(input)?;
        let length = input.len().saturating_sub(rest.len());
        let (rest, signature) = Signature::parse(rest)?;
        let bytes = input.get(..length).unwrap_or_default();
        Ok((rest, Self { bytes, value, signature }))
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.bytes);
        self.signature.encode(out);
    }

    fn generate(draw: &mut Draw<'_>, out: &mut Vec<u8>) {
        T::generate(draw, out);
        Signature::generate(draw, out);
    }
}

/// `u16` items, then the items. They were all checked, and are parsed again as they are walked: nothing is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List<'a, T, const MAX: usize> {
    count: u16,
    items: &'a [u8],
    kind: PhantomData<T>,
}

impl<'a, T: Field<'a>, const MAX: usize> List<'a, T, MAX> {
    /// The items, in order.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<'a, T, MAX> {
        let mut rest = self.items;
        core::iter::from_fn(move || {
            let (after, item) = T::parse(rest).ok()?;
            rest = after;
            Some(item)
        })
    }

    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// No items.
    pub const NONE: Self = Self::over(0, &[]);

    /// A list over `items`, which [`encode_items`] made of `count` items.
    #[must_use]
    pub const fn over(count: u16, items: &'a [u8]) -> Self {
        Self { count, items, kind: PhantomData }
    }
}

/// Encodes up to `max` items, for [`List::over`].
pub fn encode_items<'a, T: Field<'a>>(items: impl IntoIterator<Item = T>, max: usize) -> (u16, Vec<u8>) {
    let (mut count, mut out) = (0_u16, Vec::new());
    for item in items.into_iter().take(max) {
        item.encode(&mut out);
        count = count.saturating_add(1);
    }
    (count, out)
}

impl<'a, T: Field<'a>, const MAX: usize> Field<'a> for List<'a, T, MAX> {
    fn layout() -> String {
        format!("list16 of {}", T::layout())
    }

    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (items, count) = u16::parse(input)?;
        // SPEC FIELD-3. The count sizes nothing: each item must be there to be counted.
        if usize::from(count) > MAX {
            return Err(Fault::at(Rule::Field3, input));
        }
        let mut rest = items;
        for _ in 0..count {
            rest = T::parse(rest)?.0;
        }
        let length = items.len().saturating_sub(rest.len());
        Ok((rest, Self::over(count, items.get(..length).unwrap_or_default())))
    }

    fn encode(&self, out: &mut Vec<u8>) {
        self.count.encode(out);
        out.extend_from_slice(self.items);
    }

    fn generate(draw: &mut Draw<'_>, out: &mut Vec<u8>) {
        let count = draw_up_to(draw, MAX);
        u16::try_from(count).unwrap_or(0).encode(out);
        (0..count).for_each(|_| T::generate(draw, out));
    }
}

/// Declares structs that are nothing but fields in a row.
macro_rules! layouts {
    ($($(#[$doc:meta])* $name:ident $(<$life:lifetime>)? $word:literal { $($(#[$field_doc:meta])* $field:ident: $kind:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name $(<$life>)? { $($(#[$field_doc])* pub $field: $kind),* }

        impl $(<$life>)? $name $(<$life>)? {
            /// Name and layout of each field.
            #[must_use]
            pub fn fields() -> alloc::vec::Vec<(&'static str, alloc::string::String)> {
                alloc::vec![$((stringify!($field), <$kind as $crate::wire::field::Field<'_>>::layout())),*]
            }
        }

        $crate::wire::field::layout_impl! { $name ($($life)?) $word { $($field: $kind),* } }
    )*};
}
pub(crate) use layouts;

macro_rules! layout_impl {
    ($name:ident () $word:literal { $($field:ident: $kind:ty),* }) => {
        impl $crate::wire::field::Field<'_> for $name {
            $crate::wire::field::layout_methods! { '_ $word { $($field: $kind),* } }
        }
    };
    ($name:ident ($life:lifetime) $word:literal { $($field:ident: $kind:ty),* }) => {
        impl<$life> $crate::wire::field::Field<$life> for $name<$life> {
            $crate::wire::field::layout_methods! { $life $word { $($field: $kind),* } }
        }
    };
}
pub(crate) use layout_impl;

macro_rules! layout_methods {
    ($life:lifetime $word:literal { $($field:ident: $kind:ty),* }) => {
        fn layout() -> alloc::string::String {
            $word.into()
        }

        fn parse(input: &$life [u8]) -> $crate::wire::error::Parsed<$life, Self> {
            let rest = input;
            $(let (rest, $field) = <$kind as $crate::wire::field::Field<'_>>::parse(rest)?;)*
            Ok((rest, Self { $($field),* }))
        }

        fn encode(&self, out: &mut alloc::vec::Vec<u8>) {
            $($crate::wire::field::Field::encode(&self.$field, out);)*
        }

        fn generate(draw: &mut $crate::wire::field::Draw<'_>, out: &mut alloc::vec::Vec<u8>) {
            $(<$kind as $crate::wire::field::Field<'_>>::generate(draw, out);)*
        }
    };
}
pub(crate) use layout_methods;
